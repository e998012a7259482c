#include "query/events.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/sorted.h"
#include "query/trials.h"

struct stream {
  const int64_t *numbers; /* of the trials wanted, ascending; null = every event */
  size_t n;
  int64_t skip; /* events still to be left out */
  int64_t seen; /* that match */
  int (*visit)(void *ctx, const struct cl_event *ev);
  void *ctx;
};

static bool is_wanted(const struct stream *s, int64_t trial) {
  return s->numbers == NULL || cl_sorted_find(s->numbers, s->n, sizeof *s->numbers, trial) != NULL;
}

static int pass_on(void *ctx, const struct cl_event *ev) {
  struct stream *s = ctx;
  if (!is_wanted(s, ev->subject)) return 0;
  s->seen++;
  if (s->visit == NULL || s->seen <= s->skip) return 0;
  return s->visit(s->ctx, ev);
}

static struct cl_read what_to_read(const struct stream *s, int64_t after, int64_t until) {
  struct cl_read what = {.after = after, .until = until};
  if (s->numbers == NULL) return what;
  what.only_trials = true;
  what.trial_lo = s->n > 0 ? s->numbers[0] : CL_NO_TRIALS;
  what.trial_hi = s->n > 0 ? s->numbers[s->n - 1] : CL_NO_TRIALS;
  return what;
}

int cl_events_read(struct cl_reader *r, const struct cl_events_options *options,
                   int (*visit)(void *ctx, const struct cl_event *ev), void *ctx, int64_t *ret_position,
                   struct cl_err *e) {
  struct cl_study_head head;
  struct stream s = {0};
  int64_t *numbers = NULL;
  CL_TRY(cl_reader_head(r, &head, e));
  int64_t after = options->after;
  if (options->selection != NULL && options->selection->kind != CL_SELECT_NONE) {
    CL_TRY(cl_trials_find(r, options->selection, &numbers, &s.n, e));
    s.numbers = numbers;
  }
  int status = 0;
  if (options->last > 0 && s.numbers == NULL) { /* positions are dense: the end is found by counting */
    if (head.position - options->last > after) after = head.position - options->last;
  } else if (options->last > 0) {
    struct cl_read what = what_to_read(&s, after, head.position);
    status = cl_store_read(cl_reader_store(r), cl_reader_id(r), &what, pass_on, &s, e);
    s.skip = s.seen > options->last ? s.seen - options->last : 0;
    s.seen = 0;
  }
  s.visit = visit;
  s.ctx = ctx;
  struct cl_read what = what_to_read(&s, after, head.position);
  if (status >= 0 && head.position > after)
    status = cl_store_read(cl_reader_store(r), cl_reader_id(r), &what, pass_on, &s, e);
  if (status == 0) *ret_position = head.position > options->after ? head.position : options->after;
  cl_free(numbers);
  return status;
}
