/* What clients write their output with. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clade/text.h"

static void expect(struct clade_text *t, const char *text) {
  assert_false(t->failed);
  assert_string_equal(clade_text_get(t), text);
  clade_text_clear(t);
}

static void json_strings_are_escaped_and_always_utf8(void **state) {
  (void)state;
  struct clade_text t = {0};
  clade_text_add_json(&t, "a\"b\\c\n\x1b[2J\x7f caf\xC3\xA9");
  expect(&t, "\"a\\\"b\\\\c\\n\\u001b[2J\\u007f caf\xC3\xA9\"");
  clade_text_add_json(&t, "bad \xFF\xC3");
  expect(&t, "\"bad \xEF\xBF\xBD\xEF\xBF\xBD\"");
  clade_text_add_json(&t, NULL);
  expect(&t, "null");
  clade_text_done(&t);
}

static void numbers_that_are_none_are_null_in_json(void **state) {
  (void)state;
  struct clade_text t = {0};
  clade_text_add_json_number(&t, 0.1);
  expect(&t, "0.1");
  clade_text_add_json_number(&t, (double)NAN);
  expect(&t, "null");
  clade_text_add_json_number(&t, -(double)INFINITY);
  expect(&t, "null");
  clade_text_done(&t);
}

static void csv_fields_are_quoted_where_they_must_be(void **state) {
  (void)state;
  struct clade_text t = {0};
  clade_text_add_csv(&t, "plain text");
  expect(&t, "plain text");
  clade_text_add_csv(&t, "a,b");
  expect(&t, "\"a,b\"");
  clade_text_add_csv(&t, "say \"hi\"\r\n\"");
  expect(&t, "\"say \"\"hi\"\"\r\n\"\"\"");
  clade_text_done(&t);
}

static void characters_are_decoded_and_bad_bytes_refused(void **state) {
  (void)state;
  uint32_t c = 0;
  assert_int_equal(clade_text_character("\xE6\xBC\xA2x", 4, &c), 3);
  assert_int_equal(c, 0x6F22);
  assert_int_equal(clade_text_character("\xF0\x9F\x98\x80", 4, &c), 4);
  assert_int_equal(c, 0x1F600);
  assert_int_equal(clade_text_character("\xE6\xBC\xA2", 2, &c), 0);
  assert_int_equal(clade_text_character("\xC0\x80", 2, &c), 0);
  assert_int_equal(clade_text_character("\xED\xA0\x80", 3, &c), 0);
  assert_int_equal(clade_text_character("", 0, &c), 0);
}

static void text_grows_and_repeats(void **state) {
  (void)state;
  struct clade_text t = {0};
  clade_text_add_repeat(&t, "ab", 3);
  clade_text_format(&t, "%d", 17);
  clade_text_add_number(&t, 0.0004);
  expect(&t, "ababab170.0004");
  clade_text_done(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(json_strings_are_escaped_and_always_utf8),
      cmocka_unit_test(numbers_that_are_none_are_null_in_json),
      cmocka_unit_test(csv_fields_are_quoted_where_they_must_be),
      cmocka_unit_test(characters_are_decoded_and_bad_bytes_refused),
      cmocka_unit_test(text_grows_and_repeats),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
