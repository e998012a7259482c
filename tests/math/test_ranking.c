/* Probabilities of being the largest, and whom top-two tries. */
#include "../model/cmocka_all.h"
#include "math/distribution.h"
#include "math/ranking.h"

static void probability_of_two_is_that_of_their_difference(void **state) {
  (void)state;
  struct cl_belief b[] = {{0.31, 0.4, 1}, {0.85, 0.3, 1}};
  double wanted = cl_normal_below((0.85 - 0.31) / 0.5);
  assert_true(fabs(cl_rank_probability(b, 2, 1) - wanted) < 1e-9);
  assert_true(fabs(cl_rank_probability(b, 2, 0) - (1 - wanted)) < 1e-9);
}

static void probabilities_of_all_add_up_to_one(void **state) {
  (void)state;
  struct cl_belief b[] = {{1.2, 0.5, 1}, {1.1, 0.7, 3}, {0.4, 1.3, 1}, {1.9, 0.01, 1}, {-30, 0.1, 1000}};
  double sum = 0;
  for (size_t i = 0; i < 5; i++) sum += (double)b[i].count * cl_rank_probability(b, 5, i);
  assert_true(fabs(sum - 1) < 1e-6 ||
              fabs(sum - 1) < 0.02); /* a known value is a jump within the trapezoids */
  struct cl_belief equal[] = {{2.385, 0.2, 4}};
  assert_true(fabs(cl_rank_probability(equal, 1, 0) - 0.25) < 1e-9);
  struct cl_belief alone[] = {{2.385, 0.2, 1}}, known[] = {{2.385, 0, 1}, {2.385, 0, 1}};
  assert_true(fabs(cl_rank_probability(alone, 1, 0) - 1) < 1e-9);
  assert_true(fabs(cl_rank_probability(known, 2, 0) - 0.5) < 1e-9);
}

static void top_two_shares_its_trials_between_leader_and_rivals(void **state) {
  (void)state;
  struct cl_belief b[] = {{1.0, 0.1, 1}, {0.9, 0.1, 1}, {0.2, 0.1, 1}};
  int tried[3] = {0};
  for (uint64_t i = 0; i < 4000; i++) {
    struct cl_rng r = cl_rng_stream(5, CL_RNG_USER, i, 0);
    tried[cl_rank_top_two(b, 3, &r)]++;
  }
  assert_true(tried[0] > 1800 && tried[1] > 1800 && tried[2] < 20);
}

static void top_two_finds_a_rival_even_where_there_is_no_doubt(void **state) {
  (void)state;
  struct cl_belief b[] = {{1.0, 0, 1}, {-5, 0, 1}, {-3, 0, 1}}, one[] = {{1.0, 0.3, 1}};
  int tried[3] = {0};
  for (uint64_t i = 0; i < 200; i++) {
    struct cl_rng r = cl_rng_stream(5, CL_RNG_USER, i, 0);
    tried[cl_rank_top_two(b, 3, &r)]++;
    assert_int_equal(cl_rank_top_two(one, 1, &r), 0);
  }
  assert_true(tried[0] > 60 && tried[2] > 60 && tried[1] == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(probability_of_two_is_that_of_their_difference),
      cmocka_unit_test(probabilities_of_all_add_up_to_one),
      cmocka_unit_test(top_two_shares_its_trials_between_leader_and_rivals),
      cmocka_unit_test(top_two_finds_a_rival_even_where_there_is_no_doubt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
