#include "schedule/generation.h"

#include <assert.h>
#include <math.h>

#include "base/alloc.h"
#include "base/rng.h"

void cl_generation_done(struct cl_generation *g) {
  cl_free(g->place);
  cl_free(g->parents);
  cl_free(g->chosen);
  *g = (struct cl_generation){0};
}

static int make_room(struct cl_generation *g, size_t n, struct cl_err *e) {
  if (n <= g->cap) return 0;
  cl_generation_done(g);
  g->place = cl_alloc_array(n, sizeof *g->place);
  g->parents = cl_alloc_array(n, sizeof *g->parents);
  g->chosen = cl_alloc_array(n, sizeof *g->chosen);
  if (g->place == NULL || g->parents == NULL || g->chosen == NULL) {
    cl_generation_done(g);
    return CL_FAIL_NOMEM(e);
  }
  g->cap = n;
  return 0;
}

int cl_generation_begin(struct cl_generation *g, const struct cl_population *p, int32_t rung,
                        struct cl_err *e) {
  size_t n = cl_population_count(p, rung);
  CL_TRY(make_room(g, n, e));
  g->rung = rung;
  g->revision = cl_population_revision(p, rung);
  g->n = n;
  g->n_parents = g->n_descendants = 0;
  for (size_t rank = 0; rank < n; rank++) {
    const struct cl_evaluation *v = cl_population_at(p, rung, rank, NULL);
    if (isfinite(v->score) && v->snapshot != 0) g->parents[g->n_parents++] = (uint32_t)rank;
  }
  return 0;
}

/* The better of two different parents: they are ranks, so the lower one. */
static uint32_t fight(const struct cl_generation *g, size_t descendant, uint64_t seed) {
  struct cl_rng r = cl_rng_stream(seed, CL_RNG_EXPLOIT, (uint64_t)descendant + 1, (uint32_t)g->rung);
  assert(g->n_parents >= 1);
  if (g->n_parents == 1) return g->parents[0];
  size_t a = (size_t)cl_rng_below(&r, g->n_parents), b = (size_t)cl_rng_below(&r, g->n_parents - 1);
  b += b >= a;
  assert(a != b && b < g->n_parents);
  return g->parents[a] < g->parents[b] ? g->parents[a] : g->parents[b];
}

void cl_generation_plan(struct cl_generation *g, const struct cl_population *p, size_t elites,
                        uint64_t seed) {
  assert(g->rung > 0 && g->n == cl_population_count(p, g->rung) && g->n_parents <= g->n);
  g->n_descendants = 0;
  for (size_t rank = 0; rank < g->n; rank++) {
    bool finite = isfinite(cl_population_at(p, g->rung, rank, NULL)->score);
    g->place[rank] = CL_GENERATION_STAYS;
    if (g->n_parents == 0 || (rank < elites && finite)) continue;
    g->place[rank] = (int32_t)g->n_descendants;
    g->chosen[g->n_descendants] = fight(g, g->n_descendants, seed);
    g->n_descendants++;
    assert(g->n_descendants <= g->n && g->chosen[g->n_descendants - 1] < g->n);
  }
}

size_t cl_generation_partner(const struct cl_generation *g, size_t descendant, size_t *ret_couple) {
  assert(descendant < g->n_descendants);
  *ret_couple = descendant / 2;
  if (descendant + 1 == g->n_descendants && descendant % 2 == 0) return 0;
  return descendant ^ 1;
}
