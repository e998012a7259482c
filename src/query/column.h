/* The columns a listing of trials can have, and the cells of a trial in them.
 *
 * A column is named by `trial`, `state` … (standard), `hparams.x`, `metrics.x`, or by the bare name of a
 * hyperparameter or metric where that is not a standard name. XT's names are understood (run = trial, job =
 * study, status = state, restarts, exit_code). A typed column is `col`, `col=Header`, `col:format`,
 * `col=Header:format`;
 * `*` in a name stands for anything (`metrics.*`).
 */
#ifndef CL_COLUMN_H
#define CL_COLUMN_H

#include "model/study.h"
#include "query/table.h"

/* X(NUMBER, name, type, rank) */
#define CL_TRIAL_COLUMN_MAP(X) \
  X(TRIAL, "trial", PLAIN, 0) \
  X(STUDY, "study", PLAIN, 0) \
  X(STATE, "state", STATE, 0) \
  X(VALUE, "value", PLAIN, 0) \
  X(STEP, "step", PLAIN, 2) \
  X(ROLE, "role", PLAIN, 1) \
  X(OF, "of", PLAIN, 1) \
  X(REPEAT, "repeat", PLAIN, 1) \
  X(PARENT, "parent", PLAIN, 1) \
  X(ATTEMPTS, "attempts", PLAIN, 1) \
  X(RESTARTS, "restarts", PLAIN, 1) \
  X(STARTED, "started", TIME, 1) \
  X(ENDED, "ended", TIME, 1) \
  X(DURATION, "duration", DURATION, 1) \
  X(EXIT_STATUS, "exit_status", PLAIN, 1) \
  X(WORKER, "worker", PLAIN, 1) \
  X(HOST, "host", PLAIN, 1) \
  X(SEED, "seed", PLAIN, 1)
enum cl_trial_column {
  CL_TRIAL_COLUMN_NONE = 0,
#define CL_X(id, name, type, rank) CL_TRIAL_COLUMN_##id,
  CL_TRIAL_COLUMN_MAP(CL_X)
#undef CL_X
      CL_TRIAL_COLUMNS
};

/* What is known of the metrics of a listing, by id (1…); names borrow. */
struct cl_metric_names {
  size_t n; /* largest id + 1; index 0 is not used */
  const char **names;
};

/* A trial with what its cells are made of. */
struct cl_trial_row {
  const struct cl_trial *trial;
  int64_t parent;            /* 0 = none */
  double step;               /* of the record, else the last; NaN = none */
  int n_metrics;             /* of the record, else of the last report that has it (records.h) */
  struct cl_metric *metrics; /* names are null */
};

/* Find a column by a name as typed. 1 = found; 0 = not, and *ret_nearest (may be null) is a similar known
 * name or null. */
int cl_column_find(const struct cl_study *study, const struct cl_metric_names *metrics, const char *name,
                   struct cl_column *ret, const char **ret_nearest);

/* Add the columns that `spec` (one typed column, with wildcards) names; a wildcard may name none.
 * CLADE_EINVAL naming the nearest. */
int cl_columns_add(struct cl_table *t, const struct cl_study *study, const struct cl_metric_names *metrics,
                   const char *spec, struct cl_err *e);

/* The columns of a listing for which none were typed: trial, state, step, value (where it is no metric), the
 * metrics with the primary one last, the hyperparameters. `steps`: some row has a step. */
int cl_columns_add_default(struct cl_table *t, const struct cl_study *study,
                           const struct cl_metric_names *metrics, bool steps, struct cl_err *e);

/* The cell of a row. `values`: of the trial, space->n. Texts borrow from the replica. */
struct cl_value cl_column_cell(const struct cl_column *c, const struct cl_study *study,
                               const struct cl_trial_row *row, const struct cl_value *values);

/* Names of all columns, one per line as "kind name" in order: for --available. */
void cl_columns_describe(const struct cl_study *study, const struct cl_metric_names *metrics,
                         struct cl_text *ret);

#endif
