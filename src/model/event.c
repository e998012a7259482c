/* Events: names, and the one table of the fields of every kind. Copies, comparison and checks walk that
 * table. */
#include "model/event.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

const char *cl_kind_name(enum cl_kind k) {
  switch ((int)k) {
#define CL_X(name, number, flags, word) \
  case number: return word;
    CL_EVENT_MAP(CL_X)
#undef CL_X
  default: return "?";
  }
}

#define CL_X(name, number, flags, word) \
  _Static_assert((number) < CL_EVENT_KINDS && (((flags)&CL_F) != 0) != (((flags)&CL_D) != 0), \
                 "an event is a fact or a decision");
CL_EVENT_MAP(CL_X)
#undef CL_X

int cl_kind_flags(enum cl_kind k) {
  switch ((int)k) {
#define CL_X(name, number, flags, word) \
  case number: return flags;
    CL_EVENT_MAP(CL_X)
#undef CL_X
  default: return 0;
  }
}

const char *cl_cause_name(enum cl_cause c) {
  switch ((int)c) {
#define CL_X(name, number, word) \
  case number: return word;
    CL_CAUSE_MAP(CL_X)
#undef CL_X
  default: return "?";
  }
}

const char *cl_role_name(enum cl_role r) {
  switch ((int)r) {
#define CL_X(name, number, word) \
  case number: return word;
    CL_ROLE_MAP(CL_X)
#undef CL_X
  default: return "?";
  }
}

const char *cl_reason_name(int reason) {
  switch (reason) {
#define CL_X(name, number, word) \
  case number: return word;
    CL_REASON_MAP(CL_X)
#undef CL_X
  default: return NULL;
  }
}

#define AT(member) offsetof(struct cl_event, u.member)
#define END \
  { NULL, 0, 0 }
static const struct cl_field none[] = {END};
static const struct cl_field created[] = {{"name", CL_FIELD_TEXT, AT(created.name)},
                                          {"uuid", CL_FIELD_TEXT, AT(created.uuid)},
                                          {"spec", CL_FIELD_TEXT, AT(created.spec)},
                                          {"settings", CL_FIELD_JSON, AT(created.settings)},
                                          {"seed", CL_FIELD_INT64, AT(created.seed)},
                                          {"directory", CL_FIELD_TEXT, AT(created.directory)},
                                          {"provenance", CL_FIELD_JSON, AT(created.provenance)},
                                          END};
static const struct cl_field updated[] = {{"settings", CL_FIELD_JSON, AT(updated.settings)},
                                          {"space_version", CL_FIELD_INT32, AT(updated.space_version)},
                                          {"provenance", CL_FIELD_JSON, AT(updated.provenance)},
                                          END};
static const struct cl_field finished[] = {{"reason", CL_FIELD_INT32, AT(finished.reason)}, END};
static const struct cl_field clock_fields[] = {{"seconds", CL_FIELD_REAL, AT(clock.seconds)}, END};
static const struct cl_field chosen[] = {
    {"method", CL_FIELD_TEXT, AT(chosen.method)}, {"what", CL_FIELD_JSON, AT(chosen.what)}, END};
static const struct cl_field worker[] = {
    {"worker", CL_FIELD_INT32, AT(worker.worker)}, {"host", CL_FIELD_TEXT, AT(worker.host)},
    {"boot", CL_FIELD_TEXT, AT(worker.boot)},      {"slots", CL_FIELD_INT32, AT(worker.slots)},
    {"labels", CL_FIELD_JSON, AT(worker.labels)},  {"provenance", CL_FIELD_JSON, AT(worker.provenance)},
    {"state", CL_FIELD_INT32, AT(worker.state)},   END};
static const struct cl_field note[] = {{"what", CL_FIELD_INT32, AT(note.what)},
                                       {"name", CL_FIELD_TEXT, AT(note.name)},
                                       {"text", CL_FIELD_TEXT, AT(note.text)},
                                       END};
static const struct cl_field proposed[] = {{"role", CL_FIELD_INT32, AT(proposed.role)},
                                           {"of", CL_FIELD_INT64, AT(proposed.of)},
                                           {"repeat", CL_FIELD_INT32, AT(proposed.repeat)},
                                           {"parent", CL_FIELD_INT64, AT(proposed.parent)},
                                           {"has_seed", CL_FIELD_BOOL, AT(proposed.has_seed)},
                                           {"seed", CL_FIELD_INT64, AT(proposed.seed)},
                                           {"space_version", CL_FIELD_INT32, AT(proposed.space_version)},
                                           {"values", CL_FIELD_ASSIGNED, AT(proposed.values)},
                                           {"infeasible", CL_FIELD_BOOL, AT(proposed.infeasible)},
                                           END};
static const struct cl_field imported[] = {{"origin", CL_FIELD_TEXT, AT(imported.origin)},
                                           {"trial", CL_FIELD_INT64, AT(imported.trial)},
                                           {"values", CL_FIELD_ASSIGNED, AT(imported.values)},
                                           {"state", CL_FIELD_INT32, AT(imported.state)},
                                           {"objectives", CL_FIELD_NUMBERS, AT(imported.objectives)},
                                           {"last_step", CL_FIELD_REAL, AT(imported.last_step)},
                                           END};
static const struct cl_field started[] = {{"worker", CL_FIELD_INT32, AT(started.worker)},
                                          {"from", CL_FIELD_INT64, AT(started.from)},
                                          {"until", CL_FIELD_REAL, AT(started.until)},
                                          END};
static const struct cl_field continued[] = {
    {"until", CL_FIELD_REAL, AT(continued.until)}, {"report", CL_FIELD_INT64, AT(continued.report)}, END};
static const struct cl_field paused[] = {{"at", CL_FIELD_INT64, AT(paused.at)}, END};
static const struct cl_field stopped[] = {
    {"at", CL_FIELD_INT64, AT(stopped.at)}, {"how", CL_FIELD_INT32, AT(stopped.how)}, END};
static const struct cl_field preempting[] = {{"worker", CL_FIELD_INT32, AT(preempting.worker)}, END};
static const struct cl_field retried[] = {{"count", CL_FIELD_INT32, AT(retried.count)}, END};
static const struct cl_field exploited[] = {
    {"snapshot", CL_FIELD_INT64, AT(exploited.snapshot)},    {"with", CL_FIELD_INT64, AT(exploited.with)},
    {"values", CL_FIELD_ASSIGNED, AT(exploited.values)},     {"until", CL_FIELD_REAL, AT(exploited.until)},
    {"infeasible", CL_FIELD_BOOL, AT(exploited.infeasible)}, END};
static const struct cl_field set[] = {
    {"values", CL_FIELD_ASSIGNED, AT(set.values)}, {"until", CL_FIELD_REAL, AT(set.until)}, END};
static const struct cl_field held[] = {
    {"hyperparameters", CL_FIELD_NUMBERS, AT(held.ids)}, {"on", CL_FIELD_BOOL, AT(held.on)}, END};
static const struct cl_field voided[] = {{"change", CL_FIELD_INT64, AT(voided.change)}, END};
static const struct cl_field deleted[] = {{"snapshot", CL_FIELD_INT64, AT(deleted.snapshot)}, END};
static const struct cl_field adopted[] = {{"worker", CL_FIELD_INT32, AT(adopted.worker)}, END};
static const struct cl_field connected[] = {{"protocol", CL_FIELD_INT32, AT(connected.protocol)},
                                            {"capabilities", CL_FIELD_TEXT, AT(connected.capabilities)},
                                            END};
static const struct cl_field reported[] = {{"ordinal", CL_FIELD_INT64, AT(reported.ordinal)},
                                           {"step", CL_FIELD_REAL, AT(reported.step)},
                                           {"metrics", CL_FIELD_METRICS, AT(reported.metrics)},
                                           END};
static const struct cl_field saved[] = {{"step", CL_FIELD_REAL, AT(saved.step)},
                                        {"way", CL_FIELD_INT32, AT(saved.way)},
                                        {"report", CL_FIELD_INT64, AT(saved.report)},
                                        {"bytes", CL_FIELD_INT64, AT(saved.bytes)},
                                        {"hash", CL_FIELD_TEXT, AT(saved.hash)},
                                        {"path", CL_FIELD_TEXT, AT(saved.path)},
                                        {"host", CL_FIELD_TEXT, AT(saved.host)},
                                        {"rollup", CL_FIELD_ROLLUP, AT(saved.rollup)},
                                        END};
static const struct cl_field loaded[] = {{"change", CL_FIELD_INT64, AT(loaded.change)},
                                         {"snapshot", CL_FIELD_INT64, AT(loaded.snapshot)},
                                         {"missing", CL_FIELD_NAMES, AT(loaded.missing)},
                                         {"error", CL_FIELD_TEXT, AT(loaded.error)},
                                         END};
static const struct cl_field ended[] = {{"status", CL_FIELD_INT32, AT(ended.status)},
                                        {"signal", CL_FIELD_INT32, AT(ended.signal)},
                                        {"known", CL_FIELD_BOOL, AT(ended.known)},
                                        {"usage", CL_FIELD_JSON, AT(ended.usage)},
                                        {"record", CL_FIELD_INT64, AT(ended.record)},
                                        {"objectives", CL_FIELD_NUMBERS, AT(ended.objectives)},
                                        END};

const struct cl_field *cl_kind_fields(enum cl_kind k) {
  switch (k) {
  case CL_EVENT_CREATED: return created;
  case CL_EVENT_UPDATED: return updated;
  case CL_EVENT_FINISHED: return finished;
  case CL_EVENT_CLOCK: return clock_fields;
  case CL_EVENT_CHOSEN: return chosen;
  case CL_EVENT_WORKER: return worker;
  case CL_EVENT_NOTE: return note;
  case CL_EVENT_PROPOSED: return proposed;
  case CL_EVENT_IMPORTED: return imported;
  case CL_EVENT_STARTED: return started;
  case CL_EVENT_CONTINUED: return continued;
  case CL_EVENT_PAUSED: return paused;
  case CL_EVENT_STOPPED: return stopped;
  case CL_EVENT_PREEMPTING: return preempting;
  case CL_EVENT_RETRIED: return retried;
  case CL_EVENT_EXPLOITED: return exploited;
  case CL_EVENT_SET: return set;
  case CL_EVENT_HELD: return held;
  case CL_EVENT_VOIDED: return voided;
  case CL_EVENT_DELETED: return deleted;
  case CL_EVENT_ADOPTED: return adopted;
  case CL_EVENT_CONNECTED: return connected;
  case CL_EVENT_REPORTED: return reported;
  case CL_EVENT_SAVED: return saved;
  case CL_EVENT_LOADED: return loaded;
  case CL_EVENT_ENDED: return ended;
  case CL_EVENT_NONE:
  case CL_EVENT_KINDS:
  case CL_EVENT_REOPENED:
  case CL_EVENT_LOST:
  case CL_EVENT_GIVEN_UP:
  case CL_EVENT_CHECKPOINT_ASKED:
  case CL_EVENT_DONE: return none;
  }
  return none;
}

static const void *field_at(const struct cl_event *ev, const struct cl_field *f) {
  assert(f->name != NULL && f->offset < sizeof *ev);
  return (const char *)ev + f->offset;
}

/* Comparing. */

static bool same_text(const char *a, const char *b) {
  return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_real(double a, double b) {
  return a == b || (isnan(a) && isnan(b));
}

static bool same_metrics(const struct cl_metric_list *a, const struct cl_metric_list *b) {
  if (a->n != b->n) return false;
  for (int i = 0; i < a->n; i++)
    if (a->items[i].id != b->items[i].id || !same_text(a->items[i].name, b->items[i].name) ||
        !same_real(a->items[i].value, b->items[i].value))
      return false;
  return true;
}

static bool same_assigned(const struct cl_assigned_list *a, const struct cl_assigned_list *b) {
  if (a->n != b->n) return false;
  for (int i = 0; i < a->n; i++)
    if (a->items[i].id != b->items[i].id || !cl_value_equal(a->items[i].value, b->items[i].value))
      return false;
  return true;
}

static bool same_field(const struct cl_event *a, const struct cl_event *b, const struct cl_field *f) {
  const void *x = field_at(a, f), *y = field_at(b, f);
  switch (f->type) {
  case CL_FIELD_INT32: return *(const int32_t *)x == *(const int32_t *)y;
  case CL_FIELD_INT64: return *(const int64_t *)x == *(const int64_t *)y;
  case CL_FIELD_BOOL: return *(const bool *)x == *(const bool *)y;
  case CL_FIELD_REAL: return same_real(*(const double *)x, *(const double *)y);
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: return same_text(*(const char *const *)x, *(const char *const *)y);
  case CL_FIELD_ASSIGNED: return same_assigned(x, y);
  case CL_FIELD_METRICS: return same_metrics(x, y);
  case CL_FIELD_NUMBERS: {
    const struct cl_number_list *p = x, *q = y;
    if (p->n != q->n) return false;
    for (int i = 0; i < p->n; i++)
      if (!same_real(p->items[i], q->items[i])) return false;
    return true;
  }
  case CL_FIELD_NAMES: {
    const struct cl_name_list *p = x, *q = y;
    if (p->n != q->n) return false;
    for (int i = 0; i < p->n; i++)
      if (!same_text(p->items[i], q->items[i])) return false;
    return true;
  }
  case CL_FIELD_ROLLUP: {
    const struct cl_rollup *p = x, *q = y;
    return p->count == q->count && same_real(p->last, q->last) && same_real(p->best, q->best) &&
           same_real(p->sum, q->sum);
  }
  }
  return false;
}

bool cl_event_equal(const struct cl_event *a, const struct cl_event *b) {
  if (a->kind != b->kind || a->position != b->position || a->time_ms != b->time_ms || a->by != b->by ||
      a->subject != b->subject || a->attempt != b->attempt || a->late != b->late)
    return false;
  if ((cl_kind_flags(a->kind) & CL_D) &&
      (a->seen != b->seen || a->as_of != b->as_of || a->cause != b->cause || !same_text(a->args, b->args)))
    return false;
  for (const struct cl_field *f = cl_kind_fields(a->kind); f->name != NULL; f++)
    if (!same_field(a, b, f)) return false;
  return true;
}

/* Copying: one pass measures, the same pass with memory copies. Adding 0.0 turns -0.0 into 0.0. */

struct pen {
  char *block; /* null while measuring */
  size_t used, size;
};

static void *put_bytes(struct pen *p, const void *bytes, size_t n, size_t align) {
  assert(align > 0 && (align & (align - 1)) == 0 && (bytes != NULL || n == 0));
  p->used = (p->used + align - 1) / align * align;
  assert(p->block == NULL || p->used + n <= p->size); /* as much as was measured */
  void *at = p->block == NULL ? NULL : p->block + p->used;
  if (at != NULL && n > 0) memcpy(at, bytes, n);
  p->used += n;
  return at;
}

static const char *put_text(struct pen *p, const char *text) {
  return text == NULL ? NULL : put_bytes(p, text, strlen(text) + 1, 1);
}

static void put_field(struct pen *p, const struct cl_event *ev, struct cl_event *ret,
                      const struct cl_field *f) {
  void *to = ret == NULL ? NULL : (char *)ret + f->offset; /* null while measuring */
  assert((to == NULL) == (p->block == NULL));
  const void *from = field_at(ev, f);
  switch (f->type) {
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: {
    const char *text = put_text(p, *(const char *const *)from);
    if (to != NULL) *(const char **)to = text;
    break;
  }
  case CL_FIELD_ASSIGNED: {
    const struct cl_assigned_list *list = from;
    struct cl_assigned *items =
        put_bytes(p, list->items, (size_t)list->n * sizeof *items, _Alignof(struct cl_assigned));
    for (int i = 0; i < list->n; i++) {
      if (items != NULL && items[i].value.kind == CL_REAL) items[i].value.as.real += 0.0;
      if (list->items[i].value.kind != CL_TEXT) continue;
      const char *text = put_text(p, list->items[i].value.as.text);
      if (items != NULL) items[i].value.as.text = text;
    }
    if (to != NULL) ((struct cl_assigned_list *)to)->items = items;
    break;
  }
  case CL_FIELD_METRICS: {
    const struct cl_metric_list *list = from;
    struct cl_metric *items =
        put_bytes(p, list->items, (size_t)list->n * sizeof *items, _Alignof(struct cl_metric));
    for (int i = 0; i < list->n; i++) {
      const char *name = put_text(p, list->items[i].name);
      if (items == NULL) continue;
      items[i].name = name;
      items[i].value += 0.0;
    }
    if (to != NULL) ((struct cl_metric_list *)to)->items = items;
    break;
  }
  case CL_FIELD_NUMBERS: {
    const struct cl_number_list *list = from;
    double *items = put_bytes(p, list->items, (size_t)list->n * sizeof *items, _Alignof(double));
    for (int i = 0; items != NULL && i < list->n; i++) items[i] += 0.0;
    if (to != NULL) ((struct cl_number_list *)to)->items = items;
    break;
  }
  case CL_FIELD_NAMES: {
    const struct cl_name_list *list = from;
    const char **items = put_bytes(p, list->items, (size_t)list->n * sizeof *items, _Alignof(char *));
    for (int i = 0; i < list->n; i++) {
      const char *name = put_text(p, list->items[i]);
      if (items != NULL) items[i] = name;
    }
    if (to != NULL) ((struct cl_name_list *)to)->items = items;
    break;
  }
  case CL_FIELD_REAL:
    if (to != NULL) *(double *)to += 0.0;
    break;
  case CL_FIELD_ROLLUP:
    if (p->block == NULL) break;
    ((struct cl_rollup *)to)->last += 0.0;
    ((struct cl_rollup *)to)->best += 0.0;
    ((struct cl_rollup *)to)->sum += 0.0;
    break;
  case CL_FIELD_INT32:
  case CL_FIELD_INT64:
  case CL_FIELD_BOOL: break; /* copied with the event itself */
  }
}

/* `size`: of the block, as measured. */
static size_t put_event(char *block, size_t size, const struct cl_event *ev) {
  struct pen p = {.block = block, .size = size};
  struct cl_event *ret = put_bytes(&p, ev, sizeof *ev, _Alignof(struct cl_event));
  const char *args = put_text(&p, ev->args);
  if (ret != NULL) {
    ret->args = args;
    ret->summary = NULL;
  }
  for (const struct cl_field *f = cl_kind_fields(ev->kind); f->name != NULL; f++) put_field(&p, ev, ret, f);
  return p.used;
}

struct cl_event *cl_event_copy(const struct cl_event *ev) {
  size_t size = put_event(NULL, 0, ev), used = size;
  char *block = cl_alloc(size);
  if (block != NULL) used = put_event(block, size, ev);
  assert(used == size);
  (void)used;
  return (struct cl_event *)(void *)block;
}

/* Checking what arrives from outside of the process. */

static int check_text(const struct cl_event *ev, const char *field, const char *text, struct cl_err *e) {
  if (text == NULL) return 0;
  size_t n = strnlen(text, CL_EVENT_TEXT_MAX + 1);
  if (n > CL_EVENT_TEXT_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "the %s of the event '%s' has more than %d bytes, the limit of a text",
                   field, cl_kind_name(ev->kind), CL_EVENT_TEXT_MAX);
  if (!cl_text_is_utf8(text, n))
    return CL_FAIL(e, CLADE_EINVAL, "the %s of the event '%s' is not UTF-8 text", field,
                   cl_kind_name(ev->kind));
  return 0;
}

static int check_name(const struct cl_event *ev, const char *what, const char *name, struct cl_err *e) {
  CL_TRY(check_text(ev, what, name, e));
  if (name == NULL || name[0] == '\0') return CL_FAIL(e, CLADE_EINVAL, "a %s has no name", what);
  if (strlen(name) > CL_NAME_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "the name of a %s has %zu bytes ('%.40s…'), the limit is %d: shorten it",
                   what, strlen(name), name, CL_NAME_MAX);
  return 0;
}

static bool is_list(const struct cl_field *f) {
  return f->type >= CL_FIELD_ASSIGNED && f->type <= CL_FIELD_NAMES;
}

static int check_list(const struct cl_event *ev, const struct cl_field *f, struct cl_err *e) {
  const void *at = field_at(ev, f);
  const struct cl_number_list *any = at; /* every list begins with its count */
  assert(any->n >= 0 && (any->n == 0 || any->items != NULL));
  (void)any;
  if (f->type == CL_FIELD_ASSIGNED) {
    const struct cl_assigned_list *list = at;
    for (int i = 0; i < list->n; i++) {
      if (list->items[i].id < 1)
        return CL_FAIL(e, CLADE_EINVAL, "a value without the id of its hyperparameter");
      if (list->items[i].value.kind == CL_TEXT)
        CL_TRY(check_text(ev, f->name, list->items[i].value.as.text, e));
      if (list->items[i].value.kind == CL_REAL && !isfinite(list->items[i].value.as.real))
        return CL_FAIL(e, CLADE_EINVAL, "a hyperparameter has the value %f: values are finite",
                       list->items[i].value.as.real);
    }
  } else if (f->type == CL_FIELD_METRICS) {
    const struct cl_metric_list *list = at;
    if (list->n > CL_METRICS_MAX)
      return CL_FAIL(e, CLADE_ELIMIT, "a report has %d metrics, the limit is %d", list->n, CL_METRICS_MAX);
    for (int i = 0; i < list->n; i++)
      if (list->items[i].id == 0 || list->items[i].name != NULL)
        CL_TRY(check_name(ev, "metric", list->items[i].name, e));
  } else if (f->type == CL_FIELD_NAMES) {
    const struct cl_name_list *list = at;
    for (int i = 0; i < list->n; i++) CL_TRY(check_text(ev, f->name, list->items[i], e));
  }
  return 0;
}

int cl_event_check(const struct cl_event *ev, struct cl_err *e) {
  int flags = cl_kind_flags(ev->kind);
  if (flags == 0)
    return CL_FAIL(e, CLADE_EINVAL, "%d is not a kind of event that this clade knows", (int)ev->kind);
  if (ev->kind != CL_EVENT_NOTE && (flags & CL_T) != 0 && ev->subject < 1)
    return CL_FAIL(e, CLADE_EINVAL, "the event '%s' needs a trial, not %lld", cl_kind_name(ev->kind),
                   (long long)ev->subject);
  if (ev->kind != CL_EVENT_NOTE && (flags & CL_T) == 0 && ev->subject != 0)
    return CL_FAIL(e, CLADE_EINVAL, "the event '%s' is about the study, not about trial %lld",
                   cl_kind_name(ev->kind), (long long)ev->subject);
  if ((flags & CL_F) && (flags & CL_T) && ev->attempt < (ev->kind == CL_EVENT_REPORTED ? 0 : 1) &&
      ev->kind != CL_EVENT_IMPORTED)
    return CL_FAIL(e, CLADE_EINVAL, "the fact '%s' does not name its attempt", cl_kind_name(ev->kind));
  CL_TRY(check_text(ev, "args", ev->args, e));
  for (const struct cl_field *f = cl_kind_fields(ev->kind); f->name != NULL; f++) {
    if (f->type == CL_FIELD_TEXT || f->type == CL_FIELD_JSON)
      CL_TRY(check_text(ev, f->name, *(const char *const *)field_at(ev, f), e));
    else if (is_list(f))
      CL_TRY(check_list(ev, f, e));
  }
  if (ev->kind == CL_EVENT_CREATED) CL_TRY(check_name(ev, "study", ev->u.created.name, e));
  if (ev->kind == CL_EVENT_SAVED && ev->u.saved.bytes < 0)
    return CL_FAIL(e, CLADE_EINVAL, "a saved state has %lld bytes, but it must be 0 or more",
                   (long long)ev->u.saved.bytes);
  if (ev->kind == CL_EVENT_REPORTED && isnan(ev->u.reported.step))
    return CL_FAIL(e, CLADE_EINVAL, "the step of a report is not a number");
  return 0;
}
