/* Fewer writes to the write-ahead log. SQLite writes each page of a commit with two calls, and a commit of
 * many events has dozens of them; here those that follow one another are gathered and written at once.
 *
 * Nothing may be left behind when others can see it. They see the frames of a commit once SQLite has
 * published its last one in the shared memory of the log, and that one is known by its header: it says how
 * many pages the file has. So this header goes out at once with all that was gathered, and the page behind it
 * by itself. What is gathered when a transaction is rolled back is dropped before the writers' lock is free:
 * another one may write in its place. Reads, syncs and changes of the size come after what was written before
 * them.
 */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "store/sqlite_impl.h"

/* https://sqlite.org/fileformat2.html, 4.1: the log's header, then frames, each a header and a page. */
enum { LOG_HEADER = 32, PAGE_SIZE_AT = 8, FRAME_HEADER = 24, PAGES_AT = 4, ROOM = 131072 };

struct cl_sqlite_wal {
  sqlite3_io_methods methods; /* of the file; first, so that they lead here */
  const sqlite3_io_methods *base;
  sqlite3_file *file;
  sqlite3_int64 frame;  /* bytes of one */
  sqlite3_int64 offset; /* of what is gathered */
  int n;
  unsigned char bytes[ROOM];
};

static struct cl_sqlite_wal *wal_of(sqlite3_file *f) {
  return (struct cl_sqlite_wal *)f->pMethods;
}

static int flush(struct cl_sqlite_wal *w) {
  int n = w->n;
  assert(n >= 0 && n <= ROOM);
  w->n = 0;
  return n == 0 ? SQLITE_OK : w->base->xWrite(w->file, w->bytes, n, w->offset);
}

static uint32_t number_at(const unsigned char *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* With full syncs a page can be written in two parts, either of which may be as long as a header. */
static bool is_frame_header(const struct cl_sqlite_wal *w, int n, sqlite3_int64 offset) {
  return n == FRAME_HEADER && (offset - LOG_HEADER) % w->frame == 0;
}

static int wal_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 offset) {
  struct cl_sqlite_wal *w = wal_of(f);
  bool is_header = is_frame_header(w, n, offset), follows = w->n > 0 && offset == w->offset + w->n;
  assert(n > 0 && offset >= 0);
  if (!follows || n > ROOM - w->n) {
    int code = flush(w);
    if (code != SQLITE_OK) return code;
    if (!is_header || n > ROOM) return w->base->xWrite(f, bytes, n, offset);
    w->offset = offset;
  }
  memcpy(w->bytes + w->n, bytes, (size_t)n);
  w->n += n;
  bool is_last = is_header && number_at((const unsigned char *)bytes + PAGES_AT) != 0;
  return is_last ? flush(w) : SQLITE_OK;
}

static int wal_read(sqlite3_file *f, void *ret, int n, sqlite3_int64 offset) {
  int code = flush(wal_of(f));
  return code != SQLITE_OK ? code : wal_of(f)->base->xRead(f, ret, n, offset);
}

static int wal_truncate(sqlite3_file *f, sqlite3_int64 size) {
  int code = flush(wal_of(f));
  return code != SQLITE_OK ? code : wal_of(f)->base->xTruncate(f, size);
}

static int wal_sync(sqlite3_file *f, int flags) {
  int code = flush(wal_of(f));
  return code != SQLITE_OK ? code : wal_of(f)->base->xSync(f, flags);
}

static int wal_size(sqlite3_file *f, sqlite3_int64 *ret) {
  int code = flush(wal_of(f));
  return code != SQLITE_OK ? code : wal_of(f)->base->xFileSize(f, ret);
}

static int wal_close(sqlite3_file *f) {
  const struct cl_sqlite_wal *w = wal_of(f);
  assert(w->n == 0);
  f->pMethods = w->base;
  return f->pMethods->xClose(f);
}

/* The file of the log, and how long a frame is; null: there is none that could be dealt with. */
static sqlite3_file *find_file(struct cl_sqlite *s, sqlite3_int64 *ret_frame) {
  sqlite3_file *file = NULL;
  unsigned char header[LOG_HEADER];
  if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK || file == NULL ||
      file->pMethods == NULL || file->pMethods->xRead(file, header, LOG_HEADER, 0) != SQLITE_OK)
    return NULL;
  *ret_frame = FRAME_HEADER + (sqlite3_int64)number_at(header + PAGE_SIZE_AT);
  return file;
}

void cl_sqlite_wal_open(struct cl_sqlite *s) {
  sqlite3_int64 frame = 0;
  assert(s->wal_frames > 0 && !s->writing);
  if (s->wal != NULL || s->wal_tried) return;
  s->wal_tried = true;
  sqlite3_file *file = find_file(s, &frame);
  struct cl_sqlite_wal *w = file == NULL ? NULL : cl_alloc(sizeof *w);
  if (w == NULL) return;
  w->base = file->pMethods;
  w->file = file;
  w->frame = frame;
  w->methods = *w->base;
  w->methods.xClose = wal_close;
  w->methods.xRead = wal_read;
  w->methods.xWrite = wal_write;
  w->methods.xTruncate = wal_truncate;
  w->methods.xSync = wal_sync;
  w->methods.xFileSize = wal_size;
  file->pMethods = &w->methods;
  s->wal = w;
}

void cl_sqlite_wal_drop(struct cl_sqlite *s) {
  if (s->wal != NULL) s->wal->n = 0;
}

void cl_sqlite_wal_destroy(struct cl_sqlite_wal *w) {
  cl_free(w);
}
