/* The best and its estimate, against numbers computed apart from it (tests/math/shrinkage.py). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "math/distribution.h"
#include "query/best.h"
#include "query/reader.h"
#include "query/told.h"

/* Printed by shrinkage.py. */
#define BEST_ESTIMATE 1.8808413425398756
#define BEST_LO       1.7481145602004007
#define BEST_HI       2.0135681248793507
#define BEST_NOISE    0.05949280577846316

#define NEAR(a, b) assert_true(fabs((a) - (b)) < 1e-12)

static void estimate_is_the_empirical_bayes_one(void **state) {
  (void)state;
  struct told t = tell(tell_repeats);
  struct cl_best b;
  assert_int_equal(cl_best_find(t.study, &b, NULL), 0);
  assert_true(b.has_estimate);
  assert_int_equal(b.trial, 5);
  assert_int_equal(b.repeats, 1);
  assert_int_equal(b.df, 11);
  assert_int_equal(b.configurations, 10);
  NEAR(b.value, 1.9);
  NEAR(b.estimate, BEST_ESTIMATE);
  NEAR(b.lo, BEST_LO);
  NEAR(b.hi, BEST_HI);
  NEAR(b.noise_sd, BEST_NOISE);
  assert_int_equal(b.confirmed.n, 0);
  forget(&t);
}

static void tell_confirmed(struct cl_store *s) {
  tell_repeats(s);
  struct tale t = {.store = s, .study = 1, .time_ms = 1000000};
  for (int i = 0; i < 4; i++) {
    struct cl_value x = cl_value_int(14);
    struct tale_proposal how = {.role = CL_ROLE_CONFIRM, .cause = CL_CAUSE_CONFIRM, .of = 5, .repeat = i + 1};
    tale_run(&t, &how, 1, &x, "score", 0.91 + 0.07 * i);
  }
}

static void confirming_runs_correct_a_lucky_score(void **state) {
  (void)state;
  struct told t = tell(tell_confirmed);
  struct cl_best b;
  assert_int_equal(cl_best_find(t.study, &b, NULL), 0);
  assert_int_not_equal(b.trial, 5);
  assert_int_equal(b.df, 15);
  assert_true(b.estimate < 1.6);
  forget(&t);
}

static void tell_confirmed_winner(struct cl_store *s) {
  tell_repeats(s);
  struct tale t = {.store = s, .study = 1, .time_ms = 1000000};
  struct cl_value x = cl_value_int(14);
  struct tale_proposal how = {.role = CL_ROLE_CONFIRM, .cause = CL_CAUSE_CONFIRM, .of = 5, .repeat = 1};
  tale_run(&t, &how, 1, &x, "score", 1.875);
  how.repeat = 2;
  tale_run(&t, &how, 1, &x, "score", 1.625);
  how = (struct tale_proposal){.role = CL_ROLE_ASSESS, .cause = CL_CAUSE_CONFIRM, .of = 5};
  tale_run(&t, &how, 1, &x, "score", 1.25);
}

static void confirming_runs_of_the_best_have_a_mean_and_an_interval(void **state) {
  (void)state;
  struct told t = tell(tell_confirmed_winner);
  struct cl_best b;
  assert_int_equal(cl_best_find(t.study, &b, NULL), 0);
  assert_int_equal(b.trial, 5);
  assert_int_equal(b.repeats, 3);
  assert_int_equal(b.assessments, 1);
  assert_int_equal(b.confirmed.n, 2);
  NEAR(b.confirmed.mean, 1.75);
  NEAR(b.confirmed.sd, sqrt(2 * 0.125 * 0.125));
  NEAR(b.confirmed.hi - 1.75, cl_student_quantile(0.975, 1) * b.confirmed.sd / sqrt(2));
  NEAR(b.confirmed.lo + b.confirmed.hi, 2 * 1.75);
  forget(&t);
}

static void tell_pruned_winner(struct cl_store *s) {
  tell_empty(s);
  struct tale t = {.store = s, .study = 1, .time_ms = 1000};
  struct cl_value x = cl_value_int(31);
  int64_t trial = tale_propose(&t, NULL, 1, &x);
  tale_start(&t, trial, 1, 0);
  int64_t record = tale_report(&t, trial, 1, "score", 0.25, NULL);
  tale_stop(&t, trial, CL_CAUSE_HUMAN);
  tale_end(&t, trial, 76, record, 0.25);
}

static void pruned_trial_can_be_the_best_but_has_no_score(void **state) {
  (void)state;
  struct told t = tell(tell_pruned_winner);
  struct cl_best b;
  assert_int_equal(cl_best_find(t.study, &b, NULL), 0);
  assert_int_equal(b.trial, 1);
  NEAR(b.value, 0.25);
  assert_int_equal(b.repeats, 0);
  assert_int_equal(b.configurations, 0);
  assert_int_equal(b.confirmed.n, 0);
  assert_false(b.has_estimate);
  forget(&t);
}

static void without_repeats_the_best_value_stands_without_estimate(void **state) {
  (void)state;
  struct told t = tell(tell_mnist);
  struct cl_best b;
  assert_int_equal(cl_best_find(t.study, &b, NULL), 0);
  assert_int_equal(b.trial, 5);
  assert_false(b.has_estimate);
  assert_true(isnan(b.estimate) && isnan(b.lo) && isnan(b.hi));
  assert_int_equal(b.repeats, 1);
  assert_int_equal(b.df, 0);
  forget(&t);
}

static void minimized_objective_has_the_smallest_value_as_best(void **state) {
  (void)state;
  struct told t = tell(tell_pbt);
  struct cl_best b;
  assert_int_equal(cl_best_find(t.study, &b, NULL), 0);
  assert_int_equal(b.trial, 1);
  NEAR(b.value, 0.125);
  forget(&t);
}

static void study_without_result_has_no_best(void **state) {
  (void)state;
  struct told t = tell(tell_empty);
  struct cl_best b;
  double *x = NULL, *y = NULL;
  int64_t *trials = NULL;
  size_t n = 99;
  assert_int_equal(cl_best_find(t.study, &b, NULL), 0);
  assert_int_equal(b.trial, 0);
  assert_true(isnan(b.value));
  assert_int_equal(cl_best_history(t.study, &x, &y, &trials, &n, NULL), 0);
  assert_int_equal(n, 0);
  cl_free(x);
  cl_free(y);
  cl_free(trials);
  forget(&t);
}

static void tell_equal(struct cl_store *s) {
  struct tale t =
      tale_begin(s, "equal",
                 "\"objectives\": [{\"name\": \"score\", \"goal\": \"maximize\", \"reduce\": \"last\"}],"
                 "\"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"int\", \"lo\": 1, \"hi\": "
                 "100, \"step\": 1}],\"search\": {\"method\": \"random\"}, \"trials\": 100, \"parallel\": 1");
  static const double scores[] = {0, 1, 2, 3, 1, 2,
                                  3, 0, 2, 3, 0, 1}; /* every configuration has the mean 1.5 */
  for (int i = 0; i < 12; i++) {
    struct cl_value x = cl_value_int(1 + i / 4);
    tale_run(&t, NULL, 1, &x, "score", scores[i]);
  }
}

static void configurations_that_noise_explains_are_all_worth_about_the_mean(void **state) {
  (void)state;
  struct told t = tell(tell_equal);
  struct cl_best b;
  assert_int_equal(cl_best_find(t.study, &b, NULL), 0);
  assert_true(b.has_estimate);
  NEAR(b.estimate, 1.5);
  NEAR(b.noise_sd * b.noise_sd, 15.0 / 9);
  assert_true(b.hi - b.estimate >
              1.96 * sqrt(15.0 / 9 / 12)); /* all twelve together know more than is certain */
  assert_true(b.hi - b.estimate < 1.96 * sqrt(15.0 / 9 / 4));
  forget(&t);
}

static void history_has_a_point_per_improvement_and_the_end(void **state) {
  (void)state;
  struct told t = tell(tell_mnist);
  double *x = NULL, *y = NULL;
  int64_t *trials = NULL;
  size_t n = 0;
  assert_int_equal(cl_best_history(t.study, &x, &y, &trials, &n, NULL), 0);
  assert_int_equal(n, 3);
  assert_int_equal(trials[0], 1);
  assert_int_equal(trials[1], 5);
  assert_int_equal(trials[2], 5);
  NEAR(x[1], 5);
  assert_true(y[1] > y[0]);
  NEAR(y[2], y[1]);
  cl_free(x);
  cl_free(y);
  cl_free(trials);
  forget(&t);
}

/* Members of a population. Those with x = 0.7 in the end: 2 and 6 take over the state of 1 at step 2, 3 that
 * of 4; 7 has it from the beginning, and so has 8; 9 takes over the state of 2 with its value, 10 had it set
 * while it trained, and 5 goes from 1 to another value and to 0.7. 11 confirms 2, 12 assesses it, cut off
 * early. */
static const double members_score[] = {0, 2.5, 2.125, 2.75, 1.5, 2.0625, 2.375, 1.25, 1.375, 2.625, 3.5};

static void take_over(struct tale *t, int64_t trial, int64_t snapshot, double x) {
  struct cl_value value = cl_value_real(x);
  tale_load(t, trial, tale_exploit(t, trial, snapshot, 1, &value), snapshot);
}

static void tell_members(struct cl_store *s) {
  struct tale t = tale_begin(
      s, "members",
      "\"objectives\": [{\"name\": \"score\", \"goal\": \"maximize\", \"reduce\": \"last\"}],"
      " \"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 1.0}],"
      " \"search\": {\"method\": \"random\"}, \"schedule\": {\"method\": \"pbt\"}, \"trials\": 10, \"parallel\": 10");
  const double first[] = {0, 0.3, 0.5, 0.6, 0.4, 0.1, 0.9, 0.7, 0.7, 0.8, 0.2};
  int64_t saved[11], end;
  tale_worker(&t, "here", 10);
  for (int i = 1; i <= 10; i++) {
    struct cl_value x = cl_value_real(first[i]);
    tale_start(&t, tale_propose(&t, NULL, 1, &x), 1, 0);
    (void)tale_report(&t, i, 2, "score", 0.5, NULL);
    saved[i] = tale_save_scored(&t, i, 2, 0.5);
  }
  take_over(&t, 2, saved[1], 0.7);
  take_over(&t, 6, saved[1], 0.7);
  take_over(&t, 3, saved[4], 0.7);
  take_over(&t, 5, saved[1], 0.35);
  tale_set(&t, 10, 1, cl_value_real(0.7), NULL);
  for (int i = 1; i <= 10; i++) {
    if (i == 9) continue;
    (void)tale_report(&t, i, 4, "score", 0.75, NULL);
    saved[i] = tale_save_scored(&t, i, 4, 0.75);
  }
  take_over(&t, 5, saved[5], 0.7);
  take_over(&t, 9, saved[2], 0.7);
  for (int i = 1; i <= 10; i++) {
    end = tale_report(&t, i, 6, "score", members_score[i], NULL);
    tale_end(&t, i, 0, end, members_score[i]);
  }
  struct tale_proposal how = {.role = CL_ROLE_CONFIRM, .cause = CL_CAUSE_CONFIRM, .of = 2, .repeat = 1};
  struct cl_value x = cl_value_real(0.3);
  (void)tale_run(&t, &how, 1, &x, "score", 2.25);
  how = (struct tale_proposal){.role = CL_ROLE_ASSESS, .cause = CL_CAUSE_CONFIRM, .of = 2};
  (void)tale_run(&t, &how, 1, &x, "score", 2.0);
}

static void members_with_equal_values_are_repeats_only_with_equal_histories(void **state) {
  (void)state;
  struct told t = tell(tell_members);
  const int64_t expected[] = {0, 1, 2, 3, 4, 5, 2, 7, 7, 2, 10, 2, 2};
  int64_t n = 0;
  assert_int_equal(cl_study_configurations(t.study, &n, NULL), 0);
  assert_int_equal(n, 7);
  for (int64_t i = 1; i <= 12; i++) {
    int64_t first = 0;
    assert_int_equal(cl_study_configuration(t.study, i, &first, NULL), 0);
    assert_int_equal(first, expected[i]);
  }
  struct cl_best b;
  assert_int_equal(cl_best_find(t.study, &b, NULL), 0);
  assert_int_equal(b.configurations, 7);
  assert_int_equal(b.df, 4); /* 2, 6, 9 and 11; 7 and 8 */
  assert_false(b.has_estimate);
  assert_int_equal(b.trial, 10);
  NEAR(b.value, 3.5);
  assert_int_equal(b.repeats, 1);
  forget(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(estimate_is_the_empirical_bayes_one),
      cmocka_unit_test(confirming_runs_correct_a_lucky_score),
      cmocka_unit_test(confirming_runs_of_the_best_have_a_mean_and_an_interval),
      cmocka_unit_test(pruned_trial_can_be_the_best_but_has_no_score),
      cmocka_unit_test(without_repeats_the_best_value_stands_without_estimate),
      cmocka_unit_test(minimized_objective_has_the_smallest_value_as_best),
      cmocka_unit_test(study_without_result_has_no_best),
      cmocka_unit_test(configurations_that_noise_explains_are_all_worth_about_the_mean),
      cmocka_unit_test(members_with_equal_values_are_repeats_only_with_equal_histories),
      cmocka_unit_test(history_has_a_point_per_improvement_and_the_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
