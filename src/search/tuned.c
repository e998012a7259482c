/* Repeats of the tuned values (a runspec's `hp_tuning: false`): every trial is the same configuration with
 * its own seed. A tuned value may stand outside the domain. */
#include <assert.h>

#include "base/alloc.h"
#include "model/constraint.h"
#include "search/methods.h"

struct tuned_state {
  const struct cl_search_env *env;
  struct cl_value *given; /* space->n; absent where drawn or inactive */
  int64_t first;          /* trial that was told first, 0 = none yet */
};

static int tuned_init(void *st, const struct cl_search_env *env, struct cl_err *e) {
  struct tuned_state *s = st;
  const struct cl_space *space = env->space;
  s->env = env;
  s->given = cl_alloc_array((size_t)space->n, sizeof *s->given);
  if (s->given == NULL) return CL_FAIL_NOMEM(e);
  for (int i = 0; i < space->n; i++) {
    const struct cl_hyperparameter *h = &space->items[i];
    if (!cl_space_is_active(space, i, s->given) || h->drawn) continue;
    s->given[i] = h->domain == CL_CONSTANT ? h->values[0] : h->tuned;
    if (s->given[i].kind == CL_ABSENT)
      return CL_FAIL(e, CLADE_ESPEC,
                     "%s has no tuned_value, and trials without a search use tuned values: give it one",
                     h->name);
  }
  int broken = 0;
  if (!cl_space_constraints_hold(space, s->given, &broken))
    return CL_FAIL(e, CLADE_ESPEC, "the tuned values break the constraint \"%s\": change one of the two",
                   cl_constraint_text(space->constraints[broken]));
  return 0;
}

static void tuned_done(void *st) {
  struct tuned_state *s = st;
  cl_free(s->given);
}

static int tuned_tell(void *st, const struct cl_told_trial *t, struct cl_err *e) {
  (void)e;
  struct tuned_state *s = st;
  if (t->role == CL_ROLE_SEARCH && (s->first == 0 || t->number < s->first)) s->first = t->number;
  return 0;
}

static int tuned_ask(void *st, struct cl_proposal *p, struct cl_err *e) {
  (void)e;
  const struct tuned_state *s = st;
  cl_search_draw(s->env, CL_RNG_RANDOM, s->given, p);
  p->of = s->first;
  assert(s->first < p->number && (s->first != 0) == (p->searched > 0));
  p->repeat = p->searched > INT32_MAX ? INT32_MAX : (int)p->searched;
  cl_text_format(p->args, ", \"repeat\": %d", p->repeat);
  return 0;
}

static const struct cl_option tuned_options[] = {{0}};

const struct cl_searcher_ops cl_tuned_search = {
    .abi = sizeof(struct cl_searcher_ops),
    .name = "tuned",
    .summary = "the tuned values again and again, each time with another seed",
    .source = "XT and rl_nexus: hp_tuning: false",
    .options = tuned_options,
    .state_size = sizeof(struct tuned_state),
    .init = tuned_init,
    .tell = tuned_tell,
    .ask = tuned_ask,
    .done = tuned_done,
};
