#include "engine/engine.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/collect.h"
#include "engine/decide.h"
#include "schedule/scheduler.h"
#include "search/searcher.h"

struct cl_engine {
  struct cl_engine_options options;
  char *holder;
  struct cl_searcher *searcher;
  struct cl_scheduler *scheduler; /* null: the study has none */
  bool exhausted;                 /* the searcher has no point left */
  bool deciding;
  struct cl_lease lease; /* ours while deciding, else as last seen */
  double clock;          /* of the study, s: its last reading … */
  int64_t clock_ms;      /* … and when that was heard here; 0 = before the first turn */
  int64_t now_ms;
  int64_t seen_moving_ms; /* when the other holder's beat was last seen to move */
  int64_t next_lease_ms;
  struct cl_attention attention;
  struct cl_collection collection;
  int n_waiting;     /* decisions put and not told yet */
  int n_returning;   /* of these: trials that will wait for a slot again */
  int64_t said_held; /* paused and asked trials that people were told about, when nothing else was left */
  bool said_study_paused, said_bill;
  char bill[400];        /* to be said in the next turn; "" = nothing */
  struct cl_err failure; /* of a callback; ends the next turn */
};

static const struct cl_study *study_of(const struct cl_engine *g) {
  return cl_log_study(g->options.log);
}

static void add_attention(struct cl_engine *g, int64_t number) {
  (void)cl_attention_add(&g->attention, study_of(g), number, &g->failure);
}

#define BILL_LEAST_MIB 256.0 /* without a limit that somebody typed */

/* How much disk a population takes is known with its first state. Little of it is not worth a word. */
static void write_bill(struct cl_engine *g) {
  const struct cl_study *s = study_of(g);
  const struct cl_settings *settings = cl_study_settings(s);
  struct cl_disk disk = cl_study_disk(s);
  double mib = (double)disk.largest / 1048576, bound = (double)settings->disk_bytes / 1048576;
  int64_t most = cl_collection_most(settings->trials, cl_study_slots(s));
  if (disk.n != 1 || settings->schedule == NULL || g->options.say == NULL || g->said_bill) return;
  g->said_bill = true;
  if (bound <= 0 && mib * (double)most < BILL_LEAST_MIB) return;
  if (bound <= 0)
    (void)snprintf(
        g->bill, sizeof g->bill,
        "a saved state takes %.4g MiB; %lld members keep up to %lld of them, more while some are far behind: "
        "%.4g MiB (`limits: {disk: 10G}` would set a bound)",
        mib, (long long)settings->trials, (long long)most, mib * (double)most);
  else if (mib * (double)most > bound)
    (void)snprintf(
        g->bill, sizeof g->bill,
        "a saved state takes %.4g MiB; %lld members want up to %lld of them: %.4g MiB, "
        "but `limits: disk` allows %.4g: states that have no room are not saved, and cannot be taken over",
        mib, (long long)settings->trials, (long long)most, mib * (double)most, bound);
  else
    (void)snprintf(g->bill, sizeof g->bill,
                   "a saved state takes %.4g MiB; `limits: disk` (%.4g MiB) has room for %.0f", mib, bound,
                   bound / mib);
}

/* And how much memory, where states are frozen processes. */
static void write_twins(struct cl_engine *g, int64_t bytes) {
  const struct cl_study *s = study_of(g);
  const struct cl_settings *settings = cl_study_settings(s);
  double mib = (double)bytes / 1048576;
  int64_t most = cl_collection_most(settings->trials, cl_study_slots(s));
  if (settings->schedule == NULL || g->options.say == NULL || g->said_bill) return;
  g->said_bill = true;
  if (mib * (double)most < BILL_LEAST_MIB) return;
  (void)snprintf(
      g->bill, sizeof g->bill,
      "a saved state is a frozen process that holds up to %.4g MiB of memory; %lld members keep up to "
      "%lld of them, more while some are far behind: up to %.4g MiB, less what they have in common "
      "with their trainers",
      mib, (long long)settings->trials, (long long)most, mib * (double)most);
}

/* Not while the event is heard, which may be inside of its commit. */
static void say_bill(struct cl_engine *g) {
  assert(g->bill[0] == '\0' || g->options.say != NULL);
  if (g->bill[0] != '\0') g->options.say(g->options.ctx, g->bill);
  g->bill[0] = '\0';
}

/* The study's clock stands still while nobody follows its log, and never goes back. */
static void set_clock(struct cl_engine *g, double seconds, int64_t now_ms) {
  if (!(seconds >= g->clock)) return;
  g->clock = seconds;
  g->clock_ms = now_ms;
}

static void on_event(void *ctx, const struct cl_event *ev) {
  struct cl_engine *g = ctx;
  if (g->failure.code != 0) return;
  if (ev->kind == CL_EVENT_REOPENED || ev->kind == CL_EVENT_UPDATED) g->exhausted = false;
  if (cl_searcher_apply(g->searcher, ev, &g->failure) < 0) return;
  if (g->scheduler != NULL) (void)cl_scheduler_apply(g->scheduler, ev, &g->failure);
  if (g->failure.code != 0) return;
  if (ev->kind == CL_EVENT_CLOCK) set_clock(g, ev->u.clock.seconds, g->now_ms);
  if (!g->deciding) return;
  if (ev->kind == CL_EVENT_SAVED && ev->u.saved.way == CL_WAY_FORK) write_twins(g, ev->u.saved.bytes);
  if (ev->kind == CL_EVENT_SAVED) write_bill(g);
  if (cl_collection_hear(&g->collection, ev, &g->failure) < 0) return;
  if (ev->subject > 0) add_attention(g, ev->subject);
}

/* The lease. */

static void keep_lease(struct cl_engine *g, const struct cl_lease *lease, int64_t now_ms) {
  assert(lease->generation > 0 && strcmp(lease->holder, g->holder) == 0);
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
  assert(!g->deciding);
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
  /* who begins to decide has not kept a list so far */
  if (status == 0) CL_TRY(cl_collection_fill(&g->collection, study_of(g), e));
  return status == 0 ? cl_attention_fill(&g->attention, study_of(g), e) : 0;
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

/* Decisions that change nothing that others depend on: reports that go on, states that are asked for,
 * readings of the clock. There may be many of them at all times. */
static bool is_aside(const struct cl_event *ev) {
  return ev->kind == CL_EVENT_CLOCK || ev->kind == CL_EVENT_CHECKPOINT_ASKED ||
         (ev->kind == CL_EVENT_CONTINUED && ev->cause == CL_CAUSE_LIMIT);
}

static void told(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_engine *g = ctx;
  g->n_waiting -= !is_aside(ev);
  g->n_returning -= ev->kind == CL_EVENT_RETRIED;
  assert(g->n_waiting >= 0 && g->n_returning >= 0);
  if (ev->subject > 0 && result->status != 0)
    add_attention(g, ev->subject); /* decided again from the newer state */
}

static int put(void *ctx, struct cl_event *ev, struct cl_err *e) {
  struct cl_engine *g = ctx;
  ev->by = g->options.worker;
  ev->as_of = cl_log_position(g->options.log);
  CL_TRY(cl_log_put(g->options.log, ev, told, g, e));
  g->n_waiting += !is_aside(ev);
  g->n_returning += ev->kind == CL_EVENT_RETRIED;
  return 0;
}

/* What retries and stops is left to the scheduler where it replaces: a member that has diverged is judged at
 * its next report, and one that was lost within a question is answered first. */
static int put_attended(void *ctx, struct cl_event *ev, struct cl_err *e) {
  struct cl_engine *g = ctx;
  const struct cl_trial *t = cl_study_trial(study_of(g), ev->subject);
  assert(t != NULL);
  bool member = cl_role_is_searched(t->head.role);
  if (g->scheduler == NULL || !member) return put(g, ev, e);
  if (ev->cause == CL_CAUSE_DIVERGED && cl_schedule_exploits(cl_study_settings(study_of(g)))) return 0;
  int asks = ev->kind == CL_EVENT_RETRIED ? cl_scheduler_asks(g->scheduler, ev->subject, e) : 0;
  return asks != 0 ? (asks < 0 ? asks : 0) : put(g, ev, e);
}

/* A person's pause holds the study open, for as long as the person likes; so does a trial that was asked for
 * in process or by hand and not told: nobody but its asker knows what became of it. */
static void say_held(struct cl_engine *g) {
  const struct cl_study *s = study_of(g);
  int64_t paused = cl_study_count(s, CL_PAUSED), asked = cl_study_asked(s), held = paused + asked;
  int64_t unfinished =
      cl_study_pending(s) - asked + cl_study_count(s, CL_LOST) + cl_study_count(s, CL_PREEMPTED);
  char text[240];
  if (unfinished > 0 || held == 0) g->said_held = 0;
  if (unfinished > 0 || held == g->said_held || g->options.say == NULL) return;
  g->said_held = held;
  if (asked == 0)
    (void)snprintf(
        text, sizeof text,
        "all other trials have ended, but %lld %s paused: the study goes on when they are continued or "
        "stopped",
        (long long)paused, paused == 1 ? "is" : "are");
  else
    (void)snprintf(
        text, sizeof text,
        "all other trials have ended, but %lld %s asked for and not told: the study goes on when `clade "
        "tell` says what became of %s (--lost: nothing, try again)",
        (long long)asked, asked == 1 ? "was" : "were", asked == 1 ? "it" : "them");
  g->options.say(g->options.ctx, text);
}

/* Is the whole study paused? People are told once. */
static bool is_paused(struct cl_engine *g) {
  const struct cl_study *s = study_of(g);
  char text[CL_NAME_MAX + 120];
  bool paused = cl_study_settings(s)->paused != NULL;
  if (paused && !g->said_study_paused && g->options.say != NULL) {
    (void)snprintf(text, sizeof text, "the study is paused: `clade resume %s` goes on with it",
                   cl_study_name(s));
    g->options.say(g->options.ctx, text);
  }
  g->said_study_paused = paused;
  return paused;
}

/* Do as many trials of the search WAIT and RUN as there should? Those that were asked for in process take no
 * slot of a worker. */
static bool is_enough(const struct cl_study *s) {
  int lag = cl_study_settings(s)->lag;
  if (lag > 0) return cl_study_pending(s) >= lag;
  return cl_study_pending(s) - cl_study_asked(s) >= cl_study_slots(s);
}

/* What the scheduler makes of the trials that ask. */
static int decide_scheduled(struct cl_engine *g, struct cl_err *e) {
  const struct cl_study *s = study_of(g);
  const struct cl_study_head *h = cl_study_head(s);
  assert(g->deciding && g->n_returning >= 0 && g->n_returning <= g->n_waiting);
  if (g->scheduler == NULL || !h->open || cl_study_settings(s)->paused != NULL) return 0;
  const struct cl_schedule_room room = {
      cl_study_slots(s) - (cl_study_pending(s) - cl_study_asked(s)) - g->n_returning,
      g->exhausted ? 0 : h->budget - h->counted, g->clock + (double)(g->now_ms - g->clock_ms) / 1000};
  for (;;) {
    struct cl_event ev = {0};
    int status = cl_scheduler_next(g->scheduler, &room, &ev, e);
    if (status != 0) return status < 0 ? status : 0;
    CL_TRY(put(g, &ev, e));
  }
}

static int decide_proposal(struct cl_engine *g, struct cl_err *e) {
  const struct cl_study *s = study_of(g);
  const struct cl_study_head *h = cl_study_head(s);
  assert(g->n_waiting == 0);
  if (g->exhausted || h->counted >= h->budget || is_enough(s)) return 0;
  struct cl_event ev = {0};
  int status = cl_searcher_next(g->searcher, &ev, e);
  if (status < 0) return status;
  if (status == CLADE_EMPTY) g->exhausted = true;
  return status == 0 ? put(g, &ev, e) : 0;
}

static int decide_study(struct cl_engine *g, struct cl_err *e) {
  const struct cl_study *s = study_of(g);
  const struct cl_study_head *h = cl_study_head(s);
  struct cl_decision finish = {0};
  if (!h->open || g->n_waiting > 0) return 0; /* one decision on the study, or one proposal, at a time */
  if (is_paused(g)) return 0;
  if (!cl_decide_is_hopeless(s)) {
    CL_TRY(decide_proposal(g, e));
    if (g->n_waiting > 0) return 0;
    if (h->counted >= h->budget || g->exhausted) say_held(g);
  }
  int status = cl_decide_finish(s, g->exhausted, &finish, e);
  if (status == 0) status = put(g, &finish.ev, e);
  cl_decision_done(&finish);
  return status < 0 ? status : 0;
}

int cl_engine_turn(struct cl_engine *g, int64_t now_ms, struct cl_err *e) {
  g->now_ms = now_ms;
  if (g->clock_ms == 0) g->clock_ms = now_ms;
  if (g->failure.code != 0) return CL_FAIL(e, g->failure.code, "%s", g->failure.text);
  if (cl_study_is_newer(study_of(g)))
    return CL_FAIL(
        e, CLADE_ENEWER,
        "the study '%s' was written by a newer clade: this one can read it, but must not decide; update clade",
        cl_study_name(study_of(g)));
  CL_TRY(tend_lease(g, now_ms, e));
  if (g->failure.code != 0) return CL_FAIL(e, g->failure.code, "%s", g->failure.text);
  say_bill(g);
  if (!g->deciding) return 0;
  CL_TRY(cl_attention_decide(&g->attention, study_of(g), put_attended, g, e));
  CL_TRY(decide_scheduled(g, e));
  CL_TRY(decide_study(g, e));
  if (g->n_waiting > 0) return 0; /* what was just decided may need another state than what was before */
  return cl_collection_decide(&g->collection, study_of(g), g->scheduler, put, g, e);
}

int cl_engine_answer(struct cl_engine *g, int64_t now_ms, struct cl_err *e) {
  if (!g->deciding || g->scheduler == NULL || cl_study_is_newer(study_of(g))) return 0;
  assert(g->clock_ms != 0); /* who decides has had a turn */
  g->now_ms = now_ms;
  if (g->failure.code != 0) return CL_FAIL(e, g->failure.code, "%s", g->failure.text);
  CL_TRY(cl_attention_decide(&g->attention, study_of(g), put_attended, g, e));
  return decide_scheduled(g, e);
}

bool cl_engine_is_decider(const struct cl_engine *g) {
  return g->deciding;
}

/* Trials that are no part of the search are started on a finished study too. */
static bool has_others_waiting(const struct cl_study *s) {
  if (cl_study_settings(s)->paused != NULL) return false;
  for (int64_t n = cl_study_first_waiting(s); n != 0; n = cl_study_next_waiting(s, n)) {
    if (!cl_role_is_searched(cl_study_trial(s, n)->head.role)) return true;
  }
  return false;
}

bool cl_engine_is_over(const struct cl_engine *g) {
  const struct cl_study *s = study_of(g);
  return !cl_study_head(s)->open && cl_study_count(s, CL_RUNNING) == 0 && !has_others_waiting(s);
}

/* A scheduler must hear what was decided so far: the log is folded once more, beside the replica. */

struct recall {
  struct cl_study *past;
  struct cl_scheduler *scheduler;
  double clock;
  struct cl_err *e;
};

static int recall_event(void *ctx, const struct cl_event *ev) {
  struct recall *r = ctx;
  CL_TRY(cl_study_apply(r->past, ev, r->e));
  if (ev->kind == CL_EVENT_CLOCK) r->clock = ev->u.clock.seconds;
  return cl_scheduler_apply(r->scheduler, ev, r->e);
}

static int make_scheduler(struct cl_engine *g, struct cl_err *e) {
  struct recall r = {.e = e};
  if (cl_study_settings(study_of(g))->schedule == NULL) return 0;
  CL_TRY(cl_study_create(&r.past, e));
  cl_study_expect_partial(r.past);
  int status = cl_scheduler_create(r.past, &g->scheduler, e);
  r.scheduler = g->scheduler;
  const struct cl_read all = {.until = cl_log_position(g->options.log),
                              .skip_known_reports =
                                  !cl_schedule_needs_curves(cl_study_settings(study_of(g)))};
  if (status == 0)
    status =
        cl_store_read(cl_log_store(g->options.log), cl_log_id(g->options.log), &all, recall_event, &r, e);
  if (status >= 0) {
    cl_study_reach(r.past, all.until);
    cl_scheduler_move(g->scheduler, study_of(g));
    g->clock = r.clock;
    status = 0;
  }
  cl_study_destroy(r.past);
  return status;
}

int cl_engine_create(const struct cl_engine_options *options, struct cl_engine **ret, struct cl_err *e) {
  struct cl_engine *g = cl_alloc(sizeof *g);
  if (g == NULL) return CL_FAIL_NOMEM(e);
  g->options = *options;
  g->holder = cl_copy_text(options->holder);
  int status = g->holder == NULL ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0) status = cl_searcher_create(study_of(g), &g->searcher, e);
  if (status == 0) status = make_scheduler(g, e);
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
  cl_scheduler_destroy(g->scheduler);
  cl_searcher_destroy(g->searcher);
  cl_attention_done(&g->attention);
  cl_collection_done(&g->collection);
  cl_free(g->holder);
  cl_free(g);
}
