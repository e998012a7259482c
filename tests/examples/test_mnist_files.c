/* MNIST's real files, where they are: $CLADE_SHARED/data/mnist or ../shared/data/mnist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "mnist/mnist_data.h"

/* The real files, or null. Gives. */
static char *real_directory(void) {
  const char *shared = getenv("CLADE_SHARED");
  char *directory = cl_path_join(shared == NULL ? "../shared" : shared, "data/mnist");
  if (shared != NULL && !cl_path_exists(directory)) {
    cl_free(directory);
    directory = cl_path_join(shared, "mnist");
  }
  if (!cl_path_exists(directory)) {
    cl_free(directory);
    return NULL;
  }
  return directory;
}

static void the_files_split_into_48000_and_12000_and_10000(void **state) {
  struct net_parts parts = {0};
  struct cl_err e;
  const char *directory = *state;
  if (mnist_read(directory, (struct net_wish){.test = true, .final = true}, &parts, &e) < 0)
    fail_msg("%s", e.text);
  assert_int_equal(parts.training.n, 48000);
  assert_int_equal(parts.validation.n, 12000);
  assert_int_equal(parts.test.n, 10000);
  static const unsigned of_class[10] = {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949};
  size_t count[10] = {0};
  for (size_t i = 0; i < 48000; i++) count[parts.training.labels[i]]++;
  for (size_t i = 0; i < 12000; i++) count[parts.validation.labels[i]]++;
  for (int class = 0; class < 10; class ++) assert_int_equal(count[class], of_class[class]);
  static const uint8_t test_labels[10] = {7, 2, 1, 0, 4, 1, 4, 9, 5, 9};
  assert_memory_equal(parts.test.labels, test_labels, 10);
  net_parts_done(&parts);
  assert_int_equal(mnist_read(directory, (struct net_wish){.join = true, .final = true}, &parts, &e), 0);
  assert_int_equal(parts.training.n, 60000);
  assert_int_equal(parts.test.n, 0);
  net_parts_done(&parts);
}

int main(void) {
  char *directory = real_directory();
  if (directory == NULL) {
    printf("1..0 # SKIP there is no data/mnist in $CLADE_SHARED or ../shared\n");
    return 0;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_prestate(the_files_split_into_48000_and_12000_and_10000, directory),
  };
  int status = cmocka_run_group_tests(tests, NULL, NULL);
  cl_free(directory);
  return status;
}
