/* The audit of a decision: fold the log up to what it knew, ask the method again, compare. */
#ifndef CL_VERIFY_H
#define CL_VERIFY_H

#include "query/reader.h"

/* `ev`: the `proposed` event of a trial, position set. Nothing is appended to *ret when asking again gives
 * the same values, cause and numbers; else a line per difference, or why nothing can be recomputed (a
 * person's, an imported or a forked trial). Cost O(log). Errors of the store and of the method. */
int cl_verify_proposal(struct cl_reader *r, const struct cl_event *ev, struct cl_text *ret, struct cl_err *e);

/* The same for the rulings of a trial, in order (cl_scheduler_is_ruling, _is_answer; all of one trial):
 * ret[i] gets the lines of rulings[i]. One pass over the log, cost O(log). */
int cl_verify_rulings(struct cl_reader *r, struct cl_event *const *rulings, size_t n, struct cl_text *ret,
                      struct cl_err *e);

#endif
