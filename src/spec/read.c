/* Typed reading. One place for "what was found" and "what was expected". */
#include "spec/read.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"

int cl_note_add(const struct cl_reader *r, enum cl_spec_note_kind kind, size_t at, struct cl_err *e,
                const char *format, ...) {
  char sentence[CLADE_ERR_TEXT];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  struct cl_notes *notes = r->notes;
  assert(notes != NULL && kind >= CL_SPEC_NOTE && kind <= CL_SPEC_QUESTION);
  if (cl_grow(&notes->items, &notes->cap, notes->n + 1, sizeof *notes->items) < 0) return CL_FAIL_NOMEM(e);
  struct cl_text t = {0};
  cl_source_name_place(r->source, at, &t);
  cl_text_format(&t, ": %s", sentence);
  char *text = cl_text_take(&t);
  if (text == NULL) return CL_FAIL_NOMEM(e);
  notes->items[notes->n++] = (struct cl_spec_note){kind, text};
  return 0;
}

void cl_notes_done(struct cl_notes *n) {
  for (size_t i = 0; i < n->n; i++) cl_free(n->items[i].text);
  cl_free(n->items);
  *n = (struct cl_notes){0};
}

const char *cl_nearest(const char *name, const char *const *names, size_t n) {
  const char *nearest = NULL;
  size_t length = strlen(name);
  int best = 2 * (2 + (int)length / 4);
  for (size_t i = 0; i < n; i++) {
    int cost =
        2 * cl_text_distance(name, names[i]) - (strlen(names[i]) == length); /* swapped letters first */
    if (cost < best) best = cost, nearest = names[i];
  }
  return nearest;
}

const char *cl_read_expects(const struct cl_key *table, const char *name) {
  for (; table->name != NULL; table++)
    if (strcmp(table->name, name) == 0) return table->expects;
  return NULL;
}

/* What other systems call it (W&B, Optuna, Ray, NNI, Katib, Ax, XT), so that who comes from there finds the
 * word. */
static const char *const foreign_words[][2] = {
    {"parameters", "hyperparameters"},
    {"params", "hyperparameters"},
    {"hparams", "hyperparameters"},
    {"searchSpace", "hyperparameters"},
    {"search_space", "hyperparameters"},
    {"hyperparameter-distributions", "hyperparameters"},
    {"space", "hyperparameters"},
    {"command", "program"},
    {"trialCommand", "program"},
    {"script", "program"},
    {"cmd", "program"},
    {"run", "program"},
    {"objective", "metric"},
    {"objectives", "metric"},
    {"optimize", "metric"},
    {"direction", "goal"},
    {"mode", "goal"},
    {"optimize_mode", "goal"},
    {"objectiveMetricName", "name"},
    {"method", "search"},
    {"algorithm", "search"},
    {"tuner", "search"},
    {"sampler", "search"},
    {"early_terminate", "schedule"},
    {"scheduler", "schedule"},
    {"pruner", "schedule"},
    {"assessor", "schedule"},
    {"n_trials", "trials"},
    {"num_samples", "trials"},
    {"run_cap", "trials"},
    {"maxTrialNumber", "trials"},
    {"maxTrialCount", "trials"},
    {"total_runs", "trials"},
    {"max_trials", "trials"},
    {"budget", "trials"},
    {"trialConcurrency", "parallel"},
    {"parallelTrialCount", "parallel"},
    {"n_jobs", "parallel"},
    {"concurrent", "parallel"},
    {"max_concurrent", "parallel"},
    {"workers", "parallel"},
    {"name", "study"},
    {"experimentName", "study"},
    {"experiment", "study"},
    {"project", "study"},
    {"sweep", "study"},
    {"storage", "store"},
    {"database", "store"},
    {"experiment_path", "dir"},
    {"output", "dir"},
    {"random_seed", "seed"},
    {"parameter_constraints", "constraints"},
    {"points_to_evaluate", "enqueue"},
    {"timeout", "limits"},
    {"maxExperimentDuration", "limits"},
    {"maxFailedTrialCount", "limits"},
    {"min", "range"},
    {"max", "range"},
    {"low", "range"},
    {"high", "range"},
    {"lower", "range"},
    {"upper", "range"},
    {"bounds", "range"},
    {"distribution", "scale"},
    {"log", "scale"},
    {"log_scale", "scale"},
    {"q", "step"},
    {"choices", "values"},
    {"categories", "values"},
    {"list", "values"},
    {"value", "values"},
    {"options", "values"},
    {"default", "tuned_value"},
    {"initial", "tuned_value"},
    {"tuned", "tuned_value"},
    {"condition", "when"},
    {"parent", "when"},
    {"value_type", "type"},
    {"parameterType", "type"},
};

static const char *find_foreign(const struct cl_key *table, const char *name) {
  for (size_t i = 0; i < sizeof foreign_words / sizeof foreign_words[0]; i++)
    if (strcasecmp(foreign_words[i][0], name) == 0 && cl_read_expects(table, foreign_words[i][1]) != NULL)
      return foreign_words[i][1];
  return NULL;
}

static int unknown_key(const struct cl_reader *r, const struct cl_node *key, const struct cl_key *table,
                       const char *what, struct cl_err *e) {
  const char *names[64];
  size_t n = 0;
  struct cl_text known = {0};
  for (const struct cl_key *k = table; k->name != NULL; k++) {
    assert(n < sizeof names / sizeof names[0]);
    cl_text_format(&known, "%s%s", n == 0 ? "one of " : ", ", k->name);
    names[n++] = k->name;
  }
  const char *foreign = find_foreign(table, key->text),
             *near = foreign != NULL ? foreign : cl_nearest(key->text, names, n);
  int status = known.failed
                   ? CL_FAIL_NOMEM(e)
                   : cl_source_fail(r->source, key->start,
                                    near != NULL ? cl_read_expects(table, near) : cl_text_get(&known), e,
                                    "%s has no key `%.80s`%s%s%s", what, key->text,
                                    near == NULL      ? ""
                                    : foreign != NULL ? "; here it is called `"
                                                      : "; did you mean `",
                                    near == NULL ? "" : near,
                                    near == NULL      ? ""
                                    : foreign != NULL ? "`"
                                                      : "`?");
  cl_text_done(&known);
  return status;
}

int cl_read_keys(const struct cl_reader *r, const struct cl_node *mapping, const struct cl_key *table,
                 const char *what, struct cl_err *e) {
  assert(mapping->kind == CL_MAPPING);
  for (const struct cl_node *key = mapping->first; key != NULL; key = key->next->next)
    if (cl_read_expects(table, key->text) == NULL) return unknown_key(r, key, table, what, e);
  return 0;
}

int cl_read_wrong(const struct cl_reader *r, const struct cl_node *node, const char *key, const char *expects,
                  struct cl_err *e) {
  char buffer[128];
  assert(node != NULL && key != NULL);
  const struct cl_node *meant = cl_node_resolve(node);
  return cl_source_fail(r->source, node->start, expects, e, "`%s` is %s", key,
                        cl_node_describe(meant == NULL ? node : meant, buffer, sizeof buffer));
}

int cl_read_text(const struct cl_reader *r, const struct cl_node *node, const char *key, const char *expects,
                 const char **ret, struct cl_err *e) {
  const struct cl_node *meant = cl_node_resolve(node);
  if (meant == NULL || meant->kind != CL_SCALAR || cl_node_is_null(meant) || meant->text[0] == '\0')
    return cl_read_wrong(r, node, key, expects, e);
  if (strlen(meant->text) > CL_SPEC_TEXT)
    return cl_source_fail(r->source, node->start, expects, e, "`%s` has %zu bytes, more than the %d that fit",
                          key, strlen(meant->text), CL_SPEC_TEXT);
  *ret = meant->text;
  return 0;
}

int cl_read_count(const struct cl_reader *r, size_t at, size_t n, struct cl_err *e) {
  assert(r->n_values != NULL);
  *r->n_values += n;
  if (*r->n_values <= CL_SPEC_VALUES) return 0;
  return cl_source_fail(r->source, at, "a `range`, or shorter lists", e,
                        "with this list all lists together have more than %d values", CL_SPEC_VALUES);
}

static bool node_value(const struct cl_node *node, struct cl_value *ret) {
  const struct cl_node *meant = cl_node_resolve(node);
  if (meant == NULL || meant->kind != CL_SCALAR) return false;
  *ret = cl_node_value(meant);
  return true;
}

int cl_read_int(const struct cl_reader *r, const struct cl_node *node, const char *key, const char *expects,
                int64_t lo, int64_t hi, int64_t *ret, struct cl_err *e) {
  struct cl_value v;
  if (!node_value(node, &v) || v.kind != CL_INT || v.as.integer < lo || v.as.integer > hi)
    return cl_read_wrong(r, node, key, expects, e);
  *ret = v.as.integer;
  return 0;
}

int cl_read_number(const struct cl_reader *r, const struct cl_node *node, const char *key,
                   const char *expects, double *ret, struct cl_err *e) {
  struct cl_value v;
  if (!node_value(node, &v) || !isfinite(cl_value_number(v))) return cl_read_wrong(r, node, key, expects, e);
  *ret = cl_value_number(v);
  return 0;
}

bool cl_read_is_bool(const struct cl_node *node, bool *ret) {
  struct cl_value v;
  if (!node_value(node, &v) || v.kind != CL_BOOL) return false;
  *ret = v.as.truth;
  return true;
}

int cl_read_bool(const struct cl_reader *r, const struct cl_node *node, const char *key, const char *expects,
                 bool *ret, struct cl_err *e) {
  return cl_read_is_bool(node, ret) ? 0 : cl_read_wrong(r, node, key, expects, e);
}

/* The word that was likely meant: the same beginning, or few letters apart. Into buffer; false if there is
 * none. */
static bool find_word(const char *text, const char *words, char *buffer, size_t size) {
  int best = 1 + (int)strlen(text) / 3;
  bool found = false;
  for (const char *p = words; *p != '\0';) {
    char word[40];
    size_t n = strcspn(p, "|");
    (void)snprintf(word, sizeof word, "%.*s", (int)n, p);
    int cost =
        text[0] != '\0' && strncasecmp(word, text, strlen(text)) == 0 ? 0 : cl_text_distance(word, text);
    if (cost < best) {
      best = cost;
      found = true;
      (void)snprintf(buffer, size, "%s", word);
    }
    p += p[n] == '\0' ? n : n + 1;
  }
  return found;
}

static int wrong_word(const struct cl_reader *r, const struct cl_node *node, const char *key,
                      const char *words, struct cl_err *e) {
  char expects[200], near[40];
  const struct cl_node *meant = cl_node_resolve(node);
  (void)snprintf(expects, sizeof expects, "one of %s", words);
  if (meant == NULL || meant->kind != CL_SCALAR || !find_word(meant->text, words, near, sizeof near))
    return cl_read_wrong(r, node, key, expects, e);
  return cl_source_fail(r->source, node->start, expects, e, "`%s` is '%.60s'; did you mean %s?", key,
                        meant->text, near);
}

int cl_read_word(const struct cl_reader *r, const struct cl_node *node, const char *key, const char *words,
                 int *ret_index, struct cl_err *e) {
  const struct cl_node *meant = cl_node_resolve(node);
  assert(words[0] != '\0');
  int index = 0;
  for (const char *p = words; meant != NULL && meant->kind == CL_SCALAR && *p != '\0'; index++) {
    size_t n = strcspn(p, "|");
    if (strlen(meant->text) == n && strncmp(meant->text, p, n) == 0) {
      *ret_index = index;
      return 0;
    }
    p += p[n] == '\0' ? n : n + 1;
  }
  return wrong_word(r, node, key, words, e);
}

bool cl_read_size(const char *text, int64_t *ret_bytes) {
  double x = 0;
  size_t n = cl_text_to_leading_number(text, &x);
  if (n == 0) return false;
  const char *unit = text + n;
  static const char units[] = "KMGT";
  const char *found = *unit == '\0' ? NULL : strchr(units, *unit >= 'a' ? *unit - 'a' + 'A' : *unit);
  if (found != NULL) {
    for (const char *u = units; u <= found; u++) x *= 1024;
    unit++;
    if (*unit == 'i') unit++;
  }
  if (*unit == 'B') unit++;
  if (*unit != '\0' || !(x >= 1 && x <= 1e15)) return false;
  *ret_bytes = (int64_t)x;
  return true;
}

json_t *cl_json_value(struct cl_value v) {
  switch (v.kind) {
  case CL_ABSENT:
  case CL_NULL: return json_null();
  case CL_BOOL: return json_boolean(v.as.truth);
  case CL_INT: return json_integer(v.as.integer);
  case CL_REAL: return json_real(v.as.real);
  case CL_TEXT: return json_string(v.as.text);
  }
  return NULL;
}

/* Aliases may repeat a part many times over, so the budget counts what comes out. */
static int to_json(const struct cl_reader *r, const struct cl_node *node, int depth, int *budget,
                   json_t **ret, struct cl_err *e) {
  const struct cl_node *meant = cl_node_resolve(node);
  if (meant != NULL) *budget -= 8 + (meant->kind == CL_SCALAR ? (int)strlen(meant->text) : 0);
  if (meant == NULL || depth > CL_TREE_DEPTH || *budget < 0)
    return cl_source_fail(r->source, node->start, NULL, e,
                          meant == NULL ? "this alias leads to nothing that can be used here"
                                        : "aliases make this part too large or endless; write it out");
  json_t *made = meant->kind == CL_SEQUENCE  ? json_array()
                 : meant->kind == CL_MAPPING ? json_object()
                                             : cl_json_value(cl_node_value(meant));
  int status = made == NULL ? CL_FAIL_NOMEM(e) : 0;
  for (const struct cl_node *child = meant->first; status == 0 && child != NULL; child = child->next) {
    const char *key = meant->kind == CL_MAPPING ? child->text : NULL;
    if (key != NULL) {
      *budget -= (int)strlen(key);
      child = child->next;
    }
    json_t *part = NULL;
    status = to_json(r, child, depth + 1, budget, &part, e);
    if (status < 0) break;
    int added = key != NULL ? json_object_set_new(made, key, part) : json_array_append_new(made, part);
    if (added < 0) status = CL_FAIL_NOMEM(e);
  }
  if (status < 0)
    json_decref(made);
  else
    *ret = made;
  return status;
}

int cl_read_json(const struct cl_reader *r, const struct cl_node *node, json_t **ret, struct cl_err *e) {
  assert(node != NULL && ret != NULL);
  int budget = CL_SPEC_JSON;
  return to_json(r, node, 0, &budget, ret, e);
}
