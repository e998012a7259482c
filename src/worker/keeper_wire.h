/* What engine and keeper say to each other over their socketpair: both ends are one executable, so these are
 * plain structs. A request is its head, the limits, then zero-ended texts; the lock's descriptor rides on its
 * first byte. An answer is one struct.
 */
#ifndef CL_KEEPER_WIRE_H
#define CL_KEEPER_WIRE_H

#include <stdint.h>
#include <sys/types.h>

#include "worker/exit.h"

#define CL_KEEPER_REQUEST_MAX (16u << 20) /* bytes of one request */
#define CL_KEEPER_LIMITS_MAX  16

struct cl_keeper_limit {
  int resource; /* RLIMIT_… */
  uint64_t soft, hard;
};

struct cl_keeper_request {
  uint32_t size; /* of the whole request */
  uint32_t n_limits, n_argv, n_env;
  int32_t nice;
  int64_t id;
  int64_t start; /* of pid */
  int32_t pid;   /* not 0: that process is there already: be its keeper; only `directory` counts */
  /* struct cl_keeper_limit[n_limits]; texts: directory, cwd, stdout, stderr, argv…, env… */
};

enum cl_keeper_kind { CL_KEEPER_HELLO = 1, CL_KEEPER_SPAWNED, CL_KEEPER_FAILED, CL_KEEPER_EXITED };

struct cl_keeper_answer {
  int32_t kind; /* enum cl_keeper_kind */
  int32_t pid;  /* hello: of the keeper; else of the child */
  int64_t id;
  int64_t start; /* hello, spawned: start time of pid in clock ticks since boot */
  int32_t cause; /* failed: errno */
  char what[60]; /* failed: what could not be done */
  struct cl_exit exit;
};

#endif
