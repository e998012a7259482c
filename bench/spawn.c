/* How fast trials are that do nothing: one process each.
 *
 *   spawn [N]    N (default 2000) times /bin/true, eight at a time: by posix_spawn and waitpid alone (the
 * peer), by the keeper alone, and as trials of a study with all that belongs to one: directory, lock, files,
 *                `started` and `ended` in the log
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "worker/keeper.h"
#include "worker/keeper_link.h"
#include "worker_study.h"

enum { SLOTS = 8 };

static double direct(int n) {
  char program[] = "/bin/true";
  char *argv[] = {program, NULL};
  double begin = worker_study_seconds();
  for (int started = 0, ended = 0; ended < n;) {
    pid_t pid;
    if (started < n && started - ended < SLOTS) {
      if (posix_spawn(&pid, program, NULL, NULL, argv, environ) != 0) exit(1);
      started++;
    } else if (waitpid(-1, NULL, 0) > 0) {
      ended++;
    }
  }
  return n / (worker_study_seconds() - begin);
}

struct kept {
  struct cl_keeper *keeper;
  int started, ended, n;
  char directory[64];
};

static void spawn_next(struct kept *k) {
  static const char *const argv[] = {"/bin/true", NULL};
  struct cl_spawn s = {.id = k->started++,
                       .directory = k->directory,
                       .cwd = "/",
                       .out = "/dev/null",
                       .err = "/dev/null",
                       .argv = argv,
                       .env = (const char *const *)environ};
  int lock = k->started > k->n ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);
  if (lock < 0) return;
  if (cl_keeper_spawn(k->keeper, &s, lock, NULL) < 0) exit(1);
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

static double by_keeper(int n) {
  static const struct cl_keeper_events events = {on_spawned, on_failed, on_exited, on_lost};
  struct kept k = {.n = n, .directory = "/tmp/clade-bench-XXXXXX"};
  struct cl_err e;
  uv_loop_t loop;
  if (mkdtemp(k.directory) == NULL || uv_loop_init(&loop) < 0 ||
      cl_keeper_open(&loop, NULL, &events, &k, &k.keeper, &e) < 0)
    exit(1);
  double begin = worker_study_seconds();
  for (int i = 0; i < SLOTS; i++) spawn_next(&k);
  while (k.ended < n) (void)uv_run(&loop, UV_RUN_ONCE);
  double rate = n / (worker_study_seconds() - begin);
  cl_keeper_close(k.keeper);
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  (void)uv_loop_close(&loop);
  (void)cl_dir_remove(k.directory, NULL);
  return rate;
}

static double as_trials(int n) {
  struct worker_study s;
  worker_study_begin(&s, "[\"/bin/true\"]", n, SLOTS);
  double begin = worker_study_seconds();
  worker_study_run(&s, n);
  double rate = n / (worker_study_seconds() - begin);
  worker_study_end(&s);
  return rate;
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], CL_KEEPER_WORD) == 0) return cl_keeper_main(argc, argv);
  int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 2000;
  if (n < 1) return 2;
  double before = direct(n), kept = by_keeper(n), trials = as_trials(n), after = direct(n);
  double peer = (before + after) / 2;
  printf("%d processes, %d at a time, per second\n", n, SLOTS);
  printf("posix_spawn (before, after)  %7.0f %7.0f\n", before, after);
  printf("keeper alone                 %7.0f   %3.0f %%\n", kept, 100 * kept / peer);
  printf("trials of a study            %7.0f   %3.0f %%\n", trials, 100 * trials / peer);
  return 0;
}
