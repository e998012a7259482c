/* The evaluation of a search: the tutorial's lines, and both histories against looking at every set after
 * each run. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "query/eval.h"
#include "query/tales.h"

struct told {
  struct cl_store *store;
  struct cl_reader *reader;
};

static struct told tell(void (*teller)(struct cl_store *s)) {
  struct told t = {.store = tale_store("memory:")};
  teller(t.store);
  assert_int_equal(cl_reader_open(t.store, 1, &t.reader, NULL), 0);
  return t;
}

static void forget(struct told *t) {
  cl_reader_close(t->reader);
  cl_store_close(t->store);
}

static void rows_of_the_tutorial_are_those_it_prints(void **state) {
  (void)state;
  static const struct {
    int64_t best_for, runs;
    double estimate;
    const char *name;
  } wanted[] = {{1, 1, 0.020409, "run3757.3"},     {3, 1, 0.020524, "run3768.2"},
                {6, 3, 0.033908, "run3762.5"},     {4602, 1, 0.03485, "run3760.7"},
                {8, 16, 0.049182, "run3755.152"},  {6, 9, 0.047129, "run3765.165"},
                {155, 16, 0.049182, "run3755.152"}};
  struct told t = tell(tell_job411);
  struct cl_eval v;
  assert_int_equal(cl_eval_read(t.reader, &(struct cl_eval_options){0}, &v, NULL), 0);
  assert_int_equal(v.runs, 4781);
  assert_int_equal(v.n_rows, 7);
  assert_true(fabs(v.prior.mean - 0.0117) < 1e-12 && fabs(v.prior.variance - 0.000144) < 1e-12);
  for (int i = 0; i < 7; i++) {
    struct cl_text name = {0};
    assert_int_equal(v.rows[i].best_for, wanted[i].best_for);
    assert_int_equal(v.rows[i].runs, wanted[i].runs);
    assert_true(fabs(v.rows[i].estimate - wanted[i].estimate) < 1e-9);
    assert_int_equal(cl_eval_name(t.reader, v.rows[i].trial, &name, NULL), 0);
    assert_string_equal(cl_text_get(&name), wanted[i].name);
    cl_text_done(&name);
  }
  assert_true(v.df == 2 + 15 + 8 && v.p_best > 0 && v.p_best < v.p_near && v.p_near < 1);
  cl_eval_done(&v);
  forget(&t);
}

/* 300 runs of 25 configurations; every 7th fails. The smaller the better. */
enum { NOISY_RUNS = 300, NOISY_SETS = 25 };

static int noisy_set(int i) {
  struct cl_rng r = cl_rng_stream(3, CL_RNG_USER, (uint64_t)i, 0);
  return (int)cl_rng_below(&r, NOISY_SETS);
}

static double noisy_score(int i) {
  struct cl_rng r = cl_rng_stream(3, CL_RNG_USER, (uint64_t)i, 1);
  return 2.385 + 0.01 * noisy_set(i) + 0.2 * cl_rng_normal(&r);
}

static void tell_noisy(struct cl_store *s) {
  struct tale t = tale_begin(
      s, "noisy",
      "\"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\", \"reduce\": \"last\"}],"
      "\"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"int\", \"lo\": 0, \"hi\": 100, \"step\": 1}],"
      "\"search\": {\"method\": \"random\"}, \"trials\": 1000, \"parallel\": 1");
  for (int i = 0; i < NOISY_RUNS; i++) {
    struct cl_value x = cl_value_int(noisy_set(i));
    if (i % 7 != 3) {
      tale_run(&t, NULL, 1, &x, "loss", noisy_score(i));
      continue;
    }
    int64_t trial = tale_propose(&t, NULL, 1, &x);
    tale_start(&t, trial, 1, 0);
    tale_end(&t, trial, 1, 0, NAN);
  }
  struct cl_value x = cl_value_int(3); /* confirming runs are no part of the search */
  tale_run(&t,
           &(struct tale_proposal){.role = CL_ROLE_CONFIRM, .cause = CL_CAUSE_CONFIRM, .of = 1, .args = "{}"},
           1, &x, "loss", 0.1);
}

static void add(struct cl_moments *sets, struct cl_moments *all, int i) {
  cl_moments_add(&sets[noisy_set(i)], -noisy_score(i));
  cl_moments_add(all, -noisy_score(i));
}

static int leader_of(const struct cl_moments *sets, struct cl_prior prior, double *ret_estimate) {
  int best = -1;
  for (int k = 0; k < NOISY_SETS; k++) {
    double x = sets[k].n == 0 ? -INFINITY : cl_posterior(&sets[k], prior, NULL);
    if (sets[k].n == 0 || (best >= 0 && x <= *ret_estimate)) continue;
    best = k;
    *ret_estimate = x;
  }
  return best;
}

static void check_history(const struct cl_eval *v, bool online, int runs, struct cl_prior prior,
                          const struct cl_moments *final) {
  struct cl_moments sets[NOISY_SETS] = {{0}}, all = {0};
  const struct cl_eval_row *rows = online ? v->online : v->rows;
  int before = -1;
  size_t row = 0;
  for (int i = 0, done = 0; done < runs; i++) {
    if (i % 7 == 3) continue;
    double estimate = 0;
    done++;
    add(sets, &all, i);
    if (online) prior = (struct cl_prior){all.mean, cl_moments_variance(&all)};
    int leader = leader_of(sets, prior, &estimate);
    if (leader == before) continue;
    if (!online) estimate = cl_posterior(&final[leader], prior, NULL);
    assert_true(row < (online ? v->n_online : v->n_rows));
    assert_true(fabs(rows[row].estimate + estimate) < 1e-12);
    assert_int_equal(rows[row].runs, online ? sets[leader].n : final[leader].n);
    assert_int_equal(noisy_set((int)rows[row].trial - 1), leader);
    before = leader;
    row++;
  }
  assert_int_equal(row, online ? v->n_online : v->n_rows);
  int64_t sum = 0;
  for (size_t i = 0; i < row; i++) sum += rows[i].best_for;
  assert_int_equal(sum, runs);
}

static void histories_are_those_of_looking_at_every_set(void **state) {
  (void)state;
  struct told t = tell(tell_noisy);
  struct cl_moments all = {0}, sets[NOISY_SETS] = {{0}};
  for (int i = 0; i < NOISY_RUNS; i++)
    if (i % 7 != 3) add(sets, &all, i);
  struct cl_prior prior = {all.mean, cl_moments_variance(&all)};
  for (int64_t most = 0; most <= 100; most += 50) {
    struct cl_eval v;
    struct cl_moments cut[NOISY_SETS] = {{0}}, ignored = {0};
    assert_int_equal(cl_eval_read(t.reader, &(struct cl_eval_options){.max_runs = most}, &v, NULL), 0);
    assert_int_equal(v.runs, most > 0 ? most : all.n);
    for (int i = 0, n = 0; n < v.runs; i++)
      if (i % 7 != 3) {
        add(cut, &ignored, i);
        n++;
      }
    check_history(&v, false, (int)v.runs, prior,
                  cut); /* the prior is that of all runs, also of a cut history */
    check_history(&v, true, (int)v.runs, prior, cut);
    assert_true(v.n_rows > 3);
    cl_eval_done(&v);
  }
  forget(&t);
}

static void other_metrics_need_a_goal(void **state) {
  (void)state;
  struct told t = tell(tell_mnist);
  struct cl_eval v;
  struct cl_err e = {0};
  enum cl_goal goal = CL_MINIMIZE;
  assert_int_equal(cl_eval_read(t.reader, &(struct cl_eval_options){.metric = "loss"}, &v, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "minimize or maximize"));
  assert_int_equal(
      cl_eval_read(t.reader, &(struct cl_eval_options){.metric = "nothing", .goal = &goal}, &v, NULL),
      CLADE_EINVAL);
  assert_int_equal(
      cl_eval_read(t.reader, &(struct cl_eval_options){.metric = "loss", .goal = &goal}, &v, NULL), 0);
  assert_int_equal(v.runs, 6);
  assert_true(v.n_rows > 0 && v.rows[v.n_rows - 1].estimate > 0 && v.rows[v.n_rows - 1].estimate < 2.4);
  assert_true(isnan(v.p_best) && isnan(v.noise_sd));
  cl_eval_done(&v);
  assert_int_equal(cl_eval_read(t.reader, &(struct cl_eval_options){.metric = "val_accuracy"}, &v, NULL), 0);
  assert_int_equal(v.rows[v.n_rows - 1].trial, 5);
  cl_eval_done(&v);
  forget(&t);
}

static void runs_with_other_values_are_left_out(void **state) {
  (void)state;
  struct told t = tell(tell_repeats);
  struct cl_settings *some = NULL, *foreign = NULL;
  struct cl_eval v;
  struct cl_err e = {0};
  static const char form[] =
      "{\"study\": \"s\", \"objectives\": [{\"name\": \"score\", \"goal\": \"maximize\"}], "
      "\"search\": {\"method\": \"random\"}, \"trials\": 1, \"parallel\": 1, "
      "\"hyperparameters\": [{\"id\": 1, \"name\": \"%s\", \"domain\": \"int\", \"lo\": 11, "
      "\"hi\": 13}]}";
  char text[400];
  (void)snprintf(text, sizeof text, form, "x");
  assert_int_equal(cl_settings_parse(text, &some, NULL), 0);
  (void)snprintf(text, sizeof text, form, "y");
  assert_int_equal(cl_settings_parse(text, &foreign, NULL), 0);
  assert_int_equal(cl_eval_read(t.reader, &(struct cl_eval_options){.space = &some->space}, &v, NULL), 0);
  const struct cl_study *study = NULL;
  assert_int_equal(cl_reader_need(t.reader, 0, 0, &study, NULL), 0);
  int64_t inside = 0;
  struct cl_moments all = {0};
  for (int64_t i = 1; i <= cl_study_trials(study); i++) {
    const struct cl_trial *trial = cl_study_trial(study, i);
    struct cl_value x;
    cl_trial_values(study, trial, &x);
    if (!cl_role_is_searched(trial->head.role) || x.as.integer < 11 || x.as.integer > 13) continue;
    inside++;
    cl_moments_add(&all, trial->value);
  }
  assert_true(inside > 1 && v.runs == inside && v.runs + v.left_out == 18);
  assert_true(fabs(v.prior.mean - all.mean) < 1e-12); /* nor are they in the prior */
  cl_eval_done(&v);
  assert_int_equal(cl_eval_read(t.reader, &(struct cl_eval_options){.space = &foreign->space}, &v, &e),
                   CLADE_EINVAL);
  assert_non_null(strstr(e.text, "'y'"));
  cl_settings_destroy(some);
  cl_settings_destroy(foreign);
  forget(&t);
}

/* Trial 1: four reports, the third of them again after it was taken up at step 2; trial 2: three. */
static void tell_interrupted(struct cl_store *s) {
  struct tale t = tale_begin(
      s, "interrupted",
      "\"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\"}], \"hyperparameters\": [{\"id\": 1, \"name\": "
      "\"x\", \"domain\": \"int\", \"lo\": 0, \"hi\": 100}], \"search\": {\"method\": \"random\"}, \"trials\": 9, "
      "\"limits\": {\"retries\": 1}, \"parallel\": 1");
  struct cl_value x = cl_value_int(23);
  int64_t trial = tale_propose(&t, NULL, 1, &x), saved = 0, record = 0;
  tale_start(&t, trial, 1, 0);
  for (int step = 1; step <= 3; step++) {
    (void)tale_report(&t, trial, step, "loss", 2.385 / step, NULL);
    if (step == 2) saved = tale_save(&t, trial, step);
  }
  tale_end(&t, trial, 139, 0, 0);
  tale_retry(&t, trial);
  tale_start(&t, trial, 2, saved);
  for (int step = 3; step <= 4; step++) record = tale_report(&t, trial, step, "loss", 2.385 / step, NULL);
  tale_end(&t, trial, 0, record, 2.385 / 4);
  x = cl_value_int(85);
  trial = tale_propose(&t, NULL, 1, &x);
  tale_start(&t, trial, 1, 0);
  for (int step = 1; step <= 3; step++) record = tale_report(&t, trial, step, "loss", 2.1 / step, NULL);
  tale_end(&t, trial, 0, record, 0.7);
}

static void runs_with_another_number_of_reports_are_left_out(void **state) {
  (void)state;
  struct told t = tell(tell_interrupted);
  static const int runs[] = {2, 0, 0, 1, 1, 0}; /* by n_reports */
  for (int n = 0; n <= 5; n++) {
    struct cl_eval v;
    assert_int_equal(cl_eval_read(t.reader, &(struct cl_eval_options){.n_reports = n}, &v, NULL), 0);
    assert_int_equal(v.runs, runs[n]);
    assert_int_equal(v.left_out, 2 - runs[n]);
    if (n == 3 || n == 4) assert_int_equal(v.rows[0].trial, n == 4 ? 1 : 2);
    cl_eval_done(&v);
  }
  const struct cl_study *study = NULL;
  struct cl_eval v;
  assert_int_equal(cl_reader_need(t.reader, 0, 0, &study, NULL), 0);
  assert_int_equal(cl_eval_study(study, &(struct cl_eval_options){.n_reports = 3}, &v, NULL),
                   CLADE_EUNSUPPORTED);
  forget(&t);
}

static void empty_search_has_no_rows(void **state) {
  (void)state;
  struct told t = tell(tell_empty);
  struct cl_eval v;
  assert_int_equal(cl_eval_read(t.reader, &(struct cl_eval_options){0}, &v, NULL), 0);
  assert_true(v.runs == 0 && v.n_rows == 0 && v.n_online == 0 && isnan(v.p_best));
  cl_eval_done(&v);
  forget(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_of_the_tutorial_are_those_it_prints),
      cmocka_unit_test(histories_are_those_of_looking_at_every_set),
      cmocka_unit_test(other_metrics_need_a_goal),
      cmocka_unit_test(runs_with_other_values_are_left_out),
      cmocka_unit_test(runs_with_another_number_of_reports_are_left_out),
      cmocka_unit_test(empty_search_has_no_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
