/* Curves: what stalls, what overlaps, and who leads by how much and how surely. */
#include "../model/cmocka_all.h"
#include "base/rng.h"
#include "math/curve.h"

static struct cl_numerics numerics;

static int load(void **state) {
  (void)state;
  return cl_numerics_load(&numerics, NULL);
}

static void coins_are_those_of_pascals_triangle(void **state) {
  (void)state;
  assert_true(fabs(cl_coins_at_least(8, 10) - 0.0546875) < 1e-14);
  assert_true(fabs(cl_coins_at_least(10, 10) - 0x1p-10) < 1e-16);
  assert_true(cl_coins_at_least(0, 10) == 1 && cl_coins_at_least(11, 10) == 0);
  assert_true(fabs(cl_coins_at_least(501, 1001) - 0.5) < 1e-10);
  assert_true(fabs(cl_coins_at_least(5, 9) + cl_coins_at_least(5, 9) - 1) < 1e-13);
}

static void the_lower_curve_is_shifted_to_the_others_start(void **state) {
  (void)state;
  const double a[] = {1, 2, 3, 4, 5, 6}, b[] = {2.5, 4.5, 5.5, 5.75};
  size_t from_a, from_b;
  assert_int_equal(cl_curve_overlap(a, 6, b, 4, &from_a, &from_b), 4);
  assert_int_equal(from_a, 2);
  assert_int_equal(from_b, 0);
  assert_int_equal(cl_curve_overlap(b, 4, a, 6, &from_b, &from_a), 4);
  assert_int_equal(from_a, 2);
  assert_true(fabs(cl_curve_lead(a, 6, b, 4) - 0.25) < 1e-14);
  assert_true(fabs(cl_curve_lead(b, 4, a, 6) + 0.25) < 1e-14);
  assert_true(fabs(cl_curve_lead(a, 4, b, 4) - (4 - 4.5)) < 1e-14); /* two points in common */
  assert_int_equal(cl_curve_overlap(a, 2, b, 4, &from_a, &from_b), 0);
}

static void without_overlap_leads_are_looked_for_below(void **state) {
  (void)state;
  const double low[] = {1, 1.5, 1.75}, high[] = {4, 5, 7};
  assert_true(cl_curve_lead(low, 3, high, 3) == 0);
  /* offsets 2.25 … 3; by 3: 1 2 4 against 1 1.5 1.75 */
  assert_true(fabs(cl_curve_lead(high, 3, low, 3) - 2.25) < 1e-12);
  assert_true(cl_curve_test(high, 3, low, 3) == 0);
  assert_true(cl_curve_test(low, 3, high, 3) == 2);
}

static void eight_of_ten_above_are_not_sure(void **state) {
  (void)state;
  double a[10], b[10];
  for (int i = 0; i < 10; i++) {
    b[i] = i;
    a[i] = i + (i == 4 || i == 7 ? -0.5 : 0.5);
  }
  a[0] = b[0]; /* both start alike, so nothing is shifted; this one is not above */
  a[4] = 4.5;
  assert_true(fabs(cl_curve_test(a, 10, b, 10) - 0.0546875) < 1e-14);
}

static void smoothing_takes_noise_away(void **state) {
  (void)state;
  double y[60], smooth[60], before = 0, after = 0;
  for (int i = 0; i < 60; i++) {
    struct cl_rng r = cl_rng_stream(4, CL_RNG_USER, (uint64_t)i, 0);
    y[i] = 10 + 3 * sin(i / 12.0) + 0.5 * cl_rng_normal(&r);
  }
  assert_int_equal(cl_curve_smooth(&numerics, y, 60, smooth, NULL), 0);
  for (int i = 0; i < 60; i++) {
    before += pow(y[i] - 10 - 3 * sin(i / 12.0), 2);
    after += pow(smooth[i] - 10 - 3 * sin(i / 12.0), 2);
  }
  assert_true(after < before / 3);
  double same[4] = {2.385, 2.385, 2.385, 2.385};
  assert_int_equal(cl_curve_smooth(&numerics, same, 4, same, NULL), 0);
  assert_true(same[2] == 2.385);
}

static void a_line_is_its_own_smoothing(void **state) {
  (void)state;
  double y[9];
  for (int i = 0; i < 9; i++) y[i] = 2.385 - 0.7 * i;
  for (size_t i = 0; i < 9; i++) assert_true(fabs(cl_curve_local(y, 9, 3, i) - y[i]) < 1e-12);
  assert_true(fabs(cl_curve_local(y, 1, 3, 0) - 2.385) < 1e-15);
  double bump[] = {0, 0, 1, 0, 0};
  assert_true(cl_curve_local(bump, 5, 1, 2) > cl_curve_local(bump, 5, 3, 2));
}

static void what_rises_has_not_stalled(void **state) {
  (void)state;
  double y[40];
  int fails = -1;
  for (int i = 0; i < 40; i++) y[i] = 5 * i; /* so fast that 14 points are more than a deviation */
  for (size_t n = 0; n <= 40; n++) assert_false(cl_curve_has_stalled(y, n, 3, &fails));
  assert_int_equal(fails, 0);
  for (int i = 5; i < 40; i++) y[i] = 25 - i; /* down from the sixth point on */
  for (size_t n = 0; n <= 7; n++) assert_false(cl_curve_has_stalled(y, n, 3, NULL));
  bool stalled = false;
  for (size_t n = 8; n <= 14 && !stalled; n++) stalled = cl_curve_has_stalled(y, n, 3, &fails);
  assert_true(stalled && fails == 3);
}

static void a_flat_end_is_a_stall_even_with_patience(void **state) {
  (void)state;
  double y[30];
  for (int i = 0; i < 30; i++) y[i] = i < 10 ? i : 9 + 0.01 * i;
  assert_false(cl_curve_has_stalled(y, 14, 1000, NULL));
  assert_true(cl_curve_has_stalled(y, 24, 1000, NULL));
  double flat[15] = {0};
  assert_true(cl_curve_has_stalled(flat, 15, 1000, NULL));
  assert_false(cl_curve_has_stalled(flat, 14, 1000, NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(coins_are_those_of_pascals_triangle),
      cmocka_unit_test(the_lower_curve_is_shifted_to_the_others_start),
      cmocka_unit_test(without_overlap_leads_are_looked_for_below),
      cmocka_unit_test(eight_of_ten_above_are_not_sure),
      cmocka_unit_test(smoothing_takes_noise_away),
      cmocka_unit_test(a_line_is_its_own_smoothing),
      cmocka_unit_test(what_rises_has_not_stalled),
      cmocka_unit_test(a_flat_end_is_a_stall_even_with_patience),
  };
  return cmocka_run_group_tests(tests, load, NULL);
}
