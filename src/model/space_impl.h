/* What the files of the space share; nobody else includes this. */
#ifndef CL_SPACE_IMPL_H
#define CL_SPACE_IMPL_H

#include "model/space.h"

/* Fill h->map from a checked definition; lowers h->hi to the grid. */
void cl_map_fill(struct cl_hyperparameter *h);

/* Domain float or int. */
bool cl_space_is_number(const struct cl_hyperparameter *h);

/* Has a grid (a step, or whole numbers), bounded or not. */
bool cl_map_is_stepped(const struct cl_hyperparameter *h);

/* A number of the domain (zero apart): nearest point of the grid, clipped to the range, of the right kind. */
struct cl_value cl_map_snap(const struct cl_hyperparameter *h, double x);

/* Range, values and extras for people: "1e-05 … 1", "[adam, sgd]". */
void cl_space_write_range(const struct cl_hyperparameter *h, struct cl_text *ret);

#endif
