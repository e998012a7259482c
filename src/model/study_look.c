/* Looking at the replica, and its digest. */
#include "model/study_impl.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"

/* Looking. */

const struct cl_study_head *cl_study_head(const struct cl_study *s) {
  return &s->head;
}
const struct cl_settings *cl_study_settings(const struct cl_study *s) {
  return s->settings;
}
const struct cl_space *cl_study_space(const struct cl_study *s) {
  return &s->settings->space;
}
const char *cl_study_name(const struct cl_study *s) {
  return s->name;
}
const char *cl_study_uuid(const struct cl_study *s) {
  return s->uuid;
}
const char *cl_study_spec(const struct cl_study *s) {
  return s->spec;
}
const char *cl_study_directory(const struct cl_study *s) {
  return s->directory;
}
const char *cl_study_provenance(const struct cl_study *s) {
  return s->provenance;
}
int64_t cl_study_seed(const struct cl_study *s) {
  return s->seed;
}
int64_t cl_study_created_ms(const struct cl_study *s) {
  return s->created_ms;
}
int64_t cl_study_trials(const struct cl_study *s) {
  return s->head.trials;
}
int cl_study_reason(const struct cl_study *s) {
  return s->head.open ? 0 : (int)s->reason;
}
bool cl_study_is_newer(const struct cl_study *s) {
  return s->newer;
}
int64_t cl_study_pending(const struct cl_study *s) {
  return s->pending;
}
int64_t cl_study_enqueued(const struct cl_study *s) {
  return s->enqueued;
}
int64_t cl_study_points(const struct cl_study *s) {
  return s->points;
}
int64_t cl_study_asked(const struct cl_study *s) {
  return s->asked;
}
int64_t cl_study_failures_in_a_row(const struct cl_study *s) {
  return s->succeeded ? -1 : s->failed;
}
int64_t cl_study_best(const struct cl_study *s) {
  return s->best;
}
int cl_study_metrics(const struct cl_study *s) {
  return (int)s->n_metrics;
}
int cl_study_workers(const struct cl_study *s) {
  return s->head.workers;
}

int64_t cl_study_count(const struct cl_study *s, int state) {
  assert(state >= CL_WAITING && state <= CL_INFEASIBLE);
  return s->counts[state];
}

double cl_trial_objective(const struct cl_trial *t, int i) {
  assert(i >= 0 && i < CL_OBJECTIVES_MAX);
  if (i == 0) return t->value;
  const struct cl_trial_more *m = cl_study_more(t);
  return m == NULL || m->objectives == NULL ? NAN : m->objectives[i];
}

int cl_trial_objectives(const struct cl_study *s, const struct cl_trial *t, double *ret) {
  int kept = 0;
  bool scored = cl_trial_rollup(t).count > 0;
  for (int i = 0; scored && i < s->settings->n_objectives; i++) {
    ret[i] = cl_trial_objective(t, i);
    if (i > 0 && isnan(ret[i]) && !(t->head.flags & CL_FLAG_DIVERGED)) break; /* never reported */
    kept++;
  }
  assert(kept <= s->settings->n_objectives);
  return kept;
}

uint64_t cl_trial_seed_of(int64_t study_seed, int64_t number, int64_t repeat) {
  assert(number >= 1 && repeat >= 0);
  struct cl_rng r =
      cl_rng_stream((uint64_t)study_seed, CL_RNG_TRIAL_SEED, (uint64_t)number, (uint32_t)repeat);
  return cl_rng_bits(&r) >> 33; /* 31 bits: every library takes such a seed */
}

uint64_t cl_trial_seed(const struct cl_study *s, const struct cl_trial *t) {
  const struct cl_trial_more *m = cl_study_more(t);
  return m != NULL && m->has_seed ? (uint64_t)m->seed : cl_trial_seed_of(s->seed, t->number, t->repeat);
}

bool cl_trial_is_held(const struct cl_study *s, const struct cl_trial *t, int index) {
  assert(index >= 0 && index < s->settings->space.n);
  const struct cl_trial_more *m = cl_study_more(t);
  if (m == NULL) return false;
  assert((m->held == NULL) == (m->n_held == 0));
  int column = cl_study_column(s, s->settings->space.items[index].id);
  return column >= 0 && (size_t)column < m->n_held && m->held[column];
}

const struct cl_worker_info *cl_study_worker(const struct cl_study *s, int worker) {
  return worker < 1 || (size_t)worker > s->n_workers ? NULL : &s->workers[worker - 1];
}

int cl_study_slots(const struct cl_study *s) {
  int64_t sum = 0;
  for (size_t i = 0; i < s->n_workers; i++) {
    assert(s->workers[i].slots >= 0);
    sum += s->workers[i].slots;
  }
  return sum > INT_MAX ? INT_MAX : (int)sum;
}

int64_t cl_study_first_waiting(const struct cl_study *s) {
  return s->queue_first < s->queue_end ? s->queue[s->queue_first].trial : 0;
}

int64_t cl_study_next_waiting(const struct cl_study *s, int64_t trial) {
  const struct cl_trial *t = cl_study_find(s, trial);
  assert(t != NULL && t->head.state == CL_WAITING);
  size_t lo = s->queue_first, hi = s->queue_end;
  while (lo < hi) { /* positions ascend */
    size_t mid = (lo + hi) / 2;
    if (s->queue[mid].position <= t->head.waiting)
      lo = mid + 1;
    else
      hi = mid;
  }
  for (; lo < s->queue_end; lo++) {
    const struct cl_trial *next = cl_study_find(s, s->queue[lo].trial);
    assert(next != NULL && s->queue[lo].position > t->head.waiting);
    if (next->head.state == CL_WAITING && next->head.waiting == s->queue[lo].position) return next->number;
  }
  return 0;
}

const char *cl_study_metric_name(const struct cl_study *s, int id) {
  return id < 1 || (size_t)id > s->n_metrics ? NULL : s->metrics[id - 1];
}

int cl_study_metric_find(const struct cl_study *s, const char *name) {
  for (size_t i = 0; i < s->n_metrics; i++)
    if (s->metrics[i] != NULL && strcmp(s->metrics[i], name) == 0) return (int)i + 1;
  return 0;
}

/* Digest. */

static uint64_t mix(uint64_t h, uint64_t x) {
  return cl_mix64(h ^ x) + 0x9E3779B97F4A7C15ull;
}

static uint64_t mix_real(uint64_t h, double x) {
  uint64_t bits = 0;
  if (!isnan(x)) memcpy(&bits, &x, sizeof bits);
  return mix(h, isnan(x) ? 1 : bits);
}

static uint64_t mix_all(uint64_t h, const int64_t *numbers, size_t n) {
  for (size_t i = 0; i < n; i++) h = mix(h, (uint64_t)numbers[i]);
  return h;
}

static uint64_t mix_more(const struct cl_study *s, const struct cl_trial *t, uint64_t h) {
  for (int i = 1; i < s->settings->n_objectives; i++) h = mix_real(h, cl_trial_objective(t, i));
  for (int i = 0; i < s->settings->space.n; i++) h = mix(h, cl_trial_is_held(s, t, i));
  const int64_t numbers[] = {cl_trial_donor(t), cl_trial_resume_from(s, t), (int64_t)cl_trial_seed(s, t)};
  return mix_all(h, numbers, sizeof numbers / sizeof *numbers);
}

static uint64_t mix_trial(const struct cl_study *s, const struct cl_trial *t, struct cl_value *room,
                          uint64_t h) {
  const struct cl_head *d = &t->head;
  const int64_t numbers[] = {t->number,       d->version,    d->proposed,
                             d->waiting,      d->load,       d->source,
                             d->reports,      d->attempt,    d->worker,
                             d->state,        d->flags,      d->tries,
                             d->failures,     d->role,       t->record,
                             t->result,       t->of,         t->repeat,
                             t->exit_status,  t->started_ms, cl_trial_ended_ms(t),
                             t->space_version};
  h = mix_all(h, numbers, sizeof numbers / sizeof *numbers);
  h = mix_real(mix_real(mix_real(mix_real(h, t->value), d->step), d->furthest), d->until);
  h = mix_more(s, t, h);
  cl_trial_values(s, t, room);
  for (int i = 0; i < s->settings->space.n; i++) h = cl_value_hash(room[i], h);
  return h;
}

static uint64_t mix_snapshot(const struct cl_snapshot *n, uint64_t h) {
  const int64_t numbers[] = {n->position, n->trial,  n->attempt, n->pins,
                             n->way,      n->usable, n->late,    n->bytes};
  return mix_real(mix_all(h, numbers, sizeof numbers / sizeof *numbers), n->step);
}

int cl_study_digest(const struct cl_study *s, uint64_t *ret, struct cl_err *e) {
  uint64_t h = mix(0, (uint64_t)s->head.position);
  if (s->settings == NULL) {
    *ret = h;
    return 0;
  }
  struct cl_value *room = cl_alloc_array((size_t)s->settings->space.n + 1, sizeof *room);
  if (room == NULL) return CL_FAIL_NOMEM(e);
  const int64_t numbers[] = {s->head.version, s->head.trials,  s->head.counted,   s->head.budget,
                             s->head.workers, s->head.retries, s->head.open,      s->pending,
                             s->best,         s->enqueued,     s->points,         s->failed,
                             s->succeeded,    s->seed,         cl_study_slots(s), cl_study_first_waiting(s)};
  h = mix_all(h, numbers, sizeof numbers / sizeof *numbers);
  for (int64_t n = 1; n <= s->head.trials; n++) {
    const struct cl_trial *t = cl_study_find(s, n);
    if (t != NULL) h = mix_trial(s, t, room, h);
  }
  for (size_t i = 0; i < s->n_snapshots; i++) h = mix_snapshot(&s->snapshots[i], h);
  cl_free(room);
  *ret = h;
  return 0;
}
