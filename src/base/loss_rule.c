#include "base/loss_rule.h"

#include <assert.h>

/* df/dy as a polynomial in y and x: c1 + ch y + chh y^2 + chy xy + cy x + cyy x^2. */
bool cl_loss_rule_holds(const double t[CL_LOSS_PARAMETERS], double classes) {
  double n = classes;
  assert(n >= 2);
  double c1 =
      t[2] - t[3] * t[1] + t[4] * t[1] * t[1] / 2 - t[5] * t[0] + t[6] * t[0] * t[1] + t[7] * t[0] * t[0] / 2;
  double ch = t[3] - t[4] * t[1] - t[6] * t[0], chh = t[4] / 2;
  double chy = t[6], cy = t[5] - t[6] * t[1] - t[7] * t[0], cyy = t[7] / 2;
  return cy + cyy + chy / n >= (n - 2) * (c1 + ch / n + chh / (n * n));
}
