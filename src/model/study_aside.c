/* What a trial of the replica has beside the struct that all have: for a while, or few of them ever. */
#include "model/study_impl.h"

#include <assert.h>

#include "base/alloc.h"

int cl_study_aside_of(struct cl_study *s, struct cl_trial *t, struct cl_trial_aside **ret, struct cl_err *e) {
  if (t->aside == NULL) {
    t->aside = cl_alloc(sizeof *t->aside);
    if (t->aside == NULL) return CL_FAIL_NOMEM(e);
    t->aside->ended_ms = -1;
    s->blocks[(t->number - 1) / CL_BLOCK]->asides = true;
  }
  assert(t->aside->rollup.count >= 0 && s->blocks[(t->number - 1) / CL_BLOCK]->asides);
  *ret = t->aside;
  return 0;
}

int cl_study_more_of(struct cl_study *s, struct cl_trial *t, struct cl_trial_more **ret, struct cl_err *e) {
  struct cl_trial_aside *a = NULL;
  CL_TRY(cl_study_aside_of(s, t, &a, e));
  if (a->more == NULL) a->more = cl_alloc(sizeof *a->more);
  if (a->more == NULL) return CL_FAIL_NOMEM(e);
  *ret = a->more;
  return 0;
}

static void destroy_more(struct cl_trial_more *m) {
  if (m == NULL) return;
  cl_free(m->held);
  cl_free(m->objectives);
  cl_free(m->rollups);
  cl_free(m->writes);
  cl_free(m);
}

void cl_study_destroy_aside(struct cl_trial_aside *a) {
  if (a == NULL) return;
  destroy_more(a->more);
  cl_free(a);
}

void cl_study_drop_rollup(struct cl_trial *t) {
  struct cl_trial_aside *a = t->aside;
  if (a == NULL) return;
  a->rollup = (struct cl_rollup){0};
  if (a->more != NULL || a->ended_ms >= 0) return;
  cl_study_destroy_aside(a);
  t->aside = NULL;
}

struct cl_rollup cl_trial_rollup(const struct cl_trial *t) {
  return t->aside == NULL ? (struct cl_rollup){0} : t->aside->rollup;
}

/* Times. Nearly all trials end with their last event, so that its time says both. */

int cl_study_note_time(struct cl_study *s, struct cl_trial *t, int64_t time_ms, struct cl_err *e) {
  struct cl_trial_aside *a = NULL;
  if (time_ms <= t->changed_ms) return 0;
  if (t->ended_last) {
    CL_TRY(cl_study_aside_of(s, t, &a, e));
    a->ended_ms = t->changed_ms;
    t->ended_last = false;
  }
  t->changed_ms = time_ms;
  return 0;
}

int cl_study_note_end(struct cl_study *s, struct cl_trial *t, int64_t time_ms, struct cl_err *e) {
  struct cl_trial_aside *a = t->aside;
  assert(time_ms <= t->changed_ms); /* which has been noted */
  t->ended_last = time_ms == t->changed_ms;
  if (!t->ended_last) CL_TRY(cl_study_aside_of(s, t, &a, e));
  if (a != NULL) a->ended_ms = t->ended_last ? -1 : time_ms;
  return 0;
}

int64_t cl_trial_ended_ms(const struct cl_trial *t) {
  if (t->ended_last) return t->changed_ms;
  return t->aside == NULL ? -1 : t->aside->ended_ms;
}
