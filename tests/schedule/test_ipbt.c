/* IPBT in simulated studies: when it begins anew, with which interval, and what a trainer is told. */
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

#include "schedule/scheduler.h"
#include "simulator.h"

#define IPBT "{\"method\": \"ipbt\", \"interval\": 1, \"end\": 120"

struct story {
  int restarts, begun, modelled, drawn, exploits, ordinary;
  double step[20], interval[20];
  int fresh[20], shrunk[20], kept[20];
  double counter[64]; /* by trial: the value of ipbt_restarts */
  int n;
  struct item {
    int64_t member;
    int rung;
    double x;
  } items[4000];
};

static double number_in(const json_t *object, const char *key) {
  return json_number_value(json_object_get(object, key));
}

static void hear_exploit(struct story *s, const struct cl_event *ev) {
  json_t *args = json_loads(ev->args, 0, NULL);
  const char *weights = json_string_value(json_object_get(args, "weights"));
  const struct cl_assigned_list *values = &ev->u.exploited.values;
  assert_true(s->n < 4000);
  s->items[s->n].member = ev->subject;
  s->items[s->n].rung = (int)number_in(args, "rung");
  s->items[s->n++].x = values->items[0].value.as.real;
  s->exploits++;
  if (weights != NULL) {
    const char *how = json_string_value(json_object_get(args, "values"));
    assert_int_equal((int)number_in(args, "restart"), s->restarts);
    s->begun++;
    s->modelled += strcmp(how, "model") == 0;
    s->drawn += strcmp(how, "drawn") == 0;
    s->fresh[s->restarts] += strcmp(weights, "fresh") == 0;
    s->shrunk[s->restarts] += strcmp(weights, "shrunk") == 0;
    s->kept[s->restarts] += strcmp(weights, "kept") == 0;
  }
  if (values->n == 3) {
    double counter = (double)values->items[1].value.as.integer, share = values->items[2].value.as.real;
    int64_t donor = (int64_t)number_in(args, "donor");
    if (weights == NULL) assert_float_equal(counter, s->counter[donor], 0); /* goes with the state */
    if (weights != NULL && s->counter[ev->subject] >= 0) assert_true(counter != s->counter[ev->subject]);
    if (weights != NULL) assert_true(share == (strcmp(weights, "fresh") == 0 ? 0 : 0.2));
    s->counter[ev->subject] = counter;
  }
  json_decref(args);
}

static int hear(void *ctx, const struct cl_event *ev) {
  struct story *s = ctx;
  if (ev->kind == CL_EVENT_CHOSEN) {
    json_t *what = json_loads(ev->u.chosen.what, 0, NULL);
    bool restart = json_object_get(what, "restart") != NULL;
    assert_string_equal(ev->u.chosen.method, "ipbt");
    if (restart) assert_int_equal((int)number_in(what, "restart"), ++s->restarts);
    assert_true(s->restarts < 20);
    if (restart) s->step[s->restarts] = number_in(what, "step");
    if (restart) s->interval[s->restarts] = number_in(what, "interval");
    json_decref(what);
  }
  if (ev->kind == CL_EVENT_PROPOSED && ev->u.proposed.values.n == 3)
    s->counter[ev->subject] = (double)ev->u.proposed.values.items[1].value.as.integer;
  if (ev->kind == CL_EVENT_EXPLOITED) hear_exploit(s, ev);
  return 0;
}

static void listen(const struct simulator *s, struct story *ret) {
  *ret = (struct story){0};
  assert_int_equal(cl_store_read(s->store, s->id, &(struct cl_read){0}, hear, ret, NULL), 0);
}

static void all_complete(const struct simulator *s) {
  assert_int_equal(cl_study_trials(simulator_study(s)), s->trials);
  assert_int_equal(cl_study_count(simulator_study(s), CL_COMPLETE), s->trials);
}

/* Comes to rest at 20. */
static double saturates(const struct simulator *s, const struct cl_value *values, double step, double theta) {
  (void)s;
  (void)step;
  return 0.3 * values[0].as.real * (20 - theta);
}

static void a_stalled_population_begins_anew_with_a_longer_interval(void **state) {
  (void)state;
  static struct story story;
  struct simulator s = {
      .slots = 6, .trials = 6, .steps = 120, .seed = 2, .schedule = IPBT "}", .gain = saturates};
  simulator_begin(&s);
  simulator_run(&s);
  all_complete(&s);
  listen(&s, &story);
  assert_true(story.restarts >= 2);
  double before = 1;
  for (int k = 1; k <= story.restarts; k++) {
    assert_float_equal(story.interval[k], before * 2, 1e-12);
    assert_true(story.step[k] + 2 * story.interval[k] <= 120);
    assert_true(k == 1 || story.step[k] > story.step[k - 1]);
    assert_int_equal(story.kept[k], 6); /* nobody told the trainer */
    before = story.interval[k];
  }
  assert_int_equal(story.begun, 6 * story.restarts);
  assert_true(story.modelled >= story.restarts && story.drawn >= 3 * story.restarts);
  simulator_end(&s);
}

static double rises(const struct simulator *s, const struct cl_value *values, double step, double theta) {
  (void)s;
  (void)theta;
  return step * (1 + values[0].as.real);
}

static void what_still_rises_is_left_alone(void **state) {
  (void)state;
  static struct story story;
  struct simulator s = {.slots = 6, .trials = 6, .steps = 40, .seed = 2, .gain = rises};
  s.schedule = "{\"method\": \"ipbt\", \"interval\": 1, \"end\": 40}";
  simulator_begin(&s);
  simulator_run(&s);
  all_complete(&s);
  listen(&s, &story);
  assert_int_equal(story.restarts, 0);
  assert_true(story.exploits > 10);
  simulator_end(&s);
}

static const char told[] =
    "{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"scale\": \"linear\", \"lo\": 0.0, \"hi\": 1.0},"
    " {\"id\": 2, \"name\": \"ipbt_restarts\", \"domain\": \"int\", \"scale\": \"linear\", \"lo\": 0, \"hi\": 9},"
    " {\"id\": 3, \"name\": \"ipbt_shrink\", \"domain\": \"float\", \"scale\": \"linear\", \"lo\": 0.0, \"hi\": 1.0}";

static void trainers_are_told_by_two_hyperparameters(void **state) {
  (void)state;
  static struct story story;
  struct simulator s = {.slots = 3,
                        .trials = 6,
                        .steps = 120,
                        .seed = 2,
                        .schedule = IPBT "}",
                        .gain = saturates,
                        .space = told};
  simulator_begin(&s);
  simulator_run(&s);
  all_complete(&s);
  listen(&s, &story);
  assert_true(story.restarts >= 2);
  for (int k = 1; k <= story.restarts; k++) {
    assert_int_equal(story.fresh[k], 3);
    assert_int_equal(story.shrunk[k], 3);
  }
  simulator_end(&s);
}

struct starters {
  double first[64]; /* by trial: its score at step 1, NaN = none */
  bool out[64];
  int cuts;
};

static int hear_starters(void *ctx, const struct cl_event *ev) {
  struct starters *s = ctx;
  if (ev->kind == CL_EVENT_REPORTED && ev->u.reported.step == 1 && isnan(s->first[ev->subject]))
    s->first[ev->subject] = ev->u.reported.metrics.items[0].value;
  if (ev->kind == CL_EVENT_STOPPED) {
    assert_true(s->out[ev->subject]);
    assert_non_null(strstr(ev->args, "\"rule\": \"starters\""));
  }
  if (ev->kind != CL_EVENT_CHOSEN) return 0;
  json_t *what = json_loads(ev->u.chosen.what, 0, NULL), *out = json_object_get(what, "out");
  for (size_t i = 0; i < json_array_size(out); i++) s->out[json_integer_value(json_array_get(out, i))] = true;
  s->cuts += json_is_array(out);
  if (json_is_array(out)) assert_int_equal((int)number_in(what, "rung"), 1);
  json_decref(what);
  return 0;
}

static struct starters hear_cut(const struct simulator *s) {
  struct starters ret = {.cuts = 0};
  for (int i = 0; i < 64; i++) ret.first[i] = NAN;
  assert_int_equal(cl_store_read(s->store, s->id, &(struct cl_read){0}, hear_starters, &ret, NULL), 0);
  return ret;
}

static void the_best_of_the_starters_are_the_members(void **state) {
  (void)state;
  static struct story story;
  struct simulator s = {.slots = 5, .trials = 12, .steps = 120, .seed = 2, .gain = saturates, .space = told};
  s.schedule = IPBT ", \"starters\": 2}";
  simulator_begin(&s);
  simulator_run(&s);
  assert_int_equal(cl_study_trials(simulator_study(&s)), 12);
  assert_int_equal(cl_study_count(simulator_study(&s), CL_COMPLETE), 6);
  assert_int_equal(cl_study_count(simulator_study(&s), CL_PRUNED), 6);
  const struct starters seen = hear_cut(&s);
  assert_int_equal(seen.cuts, 1);
  double least = INFINITY, most = -INFINITY;
  for (int64_t i = 1; i <= 12; i++) {
    const struct cl_trial *t = cl_study_trial(simulator_study(&s), i);
    assert_int_equal(t->head.state == CL_PRUNED, seen.out[i]);
    if (seen.out[i]) {
      assert_true(t->head.step == 1); /* trained no longer */
      most = fmax(most, seen.first[i]);
    } else {
      least = fmin(least, seen.first[i]);
    }
  }
  assert_true(least > most);
  listen(&s, &story);
  assert_true(story.restarts >= 2);
  assert_int_equal(story.begun, 6 * story.restarts);
  for (int k = 1; k <= story.restarts; k++) {
    assert_int_equal(story.fresh[k], 3); /* halves of those who go on */
    assert_int_equal(story.shrunk[k], 3);
  }
  simulator_end(&s);
}

static void starters_that_fail_hold_nobody_up(void **state) {
  (void)state;
  for (int seed = 1; seed <= 8; seed++) {
    struct simulator s = {.slots = 3, .trials = 18, .steps = 30, .seed = seed, .gain = saturates};
    s.schedule = "{\"method\": \"ipbt\", \"interval\": 1, \"end\": 30, \"starters\": 3}";
    s.script = simulator_often;
    simulator_begin(&s);
    for (int i = 0; simulator_turn(&s); i++)
      if (seed % 2 == 0 && i % 7 == 6) simulator_crash(&s);
    simulator_run(&s);
    const struct starters seen = hear_cut(&s);
    int out = 0, complete = (int)cl_study_count(simulator_study(&s), CL_COMPLETE);
    for (int64_t i = 1; i <= 18; i++) {
      const struct cl_trial *t = cl_study_trial(simulator_study(&s), i);
      out += seen.out[i];
      assert_false(seen.out[i] && t->head.state == CL_COMPLETE);
      assert_false(seen.out[i] && t->head.step > 1);
    }
    assert_int_equal(seen.cuts, 1);
    assert_int_equal(out, 12);
    assert_in_range(complete, 4, 6);
    simulator_end(&s);
  }
}

static int compare_items(const void *a, const void *b) {
  const struct item *x = a, *y = b;
  return x->rung != y->rung ? x->rung - y->rung : (int)(x->member - y->member);
}

static bool dawdles(const struct simulator *s, int64_t trial, int turn) {
  return (uint64_t)(trial * 7919 + turn * 104729 + s->slots) % 3 != 0;
}

static void decides_alike_in_ordered_mode(const char *schedule, int trials, const char *more) {
  static struct story first, again;
  for (int slots = 1; slots <= 7; slots += 3) {
    struct simulator s = {.slots = slots, .trials = trials, .steps = 60, .seed = 6, .gain = saturates};
    struct story *story = slots == 1 ? &first : &again;
    s.schedule = schedule;
    s.more = more;
    s.moves = slots > 1 ? dawdles : NULL;
    simulator_begin(&s);
    for (int i = 0; simulator_turn(&s); i++)
      if (slots == 4 && i % 9 == 8) simulator_crash(&s);
    simulator_run(&s);
    assert_int_equal(cl_study_count(simulator_study(&s), CL_COMPLETE), 5);
    listen(&s, story);
    qsort(story->items, (size_t)story->n, sizeof story->items[0], compare_items);
    assert_true(story->restarts >= 1);
    if (slots > 1) {
      assert_int_equal(again.restarts, first.restarts);
      assert_memory_equal(again.step, first.step, sizeof first.step);
      assert_int_equal(again.n, first.n);
      for (int i = 0; i < first.n; i++) assert_float_equal(first.items[i].x, again.items[i].x, 0);
    }
    simulator_end(&s);
  }
}

static void ordered_mode_depends_neither_on_timing_nor_on_crashes(void **state) {
  (void)state;
  decides_alike_in_ordered_mode("{\"method\": \"ipbt\", \"interval\": 1, \"end\": 60}", 5,
                                ", \"ordered\": true, \"lag\": 5");
  decides_alike_in_ordered_mode("{\"method\": \"ipbt\", \"interval\": 1, \"end\": 60, \"starters\": 2}", 10,
                                ", \"ordered\": true, \"lag\": 10");
}

static void failed_and_diverged_members_are_replaced(void **state) {
  (void)state;
  static struct story story;
  int restarts = 0;
  for (int seed = 1; seed <= 6; seed++) {
    struct simulator s = {.slots = 2 + seed, .trials = 8, .steps = 60, .seed = seed, .gain = saturates};
    s.schedule = "{\"method\": \"ipbt\", \"interval\": 1, \"end\": 60}";
    s.script = simulator_seldom;
    simulator_begin(&s);
    simulator_run(&s);
    int64_t complete = cl_study_count(simulator_study(&s), CL_COMPLETE);
    assert_int_equal(complete + cl_study_count(simulator_study(&s), CL_DIVERGED), s.trials);
    assert_true(complete >= s.trials - 1); /* one may die three times in a row behind the last rung */
    listen(&s, &story);
    restarts += story.restarts;
    simulator_end(&s);
  }
  assert_true(restarts >= 6);
}

static void a_spec_that_cannot_be_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *schedule, *space, *says;
  } cases[] = {
      {"{\"method\": \"ipbt\"}", NULL, "give end"},
      {IPBT ", \"sync\": false}", NULL, "leave out sync"},
      {IPBT "}", "{\"id\": 1, \"name\": \"ipbt_shrink\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 1.0}",
       "only one"},
      {IPBT ", \"starters\": 3}", NULL, "must be a multiple"},
      {IPBT ", \"starters\": 4}", NULL, "at least 8"},
      {IPBT ", \"starters\": 2, \"population\": 4}", NULL, "needs 8 trials"},
  };
  for (int i = 0; i < 6; i++) {
    struct cl_err e = {0};
    assert_int_equal(simulator_check(cases[i].schedule, cases[i].space, &e), CLADE_ESPEC);
    assert_non_null(strstr(e.text, cases[i].says));
  }
}

/* Falls back by half now and then. */
static double stumbles(const struct simulator *s, const struct cl_value *values, double step, double theta) {
  uint64_t bits;
  memcpy(&bits, &theta, sizeof bits);
  return cl_mix64(bits + (uint64_t)step) % 4 == 0 ? -theta / 2 : saturates(s, values, step, theta);
}

struct way_back {
  int32_t begun; /* rung of the last restart */
  int taken, restarts, after;
};

static int hear_way_back(void *ctx, const struct cl_event *ev) {
  struct way_back *w = ctx;
  json_t *what = ev->kind == CL_EVENT_CHOSEN      ? json_loads(ev->u.chosen.what, 0, NULL)
                 : ev->kind == CL_EVENT_EXPLOITED ? json_loads(ev->args, 0, NULL)
                                                  : NULL;
  if (ev->kind == CL_EVENT_CHOSEN) {
    w->begun = (int32_t)number_in(what, "rung");
    w->restarts++;
  } else if (json_is_true(json_object_get(what, "archived"))) {
    assert_true((int32_t)number_in(what, "donor_rung") > w->begun);
    w->taken++;
    w->after += w->restarts > 0;
  }
  json_decref(what);
  return 0;
}

static void a_restart_begins_a_new_archive(void **state) {
  (void)state;
  struct way_back all = {0};
  for (int64_t seed = 1; seed <= 6; seed++) {
    struct simulator s = {.slots = 6,
                          .trials = 8,
                          .steps = 90,
                          .seed = seed,
                          .schedule = IPBT ", \"archive\": 5}",
                          .gain = stumbles};
    struct way_back way = {0};
    simulator_begin(&s);
    simulator_run(&s);
    all_complete(&s);
    assert_int_equal(cl_store_read(s.store, s.id, &(struct cl_read){0}, hear_way_back, &way, NULL), 0);
    all.taken += way.taken;
    all.restarts += way.restarts;
    all.after += way.after;
    simulator_end(&s);
  }
  print_message("# %d restarts, %d states of the archive taken over, %d of them after a restart\n",
                all.restarts, all.taken, all.after);
  assert_true(all.restarts >= 6 && all.taken >= 12 && all.after >= 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stalled_population_begins_anew_with_a_longer_interval),
      cmocka_unit_test(what_still_rises_is_left_alone),
      cmocka_unit_test(trainers_are_told_by_two_hyperparameters),
      cmocka_unit_test(the_best_of_the_starters_are_the_members),
      cmocka_unit_test(starters_that_fail_hold_nobody_up),
      cmocka_unit_test(ordered_mode_depends_neither_on_timing_nor_on_crashes),
      cmocka_unit_test(failed_and_diverged_members_are_replaced),
      cmocka_unit_test(a_spec_that_cannot_be_is_refused),
      cmocka_unit_test(a_restart_begins_a_new_archive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
