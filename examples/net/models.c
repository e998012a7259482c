#include "net/models.h"

#include <string.h>

static size_t model(size_t kernel, size_t padding, size_t first, size_t second, size_t hidden,
                    struct net_layer_spec *ret) {
  const struct net_layer_spec layers[] = {
      {.kind = NET_CONV, .channels = first, .kernel = kernel, .padding = padding},
      {.kind = NET_POOL},
      {.kind = NET_RELU},
      {.kind = NET_CONV, .channels = second, .kernel = kernel, .padding = padding},
      {.kind = NET_DROPOUT},
      {.kind = NET_POOL},
      {.kind = NET_RELU},
      {.kind = NET_CONV, .channels = hidden}, /* kernel 0: dense */
      {.kind = NET_RELU},
      {.kind = NET_DROPOUT},
      {.kind = NET_CONV, .channels = 10},
  };
  _Static_assert(sizeof layers / sizeof *layers <= NET_MAX_LAYERS, "the caller's array is that long");
  memcpy(ret, layers, sizeof layers);
  return sizeof layers / sizeof *layers;
}

size_t net_model_mnist(size_t width, struct net_layer_spec *ret) {
  return model(5, 0, width, 2 * width, 5 * width, ret);
}

size_t net_model_digits(size_t width, struct net_layer_spec *ret) {
  return model(3, 1, width, 2 * width, 4 * width, ret);
}
