#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void every_code_has_a_name_and_a_sentence(void **state) {
  (void)state;
#define CLADE_X(name, code, text) \
  assert_string_equal(clade_error_name(code), #name); \
  assert_string_equal(clade_error_text(code), text);
  CLADE_ERROR_MAP(CLADE_X)
#undef CLADE_X
  assert_string_equal(clade_error_name(-999), "?");
}

static void a_prefix_keeps_code_and_sentence(void **state) {
  (void)state;
  struct cl_err e = {0};
  assert_int_equal(CL_FAIL(&e, CLADE_ESPEC, "'%s' is not a scale", "lgo"), CLADE_ESPEC);
  assert_int_equal(cl_err_prefix(&e, "spec.yaml:%d:%d: ", 3, 7), CLADE_ESPEC);
  assert_string_equal(e.text, "spec.yaml:3:7: 'lgo' is not a scale");
}

static void long_sentences_are_cut_at_a_character(void **state) {
  (void)state;
  struct cl_err e = {0};
  char many[3000];
  for (size_t i = 0; i + 2 < sizeof many; i += 2) memcpy(many + i, "\xc3\xa9", 2);
  many[sizeof many - 2] = '\0';
  (void)CL_FAIL(&e, CLADE_EIO, "x%s", many);
  assert_true(strlen(e.text) < CLADE_ERR_TEXT);
  assert_int_equal(strlen(e.text) % 2, 1);
}

static void what_is_no_text_is_not_quoted(void **state) {
  (void)state;
  struct cl_err e = {0};
  (void)CL_FAIL(&e, CLADE_EIO, "near '%s': %s", "\xc3\xa9\xe2\x82", "\xff!");
  assert_string_equal(e.text, "near '\xc3\xa9\\xe2\\x82': \\xff!");
}

static void an_error_may_quote_itself(void **state) {
  (void)state;
  struct cl_err e = {0};
  (void)CL_FAIL(&e, CLADE_EIO, "inner");
  (void)CL_FAIL(&e, CLADE_EIO, "outer: %s", e.text);
  assert_string_equal(e.text, "outer: inner");
  assert_int_equal(CL_FAIL(NULL, CLADE_EIO, "nobody listens"), CLADE_EIO);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_code_has_a_name_and_a_sentence),
                                     cmocka_unit_test(a_prefix_keeps_code_and_sentence),
                                     cmocka_unit_test(long_sentences_are_cut_at_a_character),
                                     cmocka_unit_test(what_is_no_text_is_not_quoted),
                                     cmocka_unit_test(an_error_may_quote_itself)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
