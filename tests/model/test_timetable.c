/* Schedules as tables: read, written, hashed, put in terms of a space; and each without memory. */
#include "cmocka_all.h"
#include "fault/alloc.h"
#include "model/event.h"
#include "model/timetable.h"
#include "spaces.h"

static const char whole[] =
    "{\"study\": \"digits\", \"trial\": 7, \"seed\": 385, \"metric\": \"acc\", \"unit\": \"epoch\", \"end\": 9, "
    "\"initial\": {\"lr\": 0.25, \"opt\": \"sgd\", \"n\": 3, \"m\": 0.5}, \"changes\": ["
    "{\"step\": 2, \"set\": {\"lr\": 0.125}, \"cause\": \"exploit\"}, "
    "{\"step\": 2.5, \"set\": {\"opt\": \"adam\", \"m\": null}, \"cause\": null}]}";

static const char hyperparameters[] =
    "{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1}, "
    "{\"id\": 2, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\", \"none\"]}, "
    "{\"id\": 3, \"name\": \"n\", \"domain\": \"int\", \"lo\": 1, \"hi\": 9}, "
    "{\"id\": 4, \"name\": \"m\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1, \"parent\": \"opt\", \"when\": [\"sgd\"]}, "
    "{\"id\": 5, \"name\": \"k\", \"domain\": \"unordered\", \"values\": [null, 1]}";

static int read_table(const char *text, struct cl_timetable *ret, struct cl_err *e) {
  json_t *node = json_loads(text, JSON_DECODE_ANY, NULL);
  assert_non_null(node);
  int status = cl_timetable_from_json(node, ret, e);
  json_decref(node);
  return status;
}

static void a_table_is_written_as_it_was_read(void **state) {
  (void)state;
  static const char *const texts[] = {
      whole,
      "{\"study\": null, \"trial\": null, \"seed\": null, \"metric\": null, \"unit\": null, "
      "\"initial\": {}, \"changes\": []}",
  };
  char hashes[2][CL_TIMETABLE_HASH];
  for (size_t i = 0; i < 2; i++) {
    struct cl_timetable t = {0};
    struct cl_text text = {0};
    struct cl_err e = {0};
    if (read_table(texts[i], &t, &e) < 0) fail_msg("%s", e.text);
    cl_timetable_write_json(&t, &text);
    assert_string_equal(cl_text_get(&text), texts[i]);
    assert_int_equal(cl_timetable_hash(&t, hashes[i], NULL), 0);
    cl_text_done(&text);
    cl_timetable_done(&t);
  }
  assert_string_not_equal(hashes[0], hashes[1]);
}

static void what_is_no_table_says_where(void **state) {
  (void)state;
  static const struct {
    const char *text, *part;
  } bad[] = {
      {"[1]", "a schedule must be a mapping"},
      {"{\"initail\": {}}", "a schedule has no key 'initail'"},
      {"{\"study\": 3, \"initial\": {}}", "study must be a text"},
      {"{\"metric\": 3, \"initial\": {}}", "metric must be a text"},
      {"{\"unit\": [], \"initial\": {}}", "unit must be a text"},
      {"{\"trial\": 1.5, \"initial\": {}}", "trial must be a whole number"},
      {"{\"seed\": \"a\", \"initial\": {}}", "seed must be a whole number"},
      {"{\"end\": 0, \"initial\": {}}", "end must be a step above 0"},
      {"{\"end\": \"a\", \"initial\": {}}", "end must be a step above 0"},
      {"{}", "initial must be a mapping"},
      {"{\"initial\": {\"lr\": [1]}}", "initial: the value of 'lr' must be a number"},
      {"{\"initial\": {}, \"changes\": {}}", "changes must be a list"},
      {"{\"initial\": {}, \"changes\": [3]}", "change 1: it must be a mapping"},
      {"{\"initial\": {}, \"changes\": [{\"step\": \"a\"}]}", "change 1: it must be a mapping"},
      {"{\"initial\": {}, \"changes\": [{\"step\": 1, \"at\": 2}]}", "change 1: a change has no key 'at'"},
      {"{\"initial\": {}, \"changes\": [{\"step\": 1, \"set\": {}, \"cause\": 2}]}", "cause must be a text"},
      {"{\"initial\": {}, \"changes\": [{\"step\": 1}]}", "change 1: set must be a mapping"},
      {"{\"initial\": {}, \"changes\": [{\"step\": 2, \"set\": {}}, {\"step\": 1, \"set\": {}}]}",
       "change 2: its step 1 stands behind step 2"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct cl_timetable t = {0};
    struct cl_err e = {0};
    assert_int_equal(read_table(bad[i].text, &t, &e), CLADE_ESPEC);
    if (strstr(e.text, bad[i].part) == NULL) fail_msg("%s: %s", bad[i].text, e.text);
    assert_int_equal(read_table(bad[i].text, &t, NULL), CLADE_ESPEC);
    assert_null(t.initial);
  }
}

static void a_course_has_whole_assignments(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(hyperparameters, "");
  const struct cl_space *space = &s->space;
  struct cl_timetable t = {0};
  struct cl_course c = {0};
  struct cl_err e = {0};
  if (read_table(whole, &t, &e) < 0) fail_msg("%s", e.text);
  if (cl_course_make(&t, space, &c, &e) < 0) fail_msg("%s", e.text);
  assert_int_equal(c.entries, 3);
  assert_true(c.end == 9 && c.steps[2] == 2.5);
  assert_int_equal(cl_course_entry(&c, NAN), 0);
  assert_int_equal(cl_course_entry(&c, 1.5), 0);
  assert_int_equal(cl_course_entry(&c, 2), 1);
  assert_int_equal(cl_course_entry(&c, 77), 2);
  assert_true(cl_course_next(&c, 0) == 2 && cl_course_next(&c, 2) == 9);
  assert_true(cl_course_values(&c, 0)[3].as.real == 0.5);
  assert_true(cl_course_values(&c, 1)[0].as.real == 0.125);
  assert_string_equal(cl_course_values(&c, 1)[1].as.text, "sgd");
  assert_int_equal(cl_course_values(&c, 2)[3].kind, CL_ABSENT); /* its parent is adam now */
  assert_int_equal(cl_course_values(&c, 2)[2].as.integer, 3);
  cl_course_done(&c);
  t.has_end = false;
  assert_int_equal(cl_course_make(&t, space, &c, NULL), 0);
  assert_true(cl_course_next(&c, 2) != cl_course_next(&c, 2)); /* it ends by itself */
  cl_course_done(&c);
  cl_timetable_done(&t);
  cl_settings_destroy(s);
}

static void a_course_outside_of_its_space_says_at_which_step(void **state) {
  (void)state;
  static const struct {
    const char *text, *part;
    bool foreign;
    int status;
  } cases[] = {
      {"{\"initial\": {\"lrr\": 0.5}}",
       "the initial values: the study has no hyperparameter 'lrr'; did you mean", false, CLADE_ESPEC},
      {"{\"initial\": {\"something\": 0.5}}", "no hyperparameter 'something'", false, CLADE_ESPEC},
      {"{\"initial\": {\"something\": 0.5}}", "", true, 0},
      {"{\"initial\": {\"something\": 0.5}, \"changes\": [{\"step\": 1, \"set\": {\"something\": 1}}]}",
       "no hyperparameter 'something'", true, CLADE_ESPEC},
      {"{\"initial\": {\"lr\": 1.5}}", "the initial values: ", false, CLADE_ESPEC},
      {"{\"initial\": {}, \"changes\": [{\"step\": 3.5, \"set\": {\"n\": 10}}]}",
       "the change at step 3.5: ", false, CLADE_ESPEC},
      {"{\"initial\": {\"k\": null, \"opt\": null}}", "", false, 0},
  };
  struct cl_settings *s = settings_of(hyperparameters, "");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_timetable t = {0};
    struct cl_course c = {0};
    struct cl_err e = {0};
    if (read_table(cases[i].text, &t, &e) < 0) fail_msg("%s", e.text);
    t.foreign = cases[i].foreign;
    assert_int_equal(cl_course_make(&t, &s->space, &c, &e), cases[i].status);
    if (strstr(e.text, cases[i].part) == NULL) fail_msg("%s: %s", cases[i].text, e.text);
    cl_course_done(&c);
    cl_timetable_done(&t);
  }
  cl_settings_destroy(s);
}

static int read_all(const struct cl_space *space, struct cl_err *e) {
  struct cl_timetable t = {0};
  struct cl_course c = {0};
  struct cl_text text = {0};
  char hash[CL_TIMETABLE_HASH];
  int status = read_table(whole, &t, e);
  if (status == 0) status = cl_timetable_hash(&t, hash, e);
  if (status == 0) status = cl_course_make(&t, space, &c, e);
  if (status == 0) cl_timetable_write_json(&t, &text);
  if (text.failed) status = CL_FAIL(e, CLADE_ENOMEM, "out of memory");
  cl_text_done(&text);
  cl_course_done(&c);
  cl_timetable_done(&t);
  return status;
}

static void tables_without_memory_say_so(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(hyperparameters, "");
  FAULT_LOOP(n) {
    struct cl_err e = {0};
    int status = read_all(&s->space, &e);
    assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : 0);
    if (status < 0) assert_string_not_equal(e.text, "");
  }
  cl_settings_destroy(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_table_is_written_as_it_was_read),
      cmocka_unit_test(what_is_no_table_says_where),
      cmocka_unit_test(a_course_has_whole_assignments),
      cmocka_unit_test(a_course_outside_of_its_space_says_at_which_step),
      cmocka_unit_test(tables_without_memory_say_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
