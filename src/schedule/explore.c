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

/* Single hyperparameters. */

struct cl_explore_of {
  int id;
  double factors[CL_OPTION_LIST_MAX], softer[CL_OPTION_LIST_MAX];
  struct cl_perturbation way, soft; /* `soft` is the last one with halvings */
};

static const struct cl_option each_options[] = {
    {"explore", "both|perturb|resample|keep", 0, 0, "both", "what becomes of its value", NULL},
    {"factors", "floats", 1e-6, 1e6, "[1.2, 0.8]", "one of them multiplies it", "perturbation_factors"},
    {"resample_probability", "float", 0, 1, "0.25", "how often it is drawn afresh instead", NULL},
    {"noise", "float", 0, 1e15, "0",
     "standard deviation of a normal step that is added instead of a factor; whole numbers drop its fraction",
     NULL},
    {0}};

static const char *word_of(const struct cl_explore *x, const struct cl_options *o) {
  if (cl_options_has(o, "explore")) return cl_options_word(o, "explore");
  if (cl_options_has(o, "resample_probability")) return "both";
  return cl_options_has(o, "noise") ? "perturb" : words[x->rule];
}

static int read_of(struct cl_explore *x, const struct cl_hyperparameter *h, const struct cl_options *o,
                   struct cl_err *e) {
  struct cl_explore_of *of = &x->of[x->n_of];
  const char *word = word_of(x, o);
  bool keeps = strcmp(word, "keep") == 0, resamples = strcmp(word, "resample") == 0;
  bool chance = cl_options_has(o, "resample_probability"), factors = cl_options_has(o, "factors");
  double p = chance ? cl_options_number(o, "resample_probability") : x->resample;
  of->id = h->id;
  of->way.noise = keeps ? 0 : cl_options_number(o, "noise");
  of->way.resample = keeps || strcmp(word, "perturb") == 0 ? 0 : resamples && !chance ? 1 : p;
  of->way.n_factors = factors ? cl_options_numbers(o, "factors", of->factors) : x->n_factors;
  if (!factors) memcpy(of->factors, x->factors, sizeof x->factors);
  if (keeps || resamples) of->factors[0] = of->way.n_factors = 1;
  assert(of->way.n_factors >= 1 && of->way.n_factors <= CL_OPTION_LIST_MAX);
  of->way.factors = of->factors;
  if (of->way.noise > 0 && h->domain != CL_FLOAT && h->domain != CL_INTEGER)
    return CL_FAIL(e, CLADE_ESPEC,
                   "%s: %s is a list, noise is for numbers: `%s: perturb` moves it to a neighbour",
                   o->section, h->name, h->name);
  x->n_of++;
  return 0;
}

static int refuse_name(const char *name, const struct cl_space *space, struct cl_err *e) {
  struct cl_text known = {0};
  for (int i = 0; i < space->n; i++) cl_text_format(&known, "%s%s", i == 0 ? "" : ", ", space->items[i].name);
  int status = known.failed
                   ? CL_FAIL_NOMEM(e)
                   : CL_FAIL(e, CLADE_ESPEC, "schedule: each: there is no hyperparameter \"%s\", only %s",
                             name, cl_text_get(&known));
  cl_text_done(&known);
  return status;
}

static int read_each(struct cl_explore *x, const char *name, const json_t *node, const char *method,
                     const struct cl_space *space, struct cl_err *e) {
  int i = cl_space_find(space, name);
  if (i < 0) return refuse_name(name, space, e);
  json_t *word = json_is_string(node) ? json_pack("{s:s}", "explore", json_string_value(node)) : NULL;
  if (json_is_string(node) && word == NULL) return CL_FAIL_NOMEM(e);
  struct cl_options o = {"schedule: each", method, each_options, word != NULL ? word : node};
  int status = 0;
  if (!json_is_object(o.given))
    status = CL_FAIL(e, CLADE_ESPEC,
                     "schedule: each: %s must be keep, perturb, resample, both, or options like {noise: 10}",
                     name);
  if (status == 0) status = cl_options_check(&o, e);
  if (status == 0) status = read_of(x, &space->items[i], &o, e);
  json_decref(word);
  return status;
}

int cl_explore_each(struct cl_explore *x, const struct cl_options *o, const struct cl_space *space,
                    struct cl_err *e) {
  /* jansson's iterators want a mutable object, and leave it alone */
  json_t *each = (json_t *)(uintptr_t)cl_options_object(o, "each");
  if (json_object_size(each) == 0) return 0;
  x->of = cl_alloc_array(json_object_size(each), sizeof *x->of);
  if (x->of == NULL) return CL_FAIL_NOMEM(e);
  for (void *it = json_object_iter(each); it != NULL; it = json_object_iter_next(each, it))
    CL_TRY(read_each(x, json_object_iter_key(it), json_object_iter_value(it), o->method, space, e));
  return 0;
}

int cl_explore_check(const struct cl_options *o, const struct cl_space *space, struct cl_err *e) {
  struct cl_explore x = {0};
  cl_explore_init(&x, o);
  int status = cl_explore_each(&x, o, space, e);
  cl_explore_done(&x);
  return status;
}

void cl_explore_done(struct cl_explore *x) {
  cl_free(x->of);
  cl_free(x->ways);
  cl_free(x->values);
  cl_free(x->used);
}

static int make_room(struct cl_explore *x, size_t n, struct cl_err *e) {
  if (n <= x->cap && x->values != NULL) return 0;
  struct cl_value *values = cl_resize(x->values, 3 * n * sizeof *values + 1);
  if (values != NULL) x->values = values;
  double *used = cl_resize(x->used, 2 * n * sizeof *used + 1);
  if (used != NULL) x->used = used;
  const struct cl_perturbation **ways = cl_resize(x->ways, n * sizeof *ways + 1);
  if (ways != NULL) x->ways = ways;
  if (values == NULL || used == NULL || ways == NULL) return CL_FAIL_NOMEM(e);
  x->steps = x->used + n;
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
  for (int i = 0; i < space->n; i++) x->steps[i] = 0;
  return 0;
}

bool cl_explore_is_given(const struct cl_explore *x, const struct cl_study *s, const struct cl_trial *t,
                         int i) {
  const struct cl_space *space = cl_study_space(s);
  assert(i >= 0 && i < space->n);
  return space->items[i].change == CL_START || x->donor[i].kind == CL_ABSENT || cl_trial_is_held(s, t, i);
}

void cl_explore_keep_held(struct cl_explore *x, const struct cl_study *s, const struct cl_trial *t) {
  const struct cl_space *space = cl_study_space(s);
  bool any = false;
  for (int i = 0; i < space->n; i++) {
    if (!cl_trial_is_held(s, t, i) || x->own[i].kind == CL_ABSENT) continue;
    x->values[i] = x->own[i];
    x->used[i] = 1;
    x->steps[i] = 0;
    any = true;
  }
  if (!any) return;
  cl_space_settle(space, x->values, x->own);
  if (cl_space_check(space, x->values, NULL) == 0) return;
  for (int i = 0; i < space->n; i++) { /* what is held does not go with the donor's values: keep one's own */
    x->values[i] = x->own[i];
    x->used[i] = 1;
    x->steps[i] = 0;
  }
}

/* A perturbation of half the size, `halvings` times. */
static struct cl_perturbation soften(const struct cl_perturbation *way, int halvings,
                                     double factors[CL_OPTION_LIST_MAX]) {
  struct cl_perturbation soft = *way;
  double share = ldexp(1, -halvings);
  assert(halvings >= 0 && way->n_factors <= CL_OPTION_LIST_MAX);
  for (int i = 0; i < way->n_factors; i++) factors[i] = pow(way->factors[i], share);
  soft.factors = factors;
  soft.noise *= share;
  return soft;
}

int cl_explore_values(struct cl_explore *x, const struct cl_study *s, const struct cl_trial *t,
                      const struct cl_evaluation *from, uint32_t draw, struct cl_err *e) {
  const double keep = 1;
  bool resamples = x->rule == CL_EXPLORE_RESAMPLE;
  struct cl_perturbation all = {x->rule == CL_EXPLORE_PERTURB ? 0 : x->resample,
                                resamples ? &keep : x->factors, resamples ? 1 : x->n_factors, 0};
  double softer[CL_OPTION_LIST_MAX];
  if (x->halvings > 0) all = soften(&all, x->halvings, softer);
  const struct cl_space *space = cl_study_space(s);
  CL_TRY(cl_explore_begin(x, s, t, from, e));
  assert(all.n_factors >= 1);
  for (int i = 0; i < space->n; i++) x->ways[i] = &all;
  for (size_t k = 0; k < x->n_of; k++) {
    struct cl_explore_of *of = &x->of[k];
    int i = cl_space_find_id(space, of->id);
    if (x->halvings > 0) of->soft = soften(&of->way, x->halvings, of->softer);
    if (i >= 0) x->ways[i] = x->halvings > 0 ? &of->soft : &of->way;
  }
  (void)cl_space_perturb_each(space, (uint64_t)cl_study_seed(s), (uint64_t)t->number, draw & 0xffff, x->ways,
                              x->donor, x->values, x->used, x->steps);
  cl_explore_keep_held(x, s, t);
  return 0;
}

void cl_explore_describe(const struct cl_explore *x, const struct cl_space *space, struct cl_text *args) {
  cl_explore_describe_own(x, words[x->rule], NULL, space, args);
}

void cl_explore_describe_own(const struct cl_explore *x, const char *rule, const bool *set,
                             const struct cl_space *space, struct cl_text *args) {
  assert(x->cap >= (size_t)space->n);
  cl_text_format(args, ", \"explore\": {\"rule\": \"%s\"", rule);
  for (int i = 0; i < space->n; i++) {
    if (x->used[i] == 1 && x->steps[i] == 0) continue;
    cl_text_format(args, ", \"%d\": ", space->items[i].id);
    if (x->steps[i] != 0) {
      cl_text_add(args, "{\"noise\": ");
      cl_text_add_json_number(args, x->steps[i]);
      cl_text_add(args, "}");
    } else if (isnan(x->used[i]))
      cl_text_add(args, set != NULL && set[i] ? "\"set\"" : "\"redraw\"");
    else
      cl_text_add_json_number(args, x->used[i]);
  }
  cl_text_add(args, "}");
}
