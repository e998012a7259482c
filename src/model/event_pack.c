/* Integers in groups of seven bits, the low ones first, so that small ones of either sign take one byte;
 * reals and texts as they are, a text with its zero byte; lists with their length before them. The fields of
 * a kind follow the common ones in the order of its table. */
#include "model/event_pack.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

enum { LATE = 1, DECIDED = 2 }; /* DECIDED: seen, as_of, cause and args follow */

/* a - b, of any two; it gives b back, too: a - (a - b). */
static int64_t distance(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* How much room. */

enum { INTEGER_MAX = 10, COMMON_MAX = 2 + 9 * INTEGER_MAX };

static size_t text_max(const char *text) {
  return INTEGER_MAX + (text == NULL ? 0 : strlen(text) + 1);
}

static size_t assigned_max(const struct cl_assigned_list *list) {
  size_t n = INTEGER_MAX + (size_t)list->n * (2 * INTEGER_MAX + 1);
  for (int i = 0; i < list->n; i++)
    if (list->items[i].value.kind == CL_TEXT) n += strlen(list->items[i].value.as.text) + 1;
  return n;
}

static size_t metrics_max(const struct cl_metric_list *list) {
  size_t n = INTEGER_MAX;
  for (int i = 0; i < list->n; i++) n += INTEGER_MAX + sizeof(double) + text_max(list->items[i].name);
  return n;
}

static size_t names_max(const struct cl_name_list *list) {
  size_t n = INTEGER_MAX;
  for (int i = 0; i < list->n; i++) n += text_max(list->items[i]);
  return n;
}

static size_t field_max(const void *from, enum cl_field_type type) {
  switch (type) {
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: return text_max(*(const char *const *)from);
  case CL_FIELD_ASSIGNED: return assigned_max(from);
  case CL_FIELD_METRICS: return metrics_max(from);
  case CL_FIELD_NUMBERS:
    return INTEGER_MAX + (size_t)((const struct cl_number_list *)from)->n * sizeof(double);
  case CL_FIELD_NAMES: return names_max(from);
  case CL_FIELD_ROLLUP: return 3 * sizeof(double) + INTEGER_MAX;
  case CL_FIELD_INT32:
  case CL_FIELD_INT64:
  case CL_FIELD_BOOL:
  case CL_FIELD_REAL: break;
  }
  return INTEGER_MAX;
}

size_t cl_event_pack_max(const struct cl_event *ev) {
  size_t n = COMMON_MAX + (ev->args == NULL ? 0 : text_max(ev->args));
  for (const struct cl_field *f = cl_kind_fields(ev->kind); f->name != NULL; f++)
    n += field_max((const char *)ev + f->offset, f->type);
  return n;
}

/* Writing: each returns where the next one writes. */

static char *put_byte(char *to, int byte) {
  *to = (char)byte;
  return to + 1;
}

static char *put_bytes(char *to, const void *bytes, size_t n) {
  if (n > 0) memcpy(to, bytes, n);
  return to + n;
}

static char *put_integer(char *to, int64_t x) {
  uint64_t rest = ((uint64_t)x << 1) ^ (x < 0 ? UINT64_MAX : 0);
  for (; rest >= 128; rest >>= 7) *to++ = (char)(rest | 128);
  *to++ = (char)rest;
  return to;
}

static char *put_real(char *to, double x) {
  x += 0.0; /* -0.0 becomes 0.0 */
  return put_bytes(to, &x, sizeof x);
}

static char *put_text(char *to, const char *text) {
  size_t n = text == NULL ? 0 : strlen(text) + 1;
  return put_bytes(put_integer(to, (int64_t)n), text, n);
}

static char *put_value(char *to, struct cl_value v) {
  to = put_byte(to, (int)v.kind);
  switch (v.kind) {
  case CL_ABSENT:
  case CL_NULL: return to;
  case CL_BOOL: return put_byte(to, v.as.truth);
  case CL_INT: return put_integer(to, v.as.integer);
  case CL_REAL: return put_real(to, v.as.real);
  case CL_TEXT: return put_text(to, v.as.text);
  }
  return to;
}

static char *put_assigned(char *to, const struct cl_assigned_list *list) {
  to = put_integer(to, list->n);
  for (int i = 0; i < list->n; i++) to = put_value(put_integer(to, list->items[i].id), list->items[i].value);
  return to;
}

static char *put_metrics(char *to, const struct cl_metric_list *list) {
  to = put_integer(to, list->n);
  for (int i = 0; i < list->n; i++) {
    to = put_integer(to, list->items[i].id);
    to = put_text(to, list->items[i].name);
    to = put_real(to, list->items[i].value);
  }
  return to;
}

static char *put_numbers(char *to, const struct cl_number_list *list) {
  to = put_integer(to, list->n);
  for (int i = 0; i < list->n; i++) to = put_real(to, list->items[i]);
  return to;
}

static char *put_names(char *to, const struct cl_name_list *list) {
  to = put_integer(to, list->n);
  for (int i = 0; i < list->n; i++) to = put_text(to, list->items[i]);
  return to;
}

static char *put_rollup(char *to, const struct cl_rollup *r) {
  to = put_real(to, r->last);
  to = put_real(to, r->best);
  to = put_real(to, r->sum);
  return put_integer(to, r->count);
}

static char *put_field(char *to, const void *from, enum cl_field_type type) {
  switch (type) {
  case CL_FIELD_INT32: return put_integer(to, *(const int32_t *)from);
  case CL_FIELD_INT64: return put_integer(to, *(const int64_t *)from);
  case CL_FIELD_BOOL: return put_byte(to, *(const bool *)from);
  case CL_FIELD_REAL: return put_real(to, *(const double *)from);
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: return put_text(to, *(const char *const *)from);
  case CL_FIELD_ASSIGNED: return put_assigned(to, from);
  case CL_FIELD_METRICS: return put_metrics(to, from);
  case CL_FIELD_NUMBERS: return put_numbers(to, from);
  case CL_FIELD_NAMES: return put_names(to, from);
  case CL_FIELD_ROLLUP: return put_rollup(to, from);
  }
  return to;
}

size_t cl_event_pack(const struct cl_event *ev, char *ret) {
  bool decided = ev->seen != 0 || ev->as_of != 0 || ev->cause != CL_CAUSE_NONE || ev->args != NULL;
  assert(ev->kind > 0 && ev->kind < CL_EVENT_KINDS);
  char *to = put_byte(ret, (int)ev->kind);
  to = put_byte(to, (ev->late ? LATE : 0) | (decided ? DECIDED : 0));
  to = put_integer(to, ev->subject);
  to = put_integer(to, ev->attempt);
  to = put_integer(to, ev->position);
  to = put_integer(to, ev->time_ms);
  to = put_integer(to, ev->by);
  if (decided) {
    to = put_integer(to, distance(ev->position, ev->seen)); /* mostly short */
    to = put_integer(to, distance(ev->position, ev->as_of));
    to = put_integer(to, (int64_t)ev->cause);
    to = put_text(to, ev->args);
  }
  for (const struct cl_field *f = cl_kind_fields(ev->kind); f->name != NULL; f++)
    to = put_field(to, (const char *)ev + f->offset, f->type);
  return (size_t)(to - ret);
}

/* Reading. */

static int take_byte(const char **at) {
  return (unsigned char)*(*at)++;
}

static int64_t take_integer(const char **at) {
  uint64_t x = 0;
  unsigned shift = 0, byte;
  do {
    assert(shift < 64);
    byte = (unsigned)take_byte(at);
    x |= (uint64_t)(byte & 127) << shift;
    shift += 7;
  } while (byte >= 128);
  return (int64_t)(x >> 1) ^ -(int64_t)(x & 1);
}

static double take_real(const char **at) {
  double x;
  memcpy(&x, *at, sizeof x);
  *at += sizeof x;
  return x;
}

static const char *take_text(const char **at) {
  int64_t n = take_integer(at);
  const char *text = n == 0 ? NULL : *at;
  assert(n == 0 || text[n - 1] == '\0');
  *at += n;
  return text;
}

static struct cl_value take_value(const char **at) {
  struct cl_value v = {.kind = (enum cl_value_kind)take_byte(at)};
  switch (v.kind) {
  case CL_ABSENT:
  case CL_NULL: break;
  case CL_BOOL: v.as.truth = take_byte(at) != 0; break;
  case CL_INT: v.as.integer = take_integer(at); break;
  case CL_REAL: v.as.real = take_real(at); break;
  case CL_TEXT: v.as.text = take_text(at); break;
  }
  return v;
}

/* The length of a list, for which there is room then. */
static int take_length(const char **at, void *items, size_t *cap, size_t size, int *ret, struct cl_err *e) {
  int64_t n = take_integer(at);
  assert(n >= 0 && n <= INT32_MAX);
  if (cl_grow(items, cap, (size_t)n, size) < 0) return CL_FAIL_NOMEM(e);
  *ret = (int)n;
  return 0;
}

static int take_assigned(const char **at, struct cl_unpacked *u, struct cl_assigned_list *ret,
                         struct cl_err *e) {
  CL_TRY(take_length(at, &u->assigned, &u->cap_assigned, sizeof *u->assigned, &ret->n, e));
  for (int i = 0; i < ret->n; i++) {
    int id = (int)take_integer(at);
    u->assigned[i] = (struct cl_assigned){id, take_value(at)};
  }
  ret->items = u->assigned;
  return 0;
}

static int take_metrics(const char **at, struct cl_unpacked *u, struct cl_metric_list *ret,
                        struct cl_err *e) {
  CL_TRY(take_length(at, &u->metrics, &u->cap_metrics, sizeof *u->metrics, &ret->n, e));
  for (int i = 0; i < ret->n; i++) {
    u->metrics[i].id = (int)take_integer(at);
    u->metrics[i].name = take_text(at);
    u->metrics[i].value = take_real(at);
  }
  ret->items = u->metrics;
  return 0;
}

static int take_numbers(const char **at, struct cl_unpacked *u, struct cl_number_list *ret,
                        struct cl_err *e) {
  CL_TRY(take_length(at, &u->numbers, &u->cap_numbers, sizeof *u->numbers, &ret->n, e));
  for (int i = 0; i < ret->n; i++) u->numbers[i] = take_real(at);
  ret->items = u->numbers;
  return 0;
}

static int take_names(const char **at, struct cl_unpacked *u, struct cl_name_list *ret, struct cl_err *e) {
  CL_TRY(take_length(at, &u->names, &u->cap_names, sizeof *u->names, &ret->n, e));
  for (int i = 0; i < ret->n; i++) u->names[i] = take_text(at);
  ret->items = u->names;
  return 0;
}

static void take_rollup(const char **at, struct cl_rollup *ret) {
  ret->last = take_real(at);
  ret->best = take_real(at);
  ret->sum = take_real(at);
  ret->count = take_integer(at);
}

static int take_field(const char **at, struct cl_unpacked *u, const struct cl_field *f, struct cl_err *e) {
  void *to = (char *)&u->ev + f->offset;
  switch (f->type) {
  case CL_FIELD_INT32: *(int32_t *)to = (int32_t)take_integer(at); break;
  case CL_FIELD_INT64: *(int64_t *)to = take_integer(at); break;
  case CL_FIELD_BOOL: *(bool *)to = take_byte(at) != 0; break;
  case CL_FIELD_REAL: *(double *)to = take_real(at); break;
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: *(const char **)to = take_text(at); break;
  case CL_FIELD_ASSIGNED: return take_assigned(at, u, to, e);
  case CL_FIELD_METRICS: return take_metrics(at, u, to, e);
  case CL_FIELD_NUMBERS: return take_numbers(at, u, to, e);
  case CL_FIELD_NAMES: return take_names(at, u, to, e);
  case CL_FIELD_ROLLUP: take_rollup(at, to); break;
  }
  return 0;
}

/* Returns the flags. */
static int take_key(const char **at, struct cl_event_key *ret) {
  ret->kind = (enum cl_kind)take_byte(at);
  int flags = take_byte(at);
  assert(ret->kind > 0 && ret->kind < CL_EVENT_KINDS);
  ret->subject = take_integer(at);
  ret->attempt = (int32_t)take_integer(at);
  return flags;
}

struct cl_event_key cl_event_peek(const char *packed) {
  struct cl_event_key key;
  (void)take_key(&packed, &key);
  return key;
}

int cl_event_unpack(const char *packed, struct cl_unpacked *ret, struct cl_err *e) {
  struct cl_event_key key;
  const char *at = packed;
  int flags = take_key(&at, &key);
  ret->ev = (struct cl_event){
      .kind = key.kind, .subject = key.subject, .attempt = key.attempt, .late = flags & LATE};
  ret->ev.position = take_integer(&at);
  ret->ev.time_ms = take_integer(&at);
  ret->ev.by = (int32_t)take_integer(&at);
  if (flags & DECIDED) {
    ret->ev.seen = distance(ret->ev.position, take_integer(&at));
    ret->ev.as_of = distance(ret->ev.position, take_integer(&at));
    ret->ev.cause = (enum cl_cause)take_integer(&at);
    ret->ev.args = take_text(&at);
  }
  for (const struct cl_field *f = cl_kind_fields(key.kind); f->name != NULL; f++)
    CL_TRY(take_field(&at, ret, f, e));
  return 0;
}

void cl_unpacked_done(struct cl_unpacked *u) {
  cl_free(u->assigned);
  cl_free(u->metrics);
  cl_free(u->numbers);
  cl_free(u->names);
  *u = (struct cl_unpacked){0};
}
