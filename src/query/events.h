/* The log of a study as a stream of events, all of it or its end. */
#ifndef CL_QUERY_EVENTS_H
#define CL_QUERY_EVENTS_H

#include "query/address.h"

struct cl_events_options {
  int64_t after;                        /* positions above this one */
  int64_t last;                         /* only so many at the end; 0 = no limit */
  const struct cl_selection *selection; /* only events of these trials; null, or of kind NONE: all events */
};

/* Visit in order. The event borrows until the visit returns; a non-zero return stops and is returned.
 * *ret_position: up to where was read (unchanged after a stop). Only the last events are read where the
 * selection allows it. */
int cl_events_read(struct cl_reader *r, const struct cl_events_options *options,
                   int (*visit)(void *ctx, const struct cl_event *ev), void *ctx, int64_t *ret_position,
                   struct cl_err *e);

#endif
