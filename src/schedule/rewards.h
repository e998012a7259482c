/* What members have tried and what came of it: the rows that models of PB2 and its kin learn from.
 *
 * A row is one interval of one member: the step and score it began with, the values it trained with, and the
 * gain per step. All of it stands in the log: an interval begins with a ruling (its args name step and score)
 * and ends with the next one on that member. Values that anybody changed in between spoil it, and it is left
 * out. So the rows are a function of the rulings so far, in their order, and of nothing else.
 */
#ifndef CL_REWARDS_H
#define CL_REWARDS_H

#include "math/bandit.h"
#include "schedule/explore.h"
#include "schedule/members.h"

struct cl_interval {
  bool open;            /* being trained now */
  double step, score;   /* at its beginning */
  int32_t older, newer; /* members whose last interval began before and after, -1 = none … */
};

struct cl_rewards {
  const struct cl_schedule_env *env; /* keeps */
  bool with_words;                   /* lists without order are part of the model */
  int space; /* version of the space that numbers and words belong to; an update starts anew */
  int d, c;
  int *numbers, *words, *levels; /* indices in the space: d of them, c of them; c level counts */
  struct cl_interval *intervals; /* by member */
  int32_t newest;                /* … and whose began last */
  size_t n, n_intervals;         /* rows; members with an interval */
  size_t total;                  /* rows, with those that were dropped */
  bool earned;                   /* the last event ended an interval with a gain: the newest row */
  struct cl_tried *rows;         /* oldest first; their values are set by cl_rewards_rows */
  double *values, *at;           /* of the rows, of the intervals: d + c each */
  size_t cap_rows, cap_intervals, cap_values, cap_at;
};

void cl_rewards_done(struct cl_rewards *w); /* a zeroed one with env and with_words set is empty */

/* The members have heard `ev`. Cost O(d + c) for a ruling. CLADE_ENOMEM. */
int cl_rewards_apply(struct cl_rewards *w, const struct cl_members *m, const struct cl_event *ev,
                     struct cl_err *e);

/* For methods that want coordinates and no rows: only what an event means for the space. CLADE_ENOMEM. */
int cl_rewards_follow(struct cl_rewards *w, struct cl_err *e);

/* Coordinates of an assignment: numbers in [0, 1] (0.5 where inactive), then word numbers (-1 where
 * inactive). */
void cl_rewards_encode(const struct cl_rewards *w, const struct cl_value *values, double *ret);

/* Before a model chooses: `fixed` has the coordinates of x->donor; they become NaN where it may choose, which
 * is what is neither given (cl_explore_is_given) nor reserved (by the method; null: nothing is). */
void cl_rewards_open(const struct cl_rewards *w, const struct cl_explore *x, const struct cl_trial *t,
                     bool (*is_reserved)(const struct cl_hyperparameter *h), double *fixed);
/* After it has: x->values are the donor's, but for what was chosen (NaN in `fixed`), as `point` says; x->used
 * is 1. */
void cl_rewards_take(const struct cl_rewards *w, struct cl_explore *x, const double *fixed,
                     const double *point);

/* The rows so far, and as the newest one what `member` has just earned (own; -inf: nothing). *ret borrows
 * until the next call of any function here. Returns how many. CLADE_ENOMEM. */
int cl_rewards_rows(struct cl_rewards *w, size_t member, const struct cl_evaluation *own,
                    const struct cl_tried **ret, size_t *ret_n, struct cl_err *e);

/* Of so many rows (total), how many the model in use was fitted to: all up to 32, then whenever a sixteenth
 * (rounded down to a power of two, 256 at most) has come on top. So a fit is a function of the rows, and
 * whoever folds the log comes to the same. At least the CL_BANDIT_ROWS_MAX rows before are still there. */
size_t cl_rewards_fitted(size_t total);

#define CL_PENDING_MAX 64
/* What other members than this one are trying: their open intervals, newest first, up to CL_PENDING_MAX. */
size_t cl_rewards_pending(const struct cl_rewards *w, size_t member, struct cl_tried *ret);

#endif
