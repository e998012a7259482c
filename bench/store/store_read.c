/* Reading: opening the log of many finished trials, with its memory; the last ten trials; following.
 *
 *   store_read [--dir DIR] [--n TRIALS]
 */
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static int count(void *ctx, const struct cl_event *ev) {
  (void)ev;
  ++*(long *)ctx;
  return 0;
}

/* In a process of its own, so that its memory is that of a reader. */
static void bench_open_log(const struct bench *b, long n) {
  (void)fflush(stdout);
  pid_t pid = fork();
  if (pid != 0) {
    (void)waitpid(pid, NULL, 0);
    return;
  }
  const struct cl_store_options options = {.mode = CL_STORE_READ};
  struct cl_store *store = NULL;
  struct cl_log *log = NULL;
  struct cl_err e = {0};
  long events = 0;
  bench_check(cl_store_open(b->path, &options, &store, &e), &e);
  double cpu = bench_cpu_seconds();
  bench_check(cl_store_read(store, b->study, &(struct cl_read){0}, count, &events, &e), &e);
  double read = bench_cpu_seconds() - cpu;
  long before = bench_resident_kib();
  double start = bench_seconds();
  cpu = bench_cpu_seconds();
  bench_check(cl_log_open(store, b->study, NULL, &log, &e), &e);
  double took = bench_seconds() - start;
  cpu = bench_cpu_seconds() - cpu;
  (void)printf(
      "{\"bench\": \"open_log\", \"trials\": %ld, \"events\": %ld, \"read_cpu_s\": %.3f, \"open_s\": %.3f, \"open_cpu_s\": %.3f, "
      "\"resident_mib\": %.1f, \"of_them_before\": %.1f}\n",
      n, events, read, took, cpu, (double)bench_resident_kib() / 1024, (double)before / 1024);
  double best = 1e9;
  for (int i = 0; i < 5; i++) {
    struct cl_read last = {.trial_lo = n - 9, .trial_hi = n};
    start = bench_seconds();
    bench_check(cl_store_read(store, b->study, &last, count, &events, &e), &e);
    double once = bench_seconds() - start;
    if (i == 0) (void)printf("{\"bench\": \"last_ten\", \"trials\": %ld, \"first_ms\": %.3f", n, 1e3 * once);
    if (once < best) best = once;
  }
  (void)printf(", \"best_ms\": %.3f}\n", 1e3 * best);
  (void)fflush(stdout);
  cl_log_close(log);
  cl_store_close(store);
  _exit(0);
}

int main(int argc, char **argv) {
  long n = bench_number(argc, argv, "--n", 1000000);
  struct bench b;
  bench_open(&b, bench_dir(argc, argv), false, CL_SYNC_NORMAL);
  double start = bench_seconds();
  bench_cycles(&b, n, 1000);
  (void)printf("{\"bench\": \"fill\", \"trials\": %ld, \"per_s\": %.0f, \"bytes_per_trial\": %.1f}\n", n,
               (double)n / (bench_seconds() - start), (double)bench_disk_bytes(&b) / (double)n);
  bench_open_log(&b, n);
  bench_close(&b);
  return 0;
}
