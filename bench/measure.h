/* What every measurement needs. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "clade/error.h"

static inline void need(int status, const struct cl_err *e) {
  if (status >= 0) return;
  fprintf(stderr, "bench: %s\n", e->text);
  exit(1);
}

/* Seconds of this process: other load does not count. */
static inline double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
