/* The space as a grid of levels: its points by number, and the neighbours of a point. */
#include "model/space_impl.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define SIZE_LIMIT (INT64_C(1) << 62)

/* Levels of one hyperparameter in the grid; 1 = left absent, to be drawn. 0 = not allowed. */
static int64_t grid_levels(const struct cl_hyperparameter *h, int continuous) {
  if (h->drawn) return 1;
  return h->map.levels > 0 ? h->map.levels : continuous;
}

bool cl_space_in_grid(const struct cl_hyperparameter *h, int continuous) {
  return !h->drawn && (h->map.levels > 0 || continuous != CL_GRID_LEAVE);
}

static struct cl_value grid_value_at(const struct cl_hyperparameter *h, int continuous, int64_t level) {
  assert(level >= 0 && level < grid_levels(h, continuous));
  assert(h->map.levels > 0 || continuous > CL_GRID_LEAVE);
  if (h->map.levels > 0) return cl_space_level_value(h, level);
  if (h->scale == CL_NORMAL || h->scale == CL_LOGNORMAL) /* its ends are the far tails */
    return cl_space_decode_one(h, ((double)level + 0.5) / continuous);
  return cl_space_decode_one(h, (double)level / (continuous - 1));
}

int64_t cl_space_grid_level_of(const struct cl_hyperparameter *h, int continuous, struct cl_value v) {
  assert(cl_space_in_grid(h, continuous));
  if (h->map.levels > 0) return cl_space_level_of(h, v);
  double u = cl_space_encode_one(h, v);
  if (isnan(u)) return -1;
  bool normal = h->scale == CL_NORMAL || h->scale == CL_LOGNORMAL;
  int64_t level = (int64_t)(normal ? floor(u * continuous) : rint(u * (continuous - 1)));
  if (level >= continuous) level = continuous - 1;
  return cl_value_equal(grid_value_at(h, continuous, level), v) ? level : -1;
}

static bool is_parent(const struct cl_space *s, int index) {
  for (int i = index + 1; i < s->n; i++)
    if (s->items[i].parent == index) return true;
  return false;
}

/* Sizes above the limit are all SIZE_LIMIT + 1. */
static int64_t multiply(int64_t a, int64_t b) {
  int64_t product = 0;
  assert(a >= 0 && b >= 0);
  return __builtin_mul_overflow(a, b, &product) || product > SIZE_LIMIT ? SIZE_LIMIT + 1 : product;
}

static int64_t add(int64_t a, int64_t b) {
  assert(a >= 0 && a <= SIZE_LIMIT + 1 && b >= 0 && b <= SIZE_LIMIT + 1);
  return a > SIZE_LIMIT - b ? SIZE_LIMIT + 1 : a + b; /* two limits are more than an int64_t holds */
}

static bool admits(const struct cl_hyperparameter *child, struct cl_value v) {
  for (int i = 0; i < child->n_when; i++)
    if (cl_value_equal(child->when[i], v)) return true;
  return false;
}

/* Points of the subtrees that hang below value v of `index`. */
static int64_t children_size(const struct cl_space *s, const int64_t *sizes, int index, struct cl_value v) {
  int64_t size = 1;
  for (int i = index + 1; i < s->n; i++)
    if (s->items[i].parent == index && admits(&s->items[i], v)) size = multiply(size, sizes[i]);
  assert(size >= 0 && size <= SIZE_LIMIT + 1);
  return size;
}

/* Points of the subtree of each hyperparameter, from the last to the first, so children come before parents.
 * Returns the index that is not allowed, or -1. */
static int subtree_sizes(const struct cl_space *s, int continuous, int64_t *ret) {
  int forbids = -1;
  assert(s->n <= CL_SPACE_MAX);
  for (int i = s->n - 1; i >= 0; i--) {
    const struct cl_hyperparameter *h = &s->items[i];
    int64_t levels = grid_levels(h, continuous);
    if (levels == 0) forbids = i;
    ret[i] = levels;
    if (!cl_space_in_grid(h, continuous) || !is_parent(s, i)) continue;
    ret[i] = 0;
    for (int64_t k = 0; k < levels && ret[i] <= SIZE_LIMIT; k++)
      ret[i] = add(ret[i], children_size(s, ret, i, grid_value_at(h, continuous, k)));
  }
  return forbids;
}

int64_t cl_space_grid_size(const struct cl_space *s, int continuous, int *ret_index) {
  int64_t sizes[CL_SPACE_MAX];
  int forbids = subtree_sizes(s, continuous, sizes);
  if (ret_index != NULL) *ret_index = forbids;
  int64_t size = 1;
  for (int i = 0; i < s->n; i++)
    if (s->items[i].parent < 0) size = multiply(size, sizes[i]);
  return forbids >= 0 || size > SIZE_LIMIT ? -1 : size;
}

/* Mixed radix: `part` of a subtree says which point of it; a value of its root takes as many points as the
 * subtrees below that value have. */
static int64_t place(const struct cl_space *s, int continuous, const int64_t *sizes, int index, int64_t part,
                     struct cl_value *ret) {
  const struct cl_hyperparameter *h = &s->items[index];
  if (!cl_space_in_grid(h, continuous)) return 0;
  if (!is_parent(s, index)) {
    ret[index] = grid_value_at(h, continuous, part);
    return 0;
  }
  for (int64_t k = 0;; k++) {
    assert(k < grid_levels(h, continuous) && part >= 0);
    ret[index] = grid_value_at(h, continuous, k);
    int64_t below = children_size(s, sizes, index, ret[index]);
    if (part < below) return part;
    part -= below;
  }
}

void cl_space_grid_point(const struct cl_space *s, int continuous, int64_t index, struct cl_value *ret) {
  int64_t sizes[CL_SPACE_MAX], rest[CL_SPACE_MAX]; /* rest: what is left for the children of each */
  int forbids = subtree_sizes(s, continuous, sizes);
  assert(forbids < 0 && index >= 0);
  (void)forbids;
  int64_t roots = index;
  for (int i = 0; i < s->n; i++) {
    int parent = s->items[i].parent;
    ret[i] = (struct cl_value){0};
    if (!cl_space_is_active(s, i, ret)) continue;
    int64_t *left = parent < 0 ? &roots : &rest[parent];
    assert(sizes[i] >= 1);
    int64_t part = *left % sizes[i];
    *left /= sizes[i];
    rest[i] = place(s, continuous, sizes, i, part, ret);
  }
  assert(roots == 0);
}

/* --- neighbours --- */

struct walk {
  const struct cl_space *s;
  const struct cl_value *values;
  struct cl_value *room;
  int (*visit)(void *ctx, const struct cl_neighbour *neighbour);
  void *ctx;
};

static int try_level(const struct walk *w, int index, int64_t level) {
  const struct cl_space *s = w->s;
  assert(w->room != w->values && index >= 0 && index < s->n);
  memcpy(w->room, w->values, (size_t)s->n * sizeof *w->room);
  w->room[index] = cl_space_level_value(&s->items[index], level);
  if (is_parent(s, index)) cl_space_settle(s, w->room, w->values);
  if (!cl_space_constraints_hold(s, w->room, NULL)) return 0;
  return w->visit(w->ctx, &(struct cl_neighbour){w->room, index, level});
}

int cl_space_neighbours(const struct cl_space *s, const struct cl_value *values, bool unordered_steps,
                        struct cl_value *room, int (*visit)(void *ctx, const struct cl_neighbour *neighbour),
                        void *ctx) {
  struct walk w = {s, values, room, visit, ctx};
  for (int i = 0; i < s->n; i++) {
    const struct cl_hyperparameter *h = &s->items[i];
    if (!cl_space_is_searched(h) || h->map.levels < 2 || values[i].kind == CL_ABSENT) continue;
    int64_t own = cl_space_level_of(h, values[i]);
    if (own < 0) continue;
    assert(own < h->map.levels);
    bool all = h->domain == CL_UNORDERED && !unordered_steps;
    int64_t first = all ? 0 : own - 1, last = all ? h->map.levels - 1 : own + 1;
    for (int64_t level = first < 0 ? 0 : first; level <= last && level < h->map.levels; level++) {
      int status = level == own ? 0 : try_level(&w, i, level);
      if (status != 0) return status;
    }
  }
  return 0;
}
