/* The generic half: what methods are told and when, enqueued points, roles, options. */
#include "driver.h"

static const char floats[] =
    "{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"lo\": 0.001, \"hi\": 1, \"scale\": \"log\"},"
    "{\"id\": 2, \"name\": \"b\", \"domain\": \"int\", \"lo\": 1, \"hi\": 1000}";

static void a_proposal_carries_what_the_log_needs(void **state) {
  (void)state;
  struct driver d = driver_begin(floats, ", \"trials\": 10", 5);
  struct cl_event ev = {0};
  assert_int_equal(cl_searcher_next(d.searcher, &ev, NULL), 0);
  assert_int_equal(ev.kind, CL_EVENT_PROPOSED);
  assert_int_equal(ev.subject, 1);
  assert_int_equal(ev.as_of, 1);
  assert_int_equal(ev.seen, 0);
  assert_int_equal(ev.cause, CL_CAUSE_SEARCH);
  assert_string_equal(ev.args, "{\"method\": \"random\"}");
  assert_int_equal(ev.u.proposed.role, CL_ROLE_SEARCH);
  assert_int_equal(ev.u.proposed.values.n, 2);
  assert_int_equal(ev.u.proposed.values.items[1].id, 2);
  driver_end(&d);
}

static void asking_twice_gives_the_same(void **state) {
  (void)state;
  static const char *const searches[] = {"{\"method\": \"random\"}", "{\"method\": \"sobol\"}",
                                         "{\"method\": \"grid\", \"levels\": 7}"};
  for (int i = 0; i < 3; i++) {
    char more[100];
    snprintf(more, sizeof more, ", \"trials\": 10, \"search\": %s", searches[i]);
    struct driver d = driver_begin(floats, more, 5);
    struct cl_event a = {0}, b = {0};
    assert_int_equal(cl_searcher_next(d.searcher, &a, NULL), 0);
    struct cl_event *first = cl_event_copy(&a);
    assert_int_equal(cl_searcher_next(d.searcher, &b, NULL), 0);
    assert_true(cl_event_equal(first, &b));
    cl_free(first);
    driver_end(&d);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_proposal_carries_what_the_log_needs),
      cmocka_unit_test(asking_twice_gives_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
