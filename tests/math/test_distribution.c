/* Distributions against numbers of mpmath (40 digits), and moments. */
#include "../model/cmocka_all.h"
#include "base/rng.h"
#include "math/distribution.h"
#include "math/moments.h"

struct known {
  double x, df, y;
};

static void expect(double got, double wanted, double relative) {
  if (fabs(got - wanted) > relative * fabs(wanted)) fail_msg("%.17g, but should be %.17g", got, wanted);
}

static void normal_distribution_is_known_far_into_its_tails(void **state) {
  (void)state;
  static const struct known below[] = {{-37, 0, 5.7255712225245768227e-300},
                                       {-8, 0, 6.2209605742717841235e-16},
                                       {-1.5, 0, 0.066807201268858066004},
                                       {0.385, 0, 0.64988129223472430591},
                                       {2.385, 0, 0.99146043932331799593}};
  static const struct known logs[] = {
      {-40, 0, -804.60844201375378817},    {-20.5, 0, -214.06672896326380017},
      {-20, 0, -203.91715537109726394},    {-5, 0, -15.064998393988725736},
      {-1, 0, -1.8410216450092635058},     {0, 0, -0.69314718055994530942},
      {0.385, 0, -0.43096556010204933454}, {3, 0, -0.0013508099647481937988},
      {7, 0, -1.2798125438866539645e-12},  {9, 0, -1.1285884059538406478e-19}};
  for (size_t i = 0; i < sizeof below / sizeof *below; i++)
    expect(cl_normal_below(below[i].x), below[i].y, 1e-13);
  for (size_t i = 0; i < sizeof logs / sizeof *logs; i++)
    expect(cl_normal_log_below(logs[i].x), logs[i].y, 1e-13);
  expect(cl_normal_density(1.5), 0.12951759566589174, 1e-14);
  expect(cl_normal_below(cl_normal_quantile(0.2385)), 0.2385, 1e-14);
}

static void student_distribution_is_that_of_the_tables(void **state) {
  (void)state;
  static const struct known below[] = {
      {-1.5, 3, 0.11529193262241152614},    {2.385, 7, 0.97573794114637091897},
      {-12, 2.5, 0.0014181075150391619145}, {0.25, 40, 0.59806655681408086739},
      {-6, 1000, 1.3776845866887345563e-9}, {-40, 5, 9.2059810858864771776e-8}};
  static const struct known quantiles[] = {
      {0.975, 1, 12.706204736174693314},    {0.975, 2, 4.3026527297494617894},
      {0.975, 4, 2.7764451051977934898},    {0.975, 10, 2.2281388519862742245},
      {0.975, 19, 2.0930240544083093201},   {0.975, 60, 2.0002978220142601041},
      {0.975, 1000, 1.9623390808264081039}, {0.95, 3, 2.353363434801822899},
      {0.025, 9, -2.2621571627982055086},   {0.6, 5, 0.26718086570414506569}};
  for (size_t i = 0; i < sizeof below / sizeof *below; i++)
    expect(cl_student_below(below[i].x, below[i].df), below[i].y, 1e-10);
  for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
    expect(cl_student_quantile(quantiles[i].x, quantiles[i].df), quantiles[i].y, 1e-12);
  assert_true(cl_student_below(INFINITY, 3) == 1 && cl_student_below(-INFINITY, 3) == 0);
  assert_true(cl_student_quantile(0.5, 3) == 0);
}

static void far_quantiles_are_found_too(void **state) {
  (void)state;
  for (double p = 1e-12; p < 0.5; p *= 37)
    for (double df = 1; df < 1e6; df *= 11) expect(cl_student_below(cl_student_quantile(p, df), df), p, 1e-8);
}

static void moments_do_not_cancel(void **state) {
  (void)state;
  static const double x[] = {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16};
  struct cl_moments m = {0};
  assert_true(cl_moments_variance(&m) == 0);
  for (size_t i = 0; i < 4; i++) {
    cl_moments_add(&m, x[i]);
    assert_int_equal(m.n, i + 1);
    if (i == 0) assert_true(cl_moments_variance(&m) == 0);
  }
  expect(m.mean, 1e9 + 10, 1e-16);
  expect(cl_moments_variance(&m), 30, 1e-14);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(normal_distribution_is_known_far_into_its_tails),
      cmocka_unit_test(student_distribution_is_that_of_the_tables),
      cmocka_unit_test(far_quantiles_are_found_too),
      cmocka_unit_test(moments_do_not_cancel),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
