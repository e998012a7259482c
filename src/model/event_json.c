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
  for (int i = 0; f[i].name != NULL; i++)
    if (!(skip >> i & 1)) write_field(&w, ev, &f[i]);
  if (fields.length > 0) {
    cl_text_add(ret, "{");
    cl_text_add_bytes(ret, fields.bytes, fields.length);
    cl_text_add(ret, "}");
  }
  if (fields.failed) ret->failed = true;
  cl_text_done(&fields);
}

/* Reading back. */

static double number_of(const json_t *node) {
  if (json_is_number(node)) {
    double x = json_number_value(node);
    return x == 0 ? 0.0 : x;
  }
  double x = CL_NO_STEP;
  if (json_is_string(node)) (void)cl_text_to_number(json_string_value(node), &x);
  return x;
}

struct reader {
  char *block; /* arrays of the lists, in one piece; null while measuring */
  size_t used;
};

static void *take_bytes(struct reader *r, size_t n) {
  r->used = (r->used + 15) / 16 * 16;
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
    CL_TRY(cl_value_from_json(value, &one.value, e));
    if (items != NULL) items[n] = one;
    n++;
  }
  if (items != NULL) *ret = (struct cl_assigned_list){n, items};
  return 0;
}

static int read_metrics(struct reader *r, const json_t *node, struct cl_metric_list *ret, struct cl_err *e) {
  struct cl_metric *items = take_bytes(r, json_array_size(node) * sizeof *items);
  size_t i;
  json_t *one;
  json_array_foreach(node, i, one) {
    if (!json_is_array(one) || json_array_size(one) != 3)
      return CL_FAIL(e, CLADE_ECORRUPT, "a metric must be [id, name, value]");
    if (items != NULL)
      items[i] =
          (struct cl_metric){(int)json_integer_value(json_array_get(one, 0)),
                             json_string_value(json_array_get(one, 1)), number_of(json_array_get(one, 2))};
  }
  if (items != NULL) *ret = (struct cl_metric_list){(int)json_array_size(node), items};
  return 0;
}

static int read_field(struct reader *r, const json_t *node, const struct cl_field *f, struct cl_event *ret,
                      struct cl_err *e) {
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
  case CL_FIELD_BOOL: *(bool *)to = json_is_true(node); break;
  case CL_FIELD_REAL: *(double *)to = number_of(node); break;
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON:
    fits = json_is_string(node);
    if (fits) *(const char **)to = json_string_value(node);
    break;
  case CL_FIELD_ASSIGNED: return read_assigned(r, node, to, e);
  case CL_FIELD_METRICS: return read_metrics(r, node, to, e);
  case CL_FIELD_NUMBERS: {
    double *items = take_bytes(r, json_array_size(node) * sizeof *items);
    if (items == NULL) break;
    for (size_t i = 0; i < json_array_size(node); i++) items[i] = number_of(json_array_get(node, i));
    *(struct cl_number_list *)to = (struct cl_number_list){(int)json_array_size(node), items};
    break;
  }
  case CL_FIELD_NAMES: {
    const char **items = take_bytes(r, json_array_size(node) * sizeof *items);
    if (items == NULL) break;
    for (size_t i = 0; i < json_array_size(node); i++) {
      items[i] = json_string_value(json_array_get(node, i));
      if (items[i] == NULL) items[i] = "";
    }
    *(struct cl_name_list *)to = (struct cl_name_list){(int)json_array_size(node), items};
    break;
  }
  case CL_FIELD_ROLLUP:
    *(struct cl_rollup *)to = (struct cl_rollup){.count = json_integer_value(json_array_get(node, 0)),
                                                 .last = number_of(json_array_get(node, 1)),
                                                 .best = number_of(json_array_get(node, 2)),
                                                 .sum = number_of(json_array_get(node, 3))};
    break;
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
  r.block = cl_alloc(r.used);
  if (r.block == NULL) return CL_FAIL_NOMEM(e);
  r.used = 0;
  int status = read_fields(&r, data, &read, e);
  if (status < 0) {
    cl_free(r.block);
    return status;
  }
  *ev = read;
  *ret_memory = r.block;
  return 0;
}

static int64_t int_of(const json_t *node, const char *key) {
  return json_integer_value(json_object_get(node, key));
}

int cl_event_from_json(const json_t *node, struct cl_event *ret, void **ret_memory, struct cl_err *e) {
  if (!json_is_object(node)) return CL_FAIL(e, CLADE_ECORRUPT, "an event must be a JSON object");
  struct cl_event ev = {.position = int_of(node, "position"),
                        .time_ms = int_of(node, "time"),
                        .by = (int32_t)int_of(node, "by"),
                        .kind = (enum cl_kind)int_of(node, "kind"),
                        .subject = int_of(node, "trial"),
                        .attempt = (int32_t)int_of(node, "attempt"),
                        .late = json_is_true(json_object_get(node, "late")),
                        .seen = int_of(node, "seen"),
                        .as_of = int_of(node, "as_of"),
                        .cause = (enum cl_cause)int_of(node, "cause"),
                        .args = json_string_value(json_object_get(node, "args"))};
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
