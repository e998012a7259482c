/* Following: how long after a commit another process has applied its events, at a given rate of commits; and
 * how long a writer waits for others.
 *
 *   store_follow [--dir DIR] [--n COMMITS]
 */
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "bench.h"

enum { PAUSE_US = 500 };

struct shared {
  int64_t position_at[200000]; /* us when the event at this position was committed */
};

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

struct following {
  struct shared *shared;
  double *lags_us;
  long n;
};

static void take(void *ctx, const struct cl_event *ev) {
  struct following *f = ctx;
  int64_t at = __atomic_load_n(&f->shared->position_at[ev->position], __ATOMIC_ACQUIRE);
  /* Seen before the writer came back from its commit: it took nothing. */
  f->lags_us[f->n++] = at == 0 ? 0 : (double)(cl_clock_monotonic_us() - at);
}

static bool wait_for_wake(struct cl_log *log, int fd, long us) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  const struct timespec wait = {us / 1000000, us % 1000000 * 1000};
  bool woken = ppoll(&p, 1, &wait, NULL) > 0;
  if (woken) cl_store_watch_drain(cl_log_store(log));
  return woken;
}

static void follow(const char *path, int64_t study, struct shared *shared, long n) {
  const struct cl_store_options options = {.mode = CL_STORE_WRITE};
  struct cl_store *store = NULL;
  struct cl_log *log = NULL;
  struct cl_err e = {0};
  int fd = -1;
  struct following f = {shared, cl_alloc_array((size_t)n + 10, sizeof *f.lags_us), 0};
  bench_check(cl_store_open(path, &options, &store, &e), &e);
  bench_check(cl_log_open(store, study, NULL, &log, &e), &e);
  bench_check(cl_log_listen(log, take, &f, &e), &e);
  bench_check(cl_store_watch(store, &fd, &e), &e);
  __atomic_store_n(&shared->position_at[0], 1, __ATOMIC_RELEASE);
  const long waits_us[] = {1000000, 200, 2000}; /* the wake can come before the commit is visible */
  for (int at = 0; f.n < n;) {
    int64_t got = 0;
    bool woken = wait_for_wake(log, fd, waits_us[at]);
    bench_check(cl_log_follow(log, &got, &e), &e);
    at = got > 0 ? 0 : woken ? 1 : (at + 1) % 3;
  }
  qsort(f.lags_us, (size_t)f.n, sizeof *f.lags_us, by_size);
  (void)printf(
      "{\"bench\": \"follow\", \"events\": %ld, \"median_us\": %.0f, \"p99_us\": %.0f, \"max_us\": %.0f}\n",
      f.n, f.lags_us[f.n / 2], f.lags_us[f.n * 99 / 100], f.lags_us[f.n - 1]);
  (void)fflush(stdout);
  cl_log_close(log);
  cl_store_close(store);
  _exit(0);
}

static void note(struct bench *b, int64_t time_ms) {
  struct cl_event ev = {.kind = CL_EVENT_NOTE, .time_ms = time_ms};
  ev.u.note.what = CL_NOTE_TEXT;
  ev.u.note.text = "x";
  struct cl_append result;
  struct cl_err e = {0};
  bench_check(cl_store_append(b->store, b->study, &ev, 1, &result, &e), &e);
  b->position = result.position;
}

static void bench_follow(const char *dir, long n) {
  struct shared *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct bench b;
  bench_open(&b, dir, false, CL_SYNC_NORMAL);
  (void)fflush(stdout);
  cl_store_close(b.store); /* a connection must not cross a fork */
  pid_t pid = fork();
  if (pid == 0) follow(b.path, b.study, shared, n);
  const struct cl_store_options options = {.mode = CL_STORE_WRITE};
  struct cl_err e = {0};
  bench_check(cl_store_open(b.path, &options, &b.store, &e), &e);
  while (__atomic_load_n(&shared->position_at[0], __ATOMIC_ACQUIRE) == 0) (void)usleep(1000);
  for (long i = 0; i < n; i++) {
    note(&b, i);
    __atomic_store_n(&shared->position_at[b.position], cl_clock_monotonic_us(), __ATOMIC_RELEASE);
    (void)usleep(PAUSE_US);
  }
  (void)waitpid(pid, NULL, 0);
  bench_close(&b);
  (void)munmap(shared, sizeof *shared);
}

/* `writers` processes that do nothing but append. */
static void bench_contention(const char *dir, int writers, long n) {
  struct bench b;
  bench_open(&b, dir, false, CL_SYNC_NORMAL);
  cl_store_close(b.store);
  (void)fflush(stdout);
  double start = bench_seconds();
  for (int w = 0; w < writers; w++) {
    if (fork() != 0) continue;
    const struct cl_store_options options = {.mode = CL_STORE_WRITE};
    struct cl_err e = {0};
    bench_check(cl_store_open(b.path, &options, &b.store, &e), &e);
    double *waits = cl_alloc_array((size_t)n, sizeof *waits), begin = bench_seconds();
    for (long i = 0; i < n; i++) {
      double before = bench_seconds();
      note(&b, i);
      waits[i] = 1e6 * (bench_seconds() - before);
    }
    double took = bench_seconds() - begin;
    qsort(waits, (size_t)n, sizeof *waits, by_size);
    (void)printf(
        "{\"bench\": \"writers\", \"writers\": %d, \"commits_per_s\": %.0f, \"median_us\": %.0f, \"p99_us\": "
        "%.0f, \"longest_ms\": %.1f}\n",
        writers, (double)n / took, waits[n / 2], waits[n * 99 / 100], 1e-3 * waits[n - 1]);
    (void)fflush(stdout);
    cl_store_close(b.store);
    _exit(0);
  }
  while (wait(NULL) > 0) continue;
  (void)printf("{\"bench\": \"writers\", \"writers\": %d, \"together_per_s\": %.0f}\n", writers,
               (double)(n * writers) / (bench_seconds() - start));
  (void)cl_store_open(b.path, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &b.store, NULL);
  bench_close(&b);
}

int main(int argc, char **argv) {
  const char *dir = bench_dir(argc, argv);
  long n = bench_number(argc, argv, "--n", 4000);
  bench_follow(dir, n);
  bench_contention(dir, 1, n * 4);
  bench_contention(dir, 2, n * 4);
  bench_contention(dir, 4, n);
  return 0;
}
