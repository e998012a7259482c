/* Confirming: the tutorial's twenty runs, what is chosen, and who runs next. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "query/confirm.h"
#include "query/reader.h"
#include "query/told.h"

#define NEAR(a, b, error) assert_true(fabs((a) - (b)) < (error))

/* hpmax of job289 in the tutorial: the winner of 500 runs, with 0.045, run twenty times more. */
static const double job289[] = {0.0294, 0.0203, 0.0382, 0.0329, 0.0472, 0.0350, 0.0442,
                                0.0231, 0.0067, 0.0270, 0.0261, 0.0426, 0.0228, 0.0348,
                                0.0357, 0.0321, 0.0253, 0.0301, 0.0293, 0.0165};

static void selection_bias_of_the_tutorial_is_that_of_its_rows(void **state) {
  (void)state;
  struct cl_moments m = {0};
  double highest = 0;
  for (int i = 0; i < 20; i++) {
    cl_moments_add(&m, job289[i]);
    highest = fmax(highest, job289[i]);
  }
  struct cl_confirmation c = cl_confirmation_of(&m);
  assert_int_equal(c.n, 20);
  NEAR(c.mean, 0.02997, 0.0000051); /* 0.029965 */
  NEAR(c.sd, 0.00969, 0.0000051);
  NEAR(highest, 0.0472, 1e-12); /* above the 0.045 that won the search */
  NEAR((c.hi - c.lo) / 2, 2.0930240544083093 * c.sd / sqrt(20), 1e-12);
  NEAR(c.lo + c.hi, 2 * c.mean, 1e-12);
}

static void tell_confirmed(struct cl_store *s) {
  tell_repeats(s); /* 21 trials; of them 3 confirm runs of x = 12 */
  struct tale t = {.store = s, .study = 1, .time_ms = 1000000};
  struct cl_value x = cl_value_int(14);
  for (int i = 0; i < 4; i++) {
    struct tale_proposal how = {
        .role = CL_ROLE_CONFIRM, .cause = CL_CAUSE_CONFIRM, .of = 5, .repeat = i + 1, .args = "{}"};
    if (i < 2) {
      tale_run(&t, &how, 1, &x, "score", 0.91 + 0.08 * i);
      continue;
    }
    int64_t trial = tale_propose(&t, &how, 1, &x);
    tale_start(&t, trial, 1, 0);
    if (i == 2) tale_end(&t, trial, 1, 0, NAN); /* 3 runs on */
  }
}

static void choice_looks_at_the_search_alone(void **state) {
  (void)state;
  struct told t = tell(tell_confirmed);
  struct cl_confirm_row rows[20];
  size_t n = 0;
  assert_int_equal(cl_confirm_read(t.study, &(struct cl_confirm_choice){.top = 3}, rows, &n, NULL), 0);
  assert_int_equal(n, 3);
  assert_int_equal(rows[0].trial, 5); /* the claim of 1.9 stays first, though its fresh runs are bad */
  NEAR(rows[0].claimed, 1.9, 1e-12);
  assert_true(rows[0].estimate > 1.7);
  assert_int_equal(rows[0].runs.n, 2);
  assert_int_equal(rows[0].failed, 1);
  assert_int_equal(rows[0].pending, 1);
  NEAR(rows[0].fresh.mean, 0.95, 1e-12);
  NEAR(rows[0].luck, 0.95, 1e-12);
  int with_runs = 0;
  for (size_t i = 1; i < n; i++) with_runs += rows[i].runs.n == 3;
  assert_int_equal(with_runs, 1);
  assert_true(isnan(rows[0].p_best)); /* one of the three has no fresh run */
  assert_int_equal(cl_confirm_read(t.study, &(struct cl_confirm_choice){.top = 20}, rows, &n, NULL), 0);
  assert_int_equal(n, 10); /* there are no more configurations */
  forget(&t);
}

static void named_trials_are_confirmed_by_configuration(void **state) {
  (void)state;
  struct told t = tell(tell_confirmed);
  struct cl_confirm_row rows[5];
  struct cl_err e = {0};
  size_t n = 0;
  static const int64_t both[] = {3, 5, 13}, none[] = {24}, unknown[] = {99};
  assert_int_equal(
      cl_confirm_read(t.study, &(struct cl_confirm_choice){.n_trials = 3, .trials = both}, rows, &n, NULL),
      0);
  assert_int_equal(n, 2); /* 3 and 13 have the same configuration */
  assert_int_equal(rows[0].runs.n, 3);
  NEAR(rows[0].p_best + rows[1].p_best, 1, 1e-6);
  assert_true(rows[0].p_best > 0.99);
  assert_int_equal(
      cl_confirm_read(t.study, &(struct cl_confirm_choice){.n_trials = 1, .trials = none}, rows, &n, &e),
      CLADE_EINVAL);
  assert_non_null(strstr(e.text, "has no score"));
  assert_int_equal(
      cl_confirm_read(t.study, &(struct cl_confirm_choice){.n_trials = 1, .trials = unknown}, rows, &n, NULL),
      CLADE_ENOTFOUND);
  assert_int_equal(cl_confirm_read(t.study, &(struct cl_confirm_choice){.top = 0}, rows, &n, NULL),
                   CLADE_EINVAL);
  assert_int_equal(cl_confirm_read(t.study, &(struct cl_confirm_choice){.top = 1001}, rows, &n, NULL),
                   CLADE_EINVAL);
  forget(&t);
}

static void tell_sure(struct cl_store *s) {
  struct tale t = tale_begin(
      s, "sure",
      "\"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\"}], \"trials\": 3, "
      "\"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"int\", \"lo\": 1, \"hi\": 9}]");
  struct cl_value x = cl_value_int(7);
  struct tale_proposal search = {.cause = CL_CAUSE_SEARCH, .args = "{}"},
                       confirm = {.role = CL_ROLE_CONFIRM, .cause = CL_CAUSE_CONFIRM, .of = 1, .args = "{}"};
  tale_run(&t, &search, 1, &x, "loss", 0.385);
  for (confirm.repeat = 1; confirm.repeat <= 2; confirm.repeat++)
    tale_run(&t, &confirm, 1, &x, "loss", 0.385);
}

static void without_noise_there_is_no_luck_nor_minus_none(void **state) {
  (void)state;
  struct told t = tell(tell_sure);
  struct cl_confirm_row rows[1];
  size_t n = 0;
  assert_int_equal(cl_confirm_read(t.study, &(struct cl_confirm_choice){.top = 1}, rows, &n, NULL), 0);
  assert_int_equal(rows[0].runs.n, 2);
  assert_true(rows[0].luck == 0 && !signbit(rows[0].luck));
  forget(&t);
}

static void tell_stopped(struct cl_store *s) {
  struct tale t =
      tale_begin(s, "stopped",
                 "\"objectives\": [{\"name\": \"score\", \"goal\": \"maximize\", \"reduce\": \"last\"}],"
                 " \"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"int\", \"scale\": "
                 "\"linear\", \"lo\": 1, \"hi\": 9}],"
                 " \"search\": {\"method\": \"random\"}, \"trials\": 3, \"parallel\": 1");
  static const char *const why[] = {"{\"rule\": \"stop\", \"value\": 6, \"bound\": 6}",
                                    "{\"rule\": \"median\", \"value\": 6, \"bound\": 8}",
                                    "{\"rule\": \"stop\", \"value\": 6, \"bound\": 6}"};
  static const double value[] = {2.385, 3.5, NAN};
  tale_worker(&t, "here", 1);
  for (int i = 0; i < 3; i++) {
    struct cl_value x = cl_value_int(i + 1);
    int64_t trial = tale_propose(&t, &(struct tale_proposal){0}, 1, &x);
    tale_start(&t, trial, 1, 0);
    (void)tale_report(&t, trial, 6, "score", value[i], NULL);
    tale_stop_because(&t, trial, CL_CAUSE_STOP_RULE, why[i]);
  }
}

static void trial_that_was_stopped_at_its_planned_end_has_a_score(void **state) {
  (void)state;
  struct told t = tell(tell_stopped);
  struct cl_confirm_row rows[3];
  struct cl_err e = {0};
  size_t n = 0;
  assert_int_equal(cl_confirm_read(t.study, &(struct cl_confirm_choice){.top = 3}, rows, &n, NULL), 0);
  assert_int_equal(n, 1); /* the others were stopped early, or diverged */
  assert_int_equal(rows[0].trial, 1);
  NEAR(rows[0].claimed, 2.385, 1e-12);
  for (int64_t early = 2; early <= 3; early++) {
    assert_int_equal(
        cl_confirm_read(t.study, &(struct cl_confirm_choice){.n_trials = 1, .trials = &early}, rows, &n, &e),
        CLADE_EINVAL);
    assert_non_null(strstr(e.text, "is PRUNED and has no score"));
  }
  forget(&t);
}

static void study_without_scores_has_nothing_to_confirm(void **state) {
  (void)state;
  struct told t = tell(tell_empty);
  struct cl_confirm_row rows[1];
  struct cl_err e = {0};
  size_t n = 0;
  assert_int_equal(cl_confirm_read(t.study, &(struct cl_confirm_choice){.top = 1}, rows, &n, &e),
                   CLADE_EINVAL);
  assert_non_null(strstr(e.text, "nothing to confirm"));
  forget(&t);
}

/* Play a plan with true means and noise; how many runs each got. */
static void play(const double *truth, size_t n, const struct cl_confirm_plan *plan, double sign,
                 int64_t *ret) {
  struct cl_confirm_row rows[8] = {{0}};
  for (int64_t number = 1;; number++) {
    int64_t next = cl_confirm_next(rows, n, plan, sign, 11, number);
    if (next < 0) break;
    assert_true((size_t)next < n && number < 10000);
    struct cl_rng r = cl_rng_stream(5, CL_RNG_USER, (uint64_t)number, 0);
    cl_moments_add(&rows[next].runs, truth[next] + 0.1 * cl_rng_normal(&r));
  }
  for (size_t i = 0; i < n; i++) ret[i] = rows[i].runs.n;
}

static void every_configuration_gets_its_runs(void **state) {
  (void)state;
  static const double truth[] = {0.5, 0.52, -3};
  int64_t runs[3];
  play(truth, 3, &(struct cl_confirm_plan){.repeats = 20}, 1, runs);
  for (int i = 0; i < 3; i++) assert_int_equal(runs[i], 20);
  play(truth, 3, &(struct cl_confirm_plan){.repeats = 2}, 1, runs);
  for (int i = 0; i < 3; i++) assert_int_equal(runs[i], 2);
}

static void fewer_runs_in_all_go_to_those_that_may_be_the_best(void **state) {
  (void)state;
  static const double truth[] = {0.5, 0.52, -3, -2};
  int64_t runs[4];
  play(truth, 4, &(struct cl_confirm_plan){.repeats = 100, .total = 60}, 1, runs);
  assert_int_equal(runs[0] + runs[1] + runs[2] + runs[3], 60);
  assert_int_equal(runs[2], 3);
  assert_int_equal(runs[3], 3);
  assert_true(runs[0] > 15 && runs[1] > 15);
  play(truth, 4, &(struct cl_confirm_plan){.repeats = 100, .total = 60}, -1, runs);
  assert_true(runs[2] > 20 && runs[0] == 3);
}

static void failed_and_pending_runs_count_as_asked_for(void **state) {
  (void)state;
  struct cl_confirm_row rows[2] = {{.failed = 2}, {.pending = 3}};
  struct cl_confirm_plan plan = {.repeats = 3};
  assert_int_equal(cl_confirm_next(rows, 2, &plan, 1, 11, 1), 0);
  rows[0].failed = 3;
  assert_int_equal(cl_confirm_next(rows, 2, &plan, 1, 11, 1), -1);
  plan.repeats = 5;
  assert_true(cl_confirm_next(rows, 2, &plan, 1, 11, 1) >= 0); /* nothing is known, so the one with fewer */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(selection_bias_of_the_tutorial_is_that_of_its_rows),
      cmocka_unit_test(choice_looks_at_the_search_alone),
      cmocka_unit_test(named_trials_are_confirmed_by_configuration),
      cmocka_unit_test(without_noise_there_is_no_luck_nor_minus_none),
      cmocka_unit_test(trial_that_was_stopped_at_its_planned_end_has_a_score),
      cmocka_unit_test(study_without_scores_has_nothing_to_confirm),
      cmocka_unit_test(every_configuration_gets_its_runs),
      cmocka_unit_test(fewer_runs_in_all_go_to_those_that_may_be_the_best),
      cmocka_unit_test(failed_and_pending_runs_count_as_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
