#include "schedule/recent.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

void cl_recent_done(struct cl_recent *r) {
  cl_free(r->n);
  cl_free(r->scores);
  cl_free(r->steps);
  *r = (struct cl_recent){0};
}

int cl_recent_reach(struct cl_recent *r, size_t members, struct cl_err *e) {
  if (r->most == 0 || members <= r->cap) return 0;
  size_t cap = members < 16 ? 16 : members * 2, most = (size_t)r->most;
  int *n = cl_resize(r->n, cap * sizeof *n);
  if (n != NULL) r->n = n;
  double *scores = cl_resize(r->scores, cap * most * sizeof *scores);
  if (scores != NULL) r->scores = scores;
  double *steps = cl_resize(r->steps, cap * most * sizeof *steps);
  if (steps != NULL) r->steps = steps;
  if (n == NULL || scores == NULL || steps == NULL) return CL_FAIL_NOMEM(e);
  memset(n + r->cap, 0, (cap - r->cap) * sizeof *n);
  r->cap = cap;
  return 0;
}

void cl_recent_push(struct cl_recent *r, size_t member, double step, double score) {
  if (r->most == 0 || !isfinite(score)) return;
  assert(member < r->cap && r->n[member] <= r->most);
  double *scores = &r->scores[member * (size_t)r->most], *steps = &r->steps[member * (size_t)r->most];
  if (r->n[member] == r->most) {
    size_t rest = (size_t)--r->n[member];
    memmove(scores, scores + 1, rest * sizeof *scores);
    memmove(steps, steps + 1, rest * sizeof *steps);
  }
  scores[r->n[member]] = score;
  steps[r->n[member]++] = step;
}

void cl_recent_cut(struct cl_recent *r, size_t member, double step) {
  if (r->most == 0) return;
  assert(member < r->cap);
  const double *steps = &r->steps[member * (size_t)r->most];
  while (r->n[member] > 0 && steps[r->n[member] - 1] > step) r->n[member]--;
}

void cl_recent_replace(struct cl_recent *r, size_t member, const double *scores, int n, double step) {
  if (r->most == 0) return;
  assert(member < r->cap && n <= r->most);
  r->n[member] = 0;
  for (int i = 0; i < n; i++) cl_recent_push(r, member, step, scores[i]);
}

const double *cl_recent_of(const struct cl_recent *r, size_t member, int *ret_n) {
  *ret_n = 0;
  if (r->most == 0) return NULL;
  assert(member < r->cap);
  *ret_n = r->n[member];
  return &r->scores[member * (size_t)r->most];
}
