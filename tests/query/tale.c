#include "query/tale.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

static void fail(const char *what, const struct cl_err *e) {
  (void)fprintf(stderr, "%s: %s\n", what, e->text);
  exit(99);
}

struct cl_store *tale_store(const char *address) {
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  struct cl_store_options options = {.mode = CL_STORE_CREATE};
  if (cl_store_open(address, &options, &s, &e) < 0) fail(address, &e);
  return s;
}

struct tale tale_begin(struct cl_store *store, const char *name, const char *settings) {
  return tale_begin_seeded(store, name, settings, 17);
}

struct tale tale_begin_seeded(struct cl_store *store, const char *name, const char *settings, int64_t seed) {
  struct tale t = {.store = store};
  struct cl_text json = {0}, uuid = {0};
  struct cl_err e = {0};
  cl_text_add(&json, "{\"study\": ");
  cl_text_add_json(&json, name);
  cl_text_format(&json, ", \"origin\": \"native\", \"cwd\": \"/tmp\", \"program\": [\"./train\"], %s}",
                 settings);
  cl_text_format(&uuid, "uuid-of-%s", name);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = name;
  ev.u.created.uuid = cl_text_get(&uuid);
  ev.u.created.settings = cl_text_get(&json);
  ev.u.created.spec = "study: told\n";
  ev.u.created.directory = "/tmp/told.d";
  ev.u.created.seed = seed;
  ev.u.created.provenance = "{\"created_ms\": 1770472985000, \"host\": \"here\"}";
  if (cl_store_create(store, &ev, &t.study, &e) < 0) fail(name, &e);
  cl_text_done(&json);
  cl_text_done(&uuid);
  return t;
}

static struct cl_study_head study_head(struct tale *t) {
  struct cl_study_head head;
  struct cl_err e = {0};
  if (cl_store_head(t->store, t->study, &head, &e) < 0) fail("head of the study", &e);
  return head;
}

static struct cl_head trial_head(struct tale *t, int64_t trial) {
  struct cl_head head;
  struct cl_err e = {0};
  if (cl_store_trial_head(t->store, t->study, trial, &head, &e) < 0) fail("head of a trial", &e);
  return head;
}

static int64_t append(struct tale *t, struct cl_event ev) {
  struct cl_append result = {0};
  struct cl_err e = {0};
  bool decision = cl_kind_flags(ev.kind) & CL_D;
  ev.time_ms = t->time_ms += 1000;
  ev.by = decision && ev.cause == CL_CAUSE_HUMAN ? 0 : 1;
  if (decision) {
    struct cl_study_head head = study_head(t);
    ev.as_of = head.position;
    if (ev.kind != CL_EVENT_PROPOSED)
      ev.seen = ev.subject != 0 ? trial_head(t, ev.subject).version : head.version;
  }
  int status = cl_store_append(t->store, t->study, &ev, 1, &result, &e);
  if (status < 0 || result.status != 0) {
    (void)fprintf(stderr, "'%s' of trial %lld: status %d %d\n", cl_kind_name(ev.kind), (long long)ev.subject,
                  status, result.status);
    fail("append", &e);
  }
  return result.position;
}

void tale_worker(struct tale *t, const char *host, int slots) {
  struct cl_event ev = {.kind = CL_EVENT_WORKER};
  ev.u.worker.worker = study_head(t).workers + 1;
  ev.u.worker.host = host;
  ev.u.worker.boot = "boot";
  ev.u.worker.slots = slots;
  ev.u.worker.state = CL_WORKER_JOINED;
  append(t, ev);
}

enum { VALUES_MAX = 64 };

static struct cl_assigned_list assign(int n, const struct cl_value *values, struct cl_assigned *room) {
  int used = 0;
  for (int i = 0; i < n; i++)
    if (values[i].kind != CL_ABSENT) room[used++] = (struct cl_assigned){i + 1, values[i]};
  return (struct cl_assigned_list){used, room};
}

int64_t tale_propose(struct tale *t, const struct tale_proposal *how, int n, const struct cl_value *values) {
  static const struct tale_proposal usual = {0};
  struct cl_assigned room[VALUES_MAX];
  if (how == NULL) how = &usual;
  struct cl_event ev = {.kind = CL_EVENT_PROPOSED, .subject = study_head(t).trials + 1};
  ev.cause = how->cause == CL_CAUSE_NONE ? CL_CAUSE_SEARCH : how->cause;
  ev.args = how->args == NULL ? "{\"method\": \"random\"}" : how->args;
  ev.u.proposed.role = how->role == CL_ROLE_NONE ? CL_ROLE_SEARCH : how->role;
  ev.u.proposed.of = how->of;
  ev.u.proposed.parent = how->parent;
  ev.u.proposed.repeat = how->repeat;
  ev.u.proposed.space_version = 1;
  ev.u.proposed.values = assign(n, values, room);
  append(t, ev);
  return ev.subject;
}

void tale_start(struct tale *t, int64_t trial, int attempt, int64_t from) {
  struct cl_event ev = {
      .kind = CL_EVENT_STARTED, .subject = trial, .attempt = attempt, .cause = CL_CAUSE_CLAIM};
  ev.u.started.worker = 1;
  ev.u.started.from = from;
  ev.u.started.until = CL_NO_STEP;
  append(t, ev);
}

int64_t tale_report(struct tale *t, int64_t trial, double step, ...) {
  struct cl_metric metrics[4];
  int n = 0;
  va_list args;
  va_start(args, step);
  for (const char *name; n < 4 && (name = va_arg(args, const char *)) != NULL; n++)
    metrics[n] = (struct cl_metric){.name = name, .value = va_arg(args, double)};
  va_end(args);
  struct cl_head head = trial_head(t, trial);
  struct cl_event ev = {.kind = CL_EVENT_REPORTED, .subject = trial, .attempt = head.attempt};
  ev.u.reported.ordinal = head.reports + 1;
  ev.u.reported.step = step;
  ev.u.reported.metrics = (struct cl_metric_list){n, metrics};
  return append(t, ev);
}

int64_t tale_save(struct tale *t, int64_t trial, double step) {
  return tale_save_scored(t, trial, step, (double)NAN);
}

int64_t tale_save_scored(struct tale *t, int64_t trial, double step, double value) {
  struct cl_event ev = {.kind = CL_EVENT_SAVED, .subject = trial, .attempt = trial_head(t, trial).attempt};
  ev.u.saved.step = step;
  ev.u.saved.way = CL_WAY_DIRECTORY;
  ev.u.saved.bytes = 23850;
  ev.u.saved.path = "checkpoints/x";
  ev.u.saved.hash = "hash";
  ev.u.saved.host = "here";
  if (!isnan(value)) ev.u.saved.rollup = (struct cl_rollup){value, value, value, 1};
  return append(t, ev);
}

void tale_set(struct tale *t, int64_t trial, int id, struct cl_value value, const char *text) {
  struct cl_assigned one = {id, value};
  char args[200];
  (void)snprintf(args, sizeof args, "{\"text\": \"%s\"}", text);
  struct cl_event ev = {.kind = CL_EVENT_SET, .subject = trial, .cause = CL_CAUSE_HUMAN, .args = args};
  ev.u.set.values = (struct cl_assigned_list){1, &one};
  ev.u.set.until = CL_NO_STEP;
  append(t, ev);
}

int64_t tale_exploit(struct tale *t, int64_t trial, int64_t snapshot, int n, const struct cl_value *values) {
  struct cl_assigned room[VALUES_MAX];
  struct cl_event ev = {.kind = CL_EVENT_EXPLOITED, .subject = trial, .cause = CL_CAUSE_EXPLOIT};
  ev.args = "{\"rule\": \"truncation\"}";
  ev.u.exploited.snapshot = snapshot;
  ev.u.exploited.values = assign(n, values, room);
  ev.u.exploited.until = CL_NO_STEP;
  return append(t, ev);
}

void tale_load(struct tale *t, int64_t trial, int64_t exploit, int64_t snapshot) {
  struct cl_event ev = {.kind = CL_EVENT_LOADED, .subject = trial, .attempt = trial_head(t, trial).attempt};
  ev.u.loaded.change = exploit;
  ev.u.loaded.snapshot = snapshot;
  append(t, ev);
}

void tale_end(struct tale *t, int64_t trial, int status, int64_t record, double value) {
  struct cl_event ev = {.kind = CL_EVENT_ENDED, .subject = trial, .attempt = trial_head(t, trial).attempt};
  ev.u.ended.status = status < 128 ? status : 0;
  ev.u.ended.signal = status < 128 ? 0 : status - 128;
  ev.u.ended.known = true;
  ev.u.ended.record = record;
  ev.u.ended.objectives = (struct cl_number_list){record == 0 ? 0 : 1, &value};
  append(t, ev);
}

void tale_stop(struct tale *t, int64_t trial, enum cl_cause cause) {
  tale_stop_because(t, trial, cause, NULL);
}

void tale_stop_because(struct tale *t, int64_t trial, enum cl_cause cause, const char *args) {
  struct cl_event ev = {.kind = CL_EVENT_STOPPED, .subject = trial, .cause = cause, .args = args};
  ev.u.stopped.how = CL_STOP_ASK;
  append(t, ev);
}

void tale_retry(struct tale *t, int64_t trial) {
  struct cl_event ev = {.kind = CL_EVENT_RETRIED, .subject = trial, .cause = CL_CAUSE_RESUME};
  ev.u.retried.count = 1;
  append(t, ev);
}

static void annotate(struct tale *t, int64_t trial, enum cl_note what, const char *name, const char *text) {
  struct cl_event ev = {.kind = CL_EVENT_NOTE, .subject = trial};
  ev.u.note.what = what;
  ev.u.note.name = name;
  ev.u.note.text = text;
  append(t, ev);
}

void tale_note(struct tale *t, int64_t trial, const char *text) {
  annotate(t, trial, CL_NOTE_TEXT, NULL, text);
}

void tale_tag(struct tale *t, int64_t trial, const char *name, const char *text) {
  annotate(t, trial, CL_NOTE_TAG, name, text);
}

void tale_untag(struct tale *t, int64_t trial, const char *name) {
  annotate(t, trial, CL_NOTE_UNTAG, name, NULL);
}

void tale_finish(struct tale *t, enum cl_reason reason) {
  struct cl_event ev = {.kind = CL_EVENT_FINISHED, .cause = CL_CAUSE_BUDGET};
  ev.u.finished.reason = reason;
  append(t, ev);
}

int64_t tale_run(struct tale *t, const struct tale_proposal *how, int n, const struct cl_value *values,
                 const char *metric, double value) {
  int64_t trial = tale_propose(t, how, n, values);
  tale_start(t, trial, 1, 0);
  int64_t record = tale_report(t, trial, 1, metric, value, NULL);
  tale_end(t, trial, 0, record, value);
  return trial;
}
