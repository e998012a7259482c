/* The directory of an attempt and its lock: taken before `started` is appended, inherited by the trainer, and
 * so held exactly as long as a process of the attempt may live. Knows nothing of loops and logs.
 *
 * The lock file has two lines: the engine's (JSON: token, host, boot, worker, fixed), and the holder's,
 * written by the trainer's process itself before its program runs ("pid start keeper keeper-start").
 */
#ifndef CL_ATTEMPT_H
#define CL_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/study.h"

#define CL_TOKEN_SIZE 72 /* bytes of a token with its end: "<trial>.<attempt>.<32 hex digits>" */

/* <directory>/<study>/<trial>[/attempt-<attempt>][/name]. trial 0: the study's own directory; attempt 0: the
 * trial's; name null: the directory itself. Gives; free with cl_free; null without memory. */
char *cl_attempt_path(const struct cl_study *s, int64_t trial, int attempt, const char *name);

/* 0, or CLADE_EINVAL when the study's name cannot be that of a directory. */
int cl_attempt_check_name(const struct cl_study *s, struct cl_err *e);

struct cl_attempt_owner { /* who takes a lock; texts borrow */
  const char *host, *boot;
  int worker;
  uint64_t fixed; /* of the values that its process cannot change: cl_attempt_fixed */
};

/* Is an attempt of which there is a lock file already still to be started? Somebody else may have claimed it,
 * and its process may have come and gone. 0, CLADE_BUSY if it was started, or an error. */
typedef int cl_attempt_is_free(void *ctx, struct cl_err *e);

/* Make the directories of an attempt, with checkpoints/, and take its lock (close-on-exec). *ret_token: new.
 * `is_free` (null: not asked) is called with the lock held, before anything of an earlier claim is
 * overwritten. CLADE_BUSY when somebody holds the lock or it is not free; CLADE_EIO with the path;
 * CLADE_ENOMEM. */
int cl_attempt_open(const struct cl_study *s, int64_t trial, int attempt,
                    const struct cl_attempt_owner *owner, cl_attempt_is_free *is_free, void *ctx,
                    int *ret_lock, char ret_token[CL_TOKEN_SIZE], struct cl_err *e);

/* Give an attempt up that was not started: remove its directory, and the trial's if it is the first one.
 * Takes the lock. */
void cl_attempt_drop(const struct cl_study *s, int64_t trial, int attempt, int lock);

struct cl_attempt_probe {
  bool found;  /* there is a lock file */
  bool held;   /* somebody has the lock */
  bool named;  /* the holder's line is there: the program was started at least once */
  bool exited; /* there is a complete exit file */
  pid_t pid, keeper;
  int64_t start, keeper_start;
  char token[CL_TOKEN_SIZE], host[256], boot[64];
  uint64_t fixed; /* 0 = unknown */
};
/* Look at the lock, without disturbing others who look. CLADE_EIO, CLADE_ENOMEM; what is not there is no
 * error. */
int cl_attempt_look(const struct cl_study *s, int64_t trial, int attempt, struct cl_attempt_probe *ret,
                    struct cl_err *e);

/* Trial and attempt of a token; false when it has not the form of one. */
bool cl_token_parse(const char *token, int64_t *ret_trial, int *ret_attempt);

/* A hash of the values that only a new process takes up (change: restart); never 0. `values`: of the space.
 */
uint64_t cl_attempt_fixed(const struct cl_space *space, const struct cl_value *values);

/* Write one of the small files of the trial or the attempt, replacing it. CLADE_EIO, CLADE_ENOMEM. */
int cl_attempt_write(const struct cl_study *s, int64_t trial, int attempt, const char *name, const char *text,
                     struct cl_err *e);

#endif
