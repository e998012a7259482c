#include "query/table.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

void cl_table_done(struct cl_table *t) {
  cl_free(t->columns);
  cl_free(t->cells);
  cl_arena_done(&t->arena);
  *t = (struct cl_table){0};
}

static int keep_text(struct cl_table *t, const char **text, struct cl_err *e) {
  if (*text == NULL) return 0;
  *text = cl_arena_text(&t->arena, *text);
  return *text == NULL ? CL_FAIL_NOMEM(e) : 0;
}

int cl_table_keep_column(struct cl_table *t, const struct cl_column *column, struct cl_column *ret,
                         struct cl_err *e) {
  assert(column->name != NULL && column->header != NULL);
  struct cl_column own = *column;
  CL_TRY(keep_text(t, &own.name, e));
  CL_TRY(keep_text(t, &own.header, e));
  CL_TRY(keep_text(t, &own.format, e));
  *ret = own;
  return 0;
}

int cl_table_add_column(struct cl_table *t, const struct cl_column *column, struct cl_err *e) {
  assert(t->n_rows == 0);
  if (cl_grow(&t->columns, &t->cap_columns, t->n_columns + 1, sizeof *t->columns) < 0)
    return CL_FAIL_NOMEM(e);
  CL_TRY(cl_table_keep_column(t, column, &t->columns[t->n_columns], e));
  t->n_columns++;
  return 0;
}

int cl_table_change_column(struct cl_table *t, struct cl_column *column, const struct cl_column *like,
                           struct cl_err *e) {
  assert(column >= t->columns && column < t->columns + t->n_columns);
  struct cl_column changed = *column;
  changed.header = like->header;
  changed.format = like->format;
  changed.renamed = like->renamed;
  CL_TRY(keep_text(t, &changed.header, e));
  CL_TRY(keep_text(t, &changed.format, e));
  *column = changed;
  return 0;
}

int cl_table_add_row(struct cl_table *t, struct cl_value **ret, struct cl_err *e) {
  assert(t->n_columns > 0);
  size_t used = t->n_rows * t->n_columns;
  assert(used <= t->cap_cells);
  if (cl_grow(&t->cells, &t->cap_cells, used + t->n_columns, sizeof *t->cells) < 0) return CL_FAIL_NOMEM(e);
  memset(t->cells + used, 0, t->n_columns * sizeof *t->cells);
  t->n_rows++;
  *ret = t->cells + used;
  return 0;
}

int cl_table_keep(struct cl_table *t, struct cl_value v, struct cl_value *ret, struct cl_err *e) {
  if (v.kind == CL_TEXT) CL_TRY(keep_text(t, &v.as.text, e));
  *ret = v;
  return 0;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int cl_text_compare_natural(const char *a, const char *b) {
  while (*a != '\0' && *b != '\0') {
    if (!is_digit(*a) || !is_digit(*b)) {
      if (*a != *b) return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
      a++;
      b++;
      continue;
    }
    while (*a == '0' && is_digit(a[1])) a++;
    while (*b == '0' && is_digit(b[1])) b++;
    size_t n = strspn(a, "0123456789"), m = strspn(b, "0123456789");
    if (n != m) return n < m ? -1 : 1;
    int order = memcmp(a, b, n);
    if (order != 0) return order;
    a += n;
    b += m;
  }
  return (*a != '\0') - (*b != '\0');
}

static int class_of(struct cl_value v) {
  switch (v.kind) {
  case CL_ABSENT: return 0;
  case CL_NULL: return 1;
  case CL_REAL: return isfinite(v.as.real) ? 3 : 2;
  case CL_BOOL:
  case CL_INT: return 3;
  case CL_TEXT: return 4;
  }
  return 0;
}

bool cl_cell_is_blank(struct cl_value v) {
  return v.kind == CL_ABSENT || v.kind == CL_NULL;
}

static double number_of(struct cl_value v) {
  assert(class_of(v) == 3);
  return v.kind == CL_BOOL ? (double)v.as.truth : cl_value_number(v);
}

int cl_cell_compare(struct cl_value a, struct cl_value b) {
  int x = class_of(a), y = class_of(b);
  if (x != y) return x < y ? -1 : 1;
  if (x == 4) return cl_text_compare_natural(a.as.text, b.as.text);
  if (x != 3) return 0;
  if (a.kind == CL_INT && b.kind == CL_INT)
    return (a.as.integer > b.as.integer) - (a.as.integer < b.as.integer);
  double p = number_of(a), q = number_of(b);
  return (p > q) - (p < q);
}
