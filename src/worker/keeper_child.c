/* Between vfork and exec the child runs in the keeper's memory while the keeper stands still: it may write to
 * plan's caller, but allocates nothing and calls only what is async-signal-safe. */
#include "worker/keeper_child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "worker/process.h"

/* Filled in by the child, read by the keeper. */
struct child_word {
  const char *what; /* null = all went well */
  int cause;
  int64_t start;
};

static void write_text(int fd, const char *text) {
  ssize_t ignored = write(fd, text, strlen(text));
  (void)ignored;
}

bool cl_child_name_holder(int lock, pid_t pid, int64_t start, int32_t keeper, int64_t keeper_start) {
  char line[100], *at = line;
  const int64_t numbers[] = {pid, start, keeper, keeper_start};
  for (size_t i = 0; i < 4; i++) {
    at = cl_integer_write(at, numbers[i]);
    *at++ = i < 3 ? ' ' : '\n';
  }
  return write(lock, line, (size_t)(at - line)) == at - line;
}

/* The lock file names its holder before any code of the trainer runs, so that a held lock is never anonymous.
 */
static bool name_holder(const struct cl_child_plan *plan, int64_t start) {
  return cl_child_name_holder(plan->lock, getpid(), start, plan->keeper, plan->keeper_start);
}

/* The keeper ignores no signal (keeper.c): what it handles becomes the default by exec. */
static void unblock_signals(void) {
  sigset_t none;
  (void)sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The keeper's own 0, 1 and 2 are open, so fd is none of them; exec closes it. */
static int open_output(const char *path, int as) {
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  return fd < 0 || dup2(fd, as) < 0 ? -1 : 0; /* cppcheck-suppress resourceLeak ; it is the output */
}

static void set_limits(const struct cl_child_plan *plan) {
  if (plan->files.rlim_cur != plan->files.rlim_max) (void)setrlimit(RLIMIT_NOFILE, &plan->files);
  for (uint32_t i = 0; i < plan->n_limits; i++) {
    struct rlimit r = {.rlim_cur = plan->limits[i].soft, .rlim_max = plan->limits[i].hard};
    (void)setrlimit((__rlimit_resource_t)plan->limits[i].resource, &r);
  }
  if (plan->nice != 0) {
    errno = 0;
    int ignored = nice(plan->nice);
    (void)ignored;
  }
}

static void refuse(struct child_word *word, const char *what) {
  word->what = what;
  word->cause = errno;
  _exit(127);
}

static void say_and_exit(const char *what, const char *name) {
  const char *reason = strerrordesc_np(errno);
  write_text(STDERR_FILENO, "clade: cannot ");
  write_text(STDERR_FILENO, what);
  write_text(STDERR_FILENO, " '");
  write_text(STDERR_FILENO, name);
  write_text(STDERR_FILENO, "': ");
  write_text(STDERR_FILENO, reason == NULL ? "unknown error" : reason);
  write_text(STDERR_FILENO, "\n");
  _exit(127);
}

static void become_trainer(const struct cl_child_plan *plan, struct child_word *word) {
  (void)setpgid(0, 0);
  word->start = cl_process_start(getpid());
  if (word->start == 0) refuse(word, "read the start time of a process");
  if (!name_holder(plan, word->start)) refuse(word, "name the holder of the lock");
  unblock_signals();
  if (open_output(plan->out, STDOUT_FILENO) < 0) refuse(word, "open the trainer's stdout");
  if (open_output(plan->err, STDERR_FILENO) < 0) refuse(word, "open the trainer's stderr");
  if (fcntl(plan->lock, F_SETFD, 0) < 0) refuse(word, "hand on the lock");
  set_limits(plan);
  if (chdir(plan->cwd) < 0) say_and_exit("enter the directory", plan->cwd);
  (void)execvpe(plan->argv[0], plan->argv, plan->env);
  say_and_exit("execute", plan->argv[0]);
}

pid_t cl_child_start(const struct cl_child_plan *plan, int64_t *ret_start, int *ret_cause,
                     const char **ret_what) {
  struct child_word word = {0};
  struct child_word *volatile shared = &word;
  assert(plan->lock > STDERR_FILENO && plan->argv[0] != NULL && plan->cwd != NULL);
  pid_t pid = vfork();
  if (pid == 0) become_trainer(plan, shared);
  if (pid < 0) {
    *ret_cause = errno;
    *ret_what = "start a process";
    return -1;
  }
  if (shared->what != NULL) {
    (void)waitpid(pid, NULL, 0);
    *ret_cause = shared->cause;
    *ret_what = shared->what;
    return -1;
  }
  *ret_start = shared->start;
  return pid;
}
