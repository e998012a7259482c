/* Population based training (Jaderberg et al. 2017, arXiv 1711.09846): at every `interval` a member that
 * ranks low takes over state and values of one that ranks high, and its values are explored from there.
 *
 * We differ: members are compared at equal steps, from history; values never leave their range; a clone takes
 * exactly the state whose score was ranked; failed and diverged members are replaced.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "schedule/exploit.h"
#include "schedule/members.h"
#include "schedule/methods.h"

struct pbt {
  const struct cl_schedule_env *env;
  struct cl_members members;
  struct cl_exploit exploit;
  enum { EXPLORE_BOTH, EXPLORE_PERTURB, EXPLORE_RESAMPLE } explore;
  double factors[CL_OPTION_LIST_MAX], resample, stop, end;
  int n_factors;
  size_t cap; /* of the arrays below */
  struct cl_value *values, *donor, *own;
  double *used;
  struct cl_assigned *assigned;
  struct cl_text args;
};

static int make_room(struct pbt *s, struct cl_err *e) {
  size_t n = (size_t)cl_study_space(s->env->study)->n;
  if (n <= s->cap && s->values != NULL) return 0;
  struct cl_value *values = cl_resize(s->values, 3 * n * sizeof *values + 1);
  if (values != NULL) s->values = values;
  double *used = cl_resize(s->used, n * sizeof *used + 1);
  if (used != NULL) s->used = used;
  struct cl_assigned *assigned = cl_resize(s->assigned, n * sizeof *assigned + 1);
  if (assigned != NULL) s->assigned = assigned;
  if (values == NULL || used == NULL || assigned == NULL) return CL_FAIL_NOMEM(e);
  s->donor = s->values + n;
  s->own = s->donor + n;
  s->cap = n;
  return 0;
}

/* The args of a ruling: what a scheduler that reads the log needs to know, and what people want to. */

static void begin_args(struct pbt *s, const char *rule, size_t member, const struct cl_evaluation *own) {
  const struct cl_member *a = &s->members.items[member];
  double sign = cl_objective_sign(&s->env->settings->objectives[0]);
  cl_text_clear(&s->args);
  cl_text_format(&s->args, "{\"rule\": \"%s\", \"rung\": %d, \"step\": ", rule, (int)a->asks);
  cl_text_add_json_number(&s->args, own->step);
  cl_text_add(&s->args, ", \"own\": ");
  cl_text_add_json_number(&s->args, isfinite(own->score) ? sign * own->score : NAN);
  if (a->state == CL_MEMBER_DEAD) cl_text_add(&s->args, ", \"dead\": true");
}

static void add_view(struct pbt *s, const struct cl_exploit_view *view) {
  if (view->rung != 0)
    cl_text_format(&s->args, ", \"at\": %d, \"rank\": %zu, \"of\": %zu", (int)view->rung, view->rank,
                   view->of);
  if (isnan(view->draw)) return;
  cl_text_add(&s->args, ", \"draw\": ");
  cl_text_add_json_number(&s->args, view->draw);
}

static void add_donor(struct pbt *s, size_t donor, const struct cl_evaluation *own,
                      const struct cl_evaluation *v) {
  double sign = cl_objective_sign(&s->env->settings->objectives[0]);
  cl_text_format(&s->args, ", \"donor\": %lld, \"score\": ", (long long)s->members.items[donor].trial);
  cl_text_add_json_number(&s->args, sign * v->score);
  cl_text_format(&s->args, ", \"donor_rung\": %d, \"reports\": [%lld, %lld]", (int)v->rung,
                 (long long)own->report, (long long)v->report);
}

static void add_explore(struct pbt *s) {
  static const char *const words[] = {"both", "perturb", "resample"};
  const struct cl_space *space = cl_study_space(s->env->study);
  cl_text_format(&s->args, ", \"explore\": {\"rule\": \"%s\"", words[s->explore]);
  for (int i = 0; i < space->n; i++) {
    if (s->used[i] == 1) continue;
    cl_text_format(&s->args, ", \"%d\": ", space->items[i].id);
    if (isnan(s->used[i]))
      cl_text_add(&s->args, "\"redraw\"");
    else
      cl_text_add_json_number(&s->args, s->used[i]);
  }
  cl_text_add(&s->args, "}");
}

static int end_args(struct pbt *s, struct cl_event *ev, struct cl_err *e) {
  cl_text_add(&s->args, "}");
  if (s->args.failed) return CL_FAIL_NOMEM(e);
  ev->args = cl_text_get(&s->args);
  return 0;
}

/* Explore: s->donor to s->values. What a person holds stays as the member has it. */

static void keep_held(struct pbt *s, const struct cl_trial *t) {
  const struct cl_space *space = cl_study_space(s->env->study);
  bool any = false;
  for (int i = 0; i < space->n; i++) {
    if (!cl_trial_is_held(s->env->study, t, i) || s->own[i].kind == CL_ABSENT) continue;
    s->values[i] = s->own[i];
    s->used[i] = 1;
    any = true;
  }
  if (!any) return;
  cl_space_settle(space, s->values, s->own);
  if (cl_space_check(space, s->values, NULL) == 0) return;
  for (int i = 0; i < space->n; i++) { /* what is held does not go with the donor's values: keep one's own */
    s->values[i] = s->own[i];
    s->used[i] = 1;
  }
}

static void explore(struct pbt *s, const struct cl_member *a, const struct cl_evaluation *v) {
  const struct cl_study *study = s->env->study;
  const struct cl_space *space = cl_study_space(study);
  const struct cl_trial *t = cl_study_trial(study, a->trial);
  const double keep = 1;
  bool resamples = s->explore == EXPLORE_RESAMPLE;
  cl_trial_values(study, t, s->own);
  cl_evaluation_values(v, space, s->donor);
  cl_space_settle(space, s->donor, NULL); /* the space may have been updated since */
  (void)cl_space_perturb(space, (uint64_t)cl_study_seed(study), (uint64_t)a->trial, a->rulings & 0xffff,
                         resamples ? &keep : s->factors, resamples ? 1 : s->n_factors,
                         s->explore == EXPLORE_PERTURB ? 0 : s->resample, s->donor, s->values, s->used);
  keep_held(s, t);
}

/* Rulings. */

static const char *rule_name(const struct pbt *s) {
  switch (s->exploit.rule) {
  case CL_EXPLOIT_TRUNCATION: return "truncation";
  case CL_EXPLOIT_TOURNAMENT: return "tournament";
  case CL_EXPLOIT_BEST: return "best";
  }
  return "?";
}

/* The next step to be asked at: none where training ends anyway. */
static double bounded(double until, double stop, double end) {
  if (stop > 0 && stop < until) until = stop;
  return end > 0 && until >= end * (1 - 1e-12) ? CL_NO_STEP : until;
}

static double next_until(const struct pbt *s, int32_t rung) {
  return bounded(cl_members_step(&s->members, rung + 1), s->stop, s->end);
}

static void about(struct pbt *s, size_t member, enum cl_kind kind, enum cl_cause cause,
                  struct cl_event *ret) {
  const struct cl_trial *t = cl_study_trial(s->env->study, s->members.items[member].trial);
  *ret = (struct cl_event){.kind = kind,
                           .subject = t->number,
                           .seen = t->head.version,
                           .as_of = cl_study_head(s->env->study)->position,
                           .cause = cause};
}

static int lend(struct pbt *s, size_t member, struct cl_event *ret, struct cl_err *e) {
  const struct cl_evaluation own = cl_members_describe(&s->members, member);
  about(s, member, CL_EVENT_PAUSED, CL_CAUSE_EXPLOIT, ret);
  ret->u.paused.at = own.report;
  begin_args(s, "turn", member, &own);
  cl_text_format(&s->args, ", \"reports\": [%lld]", (long long)own.report);
  return end_args(s, ret, e);
}

static int stop(struct pbt *s, size_t member, const struct cl_evaluation *own, struct cl_event *ret,
                struct cl_err *e) {
  about(s, member, CL_EVENT_STOPPED, CL_CAUSE_STOP_RULE, ret);
  ret->u.stopped.at = own->report;
  ret->u.stopped.how = CL_STOP_ASK;
  cl_text_clear(&s->args);
  cl_text_add(&s->args, "{\"rule\": \"stop\", \"value\": ");
  cl_text_add_json_number(&s->args, own->step);
  cl_text_add(&s->args, ", \"bound\": ");
  cl_text_add_json_number(&s->args, s->stop);
  return end_args(s, ret, e);
}

/* A trial that has lost its process cannot be continued, but what it will be asked next can be set. */
static int keep(struct pbt *s, size_t member, const struct cl_evaluation *own,
                const struct cl_exploit_view *view, struct cl_event *ret, struct cl_err *e) {
  const struct cl_member *a = &s->members.items[member];
  int state = cl_study_trial(s->env->study, a->trial)->head.state;
  bool gone = state == CL_LOST || state == CL_PREEMPTED;
  about(s, member, gone ? CL_EVENT_SET : CL_EVENT_CONTINUED, CL_CAUSE_EXPLOIT, ret);
  if (gone) {
    ret->u.set.until = next_until(s, a->asks);
  } else {
    ret->u.continued.until = next_until(s, a->asks);
    ret->u.continued.report = own->report;
  }
  begin_args(s, rule_name(s), member, own);
  cl_text_format(&s->args, ", \"reports\": [%lld]", (long long)own->report);
  add_view(s, view);
  return end_args(s, ret, e);
}

static int take_over(struct pbt *s, size_t member, const struct cl_evaluation *own, size_t donor,
                     const struct cl_evaluation *v, const struct cl_exploit_view *view, struct cl_event *ret,
                     struct cl_err *e) {
  const struct cl_space *space = cl_study_space(s->env->study);
  const struct cl_member *a = &s->members.items[member];
  int n = 0;
  explore(s, a, v);
  for (int i = 0; i < space->n; i++)
    if (s->values[i].kind != CL_ABSENT)
      s->assigned[n++] = (struct cl_assigned){space->items[i].id, s->values[i]};
  about(s, member, CL_EVENT_EXPLOITED, CL_CAUSE_EXPLOIT, ret);
  ret->u.exploited.snapshot = v->snapshot;
  ret->u.exploited.values = (struct cl_assigned_list){n, s->assigned};
  ret->u.exploited.until = next_until(s, v->rung);
  begin_args(s, rule_name(s), member, own);
  add_view(s, view);
  add_donor(s, donor, own, v);
  add_explore(s);
  return end_args(s, ret, e);
}

static const struct cl_evaluation *own_evaluation(const struct pbt *s, size_t member) {
  return cl_population_of(&s->members.population, s->members.items[member].asks, member);
}

/* 0; CLADE_EMPTY: dead, and nobody to take over from. */
static int rule(struct pbt *s, size_t member, struct cl_event *ret, struct cl_err *e) {
  const struct cl_member *a = &s->members.items[member];
  const struct cl_evaluation *own = own_evaluation(s, member);
  struct cl_exploit_view view;
  size_t donor = 0;
  bool dead = a->state == CL_MEMBER_DEAD;
  if (!dead && s->stop > 0 && own->step >= s->stop) return stop(s, member, own, ret, e);
  struct cl_rng rng =
      cl_rng_stream((uint64_t)cl_study_seed(s->env->study), CL_RNG_EXPLOIT, (uint64_t)a->trial, a->rulings);
  const struct cl_evaluation *v =
      cl_exploit_choose(&s->exploit, &s->members.population, (size_t)s->env->settings->trials, a->asks,
                        member, !isfinite(own->score), &rng, &donor, &view);
  if (v != NULL) return take_over(s, member, own, donor, v, &view, ret, e);
  return dead ? CLADE_EMPTY : keep(s, member, own, &view, ret, e);
}

static int pbt_next(void *st, const struct cl_schedule_room *room, struct cl_event *ret, struct cl_err *e) {
  struct pbt *s = st;
  CL_TRY(make_room(s, e));
  for (;;) {
    size_t member = 0;
    bool lends = false;
    int status = cl_members_next(&s->members, room, &member, &lends, e);
    if (status == CLADE_EMPTY && room->unproposed == 0) cl_members_forget(&s->members);
    if (status != 0) return status;
    status = lends ? lend(s, member, ret, e) : rule(s, member, ret, e);
    if (status < 0) return status;
    if (status == 0) return cl_members_decided(&s->members, member, lends, e);
    cl_members_skip(&s->members, member);
  }
}

static int pbt_asks(void *st, int64_t trial, struct cl_err *e) {
  struct pbt *s = st;
  return cl_members_asks(&s->members, trial, e);
}

/* Earlier decisions. */

static double number_of(const json_t *args, const char *key, double otherwise) {
  const json_t *node = json_object_get(args, key);
  return json_is_number(node) ? json_number_value(node) : otherwise;
}

static double score_of(const struct pbt *s, const json_t *args, const char *key) {
  double x = number_of(args, key, NAN);
  return isfinite(x) ? x * cl_objective_sign(&s->env->settings->objectives[0]) : -INFINITY;
}

static int64_t report_of(const json_t *args, size_t index) {
  return (int64_t)json_integer_value(json_array_get(json_object_get(args, "reports"), index));
}

/* The evaluation that the member had, if it was not seen when it was made: its reports may have been left
 * out. */
static int recall_own(struct pbt *s, size_t member, const json_t *args, struct cl_err *e) {
  const struct cl_member *a = &s->members.items[member];
  const struct cl_trial *t = cl_study_trial(s->env->study, a->trial);
  struct cl_evaluation what = {.trial = a->trial,
                               .rung = (int32_t)number_of(args, "rung", 1),
                               .step = number_of(args, "step", NAN),
                               .score = score_of(s, args, "own"),
                               .report = report_of(args, 0)};
  const struct cl_evaluation *seen = cl_population_of(&s->members.population, what.rung, member);
  if (seen != NULL && !seen->given_up && seen->report == what.report) return 0;
  const struct cl_snapshot *n = cl_study_snapshot(s->env->study, cl_trial_resume_from(s->env->study, t));
  bool saved = n != NULL && n->usable && n->trial == t->number && n->step == what.step;
  what.snapshot = saved && isfinite(what.score) ? n->position : 0;
  struct cl_evaluation *v = cl_evaluation_create(s->env->study, t, &what);
  return v == NULL ? CL_FAIL_NOMEM(e) : cl_members_recall(&s->members, member, v, e);
}

static int recall(struct pbt *s, const struct cl_event *ev, struct cl_err *e) {
  int member = cl_members_find(&s->members, ev->subject);
  json_t *args = member < 0 || ev->args == NULL ? NULL : json_loads(ev->args, 0, NULL);
  int status = 0;
  bool turn = ev->kind == CL_EVENT_PAUSED && s->members.ordered; /* not its turn yet */
  if (json_is_object(args) && !turn) {
    status = recall_own(s, (size_t)member, args, e);
    if (status == 0 && ev->kind == CL_EVENT_EXPLOITED)
      status = cl_members_clone(&s->members, (size_t)member, (int32_t)number_of(args, "donor_rung", 1),
                                json_is_true(json_object_get(args, "dead")), e);
  }
  json_decref(args);
  return status;
}

static int pbt_apply(void *st, const struct cl_event *ev, struct cl_err *e) {
  struct pbt *s = st;
  bool rules = ev->kind == CL_EVENT_CONTINUED || ev->kind == CL_EVENT_EXPLOITED ||
               ev->kind == CL_EVENT_PAUSED || ev->kind == CL_EVENT_SET;
  if (rules && ev->cause == CL_CAUSE_EXPLOIT) CL_TRY(recall(s, ev, e));
  return cl_members_apply(&s->members, ev, e);
}

/* Making. */

static int pbt_check(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e) {
  if (cl_options_has(o, "population") && (int64_t)cl_options_number(o, "population") != settings->trials)
    return CL_FAIL(
        e, CLADE_ESPEC,
        "schedule: population is %lld, but trials is %lld: every trial is a member, so give one of the two",
        (long long)cl_options_number(o, "population"), (long long)settings->trials);
  if (settings->trials < 2)
    return CL_FAIL(e, CLADE_ESPEC,
                   "schedule: a population of %lld cannot learn from each other: it needs at least 2",
                   (long long)settings->trials);
  double quantile = cl_options_number(o, "quantile");
  if (quantile <= 0.5 || (quantile >= 1 && rint(quantile) == quantile)) return 0;
  return CL_FAIL(e, CLADE_ESPEC,
                 "schedule: quantile must be a share up to 0.5, or a whole number of members, not %g",
                 quantile);
}

static int pbt_init(void *st, const struct cl_schedule_env *env, struct cl_err *e) {
  struct pbt *s = st;
  const struct cl_options *o = &env->options;
  const char *exploit = cl_options_word(o, "exploit"), *explore = cl_options_word(o, "explore");
  s->env = env;
  s->exploit.rule = strcmp(exploit, "tournament") == 0 ? CL_EXPLOIT_TOURNAMENT
                    : strcmp(exploit, "best") == 0     ? CL_EXPLOIT_BEST
                                                       : CL_EXPLOIT_TRUNCATION;
  s->exploit.quantile = cl_options_number(o, "quantile");
  s->explore = strcmp(explore, "perturb") == 0    ? EXPLORE_PERTURB
               : strcmp(explore, "resample") == 0 ? EXPLORE_RESAMPLE
                                                  : EXPLORE_BOTH;
  s->n_factors = cl_options_numbers(o, "factors", s->factors);
  s->resample = cl_options_number(o, "resample_probability");
  s->stop = cl_options_number(o, "stop");
  s->end = cl_options_number(o, "end");
  s->members.env = env;
  s->members.interval = cl_options_number(o, "interval");
  s->members.sync = cl_options_number(o, "sync") != 0;
  s->members.ordered = env->settings->lag > 0;
  return make_room(s, e);
}

/* The first rung at or above burn_in. */
static double pbt_first(const struct cl_options *o) {
  double interval = cl_options_number(o, "interval");
  double rung = ceil(cl_options_number(o, "burn_in") / interval - 1e-9);
  return bounded(interval * (rung < 1 ? 1 : rung), cl_options_number(o, "stop"), cl_options_number(o, "end"));
}

static void pbt_done(void *st) {
  struct pbt *s = st;
  cl_members_done(&s->members);
  cl_free(s->values);
  cl_free(s->used);
  cl_free(s->assigned);
  cl_text_done(&s->args);
}

static const struct cl_option pbt_options[] = {
    {"population", "int", 2, 1e6, "2", "number of members; every trial is one", NULL},
    {"interval", "float", 1e-9, 1e15, "1", "steps between two moments at which a member is judged",
     "perturbation_interval"},
    {"burn_in", "float", 0, 1e15, "0", "steps before the first of them", "burn_in_period"},
    {"exploit", "truncation|tournament|best", 0, 0, "truncation", "whose state a member takes over", NULL},
    {"quantile", "float", 1e-6, 1e6, "0.2", "truncation: share of the members, or a number of them",
     "quantile_fraction"},
    {"explore", "both|perturb|resample", 0, 0, "both", "what becomes of the values that were taken over",
     NULL},
    {"factors", "floats", 1e-6, 1e6, "[1.2, 0.8]", "one of them multiplies a value", "perturbation_factors"},
    {"resample_probability", "float", 0, 1, "0.25", "how often a value is drawn afresh instead", NULL},
    {"sync", "bool", 0, 0, "false", "judge all members together, when the last one has come so far", "synch"},
    {"stop", "float", 0, 1e15, "0", "members that have come so far are stopped; 0 = never", NULL},
    {"end", "float", 0, 1e15, "0",
     "the step at which training ends by itself: nobody is judged there any more", NULL},
    {0}};

const struct cl_scheduler_ops cl_pbt_schedule = {
    .abi = sizeof(struct cl_scheduler_ops),
    .name = "pbt",
    .summary = "population based training: low members take over state and values of high ones, and explore",
    .source = "Jaderberg et al. 2017, arXiv 1711.09846",
    .capabilities = CL_SCHEDULE_EXPLOITS,
    .options = pbt_options,
    .state_size = sizeof(struct pbt),
    .check = pbt_check,
    .init = pbt_init,
    .apply = pbt_apply,
    .next = pbt_next,
    .first = pbt_first,
    .asks = pbt_asks,
    .done = pbt_done};
