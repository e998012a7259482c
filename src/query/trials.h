/* Listings of trials. */
#ifndef CL_TRIALS_H
#define CL_TRIALS_H

#include "query/listing.h"

/* Gives the rows in *ret (empty before); free with cl_table_done. Opens no more of the log than needed:
 * `--last 10` without filter and sort reads ten trials. CLADE_EINVAL: a filter, column or sort that names
 * nothing; CLADE_ENOTFOUND: a trial named by its number does not exist; errors of the store. */
int cl_trials_read(struct cl_reader *r, const struct cl_list_options *options, struct cl_table *ret,
                   struct cl_err *e);

/* The trials of n >= 1 studies in one list: selection i belongs to reader i (options->selection is not looked
 * at). Columns are those of all; usual are study, trial, state, the metrics and the hyperparameters. Reads
 * all trials that are selected. */
int cl_trials_read_many(struct cl_reader *const *readers, const struct cl_selection *const *selections,
                        size_t n, const struct cl_list_options *options, struct cl_table *ret,
                        struct cl_err *e);

/* Numbers of the trials that `selection` names, ascending. Gives *ret; free with cl_free. Same errors. */
int cl_trials_find(struct cl_reader *r, const struct cl_selection *selection, int64_t **ret, size_t *ret_n,
                   struct cl_err *e);

/* Names of the columns that exist, a line each. */
int cl_trials_columns(struct cl_reader *r, struct cl_text *ret, struct cl_err *e);

#endif
