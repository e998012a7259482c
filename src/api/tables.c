/* Lists, as tables. */
#include <assert.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "query/addresses.h"
#include "query/format.h"
#include "query/notes.h"
#include "query/reports.h"
#include "query/studies.h"

_Static_assert((int)CLADE_COLUMN_TAG == (int)CL_COLUMN_TAG,
               "the kinds of columns are the same inside and outside");
_Static_assert((int)CLADE_COLUMN_STATE == (int)CL_COLUMN_STATE, "and so are their types");
_Static_assert((int)CLADE_LIMIT_LAST == (int)CL_LIMIT_LAST, "and the limits");

/* What is handed out. */
static void assert_table_state(const struct cl_table *t) {
  assert(t->n_columns <= t->cap_columns && t->n_rows * t->n_columns <= t->cap_cells);
  assert(t->total >= (int64_t)t->n_rows && (t->group_column.name != NULL || t->n_groups == 0));
  (void)t;
}

static int give(struct cl_table *table, int status, struct clade_table **ret, struct cl_err *e) {
  if (status < 0) return status;
  assert_table_state(table);
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
  CL_TRY(cl_api_check(store, "store", ret, e));
  struct cl_list_options options;
  struct cl_table table = {0};
  CL_TRY(cl_api_list_options(o, NULL, &options, e));
  return give(&table, cl_studies_read(store->store, pattern, &options, &table, e), ret, e);
}

int clade_trials_list(struct clade_reader *r, const struct clade_list_options *o, struct clade_table **ret,
                      struct cl_err *e) {
  CL_TRY(cl_api_check(r, "reader", ret, e));
  struct cl_list_options options;
  struct cl_table table = {0};
  CL_TRY(cl_api_list_options(o, &r->selection, &options, e));
  return give(&table, cl_trials_read(r->reader, &options, &table, e), ret, e);
}

int clade_trials_list_many(struct clade_reader *const *readers, size_t n, const struct clade_list_options *o,
                           struct clade_table **ret, struct cl_err *e) {
  if (readers == NULL || n == 0 || ret == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "a list of trials needs a study at least, and a place to go");
  struct cl_list_options options;
  struct cl_table table = {0};
  CL_TRY(cl_api_list_options(o, NULL, &options, e));
  struct cl_reader **inner = cl_alloc_array(n, sizeof *inner);
  const struct cl_selection **selections = cl_alloc_array(n, sizeof *selections);
  int status = inner == NULL || selections == NULL ? CL_FAIL_NOMEM(e) : 0;
  for (size_t i = 0; i < n && status >= 0; i++) {
    status = cl_api_check(readers[i], "reader", ret, e);
    if (status < 0) break;
    inner[i] = readers[i]->reader;
    selections[i] = &readers[i]->selection;
  }
  if (status >= 0) status = cl_trials_read_many(inner, selections, n, &options, &table, e);
  cl_free(inner);
  cl_free(selections);
  return give(&table, status, ret, e);
}

int clade_reports_list(struct clade_reader *r, const struct clade_list_options *o, struct clade_table **ret,
                       struct cl_err *e) {
  CL_TRY(cl_api_check(r, "reader", ret, e));
  struct cl_list_options options;
  struct cl_table table = {0};
  CL_TRY(cl_api_list_options(o, &r->selection, &options, e));
  return give(&table, cl_reports_read(r->reader, &options, &table, e), ret, e);
}

int clade_tags_list(struct clade_reader *r, const struct clade_list_options *o, struct clade_table **ret,
                    struct cl_err *e) {
  CL_TRY(cl_api_check(r, "reader", ret, e));
  struct cl_list_options options;
  struct cl_table table = {0};
  CL_TRY(cl_api_list_options(o, &r->selection, &options, e));
  return give(&table, cl_notes_read(r->reader, true, &options, &table, e), ret, e);
}

int clade_notes_list(struct clade_reader *r, const struct clade_list_options *o, struct clade_table **ret,
                     struct cl_err *e) {
  CL_TRY(cl_api_check(r, "reader", ret, e));
  struct cl_list_options options;
  struct cl_table table = {0};
  CL_TRY(cl_api_list_options(o, &r->selection, &options, e));
  return give(&table, cl_notes_read(r->reader, false, &options, &table, e), ret, e);
}

void clade_tables_free(struct clade_table **tables, size_t n) {
  for (size_t i = 0; i < n; i++) clade_table_free(tables[i]);
  cl_free(tables);
}

/* Hands each table over to a handle of its own. Takes the tables, also when it fails. */
static int give_all(struct cl_table *tables, size_t n, struct clade_table ***ret, size_t *ret_n,
                    struct cl_err *e) {
  struct clade_table **given = cl_alloc_array(n, sizeof *given);
  int status = given == NULL ? CL_FAIL_NOMEM(e) : 0;
  for (size_t i = 0; i < n; i++) {
    if (status == 0)
      status = give(&tables[i], 0, &given[i], e);
    else
      cl_table_done(&tables[i]);
  }
  cl_free(tables);
  if (status < 0) {
    if (given != NULL) clade_tables_free(given, n);
    return status;
  }
  *ret = given;
  *ret_n = n;
  return 0;
}

int clade_metric_sets_list(struct clade_reader *r, const struct clade_metric_sets_options *o,
                           struct clade_table ***ret, size_t *ret_n, struct cl_err *e) {
  CL_TRY(cl_api_check(r, "reader", ret != NULL && ret_n != NULL ? ret : NULL, e));
  static const struct clade_metric_sets_options usual = {0};
  if (o == NULL) o = &usual;
  struct cl_metric_sets_options options = {
      .n_metrics = o->n_metrics, .metrics = o->metrics, .steps = o->steps, .merge = o->merge};
  struct cl_table *tables = NULL;
  size_t n = 0;
  CL_TRY(cl_api_list_options(&o->list, &r->selection, &options.list, e));
  CL_TRY(cl_metric_sets_read(r->reader, &options, &tables, &n, e));
  return give_all(tables, n, ret, ret_n, e);
}

static int give_text(struct cl_text *text, int status, struct clade_text *ret) {
  clade_text_add(ret, cl_text_get(text));
  if (text->failed) ret->failed = true;
  cl_text_done(text);
  return status;
}

int clade_studies_columns(struct clade_store *store, struct clade_text *ret, struct cl_err *e) {
  CL_TRY(cl_api_check(store, "store", ret, e));
  struct cl_text text = {0};
  int status = cl_studies_columns(store->store, &text, e);
  return give_text(&text, status, ret);
}

int clade_columns_list(struct clade_reader *r, struct clade_text *ret, struct cl_err *e) {
  CL_TRY(cl_api_check(r, "reader", ret, e));
  struct cl_text text = {0};
  int status = cl_trials_columns(r->reader, &text, e);
  return give_text(&text, status, ret);
}

void clade_addresses_free(char **addresses, size_t n) {
  for (size_t i = 0; addresses != NULL && i < n; i++) cl_free(addresses[i]);
  cl_free(addresses);
}

int clade_addresses_list(struct clade_store *store, const char *text, char ***ret, size_t *ret_n,
                         struct cl_err *e) {
  CL_TRY(cl_api_check(store, "store", ret != NULL && ret_n != NULL ? ret : NULL, e));
  struct cl_addresses a = {0};
  CL_TRY(cl_addresses_expand(store->store, text, &a, e));
  char **list = cl_alloc_array(a.n, sizeof *list);
  bool failed = list == NULL;
  for (size_t i = 0; i < a.n && !failed; i++) failed = (list[i] = cl_copy_text(a.items[i])) == NULL;
  size_t n = a.n;
  cl_addresses_done(&a);
  if (failed) {
    clade_addresses_free(list, n);
    return CL_FAIL_NOMEM(e);
  }
  *ret = list;
  *ret_n = n;
  return 0;
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

static struct clade_column outer_column(const struct cl_column *c) {
  return (struct clade_column){.kind = (enum clade_column_kind)c->kind,
                               .type = (enum clade_column_type)c->type,
                               .name = c->name,
                               .header = c->header,
                               .format = c->format,
                               .renamed = c->renamed,
                               .rank = c->rank};
}

struct clade_column clade_table_column(const struct clade_table *t, size_t column) {
  assert(column < t->table.n_columns);
  return outer_column(&t->table.columns[column]);
}

bool clade_table_is_grouped(const struct clade_table *t) {
  return t->table.group_column.name != NULL;
}

size_t clade_table_groups(const struct clade_table *t) {
  return t->table.n_groups;
}

struct clade_group clade_table_group(const struct clade_table *t, size_t group) {
  assert(group < t->table.n_groups);
  const struct cl_group *g = &t->table.groups[group];
  assert(g->n >= 1 && g->first + g->n <= t->table.n_rows);
  return (struct clade_group){.key = cl_api_value(g->key), .first = g->first, .rows = g->n};
}

struct clade_column clade_table_group_column(const struct clade_table *t) {
  assert(clade_table_is_grouped(t));
  return outer_column(&t->table.group_column);
}

bool clade_cell_write(const struct clade_column *column, struct clade_value value, struct clade_text *ret) {
  struct cl_format f;
  struct cl_text text = {0};
  if (column->format == NULL || cl_format_parse(column->format, &f, NULL) < 0) return false;
  bool written = cl_format_write(&f, (enum cl_column_type)column->type, cl_api_inner_value(value), &text);
  if (written) clade_text_add(ret, cl_text_get(&text));
  if (text.failed) ret->failed = true;
  cl_text_done(&text);
  return written;
}

struct clade_value clade_table_cell(const struct clade_table *t, size_t row, size_t column) {
  assert(row < t->table.n_rows && column < t->table.n_columns);
  return cl_api_value(t->table.cells[row * t->table.n_columns + column]);
}
