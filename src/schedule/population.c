#include "schedule/population.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

struct cl_rung {
  struct cl_evaluation **of; /* by member; null = none so far */
  double *scores;            /* of those, side by side: ranking looks at no evaluation */
  uint32_t *order;           /* members that have one, best first */
  size_t n;
  uint64_t revision;
};

/* Evaluations. */

static size_t text_bytes(struct cl_value v) {
  return v.kind == CL_TEXT ? strlen(v.as.text) + 1 : 0;
}

/* The next value of an evaluation; its text goes to *room. */
static struct cl_assigned place(int id, struct cl_value value, char **room) {
  size_t bytes = text_bytes(value);
  if (bytes > 0) {
    memcpy(*room, value.as.text, bytes);
    value.as.text = *room;
    *room += bytes;
  }
  return (struct cl_assigned){id, value};
}

/* Where the texts of an evaluation begin. */
static char *texts_of(struct cl_evaluation *v) {
  return (char *)(&v->values[v->n]) + (size_t)v->n_recent * sizeof *v->recent;
}

static void copy_values(struct cl_evaluation *v, const struct cl_space *space,
                        const struct cl_value *values) {
  char *room = texts_of(v);
  int n = 0;
  for (int i = 0; i < space->n; i++)
    if (values[i].kind != CL_ABSENT) v->values[n++] = place(space->items[i].id, values[i], &room);
  assert(n == v->n);
}

struct cl_evaluation *cl_evaluation_create(const struct cl_study *s, const struct cl_trial *t,
                                           const struct cl_evaluation *what) {
  const struct cl_space *space = cl_study_space(s);
  struct cl_value *values = cl_alloc_array((size_t)space->n, sizeof *values);
  if (values == NULL) return NULL;
  cl_trial_values(s, t, values);
  size_t texts = 0;
  int n = 0;
  for (int i = 0; i < space->n; i++) {
    texts += text_bytes(values[i]);
    n += values[i].kind != CL_ABSENT;
  }
  size_t recent = (size_t)what->n_recent * sizeof *what->recent;
  struct cl_evaluation *v = cl_alloc(sizeof *v + (size_t)n * sizeof v->values[0] + recent + texts);
  if (v != NULL) {
    *v = *what;
    v->n = n;
    if (recent > 0) v->recent = memcpy(&v->values[n], what->recent, recent);
    copy_values(v, space, values);
  }
  cl_free(values);
  return v;
}

struct cl_evaluation *cl_evaluation_copy(const struct cl_evaluation *v) {
  size_t texts = 0, recent = (size_t)v->n_recent * sizeof *v->recent;
  for (int i = 0; i < v->n; i++) texts += text_bytes(v->values[i].value);
  struct cl_evaluation *copy = cl_alloc(sizeof *copy + (size_t)v->n * sizeof v->values[0] + recent + texts);
  if (copy == NULL) return NULL;
  *copy = *v;
  if (recent > 0) copy->recent = memcpy(&copy->values[v->n], v->recent, recent);
  char *room = texts_of(copy);
  for (int i = 0; i < v->n; i++) copy->values[i] = place(v->values[i].id, v->values[i].value, &room);
  assert(room == texts_of(copy) + texts);
  return copy;
}

void cl_evaluation_values(const struct cl_evaluation *v, const struct cl_space *space, struct cl_value *ret) {
  for (int i = 0; i < space->n; i++) ret[i] = (struct cl_value){0};
  for (int k = 0; k < v->n; k++) {
    int i = cl_space_find_id(space, v->values[k].id);
    if (i >= 0) ret[i] = v->values[k].value;
  }
}

/* Tables. */

static struct cl_rung *find_rung(const struct cl_population *p, int32_t rung) {
  if (rung < p->base || (size_t)(rung - p->base) >= p->n_rungs) return NULL;
  return &p->rungs[rung - p->base];
}

static bool is_before(const struct cl_rung *r, uint32_t a, uint32_t b) {
  double x = r->scores[a], y = r->scores[b];
  return x != y ? x > y : a < b;
}

/* Where `member` stands, or would stand with the score that r->scores has for it. */
static size_t find_place(const struct cl_rung *r, uint32_t member) {
  size_t lo = 0, hi = r->n;
  while (lo < hi) {
    size_t middle = lo + (hi - lo) / 2;
    if (is_before(r, r->order[middle], member))
      lo = middle + 1;
    else
      hi = middle;
  }
  return lo;
}

static void take_out(struct cl_rung *r, uint32_t member) {
  size_t at = find_place(r, member);
  assert(at < r->n && r->order[at] == member);
  memmove(&r->order[at], &r->order[at + 1], (--r->n - at) * sizeof r->order[0]);
  cl_free(r->of[member]);
  r->of[member] = NULL;
}

static void put_in(struct cl_rung *r, uint32_t member, struct cl_evaluation *v) {
  r->of[member] = v;
  r->scores[member] = v->score;
  size_t at = find_place(r, member);
  memmove(&r->order[at + 1], &r->order[at], (r->n++ - at) * sizeof r->order[0]);
  r->order[at] = member;
}

static void free_rung(struct cl_rung *r) {
  for (size_t i = 0; i < r->n; i++) cl_free(r->of[r->order[i]]);
  cl_free(r->of);
  cl_free(r->scores);
  cl_free(r->order);
}

static int push_rung(struct cl_population *p, struct cl_err *e) {
  if (cl_grow(&p->rungs, &p->cap_rungs, p->n_rungs + 1, sizeof *p->rungs) < 0) return CL_FAIL_NOMEM(e);
  struct cl_rung r = {.of = cl_alloc_array(p->cap, sizeof *r.of),
                      .scores = cl_alloc_array(p->cap, sizeof *r.scores),
                      .order = cl_alloc_array(p->cap, sizeof *r.order)};
  if (r.of == NULL || r.scores == NULL || r.order == NULL) {
    free_rung(&r);
    return CL_FAIL_NOMEM(e);
  }
  p->rungs[p->n_rungs++] = r;
  return 0;
}

void cl_population_done(struct cl_population *p) {
  for (size_t i = 0; i < p->n_rungs; i++) free_rung(&p->rungs[i]);
  cl_free(p->rungs);
  cl_free(p->retired);
  *p = (struct cl_population){0};
}

static int widen(struct cl_rung *r, size_t old, size_t cap, struct cl_err *e) {
  struct cl_evaluation **of = cl_resize(r->of, cap * sizeof *of);
  if (of == NULL) return CL_FAIL_NOMEM(e);
  r->of = of;
  memset(of + old, 0, (cap - old) * sizeof *of);
  double *scores = cl_resize(r->scores, cap * sizeof *scores);
  if (scores == NULL) return CL_FAIL_NOMEM(e);
  r->scores = scores;
  uint32_t *order = cl_resize(r->order, cap * sizeof *order);
  if (order == NULL) return CL_FAIL_NOMEM(e);
  r->order = order;
  return 0;
}

int cl_population_add(struct cl_population *p, struct cl_err *e) {
  if (p->n == p->cap) {
    size_t cap = p->cap == 0 ? 16 : p->cap * 2;
    int32_t *retired = cl_resize(p->retired, cap * sizeof *retired);
    if (retired == NULL) return CL_FAIL_NOMEM(e);
    p->retired = retired;
    memset(retired + p->cap, 0, (cap - p->cap) * sizeof *retired);
    for (size_t i = 0; i < p->n_rungs; i++) CL_TRY(widen(&p->rungs[i], p->cap, cap, e));
    p->cap = cap;
  }
  p->n++;
  return 0;
}

int cl_population_set(struct cl_population *p, size_t member, struct cl_evaluation *v, struct cl_err *e) {
  assert(member < p->n && v->rung >= 0);
  int status = 0;
  while (status == 0 && p->base + (int64_t)p->n_rungs <= v->rung) status = push_rung(p, e);
  struct cl_rung *r = status == 0 ? find_rung(p, v->rung) : NULL;
  if (r == NULL) {
    cl_free(v);
    return status;
  }
  if (v->given_up > 0 && v->rung > p->retired[member]) p->retired[member] = v->rung;
  r->revision = ++p->changes;
  if (r->of[member] != NULL) take_out(r, (uint32_t)member);
  put_in(r, (uint32_t)member, v);
  return 0;
}

size_t cl_population_count(const struct cl_population *p, int32_t rung) {
  const struct cl_rung *r = find_rung(p, rung);
  return r == NULL ? 0 : r->n;
}

int32_t cl_population_common(const struct cl_population *p, int32_t rung, size_t least) {
  int64_t i = (int64_t)rung - p->base;
  if (i >= (int64_t)p->n_rungs) i = (int64_t)p->n_rungs - 1;
  while (i >= 0 && p->rungs[i].n < least) i--;
  return i < 0 || p->base + i < 1 ? 0 : (int32_t)(p->base + i);
}

uint64_t cl_population_revision(const struct cl_population *p, int32_t rung) {
  const struct cl_rung *r = find_rung(p, rung);
  assert(r == NULL || r->revision <= p->changes);
  return r == NULL ? 0 : r->revision;
}

const struct cl_evaluation *cl_population_at(const struct cl_population *p, int32_t rung, size_t rank,
                                             size_t *ret_member) {
  const struct cl_rung *r = find_rung(p, rung);
  assert(r != NULL && rank < r->n);
  if (ret_member != NULL) *ret_member = r->order[rank];
  return r->of[r->order[rank]];
}

size_t cl_population_rank(const struct cl_population *p, int32_t rung, size_t member) {
  const struct cl_rung *r = find_rung(p, rung);
  assert(member < p->n);
  if (r == NULL || r->of[member] == NULL) return CL_NO_RANK;
  size_t at = find_place(r, (uint32_t)member);
  assert(r->order[at] == member);
  return at;
}

const struct cl_evaluation *cl_population_of(const struct cl_population *p, int32_t rung, size_t member) {
  const struct cl_rung *r = find_rung(p, rung);
  assert(member < p->n);
  return r == NULL ? NULL : r->of[member];
}

void cl_population_retire(struct cl_population *p, size_t member) {
  for (size_t i = 0; i < p->n_rungs; i++) {
    struct cl_evaluation *v = p->rungs[i].of[member];
    if (v == NULL) continue;
    v->given_up++;
    if (v->rung > p->retired[member]) p->retired[member] = v->rung;
  }
}

int32_t cl_population_retired(const struct cl_population *p, size_t member) {
  assert(member < p->n);
  return p->retired[member];
}

void cl_population_restore(struct cl_population *p, size_t member) {
  for (size_t i = 0; i < p->n_rungs; i++) {
    struct cl_evaluation *v = p->rungs[i].of[member];
    if (v != NULL && v->given_up > 0) v->given_up--;
  }
}

void cl_population_ban(struct cl_population *p, size_t member, int64_t snapshot) {
  assert(member < p->n && snapshot != 0);
  for (size_t i = 0; i < p->n_rungs; i++) {
    struct cl_evaluation *v = p->rungs[i].of[member];
    if (v == NULL || v->snapshot != snapshot) continue;
    v->snapshot = 0;
    p->rungs[i].revision = ++p->changes;
  }
}

void cl_population_forget(struct cl_population *p, int32_t rung) {
  size_t n = rung > p->base ? (size_t)(rung - p->base) : 0;
  if (n > p->n_rungs) n = p->n_rungs;
  if (n == 0) return;
  for (size_t i = 0; i < n; i++) free_rung(&p->rungs[i]);
  memmove(p->rungs, p->rungs + n, (p->n_rungs - n) * sizeof *p->rungs);
  p->n_rungs -= n;
  p->base += (int32_t)n;
}
