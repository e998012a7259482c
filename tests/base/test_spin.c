/* Staying awake for what comes at once. Times are given, none are measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/spin.h"

/* Waits for something that comes so much later; how often it was looked for awake, each look taking 7 us. */
static int wait_for(struct cl_spin *s, int64_t *now_us, int64_t comes_after_us) {
  int64_t there_us = *now_us + comes_after_us;
  int looks = 0;
  cl_spin_begin(s, *now_us);
  while (*now_us < there_us && cl_spin_goes_on(s, *now_us)) {
    looks++;
    *now_us += 7;
  }
  if (*now_us < there_us) *now_us = there_us;
  cl_spin_end(s, *now_us);
  *now_us += 1213; /* of work */
  return looks;
}

static void after_one_that_came_soon_the_next_is_waited_for_awake(void **state) {
  (void)state;
  struct cl_spin s = {.processors = 2};
  int64_t now_us = 987654321;
  assert_int_equal(wait_for(&s, &now_us, 35), 0);
  assert_int_equal(wait_for(&s, &now_us, 35), 5);
  assert_int_equal(wait_for(&s, &now_us, CL_SPIN_US - 1), 10);
  assert_int_equal(wait_for(&s, &now_us, 3), 1);
}

static void what_comes_late_is_slept_for(void **state) {
  (void)state;
  struct cl_spin s = {.processors = 16};
  int64_t now_us = 0;
  for (int i = 0; i < 100; i++) assert_int_equal(wait_for(&s, &now_us, CL_SPIN_SOON_US + i), 0);
}

static void what_is_waited_for_in_vain_is_slept_for_many_times(void **state) {
  (void)state;
  struct cl_spin s = {.processors = 2};
  int64_t now_us = 17;
  (void)wait_for(&s, &now_us, 41);
  assert_int_equal(wait_for(&s, &now_us, 90017), 10); /* CL_SPIN_US, and not a look more */
  /* that one, and the others; then one that comes soon is noticed */
  for (int i = 1; i < CL_SPIN_NAPS; i++) assert_int_equal(wait_for(&s, &now_us, 41), 0);
  assert_int_equal(wait_for(&s, &now_us, 41), 0);
  assert_int_equal(wait_for(&s, &now_us, 41), 6);
}

/* Between sleeping through a wait and staying awake for it in vain: at worst one in so many is paid for. */
static void staying_awake_in_vain_is_bounded(void **state) {
  (void)state;
  struct cl_spin s = {.processors = 2};
  int64_t now_us = 5;
  int looks = 0, n = 50 * (CL_SPIN_NAPS + 1);
  for (int i = 0; i < n; i++) looks += wait_for(&s, &now_us, CL_SPIN_US + 40);
  assert_in_range(looks, 1, n / CL_SPIN_NAPS * (CL_SPIN_US / 7));
}

static void one_processor_is_never_kept_awake(void **state) {
  (void)state;
  struct cl_spin one = {.processors = 1}, zeroed = {0};
  int64_t now_us = 100;
  for (int i = 0; i < 50; i++) {
    assert_int_equal(wait_for(&one, &now_us, 3), 0);
    assert_int_equal(wait_for(&zeroed, &now_us, 3), 0);
  }
}

static void the_processors_are_those_of_the_process(void **state) {
  (void)state;
  struct cl_spin s;
  cl_spin_init(&s);
  assert_true(s.processors >= 1);
  assert_false(s.eager);
  assert_int_equal(s.naps, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(after_one_that_came_soon_the_next_is_waited_for_awake),
      cmocka_unit_test(what_comes_late_is_slept_for),
      cmocka_unit_test(what_is_waited_for_in_vain_is_slept_for_many_times),
      cmocka_unit_test(staying_awake_in_vain_is_bounded),
      cmocka_unit_test(one_processor_is_never_kept_awake),
      cmocka_unit_test(the_processors_are_those_of_the_process),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
