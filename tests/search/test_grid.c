#include "driver.h"

static const char lists[] =
    "{\"id\": 1, \"name\": \"a\", \"domain\": \"ordered\", \"values\": [1, 2, 3]},"
    "{\"id\": 2, \"name\": \"b\", \"domain\": \"unordered\", \"values\": [\"x\", \"y\"]},"
    "{\"id\": 3, \"name\": \"c\", \"domain\": \"int\", \"lo\": 1, \"hi\": 4}";

/* Asks until the grid is used up; the number of distinct configurations, all asked. */
static int exhaust(struct driver *d, int most) {
  uint64_t seen[512];
  int n = 0;
  struct cl_value v[16];
  while (driver_ask(d, v) == 0) {
    assert_true(n < most);
    seen[n] = cl_space_hash(cl_study_space(d->study), v);
    for (int i = 0; i < n; i++) assert_true(seen[i] != seen[n]);
    n++;
  }
  return n;
}

static void every_point_is_proposed_once_then_it_ends(void **state) {
  (void)state;
  for (int64_t seed = 0; seed < 20; seed++) {
    struct driver d = driver_begin(lists, ", \"trials\": 1000, \"search\": {\"method\": \"grid\"}", seed);
    assert_int_equal(exhaust(&d, 24), 24);
    assert_int_equal(driver_ask(&d, NULL), CLADE_EMPTY);
    driver_verify_all(&d);
    driver_end(&d);
  }
}

static void grids_of_all_sizes_are_permuted(void **state) {
  (void)state;
  for (int n = 1; n <= 70; n++) {
    char space[100];
    snprintf(space, sizeof space, "{\"id\": 1, \"name\": \"a\", \"domain\": \"int\", \"lo\": 1, \"hi\": %d}",
             n);
    struct driver d = driver_begin(space, ", \"trials\": 1000, \"search\": {\"method\": \"grid\"}", 3);
    assert_int_equal(exhaust(&d, n), n);
    driver_end(&d);
  }
}

static void the_seed_changes_the_order(void **state) {
  (void)state;
  int first[24] = {0};
  for (int64_t seed = 0; seed < 480; seed++) {
    struct driver d = driver_begin(lists, ", \"trials\": 1000, \"search\": {\"method\": \"grid\"}", seed);
    struct cl_value v[3];
    assert_int_equal(driver_ask(&d, v), 0);
    const struct cl_space *space = cl_study_space(d.study);
    first[v[0].as.integer - 1 + 3 * cl_space_level_of(&space->items[1], v[1]) + 6 * (v[2].as.integer - 1)]++;
    driver_end(&d);
  }
  double chi = 0;
  for (int k = 0; k < 24; k++) chi += pow(first[k] - 20, 2) / 20;
  assert_true(chi < 44.2); /* 0.5 % point of chi-square with 23 degrees of freedom; the seeds are fixed */
}

static void the_listed_order_turns_the_first_fastest(void **state) {
  (void)state;
  struct driver d =
      driver_begin(lists, ", \"trials\": 50, \"search\": {\"method\": \"grid\", \"order\": \"listed\"}", 1);
  struct cl_value v[3];
  for (int i = 0; i < 24; i++) {
    assert_int_equal(driver_ask(&d, v), 0);
    assert_int_equal(v[0].as.integer, 1 + i % 3);
    assert_string_equal(v[1].as.text, i / 3 % 2 ? "y" : "x");
    assert_int_equal(v[2].as.integer, 1 + i / 6);
  }
  driver_end(&d);
}

static void a_runspecs_grid_begins_again_and_draws_what_is_continuous(void **state) {
  (void)state;
  const char space[] =
      "{\"id\": 1, \"name\": \"a\", \"domain\": \"ordered\", \"values\": [1, 2, 3]},"
      "{\"id\": 2, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0.001, \"hi\": 1, \"scale\": \"log\"},"
      "{\"id\": 3, \"name\": \"b\", \"domain\": \"unordered\", \"values\": [\"x\", \"y\"]},"
      "{\"id\": 4, \"name\": \"seed\", \"domain\": \"int\", \"lo\": 0, \"hi\": 65535, \"drawn\": true}";
  struct driver d =
      driver_begin(space, ", \"origin\": \"runspec\", \"trials\": 50, \"search\": {\"method\": \"grid\"}", 1);
  double last = 0;
  for (int i = 0; i < 20; i++) {
    struct cl_value v[4];
    assert_int_equal(driver_ask(&d, v), 0);
    assert_int_equal(v[0].as.integer, 1 + i % 3);
    assert_string_equal(v[2].as.text, i / 3 % 2 ? "y" : "x");
    assert_true(v[1].as.real >= 0.001 && v[1].as.real <= 1 && v[1].as.real != last);
    last = v[1].as.real;
  }
  assert_non_null(strstr(d.log[d.n - 1]->args, "\"point\": 2, \"size\": 6, \"round\": 4"));
  driver_verify_all(&d);
  driver_end(&d);
}

static void points_that_break_a_constraint_or_were_enqueued_are_left_out(void **state) {
  (void)state;
  struct driver d =
      driver_begin(lists,
                   ", \"trials\": 1000, \"search\": {\"method\": \"grid\"}, \"constraints\": [\"a <= "
                   "c\"], \"enqueue\": [{\"a\": 1, \"b\": \"x\", \"c\": 4}]",
                   1);
  assert_int_equal(exhaust(&d, 18), (4 + 3 + 2) * 2);
  driver_verify_all(&d);
  driver_end(&d);
}

static void only_active_subtrees_are_enumerated(void **state) {
  (void)state;
  const char space[] =
      "{\"id\": 1, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\"]},"
      "{\"id\": 2, \"name\": \"m\", \"domain\": \"ordered\", \"values\": [1, 2, 3, 4], \"parent\": "
      "\"opt\", \"when\": [\"sgd\"]},"
      "{\"id\": 3, \"name\": \"f\", \"domain\": \"ordered\", \"values\": [0.1, 0.5, 0.7]}";
  struct driver d = driver_begin(space, ", \"trials\": 1000, \"search\": {\"method\": \"grid\"}", 1);
  assert_int_equal(exhaust(&d, 15), (1 + 4) * 3);
  driver_end(&d);
}

static int begin_search(const char *space, const char *search, struct cl_err *e) {
  struct cl_text t = {0};
  struct cl_study *study = NULL;
  struct cl_searcher *searcher = NULL;
  cl_text_format(
      &t,
      "{\"study\": \"s\", \"objectives\": [{\"name\": \"y\", \"goal\": \"maximize\"}], \"trials\": 10, "
      "\"hyperparameters\": [%s], \"search\": %s}",
      space, search);
  struct cl_event ev = {.position = 1, .kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = ev.u.created.uuid = ev.u.created.directory = "s";
  ev.u.created.settings = cl_text_get(&t);
  assert_int_equal(cl_study_create(&study, NULL), 0);
  assert_int_equal(cl_study_apply(study, &ev, NULL), 0);
  int status = cl_searcher_create(study, &searcher, e);
  cl_searcher_destroy(searcher);
  cl_study_destroy(study);
  cl_text_done(&t);
  return status;
}

static void continuous_hyperparameters_need_levels(void **state) {
  (void)state;
  const char space[] = "{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0.001, \"hi\": 1}";
  struct cl_err e = {0};
  assert_int_equal(begin_search(space, "{\"method\": \"grid\"}", &e), CLADE_ESPEC);
  assert_string_equal(e.text,
                      "lr is continuous, and a grid needs levels: list its values, give it a step, set "
                      "`levels` under `search:`, or search with method random");
  assert_int_equal(begin_search(space, "{\"method\": \"grid\", \"levels\": 1}", &e), CLADE_ESPEC);
  struct driver d = driver_begin(
      space, ", \"trials\": 100, \"search\": {\"method\": \"grid\", \"levels\": 4, \"order\": \"listed\"}",
      1);
  struct cl_value v[1];
  for (int i = 0; i < 4; i++) {
    assert_int_equal(driver_ask(&d, v), 0);
    assert_true(fabs(v[0].as.real - (0.001 + i * 0.333)) < 1e-12);
  }
  assert_int_equal(driver_ask(&d, v), CLADE_EMPTY);
  driver_end(&d);
}

static void a_huge_grid_costs_no_memory(void **state) {
  (void)state;
  struct cl_text t = {0};
  for (int i = 1; i <= 8; i++)
    cl_text_format(&t, "%s{\"id\": %d, \"name\": \"n%d\", \"domain\": \"int\", \"lo\": 1, \"hi\": 200}",
                   i > 1 ? ", " : "", i, i);
  struct driver d =
      driver_begin(cl_text_get(&t), ", \"trials\": 1000, \"search\": {\"method\": \"grid\"}", 1);
  double mean[8] = {0}; /* of 200 points of 2.6e18: they lie anywhere */
  for (int k = 0; k < 200; k++) {
    struct cl_value v[8];
    assert_int_equal(driver_ask(&d, v), 0);
    for (int i = 0; i < 8; i++) mean[i] += (double)v[i].as.integer / 200;
  }
  for (int i = 0; i < 8; i++) assert_true(mean[i] > 85 && mean[i] < 116);
  driver_end(&d);
  cl_text_done(&t);
}

static void a_method_changed_later_tries_what_is_left(void **state) {
  (void)state;
  struct driver d = driver_begin(lists, ", \"trials\": 1000", 1);
  for (int i = 0; i < 10; i++) assert_int_equal(driver_ask(&d, NULL), 0);
  uint64_t seen[10];
  int distinct = 0;
  for (int64_t i = 1; i <= 10; i++) {
    struct cl_value v[3];
    cl_trial_values(d.study, cl_study_trial(d.study, i), v);
    uint64_t hash = cl_space_hash(cl_study_space(d.study), v);
    bool again = false;
    for (int k = 0; k < distinct; k++) again = again || seen[k] == hash;
    if (!again) seen[distinct++] = hash;
  }
  struct cl_event ev = {.kind = CL_EVENT_UPDATED, .seen = 1, .cause = CL_CAUSE_HUMAN};
  ev.u.updated.settings = "{\"search\": {\"method\": \"grid\"}}";
  ev.u.updated.space_version = 1;
  driver_apply(&d, ev);
  assert_int_equal(exhaust(&d, 24), 24 - distinct);
  driver_verify_all(&d);
  driver_end(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_point_is_proposed_once_then_it_ends),
      cmocka_unit_test(grids_of_all_sizes_are_permuted),
      cmocka_unit_test(the_seed_changes_the_order),
      cmocka_unit_test(the_listed_order_turns_the_first_fastest),
      cmocka_unit_test(a_runspecs_grid_begins_again_and_draws_what_is_continuous),
      cmocka_unit_test(points_that_break_a_constraint_or_were_enqueued_are_left_out),
      cmocka_unit_test(only_active_subtrees_are_enumerated),
      cmocka_unit_test(continuous_hyperparameters_need_levels),
      cmocka_unit_test(a_huge_grid_costs_no_memory),
      cmocka_unit_test(a_method_changed_later_tries_what_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
