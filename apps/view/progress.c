/* The display of a running study. */
#include "view/progress.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "view/number.h"
#include "view/safe.h"

#define WIDTH_UNKNOWN  80
#define HEIGHT_UNKNOWN 24
#define BAR_MAX        60

static int frame_width(const struct cl_view_style *style) {
  return style->width > 0 ? style->width : WIDTH_UNKNOWN;
}

void cl_view_bar(struct clade_text *t, double share, int columns, const struct cl_view_style *style) {
  assert(columns >= 1);
  static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  double part = share > 0 ? share < 1 ? share : 1 : 0;
  int steps = style->utf8 ? 8 : 1, filled = (int)floor(part * columns * steps + 1e-9);
  for (int i = 0; i < columns; i++) {
    int here = filled - i * steps;
    if (here >= steps)
      clade_text_add(t, style->utf8 ? "█" : "#");
    else if (style->utf8)
      clade_text_add(t, eighths[here > 0 ? here : 0]);
    else
      clade_text_add_char(t, '.');
  }
}

/* Add one line, cut to the width; the parts before it may hold tones, so only `text` is user text. */
static void add_line(struct clade_text *ret, const struct clade_text *line, enum cl_view_tone tone,
                     const struct cl_view_style *style) {
  cl_view_tone_begin(ret, style, tone);
  (void)cl_view_add_cut(ret, clade_text_get(line), (size_t)(frame_width(style) > 4 ? frame_width(style) : 4),
                        style);
  cl_view_tone_end(ret, style, tone);
  clade_text_add_char(ret, '\n');
  if (line->failed) ret->failed = true;
}

static void write_head(const struct cl_view_progress *p, const struct cl_view_style *style,
                       struct clade_text *ret) {
  struct clade_text line = {0};
  clade_text_format(&line, "%s  %s", p->study, p->method);
  if (p->schedule != NULL) clade_text_format(&line, " + %s", p->schedule);
  clade_text_format(&line, ", %s %s", p->goal, p->metric);
  if (p->failed > 0) clade_text_format(&line, "  %" PRId64 " failed", p->failed);
  add_line(ret, &line, CL_TONE_STRONG, style);
  clade_text_done(&line);
}

static void write_bar(const struct cl_view_progress *p, const struct cl_view_style *style,
                      struct clade_text *ret) {
  struct clade_text tail = {0};
  char buffer[CL_VIEW_NUMBER_MAX];
  double share = p->total > 0 ? p->share : 0;
  clade_text_format(&tail, " %3.0f %%  %" PRId64 " of %" PRId64, floor(share * 100), p->finished, p->total);
  clade_text_format(&tail, "  %s", cl_view_duration(p->elapsed_s, buffer));
  if (p->paused) clade_text_add(&tail, ", paused");
  if (isfinite(p->left_s)) clade_text_format(&tail, ", about %s left", cl_view_duration(p->left_s, buffer));
  int room = frame_width(style) - (int)tail.length;
  if (room > BAR_MAX) room = BAR_MAX;
  if (room >= 4) {
    cl_view_tone_begin(ret, style, CL_TONE_GOOD);
    cl_view_bar(ret, share, room, style);
    cl_view_tone_end(ret, style, CL_TONE_GOOD);
    clade_text_add(ret, clade_text_get(&tail));
    clade_text_add_char(ret, '\n');
  } else
    add_line(ret, &tail, CL_TONE_PLAIN, style);
  if (tail.failed) ret->failed = true;
  clade_text_done(&tail);
}

static void write_best(const struct cl_view_progress *p, const struct cl_view_style *style,
                       struct clade_text *ret) {
  struct clade_text line = {0};
  char buffer[CL_VIEW_NUMBER_MAX];
  if (isfinite(p->best)) {
    clade_text_format(&line, "best %s  trial %" PRId64, cl_view_short(p->best, 6, buffer), p->best_trial);
    if (p->best_text != NULL) clade_text_format(&line, "  %s", p->best_text);
  } else
    clade_text_add(&line, "no result yet");
  add_line(ret, &line, CL_TONE_PLAIN, style);
  clade_text_done(&line);
}

static void write_slot(const struct cl_view_progress *p, size_t i, const struct cl_view_style *style,
                       struct clade_text *ret) {
  const struct cl_view_slot *s = &p->slots[i];
  struct clade_text line = {0};
  char buffer[CL_VIEW_NUMBER_MAX];
  clade_text_format(&line, "%3zu  ", i + 1);
  if (s->trial == 0)
    clade_text_add(&line, "idle");
  else {
    clade_text_format(&line, "trial %-6" PRId64 " %8s", s->trial, cl_view_duration(s->elapsed_s, buffer));
    if (isfinite(s->step)) clade_text_format(&line, "  %s %s", p->step, cl_view_short(s->step, 6, buffer));
    if (isfinite(s->share)) clade_text_format(&line, " (%.0f %%)", floor(s->share * 100));
    if (!isnan(s->value)) clade_text_format(&line, "  %s", cl_view_short(s->value, 5, buffer));
    if (s->text != NULL) clade_text_format(&line, "  %s", s->text);
  }
  add_line(ret, &line, s->trial == 0 ? CL_TONE_DIM : CL_TONE_PLAIN, style);
  clade_text_done(&line);
}

void cl_view_progress_write(const struct cl_view_progress *p, const struct cl_view_style *style,
                            struct clade_text *ret) {
  int height = style->height > 0 ? style->height : HEIGHT_UNKNOWN;
  size_t room = height > 5 + (p->note != NULL) ? (size_t)(height - 5 - (p->note != NULL)) : 1;
  size_t shown = p->n_slots <= room + 1 ? p->n_slots : room;
  write_head(p, style, ret);
  write_bar(p, style, ret);
  write_best(p, style, ret);
  for (size_t i = 0; i < shown; i++) write_slot(p, i, style, ret);
  struct clade_text line = {0};
  if (shown < p->n_slots) {
    clade_text_format(&line, "     and %zu more", p->n_slots - shown);
    add_line(ret, &line, CL_TONE_DIM, style);
  }
  clade_text_clear(&line);
  clade_text_add(&line, p->note);
  if (p->note != NULL) add_line(ret, &line, CL_TONE_STRONG, style);
  clade_text_done(&line);
}

void cl_view_screen_draw(struct cl_view_screen *s, const char *frame, struct clade_text *ret) {
  if (s->lines > 0) clade_text_format(ret, "\x1b[%dA", s->lines);
  clade_text_add_char(ret, '\r');
  int lines = 0;
  for (const char *end; (end = strchr(frame, '\n')) != NULL; frame = end + 1, lines++) {
    clade_text_add_bytes(ret, frame, (size_t)(end - frame));
    clade_text_add(ret, "\x1b[K\r\n");
  }
  clade_text_add(ret, "\x1b[J");
  s->lines = lines;
}

void cl_view_screen_clear(struct cl_view_screen *s, struct clade_text *ret) {
  if (s->lines > 0) clade_text_format(ret, "\x1b[%dA\r\x1b[J", s->lines);
  s->lines = 0;
}
