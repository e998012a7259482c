/* Search expressions (origins B1-B3) and where their values go. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "help.h"

/* The settings of `train.py '--x=[EXPRESSION]'`. */
static struct cl_settings *settings_of(const char *expression) {
  struct cl_text line = {0};
  cl_text_format(&line, "--minimize loss --trials 5 -- python train.py '--x=[%s]'", expression);
  struct cl_settings *s = help_settings("", cl_text_get(&line));
  cl_text_done(&line);
  return s;
}

static void ranges_are_as_xt_defines_them(void **state) {
  (void)state;
  static const struct {
    const char *expression;
    enum cl_domain domain;
    enum cl_scale scale;
    double lo, hi, step;
  } cases[] = {
      {"$uniform(0.5, 2.385)", CL_FLOAT, CL_LINEAR, 0.5, 2.385, 0},
      {"$uniform(1, 9)", CL_FLOAT, CL_LINEAR, 1, 9, 0},
      {"@uniform(1, 9)", CL_FLOAT, CL_LINEAR, 1, 9, 0},
      {"uniform(-1,1)", CL_FLOAT, CL_LINEAR, -1, 1, 0},
      {"$quniform(0, 1, 0.25)", CL_FLOAT, CL_LINEAR, 0, 1, 0.25},
      {"$quniform(1.1, 5, 0.5)", CL_FLOAT, CL_LINEAR, 1, 5, 0.5},
      {"$quniform(16, 250, 16)", CL_INTEGER, CL_LINEAR, 16, 256, 16},
      {"$randint(17)", CL_INTEGER, CL_LINEAR, 0, 16, 1},
      {"log(1e-5, 1e-1)", CL_FLOAT, CL_LOG, 1e-5, 1e-1, 0},
      {"log(1, 512)", CL_INTEGER, CL_LOG, 1, 512, 1},
      {"int(0, 1)", CL_INTEGER, CL_LINEAR, 0, 1, 1},
      {"0.5:2.385", CL_FLOAT, CL_LINEAR, 0.5, 2.385, 0},
      {"-3:8", CL_INTEGER, CL_LINEAR, -3, 8, 1},
      {"0:1", CL_FLOAT, CL_LINEAR, 0, 1, 0},
      {" 16 : 256 : 16 ", CL_INTEGER, CL_LINEAR, 16, 256, 16},
      {"0:1:0.25", CL_FLOAT, CL_LINEAR, 0, 1, 0.25},
      {"0:10:0.5", CL_FLOAT, CL_LINEAR, 0, 10, 0.5},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct cl_settings *s = settings_of(cases[i].expression);
    const struct cl_hyperparameter *h = help_find(s, "x");
    if (h->domain != cases[i].domain || h->scale != cases[i].scale || h->lo != cases[i].lo ||
        h->hi != cases[i].hi || h->step != cases[i].step)
      fail_msg("%s: domain %d, scale %d, %.17g ... %.17g by %.17g", cases[i].expression, (int)h->domain,
               (int)h->scale, h->lo, h->hi, h->step);
    assert_false(h->drawn);
    cl_settings_destroy(s);
  }
}

static void loguniform_takes_exponents_of_e(void **state) {
  (void)state;
  struct cl_settings *s = settings_of("$loguniform(-9.5, -2)");
  assert_int_equal(help_find(s, "x")->scale, CL_LOG);
  assert_true(help_find(s, "x")->lo == exp(-9.5) && help_find(s, "x")->hi == exp(-2));
  cl_settings_destroy(s);
}

static void normals_have_mean_and_deviation(void **state) {
  (void)state;
  struct cl_settings *s = settings_of("$normal(2.385, 0.5)");
  const struct cl_hyperparameter *h = help_find(s, "x");
  assert_int_equal(h->scale, CL_NORMAL);
  assert_true(h->mean == 2.385 && h->sd == 0.5 && isinf(h->lo) && isinf(h->hi));
  cl_settings_destroy(s);
  s = settings_of("$lognormal(-1, 2)");
  assert_int_equal(help_find(s, "x")->scale, CL_LOGNORMAL);
  assert_true(help_find(s, "x")->mean == -1 && help_find(s, "x")->lo == 0);
  cl_settings_destroy(s);
  s = settings_of("$qnormal(10, 3, 0.5)");
  assert_true(help_find(s, "x")->scale == CL_NORMAL && help_find(s, "x")->step == 0.5);
  cl_settings_destroy(s);
  s = settings_of("$qlognormal(1, 0.5, 2)");
  assert_true(help_find(s, "x")->scale == CL_LOGNORMAL && help_find(s, "x")->step == 2);
  cl_settings_destroy(s);
  s = settings_of("0:1:0.25:0.125");
  h = help_find(s, "x");
  assert_true(h->scale == CL_NORMAL && h->lo == 0 && h->hi == 1 && h->mean == 0.25 && h->sd == 0.125);
  cl_settings_destroy(s);
}

static void qloguniform_gives_zero_the_share_that_rounds_to_it(void **state) {
  (void)state;
  struct cl_settings *s = settings_of("$qloguniform(-3, 3, 2)");
  const struct cl_hyperparameter *h = help_find(s, "x");
  assert_int_equal(h->domain, CL_INTEGER);
  assert_true(h->lo == 2 && h->hi == 20 && h->step == 2);
  assert_true(fabs(h->zero - (log(1) + 3) / 6) < 1e-12);
  cl_settings_destroy(s);
  s = settings_of("$qloguniform(2, 5, 0.5)");
  h = help_find(s, "x");
  assert_true(h->domain == CL_FLOAT && h->lo == 7.5 && h->hi == 148.5 && h->zero == 0);
  cl_settings_destroy(s);
}

static void an_empty_randint_is_a_fresh_seed(void **state) {
  (void)state;
  struct cl_settings *s = settings_of("$randint()");
  const struct cl_hyperparameter *h = help_find(s, "x");
  assert_true(h->drawn && h->domain == CL_INTEGER && h->lo == 0 && h->hi == 2147483646);
  assert_int_equal(h->change, CL_START);
  cl_settings_destroy(s);
}

static void lists_hold_numbers_texts_and_quotes(void **state) {
  (void)state;
  struct cl_settings *s = settings_of("0.1, 0.03 ,0.01");
  assert_int_equal(help_find(s, "x")->domain, CL_ORDERED);
  assert_true(help_find(s, "x")->values[1].as.real == 0.03);
  cl_settings_destroy(s);
  s = settings_of("adam,sgd, true,null,\"a, b\",\"\\\"7\\\"\",");
  const struct cl_hyperparameter *h = help_find(s, "x");
  assert_int_equal(h->domain, CL_UNORDERED);
  assert_int_equal(h->n_values, 6);
  assert_int_equal(h->values[2].kind, CL_BOOL);
  assert_int_equal(h->values[3].kind, CL_NULL);
  assert_string_equal(h->values[4].as.text, "a, b");
  assert_string_equal(h->values[5].as.text, "\"7\"");
  cl_settings_destroy(s);
  s = settings_of("$choice(3, 1, 2)");
  assert_int_equal(help_find(s, "x")->domain, CL_UNORDERED);
  cl_settings_destroy(s);
  s = settings_of("$choice([1, 2, 3])");
  assert_int_equal(help_find(s, "x")->domain, CL_UNORDERED);
  assert_int_equal(help_find(s, "x")->n_values, 3);
  cl_settings_destroy(s);
}

static void linspace_is_a_list_with_both_ends(void **state) {
  (void)state;
  struct cl_settings *s = settings_of("$linspace(0, 1, 5)");
  const struct cl_hyperparameter *h = help_find(s, "x");
  assert_int_equal(h->domain, CL_ORDERED);
  assert_int_equal(h->n_values, 5);
  for (int i = 0; i < 5; i++) assert_true(cl_value_equal(h->values[i], cl_value_real(i * 0.25)));
  cl_settings_destroy(s);
  s = settings_of("$linspace(10, 50, 5)");
  assert_true(cl_value_equal(help_find(s, "x")->values[4], cl_value_int(50)));
  cl_settings_destroy(s);
}

static void one_value_is_tried_as_a_constant(void **state) {
  (void)state;
  struct cl_settings *s = settings_of("adamw");
  assert_int_equal(help_find(s, "x")->domain, CL_CONSTANT);
  assert_string_equal(help_find(s, "x")->values[0].as.text, "adamw");
  cl_settings_destroy(s);
}

static void a_star_stands_for_files(void **state) {
  (void)state;
  struct cl_settings *s = settings_of("xt_*.yaml");
  const struct cl_hyperparameter *h = help_find(s, "x");
  assert_int_equal(h->domain, CL_UNORDERED);
  assert_int_equal(h->n_values, 2);
  assert_string_equal(h->values[0].as.text, "xt_maze.yaml");
  assert_string_equal(h->values[1].as.text, "xt_tutorial.yaml");
  cl_settings_destroy(s);
}

static void check_words(const struct cl_settings *s, const struct cl_value *values, const char *expected) {
  char **words = NULL;
  int n = 0;
  struct cl_err e = {0};
  if (cl_spec_command(s, values, "/d/spec.yaml", &n, &words, &e) < 0) fail_msg("%s", e.text);
  struct cl_text joined = {0};
  for (int i = 0; i < n; i++) cl_text_format(&joined, "%s%s", i == 0 ? "" : "|", words[i]);
  assert_null(words[n]);
  assert_string_equal(cl_text_get(&joined), expected);
  cl_text_done(&joined);
  cl_spec_command_free(words);
}

static void words_in_brackets_are_replaced_in_place(void **state) {
  (void)state;
  struct cl_settings *s = help_settings(
      "", "--minimize loss --trials 50 -- python train.py '--lr=[log(1e-5,1e-1)]' --epochs 3 "
          "--opt '[adam,sgd]' 'model.width=[16:64:16]' '--shape=[[3,4]]' '[[x]]' '--w={{}}' ++a.b=[1,2]");
  assert_string_equal(s->origin, "inline");
  assert_string_equal(s->study, "train");
  assert_int_equal(s->space.n, 4);
  struct cl_value values[] = {cl_value_real(0.00025), cl_value_text("sgd"), cl_value_int(48),
                              cl_value_int(2)};
  assert_string_equal(s->space.items[2].name, "model.width");
  assert_string_equal(s->space.items[3].name, "a.b");
  check_words(
      s, values,
      "python|train.py|--lr=0.00025|--epochs|3|--opt|sgd|model.width=48|--shape=[3,4]|[x]|--w={}|++a.b=2");
  cl_settings_destroy(s);
}

static void inactive_values_take_their_option_with_them(void **state) {
  (void)state;
  struct cl_settings *s = help_settings(
      "program: [./x, --opt, '{opt}', --momentum, '{momentum}', '--m={momentum}', '--both={opt}-{momentum}', end]\n"
      "metric: {name: loss, goal: minimize}\ntrials: 5\nhyperparameters:\n  - {name: opt, values: [adam, sgd]}\n"
      "  - {name: momentum, range: [0.1, 0.9], when: {opt: sgd}}\n",
      "");
  struct cl_value values[] = {cl_value_text("adam"), {.kind = CL_ABSENT}};
  check_words(s, values, "./x|--opt|adam|end");
  values[0] = cl_value_text("sgd");
  values[1] = cl_value_real(0.5);
  check_words(s, values, "./x|--opt|sgd|--momentum|0.5|--m=0.5|--both=sgd-0.5|end");
  cl_settings_destroy(s);
}

static void values_stand_after_the_script_when_asked(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"python -u train.py --epochs 3", "python|-u|train.py|--x=7|--epochs|3"},
      {"/usr/bin/python3.11 train.py", "/usr/bin/python3.11|train.py|--x=7"},
      {"python -m pkg.train -v", "python|-m|pkg.train|--x=7|-v"},
      {"./train.sh a", "./train.sh|--x=7|a"},
  };
  for (size_t i = 0; i < 4; i++) {
    struct cl_text text = {0};
    cl_text_format(&text,
                   "program: %s\nargs: after-script\nmetric: {name: loss, goal: minimize}\ntrials: 5\n"
                   "hyperparameters: {x: 1:9}\n",
                   cases[i][0]);
    struct cl_settings *s = help_settings(cl_text_get(&text), "");
    struct cl_value x = cl_value_int(7);
    check_words(s, &x, cases[i][1]);
    cl_settings_destroy(s);
    cl_text_done(&text);
  }
}

static void a_line_is_split_like_a_shell_would(void **state) {
  (void)state;
  struct cl_settings *s =
      help_settings("program: >-\n  python 'my train.py' --a=\"b c\" d\\ e --note \"\" {spec}\n"
                    "metric: {name: loss, goal: minimize}\ntrials: 5\ntrainer: {a: 1}\n",
                    "");
  check_words(s, NULL, "python|my train.py|--a=b c|d e|--note||/d/spec.yaml");
  cl_settings_destroy(s);
}

static void set_adds_to_a_command_line(void **state) {
  (void)state;
  struct help_options h;
  struct cl_spec_result r;
  struct cl_settings *s = NULL;
  help_options_read(
      &h, "--set search.gamma=0.3 --set limits.time=2h --set 'constraints=[\"a < b\"]' --method tpe "
          "--minimize loss --trials 5 -- ./x '--a=[1:9]' '--b=[1:9]'");
  struct cl_err e = {0};
  if (help_resolve("", &h, &r, &s, &e) < 0) fail_msg("%s", e.text);
  assert_string_equal(s->method, "tpe");
  assert_true(json_real_value(json_object_get(s->search, "gamma")) == 0.3);
  assert_true(s->time_s == 7200);
  assert_int_equal(s->space.n_constraints, 1);
  assert_string_equal(r.spec, "# clade run -- \"./x\" \"--a=[1:9]\" \"--b=[1:9]\"\nsearch: {gamma: 0.3}\n"
                              "limits: {time: 2h}\nconstraints: [\"a < b\"]\n");
  cl_settings_destroy(s);
  cl_spec_result_done(&r);
  help_options_done(&h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges_are_as_xt_defines_them),
      cmocka_unit_test(loguniform_takes_exponents_of_e),
      cmocka_unit_test(normals_have_mean_and_deviation),
      cmocka_unit_test(qloguniform_gives_zero_the_share_that_rounds_to_it),
      cmocka_unit_test(an_empty_randint_is_a_fresh_seed),
      cmocka_unit_test(lists_hold_numbers_texts_and_quotes),
      cmocka_unit_test(linspace_is_a_list_with_both_ends),
      cmocka_unit_test(one_value_is_tried_as_a_constant),
      cmocka_unit_test(a_star_stands_for_files),
      cmocka_unit_test(words_in_brackets_are_replaced_in_place),
      cmocka_unit_test(inactive_values_take_their_option_with_them),
      cmocka_unit_test(values_stand_after_the_script_when_asked),
      cmocka_unit_test(a_line_is_split_like_a_shell_would),
      cmocka_unit_test(set_adds_to_a_command_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
