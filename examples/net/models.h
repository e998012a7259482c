/* The networks of the examples: convolution, pooling, rectifier; convolution, dropout of planes, pooling,
 * rectifier; dense, rectifier, dropout; dense. */
#ifndef NET_MODELS_H
#define NET_MODELS_H

#include "net/net.h"

/* For 28x28 images: 5x5 kernels, channels width, 2 width, 5 width, 10. Width 10 has 21 840 parameters and is
 * the network of the PBT study on MNIST that examples/mnist repeats. Returns the number of layers. */
size_t net_model_mnist(size_t width, struct net_layer_spec *ret);

/* For 8x8 images: 3x3 kernels with padding, channels width, 2 width, 4 width, 10. Width 8: 3 658 parameters.
 */
size_t net_model_digits(size_t width, struct net_layer_spec *ret);

#endif
