/* Views for people and their tools: trials, reports and changes of each study under the users' names, and of
 * the latest study without one. They use only what SQLite itself provides. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "store/sqlite_impl.h"
#include "store/views.h"

static const char *const views[] = {"trials", "reports", "changes"};
enum { VIEWS = 3, SHOWN_MAX = 1700 /* hyperparameters; a result has 2000 columns at most */ };

/* "trials_" + the study's word, as an identifier. */
static void add_view_name(struct cl_text *t, const char *view, const char *word) {
  struct cl_text name = {0};
  cl_text_format(&name, "%s_%s", view, word);
  cl_view_add_quoted(t, cl_text_get(&name), '"');
  if (name.failed) t->failed = true;
  cl_text_done(&name);
}

/* Values that are blobs in the tables are words in the views. */
static void add_value(struct cl_text *t, const char *value) {
  cl_text_format(t, "CASE %s WHEN x'' THEN 'null' WHEN x'00' THEN 'false' WHEN x'01' THEN 'true' ELSE %s END",
                 value, value);
}

/* Changes of values that were not voided; the partial index on them is named by its own condition, of stores
 * made now and of earlier ones. */
#define INDEXED(d) d ".kind IN (20, 21, 23) AND " d ".kind >= 20 AND " d ".kind <= 23"
#define CHANGES(d) INDEXED(d) " AND " d ".kind <> 23"
#define NOT_VOIDED(d) \
  "NOT EXISTS (SELECT 1 FROM decisions v WHERE v.subject = " d \
  ".subject AND " INDEXED("v") " AND " \
                               "v.kind = 23 AND v.ref = " d ".position AND v.study = " d ".study)"

/* A trial's values as of now: the last that a change has written, else the proposed ones. */
static void add_hyperparameters(struct cl_view_columns *c, const struct cl_sqlite_study *study,
                                bool changes) {
  struct cl_text value = {0};
  for (size_t i = 0; i < study->names.n_hyperparameters && i < SHOWN_MAX; i++) {
    const struct cl_names_item *item = &study->names.hyperparameters[i];
    cl_text_clear(&value);
    if (changes)
      cl_text_format(
          &value,
          "iif(c.n IS NULL, h%d, (SELECT value FROM (SELECT a.value, d.place FROM decisions d JOIN "
          "assigned a ON a.place = d.place WHERE d.subject = t.trial AND d.study = %lld AND " CHANGES(
              "d") " AND a.hyperparameter = %d AND " NOT_VOIDED("d") " UNION ALL SELECT h%d, 0) "
                                                                     "ORDER BY place DESC LIMIT 1))",
          item->id, (long long)study->id, item->id, item->id);
    else
      cl_text_format(&value, "h%d", item->id);
    cl_text_add(c->sql, ", ");
    if (item->plain)
      cl_text_add(c->sql, cl_text_get(&value));
    else
      add_value(c->sql, cl_text_get(&value));
    cl_view_add_name(c, item->name);
    if (value.failed) c->sql->failed = true;
  }
  cl_text_done(&value);
}

/* An objective's reduced value stands in the trial's end, or in the import; before it has ended, and for
 * other metrics, the last report's is shown. */
static void add_metrics(struct cl_view_columns *c, const struct cl_sqlite_study *study) {
  for (size_t i = 0; i < study->names.n_metrics; i++) {
    int id = (int)i + 1;
    if (i >= study->names.n_objectives)
      cl_text_format(c->sql, ", m%d", id);
    else if (i == 0)
      cl_text_format(c->sql,
                     ", iif(t.flags & 2, json_extract(t.args, '$.objectives[0]'), coalesce(e.value, m1))");
    else
      cl_text_format(c->sql,
                     ", iif(t.flags & 2, json_extract(t.args, '$.objectives[%d]'), "
                     "coalesce(json_extract(e.more, '$.objectives[%d]'), m%d))",
                     id - 1, id - 1, id);
    cl_view_add_name(c, study->names.metrics[i]);
  }
}

static void add_time(struct cl_text *t, const char *time, const char *name) {
  cl_text_format(t, ", strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', (created_ms + %s) / 1000.0, 'unixepoch') AS %s",
                 time, name);
}

/* The name for a number, as one text: a CASE of ten branches takes eight times as long to read. */
static void add_word(struct cl_text *t, const char *column, const char *const *names, int n) {
  assert(n > 1 && names[0] == NULL);
  cl_text_add(t, "'[null");
  for (int i = 1; i < n; i++) cl_text_format(t, names[i] == NULL ? ",null" : ",\"%s\"", names[i]);
  cl_text_format(t, "]' ->> %s", column);
}

static void add_state(struct cl_text *t) {
  static const char *const names[] = {
#define CL_X(name, number) [number] = #name,
      CL_STATE_MAP(CL_X)
#undef CL_X
  };
  add_word(t, "h.state", names, sizeof names / sizeof *names);
}

static void add_role(struct cl_text *t) {
  static const char *const names[] = {
#define CL_X(name, number, word) [number] = word,
      CL_ROLE_MAP(CL_X)
#undef CL_X
  };
  add_word(t, "t.role", names, sizeof names / sizeof *names);
}

static void write_trials(struct cl_text *t, const struct cl_sqlite_study *study, bool changes) {
  long long n = study->id, lo = n << 40, hi = (n + 1) << 40;
  struct cl_view_columns c = {t, " trial state role step reports attempts of parent started ended ", 0, {0}};
  cl_text_add(t, "SELECT t.trial, ");
  add_state(t);
  cl_text_add(t, " AS state, ");
  add_role(t);
  cl_text_add(t, " AS role, h.step, h.reports, h.attempt AS attempts, of, p.trial AS parent");
  add_time(t, "began", "started");
  add_time(t, "e.time", "ended");
  add_metrics(&c, study);
  add_hyperparameters(&c, study, changes);
  cl_text_format(
      t,
      " FROM trials_%lld t JOIN studies s ON s.study = %lld JOIN heads h ON h.place = %lld + t.trial "
      "LEFT JOIN snapshots p ON p.place = %lld + parent "
      "LEFT JOIN (SELECT subject, min(place), time AS began FROM decisions WHERE kind = 12 AND place > %lld "
      "AND place < %lld GROUP BY subject) b ON b.subject = t.trial "
      "LEFT JOIN (SELECT trial, max(place), time, value, more FROM attempts WHERE kind = 37 AND NOT "
      "late AND place > %lld AND place < %lld GROUP BY trial) e ON e.trial = t.trial "
      "LEFT JOIN reports_%lld r ON r.position = (SELECT max(position) FROM reports_%lld WHERE "
      "trial = t.trial AND NOT late)",
      n, n, lo, lo, lo, hi, lo, hi, n, n);
  if (changes)
    cl_text_format(t,
                   " LEFT JOIN (SELECT d.subject, count(*) AS n FROM decisions d WHERE " CHANGES(
                       "d") " AND d.study = %lld GROUP BY d.subject) c ON c.subject = t.trial",
                   n);
  if (c.all.failed) t->failed = true;
  cl_text_done(&c.all);
}

static void write_reports(struct cl_text *t, const struct cl_sqlite_study *study, bool changes) {
  (void)changes;
  struct cl_view_columns c = {t, " position trial attempt step time late ", 0, {0}};
  cl_text_add(t, "SELECT position, trial, attempt, step");
  add_time(t, "time", "time");
  cl_text_add(t, ", late");
  for (size_t i = 0; i < study->names.n_metrics; i++) {
    cl_text_format(t, ", m%d", (int)i + 1);
    cl_view_add_name(&c, study->names.metrics[i]);
  }
  cl_text_format(t, " FROM reports_%lld JOIN studies ON study = %lld", (long long)study->id,
                 (long long)study->id);
  cl_text_done(&c.all);
}

static void add_first_value(struct cl_text *t, const struct cl_sqlite_study *study) {
  cl_text_add(t, "CASE a.id");
  for (size_t i = 0; i < study->names.n_hyperparameters && i < SHOWN_MAX; i++)
    cl_text_format(t, " WHEN %d THEN t.h%d", study->names.hyperparameters[i].id,
                   study->names.hyperparameters[i].id);
  if (study->names.n_hyperparameters == 0) cl_text_add(t, " WHEN 0 THEN NULL");
  cl_text_add(t, " END");
}

/* A change is applied at the start that follows before any report; else in the answer to the report that
 * waited for it (its step had reached `until`); else in the answer to the next report. */
static void write_changes(struct cl_text *t, const struct cl_sqlite_study *study, bool changes) {
  long long n = study->id, lo = n << 40, hi = (n + 1) << 40;
  if (!changes) {
    cl_text_add(t, "SELECT * FROM no_changes");
    return;
  }
  cl_text_format(
      t,
      "WITH d AS (SELECT d.place, d.position, d.subject, d.time, d.cause FROM decisions d WHERE " CHANGES("d") " AND d.study = %lld AND " NOT_VOIDED(
          "d") "), "
               "u AS (SELECT place, lag(until) OVER w AS until, min(iif(kind = 12, position, NULL)) OVER (w ROWS "
               "BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS start FROM decisions WHERE place > %lld AND place < "
               "%lld AND kind IN (12, 13, 20, 21) AND subject IN (SELECT subject FROM d) WINDOW w AS (PARTITION BY "
               "subject ORDER BY place)), "
               "a AS (SELECT d.*, x.hyperparameter AS id, x.value AS new, lag(x.value) OVER w AS before, row_number() "
               "OVER w AS nth FROM d JOIN assigned x ON x.place = d.place WINDOW w AS (PARTITION BY d.subject, "
               "x.hyperparameter ORDER BY d.place)), "
               "c AS (SELECT a.*, iif(a.nth > 1, a.before, ",
      n, lo, hi);
  add_first_value(t, study);
  cl_text_format(t, ") AS old FROM a JOIN trials_%lld t ON t.trial = a.subject) ", n);
  cl_text_add(t, "SELECT a.position AS position, a.subject AS trial, n.name AS hyperparameter, ");
  add_value(t, "a.old");
  cl_text_add(t, " AS old, ");
  add_value(t, "a.new");
  cl_text_format(
      t,
      " AS new, CASE WHEN u.start IS NOT NULL AND (q.position IS NULL OR u.start < q.position) THEN "
      "coalesce((SELECT p.step FROM decisions f JOIN snapshots p ON p.place = %lld + f.ref WHERE f.place = "
      "%lld + u.start), 0.0) WHEN u.until <= o.step THEN o.step ELSE q.step END AS step, ",
      lo, lo);
  cl_view_add_causes(t, "a.cause");
  cl_text_add(t, " AS cause");
  add_time(t, "a.time", "time");
  cl_text_format(
      t,
      " FROM c a JOIN names n ON n.study = %lld AND n.kind = 'hyperparameter' AND n.id = a.id JOIN "
      "studies s ON s.study = %lld JOIN u ON u.place = a.place "
      "LEFT JOIN reports_%lld o ON o.position = (SELECT position FROM reports_%lld WHERE trial = "
      "a.subject AND NOT late AND position < a.position ORDER BY position DESC LIMIT 1) "
      "LEFT JOIN reports_%lld q ON q.position = (SELECT position FROM reports_%lld WHERE trial = "
      "a.subject AND NOT late AND position > a.position ORDER BY position LIMIT 1) "
      "WHERE a.old IS NOT a.new ORDER BY a.position, a.id",
      n, n, n, n, n, n);
}

/* Names of views. */

static int get_word(struct cl_sqlite *s, const char *sql, int64_t study, char **ret, struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_prepare(s, sql, &row, e));
  (void)sqlite3_bind_int64(row, 1, study);
  int status = cl_sqlite_step(s, row, e);
  if (status == 1) {
    const char *text = cl_sqlite_text(row, 0);
    *ret = text == NULL ? NULL : cl_copy_text(text);
    status = text != NULL && *ret == NULL ? CL_FAIL_NOMEM(e) : 0;
  }
  (void)sqlite3_finalize(row);
  return status;
}

static int is_free(struct cl_sqlite *s, const char *word, bool *ret, struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_prepare(s, "SELECT 1 FROM studies WHERE view = ?1 COLLATE NOCASE LIMIT 1", &row, e));
  cl_sqlite_bind_text(row, 1, word);
  int status = cl_sqlite_step(s, row, e);
  *ret = status == 0 && !cl_view_is_like_table(word);
  (void)sqlite3_finalize(row);
  return status < 0 ? status : 0;
}

/* The study's name; with underscores behind it where the view would be called like a table, or like another
 * study's, which "7_" would be beside "7". */
static int choose_word(struct cl_sqlite *s, int64_t study, char **ret, struct cl_err *e) {
  char *name = NULL;
  CL_TRY(get_word(s, "SELECT name FROM studies WHERE study = ?1", study, &name, e));
  if (name == NULL) return CL_FAIL(e, CLADE_ECORRUPT, "study number %lld has no name", (long long)study);
  struct cl_text word = {0};
  cl_text_add(&word, name);
  cl_free(name);
  bool free_one = false;
  int status = 0;
  while (status == 0 && !word.failed && !free_one) {
    status = is_free(s, cl_text_get(&word), &free_one, e);
    if (!free_one) cl_text_add_char(&word, '_');
  }
  if (status == 0) {
    *ret = cl_text_take(&word);
    if (*ret == NULL) status = CL_FAIL_NOMEM(e);
  }
  cl_text_done(&word);
  if (status < 0) return status;
  cl_text_clear(&s->scratch);
  cl_text_add(&s->scratch, "UPDATE studies SET view = ");
  cl_view_add_quoted(&s->scratch, *ret, '\'');
  cl_text_format(&s->scratch, " WHERE study = %lld", (long long)study);
  status = cl_sqlite_exec_scratch(s, e);
  if (status < 0) {
    cl_free(*ret);
    *ret = NULL;
  }
  return status;
}

int cl_sqlite_has_changes(struct cl_sqlite *s, int64_t study, bool *ret, struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(s, SQL_ASSIGNED_ANY, &row, e));
  (void)sqlite3_bind_int64(row, 1, study * CL_SQLITE_POSITIONS);
  (void)sqlite3_bind_int64(row, 2, (study + 1) * CL_SQLITE_POSITIONS);
  int status = cl_sqlite_step(s, row, e);
  CL_TRY(status);
  *ret = status == 1;
  (void)sqlite3_reset(row);
  return 0;
}

static int write_views(struct cl_sqlite *s, const struct cl_sqlite_study *study, const char *word,
                       bool is_new, bool changes, struct cl_err *e) {
  static void (*const write[VIEWS])(struct cl_text *, const struct cl_sqlite_study *,
                                    bool) = {write_trials, write_reports, write_changes};
  assert(s->writing && word != NULL);
  cl_text_clear(&s->scratch);
  if (!changes)
    cl_text_add(&s->scratch,
                "CREATE TABLE IF NOT EXISTS no_changes (position, trial, hyperparameter, old, new, "
                "step, cause, time); ");
  for (int i = 0; i < VIEWS; i++) {
    if (!is_new) {
      cl_text_add(&s->scratch, "DROP VIEW IF EXISTS ");
      add_view_name(&s->scratch, views[i], word);
      cl_text_add(&s->scratch, "; ");
    }
    cl_text_add(&s->scratch, "CREATE VIEW ");
    add_view_name(&s->scratch, views[i], word);
    cl_text_add(&s->scratch, " AS ");
    write[i](&s->scratch, study, changes);
    CL_TRY(cl_sqlite_exec_scratch(s, e));
  }
  return is_new ? cl_sqlite_point_views(s, e) : 0;
}

int cl_sqlite_make_views(struct cl_sqlite *s, const struct cl_sqlite_study *study, struct cl_err *e) {
  char *word = NULL;
  bool changes = false;
  CL_TRY(cl_sqlite_has_changes(s, study->id, &changes, e));
  CL_TRY(get_word(s, "SELECT view FROM studies WHERE study = ?1", study->id, &word, e));
  bool is_new = word == NULL;
  int status = is_new ? choose_word(s, study->id, &word, e) : 0;
  if (status == 0) status = write_views(s, study, word, is_new, changes, e);
  cl_free(word);
  return status;
}

int cl_sqlite_drop_views(struct cl_sqlite *s, int64_t study, struct cl_err *e) {
  char *word = NULL;
  CL_TRY(get_word(s, "SELECT view FROM studies WHERE study = ?1", study, &word, e));
  int status = 0;
  cl_text_clear(&s->scratch);
  for (int i = 0; i < VIEWS && word != NULL && status == 0; i++) {
    cl_text_format(&s->scratch, "DROP VIEW IF EXISTS %s; DROP VIEW IF EXISTS ", views[i]);
    add_view_name(&s->scratch, views[i], word);
    status = cl_sqlite_exec_scratch(s, e);
  }
  cl_free(word);
  return status;
}

int cl_sqlite_point_views(struct cl_sqlite *s, struct cl_err *e) {
  char *word = NULL;
  assert(s->writing);
  CL_TRY(get_word(s, "SELECT view FROM studies WHERE ?1 = ?1 ORDER BY study DESC LIMIT 1", 0, &word, e));
  int status = 0;
  cl_text_clear(&s->scratch);
  for (int i = 0; i < VIEWS && status == 0; i++) {
    cl_text_format(&s->scratch, "DROP VIEW IF EXISTS %s;", views[i]);
    if (word != NULL) {
      cl_text_format(&s->scratch, "CREATE VIEW %s AS SELECT * FROM ", views[i]);
      add_view_name(&s->scratch, views[i], word);
    }
    status = cl_sqlite_exec_scratch(s, e);
  }
  cl_free(word);
  return status;
}
