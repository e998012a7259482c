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

void net_likelihood_gradient(const struct net_layer *last, size_t n, const uint8_t *labels,
                             const real *soft) {
  size_t classes = last->out.channels;
  for (size_t c = 0; c < classes; c++)
    for (size_t i = 0; i < n; i++) {
      double p = exp((double)last->y[c * n + i]);
      double target = soft != NULL ? (double)soft[i * classes + c] : labels[i] == c;
      last->dy[c * n + i] = (real)((p - target) / (double)n);
    }
}

void net_evolved_gradient(const struct net_layer *last, size_t n, const uint8_t *labels, const real *soft,
                          const struct clade_loss *loss) {
  double z[NET_MAX_CLASSES], target[NET_MAX_CLASSES];
  size_t classes = last->out.channels;
  for (size_t i = 0; i < n; i++) {
    for (size_t c = 0; c < classes; c++) z[c] = (double)last->y[c * n + i];
    for (size_t c = 0; c < classes; c++)
      target[c] = soft != NULL ? (double)soft[i * classes + c] : labels[i] == c;
    (void)clade_loss_evaluate(loss, target, z, z);
    for (size_t c = 0; c < classes; c++) last->dy[c * n + i] = (real)(z[c] / (double)n);
  }
}
