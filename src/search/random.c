/* Random search (Bergstra & Bengio 2012): each hyperparameter from its own stream, uniform in u, so that
 * adding one does not move the others. Looks at nothing that has happened. */
#include "search/methods.h"

struct random_state {
  const struct cl_search_env *env;
};

static int random_init(void *st, const struct cl_search_env *env, struct cl_err *e) {
  (void)e;
  struct random_state *s = st;
  s->env = env;
  return 0;
}

static int random_ask(void *st, struct cl_proposal *p, struct cl_err *e) {
  (void)e;
  const struct random_state *s = st;
  cl_search_draw(s->env, CL_RNG_RANDOM, NULL, p);
  return 0;
}

static const struct cl_option random_options[] = {{0}};

const struct cl_searcher_ops cl_random_search = {
    .abi = sizeof(struct cl_searcher_ops),
    .name = "random",
    .summary = "independent draws; the yardstick, and good with many parallel slots",
    .source = "Bergstra & Bengio 2012",
    .options = random_options,
    .state_size = sizeof(struct random_state),
    .init = random_init,
    .ask = random_ask,
};
