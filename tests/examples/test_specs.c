/* Every spec of the examples loads without a remark, and its values reach the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "model/settings.h"
#include "spec/spec.h"

static const struct {
  const char *file, *metric;
  enum cl_goal goal;
  int n_hyperparameters;
} specs[] = {
    {"digits/digits.yaml", "val_accuracy", CL_MAXIMIZE, 5},
    {"digits/digits-dgd.yaml", "val_accuracy", CL_MAXIMIZE, 5},
    {"digits/digits-pbt.yaml", "val_accuracy", CL_MAXIMIZE, 3},
    {"digits/digits-random.yaml", "val_accuracy", CL_MAXIMIZE, 3},
    {"digits/digits-epbt.yaml", "val_accuracy", CL_MAXIMIZE, 3},
    {"digits/digits-loss.yaml", "val_accuracy", CL_MAXIMIZE, 11},
    {"mnist/mnist-epbt.yaml", "val_accuracy", CL_MAXIMIZE, 3},
    {"mnist/mnist.yaml", "val_accuracy", CL_MAXIMIZE, 2},
    {"mnist/mnist-pbt.yaml", "val_accuracy", CL_MAXIMIZE, 2},
    {"mnist/mnist-best.yaml", "val_accuracy", CL_MAXIMIZE, 2},
    {"mnist/mnist-random.yaml", "val_accuracy", CL_MAXIMIZE, 2},
    {"mnist/mnist-dropout.yaml", "val_accuracy", CL_MAXIMIZE, 3},
    {"mnist/mnist-dropout-random.yaml", "val_accuracy", CL_MAXIMIZE, 3},
    {"pytorch/pytorch.yaml", "val_accuracy", CL_MAXIMIZE, 4},
    {"pytorch/pytorch-pbt.yaml", "val_accuracy", CL_MAXIMIZE, 3},
    {"pytorch/pytorch-loss.yaml", "val_accuracy", CL_MAXIMIZE, 10},
    {"quadratic/quadratic.yaml", "loss", CL_MINIMIZE, 2},
    {"sh/sh.yaml", "loss", CL_MINIMIZE, 2},
};

static struct cl_settings *settings_of(const char *file) {
  struct cl_err e = {0};
  struct cl_spec *spec = NULL;
  struct cl_spec_result result = {0};
  struct cl_settings *settings = NULL;
  const char *directory = getenv("CLADE_EXAMPLES");
  assert_non_null(directory);
  char *path = cl_path_join(directory, file);
  struct cl_spec_overrides overrides = {.here = directory, .cores = 2};
  if (cl_spec_load(path, &spec, &e) < 0 || cl_spec_resolve(spec, &overrides, &result, &e) < 0 ||
      cl_settings_parse(result.settings, &settings, &e) < 0)
    fail_msg("%s: %s", file, e.text);
  if (result.n_notes > 0) fail_msg("%s: %s", file, result.notes[0].text);
  cl_spec_result_done(&result);
  cl_spec_destroy(spec);
  cl_free(path);
  return settings;
}

static void every_spec_loads_without_a_remark(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
    struct cl_settings *settings = settings_of(specs[i].file);
    assert_int_equal(settings->n_objectives, 1);
    assert_string_equal(settings->objectives[0].name, specs[i].metric);
    assert_int_equal(settings->objectives[0].goal, specs[i].goal);
    assert_int_equal(settings->space.n, specs[i].n_hyperparameters);
    assert_int_equal(settings->parallel, 2);
    assert_true(settings->trials >= 5 && settings->trials <= 100);
    cl_settings_destroy(settings);
  }
}

/* What is in a list may be live all the same, but no state fits a network of another width. */
static void the_width_is_fixed_and_the_rest_is_live(void **state) {
  (void)state;
  static const char *const files[] = {"digits/digits.yaml", "digits/digits-dgd.yaml"};
  for (size_t i = 0; i < 2; i++) {
    struct cl_settings *settings = settings_of(files[i]);
    for (int h = 0; h < settings->space.n; h++) {
      const struct cl_hyperparameter *hp = &settings->space.items[h];
      assert_int_equal(hp->change, strcmp(hp->name, "width") == 0 ? CL_START : CL_LIVE);
    }
    cl_settings_destroy(settings);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_spec_loads_without_a_remark),
      cmocka_unit_test(the_width_is_fixed_and_the_rest_is_live),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
