/* The processes of a fork: what the library does to them, without a study. The scenarios of a conversation
 * are in test_fork.py. */
#include "trainer/twin.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <clade/trainer.h>

/* What `check` says in a process of its own that has nothing open but its outputs. */
static void in_process(void (*make)(void), int wanted, const char *word) {
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) {
    struct cl_err e = {0};
    closefrom(3);
    if (make != NULL) make();
    int found = cl_trainer_twin_check(-1, &e);
    bool said = word == NULL || strstr(e.text, word) != NULL;
    _exit(found == wanted && said ? 0 : 1);
  }
  assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
  assert_int_equal(status, 0);
}

static void share(void) {
  (void)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}
static void write_file(void) {
  FILE *file = tmpfile();
  (void)file;
}
static void connect_two(void) {
  int ends[2];
  (void)socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}
static void read_file(void) {
  (void)open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  (void)open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  (void)open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void what_a_copy_would_share_is_refused(void **state) {
  (void)state;
  in_process(NULL, 0, NULL);
  in_process(share, CLADE_EUNSUPPORTED, "shares memory");
  in_process(write_file, CLADE_EUNSUPPORTED, "open for writing");
  in_process(connect_two, CLADE_EUNSUPPORTED, "descriptor");
}

static void files_that_are_read_are_not_in_the_way(void **state) {
  (void)state;
  in_process(read_file, 0, NULL);
}

static void a_file_has_an_offset_of_its_own_in_the_child(void **state) {
  (void)state;
  char path[] = "/tmp/clade-test-XXXXXX", byte = 0;
  int own = mkstemp(path), ends[2], back[2], status = 0;
  bool is_child = false;
  struct cl_trainer_twins twins = {0};
  struct cl_err e;
  assert_true(own >= 0 && write(own, "abcdef", 6) == 6 && close(own) == 0);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  assert_true(read(fd, &byte, 1) == 1 && pipe(ends) == 0 && pipe(back) == 0);
  assert_int_equal(cl_trainer_twin_fork(&twins, -1, &is_child, &e), 0);
  if (is_child) {
    bool told = write(back[1], "x", 1) == 1 && read(ends[0], &byte, 1) == 1; /* the parent has read on */
    _exit(told && read(fd, &byte, 1) == 1 && byte == 'b' && getpgid(0) == getpid() ? 0 : 1);
  }
  assert_true(read(back[0], &byte, 1) == 1);
  assert_true(read(fd, &byte, 1) == 1 && byte == 'b' && read(fd, &byte, 1) == 1 && byte == 'c');
  assert_true(write(ends[1], "x", 1) == 1);
  assert_true(twins.n == 1 && waitpid(twins.items[0], &status, 0) == twins.items[0]);
  assert_int_equal(status, 0);
  cl_trainer_twins_done(&twins);
  (void)close(fd);
  for (int i = 0; i < 2; i++) (void)close(ends[i]), (void)close(back[i]);
  (void)unlink(path);
}

static void an_orphan_has_its_last_parent_at_once(void **state) {
  (void)state;
  int ends[2], status = 0;
  bool is_child = false;
  struct cl_err e;
  pid_t self = getpid(), found = 0;
  assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  assert_int_equal(pipe(ends), 0);
  pid_t trainer = fork();
  if (trainer == 0) {
    if (cl_trainer_twin_fork_orphan(-1, &is_child, &e) < 0) _exit(1);
    if (!is_child) _exit(0);
    pid_t parent = getppid();
    _exit(write(ends[1], &parent, sizeof parent) == (ssize_t)sizeof parent ? 7 : 8);
  }
  assert_true(waitpid(trainer, &status, 0) == trainer && status == 0);
  assert_true(read(ends[0], &found, sizeof found) == (ssize_t)sizeof found);
  assert_int_equal(found, self);
  assert_true(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 7); /* and its status */
  (void)close(ends[0]);
  (void)close(ends[1]);
}

static void outputs_and_environment_become_those_of_the_attempt(void **state) {
  (void)state;
  char directory[] = "/tmp/clade-test-XXXXXX", path[100], line[40] = "";
  int status = 0;
  assert_non_null(mkdtemp(directory));
  (void)snprintf(path, sizeof path, "%s/environment", directory);
  FILE *file = fopen(path, "we");
  assert_non_null(file);
  static const char pairs[] = "CLADE_TRIAL=9\0CLADE_DIR=/x=y\0PATH=/never";
  assert_true(fwrite(pairs, 1, sizeof pairs, file) == sizeof pairs && fclose(file) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    struct cl_err e;
    (void)setenv("CLADE_OLD", "1", 1);
    int become = cl_trainer_twin_become(directory, -1, &e);
    bool right = become == 0 && getenv("CLADE_OLD") == NULL && strcmp(getenv("CLADE_TRIAL"), "9") == 0 &&
                 strcmp(getenv("CLADE_DIR"), "/x=y") == 0 && strcmp(getenv("PATH"), "/never") != 0;
    _exit(right && write(STDOUT_FILENO, "said\n", 5) == 5 ? 0 : 1);
  }
  assert_true(waitpid(pid, &status, 0) == pid);
  assert_int_equal(status, 0);
  (void)snprintf(path, sizeof path, "%s/stdout", directory);
  file = fopen(path, "re");
  assert_true(file != NULL && fgets(line, sizeof line, file) != NULL && fclose(file) == 0);
  assert_string_equal(line, "said\n");
  static const char *const names[] = {"stdout", "stderr", "environment"};
  for (size_t i = 0; i < 3; i++) {
    (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
    assert_int_equal(unlink(path), 0);
  }
  struct cl_err e;
  assert_int_equal(rmdir(directory), 0);
  assert_int_equal(cl_trainer_twin_become(directory, -1, &e), CLADE_EIO);
}

/* Outside of a study it changes nothing; it must come in time, and not with regions. */
static void fork_is_asked_for_before_start_and_without_regions(void **state) {
  (void)state;
  clade_trainer *t = NULL;
  double weights = 2.385;
  assert_int_equal(clade_trainer_fork(NULL), CLADE_EINVAL);
  assert_int_equal(clade_trainer_open(0, NULL, NULL, &t), 0);
  assert_int_equal(clade_trainer_fork(t), 0);
  assert_int_equal(clade_trainer_state(t, "weights", &weights, sizeof weights), CLADE_EINVAL);
  assert_int_equal(clade_trainer_start(t), 0);
  assert_int_equal(clade_trainer_fork(t), CLADE_EINVAL);
  clade_trainer_close(t);
  assert_int_equal(clade_trainer_open(0, NULL, NULL, &t), 0);
  assert_int_equal(clade_trainer_state(t, "weights", &weights, sizeof weights), 0);
  assert_int_equal(clade_trainer_fork(t), CLADE_EINVAL);
  clade_trainer_close(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_copy_would_share_is_refused),
      cmocka_unit_test(files_that_are_read_are_not_in_the_way),
      cmocka_unit_test(a_file_has_an_offset_of_its_own_in_the_child),
      cmocka_unit_test(an_orphan_has_its_last_parent_at_once),
      cmocka_unit_test(outputs_and_environment_become_those_of_the_attempt),
      cmocka_unit_test(fork_is_asked_for_before_start_and_without_regions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
