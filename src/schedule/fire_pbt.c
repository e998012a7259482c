/* FIRE-PBT (Dalibard & Jaderberg 2021, arXiv 2109.13800): faster improvement rate PBT. Plain PBT is greedy:
 * what pays at once wins. Here a second sub-population is ranked by how fast its states improve when they are
 * trained with the values of the first one; evaluators find that out, and what they come to goes over to the
 * first when it is surely better.
 *
 * Members in the order of their numbers: the first sub-population (PBT by score; it gives the final model),
 * the second (PBT by fitness), the evaluators. An evaluator takes the state of the member of the second one
 * that has waited longest, and the values of the best member of the first that has not just changed: its
 * child. Its scores from there on are the curve of that state. Curves are smoothed and compared where both
 * have been (math/curve.h).
 *
 * We differ: two sub-populations; all are judged together, at equal steps; ages count intervals; a curve
 * begins where its member last took over a state; fitness is measured against 64 others at most, so that a
 * ruling costs no more than a look at each member. After a third-party implementation where the paper is
 * silent. Curves follow from the rulings in the log: member, own score, donor.
 */
#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "math/curve.h"
#include "schedule/args.h"
#include "schedule/explore.h"
#include "schedule/methods.h"
#include "schedule/ruling.h"

enum { POINTS_MAX = 200, REFERENCES_MAX = 64, MOVES_MAX = 32, NOBODY = -1 };

#define CERTAIN 0.01 /* p below it: a lead is no chance */

struct curve {
  double *y, *smooth; /* smooth: of the first n_smooth points */
  size_t n, n_smooth, cap, cap_smooth;
};

struct fire_member {
  struct curve curve;      /* own scores since its last takeover, the one it began with first */
  struct curve evaluation; /* second sub-population: what an evaluator made of its state … */
  uint32_t version;        /* … which is the version-th one */
  uint32_t fitness_of;     /* the version that this is the fitness of */
  double fitness;
  int parent, child;    /* evaluators: whose state and whose values; NOBODY: free */
  uint32_t parent_life; /* of that state's */
  uint32_t life;        /* takeovers so far: a member that has another state is another one */
  int32_t waited;       /* second: rung at which it was last evaluated, or took over */
  int32_t ruled;        /* rung of its last ruling: the curve has its score there */
  int watchers;         /* first: evaluators that train with its values */
  int takers; /* second: evaluators of the state that it has now, with values that their child has */
  bool takes; /* evaluators: is one of these: it trains that state, with these values */
  bool gives; /* its state at the rung that is being judged can be taken over … */
  uint64_t gives_as_of; /* … as of this s->table */
};

/* A member in the order of what its part is ranked by. */
struct ranked {
  double value;
  size_t member;
};

/* The ranked members of a part, best first. Kept from ruling to ruling, of which each changes few. */
struct part {
  size_t from, n;
  struct ranked *order;
  size_t ranked, cap_order;
  bool in_order;  /* by s->room as it is */
  double *values; /* by member: with which it stands in `order`; NaN: it does not */
  size_t cap_values;
};

/* Whose evaluation others are measured against. */
struct reference {
  size_t member;
  uint32_t version;
};

struct fire {
  struct cl_rulings rulings;
  struct cl_explore explore;
  struct cl_numerics numerics;
  size_t n_first, n_second;
  double quantile;
  int age_max; /* of an evaluation, in intervals */
  struct fire_member *items;
  size_t n, cap;
  double *room; /* what its part is ranked by, by member; NaN: not ranked */
  size_t cap_room;
  struct part parts[2]; /* first, second */
  struct ranked *able;  /* scratch of pick */
  size_t cap_able;
  /* What was found out about the table of the rung that is being judged: as long as it is the same. */
  uint64_t table, revision; /* table: counts what may have changed the scores, and who can give */
  int32_t rung;
  bool stirred;       /* something but a report or a ruling was heard since */
  bool ranked_first;  /* s->room holds the first part's scores */
  bool ranked_second; /* and the second's fitness, which no table changes */
  int child;          /* of new evaluations; NOBODY: not looked for */
  int curve_of;       /* member of the first part … (NOBODY: none) */
  struct curve curve; /* … and its curve, at this rung */
  struct reference references[REFERENCES_MAX];
  size_t n_references;
};

enum role { FIRST = 1, SECOND, EVALUATOR };

static enum role role_of(const struct fire *s, size_t member) {
  return member < s->n_first ? FIRST : member < s->n_first + s->n_second ? SECOND : EVALUATOR;
}

static const char *role_name(enum role r) {
  return r == FIRST ? "first" : r == SECOND ? "second" : "evaluator";
}

/* Curves. */

static int add_point(struct curve *c, double y, struct cl_err *e) {
  assert(c->n <= POINTS_MAX);
  if (!isfinite(y)) return 0;
  if (c->n == POINTS_MAX) {
    memmove(c->y, c->y + 1, (POINTS_MAX - 1) * sizeof *c->y);
    c->n--;
  }
  if (cl_grow(&c->y, &c->cap, c->n + 1, sizeof *c->y) < 0) return CL_FAIL_NOMEM(e);
  c->y[c->n++] = y;
  c->n_smooth = 0;
  return 0;
}

static int begin_curve(struct curve *c, double y, struct cl_err *e) {
  c->n = c->n_smooth = 0;
  return add_point(c, y, e);
}

static int copy_curve(struct curve *to, const struct curve *from, struct cl_err *e) {
  if (cl_grow(&to->y, &to->cap, from->n + 1, sizeof *to->y) < 0) return CL_FAIL_NOMEM(e);
  if (from->n > 0) memcpy(to->y, from->y, from->n * sizeof *to->y);
  to->n = from->n;
  to->n_smooth = 0;
  return 0;
}

static int smooth(const struct fire *s, struct curve *c, struct cl_err *e) {
  if (c->n == 0 || c->n_smooth == c->n) return 0;
  if (cl_grow(&c->smooth, &c->cap_smooth, c->n, sizeof *c->smooth) < 0) return CL_FAIL_NOMEM(e);
  CL_TRY(cl_curve_smooth(&s->numerics, c->y, c->n, c->smooth, e));
  c->n_smooth = c->n;
  return 0;
}

static void free_curve(struct curve *c) {
  cl_free(c->y);
  cl_free(c->smooth);
}

/* A member's curve, smoothed, with its score at the rung that is being judged, which only the table has until
 * the member is ruled. */
static int curve_now(const struct fire *s, size_t member, int32_t rung, struct curve *ret, struct cl_err *e) {
  const struct cl_evaluation *v = cl_population_of(&s->rulings.members.population, rung, member);
  CL_TRY(copy_curve(ret, &s->items[member].curve, e));
  if (v != NULL && s->items[member].ruled < rung) CL_TRY(add_point(ret, v->score, e));
  return smooth(s, ret, e);
}

/* Events. */

static int reach(struct fire *s, struct cl_err *e) {
  size_t n = s->rulings.members.n;
  if (cl_grow(&s->items, &s->cap, n, sizeof *s->items) < 0) return CL_FAIL_NOMEM(e);
  for (; s->n < n; s->n++) s->items[s->n] = (struct fire_member){.parent = NOBODY, .child = NOBODY};
  return 0;
}

static void stop_taking(struct fire *s, struct fire_member *a) {
  if (a->takes) s->items[a->parent].takers--;
  a->takes = false;
}

/* It has another state: whoever evaluates the one it had, or with its values, does so in vain. */
static void begin_life(struct fire *s, struct fire_member *a) {
  int member = (int)(a - s->items);
  a->life++;
  for (size_t k = s->n_first + s->n_second; k < s->n && a->takers + a->watchers > 0; k++)
    if (s->items[k].parent == member || s->items[k].child == member) stop_taking(s, &s->items[k]);
}

/* What the evaluator has found out about its state, if that member still has it. */
static int end_evaluation(struct fire *s, struct fire_member *a, int32_t rung, struct cl_err *e) {
  assert((a->parent == NOBODY) == (a->child == NOBODY));
  struct fire_member *parent = a->parent == NOBODY ? NULL : &s->items[a->parent];
  if (parent != NULL && parent->life == a->parent_life) {
    CL_TRY(copy_curve(&parent->evaluation, &a->curve, e));
    parent->version++;
    s->ranked_second = false;
    parent->waited = rung;
  }
  stop_taking(s, a);
  if (a->child != NOBODY) s->items[a->child].watchers--;
  a->parent = a->child = NOBODY;
  return 0;
}

static int begin_evaluation(struct fire *s, struct fire_member *a, const struct cl_event *ev, int donor) {
  int child = cl_members_find(&s->rulings.members, ev->u.exploited.with);
  if (donor < 0 || child < 0) return 0;
  assert(role_of(s, (size_t)child) == FIRST);
  a->parent = donor;
  a->child = child;
  a->parent_life = s->items[donor].life;
  s->items[child].watchers++;
  s->items[donor].takers++;
  a->takes = true;
  return 0;
}

static int hear_ruling(struct fire *s, size_t member, const struct cl_event *ev, const json_t *args,
                       struct cl_err *e) {
  double sign = cl_objective_sign(&s->rulings.env->settings->objectives[0]);
  struct fire_member *a = &s->items[member];
  enum role role = role_of(s, member);
  assert(member < s->n);
  int32_t rung = (int32_t)cl_args_number(args, "rung");
  a->ruled = rung;
  if (role == FIRST) s->child = s->curve_of = NOBODY;
  CL_TRY(add_point(&a->curve, sign * cl_args_number(args, "own"), e));
  bool goes_on = ev->kind != CL_EVENT_EXPLOITED && json_object_get(args, "parent") != NULL;
  if (role == EVALUATOR && !goes_on) CL_TRY(end_evaluation(s, a, rung, e));
  if (ev->kind != CL_EVENT_EXPLOITED) return 0;
  begin_life(s, a);
  a->waited = rung;
  a->evaluation.n = a->evaluation.n_smooth = 0;
  a->version++;
  s->ranked_second = false;
  CL_TRY(begin_curve(&a->curve, sign * cl_args_number(args, "score"), e));
  if (role != EVALUATOR || ev->u.exploited.with == 0) return 0;
  return begin_evaluation(s, a, ev,
                          cl_members_find(&s->rulings.members, (int64_t)cl_args_number(args, "donor")));
}

static int fire_apply(void *st, const struct cl_event *ev, struct cl_err *e) {
  struct fire *s = st;
  CL_TRY(cl_rulings_apply(st, ev, e));
  CL_TRY(reach(s, e));
  int member = cl_members_find(&s->rulings.members, ev->subject);
  bool rules = ev->kind == CL_EVENT_CONTINUED || ev->kind == CL_EVENT_EXPLOITED || ev->kind == CL_EVENT_SET;
  if (!rules && ev->kind != CL_EVENT_REPORTED) s->stirred = true;
  if (member < 0 || !rules || !cl_members_is_ruling(ev) || ev->args == NULL) return 0;
  json_t *args = json_loads(ev->args, 0, NULL);
  int status = json_is_object(args) ? hear_ruling(s, (size_t)member, ev, args, e) : 0;
  json_decref(args);
  return status;
}

/* Whom to take over from. */

static bool gives(const struct fire *s, const struct cl_evaluation *v) {
  if (v == NULL || !isfinite(v->score)) return false;
  const struct cl_snapshot *state = cl_study_snapshot(s->rulings.env->study, v->snapshot);
  return state != NULL && state->usable;
}

/* The rung that is judged from now on; what was found out about its table holds as long as it does. */
static void look_at_table(struct fire *s, int32_t rung) {
  uint64_t revision = cl_population_revision(&s->rulings.members.population, rung);
  if (s->table > 0 && rung == s->rung && revision == s->revision && !s->stirred) return;
  s->table++;
  s->rung = rung;
  s->revision = revision;
  s->stirred = s->ranked_first = false;
  s->child = s->curve_of = NOBODY;
}

static bool gives_now(struct fire *s, size_t member) {
  struct fire_member *a = &s->items[member];
  assert(s->table > 0);
  if (a->gives_as_of != s->table)
    a->gives = gives(s, cl_population_of(&s->rulings.members.population, s->rung, member));
  a->gives_as_of = s->table;
  return a->gives;
}

/* For a member whose state is gone: the best of its own part, else of all, in the furthest table that has
 * one. */
static const struct cl_evaluation *rescue(const struct fire *s, size_t member, int32_t rung,
                                          size_t *ret_donor) {
  const struct cl_population *p = &s->rulings.members.population;
  const struct cl_evaluation *found = NULL;
  for (; rung >= 1 && rung >= p->base && found == NULL; rung--) {
    for (size_t i = 0; i < cl_population_count(p, rung); i++) {
      size_t donor;
      const struct cl_evaluation *v = cl_population_at(p, rung, i, &donor);
      bool own = role_of(s, donor) == role_of(s, member);
      if (!gives(s, v) || (found != NULL && !own)) continue;
      found = v;
      *ret_donor = donor;
      if (own) break;
    }
  }
  return found;
}

static int compare_ranked(const void *a, const void *b) {
  const struct ranked *x = a, *y = b;
  if (x->value != y->value) return x->value > y->value ? -1 : 1;
  return (x->member > y->member) - (x->member < y->member);
}

/* How many of the part stand before this one, whether or not it is among them. */
static size_t place_of(const struct part *p, const struct ranked *v) {
  size_t lo = 0, hi = p->ranked;
  while (lo < hi) {
    size_t middle = lo + (hi - lo) / 2;
    if (compare_ranked(&p->order[middle], v) < 0)
      lo = middle + 1;
    else
      hi = middle;
  }
  return lo;
}

static void move_ranked(struct part *p, size_t member, double value) {
  const struct ranked before = {p->values[member - p->from], member}, after = {value, member};
  if (!isnan(before.value)) {
    size_t at = place_of(p, &before);
    assert(at < p->ranked && p->order[at].member == member);
    memmove(&p->order[at], &p->order[at + 1], (--p->ranked - at) * sizeof *p->order);
  }
  if (!isnan(value)) {
    size_t at = place_of(p, &after);
    memmove(&p->order[at + 1], &p->order[at], (p->ranked++ - at) * sizeof *p->order);
    p->order[at] = after;
  }
  p->values[member - p->from] = value;
}

static void sort_all(struct part *p, const double *room) {
  p->ranked = 0;
  for (size_t i = 0; i < p->n; i++) {
    p->values[i] = room[p->from + i];
    if (!isnan(p->values[i])) p->order[p->ranked++] = (struct ranked){p->values[i], p->from + i};
  }
  qsort(p->order, p->ranked, sizeof *p->order, compare_ranked);
}

static bool differs(double a, double b) {
  return a != b && !(isnan(a) && isnan(b));
}

/* The order by s->room. Cost O(members of the part), and a sort when many of them have changed. */
static int sort_part(const struct fire *s, struct part *p, struct cl_err *e) {
  size_t changed = 0;
  bool begins = p->cap_values == 0;
  if (cl_grow(&p->order, &p->cap_order, p->n + 1, sizeof *p->order) < 0 ||
      cl_grow(&p->values, &p->cap_values, p->n + 1, sizeof *p->values) < 0)
    return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < p->n && !begins; i++) changed += differs(p->values[i], s->room[p->from + i]);
  if (begins || changed > MOVES_MAX) sort_all(p, s->room);
  for (size_t i = 0; i < p->n && changed > 0 && changed <= MOVES_MAX; i++)
    if (differs(p->values[i], s->room[p->from + i])) move_ranked(p, p->from + i, s->room[p->from + i]);
  assert(p->ranked <= p->n);
  p->in_order = true;
  return 0;
}

/* One of the `cut` best that can give, uniformly; null: none. */
static const struct cl_evaluation *pick(struct fire *s, const struct part *p, size_t member, size_t cut,
                                        struct cl_exploit_view *view, size_t *ret_donor) {
  struct cl_rng r = cl_ruling_stream(&s->rulings, CL_RNG_EXPLOIT, member);
  size_t able = 0;
  for (size_t i = 0; i < cut; i++) {
    const struct ranked *v = &p->order[i];
    if (v->value > s->room[member] && gives_now(s, v->member)) s->able[able++] = *v;
  }
  if (able == 0) return NULL;
  view->draw = cl_rng_uniform(&r);
  *ret_donor = s->able[(size_t)(view->draw * (double)able)].member;
  return cl_population_of(&s->rulings.members.population, s->rung, *ret_donor);
}

/* Truncation by s->room within the member's part: *ret is null, or the state of one of the best. */
static int truncate(struct fire *s, size_t member, struct cl_exploit_view *view, size_t *ret_donor,
                    const struct cl_evaluation **ret, struct cl_err *e) {
  struct part *p = &s->parts[role_of(s, member) == SECOND];
  const struct ranked own = {s->room[member], member};
  assert(member >= p->from && member < p->from + p->n);
  *ret = NULL;
  if (isnan(own.value)) return 0;
  if (!p->in_order) CL_TRY(sort_part(s, p, e));
  if (cl_grow(&s->able, &s->cap_able, p->n + 1, sizeof *s->able) < 0) return CL_FAIL_NOMEM(e);
  size_t cut = (size_t)ceil(s->quantile * (double)p->ranked - 1e-9), above = place_of(p, &own);
  if (cut > p->ranked / 2) cut = p->ranked / 2;
  view->rung = s->rung;
  view->rank = above + 1;
  view->of = p->ranked;
  if (above + cut < p->ranked) return 0;
  *ret = pick(s, p, member, cut, view, ret_donor);
  return 0;
}

static void rank_first(struct fire *s) {
  if (s->ranked_first) return;
  s->ranked_first = true;
  s->parts[0].in_order = false;
  for (size_t i = 0; i < s->n_first; i++) {
    const struct cl_evaluation *v = cl_population_of(&s->rulings.members.population, s->rung, i);
    s->room[i] = v == NULL ? NAN : v->score;
  }
}

/* The first ones that have been evaluated. True: they are the same as before. */
static bool find_references(struct fire *s) {
  size_t n = 0;
  bool same = true;
  for (size_t i = s->n_first; i < s->n_first + s->n_second && n < REFERENCES_MAX; i++) {
    const struct reference v = {i, s->items[i].version};
    if (s->items[i].evaluation.n == 0) continue;
    same =
        same && n < s->n_references && s->references[n].member == i && s->references[n].version == v.version;
    s->references[n++] = v;
  }
  same = same && n == s->n_references;
  s->n_references = n;
  return same;
}

/* The sum of leads over the references. */
static double measure(const struct fire *s, size_t member) {
  const struct curve *own = &s->items[member].evaluation;
  double sum = 0;
  for (size_t k = 0; k < s->n_references; k++) {
    const struct curve *other = &s->items[s->references[k].member].evaluation;
    assert(other->n > 0 && other->n_smooth == other->n);
    if (s->references[k].member != member) sum += cl_curve_lead(own->smooth, own->n, other->smooth, other->n);
  }
  return sum;
}

/* Fitness of those that have been evaluated. */
static int rank_second(struct fire *s, struct cl_err *e) {
  size_t to = s->n_first + s->n_second;
  if (s->ranked_second) return 0;
  bool same = find_references(s);
  for (size_t i = s->n_first; i < to; i++) CL_TRY(smooth(s, &s->items[i].evaluation, e));
  for (size_t i = s->n_first; i < to; i++) {
    struct fire_member *a = &s->items[i];
    bool known = same && a->fitness_of == a->version;
    s->room[i] = NAN;
    if (a->evaluation.n == 0) continue;
    if (!known) a->fitness = measure(s, i);
    a->fitness_of = a->version;
    s->room[i] = a->fitness;
  }
  s->ranked_second = true;
  s->parts[1].in_order = false;
  return 0;
}

/* Evaluations. */

enum outcome { GOES_ON, STOPS, SUCCEEDS };

/* Many evaluators have one child: its curve is smoothed once for all of them. */
static int child_curve(struct fire *s, size_t child, const struct curve **ret, struct cl_err *e) {
  *ret = &s->curve;
  if (s->curve_of == (int)child) return 0;
  s->curve_of = NOBODY;
  CL_TRY(curve_now(s, child, s->rung, &s->curve, e));
  s->curve_of = (int)child;
  return 0;
}

/* Of an evaluator against its child, as both stand at this rung. */
static int judge_evaluation(struct fire *s, size_t evaluator, int32_t rung, enum outcome *ret,
                            struct cl_err *e) {
  const struct fire_member *a = &s->items[evaluator];
  assert(role_of(s, evaluator) == EVALUATOR);
  struct curve own = {0};
  const struct curve *child = NULL;
  *ret = STOPS;
  if (!a->takes) return 0;
  int status = curve_now(s, evaluator, rung, &own, e);
  if (status == 0) status = child_curve(s, (size_t)a->child, &child, e);
  if (status == 0) {
    size_t from_own, from_child,
        n = cl_curve_overlap(own.smooth, own.n, child->smooth, child->n, &from_own, &from_child);
    double age = (double)own.n - 1, p = cl_curve_test(own.smooth, own.n, child->smooth, child->n);
    bool hopeless = n == 0 ? age >= s->age_max : p > CERTAIN + fmax(0, 1 - age / s->age_max);
    bool leads = cl_curve_lead(own.smooth, own.n, child->smooth, child->n) > 0 && p < CERTAIN;
    *ret = leads ? SUCCEEDS : hopeless ? STOPS : GOES_ON;
  }
  free_curve(&own);
  return status;
}

/* The evaluator that has surely come further than this member of the first part; the one with the best score.
 */
static int find_success(struct fire *s, size_t member, int32_t rung, size_t *ret_donor,
                        const struct cl_evaluation **ret, struct cl_err *e) {
  *ret = NULL;
  for (size_t i = s->n_first + s->n_second; i < s->n && s->items[member].watchers > 0; i++) {
    enum outcome outcome;
    if (s->items[i].child != (int)member || s->items[i].ruled >= rung || !gives_now(s, i)) continue;
    const struct cl_evaluation *v = cl_population_of(&s->rulings.members.population, rung, i);
    CL_TRY(judge_evaluation(s, i, rung, &outcome, e));
    if (outcome != SUCCEEDS || (*ret != NULL && v->score <= (*ret)->score)) continue;
    *ret = v;
    *ret_donor = i;
  }
  return 0;
}

/* The best of the first part that has not just taken over a state; if all have, the best. */
static const struct cl_evaluation *find_child(struct fire *s, size_t *ret_child) {
  const struct cl_population *p = &s->rulings.members.population;
  const struct cl_evaluation *best = NULL;
  bool best_settled = false, known = s->child != NOBODY;
  for (size_t i = 0; i < s->n_first && i < s->n && !known; i++) {
    const struct cl_evaluation *v = cl_population_of(p, s->rung, i);
    const struct fire_member *a = &s->items[i];
    bool settled = a->curve.n + (a->ruled < s->rung) >= 2;
    if (v == NULL || !isfinite(v->score) || (best_settled && !settled)) continue;
    if (best != NULL && settled == best_settled && v->score <= best->score) continue;
    best = v;
    best_settled = settled;
    s->child = (int)i;
  }
  if (s->child == NOBODY) return NULL;
  *ret_child = (size_t)s->child;
  return cl_population_of(p, s->rung, *ret_child);
}

/* The member of the second part that has waited longest, and is not being evaluated by another one. */
static const struct cl_evaluation *find_parent(struct fire *s, size_t evaluator, size_t *ret) {
  const struct fire_member *own = &s->items[evaluator];
  bool found = false;
  for (size_t i = s->n_first; i < s->n_first + s->n_second && i < s->n; i++) {
    bool taken = s->items[i].takers > (own->takes && own->parent == (int)i);
    if (taken || (found && s->items[i].waited >= s->items[*ret].waited) || !gives_now(s, i)) continue;
    found = true;
    *ret = i;
  }
  return found ? cl_population_of(&s->rulings.members.population, s->rung, *ret) : NULL;
}

/* Rulings. */

static int end(struct fire *s, size_t member, struct cl_event *ret, struct cl_err *e) {
  cl_text_format(&s->rulings.args, ", \"role\": \"%s\"", role_name(role_of(s, member)));
  return cl_ruling_end(&s->rulings, ret, e);
}

static int take_over(struct fire *s, const char *rule, size_t member, const struct cl_evaluation *own,
                     const struct cl_exploit_view *view, const struct cl_takeover *take, struct cl_event *ret,
                     struct cl_err *e) {
  const struct cl_study *study = s->rulings.env->study;
  const struct cl_member *a = &s->rulings.members.items[member];
  const struct cl_trial *t = cl_study_trial(study, a->trial);
  struct cl_takeover taken = *take;
  assert(take->state != NULL && take->state->snapshot != 0);
  CL_TRY(cl_explore_values(&s->explore, study, t, take->state, a->rulings, e));
  taken.values = s->explore.values;
  CL_TRY(cl_ruling_take_over(&s->rulings, rule, member, own, view, &taken, ret, e));
  cl_explore_describe(&s->explore, cl_study_space(study), &s->rulings.args);
  return end(s, member, ret, e);
}

/* Another's state, and values as they are: of the member itself, or of `from`. */
static int take_state(struct fire *s, const char *rule, size_t member, const struct cl_evaluation *own,
                      const struct cl_evaluation *from, const struct cl_takeover *take, struct cl_event *ret,
                      struct cl_err *e) {
  const struct cl_study *study = s->rulings.env->study;
  const struct cl_trial *t = cl_study_trial(study, s->rulings.members.items[member].trial);
  struct cl_explore *x = &s->explore;
  struct cl_takeover taken = *take;
  CL_TRY(cl_explore_begin(x, study, t, from == NULL ? take->state : from, e));
  for (int i = 0; i < cl_study_space(study)->n; i++) {
    x->values[i] = from == NULL ? x->own[i] : x->donor[i];
    x->used[i] = 1;
  }
  cl_explore_keep_held(x, study, t);
  assert(take->state != NULL && take->state->snapshot != 0);
  taken.values = x->values;
  CL_TRY(cl_ruling_take_over(&s->rulings, rule, member, own, NULL, &taken, ret, e));
  return end(s, member, ret, e);
}

static int keep(struct fire *s, const char *rule, size_t member, const struct cl_evaluation *own,
                const struct cl_exploit_view *view, struct cl_event *ret, struct cl_err *e) {
  const struct fire_member *a = &s->items[member];
  if (cl_ruling_is_dead(&s->rulings, member)) return CLADE_EMPTY;
  cl_ruling_keep(&s->rulings, rule, member, own, view, ret);
  if (strcmp(rule, "evaluates") == 0)
    cl_text_format(&s->rulings.args, ", \"parent\": %d, \"child\": %d", a->parent + 1, a->child + 1);
  return end(s, member, ret, e);
}

static int judge_part(struct fire *s, size_t member, const struct cl_evaluation *own, struct cl_event *ret,
                      struct cl_err *e) {
  int32_t rung = s->rulings.members.items[member].asks;
  bool first = role_of(s, member) == FIRST;
  struct cl_exploit_view view = {.draw = NAN, .opponent = CL_NO_RANK};
  struct cl_takeover take = {0};
  if (first && isfinite(own->score)) {
    CL_TRY(find_success(s, member, rung, &take.donor, &take.state, e));
    if (take.state != NULL) return take_state(s, "success", member, own, NULL, &take, ret, e);
  }
  if (first)
    rank_first(s);
  else
    CL_TRY(rank_second(s, e));
  if (isfinite(own->score))
    CL_TRY(truncate(s, member, &view, &take.donor, &take.state, e));
  else
    take.state = rescue(s, member, rung, &take.donor);
  if (take.state == NULL) return keep(s, first ? "score" : "fitness", member, own, &view, ret, e);
  return take_over(s, first ? "score" : "fitness", member, own, &view, &take, ret, e);
}

static int judge_evaluator(struct fire *s, size_t member, const struct cl_evaluation *own,
                           struct cl_event *ret, struct cl_err *e) {
  int32_t rung = s->rulings.members.items[member].asks;
  struct cl_takeover take = {0};
  size_t child = 0;
  enum outcome outcome = STOPS;
  if (isfinite(own->score)) CL_TRY(judge_evaluation(s, member, rung, &outcome, e));
  if (outcome != STOPS) return keep(s, "evaluates", member, own, NULL, ret, e);
  take.state = find_parent(s, member, &take.donor);
  const struct cl_evaluation *values = find_child(s, &child);
  if (take.state != NULL && values != NULL) {
    take.with = s->rulings.members.items[child].trial;
    return take_state(s, "evaluate", member, own, values, &take, ret, e);
  }
  if (isfinite(own->score)) return keep(s, "idle", member, own, NULL, ret, e);
  take.state = rescue(s, member, rung, &take.donor);
  return take.state == NULL ? keep(s, "idle", member, own, NULL, ret, e)
                            : take_state(s, "idle", member, own, take.state, &take, ret, e);
}

static int judge_fire(struct cl_rulings *r, size_t member, const struct cl_evaluation *own,
                      struct cl_event *ret, struct cl_err *e) {
  struct fire *s = (struct fire *)r;
  assert(s->n == r->members.n);
  if (cl_grow(&s->room, &s->cap_room, s->n + 1, sizeof *s->room) < 0) return CL_FAIL_NOMEM(e);
  look_at_table(s, r->members.items[member].asks);
  return role_of(s, member) == EVALUATOR ? judge_evaluator(s, member, own, ret, e)
                                         : judge_part(s, member, own, ret, e);
}

/* Rulings of a rung build on those before it: who took over has no curve any more. */
static int fire_next(void *st, const struct cl_schedule_room *room, struct cl_event *ret, struct cl_err *e) {
  struct fire *s = st;
  return cl_members_waits(&s->rulings.members) ? CLADE_EMPTY : cl_rulings_next(st, room, ret, e);
}

/* Making. */

static int fire_check(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e) {
  struct cl_numerics numerics = {0};
  CL_TRY(cl_rulings_check(settings, o, e));
  if (cl_options_number(o, "sync") == 0)
    return CL_FAIL(e, CLADE_ESPEC, "schedule: fire_pbt judges all members together: leave out sync: false");
  if (settings->trials < 6)
    return CL_FAIL(
        e, CLADE_ESPEC,
        "schedule: fire_pbt divides its members into two parts and evaluators: %lld are too few, at least 6",
        (long long)settings->trials);
  if (cl_options_number(o, "evaluators") > (double)(settings->trials - 4))
    return CL_FAIL(e, CLADE_ESPEC,
                   "schedule: of %lld members %g cannot be evaluators: four must remain, at most %lld can",
                   (long long)settings->trials, cl_options_number(o, "evaluators"),
                   (long long)settings->trials - 4);
  return cl_numerics_load(&numerics, e);
}

static int fire_init(void *st, const struct cl_schedule_env *env, struct cl_err *e) {
  struct fire *s = st;
  const struct cl_options *o = &env->options;
  size_t n = (size_t)env->settings->trials, evaluators = (size_t)cl_options_number(o, "evaluators");
  cl_rulings_init(&s->rulings, env);
  s->rulings.judge = judge_fire;
  if (evaluators == 0) evaluators = (n + 2) / 4;
  s->n_first = (n - evaluators + 1) / 2;
  s->n_second = n - evaluators - s->n_first;
  assert(s->n_first >= 2 && s->n_second >= 2);
  s->parts[0] = (struct part){.from = 0, .n = s->n_first};
  s->parts[1] = (struct part){.from = s->n_first, .n = s->n_second};
  s->quantile = cl_options_number(o, "quantile");
  s->age_max = (int)cl_options_number(o, "max_evaluation");
  s->explore.rule = CL_EXPLORE_BOTH;
  s->explore.n_factors = cl_options_numbers(o, "factors", s->explore.factors);
  s->explore.resample = cl_options_number(o, "resample_probability");
  return cl_numerics_load(&s->numerics, e);
}

static void fire_done(void *st) {
  struct fire *s = st;
  for (size_t i = 0; i < s->n; i++) {
    free_curve(&s->items[i].curve);
    free_curve(&s->items[i].evaluation);
  }
  cl_free(s->items);
  cl_free(s->room);
  cl_free(s->able);
  free_curve(&s->curve);
  for (int i = 0; i < 2; i++) {
    cl_free(s->parts[i].order);
    cl_free(s->parts[i].values);
  }
  cl_explore_done(&s->explore);
  cl_rulings_done(&s->rulings);
}

static const struct cl_option fire_options[] = {
    CL_RULING_OPTIONS_WITH("true"),
    {"evaluators", "int", 0, 1e6, "0", "members that evaluate the second part; 0 = a quarter", NULL},
    {"quantile", "float", 1e-6, 0.5, "0.34", "share of a part that takes over, and that gives",
     "quantile_fraction"},
    {"max_evaluation", "int", 1, POINTS_MAX - 1, "10",
     "intervals after which an evaluation that leads nowhere ends", NULL},
    {"factors", "floats", 1e-6, 1e6, "[2, 0.5]", "one of them multiplies a value", "perturbation_factors"},
    {"resample_probability", "float", 0, 1, "0.25", "how often a value is drawn afresh instead", NULL},
    {0}};

static const struct cl_refusal fire_refusals[] = {
    {"ready",
     "which compares curves of scores over equal steps: give `interval`, and let the trainer count as "
     "its step what is to be equal (frames, tokens, seconds)"},
    {"archive",
     "which compares curves of scores over equal steps, and who goes back has none: its second part "
     "keeps what does not pay at once; pbt, pb2, pb2_mix and ipbt have an archive"},
    {0}};

const struct cl_scheduler_ops cl_fire_schedule = {
    CL_RULING_OPS,
    .name = "fire_pbt",
    .summary =
        "faster improvement rate: a second part is ranked by how fast its states improve, by evaluators",
    .source = "Dalibard & Jaderberg 2021, arXiv 2109.13800",
    .options = fire_options,
    .state_size = sizeof(struct fire),
    .check = fire_check,
    .init = fire_init,
    .apply = fire_apply,
    .next = fire_next,
    .again = cl_rulings_again,
    .done = fire_done,
    .last = cl_rulings_last,
    .refusals = fire_refusals};
