#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/lines.h"

static void next_is(struct cl_lines *l, const char *want) {
  const char *line = NULL;
  size_t n = 0;
  struct cl_err e = {0};
  assert_int_equal(cl_lines_next(l, 10, &line, &n, &e), 0);
  assert_int_equal(n, strlen(want));
  assert_memory_equal(line, want, n);
}

static void next_fails(struct cl_lines *l, int status) {
  const char *line = NULL;
  size_t n = 0;
  struct cl_err e = {0};
  assert_int_equal(cl_lines_next(l, 10, &line, &n, &e), status);
}

static void lines_are_the_same_however_the_bytes_arrive(void **state) {
  (void)state;
  static const char stream[] = "one\n\nthree\r\n0123456789\nlast";
  for (size_t piece = 1; piece <= sizeof stream - 1; piece++) {
    struct cl_lines l = {0};
    struct cl_err e = {0};
    static const char *const want[] = {"one", "", "three\r", "0123456789"};
    size_t got = 0;
    for (size_t at = 0; at < sizeof stream - 1; at += piece) {
      size_t n = sizeof stream - 1 - at < piece ? sizeof stream - 1 - at : piece;
      assert_int_equal(cl_lines_add(&l, stream + at, n, &e), 0);
      const char *line = NULL;
      size_t length = 0;
      while (cl_lines_next(&l, 10, &line, &length, &e) == 0) {
        assert_true(got < 4);
        assert_int_equal(length, strlen(want[got]));
        assert_memory_equal(line, want[got++], length);
      }
    }
    assert_int_equal(got, 4);
    next_fails(&l, CLADE_EMPTY);
    cl_lines_done(&l);
  }
}

static void a_line_over_the_limit_is_refused_before_its_end(void **state) {
  (void)state;
  struct cl_lines l = {0};
  struct cl_err e = {0};
  assert_int_equal(cl_lines_add(&l, "ok\n0123456789", 13, &e), 0);
  next_is(&l, "ok");
  next_fails(&l, CLADE_EMPTY);
  assert_int_equal(cl_lines_add(&l, "X", 1, &e), 0);
  const char *line = NULL;
  size_t n = 0;
  assert_int_equal(cl_lines_next(&l, 10, &line, &n, &e), CLADE_ELIMIT);
  assert_string_equal(e.text, "a line has 11 bytes or more, but the limit is 10");
  cl_lines_done(&l);
  assert_int_equal(cl_lines_add(&l, "0123456789X\n", 12, &e), 0);
  next_fails(&l, CLADE_ELIMIT);
  cl_lines_done(&l);
}

static void an_empty_stream_has_no_line(void **state) {
  (void)state;
  struct cl_lines l = {0};
  struct cl_err e = {0};
  next_fails(&l, CLADE_EMPTY);
  assert_int_equal(cl_lines_add(&l, "", 0, &e), 0);
  next_fails(&l, CLADE_EMPTY);
  assert_int_equal(cl_lines_add(&l, "\n", 1, &e), 0);
  next_is(&l, "");
  cl_lines_done(&l);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(lines_are_the_same_however_the_bytes_arrive),
                                     cmocka_unit_test(a_line_over_the_limit_is_refused_before_its_end),
                                     cmocka_unit_test(an_empty_stream_has_no_line)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
