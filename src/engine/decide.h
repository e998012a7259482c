/* What follows from a study's state by itself, whoever notices: an exploit whose state could not be loaded is
 * voided, a diverged trial is stopped, a failed, lost or preempted one is tried again or given up, a study
 * with nothing left to do is finished.
 *
 * Pure functions of the replica. The engine carries them out while it holds the lease; a process that asks
 * and tells needs no lease for them, like a person: a decision that two have taken is appended once.
 */
#ifndef CL_DECIDE_H
#define CL_DECIDE_H

#include "model/study.h"

struct cl_decision {
  struct cl_event ev; /* subject, seen, cause and args are filled in; as_of and by are the caller's */
  struct cl_text args;
};
void cl_decision_done(struct cl_decision *d); /* all zero is allowed */

/* Trials whose state asks for a decision: may hold some twice. */
struct cl_attention {
  int64_t *trials;
  size_t n, cap;
};
void cl_attention_done(struct cl_attention *a); /* all zero is allowed */
/* Note the trial if its state asks for a decision. CLADE_ENOMEM. */
int cl_attention_add(struct cl_attention *a, const struct cl_study *s, int64_t number, struct cl_err *e);
/* Look at all trials anew: for one who begins to decide. Cost O(trials). */
int cl_attention_fill(struct cl_attention *a, const struct cl_study *s, struct cl_err *e);
/* Decide about the noted trials, each once, in their order; `put` takes the event of each (it borrows until
 * put returns). Empties the list. A negative status of `put` ends it and is returned; CLADE_ENOMEM. */
int cl_attention_decide(struct cl_attention *a, const struct cl_study *s,
                        int (*put)(void *ctx, struct cl_event *ev, struct cl_err *e), void *ctx,
                        struct cl_err *e);

/* Is the study to be finished? `exhausted`: the searcher has no point left. 0 with *ret filled in (done with
 * cl_decision_done), CLADE_EMPTY if not, CLADE_ENOMEM. Cost O(1), and O(trials) when all have been proposed
 * and none is pending. */
int cl_decide_finish(const struct cl_study *s, bool exhausted, struct cl_decision *ret, struct cl_err *e);

/* Did the first `max_failures` trials all fail? Then no more are proposed. */
bool cl_decide_is_hopeless(const struct cl_study *s);

#endif
