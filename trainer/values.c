/* A small array searched by name: a trainer has tens of hyperparameters and asks for them once per report. */
#include "trainer/values.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* Copies texts, so that the value outlives the message it came in. */
static int copy_value(const struct cl_wire_value *from, struct cl_wire_value *ret, struct cl_err *e) {
  struct cl_wire_value copy = *from;
  if (from->kind == CL_WIRE_TEXT) {
    copy.text = cl_copy_text(from->text);
    if (copy.text == NULL) return CL_FAIL_NOMEM(e);
  }
  *ret = copy;
  return 0;
}

static void free_value(struct cl_wire_value *v) {
  if (v->kind == CL_WIRE_TEXT) cl_free((void *)v->text);
  *v = (struct cl_wire_value){0};
}

static void free_item(struct cl_trainer_value *item) {
  free_value(&item->study);
  free_value(&item->own);
  cl_free(item->own_text);
  cl_free(item->shown);
  cl_free(item->name);
}

void cl_trainer_values_done(struct cl_trainer_values *v) {
  for (size_t i = 0; i < v->n; i++) free_item(&v->items[i]);
  cl_free(v->items);
  *v = (struct cl_trainer_values){0};
}

const char *cl_trainer_argument(const struct cl_trainer_values *v, const char *name) {
  const char *found = NULL;
  size_t n = strlen(name);
  for (int i = 1; i < v->argc && v->argv[i] != NULL; i++) {
    const char *arg = v->argv[i];
    if (strcmp(arg, "--") == 0) break;
    if (strncmp(arg, "--", 2) != 0 || strncmp(arg + 2, name, n) != 0) continue;
    if (arg[n + 2] == '=') found = arg + n + 3;
    if (arg[n + 2] != '\0') continue;
    const char *next = i + 1 < v->argc ? v->argv[i + 1] : NULL;
    found = next == NULL || strncmp(next, "--", 2) == 0 ? "true" : next;
  }
  return found;
}

/* CLADE_PARAM_<name> */
static const char *find_environment(const char *name) {
  static const char prefix[] = "CLADE_PARAM_";
  char key[sizeof prefix + CL_MESSAGE_NAME_MAX];
  size_t n = strlen(name);
  assert(n <= CL_MESSAGE_NAME_MAX);
  memcpy(key, prefix, sizeof prefix - 1);
  for (size_t i = 0; i <= n; i++) {
    char c = name[i];
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '\0';
    key[sizeof prefix - 1 + i] = plain ? c : '_';
  }
  return getenv(key);
}

static struct cl_wire_value read_text(const char *text) {
  struct cl_wire_value value = {.kind = CL_WIRE_NULL};
  if (strcmp(text, "null") == 0) return value;
  if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
    value.kind = CL_WIRE_BOOL;
    value.boolean = text[0] == 't';
  } else if (cl_text_to_int(text, &value.integer)) {
    value.kind = CL_WIRE_INT;
  } else if (cl_text_to_number(text, &value.number)) {
    value.kind = CL_WIRE_FLOAT;
  } else {
    value.kind = CL_WIRE_TEXT;
    value.text = text;
  }
  return value;
}

/* Replace what the item is without a study. */
static int set_own(struct cl_trainer_value *item, const char *text, struct cl_err *e) {
  struct cl_wire_value read = read_text(text), value;
  char *copy = cl_copy_text(text);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  int status = copy_value(&read, &value, e);
  if (status < 0) {
    cl_free(copy);
    return status;
  }
  free_value(&item->own);
  cl_free(item->own_text);
  item->own = value;
  item->own_text = copy;
  if (!item->has_study) {
    cl_free(item->shown);
    item->shown = NULL;
  }
  return 0;
}

static int check_name(const char *name, struct cl_err *e) {
  size_t n = name == NULL ? 0 : strnlen(name, CL_MESSAGE_NAME_MAX + 1);
  if (n == 0) return CL_FAIL(e, CLADE_EINVAL, "a hyperparameter needs a name");
  if (n <= CL_MESSAGE_NAME_MAX) return 0;
  return CL_FAIL(e, CLADE_EINVAL, "the name of a hyperparameter is longer than %d bytes: %.40s...",
                 CL_MESSAGE_NAME_MAX, name);
}

static int add_item(struct cl_trainer_values *v, const char *name, struct cl_trainer_value **ret,
                    struct cl_err *e) {
  if (cl_grow(&v->items, &v->capacity, v->n + 1, sizeof *v->items) < 0) return CL_FAIL_NOMEM(e);
  struct cl_trainer_value item = {.name = cl_copy_text(name)};
  if (item.name == NULL) return CL_FAIL_NOMEM(e);
  const char *given = cl_trainer_argument(v, name);
  if (given == NULL) given = find_environment(name);
  item.given = given != NULL;
  int status = given == NULL ? 0 : set_own(&item, given, e);
  if (status < 0) {
    free_item(&item);
    return status;
  }
  v->items[v->n] = item;
  *ret = &v->items[v->n++];
  return 0;
}

/* The item of that name, made where there was none. */
static int get_item(struct cl_trainer_values *v, const char *name, struct cl_trainer_value **ret,
                    struct cl_err *e) {
  CL_TRY(check_name(name, e));
  for (size_t i = 0; i < v->n; i++) {
    if (strcmp(v->items[i].name, name) != 0) continue;
    *ret = &v->items[i];
    return 0;
  }
  return add_item(v, name, ret, e);
}

int cl_trainer_value_find(struct cl_trainer_values *v, const char *name, struct cl_trainer_value **ret,
                          struct cl_err *e) {
  struct cl_trainer_value *item = NULL;
  CL_TRY(get_item(v, name, &item, e));
  *ret = item->has_study || item->own_text != NULL ? item : NULL;
  return 0;
}

int cl_trainer_value_default(struct cl_trainer_values *v, const char *name, const char *text,
                             struct cl_err *e) {
  struct cl_trainer_value *item = NULL;
  CL_TRY(get_item(v, name, &item, e));
  item->has_default = true;
  if (item->given) return 0;
  return set_own(item, text == NULL ? "null" : text, e);
}

int cl_trainer_value_set(struct cl_trainer_values *v, const struct cl_wire_pair *pair, struct cl_err *e) {
  struct cl_trainer_value *item = NULL;
  struct cl_wire_value value;
  CL_TRY(get_item(v, pair->name, &item, e));
  bool had = item->has_study || item->own_text != NULL;
  if (had && cl_wire_value_equal(item->has_study ? &item->study : &item->own, &pair->value)) {
    if (item->has_study) return 0;
  } else {
    item->changed = true;
  }
  CL_TRY(copy_value(&pair->value, &value, e));
  free_value(&item->study);
  item->study = value;
  item->has_study = true;
  cl_free(item->shown);
  item->shown = NULL;
  return 0;
}

void cl_trainer_values_settle(struct cl_trainer_values *v) {
  for (size_t i = 0; i < v->n; i++) v->items[i].changed = false;
}

static const struct cl_wire_value *in_force(const struct cl_trainer_value *v) {
  assert(v->has_study || v->own_text != NULL);
  return v->has_study ? &v->study : &v->own;
}

static int add_shown(struct cl_text *t, const struct cl_trainer_value *v) {
  const struct cl_wire_value *value = in_force(v);
  if (!v->has_study) {
    cl_text_add(t, v->own_text);
    return t->failed ? CLADE_ENOMEM : 0;
  }
  switch (value->kind) {
  case CL_WIRE_NULL: cl_text_add(t, "null"); break;
  case CL_WIRE_BOOL: cl_text_add(t, value->boolean ? "true" : "false"); break;
  case CL_WIRE_INT: cl_text_format(t, "%lld", (long long)value->integer); break;
  case CL_WIRE_FLOAT: cl_text_add_number(t, value->number); break;
  case CL_WIRE_TEXT: cl_text_add(t, value->text); break;
  }
  return t->failed ? CLADE_ENOMEM : 0;
}

static int fail_type(const struct cl_trainer_value *v, const char *type, struct cl_err *e) {
  struct cl_text text = {0};
  (void)add_shown(&text, v);
  int status = CL_FAIL(e, CLADE_EINVAL, "the value of '%s' is %.200s, which is not %s", v->name,
                       cl_text_get(&text), type);
  cl_text_done(&text);
  return status;
}

int cl_trainer_value_float(const struct cl_trainer_value *v, double *ret, struct cl_err *e) {
  const struct cl_wire_value *value = in_force(v);
  switch (value->kind) {
  case CL_WIRE_NULL: *ret = (double)NAN; return 0;
  case CL_WIRE_INT: *ret = (double)value->integer; return 0;
  case CL_WIRE_FLOAT: *ret = value->number; return 0;
  case CL_WIRE_TEXT:
    if (cl_text_to_number(value->text, ret)) return 0;
    break;
  case CL_WIRE_BOOL: break;
  }
  return fail_type(v, "a number", e);
}

int cl_trainer_value_int(const struct cl_trainer_value *v, int64_t *ret, struct cl_err *e) {
  const struct cl_wire_value *value = in_force(v);
  double x = value->kind == CL_WIRE_FLOAT ? value->number : (double)NAN;
  if (value->kind == CL_WIRE_INT) {
    *ret = value->integer;
  } else if (x >= -9223372036854775808.0 && x < 9223372036854775808.0 && (double)(int64_t)x == x) {
    *ret = (int64_t)x;
  } else if (value->kind != CL_WIRE_TEXT || !cl_text_to_int(value->text, ret)) {
    return fail_type(v, "an integer", e);
  }
  return 0;
}

int cl_trainer_value_bool(const struct cl_trainer_value *v, bool *ret, struct cl_err *e) {
  const struct cl_wire_value *value = in_force(v);
  bool yes = value->kind == CL_WIRE_TEXT && strcmp(value->text, "true") == 0;
  bool no = value->kind == CL_WIRE_TEXT && strcmp(value->text, "false") == 0;
  if (value->kind == CL_WIRE_BOOL) {
    *ret = value->boolean;
  } else if (value->kind == CL_WIRE_INT && (value->integer == 0 || value->integer == 1)) {
    *ret = value->integer == 1;
  } else if (yes || no) {
    *ret = yes;
  } else {
    return fail_type(v, "true or false", e);
  }
  return 0;
}

int cl_trainer_value_text(struct cl_trainer_value *v, const char **ret, struct cl_err *e) {
  if (in_force(v)->kind == CL_WIRE_NULL) {
    *ret = NULL;
    return 0;
  }
  if (v->shown == NULL) {
    struct cl_text text = {0};
    (void)add_shown(&text, v);
    v->shown = cl_text_take(&text);
    if (v->shown == NULL) return CL_FAIL_NOMEM(e);
  }
  *ret = v->shown;
  return 0;
}

int cl_trainer_value_unknown(const struct cl_trainer_values *v, const char *name, struct cl_err *e) {
  struct cl_text known = {0};
  for (size_t i = 0; i < v->n; i++) {
    const struct cl_trainer_value *item = &v->items[i];
    if (!item->has_study && item->own_text == NULL) continue;
    cl_text_format(&known, "%s%s", known.length == 0 ? "" : ", ", item->name);
  }
  int status = CL_FAIL(e, CLADE_EINVAL,
                       "there is no value of '%s'; there are: %s. Give it one by clade_trainer_default, "
                       "--%s=… or the study",
                       name, known.length == 0 ? "none" : cl_text_get(&known), name);
  cl_text_done(&known);
  return status;
}
