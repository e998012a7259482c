/* Integers in groups of seven bits, the low ones first, so that small ones of either sign take one byte;
 * reals and texts as they are, a text with its zero byte; lists with their length before them. The fields of
 * a kind follow the common ones in the order of its table. */
#include "model/event_pack.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

enum { LATE = 1, DECIDED = 2 }; /* DECIDED: seen, as_of, cause and args follow */

/* Writing. What has no room is only counted. */

struct pen {
  char *to;
  size_t room, used;
};

static void put_bytes(struct pen *p, const void *bytes, size_t n) {
  if (n > 0 && p->used + n <= p->room) memcpy(p->to + p->used, bytes, n);
  p->used += n;
}

static void put_byte(struct pen *p, int byte) {
  if (p->used < p->room) p->to[p->used] = (char)byte;
  p->used++;
}

static void put_integer(struct pen *p, int64_t x) {
  uint64_t rest = ((uint64_t)x << 1) ^ (uint64_t)(x >> 63);
  for (; rest >= 128; rest >>= 7) put_byte(p, (int)(rest & 127) | 128);
  put_byte(p, (int)rest);
}

static void put_real(struct pen *p, double x) {
  x += 0.0; /* -0.0 becomes 0.0 */
  put_bytes(p, &x, sizeof x);
}

static void put_text(struct pen *p, const char *text) {
  size_t n = text == NULL ? 0 : strlen(text) + 1;
  put_integer(p, (int64_t)n);
  put_bytes(p, text, n);
}

static void put_value(struct pen *p, struct cl_value v) {
  put_byte(p, (int)v.kind);
  switch (v.kind) {
  case CL_ABSENT:
  case CL_NULL: break;
  case CL_BOOL: put_byte(p, v.as.truth); break;
  case CL_INT: put_integer(p, v.as.integer); break;
  case CL_REAL: put_real(p, v.as.real); break;
  case CL_TEXT: put_text(p, v.as.text); break;
  }
}

static void put_assigned(struct pen *p, const struct cl_assigned_list *list) {
  put_integer(p, list->n);
  for (int i = 0; i < list->n; i++) {
    put_integer(p, list->items[i].id);
    put_value(p, list->items[i].value);
  }
}

static void put_metrics(struct pen *p, const struct cl_metric_list *list) {
  put_integer(p, list->n);
  for (int i = 0; i < list->n; i++) {
    put_integer(p, list->items[i].id);
    put_text(p, list->items[i].name);
    put_real(p, list->items[i].value);
  }
}

static void put_numbers(struct pen *p, const struct cl_number_list *list) {
  put_integer(p, list->n);
  for (int i = 0; i < list->n; i++) put_real(p, list->items[i]);
}

static void put_names(struct pen *p, const struct cl_name_list *list) {
  put_integer(p, list->n);
  for (int i = 0; i < list->n; i++) put_text(p, list->items[i]);
}

static void put_rollup(struct pen *p, const struct cl_rollup *r) {
  put_real(p, r->last);
  put_real(p, r->best);
  put_real(p, r->sum);
  put_integer(p, r->count);
}

static void put_field(struct pen *p, const void *from, enum cl_field_type type) {
  switch (type) {
  case CL_FIELD_INT32: put_integer(p, *(const int32_t *)from); break;
  case CL_FIELD_INT64: put_integer(p, *(const int64_t *)from); break;
  case CL_FIELD_BOOL: put_byte(p, *(const bool *)from); break;
  case CL_FIELD_REAL: put_real(p, *(const double *)from); break;
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: put_text(p, *(const char *const *)from); break;
  case CL_FIELD_ASSIGNED: put_assigned(p, from); break;
  case CL_FIELD_METRICS: put_metrics(p, from); break;
  case CL_FIELD_NUMBERS: put_numbers(p, from); break;
  case CL_FIELD_NAMES: put_names(p, from); break;
  case CL_FIELD_ROLLUP: put_rollup(p, from); break;
  }
}

size_t cl_event_pack(const struct cl_event *ev, char *to, size_t room) {
  struct pen p = {to, room, 0};
  bool decided = ev->seen != 0 || ev->as_of != 0 || ev->cause != CL_CAUSE_NONE || ev->args != NULL;
  assert(ev->kind > 0 && ev->kind < CL_EVENT_KINDS);
  put_byte(&p, (int)ev->kind);
  put_byte(&p, (ev->late ? LATE : 0) | (decided ? DECIDED : 0));
  put_integer(&p, ev->subject);
  put_integer(&p, ev->attempt);
  put_integer(&p, ev->position);
  put_integer(&p, ev->time_ms);
  put_integer(&p, ev->by);
  if (decided) {
    put_integer(&p, ev->position - ev->seen); /* mostly not far behind */
    put_integer(&p, ev->position - ev->as_of);
    put_integer(&p, (int64_t)ev->cause);
    put_text(&p, ev->args);
  }
  for (const struct cl_field *f = cl_kind_fields(ev->kind); f->name != NULL; f++)
    put_field(&p, (const char *)ev + f->offset, f->type);
  return p.used;
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
    ret->ev.seen = ret->ev.position - take_integer(&at);
    ret->ev.as_of = ret->ev.position - take_integer(&at);
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
