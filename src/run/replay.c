#include "run/replay.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "query/address.h"
#include "query/best.h"
#include "query/timetable.h"
#include "query/trials.h"
#include "run/begin.h"
#include "run/follow.h"
#include "run/plan.h"
#include "run/repeat.h"
#include "run/run.h"
#include "run/session.h"
#include "spec/timetable.h"

struct making { /* of a replay study */
  const struct clade_run_options *options;
  const struct clade_replay_options *what;
  struct cl_store *store;
  struct cl_timetable table;
  struct cl_plan plan;
};

/* The schedule. */

static int find_trial(struct cl_reader *r, const struct cl_selection *selection, const char *address,
                      int64_t *ret, struct cl_err *e) {
  const struct cl_study *s = NULL;
  int64_t *trials = NULL;
  size_t n = 0;
  if (selection->kind == CL_SELECT_NONE) {
    CL_TRY(cl_reader_need(r, 0, 0, &s, e));
    return cl_best_need(s, ret, e);
  }
  CL_TRY(cl_trials_find(r, selection, &trials, &n, e));
  int status = n == 1 ? 0
                      : CL_FAIL(e, n == 0 ? CLADE_ENOTFOUND : CLADE_EINVAL,
                                n == 0 ? "'%s' names no trial"
                                       : "'%s' names several trials: a schedule is that of one",
                                address);
  assert(status != 0 || trials[0] >= 1);
  if (status == 0) *ret = trials[0];
  cl_free(trials);
  return status;
}

/* Of a trial of this store. */
static int read_address(struct making *m, const char *address, struct cl_err *e) {
  struct cl_selection selection = {0};
  struct cl_reader *reader = NULL;
  int64_t id = 0, trial = 0;
  CL_TRY(cl_address_resolve(m->store, address, &id, &selection, e));
  int status = cl_reader_open(m->store, id, &reader, e);
  if (status == 0) status = find_trial(reader, &selection, address, &trial, e);
  if (status == 0) status = cl_timetable_read(reader, trial, &m->table, NULL, e);
  cl_reader_close(reader);
  cl_selection_done(&selection);
  return status;
}

/* The settings of the study that it comes from. */

static int add_bytes(const char *bytes, size_t n, void *ctx) {
  cl_text_add_bytes(ctx, bytes, n);
  return 0;
}

/* Gives; null without memory. */
static char *dump(const json_t *node) {
  struct cl_text text = {0};
  if (json_dump_callback(node, add_bytes, &text, JSON_COMPACT) < 0) text.failed = true;
  char *taken = cl_text_take(&text);
  cl_text_done(&text);
  return taken;
}

static char *copy_address(const struct clade_run_options *o, const char *here) {
  return here == NULL ? NULL : cl_store_choose(o->store, NULL, here);
}

/* The study that the schedule names, from the store, as a plan. */
static int plan_from_store(struct making *m, struct cl_err *e) {
  struct cl_log *log = NULL;
  struct cl_log_options none = {.trial_lo = CL_NO_TRIALS, .trial_hi = CL_NO_TRIALS};
  int64_t id = 0;
  if (m->table.study == NULL)
    return CL_FAIL(e, CLADE_EINVAL,
                   "the schedule does not say of which study it is: name the spec to train by "
                   "(--spec SPEC)");
  int found = cl_store_find(m->store, m->table.study, &id, e);
  if (found == CLADE_ENOTFOUND && e != NULL)
    (void)cl_err_prefix(e, "the schedule is of another store (name the spec to train by: --spec SPEC): ");
  if (found < 0) return found;
  CL_TRY(cl_log_open(m->store, id, &none, &log, e));
  const struct cl_study *s = cl_log_study(log);
  m->plan.result.settings = dump(cl_study_settings(s)->json);
  m->plan.result.spec = cl_copy_text(cl_study_spec(s));
  m->plan.result.has_seed = m->options->has_seed;
  m->plan.result.seed = m->options->seed;
  int status = m->plan.result.settings == NULL || m->plan.result.spec == NULL ? CL_FAIL_NOMEM(e) : 0;
  cl_log_close(log);
  return status;
}

static int set_new(json_t *object, const char *key, json_t *value, struct cl_err *e) {
  return json_object_set_new(object, key, value) == 0 ? 0 : CL_FAIL_NOMEM(e);
}

static int name_study(struct making *m, json_t *settings, struct cl_err *e) {
  struct cl_text name = {0};
  assert(json_is_object(settings));
  const char *from = json_string_value(json_object_get(settings, "study"));
  if (m->options->name != NULL)
    cl_text_add(&name, m->options->name);
  else
    cl_text_format(&name, "%s-replay", m->table.study != NULL ? m->table.study : from);
  int status =
      name.failed ? CL_FAIL_NOMEM(e) : set_new(settings, "study", json_string(cl_text_get(&name)), e);
  cl_text_done(&name);
  return status;
}

static json_t *replay_of(const struct making *m) {
  struct cl_text text = {0};
  char hash[CL_TIMETABLE_HASH];
  json_t *table = NULL;
  cl_timetable_write_json(&m->table, &text);
  if (!text.failed && cl_timetable_hash(&m->table, hash, NULL) == 0)
    table = json_loads(cl_text_get(&text), 0, NULL);
  cl_text_done(&text);
  return table == NULL ? NULL
                       : json_pack("{s:o, s:s, s:b, s:b}", "schedule", table, "hash", hash, "fresh",
                                   m->what->seeds > 0, "foreign", m->table.foreign);
}

/* The step at which training ends: the method that says so is not taken along. */
static int keep_last(const char *settings, json_t *changed, struct cl_err *e) {
  struct cl_settings *before = NULL;
  CL_TRY(cl_settings_parse(settings, &before, e));
  double last = cl_last_step(before);
  cl_settings_destroy(before);
  assert(!(last <= 0));
  return isnan(last) ? 0 : set_new(json_object_get(changed, "replay"), "last", json_real(last), e);
}

/* Nothing is searched, and nothing scheduled by a method. */
static int change_settings(struct making *m, json_t *settings, struct cl_err *e) {
  static const char *const dropped[] = {"schedule", "enqueue", "ordered", "lag",
                                        "history",  "paused",  "repeats"};
  int64_t runs = m->what->seeds > 0 ? m->what->seeds : 1;
  assert(m->what->seeds >= 0 && m->what->seeds <= CL_REPLAY_SEEDS_MAX);
  int64_t parallel = json_integer_value(json_object_get(settings, "parallel"));
  if (m->options->parallel > 0) parallel = m->options->parallel;
  for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) (void)json_object_del(settings, dropped[i]);
  CL_TRY(name_study(m, settings, e));
  CL_TRY(set_new(settings, "search", json_pack("{s:s}", "method", "replay"), e));
  CL_TRY(set_new(settings, "trials", json_integer(runs), e));
  CL_TRY(set_new(settings, "parallel", json_integer(parallel < runs ? parallel : runs), e));
  return set_new(settings, "replay", replay_of(m), e);
}

static int make_settings(struct making *m, struct cl_err *e) {
  struct cl_plan *p = &m->plan;
  assert(p->result.settings != NULL && p->store != NULL);
  struct cl_course course = {0};
  json_t *settings = json_loads(p->result.settings, 0, NULL);
  int status = settings == NULL ? CL_FAIL_NOMEM(e) : change_settings(m, settings, e);
  if (status == 0) status = keep_last(p->result.settings, settings, e);
  char *text = status == 0 ? dump(settings) : NULL;
  json_decref(settings);
  if (status == 0 && text == NULL) status = CL_FAIL_NOMEM(e);
  if (status < 0) return status;
  cl_free(p->result.settings);
  p->result.settings = text;
  assert(text != NULL);
  cl_settings_destroy(p->settings);
  p->settings = NULL;
  CL_TRY(cl_settings_parse(text, &p->settings, e));
  CL_TRY(cl_course_make(&m->table, &p->settings->space, &course, e));
  cl_course_done(&course);
  return 0;
}

/* A file, or the name of one that is not there. */
static bool is_file(const char *text) {
  static const char *const ends[] = {".yaml", ".yml", ".json", ".txt"};
  size_t n = strlen(text);
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (n > strlen(ends[i]) && strcmp(text + n - strlen(ends[i]), ends[i]) == 0) return true;
  return cl_path_exists(text);
}

static int make(struct making *m, const struct clade_run_callbacks *callbacks, struct cl_err *e) {
  const struct clade_run_options *o = m->options;
  struct cl_store_options create = {.mode = CL_STORE_CREATE,
                                    .sync = o->sync_full ? CL_SYNC_FULL : CL_SYNC_NORMAL};
  if (o->spec != NULL) {
    CL_TRY(cl_plan_make(o, NULL, &m->plan, e));
    cl_plan_tell(&m->plan, callbacks);
  } else {
    m->plan.here = cl_working_directory();
    m->plan.store = copy_address(o, m->plan.here);
    if (m->plan.store == NULL) return CL_FAIL_NOMEM(e);
  }
  if (is_file(m->what->schedule)) CL_TRY(cl_timetable_load(m->what->schedule, &m->table, e));
  CL_TRY(cl_store_open(m->plan.store, &create, &m->store, e));
  if (!is_file(m->what->schedule)) CL_TRY(read_address(m, m->what->schedule, e));
  if (o->spec == NULL) CL_TRY(plan_from_store(m, e));
  return make_settings(m, e);
}

int cl_replay(const struct clade_run_options *options, const struct clade_replay_options *what,
              const struct clade_run_callbacks *callbacks, struct clade_run_result *ret, struct cl_err *e) {
  struct making m = {.options = options, .what = what};
  int64_t study = 0;
  int status = make(&m, callbacks, e);
  struct cl_begin how = {
      .again = options->again || options->name == NULL, .callbacks = callbacks, .file = options->spec};
  if (status == 0) status = cl_study_begin(m.store, &m.plan, &how, &study, e);
  cl_store_close(m.store);
  struct cl_session_options session = {.address = m.plan.store,
                                       .study = study,
                                       .sync_full = options->sync_full,
                                       .n_gpus = options->n_gpus,
                                       .gpus = options->gpus,
                                       .grace_s = options->grace_s,
                                       .callbacks = callbacks};
  if (status == 0) status = cl_session_run(&session, ret, e);
  cl_timetable_done(&m.table);
  cl_plan_done(&m.plan);
  return status;
}

/* The final training. */

/* The best trial; 0 for a replay study, whose own schedule is meant. */
static int choose_best(struct cl_store *store, int64_t id, int64_t *ret, struct cl_err *e) {
  struct cl_reader *reader = NULL;
  const struct cl_study *s = NULL;
  int64_t best = 0;
  CL_TRY(cl_reader_open(store, id, &reader, e));
  int status = cl_reader_need(reader, 0, 0, &s, e);
  bool replays = status == 0 && json_object_get(cl_study_settings(s)->json, "replay") != NULL;
  if (status == 0 && !replays) status = cl_best_need(s, &best, e);
  if (status == 0) *ret = best;
  cl_reader_close(reader);
  return status;
}

static int choose_assessed(const struct clade_resume_options *engine, int64_t *ret, struct cl_err *e) {
  char *here = cl_working_directory();
  char *address = here == NULL ? NULL : cl_store_choose(engine->store, NULL, here);
  struct cl_store *store = NULL;
  int64_t id = 0;
  int status = address == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0)
    status = cl_store_open(address, &(struct cl_store_options){.mode = CL_STORE_READ}, &store, e);
  if (status == 0) status = cl_run_choose_study(store, engine->study, &id, e);
  if (status == 0) status = choose_best(store, id, ret, e);
  cl_store_close(store);
  cl_free(address);
  cl_free(here);
  return status;
}

int cl_assess(const struct clade_resume_options *engine, int64_t trial,
              const struct clade_run_callbacks *callbacks, struct clade_run_result *ret, struct cl_err *e) {
  struct cl_repeat_plan plan = {.role = CL_ROLE_ASSESS, .of = trial};
  assert(trial >= 0 && engine->study != NULL);
  if (trial == 0) CL_TRY(choose_assessed(engine, &plan.of, e));
  return cl_resume(engine, &(struct cl_aside_plan){.repeat = &plan}, callbacks, ret, e);
}
