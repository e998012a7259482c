/* Run a study: from a spec, from a command with search expressions in brackets, or resume one; and help with
 * one that runs.
 *
 * These calls block until the study is over or they are interrupted. They print nothing: what people should
 * see comes through the callbacks, on the calling thread. Call clade_keeper_main first thing in main() of a
 * program that uses them: trainers are started by a small keeper process, which is this program again.
 */
#ifndef CLADE_RUN_H
#define CLADE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "clade/error.h"
#include "clade/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* If this process was started as a keeper, be one and never return before its last child has ended: returns
 * its exit status. Otherwise returns -1 at once. */
CLADE_API int clade_keeper_main(int argc, char **argv);

struct clade_slot_progress {
  int64_t trial; /* 0 = free */
  int attempt;
  const char *phase;  /* "running", "saving", … static */
  double step, value; /* of its last report; NaN = none */
  double share;       /* of the steps that its schedule plans for it, 0…1; NaN = unknown */
  double elapsed_s;
  const char *values; /* "lr=0.01 momentum=0.9", as they are now; null = free */
};

struct clade_progress {
  const char *study, *metric, *step_unit; /* step_unit: null if not named */
  const char *method, *schedule;          /* schedule: null without one */
  bool maximize;
  double elapsed_s; /* since this call began */
  double share; /* of all trials that are done, 0…1; where a schedule says at which step members end: of their
                   steps */
  double eta_s;    /* until the last trial ends, by the pace so far; NaN = not known yet, or paused */
  int64_t trials;  /* to be done in all */
  int64_t results; /* done: COMPLETE PRUNED FAILED DIVERGED INFEASIBLE */
  int64_t complete, pruned, failed, diverged, infeasible, running, waiting, lost;
  /* Of the results; of a population, of its members as they are now. */
  int64_t best_trial; /* 0 = none yet */
  double best_value;
  const char *best_values; /* as those of a slot; null = none yet */
  bool deciding;           /* this process holds the decider's lease */
  bool paused;             /* the study: nothing is proposed or started before a person goes on with it */
  int n_slots;
  const struct clade_slot_progress *slots;
};

/* A trial has come to a result (also one of another engine's). */
struct clade_result_news {
  int64_t trial;
  const char *state;       /* "COMPLETE" … */
  double value, elapsed_s; /* NaN = none */
  bool is_best;
  int64_t results, trials;
  const char *values; /* "lr=0.01 momentum=0.9", as tried */
};

enum clade_note_kind { CLADE_NOTE_INFO = 0, CLADE_NOTE_WARNING };

struct clade_run_callbacks {
  void *ctx;
  void (*begin)(void *ctx, const char *study, int64_t trials, int slots,
                const char *space);                            /* space: a line each */
  void (*progress)(void *ctx, const struct clade_progress *p); /* about 10 times a second */
  void (*result)(void *ctx, const struct clade_result_news *r);
  void (*note)(void *ctx, enum clade_note_kind kind, const char *sentence);
  bool (*ask)(void *ctx, const char *doubt); /* before anything is stored: go on all the same? Null: yes,
                                                after a warning */
};                                           /* each may be null; texts borrow until the call returns */

struct clade_run_options {
  const char *store; /* null: CLADE_STORE, then the spec's `store:`, then clade.db */
  const char *spec;  /* path of a spec file; null with an inline search */
  int argc;          /* the command after --: the inline search, or the program of a runspec */
  char *const *argv;
  const char *name;                /* of the study; null: the spec's, the file's, the program's */
  bool again;                      /* the name is taken: use NAME-2, NAME-3 … */
  const char *minimize, *maximize; /* metric; null: the spec's */
  const char *method;              /* search method; null: the spec's */
  const char *hp_config;           /* XT's --hp-config file, null = none */
  int64_t trials;                  /* 0: the spec's */
  int parallel;                    /* 0: the spec's */
  bool has_seed;
  int64_t seed;
  int n_set; /* --set key=value of the spec */
  const char *const *set;
  bool sync_full; /* every decision survives a power cut */
  int n_gpus;     /* names for CUDA_VISIBLE_DEVICES, one per slot in turn; 0: the spec's `gpus:` */
  const char *const *gpus;
  double grace_s;   /* 0: the spec's */
  int max_failures; /* 0: the spec's */
  const char
      *history; /* names of studies of the same store, joined by commas; null: the spec's. Their results are
                   copied into the study, as history for its method, and are never its best */
  const char *metric_regex; /* how metrics are read from the output, instead of name=number: an expression in
                               Perl's syntax whose groups are the name and the number, or the number alone;
                               null: the spec's */
};

struct clade_run_result {
  char study[256];
  char store[4096];       /* address; "" when nothing was stored (`once`) */
  char store_shown[4096]; /* the same for people: without its password */
  const char *
      reason; /* why it is over: "budget", "exhausted", "target", "failures", "human"; "" if it is not over */
  int signal; /* interrupted by this signal; 0 = not */
  int64_t trials, results, complete, pruned, failed, diverged, infeasible;
  int64_t best_trial; /* 0 = none */
  double best_value;
  int64_t failed_trial;     /* with reason "failures": the last one, whose stderr explains */
  char failed_stderr[4096]; /* path */
  bool once;                /* the spec asks for one run with the tuned values, and this was it … */
  int once_status;          /* … with this exit status; nothing else above is filled in */
};

/* Create the study and run it. SIGINT and SIGTERM are handled while it runs (contracts.md 4) unless a handler
 * other than the default is installed. CLADE_ESPEC (the sentence has file:line:column and a caret),
 * CLADE_EEXISTS (name taken: the sentence says what to do), CLADE_EIO, CLADE_ENOMEM, CLADE_ESPAWN.
 * CLADE_STOP: `ask` said no; nothing was started, *ret is as it was. */
CLADE_API int clade_run(const struct clade_run_options *options, const struct clade_run_callbacks *callbacks,
                        struct clade_run_result *ret, struct cl_err *e);

/* What clade_run would do. */
struct clade_plan {
  const char *study, *store, *cwd; /* store: its address, without a password */
  const char *method, *schedule;   /* schedule: null = none */
  const char *options;             /* of the schedule, with their values; "" = none */
  const char *metric, *goal;       /* "loss", "minimize"; of the first objective; null with `once` */
  int64_t trials;
  int parallel;
  bool once; /* one run with the tuned values in the foreground, without a store */
  int n_hyperparameters, n_constraints;
  const char *space;    /* a line per hyperparameter */
  const char *command;  /* of a trial with the tuned values, quoted for a shell; null = there is no program */
  const char *settings; /* all of it as a JSON object */
  const char *bill;     /* of a population: what its saved states will take, a sentence; "" = none */
};

/* The plan of clade_run for these options, and its notes through the callbacks (which may be null); nothing
 * is created. Gives *ret; free with clade_plan_free. The errors of clade_run that come before a study is
 * created. */
CLADE_API int clade_run_plan(const struct clade_run_options *options,
                             const struct clade_run_callbacks *callbacks, struct clade_plan **ret,
                             struct cl_err *e);
CLADE_API void clade_plan_free(struct clade_plan *plan); /* null is allowed */

/* One run with the tuned values in the foreground, outside of any store: its exit status, 128 + n if killed
 * by signal n. `begin` is told the values, a "name: value" in each line, in the place of the space. */
CLADE_API int clade_run_once(const struct clade_run_options *options,
                             const struct clade_run_callbacks *callbacks, int *ret_status, struct cl_err *e);

/* A commented first spec for a program: options of a Python program's argparse become hyperparameters with
 * guessed ranges. Gives *ret; free with clade_free. CLADE_ENOTFOUND, CLADE_EIO, CLADE_ENOMEM. */
CLADE_API int clade_spec_init(const char *program, char **ret, struct cl_err *e);

struct clade_resume_options {
  const char *store; /* as above */
  const char *study; /* null: the latest unfinished one */
  int parallel;      /* slots; 0: the study's */
  bool help; /* `clade work`: only help; do not warn about changed code, do not insist on an unfinished study
              */
  bool sync_full;
  int n_gpus;
  const char *const *gpus;
  double grace_s;
};

/* Go on with a study whose engine is gone, or help one that runs (a second engine on the same store).
 * CLADE_ENOTFOUND when there is no such study or none is unfinished. */
CLADE_API int clade_resume(const struct clade_resume_options *options,
                           const struct clade_run_callbacks *callbacks, struct clade_run_result *ret,
                           struct cl_err *e);

/* Run the winners again on fresh seeds: what clade_confirm_read tells of. */
struct clade_confirm_options {
  int top;      /* the best so many configurations, 1…1000 … */
  int n_trials; /* … or, if not 0, those of these trials */
  const int64_t *trials;
  int64_t repeats; /* runs of each, 1…1000000, with those that are there already */
  int64_t total; /* of all; 0: no limit but repeats. Top-two sampling says who runs next, so fewer runs go to
                    those that matter */
};

/* Make trials of role confirm until the plan is fulfilled. They do not count against the budget, and no
 * method sees them; the study may be finished or not, and may be searched at the same time. An interrupted
 * call is continued by the same call. `engine`: store, study (required), slots and devices. Fills *ret:
 * trials planned and ended, reason "budget" when all are done and "failures" when the first ones all failed.
 * The errors of clade_resume and of clade_confirm_read. */
CLADE_API int clade_confirm(const struct clade_resume_options *engine,
                            const struct clade_confirm_options *what,
                            const struct clade_run_callbacks *callbacks, struct clade_run_result *ret,
                            struct cl_err *e);

/* Train with a schedule again: what clade_schedule_read and clade_schedule_load tell of. */
struct clade_replay_options {
  const char *schedule; /* a file (YAML, JSON, Ray's pbt_policy_….txt); or an address: STUDY (its best trial),
                           STUDY/7 */
  int64_t seeds; /* so many runs, each with a seed of its own; 0: one, with the seed of the schedule's root */
};

/* Make a study whose trials (role replay) begin with the schedule's first values and change them at its
 * steps, and run it to its end; interrupted, clade_resume goes on with it. `options` (may be null): store,
 * spec (null: program and space of the study that the schedule comes from, which is then in the store), name
 * (null: STUDY-replay, STUDY-replay-2 …), parallel, seed, devices. A value that only a new process takes up
 * is changed by one that begins from the trial's own state. CLADE_ENOTFOUND; CLADE_ESPEC: the schedule does
 * not fit the space, naming the step; the errors of clade_run. */
CLADE_API int clade_replay(const struct clade_run_options *options, const struct clade_replay_options *what,
                           const struct clade_run_callbacks *callbacks, struct clade_run_result *ret,
                           struct cl_err *e);

/* The one training that may look at test data (CLADE_FINAL=1): the schedule of this trial, from its root's
 * first values and seed; 0: of the best trial, or of the study's own schedule if it replays one. A trial of
 * role assess; every start of one is an event, and clade_best tells how many there were. One that was
 * interrupted is gone on with. Errors as clade_resume; CLADE_EINVAL: the trial has not ended. */
CLADE_API int clade_assess(const struct clade_resume_options *engine, int64_t trial,
                           const struct clade_run_callbacks *callbacks, struct clade_run_result *ret,
                           struct cl_err *e);

#ifdef __cplusplus
}
#endif
#endif
