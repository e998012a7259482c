/* Multiple-frequencies population based training (Doulazmi et al. 2025): sub-populations that evolve at
 * different paces, so that what pays late is not lost to what pays soon. The slow ones look far ahead, the
 * fast ones find good schedules on the way, and states migrate between them (schedule/migration.h).
 *
 * All members are judged together at every interval (a round). We differ: a member that failed or diverged is
 * replaced in any round, from its own sub-population if that has anything to give.
 */
#include <assert.h>
#include <math.h>

#include "base/alloc.h"
#include "schedule/explore.h"
#include "schedule/methods.h"
#include "schedule/migration.h"
#include "schedule/ruling.h"

struct mf_pbt {
  struct cl_rulings rulings;
  struct cl_explore explore;
  double periods[CL_OPTION_LIST_MAX];
  int groups;
  bool frozen;             /* values never change */
  struct cl_ranked *table; /* of this rung, as it was then: a whole round is judged by one */
  size_t cap_table, n_table;
  int32_t table_rung;
  uint64_t table_revision;
};

static int group_of(const struct mf_pbt *s, size_t member) {
  assert(s->groups >= 1);
  return (int)(member % (size_t)s->groups);
}

/* What one has taken over in this round does not matter to the others: it gives what was ranked. */
static bool gives(const struct cl_evaluation *v) {
  return isfinite(v->score) && v->snapshot != 0;
}

/* The table of a rung; how many. */
static int fill_table(struct mf_pbt *s, int32_t rung, size_t *ret_n, struct cl_err *e) {
  const struct cl_population *p = &s->rulings.members.population;
  size_t n = cl_population_count(p, rung);
  bool known = rung == s->table_rung && cl_population_revision(p, rung) == s->table_revision;
  assert(rung >= 1);
  *ret_n = n;
  if (known && n == s->n_table) return 0;
  if (cl_grow(&s->table, &s->cap_table, n + 1, sizeof *s->table) < 0) return CL_FAIL_NOMEM(e);
  for (size_t rank = 0; rank < n; rank++) {
    size_t member;
    const struct cl_evaluation *v = cl_population_at(p, rung, rank, &member);
    s->table[rank] = (struct cl_ranked){member, group_of(s, member), v->score, gives(v)};
  }
  s->n_table = n;
  s->table_rung = rung;
  s->table_revision = cl_population_revision(p, rung);
  return 0;
}

/* For a member whose state is gone: the best of its own group, else of all, in the furthest table that has
 * one. */
static int rescue(struct mf_pbt *s, size_t member, int32_t *rung, struct cl_move *ret, struct cl_err *e) {
  for (; *rung >= 1 && *rung >= s->rulings.members.population.base; --*rung) {
    size_t n, found = CL_NO_RANK;
    CL_TRY(fill_table(s, *rung, &n, e));
    for (size_t i = n; i-- > 0;) {
      bool own = s->table[i].group == group_of(s, member);
      if (s->table[i].gives && (own || found == CL_NO_RANK || s->table[found].group != group_of(s, member)))
        found = i;
    }
    if (found == CL_NO_RANK) continue;
    *ret = (struct cl_move){CL_MOVE_COPY, found, found};
    return 0;
  }
  return CLADE_EMPTY;
}

/* 0: *ret is the move, by the table of *rung. CLADE_EMPTY: it stays as it is, or is dead and nobody can give.
 */
static int plan_move(struct mf_pbt *s, size_t member, bool must, int32_t *rung, struct cl_exploit_view *view,
                     struct cl_move *ret, struct cl_err *e) {
  size_t n, rank = cl_population_rank(&s->rulings.members.population, *rung, member);
  if (must) return rescue(s, member, rung, ret, e);
  CL_TRY(fill_table(s, *rung, &n, e));
  assert(rank < n);
  view->rung = *rung;
  view->rank = rank + 1;
  view->of = n;
  if (!cl_migration_is_round(s->periods[group_of(s, member)], *rung)) return CLADE_EMPTY;
  *ret = cl_migration_move(s->table, n, s->periods, rank);
  return ret->rule == CL_MOVE_NONE ? CLADE_EMPTY : 0;
}

static int find_values(struct mf_pbt *s, size_t member, const struct cl_move *move, int32_t rung,
                       struct cl_err *e) {
  const struct cl_study *study = s->rulings.env->study;
  const struct cl_member *a = &s->rulings.members.items[member];
  const struct cl_trial *t = cl_study_trial(study, a->trial);
  struct cl_explore *x = &s->explore;
  const struct cl_evaluation *from =
      cl_population_at(&s->rulings.members.population, rung, move->values, NULL);
  if (move->rule == CL_MOVE_COPY && !s->frozen) return cl_explore_values(x, study, t, from, a->rulings, e);
  CL_TRY(cl_explore_begin(x, study, t, from, e));
  for (int i = 0; i < cl_study_space(study)->n; i++) {
    x->values[i] = s->frozen ? x->own[i] : x->donor[i];
    x->used[i] = 1;
  }
  cl_explore_keep_held(x, study, t);
  return 0;
}

static int end(struct mf_pbt *s, size_t member, struct cl_event *ret, struct cl_err *e) {
  int group = group_of(s, member);
  cl_text_format(&s->rulings.args, ", \"sub_population\": %d, \"period\": %d", group + 1,
                 (int)s->periods[group]);
  return cl_ruling_end(&s->rulings, ret, e);
}

static int judge_mf_pbt(struct cl_rulings *r, size_t member, const struct cl_evaluation *own,
                        struct cl_event *ret, struct cl_err *e) {
  struct mf_pbt *s = (struct mf_pbt *)r;
  struct cl_exploit_view view = {.draw = NAN, .opponent = CL_NO_RANK};
  int32_t rung = r->members.items[member].asks;
  struct cl_move move;
  struct cl_takeover take = {0};
  int status = plan_move(s, member, !isfinite(own->score), &rung, &view, &move, e);
  if (status < 0) return status;
  if (status == CLADE_EMPTY && cl_ruling_is_dead(r, member)) return CLADE_EMPTY;
  if (status == CLADE_EMPTY) {
    cl_ruling_keep(r, "frequencies", member, own, &view, ret);
    return end(s, member, ret, e);
  }
  CL_TRY(find_values(s, member, &move, rung, e));
  take.state = cl_population_at(&r->members.population, rung, move.state, &take.donor);
  assert(take.state->snapshot != 0);
  take.values = s->explore.values;
  if (move.values != move.state && !s->frozen)
    take.with = r->members.items[s->table[move.values].member].trial;
  CL_TRY(cl_ruling_take_over(r, move.rule == CL_MOVE_COPY ? "frequencies" : "migration", member, own, &view,
                             &take, ret, e));
  cl_explore_describe(&s->explore, cl_study_space(r->env->study), &r->args);
  return end(s, member, ret, e);
}

/* Making. */

static int mf_pbt_check(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e) {
  double periods[CL_OPTION_LIST_MAX];
  int n = cl_options_numbers(o, "frequencies", periods),
      groups = (int)cl_options_number(o, "sub_populations");
  CL_TRY(cl_rulings_check(settings, o, e));
  if (cl_options_number(o, "sync") == 0)
    return CL_FAIL(e, CLADE_ESPEC, "schedule: mf_pbt judges all members together: leave out sync: false");
  if (n != groups)
    return CL_FAIL(
        e, CLADE_ESPEC,
        "schedule: %d sub_populations but %d frequencies: give one for each, [1, 10, 25, 50] are four",
        groups, n);
  for (int i = 0; i < n; i++)
    if (rint(periods[i]) != periods[i])
      return CL_FAIL(e, CLADE_ESPEC, "schedule: frequencies are whole numbers of intervals, not %g",
                     periods[i]);
  if (settings->trials % (4 * groups) == 0) return 0;
  return CL_FAIL(
      e, CLADE_ESPEC,
      "schedule: %lld members cannot be divided into quarters of %d sub-populations: the population must be "
      "a multiple of %d",
      (long long)settings->trials, groups, 4 * groups);
}

static int mf_pbt_init(void *st, const struct cl_schedule_env *env, struct cl_err *e) {
  struct mf_pbt *s = st;
  const struct cl_options *o = &env->options;
  cl_rulings_init(&s->rulings, env);
  s->rulings.judge = judge_mf_pbt;
  CL_TRY(cl_rulings_ask(&s->rulings, e));
  s->groups = cl_options_numbers(o, "frequencies", s->periods);
  s->frozen = cl_options_number(o, "frozen") != 0;
  s->explore.rule = CL_EXPLORE_BOTH;
  s->explore.n_factors = cl_options_numbers(o, "factors", s->explore.factors);
  s->explore.resample = cl_options_number(o, "resample_probability");
  return 0;
}

static void mf_pbt_done(void *st) {
  struct mf_pbt *s = st;
  cl_free(s->table);
  cl_explore_done(&s->explore);
  cl_rulings_done(&s->rulings);
}

static const struct cl_option mf_pbt_options[] = {
    CL_RULING_OPTIONS_WITH("true"),
    {"sub_populations", "int", 1, CL_OPTION_LIST_MAX, "4", "groups that evolve at paces of their own", NULL},
    {"frequencies", "floats", 1, 1e6, "[1, 10, 25, 50]", "intervals between two evolutions of each group",
     NULL},
    {"factors", "floats", 1e-6, 1e6, "[1.25, 0.8]", "one of them multiplies a value", "perturbation_factors"},
    {"resample_probability", "float", 0, 1, "0", "how often a value is drawn afresh instead", NULL},
    {"frozen", "bool", 0, 0, "false", "every member keeps its values: only states are exchanged", NULL},
    {0}};

static const struct cl_refusal mf_pbt_refusals[] = {
    {"archive",
     "whose quarters take over from each other one to one, so that no state of nobody has a place: a "
     "sub-population that evolves seldom (`frequencies`) keeps what pays late; pbt, pb2, pb2_mix and "
     "ipbt have an archive"},
    {0}};

const struct cl_scheduler_ops cl_mf_pbt_schedule = {
    CL_RULING_OPS,
    .name = "mf_pbt",
    .summary = "multiple frequencies: sub-populations that evolve at different paces exchange states",
    .source = "Doulazmi et al. 2025, Multiple-Frequencies Population-Based Training",
    .options = mf_pbt_options,
    .state_size = sizeof(struct mf_pbt),
    .check = mf_pbt_check,
    .init = mf_pbt_init,
    .apply = cl_rulings_apply,
    .next = cl_rulings_next,
    .again = cl_rulings_again,
    .done = mf_pbt_done,
    .last = cl_rulings_last,
    .refusals = mf_pbt_refusals};
