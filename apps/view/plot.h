/* Curves in a terminal: braille dots (2 x 4 in a character), or plain characters where there is no UTF-8. */
#ifndef CL_VIEW_PLOT_H
#define CL_VIEW_PLOT_H

#include "view/style.h"

struct cl_view_curve {
  const double *x, *y; /* n points in the order of drawing; a point that is not finite breaks the line */
  size_t n;
};

struct cl_view_plot {
  const struct cl_view_curve *curves; /* drawn over each other; borrowed */
  size_t n_curves;
  const char *title;   /* above; null = none */
  const char *x_label; /* below, at the right end; null = none */
  int width, height;   /* columns and rows of the whole drawing, with axes and labels; at least 20 x 5 */
  bool steps;          /* y holds until the next x: "best so far" */
};

/* Append the drawing: at most `height` lines of at most `width` columns, without trailing blanks. Nothing
 * finite: one line that says so. Cost O(points + area). */
void cl_view_plot_write(const struct cl_view_plot *p, const struct cl_view_style *style,
                        struct clade_text *ret);

#endif
