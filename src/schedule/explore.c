#include "schedule/explore.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

static const char *const words[] = {
    [CL_EXPLORE_BOTH] = "both", [CL_EXPLORE_PERTURB] = "perturb", [CL_EXPLORE_RESAMPLE] = "resample"};

void cl_explore_init(struct cl_explore *x, const struct cl_options *o) {
  const char *word = cl_options_word(o, "explore");
  for (int rule = CL_EXPLORE_BOTH; rule <= CL_EXPLORE_RESAMPLE; rule++)
    if (strcmp(words[rule], word) == 0) x->rule = (enum cl_explore_rule)rule;
  assert(x->rule != 0);
  x->n_factors = cl_options_numbers(o, "factors", x->factors);
  x->resample = cl_options_number(o, "resample_probability");
}

void cl_explore_done(struct cl_explore *x) {
  cl_free(x->values);
  cl_free(x->used);
}

static int make_room(struct cl_explore *x, size_t n, struct cl_err *e) {
  if (n <= x->cap && x->values != NULL) return 0;
  struct cl_value *values = cl_resize(x->values, 3 * n * sizeof *values + 1);
  if (values != NULL) x->values = values;
  double *used = cl_resize(x->used, n * sizeof *used + 1);
  if (used != NULL) x->used = used;
  if (values == NULL || used == NULL) return CL_FAIL_NOMEM(e);
  x->donor = x->values + n;
  x->own = x->donor + n;
  x->cap = n;
  return 0;
}

int cl_explore_begin(struct cl_explore *x, const struct cl_study *s, const struct cl_trial *t,
                     const struct cl_evaluation *from, struct cl_err *e) {
  const struct cl_space *space = cl_study_space(s);
  CL_TRY(make_room(x, (size_t)space->n, e));
  cl_trial_values(s, t, x->own);
  cl_evaluation_values(from, space, x->donor);
  cl_space_settle(space, x->donor, NULL); /* the space may have been updated since */
  return 0;
}

void cl_explore_keep_held(struct cl_explore *x, const struct cl_study *s, const struct cl_trial *t) {
  const struct cl_space *space = cl_study_space(s);
  bool any = false;
  for (int i = 0; i < space->n; i++) {
    if (!cl_trial_is_held(s, t, i) || x->own[i].kind == CL_ABSENT) continue;
    x->values[i] = x->own[i];
    x->used[i] = 1;
    any = true;
  }
  if (!any) return;
  cl_space_settle(space, x->values, x->own);
  if (cl_space_check(space, x->values, NULL) == 0) return;
  for (int i = 0; i < space->n; i++) { /* what is held does not go with the donor's values: keep one's own */
    x->values[i] = x->own[i];
    x->used[i] = 1;
  }
}

int cl_explore_values(struct cl_explore *x, const struct cl_study *s, const struct cl_trial *t,
                      const struct cl_evaluation *from, uint32_t draw, struct cl_err *e) {
  const double keep = 1;
  bool resamples = x->rule == CL_EXPLORE_RESAMPLE;
  CL_TRY(cl_explore_begin(x, s, t, from, e));
  (void)cl_space_perturb(cl_study_space(s), (uint64_t)cl_study_seed(s), (uint64_t)t->number, draw & 0xffff,
                         resamples ? &keep : x->factors, resamples ? 1 : x->n_factors,
                         x->rule == CL_EXPLORE_PERTURB ? 0 : x->resample, x->donor, x->values, x->used);
  cl_explore_keep_held(x, s, t);
  return 0;
}

void cl_explore_describe(const struct cl_explore *x, const struct cl_space *space, struct cl_text *args) {
  cl_text_format(args, ", \"explore\": {\"rule\": \"%s\"", words[x->rule]);
  for (int i = 0; i < space->n; i++) {
    if (x->used[i] == 1) continue;
    cl_text_format(args, ", \"%d\": ", space->items[i].id);
    if (isnan(x->used[i]))
      cl_text_add(args, "\"redraw\"");
    else
      cl_text_add_json_number(args, x->used[i]);
  }
  cl_text_add(args, "}");
}
