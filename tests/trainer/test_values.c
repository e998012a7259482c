#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trainer/values.h"

static const char *arguments[] = {"program",  "--lr=0.5",   "--layers", "3",     "--lr",      "0.25",
                                  "--flag",   "--text=a=b", "-x",       "--neg", "-2.385e-3", "--last",
                                  "--empty=", "--",         "--lr",     "99",    NULL};
static struct cl_trainer_values values;

static int begin(void **state) {
  (void)state;
  values = (struct cl_trainer_values){.argc = 16, .argv = (char **)arguments};
  return 0;
}

static int finish(void **state) {
  (void)state;
  cl_trainer_values_done(&values);
  return 0;
}

static struct cl_trainer_value *find(const char *name) {
  struct cl_trainer_value *value = NULL;
  assert_int_equal(cl_trainer_value_find(&values, name, &value, NULL), 0);
  return value;
}

static void set(const char *name, struct cl_wire_value value) {
  struct cl_wire_pair pair = {name, value};
  assert_int_equal(cl_trainer_value_set(&values, &pair, NULL), 0);
}

static void arguments_are_found_in_both_forms(void **state) {
  (void)state;
  assert_string_equal(cl_trainer_argument(&values, "lr"), "0.25");
  assert_string_equal(cl_trainer_argument(&values, "layers"), "3");
  assert_string_equal(cl_trainer_argument(&values, "flag"), "true");
  assert_string_equal(cl_trainer_argument(&values, "text"), "a=b");
  assert_string_equal(cl_trainer_argument(&values, "neg"), "-2.385e-3");
  assert_string_equal(cl_trainer_argument(&values, "last"), "true");
  assert_string_equal(cl_trainer_argument(&values, "empty"), "");
  assert_null(cl_trainer_argument(&values, "l"));
  assert_null(cl_trainer_argument(&values, "x"));
  values.argc = 0;
  assert_null(cl_trainer_argument(&values, "lr"));
}

static void arguments_win_over_the_environment_and_that_over_defaults(void **state) {
  (void)state;
  double x = 0;
  const char *text = NULL;
  assert_int_equal(setenv("CLADE_PARAM_lr", "7", 1) | setenv("CLADE_PARAM_a_b_c", "8", 1), 0);
  assert_int_equal(cl_trainer_value_default(&values, "lr", "1", NULL), 0);
  assert_int_equal(cl_trainer_value_default(&values, "a.b-c", "2", NULL), 0);
  assert_int_equal(cl_trainer_value_default(&values, "other", "3", NULL), 0);
  assert_int_equal(cl_trainer_value_default(&values, "other", "3.50", NULL), 0);
  unsetenv("CLADE_PARAM_lr");
  unsetenv("CLADE_PARAM_a_b_c");
  assert_int_equal(cl_trainer_value_float(find("lr"), &x, NULL), 0);
  assert_true(x == 0.25);
  assert_int_equal(cl_trainer_value_float(find("a.b-c"), &x, NULL), 0);
  assert_true(x == 8);
  assert_int_equal(cl_trainer_value_text(find("other"), &text, NULL), 0);
  assert_string_equal(text, "3.50");
  assert_null(find("nothing"));
}

static void the_study_wins_and_tells_what_changed(void **state) {
  (void)state;
  const char *text = NULL;
  set("lr", (struct cl_wire_value){.kind = CL_WIRE_FLOAT, .number = 0.25});
  assert_false(find("lr")->changed);
  set("lr", (struct cl_wire_value){.kind = CL_WIRE_FLOAT, .number = 0.125});
  assert_true(find("lr")->changed);
  cl_trainer_values_settle(&values);
  set("lr", (struct cl_wire_value){.kind = CL_WIRE_FLOAT, .number = 0.125});
  assert_false(find("lr")->changed);
  assert_int_equal(cl_trainer_value_text(find("lr"), &text, NULL), 0);
  assert_string_equal(text, "0.125");
  set("lr", (struct cl_wire_value){.kind = CL_WIRE_TEXT, .text = "fast"});
  assert_int_equal(cl_trainer_value_text(find("lr"), &text, NULL), 0);
  assert_string_equal(text, "fast");
  set("new", (struct cl_wire_value){.kind = CL_WIRE_NULL});
  assert_true(find("new")->changed);
}

/* What each getter makes of a value: float, int, bool (2 = an error), text. */
static void values_are_read_as_the_type_asked_for(void **state) {
  (void)state;
  static const struct {
    struct cl_wire_value value;
    double number, integer; /* -999 = an error */
    int boolean;
    const char *text;
  } known[] = {
      {{.kind = CL_WIRE_INT, .integer = 1}, 1, 1, 1, "1"},
      {{.kind = CL_WIRE_INT, .integer = -42}, -42, -42, 2, "-42"},
      {{.kind = CL_WIRE_FLOAT, .number = 3}, 3, 3, 2, "3"},
      {{.kind = CL_WIRE_FLOAT, .number = 2.385}, 2.385, -999, 2, "2.385"},
      {{.kind = CL_WIRE_FLOAT, .number = 1e300}, 1e300, -999, 2, "1e+300"},
      {{.kind = CL_WIRE_BOOL, .boolean = true}, -999, -999, 1, "true"},
      {{.kind = CL_WIRE_BOOL}, -999, -999, 0, "false"},
      {{.kind = CL_WIRE_TEXT, .text = "12"}, 12, 12, 2, "12"},
      {{.kind = CL_WIRE_TEXT, .text = "false"}, -999, -999, 0, "false"},
      {{.kind = CL_WIRE_TEXT, .text = "adam"}, -999, -999, 2, "adam"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    double number = -999;
    int64_t integer = -999;
    bool boolean = false;
    const char *text = NULL;
    set("v", known[i].value);
    int status = cl_trainer_value_float(find("v"), &number, NULL);
    assert_true(number == known[i].number && status == (number == -999 ? CLADE_EINVAL : 0));
    status = cl_trainer_value_int(find("v"), &integer, NULL);
    assert_true((double)integer == known[i].integer && status == (integer == -999 ? CLADE_EINVAL : 0));
    status = cl_trainer_value_bool(find("v"), &boolean, NULL);
    assert_int_equal(status, known[i].boolean == 2 ? CLADE_EINVAL : 0);
    assert_true(known[i].boolean == 2 || boolean == (known[i].boolean == 1));
    assert_int_equal(cl_trainer_value_text(find("v"), &text, NULL), 0);
    assert_string_equal(text, known[i].text);
  }
}

static void null_is_a_value_of_some_types(void **state) {
  (void)state;
  double number = 0;
  int64_t integer = 0;
  bool boolean = false;
  const char *text = "";
  set("v", (struct cl_wire_value){.kind = CL_WIRE_NULL});
  assert_int_equal(cl_trainer_value_float(find("v"), &number, NULL), 0);
  assert_true(isnan(number));
  assert_int_equal(cl_trainer_value_text(find("v"), &text, NULL), 0);
  assert_null(text);
  assert_int_equal(cl_trainer_value_int(find("v"), &integer, NULL), CLADE_EINVAL);
  assert_int_equal(cl_trainer_value_bool(find("v"), &boolean, NULL), CLADE_EINVAL);
}

static void sentences_name_the_value_and_the_remedy(void **state) {
  (void)state;
  struct cl_err e = {0};
  int64_t integer = 0;
  set("lr", (struct cl_wire_value){.kind = CL_WIRE_FLOAT, .number = 2.385});
  set("opt", (struct cl_wire_value){.kind = CL_WIRE_TEXT, .text = "adam"});
  (void)cl_trainer_value_int(find("lr"), &integer, &e);
  assert_string_equal(e.text, "the value of 'lr' is 2.385, which is not an integer");
  (void)cl_trainer_value_unknown(&values, "lrr", &e);
  assert_string_equal(e.text,
                      "there is no value of 'lrr'; there are: lr, opt. Give it one by clade_trainer_default, "
                      "--lrr=… or the study");
  struct cl_trainer_value *value = NULL;
  assert_int_equal(cl_trainer_value_find(&values, "", &value, &e), CLADE_EINVAL);
  assert_int_equal(cl_trainer_value_find(&values, NULL, &value, &e), CLADE_EINVAL);
  char name[300];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  assert_int_equal(cl_trainer_value_find(&values, name, &value, &e), CLADE_EINVAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(arguments_are_found_in_both_forms, begin, finish),
      cmocka_unit_test_setup_teardown(arguments_win_over_the_environment_and_that_over_defaults, begin,
                                      finish),
      cmocka_unit_test_setup_teardown(the_study_wins_and_tells_what_changed, begin, finish),
      cmocka_unit_test_setup_teardown(values_are_read_as_the_type_asked_for, begin, finish),
      cmocka_unit_test_setup_teardown(null_is_a_value_of_some_types, begin, finish),
      cmocka_unit_test_setup_teardown(sentences_name_the_value_and_the_remedy, begin, finish)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
