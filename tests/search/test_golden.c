/* The first proposals of each searcher against an independent program: tests/golden/search.py. */
#include "driver.h"

static bool nearly(struct cl_value v, const json_t *expected) {
  struct cl_value w = {0};
  assert_int_equal(cl_value_from_json(expected, &w, NULL), 0);
  if (v.kind == CL_REAL && w.kind == CL_REAL) return fabs(v.as.real - w.as.real) <= 1e-12 * fabs(w.as.real);
  return cl_value_same(v, w);
}

static void compare(const struct driver *d, const struct cl_value *values, const json_t *expected) {
  const struct cl_space *space = cl_study_space(d->study);
  for (int i = 0; i < space->n; i++) {
    const json_t *node = json_object_get(expected, space->items[i].name);
    if ((node == NULL) == (values[i].kind == CL_ABSENT) && (node == NULL || nearly(values[i], node)))
      continue;
    struct cl_text t = {0};
    cl_value_write_json(&t, values[i]);
    fail_msg("trial %lld: %s is %s", (long long)driver_trials(d), space->items[i].name, cl_text_get(&t));
  }
}

static void run_case(const json_t *test) {
  char *space = json_dumps(json_object_get(test, "hyperparameters"), JSON_REAL_PRECISION(17));
  char *search = json_dumps(json_object_get(test, "search"), 0);
  struct cl_text more = {0};
  print_message("# %s\n", json_string_value(json_object_get(test, "name")));
  space[strlen(space) - 1] = '\0'; /* the driver adds the brackets of the array */
  cl_text_format(&more, ", \"trials\": 200, \"search\": %s", search);
  struct driver d =
      driver_begin(space + 1, cl_text_get(&more), json_integer_value(json_object_get(test, "seed")));
  const json_t *proposals = json_object_get(test, "proposals"), *scores = json_object_get(test, "scores");
  assert_true(json_array_size(proposals) >= 20);
  for (size_t i = 0; i < json_array_size(proposals); i++) {
    struct cl_value values[16];
    assert_int_equal(driver_ask(&d, values), 0);
    compare(&d, values, json_array_get(proposals, i));
    if (scores != NULL) driver_finish(&d, driver_trials(&d), json_real_value(json_array_get(scores, i)));
  }
  driver_verify_all(&d);
  driver_end(&d);
  cl_text_done(&more);
  free(search);
  free(space);
}

static void proposals_equal_those_of_an_independent_program(void **state) {
  (void)state;
  json_t *cases = json_load_file(GOLDEN "/search.json", 0, NULL);
  assert_true(json_array_size(cases) >= 6);
  for (size_t i = 0; i < json_array_size(cases); i++) run_case(json_array_get(cases, i));
  json_decref(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(proposals_equal_those_of_an_independent_program)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
