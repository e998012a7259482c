/* The keeper alone: real processes, a real loop, and an engine that is killed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "worker/keeper.h"
#include "worker/keeper_link.h"
#include "worker/process.h"

#define PATIENCE_US 120000000 /* only ever waited for when something is broken */

struct heard {
  int spawned, failed, exited, lost;
  pid_t pid;
  int64_t start, id;
  int cause;
  char what[60];
  struct cl_exit exit;
};

static void on_spawned(void *ctx, int64_t id, pid_t pid, int64_t start) {
  struct heard *h = ctx;
  h->spawned++;
  h->id = id;
  h->pid = pid;
  h->start = start;
}

static void on_failed(void *ctx, int64_t id, int cause, const char *what) {
  struct heard *h = ctx;
  h->failed++;
  h->id = id;
  h->cause = cause;
  (void)snprintf(h->what, sizeof h->what, "%s", what);
}

static void on_exited(void *ctx, int64_t id, const struct cl_exit *x) {
  struct heard *h = ctx;
  h->exited++;
  h->id = id;
  h->exit = *x;
}

static void on_lost(void *ctx) {
  ((struct heard *)ctx)->lost++;
}

static const struct cl_keeper_events events = {on_spawned, on_failed, on_exited, on_lost};

struct world {
  char directory[64];
  uv_loop_t loop;
  struct heard heard;
  struct cl_keeper *keeper;
  uv_timer_t tick; /* so that a round of the loop always comes back */
};

static void on_tick(uv_timer_t *timer) {
  (void)timer;
}

static int set_up(void **state) {
  struct world *w = calloc(1, sizeof *w);
  (void)snprintf(w->directory, sizeof w->directory, "/tmp/clade-keeper-XXXXXX");
  assert_non_null(mkdtemp(w->directory));
  assert_int_equal(uv_loop_init(&w->loop), 0);
  assert_int_equal(uv_timer_init(&w->loop, &w->tick), 0);
  assert_int_equal(uv_timer_start(&w->tick, on_tick, 50, 50), 0);
  struct cl_err e;
  if (cl_keeper_open(&w->loop, NULL, &events, &w->heard, &w->keeper, &e) < 0) fail_msg("%s", e.text);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  struct world *w = *state;
  cl_keeper_close(w->keeper);
  uv_close((uv_handle_t *)&w->tick, NULL);
  assert_int_equal(uv_run(&w->loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(uv_loop_close(&w->loop), 0);
  assert_int_equal(cl_dir_remove(w->directory, NULL), 0);
  free(w);
  return 0;
}

static const char *in(struct world *w, const char *name) {
  static char path[4][128];
  static int next;
  next = (next + 1) % 4;
  (void)snprintf(path[next], sizeof path[next], "%s/%s", w->directory, name);
  return path[next];
}

/* Run the loop until *counter reaches n. */
static void wait_for(struct world *w, const int *counter, int n) {
  int64_t end = cl_clock_monotonic_us() + PATIENCE_US;
  while (*counter < n && cl_clock_monotonic_us() < end) (void)uv_run(&w->loop, UV_RUN_ONCE);
  if (*counter < n)
    fail_msg("heard %d of %d: %d spawned, %d failed (%s), %d exited, %d lost", *counter, n, w->heard.spawned,
             w->heard.failed, w->heard.what, w->heard.exited, w->heard.lost);
  assert_int_equal(*counter, n);
}

#define EVENTUALLY(cond) \
  do { \
    int64_t limit = cl_clock_monotonic_us() + PATIENCE_US; \
    while (!(cond) && cl_clock_monotonic_us() < limit) (void)usleep(1000); \
    assert_true(cond); \
  } while (0)

static int take_lock_at(const char *path) {
  int fd = -1;
  assert_int_equal(cl_lock_take(path, false, &fd, NULL), 0);
  return fd;
}

static int take_lock(struct world *w) {
  return take_lock_at(in(w, "lock"));
}

static bool lock_is_free(const char *path) {
  int fd = -1;
  if (cl_lock_take(path, false, &fd, NULL) != 0) return false;
  (void)close(fd);
  return true;
}

static void spawn(struct world *w, int64_t id, const char *const *argv) {
  static const char *const env[] = {"CLADE_TEST=2.385", "PATH=/usr/bin:/bin", NULL};
  struct cl_spawn s = {.id = id,
                       .directory = w->directory,
                       .cwd = w->directory,
                       .out = in(w, "stdout"),
                       .err = in(w, "stderr"),
                       .argv = argv,
                       .env = env};
  struct cl_err e;
  if (cl_keeper_spawn(w->keeper, &s, take_lock(w), &e) < 0) fail_msg("%s", e.text);
}

static void spawn_shell(struct world *w, int64_t id, const char *script) {
  const char *argv[] = {"/bin/sh", "-c", script, NULL};
  spawn(w, id, argv);
}

static char *content(struct world *w, const char *name) {
  char *text = NULL;
  assert_int_equal(cl_file_read(in(w, name), 1 << 20, &text, NULL, NULL), 0);
  return text;
}

static void assert_content(struct world *w, const char *name, const char *wanted) {
  char *text = content(w, name);
  assert_string_equal(text, wanted);
  cl_free(text);
}

static void a_child_runs_with_its_environment_directory_and_outputs(void **state) {
  struct world *w = *state;
  spawn_shell(w, 77, "echo \"$CLADE_TEST $(pwd)\"; echo oops >&2; cat; exit 41");
  wait_for(w, &w->heard.exited, 1);
  char wanted[100];
  (void)snprintf(wanted, sizeof wanted, "2.385 %s\n", w->directory);
  assert_content(w, "stdout", wanted);
  assert_content(w, "stderr", "oops\n");
  assert_int_equal(w->heard.id, 77);
  assert_int_equal(w->heard.exit.status, 41);
  assert_int_equal(w->heard.exit.signal, 0);
  assert_true(w->heard.exit.max_rss_bytes > 0);
  struct cl_exit x;
  assert_int_equal(cl_exit_read(w->directory, &x, NULL), 0);
  assert_int_equal(x.status, 41);
  assert_int_equal(x.max_rss_bytes, w->heard.exit.max_rss_bytes);
}

static void a_signal_is_told_as_a_signal(void **state) {
  struct world *w = *state;
  spawn_shell(w, 5, "kill -USR1 $$");
  wait_for(w, &w->heard.exited, 1);
  assert_int_equal(w->heard.exit.signal, SIGUSR1);
  struct cl_exit x;
  assert_int_equal(cl_exit_read(w->directory, &x, NULL), 0);
  assert_int_equal(x.signal, SIGUSR1);
  assert_int_equal(x.status, 0);
}

static void a_program_that_cannot_be_executed_exits_127_and_says_why(void **state) {
  struct world *w = *state;
  const char *argv[] = {"no-such-program", NULL};
  spawn(w, 1, argv);
  wait_for(w, &w->heard.exited, 1);
  assert_int_equal(w->heard.exit.status, 127);
  assert_content(w, "stderr", "clade: cannot execute 'no-such-program': No such file or directory\n");
}

static void a_directory_that_is_gone_exits_127_and_says_why(void **state) {
  struct world *w = *state;
  const char *argv[] = {"/bin/true", NULL}, *env[] = {NULL};
  struct cl_spawn s = {.directory = w->directory,
                       .cwd = "/no/such/directory",
                       .out = in(w, "stdout"),
                       .err = in(w, "stderr"),
                       .argv = argv,
                       .env = env};
  assert_int_equal(cl_keeper_spawn(w->keeper, &s, take_lock(w), NULL), 0);
  wait_for(w, &w->heard.exited, 1);
  assert_int_equal(w->heard.exit.status, 127);
  assert_content(w, "stderr",
                 "clade: cannot enter the directory '/no/such/directory': No such file or directory\n");
}

static void without_its_outputs_no_process_comes_to_be(void **state) {
  struct world *w = *state;
  const char *argv[] = {"/bin/true", NULL}, *env[] = {NULL};
  struct cl_spawn s = {.id = 9,
                       .directory = w->directory,
                       .cwd = "/",
                       .out = "/no/such/stdout",
                       .err = in(w, "stderr"),
                       .argv = argv,
                       .env = env};
  assert_int_equal(cl_keeper_spawn(w->keeper, &s, take_lock(w), NULL), 0);
  wait_for(w, &w->heard.failed, 1);
  assert_int_equal(w->heard.id, 9);
  assert_int_equal(w->heard.cause, ENOENT);
  assert_string_equal(w->heard.what, "open the trainer's stdout");
  assert_int_equal(w->heard.spawned, 0);
  EVENTUALLY(lock_is_free(in(w, "lock")));
}

static void a_held_lock_names_its_process(void **state) {
  struct world *w = *state;
  spawn_shell(w, 2, "while [ ! -e go ]; do sleep 0.01; done");
  wait_for(w, &w->heard.spawned, 1);
  assert_false(lock_is_free(in(w, "lock")));
  char *text = content(w, "lock");
  long long pid, start, keeper, keeper_start;
  assert_int_equal(sscanf(text, "%lld %lld %lld %lld", &pid, &start, &keeper, &keeper_start), 4);
  cl_free(text);
  assert_int_equal(pid, w->heard.pid);
  assert_int_equal(start, w->heard.start);
  assert_int_equal(keeper, cl_keeper_pid(w->keeper));
  assert_int_equal(keeper_start, cl_keeper_start(w->keeper));
  assert_true(cl_process_lives((pid_t)pid, start));
  assert_false(cl_process_lives((pid_t)pid, start + 1));
  assert_int_equal(getpgid((pid_t)pid), pid);
  assert_int_not_equal(getsid((pid_t)pid), getsid(0));
  assert_int_equal(creat(in(w, "go"), 0600) < 0, 0);
  wait_for(w, &w->heard.exited, 1);
  assert_true(
      lock_is_free(in(w, "lock"))); /* freed before the engine is told, and after `exit` was written */
  assert_false(cl_process_lives((pid_t)pid, start));
}

static void a_trainer_has_default_signals(void **state) {
  struct world *w = *state;
  (void)signal(SIGTERM, SIG_IGN);
  spawn_shell(w, 2, "exec grep -E '^Sig(Blk|Ign)' /proc/self/status");
  wait_for(w, &w->heard.exited, 1);
  (void)signal(SIGTERM, SIG_DFL);
  char *text = content(w, "stdout");
  unsigned long long blocked = 1, ignored = 1;
  int n = sscanf(text, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored);
  cl_free(text);
  assert_int_equal(n, 2);
  assert_int_equal(blocked, 0);
  assert_int_equal(ignored & ~UINT64_C(0x180000000), 0); /* 32 and 33 belong to the C library */
}

static void a_trainer_has_the_limit_of_descriptors_of_its_engine(void **state) {
  struct world *w = *state;
  struct rlimit r;
  char wanted[40];
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
  spawn_shell(w, 2, "ulimit -S -n");
  wait_for(w, &w->heard.exited, 1);
  (void)snprintf(wanted, sizeof wanted, "%llu\n", (unsigned long long)r.rlim_cur);
  if (r.rlim_cur != RLIM_INFINITY) assert_content(w, "stdout", wanted);
}

static void a_trainer_inherits_its_lock_and_nothing_else(void **state) {
  struct world *w = *state;
  int stray = open("/dev/null", O_RDONLY); /* inheritable */
  spawn_shell(w, 2, "exec ls -l /proc/self/fd");
  wait_for(w, &w->heard.exited, 1);
  (void)close(stray);
  char *text = content(w, "stdout");
  int descriptors = 0;
  for (const char *at = text; (at = strstr(at, " -> ")) != NULL; at++) descriptors++;
  bool locked = strstr(text, "/lock\n") != NULL;
  cl_free(text);
  assert_true(locked);
  assert_int_equal(descriptors, 5); /* input, outputs, lock, and the directory that ls reads */
}

static void what_a_trainer_leaves_behind_in_its_group_is_killed(void **state) {
  struct world *w = *state;
  spawn_shell(w, 2,
              "sh -c 'trap \"\" HUP TERM; echo $$ > stray; while :; do sleep 0.05; done' & "
              "while [ ! -s stray ]; do sleep 0.01; done");
  wait_for(w, &w->heard.exited, 1);
  char *text = content(w, "stray");
  pid_t stray = (pid_t)strtol(text, NULL, 10);
  int64_t start = cl_process_start(stray);
  cl_free(text);
  assert_true(start == 0 || getpgid(stray) == w->heard.pid);
  EVENTUALLY(!cl_process_lives(stray, start));
  EVENTUALLY(lock_is_free(in(w, "lock")));
}

static void a_group_is_signalled_as_a_whole(void **state) {
  struct world *w = *state;
  spawn_shell(w, 2, "sleep 1000 & echo $! > grandchild.new; mv grandchild.new grandchild; wait");
  wait_for(w, &w->heard.spawned, 1);
  EVENTUALLY(cl_path_exists(in(w, "grandchild")));
  char *text = content(w, "grandchild");
  pid_t grandchild = (pid_t)strtol(text, NULL, 10);
  cl_free(text);
  int64_t start = cl_process_start(grandchild);
  cl_process_signal_group(w->heard.pid, w->heard.start + 1, SIGKILL); /* another process: not touched */
  assert_true(cl_process_lives(grandchild, start));
  cl_process_signal_group(w->heard.pid, w->heard.start, SIGKILL);
  wait_for(w, &w->heard.exited, 1);
  assert_int_equal(w->heard.exit.signal, SIGKILL);
  EVENTUALLY(!cl_process_lives(grandchild, start));
}

static void memory_is_added_up_over_a_group(void **state) {
  struct world *w = *state;
  spawn_shell(w, 2, "sleep 1000 & sleep 1000 & touch ready; wait");
  wait_for(w, &w->heard.spawned, 1);
  EVENTUALLY(cl_path_exists(in(w, "ready")));
  pid_t groups[2] = {w->heard.pid, 1999999999};
  int64_t bytes[2] = {-1, -1};
  assert_int_equal(cl_process_group_memory(groups, 2, bytes, NULL), 0);
  assert_true(bytes[0] > 500000); /* a shell and two sleeps */
  assert_int_equal(bytes[1], 0);
  cl_process_signal_group(w->heard.pid, w->heard.start, SIGKILL);
  wait_for(w, &w->heard.exited, 1);
}

static void a_lost_keeper_is_noticed_and_its_children_live(void **state) {
  struct world *w = *state;
  spawn_shell(w, 2, "while [ ! -e go ]; do sleep 0.01; done");
  wait_for(w, &w->heard.spawned, 1);
  (void)kill(cl_keeper_pid(w->keeper), SIGKILL);
  wait_for(w, &w->heard.lost, 1);
  assert_true(cl_process_lives(w->heard.pid, w->heard.start));
  assert_false(lock_is_free(in(w, "lock")));
  int fd = -1;
  assert_int_equal(cl_process_watch(w->heard.pid, w->heard.start, &fd, NULL), 0);
  assert_true(fd >= 0);
  assert_int_equal(creat(in(w, "go"), 0600) < 0, 0);
  EVENTUALLY(lock_is_free(in(w, "lock")));
  assert_false(cl_path_exists(in(w, "exit")));
  (void)close(fd);
  struct cl_err e;
  struct cl_spawn s = {.directory = w->directory};
  static const char *const none[] = {"x", NULL};
  s.cwd = s.out = s.err = w->directory;
  s.argv = s.env = none;
  assert_int_equal(cl_keeper_spawn(w->keeper, &s, take_lock(w), &e), CLADE_ECLOSED);
}

static bool is_in_state(pid_t pid, char state) {
  char path[40], *text = NULL;
  (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  bool is = cl_file_read(path, 4096, &text, NULL, NULL) == 0 && strrchr(text, ')')[2] == state;
  cl_free(text);
  return is;
}

/* A program that has left its group and its parent, and exits with 7 when a file `end` is there. */
static pid_t spawn_orphan(struct world *w) {
  spawn_shell(w, 2,
              "setsid sh -c 'echo $$ > pid.new; mv pid.new pid; i=0; while [ ! -e end ] && [ $i -lt 9000 ]; "
              "do sleep 0.01; i=$((i + 1)); done; exit 7' & "
              "i=0; while [ ! -e pid ] && [ $i -lt 9000 ]; do sleep 0.01; i=$((i + 1)); done");
  wait_for(w, &w->heard.exited, 1);
  char *text = content(w, "pid");
  pid_t pid = (pid_t)strtol(text, NULL, 10);
  cl_free(text);
  assert_true(cl_process_start(pid) > 0);
  assert_int_equal(unlink(in(w, "exit")), 0); /* of the one before it */
  return pid;
}

/* With a lock of its own: an orphan has inherited that of the one before it. */
static void ask_to_adopt(struct world *w, int64_t id, pid_t pid) {
  struct cl_err e;
  int lock = take_lock_at(in(w, "own"));
  if (cl_keeper_adopt(w->keeper, id, w->directory, pid, cl_process_start(pid), lock, &e) < 0)
    fail_msg("%s", e.text);
}

static void an_orphan_is_adopted_and_its_exit_is_told(void **state) {
  struct world *w = *state;
  pid_t pid = spawn_orphan(w);
  ask_to_adopt(w, 5, pid);
  wait_for(w, &w->heard.spawned, 2);
  assert_int_equal(w->heard.id, 5);
  assert_int_equal(w->heard.pid, pid);
  assert_false(lock_is_free(in(w, "own")));
  assert_true(creat(in(w, "end"), 0600) >= 0);
  wait_for(w, &w->heard.exited, 2);
  assert_int_equal(w->heard.exit.status, 7);
}

/* The keeper finds the request and the end at the same time. */
static void an_orphan_that_ends_before_the_keeper_hears_of_it_is_adopted_all_the_same(void **state) {
  struct world *w = *state;
  pid_t pid = spawn_orphan(w), keeper = cl_keeper_pid(w->keeper);
  assert_int_equal(kill(keeper, SIGSTOP), 0);
  EVENTUALLY(is_in_state(keeper, 'T'));
  ask_to_adopt(w, 5, pid);
  assert_true(creat(in(w, "end"), 0600) >= 0);
  EVENTUALLY(is_in_state(pid, 'Z'));
  assert_int_equal(kill(keeper, SIGCONT), 0);
  wait_for(w, &w->heard.exited, 2);
  assert_int_equal(w->heard.failed, 0);
  assert_int_equal(w->heard.spawned, 2);
  assert_int_equal(w->heard.id, 5);
  assert_int_equal(w->heard.exit.status, 7);
  assert_true(cl_path_exists(in(w, "exit")));
}

static void an_orphan_of_somebody_else_is_named_and_left_to_itself(void **state) {
  struct world *w = *state;
  pid_t pid = fork(); /* this process's own child */
  assert_true(pid >= 0);
  if (pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) (void)pause();
  }
  ask_to_adopt(w, 5, pid);
  wait_for(w, &w->heard.failed, 1);
  assert_int_equal(w->heard.cause, ECHILD);
  char *lock = content(w, "own"), wanted[60];
  (void)snprintf(wanted, sizeof wanted, "%d %lld %d ", (int)pid, (long long)cl_process_start(pid), (int)pid);
  assert_non_null(strstr(lock, wanted)); /* who holds it, and nobody keeps */
  cl_free(lock);
  EVENTUALLY(lock_is_free(in(w, "own")));
  assert_int_equal(kill(pid, SIGKILL), 0);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_signal_to_the_keeper_is_ignored(void **state) {
  struct world *w = *state;
  (void)kill(cl_keeper_pid(w->keeper), SIGTERM);
  (void)kill(cl_keeper_pid(w->keeper), SIGINT);
  (void)kill(cl_keeper_pid(w->keeper), SIGHUP);
  spawn_shell(w, 3, "true");
  wait_for(w, &w->heard.exited, 1);
  assert_int_equal(w->heard.lost, 0);
}

static void many_big_requests_are_queued(void **state) {
  struct world *w = *state;
  char *big = malloc(100001);
  memset(big, 'x', 100000);
  memcpy(big, "BIG=", 4);
  big[100000] = '\0';
  const char *argv[] = {"/bin/sh", "-c", "echo ${#BIG}", NULL}, *env[] = {big, NULL};
  char name[20];
  for (int i = 0; i < 30; i++) {
    (void)snprintf(name, sizeof name, "out-%d", i);
    struct cl_spawn s = {.id = i,
                         .directory = w->directory,
                         .cwd = "/",
                         .out = in(w, name),
                         .err = in(w, "stderr"),
                         .argv = argv,
                         .env = env};
    int lock = open(in(w, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(cl_keeper_spawn(w->keeper, &s, lock, NULL), 0);
  }
  wait_for(w, &w->heard.exited, 30);
  for (int i = 0; i < 30; i++) {
    (void)snprintf(name, sizeof name, "out-%d", i);
    assert_content(w, name, "99996\n");
  }
  free(big);
}

static void too_big_a_request_is_refused(void **state) {
  struct world *w = *state;
  char *big = calloc(1, CL_KEEPER_REQUEST_MAX + 1);
  memset(big, 'x', CL_KEEPER_REQUEST_MAX);
  const char *argv[] = {big, NULL}, *env[] = {NULL};
  struct cl_spawn s = {.directory = "/", .cwd = "/", .out = "/", .err = "/", .argv = argv, .env = env};
  struct cl_err e;
  assert_int_equal(cl_keeper_spawn(w->keeper, &s, take_lock(w), &e), CLADE_ELIMIT);
  assert_true(lock_is_free(in(w, "lock")));
  free(big);
}

static void only_a_keeper_can_be_opened(void **state) {
  struct world *w = *state;
  struct cl_keeper *k = NULL;
  struct cl_err e;
  assert_int_equal(cl_keeper_open(&w->loop, "/bin/true", &events, &w->heard, &k, &e), CLADE_ESPAWN);
  assert_non_null(strstr(e.text, "/bin/true"));
  assert_int_equal(cl_keeper_open(&w->loop, "/no/such/clade", &events, &w->heard, &k, &e), CLADE_ESPAWN);
  assert_non_null(strstr(e.text, "/no/such/clade"));
  assert_null(k);
}

/* A process of its own that opens a keeper, spawns, and is killed without warning. */
static void be_an_engine(struct world *w, int tell) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  uv_loop_t loop;
  struct heard heard = {0};
  struct cl_keeper *keeper = NULL;
  if (uv_loop_init(&loop) != 0 || cl_keeper_open(&loop, NULL, &events, &heard, &keeper, NULL) < 0) _exit(1);
  w->keeper = keeper;
  spawn_shell(w, 2, "while [ ! -e go ]; do sleep 0.01; done; exit 23");
  while (heard.spawned == 0) (void)uv_run(&loop, UV_RUN_ONCE);
  int64_t facts[4] = {heard.pid, heard.start, cl_keeper_pid(keeper), cl_keeper_start(keeper)};
  if (write(tell, facts, sizeof facts) != sizeof facts) _exit(1);
  for (;;) (void)pause();
}

static void a_keeper_outlives_its_engine_and_writes_the_exit(void **state) {
  struct world *w = *state;
  int told[2];
  int64_t facts[4];
  assert_int_equal(pipe(told), 0);
  pid_t engine = fork();
  if (engine == 0) be_an_engine(w, told[1]);
  assert_int_equal(read(told[0], facts, sizeof facts), sizeof facts);
  (void)kill(engine, SIGKILL);
  assert_int_equal(waitpid(engine, NULL, 0), engine);
  assert_true(cl_process_lives((pid_t)facts[0], facts[1]));
  assert_true(cl_process_lives((pid_t)facts[2], facts[3]));
  assert_false(lock_is_free(in(w, "lock")));
  assert_int_equal(creat(in(w, "go"), 0600) < 0, 0);
  EVENTUALLY(lock_is_free(in(w, "lock")));
  struct cl_exit x = {0};
  assert_int_equal(cl_exit_read(w->directory, &x, NULL), 0);
  assert_int_equal(x.status, 23);
  EVENTUALLY(!cl_process_lives((pid_t)facts[2], facts[3]));
  (void)close(told[0]);
  (void)close(told[1]);
}

static bool set_group_priority(const char *nice) {
  int fd = open("/proc/self/autogroup", O_WRONLY);
  bool set = fd >= 0 && write(fd, nice, strlen(nice)) == (ssize_t)strlen(nice);
  (void)close(fd);
  return set;
}

enum { READ = 23, CANNOT = 24 };

/* In a session of its own, to which the scheduler is told to give little. */
static void be_a_modest_engine(struct world *w) {
  uv_loop_t loop;
  struct heard heard = {0};
  if (setsid() < 0 || !set_group_priority("7")) _exit(CANNOT);
  if (uv_loop_init(&loop) < 0 || cl_keeper_open(&loop, NULL, &events, &heard, &w->keeper, NULL) < 0) _exit(1);
  const char *argv[] = {"/bin/cat", "/proc/self/autogroup", NULL};
  spawn(w, 2, argv);
  int64_t end = cl_clock_monotonic_us() + PATIENCE_US;
  while (heard.exited == 0 && cl_clock_monotonic_us() < end) (void)uv_run(&loop, UV_RUN_ONCE);
  _exit(heard.exited == 1 ? READ : 1);
}

static void trainers_have_the_priority_of_their_engines_session(void **state) {
  struct world *w = *state;
  int status = 0;
  if (geteuid() != 0) skip(); /* others may set it ten times in a second, all together */
  pid_t engine = fork();
  if (engine == 0) be_a_modest_engine(w);
  assert_int_equal(waitpid(engine, &status, 0), engine);
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status) == CANNOT) skip(); /* a kernel without such groups */
  assert_int_equal(WEXITSTATUS(status), READ);
  char *text = content(w, "stdout");
  assert_non_null(strstr(text, " nice 7\n"));
  cl_free(text);
}

static void an_exit_that_is_no_record_is_corrupt(void **state) {
  struct world *w = *state;
  struct cl_exit x = {.status = -1};
  struct cl_err e;
  assert_int_equal(cl_exit_read(w->directory, &x, &e), CLADE_ENOTFOUND);
  assert_int_equal(cl_file_write(in(w, "exit"), "{\"status\":", 10, false, NULL), 0);
  assert_int_equal(cl_exit_read(w->directory, &x, &e), CLADE_ENOTFOUND); /* being written */
  assert_int_equal(cl_file_write(in(w, "exit"), "{\"status\":\n", 11, false, NULL), 0);
  assert_int_equal(cl_exit_read(w->directory, &x, &e), CLADE_ECORRUPT);
  assert_int_equal(x.status, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], CL_KEEPER_WORD) == 0) return cl_keeper_main(argc, argv);
  const struct CMUnitTest tests[] = {
      TEST(a_child_runs_with_its_environment_directory_and_outputs),
      TEST(a_signal_is_told_as_a_signal),
      TEST(a_program_that_cannot_be_executed_exits_127_and_says_why),
      TEST(a_directory_that_is_gone_exits_127_and_says_why),
      TEST(without_its_outputs_no_process_comes_to_be),
      TEST(a_held_lock_names_its_process),
      TEST(a_trainer_has_default_signals),
      TEST(a_trainer_has_the_limit_of_descriptors_of_its_engine),
      TEST(a_trainer_inherits_its_lock_and_nothing_else),
      TEST(what_a_trainer_leaves_behind_in_its_group_is_killed),
      TEST(a_group_is_signalled_as_a_whole),
      TEST(memory_is_added_up_over_a_group),
      TEST(a_lost_keeper_is_noticed_and_its_children_live),
      TEST(an_orphan_is_adopted_and_its_exit_is_told),
      TEST(an_orphan_that_ends_before_the_keeper_hears_of_it_is_adopted_all_the_same),
      TEST(an_orphan_of_somebody_else_is_named_and_left_to_itself),
      TEST(a_signal_to_the_keeper_is_ignored),
      TEST(many_big_requests_are_queued),
      TEST(too_big_a_request_is_refused),
      TEST(only_a_keeper_can_be_opened),
      TEST(a_keeper_outlives_its_engine_and_writes_the_exit),
      TEST(trainers_have_the_priority_of_their_engines_session),
      TEST(an_exit_that_is_no_record_is_corrupt)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
