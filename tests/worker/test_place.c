/* Where a worker's socket stands, and what is swept away there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/worker_impl.h"

static char base[60];

static int set_up(void **state) {
  (void)state;
  (void)snprintf(base, sizeof base, "/tmp/clade-test-XXXXXX");
  if (mkdtemp(base) == NULL) return -1;
  return setenv("XDG_RUNTIME_DIR", base, 1);
}

static int tear_down(void **state) {
  (void)state;
  return cl_dir_remove(base, NULL);
}

static const char *in_base(const char *name) {
  static char path[100];
  (void)snprintf(path, sizeof path, "%s/%s", base, name);
  return path;
}

/* A directory with a socket, which was made some seconds ago. */
static int place(const char *name, int64_t age_s) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/%s/s", base, name);
  assert_int_equal(mkdir(in_base(name), 0700), 0);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  struct timespec now, times[2];
  assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
  times[0] = times[1] = (struct timespec){now.tv_sec - age_s, 0};
  assert_int_equal(utimensat(AT_FDCWD, in_base(name), times, 0), 0);
  return fd;
}

static void sockets_of_killed_engines_are_swept_away(void **state) {
  (void)state;
  char *chosen = NULL;
  struct cl_err e = {0};
  int listens = place("clade-0123abcd", 100000);
  assert_int_equal(listen(listens, 10), 0);
  int young = place("clade-0123abce", 60); /* may be about to listen */
  assert_int_equal(close(place("clade-0123abcf", 3700)), 0);
  assert_int_equal(close(place("clade-0123ABCD", 100000)), 0); /* nobody's of ours, as the next two */
  assert_int_equal(close(place("clade-0123abcde", 100000)), 0);
  assert_int_equal(close(place("glade-0123abcd", 100000)), 0);
  assert_int_equal(symlink("clade-0123ABCD", in_base("clade-0123abc0")), 0);
  if (cl_worker_choose_place(&chosen, &e) < 0) fail_msg("%s", e.text);
  assert_int_equal(strncmp(chosen, in_base("clade-"), strlen(in_base("clade-"))), 0);
  assert_false(cl_path_exists(in_base("clade-0123abcf")));
  static const char *const stay[] = {"clade-0123abcd",  "clade-0123abce", "clade-0123ABCD",
                                     "clade-0123abcde", "glade-0123abcd", "clade-0123abc0"};
  for (size_t i = 0; i < sizeof stay / sizeof *stay; i++) assert_true(cl_path_exists(in_base(stay[i])));
  assert_true(cl_path_exists(chosen));
  assert_int_equal(close(listens), 0);
  assert_int_equal(close(young), 0);
  cl_free(chosen);
}

static void without_a_runtime_directory_it_is_tmp(void **state) {
  (void)state;
  char *chosen = NULL, want[40];
  (void)snprintf(want, sizeof want, "/tmp/clade-%u-", (unsigned)getuid());
  assert_int_equal(setenv("XDG_RUNTIME_DIR", in_base("none"), 1), 0);
  assert_int_equal(cl_worker_choose_place(&chosen, NULL), 0);
  assert_int_equal(strncmp(chosen, want, strlen(want)), 0);
  struct stat info;
  assert_int_equal(stat(chosen, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0700);
  assert_int_equal(rmdir(chosen), 0);
  cl_free(chosen);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(sockets_of_killed_engines_are_swept_away, set_up, tear_down),
      cmocka_unit_test_setup_teardown(without_a_runtime_directory_it_is_tmp, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
