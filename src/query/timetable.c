#include "query/timetable.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "query/story.h"

/* The way back. */

void cl_lineage_done(struct cl_lineage *l) {
  cl_free(l->legs);
  *l = (struct cl_lineage){0};
}

struct point { /* of a state: where it was saved; or, position 0, as it is now */
  int64_t trial, position;
  int attempt;
  double step;
};

static int take_saved(void *ctx, const struct cl_event *ev) {
  struct point *p = ctx;
  if (ev->kind == CL_EVENT_SAVED)
    *p = (struct point){ev->subject, ev->position, ev->attempt, ev->u.saved.step};
  return 0;
}

static int find_saved(struct cl_reader *r, int64_t position, struct point *ret, struct cl_err *e) {
  struct cl_read one = {.after = position - 1, .until = position};
  struct point found = {0};
  CL_TRY(cl_store_read(cl_reader_store(r), cl_reader_id(r), &one, take_saved, &found, e));
  if (found.trial == 0)
    return CL_FAIL(e, CLADE_ECORRUPT, "there is no snapshot at position %lld", (long long)position);
  *ret = found;
  return 0;
}

/* The moment from which the state of this point was trained on. */
static const struct cl_story_begin *find_begin(const struct cl_story *s, const struct point *p) {
  for (size_t i = s->n_begins; i > 0; i--) {
    const struct cl_story_begin *b = &s->begins[i - 1];
    if (p->position == 0 || (b->position < p->position && b->attempt == p->attempt)) return b;
  }
  return NULL;
}

static int read_leg(struct cl_reader *r, const struct point *end, struct cl_leg *ret, struct cl_err *e) {
  struct cl_story story = {0};
  CL_TRY(cl_story_read(r, end->trial, &story, e));
  const struct cl_story_begin *b = find_begin(&story, end);
  int status = 0;
  if (b != NULL)
    *ret = (struct cl_leg){.trial = end->trial,
                           .attempt = b->attempt,
                           .begin = b->position,
                           .snapshot = b->from,
                           .from = NAN,
                           .to = end->step,
                           .n_missing = b->n_missing};
  else if (story.birth != NULL && story.birth->kind == CL_EVENT_IMPORTED)
    status =
        CL_FAIL(e, CLADE_EINVAL, "trial %lld was imported from %s: how its values changed is not known here",
                (long long)end->trial, story.birth->u.imported.origin);
  else
    status = CL_FAIL(e, CLADE_EINVAL, "trial %lld has not been started: it has no schedule yet",
                     (long long)end->trial);
  cl_story_done(&story);
  return status;
}

static int walk_back(struct cl_reader *r, struct point end, struct cl_lineage *l, size_t *cap,
                     struct cl_err *e) {
  assert(end.trial >= 1);
  for (;;) {
    if (cl_grow(&l->legs, cap, l->n + 1, sizeof *l->legs) < 0) return CL_FAIL_NOMEM(e);
    struct cl_leg *leg = &l->legs[l->n];
    CL_TRY(read_leg(r, &end, leg, e));
    l->n++;
    if (leg->snapshot == 0) return 0;
    if (leg->snapshot >= leg->begin)
      return CL_FAIL(e, CLADE_ECORRUPT, "trial %lld began at position %lld from a snapshot that came later",
                     (long long)leg->trial, (long long)leg->begin);
    CL_TRY(find_saved(r, leg->snapshot, &end, e));
    leg->from = end.step;
  }
}

static int read_lineage(struct cl_reader *r, struct point end, struct cl_lineage *ret, struct cl_err *e) {
  struct cl_lineage l = {0};
  size_t cap = 0;
  int status = walk_back(r, end, &l, &cap, e);
  if (status < 0) {
    cl_lineage_done(&l);
    return status;
  }
  for (size_t i = 0; i < l.n / 2; i++) {
    struct cl_leg other = l.legs[i];
    l.legs[i] = l.legs[l.n - 1 - i];
    l.legs[l.n - 1 - i] = other;
  }
  *ret = l;
  return 0;
}

int cl_lineage_read(struct cl_reader *r, int64_t trial, struct cl_lineage *ret, struct cl_err *e) {
  return read_lineage(r, (struct point){.trial = trial, .step = NAN}, ret, e);
}

/* Forward again. */

struct folding {
  struct cl_timetable *t;
  const struct cl_space *space;
  struct cl_value *now;  /* in force */
  struct cl_value *next; /* as the story has them, so far */
  struct cl_timetable_change *changes;
  size_t cap;
  struct cl_err *e;
};

static int keep_value(struct folding *f, int index, struct cl_value v, struct cl_timetable_value *ret) {
  ret->name = cl_arena_text(&f->t->arena, f->space->items[index].name);
  ret->value = v;
  if (v.kind == CL_TEXT) ret->value.as.text = cl_arena_text(&f->t->arena, v.as.text);
  return ret->name == NULL || (v.kind == CL_TEXT && ret->value.as.text == NULL) ? CL_FAIL_NOMEM(f->e) : 0;
}

static int keep_initial(struct folding *f, const struct cl_value *values) {
  struct cl_timetable_value *initial = cl_arena_array(&f->t->arena, (size_t)f->space->n + 1, sizeof *initial);
  if (initial == NULL) return CL_FAIL_NOMEM(f->e);
  f->t->initial = initial;
  for (int i = 0; i < f->space->n; i++) {
    if (values[i].kind == CL_ABSENT) continue;
    struct cl_timetable_value *kept = &initial[f->t->n_initial++];
    CL_TRY(keep_value(f, i, values[i], kept));
    f->now[i] = kept->value;
  }
  return 0;
}

/* From this step on `values` are in force. Their texts are the story's: what is kept is copied. */
static int change_to(struct folding *f, double step, const struct cl_value *values, const char *cause) {
  struct cl_timetable *t = f->t;
  size_t n = 0;
  for (int i = 0; i < f->space->n; i++) n += !cl_value_equal(f->now[i], values[i]);
  if (n == 0) return 0;
  struct cl_timetable_value *set = cl_arena_array(&t->arena, n, sizeof *set);
  if (set == NULL || cl_grow(&f->changes, &f->cap, t->n_changes + 1, sizeof *f->changes) < 0)
    return CL_FAIL_NOMEM(f->e);
  n = 0;
  for (int i = 0; i < f->space->n; i++) {
    if (cl_value_equal(f->now[i], values[i])) continue;
    CL_TRY(keep_value(f, i, values[i], &set[n]));
    f->now[i] = set[n++].value;
  }
  f->changes[t->n_changes++] = (struct cl_timetable_change){.step = step, .cause = cause, .n = n, .set = set};
  return 0;
}

static const struct cl_story_begin *begin_at(const struct cl_story *s, int64_t position) {
  for (size_t i = 0; i < s->n_begins; i++)
    if (s->begins[i].position == position) return &s->begins[i];
  return NULL;
}

/* The report whose answer carried what was decided at this position; null: none has yet. */
static const struct cl_story_report *find_answer(const struct cl_story *s, const struct cl_story_begin *b,
                                                 int64_t position) {
  for (size_t i = b->reports; i < s->n_reports; i++) {
    const struct cl_story_report *r = &s->reports[i];
    if (r->attempt == b->attempt && !r->late && r->position > b->position && r->answered >= position)
      return r;
  }
  return NULL;
}

static const char *cause_of(const struct cl_story_change *c) {
  return c->cause == CL_CAUSE_NONE ? cl_kind_name(c->kind) : cl_cause_name(c->cause);
}

/* Values as of the begin: what brought them is the last decision before it. */
static int begin_leg(struct folding *f, const struct cl_leg *leg, const struct cl_story *s, int64_t as_of) {
  bool forked = s->birth->kind == CL_EVENT_PROPOSED && s->birth->u.proposed.parent != 0;
  const char *cause = cl_cause_name(forked ? CL_CAUSE_FORK : CL_CAUSE_EXPLOIT);
  for (size_t i = 0; i < s->n_changes && s->changes[i].position <= as_of; i++) {
    f->next[s->changes[i].index] = s->changes[i].after;
    if (s->changes[i].kind != CL_EVENT_PROPOSED) cause = cause_of(&s->changes[i]);
  }
  return leg->snapshot == 0 ? keep_initial(f, f->next) : change_to(f, leg->from, f->next, cause);
}

static int fold_changes(struct folding *f, const struct cl_leg *leg, const struct cl_story *s,
                        const struct cl_story_begin *b) {
  assert(b->as_of >= b->position && b->reports <= s->n_reports);
  for (size_t i = 0; i < s->n_changes; i++) {
    const struct cl_story_change *c = &s->changes[i];
    if (c->position <= b->as_of || c->loads) continue;
    const struct cl_story_report *r = find_answer(s, b, c->position);
    if (r == NULL || (!isnan(leg->to) && r->step >= leg->to)) break; /* and so all that follow */
    f->next[c->index] = c->after;
    bool last = i + 1 == s->n_changes || s->changes[i + 1].position != c->position;
    if (last) CL_TRY(change_to(f, r->step, f->next, cause_of(c)));
  }
  return 0;
}

static int fold_leg(struct folding *f, struct cl_reader *r, const struct cl_leg *leg) {
  struct cl_story s = {0};
  CL_TRY(cl_story_read(r, leg->trial, &s, f->e));
  const struct cl_story_begin *b = begin_at(&s, leg->begin);
  assert(b != NULL); /* it was there when the way was found */
  memset(f->next, 0, (size_t)f->space->n * sizeof *f->next);
  int status = begin_leg(f, leg, &s, b->as_of);
  if (status == 0) status = fold_changes(f, leg, &s, b);
  cl_story_done(&s);
  return status;
}

static int fold(struct cl_reader *r, const struct cl_lineage *l, int64_t trial, struct cl_timetable *t,
                struct cl_err *e) {
  int64_t root = l->legs[0].trial;
  assert(l->n >= 1 && l->legs[0].snapshot == 0 && l->legs[l->n - 1].trial == trial);
  const struct cl_study *s = NULL;
  CL_TRY(cl_reader_need(r, 0, 0, &s, e)); /* of all trials: it stays while the stories are read */
  const struct cl_settings *settings = cl_study_settings(s);
  size_t n = (size_t)settings->space.n;
  struct folding f = {.t = t, .space = &settings->space, .e = e};
  t->trial = trial;
  t->has_seed = true;
  t->seed = (int64_t)cl_trial_seed(s, cl_study_trial(s, root));
  const struct cl_trial *last = cl_study_trial(s, trial);
  t->has_end = last->at_end;
  t->end = last->at_end ? last->head.step : 0;
  t->study = cl_arena_text(&t->arena, cl_study_name(s));
  t->metric = cl_arena_text(&t->arena, settings->objectives[0].name);
  t->unit = cl_arena_text(&t->arena, settings->step);
  f.now = cl_arena_array(&t->arena, n + 1, sizeof *f.now);
  f.next = cl_arena_array(&t->arena, n + 1, sizeof *f.next);
  bool complete = t->study != NULL && t->metric != NULL && f.now != NULL && f.next != NULL;
  int status = complete ? 0 : CL_FAIL_NOMEM(e);
  for (size_t i = 0; status == 0 && i < l->n; i++) status = fold_leg(&f, r, &l->legs[i]);
  struct cl_timetable_change *kept = cl_arena_array(&t->arena, t->n_changes + 1, sizeof *kept);
  if (status == 0 && kept == NULL) status = CL_FAIL_NOMEM(e);
  assert(t->n_changes == 0 || f.changes != NULL);
  if (status == 0 && f.changes != NULL) memcpy(kept, f.changes, t->n_changes * sizeof *kept);
  t->changes = kept;
  cl_free(f.changes);
  return status;
}

static int read_table(struct cl_reader *r, struct point end, struct cl_timetable *ret,
                      struct cl_lineage *ret_lineage, struct cl_err *e) {
  struct cl_lineage l = {0};
  struct cl_timetable t = {0};
  CL_TRY(read_lineage(r, end, &l, e));
  int status = fold(r, &l, end.trial, &t, e);
  if (status < 0)
    cl_timetable_done(&t);
  else
    *ret = t;
  if (status == 0 && ret_lineage != NULL)
    *ret_lineage = l;
  else
    cl_lineage_done(&l);
  return status;
}

int cl_timetable_read(struct cl_reader *r, int64_t trial, struct cl_timetable *ret,
                      struct cl_lineage *ret_lineage, struct cl_err *e) {
  return read_table(r, (struct point){.trial = trial, .step = NAN}, ret, ret_lineage, e);
}

int cl_timetable_read_state(struct cl_reader *r, int64_t snapshot, struct cl_timetable *ret,
                            struct cl_lineage *ret_lineage, struct cl_err *e) {
  struct point end = {0};
  int64_t trial = 0;
  CL_TRY(cl_reader_snapshot_trial(r, snapshot, &trial, e));
  if (trial == 0)
    return CL_FAIL(e, CLADE_ENOTFOUND, "there is no snapshot at position %lld", (long long)snapshot);
  CL_TRY(find_saved(r, snapshot, &end, e));
  CL_TRY(read_table(r, end, ret, ret_lineage, e));
  ret->has_end = false;
  return 0;
}
