/* Native files: one table of keys, one reader per key. Also the (mostly empty) file behind a command line. */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "model/metric_regex.h"
#include "spec/hyperparameters.h"
#include "spec/spec_impl.h"

#define SLOTS_MAX   1000000 /* as cl_settings_parse */
#define RETRIES_MAX 100

static const struct cl_key top[] = {
    {"study", "a name of letters, digits and . _ -"},
    {"program", "a list of words, or one line as `program: python train.py --lr {lr}`"},
    {"args", "placeholders or after-script"},
    {"cwd", "a directory"},
    {"metric", "a name and a goal, as in `metric: {name: val_loss, goal: minimize}`"},
    {"step", "the name of the trainer's unit, as in `step: epoch`"},
    {"hyperparameters", "a list of `- name: lr` with their keys"},
    {"constraints", "a list of relations, as in `constraints: [\"warmup < epochs\"]`"},
    {"search", "a method, as in `search: random` or `search: {method: random}`"},
    {"schedule", "a method, as in `schedule: {method: pbt, interval: 1}`"},
    {"enqueue", "a list of assignments, as in `enqueue: [{lr: 0.1}]`"},
    {"trials", "a whole number from 1 to 10^12, as in `trials: 50`"},
    {"parallel", "a whole number from 1 to 1000000, as in `parallel: 2`"},
    {"ordered", "true, false, or the lag: a whole number from 1"},
    {"seed", "a whole number, as in `seed: 1`"},
    {"store", "a path, sqlite:///PATH or postgresql://…"},
    {"dir", "a directory"},
    {"target", "local, or the name of a launcher such as slurm"},
    {"gpus", "a list, as in `gpus: [0, 1]`"},
    {"history", "a list of studies of the same store, as in `history: [mnist-1]`"},
    {"limits", "a mapping, as in `limits: {time: 2h, memory: 4G, disk: 50G, retries: 1}`"},
    {"trainer", "a mapping or a list that your program reads"},
    {NULL, NULL},
};

static const struct cl_key metric_keys[] = {
    {"name", "the metric's name as the trainer reports it"},
    {"goal", "minimize or maximize"},
    {"reduce", "one of last|best|mean"},
    {"regex", "an expression whose groups find the metric in the output"},
    {NULL, NULL},
};

static const struct cl_key limit_keys[] = {
    {"time", "a duration, as in 90s, 15m, 2h, 1h30m or 1d"},
    {"memory", "a size, as in 512M or 4G"},
    {"disk", "a size, as in 500M or 10GB: of all saved states together"},
    {"retries", "a whole number from 0 to 100"},
    {"max_failures", "a whole number from 0 (never give up)"},
    {"grace", "a duration, as in 10s"},
    {"reconnect", "a duration, as in 10m"},
    {NULL, NULL},
};

static const char *expects(const char *key) {
  return cl_read_expects(top, key);
}

/* --- metric --- */

static int add_objective(struct cl_draft *d, const char *name, int goal, int reduce, struct cl_err *e) {
  assert(name != NULL && reduce >= CL_LAST && reduce <= CL_MEAN);
  static const char *const reduces[] = {"last", "best", "mean"};
  json_t *o = json_pack("{s:s, s:s, s:s}", "name", name, "goal",
                        goal == CL_MAXIMIZE ? "maximize" : "minimize", "reduce", reduces[reduce]);
  if (json_array_append_new(d->objectives, o) < 0) return CL_FAIL_NOMEM(e);
  return 0;
}

static int read_metric(struct cl_draft *d, const struct cl_node *node, struct cl_err *e) {
  const struct cl_node *map = cl_node_resolve(node);
  if (map == NULL || map->kind != CL_MAPPING)
    return cl_read_wrong(&d->r, node, "metric", expects("metric"), e);
  CL_TRY(cl_read_keys(&d->r, map, metric_keys, "a metric", e));
  const struct cl_node *name = cl_node_find(map, "name"), *goal = cl_node_find(map, "goal"),
                       *reduce = cl_node_find(map, "reduce"), *regex = cl_node_find(map, "regex");
  if (name == NULL || goal == NULL)
    return cl_source_fail(d->r.source, node->start, expects("metric"), e, "the metric has no %s",
                          name == NULL ? "name" : "goal");
  const char *text = NULL;
  int goal_index = 0, reduce_index = 0;
  CL_TRY(cl_read_text(&d->r, name, "name", metric_keys[0].expects, &text, e));
  CL_TRY(cl_read_word(&d->r, goal, "goal", "minimize|maximize", &goal_index, e));
  if (reduce != NULL) CL_TRY(cl_read_word(&d->r, reduce, "reduce", "last|best|mean", &reduce_index, e));
  if (regex != NULL) {
    CL_TRY(cl_read_text(&d->r, regex, "regex", metric_keys[3].expects, &d->metric_regex, e));
    int status = cl_metric_regex_check(d->metric_regex, e);
    if (status == CLADE_ESPEC) status = cl_source_blame(d->r.source, regex->start, NULL, e);
    CL_TRY(status);
  }
  return add_objective(d, text, goal_index, reduce_index, e);
}

static int read_metrics(struct cl_draft *d, const struct cl_node *node, struct cl_err *e) {
  const struct cl_node *list = cl_node_resolve(node);
  if (list == NULL || list->kind != CL_SEQUENCE) return read_metric(d, node, e);
  if (list->n < 1 || list->n > CL_OBJECTIVES_MAX)
    return cl_source_fail(d->r.source, node->start, expects("metric"), e,
                          "a study has 1 to %d metrics, not %d", CL_OBJECTIVES_MAX, list->n);
  for (const struct cl_node *item = list->first; item != NULL; item = item->next)
    CL_TRY(read_metric(d, item, e));
  assert(json_array_size(d->objectives) >= (size_t)list->n);
  return 0;
}

/* --- methods, limits --- */

/* `search: random` is short for `search: {method: random}`. */
static int read_method(struct cl_draft *d, const struct cl_node *node, const char *key, json_t **ret,
                       struct cl_err *e) {
  const struct cl_node *meant = cl_node_resolve(node);
  assert(*ret == NULL && expects(key) != NULL);
  if (meant != NULL && meant->kind == CL_SCALAR) {
    const char *name = NULL;
    CL_TRY(cl_read_text(&d->r, node, key, expects(key), &name, e));
    *ret = json_pack("{s:s}", "method", name);
    return *ret == NULL ? CL_FAIL_NOMEM(e) : 0;
  }
  if (meant == NULL || meant->kind != CL_MAPPING) return cl_read_wrong(&d->r, node, key, expects(key), e);
  const struct cl_node *method = cl_node_find(meant, "method");
  const char *name = NULL;
  bool given = strcmp(key, "search") == 0 ? d->o->method != NULL : d->o->scheduler != NULL;
  if (method == NULL && !given)
    return cl_source_fail(d->r.source, node->start, expects(key), e, "`%s` does not say its method", key);
  if (method != NULL) CL_TRY(cl_read_text(&d->r, method, "method", expects(key), &name, e));
  return cl_read_json(&d->r, node, ret, e);
}

static int read_duration(struct cl_draft *d, const struct cl_node *map, const char *key, double *ret,
                         struct cl_err *e) {
  const struct cl_node *node = cl_node_find(map, key);
  const char *text = NULL, *wanted = cl_read_expects(limit_keys, key);
  assert(wanted != NULL);
  if (node == NULL) return 0;
  CL_TRY(cl_read_text(&d->r, node, key, wanted, &text, e));
  return cl_text_to_seconds(text, ret) ? 0 : cl_read_wrong(&d->r, node, key, wanted, e);
}

static int read_size(struct cl_draft *d, const struct cl_node *map, const char *key, int64_t *ret,
                     struct cl_err *e) {
  const struct cl_node *node = cl_node_find(map, key);
  const char *text = NULL, *wanted = cl_read_expects(limit_keys, key);
  if (node == NULL) return 0;
  CL_TRY(cl_read_text(&d->r, node, key, wanted, &text, e));
  return cl_read_size(text, ret) ? 0 : cl_read_wrong(&d->r, node, key, wanted, e);
}

static int read_limits(struct cl_draft *d, const struct cl_node *node, struct cl_err *e) {
  const struct cl_node *map = cl_node_resolve(node);
  if (map == NULL || map->kind != CL_MAPPING)
    return cl_read_wrong(&d->r, node, "limits", expects("limits"), e);
  CL_TRY(cl_read_keys(&d->r, map, limit_keys, "limits", e));
  CL_TRY(read_duration(d, map, "time", &d->time_s, e));
  CL_TRY(read_duration(d, map, "grace", &d->grace_s, e));
  CL_TRY(read_duration(d, map, "reconnect", &d->reconnect_s, e));
  CL_TRY(read_size(d, map, "memory", &d->memory_bytes, e));
  CL_TRY(read_size(d, map, "disk", &d->disk_bytes, e));
  const struct cl_node *retries = cl_node_find(map, "retries"), *failures = cl_node_find(map, "max_failures");
  if (retries != NULL)
    CL_TRY(cl_read_int(&d->r, retries, "retries", cl_read_expects(limit_keys, "retries"), 0, RETRIES_MAX,
                       &d->retries, e));
  if (failures != NULL)
    CL_TRY(cl_read_int(&d->r, failures, "max_failures", cl_read_expects(limit_keys, "max_failures"), 0,
                       INT_MAX, &d->max_failures, e));
  return 0;
}

/* --- the other keys --- */

static int read_ordered(struct cl_draft *d, const struct cl_node *node, struct cl_err *e) {
  if (cl_read_is_bool(node, &d->ordered)) return 0;
  CL_TRY(cl_read_int(&d->r, node, "ordered", expects("ordered"), 1, SLOTS_MAX, &d->lag, e));
  d->ordered = true;
  return 0;
}

static int read_args(struct cl_draft *d, const struct cl_node *node, struct cl_err *e) {
  int index = 0;
  CL_TRY(cl_read_word(&d->r, node, "args", "placeholders|after-script", &index, e));
  assert(index == 0 || index == 1);
  d->values_to = index == 0 ? "placeholders" : "after-script";
  return 0;
}

static int read_list(struct cl_draft *d, const struct cl_node *node, const char *key, json_t **ret,
                     struct cl_err *e) {
  const struct cl_node *list = cl_node_resolve(node);
  assert(*ret == NULL);
  if (list == NULL || list->kind != CL_SEQUENCE || list->n == 0 || list->n > 1000)
    return cl_read_wrong(&d->r, node, key, expects(key), e);
  *ret = json_array();
  for (const struct cl_node *item = list->first; item != NULL; item = item->next) {
    const char *text = NULL;
    CL_TRY(cl_read_text(&d->r, item, key, expects(key), &text, e));
    if (json_array_append_new(*ret, json_string(text)) < 0) return CL_FAIL_NOMEM(e);
  }
  return 0;
}

static int read_seed(struct cl_draft *d, const struct cl_node *node, struct cl_err *e) {
  CL_TRY(cl_read_int(&d->r, node, "seed", expects("seed"), INT64_MIN, INT64_MAX, &d->seed, e));
  d->has_seed = true;
  return 0;
}

static int read_texts(struct cl_draft *d, const struct cl_node *root, struct cl_err *e) {
  struct {
    const char *key;
    const char **ret;
  } texts[] = {{"study", &d->study}, {"cwd", &d->cwd},       {"dir", &d->directory},
               {"store", &d->store}, {"target", &d->target}, {"step", &d->step}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    const struct cl_node *node = cl_node_find(root, texts[i].key);
    if (node != NULL) CL_TRY(cl_read_text(&d->r, node, texts[i].key, expects(texts[i].key), texts[i].ret, e));
  }
  return 0;
}

static int read_numbers(struct cl_draft *d, const struct cl_node *root, struct cl_err *e) {
  const struct cl_node *trials = cl_node_find(root, "trials"), *parallel = cl_node_find(root, "parallel"),
                       *seed = cl_node_find(root, "seed"), *ordered = cl_node_find(root, "ordered");
  if (trials != NULL)
    CL_TRY(cl_read_int(&d->r, trials, "trials", expects("trials"), 1, CL_TRIALS_MAX, &d->trials, e));
  if (parallel != NULL)
    CL_TRY(cl_read_int(&d->r, parallel, "parallel", expects("parallel"), 1, SLOTS_MAX, &d->parallel, e));
  if (seed != NULL) CL_TRY(read_seed(d, seed, e));
  if (ordered != NULL) CL_TRY(read_ordered(d, ordered, e));
  return 0;
}

static int read_parts(struct cl_draft *d, const struct cl_node *root, struct cl_err *e) {
  const struct cl_node *node = NULL;
  if ((node = cl_node_find(root, "metric")) != NULL && d->o->n_objectives == 0)
    CL_TRY(read_metrics(d, node, e));
  if ((node = cl_node_find(root, "search")) != NULL) CL_TRY(read_method(d, node, "search", &d->search, e));
  if ((node = cl_node_find(root, "schedule")) != NULL)
    CL_TRY(read_method(d, node, "schedule", &d->schedule, e));
  if ((node = cl_node_find(root, "limits")) != NULL) CL_TRY(read_limits(d, node, e));
  if ((node = cl_node_find(root, "gpus")) != NULL) CL_TRY(read_list(d, node, "gpus", &d->gpus, e));
  if ((node = cl_node_find(root, "history")) != NULL && d->o->history == NULL)
    CL_TRY(read_list(d, node, "history", &d->history, e));
  if ((node = cl_node_find(root, "args")) != NULL) CL_TRY(read_args(d, node, e));
  if ((node = cl_node_find(root, "hyperparameters")) != NULL && d->o->hp_config == NULL)
    CL_TRY(cl_hyperparameters_read(&d->r, node, &d->definitions, e));
  if ((node = cl_node_find(root, "program")) != NULL && d->o->n_program == 0 && d->s->n_words == 0)
    CL_TRY(cl_program_read(&d->r, node, &d->program, e));
  d->constraints = cl_node_find(root, "constraints");
  d->enqueue = cl_node_find(root, "enqueue");
  d->trainer = cl_node_find(root, "trainer");
  return 0;
}

static int check_native_keys(const struct cl_draft *d, const struct cl_node *root, struct cl_err *e) {
  if (root->kind != CL_MAPPING) return cl_read_wrong(&d->r, root, "the spec", "`key: value` lines", e);
  const struct cl_node *launcher = cl_node_key(root, "job_launcher");
  if (launcher != NULL)
    return cl_source_fail(
        d->r.source, launcher->start, "`job_launcher:` at the beginning of a line, and its keys below", e,
        "this is neither a native file nor a runspec: `job_launcher` is no mapping that begins a line");
  return cl_read_keys(&d->r, root, top, "a spec", e);
}

int cl_draft_native(struct cl_draft *d, struct cl_err *e) {
  const struct cl_node *root = d->s->root;
  assert(d->objectives != NULL);
  d->origin = "native";
  if (root == NULL) return 0;
  CL_TRY(cl_tree_check_keys(d->r.source, root, e));
  CL_TRY(check_native_keys(d, root, e));
  CL_TRY(read_texts(d, root, e));
  CL_TRY(read_numbers(d, root, e));
  return read_parts(d, root, e);
}
