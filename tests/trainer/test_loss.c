/* The evolved loss: value and gradient against the numbers of an independent computation, against
 * differences, and the invariant against slopes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trainer/loss.h"

static const double theta[8] = {0.3, -0.1, 1, -0.5, 0.2, 0.7, -0.4, 0.25};

static void value_and_gradient_are_those_of_the_formula(void **state) {
  (void)state;
  const double x[3] = {0, 1, 0}, z[3] = {0.2, 1.1, -0.5};
  const double expected[3] = {0.0193312343, -0.0272155769, 0.0078843426};
  struct clade_loss loss;
  double gradient[3];
  clade_loss_init(&loss, theta, 3, 0);
  double value = clade_loss_evaluate(&loss, x, z, gradient);
  assert_true(fabs(value - -0.4536127344891776) <= 1e-15);
  for (int i = 0; i < 3; i++) assert_true(fabs(gradient[i] - expected[i]) <= 1e-10);
  assert_true(clade_loss_evaluate(&loss, x, z, NULL) == value);
}

/* Numbers in [-1, 1), the same in every run. */
static double draw(void) {
  static uint64_t h = 88172645463325252u;
  h ^= h << 13;
  h ^= h >> 7;
  h ^= h << 17;
  return (double)(h >> 11) * 0x1p-52 - 1;
}

static void gradient_agrees_with_central_differences(void **state) {
  (void)state;
  for (int point = 0; point < 1000; point++) {
    double t[8], x[7], z[7], gradient[7];
    int n = 2 + point % 6;
    struct clade_loss loss;
    for (int i = 0; i < 8; i++) t[i] = 2 * draw();
    for (int i = 0; i < n; i++) {
      x[i] = point % 2 ? (i == point % n) : (draw() + 1) / n; /* labels, and soft targets */
      z[i] = 3 * draw();
    }
    clade_loss_init(&loss, t, n, 0);
    (void)clade_loss_evaluate(&loss, x, z, gradient);
    for (int i = 0; i < n; i++) {
      const double h = 1e-5;
      double at = z[i];
      z[i] = at + h;
      double up = clade_loss_evaluate(&loss, x, z, NULL);
      z[i] = at - h;
      double down = clade_loss_evaluate(&loss, x, z, NULL);
      z[i] = at;
      assert_true(fabs((up - down) / (2 * h) - gradient[i]) <= 1e-8);
    }
  }
}

static double mean_slope(const struct clade_loss *loss, int n) {
  double x[10] = {1}, z[10] = {0}, gradient[10], sum = 0;
  (void)clade_loss_evaluate(loss, x, z, gradient);
  for (int i = 0; i < n; i++) sum += fabs(gradient[i]);
  return sum / n;
}

static void rescaled_gradients_start_as_large_as_those_of_cross_entropy(void **state) {
  (void)state;
  for (int n = 2; n <= 10; n++) {
    struct clade_loss plain, rescaled;
    clade_loss_init(&plain, theta, n, 0);
    clade_loss_init(&rescaled, theta, n, CLADE_LOSS_RESCALE);
    double cross_entropy = 2.0 * (n - 1) / n / n;
    assert_true(fabs(mean_slope(&rescaled, n) - cross_entropy) <= 1e-12);
    assert_true(fabs(mean_slope(&plain, n) * rescaled.scale - cross_entropy) <= 1e-12);
  }
  const double flat[8] = {0, 0, 0.4}; /* the same slope for every class pulls nowhere */
  struct clade_loss loss;
  clade_loss_init(&loss, flat, 5, CLADE_LOSS_RESCALE);
  assert_true(loss.scale == 1);
}

static void wild_slopes_are_clipped(void **state) {
  (void)state;
  const double wild[8] = {0, 0, -500, 0, 0, 2000};
  const double x[2] = {1, 0}, z[2] = {0, 0};
  double gradient[2];
  struct clade_loss loss;
  clade_loss_init(&loss, wild, 2, CLADE_LOSS_CLIP);
  (void)clade_loss_evaluate(&loss, x, z, gradient);
  assert_true(gradient[0] == 0.5 * (-10 - 0) && gradient[1] == 0.5 * (10 - 0));
  clade_loss_init(&loss, wild, 2, 0);
  (void)clade_loss_evaluate(&loss, x, z, gradient);
  assert_true(gradient[0] == -250 && gradient[1] == 250);
}

static double f(const double *t, double x, double y) {
  double a = x - t[0], b = y - t[1];
  return t[2] * b + t[3] / 2 * b * b + t[4] / 6 * b * b * b + t[5] * a * b + t[6] / 2 * a * b * b +
         t[7] / 2 * a * a * b;
}

static void invariant_compares_the_slopes_of_label_and_other_outputs(void **state) {
  (void)state;
  int valid = 0;
  for (int point = 0; point < 1000; point++) {
    double t[8];
    int n = 2 + point % 9;
    for (int i = 0; i < 8; i++) t[i] = 2 * draw();
    double h = 1e-4, y = 1.0 / n;
    double own = (f(t, 1, y + h) - f(t, 1, y - h)) / (2 * h),
           other = (f(t, 0, y + h) - f(t, 0, y - h)) / (2 * h);
    double margin = own - other - (n - 2) * other;
    if (fabs(margin) < 1e-6) continue;
    assert_int_equal(clade_loss_is_valid(t, n), margin > 0);
    valid += margin > 0;
  }
  assert_in_range(valid, 300, 700);
}

static void logits_that_are_not_finite_give_nan(void **state) {
  (void)state;
  const double x[2] = {1, 0}, z[2] = {NAN, 0.3};
  double gradient[2];
  struct clade_loss loss;
  clade_loss_init(&loss, theta, 2, CLADE_LOSS_CLIP | CLADE_LOSS_RESCALE);
  assert_true(isnan(clade_loss_evaluate(&loss, x, z, gradient)));
  assert_true(isnan(gradient[0]) && isnan(gradient[1]));
}

static void logits_may_become_their_gradient_in_place(void **state) {
  (void)state;
  const double x[3] = {0, 1, 0};
  double z[3] = {0.2, 1.1, -0.5}, gradient[3];
  struct clade_loss loss;
  clade_loss_init(&loss, theta, 3, CLADE_LOSS_CLIP);
  (void)clade_loss_evaluate(&loss, x, z, gradient);
  (void)clade_loss_evaluate(&loss, x, z, z);
  assert_memory_equal(z, gradient, sizeof z);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(value_and_gradient_are_those_of_the_formula),
      cmocka_unit_test(gradient_agrees_with_central_differences),
      cmocka_unit_test(rescaled_gradients_start_as_large_as_those_of_cross_entropy),
      cmocka_unit_test(wild_slopes_are_clipped),
      cmocka_unit_test(invariant_compares_the_slopes_of_label_and_other_outputs),
      cmocka_unit_test(logits_that_are_not_finite_give_nan),
      cmocka_unit_test(logits_may_become_their_gradient_in_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
