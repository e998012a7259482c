/* Runspecs of XT/rl_nexus load unchanged (origins A1-A10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "help.h"

static char *read_data(const char *name) {
  char path[4096], *text = NULL;
  struct cl_err e = {0};
  (void)snprintf(path, sizeof path, "%s/%s", help_data(), name);
  if (cl_file_read(path, 1000000, &text, NULL, &e) < 0) fail_msg("%s", e.text);
  return text;
}

static void the_tutorials_runspec_loads_unchanged(void **state) {
  (void)state;
  char *text = read_data("xt_tutorial.yaml");
  struct cl_settings *s = help_settings(text, "-- python run.py {spec}");
  static const char *const names[] = {"seqlen", "disc", "clip", "lr", "rscale", "embed", "units", "out"};
  static const int counts[] = {7, 4, 6, 10, 5, 6, 5, 6};
  assert_int_equal(s->space.n, 8);
  for (int i = 0; i < 8; i++) {
    assert_string_equal(s->space.items[i].name, names[i]);
    assert_int_equal(s->space.items[i].n_values, counts[i]);
    assert_int_equal(s->space.items[i].domain, CL_ORDERED);
    assert_int_equal(s->space.items[i].change, CL_RESTART);
  }
  assert_true(help_find(s, "disc")->tuned.as.real == 0.9);
  assert_true(cl_value_equal(help_find(s, "disc")->values[3], cl_value_real(0.8)));
  assert_true(cl_value_equal(help_find(s, "lr")->tuned, cl_value_real(0.0004)));
  assert_true(cl_value_equal(help_find(s, "seqlen")->values[6], cl_value_int(32)));
  assert_string_equal(s->origin, "runspec");
  assert_string_equal(s->method, "random");
  assert_int_equal(s->trials, 500);
  assert_int_equal(s->parallel, 2);
  assert_false(s->repeats);
  assert_string_equal(s->objectives[0].name, "hpmax");
  assert_int_equal(s->objectives[0].goal, CL_MAXIMIZE);
  assert_string_equal(s->computed, "hpmax");
  char results[4096];
  (void)snprintf(results, sizeof results, "%s/../results", help_data());
  assert_string_equal(s->directory, results);
  assert_true(json_is_true(json_object_get(s->json, "tensorboard")));
  cl_settings_destroy(s);
  cl_free(text);
}

#define NESTED \
  "job_launcher:\n  hp_tuning: false\nhyperparameters:\n  - name: &lr\n      ordered_tuning_values: [1, 2]\n" \
  "      tuned_value: 1\nstages:\n  - {agent: *lr, max_iterations: 100000}  # long\n  - {report: 10}\n"

static void a_bare_name_is_the_one_key_of_that_name(void **state) {
  (void)state;
  struct help_options h;
  struct cl_spec_result r;
  struct cl_settings *s = NULL;
  struct cl_err e = {0};
  help_options_read(&h, "--set max_iterations=5000 -- python run.py {spec}");
  assert_int_equal(help_resolve(NESTED, &h, &r, &s, NULL), 0);
  assert_non_null(strstr(r.spec, "  - {agent: *lr, max_iterations: 5000}  # long\n"));
  cl_settings_destroy(s);
  cl_spec_result_done(&r);
  assert_int_equal(help_resolve(NESTED "  - {max_iterations: 3}\n", &h, &r, &s, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "several keys `max_iterations`"));
  help_options_done(&h);
}

static void the_preflight_copy_runs_once_with_tuned_values(void **state) {
  (void)state;
  struct help_options h;
  struct cl_spec_result r;
  struct cl_settings *s = NULL;
  char *text = read_data("xt_maze.yaml");
  help_options_read(&h, "--set max_iterations=5000 --set iters_per_report=1000 -- python run.py {spec}");
  assert_int_equal(help_resolve(text, &h, &r, &s, NULL), 0);
  assert_true(r.once && !r.launched && s->repeats);
  assert_int_equal(s->trials, 1);
  assert_non_null(strstr(r.spec, "\nmax_iterations: 5000\niters_per_report: 1000   # 10%\n"));
  struct cl_text copy = {0};
  struct cl_value tuned[2] = {s->space.items[0].tuned, s->space.items[1].tuned};
  assert_int_equal(cl_spec_dump(s, tuned, &copy, NULL), 0);
  assert_non_null(strstr(cl_text_get(&copy),
                         "hyperparameters:\n  - name: &lr 0.0003\n  - name: &net nets/GRU\n"
                         "# what follows belongs to the trainer\nmax_iterations: 5000\n"));
  cl_text_done(&copy);
  cl_settings_destroy(s);
  cl_spec_result_done(&r);
  help_options_done(&h);
  cl_free(text);
}

#define SECTION "hyperparameters:\n  - name: &lr\n    ordered_tuning_values: [1, 2, 3]\n    tuned_value: 2\n"

static void hp_tuning_chooses_the_method(void **state) {
  (void)state;
  static const char *const methods[][2] = {
      {"random", "random"}, {"grid", "grid"}, {"dgd", "dgd"}, {"bayesian", "tpe"}};
  for (size_t i = 0; i < 4; i++) {
    struct cl_text text = {0};
    cl_text_format(&text, "job_launcher:\n  hp_tuning: %s\n  total_runs: 20\n" SECTION "x: [*lr, randint]\n",
                   methods[i][0]);
    struct cl_settings *s = help_settings(cl_text_get(&text), "-- python run.py {spec}");
    assert_string_equal(s->method, methods[i][1]);
    assert_int_equal(s->trials, 20);
    assert_false(s->repeats);
    cl_settings_destroy(s);
    cl_text_done(&text);
  }
}

static void without_tuning_total_runs_repeats_the_tuned_values(void **state) {
  (void)state;
  struct cl_settings *s =
      help_settings("job_launcher:\n  hp_tuning: false\n  total_runs: 20\n  compute_nodes: 5\n"
                    "  runs_per_node: 4\n" SECTION "x: *lr\n",
                    "--cores 64 -- python run.py {spec}");
  assert_true(s->repeats);
  assert_int_equal(s->trials, 20);
  assert_int_equal(s->parallel, 20);
  cl_settings_destroy(s);
  s = help_settings("job_launcher:\n  compute_nodes: 5\n" SECTION, "--parallel 3 -- python run.py {spec}");
  assert_int_equal(s->trials, 5); /* one run per node */
  assert_int_equal(s->parallel, 3);
  cl_settings_destroy(s);
}

static void values_are_typed_in_the_order_of_xt(void **state) {
  (void)state;
  struct cl_settings *s = help_settings(
      "job_launcher:\n  hp_tuning: false\nhyperparameters:\n  - name: &a\n    unordered_tuning_values: [null, true, "
      "False, 7, -2.385, 1e-3, adam, no, 'a, b', \"8\"]\n    tuned_value: no\nx: *a\n",
      "-- x {spec}");
  static const enum cl_value_kind kinds[] = {CL_NULL, CL_BOOL, CL_BOOL, CL_INT,  CL_REAL,
                                             CL_REAL, CL_TEXT, CL_TEXT, CL_TEXT, CL_TEXT};
  const struct cl_hyperparameter *a = help_find(s, "a");
  assert_int_equal(a->n_values, 10);
  for (int i = 0; i < 10; i++) assert_int_equal(a->values[i].kind, kinds[i]);
  assert_true(a->values[4].as.real == -2.385);
  assert_string_equal(a->values[8].as.text, "a, b");
  assert_string_equal(a->tuned.as.text, "no");
  cl_settings_destroy(s);
}

static void list_items_are_separated_by_commas_or_spaces(void **state) {
  (void)state;
  struct cl_settings *s = help_settings("job_launcher:\n  hp_tuning: false\nhyperparameters:\n"
                                        "  - name: &a\n"
                                        "    ordered_tuning_values: [1 2,3 , 4]\n"
                                        "    tuned_value: 1\n"
                                        "\n"
                                        "# a comment\n"
                                        "  - name: &b # another\n"
                                        "    tuned_value: 'x y' # order does not matter\n"
                                        "    unordered_tuning_values: [\n"
                                        "      'x y', # it's first\n"
                                        "      it's,\n"
                                        "      -1 ]   # the end\n"
                                        "z: [*a, *b]\n",
                                        "-- x {spec}");
  const struct cl_hyperparameter *a = help_find(s, "a"), *b = help_find(s, "b");
  assert_int_equal(a->n_values, 4);
  for (int i = 0; i < 4; i++) assert_true(cl_value_equal(a->values[i], cl_value_int(i + 1)));
  assert_int_equal(b->n_values, 3);
  assert_string_equal(b->values[0].as.text, "x y");
  assert_string_equal(b->values[1].as.text, "it's");
  assert_true(cl_value_equal(b->values[2], cl_value_int(-1)));
  assert_string_equal(b->tuned.as.text, "x y");
  cl_settings_destroy(s);
}

static void the_section_need_not_be_yaml(void **state) {
  (void)state;
  struct cl_settings *s = help_settings("job_launcher:\n  hp_tuning: false\nhyperparameters:\n"
                                        "  - name: &a\n"
                                        "        ordered_tuning_values: [@x, %y, *z]\n"
                                        "     tuned_value: @x\n"
                                        "z: *a\n",
                                        "-- x {spec}");
  assert_string_equal(help_find(s, "a")->values[0].as.text, "@x");
  assert_string_equal(help_find(s, "a")->values[2].as.text, "*z");
  struct cl_text copy = {0};
  assert_int_equal(cl_spec_dump(s, &s->space.items[0].values[2], &copy, NULL), 0);
  assert_non_null(strstr(cl_text_get(&copy), "  - name: &a \"*z\"\nz: *a\n"));
  cl_text_done(&copy);
  cl_settings_destroy(s);
}

static void lines_may_end_as_on_windows(void **state) {
  (void)state;
  struct cl_settings *s =
      help_settings("job_launcher:\r\n  hp_tuning: false\r\nhyperparameters:\r\n  - name: &lr\r\n"
                    "      ordered_tuning_values: [0.1, 0.25]\r\n      tuned_value: 0.25\r\n\r\n"
                    "x: *lr\r\n",
                    "-- x {spec}");
  assert_true(cl_value_equal(help_find(s, "lr")->tuned, cl_value_real(0.25)));
  cl_settings_destroy(s);
}

static void the_trainers_own_part_is_its_own(void **state) {
  (void)state;
  /* duplicate keys, tags and anchors that YAML readers accept are no business of ours */
  struct cl_settings *s =
      help_settings("job_launcher: {hp_tuning: false}\n" SECTION
                    "a: !!python/none x\nb: &b {c: 1, c: 2}\nd: [*b, *lr]\nprogram: 7\ntrials: many\n",
                    "-- x {spec}");
  assert_string_equal(s->origin, "runspec");
  cl_settings_destroy(s);
}

/* Its last key may be a block scalar, which ends where the next line begins. */
static void the_copy_lacks_the_launcher_and_nothing_else(void **state) {
  (void)state;
  static const char *const launchers[] = {
      "job_launcher:\n  hp_tuning: false\n",
      "job_launcher: {hp_tuning: false}   # ours\n",
      "job_launcher:\n  hp_tuning: false\n  study: >\n    two\n    lines\n",
      "job_launcher:\n  hp_tuning: false\n  study: |\n    two\n    lines\n\n",
  };
  const struct cl_value value = {.kind = CL_REAL, .as.real = 0.25};
  for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
    struct cl_text text = {0}, copy = {0};
    cl_text_format(&text, "x: 1\n%sy: 2\n" SECTION "z: *lr\n", launchers[i]);
    struct cl_settings *s = help_settings(cl_text_get(&text), "-- x {spec}");
    assert_int_equal(cl_spec_dump(s, &value, &copy, NULL), 0);
    if (strncmp(cl_text_get(&copy), "x: 1\ny: 2\nhyperparameters:\n", 27) != 0)
      fail_msg("%s", cl_text_get(&copy));
    assert_non_null(strstr(cl_text_get(&copy), "\nz: *lr\n"));
    cl_settings_destroy(s);
    cl_text_done(&text);
    cl_text_done(&copy);
  }
}

static void the_copy_holds_what_yaml_readers_read_back(void **state) {
  (void)state;
  static const struct {
    struct cl_value v;
    const char *text;
  } cases[] = {
      {{.kind = CL_NULL}, "null"},
      {{.kind = CL_ABSENT}, "null"},
      {{.kind = CL_BOOL, .as.truth = true}, "true"},
      {{.kind = CL_INT, .as.integer = -7}, "-7"},
      {{.kind = CL_REAL, .as.real = 1e-5}, "1.0e-05"},
      {{.kind = CL_REAL, .as.real = 2.5e-7}, "2.5e-07"},
      {{.kind = CL_REAL, .as.real = 3}, "3.0"},
      {{.kind = CL_REAL, .as.real = 1e22}, "1.0e+22"},
      {{.kind = CL_TEXT, .as.text = "adam"}, "adam"},
      {{.kind = CL_TEXT, .as.text = "nets/GRU"}, "nets/GRU"},
      {{.kind = CL_TEXT, .as.text = "no"}, "\"no\""},
      {{.kind = CL_TEXT, .as.text = "1e5"}, "\"1e5\""},
      {{.kind = CL_TEXT, .as.text = "a: b"}, "\"a: b\""},
      {{.kind = CL_TEXT, .as.text = ""}, "\"\""},
  };
  struct cl_settings *s =
      help_settings("job_launcher:\n  hp_tuning: false\n" SECTION "x: *lr\n", "-- x {spec}");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct cl_text copy = {0}, line = {0};
    assert_int_equal(cl_spec_dump(s, &cases[i].v, &copy, NULL), 0);
    cl_text_format(&line, "  - name: &lr %s\n", cases[i].text);
    assert_non_null(strstr(cl_text_get(&copy), cl_text_get(&line)));
    cl_text_done(&copy);
    cl_text_done(&line);
  }
  cl_settings_destroy(s);
}

static void complaints_about_the_search_point_at_hp_tuning(void **state) {
  (void)state;
  struct cl_spec *s = NULL;
  const char *text = "x: 1\njob_launcher:\n  hp_tuning: bayesian\n" SECTION;
  int line = 0, column = 0;
  assert_int_equal(cl_spec_parse(text, strlen(text), "r.yaml", &s, NULL), 0);
  assert_true(cl_spec_locate(s, "search.startup", &line, &column));
  assert_int_equal(line, 3);
  assert_int_equal(column, 14);
  assert_true(cl_spec_locate(s, "hyperparameters.lr.tuned_value", &line, &column));
  assert_int_equal(line, 7);
  assert_int_equal(column, 18);
  cl_spec_destroy(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_tutorials_runspec_loads_unchanged),
      cmocka_unit_test(a_bare_name_is_the_one_key_of_that_name),
      cmocka_unit_test(the_preflight_copy_runs_once_with_tuned_values),
      cmocka_unit_test(hp_tuning_chooses_the_method),
      cmocka_unit_test(without_tuning_total_runs_repeats_the_tuned_values),
      cmocka_unit_test(values_are_typed_in_the_order_of_xt),
      cmocka_unit_test(list_items_are_separated_by_commas_or_spaces),
      cmocka_unit_test(the_section_need_not_be_yaml),
      cmocka_unit_test(lines_may_end_as_on_windows),
      cmocka_unit_test(the_trainers_own_part_is_its_own),
      cmocka_unit_test(the_copy_lacks_the_launcher_and_nothing_else),
      cmocka_unit_test(the_copy_holds_what_yaml_readers_read_back),
      cmocka_unit_test(complaints_about_the_search_point_at_hp_tuning),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
