/* A study that goes on where others ended: their results are copied into its log, as events `imported`, and
 * reach its method as foreign trials.
 *
 * Values are matched by the names of hyperparameters, objectives by those of metrics. What this study does
 * not search is dropped, what the other one did not search stays absent. A trial with a value that this study
 * could not choose is left out and counted. Nothing refers to the other study afterwards.
 */
#ifndef CL_HISTORY_H
#define CL_HISTORY_H

#include "clade/run.h"
#include "store/store.h"

/* Before a study is begun: are the studies there that its settings name, and do they fit? CLADE_ENOTFOUND
 * (the nearest study is named); CLADE_ESPEC: a study without this one's first metric, or without any of its
 * hyperparameters. */
int cl_history_check(struct cl_store *store, const struct cl_settings *settings, struct cl_err *e);

/* Copy the results of the studies that the settings name (`history`), of the same store. Does nothing without
 * such, or once a trial has been proposed. Copies what is not there yet: after a kill, or when two do it at
 * the same time, each result stands in the log once. A trial that was foreign there keeps its first origin,
 * so chains of studies copy nothing twice. `callbacks` (may be null) are told what was copied, in a note per
 * study. CLADE_ENOTFOUND (the nearest study is named); CLADE_ESPEC: a study without this one's first metric,
 * or without any of its hyperparameters; the errors of stores. Cost O(trials of all of them). */
int cl_history_import(struct cl_store *store, int64_t study, const struct clade_run_callbacks *callbacks,
                      struct cl_err *e);

#endif
