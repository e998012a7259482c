/* hpmax (origins A13): the lifetime value of the first metric of the last stage, for programs that do not
 * report it themselves. A stage's metrics are called s<stage>-name; without such names all is one stage. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "worker/worker_impl.h"

struct point {
  int32_t attempt;
  double step, value;
};

struct lifetime {
  const struct cl_study *study;
  int metric; /* id that counts; 0 = none yet */
  long stage;
  struct point *points; /* one per report, so that a later attempt can void some */
  size_t n, capacity;
  bool reported; /* the program reports the objective itself */
};

/* The stage of `s<stage>-name`, 0 without one; *ret_rest is the name behind it. */
static long split_name(const char *name, const char **ret_rest) {
  char *end = NULL;
  *ret_rest = name;
  if (name == NULL || name[0] != 's' || !isdigit((unsigned char)name[1])) return 0;
  long stage = strtol(name + 1, &end, 10);
  if (*end != '-') return 0;
  *ret_rest = end + 1;
  return stage;
}

static long stage_of(const char *name) {
  const char *rest;
  return split_name(name, &rest);
}

/* The hours of a stage stand before its metrics and are none. */
static bool is_hours(const char *name) {
  const char *rest;
  return split_name(name, &rest) > 0 && strcmp(rest, "hrs") == 0;
}

/* The first metric of a report that is no objective: the one with the lowest id, as names got ids in the
 * order in which they came. */
static const struct cl_metric *first_metric(const struct lifetime *l, const struct cl_event *ev) {
  const struct cl_metric *first = NULL;
  for (int i = 0; i < ev->u.reported.metrics.n; i++) {
    const struct cl_metric *m = &ev->u.reported.metrics.items[i];
    if (m->id <= cl_study_settings(l->study)->n_objectives || is_hours(cl_study_metric_name(l->study, m->id)))
      continue;
    if (first == NULL || m->id < first->id) first = m;
  }
  return first;
}

static void choose(struct lifetime *l, const struct cl_metric *m) {
  long stage = stage_of(cl_study_metric_name(l->study, m->id));
  if (l->metric != 0 && (l->metric == m->id || stage <= l->stage)) return;
  l->metric = m->id;
  l->stage = stage;
  l->n = 0;
}

static int take(void *ctx, const struct cl_event *ev) {
  struct lifetime *l = ctx;
  if (ev->late) return 0;
  for (int i = 0; i < ev->u.reported.metrics.n; i++)
    if (ev->u.reported.metrics.items[i].id == 1) l->reported = true;
  if (l->n > 0 && ev->attempt != l->points[l->n - 1].attempt)
    while (l->n > 0 && l->points[l->n - 1].step >= ev->u.reported.step) l->n--; /* void */
  const struct cl_metric *m = first_metric(l, ev);
  if (m == NULL) return 0;
  choose(l, m);
  if (m->id != l->metric) return 0;
  if (cl_grow(&l->points, &l->capacity, l->n + 1, sizeof *l->points) < 0) return CLADE_ENOMEM;
  l->points[l->n++] = (struct point){ev->attempt, ev->u.reported.step, m->value};
  return 0;
}

int cl_computed_value(struct cl_log *log, const struct cl_trial *t, double *ret, struct cl_err *e) {
  struct lifetime l = {.study = cl_log_study(log)};
  double sum = 0;
  int status = cl_store_read_reports(cl_log_store(log), cl_log_id(log), t->number, take, &l, e);
  if (status == CLADE_ENOMEM) (void)CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < l.n; i++) sum += l.points[i].value;
  size_t n = l.n;
  cl_free(l.points);
  if (status < 0) return status;
  if (n == 0 || l.reported) return CLADE_EMPTY;
  *ret = sum / (double)n;
  return 0;
}
