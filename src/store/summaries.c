#include "store/summaries.h"

#include <assert.h>

#include "base/alloc.h"

int cl_summaries_init(struct cl_summaries *s, int64_t lo, int64_t hi, struct cl_err *e) {
  assert(s->items == NULL && lo >= 1 && hi >= lo);
  s->items = cl_alloc_array((size_t)(hi - lo + 1), sizeof *s->items);
  if (s->items == NULL) return CL_FAIL_NOMEM(e);
  s->first = lo;
  s->n = (size_t)(hi - lo + 1);
  return 0;
}

void cl_summaries_done(struct cl_summaries *s) {
  cl_free(s->items);
  *s = (struct cl_summaries){0};
}

/* Null when the trial has none. */
static struct cl_summary *summary_of(const struct cl_summaries *s, int64_t trial) {
  int64_t i = trial - s->first;
  return i < 0 || (size_t)i >= s->n || s->items[i].state == 0 ? NULL : &s->items[i];
}

bool cl_summaries_take(struct cl_summaries *s, int64_t trial, const struct cl_head *h) {
  assert(trial >= s->first && (size_t)(trial - s->first) < s->n);
  if (!cl_head_is_summed(h)) return false;
  s->items[trial - s->first] = (struct cl_summary){h->step, h->furthest, h->reports, h->flags, h->state};
  return true;
}

bool cl_summaries_drop(struct cl_summaries *s, int64_t trial) {
  struct cl_summary *summary = summary_of(s, trial);
  if (summary != NULL) summary->state = 0;
  return summary != NULL;
}

bool cl_summaries_has(const struct cl_summaries *s, int64_t trial) {
  return summary_of(s, trial) != NULL;
}

void cl_summaries_attach(struct cl_summaries *s, struct cl_event *ev) {
  if (ev->kind != CL_EVENT_STOPPED && ev->kind != CL_EVENT_DONE && ev->kind != CL_EVENT_ENDED) return;
  const struct cl_summary *m = summary_of(s, ev->subject);
  if (m == NULL) return;
  s->head = (struct cl_head){.attempt = 1,
                             .reports = m->reports,
                             .step = m->step,
                             .furthest = m->furthest,
                             .flags = m->flags,
                             .state = m->state};
  ev->summary = &s->head;
}
