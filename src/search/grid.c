/* Grid search: every legal point of the grid that no searched or enqueued trial has had yet, in an order
 * shuffled by the seed; then it ends. Conditionals: only active subtrees are enumerated.
 *
 * The shuffle is a keyed permutation of 0…size-1 (a Feistel network over the next power of four, walked until
 * it lands inside; Black & Rogaway 2002), so it needs no memory and costs the same for 10 points and 10^12.
 *
 * A runspec's grid is XT's: odometer order, first listed fastest; continuous hyperparameters are drawn at
 * random each time; more trials than points begin again.
 */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "search/configs.h"
#include "search/methods.h"

enum { ROUNDS = 8 };

struct grid_state {
  const struct cl_search_env *env;
  bool odometer; /* a runspec's */
  bool shuffled;
  int continuous;
  int64_t size, next;      /* next: all points before it (in our order) are tried or illegal */
  struct cl_configs tried; /* not used by the odometer */
  uint32_t *levels;        /* room */
  struct cl_value *point;  /* room */
};

/* --- the shuffle --- */

static uint64_t permute_once(uint64_t seed, uint64_t x, unsigned half) {
  uint64_t mask = (UINT64_C(1) << half) - 1, left = x >> half, right = x & mask;
  assert(half >= 1 && half <= 31 && left <= mask); /* sizes are up to 2^62 */
  for (uint32_t round = 0; round < ROUNDS; round++) {
    struct cl_rng r = cl_rng_stream(seed, CL_RNG_RANDOM, 0, 0);
    r.counter[0] = (uint32_t)right;
    r.counter[1] = round;
    r.counter[3] = UINT32_MAX; /* apart from all streams of trials, which stay below 2^40 */
    uint64_t swap = left ^ (cl_rng_bits(&r) & mask);
    left = right;
    right = swap;
  }
  return left << half | right;
}

/* Where the index-th point of the shuffled order lies. Bijective on 0…size-1. */
static int64_t permute(uint64_t seed, int64_t size, int64_t index) {
  unsigned half = 1;
  assert(index >= 0 && index < size);
  while ((INT64_C(1) << (2 * half)) < size) half++;
  uint64_t x = (uint64_t)index;
  do x = permute_once(seed, x, half);
  while (x >= (uint64_t)size);
  return (int64_t)x;
}

/* --- the method --- */

static int refuse_grid(const struct cl_search_env *env, int forbids, struct cl_err *e) {
  assert(forbids < env->space->n);
  if (forbids < 0)
    return CL_FAIL(e, CLADE_ESPEC, "the grid has more than 2^62 points; search with method random or sobol");
  const struct cl_hyperparameter *h = &env->space->items[forbids];
  return CL_FAIL(
      e, CLADE_ESPEC,
      "%s is continuous, and a grid needs levels: list its values, give it a step, set `levels` under "
      "`search:`, or search with method random",
      h->name);
}

/* Level vectors hold 32 bits. */
static int check_levels(const struct cl_search_env *env, struct cl_err *e) {
  for (int i = 0; i < env->space->n; i++) {
    const struct cl_hyperparameter *h = &env->space->items[i];
    if (!h->drawn && cl_space_levels(h) >= CL_LEVEL_NONE)
      return CL_FAIL(e, CLADE_ESPEC, "%s has %lld levels, and a grid takes at most %u; give it a longer step",
                     h->name, (long long)cl_space_levels(h), CL_LEVEL_NONE - 1);
  }
  return 0;
}

static int grid_init(void *st, const struct cl_search_env *env, struct cl_err *e) {
  struct grid_state *s = st;
  int forbids = -1;
  s->env = env;
  s->odometer = env->settings->origin != NULL && strcmp(env->settings->origin, "runspec") == 0;
  s->shuffled = !s->odometer && strcmp(cl_search_word(env, "order"), "shuffled") == 0;
  s->continuous = s->odometer ? CL_GRID_LEAVE : (int)cl_search_number(env, "levels");
  s->size = cl_space_grid_size(env->space, s->continuous, &forbids);
  if (s->size < 0) return refuse_grid(env, forbids, e);
  assert(s->size >= 1 && forbids < 0);
  CL_TRY(check_levels(env, e));
  cl_configs_init(&s->tried, env->space, s->continuous);
  s->levels = cl_alloc_array((size_t)env->space->n, sizeof *s->levels);
  s->point = cl_alloc_array((size_t)env->space->n, sizeof *s->point);
  return s->levels == NULL || s->point == NULL ? CL_FAIL_NOMEM(e) : 0;
}

static void grid_done(void *st) {
  struct grid_state *s = st;
  cl_configs_done(&s->tried);
  cl_free(s->levels);
  cl_free(s->point);
}

static int grid_tell(void *st, const struct cl_told_trial *t, struct cl_err *e) {
  struct grid_state *s = st;
  size_t number = 0;
  if (s->odometer || t->what != CL_TOLD_PENDING || !cl_configs_levels(&s->tried, t->values, s->levels))
    return 0;
  return cl_configs_add(&s->tried, s->levels, &number, e);
}

static void load_point(struct grid_state *s, int64_t index) {
  int64_t place = s->shuffled ? permute(s->env->seed, s->size, index) : index;
  cl_space_grid_point(s->env->space, s->continuous, place, s->point);
}

static bool is_new_and_legal(struct grid_state *s) {
  if (!cl_space_constraints_hold(s->env->space, s->point, NULL)) return false;
  bool on_grid = cl_configs_levels(&s->tried, s->point, s->levels);
  return !on_grid || cl_configs_find(&s->tried, s->levels) < 0;
}

static int grid_ask(void *st, struct cl_proposal *p, struct cl_err *e) {
  (void)e;
  struct grid_state *s = st;
  int64_t index = s->odometer ? p->searched % s->size : s->next;
  for (; !s->odometer && index < s->size; index++) {
    load_point(s, index);
    if (is_new_and_legal(s)) break;
  }
  assert(index >= 0 && index <= s->size && (s->odometer || index >= s->next));
  if (!s->odometer) s->next = index; /* tried and illegal points stay so */
  if (index == s->size) return CLADE_EMPTY;
  load_point(s, index);
  cl_search_draw(s->env, CL_RNG_RANDOM, s->point, p);
  cl_text_format(p->args, ", \"point\": %lld, \"size\": %lld", (long long)index + 1, (long long)s->size);
  if (s->odometer && p->searched >= s->size)
    cl_text_format(p->args, ", \"round\": %lld", (long long)(p->searched / s->size) + 1);
  return 0;
}

static void grid_explain(const json_t *args, const struct cl_study *study, struct cl_text *ret) {
  (void)study;
  json_int_t round = json_integer_value(json_object_get(args, "round"));
  cl_text_format(ret, "grid: point %lld of %lld in its order",
                 (long long)json_integer_value(json_object_get(args, "point")),
                 (long long)json_integer_value(json_object_get(args, "size")));
  if (round > 1) cl_text_format(ret, ", round %lld", (long long)round);
  cl_text_add(ret, "\n");
}

static const struct cl_option grid_options[] = {
    {"levels", "int", 2, 10000, "0", "levels of a continuous hyperparameter, equally spaced on its scale"},
    {"order", "shuffled|listed", 0, 0, "shuffled", "order of the points: shuffled by the seed, or as listed"},
    {0}};

const struct cl_searcher_ops cl_grid_search = {
    .abi = sizeof(struct cl_searcher_ops),
    .name = "grid",
    .summary = "every combination once; for few hyperparameters with few values",
    .source = "XT (runspecs); Black & Rogaway 2002 (shuffle)",
    .capabilities = CL_SEARCH_ENDS | CL_SEARCH_DISCRETE,
    .options = grid_options,
    .state_size = sizeof(struct grid_state),
    .init = grid_init,
    .tell = grid_tell,
    .ask = grid_ask,
    .done = grid_done,
    .explain = grid_explain,
};
