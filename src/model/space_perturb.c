/* Perturbation: the explore step of population based training, with one meaning for every domain
 * (algorithms.md 10.1). */
#include "model/space_impl.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* The factor on the scale of the value: odds for a logit scale, else the value itself. */
static double scaled(const struct cl_hyperparameter *h, double x, double factor) {
  if (h->scale != CL_LOGIT) return x * factor;
  double odds = x / (1 - x) * factor;
  return isinf(odds) ? 1 : odds / (1 + odds);
}

static struct cl_value perturb_number(const struct cl_hyperparameter *h, struct cl_value v, double factor) {
  double x = cl_value_number(v);
  assert(isfinite(x) && factor != 1);
  if (h->zero > 0 && x == 0) return factor > 1 ? cl_map_snap(h, h->lo) : v;
  double y = scaled(h, x, factor);
  if (h->zero > 0 && x <= h->lo && y < x) return h->domain == CL_INTEGER ? cl_value_int(0) : cl_value_real(0);
  struct cl_value moved = cl_map_snap(h, y);
  if (!cl_map_is_stepped(h) || !cl_value_equal(moved, v)) return moved;
  bool up = x == 0 ? factor > 1 : y > x; /* too small a factor to reach the next point of the grid */
  return cl_map_snap(h, up ? x + h->step : x - h->step);
}

struct cl_value cl_space_perturb_one(const struct cl_hyperparameter *h, struct cl_value v, double factor) {
  assert(factor > 0 && isfinite(factor));
  if (factor == 1 || h->drawn || h->domain == CL_CONSTANT || h->domain == CL_UNORDERED) return v;
  if (cl_space_is_number(h)) return perturb_number(h, v, factor);
  int64_t level = cl_space_level_of(h, v) + (factor > 1 ? 1 : -1);
  return level < 0 || level >= h->n_values ? v : h->values[level];
}

/* Four uniforms per attempt, drawn or not, so that attempts do not shift each other. */
enum { BLOCKS_PER_ATTEMPT = 2 };

struct explorer {
  uint64_t seed, trial;
  uint32_t generation, attempt;
  const struct cl_perturbation *const *ways; /* null: `way` for all */
  struct cl_perturbation way;
};

/* Whole numbers lose the fraction of the step, towards zero. */
static struct cl_value add_noise(const struct cl_hyperparameter *h, struct cl_value old, double step,
                                 double *ret_step) {
  assert(cl_space_is_number(h));
  *ret_step = h->domain == CL_INTEGER ? trunc(step) : step;
  return *ret_step == 0 ? old : cl_map_snap(h, cl_value_number(old) + *ret_step);
}

static struct cl_value explore_one(const struct explorer *x, int i, const struct cl_hyperparameter *h,
                                   struct cl_value old, double *ret_factor, double *ret_step) {
  const struct cl_perturbation *way = x->ways == NULL ? &x->way : x->ways[i];
  assert(way->n_factors >= 1 && way->resample >= 0 && way->resample <= 1 && way->noise >= 0);
  struct cl_rng r =
      cl_rng_stream(x->seed, CL_RNG_EXPLORE, x->trial, (uint32_t)h->id + 65536u * x->generation);
  r.counter[0] = BLOCKS_PER_ATTEMPT * x->attempt;
  double chance = cl_rng_uniform(&r), fresh = cl_rng_uniform(&r);
  size_t pick = (size_t)cl_rng_below(&r, (uint64_t)way->n_factors);
  if (!cl_space_allows(h, old) || chance < way->resample) {
    *ret_factor = NAN;
    return cl_space_decode_one(h, fresh);
  }
  if (way->noise > 0) return add_noise(h, old, way->noise * cl_rng_normal(&r), ret_step);
  assert(way->factors != NULL);
  *ret_factor = way->factors[pick];
  return cl_space_perturb_one(h, old, *ret_factor);
}

/* A child that was inactive in the donor has no value to take over, whatever its class. */
static bool is_explored(const struct cl_hyperparameter *h, struct cl_value old) {
  if (h->domain == CL_CONSTANT) return false;
  return old.kind == CL_ABSENT || (!h->drawn && h->change != CL_START);
}

static void explore_all(const struct explorer *x, const struct cl_space *s, const struct cl_value *values,
                        struct cl_value *ret, double *ret_factors, double *ret_steps) {
  for (int i = 0; i < s->n; i++) {
    const struct cl_hyperparameter *h = &s->items[i];
    double factor = 1, step = 0;
    ret[i] = (struct cl_value){0};
    if (cl_space_is_active(s, i, ret)) {
      if (is_explored(h, values[i]))
        ret[i] = explore_one(x, i, h, values[i], &factor, &step);
      else
        ret[i] = h->domain == CL_CONSTANT ? h->values[0] : values[i];
    }
    if (ret_factors != NULL) ret_factors[i] = factor;
    if (ret_steps != NULL) ret_steps[i] = step;
  }
}

static int explore(struct explorer *x, const struct cl_space *s, const struct cl_value *values,
                   struct cl_value *ret, double *ret_factors, double *ret_steps) {
  assert(x->generation < 65536 && (ret != values || s->n == 0) && x->attempt == 0);
  for (; x->attempt < CL_REDRAWS_MAX; x->attempt++) {
    explore_all(x, s, values, ret, ret_factors, ret_steps);
    if (cl_space_constraints_hold(s, ret, NULL)) return 0;
  }
  for (int i = 0; i < s->n; i++) {
    ret[i] = values[i];
    if (ret_factors != NULL) ret_factors[i] = 1;
    if (ret_steps != NULL) ret_steps[i] = 0;
  }
  return CLADE_EMPTY;
}

int cl_space_perturb(const struct cl_space *s, uint64_t seed, uint64_t trial, uint32_t generation,
                     const double *factors, int n_factors, double resample, const struct cl_value *values,
                     struct cl_value *ret, double *ret_factors) {
  assert(n_factors >= 1 && factors != NULL);
  struct explorer x = {seed, trial, generation, 0, NULL, {resample, factors, n_factors, 0}};
  return explore(&x, s, values, ret, ret_factors, NULL);
}

int cl_space_perturb_each(const struct cl_space *s, uint64_t seed, uint64_t trial, uint32_t generation,
                          const struct cl_perturbation *const *ways, const struct cl_value *values,
                          struct cl_value *ret, double *ret_factors, double *ret_steps) {
  struct explorer x = {.seed = seed, .trial = trial, .generation = generation, .ways = ways};
  return explore(&x, s, values, ret, ret_factors, ret_steps);
}
