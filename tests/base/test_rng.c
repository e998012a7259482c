#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

static void philox_gives_the_published_vectors(void **state) {
  (void)state;
  static const struct {
    uint32_t counter[4], key[2], want[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    uint32_t got[4];
    cl_philox(known[i].counter, known[i].key, got);
    for (int j = 0; j < 4; j++) assert_int_equal(got[j], known[i].want[j]);
  }
}

static void streams_do_not_disturb_each_other(void **state) {
  (void)state;
  struct cl_rng a = cl_rng_stream(7, CL_RNG_RANDOM, 3, 1);
  uint64_t first = cl_rng_bits(&a);
  struct cl_rng b = cl_rng_stream(7, CL_RNG_RANDOM, 3, 2);
  (void)cl_rng_bits(&b);
  struct cl_rng again = cl_rng_stream(7, CL_RNG_RANDOM, 3, 1);
  assert_true(cl_rng_bits(&again) == first);
  assert_true(cl_rng_bits(&a) == cl_rng_bits(&again));
}

/* Chi-square over 256 bins with 2^20 draws: 255 degrees of freedom, mean 255, sd 22.6. */
static double chi_square(int over_trials) {
  enum { BINS = 256, N = 1 << 20 };
  static uint32_t count[BINS];
  for (int i = 0; i < BINS; i++) count[i] = 0;
  for (uint32_t i = 0; i < N; i++) {
    struct cl_rng r = cl_rng_stream(1, CL_RNG_RANDOM, over_trials ? i : 5, over_trials ? 3 : i);
    count[(int)(cl_rng_uniform(&r) * BINS)]++;
  }
  double sum = 0, want = (double)N / BINS;
  for (int i = 0; i < BINS; i++) sum += (count[i] - want) * (count[i] - want) / want;
  return sum;
}

static void neighbouring_streams_are_independent(void **state) {
  (void)state;
  for (int over_trials = 0; over_trials < 2; over_trials++) {
    double chi = chi_square(over_trials);
    assert_true(chi > 255 - 5 * 22.6 && chi < 255 + 5 * 22.6);
  }
}

static void normal_quantile_agrees_with_tables(void **state) {
  (void)state;
  static const double known[][2] = {{0.5, 0},
                                    {0.975, 1.9599639845400545},
                                    {0.001, -3.0902323061678132},
                                    {1e-10, -6.361340902404056},
                                    {0.3, -0.52440051270804067}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    assert_true(fabs(cl_normal_quantile(known[i][0]) - known[i][1]) < 1e-14 * (1 + fabs(known[i][1])));
}

static void draws_stay_in_their_ranges(void **state) {
  (void)state;
  struct cl_rng r = cl_rng_stream(2, CL_RNG_DGD, 1, 0);
  double weights[3] = {0, 2.385, 0};
  uint32_t items[5] = {0, 1, 2, 3, 4};
  for (int i = 0; i < 1000; i++) {
    assert_in_range(cl_rng_below(&r, 7), 0, 6);
    assert_int_equal(cl_rng_choice(&r, weights, 3), 1);
    double u = cl_rng_open(&r);
    assert_true(u > 0 && u < 1);
    cl_rng_shuffle(&r, items, 5);
    uint32_t seen = 0;
    for (int j = 0; j < 5; j++) seen |= 1u << items[j];
    assert_int_equal(seen, 31);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(philox_gives_the_published_vectors),
                                     cmocka_unit_test(streams_do_not_disturb_each_other),
                                     cmocka_unit_test(neighbouring_streams_are_independent),
                                     cmocka_unit_test(normal_quantile_agrees_with_tables),
                                     cmocka_unit_test(draws_stay_in_their_ranges)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
