/* Curves of dots. The canvas has 2 x 4 dots per character with braille, 1 x 2 without ('.' low, ''' high, ':'
 * both). A line is drawn dot by dot between neighbouring points. */
#include "view/plot.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "view/number.h"
#include "view/safe.h"

#define WIDTH_MIN  20
#define HEIGHT_MIN 5

struct canvas {
  int columns, rows;   /* characters */
  int dots_x, dots_y;  /* dots in a character */
  unsigned char *dots; /* columns * rows; one bit per dot */
};

struct window { /* what part of the plane is shown */
  double x_lo, x_hi, y_lo, y_hi;
};

struct axis { /* ticks at lo, lo + step, … */
  double lo, step;
  int n;
  int decimals;
};

static void include_curve(struct window *w, const struct cl_view_curve *c) {
  for (size_t i = 0; i < c->n; i++) {
    if (!isfinite(c->x[i]) || !isfinite(c->y[i])) continue;
    w->x_lo = fmin(w->x_lo, c->x[i]);
    w->x_hi = fmax(w->x_hi, c->x[i]);
    w->y_lo = fmin(w->y_lo, c->y[i]);
    w->y_hi = fmax(w->y_hi, c->y[i]);
  }
}

/* A range without extent gets one, so that the division by it is safe. */
static void widen(double *lo, double *hi) {
  double extent = *hi - *lo, size = fmax(fabs(*lo), fabs(*hi));
  if (extent > 0 && extent > size * 1e-12) return;
  double half = size > 0 ? size * 0.5 : 0.5;
  *lo -= half;
  *hi += half;
}

static bool find_window(const struct cl_view_plot *p, struct window *ret) {
  struct window w = {.x_lo = INFINITY, .x_hi = -INFINITY, .y_lo = INFINITY, .y_hi = -INFINITY};
  for (size_t i = 0; i < p->n_curves; i++) include_curve(&w, &p->curves[i]);
  if (!(w.x_lo <= w.x_hi)) return false;
  if (w.x_lo < w.x_hi) widen(&w.x_lo, &w.x_hi);
  widen(&w.y_lo, &w.y_hi);
  *ret = w;
  return true;
}

/* Steps of 1, 2 or 5 times a power of ten: about `want` of them in lo..hi. */
static struct axis try_axis(double lo, double hi, int want) {
  assert(hi > lo && want >= 1);
  double rough = (hi - lo) / want, power = pow(10, floor(log10(rough)));
  double step = rough / power <= 1   ? power
                : rough / power <= 2 ? 2 * power
                : rough / power <= 5 ? 5 * power
                                     : 10 * power;
  struct axis a = {.lo = ceil(lo / step - 1e-9) * step, .step = step};
  a.n = (int)floor((hi - a.lo) / step + 1e-9) + 1;
  a.decimals = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
  if (a.decimals > 9 || fabs(hi) >= 1e9 || fabs(lo) >= 1e9) a.decimals = CL_VIEW_EXPONENT;
  return a;
}

/* As wanted, but never a lonely tick, which tells nothing of the scale. */
static struct axis find_axis(double lo, double hi, int want) {
  struct axis a = try_axis(lo, hi, want);
  while (a.n < 2 && want < 10) a = try_axis(lo, hi, ++want);
  return a;
}

static void set_dot(struct canvas *c, int x, int y) {
  if (x < 0 || y < 0 || x >= c->columns * c->dots_x || y >= c->rows * c->dots_y) return;
  static const unsigned char braille[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  unsigned bit = c->dots_x == 2 ? braille[y % 4][x % 2] : 1u << (y % 2);
  unsigned char *cell = &c->dots[(y / c->dots_y) * c->columns + x / c->dots_x];
  *cell = (unsigned char)(*cell | bit);
}

static void draw_line(struct canvas *c, int x0, int y0, int x1, int y1) {
  int dx = x1 > x0 ? x1 - x0 : x0 - x1, dy = y1 > y0 ? y1 - y0 : y0 - y1;
  int n = dx > dy ? dx : dy;
  for (int i = 0; i <= n; i++) {
    double share = n == 0 ? 0 : (double)i / n;
    set_dot(c, x0 + (int)lround(share * (x1 - x0)), y0 + (int)lround(share * (y1 - y0)));
  }
}

static void draw_curve(struct canvas *c, const struct window *w, const struct cl_view_curve *curve,
                       bool steps) {
  int last_x = 0, last_y = 0;
  bool drawing = false;
  for (size_t i = 0; i < curve->n; i++) {
    if (!isfinite(curve->x[i]) || !isfinite(curve->y[i])) {
      drawing = false;
      continue;
    }
    double across = w->x_hi > w->x_lo ? (curve->x[i] - w->x_lo) / (w->x_hi - w->x_lo) : 0.5;
    double up = (curve->y[i] - w->y_lo) / (w->y_hi - w->y_lo);
    int x = (int)lround(across * (c->columns * c->dots_x - 1));
    int y = (int)lround((1 - up) * (c->rows * c->dots_y - 1));
    if (!drawing)
      set_dot(c, x, y);
    else if (steps) {
      draw_line(c, last_x, last_y, x, last_y);
      draw_line(c, x, last_y, x, y);
    } else
      draw_line(c, last_x, last_y, x, y);
    last_x = x;
    last_y = y;
    drawing = true;
  }
}

static void add_cell(struct clade_text *t, const struct canvas *c, int column, int row) {
  unsigned char dots = c->dots[row * c->columns + column];
  if (c->dots_x == 1) {
    clade_text_add_char(t, " '.:"[dots & 3]);
    return;
  }
  if (dots == 0) {
    clade_text_add_char(t, ' ');
    return;
  }
  char bytes[3] = {(char)0xE2, (char)(0xA0 | dots >> 6), (char)(0x80 | (dots & 0x3F))};
  clade_text_add_bytes(t, bytes, sizeof bytes);
}

static void trim_line(struct clade_text *t) {
  while (!t->failed && t->length > 0 && t->bytes[t->length - 1] == ' ') t->bytes[--t->length] = '\0';
}

/* The row of the drawing in which tick i of the y axis stands. */
static int tick_row(const struct axis *a, int i, const struct window *w, int rows) {
  double up = (a->lo + i * a->step - w->y_lo) / (w->y_hi - w->y_lo);
  return (int)lround((1 - up) * (rows - 1));
}

static const char *tick_text(const struct axis *a, int i, char *buffer) {
  double value = a->lo + i * a->step;
  return cl_view_number(fabs(value) < a->step * 1e-9 ? 0 : value, a->decimals, buffer);
}

static size_t label_width(const struct axis *a) {
  size_t width = 0;
  char buffer[CL_VIEW_NUMBER_MAX];
  for (int i = 0; i < a->n; i++) {
    size_t n = strlen(tick_text(a, i, buffer));
    if (n > width) width = n;
  }
  return width;
}

static void write_row(const struct canvas *c, const struct window *w, const struct axis *y, size_t labels,
                      int row, const struct cl_view_style *style, struct clade_text *ret) {
  char buffer[CL_VIEW_NUMBER_MAX];
  const char *label = "";
  for (int i = 0; i < y->n; i++)
    if (tick_row(y, i, w, c->rows) == row) label = tick_text(y, i, buffer);
  clade_text_add_repeat(ret, " ", labels - strlen(label));
  clade_text_add(ret, label);
  clade_text_add(ret, !style->utf8 ? (*label != '\0' ? " +" : " |") : *label != '\0' ? " ┤" : " │");
  cl_view_tone_begin(ret, style, CL_TONE_BUSY);
  for (int column = 0; column < c->columns; column++) add_cell(ret, c, column, row);
  trim_line(ret);
  cl_view_tone_end(ret, style, CL_TONE_BUSY);
  clade_text_add_char(ret, '\n');
}

static struct axis find_x_axis(const struct window *w, int columns) {
  bool whole = w->x_lo == floor(w->x_lo) && w->x_hi == floor(w->x_hi) && w->x_hi - w->x_lo < 100;
  if (w->x_hi > w->x_lo) {
    struct axis a = find_axis(w->x_lo, w->x_hi, columns / 12 > 0 ? columns / 12 : 1);
    if (!whole || a.step >= 1) return a;
    return (struct axis){
        .lo = w->x_lo, .step = 1, .n = (int)(w->x_hi - w->x_lo) + 1}; /* between two counts is none */
  }
  return (struct axis){.lo = w->x_lo, .step = 1, .n = 1, .decimals = w->x_lo == floor(w->x_lo) ? 0 : 3};
}

/* The number of a tick in `column`, centred under it; left out where it would touch its neighbours. */
static void add_tick(struct clade_text *below, const char *number, int column, size_t edge, size_t end) {
  size_t n = strlen(number), centre = edge + (size_t)column, start = centre > n / 2 ? centre - n / 2 : 0;
  if (start + n > end && end >= n) start = end - n;
  if (start + n > end || (below->length > 0 && start < below->length + 2)) return;
  clade_text_add_repeat(below, " ", start - below->length);
  clade_text_add(below, number);
}

/* The line of the x axis, and below it the numbers, and the name at the right end. */
static void write_x_axis(const struct canvas *c, const struct window *w, size_t labels, const char *name,
                         const struct cl_view_style *style, struct clade_text *ret) {
  struct axis a = find_x_axis(w, c->columns);
  struct clade_text below = {0};
  size_t edge = labels + 2, end = edge + (size_t)c->columns;
  size_t name_width = name == NULL ? 0 : cl_view_width(name, style);
  if (name_width + 10 > (size_t)c->columns) name_width = 0;
  clade_text_add_repeat(ret, " ", edge - 1);
  clade_text_add(ret, style->utf8 ? "└" : "+");
  for (int column = 0, i = 0; column < c->columns; column++) {
    double across = w->x_hi > w->x_lo ? (a.lo + i * a.step - w->x_lo) / (w->x_hi - w->x_lo) : 0.5;
    bool tick = i < a.n && column == (int)lround(across * (c->columns - 1));
    clade_text_add(ret, !style->utf8 ? (tick ? "+" : "-") : tick ? "┬" : "─");
    if (!tick) continue;
    char buffer[CL_VIEW_NUMBER_MAX];
    add_tick(&below, tick_text(&a, i++, buffer), column, edge, name_width > 0 ? end - name_width - 2 : end);
  }
  clade_text_add_char(ret, '\n');
  if (name_width > 0) {
    clade_text_add_repeat(&below, " ", end - name_width - below.length);
    cl_view_add_safe(&below, name, style);
  }
  clade_text_add(ret, clade_text_get(&below));
  if (below.failed) ret->failed = true;
  clade_text_add_char(ret, '\n');
  clade_text_done(&below);
}

static void write_drawing(const struct cl_view_plot *p, const struct window *w,
                          const struct cl_view_style *style, struct clade_text *ret) {
  int rows = p->height - 2 - (p->title != NULL);
  struct axis y = find_axis(w->y_lo, w->y_hi, rows / 3 > 0 ? rows / 3 : 1);
  size_t labels = label_width(&y);
  struct canvas c = {.columns = p->width - (int)labels - 2,
                     .rows = rows,
                     .dots_x = style->utf8 ? 2 : 1,
                     .dots_y = style->utf8 ? 4 : 2};
  if (c.columns < 1) return;
  c.dots = clade_resize(NULL, (size_t)c.columns * (size_t)c.rows);
  if (c.dots == NULL) {
    ret->failed = true;
    return;
  }
  memset(c.dots, 0, (size_t)c.columns * (size_t)c.rows);
  for (size_t i = 0; i < p->n_curves; i++) draw_curve(&c, w, &p->curves[i], p->steps);
  for (int row = 0; row < rows; row++) write_row(&c, w, &y, labels, row, style, ret);
  write_x_axis(&c, w, labels, p->x_label, style, ret);
  clade_free(c.dots);
}

void cl_view_plot_write(const struct cl_view_plot *p, const struct cl_view_style *style,
                        struct clade_text *ret) {
  assert(p->width >= WIDTH_MIN && p->height >= HEIGHT_MIN);
  struct window w;
  if (p->title != NULL) {
    (void)cl_view_add_cut(ret, p->title, (size_t)p->width, style);
    clade_text_add_char(ret, '\n');
  }
  if (!find_window(p, &w))
    clade_text_add(ret, "(no finite values to draw)\n");
  else if (!isfinite(w.y_hi - w.y_lo) || !isfinite(w.x_hi - w.x_lo))
    clade_text_add(ret, "(values too far apart to draw)\n");
  else
    write_drawing(p, &w, style, ret);
}
