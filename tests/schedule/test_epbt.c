/* Generations in simulated studies: who stays, who descends from whom with which values, that timing, crashes
 * and failures change nothing, and that what must not be trained is not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "schedule/generation.h"
#include "schedule/scheduler.h"
#include "simulator.h"

enum { TRIALS_MAX = 40, GENERATIONS_MAX = 12, RULINGS_MAX = 4000 };

/* What the log says, generation by generation. */
struct story {
  double x[TRIALS_MAX + 1], before[TRIALS_MAX + 1]; /* values now, and at the last barrier */
  int64_t generation;                               /* that of `before` */
  int stayed[GENERATIONS_MAX + 1], descended[GENERATIONS_MAX + 1], infeasible[GENERATIONS_MAX + 1];
  int stopped, revived, crossed;
  const struct cl_study *study;
  bool is_infeasible[TRIALS_MAX + 1], exact; /* exact: mutation is off */
  int n;
  struct {
    int64_t generation, member, parent, with;
    double x;
  } rulings[RULINGS_MAX];
};

static struct story told;

static void check_descendant(struct story *s, const struct cl_event *ev, const json_t *args) {
  const json_t *parents = json_object_get(args, "parents");
  int64_t first = json_integer_value(json_array_get(parents, 0));
  int64_t second = json_integer_value(json_array_get(parents, 1));
  bool crossed = json_array_size(json_object_get(args, "mask")) > 0;
  double x = ev->u.exploited.values.items[0].value.as.real;
  assert_true(x >= 0 && x <= 1);
  assert_int_equal(ev->u.exploited.with, second == first ? 0 : second);
  assert_int_equal(first, cl_study_snapshot(s->study, ev->u.exploited.snapshot)->trial);
  if (s->exact) assert_true(x == s->before[crossed ? second : first]);
  s->crossed += crossed;
  s->revived += s->is_infeasible[ev->subject];
  s->is_infeasible[ev->subject] = ev->u.exploited.infeasible;
  assert_true(s->n < RULINGS_MAX);
  s->rulings[s->n].generation = json_integer_value(json_object_get(args, "number"));
  s->rulings[s->n].member = ev->subject;
  s->rulings[s->n].parent = first;
  s->rulings[s->n].with = second;
  s->rulings[s->n++].x = x;
  s->x[ev->subject] = x;
}

static int tell(void *ctx, const struct cl_event *ev) {
  struct story *s = ctx;
  if (ev->kind == CL_EVENT_PROPOSED) s->x[ev->subject] = ev->u.proposed.values.items[0].value.as.real;
  if (ev->kind == CL_EVENT_PROPOSED) s->is_infeasible[ev->subject] = ev->u.proposed.infeasible;
  if (ev->kind == CL_EVENT_STARTED) assert_false(s->is_infeasible[ev->subject]);
  s->stopped += ev->kind == CL_EVENT_STOPPED && ev->cause == CL_CAUSE_STOP_RULE;
  if (ev->cause != CL_CAUSE_GENERATION || ev->kind == CL_EVENT_PAUSED) return 0;
  json_t *args = json_loads(ev->args, 0, NULL);
  int64_t number = json_integer_value(json_object_get(args, "number"));
  assert_in_range(number, 1, GENERATIONS_MAX);
  if (number != s->generation) memcpy(s->before, s->x, sizeof s->before);
  s->generation = number;
  s->stayed[number] += ev->kind != CL_EVENT_EXPLOITED;
  s->descended[number] += ev->kind == CL_EVENT_EXPLOITED;
  if (ev->kind == CL_EVENT_EXPLOITED) s->infeasible[number] += ev->u.exploited.infeasible;
  if (ev->kind == CL_EVENT_EXPLOITED) check_descendant(s, ev, args);
  json_decref(args);
  return 0;
}

static const struct story *story_of(const struct simulator *s, bool exact) {
  told = (struct story){.exact = exact, .study = simulator_study(s)};
  assert_int_equal(cl_store_read(s->store, s->id, &(struct cl_read){0}, tell, &told, NULL), 0);
  return &told;
}

#define EPBT  "{\"method\": \"epbt\", \"interval\": 2, \"generations\": 5"
#define EXACT ", \"mutation\": {\"sd\": 0, \"reset\": 0}}"

static void half_goes_on_and_half_descends(void **state) {
  (void)state;
  for (int trials = 2; trials <= 9; trials++) {
    struct simulator s = {.slots = 8, .trials = trials, .steps = 1000, .seed = 3, .schedule = EPBT EXACT};
    simulator_begin(&s);
    simulator_run(&s);
    const struct story *t = story_of(&s, true);
    for (int g = 1; g <= 5; g++) {
      assert_int_equal(t->stayed[g], g < 5 ? trials / 2 : 0);
      assert_int_equal(t->descended[g], g < 5 ? trials - trials / 2 : 0);
    }
    assert_int_equal(t->stopped, trials);
    assert_true(trials < 6 || t->crossed > 0);
    for (int64_t i = 1; i <= trials; i++) {
      const struct cl_trial *trial = cl_study_trial(simulator_study(&s), i);
      assert_int_equal(trial->head.state, CL_PRUNED);
      assert_true(trial->head.step == 10);
    }
    assert_false(cl_study_head(simulator_study(&s))->open);
    simulator_end(&s);
  }
}

static int compare_rulings(const void *a, const void *b) {
  return memcmp(a, b, sizeof told.rulings[0]);
}

static bool dawdles(const struct simulator *s, int64_t trial, int turn) {
  return (uint64_t)(trial * 7919 + turn * 104729 + s->slots) % 3 != 0;
}

/* Whatever the slots, with and without crashes. */
static void check_timing(const char *schedule) {
  static struct story first;
  for (int slots = 1; slots <= 9; slots++) {
    struct simulator s = {.slots = slots,
                          .trials = 9,
                          .steps = 1000,
                          .seed = 6,
                          .schedule = schedule,
                          .more = slots == 2 ? ", \"ordered\": true, \"lag\": 9" : NULL,
                          .moves = slots > 1 ? dawdles : NULL};
    simulator_begin(&s);
    for (int i = 0; simulator_turn(&s); i++)
      if (slots > 3 && i % (slots + 2) == 4) simulator_crash(&s);
    simulator_run(&s);
    struct story *t = (struct story *)(uintptr_t)story_of(&s, false);
    qsort(t->rulings, (size_t)t->n, sizeof t->rulings[0], compare_rulings);
    if (slots == 1) first = *t;
    assert_int_equal(t->n, 4 * 5);
    assert_memory_equal(t->rulings, first.rulings, sizeof t->rulings[0] * (size_t)t->n);
    simulator_end(&s);
  }
}

static void neither_slots_nor_crashes_change_a_generation(void **state) {
  (void)state;
  check_timing(EPBT "}");
}

static void nor_do_they_with_novelty(void **state) {
  (void)state;
  check_timing(EPBT
               ", \"novelty\": {\"multiplier\": 1.5, \"removed\": 0.5, \"cycle\": 2, \"prefix\": \"the\"}}");
  assert_true(told.n > 0);
}

static int count_novel(void *ctx, const struct cl_event *ev) {
  int *n = ctx;
  if (ev->cause != CL_CAUSE_GENERATION || ev->kind == CL_EVENT_PAUSED) return 0;
  json_t *args = json_loads(ev->args, 0, NULL);
  const json_t *novelty = json_object_get(args, "novelty");
  int64_t number = json_integer_value(json_object_get(args, "number"));
  assert_int_equal(novelty != NULL, number % 3 == 0);
  if (novelty != NULL) assert_int_equal(json_array_size(novelty), 4); /* half of 8 */
  *n += novelty != NULL;
  json_decref(args);
  return 0;
}

static void novelty_pulses(void **state) {
  (void)state;
  int n = 0;
  struct simulator s = {
      .slots = 8,
      .trials = 8,
      .steps = 1000,
      .seed = 2,
      .schedule =
          "{\"method\": \"epbt\", \"interval\": 1, \"generations\": 7, \"novelty\": {\"multiplier\": 2, "
          "\"cycle\": 3, \"removed\": 0.5, \"prefix\": \"theta\"}}"};
  simulator_begin(&s);
  simulator_run(&s);
  assert_int_equal(cl_store_read(s.store, s.id, &(struct cl_read){0}, count_novel, &n, NULL), 0);
  assert_int_equal(n, 2 * 8);
  simulator_end(&s);
}

static void what_breaks_a_constraint_is_not_trained_but_revived(void **state) {
  (void)state;
  int infeasible = 0, revived = 0;
  for (int seed = 1; seed <= 5; seed++) {
    struct simulator s = {
        .slots = 3,
        .trials = 10,
        .steps = 1000,
        .seed = seed,
        .more = ", \"constraints\": [\"x < 0.75\"]",
        .schedule =
            "{\"method\": \"epbt\", \"interval\": 2, \"generations\": 8, \"mutation\": {\"sd\": 0.4}}"};
    simulator_begin(&s);
    simulator_run(&s);
    const struct cl_study *study = simulator_study(&s);
    const struct story *t = story_of(&s, false);
    for (int g = 1; g < 8; g++) {
      assert_int_equal(t->stayed[g] + t->descended[g], 10);
      infeasible += t->infeasible[g];
    }
    revived += t->revived;
    assert_int_equal(cl_study_count(study, CL_INFEASIBLE), t->infeasible[7]);
    assert_int_equal(cl_study_count(study, CL_PRUNED), 10 - t->infeasible[7]);
    infeasible -= t->infeasible[7];
    simulator_end(&s);
  }
  assert_true(infeasible > 20);
  assert_int_equal(revived, infeasible);
}

static void redraws_find_legal_values(void **state) {
  (void)state;
  struct simulator s = {.slots = 3,
                        .trials = 10,
                        .steps = 1000,
                        .seed = 1,
                        .more = ", \"constraints\": [\"x < 0.75\"]",
                        .schedule = EPBT ", \"redraws\": 50, \"mutation\": {\"sd\": 0.4}}"};
  simulator_begin(&s);
  simulator_run(&s);
  const struct story *t = story_of(&s, false);
  for (int g = 1; g < 5; g++) assert_int_equal(t->infeasible[g], 0);
  simulator_end(&s);
}

static enum trouble misfortune(const struct simulator *s, int64_t trial, int attempt, double step) {
  return simulator_trouble(s, trial, attempt, step, (struct simulator_odds){17, 19, 31, 37});
}

static void dead_members_get_descendants_and_nobody_waits_for_them(void **state) {
  (void)state;
  for (int seed = 1; seed <= 8; seed++) {
    struct simulator s = {.slots = 1 + seed,
                          .trials = 12,
                          .steps = 1000,
                          .seed = seed,
                          .schedule = "{\"method\": \"epbt\", \"interval\": 2, \"generations\": 8}",
                          .script = misfortune};
    simulator_begin(&s);
    simulator_run(&s);
    const struct cl_study *study = simulator_study(&s);
    assert_int_equal(cl_study_trials(study), 12);
    assert_true(cl_study_count(study, CL_PRUNED) >= 8); /* the others died in the last generation */
    assert_int_equal(cl_study_count(study, CL_PRUNED) + cl_study_count(study, CL_FAILED) +
                         cl_study_count(study, CL_DIVERGED),
                     12);
    assert_false(cl_study_head(study)->open);
    simulator_end(&s);
  }
}

static enum trouble all_diverge(const struct simulator *s, int64_t trial, int attempt, double step) {
  (void)s;
  (void)trial;
  (void)attempt;
  return step >= 2 ? DIVERGES : NO_TROUBLE;
}

static void study_ends_where_nobody_is_left(void **state) {
  (void)state;
  struct simulator s = {
      .slots = 4, .trials = 6, .steps = 9, .seed = 1, .schedule = EPBT "}", .script = all_diverge};
  simulator_begin(&s);
  simulator_run(&s);
  assert_false(cl_study_head(simulator_study(&s))->open);
  simulator_end(&s);
}

/* A table of seven, of which the second and the worst cannot be parents. */
static void plan_is_a_function_of_the_table(void **state) {
  (void)state;
  static const double scores[7] = {3.5, 9.25, 4, 8.5, -INFINITY, 2.385, 7};
  static const int64_t snapshots[7] = {1, 2, 3, 0, 0, 6, 7};
  struct cl_population p = {0};
  struct cl_generation g = {0};
  for (size_t i = 0; i < 7; i++) {
    struct cl_evaluation *v = cl_alloc(sizeof *v);
    assert_non_null(v);
    *v = (struct cl_evaluation){
        .trial = (int64_t)i + 1, .rung = 2, .score = scores[i], .snapshot = snapshots[i], .report = 5};
    assert_int_equal(cl_population_add(&p, NULL), 0);
    assert_int_equal(cl_population_set(&p, i, v, NULL), 0);
  }
  int wins[7] = {0};
  for (uint64_t seed = 1; seed <= 500; seed++) {
    assert_int_equal(cl_generation_begin(&g, &p, 2, NULL), 0);
    static const uint32_t able[5] = {0, 2, 3, 4, 5}; /* ranks: 9.25, 7, 4, 3.5, 2.385 */
    assert_int_equal(g.n_parents, 5);
    assert_memory_equal(g.parents, able, sizeof able);
    cl_generation_plan(&g, &p, 3, seed);
    static const int32_t place[7] = {-1, -1, -1, 0, 1, 2, 3};
    assert_memory_equal(g.place, place, sizeof place);
    assert_int_equal(g.n_descendants, 4);
    for (size_t i = 0; i < 4; i++) wins[g.chosen[i]]++;
  }
  assert_int_equal(wins[1] + wins[5] + wins[6], 0); /* the last of the parents loses to everybody */
  assert_in_range(wins[0], 740, 860);               /* in 2 of 5 pairs, of 2000 */
  assert_in_range(wins[4], 150, 250);               /* in 1 of 10 */
  size_t couple;
  g.n_descendants = 5;
  assert_int_equal(cl_generation_partner(&g, 2, &couple), 3);
  assert_int_equal(couple, 1);
  assert_int_equal(cl_generation_partner(&g, 4, &couple), 0);
  assert_int_equal(couple, 2);
  g.n_descendants = 1;
  assert_int_equal(cl_generation_partner(&g, 0, &couple), 0);
  cl_generation_done(&g);
  cl_population_done(&p);
}

static void options_that_do_not_fit_are_refused(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"\"sync\": false", "generations of epbt wait for each other"},
      {"\"generations\": 3, \"stop\": 9", "give one of the two"},
      {"\"population\": 9", "population is 9, but trials is 8"},
      {"\"mutation\": 0.2", "mutation of method epbt must be options of its own"},
      {"\"mutation\": {\"of\": {\"y\": {}}}", "no hyperparameter is called y"},
      {"\"novelty\": {\"every\": 3}", "has no option \"every\""},
      {"\"novelty\": {\"prefix\": 7}", "prefix of method epbt must be a text"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[1000];
    struct cl_settings *settings = NULL;
    struct cl_err e = {0};
    (void)snprintf(
        text, sizeof text,
        "{\"study\": \"s\", \"objectives\": [{\"name\": \"a\", \"goal\": \"maximize\"}], \"trials\": 8,"
        " \"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": "
        "1.0}], \"schedule\": {\"method\": \"epbt\", %s}}",
        cases[i][0]);
    assert_int_equal(cl_settings_parse(text, &settings, &e), 0);
    assert_int_equal(cl_schedule_check(settings, &e), CLADE_ESPEC);
    if (strstr(e.text, cases[i][1]) == NULL) fail_msg("%s", e.text);
    cl_settings_destroy(settings);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plan_is_a_function_of_the_table),
      cmocka_unit_test(half_goes_on_and_half_descends),
      cmocka_unit_test(neither_slots_nor_crashes_change_a_generation),
      cmocka_unit_test(nor_do_they_with_novelty),
      cmocka_unit_test(novelty_pulses),
      cmocka_unit_test(what_breaks_a_constraint_is_not_trained_but_revived),
      cmocka_unit_test(redraws_find_legal_values),
      cmocka_unit_test(dead_members_get_descendants_and_nobody_waits_for_them),
      cmocka_unit_test(study_ends_where_nobody_is_left),
      cmocka_unit_test(options_that_do_not_fit_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
