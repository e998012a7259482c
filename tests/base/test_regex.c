#include "base/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int compile(const char *pattern, struct cl_err *e) {
  regex_t regex;
  int status = cl_regex_compile(pattern, 0, &regex, e);
  if (status == 0) regfree(&regex);
  return status;
}

static void what_people_write_is_compiled(void **state) {
  (void)state;
  static const char *const patterns[] = {
      "",
      "loss",
      "^(loss|val_loss)[ =:]+([-+0-9.eE]+)$",
      "[]+]+[^]*{]+[[:alpha:]+]+[a+]+[b+]+[c+]+[d+]+[e+]+[f+]+[g+]+[h+]+[i+]+",
      "[0-9]+ [0-9]+ [0-9]+ [0-9]+ [0-9]+ [0-9]+ [0-9]+ [0-9]+ [0-9]+ [0-9]+ [0-9]+ [0-9]+",
      "(((([a-z]+)+)+)+)+",
      "a{1000}",
      "(ab{3,7}){20}",
      "a{2,}b{,9}c{0}",
      "\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+",
      "a**????",
  };
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    struct cl_err e = {0};
    if (compile(patterns[i], &e) != 0) fail_msg("%s", e.text);
  }
}

/* The first took 2^30 copies of the letter, and all memory, before it was measured. */
static void repetitions_of_repetitions_are_refused(void **state) {
  (void)state;
  static const char *const patterns[] = {
      "ge++++++++++++++++++++++++++++++x",
      "((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)",
      "(a{100}){100}",
      "a{50}{,50}",
      "a{32767}",
      "a{99999999999999999999}",
      "[[:digit:]]{3,700}{4,}",
      "(a|[]b]{40}|c{2,30}d{20,}){30}",
      "((a{1,200}b{1,200}){5}){2}",
  };
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    struct cl_err e = {0};
    assert_int_equal(compile(patterns[i], &e), CLADE_EINVAL);
    if (strstr(e.text, "longer than 2000 characters with its repetitions written out") == NULL)
      fail_msg("%s", e.text);
  }
}

static void other_mistakes_are_named(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"(a)\\1", "'(a)\\1': \\1, a back-reference, is not known here"},
      {"a(b", "'a(b' is not a regular expression: Unmatched ( or \\("},
      {"a[b", "'a[b' is not a regular expression: Unmatched [, [^, [:, [., or [="},
      {"b\\", "'b\\' is not a regular expression: Trailing backslash"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_err e = {0};
    assert_int_equal(compile(cases[i][0], &e), CLADE_EINVAL);
    assert_string_equal(e.text, cases[i][1]);
  }
}

static void an_expression_has_up_to_1000_bytes(void **state) {
  (void)state;
  char pattern[CL_REGEX_BYTES_MAX + 2];
  struct cl_err e = {0};
  memset(pattern, '(', sizeof pattern);
  pattern[CL_REGEX_BYTES_MAX] = '\0';
  assert_int_equal(compile(pattern, &e), CLADE_EINVAL); /* as deep as it can be */
  memset(pattern, 'a', sizeof pattern);
  pattern[CL_REGEX_BYTES_MAX] = '\0';
  assert_int_equal(compile(pattern, &e), 0);
  pattern[CL_REGEX_BYTES_MAX] = 'a';
  pattern[CL_REGEX_BYTES_MAX + 1] = '\0';
  assert_int_equal(compile(pattern, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "has up to 1000 bytes, not 1001"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_people_write_is_compiled),
                                     cmocka_unit_test(repetitions_of_repetitions_are_refused),
                                     cmocka_unit_test(other_mistakes_are_named),
                                     cmocka_unit_test(an_expression_has_up_to_1000_bytes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
