/* Reports, and the states that are saved for them: in a directory, in memory that was lent, or in a twin. */
#include "worker/talk_impl.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

#define METRICS_LIMIT "200 names in a study"
#define TWINS_MAX     5        /* of one report */
#define TWIN_US       10000000 /* from its trainer's report to a twin's hello */

_Static_assert(CL_METRICS_MAX == 200, "METRICS_LIMIT says it to trainers");

/* Paths. */

/* Relative to the trial's directory. An exploit may bring a step back: its state is another one. */
static void name_checkpoint(const struct cl_session *s, double step, const char *end, char ret[100]) {
  char number[CL_NUMBER_TEXT], loads[20] = "";
  if (s->attempt->loads > 0) (void)snprintf(loads, sizeof loads, "-load%d", s->attempt->loads);
  (void)snprintf(ret, 100, "checkpoints/%d-%s%s%s", s->number, cl_number_text(step, number), loads, end);
}

char *cl_talk_checkpoint_path(const struct cl_session *s, double step, const char *end) {
  char name[100];
  name_checkpoint(s, step, end, name);
  return cl_attempt_path(s->worker->study, s->trial, 0, name);
}

/* A path that a trainer says it has saved to must be one that it was given: an unpublished name of its
 * attempt. */
static bool is_own_path(const struct cl_session *s, const char *path) {
  char begin[40];
  char *directory = cl_attempt_path(s->worker->study, s->trial, 0, "checkpoints/");
  size_t n = directory == NULL ? 0 : strlen(directory), length = strlen(path);
  (void)snprintf(begin, sizeof begin, "%d-", s->number);
  bool own = directory != NULL && strncmp(path, directory, n) == 0 && strchr(path + n, '/') == NULL &&
             strncmp(path + n, begin, strlen(begin)) == 0 && strcmp(path + length - 4, ".new") == 0;
  cl_free(directory);
  return own;
}

/* Memory that was lent to it for its regions. */
static bool is_lent(const struct cl_session *s, const char *path) {
  return s->attempt != NULL && s->attempt->lent != NULL &&
         strcmp(path, cl_buffer_path(s->attempt->lent)) == 0;
}

/* It is not gone on with before that twin is there. */
bool cl_talk_await(struct cl_session *s, const char *token) {
  s->awaited_us = cl_clock_monotonic_us() + TWIN_US;
  cl_worker_hurry(s->worker);
  return cl_twins_path(s->attempt, token, s->awaited, sizeof s->awaited);
}

/* report. */

static struct cl_rollup rollup_with(const struct cl_session *s, const struct cl_metric *metrics, int n) {
  const struct cl_trial *t = cl_attempt_trial(s->attempt);
  const struct cl_objective *o = &cl_study_settings(s->worker->study)->objectives[0];
  struct cl_rollup r = cl_trial_rollup(t);
  for (int i = 0; i < n; i++)
    if (strcmp(metrics[i].name, o->name) == 0) cl_rollup_add(&r, o, metrics[i].value);
  return r;
}

static int too_many(const char *name, struct cl_err *e) {
  return CL_FAIL(e, CLADE_ELIMIT,
                 "the metric '%s' is one too many: a study keeps %d names; report it under one of them", name,
                 CL_METRICS_MAX);
}

/* Two workers may each have had room for their last names: the store has refused one report. */
static void refuse_metrics(struct cl_session *s, const struct cl_event *ev) {
  const struct cl_metric_list *list = &ev->u.reported.metrics;
  assert(list->n > 0); /* without names it is not refused for them */
  const char *name = list->items[list->n - 1].name;
  struct cl_err e;
  for (int i = list->n - 1; i >= 0; i--)
    if (cl_study_metric_find(s->worker->study, list->items[i].name) == 0) name = list->items[i].name;
  (void)too_many(name, &e);
  cl_talk_error(s, false, "metrics", METRICS_LIMIT, "%s", e.text);
}

/* Refused at its attempt's end, which is answered, or for its names. */
static bool has_too_many_names(const struct cl_session *s, const struct cl_append *result) {
  return result->status == CLADE_EREFUSED && s->attempt != NULL && cl_attempt_is_current(s->attempt) &&
         cl_state_is_pending(cl_attempt_trial(s->attempt)->head.state);
}

static void told_report(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_session *s = ctx;
  s->keeping = 0;
  bool told = cl_talk_is_told(s, result);
  if (told && has_too_many_names(s, result)) {
    s->saving = false;
    refuse_metrics(s, ev);
  } else if (told) {
    s->saving = false;
    s->ordinal = ev->u.reported.ordinal;
    s->step = ev->u.reported.step;
    if (result->status == 0 || result->status == CLADE_REPEATED) s->report = result->position;
    cl_talk_answer(s); /* refused only when the attempt has ended meanwhile: stop */
  }
  cl_session_release(s);
}

static struct cl_event saved_event(const struct cl_published *p, const char *path, const char *host,
                                   double step) {
  struct cl_event ev = {.kind = CL_EVENT_SAVED};
  ev.u.saved.step = step;
  ev.u.saved.way = p->twin != NULL ? CL_WAY_FORK : p->in_memory ? CL_WAY_REGION : CL_WAY_DIRECTORY;
  ev.u.saved.bytes = p->bytes;
  ev.u.saved.hash = p->hash[0] == '\0' ? NULL : p->hash;
  ev.u.saved.path = path;
  ev.u.saved.host = host;
  return ev;
}

static int keep_published(struct cl_session *s, const struct cl_published *p, double step, int64_t report,
                          struct cl_rollup rollup, cl_log_told *told, struct cl_err *e) {
  char path[140], name[100];
  name_checkpoint(s, step, "", name);
  (void)snprintf(path, sizeof path, "%lld/%s", (long long)s->trial, name);
  struct cl_event ev = saved_event(p, p->twin != NULL ? p->twin : path, s->worker->host, step);
  ev.u.saved.report = report;
  ev.u.saved.rollup = rollup;
  s->keeping = p->bytes;
  return cl_talk_put(s, &ev, told, e);
}

static int known_limit(const struct cl_session *s, const struct cl_message *m, struct cl_err *e) {
  int known = cl_study_metrics(s->worker->study);
  for (size_t i = 0; i < m->n_metrics; i++)
    if (cl_study_metric_find(s->worker->study, m->metrics[i].name) == 0 && ++known > CL_METRICS_MAX)
      return too_many(m->metrics[i].name, e);
  return 0;
}

/* The report as an event; its metrics stand in `room`. */
static int make_report(const struct cl_message *m, struct cl_metric *room, struct cl_event *ret,
                       struct cl_err *e) {
  if (m->n_metrics > CL_METRICS_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "the report has %zu metrics, the limit is %d", m->n_metrics,
                   CL_METRICS_MAX);
  for (size_t i = 0; i < m->n_metrics; i++)
    room[i] = (struct cl_metric){.name = m->metrics[i].name,
                                 .value = m->metrics[i].value == 0 ? 0 : m->metrics[i].value};
  *ret = (struct cl_event){.kind = CL_EVENT_REPORTED};
  ret->u.reported.ordinal = m->ordinal;
  ret->u.reported.step = m->step == 0 ? 0 : m->step;
  ret->u.reported.metrics.n = (int)m->n_metrics;
  ret->u.reported.metrics.items = room;
  return 0;
}

static void refuse_report(struct cl_session *s, const struct cl_message *m, const struct cl_err *e) {
  const struct cl_head *h = &cl_study_trial(s->worker->study, s->trial)->head;
  char limit[80];
  if (m->ordinal > h->reports + 1) {
    (void)snprintf(limit, sizeof limit, "%lld", (long long)h->reports + 1);
    cl_talk_error(s, false, "ordinal", limit, "%s", e->text);
  } else if (!isnan(h->step) && m->step < h->step) {
    char number[CL_NUMBER_TEXT];
    (void)snprintf(limit, sizeof limit, "at least %s", cl_number_text(h->step, number));
    cl_talk_error(s, false, "step", limit, "%s", e->text);
  } else {
    cl_talk_error(s, false, "metrics", e->code == CLADE_ELIMIT ? METRICS_LIMIT : NULL, "%s", e->text);
  }
}

/* Everything is legal: record it, with the state that was saved for it. */
static void record_report(struct cl_session *s, const struct cl_message *m, const struct cl_published *p) {
  struct cl_metric room[CL_METRICS_MAX];
  struct cl_event ev;
  struct cl_err e;
  int status = make_report(m, room, &ev, &e);
  if (status == 0 && (status = known_limit(s, m, &e)) == 0) status = cl_talk_check(s, &ev, &e);
  if (status < 0) {
    refuse_report(s, m, &e);
    return;
  }
  status = cl_talk_put(s, &ev, told_report, &e);
  if (status == 0 && p != NULL && s->attempt != NULL)
    status = keep_published(s, p, ev.u.reported.step, 0, rollup_with(s, room, ev.u.reported.metrics.n),
                            cl_talk_told_nothing, &e);
  if (status < 0) cl_talk_no_memory(s, &e);
}

/* Does the disk budget let it stay, now that its size is known? */
static bool stays(struct cl_session *s, const struct cl_published *p, double step) {
  if (cl_worker_may_keep(s->worker, s, p->bytes)) return true;
  char *path = cl_talk_checkpoint_path(s, step, "");
  if (path != NULL) cl_worker_discard(s->worker, path, p->bytes);
  return false;
}

/* The message's texts are gone when a publishing is through: it is parsed again from s->path, which keeps the
 * line. */
static void on_report_published(void *ctx, const struct cl_published *p) {
  struct cl_session *s = ctx;
  struct cl_message m;
  if (!s->closing) {
    if (p->status < 0) cl_talk_put_note(s, CL_NOTE_NOT_SAVED, p->error.text);
    if (cl_message_parse(s->path.bytes, s->path.length, &s->memory, &m, NULL) < 0)
      cl_session_close(s); /* no memory: it comes again */
    else
      record_report(s, &m, p->status == 0 && stays(s, p, m.step) ? p : NULL);
  }
  cl_session_release(s);
}

static int publish(struct cl_session *s, const char *path, double step,
                   void (*done)(void *ctx, const struct cl_published *p), struct cl_err *e) {
  char *to = cl_talk_checkpoint_path(s, step, "");
  int status = to == NULL ? CL_FAIL_NOMEM(e) : cl_publish(s->worker->loop, path, to, done, s, e);
  if (status == 0) s->holds++;
  s->saving = status == 0;
  cl_free(to);
  return status;
}

/* By a worker that lives no longer: what is no path into the trial's directory. */
static bool was_lent(const struct cl_session *s, const char *path) {
  return s->bytes > 0 && (strncmp(path, "/dev/shm/clade-", 15) == 0 || strncmp(path, "/proc/", 6) == 0);
}

/* Its twin said hello before; but another connection is another queue. */
static void hear_report_with_twin(struct cl_session *s, const struct cl_message *m, const char *line,
                                  size_t n) {
  struct cl_err e;
  if (m->ordinal <= cl_attempt_trial(s->attempt)->head.reports) {
    record_report(s, m, NULL); /* told again */
    return;
  }
  cl_text_clear(&s->path);
  cl_text_add_bytes(&s->path, line, n);
  s->saving = true;
  s->twins_asked = 0;
  if (s->path.failed) {
    (void)CL_FAIL_NOMEM(&e);
    cl_talk_no_memory(s, &e);
  } else if (!cl_talk_await(s, m->path)) {
    s->saving = false;
    cl_talk_error(s, false, "path", "one that was announced",
                  "the report names a twin that was not asked for");
  } else {
    cl_talk_twins(s->worker, cl_clock_monotonic_us());
  }
}

void cl_talk_hear_report(struct cl_session *s, const struct cl_message *m, const char *line, size_t n) {
  s->expects = s->expects && m->path == NULL && !(m->step >= s->save_at);
  struct cl_metric room[CL_METRICS_MAX];
  struct cl_event ev;
  struct cl_err e;
  if (m->path == NULL || m->error != NULL || s->attempt == NULL) {
    if (m->error != NULL) cl_talk_put_note(s, CL_NOTE_NOT_SAVED, m->error);
    record_report(s, m, NULL);
    return;
  }
  if (cl_twins_is_token(m->path)) {
    hear_report_with_twin(s, m, line, n);
    return;
  }
  if (is_lent(s, m->path)) {
    struct cl_published p = {.in_memory = true, .bytes = m->bytes};
    record_report(s, m, &p);
    return;
  }
  if (was_lent(s, m->path)) {
    bool repeated = m->ordinal <= cl_attempt_trial(s->attempt)->head.reports;
    if (!repeated)
      cl_talk_put_note(s, CL_NOTE_NOT_SAVED, "the memory that it was saved in has gone with its worker");
    record_report(s, m, NULL);
    return;
  }
  if (!is_own_path(s, m->path)) {
    cl_talk_error(s, false, "path", "one that was announced",
                  "the report names a state that was not asked for");
    return;
  }
  int status = make_report(m, room, &ev, &e);
  if (status == 0) status = cl_talk_check(s, &ev, &e);
  if (status < 0) {
    refuse_report(s, m, &e);
    return;
  }
  cl_text_clear(&s->path);
  cl_text_add_bytes(&s->path, line, n);
  status =
      s->path.failed ? CL_FAIL_NOMEM(&e) : publish(s, m->path, ev.u.reported.step, on_report_published, &e);
  if (status < 0) cl_talk_no_memory(s, &e);
}

/* saved. */

static void told_saved(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_session *s = ctx;
  (void)ev;
  s->keeping = 0;
  if (cl_talk_is_told(s, result)) {
    s->saving = false;
    if (s->attempt != NULL && result->position > s->attempt->asked) s->attempt->asked = 0;
    cl_talk_answer(s);
  }
  cl_session_release(s);
}

static void go_on_unsaved(struct cl_session *s, const char *why) {
  cl_talk_put_note(s, CL_NOTE_NOT_SAVED, why);
  if (s->closing) return;
  s->saving = false;
  if (s->attempt != NULL) {
    s->attempt->asked = 0;
    s->attempt->saved_step = s->step; /* not asked for again at this step */
  }
  cl_talk_answer(s);
}

static void on_saved_published(void *ctx, const struct cl_published *p) {
  struct cl_session *s = ctx;
  struct cl_err e;
  if (!s->closing && p->status < 0) {
    go_on_unsaved(s, p->error.text);
  } else if (!s->closing && s->attempt != NULL && !stays(s, p, s->step)) {
    go_on_unsaved(s, "it has no room in the disk budget");
  } else if (!s->closing && s->attempt != NULL) {
    struct cl_rollup rollup = rollup_with(s, NULL, 0);
    if (keep_published(s, p, s->step, s->report, rollup, told_saved, &e) < 0) cl_talk_no_memory(s, &e);
  } else if (!s->closing) {
    cl_talk_answer(s);
  }
  cl_session_release(s);
}

/* On a new connection: the report that this belongs to was the last one. */
void cl_talk_remember_report(struct cl_session *s) {
  const struct cl_head *h = &cl_attempt_trial(s->attempt)->head;
  if (s->report != 0) return;
  s->report = s->attempt->report;
  s->ordinal = h->reports;
  s->step = h->step;
}

/* The twin of a report was killed before it was recorded, or has not come: another one is asked for, of the
 * same state, as its trainer still waits in that report. */
static bool ask_again(struct cl_session *s) {
  struct cl_message m = {.type = CL_MESSAGE_FORK};
  if (s->attempt == NULL || s->twins_asked >= TWINS_MAX) return false;
  s->attempt->twin[0] = '\0';
  m.token = cl_twins_offer(s->attempt);
  if (m.token == NULL || !cl_talk_await(s, m.token)) return false;
  s->twins_asked++;
  s->open = false;
  cl_session_send(s, &m);
  return true;
}

/* The report that waits for its twin, from the line that was kept. */
static void record_kept(struct cl_session *s, const struct cl_published *p) {
  struct cl_message m;
  s->open = true;
  s->question = CL_MESSAGE_REPORT;
  if (cl_message_parse(s->path.bytes, s->path.length, &s->memory, &m, NULL) < 0)
    cl_session_close(s); /* no memory: it comes again */
  else
    record_report(s, &m, p);
}

/* The twin that was waited for is there, or will not come. */
static void go_on_with_twin(struct cl_session *s, bool is_there) {
  char path[sizeof s->awaited];
  struct cl_published p = {.twin = path};
  struct cl_err e;
  memcpy(path, s->awaited, sizeof path);
  s->awaited[0] = '\0';
  if (!is_there && ask_again(s)) return;
  p.bytes = is_there ? cl_twins_bytes(s->worker, path) : 0;
  if (s->path.length > 0) {
    if (!is_there) cl_talk_put_note(s, CL_NOTE_NOT_SAVED, "the twin that was to hold it has not come");
    record_kept(s, is_there ? &p : NULL);
    return;
  }
  s->open = true;
  if (!is_there || s->attempt == NULL)
    go_on_unsaved(s, "the twin that was to hold it has not come");
  else if (keep_published(s, &p, s->step, s->report, rollup_with(s, NULL, 0), told_saved, &e) < 0)
    cl_talk_no_memory(s, &e);
}

void cl_talk_twins(struct cl_worker *w, int64_t now) {
  for (struct cl_session *s = w->sessions; s != NULL; s = s->next) {
    if (s->awaited[0] == '\0' || s->closing) continue;
    int status = cl_twins_look(w, s->awaited);
    bool waits = status == CLADE_BUSY || (status == CLADE_EMPTY && now < s->awaited_us);
    if (!waits) go_on_with_twin(s, status == 0);
  }
}

void cl_talk_hear_saved(struct cl_session *s, const struct cl_message *m) {
  struct cl_err e;
  bool kept = s->awaited[0] != '\0' && s->path.length > 0;
  s->awaited[0] = '\0';
  if (kept) { /* it could not be forked again */
    cl_talk_put_note(s, CL_NOTE_NOT_SAVED, m->error == NULL ? "there is no twin" : m->error);
    record_kept(s, NULL);
    return;
  }
  if (s->attempt == NULL) {
    cl_talk_answer(s);
  } else if (m->error != NULL) {
    go_on_unsaved(s, m->error);
  } else if (m->path != NULL && is_lent(s, m->path)) {
    struct cl_published p = {.in_memory = true, .bytes = m->bytes};
    cl_talk_remember_report(s);
    s->step = m->step;
    if (keep_published(s, &p, s->step, s->report, rollup_with(s, NULL, 0), told_saved, &e) < 0)
      cl_talk_no_memory(s, &e);
  } else if (m->path != NULL && was_lent(s, m->path)) {
    cl_talk_remember_report(s);
    if (s->attempt->saved_step == m->step)
      cl_talk_answer(s); /* told again: it has been kept */
    else
      go_on_unsaved(s, "the memory that it was saved in has gone with its worker");
  } else if (m->path == NULL || !is_own_path(s, m->path)) {
    cl_talk_error(s, false, "path", "one that was asked for", "a state was saved that was not asked for");
  } else {
    cl_talk_remember_report(s);
    s->step = m->step;
    if (publish(s, m->path, m->step, on_saved_published, &e) < 0) cl_talk_no_memory(s, &e);
  }
}
