/* With which values the members began after each restart, and how far whoever descends from them has come:
 * what the model of IPBT's restarts learns from. Told by the log alone: rulings name member, own score and
 * donor.
 */
#ifndef CL_ORIGINS_H
#define CL_ORIGINS_H

#include "schedule/rewards.h"

struct cl_origin {
  bool known;       /* it has begun in this era */
  double best;      /* highest score of a descendant; -inf: none so far */
  uint32_t of;      /* whom this member descends from in this era … */
  uint32_t of_last; /* … and in the one before */
};

struct cl_origins {
  int era;                 /* 0, 1, … */
  size_t width;            /* coordinates of a point */
  struct cl_origin *items; /* by member */
  double *at;              /* their points */
  size_t n, cap, cap_at;
  struct cl_tried *past;       /* one per member and finished era; their values are in past_at */
  double *past_at, *past_then; /* the latter: their rewards when the era ended */
  size_t n_past, cap_past, cap_past_at, cap_past_then;
};

void cl_origins_done(struct cl_origins *o); /* a zeroed one is empty */

/* Points have other coordinates now: all is forgotten but the era. */
void cl_origins_clear(struct cl_origins *o, size_t width);
/* The member begins at this point. CLADE_ENOMEM. */
int cl_origins_begin(struct cl_origins *o, size_t member, const double *point, struct cl_err *e);
void cl_origins_score(struct cl_origins *o, size_t member, double score); /* ignores what is not finite */
void cl_origins_take_over(struct cl_origins *o, size_t member, size_t donor);
/* All begin anew. CLADE_ENOMEM. */
int cl_origins_restart(struct cl_origins *o, struct cl_err *e);
/* The last score of the member in the era before. */
void cl_origins_score_last(struct cl_origins *o, size_t member, double score);

/* The newest rows of finished eras that have a score, oldest first, out of the last `most`; how many. `then`:
 * as they were when all began anew, without the scores that rulings have told since. Their values borrow. */
size_t cl_origins_rows(const struct cl_origins *o, size_t most, bool then, struct cl_tried *ret);
/* The points at which members have begun in this era, of the last CL_PENDING_MAX of them. */
size_t cl_origins_pending(const struct cl_origins *o, struct cl_tried *ret);

#endif
