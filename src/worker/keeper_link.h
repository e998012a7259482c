/* The engine's end of its keeper: starts it, sends it spawn requests, hears of children. On the caller's
 * loop. */
#ifndef CL_KEEPER_LINK_H
#define CL_KEEPER_LINK_H

#include <uv.h>

#include "worker/keeper_wire.h"

struct cl_keeper;

/* Called from the loop, never from inside cl_keeper_spawn. After `lost` nothing more comes: the children live
 * on, their keeper may or may not; open a new one. */
struct cl_keeper_events {
  void (*spawned)(void *ctx, int64_t id, pid_t pid, int64_t start);
  void (*failed)(void *ctx, int64_t id, int cause, const char *what); /* no process came to be */
  void (*exited)(void *ctx, int64_t id, const struct cl_exit *x);
  void (*lost)(void *ctx);
};

/* Start a keeper. `executable` (borrows) calls cl_keeper_main for CL_KEEPER_WORD; null = this program. Keeps
 * loop and ctx. Takes some milliseconds. CLADE_ESPAWN naming the executable; CLADE_EIO; CLADE_ENOMEM. */
int cl_keeper_open(uv_loop_t *loop, const char *executable, const struct cl_keeper_events *events, void *ctx,
                   struct cl_keeper **ret, struct cl_err *e);

struct cl_spawn {
  int64_t id;                              /* comes back with the events */
  const char *directory, *cwd, *out, *err; /* absolute */
  const char *const *argv, *const *env;    /* ended by null */
  int nice;
  int n_limits;
  const struct cl_keeper_limit *limits;
};
/* Ask for a process. Borrows `s`; takes `lock` in any case: the trainer inherits it, the keeper holds it
 * until `exit` is written. Does not block. CLADE_ENOMEM, CLADE_ELIMIT (arguments and environment over 16
 * MiB): nothing was asked; CLADE_ECLOSED: the keeper is gone (`lost` comes, too). */
int cl_keeper_spawn(struct cl_keeper *k, const struct cl_spawn *s, int lock, struct cl_err *e);

/* A process has come to be without the keeper, as an orphan of one of its trainers: it becomes a child like
 * those that were asked for (`spawned`), if it is its parent (else `failed`, with ECHILD). `directory` of the
 * attempt (borrows); takes `lock` in any case. Does not block. Errors as above. */
int cl_keeper_adopt(struct cl_keeper *k, int64_t id, const char *directory, pid_t pid, int64_t start,
                    int lock, struct cl_err *e);

pid_t cl_keeper_pid(const struct cl_keeper *k);
int64_t cl_keeper_start(const struct cl_keeper *k);

/* The keeper lives on until its last child has ended. Frees in the loop's close callback. Null is allowed. */
void cl_keeper_close(struct cl_keeper *k);

#endif
