/* Evolutionary population based training (Liang et al. 2020, arXiv 2002.04225): in generations with a
 * barrier, the best half goes on as it is, and the others are replaced by descendants: state of the winner of
 * a tournament, values crossed with those of another winner and mutated. The loss function can be among the
 * values (constraint taylor_loss): descendants whose values must not be trained are infeasible, and replaced
 * in the next generation. Novelty pulsation: see novelty.h.
 *
 * We differ from the public re-implementation, of which we keep the loop: values are clamped the right way
 * round, steps are of the unit cube, descendants are copies, an odd one is crossed with the first (which
 * stays as it is), and who gave what stands in the log.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "schedule/behaviour.h"
#include "schedule/explore.h"
#include "schedule/generation.h"
#include "schedule/genes.h"
#include "schedule/methods.h"
#include "schedule/novelty.h"
#include "schedule/ruling.h"

struct epbt {
  struct cl_rulings rulings;
  struct cl_generation generation;
  struct cl_mutations mutations;
  struct cl_explore room; /* its arrays: parent, own and new values, what mutation did */
  struct cl_value *other; /* of the second parent */
  bool *taken;
  size_t cap;
  double elites, swap;
  int32_t generations; /* 0 = no end */
  uint32_t redraws;
  struct cl_novelty novelty;
  int32_t cycle;
  char *prefix;
  struct cl_behaviour behaviour;
  int32_t recalled_rung; /* whose order of parents an earlier ruling has told … */
  int64_t *recalled;     /* … their trials */
  size_t n_recalled, cap_recalled;
};

/* Novelty. */

static bool is_pulse(const struct epbt *s, int32_t rung) {
  return s->novelty.multiplier > 1 && rung % s->cycle == 0;
}

/* The parents as an earlier ruling of this generation says. */
static void recall_parents(struct epbt *s) {
  struct cl_generation *g = &s->generation;
  const struct cl_members *m = &s->rulings.members;
  size_t n = 0;
  for (size_t i = 0; i < s->n_recalled && n < g->n; i++) {
    int member = cl_members_find(m, s->recalled[i]);
    size_t rank = member < 0 ? CL_NO_RANK : cl_population_rank(&m->population, g->rung, (size_t)member);
    if (rank != CL_NO_RANK) g->parents[n++] = (uint32_t)rank;
  }
  g->n_parents = n;
  assert(g->n_parents <= g->n);
}

static int select_by_novelty(struct epbt *s, struct cl_err *e) {
  struct cl_generation *g = &s->generation;
  size_t n = g->n_parents, d = s->behaviour.d, parents, candidates;
  if (d == 0 || n < 2 || n > CL_NOVELTY_MEMBERS_MAX) return 0;
  double *x = cl_alloc_array(n * d, sizeof *x);
  uint32_t *order = cl_alloc_array(2 * n, sizeof *order), *ranks = order + n;
  int status = x == NULL || order == NULL ? CL_FAIL_NOMEM(e) : 0;
  for (size_t i = 0; i < n && status == 0; i++) {
    size_t member;
    (void)cl_population_at(&s->rulings.members.population, g->rung, g->parents[i], &member);
    cl_behaviour_get(&s->behaviour, member, x + i * d);
  }
  if (status == 0) status = cl_novelty_order(&s->novelty, x, n, d, order, e);
  if (status == 0) {
    cl_novelty_count(&s->novelty, n, &parents, &candidates);
    for (size_t i = 0; i < n; i++) ranks[i] = g->parents[order[i]];
    memcpy(g->parents, ranks, n * sizeof *ranks);
    g->n_parents = candidates > parents ? parents : n;
    assert(g->n_parents >= 2 && g->n_parents <= n);
  }
  cl_free(order);
  cl_free(x);
  return status;
}

/* The plan of a generation, made once for all its members. */
static int plan(struct epbt *s, int32_t rung, struct cl_err *e) {
  struct cl_generation *g = &s->generation;
  const struct cl_population *p = &s->rulings.members.population;
  if (g->rung == rung && g->revision == cl_population_revision(p, rung)) return 0;
  CL_TRY(cl_generation_begin(g, p, rung, e));
  if (is_pulse(s, rung) && s->recalled_rung == rung)
    recall_parents(s);
  else if (is_pulse(s, rung))
    CL_TRY(select_by_novelty(s, e));
  double elites = s->elites < 1 ? floor(s->elites * (double)g->n + 1e-9) : s->elites;
  cl_generation_plan(g, p, elites > (double)g->n ? g->n : (size_t)elites,
                     (uint64_t)cl_study_seed(s->rulings.env->study));
  return 0;
}

/* Args beyond those of every ruling. */

static void add_trials(struct epbt *s, const char *key, const uint32_t *ranks, size_t n) {
  const struct cl_members *m = &s->rulings.members;
  struct cl_text *args = &s->rulings.args;
  cl_text_format(args, ", \"%s\": [", key);
  for (size_t i = 0; i < n; i++) {
    assert(ranks[i] < s->generation.n);
    const struct cl_evaluation *v = cl_population_at(&m->population, s->generation.rung, ranks[i], NULL);
    cl_text_format(args, "%s%lld", i == 0 ? "" : ", ", (long long)v->trial);
  }
  cl_text_add(args, "]");
}

static void add_generation(struct epbt *s) {
  const struct cl_generation *g = &s->generation;
  cl_text_format(&s->rulings.args, ", \"number\": %d", (int)g->rung);
  if (is_pulse(s, g->rung)) add_trials(s, "novelty", g->parents, g->n_parents);
}

/* Ids of the genes that came from the second parent, and what mutation did. */
static void add_genes(struct epbt *s) {
  const struct cl_space *space = cl_study_space(s->rulings.env->study);
  struct cl_text *args = &s->rulings.args;
  const char *separator = "";
  cl_text_add(args, ", \"mask\": [");
  for (int i = 0; i < space->n; i++) {
    if (!s->taken[i]) continue;
    cl_text_format(args, "%s%d", separator, space->items[i].id);
    separator = ", ";
  }
  cl_text_add(args, "], \"mutation\": {");
  separator = "";
  for (int i = 0; i < space->n; i++) {
    double step = s->room.used[i];
    if (step == CL_GENE_SAME) continue;
    cl_text_format(args, "%s\"%d\": ", separator, space->items[i].id);
    separator = ", ";
    if (isfinite(step))
      cl_text_add_json_number(args, step);
    else
      cl_text_add(args, isnan(step) ? "\"redraw\"" : "\"default\"");
  }
  cl_text_add(args, "}");
}

/* Judging. */

static int make_room(struct epbt *s, struct cl_err *e) {
  size_t n = (size_t)cl_study_space(s->rulings.env->study)->n;
  if (n <= s->cap && s->other != NULL) return 0;
  struct cl_value *other = cl_resize(s->other, n * sizeof *other + 1);
  if (other != NULL) s->other = other;
  bool *taken = cl_resize(s->taken, n * sizeof *taken + 1);
  if (taken != NULL) s->taken = taken;
  if (other == NULL || taken == NULL) return CL_FAIL_NOMEM(e);
  s->cap = n;
  return 0;
}

/* What a person holds stays; mutated again while it breaks a constraint and may be. False: infeasible. */
static bool breed(struct epbt *s, const struct cl_trial *t, struct cl_breeding *b) {
  const struct cl_study *study = s->rulings.env->study;
  const struct cl_space *space = cl_study_space(study);
  for (b->attempt = 0; b->attempt <= s->redraws; b->attempt++) {
    cl_genes_breed(space, &s->mutations, b, s->room.donor, s->other, s->room.values, s->taken, s->room.used);
    cl_explore_keep_held(&s->room, study, t);
    if (cl_space_constraints_hold(space, s->room.values, NULL)) return true;
  }
  return false;
}

static bool is_usable(const struct epbt *s, const struct cl_evaluation *v) {
  const struct cl_snapshot *n = cl_study_snapshot(s->rulings.env->study, v->snapshot);
  return n != NULL && n->usable;
}

/* The evaluation of a rank; if its state is gone by now, that of the best parent whose state is not. Null:
 * none. */
static const struct cl_evaluation *find_parent(const struct epbt *s, uint32_t rank, size_t *ret_member) {
  const struct cl_generation *g = &s->generation;
  const struct cl_population *p = &s->rulings.members.population;
  const struct cl_evaluation *v = cl_population_at(p, g->rung, rank, ret_member);
  for (size_t i = 0; i < g->n_parents && !is_usable(s, v); i++)
    v = cl_population_at(p, g->rung, g->parents[i], ret_member);
  return is_usable(s, v) ? v : NULL;
}

static int descend(struct epbt *s, size_t member, size_t number, const struct cl_evaluation *own,
                   const struct cl_exploit_view *view, struct cl_event *ret, struct cl_err *e) {
  const struct cl_study *study = s->rulings.env->study;
  const struct cl_generation *g = &s->generation;
  const struct cl_trial *t = cl_study_trial(study, own->trial);
  struct cl_takeover take = {0};
  size_t couple, partner = cl_generation_partner(g, number, &couple);
  assert(partner < g->n_descendants && g->rung == own->rung);
  uint32_t ranks[2] = {g->chosen[number], g->chosen[partner]};
  const struct cl_evaluation *second =
      cl_population_at(&s->rulings.members.population, g->rung, ranks[1], NULL);
  take.state = find_parent(s, ranks[0], &take.donor);
  if (take.state == NULL) return CLADE_EMPTY;
  CL_TRY(make_room(s, e));
  CL_TRY(cl_explore_begin(&s->room, study, t, take.state, e));
  cl_evaluation_values(second, cl_study_space(study), s->other);
  cl_space_settle(cl_study_space(study), s->other, NULL);
  struct cl_breeding b = {.seed = (uint64_t)cl_study_seed(study),
                          .generation = (uint32_t)g->rung,
                          .descendant = (uint32_t)number,
                          .couple = (uint32_t)couple,
                          .swap = s->swap};
  take.infeasible = !breed(s, t, &b);
  assert(take.infeasible || cl_space_constraints_hold(cl_study_space(study), s->room.values, NULL));
  take.values = s->room.values;
  take.with = second->trial == take.state->trial ? 0 : second->trial;
  CL_TRY(cl_ruling_take_over(&s->rulings, "descendant", member, own, view, &take, ret, e));
  add_generation(s);
  cl_text_format(&s->rulings.args, ", \"parents\": [%lld, %lld]", (long long)take.state->trial,
                 (long long)second->trial);
  add_genes(s);
  return cl_ruling_end(&s->rulings, ret, e);
}

static int judge_epbt(struct cl_rulings *r, size_t member, const struct cl_evaluation *own,
                      struct cl_event *ret, struct cl_err *e) {
  struct epbt *s = (struct epbt *)r;
  int32_t rung = r->members.items[member].asks;
  bool dead = cl_ruling_is_dead(r, member);
  if (dead && s->generations > 0 && rung >= s->generations) return CLADE_EMPTY; /* no generation follows */
  CL_TRY(plan(s, rung, e));
  size_t rank = cl_population_rank(&r->members.population, rung, member);
  assert(rank < s->generation.n);
  const struct cl_exploit_view view = {.rung = rung, .rank = rank + 1, .of = s->generation.n, .draw = NAN};
  int32_t number = s->generation.place[rank];
  int status = number < 0 ? CLADE_EMPTY : descend(s, member, (size_t)number, own, &view, ret, e);
  if (status != CLADE_EMPTY || dead) return status;
  cl_ruling_keep(r, number < 0 ? "elite" : "no parent", member, own, &view, ret);
  add_generation(s);
  return cl_ruling_end(r, ret, e);
}

/* Events. */

static int recall_novelty(struct epbt *s, const struct cl_event *ev, struct cl_err *e) {
  if (ev->args == NULL || strstr(ev->args, "\"novelty\"") == NULL) return 0;
  json_t *args = json_loads(ev->args, 0, NULL);
  const json_t *trials = json_object_get(args, "novelty");
  int32_t number = (int32_t)json_integer_value(json_object_get(args, "number"));
  size_t n = json_array_size(trials);
  int status = 0;
  if (number != s->recalled_rung && json_is_array(trials)) {
    if (cl_grow(&s->recalled, &s->cap_recalled, n + 1, sizeof *s->recalled) < 0) status = CL_FAIL_NOMEM(e);
    for (size_t i = 0; i < n && status == 0; i++)
      s->recalled[i] = (int64_t)json_integer_value(json_array_get(trials, i));
    if (status == 0) {
      s->n_recalled = n;
      s->recalled_rung = number;
    }
  }
  json_decref(args);
  return status;
}

static int epbt_apply(void *st, const struct cl_event *ev, struct cl_err *e) {
  struct epbt *s = st;
  CL_TRY(cl_rulings_apply(st, ev, e));
  if (s->novelty.multiplier <= 1) return 0;
  int member = cl_members_find(&s->rulings.members, ev->subject);
  if (ev->kind == CL_EVENT_REPORTED && !ev->late && member >= 0)
    return cl_behaviour_apply(&s->behaviour, s->rulings.env->study, (size_t)member, ev, e);
  return ev->cause == CL_CAUSE_GENERATION ? recall_novelty(s, ev, e) : 0;
}

/* Making. */

static const struct cl_option novelty_options[] = {
    {"multiplier", "float", 1, 1e6, "1", "so many times as many candidates as parents compete; 1 = off",
     NULL},
    {"cycle", "int", 1, 1e6, "1", "every so many generations", NULL},
    {"removed", "float", 0, 0.99, "0.2", "share of the members that do not become parents then", NULL},
    {"prefix", "text", 0, 0, "behaviour", "of the names of the metrics that make a behaviour", NULL},
    {0}};

static const struct cl_option epbt_options[] = {
    CL_RULING_OPTIONS,
    {"generations", "int", 0, 1e6, "0", "all are stopped after so many; 0 = training ends by itself", NULL},
    {"elites", "float", 0, 1e6, "0.5", "the best that go on as they are: share, or number", NULL},
    {"crossover", "float", 0, 1, "0.5", "probability of a gene to come from the second parent", NULL},
    {"mutation", "object", 0, 0, "{}", "kind, sd, choice, reset; of: the same for single hyperparameters",
     NULL, cl_mutation_options},
    {"redraws", "int", 0, 1000, "0",
     "mutations tried again before values that break a constraint are infeasible", NULL},
    {"novelty", "object", 0, 0, "{}", "multiplier, cycle, removed, prefix: parents of unlike behaviour",
     NULL},
    {0}};

static struct cl_options novelty_of(const struct cl_options *o) {
  return (struct cl_options){"schedule: novelty", "epbt", novelty_options, cl_options_object(o, "novelty")};
}

/* Behaviour stands in reports only. */
static bool epbt_curves(const struct cl_options *o) {
  struct cl_options novelty = novelty_of(o);
  return cl_options_number(&novelty, "multiplier") > 1;
}

static int epbt_check(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e) {
  struct cl_options novelty = novelty_of(o);
  struct cl_mutations mutations;
  CL_TRY(cl_rulings_check(settings, o, e));
  if (cl_options_has(o, "sync") && cl_options_number(o, "sync") == 0)
    return CL_FAIL(e, CLADE_ESPEC,
                   "schedule: generations of epbt wait for each other: leave `sync: false` out");
  if (cl_options_has(o, "generations") && cl_options_has(o, "stop"))
    return CL_FAIL(e, CLADE_ESPEC,
                   "schedule: generations and stop both say when members are stopped: give one of the two");
  CL_TRY(cl_options_check(&novelty, e));
  if (cl_options_number(&novelty, "multiplier") > 1 && settings->trials > CL_NOVELTY_MEMBERS_MAX)
    return CL_FAIL(
        e, CLADE_ESPEC,
        "schedule: novelty compares every member with every other: it needs at most %d members, not "
        "%lld",
        CL_NOVELTY_MEMBERS_MAX, (long long)settings->trials);
  CL_TRY(cl_mutations_init(&mutations, cl_options_object(o, "mutation"), &settings->space, e));
  cl_mutations_done(&mutations);
  return 0;
}

static int epbt_init(void *st, const struct cl_schedule_env *env, struct cl_err *e) {
  struct epbt *s = st;
  const struct cl_options *o = &env->options;
  struct cl_options novelty = novelty_of(o);
  cl_rulings_init(&s->rulings, env);
  s->rulings.judge = judge_epbt;
  s->rulings.cause = CL_CAUSE_GENERATION;
  s->rulings.members.sync = true;
  s->rulings.members.ordered =
      false; /* the barrier orders, and streams are named by generation and descendant */
  assert(s->rulings.members.interval > 0);
  CL_TRY(cl_rulings_ask(&s->rulings, e));
  s->generations = (int32_t)cl_options_number(o, "generations");
  if (cl_ready_is_given(o))
    s->rulings.stop_rung = s->generations;
  else if (s->generations > 0)
    s->rulings.stop = s->generations * s->rulings.members.interval;
  s->elites = cl_options_number(o, "elites");
  s->swap = cl_options_number(o, "crossover");
  s->redraws = (uint32_t)cl_options_number(o, "redraws");
  s->novelty.multiplier = cl_options_number(&novelty, "multiplier");
  s->novelty.removed = cl_options_number(&novelty, "removed");
  s->cycle = (int32_t)cl_options_number(&novelty, "cycle");
  s->prefix = cl_copy_text(cl_options_word(&novelty, "prefix"));
  s->behaviour.prefix = s->prefix;
  if (s->prefix == NULL) return CL_FAIL_NOMEM(e);
  return cl_mutations_init(&s->mutations, cl_options_object(o, "mutation"), &env->settings->space, e);
}

static void epbt_done(void *st) {
  struct epbt *s = st;
  cl_generation_done(&s->generation);
  cl_mutations_done(&s->mutations);
  cl_behaviour_done(&s->behaviour);
  cl_explore_done(&s->room);
  cl_free(s->other);
  cl_free(s->taken);
  cl_free(s->recalled);
  cl_free(s->prefix);
  cl_rulings_done(&s->rulings);
}

static double epbt_last(const struct cl_options *o) {
  double generations = cl_options_number(o, "generations");
  if (generations == 0) return cl_rulings_last(o);
  return cl_ready_is_given(o) ? NAN : generations * cl_options_number(o, "interval");
}

static const struct cl_refusal epbt_refusals[] = {
    {"archive",
     "whose parents are members of the generation that ends: `elites` says how many of the best go on "
     "as they are; pbt, pb2, pb2_mix and ipbt have an archive"},
    {0}};

const struct cl_scheduler_ops cl_epbt_schedule = {
    CL_RULING_OPS,
    .name = "epbt",
    .summary = "evolutionary population based training: generations with elites, crossover and mutation",
    .source = "Liang et al. 2020, arXiv 2002.04225",
    .options = epbt_options,
    .state_size = sizeof(struct epbt),
    .check = epbt_check,
    .init = epbt_init,
    .apply = epbt_apply,
    .next = cl_rulings_next,
    .curves = epbt_curves,
    .again = cl_rulings_again,
    .done = epbt_done,
    .last = epbt_last,
    .refusals = epbt_refusals};
