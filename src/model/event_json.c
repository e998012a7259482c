/* Events as JSON objects, one a line in exports and `clade log --json`. Walks the table of fields. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "model/event.h"

struct writer {
  struct cl_text *text;
  bool first;
};

static void write_key(struct writer *w, const char *key) {
  cl_text_add(w->text, w->first ? "" : ", ");
  w->first = false;
  cl_text_add_json(w->text, key);
  cl_text_add(w->text, ": ");
}

static void write_int(struct writer *w, const char *key, int64_t value) {
  if (value == 0) return;
  write_key(w, key);
  cl_text_format(w->text, "%lld", (long long)value);
}

static void write_text(struct writer *w, const char *key, const char *text) {
  if (text == NULL) return;
  write_key(w, key);
  cl_text_add_json(w->text, text);
}

static void write_list(struct writer *w, const struct cl_field *f, const void *at) {
  struct cl_text *t = w->text;
  const struct cl_number_list *any = at; /* every list begins with its count */
  assert(any->n >= 0);
  if (any->n == 0) return;
  write_key(w, f->name);
  bool object = f->type == CL_FIELD_ASSIGNED;
  cl_text_add(t, object ? "{" : "[");
  for (int i = 0; i < any->n; i++) {
    if (i > 0) cl_text_add(t, ", ");
    if (f->type == CL_FIELD_ASSIGNED) {
      const struct cl_assigned *item = &((const struct cl_assigned_list *)at)->items[i];
      cl_text_format(t, "\"%d\": ", item->id);
      cl_value_write_json(t, item->value);
    } else if (f->type == CL_FIELD_METRICS) {
      const struct cl_metric *item = &((const struct cl_metric_list *)at)->items[i];
      cl_text_format(t, "[%d, ", item->id);
      if (item->name == NULL)
        cl_text_add(t, "null");
      else
        cl_text_add_json(t, item->name);
      cl_text_add(t, ", ");
      cl_text_add_json_number(t, item->value);
      cl_text_add(t, "]");
    } else if (f->type == CL_FIELD_NUMBERS) {
      cl_text_add_json_number(t, any->items[i]);
    } else {
      cl_text_add_json(t, ((const struct cl_name_list *)at)->items[i]);
    }
  }
  cl_text_add(t, object ? "}" : "]");
}

static void write_field(struct writer *w, const struct cl_event *ev, const struct cl_field *f) {
  const void *at = (const char *)ev + f->offset;
  switch (f->type) {
  case CL_FIELD_INT32: write_int(w, f->name, *(const int32_t *)at); break;
  case CL_FIELD_INT64: write_int(w, f->name, *(const int64_t *)at); break;
  case CL_FIELD_BOOL:
    if (*(const bool *)at) {
      write_key(w, f->name);
      cl_text_add(w->text, "true");
    }
    break;
  case CL_FIELD_REAL:
    if (!isnan(*(const double *)at)) {
      write_key(w, f->name);
      cl_text_add_json_number(w->text, *(const double *)at);
    }
    break;
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: write_text(w, f->name, *(const char *const *)at); break;
  case CL_FIELD_ROLLUP: {
    const struct cl_rollup *r = at;
    if (r->count == 0) break;
    write_key(w, f->name);
    cl_text_format(w->text, "[%lld, ", (long long)r->count);
    cl_text_add_json_number(w->text, r->last);
    cl_text_add(w->text, ", ");
    cl_text_add_json_number(w->text, r->best);
    cl_text_add(w->text, ", ");
    cl_text_add_json_number(w->text, r->sum);
    cl_text_add(w->text, "]");
    break;
  }
  case CL_FIELD_ASSIGNED:
  case CL_FIELD_METRICS:
  case CL_FIELD_NUMBERS:
  case CL_FIELD_NAMES: write_list(w, f, at); break;
  }
}

void cl_event_write_json(const struct cl_event *ev, struct cl_text *ret) {
  struct writer w = {ret, true};
  int flags = cl_kind_flags(ev->kind);
  cl_text_add(ret, "{");
  write_int(&w, "position", ev->position);
  write_int(&w, "kind", ev->kind);
  write_text(&w, "event", cl_kind_name(ev->kind));
  write_int(&w, "time", ev->time_ms);
  write_int(&w, "by", ev->by);
  write_int(&w, "trial", ev->subject);
  write_int(&w, "attempt", ev->attempt);
  if (ev->late) {
    write_key(&w, "late");
    cl_text_add(ret, "true");
  }
  if (flags & CL_D) {
    write_int(&w, "seen", ev->seen);
    write_int(&w, "as_of", ev->as_of);
    write_int(&w, "cause", ev->cause);
    if (ev->cause != CL_CAUSE_NONE) write_text(&w, "why", cl_cause_name(ev->cause));
    write_text(&w, "args", ev->args);
  }
  struct cl_text data = {0}; /* fields stand under "data": their names may equal common ones */
  cl_event_write_data(ev, 0, &data);
  if (data.length > 0) {
    write_key(&w, "data");
    cl_text_add_bytes(ret, data.bytes, data.length);
  }
  if (data.failed) ret->failed = true;
  cl_text_done(&data);
  cl_text_add(ret, "}");
}

void cl_event_write_data(const struct cl_event *ev, uint32_t skip, struct cl_text *ret) {
  struct cl_text fields = {0};
  struct writer w = {&fields, true};
  const struct cl_field *f = cl_kind_fields(ev->kind);
  for (int i = 0; f[i].name != NULL; i++) {
    assert(i < 32);
    if (!(skip >> i & 1)) write_field(&w, ev, &f[i]);
  }
  if (fields.length > 0) {
    cl_text_add(ret, "{");
    cl_text_add_bytes(ret, fields.bytes, fields.length);
    cl_text_add(ret, "}");
  }
  if (fields.failed) ret->failed = true;
  cl_text_done(&fields);
}

/* Reading back. */

/* A number, or one of the texts "nan", "inf" and "-inf". */
static bool to_number(const json_t *node, double *ret) {
  if (json_is_string(node)) return cl_text_to_number(json_string_value(node), ret) && !isfinite(*ret);
  if (!json_is_number(node)) return false;
  double x = json_number_value(node);
  *ret = x == 0 ? 0.0 : x;
  return true;
}

struct reader {
  char *block; /* arrays of the lists, in one piece; null while measuring */
  size_t used, size;
};

static void *take_bytes(struct reader *r, size_t n) {
  r->used = (r->used + 15) / 16 * 16;
  assert(r->block == NULL || r->used + n <= r->size); /* as much as was measured */
  void *at = r->block == NULL ? NULL : r->block + r->used;
  r->used += n;
  return at;
}

static int read_assigned(struct reader *r, const json_t *node, struct cl_assigned_list *ret,
                         struct cl_err *e) {
  if (!json_is_object(node)) return CL_FAIL(e, CLADE_ECORRUPT, "values must be an object of id: value");
  struct cl_assigned *items = take_bytes(r, json_object_size(node) * sizeof *items);
  int n = 0;
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)node, key, value) {
    int64_t id = 0;
    struct cl_assigned one = {0};
    bool plain = key[0] >= '1' && key[0] <= '9'; /* +2 and 02 would be second names of 2 */
    if (!plain || !cl_text_to_int(key, &id) || id > INT32_MAX)
      return CL_FAIL(e, CLADE_ECORRUPT, "'%s' is not the id of a hyperparameter", key);
    one.id = (int)id;
    if (cl_value_from_json(value, &one.value, NULL) < 0)
      return CL_FAIL(e, CLADE_ECORRUPT, "the value of hyperparameter %s is an array or an object", key);
    if (items != NULL) items[n] = one;
    n++;
  }
  assert((size_t)n == json_object_size(node));
  if (items != NULL) *ret = (struct cl_assigned_list){n, items};
  return 0;
}

static int read_metrics(struct reader *r, const json_t *node, struct cl_metric_list *ret, struct cl_err *e) {
  if (!json_is_array(node)) return CL_FAIL(e, CLADE_ECORRUPT, "metrics must be an array");
  struct cl_metric *items = take_bytes(r, json_array_size(node) * sizeof *items);
  size_t i;
  json_t *one;
  json_array_foreach(node, i, one) {
    const json_t *id = json_array_get(one, 0), *name = json_array_get(one, 1);
    double value = 0;
    bool named = json_is_string(name) || json_is_null(name);
    bool numbered =
        json_is_integer(id) && json_integer_value(id) >= 0 && json_integer_value(id) <= CL_METRICS_MAX;
    if (json_array_size(one) != 3 || !numbered || !named || !to_number(json_array_get(one, 2), &value))
      return CL_FAIL(e, CLADE_ECORRUPT, "a metric must be [id, name, value], with an id of up to %d",
                     CL_METRICS_MAX);
    if (items != NULL)
      items[i] = (struct cl_metric){(int)json_integer_value(id), json_string_value(name), value};
  }
  if (items != NULL) *ret = (struct cl_metric_list){(int)json_array_size(node), items};
  return 0;
}

/* False: it is no list of numbers. */
static bool read_numbers(struct reader *r, const json_t *node, struct cl_number_list *ret) {
  size_t n = json_array_size(node);
  double *items = take_bytes(r, n * sizeof *items), x = 0;
  for (size_t i = 0; i < n; i++) {
    if (!to_number(json_array_get(node, i), &x)) return false;
    if (items != NULL) items[i] = x;
  }
  if (items != NULL) *ret = (struct cl_number_list){(int)n, items};
  return json_is_array(node);
}

static bool read_names(struct reader *r, const json_t *node, struct cl_name_list *ret) {
  size_t n = json_array_size(node);
  const char **items = take_bytes(r, n * sizeof *items);
  for (size_t i = 0; i < n; i++) {
    const char *name = json_string_value(json_array_get(node, i));
    if (name == NULL) return false;
    if (items != NULL) items[i] = name;
  }
  if (items != NULL) *ret = (struct cl_name_list){(int)n, items};
  return json_is_array(node);
}

/* [count, last, best, sum] */
static bool read_rollup(const json_t *node, struct cl_rollup *ret) {
  struct cl_rollup r = {.count = json_integer_value(json_array_get(node, 0))};
  if (json_array_size(node) != 4 || r.count < 1 || !to_number(json_array_get(node, 1), &r.last) ||
      !to_number(json_array_get(node, 2), &r.best) || !to_number(json_array_get(node, 3), &r.sum))
    return false;
  *ret = r;
  return true;
}

static int read_field(struct reader *r, const json_t *node, const struct cl_field *f, struct cl_event *ret,
                      struct cl_err *e) {
  assert(f->offset < sizeof *ret);
  void *to = (char *)ret + f->offset;
  bool fits = true;
  switch (f->type) {
  case CL_FIELD_INT32:
    fits = json_is_integer(node) && json_integer_value(node) >= INT32_MIN &&
           json_integer_value(node) <= INT32_MAX;
    if (fits) *(int32_t *)to = (int32_t)json_integer_value(node);
    break;
  case CL_FIELD_INT64:
    fits = json_is_integer(node);
    if (fits) *(int64_t *)to = json_integer_value(node);
    break;
  case CL_FIELD_BOOL:
    fits = json_is_boolean(node);
    *(bool *)to = json_is_true(node);
    break;
  case CL_FIELD_REAL: fits = to_number(node, to); break;
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON:
    fits = json_is_string(node);
    if (fits) *(const char **)to = json_string_value(node);
    break;
  case CL_FIELD_ASSIGNED: return read_assigned(r, node, to, e);
  case CL_FIELD_METRICS: return read_metrics(r, node, to, e);
  case CL_FIELD_NUMBERS: fits = read_numbers(r, node, to); break;
  case CL_FIELD_NAMES: fits = read_names(r, node, to); break;
  case CL_FIELD_ROLLUP: fits = read_rollup(node, to); break;
  }
  return fits ? 0
              : CL_FAIL(e, CLADE_ECORRUPT, "the field '%s' of an event '%s' has the wrong type", f->name,
                        cl_kind_name(ret->kind));
}

static int read_fields(struct reader *r, const json_t *data, struct cl_event *ret, struct cl_err *e) {
  for (const struct cl_field *f = cl_kind_fields(ret->kind); f->name != NULL; f++) {
    const json_t *field = json_object_get(data, f->name);
    if (field != NULL) CL_TRY(read_field(r, field, f, ret, e));
  }
  return 0;
}

int cl_event_read_data(const json_t *data, struct cl_event *ev, void **ret_memory, struct cl_err *e) {
  struct cl_event read = *ev;
  struct reader r = {0};
  CL_TRY(read_fields(&r, data, &read, e));
  r.size = r.used;
  r.block = cl_alloc(r.size);
  if (r.block == NULL) return CL_FAIL_NOMEM(e);
  r.used = 0;
  int status = read_fields(&r, data, &read, e);
  if (status < 0) {
    cl_free(r.block);
    return status;
  }
  assert(r.used == r.size && read.kind == ev->kind);
  *ev = read;
  *ret_memory = r.block;
  return 0;
}

/* A whole number that is 0 where it is absent. */
static int take_int(const json_t *node, const char *key, int64_t lo, int64_t hi, int64_t *ret,
                    struct cl_err *e) {
  const json_t *value = json_object_get(node, key);
  int64_t x = json_integer_value(value);
  assert(lo <= 0 && hi >= 0);
  if (value != NULL && (!json_is_integer(value) || x < lo || x > hi))
    return CL_FAIL(e, CLADE_ECORRUPT, "the field '%s' of an event must be a whole number in %lld…%lld", key,
                   (long long)lo, (long long)hi);
  *ret = x;
  return 0;
}

/* What all kinds have. */
static int read_common(const json_t *node, struct cl_event *ret, struct cl_err *e) {
  int64_t by = 0, kind = 0, attempt = 0, cause = 0;
  CL_TRY(take_int(node, "position", 0, INT64_MAX, &ret->position, e));
  CL_TRY(take_int(node, "time", INT64_MIN, INT64_MAX, &ret->time_ms, e));
  CL_TRY(take_int(node, "by", INT32_MIN, INT32_MAX, &by, e));
  CL_TRY(take_int(node, "kind", 0, INT32_MAX, &kind, e));
  CL_TRY(take_int(node, "trial", INT64_MIN, INT64_MAX, &ret->subject, e));
  CL_TRY(take_int(node, "attempt", INT32_MIN, INT32_MAX, &attempt, e));
  CL_TRY(take_int(node, "seen", CL_SEEN_BATCH, INT64_MAX, &ret->seen, e));
  CL_TRY(take_int(node, "as_of", INT64_MIN, INT64_MAX, &ret->as_of, e));
  CL_TRY(take_int(node, "cause", 0, INT32_MAX, &cause, e));
  ret->by = (int32_t)by;
  ret->kind = (enum cl_kind)kind;
  ret->attempt = (int32_t)attempt;
  ret->cause = (enum cl_cause)cause;
  ret->late = json_is_true(json_object_get(node, "late"));
  ret->args = json_string_value(json_object_get(node, "args"));
  return 0;
}

int cl_event_from_json(const json_t *node, struct cl_event *ret, void **ret_memory, struct cl_err *e) {
  if (!json_is_object(node)) return CL_FAIL(e, CLADE_ECORRUPT, "an event must be a JSON object");
  struct cl_event ev = {0};
  CL_TRY(read_common(node, &ev, e));
  if (cl_kind_flags(ev.kind) == 0)
    return CL_FAIL(e, CLADE_ENEWER,
                   "event %lld has the kind %d, which this clade does not know: written by a newer one",
                   (long long)ev.position, (int)ev.kind);
  for (const struct cl_field *f = cl_kind_fields(ev.kind); f->name != NULL; f++)
    if (f->type == CL_FIELD_REAL) *(double *)(void *)((char *)&ev + f->offset) = CL_NO_STEP;
  CL_TRY(cl_event_read_data(json_object_get(node, "data"), &ev, ret_memory, e));
  *ret = ev;
  return 0;
}
