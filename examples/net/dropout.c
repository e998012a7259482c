/* Dropout of whole planes, in place, by factors drawn beforehand: 0, or 1 / (1 - rate). */
#include <assert.h>

#include "base/rng.h"
#include "net/layer.h"
#include "net/seeds.h"

static int plan(struct net_layer *l, struct cl_err *e) {
  (void)e;
  l->out = l->in;
  return 0;
}

static void scale(const struct net_layer *l, real *a, size_t n) {
  size_t pixels = net_shape_pixels(l->in), planes = l->in.channels * n;
  for (size_t p = 0; p < planes; p++)
    for (size_t i = 0; i < pixels; i++) a[p * pixels + i] *= l->kept[p];
}

static void forward(struct net_layer *l, size_t n) {
  scale(l, l->x, n);
}

static void backward(struct net_layer *l, size_t n) {
  scale(l, l->dy, n);
}

void net_dropout_draw(struct net_layer *l, size_t n, double rate, uint64_t seed, uint64_t update,
                      uint32_t layer_index) {
  assert(rate >= 0 && rate < 1);
  struct cl_rng r = cl_rng_stream(seed, CL_RNG_USER, update, NET_STREAM_DROPOUT + layer_index);
  real factor = (real)(1 / (1 - rate));
  for (size_t p = 0; p < l->in.channels * n; p++) l->kept[p] = cl_rng_uniform(&r) < rate ? 0 : factor;
}

const struct net_layer_ops net_dropout = {
    .name = "dropout", .in_place = true, .plan = plan, .forward = forward, .backward = backward};
