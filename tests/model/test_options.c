/* Options of a method: checked against its table, read with its defaults. */
#include "cmocka_all.h"
#include "model/options.h"

static const struct cl_option own[] = {{"sd", "float", 0, 9, "0.1", "how far", NULL},
                                       {"of", "object", 0, 0, "{}", "single ones", NULL},
                                       {NULL, NULL, 0, 0, NULL, NULL, NULL}};
static const struct cl_option table[] = {
    {"count", "int", 1, 40, "7", "how many", "number"},
    {"rate", "float", 0, 0.5, "0.2385", "how fast", NULL},
    {"fair", "bool", 0, 1, "true", "is it?", NULL},
    {"levels", "floats", -1, 1, "[0.25, 0.75]", "where", NULL},
    {"form", "owen|none", 0, 0, "owen", "which", NULL},
    {"metric", "text", 0, 0, "", "what", NULL},
    {"inner", "object", 0, 0, "{}", "more", NULL},
    {"outer", "object", 0, 0, "{}", "with defaults", NULL, own},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
static const struct cl_option nothing[] = {{NULL, NULL, 0, 0, NULL, NULL, NULL}};

static struct cl_options options_of(const char *given) {
  struct cl_options o = {.section = "search", .method = "m", .table = table};
  if (given == NULL) return o;
  json_t *node = json_loads(given, 0, NULL);
  assert_non_null(node);
  o.given = node;
  return o;
}

static void options_end(struct cl_options *o) {
  json_decref((json_t *)(uintptr_t)o->given);
}

static void what_fits_is_taken(void **state) {
  (void)state;
  static const char *const good[] = {
      "{}",
      "{\"method\": 17, \"rate\": null, \"count\": 40}",
      "{\"number\": 2.0, \"rate\": 0, \"fair\": false, \"levels\": [-1, 1], \"form\": \"none\"}",
      "{\"metric\": \"loss\", \"inner\": {\"a\": 1}, \"form\": \"owen\", \"rate\": 0.5}",
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    struct cl_options o = options_of(good[i]);
    struct cl_err e = {0};
    if (cl_options_check(&o, &e) != 0) fail_msg("%s: %s", good[i], e.text);
    options_end(&o);
  }
  struct cl_options none = options_of(NULL);
  assert_int_equal(cl_options_check(&none, NULL), 0);
}

static void what_does_not_fit_is_refused_by_its_name(void **state) {
  (void)state;
  static const struct {
    const char *given, *part;
  } bad[] = {
      {"{\"count\": 0}", "search: count of method m must be a whole number in 1…40"},
      {"{\"count\": 41}", "whole number in 1…40"},
      {"{\"count\": 2.5}", "whole number in 1…40"},
      {"{\"number\": \"7\"}", "count of method m must be a whole number"},
      {"{\"rate\": 0.75}", "rate of method m must be a number in 0…0.5"},
      {"{\"rate\": true}", "must be a number"},
      {"{\"fair\": 1}", "fair of method m must be true or false"},
      {"{\"levels\": []}", "levels of method m must be a list of 1 to 16 numbers in -1…1"},
      {"{\"levels\": 0.5}", "must be a list"},
      {"{\"levels\": [0.5, 1.5]}", "must be a list"},
      {"{\"levels\": [-2]}", "must be a list"},
      {"{\"levels\": [0, \"a\"]}", "must be a list"},
      {"{\"levels\": [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}", "must be a list"},
      {"{\"form\": \"owe\"}", "form of method m must be one of owen|none"},
      {"{\"form\": \"\"}", "must be one of"},
      {"{\"form\": \"ow|none\"}", "must be one of"},
      {"{\"form\": 3}", "must be one of"},
      {"{\"metric\": \"\"}", "metric of method m must be a text"},
      {"{\"metric\": 3}", "must be a text"},
      {"{\"inner\": [1]}", "inner of method m must be options of its own"},
      {"{\"cuont\": 3}", "method m has no option \"cuont\"; did you mean count?"},
      {"{\"q\": 3}", "its options are count, rate, fair, levels, form, metric, inner"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct cl_options o = options_of(bad[i].given);
    struct cl_err e = {0};
    assert_int_equal(cl_options_check(&o, &e), CLADE_ESPEC);
    if (strstr(e.text, bad[i].part) == NULL) fail_msg("%s: %s", bad[i].given, e.text);
    options_end(&o);
  }
  struct cl_options o = options_of("{\"q\": 3}");
  struct cl_err e = {0};
  o.table = nothing;
  assert_int_equal(cl_options_check(&o, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "it has none"));
  options_end(&o);
}

static void what_is_not_given_has_its_default(void **state) {
  (void)state;
  double list[CL_OPTION_LIST_MAX];
  struct cl_options o = options_of("{\"rate\": null, \"inner\": null}");
  assert_true(cl_options_number(&o, "count") == 7);
  assert_true(cl_options_number(&o, "rate") == 0.2385);
  assert_true(cl_options_number(&o, "fair") == 1);
  assert_int_equal(cl_options_numbers(&o, "levels", list), 2);
  assert_true(list[0] == 0.25 && list[1] == 0.75);
  assert_string_equal(cl_options_word(&o, "form"), "owen");
  assert_null(cl_options_object(&o, "inner"));
  assert_false(cl_options_has(&o, "rate") || cl_options_has(&o, "form"));
  options_end(&o);
}

static void what_is_given_is_read_by_either_name(void **state) {
  (void)state;
  double list[CL_OPTION_LIST_MAX];
  struct cl_options o =
      options_of("{\"number\": 9, \"rate\": 0.125, \"fair\": false, \"levels\": [0.5, -1, 1],"
                 " \"form\": \"none\", \"inner\": {\"a\": 1}}");
  assert_true(cl_options_number(&o, "count") == 9 && cl_options_number(&o, "number") == 9);
  assert_true(cl_options_number(&o, "rate") == 0.125);
  assert_true(cl_options_number(&o, "fair") == 0);
  assert_int_equal(cl_options_numbers(&o, "levels", list), 3);
  assert_true(list[0] == 0.5 && list[1] == -1 && list[2] == 1);
  assert_string_equal(cl_options_word(&o, "form"), "none");
  assert_int_equal(json_object_size(cl_options_object(&o, "inner")), 1);
  assert_true(cl_options_has(&o, "count") && cl_options_has(&o, "inner"));
  options_end(&o);
}

static void options_are_written_for_people(void **state) {
  (void)state;
  static const struct {
    const char *given, *option, *text;
  } cases[] = {
      {"{}", "rate", "0.2385"},
      {"{\"rate\": null}", "rate", "0.2385"},
      {"{\"rate\": 0.125}", "rate", "0.125"},
      {"{\"fair\": true}", "fair", "true"},
      {"{\"fair\": false}", "fair", "false"},
      {"{\"form\": \"none\"}", "form", "none"},
      {"{\"levels\": [0.5, -1]}", "levels", "[0.5, -1]"},
      {"{\"inner\": {\"a\": 1}}", "inner", "{a 1}"},
      {"{\"inner\": {\"every\": \"30s\", \"of\": {\"lr\": [0.5, 2]}}}", "inner",
       "{every 30s, of {lr [0.5, 2]}}"},
      {NULL, "outer", "{sd 0.1}"},
      {"{\"outer\": {\"of\": {\"lr\": {\"sd\": 2.385}}}}", "outer", "{sd 0.1, of {lr {sd 2.385}}}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_options o = options_of(cases[i].given);
    struct cl_text t = {0};
    cl_options_write(&o, cases[i].option, &t);
    assert_string_equal(cl_text_get(&t), cases[i].text);
    cl_text_done(&t);
    options_end(&o);
  }
}

static void what_does_not_apply_is_not_written(void **state) {
  (void)state;
  static const struct {
    const char *given;
    bool inner;
  } cases[] = {{NULL, false},
               {"{\"inner\": null}", false},
               {"{\"inner\": {}}", false},
               {"{\"inner\": {\"every\": \"30s\"}}", true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_options o = options_of(cases[i].given);
    for (const struct cl_option *one = table; one->name != NULL; one++)
      assert_int_equal(cl_options_applies(&o, one), strcmp(one->name, "inner") != 0 || cases[i].inner);
    options_end(&o);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_fits_is_taken),
      cmocka_unit_test(what_does_not_fit_is_refused_by_its_name),
      cmocka_unit_test(what_is_not_given_has_its_default),
      cmocka_unit_test(what_is_given_is_read_by_either_name),
      cmocka_unit_test(options_are_written_for_people),
      cmocka_unit_test(what_does_not_apply_is_not_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
