/* The PostgreSQL store from inside (postgres*.c only).
 *
 * Tables as in SQLite (layout.h) with PostgreSQL's own types, in the first schema of the connection's
 * search_path. Shared tables have the key (study, position). A hyperparameter's column is double precision or
 * bigint where its domain is float or int, else json; a value of another kind than its column stands in the
 * column `odd`, {"id": value}.
 *
 * Statements are sent in pipeline mode: they are queued with cl_postgres_send and answered together by
 * cl_postgres_collect. Among many engines a commit takes two round trips: one for the lock on the study's row
 * (and the heads that will be asked for), one for all rows.
 *
 * An engine that is alone takes one (postgres_alone.c). `begin` asks nobody, but gives the head that this
 * handle's own last commit has made. The rows wait until the commit, whose first statement locks the study's
 * row and fails when its head is another one: then the generic half begins anew (CLADE_ESTALE). What is read
 * in between needs no lock, because the head that stays the same says that nobody has committed anything.
 * Whoever finds others' commits between its own asks for the lock first, until it has been alone for a while.
 *
 * Durability. Among many engines a commit does not wait for the disk while it holds the study's row, or they
 * would take turns at the disk: it is asynchronous, and followed by a small synchronous one, which flushes
 * the log up to itself and which many engines share. Who is alone commits synchronously. Only then does
 * `commit` return, so facts are acknowledged and decisions acted on when they are on disk. Readers are shown
 * no event before it is known to be flushed: so nothing that anybody has seen can be taken back by a crash of
 * the server, and a replica need never undo anything.
 *
 * Others are woken by a transaction of its own behind the flush, because those that notify wait for each
 * other. Nobody waits for its answer: it is owed, and read together with the next ones.
 *
 * Who is about to append what only one can, as the next trial, may queue before (postgres_queue.c): what is
 * decided in vain takes the lock, too, and costs the others their time.
 *
 * A lost connection is CLADE_ECLOSED; the generic half then calls `mend`, which connects again, with pauses
 * that grow, for as long as the options say. All that was remembered of the server is forgotten by then.
 */
#ifndef CL_POSTGRES_IMPL_H
#define CL_POSTGRES_IMPL_H

#include <libpq-fe.h>

#include "store/layout.h"
#include "store/names.h"
#include "store/store_ops.h"

#define CL_POSTGRES_SCHEMA 1
/* Hyperparameters that a study can ever have: a table holds 1600 columns, and a row of numbers 8 KiB. */
#define CL_POSTGRES_COLUMNS_MAX 900
#define CL_POSTGRES_NAME_MAX    63 /* bytes of an identifier that PostgreSQL tells apart */

/* libpq, loaded when the first store is opened: it would cost every command its start-up time. */
#define CL_LIBPQ_MAP(X) \
  X(PQconnectStartParams) \
  X(PQconnectPoll) \
  X(PQisBusy) \
  X(PQconninfoParse) \
  X(PQconninfoFree) \
  X(PQfreemem) \
  X(PQstatus) \
  X(PQerrorMessage) \
  X(PQfinish) \
  X(PQsocket) \
  X(PQbackendPID) \
  X(PQserverVersion) \
  X(PQparameterStatus) \
  X(PQtransactionStatus) \
  X(PQsetNoticeProcessor) \
  X(PQenterPipelineMode) \
  X(PQpipelineSync) \
  X(PQsendPrepare) \
  X(PQsendQueryParams) \
  X(PQsendQueryPrepared) \
  X(PQgetResult) \
  X(PQresultStatus) \
  X(PQresultErrorField) \
  X(PQclear) \
  X(PQntuples) \
  X(PQgetisnull) \
  X(PQgetlength) \
  X(PQgetvalue) \
  X(PQconsumeInput) \
  X(PQnotifies)
struct cl_libpq {
  void *handle;
#define CL_X(name) __typeof__(&name) name;
  CL_LIBPQ_MAP(CL_X)
#undef CL_X
};
/* CLADE_EUNSUPPORTED when it is not installed (the sentence names the package). */
int cl_libpq_load(struct cl_libpq *pq, struct cl_err *e);

/* A statement that is prepared when it is first sent, once per connection. */
struct cl_postgres_statement {
  int64_t generation; /* of the connection that knows it, 0 = none */
  char name[32];
};

struct cl_postgres_param {
  Oid type;
  bool null;
  const char *text; /* borrowed until the statement was sent; null: `bits` or an array */
  uint64_t bits;    /* big endian */
  size_t offset;    /* of an array in `arrays` */
  int length;
};

#define CL_POSTGRES_HEAD \
  "head, version, trials, counted, budget, workers, objectives, space_version, retries, open"
/* $1 is the study. */
#define CL_POSTGRES_STUDY_PUT \
  "UPDATE studies SET names = $2, head = $3, version = $4, trials = $5, counted = $6, budget = $7, " \
  "workers = $8, objectives = $9, space_version = $10, retries = $11, open = $12 <> 0, epoch = $13 " \
  "WHERE study = $1"
/* Most commits move nothing but the position. */
#define CL_POSTGRES_STUDY_MOVE "UPDATE studies SET head = $2, epoch = $3 WHERE study = $1"
/* The parts of a guess, around one of the two: 22012 when the study is no longer as it was. */
#define CL_POSTGRES_GUESS "WITH mine AS ("
#define CL_POSTGRES_GUESSED(names, head, durability) \
  " AND names = $" names " AND head = $" head " RETURNING study) SELECT 1 / count(*), " \
  "set_config('synchronous_commit', $" durability ", true) FROM mine " \
  "/* an error of this statement is none: another engine of the study came first */"
#define CL_POSTGRES_TRIAL_HEAD \
  "trial, version, proposed, waiting, \"load\", reports, step, furthest, until, attempt, worker, state, " \
  "flags, tries, failures, role, source, last"
#define CL_POSTGRES_HEAD_UPDATE \
  " ON CONFLICT (study, trial) DO UPDATE SET version = excluded.version, proposed = excluded.proposed, " \
  "waiting = excluded.waiting, \"load\" = excluded.\"load\", reports = excluded.reports, " \
  "step = excluded.step, furthest = excluded.furthest, until = excluded.until, " \
  "attempt = excluded.attempt, worker = excluded.worker, state = excluded.state, " \
  "flags = excluded.flags, tries = excluded.tries, failures = excluded.failures, role = excluded.role, " \
  "source = excluded.source, last = excluded.last"

/* Of one study of one store: a database may hold several, in schemas of their own. */
#define CL_POSTGRES_QUEUE "hashtext('clade ' || current_schema()), $1::integer"

/* Statements that do not depend on a study. X(name, SQL) */
#define CL_POSTGRES_MAP(X) \
  X(BEGIN, "BEGIN") \
  X(BEGIN_READ, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") \
  X(COMMIT, "COMMIT") \
  X(FLUSH, "SELECT set_config('synchronous_commit', $1, true), pg_logical_emit_message(true, 'clade', '')") \
  X(NOTIFY, "SELECT pg_notify('clade', $1)") \
  X(LAST_STUDY, "SELECT studies FROM clade FOR UPDATE") \
  X(STUDIES, "SELECT study, name, uuid, created_ms, " CL_POSTGRES_HEAD " FROM studies ORDER BY study") \
  X(LOOK, "SELECT names, " CL_POSTGRES_HEAD ", (pg_current_wal_insert_lsn() - '0/0')::bigint, " \
          "(pg_current_wal_flush_lsn() - '0/0')::bigint FROM studies WHERE study = $1") \
  X(LOCK, "SELECT names, " CL_POSTGRES_HEAD " FROM studies WHERE study = $1 FOR UPDATE") \
  X(STUDY_NUMBER, "UPDATE clade SET studies = $1") \
  X(STUDY_ADD, "INSERT INTO studies (study, uuid, name, created_ms) VALUES ($1, $2, $3, $4)") \
  X(STUDY_PUT, CL_POSTGRES_STUDY_PUT) \
  X(STUDY_MOVE, CL_POSTGRES_STUDY_MOVE) \
  X(STUDY_GUESS, CL_POSTGRES_GUESS CL_POSTGRES_STUDY_PUT CL_POSTGRES_GUESSED("2", "14", "15")) \
  X(STUDY_MOVE_GUESS, CL_POSTGRES_GUESS CL_POSTGRES_STUDY_MOVE CL_POSTGRES_GUESSED("4", "5", "6")) \
  X(LEASE, "SELECT lease_holder, lease_generation, lease_beat FROM studies WHERE study = $1") \
  X(LEASE_LOCK, \
    "SELECT lease_holder, lease_generation, lease_beat FROM studies WHERE study = $1 FOR UPDATE") \
  X(LEASE_PUT, \
    "UPDATE studies SET lease_holder = $2, lease_generation = $3, lease_beat = $4 WHERE study = $1") \
  X(HEAD, "SELECT " CL_POSTGRES_TRIAL_HEAD " FROM heads WHERE study = $1 AND trial = $2") \
  X(HEADS_OF, "SELECT " CL_POSTGRES_TRIAL_HEAD " FROM heads WHERE study = $1 AND trial = ANY ($2)") \
  X(HEADS, "SELECT " CL_POSTGRES_TRIAL_HEAD " FROM heads WHERE study = $1 AND trial BETWEEN $2 AND $3 " \
           "ORDER BY trial") \
  X(SPAN, "SELECT min(proposed), max(last) FROM heads WHERE study = $1 AND trial BETWEEN $2 AND $3") \
  X(HEAD_PUT, "INSERT INTO heads (study, " CL_POSTGRES_TRIAL_HEAD \
              ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, " \
              "$11, $12, $13, $14, $15, $16, $17, $18, $19)" CL_POSTGRES_HEAD_UPDATE) \
  X(HEAD_MOVE, "UPDATE heads SET version = $3, reports = $4, step = $5, furthest = $6, last = $7 " \
               "WHERE study = $1 AND trial = $2") \
  X(HEADS_MOVE, \
    "UPDATE heads SET version = moved.version, reports = moved.reports, step = moved.step, " \
    "furthest = moved.furthest, last = moved.last FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], " \
    "$5::float8[], $6::float8[], $7::bigint[]) AS moved (trial, version, reports, step, furthest, last) " \
    "WHERE heads.study = $1 AND heads.trial = moved.trial") \
  X(HEADS_PUT, \
    "INSERT INTO heads (study, " CL_POSTGRES_TRIAL_HEAD ") SELECT $1, * FROM unnest($2::bigint[], " \
    "$3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::float8[], $9::float8[], " \
    "$10::float8[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], " \
    "$16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[])" CL_POSTGRES_HEAD_UPDATE) \
  X(QUEUE_WAIT, "SELECT set_config('lock_timeout', $1, true)") \
  X(QUEUE, "SELECT pg_advisory_lock(" CL_POSTGRES_QUEUE ")") \
  X(LEAVE, "SELECT pg_advisory_unlock(" CL_POSTGRES_QUEUE ")") \
  X(PINS, "SELECT trial FROM heads WHERE study = $1 AND source = $2 AND source > 0") \
  X(NAMES, "SELECT kind, id, name, type FROM names WHERE study = $1 ORDER BY kind <> 'hyperparameter', id") \
  X(NAME_ADD, "INSERT INTO names (study, kind, id, name, type) VALUES ($1, $2, $3, $4, $5)") \
  X(ASSIGNED, "SELECT position, hyperparameter, value FROM assigned WHERE study = $1 AND position > $2 AND " \
              "position <= $3 ORDER BY position, hyperparameter LIMIT $4") \
  X(ASSIGNED_ADD, "INSERT INTO assigned (study, position, hyperparameter, value) VALUES ($1, $2, $3, " \
                  "$4::json)") \
  X(FIND_ATTEMPT, \
    "SELECT min(position) FROM attempts WHERE study = $1 AND position > $2 AND trial = $3 AND " \
    "attempt = $4 AND kind = $5") \
  X(FIND_SAVED, "SELECT min(position) FROM snapshots WHERE study = $1 AND trial = $2 AND attempt = $3 AND " \
                "kind = 34 AND step = $4 AND way = $5 AND path IS NOT DISTINCT FROM $6") \
  X(FIND_LOADED, "SELECT min(position) FROM snapshots WHERE study = $1 AND trial = $2 AND attempt = $3 AND " \
                 "kind = 35 AND step IS NULL AND ref = $4") \
  X(OPEN_ENDS, \
    "SELECT DISTINCT trial FROM attempts WHERE study = $1 AND kind = 37 AND (late OR value IS NULL)")

enum cl_postgres_known {
#define CL_X(name, sql) PG_##name,
  CL_POSTGRES_MAP(CL_X)
#undef CL_X
      PG_STATEMENTS
};

/* Which rows of a shared table a walk goes over. */
enum cl_postgres_walk { WALK_ALL, WALK_TRIALS, WALK_STUDY, WALKS };

/* What a handle knows of one study: its names, and statements on its two wide tables. */
struct cl_postgres_study {
  int64_t id;
  int64_t n_names; /* rows of `names` when they were read; the row in `studies` tells when there are more */
  struct cl_names names;
  bool has_columns; /* its tables were just made with the columns of its first settings */
  struct cl_postgres_statement add_trial, add_report, find_report, count_reports, curve, any_report;
  struct cl_postgres_statement read_trials, read_trials_of, read_reports, read_reports_of, read_reports_in;
};

struct cl_postgres {
  struct cl_libpq pq;
  PGconn *conn;          /* null: lost, or not yet there */
  char *address, *shown; /* shown: without its password */
  struct cl_store_options options;
  char durability[16]; /* what the server was set to: on, remote_apply … */
  int64_t epoch;       /* how often the server had been started when this connection was made */
  int64_t generation;  /* of prepared statements: a new one with every connection and after every failure */
  int64_t n_prepared;
  /* What was sent and not yet collected: for each statement or mark, in order. */
  uint8_t *sent;
  size_t n_sent, cap_sent;
  size_t n_owed;      /* of those, from the first on: what nobody waits for or needs to know how it went */
  bool prepared;      /* something was prepared by one of them */
  PGresult **results; /* of the statements that were to be kept, in order */
  size_t n_results, cap_results;
  struct cl_postgres_param *params;
  size_t n_params, cap_params;
  struct cl_postgres_param nowhere; /* for which there was no memory; the statement is not sent */
  struct cl_text arrays;            /* of the parameters */
  struct cl_postgres_statement known[PG_STATEMENTS];
  struct cl_postgres_statement walks[TABLES][WALKS], adds[TABLES];
  struct cl_layout layouts[CL_EVENT_KINDS];
  struct cl_postgres_study *study; /* the one used last */
  bool writing;                    /* inside begin … commit */
  bool names_changed;              /* in this commit: the views must follow */
  struct cl_postgres_study *open;  /* of the commit, null when a study is being added */
  struct cl_study_head before;     /* its head as the commit began; position 0 = not known */
  struct cl_head *heads;           /* fetched with the lock: of hints[i]; not all zero where it exists */
  int64_t *hints;                  /* trials that the commit will ask for, ascending */
  size_t n_hints, cap_hints, cap_heads;
  bool heads_fetched;
  /* The study's row as this handle's last commit has left it; study 0 = not known. */
  int64_t last_study, last_names;
  struct cl_study_head last_head;
  int in_a_row, wanted;          /* commits of this handle without another's between; before it guesses */
  bool guessed;                  /* this commit has begun without the lock */
  const struct cl_event **later; /* its rows, not sent yet */
  size_t n_later, cap_later;
  int64_t durable_study, durable;  /* events up to there are known to be flushed … */
  int64_t durable_names;           /* … and need no more names than these */
  int64_t pending, pending_lsn;    /* events up to `pending` are flushed once the server has flushed so far */
  int64_t shown_study, shown_head; /* what the callers have been shown */
  int watch_fd, wake_fd;  /* an epoll of the socket and of wake_fd, an eventfd; -1 = nobody watches */
  struct cl_text scratch; /* SQL and JSON under construction; whoever begins clears it */
};

/* postgres_link.c: the connection. */

int cl_postgres_connect(struct cl_postgres *s, bool wait, struct cl_err *e);
/* Drop the connection and what it knew. Always CLADE_ECLOSED. */
int cl_postgres_lose(struct cl_postgres *s, const char *why, struct cl_err *e);
int cl_postgres_mend(void *state, struct cl_err *e);

/* Parameters of the next statement, in order. Numbers are bigint or double precision. */
void cl_postgres_put_int(struct cl_postgres *s, int64_t value);
void cl_postgres_put_some(struct cl_postgres *s, int64_t value); /* 0 as NULL */
void cl_postgres_put_bool(struct cl_postgres *s, bool value);
void cl_postgres_put_real(struct cl_postgres *s, double value);     /* NaN as NULL, no -0.0 */
void cl_postgres_put_metric(struct cl_postgres *s, double value);   /* NaN stays */
void cl_postgres_put_text(struct cl_postgres *s, const char *text); /* borrows until sent; null as NULL */
void cl_postgres_put_json(struct cl_postgres *s, const char *text); /* copied; null as NULL */
void cl_postgres_put_no_int(struct cl_postgres *s);
void cl_postgres_put_no_real(struct cl_postgres *s);
void cl_postgres_put_ints(struct cl_postgres *s, const int64_t *items, size_t n);
void cl_postgres_put_reals(struct cl_postgres *s, const double *items, size_t n); /* NaN as NULL */

/* Send a statement with the parameters that were put, which are gone afterwards. `sql` is only read when it
 * must be prepared. `keep`: its rows are wanted. CLADE_ECLOSED, CLADE_ENOMEM. */
int cl_postgres_send(struct cl_postgres *s, struct cl_postgres_statement *statement, const char *sql,
                     bool keep, struct cl_err *e);
int cl_postgres_send_known(struct cl_postgres *s, enum cl_postgres_known which, bool keep, struct cl_err *e);
int cl_postgres_send_once(struct cl_postgres *s, const char *sql, bool keep, struct cl_err *e);
/* With its mark. Nobody waits for the answer; who does not collect what was sent before owes it all. */
int cl_postgres_send_unawaited(struct cl_postgres *s, enum cl_postgres_known which, struct cl_err *e);
int cl_postgres_send_scratch(struct cl_postgres *s, struct cl_err *e); /* the SQL there; clears it */
/* The SQL in a text that is ended with it; `statement` null: sent once. */
int cl_postgres_send_text(struct cl_postgres *s, struct cl_postgres_statement *statement, struct cl_text *sql,
                          bool keep, struct cl_err *e);
/* A statement cannot be sent: its parameters are gone. Of those before it nobody will collect the answers, or
 * end the transaction, so the connection goes with them. Always CLADE_ENOMEM. */
int cl_postgres_no_memory(struct cl_postgres *s, struct cl_err *e);
void cl_postgres_drop_params(struct cl_postgres *s);
/* End a transaction (unless one was begun explicitly): what failed before does not touch what follows. */
int cl_postgres_mark(struct cl_postgres *s, struct cl_err *e);
/* Wait for all that was sent. The first error, after rolling back. Rows of earlier collections are gone. */
int cl_postgres_collect(struct cl_postgres *s, struct cl_err *e);
/* Wake those who follow the study, and wait for all that was sent before; as above. */
int cl_postgres_collect_and_wake(struct cl_postgres *s, int64_t study, struct cl_err *e);
/* Take the answers that are owed, as far as they are there. */
int cl_postgres_take_owed(struct cl_postgres *s, struct cl_err *e);
/* No transaction is open, and no answer is to come but what is owed. Not without a connection. */
bool cl_postgres_is_idle(const struct cl_postgres *s);

/* Rows that were kept: by index of the kept statement. */
int cl_postgres_rows(const struct cl_postgres *s, size_t result);
/* Take a result over; free it with s->pq.PQclear. */
PGresult *cl_postgres_take(struct cl_postgres *s, size_t result);
int64_t cl_postgres_int(const struct cl_postgres *s, const PGresult *rows, int row,
                        int column); /* NULL is 0 */
double cl_postgres_real(const struct cl_postgres *s, const PGresult *rows, int row,
                        int column); /* NULL: NaN */
bool cl_postgres_null(const struct cl_postgres *s, const PGresult *rows, int row, int column);
const char *cl_postgres_text(const struct cl_postgres *s, const PGresult *rows, int row, int column);

/* postgres_schema.c */
int cl_postgres_open_schema(struct cl_postgres *s, struct cl_err *e);
int cl_postgres_note_start(struct cl_postgres *s, struct cl_err *e); /* fills s->epoch */
/* The study with its names as of now; `n_names` from its row. Valid until the next call. */
int cl_postgres_study(struct cl_postgres *s, int64_t study, int64_t n_names, struct cl_postgres_study **ret,
                      struct cl_err *e);
void cl_postgres_forget(struct cl_postgres *s);
int cl_postgres_add_tables(struct cl_postgres *s, int64_t study, const char *settings, struct cl_err *e);
int cl_postgres_drop_tables(struct cl_postgres *s, int64_t study, struct cl_err *e);
int cl_postgres_take_settings(struct cl_postgres *s, struct cl_postgres_study *study, const char *settings,
                              struct cl_err *e);
int cl_postgres_add_metric(struct cl_postgres *s, struct cl_postgres_study *study, const char *name,
                           struct cl_err *e);

/* postgres_views.c: sent, not collected; but the first one of a study asks for a name that is free. */
int cl_postgres_make_views(struct cl_postgres *s, const struct cl_postgres_study *study, struct cl_err *e);
int cl_postgres_drop_views(struct cl_postgres *s, int64_t study, struct cl_err *e);
int cl_postgres_point_views(struct cl_postgres *s, struct cl_err *e);

/* postgres_row.c */
/* The values of `ev` are known to have columns (cl_names_check). */
int cl_postgres_add_row(struct cl_postgres *s, struct cl_postgres_study *study, const struct cl_event *ev,
                        struct cl_err *e);
void cl_postgres_trial_columns(const struct cl_postgres_study *study, struct cl_text *ret);
void cl_postgres_report_columns(const struct cl_postgres_study *study, struct cl_text *ret);

/* postgres_fill.c: the event that a row shows. It borrows from here and from the rows. */
struct cl_postgres_row {
  const struct cl_postgres *s;
  const struct cl_postgres_study *study;
  struct cl_event ev;
  struct cl_assigned *values;
  struct cl_metric *metrics;
  size_t n_values, cap_values, n_metrics, cap_metrics;
  double objective;
  json_t *more, *texts; /* texts: the nodes that values borrow from */
  void *memory;         /* lists that came from `more` */
};
void cl_postgres_row_done(struct cl_postgres_row *row);
/* `row_number` of `rows`, which a walk over `table` gave; `assigned` (or null): rows of ASSIGNED, of which
 * *at is the first that was not used yet. */
int cl_postgres_fill(struct cl_postgres_row *row, enum cl_table table, const PGresult *rows, int row_number,
                     const PGresult *assigned, int *at, struct cl_err *e);

/* postgres_append.c */
void cl_postgres_hint(void *state, const int64_t *trials, size_t n);
int cl_postgres_begin(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e);
int cl_postgres_add_study(void *state, const struct cl_event *created, int64_t *ret_study, struct cl_err *e);
int cl_postgres_name_metric(void *state, int64_t study, const char *name, int guess, int *ret_id,
                            struct cl_err *e);
int cl_postgres_add(void *state, int64_t study, const struct cl_event *ev, struct cl_err *e);
int cl_postgres_commit(void *state, int64_t study, const struct cl_study_head *head,
                       const struct cl_heads *changed, struct cl_err *e);
void cl_postgres_rollback(void *state);
int cl_postgres_find(void *state, int64_t study, const struct cl_event *ev, int64_t *ret_position,
                     struct cl_err *e);
int cl_postgres_count_reports(void *state, int64_t study, int64_t trial, int attempt, int64_t *ret,
                              struct cl_err *e);
int cl_postgres_remove(void *state, int64_t study, struct cl_err *e);
/* Take the lock on the study's row, with the heads that were hinted at. */
int cl_postgres_lock(struct cl_postgres *s, int64_t study, struct cl_study_head *ret, struct cl_err *e);
int cl_postgres_fetch_heads(struct cl_postgres *s, int64_t study, struct cl_err *e);
/* The heads that the commit has changed. Sends. */
int cl_postgres_write_heads(struct cl_postgres *s, const struct cl_heads *changed, struct cl_err *e);

/* postgres_alone.c: commits of one round trip. */

/* Begin with what is known. False: ask for the lock. */
bool cl_postgres_guess(struct cl_postgres *s, int64_t study, struct cl_study_head *ret);
/* The lock was taken, and shows this head. */
void cl_postgres_note_locked(struct cl_postgres *s, int64_t study, const struct cl_study_head *head);
/* The commit is over. */
void cl_postgres_note_commit(struct cl_postgres *s, int64_t study, int64_t n_names,
                             const struct cl_study_head *head);
/* Send the row of an event later, which stays where it is until then. */
int cl_postgres_add_later(struct cl_postgres *s, const struct cl_event *ev, struct cl_err *e);
/* If the head was guessed, take the lock now. CLADE_ESTALE when the guess was wrong. */
int cl_postgres_confirm(void *state, struct cl_err *e);
int cl_postgres_commit_guess(struct cl_postgres *s, const struct cl_study_head *head,
                             const struct cl_heads *changed, struct cl_err *e);

/* postgres_read.c */
int cl_postgres_read(void *state, int64_t study, const struct cl_read *what, cl_event_visit *visit, void *ctx,
                     struct cl_err *e);
int cl_postgres_read_reports(void *state, int64_t study, int64_t trial, cl_event_visit *visit, void *ctx,
                             struct cl_err *e);

/* postgres_heads.c: the two mutable tables, and what is known to be flushed. */
int cl_postgres_studies(void *state, int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx,
                        struct cl_err *e);
int cl_postgres_head(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e);
int cl_postgres_trial_head(void *state, int64_t study, int64_t trial, struct cl_head *ret, struct cl_err *e);
int cl_postgres_heads(void *state, int64_t study, struct cl_study_head *ret,
                      int (*visit)(void *ctx, int64_t trial, const struct cl_head *head), void *ctx,
                      struct cl_err *e);
int cl_postgres_pins(void *state, int64_t study, int64_t snapshot, int (*visit)(void *ctx, int64_t trial),
                     void *ctx, struct cl_err *e);
int cl_postgres_lease(void *state, int64_t study, int (*change)(void *ctx, struct cl_lease *row), void *ctx,
                      struct cl_lease *ret, struct cl_err *e);
int cl_postgres_metrics(void *state, int64_t study, int (*visit)(void *ctx, int id, const char *name),
                        void *ctx, struct cl_err *e);
/* The head in row `row` of LOOK or LOCK or STUDIES, from `column` on; of a trial. */
void cl_postgres_fill_study(const struct cl_postgres *s, const PGresult *rows, int row, int column,
                            struct cl_study_head *ret);
void cl_postgres_fill_trial(const struct cl_postgres *s, const PGresult *rows, int row, struct cl_head *ret);
/* What the row in `studies` becomes, as parameters: true those of STUDY_MOVE, which are enough because
 * nothing but the position is another one than before; false those of STUDY_PUT. */
bool cl_postgres_put_study(struct cl_postgres *s, int64_t study, const struct cl_study_head *head,
                           int64_t n_names);
/* Row 0 of kept result `result` is one of LOOK: its head is durable afterwards. Collects. */
int cl_postgres_settle(struct cl_postgres *s, int64_t study, size_t result, struct cl_study_head *ret,
                       int64_t *ret_names, struct cl_err *e);
/* The log up to here is on disk once this has been collected. */
int cl_postgres_send_flush(struct cl_postgres *s, struct cl_err *e);
int cl_postgres_no_study(const struct cl_postgres *s, int64_t study, struct cl_err *e);

/* postgres_queue.c */
int cl_postgres_queue(void *state, int64_t study, int wait_ms, struct cl_err *e);
void cl_postgres_leave(void *state, int64_t study);

/* postgres_watch.c */
int cl_postgres_watch(void *state, int *ret_fd, struct cl_err *e);
bool cl_postgres_drain(void *state);
int cl_postgres_listen(struct cl_postgres *s, struct cl_err *e); /* on a new connection, when watched */
void cl_postgres_take_notices(struct cl_postgres *s);            /* that came with answers */
void cl_postgres_end_watch(struct cl_postgres *s);

#endif
