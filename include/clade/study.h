/* Ask and tell: use a study from inside a program that trains by itself.
 *
 * No engine, no worker and no child processes: the program asks for a trial, trains it, and tells what came
 * of it. The study is the same as any other: its log stands in a store, `clade list`, `best` and `log` show
 * it while it runs, several programs may ask at the same time, and a program that was killed goes on where it
 * was.
 *
 *   #include <clade/study.h>
 *
 *   struct clade_study *study = NULL;
 *   struct clade_trial *trial = NULL;
 *   struct cl_err e = {0};
 *   struct clade_space *space = clade_space_create();
 *   clade_space_add_float(space, "x", -10, 10, NULL);
 *   clade_space_add_int(space, "n", 1, 64, "log");
 *   struct clade_study_options options = {.name = "parabola", .space = space, .minimize = "loss", .trials =
 * 100}; int status = clade_study_create(&options, &study, &e); while (status == 0 && (status =
 * clade_study_ask(study, &trial, &e)) == 0) { double x = clade_trial_float(trial, "x"); status =
 * clade_trial_tell(trial, (x - 2) * (x - 2), &e);
 *   }
 *   if (status < 0) fprintf(stderr, "%s\n", e.text);      // CLADE_EMPTY: all 100 trials have been asked for
 *   clade_study_close(study);
 *   clade_space_destroy(space);
 *
 * What a trial is while it is being trained here: RUNNING, attempt n, of no worker. No lock says whether
 * anybody still trains it, so nobody takes it away: it stays RUNNING until somebody tells, this process or
 * another one (clade_study_take, `clade tell STUDY/7 0.93`). Whoever knows that its process is gone says so
 * with CLADE_TOLD_LOST
 * (`clade tell STUDY/7 --lost`): the trial is tried again with the same values, by whoever asks next. A value
 * that its old process tells after that is refused as CLADE_ESTALE.
 *
 * Exactly N: a proposal and its start are appended together, conditional on the budget and on the number of
 * the trial, under the study's lock. Of two processes that ask at the same time one gets trial 7, the
 * other 8.
 *
 * Threads: a study and its trials are used by one thread at a time. Different handles, also of the same
 * study, may be used by different threads. Nothing here blocks but for the store's lock (at most 30 s) and
 * the disk; nothing prints, exits, installs signal handlers or starts threads or processes.
 *
 * All functions that return an int: 0 done, > 0 news, < 0 an error of <clade/error.h> with a sentence in *e
 * (null is allowed); outputs are then untouched. Besides what each names: CLADE_ENOMEM; CLADE_EINVAL for null
 * where a handle or output is needed; and, for those that touch the store, CLADE_EIO, CLADE_EBUSY (the lock
 * was held for 30 s), CLADE_ECORRUPT, CLADE_ENEWER (written by a newer clade).
 */
#ifndef CLADE_STUDY_H
#define CLADE_STUDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/error.h"
#include "clade/export.h"
#include "clade/value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- a space, built in code -------------------------------------------------------------------------- */

/* The functions return nothing: the first mistake is kept, and clade_study_create returns it as CLADE_ESPEC
 * (or CLADE_ENOMEM). Names and texts are copied. The meaning is that of `hyperparameters:` in a spec. Null
 * for the space is allowed and does nothing. */
struct clade_space;

/* Null without memory. Gives; free with clade_space_destroy. */
CLADE_API struct clade_space *clade_space_create(void);
CLADE_API void clade_space_destroy(struct clade_space *space);

/* A number from lo to hi, both included; lo < hi, both finite. `scale`: "linear" (null means that), "log" (lo
 * > 0), "logit" (0 < lo, hi < 1). Integers are at most 2^53 in size. */
CLADE_API void clade_space_add_float(struct clade_space *space, const char *name, double lo, double hi,
                                     const char *scale);
CLADE_API void clade_space_add_int(struct clade_space *space, const char *name, int64_t lo, int64_t hi,
                                   const char *scale);
/* One of n values, 1 <= n <= 100000. `ordered`: neighbours in the list are alike. Each text is read like an
 * argument: true, false, null, an integer, a number, else text. */
CLADE_API void clade_space_add_list(struct clade_space *space, const char *name, size_t n,
                                    const char *const *values, bool ordered);
/* Any other hyperparameter: its keys as in a spec, a flow mapping: "{range: [0, 1], step: 0.25, when: {opt:
 * sgd}}". */
CLADE_API void clade_space_add(struct clade_space *space, const char *name, const char *keys);
/* A relation between hyperparameters that every assignment keeps: "a + b <= 1". */
CLADE_API void clade_space_add_constraint(struct clade_space *space, const char *relation);

/* --- studies ----------------------------------------------------------------------------------------- */

struct clade_study;

/* Everything that is zero or null means "not said". Texts are borrowed until clade_study_create returns. */
struct clade_study_options {
  /* Where: a path, sqlite:///path, postgresql://…, or "memory:" (this handle only; it ends with it).
   * Null: CLADE_STORE, then the spec's `store:`, then clade.db in the working directory. */
  const char *store;

  /* What is searched: exactly one of the three. */
  const char *spec_file;           /* a spec (YAML); it needs no `program:` */
  const char *spec;                /* its text */
  const struct clade_space *space; /* built by the functions above; then name and metric are needed */

  const char *name;                /* of the study; null: the spec's */
  const char *minimize, *maximize; /* the metric; null: the spec's */
  const char *method;              /* "random", "sobol", "grid", "dgd" …; null: the spec's, else random */
  int64_t trials;                  /* 1 … 10^12; 0: the spec's, else as many as are asked for */
  bool has_seed;
  int64_t seed; /* without one a new one is drawn */
  int n_set;    /* keys of the spec, as `--set search.seeds=20` */
  const char *const *set;
  const char *history; /* names of studies of this store, joined by commas: their results are copied into this
                          study, as history for the method; they never are its best */

  bool again; /* the name is taken: use NAME-2, NAME-3 … */
  bool reuse; /* the name is taken: open that study instead, whatever its spec. Of several processes that do
                 so at the same time one creates it, and all get it */
  /* A sentence for people: what the spec means but may not be meant, what was copied from the history. Null:
     nobody listens. */
  void (*note)(void *ctx, const char *sentence);
  void *ctx;

  bool sync_full; /* every decision survives a power cut (else: the newest may be lost, never the middle) */
};

/* Create a study. Gives *ret; free with clade_study_close. CLADE_EEXISTS: the name is taken (the sentence
 * says what to do); CLADE_ESPEC: the spec, with file:line:column, or the space; CLADE_ENOTFOUND: no such spec
 * file, or study of the history; CLADE_EUNSUPPORTED: a store on a network file system, or a spec
 * that asks for a schedule or target this version does not have; CLADE_EINVAL: a store of an unknown kind,
 * none or several of spec_file, spec and space, trials out of range, both again and reuse, minimize and
 * maximize. Cost: reads the spec and runs git for the provenance, some 20 ms. */
CLADE_API int clade_study_create(const struct clade_study_options *options, struct clade_study **ret,
                                 struct cl_err *e);

/* Open one that exists: its name, in any case. `store` as above. A study with a program may be opened as
 * well: what is asked for here is trained here, its engines train the others. CLADE_ENOTFOUND: no such store
 * or study (the nearest is named); CLADE_EUNSUPPORTED; CLADE_EINVAL: a store of an unknown kind. Gives *ret;
 * free with clade_study_close. Cost O(trials). */
CLADE_API int clade_study_open(const char *store, const char *name, struct clade_study **ret,
                               struct cl_err *e);

/* Trials that were asked for and not told stay RUNNING, and their handles are gone. Null is allowed. */
CLADE_API void clade_study_close(struct clade_study *study);

CLADE_API const char *clade_study_name(const struct clade_study *study);  /* valid until close */
CLADE_API const char *clade_study_store(const struct clade_study *study); /* address; valid until close */
CLADE_API const char *clade_study_metric(const struct clade_study *study,
                                         int objective); /* 0…; null: no such */
CLADE_API bool clade_study_maximizes(const struct clade_study *study, int objective);

/* Has somebody told, proposed or changed something? Applies what others have appended; every function below
 * that takes a study and an error does so first. */
CLADE_API int clade_study_follow(struct clade_study *study, struct cl_err *e);

/* --- asking ------------------------------------------------------------------------------------------ */

struct clade_trial; /* a trial that is trained here */

/* The next trial: the oldest that waits (enqueued, or to be tried again), else a new proposal. It is RUNNING
 * when this returns, durably. Gives *ret: ends with the tell that takes it, with clade_trial_drop, or with
 * the study. CLADE_EMPTY: no trial is left: the budget or the space is used up, or the study is finished.
 * (While trials asked for elsewhere are untold, one of them may come back as lost: then asking again gives
 * it.) CLADE_BUSY: ordered mode waits for a result, or a person has paused the study. Cost: one commit, and
 * what the method needs; in memory about 1 microsecond. */
CLADE_API int clade_study_ask(struct clade_study *study, struct clade_trial **ret, struct cl_err *e);

/* A trial by number, to tell or report what another process, or an earlier run of this one, was asked:
 * RUNNING and of no worker; or WAITING, then it is started here. Gives *ret, as above. CLADE_ENOTFOUND: no
 * such trial. CLADE_EBUSY: a worker trains it. CLADE_EREFUSED: it has come to its end (the sentence says
 * which) or is paused. */
CLADE_API int clade_study_take(struct clade_study *study, int64_t number, struct clade_trial **ret,
                               struct cl_err *e);

/* Free the handle and tell nothing: the trial stays RUNNING. Null is allowed. */
CLADE_API void clade_trial_drop(struct clade_trial *trial);

CLADE_API int64_t clade_trial_number(const struct clade_trial *trial); /* from 1 */
CLADE_API int clade_trial_attempt(const struct clade_trial *trial);    /* from 1 */
CLADE_API int64_t
clade_trial_seed(const struct clade_trial *trial); /* to train with: 31 bits; another one
                                                      for each   trial, whatever the method */

/* Values as of the last call on this study; a person may change those of a running trial. Texts are valid
 * until the next call on the study.
 *
 *   float  any number, also a whole one. NaN for everything else
 *   int    an integer, or a float without fraction. 0 otherwise
 *   bool   true, false, 1, 0. False otherwise
 *   text   a text of a list. Null for every other kind; clade_trial_values has them all
 *
 * Inactive hyperparameters and unknown names have no value. Cost: a search by name. */
CLADE_API double clade_trial_float(struct clade_trial *trial, const char *name);
CLADE_API int64_t clade_trial_int(struct clade_trial *trial, const char *name);
CLADE_API bool clade_trial_bool(struct clade_trial *trial, const char *name);
CLADE_API const char *clade_trial_text(struct clade_trial *trial, const char *name);
CLADE_API bool clade_trial_has(struct clade_trial *trial, const char *name);
/* All active values in the order of the space; *ret_n of them. Borrowed until the next call on the study. */
CLADE_API const struct clade_named_value *clade_trial_values(struct clade_trial *trial, size_t *ret_n);

/* --- reporting --------------------------------------------------------------------------------------- */

struct clade_metric {
  const char *name; /* UTF-8, 1 to 200 bytes; borrowed */
  double value;     /* NaN and infinity are values; as objective they mark the trial as diverged */
};

/* A report: n metrics (0 … 200) at a step, which is finite and does not go back. Returns 0 = train on;
 * CLADE_STOP = leave off, then tell: a person or another program has stopped or paused the trial, or its
 * objective is not finite; CLADE_EREFUSED: the step goes back, nothing was recorded; CLADE_ESTALE: the trial
 * was declared lost, and this report does not count; CLADE_EINVAL: a name or step is not usable;
 * CLADE_ELIMIT: too many metrics. One commit. */
CLADE_API int clade_trial_report(struct clade_trial *trial, double step, const struct clade_metric *metrics,
                                 size_t n, struct cl_err *e);

/* 0 = train on; CLADE_STOP, CLADE_ESTALE as above. One look at the store. */
CLADE_API int clade_trial_should_stop(struct clade_trial *trial, struct cl_err *e);

/* --- telling ----------------------------------------------------------------------------------------- */

enum clade_outcome {
  CLADE_TOLD_COMPLETE = 0,
  CLADE_TOLD_PRUNED,     /* left off before its end; its value counts */
  CLADE_TOLD_FAILED,     /* no result; tried again while the study's `retries` last */
  CLADE_TOLD_INFEASIBLE, /* these values cannot be trained */
  CLADE_TOLD_DIVERGED,   /* the objective is not finite */
  CLADE_TOLD_LOST        /* its process is gone: tried again, at most 10 times without a new step */
};

/* What came of a trial. Everything that is zero or null means "not said". */
struct clade_told {
  enum clade_outcome outcome;
  size_t n_values;      /* of objectives, in the order of the study: all of them, or 0 = as reported */
  const double *values; /* a value that is not finite makes COMPLETE and PRUNED into DIVERGED */
  size_t n_metrics;     /* further metrics to record, at most 200 */
  const struct clade_metric *metrics; /* one that is named like the first objective is its value */
  bool has_step;
  double step; /* of these metrics; else the last one reported, else 1 */
};

/* End the trial: durable when this returns. Takes the handle unless it returns an error; then it is as
 * before, except with CLADE_ESTALE. The trial's value is the one told here, else its reports reduced as the
 * study says. When this was the last trial of the study, the study is finished. 0. CLADE_REPEATED: it was
 * told already (somebody took it too): nothing was added. CLADE_ESTALE: it was declared lost before, what
 * came of it does not count; takes the handle. CLADE_EINVAL: COMPLETE or PRUNED without a value told or
 * reported; a number of values that is not the study's; a name or step that is not usable. CLADE_ELIMIT.
 * CLADE_EREFUSED: the step goes back. One commit; two when metrics come with it. */
CLADE_API int clade_trial_end(struct clade_trial *trial, const struct clade_told *told, struct cl_err *e);

/* clade_trial_end with COMPLETE and one value. CLADE_EINVAL for a study of several objectives. */
CLADE_API int clade_trial_tell(struct clade_trial *trial, double value, struct cl_err *e);

/* --- the rest ---------------------------------------------------------------------------------------- */

/* Add a trial with values of one's own: it WAITS, and the next ask (or a worker) trains it before anything
 * the method proposes. n >= 0 values by name, as an argument would give them ("0.01", "adam"); the others are
 * drawn. *ret_number (may be null): of the trial. CLADE_EINVAL: an unknown name (the nearest is named) or a
 * value outside of its range; CLADE_EBUDGET: all trials have been proposed, or the study is finished. One
 * commit. */
struct clade_given {
  const char *name, *value;
};
CLADE_API int clade_study_enqueue(struct clade_study *study, const struct clade_given *values, size_t n,
                                  int64_t *ret_number, struct cl_err *e);

/* The best trial so far: searched or enqueued ones that are COMPLETE or PRUNED with a finite value. `values`,
 * `name`: borrowed until the next call on the study. CLADE_EMPTY: none yet. For an estimate of what its score
 * is worth see clade_best_read in <clade/query.h>. */
struct clade_study_best {
  int64_t number;
  double value; /* of the first objective */
  size_t n_values;
  const struct clade_named_value *values;
};
CLADE_API int clade_study_best(struct clade_study *study, struct clade_study_best *ret, struct cl_err *e);

/* Trial `number` (1 … clade_study_trials), of any role and state, as of the last call on this study; `values`
 * borrowed until the next one. CLADE_ENOTFOUND. */
struct clade_trial_state {
  int64_t number;
  const char *state; /* "WAITING", "RUNNING", "COMPLETE" …; static */
  const char *role;  /* "search", "enqueued", "foreign" …; static */
  int attempts;
  int64_t seed;
  bool asked;   /* RUNNING, and trained by no worker */
  double value; /* of the first objective, reduced; NaN = none */
  double step;  /* last reported; NaN = none */
  size_t n_values;
  const struct clade_named_value *values;
};
CLADE_API int64_t clade_study_trials(const struct clade_study *study);
CLADE_API int clade_study_trial(struct clade_study *study, int64_t number, struct clade_trial_state *ret,
                                struct cl_err *e);

#ifdef __cplusplus
}
#endif
#endif
