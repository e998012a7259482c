/* Paired comparisons against Student's own data, and the permutation test against counting by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "math/paired.h"

#define NEAR(a, b, error) assert_true(fabs((a) - (b)) < (error))

/* Student (1908): hours of sleep gained by ten patients on two drugs, the first less the second. */
static const double sleep_gains[] = {-1.2, -2.4, -1.3, -1.3, 0.0, -1.0, -1.8, -0.8, -4.6, -1.4};

static void students_sleep_data_give_the_published_test(void **state) {
  (void)state;
  struct cl_paired p = cl_paired_of(sleep_gains, 10);
  assert_int_equal(p.n, 10);
  NEAR(p.mean, -1.58, 1e-12);
  NEAR(p.variance, 1.512888888888889, 1e-12);
  NEAR(p.t, -4.0621, 5e-5);
  NEAR(p.p_t, 0.002833, 5e-7);
  NEAR(p.lo, -2.4598858, 5e-8);
  NEAR(p.hi, -0.7001142, 5e-8);
  assert_int_equal(p.above, 0);
  assert_int_equal(p.equal, 1);
  assert_int_equal(p.below, 9);
}

static void signs_are_counted_exactly(void **state) {
  (void)state;
  /* All differences but a zero have one sign: 2 * 2 of 2^10 signs are as extreme. */
  struct cl_paired p = cl_paired_of(sleep_gains, 10);
  assert_true(p.exact);
  NEAR(p.p_permutation, 4.0 / 1024, 1e-15);
  /* 1 + 2 - 3.5 + 5 = 4.5; sums of +-1 +-2 +-3.5 +-5 with |sum| >= 4.5, by hand: 11.5 9.5 7.5 5.5 4.5 and
   * their negatives, of 16. */
  double mixed[] = {1, 2, -3.5, 5};
  NEAR(cl_paired_of(mixed, 4).p_permutation, 10.0 / 16, 1e-15);
}

static void many_pairs_are_sampled_and_agree_with_the_t_test(void **state) {
  (void)state;
  double d[40];
  for (int i = 0; i < 40; i++) d[i] = 0.385 + 1.1 * sin(2.385 * (i + 1));
  struct cl_paired p = cl_paired_of(d, 40), again = cl_paired_of(d, 40);
  assert_false(p.exact);
  assert_true(p.p_permutation == again.p_permutation);
  NEAR(p.p_permutation, p.p_t, 0.01);
  assert_true(p.p_t > 0.001 && p.p_t < 0.2);
}

static void few_or_equal_pairs_claim_nothing(void **state) {
  (void)state;
  struct cl_paired none = cl_paired_of(NULL, 0);
  assert_true(isnan(none.mean) && isnan(none.p_permutation) && isnan(none.lo) && none.n == 0);
  double one = 2.385;
  struct cl_paired single = cl_paired_of(&one, 1);
  NEAR(single.mean, 2.385, 1e-15);
  NEAR(single.p_permutation, 1, 1e-15);
  assert_true(isnan(single.variance) && isnan(single.lo) && isnan(single.p_t));
  double equal[] = {0.25, 0.25, 0.25};
  struct cl_paired same = cl_paired_of(equal, 3);
  NEAR(same.variance, 0, 1e-30);
  assert_true(isnan(same.p_t));
  NEAR(same.lo, 0.25, 1e-15);
  NEAR(same.p_permutation, 0.25, 1e-15);
}

static void holm_steps_down_and_never_turns_the_order(void **state) {
  (void)state;
  double p[] = {0.01, 0.04, 0.03, NAN, 0.005}; /* Holm: 0.005*4, 0.01*3, 0.03*2, then 0.04*1 lifted to 0.06 */
  cl_holm(p, 5);
  NEAR(p[4], 0.02, 1e-15);
  NEAR(p[0], 0.03, 1e-15);
  NEAR(p[2], 0.06, 1e-15);
  NEAR(p[1], 0.06, 1e-15);
  assert_true(isnan(p[3]));
  double large[] = {0.9, 0.8};
  cl_holm(large, 2);
  NEAR(large[0], 1, 1e-15);
  NEAR(large[1], 1, 1e-15);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(students_sleep_data_give_the_published_test),
      cmocka_unit_test(signs_are_counted_exactly),
      cmocka_unit_test(many_pairs_are_sampled_and_agree_with_the_t_test),
      cmocka_unit_test(few_or_equal_pairs_claim_nothing),
      cmocka_unit_test(holm_steps_down_and_never_turns_the_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
