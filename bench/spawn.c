/* How fast trials are that do nothing: one process each.
 *
 *   spawn [N [KIND]]    N (default 2500) times /bin/true, eight at a time, of all kinds or of one
 *
 * - peer: posix_spawn and waitpid alone.
 * - files: the peer, and around each process files as a trial has them: three directories, the lock (opened,
 *   locked, written), params.json, two links, two outputs, the exit file. What a study could reach whose log
 *   and processes cost nothing.
 * - keeper: requests and answers over its socket, each process with a lock, outputs and exit of its own, in
 *   directories that are there already.
 * - trials: of a study, with all that belongs to one: the files, and `started` and `ended` in the log, which
 *   is copied into the store's file beside the work, as in any session. Its exit file is a second name of the
 *   lock file, and a first attempt has no link to where the socket is: one file and one link less than
 *   `files`.
 *
 * They take turns in five rounds, so that what else the machine does meets all alike; shown are medians.
 *
 * Everything is made below $TMPDIR (default /tmp) and removed at the very end. ext4 without a journal (as in
 * many virtual machines) looks at every inode that was deleted nearby in the last minutes before it gives out
 * one, 50 ns each: run it twice in a row and `files` can be several times slower in the second run, up to
 * 0.25 ms for a file. A study's directory has a place of its own on the disk, and when making files takes
 * long there, its trials move on to another (cl_dir_spread), so they can be faster than `files`.
 *
 * The keeper and what it starts are a session of their own: where the scheduler groups sessions (autogroup),
 * they compete as such with whatever else runs, at the priority that this program's session was given.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "worker/keeper.h"
#include "worker/keeper_link.h"
#include "worker_study.h"

enum { SLOTS = 8, ROUNDS = 5, PATH_ROOM = 200 };

static char program[] = "/bin/true";
static char *arguments[] = {program, NULL};

static void must(bool ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

static double direct(int n) {
  double begin = worker_study_seconds();
  for (int started = 0, ended = 0; ended < n;) {
    pid_t pid;
    if (started < n && started - ended < SLOTS) {
      must(posix_spawn(&pid, program, NULL, NULL, arguments, environ) == 0, program);
      started++;
    } else if (waitpid(-1, NULL, 0) > 0) {
      ended++;
    }
  }
  return n / (worker_study_seconds() - begin);
}

/* The files of a trial. */

static const char *path_of(const char *directory, int trial, const char *name) {
  static char paths[4][PATH_ROOM];
  static unsigned next;
  char *path = paths[next++ % 4];
  (void)snprintf(path, PATH_ROOM, "%s/%d%s", directory, trial, name);
  return path;
}

static void write_line(const char *path, const char *line) {
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  must(fd >= 0 && write(fd, line, strlen(line)) > 0 && close(fd) == 0, path);
}

static int make_files(const char *directory, int trial) {
  static const char owner[] = "{\"token\": \"…\", \"host\": \"…\", \"boot\": \"…\", \"worker\": 1}\n";
  must(mkdir(path_of(directory, trial, ""), 0777) == 0, "mkdir");
  must(mkdir(path_of(directory, trial, "/attempt-1"), 0777) == 0, "mkdir");
  must(mkdir(path_of(directory, trial, "/checkpoints"), 0777) == 0, "mkdir");
  int lock = open(path_of(directory, trial, "/attempt-1/lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  must(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && write(lock, owner, sizeof owner - 1) > 0, "lock");
  write_line(path_of(directory, trial, "/attempt-1/params.json"), "{\"lr\": 0.5}\n");
  must(link(path_of(directory, trial, "/attempt-1/params.json"), path_of(directory, trial, "/params.json")) ==
           0,
       "link");
  must(link(path_of(directory, 0, ""), path_of(directory, trial, "/socket")) == 0, "link");
  return lock;
}

static pid_t spawn_with_files(const char *directory, int trial) {
  posix_spawn_file_actions_t actions;
  pid_t pid;
  const int flags = O_WRONLY | O_CREAT | O_APPEND;
  must(posix_spawn_file_actions_init(&actions) == 0, "posix_spawn");
  for (int fd = 1; fd <= 2; fd++) {
    const char *path = path_of(directory, trial, fd == 1 ? "/attempt-1/stdout" : "/attempt-1/stderr");
    must(posix_spawn_file_actions_addopen(&actions, fd, path, flags, 0666) == 0, "posix_spawn");
  }
  must(posix_spawn(&pid, program, &actions, NULL, arguments, environ) == 0, program);
  (void)posix_spawn_file_actions_destroy(&actions);
  return pid;
}

static double with_files(int n, const char *directory, int first) {
  struct {
    pid_t pid;
    int trial, lock;
  } running[SLOTS] = {{0}};
  double begin = worker_study_seconds();
  for (int started = 0, ended = 0; ended < n;) {
    int at = 0;
    if (started < n && started - ended < SLOTS) {
      while (running[at].pid != 0) at++;
      int trial = first + started++, lock = make_files(directory, trial);
      running[at].pid = spawn_with_files(directory, trial);
      running[at].trial = trial;
      running[at].lock = lock;
      continue;
    }
    pid_t pid = waitpid(-1, NULL, 0);
    while (running[at].pid != pid) at++;
    running[at].pid = 0;
    write_line(path_of(directory, running[at].trial, "/attempt-1/exit"), "{\"status\":0,\"signal\":0}\n");
    (void)close(running[at].lock);
    ended++;
  }
  return n / (worker_study_seconds() - begin);
}

/* The keeper. */

struct kept {
  uv_loop_t loop;
  struct cl_keeper *keeper;
  int started, ended, n;
  const char *directory;
};

static void spawn_next(struct kept *k) {
  char own[PATH_ROOM], out[PATH_ROOM + 8], err[PATH_ROOM + 8];
  if (k->started == k->n) return;
  (void)snprintf(own, sizeof own, "%s", path_of(k->directory, ++k->started, ""));
  (void)snprintf(out, sizeof out, "%s/stdout", own);
  (void)snprintf(err, sizeof err, "%s/stderr", own);
  struct cl_spawn s = {.id = k->started,
                       .directory = own,
                       .cwd = "/",
                       .out = out,
                       .err = err,
                       .argv = (const char *const *)arguments,
                       .env = (const char *const *)environ};
  int lock = open(path_of(k->directory, k->started, "/lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  must(lock >= 0 && cl_keeper_spawn(k->keeper, &s, lock, NULL) == 0, "keeper");
}

static void on_spawned(void *ctx, int64_t id, pid_t pid, int64_t start) {
  (void)ctx, (void)id, (void)pid, (void)start;
}

static void on_failed(void *ctx, int64_t id, int cause, const char *what) {
  (void)ctx, (void)id;
  fprintf(stderr, "the keeper could not %s: %s\n", what, strerror(cause));
  exit(1);
}

static void on_exited(void *ctx, int64_t id, const struct cl_exit *x) {
  struct kept *k = ctx;
  (void)id, (void)x;
  k->ended++;
  spawn_next(k);
}

static void on_lost(void *ctx) {
  (void)ctx;
  exit(1);
}

static void begin_keeper(struct kept *k, const char *directory) {
  static const struct cl_keeper_events events = {on_spawned, on_failed, on_exited, on_lost};
  struct cl_err e;
  *k = (struct kept){.directory = directory};
  must(uv_loop_init(&k->loop) == 0 && cl_keeper_open(&k->loop, NULL, &events, k, &k->keeper, &e) == 0,
       "keeper");
}

static void end_keeper(struct kept *k) {
  cl_keeper_close(k->keeper);
  (void)uv_run(&k->loop, UV_RUN_DEFAULT);
  (void)uv_loop_close(&k->loop);
}

static double by_keeper(int n, struct kept *k) {
  for (int i = 1; i <= n; i++) must(mkdir(path_of(k->directory, k->n + i, ""), 0777) == 0, "mkdir");
  k->n += n;
  double begin = worker_study_seconds();
  for (int i = 0; i < SLOTS; i++) spawn_next(k);
  while (k->ended < k->n) (void)uv_run(&k->loop, UV_RUN_ONCE);
  return n / (worker_study_seconds() - begin);
}

static double as_trials(int n, struct worker_study *s) {
  worker_study_propose(s, n);
  double begin = worker_study_seconds();
  worker_study_run(s, cl_study_trials(cl_log_study(s->log)));
  return n / (worker_study_seconds() - begin);
}

/* Rounds. */

static void make_directory(char *room, size_t n) {
  const char *parent = getenv("TMPDIR");
  (void)snprintf(room, n, "%s/clade-bench-XXXXXX", parent == NULL || parent[0] == '\0' ? "/tmp" : parent);
  must(mkdtemp(room) != NULL, room);
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double median(double *rates) {
  qsort(rates, ROUNDS, sizeof *rates, compare);
  return rates[ROUNDS / 2];
}

struct rates {
  double peer[ROUNDS], files[ROUNDS], keeper[ROUNDS], trials[ROUNDS];
};

/* kind: the first letter of the only one wanted, or null. */
static void run_rounds(int n, const char *kind, struct rates *ret) {
  char files[100], directories[100];
  struct worker_study s;
  struct kept k;
  make_directory(files, sizeof files);
  make_directory(directories, sizeof directories);
  write_line(path_of(files, 0, ""), "/tmp/socket\n");
  begin_keeper(&k, directories);
  worker_study_begin(&s, "[\"/bin/true\"]", 0, SLOTS);
  for (int i = 0; i < ROUNDS; i++) {
    if (kind == NULL || kind[0] == 'p') ret->peer[i] = direct(n);
    if (kind == NULL || kind[0] == 't') ret->trials[i] = as_trials(n, &s);
    if (kind == NULL || kind[0] == 'f') ret->files[i] = with_files(n, files, 1 + i * n);
    if (kind == NULL || kind[0] == 'k') ret->keeper[i] = by_keeper(n, &k);
  }
  end_keeper(&k);
  worker_study_end(&s);
  (void)cl_dir_remove(files, NULL);
  (void)cl_dir_remove(directories, NULL);
}

static void show(const char *name, double *rates, double peer) {
  double middle = median(rates);
  if (middle > 0) printf("%-24s %6.0f   %3.0f %%", name, middle, 100 * middle / (peer > 0 ? peer : middle));
  if (middle > 0) printf("   (%.0f to %.0f)\n", rates[0], rates[ROUNDS - 1]);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], CL_KEEPER_WORD) == 0) return cl_keeper_main(argc, argv);
  int n = (argc > 1 ? (int)strtol(argv[1], NULL, 10) : 2500) / ROUNDS;
  struct rates r = {{0}};
  if (n < SLOTS) return 2;
  run_rounds(n, argc > 2 ? argv[2] : NULL, &r);
  double peer = median(r.peer);
  printf("%d processes, %d at a time, per second: medians of %d rounds\n", n * ROUNDS, SLOTS, ROUNDS);
  show("posix_spawn", r.peer, peer);
  show("the same with the files", r.files, peer);
  show("keeper alone", r.keeper, peer);
  show("trials of a study", r.trials, peer);
  return 0;
}
