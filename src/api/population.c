/* Populations in process: the turns of the members, and what is recorded of them. */
#include "api/population.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "api/handles.h"
#include "base/alloc.h"

#define MEMBERS_MAX 100000

static const struct cl_study *study_of(const struct clade_population *p) {
  return p->study->study;
}

/* Between two turns. */
static void assert_member_state(const struct cl_api_member *m) {
  assert((m->trial != NULL) == (m->seen.state == CLADE_MEMBER_TRAINS) && m->model != NULL);
  assert(m->seen.trial >= 1 && m->snapshot >= 0 && m->seen.ready <= m->seen.step);
  assert(m->seen.n_observations <= m->cap_observations && m->seen.observations == m->observations);
  (void)m;
}

/* The order by fitness. */

static bool is_below(const struct clade_population *p, size_t a, size_t b) {
  double x = p->members[a].seen.fitness, y = p->members[b].seen.fitness;
  return x != y ? x < y : a < b;
}

size_t cl_api_population_place(const struct clade_population *p, size_t member) {
  size_t lo = 0, hi = p->n;
  while (lo < hi) {
    size_t middle = lo + (hi - lo) / 2;
    if (is_below(p, p->order[middle], member))
      lo = middle + 1;
    else
      hi = middle;
  }
  assert(lo < p->n && p->order[lo] == member);
  return lo;
}

static void set_fitness(struct clade_population *p, size_t member, double fitness) {
  struct clade_member *m = &p->members[member].seen;
  size_t from = cl_api_population_place(p, member), to = from;
  p->n_worthless += isfinite(m->fitness) && !isfinite(fitness);
  p->n_worthless -= !isfinite(m->fitness) && isfinite(fitness);
  m->fitness = fitness;
  while (to + 1 < p->n && is_below(p, p->order[to + 1], member)) {
    p->order[to] = p->order[to + 1];
    to++;
  }
  while (to > 0 && is_below(p, member, p->order[to - 1])) {
    p->order[to] = p->order[to - 1];
    to--;
  }
  p->order[to] = (uint32_t)member;
  assert(p->n_worthless <= p->n && cl_api_population_place(p, member) == to);
}

/* Metrics that the model notes. */

/* The one copy of a name. */
static int keep_name(struct clade_population *p, const char *name, const char **ret) {
  size_t n = strlen(name) + 1;
  for (size_t i = 0; i < p->n_names; i++) {
    *ret = p->names[i];
    if (strcmp(*ret, name) == 0) return 0;
  }
  if (p->n_names == CL_METRICS_MAX) return CLADE_ELIMIT;
  char *copy = cl_arena_array(&p->arena, n, 1);
  if (copy == NULL) return CLADE_ENOMEM;
  *ret = p->names[p->n_names++] = memcpy(copy, name, n);
  return 0;
}

int clade_trial_metric(struct clade_trial *trial, const char *name, double value) {
  struct clade_population *p = trial == NULL ? NULL : trial->population;
  size_t n = name == NULL ? 0 : strnlen(name, CL_NAME_MAX + 1);
  if (p == NULL || n < 1 || n > CL_NAME_MAX || !cl_text_is_utf8(name, n)) return CLADE_EINVAL;
  if (strcmp(name, clade_study_metric(p->study, 0)) == 0) return CLADE_EINVAL;
  for (size_t i = 1; i < p->n_noted; i++) {
    if (strcmp(p->noted[i].name, name) != 0) continue;
    p->noted[i].value = value;
    return 0;
  }
  assert(p->n_noted >= 1 && p->n_noted <= CL_METRICS_MAX);
  if (p->n_noted == CL_METRICS_MAX) return CLADE_ELIMIT;
  const char *kept = NULL;
  int status = keep_name(p, name, &kept);
  if (status == 0) p->noted[p->n_noted++] = (struct clade_metric){kept, value};
  return status;
}

static void listen_for_metrics(struct clade_population *p, struct clade_trial *trial) {
  assert(trial != NULL && trial->population == NULL);
  trial->population = p;
}

static int copy_noted(struct clade_population *p, struct clade_observation *o, struct cl_err *e) {
  assert(p->n_noted >= 1);
  o->n_metrics = p->n_noted - 1;
  if (o->n_metrics == 0) return 0;
  struct clade_metric *copy = cl_arena_array(&p->arena, o->n_metrics, sizeof *copy);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  o->metrics = memcpy(copy, p->noted + 1, o->n_metrics * sizeof *copy);
  return 0;
}

/* Scoring. */

static int keep_observation(struct clade_population *p, struct cl_api_member *m, double value,
                            struct cl_err *e) {
  struct clade_observation *o = NULL;
  size_t n = m->seen.n_observations;
  if (cl_grow(&m->observations, &m->cap_observations, n + 1, sizeof *o) < 0) return CL_FAIL_NOMEM(e);
  m->seen.observations = m->observations;
  o = &m->observations[n];
  *o = (struct clade_observation){.step = m->seen.step, .value = value};
  const struct cl_trial *t = cl_study_trial(study_of(p), m->seen.trial);
  CL_TRY(cl_api_values(&p->arena, study_of(p), t, &o->values, &o->n_values, e));
  CL_TRY(copy_noted(p, o, e));
  m->seen.n_observations = n + 1;
  return 0;
}

/* The best state ever is kept, whatever becomes of the member. */
static int keep_best(struct clade_population *p, struct cl_api_member *m, struct cl_err *e) {
  const struct clade_model *model = &p->options.model;
  if (!(m->seen.fitness > p->best_fitness)) return 0;
  if (p->best == NULL) p->best = model->create(model->ctx, m->trial);
  if (p->best == NULL || model->copy(model->ctx, p->best, m->model) != 0)
    return CL_FAIL(e, CLADE_EREFUSED, "the best model cannot be kept: create or copy failed");
  assert(isfinite(m->seen.fitness) && p->best != m->model);
  p->best_fitness = m->seen.fitness;
  p->best_value = m->seen.value;
  return 0;
}

/* Its training is over, one way or the other. */
static int end_member(struct clade_population *p, size_t member, enum clade_outcome outcome,
                      struct cl_err *e) {
  struct cl_api_member *m = &p->members[member];
  struct clade_told told = {.outcome = outcome};
  struct clade_trial *trial = m->trial;
  assert(trial != NULL && m->seen.state == CLADE_MEMBER_TRAINS);
  m->seen.state = outcome == CLADE_TOLD_FAILED ? CLADE_MEMBER_FAILED : CLADE_MEMBER_DONE;
  m->trial = NULL;
  if (outcome == CLADE_TOLD_FAILED) set_fitness(p, member, -INFINITY);
  int status = clade_trial_end(trial, &told, e);
  if (status < 0 && status != CLADE_ESTALE) clade_trial_drop(trial);
  return status < 0 && status != CLADE_ESTALE ? status : 0;
}

/* Score its state and report that. */
static int evaluate(struct clade_population *p, size_t member, struct cl_err *e) {
  struct cl_api_member *m = &p->members[member];
  const struct clade_model *model = &p->options.model;
  double value = NAN;
  listen_for_metrics(p, m->trial);
  int failed = model->score(model->ctx, m->model, m->trial, &value);
  m->trial->population = NULL;
  if (failed != 0) return end_member(p, member, CLADE_TOLD_FAILED, e);
  p->noted[0] = (struct clade_metric){clade_study_metric(p->study, 0), value};
  int status = clade_trial_report(m->trial, m->seen.step, p->noted, p->n_noted, e);
  if (status == CLADE_ESTALE || (status == CLADE_STOP && isfinite(value)))
    return end_member(p, member, CLADE_TOLD_PRUNED, e); /* a person has stopped it */
  if (status < 0) return status;
  m->seen.value = value;
  m->snapshot = 0;
  set_fitness(p, member, isfinite(value) ? p->sign * value : -INFINITY);
  CL_TRY(keep_observation(p, m, value, e));
  return keep_best(p, m, e);
}

/* Decisions about one member. */

static struct cl_assigned_list list_values(struct clade_population *p, const struct cl_value *changed_from) {
  const struct cl_space *space = cl_study_space(study_of(p));
  int n = 0;
  for (int i = 0; i < space->n; i++) {
    if (p->values[i].kind == CL_ABSENT) continue;
    if (changed_from != NULL && cl_value_equal(p->values[i], changed_from[i])) continue;
    p->assigned[n++] = (struct cl_assigned){space->items[i].id, p->values[i]};
  }
  assert(n <= space->n);
  return (struct cl_assigned_list){n, p->assigned};
}

/* Ask explore. What it makes of the values is settled; where that breaks a constraint, they stay as they
 * were. */
static void explore(struct clade_population *p, struct clade_view *view, const struct cl_trial *t,
                    bool took_over) {
  const struct cl_space *space = cl_study_space(study_of(p));
  size_t n = (size_t)space->n;
  struct clade_proposal proposal = {study_of(p), t, p->values, (uint32_t)p->round};
  memcpy(p->before, p->values, n * sizeof *p->values);
  p->options.explore.explore(&p->options.explore, view, &proposal, took_over);
  cl_space_settle(space, p->values, p->before);
  if (cl_space_check(space, p->values, NULL) != 0) memcpy(p->values, p->before, n * sizeof *p->values);
}

static void add_number(struct cl_text *t, const char *key, double x) {
  cl_text_format(t, ", \"%s\": ", key);
  cl_text_add_json_number(t, x);
}

static void write_args(const struct clade_population *p, size_t member, size_t donor, struct cl_text *ret) {
  const struct clade_member *own = &p->members[member].seen;
  if (donor == CLADE_KEEP) {
    cl_text_format(ret, "{\"rule\": \"%s\", \"step\": ", p->options.explore.name);
    cl_text_add_json_number(ret, own->step);
    cl_text_add(ret, "}");
    return;
  }
  const struct clade_member *other = &p->members[donor].seen;
  cl_text_format(ret, "{\"rule\": \"%s\", \"step\": ", p->options.exploit.name);
  cl_text_add_json_number(ret, own->step);
  add_number(ret, "own", own->value);
  cl_text_format(ret, ", \"donor\": %lld", (long long)other->trial);
  add_number(ret, "score", other->value);
  cl_text_format(ret, ", \"reports\": [%lld, %lld]",
                 (long long)cl_study_trial(study_of(p), own->trial)->record,
                 (long long)cl_study_trial(study_of(p), other->trial)->record);
  cl_text_format(ret, ", \"explore\": {\"rule\": \"%s\"}}", p->options.explore.name);
}

static int take_handle(struct clade_population *p, struct cl_api_member *m, struct cl_err *e) {
  CL_TRY(clade_study_take(p->study, m->seen.trial, &m->trial, e));
  m->seen.state = CLADE_MEMBER_TRAINS;
  return 0;
}

static int copy_state(struct clade_population *p, size_t member, size_t donor, struct cl_err *e) {
  const struct clade_model *model = &p->options.model;
  struct cl_api_member *m = &p->members[member], *other = &p->members[donor];
  assert(member != donor && isfinite(other->seen.fitness));
  if (model->copy(model->ctx, m->model, other->model) != 0)
    return CL_FAIL(e, CLADE_EREFUSED, "the state of trial %lld cannot be copied to trial %lld: copy failed",
                   (long long)other->seen.trial, (long long)m->seen.trial);
  m->seen.value = other->seen.value;
  set_fitness(p, member, other->seen.fitness);
  return 0;
}

static int take_over(struct clade_population *p, size_t member, size_t donor, const char *args,
                     struct cl_err *e) {
  struct cl_api_member *m = &p->members[member], *other = &p->members[donor];
  const struct cl_asker_takeover what = {.member = m->seen.trial,
                                         .donor = other->seen.trial,
                                         .snapshot = other->snapshot,
                                         .values = list_values(p, NULL),
                                         .args = args};
  int32_t attempt = 0;
  int64_t change = 0;
  CL_TRY(cl_asker_take_over(p->study->asker, &what, &attempt, &other->snapshot, &change, e));
  CL_TRY(copy_state(p, member, donor, e));
  m->snapshot = other->snapshot;
  CL_TRY(cl_asker_loaded(p->study->asker, m->seen.trial, attempt, change, other->snapshot, e));
  return m->trial == NULL ? take_handle(p, m, e) : 0;
}

static size_t choose_donor(struct clade_population *p, struct clade_view *view) {
  size_t donor = p->options.exploit.choose(&p->options.exploit, view);
  bool gives = donor < p->n && donor != view->self && isfinite(p->members[donor].seen.fitness);
  return gives ? donor : CLADE_KEEP;
}

static int decide(struct clade_population *p, struct clade_view *view, struct cl_err *e) {
  size_t member = view->self, donor = choose_donor(p, view);
  const struct cl_api_member *m = &p->members[member];
  const struct cl_trial *t = cl_study_trial(study_of(p), m->seen.trial);
  bool alone = donor == CLADE_KEEP || p->options.exploit.state_alone;
  if (donor == CLADE_KEEP && m->trial == NULL) return 0; /* failed, and nobody can give */
  const struct cl_trial *from = alone ? t : cl_study_trial(study_of(p), p->members[donor].seen.trial);
  cl_trial_values(study_of(p), from, p->values);
  explore(p, view, t, donor != CLADE_KEEP);
  struct cl_text args = {0};
  write_args(p, member, donor, &args);
  int status = args.failed ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0 && donor != CLADE_KEEP) status = take_over(p, member, donor, cl_text_get(&args), e);
  if (status == 0 && donor == CLADE_KEEP) {
    struct cl_assigned_list changed = list_values(p, p->before);
    if (changed.n > 0) status = cl_asker_set(p->study->asker, m->seen.trial, changed, cl_text_get(&args), e);
  }
  cl_text_done(&args);
  return status;
}

/* Rounds. */

static int train_one(struct clade_population *p, size_t member, struct cl_err *e) {
  struct cl_api_member *m = &p->members[member];
  const struct clade_model *model = &p->options.model;
  m->snapshot = 0;
  p->n_noted = 1;
  listen_for_metrics(p, m->trial);
  int failed = model->step(model->ctx, m->model, m->trial);
  m->trial->population = NULL;
  if (failed != 0) return end_member(p, member, CLADE_TOLD_FAILED, e);
  m->seen.step += p->options.step;
  return evaluate(p, member, e);
}

/* 0, or a person's change came in between: it is decided again in the next turn. */
static int is_overtaken(int status) {
  return status == CLADE_ECONFLICT || status == CLADE_EREFUSED;
}

static int take_turn(struct clade_population *p, size_t member, bool *ret_ready, struct cl_err *e) {
  struct clade_member *m = &p->members[member].seen;
  struct clade_view view = {p, member,
                            cl_rng_stream((uint64_t)cl_study_seed(study_of(p)), CL_RNG_EXPLOIT,
                                          (uint64_t)m->trial, (uint32_t)p->round)};
  assert_member_state(&p->members[member]);
  if (m->state == CLADE_MEMBER_DONE) return 0;
  if (p->options.done.is_done(&p->options.done, &view))
    return m->state == CLADE_MEMBER_TRAINS ? end_member(p, member, CLADE_TOLD_COMPLETE, e) : 0;
  if (m->state == CLADE_MEMBER_FAILED)
    m->step += p->options.step; /* its turns pass, so that it is ready again */
  if (p->options.ready.is_ready(&p->options.ready, &view)) {
    int status = decide(p, &view, e);
    if (status < 0 && !(is_overtaken(status) && p->members[member].trial != NULL)) return status;
    m->ready = m->step;
    *ret_ready = true;
  }
  return m->state == CLADE_MEMBER_TRAINS ? train_one(p, member, e) : 0;
}

static bool is_over(const struct clade_population *p) {
  for (size_t i = 0; i < p->n; i++)
    if (p->members[i].seen.state == CLADE_MEMBER_TRAINS) return false;
  return true;
}

static int tell_generation(struct clade_population *p) {
  if (p->options.generation == NULL || p->best == NULL) return 0;
  return p->options.generation(p->options.ctx, ++p->generation, p->best, p->best_value);
}

static int begin_members(struct clade_population *p, struct cl_err *e) {
  const struct clade_model *model = &p->options.model;
  for (size_t i = 0; i < p->n; i++) {
    struct cl_api_member *m = &p->members[i];
    int status = clade_study_ask(p->study, &m->trial, e);
    if (status != 0)
      return status < 0 ? status
                        : CL_FAIL(e, CLADE_EREFUSED, "the search gave only %zu of %zu members", i, p->n);
    m->seen.trial = clade_trial_number(m->trial);
    m->seen.state = CLADE_MEMBER_TRAINS;
    m->model = model->create(model->ctx, m->trial);
    if (m->model == NULL)
      return CL_FAIL(e, CLADE_EREFUSED, "no model could be made for trial %lld: create failed",
                     (long long)m->seen.trial);
    p->n_noted = 1;
    CL_TRY(evaluate(p, i, e));
  }
  return 0;
}

int clade_population_train(struct clade_population *p, struct cl_err *e) {
  if (p == NULL) return CL_FAIL(e, CLADE_EINVAL, "no population was given: create one first");
  if (p->trained) return 0;
  p->trained = true;
  CL_TRY(begin_members(p, e));
  while (!is_over(p)) {
    bool ready = false;
    p->round++;
    for (size_t i = 0; i < p->n; i++) CL_TRY(take_turn(p, i, &ready, e));
    int status = ready || is_over(p) ? tell_generation(p) : 0;
    if (status != 0) return status;
  }
  return 0;
}

/* Making. */

static bool is_name(const char *name) {
  size_t n = name == NULL ? 0 : strlen(name);
  if (n < 1 || n > 40) return false;
  for (size_t i = 0; i < n; i++)
    if (!isalnum((unsigned char)name[i]) && name[i] != '_') return false;
  return true;
}

static void add_standard(struct clade_population_options *o) {
  if (o->done.is_done == NULL) o->done = clade_policy_stop_after(10);
  if (o->ready.is_ready == NULL) o->ready = clade_policy_ready_after(2);
  if (o->exploit.choose == NULL) o->exploit = clade_policy_truncation(0.2, 0.2);
  if (o->explore.explore == NULL) o->explore = clade_policy_perturb(1.2, 0.25);
  if (o->step == 0) o->step = 1;
  if (o->study.store == NULL) o->study.store = "memory:";
}

static int check_policies(const struct clade_population_options *o, struct cl_err *e) {
  const char *names[] = {o->done.name, o->ready.name, o->exploit.name, o->explore.name};
  for (int i = 0; i < 4; i++)
    if (!is_name(names[i]))
      return CL_FAIL(e, CLADE_EINVAL,
                     "a policy is called '%.60s', but needs a name of 1 to 40 letters, digits and _",
                     names[i] == NULL ? "" : names[i]);
  bool shares = o->exploit.choose != clade_policy_truncation(0.2, 0.2).choose ||
                (o->exploit.a > 0 && o->exploit.a <= 1 && o->exploit.b > 0 && o->exploit.b <= 1);
  if (!shares)
    return CL_FAIL(e, CLADE_EINVAL, "truncation needs shares over 0 and up to 1, not %g and %g", o->exploit.a,
                   o->exploit.b);
  bool factor = o->explore.explore != clade_policy_perturb(1.2, 0.25).explore ||
                (o->explore.a > 0 && isfinite(o->explore.a) && isfinite(1 / o->explore.a) &&
                 o->explore.b >= 0 && o->explore.b <= 1);
  if (!factor)
    return CL_FAIL(e, CLADE_EINVAL,
                   "perturb needs a finite factor over 0 and a probability up to 1, not %g and %g",
                   o->explore.a, o->explore.b);
  bool ends = o->done.is_done != clade_policy_stop_after(10).is_done || !isnan(o->done.a);
  bool asks = o->ready.is_ready != clade_policy_ready_after(2).is_ready || !isnan(o->ready.a);
  return ends && asks ? 0
                      : CL_FAIL(e, CLADE_EINVAL, "stop_after and ready_after need numbers of units, not nan");
}

static int check_options(const struct clade_population_options *o, struct cl_err *e) {
  const struct clade_model *m = &o->model;
  if (m->create == NULL || m->step == NULL || m->score == NULL || m->copy == NULL || m->destroy == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "a population needs create, step, score, copy and destroy of its model");
  if (o->study.trials < 1 || o->study.trials > MEMBERS_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "a population has 1 to %d members (options.study.trials), not %lld",
                   MEMBERS_MAX, (long long)o->study.trials);
  if (!(o->step > 0) || !isfinite(o->step))
    return CL_FAIL(e, CLADE_EINVAL, "the step of a population must be over 0, not %g", o->step);
  if (o->n_initial > (size_t)o->study.trials || (o->n_initial > 0 && o->initial == NULL))
    return CL_FAIL(e, CLADE_EINVAL, "values were given for %zu members of %lld", o->n_initial,
                   (long long)o->study.trials);
  return check_policies(o, e);
}

static int make_room(struct clade_population *p, struct cl_err *e) {
  size_t n = (size_t)cl_study_space(study_of(p))->n;
  p->n = (size_t)p->options.study.trials;
  p->members = cl_alloc_array(p->n, sizeof *p->members);
  p->order = cl_alloc_array(p->n, sizeof *p->order);
  p->values = cl_alloc_array(2 * n + 1, sizeof *p->values); /* the second half: of clade_proposal_perturb */
  p->before = cl_alloc_array(n + 1, sizeof *p->before);
  p->assigned = cl_alloc_array(n + 1, sizeof *p->assigned);
  if (p->members == NULL || p->order == NULL || p->values == NULL || p->before == NULL || p->assigned == NULL)
    return CL_FAIL_NOMEM(e);
  p->n_worthless = p->n;
  for (size_t i = 0; i < p->n; i++) {
    p->members[i].seen.fitness = -INFINITY;
    p->members[i].seen.value = NAN;
    p->order[i] = (uint32_t)i;
  }
  return 0;
}

static int create(struct clade_population *p, struct cl_err *e) {
  CL_TRY(clade_study_create(&p->options.study, &p->study, e));
  p->sign = clade_study_maximizes(p->study, 0) ? 1 : -1;
  p->best_fitness = -INFINITY;
  p->best_value = NAN;
  CL_TRY(make_room(p, e));
  for (size_t i = 0; i < p->options.n_initial; i++)
    CL_TRY(clade_study_enqueue(p->study, p->options.initial[i].values, p->options.initial[i].n, NULL, e));
  return 0;
}

int clade_population_create(const struct clade_population_options *options, struct clade_population **ret,
                            struct cl_err *e) {
  if (options == NULL || ret == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "no options, or no place for the population");
  struct clade_population *p = cl_alloc(sizeof *p);
  if (p == NULL) return CL_FAIL_NOMEM(e);
  p->options = *options;
  add_standard(&p->options);
  int status = check_options(&p->options, e);
  if (status == 0) status = create(p, e);
  if (status < 0)
    clade_population_destroy(p);
  else
    *ret = p;
  return status;
}

void clade_population_destroy(struct clade_population *p) {
  if (p == NULL) return;
  const struct clade_model *model = &p->options.model;
  for (size_t i = 0; p->members != NULL && i < p->n; i++) {
    if (p->members[i].model != NULL) model->destroy(model->ctx, p->members[i].model);
    cl_free(p->members[i].observations);
  }
  if (p->best != NULL) model->destroy(model->ctx, p->best);
  clade_study_close(p->study);
  cl_arena_done(&p->arena);
  cl_free(p->members);
  cl_free(p->order);
  cl_free(p->values);
  cl_free(p->before);
  cl_free(p->assigned);
  cl_free(p);
}

const void *clade_population_best(const struct clade_population *p, double *ret_value) {
  if (p == NULL || p->best == NULL) return NULL;
  if (ret_value != NULL) *ret_value = p->best_value;
  return p->best;
}

const struct clade_member *clade_population_member(const struct clade_population *p, size_t i) {
  return p == NULL || i >= p->n ? NULL : &p->members[i].seen;
}

struct clade_study *clade_population_study(struct clade_population *p) {
  return p == NULL ? NULL : p->study;
}
