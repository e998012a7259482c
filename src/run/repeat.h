/* Running one schedule (or one configuration) again: the decider of a replay study and of `clade assess`, in
 * the place of an engine. Proposes trials of one role until there are enough, tries failed ones again as
 * often as the study's limits say, and finishes a replay study when all have ended. What happens at the
 * changes is the follower's (run/follow.h). Needs no lease: what it puts is conditional. */
#ifndef CL_RUN_REPEAT_H
#define CL_RUN_REPEAT_H

#include "run/aside.h"
#include "run/follow.h"

struct cl_repeat_plan {
  enum cl_role role; /* replay or assess */
  int64_t of;        /* the trial that is run again; 0: the study's own schedule */
  int64_t runs;      /* trials of that role in all; 0: one more than have ended */
  bool fresh;        /* seeds of their own; else that of the root */
  bool finishes;     /* the study is over with them */
};

/* What a replay study is to do (settings key `replay`, and `trials`). CLADE_ESPEC. */
int cl_replay_plan(const struct cl_settings *settings, struct cl_repeat_plan *ret, struct cl_err *e);

struct cl_repeater;

/* Listens on the log (keeps it). Gives *ret; free with cl_repeater_destroy. Errors of cl_schedule_to_follow;
 * CLADE_ENOTFOUND: there is no such trial; CLADE_EINVAL: it is neither COMPLETE nor PRUNED. */
int cl_repeater_create(struct cl_log *log, const struct cl_repeat_plan *plan, struct cl_repeater **ret,
                       struct cl_err *e);
void cl_repeater_destroy(struct cl_repeater *r); /* null is allowed; before the log is closed */

/* Once per turn of the loop, before cl_log_commit: put what is to be decided. `worker`: `by` of the
 * decisions. CLADE_ENEWER; CLADE_ENOMEM. */
int cl_repeater_turn(struct cl_repeater *r, int worker, struct cl_err *e);
bool cl_repeater_is_over(const struct cl_repeater *r);
struct cl_run_aside cl_repeater_aside(const struct cl_repeater *r);

#endif
