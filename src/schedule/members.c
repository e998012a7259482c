#include "schedule/members.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

int cl_members_change_interval(struct cl_members *m, int32_t rung, double interval, struct cl_err *e) {
  const struct cl_era era = {rung, cl_members_step(m, rung), interval};
  assert(rung >= 0 && interval > 0 && (m->n_eras == 0 || rung >= m->eras[m->n_eras - 1].rung));
  if (cl_grow(&m->eras, &m->cap_eras, m->n_eras + 1, sizeof *m->eras) < 0) return CL_FAIL_NOMEM(e);
  m->eras[m->n_eras++] = era;
  return 0;
}

double cl_members_step(const struct cl_members *m, int32_t rung) {
  for (size_t i = m->n_eras; i-- > 0;)
    if (rung >= m->eras[i].rung) return m->eras[i].step + m->eras[i].interval * (rung - m->eras[i].rung);
  return m->interval * rung;
}

/* Steps are sums of fractions: 0.1 ten times is not quite 1. */
int32_t cl_members_rung(const struct cl_members *m, double step) {
  assert(m->interval > 0);
  struct cl_era era = {0, 0, m->interval};
  for (size_t i = 0; i < m->n_eras; i++)
    if (step >= m->eras[i].step * (1 - 1e-12)) era = m->eras[i];
  double rung = era.rung + floor((step - era.step) / era.interval * (1 + 1e-12) + 1e-9);
  return rung < 1 ? 1 : rung > INT32_MAX / 2 ? INT32_MAX / 2 : (int32_t)rung;
}

int cl_members_find(const struct cl_members *m, int64_t trial) {
  return trial > 0 && (uint64_t)trial < m->cap_index ? m->index[trial] : -1;
}

/* Lists of members that ask. */

static bool asks_before(const struct cl_members *m, uint32_t a, uint32_t b) {
  int32_t x = m->items[a].asks, y = m->items[b].asks;
  return x != y ? x < y : a < b;
}

static size_t find_place(const struct cl_members *m, const uint32_t *list, size_t n, uint32_t member) {
  size_t lo = 0, hi = n;
  while (lo < hi) {
    size_t middle = lo + (hi - lo) / 2;
    if (asks_before(m, list[middle], member))
      lo = middle + 1;
    else
      hi = middle;
  }
  return lo;
}

static void take_out(const struct cl_members *m, uint32_t *list, size_t *n, uint32_t member) {
  size_t at = find_place(m, list, *n, member);
  assert(at < *n && list[at] == member);
  memmove(&list[at], &list[at + 1], (--*n - at) * sizeof *list);
}

static void put_in(const struct cl_members *m, uint32_t *list, size_t *n, uint32_t member) {
  size_t at = find_place(m, list, *n, member);
  assert(at == *n || list[at] != member);
  memmove(&list[at + 1], &list[at], ((*n)++ - at) * sizeof *list);
  list[at] = member;
}

/* Members that train, by rung. */

static int count_at(struct cl_members *m, int32_t rung, int32_t change, struct cl_err *e) {
  size_t old = m->cap_at;
  if (cl_grow(&m->at, &m->cap_at, (size_t)rung + 1, sizeof *m->at) < 0) return CL_FAIL_NOMEM(e);
  if (m->cap_at > old) memset(m->at + old, 0, (m->cap_at - old) * sizeof *m->at);
  m->at[rung] += change;
  assert(m->at[rung] >= 0);
  if (change > 0 && rung < m->lowest) m->lowest = rung;
  return 0;
}

static int count_training(struct cl_members *m, uint32_t i, struct cl_err *e) {
  if (i < m->scan) m->scan = i;
  return count_at(m, m->items[i].rung, +1, e);
}

/* The rung of the training member that has come least far; INT32_MAX without any. */
static int32_t lowest_training(struct cl_members *m) {
  while ((size_t)m->lowest < m->cap_at && m->at[m->lowest] == 0) m->lowest++;
  return (size_t)m->lowest < m->cap_at ? m->lowest : INT32_MAX;
}

static bool is_idle(int state) {
  return state == CL_MEMBER_PAUSED || state == CL_MEMBER_DEAD;
}

static int leave(struct cl_members *m, uint32_t i, struct cl_err *e) {
  const struct cl_member *a = &m->items[i];
  assert(m->n_loading >= a->loading && m->n_voided >= a->voided);
  m->n_loading -= a->loading;
  m->n_voided -= a->voided;
  if (a->state == CL_MEMBER_TRAINS) return count_at(m, a->rung, -1, e);
  if (a->state == CL_MEMBER_HELD) take_out(m, m->held, &m->n_held, i);
  if (is_idle(a->state)) take_out(m, m->idle, &m->n_idle, i);
  return 0;
}

static int enter(struct cl_members *m, uint32_t i, struct cl_err *e) {
  const struct cl_member *a = &m->items[i];
  assert(a->asks >= 1 || !(a->state == CL_MEMBER_HELD || is_idle(a->state)));
  m->n_loading += a->loading;
  m->n_voided += a->voided;
  if (a->state == CL_MEMBER_TRAINS) return count_training(m, i, e);
  if (a->state == CL_MEMBER_HELD) put_in(m, m->held, &m->n_held, i);
  if (is_idle(a->state)) put_in(m, m->idle, &m->n_idle, i);
  return 0;
}

/* What a trial's head says about its member. */

static bool is_running_or_will(const struct cl_study_head *s, const struct cl_head *h) {
  return h->state == CL_WAITING || h->state == CL_RUNNING || cl_head_may_retry(s, h);
}

/* A load that may still turn out to fail. */
static bool is_loading(const struct cl_members *m, const struct cl_head *h) {
  return h->load != 0 && is_running_or_will(cl_study_head(m->env->study), h);
}

static bool is_voided(const struct cl_head *h, const struct cl_member *a) {
  return (h->flags & CL_FLAG_VOIDED) && a->again && (h->state == CL_WAITING || h->state == CL_RUNNING);
}

static bool is_held(const struct cl_head *h) {
  return h->step >= h->until && h->load == 0 && !(h->flags & (CL_FLAG_PREEMPTING | CL_ATTEMPT_DONE));
}

bool cl_members_is_banned(const struct cl_members *m, int64_t snapshot) {
  for (size_t i = m->n_banned; i > 0; i--)
    if (m->banned[i - 1] == snapshot) return true;
  return false;
}

/* Its own state at this very step; 0 if that was not saved. */
static int64_t snapshot_at(const struct cl_study *s, const struct cl_trial *t) {
  const struct cl_snapshot *n = cl_study_snapshot(s, cl_trial_resume_from(s, t));
  return n != NULL && n->usable && n->trial == t->number && n->step == t->head.step ? n->position : 0;
}

/* The same, to give to others. */
static int64_t gift_at(const struct cl_members *m, const struct cl_trial *t) {
  int64_t snapshot = snapshot_at(m->env->study, t);
  return cl_members_is_banned(m, snapshot) ? 0 : snapshot;
}

/* Its process went before the question was answered. It is answered before another one starts from there. */
static bool is_adrift(const struct cl_members *m, const struct cl_member *a, const struct cl_head *h,
                      const struct cl_trial *t) {
  if (cl_questions_are_asked(&m->questions) && !cl_questions_is_ready(&m->questions, (size_t)(a - m->items)))
    return false;
  return h->step >= h->until && h->load == 0 && !(h->flags & CL_ATTEMPT_OPEN) &&
         snapshot_at(m->env->study, t) != 0;
}

/* Its report waits; for a ruling? *ret_answer: what else is due. */
static bool is_judged(const struct cl_members *m, const struct cl_member *a, const struct cl_trial *t,
                      enum cl_answer *ret_answer) {
  *ret_answer = CL_ANSWER_NONE;
  if (!is_held(&t->head)) return false;
  if (!cl_questions_are_asked(&m->questions)) return true;
  bool has_state = snapshot_at(m->env->study, t) != 0;
  enum cl_answer answer = cl_questions_answer(&m->questions, (size_t)(a - m->items), t, has_state);
  if (answer != CL_ANSWER_JUDGE) *ret_answer = answer;
  return answer == CL_ANSWER_JUDGE;
}

static int state_of(const struct cl_members *m, const struct cl_member *a, const struct cl_trial *t,
                    enum cl_answer *ret_answer) {
  const struct cl_head *h = &t->head;
  *ret_answer = CL_ANSWER_NONE;
  bool gone = !(h->flags & CL_ATTEMPT_OPEN) && cl_state_is_result(cl_study_head(m->env->study), h);
  if (is_voided(h, a)) return a->was_dead ? CL_MEMBER_DEAD : CL_MEMBER_PAUSED;
  switch (h->state) {
  case CL_RUNNING: return is_judged(m, a, t, ret_answer) ? CL_MEMBER_HELD : CL_MEMBER_TRAINS;
  case CL_PAUSED: return a->by_person ? CL_MEMBER_OUT : CL_MEMBER_PAUSED;
  case CL_COMPLETE:
  case CL_PRUNED: return CL_MEMBER_OUT;
  case CL_FAILED:
  case CL_DIVERGED:
  case CL_INFEASIBLE:
    if (!gone) return h->state == CL_FAILED && is_adrift(m, a, h, t) ? CL_MEMBER_PAUSED : CL_MEMBER_TRAINS;
    return a->revivals < CL_REVIVALS_MAX && !a->dismissed ? CL_MEMBER_DEAD : CL_MEMBER_OUT;
  case CL_LOST:
  case CL_PREEMPTED: return is_adrift(m, a, h, t) ? CL_MEMBER_PAUSED : CL_MEMBER_TRAINS;
  default: return CL_MEMBER_TRAINS; /* waits */
  }
}

static void wake_skipped(struct cl_members *m) {
  for (size_t i = 0; i < m->n && m->n_skipped > 0; i++) {
    m->n_skipped -= m->items[i].skipped;
    m->items[i].skipped = false;
  }
}

struct cl_evaluation cl_members_describe(const struct cl_members *m, size_t member) {
  const struct cl_member *a = &m->items[member];
  const struct cl_trial *t = cl_study_trial(m->env->study, a->trial);
  bool scored = a->state != CL_MEMBER_DEAD && isfinite(t->value) && !(t->head.flags & CL_FLAG_DIVERGED);
  double sign = cl_objective_sign(&m->env->settings->objectives[0]);
  int n = 0;
  const double *recent = cl_recent_of(&m->recent, member, &n);
  return (struct cl_evaluation){.trial = a->trial,
                                .rung = a->asks,
                                .step = t->head.step,
                                .score = scored ? sign * t->value : -INFINITY,
                                .report = t->record,
                                .snapshot = scored ? gift_at(m, t) : 0,
                                .n_recent = n,
                                .recent = recent};
}

/* Into the table, where others see it. Not for a member that is counted as training. */
static int publish(struct cl_members *m, uint32_t i, struct cl_evaluation *v, struct cl_err *e) {
  int64_t snapshot = v->snapshot;
  assert(i < m->n && v->trial == m->items[i].trial && v->rung >= 1);
  m->items[i].rung = v->rung;
  if (isfinite(v->score)) m->items[i].divergences = 0;
  CL_TRY(cl_population_set(&m->population, i, v, e));
  if (snapshot != 0) wake_skipped(m);
  return 0;
}

bool cl_members_hide(const struct cl_members *m) {
  return m->ordered && !m->sync;
}

static void drop_pending(struct cl_member *a) {
  cl_free(a->pending);
  a->pending = NULL;
}

static int evaluate(struct cl_members *m, uint32_t i, struct cl_err *e) {
  struct cl_member *a = &m->items[i];
  const struct cl_evaluation what = cl_members_describe(m, i);
  struct cl_evaluation *v =
      cl_evaluation_create(m->env->study, cl_study_trial(m->env->study, a->trial), &what);
  if (v == NULL) return CL_FAIL_NOMEM(e);
  if (a->state != CL_MEMBER_DEAD) a->revivals = 0;
  if (!cl_members_hide(m)) return publish(m, i, v, e);
  drop_pending(a);
  a->pending = v;
  return 0;
}

/* Is there an evaluation for the rung that it asks for? The first one stays while its state can be had: a
 * process that was lost there has gone on from that very state. */
static bool is_evaluated(const struct cl_members *m, uint32_t i, const struct cl_trial *t) {
  const struct cl_member *a = &m->items[i];
  const struct cl_evaluation *v =
      cl_members_hide(m) ? a->pending : cl_population_of(&m->population, a->asks, i);
  if (v == NULL || v->rung != a->asks || v->given_up || a->state == CL_MEMBER_DEAD) return false;
  const struct cl_snapshot *n = cl_study_snapshot(m->env->study, v->snapshot);
  return (n != NULL && n->usable) ||
         (v->report == t->record && v->step == t->head.step && gift_at(m, t) == 0);
}

static int note_answer(struct cl_members *m, uint32_t i, enum cl_answer answer, struct cl_err *e) {
  struct cl_member *a = &m->items[i];
  a->answer = (uint8_t)answer;
  if (answer == CL_ANSWER_NONE || a->listed) return 0;
  if (cl_grow(&m->answers, &m->cap_answers, m->n_answers + 1, sizeof *m->answers) < 0)
    return CL_FAIL_NOMEM(e);
  m->answers[m->n_answers++] = i;
  a->listed = true;
  return 0;
}

static int32_t rung_asked_for(const struct cl_members *m, uint32_t i, double step) {
  return cl_questions_are_asked(&m->questions) ? m->questions.items[i].now.count + 1
                                               : cl_members_rung(m, step);
}

static int look(struct cl_members *m, uint32_t i, struct cl_err *e) {
  struct cl_member *a = &m->items[i];
  const struct cl_trial *t = cl_study_trial(m->env->study, a->trial);
  enum cl_answer answer;
  int before = a->state, state = state_of(m, a, t, &answer);
  bool dies = state == CL_MEMBER_DEAD && before != CL_MEMBER_DEAD;
  bool asks = state == CL_MEMBER_HELD || state == CL_MEMBER_PAUSED;
  CL_TRY(leave(m, i, e));
  a->voided = is_voided(&t->head, a);
  a->loading = is_loading(m, &t->head);
  if (a->voided) { /* as it was judged */
    asks = dies = false;
    a->asks = a->before_rung;
  }
  if (asks) a->asks = rung_asked_for(m, i, t->head.step);
  if (dies) a->asks = a->rung + 1;
  a->state = (uint8_t)state;
  CL_TRY(note_answer(m, i, answer, e));
  int status = dies || (asks && !is_evaluated(m, i, t)) ? evaluate(m, i, e) : 0;
  return status < 0 ? status : enter(m, i, e);
}

/* Events. */

static int add(struct cl_members *m, int64_t trial, struct cl_err *e) {
  size_t old = m->cap_index, n = m->n + 1;
  assert(trial > 0 && cl_members_find(m, trial) < 0);
  if (cl_grow(&m->items, &m->cap, n, sizeof *m->items) < 0 ||
      cl_grow(&m->held, &m->cap_held, n, sizeof *m->held) < 0 ||
      cl_grow(&m->idle, &m->cap_idle, n, sizeof *m->idle) < 0 ||
      cl_grow(&m->index, &m->cap_index, (size_t)trial + 1, sizeof *m->index) < 0)
    return CL_FAIL_NOMEM(e);
  for (size_t i = old; i < m->cap_index; i++) m->index[i] = -1;
  CL_TRY(cl_population_add(&m->population, e));
  CL_TRY(cl_recent_reach(&m->recent, n, e));
  CL_TRY(cl_questions_reach(&m->questions, n, e));
  m->items[m->n] = (struct cl_member){.trial = trial, .put = -1};
  m->index[trial] = (int32_t)m->n;
  return count_training(m, (uint32_t)m->n++, e);
}

static int touch(struct cl_members *m, uint32_t i, struct cl_err *e) {
  if (m->n_touched > 0 && m->touched[m->n_touched - 1] == i) return 0;
  if (cl_grow(&m->touched, &m->cap_touched, m->n_touched + 1, sizeof *m->touched) < 0)
    return CL_FAIL_NOMEM(e);
  m->touched[m->n_touched++] = i;
  return 0;
}

int cl_members_dismiss(struct cl_members *m, int64_t trial, struct cl_err *e) {
  int i = cl_members_find(m, trial);
  if (i < 0) return 0;
  m->items[i].dismissed = true;
  m->fresh = false;
  return touch(m, (uint32_t)i, e);
}

bool cl_members_is_ruling(const struct cl_event *ev) {
  return ev->cause == CL_CAUSE_EXPLOIT || ev->cause == CL_CAUSE_EXPLORE || ev->cause == CL_CAUSE_GENERATION;
}

/* What an event means for the last scores of a member. */
static void hear_scores(struct cl_members *m, size_t member, const struct cl_event *ev) {
  const struct cl_study *s = m->env->study;
  if (ev->kind == CL_EVENT_REPORTED && !ev->late) {
    double sign = cl_objective_sign(&m->env->settings->objectives[0]);
    for (int i = 0; i < ev->u.reported.metrics.n; i++)
      if (ev->u.reported.metrics.items[i].id == 1)
        cl_recent_push(&m->recent, member, ev->u.reported.step, sign * ev->u.reported.metrics.items[i].value);
  } else if (ev->kind == CL_EVENT_STARTED) {
    const struct cl_snapshot *from = cl_study_snapshot(s, ev->u.started.from);
    cl_recent_cut(&m->recent, member, from == NULL ? -INFINITY : from->step);
  } else if (ev->kind == CL_EVENT_VOIDED) { /* its own state again, as it was judged */
    const struct cl_evaluation *v = cl_population_of(&m->population, m->items[member].rung, member);
    if (v != NULL) cl_recent_replace(&m->recent, member, v->recent, v->n_recent, v->step);
  }
}

/* Snapshots that were given and are gone. */

static void ban_in_tables(struct cl_members *m, int64_t snapshot) {
  const struct cl_snapshot *n = cl_study_snapshot(m->env->study, snapshot);
  int owner = n == NULL ? -1 : cl_members_find(m, n->trial);
  if (owner < 0) return;
  struct cl_evaluation *pending = m->items[owner].pending;
  cl_population_ban(&m->population, (size_t)owner, snapshot);
  if (pending != NULL && pending->snapshot == snapshot) pending->snapshot = 0;
}

static int ban(struct cl_members *m, int64_t snapshot, struct cl_err *e) {
  if (snapshot == 0 || cl_members_is_banned(m, snapshot)) return 0;
  if (cl_grow(&m->banned, &m->cap_banned, m->n_banned + 1, sizeof *m->banned) < 0) return CL_FAIL_NOMEM(e);
  m->banned[m->n_banned++] = snapshot;
  ban_in_tables(m, snapshot);
  return 0;
}

static int take_back(struct cl_members *m, uint32_t i, const struct cl_event *ev, struct cl_err *e) {
  struct cl_member *a = &m->items[i];
  json_t *args = ev->args == NULL ? NULL : json_loads(ev->args, 0, NULL);
  int64_t snapshot = json_integer_value(json_object_get(args, "snapshot"));
  json_decref(args);
  CL_TRY(ban(m, snapshot, e));
  if (a->exploit == 0 || a->exploit != ev->u.voided.change) return 0;
  assert(a->before_rung >= 1 && a->rung >= 1);
  cl_population_restore(&m->population, i);
  if (a->state == CL_MEMBER_TRAINS) CL_TRY(count_at(m, a->rung, -1, e));
  a->rung = a->before_rung;
  a->revivals = a->before_revivals;
  a->divergences = a->before_divergences;
  a->exploit = 0;
  a->again = true;
  return a->state == CL_MEMBER_TRAINS ? count_training(m, i, e) : 0;
}

/* What an event says about exploits and their sources, before its member is looked at. */
static int hear_sources(struct cl_members *m, uint32_t i, const struct cl_event *ev, struct cl_err *e) {
  struct cl_member *a = &m->items[i];
  if (ev->kind == CL_EVENT_DELETED) ban_in_tables(m, ev->u.deleted.snapshot);
  if (ev->kind == CL_EVENT_EXPLOITED) {
    a->exploit = cl_members_is_ruling(ev) ? ev->position : 0;
    a->again = false;
  }
  return ev->kind == CL_EVENT_VOIDED ? take_back(m, i, ev, e) : 0;
}

/* Reports that waited for it can be answered. */
static int hear_clock(struct cl_members *m, double seconds, struct cl_err *e) {
  struct cl_questions *q = &m->questions;
  size_t n = q->n_unread;
  if (!cl_questions_are_asked(q) || !(seconds >= q->clock)) return 0;
  cl_questions_read(q, m->env->study, seconds);
  for (size_t i = 0; i < n; i++) CL_TRY(touch(m, q->unread[i], e)); /* emptied, and still there */
  return 0;
}

int cl_members_apply(struct cl_members *m, const struct cl_event *ev, struct cl_err *e) {
  m->fresh = false;
  m->next_answer = 0;
  if (ev->kind == CL_EVENT_CLOCK) return hear_clock(m, ev->u.clock.seconds, e);
  if (ev->subject == 0) return 0;
  if (ev->kind == CL_EVENT_PROPOSED && cl_role_is_searched((int)ev->u.proposed.role))
    CL_TRY(add(m, ev->subject, e));
  int i = cl_members_find(m, ev->subject);
  if (i < 0) return 0;
  struct cl_member *a = &m->items[i];
  CL_TRY(hear_sources(m, (uint32_t)i, ev, e));
  CL_TRY(cl_questions_hear(&m->questions, m->env->study, (size_t)i, ev, cl_members_is_ruling(ev), e));
  hear_scores(m, (size_t)i, ev);
  if (ev->kind == CL_EVENT_PAUSED) a->by_person = !cl_members_is_ruling(ev);
  bool ruled = ev->kind == CL_EVENT_CONTINUED || ev->kind == CL_EVENT_EXPLOITED || ev->kind == CL_EVENT_SET;
  if (ev->kind == CL_EVENT_CONTINUED || ev->kind == CL_EVENT_EXPLOITED) a->by_person = false;
  if (ev->kind == CL_EVENT_EXPLOITED && ev->u.exploited.infeasible && a->revivals > 0)
    a->revivals--; /* nothing was tried: that its values are not legal is the scheduler's doing */
  a->rulings += ruled && cl_members_is_ruling(ev);
  if (ev->kind == CL_EVENT_REPORTED || ev->kind == CL_EVENT_SAVED) return look(m, (uint32_t)i, e);
  return touch(m, (uint32_t)i, e);
}

int cl_members_asks(struct cl_members *m, int64_t trial, struct cl_err *e) {
  int i = cl_members_find(m, trial);
  if (i < 0) return 0;
  CL_TRY(look(m, (uint32_t)i, e));
  return is_idle(m->items[i].state) && !m->items[i].skipped;
}

int cl_members_recall(struct cl_members *m, size_t member, struct cl_evaluation *v, struct cl_err *e) {
  struct cl_member *a = &m->items[member];
  int32_t rung = v->rung;
  if (a->pending != NULL && a->pending->rung == rung) { /* as it was seen, with its state */
    cl_free(v);
    v = a->pending;
    a->pending = NULL;
  }
  if (a->state == CL_MEMBER_TRAINS) CL_TRY(count_at(m, a->rung, -1, e));
  CL_TRY(publish(m, (uint32_t)member, v, e));
  return a->state == CL_MEMBER_TRAINS ? count_training(m, (uint32_t)member, e) : 0;
}

/* Whose turn is it? */

static int look_at_touched(struct cl_members *m, struct cl_err *e) {
  for (size_t i = 0; i < m->n_touched; i++) CL_TRY(look(m, m->touched[i], e));
  m->n_touched = 0;
  return 0;
}

/* Cost O(1), taken over all calls for a rung. */
static bool one_is_before(struct cl_members *m, uint32_t member, int32_t rung) {
  if (m->scan_rung != rung) m->scan = 0;
  m->scan_rung = rung;
  while (m->scan < member && !(m->items[m->scan].state == CL_MEMBER_TRAINS && m->items[m->scan].rung < rung))
    m->scan++;
  return m->scan < member;
}

/* The least rung, then member, of those that ask. */
static bool is_first(const struct cl_members *m, uint32_t i) {
  return (m->n_held == 0 || !asks_before(m, m->held[0], i)) &&
         (m->n_idle == 0 || !asks_before(m, m->idle[0], i));
}

/* The least rung that is asked for. Nobody waits for the dead that nobody can give a state. */
static int32_t first_asked(const struct cl_members *m) {
  int32_t first = m->n_held > 0 ? m->items[m->held[0]].asks : INT32_MAX;
  size_t k = 0;
  while (k < m->n_idle && !m->ordered && m->items[m->idle[k]].skipped) k++;
  if (k < m->n_idle && m->items[m->idle[k]].asks < first) first = m->items[m->idle[k]].asks;
  return first;
}

/* May it be judged now? In free mode always; the other two wait for those that have come less far. */
static bool may_judge(struct cl_members *m, const struct cl_schedule_room *room, uint32_t i) {
  const struct cl_member *a = &m->items[i];
  if (!m->sync && !m->ordered) return true;
  if (m->ordered && m->n_loading > 0) return false; /* it may ask again, by the tables of its first time */
  int32_t lowest = lowest_training(m);
  int32_t first = first_asked(m);
  if (a->asks > first) return false;
  if (m->sync && (room->unproposed > 0 || lowest < a->asks)) return false;
  if (!m->ordered) return true;
  if (!is_first(m, i) || (room->unproposed > 0 && a->asks > 1)) return false;
  return lowest >= a->asks || (lowest == a->asks - 1 && !one_is_before(m, i, a->asks));
}

int cl_members_barrier(struct cl_members *m, const struct cl_schedule_room *room, int32_t *ret,
                       struct cl_err *e) {
  assert(m->sync && !cl_members_hide(m)); /* whatever was evaluated stands in its table */
  *ret = 0;
  CL_TRY(look_at_touched(m, e));
  int32_t first = first_asked(m);
  if (first == INT32_MAX || room->unproposed > 0 || lowest_training(m) < first) return 0;
  *ret = first;
  return 0;
}

static bool is_flying(const struct cl_members *m, uint32_t i) {
  return m->items[i].put == cl_study_trial(m->env->study, m->items[i].trial)->head.version;
}

bool cl_members_waits(const struct cl_members *m) {
  for (size_t k = 0; k < m->n_flying; k++) {
    bool is_answer = m->items[m->flying[k]].state == CL_MEMBER_TRAINS;
    if (!is_answer && is_flying(m, m->flying[k])) return true;
  }
  return false;
}

static bool takes_slot(const struct cl_member *a) {
  return is_idle(a->state) && !a->voided;
}

/* Slots that decisions on their way will free or take. */
static void count_flying(struct cl_members *m) {
  size_t kept = 0;
  m->lent = m->taken = 0;
  m->next_held = 0;
  m->fresh = true;
  for (size_t k = 0; k < m->n_flying; k++) {
    uint32_t i = m->flying[k];
    if (!is_flying(m, i)) continue;
    m->flying[kept++] = i;
    m->lent += m->items[i].lends;
    m->taken += takes_slot(&m->items[i]);
  }
  m->n_flying = kept;
}

/* Members without a slot that have come less far, up to `enough`. */
static int64_t count_behind(const struct cl_members *m, int32_t rung, int64_t enough) {
  int64_t n = 0;
  for (size_t k = 0; k < m->n_idle && n < enough && m->items[m->idle[k]].asks < rung; k++)
    n += !m->items[m->idle[k]].skipped && !m->items[m->idle[k]].voided;
  return n;
}

static int choose(struct cl_members *m, uint32_t i, bool lend, size_t *ret, bool *ret_lend,
                  struct cl_err *e) {
  *ret = i;
  *ret_lend = lend;
  struct cl_evaluation *v = m->items[i].pending;
  if (lend || v == NULL) return 0;
  m->items[i].pending = NULL;
  return publish(m, i, v, e);
}

/* It waits for others: does one without a slot hold it up? */
static bool is_held_up(struct cl_members *m, const struct cl_schedule_room *room) {
  if (m->n_idle == 0) return false;
  uint32_t first = m->idle[0];
  const struct cl_member *a = &m->items[first];
  return !a->skipped && !a->voided && !is_flying(m, first) && may_judge(m, room, first);
}

int cl_members_next(struct cl_members *m, const struct cl_schedule_room *room, size_t *ret, bool *ret_lend,
                    struct cl_err *e) {
  CL_TRY(look_at_touched(m, e));
  if (!m->fresh) count_flying(m);
  int64_t slots = room->slots - m->taken;
  while (m->next_held < m->n_held && is_flying(m, m->held[m->next_held])) m->next_held++;
  for (size_t k = m->next_held; k < m->n_held; k++) {
    uint32_t i = m->held[k];
    int64_t needless = m->lent + slots - room->unproposed; /* slots that are free for those without one */
    if (is_flying(m, i)) continue;
    bool judges = may_judge(m, room, i);
    bool lends = needless < 0 || count_behind(m, m->items[i].asks, needless + 1) > needless ||
                 (!judges && needless == 0 && is_held_up(m, room));
    if (lends || judges) return choose(m, i, lends, ret, ret_lend, e);
    if (needless >= 0 && m->n_idle == 0) break; /* those that have come further do not ask before it */
  }
  bool is_free = slots > room->unproposed;
  for (size_t k = 0; k < m->n_idle && (is_free || m->n_voided > 0); k++) {
    uint32_t i = m->idle[k];
    if ((is_free || m->items[i].voided) && !is_flying(m, i) && !m->items[i].skipped && may_judge(m, room, i))
      return choose(m, i, false, ret, ret_lend, e);
  }
  return CLADE_EMPTY;
}

bool cl_members_want_clock(struct cl_members *m) {
  int64_t version = cl_study_head(m->env->study)->version;
  if (m->questions.n_unread == 0 || m->clock_put == version) return false;
  m->clock_put = version;
  return true;
}

static void drop_answered(struct cl_members *m) {
  size_t kept = 0;
  for (size_t k = 0; k < m->n_answers; k++) {
    struct cl_member *a = &m->items[m->answers[k]];
    a->listed = a->answer != CL_ANSWER_NONE;
    if (a->listed) m->answers[kept++] = m->answers[k];
  }
  m->n_answers = kept;
}

/* Cost O(members that are answered), taken over all calls between two events. */
int cl_members_answer(struct cl_members *m, size_t *ret, enum cl_answer *ret_answer, struct cl_err *e) {
  *ret_answer = CL_ANSWER_NONE;
  if (!cl_questions_are_asked(&m->questions)) return 0;
  CL_TRY(look_at_touched(m, e));
  if (m->next_answer == 0) drop_answered(m);
  for (; m->next_answer < m->n_answers; m->next_answer++) {
    uint32_t i = m->answers[m->next_answer];
    if (m->items[i].answer == CL_ANSWER_NONE || is_flying(m, i)) continue;
    *ret = i;
    *ret_answer = (enum cl_answer)m->items[i].answer;
    return 0;
  }
  return 0;
}

int cl_members_recompute(struct cl_members *m, int64_t trial, size_t *ret, enum cl_answer *ret_answer,
                         struct cl_err *e) {
  *ret_answer = CL_ANSWER_NONE;
  CL_TRY(look_at_touched(m, e));
  int i = cl_members_find(m, trial);
  if (i < 0) return 0;
  assert(m->items[i].answer == CL_ANSWER_NONE || m->items[i].state == CL_MEMBER_TRAINS);
  *ret = (size_t)i;
  *ret_answer = (enum cl_answer)m->items[i].answer;
  return 0;
}

int cl_members_call(struct cl_members *m, int64_t trial, bool lends, size_t *ret, struct cl_err *e) {
  CL_TRY(look_at_touched(m, e));
  int i = cl_members_find(m, trial);
  if (i < 0) return CLADE_EMPTY;
  int state = m->items[i].state;
  if (state != CL_MEMBER_HELD && !is_idle(state)) return CLADE_EMPTY;
  bool lend = false;
  return choose(m, (uint32_t)i, lends, ret, &lend, e);
}

int cl_members_decided(struct cl_members *m, size_t member, bool lends, struct cl_err *e) {
  struct cl_member *a = &m->items[member];
  if (cl_grow(&m->flying, &m->cap_flying, m->n_flying + 1, sizeof *m->flying) < 0) return CL_FAIL_NOMEM(e);
  m->flying[m->n_flying++] = (uint32_t)member;
  a->put = cl_study_trial(m->env->study, a->trial)->head.version;
  assert(!lends || a->state == CL_MEMBER_HELD);
  a->lends = lends;
  m->lent += lends;
  m->taken += takes_slot(a);
  return 0;
}

void cl_members_skip(struct cl_members *m, size_t member) {
  m->n_skipped += !m->items[member].skipped;
  m->items[member].skipped = true;
}

int cl_members_clone(struct cl_members *m, size_t member, const struct cl_evaluation *from, int32_t came_to,
                     bool was_dead, bool scored, struct cl_err *e) {
  struct cl_member *a = &m->items[member];
  assert(member < m->n && came_to >= 1);
  if (from == NULL)
    cl_recent_replace(&m->recent, member, NULL, 0, 0);
  else
    cl_recent_replace(&m->recent, member, from->recent, from->n_recent, from->step);
  a->before_rung = a->rung;
  a->before_revivals = a->revivals;
  a->before_divergences = a->divergences;
  a->was_dead = was_dead;
  cl_population_retire(&m->population, member);
  drop_pending(a);
  CL_TRY(leave(m, (uint32_t)member, e));
  a->rung = came_to;
  a->revivals = was_dead ? (uint8_t)(a->revivals + 1) : 0;
  a->divergences = was_dead || scored ? a->divergences : (uint8_t)(a->divergences + 1);
  m->n_skipped -= a->skipped;
  a->skipped = false;
  if (a->state == CL_MEMBER_DEAD) a->state = CL_MEMBER_TRAINS; /* if it is dead again, it dies anew */
  return enter(m, (uint32_t)member, e);
}

static int32_t least(int32_t a, int32_t b) {
  return a < b ? a : b;
}

/* Members whose load may fail ask again where they were judged. */
static int32_t lowest_loading(const struct cl_members *m) {
  int32_t rung = INT32_MAX;
  for (size_t i = 0; i < m->n && m->n_loading > 0; i++)
    if (m->items[i].loading) rung = least(rung, m->items[i].before_rung);
  return rung;
}

/* Who asks is judged where at least half have come to. Those that have ended may not have come as far as all
 * that have not, where rungs are not steps. The last such rung below; the lowest table if there is none. */
static int32_t last_full(const struct cl_members *m, int32_t rung) {
  size_t half = ((size_t)m->env->settings->trials + 1) / 2;
  while (rung > m->population.base && cl_population_count(&m->population, rung) < half) rung--;
  return rung;
}

/* Where nobody has a finite score any more, all go back to the last table in which somebody had one: it, or
 * one below it, stays. */
static int32_t last_finite(const struct cl_members *m, int32_t rung) {
  const struct cl_population *p = &m->population;
  for (int32_t r = rung; r >= p->base; r--)
    if (cl_population_count(p, r) > 0 && isfinite(cl_population_at(p, r, 0, NULL)->score)) return r;
  return rung;
}

void cl_members_forget(struct cl_members *m) {
  if (m->n_flying > 0) return; /* a ruling that is on its way names a table */
  int32_t rung = lowest_training(m);
  if (m->n_held > 0) rung = least(rung, m->items[m->held[0]].asks);
  if (m->n_idle > 0) rung = least(rung, m->items[m->idle[0]].asks);
  if (rung == INT32_MAX || rung - 1 <= m->population.base) return;
  cl_population_forget(&m->population, last_finite(m, last_full(m, least(rung, lowest_loading(m)) - 1)));
}

int cl_members_keep(const struct cl_members *m, int (*visit)(void *ctx, int64_t snapshot), void *ctx) {
  const struct cl_population *p = &m->population;
  for (int32_t rung = p->base; rung < p->base + (int32_t)p->n_rungs; rung++) {
    for (size_t rank = 0; rank < cl_population_count(p, rung); rank++) {
      const struct cl_evaluation *v = cl_population_at(p, rung, rank, NULL);
      if (v->snapshot != 0) CL_TRY(visit(ctx, v->snapshot));
    }
  }
  for (size_t i = 0; i < m->n; i++)
    if (m->items[i].pending != NULL && m->items[i].pending->snapshot != 0)
      CL_TRY(visit(ctx, m->items[i].pending->snapshot));
  return 0;
}

void cl_members_done(struct cl_members *m) {
  cl_population_done(&m->population);
  cl_recent_done(&m->recent);
  cl_questions_done(&m->questions);
  for (size_t i = 0; i < m->n; i++) drop_pending(&m->items[i]);
  cl_free(m->items);
  cl_free(m->index);
  cl_free(m->held);
  cl_free(m->idle);
  cl_free(m->touched);
  cl_free(m->at);
  cl_free(m->flying);
  cl_free(m->answers);
  cl_free(m->banned);
  cl_free(m->eras);
}
