/* Who came from whom: the whole of a study as branches.
 *
 * A branch is what one trial trained from a moment at which it took over another's state (or began from
 * nothing) until it took over the next. A trial that resumes from its own state goes on with its branch. Read
 * in one pass over the log.
 */
#ifndef CL_DESCENT_H
#define CL_DESCENT_H

#include "base/arena.h"
#include "query/reader.h"

#define CL_NO_BRANCH (-1)

struct cl_branch {
  int64_t trial, begin; /* begin: position of the start or load */
  int64_t source;       /* snapshot (position) it began from; 0 = from nothing */
  int64_t parent;  /* index of the branch that its state was saved on; CL_NO_BRANCH: it began from nothing */
  double from, to; /* steps: of the state it began from, NaN from nothing; last one reported, NaN none yet */
  enum cl_cause cause;           /* of the decision that brought state and values */
  bool present;                  /* the trial's present state is on it */
  const struct cl_value *values; /* it began with, space->n */
  const struct cl_value *before; /* those in force where its state was saved; null from nothing */
};

struct cl_descent {
  size_t n;
  struct cl_branch *branches; /* in the order of their begins: parents before children */
  struct cl_arena arena;
};
void cl_descent_done(struct cl_descent *d); /* all zero is allowed */

/* Cost O(events); 16 bytes per hyperparameter for each snapshot. Values are in the order of the study's space
 * (need of all trials), texts are the descent's own. Gives *ret; done with cl_descent_done. */
int cl_descent_read(struct cl_reader *r, struct cl_descent *ret, struct cl_err *e);

/* The branch of the trial's present state; CL_NO_BRANCH: it was never started. */
int64_t cl_descent_find(const struct cl_descent *d, int64_t trial);

#endif
