/* Confirmed scores, and tuned values written back into a spec. */
#include "query/confirm.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "base/file.h"
#include "spec/spec.h"

struct result {
  struct clade_confirmation confirmation; /* first: a pointer to it is one to the whole */
  struct cl_arena arena;
};
_Static_assert(offsetof(struct result, confirmation) == 0, "a pointer to the one is a pointer to the other");

void clade_confirmation_free(struct clade_confirmation *c) {
  struct result *r = (struct result *)c;
  if (r == NULL) return;
  cl_arena_done(&r->arena);
  cl_free(r);
}

static struct clade_confirm_row public_row(const struct cl_confirm_row *row) {
  const struct cl_confirmation *f = &row->fresh;
  assert(row->trial >= 1 && row->failed >= 0 && row->pending >= 0 && row->runs.n >= 0);
  assert(isnan(row->p_best) || (row->p_best >= 0 && row->p_best <= 1));
  return (struct clade_confirm_row){
      .trial = row->trial,
      .claimed = row->claimed,
      .estimate = row->estimate,
      .runs = row->runs.n,
      .failed = row->failed,
      .pending = row->pending,
      .fresh = {.n = f->n, .mean = f->mean, .sd = f->sd, .lo = f->lo, .hi = f->hi},
      .luck = row->luck,
      .p_best = row->p_best};
}

static int fill(struct result *r, const struct cl_study *s, const struct cl_confirm_row *rows, size_t n,
                struct cl_err *e) {
  const struct cl_objective *objective = &cl_study_settings(s)->objectives[0];
  struct clade_confirm_row *kept = cl_arena_array(&r->arena, n, sizeof *kept);
  if (kept == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < n; i++) {
    kept[i] = public_row(&rows[i]);
    CL_TRY(
        cl_api_values(&r->arena, s, cl_study_trial(s, rows[i].trial), &kept[i].values, &kept[i].n_values, e));
  }
  r->confirmation.rows = kept;
  r->confirmation.n_rows = n;
  r->confirmation.goal = objective->goal == CL_MAXIMIZE ? "maximize" : "minimize";
  return cl_api_keep_text(&r->arena, objective->name, &r->confirmation.metric, e);
}

int clade_confirm_read(struct clade_reader *reader, int top, const int64_t *trials, size_t n_trials,
                       struct clade_confirmation **ret, struct cl_err *e) {
  CL_TRY(cl_api_check(reader, "reader", ret, e));
  if (n_trials > 0 && trials == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "%zu trials were announced, and none was given", n_trials);
  struct cl_confirm_choice choice = {
      .top = top < 0 ? 0 : (size_t)top, .n_trials = n_trials, .trials = trials};
  const struct cl_study *s = NULL;
  size_t n = 0, most = n_trials > 0 ? n_trials : choice.top;
  CL_TRY(cl_reader_need(reader->reader, 0, 0, &s, e));
  struct cl_confirm_row *rows = cl_alloc_array(most > CL_CONFIRM_TOP_MAX ? 1 : most, sizeof *rows);
  struct result *r = cl_alloc(sizeof *r);
  int status = rows == NULL || r == NULL ? CL_FAIL_NOMEM(e) : cl_confirm_read(s, &choice, rows, &n, e);
  assert(status < 0 || n <= most);
  if (status >= 0) status = fill(r, s, rows, n, e);
  cl_free(rows);
  if (status < 0)
    clade_confirmation_free(&r->confirmation);
  else
    *ret = &r->confirmation;
  return status < 0 ? status : 0;
}

/* Tuned values. */

/* Only what was searched is tuned. */
static void take_values(const struct cl_study *s, const struct cl_trial *t, struct cl_value *ret) {
  const struct cl_space *space = cl_study_space(s);
  cl_trial_values(s, t, ret);
  for (int i = 0; i < space->n; i++)
    if (!cl_space_is_searched(&space->items[i])) ret[i] = (struct cl_value){0};
}

int clade_best_write(struct clade_reader *reader, int64_t trial, const char *path, int *ret_changed,
                     struct cl_err *e) {
  const struct cl_study *s = NULL;
  struct cl_spec *spec = NULL;
  struct cl_text text = {0};
  int changed = 0;
  CL_TRY(cl_api_check(reader, "reader", reader, e));
  if (path == NULL) return CL_FAIL(e, CLADE_EINVAL, "name the spec that the values are written into");
  CL_TRY(cl_reader_need(reader->reader, 0, 0, &s, e));
  const struct cl_trial *t = cl_study_trial(s, trial);
  if (t == NULL)
    return CL_FAIL(e, CLADE_ENOTFOUND, "'%s' has no trial %lld", cl_study_name(s), (long long)trial);
  struct cl_value *values = cl_alloc_array((size_t)cl_study_space(s)->n, sizeof *values);
  int status = values == NULL ? CL_FAIL_NOMEM(e) : cl_spec_load(path, &spec, e);
  if (status == 0) take_values(s, t, values);
  if (status == 0) status = cl_spec_splice(spec, cl_study_space(s), values, &text, &changed, e);
  assert(status != 0 || (changed >= 0 && changed <= cl_study_space(s)->n));
  if (status == 0 && changed > 0) status = cl_file_write(path, text.bytes, text.length, true, e);
  if (status == 0 && ret_changed != NULL) *ret_changed = changed;
  cl_text_done(&text);
  cl_spec_destroy(spec);
  cl_free(values);
  return status;
}
