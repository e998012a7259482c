/* Tables: made once, checked at every open, widened when a hyperparameter or a metric comes in. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "store/sqlite_impl.h"

/* Small pages, because a commit writes every page it touches: a cycle of ask and tell touches seven, and
 * every trial that reports has a page of its own in the index of the reports. */
static const char settle[] = "PRAGMA page_size = 1024; PRAGMA journal_mode = WAL";

#define PLACE \
  "place INTEGER PRIMARY KEY, study AS (place >> 40), position AS (place & 1099511627775), kind, time, "

/* A condition with IN would build a table of its list at every insert. */
static const char tables[] =
    "CREATE TABLE studies (study INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT UNIQUE, name TEXT, view TEXT, "
    "created_ms, "
    "names DEFAULT 0, head DEFAULT 0, version, trials, counted, budget, workers, objectives, space_version, "
    "retries, open, schema DEFAULT 1, epoch DEFAULT 0, lease_holder DEFAULT '', lease_generation DEFAULT 0, "
    "lease_beat DEFAULT 0);"
    "CREATE INDEX studies_names ON studies (name COLLATE NOCASE);"
    "CREATE INDEX studies_views ON studies (view COLLATE NOCASE);"
    "CREATE TABLE names (study, kind, id, name, plain, PRIMARY KEY (study, kind, id)) WITHOUT ROWID;"
    "CREATE TABLE heads (place INTEGER PRIMARY KEY, study AS (place >> 40), trial AS (place & 1099511627775), "
    "version, proposed, waiting, \"load\", reports, step REAL, furthest REAL, until REAL, attempt, worker, "
    "state, flags, tries, failures, role, source, last);"
    "CREATE INDEX heads_sources ON heads (source) WHERE source > 0;"
    "CREATE TABLE decisions (" PLACE
    "\"by\", subject, seen, as_of, cause, args, attempt, ref, n, until REAL, "
    "more);"
    "CREATE INDEX decisions_study ON decisions (place) WHERE subject = 0;"
    "CREATE INDEX decisions_changes ON decisions (subject) WHERE kind >= 20 AND kind <= 23;"
    "CREATE TABLE assigned (place, hyperparameter, value, study AS (place >> 40), "
    "position AS (place & 1099511627775), PRIMARY KEY (place, hyperparameter)) WITHOUT ROWID;"
    "CREATE TABLE attempts (" PLACE
    "\"by\", trial, attempt, late, status, signal, known, record, value REAL, "
    "args, more);"
    "CREATE INDEX attempts_open ON attempts (place) WHERE kind = 37 AND (late OR value IS NULL);"
    "CREATE TABLE snapshots (" PLACE "\"by\", trial, attempt, late, step REAL, way, ref, bytes, hash, path, "
    "host, last REAL, best REAL, sum REAL, count, snapshot, error, more);"
    "CREATE INDEX snapshots_trial ON snapshots (trial, step, ref);"
    "CREATE TABLE notes (" PLACE "\"by\", subject, n, name, text, more);"
    "CREATE INDEX notes_study ON notes (place) WHERE subject = 0;";

/* Opening. */

static int get_pragma(struct cl_sqlite *s, const char *sql, int64_t *ret, struct cl_err *e) {
  sqlite3_stmt *statement = NULL;
  CL_TRY(cl_sqlite_prepare(s, sql, &statement, e));
  int status = cl_sqlite_step(s, statement, e);
  if (status == 1) *ret = sqlite3_column_int64(statement, 0);
  (void)sqlite3_finalize(statement);
  return status < 0 ? status : 0;
}

/* 1 a store of this clade, 0 an empty file. */
static int look_at_schema(struct cl_sqlite *s, struct cl_err *e) {
  int64_t application = 0, schema = 0, objects = 0;
  CL_TRY(get_pragma(s, "PRAGMA application_id", &application, e));
  CL_TRY(get_pragma(s, "PRAGMA user_version", &schema, e));
  if (application == 0) CL_TRY(get_pragma(s, "SELECT count(*) FROM sqlite_schema", &objects, e));
  if (application == 0 && objects == 0) return 0;
  if (application ==
      0) { /* another process may have made it a store since: tables and numbers are one commit */
    CL_TRY(get_pragma(s, "PRAGMA application_id", &application, e));
    CL_TRY(get_pragma(s, "PRAGMA user_version", &schema, e));
  }
  if (application != CL_SQLITE_APPLICATION)
    return CL_FAIL(e, CLADE_ECORRUPT, "'%s' is an SQLite file, but not a store of Clade: give another path",
                   s->path);
  if (schema > CL_SQLITE_SCHEMA)
    return CL_FAIL(e, CLADE_ENEWER,
                   "'%s' has schema %lld, this clade knows up to %d: use a clade at least as new as the one "
                   "that wrote it",
                   s->path, (long long)schema, CL_SQLITE_SCHEMA);
  if (schema < 1) return CL_FAIL(e, CLADE_ECORRUPT, "'%s' has no schema number", s->path);
  s->schema = (int)schema;
  return 1;
}

static int make_schema(struct cl_sqlite *s, struct cl_err *e) {
  CL_TRY(cl_sqlite_exec(s, settle, e));
  CL_TRY(cl_sqlite_exec(s, "BEGIN IMMEDIATE", e));
  cl_text_clear(&s->scratch);
  cl_text_add(&s->scratch, tables);
  cl_text_format(&s->scratch, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                 CL_SQLITE_APPLICATION, CL_SQLITE_SCHEMA);
  int status = cl_sqlite_exec_scratch(s, e);
  if (status < 0) (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
  s->schema = CL_SQLITE_SCHEMA;
  return status;
}

/* An empty file is one that another process is just making into a store, or that nobody has. */
static int meet_empty_file(struct cl_sqlite *s, struct cl_err *e) {
  if (s->options.mode == CL_STORE_READ)
    return CL_FAIL(e, CLADE_ENOTFOUND, "there is no store in '%s': the file is empty", s->path);
  CL_TRY(cl_sqlite_lock(s, e));
  int status = look_at_schema(s, e);
  if (status == 0 && s->options.mode == CL_STORE_CREATE)
    status = make_schema(s, e);
  else if (status == 0)
    status = CL_FAIL(e, CLADE_ENOTFOUND, "there is no store in '%s': the file is empty", s->path);
  cl_sqlite_unlock(s);
  return status < 0 ? status : 0;
}

int cl_sqlite_open_schema(struct cl_sqlite *s, struct cl_err *e) {
  int status = look_at_schema(s, e);
  if (status == 0) status = meet_empty_file(s, e);
  CL_TRY(status);
  CL_TRY(cl_sqlite_exec(s,
                        s->options.sync == CL_SYNC_FULL
                            ? "PRAGMA synchronous = FULL; PRAGMA trusted_schema = 0"
                            : "PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = 0",
                        e));
  /* Writers come back to the pages at the end of many tables; readers pass through once. */
  return cl_sqlite_exec(s,
                        s->options.mode == CL_STORE_READ ? "PRAGMA cache_size = -2048; PRAGMA query_only = 1"
                                                         : "PRAGMA cache_size = -16384",
                        e);
}

/* Studies that this handle knows. */

static void finalize_study(struct cl_sqlite_study *study) {
  sqlite3_stmt *statements[] = {study->add_trial,      study->add_report,    study->trial_position,
                                study->find_report,    study->count_reports, study->read_trials[0],
                                study->read_trials[1], study->read_report,   study->read_reports,
                                study->read_curve,     study->any_report,    study->report_positions};
  for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) (void)sqlite3_finalize(statements[i]);
  cl_names_done(&study->names);
  cl_free(study);
}

void cl_sqlite_forget(struct cl_sqlite *s, int64_t id) {
  struct cl_sqlite_study **at = &s->studies;
  while (*at != NULL) {
    struct cl_sqlite_study *study = *at;
    if (id != 0 && study->id != id) {
      at = &study->next;
      continue;
    }
    *at = study->next;
    finalize_study(study);
  }
}

static int read_names(struct cl_sqlite *s, struct cl_sqlite_study *study, struct cl_err *e) {
  sqlite3_stmt *statement = NULL;
  CL_TRY(cl_sqlite_get(s, SQL_NAMES, &statement, e));
  (void)sqlite3_bind_int64(statement, 1, study->id);
  int status;
  while ((status = cl_sqlite_step(s, statement, e)) == 1) {
    const char *kind = cl_sqlite_text(statement, 0), *name = cl_sqlite_text(statement, 2);
    int id = sqlite3_column_int(statement, 1);
    if (kind == NULL || name == NULL)
      status = CL_FAIL(e, CLADE_ECORRUPT, "the names of study %lld are not readable", (long long)study->id);
    else if (strcmp(kind, "hyperparameter") == 0)
      status = cl_names_add_hyperparameter(&study->names, id, name, sqlite3_column_int(statement, 3) != 0,
                                           false, e);
    else
      status = cl_names_add_metric(&study->names, name, e);
    if (status == 0 && kind[0] == 'o') study->names.n_objectives++;
    study->n_names++;
    if (status < 0) break;
  }
  (void)sqlite3_reset(statement);
  return status;
}

int cl_sqlite_study(struct cl_sqlite *s, int64_t id, int64_t n_names, struct cl_sqlite_study **ret,
                    struct cl_err *e) {
  struct cl_sqlite_study *study = s->studies;
  assert(id >= 1 && n_names >= 0);
  while (study != NULL && study->id != id) study = study->next;
  if (study != NULL && study->n_names == n_names) {
    *ret = study;
    return 0;
  }
  cl_sqlite_forget(s, study == NULL ? 0 : id); /* one study at a time is enough for every caller */
  study = cl_alloc(sizeof *study);
  if (study == NULL) return CL_FAIL_NOMEM(e);
  study->id = id;
  int status = read_names(s, study, e);
  if (status < 0) {
    finalize_study(study);
    return status;
  }
  study->next = s->studies;
  s->studies = study;
  *ret = study;
  return 0;
}

/* Tables of a study. */

int cl_sqlite_add_tables(struct cl_sqlite *s, int64_t id, const char *settings, struct cl_err *e) {
  long long n = id;
  struct cl_names names = {0};
  assert(s->writing && id >= 1);
  int status = cl_names_take_settings(&names, settings, e);
  cl_text_clear(&s->scratch);
  cl_text_format(&s->scratch,
                 "CREATE TABLE trials_%lld (trial INTEGER PRIMARY KEY, position, time, \"by\", as_of, cause, "
                 "args, role, of, repeat, parent, seed, space, flags",
                 n);
  for (size_t i = 0; i < names.n_hyperparameters; i++)
    cl_text_format(&s->scratch, ", h%d", names.hyperparameters[i].id);
  cl_text_format(&s->scratch,
                 "); CREATE TABLE reports_%lld (position INTEGER PRIMARY KEY, trial, %s ordinal, step REAL, "
                 "time, \"by\"%s",
                 n, s->schema < 2 ? "attempt," : "run, attempt AS ((run >> 1) + 1), late AS (run & 1),",
                 s->schema < 2 ? ", late" : "");
  for (size_t i = 0; i < names.n_metrics; i++) cl_text_format(&s->scratch, ", m%d REAL", (int)i + 1);
  cl_text_format(&s->scratch, "); CREATE INDEX reports_%lld_trial ON reports_%lld (trial)", n, n);
  cl_names_done(&names);
  return status < 0 ? status : cl_sqlite_exec_scratch(s, e);
}

int cl_sqlite_drop_tables(struct cl_sqlite *s, int64_t id, struct cl_err *e) {
  long long n = id, lo = n << 40, hi = (n + 1) << 40;
  cl_text_clear(&s->scratch);
  cl_text_format(&s->scratch, "DROP TABLE trials_%lld; DROP TABLE reports_%lld;", n, n);
  static const char *const shared[] = {"heads", "decisions", "assigned", "attempts", "snapshots", "notes"};
  for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
    cl_text_format(&s->scratch, "DELETE FROM %s WHERE place > %lld AND place < %lld;", shared[i], lo, hi);
  cl_text_format(&s->scratch, "DELETE FROM names WHERE study = %lld", n);
  return cl_sqlite_exec_scratch(s, e);
}

static int add_name(struct cl_sqlite *s, struct cl_sqlite_study *study, const char *kind, int id,
                    const char *name, bool plain, struct cl_err *e) {
  sqlite3_stmt *statement = NULL;
  bool metric = strcmp(kind, "hyperparameter") != 0;
  assert(s->writing && id >= 1);
  cl_text_clear(&s->scratch);
  if (!study->has_columns)
    cl_text_format(&s->scratch, "ALTER TABLE %s_%lld ADD COLUMN %c%d%s", metric ? "reports" : "trials",
                   (long long)study->id, metric ? 'm' : 'h', id, metric ? " REAL" : "");
  CL_TRY(cl_sqlite_exec_scratch(s, e));
  CL_TRY(cl_sqlite_get(s, SQL_NAME_ADD, &statement, e));
  (void)sqlite3_bind_int64(statement, 1, study->id);
  cl_sqlite_bind_text(statement, 2, kind);
  (void)sqlite3_bind_int(statement, 3, id);
  cl_sqlite_bind_text(statement, 4, name);
  (void)sqlite3_bind_int(statement, 5, plain);
  CL_TRY(cl_sqlite_run(s, statement, e));
  study->n_names++;
  s->views_changed = true;
  return 0;
}

/* Statements that list the columns of a wide table are made again when it has become wider. */
static void drop_statement(sqlite3_stmt **statement) {
  (void)sqlite3_finalize(*statement);
  *statement = NULL;
}

struct learning {
  struct cl_sqlite *s;
  struct cl_sqlite_study *study;
};

static int add_learnt(void *ctx, int id, const char *name, const struct cl_names_item *item,
                      struct cl_err *e) {
  const struct learning *l = ctx;
  size_t n = l->study->names.n_hyperparameters;
  if (item == NULL) return add_name(l->s, l->study, "objective", id, name, false, e);
  if (n > CL_SQLITE_COLUMNS_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "the study has had %zu hyperparameters, the limit of one study is %d", n,
                   CL_SQLITE_COLUMNS_MAX);
  return add_name(l->s, l->study, "hyperparameter", id, name, item->plain, e);
}

int cl_sqlite_take_settings(struct cl_sqlite *s, struct cl_sqlite_study *study, const char *settings,
                            struct cl_err *e) {
  struct learning l = {s, study};
  int status = cl_names_learn(&study->names, settings, add_learnt, &l, e);
  drop_statement(&study->add_trial);
  for (int i = 0; i < 2; i++) drop_statement(&study->read_trials[i]);
  drop_statement(&study->add_report);
  return status;
}

int cl_sqlite_add_metric(struct cl_sqlite *s, struct cl_sqlite_study *study, const char *name,
                         struct cl_err *e) {
  CL_TRY(cl_names_add_metric(&study->names, name, e));
  assert(study->names.n_metrics <= CL_METRICS_MAX);
  CL_TRY(add_name(s, study, "metric", (int)study->names.n_metrics, name, false, e));
  drop_statement(&study->add_report);
  drop_statement(&study->read_reports);
  drop_statement(&study->read_report);
  drop_statement(&study->read_curve);
  return 0;
}
