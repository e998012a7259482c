#include "schedule/questions.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sorted.h"

void cl_questions_done(struct cl_questions *q) {
  cl_ready_done(&q->ready);
  cl_free(q->items);
  cl_free(q->marks);
  cl_free(q->unread);
  *q = (struct cl_questions){0};
}

bool cl_questions_are_asked(const struct cl_questions *q) {
  return q->ready.rule != CL_READY_STEPS;
}

int cl_questions_reach(struct cl_questions *q, size_t n, struct cl_err *e) {
  if (!cl_questions_are_asked(q)) return 0;
  if (cl_grow(&q->items, &q->cap, n, sizeof *q->items) < 0 ||
      cl_grow(&q->unread, &q->cap_unread, n, sizeof *q->unread) < 0)
    return CL_FAIL_NOMEM(e);
  for (; q->n < n; q->n++) q->items[q->n] = (struct cl_question){.now = cl_progress_begin(), .since = NAN};
  return 0;
}

/* Marks. */

/* Also of a snapshot that was deleted, while the mark is there. */
static struct cl_mark *find_any_mark(struct cl_questions *q, int64_t snapshot) {
  return (struct cl_mark *)cl_sorted_find(q->marks, q->n_marks, sizeof *q->marks, snapshot);
}

static struct cl_mark *find_mark(struct cl_questions *q, int64_t snapshot) {
  struct cl_mark *mark = find_any_mark(q, snapshot);
  return mark == NULL || mark->dropped ? NULL : mark;
}

static int add_mark(struct cl_questions *q, const struct cl_study *s, struct cl_question *m,
                    const struct cl_event *ev, struct cl_err *e) {
  assert(q->n_marks == 0 || q->marks[q->n_marks - 1].snapshot < ev->position);
  if (cl_grow(&q->marks, &q->cap_marks, q->n_marks + 1, sizeof *q->marks) < 0) return CL_FAIL_NOMEM(e);
  const struct cl_snapshot *n = cl_study_snapshot(s, ev->position);
  const struct cl_snapshot *original = n == NULL ? NULL : cl_study_original(s, n);
  const struct cl_mark *same = original == NULL ? NULL : find_mark(q, original->position);
  struct cl_mark mark = {.snapshot = ev->position,
                         .before = m->newest,
                         .member = (uint32_t)(m - q->items),
                         .attempt = ev->attempt,
                         .step = ev->u.saved.step,
                         .progress = same == NULL ? m->now : same->progress};
  q->marks[q->n_marks++] = mark;
  m->newest = mark.snapshot;
  return 0;
}

/* Cost O(marks), once in so many. */
static void remove_dropped(struct cl_questions *q) {
  size_t kept = 0;
  for (size_t i = 0; i < q->n; i++) q->items[i].newest = 0;
  for (size_t i = 0; i < q->n_marks; i++) {
    struct cl_mark mark = q->marks[i];
    if (mark.dropped) continue;
    mark.before = q->items[mark.member].newest;
    q->items[mark.member].newest = mark.snapshot;
    q->marks[kept++] = mark;
  }
  assert(kept + q->n_dropped == q->n_marks);
  q->n_marks = kept;
  q->n_dropped = 0;
}

static void drop_mark(struct cl_questions *q, struct cl_mark *mark) {
  assert(!mark->dropped && q->n_dropped < q->n_marks);
  mark->dropped = true;
  if (++q->n_dropped > q->n_marks / 2 + 16) remove_dropped(q);
}

/* Is it a state at this step of the training that goes on? */
static bool is_present(const struct cl_question *m, const struct cl_mark *mark, double step) {
  return mark->snapshot > m->begun && mark->attempt == m->attempt && mark->step == step;
}

/* Its state at the last report is the same training, wherever it is saved, and whether before the report or
 * after it. */
static void note_in_marks(struct cl_questions *q, const struct cl_study *s, const struct cl_question *m) {
  double step = cl_study_trial(s, m->trial)->head.step;
  struct cl_mark *mark = find_any_mark(q, m->newest);
  while (mark != NULL && mark->snapshot > m->begun && (mark->snapshot > m->answered || mark->step >= step)) {
    if (is_present(m, mark, step)) mark->progress = m->now;
    mark = find_any_mark(q, mark->before);
  }
}

/* Events. */

static bool is_past_end(const struct cl_questions *q, double step) {
  return q->end > 0 && step >= q->end * (1 - 1e-12);
}

static void wait_for_clock(struct cl_questions *q, struct cl_question *m) {
  if (q->ready.rule != CL_READY_TIME || m->listed) return;
  assert(q->n_unread < q->n);
  m->listed = true;
  q->unread[q->n_unread++] = (uint32_t)(m - q->items);
}

/* Steps go before: nobody is judged before burn_in or from end on, and at stop everybody is. */
static void look_at_step(const struct cl_questions *q, struct cl_question *m, double step) {
  if (step < q->burn_in || is_past_end(q, step)) m->now.is_ready = false;
  if (step < q->burn_in)
    m->now.was_there = false; /* what has been crossed by then counts when that is over */
  if (q->stop > 0 && step >= q->stop) m->now.is_ready = true;
}

static void hear_report(struct cl_questions *q, const struct cl_study *s, struct cl_question *m,
                        const struct cl_event *ev) {
  const struct cl_metric_list *list = &ev->u.reported.metrics;
  int id = q->ready.metric == NULL ? 0 : cl_study_metric_find(s, q->ready.metric);
  double value = NAN;
  bool has = false;
  if (ev->late) return;
  for (int i = 0; i < list->n && id > 0 && !has; i++)
    if ((has = list->items[i].id == id)) value = list->items[i].value;
  cl_progress_report(&m->now, &q->ready, has, value);
  look_at_step(q, m, ev->u.reported.step);
  m->report = ev->position;
  m->open = true;
  m->unread = q->ready.rule == CL_READY_TIME;
  note_in_marks(q, s, m);
  wait_for_clock(q, m);
}

/* From its own state it goes on as it was there; another's was judged before it was given. */
static void begin_from(struct cl_questions *q, struct cl_question *m, int64_t snapshot) {
  const struct cl_mark *mark = find_mark(q, snapshot);
  if (snapshot == 0) m->now = cl_progress_begin();
  if (mark == NULL) return;
  m->now = mark->progress;
  if (&q->items[mark->member] != m) cl_progress_settle(&m->now);
}

static void hear_start(struct cl_questions *q, struct cl_question *m, const struct cl_event *ev) {
  bool fresh = ev->attempt != m->attempt;
  m->attempt = ev->attempt;
  m->trial = ev->subject;
  m->since = NAN; /* until it says hello: what it needs to begin is no training */
  if (!fresh) wait_for_clock(q, m);
  if (!fresh) return;
  m->open = m->unread = m->can_save = false;
  m->begun = m->answered = ev->position;
  begin_from(q, m, ev->u.started.from);
}

static void release(struct cl_questions *q, struct cl_question *m, const struct cl_event *ev) {
  m->open = m->unread = false;
  m->answered = ev->position;
  m->since = q->clock;
}

/* To a state of the archive: it is judged again where it has left, not on the way there. */
static bool is_way_back(const struct cl_event *ev) {
  return ev->args != NULL && strstr(ev->args, "\"archived\": true") != NULL;
}

static void hear_exploit(struct cl_questions *q, struct cl_question *m, const struct cl_event *ev) {
  struct cl_mark *mark = find_mark(q, ev->u.exploited.snapshot);
  if (mark != NULL) cl_progress_settle(&mark->progress);
  m->before = m->now;
  m->before_judged = m->judged;
  m->before_begun = m->begun;
  m->begun = ev->position;
  begin_from(q, m, ev->u.exploited.snapshot);
  if (!is_way_back(ev) || m->now.count > m->judged) m->judged = m->now.count;
  release(q, m, ev);
}

static void hear_answer(struct cl_questions *q, const struct cl_study *s, struct cl_question *m,
                        const struct cl_event *ev, bool rules) {
  cl_progress_settle(&m->now);
  if (rules) m->judged = m->now.count;
  note_in_marks(q, s, m);
  release(q, m, ev);
}

/* What it was to begin with is gone: it has its own state again. */
static void hear_void(struct cl_question *m) {
  m->now = m->before;
  m->judged = m->before_judged;
  m->begun = m->before_begun;
}

/* The state of its report that was there, and is not any more, is not asked for again. */
static void hear_deletion(struct cl_questions *q, const struct cl_study *s, struct cl_question *m,
                          int64_t snapshot) {
  struct cl_mark *mark = find_mark(q, snapshot);
  if (mark == NULL) return;
  if (is_present(m, mark, cl_study_trial(s, m->trial)->head.step)) m->refused = m->report;
  drop_mark(q, mark);
}

/* A word of the trainer protocol. */
static bool hands_over(const char *capabilities) {
  return capabilities != NULL &&
         (strstr(capabilities, "save") != NULL || strstr(capabilities, "fork") != NULL);
}

static void hear_hello(struct cl_questions *q, struct cl_question *m, const struct cl_event *ev) {
  if (ev->late) return;
  m->can_save = hands_over(ev->u.connected.capabilities);
  wait_for_clock(q, m);
}

int cl_questions_hear(struct cl_questions *q, const struct cl_study *s, size_t member,
                      const struct cl_event *ev, bool rules, struct cl_err *e) {
  if (!cl_questions_are_asked(q)) return 0;
  assert(member < q->n);
  struct cl_question *m = &q->items[member];
  switch (ev->kind) {
  case CL_EVENT_REPORTED: hear_report(q, s, m, ev); break;
  case CL_EVENT_SAVED: return add_mark(q, s, m, ev, e);
  case CL_EVENT_DELETED: hear_deletion(q, s, m, ev->u.deleted.snapshot); break;
  case CL_EVENT_STARTED: hear_start(q, m, ev); break;
  case CL_EVENT_CONNECTED: hear_hello(q, m, ev); break;
  case CL_EVENT_EXPLOITED: hear_exploit(q, m, ev); break;
  case CL_EVENT_CONTINUED:
  case CL_EVENT_SET:
    if (rules || (ev->kind == CL_EVENT_CONTINUED && ev->cause == CL_CAUSE_LIMIT))
      hear_answer(q, s, m, ev, rules);
    break;
  case CL_EVENT_VOIDED: hear_void(m); break;
  case CL_EVENT_CHECKPOINT_ASKED: m->asked = m->report; break;
  case CL_EVENT_NOTE:
    if (ev->by != 0 && ev->u.note.name != NULL && strcmp(ev->u.note.name, CL_NOTE_NOT_SAVED) == 0)
      m->refused = m->report;
    break;
  default: break;
  }
  return 0;
}

void cl_questions_read(struct cl_questions *q, const struct cl_study *s, double seconds) {
  assert(seconds >= q->clock);
  q->clock = seconds;
  for (size_t i = 0; i < q->n_unread; i++) {
    struct cl_question *m = &q->items[q->unread[i]];
    m->listed = false;
    if (!m->unread) {
      m->since = seconds;
      continue;
    }
    m->unread = false;
    cl_progress_clock(&m->now, &q->ready, isnan(m->since) ? 0 : seconds - m->since);
    m->since = NAN;
    look_at_step(q, m, cl_study_trial(s, m->trial)->head.step);
    note_in_marks(q, s, m);
  }
  q->n_unread = 0;
}

enum cl_answer cl_questions_answer(const struct cl_questions *q, size_t member, const struct cl_trial *t,
                                   bool has_state) {
  const struct cl_question *m = &q->items[member];
  assert(member < q->n);
  if (!m->open || m->unread) return CL_ANSWER_NONE;
  if (is_past_end(q, t->head.step)) return CL_ANSWER_RUN;
  if (!m->now.is_ready || m->now.count < m->judged) return CL_ANSWER_GO;
  bool may_save = m->can_save && !(t->head.flags & CL_FLAG_DIVERGED);
  if (has_state || !may_save || m->refused == m->report) return CL_ANSWER_JUDGE;
  return m->asked == m->report ? CL_ANSWER_NONE : CL_ANSWER_SAVE;
}

bool cl_questions_is_ready(const struct cl_questions *q, size_t member) {
  const struct cl_question *m = &q->items[member];
  return m->open && !m->unread && m->now.is_ready && m->now.count >= m->judged;
}
