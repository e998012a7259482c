/* Tables: made once, checked at every open, widened when a hyperparameter or a metric comes in. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "store/postgres_impl.h"

#define KEY "study integer, position bigint, kind smallint, \"time\" bigint, \"by\" integer, "

/* Rows that are changed again and again have room beside them, so that indexes are left alone. */
static const char *const tables[] = {
    "CREATE TABLE clade (schema integer, epoch bigint, started timestamptz, studies bigint)",
    "CREATE TABLE studies (study integer PRIMARY KEY, uuid text UNIQUE, name text, view text, created_ms bigint, "
    "names integer DEFAULT 0, head bigint DEFAULT 0, version bigint, trials bigint, counted bigint, budget bigint, "
    "workers integer, objectives integer, space_version integer, retries integer, open boolean, schema integer "
    "DEFAULT 1, epoch bigint DEFAULT 0, lease_holder text DEFAULT '', lease_generation bigint DEFAULT 0, lease_beat "
    "bigint DEFAULT 0) WITH (fillfactor = 20)",
    "CREATE TABLE names (study integer, kind text, id integer, name text, type text, PRIMARY KEY (study, kind, id))",
    "CREATE TABLE heads (study integer, trial bigint, version bigint, proposed bigint, waiting bigint, \"load\" bigint, "
    "reports bigint, step double precision, furthest double precision, until double precision, attempt integer, worker "
    "integer, state smallint, flags smallint, tries smallint, failures smallint, role smallint, source bigint, last "
    "bigint, PRIMARY KEY (study, trial)) WITH (fillfactor = 60)",
    "CREATE INDEX heads_sources ON heads (study, source) WHERE source > 0",
    "CREATE TABLE decisions (" KEY
    "subject bigint, seen bigint, as_of bigint, cause smallint, args text, attempt integer, ref bigint, n integer, until "
    "double precision, more text, PRIMARY KEY (study, position))",
    "CREATE INDEX decisions_study ON decisions (study, position) WHERE subject = 0",
    "CREATE INDEX decisions_changes ON decisions (study, subject) WHERE kind IN (20, 21, 23)",
    "CREATE TABLE assigned (study integer, position bigint, hyperparameter integer, value json, PRIMARY KEY (study, "
    "position, hyperparameter))",
    "CREATE TABLE attempts (" KEY
    "trial bigint, attempt integer, late boolean, status integer, signal integer, known smallint, record bigint, value "
    "double precision, args text, more text, PRIMARY KEY (study, position))",
    "CREATE INDEX attempts_open ON attempts (study, position) WHERE kind = 37 AND (late OR value IS NULL)",
    "CREATE TABLE snapshots (" KEY
    "trial bigint, attempt integer, late boolean, step double precision, way smallint, ref bigint, bytes bigint, hash "
    "text, path text, host text, last double precision, best double precision, sum double precision, count bigint, "
    "snapshot bigint, error text, more text, PRIMARY KEY (study, position))",
    "CREATE INDEX snapshots_trial ON snapshots (study, trial, step, ref)",
    "CREATE TABLE notes (" KEY
    "subject bigint, n integer, name text, text text, more text, PRIMARY KEY (study, position))",
    "CREATE INDEX notes_study ON notes (study, position) WHERE subject = 0",
    "INSERT INTO clade VALUES (1, 0, NULL, 0)"};

/* Opening. */

/* 1 a store of this clade, 0 nothing there. */
static int look_at_schema(struct cl_postgres *s, struct cl_err *e) {
  CL_TRY(cl_postgres_send_once(
      s,
      "SELECT current_schema()::text, (SELECT count(*) FROM pg_class c WHERE c.relname = 'clade' "
      "AND c.relkind = 'r' AND c.relnamespace::regnamespace::text = quote_ident(current_schema()))",
      true, e));
  CL_TRY(cl_postgres_collect(s, e));
  if (cl_postgres_null(s, s->results[0], 0, 0))
    return CL_FAIL(
        e, CLADE_ENOTFOUND,
        "the database of %s has none of the schemas in its search_path: make one (CREATE SCHEMA …), or name "
        "another with ?options=-csearch_path%%3DNAME",
        s->shown);
  if (cl_postgres_int(s, s->results[0], 0, 1) == 0) return 0;
  CL_TRY(cl_postgres_send_once(s, "SELECT schema FROM clade", true, e));
  CL_TRY(cl_postgres_collect(s, e));
  int64_t schema = cl_postgres_rows(s, 0) == 1 ? cl_postgres_int(s, s->results[0], 0, 0) : 0;
  if (schema > CL_POSTGRES_SCHEMA)
    return CL_FAIL(
        e, CLADE_ENEWER,
        "%s has schema %lld, this clade knows up to %d: use a clade at least as new as the one that wrote it",
        s->shown, (long long)schema, CL_POSTGRES_SCHEMA);
  if (schema < 1) return CL_FAIL(e, CLADE_ECORRUPT, "%s has no schema number", s->shown);
  return 1;
}

/* One of several processes that find an empty database makes the tables. */
static int make_schema(struct cl_postgres *s, struct cl_err *e) {
  CL_TRY(cl_postgres_send_known(s, PG_BEGIN, false, e));
  CL_TRY(cl_postgres_send_once(s, "SELECT pg_advisory_xact_lock(1130127716)", false, e)); /* "Clad" */
  CL_TRY(cl_postgres_collect(s, e));
  int status = look_at_schema(s, e);
  for (size_t i = 0; i < sizeof tables / sizeof *tables && status == 0; i++)
    status = cl_postgres_send_once(s, tables[i], false, e);
  if (status < 0) return status;
  CL_TRY(cl_postgres_send_known(s, PG_COMMIT, false, e));
  return cl_postgres_collect(s, e);
}

int cl_postgres_note_start(struct cl_postgres *s, struct cl_err *e) {
  if (s->options.mode != CL_STORE_READ)
    CL_TRY(cl_postgres_send_once(
        s,
        "UPDATE clade SET epoch = epoch + 1, started = pg_postmaster_start_time() WHERE "
        "started IS DISTINCT FROM pg_postmaster_start_time()",
        false, e));
  CL_TRY(cl_postgres_send_once(s, "SELECT epoch FROM clade", true, e));
  CL_TRY(cl_postgres_collect(s, e));
  s->epoch = cl_postgres_rows(s, 0) == 1 ? cl_postgres_int(s, s->results[0], 0, 0) : 0;
  return 0;
}

int cl_postgres_open_schema(struct cl_postgres *s, struct cl_err *e) {
  int status = look_at_schema(s, e);
  if (status == 0 && s->options.mode != CL_STORE_CREATE)
    return CL_FAIL(e, CLADE_ENOTFOUND, "there is no store in %s yet: `clade run` makes it", s->shown);
  if (status == 0) status = make_schema(s, e);
  CL_TRY(status);
  return cl_postgres_note_start(s, e);
}

/* The study that this handle knows. */

static void destroy_study(struct cl_postgres_study *study) {
  if (study == NULL) return;
  cl_names_done(&study->names);
  cl_free(study);
}

void cl_postgres_forget(struct cl_postgres *s) {
  destroy_study(s->study);
  s->study = NULL;
}

static int take_name(struct cl_postgres *s, struct cl_postgres_study *study, int row, struct cl_err *e) {
  const PGresult *r = s->results[0];
  const char *kind = cl_postgres_text(s, r, row, 0), *name = cl_postgres_text(s, r, row, 2);
  const char *type = cl_postgres_text(s, r, row, 3);
  int id = (int)cl_postgres_int(s, r, row, 1);
  if (kind == NULL || name == NULL || type == NULL)
    return CL_FAIL(e, CLADE_ECORRUPT, "the names of study %lld are not readable", (long long)study->id);
  study->n_names++;
  if (strcmp(kind, "hyperparameter") == 0)
    return cl_names_add_hyperparameter(&study->names, id, name, strcmp(type, "any") != 0,
                                       strcmp(type, "int") == 0, e);
  CL_TRY(cl_names_add_metric(&study->names, name, e));
  if (kind[0] == 'o') study->names.n_objectives++;
  return 0;
}

int cl_postgres_study(struct cl_postgres *s, int64_t id, int64_t n_names, struct cl_postgres_study **ret,
                      struct cl_err *e) {
  assert(id > 0 && n_names >= 0);
  if (s->study != NULL && s->study->id == id && s->study->n_names == n_names) {
    *ret = s->study;
    return 0;
  }
  cl_postgres_forget(s);
  int status = 0;
  struct cl_postgres_study *study = cl_alloc(sizeof *study);
  if (study == NULL) return CL_FAIL_NOMEM(e);
  study->id = id;
  if (n_names > 0) {
    cl_postgres_put_int(s, id);
    status = cl_postgres_send_known(s, PG_NAMES, true, e);
    if (status == 0) status = cl_postgres_collect(s, e);
    for (int i = 0; status == 0 && i < cl_postgres_rows(s, 0); i++) status = take_name(s, study, i, e);
  }
  if (status < 0) {
    destroy_study(study);
    return status;
  }
  *ret = s->study = study;
  return 0;
}

/* Tables of a study. */

static const char *type_of(const struct cl_names_item *item) {
  return item->whole ? "bigint" : item->plain ? "double precision" : "json";
}

int cl_postgres_add_tables(struct cl_postgres *s, int64_t id, const char *settings, struct cl_err *e) {
  long long n = id;
  struct cl_names names = {0};
  int status = cl_names_take_settings(&names, settings, e);
  if (status == 0 && names.n_hyperparameters > CL_POSTGRES_COLUMNS_MAX)
    status = CL_FAIL(
        e, CLADE_ELIMIT,
        "the study has %zu hyperparameters, the limit in a PostgreSQL store is %d: use a path (SQLite)",
        names.n_hyperparameters, CL_POSTGRES_COLUMNS_MAX);
  cl_text_clear(&s->scratch);
  cl_text_format(
      &s->scratch,
      "CREATE TABLE trials_%lld (trial bigint PRIMARY KEY, position bigint UNIQUE, \"time\" bigint, \"by\" "
      "integer, as_of bigint, cause smallint, args text, role smallint, of bigint, repeat integer, parent "
      "bigint, seed bigint, space integer, flags smallint, odd json",
      n);
  for (size_t i = 0; i < names.n_hyperparameters; i++)
    cl_text_format(&s->scratch, ", h%d %s", names.hyperparameters[i].id, type_of(&names.hyperparameters[i]));
  cl_text_add(&s->scratch, ")");
  if (status == 0) status = cl_postgres_send_scratch(s, e);
  cl_text_clear(&s->scratch);
  cl_text_format(
      &s->scratch,
      "CREATE TABLE reports_%lld (position bigint PRIMARY KEY, trial bigint, attempt integer, ordinal bigint, "
      "step double precision, \"time\" bigint, \"by\" integer, late boolean",
      n);
  for (size_t i = 0; i < names.n_metrics; i++)
    cl_text_format(&s->scratch, ", m%d double precision", (int)i + 1);
  cl_text_add(&s->scratch, ")");
  if (status == 0) status = cl_postgres_send_scratch(s, e);
  cl_text_clear(&s->scratch);
  cl_text_format(&s->scratch, "CREATE INDEX reports_%lld_trial ON reports_%lld (trial, position)", n, n);
  cl_names_done(&names);
  return status < 0 ? status : cl_postgres_send_scratch(s, e);
}

int cl_postgres_drop_tables(struct cl_postgres *s, int64_t id, struct cl_err *e) {
  static const char *const shared[] = {"heads",     "decisions", "assigned", "attempts",
                                       "snapshots", "notes",     "names",    "studies"};
  cl_text_clear(&s->scratch);
  cl_text_format(&s->scratch, "DROP TABLE trials_%lld, reports_%lld", (long long)id, (long long)id);
  CL_TRY(cl_postgres_send_scratch(s, e));
  for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
    cl_text_clear(&s->scratch);
    cl_text_format(&s->scratch, "DELETE FROM %s WHERE study = %lld", shared[i], (long long)id);
    CL_TRY(cl_postgres_send_scratch(s, e));
  }
  return 0;
}

static int add_name(struct cl_postgres *s, struct cl_postgres_study *study, const char *kind, int id,
                    const char *name, const struct cl_names_item *item, struct cl_err *e) {
  if (!study->has_columns) {
    cl_text_clear(&s->scratch);
    cl_text_format(&s->scratch, "ALTER TABLE %s_%lld ADD COLUMN %c%d %s", item == NULL ? "reports" : "trials",
                   (long long)study->id, item == NULL ? 'm' : 'h', id,
                   item == NULL ? "double precision" : type_of(item));
    CL_TRY(cl_postgres_send_scratch(s, e));
  }
  cl_postgres_put_int(s, study->id);
  cl_postgres_put_text(s, kind);
  cl_postgres_put_int(s, id);
  cl_postgres_put_text(s, name);
  cl_postgres_put_text(s, item == NULL || (item->plain && !item->whole) ? "float"
                          : item->whole                                 ? "int"
                                                                        : "any");
  CL_TRY(cl_postgres_send_known(s, PG_NAME_ADD, false, e));
  study->n_names++;
  s->names_changed = true;
  return 0;
}

/* Statements that list the columns of a wide table are made again when it has become wider. */
static void drop_statements(struct cl_postgres_study *study) {
  struct cl_postgres_statement *const all[] = {
      &study->add_trial,      &study->add_report,   &study->curve,           &study->read_trials,
      &study->read_trials_of, &study->read_reports, &study->read_reports_of, &study->read_reports_in};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) all[i]->generation = 0;
}

struct learning {
  struct cl_postgres *s;
  struct cl_postgres_study *study;
};

static int add_learnt(void *ctx, int id, const char *name, const struct cl_names_item *item,
                      struct cl_err *e) {
  const struct learning *l = ctx;
  size_t n = l->study->names.n_hyperparameters;
  if (item != NULL && n > CL_POSTGRES_COLUMNS_MAX)
    return CL_FAIL(
        e, CLADE_ELIMIT,
        "the study has had %zu hyperparameters, the limit in a PostgreSQL store is %d: use a path (SQLite)",
        n, CL_POSTGRES_COLUMNS_MAX);
  return add_name(l->s, l->study, item == NULL ? "objective" : "hyperparameter", id, name, item, e);
}

int cl_postgres_take_settings(struct cl_postgres *s, struct cl_postgres_study *study, const char *settings,
                              struct cl_err *e) {
  struct learning l = {s, study};
  int status = cl_names_learn(&study->names, settings, add_learnt, &l, e);
  if (status < 0) s->names_changed = true; /* the rollback forgets what was learnt before it failed */
  drop_statements(study);
  return status;
}

int cl_postgres_add_metric(struct cl_postgres *s, struct cl_postgres_study *study, const char *name,
                           struct cl_err *e) {
  CL_TRY(cl_names_add_metric(&study->names, name, e));
  CL_TRY(add_name(s, study, "metric", (int)study->names.n_metrics, name, NULL, e));
  drop_statements(study);
  return 0;
}
