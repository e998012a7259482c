/* Stages: what they refuse, what they do with null, with numbers that are none, and without memory. What they
 * print and report is tested by test_stages.py. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault/alloc.h"
#include "trainer/stages.h"
#include "trainer/stages_impl.h"
#include "trainer/tag.h"

static clade_trainer *t;
static int console;

static int begin(void **state) {
  (void)state;
  static const char *const variables[] = {"CLADE_SOCKET", "CLADE_DIR", "CLADE_RESUME_FROM", "CLADE_SEARCH"};
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) unsetenv(variables[i]);
  /* what is printed does not belong into the TAP */
  (void)fflush(stdout);
  int nowhere = open("/dev/null", O_WRONLY);
  console = dup(STDOUT_FILENO);
  if (nowhere < 0 || console < 0 || dup2(nowhere, STDOUT_FILENO) < 0) return -1;
  (void)close(nowhere);
  return clade_trainer_open(0, NULL, NULL, &t);
}

static int finish(void **state) {
  (void)state;
  clade_trainer_close(t);
  (void)fflush(stdout);
  (void)dup2(console, STDOUT_FILENO);
  (void)close(console);
  return 0;
}

static void every_function_accepts_null(void **state) {
  (void)state;
  clade_stages *s = NULL;
  assert_int_equal(clade_stages_open(NULL, NULL, &s), CLADE_EINVAL);
  assert_int_equal(clade_stages_open(t, NULL, NULL), CLADE_EINVAL);
  assert_int_equal(clade_stages_open(t, NULL, &s), CLADE_EINVAL);
  assert_null(s);
  assert_false(clade_stages_next(NULL));
  clade_stages_add(NULL, "a", 1);
  clade_stages_count(NULL, 2);
  assert_true(clade_stages_current(NULL) == 0 && clade_stages_iters(NULL) == 0);
  assert_true(isnan(clade_stages_value(NULL, "a")));
  assert_int_equal(clade_stages_done(NULL), CLADE_EINVAL);
  clade_stages_close(NULL);
}

static void wrong_options_are_refused_with_a_sentence(void **state) {
  (void)state;
  static const struct clade_stage_metric good[] = {{.name = "a"}}, twice[] = {{.name = "a"}, {.name = "a"}},
                                         hours[] = {{.name = "hrs"}}, empty[] = {{.name = ""}},
                                         wild[] = {{.name = "a", .aggregate = (enum clade_stage_aggregate)7}};
  static const struct {
    struct clade_stage stage;
    const char *best, *saying;
  } cases[] = {
      {{.metrics = good, .n_metrics = 0, .iters = 1}, NULL, "has 0 metrics"},
      {{.metrics = twice, .n_metrics = 2, .iters = 1}, NULL, "two metrics 'a'"},
      {{.metrics = hours, .n_metrics = 1, .iters = 1}, NULL, "taken by the hours"},
      {{.metrics = empty, .n_metrics = 1, .iters = 1}, NULL, "bytes of UTF-8"},
      {{.metrics = wild, .n_metrics = 1, .iters = 1}, NULL, "no aggregation"},
      {{.metrics = good, .n_metrics = 1, .iters = 0}, NULL, "0 iterations"},
      {{.metrics = good, .n_metrics = 1, .iters = 1, .iters_per_report = -1}, NULL, "-1 per report"},
      {{.metrics = good, .n_metrics = 1, .iters = 1}, "a/b", "name of a directory"},
      {{.metrics = good, .n_metrics = 1, .iters = 1}, "best", "no save function"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct clade_stages_options options = {.stages = &cases[i].stage, .n_stages = 1, .best = cases[i].best};
    clade_stages *s = NULL;
    assert_int_equal(clade_stages_open(t, &options, &s), CLADE_EINVAL);
    assert_null(s);
    if (strstr(clade_trainer_errmsg(t), cases[i].saying) == NULL) fail_msg("%s", clade_trainer_errmsg(t));
  }
}

static void a_value_that_is_no_number_spoils_each_aggregate(void **state) {
  (void)state;
  static const struct clade_stage_metric metrics[] = {{.name = "mean"},
                                                      {.name = "max", .aggregate = CLADE_STAGE_MAX},
                                                      {.name = "min", .aggregate = CLADE_STAGE_MIN}};
  static const struct clade_stage stage = {.metrics = metrics, .n_metrics = 3, .iters = 4};
  static const double values[] = {2.385, -7.25, (double)INFINITY, (double)NAN};
  static const double want[][3] = {{2.385, 2.385, 2.385},
                                   {-2.4325, 2.385, -7.25},
                                   {(double)INFINITY, (double)INFINITY, -7.25},
                                   {(double)NAN, (double)NAN, (double)NAN}};
  struct clade_stages_options options = {.stages = &stage, .n_stages = 1};
  clade_stages *s = NULL;
  assert_int_equal(clade_stages_open(t, &options, &s), 0);
  assert_true(isnan(clade_stages_value(s, "mean")) && isnan(clade_stages_value(s, "mode")));
  for (size_t i = 0; i < 4; i++) {
    assert_true(clade_stages_next(s));
    assert_int_equal(clade_stages_iters(s), i);
    for (size_t k = 0; k < 3; k++) {
      clade_stages_add(s, metrics[k].name, values[i]);
      double value = clade_stages_value(s, metrics[k].name);
      if (!(value == want[i][k] || (isnan(value) && isnan(want[i][k])))) fail_msg("%zu %zu: %g", i, k, value);
    }
  }
  assert_false(clade_stages_next(s));
  assert_int_equal(clade_stages_done(s), 0);
  clade_stages_close(s);
}

static void a_tag_has_a_name_and_no_control_characters(void **state) {
  (void)state;
  char big[CL_TRAINER_TAG_TEXT_MAX + 2];
  memset(big, 'x', sizeof big);
  big[sizeof big - 1] = '\0';
  assert_int_equal(clade_trainer_tag(NULL, "a", NULL), CLADE_EINVAL);
  assert_int_equal(clade_trainer_tag(t, "plotted_metric", "s1-rew=x"), 0);
  assert_int_equal(clade_trainer_tag(t, "keep", NULL), 0);
  static const char *const wrong[][2] = {{NULL, "a"},   {"", "a"},    {"a=b", "c"},
                                         {"a\nb", "c"}, {"a", "b\n"}, {"\xff", "c"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(clade_trainer_tag(t, wrong[i][0], wrong[i][1]), CLADE_EINVAL);
  assert_int_equal(clade_trainer_tag(t, "a", big), CLADE_EINVAL);
  assert_int_equal(clade_trainer_tag(t, big, NULL), CLADE_EINVAL);
}

static int touch(void *ctx, const char *directory) {
  (void)ctx;
  return directory[0] == '\0';
}

/* Two stages that save their best state; every allocation fails once. */
static int train(const char *directory) {
  static const struct clade_stage_metric metrics[] = {{.name = "a"}, {.name = "b"}};
  static const struct clade_stage stages[] = {
      {.title = "one", .metrics = metrics, .n_metrics = 2, .iters = 3},
      {.metrics = metrics, .n_metrics = 1, .iters = 2}};
  struct clade_stages_options options = {.stages = stages, .n_stages = 2, .best = directory};
  struct clade_trainer_options functions = {.save = touch, .load = touch};
  clade_trainer *own = NULL;
  clade_stages *s = NULL;
  int status = clade_trainer_open(0, NULL, &functions, &own);
  if (status == 0) clade_trainer_default(own, "lr", "0.5");
  if (status == 0) status = clade_stages_open(own, &options, &s);
  if (status == 0) status = clade_trainer_start(own);
  for (double x = 0; status == 0 && clade_stages_next(s); x += 0.125) clade_stages_add(s, "a", x);
  if (status >= 0) status = clade_stages_done(s);
  assert_true(status == 0 || clade_trainer_errmsg(own)[0] != '\0');
  clade_stages_close(s);
  clade_trainer_close(own);
  return status;
}

static void no_failed_allocation_is_lost(void **state) {
  (void)state;
  char directory[] = "/tmp/clade-stages-XXXXXX";
  assert_non_null(mkdtemp(directory));
  assert_int_equal(chdir(directory), 0);
  FAULT_LOOP(n) {
    int status = train("best");
    assert_true(status == 0 || status == CLADE_ENOMEM);
  }
  assert_int_equal(train("best"), 0);
  assert_int_equal(unlink("best/clade-stages"), 0);
  assert_int_equal(rmdir("best"), 0);
  (void)rmdir("best.part");
  (void)rmdir("best.old");
  assert_int_equal(rmdir(directory), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_function_accepts_null, begin, finish),
      cmocka_unit_test_setup_teardown(wrong_options_are_refused_with_a_sentence, begin, finish),
      cmocka_unit_test_setup_teardown(a_value_that_is_no_number_spoils_each_aggregate, begin, finish),
      cmocka_unit_test_setup_teardown(a_tag_has_a_name_and_no_control_characters, begin, finish),
      cmocka_unit_test_setup_teardown(no_failed_allocation_is_lost, begin, finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
