/* The behaviour of members: the metrics of their last reports whose names begin with a prefix. */
#ifndef CL_BEHAVIOUR_H
#define CL_BEHAVIOUR_H

#include "model/study.h"

struct cl_behaviour {
  const char *prefix; /* keeps */
  uint8_t place[CL_METRICS_MAX +
                1]; /* of a metric by id: in the vectors, + 2; 1 = no behaviour; 0 = not met yet */
  size_t d;         /* numbers of a vector */
  size_t n;
  struct cl_behaviour_vector *of; /* private */
};

void cl_behaviour_done(struct cl_behaviour *b); /* with a prefix, else zeroed: an empty one */

/* The member (0…) has reported: what it did not report now is unknown. Late reports are not for here.
 * CLADE_ENOMEM. */
int cl_behaviour_apply(struct cl_behaviour *b, const struct cl_study *study, size_t member,
                       const struct cl_event *reported, struct cl_err *e);

/* Its vector, b->d numbers; NaN: unknown. */
void cl_behaviour_get(const struct cl_behaviour *b, size_t member, double *ret);

#endif
