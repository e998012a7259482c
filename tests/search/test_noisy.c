/* What DGD is for: finding a good configuration under noise. Bands from an independent program (origins 1.3).
 */
#include "../model/cmocka_all.h"
#include "noisy.h"
#include "query/best.h"

#define DGD    "{\"method\": \"dgd\"}"
#define XT     "{\"method\": \"dgd\", \"variant\": \"xt\"}"
#define RANDOM "{\"method\": \"random\"}"

static void dgd_chooses_far_better_than_random_after_500_trials(void **state) {
  (void)state;
  double dgd = noisy_mean(DGD, 500, 40, NOISY_BEST_POSTERIOR),
         random = noisy_mean(RANDOM, 500, 40, NOISY_BEST_SCORE);
  print_message("# dgd %.4f, random %.4f\n", dgd, random);
  assert_true(dgd >= 0.040);
  assert_true(dgd >= 1.6 * random);
}

static void dgd_is_no_worse_than_random_after_100_trials(void **state) {
  (void)state;
  double dgd = noisy_mean(DGD, 100, 40, NOISY_BEST_POSTERIOR),
         random = noisy_mean(RANDOM, 100, 40, NOISY_BEST_SCORE);
  print_message("# dgd %.4f, random %.4f\n", dgd, random);
  assert_true(dgd >= random);
}

static void the_xt_variant_is_as_weak_as_xt(void **state) {
  (void)state;
  double few = noisy_mean(XT, 100, 40, NOISY_BEST_MEAN), many = noisy_mean(XT, 500, 40, NOISY_BEST_MEAN);
  print_message("# xt %.4f after 100, %.4f after 500\n", few, many);
  assert_true(fabs(few - 0.007) < 0.005);
  assert_true(fabs(many - 0.023) < 0.005);
}

static void the_best_of_500_random_trials_claims_what_no_fresh_run_keeps(void **state) {
  (void)state;
  enum { STUDIES = 40 };
  double claimed = 0, confirmed = 0;
  for (int64_t seed = 1; seed <= STUDIES; seed++) {
    struct cl_study *study = noisy_search(RANDOM, 500, seed);
    double mean = 0;
    claimed += noisy_claim(study, seed, 20, &mean);
    confirmed += mean;
    cl_study_destroy(study);
  }
  print_message("# claimed %.4f, confirmed %.4f\n", claimed / STUDIES, confirmed / STUDIES);
  assert_true(claimed >= 1.3 * confirmed);
}

static void the_interval_of_best_holds_the_truth_in_nine_studies_of_ten(void **state) {
  (void)state;
  enum { STUDIES = 200 };
  int held = 0;
  for (int64_t seed = 1; seed <= STUDIES; seed++) {
    struct cl_study *study = noisy_search(DGD, 100, seed);
    struct cl_best b;
    assert_int_equal(cl_best_find(study, &b, NULL), 0);
    assert_true(b.has_estimate);
    double truth = noisy_truth_of(study, b.trial);
    held += b.lo <= truth && truth <= b.hi;
    cl_study_destroy(study);
  }
  print_message("# held in %d of %d\n", held, STUDIES);
  assert_in_range(held, 180, 198); /* an interval so wide that it always holds would say nothing */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dgd_chooses_far_better_than_random_after_500_trials),
      cmocka_unit_test(dgd_is_no_worse_than_random_after_100_trials),
      cmocka_unit_test(the_xt_variant_is_as_weak_as_xt),
      cmocka_unit_test(the_best_of_500_random_trials_claims_what_no_fresh_run_keeps),
      cmocka_unit_test(the_interval_of_best_holds_the_truth_in_nine_studies_of_ten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
