/* What a replay study has come to, beside the score of the trial whose schedule it is. */
#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "query/best.h"
#include "run/follow.h"

struct result {
  struct clade_replay_outcome outcome; /* first: a pointer to it is one to the whole */
  struct cl_timetable table;
  struct cl_arena arena;
};
_Static_assert(offsetof(struct result, outcome) == 0, "a pointer to the one is a pointer to the other");

void clade_replay_free(struct clade_replay_outcome *o) {
  struct result *r = (struct result *)o;
  if (r == NULL) return;
  cl_timetable_done(&r->table);
  cl_arena_done(&r->arena);
  cl_free(r);
}

/* NaN where the study, or the trial, is not in this store. */
static int find_own(struct cl_store *store, const struct cl_timetable *t, double *ret, struct cl_err *e) {
  struct cl_reader *reader = NULL;
  const struct cl_study *s = NULL;
  int64_t id = 0;
  *ret = NAN;
  if (t->study == NULL || t->trial < 1 || cl_store_find(store, t->study, &id, NULL) < 0) return 0;
  CL_TRY(cl_reader_open(store, id, &reader, e));
  int status = cl_reader_need(reader, t->trial, t->trial, &s, e);
  const struct cl_trial *trial = status == 0 ? cl_study_trial(s, t->trial) : NULL;
  if (trial != NULL) *ret = trial->value;
  cl_reader_close(reader);
  return status;
}

static int fill(struct result *r, const struct cl_study *s, struct cl_err *e) {
  struct clade_replay_outcome *o = &r->outcome;
  const struct cl_objective *objective = &cl_study_settings(s)->objectives[0];
  struct cl_moments scores = {0};
  int64_t trials = cl_study_trials(s);
  struct clade_replay_run *runs = cl_arena_array(&r->arena, (size_t)trials + 1, sizeof *runs);
  if (runs == NULL) return CL_FAIL_NOMEM(e);
  for (int64_t i = 1; i <= trials; i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    assert(t != NULL && t->number == i); /* all of them were asked for */
    if (t->head.role != CL_ROLE_REPLAY) continue;
    if (cl_trial_is_scored(t)) cl_moments_add(&scores, t->value);
    runs[o->n_runs++] = (struct clade_replay_run){.trial = i,
                                                  .seed = (int64_t)cl_trial_seed(s, t),
                                                  .state = cl_state_name(t->head.state),
                                                  .value = t->value};
  }
  struct cl_confirmation c = cl_confirmation_of(&scores);
  assert(scores.n <= (int64_t)o->n_runs && (int64_t)o->n_runs <= trials);
  o->runs = runs;
  o->scores = (struct clade_confirmed){.n = c.n, .mean = c.mean, .sd = c.sd, .lo = c.lo, .hi = c.hi};
  o->study = r->table.study;
  o->trial = r->table.trial;
  o->goal = objective->goal == CL_MAXIMIZE ? "maximize" : "minimize";
  return cl_api_keep_text(&r->arena, objective->name, &o->metric, e);
}

int clade_replay_read(struct clade_reader *reader, struct clade_replay_outcome **ret, struct cl_err *e) {
  const struct cl_study *s = NULL;
  CL_TRY(cl_api_check(reader, "reader", ret, e));
  CL_TRY(cl_reader_need(reader->reader, 0, 0, &s, e));
  struct result *r = cl_alloc(sizeof *r);
  if (r == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_replay_of(cl_study_settings(s), &r->table, &r->outcome.fresh, e);
  if (status == CLADE_ENOTFOUND)
    status = CL_FAIL(e, CLADE_EINVAL, "'%s' replays no schedule", cl_study_name(s));
  if (status == 0) status = fill(r, s, e);
  if (status == 0) status = find_own(reader->store, &r->table, &r->outcome.own, e);
  if (status < 0)
    clade_replay_free(&r->outcome);
  else
    *ret = &r->outcome;
  return status;
}
