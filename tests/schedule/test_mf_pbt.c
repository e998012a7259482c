/* Multiple frequencies in simulated studies: every move is the one of the round's table, and N members stay
 * N. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulator.h"

#define MF "{\"method\": \"mf_pbt\", \"interval\": 2, \"sub_populations\": 2, \"frequencies\": [1, 3]"

struct ruling {
  int64_t member, donor, with;
  int rung, group;
  bool migrates;
  double x, explored; /* the new value, and the factor; 1: taken as it was */
};

struct rulings {
  int n, kept;
  struct ruling items[2000];
};

static int keep_ruling(void *ctx, const struct cl_event *ev) {
  struct rulings *r = ctx;
  r->kept += ev->kind == CL_EVENT_CONTINUED && ev->cause == CL_CAUSE_EXPLOIT;
  if (ev->kind != CL_EVENT_EXPLOITED) return 0;
  json_t *args = json_loads(ev->args, 0, NULL),
         *factor = json_object_get(json_object_get(args, "explore"), "1");
  assert_true(r->n < 2000);
  r->items[r->n++] =
      (struct ruling){.member = ev->subject,
                      .donor = json_integer_value(json_object_get(args, "donor")),
                      .with = ev->u.exploited.with,
                      .rung = (int)json_integer_value(json_object_get(args, "rung")),
                      .group = (int)json_integer_value(json_object_get(args, "sub_population")),
                      .migrates = strcmp(json_string_value(json_object_get(args, "rule")), "migration") == 0,
                      .x = ev->u.exploited.values.items[0].value.as.real,
                      .explored = factor == NULL ? 1 : json_number_value(factor)};
  json_decref(args);
  return 0;
}

static void read_rulings(const struct simulator *s, struct rulings *ret) {
  *ret = (struct rulings){0};
  assert_int_equal(cl_store_read(s->store, s->id, &(struct cl_read){0}, keep_ruling, ret, NULL), 0);
}

static void all_complete(const struct simulator *s) {
  assert_int_equal(cl_study_trials(simulator_study(s)), s->trials);
  assert_int_equal(cl_study_count(simulator_study(s), CL_COMPLETE), s->trials);
}

static void slow_groups_evolve_seldom_and_states_migrate(void **state) {
  (void)state;
  static struct rulings r;
  struct simulator s = {.slots = 16, .trials = 16, .steps = 24, .seed = 4, .schedule = MF "}"};
  int migrations = 0, with = 0;
  simulator_begin(&s);
  simulator_run(&s);
  all_complete(&s);
  read_rulings(&s, &r);
  for (int i = 0; i < r.n; i++) {
    const struct ruling *v = &r.items[i];
    int own = (int)((v->member - 1) % 2), donors = (int)((v->donor - 1) % 2);
    assert_int_equal(v->group, own + 1);
    assert_true(own == 0 || v->rung % 3 == 0);
    assert_int_equal(v->migrates, own != donors);
    if (v->migrates) assert_true(v->explored == 1);
    if (!v->migrates) assert_true(v->explored == 1.25 || v->explored == 0.8);
    if (v->with != 0)
      assert_true(own == 1 && donors == 0 && (v->with - 1) % 2 == 1); /* a faster one's state */
    migrations += v->migrates;
    with += v->with != 0;
  }
  assert_true(r.n - migrations == 2 * 12 + 2 * 4); /* a quarter each: 12 rounds of the fast, 4 of the slow */
  assert_true(migrations >= 2);
  print_message("# %d migrations, %d with values of the own best\n", migrations, with);
  simulator_end(&s);
}

static void frozen_values_stay(void **state) {
  (void)state;
  static struct rulings r;
  struct simulator s = {
      .slots = 8, .trials = 8, .steps = 12, .seed = 4, .schedule = MF ", \"frozen\": true}"};
  double first[9];
  simulator_begin(&s);
  while (cl_study_trials(simulator_study(&s)) < 8) (void)simulator_turn(&s);
  for (int64_t i = 1; i <= 8; i++) {
    struct cl_value x;
    cl_trial_values(simulator_study(&s), cl_study_trial(simulator_study(&s), i), &x);
    first[i] = x.as.real;
  }
  simulator_run(&s);
  all_complete(&s);
  read_rulings(&s, &r);
  assert_true(r.n >= 6);
  for (int i = 0; i < r.n; i++) assert_float_equal(r.items[i].x, first[r.items[i].member], 0);
  simulator_end(&s);
}

static int compare_rulings(const void *a, const void *b) {
  const struct ruling *x = a, *y = b;
  if (x->rung != y->rung) return x->rung - y->rung;
  return (int)(x->member - y->member);
}

static bool dawdles(const struct simulator *s, int64_t trial, int turn) {
  return (uint64_t)(trial * 7919 + turn * 104729 + s->slots) % 3 != 0;
}

/* All are judged together, so the moves do not depend on timing in either mode. */
static void moves_do_not_depend_on_timing(void **state) {
  (void)state;
  static struct rulings first, again;
  for (int mode = 0; mode < 2; mode++) {
    for (int slots = 1; slots <= 9; slots += 4) {
      struct simulator s = {.slots = slots, .trials = 8, .steps = 18, .seed = 6, .schedule = MF "}"};
      struct rulings *r = slots == 1 ? &first : &again;
      s.more = mode == 1 ? ", \"ordered\": true, \"lag\": 8" : "";
      s.moves = slots > 1 ? dawdles : NULL;
      simulator_begin(&s);
      for (int i = 0; simulator_turn(&s); i++)
        if (slots == 5 && i % 9 == 8) simulator_crash(&s);
      simulator_run(&s);
      all_complete(&s);
      read_rulings(&s, r);
      qsort(r->items, (size_t)r->n, sizeof r->items[0], compare_rulings);
      assert_true(r->n >= 8);
      if (slots > 1) assert_int_equal(again.n, first.n);
      for (int i = 0; slots > 1 && i < first.n; i++) {
        assert_int_equal(first.items[i].member, again.items[i].member);
        assert_int_equal(first.items[i].donor, again.items[i].donor);
        assert_int_equal(first.items[i].with, again.items[i].with);
        assert_float_equal(first.items[i].x, again.items[i].x, 0);
      }
      simulator_end(&s);
    }
  }
}

static void failed_and_diverged_members_are_replaced(void **state) {
  (void)state;
  for (int seed = 1; seed <= 8; seed++) {
    struct simulator s = {.slots = 2 + seed,
                          .trials = 16,
                          .steps = 14,
                          .seed = seed,
                          .schedule = MF "}",
                          .script = simulator_often};
    simulator_begin(&s);
    simulator_run(&s);
    all_complete(&s);
    simulator_end(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slow_groups_evolve_seldom_and_states_migrate),
      cmocka_unit_test(frozen_values_stay),
      cmocka_unit_test(moves_do_not_depend_on_timing),
      cmocka_unit_test(failed_and_diverged_members_are_replaced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
