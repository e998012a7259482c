/* The table of attempts in hand: found by trial, walked as an array. */
#include <assert.h>
#include <math.h>
#include <unistd.h>

#include "base/alloc.h"
#include "spec/spec.h"
#include "worker/worker_impl.h"

static size_t bucket_of(int64_t trial) {
  return (size_t)trial % CL_ATTEMPT_BUCKETS;
}

struct cl_attempt *cl_attempts_find(const struct cl_worker *w, int64_t trial, int32_t number) {
  struct cl_attempt *a = w->buckets[bucket_of(trial)];
  while (a != NULL && (a->trial != trial || a->number != number)) a = a->next;
  return a;
}

struct cl_attempt *cl_attempts_first(const struct cl_worker *w, int64_t trial) {
  struct cl_attempt *a = w->buckets[bucket_of(trial)];
  while (a != NULL && a->trial != trial) a = a->next;
  return a;
}

int cl_attempts_add(struct cl_worker *w, int64_t trial, int32_t number, struct cl_attempt **ret,
                    struct cl_err *e) {
  assert(trial > 0 && number > 0 && cl_attempts_find(w, trial, number) == NULL);
  if (cl_grow(&w->all, &w->cap_all, w->n_all + 1, sizeof(struct cl_attempt *)) < 0) return CL_FAIL_NOMEM(e);
  struct cl_attempt *a = cl_alloc(sizeof *a);
  if (a == NULL) return CL_FAIL_NOMEM(e);
  *a = (struct cl_attempt){.worker = w,
                           .trial = trial,
                           .number = number,
                           .slot = cl_attempts_free_slot(w),
                           .phase = CL_PHASE_CLAIMED,
                           .lock = -1,
                           .watching = -1,
                           .saved_step = NAN,
                           .next = w->buckets[bucket_of(trial)]};
  w->buckets[bucket_of(trial)] = a;
  w->all[w->n_all++] = a;
  *ret = a;
  return 0;
}

void cl_attempts_remove(struct cl_worker *w, struct cl_attempt *a) {
  assert(a->puts == 0);
  struct cl_attempt **at = &w->buckets[bucket_of(a->trial)];
  while (*at != a) at = &(*at)->next;
  *at = a->next;
  for (size_t i = 0; i < w->n_all; i++)
    if (w->all[i] == a) {
      w->all[i] = w->all[--w->n_all];
      break;
    }
  if (a->session != NULL) {
    a->session->attempt = NULL;
    cl_session_close(a->session);
  }
  cl_attempt_unfollow(a);
  cl_buffer_return(a->lent);
  cl_buffer_release(a->reading);
  cl_attempt_forget_late(a);
  cl_life_unwatch(a);
  if (a->lock >= 0) (void)close(a->lock);
  cl_spec_command_free(a->arguments);
  cl_words_done(&a->environment);
  cl_free(a);
}

/* Slots are few and mostly low: looks at each attempt once per slot tried. */
int cl_attempts_free_slot(const struct cl_worker *w) {
  for (int slot = 0;; slot++) {
    size_t i = 0;
    while (i < w->n_all && w->all[i]->slot != slot) i++;
    if (i == w->n_all) return slot;
  }
}

const struct cl_trial *cl_attempt_trial(const struct cl_attempt *a) {
  return cl_study_trial(a->worker->study, a->trial);
}

bool cl_attempt_is_current(const struct cl_attempt *a) {
  const struct cl_trial *t = cl_attempt_trial(a);
  return t != NULL && t->head.attempt == a->number && t->head.worker == a->worker->number &&
         (t->head.flags & CL_ATTEMPT_OPEN);
}

/* Does this decision let a report go that waits at `until`? Those that a scheduler does not take do not. */
static bool is_release(const struct cl_event *ev) {
  switch (ev->kind) {
  case CL_EVENT_STARTED:
  case CL_EVENT_CONTINUED:
  case CL_EVENT_PAUSED:
  case CL_EVENT_STOPPED:
  case CL_EVENT_PREEMPTING:
  case CL_EVENT_LOST:
  case CL_EVENT_EXPLOITED: return true;
  case CL_EVENT_SET: return ev->cause != CL_CAUSE_HUMAN && ev->cause != CL_CAUSE_UNDO;
  default: return false;
  }
}

/* Its trainer has handed over a state, or has taken one. */
static void note_state(struct cl_attempt *a, const struct cl_event *ev) {
  enum cl_way way = ev->kind == CL_EVENT_SAVED ? ev->u.saved.way : CL_WAY_DIRECTORY;
  if (ev->kind == CL_EVENT_SAVED && way != CL_WAY_COPY) a->saved_step = ev->u.saved.step;
  if (ev->kind == CL_EVENT_SAVED && way != CL_WAY_COPY) a->saved_as_twin = way == CL_WAY_FORK;
  if (way == CL_WAY_FORK) a->twin[0] = '\0';
  if (way == CL_WAY_REGION && a->lent != NULL) {
    cl_buffer_keep(a->lent, ev);
    a->lent = NULL;
  }
  if (ev->kind != CL_EVENT_LOADED) return;
  cl_buffer_release(a->reading);
  a->reading = NULL;
  if (ev->u.loaded.error != NULL || ev->u.loaded.change == a->started) return;
  a->loads++;
  a->saved_step = NAN;
}

void cl_attempt_note(struct cl_attempt *a, const struct cl_event *ev) {
  bool own = ev->attempt == a->number;
  if (is_release(ev)) a->released = ev->position;
  if (ev->kind == CL_EVENT_STARTED && own) {
    a->started = a->changed = ev->position;
    a->from = ev->u.started.from;
  }
  if (ev->kind == CL_EVENT_SET || ev->kind == CL_EVENT_EXPLOITED || ev->kind == CL_EVENT_VOIDED)
    a->changed = ev->position;
  if (ev->kind == CL_EVENT_VOIDED) { /* its report waits again */
    a->released = 0;
    a->missing_put = false;
  }
  if (ev->kind == CL_EVENT_LOADED && own) {
    a->damaged = ev->u.loaded.error != NULL && !a->missing_put;
    a->failed = ev->u.loaded.error != NULL ? ev->u.loaded.change : 0;
  }
  if (ev->kind == CL_EVENT_CHECKPOINT_ASKED) a->asked = ev->position;
  if (ev->kind == CL_EVENT_REPORTED && own) a->report = ev->position;
  if (own && (ev->kind == CL_EVENT_SAVED || ev->kind == CL_EVENT_LOADED)) note_state(a, ev);
  if (ev->kind == CL_EVENT_STOPPED) a->kill = ev->u.stopped.how == CL_STOP_KILL;
  if (ev->kind == CL_EVENT_STOPPED || ev->kind == CL_EVENT_PAUSED) a->patient = ev->cause == CL_CAUSE_HUMAN;
  bool waits = ev->kind == CL_EVENT_REPORTED && cl_head_wants_load(&cl_attempt_trial(a)->head);
  if ((cl_kind_flags(ev->kind) & CL_D) || ev->kind == CL_EVENT_ADOPTED || waits)
    a->attention = a->worker->attention = true;
}

int cl_attempt_put(struct cl_attempt *a, struct cl_event *ev, cl_log_told *told, struct cl_err *e) {
  ev->subject = a->trial;
  ev->attempt = a->number;
  CL_TRY(cl_worker_put(a->worker, ev, told, a, e));
  a->puts++;
  return 0;
}
