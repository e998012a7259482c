#include "cli/pairs.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/rows.h"
#include "view/plot.h"
#include "view/safe.h"

#define CURVE_WIDTH_MOST  100
#define CURVE_HEIGHT_MOST 16

void cl_cli_pairs_init(struct cl_cli_pairs *p) {
  p->table = (struct cl_view_table){.indent = 2, .wide = true, .bare = true};
  cl_view_table_add_column(&p->table, "", 0, CL_VIEW_AUTO);
  cl_view_table_add_column(&p->table, "", 0, CL_VIEW_AUTO);
}

static void add_text(struct cl_cli_pairs *p, const char *name, const char *value) {
  cl_view_table_add_text(&p->table, name, CL_TONE_DIM);
  cl_view_table_add_text(&p->table, value, CL_TONE_PLAIN);
}

void cl_cli_pairs_add(struct cl_cli_pairs *p, const char *name, const char *format, ...) {
  char text[8192];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  add_text(p, name, text);
}

void cl_cli_pairs_add_value(struct cl_cli_pairs *p, const char *name, struct clade_value v) {
  struct clade_text value = {0};
  cl_cli_add_value(&value, v);
  add_text(p, name, clade_text_get(&value));
  if (value.failed) p->table.failed = true;
  clade_text_done(&value);
}

void cl_cli_pairs_write(struct cl_cli *cli, struct cl_cli_pairs *p) {
  cl_view_table_write(&p->table, &cli->out, &cli->text);
  cl_view_table_done(&p->table);
}

void cl_cli_write_heading(struct cl_cli *cli, const char *heading) {
  clade_text_add_char(&cli->text, '\n');
  cl_view_tone_begin(&cli->text, &cli->out, CL_TONE_STRONG);
  clade_text_add(&cli->text, heading);
  cl_view_tone_end(&cli->text, &cli->out, CL_TONE_STRONG);
  clade_text_add_char(&cli->text, '\n');
}

void cl_cli_write_curve(struct cl_cli *cli, const struct clade_curve *curve, const char *title,
                        const char *x_label, bool steps) {
  if (curve->n < 2) return;
  struct cl_view_style style = cli->out;
  style.utf8 = cli->locale_utf8;
  int width = style.width > 0 ? style.width : 80,
      height = style.height > 0 ? style.height - 8 : CURVE_HEIGHT_MOST;
  if (width > CURVE_WIDTH_MOST) width = CURVE_WIDTH_MOST;
  if (height > CURVE_HEIGHT_MOST) height = CURVE_HEIGHT_MOST;
  struct cl_view_curve line = {.x = curve->x, .y = curve->y, .n = curve->n};
  struct cl_view_plot plot = {.curves = &line,
                              .n_curves = 1,
                              .title = title,
                              .x_label = x_label,
                              .width = width < 20 ? 20 : width,
                              .height = height < 8 ? 8 : height,
                              .steps = steps};
  clade_text_add_char(&cli->text, '\n');
  cl_view_plot_write(&plot, &style, &cli->text);
}
