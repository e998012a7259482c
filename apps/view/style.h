/* What a drawing may use: the size of the terminal, colours, characters. Plain data: who fills it in looks at
 * the terminal and the environment; the drawings look at nothing else. */
#ifndef CL_VIEW_STYLE_H
#define CL_VIEW_STYLE_H

#include <stdbool.h>

#include "clade/text.h"

struct cl_view_style {
  int width;  /* columns of the terminal; 0 = none (a pipe, a file): nothing is cut or left out */
  int height; /* rows; 0 = none */
  bool color; /* SGR sequences may be used */
  bool utf8;  /* characters outside of ASCII may be used */
};

/* The few tones of Clade's output. They add to the words and never replace them. */
enum cl_view_tone {
  CL_TONE_PLAIN = 0,
  CL_TONE_STRONG, /* what to look at first */
  CL_TONE_DIM,    /* what may be skipped */
  CL_TONE_GOOD,
  CL_TONE_BUSY,
  CL_TONE_BAD
};

/* Begin and end a tone; nothing without colours, or for CL_TONE_PLAIN. */
void cl_view_tone_begin(struct clade_text *t, const struct cl_view_style *style, enum cl_view_tone tone);
void cl_view_tone_end(struct clade_text *t, const struct cl_view_style *style, enum cl_view_tone tone);

/* The tone of a trial's state ("FAILED" …) or a study's ("open", "finished"). */
enum cl_view_tone cl_view_state_tone(const char *state);

#endif
