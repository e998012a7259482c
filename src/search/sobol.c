/* Sobol's sequence with Owen scrambling by hashing (Laine & Karras 2011, Burley 2020): point k of a study is
 * a function of k and the seed, so it needs no state and any share of the points is evenly spread. The
 * point's number is the number of the searched proposal; the first point is kept. Discrete hyperparameters
 * cut their coordinate into equal bins; inactive ones leave theirs unused. A point that breaks a constraint
 * is replaced by a random draw.
 *
 * Order: Gray code (Antonov & Saleev 1979), so each aligned block of 2^k points is evenly spread as well.
 */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "search/methods.h"
#include "search/sobol_numbers.h"

struct sobol_state {
  const struct cl_search_env *env;
  bool scrambled;
  int dimensions;         /* searched hyperparameters */
  uint32_t *directions;   /* dimensions * 32 */
  uint32_t *scrambles;    /* dimensions */
  struct cl_value *given; /* room */
};

static int sobol_init(void *st, const struct cl_search_env *env, struct cl_err *e) {
  struct sobol_state *s = st;
  s->env = env;
  s->scrambled = strcmp(cl_search_word(env, "scramble"), "owen") == 0;
  for (int i = 0; i < env->space->n; i++) s->dimensions += cl_space_is_searched(&env->space->items[i]);
  assert(s->dimensions <= CL_SOBOL_DIMENSIONS); /* CL_SPACE_MAX is less */
  s->directions = cl_alloc_array((size_t)s->dimensions * CL_SOBOL_BITS, sizeof *s->directions);
  s->scrambles = cl_alloc_array((size_t)s->dimensions, sizeof *s->scrambles);
  s->given = cl_alloc_array((size_t)env->space->n, sizeof *s->given);
  if (s->directions == NULL || s->scrambles == NULL || s->given == NULL) return CL_FAIL_NOMEM(e);
  cl_sobol_directions(s->dimensions, s->directions);
  for (int j = 0; j < s->dimensions; j++) {
    struct cl_rng r = cl_rng_stream(env->seed, CL_RNG_QMC, 0, (uint32_t)j);
    s->scrambles[j] = (uint32_t)cl_rng_bits(&r);
  }
  return 0;
}

static void sobol_done(void *st) {
  struct sobol_state *s = st;
  cl_free(s->directions);
  cl_free(s->scrambles);
  cl_free(s->given);
}

/* Values of the searched hyperparameters at point `index`; constants and drawn ones stay absent, so that the
 * draw fills them in. */
static void fill_point(struct sobol_state *s, uint32_t index) {
  const struct cl_space *space = s->env->space;
  for (int i = 0, j = 0; i < space->n; i++) {
    const struct cl_hyperparameter *h = &space->items[i];
    bool active = cl_space_is_active(space, i, s->given);
    s->given[i] = (struct cl_value){0};
    if (h->domain == CL_CONSTANT && active) s->given[i] = h->values[0];
    if (!cl_space_is_searched(h)) continue;
    uint32_t x = cl_sobol_point(s->directions + j * CL_SOBOL_BITS, index);
    if (s->scrambled) x = cl_sobol_scramble(x, s->scrambles[j]);
    if (active) s->given[i] = cl_space_decode_one(h, x * 0x1p-32);
    assert(j < s->dimensions);
    j++;
  }
}

static int sobol_ask(void *st, struct cl_proposal *p, struct cl_err *e) {
  (void)e;
  struct sobol_state *s = st;
  assert(p->searched >= 0 && p->searched < p->number);
  if (p->searched > UINT32_MAX) return CLADE_EMPTY;
  fill_point(s, (uint32_t)p->searched);
  cl_text_format(p->args, ", \"point\": %lld", (long long)p->searched);
  if (cl_space_constraints_hold(s->env->space, s->given, NULL)) {
    cl_search_draw(s->env, CL_RNG_RANDOM, s->given, p);
    return 0;
  }
  cl_search_draw(s->env, CL_RNG_RANDOM, NULL, p);
  p->redraws++; /* the point itself */
  return 0;
}

static void sobol_explain(const json_t *args, const struct cl_study *study, struct cl_text *ret) {
  (void)study;
  cl_text_format(ret, "sobol: point %lld of the sequence",
                 (long long)json_integer_value(json_object_get(args, "point")));
  if (json_integer_value(json_object_get(args, "redraws")) > 0)
    cl_text_add(ret, "; it broke a constraint and was replaced by a random draw");
  cl_text_add(ret, "\n");
}

static const struct cl_option sobol_options[] = {
    {"scramble", "owen|none", 0, 0, "owen",
     "owen: shuffled by the seed, evenness kept; none: the bare sequence"},
    {0}};

const struct cl_searcher_ops cl_sobol_search = {
    .abi = sizeof(struct cl_searcher_ops),
    .name = "sobol",
    .summary = "evenly spread points; better than random for the same number of trials",
    .source = "Sobol 1967; Joe & Kuo 2008 (construction); Burley 2020 (scrambling)",
    .capabilities = CL_SEARCH_ENDS,
    .options = sobol_options,
    .state_size = sizeof(struct sobol_state),
    .init = sobol_init,
    .ask = sobol_ask,
    .done = sobol_done,
    .explain = sobol_explain,
};
