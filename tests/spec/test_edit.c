/* --set, best --write, places by path, and the resolved copy of native files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "help.h"

#define HEAD "program: ./x\nmetric: {name: loss, goal: minimize}\ntrials: 7\n"

/* The text that one --set makes of another one. */
static void check_set(const char *text, const char *option, const char *expected) {
  struct help_options h;
  struct cl_spec_result r;
  struct cl_err e = {0};
  struct cl_text before = {0}, after = {0};
  help_options_read(&h, "");
  h.o.n_set = 1;
  h.set[0] = option;
  cl_text_format(&before, "%s%s", HEAD, text);
  cl_text_format(&after, "%s%s", HEAD, expected);
  if (help_resolve(cl_text_get(&before), &h, &r, NULL, &e) < 0) fail_msg("%s", e.text);
  assert_string_equal(r.spec, cl_text_get(&after));
  cl_spec_result_done(&r);
  cl_text_done(&before);
  cl_text_done(&after);
  help_options_done(&h);
}

static void set_changes_only_the_value(void **state) {
  (void)state;
  check_set("trainer:\n  a: {b: [1, 2], c: 3}   # kept\n", "trainer.a.c=4",
            "trainer:\n  a: {b: [1, 2], c: 4}   # kept\n");
  check_set("trainer:\n  a: {b: [1, 2], c: 3}\n", "trainer.a.b[1]=x", "trainer:\n  a: {b: [1, x], c: 3}\n");
  check_set("trainer:\n  a: 'old'  # kept\n  b: 1\n", "trainer.a=a: b",
            "trainer:\n  a: \"a: b\"  # kept\n  b: 1\n");
  check_set("trainer:\n  a: 1\n", "trainer.a=[1, {b: c}]", "trainer:\n  a: [1, {b: c}]\n");
  check_set("trainer:\n  a:\n  b: 2\n", "trainer.a=x #y", "trainer:\n  a: \"x #y\"\n  b: 2\n");
  check_set("trainer:\n  a: |\n    one\n    two\n  b: 2\n", "trainer.a=3", "trainer:\n  a: 3\n  b: 2\n");
  check_set("trainer:\n  a:\n    b: 1\n  # kept\n  c: 2\n",
            "trainer.a=", "trainer:\n  a: \"\"\n  # kept\n  c: 2\n");
  check_set("trainer: {a: &x 1, b: *x}\n", "trainer.a=2", "trainer: {a: &x 2, b: *x}\n");
  check_set("trainer:\n  na\xc3\xafve: 'caf\xc3\xa9'\n", "trainer.na\xc3\xafve=1",
            "trainer:\n  na\xc3\xafve: 1\n");
}

static void set_puts_in_what_is_missing(void **state) {
  (void)state;
  check_set("trainer:\n  a: 1   # kept\n", "trainer.b=2", "trainer:\n  a: 1   # kept\n  b: 2\n");
  check_set("trainer:\n  a: 1", "trainer.b=2", "trainer:\n  a: 1\n  b: 2");
  check_set("trainer: {a: 1}\n", "trainer.b.c=2", "trainer: {b: {c: 2}, a: 1}\n");
  check_set("trainer: {}\n", "trainer.b=2", "trainer: {b: 2}\n");
  check_set("trainer:\n  a:\n  b: 1\n", "trainer.a.c=2", "trainer:\n  a: {c: 2}\n  b: 1\n");
  check_set("", "search.method=grid", "search: {method: grid}\n");
  check_set("trainer:\n  a: |\n    text\n", "trainer.b=2", "trainer:\n  a: |\n    text\n  b: 2\n");
}

static void set_finds_hyperparameters_by_name_and_number(void **state) {
  (void)state;
  check_set("hyperparameters:\n  - name: a.b\n    range: [1, 9]\n", "hyperparameters.a.b.range=[2, 8]",
            "hyperparameters:\n  - name: a.b\n    range: [2, 8]\n");
  check_set("hyperparameters:\n  - name: &lr\n      range: [1, 9]\n", "hyperparameters.lr.tuned_value=3",
            "hyperparameters:\n  - name: &lr\n      range: [1, 9]\n      tuned_value: 3\n");
  check_set("hyperparameters:\n  - name: &lr\n    range: [1, 9]\n", "hyperparameters[0].scale=log",
            "hyperparameters:\n  - name: &lr\n    range: [1, 9]\n    scale: log\n");
  check_set("hyperparameters:\n  lr: log(1, 9)\n", "hyperparameters.lr=1:9", "hyperparameters:\n  lr: 1:9\n");
}

static void complaints_count_lines_of_the_users_file(void **state) {
  (void)state;
  struct cl_spec *s = NULL;
  struct cl_spec_result r;
  struct help_options h;
  struct cl_err e = {0};
  const char *text = HEAD "search:\n  method: tpe\n\nseed: x\n";
  help_options_read(&h, "--set search.a=1 --set search.b=2 --set search.c=3");
  assert_int_equal(cl_spec_parse(text, strlen(text), "spec.yaml", &s, NULL), 0);
  assert_int_equal(cl_spec_resolve(s, &h.o, &r, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "spec.yaml:7:7: `seed` is the text 'x'\n    seed: x\n          ^\n"));
  cl_spec_destroy(s);
  help_options_done(&h);
}

/* Writes the values as tuned ones and compares the text. */
static void check_whole_splice(const char *text, const struct cl_value *values, const char *expected) {
  struct cl_spec *s = NULL;
  struct cl_err e = {0};
  struct cl_text written = {0};
  struct cl_settings *settings = help_settings(text, "");
  assert_int_equal(cl_spec_parse(text, strlen(text), "spec.yaml", &s, &e), 0);
  if (cl_spec_splice(s, &settings->space, values, &written, NULL, &e) < 0) fail_msg("%s", e.text);
  assert_string_equal(cl_text_get(&written), expected);
  cl_settings_destroy(settings);
  cl_settings_destroy(help_settings(cl_text_get(&written), "--once")); /* they are tuned values now */
  cl_spec_destroy(s);
  cl_text_done(&written);
}

/* The same behind HEAD. */
static void check_splice(const char *text, const struct cl_value *values, const char *expected) {
  struct cl_text full = {0}, wanted = {0};
  cl_text_format(&full, "%s%s", HEAD, text);
  cl_text_format(&wanted, "%s%s", HEAD, expected);
  check_whole_splice(cl_text_get(&full), values, cl_text_get(&wanted));
  cl_text_done(&full);
  cl_text_done(&wanted);
}

static void best_values_are_written_in_their_lines_only(void **state) {
  (void)state;
  struct cl_value values[] = {cl_value_real(2.5e-5), cl_value_text("no"), cl_value_int(3)};
  check_splice(
      "hyperparameters:   # all of them\n"
      "  - name: &lr\n    range: [1.0e-5, 1.0]  # wide\n    tuned_value: 0.01   # by hand\n    scale: log\n\n"
      "  - {name: opt, values: [yes, no], tuned_value: 'yes'}\n"
      "  - name: &n\n      range: [1, 9]   # whole\n# the end\n",
      values,
      "hyperparameters:   # all of them\n"
      "  - name: &lr\n    range: [1.0e-5, 1.0]  # wide\n    tuned_value: 2.5e-05   # by hand\n    scale: log\n\n"
      "  - {name: opt, values: [yes, no], tuned_value: \"no\"}\n"
      "  - name: &n\n      range: [1, 9]   # whole\n      tuned_value: 3\n# the end\n");
}

static void lines_keep_their_ends(void **state) {
  (void)state;
  struct cl_value values[] = {cl_value_real(2.5e-5), cl_value_int(3)};
#define CRLF_HEAD "program: ./x\r\nmetric: {name: loss, goal: minimize}\r\ntrials: 7\r\n"
#define SPLICED(end) \
  CRLF_HEAD \
  "hyperparameters:\r\n  - name: lr\r\n    range: [1.0e-5, 1.0]\r\n    tuned_value: 2.5e-05   # by hand\r\n" \
  "  - name: n\r\n    range: [1, 9]   # whole\r\n    tuned_value: 3" end
  check_whole_splice(
      CRLF_HEAD
      "hyperparameters:\r\n  - name: lr\r\n    range: [1.0e-5, 1.0]\r\n"
      "    tuned_value: 0.01   # by hand\r\n  - name: n\r\n    range: [1, 9]   # whole\r\n# the end\r\n",
      values, SPLICED("\r\n# the end\r\n"));
  check_whole_splice(CRLF_HEAD
                     "hyperparameters:\r\n  - name: lr\r\n    range: [1.0e-5, 1.0]\r\n"
                     "    tuned_value: 0.01   # by hand\r\n  - name: n\r\n    range: [1, 9]   # whole",
                     values, SPLICED(""));
  check_set("trainer:\r\n  a: |\r\n    one\r\n  b: 2\r\n", "trainer.a=3", "trainer:\r\n  a: 3\r\n  b: 2\r\n");
}

static void a_key_begins_with_its_tag_or_anchor(void **state) {
  (void)state;
  struct cl_value values[] = {cl_value_real(0.5), cl_value_int(3)};
  check_splice("hyperparameters:\n  lr:\n    !!str range: [0.1, 1.0]\n  n:\n    &a\trange: [1, 9]\n", values,
               "hyperparameters:\n  lr:\n    !!str range: [0.1, 1.0]\n    tuned_value: 0.5\n"
               "  n:\n    &a\trange: [1, 9]\n    tuned_value: 3\n");
}

static void what_could_not_be_read_again_is_not_written(void **state) {
  (void)state;
  const char *text = HEAD "hyperparameters:\n  n:\n    ? range\n    : [1, 9]\n";
  struct cl_settings *settings = help_settings(text, "");
  struct cl_value value = cl_value_int(3);
  struct cl_spec *s = NULL;
  struct cl_text written = {0};
  struct cl_err e = {0};
  assert_int_equal(cl_spec_parse(text, strlen(text), "spec.yaml", &s, &e), 0);
  assert_int_equal(cl_spec_splice(s, &settings->space, &value, &written, NULL, &e), CLADE_EUNSUPPORTED);
  assert_non_null(strstr(e.text, "tuned values cannot be put into spec.yaml as it is written: write"));
  cl_settings_destroy(settings);
  cl_spec_destroy(s);
  cl_text_done(&written);
}

static void values_that_stand_there_already_keep_their_spelling(void **state) {
  (void)state;
  struct cl_value values[] = {cl_value_real(0.9), cl_value_text("adam"), cl_value_int(64),
                              cl_value_text("8")};
  check_splice("hyperparameters:\n"
               "  - {name: disc, values: [0.95, 0.90], tuned_value: 0.90}  # as in the paper\n"
               "  - {name: opt, values: [sgd, adam], tuned_value: 'adam'}\n"
               "  - {name: units, values: [32, 64], tuned_value: 32}\n"
               "  - {name: word, values: ['7', '8'], tuned_value: \"8\"}\n",
               values,
               "hyperparameters:\n"
               "  - {name: disc, values: [0.95, 0.90], tuned_value: 0.90}  # as in the paper\n"
               "  - {name: opt, values: [sgd, adam], tuned_value: 'adam'}\n"
               "  - {name: units, values: [32, 64], tuned_value: 64}\n"
               "  - {name: word, values: ['7', '8'], tuned_value: \"8\"}\n");
}

static void absent_values_are_left_alone(void **state) {
  (void)state;
  struct cl_value values[] = {{.kind = CL_ABSENT}, cl_value_int(3)};
  check_splice(
      "hyperparameters:\n  a: {range: [1, 9], tuned_value: 5}\n  b:\n    range: [1, 9]\n", values,
      "hyperparameters:\n  a: {range: [1, 9], tuned_value: 5}\n  b:\n    range: [1, 9]\n    tuned_value: 3\n");
}

static void tuned_values_of_a_runspec_are_read_back_as_they_were(void **state) {
  (void)state;
  static const char spec[] =
      "job_launcher:\n  hp_tuning: false\nhyperparameters:\n  - name: &a\n"
      "      unordered_tuning_values: ['x #y', f(1,\n        2), say(\"), 'it''s', \"a\\\"]b\", # one \" of them\n"
      "        \"tab\\tnew\\nline \\u00e9\\u20ac\\u0041\", \"C:\\dir\", 'C:\\new', \"8\", 2.385, '']\n"
      "      tuned_value: 'it''s'\nz: *a\n";
  static const char *const texts[] = {
      "x #y",    "f(1,\n        2)", "say(\")", "it's", "a\"]b", "tab\tnew\nline \xc3\xa9\xe2\x82\xac\x41",
      "C:\\dir", "C:\\new",          "8"};
  struct cl_settings *s = help_settings(spec, "-- x {spec}");
  const struct cl_hyperparameter *a = help_find(s, "a");
  assert_int_equal(a->n_values, 11);
  assert_string_equal(a->tuned.as.text, "it's");
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    assert_string_equal(a->values[i].as.text, texts[i]);
  for (int i = 0; i < a->n_values; i++) {
    struct cl_spec *written = NULL;
    struct cl_text text = {0};
    struct cl_err e = {0};
    assert_int_equal(cl_spec_parse(spec, strlen(spec), "spec.yaml", &written, &e), 0);
    if (cl_spec_splice(written, &s->space, &a->values[i], &text, NULL, &e) < 0) fail_msg("%s", e.text);
    struct cl_settings *again = help_settings(cl_text_get(&text), "-- x {spec}");
    assert_true(cl_value_equal(help_find(again, "a")->tuned, a->values[i]));
    cl_settings_destroy(again);
    cl_spec_destroy(written);
    cl_text_done(&text);
  }
  cl_settings_destroy(s);
}

static void short_forms_have_no_place_for_a_tuned_value(void **state) {
  (void)state;
  struct cl_spec *s = NULL;
  struct cl_err e = {0};
  struct cl_text written = {0};
  struct cl_value value = cl_value_real(0.5);
  const char *text = HEAD "hyperparameters:\n  lr: log(0.1, 1)\n";
  struct cl_settings *settings = help_settings(text, "");
  assert_int_equal(cl_spec_parse(text, strlen(text), "spec.yaml", &s, NULL), 0);
  assert_int_equal(cl_spec_splice(s, &settings->space, &value, &written, NULL, &e), CLADE_EUNSUPPORTED);
  assert_non_null(strstr(e.text, "lr is written in short form"));
  cl_settings_destroy(settings);
  cl_spec_destroy(s);
  cl_text_done(&written);
}

static void keys_are_found_by_path(void **state) {
  (void)state;
  static const struct {
    const char *path;
    int line, column;
  } cases[] = {
      {"program", 1, 10},
      {"search.gamma", 5, 10},
      {"search.delta", 5, 3},
      {"search", 5, 3},
      {"hyperparameters.lr.range", 8, 12},
      {"hyperparameters[0].range[1]", 8, 18},
      {"nothing.at.all", 1, 1},
      {"hyperparameters.momentum", 7, 3},
  };
  struct cl_spec *s = NULL;
  const char *text = HEAD "search:\n  gamma: 0.3\nhyperparameters:\n  - name: lr\n    range: [0.1, 1.0]\n";
  assert_int_equal(cl_spec_parse(text, strlen(text), "spec.yaml", &s, NULL), 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int line = 0, column = 0;
    assert_true(cl_spec_locate(s, cases[i].path, &line, &column));
    if (line != cases[i].line || column != cases[i].column)
      fail_msg("%s: %d:%d", cases[i].path, line, column);
  }
  struct cl_err e = {.code = CLADE_ESPEC, .text = "gamma must lie between 0 and 1"};
  assert_int_equal(cl_spec_blame(s, "search.gamma", &e), CLADE_ESPEC);
  assert_string_equal(e.text,
                      "spec.yaml:5:10: gamma must lie between 0 and 1\n      gamma: 0.3\n             ^");
  cl_spec_destroy(s);
}

static void a_command_line_has_no_lines(void **state) {
  (void)state;
  struct cl_spec *s = NULL;
  const char *words[] = {"./x"};
  int line = 1, column = 1;
  assert_int_equal(cl_spec_inline(1, words, &s, NULL), 0);
  assert_false(cl_spec_locate(s, "search", &line, &column));
  struct cl_err e = {.code = CLADE_ESPEC, .text = "no method is called x"};
  assert_int_equal(cl_spec_blame(s, "search", &e), CLADE_ESPEC);
  assert_string_equal(e.text, "the command line: no method is called x");
  cl_spec_destroy(s);
  assert_int_equal(cl_spec_inline(0, words, &s, &e), CLADE_EINVAL);
}

static void the_trainers_part_gets_its_values(void **state) {
  (void)state;
  struct cl_settings *s = help_settings(
      HEAD
      "hyperparameters:\n  - name: &lr\n    range: [0.1, 1.0]\n  - name: &opt\n      values: [adam, 'a: b']\n"
      "  - &n {name: units, range: [1, 9]}\n  - {name: &gone gone, range: [1, 9], when: {opt: adam}}\n"
      "trainer:\n  base: &base {seed: 1, deep: [1, [2, {x: ~}]], empty: [], none: {}}\n  yes: no\n  quoted: 'no'\n"
      "  text: |\n    two\n    lines\n  tagged: !foo bar\n  use:\n    - *base\n    - {lr: *lr, o: *opt, g: *gone}\n"
      "    - *n\n  merged:\n    <<: *base\n",
      "");
  struct cl_value values[] = {
      cl_value_real(0.25), cl_value_text("a: b"), cl_value_int(7), {.kind = CL_ABSENT}};
  struct cl_text copy = {0};
  assert_int_equal(cl_spec_dump(s, values, &copy, NULL), 0);
  assert_string_equal(
      cl_text_get(&copy),
      "base:\n  seed: 1\n  deep:\n    - 1\n    -\n      - 2\n      -\n        x: ~\n  empty: []\n  none: {}\n"
      "yes: no\nquoted: \"no\"\ntext: \"two\\nlines\\n\"\ntagged: !<!foo> bar\nuse:\n  -\n    seed: 1\n"
      "    deep:\n      - 1\n      -\n        - 2\n        -\n          x: ~\n    empty: []\n    none: {}\n"
      "  -\n    lr: 0.25\n    o: \"a: b\"\n    g: null\n  - 7\nmerged:\n  <<:\n    seed: 1\n    deep:\n"
      "      - 1\n      -\n        - 2\n        -\n          x: ~\n    empty: []\n    none: {}\n");
  cl_text_done(&copy);
  cl_settings_destroy(s);
}

static void a_study_without_trainers_part_has_no_copy(void **state) {
  (void)state;
  struct cl_settings *s = help_settings(HEAD, "");
  struct cl_text copy = {0};
  assert_int_equal(cl_spec_dump(s, NULL, &copy, NULL), CLADE_EMPTY);
  assert_int_equal(copy.length, 0);
  cl_settings_destroy(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(set_changes_only_the_value),
      cmocka_unit_test(set_puts_in_what_is_missing),
      cmocka_unit_test(set_finds_hyperparameters_by_name_and_number),
      cmocka_unit_test(complaints_count_lines_of_the_users_file),
      cmocka_unit_test(best_values_are_written_in_their_lines_only),
      cmocka_unit_test(lines_keep_their_ends),
      cmocka_unit_test(a_key_begins_with_its_tag_or_anchor),
      cmocka_unit_test(what_could_not_be_read_again_is_not_written),
      cmocka_unit_test(values_that_stand_there_already_keep_their_spelling),
      cmocka_unit_test(absent_values_are_left_alone),
      cmocka_unit_test(tuned_values_of_a_runspec_are_read_back_as_they_were),
      cmocka_unit_test(short_forms_have_no_place_for_a_tuned_value),
      cmocka_unit_test(keys_are_found_by_path),
      cmocka_unit_test(a_command_line_has_no_lines),
      cmocka_unit_test(the_trainers_part_gets_its_values),
      cmocka_unit_test(a_study_without_trainers_part_has_no_copy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
