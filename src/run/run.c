#include "run/run.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "query/reader.h"
#include "run/begin.h"
#include "run/bill.h"
#include "run/history.h"
#include "run/plan.h"
#include "run/provenance.h"
#include "run/session.h"

static void say(const struct clade_run_callbacks *c, enum clade_note_kind kind, const char *text) {
  if (c != NULL && c->note != NULL) c->note(c->ctx, kind, text);
}

static void tell_bill(struct cl_store *store, const struct cl_plan *plan,
                      const struct clade_run_callbacks *callbacks) {
  struct cl_bill_size size = {0};
  struct cl_text t = {0};
  if (plan->settings->schedule == NULL) return;
  cl_bill_find(store, plan->settings->study, &size);
  cl_bill_write(plan->settings, &size, &t);
  if (!t.failed) say(callbacks, CLADE_NOTE_INFO, cl_text_get(&t));
  cl_text_done(&t);
}

int cl_run(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
           struct clade_run_result *ret, struct cl_err *e) {
  struct cl_plan plan;
  struct cl_store *store = NULL;
  int64_t study = 0;
  int status = cl_plan_make(options, NULL, &plan, e);
  if (status < 0) goto out;
  cl_plan_tell(&plan, callbacks);
  ret->once = plan.result.once;
  if (ret->once) {
    status = cl_plan_run_once(&plan, callbacks, &ret->once_status, e);
    goto out;
  }
  if (!cl_plan_ask(&plan, callbacks)) {
    status = CLADE_STOP;
    goto out;
  }
  struct cl_store_options o = {.mode = CL_STORE_CREATE,
                               .sync = options->sync_full ? CL_SYNC_FULL : CL_SYNC_NORMAL};
  status = cl_store_open(plan.store, &o, &store, e);
  if (status == 0) tell_bill(store, &plan, callbacks);
  if (status == 0)
    status = cl_study_begin(
        store, &plan,
        &(struct cl_begin){.again = options->again, .callbacks = callbacks, .file = options->spec}, &study,
        e);
  cl_store_close(store);
  if (status < 0) goto out;
  struct cl_session_options session = {.address = plan.store,
                                       .study = study,
                                       .sync_full = options->sync_full,
                                       .n_gpus = options->n_gpus,
                                       .gpus = options->gpus,
                                       .grace_s = options->grace_s,
                                       .callbacks = callbacks};
  status = cl_session_run(&session, ret, e);
out:
  cl_plan_done(&plan);
  return status;
}

/* Resuming. */

struct latest {
  int64_t open, any; /* ids, 0 = none */
};

static int remember_latest(void *ctx, const struct cl_study_row *row) {
  struct latest *l = ctx;
  assert(row->id != 0);
  l->any = row->id;
  if (row->head.open) l->open = row->id;
  return 0;
}

int cl_run_choose_study(struct cl_store *store, const char *name, int64_t *ret, struct cl_err *e) {
  if (name != NULL) return cl_store_find(store, name, ret, e);
  struct latest l = {0};
  CL_TRY(cl_store_studies(store, remember_latest, &l, e));
  if (l.open == 0)
    return CL_FAIL(e, CLADE_ENOTFOUND,
                   l.any == 0
                       ? "the store '%s' has no studies: start one with `clade run`"
                       : "every study in '%s' is finished: nothing to resume, pause or stop; `clade update "
                         "STUDY --trials N` opens one again",
                   cl_store_address(store));
  *ret = l.open;
  return 0;
}

/* What a later engine must know of a study before it takes part: where its code stands, and what that was. */
struct origin {
  char *name, *provenance, *now;
};

static int warn_of_changes(const struct origin *o, const struct clade_run_callbacks *c, struct cl_err *e) {
  struct cl_text changes = {0}, sentence = {0};
  cl_provenance_compare(o->provenance, o->now, &changes);
  if (changes.length > 0) {
    cl_text_format(&sentence,
                   "the code has changed since '%s' was started: its trials may not be comparable\n%s",
                   o->name, cl_text_get(&changes));
    say(c, CLADE_NOTE_WARNING, cl_text_get(&sentence));
  }
  bool failed = changes.failed || sentence.failed;
  cl_text_done(&changes);
  cl_text_done(&sentence);
  return failed ? CL_FAIL_NOMEM(e) : 0;
}

/* From the study's own events: updates may have changed its program. */
static int read_origin(struct cl_store *store, int64_t study, struct origin *ret, struct cl_err *e) {
  struct cl_log *log = NULL;
  struct cl_text now = {0};
  struct cl_log_options options = {.trial_lo = CL_NO_TRIALS, .trial_hi = CL_NO_TRIALS};
  CL_TRY(cl_log_open(store, study, &options, &log, e));
  const struct cl_study *s = cl_log_study(log);
  const struct cl_settings *settings = cl_study_settings(s);
  ret->name = cl_copy_text(cl_study_name(s));
  ret->provenance = cl_copy_text(cl_study_provenance(s));
  int status = cl_provenance_write(settings->cwd, settings->n_program, settings->program, &now, e);
  if (status == 0) ret->now = cl_copy_text(cl_text_get(&now));
  if (status == 0 && (ret->name == NULL || ret->provenance == NULL || ret->now == NULL))
    status = CL_FAIL_NOMEM(e);
  cl_text_done(&now);
  cl_log_close(log);
  return status;
}

static int resume(const struct clade_resume_options *options, struct cl_session_options session,
                  const struct origin *origin, struct clade_run_result *ret, struct cl_err *e) {
  assert(origin->name != NULL && origin->provenance != NULL && origin->now != NULL);
  if (!options->help) CL_TRY(warn_of_changes(origin, session.callbacks, e));
  session.sync_full = options->sync_full;
  session.slots = options->parallel;
  session.n_gpus = options->n_gpus;
  session.gpus = options->gpus;
  session.provenance = origin->now;
  session.grace_s = options->grace_s;
  return cl_session_run(&session, ret, e);
}

int cl_resume(const struct clade_resume_options *options, const struct cl_aside_plan *aside,
              const struct clade_run_callbacks *callbacks, struct clade_run_result *ret, struct cl_err *e) {
  static const struct cl_aside_plan none = {0};
  if (aside == NULL) aside = &none;
  assert((aside->confirm == NULL) == (aside->confirm_plan == NULL));
  assert(aside->confirm == NULL || aside->repeat == NULL);
  char *here = cl_working_directory();
  char *address = here == NULL ? NULL : cl_store_choose(options->store, NULL, here);
  struct cl_store *store = NULL;
  struct origin origin = {0};
  int64_t study = 0;
  int status = address == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0)
    status = cl_store_open(address, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &store, e);
  if (status == 0) status = cl_run_choose_study(store, options->study, &study, e);
  if (status == 0) status = read_origin(store, study, &origin, e);
  if (status == 0) status = cl_history_import(store, study, callbacks, e);
  cl_store_close(store);
  struct cl_session_options session = {.address = address,
                                       .study = study,
                                       .callbacks = callbacks,
                                       .confirm = aside->confirm,
                                       .confirm_plan = aside->confirm_plan,
                                       .repeat = aside->repeat};
  if (status == 0) status = resume(options, session, &origin, ret, e);
  cl_free(origin.name);
  cl_free(origin.provenance);
  cl_free(origin.now);
  cl_free(address);
  cl_free(here);
  return status;
}
