#include "math/distribution.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#define LOG_SQRT_2PI 0.91893853320467274178
#define SQRT_2PI     2.50662827463100050242

/* Without the global sign that lgamma sets. */
static double log_gamma(double x) {
  int sign = 0;
  return lgamma_r(x, &sign);
}

double cl_normal_density(double z) {
  return exp(-0.5 * z * z) / SQRT_2PI;
}

double cl_normal_below(double z) {
  return 0.5 * erfc(-z * M_SQRT1_2);
}

/* ln(1 - 1/z^2 + 3/z^4 - 15/z^6 ...): what the lower tail differs by from density / |z|. */
static double log_tail_series(double z) {
  double term = 1, sum = 1, step = 1 / (z * z);
  for (int k = 1; k < 60; k++) {
    double next = -term * (2 * k - 1) * step;
    if (fabs(next) >= fabs(term) || fabs(next) < 1e-17) break;
    term = next;
    sum += term;
  }
  assert(sum > 0 && sum <= 1);
  return log(sum);
}

double cl_normal_log_below(double z) {
  if (z > 6) return log1p(-cl_normal_below(-z));
  if (z > -20) return log(cl_normal_below(z));
  return -0.5 * z * z - log(-z) - LOG_SQRT_2PI + log_tail_series(z);
}

/* The continued fraction of the incomplete beta function, by Lentz's rule. Converges fast for x < (a + 1) /
 * (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
  const double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  if (fabs(d) < tiny) d = tiny;
  d = 1 / d;
  double h = d;
  for (int m = 1; m <= 10000; m++) {
    double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (int part = 0; part < 2; part++) {
      double numerator = part == 0 ? even : odd;
      d = 1 + numerator * d;
      c = 1 + numerator / c;
      if (fabs(d) < tiny) d = tiny;
      if (fabs(c) < tiny) c = tiny;
      d = 1 / d;
      h *= d * c;
    }
    if (fabs(d * c - 1) < 1e-16) break;
  }
  return h;
}

/* I_x(a, b), with 1 - x given apart so that neither end loses digits. */
static double beta_below(double a, double b, double x, double one_minus_x) {
  assert(x >= 0 && one_minus_x >= 0);
  if (x == 0 || one_minus_x == 0) return x == 0 ? 0 : 1;
  double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log(one_minus_x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, one_minus_x) / b;
}

double cl_student_below(double t, double df) {
  assert(df > 0 && !isnan(t));
  if (isinf(t)) return t > 0 ? 1 : 0;
  double total = df + t * t;
  double outside = isinf(total) ? 0 : beta_below(df / 2, 0.5, df / total, t * t / total); /* P(|T| > |t|) */
  return t > 0 ? 1 - outside / 2 : outside / 2;
}

static double student_density(double t, double df) {
  double log_top = log_gamma((df + 1) / 2) - log_gamma(df / 2) - 0.5 * log(df * M_PI);
  return exp(log_top - (df + 1) / 2 * log1p(t * t / df));
}

double cl_student_quantile(double p, double df) {
  assert(p > 0 && p < 1 && df >= 1);
  if (p == 0.5) return 0;
  bool upper = p > 0.5; /* the lower tail keeps its digits, so look there */
  double wanted = upper ? 1 - p : p, lo = -1, hi = 0;
  while (cl_student_below(lo, df) > wanted && lo > -1e300) lo *= 2;
  double t = lo / 2;
  for (int step = 0; step < 100 && hi - lo > 1e-15 * fabs(lo); step++) {
    double error = cl_student_below(t, df) - wanted;
    if (error > 0)
      hi = t;
    else
      lo = t;
    double next = t - error / student_density(t, df);
    if (fabs(next - t) <= 1e-15 * fabs(t)) break;
    t = next > lo && next < hi ? next : lo + (hi - lo) / 2;
  }
  return upper ? -t : t;
}
