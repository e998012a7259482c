/* The leader of moving estimates, against looking at every set each time. */
#include "../model/cmocka_all.h"
#include "base/rng.h"
#include "math/leaders.h"

enum { SETS = 60, RUNS = 3000 };

static void posterior_of_one_run_lies_half_way_to_the_prior(void **state) {
  (void)state;
  struct cl_moments one = {.n = 1, .mean = 0.0471}, same = {.n = 3, .mean = 2.5}, four = {4, 1.3, 0.27};
  struct cl_prior p = {0.0129, 0.00037};
  double variance = 0;
  assert_true(fabs(cl_posterior(&one, p, &variance) - 0.03) < 1e-15);
  assert_true(fabs(variance - 0.00037 / 2) < 1e-18);
  p = (struct cl_prior){0.9, 0.16}; /* s2 = 0.09: v = (0.16 + 3 * 0.09) / 4 = 0.1075 */
  assert_true(fabs(cl_posterior(&four, p, &variance) - (0.1075 * 0.9 + 0.64 * 1.3) / 0.7475) < 1e-15);
  assert_true(fabs(variance - 0.1075 * 0.16 / 0.7475) < 1e-15);
  assert_true(cl_posterior(&same, (struct cl_prior){2.5, 0}, &variance) == 2.5 && variance == 0);
}

static bool beats(const struct cl_leaders *l, size_t a, size_t b, double x, double y) {
  double u = 0, v = 0;
  if (x != y) return x > y;
  if (l->rule == CL_LEADERS_RAW) return l->sets[a].age > l->sets[b].age;
  (void)cl_posterior(&l->sets[a].runs, cl_leaders_prior(l), &u);
  (void)cl_posterior(&l->sets[b].runs, cl_leaders_prior(l), &v);
  if (l->rule == CL_LEADERS_FIXED && u != v) return u < v;
  return l->sets[a].age < l->sets[b].age;
}

static int64_t look_at_all(const struct cl_leaders *l) {
  int64_t best = -1;
  double highest = 0;
  for (size_t i = 0; i < l->n; i++) {
    if (l->sets[i].runs.n == 0) continue;
    double x = l->rule == CL_LEADERS_RAW ? l->sets[i].runs.mean
                                         : cl_posterior(&l->sets[i].runs, cl_leaders_prior(l), NULL);
    if (best >= 0 && !beats(l, i, (size_t)best, x, highest)) continue;
    best = (int64_t)i;
    highest = x;
  }
  return best;
}

/* Scores in steps of `step`, so that there are ties. */
static void follow(enum cl_leaders_rule rule, double step, uint64_t seed) {
  struct cl_leaders l;
  struct cl_rng r = cl_rng_stream(seed, CL_RNG_USER, 1, 0);
  double estimate = 0;
  cl_leaders_init(&l, rule, (struct cl_prior){0.4, 1.1});
  assert_int_equal(cl_leaders_find(&l, &estimate), -1);
  for (int i = 0; i < SETS; i++) assert_int_equal(cl_leaders_add_set(&l, 1000 - i, NULL), 0);
  cl_leaders_set_age(&l, 7, 3);
  for (int i = 0; i < RUNS; i++) {
    size_t set = (size_t)cl_rng_below(&r, SETS);
    double score = round(((double)set / 40 + cl_rng_normal(&r)) / step) * step;
    assert_int_equal(cl_leaders_add_run(&l, set, score, i % 17 != 5, NULL), 0);
    int64_t found = cl_leaders_find(&l, &estimate), wanted = look_at_all(&l);
    if (found != wanted) fail_msg("run %d: set %d leads, not %d", i, (int)wanted, (int)found);
    if (i % 100 == 50) cl_leaders_set_age(&l, set, (int64_t)cl_rng_below(&r, 5000));
  }
  cl_leaders_done(&l);
}

static void leader_is_the_one_that_looking_at_all_finds(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 4; seed++) {
    follow(CL_LEADERS_ONLINE, 1e-9, seed);
    follow(CL_LEADERS_FIXED, 0.25, seed);
    follow(CL_LEADERS_FIXED, 1e-9, seed);
    follow(CL_LEADERS_RAW, 0.25, seed);
    follow(CL_LEADERS_RAW, 100, seed); /* all equal */
  }
}

static void equal_scores_are_led_by_the_oldest_at_no_cost(void **state) {
  (void)state;
  struct cl_leaders l;
  double estimate = 0;
  cl_leaders_init(&l, CL_LEADERS_ONLINE, (struct cl_prior){0});
  for (int i = 0; i < 5000; i++) {
    assert_int_equal(cl_leaders_add_set(&l, i, NULL), 0);
    assert_int_equal(cl_leaders_add_run(&l, (size_t)i, 0.7, true, NULL), 0);
    assert_int_equal(cl_leaders_add_run(&l, (size_t)i, 0.7, true, NULL), 0);
    assert_int_equal(cl_leaders_find(&l, &estimate), 0);
    assert_true(estimate == 0.7);
  }
  assert_true(l.visited == 0);
  cl_leaders_done(&l);
}

static void huge_scores_stay_finite(void **state) {
  (void)state;
  struct cl_leaders l;
  double estimate = 0;
  cl_leaders_init(&l, CL_LEADERS_ONLINE, (struct cl_prior){0});
  for (int i = 0; i < 6; i++) {
    if (i < 3) assert_int_equal(cl_leaders_add_set(&l, i, NULL), 0);
    assert_int_equal(cl_leaders_add_run(&l, (size_t)i % 3, i % 2 ? -1e300 : 1e300, true, NULL), 0);
    assert_true(cl_leaders_find(&l, &estimate) >= 0 && isfinite(estimate));
  }
  cl_leaders_done(&l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(posterior_of_one_run_lies_half_way_to_the_prior),
      cmocka_unit_test(leader_is_the_one_that_looking_at_all_finds),
      cmocka_unit_test(equal_scores_are_led_by_the_oldest_at_no_cost),
      cmocka_unit_test(huge_scores_stay_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
