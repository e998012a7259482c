#include "base/thread.h"

#include <signal.h>

bool cl_thread_start(pthread_t *ret, void *(*run)(void *ctx), void *ctx) {
  sigset_t all, before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(ret, NULL, run, ctx) == 0;
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started;
}
