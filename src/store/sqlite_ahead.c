/* Reading ahead: one table of a long log is walked by a thread of its own, which has the rows decoded by the
 * time the reader comes to them. What a log says up to a position never changes, so that the thread's
 * connection need not see the store as of the reader's instant: any later one will do.
 *
 * Rows go through a ring of batches: the thread fills one after the other and waits when all are full, the
 * reader takes them in that order. Either looks at the other's count only when it needs another batch.
 */
#include <assert.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "store/sqlite_impl.h"

enum {
  BATCHES = 4,
  ROWS = 512,            /* of a batch, … */
  BATCH_BYTES = 1 << 20, /* or fewer, when what they hold is longer than this */
  TEXT_KEPT = 4096,      /* memory for texts that a row keeps for the next one */
};

struct batch {
  int n;
  size_t bytes;
  struct cl_sqlite_row rows[ROWS];
};

struct cl_sqlite_ahead {
  struct cl_sqlite *reader; /* its connection */
  cl_sqlite_ahead_walk *walk;
  void *ctx;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int64_t filled, taken; /* batches; under the mutex, as the next two */
  bool ended;            /* no further batch comes */
  bool unwanted;         /* the reader has gone */
  int status;            /* of the walk, when it has ended */
  struct cl_err err;
  int64_t batch; /* the reader's, and its row */
  int row;
  struct batch batches[BATCHES];
};

/* The thread. */

static struct batch *filling(struct cl_sqlite_ahead *a) {
  return &a->batches[a->filled % BATCHES]; /* nobody else writes a->filled */
}

struct cl_sqlite_row *cl_sqlite_ahead_row(struct cl_sqlite_ahead *a) {
  struct batch *b = filling(a);
  assert(b->n < ROWS);
  struct cl_sqlite_row *row = &b->rows[b->n];
  if (row->texts.capacity > TEXT_KEPT) cl_text_done(&row->texts);
  return row;
}

/* The batch is the reader's from now on; the next one is empty. */
static int hand_over(struct cl_sqlite_ahead *a) {
  (void)pthread_mutex_lock(&a->mutex);
  a->filled++;
  (void)pthread_cond_signal(&a->changed);
  while (a->filled - a->taken == BATCHES && !a->unwanted) (void)pthread_cond_wait(&a->changed, &a->mutex);
  assert(a->filled - a->taken < BATCHES || a->unwanted);
  bool unwanted = a->unwanted;
  (void)pthread_mutex_unlock(&a->mutex);
  if (unwanted) return CLADE_STOP;
  filling(a)->n = 0;
  filling(a)->bytes = 0;
  return 0;
}

int cl_sqlite_ahead_give(struct cl_sqlite_ahead *a) {
  struct batch *b = filling(a);
  assert(b->n < ROWS);
  const struct cl_sqlite_row *row = &b->rows[b->n++];
  b->bytes += sizeof *row + row->n_values * sizeof *row->values + row->texts.length;
  return b->n < ROWS && b->bytes < BATCH_BYTES ? 0 : hand_over(a);
}

/* On a connection of its own. */
static int walk(struct cl_sqlite_ahead *a, struct cl_err *e) {
  struct cl_sqlite *own = cl_alloc(sizeof *own);
  if (own == NULL) return CL_FAIL_NOMEM(e);
  struct cl_store_options options = a->reader->options;
  options.mode = CL_STORE_READ;
  int status = cl_store_sqlite.open(own, a->reader->path, &options, e);
  if (status == 0) {
    status = a->walk(a->ctx, own, a, e);
    cl_store_sqlite.close(own);
  }
  cl_free(own);
  return status;
}

static void *run(void *ctx) {
  struct cl_sqlite_ahead *a = ctx;
  int status = walk(a, &a->err);
  (void)pthread_mutex_lock(&a->mutex);
  if (status == 0 && filling(a)->n > 0) a->filled++;
  a->status = status;
  a->ended = true;
  (void)pthread_cond_signal(&a->changed);
  (void)pthread_mutex_unlock(&a->mutex);
  return NULL;
}

/* The reader. */

/* Give back the batch that was read, and wait for the next one: 1, or 0 behind the last, or an error. */
static int next_batch(struct cl_sqlite_ahead *a, struct cl_err *e) {
  assert(a->row == 0);
  (void)pthread_mutex_lock(&a->mutex);
  a->taken = a->batch;
  (void)pthread_cond_signal(&a->changed);
  while (a->filled == a->batch && !a->ended) (void)pthread_cond_wait(&a->changed, &a->mutex);
  bool more = a->filled > a->batch;
  (void)pthread_mutex_unlock(&a->mutex);
  if (more) return 1;
  if (a->status < 0 && e != NULL) *e = a->err;
  return a->status; /* the thread has come to its end: nobody else looks at it any more */
}

int cl_sqlite_ahead_take(struct cl_sqlite_ahead *a, struct cl_sqlite_row **ret, struct cl_err *e) {
  struct batch *b = &a->batches[a->batch % BATCHES];
  if (a->row > 0 && a->row == b->n) {
    a->batch++;
    a->row = 0;
  }
  if (a->row == 0) {
    int status = next_batch(a, e);
    if (status <= 0) return status;
    b = &a->batches[a->batch % BATCHES];
  }
  assert(a->row < b->n);
  *ret = &b->rows[a->row++];
  (*ret)->s = a->reader;
  return 1;
}

static void destroy(struct cl_sqlite_ahead *a) {
  for (int i = 0; i < BATCHES; i++)
    for (int row = 0; row < ROWS; row++) cl_sqlite_row_done(&a->batches[i].rows[row]);
  (void)pthread_cond_destroy(&a->changed);
  (void)pthread_mutex_destroy(&a->mutex);
  cl_free(a);
}

struct cl_sqlite_ahead *cl_sqlite_ahead_start(struct cl_sqlite *s, cl_sqlite_ahead_walk *walk_rows,
                                              void *ctx) {
  struct cl_sqlite_ahead *a = cl_alloc(sizeof *a);
  if (a == NULL) return NULL;
  a->reader = s;
  a->walk = walk_rows;
  a->ctx = ctx;
  (void)pthread_mutex_init(&a->mutex, NULL);
  (void)pthread_cond_init(&a->changed, NULL);
  if (cl_thread_start(&a->thread, run, a)) return a;
  destroy(a);
  return NULL;
}

void cl_sqlite_ahead_end(struct cl_sqlite_ahead *a) {
  if (a == NULL) return;
  (void)pthread_mutex_lock(&a->mutex);
  a->unwanted = true;
  (void)pthread_cond_signal(&a->changed);
  (void)pthread_mutex_unlock(&a->mutex);
  (void)pthread_join(a->thread, NULL);
  destroy(a);
}
