#include "engine/decide.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"

void cl_decision_done(struct cl_decision *d) {
  cl_text_done(&d->args);
}

static int keep_args(struct cl_decision *d, struct cl_err *e) {
  d->ev.args = cl_text_get(&d->args);
  if (!d->args.failed) return 0;
  cl_decision_done(d);
  return CL_FAIL_NOMEM(e);
}

/* Trials. */

static bool needs_attention(const struct cl_head *h) {
  bool diverged = h->state == CL_RUNNING && (h->flags & CL_FLAG_DIVERGED);
  return diverged || cl_head_failed_to_load(h) || h->state == CL_FAILED || h->state == CL_LOST ||
         h->state == CL_PREEMPTED;
}

void cl_attention_done(struct cl_attention *a) {
  cl_free(a->trials);
  *a = (struct cl_attention){0};
}

int cl_attention_add(struct cl_attention *a, const struct cl_study *s, int64_t number, struct cl_err *e) {
  const struct cl_trial *t = cl_study_trial(s, number);
  assert(number >= 1 && a->n <= a->cap);
  if (t == NULL || !needs_attention(&t->head)) return 0;
  if (cl_grow(&a->trials, &a->cap, a->n + 1, sizeof *a->trials) < 0) return CL_FAIL_NOMEM(e);
  a->trials[a->n++] = number;
  return 0;
}

int cl_attention_fill(struct cl_attention *a, const struct cl_study *s, struct cl_err *e) {
  a->n = 0;
  for (int64_t i = 1; i <= cl_study_trials(s); i++) CL_TRY(cl_attention_add(a, s, i, e));
  return 0;
}

/* Nothing but a retry that is left, or giving up one that is lost for good: else CLADE_EMPTY. */
static int decide_retry(const struct cl_study *s, const struct cl_trial *t, struct cl_decision *ret,
                        struct cl_err *e) {
  const struct cl_head *h = &t->head;
  if (h->flags & CL_ATTEMPT_OPEN) return CLADE_EMPTY; /* its end comes first, and asks for attention again */
  if (cl_head_may_retry(cl_study_head(s), h)) {
    ret->ev = (struct cl_event){.kind = CL_EVENT_RETRIED, .cause = CL_CAUSE_RESUME};
    ret->ev.u.retried.count = (h->state == CL_FAILED ? h->failures : h->tries) + 1;
    cl_text_format(&ret->args, "{\"attempt\": %d}", h->attempt);
    return keep_args(ret, e);
  }
  if (h->state != CL_LOST && h->state != CL_PREEMPTED) return CLADE_EMPTY;
  ret->ev = (struct cl_event){.kind = CL_EVENT_GIVEN_UP, .cause = CL_CAUSE_LIMIT};
  cl_text_format(&ret->args, "{\"which\": \"tries\", \"value\": %d, \"bound\": %d}", h->tries, CL_TRIES_MAX);
  return keep_args(ret, e);
}

static int decide_diverged(const struct cl_study *s, const struct cl_trial *t, struct cl_decision *ret,
                           struct cl_err *e) {
  cl_text_format(&ret->args, "{\"report\": %lld, \"metric\": ", (long long)t->record);
  cl_text_add_json(&ret->args, cl_study_settings(s)->objectives[0].name);
  cl_text_add(&ret->args, "}");
  ret->ev = (struct cl_event){.kind = CL_EVENT_STOPPED, .cause = CL_CAUSE_DIVERGED};
  ret->ev.u.stopped.at = t->record;
  ret->ev.u.stopped.how = CL_STOP_ASK;
  return keep_args(ret, e);
}

static int compare_numbers(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* What it was to load is gone, or cannot be read. */
static int decide_missing(const struct cl_trial *t, struct cl_decision *ret, struct cl_err *e) {
  int64_t change = t->head.load > 0 ? t->head.load : -t->head.load;
  cl_text_format(&ret->args, "{\"change\": %lld, \"snapshot\": %lld}", (long long)change,
                 (long long)cl_trial_donor(t));
  ret->ev = (struct cl_event){.kind = CL_EVENT_VOIDED, .cause = CL_CAUSE_MISSING};
  ret->ev.u.voided.change = change;
  return keep_args(ret, e);
}

/* An exploit whose state could not be loaded is voided, before anything else. A non-finite objective stops
 * the trial; failed, lost and preempted ones are tried again or given up. */
static int decide_trial(const struct cl_study *s, const struct cl_trial *t, struct cl_decision *ret,
                        struct cl_err *e) {
  assert(ret->args.length == 0);
  if (!needs_attention(&t->head)) return CLADE_EMPTY;
  int status = cl_head_failed_to_load(&t->head) ? decide_missing(t, ret, e)
               : t->head.state == CL_RUNNING    ? decide_diverged(s, t, ret, e)
                                                : decide_retry(s, t, ret, e);
  ret->ev.subject = t->number;
  ret->ev.seen = t->head.version;
  return status;
}

int cl_attention_decide(struct cl_attention *a, const struct cl_study *s,
                        int (*put)(void *ctx, struct cl_event *ev, struct cl_err *e), void *ctx,
                        struct cl_err *e) {
  if (a->n == 0) return 0;
  struct cl_attention noted = *a; /* `put` may add to the list */
  *a = (struct cl_attention){0};
  qsort(noted.trials, noted.n, sizeof *noted.trials, compare_numbers);
  int status = 0;
  for (size_t i = 0; i < noted.n && status >= 0; i++) {
    if (i > 0 && noted.trials[i] == noted.trials[i - 1]) continue;
    const struct cl_trial *t = cl_study_trial(s, noted.trials[i]);
    assert(t != NULL);
    struct cl_decision d = {0};
    status = decide_trial(s, t, &d, e);
    if (status == 0) status = put(ctx, &d.ev, e);
    cl_decision_done(&d);
  }
  cl_attention_done(&noted);
  return status < 0 ? status : 0;
}

/* The study. */

bool cl_decide_is_hopeless(const struct cl_study *s) {
  int bound = cl_study_settings(s)->max_failures;
  return bound > 0 && cl_study_failures_in_a_row(s) >= bound;
}

/* Trials that will still change by themselves: pending, or to be retried. */
static bool some_are_unfinished(const struct cl_study *s) {
  return cl_study_pending(s) > 0 || cl_study_count(s, CL_PAUSED) > 0 || cl_study_count(s, CL_LOST) > 0 ||
         cl_study_count(s, CL_PREEMPTED) > 0;
}

/* The last look before a study is finished: a failed trial with a retry left whose process has not ended yet.
 * O(trials). */
static bool some_will_retry(const struct cl_study *s) {
  for (int64_t i = 1; i <= cl_study_trials(s); i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (t != NULL && t->head.state == CL_FAILED && !cl_state_is_result(cl_study_head(s), &t->head))
      return true;
  }
  return false;
}

int cl_decide_finish(const struct cl_study *s, bool exhausted, struct cl_decision *ret, struct cl_err *e) {
  const struct cl_study_head *h = cl_study_head(s);
  enum cl_reason reason = CL_REASON_FAILURES;
  assert(h->counted <= h->budget);
  if (!h->open || cl_study_settings(s)->paused != NULL) return CLADE_EMPTY;
  if (cl_decide_is_hopeless(s)) {
    cl_text_format(&ret->args, "{\"which\": \"max_failures\", \"value\": %lld, \"bound\": %d}",
                   (long long)cl_study_failures_in_a_row(s), cl_study_settings(s)->max_failures);
  } else {
    bool all_proposed = h->counted >= h->budget || exhausted;
    if (!all_proposed || some_are_unfinished(s) || some_will_retry(s)) return CLADE_EMPTY;
    reason = h->counted >= h->budget ? CL_REASON_BUDGET : CL_REASON_EXHAUSTED;
    cl_text_format(&ret->args, "{\"which\": \"trials\", \"used\": %lld, \"bound\": %lld}",
                   (long long)h->counted, (long long)h->budget);
  }
  ret->ev = (struct cl_event){.kind = CL_EVENT_FINISHED, .seen = h->version};
  ret->ev.cause = reason == CL_REASON_FAILURES ? CL_CAUSE_LIMIT : CL_CAUSE_BUDGET;
  ret->ev.u.finished.reason = reason;
  return keep_args(ret, e);
}
