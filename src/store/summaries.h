/* Which finished trials' reports a reader may leave out, and what stands for them
 * (cl_read.skip_known_reports): the trial's head at the end of the log, shown with its `stopped`, `done` and
 * `ended`. */
#ifndef CL_SUMMARIES_H
#define CL_SUMMARIES_H

#include "store/heads.h"

struct cl_summary {
  double step, furthest;
  int64_t reports;
  uint16_t flags;
  uint8_t state; /* state 0: its reports are not left out */
};

struct cl_summaries {
  struct cl_summary *items; /* by trial - first, null when there are none */
  size_t n;
  int64_t first;
  struct cl_head head; /* that an event's summary points to */
};

/* Room for the trials lo to hi. CLADE_ENOMEM. */
int cl_summaries_init(struct cl_summaries *s, int64_t lo, int64_t hi, struct cl_err *e);
void cl_summaries_done(struct cl_summaries *s);

/* Take a trial's head. False when its reports must be read. */
bool cl_summaries_take(struct cl_summaries *s, int64_t trial, const struct cl_head *head);
/* Its reports must be read after all. True when they would have been left out. */
bool cl_summaries_drop(struct cl_summaries *s, int64_t trial);
bool cl_summaries_has(const struct cl_summaries *s, int64_t trial);

/* Point ev->summary to what stands for the reports; it holds until the next call. */
void cl_summaries_attach(struct cl_summaries *s, struct cl_event *ev);

#endif
