/* EXP3.M: its constants, that shares are what the capped equation says, what a reward does, and that draws
 * come as often as they should. */
#include "../model/cmocka_all.h"
#include "math/exp3.h"

static void constants_are_those_of_the_formula(void **state) {
  (void)state;
  const struct cl_exp3 x = cl_exp3_for(10, 2, 50);
  assert_true(fabs(x.gamma - (0.9678095764)) <= 1e-9); /* sqrt(10 ln 5 / (1.718281828 * 2 * 5)) */
  assert_true(fabs(x.drift - (0.002)) <= 1e-15);
  assert_true(fabs(cl_exp3_for(3, 2, 20).gamma - (0.4206880510)) <= 1e-9);
  assert_true(fabs(cl_exp3_for(3, 3, 20).gamma - (0.2)) <= 0);
  assert_true(fabs(cl_exp3_for(2, 7, 20).gamma - (0.2)) <= 0);
  assert_true(fabs(cl_exp3_for(30, 1, 10).gamma - (1)) <= 0); /* no more than all */
}

static void nobody_has_more_than_his_share(void **state) {
  (void)state;
  static const double cases[][5] = {{1, 1, 1, 1, 1},          {9.5, 1, 1, 1, 1},     {50, 40, 1, 2, 0.3},
                                    {2.385, 70, 65, 0.2, 63}, {1e90, 3, 2, 1, 1e80}, {5, 5, 5, 4.9, 0}};
  int capped = 0;
  for (int batch = 1; batch <= 6; batch++) {
    const struct cl_exp3 x = cl_exp3_for(5, batch, 80);
    for (int k = 0; k < 6; k++) {
      double shares[5], sum = 0, total = 0, cap = cl_exp3_cap(&x, cases[k]);
      cl_exp3_shares(&x, cases[k], shares);
      for (int i = 0; i < 5; i++) {
        sum += shares[i];
        total += fmin(cases[k][i], cap);
        assert_true(shares[i] >= x.gamma / 5 - 1e-12);
        assert_true(batch >= 5 || shares[i] <= 1.0 / batch + 1e-9);
        for (int j = 0; j < 5; j++) assert_true(cases[k][i] < cases[k][j] || shares[i] >= shares[j] - 1e-12);
      }
      assert_true(fabs(sum - (1)) <= 1e-9);
      if (isinf(cap)) continue;
      capped++;
      assert_true(fabs(cap / total - ((1.0 / batch - x.gamma / 5) / (1 - x.gamma))) <= 1e-9);
    }
  }
  assert_true(capped >= 8);
}

static void a_reward_counts_over_the_share_it_was_drawn_with(void **state) {
  (void)state;
  struct cl_exp3 x = {4, 2, 0.3, 0};
  double w[4] = {1, 1, 1, 1};
  cl_exp3_reward(&x, w, 2, 0.25, 0.7); /* exp(0.3 * 2 / 4 * 0.7 / (0.25 * 2)) */
  assert_true(fabs(w[2] - (exp(0.21))) <= 1e-15);
  assert_true(w[0] == 1 && w[1] == 1 && w[3] == 1);
  x.drift = 0.05;
  double sum = w[0] + w[1] + w[2] + w[3], before = w[2];
  cl_exp3_reward(&x, w, 0, 0.125, 0); /* nothing earned: drift alone */
  assert_true(fabs(w[2] - before - (M_E * 0.05 / 4 * sum)) <= 1e-12);
  assert_true(fabs(w[0] - 1 - (M_E * 0.05 / 4 * sum)) <= 1e-12);
  x.drift = 0;
  double cut[4] = {40, 1, 1, 1};
  cl_exp3_reward(&x, cut, 0, 0.5, 1); /* it is cut off anyway */
  assert_true(cut[0] == 40);
}

static void weights_do_not_overflow(void **state) {
  (void)state;
  const struct cl_exp3 x = cl_exp3_for(3, 5, 40);
  double w[3] = {1, 1, 1}, shares[3];
  for (int i = 0; i < 200000; i++) {
    cl_exp3_shares(&x, w, shares);
    cl_exp3_reward(&x, w, 1, shares[1], 0.9);
  }
  assert_true(isfinite(w[1]) && w[1] > w[0] && w[0] > 0);
  cl_exp3_shares(&x, w, shares);
  assert_true(shares[1] > 0.8);
}

static void rounding_keeps_the_number_and_the_chances(void **state) {
  (void)state;
  static const double p[6] = {0.17, 0.83, 0.5, 1, 0, 0.5};
  enum { DRAWS = 40000 };
  int counts[6] = {0};
  for (int i = 0; i < DRAWS; i++) {
    struct cl_rng r = cl_rng_stream(11, CL_RNG_USER, (uint64_t)i, 3);
    double x[6];
    memcpy(x, p, sizeof x);
    cl_exp3_round(x, 6, &r);
    int n = 0;
    for (int k = 0; k < 6; k++) {
      assert_true(x[k] == 0 || x[k] == 1);
      n += x[k] == 1;
      counts[k] += x[k] == 1;
    }
    assert_int_equal(n, 3);
  }
  for (int k = 0; k < 6; k++) {
    double sd = sqrt(p[k] * (1 - p[k]) / DRAWS);
    assert_true(fabs(counts[k] / (double)DRAWS - p[k]) <= 4 * sd);
  }
}

static int draw(const struct cl_exp3 *x, const double *w, double *ret_share, uint32_t round) {
  double shares[4], picked[4];
  struct cl_rng r = cl_rng_stream(5, CL_RNG_USER, round, 1);
  cl_exp3_shares(x, w, shares);
  memcpy(picked, shares, sizeof picked);
  cl_exp3_round(picked, 4, &r);
  for (int i = 0; i < 4; i++)
    if (picked[i] == 1) {
      *ret_share = shares[i];
      return i;
    }
  fail();
  return -1;
}

/* Arm 1 pays in the first half, arm 3 in the second. */
static void it_finds_what_pays_and_follows_it(void **state) {
  (void)state;
  const struct cl_exp3 x = cl_exp3_for(4, 1, 400);
  double w[4] = {1, 1, 1, 1};
  int late[2] = {0, 0};
  for (uint32_t round = 0; round < 1600; round++) {
    double share;
    int arm = draw(&x, w, &share, round), best = round < 800 ? 1 : 3;
    struct cl_rng r = cl_rng_stream(6, CL_RNG_USER, round, 2);
    cl_exp3_reward(&x, w, arm, share, 0.3 * cl_rng_uniform(&r) + 0.7 * (arm == best));
    if (round % 800 >= 600) late[round / 800] += arm == best;
  }
  assert_true(late[0] > 120 && late[1] > 100); /* of 200; by chance it would be 50 */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(constants_are_those_of_the_formula),
      cmocka_unit_test(nobody_has_more_than_his_share),
      cmocka_unit_test(a_reward_counts_over_the_share_it_was_drawn_with),
      cmocka_unit_test(weights_do_not_overflow),
      cmocka_unit_test(rounding_keeps_the_number_and_the_chances),
      cmocka_unit_test(it_finds_what_pays_and_follows_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
