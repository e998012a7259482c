/* A study with a worker, for benchmarks: SQLite below $TMPDIR (default /tmp), one float hyperparameter, all
 * trials proposed. Ends the process with a sentence when something fails. */
#ifndef CL_BENCH_WORKER_STUDY_H
#define CL_BENCH_WORKER_STUDY_H

#include "worker/worker.h"

struct worker_study {
  char directory[100];
  uv_loop_t loop;
  struct cl_store *store;
  struct cl_log *log;
  struct cl_worker *worker;
};

/* `program`: a JSON array. */
void worker_study_begin(struct worker_study *s, const char *program, int64_t trials, int slots);
void worker_study_propose(struct worker_study *s, int64_t trials); /* more of them */
void worker_study_turn(struct worker_study *s);                    /* turns until nothing more is put */
void worker_study_run(struct worker_study *s, int64_t trials);     /* until so many have ended */
void worker_study_end(struct worker_study *s);                     /* removes everything */
double worker_study_seconds(void);

#endif
