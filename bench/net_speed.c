/* How fast the example networks train on one core, beside the fastest matrix product of the same run.
 *
 * Prints the best of ROUNDS rounds: images per second of net_training_advance (choosing the images, forward,
 * backward, update) and of net_training_evaluate, and which share of the measured sgemm limit the matrix
 * products of the training alone would need.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/rng.h"
#include "net/blas.h"
#include "net/models.h"
#include "net/training.h"

#define ROUNDS    5
#define PRODUCT_N 768

struct subject {
  const char *name;
  size_t (*model)(size_t width, struct net_layer_spec *ret);
  size_t width, side, batch, images;
  double flops_per_image; /* of all products of one training image, counted by hand below */
};

/* 2 * rows * columns * (inner) of forward, weight gradient and, but for the first layer, input gradient. */
#define CONV(out, k, pixels, times) (2.0 * (out) * (k) * (pixels) * (times))

static const struct subject subjects[] = {
    {"mnist", net_model_mnist, 10, 28, 64, 6400,
     CONV(10, 25, 576, 2) + CONV(20, 250, 64, 3) + CONV(50, 320, 1, 3) + CONV(10, 50, 1, 3)},
    {"digits", net_model_digits, 8, 8, 32, 32000,
     CONV(8, 9, 64, 2) + CONV(16, 72, 16, 3) + CONV(32, 64, 1, 3) + CONV(10, 32, 1, 3)},
};

static double seconds(void) {
  return 1e-6 * (double)cl_clock_monotonic_us();
}

/* GFLOP/s of one large product. */
static double product_limit(void) {
  size_t n = PRODUCT_N;
  real *a = cl_alloc_array(3 * n, n * sizeof *a);
  if (a == NULL) return 0;
  real *b = a + n * n, *c = b + n * n;
  struct cl_rng r = cl_rng_stream(1, CL_RNG_USER, 0, 0);
  for (size_t i = 0; i < 2 * n * n; i++) a[i] = (real)cl_rng_uniform(&r);
  double best = 1e9;
  for (int round = 0; round < 2 * ROUNDS; round++) {
    double start = seconds();
    net_gemm(false, false, n, n, n, a, n, b, n, 0, c, n);
    double took = seconds() - start;
    best = took < best ? took : best;
  }
  cl_free(a);
  return 2e-9 * (double)n * (double)n * (double)n / best;
}

static int make_images(const struct subject *s, struct net_images *ret, struct cl_err *e) {
  *ret = (struct net_images){.n_classes = 10, .mean = 33, .scale = 0.0127};
  CL_TRY(net_images_init(ret, s->images, s->side, s->side, e));
  struct cl_rng r = cl_rng_stream(2, CL_RNG_USER, 0, 0);
  for (size_t i = 0; i < s->images * s->side * s->side; i++) ret->pixels[i] = (uint8_t)cl_rng_below(&r, 256);
  for (size_t i = 0; i < s->images; i++) ret->labels[i] = (uint8_t)(i % 10);
  return 0;
}

static void measure(struct net_training *t, const struct subject *s, double limit) {
  struct net_values values = {.lr = 0.01, .momentum = 0.9, .dropout = 0.5, .batch_size = s->batch};
  double training = 1e9, evaluation = 1e9, loss, accuracy;
  for (int round = 0; round < ROUNDS; round++) {
    double start = seconds();
    net_training_advance(t, s->images, &values);
    double middle = seconds();
    net_training_evaluate(t, t->data, &loss, &accuracy);
    double end = seconds();
    training = middle - start < training ? middle - start : training;
    evaluation = end - middle < evaluation ? end - middle : evaluation;
  }
  double n = (double)s->images, rate = n / training;
  printf("%-7s  %8zu  %5zu  %16.0f  %18.0f  %13.2f  %10.0f %%\n", s->name, net_n_parameters(t->net), s->batch,
         rate, n / evaluation, s->flops_per_image * 1e-6, 100 * s->flops_per_image * 1e-9 * rate / limit);
}

static int run(const struct subject *s, double limit, struct cl_err *e) {
  struct net_layer_spec layers[NET_MAX_LAYERS];
  struct net_images images = {0};
  struct net_training t = {0};
  struct net *net = NULL;
  int status = make_images(s, &images, e);
  if (status == 0) status = net_create(layers, s->model(s->width, layers), s->side, s->side, 64, &net, e);
  if (status == 0) status = net_training_init(&t, net, 64, &images, (struct net_seeds){1, 2, 3}, e);
  if (status == 0) measure(&t, s, limit);
  net_training_done(&t);
  net_destroy(net);
  net_images_done(&images);
  return status;
}

int main(void) {
  struct cl_err e;
  openblas_set_num_threads(1);
  double limit = product_limit();
  printf("one core, sgemm of %dx%d: %.1f GFLOP/s (OpenBLAS %s)\n", PRODUCT_N, PRODUCT_N, limit,
         openblas_get_corename());
  printf("network  parameters batch  trained images/s  evaluated images/s  MFLOP/trained  of the limit\n");
  for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
    if (run(&subjects[i], limit, &e) < 0) {
      fprintf(stderr, "%s\n", e.text);
      return 1;
    }
  return 0;
}
