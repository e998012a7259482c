/* What the callbacks of a run are told: progress and news of results. Reads the replica and the worker's
 * slots. */
#ifndef CL_RUN_VIEW_H
#define CL_RUN_VIEW_H

#include "clade/run.h"
#include "run/aside.h"
#include "store/log.h"
#include "worker/worker.h"

struct cl_run_view;

/* Listens on the log (keeps it). Results that are in the log already are no news. Gives; free with
 * cl_run_view_destroy, after the log is no longer followed. */
int cl_run_view_create(struct cl_log *log, const struct clade_run_callbacks *callbacks,
                       struct cl_run_view **ret, struct cl_err *e);
void cl_run_view_destroy(struct cl_run_view *v); /* null is allowed */

/* Tell of the trials of that role only, and nothing of the search (keeps what it points to). Without it the
 * trials of confirmations, assessments and replays are left out. */
void cl_run_view_show_aside(struct cl_run_view *v, const struct cl_run_aside *aside);

/* Call `begin`, `progress` with what is so now (of a worker's first 64 slots; `deciding`: its engine holds
 * the lease), and fill a result. Without memory there is less to see, and nothing fails. */
void cl_run_view_begin(const struct cl_run_view *v, int slots);
void cl_run_view_progress(struct cl_run_view *v, const struct cl_worker *w, bool deciding);
void cl_run_view_result(const struct cl_run_view *v, struct clade_run_result *ret);

#endif
