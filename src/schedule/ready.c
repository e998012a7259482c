#include "schedule/ready.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

const struct cl_option cl_ready_options[] = {
    {"metric", "text", 0, 0, "", "the metric that says it; without one: time", NULL},
    {"every", "any", 0, 0, "", "a time like 30s, or, with a metric, the growth", NULL},
    {"factor", "float", 1e-9, 1e9, "1", "the metric over what it was", NULL},
    {"patience", "int", 1, 1e9, "1", "reports without a better metric", NULL},
    {"above", "float", -1e300, 1e300, "0", "the metric has come above", NULL},
    {"below", "float", -1e300, 1e300, "0", "the metric has come below", NULL},
    {"goal", "maximize|minimize", 0, 0, "maximize", "what better means, unless the metric is the objective",
     NULL},
    {0}};

#define FORMS \
  "`{every: 30s}` for time, or `{metric: NAME, …}` with one of every, factor, patience, above and below"

static struct cl_options own(const struct cl_options *o) {
  return (struct cl_options){"schedule: ready", o->method, cl_ready_options, cl_options_object(o, "ready")};
}

bool cl_ready_is_given(const struct cl_options *o) {
  return cl_options_object(o, "ready") != NULL;
}

static enum cl_ready_rule rule_of(const struct cl_options *o, int *ret_n) {
  static const struct {
    const char *name;
    enum cl_ready_rule rule;
  } rules[] = {{"every", CL_READY_GROWTH},
               {"factor", CL_READY_FACTOR},
               {"patience", CL_READY_PATIENCE},
               {"above", CL_READY_ABOVE},
               {"below", CL_READY_BELOW}};
  enum cl_ready_rule found = CL_READY_STEPS;
  *ret_n = 0;
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    if (!cl_options_has(o, rules[i].name)) continue;
    found = rules[i].rule;
    (*ret_n)++;
  }
  return found == CL_READY_GROWTH && !cl_options_has(o, "metric") ? CL_READY_TIME : found;
}

static bool is_objective(const struct cl_settings *settings, const char *metric) {
  return strcmp(settings->objectives[0].name, metric) == 0;
}

static int check_amount(const struct cl_options *o, enum cl_ready_rule rule, struct cl_err *e) {
  const json_t *node = json_object_get(o->given, "every");
  double amount = json_is_number(node) ? json_number_value(node) : NAN;
  if (rule == CL_READY_TIME) {
    if (json_is_string(node) && cl_text_to_seconds(json_string_value(node), &amount)) return 0;
    return CL_FAIL(
        e, CLADE_ESPEC,
        "schedule: ready: every must be a time with its unit, like 30s, 5m or 1h30m; to count a metric, "
        "name it: {metric: seen, every: 1000}");
  }
  if (amount > 0 && isfinite(amount)) return 0;
  return CL_FAIL(
      e, CLADE_ESPEC,
      "schedule: ready: every must be a number above 0, by which the metric '%s' grows; for time leave "
      "the metric out: {every: 30s}",
      cl_options_word(o, "metric"));
}

static int check_rule(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e) {
  int n = 0;
  enum cl_ready_rule rule = rule_of(o, &n);
  bool metric = cl_options_has(o, "metric");
  if (n != 1 || metric != (rule != CL_READY_TIME))
    return CL_FAIL(e, CLADE_ESPEC, "schedule: ready says when members are judged: " FORMS);
  if (rule == CL_READY_TIME || rule == CL_READY_GROWTH) CL_TRY(check_amount(o, rule, e));
  if (rule == CL_READY_FACTOR && cl_options_number(o, "factor") == 1)
    return CL_FAIL(
        e, CLADE_ESPEC,
        "schedule: ready: a factor of 1 is always reached: give one above 1 for a metric that grows, or "
        "below for one that falls");
  if (rule == CL_READY_PATIENCE && !is_objective(settings, cl_options_word(o, "metric")) &&
      !cl_options_has(o, "goal"))
    return CL_FAIL(
        e, CLADE_ESPEC,
        "schedule: ready: is a larger '%s' better? Say `goal: maximize` or `goal: minimize` beside "
        "patience",
        cl_options_word(o, "metric"));
  if (rule == CL_READY_TIME && settings->lag > 0)
    return CL_FAIL(
        e, CLADE_ESPEC,
        "schedule: ready by time depends on timing, and ordered mode must not: leave `ordered` out, or "
        "count a metric, {metric: NAME, every: AMOUNT}");
  return 0;
}

int cl_ready_check(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e) {
  const struct cl_options ready = own(o);
  if (!cl_ready_is_given(o)) return 0;
  CL_TRY(cl_options_check(&ready, e));
  if (cl_options_has(o, "interval") && json_object_size(ready.given) > 0)
    return CL_FAIL(e, CLADE_ESPEC,
                   "schedule: interval and ready both say when members are judged: give one of the two");
  return check_rule(settings, &ready, e);
}

int cl_ready_init(struct cl_ready *ret, const struct cl_settings *settings, const struct cl_options *o,
                  struct cl_err *e) {
  const struct cl_options ready = own(o);
  struct cl_ready r = {.sign = 1};
  int n = 0;
  *ret = r;
  if (!cl_ready_is_given(o)) return 0;
  r.rule = rule_of(&ready, &n);
  assert(n == 1);
  const json_t *every = json_object_get(ready.given, "every");
  if (r.rule == CL_READY_TIME) {
    bool good = cl_text_to_seconds(json_string_value(every), &r.bound);
    assert(good);
    (void)good;
    *ret = r;
    return 0;
  }
  r.bound =
      r.rule == CL_READY_GROWTH ? json_number_value(every) : cl_options_number(&ready, cl_ready_word(&r));
  const char *metric = cl_options_word(&ready, "metric");
  if (is_objective(settings, metric) && !cl_options_has(&ready, "goal"))
    r.sign = cl_objective_sign(&settings->objectives[0]);
  else if (strcmp(cl_options_word(&ready, "goal"), "minimize") == 0)
    r.sign = -1;
  r.metric = cl_copy_text(metric);
  if (r.metric == NULL) return CL_FAIL_NOMEM(e);
  *ret = r;
  return 0;
}

const char *cl_ready_word(const struct cl_ready *r) {
  static const char *const words[] = {"", "every", "every", "factor", "patience", "above", "below"};
  return words[r->rule];
}

void cl_ready_done(struct cl_ready *r) {
  cl_free(r->metric);
  *r = (struct cl_ready){0};
}

/* Counting. */

struct cl_progress cl_progress_begin(void) {
  return (struct cl_progress){.base = NAN, .best = NAN, .last = NAN};
}

static bool is_beyond(const struct cl_ready *r, double metric) {
  return r->rule == CL_READY_ABOVE ? metric > r->bound : metric < r->bound;
}

/* A counter that has begun anew, in a process that did not save it, counts from there. */
static bool has_grown(struct cl_progress *p, const struct cl_ready *r, double metric) {
  if (isnan(p->base)) p->base = 0;
  if (metric < p->base) p->base = fmin(metric, 0);
  return metric - p->base >= r->bound * (1 - 1e-12);
}

static bool has_multiplied(struct cl_progress *p, const struct cl_ready *r, double metric) {
  if (isnan(p->base)) p->base = metric;
  double times = metric / p->base;
  return p->base != 0 && (r->bound > 1 ? times >= r->bound : times <= r->bound);
}

static bool is_out_of_patience(struct cl_progress *p, const struct cl_ready *r, double metric) {
  bool better = isnan(p->best) || r->sign * metric > r->sign * p->best;
  p->stale = better ? 0 : p->stale + 1;
  if (better) p->best = metric;
  return p->stale >= r->bound;
}

static bool has_crossed(struct cl_progress *p, const struct cl_ready *r, double metric) {
  bool was = p->was_there;
  p->was_there = is_beyond(r, metric);
  return p->was_there && !was;
}

void cl_progress_report(struct cl_progress *p, const struct cl_ready *r, bool has, double metric) {
  p->is_ready = false;
  if (r->rule == CL_READY_STEPS || r->rule == CL_READY_TIME || !has) return;
  p->last = metric;
  if (!isfinite(metric)) {
    p->is_ready = true;
    return;
  }
  switch (r->rule) {
  case CL_READY_GROWTH: p->is_ready = has_grown(p, r, metric); break;
  case CL_READY_FACTOR: p->is_ready = has_multiplied(p, r, metric); break;
  case CL_READY_PATIENCE: p->is_ready = is_out_of_patience(p, r, metric); break;
  default: p->is_ready = has_crossed(p, r, metric); break;
  }
}

void cl_progress_clock(struct cl_progress *p, const struct cl_ready *r, double seconds) {
  assert(r->rule == CL_READY_TIME && seconds >= 0);
  p->seconds += seconds;
  p->is_ready = p->seconds >= r->bound;
}

void cl_progress_settle(struct cl_progress *p) {
  if (!p->is_ready) return;
  p->count++;
  p->seconds = 0;
  p->stale = 0;
  p->is_ready = false;
  if (!isfinite(p->last)) return;
  p->base = p->best = p->last;
}

double cl_progress_value(const struct cl_progress *p, const struct cl_ready *r) {
  switch (r->rule) {
  case CL_READY_TIME: return p->seconds;
  case CL_READY_GROWTH: return p->last - p->base;
  case CL_READY_FACTOR: return p->last / p->base;
  case CL_READY_PATIENCE: return p->stale;
  default: return p->last;
  }
}
