/* Log-softmax over the channels of the last layer, the negative log likelihood of the labels, and the
 * gradients of that and of an evolved loss. */
#include <assert.h>
#include <math.h>

#include "net/layer.h"

double net_log_softmax(real *z, size_t n_classes, size_t n, const uint8_t *labels) {
  double loss = 0;
  for (size_t i = 0; i < n; i++) {
    real top = z[i];
    for (size_t c = 1; c < n_classes; c++) top = z[c * n + i] > top ? z[c * n + i] : top;
    double sum = 0;
    for (size_t c = 0; c < n_classes; c++) sum += exp((double)(z[c * n + i] - top));
    double shift = (double)top + log(sum);
    for (size_t c = 0; c < n_classes; c++) z[c * n + i] = (real)((double)z[c * n + i] - shift);
    if (labels == NULL) continue;
    assert(labels[i] < n_classes);
    loss -= (double)z[labels[i] * n + i];
  }
  return loss;
}

void net_likelihood_gradient(const struct net_layer *last, size_t n, const uint8_t *labels) {
  for (size_t c = 0; c < last->out.channels; c++)
    for (size_t i = 0; i < n; i++) {
      double p = exp((double)last->y[c * n + i]);
      last->dy[c * n + i] = (real)((p - (labels[i] == c)) / (double)n);
    }
}

void net_evolved_gradient(const struct net_layer *last, size_t n, const uint8_t *labels,
                          const struct clade_loss *loss) {
  double z[NET_MAX_CLASSES], target[NET_MAX_CLASSES] = {0};
  size_t classes = last->out.channels;
  for (size_t i = 0; i < n; i++) {
    for (size_t c = 0; c < classes; c++) z[c] = (double)last->y[c * n + i];
    target[labels[i]] = 1;
    (void)clade_loss_evaluate(loss, target, z, z);
    target[labels[i]] = 0;
    for (size_t c = 0; c < classes; c++) last->dy[c * n + i] = (real)(z[c] / (double)n);
  }
}
