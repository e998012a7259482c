/* Compare methods over several seeds: their studies, paired by the study's seed.
 *
 * Two studies of one seed whose searches begin alike train identical initial populations: values and seed of
 * trial i come from study seed and trial alone. What then differs is the method, and chance; the more seeds,
 * the better the two can be told apart. Nothing here changes anything.
 */
#ifndef CLADE_COMPARE_H
#define CLADE_COMPARE_H

#include "clade/query.h"

#ifdef __cplusplus
extern "C" {
#endif

struct clade_compare_study {
  struct clade_reader *reader; /* borrows */
  int method;                  /* 0…; every number below the largest is used */
};

enum clade_compare_state {
  CLADE_COMPARE_ABSENT = 0, /* this method has no study of this seed */
  CLADE_COMPARE_OPEN,       /* not finished: shown, but in no mean or difference */
  CLADE_COMPARE_FINISHED
};

struct clade_compare_cell {
  enum clade_compare_state state;
  int study;     /* index into the studies that were given */
  int64_t trial; /* the best (clade_best_read), 0 = none has a score */
  double value;  /* its own score; NaN = none */
};

struct clade_paired { /* differences of the pairs in which both studies are finished and have a score */
  int64_t pairs, above, equal, below; /* all; with a difference > 0, = 0, < 0 */
  double mean;                        /* NaN without pairs */
  double variance, lo, hi;            /* sample variance; 95 % interval of the mean; NaN below two pairs */
  double t, p_t, p_holm;              /* two-sided paired t-test; p_holm: corrected for the number of methods;
                                         NaN below two pairs or where all differences are equal */
  double p_permutation;               /* two-sided permutation of signs; never below 2 / 2^pairs */
  bool exact;                         /* all signs were gone through (up to 20 pairs) */
};

struct clade_compare_method {
  int64_t studies, scores;     /* all of it; finished ones with a score, of which … */
  double mean, sd;             /* … NaN below one, below two */
  int64_t budget, assessments; /* trials of its first study; how often the test set was seen in all of them */
  struct clade_paired paired;  /* the first method less this one; all zero for the first */
};

struct clade_comparison {
  const char *metric, *goal; /* "maximize", "minimize" */
  size_t n_methods, n_seeds;
  const struct clade_compare_method *methods;
  const int64_t *seeds;                   /* ascending */
  const struct clade_compare_cell *cells; /* [seed][method] */
  /* Beginnings of equally numbered trials in studies of one seed, the first method with each other: how many
   * were compared, how many differ in values or seed, and the first that does. */
  int64_t starts, unequal, unequal_seed, unequal_trial;
};

/* Of n >= 1 studies. Cost O(trials). CLADE_EINVAL: a method without a study, more than 32 methods, two
 * studies of one method with the same seed, or different objectives. Gives *ret; free with
 * clade_comparison_free. */
CLADE_API int clade_comparison_read(const struct clade_compare_study *studies, size_t n,
                                    struct clade_comparison **ret, struct cl_err *e);
CLADE_API void clade_comparison_free(struct clade_comparison *c); /* null is allowed */

#ifdef __cplusplus
}
#endif
#endif
