/* max(x, 0), in place; NaN stays NaN. */
#include "net/layer.h"

static int plan(struct net_layer *l, struct cl_err *e) {
  (void)e;
  l->out = l->in;
  return 0;
}

static void forward(struct net_layer *l, size_t n) {
  size_t size = net_shape_size(l->in) * n;
  for (size_t i = 0; i < size; i++) l->x[i] = l->x[i] < 0 ? 0 : l->x[i];
}

/* A dropout layer may have scaled the output since: its sign, all that counts here, is still the same, and
 * where it made a zero it also made the gradient zero. */
static void backward(struct net_layer *l, size_t n) {
  size_t size = net_shape_size(l->in) * n;
  for (size_t i = 0; i < size; i++) l->dy[i] = l->y[i] <= 0 ? 0 : l->dy[i];
}

const struct net_layer_ops net_relu = {
    .name = "rectifier", .in_place = true, .plan = plan, .forward = forward, .backward = backward};
