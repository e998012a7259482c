#include "cli/telling.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int refuse(struct cl_err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refuse(struct cl_err *e, const char *format, ...) {
  va_list args;
  va_start(args, format);
  e->code = CLADE_EINVAL;
  (void)vsnprintf(e->text, sizeof e->text, format, args);
  va_end(args);
  return CLADE_EINVAL;
}

static int add_metric(struct cl_cli_telling *t, const char *name, double value, struct cl_err *e) {
  if (t->n_metrics == CL_TELLING_METRICS_MAX)
    return refuse(e, "a report has at most %d metrics", CL_TELLING_METRICS_MAX);
  t->metrics[t->n_metrics++] = (struct clade_metric){name, value};
  return 0;
}

static int add_value(struct cl_cli_telling *t, double value, struct cl_err *e) {
  if (t->n_values == CL_TELLING_VALUES_MAX)
    return refuse(e, "a trial has at most %d values", CL_TELLING_VALUES_MAX);
  t->values[t->n_values++] = value;
  return 0;
}

int cl_cli_telling_words(int n, char **words, struct cl_cli_telling *ret, struct cl_err *e) {
  for (int i = 0; i < n; i++) {
    char *equals = strchr(words[i], '=');
    double x = 0;
    if (!clade_text_to_number(equals == NULL ? words[i] : equals + 1, &x) || equals == words[i])
      return refuse(e, "'%.80s' is no result; write VALUE, as 0.93, or NAME=NUMBER, as accuracy=0.93",
                    words[i]);
    if (equals != NULL) *equals = '\0';
    int status = equals == NULL ? add_value(ret, x, e) : add_metric(ret, words[i], x, e);
    if (status < 0) return status;
  }
  return 0;
}

/* JSON. */

static bool read_number(const json_t *node, double *ret) {
  if (json_is_number(node)) {
    *ret = json_number_value(node);
    return true;
  }
  return json_is_string(node) && clade_text_to_number(json_string_value(node), ret) && !isfinite(*ret);
}

static int read_state(const char *word, struct cl_cli_telling *ret, struct cl_err *e) {
  static const struct {
    const char *word;
    enum clade_outcome outcome;
  } states[] = {{"COMPLETE", CLADE_TOLD_COMPLETE},
                {"PRUNED", CLADE_TOLD_PRUNED},
                {"FAILED", CLADE_TOLD_FAILED},
                {"FAIL", CLADE_TOLD_FAILED},
                {"INFEASIBLE", CLADE_TOLD_INFEASIBLE},
                {"DIVERGED", CLADE_TOLD_DIVERGED},
                {"LOST", CLADE_TOLD_LOST}};
  ret->running = strcasecmp(word, "RUNNING") == 0;
  if (ret->running) return 0;
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
    if (strcasecmp(word, states[i].word) != 0) continue;
    ret->outcome = states[i].outcome;
    return 0;
  }
  return refuse(
      e, "\"state\" is '%.40s', but must be COMPLETE, PRUNED, FAILED, INFEASIBLE, DIVERGED, LOST or RUNNING",
      word);
}

static int read_values(const json_t *node, struct cl_cli_telling *ret, struct cl_err *e) {
  double x = 0;
  if (read_number(node, &x)) return add_value(ret, x, e);
  if (json_array_size(node) == 0)
    return refuse(e,
                  "\"value\" must be a number (or \"nan\", \"inf\", \"-inf\"), \"values\" an array of such");
  for (size_t i = 0; i < json_array_size(node); i++) {
    if (!read_number(json_array_get(node, i), &x))
      return refuse(e, "\"values\" must be an array of numbers (or \"nan\", \"inf\", \"-inf\")");
    int status = add_value(ret, x, e);
    if (status < 0) return status;
  }
  return 0;
}

static int read_metrics(const json_t *node, struct cl_cli_telling *ret, struct cl_err *e) {
  json_t *object = (json_t *)(uintptr_t)node; /* jansson's iterators want a mutable one, and leave it alone */
  if (!json_is_object(node)) return refuse(e, "\"metrics\" must be an object, as {\"accuracy\": 0.93}");
  for (void *it = json_object_iter(object); it != NULL; it = json_object_iter_next(object, it)) {
    double x = 0;
    if (!read_number(json_object_iter_value(it), &x))
      return refuse(e, "metric \"%.80s\" must be a number (or \"nan\", \"inf\", \"-inf\")",
                    json_object_iter_key(it));
    int status = add_metric(ret, json_object_iter_key(it), x, e);
    if (status < 0) return status;
  }
  return 0;
}

static int read_member(const char *key, const json_t *node, struct cl_cli_telling *ret, struct cl_err *e) {
  if (json_is_null(node)) return 0;
  if (strcmp(key, "trial") == 0) {
    ret->trial = json_is_integer(node) ? json_integer_value(node) : 0;
    return ret->trial >= 1 ? 0 : refuse(e, "\"trial\" must be the number of a trial, from 1");
  }
  if (strcmp(key, "state") == 0)
    return read_state(json_is_string(node) ? json_string_value(node) : "", ret, e);
  if (strcmp(key, "value") == 0 || strcmp(key, "values") == 0) return read_values(node, ret, e);
  if (strcmp(key, "metrics") == 0) return read_metrics(node, ret, e);
  if (strcmp(key, "step") == 0) {
    ret->has_step = json_is_number(node);
    ret->step = json_number_value(node);
    return ret->has_step ? 0 : refuse(e, "\"step\" must be a number");
  }
  if (strcmp(key, "study") == 0 || strcmp(key, "attempt") == 0 || strcmp(key, "seed") == 0)
    return 0; /* an answer of `clade ask` with something added */
  return refuse(e, "there is no key \"%.40s\"; trial, state, value, values, metrics and step are known", key);
}

int cl_cli_telling_json(const json_t *object, struct cl_cli_telling *ret, struct cl_err *e) {
  if (!json_is_object(object))
    return refuse(e, "what is told must be a JSON object, as {\"trial\": 7, \"value\": 0.93}");
  json_t *node = (json_t *)(uintptr_t)object;
  for (void *it = json_object_iter(node); it != NULL; it = json_object_iter_next(node, it)) {
    int status = read_member(json_object_iter_key(it), json_object_iter_value(it), ret, e);
    if (status < 0) return status;
  }
  return 0;
}

/* Telling. */

static int report(struct clade_trial *trial, const struct clade_study *study, const struct cl_cli_telling *t,
                  bool *ret_stop, struct cl_err *e) {
  struct clade_metric metrics[CL_TELLING_METRICS_MAX + CL_TELLING_VALUES_MAX];
  size_t n = 0;
  for (size_t i = 0; i < t->n_values && clade_study_metric(study, (int)i) != NULL; i++)
    metrics[n++] = (struct clade_metric){clade_study_metric(study, (int)i), t->values[i]};
  for (size_t i = 0; i < t->n_metrics; i++) metrics[n++] = t->metrics[i];
  int status = clade_trial_report(trial, t->step, metrics, n, e);
  *ret_stop = status == CLADE_STOP;
  clade_trial_drop(trial);
  return status < 0 ? status : 0;
}

int cl_cli_tell(struct clade_study *study, int64_t number, const struct cl_cli_telling *t, bool *ret_stop,
                struct cl_err *e) {
  struct clade_trial *trial = NULL;
  if (t->running && !t->has_step) return refuse(e, "a report of a trial that runs needs a step");
  int status = clade_study_take(study, number, &trial, e);
  if (status < 0) return status;
  if (t->running) return report(trial, study, t, ret_stop, e);
  struct clade_told told = {.outcome = t->outcome,
                            .n_values = t->n_values,
                            .values = t->values,
                            .n_metrics = t->n_metrics,
                            .metrics = t->metrics,
                            .has_step = t->has_step,
                            .step = t->step};
  status = clade_trial_end(trial, &told, e);
  if (status < 0 && status != CLADE_ESTALE) clade_trial_drop(trial);
  return status < 0 ? status : 0;
}
