/* Searches the small numbers of src/search/sobol_choices.c and writes that file to standard output.
 *
 *   ninja -C build bench/sobol_choices && build/bench/sobol_choices > src/search/sobol_choices.c
 *
 * Dimension by dimension, CANDIDATES choices are tried. One must keep Sobol's property A (2^d points, one in
 * each octant, for the first d <= 32 dimensions). Among those, the least sum over earlier dimensions of 4^t
 * is taken, t the quality parameter of the 2-d projection with 2^m points, for five m. When no choice keeps
 * property A, the dimension before takes another one. All earlier dimensions count up to dimension FULL, then
 * the WINDOW before. 1111 dimensions take 40 seconds.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "search/sobol_numbers.h"

enum { FULL = 120, WINDOW = 60, CANDIDATES = 600, CANDIDATES_LATE = 24, CHOICES = 4000 };

static uint32_t directions[CL_SOBOL_DIMENSIONS][CL_SOBOL_BITS];

/* Row r of the generator matrix with m columns: bit k = the r-th bit of V_k. */
static void fill_rows(const uint32_t *v, int m, uint32_t *ret) {
  for (int r = 0; r < m; r++) {
    ret[r] = 0;
    for (int k = 0; k < m; k++) ret[r] |= (v[k] >> (31 - r) & 1) << k;
  }
}

/* Reduce x by a basis in which basis[b] has b as its highest bit; adds what is left. */
static bool add_to_basis(uint32_t *basis, uint32_t x) {
  while (x != 0) {
    int top = 31 - __builtin_clz(x);
    if (basis[top] == 0) {
      basis[top] = x;
      return true;
    }
    x ^= basis[top];
  }
  return false;
}

/* t of the projection: m - (largest k such that any k1 + k2 = k first rows of both are independent). */
static int quality(const uint32_t *a, const uint32_t *b, int m) {
  uint32_t rows_a[32], rows_b[32], basis_a[32] = {0};
  fill_rows(a, m, rows_a);
  fill_rows(b, m, rows_b);
  int least = m;
  for (int k1 = 0; k1 <= m && k1 < least; k1++) {
    uint32_t basis[32];
    memcpy(basis, basis_a, sizeof basis);
    int k2 = 0;
    while (k1 + k2 < m && add_to_basis(basis, rows_b[k2])) k2++;
    if (k1 + k2 < least) least = k1 + k2;
    if (k1 < m) (void)add_to_basis(basis_a, rows_a[k1]);
  }
  return m - least;
}

static long badness(int dimension, const uint32_t *v) {
  static const int sizes[] = {4, 7, 10, 13, 16};
  int first = dimension <= FULL ? 1 : dimension - WINDOW;
  long sum = 0;
  for (int other = first; other < dimension; other++)
    for (int i = 0; i < 5; i++) sum += 1L << 2 * quality(directions[other - 1], v, sizes[i]);
  return sum;
}

/* Property A, for as many dimensions as points have bits: the matrix of the first bits of the first d
 * direction numbers of the first d dimensions is regular for every d. One growing echelon form; bit k =
 * V_(k+1). */
static uint32_t echelon[CL_SOBOL_BITS];

static bool keeps_property_a(int dimension, const uint32_t *v, uint32_t *ret_row) {
  *ret_row = 0;
  if (dimension > CL_SOBOL_BITS) return true;
  for (int k = 0; k < CL_SOBOL_BITS; k++) *ret_row |= (v[k] >> 31) << k;
  for (int j = 0; j < dimension - 1; j++)
    if (*ret_row >> j & 1) *ret_row ^= echelon[j];
  return *ret_row >> (dimension - 1) & 1;
}

static unsigned choices[CL_SOBOL_DIMENSIONS];
static bool refused[CL_SOBOL_BITS + 1][CHOICES]; /* led to a dimension that cannot keep property A */

static bool search(int dimension, uint32_t polynomial) {
  int tries = dimension <= FULL ? CANDIDATES : CANDIDATES_LATE, legal = 0;
  long best = -1;
  for (unsigned choice = 0; legal < tries && choice < CHOICES; choice++) {
    uint32_t v[CL_SOBOL_BITS];
    uint32_t row = 0;
    cl_sobol_direction(dimension, polynomial, choice, v);
    if (!keeps_property_a(dimension, v, &row)) continue;
    if (dimension <= CL_SOBOL_BITS && refused[dimension][choice]) continue;
    legal++;
    long sum = badness(dimension, v);
    if (best >= 0 && sum >= best) continue;
    best = sum;
    choices[dimension - 1] = choice;
    if (dimension <= CL_SOBOL_BITS) echelon[dimension - 1] = row;
    memcpy(directions[dimension - 1], v, sizeof v);
  }
  return best >= 0;
}

int main(void) {
  static uint32_t polynomials[CL_SOBOL_DIMENSIONS + 1]; /* by dimension */
  for (int j = 2; j <= CL_SOBOL_DIMENSIONS; j++)
    polynomials[j] = cl_sobol_next_polynomial(polynomials[j - 1]);
  cl_sobol_direction(1, 0, 0, directions[0]);
  echelon[0] = 1; /* only V_1 has its first bit */
  for (int j = 2; j <= CL_SOBOL_DIMENSIONS; j++) {
    if (search(j, polynomials[j])) continue;
    memset(refused[j], 0, sizeof refused[j]); /* back to the dimension before, with another choice there */
    j--;
    refused[j][choices[j - 1]] = true;
    j--;
  }
  printf("/* Written by bench/sobol_choices.c: do not edit. */\n#include \"search/sobol_numbers.h\"\n\n"
         "const uint16_t cl_sobol_choices[CL_SOBOL_DIMENSIONS] = {");
  for (int j = 0; j < CL_SOBOL_DIMENSIONS; j++) printf("%s%u,", j % 20 == 0 ? "\n    " : " ", choices[j]);
  printf("\n};\n");
  return 0;
}
