/* What a step of a population costs: report, durable decision of the scheduler, and the trainer goes on.
 *
 *   step [N [IN_FLIGHT WAY]]    N (default 2000) steps of each member, every one of which asks the scheduler
 *                               (PBT, interval 1); only the case of 1 or 16 in flight, bare or regions
 *
 * - 1: one report in flight at a time; a second member, as a population needs, reports at its end only.
 * - 16: sixteen members that do nothing but report.
 * - bare: no state is handed over; regions: 64 KiB of them in a buffer with each report.
 *
 * Measured by the trainers around clade_trainer_report; shown are the median and the 99th percentile of all,
 * and the processor time of this process, which stores and decides, per step: it bounds what many in flight
 * can reach.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <clade/run.h>
#include <clade/trainer.h>

enum { MEMBERS_MAX = 16 };

static double seconds(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double processor_seconds(void) {
  struct rusage u;
  if (getrusage(RUSAGE_SELF, &u) < 0) return 0;
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void must(bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "step: %s\n", what);
  exit(1);
}

static bool remove_all(const char *directory) {
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) {
    (void)execlp("rm", "rm", "-r", directory, (char *)NULL);
    _exit(127);
  }
  return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* The trainer. It writes its times, as doubles, into a file of the directory that is its third argument. */

static char state[65536];

static int train(int argc, char **argv) {
  clade_trainer *t = NULL;
  long n = strtol(argv[2], NULL, 10), i = 0;
  must(clade_trainer_open(argc, argv, NULL, &t) == 0, "a trainer cannot connect");
  if (strcmp(argv[4], "regions") == 0)
    must(clade_trainer_state(t, "state", state, sizeof state) == 0, "state");
  bool idle = strcmp(argv[5], "one") == 0 && clade_trainer_trial(t) == 2;
  double *times = calloc((size_t)n, sizeof *times);
  int status = clade_trainer_start(t);
  if (idle) i = n - 1;
  for (; i < n && status >= 0 && status != CLADE_TRAINER_STOP; i++) {
    memset(state, (int)i, 64);
    clade_trainer_metric(t, "loss", (double)((i * 7 + clade_trainer_trial(t)) % 100));
    double begin = seconds();
    status = clade_trainer_report(t, (double)(i + 1));
    times[i] = seconds() - begin;
  }
  must(status == 0 && clade_trainer_done(t) == 0, clade_trainer_errmsg(t));
  char path[300];
  (void)snprintf(path, sizeof path, "%s/times-%lld", argv[3], (long long)clade_trainer_trial(t));
  FILE *file = idle ? NULL : fopen(path, "wb");
  if (file != NULL) (void)fwrite(times, sizeof *times, (size_t)n, file);
  if (file != NULL) must(fclose(file) == 0, path);
  status = clade_trainer_exit_status(t);
  clade_trainer_close(t);
  free(times);
  return status;
}

/* The study. */

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static size_t gather(const char *directory, int members, long n, double *ret) {
  size_t count = 0;
  for (int i = 1; i <= members; i++) {
    char path[300];
    (void)snprintf(path, sizeof path, "%s/times-%d", directory, i);
    FILE *file = fopen(path, "rb");
    if (file == NULL) continue;
    count += fread(ret + count, sizeof *ret, (size_t)n, file);
    (void)fclose(file);
    (void)unlink(path);
  }
  return count;
}

static void write_spec(const char *path, const char *directory, const char *way, bool one, int members,
                       long n) {
  char self[300];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  must(length > 0, "/proc/self/exe");
  FILE *file = fopen(path, "w");
  must(file != NULL, path);
  fprintf(
      file,
      "study: step\nprogram: [\"%.*s\", \"__trainer\", \"%ld\", \"%s\", \"%s\", \"%s\"]\n"
      "metric: {name: loss, goal: minimize}\nhyperparameters:\n  - name: lr\n    range: [0.1, 1.0]\n"
      "search: {method: random}\nschedule: {method: pbt, population: %d, interval: 1}\nparallel: %d\nseed: 1\n",
      (int)length, self, n, directory, way, one ? "one" : "all", members, members);
  must(fclose(file) == 0, path);
}

static void measure(const char *way, bool one, long n, double bound_us) {
  char directory[] = "/tmp/clade-bench-XXXXXX", spec[100], store[100];
  int members = one ? 2 : MEMBERS_MAX;
  struct cl_err e = {0};
  struct clade_run_result result;
  double *times = calloc((size_t)(n * members), sizeof *times);
  must(times != NULL && mkdtemp(directory) != NULL, "mkdtemp");
  (void)snprintf(spec, sizeof spec, "%s/step.yaml", directory);
  (void)snprintf(store, sizeof store, "%s/s.db", directory);
  write_spec(spec, directory, way, one, members, n);
  struct clade_run_options o = {.store = store, .spec = spec};
  double begin = processor_seconds();
  int status = clade_run(&o, NULL, &result, &e);
  double used = processor_seconds() - begin;
  must(status >= 0, e.text);
  size_t count = gather(directory, members, n, times);
  must(count > 0, "no trainer has come to its end");
  qsort(times, count, sizeof *times, compare);
  printf("%2d in flight, %-8s  median %7.1f us (wanted: %.0f)   p99 %7.1f us (wanted: 5000)   "
         "%5.1f us of the engine's processor   %zu steps\n",
         one ? 1 : MEMBERS_MAX, way, times[count / 2] * 1e6, bound_us, times[count * 99 / 100] * 1e6,
         used * 1e6 / (double)count, count);
  must(remove_all(directory), "cannot clean up");
  free(times);
}

int main(int argc, char **argv) {
  int kept = clade_keeper_main(argc, argv);
  if (kept >= 0) return kept;
  if (argc > 5 && strcmp(argv[1], "__trainer") == 0) return train(argc, argv);
  long n = argc > 1 ? strtol(argv[1], NULL, 10) : 2000;
  must(n >= 1, "N must be at least 1");
  if (argc == 4) {
    bool one = strcmp(argv[2], "1") == 0;
    measure(argv[3], one, n, one ? 80 : 250);
    return 0;
  }
  measure("bare", true, n, 80);
  measure("bare", false, n, 250);
  measure("regions", true, n / 10 + 1, 80);
  measure("regions", false, n / 10 + 1, 250);
  return 0;
}
