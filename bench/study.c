/* What asking and telling costs through the public functions, beside the same events put straight into a
 * store (bench/store/store_write): ten floats, method random.
 *
 *   study [--n CYCLES]     cycles of ask, ten values read, tell; and reports
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clade/study.h"

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(int status, const struct cl_err *e) {
  if (status == 0) return;
  (void)fprintf(stderr, "%d: %s\n", status, e->text);
  exit(1);
}

static struct clade_study *open_study(const char *store, const char *name) {
  struct cl_err e = {0};
  struct clade_study *study = NULL;
  struct clade_space *space = clade_space_create();
  char names[10][8];
  for (int i = 0; i < 10; i++) {
    (void)snprintf(names[i], sizeof names[i], "x%d", i);
    clade_space_add_float(space, names[i], 0.001, 1, "log");
  }
  struct clade_study_options o = {
      .store = store, .name = name, .space = space, .maximize = "y", .has_seed = true, .seed = 7};
  check(clade_study_create(&o, &study, &e), &e);
  clade_space_destroy(space);
  return study;
}

static void cycles(const char *store, long n) {
  struct clade_study *study = open_study(store, "cycles");
  struct cl_err e = {0};
  double start = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), ask = 0;
  for (long i = 0; i < n; i++) {
    struct clade_trial *trial = NULL;
    size_t count = 0;
    double sum = 0;
    check(clade_study_ask(study, &trial, &e), &e);
    const struct clade_named_value *values = clade_trial_values(trial, &count);
    for (size_t k = 0; k < count; k++) sum += values[k].value.as.real;
    check(clade_trial_tell(trial, sum, &e), &e);
  }
  cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  double took = seconds(CLOCK_MONOTONIC) - start;
  (void)ask;
  (void)printf(
      "{\"bench\": \"study\", \"what\": \"ask_tell\", \"store\": \"%s\", \"cycles\": %ld, \"per_s\": %.0f, "
      "\"per_cpu_s\": %.0f}\n",
      strcmp(store, "memory:") == 0 ? "memory" : "sqlite", n, (double)n / took, (double)n / cpu);
  clade_study_close(study);
}

static void reports(const char *store, long n) {
  struct clade_study *study = open_study(store, "reports");
  struct cl_err e = {0};
  struct clade_trial *trial = NULL;
  check(clade_study_ask(study, &trial, &e), &e);
  double start = seconds(CLOCK_MONOTONIC);
  for (long i = 1; i <= n; i++)
    check(clade_trial_report(trial, (double)i, &(struct clade_metric){"y", 0.5}, 1, &e), &e);
  (void)printf(
      "{\"bench\": \"study\", \"what\": \"report\", \"store\": \"%s\", \"reports\": %ld, \"per_s\": %.0f}\n",
      strcmp(store, "memory:") == 0 ? "memory" : "sqlite", n, (double)n / (seconds(CLOCK_MONOTONIC) - start));
  clade_study_close(study);
}

int main(int argc, char **argv) {
  long n = argc > 2 && strcmp(argv[1], "--n") == 0 ? strtol(argv[2], NULL, 10) : 20000;
  char path[] = "/tmp/clade-bench-XXXXXX", file[64];
  if (mkdtemp(path) == NULL) return 1;
  (void)snprintf(file, sizeof file, "%s/s.db", path);
  cycles("memory:", 10 * n);
  reports("memory:", 10 * n);
  cycles(file, n);
  reports(file, n);
  for (int i = 0; i < 4; i++) {
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    char name[80];
    (void)snprintf(name, sizeof name, "%s%s", file, endings[i]);
    (void)unlink(name);
  }
  return rmdir(path) == 0 ? 0 : 1;
}
