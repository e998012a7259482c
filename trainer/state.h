/* Directories that hold a trainer's saved state. */
#ifndef CL_TRAINER_STATE_H
#define CL_TRAINER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Make the directory (its parent exists) unless it is there. CLADE_EIO. */
int cl_trainer_state_create(const char *path, struct cl_err *e);

/* Sum of the sizes of all regular files below the directory; with `sync`, each file and directory is synced.
 * Symbolic links are not followed. CLADE_EIO; CLADE_ELIMIT: nested deeper than 32. */
int cl_trainer_state_measure(const char *path, bool sync, int64_t *ret_bytes, struct cl_err *e);

/* Remove the directory with all that is in it; nothing there is no error. Symbolic links are removed, not
 * followed. CLADE_EIO; CLADE_ELIMIT as above. */
int cl_trainer_state_remove(const char *path, struct cl_err *e);

/* Let the directory `path`.part take the place of `path`. One of `path`, `path`.old, `path`.part is whole at
 * every instant. CLADE_EIO, CLADE_ENOMEM. */
int cl_trainer_state_replace(const char *path, struct cl_err *e);

#endif
