/* Tables: two spaces between columns, header as typed and repeated below more than 5 rows, numbers right,
 * text left, a blank line after the header and before the footer.
 *
 * A column of numbers gets the fewest decimals, at least 3, at which its smallest non-zero magnitude shows
 * two significant digits; whole numbers get none. A column with any text cell is a text column. Text is made
 * harmless (safe.h) and cut at 30 columns unless `wide`.
 *
 * Where the terminal is too narrow, columns are left out rather than broken: first those of the highest rank,
 * the last one first. The caller says so to the user (cl_view_table_hidden).
 */
#ifndef CL_VIEW_TABLE_H
#define CL_VIEW_TABLE_H

#include <stdint.h>

#include "view/number.h"

#define CL_VIEW_TEXT_MAX 30 /* columns of a text cell */

struct cl_view_column {
  char *header;
  int rank;     /* 0 = always shown */
  int decimals; /* as typed by the user; CL_VIEW_AUTO = by the rule above */
  bool hidden;
  bool has_text, has_number;
  struct cl_view_range range;
  size_t width;
};
#define CL_VIEW_AUTO (-2)

struct cl_view_cell {
  union {
    double number;
    size_t text; /* offset into table->texts */
  } as;
  uint8_t kind, tone;
};

struct cl_view_table {
  size_t n_columns, cap_columns, n_cells, cap_cells;
  struct cl_view_column *columns;
  struct cl_view_cell *cells; /* row by row; the last row may be incomplete while it is written */
  struct clade_text texts;
  struct {
    size_t row, title; /* its first row; offset into texts */
  } * groups;
  size_t n_groups, cap_groups;
  size_t indent;    /* blanks before each line */
  size_t text_most; /* columns of a text cell; 0 = CL_VIEW_TEXT_MAX */
  bool wide;        /* neither leave out columns nor cut text */
  bool has_precision;
  int precision; /* if so: decimals of columns for which none were typed, unless their numbers are whole */
  bool bare;     /* rows only: no header, no blank line */
  bool failed;
};

/* Start from all zero (and `wide` if wanted); free with done. Adding never fails visibly: without memory the
 * table is marked failed, and cl_view_table_write marks the text. */
void cl_view_table_done(struct cl_view_table *t);
void cl_view_table_add_column(struct cl_view_table *t, const char *header, int rank, int decimals);

/* Cells, row by row, from left to right. */
void cl_view_table_add_text(struct cl_view_table *t, const char *text, enum cl_view_tone tone);
void cl_view_table_add_number(struct cl_view_table *t, double x, enum cl_view_tone tone);
void cl_view_table_add_fixed(struct cl_view_table *t, double x, int decimals); /* blank where it is NaN */
void cl_view_table_add_word(struct cl_view_table *t,
                            const char *word); /* null, true…: does not make it text */
void cl_view_table_add_right(struct cl_view_table *t, const char *text); /* a number that is already text */
void cl_view_table_add_blank(struct cl_view_table *t);

/* The next row begins a group: its title, made harmless, stands above it, and the group is indented and has a
 * header of its own. All columns are as wide as all groups need. */
void cl_view_table_begin_group(struct cl_view_table *t, const char *title);

size_t cl_view_table_rows(const struct cl_view_table *t);

/* Measure, leave out what does not fit style->width, and write header, blank line, rows, blank line, and
 * above 5 rows header and blank line again (the footer is the caller's); every line ends in a newline and has
 * no trailing blanks. No row: the header alone. */
void cl_view_table_write(struct cl_view_table *t, const struct cl_view_style *style, struct clade_text *ret);

/* Headers of the columns left out by the last write, joined by blanks and made harmless; how many. */
size_t cl_view_table_hidden(const struct cl_view_table *t, const struct cl_view_style *style,
                            struct clade_text *ret);

#endif
