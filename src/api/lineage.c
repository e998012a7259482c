/* Who came from whom. */
#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "query/best.h"
#include "query/descent.h"

struct result {
  struct clade_lineage lineage; /* first: a pointer to it is one to the whole */
  struct cl_descent descent;
  struct cl_arena arena;
};
_Static_assert(offsetof(struct result, lineage) == 0, "a pointer to the one is a pointer to the other");

struct filling {
  struct result *r;
  const struct cl_study *s;
  int64_t *shown; /* number of each branch that is shown, from 1; 0: it is not */
  struct cl_err *e;
};

void clade_lineage_free(struct clade_lineage *l) {
  struct result *r = (struct result *)l;
  if (r == NULL) return;
  cl_descent_done(&r->descent);
  cl_arena_done(&r->arena);
  cl_free(r);
}

/* The whole assignment, or what differs from `before`. Names are copied: the space is the reader's. */
static int name_values(struct filling *f, const struct cl_value *values, const struct cl_value *before,
                       const struct clade_named_value **ret, size_t *ret_n) {
  const struct cl_space *space = cl_study_space(f->s);
  struct clade_named_value *named = cl_arena_array(&f->r->arena, (size_t)space->n + 1, sizeof *named);
  size_t n = 0;
  if (named == NULL) return CL_FAIL_NOMEM(f->e);
  for (int i = 0; i < space->n; i++) {
    bool wanted = before == NULL ? values[i].kind != CL_ABSENT : !cl_value_equal(values[i], before[i]);
    if (!wanted) continue;
    CL_TRY(cl_api_keep_text(&f->r->arena, space->items[i].name, &named[n].name, f->e));
    named[n++].value = cl_api_value(values[i]);
  }
  *ret = named;
  *ret_n = n;
  return 0;
}

static int fill_branch(struct filling *f, const struct cl_branch *b, struct clade_branch *ret) {
  const struct cl_trial *t = cl_study_trial(f->s, b->trial);
  size_t n = 0;
  assert(b >= f->r->descent.branches && b->parent < b - f->r->descent.branches); /* parents come first */
  assert(t != NULL && (b->parent == CL_NO_BRANCH || f->shown[b->parent] > 0));
  *ret = (struct clade_branch){.trial = b->trial,
                               .parent = b->parent == CL_NO_BRANCH ? 0 : f->shown[b->parent],
                               .from = b->from,
                               .to = b->to,
                               .cause = cl_cause_name(b->cause),
                               .present = b->present,
                               .value = b->present ? t->value : (double)NAN};
  CL_TRY(name_values(f, b->values, NULL, &ret->values, &ret->n_values));
  if (b->before == NULL) return 0;
  CL_TRY(name_values(f, b->values, b->before, &ret->changed, &ret->n_changed));
  CL_TRY(name_values(f, b->before, b->values, &ret->before, &n));
  return n == ret->n_changed ? 0 : CL_FAIL(f->e, CLADE_ECORRUPT, "a branch changes other values than it has");
}

/* All, or those on the way to the trial's present state. */
static int choose(struct filling *f, int64_t trial) {
  const struct cl_descent *d = &f->r->descent;
  int64_t last = trial == 0 ? CL_NO_BRANCH : cl_descent_find(d, trial), n = 0;
  if (trial != 0 && cl_study_trial(f->s, trial) == NULL)
    return CL_FAIL(f->e, CLADE_ENOTFOUND, "%s has no trial %lld: its trials are 1 to %lld",
                   cl_study_name(f->s), (long long)trial, (long long)cl_study_trials(f->s));
  if (trial != 0 && last == CL_NO_BRANCH)
    return CL_FAIL(f->e, CLADE_EINVAL, "trial %lld has not been started: it comes from nobody yet",
                   (long long)trial);
  for (int64_t i = last; i != CL_NO_BRANCH; i = d->branches[i].parent) f->shown[i] = 1;
  for (size_t i = 0; i < d->n; i++)
    if (trial == 0 || f->shown[i] != 0) f->shown[i] = ++n;
  assert(n <= (int64_t)d->n && (trial == 0 || n >= 1));
  f->r->lineage.n = (size_t)n;
  return 0;
}

static int fill(struct filling *f, int64_t trial) {
  struct clade_lineage *l = &f->r->lineage;
  const struct cl_descent *d = &f->r->descent;
  const struct cl_settings *settings = cl_study_settings(f->s);
  struct cl_best best;
  assert(f->shown == NULL);
  f->shown = cl_arena_array(&f->r->arena, d->n + 1, sizeof *f->shown);
  if (f->shown == NULL) return CL_FAIL_NOMEM(f->e);
  CL_TRY(choose(f, trial));
  CL_TRY(cl_best_find(f->s, &best, f->e));
  int64_t winner = best.trial == 0 ? CL_NO_BRANCH : cl_descent_find(d, best.trial);
  struct clade_branch *branches = cl_arena_array(&f->r->arena, l->n + 1, sizeof *branches);
  if (branches == NULL) return CL_FAIL_NOMEM(f->e);
  for (size_t i = 0; i < d->n; i++)
    if (f->shown[i] != 0) CL_TRY(fill_branch(f, &d->branches[i], &branches[f->shown[i] - 1]));
  for (int64_t i = winner; i != CL_NO_BRANCH; i = d->branches[i].parent)
    if (f->shown[i] != 0) branches[f->shown[i] - 1].best = true;
  l->branches = branches;
  l->best_trial = best.trial;
  CL_TRY(cl_api_keep_text(&f->r->arena, settings->objectives[0].name, &l->metric, f->e));
  return cl_api_keep_text(&f->r->arena, settings->step, &l->unit, f->e);
}

int clade_lineage_read(struct clade_reader *reader, int64_t trial, struct clade_lineage **ret,
                       struct cl_err *e) {
  struct filling f = {.e = e};
  CL_TRY(cl_api_check(reader, "reader", ret, e));
  if (trial < 0)
    return CL_FAIL(e, CLADE_EINVAL, "trials are numbered from 1; %lld is none", (long long)trial);
  CL_TRY(cl_reader_need(reader->reader, 0, 0, &f.s, e));
  f.r = cl_alloc(sizeof *f.r);
  if (f.r == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_descent_read(reader->reader, &f.r->descent, e);
  if (status == 0) status = fill(&f, trial);
  if (status < 0)
    clade_lineage_free(&f.r->lineage);
  else
    *ret = &f.r->lineage;
  return status;
}
