/* Policies of the user's own, in a shared object (include/clade/policies.h). The adapter: a view and
 * accessors for them on one side, a method like any other on the other. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/library.h"
#include "clade/policies.h"
#include "model/plugin.h"
#include "schedule/explore.h"
#include "schedule/methods.h"
#include "schedule/ruling.h"

enum { NOTES_MAX = 32 };
enum policy { DONE = 0, READY, EXPLOIT, EXPLORE }; /* part of the names of streams: never renumbered */

struct policies {
  struct cl_rulings rulings; /* first */
  struct cl_exploit exploit;
  struct cl_explore explore;
  void *library;
  const struct clade_policies *table;
  struct cl_value *values; /* of one member, room for the space */
  size_t cap_values;
  bool *set; /* which values a policy has set */
  size_t cap_set;
};

/* The opaque views are these, by another name. */
struct clade_policies_view {
  const struct cl_settings *settings;
  /* Null and zero where nobody is asked about. */
  struct policies *s;
  size_t member, donor;
  const struct cl_evaluation *own;
  int32_t rung; /* of the table; 0: there is none */
  struct cl_rng rng;
  struct cl_text notes;
  int n_notes;
};
struct clade_policies_change {
  struct clade_policies_view *view;
  struct cl_err *e;
  const struct cl_evaluation *state; /* taken over */
  int status;                        /* of the first thing that went wrong */
};

/* What they see. */

static const struct cl_space *space_of(const struct clade_policies_view *v) {
  return &v->settings->space;
}

static bool has_parameter(const struct clade_policies_view *v, int i) {
  return i >= 0 && i < space_of(v)->n;
}

static int host_parameters(const struct clade_policies_view *v) {
  return space_of(v)->n;
}

static struct clade_plugin_parameter host_parameter(const struct clade_policies_view *v, int i) {
  return cl_plugin_parameter(space_of(v), i);
}

static int64_t host_population(const struct clade_policies_view *v) {
  return v->settings->trials;
}

static const char *host_option(const struct clade_policies_view *v, const char *name) {
  return json_string_value(json_object_get(v->settings->schedule, name));
}

static bool host_number_option(const struct clade_policies_view *v, const char *name, double *ret) {
  const json_t *node = json_object_get(v->settings->schedule, name);
  if (!json_is_number(node)) return false;
  *ret = json_number_value(node);
  return true;
}

static const struct cl_evaluation *at(const struct clade_policies_view *v, size_t place, size_t *ret_member) {
  const struct cl_population *p = v->s == NULL ? NULL : &v->s->rulings.members.population;
  bool there = p != NULL && v->rung != 0 && place < cl_population_count(p, v->rung);
  return there ? cl_population_at(p, v->rung, place, ret_member) : NULL;
}

static struct clade_policies_member describe(const struct clade_policies_view *v,
                                             const struct cl_evaluation *x, size_t member) {
  double sign = cl_objective_sign(&v->settings->objectives[0]);
  assert(x != NULL && member < v->s->rulings.members.n);
  bool scored = isfinite(x->score);
  return (struct clade_policies_member){.trial = v->s->rulings.members.items[member].trial,
                                        .step = x->step,
                                        .value = scored ? sign * x->score : NAN,
                                        .fitness = scored ? x->score : -INFINITY,
                                        .self = member == v->member,
                                        .gives = cl_exploit_gives(x),
                                        .n_scores = (size_t)x->n_recent};
}

static const struct clade_policies_member no_member = {.step = NAN, .value = NAN, .fitness = -INFINITY};

static struct clade_policies_member host_self(const struct clade_policies_view *v) {
  return v->s == NULL ? no_member : describe(v, v->own, v->member);
}

static bool host_dead(const struct clade_policies_view *v) {
  return v->s != NULL && !isfinite(v->own->score);
}

static size_t host_members(const struct clade_policies_view *v) {
  bool table = v->s != NULL && v->rung != 0;
  return table ? cl_population_count(&v->s->rulings.members.population, v->rung) : 0;
}

static struct clade_policies_member host_member(const struct clade_policies_view *v, size_t place) {
  size_t member = 0;
  const struct cl_evaluation *x = at(v, place, &member);
  return x == NULL ? no_member : describe(v, x, member);
}

static size_t host_place(const struct clade_policies_view *v) {
  if (v->s == NULL || v->rung == 0 || host_dead(v)) return CLADE_NOBODY;
  return cl_population_rank(&v->s->rulings.members.population, v->rung, v->member);
}

static double host_score(const struct clade_policies_view *v, size_t place, size_t k) {
  const struct cl_evaluation *x = at(v, place, NULL);
  return x == NULL || k >= (size_t)x->n_recent ? NAN : x->recent[k];
}

static double unit_of(const struct clade_policies_view *v, int i, struct cl_value value) {
  return value.kind == CL_ABSENT ? NAN : cl_space_encode_one(&space_of(v)->items[i], value);
}

static struct cl_value value_at(const struct clade_policies_view *v, size_t place, int i) {
  const struct cl_evaluation *x = at(v, place, NULL);
  if (x == NULL || !has_parameter(v, i)) return (struct cl_value){0};
  cl_evaluation_values(x, space_of(v), v->s->values);
  return v->s->values[i];
}

static double host_unit(const struct clade_policies_view *v, size_t place, int i) {
  return unit_of(v, i, value_at(v, place, i));
}

static struct clade_value host_value(const struct clade_policies_view *v, size_t place, int i) {
  return cl_plugin_value(value_at(v, place, i));
}

static struct cl_value own_at(const struct clade_policies_view *v, int i) {
  if (v->s == NULL || !has_parameter(v, i)) return (struct cl_value){0};
  const struct cl_study *study = v->s->rulings.env->study;
  cl_trial_values(study, cl_study_trial(study, v->s->rulings.members.items[v->member].trial), v->s->values);
  return v->s->values[i];
}

static double host_own_unit(const struct clade_policies_view *v, int i) {
  return unit_of(v, i, own_at(v, i));
}

static struct clade_value host_own_value(const struct clade_policies_view *v, int i) {
  return cl_plugin_value(own_at(v, i));
}

static double host_uniform(struct clade_policies_view *v) {
  return cl_rng_uniform(&v->rng);
}

static double host_normal(struct clade_policies_view *v) {
  return cl_rng_normal(&v->rng);
}

static size_t host_below(struct clade_policies_view *v, size_t n) {
  return n < 1 ? 0 : (size_t)cl_rng_below(&v->rng, n);
}

static void host_note(struct clade_policies_view *v, const char *name, double x) {
  if (v->n_notes < NOTES_MAX) v->n_notes += cl_plugin_note(&v->notes, v->n_notes == 0 ? "" : ", ", name, x);
}

/* What they change. */

/* May it be changed, and does it have a value? Null: no. */
static const struct cl_hyperparameter *changeable(const struct clade_policies_change *c, int i) {
  const struct cl_hyperparameter *h = has_parameter(c->view, i) ? &space_of(c->view)->items[i] : NULL;
  return h != NULL && cl_plugin_may_set(h) && h->change != CL_START ? h : NULL;
}

static void change(struct clade_policies_change *c, int i, struct cl_value value, double factor) {
  struct policies *s = c->view->s;
  assert(i >= 0 && i < cl_study_space(s->rulings.env->study)->n && value.kind != CL_ABSENT);
  s->explore.values[i] = value;
  s->explore.used[i] = factor;
  s->explore.steps[i] = 0;
  s->set[i] = isnan(factor);
}

static size_t host_donor(const struct clade_policies_view *v) {
  return v->donor;
}

static struct cl_value new_at(const struct clade_policies_change *c, int i) {
  return has_parameter(c->view, i) ? c->view->s->explore.values[i] : (struct cl_value){0};
}

static double host_new_unit(const struct clade_policies_change *c, int i) {
  return unit_of(c->view, i, new_at(c, i));
}

static struct clade_value host_new_value(const struct clade_policies_change *c, int i) {
  return cl_plugin_value(new_at(c, i));
}

static void host_set_unit(struct clade_policies_change *c, int i, double u) {
  const struct cl_hyperparameter *h = changeable(c, i);
  if (h != NULL && !isnan(u)) change(c, i, cl_space_decode_one(h, u), NAN);
}

static void host_set_value(struct clade_policies_change *c, int i, struct clade_value given) {
  const struct cl_hyperparameter *h = changeable(c, i);
  struct cl_value v = {0};
  if (h == NULL || c->status < 0) return;
  c->status = cl_plugin_take(h, cl_plugin_inner_value(given), &v, c->e);
  if (c->status == 0) change(c, i, v, NAN);
}

static void host_multiply(struct clade_policies_change *c, int i, double factor) {
  const struct cl_hyperparameter *h = changeable(c, i);
  struct cl_value old = new_at(c, i);
  if (h == NULL || old.kind == CL_ABSENT || !(factor > 0) || !isfinite(factor)) return;
  double before = c->view->s->set[i] ? NAN : c->view->s->explore.used[i]; /* once set, it stays so */
  change(c, i, cl_space_perturb_one(h, old, factor), before * factor);
}

/* The donor's values as they are. */
static void forget_changes(struct policies *s) {
  int n = cl_study_space(s->rulings.env->study)->n;
  assert(s->explore.cap >= (size_t)n);
  for (int i = 0; i < n; i++) {
    s->explore.values[i] = s->explore.donor[i];
    s->explore.used[i] = 1;
    s->explore.steps[i] = 0;
    s->set[i] = false;
  }
}

static void host_standard(struct clade_policies_change *c) {
  struct policies *s = c->view->s;
  const struct cl_member *a = &s->rulings.members.items[c->view->member];
  const struct cl_study *study = s->rulings.env->study;
  if (c->status < 0) return;
  forget_changes(s);
  c->status =
      cl_explore_values(&s->explore, study, cl_study_trial(study, a->trial), c->state, a->rulings, c->e);
}

static const struct clade_policies_host host = {.abi = sizeof(struct clade_policies_host),
                                                .parameters = host_parameters,
                                                .parameter = host_parameter,
                                                .population = host_population,
                                                .option = host_option,
                                                .number_option = host_number_option,
                                                .self = host_self,
                                                .dead = host_dead,
                                                .own_unit = host_own_unit,
                                                .own_value = host_own_value,
                                                .members = host_members,
                                                .member = host_member,
                                                .place = host_place,
                                                .score = host_score,
                                                .unit = host_unit,
                                                .value = host_value,
                                                .uniform = host_uniform,
                                                .normal = host_normal,
                                                .below = host_below,
                                                .note = host_note,
                                                .donor = host_donor,
                                                .new_unit = host_new_unit,
                                                .new_value = host_new_value,
                                                .set_unit = host_set_unit,
                                                .set_value = host_set_value,
                                                .multiply = host_multiply,
                                                .standard = host_standard};

/* Loading. */

static int blame(const struct cl_settings *settings, int status, char *error, const char *what,
                 struct cl_err *e) {
  return cl_plugin_blame("the policies of", cl_settings_scheduler(settings), status, error, what, e);
}

static int load(const struct cl_settings *settings, void **ret_library, const struct clade_policies **ret,
                struct cl_err *e) {
  static const struct cl_library_kind kind = {"schedule",
                                              "schedule",
                                              "clade_policies_entry",
                                              "include/clade/policies.h",
                                              CLADE_POLICIES_VERSION,
                                              sizeof(struct clade_policies)};
  char *path = cl_plugin_path(settings, cl_settings_scheduler(settings));
  const void *table = NULL;
  void *library = NULL;
  if (path == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_library_open(&kind, path, &library, &table, e);
  const struct clade_policies *p = table;
  if (status == 0 && !cl_plugin_is_name(p->name))
    status = CL_FAIL(e, CLADE_ESPEC,
                     "schedule: the policies of %.400s have no usable `name`: 1 to 40 letters, digits and _",
                     path);
  cl_free(path);
  if (status < 0) {
    cl_library_close(library);
    return status;
  }
  *ret_library = library;
  *ret = p;
  return 0;
}

static bool is_standard(const struct cl_option *table, const char *name) {
  for (const struct cl_option *o = table; o->name != NULL; o++)
    if (strcmp(o->name, name) == 0 || (o->alias != NULL && strcmp(o->alias, name) == 0)) return true;
  return false;
}

static bool is_own(const struct clade_policies *p, const struct cl_option *table, const char *name) {
  if (is_standard(table, name)) return false;
  for (int i = 0; p->options != NULL && p->options[i] != NULL; i++)
    if (strcmp(p->options[i], name) == 0) return true;
  return false;
}

/* All but the policies' own are pbt's. */
static int check_options(const struct clade_policies *p, const struct cl_options *o, struct cl_err *e) {
  json_t *others = json_object();
  /* jansson's iterators want a mutable object, and leave it alone */
  json_t *all = (json_t *)(uintptr_t)o->given;
  bool failed = others == NULL;
  for (void *it = json_object_iter(all); it != NULL; it = json_object_iter_next(all, it))
    if (!is_own(p, o->table, json_object_iter_key(it)))
      failed |= json_object_set(others, json_object_iter_key(it), json_object_iter_value(it)) < 0;
  struct cl_options given = {o->section, p->name, o->table, others};
  int status = failed ? CL_FAIL_NOMEM(e) : cl_options_check(&given, e);
  json_decref(others);
  return status;
}

/* What a policy may choose from is the table. */
static int check_archive(const struct clade_policies *p, const struct cl_options *o, struct cl_err *e) {
  if (cl_options_number(o, "archive") == 0 || p->exploit == NULL) return cl_archive_check(o, e);
  return CL_FAIL(e, CLADE_ESPEC,
                 "schedule: archive %g is never drawn from: the policies of `%s` choose states by a rule of "
                 "their own, among the members; leave it out, or the rule (`exploit` of the object is null)",
                 cl_options_number(o, "archive"), p->name);
}

static int check_loaded(const struct clade_policies *p, const struct cl_settings *settings,
                        const struct cl_options *o, struct cl_err *e) {
  struct clade_policies_view view = {.settings = settings, .donor = CLADE_NOBODY};
  char error[CLADE_PLUGIN_ERROR] = "";
  CL_TRY(check_options(p, o, e));
  CL_TRY(cl_rulings_check(settings, o, e));
  CL_TRY(cl_exploit_check(o, e));
  CL_TRY(check_archive(p, o, e));
  CL_TRY(cl_explore_check(o, &settings->space, e));
  int status = p->check == NULL ? 0 : p->check(&host, &view, error);
  return status == 0 ? 0 : blame(settings, status, error, "to begin", e);
}

static int policies_check(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e) {
  const struct clade_policies *p = NULL;
  void *library = NULL;
  CL_TRY(load(settings, &library, &p, e));
  int status = check_loaded(p, settings, o, e);
  cl_library_close(library);
  return status;
}

void cl_policies_describe(const struct cl_settings *settings, struct cl_text *ret) {
  json_t *all =
      (json_t *)(uintptr_t)settings->schedule; /* jansson wants a mutable object, and leaves it alone */
  for (void *it = json_object_iter(all); it != NULL; it = json_object_iter_next(all, it)) {
    const char *name = json_object_iter_key(it);
    const json_t *value = json_object_iter_value(it);
    if (strcmp(name, "method") == 0 || is_standard(cl_policies_schedule.options, name)) continue;
    cl_text_format(ret, ", %s ", name);
    if (json_is_number(value))
      cl_text_add_number(ret, json_number_value(value));
    else
      cl_text_add(ret, json_is_string(value) ? json_string_value(value) : "…");
  }
}

/* Judging. */

/* The furthest table in which anybody can give. */
static int32_t find_rescue(const struct cl_population *p, int32_t rung) {
  for (; rung >= 1 && rung >= p->base; rung--)
    for (size_t i = 0; i < cl_population_count(p, rung); i++)
      if (cl_exploit_gives(cl_population_at(p, rung, i, NULL))) return rung;
  return 0;
}

static struct clade_policies_view view_of(struct policies *s, size_t member,
                                          const struct cl_evaluation *own) {
  const struct cl_members *m = &s->rulings.members;
  const struct cl_settings *settings = s->rulings.env->settings;
  bool must = !isfinite(own->score);
  int32_t asks = m->items[member].asks;
  return (struct clade_policies_view){
      .settings = settings,
      .s = s,
      .member = member,
      .donor = CLADE_NOBODY,
      .own = own,
      .rung = must ? find_rescue(&m->population, asks)
                   : cl_exploit_table(&m->population, (size_t)settings->trials, asks, member)};
}

/* Every policy of every ruling has a stream of its own. */
static void begin(struct clade_policies_view *v, enum policy policy) {
  const struct cl_rulings *r = &v->s->rulings;
  const struct cl_member *a = &r->members.items[v->member];
  uint32_t sub = 0x40000000u | (uint32_t)policy << 24 | (a->rulings & 0xffffff);
  v->rng = cl_rng_stream((uint64_t)cl_study_seed(r->env->study), CL_RNG_USER, (uint64_t)a->trial, sub);
}

static int make_room(struct policies *s, struct cl_err *e) {
  size_t n = (size_t)cl_study_space(s->rulings.env->study)->n + 1;
  if (cl_grow(&s->values, &s->cap_values, n, sizeof *s->values) < 0 ||
      cl_grow(&s->set, &s->cap_set, n, sizeof *s->set) < 0)
    return CL_FAIL_NOMEM(e);
  return 0;
}

static void add_notes(const struct clade_policies_view *v) {
  struct cl_text *args = &v->s->rulings.args;
  if (v->notes.failed) args->failed = true;
  if (v->n_notes > 0) cl_text_format(args, ", \"notes\": {%s}", cl_text_get(&v->notes));
}

static int end(const struct clade_policies_view *v, struct cl_event *ret, struct cl_err *e) {
  add_notes(v);
  return cl_ruling_end(&v->s->rulings, ret, e);
}

/* Whether it is done, and ready; both of the living only. */
static int ask_when(struct clade_policies_view *v, bool *ret_done, bool *ret_ready, struct cl_err *e) {
  const struct clade_policies *p = v->s->table;
  char error[CLADE_PLUGIN_ERROR] = "";
  *ret_done = false;
  *ret_ready = true;
  if (host_dead(v)) return 0;
  begin(v, DONE);
  int status = p->done == NULL ? 0 : p->done(&host, v, ret_done, error);
  if (status != 0) return blame(v->settings, status, error, "to say who is done", e);
  if (*ret_done) return 0;
  begin(v, READY);
  status = p->ready == NULL ? 0 : p->ready(&host, v, ret_ready, error);
  return status == 0 ? 0 : blame(v->settings, status, error, "to say who is ready", e);
}

static int refuse_place(const struct clade_policies_view *v, size_t place, struct cl_err *e) {
  return CL_FAIL(e, CLADE_EINVAL,
                 "the policies of %.200s chose place %zu for trial %lld, but the table has %zu members",
                 cl_settings_scheduler(v->settings), place, (long long)host_self(v).trial, host_members(v));
}

/* Whose state; null: nobody's. */
static int ask_exploit(struct clade_policies_view *v, struct cl_exploit_view *ret_view,
                       struct cl_takeover *ret, struct cl_err *e) {
  struct policies *s = v->s;
  size_t place = CLADE_NOBODY, own = host_place(v), n = host_members(v);
  char error[CLADE_PLUGIN_ERROR] = "";
  *ret_view = (struct cl_exploit_view){.rung = v->rung, .of = n, .draw = NAN, .opponent = CL_NO_RANK};
  ret_view->rank = own == CLADE_NOBODY ? n : own + 1;
  ret->state = NULL;
  if (n == 0) return 0;
  begin(v, EXPLOIT);
  int status = s->table->exploit(&host, v, &place, error);
  if (status != 0) return blame(v->settings, status, error, "to choose a state", e);
  if (place != CLADE_NOBODY && place >= n) return refuse_place(v, place, e);
  const struct cl_evaluation *x = at(v, place, &ret->donor);
  if (x != NULL && place != own && cl_exploit_gives(x)) {
    ret->state = x;
    v->donor = place;
  }
  return 0;
}

static void choose_by_options(struct clade_policies_view *v, struct cl_exploit_view *ret_view,
                              struct cl_takeover *ret) {
  struct cl_rulings *r = &v->s->rulings;
  struct cl_rng rng = cl_ruling_stream(r, CL_RNG_EXPLOIT, v->member);
  ret->state = cl_exploit_choose(&v->s->exploit, &r->members.population, (size_t)v->settings->trials,
                                 r->members.items[v->member].asks, v->member, host_dead(v), &rng, &ret->donor,
                                 ret_view);
  if (ret->state == NULL || ret_view->from_archive) return;
  v->rung = ret->state->rung;
  v->donor = cl_population_rank(&r->members.population, v->rung, ret->donor);
}

static int ask_explore(struct clade_policies_view *v, const struct cl_evaluation *state, struct cl_err *e) {
  struct policies *s = v->s;
  const struct cl_study *study = s->rulings.env->study;
  const struct cl_space *space = cl_study_space(study);
  const struct cl_trial *t = cl_study_trial(study, s->rulings.members.items[v->member].trial);
  struct clade_policies_change c = {v, e, state, 0};
  char error[CLADE_PLUGIN_ERROR] = "";
  CL_TRY(cl_explore_begin(&s->explore, study, t, state, e));
  forget_changes(s);
  begin(v, EXPLORE);
  int status = s->table->explore(&host, v, &c, error);
  if (status != 0) return blame(v->settings, status, error, "to explore", e);
  if (c.status == CLADE_ENOMEM) return c.status;
  if (c.status < 0) {
    if (e != NULL)
      (void)cl_err_prefix(e, "the policies of %.200s set a value for trial %lld that is not allowed: ",
                          cl_settings_scheduler(v->settings), (long long)t->number);
    return c.status;
  }
  cl_space_settle(space, s->explore.values, s->explore.donor);
  if (cl_space_check(space, s->explore.values, NULL) < 0) forget_changes(s);
  cl_explore_keep_held(&s->explore, study, t);
  return 0;
}

static int take_over(struct clade_policies_view *v, const struct cl_exploit_view *view,
                     struct cl_takeover *take, struct cl_event *ret, struct cl_err *e) {
  struct policies *s = v->s;
  struct cl_rulings *r = &s->rulings;
  const struct cl_study *study = r->env->study;
  const struct cl_member *a = &r->members.items[v->member];
  bool own = s->table->explore != NULL;
  int status = own ? ask_explore(v, take->state, e)
                   : cl_explore_values(&s->explore, study, cl_study_trial(study, a->trial), take->state,
                                       a->rulings, e);
  if (status < 0) return status;
  take->values = s->explore.values;
  CL_TRY(cl_ruling_take_over(r, s->table->name, v->member, v->own, view, take, ret, e));
  if (own)
    cl_explore_describe_own(&s->explore, s->table->name, s->set, cl_study_space(study), &r->args);
  else
    cl_explore_describe(&s->explore, cl_study_space(study), &r->args);
  return end(v, ret, e);
}

static int judge(struct clade_policies_view *v, struct cl_event *ret, struct cl_err *e) {
  struct policies *s = v->s;
  struct cl_rulings *r = &s->rulings;
  const char *name = s->table->name;
  struct cl_takeover take = {0};
  struct cl_exploit_view view;
  bool is_done = false, is_ready = true;
  CL_TRY(ask_when(v, &is_done, &is_ready, e));
  if (is_done) {
    cl_ruling_stop(r, name, v->member, v->own, ret);
    return end(v, ret, e);
  }
  if (!is_ready) {
    cl_ruling_keep(r, name, v->member, v->own, NULL, ret);
    cl_text_add(&r->args, ", \"ready\": false");
    return end(v, ret, e);
  }
  if (s->table->exploit != NULL) CL_TRY(ask_exploit(v, &view, &take, e));
  if (take.state == NULL && (s->table->exploit == NULL || host_dead(v))) choose_by_options(v, &view, &take);
  if (take.state != NULL) return take_over(v, &view, &take, ret, e);
  if (cl_ruling_is_dead(r, v->member)) return CLADE_EMPTY;
  cl_ruling_keep(r, name, v->member, v->own, &view, ret);
  return end(v, ret, e);
}

static int judge_policies(struct cl_rulings *r, size_t member, const struct cl_evaluation *own,
                          struct cl_event *ret, struct cl_err *e) {
  struct policies *s = (struct policies *)r;
  assert(s->table != NULL);
  assert(own->rung == r->members.items[member].asks);
  CL_TRY(make_room(s, e));
  struct clade_policies_view v = view_of(s, member, own);
  int status = judge(&v, ret, e);
  cl_text_done(&v.notes);
  return status;
}

/* The method. */

static int policies_init(void *st, const struct cl_schedule_env *env, struct cl_err *e) {
  struct policies *s = st;
  cl_rulings_init(&s->rulings, env);
  s->rulings.judge = judge_policies;
  CL_TRY(cl_rulings_ask(&s->rulings, e));
  s->exploit = cl_exploit_from(&env->options);
  s->exploit.archive = cl_rulings_archive(&s->rulings, &env->options);
  s->rulings.members.recent.most = s->exploit.last;
  cl_explore_init(&s->explore, &env->options);
  CL_TRY(cl_explore_each(&s->explore, &env->options, &env->settings->space, e));
  return load(env->settings, &s->library, &s->table, e);
}

static bool policies_curves(const struct cl_options *o) {
  (void)o;
  return true; /* they may look at the last scores */
}

static void policies_done(void *st) {
  struct policies *s = st;
  cl_free(s->values);
  cl_free(s->set);
  cl_explore_done(&s->explore);
  cl_rulings_done(&s->rulings);
  cl_library_close(s->library);
}

static const struct cl_option policies_options[] = {CL_RULING_OPTIONS,      CL_EXPLOIT_OPTIONS,
                                                    CL_ARCHIVE_OPTION,      CL_EXPLORE_OPTIONS,
                                                    CL_EXPLORE_EACH_OPTION, {0}};

const struct cl_scheduler_ops cl_policies_schedule = {CL_RULING_OPS,
                                                      .name = "policies",
                                                      .summary = "policies of one's own",
                                                      .source = "include/clade/policies.h",
                                                      .options = policies_options,
                                                      .state_size = sizeof(struct policies),
                                                      .check = policies_check,
                                                      .init = policies_init,
                                                      .apply = cl_rulings_apply,
                                                      .next = cl_rulings_next,
                                                      .curves = policies_curves,
                                                      .again = cl_rulings_again,
                                                      .done = policies_done,
                                                      .last = cl_rulings_last};
