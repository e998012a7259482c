/* The events that rows show: the reverse of sqlite_row.c. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "store/sqlite_impl.h"

static struct cl_value value_of(sqlite3_stmt *from, int column) {
  switch (sqlite3_column_type(from, column)) {
  case SQLITE_INTEGER: return cl_value_int(sqlite3_column_int64(from, column));
  case SQLITE_FLOAT: return cl_value_real(sqlite3_column_double(from, column));
  case SQLITE_TEXT: return cl_value_text(cl_sqlite_text(from, column));
  case SQLITE_BLOB: {
    const char *bytes = sqlite3_column_blob(from, column);
    if (sqlite3_column_bytes(from, column) == 0) return (struct cl_value){.kind = CL_NULL};
    return cl_value_bool(bytes[0] != 0);
  }
  default: return (struct cl_value){.kind = CL_ABSENT};
  }
}

static void fill_field(sqlite3_stmt *from, int column, struct cl_sqlite_row *row, const struct cl_field *f) {
  void *at = (char *)&row->ev + f->offset;
  switch (f->type) {
  case CL_FIELD_INT32: *(int32_t *)at = sqlite3_column_int(from, column); break;
  case CL_FIELD_INT64: *(int64_t *)at = sqlite3_column_int64(from, column); break;
  case CL_FIELD_BOOL: *(bool *)at = sqlite3_column_int(from, column) != 0; break;
  case CL_FIELD_REAL: *(double *)at = cl_sqlite_real(from, column); break;
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: *(const char **)at = cl_sqlite_text(from, column); break;
  case CL_FIELD_NUMBERS:
    if (sqlite3_column_type(from, column) == SQLITE_NULL) break;
    row->objective = cl_sqlite_real(from, column);
    *(struct cl_number_list *)at = (struct cl_number_list){1, &row->objective};
    break;
  case CL_FIELD_ROLLUP:
    *(struct cl_rollup *)at = (struct cl_rollup){.count = sqlite3_column_int64(from, column + 3)};
    if (((struct cl_rollup *)at)->count == 0) break;
    ((struct cl_rollup *)at)->last = cl_sqlite_real(from, column);
    ((struct cl_rollup *)at)->best = cl_sqlite_real(from, column + 1);
    ((struct cl_rollup *)at)->sum = cl_sqlite_real(from, column + 2);
    break;
  case CL_FIELD_ASSIGNED:
  case CL_FIELD_METRICS:
  case CL_FIELD_NAMES: assert(false);
  }
}

/* What the row before this one needed. */
static void reset_row(struct cl_sqlite_row *row) {
  if (row->more != NULL) json_decref(row->more);
  if (row->memory != NULL) cl_free(row->memory);
  row->more = NULL;
  row->memory = NULL;
  memset(&row->ev, 0, sizeof row->ev);
}

void cl_sqlite_row_done(struct cl_sqlite_row *row) {
  reset_row(row);
  cl_free(row->values);
  cl_free(row->metrics);
  cl_text_done(&row->texts);
}

static int fill_more(sqlite3_stmt *from, int column, struct cl_sqlite_row *row, struct cl_err *e) {
  const char *text = cl_sqlite_text(from, column);
  if (text == NULL) return 0;
  json_error_t where;
  row->more = json_loads(text, 0, &where);
  if (row->more == NULL)
    return CL_FAIL(e, CLADE_ECORRUPT, "event %lld ('%s') cannot be read: %s", (long long)row->ev.position,
                   cl_kind_name(row->ev.kind), where.text);
  return cl_event_read_data(row->more, &row->ev, &row->memory, e);
}

/* The texts are copied, because the next step would take them away; they are put in place at the end, when
 * the copies no longer move. */
static int fill_assigned(struct cl_sqlite *s, int64_t place, struct cl_sqlite_row *row, int *ret_n,
                         struct cl_err *e) {
  sqlite3_stmt *from = NULL;
  CL_TRY(cl_sqlite_get(s, SQL_ASSIGNED, &from, e));
  (void)sqlite3_bind_int64(from, 1, place);
  cl_text_clear(&row->texts);
  int n = 0, status;
  while ((status = cl_sqlite_step(s, from, e)) == 1) {
    struct cl_value v = value_of(from, 1);
    if (v.kind == CL_TEXT) cl_text_add_bytes(&row->texts, v.as.text, strlen(v.as.text) + 1);
    if (row->texts.failed ||
        cl_grow(&row->values, &row->cap_values, (size_t)n + 1, sizeof *row->values) < 0) {
      status = CL_FAIL_NOMEM(e);
      break;
    }
    row->values[n++] = (struct cl_assigned){sqlite3_column_int(from, 0), v};
  }
  (void)sqlite3_reset(from);
  const char *text = row->texts.bytes;
  for (int i = 0; i < n && status == 0; i++) {
    if (row->values[i].value.kind != CL_TEXT) continue;
    row->values[i].value.as.text = text;
    text += strlen(text) + 1;
  }
  *ret_n = n;
  return status;
}

int cl_sqlite_fill_shared(struct cl_sqlite *s, sqlite3_stmt *from, enum cl_sqlite_table table,
                          struct cl_sqlite_row *row, struct cl_err *e) {
  reset_row(row);
  struct cl_event *ev = &row->ev;
  int64_t place = sqlite3_column_int64(from, PLACE);
  ev->position = place & (CL_SQLITE_POSITIONS - 1);
  ev->kind = (enum cl_kind)sqlite3_column_int(from, KIND);
  ev->time_ms = sqlite3_column_int64(from, TIME);
  ev->by = sqlite3_column_int(from, BY);
  ev->subject = sqlite3_column_int64(from, SUBJECT);
  if (table == DECISIONS) {
    ev->seen = sqlite3_column_int64(from, D_SEEN);
    ev->as_of = sqlite3_column_int64(from, D_AS_OF);
    ev->cause = (enum cl_cause)sqlite3_column_int(from, D_CAUSE);
    ev->args = cl_sqlite_text(from, D_ARGS);
    ev->attempt = sqlite3_column_int(from, D_ATTEMPT);
  } else if (table != NOTES) {
    ev->attempt = sqlite3_column_int(from, A_ATTEMPT);
    ev->late = sqlite3_column_int(from, A_LATE) != 0;
  }
  if (ev->kind <= 0 || ev->kind >= CL_EVENT_KINDS) return 0; /* of a newer clade */
  const struct cl_sqlite_layout *l = &s->layouts[ev->kind];
  if (ev->kind == CL_EVENT_CLOCK) ev->u.clock.seconds = CL_NO_STEP; /* `more` leaves NaN out */
  for (int i = 0; i < l->n; i++) fill_field(from, l->items[i].column, row, l->items[i].field);
  CL_TRY(fill_more(from, cl_sqlite_more(table), row, e));
  if (ev->kind != CL_EVENT_EXPLOITED && ev->kind != CL_EVENT_SET) return 0;
  int n = 0;
  CL_TRY(fill_assigned(s, place, row, &n, e));
  struct cl_assigned_list values = {n, row->values};
  if (ev->kind == CL_EVENT_SET)
    ev->u.set.values = values;
  else
    ev->u.exploited.values = values;
  return 0;
}

static int fill_values(const struct cl_sqlite_study *study, sqlite3_stmt *from, struct cl_sqlite_row *row,
                       struct cl_assigned_list *ret, struct cl_err *e) {
  size_t width = study->names.n_hyperparameters;
  if (cl_grow(&row->values, &row->cap_values, width, sizeof *row->values) < 0) return CL_FAIL_NOMEM(e);
  int n = 0;
  for (size_t i = 0; i < width; i++) {
    struct cl_value v = value_of(from, T_VALUES + (int)i);
    if (v.kind != CL_ABSENT) row->values[n++] = (struct cl_assigned){study->names.hyperparameters[i].id, v};
  }
  *ret = (struct cl_assigned_list){n, row->values};
  return 0;
}

int cl_sqlite_fill_trial(const struct cl_sqlite_study *study, sqlite3_stmt *from, struct cl_sqlite_row *row,
                         struct cl_err *e) {
  reset_row(row);
  struct cl_event *ev = &row->ev;
  int flags = sqlite3_column_int(from, T_FLAGS);
  ev->subject = sqlite3_column_int64(from, T_TRIAL);
  ev->position = sqlite3_column_int64(from, T_POSITION);
  ev->time_ms = sqlite3_column_int64(from, T_TIME);
  ev->by = sqlite3_column_int(from, T_BY);
  if (flags & IS_IMPORTED) {
    ev->kind = CL_EVENT_IMPORTED;
    ev->u.imported.last_step = CL_NO_STEP;
    CL_TRY(fill_more(from, T_ARGS, row, e));
    return fill_values(study, from, row, &ev->u.imported.values, e);
  }
  ev->kind = CL_EVENT_PROPOSED;
  ev->as_of = sqlite3_column_int64(from, T_AS_OF);
  ev->cause = (enum cl_cause)sqlite3_column_int(from, T_CAUSE);
  ev->args = cl_sqlite_text(from, T_ARGS);
  ev->u.proposed.role = (enum cl_role)sqlite3_column_int(from, T_ROLE);
  ev->u.proposed.of = sqlite3_column_int64(from, T_OF);
  ev->u.proposed.repeat = sqlite3_column_int(from, T_REPEAT);
  ev->u.proposed.parent = sqlite3_column_int64(from, T_PARENT);
  ev->u.proposed.has_seed = sqlite3_column_type(from, T_SEED) != SQLITE_NULL;
  ev->u.proposed.seed = sqlite3_column_int64(from, T_SEED);
  ev->u.proposed.space_version = sqlite3_column_int(from, T_SPACE);
  ev->u.proposed.infeasible = (flags & IS_INFEASIBLE) != 0;
  return fill_values(study, from, row, &ev->u.proposed.values, e);
}

int cl_sqlite_fill_report(const struct cl_sqlite_study *study, sqlite3_stmt *from, struct cl_sqlite_row *row,
                          struct cl_err *e) {
  reset_row(row);
  size_t width = study->names.n_metrics;
  if (cl_grow(&row->metrics, &row->cap_metrics, width, sizeof *row->metrics) < 0) return CL_FAIL_NOMEM(e);
  struct cl_event *ev = &row->ev;
  ev->kind = CL_EVENT_REPORTED;
  ev->position = sqlite3_column_int64(from, R_POSITION);
  ev->subject = sqlite3_column_int64(from, R_TRIAL);
  ev->attempt = sqlite3_column_int(from, R_ATTEMPT);
  ev->time_ms = sqlite3_column_int64(from, R_TIME);
  ev->by = sqlite3_column_int(from, R_BY);
  ev->late = sqlite3_column_int(from, R_LATE) != 0;
  ev->u.reported.ordinal = sqlite3_column_int64(from, R_ORDINAL);
  ev->u.reported.step = sqlite3_column_double(from, R_STEP);
  int n = 0;
  for (size_t i = 0; i < width; i++) {
    if (sqlite3_column_type(from, R_METRICS + (int)i) == SQLITE_NULL) continue;
    row->metrics[n++] =
        (struct cl_metric){(int)i + 1, study->names.metrics[i], cl_sqlite_real(from, R_METRICS + (int)i)};
  }
  ev->u.reported.metrics = (struct cl_metric_list){n, row->metrics};
  return 0;
}
