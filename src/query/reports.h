/* Reports of trials as a table: trial, attempt, step, time, counts, and a column per metric. */
#ifndef CL_REPORTS_H
#define CL_REPORTS_H

#include "query/trials.h"

/* The reports of the trials that options->selection names, by trial and then in order; the limit counts
 * reports (a sort, a filter or columns: CLADE_EINVAL). Cost O(reports of these trials). */
int cl_reports_read(struct cl_reader *r, const struct cl_trials_options *options, struct cl_table *ret,
                    struct cl_err *e);

#endif
