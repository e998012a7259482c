/* Scores of a study, gathered by configuration: what best, eval and confirm reckon with.
 *
 * A configuration is a set of trials with equal active values, of a population one with equal histories of
 * values (cl_study_configurations). The sets are walked along the replica's own index of configurations, so
 * that a million trials need no second one.
 */
#ifndef CL_SCORES_H
#define CL_SCORES_H

#include "math/moments.h"
#include "math/shrinkage.h"
#include "model/study.h"

/* COMPLETE, or stopped where the schedule planned to, with a finite first objective. Other PRUNED ones
 * stopped earlier and are not comparable. */
bool cl_trial_is_scored(const struct cl_trial *t);

#define CL_ROLES_SEARCHED (1u << CL_ROLE_SEARCH | 1u << CL_ROLE_ENQUEUED)

struct cl_score_sets {
  const struct cl_study *study; /* kept */
  const struct cl_objective *objective;
  unsigned roles; /* whose scores count: bits 1u << role */
  uint8_t *later; /* a bit per trial: it is not the first of its configuration; null: all are */
  size_t n;       /* sets with a score */
  int64_t df;     /* repeats in them: degrees of freedom of the noise */
  double noise;   /* variance of a single score, pooled over them; NaN without repeats */
};

struct cl_score_set {
  int64_t first;             /* first trial of the configuration, whatever its role and state */
  struct cl_moments moments; /* of the scores, as they are whatever the goal */
  int64_t best_trial;        /* searched; ties: the lower number; 0 = none */
  double best_value;
};

/* Cost O(trials); nothing may be applied to the study until done. CLADE_ENOMEM. Free with cl_score_sets_done.
 */
int cl_score_sets_init(struct cl_score_sets *s, const struct cl_study *study, unsigned roles,
                       struct cl_err *e);
void cl_score_sets_done(struct cl_score_sets *s); /* all zero is allowed */

/* The next set with a score, in the order of the first trials; begin with *set all zero. False: there is
 * none. */
bool cl_score_sets_next(const struct cl_score_sets *s, struct cl_score_set *set);

#define CL_DF_MIN 5 /* degrees of freedom below which the noise is not known well enough for estimates */

struct cl_ranked {
  struct cl_score_set set;
  double estimate, sd; /* NaN without estimates */
};
/* The best k sets that have a searched trial, best first: by estimate where the noise is known, then by best
 * own score, then by the lower trial; else by best own score. *ret_fit gives the noise (df < CL_DF_MIN: there
 * are no estimates), and the estimates of any set; free with cl_shrinkage_done. ret: room for k. Cost
 * O(trials), with estimates O(sets log sets) and one estimate for the k highest means of each count; 60 bytes
 * per set then. CLADE_ENOMEM. */
int cl_scores_rank(const struct cl_score_sets *s, size_t k, struct cl_shrinkage *ret_fit,
                   struct cl_ranked *ret, size_t *ret_n, struct cl_err *e);

#endif
