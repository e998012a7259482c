#include "math/moments.h"

#include <assert.h>

void cl_moments_add(struct cl_moments *m, double x) {
  assert(m->n >= 0);
  double delta = x - m->mean;
  m->n++;
  m->mean += delta / (double)m->n;
  m->squares += delta * (x - m->mean);
  assert(!(m->squares < 0));
}

double cl_moments_variance(const struct cl_moments *m) {
  return m->n < 2 ? 0 : m->squares / (double)(m->n - 1);
}
