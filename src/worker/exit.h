/* How a process ended: what the keeper writes into `exit` and what a worker reads back from it. */
#ifndef CL_EXIT_H
#define CL_EXIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct cl_exit {
  int status; /* exit status; 0 when a signal killed it */
  int signal; /* 0 when it exited by itself */
  double seconds, user_s, system_s;
  int64_t max_rss_bytes; /* of the largest process of the trial's tree that was waited for */
};

#define CL_EXIT_FILE "exit"

/* Write a line to `lock`, the descriptor of the attempt's lock file, and give that file a second name,
 * `<directory>/exit`: making one more file would be the dearest part of recording an end. Where that cannot
 * be, or with lock -1, the line becomes a file of its own, in one write. A reader takes a text without its
 * newline for none, so it sees all of it or nothing, without the cost of a rename. Allocates nothing.
 * CLADE_EIO, CLADE_ELIMIT (path over 4000 bytes). */
int cl_exit_write(const char *directory, int lock, const struct cl_exit *x, struct cl_err *e);

/* The last line of the file. CLADE_ENOTFOUND when nobody has written one (completely); CLADE_ECORRUPT,
 * CLADE_EIO, CLADE_ENOMEM. */
int cl_exit_read(const char *directory, struct cl_exit *ret, struct cl_err *e);

/* The usage as a JSON object without its closing brace: `{"seconds":1.25,…`. n >= 200. */
void cl_exit_usage(const struct cl_exit *x, char *ret, size_t n);

#endif
