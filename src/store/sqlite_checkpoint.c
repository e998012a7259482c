/* Copying the write-ahead log into the file, beside the work: a checkpoint syncs two files, and nobody whose
 * commit happens to be the one that makes the log long should wait for that.
 *
 * A thread with a connection of its own does it, and nothing else; the handle only wakes it. Writers go on
 * meanwhile, so the log is not brought to its end, which is left to a handle that holds the lock once the log
 * has grown much longer: by then little of it is not copied. Without a thread (the system has none left) the
 * handle does both by itself.
 */
#include <assert.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "store/sqlite_impl.h"

/* Frames of the write-ahead log (1 KiB each) after which it is copied into the file: off the lock, so other
 * writers go on; and with the lock once it has grown so long that it must come to an end. */
enum { CHECKPOINT_FRAMES = 8000, CHECKPOINT_FRAMES_LOCKED = 32000 };

struct cl_sqlite_checkpointer {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  bool wanted, ends; /* under the mutex */
  char *path;
};

/* A failed checkpoint is no failure of the commit before it: the next one tries again. */
static void checkpoint(sqlite3 *db) {
  int left = 0, copied = 0;
  (void)sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &left, &copied);
}

/* A connection that has read nothing yet has no log to copy. The schema, which can be long, is not needed. */
static sqlite3 *connect(const char *path) {
  sqlite3 *db = NULL;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path, &db, flags, NULL) == SQLITE_OK &&
      sqlite3_exec(db, "PRAGMA schema_version", NULL, NULL, NULL) == SQLITE_OK)
    return db;
  (void)sqlite3_close(db);
  return NULL;
}

static void *run(void *ctx) {
  struct cl_sqlite_checkpointer *c = ctx;
  sqlite3 *db = NULL;
  (void)pthread_mutex_lock(&c->mutex);
  while (!c->ends) {
    if (!c->wanted) {
      (void)pthread_cond_wait(&c->wake, &c->mutex);
      continue;
    }
    c->wanted = false;
    (void)pthread_mutex_unlock(&c->mutex);
    if (db == NULL) db = connect(c->path);
    if (db != NULL) checkpoint(db);
    (void)pthread_mutex_lock(&c->mutex);
  }
  (void)pthread_mutex_unlock(&c->mutex);
  (void)sqlite3_close(db);
  return NULL;
}

static struct cl_sqlite_checkpointer *create(const char *path) {
  struct cl_sqlite_checkpointer *c = cl_alloc(sizeof *c);
  if (c == NULL) return NULL;
  c->path = cl_copy_text(path);
  (void)pthread_mutex_init(&c->mutex, NULL);
  (void)pthread_cond_init(&c->wake, NULL);
  if (c->path != NULL && cl_thread_start(&c->thread, run, c)) return c;
  (void)pthread_cond_destroy(&c->wake);
  (void)pthread_mutex_destroy(&c->mutex);
  cl_free(c->path);
  cl_free(c);
  return NULL;
}

void cl_sqlite_checkpointer_destroy(struct cl_sqlite_checkpointer *c) {
  if (c == NULL) return;
  (void)pthread_mutex_lock(&c->mutex);
  c->ends = true;
  (void)pthread_cond_signal(&c->wake);
  (void)pthread_mutex_unlock(&c->mutex);
  (void)pthread_join(c->thread, NULL);
  (void)pthread_cond_destroy(&c->wake);
  (void)pthread_mutex_destroy(&c->mutex);
  cl_free(c->path);
  cl_free(c);
}

bool cl_sqlite_checkpoint_locked(struct cl_sqlite *s) {
  assert(!s->writing);
  if (s->wal_frames <= CHECKPOINT_FRAMES_LOCKED) return false;
  checkpoint(s->db);
  return true;
}

void cl_sqlite_checkpoint_beside(struct cl_sqlite *s) {
  assert(!s->writing);
  if (s->wal_frames <= CHECKPOINT_FRAMES) return;
  if (s->checkpointer == NULL && s->options.beside) s->checkpointer = create(s->path);
  struct cl_sqlite_checkpointer *c = s->checkpointer;
  if (c == NULL) {
    checkpoint(s->db);
    return;
  }
  int frames = s->wal_frames - s->wal_frames_asked; /* negative: the log has begun anew */
  if (frames >= 0 && frames < CHECKPOINT_FRAMES) return;
  s->wal_frames_asked = s->wal_frames;
  (void)pthread_mutex_lock(&c->mutex);
  c->wanted = true;
  (void)pthread_cond_signal(&c->wake);
  (void)pthread_mutex_unlock(&c->mutex);
}
