/* Tables. Cells are kept as numbers until the table is written: only then is it known how many decimals a
 * column needs. Widths of numbers come from the extremes of the column, not from writing every cell twice. */
#include "view/table.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "view/safe.h"

#define GAP          2
#define REPEAT_ABOVE 5 /* rows from which on the header is repeated below */
#define GROUP_INDENT 2

enum { CELL_BLANK = 0, CELL_TEXT, CELL_WORD, CELL_NUMBER };

static int grow(void *items, size_t *capacity, size_t need, size_t size) {
  if (need <= *capacity) return 0;
  size_t want = *capacity < 16 ? 16 : *capacity * 2;
  if (want < need || want > SIZE_MAX / size) return -1;
  void *old = NULL;
  memcpy(&old, items, sizeof old);
  void *grown = clade_resize(old, want * size);
  if (grown == NULL) return -1;
  memcpy(items, &grown, sizeof grown);
  *capacity = want;
  return 0;
}

void cl_view_table_done(struct cl_view_table *t) {
  for (size_t i = 0; i < t->n_columns; i++) clade_free(t->columns[i].header);
  clade_free(t->columns);
  clade_free(t->cells);
  clade_free(t->groups);
  clade_text_done(&t->texts);
  *t = (struct cl_view_table){0};
}

static char *copy_text(const char *text) {
  size_t n = strlen(text) + 1;
  char *copy = clade_resize(NULL, n);
  if (copy != NULL) memcpy(copy, text, n);
  return copy;
}

void cl_view_table_add_column(struct cl_view_table *t, const char *header, int rank, int decimals) {
  assert(t->n_cells == 0);
  char *copy = copy_text(header);
  if (copy == NULL || grow(&t->columns, &t->cap_columns, t->n_columns + 1, sizeof *t->columns) < 0) {
    clade_free(copy);
    t->failed = true;
    return;
  }
  t->columns[t->n_columns++] = (struct cl_view_column){.header = copy, .rank = rank, .decimals = decimals};
}

static struct cl_view_cell *add_cell(struct cl_view_table *t, uint8_t kind) {
  if (t->failed || t->n_columns == 0 ||
      grow(&t->cells, &t->cap_cells, t->n_cells + 1, sizeof *t->cells) < 0) {
    t->failed = true;
    return NULL;
  }
  struct cl_view_cell *cell = &t->cells[t->n_cells++];
  *cell = (struct cl_view_cell){.kind = kind};
  return cell;
}

static struct cl_view_column *last_column(struct cl_view_table *t) {
  assert(t->n_cells > 0);
  return &t->columns[(t->n_cells - 1) % t->n_columns];
}

static void set_text(struct cl_view_table *t, struct cl_view_cell *cell, const char *text) {
  cell->as.text = t->texts.length;
  clade_text_add_bytes(&t->texts, text, strlen(text) + 1);
  if (t->texts.failed) t->failed = true;
}

void cl_view_table_add_text(struct cl_view_table *t, const char *text, enum cl_view_tone tone) {
  struct cl_view_cell *cell = add_cell(t, CELL_TEXT);
  if (cell == NULL) return;
  cell->tone = (uint8_t)tone;
  set_text(t, cell, text);
  last_column(t)->has_text = true;
}

void cl_view_table_add_word(struct cl_view_table *t, const char *word) {
  struct cl_view_cell *cell = add_cell(t, CELL_WORD);
  if (cell != NULL) set_text(t, cell, word);
}

void cl_view_table_add_right(struct cl_view_table *t, const char *text) {
  cl_view_table_add_word(t, text);
  if (!t->failed) last_column(t)->has_number = true;
}

void cl_view_table_add_number(struct cl_view_table *t, double x, enum cl_view_tone tone) {
  struct cl_view_cell *cell = add_cell(t, CELL_NUMBER);
  if (cell == NULL) return;
  cell->tone = (uint8_t)tone;
  cell->as.number = x;
  struct cl_view_column *column = last_column(t);
  column->has_number = true;
  cl_view_range_add(&column->range, x);
}

void cl_view_table_add_blank(struct cl_view_table *t) {
  (void)add_cell(t, CELL_BLANK);
}

void cl_view_table_add_fixed(struct cl_view_table *t, double x, int decimals) {
  char buffer[CL_VIEW_NUMBER_MAX];
  if (isnan(x))
    cl_view_table_add_blank(t);
  else
    cl_view_table_add_right(t, cl_view_number(x, decimals, buffer));
}

void cl_view_table_begin_group(struct cl_view_table *t, const char *title) {
  assert(t->failed || t->n_columns == 0 || t->n_cells % t->n_columns == 0);
  if (grow(&t->groups, &t->cap_groups, t->n_groups + 1, sizeof *t->groups) < 0) {
    t->failed = true;
    return;
  }
  t->groups[t->n_groups].row = cl_view_table_rows(t);
  t->groups[t->n_groups++].title = t->texts.length;
  clade_text_add_bytes(&t->texts, title, strlen(title) + 1);
  if (t->texts.failed) t->failed = true;
}

size_t cl_view_table_rows(const struct cl_view_table *t) {
  return t->n_columns == 0 ? 0 : t->n_cells / t->n_columns;
}

static size_t text_limit(const struct cl_view_table *t) {
  if (t->text_most > 0) return t->text_most;
  return t->wide ? SIZE_MAX / 128 : CL_VIEW_TEXT_MAX;
}

static size_t wider(size_t a, size_t b) {
  return a > b ? a : b;
}

static size_t number_width(double x, int decimals) {
  char buffer[CL_VIEW_NUMBER_MAX];
  return strlen(cl_view_number(x, decimals, buffer));
}

/* With fixed decimals the widest number is one of the extremes. */
static size_t range_width(const struct cl_view_range *r, int decimals) {
  if (decimals == CL_VIEW_EXPONENT) return 0; /* each is measured */
  return wider(number_width(r->largest, decimals), number_width(r->lowest, decimals));
}

static size_t cell_text_width(const struct cl_view_table *t, const struct cl_view_cell *cell,
                              const struct cl_view_style *style, struct clade_text *scratch) {
  clade_text_clear(scratch);
  return cl_view_add_cut(scratch, t->texts.bytes + cell->as.text, text_limit(t), style);
}

static void measure(struct cl_view_table *t, const struct cl_view_style *style) {
  assert(t->n_cells == 0 || t->n_columns > 0);
  struct clade_text scratch = {0};
  for (size_t i = 0; i < t->n_columns; i++) {
    struct cl_view_column *c = &t->columns[i];
    bool automatic = c->decimals == CL_VIEW_AUTO;
    if (automatic) c->decimals = cl_view_decimals(&c->range);
    if (automatic && t->has_precision && c->decimals != 0) c->decimals = t->precision;
    c->hidden = false;
    c->width = t->bare ? 0 : cl_view_add_cut(&scratch, c->header, text_limit(t), style);
    if (c->has_number) c->width = wider(c->width, range_width(&c->range, c->decimals));
  }
  for (size_t i = 0; i < t->n_cells; i++) {
    const struct cl_view_cell *cell = &t->cells[i];
    struct cl_view_column *c = &t->columns[i % t->n_columns];
    if (cell->kind == CELL_TEXT || cell->kind == CELL_WORD)
      c->width = wider(c->width, cell_text_width(t, cell, style, &scratch));
    else if (cell->kind == CELL_NUMBER && (c->decimals == CL_VIEW_EXPONENT || !isfinite(cell->as.number)))
      c->width = wider(c->width, number_width(cell->as.number, c->decimals));
  }
  if (scratch.failed) t->failed = true;
  clade_text_done(&scratch);
}

static size_t table_width(const struct cl_view_table *t) {
  size_t width = t->indent + (t->n_groups > 0 ? GROUP_INDENT : 0);
  bool first = true;
  for (size_t i = 0; i < t->n_columns; i++) {
    if (t->columns[i].hidden) continue;
    width += t->columns[i].width + (first ? 0 : GAP);
    first = false;
  }
  return width;
}

/* The column to leave out next: highest rank, the last of them. Null when all that is left must stay. */
static struct cl_view_column *find_droppable(struct cl_view_table *t) {
  struct cl_view_column *found = NULL;
  for (size_t i = 0; i < t->n_columns; i++) {
    struct cl_view_column *c = &t->columns[i];
    if (!c->hidden && c->rank > 0 && (found == NULL || c->rank >= found->rank)) found = c;
  }
  return found;
}

static void fit(struct cl_view_table *t, const struct cl_view_style *style) {
  if (t->wide || style->width <= 0) return;
  while (table_width(t) > (size_t)style->width) {
    struct cl_view_column *c = find_droppable(t);
    if (c == NULL) return;
    c->hidden = true;
  }
}

struct line { /* a line being written: blanks are owed until something follows them */
  struct clade_text *text;
  const struct cl_view_style *style;
  size_t owed;
};

static void add_aligned(struct line *line, const char *bytes, size_t length, size_t used, size_t width,
                        bool right, enum cl_view_tone tone) {
  size_t rest = width > used ? width - used : 0;
  if (right) line->owed += rest;
  if (length > 0) {
    clade_text_add_repeat(line->text, " ", line->owed);
    line->owed = 0;
    cl_view_tone_begin(line->text, line->style, tone);
    clade_text_add_bytes(line->text, bytes, length);
    cl_view_tone_end(line->text, line->style, tone);
  }
  if (!right) line->owed += rest;
}

static bool is_right(const struct cl_view_column *c) {
  return c->has_number && !c->has_text;
}

static void write_header(const struct cl_view_table *t, const struct cl_view_style *style,
                         struct clade_text *ret) {
  struct line line = {.text = ret, .style = style, .owed = t->indent};
  struct clade_text header = {0};
  bool first = true;
  for (size_t i = 0; i < t->n_columns; i++) {
    const struct cl_view_column *c = &t->columns[i];
    if (c->hidden) continue;
    if (!first) line.owed += GAP;
    first = false;
    clade_text_clear(&header);
    size_t used = cl_view_add_cut(&header, c->header, text_limit(t), style);
    add_aligned(&line, clade_text_get(&header), header.length, used, c->width, is_right(c), CL_TONE_STRONG);
  }
  clade_text_add_char(ret, '\n');
  clade_text_done(&header);
}

static void write_cell(const struct cl_view_table *t, const struct cl_view_cell *cell, size_t column,
                       struct line *line, struct clade_text *scratch) {
  const struct cl_view_column *c = &t->columns[column];
  char buffer[CL_VIEW_NUMBER_MAX];
  switch (cell->kind) {
  case CELL_NUMBER: {
    const char *number = cl_view_number(cell->as.number, c->decimals, buffer);
    add_aligned(line, number, strlen(number), strlen(number), c->width, is_right(c), cell->tone);
    break;
  }
  case CELL_TEXT:
  case CELL_WORD: {
    size_t used = cell_text_width(t, cell, line->style, scratch);
    add_aligned(line, clade_text_get(scratch), scratch->length, used, c->width, is_right(c), cell->tone);
    break;
  }
  default: line->owed += c->width;
  }
}

/* The rows lo…hi - 1. */
static void write_rows(const struct cl_view_table *t, const struct cl_view_style *style, size_t lo, size_t hi,
                       struct clade_text *ret) {
  struct clade_text scratch = {0};
  for (size_t row = lo; row < hi; row++) {
    struct line line = {.text = ret, .style = style, .owed = t->indent};
    bool first = true;
    for (size_t i = 0; i < t->n_columns; i++) {
      if (t->columns[i].hidden) continue;
      if (!first) line.owed += GAP;
      first = false;
      write_cell(t, &t->cells[row * t->n_columns + i], i, &line, &scratch);
    }
    clade_text_add_char(ret, '\n');
  }
  clade_text_done(&scratch);
}

/* Header, rows, and the header again below many. */
static void write_part(const struct cl_view_table *t, const struct cl_view_style *style, size_t lo, size_t hi,
                       struct clade_text *ret) {
  assert(lo <= hi);
  write_header(t, style, ret);
  clade_text_add_char(ret, '\n');
  write_rows(t, style, lo, hi, ret);
  if (hi > lo) clade_text_add_char(ret, '\n');
  if (hi - lo <= REPEAT_ABOVE) return;
  write_header(t, style, ret);
  clade_text_add_char(ret, '\n');
}

void cl_view_table_write(struct cl_view_table *t, const struct cl_view_style *style, struct clade_text *ret) {
  assert(t->failed || t->n_columns == 0 || t->n_cells % t->n_columns == 0);
  measure(t, style);
  fit(t, style);
  if (t->failed) {
    ret->failed = true;
    return;
  }
  size_t rows = cl_view_table_rows(t);
  if (t->bare) {
    write_rows(t, style, 0, rows, ret);
    return;
  }
  if (t->n_groups == 0) {
    write_part(t, style, 0, rows, ret);
    return;
  }
  t->indent += GROUP_INDENT;
  for (size_t i = 0; i < t->n_groups; i++) {
    cl_view_tone_begin(ret, style, CL_TONE_STRONG);
    cl_view_add_safe(ret, t->texts.bytes + t->groups[i].title, style);
    cl_view_tone_end(ret, style, CL_TONE_STRONG);
    clade_text_add_char(ret, '\n');
    write_part(t, style, t->groups[i].row, i + 1 < t->n_groups ? t->groups[i + 1].row : rows, ret);
  }
  t->indent -= GROUP_INDENT;
}

size_t cl_view_table_hidden(const struct cl_view_table *t, const struct cl_view_style *style,
                            struct clade_text *ret) {
  size_t n = 0;
  for (size_t i = 0; i < t->n_columns; i++) {
    if (!t->columns[i].hidden) continue;
    if (n++ > 0) clade_text_add_char(ret, ' ');
    (void)cl_view_add_cut(ret, t->columns[i].header, CL_VIEW_TEXT_MAX, style);
  }
  return n;
}
