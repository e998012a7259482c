/* The networks of the examples in double precision: gradients against central differences. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "net/models.h"
#include "net/net.h"

_Static_assert(sizeof(real) == sizeof(double), "this test is compiled with NET_DOUBLE");

#define BATCH   5
#define CLASSES 10

static const uint8_t labels[BATCH] = {3, 9, 0, 3, 7};

static void assert_close(double got, double want, double tolerance) {
  if (!(fabs(got - want) <= tolerance)) fail_msg("got %.17g, want %.17g", got, want);
}

static void fill_input(struct net *net, size_t n) {
  struct cl_rng r = cl_rng_stream(2385, CL_RNG_USER, 1, 1);
  for (size_t i = 0; i < n; i++) net_input(net)[i] = cl_rng_normal(&r);
}

static struct net *make(size_t (*model)(size_t, struct net_layer_spec *), size_t width, size_t side) {
  struct net_layer_spec layers[NET_MAX_LAYERS];
  struct net *net = NULL;
  struct cl_err e;
  size_t n = model(width, layers);
  if (net_create(layers, n, side, side, BATCH, &net, &e) < 0) fail_msg("%s", e.text);
  net_initialise(net, 17);
  fill_input(net, BATCH * side * side);
  return net;
}

/* Compare every stride-th parameter's gradient with a central difference; the dropout mask stays the same. */
static void check_gradients(struct net *net, size_t n, double dropout, size_t stride) {
  static double analytic[30000];
  size_t n_parameters = net_n_parameters(net), checked = 0;
  double largest = 0, h = 1e-5, *w = net_parameters(net);
  assert_true(n_parameters <= sizeof analytic / sizeof *analytic);
  double loss = net_backward(net, labels, NULL, n, dropout, 11, 4, NULL);
  assert_true(loss > 0.5 && loss < 10);
  memcpy(analytic, net_gradients(net), n_parameters * sizeof *analytic);
  for (size_t i = 0; i < n_parameters; i++) largest = fmax(largest, fabs(analytic[i]));
  assert_true(largest > 1e-3);
  for (size_t i = 0; i < n_parameters; i += stride, checked++) {
    double before = w[i];
    w[i] = before + h;
    double up = net_backward(net, labels, NULL, n, dropout, 11, 4, NULL);
    w[i] = before - h;
    double down = net_backward(net, labels, NULL, n, dropout, 11, 4, NULL);
    w[i] = before;
    double numeric = (up - down) / (2 * h);
    double size = fmax(fmax(fabs(numeric), fabs(analytic[i])), 1e-3 * largest);
    if (!(fabs(numeric - analytic[i]) < 1e-6 * size))
      fail_msg("parameter %zu: gradient %.12g, difference %.12g", i, analytic[i], numeric);
  }
  assert_true(checked >= 100);
}

static void gradients_of_the_digits_network_are_right(void **state) {
  (void)state;
  struct net *net = make(net_model_digits, 4, 8);
  check_gradients(net, BATCH, 0, 1);
  check_gradients(net, BATCH, 0.385, 1);
  net_destroy(net);
}

/* Mean evolved loss of the batch, without dropout. */
static double evolved_loss(struct net *net, const struct clade_loss *loss) {
  const real *log_p = net_predict(net, BATCH);
  double sum = 0;
  for (size_t i = 0; i < BATCH; i++) {
    double target[CLASSES] = {0}, z[CLASSES];
    target[labels[i]] = 1;
    for (size_t c = 0; c < CLASSES; c++) z[c] = log_p[c * BATCH + i];
    sum += clade_loss_evaluate(loss, target, z, NULL);
  }
  return sum / BATCH;
}

static void gradients_of_an_evolved_loss_are_right(void **state) {
  (void)state;
  static const double theta[CLADE_LOSS_PARAMETERS] = {0.3, -0.1, 1, -0.5, 0.2, 0.7, -0.4, 0.25};
  static double analytic[30000];
  struct net *net = make(net_model_digits, 4, 8);
  struct clade_loss loss;
  double h = 1e-5, *w = net_parameters(net), largest = 0;
  clade_loss_init(&loss, theta, CLASSES, CLADE_LOSS_RESCALE);
  double likelihood = net_backward(net, labels, NULL, BATCH, 0, 1, 0, &loss);
  assert_true(likelihood == net_backward(net, labels, NULL, BATCH, 0, 1, 0, &loss));
  memcpy(analytic, net_gradients(net), net_n_parameters(net) * sizeof *analytic);
  for (size_t i = 0; i < net_n_parameters(net); i++) largest = fmax(largest, fabs(analytic[i]));
  assert_true(largest > 1e-3);
  for (size_t i = 0; i < net_n_parameters(net); i += 7) {
    double before = w[i];
    w[i] = before + h;
    double up = evolved_loss(net, &loss);
    w[i] = before - h;
    double down = evolved_loss(net, &loss);
    w[i] = before;
    assert_close((up - down) / (2 * h), analytic[i], 1e-6 * largest);
  }
  assert_true(likelihood == net_backward(net, labels, NULL, BATCH, 0, 1, 0, NULL));
  net_destroy(net);
}

/* Soft targets that are labels give the labels' gradients; the likelihood's gradient is linear in them. */
static void soft_targets_are_mixtures_of_labels(void **state) {
  (void)state;
  static const double theta[CLADE_LOSS_PARAMETERS] = {0.3, -0.1, 1, -0.5, 0.2, 0.7, -0.4, 0.25};
  static double own[30000], other[30000];
  struct net *net = make(net_model_digits, 4, 8);
  struct clade_loss loss;
  uint8_t wrong[BATCH];
  real soft[BATCH * CLASSES], mixed[BATCH * CLASSES];
  size_t bytes = net_n_parameters(net) * sizeof *own;
  clade_loss_init(&loss, theta, CLASSES, CLADE_LOSS_RESCALE);
  for (size_t i = 0; i < BATCH; i++) {
    wrong[i] = (uint8_t)((labels[i] + 3) % CLASSES);
    for (size_t c = 0; c < CLASSES; c++) {
      soft[i * CLASSES + c] = labels[i] == c;
      mixed[i * CLASSES + c] = 0.385 * (labels[i] == c) + 0.615 * (wrong[i] == c);
    }
  }
  for (int evolves = 0; evolves < 2; evolves++) {
    double likelihood = net_backward(net, labels, NULL, BATCH, 0, 1, 0, evolves ? &loss : NULL);
    memcpy(own, net_gradients(net), bytes);
    assert_true(likelihood == net_backward(net, labels, soft, BATCH, 0, 1, 0, evolves ? &loss : NULL));
    assert_memory_equal(own, net_gradients(net), bytes);
  }
  (void)net_backward(net, labels, NULL, BATCH, 0, 1, 0, NULL);
  memcpy(own, net_gradients(net), bytes);
  (void)net_backward(net, wrong, NULL, BATCH, 0, 1, 0, NULL);
  memcpy(other, net_gradients(net), bytes);
  (void)net_backward(net, labels, mixed, BATCH, 0, 1, 0, NULL);
  for (size_t i = 0; i < net_n_parameters(net); i++)
    assert_close(net_gradients(net)[i], 0.385 * own[i] + 0.615 * other[i], 1e-12);
  net_destroy(net);
}

static void gradients_of_the_mnist_network_are_right(void **state) {
  (void)state;
  struct net *net = make(net_model_mnist, 3, 28);
  check_gradients(net, 2, 0.25, 17);
  net_destroy(net);
}

/* Many images per product and few, and a batch that is no multiple of the chunk. */
static void gradients_do_not_depend_on_how_a_batch_is_cut(void **state) {
  (void)state;
  struct net_layer_spec layers[] = {{.kind = NET_CONV, .channels = 13, .kernel = 5, .padding = 2},
                                    {.kind = NET_RELU},
                                    {.kind = NET_CONV, .channels = 7, .kernel = 3, .padding = 2},
                                    {.kind = NET_POOL},
                                    {.kind = NET_CONV, .channels = CLASSES}};
  struct net *net = NULL;
  struct cl_err e;
  assert_int_equal(net_create(layers, 5, 18, 18, BATCH, &net, &e), 0);
  net_initialise(net, 3);
  fill_input(net, BATCH * 18 * 18);
  check_gradients(net, BATCH, 0, 61);
  check_gradients(net, 1, 0, 61);
  net_destroy(net);
}

/* One channel, kernel of ones on the whole image: every number below can be checked by hand. */
static void a_dense_layer_sums_its_inputs_and_adds_the_bias(void **state) {
  (void)state;
  struct net_layer_spec layers[] = {{.kind = NET_CONV, .channels = 2}};
  struct net *net = NULL;
  struct cl_err e;
  assert_int_equal(net_create(layers, 1, 2, 2, 1, &net, &e), 0);
  assert_int_equal(net_n_parameters(net), 10);
  double w[10] = {1, 2, 3, 4, 0.5, 0, 0, 0, 0, 9.25}, x[4] = {0.125, 0.25, 0.5, 1};
  memcpy(net_parameters(net), w, sizeof w);
  memcpy(net_input(net), x, sizeof x);
  double z0 = 0.125 + 0.5 + 1.5 + 4 + 0.5, z1 = 9.25, p1 = 1 / (1 + exp(z0 - z1));
  size_t right = 7;
  uint8_t label = 1;
  assert_close(net_evaluate(net, &label, 1, &right), -log(p1), 1e-14);
  assert_int_equal(right, 1);
  (void)net_backward(net, &label, NULL, 1, 0, 0, 0, NULL);
  assert_close(net_gradients(net)[3], (1 - p1) * 1, 1e-15); /* weight of x[3] = 1 */
  assert_close(net_gradients(net)[5], (p1 - 1) * 0.125, 1e-15);
  assert_close(net_gradients(net)[9], p1 - 1, 1e-15);
  net_destroy(net);
}

static void a_step_follows_velocity_and_not_only_the_gradient(void **state) {
  (void)state;
  struct net *net = make(net_model_digits, 2, 8);
  double before = net_parameters(net)[7];
  (void)net_backward(net, labels, NULL, BATCH, 0, 0, 0, NULL);
  double g1 = net_gradients(net)[7];
  net_step(net, 0.03, 0.8);
  assert_close(net_parameters(net)[7], before - 0.03 * g1, 1e-15);
  (void)net_backward(net, labels, NULL, BATCH, 0, 0, 1, NULL);
  double g2 = net_gradients(net)[7];
  assert_true(g1 != 0 && g1 != g2);
  net_step(net, 0.07, 0.6);
  assert_close(net_parameters(net)[7], before - 0.03 * g1 - 0.07 * (0.6 * g1 + g2), 1e-15);
  net_destroy(net);
}

static void dropout_keeps_the_expected_share_and_scales_it(void **state) {
  (void)state;
  struct net *net = make(net_model_digits, 8, 8);
  double without = net_backward(net, labels, NULL, BATCH, 0, 1, 0, NULL), sum = 0;
  enum { MASKS = 400 };
  for (uint64_t update = 0; update < MASKS; update++)
    sum += net_backward(net, labels, NULL, BATCH, 0.3, 1, update, NULL);
  assert_true(fabs(sum / MASKS - without) < 0.1 * without);
  assert_true(net_backward(net, labels, NULL, BATCH, 0.3, 1, 5, NULL) ==
              net_backward(net, labels, NULL, BATCH, 0.3, 1, 5, NULL));
  assert_true(net_backward(net, labels, NULL, BATCH, 0.3, 1, 5, NULL) !=
              net_backward(net, labels, NULL, BATCH, 0.3, 1, 6, NULL));
  assert_true(net_backward(net, labels, NULL, BATCH, 0.3, 1, 5, NULL) !=
              net_backward(net, labels, NULL, BATCH, 0.3, 2, 5, NULL));
  net_destroy(net);
}

static void a_nan_anywhere_reaches_the_loss(void **state) {
  (void)state;
  struct net *net = make(net_model_digits, 4, 8);
  size_t n = net_n_parameters(net), right = 0;
  for (size_t i = 0; i < n; i += 23) {
    double before = net_parameters(net)[i];
    net_parameters(net)[i] = NAN;
    assert_true(isnan(net_evaluate(net, labels, BATCH, &right)));
    assert_true(isnan(net_backward(net, labels, NULL, BATCH, 0, 0, 0, NULL)));
    net_parameters(net)[i] = before;
  }
  assert_true(isfinite(net_evaluate(net, labels, BATCH, &right)));
  for (size_t j = 0; j < 64; j += 7) { /* one pixel of one image */
    double before = net_input(net)[j];
    net_input(net)[j] = NAN;
    assert_true(isnan(net_evaluate(net, labels, BATCH, &right)));
    net_input(net)[j] = before;
  }
  net_destroy(net);
}

/* A 1x1 convolution lets one pixel through to one corner of one square of the pooling. */
static void pooling_hides_no_nan_in_any_corner(void **state) {
  (void)state;
  struct net_layer_spec layers[] = {{.kind = NET_CONV, .channels = 1, .kernel = 1},
                                    {.kind = NET_POOL},
                                    {.kind = NET_RELU},
                                    {.kind = NET_CONV, .channels = CLASSES}};
  struct net *net = NULL;
  struct cl_err e;
  size_t right = 0;
  assert_int_equal(net_create(layers, 4, 4, 4, 1, &net, &e), 0);
  net_initialise(net, 3);
  fill_input(net, 16);
  for (size_t i = 0; i < 16; i++) {
    double before = net_input(net)[i];
    net_input(net)[i] = NAN;
    assert_true(isnan(net_evaluate(net, labels, 1, &right)));
    net_input(net)[i] = before;
  }
  net_destroy(net);
}

static void the_mnist_network_has_the_21840_parameters_of_the_original(void **state) {
  (void)state;
  struct net *net = make(net_model_mnist, 10, 28);
  assert_int_equal(net_n_parameters(net), 21840);
  assert_int_equal(net_n_classes(net), 10);
  net_destroy(net);
}

static void layers_that_do_not_fit_are_refused_with_a_sentence(void **state) {
  (void)state;
  struct net *net = NULL;
  struct cl_err e;
  struct net_layer_spec pool_of_odd[] = {{.kind = NET_CONV, .channels = 3, .kernel = 4}, {.kind = NET_POOL}};
  assert_int_equal(net_create(pool_of_odd, 2, 8, 8, 1, &net, &e), CLADE_EINVAL);
  assert_string_equal(e.text, "layer 2 (pooling): 2x2 pooling of an image of 5x5 needs even sides");
  struct net_layer_spec too_large[] = {{.kind = NET_CONV, .channels = 3, .kernel = 9}};
  assert_int_equal(net_create(too_large, 1, 8, 8, 1, &net, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "a kernel of 9x9 with padding 0 does not fit an image of 8x8"));
  struct net_layer_spec not_classes[] = {{.kind = NET_CONV, .channels = 3, .kernel = 3}};
  assert_int_equal(net_create(not_classes, 1, 8, 8, 1, &net, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "3 channels of 6x6"));
  assert_null(net);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients_of_the_digits_network_are_right),
      cmocka_unit_test(gradients_of_an_evolved_loss_are_right),
      cmocka_unit_test(soft_targets_are_mixtures_of_labels),
      cmocka_unit_test(gradients_of_the_mnist_network_are_right),
      cmocka_unit_test(gradients_do_not_depend_on_how_a_batch_is_cut),
      cmocka_unit_test(a_dense_layer_sums_its_inputs_and_adds_the_bias),
      cmocka_unit_test(a_step_follows_velocity_and_not_only_the_gradient),
      cmocka_unit_test(dropout_keeps_the_expected_share_and_scales_it),
      cmocka_unit_test(a_nan_anywhere_reaches_the_loss),
      cmocka_unit_test(pooling_hides_no_nan_in_any_corner),
      cmocka_unit_test(the_mnist_network_has_the_21840_parameters_of_the_original),
      cmocka_unit_test(layers_that_do_not_fit_are_refused_with_a_sentence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
