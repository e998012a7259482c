#include "base/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool matches(const char *pattern, const char *text) {
  struct cl_regex *r = NULL;
  struct cl_err e = {0};
  if (cl_regex_create(pattern, &r, &e) != 0) fail_msg("%s", e.text);
  bool found = cl_regex_find(r, text, strlen(text), 0, NULL, 0);
  cl_regex_destroy(r);
  return found;
}

static void what_people_know_from_elsewhere_works(void **state) {
  (void)state;
  static const char *const cases[][3] = {
      {"^loss=(\\d+\\.\\d+)$", "loss=2.385", "loss=2.385\n"},
      {"\\bacc\\b", "val acc: 1", "accuracy"},
      {"^[[:alpha:]]+$", "abc", "ab3"},
      {"a|b{2,3}$", "xbb", "xb"},
      {"(?i)LOSS", "Loss", "los"},
      {"^(?!val_)loss", "loss", "val_loss"},
      {"^.{2}$", "\xc3\xa4\xe2\x82\xac", "\xc3\xa4"},
      {"", "", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_true(matches(cases[i][0], cases[i][1]));
    if (cases[i][2] != NULL) assert_false(matches(cases[i][0], cases[i][2]));
  }
}

static void groups_say_where_they_are(void **state) {
  (void)state;
  struct cl_regex *r = NULL;
  struct cl_regex_span s[4];
  static const char text[] = "a=1 loss=2.385, b=3";
  assert_int_equal(cl_regex_create("(?P<name>[a-z]+)=(?:(\\d+\\.\\d+)|(\\d+))", &r, NULL), 0);
  assert_int_equal(cl_regex_groups(r), 3);
  assert_true(cl_regex_find(r, text, strlen(text), 1, s, 4));
  assert_int_equal(s[0].begin, 4);
  assert_int_equal(s[0].end, 14);
  assert_int_equal(s[1].end, 8);
  assert_int_equal(s[2].begin, 9);
  assert_true(s[3].begin == SIZE_MAX && s[3].end == SIZE_MAX);
  assert_true(cl_regex_find(r, text, strlen(text), s[0].end, s, 1));
  assert_int_equal(s[0].begin, 16);
  assert_false(cl_regex_find(r, text, strlen(text), strlen(text), s, 4));
  cl_regex_destroy(r);
}

static void bytes_that_are_no_text_match_nothing(void **state) {
  (void)state;
  struct cl_regex *r = NULL;
  struct cl_regex_span s[1];
  static const char text[] = "\xff\xc3loss\xa4=\xe2\x82\xac";
  assert_int_equal(cl_regex_create("loss|.", &r, NULL), 0);
  assert_true(cl_regex_find(r, text, strlen(text), 0, s, 1));
  assert_int_equal(s[0].begin, 2);
  assert_true(cl_regex_find(r, text, strlen(text), 9, s, 1) == false); /* within the last character */
  cl_regex_destroy(r);
}

/* Each takes the C library's own expressions minutes or all memory to compile, or a naive search for ever. */
static void no_expression_takes_for_ever(void **state) {
  (void)state;
  static const char *const patterns[] = {
      "ge++++++++++++++++++++++++++++++x",
      "0g+++e+^e++*++++++~",
      "(\\be*f*){200}",
      "^((e*f*)*){40}",
      "(^|$|e*)*(^|$|e*)*(^|$|e*)*(^|$|e*)*(^|$|e*)*",
  };
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    struct cl_regex *r = NULL;
    struct cl_err e = {0};
    int status = cl_regex_create(patterns[i], &r, &e);
    assert_true(status == 0 || (status == CLADE_EINVAL && e.text[0] != '\0'));
    if (status == 0) (void)cl_regex_find(r, "eeeeeeeeeeee", 12, 0, NULL, 0);
    cl_regex_destroy(r);
  }
  /* Its first half takes more than a million steps to fail, and only then would the second one match. */
  assert_true(matches("^(?:(e+)+x|e+f)$", "eeeeef"));
  assert_false(matches("^(?:(e+)+x|e+f)$", "eeeeeeeeeeeeeeeeeeeef"));
}

static void mistakes_are_named(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"(a)\\2",
       "'(a)\\2' is not a regular expression: reference to non-existent subpattern (behind 4 bytes"},
      {"a(b", "'a(b' is not a regular expression: missing closing parenthesis (behind 3 bytes of it)"},
      {"a[b", "'a[b' is not a regular expression: missing terminating ] for character class"},
      {"((ab){999}){999}", "'((ab){999}){999}' is not a regular expression: regular expression is too large"},
      {"\xff", "UTF-8 error"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_regex *r = NULL;
    struct cl_err e = {0};
    assert_int_equal(cl_regex_create(cases[i][0], &r, &e), CLADE_EINVAL);
    assert_null(r);
    if (strstr(e.text, cases[i][1]) == NULL) fail_msg("%s", e.text);
  }
}

static void an_expression_has_up_to_1000_bytes(void **state) {
  (void)state;
  char pattern[CL_REGEX_BYTES_MAX + 2];
  struct cl_regex *r = NULL;
  struct cl_err e = {0};
  memset(pattern, '(', sizeof pattern);
  pattern[CL_REGEX_BYTES_MAX] = '\0';
  assert_int_equal(cl_regex_create(pattern, &r, &e), CLADE_EINVAL); /* as deep as it can be */
  memset(pattern, 'a', sizeof pattern);
  pattern[CL_REGEX_BYTES_MAX] = '\0';
  assert_true(matches(pattern, pattern));
  pattern[CL_REGEX_BYTES_MAX] = 'a';
  pattern[CL_REGEX_BYTES_MAX + 1] = '\0';
  assert_int_equal(cl_regex_create(pattern, &r, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "has up to 1000 bytes, not 1001"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_people_know_from_elsewhere_works),
                                     cmocka_unit_test(groups_say_where_they_are),
                                     cmocka_unit_test(bytes_that_are_no_text_match_nothing),
                                     cmocka_unit_test(no_expression_takes_for_ever),
                                     cmocka_unit_test(mistakes_are_named),
                                     cmocka_unit_test(an_expression_has_up_to_1000_bytes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
