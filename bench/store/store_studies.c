/* Many studies in one store: what the next one costs, and what opening the store and finding one costs.
 *
 *   store_studies [--dir DIR] [--n STUDIES]
 *
 * Printed at 1, 10, 100 … studies and at the last: medians of the creations since the line before (of the
 * last 50 at most), with processor time, which others on the machine change less.
 */
#include "base/alloc.h"
#include "bench.h"

enum { LAST = 50 };

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(const double *all, long n) {
  double last[LAST];
  long count = n < LAST ? n : LAST;
  memcpy(last, all + n - count, (size_t)count * sizeof *last);
  qsort(last, (size_t)count, sizeof *last, by_size);
  return last[count / 2];
}

static void find_one(const struct bench *b, long studies) {
  const struct cl_store_options options = {.mode = CL_STORE_READ};
  struct cl_store *store = NULL;
  struct cl_err e = {0};
  char name[40];
  int64_t study = 0;
  (void)snprintf(name, sizeof name, "study-%ld", studies / 2);
  double start = bench_seconds();
  bench_check(cl_store_open(b->path, &options, &store, &e), &e);
  double opened = bench_seconds();
  bench_check(cl_store_find(store, name, &study, &e), &e);
  (void)printf(", \"open_us\": %.0f, \"find_us\": %.0f}\n", 1e6 * (opened - start),
               1e6 * (bench_seconds() - opened));
  cl_store_close(store);
}

int main(int argc, char **argv) {
  long n = bench_number(argc, argv, "--n", 1000), next = 1;
  double *wall = cl_alloc_array((size_t)n, sizeof *wall), *cpu = cl_alloc_array((size_t)n, sizeof *cpu);
  struct bench b;
  bench_open(&b, bench_dir(argc, argv), false, CL_SYNC_NORMAL);
  for (long i = 0; i < n; i++) {
    char name[40];
    (void)snprintf(name, sizeof name, "study-%ld", i);
    double start = bench_seconds(), used = bench_cpu_seconds();
    (void)bench_create(&b, name, NULL);
    wall[i] = bench_seconds() - start;
    cpu[i] = bench_cpu_seconds() - used;
    if (i + 1 < next && i + 1 < n) continue;
    next *= 10;
    (void)printf("{\"bench\": \"studies\", \"studies\": %ld, \"create_us\": %.0f, \"create_cpu_us\": %.0f",
                 i + 1, 1e6 * median(wall, i + 1), 1e6 * median(cpu, i + 1));
    find_one(&b, i + 1);
    (void)fflush(stdout);
  }
  bench_close(&b);
  cl_free(wall);
  cl_free(cpu);
  return 0;
}
