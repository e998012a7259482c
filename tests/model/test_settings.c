/* Linked with the allocator that fails: tests/fault. */
#include "cmocka_all.h"
#include "fault/alloc.h"
#include "model/constraint.h"
#include "spaces.h"

static const char full[] =
    "{\"study\": \"mnist\", \"origin\": \"native\", \"program\": [\"./mnist\", \"--lr={lr}\"], \"cwd\": \"/tmp\","
    " \"values_to\": \"placeholders\", \"objectives\": [{\"name\": \"acc\", \"goal\": \"maximize\", \"reduce\": "
    "\"best\"}, {\"name\": \"size\", \"goal\": \"minimize\"}], \"step\": \"epoch\", \"trials\": 60, \"parallel\": 3,"
    " \"ordered\": true, \"limits\": {\"time_s\": 2.5, \"memory_bytes\": 1000000, \"retries\": 2}, "
    "\"search\": {\"method\": \"dgd\", \"variant\": \"xt\"}, \"schedule\": {\"method\": \"pbt\"},"
    " \"hyperparameters\": ["
    "{\"id\": 4, \"name\": \"m\", \"domain\": \"float\", \"lo\": 0.1, \"hi\": 0.9, \"parent\": \"opt\", \"when\": "
    "[\"sgd\"]},"
    "{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 1e-5, \"hi\": 1, \"scale\": \"log\", \"tuned\": "
    "0.01, \"key\": \"1\", \"increment\": \"*1.1\"},"
    "{\"id\": 2, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\"], \"tuned\": \"rms\"}],"
    " \"constraints\": [\"lr < 0.5 or opt == 'adam'\"], \"enqueue\": [{\"lr\": 1, \"opt\": \"adam\"}, {\"opt\": "
    "\"sgd\", \"m\": 0.5}], \"some_day\": 1}";

static void every_key_is_taken_over(void **state) {
  (void)state;
  struct cl_settings *s = NULL;
  struct cl_err e = {0};
  assert_int_equal(cl_settings_parse(full, &s, &e), 0);
  assert_string_equal(s->study, "mnist");
  assert_int_equal(s->n_program, 2);
  assert_string_equal(s->program[1], "--lr={lr}");
  assert_int_equal(s->n_objectives, 2);
  assert_int_equal(s->objectives[0].goal, CL_MAXIMIZE);
  assert_int_equal(s->objectives[0].reduce, CL_BEST);
  assert_int_equal(s->objectives[1].goal, CL_MINIMIZE);
  assert_int_equal(s->trials, 60);
  assert_int_equal(s->lag, 60); /* ordered with a schedule: no member ends before all have begun */
  assert_true(s->time_s == 2.5 && s->retries == 2 && s->max_failures == 5 && s->grace_s == 10);
  assert_string_equal(s->method, "dgd");
  assert_int_equal(s->space.n, 3);
  assert_string_equal(s->space.items[0].name, "lr"); /* m follows its parent */
  assert_string_equal(s->space.items[2].name, "m");
  assert_int_equal(s->space.items[2].parent, 1);
  assert_int_equal(s->space.items[0].change, CL_LIVE);
  assert_int_equal(s->space.items[1].change, CL_RESTART);
  assert_string_equal(s->space.items[1].tuned.as.text,
                      "rms"); /* outside its list: kept for runs without search */
  assert_int_equal(s->space.n_constraints, 1);
  assert_int_equal(s->space.version, 1);
  cl_settings_destroy(s);
}

static void enqueued_points_become_values(void **state) {
  (void)state;
  struct cl_settings *s = NULL;
  struct cl_value v[3];
  assert_int_equal(cl_settings_parse(full, &s, NULL), 0);
  assert_int_equal(cl_settings_enqueues(s), 2);
  assert_int_equal(cl_settings_enqueued(s, 0, v, NULL), 0);
  assert_true(cl_value_equal(v[0], cl_value_real(1))); /* 1 for a float is 1.0 */
  assert_int_equal(v[2].kind, CL_ABSENT);
  assert_int_equal(cl_settings_enqueued(s, 1, v, NULL), 0);
  assert_int_equal(v[0].kind, CL_ABSENT);
  assert_true(v[2].as.real == 0.5);
  cl_settings_destroy(s);
}

static void an_update_replaces_keys_and_counts_the_space(void **state) {
  (void)state;
  struct cl_settings *s = NULL, *more = NULL, *wide = NULL;
  struct cl_err e = {0};
  assert_int_equal(cl_settings_parse(full, &s, NULL), 0);
  assert_int_equal(cl_settings_update(s, "{\"trials\": 80, \"ordered\": null}", &more, &e), 0);
  assert_int_equal(more->trials, 80);
  assert_int_equal(more->lag, 0);
  assert_int_equal(more->space.version, 1);
  assert_string_equal(more->method, "dgd");
  const char space[] =
      "{\"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 1e-5, \"hi\": 0.2, "
      "\"scale\": \"log\"}, {\"id\": 5, \"name\": \"new\", \"domain\": \"int\", \"lo\": 1, \"hi\": 3}], "
      "\"constraints\": null, \"enqueue\": null}";
  assert_int_equal(cl_settings_update(more, space, &wide, &e), 0);
  assert_int_equal(wide->space.version, 2);
  assert_int_equal(wide->space.n, 2);
  cl_settings_destroy(s);
  cl_settings_destroy(more);
  cl_settings_destroy(wide);
}

static void ids_are_never_used_twice(void **state) {
  (void)state;
  struct cl_settings *s = NULL, *small = NULL, *bad = NULL;
  struct cl_err e = {0};
  assert_int_equal(cl_settings_parse(full, &s, NULL), 0);
  const char only_lr[] =
      "{\"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0, "
      "\"hi\": 2}], \"constraints\": null, \"enqueue\": null}";
  assert_int_equal(cl_settings_update(s, only_lr, &small, &e), 0);
  const char reused[] =
      "{\"hyperparameters\": [{\"id\": 4, \"name\": \"x\", \"domain\": \"float\", \"lo\": 0, "
      "\"hi\": 2}]}";
  assert_int_equal(cl_settings_update(small, reused, &bad, &e), CLADE_ESPEC);
  assert_string_equal(e.text, "x: id 4 was used before; a new hyperparameter needs one above 4");
  const char renamed[] =
      "{\"hyperparameters\": [{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"lo\": 0, "
      "\"hi\": 2}]}";
  assert_int_equal(cl_settings_update(small, renamed, &bad, &e), CLADE_ESPEC);
  assert_null(bad);
  cl_settings_destroy(s);
  cl_settings_destroy(small);
}

static void the_highest_id_of_old_is_one_that_ids_may_have(void **state) {
  (void)state;
  static const char *const wrong[] = {"-1", "65536", "4294967297", "\"7\"", "7.5"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    struct cl_settings *s = NULL;
    struct cl_err e = {0};
    struct cl_text t = {0};
    cl_text_format(
        &t,
        "{\"study\": \"s\", \"trials\": 17, \"last_id\": %s, \"objectives\": [{\"name\": \"loss\", "
        "\"goal\": \"minimize\"}]}",
        wrong[i]);
    assert_int_equal(cl_settings_parse(cl_text_get(&t), &s, &e), CLADE_ESPEC);
    assert_string_equal(e.text, "settings: last_id must be a whole number in 0…65535");
    cl_text_done(&t);
  }
}

static void mistakes_name_the_key(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"{\"trials\": 0}", "settings: trials must be a whole number in 1…1000000000000"},
      {"{\"trials\": 2.5}", "settings: trials must be a whole number in 1…1000000000000"},
      {"{\"parallel\": 0}", "settings: parallel must be a whole number in 1…1000000"},
      {"{\"objectives\": []}", "settings: objectives must be a list of 1 to 16 metrics with their goals"},
      {"{\"objectives\": [{\"name\": \"a\"}]}", "objectives: goal must be minimize or maximize"},
      {"{\"objectives\": [{\"name\": \"a\", \"goal\": \"max\"}]}",
       "objectives: goal is \"max\", but must be one of minimize, maximize"},
      {"{\"search\": [1]}", "settings: search must be an object with a method"},
      {"{\"limits\": {\"time_s\": -1}}", "limits: time_s must be a number of seconds"},
      {"{\"program\": [1]}", "settings: program must be a list of strings"},
      {"{\"study\": \"\"}", "settings: study must be given: its name"},
      {"{\"constraints\": [\"lr <\"]}",
       "constraint \"lr <\" ends where a name, a number, a 'string' or a parenthesis should follow"},
      {"{\"enqueue\": [{\"lr\": 0.1}, {\"lt\": 0.1}]}",
       "enqueue, point 2: no hyperparameter is called lt; did you mean lr?"},
      {"{\"enqueue\": [{\"lr\": 7}]}", "enqueue, point 1: lr is 7, but must be a number in 1e-05 … 1.0"},
      {"{\"enqueue\": [{\"m\": 0.5}]}",
       "enqueue, point 1: m is not active under this value of opt; give opt a value under which it is"}};
  struct cl_settings *s = NULL;
  assert_int_equal(cl_settings_parse(full, &s, NULL), 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct cl_settings *bad = NULL;
    struct cl_err e = {0};
    assert_int_equal(cl_settings_update(s, cases[i][0], &bad, &e), CLADE_ESPEC);
    assert_string_equal(e.text, cases[i][1]);
    assert_null(bad);
  }
  struct cl_settings *bad = NULL;
  assert_int_equal(cl_settings_parse("{\"study\": ", &bad, NULL), CLADE_ESPEC);
  assert_int_equal(cl_settings_parse("[]", &bad, NULL), CLADE_ESPEC);
  cl_settings_destroy(s);
}

static void running_out_of_memory_is_an_ordinary_error(void **state) {
  (void)state;
  FAULT_LOOP(n) {
    struct cl_settings *s = NULL, *updated = NULL;
    struct cl_err e = {0};
    int status = cl_settings_parse(full, &s, &e);
    if (status == 0) status = cl_settings_update(s, "{\"trials\": 99}", &updated, &e);
    if (cl_fault_happened()) {
      assert_int_equal(status, CLADE_ENOMEM);
      assert_string_not_equal(e.text, "");
    } else {
      assert_int_equal(status, 0);
    }
    cl_settings_destroy(updated);
    cl_settings_destroy(s);
  }
}

static void any_finite_value_beats_a_non_finite_one(void **state) {
  (void)state;
  struct cl_objective up = {"a", CL_MAXIMIZE, CL_LAST}, down = {"a", CL_MINIMIZE, CL_LAST};
  assert_true(cl_objective_better(&up, 2.5, 1.5) && !cl_objective_better(&up, 1.5, 2.5));
  assert_true(cl_objective_better(&down, 1.5, 2.5));
  assert_false(cl_objective_better(&down, 1.5, 1.5));
  assert_true(cl_objective_better(&up, -1e300, INFINITY) && !cl_objective_better(&up, INFINITY, -1e300));
  assert_false(cl_objective_better(&up, NAN, INFINITY) || cl_objective_better(&up, INFINITY, NAN));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_key_is_taken_over),
      cmocka_unit_test(enqueued_points_become_values),
      cmocka_unit_test(an_update_replaces_keys_and_counts_the_space),
      cmocka_unit_test(ids_are_never_used_twice),
      cmocka_unit_test(mistakes_name_the_key),
      cmocka_unit_test(the_highest_id_of_old_is_one_that_ids_may_have),
      cmocka_unit_test(running_out_of_memory_is_an_ordinary_error),
      cmocka_unit_test(any_finite_value_beats_a_non_finite_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
