#include "view/population.h"

#include <assert.h>
#include <math.h>

#include "view/gnuplot.h"

#define PANEL_WIDTH  560
#define PANEL_HEIGHT 420
#define COLUMNS      3
#define BEST_COLOR   0x6A0DADu   /* purple */
#define ALPHA        0x50000000u /* of dots, gnuplot's way: 0 = opaque */

static size_t columns_of(size_t n) {
  return n < COLUMNS ? n : COLUMNS;
}

static size_t rows_of(size_t n) {
  return (n + COLUMNS - 1) / COLUMNS;
}

void cl_view_populations_size(size_t n, int *ret_width, int *ret_height) {
  assert(n >= 1 && n <= 64);
  *ret_width = (int)columns_of(n) * PANEL_WIDTH;
  *ret_height = (int)rows_of(n) * PANEL_HEIGHT;
}

/* --- colours ----------------------------------------------------------------------------------------- */

static unsigned mix(unsigned a, unsigned b, double share) {
  unsigned color = 0;
  for (int shift = 0; shift <= 16; shift += 8) {
    double low = a >> shift & 0xFF, high = b >> shift & 0xFF;
    color |= (unsigned)lround(low + share * (high - low)) << shift;
  }
  return color;
}

/* Good to bad; told apart also by those who do not see red and green alike. */
static unsigned color_of(size_t rank, size_t n) {
  static const unsigned stops[] = {0x2166AC, 0x67A9CF, 0xFDB863, 0xC0392B};
  if (rank == 0) return BEST_COLOR;
  double at = n > 2 ? 3 * (double)(rank - 1) / (double)(n - 2) : 0;
  int below = at >= 3 ? 2 : (int)at;
  return mix(stops[below], stops[below + 1], at - below);
}

/* --- ranges ------------------------------------------------------------------------------------------ */

struct range {
  double lo, hi; /* lo > hi: nothing finite */
};

static const struct range nothing = {INFINITY, -INFINITY};

static void widen(struct range *r, double x) {
  if (!isfinite(x)) return;
  r->lo = fmin(r->lo, x);
  r->hi = fmax(r->hi, x);
}

struct ranges {
  struct range step, score, x, y;
};

static struct ranges measure(const struct cl_view_populations *p) {
  struct ranges r = {nothing, nothing, nothing, nothing};
  for (size_t i = 0; i < p->n; i++)
    for (size_t k = 0; k < p->items[i].n; k++)
      for (size_t j = 0; j < p->items[i].members[k].n; j++) {
        const struct cl_view_point *at = &p->items[i].members[k].points[j];
        widen(&r.step, at->step);
        widen(&r.score, at->score);
        widen(&r.x, at->x);
        widen(&r.y, at->y);
      }
  return r;
}

static bool is_logarithmic(const struct range *r) {
  return r->lo > 0 && r->hi >= 100 * r->lo;
}

/* All panels have the same axes, with a little air. */
static void add_range(struct clade_text *t, const char *axis, struct range r) {
  double air = r.hi > r.lo ? 0.03 * (r.hi - r.lo) : r.hi == r.lo ? fmax(1e-9, 0.05 * fabs(r.hi)) : 0;
  if (r.lo > r.hi) return;
  clade_text_format(t, "set %srange [", axis);
  cl_view_gnuplot_add_number(t, r.lo - air);
  clade_text_add_char(t, ':');
  cl_view_gnuplot_add_number(t, r.hi + air);
  clade_text_add(t, "]\n");
}

static void add_label(struct clade_text *t, const char *axis, const char *name, bool logarithmic) {
  struct clade_text label = {0};
  clade_text_format(&label, logarithmic ? "log10(%s)" : "%s", name);
  clade_text_format(t, "set %slabel ", axis);
  cl_view_gnuplot_add_text(t, clade_text_get(&label));
  clade_text_add_char(t, '\n');
  clade_text_done(&label);
}

static void begin(struct clade_text *t, const struct cl_view_populations *p) {
  clade_text_format(t, "set multiplot layout %zu,%zu\n", rows_of(p->n), columns_of(p->n));
  clade_text_add(t, "unset key\nset grid back lc rgb '#dddddd' lt 1\nset border 3\nset tics nomirror\n");
}

static void add_title(struct clade_text *t, const struct cl_view_population *p) {
  clade_text_add(t, "set title ");
  cl_view_gnuplot_add_text(t, p->title);
  clade_text_add_char(t, '\n');
}

/* The member of a rank: the worst is drawn first, the best last, over the others. */
static const struct cl_view_member *member_of_rank(const struct cl_view_population *p, size_t rank) {
  for (size_t i = 0; i < p->n; i++)
    if (p->members[i].rank == rank) return &p->members[i];
  return NULL;
}

/* --- scores over time -------------------------------------------------------------------------------- */

static void add_score_data(struct clade_text *t, const struct cl_view_population *p, size_t panel) {
  for (size_t rank = p->n; rank-- > 0;) {
    const struct cl_view_member *m = member_of_rank(p, rank);
    assert(m != NULL);
    clade_text_format(t, "$p%zum%zu << EOD\nNaN NaN\n", panel, rank); /* a block must not be empty */
    for (size_t i = 0; i < m->n; i++) {
      cl_view_gnuplot_add_number(t, m->points[i].step);
      clade_text_add_char(t, ' ');
      cl_view_gnuplot_add_number(t, m->points[i].score);
      clade_text_add_char(t, '\n');
    }
    clade_text_add(t, "EOD\n");
  }
}

static void add_score_panel(struct clade_text *t, const struct cl_view_population *p, size_t panel) {
  add_score_data(t, p, panel);
  add_title(t, p);
  clade_text_add(t, "plot ");
  for (size_t rank = p->n; rank-- > 0;)
    clade_text_format(t, "$p%zum%zu using 1:2 with lines lw %s lc rgb '#%06x'%s", panel, rank,
                      rank == 0 ? "2.5" : "1", color_of(rank, p->n), rank > 0 ? ", " : "\n");
  if (p->n == 0) clade_text_add(t, "NaN\n");
}

void cl_view_populations_write_scores(const struct cl_view_populations *p, struct clade_text *ret) {
  struct ranges r = measure(p);
  begin(ret, p);
  add_label(ret, "x", p->step, false);
  add_label(ret, "y", p->metric, false);
  add_range(ret, "x", r.step);
  add_range(ret, "y", r.score);
  for (size_t i = 0; i < p->n; i++) add_score_panel(ret, &p->items[i], i);
  clade_text_add(ret, "unset multiplot\n");
}

/* --- values ------------------------------------------------------------------------------------------ */

struct axes {
  struct range step;
  bool log_x, log_y, over_steps;
};

static double scaled(double value, bool logarithmic) {
  return logarithmic ? log10(value) : value;
}

/* x, y, size, colour of each point. */
static void add_dots(struct clade_text *t, const struct cl_view_member *m, unsigned color,
                     const struct axes *a) {
  for (size_t i = 0; i < m->n; i++) {
    const struct cl_view_point *at = &m->points[i];
    double age = a->step.hi > a->step.lo ? (at->step - a->step.lo) / (a->step.hi - a->step.lo) : 1;
    cl_view_gnuplot_add_number(t, a->over_steps ? at->step : scaled(at->x, a->log_x));
    clade_text_add_char(t, ' ');
    cl_view_gnuplot_add_number(t, a->over_steps ? scaled(at->x, a->log_x) : scaled(at->y, a->log_y));
    clade_text_format(t, " %.3f %u\n", 0.35 + 1.4 * (isfinite(age) ? age : 1), color);
  }
}

static void add_value_panel(struct clade_text *t, const struct cl_view_population *p, size_t panel,
                            const struct axes *a) {
  clade_text_format(t, "$dots%zu << EOD\nNaN NaN 1 0\n", panel);
  for (size_t rank = p->n; rank-- > 1;) add_dots(t, member_of_rank(p, rank), color_of(rank, p->n) | ALPHA, a);
  clade_text_format(t, "EOD\n$stars%zu << EOD\nNaN NaN 1 0\n", panel);
  if (p->n > 0) add_dots(t, member_of_rank(p, 0), BEST_COLOR, a);
  clade_text_add(t, "EOD\n");
  add_title(t, p);
  clade_text_format(t,
                    "plot $dots%zu using 1:2:3:4 with points pt 7 ps variable lc rgb variable, "
                    "$stars%zu using 1:2:3:4 with points pt 3 lw 1.5 ps variable lc rgb variable\n",
                    panel, panel);
}

static struct range scaled_range(struct range r, bool logarithmic) {
  return (struct range){scaled(r.lo, logarithmic), scaled(r.hi, logarithmic)};
}

bool cl_view_populations_write_values(const struct cl_view_populations *p, struct clade_text *ret) {
  struct ranges r = measure(p);
  if (p->x == NULL || r.x.lo > r.x.hi) return false;
  struct axes a = {.step = r.step,
                   .log_x = is_logarithmic(&r.x),
                   .log_y = is_logarithmic(&r.y),
                   .over_steps = p->y == NULL || r.y.lo > r.y.hi};
  begin(ret, p);
  add_label(ret, "x", a.over_steps ? p->step : p->x, !a.over_steps && a.log_x);
  add_label(ret, "y", a.over_steps ? p->x : p->y, a.over_steps ? a.log_x : a.log_y);
  add_range(ret, "x", a.over_steps ? r.step : scaled_range(r.x, a.log_x));
  add_range(ret, "y", a.over_steps ? scaled_range(r.x, a.log_x) : scaled_range(r.y, a.log_y));
  for (size_t i = 0; i < p->n; i++) add_value_panel(ret, &p->items[i], i, &a);
  clade_text_add(ret, "unset multiplot\n");
  return true;
}
