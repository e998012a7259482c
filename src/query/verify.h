/* The audit of a decision: fold the log up to what it knew, ask the method again, compare. */
#ifndef CL_VERIFY_H
#define CL_VERIFY_H

#include "query/reader.h"

/* `ev`: the `proposed` event of a trial, position set. Nothing is appended to *ret when asking again gives
 * the same values, cause and numbers; else a line per difference, or why nothing can be recomputed (a
 * person's, an imported or a forked trial). Cost O(log). Errors of the store and of the method. */
int cl_verify_proposal(struct cl_reader *r, const struct cl_event *ev, struct cl_text *ret, struct cl_err *e);

#endif
