/* The settings of a study: what `created` and `updated` carry as JSON, resolved from a spec.
 *
 * One object; unknown keys are kept for readers of a later version and ignored. "?" = may be absent.
 *   study            string: the study's name
 *   origin           "native" | "runspec" | "inline" | "api"
 *   program?         array of strings with {name} placeholders and {{ left in; absent: in-process
 *   cwd              string: absolute directory the program runs in
 *   values_to        "placeholders" | "after-script" (contracts.md 2)
 *   objectives       array of {name, goal: "minimize"|"maximize", reduce: "last"|"best"|"mean"}, >= 1
 *   computed?        "hpmax": the objective is computed from the first metric of the trainer
 *   metric_regex?    string
 *   step?            string: name of the step unit
 *   hyperparameters  array of objects, see below, in the order of the spec
 *   constraints?     array of strings
 *   search           {method, …options of the method}
 *   schedule?        {method, …}
 *   enqueue?         array of {name: value} objects
 *   trials           integer 1…10^12: the budget
 *   parallel         integer: slots of the engine that `clade run` starts
 *   ordered?         bool; lag: integer (ordered mode; absent = parallel, or all trials where there is a
 *                    schedule); absent = free mode
 *   repeats?         true when trials repeat the tuned values (hp_tuning: false)
 *   limits           {time_s, memory_bytes, disk_bytes, retries, max_failures, grace_s, reconnect_s}, each
 *                    optional
 *   gpus?            array of strings
 *   replay?          {schedule, hash, fresh, foreign, last?}: trials of role replay follow this
 *                    schedule (model/timetable.h), each with a seed of its own if `fresh`;
 *                    last: the step at which their training ends by itself
 *   history?         array of strings: names of the studies whose results were copied in
 *   directory?       string: absolute parent of the trial directories
 *   tensorboard?     true: what is reported goes into event files (worker/tensorboard.h) as well
 *   paused?          array of trial numbers: a person has paused the study. Nothing is proposed
 *                    or started; these trials were paused with it and are continued with it
 *   last_id?         integer 0…65535: the highest id that was used before an update
 *   dump?            string: template of {spec} / CLADE_SPEC, filled per trial by cl_spec_dump
 *                    (spec/spec.h): a runspec's whole text, or the `trainer:` part of a native file
 *
 * A hyperparameter is {id, name, domain: "float"|"int"|"ordered"|"unordered"|"constant"} and
 *   scale?           "linear" (also when absent) | "log" | "logit" | "normal" | "lognormal"
 *   lo? hi?          numbers; absent = unbounded, only with normal and lognormal
 *   mean? sd?        numbers, with normal and lognormal
 *   step? zero?      numbers; zero is a share in (0,1)
 *   drawn?           bool
 *   values?          array of scalars: lists; one for a constant
 *   tuned?           scalar; it may stand outside a list (XT allows that for runs without a search)
 *   change?          "live" | "restart" | "start"; absent = live for numbers, restart for the rest
 *   parent? when?    the parent's *name* (which may stand further down), array of its scalars
 *   key? increment? title?   strings
 */
#ifndef CL_SETTINGS_H
#define CL_SETTINGS_H

#include "model/space.h"

enum cl_goal { CL_MINIMIZE = 0, CL_MAXIMIZE };
enum cl_reduce { CL_LAST = 0, CL_BEST, CL_MEAN };

struct cl_objective {
  const char *name;
  enum cl_goal goal;
  enum cl_reduce reduce;
};

#define CL_OBJECTIVES_MAX 16
#define CL_TRIALS_MAX     INT64_C(1000000000000)

struct cl_settings {
  json_t *json; /* the whole object, owned; strings below point into it */
  const char *study, *origin, *cwd, *values_to, *computed, *metric_regex, *step, *directory, *method;
  int n_program;
  const char **program;
  int n_objectives;
  struct cl_objective objectives[CL_OBJECTIVES_MAX];
  struct cl_space space;
  const json_t *search, *schedule, *enqueue, *paused; /* borrowed from json, or null */
  int64_t trials;
  int parallel, lag; /* lag 0 = free mode */
  bool repeats, tensorboard;
  double time_s, grace_s, reconnect_s; /* time_s 0 = no limit */
  int64_t memory_bytes;                /* 0 = no limit */
  int64_t disk_bytes;                  /* of saved states, 0 = no limit */
  int retries, max_failures;
};

/* Parse resolved settings. Gives *ret (free with cl_settings_destroy). CLADE_ESPEC naming the key and what it
 * must be; CLADE_ENOMEM. Cost O(size); the result is immutable. */
int cl_settings_parse(const char *json, struct cl_settings **ret, struct cl_err *e);

/* `changes` holds only the keys that change (`updated`), null removes one. Gives a new object; its space
 * version is one higher when hyperparameters or constraints are among the keys. An id keeps its name, and a
 * new hyperparameter gets an id above all that were ever used (key `last_id` remembers them), and the
 * objectives stay as they are: else CLADE_ESPEC. */
int cl_settings_update(const struct cl_settings *old, const char *changes, struct cl_settings **ret,
                       struct cl_err *e);
void cl_settings_destroy(struct cl_settings *s); /* null is allowed */

/* The highest id that a hyperparameter of the study has ever had, 0…65535. */
int cl_settings_last_id(const struct cl_settings *s);

/* The method of `schedule`; null without one. Borrowed. */
const char *cl_settings_scheduler(const struct cl_settings *s);

/* The points of `enqueue`: how many, and the index-th one (from 0) as values of the space, absent where it
 * gives none (space->n). Texts borrow from the settings. Parsing has checked them all: only CLADE_ENOMEM. */
int64_t cl_settings_enqueues(const struct cl_settings *s);
int cl_settings_enqueued(const struct cl_settings *s, int64_t index, struct cl_value *ret, struct cl_err *e);

/* +1 when larger is better, -1 when smaller is. Better-than with the rule for non-finite values: any finite
 * value beats any non-finite one; two non-finite ones are equal. */
double cl_objective_sign(const struct cl_objective *o);
bool cl_objective_better(const struct cl_objective *o, double a, double b);

#endif
