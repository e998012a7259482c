/* The best trial, and curves. */
#include "query/best.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "query/idle.h"
#include "query/story.h"

struct result {
  struct clade_best best; /* first: a pointer to it is one to the whole */
  struct cl_arena arena;
};
_Static_assert(offsetof(struct result, best) == 0, "a pointer to the one is a pointer to the other");

void clade_best_free(struct clade_best *best) {
  struct result *r = (struct result *)best;
  if (r == NULL) return;
  cl_arena_done(&r->arena);
  cl_free(r);
}

static struct clade_best public_form(const struct cl_best *b, const struct cl_study *s) {
  const struct cl_confirmation *c = &b->confirmed;
  assert(b->trial >= 0 && b->trial <= cl_study_trials(s) && (!b->has_estimate || b->lo <= b->hi));
  return (struct clade_best){.trial = b->trial,
                             .value = b->value,
                             .has_estimate = b->has_estimate,
                             .estimate = b->estimate,
                             .lo = b->lo,
                             .hi = b->hi,
                             .repeats = b->repeats,
                             .df = b->df,
                             .configurations = b->configurations,
                             .trials = cl_study_trials(s),
                             .noise_sd = b->noise_sd,
                             .assessments = b->assessments,
                             .confirmed = {.n = c->n, .mean = c->mean, .sd = c->sd, .lo = c->lo, .hi = c->hi},
                             .goal = cl_study_settings(s)->objectives[0].goal == CL_MAXIMIZE ? "maximize"
                                                                                             : "minimize"};
}

int clade_best_read(struct clade_reader *reader, struct clade_best **ret, struct cl_err *e) {
  const struct cl_study *s = NULL;
  struct cl_best found;
  CL_TRY(cl_api_check(reader, "reader", ret, e));
  CL_TRY(cl_reader_need(reader->reader, 0, 0, &s, e));
  CL_TRY(cl_best_find(s, &found, e));
  struct result *r = cl_alloc(sizeof *r);
  if (r == NULL) return CL_FAIL_NOMEM(e);
  r->best = public_form(&found, s);
  int status = cl_api_keep_text(&r->arena, cl_study_settings(s)->objectives[0].name, &r->best.metric, e);
  const struct cl_trial *t = cl_study_trial(s, found.trial);
  assert((t != NULL) == (found.trial != 0));
  if (status >= 0 && t != NULL)
    status = cl_api_values(&r->arena, s, t, &r->best.values, &r->best.n_values, e);
  if (status < 0) {
    clade_best_free(&r->best);
    return status;
  }
  *ret = &r->best;
  return 0;
}

void clade_curve_done(struct clade_curve *c) {
  cl_free(c->x);
  cl_free(c->y);
  cl_free(c->trials);
  *c = (struct clade_curve){0};
}

static int find_metric(const struct cl_story *s, const char *name) {
  for (size_t i = 0; i < s->n_reports; i++)
    for (int k = 0; k < s->reports[i].n_metrics; k++)
      if (s->reports[i].metrics[k].name != NULL && strcmp(s->reports[i].metrics[k].name, name) == 0)
        return s->reports[i].metrics[k].id;
  return 0;
}

int clade_curve_read(struct clade_reader *reader, int64_t trial, const char *metric, struct clade_curve *ret,
                     struct cl_err *e) {
  CL_TRY(cl_api_check(reader, "reader", ret, e));
  if (trial < 1)
    return CL_FAIL(e, CLADE_EINVAL, "trials are numbered from 1; %lld is none", (long long)trial);
  struct cl_story story = {0};
  struct clade_curve curve = {0};
  CL_TRY(cl_story_read(reader->reader, trial, &story, e));
  int id = metric == NULL ? 1 : find_metric(&story, metric);
  int status =
      id == 0 ? CL_FAIL(e, CLADE_EINVAL, "trial %lld never reported '%.100s'", (long long)trial, metric) : 0;
  if (status >= 0) status = cl_story_curve(&story, id, &curve.x, &curve.y, &curve.n, e);
  cl_story_done(&story);
  assert(status < 0 || curve.n == 0 || (curve.x != NULL && curve.y != NULL && curve.trials == NULL));
  if (status >= 0) *ret = curve;
  return status;
}

int clade_best_history_read(struct clade_reader *reader, struct clade_curve *ret, struct cl_err *e) {
  const struct cl_study *s = NULL;
  struct clade_curve curve = {0};
  CL_TRY(cl_api_check(reader, "reader", ret, e));
  CL_TRY(cl_reader_need(reader->reader, 0, 0, &s, e));
  CL_TRY(cl_best_history(s, &curve.x, &curve.y, &curve.trials, &curve.n, e));
  assert(curve.n == 0 || (curve.x != NULL && curve.y != NULL && curve.trials != NULL));
  *ret = curve;
  return 0;
}

int clade_idle_list(struct clade_reader *reader, struct clade_idle **ret, size_t *ret_n, struct cl_err *e) {
  const struct cl_study *s = NULL;
  int n = 0;
  CL_TRY(cl_api_check(reader, "reader", ret != NULL && ret_n != NULL ? ret : NULL, e));
  CL_TRY(cl_idle_read(reader->reader, &s, e));
  size_t room = (size_t)cl_study_space(s)->n + 1;
  struct cl_idle *found = cl_alloc_array(room, sizeof *found);
  struct clade_idle *list = cl_alloc_array(room, sizeof *list);
  int status = found == NULL || list == NULL ? CL_FAIL_NOMEM(e) : cl_idle_find(s, found, &n, e);
  assert(n >= 0 && (size_t)n < room);
  for (int i = 0; i < n && status == 0; i++)
    list[i] = (struct clade_idle){.name = cl_study_space(s)->items[found[i].hyperparameter].name,
                                  .metric = cl_study_settings(s)->objectives[0].name,
                                  .trials = found[i].trials,
                                  .pairs = found[i].pairs,
                                  .p = found[i].p};
  cl_free(found);
  if (status < 0) {
    cl_free(list);
    return status;
  }
  *ret = list;
  *ret_n = (size_t)n;
  return 0;
}
