/* The events that rows show: the reverse of sqlite_row.c.
 *
 * A statement that reads events calls the SQL function clade_row(row, first, column, …) with all columns of a
 * table, the first of these calls having first = 0. The function takes them over into the struct
 * cl_sqlite_row that the pointer bound as `row` points to: so a row is decoded where SQLite has it at hand,
 * which takes half the time of asking for each column afterwards. Texts are copied, because they do not
 * outlive the call.
 */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "store/sqlite_impl.h"

static const char pointer_type[] = "row"; /* short: SQLite compares it at every row */

/* Columns of one call, beside `row` and `first`; SQLite takes 127 arguments. */
enum { COLUMNS_AT_A_TIME = 120 };

/* Decoding. */

static double real_of(sqlite3_value *v) {
  int type = sqlite3_value_type(v);
  return type == SQLITE_FLOAT || type == SQLITE_INTEGER ? sqlite3_value_double(v) : CL_NO_STEP;
}

/* Copy a text; its offset among the copies, which may still move. */
static size_t copy_text(struct cl_sqlite_row *row, sqlite3_value *v) {
  size_t offset = row->texts.length;
  const char *text = (const char *)sqlite3_value_text(v);
  if (text != NULL) cl_text_add_bytes(&row->texts, text, (size_t)sqlite3_value_bytes(v) + 1);
  if (text == NULL || row->texts.failed) row->status = CLADE_ENOMEM;
  return offset;
}

/* *ret points to the copy when the row is complete. */
static void take_text(struct cl_sqlite_row *row, sqlite3_value *v, const char **ret) {
  *ret = NULL;
  if (sqlite3_value_type(v) != SQLITE_TEXT) return;
  assert(row->n_moving < (int)(sizeof row->moving / sizeof *row->moving));
  row->moving[row->n_moving].at = ret;
  row->moving[row->n_moving++].offset = copy_text(row, v);
}

static void settle_texts(struct cl_sqlite_row *row) {
  for (int i = 0; i < row->n_moving; i++) *row->moving[i].at = row->texts.bytes + row->moving[i].offset;
  if (row->texts.length == 0) return;
  for (size_t i = 0; i < row->n_values; i++)
    if (row->values[i].value.kind == CL_TEXT)
      row->values[i].value.as.text = row->texts.bytes + row->values[i].value.as.integer;
}

/* A text's offset stands in as.integer until settle_texts. */
static struct cl_value value_of(struct cl_sqlite_row *row, sqlite3_value *v) {
  switch (sqlite3_value_type(v)) {
  case SQLITE_FLOAT: return cl_value_real(sqlite3_value_double(v));
  case SQLITE_INTEGER: return cl_value_int(sqlite3_value_int64(v));
  case SQLITE_TEXT: return (struct cl_value){.kind = CL_TEXT, .as.integer = (int64_t)copy_text(row, v)};
  case SQLITE_BLOB:
    if (sqlite3_value_bytes(v) == 0) return (struct cl_value){.kind = CL_NULL};
    return cl_value_bool(*(const char *)sqlite3_value_blob(v) != 0);
  default: return (struct cl_value){.kind = CL_ABSENT};
  }
}

static void take_field(struct cl_sqlite_row *row, sqlite3_value **v, const struct cl_field *f) {
  void *at = (char *)&row->ev + f->offset;
  switch (f->type) {
  case CL_FIELD_INT32: *(int32_t *)at = sqlite3_value_int(v[0]); break;
  case CL_FIELD_INT64: *(int64_t *)at = sqlite3_value_int64(v[0]); break;
  case CL_FIELD_BOOL: *(bool *)at = sqlite3_value_int(v[0]) != 0; break;
  case CL_FIELD_REAL: *(double *)at = real_of(v[0]); break;
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: take_text(row, v[0], at); break;
  case CL_FIELD_NUMBERS:
    if (sqlite3_value_type(v[0]) == SQLITE_NULL) break;
    row->objective = real_of(v[0]);
    *(struct cl_number_list *)at = (struct cl_number_list){1, &row->objective};
    break;
  case CL_FIELD_ROLLUP: {
    struct cl_rollup *r = at;
    r->count = sqlite3_value_int64(v[3]);
    if (r->count == 0) break;
    r->last = real_of(v[0]);
    r->best = real_of(v[1]);
    r->sum = real_of(v[2]);
    break;
  }
  case CL_FIELD_ASSIGNED:
  case CL_FIELD_METRICS:
  case CL_FIELD_NAMES: assert(false); /* have no column of their own */
  }
}

static void take_shared(struct cl_sqlite_row *row, sqlite3_value **v) {
  struct cl_event *ev = &row->ev;
  row->place = sqlite3_value_int64(v[PLACE]);
  ev->position = row->place & (CL_SQLITE_POSITIONS - 1);
  ev->kind = (enum cl_kind)sqlite3_value_int(v[KIND]);
  ev->time_ms = sqlite3_value_int64(v[TIME]);
  ev->by = sqlite3_value_int(v[BY]);
  ev->subject = sqlite3_value_int64(v[SUBJECT]);
  if (row->table == DECISIONS) {
    ev->seen = sqlite3_value_int64(v[D_SEEN]);
    ev->as_of = sqlite3_value_int64(v[D_AS_OF]);
    ev->cause = (enum cl_cause)sqlite3_value_int(v[D_CAUSE]);
    take_text(row, v[D_ARGS], &ev->args);
    ev->attempt = sqlite3_value_int(v[D_ATTEMPT]);
  } else if (row->table != NOTES) {
    ev->attempt = sqlite3_value_int(v[A_ATTEMPT]);
    ev->late = sqlite3_value_int(v[A_LATE]) != 0;
  }
  if (ev->kind <= 0 || ev->kind >= CL_EVENT_KINDS) return; /* of a newer clade */
  const struct cl_layout *l = &row->s->layouts[ev->kind];
  for (int i = 0; i < l->n; i++) take_field(row, v + l->items[i].column, l->items[i].field);
  if (ev->kind == CL_EVENT_CLOCK) ev->u.clock.seconds = CL_NO_STEP; /* `more` leaves NaN out */
  take_text(row, v[cl_table_more(row->table)], &row->more_text);
}

static void take_trial(struct cl_sqlite_row *row, sqlite3_value **v) {
  struct cl_event *ev = &row->ev;
  int flags = sqlite3_value_int(v[T_FLAGS]);
  ev->kind = flags & IS_IMPORTED ? CL_EVENT_IMPORTED : CL_EVENT_PROPOSED;
  ev->subject = sqlite3_value_int64(v[T_TRIAL]);
  ev->position = sqlite3_value_int64(v[T_POSITION]);
  ev->time_ms = sqlite3_value_int64(v[T_TIME]);
  ev->by = sqlite3_value_int(v[T_BY]);
  if (flags & IS_IMPORTED) {
    ev->u.imported.last_step = CL_NO_STEP;
    take_text(row, v[T_ARGS], &row->more_text);
    return;
  }
  ev->as_of = sqlite3_value_int64(v[T_AS_OF]);
  ev->cause = (enum cl_cause)sqlite3_value_int(v[T_CAUSE]);
  if (!row->only_state) take_text(row, v[T_ARGS], &ev->args);
  ev->u.proposed.role = (enum cl_role)sqlite3_value_int(v[T_ROLE]);
  ev->u.proposed.of = sqlite3_value_int64(v[T_OF]);
  ev->u.proposed.repeat = sqlite3_value_int(v[T_REPEAT]);
  ev->u.proposed.parent = sqlite3_value_int64(v[T_PARENT]);
  ev->u.proposed.has_seed = sqlite3_value_type(v[T_SEED]) != SQLITE_NULL;
  ev->u.proposed.seed = sqlite3_value_int64(v[T_SEED]);
  ev->u.proposed.space_version = sqlite3_value_int(v[T_SPACE]);
  ev->u.proposed.infeasible = (flags & IS_INFEASIBLE) != 0;
}

static void take_report(struct cl_sqlite_row *row, sqlite3_value **v) {
  struct cl_event *ev = &row->ev;
  ev->kind = CL_EVENT_REPORTED;
  ev->position = sqlite3_value_int64(v[R_POSITION]);
  ev->subject = sqlite3_value_int64(v[R_TRIAL]);
  ev->attempt = sqlite3_value_int(v[R_ATTEMPT]);
  ev->u.reported.ordinal = sqlite3_value_int64(v[R_ORDINAL]);
  ev->u.reported.step = sqlite3_value_double(v[R_STEP]);
  ev->time_ms = sqlite3_value_int64(v[R_TIME]);
  ev->by = sqlite3_value_int(v[R_BY]);
  ev->late = sqlite3_value_int(v[R_LATE]) != 0;
}

static void take_metric(struct cl_sqlite_row *row, size_t index, sqlite3_value *v) {
  assert(index < row->study->names.n_metrics);
  if (sqlite3_value_type(v) == SQLITE_NULL) return;
  row->metrics[row->n_metrics++] =
      (struct cl_metric){(int)index + 1, row->study->names.metrics[index], real_of(v)};
}

/* What the row before this one needed. */
static void reset_row(struct cl_sqlite_row *row) {
  if (row->more != NULL) json_decref(row->more);
  if (row->memory != NULL) cl_free(row->memory);
  row->more = NULL;
  row->memory = NULL;
  row->more_text = NULL;
  if (row->texts.length > 0 || row->texts.failed) cl_text_clear(&row->texts);
  row->n_moving = 0;
  row->n_values = row->n_metrics = 0;
  row->status = 0;
  memset(&row->ev, 0, sizeof row->ev);
}

static bool make_room(struct cl_sqlite_row *row) {
  if (row->table != TRIALS && row->table != REPORTS) return true;
  assert(row->study != NULL);
  const struct cl_names *names = &row->study->names;
  if (row->table == TRIALS)
    return cl_grow(&row->values, &row->cap_values, names->n_hyperparameters, sizeof *row->values) == 0;
  return cl_grow(&row->metrics, &row->cap_metrics, names->n_metrics, sizeof *row->metrics) == 0;
}

static void clade_row(sqlite3_context *ctx, int n, sqlite3_value **v) {
  struct cl_sqlite_row *const *at_row = n > 2 ? sqlite3_value_pointer(v[0], pointer_type) : NULL;
  if (at_row == NULL) {
    sqlite3_result_error(ctx, "clade_row is for Clade itself", -1);
    return;
  }
  struct cl_sqlite_row *row = *at_row;
  int first = sqlite3_value_int(v[1]), at = 2, wide = row->table == TRIALS ? (int)T_VALUES : (int)R_METRICS;
  if (first == 0) {
    reset_row(row);
    if (!make_room(row)) row->status = CLADE_ENOMEM;
    if (row->table == TRIALS)
      take_trial(row, v + 2);
    else if (row->table == REPORTS)
      take_report(row, v + 2);
    else
      take_shared(row, v + 2);
    at += wide;
    first = wide;
  }
  if (row->table > REPORTS || row->status < 0) return;
  for (; at < n; at++, first++) {
    size_t index = (size_t)(first - wide);
    if (row->table == REPORTS)
      take_metric(row, index, v[at]);
    else if (sqlite3_value_type(v[at]) != SQLITE_NULL)
      row->values[row->n_values++] =
          (struct cl_assigned){row->study->names.hyperparameters[index].id, value_of(row, v[at])};
  }
}

int cl_sqlite_make_functions(struct cl_sqlite *s, struct cl_err *e) {
  int code = sqlite3_create_function_v2(s->db, "clade_row", -1, SQLITE_UTF8 | SQLITE_DIRECTONLY, NULL,
                                        clade_row, NULL, NULL, NULL);
  return code == SQLITE_OK ? 0 : cl_sqlite_fail(s, "open", e);
}

/* Statements. */

static bool is_named(const char *names, const char *name, size_t n) {
  for (const char *at = names; at != NULL && (at = strchr(at, ' ')) != NULL; at++)
    if (strncmp(at + 1, name, n) == 0 && at[n + 1] == ' ') return true;
  return false;
}

void cl_sqlite_select(struct cl_text *ret, const char *columns, const char *without) {
  cl_text_add(ret, "SELECT clade_row(?1, 0");
  int count = 0;
  for (const char *name = columns; *name != '\0'; count++) {
    size_t n = strcspn(name, ",");
    if (count > 0 && count % COLUMNS_AT_A_TIME == 0) cl_text_format(ret, "), clade_row(?1, %d", count);
    cl_text_add(ret, ", ");
    if (is_named(without, name, n) && n == 4 && memcmp(name, "args", n) == 0)
      cl_text_format(ret, "iif(kind = %d, args, NULL)", (int)CL_EVENT_STOPPED);
    else if (is_named(without, name, n))
      cl_text_add(ret, "NULL");
    else
      cl_text_add_bytes(ret, name, n);
    name += n;
    name += strspn(name, ", ");
  }
  cl_text_add(ret, ")");
}

void cl_sqlite_bind_row(sqlite3_stmt *statement, struct cl_sqlite_row **row) {
  assert((*row)->s != NULL && ((*row)->table > REPORTS || (*row)->study != NULL));
  (void)sqlite3_bind_pointer(statement, 1, row, pointer_type, NULL);
}

void cl_sqlite_row_done(struct cl_sqlite_row *row) {
  reset_row(row);
  cl_free(row->values);
  cl_free(row->metrics);
  cl_text_done(&row->texts);
}

/* Completing a row. */

static int read_more(struct cl_sqlite_row *row, struct cl_err *e) {
  assert(row->more == NULL && row->memory == NULL);
  json_error_t where;
  row->more = json_loads(row->more_text, 0, &where);
  if (row->more == NULL)
    return CL_FAIL(e, CLADE_ECORRUPT, "event %lld ('%s') cannot be read: %s", (long long)row->ev.position,
                   cl_kind_name(row->ev.kind), where.text);
  return cl_event_read_data(row->more, &row->ev, &row->memory, e);
}

static int read_assigned(struct cl_sqlite_row *row, struct cl_err *e) {
  assert(row->n_values == 0 && row->place > 0);
  sqlite3_stmt *from = NULL;
  CL_TRY(cl_sqlite_get(row->s, SQL_ASSIGNED, &from, e));
  (void)sqlite3_bind_int64(from, 1, row->place);
  int status;
  while ((status = cl_sqlite_step(row->s, from, e)) == 1) {
    if (cl_grow(&row->values, &row->cap_values, row->n_values + 1, sizeof *row->values) < 0)
      row->status = CLADE_ENOMEM;
    else
      row->values[row->n_values++] =
          (struct cl_assigned){sqlite3_column_int(from, 0), value_of(row, sqlite3_column_value(from, 1))};
    if (row->status == 0) continue;
    status = CL_FAIL_NOMEM(e);
    break;
  }
  (void)sqlite3_reset(from);
  return status;
}

int cl_sqlite_complete(struct cl_sqlite_row *row, struct cl_err *e) {
  struct cl_event *ev = &row->ev;
  if (row->status < 0) return CL_FAIL_NOMEM(e);
  if (ev->kind == CL_EVENT_REPORTED) {
    ev->u.reported.metrics = (struct cl_metric_list){(int)row->n_metrics, row->metrics};
    return 0;
  }
  if (ev->kind == CL_EVENT_EXPLOITED || ev->kind == CL_EVENT_SET) CL_TRY(read_assigned(row, e));
  settle_texts(row);
  if (row->more_text != NULL) CL_TRY(read_more(row, e));
  const struct cl_assigned_list values = {(int)row->n_values, row->values};
  switch (ev->kind) {
  case CL_EVENT_PROPOSED: ev->u.proposed.values = values; break;
  case CL_EVENT_IMPORTED: ev->u.imported.values = values; break;
  case CL_EVENT_EXPLOITED: ev->u.exploited.values = values; break;
  case CL_EVENT_SET: ev->u.set.values = values; break;
  default: break;
  }
  return 0;
}
