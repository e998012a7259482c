/* Writes messages, checking them like the reader does, so that nothing leaves that the peer would refuse. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "wire/field.h"
#include "wire/message.h"

static int check_text(const char *key, const char *text, struct cl_err *e) {
  size_t n = strnlen(text, CL_MESSAGE_MAX + 1);
  if (n > CL_MESSAGE_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "\"%s\" is longer than %d bytes (%.40s...)", key, CL_MESSAGE_MAX, text);
  if (!cl_text_is_utf8(text, n)) return CL_FAIL(e, CLADE_EINVAL, "\"%s\" is not UTF-8", key);
  return 0;
}

static int check_name(const char *key, const char *name, struct cl_err *e) {
  size_t n = strnlen(name, CL_MESSAGE_NAME_MAX + 1);
  if (n == 0) return CL_FAIL(e, CLADE_EINVAL, "\"%s\" holds an empty name", key);
  if (n > CL_MESSAGE_NAME_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "\"%s\" holds a name longer than %d bytes (%.40s...)", key,
                   CL_MESSAGE_NAME_MAX, name);
  if (!cl_text_is_utf8(name, n))
    return CL_FAIL(e, CLADE_EINVAL, "\"%s\" holds a name that is not UTF-8", key);
  return 0;
}

static int check_count(const char *key, size_t n, struct cl_err *e) {
  if (n <= CL_MESSAGE_ITEMS_MAX) return 0;
  return CL_FAIL(e, CLADE_ELIMIT, "\"%s\" holds %zu items, but the limit is %d", key, n,
                 CL_MESSAGE_ITEMS_MAX);
}

/* Floats keep a point or an exponent, so that they stay floats. */
static void add_float(struct cl_text *t, double x) {
  char text[CL_NUMBER_TEXT];
  (void)cl_number_text(x, text);
  bool quoted = !isfinite(x);
  if (quoted) cl_text_add_char(t, '"');
  cl_text_add(t, text);
  if (quoted) cl_text_add_char(t, '"');
  if (!quoted && strpbrk(text, ".e") == NULL) cl_text_add(t, ".0");
}

static void add_key(struct cl_text *t, const char *key, bool first) {
  if (!first) cl_text_add_char(t, ',');
  cl_text_add_json(t, key);
  cl_text_add_char(t, ':');
}

static int add_value(struct cl_text *t, const struct cl_wire_pair *p, struct cl_err *e) {
  switch (p->value.kind) {
  case CL_WIRE_NULL: cl_text_add(t, "null"); return 0;
  case CL_WIRE_BOOL: cl_text_add(t, p->value.boolean ? "true" : "false"); return 0;
  case CL_WIRE_INT: cl_text_add_integer(t, p->value.integer); return 0;
  case CL_WIRE_FLOAT:
    if (!isfinite(p->value.number))
      return CL_FAIL(e, CLADE_EINVAL, "the value of \"%s\" is not finite", p->name);
    add_float(t, p->value.number);
    return 0;
  case CL_WIRE_TEXT:
    CL_TRY(check_text(p->name, p->value.text, e));
    cl_text_add_json(t, p->value.text);
    return 0;
  }
  assert(false); /* every kind was handled above */
  return 0;
}

static int add_values(struct cl_text *t, const struct cl_message *m, struct cl_err *e) {
  CL_TRY(check_count("values", m->n_values, e));
  cl_text_add_char(t, '{');
  for (size_t i = 0; i < m->n_values; i++) {
    CL_TRY(check_name("values", m->values[i].name, e));
    for (size_t j = 0; j < i; j++)
      if (strcmp(m->values[i].name, m->values[j].name) == 0)
        return CL_FAIL(e, CLADE_EINVAL, "\"values\" holds \"%s\" twice", m->values[i].name);
    add_key(t, m->values[i].name, i == 0);
    CL_TRY(add_value(t, &m->values[i], e));
  }
  cl_text_add_char(t, '}');
  return 0;
}

static int add_metrics(struct cl_text *t, const struct cl_message *m, struct cl_err *e) {
  CL_TRY(check_count("metrics", m->n_metrics, e));
  cl_text_add_char(t, '{');
  for (size_t i = 0; i < m->n_metrics; i++) {
    CL_TRY(check_name("metrics", m->metrics[i].name, e));
    for (size_t j = 0; j < i; j++)
      if (strcmp(m->metrics[i].name, m->metrics[j].name) == 0)
        return CL_FAIL(e, CLADE_EINVAL, "\"metrics\" holds \"%s\" twice", m->metrics[i].name);
    add_key(t, m->metrics[i].name, i == 0);
    add_float(t, m->metrics[i].value);
  }
  cl_text_add_char(t, '}');
  return 0;
}

static int add_missing(struct cl_text *t, const struct cl_message *m, struct cl_err *e) {
  CL_TRY(check_count("missing", m->n_missing, e));
  cl_text_add_char(t, '[');
  for (size_t i = 0; i < m->n_missing; i++) {
    CL_TRY(check_name("missing", m->missing[i], e));
    if (i > 0) cl_text_add_char(t, ',');
    cl_text_add_json(t, m->missing[i]);
  }
  cl_text_add_char(t, ']');
  return 0;
}

static void add_can(struct cl_text *t, unsigned can) {
  bool first = true;
  cl_text_add_char(t, '"');
  for (unsigned bit = 0; cl_field_can_text(bit) != NULL; bit++) {
    if ((can >> bit & 1) == 0) continue;
    if (!first) cl_text_add_char(t, ' ');
    cl_text_add(t, cl_field_can_text(bit));
    first = false;
  }
  cl_text_add_char(t, '"');
}

/* Is the member 0, so that its key can be left out? */
static bool is_default(const struct cl_message *m, const struct cl_field *field) {
  switch (field->kind) {
  case CL_FIELD_TEXT: return *(const char *const *)((const char *)m + field->offset) == NULL;
  case CL_FIELD_INT: return *(const int64_t *)((const char *)m + field->offset) == 0;
  case CL_FIELD_STEP: return false;
  case CL_FIELD_SAVE_AT: return !m->has_save_at;
  case CL_FIELD_BOOL: return !*(const bool *)((const char *)m + field->offset);
  case CL_FIELD_CAN: return m->can == 0;
  case CL_FIELD_WAY: return m->way == CL_MESSAGE_WAY_DIRECTORY;
  case CL_FIELD_VALUES: return m->n_values == 0;
  case CL_FIELD_METRICS: return m->n_metrics == 0;
  case CL_FIELD_MISSING: return m->n_missing == 0;
  }
  return false;
}

static int add_int(struct cl_text *t, const struct cl_field *field, int64_t x, struct cl_err *e) {
  assert(field->kind == CL_FIELD_INT);
  if (x < field->least)
    return CL_FAIL(e, CLADE_EINVAL, "\"%s\" is %lld, but must be at least %lld", field->key, (long long)x,
                   (long long)field->least);
  cl_text_add_integer(t, x);
  return 0;
}

static int add_number(struct cl_text *t, const struct cl_field *field, double x, struct cl_err *e) {
  bool known = field->kind == CL_FIELD_SAVE_AT ? !isnan(x) : isfinite(x);
  if (!known) return CL_FAIL(e, CLADE_EINVAL, "\"%s\" must be a finite number", field->key);
  add_float(t, x);
  return 0;
}

static int add_field(struct cl_text *t, const struct cl_message *m, const struct cl_field *field,
                     struct cl_err *e) {
  const void *member = (const char *)m + field->offset;
  const char *text = NULL;
  switch (field->kind) {
  case CL_FIELD_TEXT:
    text = *(const char *const *)member;
    if (text == NULL) return CL_FAIL(e, CLADE_EINVAL, "\"%s\" is missing", field->key);
    CL_TRY(check_text(field->key, text, e));
    cl_text_add_json(t, text);
    return 0;
  case CL_FIELD_INT: return add_int(t, field, *(const int64_t *)member, e);
  case CL_FIELD_STEP:
  case CL_FIELD_SAVE_AT: return add_number(t, field, *(const double *)member, e);
  case CL_FIELD_BOOL: cl_text_add(t, *(const bool *)member ? "true" : "false"); return 0;
  case CL_FIELD_CAN: add_can(t, m->can); return 0;
  case CL_FIELD_WAY:
    text = cl_field_way_text(m->way);
    assert(text != NULL);
    cl_text_add_json(t, text);
    return 0;
  case CL_FIELD_VALUES: return add_values(t, m, e);
  case CL_FIELD_METRICS: return add_metrics(t, m, e);
  case CL_FIELD_MISSING: return add_missing(t, m, e);
  }
  return 0;
}

static int add_message(struct cl_text *t, const struct cl_message *m, struct cl_err *e) {
  cl_text_add(t, "{\"type\":");
  cl_text_add_json(t, cl_message_type_text(m->type));
  for (size_t i = 0; i < CL_FIELDS; i++) {
    const struct cl_field *field = &cl_field_table[i];
    if (!cl_field_allowed(m->type, i)) continue;
    if (!cl_field_required(m->type, i) && is_default(m, field)) continue;
    add_key(t, field->key, false);
    CL_TRY(add_field(t, m, field, e));
  }
  cl_text_add(t, "}");
  return 0;
}

int cl_message_write(struct cl_text *t, const struct cl_message *m, struct cl_err *e) {
  assert(m->type < CL_MESSAGE_TYPES);
  if (t->failed) return CL_FAIL_NOMEM(e);
  assert(t->length == 0 || t->bytes[t->length] == '\0');
  size_t before = t->length;
  int status = add_message(t, m, e);
  size_t n = t->length - before;
  if (status == 0 && n > CL_MESSAGE_MAX)
    status = CL_FAIL(e, CLADE_ELIMIT, "it has %zu bytes, but the limit is %d", n, CL_MESSAGE_MAX);
  if (status < 0) (void)cl_err_prefix(e, "message \"%s\": ", cl_message_type_text(m->type));
  cl_text_add(t, status < 0 ? NULL : "\n");
  if (t->failed) status = CL_FAIL_NOMEM(e);
  if (status < 0) {
    t->failed = false;
    cl_text_cut(t, before);
  }
  return status;
}
