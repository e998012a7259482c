/* The SQLite store: opening, errors, transactions, and the table of what it provides. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/sqlite_impl.h"

/* Errors. */

static int status_of(int code) {
  switch (code & 0xff) {
  case SQLITE_NOMEM: return CLADE_ENOMEM;
  case SQLITE_BUSY:
  case SQLITE_LOCKED: return CLADE_EBUSY;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB: return CLADE_ECORRUPT;
  case SQLITE_TOOBIG: return CLADE_ELIMIT;
  default: return CLADE_EIO;
  }
}

static const char *remedy_of(int code) {
  switch (code & 0xff) {
  case SQLITE_FULL: return ": free space on its disk, then go on";
  case SQLITE_BUSY: return ": another program has it locked; close that one";
  case SQLITE_READONLY:
  case SQLITE_PERM:
  case SQLITE_CANTOPEN: return ": look at the rights of the file and its directory";
  case SQLITE_NOTADB: return ": give the path of a store, or of a file that does not exist yet";
  case SQLITE_CORRUPT: return ": `clade check` says what can be read";
  default: return "";
  }
}

int cl_sqlite_fail(struct cl_sqlite *s, const char *what, struct cl_err *e) {
  int code = sqlite3_extended_errcode(s->db);
  if ((code & 0xff) == SQLITE_NOMEM) return CL_FAIL_NOMEM(e);
  int cause = sqlite3_system_errno(s->db);
  bool io = (code & 0xff) == SQLITE_IOERR && cause != 0;
  return CL_FAIL_CAUSE(e, status_of(code), code, "cannot %s the store '%s': %s%s%s%s", what, s->path,
                       sqlite3_errmsg(s->db), io ? ": " : "", io ? strerror(cause) : "", remedy_of(code));
}

/* Statements. */

int cl_sqlite_exec(struct cl_sqlite *s, const char *sql, struct cl_err *e) {
  return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : cl_sqlite_fail(s, "change", e);
}

int cl_sqlite_exec_scratch(struct cl_sqlite *s, struct cl_err *e) {
  int status = s->scratch.failed ? CL_FAIL_NOMEM(e) : cl_sqlite_exec(s, cl_text_get(&s->scratch), e);
  cl_text_clear(&s->scratch);
  return status;
}

int cl_sqlite_prepare(struct cl_sqlite *s, const char *sql, sqlite3_stmt **ret, struct cl_err *e) {
  if (*ret != NULL) return 0;
  if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK) return 0;
  return cl_sqlite_fail(s, "use", e);
}

static const char *const statements[SQL_STATEMENTS] = {
#define CL_X(name, sql) [SQL_##name] = sql,
    CL_SQLITE_MAP(CL_X)
#undef CL_X
};

int cl_sqlite_get(struct cl_sqlite *s, enum cl_sqlite_statement which, sqlite3_stmt **ret, struct cl_err *e) {
  CL_TRY(cl_sqlite_prepare(s, statements[which], &s->statements[which], e));
  *ret = s->statements[which];
  return 0;
}

int cl_sqlite_step(struct cl_sqlite *s, sqlite3_stmt *statement, struct cl_err *e) {
  int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) return 1;
  int status = code == SQLITE_DONE ? 0 : cl_sqlite_fail(s, s->writing ? "write to" : "read", e);
  (void)sqlite3_reset(statement);
  return status;
}

int cl_sqlite_run(struct cl_sqlite *s, sqlite3_stmt *statement, struct cl_err *e) {
  int status = cl_sqlite_step(s, statement, e);
  assert(status <= 0);
  return status;
}

int cl_sqlite_run_one(struct cl_sqlite *s, enum cl_sqlite_statement which, struct cl_err *e) {
  sqlite3_stmt *statement = NULL;
  CL_TRY(cl_sqlite_get(s, which, &statement, e));
  return cl_sqlite_run(s, statement, e);
}

void cl_sqlite_bind_real(sqlite3_stmt *statement, int index, double value) {
  (void)sqlite3_bind_double(statement, index, value + 0.0); /* SQLite stores NaN as NULL */
}

void cl_sqlite_bind_metric(sqlite3_stmt *statement, int index, double value) {
  if (value != value)
    (void)sqlite3_bind_text(statement, index, "nan", 3, SQLITE_STATIC);
  else
    (void)sqlite3_bind_double(statement, index, value + 0.0);
}

void cl_sqlite_bind_text(sqlite3_stmt *statement, int index, const char *text) {
  (void)sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

double cl_sqlite_real(sqlite3_stmt *statement, int column) {
  int type = sqlite3_column_type(statement, column);
  return type == SQLITE_FLOAT || type == SQLITE_INTEGER ? sqlite3_column_double(statement, column)
                                                        : CL_NO_STEP;
}

const char *cl_sqlite_text(sqlite3_stmt *statement, int column) {
  return (const char *)sqlite3_column_text(statement, column);
}

/* Transactions. */

/* Whoever removes or replaces the file leaves this handle with one that nobody finds any more. */
int cl_sqlite_check_place(struct cl_sqlite *s, struct cl_err *e) {
  int moved = 0;
  if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || !moved) return 0;
  return CL_FAIL(
      e, CLADE_EIO,
      "the store '%s' was removed, or another file was put in its place, while it was in use: nothing "
      "more is read or written; put it back and go on",
      s->path);
}

int cl_sqlite_begin_write(struct cl_sqlite *s, struct cl_err *e) {
  assert(!s->writing);
  CL_TRY(cl_sqlite_lock(s, e));
  int status = cl_sqlite_check_place(s, e);
  if (status == 0) status = cl_sqlite_run_one(s, SQL_BEGIN_WRITE, e);
  if (status < 0) {
    cl_sqlite_unlock(s);
    return status;
  }
  s->writing = true;
  cl_sqlite_note_begin(s);
  return 0;
}

void cl_sqlite_end_read(struct cl_sqlite *s) {
  assert(!s->writing);
  if (cl_sqlite_run_one(s, SQL_COMMIT, NULL) < 0) (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

int cl_sqlite_end_write(struct cl_sqlite *s, bool commit, struct cl_err *e) {
  assert(s->writing);
  int status = commit ? cl_sqlite_run_one(s, SQL_COMMIT, e) : 0;
  if ((!commit || status < 0) && !sqlite3_get_autocommit(s->db))
    (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); /* not prepared: needs no memory of ours */
  cl_sqlite_wal_drop(s);
  s->writing = false;
  if (status == 0 && commit) cl_sqlite_note_commit(s);
  if (s->wal_frames > 0) {
    cl_sqlite_wal_open(s);
    cl_sqlite_known_open(s);
  }
  bool over = status < 0 || cl_sqlite_checkpoint_locked(s);
  cl_sqlite_unlock(s);
  if (!over) cl_sqlite_checkpoint_beside(s);
  return status;
}

static int remember_frames(void *ctx, sqlite3 *db, const char *name, int frames) {
  (void)db, (void)name;
  ((struct cl_sqlite *)ctx)->wal_frames = frames;
  return SQLITE_OK;
}

/* Another program (the sqlite3 shell, a backup) can hold SQLite's own lock for a moment. */
static int wait_a_little(void *ctx, int tries) {
  const struct cl_sqlite *s = ctx;
  if (tries >= s->options.lock_timeout_ms) return 0;
  (void)sqlite3_sleep(1);
  return 1;
}

/* Opening. */

static int resolve_path(struct cl_sqlite *s, const char *path, struct cl_err *e) {
  const char *network = cl_path_network(path);
  if (network != NULL)
    return CL_FAIL(e, CLADE_EUNSUPPORTED,
                   "'%s' is on a network file system (%s), where SQLite loses data: put the store on a local "
                   "disk, e.g. --store /var/tmp/clade.db",
                   path, network);
  if (s->options.mode != CL_STORE_CREATE && !cl_path_exists(path))
    return CL_FAIL(e, CLADE_ENOTFOUND, "there is no store '%s'", path);
  s->path = cl_copy_text(path);
  if (s->path == NULL) return CL_FAIL_NOMEM(e);
  if (s->options.mode != CL_STORE_CREATE) return 0;
  char *copy = cl_copy_text(path);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_dir_create(dirname(copy), e);
  cl_free(copy);
  return status;
}

/* On a disk that is mounted read-only SQLite cannot make the files beside the store that it needs to share
 * it. Nobody writes there: then it need not share. 1 = so it is. */
static int is_on_read_only_disk(struct cl_sqlite *s, struct cl_err *e) {
  struct stat info;
  if (s->options.mode != CL_STORE_READ || access(s->path, W_OK) == 0 || errno != EROFS) return 0;
  cl_text_add(&s->scratch, s->path);
  cl_text_add(&s->scratch, "-wal");
  bool waiting = stat(cl_text_get(&s->scratch), &info) == 0 && info.st_size > 0;
  cl_text_clear(&s->scratch);
  if (!waiting) return 1;
  return CL_FAIL(
      e, CLADE_EIO,
      "the store '%s' is on a read-only disk, and its newest events are still in '%s-wal': copy both to "
      "another disk to read them",
      s->path, s->path);
}

/* file:PATH?immutable=1 */
static int write_address(struct cl_sqlite *s, struct cl_err *e) {
  cl_text_add(&s->scratch, "file:");
  for (const char *p = s->path; *p != '\0'; p++) {
    if (*p == '%' || *p == '?' || *p == '#')
      cl_text_format(&s->scratch, "%%%02x", *p);
    else
      cl_text_add_char(&s->scratch, *p);
  }
  cl_text_add(&s->scratch, "?immutable=1");
  return s->scratch.failed ? CL_FAIL_NOMEM(e) : 0;
}

static int open_database(struct cl_sqlite *s, struct cl_err *e) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  int fixed = is_on_read_only_disk(s, e);
  CL_TRY(fixed);
  if (s->options.mode == CL_STORE_CREATE) flags |= SQLITE_OPEN_CREATE;
  if (fixed == 1) {
    CL_TRY(write_address(s, e));
    flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  }
  int code = sqlite3_open_v2(fixed == 1 ? cl_text_get(&s->scratch) : s->path, &s->db, flags, NULL);
  cl_text_clear(&s->scratch);
  if (code != SQLITE_OK) {
    if (s->db == NULL) return CL_FAIL_NOMEM(e);
    return cl_sqlite_fail(s, "open", e);
  }
  const char *full = sqlite3_db_filename(s->db, "main");
  char *path = cl_copy_text(full);
  if (path == NULL) return CL_FAIL_NOMEM(e);
  cl_free(s->path);
  s->path = path;
  CL_TRY(cl_sqlite_make_functions(s, e));
  (void)sqlite3_busy_handler(s->db, wait_a_little, s);
  (void)sqlite3_wal_hook(s->db, remember_frames, s); /* in place of SQLite's own checkpoints */
  return 0;
}

static int open_lock(struct cl_sqlite *s, struct cl_err *e) {
  cl_text_add(&s->scratch, s->path);
  cl_text_add(&s->scratch, ".lock");
  s->lock_path = cl_text_take(&s->scratch);
  if (s->lock_path == NULL) return CL_FAIL_NOMEM(e);
  if (s->options.mode == CL_STORE_READ) return 0;
  s->lock_fd = open(s->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (s->lock_fd < 0)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot open the lock file '%s': %s", s->lock_path,
                         strerror(errno));
  return 0;
}

static void sqlite_close(void *state) {
  struct cl_sqlite *s = state;
  assert(!s->writing);
  cl_sqlite_checkpointer_destroy(s->checkpointer);
  cl_sqlite_forget(s, 0);
  for (int i = 0; i < SQL_STATEMENTS; i++) (void)sqlite3_finalize(s->statements[i]);
  for (int t = 0; t < TABLES; t++) {
    (void)sqlite3_finalize(s->adds[t]);
    for (int w = 0; w < WALKS; w++)
      for (int lean = 0; lean < 2; lean++) (void)sqlite3_finalize(s->walks[t][w][lean]);
  }
  (void)sqlite3_close(s->db);
  cl_sqlite_wal_destroy(s->wal);
  if (s->lock_fd >= 0) (void)close(s->lock_fd);
  if (s->watch_fd >= 0) (void)close(s->watch_fd);
  cl_text_done(&s->scratch);
  cl_free(s->lock_path);
  cl_free(s->path);
}

static int sqlite_open(void *state, const char *path, const struct cl_store_options *options,
                       struct cl_err *e) {
  struct cl_sqlite *s = state;
  s->options = *options;
  s->lock_fd = s->watch_fd = -1;
  cl_lay_out(s->layouts);
  int status = resolve_path(s, path, e);
  if (status == 0) status = open_database(s, e);
  if (status == 0) status = open_lock(s, e);
  if (status == 0) status = cl_sqlite_open_schema(s, e);
  if (status < 0) sqlite_close(s);
  return status;
}

const struct cl_store_ops cl_store_sqlite = {
    .abi = sizeof(struct cl_store_ops),
    .name = "sqlite",
    .summary = "one file on a local disk, for any number of processes on its host",
    .state_size = sizeof(struct cl_sqlite),
    .heads_kept = 65536,
    .open = sqlite_open,
    .close = sqlite_close,
    .studies = cl_sqlite_studies,
    .namesakes = cl_sqlite_namesakes,
    .head = cl_sqlite_head,
    .trial_head = cl_sqlite_trial_head,
    .metrics = cl_sqlite_metrics,
    .heads = cl_sqlite_heads,
    .pins = cl_sqlite_pins,
    .begin = cl_sqlite_begin,
    .add_study = cl_sqlite_add_study,
    .name_metric = cl_sqlite_name_metric,
    .add = cl_sqlite_add,
    .commit = cl_sqlite_commit,
    .rollback = cl_sqlite_rollback,
    .find = cl_sqlite_find,
    .count_reports = cl_sqlite_count_reports,
    .read = cl_sqlite_read,
    .read_reports = cl_sqlite_read_reports,
    .lease = cl_sqlite_lease,
    .remove = cl_sqlite_remove,
    .watch = cl_sqlite_watch,
    .drain = cl_sqlite_drain,
};
