/* Lists, as tables. */
#include <assert.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "query/reports.h"
#include "query/studies.h"

_Static_assert((int)CLADE_COLUMN_TAG == (int)CL_COLUMN_TAG,
               "the kinds of columns are the same inside and outside");
_Static_assert((int)CLADE_COLUMN_STATE == (int)CL_COLUMN_STATE, "and so are their types");
_Static_assert((int)CLADE_LIMIT_LAST == (int)CL_LIMIT_LAST, "and the limits");

static int give(struct cl_table *table, int status, struct clade_table **ret, struct cl_err *e) {
  if (status < 0) return status;
  struct clade_table *t = cl_alloc(sizeof *t);
  if (t == NULL) {
    cl_table_done(table);
    return CL_FAIL_NOMEM(e);
  }
  t->table = *table;
  *ret = t;
  return 0;
}

int clade_studies_list(struct clade_store *store, const char *pattern, const struct clade_list_options *o,
                       struct clade_table **ret, struct cl_err *e) {
  struct cl_trials_options options;
  struct cl_table table = {0};
  CL_TRY(cl_api_list_options(o, NULL, &options, e));
  return give(&table, cl_studies_read(store->store, pattern, &options, &table, e), ret, e);
}

int clade_trials_list(struct clade_reader *r, const struct clade_list_options *o, struct clade_table **ret,
                      struct cl_err *e) {
  struct cl_trials_options options;
  struct cl_table table = {0};
  CL_TRY(cl_api_list_options(o, &r->selection, &options, e));
  return give(&table, cl_trials_read(r->reader, &options, &table, e), ret, e);
}

int clade_reports_list(struct clade_reader *r, const struct clade_list_options *o, struct clade_table **ret,
                       struct cl_err *e) {
  struct cl_trials_options options;
  struct cl_table table = {0};
  CL_TRY(cl_api_list_options(o, &r->selection, &options, e));
  return give(&table, cl_reports_read(r->reader, &options, &table, e), ret, e);
}

int clade_columns_list(struct clade_reader *r, struct clade_text *ret, struct cl_err *e) {
  struct cl_text text = {0};
  int status = cl_trials_columns(r->reader, &text, e);
  clade_text_add(ret, cl_text_get(&text));
  if (text.failed) ret->failed = true;
  cl_text_done(&text);
  return status;
}

void clade_table_free(struct clade_table *t) {
  if (t == NULL) return;
  cl_table_done(&t->table);
  cl_free(t);
}

size_t clade_table_columns(const struct clade_table *t) {
  return t->table.n_columns;
}

size_t clade_table_rows(const struct clade_table *t) {
  return t->table.n_rows;
}

int64_t clade_table_total(const struct clade_table *t) {
  return t->table.total;
}

struct clade_column clade_table_column(const struct clade_table *t, size_t column) {
  assert(column < t->table.n_columns);
  const struct cl_column *c = &t->table.columns[column];
  return (struct clade_column){.kind = (enum clade_column_kind)c->kind,
                               .type = (enum clade_column_type)c->type,
                               .name = c->name,
                               .header = c->header,
                               .format = c->format,
                               .rank = c->rank};
}

struct clade_value clade_table_cell(const struct clade_table *t, size_t row, size_t column) {
  assert(row < t->table.n_rows && column < t->table.n_columns);
  return cl_api_value(t->table.cells[row * t->table.n_columns + column]);
}
