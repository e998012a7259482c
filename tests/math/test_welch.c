/* Welch's t-test against numbers of mpmath (40 digits). */
#include "../model/cmocka_all.h"
#include "math/welch.h"

static void is_near(double got, double wanted, double within) {
  if (!(fabs(got - wanted) <= within)) fail_msg("%.17g, but should be %.17g", got, wanted);
}

static const double five[] = {1, 2, 3, 4, 5}, other[] = {2, 4, 4, 6, 9};

static void two_samples_are_compared_as_in_the_tables(void **state) {
  (void)state;
  const double high[] = {0.71, 0.74, 0.69, 0.75, 0.72, 0.73, 0.7, 0.76, 0.71, 0.74};
  const double low[] = {0.68, 0.66, 0.71, 0.69, 0.67, 0.7, 0.65, 0.69, 0.68, 0.7};
  struct cl_welch w;
  assert_true(cl_welch_test(five, 5, other, 5, &w));
  is_near(w.t, -1.4509525002200234, 1e-14);
  is_near(w.df, 6.53393665158371, 1e-13);
  is_near(w.p, 0.19305015926688632, 1e-12);
  assert_true(cl_welch_test(high, 10, low, 10, &w));
  is_near(w.t, 4.494271162540461, 1e-12);
  is_near(w.df, 17.415459209561917, 1e-11);
  is_near(w.p, 0.00030242071621632032, 1e-13);
}

static void order_of_the_samples_changes_the_sign_only(void **state) {
  (void)state;
  struct cl_welch a, b;
  assert_true(cl_welch_test(five, 5, other, 4, &a) && cl_welch_test(other, 4, five, 5, &b));
  assert_true(a.t == -b.t);
  is_near(a.df, b.df, 1e-13);
  is_near(a.p, b.p, 1e-13);
}

static void samples_that_do_not_vary_are_told_apart_or_equal(void **state) {
  (void)state;
  const double a[] = {2.385, 2.385, 2.385}, b[] = {2.386, 2.386};
  struct cl_welch w;
  assert_true(cl_welch_test(a, 3, b, 2, &w));
  assert_true(w.t == -INFINITY && w.p == 0 && w.df == 3);
  assert_true(cl_welch_test(a, 3, a, 2, &w));
  assert_true(w.t == 0 && w.p == 1);
  assert_true(cl_welch_test(a, 3, five, 5, &w)); /* only one of them varies */
  is_near(w.df, 4, 1e-12);
}

static void tiny_scores_do_not_underflow(void **state) {
  (void)state;
  double a[5], b[5];
  struct cl_welch w;
  for (int i = 0; i < 5; i++) {
    a[i] = five[i] * 1e-90;
    b[i] = other[i] * 1e-90;
  }
  assert_true(cl_welch_test(a, 5, b, 5, &w));
  is_near(w.t, -1.4509525002200234, 1e-12);
  is_near(w.df, 6.53393665158371, 1e-12);
}

static void one_number_cannot_be_compared(void **state) {
  (void)state;
  struct cl_welch w = {7.5, 7.5, 7.5};
  assert_false(cl_welch_test(five, 1, other, 5, &w));
  assert_false(cl_welch_test(five, 5, other, 0, &w));
  assert_true(w.t == 7.5 && w.df == 7.5 && w.p == 7.5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_samples_are_compared_as_in_the_tables),
      cmocka_unit_test(order_of_the_samples_changes_the_sign_only),
      cmocka_unit_test(samples_that_do_not_vary_are_told_apart_or_equal),
      cmocka_unit_test(tiny_scores_do_not_underflow),
      cmocka_unit_test(one_number_cannot_be_compared),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
