/* Hyperparameters without effect: found where they are, and not where they are not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "query/idle.h"
#include "query/reader.h"
#include "query/tale.h"

#define SETTINGS SETTINGS_OF("5000")
#define SETTINGS_OF(trials) \
  "\"objectives\": [{\"name\": \"score\", \"goal\": \"maximize\"}], \"search\": {\"method\": \"random\"}, \"trials\": " trials \
  ", \"parallel\": 1," \
  "\"hyperparameters\": [" \
  "{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 1}," \
  "{\"id\": 2, \"name\": \"layers\", \"domain\": \"ordered\", \"values\": [1, 2, 3]}," \
  "{\"id\": 3, \"name\": \"units\", \"domain\": \"ordered\", \"values\": [32, 64, 128]}," \
  "{\"id\": 4, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\"]}]"

static struct cl_rng stream;

static double draw(void) {
  return cl_rng_uniform(&stream);
}

/* A study of n trials whose score is given by `merit` and noise; what is found in it. */
static int find(int n, double noise, double (*merit)(const double x[4]), struct cl_idle ret[4]) {
  struct cl_store *store = tale_store("memory:");
  struct tale t = tale_begin(store, "s", SETTINGS);
  struct cl_reader *reader = NULL;
  const struct cl_study *s = NULL;
  struct cl_err e = {0};
  int found = 0;
  for (int i = 0; i < n; i++) {
    double x[4] = {draw(), floor(draw() * 3), floor(draw() * 3), floor(draw() * 2)};
    const struct cl_value values[] = {cl_value_real(x[0]), cl_value_int(1 + (int64_t)x[1]),
                                      cl_value_int(32 << (int)x[2]),
                                      cl_value_text(x[3] > 0 ? "sgd" : "adam")};
    double luck = draw() + draw() + draw() - 1.5;
    (void)tale_run(&t, NULL, 4, values, "score", merit(x) + noise * luck);
  }
  if (cl_reader_open(store, t.study, &reader, &e) < 0 || cl_reader_need(reader, 0, 0, &s, &e) < 0 ||
      cl_idle_find(s, ret, &found, &e) < 0)
    fail_msg("%s", e.text);
  cl_reader_close(reader);
  cl_store_close(store);
  return found;
}

static double all_matter(const double x[4]) {
  return x[0] + 0.3 * x[1] - 0.4 * x[2] + 0.5 * x[3];
}

static double units_do_nothing(const double x[4]) {
  return x[0] + 0.3 * x[1] + 0.5 * x[3];
}

/* Units matter beside one layer only, and there they cancel over sgd and adam. */
static double units_act_beside_others(const double x[4]) {
  return x[0] * 0.2 + (x[3] > 0 ? x[2] : -x[2]);
}

static double nothing_matters(const double x[4]) {
  (void)x;
  return 2.385;
}

static double lr_does_nothing(const double x[4]) {
  return x[1] - 0.5 * x[2] * x[1] + x[3];
}

static void what_matters_is_never_named(void **state) {
  (void)state;
  struct cl_idle idle[4];
  stream = cl_rng_stream(7, CL_RNG_USER, 0, 0);
  for (int i = 0; i < 20; i++) assert_int_equal(find(150, 0.3, all_matter, idle), 0);
}

static void an_idle_list_is_found_in_spite_of_noise(void **state) {
  (void)state;
  struct cl_idle idle[4];
  int found = 0;
  stream = cl_rng_stream(8, CL_RNG_USER, 0, 0);
  for (int i = 0; i < 20; i++) {
    int n = find(150, 0.3, units_do_nothing, idle);
    assert_true(n <= 1 && (n == 0 || idle[0].hyperparameter == 2));
    assert_true(n == 0 || (idle[0].trials == 150 && idle[0].pairs == 0 && idle[0].p >= 0.3));
    found += n;
  }
  assert_true(found >= 10); /* 0.7 * 0.95 of them, on average */
}

static void an_idle_range_is_found(void **state) {
  (void)state;
  struct cl_idle idle[4];
  int found = 0;
  stream = cl_rng_stream(9, CL_RNG_USER, 0, 0);
  for (int i = 0; i < 20; i++) {
    int n = find(150, 0.1, lr_does_nothing, idle);
    assert_true(n <= 1 && (n == 0 || idle[0].hyperparameter == 0));
    found += n;
  }
  assert_true(found >= 10);
}

static void what_acts_only_beside_another_is_not_named(void **state) {
  (void)state;
  struct cl_idle idle[4];
  stream = cl_rng_stream(10, CL_RNG_USER, 0, 0);
  for (int i = 0; i < 20; i++) {
    int n = find(150, 0.1, units_act_beside_others, idle);
    for (int k = 0; k < n; k++) assert_int_equal(idle[k].hyperparameter, 1);
  }
}

static void few_noisy_trials_and_equal_scores_say_nothing(void **state) {
  (void)state;
  struct cl_idle idle[4];
  stream = cl_rng_stream(11, CL_RNG_USER, 0, 0);
  assert_int_equal(find(39, 0.3, units_do_nothing, idle), 0);
  assert_int_equal(find(60, 0, nothing_matters, idle), 0);
  assert_int_equal(find(0, 0, nothing_matters, idle), 0);
  assert_int_equal(find(1, 0, nothing_matters, idle), 0);
}

/* A grid without noise: few trials are enough. */
static void equal_scores_of_trials_that_differ_in_nothing_else_are_certain(void **state) {
  (void)state;
  for (int noisy = 0; noisy < 2; noisy++) {
    struct cl_store *store = tale_store("memory:");
    struct tale t = tale_begin(store, "s", SETTINGS);
    struct cl_reader *reader = NULL;
    const struct cl_study *s = NULL;
    struct cl_idle idle[4];
    int n = -1;
    for (int i = 0; i < 12; i++) {
      const struct cl_value values[] = {cl_value_real(0.5), cl_value_int(1 + i % 3),
                                        cl_value_int(32 << i / 3 % 2), cl_value_text(i < 6 ? "adam" : "sgd")};
      (void)tale_run(&t, NULL, 4, values, "score", i % 3 + (i < 6 ? 0.5 : 0) + (noisy && i == 4 ? 1e-9 : 0));
    }
    assert_int_equal(cl_reader_open(store, t.study, &reader, NULL), 0);
    assert_int_equal(cl_reader_need(reader, 0, 0, &s, NULL), 0);
    assert_int_equal(cl_idle_find(s, idle, &n, NULL), 0);
    assert_int_equal(n, noisy ? 0 : 1);
    if (!noisy) assert_true(idle[0].hyperparameter == 2 && idle[0].pairs == 6 && idle[0].trials == 12);
    cl_reader_close(reader);
    cl_store_close(store);
  }
}

/* A long study whose every `nth` trial has a score. */
static bool needs_all(int nth) {
  enum { LONG = 2 * CL_IDLE_TRIALS_MAX + 300 };
  struct cl_store *store = tale_store("memory:");
  struct tale t = tale_begin(store, "s", SETTINGS_OF("10000"));
  struct cl_reader *reader = NULL;
  const struct cl_study *s = NULL;
  struct cl_idle tail[4], whole[4];
  int n_tail = 0, n_whole = 0;
  for (int i = 0; i < LONG; i++) {
    const struct cl_value values[] = {cl_value_real(draw()), cl_value_int(1 + i % 3),
                                      cl_value_int(32 << (int)(draw() * 3)), cl_value_text("sgd")};
    (void)tale_run(&t, NULL, 4, values, "score", i % nth == 0 ? values[0].as.real : NAN);
  }
  assert_int_equal(cl_reader_open(store, t.study, &reader, NULL), 0);
  assert_int_equal(cl_idle_read(reader, &s, NULL), 0);
  bool all = cl_study_trial(s, 1) != NULL;
  assert_int_equal(cl_idle_find(s, tail, &n_tail, NULL), 0);
  assert_int_equal(cl_reader_need(reader, 0, 0, &s, NULL), 0);
  assert_int_equal(cl_idle_find(s, whole, &n_whole, NULL), 0);
  assert_true(n_tail == n_whole && n_tail <= 4);
  for (int i = 0; i < n_tail; i++)
    assert_true(tail[i].hyperparameter == whole[i].hyperparameter && tail[i].trials == whole[i].trials &&
                tail[i].pairs == whole[i].pairs);
  cl_reader_close(reader);
  cl_store_close(store);
  return all;
}

static void of_long_studies_the_last_trials_are_read_if_they_suffice(void **state) {
  (void)state;
  assert_false(needs_all(1));
  assert_true(needs_all(3));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_matters_is_never_named),
      cmocka_unit_test(an_idle_list_is_found_in_spite_of_noise),
      cmocka_unit_test(an_idle_range_is_found),
      cmocka_unit_test(what_acts_only_beside_another_is_not_named),
      cmocka_unit_test(few_noisy_trials_and_equal_scores_say_nothing),
      cmocka_unit_test(of_long_studies_the_last_trials_are_read_if_they_suffice),
      cmocka_unit_test(equal_scores_of_trials_that_differ_in_nothing_else_are_certain),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
