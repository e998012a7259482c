/* The space: what each hyperparameter may be, in one meaning for every searcher and scheduler.
 *
 * Every hyperparameter maps to one coordinate u in [0,1] (algorithms.md section 0). Searchers work on u or on
 * levels; decode() is the only place where a coordinate becomes a value, so values never leave their range,
 * integers stay integers and constraints are repaired in one place (redraw).
 *
 * An assignment is an array of space->n values in the order of the space; CL_ABSENT marks an inactive one.
 * The space is immutable after cl_space_finish and may be shared by threads.
 */
#ifndef CL_SPACE_H
#define CL_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "model/value.h"

#define CL_SPACE_MAX   1000   /* hyperparameters of a study */
#define CL_LEVELS_MAX  100000 /* values of one list */
#define CL_REDRAWS_MAX 100    /* attempts to meet the constraints */

enum cl_domain {
  CL_FLOAT = 1, /* lo..hi by scale, with or without step */
  CL_INTEGER,   /* lo..hi by scale, step >= 1 */
  CL_ORDERED,   /* a list whose neighbours are alike */
  CL_UNORDERED, /* a list without order */
  CL_CONSTANT   /* one value; never searched */
};

enum cl_scale { CL_LINEAR = 0, CL_LOG, CL_LOGIT, CL_NORMAL, CL_LOGNORMAL };

enum cl_change { CL_LIVE = 0, CL_RESTART, CL_START };

/* How a coordinate becomes a number: computed once, so that a draw is one transform. */
struct cl_map {
  int64_t levels;            /* as cl_space_levels */
  double from, width;        /* of the transformed range; mean and sd for normal scales */
  double anchor, ticks, per; /* grid value k = (anchor + k * ticks) / per: exact decimals ("0.3") */
  int64_t below, above;      /* smallest and largest k */
};

struct cl_hyperparameter {
  int id;                              /* stable: column h<id>; 1…65535, unique, never reused in a study */
  const char *name;                    /* unique in the space */
  const char *title, *key, *increment; /* for the live display; null if not given */
  enum cl_domain domain;
  enum cl_scale scale;
  double lo, hi;   /* inclusive; for CL_NORMAL/CL_LOGNORMAL clipping bounds, may be infinite */
  double mean, sd; /* CL_NORMAL, CL_LOGNORMAL (of the logarithm) */
  double step;     /* 0 = none; integers: >= 1 */
  double zero;     /* share of [0,1] that means exactly 0 ("zero or log"); 0 = off */
  bool drawn;      /* a fresh draw per trial that is no part of the configuration ($randint, seeds): never
                      perturbed, in no grid, no parent */
  int n_values;    /* lists: in the order of the spec; constants: 1 */
  struct cl_value *values;
  struct cl_value tuned; /* CL_ABSENT if not given; may stand outside the domain (XT allows that) */
  enum cl_change change;
  int parent; /* index of the parent in the space, -1 if always active; parent < own index */
  int n_when;
  struct cl_value *when; /* values of the parent under which this one is active */
  struct cl_map map;     /* filled by cl_space_finish */
};

struct cl_constraint; /* a parsed expression, model/constraint.h */

struct cl_space {
  int n;
  struct cl_hyperparameter *items; /* parents before children */
  int n_constraints;
  struct cl_constraint **constraints;
  int version; /* of the study's settings: 1, 2, … */
};

/* Check the definitions, lower `hi` to the last point of a step grid, turn `when` and (where possible)
 * `tuned` into values of their domain. Call before the constraints are parsed. CLADE_ESPEC naming the
 * hyperparameter, what is wrong and the remedy; CLADE_ENOMEM. */
int cl_space_finish(struct cl_space *s, struct cl_err *e);

int cl_space_find(const struct cl_space *s, const char *name); /* index or -1 */
int cl_space_find_id(const struct cl_space *s, int id);        /* index or -1 */
/* The known name most like `name`, for "did you mean"; null when none is near. Borrows. */
const char *cl_space_nearest(const struct cl_space *s, const char *name);

/* Part of the configuration: neither constant nor drawn. */
bool cl_space_is_searched(const struct cl_hyperparameter *h);
/* Would `index` be active, given the values of the hyperparameters before it? */
bool cl_space_is_active(const struct cl_space *s, int index, const struct cl_value *values);

/* Number of levels of a discrete hyperparameter (lists, integers, stepped floats), 0 if continuous or without
 * bounds, 1 for a constant. A "zero" level counts as the lowest. */
int64_t cl_space_levels(const struct cl_hyperparameter *h);
struct cl_value cl_space_level_value(const struct cl_hyperparameter *h,
                                     int64_t level);                             /* 0 <= level < levels */
int64_t cl_space_level_of(const struct cl_hyperparameter *h, struct cl_value v); /* -1: not a level */

/* Coordinate to value (u is clamped to [0,1]) and back (NaN for a value outside the domain). For every value
 * v of a discrete domain decode(encode(v)) is v again; of a continuous one it is v within rounding (a few
 * units of 2^-53 of the range). Normal scales reach 8.2 sd to both sides. */
struct cl_value cl_space_decode_one(const struct cl_hyperparameter *h, double u);
double cl_space_encode_one(const struct cl_hyperparameter *h, struct cl_value v);

/* The legal value of a number domain that is nearest to x (not NaN): clipped to the range, on the grid. The
 * zero of "zero or log" is not looked at. */
struct cl_value cl_space_snap_one(const struct cl_hyperparameter *h, double x);

/* Whole assignments. u and values have space->n entries. Decode makes inactive ones absent and puts constants
 * in; encode gives an inactive one 0.5 and, if active is not null, its activity. */
void cl_space_decode(const struct cl_space *s, const double *u, struct cl_value *ret);
void cl_space_encode(const struct cl_space *s, const struct cl_value *values, double *ret_u,
                     bool *ret_active);

/* Recompute activity: values of inactive hyperparameters become absent; an active one without a value takes
 * the one of `from` (may be null), else its tuned value if that is legal, else the middle of its range. */
void cl_space_settle(const struct cl_space *s, struct cl_value *values, const struct cl_value *from);

/* One uniform draw in the unit cube, repaired: each hyperparameter from its own stream (seed, purpose, trial,
 * sub = id + 65536 * redraw). Values present in `given` (may be null; not ret) are kept where active.
 * ret_redraws (may be null): how many were needed. CLADE_EMPTY when CL_REDRAWS_MAX draws break a constraint:
 * ret then holds the last draw, and the proposal is INFEASIBLE. Cost: one Philox block and one transform per
 * active hyperparameter and draw; no memory. */
int cl_space_draw(const struct cl_space *s, uint64_t seed, enum cl_purpose purpose, uint64_t trial,
                  const struct cl_value *given, struct cl_value *ret, int *ret_redraws);

/* Is this a legal, complete assignment? 0, or CLADE_EINVAL with a sentence naming hyperparameter, value and
 * range. */
int cl_space_check(const struct cl_space *s, const struct cl_value *values, struct cl_err *e);
bool cl_space_allows(const struct cl_hyperparameter *h, struct cl_value v); /* type and range only */
bool cl_space_constraints_hold(const struct cl_space *s, const struct cl_value *values, int *ret_broken);

/* Turn what a person or a file wrote into a value of the domain (2 for a float gives 2.0; "adam" from a
 * list). CLADE_EINVAL with a sentence naming the range; CLADE_ENOMEM. */
int cl_space_convert(const struct cl_hyperparameter *h, struct cl_value v, struct cl_value *ret,
                     struct cl_err *e);

/* How one perturbation step treats one value (algorithms.md 10.1). Numbers are multiplied by the factor and
 * clipped to the range, on a logit scale the odds x/(1-x) are; whole and stepped ones move by at least one
 * step, unless they are at the bound already. "Zero or log": the lowest value shrinks to 0, 0 grows to the
 * lowest value. Ordered values move to a neighbour, up when factor > 1. Unordered, constant and drawn ones
 * stay. A factor of 1 changes nothing. */
struct cl_value cl_space_perturb_one(const struct cl_hyperparameter *h, struct cl_value v, double factor);

/* Perturb all hyperparameters that are active and not of change class `start`, each with its own stream
 * (seed, CL_RNG_EXPLORE, trial, sub = id + 65536 * generation; generation < 65536): with probability resample
 * a fresh draw, else a factor of the list. A child that becomes active is drawn. A result that breaks a
 * constraint is drawn again from the next blocks of the same streams, CL_REDRAWS_MAX times; then the given
 * values are kept and CLADE_EMPTY is returned. ret is not values. ret_factors (may be null; n): the factor
 * used, NaN for a redraw, 1 for untouched. */
int cl_space_perturb(const struct cl_space *s, uint64_t seed, uint64_t trial, uint32_t generation,
                     const double *factors, int n_factors, double resample, const struct cl_value *values,
                     struct cl_value *ret, double *ret_factors);

/* How one hyperparameter is perturbed: with probability `resample` a fresh draw, else the step below. */
struct cl_perturbation {
  double resample;
  const double *factors; /* one of them multiplies it; {1}: it stays */
  int n_factors;         /* >= 1 */
  double noise; /* > 0: instead, a normal step of this standard deviation is added, in its own unit, without
                   its fraction where the hyperparameter is whole, and clipped to the range. Numbers only */
};

/* As cl_space_perturb, each hyperparameter in its own way: ways[i] of the i-th one. ret_steps (n): the step
 * that noise has made, 0 for none (ret_factors is 1 there). */
int cl_space_perturb_each(const struct cl_space *s, uint64_t seed, uint64_t trial, uint32_t generation,
                          const struct cl_perturbation *const *ways, const struct cl_value *values,
                          struct cl_value *ret, double *ret_factors, double *ret_steps);

/* Identity of a configuration: active values of searched, not freshly drawn hyperparameters. */
bool cl_space_equal(const struct cl_space *s, const struct cl_value *a, const struct cl_value *b);
uint64_t cl_space_hash(const struct cl_space *s, const struct cl_value *values);

struct cl_neighbour {
  const struct cl_value *values; /* space->n; until the visit returns */
  int changed;                   /* the hyperparameter that took a step … */
  int64_t level;                 /* … and its level now */
};

/* All assignments that differ from `values` in exactly one step of one hyperparameter: ordered and numeric
 * levels one down or up, unordered any other value (with `unordered_steps` only the ones beside it in the
 * list, as XT does); continuous, constant and drawn ones have none. A change of a parent settles its children
 * from `values`, then the defaults. Neighbours that break a constraint are left out. `visit` gets each, in
 * the order of the space, lower levels first; stops when it returns non-zero, and returns that. `room`:
 * space->n values of scratch. Cost O(neighbours * n). */
int cl_space_neighbours(const struct cl_space *s, const struct cl_value *values, bool unordered_steps,
                        struct cl_value *room, int (*visit)(void *ctx, const struct cl_neighbour *neighbour),
                        void *ctx);

/* The grid: all assignments of levels, counting only active subtrees; constraints are not looked at, drawn
 * ones are left absent (cl_space_draw fills them in). A continuous hyperparameter takes `continuous` levels
 * equally spaced in u with both ends, or is left absent too when `continuous` is CL_GRID_LEAVE. */
#define CL_GRID_LEAVE 1 /* of `continuous`: leave them to be drawn; 0 = not allowed */

/* Number of points; -1 if a continuous hyperparameter is not allowed or the size exceeds 2^62. *ret_index
 * (may be null): the hyperparameter that forbids, or -1. Cost O(sum of the levels of parents). */
int64_t cl_space_grid_size(const struct cl_space *s, int continuous, int *ret_index);

/* The index-th point (0 <= index < size): first listed hyperparameter fastest; a parent is slower than the
 * children under it. */
void cl_space_grid_point(const struct cl_space *s, int continuous, int64_t index, struct cl_value *ret);

/* Level of a value in that grid, 0…, of a hyperparameter that is in it; -1: the value is not on it. */
int64_t cl_space_grid_level_of(const struct cl_hyperparameter *h, int continuous, struct cl_value v);

/* Is this hyperparameter part of that grid (not drawn, not left out)? */
bool cl_space_in_grid(const struct cl_hyperparameter *h, int continuous);

/* One line for people: `lr            float  1e-05 … 1       log     live   tuned 0.01`. */
void cl_space_describe(const struct cl_hyperparameter *h, const struct cl_space *s, struct cl_text *ret);

const char *cl_domain_name(enum cl_domain d); /* "float", "int", "ordered", "unordered", "constant" */
const char *cl_scale_name(enum cl_scale s);   /* "linear", "log", "logit", "normal", "lognormal" */
const char *cl_change_name(enum cl_change c); /* "live", "restart", "start" */

#endif
