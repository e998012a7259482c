/* Schedules in files: what is read comes back as it was written; Ray's chains; complaints name the place. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "help.h"
#include "spec/timetable.h"

static const char yaml[] = "study: mnist-pbt\n"
                           "trial: 7\n"
                           "seed: -12345678901\n"
                           "metric: val_accuracy\n"
                           "unit: epoch\n"
                           "initial: {lr: 1.0e-05, layers: 3, opt: \"yes\", nesterov: true}\n"
                           "changes:\n"
                           "  - {step: 0.5, set: {lr: 0.00012340000000000002}, cause: exploit}\n"
                           "  - {step: 2, set: {opt: sgd, nesterov: null}, cause: human}\n";

static const char space[] = "metric: {name: loss, goal: minimize}\nprogram: x\ntrials: 9\n"
                            "hyperparameters:\n"
                            "  - name: lr\n    range: [0.001, 1.0]\n    scale: log\n"
                            "  - name: m/beta\n    range: [0.0, 1.0]\n"
                            "  - name: layers\n    ordered_tuning_values: [1, 2, 3]\n    tuned_value: 2\n";

static struct cl_timetable parse(const char *text) {
  struct cl_timetable t = {0};
  struct cl_err e = {0};
  int status = cl_timetable_parse(text, strlen(text), "s.yaml", &t, &e);
  if (status != 0) fail_msg("%s", e.text);
  return t;
}

static void yaml_comes_back_to_the_byte(void **state) {
  (void)state;
  struct cl_timetable t = parse(yaml);
  struct cl_text text = {0};
  assert_int_equal(t.seed, -12345678901);
  assert_int_equal(t.n_initial, 4);
  assert_true(t.initial[0].value.as.real == 1e-5 && t.initial[2].value.kind == CL_TEXT);
  cl_timetable_write_yaml(&t, &text);
  assert_string_equal(cl_text_get(&text), yaml);
  cl_text_done(&text);
  cl_timetable_done(&t);
}

static void end_is_part_of_a_schedule(void **state) {
  (void)state;
  static const char ended[] = "study: null\ntrial: null\nseed: null\nmetric: null\nunit: null\nend: 7.5\n"
                              "initial: {lr: 0.5}\nchanges:\n  - {step: 5, set: {lr: 0.25}, cause: null}\n";
  struct cl_settings *s = help_settings(space, "");
  struct cl_timetable t = parse(ended), none = parse(yaml), open_ended;
  struct cl_text yaml_again = {0}, json = {0};
  struct cl_course c = {0};
  char a[CL_TIMETABLE_HASH], b[CL_TIMETABLE_HASH];
  assert_true(t.has_end && t.end == 7.5 && !none.has_end);
  cl_timetable_write_yaml(&t, &yaml_again);
  assert_string_equal(cl_text_get(&yaml_again), ended);
  cl_timetable_write_json(&t, &json);
  assert_non_null(strstr(cl_text_get(&json), "\"end\": 7.5"));
  open_ended = parse("initial: {lr: 0.5}\nchanges: [{step: 5, set: {lr: 0.25}}]\n");
  assert_int_equal(cl_timetable_hash(&t, a, NULL), 0);
  assert_int_equal(cl_timetable_hash(&open_ended, b, NULL), 0);
  assert_string_not_equal(a, b);
  assert_int_equal(cl_course_make(&t, &s->space, &c, NULL), 0);
  assert_true(cl_course_next(&c, 0) == 5 && cl_course_next(&c, 1) == 7.5 && c.end == 7.5);
  cl_course_done(&c);
  cl_text_done(&yaml_again);
  cl_text_done(&json);
  cl_timetable_done(&t);
  cl_timetable_done(&none);
  cl_timetable_done(&open_ended);
  cl_settings_destroy(s);
}

static void json_and_yaml_mean_the_same(void **state) {
  (void)state;
  struct cl_timetable t = parse(yaml), again;
  struct cl_text json = {0}, back = {0};
  char a[CL_TIMETABLE_HASH], b[CL_TIMETABLE_HASH];
  cl_timetable_write_json(&t, &json);
  again = parse(cl_text_get(&json));
  cl_timetable_write_yaml(&again, &back);
  assert_string_equal(cl_text_get(&back), yaml);
  assert_int_equal(cl_timetable_hash(&t, a, NULL), 0);
  assert_int_equal(cl_timetable_hash(&again, b, NULL), 0);
  assert_string_equal(a, b);
  cl_timetable_done(&again);
  again = parse("initial: {lr: 0.5}\n");
  assert_int_equal(cl_timetable_hash(&again, b, NULL), 0);
  assert_string_not_equal(a, b);
  cl_timetable_done(&again);
  cl_text_done(&json);
  cl_text_done(&back);
  cl_timetable_done(&t);
}

static void csv_has_all_values_in_each_line(void **state) {
  (void)state;
  struct cl_timetable t = parse(yaml);
  struct cl_text text = {0};
  assert_int_equal(cl_timetable_write_csv(&t, &text, NULL), 0);
  assert_string_equal(cl_text_get(&text), "step,cause,lr,layers,opt,nesterov\r\n"
                                          "0,,1e-05,3,yes,true\r\n"
                                          "0.5,exploit,0.00012340000000000002,3,yes,true\r\n"
                                          "2,human,0.00012340000000000002,3,sgd,null\r\n");
  cl_text_done(&text);
  cl_timetable_done(&t);
}

/* As Ray writes them: the clone's file is copied, then the new line added. */
static const char ray[] =
    "[\"9_lr=0.5\", \"8_lr=0.1\", 3, 4, {\"lr\": 0.1, \"env\": \"cart\"}, {\"lr\": 0.3, \"env\": \"cart\"}]\n"
    "[\"1_lr=0.2\", \"2_lr=0.1\", 4, 5, {\"lr\": 0.1, \"m\": {\"beta\": 0.9}, \"env\": \"cart\", \"l\": [1, 2]}, "
    "{\"lr\": 0.12, \"m\": {\"beta\": 0.9}, \"env\": \"cart\", \"l\": [1, 2]}]\n"
    "\n"
    "[\"3_lr=0.7\", \"1_lr=0.2\", 9, 10, {\"lr\": 0.12, \"m\": {\"beta\": 0.9}, \"env\": \"cart\"}, "
    "{\"lr\": 0.096, \"m\": {\"beta\": 0.99}, \"env\": \"cart\"}]\n";

static void chain_of_ray_is_followed_back(void **state) {
  (void)state;
  struct cl_timetable t = parse(ray);
  struct cl_text text = {0};
  cl_timetable_write_yaml(&t, &text);
  assert_string_equal(cl_text_get(&text),
                      "study: null\ntrial: null\nseed: null\nmetric: null\nunit: training_iteration\n"
                      "initial: {lr: 0.1, m/beta: 0.9, env: cart}\n"
                      "changes:\n"
                      "  - {step: 5, set: {lr: 0.12}, cause: exploit}\n"
                      "  - {step: 10, set: {lr: 0.096, m/beta: 0.99}, cause: exploit}\n");
  assert_true(t.foreign);
  cl_text_done(&text);
  cl_timetable_done(&t);
}

static void course_has_whole_assignments_in_the_space(void **state) {
  (void)state;
  struct cl_settings *s = help_settings(space, "");
  struct cl_timetable t = parse(ray);
  struct cl_course c = {0};
  assert_int_equal(cl_course_make(&t, &s->space, &c, NULL), 0);
  int lr = cl_space_find(&s->space, "lr"), layers = cl_space_find(&s->space, "layers");
  assert_int_equal(c.entries, 3);
  assert_int_equal(cl_course_entry(&c, NAN), 0);
  assert_int_equal(cl_course_entry(&c, 4.999), 0);
  assert_int_equal(cl_course_entry(&c, 5), 1);
  assert_int_equal(cl_course_entry(&c, 400), 2);
  assert_true(cl_course_next(&c, 0) == 5 && cl_course_next(&c, 1) == 10 && isnan(cl_course_next(&c, 2)));
  assert_true(cl_course_values(&c, 1)[lr].as.real == 0.12);
  assert_int_equal(cl_course_values(&c, 2)[layers].as.integer, 2); /* the tuned value */
  cl_course_done(&c);
  cl_timetable_done(&t);
  cl_settings_destroy(s);
}

static void course_that_leaves_the_space_is_refused(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"initial: {lr: 2.0}\n", "the initial values: "},
      {"initial: {lr: 0.5, lrr: 1}\n", "no hyperparameter 'lrr'; did you mean 'lr'?"},
      {"initial: {lr: 0.5}\nchanges: [{step: 3, set: {lr: 1.5}}]\n", "the change at step 3: "},
      {"initial: {lr: 0.5}\nchanges: [{step: 3, set: {layers: 9}}]\n", "the change at step 3: "},
  };
  struct cl_settings *s = help_settings(space, "");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct cl_timetable t = parse(cases[i][0]);
    struct cl_course c = {0};
    struct cl_err e = {0};
    assert_int_equal(cl_course_make(&t, &s->space, &c, &e), CLADE_ESPEC);
    if (strstr(e.text, cases[i][1]) == NULL) fail_msg("%s: %s", cases[i][0], e.text);
    cl_timetable_done(&t);
  }
  cl_settings_destroy(s);
}

static void what_is_no_schedule_is_refused(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"  \n", "is empty"},
      {"study: x\n", "initial must be a mapping"},
      {"initial: {lr: [1]}\n", "the value of 'lr' must be"},
      {"initial: {lr: 1}\nchange: []\n", "no key 'change'"},
      {"initial: {lr: 1}\nchanges: [{set: {lr: 2}}]\n", "change 1: "},
      {"initial: {lr: 1}\nchanges: [{step: 4, set: {lr: 2}}, {step: 3, set: {lr: 3}}]\n",
       "steps never decrease"},
      {"initial: {lr: 1}\nchanges: [{step: .inf, set: {lr: 2}}]\n", "change 1: "},
      {"initial: {lr: 1}\nseed: 1.5\n", "seed must be a whole number"},
      {"a: &a {lr: 1}\ninitial: *a\n", "s.yaml: "},
      {"[\"a\", \"b\", 1]\n", "s.yaml:1: a line of Ray's"},
      {"[1, 2\n", "s.yaml:1: not JSON"},
      {"- 1\n", "a schedule must be a mapping"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct cl_timetable t = {0};
    struct cl_err e = {0};
    if (cl_timetable_parse(cases[i][0], strlen(cases[i][0]), "s.yaml", &t, &e) != CLADE_ESPEC)
      fail_msg("%s was read", cases[i][0]);
    if (strstr(e.text, cases[i][1]) == NULL) fail_msg("%s: %s", cases[i][0], e.text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(yaml_comes_back_to_the_byte),
      cmocka_unit_test(end_is_part_of_a_schedule),
      cmocka_unit_test(json_and_yaml_mean_the_same),
      cmocka_unit_test(csv_has_all_values_in_each_line),
      cmocka_unit_test(chain_of_ray_is_followed_back),
      cmocka_unit_test(course_has_whole_assignments_in_the_space),
      cmocka_unit_test(course_that_leaves_the_space_is_refused),
      cmocka_unit_test(what_is_no_schedule_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
