/* The best trial, and what its score is worth.
 *
 * The highest of many noisy scores is too high (the winner's curse). Where configurations were run more than
 * once, the noise between equal runs is known, and every mean is moved towards where the others lie by as
 * much as noise explains (empirical Bayes, math/shrinkage.h). Below CL_DF_MIN degrees of freedom of that
 * noise there is no estimate. A score is the finite first objective of a trial of role search, enqueued or
 * confirm that is COMPLETE, or that its schedule has stopped at the planned end.
 */
#ifndef CL_BEST_H
#define CL_BEST_H

#include "model/study.h"
#include "query/scores.h"

struct cl_confirmation { /* of the confirm trials of a configuration */
  int64_t n;             /* 0 = none */
  double mean, sd;       /* sd of a single score, NaN with one */
  double lo, hi;         /* 95 % interval of the mean (Student's t); NaN with one */
};
/* Mean, sd and interval of these scores (borrows). */
struct cl_confirmation cl_confirmation_of(const struct cl_moments *scores);

struct cl_best {
  int64_t trial;     /* of the best configuration its best searched trial; 0 = no finite score yet */
  double value;      /* its own score */
  bool has_estimate; /* else estimate, lo, hi are NaN and `trial` has the best value */
  double estimate, lo, hi;
  int64_t repeats;        /* finished trials of its configuration */
  int64_t df;             /* degrees of freedom of the pooled noise */
  double noise_sd;        /* sqrt(s2); NaN without repeats */
  int64_t configurations; /* with a score */
  int64_t assessments;    /* trials of role assess: how often the test set was seen */
  struct cl_confirmation confirmed;
};

/* Cost O(trials), and that of cl_shrinkage_fit where trials repeat. CLADE_ENOMEM. */
int cl_best_find(const struct cl_study *s, struct cl_best *ret, struct cl_err *e);

/* The trial of cl_best_find, where one is needed. CLADE_ENOTFOUND with a sentence that says what to do: there
 * is none yet, or the study replays a schedule and never has one. */
int cl_best_need(const struct cl_study *s, int64_t *ret_trial, struct cl_err *e);

/* The points at which the best value so far changed, in the order in which the trials ended; the last point
 * repeats the best for the last trial that ended. Gives both arrays (n each): x = how many trials had ended,
 * y = best value. Free with cl_free. */
int cl_best_history(const struct cl_study *s, double **ret_x, double **ret_y, int64_t **ret_trial,
                    size_t *ret_n, struct cl_err *e);

#endif
