/* The sequence of layers: memory, batches, the step. */
#include "net/net.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "net/blas.h"
#include "net/layer.h"
#include "net/seeds.h"

#define ALIGNMENT 64 /* bytes: one cache line, one widest vector */

struct net {
  struct net_layer layers[NET_MAX_LAYERS];
  size_t n_layers, max_batch, n_parameters;
  real *parameters, *velocities, *gradients;
  void *memory; /* everything above points into it */
};

static const struct net_layer_ops *const kinds[] = {
    [NET_CONV] = &net_conv, [NET_POOL] = &net_pool, [NET_RELU] = &net_relu, [NET_DROPOUT] = &net_dropout};

static int plan_layers(struct net *net, const struct net_layer_spec *specs, struct net_shape shape,
                       struct cl_err *e) {
  for (size_t i = 0; i < net->n_layers; i++) {
    struct net_layer *l = &net->layers[i];
    assert((size_t)specs[i].kind < sizeof kinds / sizeof *kinds);
    *l = (struct net_layer){.ops = kinds[specs[i].kind], .spec = specs[i], .in = shape};
    int status = l->ops->plan(l, e);
    if (status < 0) {
      (void)cl_err_prefix(e, "layer %zu (%s): ", i + 1, l->ops->name);
      return status;
    }
    if (l->chunk > net->max_batch) l->chunk = net->max_batch;
    net->n_parameters += l->n_parameters;
    shape = l->out;
  }
  if (net_shape_pixels(shape) != 1 || shape.channels < 2 || shape.channels > 256)
    return CL_FAIL(e, CLADE_EINVAL,
                   "the last layer gives %zu channels of %zux%zu, but must give one number for each of 2 to "
                   "256 classes",
                   shape.channels, shape.height, shape.width);
  return 0;
}

/* Hand out the next n numbers of *at, or, when *at is still null, only count them. */
static real *take(real *base, size_t *used, size_t n) {
  real *p = base == NULL ? NULL : base + *used;
  size_t per_line = ALIGNMENT / sizeof(real);
  *used += (n + per_line - 1) / per_line * per_line;
  return p;
}

static void place_layer(struct net_layer *l, size_t max_batch, real *base, size_t *used) {
  size_t size = net_shape_size(l->out) * max_batch;
  l->y = l->ops->in_place ? l->x : take(base, used, size);
  l->dy = l->ops->in_place ? l->dx : take(base, used, size);
  if (l->ops == &net_conv) {
    size_t columns = l->n_parameters / l->out.channels * net_shape_pixels(l->out) * l->chunk;
    l->columns = take(base, used, columns);
    l->column_gradients = take(base, used, columns);
  }
  if (l->ops == &net_dropout) l->kept = take(base, used, l->in.channels * max_batch);
}

/* Lay everything out in one block that begins at base; returns how many numbers that takes. */
static size_t place(struct net *net, real *base) {
  size_t used = 0, at = 0;
  net->parameters = take(base, &used, net->n_parameters);
  net->velocities = take(base, &used, net->n_parameters);
  net->gradients = take(base, &used, net->n_parameters);
  struct net_layer *first = &net->layers[0];
  first->x = take(base, &used, net_shape_size(first->in) * net->max_batch);
  for (size_t i = 0; i < net->n_layers; i++) {
    struct net_layer *l = &net->layers[i];
    if (i > 0) {
      l->x = l[-1].y;
      l->dx = l[-1].dy;
    }
    place_layer(l, net->max_batch, base, &used);
    if (base != NULL) {
      l->parameters = net->parameters + at;
      l->gradients = net->gradients + at;
    }
    at += l->n_parameters;
  }
  return used;
}

int net_create(const struct net_layer_spec *layers, size_t n_layers, size_t height, size_t width,
               size_t max_batch, struct net **ret, struct cl_err *e) {
  if (n_layers < 1 || n_layers > NET_MAX_LAYERS)
    return CL_FAIL(e, CLADE_EINVAL, "a network of %zu layers, but it must have 1 to %d", n_layers,
                   NET_MAX_LAYERS);
  if (height < 1 || height > 4096 || width < 1 || width > 4096 || max_batch < 1 || max_batch > 65536)
    return CL_FAIL(e, CLADE_EINVAL,
                   "images of %zux%zu in batches of %zu: sides must be 1 to 4096, batches 1 to 65536", height,
                   width, max_batch);
  if (layers[0].kind != NET_CONV) /* so a layer that works in place always has one before it */
    return CL_FAIL(e, CLADE_EINVAL, "the first layer must be a convolution");
  struct net *net = cl_alloc(sizeof *net);
  if (net == NULL) return CL_FAIL_NOMEM(e);
  net->n_layers = n_layers;
  net->max_batch = max_batch;
  int status = plan_layers(net, layers, (struct net_shape){1, height, width}, e);
  if (status < 0) goto out;
  size_t bytes = place(net, NULL) * sizeof(real) + ALIGNMENT;
  net->memory = cl_alloc(bytes);
  if (net->memory == NULL) {
    status = CL_FAIL_NOMEM(e);
    goto out;
  }
  uintptr_t start = ((uintptr_t)net->memory + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  (void)place(net, (real *)start);
  *ret = net;
  net = NULL;
out:
  net_destroy(net);
  return status;
}

void net_destroy(struct net *net) {
  if (net == NULL) return;
  cl_free(net->memory);
  cl_free(net);
}

size_t net_n_parameters(const struct net *net) {
  return net->n_parameters;
}

size_t net_n_classes(const struct net *net) {
  return net->layers[net->n_layers - 1].out.channels;
}

real *net_parameters(struct net *net) {
  return net->parameters;
}

real *net_velocities(struct net *net) {
  return net->velocities;
}

const real *net_gradients(const struct net *net) {
  return net->gradients;
}

real *net_input(struct net *net) {
  return net->layers[0].x;
}

void net_initialise(struct net *net, uint64_t seed) {
  memset(net->velocities, 0, net->n_parameters * sizeof(real));
  for (size_t i = 0; i < net->n_layers; i++) {
    struct net_layer *l = &net->layers[i];
    if (l->n_parameters == 0) continue;
    struct cl_rng r = cl_rng_stream(seed, CL_RNG_USER, i, NET_STREAM_INITIAL);
    double inputs = (double)(l->n_parameters / l->out.channels - 1), bound = 1 / sqrt(inputs);
    for (size_t j = 0; j < l->n_parameters; j++)
      l->parameters[j] = (real)(bound * (2 * cl_rng_uniform(&r) - 1));
  }
}

static struct net_layer *last_layer(struct net *net) {
  return &net->layers[net->n_layers - 1];
}

static void forward(struct net *net, size_t n, bool dropout) {
  assert(n >= 1 && n <= net->max_batch);
  for (size_t i = 0; i < net->n_layers; i++) {
    struct net_layer *l = &net->layers[i];
    if (l->ops != &net_dropout || dropout) l->ops->forward(l, n);
  }
}

double net_backward(struct net *net, const uint8_t *labels, const real *soft, size_t n, double dropout,
                    uint64_t dropout_seed, uint64_t update, const struct clade_loss *evolved) {
  assert(evolved == NULL || evolved->classes == (int)net_n_classes(net));
  for (size_t i = 0; dropout > 0 && i < net->n_layers; i++)
    if (net->layers[i].ops == &net_dropout)
      net_dropout_draw(&net->layers[i], n, dropout, dropout_seed, update, (uint32_t)i);
  forward(net, n, dropout > 0);
  struct net_layer *last = last_layer(net);
  if (evolved != NULL) net_evolved_gradient(last, n, labels, soft, evolved);
  double loss = net_log_softmax(last->y, last->out.channels, n, labels) / (double)n;
  if (evolved == NULL) net_likelihood_gradient(last, n, labels, soft);
  for (size_t i = net->n_layers; i-- > 0;) {
    struct net_layer *l = &net->layers[i];
    if (l->ops != &net_dropout || dropout > 0) l->ops->backward(l, n);
  }
  return loss;
}

void net_step(struct net *net, double lr, double momentum) {
  real m = (real)momentum, rate = (real)lr;
  real *restrict w = net->parameters, *restrict v = net->velocities;
  const real *restrict g = net->gradients;
  for (size_t i = 0; i < net->n_parameters; i++) {
    v[i] = m * v[i] + g[i];
    w[i] -= rate * v[i];
  }
}

const real *net_predict(struct net *net, size_t n) {
  forward(net, n, false);
  struct net_layer *last = last_layer(net);
  (void)net_log_softmax(last->y, last->out.channels, n, NULL);
  return last->y;
}

double net_evaluate(struct net *net, const uint8_t *labels, size_t n, size_t *ret_right) {
  const real *log_p = net_predict(net, n);
  size_t classes = net_n_classes(net), right = 0;
  double loss = 0;
  for (size_t i = 0; i < n; i++) {
    assert(labels[i] < classes);
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
      if (log_p[c * n + i] > log_p[best * n + i]) best = c;
    double own = (double)log_p[labels[i] * n + i];
    right += best == labels[i] && own == own;
    loss -= own;
  }
  *ret_right = right;
  return loss;
}
