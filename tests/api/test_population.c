/* Populations in process: PyBT's facts, the policies, and what is recorded of a population. */
#include "api/study_kit.h"

#include <math.h>

#include "clade/population.h"
#include "clade/query.h"

/* A model that counts what it was trained, and where its state came from. */
struct counter {
  double trained;
  int64_t root; /* trial that it began in */
};

struct world {
  int64_t fails_at;    /* trial whose third step fails; 0 = none */
  int64_t diverges_at; /* trial that scores NaN before it is ready */
  int steps, created, alive;
  bool no_more_models;
};

static void *create(void *ctx, struct clade_trial *trial) {
  struct world *w = ctx;
  struct counter *c = w->no_more_models ? NULL : calloc(1, sizeof *c);
  if (c == NULL) return NULL;
  c->root = clade_trial_number(trial);
  w->created++;
  w->alive++;
  return c;
}

static int step(void *ctx, void *model, struct clade_trial *trial) {
  struct world *w = ctx;
  struct counter *c = model;
  w->steps++;
  c->trained += clade_trial_has(trial, "gain") ? clade_trial_float(trial, "gain") : 1;
  return clade_trial_number(trial) == w->fails_at && c->root == w->fails_at && c->trained >= 3 ? 1 : 0;
}

static int score(void *ctx, const void *model, struct clade_trial *trial, double *ret) {
  const struct world *w = ctx;
  const struct counter *c = model;
  (void)trial;
  *ret = c->root == w->diverges_at && c->trained >= 1 ? NAN : c->trained;
  return 0;
}

static int copy(void *ctx, void *to, const void *from) {
  (void)ctx;
  memcpy(to, from, sizeof(struct counter));
  return 0;
}

static void destroy(void *ctx, void *model) {
  struct world *w = ctx;
  w->alive--;
  free(model);
}

static struct clade_population_options options_of(struct world *w, const struct clade_space *space,
                                                  int64_t members) {
  return (struct clade_population_options){.study = {.name = "p",
                                                     .space = space,
                                                     .maximize = "score",
                                                     .trials = members,
                                                     .has_seed = true,
                                                     .seed = 385},
                                           .model = {create, step, score, copy, destroy, w}};
}

static struct clade_space *gains(void) {
  struct clade_space *space = clade_space_create();
  clade_space_add_float(space, "gain", 0.5, 2, NULL);
  clade_space_add_int(space, "batch", 8, 4096, NULL);
  return space;
}

static struct clade_population *train(const struct clade_population_options *o) {
  struct clade_population *p = NULL;
  struct cl_err e = {0};
  if (clade_population_create(o, &p, &e) != 0 || clade_population_train(p, &e) != 0) fail_msg("%s", e.text);
  return p;
}

/* What PyBT's own tests say. */

static void a_linear_model_stops_after_ten(void **state) {
  (void)state;
  struct world w = {0};
  struct clade_space *space = clade_space_create();
  clade_space_add_float(space, "unused", 0, 1, NULL);
  struct clade_population_options o = options_of(&w, space, 1);
  o.done = clade_policy_stop_after(10);
  struct clade_population *p = train(&o);
  const struct clade_member *m = clade_population_member(p, 0);
  double value = 0;
  assert_true(((const struct counter *)clade_population_best(p, &value))->trained == 10 && value == 10);
  assert_int_equal(m->n_observations, 11);
  for (size_t i = 0; i < 11; i++)
    assert_true(m->observations[i].step == (double)i && m->observations[i].value == (double)i);
  assert_int_equal(clade_population_train(p, NULL), 0); /* a second call changes nothing */
  assert_int_equal(w.steps, 10);
  assert_int_equal(m->n_observations, 11);
  assert_null(clade_population_member(p, 1));
  clade_population_destroy(p);
  assert_int_equal(w.alive, 0);
  clade_space_destroy(space);
}

static int step_three(void *ctx, void *model, struct clade_trial *trial) {
  ((struct counter *)model)->trained += 2;
  return step(ctx, model, trial);
}

static void three_epochs_a_step_make_thirty_in_eleven(void **state) {
  (void)state;
  struct world w = {0};
  struct clade_space *space = clade_space_create();
  clade_space_add_float(space, "unused", 0, 1, NULL);
  struct clade_population_options o = options_of(&w, space, 1);
  o.done = clade_policy_stop_after(30);
  o.step = 3;
  o.model.step = step_three;
  struct clade_population *p = train(&o);
  double value = 0;
  (void)clade_population_best(p, &value);
  assert_true(value == 30);
  assert_int_equal(clade_population_member(p, 0)->n_observations, 11);
  assert_true(clade_population_member(p, 0)->step == 30);
  clade_population_destroy(p);
  clade_space_destroy(space);
}

/* PyBT's truncation for N = 0 … 6 others, with shares 0.2: which of them may give, and below which place of
 * the ascending order a member takes over. The members gain 1, 2, … a step; all but the one asked about are
 * the others. */

struct table {
  int below[8], donors[8]; /* by own place: was anything taken over, and the least place that gave */
  double upper;
};

static size_t watch(const struct clade_exploit_policy *self, struct clade_view *view) {
  struct table *t = self->ctx;
  struct clade_exploit_policy standard = clade_policy_truncation(0.2, t->upper);
  size_t own = clade_view_self(view), donor = standard.choose(&standard, view);
  assert_true(donor == CLADE_KEEP || (donor < clade_view_members(view) && donor != own));
  if (donor == CLADE_KEEP) return CLADE_KEEP;
  int place = (int)donor - (donor > own); /* among the others: they gain by number */
  t->below[own]++;
  if (t->donors[own] < 0 || place < t->donors[own]) t->donors[own] = place;
  return CLADE_KEEP;
}

/* When one more step, which those in front have taken in this round, makes no difference any more. */
static bool is_late(const struct clade_ready_policy *self, struct clade_view *view) {
  (void)self;
  return clade_view_member(view, clade_view_self(view))->step >= 20;
}

static void look_at_truncation(int members, double upper, struct table *ret) {
  static const char *const texts[] = {"0.5", "0.625", "0.75", "0.875", "1", "1.125", "1.25"};
  struct clade_given given[7];
  struct clade_initial initial[7];
  struct world w = {0};
  struct clade_space *space = gains();
  struct clade_population_options o = options_of(&w, space, members);
  for (int i = 0; i < members; i++) {
    given[i] = (struct clade_given){"gain", texts[i]};
    initial[i] = (struct clade_initial){1, &given[i]};
  }
  *ret = (struct table){.donors = {-1, -1, -1, -1, -1, -1, -1, -1}, .upper = upper};
  o.n_initial = (size_t)members;
  o.initial = initial;
  o.done = clade_policy_stop_after(60);
  o.ready = (struct clade_ready_policy){.name = "late", .is_ready = is_late};
  o.exploit = (struct clade_exploit_policy){.name = "watch", .choose = watch, .ctx = ret};
  clade_population_destroy(train(&o));
  clade_space_destroy(space);
}

static void truncation_keeps_to_the_table(void **state) {
  (void)state;
  /* Others:                          0  1  2  3  4  5  6 */
  static const int cut[] = {0, 0, 1, 1, 1, 1, 2}, from[] = {0, 0, 1, 2, 3, 4, 4};
  struct table t;
  look_at_truncation(1, 0.2, &t);
  assert_int_equal(t.below[0], 0); /* nobody to take over from */
  look_at_truncation(2, 0.2, &t);
  assert_true(t.below[0] > 0 && t.below[1] == 0); /* of one other: if it is better */
  for (int others = 2; others <= 6; others++) {
    look_at_truncation(others + 1, 0.2, &t);
    for (int own = 0; own <= others; own++) {
      /* Members in front of it have trained once more in this round, so they never look worse than they are.
       */
      bool low = own <= cut[others] && t.below[own] > 0;
      if (own < cut[others]) assert_true(t.below[own] > 0);
      if (own > cut[others]) assert_int_equal(t.below[own], 0);
      if (low) assert_int_equal(t.donors[own], from[others]);
    }
  }
}

static void upper_shares_widen_the_donors(void **state) {
  (void)state;
  struct table t;
  look_at_truncation(6, 0.6, &t); /* 5 others: from place 2 on */
  assert_int_equal(t.donors[0], 2);
}

/* H5: the learning rate drawn afresh, the batch size moved by a whole number, never below 8. */

static void explore_like_pybt(const struct clade_explore_policy *self, struct clade_view *view,
                              struct clade_proposal *proposal, bool took_over) {
  int *called = self->ctx;
  if (!took_over) return;
  ++*called;
  double batch = clade_proposal_float(proposal, "batch");
  assert_int_equal(
      clade_proposal_set_float(proposal, "batch", batch + trunc(self->a * clade_view_normal(view) * 100)), 0);
  assert_int_equal(
      clade_proposal_set_float(proposal, "lr", exp(log(1e-7) + clade_view_uniform(view) * log(1e6))), 0);
  assert_int_equal(clade_proposal_set_float(proposal, "nobody", 1), CLADE_EINVAL);
  assert_true(isnan(clade_proposal_float(proposal, "nobody")));
  assert_int_equal(clade_proposal_set_text(proposal, "opt", "sgd"), 0);
  assert_int_equal(clade_proposal_set_text(proposal, "opt", "rmsprop"), CLADE_EINVAL);
}

static void a_programs_own_explore_stays_in_the_space(void **state) {
  (void)state;
  static const char *const opts[] = {"adam", "sgd"};
  struct world w = {0};
  int called = 0;
  struct clade_space *space = gains();
  clade_space_add_float(space, "lr", 1e-7, 0.1, "log");
  clade_space_add_list(space, "opt", 2, opts, false);
  struct clade_population_options o = options_of(&w, space, 12);
  o.done = clade_policy_stop_after(30);
  o.ready = clade_policy_ready_after(1);
  o.explore =
      (struct clade_explore_policy){.name = "pybt", .explore = explore_like_pybt, .a = 40, .ctx = &called};
  struct clade_population *p = train(&o);
  assert_true(called > 10);
  int at_floor = 0;
  for (size_t i = 0; i < 12; i++) {
    const struct clade_member *m = clade_population_member(p, i);
    for (size_t k = 0; k < m->n_observations; k++)
      for (size_t j = 0; j < m->observations[k].n_values; j++) {
        const struct clade_named_value *v = &m->observations[k].values[j];
        if (strcmp(v->name, "lr") == 0) assert_true(v->value.as.real >= 1e-7 && v->value.as.real <= 0.1);
        if (strcmp(v->name, "batch") != 0) continue;
        assert_int_equal(v->value.kind, CLADE_INT);
        assert_true(v->value.as.integer >= 8 && v->value.as.integer <= 4096);
        at_floor += v->value.as.integer == 8;
      }
  }
  assert_true(at_floor > 0); /* a standard deviation of 4000 */
  clade_population_destroy(p);
  clade_space_destroy(space);
}

/* Nonsense changes nothing; what lies between two points of a grid without ends takes the nearest. */
static void explore_without_bounds(const struct clade_explore_policy *self, struct clade_view *view,
                                   struct clade_proposal *proposal, bool took_over) {
  static const double wrong[][2] = {{0, 1.2}, {1.2, -0.8}, {NAN, 1.2}, {0.8, INFINITY}}, right[] = {1.25};
  int *called = self->ctx;
  double before = clade_proposal_float(proposal, "gain");
  (void)view;
  (void)took_over;
  ++*called;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) clade_proposal_perturb(proposal, wrong[i], 2, 0);
  clade_proposal_perturb(proposal, right, 1, 1.5);
  clade_proposal_perturb(proposal, right, 1, NAN);
  assert_true(clade_proposal_float(proposal, "gain") == before);
  assert_int_equal(clade_proposal_set_float(proposal, "gain", INFINITY), CLADE_EINVAL);
  assert_int_equal(clade_proposal_set_float(proposal, "width", 41.3), 0);
  assert_true(clade_proposal_float(proposal, "width") == 41.5);
}

static void what_has_no_bounds_can_be_set(void **state) {
  (void)state;
  struct world w = {0};
  int called = 0;
  struct clade_population_options o = options_of(&w, NULL, 3);
  o.study.spec = "hyperparameters:\n  gain: normal(1.5, 0.1)\n  width: qnormal(10, 3, 0.5)\n";
  o.explore =
      (struct clade_explore_policy){.name = "bare", .explore = explore_without_bounds, .ctx = &called};
  struct clade_population *p = train(&o);
  assert_true(called > 3);
  for (size_t i = 0; i < 3; i++) {
    const struct clade_member *m = clade_population_member(p, i);
    const struct clade_observation *last = &m->observations[m->n_observations - 1];
    assert_int_equal(last->n_values, 2);
    assert_true(last->values[1].value.as.real == 41.5);
  }
  clade_population_destroy(p);
}

/* What is recorded. */

struct seen {
  int exploited, loaded, saved, explored, started;
};

static int count_event(void *ctx, const struct clade_event *ev) {
  struct seen *s = ctx;
  s->exploited += strcmp(ev->kind, "exploited") == 0;
  s->loaded += strcmp(ev->kind, "loaded") == 0;
  s->saved += strcmp(ev->kind, "saved") == 0;
  s->started += strcmp(ev->kind, "started") == 0;
  return 0;
}

static struct seen read_log(const char *address) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct seen seen = {0};
  struct cl_err e = {0};
  struct clade_events_options o = {.words = true};
  int64_t last = 0;
  if (clade_store_open(address, &store, &e) < 0 || clade_reader_open(store, "p", &reader, &e) < 0 ||
      clade_events_read(reader, &o, count_event, &seen, &last, &e) < 0 || clade_study_check(reader, &e) < 0)
    fail_msg("%s", e.text);
  clade_reader_close(reader);
  clade_store_close(store);
  return seen;
}

/* PyBT's observations hold what fit and evaluate return. */

static int step_and_note(void *ctx, void *model, struct clade_trial *trial) {
  struct counter *c = model;
  assert_int_equal(clade_trial_metric(trial, "loss", 99), 0);
  assert_int_equal(clade_trial_metric(trial, "loss", 2.385 - c->trained / 8), 0);
  if (c->trained > 2) assert_int_equal(clade_trial_metric(trial, "late", (double)NAN), 0);
  assert_int_equal(clade_trial_metric(trial, "score", 1), CLADE_EINVAL);
  assert_int_equal(clade_trial_metric(trial, "", 1), CLADE_EINVAL);
  assert_int_equal(clade_trial_metric(trial, NULL, 1), CLADE_EINVAL);
  assert_int_equal(clade_trial_metric(trial, "\xff", 1), CLADE_EINVAL);
  return step(ctx, model, trial);
}

static int score_and_note(void *ctx, const void *model, struct clade_trial *trial, double *ret) {
  assert_int_equal(clade_trial_metric(trial, "val_loss", ((const struct counter *)model)->trained), 0);
  return score(ctx, model, trial, ret);
}

static void *create_and_try(void *ctx, struct clade_trial *trial) {
  assert_int_equal(clade_trial_metric(trial, "loss", 1), CLADE_EINVAL); /* nothing is evaluated here */
  return create(ctx, trial);
}

static int count_noted(void *ctx, const struct clade_event *ev) {
  int *n = ctx;
  if (strcmp(ev->kind, "reported") != 0) return 0;
  *n += strstr(ev->text, "val_loss=") != NULL && strstr(ev->text, "score=") != NULL;
  return 0;
}

static int count_in_log(const char *address) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct cl_err e = {0};
  int n = 0;
  if (clade_store_open(address, &store, &e) < 0 || clade_reader_open(store, "p", &reader, &e) < 0 ||
      clade_events_read(reader, &(struct clade_events_options){.words = true}, count_noted, &n, NULL, &e) < 0)
    fail_msg("%s", e.text);
  clade_reader_close(reader);
  clade_store_close(store);
  return n;
}

static void metrics_that_a_model_notes_stand_in_its_observations(void **state) {
  (void)state;
  struct kit_place place;
  struct world w = {0};
  kit_make(&place);
  struct clade_space *space = gains();
  struct clade_population_options o = options_of(&w, space, 3);
  o.study.store = place.store;
  o.model.create = create_and_try;
  o.model.step = step_and_note;
  o.model.score = score_and_note;
  o.done = clade_policy_stop_after(5);
  struct clade_population *p = train(&o);
  for (size_t i = 0; i < 3; i++) {
    const struct clade_member *m = clade_population_member(p, i);
    assert_int_equal(m->observations[0].n_metrics, 1);
    assert_string_equal(m->observations[0].metrics[0].name, "val_loss");
    for (size_t k = 1; k < m->n_observations; k++) {
      const struct clade_observation *seen = &m->observations[k];
      assert_int_equal(seen->n_metrics, 2 + (seen->metrics[1].name[0] == 'l'));
      assert_string_equal(seen->metrics[0].name, "loss");
      assert_true(seen->metrics[0].value < 3);
      assert_string_equal(seen->metrics[seen->n_metrics - 1].name, "val_loss");
      assert_true(seen->metrics[seen->n_metrics - 1].value == seen->value);
    }
    const struct clade_observation *last = &m->observations[m->n_observations - 1];
    assert_true(last->n_metrics == 3 && strcmp(last->metrics[1].name, "late") == 0 &&
                isnan(last->metrics[1].value));
  }
  clade_population_destroy(p);
  assert_int_equal(count_in_log(place.store), 3 * 6);
  clade_space_destroy(space);
  kit_remove(&place);
}

static int note_too_many(void *ctx, void *model, struct clade_trial *trial) {
  char name[20];
  for (int i = 0; i < 199; i++) {
    (void)snprintf(name, sizeof name, "m%d", i);
    assert_int_equal(clade_trial_metric(trial, name, i), 0);
  }
  assert_int_equal(clade_trial_metric(trial, "m199", 1), CLADE_ELIMIT);
  assert_int_equal(clade_trial_metric(trial, "m7", 1), 0);
  return step(ctx, model, trial);
}

static void a_model_notes_199_metrics_at_most(void **state) {
  (void)state;
  struct world w = {0};
  struct clade_space *space = gains();
  struct clade_population_options o = options_of(&w, space, 2);
  o.model.step = note_too_many;
  o.done = clade_policy_stop_after(2);
  struct clade_population *p = train(&o);
  assert_int_equal(clade_population_member(p, 1)->observations[2].n_metrics, 199);
  assert_true(clade_population_member(p, 1)->observations[2].metrics[7].value == 1);
  clade_population_destroy(p);
  clade_space_destroy(space);
}

static void a_takeover_is_recorded_like_any_other(void **state) {
  (void)state;
  struct kit_place place;
  struct world w = {0};
  kit_make(&place);
  struct clade_space *space = gains();
  struct clade_population_options o = options_of(&w, space, 8);
  o.study.store = place.store;
  o.done = clade_policy_stop_after(12);
  struct clade_population *p = train(&o);
  int taken = 0;
  for (size_t i = 0; i < 8; i++) {
    struct clade_trial_state t;
    assert_int_equal(clade_study_trial(clade_population_study(p), (int64_t)i + 1, &t, NULL), 0);
    assert_string_equal(t.state, "COMPLETE");
    assert_true(t.value == clade_population_member(p, i)->value && t.step == 12);
  }
  clade_population_destroy(p);
  struct seen seen = read_log(place.store);
  taken = seen.exploited;
  assert_true(taken > 3);
  assert_int_equal(seen.loaded, taken);
  assert_true(seen.saved > 0 && seen.saved <= taken); /* one state may be taken over twice */
  assert_int_equal(seen.started, 8);
  clade_space_destroy(space);
  kit_remove(&place);
}

static void a_member_that_failed_takes_over_another_state(void **state) {
  (void)state;
  struct kit_place place;
  struct world w = {.fails_at = 2};
  kit_make(&place);
  struct clade_space *space = gains();
  struct clade_population_options o = options_of(&w, space, 5);
  o.study.store = place.store;
  o.done = clade_policy_stop_after(12);
  struct clade_population *p = train(&o);
  const struct clade_member *m = clade_population_member(p, 1);
  assert_int_equal(m->state, CLADE_MEMBER_DONE);
  assert_true(isfinite(m->fitness));
  struct clade_trial_state t;
  assert_int_equal(clade_study_trial(clade_population_study(p), 2, &t, NULL), 0);
  assert_string_equal(t.state, "COMPLETE");
  assert_int_equal(t.attempts, 2);
  clade_population_destroy(p);
  assert_int_equal(read_log(place.store).started, 6);
  clade_space_destroy(space);
  kit_remove(&place);
}

static void a_member_that_diverged_takes_over_another_state(void **state) {
  (void)state;
  struct world w = {.diverges_at = 3};
  struct clade_space *space = gains();
  struct clade_population_options o = options_of(&w, space, 5);
  o.done = clade_policy_stop_after(12);
  struct clade_population *p = train(&o);
  const struct clade_member *m = clade_population_member(p, 2);
  bool diverged = false;
  for (size_t i = 0; i < m->n_observations; i++) diverged = diverged || isnan(m->observations[i].value);
  assert_true(diverged);
  assert_true(isfinite(m->value)); /* in the end */
  clade_population_destroy(p);
  clade_space_destroy(space);
}

static void equal_seeds_give_equal_runs(void **state) {
  (void)state;
  double values[2][9];
  for (int run = 0; run < 2; run++) {
    struct world w = {0};
    struct clade_space *space = gains();
    struct clade_population_options o = options_of(&w, space, 9);
    o.exploit = clade_policy_tournament();
    struct clade_population *p = train(&o);
    for (size_t i = 0; i < 9; i++) values[run][i] = clade_population_member(p, i)->value;
    clade_population_destroy(p);
    clade_space_destroy(space);
  }
  assert_memory_equal(values[0], values[1], sizeof values[0]);
}

/* Generations, and the best. */

struct generations {
  int64_t last;
  double best;
  int64_t stop_at;
};

static int hear(void *ctx, int64_t number, const void *best, double value) {
  struct generations *g = ctx;
  assert_int_equal(number, g->last + 1);
  assert_true(value >= g->best && ((const struct counter *)best)->trained == value);
  g->last = number;
  g->best = value;
  return number == g->stop_at ? 17 : 0;
}

static void the_best_so_far_is_told_after_each_generation(void **state) {
  (void)state;
  struct world w = {0};
  struct generations g = {0};
  struct clade_space *space = gains();
  struct clade_population_options o = options_of(&w, space, 6);
  o.done = clade_policy_stop_after(10);
  o.ready = clade_policy_ready_after(2);
  o.generation = hear;
  o.ctx = &g;
  struct clade_population *p = train(&o);
  double value = 0;
  (void)clade_population_best(p, &value);
  assert_int_equal(g.last, 5); /* at 2, 4, 6, 8, and when all are done */
  assert_true(g.best == value);
  clade_population_destroy(p);
  clade_space_destroy(space);
}

static void a_callback_can_end_the_training(void **state) {
  (void)state;
  struct world w = {0};
  struct generations g = {.stop_at = 2};
  struct clade_space *space = gains();
  struct clade_population_options o = options_of(&w, space, 6);
  struct clade_population *p = NULL;
  o.generation = hear;
  o.ctx = &g;
  assert_int_equal(clade_population_create(&o, &p, NULL), 0);
  assert_int_equal(clade_population_train(p, NULL), 17);
  assert_int_equal(g.last, 2);
  clade_population_destroy(p);
  assert_int_equal(w.alive, 0);
  clade_space_destroy(space);
}

/* Mistakes. */

static void expect(const struct clade_population_options *o, int status, const char *word) {
  struct clade_population *p = NULL;
  struct cl_err e = {0};
  assert_int_equal(clade_population_create(o, &p, &e), status);
  assert_null(p);
  if (strstr(e.text, word) == NULL) fail_msg("'%s' is not in: %s", word, e.text);
}

static void mistakes_are_refused_with_a_sentence(void **state) {
  (void)state;
  struct world w = {0};
  struct clade_space *space = gains();
  struct clade_population_options good = options_of(&w, space, 4), o = good;
  o.model.copy = NULL;
  expect(&o, CLADE_EINVAL, "copy");
  o = good;
  o.study.trials = 0;
  expect(&o, CLADE_EINVAL, "members");
  o.study.trials = 100001;
  expect(&o, CLADE_EINVAL, "100000");
  o = good;
  o.step = -1;
  expect(&o, CLADE_EINVAL, "step");
  o = good;
  o.exploit = clade_policy_truncation(0.2, 0);
  expect(&o, CLADE_EINVAL, "truncation");
  o = good;
  o.explore = clade_policy_perturb(0, 0.25);
  expect(&o, CLADE_EINVAL, "perturb");
  o = good;
  o.explore = clade_policy_perturb(INFINITY, 0.25);
  expect(&o, CLADE_EINVAL, "finite factor");
  o.explore = clade_policy_perturb(1e-320, 0.25);
  expect(&o, CLADE_EINVAL, "finite factor");
  o = good;
  o.done = clade_policy_stop_after(NAN);
  expect(&o, CLADE_EINVAL, "stop_after");
  o = good;
  o.ready = clade_policy_ready_after(NAN);
  expect(&o, CLADE_EINVAL, "ready_after");
  o = good;
  o.done = clade_policy_stop_after(1);
  o.done.name = "stop after";
  expect(&o, CLADE_EINVAL, "'stop after'");
  o = good;
  o.n_initial = 5;
  expect(&o, CLADE_EINVAL, "5 members");
  o = good;
  o.study.space = NULL;
  expect(&o, CLADE_EINVAL, "spec");
  const struct clade_given wrong = {"gain", "3"};
  const struct clade_initial initial = {1, &wrong};
  o = good;
  o.n_initial = 1;
  o.initial = &initial;
  expect(&o, CLADE_EINVAL, "gain");
  assert_int_equal(clade_population_train(NULL, NULL), CLADE_EINVAL);
  assert_int_equal(clade_population_create(&good, NULL, NULL), CLADE_EINVAL);
  assert_null(clade_population_best(NULL, NULL));
  assert_null(clade_population_study(NULL));
  clade_population_destroy(NULL);
  clade_space_destroy(space);
}

static void a_model_that_cannot_be_made_ends_the_training(void **state) {
  (void)state;
  struct world w = {.no_more_models = true};
  struct clade_space *space = gains();
  struct clade_population_options o = options_of(&w, space, 4);
  struct clade_population *p = NULL;
  struct cl_err e = {0};
  assert_int_equal(clade_population_create(&o, &p, &e), 0);
  assert_int_equal(clade_population_train(p, &e), CLADE_EREFUSED);
  assert_non_null(strstr(e.text, "create failed"));
  assert_null(clade_population_best(p, NULL));
  clade_population_destroy(p);
  clade_space_destroy(space);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_linear_model_stops_after_ten),
      cmocka_unit_test(three_epochs_a_step_make_thirty_in_eleven),
      cmocka_unit_test(truncation_keeps_to_the_table),
      cmocka_unit_test(upper_shares_widen_the_donors),
      cmocka_unit_test(a_programs_own_explore_stays_in_the_space),
      cmocka_unit_test(metrics_that_a_model_notes_stand_in_its_observations),
      cmocka_unit_test(a_model_notes_199_metrics_at_most),
      cmocka_unit_test(a_takeover_is_recorded_like_any_other),
      cmocka_unit_test(a_member_that_failed_takes_over_another_state),
      cmocka_unit_test(a_member_that_diverged_takes_over_another_state),
      cmocka_unit_test(equal_seeds_give_equal_runs),
      cmocka_unit_test(the_best_so_far_is_told_after_each_generation),
      cmocka_unit_test(a_callback_can_end_the_training),
      cmocka_unit_test(what_has_no_bounds_can_be_set),
      cmocka_unit_test(mistakes_are_refused_with_a_sentence),
      cmocka_unit_test(a_model_that_cannot_be_made_ends_the_training),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
