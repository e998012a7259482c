/* What becomes of the members of one generation, from the table of its rung: who stays, and who descends from
 * whom. Pure: it depends on table, seed and the order of parents alone, not on whose turn it is.
 */
#ifndef CL_GENERATION_H
#define CL_GENERATION_H

#include "schedule/population.h"

#define CL_GENERATION_STAYS (-1)

struct cl_generation {
  int32_t rung; /* number of the generation; 0 = none planned */
  uint64_t revision;
  size_t n, n_parents, n_descendants;
  int32_t *place;    /* by rank: CL_GENERATION_STAYS, or number of the descendant that replaces it */
  uint32_t *parents; /* ranks that the tournament draws from, in their order */
  uint32_t *chosen;  /* by descendant: rank of its first parent */
  size_t cap;        /* of all three */
};

void cl_generation_done(struct cl_generation *g); /* a zeroed struct is allowed */

/* Ranks of the rung that can be parents, best first, into g->parents; begins a new plan. Needs a finite score
 * and a state that was saved. CLADE_ENOMEM. */
int cl_generation_begin(struct cl_generation *g, const struct cl_population *p, int32_t rung,
                        struct cl_err *e);

/* Plan: the `elites` best with a finite score stay; every other rank, best first, gets a descendant, whose
 * first parent wins a tournament: two different ones of g->parents[0..n_parents) are drawn, and the better
 * score wins (only one parent: it is chosen). The parents may have been reordered and cut short since begin.
 * Without parents everybody stays. Streams: (seed, CL_RNG_EXPLOIT, descendant + 1, rung). */
void cl_generation_plan(struct cl_generation *g, const struct cl_population *p, size_t elites, uint64_t seed);

/* The descendant that `descendant` is crossed with: couples (0,1), (2,3), …; the last one of an odd number is
 * crossed with the first; itself if it is the only one. And the number of the couple: the last odd one forms
 * its own. */
size_t cl_generation_partner(const struct cl_generation *g, size_t descendant, size_t *ret_couple);

#endif
