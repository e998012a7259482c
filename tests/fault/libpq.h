/* Calls of libpq that fail on request: some of its allocations, and what it does with its socket. Only libpq
 * is touched: the slots of its table of imported functions are written over once it is loaded.
 *
 *   cl_fault_libpq_hook();                      // once, after something has loaded libpq
 *   cl_fault_libpq_arm("recv", 3, false);       // its third recv(2) from now on fails
 */
#ifndef CL_FAULT_LIBPQ_H
#define CL_FAULT_LIBPQ_H

#include <stdbool.h>

/* name, errno */
#define CL_FAULT_LIBPQ_MAP(X) \
  X(socket, EMFILE) \
  X(connect, ECONNRESET) \
  X(getsockopt, ENOBUFS) \
  X(send, EPIPE) \
  X(recv, ECONNRESET) \
  X(poll, EINVAL) \
  X(calloc, ENOMEM) \
  X(realloc, ENOMEM) \
  X(strdup, ENOMEM)

extern const char *const cl_fault_libpq_calls[]; /* the names, ended by null */

/* Asserts that libpq is loaded and imports each of them. */
void cl_fault_libpq_hook(void);
/* The nth call of `name` from now on fails, and all after it when `persistent`; null = none. */
void cl_fault_libpq_arm(const char *name, unsigned long nth, bool persistent);
/* What a test does in between does not count, and does not fail. */
void cl_fault_libpq_pause(bool on);
/* Has one failed since? */
bool cl_fault_libpq_happened(void);

#endif
