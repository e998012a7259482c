#include "math/welch.h"

#include <assert.h>
#include <math.h>

#include "math/distribution.h"
#include "math/moments.h"

static struct cl_moments moments_of(const double *x, int n) {
  struct cl_moments m = {0};
  for (int i = 0; i < n; i++) {
    assert(isfinite(x[i]));
    cl_moments_add(&m, x[i]);
  }
  return m;
}

bool cl_welch_test(const double *a, int n_a, const double *b, int n_b, struct cl_welch *ret) {
  if (n_a < 2 || n_b < 2) return false;
  struct cl_moments x = moments_of(a, n_a), y = moments_of(b, n_b);
  double u = cl_moments_variance(&x) / n_a, v = cl_moments_variance(&y) / n_b;
  double difference = x.mean - y.mean, sum = u + v;
  if (sum == 0) {
    *ret = (struct cl_welch){difference == 0 ? 0 : copysign(INFINITY, difference), n_a + n_b - 2,
                             difference == 0 ? 1 : 0};
    return true;
  }
  double r = u / sum, q = v / sum; /* shares: no square of a tiny variance underflows */
  ret->t = difference / sqrt(sum);
  ret->df = 1 / (r * r / (n_a - 1) + q * q / (n_b - 1));
  ret->p = 2 * cl_student_below(-fabs(ret->t), ret->df);
  return true;
}
