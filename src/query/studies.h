/* The list of studies of a store. */
#ifndef CL_STUDIES_H
#define CL_STUDIES_H

#include "query/listing.h"

/* Studies whose name matches one of the patterns (* and ?, joined by commas; null: all), in order of
 * creation. Columns: study, state, trials, of, goal, metric, method, created, and when asked for: best,
 * best_trial, waiting, running, complete, failed, workers, seed, directory, uuid, tags.NAME. Cost O(studies),
 * and O(trials) for what is counted over trials. */
int cl_studies_read(struct cl_store *store, const char *patterns, const struct cl_list_options *options,
                    struct cl_table *ret, struct cl_err *e);

/* Names of the columns that exist, a line each. */
int cl_studies_columns(struct cl_store *store, struct cl_text *ret, struct cl_err *e);

#endif
