/* Threads that work for a call or a handle, out of the host program's sight. */
#ifndef CL_THREAD_H
#define CL_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Run `run(ctx)` in a thread to be joined, with all signals blocked: they are for the threads of the host
 * program. False when the system has no thread left: nothing was started, and the work is done without. */
bool cl_thread_start(pthread_t *ret, void *(*run)(void *ctx), void *ctx);

#endif
