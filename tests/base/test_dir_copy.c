/* Directories are copied whole, or not at all; and the hint that theirs are unrelated. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"

static int entries_before_failure = -1; /* of readdir; -1: it does not fail */

struct dirent64 *__real_readdir64(DIR *dir);
struct dirent64 *__wrap_readdir64(DIR *dir);
struct dirent64 *__wrap_readdir64(DIR *dir) {
  if (entries_before_failure != 0) {
    if (entries_before_failure > 0) entries_before_failure--;
    return __real_readdir64(dir);
  }
  entries_before_failure = -1;
  errno = EIO;
  return NULL;
}

struct place {
  char directory[64], path[3][200];
};

static char *at(struct place *p, int i, const char *name) {
  (void)snprintf(p->path[i], sizeof p->path[i], "%.63s/%s", p->directory, name);
  return p->path[i];
}

static void write_text(struct place *p, const char *name, const char *text) {
  assert_int_equal(cl_file_write(at(p, 0, name), text, strlen(text), false, NULL), 0);
}

static void assert_text(struct place *p, const char *name, const char *text) {
  char *found = NULL;
  assert_int_equal(cl_file_read(at(p, 0, name), 100000, &found, NULL, NULL), 0);
  assert_string_equal(found, text);
  cl_free(found);
}

static struct place begin(void) {
  struct place p = {.directory = "/tmp/clade-copy-XXXXXX"};
  assert_non_null(mkdtemp(p.directory));
  assert_int_equal(cl_dir_create(at(&p, 0, "from/deep/er"), NULL), 0);
  write_text(&p, "from/weights", "2.385");
  write_text(&p, "from/deep/er/momentum", "0.375");
  assert_int_equal(chmod(at(&p, 0, "from/weights"), 0640), 0);
  assert_int_equal(symlink("weights", at(&p, 0, "from/newest")), 0);
  return p;
}

static void end(struct place *p) {
  assert_int_equal(cl_dir_remove(p->directory, NULL), 0);
}

static void all_that_is_in_it_is_copied(void **state) {
  (void)state;
  struct place p = begin();
  struct stat st;
  char target[20];
  assert_int_equal(cl_dir_copy(at(&p, 0, "from"), at(&p, 1, "to"), NULL), 0);
  assert_text(&p, "to/weights", "2.385");
  assert_text(&p, "to/deep/er/momentum", "0.375");
  assert_int_equal(stat(at(&p, 0, "to/weights"), &st), 0);
  assert_int_equal(st.st_mode & 0777, 0640);
  assert_int_equal(readlink(at(&p, 0, "to/newest"), target, sizeof target), 7);
  assert_memory_equal(target, "weights", 7);
  end(&p);
}

static void what_exists_is_not_touched(void **state) {
  (void)state;
  struct place p = begin();
  struct cl_err e = {0};
  assert_int_equal(cl_dir_create(at(&p, 0, "to"), NULL), 0);
  write_text(&p, "to/mine", "17");
  assert_int_equal(cl_dir_copy(at(&p, 0, "from"), at(&p, 1, "to"), &e), CLADE_EEXISTS);
  assert_text(&p, "to/mine", "17");
  assert_false(cl_path_exists(at(&p, 0, "to/weights")));
  end(&p);
}

static void nothing_is_left_of_a_copy_that_fails(void **state) {
  (void)state;
  struct place p = begin();
  struct cl_err e = {0};
  assert_int_equal(cl_dir_copy(at(&p, 0, "nowhere"), at(&p, 1, "to"), &e), CLADE_EIO);
  assert_false(cl_path_exists(at(&p, 0, "to")));
  char name[200] = "from";
  for (int i = 0; i < 34; i++) (void)strncat(name, "/d", sizeof name - strlen(name) - 1);
  assert_int_equal(cl_dir_create(at(&p, 0, name), NULL), 0);
  assert_int_equal(cl_dir_copy(at(&p, 0, "from"), at(&p, 1, "to"), &e), CLADE_ELIMIT);
  assert_false(cl_path_exists(at(&p, 0, "to")));
  end(&p);
}

static void a_directory_that_cannot_be_listed_to_its_end_is_not_copied(void **state) {
  (void)state;
  for (int n = 0; n < 6; n++) { /* ".", ".." and the three of "from" */
    struct place p = begin();
    struct cl_err e = {0};
    entries_before_failure = n;
    assert_int_equal(cl_dir_copy(at(&p, 0, "from"), at(&p, 1, "to"), &e), CLADE_EIO);
    assert_int_equal(e.cause, EIO);
    assert_false(cl_path_exists(at(&p, 0, "to")));
    end(&p);
  }
}

static void files_have_their_modes_whatever_the_umask(void **state) {
  (void)state;
  struct place p = begin();
  struct stat st;
  assert_int_equal(chmod(at(&p, 0, "from/weights"), 0664), 0);
  mode_t before = umask(027);
  int status = cl_dir_copy(at(&p, 0, "from"), at(&p, 1, "to"), NULL);
  (void)umask(before);
  assert_int_equal(status, 0);
  assert_int_equal(stat(at(&p, 0, "to/weights"), &st), 0);
  assert_int_equal(st.st_mode & 0777, 0664);
  end(&p);
}

static void a_directory_without_a_name_is_not_made(void **state) {
  (void)state;
  struct cl_err e = {0};
  assert_int_equal(cl_dir_create("", &e), CLADE_EIO);
  assert_int_equal(cl_dir_create("/", NULL), 0);
}

static int flags_of(const char *path) {
  int flags = 0, fd = open(path, O_RDONLY | O_DIRECTORY);
  assert_true(fd >= 0);
  assert_int_equal(ioctl(fd, FS_IOC_GETFLAGS, &flags), 0);
  (void)close(fd);
  return flags;
}

static void what_is_unrelated_is_spread_over_the_disk(void **state) {
  (void)state;
  struct place p = begin();
  struct statfs fs;
  assert_int_equal(statfs(p.directory, &fs), 0);
  cl_dir_spread(at(&p, 0, "absent"), true);
  assert_int_equal(access(at(&p, 0, "absent"), F_OK), -1);
  write_text(&p, "file", "2.385");
  cl_dir_spread(at(&p, 0, "file"), true);
  assert_text(&p, "file", "2.385");
  cl_dir_spread(at(&p, 0, "from"), true);
  if (fs.f_type == EXT4_SUPER_MAGIC) {
    int before = flags_of(at(&p, 0, "from/deep"));
    assert_int_equal(flags_of(at(&p, 0, "from")), before | FS_TOPDIR_FL);
    assert_false(before & FS_TOPDIR_FL); /* it is said of one directory, and not of those in it */
    cl_dir_spread(at(&p, 0, "from"), true);
    assert_int_equal(flags_of(at(&p, 0, "from")), before | FS_TOPDIR_FL);
    for (int i = 0; i < 2; i++) cl_dir_spread(at(&p, 0, "from"), false);
    assert_int_equal(flags_of(at(&p, 0, "from")), before);
  }
  assert_int_equal(cl_dir_remove(p.directory, NULL), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_directory_without_a_name_is_not_made),
      cmocka_unit_test(all_that_is_in_it_is_copied),
      cmocka_unit_test(what_exists_is_not_touched),
      cmocka_unit_test(nothing_is_left_of_a_copy_that_fails),
      cmocka_unit_test(a_directory_that_cannot_be_listed_to_its_end_is_not_copied),
      cmocka_unit_test(files_have_their_modes_whatever_the_umask),
      cmocka_unit_test(what_is_unrelated_is_spread_over_the_disk)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
