/* The replica as a whole: its life, events on the study, and the counters that follow from states. What an
 * event does to its trial stands in study_trial.c. */
#include "model/study_impl.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

int cl_study_create(struct cl_study **ret, struct cl_err *e) {
  struct cl_study *s = cl_alloc(sizeof *s);
  if (s == NULL) return CL_FAIL_NOMEM(e);
  s->configurations = cl_alloc(sizeof *s->configurations);
  if (s->configurations == NULL) {
    cl_free(s);
    return CL_FAIL_NOMEM(e);
  }
  *ret = s;
  return 0;
}

static void destroy_blocks(struct cl_study *s) {
  for (size_t b = 0; b < s->n_blocks; b++) {
    if (s->blocks[b] == NULL) continue;
    for (int i = 0; s->blocks[b]->asides && i < CL_BLOCK; i++)
      cl_study_destroy_aside(s->blocks[b]->trials[i].aside);
    cl_free(s->blocks[b]->cells);
    cl_free(s->blocks[b]);
  }
  cl_free(s->blocks);
}

void cl_study_destroy(struct cl_study *s) {
  if (s == NULL) return;
  destroy_blocks(s);
  cl_cells_done(&s->cells);
  for (size_t i = 0; i < s->n_snapshots; i++) {
    cl_free(s->snapshots[i].path);
    cl_free(s->snapshots[i].hash);
    cl_free(s->snapshots[i].host);
  }
  for (size_t i = 0; i < s->n_workers; i++) {
    cl_free(s->workers[i].host);
    cl_free(s->workers[i].boot);
    cl_free(s->workers[i].provenance);
  }
  for (size_t i = 0; i < s->n_metrics; i++) cl_free(s->metrics[i]);
  cl_settings_destroy(s->settings);
  char *texts[] = {s->name, s->uuid, s->spec, s->directory, s->provenance};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) cl_free(texts[i]);
  cl_free(s->columns);
  cl_free(s->snapshots);
  cl_free(s->workers);
  cl_free(s->metrics);
  cl_free(s->queue);
  cl_study_destroy_configurations(s);
  cl_free(s);
}

void cl_study_expect_partial(struct cl_study *s) {
  s->partial = true;
}

void cl_study_reach(struct cl_study *s, int64_t position) {
  assert(s->partial && position >= s->head.position);
  s->head.position = position;
}

/* What holds between two events. */
static void assert_study_state(const struct cl_study *s) {
  assert((s->settings == NULL) == (s->head.position == 0) || s->newer || s->partial);
  assert(s->head.version <= s->head.position && s->best >= 0 && s->best <= s->head.trials);
  assert(s->n_blocks <= s->cap_blocks && s->n_columns <= s->cap_columns);
  assert(s->n_snapshots <= s->cap_snapshots && s->n_workers <= s->cap_workers);
  assert(s->n_metrics <= s->cap_metrics && s->n_metrics <= CL_METRICS_MAX);
  assert(s->queue_first <= s->queue_end && s->queue_end <= s->cap_queue);
  assert(s->pending >= 0 && s->asked >= 0 && s->failed >= 0 && s->points <= s->enqueued);
  assert(s->disk.bytes >= 0 && s->disk.n >= 0 && s->disk.coming >= 0);
  assert(s->configurations != NULL && s->configurations->n_indexed <= s->head.trials);
  (void)s;
}

/* Counters that follow from the states. */

static bool is_active(int state) {
  return state == CL_WAITING || state == CL_RUNNING;
}

static void consider_best(struct cl_study *s, const struct cl_trial *t) {
  assert(t->number >= 1 && t->number <= s->head.trials);
  if (!cl_role_is_searched(t->head.role) || !cl_state_is_final(t->head.state) || !isfinite(t->value)) return;
  const struct cl_trial *best = cl_study_find(s, s->best);
  if (best == NULL || cl_objective_better(&s->settings->objectives[0], t->value, best->value) ||
      (t->value == best->value && t->number < best->number))
    s->best = t->number;
}

/* An end may correct the value that its trial was judged by. */
static void find_best(struct cl_study *s) {
  s->best = 0;
  for (int64_t i = 1; i <= s->head.trials; i++) {
    const struct cl_trial *t = cl_study_find(s, i);
    if (t != NULL) consider_best(s, t);
  }
}

static void note_value(struct cl_study *s, const struct cl_trial *t, double before) {
  if (t->number == s->best && t->value != before)
    find_best(s);
  else
    consider_best(s, t);
}

static bool is_queued(const struct cl_study *s, const struct cl_queued *q) {
  const struct cl_trial *t = cl_study_find(s, q->trial);
  assert(t != NULL);
  return t->head.state == CL_WAITING && t->head.waiting == q->position;
}

static void leave_queue(struct cl_study *s) {
  while (s->queue_first < s->queue_end && !is_queued(s, &s->queue[s->queue_first])) s->queue_first++;
  if (s->queue_first == s->queue_end) s->queue_first = s->queue_end = 0;
}

static int enter_queue(struct cl_study *s, const struct cl_trial *t, struct cl_err *e) {
  if (s->queue_first > 1024 && s->queue_first > s->queue_end / 2) {
    memmove(s->queue, s->queue + s->queue_first, (s->queue_end - s->queue_first) * sizeof *s->queue);
    s->queue_end -= s->queue_first;
    s->queue_first = 0;
  }
  if (cl_grow(&s->queue, &s->cap_queue, s->queue_end + 1, sizeof *s->queue) < 0) return CL_FAIL_NOMEM(e);
  assert(s->queue_end == s->queue_first || s->queue[s->queue_end - 1].position < t->head.waiting);
  assert(t->head.state == CL_WAITING && t->head.waiting == s->head.position);
  s->queue[s->queue_end++] = (struct cl_queued){t->head.waiting, t->number};
  return 0;
}

static bool is_failure(const struct cl_study *s, const struct cl_trial *t, int state) {
  return cl_role_is_searched(t->head.role) && state == CL_FAILED && t->result > s->reopened;
}

/* Policies are told results in the order in which they became some. `before`: the state until now. */
static void note_result(struct cl_study *s, struct cl_trial *t, int before) {
  s->failed -= is_failure(s, t, before);
  if (!cl_state_is_result(&s->head, &t->head))
    t->result = 0;
  else if (t->result == 0)
    t->result = s->head.position;
  s->failed += is_failure(s, t, t->head.state);
  assert(s->failed >= 0 && t->result >= 0 && t->result <= s->head.position);
  if (cl_role_is_searched(t->head.role) && t->result != 0 && t->head.state != CL_FAILED) s->succeeded = true;
}

static int count_states(struct cl_study *s, struct cl_trial *t, int before, struct cl_err *e) {
  int now = t->head.state;
  if (now == before) return 0;
  note_result(s, t, before);
  assert(before == CL_STATE_NONE || s->counts[before] > 0);
  if (before != CL_STATE_NONE) s->counts[before]--;
  s->counts[now]++;
  if (cl_role_is_searched(t->head.role)) s->pending += is_active(now) - is_active(before);
  assert(s->pending >= 0 && s->pending <= s->head.counted);
  if (before == CL_WAITING) leave_queue(s);
  return now == CL_WAITING ? enter_queue(s, t, e) : 0;
}

/* Events on the study. */

static int keep_text(char **to, const char *text, struct cl_err *e) {
  char *copy = cl_copy_text(text == NULL ? "" : text);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  cl_free(*to);
  *to = copy;
  return 0;
}

static int64_t creation_time(const char *provenance) {
  json_t *node = provenance == NULL ? NULL : json_loads(provenance, 0, NULL);
  int64_t ms = json_integer_value(json_object_get(node, "created_ms"));
  json_decref(node);
  return ms;
}

static int name_objectives(struct cl_study *s, struct cl_err *e) {
  for (int i = 0; i < s->settings->n_objectives; i++)
    CL_TRY(cl_study_name_metric(s, i + 1, s->settings->objectives[i].name, e));
  assert(s->n_metrics >= (size_t)s->settings->n_objectives); /* they have the first ids */
  return 0;
}

/* Settings that cannot be read are a corrupt log: nobody appends such. */
static int fail_settings(const struct cl_event *ev, int status, struct cl_err *e) {
  if (status == CLADE_ENOMEM || e == NULL) return status == CLADE_ENOMEM ? status : CLADE_ECORRUPT;
  (void)cl_err_prefix(e, "event %lld ('%s') does not fit the log: ", (long long)ev->position,
                      cl_kind_name(ev->kind));
  return e->code = CLADE_ECORRUPT;
}

static int apply_created(struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  assert(s->settings == NULL && s->n_columns == 0);
  int status = cl_settings_parse(ev->u.created.settings, &s->settings, e);
  if (status < 0) return fail_settings(ev, status, e);
  CL_TRY(keep_text(&s->name, ev->u.created.name, e));
  CL_TRY(keep_text(&s->uuid, ev->u.created.uuid, e));
  CL_TRY(keep_text(&s->spec, ev->u.created.spec, e));
  CL_TRY(keep_text(&s->directory, ev->u.created.directory, e));
  CL_TRY(keep_text(&s->provenance, ev->u.created.provenance, e));
  s->seed = ev->u.created.seed;
  s->created_ms = creation_time(ev->u.created.provenance);
  CL_TRY(cl_study_add_columns(s, e));
  return name_objectives(s, e);
}

static int apply_updated(struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  struct cl_settings *settings = NULL;
  int status = cl_settings_update(s->settings, ev->u.updated.settings, &settings, e);
  if (status < 0) return fail_settings(ev, status, e);
  cl_settings_destroy(s->settings);
  s->settings = settings;
  s->settings->space.version = s->head.space_version;
  cl_study_forget_configurations(s, 0);
  if (ev->u.updated.provenance != NULL) CL_TRY(keep_text(&s->provenance, ev->u.updated.provenance, e));
  for (int64_t i = 1; i <= s->head.trials; i++) { /* fewer retries make a failure final, more bring it back */
    struct cl_trial *t = cl_study_find(s, i);
    if (t != NULL) note_result(s, t, t->head.state);
  }
  return cl_study_add_columns(s, e);
}

static void apply_reopened(struct cl_study *s) {
  s->reopened = s->head.position;
  s->failed = 0;
}

static int apply_worker(struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  size_t number = (size_t)ev->u.worker.worker, old = s->n_workers;
  if (number > old) {
    if (cl_grow(&s->workers, &s->cap_workers, number, sizeof *s->workers) < 0) return CL_FAIL_NOMEM(e);
    memset(s->workers + old, 0, (number - old) * sizeof *s->workers);
    s->n_workers = number;
  }
  assert(number >= 1 && number <= s->n_workers);
  struct cl_worker_info *w = &s->workers[number - 1];
  w->slots = ev->u.worker.state == CL_WORKER_GONE || ev->u.worker.slots < 0 ? 0 : ev->u.worker.slots;
  if (ev->u.worker.host != NULL) CL_TRY(keep_text(&w->host, ev->u.worker.host, e));
  if (ev->u.worker.boot != NULL) CL_TRY(keep_text(&w->boot, ev->u.worker.boot, e));
  if (ev->u.worker.provenance != NULL) CL_TRY(keep_text(&w->provenance, ev->u.worker.provenance, e));
  return 0;
}

static int apply_to_study(struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  switch (ev->kind) {
  case CL_EVENT_CREATED: return apply_created(s, ev, e);
  case CL_EVENT_UPDATED: return apply_updated(s, ev, e);
  case CL_EVENT_FINISHED: s->reason = ev->u.finished.reason; return 0;
  case CL_EVENT_REOPENED: apply_reopened(s); return 0;
  case CL_EVENT_WORKER: return apply_worker(s, ev, e);
  default: return 0; /* clock, chosen, note */
  }
}

/* All events. */

static int check_order(const struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  bool next = s->partial ? ev->position > s->head.position : ev->position == s->head.position + 1;
  if (!next)
    return CL_FAIL(e, CLADE_ECORRUPT, "event %lld follows event %lld", (long long)ev->position,
                   (long long)s->head.position);
  if ((s->settings == NULL) != (ev->kind == CL_EVENT_CREATED))
    return CL_FAIL(e, CLADE_ECORRUPT, "a log begins with one 'created', not with '%s' at %lld",
                   cl_kind_name(ev->kind), (long long)ev->position);
  return 0;
}

/* The room for a new trial. A partial replica sees numbers with gaps. */
static int begin_trial(struct cl_study *s, const struct cl_event *ev, struct cl_trial **ret,
                       struct cl_err *e) {
  bool next = ev->subject == s->head.trials + 1;
  if (s->partial && ev->subject > s->head.trials && ev->subject <= CL_TRIALS_MAX) next = true;
  if (!next)
    return CL_FAIL(e, CLADE_ECORRUPT, "event %lld ('%s') makes trial %lld after trial %lld",
                   (long long)ev->position, cl_kind_name(ev->kind), (long long)ev->subject,
                   (long long)s->head.trials);
  assert(ev->subject >= 1);
  if (s->partial) s->head.trials = ev->subject - 1;
  return cl_study_make_trial(s, ev->subject, ret, e);
}

/* In process or by hand: no worker has it, so no lock says whether anybody still trains it. */
static bool is_asked(const struct cl_head *h) {
  bool counted = cl_role_is_searched(h->role);
  return counted && h->state == CL_RUNNING && h->worker == 0;
}

static int apply_to_trial(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, bool birth,
                          struct cl_err *e) {
  struct cl_head before = t->head;
  double value = t->value;
  CL_TRY(cl_head_apply(&s->head, &t->head, ev, e));
  CL_TRY(cl_study_note_time(s, t, ev->time_ms, e));
  CL_TRY(birth ? cl_study_apply_birth(s, t, ev, e) : cl_study_apply_to_trial(s, t, ev, &before, e));
  CL_TRY(count_states(s, t, before.state, e));
  s->asked += is_asked(&t->head) - is_asked(&before);
  assert(s->asked >= 0 && t->number == ev->subject);
  if (cl_state_is_final(t->head.state)) note_value(s, t, value);
  return 0;
}

int cl_study_apply(struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  assert_study_state(s);
  CL_TRY(check_order(s, ev, e));
  if (cl_kind_flags(ev->kind) == 0) {
    s->newer = true;
    s->head.position = ev->position;
    return 0;
  }
  bool birth = ev->kind == CL_EVENT_PROPOSED || ev->kind == CL_EVENT_IMPORTED;
  struct cl_trial *t = NULL;
  if (birth)
    CL_TRY(begin_trial(s, ev, &t, e));
  else if (ev->subject != 0)
    t = cl_study_find(s, ev->subject);
  if (t != NULL) return apply_to_trial(s, t, ev, birth, e);
  struct cl_head absent = {0}; /* of a trial that does not exist, which is an error, or of none */
  CL_TRY(cl_head_apply(&s->head, &absent, ev, e));
  return apply_to_study(s, ev, e);
}
