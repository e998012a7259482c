/* What handing over a state costs, beside memcpy between touched pages in the same run.
 *
 *   clone [MIB [fork]]    fork only; MIB (default 1024) of regions: half parameters, a quarter each two
 * moments
 *
 * - snapshot: the regions into a buffer of the worker, within a report; the first time it meets the buffer,
 *   and again.
 * - load: the regions out of the winner's buffer; the first time, and again.
 * - peer: what a trainer without regions does: writes a file (not synced), ends, and another process starts,
 *   and reads it into memory of its own.
 *
 * - fork: the process leaves a frozen twin behind, twenty times, and changes all of its state after each (as
 * a step of training does), with the newest twin only: the time of the fork, what it adds to that step, and
 * how much memory both take.
 *
 * The first ones take turns in rounds; shown are the least times, which what else the machine does has
 * disturbed least, and their ratios to memcpy's. Twice the state in memory, and two buffers of it in
 * /dev/shm.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "trainer/regions.h"
#include "trainer/twin.h"
#include "worker/buffers_impl.h"

enum { ROUNDS = 7, KINDS = 6, TWINS = 20 };

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

/* Fork. */

/* Of this process: what else the machine does is not in it. */
static double cpu_seconds(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What a step does with the whole state. */
static double change_all(char *state, size_t n) {
  double begin = seconds();
  for (size_t i = 0; i < n; i += sizeof(uint64_t)) *(uint64_t *)(state + i) += 3;
  return seconds() - begin;
}

/* Of one process, what it has in common with others counted by halves. */
static double memory_of(pid_t pid) {
  char path[60], line[200];
  long long kib = 0;
  (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
  FILE *file = fopen(path, "re");
  must(file != NULL, path);
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, "Pss:", 4) == 0) kib = strtoll(line + 4, NULL, 10);
  (void)fclose(file);
  return (double)kib * 1024;
}

static void be_frozen(void) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) (void)pause();
}

static void end_twin(struct cl_trainer_twins *twins, size_t at) {
  pid_t pid = twins->items[at];
  must(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid, "a twin");
  twins->items[at] = twins->items[--twins->n];
}

static void measure_fork(char *state, size_t n) {
  struct cl_trainer_twins twins = {0};
  double forks[TWINS], added[TWINS], alone[TWINS], cpu[3] = {0}, peak = 0, gib = (double)n / (1 << 30);
  struct cl_err e;
  closefrom(STDERR_FILENO + 1); /* of who has started this */
  cpu[0] = -cpu_seconds();
  for (int i = 0; i < TWINS; i++) alone[i] = change_all(state, n);
  cpu[0] += cpu_seconds();
  for (int i = 0; i < TWINS; i++) {
    bool is_twin = false;
    double begin = seconds(), begin_cpu = cpu_seconds();
    int status = cl_trainer_twin_check(-1, &e);
    if (status == 0) status = cl_trainer_twin_fork(&twins, -1, &is_twin, &e);
    if (is_twin) be_frozen();
    forks[i] = seconds() - begin;
    cpu[1] += cpu_seconds() - begin_cpu;
    if (status < 0) fprintf(stderr, "%s\n", e.text);
    must(status == 0, "fork");
    while (twins.n > 1) end_twin(&twins, 0);
    begin_cpu = cpu_seconds();
    added[i] = change_all(state, n);
    cpu[2] += cpu_seconds() - begin_cpu;
    double both = memory_of(getpid()) + memory_of(twins.items[0]);
    if (both > peak) peak = both;
  }
  end_twin(&twins, 0);
  cl_trainer_twins_done(&twins);
  qsort(forks, TWINS, sizeof *forks, compare);
  qsort(added, TWINS, sizeof *added, compare);
  qsort(alone, TWINS, sizeof *alone, compare);
  double middle = (added[TWINS / 2] - alone[TWINS / 2]) / gib, worst = (added[TWINS - 1] - alone[0]) / gib;
  printf("%d twins, one after the other\n", TWINS);
  printf("%-26s %8.1f ms  median; %.1f least, %.1f most  (wanted: 30)%s\n", "fork", forks[TWINS / 2] * 1e3,
         forks[0] * 1e3, forks[TWINS - 1] * 1e3, forks[TWINS / 2] > 0.03 * gib ? "  TOO SLOW" : "");
  printf("%-26s %8.1f ms  alone %.1f: %.2f s per GiB more, %.2f at most  (wanted: 1.2)%s\n",
         "next whole step", added[TWINS / 2] * 1e3, alone[TWINS / 2] * 1e3, middle, worst,
         middle > 1.2 ? "  TOO SLOW" : "");
  printf("%-26s fork %.1f ms, next whole step %.2f s per GiB more (means)\n", "  in time of its CPU",
         cpu[1] / TWINS * 1e3, (cpu[2] - cpu[0]) / TWINS / gib);
  printf("%-26s %8.2f x the state, trainer and twin together\n", "memory at most", peak / (double)n);
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "--restarted") == 0) return be_restarted(argv[2], argv[3]);
  static const char *const names[KINDS] = {"memcpy",      "snapshot, first", "snapshot, again",
                                           "load, first", "load, again",     "peer: save, restart, load"};
  static const double bounds[KINDS] = {0, 1.8, 1.3, 1.8, 1.3, 0};
  size_t n = (argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 1024) << 20;
  double times[KINDS][ROUNDS];
  if (argc > 2 && strcmp(argv[2], "fork") == 0) {
    measure_fork(touched(n, 7), n);
    return 0;
  }
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
  (void)munmap(other, n);
  measure_fork(state, n);
  return 0;
}
