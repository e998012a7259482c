/* Confirming: the decider of `clade confirm`, in the place of an engine. Proposes trials of role confirm
 * until the plan is fulfilled, tries failed ones again as often as the study's limits say, and decides
 * nothing about the search: it needs no lease, like a person. Interrupted, it goes on where it stopped: what
 * to run next follows from the log. */
#ifndef CL_RUN_CONFIRM_H
#define CL_RUN_CONFIRM_H

#include "clade/run.h"
#include "query/confirm.h"
#include "run/aside.h"
#include "store/log.h"

struct cl_confirmer;

/* `choice` borrows its trials. Listens on the log (keeps it). Gives *ret; free with cl_confirmer_destroy. The
 * errors of cl_confirm_read; CLADE_EINVAL for a plan out of range; those of cl_schedule_to_follow in a study
 * with a schedule: there each run follows that of the trial it confirms. */
int cl_confirmer_create(struct cl_log *log, const struct cl_confirm_choice *choice,
                        const struct cl_confirm_plan *plan, struct cl_confirmer **ret, struct cl_err *e);
void cl_confirmer_destroy(struct cl_confirmer *c); /* null is allowed; before the log is closed */

/* Once per turn of the loop, before cl_log_commit: put what is to be decided. `worker`: `by` of the
 * decisions. CLADE_ENEWER; CLADE_ENOMEM. */
int cl_confirmer_turn(struct cl_confirmer *c, int worker, struct cl_err *e);

/* All that was planned has ended. */
bool cl_confirmer_is_over(const struct cl_confirmer *c);
/* Runs planned and ended; hopeless when the first runs all failed (settings.max_failures of them), so no more
 * are proposed; described as "trial 17  0.045  lr=0.01 …", a line each. */
struct cl_run_aside cl_confirmer_aside(const struct cl_confirmer *c);

#endif
