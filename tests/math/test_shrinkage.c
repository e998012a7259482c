/* Shrunk means against an independent program (shrinkage.py), and how often their intervals hold. */
#include "../model/cmocka_all.h"
#include "base/alloc.h"
#include "base/rng.h"
#include "math/shrinkage.h"

static struct cl_moments moments_of(const double *x, int n) {
  struct cl_moments m = {0};
  for (int i = 0; i < n; i++) cl_moments_add(&m, x[i]);
  return m;
}

static const double scores[10][7] = {{1.31, 1.27, 1.4, 1.22},
                                     {0.93, 1.02},
                                     {1.55, 1.48, 1.61, 1.5, 1.53, 1.56},
                                     {0.7},
                                     {1.9},
                                     {1.1, 1.2},
                                     {0.4},
                                     {1.33},
                                     {1.52, 1.58},
                                     {0.95}};

static void take_scores(struct cl_moments ret[10]) {
  for (int i = 0; i < 10; i++) {
    int n = 0;
    while (scores[i][n] > 0) n++;
    ret[i] = moments_of(scores[i], n);
  }
}

static void estimates_are_those_of_the_independent_program(void **state) {
  (void)state;
  static const double wanted[10][2] = {
      {1.2997302019611867, 0.03281119067935858},  {0.9750591974253886, 0.047226063823819046},
      {1.5380844316159428, 0.026474742156706164}, {0.7163510986041306, 0.08102838713082727},
      {1.8808413425398756, 0.06771774609156883},  {1.1545083408510064, 0.05969702860215669},
      {0.4228367867106428, 0.07015467263996926},  {1.3145670998575631, 0.06680821994153132},
      {1.5411472051689536, 0.043561598248308186}, {0.9626411400669048, 0.06669915133316759}};
  struct cl_moments sets[10];
  struct cl_shrinkage s;
  take_scores(sets);
  assert_int_equal(cl_shrinkage_fit(sets, 10, 17, &s, NULL), 0);
  assert_int_equal(s.df, 11);
  assert_int_equal(s.scores, 21);
  for (int i = 0; i < 10; i++) {
    double sd = 0, mean = cl_shrinkage_estimate(&s, &sets[i], &sd);
    assert_true(fabs(mean - wanted[i][0]) < 1e-9);
    assert_true(fabs(sd - wanted[i][1]) < 1e-6);
  }
  cl_shrinkage_done(&s);
}

static void scale_and_place_of_the_scores_do_not_matter(void **state) {
  (void)state;
  struct cl_moments sets[10], moved[10];
  struct cl_shrinkage s, m;
  take_scores(sets);
  for (int i = 0; i < 10; i++)
    moved[i] = (struct cl_moments){sets[i].n, -3e6 - 4 * sets[i].mean, 16 * sets[i].squares};
  assert_int_equal(cl_shrinkage_fit(sets, 10, 3, &s, NULL), 0);
  assert_int_equal(cl_shrinkage_fit(moved, 10, 3, &m, NULL), 0);
  for (int i = 0; i < 10; i++) {
    double sd = 0, sd_moved = 0, mean = cl_shrinkage_estimate(&s, &sets[i], &sd);
    double mean_moved = cl_shrinkage_estimate(&m, &moved[i], &sd_moved);
    assert_true(fabs(-3e6 - 4 * mean - mean_moved) <
                0.1); /* the order of the draws' weights is turned round */
    assert_true(fabs(4 * sd / sd_moved - 1) < 0.3);
  }
  cl_shrinkage_done(&s);
  cl_shrinkage_done(&m);
}

static void without_prior_the_mean_stands(void **state) {
  (void)state;
  static const double x[] = {0.0294, 0.0203, 0.0382, 0.0329};
  struct cl_moments one = moments_of(x, 4), equal[] = {{3, 0.5, 0}, {2, 0.7, 0}},
                    single[] = {{1, 0.5, 0}, {1, 0.7, 0}};
  struct cl_shrinkage s;
  double sd = 0;
  assert_int_equal(cl_shrinkage_fit(&one, 1, 3, &s, NULL), 0);
  assert_true(cl_shrinkage_estimate(&s, &one, &sd) == one.mean);
  assert_true(fabs(sd - sqrt(cl_moments_variance(&one) / 4)) < 1e-15);
  assert_int_equal(cl_shrinkage_fit(equal, 2, 3, &s, NULL), 0);
  assert_true(cl_shrinkage_estimate(&s, &equal[1], &sd) == 0.7 && sd == 0);
  assert_int_equal(cl_shrinkage_fit(single, 2, 3, &s, NULL), 0);
  assert_true(isnan(s.noise) && s.df == 0);
}

/* Of k configurations with normal true values the one that looks best: how often does its interval hold? */
static double covered(int k, int n, double tau) {
  enum { STUDIES = 60, MOST = 40 };
  int in = 0;
  for (uint64_t study = 0; study < STUDIES; study++) {
    struct cl_rng r = cl_rng_stream(study + 1, CL_RNG_USER, (uint64_t)k, (uint32_t)n);
    static struct cl_moments sets[MOST];
    static double truth[MOST];
    struct cl_shrinkage s;
    double best = -INFINITY, best_sd = 0, best_truth = 0;
    for (int i = 0; i < k; i++) {
      sets[i] = (struct cl_moments){0};
      truth[i] = 7 + tau * cl_rng_normal(&r);
      for (int j = 0; j < n; j++) cl_moments_add(&sets[i], truth[i] + 0.1 * cl_rng_normal(&r));
    }
    assert_int_equal(cl_shrinkage_fit(sets, (size_t)k, study, &s, NULL), 0);
    for (int i = 0; i < k; i++) {
      double sd = 0, mean = cl_shrinkage_estimate(&s, &sets[i], &sd);
      if (mean <= best) continue;
      best = mean;
      best_sd = sd;
      best_truth = truth[i];
    }
    in += fabs(best - best_truth) <= 1.96 * best_sd;
    cl_shrinkage_done(&s);
  }
  return (double)in / STUDIES;
}

static void interval_of_the_winner_holds(void **state) {
  (void)state;
  assert_true(covered(10, 4, 0) > 0.86);
  assert_true(covered(10, 4, 0.1) > 0.86);
  assert_true(covered(10, 4, 2) > 0.86); /* noise hardly matters: nothing may be moved */
  assert_true(covered(40, 2, 0.05) > 0.86);
}

static void many_sets_are_gathered_and_estimated_alike(void **state) {
  (void)state;
  enum { N = 6000 };
  struct cl_moments *sets = cl_alloc_array(N, sizeof *sets);
  struct cl_rng r = cl_rng_stream(9, CL_RNG_USER, 1, 0);
  struct cl_shrinkage s;
  double off = 0, sd = 0;
  assert_non_null(sets);
  for (int i = 0; i < N; i++) {
    double truth = 0.3 * cl_rng_normal(&r);
    for (int j = 0; j <= i % 3; j++) cl_moments_add(&sets[i], truth + 0.4 * cl_rng_normal(&r));
  }
  assert_int_equal(cl_shrinkage_fit(sets, N, 4, &s, NULL), 0);
  assert_true(s.n_bins < 2000);
  for (int i = 0; i < N; i += 60) { /* prior and noise are normal, and known well: the textbook's posterior */
    double n = (double)sets[i].n, own = 0.16 / n, mean = cl_shrinkage_estimate(&s, &sets[i], &sd);
    if (fabs(sets[i].mean) > 0.8) continue;
    off = fmax(off, fabs(mean - 0.09 / (0.09 + own) * sets[i].mean));
    assert_true(fabs(sd / sqrt(0.09 * own / (0.09 + own)) - 1) < 0.2);
  }
  assert_true(off < 0.06);
  cl_shrinkage_done(&s);
  cl_free(sets);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(estimates_are_those_of_the_independent_program),
      cmocka_unit_test(scale_and_place_of_the_scores_do_not_matter),
      cmocka_unit_test(without_prior_the_mean_stands),
      cmocka_unit_test(interval_of_the_winner_holds),
      cmocka_unit_test(many_sets_are_gathered_and_estimated_alike),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
