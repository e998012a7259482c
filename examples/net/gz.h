/* Reading a whole file that may be compressed by gzip. */
#ifndef NET_GZ_H
#define NET_GZ_H

#include <stddef.h>

#include "base/err.h"

/* The uncompressed content of `path`, ended by a zero byte that *ret_size does not count. A file that is not
 * compressed is read as it is. Gives; free with cl_free.
 *
 * CLADE_ENOTFOUND; CLADE_EIO: unreadable, damaged or cut off; CLADE_ELIMIT: more than max bytes;
 * CLADE_ENOMEM. */
int net_gz_read(const char *path, size_t max, char **ret, size_t *ret_size, struct cl_err *e);

#endif
