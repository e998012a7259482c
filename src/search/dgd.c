/* Distributed Grid Descent (Loynd et al. 2020, appendix B; XT). No step size, no temperature:
 *
 *   S = the configuration that looks best (the centre);
 *   B = {S} and all configurations one step from it in one hyperparameter;
 *   M = 1 + the most trials any of B has had; draw x of B with probability ~ M - trials(x); run x once.
 *
 * So the best is run again and again, and a lucky one regresses to its mean and is left. Before that,
 * `startup` distinct configurations are drawn at random: with one (`variant: xt`) it is worse than random
 * search on small budgets.
 *
 * "Looks best" is the highest posterior mean of the eval script (origins 1.3): with mu0, v0 = mean and
 * variance of all runs so far, and n, mean, s2 of a configuration's runs,
 *
 *   v = (v0 + (n - 1) s2) / n        estimate = (v mu0 + n v0 mean) / (v + n v0)
 *
 * Trials count for the drawing from their proposal on, for the estimate with their result. A trial without a
 * score (FAILED, DIVERGED, INFEASIBLE) has the worst score seen when its result came.
 *
 * Which configuration that is, while every run changes mu0 and v0: math/leaders.h.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "math/leaders.h"
#include "search/configs.h"
#include "search/methods.h"

#define WEIGHTS_LISTED 1000 /* of a proposal's args; more are left out */

/* All trials of one configuration; its runs are those of the leaders' set with the same number. */
struct set {
  int64_t count; /* trials, pending ones included */
  bool finished; /* has a result, scored or not */
};

struct dgd_state {
  const struct cl_search_env *env;
  bool xt;
  int64_t needed;   /* distinct configurations to finish at random first */
  int64_t finished; /* so far */
  struct cl_configs configs;
  struct set *sets; /* one per configuration */
  size_t cap;
  struct cl_leaders
      leaders; /* the same configurations; age: number of the first trial. Scores: larger is better */
  uint32_t *levels, *centre_levels; /* room, space->n each */
  struct cl_value *centre, *room;   /* room */
};

/* --- being told --- */

static int put_result(struct dgd_state *s, size_t number, double score, struct cl_err *e) {
  struct set *set = &s->sets[number];
  assert(number < s->configs.n && set->count >= 1);
  if (!set->finished) s->finished++;
  assert(s->finished <= (int64_t)s->configs.n);
  set->finished = true;
  if (!isnan(score)) return cl_leaders_add_run(&s->leaders, number, score, true, e);
  if (s->leaders.all.n == 0) return 0; /* nothing to compare with yet */
  return cl_leaders_add_run(&s->leaders, number, s->leaders.worst, false, e);
}

static int dgd_tell(void *st, const struct cl_told_trial *t, struct cl_err *e) {
  struct dgd_state *s = st;
  size_t number = 0;
  if (!cl_configs_levels(&s->configs, t->values, s->levels)) return 0; /* a value that is no level any more */
  size_t before = s->configs.n;
  if (cl_grow(&s->sets, &s->cap, before + 1, sizeof *s->sets) < 0) return CL_FAIL_NOMEM(e);
  CL_TRY(cl_configs_add(&s->configs, s->levels, &number, e));
  struct set *set = &s->sets[number];
  assert(s->configs.n == before ? number < before : number == before);
  if (s->configs.n > before) {
    CL_TRY(cl_leaders_add_set(&s->leaders, t->number, e));
    *set = (struct set){0};
  }
  assert(s->leaders.n == s->configs.n);
  if (t->number < s->leaders.sets[number].age) cl_leaders_set_age(&s->leaders, number, t->number);
  if (t->what == CL_TOLD_PENDING || t->role == CL_ROLE_FOREIGN) set->count++;
  if (t->what == CL_TOLD_PENDING) return 0;
  return put_result(s, number, -t->value, e);
}

struct leader {
  int64_t set; /* -1: none yet */
  double estimate;
};

/* --- the neighbourhood --- */

struct walk {
  struct dgd_state *s;
  int64_t most;    /* M - 1 */
  int64_t n, left; /* neighbours seen; of the second walk: still to pass by */
  struct cl_text *args;
  int64_t total, target; /* sums of weights */
  struct cl_value *chosen;
};

static int64_t count_of(struct dgd_state *s, const struct cl_neighbour *neighbour) {
  const struct cl_space *space = s->env->space;
  const struct cl_value *values = neighbour->values;
  for (int i = 0; i < space->n; i++) { /* mostly those of the centre */
    const struct cl_hyperparameter *h = &space->items[i];
    s->levels[i] = i == neighbour->changed ? (uint32_t)neighbour->level : s->centre_levels[i];
    if (i == neighbour->changed || !cl_space_is_searched(h) || cl_value_equal(values[i], s->centre[i]))
      continue;
    s->levels[i] = values[i].kind == CL_ABSENT ? CL_LEVEL_NONE : (uint32_t)cl_space_level_of(h, values[i]);
  }
  int64_t number = cl_configs_find(&s->configs, s->levels);
  assert(neighbour->changed < space->n && number < (int64_t)s->configs.n);
  return number < 0 ? 0 : s->sets[number].count;
}

static int measure(void *ctx, const struct cl_neighbour *neighbour) {
  struct walk *w = ctx;
  int64_t count = count_of(w->s, neighbour);
  if (count > w->most) w->most = count;
  return 0;
}

/* Weights in the order of the walk, the centre first; takes the one in which the running sum passes target.
 */
static int weigh(void *ctx, const struct cl_neighbour *neighbour) {
  struct walk *w = ctx;
  int64_t weight = w->most + 1 - count_of(w->s, neighbour);
  assert(weight >= 1);
  if (w->n < WEIGHTS_LISTED) cl_text_format(w->args, "%s%lld", w->n > 0 ? ", " : "", (long long)weight);
  w->n++;
  w->total += weight;
  return 0;
}

static int pick(void *ctx, const struct cl_neighbour *neighbour) {
  struct walk *w = ctx;
  w->target -= w->most + 1 - count_of(w->s, neighbour);
  if (w->target >= 0) {
    w->left++;
    return 0;
  }
  memcpy(w->chosen, neighbour->values, (size_t)w->s->env->space->n * sizeof *w->chosen);
  return 1;
}

static int for_each(struct walk *w, int (*visit)(void *ctx, const struct cl_neighbour *neighbour)) {
  struct dgd_state *s = w->s;
  int status = visit(w, &(struct cl_neighbour){s->centre, -1, 0});
  if (status != 0) return status;
  return cl_space_neighbours(s->env->space, s->centre, s->xt, s->room, visit, w);
}

static void write_centre(const struct dgd_state *s, const struct leader *l, struct cl_text *args) {
  assert(l->set >= 0 && (size_t)l->set < s->configs.n && s->sets[l->set].finished);
  double sign = cl_objective_sign(&s->env->settings->objectives[0]);
  cl_text_format(args, ", \"centre\": %lld, \"estimate\": ", (long long)s->leaders.sets[l->set].age);
  cl_text_add_json_number(args, sign * l->estimate);
  cl_text_format(args, ", \"count\": %lld, \"weights\": [", (long long)s->sets[l->set].count);
}

/* Its values by id, so that the log explains itself without the centre's trial. */
static void write_values(const struct dgd_state *s, struct cl_text *args) {
  const char *comma = ", \"at\": {";
  for (int i = 0; i < s->env->space->n; i++) {
    const struct cl_hyperparameter *h = &s->env->space->items[i];
    if (s->centre[i].kind == CL_ABSENT || !cl_space_is_searched(h)) continue;
    cl_text_format(args, "%s\"%d\": ", comma, h->id);
    cl_value_write_json(args, s->centre[i]);
    comma = ", ";
  }
  cl_text_add(args, comma[2] == '\0' ? "}" : "");
}

/* p->values gets the chosen configuration, drawn ones absent. */
static void choose(struct dgd_state *s, const struct leader *l, struct cl_proposal *p) {
  struct walk w = {.s = s, .args = p->args, .chosen = p->values};
  cl_configs_values(&s->configs, (size_t)l->set, s->centre);
  memcpy(s->centre_levels, s->configs.levels + (size_t)l->set * (size_t)s->env->space->n,
         (size_t)s->env->space->n * sizeof *s->centre_levels);
  write_centre(s, l, p->args);
  (void)for_each(&w, measure);
  (void)for_each(&w, weigh);
  assert(w.n >= 1 && w.total >= w.n); /* the centre, and a weight of 1 or more for each */
  struct cl_rng r = cl_rng_stream(s->env->seed, CL_RNG_DGD, (uint64_t)p->number, 0);
  w.target = (int64_t)cl_rng_below(&r, (uint64_t)w.total);
  int found = for_each(&w, pick);
  assert(found == 1 && w.left < w.n);
  (void)found;
  for (int i = 0; i < s->env->space->n; i++) /* settling has filled in some */
    if (s->env->space->items[i].drawn) p->values[i] = (struct cl_value){0};
  cl_text_format(p->args, "], \"chosen\": %lld", (long long)w.left);
  write_values(s, p->args);
  if (w.n > WEIGHTS_LISTED)
    cl_text_format(p->args, ", \"unlisted\": %lld, \"total\": %lld", (long long)(w.n - WEIGHTS_LISTED),
                   (long long)w.total);
}

static void note_repeat(struct dgd_state *s, struct cl_proposal *p) {
  int64_t number =
      cl_configs_levels(&s->configs, p->values, s->levels) ? cl_configs_find(&s->configs, s->levels) : -1;
  if (number < 0) return;
  assert(s->leaders.sets[number].age >= 1 && s->leaders.sets[number].age < p->number);
  p->of = s->leaders.sets[number].age;
  p->repeat = (int)s->sets[number].count;
}

static int dgd_ask(void *st, struct cl_proposal *p, struct cl_err *e) {
  (void)e;
  struct dgd_state *s = st;
  struct leader l = {-1, 0};
  if (s->finished >= s->needed) l.set = cl_leaders_find(&s->leaders, &l.estimate);
  if (l.set < 0) {
    p->startup = true;
    cl_search_draw(s->env, CL_RNG_STARTUP, NULL, p);
    cl_text_format(p->args, ", \"why\": \"%lld of %lld distinct configurations are finished\"",
                   (long long)s->finished, (long long)s->needed);
  } else {
    choose(s, &l, p);
    memcpy(s->room, p->values, (size_t)s->env->space->n * sizeof *s->room);
    cl_search_draw(s->env, CL_RNG_RANDOM, s->room, p); /* the drawn ones */
  }
  note_repeat(s, p);
  return 0;
}

/* --- making --- */

static int check_discrete(const struct cl_space *space, struct cl_err *e) {
  for (int i = 0; i < space->n; i++) {
    const struct cl_hyperparameter *h = &space->items[i];
    if (!cl_space_is_searched(h)) continue;
    if (cl_space_levels(h) == 0)
      return CL_FAIL(e, CLADE_ESPEC,
                     "%s is continuous, and method dgd steps from level to level: list its values "
                     "(ordered_tuning_values), give it a step, or search with method random",
                     h->name);
    if (cl_space_levels(h) >= CL_LEVEL_NONE)
      return CL_FAIL(e, CLADE_ESPEC,
                     "%s has %lld levels, and method dgd takes at most %u; give it a longer step", h->name,
                     (long long)cl_space_levels(h), CL_LEVEL_NONE - 1);
  }
  return 0;
}

/* Distinct configurations to start with: a fifth of the budget in 10…100, at most half of a small grid (the
 * last ones would be found by chance only). */
static int64_t startup_size(const struct cl_search_env *env, bool xt) {
  int64_t asked = (int64_t)cl_search_number(env, "startup");
  int64_t fifth = env->settings->trials / 5, size = cl_space_grid_size(env->space, CL_GRID_LEAVE, NULL);
  int64_t needed = asked > 0 ? asked : xt ? 1 : fifth < 10 ? 10 : fifth > 100 ? 100 : fifth;
  assert(needed >= 1 && size != 0);
  return size >= 0 && needed > (size + 1) / 2 ? (size + 1) / 2 : needed;
}

static int dgd_init(void *st, const struct cl_search_env *env, struct cl_err *e) {
  struct dgd_state *s = st;
  size_t n = (size_t)env->space->n;
  CL_TRY(check_discrete(env->space, e));
  s->env = env;
  s->xt = strcmp(cl_search_word(env, "variant"), "xt") == 0;
  s->needed = startup_size(env, s->xt);
  cl_configs_init(&s->configs, env->space, CL_GRID_LEAVE);
  cl_leaders_init(&s->leaders, s->xt ? CL_LEADERS_RAW : CL_LEADERS_ONLINE, (struct cl_prior){0});
  s->levels = cl_alloc_array(n, sizeof *s->levels);
  s->centre_levels = cl_alloc_array(n, sizeof *s->centre_levels);
  s->centre = cl_alloc_array(n, sizeof *s->centre);
  s->room = cl_alloc_array(n, sizeof *s->room);
  bool failed = s->levels == NULL || s->centre_levels == NULL || s->centre == NULL || s->room == NULL;
  return failed ? CL_FAIL_NOMEM(e) : 0;
}

static void dgd_done(void *st) {
  struct dgd_state *s = st;
  cl_configs_done(&s->configs);
  cl_free(s->sets);
  cl_leaders_done(&s->leaders);
  cl_free(s->levels);
  cl_free(s->centre_levels);
  cl_free(s->centre);
  cl_free(s->room);
}

/* --- explaining --- */

struct listing {
  const json_t *weights;
  const struct cl_space *space;
  struct cl_text *text;
  json_int_t total, index, chosen;
};

static void list_weight(struct listing *l, const char *name, struct cl_value v) {
  json_int_t weight = json_integer_value(json_array_get(l->weights, (size_t)l->index));
  assert(l->total > 0);
  cl_text_format(l->text, "  %5.1f %%  weight %lld  %s", 100.0 * (double)weight / (double)l->total,
                 (long long)weight, name);
  if (v.kind != CL_ABSENT) {
    cl_text_add(l->text, " = ");
    cl_value_write(l->text, v);
  }
  cl_text_add(l->text, l->index == l->chosen ? "  <- chosen\n" : "\n");
  l->index++;
}

static int list_neighbour(void *ctx, const struct cl_neighbour *neighbour) {
  struct listing *l = ctx;
  list_weight(l, l->space->items[neighbour->changed].name, neighbour->values[neighbour->changed]);
  return 0;
}

static void list_values(const struct cl_space *space, const struct cl_value *values, struct cl_text *ret) {
  const char *comma = " (";
  for (int i = 0; i < space->n; i++) {
    if (values[i].kind == CL_ABSENT || !cl_space_is_searched(&space->items[i])) continue;
    cl_text_format(ret, "%s%s = ", comma, space->items[i].name);
    cl_value_write(ret, values[i]);
    comma = ", ";
  }
  if (comma[0] == ',') cl_text_add(ret, ")");
}

static bool is_xt(const struct cl_study *study) {
  const char *variant = json_string_value(json_object_get(cl_study_settings(study)->search, "variant"));
  return variant != NULL && strcmp(variant, "xt") == 0;
}

/* The neighbours by name, or by nothing when the study cannot tell (its space has changed, or there are too
 * many). */
static void list_neighbours(struct listing *l, const struct cl_study *study, const struct cl_value *values,
                            struct cl_value *room) {
  size_t before = l->text->length;
  if (values != NULL) {
    l->space = cl_study_space(study);
    list_weight(l, "the centre again", (struct cl_value){0});
    (void)cl_space_neighbours(l->space, values, is_xt(study), room, list_neighbour, l);
    if ((size_t)l->index == json_array_size(l->weights)) return;
    cl_text_cut(l->text, before);
    l->index = 0;
  }
  for (size_t i = 0; i < json_array_size(l->weights); i++)
    list_weight(l, i == 0 ? "the centre again" : "a neighbour", (struct cl_value){0});
}

/* The centre from the args, in the space of today; false when its values are none of today's. */
static bool read_values(const struct cl_space *space, const json_t *at, struct cl_value *ret) {
  for (int i = 0; i < space->n; i++) {
    const struct cl_hyperparameter *h = &space->items[i];
    struct cl_value v = {0};
    char id[16];
    (void)snprintf(id, sizeof id, "%d", h->id);
    const json_t *node = json_object_get(at, id);
    if (h->domain == CL_CONSTANT && cl_space_is_active(space, i, ret)) ret[i] = h->values[0];
    if (node == NULL) continue;
    if (cl_value_from_json(node, &v, NULL) < 0 || cl_space_convert(h, v, &ret[i], NULL) < 0) return false;
  }
  return at != NULL;
}

static void dgd_explain(const json_t *args, const struct cl_study *study, struct cl_text *ret) {
  const json_t *weights = json_object_get(args, "weights");
  json_int_t count = json_integer_value(json_object_get(args, "count"));
  size_t n = study == NULL ? 0 : (size_t)cl_study_space(study)->n;
  struct cl_value *values = cl_alloc_array(2 * n, sizeof *values);
  if (values == NULL) ret->failed = true;
  bool known =
      n > 0 && values != NULL && read_values(cl_study_space(study), json_object_get(args, "at"), values);
  cl_text_format(ret, "dgd: centre is the configuration of trial %lld",
                 (long long)json_integer_value(json_object_get(args, "centre")));
  if (known) list_values(cl_study_space(study), values, ret);
  cl_text_add(ret, ", estimate ");
  cl_text_add_number(ret, json_number_value(json_object_get(args, "estimate")));
  cl_text_format(ret, ", %lld trial%s\n", (long long)count, count == 1 ? "" : "s");
  struct listing l = {.weights = weights, .text = ret};
  l.chosen = json_integer_value(json_object_get(args, "chosen"));
  for (size_t i = 0; i < json_array_size(weights); i++)
    l.total += json_integer_value(json_array_get(weights, i));
  json_int_t unlisted = json_integer_value(json_object_get(args, "unlisted"));
  if (unlisted > 0) l.total = json_integer_value(json_object_get(args, "total"));
  if (l.total > 0) list_neighbours(&l, study, known ? values : NULL, known ? values + n : NULL);
  if (unlisted > 0) cl_text_format(ret, "  and %lld more\n", (long long)unlisted);
  cl_free(values);
}

static const struct cl_option dgd_options[] = {
    {"variant", "standard|xt", 0, 0, "standard",
     "xt: raw means, one configuration to start with, neighbours in the list for unordered values too"},
    {"startup", "int", 0, 1000000, "0",
     "distinct configurations drawn at random first; 0: a fifth of the trials, 10 to 100"},
    {0}};

const struct cl_searcher_ops cl_dgd_search = {
    .abi = sizeof(struct cl_searcher_ops),
    .name = "dgd",
    .summary = "distributed grid descent: for lists of values and noisy scores",
    .source = "Loynd et al. 2020, appendix B; XT",
    .capabilities = CL_SEARCH_DISCRETE | CL_SEARCH_LEARNS,
    .options = dgd_options,
    .state_size = sizeof(struct dgd_state),
    .init = dgd_init,
    .tell = dgd_tell,
    .ask = dgd_ask,
    .done = dgd_done,
    .explain = dgd_explain,
};
