/* The evaluation of a search. */
#include "query/eval.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "spec/spec.h"

struct result {
  struct clade_eval eval; /* first: a pointer to it is one to the whole */
  struct cl_arena arena;
  int *shown; /* by column: index in the study's space */
};
_Static_assert(offsetof(struct result, eval) == 0, "a pointer to the one is a pointer to the other");

void clade_eval_free(struct clade_eval *eval) {
  struct result *r = (struct result *)eval;
  if (r == NULL) return;
  cl_arena_done(&r->arena);
  cl_free(r);
}

#define SURE 0.95

/* The advice, in numbers that stand in the rest of the answer. */
static void advise(const struct cl_eval *v, struct cl_text *why, int *ret_settled) {
  assert(v->runs >= 0 && v->df >= 0 && v->configurations <= v->runs);
  *ret_settled = -1;
  if (v->runs == 0)
    cl_text_add(why, "no run has completed yet");
  else if (isnan(v->p_best) && v->df < CL_DF_MIN)
    cl_text_format(
        why,
        "configurations were repeated %lld time%s in all, and at least %d repeats are needed to tell luck from "
        "merit",
        (long long)v->df, v->df == 1 ? "" : "s", CL_DF_MIN);
  else if (isnan(v->p_best)) {
    *ret_settled = v->configurations > 1;
    cl_text_add(why, v->configurations > 1 ? "equal runs score equally, so each score is the truth"
                                           : "there is one configuration only");
  } else if (v->p_best >= SURE) {
    *ret_settled = 1;
    cl_text_add(why, "the leader is the best of all that were tried, almost surely");
  } else if (v->p_near >= SURE) {
    *ret_settled = 1;
    cl_text_add(
        why, "whichever is best, the leader is nearly as good: rivals differ by less than half of the noise");
  } else {
    *ret_settled = 0;
    cl_text_add(why, "others may be better than the leader: more runs of the best ones will tell");
  }
}

/* The columns are these hyperparameters of the study. */
static int list_columns(struct result *r, const struct cl_space *space, const struct cl_space *only,
                        struct cl_err *e) {
  const char **names = cl_arena_array(&r->arena, (size_t)space->n, sizeof *names);
  r->shown = cl_arena_array(&r->arena, (size_t)space->n, sizeof *r->shown);
  if (names == NULL || r->shown == NULL) return CL_FAIL_NOMEM(e);
  for (int i = 0; i < space->n; i++) {
    const char *name = space->items[i].name;
    if (!cl_space_is_searched(&space->items[i]) || (only != NULL && cl_space_find(only, name) < 0)) continue;
    r->shown[r->eval.n_columns] = i;
    CL_TRY(cl_api_keep_text(&r->arena, name, &names[r->eval.n_columns++], e));
  }
  assert(r->eval.n_columns <= (size_t)space->n);
  r->eval.columns = names;
  return 0;
}

static int keep_values(struct result *r, const struct cl_study *study, int64_t trial, struct cl_value *room,
                       const struct clade_value **ret, struct cl_err *e) {
  struct clade_value *values = cl_arena_array(&r->arena, r->eval.n_columns, sizeof *values);
  if (values == NULL) return CL_FAIL_NOMEM(e);
  cl_trial_values(study, cl_study_trial(study, trial), room);
  for (size_t i = 0; i < r->eval.n_columns; i++) {
    assert(r->shown[i] < cl_study_space(study)->n);
    CL_TRY(cl_api_keep_value(&r->arena, room[r->shown[i]], &values[i], e));
  }
  *ret = values;
  return 0;
}

static int keep_name(struct result *r, struct cl_reader *reader, int64_t trial, const char **ret,
                     struct cl_err *e) {
  struct cl_text name = {0};
  int status = cl_eval_name(reader, trial, &name, e);
  if (status >= 0 && name.length == 0) cl_text_format(&name, "%lld", (long long)trial);
  if (status >= 0)
    status = name.failed ? CL_FAIL_NOMEM(e) : cl_api_keep_text(&r->arena, cl_text_get(&name), ret, e);
  cl_text_done(&name);
  return status;
}

static int keep_rows(struct result *r, struct clade_reader *reader, const struct cl_study *study,
                     const struct cl_eval_row *rows, size_t n, const struct clade_eval_row **ret,
                     struct cl_err *e) {
  struct clade_eval_row *kept = cl_arena_array(&r->arena, n, sizeof *kept);
  struct cl_value *room = cl_alloc_array((size_t)cl_study_space(study)->n, sizeof *room);
  int status = kept == NULL || room == NULL ? CL_FAIL_NOMEM(e) : 0;
  for (size_t i = 0; i < n && status >= 0; i++) {
    assert(rows[i].trial >= 1 && rows[i].runs >= 1);
    kept[i] = (struct clade_eval_row){.trial = rows[i].trial,
                                      .best_for = rows[i].best_for,
                                      .runs = rows[i].runs,
                                      .estimate = rows[i].estimate,
                                      .sd = rows[i].sd};
    status = keep_name(r, reader->reader, rows[i].trial, &kept[i].name, e);
    if (status >= 0) status = keep_values(r, study, rows[i].trial, room, &kept[i].values, e);
  }
  cl_free(room);
  *ret = kept;
  return status;
}

static int fill(struct result *r, struct clade_reader *reader, const struct cl_study *study,
                const struct cl_space *only, const struct cl_eval *v, struct cl_err *e) {
  struct cl_text why = {0};
  r->eval = (struct clade_eval){.runs = v->runs,
                                .configurations = v->configurations,
                                .left_out = v->left_out,
                                .prior_mean = v->prior.mean,
                                .prior_sd = sqrt(v->prior.variance),
                                .goal = v->objective.goal == CL_MAXIMIZE ? "maximize" : "minimize",
                                .n_rows = v->n_rows,
                                .n_online = v->n_online,
                                .df = v->df,
                                .noise_sd = v->noise_sd,
                                .p_best = v->p_best,
                                .p_near = v->p_near,
                                .near = v->near};
  advise(v, &why, &r->eval.settled);
  int status =
      why.failed ? CL_FAIL_NOMEM(e) : cl_api_keep_text(&r->arena, cl_text_get(&why), &r->eval.why, e);
  cl_text_done(&why);
  CL_TRY(status);
  CL_TRY(cl_api_keep_text(&r->arena, v->objective.name, &r->eval.metric, e));
  CL_TRY(list_columns(r, cl_study_space(study), only, e));
  CL_TRY(keep_rows(r, reader, study, v->rows, v->n_rows, &r->eval.rows, e));
  return keep_rows(r, reader, study, v->online, v->n_online, &r->eval.online, e);
}

static int internal_options(const struct clade_eval_options *o, enum cl_goal *goal,
                            struct cl_eval_options *ret, struct cl_err *e) {
  *ret = (struct cl_eval_options){0};
  if (o == NULL) return 0;
  if (o->max_runs < 0)
    return CL_FAIL(e, CLADE_EINVAL, "max_runs is %lld, but must be 1 or more, or 0 for all",
                   (long long)o->max_runs);
  if (o->n_reports < 0)
    return CL_FAIL(e, CLADE_EINVAL, "n_reports is %lld, but must be 1 or more, or 0 for all",
                   (long long)o->n_reports);
  if (o->goal != NULL && strcmp(o->goal, "minimize") != 0 && strcmp(o->goal, "maximize") != 0)
    return CL_FAIL(e, CLADE_EINVAL, "the goal '%.50s' is neither minimize nor maximize", o->goal);
  if (o->goal != NULL) *goal = strcmp(o->goal, "maximize") == 0 ? CL_MAXIMIZE : CL_MINIMIZE;
  *ret = (struct cl_eval_options){.metric = o->metric,
                                  .goal = o->goal == NULL ? NULL : goal,
                                  .max_runs = o->max_runs,
                                  .n_reports = o->n_reports};
  return 0;
}

static int evaluate(struct clade_reader *reader, const struct cl_eval_options *o, struct clade_eval **ret,
                    struct cl_err *e) {
  struct cl_eval v = {0};
  const struct cl_study *study = NULL;
  CL_TRY(cl_eval_read(reader->reader, o, &v, e));
  struct result *r = cl_alloc(sizeof *r);
  int status = r == NULL ? CL_FAIL_NOMEM(e) : cl_reader_need(reader->reader, 0, 0, &study, e);
  if (status >= 0) status = fill(r, reader, study, o->space, &v, e);
  cl_eval_done(&v);
  if (status < 0)
    clade_eval_free(&r->eval);
  else
    *ret = &r->eval;
  return status < 0 ? status : 0;
}

int clade_eval_read(struct clade_reader *reader, const struct clade_eval_options *options,
                    struct clade_eval **ret, struct cl_err *e) {
  struct cl_eval_options o;
  enum cl_goal goal = CL_MINIMIZE;
  struct cl_settings *definitions = NULL;
  CL_TRY(cl_api_check(reader, "reader", ret, e));
  CL_TRY(internal_options(options, &goal, &o, e));
  if (options != NULL && options->definitions != NULL) {
    CL_TRY(cl_spec_definitions(options->definitions, &definitions, e));
    o.space = &definitions->space;
  }
  int status = evaluate(reader, &o, ret, e);
  cl_settings_destroy(definitions);
  return status;
}
