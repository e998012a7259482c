/* Events as rows. The fields of kinds in shared tables go where layout.h says; trials and reports, of
 * which there are most, are written out. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "store/sqlite_impl.h"

/* Writing. */

static void bind_int(sqlite3_stmt *row, int column, int64_t value) {
  (void)sqlite3_bind_int64(row, column + 1, value);
}

/* 0 means none in these columns; as NULL it is shown empty, and costs the same. */
static void bind_some(sqlite3_stmt *row, int column, int64_t value) {
  if (value != 0) bind_int(row, column, value);
}

static void bind_value(sqlite3_stmt *row, int index, struct cl_value v) {
  static const char truth[2] = {0, 1};
  switch (v.kind) {
  case CL_ABSENT: (void)sqlite3_bind_null(row, index); break;
  case CL_NULL: (void)sqlite3_bind_blob(row, index, truth, 0, SQLITE_STATIC); break;
  case CL_BOOL: (void)sqlite3_bind_blob(row, index, &truth[v.as.truth], 1, SQLITE_STATIC); break;
  case CL_INT: (void)sqlite3_bind_int64(row, index, v.as.integer); break;
  case CL_REAL: (void)sqlite3_bind_double(row, index, v.as.real + 0.0); break;
  case CL_TEXT: cl_sqlite_bind_text(row, index, v.as.text); break;
  }
}

static void bind_field(sqlite3_stmt *row, int column, const struct cl_event *ev, const struct cl_field *f) {
  const void *at = (const char *)ev + f->offset;
  switch (f->type) {
  case CL_FIELD_INT32: bind_int(row, column, *(const int32_t *)at); break;
  case CL_FIELD_INT64: bind_int(row, column, *(const int64_t *)at); break;
  case CL_FIELD_BOOL: bind_int(row, column, *(const bool *)at); break;
  case CL_FIELD_REAL: cl_sqlite_bind_real(row, column + 1, *(const double *)at); break;
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: cl_sqlite_bind_text(row, column + 1, *(const char *const *)at); break;
  case CL_FIELD_NUMBERS: {
    const struct cl_number_list *list = at;
    if (list->n > 0) cl_sqlite_bind_metric(row, column + 1, list->items[0]);
    break;
  }
  case CL_FIELD_ROLLUP: {
    const struct cl_rollup *r = at;
    if (r->count == 0) break;
    cl_sqlite_bind_metric(row, column + 1, r->last);
    cl_sqlite_bind_metric(row, column + 2, r->best);
    cl_sqlite_bind_metric(row, column + 3, r->sum);
    bind_int(row, column + 3, r->count);
    break;
  }
  case CL_FIELD_ASSIGNED:
  case CL_FIELD_METRICS:
  case CL_FIELD_NAMES: assert(false); /* have no column of their own */
  }
}

/* `more` of a row into s->scratch, which must stay until the row is written. */
static int bind_more(struct cl_sqlite *s, sqlite3_stmt *row, int column, const struct cl_event *ev,
                     uint32_t skip, struct cl_err *e) {
  cl_text_clear(&s->scratch);
  cl_event_write_data(ev, skip, &s->scratch);
  if (s->scratch.failed) return CL_FAIL_NOMEM(e);
  if (s->scratch.length > 0) cl_sqlite_bind_text(row, column + 1, cl_text_get(&s->scratch));
  return 0;
}

static int prepare_add(struct cl_sqlite *s, enum cl_table table, sqlite3_stmt **ret, struct cl_err *e) {
  if (s->adds[table] == NULL) {
    struct cl_text *t = &s->scratch;
    cl_text_clear(t);
    cl_text_format(t, "INSERT INTO %s (place, %s) VALUES (?", cl_table_name(table), cl_table_columns(table));
    for (int i = 1; i < cl_table_n_columns(table); i++) cl_text_add(t, ", ?");
    cl_text_add(t, ")");
    if (t->failed) return CL_FAIL_NOMEM(e);
    CL_TRY(cl_sqlite_prepare(s, cl_text_get(t), &s->adds[table], e));
  }
  (void)sqlite3_clear_bindings(s->adds[table]);
  *ret = s->adds[table];
  return 0;
}

static int add_assigned(struct cl_sqlite *s, int64_t place, const struct cl_assigned_list *values,
                        struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(s, SQL_ASSIGNED_ADD, &row, e));
  for (int i = 0; i < values->n; i++) {
    (void)sqlite3_bind_int64(row, 1, place);
    (void)sqlite3_bind_int(row, 2, values->items[i].id);
    bind_value(row, 3, values->items[i].value);
    CL_TRY(cl_sqlite_run(s, row, e));
  }
  return 0;
}

static int add_shared(struct cl_sqlite *s, int64_t study, const struct cl_event *ev, struct cl_err *e) {
  const struct cl_layout *l = &s->layouts[ev->kind];
  int64_t place = study * CL_SQLITE_POSITIONS + ev->position;
  sqlite3_stmt *row = NULL;
  CL_TRY(prepare_add(s, l->table, &row, e));
  bind_int(row, PLACE, place);
  bind_int(row, KIND, ev->kind);
  bind_int(row, TIME, ev->time_ms);
  bind_int(row, BY, ev->by);
  bind_int(row, SUBJECT, ev->subject);
  if (l->table == DECISIONS) {
    bind_int(row, D_SEEN, ev->seen);
    bind_int(row, D_AS_OF, ev->as_of);
    bind_int(row, D_CAUSE, ev->cause);
    cl_sqlite_bind_text(row, D_ARGS + 1, ev->args);
    bind_some(row, D_ATTEMPT, ev->attempt);
  } else if (l->table != NOTES) {
    bind_int(row, A_ATTEMPT, ev->attempt);
    bind_int(row, A_LATE, ev->late);
  }
  for (int i = 0; i < l->n; i++) bind_field(row, l->items[i].column, ev, l->items[i].field);
  CL_TRY(bind_more(s, row, cl_table_more(l->table), ev, cl_layout_skip(l, ev), e));
  CL_TRY(cl_sqlite_run(s, row, e));
  const struct cl_assigned_list *values = cl_event_values(ev);
  return values == NULL ? 0 : add_assigned(s, place, values, e);
}

/* Trials and reports. */

void cl_sqlite_trial_columns(const struct cl_sqlite_study *study, struct cl_text *ret) {
  cl_text_add(
      ret, "trial, position, time, \"by\", as_of, cause, args, role, of, repeat, parent, seed, space, flags");
  for (size_t i = 0; i < study->names.n_hyperparameters; i++)
    cl_text_format(ret, ", h%d", study->names.hyperparameters[i].id);
}

void cl_sqlite_report_columns(const struct cl_sqlite_study *study, struct cl_text *ret) {
  cl_text_add(ret, "position, trial, attempt, ordinal, step, time, \"by\", late");
  for (size_t i = 0; i < study->names.n_metrics; i++) cl_text_format(ret, ", m%d", (int)i + 1);
}

/* The columns of a report with the values that add_report binds. */
static void write_report_add(struct cl_sqlite *s, const struct cl_sqlite_study *study, struct cl_text *t) {
  size_t n = R_METRICS + study->names.n_metrics;
  if (s->schema < 2) {
    cl_sqlite_report_columns(study, t);
    cl_text_add(t, ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8");
  } else {
    cl_text_add(t, "position, trial, run, ordinal, step, time, \"by\"");
    for (size_t i = 0; i < study->names.n_metrics; i++) cl_text_format(t, ", m%d", (int)i + 1);
    cl_text_add(t, ") VALUES (?1, ?2, (?3 - 1) * 2 + ?8, ?4, ?5, ?6, ?7");
  }
  for (size_t i = R_METRICS; i < n; i++) cl_text_format(t, ", ?%d", (int)i + 1);
}

static void write_trial_add(const struct cl_sqlite_study *study, struct cl_text *t) {
  size_t n = T_VALUES + study->names.n_hyperparameters;
  cl_sqlite_trial_columns(study, t);
  cl_text_add(t, ") VALUES (?");
  for (size_t i = 1; i < n; i++) cl_text_add(t, ", ?");
}

static int prepare_wide(struct cl_sqlite *s, const struct cl_sqlite_study *study, bool trials,
                        sqlite3_stmt **statement, struct cl_err *e) {
  if (*statement == NULL) {
    struct cl_text *t = &s->scratch;
    cl_text_clear(t);
    cl_text_format(t, "INSERT INTO %s_%lld (", trials ? "trials" : "reports", (long long)study->id);
    if (trials)
      write_trial_add(study, t);
    else
      write_report_add(s, study, t);
    cl_text_add(t, ")");
    if (t->failed) return CL_FAIL_NOMEM(e);
    CL_TRY(cl_sqlite_prepare(s, cl_text_get(t), statement, e));
  }
  (void)sqlite3_clear_bindings(*statement);
  return 0;
}

static int add_trial(struct cl_sqlite *s, struct cl_sqlite_study *study, const struct cl_event *ev,
                     struct cl_err *e) {
  CL_TRY(prepare_wide(s, study, true, &study->add_trial, e));
  sqlite3_stmt *row = study->add_trial;
  bool imported = ev->kind == CL_EVENT_IMPORTED;
  bind_int(row, T_TRIAL, ev->subject);
  bind_int(row, T_POSITION, ev->position);
  bind_int(row, T_TIME, ev->time_ms);
  bind_int(row, T_BY, ev->by);
  if (imported) {
    bind_int(row, T_FLAGS, IS_IMPORTED);
    bind_int(row, T_ROLE, CL_ROLE_FOREIGN);
    CL_TRY(bind_more(s, row, T_ARGS, ev, cl_layout_skip_values(ev->kind), e));
  } else {
    bind_int(row, T_AS_OF, ev->as_of);
    bind_int(row, T_CAUSE, ev->cause);
    cl_sqlite_bind_text(row, T_ARGS + 1, ev->args);
    bind_int(row, T_ROLE, ev->u.proposed.role);
    bind_some(row, T_OF, ev->u.proposed.of);
    bind_int(row, T_REPEAT, ev->u.proposed.repeat);
    bind_some(row, T_PARENT, ev->u.proposed.parent);
    if (ev->u.proposed.has_seed) bind_int(row, T_SEED, ev->u.proposed.seed);
    bind_int(row, T_SPACE, ev->u.proposed.space_version);
    bind_int(row, T_FLAGS, ev->u.proposed.infeasible ? IS_INFEASIBLE : 0);
  }
  const struct cl_assigned_list *values = cl_event_values(ev);
  for (int i = 0; i < values->n; i++) {
    int at = cl_names_hyperparameter_near(&study->names, values->items[i].id, i);
    assert(at >= 0);
    bind_value(row, T_VALUES + at + 1, values->items[i].value);
  }
  return cl_sqlite_run(s, row, e);
}

static int add_report(struct cl_sqlite *s, struct cl_sqlite_study *study, const struct cl_event *ev,
                      struct cl_err *e) {
  CL_TRY(prepare_wide(s, study, false, &study->add_report, e));
  sqlite3_stmt *row = study->add_report;
  bind_int(row, R_POSITION, ev->position);
  bind_int(row, R_TRIAL, ev->subject);
  bind_int(row, R_ATTEMPT, ev->attempt);
  bind_int(row, R_ORDINAL, ev->u.reported.ordinal);
  cl_sqlite_bind_real(row, R_STEP + 1, ev->u.reported.step);
  bind_int(row, R_TIME, ev->time_ms);
  bind_int(row, R_BY, ev->by);
  bind_int(row, R_LATE, ev->late);
  for (int i = 0; i < ev->u.reported.metrics.n; i++) {
    const struct cl_metric *m = &ev->u.reported.metrics.items[i];
    assert(m->id >= 1 && (size_t)m->id <= study->names.n_metrics);
    cl_sqlite_bind_metric(row, R_METRICS + m->id, m->value);
  }
  return cl_sqlite_run(s, row, e);
}

int cl_sqlite_add_row(struct cl_sqlite *s, struct cl_sqlite_study *study, const struct cl_event *ev,
                      struct cl_err *e) {
  assert(ev->position > 0 && ev->position < CL_SQLITE_POSITIONS);
  CL_TRY(cl_names_check(&study->names, ev, e));
  switch (s->layouts[ev->kind].table) {
  case TRIALS: return add_trial(s, study, ev, e);
  case REPORTS: return add_report(s, study, ev, e);
  default: return add_shared(s, study->id, ev, e);
  }
}
