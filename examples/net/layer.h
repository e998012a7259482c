/* One layer of a network, and the table of functions that a kind of layer is. Private to net/. */
#ifndef NET_LAYER_H
#define NET_LAYER_H

#include "net/net.h"

struct net_shape {
  size_t channels, height, width;
};

struct net_layer;

struct net_layer_ops {
  const char *name;
  bool in_place; /* the output stands where the input stood */
  /* From spec and `in`: set `out`, and for a convolution `n_parameters`, `chunk`. CLADE_EINVAL. */
  int (*plan)(struct net_layer *l, struct cl_err *e);
  void (*forward)(struct net_layer *l, size_t n);
  /* From dy: set dx (unless null) and the gradients. Called after forward with the same n. */
  void (*backward)(struct net_layer *l, size_t n);
};

/* Activations are [channel][image][row][column] of n images; pointers belong to the network. */
struct net_layer {
  const struct net_layer_ops *ops;
  struct net_layer_spec spec;
  struct net_shape in, out;
  size_t n_parameters;
  real *x, *y, *dx, *dy;            /* dx is null in the first layer */
  real *parameters, *gradients;     /* this layer's part of the network's arrays */
  size_t chunk;                     /* convolution: images per matrix product */
  real *columns, *column_gradients; /* convolution: unfolded images of one chunk */
  real *kept;                       /* dropout: factor of each plane, [channel][image] */
};

extern const struct net_layer_ops net_conv, net_pool, net_relu, net_dropout;

static inline size_t net_shape_pixels(struct net_shape s) {
  return s.height * s.width;
}

static inline size_t net_shape_size(struct net_shape s) {
  return s.channels * s.height * s.width;
}

/* Fill a dropout layer's factors for n images; layer_index tells the dropout layers of a network apart. */
void net_dropout_draw(struct net_layer *l, size_t n, double rate, uint64_t seed, uint64_t update,
                      uint32_t layer_index);

/* Replace the outputs z[class][image] by their log-softmax; returns the sum over images of
 * -log p[label]. labels may be null: then 0. */
double net_log_softmax(real *z, size_t n_classes, size_t n, const uint8_t *labels);

/* Gradients of the mean over n images into last->dy: of the negative log likelihood, when last->y holds the
 * log-softmax; of an evolved loss, when it still holds the logits. soft: as in
 * net_backward. */
void net_likelihood_gradient(const struct net_layer *last, size_t n, const uint8_t *labels, const real *soft);
void net_evolved_gradient(const struct net_layer *last, size_t n, const uint8_t *labels, const real *soft,
                          const struct clade_loss *loss);

#endif
