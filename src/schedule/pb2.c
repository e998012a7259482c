/* Population based bandits (Parker-Holder et al. 2020, arXiv 2002.02518), and with lists in the model their
 * mixed form (after Parker-Holder et al. 2021, arXiv 2106.15883): low members take over from high ones as in
 * PBT, but the values they go on with are chosen by a model of the gains so far, which forgets with time.
 *
 * We differ: the model is fitted by true gradients, and deviations (not variances) weigh in (math/bandit.h);
 * whole and ordered numbers are part of the model; every member that trains counts as a point being tried.
 * The mixed form draws the words of lists by a bandit each (schedule/lists.h) and then chooses the numbers
 * for them, in one process with Hamming distance; or that process chooses the words too, so that lists and
 * numbers share what is learnt and nothing has to be drawn. Rulings are made one after the other, so that
 * each sees the points that the ones before it chose.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "schedule/exploit.h"
#include "schedule/explore.h"
#include "schedule/lists.h"
#include "schedule/methods.h"
#include "schedule/rewards.h"
#include "schedule/ruling.h"

#define ROUNDS_UNKNOWN 100 /* when neither stop nor end is given, or members are ready by something else */

struct pb2 {
  struct cl_rulings rulings;
  struct cl_exploit exploit;
  struct cl_explore explore;
  struct cl_rewards rewards;
  struct cl_lists lists;
  bool draws_words; /* their words are drawn by bandits, not chosen by the model */
  struct cl_numerics numerics;
  struct cl_tried pending[CL_PENDING_MAX];
  double *point, *fixed; /* d + c each */
  size_t cap_point, cap_fixed, n_pending;
  struct cl_bandit_fit fit;
  size_t fitted, fitted_most; /* rows that it was fitted to, 0 = none, and cl_bandit.most then … */
  int fitted_space;           /* … of this version of the space */
  struct cl_bandit_view view;
  bool modelled; /* the last exploration is by the model */
};

static int fix(struct pb2 *s, const struct cl_trial *t, struct cl_err *e) {
  const struct cl_rewards *w = &s->rewards;
  size_t width = (size_t)w->d + (size_t)w->c;
  if (cl_grow(&s->point, &s->cap_point, width + 1, sizeof *s->point) < 0 ||
      cl_grow(&s->fixed, &s->cap_fixed, width + 1, sizeof *s->fixed) < 0)
    return CL_FAIL_NOMEM(e);
  cl_rewards_encode(w, s->explore.donor, s->fixed);
  cl_rewards_open(w, &s->explore, t, NULL, s->fixed);
  return 0;
}

/* Words that bandits have drawn are given to the model, and are among what it answers. */
static void take_drawn_words(struct pb2 *s) {
  const struct cl_rewards *w = &s->rewards;
  const struct cl_space *space = cl_study_space(s->rulings.env->study);
  assert(s->cap_point >= (size_t)w->d + (size_t)w->c);
  for (int k = 0; k < w->c; k++)
    if (!isnan(s->lists.drawn[k].share))
      s->explore.values[w->words[k]] =
          cl_space_level_value(&space->items[w->words[k]], (int64_t)s->point[w->d + k]);
}

/* Lists that are not in the model are drawn anew now and then, as in PB2-Rand. */
static void redraw_lists(struct pb2 *s, const struct cl_trial *t, uint32_t draw) {
  const struct cl_space *space = cl_study_space(s->rulings.env->study);
  for (int i = 0; i < space->n && !s->rewards.with_words; i++) {
    const struct cl_hyperparameter *h = &space->items[i];
    if (h->domain != CL_UNORDERED || !cl_space_is_searched(h)) continue;
    if (cl_explore_is_given(&s->explore, s->rulings.env->study, t, i)) continue;
    struct cl_rng r = cl_rng_stream((uint64_t)cl_study_seed(s->rulings.env->study), CL_RNG_EXPLORE,
                                    (uint64_t)t->number, (uint32_t)h->id + 65536 * (draw & 0xffff));
    if (cl_rng_uniform(&r) >= s->explore.resample) continue;
    s->explore.values[i] = cl_space_level_value(h, (int64_t)cl_rng_below(&r, (uint64_t)cl_space_levels(h)));
    s->explore.used[i] = NAN;
  }
}

/* The words first; numbers are then chosen for them. */
static void draw_words(struct pb2 *s, const struct cl_trial *t, uint32_t draw) {
  const struct cl_rewards *w = &s->rewards;
  const struct cl_study *study = s->rulings.env->study;
  for (int k = 0; k < w->c && s->draws_words; k++) {
    const struct cl_hyperparameter *h = &cl_study_space(study)->items[w->words[k]];
    if (!isnan(s->fixed[w->d + k])) continue;
    struct cl_rng r = cl_rng_stream((uint64_t)cl_study_seed(study), CL_RNG_EXPLORE, (uint64_t)t->number,
                                    (uint32_t)h->id + 65536 * (draw & 0xffff));
    s->fixed[w->d + k] = cl_lists_draw(&s->lists, k, &r);
  }
}

/* What has been learnt about window and kernel, once there are many rows. */
static int fit(struct pb2 *s, struct cl_bandit *b, struct cl_err *e) {
  const struct cl_rewards *w = &s->rewards;
  const size_t all = w->total, due = cl_rewards_fitted(all);
  if (all < CL_BANDIT_REFIT) return 0;
  assert(all - due <= w->n && due > 0);
  if (s->fitted != due || s->fitted_most != b->most || s->fitted_space != w->space) {
    struct cl_bandit then = *b;
    then.n = w->n - (all - due);
    CL_TRY(cl_bandit_fit(&then, &s->fit, e));
    s->fitted = due;
    s->fitted_most = b->most;
    s->fitted_space = w->space;
  }
  b->fit = &s->fit;
  return 0;
}

/* 0; CLADE_EMPTY: there is nothing to learn from yet. */
static int ask_model(struct pb2 *s, size_t member, const struct cl_evaluation *own,
                     const struct cl_evaluation *from, struct cl_err *e) {
  const struct cl_rulings *r = &s->rulings;
  const struct cl_trial *t = cl_study_trial(r->env->study, r->members.items[member].trial);
  struct cl_rewards *w = &s->rewards;
  struct cl_bandit b = {.numerics = &s->numerics, .d = w->d, .c = w->c, .levels = w->levels};
  struct cl_rng rng = cl_ruling_stream(r, CL_RNG_GP_RESTART, member);
  if (w->d + w->c == 0) return CLADE_EMPTY;
  CL_TRY(fix(s, t, e));
  cl_lists_begin(&s->lists);
  CL_TRY(cl_rewards_rows(w, member, own, &b.rows, &b.n, e));
  s->n_pending = cl_rewards_pending(w, member, s->pending);
  assert(s->n_pending <= CL_PENDING_MAX);
  assert(b.n >= w->n);
  b.fixed = s->fixed;
  b.pending = s->pending;
  b.n_pending = s->n_pending;
  b.most = cl_bandit_most(r->members.n);
  CL_TRY(fit(s, &b, e));
  if (b.n >= CL_BANDIT_ROWS_MIN) draw_words(s, t, r->members.items[member].rulings);
  return cl_bandit_choose(&b, cl_ruling_step(r, from), from->score, &rng, s->point, &s->view, e);
}

/* By the model; while it knows nothing, or where what it wants is not allowed, as in PBT. */
static int explore(struct pb2 *s, size_t member, const struct cl_evaluation *own,
                   const struct cl_evaluation *from, struct cl_err *e) {
  const struct cl_study *study = s->rulings.env->study;
  const struct cl_space *space = cl_study_space(study);
  const struct cl_member *a = &s->rulings.members.items[member];
  const struct cl_trial *t = cl_study_trial(study, a->trial);
  struct cl_explore *x = &s->explore;
  assert(from->snapshot != 0 && isfinite(from->score));
  CL_TRY(cl_explore_begin(x, study, t, from, e));
  int status = ask_model(s, member, own, from, e);
  if (status < 0) return status;
  s->modelled = status == 0;
  if (s->modelled) {
    cl_rewards_take(&s->rewards, x, s->fixed, s->point);
    take_drawn_words(s);
    redraw_lists(s, t, a->rulings);
    cl_space_settle(space, x->values, x->donor);
    cl_explore_keep_held(x, study, t);
    s->modelled = cl_space_check(space, x->values, NULL) == 0;
  }
  return s->modelled ? 0 : cl_explore_values(x, study, t, from, a->rulings, e);
}

static void describe_number(struct cl_text *args, const char *key, double x) {
  cl_text_format(args, ", \"%s\": ", key);
  cl_text_add_json_number(args, x);
}

static void describe(struct pb2 *s) {
  struct cl_text *args = &s->rulings.args;
  const struct cl_bandit_view *v = &s->view;
  const struct cl_space *space = cl_study_space(s->rulings.env->study);
  if (!s->modelled) {
    cl_explore_describe(&s->explore, space, args);
    return;
  }
  cl_text_add(args, ", \"explore\": {\"rule\": \"model\"");
  for (int i = 0; i < space->n; i++)
    if (isnan(s->explore.used[i])) cl_text_format(args, ", \"%d\": \"redraw\"", space->items[i].id);
  cl_text_add(args, "}");
  cl_lists_describe(&s->lists, args);
  cl_text_format(args, ", \"model\": {\"rows\": %zu, \"pending\": %zu", v->rows, s->n_pending);
  describe_number(args, "kappa", v->kappa);
  describe_number(args, "mean", v->mean);
  describe_number(args, "sd", v->sd);
  describe_number(args, "scale", v->kernel.scale);
  describe_number(args, "length", v->kernel.length);
  if (s->rewards.c > 0) describe_number(args, "words", v->kernel.words);
  describe_number(args, "drift", v->kernel.drift);
  describe_number(args, "noise", v->kernel.noise);
  cl_text_add(args, "}");
}

static int judge_pb2(struct cl_rulings *r, size_t member, const struct cl_evaluation *own,
                     struct cl_event *ret, struct cl_err *e) {
  struct pb2 *s = (struct pb2 *)r;
  const char *rule = cl_exploit_word(&s->exploit);
  assert(own->rung == r->members.items[member].asks);
  struct cl_rng rng = cl_ruling_stream(r, CL_RNG_EXPLOIT, member);
  struct cl_takeover take = {0};
  struct cl_exploit_view view;
  take.state = cl_exploit_choose(&s->exploit, &r->members.population, (size_t)r->env->settings->trials,
                                 r->members.items[member].asks, member, !isfinite(own->score), &rng,
                                 &take.donor, &view);
  if (take.state == NULL) {
    if (cl_ruling_is_dead(r, member)) return CLADE_EMPTY;
    cl_ruling_keep(r, rule, member, own, &view, ret);
    return cl_ruling_end(r, ret, e);
  }
  s->explore.halvings = cl_ruling_halvings(r, member, &view);
  CL_TRY(explore(s, member, own, take.state, e));
  take.values = s->explore.values;
  CL_TRY(cl_ruling_take_over(r, rule, member, own, &view, &take, ret, e));
  describe(s);
  return cl_ruling_end(r, ret, e);
}

/* One ruling at a time: the next one counts what this one has chosen. */
static int pb2_next(void *st, const struct cl_schedule_room *room, struct cl_event *ret, struct cl_err *e) {
  struct pb2 *s = st;
  int due = cl_rulings_answer(st, room, ret, e);
  if (due != CLADE_EMPTY) return due;
  return cl_members_waits(&s->rulings.members) ? CLADE_EMPTY : cl_rulings_next(st, room, ret, e);
}

static int pb2_apply(void *st, const struct cl_event *ev, struct cl_err *e) {
  struct pb2 *s = st;
  CL_TRY(cl_rulings_apply(st, ev, e));
  CL_TRY(cl_rewards_apply(&s->rewards, &s->rulings.members, ev, e));
  return cl_lists_apply(&s->lists, &s->rulings.members, ev, e);
}

/* Making. */

static int pb2_check(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e) {
  struct cl_numerics numerics = {0};
  CL_TRY(cl_rulings_check(settings, o, e));
  CL_TRY(cl_exploit_check(o, e));
  CL_TRY(cl_archive_check(o, e));
  return cl_numerics_load(&numerics, e);
}

/* How often all will be judged; unknown: as often as that makes little difference. */
static double count_rounds(const struct cl_rulings *r) {
  double last = r->stop > 0 ? r->stop : r->end, n = floor(last / r->members.interval);
  assert(r->members.interval > 0);
  return last == 0 || cl_questions_are_asked(&r->members.questions) ? ROUNDS_UNKNOWN : fmax(1, n);
}

static int begin(void *st, const struct cl_schedule_env *env, bool with_words, struct cl_err *e) {
  struct pb2 *s = st;
  cl_rulings_init(&s->rulings, env);
  s->rulings.judge = judge_pb2;
  CL_TRY(cl_rulings_ask(&s->rulings, e));
  s->exploit = cl_exploit_from(&env->options);
  s->exploit.archive = cl_rulings_archive(&s->rulings, &env->options);
  s->rulings.members.recent.most = cl_exploit_looks_at(&s->exploit);
  s->explore = (struct cl_explore){.rule = CL_EXPLORE_BOTH,
                                   .factors = {1.2, 0.8},
                                   .n_factors = 2,
                                   .resample = cl_options_number(&env->options, "resample_probability")};
  s->rewards = (struct cl_rewards){.env = env, .with_words = with_words};
  s->draws_words = with_words && strcmp(cl_options_word(&env->options, "lists"), "bandit") == 0;
  size_t batch = cl_exploit_cut(&s->exploit, (size_t)env->settings->trials);
  s->lists = (struct cl_lists){
      .rewards = &s->rewards, .batch = batch < 1 ? 1 : (int)batch, .rounds = count_rounds(&s->rulings)};
  return cl_numerics_load(&s->numerics, e);
}

static int pb2_init(void *st, const struct cl_schedule_env *env, struct cl_err *e) {
  return begin(st, env, false, e);
}

static int pb2_mix_init(void *st, const struct cl_schedule_env *env, struct cl_err *e) {
  return begin(st, env, true, e);
}

static bool pb2_curves(const struct cl_options *o) {
  struct cl_exploit x = cl_exploit_from(o);
  return cl_exploit_looks_at(&x) > 0;
}

static void pb2_done(void *st) {
  struct pb2 *s = st;
  cl_rewards_done(&s->rewards);
  cl_lists_done(&s->lists);
  cl_explore_done(&s->explore);
  cl_rulings_done(&s->rulings);
  cl_free(s->point);
  cl_free(s->fixed);
}

static const struct cl_option pb2_options[] = {
    CL_RULING_OPTIONS,
    CL_EXPLOIT_OPTIONS_WITH("0.25"),
    CL_ARCHIVE_OPTION,
    {"resample_probability", "float", 0, 1, "0.25", "how often a list without order is drawn afresh", NULL},
    {0}};

static const struct cl_option pb2_mix_options[] = {
    CL_RULING_OPTIONS,
    CL_EXPLOIT_OPTIONS_WITH("0.25"),
    CL_ARCHIVE_OPTION,
    {"lists", "bandit|process", 0, 0, "bandit",
     "who chooses the words of lists without order: a bandit for each, or the process that chooses the numbers",
     NULL},
    {"resample_probability", "float", 0, 1, "0.25",
     "how often a list without order is drawn afresh, before the model begins", NULL},
    {0}};

const struct cl_scheduler_ops cl_pb2_schedule = {
    CL_RULING_OPS,
    .name = "pb2",
    .summary = "population based bandits: as pbt, but a model of the gains chooses the values to go on with",
    .source = "Parker-Holder et al. 2020, arXiv 2002.02518",
    .options = pb2_options,
    .state_size = sizeof(struct pb2),
    .check = pb2_check,
    .init = pb2_init,
    .apply = pb2_apply,
    .next = pb2_next,
    .curves = pb2_curves,
    .again = cl_rulings_again,
    .done = pb2_done,
    .last = cl_rulings_last};

const struct cl_scheduler_ops cl_pb2_mix_schedule = {
    CL_RULING_OPS,
    .name = "pb2_mix",
    .summary = "pb2 with lists: a bandit for each draws its word, and the model chooses the numbers for them",
    .source = "Parker-Holder et al. 2021, arXiv 2106.15883; one process with Hamming distance",
    .options = pb2_mix_options,
    .state_size = sizeof(struct pb2),
    .check = pb2_check,
    .init = pb2_mix_init,
    .apply = pb2_apply,
    .next = pb2_next,
    .curves = pb2_curves,
    .again = cl_rulings_again,
    .done = pb2_done,
    .last = cl_rulings_last};
