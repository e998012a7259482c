/* clade/stages.h: a training as an ordered list of stages, each with its metrics, reported every so many
 * iterations.
 *
 * The console and the objective of XT and rl_nexus: values are added where they arise, each report shows what
 * came since the last one, a stage ends with a summary over all its values, and the training with one number
 * that a search maximizes, hpmax. A complete loop (step_…, episode_… are the program's own):
 *
 *   static const struct clade_stage_metric metrics[] = {
 *       {.name = "rew", .long_name = "reward per step"},
 *       {.name = "win", .long_name = "episodes won"},
 *   };
 *   static const struct clade_stage stages[] = {
 *       {.title = "RL_Proc", .metrics = metrics, .n_metrics = 2, .iters = 5000, .iters_per_report = 1000},
 *   };
 *   struct clade_stages_options options = {.stages = stages, .n_stages = 1};
 *
 *   clade_stages *s = NULL;
 *   int status = clade_stages_open(t, &options, &s);
 *   if (status == 0) status = clade_trainer_start(t);
 *   while (status >= 0 && clade_stages_next(s)) {             // once per iteration, of any stage
 *     clade_stages_add(s, "rew", step_once(model));
 *     if (episode_has_ended(model)) clade_stages_add(s, "win", episode_was_won(model));
 *   }
 *   if (status >= 0) status = clade_stages_done(s);
 *   clade_stages_close(s);                                    // before clade_trainer_close
 *
 * prints, in a study and outside of one:
 *
 *   Chosen hyperparameter values:
 *     lr: 0.0004
 *
 *   Processing stage 1 of 1
 *   RL_Proc:  Started
 *     0.002 hrs         1,000 iters      0.00200 rew      0.11765 win
 *     ...
 *   Stage summary (mean reward per step):  0.00160
 *   RL_Proc:  Completed
 *
 *   Objective that would be maximized by hyperparameter tuning (hpmax):  0.00160
 *
 *   All processing stages completed.
 *
 * What the study gets: per report the metrics s1-hrs, s1-rew, s1-win … (the stage's number before each name),
 * their step being the iterations of all stages so far; at the end a report of its own with hpmax; and the
 * tag plotted_metric=s1-rew, the default y axis of plots. hpmax is the value over the whole last stage of its
 * first metric, negated where lower is better: a study of it says `metric: {name: hpmax, goal: maximize}`, as
 * every runspec does. In a search the text says "Objective being maximized by …".
 *
 * The progress of the stages (sums, counts, time) is part of the saved state: the functions `save` and `load`
 * of the trainer get a file clade-stages beside theirs, and a trial that is resumed, or cloned into another,
 * goes on counting where that state was. `load` fails for a state that has no such file.
 *
 * Statuses, threads and null as in <clade/trainer.h>; sentences by clade_trainer_errmsg.
 */
#ifndef CLADE_STAGES_H
#define CLADE_STAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clade/trainer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the values of a metric become one, both in a report and over a stage. Mean: sum of all values / their
 * number, so a report with more values weighs more. A NaN makes the result NaN. */
enum clade_stage_aggregate { CLADE_STAGE_MEAN = 0, CLADE_STAGE_MAX = 1, CLADE_STAGE_MIN = 2 };

enum clade_stage_goal { CLADE_STAGE_MAXIMIZE = 0, CLADE_STAGE_MINIMIZE = 1 };

struct clade_stage_metric {
  const char *name;      /* short, of the report line: "rew"; unique in its stage, not "hrs" */
  const char *long_name; /* of the summary: "reward per step"; null = name */
  enum clade_stage_aggregate aggregate;
  enum clade_stage_goal goal; /* which values of the first metric are better */
};

struct clade_stage {
  const char *title; /* of the lines "… Started" and "… Completed"; null = without them */
  const struct clade_stage_metric *metrics;
  size_t n_metrics;         /* 1…100; the first one is the stage's summary */
  int64_t iters;            /* length of the stage, from 1 */
  int64_t iters_per_report; /* 0 = a tenth of iters, at least 1 */
};

struct clade_stages_options {
  const struct clade_stage *stages; /* keeps, with all they point to, until clade_stages_close */
  size_t n_stages;                  /* 1…1000 */
  /* Save the state whenever the first metric of a report is the best of its stage so far: the line then ends
   * with `SAVED` (or `not saved: ` and why). The name of the directory for it, below clade_trainer_directory,
   * for CLADE_RESUME_FROM and the like; null = do not. Needs a save function. A kill between two renames
   * leaves the last state as <name>.old. */
  const char *best;
  double (*seconds)(
      void *ctx); /* the clock behind `hrs`, never going back; null = the system's monotonic one */
  void *ctx;      /* for `seconds` */
};

typedef struct clade_stages clade_stages;

/* Begin. Call it before clade_trainer_start, so that a saved state brings its progress back, and after
 * clade_trainer_default, whose values are listed. One at a time for a trainer. Reports of the trainer are no
 * longer printed outside of a study.
 *
 *   ret  gives; close with clade_stages_close; null after a failure
 *
 * 0; CLADE_EINVAL: what the options say is not possible (the sentence names stage and key); CLADE_ENOMEM. */
CLADE_API int clade_stages_open(clade_trainer *t, const struct clade_stages_options *options,
                                clade_stages **ret);

/* Free; null is allowed. Before clade_trainer_close. */
CLADE_API void clade_stages_close(clade_stages *s);

/* Is there an iteration to do? To be called before each one; a call also says that the iteration before is
 * done, and so it reports when a report is due, ends stages, begins the next one and, behind the last one,
 * reports hpmax. What holds for clade_trainer_report holds for it: values of hyperparameters may change, the
 * state may be saved and replaced. False: all stages are completed, the study wants an end, or something
 * failed: clade_stages_done tells. */
CLADE_API bool clade_stages_next(clade_stages *s);

/* Say that the current iteration counts as n ≥ 1, a batch of n steps. Once per iteration; smaller n count
 * as 1. */
CLADE_API void clade_stages_count(clade_stages *s, int64_t n);

/* Add a value of a metric of the current stage. An unknown name is an error (CLADE_EINVAL) of the next
 * clade_stages_next. */
CLADE_API void clade_stages_add(clade_stages *s, const char *name, double value);

/* Index of the current stage, from 0, and the iterations of it that are done. 0 for null. */
CLADE_API size_t clade_stages_current(const clade_stages *s);
CLADE_API int64_t clade_stages_iters(const clade_stages *s);

/* The value of a metric over the whole current stage so far; NaN without values and for unknown names. */
CLADE_API double clade_stages_value(const clade_stages *s, const char *name);

/* To be called behind the loop: says to the study that training is finished (clade_trainer_done) when all
 * stages are completed. 0; CLADE_TRAINER_STOP: the study wanted an end; the error that ended the loop, which
 * was a report's, or CLADE_EINVAL: the last stage had no value of its first metric, or the loop was left
 * early. */
CLADE_API int clade_stages_done(clade_stages *s);

#ifdef __cplusplus
}
#endif
#endif
