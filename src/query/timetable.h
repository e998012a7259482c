/* The schedule of a trial, read from the log along its lineage.
 *
 * From the trial's present state the way leads back from snapshot to snapshot, each saved by the trial that
 * trained it, to the one that began from nothing: the root. Forward again, the values in force are those with
 * which each part of the way began (a clone's are the exploit's) and those that went out with the answer of
 * each report (events.md, "What a report's answer carries"). What was trained beside the way, and what a
 * later attempt began again, is not on it.
 */
#ifndef CL_QUERY_TIMETABLE_H
#define CL_QUERY_TIMETABLE_H

#include "model/timetable.h"
#include "query/reader.h"

struct cl_leg { /* a part of the way: one trial from a moment at which its state was replaced */
  int64_t trial;
  int attempt;
  int64_t begin;    /* position: a start, or a load */
  int64_t snapshot; /* it began from (position); 0 = from nothing */
  double from,
      to; /* steps; from is that of the snapshot, NaN for the root; to NaN = to its end, or nothing yet */
  int n_missing; /* parts of its state that the snapshot lacked */
};

struct cl_lineage {
  size_t n;
  struct cl_leg *legs; /* the root first, the trial itself last */
};
void cl_lineage_done(struct cl_lineage *l); /* all zero is allowed */

/* Cost O(events of the trials on the way). CLADE_ENOTFOUND: no such trial; CLADE_EINVAL: it was never
 * started, or was imported; CLADE_ECORRUPT. Gives *ret; done with cl_lineage_done. */
int cl_lineage_read(struct cl_reader *r, int64_t trial, struct cl_lineage *ret, struct cl_err *e);

/* Gives *ret; done with cl_timetable_done. `ret_lineage` (may be null): gives the way as well. Errors as
 * above. */
int cl_timetable_read(struct cl_reader *r, int64_t trial, struct cl_timetable *ret,
                      struct cl_lineage *ret_lineage, struct cl_err *e);

/* The same of a state: the way to the snapshot at that position, as far as the step at which it was saved.
 * Errors as above; CLADE_ENOTFOUND: there is no snapshot. */
int cl_timetable_read_state(struct cl_reader *r, int64_t snapshot, struct cl_timetable *ret,
                            struct cl_lineage *ret_lineage, struct cl_err *e);

#endif
