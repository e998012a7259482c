/* Evaluation of a search: which configuration led after each completed run, and whether that is settled.
 *
 * XT's tutorial tool (origins 1.3). Two histories from the same runs, both by the posterior of
 * math/leaders.h: retrospective  the prior is mean and variance of all runs, and a row's estimate and count
 * are the final ones of its set: what the tutorial prints online         the prior is that of the runs so
 * far, and a row's estimate and count are those at the moment it took the lead: what could be known then Runs
 * are searched trials that completed with a finite value, in the order in which they completed.
 */
#ifndef CL_EVAL_H
#define CL_EVAL_H

#include "math/leaders.h"
#include "query/reader.h"
#include "query/scores.h"

struct cl_eval_options {
  const char *metric;       /* null: the first objective */
  const enum cl_goal *goal; /* null: the metric's, which must then be an objective */
  int64_t max_runs;         /* only so many; the prior is of all. 0: all */
  int64_t n_reports;        /* runs with another number of reports are left out, also of the prior. 0: all */
  /* Runs with a value that this space does not have are left out likewise. Its hyperparameters are those of
   * the study, by name. Null: all. */
  const struct cl_space *space;
};

struct cl_eval_row {
  int64_t trial;    /* best run of the set: of all for retrospective rows, so far for online ones */
  int64_t best_for; /* consecutive completions it stayed best */
  int64_t runs;     /* of the set */
  double estimate, sd;
};

struct cl_eval {
  struct cl_objective objective; /* its name borrows from options or study */
  int64_t runs, configurations;  /* evaluated */
  int64_t left_out;              /* by n_reports and space */
  struct cl_prior prior;         /* of all runs */
  size_t n_rows, n_online;
  struct cl_eval_row *rows, *online; /* oldest first */
  int64_t df;
  double noise_sd; /* of a single score; NaN without repeats */
  /* Of the set that leads in the end: is it the best of all that were tried? By the estimates of `best`, NaN
   * below CL_DF_MIN degrees of freedom. `near`: half of noise_sd. */
  double p_best, p_near, near;
};

/* Cost O(runs log runs); of a metric other than the first objective also one pass over the reports. Fills
 * *ret (free with cl_eval_done); no run: all empty. CLADE_EINVAL: no trial has this metric, or its goal is
 * not known, or the space names a hyperparameter that the study lacks; CLADE_ENOMEM, errors of the store. */
int cl_eval_read(struct cl_reader *r, const struct cl_eval_options *options, struct cl_eval *ret,
                 struct cl_err *e);
/* The same from a replica, of the objectives and all reports alone (CLADE_EUNSUPPORTED for another metric,
 * and for n_reports). */
int cl_eval_study(const struct cl_study *s, const struct cl_eval_options *options, struct cl_eval *ret,
                  struct cl_err *e);
void cl_eval_done(struct cl_eval *v);

/* The name that a tag `name` gives the trial, appended to ret (nothing without one). Cost O(events of the
 * trial). */
int cl_eval_name(struct cl_reader *r, int64_t trial, struct cl_text *ret, struct cl_err *e);

#endif
