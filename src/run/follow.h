/* Trials that follow a schedule: their values change at its steps.
 *
 * A trial of role replay follows the schedule in its study's settings (`replay`), one of role assess or
 * confirm that of the trial it is `of`, read along its lineage; that trial has ended, so the schedule stays
 * as it is. Whatever takes part in the study decides for them, conditionally and without a lease: `until` is
 * the step of the next change, and the report that reaches it is answered by a `set` of cause replay (an
 * `exploited` from its own snapshot where a value needs a new process). What begins again from a snapshot, or
 * from nothing, gets the values that were in force there first. All of it follows from the log.
 */
#ifndef CL_RUN_FOLLOW_H
#define CL_RUN_FOLLOW_H

#include "model/timetable.h"
#include "store/log.h"

struct cl_follower;

/* Listens on the log (keeps it). `say` (may be null): is told what people should know of a trial. Gives *ret;
 * free with cl_follower_destroy. CLADE_ENOMEM. */
int cl_follower_create(struct cl_log *log, void (*say)(void *ctx, int64_t trial, const char *text), void *ctx,
                       struct cl_follower **ret, struct cl_err *e);
void cl_follower_destroy(struct cl_follower *f); /* null is allowed; before the log is closed */

/* Once per turn of the loop, before others decide and before the worker starts trials: put what is to be
 * decided. `worker`: `by` of the decisions. CLADE_ESPEC: a schedule does not fit the study's space (any
 * more), naming the step; CLADE_EINVAL as cl_timetable_read. */
int cl_follower_turn(struct cl_follower *f, int worker, struct cl_err *e);

/* The step at which a trial that is about to be started is to ask; false: it follows no schedule. */
bool cl_follower_until(const struct cl_follower *f, const struct cl_trial *t, double *ret);

/* The schedule of the settings' key `replay`. CLADE_ENOTFOUND: it has none; CLADE_ESPEC, CLADE_ENOMEM. Gives
 * *ret; done with cl_timetable_done. `ret_fresh` (may be null): each run has a seed of its own. */
int cl_replay_of(const struct cl_settings *settings, struct cl_timetable *ret, bool *ret_fresh,
                 struct cl_err *e);

/* The step at which training ends by itself: as the scheduler says, or the study whose schedule is replayed;
 * CL_NO_STEP: neither does. */
double cl_last_step(const struct cl_settings *settings);

/* The schedule that a trial of this role, of that trial, goes by, and its values in the study's space. Errors
 * of cl_replay_of, cl_timetable_read and cl_course_make. Gives both; the course borrows from the table. */
int cl_schedule_to_follow(struct cl_log *log, enum cl_role role, int64_t of, struct cl_timetable *ret,
                          struct cl_course *ret_course, struct cl_err *e);

#endif
