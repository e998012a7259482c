/* The display of a running study: what is done, what each slot is doing, the best so far, the time left.
 *
 * The frame is lines of text made in memory; cl_view_screen turns it into the bytes that replace the last
 * frame on the terminal, for one write: no flicker, and nothing above the frame is touched.
 */
#ifndef CL_VIEW_PROGRESS_H
#define CL_VIEW_PROGRESS_H

#include <stdint.h>

#include "view/style.h"

struct cl_view_slot {
  int64_t trial;    /* 0 = idle */
  double step;      /* last reported, NaN = none yet */
  double share;     /* of its training that is done, 0…1; NaN = unknown */
  double value;     /* last reported objective, NaN = none */
  double elapsed_s; /* of this attempt */
  const char *text; /* its values in a few words, or null; borrowed */
};

struct cl_view_progress {
  const char *study, *metric, *goal, *step; /* step: name of the unit. Borrowed */
  const char *method, *schedule;            /* schedule: null without one */
  int64_t finished, total;                  /* trials that count against the budget, and the budget */
  double share;                             /* of the work that is done, 0…1 */
  int64_t failed, running, waiting;
  bool paused;      /* by a person: nothing is started */
  double elapsed_s; /* of this run of the engine */
  double left_s;    /* estimate; NaN = not known yet */
  double best;      /* NaN = none yet */
  int64_t best_trial;
  const char *best_text; /* its values in a few words, or null */
  const char *note;      /* a last line ("stopping: Ctrl-C again to kill"), or null */
  size_t n_slots;
  const struct cl_view_slot *slots;
};

/* Append the frame: at most style->height - 1 lines (24 if unknown) of at most style->width columns (80 if
 * unknown), each with its newline. */
void cl_view_progress_write(const struct cl_view_progress *p, const struct cl_view_style *style,
                            struct clade_text *ret);

/* A bar of `columns` columns, eighths of a character where there is UTF-8. share is clamped to 0…1. */
void cl_view_bar(struct clade_text *t, double share, int columns, const struct cl_view_style *style);

struct cl_view_screen {
  int lines; /* of the frame that stands on the terminal; start from 0 */
};
/* Append the bytes that put `frame` in the place of the last one. */
void cl_view_screen_draw(struct cl_view_screen *s, const char *frame, struct clade_text *ret);
/* Append the bytes that take the last frame away, so that lines can be printed above it. */
void cl_view_screen_clear(struct cl_view_screen *s, struct clade_text *ret);

#endif
