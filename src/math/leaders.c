#include "math/leaders.h"

#include <assert.h>
#include <math.h>

#include "base/alloc.h"

double cl_posterior(const struct cl_moments *runs, struct cl_prior prior, double *ret_variance) {
  assert(runs->n >= 1);
  double n = (double)runs->n, v = (prior.variance + (n - 1) * cl_moments_variance(runs)) / n;
  double total = v + n * prior.variance;
  if (ret_variance != NULL) *ret_variance = total > 0 ? v * prior.variance / total : 0;
  return total > 0 ? (v * prior.mean + n * prior.variance * runs->mean) / total : runs->mean;
}

void cl_leaders_init(struct cl_leaders *l, enum cl_leaders_rule rule, struct cl_prior prior) {
  *l = (struct cl_leaders){.rule = rule};
  if (rule == CL_LEADERS_FIXED) l->prior = prior;
}

void cl_leaders_done(struct cl_leaders *l) {
  cl_free(l->sets);
  cl_free(l->singles.items);
  cl_free(l->repeated.items);
  *l = (struct cl_leaders){0};
}

struct cl_prior cl_leaders_prior(const struct cl_leaders *l) {
  if (l->rule == CL_LEADERS_FIXED) return l->prior;
  return (struct cl_prior){l->all.mean, cl_moments_variance(&l->all)};
}

static double estimate(const struct cl_leaders *l, const struct cl_leaders_set *set, struct cl_prior p) {
  return l->rule == CL_LEADERS_RAW ? set->runs.mean : cl_posterior(&set->runs, p, NULL);
}

static bool wins_tie(const struct cl_leaders *l, const struct cl_leaders_set *a,
                     const struct cl_leaders_set *b) {
  if (l->rule == CL_LEADERS_RAW) return a->age > b->age;
  if (l->rule == CL_LEADERS_FIXED && a->runs.n + b->runs.n > 2) {
    double x = 0, y = 0;
    (void)cl_posterior(&a->runs, l->prior, &x);
    (void)cl_posterior(&b->runs, l->prior, &y);
    if (x != y) return x < y;
  }
  return a->age < b->age;
}

/* The heaps. */

static bool comes_before(const struct cl_leaders *l, const struct cl_leaders_heap *h, size_t a, size_t b) {
  const struct cl_leaders_set *x = &l->sets[h->items[a]], *y = &l->sets[h->items[b]];
  return x->key != y->key ? x->key > y->key : wins_tie(l, x, y);
}

static void swap_places(struct cl_leaders *l, struct cl_leaders_heap *h, size_t a, size_t b) {
  uint32_t swap = h->items[a];
  h->items[a] = h->items[b];
  h->items[b] = swap;
  l->sets[h->items[a]].place = (uint32_t)a;
  l->sets[h->items[b]].place = (uint32_t)b;
}

static void sift_down(struct cl_leaders *l, struct cl_leaders_heap *h, size_t place) {
  for (;;) {
    size_t child = 2 * place + 1;
    if (child >= h->n) return;
    if (child + 1 < h->n && comes_before(l, h, child + 1, child)) child++;
    if (!comes_before(l, h, child, place)) return;
    swap_places(l, h, place, child);
    place = child;
  }
}

static void sift(struct cl_leaders *l, struct cl_leaders_heap *h, size_t place) {
  while (place > 0 && comes_before(l, h, place, (place - 1) / 2)) {
    swap_places(l, h, place, (place - 1) / 2);
    place = (place - 1) / 2;
  }
  sift_down(l, h, place);
}

static void put_in(struct cl_leaders *l, struct cl_leaders_heap *h, uint32_t number) {
  assert(h->n < h->cap);
  l->sets[number].place = (uint32_t)h->n;
  h->items[h->n++] = number;
  sift(l, h, h->n - 1);
}

static void take_out(struct cl_leaders *l, struct cl_leaders_heap *h, uint32_t number) {
  size_t place = l->sets[number].place;
  assert(h->items[place] == number);
  swap_places(l, h, place, --h->n);
  if (place < h->n) sift(l, h, place);
}

static void compute_keys(struct cl_leaders *l) {
  struct cl_leaders_heap *h = &l->repeated;
  l->prior = cl_leaders_prior(l);
  l->visited = 0;
  for (size_t i = 0; i < h->n; i++) {
    struct cl_leaders_set *set = &l->sets[h->items[i]];
    set->key = estimate(l, set, l->prior);
  }
  for (size_t i = h->n / 2; i-- > 0;) sift_down(l, h, i);
}

/* Adding. */

int cl_leaders_add_set(struct cl_leaders *l, int64_t age, struct cl_err *e) {
  if (l->n >= UINT32_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "%zu configurations are more than can be compared", l->n);
  if (cl_grow(&l->sets, &l->cap, l->n + 1, sizeof *l->sets) < 0) return CL_FAIL_NOMEM(e);
  l->sets[l->n++] = (struct cl_leaders_set){.age = age};
  return 0;
}

static void add_to_prior(struct cl_leaders *l, double score) {
  if (l->all.n == 0 || score < l->worst) l->worst = score;
  if (l->all.n == 0 || score > l->top) l->top = score;
  cl_moments_add(&l->all, score);
}

int cl_leaders_add_run(struct cl_leaders *l, size_t number, double score, bool counts, struct cl_err *e) {
  assert(number < l->n && isfinite(score));
  struct cl_leaders_set *set = &l->sets[number];
  struct cl_leaders_heap *to = set->runs.n == 0 ? &l->singles : &l->repeated;
  if (set->runs.n < 2 && cl_grow(&to->items, &to->cap, to->n + 1, sizeof *to->items) < 0)
    return CL_FAIL_NOMEM(e);
  score = fmax(-CL_SCORE_MAX, fmin(CL_SCORE_MAX, score));
  if (counts) add_to_prior(l, score);
  if (set->runs.n == 1) take_out(l, &l->singles, (uint32_t)number);
  cl_moments_add(&set->runs, score);
  set->key = set->runs.n == 1 ? score : estimate(l, set, l->prior);
  if (set->runs.n <= 2)
    put_in(l, to, (uint32_t)number);
  else
    sift(l, &l->repeated, set->place);
  return 0;
}

void cl_leaders_set_age(struct cl_leaders *l, size_t number, int64_t age) {
  assert(number < l->n);
  struct cl_leaders_set *set = &l->sets[number];
  set->age = age;
  if (set->runs.n > 0) sift(l, set->runs.n == 1 ? &l->singles : &l->repeated, set->place);
}

/* Finding. */

/* How far any estimate can be from its key: it is w mean + (1 - w) mu0 with 0 <= w <= 1, and w changes by no
 * larger a factor than v0 does. All means lie between the worst and the top score. */
static double drift(const struct cl_leaders *l, struct cl_prior now) {
  const struct cl_prior *then = &l->prior;
  double range = l->top - l->worst;
  if (l->rule != CL_LEADERS_ONLINE || range <= 0) return 0;
  double ratio = then->variance > 0 ? fabs(now.variance / then->variance - 1) : INFINITY;
  return fabs(now.mean - then->mean) + range * ratio + 1e-12 * (fabs(l->top) + fabs(l->worst));
}

struct search {
  struct cl_leaders *l;
  struct cl_prior now;
  double slack, estimate;
  int64_t set; /* -1: none yet */
};

static void compare(struct search *s, uint32_t number) {
  const struct cl_leaders_set *set = &s->l->sets[number];
  double value = estimate(s->l, set, s->now);
  bool leads =
      s->set < 0 || value > s->estimate || (value == s->estimate && wins_tie(s->l, set, &s->l->sets[s->set]));
  if (!leads) return;
  s->set = number;
  s->estimate = value;
}

static void look_below(struct search *s, size_t place) {
  const struct cl_leaders_heap *h = &s->l->repeated;
  if (place >= h->n) return;
  if (s->set >= 0 && s->l->sets[h->items[place]].key + s->slack < s->estimate) return;
  compare(s, h->items[place]);
  s->l->visited++;
  look_below(s, 2 * place + 1);
  look_below(s, 2 * place + 2);
}

int64_t cl_leaders_find(struct cl_leaders *l, double *ret_estimate) {
  if (l->rule == CL_LEADERS_ONLINE && l->visited > l->repeated.n) compute_keys(l);
  struct search s = {.l = l, .now = cl_leaders_prior(l), .set = -1};
  s.slack = drift(l, s.now);
  if (l->singles.n > 0) compare(&s, l->singles.items[0]);
  if (s.slack > 0)
    look_below(&s, 0);
  else if (l->repeated.n > 0)
    compare(&s, l->repeated.items[0]);
  *ret_estimate = s.estimate;
  return s.set;
}
