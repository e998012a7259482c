#include "driver.h"

/* Two ordered lists: a has levels 1…5, b 10…50. */
static const char pair[] =
    "{\"id\": 1, \"name\": \"a\", \"domain\": \"ordered\", \"values\": [1, 2, 3, 4, 5]},"
    "{\"id\": 2, \"name\": \"b\", \"domain\": \"ordered\", \"values\": [10, 20, 30, 40, 50]}";
static const char dgd1[] = ", \"trials\": 100000, \"search\": {\"method\": \"dgd\", \"startup\": 1}";

/* A trial with these values, as if they had been proposed. */
static int64_t propose(struct driver *d, const struct cl_value *values) {
  const struct cl_space *space = cl_study_space(d->study);
  struct cl_assigned assigned[16];
  struct cl_event ev = {.kind = CL_EVENT_PROPOSED, .subject = driver_trials(d) + 1, .cause = CL_CAUSE_HUMAN};
  for (int i = 0; i < space->n; i++)
    if (values[i].kind != CL_ABSENT)
      assigned[ev.u.proposed.values.n++] = (struct cl_assigned){space->items[i].id, values[i]};
  ev.u.proposed.role = CL_ROLE_SEARCH;
  ev.u.proposed.space_version = space->version;
  ev.u.proposed.values.items = assigned;
  driver_apply(d, ev);
  return ev.subject;
}

static int64_t propose_pair(struct driver *d, int a, int b) {
  struct cl_value v[2] = {cl_value_int(a), cl_value_int(b)};
  return propose(d, v);
}

static void run_pair(struct driver *d, int a, int b, double score) {
  driver_finish(d, propose_pair(d, a, b), score);
}

/* The args of the next proposal, without making it. */
static const char *next_args(struct driver *d) {
  struct cl_event ev = {0};
  assert_int_equal(cl_searcher_next(d->searcher, &ev, NULL), 0);
  return ev.args;
}

/* A number of them. */
static double next_number(struct driver *d, const char *name) {
  json_t *args = json_loads(next_args(d), 0, NULL);
  assert_true(json_is_number(json_object_get(args, name)));
  double x = json_number_value(json_object_get(args, name));
  json_decref(args);
  return x;
}

static void fill_neighbourhood(struct driver *d) {
  for (int i = 0; i < 4; i++) run_pair(d, 3, 30, 0.9);
  run_pair(d, 2, 30, 0.1);
  run_pair(d, 3, 40, 0.2);
  run_pair(d, 3, 40, 0.3);
}

static void weights_favour_what_was_run_least(void **state) {
  (void)state;
  struct driver d = driver_begin(pair, dgd1, 1);
  fill_neighbourhood(&d);
  assert_non_null(strstr(next_args(&d), "\"centre\": 1, "));
  assert_non_null(strstr(next_args(&d), "\"count\": 4, \"weights\": [1, 4, 5, 5, 3]"));
  driver_end(&d);
}

static void draws_follow_the_weights(void **state) {
  (void)state;
  static const double expected[5] = {1, 4, 5, 5, 3};
  int count[5] = {0};
  for (int64_t seed = 0; seed < 1800; seed++) {
    struct driver d = driver_begin(pair, dgd1, seed);
    fill_neighbourhood(&d);
    static const int around[5][2] = {{3, 30}, {2, 30}, {4, 30}, {3, 20}, {3, 40}};
    struct cl_value v[2];
    assert_int_equal(driver_ask(&d, v), 0);
    const char *chosen = strstr(d.log[d.n - 1]->args, "\"chosen\": ");
    assert_non_null(chosen);
    int k = chosen[10] - '0';
    assert_true(k >= 0 && k < 5);
    assert_true(v[0].as.integer == around[k][0] && v[1].as.integer == around[k][1]);
    count[k]++;
    driver_end(&d);
  }
  double chi = 0;
  for (int k = 0; k < 5; k++) chi += pow(count[k] - expected[k] * 100, 2) / (expected[k] * 100);
  assert_true(chi < 14.9); /* 0.5 % point with 4 degrees of freedom; the seeds are fixed */
}

static void the_estimate_is_the_posterior_mean(void **state) {
  (void)state;
  struct driver d = driver_begin(pair, dgd1, 1);
  run_pair(&d, 1, 10, 0.5);
  run_pair(&d, 1, 10, 0.7);
  run_pair(&d, 5, 50, 0.9);
  /* mu0 0.7, v0 0.04: the pair has v = (0.04 + 0.02) / 2; the single run lies half-way to mu0 */
  assert_true(next_number(&d, "centre") == 3);
  assert_true(fabs(next_number(&d, "estimate") - 0.8) < 1e-14);
  run_pair(&d, 5, 50, 0.1);
  double mu0 = 0.55, v0 = 0.35 / 3, v = (v0 + 0.02) / 2;
  assert_true(next_number(&d, "centre") == 1);
  double expected = (v * mu0 + 2 * v0 * 0.6) / (v + 2 * v0);
  assert_true(fabs(next_number(&d, "estimate") - expected) < 1e-14);
  driver_end(&d);
}

static void a_minimised_score_is_turned_around(void **state) {
  (void)state;
  static const struct {
    const char *goal;
    int centre;
    double estimate;
  } cases[] = {{"maximize", 2, 0.8}, {"minimize", 1, 0.6}};
  for (int i = 0; i < 2; i++) {
    struct driver d = driver_begin_goal(cases[i].goal, pair, dgd1, 1);
    run_pair(&d, 1, 10, 0.5);
    run_pair(&d, 5, 50, 0.9);
    assert_true(next_number(&d, "centre") == cases[i].centre);
    assert_true(fabs(next_number(&d, "estimate") - cases[i].estimate) < 1e-14);
    driver_end(&d);
  }
}

static void pending_trials_count_but_have_no_score(void **state) {
  (void)state;
  struct driver d = driver_begin(pair, dgd1, 1);
  run_pair(&d, 3, 30, 0.9);
  propose_pair(&d, 2, 30);
  driver_start(&d, propose_pair(&d, 2, 30));
  assert_non_null(strstr(next_args(&d), "\"count\": 1, \"weights\": [2, 1, 3, 3, 3]"));
  driver_end(&d);
}

static void failures_count_with_the_worst_score_seen(void **state) {
  (void)state;
  struct driver d = driver_begin(pair, dgd1, 1);
  int64_t early = propose_pair(&d, 5, 50); /* fails before any score: counts, tells nothing */
  driver_fail(&d, early);
  assert_int_equal(driver_head(&d, early)->state, CL_FAILED);
  assert_non_null(strstr(next_args(&d), "\"why\""));
  run_pair(&d, 3, 30, 0.9);
  run_pair(&d, 3, 20, 0.2);
  driver_fail(&d, propose_pair(&d, 3, 30)); /* mean of 0.9 and 0.2: still the best */
  double mu0 = 0.55, v0 = 0.245, s2 = 0.245, v = (v0 + s2) / 2;
  double expected = (v * mu0 + 2 * v0 * 0.55) / (v + 2 * v0);
  assert_true(next_number(&d, "centre") == 2);
  assert_true(next_number(&d, "count") == 2);
  assert_true(fabs(next_number(&d, "estimate") - expected) < 1e-14);
  driver_finish(&d, propose_pair(&d, 3, 30), NAN); /* diverged: the same */
  assert_true(next_number(&d, "count") == 3);
  driver_verify_all(&d);
  driver_end(&d);
}

static void enormous_scores_do_no_harm(void **state) {
  (void)state;
  struct driver d = driver_begin(pair, dgd1, 1);
  static const double scores[] = {1e308, -1e308, 1.7e308, 3, -1.7e308, 1e308};
  for (int i = 0; i < 6; i++) run_pair(&d, 1 + i % 3, 10, scores[i]);
  for (int i = 0; i < 20; i++) {
    assert_int_equal(driver_ask(&d, NULL), 0);
    driver_finish(&d, driver_trials(&d), scores[i % 6]);
  }
  driver_end(&d);
}

static void unordered_values_are_all_neighbours(void **state) {
  (void)state;
  const char space[] =
      "{\"id\": 1, \"name\": \"u\", \"domain\": \"unordered\", \"values\": [\"a\", \"b\", \"c\", \"d\", \"e\"]}";
  struct driver d = driver_begin(space, dgd1, 1);
  struct cl_value v[1] = {cl_value_text("b")};
  driver_finish(&d, propose(&d, v), 1);
  assert_non_null(strstr(next_args(&d), "\"weights\": [1, 2, 2, 2, 2]"));
  driver_end(&d);
  d = driver_begin(space, ", \"trials\": 100, \"search\": {\"method\": \"dgd\", \"variant\": \"xt\"}", 1);
  driver_finish(&d, propose(&d, v), 1);
  assert_non_null(strstr(next_args(&d), "\"weights\": [1, 2, 2]"));
  driver_end(&d);
}

static void a_very_long_list_is_walked_not_searched(void **state) {
  (void)state;
  struct cl_text t = {0};
  cl_text_add(&t, "{\"id\": 1, \"name\": \"u\", \"domain\": \"unordered\", \"values\": [0");
  for (int i = 1; i < 50000; i++) cl_text_format(&t, ", %d", i);
  cl_text_add(&t, "]}");
  struct driver d = driver_begin(cl_text_get(&t), dgd1, 1);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(driver_ask(&d, NULL), 0);
    driver_finish(&d, driver_trials(&d), i);
  }
  assert_non_null(strstr(d.log[d.n - 3]->args, "\"unlisted\": 49000, \"total\": "));
  struct cl_text why = {0};
  assert_int_equal(cl_searcher_explain(d.log[d.n - 3], d.study, &why, NULL), 0);
  assert_non_null(strstr(cl_text_get(&why), "and 49000 more\n"));
  driver_verify_all(&d);
  driver_end(&d);
  cl_text_done(&why);
  cl_text_done(&t);
}

static void the_xt_variant_follows_the_raw_mean_and_the_latest(void **state) {
  (void)state;
  struct driver d =
      driver_begin(pair, ", \"trials\": 100, \"search\": {\"method\": \"dgd\", \"variant\": \"xt\"}", 1);
  for (int i = 0; i < 9; i++) run_pair(&d, 3, 30, 0.5);
  run_pair(&d, 1, 10, 0.6); /* one run beats nine */
  assert_non_null(strstr(next_args(&d), "\"centre\": 10, \"estimate\": 0.6, "));
  run_pair(&d, 5, 50, 0.6); /* ties: the latest */
  assert_non_null(strstr(next_args(&d), "\"centre\": 11, "));
  driver_end(&d);
  d = driver_begin(pair, dgd1, 1);
  run_pair(&d, 1, 10, 0.6);
  run_pair(&d, 5, 50, 0.6);
  assert_non_null(strstr(next_args(&d), "\"centre\": 1, ")); /* ours: the earliest */
  driver_end(&d);
}

static void it_starts_at_random_with_a_fifth_of_the_budget(void **state) {
  (void)state;
  static const char big[] = "{\"id\": 1, \"name\": \"a\", \"domain\": \"int\", \"lo\": 1, \"hi\": 100000}";
  static const struct {
    const char *space;
    int trials, needed;
  } cases[] = {{big, 20, 10}, {big, 300, 60}, {big, 5000, 100}, {pair, 5000, 13}};
  for (int i = 0; i < 4; i++) {
    char more[200], why[100];
    snprintf(more, sizeof more, ", \"trials\": %d, \"search\": {\"method\": \"dgd\"}", cases[i].trials);
    snprintf(why, sizeof why, "\"why\": \"0 of %d distinct", cases[i].needed);
    struct driver d = driver_begin(cases[i].space, more, 1);
    assert_non_null(strstr(next_args(&d), why));
    driver_end(&d);
  }
}

static void continuous_hyperparameters_are_refused(void **state) {
  (void)state;
  struct cl_study *study = NULL;
  struct cl_searcher *searcher = NULL;
  struct cl_err e = {0};
  struct cl_event ev = {.position = 1, .kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = ev.u.created.uuid = ev.u.created.directory = "s";
  ev.u.created.settings =
      "{\"study\": \"s\", \"objectives\": [{\"name\": \"y\", \"goal\": \"maximize\"}], \"trials\": 10, "
      "\"search\": {\"method\": \"dgd\"}, \"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", "
      "\"lo\": 0, \"hi\": 1}]}";
  assert_int_equal(cl_study_create(&study, NULL), 0);
  assert_int_equal(cl_study_apply(study, &ev, NULL), 0);
  assert_int_equal(cl_searcher_create(study, &searcher, &e), CLADE_ESPEC);
  assert_string_equal(e.text, "lr is continuous, and method dgd steps from level to level: list its values "
                              "(ordered_tuning_values), give it a step, or search with method random");
  assert_null(searcher);
  cl_study_destroy(study);
}

static const char unimodal[] =
    "{\"id\": 1, \"name\": \"a\", \"domain\": \"int\", \"lo\": 0, \"hi\": 9},"
    "{\"id\": 2, \"name\": \"b\", \"domain\": \"int\", \"lo\": 0, \"hi\": 9},"
    "{\"id\": 3, \"name\": \"c\", \"domain\": \"int\", \"lo\": 0, \"hi\": 9},"
    "{\"id\": 4, \"name\": \"d\", \"domain\": \"unordered\", \"values\": [3, 1, 0, 2]},"
    "{\"id\": 5, \"name\": \"seed\", \"domain\": \"int\", \"lo\": 0, \"hi\": 65535, \"drawn\": true}";

/* Best at a 7, b 2, c 5, d 0. */
static double separable(const struct cl_value *v) {
  double a = cl_value_number(v[0]) - 7, b = cl_value_number(v[1]) - 2, c = cl_value_number(v[2]) - 5;
  return -(a * a + 2 * b * b + fabs(c)) - cl_value_number(v[3]);
}

static void without_noise_it_climbs_to_the_optimum(void **state) {
  (void)state;
  for (int64_t seed = 1; seed <= 10; seed++) {
    struct driver d = driver_begin(unimodal, ", \"trials\": 400, \"search\": {\"method\": \"dgd\"}", seed);
    struct cl_value v[5];
    double best = -1e9;
    for (int i = 0; i < 400; i++) {
      assert_int_equal(driver_ask(&d, v), 0);
      best = fmax(best, separable(v));
      driver_finish(&d, driver_trials(&d), separable(v));
    }
    assert_true(best == 0);
    int64_t centre = (int64_t)next_number(&d, "centre");
    cl_trial_values(d.study, cl_study_trial(d.study, centre), v);
    assert_true(separable(v) == 0);
    driver_end(&d);
  }
}

static void the_best_is_run_again_and_again(void **state) {
  (void)state;
  struct driver d = driver_begin(unimodal, ", \"trials\": 2000, \"search\": {\"method\": \"dgd\"}", 5);
  struct cl_rng r = cl_rng_stream(2, CL_RNG_USER, 0, 0);
  int64_t count[3] = {0};
  for (int i = 0; i < 1500; i++) {
    struct cl_value v[5];
    assert_int_equal(driver_ask(&d, v), 0);
    driver_finish(&d, driver_trials(&d), separable(v) + 2 * cl_rng_normal(&r));
    if (i % 500 != 499) continue;
    count[i / 500] = (int64_t)next_number(&d, "count");
  }
  assert_true(count[0] >= 5 && count[1] > count[0] && count[2] > count[1]);
  driver_end(&d);
}

/* The highest posterior mean by looking at all runs of all configurations. */
static double full_scan(const struct driver *d, const double *scores, int trials) {
  double mu0 = 0, v0 = 0, best = -INFINITY;
  for (int i = 0; i < trials; i++) mu0 += scores[i] / trials;
  for (int i = 0; i < trials; i++) v0 += pow(scores[i] - mu0, 2) / (trials - 1);
  for (int64_t t = 1; t <= trials; t++) {
    int64_t first = 0;
    double n = 0, sum = 0, squares = 0;
    assert_int_equal(cl_study_configuration(d->study, t, &first, NULL), 0);
    if (first != t) continue;
    for (int64_t k = t; k != 0; k = cl_study_next_repeat(d->study, k)) {
      n++;
      sum += scores[k - 1];
      squares += scores[k - 1] * scores[k - 1];
    }
    double mean = sum / n, s2 = n > 1 ? fmax(0, (squares - n * mean * mean) / (n - 1)) : 0;
    double var = (v0 + (n - 1) * s2) / n;
    best = fmax(best, (var * mu0 + n * v0 * mean) / (var + n * v0));
  }
  return best;
}

static void the_centre_is_that_of_a_full_scan(void **state) {
  (void)state;
  struct driver d =
      driver_begin(unimodal, ", \"trials\": 2000, \"search\": {\"method\": \"dgd\", \"startup\": 10}", 5);
  struct cl_rng r = cl_rng_stream(3, CL_RNG_USER, 0, 0);
  double scores[500];
  for (int i = 0; i < 500; i++) {
    struct cl_value v[5];
    assert_int_equal(driver_ask(&d, v), 0);
    scores[i] =
        0.1 * separable(v) + 3 * cl_rng_normal(&r) + (i % 100 == 50 ? 40 : 0); /* now and then far off */
    driver_finish(&d, i + 1, scores[i]);
    if (i >= 20) assert_true(fabs(next_number(&d, "estimate") - full_scan(&d, scores, i + 1)) < 1e-9);
  }
  driver_end(&d);
}

static void repeats_name_the_first_trial_of_their_configuration(void **state) {
  (void)state;
  struct driver d = driver_begin(pair, dgd1, 3);
  for (int i = 0; i < 200; i++) {
    struct cl_value v[2], w[2];
    assert_int_equal(driver_ask(&d, v), 0);
    const struct cl_trial *t = cl_study_trial(d.study, driver_trials(&d));
    int before = 0;
    int64_t first = 0;
    for (int64_t k = t->number - 1; k >= 1; k--) {
      cl_trial_values(d.study, cl_study_trial(d.study, k), w);
      if (!cl_space_equal(cl_study_space(d.study), v, w)) continue;
      before++;
      first = k;
    }
    assert_int_equal(t->repeat, before);
    assert_int_equal(t->of, first);
    driver_finish(&d, t->number, 1.0 / i);
  }
  driver_end(&d);
}

static const char tree[] =
    "{\"id\": 1, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\"]},"
    "{\"id\": 2, \"name\": \"lr\", \"domain\": \"ordered\", \"values\": [0.1, 0.2, 0.3, 0.4]},"
    "{\"id\": 3, \"name\": \"m\", \"domain\": \"ordered\", \"values\": [1, 2, 3], \"parent\": \"opt\", \"when\": "
    "[\"sgd\"]}";

/* Asks keep `pending` trials in flight and finish them in an order given by r; some fail, some diverge. */
static void busy_study(struct driver *d, int trials, int pending, struct cl_rng *r) {
  int64_t open[8];
  int n = 0;
  while (driver_trials(d) < trials || n > 0) {
    if (n < pending && driver_trials(d) < trials) {
      int status = driver_ask(d, NULL);
      if (status == 0) open[n++] = driver_trials(d);
      if (status == 0) continue;
      assert_int_equal(status, CLADE_BUSY);
    }
    int k = (int)cl_rng_below(r, (uint64_t)n);
    uint64_t fate = cl_mix64((uint64_t)open[k]) % 10; /* a function of the trial, not of the order */
    if (fate == 0)
      driver_fail(d, open[k]);
    else
      driver_finish(d, open[k], fate == 1 ? NAN : (double)(cl_mix64((uint64_t)open[k] * 77) % 1000) / 999);
    open[k] = open[--n];
  }
}

static void every_proposal_can_be_recomputed(void **state) {
  (void)state;
  struct cl_rng r = cl_rng_stream(6, CL_RNG_USER, 0, 0);
  for (int64_t seed = 1; seed <= 3; seed++) {
    struct driver d =
        driver_begin(tree, ", \"trials\": 150, \"search\": {\"method\": \"dgd\", \"startup\": 5}", seed);
    busy_study(&d, 150, 4, &r);
    driver_verify_all(&d);
    driver_end(&d);
  }
}

static void ordered_mode_does_not_depend_on_the_order_of_results(void **state) {
  (void)state;
  const char more[] =
      ", \"trials\": 200, \"search\": {\"method\": \"dgd\", \"startup\": 5}, \"ordered\": true, "
      "\"lag\": 4, \"parallel\": 2";
  struct driver first = {0};
  for (uint64_t round = 0; round < 4; round++) {
    struct cl_rng r = cl_rng_stream(round, CL_RNG_USER, 0, 0);
    struct driver d = driver_begin(tree, more, 5);
    busy_study(&d, 200, 4, &r);
    for (int64_t t = 1; t <= 200 && round > 0; t++) {
      struct cl_value v[3], w[3];
      cl_trial_values(first.study, cl_study_trial(first.study, t), v);
      cl_trial_values(d.study, cl_study_trial(d.study, t), w);
      for (int i = 0; i < 3; i++) assert_true(cl_value_equal(v[i], w[i]));
    }
    if (round == 0) {
      driver_verify_all(&d);
      first = d;
    } else {
      driver_end(&d);
    }
  }
  driver_end(&first);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(weights_favour_what_was_run_least),
      cmocka_unit_test(draws_follow_the_weights),
      cmocka_unit_test(the_estimate_is_the_posterior_mean),
      cmocka_unit_test(a_minimised_score_is_turned_around),
      cmocka_unit_test(pending_trials_count_but_have_no_score),
      cmocka_unit_test(failures_count_with_the_worst_score_seen),
      cmocka_unit_test(enormous_scores_do_no_harm),
      cmocka_unit_test(unordered_values_are_all_neighbours),
      cmocka_unit_test(a_very_long_list_is_walked_not_searched),
      cmocka_unit_test(the_xt_variant_follows_the_raw_mean_and_the_latest),
      cmocka_unit_test(it_starts_at_random_with_a_fifth_of_the_budget),
      cmocka_unit_test(continuous_hyperparameters_are_refused),
      cmocka_unit_test(without_noise_it_climbs_to_the_optimum),
      cmocka_unit_test(the_best_is_run_again_and_again),
      cmocka_unit_test(the_centre_is_that_of_a_full_scan),
      cmocka_unit_test(repeats_name_the_first_trial_of_their_configuration),
      cmocka_unit_test(every_proposal_can_be_recomputed),
      cmocka_unit_test(ordered_mode_does_not_depend_on_the_order_of_results),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
