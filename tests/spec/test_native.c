/* Native files: every key arrives in the settings, and defaults are as the manual says. */
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

#define HEAD "program: ./x\nmetric: {name: loss, goal: minimize}\ntrials: 7\n"

static void all_keys_reach_the_settings(void **state) {
  (void)state;
  struct help_options h;
  struct cl_spec_result r;
  struct cl_settings *s = NULL;
  struct cl_err e = {0};
  help_options_read(&h, "");
  const char *text =
      "study: mnist\nprogram: [\"./x\", 3, 'a b', \"{lr}\"]\nargs: after-script\ncwd: sub\n"
      "metric:\n  - {name: acc, goal: maximize, reduce: best, regex: \"acc=(.*)\"}\n"
      "  - {name: cost, goal: minimize}\nstep: epoch\n"
      "hyperparameters: [{name: lr, range: [0.1, 2.385], title: rate, key: '1', increment: \"+0.1\"},\n"
      "  {name: n, range: [1, 90], increment: 5}]\n"
      "search: {method: tpe, gamma: 0.3, deep: {list: [1, a, null, true]}}\nschedule: asha\n"
      "enqueue: [{lr: 1}]\ntrials: 17\nparallel: 3\nordered: 5\nseed: -42\nstore: sqlite:///x.db\n"
      "dir: /somewhere\ntarget: slurm\ngpus: [0, a]\n"
      "limits: {time: 1h30m, memory: 1.5G, retries: 2, max_failures: 0, grace: 500ms, reconnect: 20}\n";
  int status = help_resolve(text, &h, &r, &s, &e);
  if (status < 0) fail_msg("%s", e.text);
  assert_string_equal(s->study, "mnist");
  assert_string_equal(s->origin, "native");
  assert_int_equal(s->n_program, 4);
  assert_string_equal(s->program[1], "3");
  assert_string_equal(s->program[2], "a b");
  assert_string_equal(s->values_to, "after-script");
  char cwd[4096];
  (void)snprintf(cwd, sizeof cwd, "%s/sub", help_data());
  assert_string_equal(s->cwd, cwd);
  assert_int_equal(s->n_objectives, 2);
  assert_string_equal(s->objectives[0].name, "acc");
  assert_int_equal(s->objectives[0].goal, CL_MAXIMIZE);
  assert_int_equal(s->objectives[0].reduce, CL_BEST);
  assert_int_equal(s->objectives[1].goal, CL_MINIMIZE);
  assert_string_equal(s->metric_regex, "acc=(.*)");
  assert_string_equal(s->step, "epoch");
  assert_string_equal(s->space.items[0].title, "rate");
  assert_string_equal(s->space.items[0].key, "1");
  assert_string_equal(s->space.items[0].increment, "+0.1");
  assert_string_equal(s->space.items[1].increment, "+5");
  assert_string_equal(s->method, "tpe");
  const json_t *list = json_object_get(json_object_get(s->search, "deep"), "list");
  assert_int_equal(json_array_size(list), 4);
  assert_true(json_is_null(json_array_get(list, 2)) && json_is_true(json_array_get(list, 3)));
  assert_string_equal(json_string_value(json_object_get(s->schedule, "method")), "asha");
  assert_int_equal(json_array_size(s->enqueue), 1);
  assert_int_equal(s->trials, 17);
  assert_int_equal(s->parallel, 3);
  assert_int_equal(s->lag, 5);
  assert_true(r.has_seed && r.seed == -42);
  assert_string_equal(r.store, "sqlite:///x.db");
  assert_string_equal(r.target, "slurm");
  assert_string_equal(s->directory, "/somewhere");
  assert_true(s->time_s == 5400 && s->grace_s == 0.5 && s->reconnect_s == 20);
  assert_int_equal(s->memory_bytes, 1610612736);
  assert_int_equal(s->retries, 2);
  assert_int_equal(s->max_failures, 0);
  assert_string_equal(json_string_value(json_array_get(json_object_get(s->json, "gpus"), 0)), "0");
  cl_settings_destroy(s);
  cl_spec_result_done(&r);
  help_options_done(&h);
}

static void lag_of_ordered_mode_is_parallel_or_the_whole_population(void **state) {
  (void)state;
  struct cl_settings *s =
      help_settings(HEAD "hyperparameters: {lr: 0.1:1}\nordered: true\nparallel: 3\n", "");
  assert_int_equal(s->lag, 3);
  cl_settings_destroy(s);
  s = help_settings(HEAD "hyperparameters: {lr: 0.1:1}\nordered: true\nparallel: 3\n"
                         "schedule: {method: pbt}\n",
                    "");
  assert_int_equal(s->lag, 7);
  cl_settings_destroy(s);
}

static void defaults_are_small_and_free(void **state) {
  (void)state;
  struct cl_settings *s = help_settings(HEAD "hyperparameters: {lr: 0.1:1}\n", "");
  assert_string_equal(s->study, "spec");
  assert_string_equal(s->method, "random");
  assert_string_equal(s->values_to, "placeholders");
  assert_int_equal(s->parallel, 1);
  assert_int_equal(s->lag, 0);
  assert_null(s->schedule);
  assert_false(s->repeats);
  cl_settings_destroy(s);
}

static void a_range_is_whole_by_how_it_is_written(void **state) {
  (void)state;
  struct cl_settings *s =
      help_settings(HEAD "hyperparameters:\n"
                         "  - {name: a, range: [1, 4]}\n  - {name: b, range: [0, 1]}\n"
                         "  - {name: c, range: [1, 4.0]}\n  - {name: d, range: [1, 1e2]}\n"
                         "  - {name: e, range: [1, 4], type: float}\n"
                         "  - {name: f, range: [0, 1], type: int}\n"
                         "  - {name: g, range: [-3, -1]}\n",
                    "");
  static const enum cl_domain domains[] = {CL_INTEGER, CL_FLOAT,   CL_FLOAT,  CL_FLOAT,
                                           CL_FLOAT,   CL_INTEGER, CL_INTEGER};
  for (int i = 0; i < 7; i++) assert_int_equal(s->space.items[i].domain, domains[i]);
  cl_settings_destroy(s);
}

static void the_three_forms_of_a_list_mean_the_same(void **state) {
  (void)state;
  static const char *const forms[] = {
      "  - name: &lr\n    range: [0.1, 2.385]\n    scale: log\n",
      "  - name: &lr\n      range: [0.1, 2.385]\n      scale: log\n",
      "  - name: lr\n    range: [0.1, 2.385]\n    scale: log\n",
      "  - &lr {name: lr, range: [0.1, 2.385], scale: log}\n",
      "  lr: {range: [0.1, 2.385], scale: log}\n",
      "  lr: &lr\n    range: [0.1, 2.385]\n    scale: log\n",
      "  lr: log(0.1, 2.385)\n",
  };
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    struct cl_text text = {0};
    cl_text_format(&text, "%shyperparameters:\n%s", HEAD, forms[i]);
    struct cl_settings *s = help_settings(cl_text_get(&text), "");
    const struct cl_hyperparameter *lr = help_find(s, "lr");
    assert_int_equal(lr->domain, CL_FLOAT);
    assert_int_equal(lr->scale, CL_LOG);
    assert_true(lr->lo == 0.1 && lr->hi == 2.385);
    assert_int_equal(lr->change, CL_LIVE);
    cl_settings_destroy(s);
    cl_text_done(&text);
  }
}

static void lists_are_ordered_when_their_numbers_only_rise_or_fall(void **state) {
  (void)state;
  struct cl_settings *s = help_settings(
      HEAD
      "hyperparameters:\n  a: [1, 2, 8]\n  b: [3, 2, 0.5]\n  c: [1, 3, 2]\n  d: [adam, sgd]\n  e: [true, false]\n"
      "  f: [1, null]\n  g: [only]\n  h: {ordered_tuning_values: [small, large]}\n"
      "  i: {unordered_tuning_values: [1, 2]}\n  j: {type: bool}\n  k: {type: string, values: [1e3, 007]}\n"
      "  l: {values: ['1', '2']}\n",
      "");
  static const enum cl_domain domains[] = {CL_ORDERED,   CL_ORDERED,   CL_UNORDERED, CL_UNORDERED,
                                           CL_UNORDERED, CL_UNORDERED, CL_CONSTANT,  CL_ORDERED,
                                           CL_UNORDERED, CL_UNORDERED, CL_UNORDERED, CL_UNORDERED};
  for (int i = 0; i < 12; i++) assert_int_equal(s->space.items[i].domain, domains[i]);
  assert_true(cl_value_equal(help_find(s, "b")->values[0], cl_value_real(3)));
  assert_int_equal(help_find(s, "f")->values[1].kind, CL_NULL);
  assert_string_equal(help_find(s, "k")->values[0].as.text, "1e3");
  assert_string_equal(help_find(s, "k")->values[1].as.text, "007");
  assert_string_equal(help_find(s, "l")->values[0].as.text, "1");
  assert_int_equal(help_find(s, "a")->change, CL_RESTART);
  cl_settings_destroy(s);
}

static void scales_steps_zero_and_change_classes_arrive(void **state) {
  (void)state;
  struct cl_settings *s =
      help_settings(HEAD "hyperparameters:\n"
                         "  - {name: a, range: [0.1, 0.9], scale: logit}\n"
                         "  - {name: b, range: [0.001, 1.0], scale: log, zero: true}\n"
                         "  - {name: c, range: [1, 64], scale: log, zero: 0.25, change: start}\n"
                         "  - {name: d, range: [0.0, 1.0], step: 0.25, change: restart}\n"
                         "  - {name: e, range: [0.5, 2.0], zero: false}\n",
                    "");
  assert_int_equal(help_find(s, "a")->scale, CL_LOGIT);
  assert_true(help_find(s, "b")->zero == 0.1);
  assert_true(help_find(s, "c")->zero == 0.25);
  assert_int_equal(help_find(s, "c")->change, CL_START);
  assert_true(help_find(s, "d")->step == 0.25);
  assert_int_equal(help_find(s, "d")->change, CL_RESTART);
  assert_true(help_find(s, "e")->zero == 0);
  cl_settings_destroy(s);
}

static void children_may_stand_before_their_parents(void **state) {
  (void)state;
  struct cl_settings *s = help_settings(HEAD "hyperparameters:\n"
                                             "  - {name: units, range: [16, 256], when: {layers: [2, 3]}}\n"
                                             "  - {name: layers, values: [1, 2, 3], when: {net: mlp}}\n"
                                             "  - {name: net, values: [mlp, linear]}\n",
                                        "");
  const struct cl_hyperparameter *units = help_find(s, "units");
  assert_string_equal(s->space.items[units->parent].name, "layers");
  assert_int_equal(units->n_when, 2);
  assert_int_equal(units->id, 1);
  assert_int_equal(help_find(s, "net")->parent, -1);
  cl_settings_destroy(s);
}

static void the_command_line_wins(void **state) {
  (void)state;
  const char *text =
      HEAD "hyperparameters: {lr: 0.1:1}\nsearch: {method: tpe, gamma: 0.3}\nschedule: asha\nseed: 3\n";
  struct cl_settings *s = help_settings(
      text, "--trials 99 --parallel 4 --method dgd --scheduler none --study other --maximize acc "
            "-- python -c x --lr {lr}");
  assert_int_equal(s->trials, 99);
  assert_int_equal(s->parallel, 4);
  assert_string_equal(s->method, "dgd");
  assert_null(json_object_get(s->search, "gamma"));
  assert_null(s->schedule);
  assert_string_equal(s->study, "other");
  assert_int_equal(s->n_objectives, 1);
  assert_string_equal(s->objectives[0].name, "acc");
  assert_int_equal(s->objectives[0].goal, CL_MAXIMIZE);
  assert_string_equal(s->program[0], "python");
  cl_settings_destroy(s);
  s = help_settings(text, "--method tpe");
  assert_true(json_real_value(json_object_get(s->search, "gamma")) == 0.3);
  cl_settings_destroy(s);
}

static void budgets_come_from_population_and_grid_when_not_said(void **state) {
  (void)state;
  const char *head = "program: ./x\nmetric: {name: loss, goal: minimize}\nhyperparameters: {lr: [1, 2, 3]}\n";
  struct cl_text text = {0};
  cl_text_format(&text, "%sschedule: {method: pbt, population: 13}\n", head);
  struct cl_settings *s = help_settings(cl_text_get(&text), "");
  assert_int_equal(s->trials, 13);
  cl_settings_destroy(s);
  s = help_settings(head, "--method grid");
  assert_int_equal(s->trials, CL_TRIALS_MAX);
  cl_settings_destroy(s);
  cl_text_done(&text);
}

static void once_runs_the_tuned_values_alone(void **state) {
  (void)state;
  struct help_options h;
  struct cl_spec_result r;
  struct cl_settings *s = NULL;
  help_options_read(&h, "--once --trials 50 --parallel 2");
  const char *text =
      HEAD "hyperparameters:\n  - {name: a, values: [1, 2], tuned_value: 1}\n  - {name: b, values: [7]}\n"
           "  - {name: c, range: [1, 9], when: {a: 2}}\n  - {name: d, range: [1, 9], tuned_value: 3}\n";
  assert_int_equal(help_resolve(text, &h, &r, &s, NULL), 0);
  assert_true(r.once && s->repeats);
  assert_int_equal(s->trials, 1);
  assert_int_equal(s->parallel, 1);
  cl_settings_destroy(s);
  cl_spec_result_done(&r);
  help_options_done(&h);
}

static void aliases_outside_the_trainer_are_followed(void **state) {
  (void)state;
  struct cl_settings *s = help_settings(HEAD "hyperparameters:\n  - {name: a, values: &list [1, 2]}\n"
                                             "  - {name: b, values: *list, tuned_value: 2}\n",
                                        "");
  assert_int_equal(help_find(s, "b")->n_values, 2);
  cl_settings_destroy(s);
}

static void a_file_of_distributions_replaces_the_hyperparameters(void **state) {
  (void)state;
  char line[4200];
  (void)snprintf(line, sizeof line, "--hp-config %s/hparams.yaml", help_data());
  struct cl_settings *s = help_settings(HEAD "hyperparameters: {other: [1, 2]}\n", line);
  assert_int_equal(s->space.n, 5);
  assert_int_equal(help_find(s, "lr")->scale, CL_LOG);
  assert_true(fabs(help_find(s, "lr")->lo - exp(-9)) < 1e-12);
  assert_true(help_find(s, "seed")->drawn);
  assert_int_equal(help_find(s, "depth")->domain, CL_CONSTANT);
  assert_string_equal(s->values_to, "after-script");
  cl_settings_destroy(s);
}

static void limits_of_size_hold(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct cl_spec *s = NULL;
  char *text = cl_alloc(1100000);
  memset(text, '#', 1000001);
  assert_int_equal(cl_spec_parse(text, 1000001, "big", &s, &e), CLADE_ELIMIT);
  assert_non_null(strstr(e.text, "1000001 bytes"));
  for (size_t i = 0; i < 200; i++) memcpy(text + i, "[", 1);
  assert_int_equal(cl_spec_parse(text, 200, "deep", &s, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "nested deeper than 60"));
  size_t n = (size_t)snprintf(text, 100, "a: [");
  for (size_t i = 0; i < 400000; i++, n += 2) memcpy(text + n, "1,", 2);
  assert_int_equal(cl_spec_parse(text, n, "wide", &s, &e), CLADE_ELIMIT);
  assert_non_null(strstr(e.text, "300000"));
  assert_int_equal(cl_spec_parse("a: \xff\n", 5, "latin1", &s, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "latin1:1: the line is not UTF-8"));
  assert_int_equal(cl_spec_parse("a: \"\\0\"\n", 8, "zero", &s, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "zero byte"));
  const char *blank = "a: 1\nb: \"one \\ \n  two\"\n";
  assert_int_equal(cl_spec_parse(blank, strlen(blank), "blank", &s, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "blank:2:4: in this text a line ends with an escaped blank"));
  assert_int_equal(cl_spec_load("/nowhere/at/all.yaml", &s, &e), CLADE_ENOTFOUND);
  cl_free(text);
}

static void a_carriage_return_by_itself_ends_no_line(void **state) {
  (void)state;
  static const char text[] = "program: ./x\nmetric: {name: loss,\r goal: minimize}\n";
  struct cl_spec *s = NULL;
  struct cl_err e = {0};
  assert_int_equal(cl_spec_parse(text, strlen(text), "old", &s, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "old:2:21: "));
  assert_non_null(strstr(e.text, "a carriage return ends no line by itself"));
}

static void check_refused(const struct cl_text *text, const char *part) {
  struct help_options h;
  struct cl_spec_result r;
  struct cl_err e = {0};
  help_options_read(&h, "");
  assert_int_equal(help_resolve(cl_text_get(text), &h, &r, NULL, &e), CLADE_ESPEC);
  if (strstr(e.text, part) == NULL) fail_msg("%s", e.text);
  help_options_done(&h);
}

static void add_long_text(struct cl_text *t, const char *name, int n) {
  cl_text_format(t, "%s: &long ", name);
  for (int i = 0; i < n; i++) cl_text_add_char(t, 'x');
  cl_text_add_char(t, '\n');
}

static void add_aliases(struct cl_text *t, int n) {
  cl_text_add_char(t, '[');
  for (int i = 0; i < n; i++) cl_text_add(t, "*long,");
  cl_text_add(t, "]\n");
}

/* A megabyte of text with aliases could stand for terabytes. */
static void aliases_do_not_blow_up(void **state) {
  (void)state;
  struct cl_text t = {0};
  add_long_text(&t, "step", 9000);
  cl_text_add(&t, "program: ");
  add_aliases(&t, 5000);
  check_refused(&t, "the command is longer than systems allow");
  cl_text_clear(&t);
  add_long_text(&t, "step", 9000);
  cl_text_add(&t, HEAD "trainer: ");
  add_aliases(&t, 5000);
  check_refused(&t, "aliases make this part too large");
  cl_text_clear(&t);
  add_long_text(&t, "step", 9000);
  cl_text_add(&t, HEAD "search: {method: random, x: ");
  add_aliases(&t, 5000);
  cl_text_add(&t, "}\n");
  check_refused(&t, "aliases make this part too large");
  cl_text_clear(&t);
  cl_text_add(&t, HEAD "hyperparameters:\n  - {name: a, values: &long [1");
  for (int i = 2; i < 20000; i++) cl_text_format(&t, ",%d", i);
  cl_text_add(&t, "]}\n");
  for (int i = 0; i < 60; i++) cl_text_format(&t, "  - {name: b%d, values: *long}\n", i);
  check_refused(&t, "all lists together have more than 1000000 values");
  cl_text_done(&t);
}

static void brackets_may_close_at_the_beginning_of_a_line(void **state) {
  (void)state;
  struct cl_settings *s =
      help_settings("program: [\n  x\n]\nmetric: {\n  name: loss,\n  goal: minimize\n}\ntrials: 3\n", "");
  assert_int_equal(s->trials, 3);
  cl_settings_destroy(s);
}

static void quoted_texts_may_hold_many_escapes(void **state) {
  (void)state;
  struct cl_settings *s =
      help_settings(HEAD "step: \"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\t\\u00e9 x\"\n"
                         "study: 'epoch'\ncwd: '/x'\n",
                    "");
  assert_string_equal(s->step, "\"\"\"\"\"\"\"\"\"\"\"\"\t\xc3\xa9 x");
  assert_string_equal(s->cwd, "/x");
  cl_settings_destroy(s);
  s = help_settings(HEAD "step: 'na\xc3\xafve \xf0\x9f\x98\x80'\nstudy: \"\xc3\xa9\xe2\x82\xac\"\n", "");
  assert_string_equal(s->step, "na\xc3\xafve \xf0\x9f\x98\x80");
  assert_string_equal(s->study, "\xc3\xa9\xe2\x82\xac");
  cl_settings_destroy(s);
  s = help_settings(HEAD "step: \"a\n  b\\\n  c\n\n  d\"\n", ""); /* lines of a quoted text are folded */
  assert_string_equal(s->step, "a bc\nd");
  cl_settings_destroy(s);
}

static void a_mark_of_the_editor_is_skipped(void **state) {
  (void)state;
  struct cl_settings *s = help_settings("\xEF\xBB\xBF" HEAD, "");
  assert_int_equal(s->trials, 7);
  cl_settings_destroy(s);
}

static void a_thousand_hyperparameters_are_the_limit(void **state) {
  (void)state;
  struct cl_text text = {0};
  cl_text_add(&text, HEAD "hyperparameters:\n");
  for (int i = 0; i < 1000; i++) cl_text_format(&text, "  a%d: 0.5:2.385\n", i);
  struct cl_settings *s = help_settings(cl_text_get(&text), "");
  assert_int_equal(s->space.n, 1000);
  cl_settings_destroy(s);
  cl_text_add(&text, "  b: 1:9\n");
  struct help_options h;
  struct cl_spec_result r;
  struct cl_err e = {0};
  help_options_read(&h, "");
  assert_int_equal(help_resolve(cl_text_get(&text), &h, &r, NULL, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "spec.yaml:1005:3: this is hyperparameter 1001; a study has at most 1000"));
  help_options_done(&h);
  cl_text_done(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_keys_reach_the_settings),
      cmocka_unit_test(lag_of_ordered_mode_is_parallel_or_the_whole_population),
      cmocka_unit_test(defaults_are_small_and_free),
      cmocka_unit_test(a_range_is_whole_by_how_it_is_written),
      cmocka_unit_test(the_three_forms_of_a_list_mean_the_same),
      cmocka_unit_test(lists_are_ordered_when_their_numbers_only_rise_or_fall),
      cmocka_unit_test(scales_steps_zero_and_change_classes_arrive),
      cmocka_unit_test(children_may_stand_before_their_parents),
      cmocka_unit_test(the_command_line_wins),
      cmocka_unit_test(budgets_come_from_population_and_grid_when_not_said),
      cmocka_unit_test(once_runs_the_tuned_values_alone),
      cmocka_unit_test(aliases_outside_the_trainer_are_followed),
      cmocka_unit_test(a_file_of_distributions_replaces_the_hyperparameters),
      cmocka_unit_test(limits_of_size_hold),
      cmocka_unit_test(a_carriage_return_by_itself_ends_no_line),
      cmocka_unit_test(aliases_do_not_blow_up),
      cmocka_unit_test(brackets_may_close_at_the_beginning_of_a_line),
      cmocka_unit_test(quoted_texts_may_hold_many_escapes),
      cmocka_unit_test(a_mark_of_the_editor_is_skipped),
      cmocka_unit_test(a_thousand_hyperparameters_are_the_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
