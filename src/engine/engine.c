#include "engine/engine.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "search/searcher.h"

struct cl_engine {
  struct cl_engine_options options;
  char *holder;
  struct cl_searcher *searcher;
  bool exhausted; /* the searcher has no point left */
  bool deciding;
  struct cl_lease lease;  /* ours while deciding, else as last seen */
  int64_t seen_moving_ms; /* when the other holder's beat was last seen to move */
  int64_t next_lease_ms;
  int64_t *attention; /* trials whose state asks for a decision; may hold some twice */
  size_t n_attention, cap_attention;
  int n_waiting;         /* decisions put and not told yet */
  int64_t said_paused;   /* paused trials that people were told about, when nothing else was left */
  struct cl_err failure; /* of a callback; ends the next turn */
};

static const struct cl_study *study_of(const struct cl_engine *g) {
  return cl_log_study(g->options.log);
}

/* Which trials need a look? */

static bool needs_attention(const struct cl_head *h) {
  bool diverged = h->state == CL_RUNNING && (h->flags & CL_FLAG_DIVERGED);
  return diverged || h->state == CL_FAILED || h->state == CL_LOST || h->state == CL_PREEMPTED;
}

static void add_attention(struct cl_engine *g, int64_t number) {
  const struct cl_trial *t = cl_study_trial(study_of(g), number);
  if (t == NULL || !needs_attention(&t->head)) return;
  if (cl_grow(&g->attention, &g->cap_attention, g->n_attention + 1, sizeof *g->attention) < 0)
    (void)CL_FAIL_NOMEM(&g->failure);
  else
    g->attention[g->n_attention++] = number;
}

static void on_event(void *ctx, const struct cl_event *ev) {
  struct cl_engine *g = ctx;
  if (g->failure.code != 0) return;
  if (ev->kind == CL_EVENT_REOPENED || ev->kind == CL_EVENT_UPDATED) g->exhausted = false;
  (void)cl_searcher_apply(g->searcher, ev, &g->failure);
  if (g->deciding && ev->subject > 0) add_attention(g, ev->subject);
}

/* Who begins to decide has not kept a list so far. */
static void look_at_all(struct cl_engine *g) {
  g->n_attention = 0;
  for (int64_t i = 1; i <= cl_study_trials(study_of(g)); i++) add_attention(g, i);
}

/* The lease. */

static void keep_lease(struct cl_engine *g, const struct cl_lease *lease, int64_t now_ms) {
  g->deciding = true;
  g->lease = *lease;
  g->next_lease_ms = now_ms + CL_LEASE_BEAT_MS;
}

static bool holder_is_gone(struct cl_engine *g, const struct cl_lease *seen, int64_t now_ms) {
  if (seen->holder[0] == '\0') return true;
  if (seen->generation != g->lease.generation || seen->beat != g->lease.beat || g->seen_moving_ms == 0)
    g->seen_moving_ms = now_ms;
  if (now_ms - g->seen_moving_ms >= CL_LEASE_PATIENCE_MS) return true;
  return g->options.is_dead != NULL && g->options.is_dead(g->options.ctx, seen->holder);
}

static int watch_lease(struct cl_engine *g, int64_t now_ms, struct cl_err *e) {
  struct cl_store *store = cl_log_store(g->options.log);
  struct cl_lease seen = {0};
  CL_TRY(cl_store_lease_get(store, cl_log_id(g->options.log), &seen, e));
  bool gone = holder_is_gone(g, &seen, now_ms);
  g->lease = seen;
  g->next_lease_ms = now_ms + CL_LEASE_BEAT_MS / 4;
  if (!gone) return 0;
  struct cl_lease taken = {0};
  int status =
      cl_store_lease_take(store, cl_log_id(g->options.log), g->holder, seen.generation, seen.beat, &taken, e);
  if (status < 0) return status;
  if (status == 0) keep_lease(g, &taken, now_ms);
  if (status == 0) look_at_all(g);
  return 0;
}

static int tend_lease(struct cl_engine *g, int64_t now_ms, struct cl_err *e) {
  if (now_ms < g->next_lease_ms) return 0;
  if (!g->deciding) return watch_lease(g, now_ms, e);
  int status = cl_store_lease_beat(cl_log_store(g->options.log), cl_log_id(g->options.log), &g->lease, e);
  if (status < 0) return status;
  g->deciding = status == 0;
  g->seen_moving_ms = 0;
  g->next_lease_ms = now_ms + CL_LEASE_BEAT_MS;
  return 0;
}

/* Deciding. */

static void told(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_engine *g = ctx;
  g->n_waiting--;
  assert(g->n_waiting >= 0);
  if (ev->subject > 0 && result->status != 0)
    add_attention(g, ev->subject); /* decided again from the newer state */
}

static int put(struct cl_engine *g, struct cl_event *ev, struct cl_err *e) {
  ev->by = g->options.worker;
  ev->as_of = cl_log_position(g->options.log);
  CL_TRY(cl_log_put(g->options.log, ev, told, g, e));
  g->n_waiting++;
  return 0;
}

static int put_about(struct cl_engine *g, const struct cl_trial *t, struct cl_event ev, struct cl_err *e) {
  ev.subject = t->number;
  ev.seen = t->head.version;
  return put(g, &ev, e);
}

static int decide_retry(struct cl_engine *g, const struct cl_trial *t, struct cl_err *e) {
  const struct cl_head *h = &t->head;
  if (h->flags & CL_ATTEMPT_OPEN) return 0; /* its end comes first, and asks for attention again */
  char args[80];
  (void)snprintf(args, sizeof args, "{\"attempt\": %d}", h->attempt);
  if (cl_head_may_retry(cl_study_head(study_of(g)), h)) {
    struct cl_event ev = {.kind = CL_EVENT_RETRIED, .cause = CL_CAUSE_RESUME, .args = args};
    ev.u.retried.count = (h->state == CL_FAILED ? h->failures : h->tries) + 1;
    return put_about(g, t, ev, e);
  }
  if (h->state != CL_LOST && h->state != CL_PREEMPTED) return 0;
  (void)snprintf(args, sizeof args, "{\"which\": \"tries\", \"value\": %d, \"bound\": %d}", h->tries,
                 CL_TRIES_MAX);
  return put_about(g, t, (struct cl_event){.kind = CL_EVENT_GIVEN_UP, .cause = CL_CAUSE_LIMIT, .args = args},
                   e);
}

static int decide_diverged(struct cl_engine *g, const struct cl_trial *t, struct cl_err *e) {
  struct cl_text args = {0};
  cl_text_format(&args, "{\"report\": %lld, \"metric\": ", (long long)t->record);
  cl_text_add_json(&args, cl_study_settings(study_of(g))->objectives[0].name);
  cl_text_add(&args, "}");
  struct cl_event ev = {.kind = CL_EVENT_STOPPED, .cause = CL_CAUSE_DIVERGED, .args = cl_text_get(&args)};
  ev.u.stopped.at = t->record;
  ev.u.stopped.how = CL_STOP_ASK;
  int status = args.failed ? CL_FAIL_NOMEM(e) : put_about(g, t, ev, e);
  cl_text_done(&args);
  return status;
}

static int compare_numbers(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* A non-finite objective stops the trial (no scheduler of this version exploits); failed, lost and preempted
 * ones are tried again or given up. In the order of the trials, each once. */
static int decide_attention(struct cl_engine *g, struct cl_err *e) {
  if (g->n_attention == 0) return 0;
  qsort(g->attention, g->n_attention, sizeof *g->attention, compare_numbers);
  int status = 0;
  for (size_t i = 0; i < g->n_attention && status == 0; i++) {
    if (i > 0 && g->attention[i] == g->attention[i - 1]) continue;
    const struct cl_trial *t = cl_study_trial(study_of(g), g->attention[i]);
    if (!needs_attention(&t->head)) continue;
    status = t->head.state == CL_RUNNING ? decide_diverged(g, t, e) : decide_retry(g, t, e);
  }
  g->n_attention = 0;
  return status;
}

static int decide_finish(struct cl_engine *g, enum cl_reason reason, const char *args, struct cl_err *e) {
  struct cl_event ev = {.kind = CL_EVENT_FINISHED,
                        .seen = cl_study_head(study_of(g))->version,
                        .cause = reason == CL_REASON_FAILURES ? CL_CAUSE_LIMIT : CL_CAUSE_BUDGET,
                        .args = args};
  ev.u.finished.reason = reason;
  return put(g, &ev, e);
}

/* Trials that will still change by themselves: pending, or to be retried. */
static bool some_are_unfinished(const struct cl_study *s) {
  return cl_study_pending(s) > 0 || cl_study_count(s, CL_PAUSED) > 0 || cl_study_count(s, CL_LOST) > 0 ||
         cl_study_count(s, CL_PREEMPTED) > 0;
}

/* A person's pause holds the study open, for as long as the person likes. */
static void say_paused(struct cl_engine *g) {
  const struct cl_study *s = study_of(g);
  int64_t paused = cl_study_count(s, CL_PAUSED), unfinished = cl_study_pending(s);
  unfinished += cl_study_count(s, CL_LOST) + cl_study_count(s, CL_PREEMPTED);
  char text[200];
  if (unfinished > 0 || paused == 0) g->said_paused = 0;
  if (unfinished > 0 || paused == g->said_paused || g->options.say == NULL) return;
  g->said_paused = paused;
  (void)snprintf(
      text, sizeof text,
      "all other trials have ended, but %lld %s paused: the study goes on when they are continued or "
      "stopped",
      (long long)paused, paused == 1 ? "is" : "are");
  g->options.say(g->options.ctx, text);
}

/* The last look before a study is finished: a failed trial with a retry left whose process has not ended yet.
 * O(trials). */
static bool some_will_retry(const struct cl_study *s) {
  for (int64_t i = 1; i <= cl_study_trials(s); i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (t->head.state == CL_FAILED && !cl_state_is_result(cl_study_head(s), &t->head)) return true;
  }
  return false;
}

/* How many WAITING and RUNNING trials of the search there should be. */
static int64_t demand(const struct cl_study *s) {
  const struct cl_settings *settings = cl_study_settings(s);
  return settings->lag > 0 ? settings->lag : cl_study_slots(s);
}

static int decide_proposal(struct cl_engine *g, struct cl_err *e) {
  const struct cl_study *s = study_of(g);
  const struct cl_study_head *h = cl_study_head(s);
  if (g->exhausted || h->counted >= h->budget || cl_study_pending(s) >= demand(s)) return 0;
  struct cl_event ev = {0};
  int status = cl_searcher_next(g->searcher, &ev, e);
  if (status < 0) return status;
  if (status == CLADE_EMPTY) g->exhausted = true;
  return status == 0 ? put(g, &ev, e) : 0;
}

static int decide_study(struct cl_engine *g, struct cl_err *e) {
  const struct cl_study *s = study_of(g);
  const struct cl_study_head *h = cl_study_head(s);
  const struct cl_settings *settings = cl_study_settings(s);
  if (!h->open || g->n_waiting > 0) return 0; /* one decision on the study, or one proposal, at a time */
  int64_t failures = cl_study_failures_in_a_row(s);
  char args[120];
  if (settings->max_failures > 0 && failures >= settings->max_failures) {
    (void)snprintf(args, sizeof args, "{\"which\": \"max_failures\", \"value\": %lld, \"bound\": %d}",
                   (long long)failures, settings->max_failures);
    return decide_finish(g, CL_REASON_FAILURES, args, e);
  }
  CL_TRY(decide_proposal(g, e));
  bool all_proposed = h->counted >= h->budget || g->exhausted;
  if (g->n_waiting > 0 || !all_proposed) return 0;
  say_paused(g);
  if (some_are_unfinished(s) || some_will_retry(s)) return 0;
  (void)snprintf(args, sizeof args, "{\"which\": \"trials\", \"used\": %lld, \"bound\": %lld}",
                 (long long)h->counted, (long long)h->budget);
  return decide_finish(g, h->counted >= h->budget ? CL_REASON_BUDGET : CL_REASON_EXHAUSTED, args, e);
}

int cl_engine_turn(struct cl_engine *g, int64_t now_ms, struct cl_err *e) {
  if (g->failure.code != 0) return CL_FAIL(e, g->failure.code, "%s", g->failure.text);
  if (cl_study_is_newer(study_of(g)))
    return CL_FAIL(
        e, CLADE_ENEWER,
        "the study '%s' was written by a newer clade: this one can read it, but must not decide; update clade",
        cl_study_name(study_of(g)));
  CL_TRY(tend_lease(g, now_ms, e));
  if (g->failure.code != 0) return CL_FAIL(e, g->failure.code, "%s", g->failure.text);
  if (!g->deciding) return 0;
  CL_TRY(decide_attention(g, e));
  return decide_study(g, e);
}

bool cl_engine_is_decider(const struct cl_engine *g) {
  return g->deciding;
}

bool cl_engine_is_over(const struct cl_engine *g) {
  const struct cl_study *s = study_of(g);
  return !cl_study_head(s)->open && cl_study_count(s, CL_RUNNING) == 0;
}

int cl_engine_create(const struct cl_engine_options *options, struct cl_engine **ret, struct cl_err *e) {
  struct cl_engine *g = cl_alloc(sizeof *g);
  if (g == NULL) return CL_FAIL_NOMEM(e);
  g->options = *options;
  g->holder = cl_copy_text(options->holder);
  int status = g->holder == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) status = cl_searcher_create(study_of(g), &g->searcher, e);
  if (status == 0) status = cl_log_listen(options->log, on_event, g, e);
  if (status < 0) {
    cl_engine_destroy(g);
    return status;
  }
  *ret = g;
  return 0;
}

void cl_engine_destroy(struct cl_engine *g) {
  if (g == NULL) return;
  if (g->deciding)
    (void)cl_store_lease_release(cl_log_store(g->options.log), cl_log_id(g->options.log), &g->lease, NULL);
  cl_log_unlisten(g->options.log, on_event, g);
  cl_searcher_destroy(g->searcher);
  cl_free(g->attention);
  cl_free(g->holder);
  cl_free(g);
}
