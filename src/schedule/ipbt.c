/* Iterated population based training (Chebykin et al. 2025): PBT whose interval grows. It begins with a short
 * one; when the best score rises no more, everybody begins anew with an interval twice as long. So the
 * interval need not be known.
 *
 * A restart is an event of the study (`chosen`), and a ruling on each member. Half of the members go on with
 * values drawn afresh, half with those that a model chooses from how far the starts of earlier eras have led.
 * What becomes of weights is the trainer's: it learns of restarts by two hyperparameters, if the spec has
 * them. `ipbt_restarts` (whole numbers) changes its value at every restart and at no other time;
 * `ipbt_shrink` is then what is left of the weights: 0 for half of the members (fresh ones), else the option
 * `shrink`. Without them weights are kept.
 *
 * With `starters` more trials begin than members go on: when all have trained for one interval, the best of
 * them are the members, and the others are stopped. That too is an event of the study.
 *
 * We differ: there are no more starters than members unless one asks for them; the inner loop is PBT; the
 * smoother is a local line; a remainder of the budget that holds less than an interval is trained
 * without a judgement.
 */
#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "math/curve.h"
#include "schedule/args.h"
#include "schedule/exploit.h"
#include "schedule/explore.h"
#include "schedule/methods.h"
#include "schedule/origins.h"
#include "schedule/ruling.h"

#define RESTARTS "ipbt_restarts"
#define SHRINK   "ipbt_shrink"

struct ipbt {
  struct cl_rulings rulings;
  struct cl_exploit exploit;
  struct cl_explore explore;
  struct cl_rewards rewards; /* coordinates of values */
  struct cl_origins origins;
  struct cl_numerics numerics;
  int patience;
  size_t starters; /* trials that begin for each member that goes on … */
  bool cut;        /* … which have been chosen */
  double growth, shrink, interval;
  int32_t begun;  /* rung at which the era began */
  int32_t looked; /* rung up to which it is known whether to restart */
  int64_t asked;  /* version of the study for which a restart is on its way; 0 = none */
  double *best;   /* of rungs begun + 1 … */
  double *point, *fixed;
  size_t n_best, cap_best, cap_point, cap_fixed;
  struct cl_tried rows[CL_BANDIT_ROWS_MAX], pending[CL_PENDING_MAX];
  struct cl_bandit_fit fit;
  int fitted_era, fitted_space; /* the restart that it was made for, 0 = none, and the version of the space */
  uint32_t *order;
  size_t cap_order;
  struct cl_text what;
};

static bool is_reserved(const struct cl_hyperparameter *h) {
  return strcmp(h->name, RESTARTS) == 0 || strcmp(h->name, SHRINK) == 0;
}

/* Events. */

static size_t width_of(const struct ipbt *s) {
  return (size_t)s->rewards.d + (size_t)s->rewards.c;
}

/* Coordinates of values; those of reserved ones say nothing. */
static void encode(const struct ipbt *s, const struct cl_value *values, double *ret) {
  const struct cl_space *space = cl_study_space(s->rulings.env->study);
  cl_rewards_encode(&s->rewards, values, ret);
  for (int k = 0; k < s->rewards.d; k++)
    if (is_reserved(&space->items[s->rewards.numbers[k]])) ret[k] = 0.5;
}

static int make_points(struct ipbt *s, struct cl_err *e) {
  if (cl_grow(&s->point, &s->cap_point, width_of(s) + 1, sizeof *s->point) < 0 ||
      cl_grow(&s->fixed, &s->cap_fixed, width_of(s) + 1, sizeof *s->fixed) < 0)
    return CL_FAIL_NOMEM(e);
  return 0;
}

static int begin_origin(struct ipbt *s, size_t member, int64_t trial, struct cl_err *e) {
  const struct cl_study *study = s->rulings.env->study;
  struct cl_value *values = cl_alloc_array((size_t)cl_study_space(study)->n + 1, sizeof *values);
  assert(member < s->rulings.members.n);
  int status = values == NULL ? CL_FAIL_NOMEM(e) : make_points(s, e);
  if (status == 0) {
    cl_trial_values(study, cl_study_trial(study, trial), values);
    encode(s, values, s->point);
    status = cl_origins_begin(&s->origins, member, s->point, e);
  }
  cl_free(values);
  return status;
}

/* The best score of a rung of this era. */
static int note_best(struct ipbt *s, int32_t rung, double score, struct cl_err *e) {
  if (rung <= s->begun || !isfinite(score)) return 0;
  size_t at = (size_t)(rung - s->begun - 1);
  assert(s->n_best <= at + 1 || s->best != NULL);
  if (cl_grow(&s->best, &s->cap_best, at + 1, sizeof *s->best) < 0) return CL_FAIL_NOMEM(e);
  while (s->n_best <= at) s->best[s->n_best++] = -INFINITY;
  s->best[at] = fmax(s->best[at], score);
  return 0;
}

static int hear_ruling(struct ipbt *s, size_t member, const struct cl_event *ev, const json_t *args,
                       struct cl_err *e) {
  double sign = cl_objective_sign(&s->rulings.env->settings->objectives[0]),
         own = sign * cl_args_number(args, "own");
  int32_t rung = (int32_t)cl_args_number(args, "rung");
  if (rung > s->looked) s->looked = rung;
  if (json_object_get(args, "restart") != NULL) {
    cl_origins_score_last(&s->origins, member, own);
    return begin_origin(s, member, ev->subject, e);
  }
  cl_origins_score(&s->origins, member, own);
  if (ev->kind == CL_EVENT_EXPLOITED) {
    int donor = cl_members_find(&s->rulings.members, (int64_t)cl_args_number(args, "donor"));
    if (donor >= 0) cl_origins_take_over(&s->origins, member, (size_t)donor);
  }
  return note_best(s, rung, own, e);
}

static int hear_restart(struct ipbt *s, const struct cl_event *ev, struct cl_err *e) {
  json_t *what = json_loads(ev->u.chosen.what, 0, NULL);
  double rung = cl_args_number(what, "rung"), interval = cl_args_number(what, "interval");
  json_decref(what);
  if (strcmp(ev->u.chosen.method, "ipbt") != 0 || !(rung >= 1) || !(interval > 0)) return 0;
  CL_TRY(cl_members_change_interval(&s->rulings.members, (int32_t)rung, interval, e));
  assert((int32_t)rung >= s->begun);
  s->interval = interval;
  s->begun = s->looked = (int32_t)rung;
  s->n_best = 0;
  cl_rulings_clear_archive(&s->rulings, (int32_t)rung); /* else the way back would undo the restart */
  return cl_origins_restart(&s->origins, e);
}

/* Who goes on, and who does not. */
static int hear_cut(struct ipbt *s, const struct cl_event *ev, struct cl_err *e) {
  json_t *what = json_loads(ev->u.chosen.what, 0, NULL), *out = json_object_get(what, "out");
  int status = 0;
  if (strcmp(ev->u.chosen.method, "ipbt") == 0 && json_is_array(out)) s->cut = true;
  for (size_t i = 0; i < json_array_size(out) && status == 0; i++)
    status = cl_members_dismiss(&s->rulings.members, json_integer_value(json_array_get(out, i)), e);
  json_decref(what);
  return status;
}

static int hear(struct ipbt *s, const struct cl_event *ev, struct cl_err *e) {
  int member = cl_members_find(&s->rulings.members, ev->subject);
  if (ev->kind == CL_EVENT_CHOSEN) CL_TRY(hear_cut(s, ev, e));
  if (ev->kind == CL_EVENT_CHOSEN) return hear_restart(s, ev, e);
  if (member < 0) return 0;
  if (ev->kind == CL_EVENT_PROPOSED) return begin_origin(s, (size_t)member, ev->subject, e);
  bool rules = ev->kind == CL_EVENT_CONTINUED || ev->kind == CL_EVENT_EXPLOITED || ev->kind == CL_EVENT_SET;
  json_t *args = rules && cl_members_is_ruling(ev) && ev->args != NULL ? json_loads(ev->args, 0, NULL) : NULL;
  int status = json_is_object(args) ? hear_ruling(s, (size_t)member, ev, args, e) : 0;
  json_decref(args);
  return status;
}

static int ipbt_apply(void *st, const struct cl_event *ev, struct cl_err *e) {
  struct ipbt *s = st;
  int before = s->rewards.space;
  CL_TRY(cl_rulings_apply(st, ev, e));
  CL_TRY(cl_rewards_follow(&s->rewards, e));
  if (s->rewards.space != before) cl_origins_clear(&s->origins, width_of(s));
  return hear(s, ev, e);
}

/* Starters. */

static size_t population_of(const struct ipbt *s) {
  assert(s->starters >= 1);
  return (size_t)s->rulings.env->settings->trials / s->starters;
}

static void write_score(struct ipbt *s, const char *key, const struct cl_evaluation *v) {
  double sign = cl_objective_sign(&s->rulings.env->settings->objectives[0]);
  cl_text_format(&s->rulings.args, ", \"%s\": ", key);
  cl_text_add_json_number(&s->rulings.args, isfinite(v->score) ? sign * v->score : NAN);
}

/* The best of this rung go on, the others are named in the event. */
static void write_cut(struct ipbt *s, int32_t rung, struct cl_event *ret) {
  const struct cl_study_head *h = cl_study_head(s->rulings.env->study);
  const struct cl_population *p = &s->rulings.members.population;
  size_t n = cl_population_count(p, rung), kept = population_of(s) < n ? population_of(s) : n;
  assert(n >= 1 && kept >= 1);
  *ret = (struct cl_event){
      .kind = CL_EVENT_CHOSEN, .seen = h->version, .as_of = h->position, .cause = s->rulings.cause};
  cl_text_clear(&s->what);
  cl_text_format(&s->what, "{\"starters\": %zu, \"kept\": %zu, \"rung\": %d, \"out\": [", n, kept, (int)rung);
  for (size_t rank = kept; rank < n; rank++)
    cl_text_format(&s->what, "%s%lld", rank > kept ? ", " : "",
                   (long long)cl_population_at(p, rung, rank, NULL)->trial);
  cl_text_add(&s->what, "]}");
  cl_text_clear(&s->rulings.args);
  cl_text_add(&s->rulings.args, "{\"rule\": \"starters\"");
  write_score(s, "last_kept", cl_population_at(p, rung, kept - 1, NULL));
  if (kept < n) write_score(s, "first_out", cl_population_at(p, rung, kept, NULL));
  ret->u.chosen.method = "ipbt";
  ret->u.chosen.what = cl_text_get(&s->what);
  s->asked = h->version;
}

/* All have trained for one interval: 0, *ret says who goes on. */
static int look_for_cut(struct ipbt *s, const struct cl_schedule_room *room, struct cl_event *ret,
                        struct cl_err *e) {
  int32_t rung;
  if (s->starters == 1 || s->cut) return CLADE_EMPTY;
  CL_TRY(cl_members_barrier(&s->rulings.members, room, &rung, e));
  if (rung == 0 || cl_population_count(&s->rulings.members.population, rung) == 0) return CLADE_EMPTY;
  write_cut(s, rung, ret);
  if (s->what.failed) return CL_FAIL_NOMEM(e);
  return cl_ruling_end(&s->rulings, ret, e);
}

/* Restarts. */

static bool is_worth_it(const struct ipbt *s, int32_t rung) {
  double two_more = cl_members_step(&s->rulings.members, rung) + 2 * s->growth * s->interval;
  return two_more <= s->rulings.end * (1 + 1e-12);
}

static void write_restart(struct ipbt *s, int32_t rung, int fails, struct cl_event *ret) {
  const struct cl_study_head *h = cl_study_head(s->rulings.env->study);
  assert(rung > s->begun);
  *ret = (struct cl_event){
      .kind = CL_EVENT_CHOSEN, .seen = h->version, .as_of = h->position, .cause = s->rulings.cause};
  cl_text_clear(&s->what);
  cl_text_format(&s->what, "{\"restart\": %d, \"rung\": %d, \"step\": ", s->origins.era + 1, (int)rung);
  cl_text_add_json_number(&s->what, cl_members_step(&s->rulings.members, rung));
  cl_text_add(&s->what, ", \"interval\": ");
  cl_text_add_json_number(&s->what, s->interval * s->growth);
  cl_text_add(&s->what, "}");
  cl_text_clear(&s->rulings.args);
  cl_text_format(&s->rulings.args, "{\"rule\": \"stagnation\", \"points\": %zu, \"fails\": %d", s->n_best,
                 fails);
  ret->u.chosen.method = "ipbt";
  ret->u.chosen.what = cl_text_get(&s->what);
  s->asked = h->version;
}

/* Has the era come to nothing? Looked at once all have come to a rung, before the first of them is judged. 0:
 * *ret is the restart. */
static int look_for_stall(struct ipbt *s, const struct cl_schedule_room *room, struct cl_event *ret,
                          struct cl_err *e) {
  const struct cl_members *m = &s->rulings.members;
  int32_t rung;
  int fails;
  CL_TRY(cl_members_barrier(&s->rulings.members, room, &rung, e));
  if (rung <= s->looked || cl_population_count(&m->population, rung) == 0) return CLADE_EMPTY;
  CL_TRY(note_best(s, rung, cl_population_at(&m->population, rung, 0, NULL)->score, e));
  for (size_t i = 0; i < s->n_best; i++)
    if (!isfinite(s->best[i])) return CLADE_EMPTY; /* somebody must have a score first */
  if (!cl_curve_has_stalled(s->best, s->n_best, s->patience, &fails) || !is_worth_it(s, rung)) {
    s->looked = rung;
    return CLADE_EMPTY;
  }
  write_restart(s, rung, fails, ret);
  return cl_ruling_end(&s->rulings, ret, e);
}

static int ipbt_next(void *st, const struct cl_schedule_room *room, struct cl_event *ret, struct cl_err *e) {
  struct ipbt *s = st;
  if (cl_members_waits(&s->rulings.members)) return CLADE_EMPTY; /* one at a time, see pb2.c */
  if (s->asked == cl_study_head(s->rulings.env->study)->version) return CLADE_EMPTY;
  int status = look_for_cut(s, room, ret, e);
  if (status == CLADE_EMPTY) status = look_for_stall(s, room, ret, e);
  return status != CLADE_EMPTY ? status : cl_rulings_next(st, room, ret, e);
}

static int ipbt_again(void *st, const struct cl_event *recorded, struct cl_event *ret, struct cl_err *e) {
  const struct cl_schedule_room room = {0};
  if (recorded->kind == CL_EVENT_CHOSEN) {
    int status = look_for_cut(st, &room, ret, e);
    return status == CLADE_EMPTY ? look_for_stall(st, &room, ret, e) : status;
  }
  return cl_rulings_again(st, recorded, ret, e);
}

/* Is the member in the first half of a random order of all? One order per era and question. */
static int is_in_half(struct ipbt *s, size_t member, uint32_t question, bool *ret, struct cl_err *e) {
  size_t n = 0, all = s->rulings.members.n;
  struct cl_rng r = cl_rng_stream((uint64_t)cl_study_seed(s->rulings.env->study), CL_RNG_SCHEDULER, 0,
                                  2 * (uint32_t)s->origins.era + question);
  if (cl_grow(&s->order, &s->cap_order, all, sizeof *s->order) < 0) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < all; i++)
    if (!s->rulings.members.items[i].dismissed) s->order[n++] = (uint32_t)i;
  cl_rng_shuffle(&r, s->order, n);
  assert(member < all && n >= 1);
  *ret = false;
  for (size_t i = 0; i < n / 2; i++) *ret = *ret || s->order[i] == member;
  return 0;
}

static void draw_values(struct ipbt *s, const struct cl_trial *t) {
  const struct cl_study *study = s->rulings.env->study;
  const struct cl_space *space = cl_study_space(study);
  struct cl_explore *x = &s->explore;
  for (int i = 0; i < space->n; i++) {
    bool stays =
        space->items[i].change == CL_START || is_reserved(&space->items[i]) || cl_trial_is_held(study, t, i);
    x->own[i] = stays ? x->donor[i] : (struct cl_value){0};
    x->used[i] = stays ? 1 : NAN;
  }
  uint64_t stream = (uint64_t)t->number + ((uint64_t)s->origins.era << 24);
  int status =
      cl_space_draw(space, (uint64_t)cl_study_seed(study), CL_RNG_SCHEDULER, stream, x->own, x->values, NULL);
  if (status != 0)
    memcpy(x->values, x->donor, (size_t)space->n * sizeof *x->values); /* constraints forbid all */
  cl_trial_values(study, t, x->own);
}

/* Window and kernel, once for all members of a restart where rows are many: by what was known at its
 * beginning, so that all have the same. Scratch: s->rows. */
static int fit(struct ipbt *s, struct cl_bandit *b, struct cl_err *e) {
  if (s->fitted_era != s->origins.era || s->fitted_space != s->rewards.space) {
    struct cl_bandit then = *b;
    then.n = cl_origins_rows(&s->origins, b->most, true, s->rows);
    if (then.n < CL_BANDIT_REFIT) return 0;
    CL_TRY(cl_bandit_fit(&then, &s->fit, e));
    s->fitted_era = s->origins.era;
    s->fitted_space = s->rewards.space;
  }
  b->fit = &s->fit;
  return 0;
}

/* 0; CLADE_EMPTY: too little is known. */
static int ask_model(struct ipbt *s, size_t member, const struct cl_trial *t, struct cl_bandit_view *view,
                     struct cl_err *e) {
  const struct cl_space *space = cl_study_space(s->rulings.env->study);
  const struct cl_rewards *w = &s->rewards;
  struct cl_explore *x = &s->explore;
  struct cl_rng rng = cl_ruling_stream(&s->rulings, CL_RNG_GP_RESTART, member);
  struct cl_bandit b = {.numerics = &s->numerics, .d = w->d, .c = w->c, .levels = w->levels, .rows = s->rows};
  CL_TRY(make_points(s, e));
  encode(s, x->donor, s->fixed);
  cl_rewards_open(w, x, t, is_reserved, s->fixed);
  b.fixed = s->fixed;
  b.most = cl_bandit_most(s->rulings.members.n);
  CL_TRY(fit(s, &b, e));
  b.n = cl_origins_rows(&s->origins, b.most, false, s->rows);
  b.pending = s->pending;
  b.n_pending = cl_origins_pending(&s->origins, s->pending);
  int status = cl_bandit_choose(&b, s->origins.era, 0, &rng, s->point, view, e);
  if (status != 0) return status;
  cl_rewards_take(w, x, s->fixed, s->point);
  cl_space_settle(space, x->values, x->donor);
  return cl_space_check(space, x->values, NULL) == 0 ? 0 : CLADE_EMPTY;
}

/* What tells the trainer of the restart. */
static bool tell_trainer(struct ipbt *s, bool fresh) {
  const struct cl_space *space = cl_study_space(s->rulings.env->study);
  int count = cl_space_find(space, RESTARTS), share = cl_space_find(space, SHRINK);
  struct cl_explore *x = &s->explore;
  if (count < 0 || share < 0 || x->donor[count].kind == CL_ABSENT || x->donor[share].kind == CL_ABSENT)
    return false;
  const struct cl_hyperparameter *h = &space->items[count];
  assert(count != share && cl_space_levels(h) >= 2);
  int64_t level = cl_space_level_of(h, x->own[count].kind == CL_ABSENT ? x->donor[count] : x->own[count]);
  x->values[count] = cl_space_level_value(h, (level + 1) % cl_space_levels(h));
  x->values[share] = (struct cl_value){.kind = CL_REAL, .as.real = fresh ? 0 : s->shrink};
  return true;
}

/* The member's own state, or that of the best who can give one. */
static const struct cl_evaluation *find_state(const struct ipbt *s, size_t member,
                                              const struct cl_evaluation *own, size_t *ret_donor) {
  const struct cl_population *p = &s->rulings.members.population;
  *ret_donor = member;
  if (isfinite(own->score) && own->snapshot != 0) return own;
  for (size_t i = 0; i < cl_population_count(p, own->rung); i++) {
    const struct cl_evaluation *v = cl_population_at(p, own->rung, i, ret_donor);
    const struct cl_snapshot *state = cl_study_snapshot(s->rulings.env->study, v->snapshot);
    if (isfinite(v->score) && state != NULL && state->usable) return v;
  }
  return NULL;
}

static void describe_restart(struct ipbt *s, bool told, bool fresh, const struct cl_bandit_view *view) {
  struct cl_text *args = &s->rulings.args;
  cl_text_format(args, ", \"restart\": %d, \"weights\": \"%s\", \"values\": \"%s\"", s->origins.era,
                 !told   ? "kept"
                 : fresh ? "fresh"
                         : "shrunk",
                 view->rows > 0 ? "model" : "drawn");
  if (view->rows == 0) return;
  cl_text_format(args, ", \"model\": {\"rows\": %zu, \"mean\": ", view->rows);
  cl_text_add_json_number(args, view->mean);
  cl_text_add(args, ", \"sd\": ");
  cl_text_add_json_number(args, view->sd);
  cl_text_add(args, ", \"drift\": ");
  cl_text_add_json_number(args, view->kernel.drift);
  cl_text_add(args, "}");
}

static int restart(struct ipbt *s, size_t member, const struct cl_evaluation *own, struct cl_event *ret,
                   struct cl_err *e) {
  struct cl_rulings *r = &s->rulings;
  const struct cl_study *study = r->env->study;
  const struct cl_trial *t = cl_study_trial(study, r->members.items[member].trial);
  struct cl_explore *x = &s->explore;
  struct cl_bandit_view view = {0};
  struct cl_takeover take = {.state = find_state(s, member, own, &take.donor)};
  bool fresh, drawn;
  assert(own->rung == s->begun && s->origins.era > 0);
  CL_TRY(is_in_half(s, member, 0, &fresh, e));
  CL_TRY(is_in_half(s, member, 1, &drawn, e));
  if (take.state == NULL && cl_ruling_is_dead(r, member)) return CLADE_EMPTY;
  if (take.state == NULL) { /* nothing was saved: nobody can begin from it */
    cl_ruling_keep(r, "restart", member, own, NULL, ret);
    cl_text_format(&r->args, ", \"restart\": %d, \"weights\": \"kept\", \"values\": \"kept\"",
                   s->origins.era);
    return cl_ruling_end(r, ret, e);
  }
  CL_TRY(cl_explore_begin(x, study, t, take.state, e));
  int status = drawn ? CLADE_EMPTY : ask_model(s, member, t, &view, e);
  if (status < 0) return status;
  if (status == CLADE_EMPTY) {
    view.rows = 0;
    draw_values(s, t);
  }
  bool told = tell_trainer(s, fresh);
  cl_explore_keep_held(x, study, t);
  take.values = x->values;
  CL_TRY(cl_ruling_take_over(r, "restart", member, own, NULL, &take, ret, e));
  if (take.donor == member) ret->cause = CL_CAUSE_EXPLORE; /* its own state, other values */
  describe_restart(s, told, fresh, &view);
  return cl_ruling_end(r, ret, e);
}

/* Between restarts: PBT. */

static int explore(struct ipbt *s, const struct cl_member *a, const struct cl_evaluation *from,
                   struct cl_err *e) {
  const struct cl_study *study = s->rulings.env->study;
  const struct cl_space *space = cl_study_space(study);
  struct cl_explore *x = &s->explore;
  CL_TRY(cl_explore_values(x, study, cl_study_trial(study, a->trial), from, a->rulings, e));
  for (int i = 0; i < space->n; i++) {
    if (!is_reserved(&space->items[i])) continue;
    x->values[i] = x->donor[i]; /* goes with the state */
    x->used[i] = 1;
  }
  return 0;
}

static int judge_ipbt(struct cl_rulings *r, size_t member, const struct cl_evaluation *own,
                      struct cl_event *ret, struct cl_err *e) {
  struct ipbt *s = (struct ipbt *)r;
  const struct cl_member *a = &r->members.items[member];
  assert(own->rung == a->asks);
  struct cl_rng rng = cl_ruling_stream(r, CL_RNG_EXPLOIT, member);
  struct cl_takeover take = {0};
  struct cl_exploit_view view;
  if (a->dismissed) {
    cl_ruling_stop(r, "starters", member, own, ret);
    return cl_ruling_end(r, ret, e);
  }
  if (s->origins.era > 0 && a->asks == s->begun) return restart(s, member, own, ret, e);
  take.state = cl_exploit_choose(&s->exploit, &r->members.population, population_of(s), a->asks, member,
                                 !isfinite(own->score), &rng, &take.donor, &view);
  if (take.state == NULL && cl_ruling_is_dead(r, member)) return CLADE_EMPTY;
  if (take.state == NULL) {
    cl_ruling_keep(r, cl_exploit_word(&s->exploit), member, own, &view, ret);
    return cl_ruling_end(r, ret, e);
  }
  s->explore.halvings = cl_ruling_halvings(r, member, &view);
  CL_TRY(explore(s, a, take.state, e));
  take.values = s->explore.values;
  CL_TRY(cl_ruling_take_over(r, cl_exploit_word(&s->exploit), member, own, &view, &take, ret, e));
  cl_explore_describe(&s->explore, cl_study_space(r->env->study), &r->args);
  return cl_ruling_end(r, ret, e);
}

/* Making. */

static int check_reserved(const struct cl_space *space, double shrink, struct cl_err *e) {
  int count = cl_space_find(space, RESTARTS), share = cl_space_find(space, SHRINK);
  if (count < 0 && share < 0) return 0;
  if (count < 0 || share < 0)
    return CL_FAIL(e, CLADE_ESPEC,
                   "schedule: ipbt tells the trainer of restarts by two hyperparameters, " RESTARTS
                   " and " SHRINK ": the space has only one of them");
  const struct cl_hyperparameter *c = &space->items[count], *h = &space->items[share];
  if (c->domain != CL_INTEGER || cl_space_levels(c) < 2)
    return CL_FAIL(e, CLADE_ESPEC,
                   "schedule: " RESTARTS " must be a range of whole numbers, for instance 0 to 100");
  if (!cl_space_allows(h, (struct cl_value){.kind = CL_REAL, .as.real = 0}) ||
      !cl_space_allows(h, (struct cl_value){.kind = CL_REAL, .as.real = shrink}))
    return CL_FAIL(e, CLADE_ESPEC,
                   "schedule: " SHRINK " must be a range of fractions that holds 0 and %g: 0.0 to 1.0",
                   shrink);
  return 0;
}

static int ipbt_check(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e) {
  struct cl_numerics numerics = {0};
  CL_TRY(cl_rulings_check_starters(settings, o, (int64_t)cl_options_number(o, "starters"), e));
  CL_TRY(cl_exploit_check(o, e));
  CL_TRY(cl_archive_check(o, e));
  if (cl_options_number(o, "sync") == 0)
    return CL_FAIL(e, CLADE_ESPEC, "schedule: ipbt judges all members together: leave out sync: false");
  if (cl_options_number(o, "end") <= 0)
    return CL_FAIL(e, CLADE_ESPEC,
                   "schedule: ipbt must know how long training takes: give end, the step at which it ends");
  CL_TRY(check_reserved(&settings->space, cl_options_number(o, "shrink"), e));
  return cl_numerics_load(&numerics, e);
}

static int ipbt_init(void *st, const struct cl_schedule_env *env, struct cl_err *e) {
  struct ipbt *s = st;
  const struct cl_options *o = &env->options;
  cl_rulings_init(&s->rulings, env);
  s->rulings.judge = judge_ipbt;
  s->exploit = cl_exploit_from(o);
  s->exploit.archive = cl_rulings_archive(&s->rulings, o);
  s->rulings.members.recent.most = cl_exploit_looks_at(&s->exploit);
  cl_explore_init(&s->explore, o);
  s->rewards = (struct cl_rewards){.env = env, .with_words = true};
  s->starters = (size_t)cl_options_number(o, "starters");
  s->patience = (int)cl_options_number(o, "patience");
  s->growth = cl_options_number(o, "growth");
  s->shrink = cl_options_number(o, "shrink");
  s->interval = cl_options_number(o, "interval");
  return cl_numerics_load(&s->numerics, e);
}

static bool ipbt_curves(const struct cl_options *o) {
  struct cl_exploit x = cl_exploit_from(o);
  return cl_exploit_looks_at(&x) > 0;
}

static void ipbt_done(void *st) {
  struct ipbt *s = st;
  cl_origins_done(&s->origins);
  cl_rewards_done(&s->rewards);
  cl_explore_done(&s->explore);
  cl_rulings_done(&s->rulings);
  cl_text_done(&s->what);
  cl_free(s->best);
  cl_free(s->point);
  cl_free(s->fixed);
  cl_free(s->order);
}

static const struct cl_option ipbt_options[] = {
    CL_RULING_OPTIONS_WITH("true"),
    CL_EXPLOIT_OPTIONS_WITH("0.25"),
    CL_ARCHIVE_OPTION,
    CL_EXPLORE_OPTIONS,
    {"starters", "int", 1, 1000, "1",
     "trials that begin for each member: the best go on after one interval (the paper has 2)", NULL},
    {"growth", "float", 1, 100, "2", "an interval after a restart, in those before it", NULL},
    {"patience", "int", 1, 1e6, "3", "intervals without a rise of the smoothed best score before a restart",
     NULL},
    {"shrink", "float", 0, 1, "0.2",
     "what " SHRINK " tells the trainer to keep of weights that are not fresh", NULL},
    {0}};

static const struct cl_refusal ipbt_refusals[] = {
    {"ready",
     "which finds out the interval by itself, and counts it in steps: give `interval`, the first one, "
     "and let the trainer count as its step what is to be equal (frames, tokens, seconds)"},
    {0}};

const struct cl_scheduler_ops cl_ipbt_schedule = {
    CL_RULING_OPS,
    .name = "ipbt",
    .summary = "iterated pbt: begins anew with a longer interval when the best score rises no more",
    .source = "Chebykin et al. 2025, Iterated Population Based Training",
    .options = ipbt_options,
    .state_size = sizeof(struct ipbt),
    .check = ipbt_check,
    .init = ipbt_init,
    .apply = ipbt_apply,
    .next = ipbt_next,
    .curves = ipbt_curves,
    .again = ipbt_again,
    .done = ipbt_done,
    .last = cl_rulings_last,
    .refusals = ipbt_refusals};
