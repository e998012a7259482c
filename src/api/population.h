/* What the two files behind include/clade/population.h share: a population, and the view that policies get of
 * it. */
#ifndef CL_API_POPULATION_H
#define CL_API_POPULATION_H

#include "api/study.h"
#include "base/arena.h"
#include "base/rng.h"
#include "clade/population.h"

struct cl_api_member {
  struct clade_member seen;  /* what policies see */
  struct clade_trial *trial; /* null once it has come to its end */
  void *model;
  int64_t snapshot; /* of the state it has now, 0 = not recorded */
  size_t cap_observations;
  struct clade_observation *observations;
};

struct clade_population {
  struct clade_population_options
      options; /* its texts are the caller's only until create returns, but for policies */
  struct clade_study *study;
  struct cl_api_member *members;
  size_t n;
  uint32_t *order;       /* members by ascending fitness, ties by number … */
  size_t n_worthless;    /* … of which the first ones have none that is finite */
  struct cl_arena arena; /* values and metrics of observations */
  size_t n_noted, n_names;
  struct clade_metric
      noted[CL_METRICS_MAX];         /* of the evaluation that is to come: the first is the objective */
  const char *names[CL_METRICS_MAX]; /* of all metrics that were ever noted */
  void *best;
  double best_fitness, best_value;
  int64_t round, generation;
  double sign; /* of the objective: larger is better */
  bool trained;
  struct cl_value *values, *before; /* of the change that is being made: space->n each */
  struct cl_assigned *assigned;
};

struct clade_view {
  const struct clade_population *population;
  size_t self;
  struct cl_rng rng; /* of this turn of this member */
};

struct clade_proposal {
  const struct cl_study *study;
  const struct cl_trial *trial;
  struct cl_value *values; /* legal and complete after settling */
  uint32_t turn;
};

/* Where it stands in the order. Cost O(log members). */
size_t cl_api_population_place(const struct clade_population *p, size_t member);

#endif
