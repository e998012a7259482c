/* A process that hands itself over: forks a frozen copy (a twin), which forks clones that train on. Knows
 * processes, descriptors and files; what is said to whom is session.c. */
#ifndef CL_TRAINER_TWIN_H
#define CL_TRAINER_TWIN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct cl_trainer_twins { /* children that are to be waited for */
  pid_t *items;
  size_t n, capacity;
};
void cl_trainer_twins_done(struct cl_trainer_twins *t);

/* Would a copy of this process be whole, and share nothing with it? Not with more than one thread, an open
 * device of a GPU, memory that it shares with others and can write, or descriptors that both would use: a
 * file open for writing (other than its standard output and error, and the lock of its attempt), a pipe, a
 * socket (other than `connection`). Cost: a pass over /proc/self. CLADE_EUNSUPPORTED with what is in the way;
 * CLADE_EIO. */
int cl_trainer_twin_check(int connection, struct cl_err *e);

/* Fork, after all of stdio has been written out. *ret_is_child says in which of the two this returns. The
 * child is in a process group of its own, without `connection` and the attempt's lock, and has its own
 * offset in every file that it reads; when that cannot be, it ends. CLADE_EIO, CLADE_ENOMEM (in the parent).
 */
int cl_trainer_twin_fork(struct cl_trainer_twins *t, int connection, bool *ret_is_child, struct cl_err *e);

/* The same, but the child is nobody's here: its parent is who inherits orphans. */
int cl_trainer_twin_fork_orphan(int connection, bool *ret_is_child, struct cl_err *e);

/* Become the attempt of that directory: its stdout and stderr, the environment that its file `environment`
 * holds (NAME=value, each ended by a zero byte), and its lock, which stays open. CLADE_EIO, CLADE_ENOMEM. */
int cl_trainer_twin_become(const char *directory, int lock, struct cl_err *e);

#endif
