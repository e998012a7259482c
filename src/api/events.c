/* Events for clients: in words, as JSON, and waiting for more. */
#include "query/events.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "api/handles.h"
#include "query/sentence.h"

#define POLL_MS \
  20 /* of a store that cannot wake us; and a second look after a wake that came before its commit */

struct passing {
  const struct clade_events_options *options;
  const struct cl_study *study;
  int (*visit)(void *ctx, const struct clade_event *ev);
  void *ctx;
  struct cl_text words, json;
  struct cl_err *e;
};

static int pass_on(void *ctx, const struct cl_event *ev) {
  struct passing *p = ctx;
  assert(p->study != NULL && ev->position > p->options->after);
  cl_text_clear(&p->words);
  cl_text_clear(&p->json);
  if (p->options->words) cl_event_write(ev, p->study, &p->words);
  if (p->options->json) cl_event_write_json(ev, &p->json);
  if (p->words.failed || p->json.failed) return CL_FAIL_NOMEM(p->e);
  struct clade_event public = {.position = ev->position,
                               .time_ms = cl_api_wall_ms(p->study, ev->time_ms),
                               .trial = ev->subject,
                               .by = ev->by,
                               .kind = cl_kind_name(ev->kind),
                               .text = p->options->words ? cl_text_get(&p->words) : NULL,
                               .json = p->options->json ? cl_text_get(&p->json) : NULL};
  return p->visit(p->ctx, &public);
}

static struct cl_span names_needed(const struct cl_selection *s) {
  if (s->kind == CL_SELECT_NONE) return (struct cl_span){CL_NO_TRIALS, CL_NO_TRIALS};
  return cl_selection_hull(s);
}

int clade_events_read(struct clade_reader *r, const struct clade_events_options *o,
                      int (*visit)(void *ctx, const struct clade_event *ev), void *ctx, int64_t *ret_position,
                      struct cl_err *e) {
  CL_TRY(cl_api_check(r, "reader", r, e));
  if (o == NULL || visit == NULL || o->after < 0 || o->last < 0)
    return CL_FAIL(e, CLADE_EINVAL, "events are read after a position of 0 or more, by a visitor");
  struct passing p = {.options = o, .visit = visit, .ctx = ctx, .e = e};
  struct cl_events_options options = {.after = o->after, .last = o->last, .selection = &r->selection};
  int64_t position = o->after, applied = 0;
  CL_TRY(cl_reader_follow(r->reader, &applied, e));  /* names of what came since */
  struct cl_span need = names_needed(&r->selection); /* now, so that finding the trials opens nothing else */
  CL_TRY(cl_reader_need(r->reader, need.lo, need.hi, &p.study, e));
  int status = cl_events_read(r->reader, &options, pass_on, &p, &position, e);
  cl_text_done(&p.words);
  cl_text_done(&p.json);
  assert(status != 0 || position >= o->after);
  if (status == 0 && ret_position != NULL) *ret_position = position;
  return status;
}

int clade_events_wait(struct clade_reader *r, int timeout_ms, struct cl_err *e) {
  int fd = -1;
  CL_TRY(cl_api_check(r, "reader", r, e));
  CL_TRY(cl_store_watch(r->store, &fd, e));
  struct pollfd one = {.fd = fd, .events = POLLIN};
  int wait = fd < 0 && timeout_ms > POLL_MS ? POLL_MS : timeout_ms;
  int n = poll(&one, fd < 0 ? 0 : 1, wait);
  if (n < 0 && errno != EINTR)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot wait for the store: %s", strerror(errno));
  if (n > 0) cl_store_watch_drain(r->store);
  return 0;
}
