/* All about a trial. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "query/sentence.h"
#include "query/story.h"
#include "run/provenance.h"

struct result {
  struct clade_trial_info info; /* first: a pointer to it is one to the whole */
  struct cl_arena arena;
};
_Static_assert(offsetof(struct result, info) == 0, "a pointer to the one is a pointer to the other");

struct filling {
  struct result *r;
  struct clade_reader *reader;
  const struct cl_study *study;
  const struct cl_trial *trial;
  const struct cl_story *story;
  struct cl_err *e;
};

void clade_trial_free(struct clade_trial_info *info) {
  struct result *r = (struct result *)info;
  if (r == NULL) return;
  cl_arena_done(&r->arena);
  cl_free(r);
}

static int keep(struct filling *f, const char *text, const char **ret) {
  return cl_api_keep_text(&f->r->arena, text, ret, f->e);
}

static int find_parent(struct filling *f, int64_t *ret) {
  int64_t donor = cl_trial_donor(f->trial);
  *ret = 0;
  return donor == 0 ? 0 : cl_reader_snapshot_trial(f->reader->reader, donor, ret, f->e);
}

static int fill_head(struct filling *f) {
  struct clade_trial_info *i = &f->r->info;
  const struct cl_settings *settings = cl_study_settings(f->study);
  assert(f->trial != NULL && settings->n_objectives > 0);
  const struct cl_trial *t = f->trial;
  i->number = t->number;
  i->state = cl_state_name(t->head.state);
  i->role = cl_role_name((enum cl_role)t->head.role);
  i->of = t->of;
  i->repeat = t->repeat;
  i->seed = (int64_t)cl_trial_seed(f->study, t);
  i->attempts = t->head.attempt;
  i->value = t->value;
  i->goal = settings->objectives[0].goal == CL_MAXIMIZE ? "maximize" : "minimize";
  i->started_ms = cl_api_wall_ms(f->study, t->started_ms);
  i->ended_ms = cl_state_is_pending(t->head.state) ? -1 : cl_api_wall_ms(f->study, cl_trial_ended_ms(t));
  CL_TRY(keep(f, cl_study_name(f->study), &i->study));
  CL_TRY(keep(f, settings->objectives[0].name, &i->metric));
  CL_TRY(keep(f, settings->step, &i->step_unit));
  i->directory = cl_arena_format(&f->r->arena, "%s/%s/%lld", cl_study_directory(f->study), i->study,
                                 (long long)t->number);
  if (i->directory == NULL) return CL_FAIL_NOMEM(f->e);
  CL_TRY(find_parent(f, &i->parent));
  return cl_api_values(&f->r->arena, f->study, t, &i->values, &i->n_values, f->e);
}

static int name_metrics(struct filling *f, const struct cl_story_report *report,
                        const struct clade_named_value **ret) {
  assert(report->n_metrics >= 0 && report->n_metrics <= CL_METRICS_MAX);
  struct clade_named_value *m = cl_arena_array(&f->r->arena, (size_t)report->n_metrics, sizeof *m);
  if (m == NULL) return CL_FAIL_NOMEM(f->e);
  for (int k = 0; k < report->n_metrics; k++) {
    CL_TRY(keep(f, report->metrics[k].name, &m[k].name));
    m[k].value = (struct clade_value){.kind = CLADE_REAL, .as.real = report->metrics[k].value};
  }
  *ret = m;
  return 0;
}

/* The metric of a report; null if it has none of this id. */
static const struct clade_named_value *find_metric(const struct cl_story_report *own,
                                                   const struct clade_report *report, int id) {
  assert(report->n_metrics == (size_t)own->n_metrics && id >= 1);
  for (int n = 0; n < own->n_metrics; n++)
    if (own->metrics[n].id == id) return &report->metrics[n];
  return NULL;
}

/* What the record lacks comes from the last report that counts and has it, as in listings. */
static int fill_metrics(struct filling *f, const struct clade_report *reports) {
  struct clade_trial_info *i = &f->r->info;
  int known = cl_study_metrics(f->study);
  struct clade_named_value *m = cl_arena_array(&f->r->arena, (size_t)known, sizeof *m);
  if (m == NULL) return CL_FAIL_NOMEM(f->e);
  for (int id = 1; id <= known; id++) {
    const struct clade_named_value *last = NULL, *of_record = NULL;
    for (size_t k = 0; k < f->story->n_reports; k++) {
      const struct clade_named_value *found = find_metric(&f->story->reports[k], &reports[k], id);
      if (found != NULL && reports[k].counts && !f->story->reports[k].given_up && id != 1) last = found;
      if (f->story->reports[k].position == f->trial->record) of_record = found;
    }
    if (of_record != NULL) last = of_record;
    if (last != NULL)
      m[i->n_metrics++] = *last;
    else if (id == 1 && !isnan(f->trial->value)) /* of the state that was taken over */
      m[i->n_metrics++] = (struct clade_named_value){
          .name = i->metric, .value = {.kind = CLADE_REAL, .as.real = f->trial->value}};
  }
  assert(i->n_metrics <= (size_t)known);
  i->metrics = m;
  return 0;
}

static int fill_reports(struct filling *f) {
  struct clade_trial_info *i = &f->r->info;
  struct clade_report *reports = cl_arena_array(&f->r->arena, f->story->n_reports, sizeof *reports);
  if (reports == NULL) return CL_FAIL_NOMEM(f->e);
  for (size_t k = 0; k < f->story->n_reports; k++) {
    const struct cl_story_report *own = &f->story->reports[k];
    reports[k] = (struct clade_report){.time_ms = cl_api_wall_ms(f->study, own->time_ms),
                                       .attempt = own->attempt,
                                       .step = own->step,
                                       .counts = !own->late && !own->is_void,
                                       .n_metrics = (size_t)own->n_metrics};
    CL_TRY(name_metrics(f, own, &reports[k].metrics));
  }
  i->reports = reports;
  i->n_reports = f->story->n_reports;
  return fill_metrics(f, reports);
}

static int describe_end(struct filling *f, const struct cl_story_attempt *a, const char **ret) {
  struct cl_arena *arena = &f->r->arena;
  if (!a->ended)
    *ret = a->done ? "done" : "running";
  else if (a->lost)
    *ret = "lost";
  else if (!a->known)
    *ret = "status unknown";
  else
    *ret = cl_arena_format(arena, "%s %d", a->signal != 0 ? "signal" : "status",
                           a->signal != 0 ? a->signal : a->status);
  return *ret == NULL ? CL_FAIL_NOMEM(f->e) : 0;
}

/* What the attempts of this worker ran, where the worker says so itself. */
static int fill_code(struct filling *f, const struct cl_worker_info *w, struct clade_attempt *ret) {
  struct cl_text changes = {0};
  if (w == NULL || w->provenance == NULL) return 0;
  cl_provenance_compare(cl_study_provenance(f->study), w->provenance, &changes);
  int status = keep(f, w->provenance, &ret->provenance);
  if (status == 0 && changes.length > 0) status = keep(f, cl_text_get(&changes), &ret->code_changes);
  if (status == 0 && changes.failed) status = CL_FAIL_NOMEM(f->e);
  cl_text_done(&changes);
  return status;
}

static int take_saved(void *ctx, const struct cl_event *ev) {
  struct clade_attempt *a = ctx;
  if (ev->kind != CL_EVENT_SAVED) return 0;
  a->from_trial = ev->subject;
  a->from_step = ev->u.saved.step;
  return 0;
}

static int fill_attempts(struct filling *f) {
  struct clade_trial_info *i = &f->r->info;
  struct clade_attempt *attempts = cl_arena_array(&f->r->arena, f->story->n_attempts, sizeof *attempts);
  if (attempts == NULL) return CL_FAIL_NOMEM(f->e);
  for (size_t k = 0; k < f->story->n_attempts; k++) {
    const struct cl_story_attempt *own = &f->story->attempts[k];
    const struct cl_worker_info *w = cl_study_worker(f->study, own->worker);
    assert(own->number >= 1 && own->from >= 0);
    attempts[k] = (struct clade_attempt){.number = own->number,
                                         .worker = own->worker,
                                         .started_ms = cl_api_wall_ms(f->study, own->started_ms),
                                         .ended_ms = cl_api_wall_ms(f->study, own->ended_ms),
                                         .from_step = NAN,
                                         .reports = own->reports,
                                         .last_step = own->last_step};
    CL_TRY(keep(f, w == NULL ? NULL : w->host, &attempts[k].host));
    CL_TRY(describe_end(f, own, &attempts[k].end));
    CL_TRY(keep(f, own->reason, &attempts[k].reason));
    CL_TRY(fill_code(f, w, &attempts[k]));
    struct cl_read one = {.after = own->from - 1, .until = own->from};
    if (own->from != 0)
      CL_TRY(cl_store_read(f->reader->store, cl_reader_id(f->reader->reader), &one, take_saved, &attempts[k],
                           f->e));
  }
  i->attempt_list = attempts;
  i->n_attempt_list = f->story->n_attempts;
  return 0;
}

static int fill_changes(struct filling *f) {
  struct clade_trial_info *i = &f->r->info;
  const struct cl_space *space = cl_study_space(f->study);
  struct clade_change *changes = cl_arena_array(&f->r->arena, f->story->n_changes, sizeof *changes);
  if (changes == NULL) return CL_FAIL_NOMEM(f->e);
  for (size_t k = 0; k < f->story->n_changes; k++) {
    const struct cl_story_change *own = &f->story->changes[k];
    if (own->kind == CL_EVENT_PROPOSED || own->kind == CL_EVENT_IMPORTED) continue;
    struct clade_change *c = &changes[i->n_changes++];
    *c = (struct clade_change){.position = own->position,
                               .time_ms = cl_api_wall_ms(f->study, own->time_ms),
                               .cause = own->cause == CL_CAUSE_HUMAN   ? "a person"
                                        : own->cause != CL_CAUSE_NONE  ? cl_cause_name(own->cause)
                                        : own->kind == CL_EVENT_VOIDED ? "taken back"
                                                                       : cl_kind_name(own->kind),
                               .step = own->step,
                               .by = own->by};
    assert(own->index >= 0 && own->index < space->n);
    CL_TRY(keep(f, space->items[own->index].name, &c->name));
    CL_TRY(cl_api_keep_value(&f->r->arena, own->before, &c->before, f->e));
    CL_TRY(cl_api_keep_value(&f->r->arena, own->after, &c->after, f->e));
  }
  assert(i->n_changes <= f->story->n_changes);
  i->changes = changes;
  return 0;
}

int clade_trial_read(struct clade_reader *reader, int64_t trial, struct clade_trial_info **ret,
                     struct cl_err *e) {
  CL_TRY(cl_api_check(reader, "reader", ret, e));
  if (trial < 1)
    return CL_FAIL(e, CLADE_EINVAL, "trials are numbered from 1; %lld is none", (long long)trial);
  struct cl_story story = {0};
  struct filling f = {.reader = reader, .story = &story, .e = e};
  CL_TRY(cl_story_read(reader->reader, trial, &story, e));
  int status = (f.r = cl_alloc(sizeof *f.r)) == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status >= 0) status = cl_reader_need(reader->reader, trial, trial, &f.study, e);
  if (status >= 0) f.trial = cl_study_trial(f.study, trial);
  assert(status < 0 || (f.trial != NULL && f.trial->number == trial));
  if (status >= 0) status = fill_head(&f);
  if (status >= 0) status = fill_reports(&f);
  if (status >= 0) status = fill_attempts(&f);
  if (status >= 0) status = fill_changes(&f);
  cl_story_done(&story);
  if (status >= 0)
    *ret = &f.r->info;
  else if (f.r != NULL)
    clade_trial_free(&f.r->info);
  return status < 0 ? status : 0;
}
