/* What comes before a study: plans, single runs with the tuned values, first specs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clade/run.h"
#include "clade/text.h"

static struct clade_plan *plan_of(int argc, const char *const *argv, const char *minimize, struct cl_err *e) {
  struct clade_run_options o = {.argc = argc,
                                .argv = (char *const *)argv,
                                .minimize = minimize,
                                .trials = 23,
                                .parallel = 2,
                                .store = "/tmp/plan.db"};
  struct clade_plan *plan = NULL;
  return clade_run_plan(&o, NULL, &plan, e) < 0 ? NULL : plan;
}

static void a_plan_says_what_a_command_with_brackets_would_do(void **state) {
  (void)state;
  struct cl_err e = {0};
  const char *const argv[] = {"./train", "--lr=[0.25:0.52]", "--note=two words", NULL};
  struct clade_plan *plan = plan_of(3, argv, "loss", &e);
  assert_non_null(plan);
  assert_string_equal(plan->metric, "loss");
  assert_string_equal(plan->goal, "minimize");
  assert_string_equal(plan->method, "random");
  assert_string_equal(plan->store, "/tmp/plan.db");
  assert_string_equal(plan->command, "./train --lr=0.385 '--note=two words'");
  assert_non_null(strstr(plan->space, "lr"));
  assert_null(strchr(plan->space, '\n'));
  assert_int_equal(plan->trials, 23);
  assert_int_equal(plan->parallel, 2);
  assert_int_equal(plan->n_hyperparameters, 1);
  assert_non_null(strstr(plan->settings, "\"objectives\""));
  assert_false(plan->once);
  clade_plan_free(plan);
}

static void a_plan_without_a_metric_is_refused(void **state) {
  (void)state;
  struct cl_err e = {0};
  const char *const argv[] = {"./train", "--lr=[0.1,0.2]", NULL};
  assert_null(plan_of(2, argv, NULL, &e));
  assert_int_equal(e.code, CLADE_ESPEC);
  assert_non_null(strstr(e.text, "--minimize"));
}

static void arguments_out_of_range_are_refused(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct clade_plan *plan = NULL;
  struct clade_run_options o = {.spec = "x.yaml", .trials = -1};
  assert_int_equal(clade_run_plan(&o, NULL, &plan, &e), CLADE_EINVAL);
  o = (struct clade_run_options){.spec = "x.yaml", .parallel = 1000000};
  assert_int_equal(clade_run_plan(&o, NULL, &plan, &e), CLADE_EINVAL);
  o = (struct clade_run_options){.spec = "x.yaml", .minimize = "a", .maximize = "b"};
  assert_int_equal(clade_run_plan(&o, NULL, &plan, &e), CLADE_EINVAL);
  assert_int_equal(clade_run_plan(NULL, NULL, &plan, &e), CLADE_EINVAL);
  clade_plan_free(plan);
}

static void keep_values(void *ctx, const char *study, int64_t trials, int slots, const char *space) {
  assert_string_equal(study, "sh");
  assert_int_equal(trials, 1);
  assert_int_equal(slots, 1);
  (void)snprintf(ctx, 100, "%s", space);
}

static void a_single_run_has_the_tuned_values_and_its_status_comes_back(void **state) {
  (void)state;
  struct cl_err e = {0};
  int status = -1;
  char values[100] = "", path[] = "/tmp/clade-plan-XXXXXX.yaml";
  int fd = mkstemps(path, 5);
  FILE *file = fdopen(fd, "w");
  assert_non_null(file);
  (void)fputs("study: sh\nprogram: [sh, -c, 'test \"$CLADE_PARAM_lr\" = 0.2385 && exit 38', '{lr}']\n"
              "metric: {name: loss, goal: minimize}\ntrials: 5\n"
              "hyperparameters:\n  - name: lr\n    range: [0.1, 0.9]\n    tuned_value: 0.2385\n",
              file);
  (void)fclose(file);
  struct clade_run_options o = {.spec = path};
  struct clade_run_callbacks c = {.ctx = values, .begin = keep_values};
  assert_int_equal(clade_run_once(&o, &c, &status, &e), 0);
  assert_int_equal(status, 38);
  assert_string_equal(values, "lr: 0.2385");
  (void)unlink(path);
}

static void a_first_spec_for_a_program_can_be_planned(void **state) {
  (void)state;
  struct cl_err e = {0};
  char directory[] = "/tmp/clade-plan-XXXXXX", path[64], spec[64], *text = NULL;
  assert_non_null(mkdtemp(directory));
  (void)snprintf(path, sizeof path, "%s/train.py", directory);
  (void)snprintf(spec, sizeof spec, "%s/spec.yaml", directory);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  (void)fputs(
      "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=0.0238)\n",
      file);
  (void)fclose(file);
  assert_int_equal(clade_spec_init(path, &text, &e), 0);
  assert_non_null(strstr(text, "tuned_value: 0.0238"));
  file = fopen(spec, "w");
  assert_non_null(file);
  (void)fputs(text, file);
  (void)fclose(file);
  struct clade_run_options o = {.spec = spec};
  struct clade_plan *plan = NULL;
  assert_int_equal(clade_run_plan(&o, NULL, &plan, &e), 0);
  assert_non_null(strstr(plan->command, "0.0238"));
  clade_plan_free(plan);
  clade_free(text);
  assert_int_equal(clade_spec_init("/tmp/is not there.py", &text, &e), CLADE_ENOTFOUND);
  (void)unlink(path);
  (void)unlink(spec);
  (void)rmdir(directory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plan_says_what_a_command_with_brackets_would_do),
      cmocka_unit_test(a_plan_without_a_metric_is_refused),
      cmocka_unit_test(arguments_out_of_range_are_refused),
      cmocka_unit_test(a_single_run_has_the_tuned_values_and_its_status_comes_back),
      cmocka_unit_test(a_first_spec_for_a_program_can_be_planned),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
