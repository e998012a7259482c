/* The queue of those who are about to append what only one of them can: an advisory lock of the session. */
#include <assert.h>
#include <stdio.h>

#include "store/postgres_impl.h"

/* The lock outlasts the transaction, the waiting time does not. */
int cl_postgres_queue(void *state, int64_t study, int wait_ms, struct cl_err *e) {
  struct cl_postgres *s = state;
  char wait[16];
  assert(!s->writing && study > 0 && wait_ms > 0);
  (void)snprintf(wait, sizeof wait, "%d", wait_ms);
  CL_TRY(cl_postgres_send_known(s, PG_BEGIN, false, e));
  cl_postgres_put_text(s, wait);
  CL_TRY(cl_postgres_send_known(s, PG_QUEUE_WAIT, false, e));
  cl_postgres_put_int(s, study);
  CL_TRY(cl_postgres_send_known(s, PG_QUEUE, false, e));
  CL_TRY(cl_postgres_send_known(s, PG_COMMIT, false, e));
  return cl_postgres_collect(s, e);
}

void cl_postgres_leave(void *state, int64_t study) {
  struct cl_postgres *s = state;
  if (s->conn == NULL) return; /* and with it the lock */
  assert(s->n_sent == s->n_owed);
  cl_postgres_put_int(s, study);
  if (cl_postgres_send_unawaited(s, PG_LEAVE, NULL) == 0)
    s->n_owed = s->n_sent;
  else
    (void)cl_postgres_lose(s, "out of memory", NULL); /* or all others would wait */
}
