/* Files and directories. Every function fills `e` with a sentence that names the path. */
#ifndef CL_FILE_H
#define CL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* The whole file, ended by a zero byte that *ret_size (may be null) does not count. Gives; free with cl_free.
 * CLADE_ENOTFOUND, CLADE_EIO, CLADE_ELIMIT above max bytes, CLADE_ENOMEM. */
int cl_file_read(const char *path, size_t max, char **ret, size_t *ret_size, struct cl_err *e);

/* Replace or create: written beside, synced when `sync`, renamed over. A reader sees the old or the new text;
 * on failure the old one stays. CLADE_EIO, CLADE_ELIMIT for a path above 4000 bytes. */
int cl_file_write(const char *path, const char *bytes, size_t n, bool sync, struct cl_err *e);

/* Retries short writes. `name` stands in the sentence. CLADE_EIO: some of it may have been written. */
int cl_file_write_all(int fd, const char *bytes, size_t n, const char *name, struct cl_err *e);
/* With its parents; what is there already is fine. CLADE_EIO, CLADE_ENOMEM. */
int cl_dir_create(const char *path, struct cl_err *e);
/* With all that is in it; symbolic links are not followed, and what is not there is fine. CLADE_EIO: some of
 * it may be gone; also when it is nested deeper than 100. */
int cl_dir_remove(const char *path, struct cl_err *e);
int cl_dir_sync(const char *path, struct cl_err *e); /* CLADE_EIO */
/* A hint: what its subdirectories hold does not belong together. ext4 then gives each a place of its own on
 * the disk, and a new file is not looked for among all that were deleted nearby. Finding it takes 0.1 µs for
 * each 128 MiB of the disk; with `spread` taken back, the next ones come to lie beside the last. Nothing on
 * other file systems, or when it may not be said. */
void cl_dir_spread(const char *path, bool spread);
/* A copy of a directory with all that is in it: files with their modes, symbolic links as links. `to` must
 * not exist (CLADE_EEXISTS); nothing of it is left on failure. Not synced. CLADE_EIO, CLADE_ELIMIT (nested
 * deeper than 32), CLADE_ENOMEM. */
int cl_dir_copy(const char *from, const char *to, struct cl_err *e);

/* An exclusive flock on `path` (created, close-on-exec). CLADE_BUSY when another process holds it and !wait;
 * CLADE_EIO. Gives *ret_fd (>= 0), to be closed with cl_lock_release. */
int cl_lock_take(const char *path, bool wait, int *ret_fd, struct cl_err *e);
/* Without waiting, and a file that is created may be read by its owner only. */
int cl_lock_take_private(const char *path, int *ret_fd, struct cl_err *e);
void cl_lock_release(int fd); /* of one that was taken; the file stays */

bool cl_path_exists(const char *path);

/* a "/" b, or b when b is absolute. Gives; null without memory. */
char *cl_path_join(const char *a, const char *b);

/* Name of the network file system that holds path (or its nearest existing parent), null if it is local.
 * Static. */
const char *cl_path_network(const char *path);

#endif
