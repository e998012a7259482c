/* Population based training (Jaderberg et al. 2017, arXiv 1711.09846): at every `interval` a member that
 * ranks low takes over state and values of one that ranks high, and its values are explored from there.
 *
 * We differ: members are compared at equal steps, from history; values never leave their range; a clone takes
 * exactly the state whose score was ranked; failed and diverged members are replaced.
 */
#include <assert.h>
#include <math.h>

#include "schedule/exploit.h"
#include "schedule/explore.h"
#include "schedule/methods.h"
#include "schedule/ruling.h"

struct pbt {
  struct cl_rulings rulings;
  struct cl_exploit exploit;
  struct cl_explore explore;
};

static int judge_pbt(struct cl_rulings *r, size_t member, const struct cl_evaluation *own,
                     struct cl_event *ret, struct cl_err *e) {
  struct pbt *s = (struct pbt *)r;
  const struct cl_study *study = r->env->study;
  const struct cl_member *a = &r->members.items[member];
  const char *rule = cl_exploit_word(&s->exploit);
  assert(own->rung == a->asks);
  struct cl_rng rng = cl_ruling_stream(r, CL_RNG_EXPLOIT, member);
  struct cl_takeover take = {0};
  struct cl_exploit_view view;
  take.state = cl_exploit_choose(&s->exploit, &r->members.population, (size_t)r->env->settings->trials,
                                 a->asks, member, !isfinite(own->score), &rng, &take.donor, &view);
  if (take.state == NULL) {
    if (cl_ruling_is_dead(r, member)) return CLADE_EMPTY;
    cl_ruling_keep(r, rule, member, own, &view, ret);
    return cl_ruling_end(r, ret, e);
  }
  s->explore.halvings = cl_ruling_halvings(r, member, &view);
  CL_TRY(cl_explore_values(&s->explore, study, cl_study_trial(study, a->trial), take.state, a->rulings, e));
  take.values = s->explore.values;
  CL_TRY(cl_ruling_take_over(r, rule, member, own, &view, &take, ret, e));
  cl_explore_describe(&s->explore, cl_study_space(study), &r->args);
  return cl_ruling_end(r, ret, e);
}

static int pbt_check(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e) {
  CL_TRY(cl_rulings_check(settings, o, e));
  CL_TRY(cl_exploit_check(o, e));
  CL_TRY(cl_archive_check(o, e));
  return cl_explore_check(o, &settings->space, e);
}

static int pbt_init(void *st, const struct cl_schedule_env *env, struct cl_err *e) {
  struct pbt *s = st;
  cl_rulings_init(&s->rulings, env);
  s->rulings.judge = judge_pbt;
  CL_TRY(cl_rulings_ask(&s->rulings, e));
  s->exploit = cl_exploit_from(&env->options);
  s->exploit.archive = cl_rulings_archive(&s->rulings, &env->options);
  s->rulings.members.recent.most = cl_exploit_looks_at(&s->exploit);
  cl_explore_init(&s->explore, &env->options);
  return cl_explore_each(&s->explore, &env->options, &env->settings->space, e);
}

static bool pbt_curves(const struct cl_options *o) {
  struct cl_exploit x = cl_exploit_from(o);
  return cl_exploit_looks_at(&x) > 0;
}

static void pbt_done(void *st) {
  struct pbt *s = st;
  cl_explore_done(&s->explore);
  cl_rulings_done(&s->rulings);
}

static const struct cl_option pbt_options[] = {CL_RULING_OPTIONS,  CL_EXPLOIT_OPTIONS,     CL_ARCHIVE_OPTION,
                                               CL_EXPLORE_OPTIONS, CL_EXPLORE_EACH_OPTION, {0}};

const struct cl_scheduler_ops cl_pbt_schedule = {
    CL_RULING_OPS,
    .name = "pbt",
    .summary = "population based training: low members take over state and values of high ones, and explore",
    .source = "Jaderberg et al. 2017, arXiv 1711.09846",
    .options = pbt_options,
    .state_size = sizeof(struct pbt),
    .check = pbt_check,
    .init = pbt_init,
    .apply = cl_rulings_apply,
    .next = cl_rulings_next,
    .curves = pbt_curves,
    .again = cl_rulings_again,
    .done = pbt_done,
    .last = cl_rulings_last};
