/* The list of studies of a store. */
#ifndef CL_STUDIES_H
#define CL_STUDIES_H

#include "query/trials.h"

/* Columns: study, state, trials, of, goal, metric, method, created. `pattern` (* and ?) null: all. Of the
 * options only sort (null: by creation; a column), reverse and the limit count; filters and columns:
 * CLADE_EINVAL. */
int cl_studies_read(struct cl_store *store, const char *pattern, const struct cl_trials_options *options,
                    struct cl_table *ret, struct cl_err *e);

#endif
