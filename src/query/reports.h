/* Reports of trials: as one list, and as the tables of `view metrics`. */
#ifndef CL_REPORTS_H
#define CL_REPORTS_H

#include "query/listing.h"

/* The reports of the trials that options->selection names, by trial and then in order; limit, filters, order
 * and groups are those of reports. Columns: trial, attempt, step, time, counts, the metrics, and hparams.NAME
 * (the trial's value as it is now). Cost O(events of these trials). */
int cl_reports_read(struct cl_reader *r, const struct cl_list_options *options, struct cl_table *ret,
                    struct cl_err *e);

struct cl_metric_sets_options {
  struct cl_list_options list; /* limits are of each table; columns: the usual ones */
  size_t n_metrics;
  const char *const *metrics; /* patterns; none: all */
  const char *steps;          /* "10,20,50-60": only these; null: all */
  bool merge; /* one table: what a trial reported at one step is one row, the last value of each metric counts
               */
};

/* The reports that count, in one table for each set of metrics that were reported together, in order of their
 * first report. Gives *ret, an array of n tables; free each with cl_table_done, and it with cl_free.
 * CLADE_EINVAL: a metric or step that names nothing. */
int cl_metric_sets_read(struct cl_reader *r, const struct cl_metric_sets_options *options,
                        struct cl_table **ret, size_t *ret_n, struct cl_err *e);

#endif
