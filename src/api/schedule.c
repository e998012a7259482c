/* Schedules: from the log, from files, into files. */
#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "query/best.h"
#include "query/timetable.h"
#include "spec/timetable.h"

struct result {
  struct clade_schedule schedule; /* first: a pointer to it is one to the whole */
  struct cl_timetable table;
  struct cl_arena arena;
};
_Static_assert(offsetof(struct result, schedule) == 0, "a pointer to the one is a pointer to the other");

void clade_schedule_free(struct clade_schedule *s) {
  struct result *r = (struct result *)s;
  if (r == NULL) return;
  cl_timetable_done(&r->table);
  cl_arena_done(&r->arena);
  cl_free(r);
}

static const struct clade_named_value *name_values(struct cl_arena *a,
                                                   const struct cl_timetable_value *values, size_t n) {
  struct clade_named_value *named = cl_arena_array(a, n + 1, sizeof *named);
  for (size_t i = 0; named != NULL && i < n; i++)
    named[i] = (struct clade_named_value){.name = values[i].name, .value = cl_api_value(values[i].value)};
  return named;
}

/* Of r->table, whose texts it borrows. */
static int fill(struct result *r, struct cl_err *e) {
  struct clade_schedule *s = &r->schedule;
  const struct cl_timetable *t = &r->table;
  struct clade_schedule_change *changes = cl_arena_array(&r->arena, t->n_changes + 1, sizeof *changes);
  *s = (struct clade_schedule){.study = t->study,
                               .trial = t->trial,
                               .has_seed = t->has_seed,
                               .seed = t->seed,
                               .metric = t->metric,
                               .unit = t->unit,
                               .value = NAN,
                               .last_step = NAN,
                               .n_initial = t->n_initial,
                               .n_changes = t->n_changes,
                               .initial = name_values(&r->arena, t->initial, t->n_initial),
                               .changes = changes};
  if (changes == NULL || s->initial == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < t->n_changes; i++) {
    const struct cl_timetable_change *c = &t->changes[i];
    assert(i == 0 || c->step >= t->changes[i - 1].step);
    changes[i] = (struct clade_schedule_change){
        .step = c->step, .cause = c->cause, .n_values = c->n, .values = name_values(&r->arena, c->set, c->n)};
    if (changes[i].values == NULL) return CL_FAIL_NOMEM(e);
  }
  return 0;
}

static int fill_legs(struct result *r, const struct cl_lineage *l, struct cl_err *e) {
  struct clade_schedule_leg *legs = cl_arena_array(&r->arena, l->n + 1, sizeof *legs);
  if (legs == NULL) return CL_FAIL_NOMEM(e);
  assert(r->schedule.legs == NULL && l->n >= 1);
  for (size_t i = 0; i < l->n; i++)
    legs[i] = (struct clade_schedule_leg){.trial = l->legs[i].trial,
                                          .from = l->legs[i].from,
                                          .to = l->legs[i].to,
                                          .missing = l->legs[i].n_missing};
  r->schedule.legs = legs;
  r->schedule.n_legs = l->n;
  return 0;
}

static int choose(const struct cl_study *s, int64_t typed, int64_t *ret, struct cl_err *e) {
  *ret = typed;
  return typed != 0 ? 0 : cl_best_need(s, ret, e);
}

int clade_schedule_read(struct clade_reader *reader, int64_t trial, struct clade_schedule **ret,
                        struct cl_err *e) {
  const struct cl_study *s = NULL;
  struct cl_lineage lineage = {0};
  CL_TRY(cl_api_check(reader, "reader", ret, e));
  if (trial < 0)
    return CL_FAIL(e, CLADE_EINVAL, "trials are numbered from 1; %lld is none", (long long)trial);
  CL_TRY(cl_reader_need(reader->reader, 0, 0, &s, e));
  CL_TRY(choose(s, trial, &trial, e));
  struct result *r = cl_alloc(sizeof *r);
  if (r == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_timetable_read(reader->reader, trial, &r->table, &lineage, e);
  if (status == 0) status = fill(r, e);
  if (status == 0) status = fill_legs(r, &lineage, e);
  cl_lineage_done(&lineage);
  if (status < 0) {
    clade_schedule_free(&r->schedule);
    return status;
  }
  assert(r->schedule.trial == trial && cl_study_trial(s, trial) != NULL);
  r->schedule.value = cl_study_trial(s, trial)->value;
  r->schedule.last_step = cl_study_trial(s, trial)->head.step;
  *ret = &r->schedule;
  return 0;
}

int clade_schedule_load(const char *path, struct clade_schedule **ret, struct cl_err *e) {
  if (path == NULL || ret == NULL) return CL_FAIL(e, CLADE_EINVAL, "name the file that holds the schedule");
  struct result *r = cl_alloc(sizeof *r);
  if (r == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_timetable_load(path, &r->table, e);
  if (status == 0) status = fill(r, e);
  if (status < 0)
    clade_schedule_free(&r->schedule);
  else
    *ret = &r->schedule;
  return status;
}

int clade_schedule_write(const struct clade_schedule *s, enum clade_schedule_form form,
                         struct clade_text *ret, struct cl_err *e) {
  if (s == NULL || ret == NULL) return CL_FAIL(e, CLADE_EINVAL, "no schedule, or no place for its text");
  const struct cl_timetable *t = &((const struct result *)s)->table;
  struct cl_text text = {0};
  int status = 0;
  switch (form) {
  case CLADE_SCHEDULE_YAML: cl_timetable_write_yaml(t, &text); break;
  case CLADE_SCHEDULE_CSV: status = cl_timetable_write_csv(t, &text, e); break;
  case CLADE_SCHEDULE_JSON:
    cl_timetable_write_json(t, &text);
    cl_text_add_char(&text, '\n');
    break;
  default:
    status = CL_FAIL(e, CLADE_EINVAL, "%d is no form of a schedule: YAML, JSON and CSV are", (int)form);
  }
  if (status == 0) clade_text_add_bytes(ret, cl_text_get(&text), text.length);
  if (status == 0 && (text.failed || ret->failed)) status = CL_FAIL_NOMEM(e);
  cl_text_done(&text);
  return status;
}
