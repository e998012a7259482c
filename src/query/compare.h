/* Methods compared over several seeds: the studies of each method, paired by the study's seed.
 *
 * Two studies of one seed begin from the same initial population (values and CLADE_SEED of trial i come from
 * study seed and trial alone), so their difference says more than two means would. Only finished studies
 * with a score are paired.
 */
#ifndef CL_COMPARE_H
#define CL_COMPARE_H

#include "math/moments.h"
#include "math/paired.h"
#include "query/reader.h"

#define CL_COMPARE_METHODS_MAX 32
#define CL_COMPARE_STARTS_MAX  1000 /* trials of a study whose beginnings are compared */

struct cl_compare_study {
  struct cl_reader *reader; /* borrows */
  size_t method;            /* 0… */
};

enum cl_compare_state { CL_COMPARE_ABSENT = 0, CL_COMPARE_OPEN, CL_COMPARE_FINISHED };

struct cl_compare_cell {
  enum cl_compare_state state;
  size_t study;  /* index into the studies that were given */
  int64_t trial; /* the best, 0 = none has a score */
  double value;  /* its own score; NaN = none */
};

struct cl_compare_method {
  int64_t studies, assessments, budget; /* assessments: how often the test set was seen, in all its studies;
                                           budget: trials of the first one */
  struct cl_moments scores;             /* of its finished studies */
  struct cl_paired paired;              /* method 0 less this one; all zero for method 0 */
  double p_holm;                        /* of the t-tests of all methods; NaN as paired.p_t */
};

struct cl_comparison {
  const struct cl_objective *objective; /* of the first study, borrowed from its reader */
  size_t n_methods, n_rows;
  struct cl_compare_method *methods;
  int64_t *seeds;                /* n_rows, ascending */
  struct cl_compare_cell *cells; /* [row][method] */
  /* Beginnings of the trials with the same number in studies of the same seed, method 0 with each other: how
   * many were compared, how many differ in values or seed, and the first that does. */
  int64_t starts, unequal, unequal_seed, unequal_trial;
};

/* Of n >= 1 studies; every method has one at least. Fills *ret; free with cl_comparison_done. Cost O(trials)
 * and, for the beginnings, O(events of CL_COMPARE_STARTS_MAX trials) of each study. CLADE_EINVAL: too many
 * methods, two studies of a method with one seed, or objectives that differ (the sentence names the studies);
 * the errors of cl_reader_need. */
int cl_comparison_read(const struct cl_compare_study *studies, size_t n, size_t n_methods,
                       struct cl_comparison *ret, struct cl_err *e);
void cl_comparison_done(struct cl_comparison *c); /* all zero is allowed */

#endif
