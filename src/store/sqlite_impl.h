/* The SQLite store from inside (sqlite*.c only).
 *
 * Tables, all without declared types unless a column is always a real, so that 2 and 2.0 stay different:
 *   studies          one row each: names, the study's head, the lease            (mutable)
 *   heads            one row per trial: its head, so that appends are judged      (mutable)
 *   trials_<study>   10 11 · a column h<id> per hyperparameter
 *   reports_<study>  33    · a column m<id> per metric; attempt and late are one number, run, which takes no
 * byte in a first attempt (stores of schema 1, which are still written, have two columns) decisions 1–6 12–25
 * · assigned: values of 20 21 · attempts 31 32 36 37 · snapshots 34 35 · notes 7 8 names            of
 * hyperparameters and metrics no_changes       is empty: the view `changes` of a study without any Shared
 * tables have one key, place = study << 40 | position: a plain rowid keeps pages full and appends at the end;
 * `study` and `position` are generated from it for people. Fields without a column of their own stand in
 * `more` as JSON. Values: bool x'00' x'01', null x'', inactive NULL, NaN of a metric 'nan'.
 *
 * Locks: writers take byte 1 of <path>.lock, queueing on byte 0, and only then BEGIN IMMEDIATE, so SQLite's
 * own lock is nearly always free. Every read is a transaction of its own, but for
 * the looks whether anything is new (sqlite_known.c).
 */
#ifndef CL_SQLITE_IMPL_H
#define CL_SQLITE_IMPL_H

#include <sqlite3.h>

#include "store/layout.h"
#include "store/names.h"
#include "store/store_ops.h"

#define CL_SQLITE_APPLICATION 0x436C6164 /* "Clad" */
#define CL_SQLITE_SCHEMA      2
#define CL_SQLITE_COLUMNS_MAX \
  1900 /* hyperparameters that a study can ever have: SQLite holds 2000 columns \
        */
#define CL_SQLITE_POSITIONS (INT64_C(1) << 40) /* positions of a study are below; studies below 2^23 */

/* Which rows of a table a cursor walks over. */
enum cl_sqlite_walk { WALK_ALL, WALK_TRIALS, WALK_STUDY, WALKS };

/* Statements that do not depend on a study, prepared when first used. X(name, SQL) */
#define CL_SQLITE_MAP(X) \
  X(BEGIN_READ, "BEGIN") \
  X(BEGIN_WRITE, "BEGIN IMMEDIATE") \
  X(COMMIT, "COMMIT") \
  X(ROLLBACK, "ROLLBACK") \
  X(STUDIES, "SELECT study, name, uuid, created_ms, " CL_SQLITE_HEAD " FROM studies ORDER BY study") \
  X(NAMESAKES, "SELECT study, name, uuid, created_ms, " CL_SQLITE_HEAD \
               " FROM studies WHERE name = ?1 COLLATE NOCASE OR uuid = ?2 ORDER BY study") \
  X(STUDY, "SELECT names, " CL_SQLITE_HEAD " FROM studies WHERE study = ?1") \
  X(STUDY_ADD, "INSERT INTO studies (uuid, name, created_ms) VALUES (?1, ?2, ?3)") \
  X(STUDY_PUT, "UPDATE studies SET names = ?2, head = ?3, version = ?4, trials = ?5, counted = ?6, " \
               "budget = ?7, workers = ?8, objectives = ?9, space_version = ?10, retries = ?11, open = ?12 " \
               "WHERE study = ?1") \
  X(STUDY_DROP, "DELETE FROM studies WHERE study = ?1") \
  X(LAST_STUDY, "SELECT max(study) FROM studies") \
  X(LEASE, "SELECT lease_holder, lease_generation, lease_beat FROM studies WHERE study = ?1") \
  X(LEASE_PUT, "UPDATE studies SET lease_holder = ?2, lease_generation = ?3, lease_beat = ?4 " \
               "WHERE study = ?1") \
  X(HEAD, "SELECT " CL_SQLITE_TRIAL_HEAD " FROM heads WHERE place = ?1") \
  X(HEADS, "SELECT " CL_SQLITE_TRIAL_HEAD " FROM heads WHERE place > ?1 AND place <= ?2 ORDER BY place") \
  X(SUMS, "SELECT place, reports, step, furthest, attempt, state, flags, role FROM heads " \
          "WHERE place > ?1 AND place <= ?2 ORDER BY place") \
  X(LAST_EVENT, "SELECT max(last) FROM heads WHERE place >= ?1 AND place <= ?2") \
  X(HEAD_PUT, "INSERT OR REPLACE INTO heads (" CL_SQLITE_TRIAL_HEAD ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, " \
              "?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)") \
  X(HEAD_MOVE, \
    "UPDATE heads SET version = ?2, proposed = ?3, waiting = ?4, \"load\" = ?5, reports = ?6, " \
    "step = ?7, furthest = ?8, until = ?9, attempt = ?10, worker = ?11, state = ?12, flags = ?13, " \
    "tries = ?14, failures = ?15, role = ?16, last = ?18 WHERE place = ?1") \
  X(PINS, \
    "SELECT trial FROM heads INDEXED BY heads_sources WHERE source = ?1 AND source > 0 AND place > ?2 AND " \
    "place < ?3") \
  X(NAMES, "SELECT kind, id, name, plain FROM names WHERE study = ?1 ORDER BY kind <> 'hyperparameter', id") \
  X(NAME_ADD, "INSERT INTO names (study, kind, id, name, plain) VALUES (?1, ?2, ?3, ?4, ?5)") \
  X(ASSIGNED, "SELECT hyperparameter, value FROM assigned WHERE place = ?1 ORDER BY hyperparameter") \
  X(ASSIGNED_ANY, "SELECT 1 FROM assigned WHERE place > ?1 AND place < ?2 LIMIT 1") \
  X(ASSIGNED_ADD, "INSERT INTO assigned (place, hyperparameter, value) VALUES (?1, ?2, ?3)") \
  X(FIND_ATTEMPT, "SELECT place FROM attempts WHERE place > ?1 AND place < ?2 AND trial = ?3 AND " \
                  "attempt = ?4 AND kind = ?5 ORDER BY place LIMIT 1") \
  X(FIND_SAVED, \
    "SELECT min(place) FROM snapshots WHERE trial = ?1 AND place > ?2 AND place < ?3 AND kind = 34 " \
    "AND attempt = ?4 AND step = ?5 AND way = ?6 AND path IS ?7") \
  X(FIND_LOADED, "SELECT place FROM snapshots WHERE trial = ?1 AND place > ?2 AND place < ?3 AND kind = 35 " \
                 "AND attempt = ?4 AND step IS NULL AND ref = ?5 ORDER BY place LIMIT 1") \
  X(OPEN_ENDS, "SELECT trial FROM attempts INDEXED BY attempts_open WHERE kind = 37 AND (late OR value IS " \
               "NULL) AND place > ?1 AND place < ?2")

#define CL_SQLITE_HEAD \
  "head, version, trials, counted, budget, workers, objectives, space_version, retries, open"
#define CL_SQLITE_TRIAL_HEAD \
  "place, version, proposed, waiting, \"load\", reports, step, furthest, until, attempt, worker, state, " \
  "flags, tries, failures, role, source, last"

enum cl_sqlite_statement {
#define CL_X(name, sql) SQL_##name,
  CL_SQLITE_MAP(CL_X)
#undef CL_X
      SQL_STATEMENTS
};

/* What a handle knows of one study: its names, and statements on its two wide tables. */
struct cl_sqlite_study {
  int64_t id;
  int64_t n_names; /* rows of `names` when they were read; the row in `studies` tells when there are more */
  struct cl_names names;
  bool has_columns; /* its tables were just made with the columns of its first settings */
  bool has_changes; /* values have been changed since their proposals, as far as this handle has seen */
  sqlite3_stmt *add_trial, *add_report, *trial_position, *find_report, *count_reports;
  sqlite3_stmt *read_trials[2], *read_reports, *read_report, *read_curve, *report_positions;
  sqlite3_stmt *any_report;
  struct cl_sqlite_study *next;
};

/* The header of the log's index as it was at some moment: no two states of a store have the same. */
enum { CL_SQLITE_STAMP_WORDS = 12 };
struct cl_sqlite_stamp {
  uint32_t words[CL_SQLITE_STAMP_WORDS];
};

struct cl_sqlite_known {
  int64_t study; /* 0 = none */
  struct cl_study_head head;
  int64_t n_names;
  struct cl_sqlite_stamp stamp; /* as long as it is this one */
};

struct cl_sqlite {
  sqlite3 *db;
  char *path, *lock_path; /* as SQLite has resolved it: two names of one file share the lock */
  int lock_fd;
  int watch_fd;
  int schema; /* of the file, up to CL_SQLITE_SCHEMA */
  struct cl_store_options options;
  sqlite3_stmt *statements[SQL_STATEMENTS];
  sqlite3_stmt *walks[TABLES][WALKS][2], *adds[TABLES]; /* 2: whole, and of the state only */
  struct cl_layout layouts[CL_EVENT_KINDS];
  struct cl_sqlite_study *studies;             /* the one used last first */
  bool writing;                                /* inside begin … commit */
  bool views_changed;                          /* names, or the first change of a value, in this commit */
  struct cl_sqlite_study *open;                /* of the commit, null when a study is being added */
  int wal_frames;                              /* of the write-ahead log, after the last commit */
  int wal_frames_asked;                        /* when a checkpoint was asked for last */
  struct cl_sqlite_wal *wal;                   /* null: SQLite writes its log by itself */
  bool wal_tried;                              /* to change that */
  const volatile uint32_t *index;              /* of the log, SQLite's memory; null: not to be had */
  bool index_tried;                            /* to have it */
  struct cl_sqlite_known known;                /* of the study used last */
  struct cl_sqlite_checkpointer *checkpointer; /* null: none was needed so far */
  bool foreign;                                /* another one has committed since the watcher last drained */
  unsigned version;                            /* SQLite's, of the data, after this handle's last commit */
  struct cl_text scratch;                      /* SQL and JSON under construction; whoever begins clears it */
};

/* sqlite.c: errors, statements, transactions. */

/* Make an error of the connection's last one. `what`: "write to", "read". */
int cl_sqlite_fail(struct cl_sqlite *s, const char *what, struct cl_err *e);
int cl_sqlite_exec(struct cl_sqlite *s, const char *sql, struct cl_err *e);
/* Run the SQL in s->scratch (CLADE_ENOMEM if it could not be written) and clear it. */
int cl_sqlite_exec_scratch(struct cl_sqlite *s, struct cl_err *e);
int cl_sqlite_prepare(struct cl_sqlite *s, const char *sql, sqlite3_stmt **ret, struct cl_err *e);
int cl_sqlite_get(struct cl_sqlite *s, enum cl_sqlite_statement which, sqlite3_stmt **ret, struct cl_err *e);
/* Step a statement that gives no row and reset it. */
int cl_sqlite_run(struct cl_sqlite *s, sqlite3_stmt *statement, struct cl_err *e);
int cl_sqlite_run_one(struct cl_sqlite *s, enum cl_sqlite_statement which, struct cl_err *e);
/* Step once: 1 a row (reset it), 0 no row (was reset), or an error (was reset). */
int cl_sqlite_step(struct cl_sqlite *s, sqlite3_stmt *statement, struct cl_err *e);
/* The writer's lock and a transaction; CLADE_EBUSY after the lock's time-out. */
/* CLADE_EIO when another file stands at the store's path now, or none. Costs one stat. */
int cl_sqlite_check_place(struct cl_sqlite *s, struct cl_err *e);
int cl_sqlite_begin_write(struct cl_sqlite *s, struct cl_err *e);
int cl_sqlite_end_write(struct cl_sqlite *s, bool commit, struct cl_err *e);

/* End a read transaction; nothing can go wrong that would matter. */
void cl_sqlite_end_read(struct cl_sqlite *s);

/* sqlite_lock.c */
int cl_sqlite_lock(struct cl_sqlite *s, struct cl_err *e);
void cl_sqlite_unlock(struct cl_sqlite *s);

/* sqlite_checkpoint.c: after a commit. */
bool cl_sqlite_checkpoint_locked(struct cl_sqlite *s); /* here and now, if the log is very long; was it? */
void cl_sqlite_checkpoint_beside(struct cl_sqlite *s); /* soon, if it is long: the lock has been let go */
void cl_sqlite_checkpointer_destroy(struct cl_sqlite_checkpointer *c); /* waits for one that is under way */

/* sqlite_wal.c: what is written to the log is gathered. */
/* From now on; once the handle has committed, so that there is a log. Without memory everything stays as it
 * is. */
void cl_sqlite_wal_open(struct cl_sqlite *s);
void cl_sqlite_wal_drop(struct cl_sqlite *s); /* a transaction was rolled back: forget what it has written */
void cl_sqlite_wal_destroy(struct cl_sqlite_wal *w); /* when the database is closed; null is allowed */

/* sqlite_known.c */
/* From now on; once the handle has committed. */
void cl_sqlite_known_open(struct cl_sqlite *s);
/* As cl_sqlite_look, of the newest state: outside of transactions, or at the begin of one that writes.
 * Without a call of the system when nobody has committed since. Outside of them CLADE_EIO as
 * cl_sqlite_check_place. */
int cl_sqlite_look_newest(struct cl_sqlite *s, int64_t study, struct cl_study_head *ret, int64_t *ret_names,
                          struct cl_err *e);
/* After a commit that was begun with a look. */
void cl_sqlite_know_commit(struct cl_sqlite *s, int64_t study, const struct cl_study_head *head,
                           int64_t n_names);

/* sqlite_schema.c */
int cl_sqlite_open_schema(struct cl_sqlite *s, struct cl_err *e);
/* The study with its names as of now; `n_names` from its row. Valid until the next call. */
int cl_sqlite_study(struct cl_sqlite *s, int64_t study, int64_t n_names, struct cl_sqlite_study **ret,
                    struct cl_err *e);
void cl_sqlite_forget(struct cl_sqlite *s, int64_t study); /* 0 = all */
/* With the columns of these settings: each one that is added later reads the whole schema again. */
int cl_sqlite_add_tables(struct cl_sqlite *s, int64_t study, const char *settings, struct cl_err *e);
int cl_sqlite_drop_tables(struct cl_sqlite *s, int64_t study, struct cl_err *e);
/* Columns and rows of `names` for names that have come in since n_hyperparameters and n_metrics. */
int cl_sqlite_take_settings(struct cl_sqlite *s, struct cl_sqlite_study *study, const char *settings,
                            struct cl_err *e);
int cl_sqlite_add_metric(struct cl_sqlite *s, struct cl_sqlite_study *study, const char *name,
                         struct cl_err *e);

/* sqlite_views.c: the three views of a study, and those of the latest. All connections to a store read the
 * texts of all its views before their first statement: with a thousand studies that is most of what opening
 * takes. So the long texts, which follow the changes of values, are kept for studies that have some. */
/* Has any value been changed since it was proposed? */
int cl_sqlite_has_changes(struct cl_sqlite *s, int64_t study, bool *ret, struct cl_err *e);
int cl_sqlite_make_views(struct cl_sqlite *s, const struct cl_sqlite_study *study, struct cl_err *e);
int cl_sqlite_drop_views(struct cl_sqlite *s, int64_t study, struct cl_err *e);
int cl_sqlite_point_views(struct cl_sqlite *s, struct cl_err *e); /* `trials`… at the latest study */

/* sqlite_row.c: events as rows; sqlite_fill.c: and back. */
int cl_sqlite_add_row(struct cl_sqlite *s, struct cl_sqlite_study *study, const struct cl_event *ev,
                      struct cl_err *e);

/* The event that the row under a statement shows. It borrows from here. */
struct cl_sqlite_row {
  struct cl_sqlite *s;
  const struct cl_sqlite_study *study;
  enum cl_table table;
  struct cl_event ev;
  int64_t place;
  bool only_state; /* the args of a proposal are not wanted; kept from row to row */
  int status;      /* CLADE_ENOMEM: the row is not complete */
  struct cl_assigned *values;
  struct cl_metric *metrics;
  size_t n_values, cap_values, n_metrics, cap_metrics;
  struct cl_text texts; /* copies, one behind another */
  struct {
    const char **at;
    size_t offset;
  } moving[8]; /* pointers into texts, set when all are there */
  int n_moving;
  double objective;
  const char *more_text;
  json_t *more;
  void *memory; /* lists that came from `more` */
};
void cl_sqlite_row_done(struct cl_sqlite_row *row);

int cl_sqlite_make_functions(struct cl_sqlite *s, struct cl_err *e);
/* "SELECT …" of the columns, separated by commas, of a statement whose first parameter is bound by
 * cl_sqlite_bind_row; a step that gives a row decodes it, cl_sqlite_complete makes the event of it. Columns
 * named in `without` (each between spaces, or null) are not read: NULL;
 * but the args of `stopped` are. */
void cl_sqlite_select(struct cl_text *ret, const char *columns, const char *without);
/* From now on a step decodes into the row that *row points to by then; its s, study, table and only_state
 * have been set. */
void cl_sqlite_bind_row(sqlite3_stmt *statement, struct cl_sqlite_row **row);
int cl_sqlite_complete(struct cl_sqlite_row *row, struct cl_err *e);
void cl_sqlite_trial_columns(const struct cl_sqlite_study *study, struct cl_text *ret);
void cl_sqlite_report_columns(const struct cl_sqlite_study *study, struct cl_text *ret);

/* sqlite_append.c */
int cl_sqlite_begin(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e);
int cl_sqlite_add_study(void *state, const struct cl_event *created, int64_t *ret_study, struct cl_err *e);
int cl_sqlite_name_metric(void *state, int64_t study, const char *name, int guess, int *ret_id,
                          struct cl_err *e);
int cl_sqlite_add(void *state, int64_t study, const struct cl_event *ev, struct cl_err *e);
int cl_sqlite_commit(void *state, int64_t study, const struct cl_study_head *head,
                     const struct cl_heads *changed, struct cl_err *e);
void cl_sqlite_rollback(void *state);
int cl_sqlite_find(void *state, int64_t study, const struct cl_event *ev, int64_t *ret_position,
                   struct cl_err *e);
int cl_sqlite_count_reports(void *state, int64_t study, int64_t trial, int attempt, int64_t *ret,
                            struct cl_err *e);
int cl_sqlite_remove(void *state, int64_t study, struct cl_err *e);
int cl_sqlite_metrics(void *state, int64_t study, int (*visit)(void *ctx, int id, const char *name),
                      void *ctx, struct cl_err *e);

/* sqlite_read.c, sqlite_watch.c */
int cl_sqlite_read(void *state, int64_t study, const struct cl_read *what, cl_event_visit *visit, void *ctx,
                   struct cl_err *e);
int cl_sqlite_read_reports(void *state, int64_t study, int64_t trial, cl_event_visit *visit, void *ctx,
                           struct cl_err *e);
int cl_sqlite_watch(void *state, int *ret_fd, struct cl_err *e);
bool cl_sqlite_drain(void *state);
/* Under the writer's lock, at the begin and the end of a commit: this handle's own does not wake its watcher.
 */
void cl_sqlite_note_begin(struct cl_sqlite *s);
void cl_sqlite_note_commit(struct cl_sqlite *s);

/* sqlite_ahead.c: rows that a thread walks over, on a connection of its own, and a reader takes in that
 * order. */
struct cl_sqlite_ahead;
/* In the thread: 0 behind the last row, CLADE_STOP when `give` says so, or an error. */
typedef int cl_sqlite_ahead_walk(void *ctx, struct cl_sqlite *own, struct cl_sqlite_ahead *a,
                                 struct cl_err *e);
/* Null without memory or threads: then the reader walks by itself. `ctx` and `s` must outlive the thread; of
 * `s` it reads nothing that changes. Up to 2048 rows and 5 MiB wait for the reader. */
struct cl_sqlite_ahead *cl_sqlite_ahead_start(struct cl_sqlite *s, cl_sqlite_ahead_walk *walk, void *ctx);
void cl_sqlite_ahead_end(struct cl_sqlite_ahead *a); /* waits for the thread; null is allowed */
/* In the thread: where the next row belongs; pass it on: 0, or CLADE_STOP when nobody wants more. */
struct cl_sqlite_row *cl_sqlite_ahead_row(struct cl_sqlite_ahead *a);
int cl_sqlite_ahead_give(struct cl_sqlite_ahead *a);
/* In the reader: 1 and the next row, valid until the next call; 0 behind the last; or the walk's error. */
int cl_sqlite_ahead_take(struct cl_sqlite_ahead *a, struct cl_sqlite_row **ret, struct cl_err *e);

/* sqlite_heads.c: the two mutable tables. */
int cl_sqlite_head(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e);
int cl_sqlite_trial_head(void *state, int64_t study, int64_t trial, struct cl_head *ret, struct cl_err *e);
int cl_sqlite_heads(void *state, int64_t study, struct cl_study_head *ret,
                    int (*visit)(void *ctx, int64_t trial, const struct cl_head *head), void *ctx,
                    struct cl_err *e);
int cl_sqlite_pins(void *state, int64_t study, int64_t snapshot, int (*visit)(void *ctx, int64_t trial),
                   void *ctx, struct cl_err *e);
/* Those of the trials lo…hi, ascending; inside a transaction. */
int cl_sqlite_visit_heads(struct cl_sqlite *s, int64_t study, int64_t lo, int64_t hi,
                          int (*visit)(void *ctx, int64_t trial, const struct cl_head *head), void *ctx,
                          struct cl_err *e);
/* The same with only what sums reports up (heads.h: cl_head_is_summed) filled in: half the cost. */
int cl_sqlite_visit_sums(struct cl_sqlite *s, int64_t study, int64_t lo, int64_t hi,
                         int (*visit)(void *ctx, int64_t trial, const struct cl_head *head), void *ctx,
                         struct cl_err *e);
/* As cl_sqlite_head, and how many rows of `names` there are. */
int cl_sqlite_look(struct cl_sqlite *s, int64_t study, struct cl_study_head *ret, int64_t *ret_names,
                   struct cl_err *e);
int cl_sqlite_put_study(struct cl_sqlite *s, int64_t study, const struct cl_study_head *head, int64_t n_names,
                        struct cl_err *e);
int cl_sqlite_put_head(struct cl_sqlite *s, int64_t study, const struct cl_heads_entry *entry,
                       struct cl_err *e);
/* Position of the last event on any of the trials lo…hi, 0 = none. */
int cl_sqlite_last_event(struct cl_sqlite *s, int64_t study, int64_t lo, int64_t hi, int64_t *ret,
                         struct cl_err *e);
int cl_sqlite_studies(void *state, int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx,
                      struct cl_err *e);
int cl_sqlite_namesakes(void *state, const char *name, const char *uuid,
                        int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx, struct cl_err *e);
int cl_sqlite_lease(void *state, int64_t study, int (*change)(void *ctx, struct cl_lease *row), void *ctx,
                    struct cl_lease *ret, struct cl_err *e);

/* Small helpers of all. */
void cl_sqlite_bind_real(sqlite3_stmt *statement, int index, double value);     /* NaN as NULL, no -0.0 */
void cl_sqlite_bind_metric(sqlite3_stmt *statement, int index, double value);   /* NaN as 'nan' */
void cl_sqlite_bind_text(sqlite3_stmt *statement, int index, const char *text); /* borrows until the reset */
double cl_sqlite_real(sqlite3_stmt *statement, int column);                     /* NULL and 'nan' as NaN */
const char *cl_sqlite_text(sqlite3_stmt *statement, int column);

#endif
