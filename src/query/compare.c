#include "query/compare.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "query/best.h"
#include "query/story.h"

struct reading {
  const struct cl_compare_study *studies;
  const struct cl_study **replicas; /* of each */
  size_t n;
  struct cl_comparison *to;
  struct cl_err *e;
};

void cl_comparison_done(struct cl_comparison *c) {
  cl_free(c->methods);
  cl_free(c->seeds);
  cl_free(c->cells);
  *c = (struct cl_comparison){0};
}

static struct cl_compare_cell *cell_at(const struct cl_comparison *c, size_t row, size_t method) {
  assert(row < c->n_rows && method < c->n_methods);
  return &c->cells[row * c->n_methods + method];
}

/* --- what is compared ------------------------------------------------------------------------------- */

static int check_objective(struct reading *r, size_t i) {
  const struct cl_objective *mine = &cl_study_settings(r->replicas[i])->objectives[0];
  const struct cl_objective *first = &cl_study_settings(r->replicas[0])->objectives[0];
  if (strcmp(mine->name, first->name) == 0 && mine->goal == first->goal) return 0;
  return CL_FAIL(r->e, CLADE_EINVAL,
                 "'%s' and '%s' cannot be compared: the one is after the %s %s, the other after the %s %s",
                 cl_study_name(r->replicas[0]), cl_study_name(r->replicas[i]),
                 first->goal == CL_MAXIMIZE ? "largest" : "smallest", first->name,
                 mine->goal == CL_MAXIMIZE ? "largest" : "smallest", mine->name);
}

static int open_all(struct reading *r) {
  for (size_t i = 0; i < r->n; i++) {
    assert(r->studies[i].method < r->to->n_methods);
    CL_TRY(cl_reader_need(r->studies[i].reader, 0, 0, &r->replicas[i], r->e));
    CL_TRY(check_objective(r, i));
  }
  r->to->objective = &cl_study_settings(r->replicas[0])->objectives[0];
  return 0;
}

/* Seeds in ascending order, each once. */
static void gather_seeds(struct reading *r) {
  int64_t *seeds = r->to->seeds;
  size_t n = 0;
  for (size_t i = 0; i < r->n; i++) {
    int64_t seed = cl_study_seed(r->replicas[i]);
    size_t at = n;
    while (at > 0 && seeds[at - 1] > seed) at--;
    if (at > 0 && seeds[at - 1] == seed) continue;
    memmove(seeds + at + 1, seeds + at, (n - at) * sizeof *seeds);
    seeds[at] = seed;
    n++;
  }
  r->to->n_rows = n;
}

static size_t row_of(const struct cl_comparison *c, int64_t seed) {
  size_t row = 0;
  while (c->seeds[row] != seed) row++;
  assert(row < c->n_rows);
  return row;
}

static int place(struct reading *r, size_t i) {
  const struct cl_study *s = r->replicas[i];
  size_t method = r->studies[i].method;
  struct cl_compare_cell *cell = cell_at(r->to, row_of(r->to, cl_study_seed(s)), method);
  struct cl_compare_method *m = &r->to->methods[method];
  struct cl_best best;
  if (cell->state != CL_COMPARE_ABSENT)
    return CL_FAIL(
        r->e, CLADE_EINVAL,
        "'%s' and '%s' have the same seed, %lld, and the same side: studies are paired by their seed",
        cl_study_name(r->replicas[cell->study]), cl_study_name(s), (long long)cl_study_seed(s));
  CL_TRY(cl_best_find(s, &best, r->e));
  *cell = (struct cl_compare_cell){.state = cl_study_head(s)->open ? CL_COMPARE_OPEN : CL_COMPARE_FINISHED,
                                   .study = i,
                                   .trial = best.trial,
                                   .value = best.trial == 0 ? (double)NAN : best.value};
  if (m->studies++ == 0) m->budget = cl_study_head(s)->budget;
  m->assessments += best.assessments;
  return 0;
}

/* --- differences ------------------------------------------------------------------------------------ */

static bool has_score(const struct cl_compare_cell *cell) {
  return cell->state == CL_COMPARE_FINISHED && isfinite(cell->value);
}

static void pair_with_first(struct cl_comparison *c, size_t method, double *scratch) {
  size_t n = 0;
  for (size_t row = 0; row < c->n_rows; row++) {
    const struct cl_compare_cell *first = cell_at(c, row, 0), *other = cell_at(c, row, method);
    if (has_score(first) && has_score(other)) scratch[n++] = first->value - other->value;
  }
  c->methods[method].paired = cl_paired_of(scratch, n);
}

static int reckon(struct cl_comparison *c, struct cl_err *e) {
  double p[CL_COMPARE_METHODS_MAX];
  double *scratch = cl_alloc_array(c->n_rows, sizeof *scratch);
  if (scratch == NULL) return CL_FAIL_NOMEM(e);
  for (size_t m = 0; m < c->n_methods; m++) {
    for (size_t row = 0; row < c->n_rows; row++)
      if (has_score(cell_at(c, row, m))) cl_moments_add(&c->methods[m].scores, cell_at(c, row, m)->value);
    if (m > 0) pair_with_first(c, m, scratch);
    p[m] = m > 0 ? c->methods[m].paired.p_t : (double)NAN;
  }
  cl_free(scratch);
  cl_holm(p, c->n_methods);
  for (size_t m = 0; m < c->n_methods; m++) c->methods[m].p_holm = p[m];
  return 0;
}

/* --- beginnings ------------------------------------------------------------------------------------- */

static const struct cl_value *find_value(const struct cl_event *birth, const struct cl_space *space,
                                         const char *name) {
  const struct cl_assigned_list *list = &birth->u.proposed.values;
  for (int i = 0; i < list->n; i++) {
    int index = cl_space_find_id(space, list->items[i].id);
    if (index >= 0 && strcmp(space->items[index].name, name) == 0) return &list->items[i].value;
  }
  return NULL;
}

/* The same names with the same values, whatever their ids. */
static bool values_equal(const struct cl_event *a, const struct cl_space *space_a, const struct cl_event *b,
                         const struct cl_space *space_b) {
  const struct cl_assigned_list *list = &a->u.proposed.values;
  if (list->n != b->u.proposed.values.n) return false;
  for (int i = 0; i < list->n; i++) {
    int index = cl_space_find_id(space_a, list->items[i].id);
    const struct cl_value *other = index < 0 ? NULL : find_value(b, space_b, space_a->items[index].name);
    if (other == NULL || !cl_value_equal(list->items[i].value, *other)) return false;
  }
  return true;
}

static bool is_first_of_search(const struct cl_study *s, int64_t trial) {
  const struct cl_trial *t = cl_study_trial(s, trial);
  return t != NULL && t->head.role == CL_ROLE_SEARCH;
}

static int compare_start(struct reading *r, size_t a, size_t b, int64_t trial, bool *ret_equal) {
  const struct cl_study *first = r->replicas[a], *second = r->replicas[b];
  struct cl_story mine = {0}, other = {0};
  int status = cl_story_read(r->studies[a].reader, trial, &mine, r->e);
  if (status >= 0) status = cl_story_read(r->studies[b].reader, trial, &other, r->e);
  if (status >= 0)
    *ret_equal = mine.birth->kind == CL_EVENT_PROPOSED && other.birth->kind == CL_EVENT_PROPOSED &&
                 values_equal(mine.birth, cl_study_space(first), other.birth, cl_study_space(second)) &&
                 cl_trial_seed(first, cl_study_trial(first, trial)) ==
                     cl_trial_seed(second, cl_study_trial(second, trial));
  cl_story_done(&mine);
  cl_story_done(&other);
  return status < 0 ? status : 0;
}

static int compare_studies(struct reading *r, size_t a, size_t b, int64_t seed) {
  struct cl_comparison *c = r->to;
  for (int64_t trial = 1; trial <= CL_COMPARE_STARTS_MAX; trial++) {
    bool equal = false;
    if (!is_first_of_search(r->replicas[a], trial) || !is_first_of_search(r->replicas[b], trial)) break;
    CL_TRY(compare_start(r, a, b, trial, &equal));
    c->starts++;
    if (equal) continue;
    if (c->unequal++ > 0) continue;
    c->unequal_seed = seed;
    c->unequal_trial = trial;
  }
  return 0;
}

static int compare_starts(struct reading *r) {
  const struct cl_comparison *c = r->to;
  for (size_t row = 0; row < c->n_rows; row++)
    for (size_t m = 1; m < c->n_methods; m++) {
      const struct cl_compare_cell *first = cell_at(c, row, 0), *other = cell_at(c, row, m);
      if (first->state == CL_COMPARE_ABSENT || other->state == CL_COMPARE_ABSENT) continue;
      CL_TRY(compare_studies(r, first->study, other->study, c->seeds[row]));
    }
  return 0;
}

static int read_all(struct reading *r) {
  CL_TRY(open_all(r));
  gather_seeds(r);
  for (size_t i = 0; i < r->n; i++) CL_TRY(place(r, i));
  CL_TRY(reckon(r->to, r->e));
  return compare_starts(r);
}

int cl_comparison_read(const struct cl_compare_study *studies, size_t n, size_t n_methods,
                       struct cl_comparison *ret, struct cl_err *e) {
  assert(n >= 1 && n_methods >= 1);
  if (n_methods > CL_COMPARE_METHODS_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "%zu methods are too many to compare: at most %d can be", n_methods,
                   CL_COMPARE_METHODS_MAX);
  struct cl_comparison c = {.n_methods = n_methods,
                            .methods = cl_alloc_array(n_methods, sizeof *c.methods),
                            .seeds = cl_alloc_array(n, sizeof *c.seeds),
                            .cells = cl_alloc_array(n * n_methods, sizeof *c.cells)};
  struct reading r = {.studies = studies, .n = n, .to = &c, .e = e};
  r.replicas = cl_alloc_array(n, sizeof *r.replicas);
  bool made = c.methods != NULL && c.seeds != NULL && c.cells != NULL && r.replicas != NULL;
  int status = made ? read_all(&r) : CL_FAIL_NOMEM(e);
  cl_free(r.replicas);
  if (status < 0)
    cl_comparison_done(&c);
  else
    *ret = c;
  return status < 0 ? status : 0;
}
