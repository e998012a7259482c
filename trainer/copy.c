#include "trainer/copy.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/thread.h"

enum { THREADS_MAX = 4, PAGE = 4096 };

static const size_t CHUNK = (size_t)4 << 20; /* a thread that is held up keeps the others waiting for one */

struct copying {
  const struct cl_trainer_piece *pieces;
  size_t n, bytes;
  enum cl_trainer_new new_side;
  _Atomic size_t next; /* byte of all pieces, one behind the other, that nobody has begun with */
};

static void fetch_pages(const char *from, size_t n) {
  size_t before = (uintptr_t)from % PAGE;
  (void)madvise((void *)(uintptr_t)(from - before), n + before, MADV_POPULATE_READ); /* else by faults */
}

static void copy_part(const struct cl_trainer_piece *p, size_t at, size_t n, enum cl_trainer_new new_side) {
  if (new_side == CL_TRAINER_NEW_TO) fetch_pages(p->to + at, n);
  if (new_side == CL_TRAINER_NEW_FROM) fetch_pages(p->from + at, n);
  memcpy(p->to + at, p->from + at, n);
}

/* Bytes `begin` to `end` of all pieces, one behind the other. */
static void copy_range(const struct copying *c, size_t begin, size_t end) {
  size_t at = 0; /* where the piece begins */
  for (size_t i = 0; i < c->n && at < end; at += c->pieces[i++].n) {
    size_t from = begin > at ? begin - at : 0, to = end - at < c->pieces[i].n ? end - at : c->pieces[i].n;
    if (from < to) copy_part(&c->pieces[i], from, to - from, c->new_side);
  }
}

static void *copy_chunks(void *ctx) {
  struct copying *c = ctx;
  for (;;) {
    size_t begin = atomic_fetch_add(&c->next, CHUNK);
    if (begin >= c->bytes) return NULL;
    copy_range(c, begin, c->bytes - begin < CHUNK ? c->bytes : begin + CHUNK);
  }
}

/* At least two chunks for each. */
static size_t count_threads(size_t bytes) {
  cpu_set_t allowed;
  size_t most = bytes / CHUNK / 2;
  if (most > THREADS_MAX) most = THREADS_MAX;
  if (most < 2 || sched_getaffinity(0, sizeof allowed, &allowed) < 0) return 1;
  size_t processors = (size_t)CPU_COUNT(&allowed);
  return most < processors ? most : processors;
}

void cl_trainer_copy(const struct cl_trainer_piece *pieces, size_t n, enum cl_trainer_new new_side) {
  struct copying c = {.pieces = pieces, .n = n, .new_side = new_side};
  pthread_t threads[THREADS_MAX - 1];
  size_t started = 0;
  for (size_t i = 0; i < n; i++) c.bytes += pieces[i].n;
  size_t wanted = count_threads(c.bytes);
  while (started + 1 < wanted && cl_thread_start(&threads[started], copy_chunks, &c)) started++;
  (void)copy_chunks(&c);
  for (size_t i = 0; i < started; i++) (void)pthread_join(threads[i], NULL);
}
