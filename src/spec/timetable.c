#include "spec/timetable.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "spec/spec_impl.h"

#define FILE_MAX (16 << 20)

/* YAML as JSON: a mapping of mappings, lists and scalars. Gives; null without memory, or for a key that is no
 * scalar. The tree is no deeper than CL_TREE_DEPTH. */

static json_t *scalar_to_json(const struct cl_node *node) {
  struct cl_value v = cl_node_value(node);
  switch (v.kind) {
  case CL_BOOL: return json_boolean(v.as.truth);
  case CL_INT: return json_integer(v.as.integer);
  case CL_REAL: return json_real(v.as.real);
  case CL_TEXT: return json_string(v.as.text);
  case CL_ABSENT:
  case CL_NULL: break;
  }
  return json_null();
}

static json_t *node_to_json(const struct cl_node *given, int depth) {
  const struct cl_node *node = given == NULL ? NULL : cl_node_resolve(given);
  if (node == NULL || cl_node_is_null(node) || depth > CL_TREE_DEPTH) return json_null();
  if (node->kind == CL_SCALAR) return scalar_to_json(node);
  if (node != given)
    return json_null(); /* aliases of aliases grow without bound, and nobody needs them here */
  bool mapping = node->kind == CL_MAPPING;
  json_t *all = mapping ? json_object() : json_array();
  for (const struct cl_node *n = node->first; n != NULL && all != NULL; n = n->next) {
    const char *key = mapping ? n->text : NULL;
    if (mapping) n = n->next;
    assert(n != NULL);
    json_t *one = node_to_json(n, depth + 1);
    int failed =
        mapping ? json_object_set_new(all, key == NULL ? "" : key, one) : json_array_append_new(all, one);
    if (failed) {
      json_decref(all);
      return NULL;
    }
  }
  return all;
}

static int parse_yaml(const char *text, size_t n, const char *name, struct cl_timetable *ret,
                      struct cl_err *e) {
  struct cl_source source = {.name = name, .text = text, .n = n};
  struct cl_arena arena = {0};
  struct cl_node *root = NULL;
  int status = cl_tree_parse(&source, &arena, true, &root, e);
  if (status == 0) status = cl_tree_check_keys(&source, root, e);
  json_t *json = status == 0 ? node_to_json(root, 0) : NULL;
  if (status == 0 && json == NULL) status = CL_FAIL_NOMEM(e);
  if (status == 0) {
    status = cl_timetable_from_json(json, ret, e);
    if (status < 0 && e != NULL) (void)cl_err_prefix(e, "%s: ", name);
  }
  json_decref(json);
  cl_arena_done(&arena);
  return status;
}

/* Ray. */

struct row {
  json_t *json;
  const char *target, *clone;
  const json_t *before, *after;
  double step; /* of the clone, when it was copied */
};

static int read_row(const char *line, size_t n, int number, const char *name, struct row *ret,
                    struct cl_err *e) {
  json_error_t why;
  ret->json = json_loadb(line, n, 0, &why);
  const json_t *list = ret->json;
  if (list == NULL) return CL_FAIL(e, CLADE_ESPEC, "%s:%d: not JSON: %.100s", name, number, why.text);
  ret->target = json_string_value(json_array_get(list, 0));
  ret->clone = json_string_value(json_array_get(list, 1));
  ret->step = json_number_value(json_array_get(list, 3));
  ret->before = json_array_get(list, 4);
  ret->after = json_array_get(list, 5);
  if (json_array_size(list) == 6 && ret->target != NULL && ret->clone != NULL &&
      json_is_number(json_array_get(list, 3)) && json_is_object(ret->before) && json_is_object(ret->after))
    return 0;
  return CL_FAIL(
      e, CLADE_ESPEC,
      "%s:%d: a line of Ray's policy files is [target, clone, target's iteration, clone's iteration, "
      "old config, new config]",
      name, number);
}

/* Scalars of a nested configuration into one flat object. */
static int flatten(json_t *into, const char *prefix, const json_t *config, int depth, struct cl_err *e) {
  const char *key;
  json_t *value;
  if (depth > CL_TREE_DEPTH) return 0;
  json_object_foreach((json_t *)(uintptr_t)config, key, value) {
    struct cl_text name = {0};
    cl_text_format(&name, "%s%s%s", prefix, prefix[0] == '\0' ? "" : "/", key);
    int status = name.failed ? CL_FAIL_NOMEM(e) : 0;
    if (status == 0 && json_is_object(value)) status = flatten(into, cl_text_get(&name), value, depth + 1, e);
    if (status == 0 && !json_is_object(value) && !json_is_array(value) &&
        json_object_set(into, cl_text_get(&name), value) != 0)
      status = CL_FAIL_NOMEM(e);
    cl_text_done(&name);
    CL_TRY(status);
  }
  return 0;
}

/* What `after` has that `before` has not, or otherwise. Gives; null without memory. */
static json_t *difference(const json_t *before, const json_t *after) {
  json_t *set = json_object();
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)after, key, value) {
    if (json_equal(json_object_get(before, key), value) || json_object_set(set, key, value) == 0) continue;
    json_decref(set);
    return NULL;
  }
  return set;
}

static int add_ray_change(json_t *changes, const struct row *row, json_t **now, struct cl_err *e) {
  json_t *next = json_object(), *change = NULL;
  int status = next == NULL ? CL_FAIL_NOMEM(e) : flatten(next, "", row->after, 0, e);
  if (status == 0) {
    json_t *set = difference(*now, next);
    bool empty = json_object_size(set) == 0;
    change = json_pack("{s:f, s:o, s:s}", "step", row->step, "set", set, "cause", "exploit");
    if (change == NULL || (!empty && json_array_append(changes, change) != 0)) status = CL_FAIL_NOMEM(e);
  }
  json_decref(change);
  if (status < 0) {
    json_decref(next);
    return status;
  }
  json_decref(*now);
  *now = next;
  return 0;
}

/* The chain that ends with the last row. */
static int follow_rows(const struct row *rows, size_t n, const char *name, struct cl_timetable *ret,
                       struct cl_err *e) {
  assert(n >= 1);
  size_t first = n - 1;
  while (first > 0 && strcmp(rows[first - 1].target, rows[first].clone) == 0) first--;
  struct cl_timetable made = {0};
  json_t *changes = json_array(), *now = json_object(), *initial = NULL, *all = NULL;
  int status = changes == NULL || now == NULL ? CL_FAIL_NOMEM(e) : flatten(now, "", rows[first].before, 0, e);
  if (status == 0 && (initial = json_copy(now)) == NULL) status = CL_FAIL_NOMEM(e);
  for (size_t i = first; status == 0 && i < n; i++) {
    if (i > first && rows[i].step < rows[i - 1].step)
      status = CL_FAIL(e, CLADE_ESPEC, "%s: the iteration %g stands behind %g: a chain never goes back", name,
                       rows[i].step, rows[i - 1].step);
    if (status == 0) status = add_ray_change(changes, &rows[i], &now, e);
  }
  if (status == 0 && (all = json_pack("{s:O, s:O}", "initial", initial, "changes", changes)) == NULL)
    status = CL_FAIL_NOMEM(e);
  if (status == 0) status = cl_timetable_from_json(all, &made, e);
  if (status == 0) {
    made.foreign = true;
    made.unit = cl_arena_text(&made.arena, "training_iteration");
    if (made.unit == NULL) status = CL_FAIL_NOMEM(e);
  }
  if (status == 0)
    *ret = made;
  else
    cl_timetable_done(&made);
  json_decref(all);
  json_decref(changes);
  json_decref(now);
  json_decref(initial);
  return status;
}

static int parse_ray(const char *text, size_t n, const char *name, struct cl_timetable *ret,
                     struct cl_err *e) {
  struct row *rows = NULL;
  size_t n_rows = 0, cap = 0;
  int status = 0, number = 0;
  for (const char *p = text, *end = text + n; p < end && status == 0;) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    size_t length = (size_t)((stop == NULL ? end : stop) - p);
    number++;
    if (strspn(p, " \t\r") < length) {
      status = cl_grow(&rows, &cap, n_rows + 1, sizeof *rows) < 0 ? CL_FAIL_NOMEM(e) : 0;
      if (status == 0) {
        rows[n_rows] = (struct row){0};
        status = read_row(p, length, number, name, &rows[n_rows++], e);
      }
    }
    p += length + 1;
  }
  assert(status < 0 || n_rows > 0); /* the first line is a list */
  if (status == 0) status = follow_rows(rows, n_rows, name, ret, e);
  for (size_t i = 0; i < n_rows; i++) json_decref(rows[i].json);
  cl_free(rows);
  return status;
}

int cl_timetable_parse(const char *text, size_t n, const char *name, struct cl_timetable *ret,
                       struct cl_err *e) {
  size_t blanks = strspn(text, " \t\r\n");
  if (blanks >= n)
    return CL_FAIL(e, CLADE_ESPEC, "%s is empty: a schedule has `initial:` and `changes:`", name);
  return text[blanks] == '[' ? parse_ray(text, n, name, ret, e) : parse_yaml(text, n, name, ret, e);
}

int cl_timetable_load(const char *path, struct cl_timetable *ret, struct cl_err *e) {
  char *text = NULL;
  size_t n = 0;
  CL_TRY(cl_file_read(path, FILE_MAX, &text, &n, e));
  int status = cl_timetable_parse(text, n, path, ret, e);
  cl_free(text);
  return status;
}

/* Writing. */

static void write_key(struct cl_text *ret, const char *name) {
  cl_yaml_write(ret, cl_value_text(name));
  cl_text_add(ret, ": ");
}

static void write_text(struct cl_text *ret, const char *key, const char *text) {
  cl_text_format(ret, "%s: ", key);
  cl_yaml_write(ret, text == NULL ? (struct cl_value){0} : cl_value_text(text));
}

static void write_values(struct cl_text *ret, const struct cl_timetable_value *values, size_t n) {
  cl_text_add_char(ret, '{');
  for (size_t i = 0; i < n; i++) {
    if (i > 0) cl_text_add(ret, ", ");
    write_key(ret, values[i].name);
    cl_yaml_write(ret, values[i].value);
  }
  cl_text_add_char(ret, '}');
}

static void write_step(struct cl_text *ret, double step) {
  bool whole =
      fabs(step) < 0x1p53 && rint(step) == step; /* beyond, an integer would say more than is known */
  cl_yaml_write(ret, whole ? cl_value_int((int64_t)step) : cl_value_real(step));
}

void cl_timetable_write_yaml(const struct cl_timetable *t, struct cl_text *ret) {
  struct cl_value none = {0};
  write_text(ret, "study", t->study);
  cl_text_add(ret, "\ntrial: ");
  cl_yaml_write(ret, t->trial == 0 ? none : cl_value_int(t->trial));
  cl_text_add(ret, "\nseed: ");
  cl_yaml_write(ret, t->has_seed ? cl_value_int(t->seed) : none);
  cl_text_add_char(ret, '\n');
  write_text(ret, "metric", t->metric);
  cl_text_add_char(ret, '\n');
  write_text(ret, "unit", t->unit);
  if (t->has_end) {
    cl_text_add(ret, "\nend: ");
    write_step(ret, t->end);
  }
  cl_text_add(ret, "\ninitial: ");
  write_values(ret, t->initial, t->n_initial);
  cl_text_add(ret, t->n_changes == 0 ? "\nchanges: []\n" : "\nchanges:\n");
  for (size_t i = 0; i < t->n_changes; i++) {
    const struct cl_timetable_change *c = &t->changes[i];
    cl_text_add(ret, "  - {step: ");
    write_step(ret, c->step);
    cl_text_add(ret, ", set: ");
    write_values(ret, c->set, c->n);
    cl_text_add(ret, ", ");
    write_text(ret, "cause", c->cause);
    cl_text_add(ret, "}\n");
  }
}

/* CSV. */

static void write_field(struct cl_text *ret, const char *text) {
  bool quoted = strpbrk(text, ",\"\r\n") != NULL;
  if (!quoted) {
    cl_text_add(ret, text);
    return;
  }
  cl_text_add_char(ret, '"');
  for (; *text != '\0'; text++) {
    if (*text == '"') cl_text_add_char(ret, '"');
    cl_text_add_char(ret, *text);
  }
  cl_text_add_char(ret, '"');
}

static size_t find_name(const char *const *names, size_t n, const char *name) {
  size_t i = 0;
  while (i < n && strcmp(names[i], name) != 0) i++;
  return i;
}

struct columns {
  const char **names;
  struct cl_value *values;
  size_t n;
};

static void take_values(struct columns *c, const struct cl_timetable_value *values, size_t n) {
  for (size_t i = 0; i < n; i++) {
    size_t at = find_name(c->names, c->n, values[i].name);
    assert(at <= c->n && values[i].name != NULL);
    if (at == c->n) c->names[c->n++] = values[i].name;
    c->values[at] = values[i].value;
  }
}

static void write_line(struct cl_text *ret, const struct columns *c, double step, const char *cause) {
  struct cl_text field = {0};
  char number[CL_NUMBER_TEXT];
  cl_text_add(ret, cl_number_text(step, number));
  cl_text_add_char(ret, ',');
  write_field(ret, cause == NULL ? "" : cause);
  for (size_t i = 0; i < c->n; i++) {
    cl_text_clear(&field);
    cl_value_write(&field, c->values[i]);
    cl_text_add_char(ret, ',');
    write_field(ret, cl_text_get(&field));
    ret->failed = ret->failed || field.failed;
  }
  cl_text_add(ret, "\r\n");
  cl_text_done(&field);
}

static void write_lines(const struct cl_timetable *t, struct columns *c, struct cl_text *ret) {
  take_values(c, t->initial,
              t->n_initial); /* the columns: those it begins with, then those that come later */
  for (size_t i = 0; i < t->n_changes; i++) take_values(c, t->changes[i].set, t->changes[i].n);
  cl_text_add(ret, "step,cause");
  for (size_t i = 0; i < c->n; i++) {
    c->values[i] = (struct cl_value){0};
    cl_text_add_char(ret, ',');
    write_field(ret, c->names[i]);
  }
  cl_text_add(ret, "\r\n");
  take_values(c, t->initial, t->n_initial);
  write_line(ret, c, 0, NULL);
  for (size_t i = 0; i < t->n_changes; i++) {
    take_values(c, t->changes[i].set, t->changes[i].n);
    write_line(ret, c, t->changes[i].step, t->changes[i].cause);
  }
}

int cl_timetable_write_csv(const struct cl_timetable *t, struct cl_text *ret, struct cl_err *e) {
  struct cl_arena arena = {0};
  size_t most = t->n_initial;
  for (size_t i = 0; i < t->n_changes; i++) most += t->changes[i].n;
  struct columns c = {.names = cl_arena_array(&arena, most + 1, sizeof *c.names),
                      .values = cl_arena_array(&arena, most + 1, sizeof *c.values)};
  int status = c.names == NULL || c.values == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) write_lines(t, &c, ret);
  cl_arena_done(&arena);
  return status;
}
