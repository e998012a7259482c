/* The command line on big stores, each figure beside its limit: a study of a million finished trials, a study
 * whose trials have a hundred reports each, and a store of many studies.
 *
 *   scale CLADE [--dir DIR] [--n TRIALS] [--reports TRIALS] [--studies STUDIES]     0: none; studies: 10…
 *   scale CLADE --trainer FILE    what the trial of the first part runs: times `clade report` into FILE
 *
 * CLADE is the program. A part whose number is 0 is left out; --reports 1000000 needs 5 GB of disk and some
 * minutes, the standard is a tenth of it, with a tenth of the limits of disk and memory. Times are of the
 * whole process, the best of a few (other load only adds), with the median beside it.
 */
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "bench.h"

enum { RUNS_MAX = 9, WORDS_MAX = 12, REPORTS_EACH = 100, TOGETHER = 16, REPORTS_TIMED = 20 };

static char program[PATH_MAX]; /* clade */

struct run {
  double seconds, cpu_seconds;
  long resident_kib;
};

/* One run of clade with these words; its output goes to /dev/null. */
static struct run run_once(const char *const *words, const char *store) {
  const char *argv[WORDS_MAX + 4] = {program};
  int n = 1;
  while (words[n - 1] != NULL && n < WORDS_MAX) {
    argv[n] = words[n - 1];
    n++;
  }
  if (store != NULL) {
    argv[n++] = "--store";
    argv[n++] = store;
  }
  struct rusage usage;
  int status = 0;
  (void)fflush(stdout);
  posix_spawn_file_actions_t silent;
  pid_t pid = 0;
  bool ready = posix_spawn_file_actions_init(&silent) == 0 &&
               posix_spawn_file_actions_addopen(&silent, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0;
  double start = bench_seconds(); /* a fork would take the longer the more memory this program has */
  if (!ready || posix_spawn(&pid, program, &silent, NULL, (char *const *)argv, environ) != 0 ||
      wait4(pid, &status, 0, &usage) < 0)
    exit(1);
  (void)posix_spawn_file_actions_destroy(&silent);
  struct run r = {.seconds = bench_seconds() - start, .resident_kib = usage.ru_maxrss};
  r.cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                  1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    (void)fprintf(stderr, "clade %s %s: it ended with status %d\n", words[0],
                  words[1] == NULL ? "" : words[1], status);
    exit(1);
  }
  return r;
}

static int by_seconds(const void *a, const void *b) {
  const struct run *x = a, *y = b;
  return (x->seconds > y->seconds) - (x->seconds < y->seconds);
}

static void tell(const char *what, const char *unit, double value, double limit, const char *more) {
  (void)printf("{\"bench\": \"scale\", \"what\": \"%s\", \"%s\": %.4g, \"limit\": %.4g, \"kept\": %s%s}\n",
               what, unit, value, limit, value <= limit ? "true" : "false", more);
  (void)fflush(stdout);
}

/* What a limit for a million trials means for `n`: a process needs a little without any. */
static double seconds_for(double limit, long n) {
  return limit * (double)n / 1e6 + (n < 1000000 ? 0.02 : 0);
}
static double mib_for(double limit_mb, long n) {
  return limit_mb * 1e6 / 1048576 * (double)n / 1e6 + (n < 1000000 ? 30 : 0);
}

/* `limit_s` and `limit_mib` of one command; limit_mib 0: memory is not looked at. */
static void time_command(const char *what, const struct bench *b, int runs, double limit_s, double limit_mib,
                         const char *const *words) {
  struct run all[RUNS_MAX] = {{0}};
  char more[100];
  long resident = 0;
  for (int i = 0; i < runs && i < RUNS_MAX; i++) {
    all[i] = run_once(words, b == NULL ? NULL : b->path);
    if (all[i].resident_kib > resident) resident = all[i].resident_kib;
  }
  qsort(all, (size_t)runs, sizeof *all, by_seconds);
  (void)snprintf(more, sizeof more, ", \"median_s\": %.4g, \"cpu_s\": %.4g, \"resident_mib\": %.1f",
                 all[runs / 2].seconds, all[0].cpu_seconds, (double)resident / 1024);
  tell(what, "s", all[0].seconds, limit_s, more);
  if (limit_mib > 0) tell(what, "resident_mib", (double)resident / 1024, limit_mib, "");
}

#define TIME(what, b, runs, limit_s, limit_mib, ...) \
  time_command(what, b, runs, limit_s, limit_mib, (const char *const[]){__VA_ARGS__, NULL})

/* A million trials. */

/* A trial of the big study: each report is a process, as in a shell script. */
static int train(const char *path) {
  FILE *out = fopen(path, "we");
  if (out == NULL) return 1;
  for (int i = 1; i <= REPORTS_TIMED; i++) {
    char step[20];
    (void)snprintf(step, sizeof step, "%d", i);
    double seconds =
        run_once((const char *const[]){"report", "loss=0.125", "--step", step, NULL}, NULL).seconds;
    (void)fprintf(out, "%.6f\n", seconds);
  }
  return fclose(out) == 0 ? 0 : 1;
}

static void tell_reports(const char *path) {
  struct run all[REPORTS_TIMED] = {{0}};
  char more[100];
  int n = 0;
  FILE *in = fopen(path, "re");
  while (in != NULL && n < REPORTS_TIMED && fscanf(in, "%lf", &all[n].seconds) == 1) n++;
  if (in != NULL) (void)fclose(in);
  if (n < REPORTS_TIMED) {
    (void)fprintf(stderr, "the trial did not report %d times\n", REPORTS_TIMED);
    exit(1);
  }
  qsort(all, (size_t)n, sizeof *all, by_seconds);
  (void)snprintf(more, sizeof more, ", \"median_s\": %.4g, \"longest_s\": %.4g", all[n / 2].seconds,
                 all[n - 1].seconds);
  tell("clade report, in a trial of it", "s", all[0].seconds, 0.05, more);
}

static void bench_trials(const char *dir, const char *self, long n) {
  struct bench b;
  struct cl_text more = {0};
  char times[300];
  bench_open(&b, dir, false, CL_SYNC_NORMAL);
  (void)snprintf(times, sizeof times, "%s/times", b.dir);
  cl_text_format(
      &more,
      "\"origin\": \"native\", \"values_to\": \"placeholders\", \"trials\": %ld, \"program\": [\"%s\", "
      "\"%s\", \"--trainer\", \"%s\"]",
      n + 1, self, program, times);
  (void)bench_create(&b, "big", cl_text_get(&more));
  cl_text_done(&more);
  double start = bench_seconds();
  bench_cycles(&b, n, 1000);
  (void)printf("{\"bench\": \"scale\", \"what\": \"fill\", \"trials\": %ld, \"s\": %.1f}\n", n,
               bench_seconds() - start);
  tell("disk of finished trials", "mib", (double)bench_disk_bytes(&b) / 1048576,
       250e6 / 1048576 * (double)n / 1e6, "");
  TIME("clade --version", NULL, 9, 0.003, 0, "--version");
  TIME("clade best", &b, 5, seconds_for(1.5, n), mib_for(300, n), "best", "big");
  TIME("clade list --last 10", &b, 5, 0.05, 0, "list", "trials", "big", "--last", "10");
  TIME("clade list", &b, 5, 0.05, 0, "list", "trials", "big");
  TIME("clade show trial", &b, 5, 0.05, 0, "show", "big/17");
  TIME("clade show", &b, 3, seconds_for(1.5, n), 0, "show", "big");
  TIME("clade list --sort best", &b, 3, seconds_for(3, n), 0, "list", "trials", "big", "--sort", "best");
  TIME("clade export", &b, 3, seconds_for(10, n), 0, "export", "big");
  TIME("clade resume, one trial", &b, 1, 5, 0, "resume", "big", "--parallel", "1");
  tell_reports(times);
  bench_close(&b);
}

/* Queries over all trials that people wait for. */
static void bench_hundred_thousand(const char *dir, long n) {
  struct bench b;
  bench_open(&b, dir, false, CL_SYNC_NORMAL);
  bench_cycles(&b, n, 1000);
  (void)bench_disk_bytes(&b); /* into the file */
  TIME("100000 trials: clade list", &b, 5, 0.3, 0, "list", "trials", "bench");
  TIME("100000 trials: clade list --sort best", &b, 5, 0.3, 0, "list", "trials", "bench", "--sort", "best");
  TIME("100000 trials: clade list, filtered", &b, 5, 0.3, 0, "list", "trials", "bench/x1<0.01");
  TIME("100000 trials: clade eval", &b, 5, 0.3, 0, "eval", "bench");
  TIME("100000 trials: clade best", &b, 5, 0.3, 0, "best", "bench");
  bench_close(&b);
}

static void bench_reports(const char *dir, long n) {
  struct bench b;
  bench_open(&b, dir, false, CL_SYNC_NORMAL);
  double start = bench_seconds();
  bench_curves(&b, n, REPORTS_EACH, TOGETHER);
  (void)printf("{\"bench\": \"scale\", \"what\": \"fill\", \"trials\": %ld, \"reports\": %ld, \"s\": %.1f}\n",
               n, n * REPORTS_EACH, bench_seconds() - start);
  tell("disk of reports", "mib", (double)bench_disk_bytes(&b) / 1048576, 5e9 / 1048576 * (double)n / 1e6, "");
  TIME("reports: clade best", &b, 3, seconds_for(5, n), mib_for(500, n), "best", "bench");
  TIME("reports: clade list --last 10", &b, 5, 0.05, 0, "list", "trials", "bench", "--last", "10");
  TIME("reports: clade show trial", &b, 5, 0.05, 0, "show", "bench/17");
  bench_close(&b);
}

static void bench_studies(const char *dir, long n) {
  struct bench b;
  bench_open(&b, dir, false, CL_SYNC_NORMAL);
  double first = 0, last = 0, start = 0;
  long part = n / 10;
  char name[40], more[100];
  for (long i = 1; i <= n; i++) {
    start = bench_seconds();
    (void)snprintf(name, sizeof name, "study-%ld", i);
    (void)bench_create(&b, name, NULL);
    if (i <= part) first += bench_seconds() - start;
    if (i > n - part) last += bench_seconds() - start;
    if (i == n / 2) bench_cycles(&b, 10, 10);
  }
  (void)bench_disk_bytes(&b);
  (void)snprintf(name, sizeof name, "study-%ld", n / 2);
  (void)snprintf(more, sizeof more, ", \"first_ms\": %.3g", 1e3 * first / (double)part);
  tell("creating the last of many studies", "ms", 1e3 * last / (double)part, 2e3 * first / (double)part,
       more);
  TIME("many studies: clade list", &b, 5, 0.1, 0, "list");
  TIME("many studies: clade list all", &b, 5, 0.1, 0, "list", "studies", "--all");
  TIME("many studies: clade list trials", &b, 5, 0.1, 0, "list", "trials", name);
  TIME("many studies: clade best", &b, 5, 0.1, 0, "best", name);
  bench_close(&b);
}

int main(int argc, char **argv) {
  const char *dir = bench_dir(argc, argv);
  char self[PATH_MAX];
  if (argc < 2 || realpath(argv[1], program) == NULL || realpath("/proc/self/exe", self) == NULL) {
    (void)fprintf(stderr,
                  "Usage: scale CLADE [--dir DIR] [--n TRIALS] [--reports TRIALS] [--studies STUDIES]\n");
    return 2;
  }
  if (argc == 4 && strcmp(argv[2], "--trainer") == 0) return train(argv[3]);
  long n = bench_number(argc, argv, "--n", 1000000);
  long reports = bench_number(argc, argv, "--reports", 100000);
  long studies = bench_number(argc, argv, "--studies", 1000);
  if (n > 0) bench_trials(dir, self, n);
  if (n > 0) bench_hundred_thousand(dir, n / 10);
  if (studies >= 10) bench_studies(dir, studies);
  if (reports > 0) bench_reports(dir, reports);
  return 0;
}
