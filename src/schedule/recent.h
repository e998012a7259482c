/* The last scores that each member reported, for rules that ask whether a lead is more than noise.
 *
 * They run along the lineage, as a trial's value does: a member that takes over a state takes over the scores
 * that this state had, and reports above the snapshot that a process starts from are void. So they do not
 * depend on who was paused or lost in between.
 */
#ifndef CL_RECENT_H
#define CL_RECENT_H

#include <stddef.h>

#include "base/err.h"

struct cl_recent {
  int most;               /* per member, >= 0; 0: nothing is kept. Set before the first member comes */
  size_t cap;             /* members that there is room for */
  int *n;                 /* of each member */
  double *scores, *steps; /* of member i: from i * most on, oldest first */
};

void cl_recent_done(struct cl_recent *r); /* a zeroed struct is an empty one */

int cl_recent_reach(struct cl_recent *r, size_t members, struct cl_err *e); /* room. CLADE_ENOMEM */
void cl_recent_push(struct cl_recent *r, size_t member, double step,
                    double score);                                   /* ignores what is not finite */
void cl_recent_cut(struct cl_recent *r, size_t member, double step); /* above `step`: void */
/* Another state, of that step, with its scores. */
void cl_recent_replace(struct cl_recent *r, size_t member, const double *scores, int n, double step);
/* Oldest first; until the next change. */
const double *cl_recent_of(const struct cl_recent *r, size_t member, int *ret_n);

#endif
