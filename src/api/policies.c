/* The policies of <clade/population.h> that come with Clade, and what policies may ask. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "api/population.h"

/* Views. */

/* What policies may rely on. */
static void assert_view(const struct clade_view *view) {
  const struct clade_population *p = view->population;
  assert(view->self < p->n && p->n_worthless <= p->n);
  assert(p->n_worthless == p->n || isfinite(p->members[p->order[p->n_worthless]].seen.fitness));
  assert(p->n_worthless == 0 || !isfinite(p->members[p->order[p->n_worthless - 1]].seen.fitness));
  (void)p;
}

size_t clade_view_members(const struct clade_view *view) {
  return view->population->n;
}

const struct clade_member *clade_view_member(const struct clade_view *view, size_t i) {
  return clade_population_member(view->population, i);
}

size_t clade_view_self(const struct clade_view *view) {
  assert_view(view);
  return view->self;
}

double clade_view_uniform(struct clade_view *view) {
  return cl_rng_uniform(&view->rng);
}

double clade_view_normal(struct clade_view *view) {
  return cl_rng_normal(&view->rng);
}

size_t clade_view_below(struct clade_view *view, size_t n) {
  return n < 1 ? 0 : (size_t)cl_rng_below(&view->rng, n);
}

/* Changes. */

static int find_active(const struct clade_proposal *c, const char *name) {
  int i = name == NULL ? -1 : cl_space_find(cl_study_space(c->study), name);
  return i >= 0 && c->values[i].kind != CL_ABSENT ? i : -1;
}

double clade_proposal_float(const struct clade_proposal *c, const char *name) {
  int i = find_active(c, name);
  if (i < 0) return NAN;
  if (c->values[i].kind == CL_INT) return (double)c->values[i].as.integer;
  return c->values[i].kind == CL_REAL ? c->values[i].as.real : NAN;
}

/* The legal value of a number's domain that is nearest to x: the 0 of "zero or log" lies below the others. */
static struct cl_value nearest(const struct cl_hyperparameter *h, double x) {
  struct cl_value v = cl_space_snap_one(h, x);
  if (h->zero > 0 && x < cl_value_number(v) - x)
    v = h->domain == CL_INTEGER ? cl_value_int(0) : cl_value_real(0);
  return v;
}

int clade_proposal_set_float(struct clade_proposal *c, const char *name, double x) {
  int i = find_active(c, name);
  if (i < 0 || isnan(x)) return CLADE_EINVAL;
  const struct cl_hyperparameter *h = &cl_study_space(c->study)->items[i];
  if (h->domain != CL_FLOAT && h->domain != CL_INTEGER)
    return cl_space_convert(h, cl_value_real(x), &c->values[i], NULL);
  struct cl_value v = nearest(h, x);
  if (!cl_space_allows(h, v)) return CLADE_EINVAL; /* infinite, and so is the range */
  c->values[i] = v;
  return 0;
}

int clade_proposal_set_text(struct clade_proposal *c, const char *name, const char *value) {
  int i = find_active(c, name);
  if (i < 0 || value == NULL) return CLADE_EINVAL;
  const struct cl_hyperparameter *h = &cl_study_space(c->study)->items[i];
  if (cl_space_convert(h, cl_value_parse(value), &c->values[i], NULL) == 0) return 0;
  return cl_space_convert(h, cl_value_text(value), &c->values[i], NULL);
}

void clade_proposal_perturb(struct clade_proposal *c, const double *factors, size_t n, double resample) {
  const struct cl_space *space = cl_study_space(c->study);
  if (factors == NULL || n < 1 || n > 16 || !(resample >= 0 && resample <= 1)) return;
  for (size_t i = 0; i < n; i++)
    if (!(factors[i] > 0) || !isfinite(factors[i])) return;
  struct cl_value *from = c->values, *to = c->values + space->n;
  (void)cl_space_perturb(space, (uint64_t)cl_study_seed(c->study), (uint64_t)c->trial->number,
                         c->turn & 0xffff, factors, (int)n, resample, from, to, NULL);
  memcpy(from, to, (size_t)space->n * sizeof *from);
}

/* Policies. */

static bool is_after(const struct clade_done_policy *self, struct clade_view *view) {
  return clade_view_member(view, view->self)->step >= self->a * (1 - 1e-12);
}

struct clade_done_policy clade_policy_stop_after(double n) {
  return (struct clade_done_policy){.name = "stop_after", .is_done = is_after, .a = n};
}

static bool is_due(const struct clade_ready_policy *self, struct clade_view *view) {
  const struct clade_member *m = clade_view_member(view, view->self);
  return m->step - m->ready >= self->a * (1 - 1e-12);
}

struct clade_ready_policy clade_policy_ready_after(double n) {
  return (struct clade_ready_policy){.name = "ready_after", .is_ready = is_due, .a = n};
}

static double fitness(const struct clade_view *view, size_t i) {
  return clade_view_member(view, i)->fitness;
}

/* The k-th of the others that can give, by ascending fitness, ties by number. */
static size_t at_place(const struct clade_view *view, size_t place) {
  const struct clade_population *p = view->population;
  size_t at = p->n_worthless + place, own = cl_api_population_place(p, view->self);
  assert(at + (own >= p->n_worthless && own <= at) < p->n);
  return p->order[own >= p->n_worthless && own <= at ? at + 1 : at];
}

/* How many they are. */
static size_t count_givers(const struct clade_view *view) {
  const struct clade_population *p = view->population;
  assert_view(view);
  return p->n - p->n_worthless - (isfinite(fitness(view, view->self)) ? 1 : 0);
}

static size_t truncate(const struct clade_exploit_policy *self, struct clade_view *view) {
  size_t n = count_givers(view);
  double own = fitness(view, view->self);
  if (n == 0) return CLADE_KEEP;
  if (n == 1) return fitness(view, at_place(view, 0)) > own ? at_place(view, 0) : CLADE_KEEP;
  size_t cut = (size_t)ceil((double)n * self->a - 1e-9);
  size_t from = (size_t)floor((double)n * (1 - self->b) + 1e-9);
  if (cut >= n) cut = n - 1;
  if (from >= n) from = n - 1;
  assert(cut < n && from < n);
  if (!(own < fitness(view, at_place(view, cut)))) return CLADE_KEEP;
  return at_place(view, from + clade_view_below(view, n - from));
}

struct clade_exploit_policy clade_policy_truncation(double lower, double upper) {
  return (struct clade_exploit_policy){.name = "truncation", .choose = truncate, .a = lower, .b = upper};
}

static size_t take_best(const struct clade_exploit_policy *self, struct clade_view *view) {
  size_t n = count_givers(view);
  (void)self;
  if (n == 0) return CLADE_KEEP;
  size_t best = at_place(view, n - 1);
  return fitness(view, best) > fitness(view, view->self) ? best : CLADE_KEEP;
}

struct clade_exploit_policy clade_policy_best(void) {
  return (struct clade_exploit_policy){.name = "best", .choose = take_best};
}

static size_t fight(const struct clade_exploit_policy *self, struct clade_view *view) {
  size_t n = count_givers(view);
  (void)self;
  if (n == 0) return CLADE_KEEP;
  size_t opponent = at_place(view, clade_view_below(view, n));
  return fitness(view, opponent) > fitness(view, view->self) ? opponent : CLADE_KEEP;
}

struct clade_exploit_policy clade_policy_tournament(void) {
  return (struct clade_exploit_policy){.name = "tournament", .choose = fight};
}

static size_t keep(const struct clade_exploit_policy *self, struct clade_view *view) {
  (void)self;
  (void)view;
  return CLADE_KEEP;
}

struct clade_exploit_policy clade_policy_keep(void) {
  return (struct clade_exploit_policy){.name = "keep", .choose = keep};
}

static void perturb(const struct clade_explore_policy *self, struct clade_view *view,
                    struct clade_proposal *proposal, bool took_over) {
  const double factors[] = {self->a, 1 / self->a};
  (void)view;
  if (took_over) clade_proposal_perturb(proposal, factors, 2, self->b);
}

struct clade_explore_policy clade_policy_perturb(double up, double resample) {
  return (struct clade_explore_policy){.name = "perturb", .explore = perturb, .a = up, .b = resample};
}
