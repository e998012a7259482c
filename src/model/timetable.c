#include "model/timetable.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "model/event.h"

void cl_timetable_done(struct cl_timetable *t) {
  cl_arena_done(&t->arena);
  *t = (struct cl_timetable){0};
}

/* Reading. */

struct reading {
  struct cl_timetable *t;
  struct cl_err *e;
};

static int keep_text(struct reading *r, const json_t *object, const char *key, const char **ret) {
  const json_t *node = json_object_get(object, key);
  if (node == NULL || json_is_null(node)) return 0;
  if (!json_is_string(node)) return CL_FAIL(r->e, CLADE_ESPEC, "%s must be a text", key);
  *ret = cl_arena_text(&r->t->arena, json_string_value(node));
  return *ret == NULL ? CL_FAIL_NOMEM(r->e) : 0;
}

static int read_integer(struct reading *r, const json_t *object, const char *key, bool *ret_given,
                        int64_t *ret) {
  const json_t *node = json_object_get(object, key);
  if (node == NULL || json_is_null(node)) return 0;
  if (!json_is_integer(node)) return CL_FAIL(r->e, CLADE_ESPEC, "%s must be a whole number", key);
  *ret = json_integer_value(node);
  *ret_given = true;
  return 0;
}

static int read_end(struct reading *r, const json_t *object) {
  const json_t *node = json_object_get(object, "end");
  if (node == NULL || json_is_null(node)) return 0;
  if (!json_is_number(node) || !(json_number_value(node) > 0))
    return CL_FAIL(r->e, CLADE_ESPEC,
                   "end must be a step above 0, or be left out where training ends by itself");
  r->t->has_end = true;
  r->t->end = json_number_value(node);
  return 0;
}

/* `what`: "initial", "set". */
static int read_values(struct reading *r, const json_t *node, const char *what, size_t *ret_n,
                       const struct cl_timetable_value **ret) {
  if (!json_is_object(node))
    return CL_FAIL(r->e, CLADE_ESPEC, "%s must be a mapping of hyperparameters to their values", what);
  size_t n = 0;
  struct cl_timetable_value *values =
      cl_arena_array(&r->t->arena, json_object_size(node) + 1, sizeof *values);
  if (values == NULL) return CL_FAIL_NOMEM(r->e);
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)node, name, value) {
    struct cl_timetable_value *v = &values[n++];
    if (cl_value_from_json(value, &v->value, NULL) < 0)
      return CL_FAIL(r->e, CLADE_ESPEC,
                     "%s: the value of '%.100s' must be a number, a text, true, false or null", what, name);
    v->name = cl_arena_text(&r->t->arena, name);
    if (v->value.kind == CL_TEXT) v->value.as.text = cl_arena_text(&r->t->arena, v->value.as.text);
    if (v->name == NULL || (v->value.kind == CL_TEXT && v->value.as.text == NULL)) return CL_FAIL_NOMEM(r->e);
  }
  assert(n == json_object_size(node));
  *ret_n = n;
  *ret = values;
  return 0;
}

static int check_keys(const json_t *object, const char *const *known, const char *where, struct cl_err *e) {
  const char *key;
  json_t *value;
  assert(known[0] != NULL);
  json_object_foreach((json_t *)(uintptr_t)object, key, value) {
    size_t i = 0;
    while (known[i] != NULL && strcmp(known[i], key) != 0) i++;
    if (known[i] == NULL)
      return CL_FAIL(e, CLADE_ESPEC,
                     "%s has no key '%.100s'; its keys are study, trial, seed, metric, unit, end, "
                     "initial and changes, and those of a change step, set and cause",
                     where, key);
  }
  return 0;
}

static int read_change(struct reading *r, const json_t *node, struct cl_timetable_change *ret) {
  static const char *const keys[] = {"step", "set", "cause", NULL};
  const json_t *step = json_object_get(node, "step");
  if (!json_is_object(node) || !json_is_number(step))
    return CL_FAIL(r->e, CLADE_ESPEC, "it must be a mapping {step: NUMBER, set: {NAME: VALUE}, cause: TEXT}");
  CL_TRY(check_keys(node, keys, "a change", r->e));
  ret->step = json_number_value(step);
  if (!isfinite(ret->step)) return CL_FAIL(r->e, CLADE_ESPEC, "its step must be a finite number");
  CL_TRY(keep_text(r, node, "cause", &ret->cause));
  return read_values(r, json_object_get(node, "set"), "set", &ret->n, &ret->set);
}

static int read_changes(struct reading *r, const json_t *list) {
  if (list != NULL && !json_is_null(list) && !json_is_array(list))
    return CL_FAIL(r->e, CLADE_ESPEC, "changes must be a list");
  size_t n = json_array_size(list);
  struct cl_timetable_change *changes = cl_arena_array(&r->t->arena, n + 1, sizeof *changes);
  if (changes == NULL) return CL_FAIL_NOMEM(r->e);
  for (size_t i = 0; i < n; i++) {
    int status = read_change(r, json_array_get(list, i), &changes[i]);
    if (status == 0 && i > 0 && changes[i].step < changes[i - 1].step)
      status = CL_FAIL(r->e, CLADE_ESPEC, "its step %g stands behind step %g: steps never decrease",
                       changes[i].step, changes[i - 1].step);
    if (status < 0) return r->e == NULL ? status : cl_err_prefix(r->e, "change %zu: ", i + 1);
  }
  r->t->changes = changes;
  r->t->n_changes = n;
  return 0;
}

int cl_timetable_from_json(const json_t *node, struct cl_timetable *ret, struct cl_err *e) {
  static const char *const keys[] = {"study", "trial",   "seed",    "metric", "unit",
                                     "end",   "initial", "changes", NULL};
  struct cl_timetable t = {0};
  struct reading r = {&t, e};
  bool has_trial = false;
  int status = json_is_object(node) ? check_keys(node, keys, "a schedule", e)
                                    : CL_FAIL(e, CLADE_ESPEC, "a schedule must be a mapping");
  if (status == 0) status = keep_text(&r, node, "study", &t.study);
  if (status == 0) status = keep_text(&r, node, "metric", &t.metric);
  if (status == 0) status = keep_text(&r, node, "unit", &t.unit);
  if (status == 0) status = read_integer(&r, node, "trial", &has_trial, &t.trial);
  if (status == 0) status = read_integer(&r, node, "seed", &t.has_seed, &t.seed);
  if (status == 0) status = read_end(&r, node);
  if (status == 0)
    status = read_values(&r, json_object_get(node, "initial"), "initial", &t.n_initial, &t.initial);
  if (status == 0) status = read_changes(&r, json_object_get(node, "changes"));
  if (status < 0)
    cl_timetable_done(&t);
  else
    *ret = t;
  return status;
}

/* Writing. */

static void write_text(struct cl_text *ret, const char *key, const char *text) {
  cl_text_format(ret, "\"%s\": ", key);
  if (text == NULL)
    cl_text_add(ret, "null");
  else
    cl_text_add_json(ret, text);
}

static void write_values(struct cl_text *ret, const struct cl_timetable_value *values, size_t n) {
  assert(values != NULL || n == 0);
  cl_text_add_char(ret, '{');
  for (size_t i = 0; i < n; i++) {
    if (i > 0) cl_text_add(ret, ", ");
    cl_text_add_json(ret, values[i].name);
    cl_text_add(ret, ": ");
    cl_value_write_json(ret, values[i].value);
  }
  cl_text_add_char(ret, '}');
}

static void write_course(const struct cl_timetable *t, struct cl_text *ret) {
  if (t->has_end) {
    cl_text_add(ret, "\"end\": ");
    cl_text_add_json_number(ret, t->end);
    cl_text_add(ret, ", ");
  }
  cl_text_add(ret, "\"initial\": ");
  write_values(ret, t->initial, t->n_initial);
  cl_text_add(ret, ", \"changes\": [");
  for (size_t i = 0; i < t->n_changes; i++) {
    assert(i == 0 || t->changes[i].step >= t->changes[i - 1].step);
    cl_text_add(ret, i > 0 ? ", {\"step\": " : "{\"step\": ");
    cl_text_add_json_number(ret, t->changes[i].step);
    cl_text_add(ret, ", \"set\": ");
    write_values(ret, t->changes[i].set, t->changes[i].n);
    cl_text_add(ret, ", ");
    write_text(ret, "cause", t->changes[i].cause);
    cl_text_add_char(ret, '}');
  }
  cl_text_add_char(ret, ']');
}

void cl_timetable_write_json(const struct cl_timetable *t, struct cl_text *ret) {
  cl_text_add_char(ret, '{');
  write_text(ret, "study", t->study);
  if (t->trial != 0)
    cl_text_format(ret, ", \"trial\": %lld", (long long)t->trial);
  else
    cl_text_add(ret, ", \"trial\": null");
  if (t->has_seed)
    cl_text_format(ret, ", \"seed\": %lld, ", (long long)t->seed);
  else
    cl_text_add(ret, ", \"seed\": null, ");
  write_text(ret, "metric", t->metric);
  cl_text_add(ret, ", ");
  write_text(ret, "unit", t->unit);
  cl_text_add(ret, ", ");
  write_course(t, ret);
  cl_text_add_char(ret, '}');
}

/* 64 bit FNV-1a. */
int cl_timetable_hash(const struct cl_timetable *t, char ret[CL_TIMETABLE_HASH], struct cl_err *e) {
  struct cl_text text = {0};
  uint64_t hash = 0xCBF29CE484222325ull;
  write_course(t, &text);
  for (size_t i = 0; i < text.length; i++) hash = (hash ^ (unsigned char)text.bytes[i]) * 0x100000001B3ull;
  bool failed = text.failed;
  cl_text_done(&text);
  if (failed) return CL_FAIL_NOMEM(e);
  (void)snprintf(ret, CL_TIMETABLE_HASH, "%016llx", (unsigned long long)hash);
  return 0;
}

/* In terms of a space. */

void cl_course_done(struct cl_course *c) {
  cl_arena_done(&c->arena);
  *c = (struct cl_course){0};
}

static bool has_null(const struct cl_hyperparameter *h) {
  for (int i = 0; i < h->n_values; i++)
    if (h->values[i].kind == CL_NULL) return true;
  return false;
}

static bool changes_later(const struct cl_timetable *t, const char *name) {
  for (size_t i = 0; i < t->n_changes; i++)
    for (size_t k = 0; k < t->changes[i].n; k++)
      if (strcmp(t->changes[i].set[k].name, name) == 0) return true;
  return false;
}

static int put_value(const struct cl_timetable *t, const struct cl_space *space,
                     const struct cl_timetable_value *v, struct cl_value *values, struct cl_err *e) {
  int index = cl_space_find(space, v->name);
  if (index < 0 && t->foreign && !changes_later(t, v->name)) return 0;
  if (index < 0) {
    const char *near = cl_space_nearest(space, v->name);
    return CL_FAIL(e, CLADE_ESPEC, "the study has no hyperparameter '%.100s'%s%s%s", v->name,
                   near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                   near == NULL ? "" : "'?");
  }
  const struct cl_hyperparameter *h = &space->items[index];
  if (v->value.kind == CL_ABSENT || (v->value.kind == CL_NULL && !has_null(h))) {
    values[index] = (struct cl_value){0};
    return 0;
  }
  return cl_space_convert(h, v->value, &values[index], e);
}

static int fill(const struct cl_timetable *t, const struct cl_space *space, size_t entry,
                struct cl_value *values, struct cl_err *e) {
  const struct cl_timetable_value *set = entry == 0 ? t->initial : t->changes[entry - 1].set;
  size_t n = entry == 0 ? t->n_initial : t->changes[entry - 1].n;
  assert(entry <= t->n_changes && (set != NULL || n == 0));
  int status = 0;
  for (size_t i = 0; status == 0 && i < n; i++) status = put_value(t, space, &set[i], values, e);
  if (status == 0) cl_space_settle(space, values, NULL);
  if (status == 0) status = cl_space_check(space, values, e);
  if (status == 0 || status == CLADE_ENOMEM || e == NULL) return status;
  e->code = CLADE_ESPEC;
  (void)(entry == 0 ? cl_err_prefix(e, "the initial values: ")
                    : cl_err_prefix(e, "the change at step %g: ", t->changes[entry - 1].step));
  return CLADE_ESPEC;
}

int cl_course_make(const struct cl_timetable *t, const struct cl_space *space, struct cl_course *ret,
                   struct cl_err *e) {
  struct cl_course c = {.n = space->n, .entries = t->n_changes + 1, .end = t->has_end ? t->end : CL_NO_STEP};
  assert(space->n >= 0 && (t->n_changes == 0 || t->changes != NULL));
  size_t n = (size_t)space->n;
  double *steps = cl_arena_array(&c.arena, c.entries, sizeof *steps);
  struct cl_value *values = cl_arena_array(&c.arena, c.entries * n + 1, sizeof *values);
  int status = steps == NULL || values == NULL ? CL_FAIL_NOMEM(e) : 0;
  for (size_t k = 0; status == 0 && k < c.entries; k++) {
    struct cl_value *own = values + k * n;
    if (k > 0) memcpy(own, own - n, n * sizeof *own);
    steps[k] = k == 0 ? -INFINITY : t->changes[k - 1].step;
    assert(k == 0 || steps[k] >= steps[k - 1]);
    status = fill(t, space, k, own, e);
  }
  c.steps = steps;
  c.values = values;
  if (status < 0)
    cl_course_done(&c);
  else
    *ret = c;
  return status;
}

size_t cl_course_entry(const struct cl_course *c, double step) {
  size_t entry = 0;
  assert(c->entries >= 1 && c->steps[0] == -INFINITY);
  while (entry + 1 < c->entries && c->steps[entry + 1] <= step) entry++;
  assert(entry < c->entries);
  return entry;
}

double cl_course_next(const struct cl_course *c, size_t entry) {
  assert(entry < c->entries);
  double next = entry + 1 < c->entries ? c->steps[entry + 1] : CL_NO_STEP;
  return fmin(next, c->end); /* of a number and NaN, the number */
}

const struct cl_value *cl_course_values(const struct cl_course *c, size_t entry) {
  assert(entry < c->entries && c->n >= 0);
  return c->values + entry * (size_t)c->n;
}
