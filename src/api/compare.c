/* Methods over several seeds. */
#include "clade/compare.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "query/compare.h"

_Static_assert((int)CLADE_COMPARE_FINISHED == (int)CL_COMPARE_FINISHED, "the states are the same");

struct result {
  struct clade_comparison comparison; /* first: a pointer to it is one to the whole */
  struct cl_arena arena;
};
_Static_assert(offsetof(struct result, comparison) == 0, "a pointer to the one is a pointer to the other");

void clade_comparison_free(struct clade_comparison *c) {
  struct result *r = (struct result *)c;
  if (r == NULL) return;
  cl_arena_done(&r->arena);
  cl_free(r);
}

static struct clade_compare_method public_method(const struct cl_compare_method *m, size_t index) {
  const struct cl_paired *p = &m->paired;
  assert(m->scores.n >= 0 && (index == 0 || p->above + p->equal + p->below == p->n));
  struct clade_compare_method ret = {.studies = m->studies,
                                     .scores = m->scores.n,
                                     .mean = m->scores.n > 0 ? m->scores.mean : (double)NAN,
                                     .sd = m->scores.n > 1 ? sqrt(cl_moments_variance(&m->scores))
                                                           : (double)NAN,
                                     .budget = m->budget,
                                     .assessments = m->assessments};
  if (index > 0)
    ret.paired = (struct clade_paired){.pairs = p->n,
                                       .above = p->above,
                                       .equal = p->equal,
                                       .below = p->below,
                                       .mean = p->mean,
                                       .variance = p->variance,
                                       .lo = p->lo,
                                       .hi = p->hi,
                                       .t = p->t,
                                       .p_t = p->p_t,
                                       .p_holm = m->p_holm,
                                       .p_permutation = p->p_permutation,
                                       .exact = p->exact};
  return ret;
}

static int fill(struct result *r, const struct cl_comparison *c, struct cl_err *e) {
  struct clade_comparison *to = &r->comparison;
  size_t n_cells = c->n_rows * c->n_methods;
  struct clade_compare_method *methods = cl_arena_array(&r->arena, c->n_methods, sizeof *methods);
  struct clade_compare_cell *cells = cl_arena_array(&r->arena, n_cells, sizeof *cells);
  int64_t *seeds = cl_arena_array(&r->arena, c->n_rows, sizeof *seeds);
  if (methods == NULL || cells == NULL || seeds == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < c->n_methods; i++) methods[i] = public_method(&c->methods[i], i);
  for (size_t i = 0; i < c->n_rows; i++) seeds[i] = c->seeds[i];
  assert(c->n_methods >= 1 && c->objective != NULL);
  for (size_t i = 0; i < n_cells; i++)
    cells[i] = (struct clade_compare_cell){.state = (enum clade_compare_state)c->cells[i].state,
                                           .study = (int)c->cells[i].study,
                                           .trial = c->cells[i].trial,
                                           .value = c->cells[i].value};
  *to = (struct clade_comparison){.goal = c->objective->goal == CL_MAXIMIZE ? "maximize" : "minimize",
                                  .n_methods = c->n_methods,
                                  .n_seeds = c->n_rows,
                                  .methods = methods,
                                  .seeds = seeds,
                                  .cells = cells,
                                  .starts = c->starts,
                                  .unequal = c->unequal,
                                  .unequal_seed = c->unequal_seed,
                                  .unequal_trial = c->unequal_trial};
  return cl_api_keep_text(&r->arena, c->objective->name, &to->metric, e);
}

/* How many methods there are; every one must have a study. */
static int count_methods(const struct clade_compare_study *studies, size_t n, size_t *ret, struct cl_err *e) {
  uint64_t used = 0;
  for (size_t i = 0; i < n; i++) {
    if (studies[i].reader == NULL || studies[i].method < 0 || studies[i].method >= CL_COMPARE_METHODS_MAX)
      return CL_FAIL(e, CLADE_EINVAL, "study %zu is of method %d, but methods are numbered 0 to %d", i,
                     studies[i].method, CL_COMPARE_METHODS_MAX - 1);
    used |= UINT64_C(1) << studies[i].method;
  }
  if (n == 0 || (used & (used + 1)) != 0)
    return CL_FAIL(e, CLADE_EINVAL, "a method has no study: each of those that are compared needs one");
  *ret = (size_t)__builtin_popcountll(used);
  assert(*ret >= 1 && *ret <= CL_COMPARE_METHODS_MAX && used >> (*ret - 1) == 1);
  return 0;
}

int clade_comparison_read(const struct clade_compare_study *studies, size_t n, struct clade_comparison **ret,
                          struct cl_err *e) {
  struct cl_comparison c = {0};
  size_t n_methods = 0;
  CL_TRY(cl_api_check(studies, "study", ret, e));
  CL_TRY(count_methods(studies, n, &n_methods, e));
  struct cl_compare_study *inner = cl_alloc_array(n, sizeof *inner);
  struct result *r = cl_alloc(sizeof *r);
  int status = inner == NULL || r == NULL ? CL_FAIL_NOMEM(e) : 0;
  for (size_t i = 0; i < n && status == 0; i++)
    inner[i] = (struct cl_compare_study){studies[i].reader->reader, (size_t)studies[i].method};
  if (status == 0) status = cl_comparison_read(inner, n, n_methods, &c, e);
  if (status == 0) status = fill(r, &c, e);
  cl_comparison_done(&c);
  cl_free(inner);
  if (status < 0)
    clade_comparison_free(&r->comparison);
  else
    *ret = &r->comparison;
  return status;
}
