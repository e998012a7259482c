/* Look at studies: lists, trials, values, curves, events, the best. Nothing here changes anything.
 *
 * A store is opened by its address; a reader is one study of it. Every answer is a snapshot that does not
 * change and is freed with one call; texts in it are borrowed from it. Addresses are what people type (STUDY,
 * STUDY/3,7-9, STUDY/best, STUDY/all, STUDY/state:FAILED, STUDY/'lr<0.01'; no STUDY: the latest of the
 * store).
 *
 * A handle is used by one thread at a time. All functions return 0 or an error of <clade/error.h>, with a
 * sentence in *e (null is allowed); besides what is named: CLADE_EIO, CLADE_ECORRUPT, CLADE_ENOMEM, and
 * CLADE_EINVAL where no handle or no place for the answer is given.
 */
#ifndef CLADE_QUERY_H
#define CLADE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/error.h"
#include "clade/export.h"
#include "clade/text.h"
#include "clade/value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Stores. */

struct clade_store;

/* Open for looking. CLADE_ENOTFOUND (no such file), CLADE_EINVAL (an unknown kind of store),
 * CLADE_EUNSUPPORTED (a network file system…: the sentence has the remedy), CLADE_ENEWER. Gives; free with
 * clade_store_close. */
CLADE_API int clade_store_open(const char *address, struct clade_store **ret, struct cl_err *e);
CLADE_API void clade_store_close(struct clade_store *store); /* null is allowed */
CLADE_API const char *clade_store_address(const struct clade_store *store);

/* Tables: the answer to a question as rows and columns. */

enum clade_column_kind {
  CLADE_COLUMN_STANDARD = 1,
  CLADE_COLUMN_VALUE,
  CLADE_COLUMN_METRIC,
  CLADE_COLUMN_TAG
};
enum clade_column_type {
  CLADE_COLUMN_PLAIN = 0,
  CLADE_COLUMN_TIME,     /* cells are CLADE_INT: ms since 1970, UTC */
  CLADE_COLUMN_DURATION, /* cells are CLADE_REAL: seconds */
  CLADE_COLUMN_STATE     /* cells are CLADE_TEXT: COMPLETE, FAILED… */
};
struct clade_column {
  enum clade_column_kind kind;
  enum clade_column_type type;
  const char *name, *header, *format; /* format: what was typed after ':', or null */
  bool renamed;                       /* the header was typed too */
  int rank;                           /* 0 = essential; where room is short the highest goes first */
};

struct clade_table;
CLADE_API void clade_table_free(struct clade_table *t); /* null is allowed */
CLADE_API size_t clade_table_columns(const struct clade_table *t);
CLADE_API size_t clade_table_rows(const struct clade_table *t);
CLADE_API int64_t clade_table_total(const struct clade_table *t); /* rows before the limit took some away */
CLADE_API struct clade_column clade_table_column(const struct clade_table *t, size_t column);
CLADE_API struct clade_value clade_table_cell(const struct clade_table *t, size_t row, size_t column);

/* Write a cell in the format that was typed for its column. False, and nothing is written, where there is
 * none or it leaves the value to the usual rules: a blank cell; $bz of what is not zero; numbers' formats for
 * a time. */
CLADE_API bool clade_cell_write(const struct clade_column *column, struct clade_value value,
                                struct clade_text *ret);

/* Groups of rows with the same value in one column: one after the other, together all rows. */
struct clade_group {
  struct clade_value key; /* CLADE_ABSENT: the rows that have none; the last group */
  size_t first, rows;
};
CLADE_API bool clade_table_is_grouped(const struct clade_table *t);
CLADE_API size_t clade_table_groups(const struct clade_table *t);
CLADE_API struct clade_group clade_table_group(const struct clade_table *t, size_t group);
CLADE_API struct clade_column clade_table_group_column(const struct clade_table *t); /* of a grouped table */

enum clade_limit {
  CLADE_LIMIT_STANDARD = 0, /* all up to 100 rows, else the last 100 */
  CLADE_LIMIT_ALL,
  CLADE_LIMIT_FIRST,
  CLADE_LIMIT_LAST
};

/* What is shown of a list, and how. Names are those of clade_columns_list; XT's are understood (run, job,
 * status…).
 *
 *   filters   NAME OPERATOR VALUE, several joined by ` and `: lr<0.01, state = COMPLETE, tags.good :exists:.
 * Operators = == < <= > >= != <> :regex: :exists:; values $none $true $false $exists $empty. All must hold
 *   columns   lists joined by commas of NAME[=Header][:format]: trial, hparams.lr, metrics.*, lr=Rate:.5f. *
 * and ? stand for anything; quotes keep commas; formats are Python's, and $bz $do $to more      the same,
 * added to the usual columns; one that is there gets the new header and format tags_any, tags_all  lists
 * joined by commas of NAME or NAME=TEXT: some of them, all of them must be there states    joined by commas:
 * FAILED,LOST sort      null: in order; "best": the best last whatever the goal; else a column, ascending,
 * texts naturally (run2 before run10). Rows that have no such value are left out, but with CLADE_LIMIT_ALL
 * come first group     a column: rows with the same value stand together, in order of it (clade_table_group)
 *
 * Texts have up to 64 KiB, a table up to 2000 columns; CLADE_EINVAL says so. */
struct clade_list_options {
  size_t n_filters, n_columns, n_more, n_tags_any, n_tags_all;
  const char *const *filters;
  const char *const *columns; /* none: the usual ones */
  const char *const *more;
  const char *const *tags_any;
  const char *const *tags_all;
  const char *usual; /* the columns where none were typed, but for those that are not there; null: as above */
  const char *states, *sort, *group; /* null: none */
  bool reverse;
  enum clade_limit limit;
  int64_t n; /* of FIRST and LAST */
};

/* All studies of the store whose name matches one of `patterns` (* and ?, joined by commas; null: all), in
 * order of creation. Usual columns: study, state, trials, of, goal, metric, method, created. Cost O(studies),
 * and O(trials) where a column counts trials (best, best_trial, waiting, running, complete, failed). Gives
 * *ret. */
CLADE_API int clade_studies_list(struct clade_store *store, const char *patterns,
                                 const struct clade_list_options *o, struct clade_table **ret,
                                 struct cl_err *e);

/* Names of the columns of clade_studies_list, a line each. */
CLADE_API int clade_studies_columns(struct clade_store *store, struct clade_text *ret, struct cl_err *e);

/* Studies. */

struct clade_reader;

/* Where an address leads. Gives *ret (a reader of the study; keeps the store; free with clade_reader_close)
 * and says whether trials were named. CLADE_ENOTFOUND: no such study (the nearest is named); CLADE_EINVAL:
 * not an address. */
CLADE_API int clade_reader_open(struct clade_store *store, const char *address, struct clade_reader **ret,
                                struct cl_err *e);
CLADE_API void clade_reader_close(struct clade_reader *r);              /* null is allowed */
CLADE_API const char *clade_reader_study(const struct clade_reader *r); /* name of the study */
CLADE_API bool
clade_reader_names_trials(const struct clade_reader *r); /* the address had a part after the slash */

/* XT's lists, ranges and wildcards of studies (mnist,pbt  mnist/3,pbt/best  job3-job7  m*  m*,pbt/best) as
 * addresses of one study each, in order; a text that is an address as it stands is one. Gives *ret, an array
 * of *ret_n texts; free with clade_addresses_free. CLADE_ENOTFOUND, CLADE_EINVAL. */
CLADE_API int clade_addresses_list(struct clade_store *store, const char *text, char ***ret, size_t *ret_n,
                                   struct cl_err *e);
CLADE_API void clade_addresses_free(char **addresses, size_t n); /* null is allowed */

/* Numbers of the trials that the address names (all, if it names none), ascending. Gives *ret; free with
 * clade_free. CLADE_ENOTFOUND when one named by number does not exist. */
CLADE_API int clade_reader_trials(struct clade_reader *r, int64_t **ret, size_t *ret_n, struct cl_err *e);

/* The trials that the address names (all, if it names none). Reads no more than needed: the last ten of a
 * million trials cost what ten trials cost. CLADE_EINVAL names an unknown column and the nearest;
 * CLADE_ENOTFOUND. */
CLADE_API int clade_trials_list(struct clade_reader *r, const struct clade_list_options *o,
                                struct clade_table **ret, struct cl_err *e);

/* The trials of n >= 1 readers of one store in one list: with the columns of all, and the study first. */
CLADE_API int clade_trials_list_many(struct clade_reader *const *readers, size_t n,
                                     const struct clade_list_options *o, struct clade_table **ret,
                                     struct cl_err *e);

/* Every report of these trials: trial, attempt, step, time, counts (false: late, or void by a later attempt),
 * and the metrics; hparams.NAME is the trial's value as it is now. */
CLADE_API int clade_reports_list(struct clade_reader *r, const struct clade_list_options *o,
                                 struct clade_table **ret, struct cl_err *e);

struct clade_metric_sets_options {
  struct clade_list_options list; /* of each table; limits too */
  size_t n_metrics;
  const char *const *metrics; /* names or patterns; none: all */
  const char *steps;          /* "10,20,50-60": only these; null: all */
  bool merge; /* one table: what a trial reported at one step is one row, the last value of each metric counts
               */
};
/* The reports that count, in a table for each set of metrics that were reported together, in order of their
 * first report; with a column for the trial where there are several. CLADE_EINVAL: a metric that does not
 * exist. Gives *ret, an array of *ret_n tables; free with clade_tables_free. */
CLADE_API int clade_metric_sets_list(struct clade_reader *r, const struct clade_metric_sets_options *o,
                                     struct clade_table ***ret, size_t *ret_n, struct cl_err *e);
CLADE_API void clade_tables_free(struct clade_table **tables, size_t n); /* null is allowed */

/* Notes and tags of the trials that the address names, or, if it names none, of the study and all its trials.
 * Tags, as they are now: trial (blank: the study itself), tag, text. Notes, in order: time, trial, text. */
CLADE_API int clade_tags_list(struct clade_reader *r, const struct clade_list_options *o,
                              struct clade_table **ret, struct cl_err *e);
CLADE_API int clade_notes_list(struct clade_reader *r, const struct clade_list_options *o,
                               struct clade_table **ret, struct cl_err *e);

/* Names of the columns of clade_trials_list, a line each. */
CLADE_API int clade_columns_list(struct clade_reader *r, struct clade_text *ret, struct cl_err *e);

struct clade_hyperparameter {
  const char *name, *text; /* text: a line that describes it */
};

struct clade_study_info {
  const char *name, *uuid, *store, *directory, *spec, *provenance; /* provenance: JSON */
  const char *state;                                               /* "open", "finished" */
  const char *reason;                                              /* why it is finished, or null */
  const char *origin, *method, *search, *schedule; /* search, schedule: JSON of their options, or null */
  const char *search_words, *schedule_words;       /* the same for people: "dgd, seeds 20" */
  const char *metric, *goal, *reduce, *step;       /* of the first objective; step: unit or null */
  int n_objectives, parallel, lag, workers, slots; /* workers: living ones */
  int64_t seed, created_ms, position;
  int64_t trials, counted, budget; /* proposed; those that count against the budget; 0: no limit */
  int64_t waiting, running, paused, complete, pruned, failed, lost, preempted, diverged, infeasible;
  size_t n_hyperparameters, n_constraints, n_notes;
  const struct clade_hyperparameter *hyperparameters;
  const char *const *constraints;
  const char *const *notes; /* notes and tags of the study, in order */
};
/* Cost O(trials). Gives *ret; free with clade_study_free. */
CLADE_API int clade_study_read(struct clade_reader *r, struct clade_study_info **ret, struct cl_err *e);
CLADE_API void clade_study_free(struct clade_study_info *info); /* null is allowed */

/* Trials. */

struct clade_attempt {
  int number, worker;
  const char *host;             /* or null */
  int64_t started_ms, ended_ms; /* since 1970, UTC; -1 = not (yet) */
  int64_t from_trial;           /* began from a state of this trial, 0 = from the beginning */
  double from_step;
  int64_t reports;
  double last_step;         /* NaN = none */
  const char *end;          /* "running", "status 0", "signal 9", "lost", "status unknown" */
  const char *reason;       /* why it ended, where `end` does not say: "objective never reported", "stopped
                               because of limit (time: 7200 s, at most 7200)"; null: nothing more is known */
  const char *provenance;   /* JSON: the code it ran, as of the engine that started it; null: the study's */
  const char *code_changes; /* how that differs from the study's, a line each; null: not at all */
};

struct clade_report {
  int64_t time_ms;
  int attempt;
  double step;
  bool counts;
  size_t n_metrics;
  const struct clade_named_value *metrics;
};

struct clade_change { /* of one value */
  int64_t position, time_ms;
  const char *name, *cause; /* cause: in words */
  double step;              /* last step reported before it; NaN = none */
  struct clade_value before, after;
  int by; /* worker; 0 = a person's command */
};

struct clade_trial_info {
  int64_t number;
  const char *study, *state, *role, *directory;
  int64_t parent, of, seed; /* parent: trial its state comes from; 0 = none */
  int repeat, attempts;
  double value; /* reduced objective; NaN = none */
  const char *metric, *goal, *step_unit;
  int64_t started_ms, ended_ms; /* -1 = not (yet) */
  size_t n_values, n_metrics, n_attempt_list, n_reports, n_changes, n_repeats;
  const struct clade_named_value *values;  /* active ones */
  const struct clade_named_value *metrics; /* of the last report that holds the primary metric; those it
                                              lacks, of the last one that has them */
  const struct clade_attempt *attempt_list;
  const struct clade_report *reports;
  const struct clade_change *changes; /* without the first assignment */
};
/* Cost O(events of the trial). CLADE_ENOTFOUND. Gives *ret; free with clade_trial_free. */
CLADE_API int clade_trial_read(struct clade_reader *r, int64_t trial, struct clade_trial_info **ret,
                               struct cl_err *e);
CLADE_API void clade_trial_free(struct clade_trial_info *info); /* null is allowed */

/* A decision of the scheduler about a trial. */
struct clade_ruling {
  int64_t position, as_of; /* of the decision; up to where the log was known to it */
  double step;             /* at which the trial asked, NaN = never reported */
  const char *what;        /* what became of it: "takes over snapshot 20: lr=0.01 …" */
  const char *explanation; /* lines: rule, rank, own and donor's score, draw, what became of each value */
  const char *args;        /* the same numbers as a JSON object, or null */
  bool verified;           /* recomputing was asked for, and gave the same */
  const char *difference;  /* lines: recomputing gave something else, or was not possible; else null */
  bool answer;             /* to a report that was not judged, of a member that is ready by time or metric */
};

/* Why a trial has the values it was proposed with, and what a scheduler decided about it. */
struct clade_reason {
  const char *cause;       /* in words: "search (dgd)", "startup", "a person" */
  int64_t position, as_of; /* of the decision; up to where the log was known to it */
  int by;                  /* worker that decided; 0 = a person's command */
  const char *values;      /* "lr=0.01 momentum=0.9", as proposed */
  const char *explanation; /* lines: the method and the numbers it used (centre, estimate, count, weights…) */
  const char *args;        /* the same numbers as a JSON object, or null */
  bool verified;           /* recomputing was asked for, and gave the same */
  const char *difference; /* lines: recomputing gave something else, or was not possible; else null */
  size_t n_rulings;       /* of the scheduler, and its answers, in their order */
  const struct clade_ruling *rulings;
};
/* `verify`: fold the log up to `as_of`, ask the method again, compare; the scheduler too. Cost then O(log).
 * CLADE_ENOTFOUND. Gives *ret; free with clade_reason_free. */
CLADE_API int clade_reason_read(struct clade_reader *r, int64_t trial, bool verify, struct clade_reason **ret,
                                struct cl_err *e);
CLADE_API void clade_reason_free(struct clade_reason *reason); /* null is allowed */

/* The best. */

struct clade_confirmed { /* runs on fresh seeds (clade confirm); n = 0: none */
  int64_t n;
  double mean, sd, lo, hi; /* sd NaN, lo and hi NaN with one run; else the 95 % interval of the mean */
};

struct clade_best {
  int64_t trial; /* 0 = no finite value yet */
  double value;  /* its own score */
  bool has_estimate;
  double estimate, lo, hi;        /* what its configuration is worth, and +- 1.96 sd; NaN without */
  int64_t repeats;                /* finished trials of its configuration */
  int64_t df;                     /* degrees of freedom of the noise: repeats in all configurations */
  int64_t configurations, trials; /* with a score */
  double noise_sd;                /* of a single score, NaN = unknown */
  int64_t assessments;            /* how often the test set was seen */
  struct clade_confirmed confirmed;
  const char *metric, *goal;
  size_t n_values;
  const struct clade_named_value *values; /* active ones */
};
/* The trial of the configuration with the best estimate; without repeats (less than 5 degrees of freedom) the
 * one with the best value. Members of a population are of one configuration if they have gone through the
 * same values at the same steps, their lineage included. Cost O(trials). Gives *ret; free with
 * clade_best_free. */
CLADE_API int clade_best_read(struct clade_reader *r, struct clade_best **ret, struct cl_err *e);
CLADE_API void clade_best_free(struct clade_best *best); /* null is allowed */

/* Write the values of this configuration into a spec file as its tuned values: only those bytes change that
 * hold another value, comments stay. *ret_changed (may be null): how many did. CLADE_ENOTFOUND, CLADE_ESPEC
 * (the file is no spec), CLADE_EUNSUPPORTED (a hyperparameter that has no place there; the sentence names
 * it), CLADE_EIO: the file is as before. */
CLADE_API int clade_best_write(struct clade_reader *r, int64_t trial, const char *path, int *ret_changed,
                               struct cl_err *e);

/* A copy of a trial's newest saved state, the one that it would go on from. */
struct clade_checkpoint {
  int64_t trial; /* that saved it: a clone that has not saved itself has its donor's */
  double step;
  double score; /* the first objective as last reported up to it; NaN = nothing was reported */
  int64_t bytes;
};
/* Into `directory`, which must not exist (CLADE_EEXISTS); it appears when it is whole, synced, and the same
 * as what was saved, by its hash (else CLADE_ECORRUPT). CLADE_ENOTFOUND: no such trial; CLADE_EIO: it has no
 * state, or not here; CLADE_EBUSY: it is still only in memory. */
CLADE_API int clade_checkpoint_copy(struct clade_reader *r, int64_t trial, const char *directory,
                                    struct clade_checkpoint *ret, struct cl_err *e);

/* Schedules: the values of a training over its steps, from the root of its lineage on. */

struct clade_schedule_change { /* takes effect when the report of its step is answered */
  double step;
  const char *cause; /* "exploit", "a person" …; null = not said */
  size_t n_values;
  const struct clade_named_value *values; /* the changed ones; CLADE_ABSENT: it became inactive */
};
struct clade_schedule_leg { /* one trial of the lineage, from a moment at which it took over a state */
  int64_t trial;
  double from, to; /* steps; from: NaN = from the beginning; to: NaN = to its end */
  int missing;     /* parts that the state lacked: trained weights were lost there */
};
struct clade_schedule {
  const char *study; /* null = not said */
  int64_t trial;     /* 0 = not said */
  bool has_seed;
  int64_t seed; /* of the root */
  const char *metric, *unit;
  double value;     /* what the trial itself scored; NaN = not known */
  double last_step; /* that it has reported; NaN = not known */
  size_t n_initial, n_changes, n_legs;
  const struct clade_named_value *initial;
  const struct clade_schedule_change *changes;
  const struct clade_schedule_leg *legs; /* the root first; none in a schedule from a file */
};

/* The schedule of a trial; 0: of the best one. Cost O(events of the trials of its lineage). CLADE_ENOTFOUND;
 * CLADE_EINVAL for a trial that was never started or was imported. Gives *ret; free with clade_schedule_free.
 */
CLADE_API int clade_schedule_read(struct clade_reader *r, int64_t trial, struct clade_schedule **ret,
                                  struct cl_err *e);
/* From a file: YAML or JSON as clade_schedule_write writes it, or Ray Tune's pbt_policy_….txt.
 * CLADE_ENOTFOUND, CLADE_EIO, CLADE_ELIMIT, CLADE_ESPEC naming the place. Gives *ret. */
CLADE_API int clade_schedule_load(const char *path, struct clade_schedule **ret, struct cl_err *e);
CLADE_API void clade_schedule_free(struct clade_schedule *s); /* null is allowed */

enum clade_schedule_form { CLADE_SCHEDULE_YAML = 1, CLADE_SCHEDULE_JSON, CLADE_SCHEDULE_CSV };
/* As a file: {study, trial, seed, metric, unit, end, initial: {…}, changes: [{step, set: {…}, cause}]}, end
 * only where a schedule stopped the training; CSV: a line per change with all values. CLADE_EINVAL for
 * another form. */
CLADE_API int clade_schedule_write(const struct clade_schedule *s, enum clade_schedule_form form,
                                   struct clade_text *ret, struct cl_err *e);

/* Lineage: who came from whom. A branch is what one trial trained from a moment at which it took over a state
 * (or began from nothing) until it took over the next. */
struct clade_branch {
  int64_t trial;
  int64_t parent;    /* number of the branch that its state came from, from 1; 0 = it began from nothing */
  double from, to;   /* steps: of that state, NaN = from nothing; last one reported, NaN = none */
  const char *cause; /* of the decision that brought state and values: "search", "exploit" … */
  bool present;      /* the trial's present state is on it */
  bool best;         /* it leads to the best trial's present state, or is its */
  double value;      /* of the trial, where it is present; else NaN */
  size_t n_values, n_changed;
  const struct clade_named_value *values;  /* active ones, that it began with */
  const struct clade_named_value *changed; /* those of them that differ from where its state was saved … */
  const struct clade_named_value *before;  /* … and what they were there, in the same order */
};
struct clade_lineage {
  const char *metric, *unit; /* unit of the steps; null = not said */
  int64_t best_trial;        /* 0 = none yet */
  size_t n;
  const struct clade_branch *branches; /* in the order in which they began: parents first */
};
/* Of all trials (trial 0), or the branches that lead to one. Cost O(events). CLADE_ENOTFOUND; CLADE_EINVAL:
 * the trial was never started. Gives *ret; free with clade_lineage_free. */
CLADE_API int clade_lineage_read(struct clade_reader *r, int64_t trial, struct clade_lineage **ret,
                                 struct cl_err *e);
CLADE_API void clade_lineage_free(struct clade_lineage *l); /* null is allowed */

/* What a replay study has come to. */
struct clade_replay_run {
  int64_t trial, seed;
  const char *state;
  double value; /* NaN = none */
};
struct clade_replay_outcome {
  const char *study; /* that the schedule comes from; null = not said */
  int64_t trial;     /* 0 = not said */
  double own;        /* what that trial scored; NaN where its study is not in this store */
  bool fresh;        /* each run had a seed of its own; else that of the root */
  const char *metric, *goal;
  struct clade_confirmed scores; /* of the runs that have one */
  size_t n_runs;
  const struct clade_replay_run *runs;
};
/* Cost O(trials). CLADE_EINVAL: the study replays no schedule. Gives *ret; free with clade_replay_free. */
CLADE_API int clade_replay_read(struct clade_reader *r, struct clade_replay_outcome **ret, struct cl_err *e);
CLADE_API void clade_replay_free(struct clade_replay_outcome *o); /* null is allowed */

/* Confirming: claimed scores beside those on fresh seeds. */

struct clade_confirm_row {
  int64_t trial;                 /* whose score is claimed */
  double claimed;                /* that score */
  double estimate;               /* from searched trials alone; NaN where the noise is not known */
  int64_t runs, failed, pending; /* on fresh seeds: with a score, ended without one, not ended */
  struct clade_confirmed fresh;
  double luck; /* how much too good the claim was: positive = too good; NaN without fresh runs */
  double
      p_best; /* probability of being the best of the rows, by fresh runs alone; NaN if that cannot be said */
  size_t n_values;
  const struct clade_named_value *values; /* active ones */
};
struct clade_confirmation {
  const char *metric, *goal;
  size_t n_rows;                        /* fewer than asked for when there are fewer configurations */
  const struct clade_confirm_row *rows; /* in the order of the choice */
};
/* The best `top` configurations, or those of these trials (n_trials > 0), and what is known of them. The
 * choice looks at searched trials only, so it stays while confirming goes on. Cost O(trials). CLADE_EINVAL:
 * top out of 1…1000, a trial without score, or none has one; CLADE_ENOTFOUND. Gives *ret; free with
 * clade_confirmation_free. */
CLADE_API int clade_confirm_read(struct clade_reader *r, int top, const int64_t *trials, size_t n_trials,
                                 struct clade_confirmation **ret, struct cl_err *e);
CLADE_API void clade_confirmation_free(struct clade_confirmation *c); /* null is allowed */

/* Evaluation of a search: which configuration led after each completed run, and whether that is settled. */

struct clade_eval_row {
  int64_t trial;    /* best run of the configuration */
  const char *name; /* its tag `name`; "17" without one */
  int64_t best_for; /* consecutive completions it stayed best */
  int64_t runs;
  double estimate, sd;              /* posterior mean and standard deviation */
  const struct clade_value *values; /* one per column; absent: inactive */
};

struct clade_eval {
  const char *metric, *goal;
  int64_t runs, configurations; /* completed with a finite value */
  int64_t left_out;             /* runs that n_reports and definitions leave out */
  double prior_mean, prior_sd;  /* of all runs */
  size_t n_columns;
  const char *const *columns; /* hyperparameters with more than one value; of `definitions` when there are */
  /* Oldest first; the last one leads. In retrospect (XT's tool): the prior is that of all runs, estimate and
   * runs of a row are the final ones. Online: the prior is that of the runs so far, estimate and runs are
   * those when it took the lead. */
  size_t n_rows, n_online;
  const struct clade_eval_row *rows, *online;
  int64_t df;      /* degrees of freedom of the noise: repeats in all configurations */
  double noise_sd; /* of a single score; NaN without repeats */
  /* Probability that the configuration which leads is the best of all tried, and that it is the best or
   * within `near` (half of noise_sd) of it; NaN with less than 5 degrees of freedom. */
  double p_best, p_near, near;
  int settled;     /* 1: stop, 0: go on, -1: nothing can be said */
  const char *why; /* a sentence */
};
struct clade_eval_options {
  const char *metric; /* null: the study's first objective */
  const char *goal;   /* "minimize", "maximize"; null: the objective's */
  int64_t max_runs;   /* the first so many; 0: all */
  int64_t n_reports;  /* only runs with as many reports; 0: all. Those of all attempts, but for what was
                         trained again */
  /* A file: a spec, a runspec, or XT's list of values (`hyperparameter-distributions:`). Runs with other
   * values than it has are left out. Null: all. */
  const char *definitions;
};
/* Cost O(runs log runs). CLADE_EINVAL: a metric that no trial has, one that is no objective, without goal, a
 * number below 0, or definitions of a hyperparameter that the study lacks; CLADE_ESPEC, CLADE_ENOTFOUND,
 * CLADE_ELIMIT (above 1 MB), CLADE_EIO: what is wrong with their file.
 * Gives *ret; free with clade_eval_free. */
CLADE_API int clade_eval_read(struct clade_reader *r, const struct clade_eval_options *options,
                              struct clade_eval **ret, struct cl_err *e);
CLADE_API void clade_eval_free(struct clade_eval *eval); /* null is allowed */

/* Curves. */

struct clade_curve {
  size_t n;
  double *x, *y;
  int64_t *trials; /* of the best so far: whose value it is; else null */
};
CLADE_API void clade_curve_done(struct clade_curve *c); /* all zero is allowed */

/* A metric of one trial over its steps: the reports that count. `metric` null: the primary one.
 * CLADE_ENOTFOUND: no such trial; CLADE_EINVAL: a metric it never reported. */
CLADE_API int clade_curve_read(struct clade_reader *r, int64_t trial, const char *metric,
                               struct clade_curve *ret, struct cl_err *e);

/* The best value so far over the number of ended trials: the points at which it changed, and the last. */
CLADE_API int clade_best_history_read(struct clade_reader *r, struct clade_curve *ret, struct cl_err *e);

/* Events. */

struct clade_event {
  int64_t position, time_ms; /* since 1970, UTC; -1 unknown */
  int64_t trial;             /* 0 = the study itself */
  int by;                    /* worker; 0 = a person's command */
  const char *kind;          /* "reported", "started"… */
  const char *text;          /* what happened, in words, one line */
  const char *json;          /* the event as one JSON object */
};
struct clade_events_options {
  int64_t after; /* positions above this one */
  int64_t last;  /* only so many at the end; 0 = no limit */
  bool words;    /* fill in `text` (else null) */
  bool json;     /* fill in `json` (else null) */
};
/* Visit the events of the trials that the address names (none named: all events), in order. The event borrows
 * until the visit returns; a non-zero return stops and is returned. *ret_position (may be null): up to where
 * was read. */
CLADE_API int clade_events_read(struct clade_reader *r, const struct clade_events_options *o,
                                int (*visit)(void *ctx, const struct clade_event *ev), void *ctx,
                                int64_t *ret_position, struct cl_err *e);

/* Wait until something may have been appended, at most timeout_ms. Returns at once when a signal came. */
CLADE_API int clade_events_wait(struct clade_reader *r, int timeout_ms, struct cl_err *e);

/* Bring the reader up to date. *ret_n: how many events it applied. */
CLADE_API int clade_reader_follow(struct clade_reader *r, int64_t *ret_n, struct cl_err *e);

/* A hyperparameter whose values do not seem to change the first objective. */
struct clade_idle {
  const char *name;   /* borrowed from the reader: until it is asked anything else, follows or is closed */
  const char *metric; /* the first objective; borrowed likewise */
  int64_t trials;     /* whose scores were compared: at most the last 4 000 of the search */
  int64_t pairs; /* of trials that differ in nothing else: each had two equal scores. 0: it only seems so: */
  double p; /* … chance alone makes differences as large as those seen with this probability (>= 0.3), NaN
               with pairs */
};
/* Those that a search may have wasted its trials on: never used by the program, or with an effect too weak to
 * be seen. Without pairs nothing is said below 40 trials. Cost O(h^2 n log n) for h hyperparameters and n
 * trials. Gives *ret; free with clade_free. */
CLADE_API int clade_idle_list(struct clade_reader *r, struct clade_idle **ret, size_t *ret_n,
                              struct cl_err *e);

/* Compare what the store keeps beside the log with a replay of it. CLADE_ECORRUPT names the first difference;
 * clade_repair of <clade/command.h> mends it. */
CLADE_API int clade_study_check(struct clade_reader *r, struct cl_err *e);

#ifdef __cplusplus
}
#endif
#endif
