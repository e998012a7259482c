#include "trainer/loss.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/loss_rule.h"

static const double slope_max = 10;

static double value_of(const double *t, double x, double y) {
  double a = x - t[0], b = y - t[1];
  return t[2] * b + t[3] * b * b / 2 + t[4] * b * b * b / 6 + t[5] * a * b + t[6] * a * b * b / 2 +
         t[7] * a * a * b / 2;
}

static double slope_of(const double *t, double x, double y) {
  double a = x - t[0], b = y - t[1];
  return t[2] + t[3] * b + t[4] * b * b / 2 + t[5] * a + t[6] * a * b + t[7] * a * a / 2;
}

/* dL/dy of one class. */
static double slope(const struct clade_loss *loss, double x, double y) {
  double g = -slope_of(loss->theta, x, y) / loss->classes;
  if (loss->flags & CLADE_LOSS_CLIP) g = g > slope_max ? slope_max : g < -slope_max ? -slope_max : g;
  return g;
}

/* With all probabilities 1/n and one label: the mean of |dL/dz| is 2 (n-1)/n^2 for cross-entropy, and so many
 * times the difference of the two slopes for ours. */
static double scale_for(const double *theta, int n) {
  double own = -slope_of(theta, 1, 1.0 / n) / n, other = -slope_of(theta, 0, 1.0 / n) / n;
  double mean = fabs(own - other) / n;
  return mean > 0 && isfinite(mean) ? 1 / mean : 1;
}

void clade_loss_init(struct clade_loss *loss, const double theta[CLADE_LOSS_PARAMETERS], int classes,
                     unsigned flags) {
  assert(classes >= 2 && classes <= CLADE_LOSS_CLASSES_MAX);
  memcpy(loss->theta, theta, sizeof loss->theta);
  loss->classes = classes;
  loss->flags = flags;
  loss->scale = flags & CLADE_LOSS_RESCALE ? scale_for(theta, classes) : 1;
  for (int i = 2; i < CLADE_LOSS_PARAMETERS; i++) loss->theta[i] *= loss->scale;
}

double clade_loss_evaluate(const struct clade_loss *loss, const double *target, const double *logits,
                           double *ret_gradient) {
  double y[CLADE_LOSS_CLASSES_MAX];
  int n = loss->classes;
  double top = logits[0], sum = 0, total = 0, mean = 0;
  for (int i = 1; i < n; i++) top = logits[i] > top ? logits[i] : top;
  for (int i = 0; i < n; i++) sum += y[i] = exp(logits[i] - top);
  for (int i = 0; i < n; i++) {
    y[i] /= sum;
    total += value_of(loss->theta, target[i], y[i]);
    mean += slope(loss, target[i], y[i]) * y[i];
  }
  for (int i = 0; i < n && ret_gradient != NULL; i++)
    ret_gradient[i] = y[i] * (slope(loss, target[i], y[i]) - mean);
  return -total / n;
}

bool clade_loss_is_valid(const double theta[CLADE_LOSS_PARAMETERS], int classes) {
  return cl_loss_rule_holds(theta, classes);
}
