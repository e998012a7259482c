/* The course of the stages. What is printed stands in stages_text.c, what is saved in stages_state.c. */
#include "trainer/stages.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "trainer/stages_impl.h"
#include "trainer/state.h"

enum { METRICS_MAX = 100, STAGES_MAX = 1000, NAME_MAX_BYTES = 200 };

/* --- tallies ------------------------------------------------------------------------------------------ */

/* The one of two that is greater, or less; NaN if either is. */
static double choose(double a, double b, bool greater) {
  if (isnan(a) || isnan(b)) return (double)NAN;
  return (a > b) == greater ? a : b;
}

static void tally_add(struct cl_stage_tally *tally, double value) {
  bool first = tally->count++ == 0;
  tally->sum += value;
  tally->most = first ? value : choose(tally->most, value, true);
  tally->least = first ? value : choose(tally->least, value, false);
}

double cl_stage_tally_value(const struct cl_stage_tally *tally, enum clade_stage_aggregate aggregate) {
  if (tally->count == 0) return (double)NAN;
  if (aggregate == CLADE_STAGE_MAX) return tally->most;
  if (aggregate == CLADE_STAGE_MIN) return tally->least;
  return tally->sum / (double)tally->count;
}

static bool is_better(const struct clade_stage_metric *metric, double value, double than) {
  return metric->goal == CLADE_STAGE_MINIMIZE ? value < than : value > than;
}

/* --- options ------------------------------------------------------------------------------------------ */

static int check_name(const char *name, size_t stage, struct cl_err *e) {
  size_t n = name == NULL ? 0 : strnlen(name, NAME_MAX_BYTES + 1);
  if (n == 0 || n > NAME_MAX_BYTES || !cl_text_is_utf8(name, n))
    return CL_FAIL(e, CLADE_EINVAL, "stage %zu has a metric whose name is not 1 to %d bytes of UTF-8",
                   stage + 1, NAME_MAX_BYTES);
  if (strcmp(name, "hrs") == 0)
    return CL_FAIL(e, CLADE_EINVAL, "stage %zu has a metric 'hrs': that name is taken by the hours",
                   stage + 1);
  return 0;
}

static int check_metrics(const struct clade_stage *stage, size_t number, struct cl_err *e) {
  for (size_t i = 0; i < stage->n_metrics; i++) {
    const struct clade_stage_metric *metric = &stage->metrics[i];
    CL_TRY(check_name(metric->name, number, e));
    if (metric->aggregate > CLADE_STAGE_MIN || metric->goal > CLADE_STAGE_MINIMIZE)
      return CL_FAIL(e, CLADE_EINVAL, "metric '%s' of stage %zu has no aggregation or goal that exists",
                     metric->name, number + 1);
    for (size_t k = 0; k < i; k++)
      if (strcmp(stage->metrics[k].name, metric->name) == 0)
        return CL_FAIL(e, CLADE_EINVAL, "stage %zu has two metrics '%s'", number + 1, metric->name);
  }
  return 0;
}

static int check_stage(const struct clade_stage *stage, size_t number, struct cl_err *e) {
  if (stage->metrics == NULL || stage->n_metrics < 1 || stage->n_metrics > METRICS_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "stage %zu has %zu metrics, but must have 1 to %d", number + 1,
                   stage->n_metrics, METRICS_MAX);
  if (stage->iters < 1 || stage->iters_per_report < 0)
    return CL_FAIL(e, CLADE_EINVAL,
                   "stage %zu has %lld iterations, %lld per report, but must have at least 1", number + 1,
                   (long long)stage->iters, (long long)stage->iters_per_report);
  return check_metrics(stage, number, e);
}

static int check_options(clade_trainer *t, const struct clade_stages_options *o, struct cl_err *e) {
  if (o == NULL || o->stages == NULL || o->n_stages < 1 || o->n_stages > STAGES_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "a training has 1 to %d stages", STAGES_MAX);
  for (size_t i = 0; i < o->n_stages; i++) CL_TRY(check_stage(&o->stages[i], i, e));
  if (o->best == NULL) return 0;
  if (o->best[0] == '\0' || strchr(o->best, '/') != NULL)
    return CL_FAIL(e, CLADE_EINVAL, "`best` is '%s', but must be the name of a directory", o->best);
  if (cl_trainer_get_options(t)->save == NULL)
    return CL_FAIL(e, CLADE_EINVAL,
                   "`best` wants the best state saved, but the trainer has no save function");
  return 0;
}

/* --- open and close ----------------------------------------------------------------------------------- */

static double read_clock(const clade_stages *s) {
  return s->o.seconds != NULL ? s->o.seconds(s->o.ctx) : (double)cl_clock_monotonic_us() * 1e-6;
}

double cl_stages_seconds(const clade_stages *s) {
  return s->p.seconds + (read_clock(s) - s->started);
}

static int save_all(void *ctx, const char *directory) {
  clade_stages *s = ctx;
  int outcome = s->program.save(s->program.ctx, directory);
  return outcome != 0 ? outcome : cl_stages_write(s, directory);
}

static int load_all(void *ctx, const char *directory) {
  clade_stages *s = ctx;
  struct cl_stage_progress progress;
  int outcome = cl_stages_read(s, directory, &progress);
  if (outcome == 0) outcome = s->program.load(s->program.ctx, directory);
  if (outcome != 0) return outcome;
  struct cl_stage_values *metrics = s->metrics;
  s->metrics = s->spare;
  s->spare = metrics;
  s->p = progress;
  s->started = read_clock(s);
  return 0;
}

static void take_functions(clade_stages *s) {
  struct clade_trainer_options *options = cl_trainer_get_options(s->t);
  s->program = *options;
  if (options->save != NULL) options->save = save_all;
  if (options->load != NULL) options->load = load_all;
  options->ctx = s;
}

static int create(clade_trainer *t, const struct clade_stages_options *o, clade_stages **ret,
                  struct cl_err *e) {
  size_t most = 0;
  CL_TRY(check_options(t, o, e));
  for (size_t i = 0; i < o->n_stages; i++)
    if (o->stages[i].n_metrics > most) most = o->stages[i].n_metrics;
  clade_stages *s = cl_alloc(sizeof *s);
  if (s == NULL) return CL_FAIL_NOMEM(e);
  s->metrics = cl_alloc_array(2 * most, sizeof *s->metrics);
  s->room = s->metrics;
  if (s->metrics == NULL) {
    cl_free(s);
    return CL_FAIL_NOMEM(e);
  }
  s->spare = s->metrics + most;
  s->t = t;
  s->o = *o;
  s->weight = 1;
  s->started = read_clock(s);
  take_functions(s);
  cl_trainer_set_quiet(t);
  *ret = s;
  return 0;
}

int clade_stages_open(clade_trainer *t, const struct clade_stages_options *options, clade_stages **ret) {
  if (ret == NULL) return CLADE_EINVAL;
  *ret = NULL;
  if (t == NULL) return CLADE_EINVAL;
  int status = create(t, options, ret, cl_trainer_get_error(t));
  return status < 0 ? cl_trainer_fail(t, status) : 0;
}

void clade_stages_close(clade_stages *s) {
  if (s == NULL) return;
  *cl_trainer_get_options(s->t) = s->program;
  cl_text_done(&s->line);
  cl_free(s->room);
  cl_free(s);
}

/* --- reports ------------------------------------------------------------------------------------------ */

static int64_t get_period(const struct clade_stage *stage) {
  if (stage->iters_per_report > 0) return stage->iters_per_report;
  return stage->iters >= 10 ? stage->iters / 10 : 1;
}

/* Has the iteration that is done reached the end of a period, or of the stage? */
static bool is_due(const clade_stages *s) {
  const struct clade_stage *stage = cl_stages_stage(s);
  int64_t period = get_period(stage);
  return s->p.iters >= stage->iters || s->p.iters / period > (s->p.iters - s->weight) / period;
}

/* Save the state as the best one, and say so at the end of the line. */
static void save_best(clade_stages *s) {
  struct cl_text path = {0}, part = {0};
  struct cl_err e = {0};
  cl_text_format(&path, "%s/%s", clade_trainer_directory(s->t), s->o.best);
  cl_text_format(&part, "%s.part", cl_text_get(&path));
  int status = path.failed || part.failed ? CL_FAIL_NOMEM(&e) : cl_trainer_state_remove(part.bytes, &e);
  if (status == 0) status = cl_trainer_save_into(s->t, part.bytes, &e);
  if (status == 0) status = cl_trainer_state_replace(path.bytes, &e);
  cl_stages_text_saved(s, status < 0 ? e.text : NULL);
  cl_text_done(&path);
  cl_text_done(&part);
}

/* The values since the last report, into the line and the trainer's metrics; the tallies begin anew. */
static void take_values(clade_stages *s, bool *ret_best) {
  const struct clade_stage *stage = cl_stages_stage(s);
  char name[NAME_MAX_BYTES + 16];
  double hours = cl_stages_seconds(s) / 3600;
  *ret_best = false;
  cl_stages_text_report(s, hours);
  (void)snprintf(name, sizeof name, "s%zu-hrs", s->p.stage + 1);
  clade_trainer_metric(s->t, name, hours);
  for (size_t i = 0; i < stage->n_metrics; i++) {
    struct cl_stage_values *values = &s->metrics[i];
    if (values->report.count == 0) continue;
    double value = cl_stage_tally_value(&values->report, stage->metrics[i].aggregate);
    values->report = (struct cl_stage_tally){0};
    cl_stages_text_metric(s, stage->metrics[i].name, value);
    (void)snprintf(name, sizeof name, "s%zu-%s", s->p.stage + 1, stage->metrics[i].name);
    clade_trainer_metric(s->t, name, value);
    if (i > 0 || isnan(value) || (s->p.has_best && !is_better(&stage->metrics[0], value, s->p.best)))
      continue;
    s->p.best = value;
    s->p.has_best = *ret_best = true;
  }
}

static int report(clade_stages *s) {
  bool best;
  take_values(s, &best);
  if (best && s->o.best != NULL) save_best(s);
  CL_TRY(cl_stages_text_print(s, cl_trainer_get_error(s->t)));
  return clade_trainer_report(s->t, (double)(s->p.base + s->p.iters));
}

/* --- the course --------------------------------------------------------------------------------------- */

static void begin_stage(clade_stages *s, size_t stage) {
  assert(stage < s->o.n_stages);
  s->p.base += s->p.iters;
  s->p.stage = stage;
  s->p.iters = 0;
  s->p.has_best = false;
  s->p.seconds = 0;
  s->started = read_clock(s);
  memset(s->metrics, 0, cl_stages_stage(s)->n_metrics * sizeof *s->metrics);
}

/* hpmax, in a report of its own, and the metric that plots show. */
static int finish(clade_stages *s, struct cl_err *e) {
  const struct clade_stage_metric *metric = &cl_stages_stage(s)->metrics[0];
  if (s->metrics[0].stage.count == 0)
    return CL_FAIL(
        e, CLADE_EINVAL,
        "stage %zu has ended without a value of its first metric '%s', which is to give hpmax: call "
        "clade_stages_add",
        s->p.stage + 1, metric->name);
  double value = cl_stage_tally_value(&s->metrics[0].stage, metric->aggregate);
  if (metric->goal == CLADE_STAGE_MINIMIZE) value = 0.0 - value;
  cl_stages_text_objective(s, value, cl_trainer_is_searched(s->t));
  CL_TRY(cl_stages_text_print(s, e));
  clade_trainer_metric(s->t, "hpmax", value);
  int status = clade_trainer_report(s->t, (double)(s->p.base + s->p.iters));
  if (status != 0) return status;
  char name[NAME_MAX_BYTES + 16];
  (void)snprintf(name, sizeof name, "s%zu-%s", s->p.stage + 1, metric->name);
  CL_TRY(clade_trainer_tag(s->t, "plotted_metric", name));
  s->completed = true;
  cl_stages_text_completed(s);
  return cl_stages_text_print(s, e);
}

static int end_stage(clade_stages *s, struct cl_err *e) {
  cl_stages_text_summary(s);
  CL_TRY(cl_stages_text_print(s, e));
  if (s->p.stage + 1 == s->o.n_stages) return finish(s, e);
  begin_stage(s, s->p.stage + 1);
  cl_stages_text_stage(s);
  return cl_stages_text_print(s, e);
}

static int begin(clade_stages *s, struct cl_err *e) {
  s->begun = true;
  cl_stages_text_banner(s);
  cl_stages_text_stage(s);
  return cl_stages_text_print(s, e);
}

/* 0 = an iteration is to be done, or all stages are completed; CLADE_TRAINER_STOP; errors. */
static int advance(clade_stages *s, struct cl_err *e) {
  if (!s->begun) {
    CL_TRY(begin(s, e));
  } else {
    s->p.iters += s->weight;
    int status = is_due(s) ? report(s) : 0;
    if (status != 0) return status;
  }
  s->weight = 1;
  while (!s->completed && s->p.iters >= cl_stages_stage(s)->iters) {
    int status = end_stage(s, e);
    if (status != 0) return status;
  }
  return 0;
}

bool clade_stages_next(clade_stages *s) {
  if (s == NULL || s->status != 0 || s->completed) return false;
  if (s->pending.code != 0) {
    *cl_trainer_get_error(s->t) = s->pending;
    s->status = cl_trainer_fail(s->t, s->pending.code);
    return false;
  }
  s->status = advance(s, cl_trainer_get_error(s->t));
  if (s->status < 0) (void)cl_trainer_fail(s->t, s->status);
  return s->status == 0 && !s->completed;
}

void clade_stages_count(clade_stages *s, int64_t n) {
  if (s != NULL) s->weight = n < 1 ? 1 : n;
}

static struct cl_stage_values *find_values(const clade_stages *s, const char *name) {
  const struct clade_stage *stage = cl_stages_stage(s);
  for (size_t i = 0; i < stage->n_metrics && name != NULL; i++)
    if (strcmp(stage->metrics[i].name, name) == 0) return &s->metrics[i];
  return NULL;
}

void clade_stages_add(clade_stages *s, const char *name, double value) {
  if (s == NULL) return;
  struct cl_stage_values *values = find_values(s, name);
  if (values != NULL) {
    tally_add(&values->report, value);
    tally_add(&values->stage, value);
  } else if (s->pending.code == 0) {
    (void)CL_FAIL(&s->pending, CLADE_EINVAL, "stage %zu has no metric '%.60s'; its first one is '%s'",
                  s->p.stage + 1, name == NULL ? "" : name, cl_stages_stage(s)->metrics[0].name);
  }
}

size_t clade_stages_current(const clade_stages *s) {
  return s == NULL ? 0 : s->p.stage;
}

int64_t clade_stages_iters(const clade_stages *s) {
  return s == NULL ? 0 : s->p.iters;
}

double clade_stages_value(const clade_stages *s, const char *name) {
  const struct cl_stage_values *values = s == NULL ? NULL : find_values(s, name);
  if (values == NULL) return (double)NAN;
  return cl_stage_tally_value(&values->stage, cl_stages_stage(s)->metrics[values - s->metrics].aggregate);
}

int clade_stages_done(clade_stages *s) {
  if (s == NULL) return CLADE_EINVAL;
  if (s->status != 0) return s->status;
  if (s->completed) return clade_trainer_done(s->t);
  (void)CL_FAIL(cl_trainer_get_error(s->t), CLADE_EINVAL,
                "stage %zu of %zu is not completed: call clade_stages_next until it returns false",
                s->p.stage + 1, s->o.n_stages);
  return cl_trainer_fail(s->t, CLADE_EINVAL);
}
