/* The drifting process: kernel values, gradients against differences, and the plain process as a limit. */
#include "../model/cmocka_all.h"
#include "base/rng.h"
#include "math/process.h"

enum { N = 23, D = 3, C = 2, WIDTH = D + C };

static struct cl_numerics numerics;

static int load(void **state) {
  (void)state;
  struct cl_err e = {0};
  if (cl_numerics_load(&numerics, &e) < 0) print_message("# %s\n", e.text);
  return numerics.loaded ? 0 : -1;
}

static double x[N * WIDTH], t[N], y[N];
static const struct cl_points points = {N, D, C, x, t};
static const struct cl_kernel kernel = {1.37, 0.43, 1.9, 0.23, 0.071};

static void draw_points(void) {
  for (int i = 0; i < N; i++) {
    struct cl_rng r = cl_rng_stream(2385, CL_RNG_USER, (uint64_t)i, 0);
    for (int a = 0; a < D; a++) x[i * WIDTH + a] = cl_rng_uniform(&r);
    for (int a = D; a < WIDTH; a++) x[i * WIDTH + a] = (double)cl_rng_below(&r, 3);
    t[i] = cl_rng_uniform(&r);
    y[i] = sin(5 * x[i * WIDTH]) + 0.3 * x[i * WIDTH + D] - t[i] + 0.1 * cl_rng_normal(&r);
  }
}

static void time_takes_away_what_is_known(void **state) {
  (void)state;
  const struct cl_kernel k = {1, 1, 1, 0.1, 0.1};
  double a[1] = {0.31}, b[1] = {0.31}, c[1] = {0.81};
  assert_true(fabs(cl_kernel_value(&k, 1, 0, a, 0.2, b, 0.7) - 0.974003746) < 1e-9);
  assert_true(fabs(cl_kernel_value(&k, 1, 0, a, 1.5, b, 0.5) - 0.948683298) < 1e-9);
  assert_true(fabs(cl_kernel_value(&k, 1, 0, a, 0, b, 2) - 0.9) < 1e-12);
  assert_true(fabs(cl_kernel_value(&k, 1, 0, a, 0, c, 2) - 0.9 * exp(-0.25)) < 1e-12);
  const struct cl_kernel words = {2.385, 0.5, 1.7, 0, 0.1};
  double v[3] = {0.2, 1, 4}, w[3] = {0.6, 1, 2};
  assert_true(fabs(cl_kernel_value(&words, 1, 2, v, 0, w, 9) - 2.385 * exp(-0.16 / 0.5 - 1 / 1.7)) < 1e-12);
}

static double *parameter(struct cl_kernel *k, int i) {
  double *all[] = {&k->scale, &k->length, &k->words, &k->drift, &k->noise};
  return all[i];
}

static double likelihood(const struct cl_kernel *k, double *gradient) {
  double value = NAN;
  assert_int_equal(cl_process_likelihood(&numerics, &points, y, k, &value, gradient, NULL), 0);
  return value;
}

static void gradient_of_likelihood_is_its_derivative(void **state) {
  (void)state;
  double gradient[CL_KERNEL_PARAMETERS], h = 1e-5;
  (void)likelihood(&kernel, gradient);
  for (int i = 0; i < CL_KERNEL_PARAMETERS; i++) {
    struct cl_kernel up = kernel, down = kernel;
    if (i == 3) {
      up.drift += h;
      down.drift -= h;
    } else {
      *parameter(&up, i) *= exp(h);
      *parameter(&down, i) *= exp(-h);
    }
    double wanted = (likelihood(&up, NULL) - likelihood(&down, NULL)) / (2 * h);
    assert_true(fabs(gradient[i] - wanted) < 1e-5 * (1 + fabs(wanted)));
  }
}

/* A x = b by Gaussian elimination with pivots; returns ln |det A|. */
static double eliminate(int n, double *a, double *b) {
  double log_det = 0;
  for (int k = 0; k < n; k++) {
    int pivot = k;
    for (int i = k + 1; i < n; i++)
      if (fabs(a[i * n + k]) > fabs(a[pivot * n + k])) pivot = i;
    for (int j = 0; j < n; j++) {
      double keep = a[k * n + j];
      a[k * n + j] = a[pivot * n + j];
      a[pivot * n + j] = keep;
    }
    double keep = b[k];
    b[k] = b[pivot];
    b[pivot] = keep;
    log_det += log(fabs(a[k * n + k]));
    for (int i = k + 1; i < n; i++) {
      double factor = a[i * n + k] / a[k * n + k];
      for (int j = k; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
      b[i] -= factor * b[k];
    }
  }
  for (int i = n - 1; i >= 0; i--) {
    for (int j = i + 1; j < n; j++) b[i] -= a[i * n + j] * b[j];
    b[i] /= a[i * n + i];
  }
  return log_det;
}

/* Without drift: a squared exponential without any notion of time. */
static double plain(const double *a, const double *b) {
  double squares = 0, words = 0;
  for (int i = 0; i < D; i++) squares += pow(a[i] - b[i], 2);
  for (int i = D; i < WIDTH; i++) words += a[i] != b[i];
  return kernel.scale * exp(-squares / kernel.length) * exp(-words / kernel.words);
}

static void without_drift_it_is_a_plain_process(void **state) {
  (void)state;
  static double a[N * N], again[N * N];
  double near[N], solved[N], weights[N], at[WIDTH] = {0.3, 0.52, 0.9, 1, 0}, mean = 0,
                                         variance = kernel.scale;
  struct cl_kernel k = kernel;
  k.drift = 1e-13;
  for (int i = 0; i < N * N; i++)
    a[i] = again[i] = plain(&x[i / N * WIDTH], &x[i % N * WIDTH]) + (i / N == i % N ? k.noise : 0);
  for (int i = 0; i < N; i++) near[i] = solved[i] = plain(at, &x[i * WIDTH]);
  memcpy(weights, y, sizeof y);
  double log_det = eliminate(N, a, weights), wanted = -0.5 * log_det - 0.5 * N * log(2 * M_PI);
  (void)eliminate(N, again, solved);
  for (int i = 0; i < N; i++) {
    mean += near[i] * weights[i];
    variance -= near[i] * solved[i];
    wanted -= 0.5 * y[i] * weights[i];
  }
  struct cl_process g;
  assert_int_equal(cl_process_init(&g, &numerics, &points, y, &k, NULL), 0);
  const struct cl_prediction p = cl_process_predict(&g, at, 0.77, NULL, NULL);
  assert_true(fabs(p.mean - mean) < 1e-9);
  assert_true(fabs(p.sd - sqrt(variance)) < 1e-9);
  assert_true(fabs(likelihood(&k, NULL) - wanted) < 1e-9);
  cl_process_done(&g);
}

static void gradients_of_a_prediction_are_its_derivatives(void **state) {
  (void)state;
  double at[WIDTH] = {0.3, 0.52, 0.9, 1, 0}, mean[D], sd[D], h = 1e-6;
  struct cl_process g;
  assert_int_equal(cl_process_init(&g, &numerics, &points, y, &kernel, NULL), 0);
  const struct cl_prediction p = cl_process_predict(&g, at, 0.77, mean, sd);
  const struct cl_prediction same = cl_process_predict(&g, at, 0.77, NULL, NULL);
  assert_true(fabs(p.mean - same.mean) < 1e-12 && fabs(p.sd - same.sd) < 1e-10);
  for (int i = 0; i < D; i++) {
    double keep = at[i];
    at[i] = keep + h;
    const struct cl_prediction up = cl_process_predict(&g, at, 0.77, NULL, NULL);
    at[i] = keep - h;
    const struct cl_prediction down = cl_process_predict(&g, at, 0.77, NULL, NULL);
    at[i] = keep;
    assert_true(fabs(mean[i] - (up.mean - down.mean) / (2 * h)) < 1e-5 * (1 + fabs(mean[i])));
    assert_true(fabs(sd[i] - (up.sd - down.sd) / (2 * h)) < 1e-5 * (1 + fabs(sd[i])));
  }
  cl_process_done(&g);
}

static void little_noise_means_interpolation(void **state) {
  (void)state;
  struct cl_kernel k = kernel;
  k.noise = 1e-9;
  struct cl_process g;
  assert_int_equal(cl_process_init(&g, &numerics, &points, y, &k, NULL), 0);
  for (int i = 0; i < N; i++) {
    const struct cl_prediction p = cl_process_predict(&g, &x[i * WIDTH], t[i], NULL, NULL);
    assert_true(fabs(p.mean - y[i]) < 1e-5 && p.sd < 1e-3);
  }
  cl_process_done(&g);
}

static void order_of_rows_does_not_matter(void **state) {
  (void)state;
  double xs[N * WIDTH], ts[N], ys[N], at[WIDTH] = {0.4, 0.1, 0.6, 2, 2};
  for (int i = 0; i < N; i++) {
    int to = (i * 7) % N;
    memcpy(&xs[to * WIDTH], &x[i * WIDTH], WIDTH * sizeof *x);
    ts[to] = t[i];
    ys[to] = y[i];
  }
  const struct cl_points shuffled = {N, D, C, xs, ts};
  struct cl_process g, other;
  assert_int_equal(cl_process_init(&g, &numerics, &points, y, &kernel, NULL), 0);
  assert_int_equal(cl_process_init(&other, &numerics, &shuffled, ys, &kernel, NULL), 0);
  const struct cl_prediction p = cl_process_predict(&g, at, 0.1, NULL, NULL);
  const struct cl_prediction q = cl_process_predict(&other, at, 0.1, NULL, NULL);
  assert_true(fabs(p.mean - q.mean) < 1e-9 && fabs(p.sd - q.sd) < 1e-9);
  cl_process_done(&g);
  cl_process_done(&other);
}

static void what_is_being_tried_narrows_deviations_and_moves_no_mean(void **state) {
  (void)state;
  const size_t seen = N - 9;
  struct cl_points known = points;
  struct cl_process data, all, both;
  double at[WIDTH] = {0.4, 0.1, 0.6, 2, 2}, mean[2][D], sd[2][D];
  known.n = seen;
  assert_int_equal(cl_process_init(&data, &numerics, &known, y, &kernel, NULL), 0);
  assert_int_equal(cl_process_init(&all, &numerics, &points, NULL, &kernel, NULL), 0);
  assert_int_equal(cl_process_init_pending(&both, &numerics, &points, seen, y, &kernel, NULL), 0);
  const struct cl_prediction p = cl_process_predict(&data, at, 0.3, mean[0], sd[0]);
  const struct cl_prediction u = cl_process_predict(&all, at, 0.3, mean[1], sd[0]);
  const struct cl_prediction q = cl_process_predict(&both, at, 0.3, mean[1], sd[1]);
  assert_float_equal(q.mean, p.mean, 0);
  assert_float_equal(q.sd, u.sd, 0);
  assert_true(q.sd < p.sd);
  for (int i = 0; i < D; i++) {
    assert_float_equal(mean[1][i], mean[0][i], 0);
    assert_float_equal(sd[1][i], sd[0][i], 0);
  }
  cl_process_done(&data);
  cl_process_done(&all);
  cl_process_done(&both);
  assert_int_equal(cl_process_init_pending(&both, &numerics, &points, N, y, &kernel, NULL), 0);
  assert_int_equal(cl_process_init(&all, &numerics, &points, y, &kernel, NULL), 0);
  assert_memory_equal(both.weights, all.weights, N * sizeof *y);
  cl_process_done(&all);
  cl_process_done(&both);
}

static void a_fit_moves_away_from_its_start_and_is_likelier(void **state) {
  (void)state;
  struct cl_kernel k = CL_KERNEL_START;
  double before = likelihood(&k, NULL), after = NAN, gradient[CL_KERNEL_PARAMETERS];
  assert_int_equal(cl_process_fit(&numerics, &points, y, &k, &after, NULL), 0);
  assert_true(after > before + 1);
  assert_true(fabs(after - likelihood(&k, gradient)) < 1e-9);
  if (k.scale > 0.06 && k.scale < 19) assert_true(fabs(gradient[0]) < 1e-2);
  if (k.length > 1e-4 && k.length < 0.99) assert_true(fabs(gradient[1]) < 1e-2);
  if (k.noise > 2e-4 && k.noise < 0.99) assert_true(fabs(gradient[4]) < 1e-2);
  struct cl_kernel again = CL_KERNEL_START;
  assert_int_equal(cl_process_fit(&numerics, &points, y, &again, &after, NULL), 0);
  assert_memory_equal(&again, &k, sizeof k);
}

static void equal_points_are_made_to_fit(void **state) {
  (void)state;
  double same[4] = {0.5, 0.5, 0.5, 0.5}, times[4] = {0}, zero[4] = {0};
  const struct cl_points p = {4, 1, 0, same, times};
  struct cl_kernel k = CL_KERNEL_START;
  k.noise = 0;
  struct cl_process g;
  assert_int_equal(cl_process_init(&g, &numerics, &p, zero, &k, NULL), 0); /* by raising the diagonal */
  assert_true(cl_process_predict(&g, same, 0, NULL, NULL).sd < 1e-2);
  cl_process_done(&g);
  const struct cl_points none = {0, 1, 0, NULL, NULL};
  assert_int_equal(cl_process_init(&g, &numerics, &none, NULL, &k, NULL), 0);
  assert_true(fabs(cl_process_predict(&g, same, 0, NULL, NULL).sd - 1) < 1e-12);
  cl_process_done(&g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(time_takes_away_what_is_known),
      cmocka_unit_test(gradient_of_likelihood_is_its_derivative),
      cmocka_unit_test(without_drift_it_is_a_plain_process),
      cmocka_unit_test(gradients_of_a_prediction_are_its_derivatives),
      cmocka_unit_test(little_noise_means_interpolation),
      cmocka_unit_test(order_of_rows_does_not_matter),
      cmocka_unit_test(what_is_being_tried_narrows_deviations_and_moves_no_mean),
      cmocka_unit_test(a_fit_moves_away_from_its_start_and_is_likelier),
      cmocka_unit_test(equal_points_are_made_to_fit),
  };
  draw_points();
  return cmocka_run_group_tests(tests, load, NULL);
}
