/* A small convolutional network: forward, backward, SGD with momentum. One thread, no clock, no files.
 *
 * A batch of n images travels as one matrix per layer, laid out [channel][image][row][column], so that every
 * convolution of the whole batch is one matrix product and a vector of u units is u channels of 1x1.
 * Four kinds of layers are enough: a dense layer is a convolution whose kernel covers the whole image, and
 * dropout drops whole planes (after a dense layer a plane is one unit; before it that is "dropout2d").
 * The loss is the negative log likelihood of the log-softmax over the last layer's channels.
 *
 * All parameters stand in one array, layer by layer, and so do their gradients and velocities: saving,
 * copying and stepping are one call each. A convolution's parameters are a matrix with one row per output
 * channel: input channels * kernel * kernel weights, then the bias.
 *
 * NaN is never hidden: a maximum or a rectifier that sees one gives one, so it reaches the loss.
 * Equal seeds and input give equal bits on one machine with one build.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clade/loss.h>

#include "base/err.h"

/* Compiled twice: float in the trainers and, with -DNET_DOUBLE, double in the gradient checks. */
#ifdef NET_DOUBLE
typedef double real;
#else
typedef float real;
#endif

enum net_kind { NET_CONV, NET_POOL, NET_RELU, NET_DROPOUT };

struct net_layer_spec {
  enum net_kind kind;
  size_t channels; /* convolution: of its output, >= 1 */
  size_t kernel;   /* convolution: side of the square kernel, 0 = the whole image (a dense layer) */
  size_t padding;  /* convolution: zeros added on each side, < kernel */
};

#define NET_MAX_LAYERS 16

struct net;

/* Build a network for images of height*width pixels in one channel and batches of up to max_batch.
 *
 *   layers  n_layers in order; pooling is 2x2 with stride 2 and needs even sides   (borrows)
 *   ret     the network with all parameters zero; gives, free with net_destroy
 *
 * CLADE_EINVAL with a sentence when a layer does not fit the image before it; CLADE_ENOMEM.
 * Memory: about 2 * max_batch * (all activations of one image) numbers.
 */
int net_create(const struct net_layer_spec *layers, size_t n_layers, size_t height, size_t width,
               size_t max_batch, struct net **ret, struct cl_err *e);
void net_destroy(struct net *net); /* null is allowed */

size_t net_n_parameters(const struct net *net);
size_t net_n_classes(const struct net *net); /* channels of the last layer */
real *net_parameters(struct net *net);       /* net_n_parameters numbers, may be written */
real *net_velocities(struct net *net);       /* likewise: the momentum buffers */
const real *net_gradients(const struct net *net);

/* Where to put the images of the next batch: max_batch * height * width numbers, image by image. */
real *net_input(struct net *net);

/* Weights and biases uniform in +-1/sqrt(inputs of one output), velocities zero. Depends on the seed alone.
 */
void net_initialise(struct net *net, uint64_t seed);

#define NET_MAX_CLASSES 64

/* Mean negative log likelihood of the first n images of net_input, and the gradients of that or of another
 * loss, with dropout.
 *
 *   labels        n class numbers, each below net_n_classes   (borrows)
 *   soft          targets to follow instead of the labels: [image][class], each row sums to 1; null: the
 * labels. What is returned is the likelihood of the labels anyway   (borrows) dropout       probability of
 * dropping a plane, in [0, 1); the rest is scaled by 1 / (1 - dropout) dropout_seed, update  name the mask:
 * equal ones give the same mask for equal n evolved       the loss to follow, for net_n_classes classes (at
 * most NET_MAX_CLASSES); null: the likelihood
 *
 * 1 <= n <= max_batch.
 */
double net_backward(struct net *net, const uint8_t *labels, const real *soft, size_t n, double dropout,
                    uint64_t dropout_seed, uint64_t update, const struct clade_loss *evolved);

/* velocity = momentum * velocity + gradient; parameter -= lr * velocity. */
void net_step(struct net *net, double lr, double momentum);

/* Sum of the losses of the first n images of net_input without dropout, and how many have their label as the
 * most probable class. An image with a NaN among its outputs counts as wrong and makes the sum NaN. */
double net_evaluate(struct net *net, const uint8_t *labels, size_t n, size_t *ret_right);

/* As net_evaluate, and the log probabilities [class][image] of the batch, valid until the next call. */
const real *net_predict(struct net *net, size_t n);

#endif
