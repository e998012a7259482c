/* What all schedulers share: the registry, the options, and the life of one. */
#include "schedule/scheduler.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "model/plugin.h"
#include "schedule/methods.h"

struct cl_scheduler {
  const struct cl_scheduler_ops *ops;
  struct cl_schedule_env env;
  void *state; /* of the method; null until the study has a schedule */
};

/* clang-format off */
static const struct cl_scheduler_ops *const schedulers[] = {
  &cl_pbt_schedule,
  &cl_epbt_schedule,
  &cl_pb2_schedule,
  &cl_pb2_mix_schedule,
  &cl_mf_pbt_schedule,
  &cl_ipbt_schedule,
  &cl_fire_schedule,
  NULL};
/* clang-format on */

const struct cl_scheduler_ops *const *cl_schedulers(void) {
  return schedulers;
}

const struct cl_scheduler_ops *cl_scheduler_find(const char *name) {
  for (int i = 0; schedulers[i] != NULL; i++)
    if (strcmp(schedulers[i]->name, name) == 0) return schedulers[i];
  return cl_plugin_is_path(name) ? &cl_policies_schedule : NULL;
}

static const struct cl_scheduler_ops *ops_of(const struct cl_settings *settings) {
  const char *method = cl_settings_scheduler(settings);
  return method == NULL ? NULL : cl_scheduler_find(method);
}

static struct cl_options options_of(const struct cl_scheduler_ops *ops, const struct cl_settings *settings) {
  return (struct cl_options){"schedule", ops->name, ops->options, settings->schedule};
}

static int refuse(const char *method, struct cl_err *e) {
  struct cl_text known = {0};
  for (int i = 0; schedulers[i] != NULL; i++)
    cl_text_format(&known, "%s%s", i == 0 ? "" : ", ", schedulers[i]->name);
  size_t n = strlen(method);
  bool file = n > 3 && strcmp(method + n - 3, ".so") == 0;
  int status = CL_FAIL(e, CLADE_ESPEC, "schedule: this clade has no method \"%s\"; it has %s%s%s", method,
                       known.failed ? "others" : cl_text_get(&known),
                       file ? "; a shared object is named with its path: ./" : "", file ? method : "");
  cl_text_done(&known);
  return status;
}

/* What other methods have. */
static int refuse_options(const struct cl_scheduler_ops *ops, const struct cl_options *o, struct cl_err *e) {
  for (const struct cl_refusal *r = ops->refusals; r != NULL && r->option != NULL; r++)
    if (json_object_get(o->given, r->option) != NULL)
      return CL_FAIL(e, CLADE_ESPEC, "schedule: %s does not go with method %s, %s", r->option, ops->name,
                     r->why);
  return 0;
}

int cl_schedule_check(const struct cl_settings *settings, struct cl_err *e) {
  if (settings->schedule == NULL) return 0;
  const struct cl_scheduler_ops *ops = ops_of(settings);
  const char *method = cl_settings_scheduler(settings);
  if (ops == NULL) return refuse(method == NULL ? "" : method, e);
  struct cl_options options = options_of(ops, settings);
  CL_TRY(refuse_options(ops, &options, e));
  if (ops != &cl_policies_schedule) CL_TRY(cl_options_check(&options, e)); /* else some are their own */
  return ops->check(settings, &options, e);
}

/* Instead of an interval. */
static bool has_ready(const struct cl_settings *settings) {
  return json_object_size(json_object_get(settings->schedule, "ready")) > 0;
}

void cl_schedule_describe(const struct cl_settings *settings, struct cl_text *ret) {
  const struct cl_scheduler_ops *ops = ops_of(settings);
  if (ops == NULL) return;
  struct cl_options options = options_of(ops, settings);
  bool first = true;
  for (const struct cl_option *o = ops->options; o->name != NULL; o++) {
    if (strcmp(o->name, "population") == 0) continue; /* every trial is a member */
    if (strcmp(o->name, "interval") == 0 && has_ready(settings)) continue;
    if (!cl_options_applies(&options, o)) continue;
    cl_text_format(ret, "%s%s ", first ? "" : ", ", o->name);
    cl_options_write(&options, o->name, ret);
    first = false;
  }
  if (ops == &cl_policies_schedule) cl_policies_describe(settings, ret);
}

bool cl_schedule_exploits(const struct cl_settings *settings) {
  const struct cl_scheduler_ops *ops = ops_of(settings);
  return ops != NULL && (ops->capabilities & CL_SCHEDULE_EXPLOITS);
}

bool cl_schedule_needs_curves(const struct cl_settings *settings) {
  const struct cl_scheduler_ops *ops = ops_of(settings);
  if (ops != NULL && has_ready(settings)) return true;
  if (ops == NULL || ops->curves == NULL) return false;
  struct cl_options options = options_of(ops, settings);
  return ops->curves(&options);
}

double cl_schedule_until(const struct cl_settings *settings, const struct cl_trial *t) {
  const struct cl_scheduler_ops *ops = ops_of(settings);
  bool member = cl_role_is_searched(t->head.role);
  bool decided = !isnan(t->head.until) || t->head.attempt > 0; /* to run freely, perhaps */
  if (ops == NULL || !member || decided) return t->head.until;
  struct cl_options options = options_of(ops, settings);
  return ops->first(&options);
}

double cl_schedule_last(const struct cl_settings *settings) {
  const struct cl_scheduler_ops *ops = ops_of(settings);
  if (ops == NULL || ops->last == NULL) return NAN;
  struct cl_options options = options_of(ops, settings);
  double last = ops->last(&options);
  assert(!(last <= 0));
  return last;
}

/* Settings belong to their replica, and an update replaces them. */
static void refresh(struct cl_scheduler *s) {
  s->env.settings = cl_study_settings(s->env.study);
  s->env.options = options_of(s->ops, s->env.settings);
}

static int make_method(struct cl_scheduler *s, struct cl_err *e) {
  const struct cl_settings *settings = cl_study_settings(s->env.study);
  CL_TRY(cl_schedule_check(settings, e));
  s->ops = ops_of(settings);
  refresh(s);
  s->state = cl_alloc(s->ops->state_size);
  if (s->state == NULL) return CL_FAIL_NOMEM(e);
  return s->ops->init(s->state, &s->env, e);
}

int cl_scheduler_create(const struct cl_study *study, struct cl_scheduler **ret, struct cl_err *e) {
  struct cl_scheduler *s = cl_alloc(sizeof *s);
  if (s == NULL) return CL_FAIL_NOMEM(e);
  s->env.study = study;
  *ret = s;
  return 0;
}

void cl_scheduler_destroy(struct cl_scheduler *s) {
  if (s == NULL) return;
  if (s->state != NULL) s->ops->done(s->state);
  cl_free(s->state);
  cl_free(s);
}

void cl_scheduler_move(struct cl_scheduler *s, const struct cl_study *study) {
  assert(cl_study_head(study)->position == cl_study_head(s->env.study)->position);
  s->env.study = study;
  if (s->state != NULL) refresh(s);
}

int cl_scheduler_apply(struct cl_scheduler *s, const struct cl_event *ev, struct cl_err *e) {
  if (s->state == NULL) {
    const struct cl_settings *settings = cl_study_settings(s->env.study);
    return settings->schedule == NULL ? 0 : make_method(s, e);
  }
  if (ev->kind == CL_EVENT_UPDATED) refresh(s);
  return s->ops->apply(s->state, ev, e);
}

int cl_scheduler_next(struct cl_scheduler *s, const struct cl_schedule_room *room, struct cl_event *ret,
                      struct cl_err *e) {
  assert(room->unproposed >= 0);
  return s->state == NULL ? CLADE_EMPTY : s->ops->next(s->state, room, ret, e);
}

int cl_scheduler_again(struct cl_scheduler *s, const struct cl_event *recorded, struct cl_event *ret,
                       struct cl_err *e) {
  if (s->state == NULL)
    return CL_FAIL(e, CLADE_EUNSUPPORTED, "the study has no schedule that could decide again");
  if (s->ops->again == NULL)
    return CL_FAIL(e, CLADE_EUNSUPPORTED, "schedule method %s cannot be asked again", s->ops->name);
  return s->ops->again(s->state, recorded, ret, e);
}

int cl_scheduler_asks(struct cl_scheduler *s, int64_t trial, struct cl_err *e) {
  return s->state == NULL ? 0 : s->ops->asks(s->state, trial, e);
}

int cl_scheduler_keeps(struct cl_scheduler *s, int (*visit)(void *ctx, int64_t snapshot), void *ctx) {
  if (s->state == NULL) return 0;
  return s->ops->keeps == NULL ? CLADE_BUSY : s->ops->keeps(s->state, visit, ctx);
}
