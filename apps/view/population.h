/* Two pictures of populations, as gnuplot commands: what each member scored over time, and where its values
 * went.
 *
 * A picture has a panel per population, side by side on the same axes. Members are coloured by rank, from
 * blue (good) over orange to red; the best is purple and drawn last.
 */
#ifndef CL_VIEW_POPULATION_H
#define CL_VIEW_POPULATION_H

#include <stdbool.h>
#include <stddef.h>

#include "clade/text.h"

struct cl_view_point {
  double step, score; /* NaN score: none at this step */
  double x, y;        /* the two values it was trained with; NaN: none */
};

struct cl_view_member {
  const struct cl_view_point *points; /* in order of time */
  size_t n;
  size_t rank; /* 0 = the best; each below the population's size once */
};

struct cl_view_population {
  const char *title;
  const struct cl_view_member *members;
  size_t n;
};

struct cl_view_populations {
  const struct cl_view_population *items;
  size_t n;
  const char *metric, *step; /* labels of the axes */
  const char *x, *y;         /* names of the two values; with y null, x is drawn over the steps */
};

/* Size of a picture of n panels, in pixels. */
void cl_view_populations_size(size_t n, int *ret_width, int *ret_height);

/* Append the commands; cl_view_picture_draw (view/gnuplot.h) draws them. A member's line breaks at a score
 * that is not finite. */
void cl_view_populations_write_scores(const struct cl_view_populations *p, struct clade_text *ret);

/* A dot per point, growing with time; those of the best are stars. A value that spans two orders of magnitude
 * or more, and is positive, is drawn as its logarithm to the base 10. False, and nothing is written: there
 * are no values to draw. */
bool cl_view_populations_write_values(const struct cl_view_populations *p, struct clade_text *ret);

#endif
