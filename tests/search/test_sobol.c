#include "driver.h"
#include "search/sobol_numbers.h"

#define DIMENSIONS CL_SOBOL_DIMENSIONS

static uint32_t directions[DIMENSIONS * CL_SOBOL_BITS];

static void the_first_points_are_the_known_ones(void **state) {
  (void)state;
  static const double known[9][3] = {{0, 0, 0},          {.5, .5, .5},       {.75, .25, .25},
                                     {.25, .75, .75},    {.375, .375, .625}, {.875, .875, .125},
                                     {.625, .125, .875}, {.125, .625, .375}, {.1875, .3125, .9375}};
  for (uint32_t i = 0; i < 9; i++)
    for (int j = 0; j < 3; j++)
      assert_true(cl_sobol_point(directions + j * CL_SOBOL_BITS, i) * 0x1p-32 == known[i][j]);
}

static void the_scramble_has_its_known_values(void **state) {
  (void)state;
  assert_int_equal(cl_sobol_scramble(0, 0x12345678), 0x1679d7f6);
  assert_int_equal(cl_sobol_scramble(0x80000000u, 0x12345678), 0x87e32b06);
  assert_int_equal(cl_sobol_scramble(0x40000000u, 0x12345678), 0x557b3322);
}

static void each_degree_has_its_number_of_primitive_polynomials(void **state) {
  (void)state;
  static const int expected[] = {0, 1, 1, 2, 2, 6, 6, 18, 16, 48, 60, 176, 144, 630}; /* phi(2^s - 1) / s */
  int count[14] = {0};
  uint32_t p = 0;
  for (int j = 2; j <= DIMENSIONS; j++) {
    p = cl_sobol_next_polynomial(p);
    count[31 - __builtin_clz(p)]++;
  }
  for (int s = 1; s <= 13; s++) assert_int_equal(count[s], expected[s]);
}

/* Each aligned block of 2^k points has one point in every interval of length 2^-k, in each dimension. */
static void check_blocks(int dimension, bool scrambled, uint32_t s) {
  const uint32_t *v = directions + dimension * CL_SOBOL_BITS;
  for (int k = 0; k <= 7; k++) {
    for (uint32_t block = 0; block < 5; block++) {
      bool seen[128] = {false};
      for (uint32_t i = 0; i < 1u << k; i++) {
        uint32_t x = cl_sobol_point(v, (block << k) + i);
        if (scrambled) x = cl_sobol_scramble(x, s);
        uint32_t interval = k == 0 ? 0 : x >> (32 - k);
        assert_false(seen[interval]);
        seen[interval] = true;
      }
    }
  }
}

static void aligned_blocks_fill_every_interval_once(void **state) {
  (void)state;
  struct cl_rng r = cl_rng_stream(4, CL_RNG_USER, 0, 0);
  for (int j = 0; j < DIMENSIONS; j++) {
    check_blocks(j, false, 0);
    check_blocks(j, true, (uint32_t)cl_rng_bits(&r));
  }
}

/* A (0,m,2)-net in base 2: every box of 2^-a by 2^-(m-a) has one of 2^m points. */
static void the_first_two_dimensions_are_a_net(void **state) {
  (void)state;
  struct cl_rng r = cl_rng_stream(9, CL_RNG_USER, 0, 0);
  for (int round = 0; round < 20; round++) {
    uint32_t s0 = (uint32_t)cl_rng_bits(&r), s1 = (uint32_t)cl_rng_bits(&r);
    for (int a = 0, m = 8; a <= m; a++) {
      bool seen[256] = {false};
      for (uint32_t i = 0; i < 1u << m; i++) {
        uint32_t x = cl_sobol_point(directions, i), y = cl_sobol_point(directions + CL_SOBOL_BITS, i);
        if (round > 0) {
          x = cl_sobol_scramble(x, s0);
          y = cl_sobol_scramble(y, s1);
        }
        uint32_t column = a == 0 ? 0 : x >> (32 - a), row = a == m ? 0 : y >> (32 - (m - a));
        uint32_t box = column << (m - a) | row;
        assert_false(seen[box]);
        seen[box] = true;
      }
    }
  }
}

/* Share of empty boxes of 16 x 16 among 2^13 points; even points leave none, a bad pair leaves most empty. */
static int empty_boxes(int a, int b) {
  bool seen[256] = {false};
  int empty = 256;
  for (uint32_t i = 0; i < 1u << 13; i++) {
    uint32_t x = cl_sobol_point(directions + a * CL_SOBOL_BITS, i) >> 28;
    uint32_t y = cl_sobol_point(directions + b * CL_SOBOL_BITS, i) >> 28;
    empty -= !seen[x << 4 | y];
    seen[x << 4 | y] = true;
  }
  return empty;
}

static void almost_all_pairs_of_dimensions_are_spread(void **state) {
  (void)state;
  int bad = 0, early = 0;
  for (int j = 1; j < 60; j++)
    for (int i = 0; i < j; i++) {
      bad += empty_boxes(i, j) > 0;
      early += j < 16 && empty_boxes(i, j) > 0;
    }
  assert_int_equal(early, 0);
  assert_true(bad < 18); /* 1 % of 1770 pairs */
}

static void integration_beats_random_points(void **state) {
  (void)state;
  enum { D = 10, N = 4096 };
  double sobol = 0, random = 0;
  struct cl_rng r = cl_rng_stream(1, CL_RNG_USER, 0, 0);
  for (uint32_t i = 0; i < N; i++) {
    double f = 1, g = 1; /* product of (1 + (2 u - 1) / j): integral 1 */
    for (int j = 0; j < D; j++) {
      uint32_t x =
          cl_sobol_scramble(cl_sobol_point(directions + j * CL_SOBOL_BITS, i), 0x9E3779B9u * (uint32_t)j);
      f *= 1 + (2 * (x * 0x1p-32) - 1) / (j + 1);
      g *= 1 + (2 * cl_rng_uniform(&r) - 1) / (j + 1);
    }
    sobol += f / N;
    random += g / N;
  }
  assert_true(fabs(sobol - 1) < 1e-3);
  assert_true(fabs(sobol - 1) < fabs(random - 1) / 5);
}

static const char mixed[] =
    "{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1},"
    "{\"id\": 2, \"name\": \"b\", \"domain\": \"unordered\", \"values\": [\"p\", \"q\", \"r\", \"s\"]},"
    "{\"id\": 3, \"name\": \"seed\", \"domain\": \"int\", \"lo\": 0, \"hi\": 65535, \"drawn\": true},"
    "{\"id\": 4, \"name\": \"c\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1, \"parent\": \"b\", \"when\": [\"p\"]}";

static void the_number_of_the_searched_proposal_is_the_index(void **state) {
  (void)state;
  struct driver d = driver_begin(
      mixed,
      ", \"trials\": 100, \"search\": {\"method\": \"sobol\", \"scramble\": \"none\"}, \"enqueue\": [{\"a\": 0.3}]",
      8);
  struct cl_value v[4];
  assert_int_equal(driver_ask(&d, v), 0); /* the enqueued point uses up none of the sequence */
  assert_true(v[0].as.real == 0.3);
  static const double a[] = {0, .5, .75, .25, .375, .875, .625, .125};
  for (int i = 0; i < 8; i++) {
    assert_int_equal(driver_ask(&d, v), 0);
    assert_true(v[0].as.real == a[i]);
  }
  driver_verify_all(&d);
  driver_end(&d);
}

static void discrete_values_get_equal_bins_and_seeds_are_drawn(void **state) {
  (void)state;
  struct driver d = driver_begin(mixed, ", \"trials\": 1000, \"search\": {\"method\": \"sobol\"}", 8);
  int count[4] = {0};
  int64_t last = -1;
  for (int i = 0; i < 256; i++) {
    struct cl_value v[4];
    assert_int_equal(driver_ask(&d, v), 0);
    count[cl_space_level_of(&cl_study_space(d.study)->items[1], v[1])]++;
    assert_int_equal(v[3].kind == CL_ABSENT, strcmp(v[1].as.text, "p") != 0);
    assert_true(v[2].as.integer != last);
    last = v[2].as.integer;
  }
  for (int k = 0; k < 4; k++) assert_int_equal(count[k], 64);
  driver_end(&d);
}

static void a_point_that_breaks_a_constraint_becomes_a_random_draw(void **state) {
  (void)state;
  struct driver d = driver_begin(
      mixed, ", \"trials\": 1000, \"search\": {\"method\": \"sobol\"}, \"constraints\": [\"a < 0.5\"]", 8);
  int replaced = 0;
  for (int i = 0; i < 200; i++) {
    struct cl_value v[4];
    assert_int_equal(driver_ask(&d, v), 0);
    assert_true(v[0].as.real < 0.5);
    replaced += strstr(d.log[d.n - 1]->args, "redraws") != NULL;
  }
  assert_int_equal(replaced, 100);
  driver_verify_all(&d);
  driver_end(&d);
}

int main(void) {
  cl_sobol_directions(DIMENSIONS, directions);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_points_are_the_known_ones),
      cmocka_unit_test(the_scramble_has_its_known_values),
      cmocka_unit_test(each_degree_has_its_number_of_primitive_polynomials),
      cmocka_unit_test(aligned_blocks_fill_every_interval_once),
      cmocka_unit_test(the_first_two_dimensions_are_a_net),
      cmocka_unit_test(almost_all_pairs_of_dimensions_are_spread),
      cmocka_unit_test(integration_beats_random_points),
      cmocka_unit_test(the_number_of_the_searched_proposal_is_the_index),
      cmocka_unit_test(discrete_values_get_equal_bins_and_seeds_are_drawn),
      cmocka_unit_test(a_point_that_breaks_a_constraint_becomes_a_random_draw),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
