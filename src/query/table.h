/* The answer to a question as rows and columns of typed cells: what listings, exports and the web show. */
#ifndef CL_QUERY_TABLE_H
#define CL_QUERY_TABLE_H

#include "base/arena.h"
#include "model/value.h"

enum cl_column_kind { CL_COLUMN_STANDARD = 1, CL_COLUMN_VALUE, CL_COLUMN_METRIC, CL_COLUMN_TAG };
enum cl_column_type {
  CL_COLUMN_PLAIN = 0,
  CL_COLUMN_TIME,     /* integer: ms since 1970 UTC */
  CL_COLUMN_DURATION, /* real: seconds */
  CL_COLUMN_STATE     /* text: the name of a state */
};

struct cl_column {
  enum cl_column_kind kind;
  enum cl_column_type type;
  const char *name;   /* "trial", "lr"; without the prefix of its kind */
  const char *header; /* what stands above it: the name, or what the user wrote after '=' */
  const char *format; /* what the user wrote after ':', or null */
  int index;          /* standard: its number; value: index in the space; metric: its id; tag: its number */
  int rank;           /* 0 = essential; where room is short the highest goes first */
  bool renamed;       /* the header was typed */
  bool yields; /* standard: where the study has a name like this one, the bare name means the study's */
};

struct cl_group { /* rows with the same value of the column by which they are grouped */
  struct cl_value key;
  size_t first, n;
};

struct cl_table {
  size_t n_columns, cap_columns, n_rows, cap_cells;
  struct cl_column *columns;
  struct cl_value *cells;        /* row by row; absent = blank */
  int64_t total;                 /* rows that there were before a limit took some away */
  struct cl_column group_column; /* name null: the rows are not grouped */
  struct cl_group *groups;       /* one after the other; together they are all rows. Of the arena */
  size_t n_groups;
  struct cl_arena arena; /* of all texts */
};

/* Zero-initialised = empty. */
void cl_table_done(struct cl_table *t);

/* The texts of the column are copied. CLADE_ENOMEM. */
int cl_table_add_column(struct cl_table *t, const struct cl_column *column, struct cl_err *e);

/* A copy of a column whose texts the table owns. CLADE_ENOMEM. */
int cl_table_keep_column(struct cl_table *t, const struct cl_column *column, struct cl_column *ret,
                         struct cl_err *e);

/* Give a column of the table another header and format; the texts are copied. CLADE_ENOMEM. */
int cl_table_change_column(struct cl_table *t, struct cl_column *column, const struct cl_column *like,
                           struct cl_err *e);

/* A new row of absent cells; *ret (n_columns cells) is valid until the next row. */
int cl_table_add_row(struct cl_table *t, struct cl_value **ret, struct cl_err *e);

/* A value whose text the table owns. */
int cl_table_keep(struct cl_table *t, struct cl_value v, struct cl_value *ret, struct cl_err *e);

/* Order of cells: absent and null, then non-finite, then numbers and bools, then texts in natural order (run2
 * before run10). < 0, 0, > 0. */
int cl_cell_compare(struct cl_value a, struct cl_value b);
bool cl_cell_is_blank(struct cl_value v); /* absent or null */
int cl_text_compare_natural(const char *a, const char *b);

#endif
