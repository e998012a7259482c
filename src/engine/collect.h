/* Collection: which states nobody can need any more, and are deleted.
 *
 * Kept are the state that a trial would go on from (also what a clone has not saved itself yet, and what it
 * goes back to when its load fails), what is pinned, and all that the scheduler may still hand out. Of trials
 * that have come to their end the newest state is kept, too, for `clade best --checkpoint` and forks; where
 * the study has a disk budget (`limits: disk`), those of the lowest go first when it is used up, and that of
 * the best never goes.
 *
 * A state of regions and its durable copy go together; only the copy is on disk.
 *
 * A pure function of the replica and the scheduler; `deleted` is put, and workers remove the files when it is
 * committed. Looking costs O(trials + states), so it is not done for every state: that of a study with few
 * trials is done when four more have been saved than were kept.
 */
#ifndef CL_COLLECT_H
#define CL_COLLECT_H

#include "model/study.h"
#include "schedule/scheduler.h"

struct cl_collection {
  int64_t *live; /* usable states, ascending; some may be deleted already */
  size_t n, cap;
  size_t due;   /* look when there are so many */
  bool stirred; /* something was saved or came to its end since the last look */
  bool eager;   /* a twin was left: it takes memory, so it does not wait for `due` */
};
void cl_collection_done(struct cl_collection *c); /* all zero is allowed */

/* The replica has applied `ev`. CLADE_ENOMEM. */
int cl_collection_hear(struct cl_collection *c, const struct cl_event *ev, struct cl_err *e);
/* For one who begins to decide: as if it had heard everything. CLADE_ENOMEM. */
int cl_collection_fill(struct cl_collection *c, const struct cl_study *s, struct cl_err *e);
/* About how many states there are at a time: two of each member, one for each slot, and those that wait to be
 * looked at. More while some members are far behind others. */
int64_t cl_collection_most(int64_t members, int slots);
/* If it is time, put `deleted` for what nobody needs (`put` as in cl_attention_decide). `scheduler` may be
 * null. */
int cl_collection_decide(struct cl_collection *c, const struct cl_study *s, struct cl_scheduler *scheduler,
                         int (*put)(void *ctx, struct cl_event *ev, struct cl_err *e), void *ctx,
                         struct cl_err *e);

#endif
