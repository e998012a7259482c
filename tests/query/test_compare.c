/* Methods compared: studies are paired by seed, what is unfinished stays out, beginnings are looked at. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "query/compare.h"
#include "query/tales.h"

#define NEAR(a, b, error) assert_true(fabs((a) - (b)) < (error))

struct race {
  struct cl_store *store;
  struct cl_compare_study studies[8];
  size_t n;
};

static void enter(struct race *r, const char *name, size_t method) {
  int64_t id = 0;
  assert_int_equal(cl_store_find(r->store, name, &id, NULL), 0);
  assert_int_equal(cl_reader_open(r->store, id, &r->studies[r->n].reader, NULL), 0);
  r->studies[r->n++].method = method;
}

static struct race begin_race(void) {
  struct race r = {.store = tale_store("memory:")};
  tell_race(r.store);
  return r;
}

static void end_race(struct race *r) {
  for (size_t i = 0; i < r->n; i++) cl_reader_close(r->studies[i].reader);
  cl_store_close(r->store);
}

static void enter_all(struct race *r) {
  static const char *const names[] = {"slow-s4", "fast-s2", "slow-s2", "fast-s4",
                                      "fast-s1", "slow-s1", "slow-s3", "fast-s3"};
  for (size_t i = 0; i < 8; i++) enter(r, names[i], names[i][0] == 's');
}

static void studies_are_paired_by_their_seed(void **state) {
  struct race r = begin_race();
  struct cl_comparison c = {0};
  (void)state;
  enter_all(&r);
  assert_int_equal(cl_comparison_read(r.studies, r.n, 2, &c, NULL), 0);
  assert_int_equal(c.n_rows, 4);
  for (int i = 0; i < 4; i++) assert_int_equal(c.seeds[i], i + 1);
  NEAR(c.cells[0].value, 0.9225, 1e-12);
  assert_int_equal(c.cells[0].trial, 2);
  assert_int_equal(c.cells[0].study, 4); /* fast-s1, wherever it was named */
  NEAR(c.cells[5].value, 0.9207, 1e-12);
  assert_int_equal(c.methods[0].studies, 4);
  cl_comparison_done(&c);
  end_race(&r);
}

static void unfinished_studies_are_in_no_difference(void **state) {
  struct race r = begin_race();
  struct cl_comparison c = {0};
  (void)state;
  enter_all(&r);
  assert_int_equal(cl_comparison_read(r.studies, r.n, 2, &c, NULL), 0);
  assert_int_equal(c.cells[7].state, CL_COMPARE_OPEN);
  assert_int_equal(c.methods[1].scores.n, 3);
  assert_int_equal(c.methods[1].paired.n, 3);
  NEAR(c.methods[1].paired.mean, (0.0112 + 0.0131 + 0.0068) / 3, 1e-12);
  assert_int_equal(c.methods[1].paired.above, 3);
  assert_true(c.methods[1].p_holm == c.methods[1].paired.p_t);
  cl_comparison_done(&c);
  end_race(&r);
}

static void beginnings_that_differ_are_found(void **state) {
  struct race r = begin_race();
  struct cl_comparison c = {0};
  (void)state;
  enter_all(&r);
  assert_int_equal(cl_comparison_read(r.studies, r.n, 2, &c, NULL), 0);
  assert_int_equal(c.starts, 3 + 3 + 3 + 2);
  assert_int_equal(c.unequal, 1);
  assert_int_equal(c.unequal_seed, 3);
  assert_int_equal(c.unequal_trial, 2);
  cl_comparison_done(&c);
  end_race(&r);
}

static void seeds_of_one_method_alone_pair_with_nothing(void **state) {
  struct race r = begin_race();
  struct cl_comparison c = {0};
  (void)state;
  enter(&r, "fast-s1", 0);
  enter(&r, "fast-s2", 0);
  enter(&r, "slow-s3", 1);
  assert_int_equal(cl_comparison_read(r.studies, r.n, 2, &c, NULL), 0);
  assert_int_equal(c.n_rows, 3);
  assert_int_equal(c.methods[1].paired.n, 0);
  assert_true(isnan(c.methods[1].paired.mean));
  assert_int_equal(c.cells[1].state, CL_COMPARE_ABSENT);
  assert_int_equal(c.starts, 0);
  cl_comparison_done(&c);
  end_race(&r);
}

static void two_studies_with_one_seed_on_one_side_are_refused(void **state) {
  struct race r = begin_race();
  struct cl_comparison c = {0};
  struct cl_err e = {0};
  (void)state;
  enter(&r, "fast-s2", 0);
  enter(&r, "slow-s2", 0);
  assert_int_equal(cl_comparison_read(r.studies, r.n, 1, &c, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "fast-s2"));
  assert_non_null(strstr(e.text, "slow-s2"));
  assert_null(c.cells);
  end_race(&r);
}

static void other_objectives_are_refused(void **state) {
  struct race r = begin_race();
  struct cl_comparison c = {0};
  struct cl_err e = {0};
  (void)state;
  tell_mnist(r.store);
  enter(&r, "fast-s2", 0);
  enter(&r, "mnist", 1);
  assert_int_equal(cl_comparison_read(r.studies, r.n, 2, &c, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "largest acc"));
  assert_non_null(strstr(e.text, "val_accuracy"));
  end_race(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(studies_are_paired_by_their_seed),
      cmocka_unit_test(unfinished_studies_are_in_no_difference),
      cmocka_unit_test(beginnings_that_differ_are_found),
      cmocka_unit_test(seeds_of_one_method_alone_pair_with_nothing),
      cmocka_unit_test(two_studies_with_one_seed_on_one_side_are_refused),
      cmocka_unit_test(other_objectives_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
