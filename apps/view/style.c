/* Tones as SGR sequences of the 8-colour palette, which every terminal since the VT100's heirs can show. */
#include "view/style.h"

#include <assert.h>
#include <string.h>

static const char *const sequences[] = {
    [CL_TONE_PLAIN] = "",        [CL_TONE_STRONG] = "\x1b[1m", [CL_TONE_DIM] = "\x1b[2m",
    [CL_TONE_GOOD] = "\x1b[32m", [CL_TONE_BUSY] = "\x1b[36m",  [CL_TONE_BAD] = "\x1b[31m",
};

void cl_view_tone_begin(struct clade_text *t, const struct cl_view_style *style, enum cl_view_tone tone) {
  assert(tone >= CL_TONE_PLAIN && tone <= CL_TONE_BAD);
  if (style->color) clade_text_add(t, sequences[tone]);
}

void cl_view_tone_end(struct clade_text *t, const struct cl_view_style *style, enum cl_view_tone tone) {
  if (style->color && tone != CL_TONE_PLAIN) clade_text_add(t, "\x1b[0m");
}

enum cl_view_tone cl_view_state_tone(const char *state) {
  static const struct {
    const char *state;
    enum cl_view_tone tone;
  } tones[] = {{"FAILED", CL_TONE_BAD},   {"DIVERGED", CL_TONE_BAD},  {"LOST", CL_TONE_BAD},
               {"RUNNING", CL_TONE_BUSY}, {"open", CL_TONE_BUSY},     {"PRUNED", CL_TONE_DIM},
               {"WAITING", CL_TONE_DIM},  {"INFEASIBLE", CL_TONE_DIM}};
  for (size_t i = 0; i < sizeof tones / sizeof tones[0]; i++)
    if (strcmp(state, tones[i].state) == 0) return tones[i].tone;
  return CL_TONE_PLAIN;
}
