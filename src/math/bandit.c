#include "math/bandit.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

enum { STEP = 10, ROUNDS = 20, EVALUATIONS = 50 };

#define CLIP 2.0 /* of standardised rewards */

double cl_bandit_kappa(size_t n) {
  double x = 0.2 * log(0.4 * (double)n);
  return n > 0 && x > 0 ? sqrt(x) : 0;
}

struct range {
  double lo, width;
};

/* The rows of a window and what is pending, brought to the unit cube: coordinate 0 is the context. */
struct frame {
  struct range time, context;
  size_t n, n_pending;
  int d, c;
  double *x, *t, *y; /* n + n_pending rows, newest first; then those that are pending */
};

static double place(const struct range *r, double x) {
  return r->width > 0 ? (x - r->lo) / r->width : 0.5;
}

static void widen(double x, double *lo, double *hi) {
  *lo = fmin(*lo, x);
  *hi = fmax(*hi, x);
}

static void find_ranges(struct frame *f, const struct cl_bandit *b) {
  double t0 = INFINITY, t1 = -INFINITY, c0 = INFINITY, c1 = -INFINITY;
  for (size_t i = b->n - f->n; i < b->n; i++) {
    widen(b->rows[i].time, &t0, &t1);
    widen(b->rows[i].context, &c0, &c1);
  }
  f->time = (struct range){t0, t1 - t0};
  f->context = (struct range){c0, c1 - c0};
}

static void put_row(struct frame *f, size_t at, const struct cl_tried *v) {
  int width = f->d + f->c;
  double *x = f->x + at * (size_t)width;
  x[0] = place(&f->context, v->context);
  if (width > 1) memcpy(x + 1, v->values, (size_t)(width - 1) * sizeof *x);
  f->t[at] = place(&f->time, v->time);
}

static void standardise(double *y, size_t n) {
  double mean = 0, squares = 0;
  for (size_t i = 0; i < n; i++) mean += y[i] / (double)n;
  for (size_t i = 0; i < n; i++) squares += (y[i] - mean) * (y[i] - mean) / (double)n;
  double sd = fmax(sqrt(squares), 1e-10);
  for (size_t i = 0; i < n; i++) y[i] = fmax(-CLIP, fmin(CLIP, (y[i] - mean) / sd));
}

/* The newest `n` rows. Room for as many and more has been made. */
static void fill(struct frame *f, const struct cl_bandit *b, size_t n) {
  assert(n >= 1 && n <= b->n);
  f->n = n;
  f->n_pending = b->n_pending;
  find_ranges(f, b);
  for (size_t i = 0; i < n; i++) {
    const struct cl_tried *v = &b->rows[b->n - 1 - i];
    put_row(f, i, v);
    f->y[i] = v->reward;
  }
  standardise(f->y, n);
  for (size_t i = 0; i < b->n_pending; i++) put_row(f, n + i, &b->pending[i]);
}

static struct cl_points points_of(const struct frame *f, size_t n) {
  return (struct cl_points){n, f->d, f->c, f->x, f->t};
}

/* Likelihood of the first k rows for all k at once: they are the leading parts of one factor. */
static size_t longest_likely(const struct frame *f, const struct cl_process *g, double *whitened) {
  double sum = 0, most = -INFINITY;
  size_t chosen = f->n;
  memcpy(whitened, f->y, f->n * sizeof *whitened);
  cl_cholesky_forward(g->numerics, f->n, g->factor, whitened);
  for (size_t i = 0; i < f->n; i++) {
    sum -= log(g->factor[i * f->n + i]) + 0.5 * whitened[i] * whitened[i];
    size_t rows = i + 1;
    if (rows < CL_BANDIT_WINDOW || (rows - CL_BANDIT_WINDOW) % STEP != 0) continue;
    if (sum / (double)rows <= most) continue;
    most = sum / (double)rows;
    chosen = rows;
  }
  return chosen;
}

/* *ret_kernel: fitted to the newest CL_BANDIT_WINDOW rows. */
static int choose_window(const struct frame *f, const struct cl_bandit *b, size_t *ret,
                         struct cl_kernel *ret_kernel, struct cl_err *e) {
  struct cl_kernel k = CL_KERNEL_START;
  const struct cl_points newest = points_of(f, CL_BANDIT_WINDOW), all = points_of(f, f->n);
  struct cl_process g = {0};
  double unused;
  CL_TRY(cl_process_fit(b->numerics, &newest, f->y, &k, &unused, e));
  *ret_kernel = k;
  *ret = f->n;
  if (f->n == CL_BANDIT_WINDOW) return 0; /* there is no longer one */
  int status = cl_process_init(&g, b->numerics, &all, f->y, &k, e);
  if (status == 0) *ret = longest_likely(f, &g, g.room);
  cl_process_done(&g);
  return status;
}

/* Acquisition. */

struct search {
  const struct cl_bandit *bandit;
  struct cl_process belief; /* its deviations also know what is pending */
  double time, kappa;
  double *x, *mean, *sd; /* a whole point, with its context; gradients */
};

static double acquire(struct search *s, const double *x, double *ret_gradient) {
  bool wanted = ret_gradient != NULL;
  int d = s->belief.points.d;
  const struct cl_prediction p =
      cl_process_predict(&s->belief, x, s->time, wanted ? s->mean : NULL, wanted ? s->sd : NULL);
  for (int i = 0; wanted && i < d; i++) ret_gradient[i] = s->mean[i] + s->kappa * s->sd[i];
  return p.mean + s->kappa * p.sd;
}

/* NLopt minimises, and sees all numbers: the context's bounds are equal. */
static double loss(void *ctx, const double *x, double *ret_gradient) {
  struct search *s = ctx;
  int d = s->belief.points.d;
  memcpy(s->x, x, (size_t)d * sizeof *x);
  double value = acquire(s, s->x, ret_gradient);
  for (int i = 0; i < d; i++) ret_gradient[i] = -ret_gradient[i];
  return -value;
}

static bool is_fixed(const struct cl_bandit *b, int i) {
  return b->fixed != NULL && !isnan(b->fixed[i]);
}

/* The best word of each list in turn, others as they are. */
static bool improve_words(struct search *s, double *value) {
  bool better = false;
  for (int k = 0; k < s->bandit->c; k++) {
    double *at = &s->x[s->belief.points.d + k], best = *at;
    if (is_fixed(s->bandit, s->bandit->d + k)) continue;
    for (int level = 0; level < s->bandit->levels[k]; level++) {
      *at = level;
      double tried = acquire(s, s->x, NULL);
      if (tried <= *value + 1e-9) continue; /* two ways to the same number */
      *value = tried;
      best = level;
      better = true;
    }
    *at = best;
  }
  return better;
}

/* Up from s->x, until neither numbers nor words get any further. */
static int climb(struct search *s, const double *lo, const double *hi, double *at, double *ret,
                 struct cl_err *e) {
  int d = s->belief.points.d;
  double value = -INFINITY;
  for (int round = 0; round < ROUNDS; round++) {
    double lowest;
    memcpy(at, s->x, (size_t)d * sizeof *at);
    CL_TRY(cl_minimize(s->belief.numerics, d, lo, hi, loss, s, EVALUATIONS, at, &lowest, e));
    memcpy(s->x, at, (size_t)d * sizeof *at);
    value = -lowest;
    if (!improve_words(s, &value)) break;
  }
  *ret = value;
  return 0;
}

/* The draws of a start do not depend on what is fixed. */
static void draw_start(struct search *s, struct cl_rng *r) {
  const struct cl_bandit *b = s->bandit;
  for (int i = 0; i < b->d + b->c; i++) {
    double drawn = i < b->d ? cl_rng_uniform(r) : (double)cl_rng_below(r, (uint64_t)b->levels[i - b->d]);
    s->x[1 + i] = is_fixed(b, i) ? b->fixed[i] : drawn;
  }
}

/* room: 7 rows of d + c with the context. */
static int search_best(struct search *s, double context, struct cl_rng *r, double *room, double *ret,
                       struct cl_err *e) {
  size_t width = (size_t)s->belief.points.d + (size_t)s->bandit->c;
  double *lo = room, *hi = lo + width, *at = hi + width, *best = at + width, highest = -INFINITY;
  s->x = best + width;
  s->mean = s->x + width;
  s->sd = s->mean + width;
  for (int i = 0; i < s->bandit->d; i++) {
    bool fixed = is_fixed(s->bandit, i);
    lo[1 + i] = fixed ? s->bandit->fixed[i] : 0;
    hi[1 + i] = fixed ? s->bandit->fixed[i] : 1;
  }
  s->x[0] = lo[0] = hi[0] = context;
  for (int start = 0; start < CL_BANDIT_STARTS; start++) {
    double value;
    draw_start(s, r);
    CL_TRY(climb(s, lo, hi, at, &value, e));
    if (value <= highest) continue;
    highest = value;
    memcpy(best, s->x, width * sizeof *best);
  }
  memcpy(s->x, best, width * sizeof *best);
  memcpy(ret, best + 1, (width - 1) * sizeof *ret);
  return 0;
}

/* Condition the window and search. */
static int choose(const struct cl_bandit *b, const struct frame *f, const struct cl_kernel *kernel,
                  double time, double context, struct cl_rng *r, double *room, double *ret,
                  struct cl_bandit_view *view, struct cl_err *e) {
  struct search s = {.bandit = b, .time = place(&f->time, time), .kappa = cl_bandit_kappa(f->n)};
  const struct cl_points all = points_of(f, f->n + f->n_pending);
  view->rows = f->n;
  view->kappa = s.kappa;
  view->kernel = *kernel;
  int status = cl_process_init_pending(&s.belief, b->numerics, &all, f->n, f->y, kernel, e);
  if (status == 0) status = search_best(&s, place(&f->context, context), r, room, ret, e);
  if (status == 0) {
    const struct cl_prediction p = cl_process_predict(&s.belief, s.x, s.time, NULL, NULL);
    view->mean = p.mean;
    view->sd = p.sd;
  }
  cl_process_done(&s.belief);
  return status;
}

/* Rows in the room of a frame, which is *ret_spare doubles longer. Null without memory. */
static double *make_frame(const struct cl_bandit *b, size_t n, struct frame *ret, double **ret_spare) {
  size_t width = (size_t)b->d + 1 + (size_t)b->c, rows = n + b->n_pending;
  double *room = cl_alloc_array(rows * (width + 1) + n + 7 * width, sizeof *room);
  if (room == NULL) return NULL;
  *ret = (struct frame){.d = b->d + 1, .c = b->c, .x = room, .t = room + rows * width};
  ret->y = ret->t + rows;
  *ret_spare = ret->y + n;
  return room;
}

static size_t looked_at(const struct cl_bandit *b) {
  size_t most = b->most > 0 ? b->most : CL_BANDIT_ROWS_MAX;
  return b->n < most ? b->n : most;
}

size_t cl_bandit_most(size_t members) {
  const size_t all = (size_t)CL_BANDIT_ROWS_MAX * 50, rows = all / (members > 50 ? members : 50);
  assert(rows <= CL_BANDIT_ROWS_MAX);
  return rows < CL_BANDIT_WINDOW ? CL_BANDIT_WINDOW : rows;
}

int cl_bandit_fit(const struct cl_bandit *b, struct cl_bandit_fit *ret, struct cl_err *e) {
  if (b->n < CL_BANDIT_ROWS_MIN) return CLADE_EMPTY;
  size_t n = looked_at(b);
  struct frame f;
  double *spare, *room = make_frame(b, n, &f, &spare), unused;
  struct cl_bandit_fit fit = {0, CL_KERNEL_START};
  if (room == NULL) return CL_FAIL_NOMEM(e);
  fill(&f, b, n);
  int status = n >= CL_BANDIT_WINDOW ? choose_window(&f, b, &n, &fit.kernel, e) : 0;
  bool is_fitted = n == CL_BANDIT_WINDOW && f.n == n; /* to these very rows */
  if (status == 0 && !is_fitted) {
    fit.kernel = CL_KERNEL_START;
    if (n != f.n) fill(&f, b, n);
    const struct cl_points fitted = points_of(&f, n < CL_BANDIT_FIT_MAX ? n : CL_BANDIT_FIT_MAX);
    status = cl_process_fit(b->numerics, &fitted, f.y, &fit.kernel, &unused, e);
  }
  fit.rows = n;
  if (status == 0) *ret = fit;
  cl_free(room);
  return status;
}

int cl_bandit_choose(const struct cl_bandit *b, double time, double context, struct cl_rng *r, double *ret,
                     struct cl_bandit_view *ret_view, struct cl_err *e) {
  struct cl_bandit_fit fit = {0};
  struct cl_bandit_view view;
  struct frame f;
  double *spare;
  if (b->n < CL_BANDIT_ROWS_MIN) return CLADE_EMPTY;
  if (b->fit == NULL) CL_TRY(cl_bandit_fit(b, &fit, e));
  if (b->fit != NULL) fit = *b->fit;
  size_t n = looked_at(b);
  if (fit.rows >= CL_BANDIT_WINDOW && fit.rows < n) n = fit.rows;
  double *room = make_frame(b, n, &f, &spare);
  if (room == NULL) return CL_FAIL_NOMEM(e);
  fill(&f, b, n);
  int status = choose(b, &f, &fit.kernel, time, context, r, spare, ret, &view, e);
  if (status == 0) *ret_view = view;
  cl_free(room);
  return status;
}
