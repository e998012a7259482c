/* What the benchmarks of stores share: a study of ten floats, its events, a place on disk, clocks, limits. */
#ifndef CL_BENCH_STORE_H
#define CL_BENCH_STORE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "store/log.h"

enum { BENCH_WIDTH = 10 };

/* Prints the sentence and ends the program when status is an error. */
void bench_check(int status, const struct cl_err *e);

struct bench {
  char dir[200], path[400];
  struct cl_store *store;
  int64_t study, trials, position; /* of the study created last */
  int64_t studies;
  struct cl_rng rng;
  double start; /* seconds */
};

/* In --dir DIR of the command line, or /tmp. */
const char *bench_dir(int argc, char **argv);
long bench_number(int argc, char **argv, const char *option, long standard);

void bench_open(struct bench *b, const char *dir, bool memory, enum cl_sync sync);
/* One more study, which the functions below fill from now on. `more`: settings beside those of all
 * ("origin" and "trials" at least), null = no program and any number of trials. */
int64_t bench_create(struct bench *b, const char *name, const char *more);
void bench_open_at(struct bench *b, const char *address); /* in a store that is there */
void bench_close(struct bench *b);                        /* removes the directory */
double bench_seconds(void);
double bench_cpu_seconds(void);               /* of this process: comparable on a busy machine */
long bench_disk_bytes(const struct bench *b); /* after all is in the file */
long bench_resident_kib(void);

/* n cycles of ask and tell, `batch` of them in one commit; with batch 1 an ask and a tell are a commit each.
 * The trials carry one objective. */
void bench_cycles(struct bench *b, long n, int batch);

/* n trials with `reports` reports each, `together` of them at a time. */
void bench_curves(struct bench *b, long n, int reports, int together);
void bench_propose(struct bench *b, int n); /* trials that wait */
/* n reports in commits of `batch`, of 16 trials that run; prints the rate. */
void bench_write_reports(struct bench *b, long n, int batch);

/* The machine's own limits. */
double bench_fdatasync_rate(const char *dir, int n);

#endif
