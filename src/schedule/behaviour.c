#include "schedule/behaviour.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

enum { UNMET = 0, NO_BEHAVIOUR = 1, FIRST_PLACE = 2 };

struct cl_behaviour_vector {
  double *x;
  size_t n;
};

void cl_behaviour_done(struct cl_behaviour *b) {
  for (size_t i = 0; i < b->n; i++) cl_free(b->of[i].x);
  cl_free(b->of);
  *b = (struct cl_behaviour){0};
}

static uint8_t place_of(struct cl_behaviour *b, const struct cl_study *study, const struct cl_metric *m) {
  int id = m->id;
  assert(id >= 1 && id <= CL_METRICS_MAX);
  if (b->place[id] != UNMET) return b->place[id];
  const char *name = m->name != NULL ? m->name : cl_study_metric_name(study, id);
  if (name == NULL) return NO_BEHAVIOUR; /* not known yet */
  assert(b->prefix != NULL && b->d < CL_METRICS_MAX);
  bool is = strncmp(name, b->prefix, strlen(b->prefix)) == 0;
  return b->place[id] = is ? (uint8_t)(FIRST_PLACE + b->d++) : (uint8_t)NO_BEHAVIOUR;
}

static int make_members(struct cl_behaviour *b, size_t n, struct cl_err *e) {
  if (n <= b->n) return 0;
  size_t cap = n < 16 ? 16 : 2 * n;
  struct cl_behaviour_vector *of = cl_resize(b->of, cap * sizeof *of);
  if (of == NULL) return CL_FAIL_NOMEM(e);
  memset(of + b->n, 0, (cap - b->n) * sizeof *of);
  b->of = of;
  b->n = cap;
  return 0;
}

static int make_vector(struct cl_behaviour_vector *v, size_t d, struct cl_err *e) {
  if (d > v->n) {
    double *x = cl_resize(v->x, d * sizeof *x);
    if (x == NULL) return CL_FAIL_NOMEM(e);
    v->x = x;
    v->n = d;
  }
  for (size_t i = 0; i < v->n; i++) v->x[i] = NAN;
  return 0;
}

int cl_behaviour_apply(struct cl_behaviour *b, const struct cl_study *study, size_t member,
                       const struct cl_event *reported, struct cl_err *e) {
  const struct cl_metric_list *list = &reported->u.reported.metrics;
  assert(reported->kind == CL_EVENT_REPORTED && !reported->late);
  for (int i = 0; i < list->n; i++) (void)place_of(b, study, &list->items[i]);
  if (b->d == 0) return 0;
  CL_TRY(make_members(b, member + 1, e));
  struct cl_behaviour_vector *v = &b->of[member];
  CL_TRY(make_vector(v, b->d, e));
  for (int i = 0; i < list->n; i++) {
    uint8_t place = place_of(b, study, &list->items[i]);
    if (place >= FIRST_PLACE) v->x[place - FIRST_PLACE] = list->items[i].value;
  }
  return 0;
}

void cl_behaviour_get(const struct cl_behaviour *b, size_t member, double *ret) {
  size_t known = member < b->n ? b->of[member].n : 0;
  for (size_t i = 0; i < b->d; i++) ret[i] = i < known ? b->of[member].x[i] : (double)NAN;
}
