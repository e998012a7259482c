/* A population: which state of each member earned which score, at equal steps.
 *
 * An evaluation is a state with the score that it earned: trial, step, score, snapshot, and the values in
 * force. Rung k is the k-th step at which members are ready (1, 2, …); its table holds the evaluations of
 * those members that have come there, and keeps them when they go on or take over another's state. So members
 * are compared at equal steps, whoever happens to be ahead.
 */
#ifndef CL_POPULATION_H
#define CL_POPULATION_H

#include "model/study.h"

struct cl_evaluation {
  int64_t trial;
  int32_t rung;
  double step;      /* NaN where nothing was reported */
  double score;     /* larger is better; -inf: not finite, or no score at all */
  int64_t report;   /* position of the report, 0 = none */
  int64_t snapshot; /* position of the state, 0 = it was not saved */
  int given_up; /* how often the member has taken over another state since, voided ones not counted: from the
                   first on it only counts as what it once scored */
  int n, n_recent;
  const double *recent;        /* the last scores up to this one, oldest first, for rules that look at them */
  struct cl_assigned values[]; /* in force when it was reported; texts in the same block */
};

/* A copy of what is given, recent scores too, and of the values that the trial has now. Gives, free with
 * cl_free; null without memory. */
struct cl_evaluation *cl_evaluation_create(const struct cl_study *s, const struct cl_trial *t,
                                           const struct cl_evaluation *what);
/* Another one like it. Gives, free with cl_free; null without memory. */
struct cl_evaluation *cl_evaluation_copy(const struct cl_evaluation *v);
/* Its values by today's space: ret[space->n], absent where it had none. Texts borrow from the evaluation. */
void cl_evaluation_values(const struct cl_evaluation *v, const struct cl_space *space, struct cl_value *ret);

struct cl_rung;

struct cl_population {
  uint64_t changes; /* so far, of all tables */
  size_t n, cap;    /* members, numbered 0… in the order of their proposals */
  int32_t base;     /* rungs[0]; tables below are forgotten */
  size_t n_rungs, cap_rungs;
  struct cl_rung *rungs;
  int32_t *retired; /* of each member: no evaluation above this rung is given up */
};

void cl_population_done(struct cl_population *p); /* a zeroed struct is an empty population */

/* One more member. CLADE_ENOMEM. */
int cl_population_add(struct cl_population *p, struct cl_err *e);

/* The member has come to v->rung with `v` (takes it, also on failure), for the first time or anew. A
 * forgotten rung is no error. Cost O(log members) and a move of at most 4 bytes per member. CLADE_ENOMEM. */
int cl_population_set(struct cl_population *p, size_t member, struct cl_evaluation *v, struct cl_err *e);

/* The table of a rung, best first, ties by member; 0 members where nobody has come to. */
size_t cl_population_count(const struct cl_population *p, int32_t rung);
/* The last rung up to this one that at least so many have come to; 0: none. Cost O(rungs) of a memory that
 * lies together. */
int32_t cl_population_common(const struct cl_population *p, int32_t rung, size_t least);
const struct cl_evaluation *cl_population_at(const struct cl_population *p, int32_t rung, size_t rank,
                                             size_t *ret_member);
/* Changes whenever evaluations of this table, or their snapshots, do; 0 where nobody has come to. */
uint64_t cl_population_revision(const struct cl_population *p, int32_t rung);
/* Its place there; CL_NO_RANK if it has none. */
#define CL_NO_RANK SIZE_MAX
size_t cl_population_rank(const struct cl_population *p, int32_t rung, size_t member);
/* Null if it has not come there. */
const struct cl_evaluation *cl_population_of(const struct cl_population *p, int32_t rung, size_t member);

/* The member takes over another state: what it has earned so far is given up. Cost O(rungs). */
void cl_population_retire(struct cl_population *p, size_t member);
/* Above this rung nothing of the member's is given up. */
int32_t cl_population_retired(const struct cl_population *p, size_t member);
/* It could not: the last retirement is taken back. */
void cl_population_restore(struct cl_population *p, size_t member);
/* A snapshot of the member's cannot be given to anybody any more. Cost O(rungs). */
void cl_population_ban(struct cl_population *p, size_t member, int64_t snapshot);

/* No decision will look below `rung` any more. */
void cl_population_forget(struct cl_population *p, int32_t rung);

#endif
