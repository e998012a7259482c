/* XT/rl_nexus runspecs (origins A1-A10): what the launcher section asks for, on this machine. */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "spec/spec_impl.h"

#define TYPED_TRIALS_MAX CL_TRIALS_MAX

/* Keys of the launcher that mean something here, and those that do not. Others get a note too. */
static const struct cl_key launcher_keys[] = {
    {"component", "the launcher's component"},
    {"enabled", "0 or 1"},
    {"hp_tuning", "one of false|random|grid|dgd|bayesian"},
    {"total_runs", "a whole number from 1, as in `total_runs: 500`"},
    {"compute_nodes", "a whole number from 1, as in `compute_nodes: 5`"},
    {"runs_per_node", "a whole number from 1, as in `runs_per_node: 4`"},
    {NULL, NULL},
};

static const char *expects(const char *key) {
  return cl_read_expects(launcher_keys, key);
}

static int read_count(struct cl_draft *d, const struct cl_node *launcher, const char *key, int64_t most,
                      int64_t *ret, struct cl_err *e) {
  const struct cl_node *node = cl_node_find(launcher, key);
  if (node == NULL) return 0;
  return cl_read_int(&d->r, node, key, expects(key), 1, most, ret, e);
}

/* 0, 1, true or false. */
static int read_enabled(struct cl_draft *d, const struct cl_node *launcher, bool *ret, struct cl_err *e) {
  const struct cl_node *node = cl_node_find(launcher, "enabled");
  if (node == NULL || cl_read_is_bool(node, ret)) return 0;
  int64_t number = 0;
  CL_TRY(cl_read_int(&d->r, node, "enabled", expects("enabled"), 0, 1, &number, e));
  *ret = number == 1;
  return 0;
}

/* Bayesian is hyperopt's TPE, random until three runs are finished. A runspec's grid counts like an odometer,
 * which the method does by the origin of the study. */
static json_t *make_search(int method) {
  assert(method >= 1 && method <= 4);
  static const char *const names[] = {"random", "random", "grid", "dgd", "tpe"};
  if (method == 4) return json_pack("{s:s, s:i}", "method", names[method], "startup", 3);
  return json_pack("{s:s}", "method", names[method]);
}

static int read_tuning(struct cl_draft *d, const struct cl_node *launcher, struct cl_err *e) {
  const struct cl_node *node = cl_node_find(launcher, "hp_tuning");
  int method = 0;
  bool truth = false;
  if (node != NULL && !(cl_read_is_bool(node, &truth) && !truth))
    CL_TRY(cl_read_word(&d->r, node, "hp_tuning", "false|random|grid|dgd|bayesian", &method, e));
  if (method == 0) {
    d->repeats = true;
    return 0;
  }
  if (d->definitions.n == 0)
    return cl_source_fail(d->r.source, node->start, "a `hyperparameters:` section, or `hp_tuning: false`", e,
                          "there is nothing to tune: the file has no hyperparameters");
  assert(d->search == NULL);
  d->search = make_search(method);
  return d->search == NULL ? CL_FAIL_NOMEM(e) : 0;
}

static int read_slots(struct cl_draft *d, const struct cl_node *launcher, struct cl_err *e) {
  int64_t nodes = 1, per_node = 1;
  CL_TRY(read_count(d, launcher, "compute_nodes", 1000000, &nodes, e));
  CL_TRY(read_count(d, launcher, "runs_per_node", 1000000, &per_node, e));
  d->trials = nodes; /* XT's default: one run per node */
  CL_TRY(read_count(d, launcher, "total_runs", TYPED_TRIALS_MAX, &d->trials, e));
  assert(nodes >= 1 && per_node >= 1 && d->trials >= 1);
  int64_t slots = nodes > 1000000 / per_node ? 1000000 : nodes * per_node;
  int64_t most = d->o->cores > 0 ? d->o->cores : slots;
  d->parallel = slots < most ? slots : most;
  if (slots <= most || d->once) return 0;
  return cl_note_add(
      &d->r, CL_SPEC_NOTE, launcher->start, e,
      "%lld nodes with %lld runs each are %lld slots; this machine has %d cores, so %d run at a time "
      "(--parallel changes it)",
      (long long)nodes, (long long)per_node, (long long)slots, d->o->cores, d->o->cores);
}

static int note_idle_keys(struct cl_draft *d, const struct cl_node *launcher, struct cl_err *e) {
  for (const struct cl_node *key = launcher->first; key != NULL; key = key->next->next) {
    if (expects(key->text) != NULL) continue;
    const struct cl_node *value = cl_node_resolve(key->next);
    const char *shown = value != NULL && value->kind == CL_SCALAR ? value->text : "…";
    if (strcmp(key->text, "compute_target") == 0 && strcmp(shown, "local") == 0) continue;
    bool target = strcmp(key->text, "compute_target") == 0;
    CL_TRY(cl_note_add(&d->r, CL_SPEC_NOTE, key->start, e, "`%.60s: %.60s` has no effect here%s", key->text,
                       shown, target ? ": the runs start on this machine" : ""));
  }
  return 0;
}

/* --- the trainer's part --- */

static int unknown_alias(struct cl_draft *d, const struct cl_node *node, struct cl_err *e) {
  const char **names = cl_alloc_array(d->definitions.n, sizeof *names);
  if (names == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < d->definitions.n; i++) names[i] = d->definitions.items[i].h.name;
  const char *nearest = cl_nearest(node->text, names, d->definitions.n);
  cl_free(names);
  return cl_source_fail(
      d->r.source, node->start, "the name of a hyperparameter or of an anchor above this line", e,
      "*%.60s refers to nothing%s%s%s", node->text, nearest == NULL ? "" : "; did you mean *",
      nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?");
}

/* Each alias is a hyperparameter of the section above it, or an anchor of the trainer's own. */
static int check_aliases(struct cl_draft *d, struct cl_err *e) {
  for (const struct cl_node *node = d->s->root; node != NULL; node = cl_node_walk(d->s->root, node)) {
    if (node->kind != CL_ALIAS || node->target != NULL) continue;
    assert(node->text != NULL);
    struct cl_definition *found = cl_definitions_find(&d->definitions, node->text);
    if (found == NULL) return unknown_alias(d, node, e);
    if (node->start < d->s->section.begin)
      return cl_source_fail(d->r.source, node->start, "the `hyperparameters:` section above its first use", e,
                            "*%s is used before the hyperparameters are listed, which YAML does not allow",
                            node->text);
    found->referenced = true;
  }
  return 0;
}

static bool has_word(const char *text, const char *word) {
  return strstr(text, word) != NULL;
}

static int read_trainer(struct cl_draft *d, struct cl_err *e) {
  const struct cl_node *root = d->s->root, *log = cl_node_find(root, "log_to_tensorboard"),
                       *path = cl_node_find(root, "experiment_path"),
                       *list = cl_node_key(root, "hyperparameters");
  if (list != NULL)
    return cl_source_fail(d->r.source, list->start, "`hyperparameters:` once, at the beginning of a line", e,
                          "the hyperparameters of a runspec are found by the first line that begins with "
                          "`hyperparameters:`, and this is not it");
  bool on = false;
  if (log != NULL && cl_read_is_bool(log, &on)) d->tensorboard = on;
  if (path != NULL) CL_TRY(cl_read_text(&d->r, path, "experiment_path", "a directory", &d->directory, e));
  if (!d->repeats && d->launched && !has_word(d->s->source->text, "randint"))
    CL_TRY(cl_note_add(
        &d->r, CL_SPEC_QUESTION, 0, e,
        "`randint` occurs nowhere in this file; a search needs randomization, or each repeat of a "
        "configuration gives the same result"));
  return check_aliases(d, e);
}

static int no_program(struct cl_draft *d, struct cl_err *e) {
  return CL_FAIL(
      e, CLADE_ESPEC,
      "%s is a runspec, which does not say what to run\nexpected: the program after --, as in `clade run %s "
      "-- python run.py {spec}`; {spec} is the copy of the file that has the chosen values",
      d->s->source->name, d->s->source->name);
}

/* Does something outside of these bytes refer to an anchor in them? */
static bool is_referred_to(const struct cl_node *root, size_t begin, size_t end) {
  for (const struct cl_node *node = root; node != NULL; node = cl_node_walk(root, node)) {
    bool outside = node->start < begin || node->start >= end;
    if (node->kind == CL_ALIAS && outside && node->target != NULL && node->target->start >= begin &&
        node->target->start < end)
      return true;
  }
  return false;
}

/* The copy that the program gets has no launcher: it is one run, and must not be launched again (A9). */
static char *copy_without_launcher(const struct cl_draft *d) {
  const char *text = d->r.source->text;
  size_t n = d->r.source->n, begin = n, end = n;
  const struct cl_node *key = cl_node_key(d->s->root, "job_launcher");
  if (key != NULL && (key->start == 0 || text[key->start - 1] == '\n')) {
    begin = key->start;
    end = key->next->end; /* of a block scalar it is the beginning of the next line */
    while (end < n && text[end - 1] != '\n') end++;
  }
  assert(begin <= end && end <= n);
  bool overlaps = begin < d->s->section.end && end > d->s->section.begin;
  if (overlaps || is_referred_to(d->s->root, begin, end)) begin = end = n;
  char *copy = cl_arena_bytes(d->r.arena, text, n);
  if (copy != NULL) memmove(copy + begin, copy + end, n - end + 1);
  return copy;
}

/* Of two, the program's copy would keep one. The rest of the file is the program's own. */
static int check_one_launcher(const struct cl_draft *d, struct cl_err *e) {
  const struct cl_node *first = NULL;
  for (const struct cl_node *key = d->s->root->first; key != NULL; key = key->next->next) {
    if (strcmp(key->text, "job_launcher") != 0) continue;
    if (first != NULL) return cl_tree_blame_second(d->r.source, first, key, e);
    first = key;
  }
  assert(first != NULL);
  return 0;
}

int cl_draft_runspec(struct cl_draft *d, struct cl_err *e) {
  const struct cl_node *launcher = cl_node_resolve(cl_node_find(d->s->root, "job_launcher"));
  assert(launcher != NULL && launcher->kind == CL_MAPPING);
  CL_TRY(check_one_launcher(d, e));
  d->origin = "runspec";
  d->computed = "hpmax";
  if (d->o->hp_config == NULL) CL_TRY(cl_section_define(&d->r, &d->s->section, &d->definitions, e));
  bool enabled = true;
  CL_TRY(read_enabled(d, launcher, &enabled, e));
  d->once = !enabled || d->o->once;
  d->launched = enabled;
  CL_TRY(read_tuning(d, launcher, e));
  CL_TRY(read_slots(d, launcher, e));
  CL_TRY(note_idle_keys(d, launcher, e));
  CL_TRY(read_trainer(d, e));
  if (d->o->n_program == 0 && !d->o->in_process) return no_program(d, e);
  d->dump = copy_without_launcher(d);
  return d->dump == NULL ? CL_FAIL_NOMEM(e) : cl_dump_check(d->dump, true, e);
}
