#include "store/transfer.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

enum { SLICE_BYTES = 1 << 18, EVENTS_AT_A_TIME = 256, READ_BYTES = 1 << 16, READ_LEAST = 1 << 12 };

/* Out. */

struct slice {
  struct cl_text text;
  int64_t last;
};

static int add_line(void *ctx, const struct cl_event *ev) {
  struct slice *s = ctx;
  cl_event_write_json(ev, &s->text);
  cl_text_add_char(&s->text, '\n');
  s->last = ev->position;
  return s->text.failed || s->text.length > SLICE_BYTES ? CLADE_STOP : 0;
}

int cl_store_export(struct cl_store *s, int64_t study,
                    int (*write)(void *ctx, const char *text, size_t n, struct cl_err *e), void *ctx,
                    int64_t *ret_events, struct cl_err *e) {
  struct cl_study_head head;
  struct slice slice = {0};
  CL_TRY(cl_store_head(s, study, &head, e));
  int status = 0;
  while (status >= 0 && slice.last < head.position) {
    struct cl_read what = {.after = slice.last, .until = head.position};
    cl_text_clear(&slice.text);
    status = cl_store_read(s, study, &what, add_line, &slice, e);
    if (slice.text.failed) status = CL_FAIL_NOMEM(e);
    if (status >= 0 && slice.last == what.after)
      status = CL_FAIL(e, CLADE_ECORRUPT, "event %lld of the study is missing", (long long)slice.last + 1);
    if (status >= 0) status = write(ctx, slice.text.bytes, slice.text.length, e);
  }
  cl_text_done(&slice.text);
  if (status >= 0 && ret_events != NULL) *ret_events = head.position;
  return status < 0 ? status : 0;
}

/* In. */

struct importing {
  struct cl_store *store;
  const char *name;
  int (*read)(void *ctx, char *buffer, size_t n, struct cl_err *e);
  void *ctx;
  int64_t study, line, first_line; /* line: of the last event read; first_line: of the first in the batch */
  char *bytes;                     /* read and not used: [from, until) */
  size_t cap, from, until, looked; /* looked: up to there is no newline */
  struct cl_event events[EVENTS_AT_A_TIME];
  struct cl_append results[EVENTS_AT_A_TIME];
  int64_t positions[EVENTS_AT_A_TIME];
  bool lates[EVENTS_AT_A_TIME];
  json_t *nodes[EVENTS_AT_A_TIME];
  void *memories[EVENTS_AT_A_TIME];
  int n;
};

static int make_room(struct importing *in, struct cl_err *e) {
  if (in->from > 0 && in->from == in->until) in->from = in->until = in->looked = 0;
  if (in->until - in->from > CL_TRANSFER_LINE_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "%s:%lld: the line has more than %d bytes, the limit of an event",
                   in->name, (long long)in->line + 1, CL_TRANSFER_LINE_MAX);
  if (in->cap - in->until >= READ_LEAST) return 0;
  if (in->from > 0) {
    memmove(in->bytes, in->bytes + in->from, in->until - in->from);
    in->until -= in->from;
    in->looked -= in->from;
    in->from = 0;
  }
  if (cl_grow(&in->bytes, &in->cap, in->until + READ_BYTES, 1) < 0) return CL_FAIL_NOMEM(e);
  return 0;
}

/* The next line without its end, valid until the next call; null at the end of the file. */
static int next_line(struct importing *in, char **ret, size_t *ret_n, struct cl_err *e) {
  for (;;) {
    char *end = in->looked < in->until ? memchr(in->bytes + in->looked, '\n', in->until - in->looked) : NULL;
    if (end != NULL) {
      char *begin = in->bytes + in->from;
      in->line++;
      in->from = in->looked = (size_t)(end - in->bytes) + 1;
      *ret = begin;
      *ret_n = (size_t)(end - begin);
      return 0;
    }
    in->looked = in->until;
    CL_TRY(make_room(in, e));
    size_t room = in->cap - in->until;
    int n = in->read(in->ctx, in->bytes + in->until, room < READ_BYTES ? room : READ_BYTES, e);
    if (n < 0) return n;
    in->until += (size_t)n;
    if (n > 0) continue;
    *ret = in->from == in->until ? NULL : in->bytes + in->from;
    *ret_n = in->until - in->from;
    in->line += *ret != NULL;
    in->from = in->looked = in->until;
    return 0;
  }
}

static void drop_batch(struct importing *in) {
  for (int i = 0; i < in->n; i++) {
    json_decref(in->nodes[i]);
    cl_free(in->memories[i]);
  }
  in->n = 0;
}

static int parse(struct importing *in, const char *text, size_t n, struct cl_err *e) {
  json_error_t where;
  assert(in->n < EVENTS_AT_A_TIME);
  json_t *node = json_loadb(text, n, JSON_REJECT_DUPLICATES, &where);
  if (node == NULL)
    return CL_FAIL(e, CLADE_ECORRUPT, "%s:%lld:%d: not a JSON object: %s", in->name, (long long)in->line,
                   where.column, where.text);
  int status = cl_event_from_json(node, &in->events[in->n], &in->memories[in->n], e);
  if (status < 0) {
    json_decref(node);
    return cl_err_prefix(e, "%s:%lld: ", in->name, (long long)in->line);
  }
  in->nodes[in->n] = node;
  in->positions[in->n] = in->events[in->n].position;
  in->lates[in->n] = in->events[in->n].late;
  in->n++;
  return 0;
}

/* Was every event appended as what it is in the file? */
static int check_batch(const struct importing *in, const struct cl_err *why, struct cl_err *e) {
  for (int i = 0; i < in->n; i++) {
    const struct cl_append *r = &in->results[i];
    long long line = (long long)in->first_line + i;
    if (r->status != 0)
      return CL_FAIL(e, CLADE_ECORRUPT, "%s:%lld: the event '%s' does not follow from those before it: %s",
                     in->name, line, cl_kind_name(in->events[i].kind),
                     r->status > 0 ? "it is there twice" : why->text);
    if (r->position != in->positions[i])
      return CL_FAIL(e, CLADE_ECORRUPT, "%s:%lld: the event has position %lld, but is number %lld", in->name,
                     line, (long long)in->positions[i], (long long)r->position);
    if (r->late != in->lates[i])
      return CL_FAIL(e, CLADE_ECORRUPT, "%s:%lld: the event is %s late", in->name, line,
                     r->late ? "" : "not");
  }
  return 0;
}

static int create(struct importing *in, struct cl_err *e) {
  const struct cl_event *ev = &in->events[0];
  if (ev->kind != CL_EVENT_CREATED || ev->position != 1)
    return CL_FAIL(e, CLADE_ECORRUPT,
                   "%s:1: a study begins with 'created' at position 1, not with '%s' at %lld", in->name,
                   cl_kind_name(ev->kind), (long long)ev->position);
  return cl_store_create(in->store, ev, &in->study, e);
}

static int append_batch(struct importing *in, struct cl_err *e) {
  struct cl_err why = {0};
  if (in->n == 0) return 0;
  int status;
  if (in->study == 0) {
    status = create(in, e);
  } else {
    status = cl_store_append(in->store, in->study, in->events, in->n, in->results, &why);
    if (status < 0)
      status = CL_FAIL(e, status, "%s: lines %lld to %lld: %s", in->name, (long long)in->first_line,
                       (long long)in->line, why.text);
    else
      status = check_batch(in, &why, e);
  }
  drop_batch(in);
  return status;
}

static int import_lines(struct importing *in, struct cl_err *e) {
  for (;;) {
    char *text = NULL;
    size_t n = 0;
    CL_TRY(next_line(in, &text, &n, e));
    if (text == NULL) break;
    if (in->n == 0) in->first_line = in->line;
    CL_TRY(parse(in, text, n, e));
    if (in->study == 0 || in->n == EVENTS_AT_A_TIME) CL_TRY(append_batch(in, e));
  }
  if (in->line == 0)
    return CL_FAIL(e, CLADE_ECORRUPT, "%s is empty: a study is written by `clade export STUDY --study`",
                   in->name);
  return append_batch(in, e);
}

int cl_store_import(struct cl_store *s, const char *name,
                    int (*read)(void *ctx, char *buffer, size_t n, struct cl_err *e), void *ctx,
                    int64_t *ret_study, struct cl_err *e) {
  struct importing *in = cl_alloc(sizeof *in);
  if (in == NULL) return CL_FAIL_NOMEM(e);
  in->store = s;
  in->name = name;
  in->read = read;
  in->ctx = ctx;
  int status = import_lines(in, e);
  if (status < 0 && in->study != 0) (void)cl_store_delete(s, in->study, NULL);
  if (status == 0) *ret_study = in->study;
  drop_batch(in);
  cl_free(in->bytes);
  cl_free(in);
  return status;
}
