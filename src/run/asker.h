/* Ask and tell without engine and worker: one process that takes trials and says what came of them.
 *
 * It decides without a lease, like a person: a proposal and its start are one commit, conditional on number
 * and budget. Its trials run at no worker (`started.worker` 0), so no lock says whether anybody still trains
 * them, and nobody but who tells ends them. What follows from the state by itself (retries, the end of the
 * study) it decides in passing, by the rules of engine/decide.h.
 */
#ifndef CL_ASKER_H
#define CL_ASKER_H

#include "store/log.h"

struct cl_asker;

/* Keeps `log`. Gives; free with cl_asker_destroy. CLADE_ESPEC when the search method does not suit the space;
 * CLADE_ENOMEM. Cost O(trials). */
int cl_asker_create(struct cl_log *log, struct cl_asker **ret, struct cl_err *e);
void cl_asker_destroy(struct cl_asker *a); /* null is allowed */

/* Apply what others have appended. */
int cl_asker_follow(struct cl_asker *a, struct cl_err *e);

/* Start the oldest trial that waits, or propose one and start it. 0 with its number; CLADE_EMPTY; CLADE_BUSY:
 * ordered mode waits, or the study is paused. The last look finishes a study that has nothing left to do.
 * CLADE_ENEWER. */
int cl_asker_ask(struct cl_asker *a, int64_t *ret_trial, struct cl_err *e);

/* Make trial `number` one that can be told here: it RUNS at no worker already, or waits and is started.
 * *ret_attempt: the one to tell about. CLADE_ENOTFOUND, CLADE_EBUSY (a worker has it), CLADE_EREFUSED. */
int cl_asker_take(struct cl_asker *a, int64_t number, int32_t *ret_attempt, struct cl_err *e);

/* 0 = train on; CLADE_STOP; CLADE_ESTALE: the attempt (1…, of a trial that exists) is not the trial's current
 * one any more. Looks at the replica as it is. */
int cl_asker_look(const struct cl_asker *a, int64_t number, int32_t attempt, struct cl_err *e);

/* Append a report; then as cl_asker_look. `metrics` (n, at most CL_METRICS_MAX) need names alone; borrows.
 * `step`: finite. CLADE_EREFUSED: the step goes back; CLADE_ELIMIT: too many metrics. */
int cl_asker_report(struct cl_asker *a, int64_t number, int32_t attempt, double step,
                    const struct cl_metric *metrics, int n, struct cl_err *e);

struct cl_outcome {
  enum cl_state state; /* COMPLETE PRUNED FAILED INFEASIBLE DIVERGED LOST */
  int n_values;        /* of all objectives, or 0: as reported */
  const double *values;
  int n_metrics; /* to be reported before */
  const struct cl_metric *metrics;
  double step; /* of them; NaN: the last one, else 1 */
};
/* End the attempt. 0; CLADE_REPEATED: it has ended already; CLADE_ESTALE; CLADE_EINVAL: nothing was told or
 * reported that could be its value; CLADE_EREFUSED: the step goes back. */
int cl_asker_end(struct cl_asker *a, int64_t number, int32_t attempt, const struct cl_outcome *o,
                 struct cl_err *e);

/* The member takes over the state that the donor reported last, and goes on with `values`. What makes the
 * decision stands in `args` (a JSON object). A member that has FAILED or DIVERGED is started again:
 * *ret_attempt is then a new one. *ret_change: to be told to cl_asker_loaded when the state has been copied,
 * with *ret_snapshot. CLADE_ECONFLICT: somebody else has decided about the member; CLADE_EREFUSED: it has
 * come to its end. Up to three commits: *ret_snapshot is the recorded state also when a later one fails. */
struct cl_asker_takeover {
  int64_t member, donor;
  int64_t snapshot; /* of that state, if it was recorded before; 0 = it was not */
  struct cl_assigned_list values;
  const char *args;
};
int cl_asker_take_over(struct cl_asker *a, const struct cl_asker_takeover *what, int32_t *ret_attempt,
                       int64_t *ret_snapshot, int64_t *ret_change, struct cl_err *e);
int cl_asker_loaded(struct cl_asker *a, int64_t number, int32_t attempt, int64_t change, int64_t snapshot,
                    struct cl_err *e);

/* Other values for a trial that keeps its state. CLADE_ECONFLICT, CLADE_EREFUSED as above. */
int cl_asker_set(struct cl_asker *a, int64_t number, struct cl_assigned_list values, const char *args,
                 struct cl_err *e);

/* Add a trial with the values that are present in `given` (space->n), the others drawn. CLADE_EBUDGET. */
int cl_asker_enqueue(struct cl_asker *a, const struct cl_value *given, int64_t *ret_trial, struct cl_err *e);

#endif
