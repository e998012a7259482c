/* Maximum over 2x2 squares. Of equal values the first gets the gradient; NaN wins over every number. */
#include <assert.h>

#include "net/layer.h"

static int plan(struct net_layer *l, struct cl_err *e) {
  if (l->in.height % 2 != 0 || l->in.width % 2 != 0)
    return CL_FAIL(e, CLADE_EINVAL, "2x2 pooling of an image of %zux%zu needs even sides", l->in.height,
                   l->in.width);
  l->out = (struct net_shape){l->in.channels, l->in.height / 2, l->in.width / 2};
  return 0;
}

static inline real larger(real a, real b) {
  real number = b > a ? b : a; /* a if any is NaN */
  return b == b ? number : b;
}

static void forward(struct net_layer *l, size_t n) {
  size_t rows = l->in.channels * n * l->out.height, ow = l->out.width;
  for (size_t r = 0; r < rows; r++) {
    const real *restrict top = l->x + r * 4 * ow, *restrict low = top + 2 * ow;
    real *restrict y = l->y + r * ow;
    for (size_t i = 0; i < ow; i++)
      y[i] = larger(larger(top[2 * i], top[2 * i + 1]), larger(low[2 * i], low[2 * i + 1]));
  }
}

static void backward(struct net_layer *l, size_t n) {
  assert(l->dx != NULL);
  size_t rows = l->in.channels * n * l->out.height, ow = l->out.width;
  for (size_t r = 0; r < rows; r++) {
    const real *restrict top = l->x + r * 4 * ow, *restrict low = top + 2 * ow;
    const real *restrict y = l->y + r * ow, *restrict dy = l->dy + r * ow;
    real *restrict to_top = l->dx + r * 4 * ow, *restrict to_low = to_top + 2 * ow;
    for (size_t i = 0; i < ow; i++) {
      real rest = dy[i];
      to_top[2 * i] = top[2 * i] == y[i] ? rest : 0;
      rest = top[2 * i] == y[i] ? 0 : rest;
      to_top[2 * i + 1] = top[2 * i + 1] == y[i] ? rest : 0;
      rest = top[2 * i + 1] == y[i] ? 0 : rest;
      to_low[2 * i] = low[2 * i] == y[i] ? rest : 0;
      to_low[2 * i + 1] = low[2 * i] == y[i] ? 0 : rest;
    }
  }
}

const struct net_layer_ops net_pool = {
    .name = "pooling", .plan = plan, .forward = forward, .backward = backward};
