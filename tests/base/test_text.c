#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/text.h"

static void numbers_read_back_the_same(void **state) {
  (void)state;
  char buffer[CL_NUMBER_TEXT];
  assert_string_equal(cl_number_text(0.1, buffer), "0.1");
  assert_string_equal(cl_number_text(3, buffer), "3");
  assert_string_equal(cl_number_text(1e-5, buffer), "1e-05");
  assert_string_equal(cl_number_text(NAN, buffer), "nan");
  assert_string_equal(cl_number_text(-INFINITY, buffer), "-inf");
  struct cl_rng r = cl_rng_stream(1, CL_RNG_USER, 0, 0);
  for (int i = 0; i < 10000; i++) {
    double x = exp(60 * (cl_rng_uniform(&r) - 0.5)), back = 0;
    assert_true(cl_text_to_number(cl_number_text(x, buffer), &back));
    assert_true(back == x);
  }
}

/* The fewest digits, 15 at least, that read back, as the C library writes them. */
static void assert_is_shortest(double x) {
  char buffer[CL_NUMBER_TEXT], want[CL_NUMBER_TEXT];
  for (int digits = 15; digits <= 17; digits++) {
    (void)snprintf(want, sizeof want, "%.*g", digits, x);
    if (strtod(want, NULL) == x) break;
  }
  assert_string_equal(cl_number_text(x, buffer), want);
  (void)snprintf(want, sizeof want, "%s", cl_number_text(-x, buffer));
  assert_int_equal(want[0], '-');
  assert_string_equal(want + 1, cl_number_text(x, buffer));
}

static void numbers_have_as_few_digits_as_they_need(void **state) {
  (void)state;
  struct cl_rng r = cl_rng_stream(2385, CL_RNG_USER, 0, 0);
  static const double odd[] = {5e-324,
                               2.2250738585072014e-308,
                               1.7976931348623157e308,
                               9007199254740993.0,
                               1e15,
                               1e16,
                               1e17,
                               123456789012345678.0,
                               1e22,
                               1e23,
                               9.5e-5,
                               99999999999999.95,
                               0.1,
                               0.3,
                               2.0 / 3,
                               4.35};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) assert_is_shortest(odd[i]);
  for (int e = -1074; e < 1024; e++) {
    assert_is_shortest(ldexp(1, e));
    if (e > -1022) assert_is_shortest(nextafter(ldexp(1, e), 0));
  }
  for (int e = -307; e < 308; e++) {
    double x = pow(10, e);
    assert_is_shortest(x);
    assert_is_shortest(nextafter(x, 0));
    assert_is_shortest(nextafter(x, INFINITY));
  }
  for (int i = 0; i < 10000; i++) {
    uint64_t bits = cl_rng_bits(&r) >> 1;
    double x = 0;
    memcpy(&x, &bits, sizeof x);
    if (isfinite(x) && x > 0) assert_is_shortest(x);
    assert_is_shortest(cl_rng_uniform(&r));
    assert_is_shortest(rint(1e6 * cl_rng_uniform(&r) + 1) / 1e4);
    assert_is_shortest(rint(1e15 * cl_rng_uniform(&r) + 1) * 1e-9);
  }
}

static void whole_numbers_are_written_as_printf_does(void **state) {
  (void)state;
  const int64_t numbers[] = {0, 7, -7, 10, 2385, -99999, 1000000000, INT64_MAX, INT64_MIN, INT64_MIN + 1};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    struct cl_text t = {0};
    char want[30];
    (void)snprintf(want, sizeof want, "<%lld", (long long)numbers[i]);
    cl_text_add(&t, "<");
    cl_text_add_integer(&t, numbers[i]);
    assert_string_equal(cl_text_get(&t), want);
    cl_text_done(&t);
  }
}

static void numbers_have_a_point_in_every_locale(void **state) {
  (void)state;
  static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8",
                                      "ru_RU.UTF-8"};
  size_t i = 0, n = sizeof names / sizeof *names;
  while (i < n && setlocale(LC_ALL, names[i]) == NULL) i++;
  if (i == n)
    return; /* no locale with a comma is installed: nothing to see here (cmocka calls a skip "not ok") */
  char buffer[CL_NUMBER_TEXT];
  double x = 0;
  (void)cl_number_text(2.385, buffer);
  bool read = cl_text_to_number("2.385", &x);
  (void)setlocale(LC_ALL, "C");
  assert_string_equal(buffer, "2.385");
  assert_true(read && x == 2.385);
}

static void only_whole_numbers_are_numbers(void **state) {
  (void)state;
  double x = 0;
  int64_t n = 0;
  assert_true(cl_text_to_number("-2.385e2", &x));
  assert_true(x == -238.5);
  assert_true(cl_text_to_number("inf", &x) && isinf(x));
  assert_true(cl_text_to_number("-0.0", &x) && !signbit(x));
  assert_false(cl_text_to_number("1.5x", &x));
  assert_false(cl_text_to_number("", &x));
  assert_false(cl_text_to_number("0x10", &x));
  assert_true(cl_text_to_int("-42", &n) && n == -42);
  assert_false(cl_text_to_int("9223372036854775808", &n));
  assert_false(cl_text_to_int("1.0", &n));
}

static void json_strings_are_escaped(void **state) {
  (void)state;
  struct cl_text t = {0};
  cl_text_add_json(&t, "a\"b\\c\n\x01z");
  cl_text_add_json_number(&t, INFINITY);
  assert_string_equal(cl_text_get(&t), "\"a\\\"b\\\\c\\n\\u0001z\"\"inf\"");
  cl_text_done(&t);
}

static void utf8_is_checked_strictly(void **state) {
  (void)state;
  assert_true(cl_text_is_utf8("na\xc3\xafve \xf0\x9f\x98\x80", 11));
  assert_false(cl_text_is_utf8("\xc0\xaf", 2));
  assert_false(cl_text_is_utf8("\xed\xa0\x80", 3));
  assert_false(cl_text_is_utf8("\xe2\x82", 2));
  assert_false(cl_text_is_utf8("a\0b", 3));
  assert_false(cl_text_is_utf8("\xf4\x90\x80\x80", 4));
}

static void distance_counts_edits(void **state) {
  (void)state;
  assert_int_equal(cl_text_distance("trails", "trials"), 2);
  assert_int_equal(cl_text_distance("metric", "metric"), 0);
  assert_int_equal(cl_text_distance("", "abc"), 3);
}

static void taken_text_belongs_to_the_taker(void **state) {
  (void)state;
  struct cl_text t = {0};
  cl_text_format(&t, "%d-%s", 7, "x");
  char *text = cl_text_take(&t);
  assert_string_equal(text, "7-x");
  assert_int_equal(t.length, 0);
  cl_free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_read_back_the_same),
                                     cmocka_unit_test(numbers_have_as_few_digits_as_they_need),
                                     cmocka_unit_test(whole_numbers_are_written_as_printf_does),
                                     cmocka_unit_test(numbers_have_a_point_in_every_locale),
                                     cmocka_unit_test(only_whole_numbers_are_numbers),
                                     cmocka_unit_test(json_strings_are_escaped),
                                     cmocka_unit_test(utf8_is_checked_strictly),
                                     cmocka_unit_test(distance_counts_edits),
                                     cmocka_unit_test(taken_text_belongs_to_the_taker)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
