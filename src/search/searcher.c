/* The generic half of all searchers: makes the method, tells it the trials in their order, asks it, and turns
 * its answer into an event. Knows no method by name, except that a study with `repeats` has no search.
 *
 * What a method has been told is always a prefix of one list (searcher.h): while events arrive in the order
 * of that list they are told at once; anything else marks the method stale, and it is made anew before the
 * next answer.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "search/methods.h"

struct cl_searcher {
  const struct cl_study *study;
  struct cl_search_env env;
  void *state;       /* of the method; null before the first init */
  bool initialised;  /* state went through init, and needs done */
  bool stale;        /* to be made anew before the next ask */
  int64_t told;      /* ordered mode: searched and enqueued trials whose results were told … */
  int64_t told_last; /* … and the number of the last of them */
  size_t cap;        /* of the two arrays below */
  struct cl_value *values;
  struct cl_assigned *assigned;
  struct cl_text args;
};

static void assert_searcher_state(const struct cl_searcher *s) {
  assert((s->values == NULL) == (s->assigned == NULL) && (!s->initialised || s->state != NULL));
  assert(s->stale || (s->initialised && s->env.ops != NULL && s->env.space->n <= (int)s->cap));
  assert(s->stale || s->env.settings == cl_study_settings(s->study));
  assert(s->told >= 0 && s->told <= s->told_last && (s->told == 0) == (s->told_last == 0));
  (void)s;
}

/* --- telling --- */

static bool is_ordered(const struct cl_searcher *s) {
  return s->env.settings->lag > 0;
}

static int tell(struct cl_searcher *s, const struct cl_trial *t, enum cl_told what, struct cl_err *e) {
  double sign = -cl_objective_sign(&s->env.settings->objectives[0]);
  assert(s->env.ops->tell != NULL && (what == CL_TOLD_PENDING || t->result != 0));
  struct cl_told_trial told = {
      .number = t->number, .what = what, .value = NAN, .role = (enum cl_role)t->head.role};
  cl_trial_values(s->study, t, s->values);
  told.values = s->values;
  if (what == CL_TOLD_RESULT) {
    bool scored = t->head.state == CL_COMPLETE || t->head.state == CL_PRUNED;
    told.state = t->head.state;
    told.value = scored && isfinite(t->value) ? sign * t->value : NAN;
  }
  return s->env.ops->tell(s->state, &told, e);
}

static int compare_results(const void *a, const void *b) {
  const struct cl_trial *x = NULL, *y = NULL;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  if (x->result != y->result) return x->result < y->result ? -1 : 1;
  return x->number < y->number ? -1 : x->number > y->number;
}

/* Results of free mode, and foreign ones, in the order of the log. */
static int tell_results(struct cl_searcher *s, struct cl_err *e) {
  int64_t trials = cl_study_trials(s->study);
  const struct cl_trial **order = cl_alloc_array((size_t)trials, sizeof *order);
  if (order == NULL) return CL_FAIL_NOMEM(e);
  size_t n = 0;
  bool searched = false;
  for (int64_t i = 1; i <= trials; i++) {
    const struct cl_trial *t = cl_study_trial(s->study, i);
    if (t == NULL) continue;
    searched = searched || cl_role_is_searched(t->head.role);
    bool foreign = t->head.role == CL_ROLE_FOREIGN && !(is_ordered(s) && searched);
    if (t->result != 0 && (foreign || (cl_role_is_searched(t->head.role) && !is_ordered(s)))) order[n++] = t;
  }
  assert(n <= (size_t)trials);
  qsort(order, n, sizeof *order, compare_results);
  int status = 0;
  for (size_t i = 0; i < n && status == 0; i++) status = tell(s, order[i], CL_TOLD_RESULT, e);
  cl_free(order);
  return status;
}

static int tell_all(struct cl_searcher *s, struct cl_err *e) {
  if (s->env.ops->tell == NULL) return 0;
  for (int64_t i = 1; i <= cl_study_trials(s->study); i++) {
    const struct cl_trial *t = cl_study_trial(s->study, i);
    if (t != NULL && cl_role_is_searched(t->head.role)) CL_TRY(tell(s, t, CL_TOLD_PENDING, e));
  }
  return tell_results(s, e);
}

/* Ordered mode: results of all proposals but the last `lag` ones, the coming one included. */
static int tell_up_to_lag(struct cl_searcher *s, struct cl_err *e) {
  int64_t wanted = cl_study_head(s->study)->counted + 1 - s->env.settings->lag;
  while (s->told < wanted) {
    const struct cl_trial *t = NULL;
    int64_t number = s->told_last;
    do {
      assert(number < cl_study_trials(s->study)); /* `counted` says that there is one more */
      t = cl_study_trial(s->study, ++number);
    } while (t == NULL || !cl_role_is_searched(t->head.role));
    if (t->result == 0) return CLADE_BUSY;
    if (s->env.ops->tell != NULL) CL_TRY(tell(s, t, CL_TOLD_RESULT, e));
    s->told_last = number;
    s->told++;
  }
  return 0;
}

/* --- making --- */

static void drop_state(struct cl_searcher *s) {
  if (s->initialised && s->env.ops->done != NULL) s->env.ops->done(s->state);
  cl_free(s->state);
  s->state = NULL;
  s->initialised = false;
}

static int make_room(struct cl_searcher *s, size_t n, struct cl_err *e) {
  if (n <= s->cap && s->values != NULL) return 0;
  struct cl_value *values = cl_alloc_array(n, sizeof *values);
  struct cl_assigned *assigned = cl_alloc_array(n, sizeof *assigned);
  if (values == NULL || assigned == NULL) {
    cl_free(values);
    cl_free(assigned);
    return CL_FAIL_NOMEM(e);
  }
  cl_free(s->values);
  cl_free(s->assigned);
  s->values = values;
  s->assigned = assigned;
  s->cap = n;
  return 0;
}

static int make_method(struct cl_searcher *s, struct cl_err *e) {
  const struct cl_settings *settings = cl_study_settings(s->study);
  drop_state(s);
  s->stale = true;
  s->told = s->told_last = 0;
  CL_TRY(cl_search_check(settings, e));
  const struct cl_searcher_ops *ops =
      settings->repeats ? &cl_tuned_search : cl_searcher_find(settings->method);
  assert(ops != NULL && ops->init != NULL && ops->ask != NULL); /* it has been checked */
  s->env = (struct cl_search_env){&settings->space, settings, (uint64_t)cl_study_seed(s->study), ops};
  CL_TRY(make_room(s, (size_t)settings->space.n, e));
  s->state = cl_alloc(ops->state_size);
  if (s->state == NULL) return CL_FAIL_NOMEM(e);
  s->initialised = true;
  CL_TRY(ops->init(s->state, &s->env, e));
  CL_TRY(tell_all(s, e));
  s->stale = false;
  assert_searcher_state(s);
  return 0;
}

int cl_search_fits(const struct cl_settings *settings, struct cl_err *e) {
  CL_TRY(cl_search_check(settings, e));
  const struct cl_searcher_ops *ops =
      settings->repeats ? &cl_tuned_search : cl_searcher_find(settings->method);
  struct cl_search_env env = {&settings->space, settings, 0, ops};
  void *state = cl_alloc(ops->state_size);
  if (state == NULL) return CL_FAIL_NOMEM(e);
  int status = ops->init(state, &env, e);
  if (ops->done != NULL) ops->done(state);
  cl_free(state);
  return status;
}

int cl_searcher_create(const struct cl_study *study, struct cl_searcher **ret, struct cl_err *e) {
  struct cl_searcher *s = cl_alloc(sizeof *s);
  if (s == NULL) return CL_FAIL_NOMEM(e);
  s->study = study;
  s->stale = true;
  int status = cl_study_settings(study) == NULL ? 0 : make_method(s, e); /* else made at `created` */
  if (status < 0)
    cl_searcher_destroy(s);
  else
    *ret = s;
  return status;
}

void cl_searcher_destroy(struct cl_searcher *s) {
  if (s == NULL) return;
  drop_state(s);
  cl_free(s->values);
  cl_free(s->assigned);
  cl_text_done(&s->args);
  cl_free(s);
}

/* An event on trial t, whose method looks at trials. */
static int tell_event(struct cl_searcher *s, const struct cl_trial *t, const struct cl_event *ev,
                      struct cl_err *e) {
  if (ev->kind == CL_EVENT_IMPORTED) {
    bool early = cl_study_head(s->study)->counted == 0;
    return early || !is_ordered(s) ? tell(s, t, CL_TOLD_RESULT, e) : 0;
  }
  if (!cl_role_is_searched(t->head.role)) return 0;
  if (ev->kind == CL_EVENT_SET || ev->kind == CL_EVENT_EXPLOITED || ev->kind == CL_EVENT_VOIDED) {
    s->stale = true; /* its values, or that it is a result, may not be what was told */
    return 0;
  }
  if (ev->kind == CL_EVENT_PROPOSED) CL_TRY(tell(s, t, CL_TOLD_PENDING, e));
  bool new_result = t->result == ev->position;
  return new_result && !is_ordered(s) ? tell(s, t, CL_TOLD_RESULT, e) : 0;
}

int cl_searcher_apply(struct cl_searcher *s, const struct cl_event *ev, struct cl_err *e) {
  assert(ev->position > 0 && ev->position <= cl_study_head(s->study)->position); /* the replica has it */
  if (ev->kind == CL_EVENT_CREATED || ev->kind == CL_EVENT_UPDATED) return make_method(s, e);
  if (ev->subject == 0 || s->stale || s->env.ops->tell == NULL) return 0;
  const struct cl_trial *t = cl_study_trial(s->study, ev->subject);
  int status = t == NULL ? 0 : tell_event(s, t, ev, e);
  if (status < 0) s->stale = true; /* half told */
  return status;
}

/* --- asking --- */

void cl_search_draw(const struct cl_search_env *env, enum cl_purpose purpose, const struct cl_value *given,
                    struct cl_proposal *p) {
  assert(given != p->values || env->space->n == 0);
  int status =
      cl_space_draw(env->space, env->seed, purpose, (uint64_t)p->number, given, p->values, &p->redraws);
  assert(status == 0 || status == CLADE_EMPTY);
  p->infeasible = status == CLADE_EMPTY;
}

/* What is given, and the rest drawn. Begins the args. */
static void draw_given(struct cl_searcher *s, const struct cl_value *given, struct cl_proposal *p) {
  const struct cl_space *space = s->env.space;
  const char *comma = "";
  cl_search_draw(&s->env, CL_RNG_USER, given, p);
  cl_text_add(p->args, "\"given\": [");
  for (int i = 0; i < space->n; i++) {
    if (given[i].kind == CL_ABSENT) continue;
    cl_text_format(p->args, "%s%d", comma, space->items[i].id);
    comma = ", ";
  }
  cl_text_add(p->args, "]");
}

/* The next point of settings.enqueue. */
static int ask_queue(struct cl_searcher *s, struct cl_proposal *p, struct cl_err *e) {
  const struct cl_space *space = s->env.space;
  struct cl_value *given = cl_alloc_array((size_t)space->n, sizeof *given);
  if (given == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_settings_enqueued(s->env.settings, cl_study_points(s->study), given, e);
  if (status == 0) {
    cl_text_add(p->args, "{");
    draw_given(s, given, p);
  }
  cl_free(given);
  return status;
}

static int ask_method(struct cl_searcher *s, struct cl_proposal *p, struct cl_err *e) {
  if (is_ordered(s)) {
    int status = tell_up_to_lag(s, e);
    if (status != 0) return status;
  }
  cl_text_add(p->args, "{\"method\": ");
  cl_text_add_json(p->args, s->env.ops == &cl_plugin_search ? s->env.settings->method : s->env.ops->name);
  return s->env.ops->ask(s->state, p, e);
}

static void fill_event(struct cl_searcher *s, const struct cl_proposal *p, bool queued,
                       struct cl_event *ret) {
  const struct cl_space *space = s->env.space;
  int n = 0;
  for (int i = 0; i < space->n; i++)
    if (p->values[i].kind != CL_ABSENT)
      s->assigned[n++] = (struct cl_assigned){space->items[i].id, p->values[i]};
  assert((size_t)n <= s->cap && p->repeat >= 0 && p->of >= 0 && p->of < p->number);
  *ret = (struct cl_event){.kind = CL_EVENT_PROPOSED,
                           .subject = p->number,
                           .as_of = cl_study_head(s->study)->position,
                           .cause = queued       ? CL_CAUSE_ENQUEUE
                                    : p->startup ? CL_CAUSE_STARTUP
                                                 : CL_CAUSE_SEARCH,
                           .args = cl_text_get(p->args)};
  ret->u.proposed.role = queued ? CL_ROLE_ENQUEUED : CL_ROLE_SEARCH;
  ret->u.proposed.of = p->of;
  ret->u.proposed.repeat = p->repeat;
  ret->u.proposed.space_version = space->version;
  ret->u.proposed.values.n = n;
  ret->u.proposed.values.items = s->assigned;
  ret->u.proposed.infeasible = p->infeasible;
}

/* An empty answer for the next trial. */
static int begin_proposal(struct cl_searcher *s, struct cl_proposal *ret, struct cl_err *e) {
  assert(cl_study_settings(s->study) != NULL);
  if (s->stale) CL_TRY(make_method(s, e));
  assert_searcher_state(s);
  *ret = (struct cl_proposal){.number = cl_study_trials(s->study) + 1,
                              .searched = cl_study_head(s->study)->counted - cl_study_enqueued(s->study),
                              .values = s->values,
                              .args = &s->args};
  cl_text_clear(&s->args);
  for (int i = 0; i < s->env.space->n; i++) s->values[i] = (struct cl_value){0};
  return 0;
}

static int end_proposal(struct cl_searcher *s, const struct cl_proposal *p, bool queued, struct cl_event *ret,
                        struct cl_err *e) {
  if (p->redraws > 0) cl_text_format(&s->args, ", \"redraws\": %d", p->redraws);
  cl_text_add(&s->args, "}");
  if (s->args.failed) return CL_FAIL_NOMEM(e);
  fill_event(s, p, queued, ret);
  return 0;
}

int cl_searcher_next(struct cl_searcher *s, struct cl_event *ret, struct cl_err *e) {
  struct cl_proposal p;
  CL_TRY(begin_proposal(s, &p, e));
  bool queued = cl_study_points(s->study) < cl_settings_enqueues(s->env.settings);
  int status = queued ? ask_queue(s, &p, e) : ask_method(s, &p, e);
  return status != 0 ? status : end_proposal(s, &p, queued, ret, e);
}

int cl_searcher_enqueue(struct cl_searcher *s, const struct cl_value *given, struct cl_event *ret,
                        struct cl_err *e) {
  struct cl_proposal p;
  CL_TRY(begin_proposal(s, &p, e));
  cl_text_add(&s->args, "{\"command\": \"enqueue\", ");
  draw_given(s, given, &p);
  CL_TRY(end_proposal(s, &p, true, ret, e));
  ret->cause = CL_CAUSE_HUMAN; /* no point of the settings */
  return 0;
}
