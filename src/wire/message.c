/* Reads messages: one pass over the line, guided by the table of fields. */
#include "wire/message.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "wire/field.h"
#include "wire/scan.h"

void cl_message_memory_done(struct cl_message_memory *m) {
  cl_free(m->bytes);
  cl_free(m->values);
  cl_free(m->metrics);
  cl_free(m->missing);
  *m = (struct cl_message_memory){0};
}

bool cl_wire_value_equal(const struct cl_wire_value *a, const struct cl_wire_value *b) {
  if (a->kind != b->kind) return false;
  switch (a->kind) {
  case CL_WIRE_NULL: return true;
  case CL_WIRE_BOOL: return a->boolean == b->boolean;
  case CL_WIRE_INT: return a->integer == b->integer;
  case CL_WIRE_FLOAT: return a->number == b->number;
  case CL_WIRE_TEXT: return strcmp(a->text, b->text) == 0;
  }
  return false;
}

/* A finite number, or one of the three in quotes. */
static bool value_to_number(const struct cl_wire_value *v, double *ret) {
  if (v->kind == CL_WIRE_INT) *ret = (double)v->integer;
  if (v->kind == CL_WIRE_FLOAT) *ret = v->number;
  if (v->kind != CL_WIRE_TEXT) return v->kind == CL_WIRE_INT || v->kind == CL_WIRE_FLOAT;
  if (strcmp(v->text, "nan") == 0) {
    *ret = (double)NAN;
  } else if (strcmp(v->text, "inf") == 0) {
    *ret = (double)INFINITY;
  } else if (strcmp(v->text, "-inf") == 0) {
    *ret = -(double)INFINITY;
  } else {
    return false;
  }
  return true;
}

/* Name and colon of one item of `values` or `metrics`. */
static int read_name(struct cl_scan *s, const char *key, size_t n_items, const char **ret, struct cl_err *e) {
  const char *name = NULL;
  CL_TRY(cl_scan_text(s, &name, e));
  if (name[0] == '\0') return CL_FAIL(e, CLADE_EPROTOCOL, "\"%s\" holds an empty name", key);
  if (strlen(name) > CL_MESSAGE_NAME_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "\"%s\" holds a name of %zu bytes (%.40s...), but the limit is %d", key,
                   strlen(name), name, CL_MESSAGE_NAME_MAX);
  if (n_items == CL_MESSAGE_ITEMS_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "\"%s\" holds more than %d items", key, CL_MESSAGE_ITEMS_MAX);
  *ret = name;
  return 0;
}

static int fail_doubled(const char *key, const char *name, struct cl_err *e) {
  return CL_FAIL(e, CLADE_EPROTOCOL, "\"%s\" holds \"%s\" twice", key, name);
}

static int read_value(struct cl_scan *s, const char *key, struct cl_message *ret, struct cl_err *e) {
  struct cl_message_memory *m = s->memory;
  struct cl_wire_pair pair = {0};
  CL_TRY(read_name(s, key, ret->n_values, &pair.name, e));
  for (size_t i = 0; i < ret->n_values; i++)
    if (strcmp(m->values[i].name, pair.name) == 0) return fail_doubled(key, pair.name, e);
  CL_TRY(cl_scan_expect(s, ':', "behind a name", e));
  CL_TRY(cl_scan_scalar(s, &pair.value, e));
  if (cl_grow(&m->values, &m->cap_values, ret->n_values + 1, sizeof *m->values) < 0) return CL_FAIL_NOMEM(e);
  m->values[ret->n_values++] = pair;
  ret->values = m->values;
  return 0;
}

static int read_metric(struct cl_scan *s, const char *key, struct cl_message *ret, struct cl_err *e) {
  struct cl_message_memory *m = s->memory;
  struct cl_wire_metric metric = {0};
  struct cl_wire_value value;
  CL_TRY(read_name(s, key, ret->n_metrics, &metric.name, e));
  for (size_t i = 0; i < ret->n_metrics; i++)
    if (strcmp(m->metrics[i].name, metric.name) == 0) return fail_doubled(key, metric.name, e);
  CL_TRY(cl_scan_expect(s, ':', "behind a name", e));
  CL_TRY(cl_scan_scalar(s, &value, e));
  if (!value_to_number(&value, &metric.value))
    return CL_FAIL(e, CLADE_EPROTOCOL, "metric \"%s\" must be a number, or \"nan\", \"inf\" or \"-inf\"",
                   metric.name);
  if (cl_grow(&m->metrics, &m->cap_metrics, ret->n_metrics + 1, sizeof *m->metrics) < 0)
    return CL_FAIL_NOMEM(e);
  m->metrics[ret->n_metrics++] = metric;
  ret->metrics = m->metrics;
  return 0;
}

static int read_missing(struct cl_scan *s, const char *key, struct cl_message *ret, struct cl_err *e) {
  struct cl_message_memory *m = s->memory;
  const char *name = NULL;
  CL_TRY(read_name(s, key, ret->n_missing, &name, e));
  if (cl_grow(&m->missing, &m->cap_missing, ret->n_missing + 1, sizeof *m->missing) < 0)
    return CL_FAIL_NOMEM(e);
  m->missing[ret->n_missing++] = name;
  ret->missing = m->missing;
  return 0;
}

typedef int read_item(struct cl_scan *s, const char *key, struct cl_message *ret, struct cl_err *e);

/* Items between `open` and `close`. */
static int read_nested(struct cl_scan *s, const char *key, char open, char close, read_item *item,
                       struct cl_message *ret, struct cl_err *e) {
  assert((open == '{' && close == '}') || (open == '[' && close == ']'));
  CL_TRY(cl_scan_expect(s, open, "behind this key", e));
  if (cl_scan_peek(s) == close) return cl_scan_expect(s, close, "", e);
  for (;;) {
    CL_TRY(item(s, key, ret, e));
    if (cl_scan_peek(s) != ',') return cl_scan_expect(s, close, "or ','", e);
    CL_TRY(cl_scan_expect(s, ',', "", e));
  }
}

static unsigned can_from_words(const char *words) {
  unsigned can = 0;
  for (const char *at = words; *at != '\0';) {
    size_t n = strcspn(at, " ");
    for (unsigned bit = 0; cl_field_can_text(bit) != NULL; bit++) {
      const char *word = cl_field_can_text(bit);
      if (strlen(word) == n && memcmp(word, at, n) == 0) can |= 1u << bit;
    }
    at += n;
    while (*at == ' ') at++;
  }
  return can;
}

static int fail_kind(const struct cl_field *field, const char *must, struct cl_err *e) {
  return CL_FAIL(e, CLADE_EPROTOCOL, "\"%s\" must be %s", field->key, must);
}

static int store_int(const struct cl_field *field, const struct cl_wire_value *v, struct cl_message *ret,
                     struct cl_err *e) {
  assert(field->kind == CL_FIELD_INT && field->offset + sizeof v->integer <= sizeof *ret);
  if (v->kind != CL_WIRE_INT) return fail_kind(field, "an integer of 64 bits", e);
  if (v->integer < field->least)
    return CL_FAIL(e, CLADE_EPROTOCOL, "\"%s\" is %lld, but must be at least %lld", field->key,
                   (long long)v->integer, (long long)field->least);
  memcpy((char *)ret + field->offset, &v->integer, sizeof v->integer);
  return 0;
}

static int store_number(const struct cl_field *field, const struct cl_wire_value *v, struct cl_message *ret,
                        struct cl_err *e) {
  double x = 0;
  assert(field->offset + sizeof x <= sizeof *ret);
  if (!value_to_number(v, &x)) return fail_kind(field, "a number", e);
  bool save_at = field->kind == CL_FIELD_SAVE_AT;
  if (save_at ? isnan(x) : !isfinite(x)) return fail_kind(field, "a finite number", e);
  if (save_at) ret->has_save_at = true;
  memcpy((char *)ret + field->offset, &x, sizeof x);
  return 0;
}

static int store_way(const struct cl_field *field, const char *text, struct cl_message *ret,
                     struct cl_err *e) {
  for (unsigned i = 0; i < CL_MESSAGE_WAYS; i++) {
    if (strcmp(text, cl_field_way_text((enum cl_message_way)i)) != 0) continue;
    ret->way = (enum cl_message_way)i;
    return 0;
  }
  return fail_kind(field, "\"directory\", \"region\" or \"fork\"", e);
}

static int store_scalar(const struct cl_field *field, const struct cl_wire_value *v, struct cl_message *ret,
                        struct cl_err *e) {
  char *member = (char *)ret + field->offset;
  switch (field->kind) {
  case CL_FIELD_INT: return store_int(field, v, ret, e);
  case CL_FIELD_STEP:
  case CL_FIELD_SAVE_AT: return store_number(field, v, ret, e);
  case CL_FIELD_BOOL:
    if (v->kind != CL_WIRE_BOOL) return fail_kind(field, "true or false", e);
    memcpy(member, &v->boolean, sizeof v->boolean);
    return 0;
  default: break;
  }
  if (v->kind != CL_WIRE_TEXT) return fail_kind(field, "a text", e);
  if (field->kind == CL_FIELD_WAY) return store_way(field, v->text, ret, e);
  if (field->kind == CL_FIELD_CAN) {
    ret->can = can_from_words(v->text);
  } else {
    memcpy(member, &v->text, sizeof v->text);
  }
  return 0;
}

/* The value of a known key. *ret_null: it was null. */
static int read_field(struct cl_scan *s, const struct cl_field *field, struct cl_message *ret, bool *ret_null,
                      struct cl_err *e) {
  char c = cl_scan_peek(s);
  if (c != 'n') {
    if (field->kind == CL_FIELD_VALUES) return read_nested(s, field->key, '{', '}', read_value, ret, e);
    if (field->kind == CL_FIELD_METRICS) return read_nested(s, field->key, '{', '}', read_metric, ret, e);
    if (field->kind == CL_FIELD_MISSING) return read_nested(s, field->key, '[', ']', read_missing, ret, e);
  }
  struct cl_wire_value value;
  CL_TRY(cl_scan_scalar(s, &value, e));
  *ret_null = value.kind == CL_WIRE_NULL;
  return *ret_null ? 0 : store_scalar(field, &value, ret, e);
}

static size_t find_field(enum cl_message_type type, const char *key) {
  for (size_t i = 0; i < CL_FIELDS; i++)
    if (strcmp(cl_field_table[i].key, key) == 0) return cl_field_allowed(type, i) ? i : CL_FIELDS;
  return CL_FIELDS;
}

/* `{"type":"report"` */
static int read_type(struct cl_scan *s, enum cl_message_type *ret, struct cl_err *e) {
  const char *key = NULL, *text = NULL;
  CL_TRY(cl_scan_expect(s, '{', "before a message", e));
  CL_TRY(cl_scan_text(s, &key, e));
  if (strcmp(key, "type") != 0)
    return CL_FAIL(e, CLADE_EPROTOCOL, "the first key of a message must be \"type\", not \"%.40s\"", key);
  CL_TRY(cl_scan_expect(s, ':', "behind a key", e));
  CL_TRY(cl_scan_text(s, &text, e));
  for (unsigned i = 0; i < CL_MESSAGE_TYPES; i++) {
    if (strcmp(text, cl_message_type_text((enum cl_message_type)i)) != 0) continue;
    *ret = (enum cl_message_type)i;
    return 0;
  }
  return CL_FAIL(e, CLADE_EPROTOCOL, "\"%.40s\" is not a type of message", text);
}

/* All keys behind the type; *ret_seen: a bit for each field that was there and not null. */
static int read_keys(struct cl_scan *s, struct cl_message *ret, uint32_t *ret_seen, struct cl_err *e) {
  uint32_t there = 0, filled = 0; /* a bit for each field */
  static_assert(CL_FIELDS <= 32, "fields have more than the bits of a word");
  while (cl_scan_peek(s) == ',') {
    const char *key = NULL;
    CL_TRY(cl_scan_expect(s, ',', "", e));
    CL_TRY(cl_scan_text(s, &key, e));
    CL_TRY(cl_scan_expect(s, ':', "behind a key", e));
    size_t i = find_field(ret->type, key);
    if (i == CL_FIELDS) {
      CL_TRY(cl_scan_skip(s, e));
      continue;
    }
    bool null = false;
    if ((there >> i & 1) != 0) return CL_FAIL(e, CLADE_EPROTOCOL, "the key \"%s\" stands there twice", key);
    CL_TRY(read_field(s, &cl_field_table[i], ret, &null, e));
    there |= UINT32_C(1) << i;
    if (!null) filled |= UINT32_C(1) << i;
  }
  CL_TRY(cl_scan_expect(s, '}', "or ','", e));
  *ret_seen = filled;
  return 0;
}

static int read_message(struct cl_scan *s, struct cl_message *ret, struct cl_err *e) {
  CL_TRY(read_type(s, &ret->type, e));
  uint32_t seen = 0;
  int status = read_keys(s, ret, &seen, e);
  for (size_t i = 0; status == 0 && i < CL_FIELDS; i++)
    if (cl_field_required(ret->type, i) && (seen >> i & 1) == 0)
      status = CL_FAIL(e, CLADE_EPROTOCOL, "\"%s\" is missing", cl_field_table[i].key);
  if (status == CLADE_EPROTOCOL || status == CLADE_ELIMIT)
    (void)cl_err_prefix(e, "message \"%s\": ", cl_message_type_text(ret->type));
  CL_TRY(status);
  (void)cl_scan_peek(s);
  return s->at == s->end ? 0 : cl_scan_fail(s, "expected the end of the line behind a message", e);
}

int cl_message_parse(const char *line, size_t n, struct cl_message_memory *memory, struct cl_message *ret,
                     struct cl_err *e) {
  if (n > CL_MESSAGE_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "a message has %zu bytes, but the limit is %d", n, CL_MESSAGE_MAX);
  if (cl_grow(&memory->bytes, &memory->capacity, n + 1, 1) < 0) return CL_FAIL_NOMEM(e);
  memory->used = 0;
  struct cl_scan s = {.begin = line, .at = line, .end = line + n, .memory = memory};
  struct cl_message message = {0};
  CL_TRY(read_message(&s, &message, e));
  assert(memory->used <= n);
  *ret = message;
  return 0;
}
