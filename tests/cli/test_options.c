/* Command lines: prefixes, values, ranges, and the sentences of mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"

struct typed {
  bool fast, dry;
  const char *name, *form;
  struct cl_cli_integer trials;
  struct cl_cli_number rate;
  struct cl_cli_list set;
};
static const struct cl_cli_option table[] = {
    {CL_OPTION_FLAG, 'f', "fast", offsetof(struct typed, fast), NULL, "go fast"},
    {CL_OPTION_FLAG, '\0', "dry-run", offsetof(struct typed, dry), NULL, "do nothing"},
    {CL_OPTION_TEXT, 'n', "name", offsetof(struct typed, name), "NAME", "its name"},
    {CL_OPTION_CHOICE, '\0', "form", offsetof(struct typed, form), NULL, "what it looks like", "csv|json"},
    {CL_OPTION_INTEGER, '\0', "trials", offsetof(struct typed, trials), "N", "how many", NULL, 1, 23},
    {CL_OPTION_INTEGER, '\0', "trials-most", offsetof(struct typed, trials), "N", "how many at most"},
    {CL_OPTION_NUMBER, '\0', "rate", offsetof(struct typed, rate), "X", "how fast", NULL, 0.5, 2.385},
    {CL_OPTION_LIST, 's', "set", offsetof(struct typed, set), "KEY=VALUE", "set something"},
    {CL_OPTION_END}};
static const struct cl_cli_command go = {.name = "go",
                                         .usage = "[OPTION...] FROM [TO] [-- WORD...]",
                                         .options = table,
                                         .options_size = sizeof(struct typed),
                                         .n_least = 1,
                                         .n_most = 2,
                                         .passes_rest = true};

/* Parses words ended by null into *ret; fails the test if that fails. */
static const struct typed *parse(struct cl_cli_line *ret, char **words) {
  struct cl_err e = {0};
  int n = 0;
  while (words[n] != NULL) n++;
  if (cl_cli_parse(&go, n, words, ret, &e) < 0) fail_msg("%s", e.text);
  return ret->options;
}
#define WORDS(...) ((char *[]){(char *)(uintptr_t) "", __VA_ARGS__, NULL} + 1)
#define W(text)    ((char *)(uintptr_t)(text))

static void expect_complaint(char **words, const char *sentence) {
  struct cl_cli_line line;
  struct cl_err e = {0};
  int n = 0;
  while (words[n] != NULL) n++;
  assert_int_equal(cl_cli_parse(&go, n, words, &line, &e), CLADE_EINVAL);
  assert_string_equal(e.text, sentence);
}

static void any_unique_prefix_of_a_long_option_works(void **state) {
  (void)state;
  struct cl_cli_line line;
  const struct typed *t =
      parse(&line, WORDS(W("--fa"), W("--na=x y"), W("--rat"), W("2.385"), W("from"), W("--d")));
  assert_true(t->fast && t->dry);
  assert_string_equal(t->name, "x y");
  assert_true(t->rate.given);
  assert_true(t->rate.value == 2.385);
  assert_int_equal(line.argc, 1);
  cl_cli_line_done(&go, &line);
}

static void a_whole_name_wins_over_longer_ones(void **state) {
  (void)state;
  struct cl_cli_line line;
  const struct typed *t = parse(&line, WORDS(W("--trials"), W("23"), W("a")));
  assert_int_equal(t->trials.value, 23);
  cl_cli_line_done(&go, &line);
}

static void short_options_can_be_joined_and_carry_values(void **state) {
  (void)state;
  struct cl_cli_line line;
  const struct typed *t = parse(&line, WORDS(W("-fnabc"), W("-s"), W("a=1"), W("-sb=2"), W("x")));
  assert_true(t->fast);
  assert_string_equal(t->name, "abc");
  assert_int_equal(t->set.n, 2);
  assert_string_equal(t->set.items[0], "a=1");
  assert_string_equal(t->set.items[1], "b=2");
  cl_cli_line_done(&go, &line);
}

static void words_behind_two_dashes_are_left_alone(void **state) {
  (void)state;
  struct cl_cli_line line;
  (void)parse(&line, WORDS(W("a"), W("--"), W("--fast"), W("--"), W("-x"), W("b")));
  assert_int_equal(line.rest, 1);
  assert_int_equal(line.argc, 5);
  assert_string_equal(line.argv[1], "--fast");
  assert_string_equal(line.argv[2], "--");
  assert_false(((const struct typed *)line.options)->fast);
  cl_cli_line_done(&go, &line);
}

static void negative_numbers_are_no_options(void **state) {
  (void)state;
  struct cl_cli_line line;
  (void)parse(&line, WORDS(W("-2.385"), W("-")));
  assert_int_equal(line.argc, 2);
  cl_cli_line_done(&go, &line);
}

static void common_options_are_understood_by_every_command(void **state) {
  (void)state;
  struct cl_cli_line line;
  (void)parse(&line, WORDS(W("-q"), W("--js"), W("a"), W("--store"), W("x.db"), W("--no-c"), W("-y")));
  assert_true(line.common.quiet && line.common.json && line.common.no_color && line.common.yes);
  assert_string_equal(line.common.store, "x.db");
  cl_cli_line_done(&go, &line);
}

static void help_is_shown_whatever_is_missing(void **state) {
  (void)state;
  struct cl_cli_line line;
  (void)parse(&line, WORDS(W("--he")));
  assert_true(line.common.help);
  cl_cli_line_done(&go, &line);
}

static void a_command_keeps_an_option_of_its_own_for_itself(void **state) {
  (void)state;
  struct own {
    bool json;
  };
  static const struct cl_cli_option own[] = {
      {CL_OPTION_FLAG, '\0', "json", offsetof(struct own, json), NULL, "its own"}, {CL_OPTION_END}};
  const struct cl_cli_command command = {
      .name = "own", .usage = "", .options = own, .options_size = sizeof(struct own)};
  struct cl_cli_line line;
  struct cl_err e = {0};
  char *words[] = {W("--js"), NULL};
  assert_int_equal(cl_cli_parse(&command, 1, words, &line, &e), 0);
  assert_true(((const struct own *)line.options)->json);
  assert_false(line.common.json);
  cl_cli_line_done(&command, &line);
  for (const struct cl_cli_option *o = NULL; (o = cl_cli_next_common(&command, o)) != NULL;)
    assert_string_not_equal(o->name, "json");
}

static void mistakes_get_a_sentence_with_the_remedy(void **state) {
  (void)state;
  static const struct {
    const char *words[4], *sentence;
  } cases[] = {
      {{"a", "--trails", "5"},
       "there is no option --trails; did you mean --trials? (clade go --help lists them). What belongs to your "
       "program stands behind --"},
      {{"a", "--lr=3"},
       "there is no option --lr; clade go --help lists them. What belongs to your program stands behind --"},
      {{"a", "--tri=5"}, "--tri can mean --trials or --trials-most: write more of it"},
      {{"a", "--s"}, "--s can mean --set or --store: write more of it"},
      {{"a", "--trials"}, "--trials wants a value: --trials N"},
      {{"a", "--form"}, "--form wants a value: --form csv|json"},
      {{"a", "-n"}, "-n wants a value: -n NAME"},
      {{"a", "--trials=0"}, "--trials is 0, but must be between 1 and 23"},
      {{"a", "--trials", "24"}, "--trials is 24, but must be between 1 and 23"},
      {{"a", "--trials=2.5"}, "--trials wants a whole number, not '2.5'"},
      {{"a", "--rate=fast"}, "--rate wants a number, not 'fast'"},
      {{"a", "--rate=nan"}, "--rate wants a number, not 'nan'"},
      {{"a", "--rate=2.4"}, "--rate is 2.4, but must be between 0.5 and 2.385"},
      {{"a", "--form=xml"}, "--form is 'xml', but must be one of csv|json"},
      {{"a", "--fast=yes"}, "--fast takes no value"},
      {{"a", "-x"}, "there is no option -x; clade go --help lists them"},
      {{"--fast"}, "clade go wants more: clade go [OPTION...] FROM [TO] [-- WORD...]"},
      {{"a", "b", "c"},
       "'c' is one argument too many: clade go [OPTION...] FROM [TO] [-- WORD...]. What belongs to your program "
       "stands behind --"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *words[5] = {NULL};
    for (size_t j = 0; j < 4; j++) words[j] = W(cases[i].words[j]);
    expect_complaint(words, cases[i].sentence);
  }
}

static void common_options_may_stand_before_the_command(void **state) {
  (void)state;
  char *with[] = {W("clade"), W("--sto"), W("x.db"), W("--json"), W("--store=y"), W("list"), W("a"), NULL};
  assert_int_equal(cl_cli_command_word(7, with), 5);
  char *alone[] = {W("clade"), W("--json"), NULL};
  assert_int_equal(cl_cli_command_word(2, alone), 2);
  char *none[] = {W("clade"), NULL};
  assert_int_equal(cl_cli_command_word(1, none), 1);
  char *plain[] = {W("clade"), W("list"), W("--json"), NULL};
  assert_int_equal(cl_cli_command_word(3, plain), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_unique_prefix_of_a_long_option_works),
      cmocka_unit_test(a_whole_name_wins_over_longer_ones),
      cmocka_unit_test(short_options_can_be_joined_and_carry_values),
      cmocka_unit_test(words_behind_two_dashes_are_left_alone),
      cmocka_unit_test(negative_numbers_are_no_options),
      cmocka_unit_test(common_options_are_understood_by_every_command),
      cmocka_unit_test(help_is_shown_whatever_is_missing),
      cmocka_unit_test(a_command_keeps_an_option_of_its_own_for_itself),
      cmocka_unit_test(mistakes_get_a_sentence_with_the_remedy),
      cmocka_unit_test(common_options_may_stand_before_the_command),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
