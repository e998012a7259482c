#include "engine/collect.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/sorted.h"

enum { SLACK_MIN = 4 };

void cl_collection_done(struct cl_collection *c) {
  cl_free(c->live);
  *c = (struct cl_collection){0};
}

static int add(struct cl_collection *c, int64_t position, struct cl_err *e) {
  if (cl_grow(&c->live, &c->cap, c->n + 1, sizeof *c->live) < 0) return CL_FAIL_NOMEM(e);
  assert(position > 0 && (c->n == 0 || c->live[c->n - 1] < position));
  c->live[c->n++] = position;
  return 0;
}

int cl_collection_hear(struct cl_collection *c, const struct cl_event *ev, struct cl_err *e) {
  if (ev->kind == CL_EVENT_DONE || ev->kind == CL_EVENT_ENDED || ev->kind == CL_EVENT_FINISHED ||
      ev->kind == CL_EVENT_UPDATED)
    c->stirred = true;
  if (ev->kind != CL_EVENT_SAVED) return 0;
  c->stirred = true;
  c->eager |= ev->u.saved.way == CL_WAY_FORK;
  return add(c, ev->position, e);
}

int cl_collection_fill(struct cl_collection *c, const struct cl_study *s, struct cl_err *e) {
  c->n = c->due = 0;
  c->stirred = true;
  for (size_t i = 0; i < cl_study_snapshots(s); i++) {
    const struct cl_snapshot *n = cl_study_nth_snapshot(s, i);
    if (n->usable) CL_TRY(add(c, n->position, e));
    c->eager |= n->usable && n->way == CL_WAY_FORK;
  }
  return 0;
}

/* What is needed. */

struct need {
  int64_t snapshot, trial; /* trial: one that has come to its end, and whose newest state it is; 0: needed */
};

struct needs {
  struct need *items;
  size_t n, cap;
};

static int need(struct needs *l, int64_t snapshot, int64_t trial) {
  assert(snapshot >= 0 && trial >= 0);
  if (snapshot == 0) return 0;
  if (cl_grow(&l->items, &l->cap, l->n + 1, sizeof *l->items) < 0) return CLADE_ENOMEM;
  l->items[l->n++] = (struct need){snapshot, trial};
  return 0;
}

static int need_scheduled(void *ctx, int64_t snapshot) {
  return need(ctx, snapshot, 0);
}

/* By snapshot; those that are needed before those that only stand for an end. */
static int compare_needs(const void *a, const void *b) {
  const struct need *x = a, *y = b;
  if (x->snapshot != y->snapshot) return x->snapshot < y->snapshot ? -1 : 1;
  return (x->trial > y->trial) - (x->trial < y->trial);
}

static const struct need *find_need(const struct needs *l, int64_t snapshot) {
  return cl_sorted_find(l->items, l->n, sizeof *l->items, snapshot);
}

/* CLADE_BUSY: the scheduler cannot say what it needs. */
static int list_needs(const struct cl_study *s, struct cl_scheduler *scheduler, struct needs *ret) {
  int64_t best = cl_study_best(s);
  for (int64_t i = 1; i <= cl_study_trials(s); i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (t == NULL) continue;
    bool ended = cl_state_is_result(cl_study_head(s), &t->head) && !(t->head.flags & CL_ATTEMPT_OPEN);
    CL_TRY(need(ret, cl_trial_resume_from(s, t), ended && i != best ? i : 0));
    CL_TRY(need(ret, cl_trial_fallback(t), 0));
  }
  int status = scheduler == NULL ? 0 : cl_scheduler_keeps(scheduler, need_scheduled, ret);
  if (ret->n > 0) qsort(ret->items, ret->n, sizeof *ret->items, compare_needs);
  return status;
}

/* Deleting. */

struct victim {
  int64_t trial, snapshot;
};

struct sweep {
  const struct cl_study *s;
  struct victim *gone;
  struct need *ended; /* newest states of trials that have come to their end */
  size_t n_gone, n_ended;
  int64_t bytes; /* that will be left on disk */
};

/* Is it there, or will a copy of it be? */
static bool takes_disk(const struct cl_snapshot *n) {
  return cl_snapshot_is_durable(n) || (n->way == CL_WAY_REGION && !n->copied);
}

static void add_victim(struct sweep *w, const struct cl_snapshot *n) {
  assert(n->usable && n->pins == 0);
  w->gone[w->n_gone++] = (struct victim){n->trial, n->position};
  if (takes_disk(n)) w->bytes -= n->bytes;
}

/* For itself, or, if it is a copy, for what it was made of. */
static const struct need *find_reason(const struct sweep *w, const struct needs *needs,
                                      const struct cl_snapshot *n, bool *ret_pinned) {
  const struct cl_snapshot *original = cl_study_original(w->s, n);
  const struct need *why = find_need(needs, n->position);
  *ret_pinned = n->pins > 0 || (original != NULL && original->pins > 0);
  return why == NULL && original != NULL ? find_need(needs, original->position) : why;
}

static void sweep_needless(struct cl_collection *c, struct sweep *w, const struct needs *needs) {
  size_t kept = 0;
  for (size_t i = 0; i < c->n; i++) {
    const struct cl_snapshot *n = cl_study_snapshot(w->s, c->live[i]);
    assert(n != NULL);
    bool pinned = false;
    if (!n->usable) continue;
    const struct need *why = find_reason(w, needs, n, &pinned);
    c->live[kept++] = c->live[i];
    if (pinned) continue;
    if (why == NULL) add_victim(w, n);
    if (why != NULL && why->trial != 0 && takes_disk(n))
      w->ended[w->n_ended++] = (struct need){n->position, why->trial};
  }
  assert(kept <= c->n && w->n_ended + w->n_gone <= kept);
  c->n = kept;
}

/* The one with the lowest value; without a value first. */
static size_t find_lowest(const struct cl_study *s, const struct need *ended, size_t n) {
  const struct cl_objective *o = &cl_study_settings(s)->objectives[0];
  size_t lowest = 0;
  assert(n > 0);
  for (size_t i = 1; i < n; i++)
    if (cl_objective_better(o, cl_study_trial(s, ended[lowest].trial)->value,
                            cl_study_trial(s, ended[i].trial)->value))
      lowest = i;
  return lowest;
}

static void sweep_ended(struct sweep *w) {
  int64_t bound = cl_study_settings(w->s)->disk_bytes;
  while (bound > 0 && w->bytes > bound && w->n_ended > 0) {
    size_t i = find_lowest(w->s, w->ended, w->n_ended);
    const struct cl_snapshot *n = cl_study_snapshot(w->s, w->ended[i].snapshot);
    const struct cl_snapshot *original = cl_study_original(w->s, n);
    assert(n != NULL && n->trial == w->ended[i].trial);
    add_victim(w, n);
    if (original != NULL && original->usable && original->pins == 0) add_victim(w, original);
    w->ended[i] = w->ended[--w->n_ended];
  }
}

static int compare_victims(const void *a, const void *b) {
  const struct victim *x = a, *y = b;
  if (x->trial != y->trial) return x->trial < y->trial ? -1 : 1;
  return (x->snapshot > y->snapshot) - (x->snapshot < y->snapshot);
}

/* Those of one trial follow each other, and each is conditional on the one before. */
static int put_victims(const struct sweep *w, int (*put)(void *ctx, struct cl_event *ev, struct cl_err *e),
                       void *ctx, struct cl_err *e) {
  char args[160];
  (void)snprintf(args, sizeof args, "{\"which\": \"disk\", \"used\": %lld, \"bound\": %lld}",
                 (long long)cl_study_disk(w->s).bytes, (long long)cl_study_settings(w->s)->disk_bytes);
  if (w->n_gone > 0) qsort(w->gone, w->n_gone, sizeof *w->gone, compare_victims);
  for (size_t i = 0; i < w->n_gone; i++) {
    int64_t trial = w->gone[i].trial;
    assert(w->gone[i].snapshot > 0);
    bool follows = i > 0 && w->gone[i - 1].trial == trial;
    struct cl_event ev = {.kind = CL_EVENT_DELETED,
                          .subject = trial,
                          .seen = follows ? CL_SEEN_BATCH : cl_study_trial(w->s, trial)->head.version,
                          .cause = CL_CAUSE_BUDGET,
                          .args = args};
    ev.u.deleted.snapshot = w->gone[i].snapshot;
    CL_TRY(put(ctx, &ev, e));
  }
  return 0;
}

static int sweep(struct cl_collection *c, const struct cl_study *s, const struct needs *needs,
                 int (*put)(void *ctx, struct cl_event *ev, struct cl_err *e), void *ctx, struct cl_err *e) {
  struct cl_disk disk = cl_study_disk(s);
  struct sweep w = {.s = s, .bytes = disk.bytes + disk.coming};
  w.gone = cl_alloc_array(2 * c->n + 1, sizeof *w.gone);
  w.ended = cl_alloc_array(c->n + 1, sizeof *w.ended);
  int status = w.gone == NULL || w.ended == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) {
    sweep_needless(c, &w, needs);
    sweep_ended(&w);
    status = put_victims(&w, put, ctx, e);
  }
  cl_free(w.gone);
  cl_free(w.ended);
  return status;
}

static bool is_time(const struct cl_collection *c, const struct cl_study *s) {
  int64_t bound = cl_study_settings(s)->disk_bytes;
  struct cl_disk disk = cl_study_disk(s);
  if (!c->stirred) return false;
  int64_t reserve = (cl_study_slots(s) + 2) * disk.largest;
  bool tight = bound > 0 && disk.bytes + disk.coming + reserve > bound;
  return tight || c->eager || c->n >= c->due || !cl_study_head(s)->open;
}

static size_t slack_of(size_t left, size_t trials) {
  size_t slack = trials / 64;
  if (slack < left / 4) slack = left / 4;
  return slack < SLACK_MIN ? SLACK_MIN : slack;
}

int64_t cl_collection_most(int64_t members, int slots) {
  size_t left = 2 * (size_t)members + (size_t)slots;
  return (int64_t)(left + slack_of(left, (size_t)members));
}

int cl_collection_decide(struct cl_collection *c, const struct cl_study *s, struct cl_scheduler *scheduler,
                         int (*put)(void *ctx, struct cl_event *ev, struct cl_err *e), void *ctx,
                         struct cl_err *e) {
  struct needs needs = {0};
  if (!is_time(c, s)) return 0;
  c->stirred = c->eager = false;
  int status = list_needs(s, cl_study_head(s)->open ? scheduler : NULL, &needs);
  if (status == CLADE_ENOMEM) (void)CL_FAIL_NOMEM(e);
  if (status == 0) status = sweep(c, s, &needs, put, ctx, e);
  size_t left = needs.n < c->n ? needs.n : c->n;
  c->due = left + slack_of(left, (size_t)cl_study_trials(s));
  cl_free(needs.items);
  return status < 0 ? status : 0;
}
