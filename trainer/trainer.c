/* The public face: arguments, getters, metrics; the conversation itself is session.c. */
#include "trainer/trainer.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "trainer/handle.h"
#include "trainer/session.h"
#include "trainer/tag.h"

struct clade_trainer {
  struct cl_trainer_values values;
  struct cl_trainer_session session; /* used only in a study */
  bool in_study, started, done, failed, quiet;
  struct cl_trainer_environment env;
  int64_t seed;
  double step; /* of the last report */
  struct cl_wire_metric *metrics;
  size_t n_metrics, cap_metrics;
  struct cl_err error;   /* what clade_trainer_errmsg shows */
  struct cl_err failure; /* why the conversation is over; code 0 = it is not, or was stopped */
  struct cl_err pending; /* of a call that could not return it; code 0 = none */
};

/* --- errors ------------------------------------------------------------------------------------------ */

int cl_trainer_fail(clade_trainer *t, int status) {
  assert(status < 0);
  t->failed = true;
  if (t->session.over && t->failure.code == 0) t->failure = t->error;
  return status;
}

/* Where an error goes that its function cannot return: the first one waits for the next status. */
static void keep_error(clade_trainer *t, const struct cl_err *e) {
  if (t->pending.code == 0) t->pending = *e;
}

/* A save or load function is itself part of an answer: what is being said must not change under it. */
static int check_idle(const clade_trainer *t, struct cl_err *e) {
  if (!t->session.busy) return 0;
  return CL_FAIL(e, CLADE_EINVAL, "a save or load function must not set metrics, start, report or be done");
}

static int take_pending(clade_trainer *t) {
  CL_TRY(check_idle(t, &t->error));
  int status = t->pending.code;
  if (status == 0) return 0;
  t->error = t->pending;
  t->pending = (struct cl_err){0};
  return status;
}

struct cl_err *cl_trainer_get_error(clade_trainer *t) {
  return &t->error;
}

const char *clade_trainer_errmsg(const clade_trainer *t) {
  if (t == NULL) return "out of memory";
  return t->pending.code != 0 ? t->pending.text : t->error.text;
}

/* --- open and close ---------------------------------------------------------------------------------- */

static int read_seed(clade_trainer *t) {
  const char *text = cl_trainer_argument(&t->values, "seed");
  if (text == NULL) text = t->env.seed;
  if (text == NULL || cl_text_to_int(text, &t->seed)) return 0;
  return CL_FAIL(&t->error, CLADE_EINVAL,
                 "the seed '%.100s' is not an integer of 64 bits (--seed, CLADE_SEED)", text);
}

static int open_session(clade_trainer *t, const struct clade_trainer_options *options) {
  t->in_study = true;
  CL_TRY(cl_trainer_session_init(&t->session, options, &t->values, &t->env, &t->error));
  CL_TRY(cl_trainer_session_open(&t->session, &t->error));
  t->seed = t->session.seed;
  cl_trainer_values_settle(&t->values);
  return 0;
}

static int open_trainer(clade_trainer *t, const struct clade_trainer_options *options) {
  CL_TRY(cl_trainer_environment_read(&t->env, &t->error));
  if (t->env.socket != NULL) return open_session(t, options);
  if (options != NULL) t->session.options = *options;
  return read_seed(t);
}

int clade_trainer_open(int argc, char **argv, const struct clade_trainer_options *options,
                       clade_trainer **ret) {
  if (ret == NULL) return CLADE_EINVAL;
  *ret = NULL;
  clade_trainer *t = cl_alloc(sizeof *t);
  if (t == NULL) return CLADE_ENOMEM;
  t->values.argc = argv == NULL ? 0 : argc;
  t->values.argv = argv;
  t->seed = 1;
  t->session.link.fd = -1;
  t->session.told = true;
  *ret = t;
  int status = open_trainer(t, options);
  return status < 0 ? cl_trainer_fail(t, status) : 0;
}

static void clear_metrics(clade_trainer *t) {
  for (size_t i = 0; i < t->n_metrics; i++) cl_free((void *)t->metrics[i].name);
  t->n_metrics = 0;
}

void clade_trainer_close(clade_trainer *t) {
  if (t == NULL) return;
  clear_metrics(t);
  cl_free(t->metrics);
  cl_trainer_session_done(&t->session);
  cl_trainer_values_done(&t->values);
  cl_free(t);
}

/* --- values ------------------------------------------------------------------------------------------ */

void clade_trainer_default(clade_trainer *t, const char *name, const char *text) {
  struct cl_err e = {0};
  if (t != NULL && cl_trainer_value_default(&t->values, name, text, &e) < 0) keep_error(t, &e);
}

/* The value that a getter reads; null, with the error kept, if there is none. */
static struct cl_trainer_value *get_value(clade_trainer *t, const char *name) {
  struct cl_err e = {0};
  struct cl_trainer_value *value = NULL;
  if (t == NULL) return NULL;
  int status = cl_trainer_value_find(&t->values, name, &value, &e);
  if (status == 0 && value == NULL) status = cl_trainer_value_unknown(&t->values, name, &e);
  if (status < 0) keep_error(t, &e);
  return value;
}

double clade_trainer_float(clade_trainer *t, const char *name) {
  struct cl_err e = {0};
  double number = (double)NAN;
  struct cl_trainer_value *value = get_value(t, name);
  if (value != NULL && cl_trainer_value_float(value, &number, &e) < 0) keep_error(t, &e);
  return number;
}

int64_t clade_trainer_int(clade_trainer *t, const char *name) {
  struct cl_err e = {0};
  int64_t number = 0;
  struct cl_trainer_value *value = get_value(t, name);
  if (value != NULL && cl_trainer_value_int(value, &number, &e) < 0) keep_error(t, &e);
  return number;
}

bool clade_trainer_bool(clade_trainer *t, const char *name) {
  struct cl_err e = {0};
  bool yes = false;
  struct cl_trainer_value *value = get_value(t, name);
  if (value != NULL && cl_trainer_value_bool(value, &yes, &e) < 0) keep_error(t, &e);
  return yes;
}

const char *clade_trainer_text(clade_trainer *t, const char *name) {
  struct cl_err e = {0};
  const char *text = NULL;
  struct cl_trainer_value *value = get_value(t, name);
  if (value != NULL && cl_trainer_value_text(value, &text, &e) < 0) keep_error(t, &e);
  return text;
}

bool clade_trainer_has(clade_trainer *t, const char *name) {
  struct cl_trainer_value *value = NULL;
  return t != NULL && cl_trainer_value_find(&t->values, name, &value, NULL) == 0 && value != NULL;
}

bool clade_trainer_changed(const clade_trainer *t, const char *name) {
  if (t == NULL || name == NULL) return false;
  for (size_t i = 0; i < t->values.n; i++)
    if (strcmp(t->values.items[i].name, name) == 0) return t->values.items[i].changed;
  return false;
}

const char *clade_trainer_name(const clade_trainer *t, size_t i) {
  if (t == NULL) return NULL;
  for (size_t at = 0; at < t->values.n; at++) {
    const struct cl_trainer_value *value = &t->values.items[at];
    if (!value->has_study && value->own_text == NULL) continue;
    if (i-- == 0) return value->name;
  }
  return NULL;
}

/* --- start ------------------------------------------------------------------------------------------- */

/* What every call returns once the conversation is over. */
static int refuse(clade_trainer *t) {
  assert(t->session.over);
  if (t->session.exit_status != 0) return CLADE_TRAINER_STOP;
  assert(t->failure.code < 0);
  t->error = t->failure;
  return t->failure.code;
}

/* No worker came back: the program is to end as preempted. */
static int give_up(clade_trainer *t, double step) {
  struct cl_err e = {0};
  assert(t->in_study && !t->session.over && t->session.exit_status == 0);
  t->session.exit_status = CLADE_TRAINER_EXIT_PREEMPTED;
  if (cl_trainer_session_save_late(&t->session, step, t->env.checkpoints, &e) < 0)
    (void)cl_err_prefix(&t->error, "%s; and the state could not be saved: ", e.text);
  t->session.over = true;
  return CLADE_TRAINER_STOP;
}

static int start_outside(clade_trainer *t) {
  const char *path = t->env.resume_from;
  struct cl_err reason;
  if (path == NULL || !cl_trainer_session_can_load(&t->session)) return 0;
  int status = cl_trainer_session_load_from(&t->session, path, &reason);
  if (status == 0) return 1;
  return CL_FAIL(&t->error, CLADE_EIO, "%s for CLADE_RESUME_FROM=%s", reason.text, path);
}

/* No worker came: to be run again. */
static int end_preempted(clade_trainer *t) {
  t->session.exit_status = CLADE_TRAINER_EXIT_PREEMPTED;
  t->session.over = true;
  return CLADE_TRAINER_STOP;
}

static int start_in_study(clade_trainer *t) {
  if (t->session.over) return refuse(t);
  cl_trainer_values_settle(&t->values);
  int status = cl_trainer_session_tell(&t->session, &t->error);
  if (status == CLADE_ECLOSED) return end_preempted(t);
  if (status != 0 || t->session.load == NULL) return status;
  status = cl_trainer_session_load(&t->session, &t->error);
  if (status == CLADE_ECLOSED) return end_preempted(t);
  return status == CLADE_EMPTY ? 0 : status == 0 ? 1 : status;
}

int clade_trainer_start(clade_trainer *t) {
  if (t == NULL) return CLADE_EINVAL;
  int status = take_pending(t);
  t->started = true;
  if (status == 0) status = t->in_study ? start_in_study(t) : start_outside(t);
  return status < 0 ? cl_trainer_fail(t, status) : status;
}

/* --- regions ----------------------------------------------------------------------------------------- */

int clade_trainer_state(clade_trainer *t, const char *name, void *memory, size_t bytes) {
  if (t == NULL) return CLADE_EINVAL;
  int status = check_idle(t, &t->error);
  if (status == 0 && t->started)
    status = CL_FAIL(&t->error, CLADE_EINVAL,
                     "the region '%.100s' comes too late: register all before clade_trainer_start",
                     name == NULL ? "" : name);
  if (status == 0 && t->session.forks)
    status = CL_FAIL(&t->error, CLADE_EINVAL,
                     "clade_trainer_fork was called: a program is forked, or hands over regions");
  if (status == 0) status = cl_trainer_regions_add(&t->session.regions, name, memory, bytes, &t->error);
  if (status < 0) return cl_trainer_fail(t, status);
  t->session.told = false;
  return 0;
}

static int check_fork(clade_trainer *t) {
  CL_TRY(check_idle(t, &t->error));
  if (t->started)
    return CL_FAIL(&t->error, CLADE_EINVAL,
                   "clade_trainer_fork comes too late: call it before clade_trainer_start");
  if (t->session.regions.n > 0)
    return CL_FAIL(&t->error, CLADE_EINVAL,
                   "regions were registered: a program hands over those, or is forked");
  return t->in_study ? cl_trainer_twin_check(t->session.link.fd, &t->error) : 0;
}

int clade_trainer_fork(clade_trainer *t) {
  if (t == NULL) return CLADE_EINVAL;
  int status = check_fork(t);
  if (status < 0) return cl_trainer_fail(t, status);
  t->session.forks = true;
  t->session.told = !t->in_study;
  return 0;
}

bool clade_trainer_loaded(const clade_trainer *t, const char *name) {
  return t != NULL && cl_trainer_regions_loaded(&t->session.regions, name);
}

/* --- reports ----------------------------------------------------------------------------------------- */

static int check_metric(const clade_trainer *t, const char *name, struct cl_err *e) {
  size_t n = name == NULL ? 0 : strnlen(name, CLADE_TRAINER_NAME_MAX + 1);
  if (n == 0) return CL_FAIL(e, CLADE_EINVAL, "a metric needs a name");
  if (n > CLADE_TRAINER_NAME_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "the name of a metric is longer than %d bytes: %.40s...",
                   CLADE_TRAINER_NAME_MAX, name);
  if (!cl_text_is_utf8(name, n)) return CL_FAIL(e, CLADE_EINVAL, "the name of a metric is not UTF-8");
  if (t->n_metrics == CLADE_TRAINER_METRICS_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "a report holds at most %d metrics; '%s' is one more",
                   CLADE_TRAINER_METRICS_MAX, name);
  return 0;
}

static int add_metric(clade_trainer *t, const char *name, double value, struct cl_err *e) {
  CL_TRY(check_idle(t, e));
  for (size_t i = 0; i < t->n_metrics && name != NULL; i++) {
    if (strcmp(t->metrics[i].name, name) != 0) continue;
    t->metrics[i].value = value;
    return 0;
  }
  CL_TRY(check_metric(t, name, e));
  if (cl_grow(&t->metrics, &t->cap_metrics, t->n_metrics + 1, sizeof *t->metrics) < 0)
    return CL_FAIL_NOMEM(e);
  char *copy = cl_copy_text(name);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  t->metrics[t->n_metrics++] = (struct cl_wire_metric){.name = copy, .value = value};
  return 0;
}

void clade_trainer_metric(clade_trainer *t, const char *name, double value) {
  struct cl_err e = {0};
  if (t != NULL && add_metric(t, name, value, &e) < 0) keep_error(t, &e);
}

/* For people: six digits. */
static void add_rounded(struct cl_text *line, double x) {
  char text[CL_NUMBER_TEXT];
  (void)snprintf(text, sizeof text, "%.5e", x);
  cl_text_add_number(line, isfinite(x) ? strtod(text, NULL) : x);
}

/* `step 3  accuracy 0.93` */
static int print_report(clade_trainer *t, double step) {
  if (t->quiet) return 0;
  struct cl_text line = {0};
  cl_text_add(&line, "step ");
  cl_text_add_number(&line, step);
  for (size_t i = 0; i < t->n_metrics; i++) {
    cl_text_format(&line, "  %s ", t->metrics[i].name);
    add_rounded(&line, t->metrics[i].value);
  }
  cl_text_add(&line, "\n");
  int status = line.failed ? CL_FAIL_NOMEM(&t->error) : 0;
  if (status == 0) (void)fputs(line.bytes, stdout), (void)fflush(stdout);
  cl_text_done(&line);
  return status;
}

/* Nothing is said about training before the state it is to begin with was loaded. */
static int check_started(clade_trainer *t) {
  if (t->session.forks && !t->started)
    return CL_FAIL(&t->error, CLADE_EINVAL,
                   "clade_trainer_fork was called: call clade_trainer_start before the first report");
  if (t->session.regions.n > 0 && !t->started)
    return CL_FAIL(&t->error, CLADE_EINVAL,
                   "regions were registered: call clade_trainer_start before the first report");
  if (!t->in_study || t->session.load == NULL) return 0;
  return CL_FAIL(
      &t->error, CLADE_EINVAL,
      "the study wants this trial to go on from %s: call clade_trainer_start before the first report",
      t->session.load);
}

static int report_in_study(clade_trainer *t, double step) {
  if (t->session.over) return refuse(t);
  cl_trainer_values_settle(&t->values);
  int status = cl_trainer_session_report(&t->session, step, t->metrics, t->n_metrics, &t->error);
  t->seed = t->session.seed; /* of a clone: another one */
  return status == CLADE_ECLOSED ? give_up(t, step) : status;
}

int clade_trainer_report(clade_trainer *t, double step) {
  if (t == NULL) return CLADE_EINVAL;
  if (check_idle(t, &t->error) < 0) return cl_trainer_fail(t, t->error.code);
  int status = take_pending(t);
  if (status == 0 && t->done) status = CL_FAIL(&t->error, CLADE_EINVAL, "a report after clade_trainer_done");
  if (status == 0 && !isfinite(step))
    status = CL_FAIL(&t->error, CLADE_EINVAL, "the step of a report must be a finite number");
  if (status == 0) status = check_started(t);
  if (status == 0) status = t->in_study ? report_in_study(t, step) : print_report(t, step);
  clear_metrics(t);
  if (status >= 0) t->step = step;
  return status < 0 ? cl_trainer_fail(t, status) : status;
}

int clade_trainer_tag(clade_trainer *t, const char *name, const char *text) {
  if (t == NULL) return CLADE_EINVAL;
  int status = cl_trainer_tag_check(name, text, &t->error);
  if (status == 0 && t->in_study && t->env.directory != NULL)
    status = cl_trainer_tag_write(t->env.directory, name, text, &t->error);
  return status < 0 ? cl_trainer_fail(t, status) : 0;
}

int clade_trainer_done(clade_trainer *t) {
  if (t == NULL) return CLADE_EINVAL;
  if (t->in_study && t->session.exit_status != 0) return CLADE_TRAINER_STOP;
  int status = take_pending(t);
  if (status == 0) status = check_started(t);
  if (status == 0 && t->in_study && !t->done) {
    status = t->session.over ? refuse(t) : cl_trainer_session_finish(&t->session, &t->error);
    if (status == CLADE_ECLOSED) status = give_up(t, t->step);
  }
  if (status == 0) t->done = true;
  return status < 0 ? cl_trainer_fail(t, status) : status;
}

/* --- what is known ----------------------------------------------------------------------------------- */

int clade_trainer_exit_status(const clade_trainer *t) {
  if (t == NULL) return 1;
  if (t->done) return 0;
  if (t->in_study && t->session.exit_status != 0) return t->session.exit_status;
  return t->in_study || t->failed ? 1 : 0;
}

int64_t clade_trainer_seed(const clade_trainer *t) {
  return t == NULL ? 1 : t->seed;
}

const char *clade_trainer_directory(const clade_trainer *t) {
  return t == NULL || t->env.directory == NULL ? "." : t->env.directory;
}

int64_t clade_trainer_trial(const clade_trainer *t) {
  return t == NULL ? 0 : t->env.trial;
}

int64_t clade_trainer_attempt(const clade_trainer *t) {
  return t == NULL ? 0 : t->env.attempt;
}

bool clade_trainer_is_final(const clade_trainer *t) {
  return t != NULL && t->env.final;
}

bool clade_trainer_in_study(const clade_trainer *t) {
  return t != NULL && t->in_study;
}

/* --- for the other files of the library --------------------------------------------------------------- */

void cl_trainer_set_quiet(clade_trainer *t) {
  t->quiet = true;
}

struct clade_trainer_options *cl_trainer_get_options(clade_trainer *t) {
  return &t->session.options;
}

const char *cl_trainer_hyperparameter(const clade_trainer *t, size_t i) {
  for (size_t at = 0; at < t->values.n; at++) {
    const struct cl_trainer_value *value = &t->values.items[at];
    if ((t->in_study ? value->has_study : value->has_default) && i-- == 0) return value->name;
  }
  return NULL;
}

bool cl_trainer_is_searched(const clade_trainer *t) {
  return t->env.search != NULL;
}

int cl_trainer_save_into(clade_trainer *t, const char *directory, struct cl_err *e) {
  return cl_trainer_session_save_into(&t->session, directory, e);
}
