/* Which columns the rows of a listing can have, and the columns that somebody typed.
 *
 * A column is named by `trial`, `state` … (standard), `hparams.x`, `metrics.x`, `tags.x`, or by the bare name
 * where that is not a standard one. What is typed is a list, joined by commas, of
 *
 *   NAME  NAME=Header  NAME:format  NAME=Header:format
 *
 * where * and ? in a NAME stand for anything (`metrics.*`; then there is no Header), and quotes around a NAME
 * or Header ('a,b'='Left, right') keep its commas, colons and signs. A name that exists as it is typed needs
 * none. The comma of a format (`step:,` `cost:,.2f`) parts no columns.
 */
#ifndef CL_COLUMN_H
#define CL_COLUMN_H

#include "query/table.h"

#define CL_QUERY_TEXT_MAX    65536 /* bytes of a list of columns, a filter, a sort… */
#define CL_QUERY_COLUMN_MAX  1000  /* of a column with its header and format */
#define CL_QUERY_COLUMNS_MAX 2000  /* columns of a table */

struct cl_column_alias {
  const char *alias;
  int index;   /* of the standard column */
  bool yields; /* as in a column */
};

/* All columns there are: standard ones first. Its texts borrow. Zero-initialised = none. */
struct cl_catalogue {
  struct cl_column *items;
  size_t n, capacity;
  const struct cl_column_alias *aliases;
  size_t n_aliases;
  /* The name of a state from a typed one ("completed"); null: states are compared as they are typed.
   * CLADE_EINVAL names those there are. */
  int (*find_state)(const char *typed, const char **ret, struct cl_err *e);
};
void cl_catalogue_done(struct cl_catalogue *c);
int cl_catalogue_add(struct cl_catalogue *c, const struct cl_column *column, struct cl_err *e);

/* Find a column by a name as typed; its header is the name without prefix. Null: there is none, and
 * *ret_nearest (may be null) is a similar one or null. */
bool cl_catalogue_find(const struct cl_catalogue *c, const char *name, struct cl_column *ret,
                       const char **ret_nearest);

/* Add the columns of a typed list to the table; a wildcard may name none, and leaves out those that are
 * there. `again`: a column that is in the table gets the new header and format instead of a second place.
 * CLADE_EINVAL naming the nearest, or what is wrong with the text. */
int cl_columns_add(struct cl_table *t, const struct cl_catalogue *c, const char *list, bool again,
                   struct cl_err *e);
/* The same, but names that are not there are left out. */
int cl_columns_add_known(struct cl_table *t, const struct cl_catalogue *c, const char *list,
                         struct cl_err *e);

/* Names of all columns, a line each: for --available. */
void cl_catalogue_describe(const struct cl_catalogue *c, struct cl_text *ret);

/* CLADE_EINVAL when the text is longer than CL_QUERY_TEXT_MAX, or no UTF-8. `what`: "filter". */
int cl_query_text_check(const char *what, const char *text, struct cl_err *e);

#endif
