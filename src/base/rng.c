#include "base/rng.h"

#include <assert.h>
#include <math.h>
#include <Random123/philox.h>

static inline void fill_block(const uint32_t counter[4], const uint32_t key[2], uint32_t ret[4]) {
  philox4x32_ctr_t c = {{counter[0], counter[1], counter[2], counter[3]}};
  philox4x32_key_t k = {{key[0], key[1]}};
  philox4x32_ctr_t out = philox4x32(c, k);
  for (int i = 0; i < 4; i++) ret[i] = out.v[i];
}

void cl_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t ret[4]) {
  fill_block(counter, key, ret);
}

struct cl_rng cl_rng_stream(uint64_t seed, enum cl_purpose purpose, uint64_t trial, uint32_t sub) {
  assert(trial < (UINT64_C(1) << 40));
  assert(purpose >= CL_RNG_RANDOM && purpose <= CL_RNG_CONFIRM);
  uint64_t key = cl_mix64(cl_mix64(seed) + (uint64_t)purpose);
  return (struct cl_rng){.key = {(uint32_t)key, (uint32_t)(key >> 32)},
                         .counter = {0, sub, (uint32_t)trial, (uint32_t)(trial >> 32)},
                         .used = 4};
}

uint64_t cl_rng_bits(struct cl_rng *r) {
  assert(r->used >= 0 && r->used <= 4 && r->used % 2 == 0); /* words leave in pairs */
  if (r->used >= 4) {
    fill_block(r->counter, r->key, r->words);
    r->counter[0]++;
    r->used = 0;
  }
  uint64_t low = r->words[r->used], high = r->words[r->used + 1];
  r->used += 2;
  return (high << 32) | low;
}

double cl_rng_uniform(struct cl_rng *r) {
  return (double)(cl_rng_bits(r) >> 11) * 0x1p-53;
}

double cl_rng_open(struct cl_rng *r) {
  return ((double)(cl_rng_bits(r) >> 12) + 0.5) * 0x1p-52;
}

double cl_rng_normal(struct cl_rng *r) {
  return cl_normal_quantile(cl_rng_open(r));
}

uint64_t cl_rng_below(struct cl_rng *r, uint64_t n) {
  assert(n >= 1);
  __extension__ typedef unsigned __int128 wide;
  return (uint64_t)(((wide)cl_rng_bits(r) * n) >> 64);
}

size_t cl_rng_choice(struct cl_rng *r, const double *weights, size_t n) {
  assert(n >= 1);
  double total = 0, sum = 0;
  for (size_t i = 0; i < n; i++) total += weights[i];
  assert(total > 0 && isfinite(total));
  double target = cl_rng_uniform(r) * total;
  size_t last = 0;
  for (size_t i = 0; i < n; i++) {
    assert(weights[i] >= 0);
    sum += weights[i];
    if (weights[i] > 0) last = i;
    if (sum > target) return i;
  }
  return last;
}

void cl_rng_shuffle(struct cl_rng *r, uint32_t *items, size_t n) {
  assert(items != NULL || n == 0);
  for (size_t i = n; i > 1; i--) {
    size_t j = (size_t)cl_rng_below(r, i);
    uint32_t swap = items[i - 1];
    items[i - 1] = items[j];
    items[j] = swap;
  }
}

/* Wichura's AS 241 (PPND16): rational approximations around the centre and in two tail ranges. */
static double ratio(const double *a, const double *b, double x) {
  double p = a[7], q = b[7];
  for (int i = 6; i >= 0; i--) {
    p = p * x + a[i];
    q = q * x + b[i];
  }
  return p / q;
}

double cl_normal_quantile(double p) {
  static const double a[8] = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                              1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                              3.3430575583588128105e4, 2.5090809287301226727e3};
  static const double b[8] = {1.0,
                              4.2313330701600911252e1,
                              6.8718700749205790830e2,
                              5.3941960214247511077e3,
                              2.1213794301586595867e4,
                              3.9307895800092710610e4,
                              2.8729085735721942674e4,
                              5.2264952788528545610e3};
  static const double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                              3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                              2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static const double d[8] = {1.0,
                              2.05319162663775882187e0,
                              1.67638483018380384940e0,
                              6.89767334985100004550e-1,
                              1.48103976427480074590e-1,
                              1.51986665636164571966e-2,
                              5.47593808499534494600e-4,
                              1.05075007164441684324e-9};
  static const double e[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                              2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                              2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static const double f[8] = {1.0,
                              5.99832206555887937690e-1,
                              1.36929880922735805310e-1,
                              1.48753612908506148525e-2,
                              7.86869131145613259100e-4,
                              1.84631831751005468180e-5,
                              1.42151175831644588870e-7,
                              2.04426310338993978564e-15};
  assert(p > 0 && p < 1);
  double q = p - 0.5;
  if (fabs(q) <= 0.425) return q * ratio(a, b, 0.180625 - q * q);
  double r = sqrt(-log(q < 0 ? p : 1 - p));
  double x = r <= 5 ? ratio(c, d, r - 1.6) : ratio(e, f, r - 5);
  return q < 0 ? -x : x;
}
