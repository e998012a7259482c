/* FIRE-PBT in simulated studies: who does what, and that what pays late wins over what pays soon. */
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

/* Twelve members: 1-5 the first part, 6-9 the second, 10-12 evaluators. */
#define FIRE "{\"method\": \"fire_pbt\", \"interval\": 1, \"max_evaluation\": 6"

struct item {
  int64_t member, donor, with;
  int rung;
  double x;
  char rule[20], role[12];
};

struct story {
  int n, kept_evaluating;
  struct item items[4000];
};

static int hear(void *ctx, const struct cl_event *ev) {
  struct story *s = ctx;
  if (ev->cause != CL_CAUSE_EXPLOIT || ev->args == NULL) return 0;
  json_t *args = json_loads(ev->args, 0, NULL);
  const char *rule = json_string_value(json_object_get(args, "rule"));
  s->kept_evaluating += ev->kind == CL_EVENT_CONTINUED && strcmp(rule, "evaluates") == 0;
  if (ev->kind == CL_EVENT_EXPLOITED) {
    assert_true(s->n < 4000);
    struct item *v = &s->items[s->n++];
    *v = (struct item){.member = ev->subject,
                       .donor = json_integer_value(json_object_get(args, "donor")),
                       .with = ev->u.exploited.with,
                       .rung = (int)json_integer_value(json_object_get(args, "rung")),
                       .x = ev->u.exploited.values.items[0].value.as.real};
    strncpy(v->rule, rule, sizeof v->rule - 1);
    strncpy(v->role, json_string_value(json_object_get(args, "role")), sizeof v->role - 1);
  }
  json_decref(args);
  return 0;
}

static void listen(const struct simulator *s, struct story *ret) {
  memset(ret, 0, sizeof *ret);
  assert_int_equal(cl_store_read(s->store, s->id, &(struct cl_read){0}, hear, ret, NULL), 0);
}

static void all_complete(const struct simulator *s) {
  assert_int_equal(cl_study_trials(simulator_study(s)), s->trials);
  assert_int_equal(cl_study_count(simulator_study(s), CL_COMPLETE), s->trials);
}

static int part_of(int64_t member) {
  return member <= 5 ? 1 : member <= 9 ? 2 : 3;
}

static int count_rule(const struct story *s, const char *rule) {
  int n = 0;
  for (int i = 0; i < s->n; i++) n += strcmp(s->items[i].rule, rule) == 0;
  return n;
}

static void every_part_does_its_own(void **state) {
  (void)state;
  static struct story story;
  struct simulator s = {.slots = 12, .trials = 12, .steps = 40, .seed = 3, .schedule = FIRE "}"};
  simulator_begin(&s);
  simulator_run(&s);
  all_complete(&s);
  listen(&s, &story);
  for (int i = 0; i < story.n; i++) {
    const struct item *v = &story.items[i];
    int part = part_of(v->member), donors = part_of(v->donor);
    assert_string_equal(v->role, part == 1 ? "first" : part == 2 ? "second" : "evaluator");
    if (strcmp(v->rule, "score") == 0) assert_true(part == 1 && donors == 1);
    if (strcmp(v->rule, "fitness") == 0) assert_true(part == 2 && donors == 2);
    if (strcmp(v->rule, "evaluate") == 0) assert_true(part == 3 && donors == 2 && part_of(v->with) == 1);
    if (strcmp(v->rule, "success") == 0) assert_true(part == 1 && donors == 3);
  }
  print_message("# score %d, fitness %d, evaluate %d, success %d, going on %d\n", count_rule(&story, "score"),
                count_rule(&story, "fitness"), count_rule(&story, "evaluate"), count_rule(&story, "success"),
                story.kept_evaluating);
  assert_true(count_rule(&story, "score") >= 8);
  assert_true(count_rule(&story, "evaluate") >= 9);
  assert_true(count_rule(&story, "fitness") >= 1);
  assert_true(story.kept_evaluating > 20);
  simulator_end(&s);
}

/* The later a level is reached, the faster it goes on: what an evaluator comes to looks better than its
 * child. */
static double quickens(const struct simulator *s, const struct cl_value *values, double step, double theta) {
  (void)s;
  (void)theta;
  return values[0].as.real * step;
}

static void a_sure_success_goes_over_to_the_first_part(void **state) {
  (void)state;
  static struct story story;
  struct simulator s = {.slots = 12, .trials = 12, .steps = 60, .seed = 3, .gain = quickens};
  s.schedule = "{\"method\": \"fire_pbt\", \"interval\": 1, \"max_evaluation\": 30}";
  simulator_begin(&s);
  simulator_run(&s);
  all_complete(&s);
  listen(&s, &story);
  int successes = 0;
  for (int i = 0; i < story.n; i++) {
    const struct item *v = &story.items[i];
    if (strcmp(v->rule, "success") != 0) continue;
    successes++;
    assert_true(part_of(v->member) == 1 && part_of(v->donor) == 3 && v->with == 0);
    for (int k = i; k-- > 0;) { /* it was this evaluator's child, and keeps its values */
      if (story.items[k].member != v->donor) continue;
      assert_int_equal(story.items[k].with, v->member);
      assert_float_equal(story.items[k].x, v->x, 0);
      break;
    }
  }
  print_message("# %d successes\n", successes);
  assert_true(successes >= 1);
  simulator_end(&s);
}

static bool dawdles(const struct simulator *s, int64_t trial, int turn) {
  return (uint64_t)(trial * 7919 + turn * 104729 + s->slots) % 3 != 0;
}

static int compare_items(const void *a, const void *b) {
  const struct item *x = a, *y = b;
  return x->rung != y->rung ? x->rung - y->rung : (int)(x->member - y->member);
}

static void ordered_mode_depends_neither_on_timing_nor_on_crashes(void **state) {
  (void)state;
  static struct story first, again;
  for (int slots = 1; slots <= 9; slots += 4) {
    struct simulator s = {.slots = slots, .trials = 12, .steps = 16, .seed = 6, .schedule = FIRE "}"};
    struct story *story = slots == 1 ? &first : &again;
    s.more = ", \"ordered\": true, \"lag\": 12";
    s.moves = slots > 1 ? dawdles : NULL;
    simulator_begin(&s);
    for (int i = 0; simulator_turn(&s); i++)
      if (slots == 5 && i % 9 == 8) simulator_crash(&s);
    simulator_run(&s);
    all_complete(&s);
    listen(&s, story);
    qsort(story->items, (size_t)story->n, sizeof story->items[0], compare_items);
    assert_true(story->n >= 12);
    if (slots > 1) assert_int_equal(again.n, first.n);
    for (int i = 0; slots > 1 && i < first.n; i++)
      assert_memory_equal(&first.items[i], &again.items[i], sizeof first.items[i]);
    simulator_end(&s);
  }
}

static void failed_and_diverged_members_are_replaced(void **state) {
  (void)state;
  for (int seed = 1; seed <= 3; seed++) {
    struct simulator s = {.slots = 2 + seed,
                          .trials = 12,
                          .steps = 20,
                          .seed = seed,
                          .schedule = FIRE "}",
                          .script = simulator_seldom};
    simulator_begin(&s);
    simulator_run(&s);
    all_complete(&s);
    simulator_end(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_part_does_its_own),
      cmocka_unit_test(a_sure_success_goes_over_to_the_first_part),
      cmocka_unit_test(ordered_mode_depends_neither_on_timing_nor_on_crashes),
      cmocka_unit_test(failed_and_diverged_members_are_replaced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
