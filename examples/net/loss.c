/* Log-softmax over the channels of the last layer and the negative log likelihood of the labels. */
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
