/* Explore: what becomes of values that were taken over (Jaderberg et al. 2017; algorithms.md 10.1). */
#ifndef CL_EXPLORE_H
#define CL_EXPLORE_H

#include "base/text.h"
#include "model/options.h"
#include "schedule/population.h"

enum cl_explore_rule { CL_EXPLORE_BOTH = 1, CL_EXPLORE_PERTURB, CL_EXPLORE_RESAMPLE };

/* clang-format off */
#define CL_EXPLORE_OPTIONS \
  {"explore", "both|perturb|resample", 0, 0, "both", "what becomes of the values that were taken over", NULL}, \
  {"factors", "floats", 1e-6, 1e6, "[1.2, 0.8]", "one of them multiplies a value", "perturbation_factors"}, \
  {"resample_probability", "float", 0, 1, "0.25", "how often a value is drawn afresh instead", NULL}
/* clang-format on */

/* For methods that let single hyperparameters be explored in ways of their own: call cl_explore_each. */
/* clang-format off */
#define CL_EXPLORE_EACH_OPTION \
  {"each", "object", 0, 0, "{}", "explore of single hyperparameters: keep, perturb, resample, both, or " \
   "{explore, factors, resample_probability, noise}", NULL}
/* clang-format on */

struct cl_explore {
  enum cl_explore_rule rule;
  double factors[CL_OPTION_LIST_MAX], resample;
  int n_factors;
  struct cl_explore_of *of; /* single ones; private */
  size_t n_of;
  int halvings; /* of the next exploration: so often are the logarithms of factors, and noise, halved */
  /* Of the last exploration, in the order of the space. */
  struct cl_value
      *values;            /* the result: legal and complete; texts borrow from the evaluation and the space */
  struct cl_value *donor; /* what was taken over, by today's space */
  struct cl_value *own;   /* what the member had */
  double *used;           /* the factor, NaN for a fresh draw, 1 for untouched */
  double *steps;          /* of added noise, 0 = none; `used` is 1 then */
  const struct cl_perturbation **ways;
  size_t cap;
};

void cl_explore_init(struct cl_explore *x,
                     const struct cl_options *o); /* a zeroed struct; CL_EXPLORE_OPTIONS */
/* Read the option `each` too. CLADE_ESPEC: an unknown hyperparameter, a key that there is not, noise on a
 * list. CLADE_ENOMEM. Both times *x is done with cl_explore_done. */
int cl_explore_each(struct cl_explore *x, const struct cl_options *o, const struct cl_space *space,
                    struct cl_err *e);
void cl_explore_done(struct cl_explore *x);
/* Could cl_explore_each read it? CLADE_ESPEC, CLADE_ENOMEM. */
int cl_explore_check(const struct cl_options *o, const struct cl_space *space, struct cl_err *e);

/* Fill donor and own, settled by today's space, and make room for values and used: for methods that find
 * values in their own way, and call cl_explore_keep_held afterwards. CLADE_ENOMEM. */
int cl_explore_begin(struct cl_explore *x, const struct cl_study *s, const struct cl_trial *t,
                     const struct cl_evaluation *from, struct cl_err *e);
/* Must the i-th value stay as it was taken over, whoever explores: it is inactive, set at the start only, or
 * held by a person? After cl_explore_begin. */
bool cl_explore_is_given(const struct cl_explore *x, const struct cl_study *s, const struct cl_trial *t,
                         int i);
/* What a person holds stays as the member has it; all of it does where that does not go with the rest. */
void cl_explore_keep_held(struct cl_explore *x, const struct cl_study *s, const struct cl_trial *t);

/* Both, and perturbation in between: the values of `from`, explored for trial `t`, whose `draw`-th it is.
 * CLADE_ENOMEM. */
int cl_explore_values(struct cl_explore *x, const struct cl_study *s, const struct cl_trial *t,
                      const struct cl_evaluation *from, uint32_t draw, struct cl_err *e);

/* Into the args of a ruling: `, "explore": {"rule": …, per id the factor, "redraw" or {"noise": step}}`. */
void cl_explore_describe(const struct cl_explore *x, const struct cl_space *space, struct cl_text *args);
/* The same for a method that explores by a rule of its own. A value whose factor is NaN was drawn afresh, or
 * `set` where set[i] says so (in the order of the space; null: nowhere). */
void cl_explore_describe_own(const struct cl_explore *x, const char *rule, const bool *set,
                             const struct cl_space *space, struct cl_text *args);

#endif
