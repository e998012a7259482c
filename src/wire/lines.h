/* Cuts a stream of bytes into lines of bounded length; of the caller's memory, zeroed before its first use.
 */
#ifndef CL_WIRE_LINES_H
#define CL_WIRE_LINES_H

#include <stddef.h>

#include "base/err.h"

struct cl_lines {
  char *bytes;
  size_t begin, end, capacity; /* bytes[begin, end) was added and not given out yet */
  size_t searched;             /* bytes before it hold no newline */
};

void cl_lines_done(struct cl_lines *l);

/* Add n bytes as they came from the stream; copied. CLADE_ENOMEM: nothing added. */
int cl_lines_add(struct cl_lines *l, const char *bytes, size_t n, struct cl_err *e);

/* The next line, without its newline: 0. CLADE_EMPTY when no whole line is there. CLADE_ELIMIT when a line is
 * longer than `max` bytes; the stream cannot be used after it.
 *
 * *ret is borrowed, valid until the next call with l; it is not ended by a zero byte. */
int cl_lines_next(struct cl_lines *l, size_t max, const char **ret, size_t *ret_n, struct cl_err *e);

#endif
