/* What confirming has found: claimed scores beside those on fresh seeds.
 *
 * The score that made a configuration win is too good: it was chosen for being high. Trials of role confirm
 * run it again with seeds that had no part in the choice; their mean is unbiased. They are hidden from every
 * policy and do not count against the budget. The choice of what to confirm looks at searched trials only, so
 * it stays the same while confirming goes on. Where a scheduler changes values, a run follows the schedule of
 * the trial that made the claim, and counts for that trial.
 */
#ifndef CL_CONFIRM_H
#define CL_CONFIRM_H

#include "query/best.h"

#define CL_CONFIRM_TOP_MAX     1000
#define CL_CONFIRM_REPEATS_MAX 1000000

struct cl_confirm_choice {
  size_t top;            /* the best so many configurations, 1…CL_CONFIRM_TOP_MAX … */
  size_t n_trials;       /* … or, if not 0, those of these trials, at most CL_CONFIRM_TOP_MAX */
  const int64_t *trials; /* borrows */
};

struct cl_confirm_row {
  int64_t first, trial;         /* first trial of the configuration; the one whose score is claimed */
  double claimed;               /* that score */
  double estimate, sd;          /* from searched trials alone, where the noise is known; else NaN */
  struct cl_moments runs;       /* scores of the confirm trials */
  int64_t failed, pending;      /* confirm trials that ended without a score; that have not ended */
  struct cl_confirmation fresh; /* mean, sd, interval of runs */
  double luck; /* how much too good the claim was: positive = too good; NaN without fresh runs */
  double
      p_best; /* probability of being the best of the rows, by fresh runs alone; NaN if that cannot be said */
};

/* Rows in the order of the choice, best claim or estimate first; *ret_n is less than asked for when there are
 * fewer configurations. ret: room for top, or n_trials. Cost O(trials). CLADE_EINVAL: top or n_trials out of
 * range, a trial that has no score (the sentence says its state), or none has; CLADE_ENOTFOUND: no such
 * trial; CLADE_ENOMEM. */
int cl_confirm_read(const struct cl_study *s, const struct cl_confirm_choice *choice,
                    struct cl_confirm_row *ret, size_t *ret_n, struct cl_err *e);

/* Count the confirm trials of these rows anew, and judge them: what they say of the choice stays.
 * CLADE_ENOMEM. */
int cl_confirm_count(const struct cl_study *s, struct cl_confirm_row *rows, size_t n, struct cl_err *e);

struct cl_confirm_plan {
  int64_t repeats; /* runs of each row, 1…CL_CONFIRM_REPEATS_MAX, with those that are there already */
  int64_t total;   /* of all rows; 0 = no limit but repeats */
};

/* Which row should run next? -1: none, all that was planned is done or pending. Each row gets 3 runs first;
 * then top-two Thompson sampling says who (math/ranking.h), so that an end before the plan's has been spent
 * on what matters. A function of its arguments: `number` is the trial that would be proposed, and names the
 * stream. */
int64_t cl_confirm_next(const struct cl_confirm_row *rows, size_t n, const struct cl_confirm_plan *plan,
                        double sign, uint64_t seed, int64_t number);

#endif
