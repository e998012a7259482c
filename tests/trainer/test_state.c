#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "trainer/state.h"

static char root[64];

static int begin(void **state) {
  (void)state;
  snprintf(root, sizeof root, "/tmp/clade-test-XXXXXX");
  return mkdtemp(root) == NULL;
}

static int finish(void **state) {
  (void)state;
  return cl_dir_remove(root, NULL);
}

static const char *in_root(const char *name) {
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", root, name);
  return path;
}

static void put(const char *name, const char *text) {
  assert_int_equal(cl_file_write(in_root(name), text, strlen(text), false, NULL), 0);
}

static void only_what_is_in_files_counts(void **state) {
  (void)state;
  int64_t bytes = -1;
  assert_int_equal(cl_trainer_state_measure(root, false, &bytes, NULL), 0);
  assert_int_equal(bytes, 0);
  put("one", "12345");
  assert_int_equal(mkdir(in_root("sub"), 0777), 0);
  put("sub/two", "1234567");
  assert_int_equal(symlink("/etc/passwd", in_root("sub/link")), 0);
  assert_int_equal(symlink(root, in_root("loop")), 0);
  assert_int_equal(mkfifo(in_root("pipe"), 0666), 0);
  for (int sync = 0; sync < 2; sync++) {
    bytes = -1;
    assert_int_equal(cl_trainer_state_measure(root, sync == 1, &bytes, NULL), 0);
    assert_int_equal(bytes, 12);
  }
}

static void what_is_no_directory_is_an_error(void **state) {
  (void)state;
  struct cl_err e = {0};
  int64_t bytes = -1;
  put("file", "x");
  assert_int_equal(cl_trainer_state_measure(in_root("absent"), false, &bytes, &e), CLADE_EIO);
  assert_int_equal(cl_trainer_state_measure(in_root("file"), false, &bytes, &e), CLADE_EIO);
  assert_int_equal(bytes, -1);
  assert_int_equal(cl_trainer_state_create(in_root("file"), &e), CLADE_EIO);
  assert_non_null(strstr(e.text, "cannot make the directory"));
  assert_int_equal(cl_trainer_state_create(in_root("absent/deeper"), &e), CLADE_EIO);
  assert_int_equal(cl_trainer_state_create(in_root("new"), &e), 0);
  assert_int_equal(cl_trainer_state_create(in_root("new"), &e), 0);
}

static void endless_nesting_is_an_error(void **state) {
  (void)state;
  char path[256];
  int64_t bytes = 0;
  struct cl_err e = {0};
  snprintf(path, sizeof path, "%s", root);
  for (int depth = 1; depth <= 33; depth++) {
    size_t n = strlen(path);
    snprintf(path + n, sizeof path - n, "/d");
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(cl_trainer_state_measure(root, depth == 32, &bytes, &e), depth <= 32 ? 0 : CLADE_ELIMIT);
  }
  assert_string_equal(e.text, "directories are nested deeper than 32");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(only_what_is_in_files_counts, begin, finish),
      cmocka_unit_test_setup_teardown(what_is_no_directory_is_an_error, begin, finish),
      cmocka_unit_test_setup_teardown(endless_nesting_is_an_error, begin, finish)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
