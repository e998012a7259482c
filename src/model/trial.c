/* The state machine of trials. judge() says what an event would do; cl_head_admit asks it before an append,
 * cl_head_apply carries it out. No other function writes `state`. */
#include "model/trial.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <strings.h>

const char *cl_state_name(int state) {
  switch (state) {
#define CL_X(name, number) \
  case number: return #name;
    CL_STATE_MAP(CL_X)
#undef CL_X
  default: return "?";
  }
}

int cl_state_find(const char *name) {
#define CL_X(word, number) \
  if (strcasecmp(name, #word) == 0) return number;
  CL_STATE_MAP(CL_X)
#undef CL_X
  return CL_STATE_NONE;
}

bool cl_state_is_final(int state) {
  return state == CL_COMPLETE || state == CL_PRUNED;
}

bool cl_state_is_pending(int state) {
  return state == CL_WAITING || state == CL_RUNNING || state == CL_PAUSED;
}

bool cl_head_wants_load(const struct cl_head *h) {
  return h->load > 0 && h->source != 0;
}

bool cl_head_failed_to_load(const struct cl_head *h) {
  if (h->load == 0 || h->source != 0) return false;
  return h->load > 0 || (h->flags & CL_ATTEMPT_OPEN); /* a start's source is gone with its attempt, too */
}

bool cl_head_may_retry(const struct cl_study_head *s, const struct cl_head *h) {
  assert(h->tries <= CL_TRIES_MAX && s->retries >= 0);
  if (h->role == CL_ROLE_FOREIGN) return false;
  if (h->state == CL_FAILED) return h->failures < s->retries && !(h->flags & CL_ATTEMPT_OPEN);
  return (h->state == CL_LOST || h->state == CL_PREEMPTED) && h->tries < CL_TRIES_MAX;
}

bool cl_state_is_result(const struct cl_study_head *s, const struct cl_head *h) {
  if (h->state == CL_FAILED) return h->failures >= s->retries || h->role == CL_ROLE_FOREIGN;
  return cl_state_is_final(h->state) || h->state == CL_DIVERGED || h->state == CL_INFEASIBLE;
}

static unsigned bit(int state) {
  assert(state >= CL_STATE_NONE && state <= CL_INFEASIBLE);
  return 1u << state;
}

#define ANY_STATE ~0u

/* From which states may a decision be taken? The rows of the table in events.md section 3, by event. */
static unsigned allowed_from(enum cl_kind kind, enum cl_cause cause) {
  const unsigned not_final = ANY_STATE & ~(bit(CL_COMPLETE) | bit(CL_PRUNED));
  switch (kind) {
  case CL_EVENT_STARTED: return bit(CL_WAITING);
  case CL_EVENT_CONTINUED: return bit(CL_RUNNING) | bit(CL_PAUSED);
  case CL_EVENT_PAUSED: return bit(CL_RUNNING) | bit(CL_WAITING);
  case CL_EVENT_STOPPED:
    if (cause == CL_CAUSE_DIVERGED) return bit(CL_RUNNING);
    return bit(CL_WAITING) | bit(CL_RUNNING) | bit(CL_PAUSED) | bit(CL_LOST) | bit(CL_PREEMPTED);
  case CL_EVENT_PREEMPTING: return bit(CL_RUNNING) | bit(CL_PAUSED);
  case CL_EVENT_RETRIED: return bit(CL_FAILED) | bit(CL_LOST) | bit(CL_PREEMPTED);
  case CL_EVENT_GIVEN_UP: return bit(CL_LOST) | bit(CL_PREEMPTED);
  case CL_EVENT_EXPLOITED:
  case CL_EVENT_SET: return not_final;
  case CL_EVENT_LOST:
  case CL_EVENT_HELD:
  case CL_EVENT_VOIDED:
  case CL_EVENT_CHECKPOINT_ASKED:
  case CL_EVENT_DELETED: return ANY_STATE;
  default: return 0;
  }
}

/* The state after a decision that is allowed. */
static int state_after_decision(const struct cl_head *h, const struct cl_event *ev) {
  switch (ev->kind) {
  case CL_EVENT_STARTED: return CL_RUNNING;
  case CL_EVENT_CONTINUED: return h->state == CL_PAUSED ? CL_WAITING : h->state;
  case CL_EVENT_PAUSED: return CL_PAUSED;
  case CL_EVENT_STOPPED: return ev->cause == CL_CAUSE_DIVERGED ? CL_DIVERGED : CL_PRUNED;
  case CL_EVENT_LOST: return h->state == CL_RUNNING ? CL_LOST : h->state;
  case CL_EVENT_RETRIED: return CL_WAITING;
  case CL_EVENT_GIVEN_UP: return CL_FAILED;
  case CL_EVENT_EXPLOITED:
    if (ev->u.exploited.infeasible) return CL_INFEASIBLE;
    return h->state == CL_RUNNING ? CL_RUNNING : CL_WAITING;
  default: return h->state;
  }
}

/* A trial that said, or whose program ended as if it had said, "finished". */
static int state_when_finished(const struct cl_head *h) {
  if (h->flags & CL_FLAG_DIVERGED) return CL_DIVERGED;
  return h->flags & CL_FLAG_SCORED ? CL_COMPLETE : CL_FAILED;
}

/* Exit 0 of a program that trains one interval per process: it never connected and has reached `until`. At
 * every report it cannot have been asked to stop. */
static bool is_leg(const struct cl_head *h) {
  return !(h->flags & CL_CONNECTED_ONCE) && isfinite(h->until) && !isnan(h->step) && h->step >= h->until;
}

/* The order of judgement at `ended` (events.md section 3). `h` has the flags of the end already. */
static int state_after_end(const struct cl_head *h, const struct cl_event *ev) {
  assert(ev->kind == CL_EVENT_ENDED && (h->flags & CL_ATTEMPT_KNOWN));
  int status = ev->u.ended.signal != 0 ? -1 : ev->u.ended.status;
  if (h->flags & CL_ATTEMPT_DONE) return h->state;
  if (h->state == CL_PAUSED) return status == 0 && !is_leg(h) ? state_when_finished(h) : CL_PAUSED;
  if (h->state != CL_RUNNING) return h->state;
  if (status == 77) return CL_INFEASIBLE;
  if (h->flags & CL_FLAG_DIVERGED) return CL_DIVERGED;
  if (status == 75 || (h->flags & CL_FLAG_PREEMPTING)) return CL_PREEMPTED;
  if (status == 76) return CL_PRUNED;
  if (status == 0) return is_leg(h) ? CL_PAUSED : state_when_finished(h);
  return CL_FAILED;
}

/* Of the study, after each event. */
static void assert_study_head(const struct cl_study_head *s) {
  assert(s->position >= 1 && s->version >= 1 && s->version <= s->position);
  assert(s->counted >= 0 && s->counted <= s->trials && s->trials <= s->position);
  assert(s->workers >= 0 && s->space_version >= 1);
  (void)s;
}

/* Judging: study. */

/* The settings that appends are judged by. Keys that are absent leave what is there; `limits` are replaced as
 * a whole, as cl_settings_update does. */
static int take_settings(struct cl_study_head *s, const char *settings, struct cl_err *e) {
  json_t *node = settings == NULL ? NULL : json_loads(settings, 0, NULL);
  if (!json_is_object(node)) {
    json_decref(node);
    return CL_FAIL(e, CLADE_EREFUSED, "the settings of a study must be a JSON object");
  }
  const json_t *trials = json_object_get(node, "trials"), *objectives = json_object_get(node, "objectives");
  const json_t *limits = json_object_get(node, "limits");
  if (json_is_integer(trials)) s->budget = json_integer_value(trials);
  if (json_is_array(objectives)) s->objectives = (int32_t)json_array_size(objectives);
  if (limits != NULL) s->retries = (int32_t)json_integer_value(json_object_get(limits, "retries"));
  json_decref(node);
  return 0;
}

static int conflict(const char *subject, int64_t seen, int64_t version, struct cl_err *e) {
  return CL_FAIL(e, CLADE_ECONFLICT, "%s has changed: the decision saw version %lld, it is at %lld now",
                 subject, (long long)seen, (long long)version);
}

static int judge_update(const struct cl_study_head *s, const struct cl_event *ev, struct cl_err *e) {
  assert(ev->kind == CL_EVENT_UPDATED && ev->subject == 0);
  struct cl_study_head after = *s;
  CL_TRY(take_settings(&after, ev->u.updated.settings, e));
  if (after.budget < s->counted)
    return CL_FAIL(e, CLADE_EREFUSED, "trials cannot be %lld: %lld have been proposed already",
                   (long long)after.budget, (long long)s->counted);
  if (after.objectives != s->objectives)
    return CL_FAIL(e, CLADE_EREFUSED, "a study of %d objectives cannot go on with %d: begin another one",
                   s->objectives, after.objectives);
  if (ev->u.updated.space_version == s->space_version || ev->u.updated.space_version == s->space_version + 1)
    return 0;
  return CL_FAIL(e, CLADE_EREFUSED, "version %d of the space cannot follow version %d",
                 ev->u.updated.space_version, s->space_version);
}

static int judge_worker(const struct cl_study_head *s, const struct cl_event *ev, struct cl_err *e) {
  int worker = ev->u.worker.worker;
  if (ev->u.worker.state == CL_WORKER_JOINED) {
    if (worker == s->workers + 1) return 0;
    return CL_FAIL(e, CLADE_ECONFLICT, "worker %d cannot join: the next number is %d", worker,
                   s->workers + 1);
  }
  return worker >= 1 && worker <= s->workers
             ? 0
             : CL_FAIL(e, CLADE_EREFUSED, "worker %d has never joined", worker);
}

static int judge_study(const struct cl_study_head *s, const struct cl_event *ev, struct cl_err *e) {
  if ((cl_kind_flags(ev->kind) & CL_T) && ev->kind != CL_EVENT_NOTE)
    return CL_FAIL(e, CLADE_EREFUSED, "'%s' needs a trial", cl_kind_name(ev->kind));
  if ((cl_kind_flags(ev->kind) & CL_D) && ev->seen != s->version)
    return conflict("the study", ev->seen, s->version, e);
  switch (ev->kind) {
  case CL_EVENT_CREATED:
    return s->position == 0 ? 0 : CL_FAIL(e, CLADE_EREFUSED, "the study has been created already");
  case CL_EVENT_UPDATED: return judge_update(s, ev, e);
  case CL_EVENT_FINISHED: return s->open ? 0 : CL_FAIL(e, CLADE_EREFUSED, "the study is finished already");
  case CL_EVENT_REOPENED: return !s->open ? 0 : CL_FAIL(e, CLADE_EREFUSED, "the study is open already");
  case CL_EVENT_WORKER: return judge_worker(s, ev, e);
  default: return 0; /* clock, chosen, note */
  }
}

/* Judging: a new trial. */
static int judge_birth(const struct cl_study_head *s, const struct cl_event *ev, struct cl_err *e) {
  if (ev->subject != s->trials + 1)
    return CL_FAIL(e, CLADE_ECONFLICT, "trial %lld cannot be proposed: the next number is %lld",
                   (long long)ev->subject, (long long)s->trials + 1);
  if (ev->kind == CL_EVENT_IMPORTED) {
    int state = ev->u.imported.state;
    if (cl_state_is_final(state) || state == CL_FAILED || state == CL_DIVERGED || state == CL_INFEASIBLE)
      return 0;
    return CL_FAIL(e, CLADE_EREFUSED, "a trial cannot be imported in state %s", cl_state_name(state));
  }
  int role = (int)ev->u.proposed.role;
  if (role < CL_ROLE_SEARCH || role > CL_ROLE_REPLAY || role == CL_ROLE_FOREIGN)
    return CL_FAIL(e, CLADE_EREFUSED, "trial %lld cannot be proposed with the role %d",
                   (long long)ev->subject, role);
  if (ev->u.proposed.of < 0 || ev->u.proposed.of > s->trials)
    return CL_FAIL(e, CLADE_EREFUSED, "trial %lld cannot be of trial %lld, which does not exist",
                   (long long)ev->subject, (long long)ev->u.proposed.of);
  if (!cl_role_is_searched(role)) return 0;
  if (!s->open) return CL_FAIL(e, CLADE_EBUDGET, "the study is finished: no trial can be added");
  if (s->counted >= s->budget)
    return CL_FAIL(e, CLADE_EBUDGET, "all %lld trials have been proposed; raise `trials` for more",
                   (long long)s->budget);
  return 0;
}

/* An open attempt goes on where its process waits in a report: with the worker that has it, and not when it
 * has said done. */
static bool is_kept(const struct cl_head *h, const struct cl_event *ev) {
  assert(ev->kind == CL_EVENT_STARTED);
  return (h->flags & CL_ATTEMPT_OPEN) && !(h->flags & CL_ATTEMPT_DONE) && ev->attempt == h->attempt &&
         ev->u.started.worker == h->worker;
}

static int judge_start(const struct cl_study_head *s, const struct cl_head *h, const struct cl_event *ev,
                       struct cl_err *e) {
  bool open = h->flags & CL_ATTEMPT_OPEN;
  assert(h->state == CL_WAITING); /* the table has allowed it */
  if (!s->open && cl_role_is_searched(h->role))
    return CL_FAIL(e, CLADE_EREFUSED, "trial %lld cannot start: the study is finished",
                   (long long)ev->subject);
  if (open ? is_kept(h, ev) : ev->attempt == h->attempt + 1) return 0;
  if (!open)
    return CL_FAIL(e, CLADE_EREFUSED, "attempt %d of trial %lld cannot start: attempt %d is the last one",
                   ev->attempt, (long long)ev->subject, h->attempt);
  return CL_FAIL(e, CLADE_EREFUSED,
                 "attempt %d of trial %lld cannot start: attempt %d is still open at worker %d", ev->attempt,
                 (long long)ev->subject, h->attempt, h->worker);
}

static int judge_decision(const struct cl_study_head *s, const struct cl_head *h, const struct cl_event *ev,
                          struct cl_err *e) {
  assert((cl_kind_flags(ev->kind) & CL_D) && h->proposed > 0 && h->version >= h->proposed);
  if (ev->seen != h->version) {
    char subject[40];
    (void)snprintf(subject, sizeof subject, "trial %lld", (long long)ev->subject);
    return conflict(subject, ev->seen, h->version, e);
  }
  if (!(allowed_from(ev->kind, ev->cause) & bit(h->state)))
    return CL_FAIL(e, CLADE_EREFUSED, "trial %lld is %s, so it cannot be '%s'", (long long)ev->subject,
                   cl_state_name(h->state), cl_kind_name(ev->kind));
  switch (ev->kind) {
  case CL_EVENT_STARTED: return judge_start(s, h, ev, e);
  case CL_EVENT_EXPLOITED:
  case CL_EVENT_SET:
    if (h->role != CL_ROLE_FOREIGN) return 0;
    return CL_FAIL(e, CLADE_EREFUSED, "trial %lld was imported: nothing trains it here",
                   (long long)ev->subject);
  case CL_EVENT_VOIDED:
    if (h->load != 0 && ev->u.voided.change == (h->load > 0 ? h->load : -h->load)) return 0;
    return CL_FAIL(e, CLADE_EREFUSED, "change %lld of trial %lld cannot be voided: no load of it is pending",
                   (long long)ev->u.voided.change, (long long)ev->subject);
  case CL_EVENT_LOST:
    if (ev->attempt == h->attempt && (h->flags & CL_ATTEMPT_OPEN)) return 0;
    return CL_FAIL(e, CLADE_EREFUSED, "attempt %d of trial %lld is not open", ev->attempt,
                   (long long)ev->subject);
  case CL_EVENT_RETRIED:
    if (cl_head_may_retry(s, h)) return 0;
    return CL_FAIL(e, CLADE_EREFUSED, "trial %lld (%s) has no retry left", (long long)ev->subject,
                   cl_state_name(h->state));
  default: return 0;
  }
}

static int judge_report(const struct cl_head *h, const struct cl_event *ev, bool *ret_late,
                        struct cl_err *e) {
  assert(ev->attempt == h->attempt && h->reports >= 0);
  if (ev->u.reported.ordinal <= h->reports) return CLADE_REPEATED;
  if (ev->u.reported.ordinal != h->reports + 1)
    return CL_FAIL(e, CLADE_EREFUSED, "report %lld of trial %lld is out of order: the next one is %lld",
                   (long long)ev->u.reported.ordinal, (long long)ev->subject, (long long)h->reports + 1);
  bool late = h->role != CL_ROLE_FOREIGN && (!(h->flags & CL_ATTEMPT_OPEN) || !cl_state_is_pending(h->state));
  if (!late && !isnan(h->step) && ev->u.reported.step < h->step)
    return CL_FAIL(e, CLADE_EREFUSED, "step %g of trial %lld goes back behind %g: steps never decrease",
                   ev->u.reported.step, (long long)ev->subject, h->step);
  *ret_late = late;
  return 0;
}

static int judge_fact(const struct cl_head *h, const struct cl_event *ev, bool *ret_late, struct cl_err *e) {
  bool open = h->flags & CL_ATTEMPT_OPEN;
  assert(!*ret_late && (cl_kind_flags(ev->kind) & CL_F));
  if (ev->attempt < 1 && (h->role != CL_ROLE_FOREIGN || ev->kind != CL_EVENT_REPORTED))
    return CL_FAIL(e, CLADE_EREFUSED, "'%s' of trial %lld names no attempt", cl_kind_name(ev->kind),
                   (long long)ev->subject);
  if (ev->attempt > h->attempt)
    return CL_FAIL(e, CLADE_EREFUSED, "attempt %d of trial %lld has not been started", ev->attempt,
                   (long long)ev->subject);
  if (ev->attempt < h->attempt) {
    *ret_late = true;
    return 0;
  }
  switch (ev->kind) {
  case CL_EVENT_REPORTED: return judge_report(h, ev, ret_late, e);
  case CL_EVENT_LOADED: *ret_late = !open || !cl_state_is_pending(h->state); return 0;
  case CL_EVENT_ADOPTED: *ret_late = !open; return 0;
  case CL_EVENT_CONNECTED:
    if (h->flags & CL_CONNECTED_ONCE) return CLADE_REPEATED;
    *ret_late = !open;
    return 0;
  case CL_EVENT_DONE:
    if (h->flags & CL_ATTEMPT_DONE) return CLADE_REPEATED;
    *ret_late = !open;
    if (open && h->state == CL_WAITING)
      return CL_FAIL(e, CLADE_EREFUSED, "trial %lld waits to be continued: its process cannot be done",
                     (long long)ev->subject);
    return 0;
  case CL_EVENT_ENDED:
    if (!open && (h->flags & CL_ATTEMPT_KNOWN)) return CLADE_REPEATED;
    *ret_late = !open;
    if (open && !ev->u.ended.known && !(h->flags & CL_ATTEMPT_DONE))
      return CL_FAIL(e, CLADE_EREFUSED, "nobody saw how attempt %d of trial %lld ended: it is lost",
                     ev->attempt, (long long)ev->subject);
    return 0;
  default: return 0; /* saved: a state is worth keeping, whatever became of its process */
  }
}

static int judge(const struct cl_study_head *s, const struct cl_head *h, const struct cl_event *ev,
                 bool *ret_late, struct cl_err *e) {
  *ret_late = false;
  int flags = cl_kind_flags(ev->kind);
  if (flags == 0) return CL_FAIL(e, CLADE_ENEWER, "event kind %d is of a newer clade", (int)ev->kind);
  if (ev->kind == CL_EVENT_PROPOSED || ev->kind == CL_EVENT_IMPORTED) return judge_birth(s, ev, e);
  if (ev->subject == 0) return judge_study(s, ev, e);
  if (h->proposed == 0)
    return CL_FAIL(e, CLADE_EREFUSED, "trial %lld does not exist", (long long)ev->subject);
  if (!(flags & CL_T) && ev->kind != CL_EVENT_NOTE)
    return CL_FAIL(e, CLADE_EREFUSED, "'%s' is about the study, not about trial %lld", cl_kind_name(ev->kind),
                   (long long)ev->subject);
  if (ev->kind == CL_EVENT_NOTE) return 0;
  return flags & CL_D ? judge_decision(s, h, ev, e) : judge_fact(h, ev, ret_late, e);
}

int cl_head_admit(const struct cl_study_head *s, const struct cl_head *h, const struct cl_event *ev,
                  bool *ret_late, struct cl_err *e) {
  bool late = false;
  int status = judge(s, h, ev, &late, e);
  assert(status <= 0 || status == CLADE_REPEATED);
  if (status == 0) *ret_late = late;
  return status;
}

/* Applying. */

static void begin_segment(struct cl_head *h, bool afresh) {
  assert(h->attempt >= 1);
  h->step = CL_NO_STEP;
  h->flags &= (uint16_t)~CL_FLAG_DIVERGED;
  if (afresh) h->flags &= (uint16_t)~CL_FLAG_SCORED;
}

static void drop_load(struct cl_head *h) {
  h->load = h->source = 0;
}

static void apply_start(struct cl_head *h, const struct cl_event *ev) {
  h->until = ev->u.started.until;
  h->flags &= (uint16_t) ~(CL_FLAG_PREEMPTING | CL_FLAG_VOIDED);
  if (is_kept(h, ev)) return; /* the same state trains on; a pending load is its next answer */
  assert(!(h->flags & CL_ATTEMPT_OPEN) && ev->attempt == h->attempt + 1);
  h->flags = (uint16_t)((h->flags & CL_FLAG_SCORED) | CL_ATTEMPT_OPEN);
  h->reports = 0;
  h->attempt = ev->attempt;
  h->worker = ev->u.started.worker;
  if (h->load > 0) h->load = -h->load;
  if (ev->u.started.from == 0) h->load = 0;
  h->source = ev->u.started.from;
  assert(h->load <= 0 && h->source >= 0); /* what was to be loaded, the start has read */
  begin_segment(h, ev->u.started.from == 0);
}

static void apply_report(const struct cl_study_head *s, struct cl_head *h, const struct cl_event *ev) {
  assert(ev->u.reported.ordinal == h->reports + 1);
  h->reports = ev->u.reported.ordinal;
  if (ev->late) return;
  h->step = ev->u.reported.step;
  if (h->load < 0) h->load = 0; /* it trains from what it was started from */
  if (isnan(h->furthest) || h->step > h->furthest) {
    h->furthest = h->step;
    h->tries = 0;
  }
  for (int i = 0; i < ev->u.reported.metrics.n; i++) {
    const struct cl_metric *m = &ev->u.reported.metrics.items[i];
    if (m->id < 1 || m->id > s->objectives) continue;
    h->flags |= CL_FLAG_SCORED;
    if (!isfinite(m->value)) h->flags |= CL_FLAG_DIVERGED;
  }
}

static void apply_end(struct cl_head *h, const struct cl_event *ev) {
  for (int i = 0; i < ev->u.ended.objectives.n; i++) {
    h->flags |= CL_FLAG_SCORED;
    if (!isfinite(ev->u.ended.objectives.items[i])) h->flags |= CL_FLAG_DIVERGED;
  }
}

/* What a closed attempt was to begin from it has read, or never will; a load of an exploit waits for the next
 * one. */
static void close_attempt(struct cl_head *h) {
  assert(h->flags & CL_ATTEMPT_OPEN);
  h->flags &= (uint16_t)~CL_ATTEMPT_OPEN;
  if (h->load <= 0) h->source = 0;
}

/* A scheduler's decision, or a pause: what was voided has been decided again. */
static bool decides_again(const struct cl_event *ev) {
  switch (ev->kind) {
  case CL_EVENT_CONTINUED:
  case CL_EVENT_EXPLOITED:
  case CL_EVENT_PAUSED:
  case CL_EVENT_STOPPED: return true;
  case CL_EVENT_SET: return ev->cause != CL_CAUSE_HUMAN && ev->cause != CL_CAUSE_UNDO;
  default: return false;
  }
}

static void apply_decision(struct cl_head *h, const struct cl_event *ev) {
  if (decides_again(ev)) h->flags &= (uint16_t)~CL_FLAG_VOIDED;
  switch (ev->kind) {
  case CL_EVENT_STARTED: apply_start(h, ev); break;
  case CL_EVENT_CONTINUED: h->until = ev->u.continued.until; break;
  case CL_EVENT_SET: h->until = ev->u.set.until; break;
  case CL_EVENT_EXPLOITED:
    h->until = ev->u.exploited.until;
    h->source = ev->u.exploited.snapshot;
    h->load = h->source == 0 ? 0 : ev->position; /* values alone need no load */
    if (h->load != 0) h->flags |= CL_FLAG_SCORED;
    break;
  case CL_EVENT_VOIDED:
    assert(h->load == ev->u.voided.change || h->load == -ev->u.voided.change);
    drop_load(h);
    h->until = -INFINITY; /* it asks again */
    h->flags |= CL_FLAG_VOIDED;
    break;
  case CL_EVENT_PREEMPTING: h->flags |= CL_FLAG_PREEMPTING; break;
  case CL_EVENT_STOPPED:
    if (!(h->flags & CL_ATTEMPT_OPEN)) h->flags |= CL_STOPPED_CLOSED;
    break;
  case CL_EVENT_LOST: close_attempt(h); break;
  case CL_EVENT_RETRIED:
    assert(h->failures < UINT8_MAX && h->tries < UINT8_MAX);
    if (h->state == CL_FAILED)
      h->failures++;
    else
      h->tries++;
    break;
  default: break;
  }
}

static void apply_fact(const struct cl_study_head *s, struct cl_head *h, const struct cl_event *ev) {
  switch (ev->kind) {
  case CL_EVENT_REPORTED: apply_report(s, h, ev); break;
  case CL_EVENT_CONNECTED: h->flags |= CL_CONNECTED_ONCE; break;
  case CL_EVENT_ADOPTED: h->worker = ev->u.adopted.worker; break;
  case CL_EVENT_SAVED: h->tries = 0; break;
  case CL_EVENT_LOADED:
    h->source = 0;
    if (ev->u.loaded.error != NULL) break; /* what it was to load can still be voided */
    begin_segment(h, false);
    h->load = 0;
    break;
  case CL_EVENT_DONE:
    assert(!(h->flags & CL_ATTEMPT_DONE)); /* a second one is CLADE_REPEATED */
    h->flags |= CL_ATTEMPT_DONE;
    break;
  case CL_EVENT_ENDED:
    h->flags |= CL_ATTEMPT_KNOWN;
    if (ev->late) break;
    apply_end(h, ev);
    close_attempt(h);
    break;
  default: break;
  }
}

static int state_after_fact(const struct cl_head *h, const struct cl_event *ev) {
  if (ev->kind == CL_EVENT_DONE && (h->state == CL_RUNNING || h->state == CL_PAUSED))
    return state_when_finished(h);
  if (ev->kind == CL_EVENT_ENDED) return state_after_end(h, ev);
  return h->state;
}

/* A trial that has come to its end, and is not tried again, loads nothing any more. */
static bool is_over(const struct cl_study_head *s, const struct cl_head *h) {
  return h->state == CL_FAILED
             ? h->failures >= s->retries
             : !cl_state_is_pending(h->state) && h->state != CL_LOST && h->state != CL_PREEMPTED;
}

static void apply_birth(struct cl_study_head *s, struct cl_head *h, const struct cl_event *ev) {
  bool foreign = ev->kind == CL_EVENT_IMPORTED;
  assert(h->proposed == 0 && ev->subject == s->trials + 1);
  *h = (struct cl_head){.proposed = ev->position,
                        .version = ev->position,
                        .step = CL_NO_STEP,
                        .furthest = foreign ? ev->u.imported.last_step : CL_NO_STEP,
                        .until = CL_NO_STEP,
                        .source = foreign ? 0 : ev->u.proposed.parent,
                        .role = (uint8_t)(foreign ? CL_ROLE_FOREIGN : ev->u.proposed.role)};
  if (foreign)
    h->state = (uint8_t)ev->u.imported.state;
  else
    h->state = ev->u.proposed.infeasible ? CL_INFEASIBLE : CL_WAITING;
  if (foreign && ev->u.imported.objectives.n > 0) h->flags = CL_FLAG_SCORED;
  if (h->state == CL_WAITING) h->waiting = ev->position;
  s->trials = ev->subject;
  if (cl_role_is_searched(h->role)) s->counted++;
  assert(cl_head_check(h, NULL) == 0 && h->attempt == 0 && h->flags == (h->flags & CL_FLAG_SCORED));
}

static int apply_to_study(struct cl_study_head *s, const struct cl_event *ev, struct cl_err *e) {
  assert((s->position == 0) == (ev->kind == CL_EVENT_CREATED));
  switch (ev->kind) {
  case CL_EVENT_CREATED:
    s->open = true;
    s->space_version = 1;
    CL_TRY(take_settings(s, ev->u.created.settings, e));
    break;
  case CL_EVENT_UPDATED:
    CL_TRY(take_settings(s, ev->u.updated.settings, e));
    s->space_version = ev->u.updated.space_version;
    break;
  case CL_EVENT_FINISHED: s->open = false; break;
  case CL_EVENT_REOPENED: s->open = true; break;
  case CL_EVENT_WORKER:
    if (ev->u.worker.state == CL_WORKER_JOINED) s->workers = ev->u.worker.worker;
    break;
  default: break;
  }
  if (cl_kind_flags(ev->kind) & CL_V) s->version = ev->position;
  s->position = ev->position;
  return 0;
}

/* What the reports that a reader has left out would have done to the head (store/heads.h: cl_head_is_summed).
 * None of them was the trial's end, so the state is judged first; only whether an objective was ever reported
 * counts in that. */
static void take_summary(struct cl_head *h, const struct cl_event *ev, bool before) {
  const struct cl_head *end = ev->summary;
  if (end == NULL) return;
  assert(h->attempt == end->attempt && cl_state_is_final(end->state));
  if (before) {
    if (ev->kind != CL_EVENT_STOPPED) h->flags |= end->flags & CL_FLAG_SCORED;
    return;
  }
  if (!cl_state_is_final(h->state)) return; /* stopped as diverged, and revived afterwards */
  h->flags |= end->flags & (CL_FLAG_SCORED | CL_FLAG_DIVERGED);
  h->reports = end->reports;
  h->step = end->step;
  h->furthest = end->furthest;
}

/* Events in a log are those that were admitted, with the same judgement. */
static int judge_stored(const struct cl_study_head *s, const struct cl_head *h, const struct cl_event *ev,
                        struct cl_err *e) {
  bool late = false;
  struct cl_err why;
  why.text[0] = '\0';
  if (ev->position <= s->position)
    return CL_FAIL(e, CLADE_ECORRUPT, "event %lld follows event %lld", (long long)ev->position,
                   (long long)s->position);
  int status = judge(s, h, ev, &late, &why);
  if (status == CLADE_ENEWER || status == CLADE_ENOMEM) return CL_FAIL(e, status, "%s", why.text);
  if (status < 0)
    return CL_FAIL(e, CLADE_ECORRUPT, "event %lld ('%s') does not fit the log: %s", (long long)ev->position,
                   cl_kind_name(ev->kind), why.text);
  if (status == CLADE_REPEATED)
    return CL_FAIL(e, CLADE_ECORRUPT, "event %lld ('%s') stands twice in the log", (long long)ev->position,
                   cl_kind_name(ev->kind));
  if (late != ev->late)
    return CL_FAIL(e, CLADE_ECORRUPT, "event %lld ('%s') is stored as %s, but it is not",
                   (long long)ev->position, cl_kind_name(ev->kind), late ? "current" : "late");
  return 0;
}

static void apply_to_trial(const struct cl_study_head *s, struct cl_head *h, const struct cl_event *ev) {
  bool decision = cl_kind_flags(ev->kind) & CL_D;
  if (ev->late && ev->attempt != h->attempt) return;
  if (ev->late && ev->kind != CL_EVENT_REPORTED && ev->kind != CL_EVENT_ENDED) return;
  int before = h->state;
  take_summary(h, ev, true);
  if (decision) {
    int after = state_after_decision(h, ev);
    apply_decision(h, ev);
    h->state = (uint8_t)after;
  } else {
    apply_fact(s, h, ev);
    if (!ev->late) h->state = (uint8_t)state_after_fact(h, ev);
  }
  if (h->state == CL_WAITING && before != CL_WAITING) h->waiting = ev->position;
  if (h->state != before && ev->kind != CL_EVENT_EXPLOITED && is_over(s, h)) drop_load(h);
  take_summary(h, ev, false);
  if ((cl_kind_flags(ev->kind) & CL_V) && !ev->late) h->version = ev->position;
  assert(cl_head_check(h, NULL) == 0);
}

int cl_head_apply(struct cl_study_head *s, struct cl_head *h, const struct cl_event *ev, struct cl_err *e) {
  CL_TRY(judge_stored(s, h, ev, e));
  if (ev->kind == CL_EVENT_PROPOSED || ev->kind == CL_EVENT_IMPORTED) {
    apply_birth(s, h, ev);
  } else if (ev->subject == 0) {
    struct cl_study_head after = *s;
    CL_TRY(apply_to_study(&after, ev, e));
    *s = after;
  } else {
    apply_to_trial(s, h, ev);
  }
  s->position = ev->position;
  assert_study_head(s);
  assert(ev->subject == 0 || h->proposed != 0);
  return 0;
}

int cl_head_check(const struct cl_head *h, struct cl_err *e) {
  bool open = h->flags & CL_ATTEMPT_OPEN;
  const char *broken = NULL;
  if (h->proposed == 0) return 0;
  if (h->state < CL_WAITING || h->state > CL_INFEASIBLE) broken = "the state is none of the ten";
  if (h->version < h->proposed) broken = "the version is older than the trial";
  if (h->state == CL_WAITING && h->waiting == 0) broken = "it waits without a place in the queue";
  if (h->state == CL_RUNNING && (!open || h->attempt < 1)) broken = "it runs without an open attempt";
  if (h->state == CL_LOST && open) broken = "it is lost with an open attempt";
  if (h->attempt == 0 && open) broken = "an attempt is open that never started";
  if (h->state == CL_RUNNING && (h->flags & CL_ATTEMPT_DONE)) broken = "it runs although it said done";
  if (h->state == CL_COMPLETE && !(h->flags & CL_FLAG_SCORED) && h->role != CL_ROLE_FOREIGN)
    broken = "it is complete without an objective";
  if (cl_state_is_final(h->state) && (h->load != 0 || h->source != 0))
    broken = "it is final and holds a snapshot";
  if (h->tries > CL_TRIES_MAX) broken = "it was retried more often than allowed";
  if (broken == NULL) return 0;
  return CL_FAIL(e, CLADE_ECORRUPT, "the head of a trial in state %s is wrong: %s", cl_state_name(h->state),
                 broken);
}
