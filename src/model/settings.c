/* Settings: JSON in, typed record out. Checks kinds and limits of every key that this version knows. Knows
 * nothing of YAML, programs or methods (their options are checked by the rooms that own them).
 */
#include "model/settings.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "model/constraint.h"

#define SLOTS_MAX 1000000
#define ID_MAX    65535 /* as of the space: cl_space_finish */

/* Where a key is looked up, and how a sentence calls the place. */
struct place {
  const json_t *object;
  const char *name; /* "settings", "limits", or a hyperparameter's name */
  struct cl_err *e;
};

/* What is parsed. */
static void assert_settings_state(const struct cl_settings *s) {
  assert(json_is_object(s->json) && s->study != NULL && s->study[0] != '\0' && s->method != NULL);
  assert(s->n_objectives >= 1 && s->n_objectives <= CL_OBJECTIVES_MAX);
  assert(s->trials >= 1 && s->trials <= CL_TRIALS_MAX && s->parallel >= 1 && s->parallel <= SLOTS_MAX);
  assert(s->lag >= 0 && s->lag <= SLOTS_MAX && s->retries >= 0 && s->max_failures >= 0);
  assert((s->program == NULL) == (s->n_program == 0));
  assert(s->space.version >= 1 && s->space.n_constraints >= 0);
  (void)s;
}

static int wrong(const struct place *p, const char *key, const char *wanted) {
  return CL_FAIL(p->e, CLADE_ESPEC, "%s: %s must be %s", p->name, key, wanted);
}

static const json_t *find_key(const struct place *p, const char *key) {
  const json_t *node = json_object_get(p->object, key);
  return json_is_null(node) ? NULL : node;
}

static int read_text(const struct place *p, const char *key, const char **ret) {
  const json_t *node = find_key(p, key);
  if (node == NULL) return 0;
  if (!json_is_string(node)) return wrong(p, key, "a string");
  *ret = json_string_value(node);
  return 0;
}

static int read_number(const struct place *p, const char *key, double lo, double hi, const char *wanted,
                       double *ret) {
  const json_t *node = find_key(p, key);
  assert(lo < hi);
  if (node == NULL) return 0;
  double x = json_is_number(node) ? json_number_value(node) : NAN;
  if (!(x >= lo && x <= hi)) return wrong(p, key, wanted);
  *ret = x;
  return 0;
}

static int read_int(const struct place *p, const char *key, int64_t lo, int64_t hi, const char *wanted,
                    int64_t *ret) {
  const json_t *node = find_key(p, key);
  assert(lo < hi);
  if (node == NULL) return 0;
  if (!json_is_integer(node) || json_integer_value(node) < lo || json_integer_value(node) > hi)
    return wrong(p, key, wanted);
  *ret = json_integer_value(node);
  return 0;
}

static int read_bool(const struct place *p, const char *key, bool *ret) {
  const json_t *node = find_key(p, key);
  if (node == NULL) return 0;
  if (!json_is_boolean(node)) return wrong(p, key, "true or false");
  *ret = json_is_true(node);
  return 0;
}

static int read_word(const struct place *p, const char *key, const char *(*name_of)(int), int first, int last,
                     int *ret) {
  const char *word = NULL;
  assert(first < last);
  CL_TRY(read_text(p, key, &word));
  if (word == NULL) return 0;
  for (int i = first; i <= last; i++) {
    if (strcmp(word, name_of(i)) != 0) continue;
    *ret = i;
    return 0;
  }
  struct cl_text known = {0};
  for (int i = first; i <= last; i++) cl_text_format(&known, "%s%s", i > first ? ", " : "", name_of(i));
  int status = CL_FAIL(p->e, CLADE_ESPEC, "%s: %s is \"%s\", but must be one of %s", p->name, key, word,
                       cl_text_get(&known));
  cl_text_done(&known);
  return status;
}

static int need_kind(const struct place *p, const char *key, bool right, const char *wanted) {
  return find_key(p, key) == NULL || right ? 0 : wrong(p, key, wanted);
}

/* --- hyperparameters --- */

static const char *name_of_domain(int i) {
  return cl_domain_name((enum cl_domain)i);
}

static const char *name_of_scale(int i) {
  return cl_scale_name((enum cl_scale)i);
}

static const char *name_of_change(int i) {
  return cl_change_name((enum cl_change)i);
}

/* An array of scalars as values; texts borrow from the JSON. */
static int read_values(const struct place *p, const char *key, int *ret_n, struct cl_value **ret) {
  const json_t *array = find_key(p, key);
  if (array == NULL) return 0;
  size_t n = json_array_size(array);
  if (!json_is_array(array) || n < 1 || n > CL_LEVELS_MAX)
    return wrong(p, key, "a list of 1 to 100000 values");
  struct cl_value *values = cl_alloc_array(n, sizeof *values);
  if (values == NULL) return CL_FAIL_NOMEM(p->e);
  assert(*ret == NULL && *ret_n == 0);
  *ret = values; /* owned by the hyperparameter from here on, whatever follows */
  *ret_n = (int)n;
  for (size_t i = 0; i < n; i++)
    if (cl_value_from_json(json_array_get(array, i), &values[i], NULL) < 0)
      return wrong(p, key, "a list of numbers, strings, true, false or null");
  return 0;
}

static int read_numbers(const struct place *p, struct cl_hyperparameter *h) {
  bool normal = h->scale == CL_NORMAL || h->scale == CL_LOGNORMAL;
  h->lo = normal ? -INFINITY : NAN;
  h->hi = normal ? INFINITY : NAN;
  CL_TRY(read_number(p, "lo", -INFINITY, INFINITY, "a number", &h->lo));
  CL_TRY(read_number(p, "hi", -INFINITY, INFINITY, "a number", &h->hi));
  if (isnan(h->lo) || isnan(h->hi)) return wrong(p, "lo and hi", "given (only normal scales have no bounds)");
  CL_TRY(read_number(p, "mean", -INFINITY, INFINITY, "a number", &h->mean));
  CL_TRY(read_number(p, "sd", 0, INFINITY, "a number above 0", &h->sd));
  CL_TRY(read_number(p, "step", 0, INFINITY, "a number above 0", &h->step));
  return read_number(p, "zero", 0, 1, "a number in (0, 1)", &h->zero);
}

static int read_hyperparameter(const json_t *node, struct cl_hyperparameter *h, struct cl_err *e) {
  struct place p = {node, "a hyperparameter", e};
  if (!json_is_object(node)) return CL_FAIL(e, CLADE_ESPEC, "settings: a hyperparameter must be an object");
  CL_TRY(read_text(&p, "name", &h->name));
  if (h->name == NULL) return wrong(&p, "name", "a string");
  p.name = h->name;
  int64_t id = 0;
  int domain = 0, scale = CL_LINEAR;
  CL_TRY(read_int(&p, "id", 1, INT_MAX, "a whole number from 1", &id));
  CL_TRY(read_word(&p, "domain", name_of_domain, CL_FLOAT, CL_CONSTANT, &domain));
  CL_TRY(read_word(&p, "scale", name_of_scale, CL_LINEAR, CL_LOGNORMAL, &scale));
  if (domain == 0) return wrong(&p, "domain", "float, int, ordered, unordered or constant");
  h->id = (int)id;
  h->domain = (enum cl_domain)domain;
  h->scale = (enum cl_scale)scale;
  bool number = h->domain == CL_FLOAT || h->domain == CL_INTEGER;
  int change = number ? CL_LIVE : CL_RESTART;
  CL_TRY(read_word(&p, "change", name_of_change, CL_LIVE, CL_START, &change));
  h->change = (enum cl_change)change;
  if (number) CL_TRY(read_numbers(&p, h));
  if (!number) CL_TRY(read_values(&p, "values", &h->n_values, &h->values));
  CL_TRY(read_values(&p, "when", &h->n_when, &h->when));
  CL_TRY(read_bool(&p, "drawn", &h->drawn));
  CL_TRY(read_text(&p, "key", &h->key));
  CL_TRY(read_text(&p, "increment", &h->increment));
  CL_TRY(read_text(&p, "title", &h->title));
  const json_t *tuned = json_object_get(node, "tuned");
  if (tuned != NULL && cl_value_from_json(tuned, &h->tuned, NULL) < 0)
    return wrong(&p, "tuned", "a number, a string, true, false or null");
  return 0;
}

static const json_t *node_named(const json_t *list, const char *name) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *text = json_string_value(json_object_get(json_array_get(list, i), "name"));
    if (text != NULL && strcmp(text, name) == 0) return json_array_get(list, i);
  }
  return NULL;
}

/* Take over one hyperparameter if its parent stands in the space already (or it has none). */
static int place_one(const json_t *node, const json_t *list, struct cl_space *s, bool *ret_placed,
                     struct cl_err *e) {
  const char *name = json_string_value(json_object_get(node, "name"));
  const json_t *parent = json_object_get(node, "parent");
  int index = -1;
  if (parent != NULL && !json_is_null(parent)) {
    if (!json_is_string(parent) || node_named(list, json_string_value(parent)) == NULL)
      return CL_FAIL(e, CLADE_ESPEC, "%s: parent must be the name of a hyperparameter", name ? name : "?");
    index = cl_space_find(s, json_string_value(parent));
    if (index < 0) return 0;
  }
  assert(index < s->n && s->n < (int)json_array_size(list));
  struct cl_hyperparameter *h = &s->items[s->n];
  h->parent = index;
  s->n++; /* before it is read: cl_settings_destroy then frees what it holds */
  *ret_placed = true;
  return read_hyperparameter(node, h, e);
}

/* In the order of the list, apart from children that stand before their parent: they follow it. */
static int read_space(const json_t *list, struct cl_space *s, struct cl_err *e) {
  size_t n = json_array_size(list);
  if (list != NULL && !json_is_array(list))
    return CL_FAIL(e, CLADE_ESPEC, "settings: hyperparameters must be a list");
  if (n > CL_SPACE_MAX)
    return CL_FAIL(e, CLADE_ESPEC, "%zu hyperparameters, but at most %d are possible", n, CL_SPACE_MAX);
  s->items = cl_alloc_array(n, sizeof *s->items);
  bool *placed = cl_alloc_array(n, sizeof *placed);
  int status = s->items == NULL || placed == NULL ? CL_FAIL_NOMEM(e) : 0;
  for (bool more = true; more && status == 0;) {
    more = false;
    for (size_t i = 0; i < n && status == 0; i++) {
      if (placed[i]) continue;
      status = place_one(json_array_get(list, i), list, s, &placed[i], e);
      more = more || placed[i];
    }
  }
  cl_free(placed);
  assert(s->n >= 0 && (size_t)s->n <= n);
  if (status == 0 && s->n < (int)n)
    status = CL_FAIL(e, CLADE_ESPEC, "settings: hyperparameters are each other's parents");
  return status < 0 ? status : cl_space_finish(s, e);
}

static int read_constraints(const json_t *list, struct cl_space *s, struct cl_err *e) {
  size_t n = json_array_size(list);
  if (list != NULL && !json_is_array(list))
    return CL_FAIL(e, CLADE_ESPEC, "settings: constraints must be a list of strings");
  s->constraints = cl_alloc_array(n, sizeof *s->constraints);
  if (s->constraints == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < n; i++) {
    const char *text = json_string_value(json_array_get(list, i));
    if (text == NULL) return CL_FAIL(e, CLADE_ESPEC, "settings: constraint %zu must be a string", i + 1);
    CL_TRY(cl_constraint_parse(text, s, &s->constraints[i], e));
    s->n_constraints = (int)i + 1;
  }
  return 0;
}

/* --- the rest --- */

static const char *name_of_goal(int i) {
  return i == CL_MAXIMIZE ? "maximize" : "minimize";
}

static const char *name_of_reduce(int i) {
  static const char *const names[] = {"last", "best", "mean"};
  assert(i >= CL_LAST && i <= CL_MEAN);
  return names[i];
}

static int read_objectives(const struct place *p, struct cl_settings *s) {
  const json_t *list = find_key(p, "objectives");
  size_t n = json_array_size(list);
  if (n < 1 || n > CL_OBJECTIVES_MAX)
    return wrong(p, "objectives", "a list of 1 to 16 metrics with their goals");
  for (size_t i = 0; i < n; i++) {
    struct cl_objective *o = &s->objectives[i];
    struct place q = {json_array_get(list, i), "objectives", p->e};
    int goal = CL_MINIMIZE, reduce = CL_LAST;
    CL_TRY(read_text(&q, "name", &o->name));
    if (o->name == NULL) return wrong(&q, "name", "a string");
    if (find_key(&q, "goal") == NULL) return wrong(&q, "goal", "minimize or maximize");
    CL_TRY(read_word(&q, "goal", name_of_goal, CL_MINIMIZE, CL_MAXIMIZE, &goal));
    CL_TRY(read_word(&q, "reduce", name_of_reduce, CL_LAST, CL_MEAN, &reduce));
    o->goal = (enum cl_goal)goal;
    o->reduce = (enum cl_reduce)reduce;
  }
  s->n_objectives = (int)n;
  return 0;
}

static int read_program(const struct place *p, struct cl_settings *s) {
  const json_t *list = find_key(p, "program");
  if (list == NULL) return 0;
  size_t n = json_array_size(list);
  if (n < 1) return wrong(p, "program", "a list of strings");
  s->program = cl_alloc_array(n, sizeof *s->program);
  if (s->program == NULL) return CL_FAIL_NOMEM(p->e);
  for (size_t i = 0; i < n; i++) {
    s->program[i] = json_string_value(json_array_get(list, i));
    if (s->program[i] == NULL) return wrong(p, "program", "a list of strings");
  }
  s->n_program = (int)n;
  return 0;
}

static int read_limits(const struct place *settings, struct cl_settings *s) {
  struct place p = {find_key(settings, "limits"), "limits", settings->e};
  int64_t retries = s->retries, max_failures = s->max_failures;
  CL_TRY(need_kind(settings, "limits", json_is_object(p.object), "an object"));
  CL_TRY(read_number(&p, "time_s", 0, 1e12, "a number of seconds", &s->time_s));
  CL_TRY(read_number(&p, "grace_s", 0, 1e9, "a number of seconds", &s->grace_s));
  CL_TRY(read_number(&p, "reconnect_s", 0, 1e9, "a number of seconds", &s->reconnect_s));
  CL_TRY(read_int(&p, "memory_bytes", 0, INT64_MAX, "a number of bytes", &s->memory_bytes));
  CL_TRY(read_int(&p, "disk_bytes", 0, INT64_MAX, "a number of bytes", &s->disk_bytes));
  CL_TRY(read_int(&p, "retries", 0, 100, "a whole number in 0…100", &retries));
  CL_TRY(read_int(&p, "max_failures", 0, INT_MAX, "a whole number from 0", &max_failures));
  s->retries = (int)retries;
  s->max_failures = (int)max_failures;
  return 0;
}

static int read_running(const struct place *p, struct cl_settings *s) {
  int64_t parallel = 1, lag = 0, last = 0; /* cl_settings_last_id reads it */
  bool ordered = false;
  if (find_key(p, "trials") == NULL) return wrong(p, "trials", "given: the number of trials");
  CL_TRY(read_int(p, "trials", 1, CL_TRIALS_MAX, "a whole number in 1…1000000000000", &s->trials));
  CL_TRY(read_int(p, "parallel", 1, SLOTS_MAX, "a whole number in 1…1000000", &parallel));
  CL_TRY(read_int(p, "lag", 1, SLOTS_MAX, "a whole number in 1…1000000", &lag));
  CL_TRY(read_int(p, "last_id", 0, ID_MAX, "a whole number in 0…65535", &last));
  CL_TRY(read_bool(p, "ordered", &ordered));
  CL_TRY(read_bool(p, "repeats", &s->repeats));
  CL_TRY(read_bool(p, "tensorboard", &s->tensorboard));
  s->parallel = (int)parallel;
  bool population = find_key(p, "schedule") != NULL; /* none of them ends before all have begun */
  int64_t standard = !population ? parallel : s->trials < SLOTS_MAX ? s->trials : SLOTS_MAX;
  s->lag = !ordered ? 0 : (int)(lag > 0 ? lag : standard);
  return read_limits(p, s);
}

static int read_texts(const struct place *p, struct cl_settings *s) {
  CL_TRY(read_text(p, "study", &s->study));
  CL_TRY(read_text(p, "origin", &s->origin));
  CL_TRY(read_text(p, "cwd", &s->cwd));
  CL_TRY(read_text(p, "values_to", &s->values_to));
  CL_TRY(read_text(p, "computed", &s->computed));
  CL_TRY(read_text(p, "metric_regex", &s->metric_regex));
  CL_TRY(read_text(p, "step", &s->step));
  CL_TRY(read_text(p, "directory", &s->directory));
  if (s->study == NULL || s->study[0] == '\0') return wrong(p, "study", "given: its name");
  return 0;
}

static int read_methods(const struct place *p, struct cl_settings *s) {
  s->search = find_key(p, "search");
  s->schedule = find_key(p, "schedule");
  s->enqueue = find_key(p, "enqueue");
  s->paused = find_key(p, "paused");
  CL_TRY(need_kind(p, "search", json_is_object(s->search), "an object with a method"));
  CL_TRY(need_kind(p, "schedule", json_is_object(s->schedule), "an object with a method"));
  CL_TRY(need_kind(p, "enqueue", json_is_array(s->enqueue), "a list of objects {name: value}"));
  CL_TRY(need_kind(p, "paused", json_is_array(s->paused), "a list of trial numbers"));
  struct place q = {s->search, "search", p->e};
  s->method = "random";
  if (s->search != NULL) CL_TRY(read_text(&q, "method", &s->method));
  struct cl_value *room = cl_alloc_array((size_t)s->space.n, sizeof *room);
  if (room == NULL) return CL_FAIL_NOMEM(p->e);
  int status = 0;
  for (size_t i = 0; i < json_array_size(s->enqueue) && status == 0; i++)
    status = cl_settings_enqueued(s, (int64_t)i, room, p->e);
  cl_free(room);
  return status;
}

static int read_all(struct cl_settings *s, struct cl_err *e) {
  struct place p = {s->json, "settings", e};
  if (!json_is_object(s->json)) return CL_FAIL(e, CLADE_ESPEC, "settings must be a JSON object");
  CL_TRY(read_texts(&p, s));
  CL_TRY(read_program(&p, s));
  CL_TRY(read_objectives(&p, s));
  CL_TRY(read_space(find_key(&p, "hyperparameters"), &s->space, e));
  CL_TRY(read_constraints(find_key(&p, "constraints"), &s->space, e));
  CL_TRY(read_running(&p, s));
  return read_methods(&p, s);
}

/* Takes `json` (also on failure). */
static int from_json(json_t *json, struct cl_settings **ret, struct cl_err *e) {
  struct cl_settings *s = cl_alloc(sizeof *s);
  if (s == NULL) {
    json_decref(json);
    return CL_FAIL_NOMEM(e);
  }
  *s = (struct cl_settings){.json = json, .grace_s = 10, .reconnect_s = 600, .max_failures = 5};
  s->space.version = 1;
  int status = read_all(s, e);
  if (status < 0) {
    cl_settings_destroy(s);
    return status;
  }
  assert_settings_state(s);
  *ret = s;
  return 0;
}

static int load_json(const char *text, json_t **ret, struct cl_err *e) {
  json_error_t error;
  json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  if (json == NULL)
    return CL_FAIL(e, CLADE_ESPEC, "settings are no JSON: line %d, column %d: %s", error.line, error.column,
                   error.text);
  *ret = json;
  return 0;
}

int cl_settings_parse(const char *json, struct cl_settings **ret, struct cl_err *e) {
  json_t *node = NULL;
  CL_TRY(load_json(json, &node, e));
  return from_json(node, ret, e);
}

void cl_settings_destroy(struct cl_settings *s) {
  if (s == NULL) return;
  for (int i = 0; i < s->space.n; i++) {
    cl_free(s->space.items[i].values);
    cl_free(s->space.items[i].when);
  }
  for (int i = 0; i < s->space.n_constraints; i++) cl_constraint_destroy(s->space.constraints[i]);
  cl_free(s->space.constraints);
  cl_free(s->space.items);
  cl_free(s->program);
  json_decref(s->json);
  cl_free(s);
}

/* --- update --- */

int cl_settings_last_id(const struct cl_settings *s) {
  int last = (int)json_integer_value(json_object_get(s->json, "last_id"));
  for (int i = 0; i < s->space.n; i++)
    if (s->space.items[i].id > last) last = s->space.items[i].id;
  assert(last >= 0 && last <= ID_MAX);
  return last;
}

/* An id keeps its name for ever: stored values would else change their meaning. */
static int check_ids(const struct cl_settings *old, const struct cl_settings *new, struct cl_err *e) {
  for (int i = 0; i < new->space.n; i++) {
    const struct cl_hyperparameter *h = &new->space.items[i];
    int before = cl_space_find_id(&old->space, h->id);
    if (before < 0 && h->id <= cl_settings_last_id(old))
      return CL_FAIL(e, CLADE_ESPEC, "%s: id %d was used before; a new hyperparameter needs one above %d",
                     h->name, h->id, cl_settings_last_id(old));
    if (before >= 0 && strcmp(old->space.items[before].name, h->name) != 0)
      return CL_FAIL(e, CLADE_ESPEC, "%s: id %d belongs to %s; a new hyperparameter needs one above %d",
                     h->name, h->id, old->space.items[before].name, cl_settings_last_id(old));
  }
  return 0;
}

/* Values, ranks and the first metrics of a study are about its objectives. */
static int check_objectives(const struct cl_settings *old, const struct cl_settings *new, struct cl_err *e) {
  bool same = old->n_objectives == new->n_objectives;
  for (int i = 0; i < old->n_objectives && same; i++) {
    const struct cl_objective *a = &old->objectives[i], *b = &new->objectives[i];
    same = strcmp(a->name, b->name) == 0 && a->goal == b->goal && a->reduce == b->reduce;
  }
  if (same) return 0;
  return CL_FAIL(e, CLADE_ESPEC,
                 "the objectives of a study stay as they were when it was created: begin another study");
}

int cl_settings_update(const struct cl_settings *old, const char *changes, struct cl_settings **ret,
                       struct cl_err *e) {
  json_t *patch = NULL;
  struct cl_settings *s = NULL;
  CL_TRY(load_json(changes, &patch, e));
  bool space =
      json_object_get(patch, "hyperparameters") != NULL || json_object_get(patch, "constraints") != NULL;
  json_t *merged = json_copy(old->json);
  int failed = merged == NULL || !json_is_object(patch) ? -1 : json_object_update(merged, patch);
  if (failed == 0) failed = json_object_set_new(merged, "last_id", json_integer(cl_settings_last_id(old)));
  json_decref(patch);
  if (failed != 0) {
    json_decref(merged);
    return CL_FAIL(e, CLADE_ESPEC, "the changes of the settings must be a JSON object");
  }
  CL_TRY(from_json(merged, &s, e));
  assert(old->space.version >= 1);
  s->space.version = old->space.version + (space ? 1 : 0);
  int status = check_ids(old, s, e);
  if (status == 0) status = check_objectives(old, s, e);
  if (status < 0)
    cl_settings_destroy(s);
  else
    *ret = s;
  return status;
}

/* --- enqueued points --- */

static int enqueue_one(const struct cl_settings *s, const char *name, const json_t *node,
                       struct cl_value *ret, struct cl_err *e) {
  int index = cl_space_find(&s->space, name);
  const char *nearest = cl_space_nearest(&s->space, name);
  if (index < 0)
    return CL_FAIL(e, CLADE_ESPEC, "no hyperparameter is called %s%s%s%s", name,
                   nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
  struct cl_value v = {0};
  CL_TRY(cl_value_from_json(node, &v, e));
  return cl_space_convert(&s->space.items[index], v, &ret[index], e);
}

/* A child's value without a parent's would be lost or not, by chance. */
static int check_parents(const struct cl_space *s, const struct cl_value *values, struct cl_err *e) {
  for (int i = 0; i < s->n; i++) {
    if (values[i].kind == CL_ABSENT || cl_space_is_active(s, i, values)) continue;
    assert(s->items[i].parent >= 0);                                  /* the others are always active */
    if (s->items[s->items[i].parent].domain == CL_CONSTANT) continue; /* never given, always there */
    const char *parent = s->items[s->items[i].parent].name;
    return CL_FAIL(e, CLADE_ESPEC,
                   "%s is not active under this value of %s; give %s a value under which it is",
                   s->items[i].name, parent, parent);
  }
  return 0;
}

int64_t cl_settings_enqueues(const struct cl_settings *s) {
  return (int64_t)json_array_size(s->enqueue);
}

const char *cl_settings_scheduler(const struct cl_settings *s) {
  return json_string_value(json_object_get(s->schedule, "method"));
}

int cl_settings_enqueued(const struct cl_settings *s, int64_t index, struct cl_value *ret, struct cl_err *e) {
  assert(index >= 0 && index < cl_settings_enqueues(s));
  const json_t *point = json_array_get(s->enqueue, (size_t)index);
  int status = json_is_object(point) ? 0 : CL_FAIL(e, CLADE_ESPEC, "it must be an object {name: value}");
  for (int i = 0; i < s->space.n; i++) ret[i] = (struct cl_value){0};
  /* jansson's iterators want a mutable object, and leave it alone */
  json_t *object = (json_t *)(uintptr_t)point;
  for (void *it = json_object_iter(object); it != NULL && status == 0; it = json_object_iter_next(object, it))
    status = enqueue_one(s, json_object_iter_key(it), json_object_iter_value(it), ret, e);
  if (status == 0) status = check_parents(&s->space, ret, e);
  if (status == 0 || status == CLADE_ENOMEM) return status;
  cl_err_prefix(e, "enqueue, point %lld: ", (long long)index + 1);
  if (e != NULL) e->code = CLADE_ESPEC;
  return CLADE_ESPEC;
}

/* --- objectives --- */

double cl_objective_sign(const struct cl_objective *o) {
  assert(o->goal == CL_MINIMIZE || o->goal == CL_MAXIMIZE);
  return o->goal == CL_MAXIMIZE ? 1 : -1;
}

bool cl_objective_better(const struct cl_objective *o, double a, double b) {
  if (!isfinite(a)) return false;
  return !isfinite(b) || cl_objective_sign(o) * a > cl_objective_sign(o) * b;
}
