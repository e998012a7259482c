/* The standard columns of trials, and the cells of a trial in any column. XT's names are understood (run =
 * trial, job = study, status = state, box = host, exit_code, description = note …).
 */
#ifndef CL_TRIAL_CELLS_H
#define CL_TRIAL_CELLS_H

#include "model/study.h"
#include "query/column.h"
#include "query/origins.h"
#include "query/tags.h"

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
  X(SEED, "seed", PLAIN, 1) \
  CL_TRIAL_COLUMN_LATER(X)
/* These yield to what the study calls so. From METHOD on they are the same in all trials of a study. */
#define CL_TRIAL_COLUMN_LATER(X) \
  X(CREATED, "created", TIME, 1) \
  X(QUEUED, "queued", DURATION, 1) \
  X(CHANGED, "changed", TIME, 1) \
  X(NOTE, "note", PLAIN, 2) \
  X(METRIC_NAMES, "metric_names", PLAIN, 2) \
  X(UUID, "uuid", PLAIN, 2) \
  X(METHOD, "method", PLAIN, 1) \
  X(SEARCH_STYLE, "search_style", PLAIN, 1) \
  X(SCRIPT, "script", PLAIN, 1) \
  X(PATH, "path", PLAIN, 2) \
  X(USERNAME, "username", PLAIN, 1) \
  X(FROM_HOST, "from_host", PLAIN, 1) \
  X(VERSION, "version", PLAIN, 1) \
  X(COMMIT, "commit", PLAIN, 2) \
  X(STORE, "store", PLAIN, 1)
enum cl_trial_column {
  CL_TRIAL_COLUMN_NONE = 0,
#define CL_X(id, name, type, rank) CL_TRIAL_COLUMN_##id,
  CL_TRIAL_COLUMN_MAP(CL_X)
#undef CL_X
      CL_TRIAL_COLUMNS,
  CL_TRIAL_COLUMN_BEST = CL_TRIAL_COLUMNS /* what "best" sorts by; not in the catalogue */
};

/* A trial with what its cells are made of. */
struct cl_trial_row {
  const struct cl_trial *trial;
  int64_t parent;                         /* 0 = none */
  double step;                            /* of the record, else the last; NaN = none */
  int n_metrics;                          /* of the record, else of the last report that has it (records.h) */
  struct cl_metric *metrics;              /* names are null */
  const char *note, *metric_names, *uuid; /* null: none, or not asked for */
  const struct cl_origins *origins;       /* null: not asked for */
};

/* Ranks, where room is short. */
enum { CL_RANK_VALUE = 3, CL_RANK_METRIC = 4, CL_RANK_TAG = 5 };

/* Add metrics (the first one is essential), hyperparameters and tags of the study to a catalogue. */
int cl_catalogue_add_study(struct cl_catalogue *c, const struct cl_study *study, const struct cl_tags *tags,
                           struct cl_err *e);
/* All columns of trials. */
int cl_trial_catalogue(struct cl_catalogue *c, const struct cl_study *study, const struct cl_tags *tags,
                       struct cl_err *e);

/* The column that "best" sorts by: the objective, turned so that more is better. */
struct cl_column cl_trial_best_column(void);

/* The columns of a listing for which none were typed: trial, state, step, value (where it is no metric), the
 * metrics with the primary one last, the hyperparameters. `steps`: some row has a step. */
int cl_trial_usual_columns(struct cl_table *t, const struct cl_catalogue *c, const struct cl_study *study,
                           bool steps, struct cl_err *e);

/* The cell of a row. `values`: of the trial, space->n. Texts borrow from the replica, or the tags. */
struct cl_value cl_trial_cell(const struct cl_column *c, const struct cl_study *study,
                              const struct cl_trial_row *row, const struct cl_value *values,
                              const struct cl_tags *tags);

/* For cl_catalogue.find_state: any case, and XT's words (completed, error, queued…). */
int cl_trial_state_find(const char *typed, const char **ret, struct cl_err *e);

#endif
