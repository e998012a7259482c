/* A set of configurations of a grid, numbered in the order in which they were added: level vectors in one
 * array, found through a hash table. */
#ifndef CL_CONFIGS_H
#define CL_CONFIGS_H

#include "model/space.h"

#define CL_LEVEL_NONE UINT32_MAX /* inactive, constant, drawn, or left out of the grid */

struct cl_configs {
  const struct cl_space *space;
  int continuous; /* as cl_space_grid_size */
  size_t n, cap, n_slots;
  uint32_t *levels; /* n * space->n */
  uint32_t *slots;  /* number + 1, 0 = empty; n_slots is a power of 2 */
};

/* `space` is kept; every hyperparameter in the grid has at most 2^32 - 2 levels. Zero memory until the first
 * add. */
void cl_configs_init(struct cl_configs *c, const struct cl_space *space, int continuous);
void cl_configs_done(struct cl_configs *c); /* does not look at the space */

/* The levels of an assignment: ret[space->n]. False when an active one in the grid is absent or not on it. */
bool cl_configs_levels(const struct cl_configs *c, const struct cl_value *values, uint32_t *ret);

/* And back: searched ones get their value, constants theirs, drawn and left-out ones stay absent. */
void cl_configs_values(const struct cl_configs *c, size_t number, struct cl_value *ret);

int64_t cl_configs_find(const struct cl_configs *c, const uint32_t *levels); /* its number, or -1 */

/* The number of this configuration, added if it is new. CLADE_ENOMEM: unchanged. */
int cl_configs_add(struct cl_configs *c, const uint32_t *levels, size_t *ret, struct cl_err *e);

#endif
