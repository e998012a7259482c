/* One hyperparameter: coordinate to value and back (algorithms.md section 0).
 *
 * A number x is bent by its scale (log, logit, …) into a t that is uniform; u runs over the range of t. With
 * a step, the range of t is widened by half a step on both sides and the result snapped to the grid, so that
 * every point of a linear grid is equally likely, and small whole numbers are likelier on a log scale.
 */
#include "model/space_impl.h"

#include <assert.h>
#include <math.h>

#define TINY 0x1p-53 /* normal scales never see u = 0 or 1 */

bool cl_space_is_number(const struct cl_hyperparameter *h) {
  return h->domain == CL_FLOAT || h->domain == CL_INTEGER;
}

bool cl_map_is_stepped(const struct cl_hyperparameter *h) {
  return cl_space_is_number(h) && h->step > 0;
}

static bool is_normal(const struct cl_hyperparameter *h) {
  return h->scale == CL_NORMAL || h->scale == CL_LOGNORMAL;
}

static double bend(enum cl_scale scale, double x) {
  switch (scale) {
  case CL_LOG:
  case CL_LOGNORMAL: return log(x);
  case CL_LOGIT: return log(x / (1 - x));
  case CL_LINEAR:
  case CL_NORMAL: break;
  }
  return x;
}

static double unbend(enum cl_scale scale, double t) {
  switch (scale) {
  case CL_LOG:
  case CL_LOGNORMAL: return exp(t);
  case CL_LOGIT: return 1 / (1 + exp(-t));
  case CL_LINEAR:
  case CL_NORMAL: break;
  }
  return t;
}

static double clip(double x, double lo, double hi) {
  return x < lo ? lo : x > hi ? hi : x;
}

/* Is x the double nearest to a multiple of 1/per, and small enough to count in those? */
static bool is_decimal(double x, double per) {
  double ticks = rint(x * per);
  return fabs(ticks) < 0x1p52 && ticks / per == x;
}

/* Count grid points in the largest decimal unit that both anchor and step are multiples of, so that the third
 * tenth is 0.3 and not 0.30000000000000004. */
static void fill_grid(struct cl_hyperparameter *h) {
  struct cl_map *m = &h->map;
  assert(h->step > 0);
  double anchor = isfinite(h->lo) ? h->lo : 0;
  double per = 1;
  while (per < 1e15 && !(is_decimal(anchor, per) && is_decimal(h->step, per))) per *= 10;
  bool exact = is_decimal(anchor, per) && is_decimal(h->step, per);
  m->per = exact ? per : 1;
  m->anchor = exact ? rint(anchor * per) : anchor;
  m->ticks = exact ? rint(h->step * per) : h->step;
  double below = ceil((h->lo - anchor) / h->step - 1e-9), above = floor((h->hi - anchor) / h->step + 1e-9);
  double least = -0x1p53, most = 0x1p53;
  if (h->domain == CL_INTEGER) { /* whole numbers are exact up to there; the ends may be infinite */
    least = ceil((least - anchor) / h->step);
    most = floor((most - anchor) / h->step);
  }
  m->below = (int64_t)clip(below, least, most);
  m->above = (int64_t)clip(above, least, most);
  assert(m->per >= 1 && m->below <= m->above);
}

static double grid_value(const struct cl_hyperparameter *h, int64_t k) {
  assert(k >= h->map.below && k <= h->map.above);
  return (h->map.anchor + (double)k * h->map.ticks) / h->map.per;
}

static bool is_bounded(const struct cl_hyperparameter *h) {
  return isfinite(h->lo) && isfinite(h->hi);
}

/* The range of t. Half a step outwards, but never past half of what is left to the edge of a log or logit
 * scale. */
static void fill_range(struct cl_hyperparameter *h) {
  struct cl_map *m = &h->map;
  if (is_normal(h)) {
    m->from = h->mean;
    m->width = h->sd;
    return;
  }
  double half = cl_map_is_stepped(h) ? h->step / 2 : 0, lo = h->lo - half, hi = h->hi + half;
  if (half > 0 && h->scale != CL_LINEAR) lo = fmax(lo, h->lo / 2);
  if (half > 0 && h->scale == CL_LOGIT) hi = fmin(hi, (1 + h->hi) / 2);
  m->from = bend(h->scale, lo);
  m->width = bend(h->scale, hi) - m->from;
  assert(isfinite(m->from) && m->width >= 0);
}

void cl_map_fill(struct cl_hyperparameter *h) {
  struct cl_map *m = &h->map;
  *m = (struct cl_map){0};
  if (!cl_space_is_number(h)) {
    m->levels = h->n_values;
    return;
  }
  if (cl_map_is_stepped(h)) {
    fill_grid(h);
    if (isfinite(h->hi)) h->hi = grid_value(h, m->above);
    if (is_bounded(h)) m->levels = m->above - m->below + 1 + (h->zero > 0);
  }
  fill_range(h);
}

int64_t cl_space_levels(const struct cl_hyperparameter *h) {
  return h->map.levels;
}

static struct cl_value number_value(const struct cl_hyperparameter *h, double x) {
  assert(h->domain == CL_INTEGER ? rint(x) == x && fabs(x) <= 0x1p53 : h->domain == CL_FLOAT && !isnan(x));
  return h->domain == CL_INTEGER ? cl_value_int((int64_t)x) : cl_value_real(x);
}

struct cl_value cl_map_snap(const struct cl_hyperparameter *h, double x) {
  x = clip(x, h->lo, h->hi);
  if (!cl_map_is_stepped(h)) return number_value(h, x);
  double k = round((x - (isfinite(h->lo) ? h->lo : 0)) / h->step);
  k = clip(k, (double)h->map.below, (double)h->map.above);
  return number_value(h, grid_value(h, (int64_t)k));
}

struct cl_value cl_space_snap_one(const struct cl_hyperparameter *h, double x) {
  assert(cl_space_is_number(h) && !isnan(x));
  return cl_map_snap(h, x);
}

struct cl_value cl_space_level_value(const struct cl_hyperparameter *h, int64_t level) {
  assert(level >= 0 && level < h->map.levels);
  if (!cl_space_is_number(h)) return h->values[level];
  if (h->zero > 0 && level == 0) return number_value(h, 0);
  return number_value(h, grid_value(h, h->map.below + level - (h->zero > 0)));
}

static int64_t list_index(const struct cl_hyperparameter *h, struct cl_value v) {
  for (int i = 0; i < h->n_values; i++)
    if (cl_value_equal(h->values[i], v)) return i;
  return -1;
}

/* Of the kind of the domain, finite, in the range and on the grid. */
static bool allows_number(const struct cl_hyperparameter *h, struct cl_value v) {
  if (v.kind != (h->domain == CL_INTEGER ? CL_INT : CL_REAL)) return false;
  double x = cl_value_number(v);
  if (h->zero > 0 && x == 0) return true;
  return isfinite(x) && x >= h->lo && x <= h->hi && cl_value_equal(cl_map_snap(h, x), v);
}

bool cl_space_allows(const struct cl_hyperparameter *h, struct cl_value v) {
  return cl_space_is_number(h) ? allows_number(h, v) : list_index(h, v) >= 0;
}

int64_t cl_space_level_of(const struct cl_hyperparameter *h, struct cl_value v) {
  if (!cl_space_is_number(h)) return list_index(h, v);
  if (h->map.levels == 0 || !allows_number(h, v)) return -1;
  double x = cl_value_number(v);
  if (h->zero > 0 && x == 0) return 0;
  int64_t level = (int64_t)rint((x - h->lo) / h->step) + (h->zero > 0);
  assert(level >= 0 && level < h->map.levels);
  return level;
}

static int64_t bin(double u, int64_t levels) {
  assert(u >= 0 && u <= 1 && levels >= 1);
  int64_t k = (int64_t)(u * (double)levels);
  return k < levels ? k : levels - 1;
}

static double decode_number(const struct cl_hyperparameter *h, double u) {
  if (is_normal(h)) return unbend(h->scale, h->mean + h->sd * cl_normal_quantile(clip(u, TINY, 1 - TINY)));
  return unbend(h->scale, h->map.from + u * h->map.width);
}

struct cl_value cl_space_decode_one(const struct cl_hyperparameter *h, double u) {
  assert(!isnan(u));
  u = clip(u, 0, 1);
  if (!cl_space_is_number(h)) return h->values[bin(u, h->n_values)];
  if (h->zero > 0) {
    if (u < h->zero) return number_value(h, 0);
    u = (u - h->zero) / (1 - h->zero);
  }
  if (cl_map_is_stepped(h) && h->scale == CL_LINEAR)
    return number_value(h, grid_value(h, bin(u, h->map.above + 1)));
  return cl_map_snap(h, decode_number(h, u));
}

static double encode_number(const struct cl_hyperparameter *h, double x) {
  if (cl_map_is_stepped(h) && h->scale == CL_LINEAR)
    return (rint((x - h->lo) / h->step) + 0.5) / (double)(h->map.above + 1);
  double t = bend(h->scale, x);
  if (is_normal(h)) return 0.5 * erfc((h->mean - t) / (h->sd * M_SQRT2));
  return h->map.width > 0 ? clip((t - h->map.from) / h->map.width, 0, 1) : 0.5;
}

double cl_space_encode_one(const struct cl_hyperparameter *h, struct cl_value v) {
  if (!cl_space_allows(h, v)) return NAN;
  if (!cl_space_is_number(h)) return ((double)list_index(h, v) + 0.5) / h->n_values;
  double x = cl_value_number(v);
  if (h->zero > 0 && x == 0) return h->zero / 2;
  double u = encode_number(h, x);
  assert(u >= 0 && u <= 1);
  return h->zero + (1 - h->zero) * u;
}
