/* Events as rows: the fields of kinds in shared tables go where layout.h says; trials and reports, of which
 * there are most, are written out. Rows are sent, not collected: the commit waits for all of them. */
#include <assert.h>
#include <string.h>

#include "store/postgres_impl.h"

static void put_field(struct cl_postgres *s, const struct cl_event *ev, const struct cl_field *f) {
  const void *at = (const char *)ev + f->offset;
  switch (f->type) {
  case CL_FIELD_INT32: cl_postgres_put_int(s, *(const int32_t *)at); break;
  case CL_FIELD_INT64: cl_postgres_put_int(s, *(const int64_t *)at); break;
  case CL_FIELD_BOOL: cl_postgres_put_int(s, *(const bool *)at); break;
  case CL_FIELD_REAL: cl_postgres_put_real(s, *(const double *)at); break;
  case CL_FIELD_TEXT:
  case CL_FIELD_JSON: cl_postgres_put_text(s, *(const char *const *)at); break;
  case CL_FIELD_NUMBERS: {
    const struct cl_number_list *list = at;
    if (list->n > 0)
      cl_postgres_put_metric(s, list->items[0]);
    else
      cl_postgres_put_no_real(s);
    break;
  }
  case CL_FIELD_ROLLUP: {
    const struct cl_rollup *r = at;
    const double sums[] = {r->last, r->best, r->sum};
    for (int i = 0; i < 3; i++)
      if (r->count > 0)
        cl_postgres_put_metric(s, sums[i]);
      else
        cl_postgres_put_no_real(s);
    cl_postgres_put_some(s, r->count);
    break;
  }
  case CL_FIELD_ASSIGNED:
  case CL_FIELD_METRICS:
  case CL_FIELD_NAMES: assert(false); /* have no column of their own */
  }
}

/* Columns of a shared table that hold no number, by their place behind the key: t text, r real. The rest are
 * integers. */
static const char column_types[TABLES][24] = {[DECISIONS] = "iiiiiiitiiirt",
                                              [ATTEMPTS] = "iiiiiiiiiirtt",
                                              [SNAPSHOTS] = "iiiiiiriiitttrrriitt",
                                              [NOTES] = "iiiiittt"};

static void put_nothing(struct cl_postgres *s, char type) {
  if (type == 't')
    cl_postgres_put_text(s, NULL);
  else if (type == 'r')
    cl_postgres_put_no_real(s);
  else
    cl_postgres_put_no_int(s);
}

/* The field whose home is this column, null if there is none. */
static const struct cl_field *field_at(const struct cl_layout *l, int column) {
  for (int i = 0; i < l->n; i++)
    if (l->items[i].column == column) return l->items[i].field;
  return NULL;
}

/* The columns that all kinds of a table have. False for others. */
static bool put_common(struct cl_postgres *s, enum cl_table table, int column, const struct cl_event *ev) {
  switch (column) {
  case KIND: cl_postgres_put_int(s, ev->kind); return true;
  case TIME: cl_postgres_put_int(s, ev->time_ms); return true;
  case BY: cl_postgres_put_int(s, ev->by); return true;
  case SUBJECT: cl_postgres_put_int(s, ev->subject); return true;
  default: break;
  }
  if (table == NOTES) return false;
  if (table != DECISIONS) {
    if (column == A_ATTEMPT) cl_postgres_put_int(s, ev->attempt);
    if (column == A_LATE) cl_postgres_put_bool(s, ev->late);
    return column == A_ATTEMPT || column == A_LATE;
  }
  switch (column) {
  case D_SEEN: cl_postgres_put_int(s, ev->seen); return true;
  case D_AS_OF: cl_postgres_put_int(s, ev->as_of); return true;
  case D_CAUSE: cl_postgres_put_int(s, ev->cause); return true;
  case D_ARGS: cl_postgres_put_text(s, ev->args); return true;
  case D_ATTEMPT: cl_postgres_put_some(s, ev->attempt); return true;
  default: return false;
  }
}

/* `more` of a row. */
static int put_more(struct cl_postgres *s, const struct cl_event *ev, uint32_t skip, struct cl_err *e) {
  cl_text_clear(&s->scratch);
  cl_event_write_data(ev, skip, &s->scratch);
  if (s->scratch.failed) return CL_FAIL_NOMEM(e);
  cl_postgres_put_text(s, s->scratch.length > 0 ? cl_text_get(&s->scratch) : NULL);
  return 0;
}

static int add_assigned(struct cl_postgres *s, int64_t study, const struct cl_event *ev,
                        const struct cl_assigned_list *values, struct cl_err *e) {
  for (int i = 0; i < values->n; i++) {
    cl_text_clear(&s->scratch);
    cl_value_write_json(&s->scratch, values->items[i].value);
    if (s->scratch.failed) return CL_FAIL_NOMEM(e);
    cl_postgres_put_int(s, study);
    cl_postgres_put_int(s, ev->position);
    cl_postgres_put_int(s, values->items[i].id);
    cl_postgres_put_text(s, cl_text_get(&s->scratch));
    CL_TRY(cl_postgres_send_known(s, PG_ASSIGNED_ADD, false, e));
  }
  return 0;
}

static void write_insert(struct cl_text *t, int n) {
  cl_text_add(t, ") VALUES ($1");
  for (int i = 2; i <= n; i++) cl_text_format(t, ", $%d", i);
  cl_text_add(t, ")");
}

/* The SQL is needed once per connection; s->scratch may hold a parameter then. */
static int send_insert(struct cl_postgres *s, struct cl_postgres_statement *statement, const char *into,
                       const char *columns, struct cl_err *e) {
  struct cl_text sql = {0};
  int n = (int)s->n_params;
  if (statement->generation != s->generation) {
    cl_text_format(&sql, "INSERT INTO %s (%s", into, columns);
    write_insert(&sql, n);
  }
  return cl_postgres_send_text(s, statement, &sql, false, e);
}

static int add_shared(struct cl_postgres *s, int64_t study, const struct cl_event *ev, struct cl_err *e) {
  const struct cl_layout *l = &s->layouts[ev->kind];
  int n = cl_table_n_columns(l->table), more = cl_table_more(l->table);
  assert(s->n_params == 0 && (int)strlen(column_types[l->table]) == n - 1);
  cl_postgres_put_int(s, study);
  cl_postgres_put_int(s, ev->position);
  for (int column = 1; column < n; column++) {
    const struct cl_field *f = field_at(l, column);
    if (put_common(s, l->table, column, ev)) continue;
    if (column == more) {
      CL_TRY(put_more(s, ev, cl_layout_skip(l, ev), e));
    } else if (f == NULL) {
      put_nothing(s, column_types[l->table][column - 1]);
    } else {
      put_field(s, ev, f);
      if (f->type == CL_FIELD_ROLLUP) column += 3;
    }
  }
  struct cl_text columns = {0};
  cl_text_format(&columns, "study, position, %s", cl_table_columns(l->table));
  int status = columns.failed
                   ? CL_FAIL_NOMEM(e)
                   : send_insert(s, &s->adds[l->table], cl_table_name(l->table), cl_text_get(&columns), e);
  cl_text_done(&columns);
  CL_TRY(status);
  const struct cl_assigned_list *values = cl_event_values(ev);
  return values == NULL ? 0 : add_assigned(s, study, ev, values, e);
}

/* Trials and reports. */

void cl_postgres_trial_columns(const struct cl_postgres_study *study, struct cl_text *ret) {
  cl_text_add(
      ret,
      "trial, position, \"time\", \"by\", as_of, cause, args, role, of, repeat, parent, seed, space, flags, odd");
  for (size_t i = 0; i < study->names.n_hyperparameters; i++)
    cl_text_format(ret, ", h%d", study->names.hyperparameters[i].id);
}

void cl_postgres_report_columns(const struct cl_postgres_study *study, struct cl_text *ret) {
  cl_text_add(ret, "position, trial, attempt, ordinal, step, \"time\", \"by\", late");
  for (size_t i = 0; i < study->names.n_metrics; i++) cl_text_format(ret, ", m%d", (int)i + 1);
}

static int send_wide(struct cl_postgres *s, const struct cl_postgres_study *study, bool trials,
                     struct cl_postgres_statement *statement, struct cl_err *e) {
  struct cl_text columns = {0};
  char into[40];
  (void)snprintf(into, sizeof into, "%s_%lld", trials ? "trials" : "reports", (long long)study->id);
  if (statement->generation != s->generation) {
    if (trials)
      cl_postgres_trial_columns(study, &columns);
    else
      cl_postgres_report_columns(study, &columns);
  }
  int status = columns.failed ? CL_FAIL_NOMEM(e) : send_insert(s, statement, into, cl_text_get(&columns), e);
  cl_text_done(&columns);
  return status;
}

static bool fits(const struct cl_names_item *item, struct cl_value v) {
  if (v.kind == CL_ABSENT || !item->plain) return true;
  return v.kind == (item->whole ? CL_INT : CL_REAL);
}

/* Values of another kind than their column, as a JSON object; NULL where there are none. */
static void put_odd(struct cl_postgres *s, const struct cl_names *names,
                    const struct cl_assigned_list *values) {
  struct cl_text odd = {0};
  for (int i = 0; i < values->n; i++) {
    int at = cl_names_hyperparameter_near(names, values->items[i].id, i);
    if (fits(&names->hyperparameters[at], values->items[i].value)) continue;
    cl_text_format(&odd, "%s\"%d\": ", odd.length == 0 ? "{" : ", ", values->items[i].id);
    cl_value_write_json(&odd, values->items[i].value);
  }
  if (odd.length > 0) cl_text_add(&odd, "}");
  if (odd.failed) s->arrays.failed = true;
  if (odd.length > 0)
    cl_postgres_put_json(s, cl_text_get(&odd));
  else
    cl_postgres_put_json(s, NULL);
  cl_text_done(&odd);
}

static void put_value(struct cl_postgres *s, const struct cl_names_item *item, struct cl_value v) {
  bool there = v.kind != CL_ABSENT && fits(item, v);
  if (item->whole && there)
    cl_postgres_put_int(s, v.as.integer);
  else if (item->whole)
    cl_postgres_put_no_int(s);
  else if (item->plain)
    cl_postgres_put_real(s, there ? v.as.real : CL_NO_STEP);
  else if (there) {
    struct cl_text json = {0};
    cl_value_write_json(&json, v);
    if (json.failed) s->arrays.failed = true;
    cl_postgres_put_json(s, cl_text_get(&json));
    cl_text_done(&json);
  } else
    cl_postgres_put_json(s, NULL);
}

static void put_values(struct cl_postgres *s, const struct cl_names *names,
                       const struct cl_assigned_list *values) {
  int next = 0; /* values mostly come in the order of their ids */
  for (size_t i = 0; i < names->n_hyperparameters; i++) {
    const struct cl_names_item *item = &names->hyperparameters[i];
    struct cl_value v = {.kind = CL_ABSENT};
    if (next < values->n && values->items[next].id == item->id) {
      v = values->items[next++].value;
    } else {
      for (int k = 0; k < values->n; k++)
        if (values->items[k].id == item->id) v = values->items[k].value;
    }
    put_value(s, item, v);
  }
}

static int add_trial(struct cl_postgres *s, struct cl_postgres_study *study, const struct cl_event *ev,
                     struct cl_err *e) {
  bool imported = ev->kind == CL_EVENT_IMPORTED;
  assert(s->n_params == 0);
  cl_postgres_put_int(s, ev->subject);
  cl_postgres_put_int(s, ev->position);
  cl_postgres_put_int(s, ev->time_ms);
  cl_postgres_put_int(s, ev->by);
  if (imported) {
    cl_postgres_put_no_int(s);
    cl_postgres_put_no_int(s);
    CL_TRY(put_more(s, ev, cl_layout_skip_values(ev->kind), e));
    cl_postgres_put_int(s, CL_ROLE_FOREIGN);
    for (int i = T_OF; i < T_FLAGS; i++) cl_postgres_put_no_int(s);
    cl_postgres_put_int(s, IS_IMPORTED);
  } else {
    cl_postgres_put_int(s, ev->as_of);
    cl_postgres_put_int(s, ev->cause);
    cl_postgres_put_text(s, ev->args);
    cl_postgres_put_int(s, ev->u.proposed.role);
    cl_postgres_put_some(s, ev->u.proposed.of);
    cl_postgres_put_int(s, ev->u.proposed.repeat);
    cl_postgres_put_some(s, ev->u.proposed.parent);
    if (ev->u.proposed.has_seed)
      cl_postgres_put_int(s, ev->u.proposed.seed);
    else
      cl_postgres_put_no_int(s);
    cl_postgres_put_int(s, ev->u.proposed.space_version);
    cl_postgres_put_int(s, ev->u.proposed.infeasible ? IS_INFEASIBLE : 0);
  }
  const struct cl_assigned_list *values = cl_event_values(ev);
  put_odd(s, &study->names, values);
  put_values(s, &study->names, values);
  return send_wide(s, study, true, &study->add_trial, e);
}

static int add_report(struct cl_postgres *s, struct cl_postgres_study *study, const struct cl_event *ev,
                      struct cl_err *e) {
  double metrics[CL_METRICS_MAX];
  bool there[CL_METRICS_MAX] = {0};
  assert(s->n_params == 0 && study->names.n_metrics <= CL_METRICS_MAX);
  for (int i = 0; i < ev->u.reported.metrics.n; i++) {
    const struct cl_metric *m = &ev->u.reported.metrics.items[i];
    assert(m->id >= 1 && (size_t)m->id <= study->names.n_metrics);
    metrics[m->id - 1] = m->value;
    there[m->id - 1] = true;
  }
  cl_postgres_put_int(s, ev->position);
  cl_postgres_put_int(s, ev->subject);
  cl_postgres_put_int(s, ev->attempt);
  cl_postgres_put_int(s, ev->u.reported.ordinal);
  cl_postgres_put_real(s, ev->u.reported.step);
  cl_postgres_put_int(s, ev->time_ms);
  cl_postgres_put_int(s, ev->by);
  cl_postgres_put_bool(s, ev->late);
  for (size_t i = 0; i < study->names.n_metrics; i++)
    if (there[i])
      cl_postgres_put_metric(s, metrics[i]);
    else
      cl_postgres_put_no_real(s);
  return send_wide(s, study, false, &study->add_report, e);
}

int cl_postgres_add_row(struct cl_postgres *s, struct cl_postgres_study *study, const struct cl_event *ev,
                        struct cl_err *e) {
  assert(ev->position > 0);
  switch (s->layouts[ev->kind].table) {
  case TRIALS: return add_trial(s, study, ev, e);
  case REPORTS: return add_report(s, study, ev, e);
  default: return add_shared(s, study->id, ev, e);
  }
}
