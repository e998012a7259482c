/* What every list has in common: rows are chosen by filters, states and tags, put in order, limited, grouped,
 * and shown in columns. Where the rows come from is the business of trials.h, studies.h and reports.h.
 */
#ifndef CL_LISTING_H
#define CL_LISTING_H

#include "query/address.h"
#include "query/column.h"

#define CL_LIST_MAX 100 /* rows of a listing for which no limit was typed */

enum cl_limit {
  CL_LIMIT_STANDARD = 0, /* all up to CL_LIST_MAX rows, else the last CL_LIST_MAX */
  CL_LIMIT_ALL,
  CL_LIMIT_FIRST,
  CL_LIMIT_LAST
};

struct cl_list_options {
  const struct cl_selection *selection; /* trials; null: all */
  size_t n_filters, n_columns, n_more, n_tags_any, n_tags_all;
  const char *const *filters;  /* all must hold */
  const char *const *columns;  /* typed lists (column.h); none: the usual ones */
  const char *usual;           /* a list in their place, where none were typed; names that are not there are
                                  left out. Null, or nothing of it is there: as the source says */
  const char *const *more;     /* added to the usual ones */
  const char *const *tags_any; /* "NAME" or "NAME=TEXT", joined by commas: one of them must be there */
  const char *const *tags_all; /* all of them */
  const char *states;          /* "FAILED,LOST"; null: any */
  const char *sort; /* null: by number; "best": the best last; else a column, ascending. Rows that have no
                       such value are left out, but with CL_LIMIT_ALL come first */
  bool reverse;
  const char *group; /* a column; null: no groups. Groups come in order of its values, blanks last */
  enum cl_limit limit;
  int64_t n; /* of FIRST and LAST */
};

/* Which of n rows stay: [lo, hi). */
struct cl_span cl_limit_span(const struct cl_list_options *o, int64_t n);

/* Does a text of the options name a tag, so that they must be read? */
bool cl_list_names_tags(const struct cl_list_options *o);

struct cl_rows_ops {
  /* Read what the cells of a column need, for the rows that are left. */
  int (*need)(void *source, const struct cl_column *column, struct cl_err *e);
  /* Texts are valid as long as the source. */
  struct cl_value (*cell)(void *source, size_t row, const struct cl_column *column);
  /* Is the row tagged so? Tags have been read. */
  bool (*tagged)(void *source, size_t row, const char *name, const char *text);
  /* The columns for which none were typed. */
  int (*usual)(void *source, struct cl_table *t, struct cl_err *e);
};

/* Rows of a source, while they are chosen. */
struct cl_listing {
  const struct cl_rows_ops *ops;
  void *source;
  const char *noun; /* "trials of mnist", for sentences */
  struct cl_catalogue catalogue;
  struct cl_column best; /* the column of "best"; kind 0: rows have no best */
  size_t n, *rows;       /* rows of the source that are left, in order */
  int64_t total;         /* rows before the limit */
};
void cl_listing_done(struct cl_listing *l); /* not the source; all zero is allowed */

int cl_listing_begin(struct cl_listing *l, size_t n, struct cl_err *e); /* rows 0…n - 1 */

/* Steps, in this order. CLADE_EINVAL: a filter, column… that names nothing, and the nearest. */
int cl_listing_filter(struct cl_listing *l, const char *filter, struct cl_err *e);
/* Filters, states, tags, order and limit of the options. `cut`: the limit has been taken already, and there
 * were `total` rows. */
int cl_listing_choose(struct cl_listing *l, const struct cl_list_options *o, bool cut, int64_t total,
                      struct cl_err *e);
/* Columns, groups, cells. Gives *ret (empty before); free with cl_table_done. */
int cl_listing_fill(struct cl_listing *l, const struct cl_list_options *o, struct cl_table *ret,
                    struct cl_err *e);

#endif
