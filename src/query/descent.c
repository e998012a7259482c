#include "query/descent.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sorted.h"

struct member {   /* a trial while the log is read */
  int64_t branch; /* CL_NO_BRANCH: not started */
  int32_t attempt;
  enum cl_cause cause;     /* of the last decision on its values */
  struct cl_value *values; /* assigned, space->n; in the arena */
};

struct saved {
  int64_t position, branch;
  double step;
  const struct cl_value *values;
};

struct reading {
  struct cl_descent *d;
  const struct cl_space *space;
  struct member *members; /* by trial - 1 */
  struct saved *saved;    /* by position, ascending */
  size_t cap, n_members, cap_members, n_saved, cap_saved;
  struct cl_err *e;
};

void cl_descent_done(struct cl_descent *d) {
  cl_free(d->branches);
  cl_arena_done(&d->arena);
  *d = (struct cl_descent){0};
}

static struct member *member_of(struct reading *r, int64_t trial) {
  return trial < 1 || (size_t)trial > r->n_members ? NULL : &r->members[trial - 1];
}

static struct cl_value *copy_values(struct reading *r, const struct cl_value *values) {
  size_t n = (size_t)r->space->n;
  struct cl_value *copy = cl_arena_array(&r->d->arena, n + 1, sizeof *copy);
  if (copy != NULL && n > 0) memcpy(copy, values, n * sizeof *copy);
  return copy;
}

/* `whole`: what is not named becomes inactive. */
static int assign(struct reading *r, struct member *m, const struct cl_event *ev,
                  const struct cl_assigned_list *list, bool whole) {
  if (whole) memset(m->values, 0, (size_t)r->space->n * sizeof *m->values);
  for (int i = 0; i < list->n; i++) {
    int index = cl_space_find_id(r->space, list->items[i].id);
    struct cl_value v = list->items[i].value;
    if (index < 0) continue; /* an update has removed it */
    if (v.kind == CL_TEXT && (v.as.text = cl_arena_text(&r->d->arena, v.as.text)) == NULL)
      return CL_FAIL_NOMEM(r->e);
    m->values[index] = v;
  }
  if (list->n > 0) m->cause = ev->cause;
  return 0;
}

static int add_member(struct reading *r, const struct cl_event *ev, const struct cl_assigned_list *values) {
  struct cl_value *room = cl_arena_array(&r->d->arena, (size_t)r->space->n + 1, sizeof *room);
  if (room == NULL || cl_grow(&r->members, &r->cap_members, (size_t)ev->subject, sizeof *r->members) < 0)
    return CL_FAIL_NOMEM(r->e);
  assert((size_t)ev->subject == r->n_members + 1);
  struct member *m = &r->members[r->n_members++];
  *m = (struct member){.branch = CL_NO_BRANCH, .cause = ev->cause, .values = room};
  return assign(r, m, ev, values, true);
}

static const struct saved *find_saved(const struct reading *r, int64_t position) {
  return cl_sorted_find(r->saved, r->n_saved, sizeof *r->saved, position);
}

static int save(struct reading *r, struct member *m, const struct cl_event *ev) {
  if (m->branch == CL_NO_BRANCH) return 0;
  struct cl_value *values = copy_values(r, m->values);
  if (values == NULL || cl_grow(&r->saved, &r->cap_saved, r->n_saved + 1, sizeof *r->saved) < 0)
    return CL_FAIL_NOMEM(r->e);
  r->saved[r->n_saved++] = (struct saved){ev->position, m->branch, ev->u.saved.step, values};
  return 0;
}

/* Once more from where its branch began, with the same values: a load that was not finished, a process that
 * died. */
static bool begins_again(const struct reading *r, const struct member *m, int64_t snapshot) {
  const struct cl_branch *b = m->branch == CL_NO_BRANCH ? NULL : &r->d->branches[m->branch];
  if (b == NULL || snapshot != b->source) return false;
  for (int i = 0; i < r->space->n; i++)
    if (!cl_value_equal(b->values[i], m->values[i])) return false;
  return true;
}

/* Its state is now this one: 0 = none. */
static int begin(struct reading *r, struct member *m, const struct cl_event *ev, int64_t snapshot) {
  struct cl_descent *d = r->d;
  assert(m->branch == CL_NO_BRANCH || (size_t)m->branch < d->n);
  const struct saved *from = snapshot == 0 ? NULL : find_saved(r, snapshot);
  if ((from != NULL && from->branch == m->branch) || begins_again(r, m, snapshot)) {
    d->branches[m->branch].to = from == NULL ? (double)NAN : from->step;
    return 0;
  }
  if (cl_grow(&d->branches, &r->cap, d->n + 1, sizeof *d->branches) < 0) return CL_FAIL_NOMEM(r->e);
  struct cl_branch *b = &d->branches[d->n];
  *b = (struct cl_branch){.trial = ev->subject,
                          .begin = ev->position,
                          .source = from == NULL ? 0 : snapshot,
                          .parent = from == NULL ? CL_NO_BRANCH : from->branch,
                          .from = from == NULL ? (double)NAN : from->step,
                          .to = from == NULL ? (double)NAN : from->step,
                          .cause = m->cause,
                          .values = copy_values(r, m->values),
                          .before = from == NULL ? NULL : from->values};
  if (b->values == NULL) return CL_FAIL_NOMEM(r->e);
  assert(b->parent == CL_NO_BRANCH || (size_t)b->parent < d->n); /* parents before children */
  m->branch = (int64_t)d->n++;
  return 0;
}

static int start(struct reading *r, struct member *m, const struct cl_event *ev) {
  if (ev->attempt == m->attempt) return 0; /* its process was kept */
  m->attempt = ev->attempt;
  return begin(r, m, ev, ev->u.started.from);
}

static int take(void *ctx, const struct cl_event *ev) {
  struct reading *r = ctx;
  struct member *m = member_of(r, ev->subject);
  if (ev->kind == CL_EVENT_PROPOSED) return add_member(r, ev, &ev->u.proposed.values);
  if (ev->kind == CL_EVENT_IMPORTED) return add_member(r, ev, &ev->u.imported.values);
  if (m == NULL) return 0;
  switch (ev->kind) {
  case CL_EVENT_STARTED: return start(r, m, ev);
  case CL_EVENT_EXPLOITED: return assign(r, m, ev, &ev->u.exploited.values, true);
  case CL_EVENT_SET: return assign(r, m, ev, &ev->u.set.values, false);
  case CL_EVENT_SAVED: return ev->late ? 0 : save(r, m, ev);
  case CL_EVENT_LOADED:
    return ev->late || ev->u.loaded.error != NULL ? 0 : begin(r, m, ev, ev->u.loaded.snapshot);
  case CL_EVENT_REPORTED:
    if (!ev->late && m->branch != CL_NO_BRANCH) r->d->branches[m->branch].to = ev->u.reported.step;
    return 0;
  default: return 0;
  }
}

int cl_descent_read(struct cl_reader *reader, struct cl_descent *ret, struct cl_err *e) {
  const struct cl_study *s = NULL;
  struct cl_descent d = {0};
  CL_TRY(cl_reader_need(reader, 0, 0, &s, e));
  struct reading r = {.d = &d, .space = cl_study_space(s), .e = e};
  const struct cl_read all = {.until = cl_study_head(s)->position};
  int status = cl_store_read(cl_reader_store(reader), cl_reader_id(reader), &all, take, &r, e);
  for (size_t i = 0; i < r.n_members; i++)
    if (r.members[i].branch != CL_NO_BRANCH) d.branches[r.members[i].branch].present = true;
  cl_free(r.members);
  cl_free(r.saved);
  if (status < 0)
    cl_descent_done(&d);
  else
    *ret = d;
  return status < 0 ? status : 0;
}

int64_t cl_descent_find(const struct cl_descent *d, int64_t trial) {
  for (size_t i = d->n; i > 0; i--)
    if (d->branches[i - 1].trial == trial && d->branches[i - 1].present) return (int64_t)i - 1;
  return CL_NO_BRANCH;
}
