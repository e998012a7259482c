/* PB2 and its mixed form in simulated studies: the model chooses, and what it has seen comes from the log
 * alone. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "math/bandit.h"
#include "simulator.h"

#define PB2 "{\"method\": \"pb2\", \"interval\": 2"

struct seen {
  int exploits, modelled, pending;
  double sum; /* of x over modelled exploits */
  int words[3];
};

static int see(void *ctx, const struct cl_event *ev) {
  struct seen *s = ctx;
  if (ev->kind != CL_EVENT_EXPLOITED) return 0;
  s->exploits++;
  json_t *args = json_loads(ev->args, 0, NULL), *model = json_object_get(args, "model");
  assert_non_null(args);
  if (model != NULL) {
    s->modelled++;
    size_t rows = (size_t)json_integer_value(json_object_get(model, "rows"));
    s->pending += json_integer_value(json_object_get(model, "pending")) > 0;
    assert_true(rows >= CL_BANDIT_ROWS_MIN);
    assert_true(json_real_value(json_object_get(model, "kappa")) == cl_bandit_kappa(rows) ||
                json_number_value(json_object_get(model, "kappa")) == cl_bandit_kappa(rows));
    s->sum += ev->u.exploited.values.items[0].value.as.real;
    if (ev->u.exploited.values.n > 1) {
      const char *word = ev->u.exploited.values.items[1].value.as.text;
      s->words[word[0] - 'a']++;
    }
  }
  json_decref(args);
  return 0;
}

static struct seen look(const struct simulator *s) {
  struct seen seen = {0};
  assert_int_equal(cl_store_read(s->store, s->id, &(struct cl_read){0}, see, &seen, NULL), 0);
  return seen;
}

static void all_complete(const struct simulator *s) {
  const struct cl_study *study = simulator_study(s);
  assert_int_equal(cl_study_count(study, CL_COMPLETE), s->trials);
  for (int64_t i = 1; i <= s->trials; i++)
    assert_float_equal(cl_study_trial(study, i)->head.step, s->steps, 0);
}

static double best(const struct simulator *s) {
  double most = -INFINITY;
  for (int64_t i = 1; i <= s->trials; i++) most = fmax(most, cl_study_trial(simulator_study(s), i)->value);
  return most;
}

/* Pays most at 0.62. */
static double humped(const struct simulator *s, const struct cl_value *values, double step, double theta) {
  (void)s;
  (void)step;
  (void)theta;
  return 1 - 8 * pow(values[0].as.real - 0.62, 2);
}

static void the_model_goes_where_it_pays(void **state) {
  (void)state;
  struct simulator s = {.slots = 6, .trials = 6, .steps = 40, .seed = 3, .schedule = PB2 "}", .gain = humped};
  simulator_begin(&s);
  simulator_run(&s);
  all_complete(&s);
  const struct seen seen = look(&s);
  assert_true(seen.modelled >= 12 && seen.modelled >= seen.exploits - 4);
  assert_true(seen.pending > 10);
  assert_true(fabs(seen.sum / seen.modelled - 0.62) < 0.15);
  assert_true(best(&s) > 0.93 * s.steps);
  simulator_end(&s);
}

/* Pays where step / 60 is: a value that was good is good no longer. */
static double moving(const struct simulator *s, const struct cl_value *values, double step, double theta) {
  (void)s;
  (void)theta;
  return 1 - 4 * pow(values[0].as.real - step / 60, 2);
}

static void it_follows_what_moves_further_than_chance_does(void **state) {
  (void)state;
  static const char *const methods[] = {
      PB2 "}", "{\"method\": \"pbt\", \"interval\": 2, \"quantile\": 0.25, \"explore\": \"perturb\"}"};
  double sum[2] = {0, 0};
  for (int k = 0; k < 2; k++) {
    for (int seed = 1; seed <= 5; seed++) {
      struct simulator s = {
          .slots = 5, .trials = 5, .steps = 60, .seed = seed, .schedule = methods[k], .gain = moving};
      simulator_begin(&s);
      simulator_run(&s);
      sum[k] += best(&s) / 5;
      simulator_end(&s);
    }
  }
  print_message("# mean best of five seeds: pb2 %.3f, pbt %.3f\n", sum[0], sum[1]);
  assert_true(sum[0] > sum[1]);
}

static const char mixed[] =
    "{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"scale\": \"linear\", \"lo\": 0.0, \"hi\": 1.0},"
    " {\"id\": 2, \"name\": \"w\", \"domain\": \"unordered\", \"values\": [\"a\", \"b\", \"c\"]}";

static double worded(const struct simulator *s, const struct cl_value *values, double step, double theta) {
  return humped(s, values, step, theta) + 0.5 * (values[1].as.text[0] == 'b');
}

#define WORD_STEPS 40

/* The best score must come near 1.5 * WORD_STEPS, that of the best number with the best word all the way. */
static struct seen play_words(const char *options, int seed) {
  char schedule[200];
  (void)snprintf(schedule, sizeof schedule, "{\"method\": \"pb2_mix\", \"interval\": 2%s}", options);
  struct simulator s = {.slots = 6,
                        .trials = 6,
                        .steps = WORD_STEPS,
                        .seed = seed,
                        .schedule = schedule,
                        .gain = worded,
                        .space = mixed};
  simulator_begin(&s);
  simulator_run(&s);
  all_complete(&s);
  const struct seen seen = look(&s);
  print_message("# seed %d%s: best %.2f, words %d %d %d\n", seed, options, best(&s), seen.words[0],
                seen.words[1], seen.words[2]);
  assert_true(seen.modelled >= 12);
  assert_true(best(&s) > 0.85 * 1.5 * s.steps);
  simulator_end(&s);
  return seen;
}

static void words_are_chosen_with_numbers(void **state) {
  (void)state;
  static const int seeds[] = {1, 2, 3, 5, 8};
  int drawn[3] = {0};
  for (int i = 0; i < 5; i++) {
    struct seen seen = play_words(", \"end\": 40, \"lists\": \"process\"", seeds[i]);
    assert_true(seen.words[1] > 2 * (seen.words[0] + seen.words[2]));
    seen = play_words(", \"end\": 40", seeds[i]);
    for (int k = 0; k < 3; k++) drawn[k] += seen.words[k];
  }
  /* Bandits go on to draw the others, and of two draws in a round one word may have but one: it can have no
   * more than about half. */
  print_message("# drawn by bandits: %d %d %d\n", drawn[0], drawn[1], drawn[2]);
  assert_true(drawn[1] > 1.25 * drawn[0] && drawn[1] > 1.25 * drawn[2]);
  assert_true(drawn[1] < 0.65 * (drawn[0] + drawn[1] + drawn[2]));
  struct simulator s = {.slots = 6, .trials = 6, .steps = 40, .seed = 8, .gain = worded, .space = mixed};
  s.schedule = PB2 ", \"resample_probability\": 0}";
  simulator_begin(&s);
  simulator_run(&s);
  all_complete(&s);
  simulator_end(&s);
}

static bool dawdles(const struct simulator *s, int64_t trial, int turn) {
  return (uint64_t)(trial * 7919 + turn * 104729 + s->slots) % 3 != 0;
}

struct decisions {
  int n;
  struct decision {
    int64_t member;
    double x, mean, noise, word;
    int rung;
  } items[2000];
};

static double number_in(const json_t *object, const char *key) {
  return json_number_value(json_object_get(object, key));
}

static int keep_decision(void *ctx, const struct cl_event *ev) {
  struct decisions *d = ctx;
  if (ev->kind != CL_EVENT_EXPLOITED) return 0;
  json_t *args = json_loads(ev->args, 0, NULL), *model = json_object_get(args, "model");
  assert_true(d->n < 2000);
  d->items[d->n++] = (struct decision){ev->subject,
                                       ev->u.exploited.values.items[0].value.as.real,
                                       number_in(model, "mean"),
                                       number_in(model, "noise"),
                                       0,
                                       (int)number_in(args, "rung")};
  if (ev->u.exploited.values.n > 1)
    d->items[d->n - 1].word = ev->u.exploited.values.items[1].value.as.text[0];
  json_decref(args);
  return 0;
}

static int compare_decisions(const void *a, const void *b) {
  const struct decision *x = a, *y = b;
  if (x->rung != y->rung) return x->rung - y->rung;
  return (int)(x->member - y->member);
}

static void decides_alike_in_ordered_mode(const char *schedule, const char *space) {
  static struct decisions first, again;
  for (int slots = 1; slots <= 7; slots += 3) {
    struct simulator s = {
        .slots = slots, .trials = 5, .steps = 16, .seed = 6, .schedule = schedule, .gain = humped};
    s.space = space;
    struct decisions *d = slots == 1 ? &first : &again;
    s.more = ", \"ordered\": true, \"lag\": 5";
    s.moves = slots > 1 ? dawdles : NULL;
    d->n = 0;
    simulator_begin(&s);
    for (int i = 0; simulator_turn(&s); i++)
      if (slots == 4 && i % 9 == 8) simulator_crash(&s);
    simulator_run(&s);
    all_complete(&s);
    assert_int_equal(cl_store_read(s.store, s.id, &(struct cl_read){0}, keep_decision, d, NULL), 0);
    qsort(d->items, (size_t)d->n, sizeof d->items[0], compare_decisions);
    assert_true(d->n >= 7);
    if (slots > 1) assert_int_equal(again.n, first.n);
    for (int i = 0; slots > 1 && i < first.n; i++)
      assert_memory_equal(&first.items[i], &again.items[i], sizeof first.items[i]);
    simulator_end(&s);
  }
}

static void ordered_mode_depends_neither_on_timing_nor_on_crashes(void **state) {
  (void)state;
  decides_alike_in_ordered_mode(PB2 "}", NULL);
  decides_alike_in_ordered_mode("{\"method\": \"pb2_mix\", \"interval\": 2}", mixed);
}

static void failures_are_replaced_by_members_that_the_model_explores(void **state) {
  (void)state;
  for (int seed = 1; seed <= 3; seed++) {
    for (int sync = 0; sync < 2; sync++) {
      struct simulator s = {.slots = 2 + seed,
                            .trials = 8,
                            .steps = 14,
                            .seed = seed,
                            .schedule = sync ? PB2 ", \"sync\": true}" : PB2 "}",
                            .gain = humped,
                            .script = simulator_often};
      simulator_begin(&s);
      simulator_run(&s);
      assert_int_equal(cl_study_trials(simulator_study(&s)), 8);
      assert_int_equal(cl_study_count(simulator_study(&s), CL_COMPLETE), 8);
      assert_true(look(&s).modelled > 0);
      simulator_end(&s);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_model_goes_where_it_pays),
      cmocka_unit_test(it_follows_what_moves_further_than_chance_does),
      cmocka_unit_test(words_are_chosen_with_numbers),
      cmocka_unit_test(ordered_mode_depends_neither_on_timing_nor_on_crashes),
      cmocka_unit_test(failures_are_replaced_by_members_that_the_model_explores),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
