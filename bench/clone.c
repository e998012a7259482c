/* What handing over a state costs, beside memcpy between touched pages in the same run.
 *
 *   clone [MIB]    MIB (default 1024) of regions: half parameters, a quarter each two moments
 *
 * - snapshot: the regions into a buffer of the worker, within a report; the first time it meets the buffer,
 *   and again.
 * - load: the regions out of the winner's buffer; the first time, and again.
 * - peer: what a trainer without regions does: writes a file (not synced), ends, and another process starts,
 *   and reads it into memory of its own.
 *
 * They take turns in rounds; shown are the least times, which what else the machine does has disturbed least,
 * and their ratios to memcpy's. Twice the state in memory, and
 * two buffers of it in /dev/shm.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "trainer/regions.h"
#include "worker/buffers_impl.h"

enum { ROUNDS = 7, KINDS = 6 };

static void must(bool ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

static double seconds(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Memory whose pages are there. */
static char *touched(size_t n, int byte) {
  char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(p != MAP_FAILED, "mmap");
  memset(p, byte, n);
  return p;
}

static void make_buffer(char path[60], int64_t bytes) {
  (void)snprintf(path, 60, "/dev/shm/clade-bench-XXXXXX");
  int fd = mkstemp(path);
  must(fd >= 0 && cl_buffers_make_pages(fd, bytes), path);
  (void)close(fd);
}

static void register_all(struct cl_trainer_regions *r, char *state, size_t n) {
  struct cl_err e;
  int status = cl_trainer_regions_add(r, "parameters", state, n / 2, &e);
  if (status == 0) status = cl_trainer_regions_add(r, "first", state + n / 2, n / 4, &e);
  if (status == 0) status = cl_trainer_regions_add(r, "second", state + n / 2 + n / 4, n / 4, &e);
  must(status == 0, "regions");
}

/* The process that a peer starts: reads the file into memory of its own. */
static int be_restarted(const char *path, const char *bytes) {
  size_t n = (size_t)strtoull(bytes, NULL, 10), at = 0;
  char *memory = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  must(memory != MAP_FAILED && fd >= 0, path);
  while (at < n) {
    ssize_t got = read(fd, memory + at, n - at);
    must(got > 0, path);
    at += (size_t)got;
  }
  return memory[n - 1] == memory[0] ? 0 : 1;
}

static double peer(const char *program, const char *path, const char *state, size_t n) {
  char size[30];
  double begin = seconds();
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(fd >= 0, path);
  for (size_t at = 0; at < n;) {
    ssize_t written = write(fd, state + at, n - at);
    must(written > 0, path);
    at += (size_t)written;
  }
  (void)close(fd);
  (void)snprintf(size, sizeof size, "%zu", n);
  char *argv[] = {(char *)program, (char *)"--restarted", (char *)path, size, NULL};
  pid_t pid;
  int status = 1;
  must(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) == 0, program);
  must(waitpid(pid, &status, 0) == pid && status == 0, "the restarted process");
  (void)unlink(path);
  return seconds() - begin;
}

/* One buffer met for the first time by a trainer of its own, then again. */
static void hand_over(struct cl_trainer_regions *r, const char *path, bool put, double ret[2]) {
  struct cl_err e;
  for (int again = 0; again < 2; again++) {
    double begin = seconds();
    int status = put ? cl_trainer_regions_put(r, path, &e) : cl_trainer_regions_take(r, path, &e);
    ret[again] = seconds() - begin;
    must(status == 0, path);
  }
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "--restarted") == 0) return be_restarted(argv[2], argv[3]);
  static const char *const names[KINDS] = {"memcpy",      "snapshot, first", "snapshot, again",
                                           "load, first", "load, again",     "peer: save, restart, load"};
  static const double bounds[KINDS] = {0, 1.8, 1.3, 1.8, 1.3, 0};
  size_t n = (argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 1024) << 20;
  double times[KINDS][ROUNDS];
  char *state = touched(n, 7), *other = touched(n, 9), path[60], file[200];
  const char *base = getenv("TMPDIR");
  (void)snprintf(file, sizeof file, "%s/clade-bench-clone-%d", base == NULL ? "/tmp" : base, (int)getpid());
  for (int round = 0; round < ROUNDS; round++) {
    struct cl_trainer_regions winner = {0}, loser = {0};
    register_all(&winner, state, n);
    register_all(&loser, other, n);
    make_buffer(path, winner.bytes);
    double begin = seconds(), pair[2];
    memcpy(other, state, n);
    times[0][round] = seconds() - begin;
    hand_over(&winner, path, true, pair);
    times[1][round] = pair[0], times[2][round] = pair[1];
    memset(other, round, n);
    hand_over(&loser, path, false, pair);
    times[3][round] = pair[0], times[4][round] = pair[1];
    must(memcmp(state, other, n) == 0, "the loser's bytes");
    (void)unlink(path);
    cl_trainer_regions_done(&winner);
    cl_trainer_regions_done(&loser);
    times[5][round] = peer(argv[0], file, state, n);
  }
  for (int kind = 0; kind < KINDS; kind++) qsort(times[kind], ROUNDS, sizeof(double), compare);
  printf("%zu MiB, the least of %d rounds\n", n >> 20, ROUNDS);
  for (int kind = 0; kind < KINDS; kind++) {
    double ratio = times[kind][0] / times[0][0];
    printf("%-26s %8.1f ms  %5.2f x memcpy", names[kind], times[kind][0] * 1e3, ratio);
    if (bounds[kind] > 0)
      printf("  (wanted: %.1f)%s", bounds[kind], ratio > bounds[kind] ? "  TOO SLOW" : "");
    printf("\n");
  }
  return 0;
}
