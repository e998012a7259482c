/* Ask and tell: checks what the caller gave, keeps the handles, and forwards to run/asker.h. */
#include "api/study.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "api/check.h"
#include "api/handles.h"
#include "base/alloc.h"
#include "run/begin.h"
#include "run/history.h"

static void assert_study_state(const struct clade_study *s) {
  assert(s->store != NULL && s->log != NULL && s->asker != NULL && s->study == cl_log_study(s->log));
  assert(s->trials == NULL || (s->trials->before == NULL && s->trials->study == s));
  assert((s->room == NULL) == (s->cap_room == 0) && (s->named == NULL) == (s->cap_named == 0));
  (void)s;
}

static int check_study(const struct clade_study *s, const void *output, struct cl_err *e) {
  CL_TRY(cl_api_check(s, "study", output, e));
  assert_study_state(s);
  return 0;
}

static int check_trial(const struct clade_trial *t, struct cl_err *e) {
  if (t == NULL) return CL_FAIL(e, CLADE_EINVAL, "no trial was given: ask for one first");
  assert_study_state(t->study);
  assert(t->number >= 1 && t->attempt >= 1 && t->n <= t->cap);
  return 0;
}

/* Creating and opening. */

static int check_options(const struct clade_study_options *o, struct cl_err *e) {
  if (o == NULL) return CL_FAIL(e, CLADE_EINVAL, "no options were given");
  int sources = (o->spec_file != NULL) + (o->spec != NULL) + (o->space != NULL);
  if (sources != 1)
    return CL_FAIL(e, CLADE_EINVAL, "a study is made of exactly one of spec_file, spec and space, not of %d",
                   sources);
  if (o->again && o->reuse)
    return CL_FAIL(e, CLADE_EINVAL,
                   "`again` makes another study of that name, `reuse` takes the one there is: not both");
  if (o->space != NULL && o->name == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "a study whose space is built in code needs a name");
  return 0;
}

static int open_log(struct clade_study *s, int64_t id, struct cl_err *e) {
  CL_TRY(cl_history_import(s->store, id, NULL, e)); /* whoever asks has all of it */
  CL_TRY(cl_log_open(s->store, id, NULL, &s->log, e));
  s->study = cl_log_study(s->log);
  assert(s->asker == NULL && cl_study_settings(s->study) != NULL);
  return cl_asker_create(s->log, &s->asker, e);
}

static int open_store(const char *address, enum cl_store_mode mode, bool sync_full, struct cl_store **ret,
                      struct cl_err *e) {
  struct cl_store_options o = {.mode = mode, .sync = sync_full ? CL_SYNC_FULL : CL_SYNC_NORMAL};
  return cl_store_open(address, &o, ret, e);
}

struct noting {
  void (*note)(void *ctx, const char *sentence);
  void *ctx;
};

static void pass_note(void *ctx, enum clade_note_kind kind, const char *sentence) {
  const struct noting *n = ctx;
  assert(n->note != NULL && sentence != NULL);
  (void)kind;
  n->note(n->ctx, sentence);
}

static int create_planned(struct clade_study *s, const struct clade_study_options *o,
                          const struct cl_plan *plan, const struct clade_run_callbacks *callbacks,
                          struct cl_err *e) {
  struct cl_begin how = {.again = o->again, .reuse = o->reuse, .callbacks = callbacks};
  int64_t id = 0;
  cl_plan_tell(plan, callbacks);
  CL_TRY(open_store(plan->store, CL_STORE_CREATE, o->sync_full, &s->store, e));
  CL_TRY(cl_study_begin(s->store, plan, &how, &id, e));
  return open_log(s, id, e);
}

static int create(struct clade_study *s, const struct clade_study_options *o, const char *text,
                  struct cl_err *e) {
  struct clade_run_options run = {.store = o->store,
                                  .spec = o->spec_file,
                                  .name = o->name,
                                  .minimize = o->minimize,
                                  .maximize = o->maximize,
                                  .method = o->method,
                                  .trials = o->trials,
                                  .has_seed = o->has_seed,
                                  .seed = o->seed,
                                  .n_set = o->n_set,
                                  .set = o->set,
                                  .history = o->history};
  struct noting noting = {o->note, o->ctx};
  struct clade_run_callbacks callbacks = {.ctx = &noting, .note = o->note == NULL ? NULL : pass_note};
  struct cl_plan_how how = {.in_process = true, .text = text, .name = o->space != NULL ? "space" : "spec"};
  struct cl_plan plan = {0};
  CL_TRY(cl_check_run(&run, e));
  int status = cl_plan_make(&run, &how, &plan, e);
  if (status == 0) status = create_planned(s, o, &plan, &callbacks, e);
  cl_plan_done(&plan);
  return status;
}

int clade_study_create(const struct clade_study_options *o, struct clade_study **ret, struct cl_err *e) {
  CL_TRY(check_options(o, e));
  if (ret == NULL) return CL_FAIL(e, CLADE_EINVAL, "there is no place for the study");
  struct cl_text text = {0};
  struct clade_study *s = cl_alloc(sizeof *s);
  int status = s == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0 && o->space != NULL) status = cl_api_space_write(o->space, &text, e);
  if (status == 0) status = create(s, o, o->space != NULL ? cl_text_get(&text) : o->spec, e);
  cl_text_done(&text);
  if (status < 0)
    clade_study_close(s);
  else
    *ret = s;
  return status < 0 ? status : 0;
}

int clade_study_open(const char *store, const char *name, struct clade_study **ret, struct cl_err *e) {
  if (name == NULL || name[0] == '\0' || ret == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "a study is opened by its name");
  int64_t id = 0;
  struct clade_study *s = cl_alloc(sizeof *s);
  char *here = cl_working_directory();
  char *address = here == NULL ? NULL : cl_store_choose(store, NULL, here);
  int status = s == NULL || address == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) status = open_store(address, CL_STORE_WRITE, false, &s->store, e);
  if (status == 0) status = cl_store_find(s->store, name, &id, e);
  if (status == 0) status = open_log(s, id, e);
  cl_free(address);
  cl_free(here);
  if (status < 0)
    clade_study_close(s);
  else
    *ret = s;
  return status < 0 ? status : 0;
}

void clade_study_close(struct clade_study *s) {
  if (s == NULL) return;
  while (s->trials != NULL) clade_trial_drop(s->trials);
  if (s->spare != NULL) cl_free(s->spare->values);
  cl_free(s->spare);
  cl_asker_destroy(s->asker);
  cl_log_close(s->log);
  cl_store_close(s->store);
  cl_free(s->room);
  cl_free(s->named);
  cl_free(s);
}

const char *clade_study_name(const struct clade_study *s) {
  return s == NULL ? NULL : cl_study_name(s->study);
}

const char *clade_study_store(const struct clade_study *s) {
  return s == NULL ? NULL : cl_store_address(s->store);
}

static const struct cl_objective *objective_of(const struct clade_study *s, int objective) {
  const struct cl_settings *settings = s == NULL ? NULL : cl_study_settings(s->study);
  bool known = settings != NULL && objective >= 0 && objective < settings->n_objectives;
  return known ? &settings->objectives[objective] : NULL;
}

const char *clade_study_metric(const struct clade_study *s, int objective) {
  const struct cl_objective *o = objective_of(s, objective);
  return o == NULL ? NULL : o->name;
}

bool clade_study_maximizes(const struct clade_study *s, int objective) {
  const struct cl_objective *o = objective_of(s, objective);
  return o != NULL && o->goal == CL_MAXIMIZE;
}

int clade_study_follow(struct clade_study *s, struct cl_err *e) {
  CL_TRY(check_study(s, s, e));
  return cl_asker_follow(s->asker, e);
}

/* Values. */

int cl_api_trial_values(struct clade_study *s, const struct cl_trial *t, struct clade_named_value **ret,
                        size_t *cap, size_t *ret_n, struct cl_err *e) {
  const struct cl_space *space = cl_study_space(s->study);
  size_t n = (size_t)space->n, active = 0;
  if (cl_grow(&s->room, &s->cap_room, n + 1, sizeof *s->room) < 0 ||
      cl_grow(ret, cap, n + 1, sizeof **ret) < 0)
    return CL_FAIL_NOMEM(e);
  struct cl_value *values = s->room;
  struct clade_named_value *named = *ret;
  cl_trial_values(s->study, t, values);
  for (size_t i = 0; i < n; i++) {
    if (values[i].kind == CL_ABSENT) continue;
    named[active].name = space->items[i].name;
    named[active].value = cl_api_value(values[i]);
    named[active++].held = cl_trial_is_held(s->study, t, (int)i);
  }
  assert(active <= n && active < *cap);
  *ret_n = active;
  return 0;
}

/* Handles. */

static int make_handle(struct clade_study *s, struct clade_trial **ret, struct cl_err *e) {
  struct clade_trial *t = s->spare;
  assert(s->trials == NULL || s->trials->before == NULL);
  s->spare = NULL;
  if (t == NULL) t = cl_alloc(sizeof *t);
  if (t == NULL) return CL_FAIL_NOMEM(e);
  *t = (struct clade_trial){.study = s, .next = s->trials, .cap = t->cap, .values = t->values};
  if (s->trials != NULL) s->trials->before = t;
  s->trials = t;
  *ret = t;
  return 0;
}

void clade_trial_drop(struct clade_trial *t) {
  if (t == NULL) return;
  struct clade_study *s = t->study;
  assert((t->before == NULL) == (s->trials == t));
  if (t->before != NULL) t->before->next = t->next;
  if (t->next != NULL) t->next->before = t->before;
  if (s->trials == t) s->trials = t->next;
  if (s->spare == NULL) {
    s->spare = t;
    return;
  }
  cl_free(t->values);
  cl_free(t);
}

/* Its values as they are now. */
static int refresh(struct clade_trial *t, struct cl_err *e) {
  struct clade_study *s = t->study;
  const struct cl_trial *trial = cl_study_trial(s->study, t->number);
  int64_t study = cl_study_head(s->study)->version;
  assert(trial != NULL);
  if (t->version == trial->head.version && t->study_version == study) return 0;
  CL_TRY(cl_api_trial_values(s, trial, &t->values, &t->cap, &t->n, e));
  assert(trial->number == t->number && trial->head.version > 0 && study > 0);
  t->version = trial->head.version;
  t->study_version = study;
  return 0;
}

/* A handle for what the asker has started or taken; without memory for it the trial stays RUNNING, and can be
 * taken. */
static int give_handle(struct clade_study *s, int64_t number, int32_t attempt, struct clade_trial **ret,
                       struct cl_err *e) {
  struct clade_trial *t = NULL;
  CL_TRY(make_handle(s, &t, e));
  assert(number >= 1 && attempt >= 1);
  t->number = number;
  t->attempt = attempt;
  int status = refresh(t, e);
  if (status < 0)
    clade_trial_drop(t);
  else
    *ret = t;
  return status;
}

int clade_study_ask(struct clade_study *s, struct clade_trial **ret, struct cl_err *e) {
  int64_t number = 0;
  CL_TRY(check_study(s, ret, e));
  int status = cl_asker_ask(s->asker, &number, e);
  if (status != 0) return status;
  assert(number >= 1 && number <= cl_study_trials(s->study));
  return give_handle(s, number, cl_study_trial(s->study, number)->head.attempt, ret, e);
}

int clade_study_take(struct clade_study *s, int64_t number, struct clade_trial **ret, struct cl_err *e) {
  int32_t attempt = 0;
  CL_TRY(check_study(s, ret, e));
  if (number < 1)
    return CL_FAIL(e, CLADE_EINVAL, "trials are numbered from 1; %lld is none", (long long)number);
  CL_TRY(cl_asker_take(s->asker, number, &attempt, e));
  return give_handle(s, number, attempt, ret, e);
}

int64_t clade_trial_number(const struct clade_trial *t) {
  return t == NULL ? 0 : t->number;
}

int clade_trial_attempt(const struct clade_trial *t) {
  return t == NULL ? 0 : t->attempt;
}

int64_t clade_trial_seed(const struct clade_trial *t) {
  return t == NULL ? 0 : (int64_t)cl_trial_seed(t->study->study, cl_study_trial(t->study->study, t->number));
}

static struct clade_value find_value(struct clade_trial *t, const char *name) {
  if (t == NULL || name == NULL || refresh(t, NULL) < 0) return (struct clade_value){0};
  for (size_t i = 0; i < t->n; i++)
    if (strcmp(t->values[i].name, name) == 0) return t->values[i].value;
  return (struct clade_value){0};
}

double clade_trial_float(struct clade_trial *t, const char *name) {
  struct clade_value v = find_value(t, name);
  if (v.kind == CLADE_INT) return (double)v.as.integer;
  return v.kind == CLADE_REAL ? v.as.real : (double)NAN;
}

int64_t clade_trial_int(struct clade_trial *t, const char *name) {
  struct clade_value v = find_value(t, name);
  if (v.kind == CLADE_INT) return v.as.integer;
  bool whole = v.kind == CLADE_REAL && v.as.real == floor(v.as.real) && fabs(v.as.real) <= 9007199254740992.0;
  return whole ? (int64_t)v.as.real : 0;
}

bool clade_trial_bool(struct clade_trial *t, const char *name) {
  struct clade_value v = find_value(t, name);
  if (v.kind == CLADE_INT) return v.as.integer == 1;
  return v.kind == CLADE_BOOL && v.as.truth;
}

const char *clade_trial_text(struct clade_trial *t, const char *name) {
  struct clade_value v = find_value(t, name);
  return v.kind == CLADE_TEXT ? v.as.text : NULL;
}

bool clade_trial_has(struct clade_trial *t, const char *name) {
  return find_value(t, name).kind != CLADE_ABSENT;
}

const struct clade_named_value *clade_trial_values(struct clade_trial *t, size_t *ret_n) {
  bool known = t != NULL && refresh(t, NULL) == 0;
  if (ret_n != NULL) *ret_n = known ? t->n : 0;
  return known ? t->values : NULL;
}

/* Reporting and telling. */

static int copy_metrics(const struct clade_metric *from, size_t n, struct cl_metric *ret, struct cl_err *e) {
  if (n > CL_METRICS_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "a report holds at most %d metrics, not %zu", CL_METRICS_MAX, n);
  if (n > 0 && from == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "%zu metrics were announced, and none was given", n);
  for (size_t i = 0; i < n; i++) {
    const char *name = from[i].name;
    if (name == NULL || name[0] == '\0' || !cl_text_is_utf8(name, strlen(name)))
      return CL_FAIL(e, CLADE_EINVAL, "metric %zu has no name of UTF-8 text", i + 1);
    ret[i] = (struct cl_metric){0, name, from[i].value};
  }
  return 0;
}

static int check_step(double step, struct cl_err *e) {
  return isfinite(step) ? 0 : CL_FAIL(e, CLADE_EINVAL, "the step of a report must be a finite number");
}

int clade_trial_report(struct clade_trial *t, double step, const struct clade_metric *metrics, size_t n,
                       struct cl_err *e) {
  struct cl_metric copies[CL_METRICS_MAX];
  CL_TRY(check_trial(t, e));
  CL_TRY(check_step(step, e));
  CL_TRY(copy_metrics(metrics, n, copies, e));
  return cl_asker_report(t->study->asker, t->number, t->attempt, step, copies, (int)n, e);
}

int clade_trial_should_stop(struct clade_trial *t, struct cl_err *e) {
  CL_TRY(check_trial(t, e));
  CL_TRY(cl_asker_follow(t->study->asker, e));
  return cl_asker_look(t->study->asker, t->number, t->attempt, e);
}

static int state_of(enum clade_outcome outcome, enum cl_state *ret, struct cl_err *e) {
  switch (outcome) {
  case CLADE_TOLD_COMPLETE: *ret = CL_COMPLETE; return 0;
  case CLADE_TOLD_PRUNED: *ret = CL_PRUNED; return 0;
  case CLADE_TOLD_FAILED: *ret = CL_FAILED; return 0;
  case CLADE_TOLD_INFEASIBLE: *ret = CL_INFEASIBLE; return 0;
  case CLADE_TOLD_DIVERGED: *ret = CL_DIVERGED; return 0;
  case CLADE_TOLD_LOST: *ret = CL_LOST; return 0;
  }
  return CL_FAIL(e, CLADE_EINVAL, "%d is no outcome of a trial", (int)outcome);
}

static int check_told(const struct clade_trial *t, const struct clade_told *told, struct cl_err *e) {
  size_t wanted = (size_t)cl_study_settings(t->study->study)->n_objectives;
  assert(wanted >= 1 && wanted <= CL_OBJECTIVES_MAX);
  if (told->has_step) CL_TRY(check_step(told->step, e));
  if (told->n_values != 0 && (told->n_values != wanted || told->values == NULL))
    return CL_FAIL(e, CLADE_EINVAL, "%zu values were told, but the study '%s' has %zu objective%s",
                   told->n_values, cl_study_name(t->study->study), wanted, wanted == 1 ? "" : "s");
  return 0;
}

int clade_trial_end(struct clade_trial *t, const struct clade_told *told, struct cl_err *e) {
  struct cl_metric metrics[CL_METRICS_MAX];
  struct cl_outcome o = {.step = NAN};
  CL_TRY(check_trial(t, e));
  if (told == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "nothing was told about trial %lld", (long long)t->number);
  CL_TRY(state_of(told->outcome, &o.state, e));
  CL_TRY(check_told(t, told, e));
  CL_TRY(copy_metrics(told->metrics, told->n_metrics, metrics, e));
  o.n_values = (int)told->n_values;
  o.values = told->values;
  o.n_metrics = (int)told->n_metrics;
  o.metrics = metrics;
  if (told->has_step) o.step = told->step;
  int status = cl_asker_end(t->study->asker, t->number, t->attempt, &o, e);
  if (status >= 0 || status == CLADE_ESTALE) clade_trial_drop(t);
  return status;
}

int clade_trial_tell(struct clade_trial *t, double value, struct cl_err *e) {
  return clade_trial_end(t, &(struct clade_told){.n_values = 1, .values = &value}, e);
}

/* The rest. */

static int convert_given(const struct clade_study *s, const struct clade_given *given,
                         struct cl_value *values, struct cl_err *e) {
  const struct cl_space *space = cl_study_space(s->study);
  if (given->name == NULL || given->value == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "a value to enqueue needs a name and a text");
  int index = cl_space_find(space, given->name);
  assert(index < space->n);
  const char *nearest = cl_space_nearest(space, given->name);
  if (index < 0)
    return CL_FAIL(e, CLADE_EINVAL, "no hyperparameter is called %.200s%s%s%s", given->name,
                   nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "?" : "");
  if (values[index].kind != CL_ABSENT) return CL_FAIL(e, CLADE_EINVAL, "%.200s was given twice", given->name);
  const struct cl_hyperparameter *h = &space->items[index];
  int status = cl_space_convert(h, cl_value_parse(given->value), &values[index], e);
  if (status < 0 && cl_space_convert(h, cl_value_text(given->value), &values[index], NULL) == 0) return 0;
  return status;
}

int clade_study_enqueue(struct clade_study *s, const struct clade_given *given, size_t n, int64_t *ret_number,
                        struct cl_err *e) {
  int64_t number = 0;
  CL_TRY(check_study(s, s, e));
  if (n > 0 && given == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "%zu values were announced, and none was given", n);
  CL_TRY(cl_asker_follow(s->asker, e));
  size_t room = (size_t)cl_study_space(s->study)->n;
  struct cl_value *values = cl_alloc_array(room + 1, sizeof *values);
  if (values == NULL) return CL_FAIL_NOMEM(e);
  int status = 0;
  for (size_t i = 0; i < n && status == 0; i++) status = convert_given(s, &given[i], values, e);
  if (status == 0) status = cl_asker_enqueue(s->asker, values, &number, e);
  cl_free(values);
  if (status == 0 && ret_number != NULL) *ret_number = number;
  return status;
}

int clade_study_best(struct clade_study *s, struct clade_study_best *ret, struct cl_err *e) {
  CL_TRY(check_study(s, ret, e));
  CL_TRY(cl_asker_follow(s->asker, e));
  const struct cl_trial *t = cl_study_trial(s->study, cl_study_best(s->study));
  if (t == NULL) return CLADE_EMPTY;
  size_t n = 0;
  CL_TRY(cl_api_trial_values(s, t, &s->named, &s->cap_named, &n, e));
  *ret = (struct clade_study_best){.number = t->number, .value = t->value, .n_values = n, .values = s->named};
  return 0;
}

int64_t clade_study_trials(const struct clade_study *s) {
  return s == NULL ? 0 : cl_study_trials(s->study);
}

int clade_study_trial(struct clade_study *s, int64_t number, struct clade_trial_state *ret,
                      struct cl_err *e) {
  CL_TRY(check_study(s, ret, e));
  const struct cl_trial *t = cl_study_trial(s->study, number);
  if (t == NULL)
    return CL_FAIL(e, CLADE_ENOTFOUND, "there is no trial %lld in '%s': it has trials 1 to %lld",
                   (long long)number, cl_study_name(s->study), (long long)cl_study_trials(s->study));
  size_t n = 0;
  CL_TRY(cl_api_trial_values(s, t, &s->named, &s->cap_named, &n, e));
  *ret = (struct clade_trial_state){.number = number,
                                    .state = cl_state_name(t->head.state),
                                    .role = cl_role_name((enum cl_role)t->head.role),
                                    .attempts = t->head.attempt,
                                    .seed = (int64_t)cl_trial_seed(s->study, t),
                                    .asked = (t->head.flags & CL_ATTEMPT_OPEN) && t->head.worker == 0,
                                    .value = t->value,
                                    .step = t->head.step,
                                    .n_values = n,
                                    .values = s->named};
  return 0;
}
