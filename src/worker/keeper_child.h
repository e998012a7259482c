/* Starting one trainer: vfork, and what the child does before exec. */
#ifndef CL_KEEPER_CHILD_H
#define CL_KEEPER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "worker/keeper_wire.h"

struct cl_child_plan {
  const char *directory; /* of the attempt */
  const char *cwd, *out, *err;
  char *const *argv, *const *env; /* ended by null */
  const struct cl_keeper_limit *limits;
  uint32_t n_limits;
  int nice;
  struct rlimit files; /* RLIMIT_NOFILE of the trainer; the keeper has raised its own to the hard one */
  int lock;            /* inherited by the trainer; gets the line "pid start keeper keeper-start\n" */
  int32_t keeper;
  int64_t keeper_start;
};

/* Write "pid start keeper keeper-start\n" to the end of the lock file. Async-signal-safe. */
bool cl_child_name_holder(int lock, pid_t pid, int64_t start, int32_t keeper, int64_t keeper_start);

/* Returns the pid and its start time; or -1 with *ret_cause an errno and *ret_what what could not be done,
 * when no process came to be. A program that cannot be executed is a process: it writes the reason to its
 * stderr and exits with 127. */
pid_t cl_child_start(const struct cl_child_plan *plan, int64_t *ret_start, int *ret_cause,
                     const char **ret_what);

#endif
