/* Population based training in simulated studies: members keep their number, donors give what was ranked,
 * nobody waits for the dead. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schedule/scheduler.h"
#include "simulator.h"

#define PBT "{\"method\": \"pbt\", \"interval\": 2, \"explore\": \"perturb\""

static int count_kind;
static int64_t n_counted;

static int count_event(void *ctx, const struct cl_event *ev) {
  (void)ctx;
  n_counted += (int)ev->kind == count_kind;
  return 0;
}

static int64_t count(const struct simulator *s, int kind) {
  count_kind = kind;
  n_counted = 0;
  assert_int_equal(cl_store_read(s->store, s->id, &(struct cl_read){0}, count_event, NULL, NULL), 0);
  return n_counted;
}

static void all_complete(const struct simulator *s) {
  const struct cl_study *study = simulator_study(s);
  assert_int_equal(cl_study_trials(study), s->trials);
  assert_int_equal(cl_study_count(study, CL_COMPLETE), s->trials);
  for (int64_t i = 1; i <= s->trials; i++) {
    struct cl_value x;
    const struct cl_trial *t = cl_study_trial(study, i);
    cl_trial_values(study, t, &x);
    assert_true(x.as.real >= 0 && x.as.real <= 1);
    assert_float_equal(t->head.step, s->steps, 0);
  }
}

static double worst(const struct simulator *s) {
  double least = INFINITY;
  for (int64_t i = 1; i <= s->trials; i++) least = fmin(least, cl_study_trial(simulator_study(s), i)->value);
  return least;
}

static void low_members_take_over_from_high_ones(void **state) {
  (void)state;
  struct simulator s = {.slots = 8, .trials = 8, .steps = 20, .seed = 3, .schedule = PBT "}"};
  simulator_begin(&s);
  simulator_run(&s);
  all_complete(&s);
  assert_true(count(&s, CL_EVENT_EXPLOITED) >= 8);
  struct simulator alone = {.slots = 8, .trials = 8, .steps = 20, .seed = 3, .schedule = "null"};
  simulator_begin(&alone);
  simulator_run(&alone);
  assert_true(worst(&s) > 2 * worst(&alone));
  simulator_end(&alone);
  simulator_end(&s);
}

static void more_members_than_slots_take_turns(void **state) {
  (void)state;
  struct simulator s = {.slots = 3, .trials = 11, .steps = 12, .seed = 4, .schedule = PBT "}"};
  double most = 0;
  simulator_begin(&s);
  for (bool more = true; more;) {
    more = simulator_turn(&s);
    double lo = INFINITY, hi = 0;
    int64_t n = cl_study_trials(simulator_study(&s));
    assert_true(cl_study_pending(simulator_study(&s)) <= 3);
    for (int64_t i = 1; i <= s.trials; i++) {
      lo = fmin(lo, i <= n ? s.step[i] : 0);
      hi = fmax(hi, i <= n ? s.step[i] : 0);
    }
    most = fmax(most, hi - lo);
  }
  simulator_run(&s);
  all_complete(&s);
  assert_true(most <= 4); /* two intervals apart at most */
  assert_true(count(&s, CL_EVENT_PAUSED) >= 11);
  simulator_end(&s);
}

static void barrier_judges_all_at_the_same_step(void **state) {
  (void)state;
  for (int slots = 2; slots <= 6; slots += 2) {
    char schedule[] = PBT ", \"sync\": true}";
    struct simulator s = {.slots = slots, .trials = 6, .steps = 10, .seed = 5, .schedule = schedule};
    simulator_begin(&s);
    simulator_run(&s);
    all_complete(&s);
    assert_int_equal(count(&s, CL_EVENT_EXPLOITED), 5 * 2); /* ceil(0.2 * 6) of 6, at steps 2 4 6 8 10 */
    simulator_end(&s);
  }
}

struct decisions {
  int n, members[4000];
  double values[4000];
};

static int keep_decision(void *ctx, const struct cl_event *ev) {
  struct decisions *d = ctx;
  if (ev->kind != CL_EVENT_EXPLOITED) return 0;
  assert_true(d->n < 4000);
  d->members[d->n] = (int)ev->subject;
  d->values[d->n++] = ev->u.exploited.values.items[0].value.as.real;
  return 0;
}

static int compare_decisions(const void *a, const void *b) {
  const double *x = a, *y = b;
  if (x[1] != y[1]) return x[1] < y[1] ? -1 : 1;
  return (x[0] > y[0]) - (x[0] < y[0]);
}

static bool dawdles(const struct simulator *s, int64_t trial, int turn) {
  return (uint64_t)(trial * 7919 + turn * 104729 + s->slots) % 3 != 0;
}

/* Sorted by value: the order in the log depends on timing, the decisions do not. */
static void list_decisions(const struct simulator *s, double ret[][2], int *ret_n) {
  static struct decisions d;
  d.n = 0;
  assert_int_equal(cl_store_read(s->store, s->id, &(struct cl_read){0}, keep_decision, &d, NULL), 0);
  for (int i = 0; i < d.n; i++) {
    ret[i][0] = d.members[i];
    ret[i][1] = d.values[i];
  }
  qsort(ret, (size_t)d.n, sizeof ret[0], compare_decisions);
  *ret_n = d.n;
}

static void does_not_depend_on_timing(const char *schedule, double steps, int least) {
  static double first[4000][2], again[4000][2];
  int n = 0, m = 0;
  for (int slots = 1; slots <= 9; slots += 2) {
    struct simulator s = {.slots = slots,
                          .trials = 7,
                          .steps = steps,
                          .seed = 6,
                          .schedule = schedule,
                          .more = ", \"ordered\": true, \"lag\": 7",
                          .moves = slots > 1 ? dawdles : NULL};
    simulator_begin(&s);
    for (int i = 0; simulator_turn(&s); i++)
      if (slots == 5 && i % 9 == 8) simulator_crash(&s);
    simulator_run(&s);
    all_complete(&s);
    list_decisions(&s, slots == 1 ? first : again, slots == 1 ? &n : &m);
    assert_true(n >= least);
    if (slots > 1) assert_int_equal(m, n);
    if (slots > 1) assert_memory_equal(first, again, sizeof first[0] * (size_t)n);
    simulator_end(&s);
  }
}

static void ordered_mode_does_not_depend_on_timing(void **state) {
  (void)state;
  does_not_depend_on_timing(PBT "}", 16, 7);
}

static void last_scores_do_not_depend_on_timing(void **state) {
  (void)state;
  does_not_depend_on_timing(PBT ", \"exploit\": \"ttest\", \"p\": 0.3, \"last\": 4}", 22, 7);
  does_not_depend_on_timing(PBT ", \"gap\": 0.5, \"last\": 5}", 22, 5);
}

/* With few states to take over from it would else diverge from the same one for ever. */
static enum trouble passing_misfortune(const struct simulator *s, int64_t trial, int attempt, double step) {
  enum trouble t = simulator_often(s, trial, attempt, step);
  return t == DIVERGES && s->turns % 2 == 0 ? NO_TROUBLE : t;
}

/* By what it is, not by its position: the same states in every order of events. */
static bool is_rotten(const struct simulator *s, const struct cl_snapshot *n) {
  return cl_mix64((uint64_t)(s->seed * 31 + n->trial * 1009 + (int64_t)(n->step * 8))) % 5 < 3;
}

struct given {
  int64_t gone[4000], since[4000];
  int n_failed, n_voided;
};

static int check_gift(void *ctx, const struct cl_event *ev) {
  struct given *g = ctx;
  if (ev->kind == CL_EVENT_EXPLOITED)
    for (int i = 0; i < g->n_voided; i++)
      assert_true(ev->u.exploited.snapshot != g->gone[i] || ev->as_of < g->since[i]);
  g->n_failed += ev->kind == CL_EVENT_LOADED && ev->u.loaded.error != NULL;
  if (ev->kind != CL_EVENT_VOIDED) return 0;
  long long change = 0, snapshot = 0;
  assert_int_equal(ev->cause, CL_CAUSE_MISSING);
  assert_int_equal(sscanf(ev->args, "{\"change\": %lld, \"snapshot\": %lld}", &change, &snapshot), 2);
  assert_true(change == ev->u.voided.change && snapshot > 0);
  g->gone[g->n_voided] = snapshot;
  g->since[g->n_voided++] = ev->position;
  return 0;
}

static int check_gifts(const struct simulator *s) {
  static struct given g;
  g = (struct given){0};
  assert_int_equal(cl_store_read(s->store, s->id, &(struct cl_read){0}, check_gift, &g, NULL), 0);
  assert_true(g.n_voided <= g.n_failed); /* one that died before it was told has tried it twice */
  return g.n_voided;
}

static void states_that_cannot_be_loaded_are_given_once(void **state) {
  (void)state;
  for (int slots = 1; slots <= 12; slots += 3) {
    for (int seed = 1; seed <= 5; seed++) {
      struct simulator s = {.slots = slots,
                            .trials = 12,
                            .steps = 16,
                            .seed = seed,
                            .schedule = seed % 2 ? PBT "}" : PBT ", \"sync\": true}",
                            .script = passing_misfortune,
                            .unreadable = is_rotten};
      simulator_begin(&s);
      for (int i = 0; simulator_turn(&s); i++)
        if (seed > 3 && i % 11 == 8) simulator_crash(&s);
      simulator_run(&s);
      assert_int_equal(cl_study_count(simulator_study(&s), CL_COMPLETE), 12);
      assert_true(check_gifts(&s) >= 3);
      simulator_end(&s);
    }
  }
}

/* Held members, paused ones, with and without crashes: the same decisions. */
static void ordered_mode_decides_again_alike(void **state) {
  (void)state;
  static double first[4000][2], again[4000][2];
  int n = 0, m = 0;
  for (int slots = 1; slots <= 9; slots += 2) {
    struct simulator s = {.slots = slots,
                          .trials = 7,
                          .steps = 16,
                          .seed = 8,
                          .schedule = PBT "}",
                          .more = ", \"ordered\": true, \"lag\": 7",
                          .moves = slots > 1 ? dawdles : NULL,
                          .unreadable = is_rotten};
    simulator_begin(&s);
    for (int i = 0; simulator_turn(&s); i++)
      if (slots == 5 && i % 9 == 8) simulator_crash(&s);
    simulator_run(&s);
    all_complete(&s);
    assert_true(check_gifts(&s) >= 3);
    list_decisions(&s, slots == 1 ? first : again, slots == 1 ? &n : &m);
    assert_true(n >= 7);
    if (slots > 1) assert_int_equal(m, n);
    if (slots > 1) assert_memory_equal(first, again, sizeof first[0] * (size_t)n);
    simulator_end(&s);
  }
}

static void failed_and_diverged_members_are_replaced(void **state) {
  (void)state;
  for (int seed = 1; seed <= 6; seed++) {
    for (int sync = 0; sync < 2; sync++) {
      struct simulator s = {.slots = 2 + seed,
                            .trials = 12,
                            .steps = 14,
                            .seed = seed,
                            .schedule = sync ? PBT ", \"sync\": true}" : PBT "}",
                            .script = simulator_often};
      simulator_begin(&s);
      simulator_run(&s);
      assert_int_equal(cl_study_trials(simulator_study(&s)), 12);
      assert_int_equal(cl_study_count(simulator_study(&s), CL_COMPLETE), 12);
      simulator_end(&s);
    }
  }
}

static void population_goes_on_after_a_crash_at_any_turn(void **state) {
  (void)state;
  for (int every = 1; every <= 5; every++) {
    struct simulator s = {.slots = 3, .trials = 6, .steps = 8, .seed = 9, .schedule = PBT "}"};
    simulator_begin(&s);
    for (int i = 0; simulator_turn(&s); i++)
      if (i % (6 + every) == 5) simulator_crash(&s);
    simulator_run(&s);
    all_complete(&s);
    simulator_end(&s);
  }
}

static enum trouble always_fails(const struct simulator *s, int64_t trial, int attempt, double step) {
  (void)s;
  (void)attempt;
  return trial == 2 && step >= 1 ? CRASHES : NO_TROUBLE;
}

static void member_that_always_fails_is_given_up(void **state) {
  (void)state;
  struct simulator s = {
      .slots = 4, .trials = 4, .steps = 8, .seed = 2, .schedule = PBT "}", .script = always_fails};
  simulator_begin(&s);
  simulator_run(&s);
  assert_int_equal(cl_study_count(simulator_study(&s), CL_COMPLETE), 3);
  assert_int_equal(cl_study_trial(simulator_study(&s), 2)->head.state, CL_FAILED);
  simulator_end(&s);
}

static enum trouble third_diverges_whenever_it_can(const struct simulator *s, int64_t trial, int attempt,
                                                   double step) {
  (void)s;
  (void)attempt;
  return trial == 3 && step >= 1 ? DIVERGES : NO_TROUBLE;
}

static int64_t n_takeovers;
static char last_stop[200];

static int keep_takeovers_of_third(void *ctx, const struct cl_event *ev) {
  (void)ctx;
  n_takeovers += ev->subject == 3 && ev->kind == CL_EVENT_EXPLOITED;
  if (ev->kind != CL_EVENT_STOPPED) return 0;
  assert_int_equal(ev->subject, 3);
  assert_int_equal(ev->cause, CL_CAUSE_STOP_RULE);
  (void)snprintf(last_stop, sizeof last_stop, "%s", ev->args);
  return 0;
}

/* Its process goes on, so it never counts as dead. */
static void member_that_always_diverges_is_taken_out(void **state) {
  (void)state;
  static const char *const schedules[] = {PBT "}", PBT ", \"sync\": true}"};
  for (size_t i = 0; i < sizeof schedules / sizeof *schedules; i++) {
    struct simulator s = {.slots = i == 0 ? 3 : 6,
                          .trials = 6,
                          .steps = 40,
                          .seed = 10,
                          .schedule = schedules[i],
                          .script = third_diverges_whenever_it_can};
    simulator_begin(&s);
    simulator_run(&s);
    assert_int_equal(cl_study_count(simulator_study(&s), CL_COMPLETE), 5);
    assert_int_equal(cl_study_trial(simulator_study(&s), 3)->head.state, CL_PRUNED);
    n_takeovers = 0;
    last_stop[0] = '\0';
    assert_int_equal(cl_store_read(s.store, s.id, &(struct cl_read){0}, keep_takeovers_of_third, NULL, NULL),
                     0);
    assert_int_equal(n_takeovers, 10);
    assert_string_equal(last_stop, "{\"rule\": \"diverged\", \"value\": 10, \"bound\": 10}");
    simulator_end(&s);
  }
}

static enum trouble third_diverges_at_first(const struct simulator *s, int64_t trial, int attempt,
                                            double step) {
  (void)s;
  (void)attempt;
  return trial == 3 && (step < 12 || (step >= 14 && step < 26)) ? DIVERGES : NO_TROUBLE;
}

static void member_that_had_a_score_in_between_is_not_taken_out(void **state) {
  (void)state;
  struct simulator s = {.slots = 6,
                        .trials = 6,
                        .steps = 34,
                        .seed = 11,
                        .schedule = PBT "}",
                        .script = third_diverges_at_first};
  simulator_begin(&s);
  simulator_run(&s);
  all_complete(&s);
  simulator_end(&s);
}

static double nobody_gets_beyond_five(const struct simulator *s, const struct cl_value *values, double step,
                                      double theta) {
  (void)s;
  (void)theta;
  return step >= 5 ? (double)NAN : values[0].as.real;
}

static struct collapse {
  int64_t backs[8], others; /* takeovers of the state at step 4, by trial; rulings that let one train on */
  const struct simulator *s;
} collapse;

/* The factor that halving makes of 1.2 or 0.8, `times` and no more. */
static bool is_halved(double factor, int64_t times) {
  double share = ldexp(1, (int)-times);
  return fabs(factor - pow(1.2, share)) < 1e-12 || fabs(factor - pow(0.8, share)) < 1e-12;
}

static int keep_collapse(void *ctx, const struct cl_event *ev) {
  (void)ctx;
  bool rules = ev->kind == CL_EVENT_EXPLOITED || ev->kind == CL_EVENT_CONTINUED;
  if (!rules || strstr(ev->args, "\"own\": \"nan\"") == NULL) return 0;
  collapse.others += ev->kind == CL_EVENT_CONTINUED;
  if (ev->kind == CL_EVENT_CONTINUED) return 0;
  const struct cl_snapshot *n = cl_study_snapshot(simulator_study(collapse.s), ev->u.exploited.snapshot);
  assert_non_null(n);
  assert_float_equal(n->step, 4, 0);
  const char *factor = strstr(ev->args, "\"1\": ");
  int64_t times = ++collapse.backs[ev->subject];
  bool collapsed = strstr(ev->args, "\"collapsed\": true") != NULL;
  if (collapsed && factor != NULL) assert_true(is_halved(strtod(factor + 5, NULL), times));
  if (times > 1) assert_true(collapsed); /* by then half of the others have come there as well */
  return 0;
}

static void population_that_has_diverged_as_a_whole_goes_back(void **state) {
  (void)state;
  static const char *const schedules[] = {PBT "}", PBT ", \"sync\": true}"};
  for (size_t i = 0; i < sizeof schedules / sizeof *schedules; i++) {
    struct simulator s = {.slots = 7,
                          .trials = 7,
                          .steps = 40,
                          .seed = 12,
                          .schedule = schedules[i],
                          .gain = nobody_gets_beyond_five};
    simulator_begin(&s);
    simulator_run(&s);
    collapse = (struct collapse){.s = &s};
    assert_int_equal(cl_store_read(s.store, s.id, &(struct cl_read){0}, keep_collapse, NULL, NULL), 0);
    assert_int_equal(cl_study_count(simulator_study(&s), CL_PRUNED), 7); /* after ten times each */
    for (int64_t trial = 1; trial <= 7; trial++) assert_int_equal(collapse.backs[trial], 10);
    assert_int_equal(collapse.others, 0);
    simulator_end(&s);
  }
}

static int64_t n_diverged;

static enum trouble all_diverge_twice(const struct simulator *s, int64_t trial, int attempt, double step) {
  (void)s;
  (void)attempt;
  (void)trial;
  return step >= 5 && n_diverged++ < 20 ? DIVERGES : NO_TROUBLE;
}

static void population_that_went_back_goes_on(void **state) {
  (void)state;
  for (int slots = 2; slots <= 8; slots += 3) {
    struct simulator s = {.slots = slots,
                          .trials = 8,
                          .steps = 20,
                          .seed = 13,
                          .schedule = PBT ", \"sync\": true}",
                          .script = all_diverge_twice};
    n_diverged = 0;
    simulator_begin(&s);
    simulator_run(&s);
    assert_true(n_diverged > 20);
    all_complete(&s);
    assert_true(worst(&s) > 0);
    simulator_end(&s);
  }
}

static void lag_that_holds_members_back_is_refused(void **state) {
  (void)state;
  struct cl_settings *settings = NULL;
  struct cl_err e = {0};
  const char *text =
      "{\"study\": \"p\", \"origin\": \"api\", \"cwd\": \"/tmp\", \"objectives\": [{\"name\": \"a\", \"goal\": \"minimize\"}],"
      " \"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"scale\": \"linear\", \"lo\": 0.0,"
      " \"hi\": 1.0}], \"search\": {\"method\": \"random\"}, \"schedule\": {\"method\": \"pbt\"}, \"trials\": 12,"
      " \"parallel\": 3, \"ordered\": true, \"lag\": 11, \"limits\": {}}";
  int status = cl_settings_parse(text, &settings, &e);
  if (status < 0) print_message("# %s\n", e.text);
  assert_int_equal(status, 0);
  assert_int_equal(cl_schedule_check(settings, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "a lag of 11"));
  assert_non_null(strstr(e.text, "give 12"));
  cl_settings_destroy(settings);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(low_members_take_over_from_high_ones),
      cmocka_unit_test(more_members_than_slots_take_turns),
      cmocka_unit_test(barrier_judges_all_at_the_same_step),
      cmocka_unit_test(ordered_mode_does_not_depend_on_timing),
      cmocka_unit_test(last_scores_do_not_depend_on_timing),
      cmocka_unit_test(failed_and_diverged_members_are_replaced),
      cmocka_unit_test(population_goes_on_after_a_crash_at_any_turn),
      cmocka_unit_test(member_that_always_fails_is_given_up),
      cmocka_unit_test(member_that_always_diverges_is_taken_out),
      cmocka_unit_test(member_that_had_a_score_in_between_is_not_taken_out),
      cmocka_unit_test(population_that_has_diverged_as_a_whole_goes_back),
      cmocka_unit_test(population_that_went_back_goes_on),
      cmocka_unit_test(lag_that_holds_members_back_is_refused),
      cmocka_unit_test(states_that_cannot_be_loaded_are_given_once),
      cmocka_unit_test(ordered_mode_decides_again_alike),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
