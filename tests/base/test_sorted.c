#include "base/sorted.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct item {
  int64_t key;
  double load;
};

static const struct item items[] = {{-7, 2.385}, {3, 0.5}, {3, 0.25}, {38, 1.5}, {INT64_MAX, 0.125}};
#define N (sizeof items / sizeof *items)

static void every_place_is_that_of_the_first_item_not_below(void **state) {
  (void)state;
  for (size_t n = 0; n <= N; n++)
    for (int64_t key = -9; key < 41; key++) {
      size_t wanted = 0;
      while (wanted < n && items[wanted].key < key) wanted++;
      assert_int_equal(cl_sorted_place(items, n, sizeof *items, key), wanted);
    }
  assert_int_equal(cl_sorted_place(items, N, sizeof *items, INT64_MAX), 4);
  assert_int_equal(cl_sorted_place(items, N, sizeof *items, INT64_MIN), 0);
}

static void what_is_there_is_found_and_nothing_else(void **state) {
  (void)state;
  assert_ptr_equal(cl_sorted_find(items, N, sizeof *items, 3), &items[1]);
  assert_ptr_equal(cl_sorted_find(items, N, sizeof *items, -7), &items[0]);
  assert_ptr_equal(cl_sorted_find(items, N, sizeof *items, INT64_MAX), &items[4]);
  assert_null(cl_sorted_find(items, N, sizeof *items, 4));
  assert_null(cl_sorted_find(items, N - 1, sizeof *items, INT64_MAX));
  assert_null(cl_sorted_find(items, 0, sizeof *items, -7));
  assert_null(cl_sorted_find(NULL, 0, sizeof *items, 0));
}

static void plain_numbers_are_items_too(void **state) {
  (void)state;
  const int64_t numbers[] = {2, 23, 85};
  assert_ptr_equal(cl_sorted_find(numbers, 3, sizeof *numbers, 85), &numbers[2]);
  assert_null(cl_sorted_find(numbers, 3, sizeof *numbers, 24));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_place_is_that_of_the_first_item_not_below),
                                     cmocka_unit_test(what_is_there_is_found_and_nothing_else),
                                     cmocka_unit_test(plain_numbers_are_items_too)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
