/* The output of attempts, and their ends: the last reports first, then what they come to, in one event. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "worker/worker_impl.h"

#define WATCH_AFTER_US 20000   /* programs that end at once are read at their end only */
#define REREADS_MAX    100     /* of one output: each needs another worker with names of its own */
#define LOOK_US        1000000 /* between two looks at output that cannot be watched */

/* Output. */

/* Is it the trial's open attempt, whoever its worker was? */
static bool is_open(const struct cl_attempt *a) {
  const struct cl_trial *t = cl_attempt_trial(a);
  return t->head.attempt == a->number && (t->head.flags & CL_ATTEMPT_OPEN);
}

static void told_output(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_attempt *a = ctx;
  a->puts--;
  if (result->status < 0 && result->status != CLADE_EREFUSED) {
    struct cl_err e;
    (void)CL_FAIL(&e, result->status, "report %lld of trial %lld could not be recorded: %s",
                  (long long)ev->u.reported.ordinal, (long long)a->trial, clade_error_text(result->status));
    cl_worker_fail(a->worker, &e);
  }
  if (result->status == CLADE_EREFUSED && is_open(a)) a->output_again = true;
  if (a->phase == CL_PHASE_DRAINING) cl_worker_hurry(a->worker);
}

/* A name more than the store can keep would fail the commit of everybody: it is left out. */
static int known_metrics(const struct cl_study *s, struct cl_metric *metrics, int n) {
  int known = cl_study_metrics(s), kept = 0;
  for (int i = 0; i < n; i++) {
    bool is_new = cl_study_metric_find(s, metrics[i].name) == 0;
    if (is_new && known >= CL_METRICS_MAX) continue;
    known += is_new;
    metrics[kept++] = metrics[i];
  }
  return kept;
}

static int on_report(void *ctx, int64_t ordinal, double step, const struct cl_metric *metrics, int n,
                     struct cl_err *e) {
  struct cl_attempt *a = ctx;
  struct cl_metric kept[CL_METRICS_MAX];
  assert(n <= CL_METRICS_MAX);
  memcpy(kept, metrics, (size_t)n * sizeof *kept);
  struct cl_event ev = {.kind = CL_EVENT_REPORTED};
  ev.u.reported.ordinal = ordinal;
  ev.u.reported.step = step;
  ev.u.reported.metrics.n = known_metrics(a->worker->study, kept, n);
  ev.u.reported.metrics.items = kept;
  return cl_attempt_put(a, &ev, told_output, e);
}

static void on_note(void *ctx, const char *text) {
  struct cl_attempt *a = ctx;
  cl_worker_say(a->worker, a->trial, "%s", text);
}

int cl_attempt_follow(struct cl_attempt *a, int64_t recorded, struct cl_err *e) {
  struct cl_worker *w = a->worker;
  struct cl_output_sink sink = {on_report, on_note, a};
  assert(a->output == NULL);
  char *directory = cl_attempt_path(w->study, a->trial, a->number, NULL);
  int status = directory == NULL ? CL_FAIL_NOMEM(e)
                                 : cl_output_create(w->rules, directory, recorded, &sink, &a->output, e);
  a->look_us = cl_clock_monotonic_us() + (a->adopted ? 0 : WATCH_AFTER_US);
  cl_free(directory);
  return status;
}

int cl_attempt_watch(struct cl_attempt *a, int64_t now, struct cl_err *e) {
  struct cl_worker *w = a->worker;
  if (a->output == NULL || a->watching >= 0 || now < a->look_us) return 0;
  char *directory = cl_attempt_path(w->study, a->trial, a->number, NULL);
  if (directory == NULL) return CL_FAIL_NOMEM(e);
  if (w->inotify >= 0) a->watching = inotify_add_watch(w->inotify, directory, IN_MODIFY);
  cl_free(directory);
  a->look_us = now + LOOK_US;
  a->output_ready = true;
  return 0;
}

void cl_attempt_unfollow(struct cl_attempt *a) {
  if (a->watching >= 0) (void)inotify_rm_watch(a->worker->inotify, a->watching);
  a->watching = -1;
  a->output_ready = false;
  cl_output_destroy(a->output);
  a->output = NULL;
}

/* The keeper writes in the attempt's directory, too. */
static bool is_output(const char *name, size_t n) {
  return n == 0 || strncmp(name, "stdout", n) == 0 || strncmp(name, "stderr", n) == 0;
}

void cl_finish_notified(struct cl_worker *w) {
  union {
    struct inotify_event event;
    char bytes[16384];
  } room;
  for (ssize_t n; (n = read(w->inotify, room.bytes, sizeof room.bytes)) > 0;) {
    for (ssize_t at = 0; at < n;) {
      struct inotify_event ev;
      memcpy(&ev, room.bytes + at, sizeof ev);
      const char *name = room.bytes + at + sizeof ev;
      at += (ssize_t)(sizeof ev + ev.len);
      bool overflow = ev.mask & IN_Q_OVERFLOW;
      if (!overflow && !is_output(name, ev.len)) continue;
      for (size_t i = 0; i < w->n_all; i++)
        if (overflow || w->all[i]->watching == ev.wd) w->all[i]->output_ready = w->all[i]->output != NULL;
    }
  }
}

/* The end. */

/* A computed objective that the program did not report itself is reported for it, once, with its last step.
 */
static int report_computed(struct cl_attempt *a, bool *ret_put, struct cl_err *e) {
  const struct cl_trial *t = cl_attempt_trial(a);
  double value;
  *ret_put = false;
  if (a->computed_put || !is_open(a) || a->exit.status != 0 || a->exit.signal != 0) return 0;
  a->computed_put = true;
  int status = cl_computed_value(a->worker->log, t, &value, e);
  if (status != 0) return status < 0 ? status : 0;
  struct cl_metric metric = {.name = cl_study_settings(a->worker->study)->objectives[0].name, .value = value};
  *ret_put = true;
  return on_report(a, t->head.reports + 1, t->head.step, &metric, 1, e);
}

static void read_limit(struct cl_attempt *a) {
  char *path = cl_attempt_path(a->worker->study, a->trial, a->number, "limit"), *text = NULL;
  if (a->limit[0] == '\0' && path != NULL && cl_file_read(path, sizeof a->limit - 1, &text, NULL, NULL) == 0)
    (void)snprintf(a->limit, sizeof a->limit, "%s", text);
  cl_free(text);
  cl_free(path);
}

static void told_end(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_attempt *a = ctx;
  a->puts--;
  a->phase = CL_PHASE_OVER;
  cl_worker_hurry(a->worker);
  bool quiet =
      a->session == NULL || a->session->holds == 0; /* nothing of it is being published or recorded */
  if (quiet && (result->status == 0 || result->status == CLADE_REPEATED)) cl_attempt_collect(a);
  if (ev->kind == CL_EVENT_LOST && result->status == CLADE_ECONFLICT &&
      cl_attempt_trial(a)->head.attempt == a->number)
    a->phase = CL_PHASE_LEAVING; /* looked at again with its newer state */
}

static int put_end(struct cl_attempt *a, struct cl_err *e) {
  const struct cl_trial *t = cl_attempt_trial(a);
  double objectives[CL_OBJECTIVES_MAX];
  char usage[400];
  if (a->adopted) read_limit(a);
  cl_exit_usage(&a->exit, usage, 300);
  size_t n = strlen(usage);
  (void)snprintf(usage + n, sizeof usage - n, "%s%s}", a->limit[0] == '\0' ? "" : ",", a->limit);
  struct cl_event ev = {.kind = CL_EVENT_ENDED};
  ev.u.ended.status = a->exit.status;
  ev.u.ended.signal = a->exit.signal;
  ev.u.ended.known = a->exit_known;
  ev.u.ended.usage = a->exit_known ? usage : NULL;
  if (t->head.attempt == a->number) {
    ev.u.ended.record = t->record;
    ev.u.ended.objectives.n = cl_trial_objectives(a->worker->study, t, objectives);
    ev.u.ended.objectives.items = objectives;
  }
  a->phase = CL_PHASE_CLOSING;
  return cl_attempt_put(a, &ev, told_end, e);
}

/* A report was refused: another worker has used up the names that a study keeps. Those behind it were out of
 * order then; so its output is read from the beginning, past what is recorded, and names that are too many
 * are left out. */
static int read_again(struct cl_attempt *a, struct cl_err *e) {
  if (!a->output_again || a->puts > 0) return 0;
  a->output_again = false;
  if (a->output == NULL || ++a->rereads > REREADS_MAX) return 0;
  CL_TRY(cl_log_follow(a->worker->log, NULL, e));
  cl_attempt_unfollow(a);
  return cl_attempt_follow(a, cl_attempt_trial(a)->head.reports, e);
}

int cl_attempt_read(struct cl_attempt *a, struct cl_err *e) {
  CL_TRY(read_again(a, e));
  a->output_ready = false;
  if (a->output != NULL) {
    int status = cl_output_read(a->output, e);
    if (status < 0) return status;
    if (status == CLADE_BUSY) {
      a->output_ready = true;
      cl_worker_hurry(a->worker);
      return 0;
    }
  }
  if (a->phase != CL_PHASE_DRAINING) return 0;
  if (a->output != NULL) CL_TRY(cl_output_finish(a->output, e));
  if (a->puts > 0) return 0; /* its last reports come first: told_output comes back here */
  bool busy = false;
  CL_TRY(cl_attempt_publish_late(a, &busy, e));
  if (busy) return 0;
  if (!a->tags_put) CL_TRY(cl_attempt_put_tags(a, e));
  if (a->puts > 0) return 0;
  bool more = false;
  if (cl_study_settings(a->worker->study)->computed != NULL) CL_TRY(report_computed(a, &more, e));
  return more ? 0 : put_end(a, e);
}

int cl_attempt_ended(struct cl_attempt *a, const struct cl_exit *x, struct cl_err *e) {
  const struct cl_trial *t = cl_attempt_trial(a);
  cl_life_unwatch(a);
  a->phase = CL_PHASE_DRAINING;
  a->deadline_us = 0;
  a->exit_known = x != NULL;
  if (x != NULL) a->exit = *x;
  cl_worker_hurry(a->worker);
  bool silent = is_open(a) && !(t->head.flags & CL_CONNECTED_ONCE);
  if (a->output == NULL && silent) return cl_attempt_follow(a, t->head.reports, e);
  return 0;
}

int cl_attempt_lost(struct cl_attempt *a, const char *lock, const char *why, struct cl_err *e) {
  struct cl_text args = {0};
  cl_text_format(&args, "{\"attempt\": %d, \"lock\": \"%s\", \"why\": ", a->number, lock);
  cl_text_add_json(&args, why);
  cl_text_add(&args, "}");
  struct cl_event ev = {.kind = CL_EVENT_LOST, .cause = CL_CAUSE_RESUME, .args = cl_text_get(&args)};
  cl_life_unwatch(a);
  a->phase = CL_PHASE_CLOSING;
  int status = args.failed ? CL_FAIL_NOMEM(e) : cl_attempt_put(a, &ev, told_end, e);
  cl_text_done(&args);
  return status;
}
