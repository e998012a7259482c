/* Populations in process: models that are trained by functions of the program, evolve while they train.
 *
 * A population is a study (its log stands in memory, or in a store if one is named) whose trials are members.
 * Clade calls the program's functions to make, train, score and copy a model; what becomes of a member is
 * decided by four policies, each a small table that can be the program's own:
 *
 *   done     is this member's training finished?
 *   ready    may it be judged now?
 *   exploit  whose state does it take over, if any?
 *   explore  what becomes of its values?
 *
 *   struct clade_population_options options = {
 *     .study = {.name = "net", .space = space, .maximize = "accuracy", .trials = 10},
 *     .model = {create, step, score, copy, destroy, &data},
 *     .done = clade_policy_stop_after(20), .ready = clade_policy_ready_after(4),
 *     .exploit = clade_policy_truncation(0.2, 0.2)};
 *   struct clade_population *p = NULL;
 *   int status = clade_population_create(&options, &p, &e);
 *   if (status == 0) status = clade_population_train(p, &e);
 *   if (status == 0) model_write(clade_population_best(p, &value), "best");
 *   clade_population_destroy(p);
 *
 * The members take turns in the order of their numbers, one step each (a round). Before it trains, a member
 * is asked about: done ends it; if it is ready, exploit and then explore are asked. It is judged by the
 * scores that the members have at this moment, so a member sees what those before it did in the same round.
 * Nothing here depends on time: the same seed gives the same run.
 *
 * What is decided is recorded like every decision (`exploited`, `set`), so the tables of <clade/query.h>,
 * lineage and schedules show this population like any other. The models live in this process and end with it.
 *
 * A handle is used by one thread at a time; different populations by different threads. All functions that
 * return an int: 0 done, < 0 an error of <clade/error.h> with a sentence in *e (null is allowed).
 */
#ifndef CLADE_POPULATION_H
#define CLADE_POPULATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/error.h"
#include "clade/export.h"
#include "clade/study.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- what policies see ------------------------------------------------------------------------------- */

/* One evaluation: the state at a step, what it earned, and the values it was trained with. */
struct clade_observation {
  double step, value; /* value: of the objective, as it was scored; NaN and infinity are kept */
  const struct clade_named_value *values;
  size_t n_values;
  const struct clade_metric *metrics; /* what the model noted besides (clade_trial_metric), in that order */
  size_t n_metrics;
};

enum clade_member_state { CLADE_MEMBER_TRAINS = 1, CLADE_MEMBER_DONE, CLADE_MEMBER_FAILED };

struct clade_member {
  int64_t trial; /* its number, from 1 */
  enum clade_member_state state;
  double step;    /* trained so far, in the unit of options.step; a takeover does not change it */
  double value;   /* of its last evaluation */
  double fitness; /* the same, larger is better; -infinity where it is not finite, or the member failed */
  double ready;   /* step at which it was last ready; 0: never */
  size_t n_observations;
  const struct clade_observation *observations; /* oldest first; the first one is that of step 0 */
};

/* A population as one of its members is asked about. Valid inside of the call. */
struct clade_view;
CLADE_API size_t clade_view_members(const struct clade_view *view);
/* Member i, 0 … members - 1, in the order of their numbers; null: no such. */
CLADE_API const struct clade_member *clade_view_member(const struct clade_view *view, size_t i);
CLADE_API size_t clade_view_self(const struct clade_view *view); /* index of the one that is asked about */
/* The next number of this decision's stream: 0 <= x < 1; of the standard normal distribution; 0 … n - 1 (n >=
 * 1). */
CLADE_API double clade_view_uniform(struct clade_view *view);
CLADE_API double clade_view_normal(struct clade_view *view);
CLADE_API size_t clade_view_below(struct clade_view *view, size_t n);

/* --- policies ---------------------------------------------------------------------------------------- */

/* `self` is a copy of the table that the options gave. `name` is what the log calls the policy: letters,
 * digits and _, at most 40 bytes, borrowed until destroy. a, b, ctx: whatever the function likes. */
struct clade_done_policy {
  const char *name;
  bool (*is_done)(const struct clade_done_policy *self, struct clade_view *view);
  double a, b;
  void *ctx;
};
struct clade_ready_policy {
  const char *name;
  bool (*is_ready)(const struct clade_ready_policy *self, struct clade_view *view);
  double a, b;
  void *ctx;
};
#define CLADE_KEEP SIZE_MAX /* the member keeps its state */
struct clade_exploit_policy {
  const char *name;
  /* Index of the donor, or CLADE_KEEP; the member itself means CLADE_KEEP too. A member that has failed, or
   * whose fitness is -infinity, is not taken over from. */
  size_t (*choose)(const struct clade_exploit_policy *self, struct clade_view *view);
  double a, b;
  void *ctx;
  bool state_alone; /* take over the state, and keep one's own values */
};
/* The values that a member goes on with. Valid inside of the call. */
struct clade_proposal;
struct clade_explore_policy {
  const char *name;
  /* `took_over`: the state is another member's now, and `proposal` starts from the donor's values
   * (state_alone: from its own). */
  void (*explore)(const struct clade_explore_policy *self, struct clade_view *view,
                  struct clade_proposal *proposal, bool took_over);
  double a, b;
  void *ctx;
};

/* NaN: no number, inactive or unknown. */
CLADE_API double clade_proposal_float(const struct clade_proposal *proposal, const char *name);
/* Numbers are rounded where the hyperparameter is whole or stepped, and brought back into its range; a list
 * takes the value that is equal. CLADE_EINVAL: unknown, inactive, not in the list, NaN, or infinite where the
 * range is, too. */
CLADE_API int clade_proposal_set_float(struct clade_proposal *proposal, const char *name, double x);
/* As clade_given: "adam", "0.1", "true". */
CLADE_API int clade_proposal_set_text(struct clade_proposal *proposal, const char *name, const char *value);
/* What PBT does with all values (Jaderberg et al. 2017): with probability `resample` a fresh draw, else a
 * factor of the list; 1 <= n <= 16. Unordered lists are drawn or kept. Does nothing unless all factors are
 * finite and above 0, and resample lies in [0, 1]. */
CLADE_API void clade_proposal_perturb(struct clade_proposal *proposal, const double *factors, size_t n,
                                      double resample);

/* Done after n units: when it has trained for n or more. */
CLADE_API struct clade_done_policy clade_policy_stop_after(double n);
/* Ready n units after it was ready the last time, or after the beginning. */
CLADE_API struct clade_ready_policy clade_policy_ready_after(double n);
/* PyBT's truncation among the N others, by fitness: N = 0 keeps; of one other its state, if it is better;
 * else a member that is below the one at place ceil(N * lower) of the ascending order takes over from a
 * uniform draw of the places from floor(N * (1 - upper)) on. 0 < lower, upper <= 1. Members that cannot be
 * taken over from do not count. */
CLADE_API struct clade_exploit_policy clade_policy_truncation(double lower, double upper);
/* The state of the best other member, if that is better. */
CLADE_API struct clade_exploit_policy clade_policy_best(void);
/* The state of a uniform other member, if that is better. */
CLADE_API struct clade_exploit_policy clade_policy_tournament(void);
CLADE_API struct clade_exploit_policy clade_policy_keep(void); /* nobody takes over anything */
/* After a takeover: a fresh draw with probability `resample`, else `up` or 1 / `up` times the value. up > 0.
 */
CLADE_API struct clade_explore_policy clade_policy_perturb(double up, double resample);

/* --- the population ---------------------------------------------------------------------------------- */

/* How models are made and used. Failures are numbers other than 0: the member has failed then, and may take
 * over another's state when it is ready the next time. `trial` has the values as of now (clade_trial_float
 * …), the seed and the number of the member; it is valid inside of the call. */
struct clade_model {
  void *(*create)(void *ctx, struct clade_trial *trial);          /* untrained; null = failed */
  int (*step)(void *ctx, void *model, struct clade_trial *trial); /* train it for options.step units */
  int (*score)(void *ctx, const void *model, struct clade_trial *trial, double *ret_value);
  int (*copy)(void *ctx, void *to, const void *from); /* the whole state; both were created */
  void (*destroy)(void *ctx, void *model);
  void *ctx;
};

/* In model.step and model.score: a further metric of the evaluation that follows the step: the loss of the
 * training, say. It is recorded with it, and stands in its observation. The same name again replaces it.
 * `name` is copied. 0; CLADE_EINVAL: elsewhere, no name of 1 to 200 bytes of UTF-8, or that of the objective;
 * CLADE_ELIMIT: more than 199; CLADE_ENOMEM. */
CLADE_API int clade_trial_metric(struct clade_trial *trial, const char *name, double value);

struct clade_population_options {
  /* As for clade_study_create: name, space or spec, metric; `trials` is the number of members (1 … 100000).
   * Null for its store means "memory:". */
  struct clade_study_options study;
  struct clade_model model;
  /* A policy whose function is null is the standard one: stop_after(10), ready_after(2), truncation(0.2,
   * 0.2), perturb(1.2, 0.25). */
  struct clade_done_policy done;
  struct clade_ready_policy ready;
  struct clade_exploit_policy exploit;
  struct clade_explore_policy explore;
  double step; /* units that one call of model.step trains; 0 = 1 */
  /* Values of the first n_initial members, in that order; what is not given is drawn, as are the other
   * members. */
  size_t n_initial;
  const struct clade_initial *initial;
  /* After each round in which a member was ready, and after the last one: the best model so far and its
   * value. Another status than 0 ends the training; it is what clade_population_train returns. */
  int (*generation)(void *ctx, int64_t number, const void *best, double value);
  void *ctx;
};
struct clade_initial {
  size_t n;
  const struct clade_given *values;
};

struct clade_population;

/* Gives *ret; free with clade_population_destroy. Nothing is trained yet. CLADE_EINVAL: a function of the
 * model is missing, a policy's name or number is not usable, too many members; the errors of
 * clade_study_create and clade_study_enqueue; CLADE_ENOMEM. */
CLADE_API int clade_population_create(const struct clade_population_options *options,
                                      struct clade_population **ret, struct cl_err *e);
/* Models, and the study's handle. Null is allowed. */
CLADE_API void clade_population_destroy(struct clade_population *p);

/* Train all members until they are done. A second call changes nothing. CLADE_EREFUSED: no model could be
 * made or scored; a status of options.generation; the errors of a store. */
CLADE_API int clade_population_train(struct clade_population *p, struct cl_err *e);

/* The model with the best value ever, a copy of its own, and that value (null is allowed). Null before the
 * first evaluation, or where none was finite. Valid until destroy. */
CLADE_API const void *clade_population_best(const struct clade_population *p, double *ret_value);

/* Member i, 0 …, with its observations; null: no such. Valid until the next call of train. */
CLADE_API const struct clade_member *clade_population_member(const struct clade_population *p, size_t i);

/* The study behind it; borrowed until destroy. */
CLADE_API struct clade_study *clade_population_study(struct clade_population *p);

#ifdef __cplusplus
}
#endif
#endif
