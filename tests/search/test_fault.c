/* Every allocation of the searchers fails once, and from then on. Linked with tests/fault. */
#include "driver.h"
#include "fault/alloc.h"

static const char space[] =
    "{\"id\": 1, \"name\": \"a\", \"domain\": \"ordered\", \"values\": [1, 2, 3, 4]},"
    "{\"id\": 2, \"name\": \"b\", \"domain\": \"unordered\", \"values\": [\"x\", \"y\", \"z\"]},"
    "{\"id\": 3, \"name\": \"c\", \"domain\": \"int\", \"lo\": 0, \"hi\": 9, \"tuned\": 3},"
    "{\"id\": 4, \"name\": \"seed\", \"domain\": \"int\", \"lo\": 0, \"hi\": 99, \"drawn\": true}";

/* Make a searcher, ask, verify, explain; the first error stops. */
static int use(const struct driver *d, const struct cl_event *recorded, struct cl_err *e) {
  struct cl_searcher *s = NULL;
  struct cl_event ev = {0};
  struct cl_text text = {0};
  bool same = false;
  int status = cl_searcher_create(d->study, &s, e);
  if (status == 0) status = cl_searcher_next(s, &ev, e);
  if (status == 0) status = cl_searcher_verify(d->study, &ev, &same, &text, e);
  if (status == 0) assert_true(same);
  if (status == 0) status = cl_searcher_explain(&ev, d->study, &text, e);
  if (status == 0) status = cl_searcher_apply(s, recorded, e);
  cl_searcher_destroy(s);
  cl_text_done(&text);
  return status;
}

static void check(const char *more) {
  struct driver d = driver_begin(space, more, 4);
  for (int i = 0; i < 70; i++) {
    assert_int_equal(driver_ask(&d, NULL), 0);
    driver_finish(&d, driver_trials(&d), i % 7);
  }
  FAULT_LOOP(n) {
    struct cl_err e = {0};
    int status = use(&d, d.log[0], &e); /* `created` again: the method is made anew */
    if (cl_fault_happened()) {
      assert_int_equal(status, CLADE_ENOMEM);
      assert_string_not_equal(e.text, "");
    } else {
      assert_int_equal(status, 0);
    }
  }
  driver_end(&d);
}

static void random_search_survives_a_lack_of_memory(void **state) {
  (void)state;
  check(", \"trials\": 1000");
}

static void grid_search_survives_a_lack_of_memory(void **state) {
  (void)state;
  check(", \"trials\": 1000, \"search\": {\"method\": \"grid\"}");
}

static void sobol_search_survives_a_lack_of_memory(void **state) {
  (void)state;
  check(", \"trials\": 1000, \"search\": {\"method\": \"sobol\"}");
}

static void dgd_survives_a_lack_of_memory(void **state) {
  (void)state;
  check(", \"trials\": 1000, \"search\": {\"method\": \"dgd\", \"startup\": 5}");
}

static void enqueued_points_survive_a_lack_of_memory(void **state) {
  (void)state;
  struct cl_text t = {0};
  cl_text_add(&t, ", \"trials\": 1000, \"enqueue\": [{\"a\": 1}");
  for (int i = 0; i < 80; i++) cl_text_add(&t, ", {\"b\": \"y\"}");
  cl_text_add(&t, "]");
  check(cl_text_get(&t));
  cl_text_done(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_search_survives_a_lack_of_memory),
      cmocka_unit_test(grid_search_survives_a_lack_of_memory),
      cmocka_unit_test(sobol_search_survives_a_lack_of_memory),
      cmocka_unit_test(dgd_survives_a_lack_of_memory),
      cmocka_unit_test(enqueued_points_survive_a_lack_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
