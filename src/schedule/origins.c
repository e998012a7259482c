#include "schedule/origins.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

void cl_origins_done(struct cl_origins *o) {
  cl_free(o->items);
  cl_free(o->at);
  cl_free(o->past);
  cl_free(o->past_at);
  cl_free(o->past_then);
}

void cl_origins_clear(struct cl_origins *o, size_t width) {
  o->width = width;
  o->n_past = o->n = 0;
}

static int reach(struct cl_origins *o, size_t n, struct cl_err *e) {
  if (cl_grow(&o->items, &o->cap, n, sizeof *o->items) < 0 ||
      cl_grow(&o->at, &o->cap_at, n * o->width + 1, sizeof *o->at) < 0)
    return CL_FAIL_NOMEM(e);
  for (; o->n < n; o->n++)
    o->items[o->n] = (struct cl_origin){false, -INFINITY, (uint32_t)o->n, (uint32_t)o->n};
  return 0;
}

int cl_origins_begin(struct cl_origins *o, size_t member, const double *point, struct cl_err *e) {
  CL_TRY(reach(o, member + 1, e));
  struct cl_origin *v = &o->items[member];
  *v = (struct cl_origin){true, -INFINITY, (uint32_t)member, v->of_last};
  memcpy(o->at + member * o->width, point, o->width * sizeof *point);
  return 0;
}

void cl_origins_score(struct cl_origins *o, size_t member, double score) {
  if (member >= o->n || !isfinite(score)) return;
  assert(o->items[member].of < o->n);
  struct cl_origin *from = &o->items[o->items[member].of];
  if (score > from->best) from->best = score;
}

void cl_origins_take_over(struct cl_origins *o, size_t member, size_t donor) {
  if (member < o->n && donor < o->n) o->items[member].of = o->items[donor].of;
}

/* Member i's row of the era that has just ended is the i-th of its last n. */
int cl_origins_restart(struct cl_origins *o, struct cl_err *e) {
  size_t n = o->n_past + o->n;
  if (cl_grow(&o->past, &o->cap_past, n + 1, sizeof *o->past) < 0 ||
      cl_grow(&o->past_then, &o->cap_past_then, n + 1, sizeof *o->past_then) < 0 ||
      cl_grow(&o->past_at, &o->cap_past_at, n * o->width + 1, sizeof *o->past_at) < 0)
    return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < o->n; i++) {
    struct cl_origin *v = &o->items[i];
    o->past[o->n_past + i] = (struct cl_tried){.time = o->era, .reward = v->known ? v->best : NAN};
    o->past_then[o->n_past + i] = o->past[o->n_past + i].reward;
    *v = (struct cl_origin){false, -INFINITY, (uint32_t)i, v->of};
  }
  memcpy(o->past_at + o->n_past * o->width, o->at, o->n * o->width * sizeof *o->at);
  o->n_past = n;
  o->era++;
  return 0;
}

void cl_origins_score_last(struct cl_origins *o, size_t member, double score) {
  if (member >= o->n || o->n_past < o->n || !isfinite(score)) return;
  assert(o->items[member].of_last < o->n);
  struct cl_tried *row = &o->past[o->n_past - o->n + o->items[member].of_last];
  if (score > row->reward) row->reward = score; /* NaN stays */
}

size_t cl_origins_rows(const struct cl_origins *o, size_t most, bool then, struct cl_tried *ret) {
  size_t n = 0;
  for (size_t i = o->n_past > most ? o->n_past - most : 0; i < o->n_past; i++) {
    double reward = then ? o->past_then[i] : o->past[i].reward;
    if (!isfinite(reward)) continue;
    assert(n < most);
    ret[n] = o->past[i];
    ret[n].reward = reward;
    ret[n++].values = o->past_at + i * o->width;
  }
  return n;
}

size_t cl_origins_pending(const struct cl_origins *o, struct cl_tried *ret) {
  size_t n = 0;
  for (size_t i = o->n; i-- > 0 && n < CL_PENDING_MAX;)
    if (o->items[i].known) ret[n++] = (struct cl_tried){.time = o->era, .values = o->at + i * o->width};
  return n;
}
