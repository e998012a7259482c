#include "search/sobol_numbers.h"

#include <assert.h>
#include <stdbool.h>

#include "base/rng.h"

static int degree_of(uint32_t polynomial) {
  assert(polynomial >= 2);
  return 31 - __builtin_clz(polynomial);
}

/* a * b modulo p over GF(2); a and b are reduced. */
static uint32_t multiply(uint32_t a, uint32_t b, uint32_t p) {
  uint32_t top = UINT32_C(1) << degree_of(p), product = 0;
  assert(a < top && b < top);
  for (; b != 0; b >>= 1) {
    if (b & 1) product ^= a;
    a <<= 1;
    if (a & top) a ^= p;
  }
  return product;
}

/* x^n modulo p. */
static uint32_t power_of_x(uint32_t n, uint32_t p) {
  uint32_t result = 1, square = p == 3 ? 1 : 2; /* x is 1 modulo x + 1 */
  for (; n != 0; n >>= 1) {
    if (n & 1) result = multiply(result, square, p);
    square = multiply(square, square, p);
  }
  return result;
}

/* x has the full order 2^s - 1: it has that power 1, and no power (2^s - 1) / q for a prime q. */
static bool is_primitive(uint32_t p) {
  uint32_t order = (UINT32_C(1) << degree_of(p)) - 1, rest = order;
  if (power_of_x(order, p) != 1) return false;
  for (uint32_t q = 2; rest > 1; q++) {
    if (rest % q != 0) continue;
    if (power_of_x(order / q, p) == 1) return false;
    while (rest % q == 0) rest /= q;
  }
  return true;
}

uint32_t cl_sobol_next_polynomial(uint32_t polynomial) {
  uint32_t p = polynomial == 0 ? 3 : polynomial + 2; /* the constant term is always there */
  while (!is_primitive(p)) p += 2;
  assert(degree_of(p) <= 13);
  return p;
}

/* The i-th initial number: odd, below 2^i. */
static uint32_t initial_number(int dimension, unsigned choice, int i) {
  assert(i >= 1 && i <= 13);
  if (dimension <= 3) return i == 1 ? 1 : 3;
  uint64_t bits = cl_mix64((uint64_t)dimension << 32 | (uint64_t)choice << 8 | (uint64_t)i);
  return (uint32_t)(bits >> 32) % (UINT32_C(1) << (i - 1)) * 2 + 1;
}

void cl_sobol_direction(int dimension, uint32_t polynomial, unsigned choice, uint32_t ret[CL_SOBOL_BITS]) {
  assert(dimension >= 1 && dimension <= CL_SOBOL_DIMENSIONS);
  if (dimension == 1) {
    for (int k = 0; k < CL_SOBOL_BITS; k++) ret[k] = UINT32_C(1) << (31 - k);
    return;
  }
  int s = degree_of(polynomial);
  assert(s >= 1 && (polynomial & 1) != 0);
  for (int k = 0; k < s; k++) ret[k] = initial_number(dimension, choice, k + 1) << (31 - k);
  for (int k = s; k < CL_SOBOL_BITS; k++) {
    ret[k] = ret[k - s] ^ (ret[k - s] >> s);
    for (int i = 1; i < s; i++)
      if (polynomial >> (s - i) & 1) ret[k] ^= ret[k - i];
  }
}

void cl_sobol_directions(int dimensions, uint32_t *ret) {
  uint32_t polynomial = 0;
  for (int j = 1; j <= dimensions; j++) {
    if (j > 1) polynomial = cl_sobol_next_polynomial(polynomial);
    cl_sobol_direction(j, polynomial, cl_sobol_choices[j - 1], ret + (j - 1) * CL_SOBOL_BITS);
  }
}

static uint32_t reverse_bits(uint32_t x) {
  x = __builtin_bswap32(x);
  x = (x >> 4 & 0x0F0F0F0Fu) | (x & 0x0F0F0F0Fu) << 4;
  x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
  return (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
}

/* A nested uniform scramble: each bit is flipped by a hash of the bits above it and of s. */
uint32_t cl_sobol_scramble(uint32_t x, uint32_t s) {
  x = reverse_bits(x);
  x ^= x * 0x3d20adeau;
  x += s;
  x *= (s >> 16) | 1;
  x ^= x * 0x05526c56u;
  x ^= x * 0x53a22864u;
  return reverse_bits(x);
}

uint32_t cl_sobol_point(const uint32_t directions[CL_SOBOL_BITS], uint32_t index) {
  uint32_t gray = index ^ (index >> 1), x = 0;
  for (; gray != 0; gray &= gray - 1) x ^= directions[__builtin_ctz(gray)];
  return x;
}
