/* The events that rows show: the reverse of postgres_row.c. Texts are borrowed from the rows. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/postgres_impl.h"

struct at {
  const struct cl_postgres *s;
  const PGresult *rows;
  int row;
};

static int64_t int_at(const struct at *a, int column) {
  return cl_postgres_int(a->s, a->rows, a->row, column);
}

static double real_at(const struct at *a, int column) {
  return cl_postgres_real(a->s, a->rows, a->row, column);
}

static const char *text_at(const struct at *a, int column) {
  return cl_postgres_text(a->s, a->rows, a->row, column);
}

static bool null_at(const struct at *a, int column) {
  return cl_postgres_null(a->s, a->rows, a->row, column);
}

/* Keep a node for as long as values borrow from it: takes it. */
static int keep_node(struct cl_postgres_row *row, json_t *node, struct cl_err *e) {
  if (row->texts == NULL) row->texts = json_array();
  if (node == NULL || row->texts == NULL || json_array_append_new(row->texts, node) < 0)
    return CL_FAIL_NOMEM(e);
  return 0;
}

static int value_of(struct cl_postgres_row *row, const char *json, struct cl_value *ret, struct cl_err *e) {
  json_error_t where;
  json_t *node = json_loads(json, JSON_DECODE_ANY, &where);
  if (node == NULL)
    return CL_FAIL(e, CLADE_ECORRUPT, "a value of event %lld cannot be read: %s", (long long)row->ev.position,
                   where.text);
  CL_TRY(keep_node(row, node, e));
  return cl_value_from_json(node, ret, e);
}

static int add_value(struct cl_postgres_row *row, int id, struct cl_value v, struct cl_err *e) {
  if (cl_grow(&row->values, &row->cap_values, row->n_values + 1, sizeof *row->values) < 0)
    return CL_FAIL_NOMEM(e);
  row->values[row->n_values++] = (struct cl_assigned){id, v};
  return 0;
}

static void take_field(struct cl_postgres_row *row, const struct at *a, int column,
                       const struct cl_field *f) {
  void *at = (char *)&row->ev + f->offset;
  switch (f->type) {
  case CL_FIELD_INT32: *(int32_t *)at = (int32_t)int_at(a, column); break;
  case CL_FIELD_INT64: *(int64_t *)at = int_at(a, column); break;
  case CL_FIELD_BOOL: *(bool *)at = int_at(a, column) != 0; break;
  case CL_FIELD_REAL: *(double *)at = real_at(a, column); break;
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: *(const char **)at = text_at(a, column); break;
  case CL_FIELD_NUMBERS:
    if (null_at(a, column)) break;
    row->objective = real_at(a, column);
    *(struct cl_number_list *)at = (struct cl_number_list){1, &row->objective};
    break;
  case CL_FIELD_ROLLUP: {
    struct cl_rollup *r = at;
    r->count = int_at(a, column + 3);
    if (r->count == 0) break;
    r->last = real_at(a, column);
    r->best = real_at(a, column + 1);
    r->sum = real_at(a, column + 2);
    break;
  }
  case CL_FIELD_ASSIGNED:
  case CL_FIELD_METRICS:
  case CL_FIELD_NAMES: assert(false); /* have no column of their own */
  }
}

static int read_more(struct cl_postgres_row *row, const char *more, struct cl_err *e) {
  assert(row->more == NULL && row->memory == NULL);
  json_error_t where;
  if (more == NULL) return 0;
  row->more = json_loads(more, 0, &where);
  if (row->more == NULL)
    return CL_FAIL(e, CLADE_ECORRUPT, "event %lld ('%s') cannot be read: %s", (long long)row->ev.position,
                   cl_kind_name(row->ev.kind), where.text);
  return cl_event_read_data(row->more, &row->ev, &row->memory, e);
}

/* The values of an event: of its rows in `assigned`, which begin at *next. */
static int take_assigned(struct cl_postgres_row *row, const PGresult *assigned, int *next, struct cl_err *e) {
  const struct cl_postgres *s = row->s;
  int n = s->pq.PQntuples(assigned);
  while (*next < n && cl_postgres_int(s, assigned, *next, 0) < row->ev.position) ++*next;
  for (; *next < n && cl_postgres_int(s, assigned, *next, 0) == row->ev.position; ++*next) {
    struct cl_value v;
    CL_TRY(value_of(row, s->pq.PQgetvalue(assigned, *next, 2), &v, e));
    CL_TRY(add_value(row, (int)cl_postgres_int(s, assigned, *next, 1), v, e));
  }
  return 0;
}

static int take_shared(struct cl_postgres_row *row, enum cl_table table, const struct at *a,
                       const PGresult *assigned, int *next, struct cl_err *e) {
  struct cl_event *ev = &row->ev;
  ev->position = int_at(a, PLACE);
  ev->kind = (enum cl_kind)int_at(a, KIND);
  ev->time_ms = int_at(a, TIME);
  ev->by = (int32_t)int_at(a, BY);
  ev->subject = int_at(a, SUBJECT);
  if (table == DECISIONS) {
    ev->seen = int_at(a, D_SEEN);
    ev->as_of = int_at(a, D_AS_OF);
    ev->cause = (enum cl_cause)int_at(a, D_CAUSE);
    ev->args = text_at(a, D_ARGS);
    ev->attempt = (int32_t)int_at(a, D_ATTEMPT);
  } else if (table != NOTES) {
    ev->attempt = (int32_t)int_at(a, A_ATTEMPT);
    ev->late = int_at(a, A_LATE) != 0;
  }
  if (ev->kind <= 0 || ev->kind >= CL_EVENT_KINDS) return 0; /* of a newer clade */
  const struct cl_layout *l = &row->s->layouts[ev->kind];
  for (int i = 0; i < l->n; i++) take_field(row, a, l->items[i].column, l->items[i].field);
  if (ev->kind == CL_EVENT_CLOCK) ev->u.clock.seconds = CL_NO_STEP; /* `more` leaves NaN out */
  CL_TRY(read_more(row, text_at(a, cl_table_more(table)), e));
  if (ev->kind != CL_EVENT_EXPLOITED && ev->kind != CL_EVENT_SET) return 0;
  if (assigned != NULL) CL_TRY(take_assigned(row, assigned, next, e));
  const struct cl_assigned_list values = {(int)row->n_values, row->values};
  if (ev->kind == CL_EVENT_SET)
    ev->u.set.values = values;
  else
    ev->u.exploited.values = values;
  return 0;
}

static int by_id(const void *a, const void *b) {
  int x = ((const struct cl_assigned *)a)->id, y = ((const struct cl_assigned *)b)->id;
  return (x > y) - (x < y);
}

static int take_odd(struct cl_postgres_row *row, const char *odd, struct cl_err *e) {
  json_t *node = json_loads(odd, 0, NULL), *one;
  const char *key;
  CL_TRY(keep_node(row, node, e));
  json_object_foreach(node, key, one) {
    int64_t id = 0;
    struct cl_value v;
    (void)cl_text_to_int(key, &id);
    CL_TRY(cl_value_from_json(one, &v, e));
    CL_TRY(add_value(row, (int)id, v, e));
  }
  qsort(row->values, row->n_values, sizeof *row->values, by_id);
  return 0;
}

static int take_values(struct cl_postgres_row *row, const struct at *a, struct cl_err *e) {
  const struct cl_names *names = &row->study->names;
  for (size_t i = 0; i < names->n_hyperparameters; i++) {
    const struct cl_names_item *item = &names->hyperparameters[i];
    int column = T_VALUES + 1 + (int)i;
    struct cl_value v;
    if (null_at(a, column)) continue;
    if (item->whole)
      v = cl_value_int(int_at(a, column));
    else if (item->plain)
      v = cl_value_real(real_at(a, column));
    else
      CL_TRY(value_of(row, text_at(a, column), &v, e));
    CL_TRY(add_value(row, item->id, v, e));
  }
  const char *odd = text_at(a, T_VALUES);
  return odd == NULL ? 0 : take_odd(row, odd, e);
}

static int take_trial(struct cl_postgres_row *row, const struct at *a, struct cl_err *e) {
  struct cl_event *ev = &row->ev;
  int64_t flags = int_at(a, T_FLAGS);
  ev->kind = flags & IS_IMPORTED ? CL_EVENT_IMPORTED : CL_EVENT_PROPOSED;
  ev->subject = int_at(a, T_TRIAL);
  ev->position = int_at(a, T_POSITION);
  ev->time_ms = int_at(a, T_TIME);
  ev->by = (int32_t)int_at(a, T_BY);
  CL_TRY(take_values(row, a, e));
  const struct cl_assigned_list values = {(int)row->n_values, row->values};
  if (flags & IS_IMPORTED) {
    ev->u.imported.last_step = CL_NO_STEP;
    CL_TRY(read_more(row, text_at(a, T_ARGS), e));
    ev->u.imported.values = values;
    return 0;
  }
  ev->as_of = int_at(a, T_AS_OF);
  ev->cause = (enum cl_cause)int_at(a, T_CAUSE);
  ev->args = text_at(a, T_ARGS);
  ev->u.proposed.role = (enum cl_role)int_at(a, T_ROLE);
  ev->u.proposed.of = int_at(a, T_OF);
  ev->u.proposed.repeat = (int)int_at(a, T_REPEAT);
  ev->u.proposed.parent = int_at(a, T_PARENT);
  ev->u.proposed.has_seed = !null_at(a, T_SEED);
  ev->u.proposed.seed = int_at(a, T_SEED);
  ev->u.proposed.space_version = (int)int_at(a, T_SPACE);
  ev->u.proposed.infeasible = (flags & IS_INFEASIBLE) != 0;
  ev->u.proposed.values = values;
  return 0;
}

static int take_report(struct cl_postgres_row *row, const struct at *a, struct cl_err *e) {
  struct cl_event *ev = &row->ev;
  const struct cl_names *names = &row->study->names;
  ev->kind = CL_EVENT_REPORTED;
  ev->position = int_at(a, R_POSITION);
  ev->subject = int_at(a, R_TRIAL);
  ev->attempt = (int32_t)int_at(a, R_ATTEMPT);
  ev->u.reported.ordinal = int_at(a, R_ORDINAL);
  ev->u.reported.step = real_at(a, R_STEP);
  ev->time_ms = int_at(a, R_TIME);
  ev->by = (int32_t)int_at(a, R_BY);
  ev->late = int_at(a, R_LATE) != 0;
  if (cl_grow(&row->metrics, &row->cap_metrics, names->n_metrics, sizeof *row->metrics) < 0)
    return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < names->n_metrics; i++)
    if (!null_at(a, R_METRICS + (int)i))
      row->metrics[row->n_metrics++] =
          (struct cl_metric){(int)i + 1, names->metrics[i], real_at(a, R_METRICS + (int)i)};
  ev->u.reported.metrics = (struct cl_metric_list){(int)row->n_metrics, row->metrics};
  return 0;
}

/* What the row before this one needed. */
static void reset_row(struct cl_postgres_row *row) {
  if (row->more != NULL) json_decref(row->more);
  if (row->texts != NULL) json_decref(row->texts);
  cl_free(row->memory);
  row->more = row->texts = NULL;
  row->memory = NULL;
  row->n_values = row->n_metrics = 0;
  memset(&row->ev, 0, sizeof row->ev);
}

void cl_postgres_row_done(struct cl_postgres_row *row) {
  reset_row(row);
  cl_free(row->values);
  cl_free(row->metrics);
}

int cl_postgres_fill(struct cl_postgres_row *row, enum cl_table table, const PGresult *rows, int row_number,
                     const PGresult *assigned, int *at, struct cl_err *e) {
  const struct at a = {row->s, rows, row_number};
  assert(row->s != NULL && row->study != NULL);
  reset_row(row);
  switch (table) {
  case TRIALS: return take_trial(row, &a, e);
  case REPORTS: return take_report(row, &a, e);
  default: return take_shared(row, table, &a, assigned, at, e);
  }
}
