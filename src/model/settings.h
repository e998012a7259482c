/* The settings of a study: what `created` and `updated` carry as JSON, resolved from a spec, and nothing
 * else.
 *
 * The JSON (one object; keys not listed are kept for readers of a later version and ignored):
 *   study          string: the study's name
 *   origin         "native" | "runspec" | "inline" | "api"
 *   program        array of strings with {name} placeholders left in, or absent (in-process study)
 *   cwd            string: absolute directory the program runs in
 *   values_to      "placeholders" | "after-script" (contracts.md 2)
 *   objectives     array of {name, goal: "minimize"|"maximize", reduce: "last"|"best"|"mean"}; at least one
 *   computed       "hpmax" if the objective is computed from the first metric of the trainer (runspecs), else
 * absent metric_regex   string or absent step           string: name of the step unit, or absent
 *   hyperparameters array of {id, name, domain: float|int|ordered|unordered|constant, scale, lo, hi, mean,
 * sd, step, zero, drawn, values, tuned, change, parent, when, key, increment, title} constraints    array of
 * strings search         {method, …options of the method} schedule       {method, …} or absent enqueue array
 * of {name: value} objects, or absent trials         integer 1…10^12: the budget parallel       integer:
 * slots of the engine that `clade run` starts ordered        bool; lag: integer (ordered mode) repeats true
 * when trials repeat the tuned values (hp_tuning: false) limits         {time_s, memory_bytes, retries,
 * max_failures, grace_s, reconnect_s} gpus           array of strings or absent directory      string: parent
 * of the trial directories trainer        any JSON: the trainer's own part, in the resolved copy dump string:
 * text of a runspec whose anchors the worker fills per trial, or absent
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
#define CL_METRICS_MAX    200
#define CL_TRIALS_MAX     INT64_C(1000000000000)

struct cl_settings {
  json_t *json; /* the whole object, owned; strings below point into it */
  const char *study, *origin, *cwd, *values_to, *computed, *metric_regex, *step, *directory, *method;
  int n_program;
  const char **program;
  int n_objectives;
  struct cl_objective objectives[CL_OBJECTIVES_MAX];
  struct cl_space space;
  const json_t *search, *schedule, *enqueue; /* borrowed from json, or null */
  int64_t trials;
  int parallel, lag; /* lag 0 = free mode */
  bool repeats;
  double time_s, grace_s, reconnect_s; /* time_s 0 = no limit */
  int64_t memory_bytes;                /* 0 = no limit */
  int retries, max_failures;
};

/* Parse resolved settings. Gives *ret (free with cl_settings_destroy). CLADE_ESPEC naming the key and what it
 * must be; CLADE_ENOMEM. Cost O(size); the result is immutable. */
int cl_settings_parse(const char *json, struct cl_settings **ret, struct cl_err *e);

/* `changes` holds only the keys that change (`updated`). Gives a new object. */
int cl_settings_update(const struct cl_settings *old, const char *changes, struct cl_settings **ret,
                       struct cl_err *e);
void cl_settings_destroy(struct cl_settings *s); /* null is allowed */

/* +1 when larger is better, -1 when smaller is. Better-than with the rule for non-finite values: any finite
 * value beats any non-finite one; two non-finite ones are equal. */
double cl_objective_sign(const struct cl_objective *o);
bool cl_objective_better(const struct cl_objective *o, double a, double b);

#endif
