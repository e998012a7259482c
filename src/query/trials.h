/* Listings of trials: which, in which order, how many, with which columns. */
#ifndef CL_TRIALS_H
#define CL_TRIALS_H

#include "query/address.h"
#include "query/column.h"

#define CL_LIST_MAX 100 /* rows of a listing for which no limit was typed */

enum cl_limit {
  CL_LIMIT_STANDARD = 0, /* all up to CL_LIST_MAX rows, else the last CL_LIST_MAX */
  CL_LIMIT_ALL,
  CL_LIMIT_FIRST,
  CL_LIMIT_LAST
};

struct cl_trials_options {
  const struct cl_selection *selection; /* null: all */
  size_t n_filters, n_columns, n_more;
  const char *const *filters; /* all must hold */
  const char *const *columns; /* typed ones; none: the usual ones */
  const char *const *more;    /* added to the usual ones */
  const char *sort; /* null: by number; "best": the best last; else a column, ascending. Rows that have no
                       such value are left out, but with CL_LIMIT_ALL come first */
  bool reverse;
  enum cl_limit limit;
  int64_t n; /* of FIRST and LAST */
};

/* Which of n rows stay: [lo, hi). */
struct cl_span cl_limit_span(const struct cl_trials_options *o, int64_t n);

/* Gives the rows in *ret (empty before); free with cl_table_done. Opens no more of the log than needed:
 * `--last 10` without filter and sort reads ten trials. CLADE_EINVAL: a filter, column or sort that names
 * nothing; CLADE_ENOTFOUND: a trial named by its number does not exist; errors of the store. */
int cl_trials_read(struct cl_reader *r, const struct cl_trials_options *options, struct cl_table *ret,
                   struct cl_err *e);

/* Numbers of the trials that `selection` names, ascending. Gives *ret; free with cl_free. Same errors. */
int cl_trials_find(struct cl_reader *r, const struct cl_selection *selection, int64_t **ret, size_t *ret_n,
                   struct cl_err *e);

/* Names of the columns that exist, a line each. */
int cl_trials_columns(struct cl_reader *r, struct cl_text *ret, struct cl_err *e);

#endif
