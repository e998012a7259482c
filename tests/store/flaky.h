/* A store that fails as a network does, around one that does not: every few calls it says CLADE_EIO, for a
 * commit before or after it has happened; readers are shown less than there is, or with a hole where a commit
 * is not visible yet. What it does next depends only on how often it was called. */
#ifndef CL_TEST_FLAKY_H
#define CL_TEST_FLAKY_H

#include "store/store_ops.h"

extern const struct cl_store_ops cl_flaky_memory, cl_flaky_sqlite;

int cl_flaky_open(const struct cl_store_ops *ops, const char *path, const struct cl_store_options *options,
                  struct cl_store **ret, struct cl_err *e);

#endif
