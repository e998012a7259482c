/* Novelty selection on vectors whose order is known from the authors' code. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schedule/novelty.h"

static const double behaviour[8][2] = {{1, 1},   {1.1, 0.9}, {0.9, 1.1}, {10, 10},
                                       {11, 11}, {10, 11},   {11, 10},   {9, 9}};

static void order_is_that_of_the_authors(void **state) {
  (void)state;
  const struct cl_novelty x = {.multiplier = 2, .removed = 0.2};
  static const uint32_t expected[8] = {0, 1, 7, 4, 3, 6, 5, 2};
  uint32_t order[8];
  size_t parents, candidates;
  cl_novelty_count(&x, 8, &parents, &candidates);
  assert_int_equal(parents, 6);
  assert_int_equal(candidates, 8);
  assert_int_equal(cl_novelty_order(&x, &behaviour[0][0], 8, 2, order, NULL), 0);
  assert_memory_equal(order, expected, sizeof order);
}

static void one_times_as_many_candidates_select_nothing(void **state) {
  (void)state;
  const struct cl_novelty x = {.multiplier = 1, .removed = 0.2};
  uint32_t order[8];
  assert_int_equal(cl_novelty_order(&x, &behaviour[0][0], 8, 2, order, NULL), 0);
  for (uint32_t i = 0; i < 8; i++) assert_int_equal(order[i], i);
}

/* Half are parents, a quarter more compete: the last two keep their ranks, whatever they do. */
static void only_candidates_compete(void **state) {
  (void)state;
  const struct cl_novelty x = {.multiplier = 1.5, .removed = 0.5};
  double b[8] = {5, 5.25, 5.5, 5.125, 5.0625, 90, 1000, -1000};
  static const uint32_t expected[8] = {0, 5, 4, 2, 1, 3, 6, 7};
  uint32_t order[8];
  size_t parents, candidates;
  cl_novelty_count(&x, 8, &parents, &candidates);
  assert_int_equal(parents, 4);
  assert_int_equal(candidates, 6);
  assert_int_equal(cl_novelty_order(&x, b, 8, 1, order, NULL), 0);
  assert_memory_equal(order, expected, sizeof order);
}

static void what_is_not_finite_counts_as_zero(void **state) {
  (void)state;
  const struct cl_novelty x = {.multiplier = 2, .removed = 0.2};
  double clean[5][2] = {{3, 1}, {0, 2}, {5, 0}, {0.5, 2.5}, {7, 7}}, dirty[5][2];
  uint32_t order[5], other[5];
  memcpy(dirty, clean, sizeof clean);
  dirty[1][0] = NAN;
  dirty[2][1] = INFINITY;
  assert_int_equal(cl_novelty_order(&x, &clean[0][0], 5, 2, order, NULL), 0);
  assert_int_equal(cl_novelty_order(&x, &dirty[0][0], 5, 2, other, NULL), 0);
  assert_memory_equal(order, other, sizeof order);
}

static void at_least_two_become_parents(void **state) {
  (void)state;
  const struct cl_novelty x = {.multiplier = 4, .removed = 0.9};
  size_t parents, candidates;
  cl_novelty_count(&x, 7, &parents, &candidates);
  assert_int_equal(parents, 2);
  assert_int_equal(candidates, 3);
  cl_novelty_count(&x, 1, &parents, &candidates);
  assert_int_equal(parents, 1);
  cl_novelty_count(&(struct cl_novelty){.multiplier = 1, .removed = 0.5}, 5, &parents, &candidates);
  assert_int_equal(parents, 2); /* 2.5: to even */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(order_is_that_of_the_authors),
      cmocka_unit_test(one_times_as_many_candidates_select_nothing),
      cmocka_unit_test(only_candidates_compete),
      cmocka_unit_test(what_is_not_finite_counts_as_zero),
      cmocka_unit_test(at_least_two_become_parents),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
