/* What DGD is for: finding a good configuration under noise. Bands from an independent program (origins 1.3).
 */
#include "../model/cmocka_all.h"
#include "noisy.h"

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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dgd_chooses_far_better_than_random_after_500_trials),
      cmocka_unit_test(dgd_is_no_worse_than_random_after_100_trials),
      cmocka_unit_test(the_xt_variant_is_as_weak_as_xt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
