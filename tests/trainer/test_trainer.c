/* The library outside of a study, and what it makes of mistakes. */
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

#include "trainer/trainer.h"

static clade_trainer *t;

static int begin(void **state) {
  (void)state;
  static const char *const variables[] = {"CLADE_SOCKET",  "CLADE_TOKEN",     "CLADE_DIR",
                                          "CLADE_SEED",    "CLADE_FINAL",     "CLADE_TRIAL",
                                          "CLADE_ATTEMPT", "CLADE_RECONNECT", "CLADE_RESUME_FROM"};
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) unsetenv(variables[i]);
  return clade_trainer_open(0, NULL, NULL, &t);
}

static int finish(void **state) {
  (void)state;
  clade_trainer_close(t);
  return 0;
}

static void every_function_accepts_null(void **state) {
  (void)state;
  assert_int_equal(clade_trainer_open(0, NULL, NULL, NULL), CLADE_EINVAL);
  clade_trainer_close(NULL);
  clade_trainer_default(NULL, "a", "1");
  clade_trainer_metric(NULL, "a", 1);
  assert_true(isnan(clade_trainer_float(NULL, "a")) && clade_trainer_int(NULL, "a") == 0);
  assert_true(!clade_trainer_bool(NULL, "a") && clade_trainer_text(NULL, "a") == NULL);
  assert_true(!clade_trainer_has(NULL, "a") && !clade_trainer_changed(NULL, "a") &&
              clade_trainer_name(NULL, 0) == NULL);
  assert_int_equal(clade_trainer_start(NULL), CLADE_EINVAL);
  assert_int_equal(clade_trainer_report(NULL, 1), CLADE_EINVAL);
  assert_int_equal(clade_trainer_done(NULL), CLADE_EINVAL);
  assert_true(clade_trainer_exit_status(NULL) == 1 && clade_trainer_seed(NULL) == 1 &&
              clade_trainer_trial(NULL) == 0);
  assert_true(clade_trainer_attempt(NULL) == 0 && !clade_trainer_is_final(NULL) &&
              !clade_trainer_in_study(NULL));
  assert_string_equal(clade_trainer_directory(NULL), ".");
  assert_string_equal(clade_trainer_errmsg(NULL), "out of memory");
}

static void a_wrong_name_is_the_error_of_the_next_report(void **state) {
  (void)state;
  clade_trainer_default(t, "lr", "0.5");
  assert_true(isnan(clade_trainer_float(t, "lrr")));
  assert_null(clade_trainer_text(t, "second"));
  clade_trainer_metric(t, "loss", 1);
  assert_int_equal(clade_trainer_report(t, 1), CLADE_EINVAL);
  assert_non_null(strstr(clade_trainer_errmsg(t), "there is no value of 'lrr'; there are: lr"));
  assert_int_equal(clade_trainer_exit_status(t), 1);
  assert_int_equal(clade_trainer_done(t), 0);
  assert_int_equal(clade_trainer_exit_status(t), 0);
}

static void a_wrong_type_is_the_error_of_start(void **state) {
  (void)state;
  clade_trainer_default(t, "opt", "adam");
  clade_trainer_default(t, "empty", NULL);
  assert_int_equal(clade_trainer_int(t, "opt"), 0);
  assert_int_equal(clade_trainer_start(t), CLADE_EINVAL);
  assert_string_equal(clade_trainer_errmsg(t), "the value of 'opt' is adam, which is not an integer");
  assert_int_equal(clade_trainer_start(t), 0);
  assert_false(clade_trainer_bool(t, "opt"));
  assert_int_equal(clade_trainer_done(t), CLADE_EINVAL);
  assert_null(clade_trainer_text(t, "empty"));
  assert_true(isnan(clade_trainer_float(t, "empty")));
  assert_int_equal(clade_trainer_done(t), 0);
}

/* Report, and give what was printed (static storage). */
static const char *report_and_read(double step) {
  static char text[256];
  FILE *file = tmpfile();
  int before = dup(STDOUT_FILENO);
  assert_true(file != NULL && before >= 0 && fflush(stdout) == 0 && dup2(fileno(file), STDOUT_FILENO) >= 0);
  int status = clade_trainer_report(t, step);
  assert_int_equal(dup2(before, STDOUT_FILENO), STDOUT_FILENO);
  close(before);
  rewind(file);
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  assert_int_equal(status, 0);
  return text;
}

static void reports_are_printed_with_six_digits(void **state) {
  (void)state;
  clade_trainer_metric(t, "accuracy", 0.1 + 0.2);
  clade_trainer_metric(t, "loss", 1234567);
  clade_trainer_metric(t, "small", -2.3850001e-7);
  clade_trainer_metric(t, "bad", (double)NAN);
  assert_string_equal(report_and_read(0.5),
                      "step 0.5  accuracy 0.3  loss 1234570  small -2.385e-07  bad nan\n");
  assert_string_equal(report_and_read(3), "step 3\n");
}

static void a_metric_that_cannot_be_sent_is_the_error_of_its_report(void **state) {
  (void)state;
  clade_trainer_metric(t, NULL, 1);
  assert_int_equal(clade_trainer_report(t, 1), CLADE_EINVAL);
  clade_trainer_metric(t, "", 1);
  assert_int_equal(clade_trainer_report(t, 1), CLADE_EINVAL);
  for (int i = 0; i < 300; i++) clade_trainer_metric(t, "same", i);
  assert_string_equal(report_and_read(1), "step 1  same 299\n");
  assert_int_equal(clade_trainer_report(t, (double)INFINITY), CLADE_EINVAL);
  assert_int_equal(clade_trainer_done(t), 0);
  assert_int_equal(clade_trainer_done(t), 0);
  assert_int_equal(clade_trainer_report(t, 2), CLADE_EINVAL);
}

static void values_can_be_listed(void **state) {
  (void)state;
  assert_null(clade_trainer_name(t, 0));
  clade_trainer_default(t, "lr", "0.5");
  assert_false(clade_trainer_has(t, "absent"));
  clade_trainer_default(t, "opt", "adam");
  assert_string_equal(clade_trainer_name(t, 0), "lr");
  assert_string_equal(clade_trainer_name(t, 1), "opt");
  assert_null(clade_trainer_name(t, 2));
  assert_true(clade_trainer_has(t, "opt") && !clade_trainer_changed(t, "opt"));
  assert_int_equal(clade_trainer_start(t), 0);
}

static void what_the_environment_says_is_known(void **state) {
  (void)state;
  assert_int_equal(setenv("CLADE_SEED", "-9223372036854775808", 1) | setenv("CLADE_FINAL", "1", 1), 0);
  assert_int_equal(
      setenv("CLADE_TRIAL", "12", 1) | setenv("CLADE_ATTEMPT", "x", 1) | setenv("CLADE_DIR", "/d", 1), 0);
  clade_trainer *again = NULL;
  assert_int_equal(clade_trainer_open(0, NULL, NULL, &again), 0);
  assert_true(clade_trainer_seed(again) == INT64_MIN && clade_trainer_is_final(again));
  assert_true(clade_trainer_trial(again) == 12 && clade_trainer_attempt(again) == 0);
  assert_string_equal(clade_trainer_directory(again), "/d");
  clade_trainer_close(again);
  assert_true(clade_trainer_seed(t) == 1 && !clade_trainer_is_final(t));
  assert_int_equal(setenv("CLADE_RECONNECT", "soon", 1), 0);
  assert_int_equal(clade_trainer_open(0, NULL, NULL, &again), CLADE_EINVAL);
  assert_string_equal(clade_trainer_errmsg(again),
                      "CLADE_RECONNECT is 'soon', but must be seconds from 0 to 1e9");
  assert_int_equal(clade_trainer_exit_status(again), 1);
  clade_trainer_close(again);
}

static int refuse(void *ctx, const char *directory) {
  return strcmp(directory, (const char *)ctx) == 0 ? 3 : 0;
}

static void a_region_has_a_name_memory_and_comes_before_start(void **state) {
  (void)state;
  static double many[1025];
  char name[8];
  assert_int_equal(clade_trainer_state(NULL, "weights", many, 8), CLADE_EINVAL);
  assert_int_equal(clade_trainer_state(t, "", many, 8), CLADE_EINVAL);
  assert_int_equal(clade_trainer_state(t, "a\nb", many, 8), CLADE_EINVAL);
  assert_int_equal(clade_trainer_state(t, "weights", NULL, 8), CLADE_EINVAL);
  assert_int_equal(clade_trainer_state(t, "weights", many, 0), CLADE_EINVAL);
  for (int i = 0; i < 1024; i++) {
    (void)snprintf(name, sizeof name, "r%d", i);
    assert_int_equal(clade_trainer_state(t, name, &many[i], sizeof many[i]), 0);
  }
  assert_int_equal(clade_trainer_state(t, "r385", many, 8), CLADE_EINVAL); /* there already */
  assert_int_equal(clade_trainer_state(t, "one more", &many[1024], 8), CLADE_ELIMIT);
  assert_int_equal(clade_trainer_start(t), 0);
  assert_int_equal(clade_trainer_state(t, "late", &many[1024], 8), CLADE_EINVAL);
}

static void a_state_that_cannot_be_loaded_by_hand_is_an_error(void **state) {
  (void)state;
  char bad[] = "/bad";
  struct clade_trainer_options options = {.load = refuse, .ctx = bad};
  clade_trainer *again = NULL;
  assert_int_equal(setenv("CLADE_RESUME_FROM", "/bad", 1), 0);
  assert_int_equal(clade_trainer_open(0, NULL, &options, &again), 0);
  assert_int_equal(clade_trainer_start(again), CLADE_EIO);
  assert_string_equal(clade_trainer_errmsg(again),
                      "the program's load function returned 3 for CLADE_RESUME_FROM=/bad");
  clade_trainer_close(again);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_function_accepts_null, begin, finish),
      cmocka_unit_test_setup_teardown(a_wrong_name_is_the_error_of_the_next_report, begin, finish),
      cmocka_unit_test_setup_teardown(a_wrong_type_is_the_error_of_start, begin, finish),
      cmocka_unit_test_setup_teardown(reports_are_printed_with_six_digits, begin, finish),
      cmocka_unit_test_setup_teardown(a_metric_that_cannot_be_sent_is_the_error_of_its_report, begin, finish),
      cmocka_unit_test_setup_teardown(values_can_be_listed, begin, finish),
      cmocka_unit_test_setup_teardown(what_the_environment_says_is_known, begin, finish),
      cmocka_unit_test_setup_teardown(a_region_has_a_name_memory_and_comes_before_start, begin, finish),
      cmocka_unit_test_setup_teardown(a_state_that_cannot_be_loaded_by_hand_is_an_error, begin, finish)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
