/* The archive of the best states ever ranked: what it keeps, who may draw from it, and populations that find
 * the way back in it. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "schedule/exploit.h"
#include "schedule/scheduler.h"
#include "simulator.h"

/* What it keeps. */

static int offer(struct cl_archive *a, size_t member, double score, int32_t rung, int64_t snapshot) {
  struct cl_evaluation *v = cl_alloc(sizeof *v);
  assert_non_null(v);
  *v = (struct cl_evaluation){
      .trial = (int64_t)member + 1, .rung = rung, .score = score, .snapshot = snapshot, .given_up = 2};
  int status = cl_archive_offer(a, member, v, NULL);
  cl_free(v);
  return status;
}

static void check_order(const struct cl_archive *a, const int64_t *snapshots, size_t n) {
  assert_int_equal(a->n, n);
  for (size_t i = 0; i < n; i++) assert_int_equal(a->items[i].state->snapshot, snapshots[i]);
}

static void the_best_states_stay_and_ties_go_to_the_lower_rung(void **state) {
  (void)state;
  struct cl_archive a = {.most = 3};
  assert_int_equal(offer(&a, 0, 2.385, 2, 11), 0);
  assert_int_equal(offer(&a, 1, 4.71, 2, 12), 0);
  assert_int_equal(offer(&a, 1, 4.71, 2, 12), 0); /* there already */
  assert_int_equal(offer(&a, 2, -INFINITY, 2, 13), 0);
  assert_int_equal(offer(&a, 2, 9.5, 2, 0), 0); /* was not saved */
  check_order(&a, (const int64_t[]){12, 11}, 2);
  assert_int_equal(offer(&a, 0, 2.385, 3, 14), 0);
  check_order(&a, (const int64_t[]){12, 11, 14}, 3);
  assert_int_equal(offer(&a, 3, 2.385, 3, 15), 0); /* no better than the last one */
  check_order(&a, (const int64_t[]){12, 11, 14}, 3);
  assert_int_equal(offer(&a, 3, 3.14, 5, 16), 0);
  check_order(&a, (const int64_t[]){12, 16, 11}, 3);
  assert_int_equal(a.items[1].member, 3);
  assert_int_equal(a.items[1].state->given_up, 0);
  cl_archive_drop(&a, 12);
  cl_archive_drop(&a, 99);
  check_order(&a, (const int64_t[]){16, 11}, 2);
  assert_int_equal(offer(&a, 1, 3.14, 5, 17), 0);
  check_order(&a, (const int64_t[]){17, 16, 11}, 3); /* of an earlier trial */
  cl_archive_drop(&a, 17);
  assert_null(cl_archive_find(&a, 12));
  assert_int_equal(cl_archive_find(&a, 11)->trial, 1);
  cl_archive_done(&a);
}

static void a_member_goes_back_once_per_rung(void **state) {
  (void)state;
  struct cl_archive a = {.most = 1};
  assert_false(cl_archive_is_open(&a, 4, 3));
  assert_int_equal(offer(&a, 0, 2.385, 2, 11), 0);
  assert_true(cl_archive_is_open(&a, 4, 3));
  assert_int_equal(cl_archive_note(&a, 4, 3, NULL), 0);
  assert_false(cl_archive_is_open(&a, 4, 3));
  assert_false(cl_archive_is_open(&a, 4, 2));
  assert_true(cl_archive_is_open(&a, 4, 4));
  assert_true(cl_archive_is_open(&a, 3, 3) && cl_archive_is_open(&a, 5, 1));
  cl_archive_done(&a);
}

/* Who draws from it. A table of ten at rung 3, scores 0.1 … 1.0; member 9 is the best. */

static struct cl_population make_table(void) {
  struct cl_population p = {0};
  for (int i = 0; i < 10; i++) assert_int_equal(cl_population_add(&p, NULL), 0);
  for (int i = 0; i < 10; i++) {
    struct cl_evaluation *v = cl_alloc(sizeof *v);
    assert_non_null(v);
    *v = (struct cl_evaluation){.trial = i + 1, .rung = 3, .score = 0.1 * (i + 1), .snapshot = 100 + i};
    assert_int_equal(cl_population_set(&p, (size_t)i, v, NULL), 0);
  }
  return p;
}

enum { DRAWS = 4000 };

/* How often member 0 was given each of the snapshots 100 … 199. */
static void draw(const struct cl_exploit *x, const struct cl_population *p, int counts[100],
                 size_t *ret_archived) {
  memset(counts, 0, 100 * sizeof *counts);
  for (uint32_t i = 0; i < DRAWS; i++) {
    struct cl_rng rng = cl_rng_stream(7, CL_RNG_EXPLOIT, 1, i);
    struct cl_exploit_view view;
    size_t donor;
    const struct cl_evaluation *v = cl_exploit_choose(x, p, 10, 3, 0, false, &rng, &donor, &view);
    *ret_archived = view.archived;
    if (v == NULL) continue;
    assert_int_equal(v->trial, donor + 1);
    assert_true(view.from_archive || v->snapshot < 150);
    counts[v->snapshot - 100]++;
  }
}

static void only_states_that_are_as_good_and_no_older_in_steps_are_drawn(void **state) {
  (void)state;
  struct cl_population p = make_table();
  struct cl_archive a = {.most = 10};
  struct cl_exploit x = {.rule = CL_EXPLOIT_TRUNCATION, .quantile = 0.2, .last = 10, .archive = &a};
  int counts[100];
  size_t archived;
  assert_int_equal(offer(&a, 5, 1.7, 2, 150), 0);  /* better with less training */
  assert_int_equal(offer(&a, 6, 0.95, 1, 151), 0); /* as good as the worse of the two best */
  assert_int_equal(offer(&a, 7, 0.85, 3, 152), 0); /* would not rank among them */
  assert_int_equal(offer(&a, 8, 2.1, 4, 153), 0);  /* has trained for longer */
  assert_int_equal(offer(&a, 9, 1.0, 3, 109), 0);  /* stands in the table */
  draw(&x, &p, counts, &archived);
  assert_int_equal(archived, 2);
  assert_int_equal(counts[8] + counts[9] + counts[50] + counts[51], DRAWS);
  const int given[] = {8, 9, 50, 51};
  for (int i = 0; i < 4; i++) assert_in_range(counts[given[i]], DRAWS / 4 - 110, DRAWS / 4 + 110); /* 4 sd */
  cl_population_retire(&p, 9); /* it trains on from another state: its own is given by the archive alone */
  x.rule = CL_EXPLOIT_BEST;
  draw(&x, &p, counts, &archived);
  assert_int_equal(counts[50], DRAWS);
  cl_archive_drop(&a, 150);
  draw(&x, &p, counts, &archived);
  assert_int_equal(archived, 2);
  assert_int_equal(counts[9], DRAWS);
  assert_int_equal(cl_archive_note(&a, 0, 3, NULL), 0);
  draw(&x, &p, counts, &archived);
  assert_int_equal(archived, 0);
  assert_int_equal(counts[8], DRAWS);
  cl_archive_done(&a);
  cl_population_done(&p);
}

/* Populations. */

/* Now and then a state collapses; which, depends on nothing but the state. */
static double collapses(const struct simulator *s, const struct cl_value *values, double step, double theta) {
  (void)s;
  uint64_t bits;
  memcpy(&bits, &theta, sizeof bits);
  bool falls = cl_mix64(bits + (uint64_t)step * 1009) % 7 == 0 && step > 2;
  return falls ? -theta / 2 : values[0].as.real;
}

struct story {
  int exploits, archived, own;
  double last[64][2]; /* by member: the rung at which it went back */
  struct item {
    int64_t member, donor;
    int rung;
    double x;
  } items[4000];
};

static int hear(void *ctx, const struct cl_event *ev) {
  struct story *s = ctx;
  if (ev->kind != CL_EVENT_EXPLOITED) return 0;
  json_t *args = json_loads(ev->args, 0, NULL);
  int rung = (int)json_integer_value(json_object_get(args, "rung"));
  int donor_rung = (int)json_integer_value(json_object_get(args, "donor_rung"));
  int at = (int)json_integer_value(json_object_get(args, "at"));
  assert_true(s->exploits < 4000 && ev->subject < 64);
  s->items[s->exploits++] =
      (struct item){ev->subject, (int64_t)json_integer_value(json_object_get(args, "donor")), rung,
                    ev->u.exploited.values.items[0].value.as.real};
  if (json_is_true(json_object_get(args, "archived"))) {
    assert_true(json_integer_value(json_object_get(args, "archive")) >= 1);
    assert_true(donor_rung <= at && at <= rung);
    assert_true(rung > s->last[ev->subject][0]);
    s->last[ev->subject][0] = rung;
    s->archived++;
    s->own += json_integer_value(json_object_get(args, "donor")) == ev->subject;
  } else {
    assert_int_not_equal(json_integer_value(json_object_get(args, "donor")), ev->subject);
  }
  json_decref(args);
  return 0;
}

static void listen(const struct simulator *s, struct story *ret) {
  *ret = (struct story){0};
  assert_int_equal(cl_store_read(s->store, s->id, &(struct cl_read){0}, hear, ret, NULL), 0);
}

static double mean_of(const struct simulator *s) {
  double sum = 0;
  assert_int_equal(cl_study_count(simulator_study(s), CL_COMPLETE), s->trials);
  for (int64_t i = 1; i <= s->trials; i++) sum += cl_study_trial(simulator_study(s), i)->value / s->trials;
  return sum;
}

#define PBT "{\"method\": \"pbt\", \"interval\": 2, \"explore\": \"perturb\", \"quantile\": 0.25"

static void what_has_collapsed_finds_the_way_back(void **state) {
  (void)state;
  static struct story story;
  double mean[2] = {0, 0};
  int archived = 0, own = 0;
  for (int with = 0; with < 2; with++)
    for (int seed = 1; seed <= 10; seed++) {
      struct simulator s = {.slots = 8, .trials = 8, .steps = 40, .seed = seed, .gain = collapses};
      s.schedule = with ? PBT ", \"sync\": true, \"archive\": 3}" : PBT ", \"sync\": true}";
      simulator_begin(&s);
      simulator_run(&s);
      mean[with] += mean_of(&s) / 10;
      listen(&s, &story);
      assert_true(with || story.archived == 0);
      archived += story.archived;
      own += story.own;
      simulator_end(&s);
    }
  print_message(
      "# mean of 10 seeds: %.3f with an archive, %.3f without; %d of its states given, %d to whom they were\n",
      mean[1], mean[0], archived, own);
  assert_true(archived > 20);
  assert_true(mean[1] > mean[0]);
}

static bool dawdles(const struct simulator *s, int64_t trial, int turn) {
  return (uint64_t)(trial * 7919 + turn * 104729 + s->slots) % 3 != 0;
}

static int compare_items(const void *a, const void *b) {
  const struct item *x = a, *y = b;
  if (x->member != y->member) return x->member < y->member ? -1 : 1;
  return x->rung != y->rung ? x->rung - y->rung : (x->x > y->x) - (x->x < y->x);
}

static void ordered_mode_depends_neither_on_timing_nor_on_crashes(void **state) {
  (void)state;
  static struct story first, again;
  for (int slots = 1; slots <= 7; slots += 3) {
    struct simulator s = {.slots = slots, .trials = 6, .steps = 30, .seed = 6, .gain = collapses};
    struct story *story = slots == 1 ? &first : &again;
    s.schedule = PBT ", \"archive\": 2}";
    s.more = ", \"ordered\": true, \"lag\": 6";
    s.moves = slots > 1 ? dawdles : NULL;
    simulator_begin(&s);
    for (int i = 0; simulator_turn(&s); i++)
      if (slots == 4 && i % 9 == 8) simulator_crash(&s);
    simulator_run(&s);
    (void)mean_of(&s);
    listen(&s, story);
    qsort(story->items, (size_t)story->exploits, sizeof story->items[0], compare_items);
    assert_true(story->archived >= 3);
    assert_int_equal(story->exploits, first.exploits);
    for (int i = 0; i < first.exploits; i++) {
      assert_int_equal(story->items[i].donor, first.items[i].donor);
      assert_float_equal(story->items[i].x, first.items[i].x, 0);
    }
    simulator_end(&s);
  }
}

static bool is_unreadable(const struct simulator *s, const struct cl_snapshot *n) {
  return cl_mix64((uint64_t)(s->seed * 31 + n->trial * 1009 + (int64_t)(n->step * 8))) % 3 == 0;
}

static bool is_cleaned(const struct simulator *s, const struct cl_snapshot *n, int turn) {
  (void)s;
  return cl_mix64((uint64_t)(n->position * 7919 + turn)) % 5 == 0;
}

/* The simulator fails the test when a state is loaded that is gone. */
static void states_that_are_gone_leave_the_archive(void **state) {
  (void)state;
  static struct story story;
  for (int seed = 1; seed <= 6; seed++) {
    struct simulator s = {.slots = 3, .trials = 8, .steps = 24, .seed = seed, .gain = collapses};
    s.schedule = PBT ", \"archive\": 4}";
    s.script = simulator_seldom;
    if (seed % 2 == 0)
      s.unreadable = is_unreadable;
    else
      s.removes = is_cleaned;
    simulator_begin(&s);
    simulator_run(&s);
    assert_int_equal(cl_study_trials(simulator_study(&s)), s.trials);
    listen(&s, &story);
    assert_true(story.exploits > 0);
    simulator_end(&s);
  }
}

static void an_archive_that_nobody_would_look_into_is_refused(void **state) {
  (void)state;
  static const char *const schedules[] = {
      "{\"method\": \"pbt\", \"archive\": 3, \"exploit\": \"ttest\"}",
      "{\"method\": \"pb2\", \"archive\": 2, \"exploit\": \"tournament\"}",
      "{\"method\": \"pbt\", \"archive\": 3, \"exploit\": \"best\"}",
      "{\"method\": \"pb2_mix\", \"archive\": 3}",
      "{\"method\": \"ipbt\", \"end\": 9, \"archive\": 3}",
  };
  for (int i = 0; i < 5; i++) {
    struct cl_err e = {0};
    assert_int_equal(simulator_check(schedules[i], NULL, &e), i < 2 ? CLADE_ESPEC : 0);
    if (i == 0) assert_non_null(strstr(e.text, "an archive of 3 states"));
    if (i == 1) assert_non_null(strstr(e.text, "tournament"));
  }
}

/* With what to do instead. */
static void methods_that_have_no_place_for_an_archive_say_why(void **state) {
  (void)state;
  static const char *const all[][3] = {
      {"epbt", "parents are members of the generation", "`elites` says"},
      {"mf_pbt", "take over from each other one to one", "a sub-population that evolves seldom"},
      {"fire_pbt", "compares curves of scores over equal steps", "its second part keeps"}};
  for (int i = 0; i < 3; i++) {
    char schedule[100];
    struct cl_err e = {0};
    (void)snprintf(schedule, sizeof schedule, "{\"method\": \"%s\", \"archive\": 3}", all[i][0]);
    assert_int_equal(simulator_check(schedule, NULL, &e), CLADE_ESPEC);
    if (strstr(e.text, all[i][1]) == NULL || strstr(e.text, all[i][2]) == NULL) fail_msg("%s", e.text);
    if (strstr(e.text, "pbt, pb2, pb2_mix and ipbt have an archive") == NULL) fail_msg("%s", e.text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_best_states_stay_and_ties_go_to_the_lower_rung),
      cmocka_unit_test(a_member_goes_back_once_per_rung),
      cmocka_unit_test(only_states_that_are_as_good_and_no_older_in_steps_are_drawn),
      cmocka_unit_test(what_has_collapsed_finds_the_way_back),
      cmocka_unit_test(ordered_mode_depends_neither_on_timing_nor_on_crashes),
      cmocka_unit_test(states_that_are_gone_leave_the_archive),
      cmocka_unit_test(an_archive_that_nobody_would_look_into_is_refused),
      cmocka_unit_test(methods_that_have_no_place_for_an_archive_say_why),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
