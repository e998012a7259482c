/* Views for people and their tools, as in SQLite (sqlite_views.c), in PostgreSQL's words: trials, reports and
 * changes of each study under the users' names, and of the latest study without one. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "store/postgres_impl.h"
#include "store/views.h"

static const char *const views[] = {"trials", "reports", "changes"};
enum { VIEWS = 3, WORD_MAX = 48 };

/* "trials_" + the study's word, as an identifier. */
static void add_view_name(struct cl_text *t, const char *view, const char *word) {
  struct cl_text name = {0};
  cl_text_format(&name, "%s_%s", view, word);
  cl_view_add_quoted(t, cl_text_get(&name), '"');
  if (name.failed) t->failed = true;
  cl_text_done(&name);
}

/* A JSON value as the number it is, if it is one; as a word. */
static void add_number(struct cl_text *t, const char *json, bool whole) {
  cl_text_format(t, "CASE json_typeof(%s) WHEN 'number' THEN (%s #>> '{}')::%s END", json, json,
                 whole ? "numeric::bigint" : "double precision");
}

static void add_word(struct cl_text *t, const char *json) {
  cl_text_format(t, "CASE json_typeof(%s) WHEN 'null' THEN 'null' ELSE %s #>> '{}' END", json, json);
}

static void add_time(struct cl_text *t, const char *time, const char *name) {
  cl_text_format(
      t, ", to_timestamp(least(greatest((s.created_ms::double precision + %s) / 1000, -2e11), 9e12)) AS %s",
      time, name);
}

/* A trial's values as of now: the last that a change has written, else the proposed ones. */
static void add_hyperparameters(struct cl_view_columns *c, const struct cl_postgres_study *study) {
  for (size_t i = 0; i < study->names.n_hyperparameters; i++) {
    const struct cl_names_item *item = &study->names.hyperparameters[i];
    char changed[40], own[80], odd[40];
    (void)snprintf(changed, sizeof changed, "(c.changed -> '%d')", item->id);
    (void)snprintf(odd, sizeof odd, "(t.odd -> '%d')", item->id);
    (void)snprintf(own, sizeof own, "coalesce(%s, t.h%d)", changed, item->id);
    cl_text_add(c->sql, ", ");
    if (item->plain) {
      cl_text_format(c->sql, "CASE WHEN %s IS NOT NULL THEN ", changed);
      add_number(c->sql, changed, item->whole);
      cl_text_format(c->sql, " WHEN t.h%d IS NOT NULL THEN t.h%d ELSE ", item->id, item->id);
      add_number(c->sql, odd, item->whole);
      cl_text_add(c->sql, " END");
    } else {
      add_word(c->sql, own);
    }
    cl_view_add_name(c, item->name);
  }
}

/* An objective's reduced value stands in the trial's end, or in the import; before it has ended, and for
 * other metrics, the last report's is shown. */
static void add_metrics(struct cl_view_columns *c, const struct cl_postgres_study *study) {
  for (size_t i = 0; i < study->names.n_metrics; i++) {
    int id = (int)i + 1;
    char ended[120] = "e.value";
    if (i > 0)
      (void)snprintf(ended, sizeof ended, "(e.more::json -> 'objectives' ->> %d)::double precision", id - 1);
    if (i >= study->names.n_objectives)
      cl_text_format(c->sql, ", r.m%d", id);
    else
      cl_text_format(
          c->sql,
          ", CASE WHEN t.flags & 2 <> 0 THEN (t.args::json -> 'objectives' ->> %d)::double precision ELSE "
          "coalesce(%s, r.m%d) END",
          id - 1, ended, id);
    cl_view_add_name(c, study->names.metrics[i]);
  }
}

#define NOT_VOIDED \
  "NOT EXISTS (SELECT 1 FROM decisions v WHERE v.study = d.study AND v.subject = d.subject AND v.kind = 23 AND " \
  "v.kind IN (20, 21, 23) AND v.ref = d.position)"

static void write_trials(struct cl_text *t, const struct cl_postgres_study *study) {
  long long n = study->id;
  struct cl_view_columns c = {
      t, " trial state role step reports attempts of parent started ended ", CL_POSTGRES_NAME_MAX, {0}};
  cl_text_add(t, "SELECT t.trial AS trial, ");
  cl_view_add_states(t, "h.state");
  cl_text_add(t, " AS state, ");
  cl_view_add_roles(t, "t.role");
  cl_text_add(
      t,
      " AS role, h.step AS step, h.reports AS reports, h.attempt AS attempts, t.of AS of, p.trial AS parent");
  add_time(t, "b.time", "started");
  add_time(t, "e.time", "ended");
  add_metrics(&c, study);
  add_hyperparameters(&c, study);
  cl_text_format(
      t,
      " FROM trials_%lld t JOIN studies s ON s.study = %lld JOIN heads h ON h.study = %lld AND h.trial = t.trial "
      "LEFT JOIN snapshots p ON p.study = %lld AND p.position = t.parent "
      "LEFT JOIN (SELECT DISTINCT ON (subject) subject, \"time\" FROM decisions WHERE kind = 12 AND study = %lld ORDER BY "
      "subject, position) b ON b.subject = t.trial "
      "LEFT JOIN (SELECT DISTINCT ON (trial) trial, \"time\", value, more FROM attempts WHERE kind = 37 AND NOT late AND "
      "study = %lld ORDER BY trial, position DESC) e ON e.trial = t.trial "
      "LEFT JOIN (SELECT subject, json_object_agg(hyperparameter, value) AS changed FROM (SELECT DISTINCT ON (d.subject, "
      "a.hyperparameter) d.subject, a.hyperparameter, a.value FROM decisions d JOIN assigned a ON a.study = d.study AND "
      "a.position = d.position WHERE d.study = %lld AND d.kind IN (20, 21) AND " NOT_VOIDED
      " ORDER BY d.subject, a.hyperparameter, d.position DESC) x GROUP BY subject) c ON c.subject = t.trial "
      "LEFT JOIN LATERAL (SELECT * FROM reports_%lld x WHERE x.trial = t.trial AND NOT x.late ORDER BY x.position DESC "
      "LIMIT 1) r ON true",
      n, n, n, n, n, n, n, n);
  if (c.all.failed) t->failed = true;
  cl_text_done(&c.all);
}

static void write_reports(struct cl_text *t, const struct cl_postgres_study *study) {
  struct cl_view_columns c = {t, " position trial attempt step time late ", CL_POSTGRES_NAME_MAX, {0}};
  cl_text_add(t, "SELECT r.position AS position, r.trial AS trial, r.attempt AS attempt, r.step AS step");
  add_time(t, "r.time", "\"time\"");
  cl_text_add(t, ", r.late AS late");
  for (size_t i = 0; i < study->names.n_metrics; i++) {
    cl_text_format(t, ", r.m%d", (int)i + 1);
    cl_view_add_name(&c, study->names.metrics[i]);
  }
  cl_text_format(t, " FROM reports_%lld r JOIN studies s ON s.study = %lld", (long long)study->id,
                 (long long)study->id);
  if (c.all.failed) t->failed = true;
  cl_text_done(&c.all);
}

static void add_first_value(struct cl_text *t, const struct cl_postgres_study *study) {
  cl_text_add(t, "CASE a.id WHEN 0 THEN NULL");
  for (size_t i = 0; i < study->names.n_hyperparameters; i++) {
    int id = study->names.hyperparameters[i].id;
    cl_text_format(t, " WHEN %d THEN coalesce(to_json(t.h%d), t.odd -> '%d')", id, id, id);
  }
  cl_text_add(t, " END");
}

/* A change is applied at the start that follows before any report; else in the answer to the report that
 * waited for it (its step had reached `until`); else in the answer to the next report. */
static void write_changes(struct cl_text *t, const struct cl_postgres_study *study) {
  long long n = study->id;
  cl_text_format(
      t,
      "WITH d AS (SELECT d.position, d.subject, d.time, d.cause FROM decisions d WHERE d.study = %lld AND d.kind IN (20, "
      "21) AND " NOT_VOIDED "), "
      "u AS (SELECT position, lag(until) OVER w AS until, min(CASE WHEN kind = 12 THEN position END) OVER (w ROWS BETWEEN "
      "1 FOLLOWING AND UNBOUNDED FOLLOWING) AS start FROM decisions WHERE study = %lld AND kind IN (12, 13, 20, 21) AND "
      "subject IN (SELECT subject FROM d) WINDOW w AS (PARTITION BY subject ORDER BY position)), "
      "a AS (SELECT d.*, x.hyperparameter AS id, x.value AS new, lag(x.value) OVER w AS before, row_number() OVER w AS "
      "nth FROM d JOIN assigned x ON x.study = %lld AND x.position = d.position WINDOW w AS (PARTITION BY d.subject, "
      "x.hyperparameter ORDER BY d.position)), "
      "c AS (SELECT a.*, CASE WHEN a.nth > 1 THEN a.before ELSE ",
      n, n, n);
  add_first_value(t, study);
  cl_text_format(t, " END AS old FROM a JOIN trials_%lld t ON t.trial = a.subject) ", n);
  cl_text_add(t, "SELECT a.position AS position, a.subject AS trial, n.name AS hyperparameter, ");
  add_word(t, "a.old");
  cl_text_add(t, " AS old, ");
  add_word(t, "a.new");
  cl_text_format(
      t,
      " AS new, CASE WHEN u.start IS NOT NULL AND (q.position IS NULL OR u.start < q.position) THEN "
      "coalesce((SELECT p.step FROM decisions f JOIN snapshots p ON p.study = f.study AND p.position = f.ref "
      "WHERE f.study = %lld AND f.position = u.start), 0.0) WHEN u.until <= o.step THEN o.step ELSE q.step END "
      "AS step, ",
      n);
  cl_view_add_causes(t, "a.cause");
  cl_text_add(t, " AS cause");
  add_time(t, "a.time", "\"time\"");
  cl_text_format(
      t,
      " FROM c a JOIN names n ON n.study = %lld AND n.kind = 'hyperparameter' AND n.id = a.id JOIN studies s ON s.study = "
      "%lld JOIN u ON u.position = a.position "
      "LEFT JOIN LATERAL (SELECT position, step FROM reports_%lld WHERE trial = a.subject AND NOT late AND position < "
      "a.position ORDER BY position DESC LIMIT 1) o ON true "
      "LEFT JOIN LATERAL (SELECT position, step FROM reports_%lld WHERE trial = a.subject AND NOT late AND position > "
      "a.position ORDER BY position LIMIT 1) q ON true "
      "WHERE CASE WHEN json_typeof(a.old) = 'number' AND json_typeof(a.new) = 'number' THEN (a.old #>> '{}')::double "
      "precision <> (a.new #>> '{}')::double precision ELSE a.old::text IS DISTINCT FROM a.new::text END "
      "ORDER BY a.position, a.id",
      n, n, n, n);
}

/* Names of views. */

static int get_word(struct cl_postgres *s, const char *sql, char **ret, struct cl_err *e) {
  CL_TRY(cl_postgres_send_once(s, sql, true, e));
  CL_TRY(cl_postgres_collect(s, e));
  *ret = NULL;
  if (cl_postgres_rows(s, 0) == 0 || cl_postgres_null(s, s->results[0], 0, 0)) return 0;
  *ret = cl_copy_text(cl_postgres_text(s, s->results[0], 0, 0));
  return *ret == NULL ? CL_FAIL_NOMEM(e) : 0;
}

static int is_free(struct cl_postgres *s, const char *word, bool *ret, struct cl_err *e) {
  cl_postgres_put_text(s, word);
  CL_TRY(cl_postgres_send_once(s,
                               "SELECT 1 FROM pg_class WHERE relnamespace::regnamespace::text = "
                               "quote_ident(current_schema()) AND lower(relname) IN (lower('trials_' || $1), "
                               "lower('reports_' || $1), lower('changes_' || $1)) LIMIT 1",
                               true, e));
  CL_TRY(cl_postgres_collect(s, e));
  *ret = cl_postgres_rows(s, 0) == 0 && !cl_view_is_like_table(word);
  return 0;
}

/* The study's name; with underscores behind it where the view would be called like a table, which a name of
 * digits is sooner or later. */
static int choose_word(struct cl_postgres *s, int64_t study, char **ret, struct cl_err *e) {
  char *name = NULL, sql[80];
  (void)snprintf(sql, sizeof sql, "SELECT name FROM studies WHERE study = %lld", (long long)study);
  CL_TRY(get_word(s, sql, &name, e));
  if (name == NULL) return CL_FAIL(e, CLADE_ECORRUPT, "study number %lld has no name", (long long)study);
  struct cl_text word = {0};
  cl_text_add_bytes(&word, name, cl_view_cut(name, WORD_MAX));
  cl_free(name);
  bool found = false;
  int status = 0;
  while (status == 0 && !word.failed && !found) {
    status = is_free(s, cl_text_get(&word), &found, e);
    if (found) break;
    if (word.length > WORD_MAX + 6) { /* many studies whose long names begin alike */
      cl_text_clear(&word);
      cl_text_format(&word, "study_%lld_", (long long)study);
    }
    cl_text_add_char(&word, '_');
  }
  char *chosen = cl_text_take(&word);
  if (status == 0 && chosen == NULL) status = CL_FAIL_NOMEM(e);
  if (status == 0) {
    cl_postgres_put_text(s, chosen);
    (void)snprintf(sql, sizeof sql, "UPDATE studies SET view = $1 WHERE study = %lld", (long long)study);
    status = cl_postgres_send_once(s, sql, false, e);
  }
  if (status < 0) {
    cl_free(chosen);
    return status;
  }
  *ret = chosen;
  return 0;
}

/* A view that a view of somebody else's stands on is left as it is. */
static int send_quietly(struct cl_postgres *s, const char *sql, struct cl_err *e) {
  char quote[24] = "$clade$";
  for (int i = 2; strstr(sql, quote) != NULL; i++) (void)snprintf(quote, sizeof quote, "$clade%d$", i);
  cl_text_clear(&s->scratch);
  cl_text_format(&s->scratch,
                 "DO %s BEGIN %s; EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END %s", quote, sql,
                 quote);
  return cl_postgres_send_scratch(s, e);
}

int cl_postgres_point_views(struct cl_postgres *s, struct cl_err *e) {
  char *word = NULL;
  CL_TRY(get_word(s, "SELECT view FROM studies ORDER BY study DESC LIMIT 1", &word, e));
  int status = 0;
  for (int i = 0; i < VIEWS && status == 0; i++) {
    struct cl_text sql = {0};
    cl_text_format(&sql, "DROP VIEW IF EXISTS %s", views[i]);
    if (word != NULL) {
      cl_text_format(&sql, "; CREATE VIEW %s AS SELECT * FROM ", views[i]);
      add_view_name(&sql, views[i], word);
    }
    status = sql.failed ? CL_FAIL_NOMEM(e) : send_quietly(s, cl_text_get(&sql), e);
    cl_text_done(&sql);
  }
  cl_free(word);
  return status;
}

/* The views of the latest study stand on those of the study, and must make way for a moment. */
static int drop_latest(struct cl_postgres *s, struct cl_err *e) {
  for (int i = 0; i < VIEWS; i++) {
    char sql[60];
    (void)snprintf(sql, sizeof sql, "DROP VIEW IF EXISTS %s", views[i]);
    CL_TRY(send_quietly(s, sql, e));
  }
  return 0;
}

int cl_postgres_make_views(struct cl_postgres *s, const struct cl_postgres_study *study, struct cl_err *e) {
  static void (*const write[VIEWS])(struct cl_text *, const struct cl_postgres_study *) = {
      write_trials, write_reports, write_changes};
  char *word = NULL, sql[80];
  (void)snprintf(sql, sizeof sql, "SELECT view FROM studies WHERE study = %lld", (long long)study->id);
  CL_TRY(get_word(s, sql, &word, e));
  int status = word == NULL ? choose_word(s, study->id, &word, e) : 0;
  if (status == 0) status = drop_latest(s, e);
  for (int i = 0; i < VIEWS && status == 0; i++) {
    struct cl_text both = {0};
    cl_text_add(&both, "DROP VIEW IF EXISTS ");
    add_view_name(&both, views[i], word);
    cl_text_add(&both, "; CREATE VIEW ");
    add_view_name(&both, views[i], word);
    cl_text_add(&both, " AS ");
    write[i](&both, study);
    status = both.failed ? CL_FAIL_NOMEM(e) : send_quietly(s, cl_text_get(&both), e);
    cl_text_done(&both);
  }
  cl_free(word);
  return status < 0 ? status : cl_postgres_point_views(s, e);
}

int cl_postgres_drop_views(struct cl_postgres *s, int64_t study, struct cl_err *e) {
  char *word = NULL, sql[80];
  (void)snprintf(sql, sizeof sql, "SELECT view FROM studies WHERE study = %lld", (long long)study);
  CL_TRY(get_word(s, sql, &word, e));
  int status = drop_latest(s, e);
  for (int i = 0; i < VIEWS && word != NULL && status == 0; i++) {
    struct cl_text drop = {0};
    cl_text_add(&drop, "DROP VIEW IF EXISTS ");
    add_view_name(&drop, views[i], word);
    status = cl_postgres_send_text(s, NULL, &drop, false, e);
  }
  cl_free(word);
  return status;
}
