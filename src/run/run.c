#include "run/run.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "run/plan.h"
#include "run/provenance.h"
#include "run/session.h"

static void say(const struct clade_run_callbacks *c, enum clade_note_kind kind, const char *text) {
  if (c != NULL && c->note != NULL) c->note(c->ctx, kind, text);
}

/* Creating a study. */

static int make_uuid(char ret[37], struct cl_err *e) {
  unsigned char b[16];
  if (getrandom(b, sizeof b, 0) != sizeof b)
    return CL_FAIL(e, CLADE_EIO, "the system gives no random numbers");
  b[6] = (unsigned char)((b[6] & 0x0F) | 0x40); /* version 4, variant 1 (RFC 9562) */
  b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
  char *p = ret;
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
    (void)snprintf(p, 3, "%02x", b[i]);
    p += 2;
  }
  return 0;
}

/* A seed that a person can type again. */
static int64_t choose_seed(const struct cl_plan *p) {
  uint32_t seed = 0;
  if (p->result.has_seed) return p->result.seed;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = (uint32_t)cl_clock_wall_ms();
  return seed >> 1;
}

struct find_again {
  const char *spec;
  bool same, finished;
};

static int look_at_namesake(void *ctx, const struct cl_event *ev) {
  struct find_again *f = ctx;
  if (ev->kind == CL_EVENT_CREATED)
    f->same = ev->u.created.spec != NULL && strcmp(ev->u.created.spec, f->spec) == 0;
  return 1; /* the first event is enough */
}

/* The name is taken: say which of the ways on fits. */
static int explain_taken(struct cl_store *store, const struct cl_plan *p, const char *name,
                         struct cl_err *e) {
  int64_t id = 0;
  struct cl_study_head head = {0};
  struct find_again f = {.spec = p->result.spec};
  if (cl_store_find(store, name, &id, NULL) < 0 || cl_store_head(store, id, &head, NULL) < 0)
    return CL_FAIL(e, CLADE_EEXISTS, "a study named '%s' exists already", name);
  (void)cl_store_read(store, id, &(struct cl_read){.until = 1}, look_at_namesake, &f, NULL);
  if (head.open && f.same)
    return CL_FAIL(
        e, CLADE_EEXISTS,
        "the study '%s' exists and is not finished: go on with it by `clade resume %s`, or start anew with "
        "--again or --name NAME",
        name, name);
  return CL_FAIL(
      e, CLADE_EEXISTS,
      "a study named '%s' exists already%s: choose another with --name NAME, let clade number it with --again "
      "(%s-2), or remove the old one with `clade delete %s`",
      name, head.open ? " (from another spec)" : "", name, name);
}

static int create(struct cl_store *store, const struct cl_plan *p, const char *name, const char *provenance,
                  int64_t seed, int64_t *ret_study, struct cl_err *e) {
  char uuid[37];
  struct cl_text directory = {0};
  CL_TRY(make_uuid(uuid, e));
  if (p->settings->directory != NULL && p->settings->directory[0] != '\0')
    cl_text_add(&directory, p->settings->directory);
  else
    cl_text_format(&directory, "%s.d", p->store);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = name;
  ev.u.created.uuid = uuid;
  ev.u.created.spec = p->result.spec;
  ev.u.created.settings = p->result.settings;
  ev.u.created.seed = seed;
  ev.u.created.directory = cl_text_get(&directory);
  ev.u.created.provenance = provenance;
  int status = directory.failed ? CL_FAIL_NOMEM(e) : cl_store_create(store, &ev, ret_study, e);
  cl_text_done(&directory);
  return status;
}

/* Create under the plan's name, or with `again` under the first free NAME-2, NAME-3 … */
static int create_named(struct cl_store *store, const struct cl_plan *p, bool again, int64_t *ret_study,
                        struct cl_err *e) {
  struct cl_text provenance = {0}, name = {0};
  int status =
      cl_provenance_write(p->settings->cwd, p->settings->n_program, p->settings->program, &provenance, e);
  int64_t seed = choose_seed(p);
  for (int number = 1; status == 0; number++) {
    cl_text_clear(&name);
    cl_text_add(&name, p->settings->study);
    if (number > 1) cl_text_format(&name, "-%d", number);
    status = create(store, p, cl_text_get(&name), cl_text_get(&provenance), seed, ret_study, e);
    if (status != CLADE_EEXISTS) break;
    if (!again) (void)explain_taken(store, p, p->settings->study, e);
    status = again ? 0 : CLADE_EEXISTS;
  }
  cl_text_done(&provenance);
  cl_text_done(&name);
  return status;
}

int cl_run(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
           struct clade_run_result *ret, struct cl_err *e) {
  struct cl_plan plan;
  struct cl_store *store = NULL;
  int64_t study = 0;
  int status = cl_plan_make(options, false, &plan, e);
  if (status < 0) goto out;
  cl_plan_tell(&plan, callbacks);
  ret->once = plan.result.once;
  if (ret->once) {
    status = cl_plan_run_once(&plan, callbacks, &ret->once_status, e);
    goto out;
  }
  struct cl_store_options o = {.mode = CL_STORE_CREATE,
                               .sync = options->sync_full ? CL_SYNC_FULL : CL_SYNC_NORMAL};
  status = cl_store_open(plan.store, &o, &store, e);
  if (status == 0) status = create_named(store, &plan, options->again, &study, e);
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
                   l.any == 0 ? "the store '%s' has no studies: start one with `clade run`"
                              : "every study in '%s' is finished: nothing to resume",
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
  struct cl_log_options options = {.trial_lo = INT64_MAX, .trial_hi = INT64_MAX}; /* no trials */
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

static int resume(const struct clade_resume_options *options, const char *address, int64_t study,
                  const struct origin *origin, const struct clade_run_callbacks *callbacks,
                  struct clade_run_result *ret, struct cl_err *e) {
  if (!options->help) CL_TRY(warn_of_changes(origin, callbacks, e));
  struct cl_session_options session = {.address = address,
                                       .study = study,
                                       .sync_full = options->sync_full,
                                       .slots = options->parallel,
                                       .n_gpus = options->n_gpus,
                                       .gpus = options->gpus,
                                       .provenance = origin->now,
                                       .grace_s = options->grace_s,
                                       .callbacks = callbacks};
  return cl_session_run(&session, ret, e);
}

int cl_resume(const struct clade_resume_options *options, const struct clade_run_callbacks *callbacks,
              struct clade_run_result *ret, struct cl_err *e) {
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
  cl_store_close(store);
  if (status == 0) status = resume(options, address, study, &origin, callbacks, ret, e);
  cl_free(origin.name);
  cl_free(origin.provenance);
  cl_free(origin.now);
  cl_free(address);
  cl_free(here);
  return status;
}
