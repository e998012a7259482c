#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void every_piece_is_zeroed_aligned_and_keeps_its_bytes(void **state) {
  (void)state;
  enum { PIECES = 997 };
  struct cl_arena a = {0};
  unsigned char *pieces[PIECES];
  for (size_t i = 0; i < PIECES; i++) {
    size_t n = i * 37 % 211;
    pieces[i] = cl_arena_alloc(&a, n);
    assert_non_null(pieces[i]);
    assert_int_equal((uintptr_t)pieces[i] % sizeof(double), 0);
    for (size_t k = 0; k < n; k++) assert_int_equal(pieces[i][k], 0);
    memset(pieces[i], (int)(i % 251 + 1), n);
  }
  for (size_t i = 0; i < PIECES; i++)
    for (size_t k = 0; k < i * 37 % 211; k++) assert_int_equal(pieces[i][k], i % 251 + 1);
  cl_arena_done(&a);
  assert_null(a.last);
}

static void texts_end_with_a_zero_byte(void **state) {
  (void)state;
  struct cl_arena a = {0};
  assert_string_equal(cl_arena_bytes(&a, "momentum", 3), "mom");
  assert_string_equal(cl_arena_text(&a, "lr"), "lr");
  assert_null(cl_arena_text(&a, NULL));
  assert_string_equal(cl_arena_format(&a, "%s=%.3f", "lr", 2.385), "lr=2.385");
  cl_arena_done(&a);
}

static void a_piece_larger_than_a_block_gets_its_own(void **state) {
  (void)state;
  struct cl_arena a = {0};
  char *small = cl_arena_text(&a, "x");
  char *large = cl_arena_alloc(&a, 1000003);
  assert_non_null(large);
  large[1000002] = 'e';
  assert_string_equal(small, "x");
  assert_null(cl_arena_array(&a, SIZE_MAX / 2, 3));
  assert_null(cl_arena_alloc(&a, SIZE_MAX - 7));
  cl_arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_piece_is_zeroed_aligned_and_keeps_its_bytes),
      cmocka_unit_test(texts_end_with_a_zero_byte),
      cmocka_unit_test(a_piece_larger_than_a_block_gets_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
