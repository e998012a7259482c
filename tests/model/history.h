/* A log in memory for tests of the replica: events are judged as a store judges them (with naive look-ups
 * instead of tables), applied, and kept. Every event is folded a second time, into heads of its own. */
#ifndef CL_TEST_HISTORY_H
#define CL_TEST_HISTORY_H

#include <stdio.h>

#include "base/alloc.h"
#include "model/study.h"

enum { HISTORY_TRIALS = 256 };

struct history {
  struct cl_study *s;
  struct cl_event **log; /* by position - 1 */
  size_t n, cap;
  struct cl_study_head alone; /* folded without a replica */
  struct cl_head heads[HISTORY_TRIALS + 1];
  struct cl_err e; /* of the last refusal */
};

static const char history_objectives[] =
    "[{\"name\": \"acc\", \"goal\": \"maximize\", \"reduce\": \"best\"},"
    " {\"name\": \"cost\", \"goal\": \"minimize\", \"reduce\": \"mean\"}]";
static const char history_space[] =
    "[{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"scale\": \"log\", \"lo\": 1e-5, \"hi\": 1.0},"
    " {\"id\": 2, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\", null, true]},"
    " {\"id\": 3, \"name\": \"m\", \"domain\": \"float\", \"lo\": 0.1, \"hi\": 0.9, \"parent\": \"opt\","
    "  \"when\": [\"sgd\"]}]";

static inline bool history_is_same(const struct cl_event *a, const struct cl_event *b) {
  if (a->kind != b->kind || a->subject != b->subject || a->attempt != b->attempt) return false;
  switch (a->kind) {
  case CL_EVENT_CONNECTED:
  case CL_EVENT_DONE:
  case CL_EVENT_ENDED: return true;
  case CL_EVENT_REPORTED: return a->u.reported.ordinal == b->u.reported.ordinal;
  case CL_EVENT_SAVED: return a->u.saved.step == b->u.saved.step && a->u.saved.way == b->u.saved.way;
  case CL_EVENT_LOADED: return a->u.loaded.change == b->u.loaded.change;
  default: return false;
  }
}

/* The judgement of a store: the heads', and what needs a look into the tables. */
static inline int history_judge(struct history *h, const struct cl_event *ev, bool *ret_late) {
  const struct cl_trial *t = cl_study_trial(h->s, ev->subject);
  struct cl_head none = {0};
  int status = cl_head_admit(cl_study_head(h->s), t == NULL ? &none : &t->head, ev, ret_late, &h->e);
  if (status != 0) return status;
  int64_t reports = 0;
  for (size_t i = 0; i < h->n; i++) {
    if (history_is_same(h->log[i], ev)) return CLADE_REPEATED;
    bool one = h->log[i]->kind == CL_EVENT_REPORTED && h->log[i]->subject == ev->subject;
    if (one && h->log[i]->attempt == ev->attempt) reports = h->log[i]->u.reported.ordinal;
  }
  if (ev->kind == CL_EVENT_REPORTED && ev->u.reported.ordinal != reports + 1) return CLADE_EREFUSED;
  for (int64_t i = 1; ev->kind == CL_EVENT_DELETED && i <= cl_study_trials(h->s); i++)
    if (cl_study_trial(h->s, i)->head.source == ev->u.deleted.snapshot) return CLADE_EREFUSED;
  return 0;
}

static inline bool history_same_real(double a, double b) {
  return a == b || (isnan(a) && isnan(b));
}

static inline void history_assert_alone(struct history *h, const struct cl_event *ev) {
  struct cl_err e = {0};
  const struct cl_study_head *s = cl_study_head(h->s), *q = &h->alone;
  const struct cl_trial *t = cl_study_trial(h->s, ev->subject);
  if (cl_head_apply(&h->alone, &h->heads[ev->subject], ev, &e) < 0) fail_msg("%s", e.text);
  assert_true(s->position == q->position && s->version == q->version && s->trials == q->trials);
  assert_true(s->counted == q->counted && s->budget == q->budget && s->workers == q->workers);
  assert_true(s->objectives == q->objectives && s->space_version == q->space_version);
  assert_true(s->retries == q->retries && s->open == q->open);
  if (t == NULL) return;
  const struct cl_head *a = &h->heads[ev->subject], *b = &t->head;
  assert_true(a->version == b->version && a->proposed == b->proposed && a->waiting == b->waiting);
  assert_true(a->load == b->load && a->source == b->source && a->reports == b->reports);
  assert_true(a->attempt == b->attempt && a->worker == b->worker && a->state == b->state);
  assert_true(a->flags == b->flags && a->tries == b->tries && a->failures == b->failures);
  assert_true(a->role == b->role && history_same_real(a->step, b->step));
  assert_true(history_same_real(a->until, b->until) && history_same_real(a->furthest, b->furthest));
  assert_int_equal(cl_head_check(&t->head, NULL), 0);
}

/* Append; the position, or the status (negative) or 0 (a fact that is there already). `seen` of a decision
 * that is 0 becomes the version; -2 stays a wrong one. */
static inline int64_t history_try(struct history *h, struct cl_event ev) {
  const struct cl_trial *t = cl_study_trial(h->s, ev.subject);
  bool decides = (cl_kind_flags(ev.kind) & CL_D) && ev.kind != CL_EVENT_PROPOSED;
  if (decides && ev.seen == 0)
    ev.seen = ev.subject == 0 ? cl_study_head(h->s)->version : t == NULL ? 0 : t->head.version;
  if (ev.as_of == 0) ev.as_of = (int64_t)h->n;
  bool late = false;
  int status = history_judge(h, &ev, &late);
  ev.position = (int64_t)h->n + 1;
  ev.late = late;
  if (status == CLADE_REPEATED) return 0;
  if (status < 0) { /* what is not admitted is not applied either, unless a look into the tables refused it */
    struct cl_study_head study = *cl_study_head(h->s);
    struct cl_head head = t == NULL ? (struct cl_head){0} : t->head;
    if (ev.kind != CL_EVENT_DELETED && ev.kind != CL_EVENT_REPORTED)
      assert_true(cl_head_apply(&study, &head, &ev, NULL) < 0);
    return status;
  }
  struct cl_event *copy = cl_event_copy(&ev);
  assert_non_null(copy);
  assert_int_equal(cl_grow(&h->log, &h->cap, h->n + 1, sizeof(struct cl_event *)), 0);
  h->log[h->n++] = copy;
  if (cl_study_apply(h->s, copy, &h->e) < 0) fail_msg("%s", h->e.text);
  assert_true(ev.subject <= HISTORY_TRIALS);
  history_assert_alone(h, copy);
  return copy->position;
}

static inline int64_t say(struct history *h, struct cl_event ev) {
  h->e.text[0] = '\0';
  int64_t position = history_try(h, ev);
  if (position <= 0) fail_msg("'%s' of %d: %s", cl_kind_name(ev.kind), (int)ev.subject, h->e.text);
  return position;
}

/* `limits`: the inside of the object. */
static inline struct history history_begin(int trials, const char *limits, const char *more) {
  struct history h = {0};
  struct cl_text t = {0};
  assert_int_equal(cl_study_create(&h.s, NULL), 0);
  cl_text_format(&t,
                 "{\"study\": \"digits\", \"objectives\": %s, \"hyperparameters\": %s, \"trials\": %d, "
                 "\"limits\": {%s}%s}",
                 history_objectives, history_space, trials, limits, more);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = "digits";
  ev.u.created.uuid = "u-2385";
  ev.u.created.settings = cl_text_get(&t);
  ev.u.created.directory = "/tmp/x.d";
  ev.u.created.seed = 2385;
  ev.u.created.provenance = "{\"created_ms\": 1234567, \"commit\": \"abc\"}";
  (void)say(&h, ev);
  cl_text_done(&t);
  for (int i = 1; i <= 2; i++) {
    struct cl_event worker = {.kind = CL_EVENT_WORKER};
    worker.u.worker.worker = i;
    worker.u.worker.slots = 2;
    worker.u.worker.host = i == 1 ? "here" : "there";
    worker.u.worker.state = CL_WORKER_JOINED;
    (void)say(&h, worker);
  }
  return h;
}

static inline void history_end(struct history *h) {
  cl_study_destroy(h->s);
  for (size_t i = 0; i < h->n; i++) cl_free(h->log[i]);
  cl_free(h->log);
}

static inline uint64_t digest_of(const struct cl_study *s) {
  uint64_t d = 0;
  assert_int_equal(cl_study_digest(s, &d, NULL), 0);
  return d;
}

/* A replica of the first n events. */
static inline struct cl_study *history_fold(const struct history *h, size_t n) {
  struct cl_study *s = NULL;
  struct cl_err e = {0};
  assert_int_equal(cl_study_create(&s, NULL), 0);
  for (size_t i = 0; i < n; i++)
    if (cl_study_apply(s, h->log[i], &e) < 0) fail_msg("%s", e.text);
  return s;
}

/* Events. */

static inline struct cl_event about(enum cl_kind kind, int64_t trial, enum cl_cause cause) {
  struct cl_event ev = {.kind = kind, .subject = trial, .cause = cause};
  if (kind == CL_EVENT_CONTINUED) ev.u.continued.until = CL_NO_STEP;
  if (kind == CL_EVENT_SET) ev.u.set.until = CL_NO_STEP;
  if (kind == CL_EVENT_EXPLOITED) ev.u.exploited.until = CL_NO_STEP;
  return ev;
}

static inline struct cl_event proposing(int64_t trial, enum cl_role role, double lr, const char *opt) {
  static struct cl_assigned values[8][2]; /* room for a few events at a time */
  static int next;
  struct cl_assigned *v = values[next++ % 8];
  v[0] = (struct cl_assigned){1, cl_value_real(lr)};
  v[1] = (struct cl_assigned){2, cl_value_text(opt)};
  struct cl_event ev = about(CL_EVENT_PROPOSED, trial, CL_CAUSE_SEARCH);
  ev.u.proposed.role = role;
  ev.u.proposed.space_version = 1;
  ev.u.proposed.values = (struct cl_assigned_list){2, v};
  return ev;
}

static inline struct cl_event starting(const struct history *h, int64_t trial, int worker, int64_t from,
                                       double until) {
  const struct cl_head *head = &cl_study_trial(h->s, trial)->head;
  struct cl_event ev = about(CL_EVENT_STARTED, trial, CL_CAUSE_CLAIM);
  ev.attempt = head->attempt + !(head->flags & CL_ATTEMPT_OPEN);
  ev.u.started.worker = worker;
  ev.u.started.from = from;
  ev.u.started.until = until;
  return ev;
}

static inline struct cl_event fact(const struct history *h, enum cl_kind kind, int64_t trial) {
  struct cl_event ev = {.kind = kind, .subject = trial};
  const struct cl_trial *t = cl_study_trial(h->s, trial);
  ev.attempt = t == NULL ? 1 : t->head.attempt;
  return ev;
}

static inline struct cl_event reporting(const struct history *h, int64_t trial, double step, double acc) {
  static struct cl_metric metrics[8][2];
  static int next;
  struct cl_metric *m = metrics[next++ % 8];
  m[0] = (struct cl_metric){1, "acc", acc};
  m[1] = (struct cl_metric){2, "cost", 10 * acc};
  struct cl_event ev = fact(h, CL_EVENT_REPORTED, trial);
  ev.u.reported.ordinal = cl_study_trial(h->s, trial)->head.reports + 1;
  ev.u.reported.step = step;
  ev.u.reported.metrics = (struct cl_metric_list){2, m};
  return ev;
}

static inline struct cl_event saving(const struct history *h, int64_t trial, double step, enum cl_way way) {
  struct cl_event ev = fact(h, CL_EVENT_SAVED, trial);
  const struct cl_trial *t = cl_study_trial(h->s, trial);
  ev.u.saved.step = step;
  ev.u.saved.way = way;
  ev.u.saved.bytes = 2385;
  ev.u.saved.path = "1/checkpoints/1-2";
  ev.u.saved.rollup = cl_trial_rollup(t);
  return ev;
}

static inline struct cl_event ending(const struct history *h, int64_t trial, int status) {
  struct cl_event ev = fact(h, CL_EVENT_ENDED, trial);
  ev.u.ended.known = true;
  ev.u.ended.status = status;
  return ev;
}

static inline struct cl_event losing(const struct history *h, int64_t trial) {
  struct cl_event ev = about(CL_EVENT_LOST, trial, CL_CAUSE_RESUME);
  ev.attempt = cl_study_trial(h->s, trial)->head.attempt;
  return ev;
}

static inline struct cl_event exploiting(int64_t trial, int64_t snapshot, const struct cl_assigned *values,
                                         int n, double until) {
  struct cl_event ev = about(CL_EVENT_EXPLOITED, trial, CL_CAUSE_EXPLOIT);
  ev.u.exploited.snapshot = snapshot;
  ev.u.exploited.values = (struct cl_assigned_list){n, values};
  ev.u.exploited.until = until;
  return ev;
}

static inline struct cl_event setting(int64_t trial, enum cl_cause cause, const struct cl_assigned *value,
                                      double until) {
  struct cl_event ev = about(CL_EVENT_SET, trial, cause);
  ev.u.set.values = (struct cl_assigned_list){1, value};
  ev.u.set.until = until;
  return ev;
}

static inline struct cl_event loading(const struct history *h, int64_t trial, int64_t change,
                                      int64_t snapshot, const char *error) {
  struct cl_event ev = fact(h, CL_EVENT_LOADED, trial);
  ev.u.loaded.change = change;
  ev.u.loaded.snapshot = snapshot;
  ev.u.loaded.error = error;
  return ev;
}

/* Looking. */

static inline int state_of(const struct history *h, int64_t trial) {
  return cl_study_trial(h->s, trial)->head.state;
}

static inline double value_of(const struct history *h, int64_t trial) {
  return cl_study_trial(h->s, trial)->value;
}

static inline struct cl_value parameter(const struct history *h, int64_t trial, int index) {
  struct cl_value values[16];
  assert_true(cl_study_space(h->s)->n <= 16);
  cl_trial_values(h->s, cl_study_trial(h->s, trial), values);
  return values[index];
}

static inline int pins_of(const struct history *h, int64_t snapshot) {
  return cl_study_snapshot(h->s, snapshot)->pins;
}

static inline int64_t resume_of(const struct history *h, int64_t trial) {
  return cl_trial_resume_from(h->s, cl_study_trial(h->s, trial));
}

#endif
