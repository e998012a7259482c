/* How the values of trials came to be what they are, where a schedule changes them while they train.
 *
 * Steps are those of the states that a training went on from. Of values that are set while a process trains
 * the step is not known to readers that leave reports out, so such a change is told apart by its position.
 */
#include <assert.h>
#include <string.h>

#include "base/rng.h"
#include "model/study_impl.h"

static uint64_t mix(uint64_t h, uint64_t x) {
  return cl_mix64(h ^ x) + 0x9E3779B97F4A7C15ull;
}

static uint64_t close_course(const struct cl_course_so_far *c, uint64_t values) {
  uint64_t since;
  memcpy(&since, &c->since, sizeof since);
  return mix(mix(mix(c->before, 1), since), values);
}

static bool has_schedule(const struct cl_study *s) {
  return s->settings != NULL && s->settings->schedule != NULL;
}

uint64_t cl_study_hash_values(const struct cl_study *s, const struct cl_trial *t) {
  return has_schedule(s) ? cl_study_mix_cells(s, t->number) : 0;
}

int cl_study_begin_course(struct cl_study *s, struct cl_trial *t, int64_t snapshot, struct cl_err *e) {
  const struct cl_snapshot *n = cl_study_snapshot(s, snapshot);
  struct cl_trial_more *m = NULL;
  if (!has_schedule(s)) return 0;
  CL_TRY(cl_study_more_of(s, t, &m, e));
  assert(n == NULL || n->position == snapshot);
  m->course = (struct cl_course_so_far){0};
  if (n != NULL && n->values == cl_study_hash_values(s, t))
    m->course = n->course;
  else if (n != NULL)
    m->course = (struct cl_course_so_far){close_course(&n->course, n->values), n->step};
  cl_study_forget_configurations(s, t->number);
  return 0;
}

void cl_study_set_course(struct cl_study *s, struct cl_trial *t, uint64_t before, int64_t position) {
  struct cl_trial_more *m = cl_study_more(t);
  bool trains = t->head.state == CL_RUNNING && t->head.load == 0;
  if (!has_schedule(s) || m == NULL || !trains || before == cl_study_hash_values(s, t)) return;
  assert(position > 0);
  m->course.before = mix(close_course(&m->course, before), (uint64_t)position);
}

void cl_study_save_course(const struct cl_study *s, const struct cl_trial *t, struct cl_snapshot *n) {
  assert(n->trial == t->number && n->values == 0);
  const struct cl_trial_more *m = cl_study_more(t);
  if (m != NULL) n->course = m->course;
  n->values = cl_study_hash_values(s, t);
}

uint64_t cl_study_course(const struct cl_study *s, const struct cl_trial *t) {
  const struct cl_trial_more *m = cl_study_more(t);
  struct cl_course_so_far begun = {0};
  if (!has_schedule(s)) return 0;
  return close_course(m == NULL ? &begun : &m->course, cl_study_hash_values(s, t));
}
