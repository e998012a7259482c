/* The names of one study as its store knows them: hyperparameters by stable id, metrics by id (objectives
 * first). Ids are columns; names are the users'. */
#ifndef CL_NAMES_H
#define CL_NAMES_H

#include "model/event.h"

struct cl_names_item {
  int id;
  bool plain; /* a hyperparameter whose values are all numbers (domain float or int) */
  bool whole; /* domain int */
  char *name;
};

struct cl_names {
  struct cl_names_item *hyperparameters; /* ascending ids */
  size_t n_hyperparameters, cap_hyperparameters;
  char **metrics; /* by id - 1 */
  size_t n_metrics, cap_metrics;
  size_t n_objectives; /* the first metrics */
};

void cl_names_done(struct cl_names *n);

/* Take over the hyperparameters (and, while there is no metric, the objectives) of settings in JSON that are
 * not known yet. Known ones stay. null: nothing. CLADE_EINVAL when it is no JSON object, CLADE_ENOMEM. */
int cl_names_take_settings(struct cl_names *n, const char *settings, struct cl_err *e);

/* The same, for those whose tables must follow: `added` is called for each name that was not known, once all
 * of them stand in `n`; `item` is null for an objective. */
typedef int cl_names_added(void *ctx, int id, const char *name, const struct cl_names_item *item,
                           struct cl_err *e);
int cl_names_learn(struct cl_names *n, const char *settings, cl_names_added *added, void *ctx,
                   struct cl_err *e);

int cl_names_add_hyperparameter(struct cl_names *n, int id, const char *name, bool plain, bool whole,
                                struct cl_err *e);
/* Adds it as the next id. CLADE_ELIMIT above CL_METRICS_MAX. */
int cl_names_add_metric(struct cl_names *n, const char *name, struct cl_err *e);
/* Drop what was added after there were that many (a commit was rolled back). */
void cl_names_cut_metrics(struct cl_names *n, size_t n_metrics);

int cl_names_hyperparameter(const struct cl_names *n, int id);                 /* index or -1 */
int cl_names_hyperparameter_near(const struct cl_names *n, int id, int guess); /* which it probably has */
/* Id or 0. `guess`: the id it probably has, for reports that name the same metrics again. */
int cl_names_metric(const struct cl_names *n, const char *name, int guess);

/* Do all values of the event belong to hyperparameters of the study? CLADE_EINVAL naming the id. */
int cl_names_check(const struct cl_names *n, const struct cl_event *ev, struct cl_err *e);

/* When the study was created (wall clock): as the writer's provenance says, else now. */
int64_t cl_created_ms(const struct cl_event *created);

/* The values that an event carries; null for kinds without. */
const struct cl_assigned_list *cl_event_values(const struct cl_event *ev);

#endif
