/* Random histories of all kinds of events, legal and not, on a replica and a memory store at once: both judge
 * alike, heads folded alone are the replica's, its counters are what a recount gives, and reading without the
 * reports of finished trials gives the same state. A seed is printed with a failure. */
#include "cmocka_all.h"
#include "history.h"
#include "store/log.h"

enum { HISTORIES = 500, EVENTS = 90 };

struct world {
  struct history h;
  struct cl_rng rng;
  struct cl_store *store;
  int64_t study;
  int64_t snapshots[EVENTS + 8], starts[EVENTS + 8];
  size_t n_snapshots, n_starts;
  struct cl_assigned values[4];
  struct cl_metric metrics[3];
  double numbers[3];
};

static uint64_t below(struct world *w, uint64_t n) {
  return cl_rng_below(&w->rng, n);
}

static bool chance(struct world *w, uint64_t n) {
  return below(w, n) == 0;
}

static double pick_number(struct world *w) {
  static const double odd[] = {NAN, INFINITY, -INFINITY, 0};
  return chance(w, 12) ? odd[below(w, 4)] : (double)below(w, 1000) / 128;
}

static double pick_until(struct world *w) {
  if (chance(w, 2)) return CL_NO_STEP;
  return chance(w, 4) ? -INFINITY : (double)below(w, 12);
}

static int64_t pick_snapshot(struct world *w) {
  return w->n_snapshots == 0 || chance(w, 6) ? 0 : w->snapshots[below(w, w->n_snapshots)];
}

static struct cl_assigned_list pick_values(struct world *w) {
  static const char *const words[] = {"adam", "sgd", "a text of its own"};
  int n = 0;
  w->values[n++] = (struct cl_assigned){1, cl_value_real((double)(1 + below(w, 8)) / 8)};
  if (chance(w, 2)) w->values[n++] = (struct cl_assigned){2, cl_value_text(words[below(w, 3)])};
  if (chance(w, 3)) w->values[n++] = (struct cl_assigned){3, cl_value_int(INT64_MAX - (int64_t)below(w, 3))};
  return (struct cl_assigned_list){n, w->values};
}

static struct cl_event pick_report(struct world *w, const struct cl_trial *t) {
  struct cl_event ev = fact(&w->h, CL_EVENT_REPORTED, t->number);
  if (t->head.attempt > 1 && chance(w, 6)) ev.attempt--;
  int64_t next = t->head.reports + 1;
  ev.u.reported.ordinal = chance(w, 10) ? (int64_t)below(w, 6) + 1 : next;
  double step = isnan(t->head.step) ? (double)below(w, 4) : t->head.step + (double)below(w, 3);
  ev.u.reported.step = chance(w, 8) ? step - 2 : step;
  int n = 0;
  if (!chance(w, 5)) w->metrics[n++] = (struct cl_metric){1, "acc", pick_number(w)};
  if (chance(w, 2)) w->metrics[n++] = (struct cl_metric){2, "cost", pick_number(w)};
  if (chance(w, 3)) w->metrics[n++] = (struct cl_metric){3, "extra", pick_number(w)};
  ev.u.reported.metrics = (struct cl_metric_list){n, w->metrics};
  return ev;
}

static struct cl_event pick_end(struct world *w, const struct cl_trial *t) {
  static const int statuses[] = {0, 0, 0, 1, 75, 76, 77};
  struct cl_event ev = fact(&w->h, CL_EVENT_ENDED, t->number);
  if (t->head.attempt > 1 && chance(w, 6)) ev.attempt--;
  ev.time_ms = (int64_t)below(w, 1000);
  ev.u.ended.known = !chance(w, 6);
  ev.u.ended.status = statuses[below(w, 7)];
  ev.u.ended.signal = chance(w, 8) ? 9 : 0;
  ev.u.ended.record = t->record;
  if (chance(w, 3)) return ev;
  w->numbers[0] = chance(w, 3) ? pick_number(w) : t->value;
  w->numbers[1] = cl_trial_objective(t, 1);
  ev.u.ended.objectives = (struct cl_number_list){1 + (int)below(w, 3), w->numbers};
  return ev;
}

static struct cl_event pick_fact(struct world *w, const struct cl_trial *t) {
  static const enum cl_way ways[] = {CL_WAY_DIRECTORY, CL_WAY_DIRECTORY, CL_WAY_REGION, CL_WAY_FORK,
                                     CL_WAY_COPY};
  struct cl_event ev;
  switch (below(w, 12)) {
  case 0:
    ev = fact(&w->h, CL_EVENT_ADOPTED, t->number);
    ev.u.adopted.worker = 1 + (int)below(w, 2);
    return ev;
  case 1: return fact(&w->h, CL_EVENT_CONNECTED, t->number);
  case 2: return fact(&w->h, CL_EVENT_DONE, t->number);
  case 3:
  case 4: return pick_end(w, t);
  case 5:
  case 6:
    ev = saving(&w->h, t->number, isnan(t->head.step) ? 0 : t->head.step, ways[below(w, 5)]);
    if (t->head.attempt > 1 && chance(w, 6)) ev.attempt--;
    if (chance(w, 2)) ev.u.saved.report = t->record;
    return ev;
  case 7:
    ev = loading(&w->h, t->number, t->head.load, t->head.source, chance(w, 4) ? "broken" : NULL);
    if (t->head.load == 0 && w->n_starts > 0) ev.u.loaded.change = w->starts[below(w, w->n_starts)];
    return ev;
  default: return pick_report(w, t);
  }
}

static struct cl_event pick_start(struct world *w, const struct cl_trial *t) {
  struct cl_event ev =
      starting(&w->h, t->number, 1 + (int)below(w, 2), resume_of(&w->h, t->number), pick_until(w));
  if (t->head.worker > 0 && !chance(w, 4)) ev.u.started.worker = t->head.worker;
  if (chance(w, 8)) ev.u.started.from = pick_snapshot(w);
  if (chance(w, 12)) ev.attempt++;
  ev.time_ms = (int64_t)below(w, 1000);
  return ev;
}

static struct cl_event pick_decision(struct world *w, const struct cl_trial *t) {
  static const enum cl_kind kinds[] = {
      CL_EVENT_CONTINUED, CL_EVENT_PAUSED,  CL_EVENT_STOPPED,  CL_EVENT_PREEMPTING,       CL_EVENT_LOST,
      CL_EVENT_RETRIED,   CL_EVENT_RETRIED, CL_EVENT_GIVEN_UP, CL_EVENT_EXPLOITED,        CL_EVENT_EXPLOITED,
      CL_EVENT_SET,       CL_EVENT_HELD,    CL_EVENT_VOIDED,   CL_EVENT_CHECKPOINT_ASKED, CL_EVENT_DELETED};
  enum cl_kind kind = kinds[below(w, sizeof kinds / sizeof *kinds)];
  struct cl_event ev = about(kind, t->number, chance(w, 3) ? CL_CAUSE_DIVERGED : CL_CAUSE_HUMAN);
  ev.attempt = kind == CL_EVENT_LOST ? t->head.attempt : 0;
  if (chance(w, 15)) ev.seen = 1; /* an old version */
  switch (kind) {
  case CL_EVENT_CONTINUED: ev.u.continued.until = pick_until(w); break;
  case CL_EVENT_EXPLOITED:
    ev.u.exploited.snapshot = pick_snapshot(w);
    ev.u.exploited.values = pick_values(w);
    ev.u.exploited.until = pick_until(w);
    ev.u.exploited.infeasible = chance(w, 8);
    break;
  case CL_EVENT_SET:
    ev.u.set.values = pick_values(w);
    ev.u.set.until = pick_until(w);
    break;
  case CL_EVENT_HELD:
    w->numbers[0] = (double)(1 + below(w, 4));
    ev.u.held.ids = (struct cl_number_list){1, w->numbers};
    ev.u.held.on = chance(w, 2);
    break;
  case CL_EVENT_VOIDED: ev.u.voided.change = llabs(t->head.load) + chance(w, 5); break;
  case CL_EVENT_DELETED: ev.u.deleted.snapshot = pick_snapshot(w); break;
  default: break;
  }
  return ev;
}

static struct cl_event pick_birth(struct world *w) {
  static const enum cl_role roles[] = {CL_ROLE_SEARCH,  CL_ROLE_SEARCH, CL_ROLE_ENQUEUED,
                                       CL_ROLE_CONFIRM, CL_ROLE_FORKED, CL_ROLE_FOREIGN};
  static const int states[] = {CL_COMPLETE, CL_PRUNED, CL_FAILED, CL_DIVERGED, CL_INFEASIBLE, CL_RUNNING};
  int64_t trial = cl_study_trials(w->h.s) + 1 + chance(w, 12);
  struct cl_event ev = about(CL_EVENT_PROPOSED, trial, CL_CAUSE_SEARCH);
  if (chance(w, 5)) {
    ev = (struct cl_event){.kind = CL_EVENT_IMPORTED, .subject = trial};
    ev.u.imported.origin = "elsewhere";
    ev.u.imported.state = states[below(w, 6)];
    ev.u.imported.values = pick_values(w);
    w->numbers[0] = pick_number(w);
    ev.u.imported.objectives = (struct cl_number_list){(int)below(w, 2), w->numbers};
    ev.u.imported.last_step = (double)below(w, 5);
    return ev;
  }
  ev.u.proposed.role = roles[below(w, 6)];
  ev.u.proposed.space_version = cl_study_space(w->h.s)->version;
  ev.u.proposed.values = pick_values(w);
  ev.u.proposed.infeasible = chance(w, 10);
  ev.u.proposed.of = chance(w, 5) ? (int64_t)below(w, 5) : 0;
  ev.u.proposed.parent = chance(w, 4) ? pick_snapshot(w) : 0;
  ev.u.proposed.has_seed = chance(w, 5);
  ev.u.proposed.seed = INT64_MIN;
  return ev;
}

static struct cl_event pick_update(struct world *w) {
  static const char *const settings[] = {
      "{\"trials\": 3}",
      "{\"trials\": 40}",
      "{\"limits\": {\"retries\": 2}}",
      "{\"limits\": {}}",
      "{\"limits\": null, \"trials\": 30}",
      ("{\"hyperparameters\": [{\"id\": 3, \"name\": \"m\", \"domain\": \"int\", \"lo\": 0, \"hi\": 9007199254740991},"
       " {\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0, \"hi\": 2}]}"),
      "{\"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0, \"hi\": 4}]}"};
  size_t which = below(w, 7);
  struct cl_event ev = about(CL_EVENT_UPDATED, 0, CL_CAUSE_HUMAN);
  ev.u.updated.settings = settings[which];
  ev.u.updated.space_version = cl_study_space(w->h.s)->version + (which >= 5);
  struct cl_settings *after = NULL; /* an id that has gone does not come back */
  if (cl_settings_update(cl_study_settings(w->h.s), settings[which], &after, NULL) < 0)
    ev.u.updated.settings = "{}";
  cl_settings_destroy(after);
  return ev;
}

static struct cl_event pick_study(struct world *w) {
  struct cl_event ev;
  switch (below(w, 8)) {
  case 0:
  case 1: return pick_update(w);
  case 2:
    ev = about(CL_EVENT_FINISHED, 0, CL_CAUSE_HUMAN);
    ev.u.finished.reason = CL_REASON_HUMAN;
    return chance(w, 3) ? ev : about(CL_EVENT_REOPENED, 0, CL_CAUSE_HUMAN);
  case 3:
  case 4: return about(CL_EVENT_REOPENED, 0, CL_CAUSE_HUMAN);
  case 5:
    ev = about(CL_EVENT_CLOCK, 0, CL_CAUSE_NONE);
    ev.u.clock.seconds = 1.5;
    return ev;
  case 6:
    ev = (struct cl_event){.kind = CL_EVENT_NOTE, .subject = (int64_t)below(w, 6)};
    ev.u.note.what = CL_NOTE_TEXT;
    return ev;
  default:
    ev = (struct cl_event){.kind = CL_EVENT_WORKER};
    ev.u.worker.worker = 1 + (int)below(w, 4);
    ev.u.worker.state = (enum cl_worker_state)(1 + below(w, 3));
    ev.u.worker.slots = (int)below(w, 4);
    return ev;
  }
}

static struct cl_event pick(struct world *w) {
  int64_t trials = cl_study_trials(w->h.s);
  if (trials == 0 || chance(w, 8)) return pick_birth(w);
  if (chance(w, 12)) return pick_study(w);
  const struct cl_trial *t = cl_study_trial(w->h.s, 1 + (int64_t)below(w, (uint64_t)trials));
  if (t->head.state == CL_WAITING && !chance(w, 4)) return pick_start(w, t);
  return chance(w, 3) ? pick_decision(w, t) : pick_fact(w, t);
}

/* Recounting. */

static void add_to(struct cl_rollup *r, double x) {
  bool better = r->count == 0 || (isfinite(x) && (!isfinite(r->best) || x > r->best));
  if (better) r->best = x;
  r->last = x;
  r->sum += x;
  r->count++;
}

/* The first objective (maximize, best) from the events alone. */
static double recount_value(const struct history *h, int64_t trial) {
  struct cl_rollup r = {0};
  double ended = NAN;
  bool is_ended = false, foreign = false, final = false;
  int attempt = 0;
  int64_t exploit = 0;
  struct {
    int64_t of;
    struct cl_rollup r;
    double ended;
    bool is_ended;
  } aside = {0}; /* what stood before the first start from an exploit */
  for (size_t i = 0; i < h->n; i++) {
    const struct cl_event *ev = h->log[i];
    if (ev->subject != trial || ev->late) continue;
    int64_t from = 0;
    bool begins = ev->kind == CL_EVENT_STARTED && ev->attempt != attempt;
    if (ev->kind == CL_EVENT_EXPLOITED) exploit = ev->position;
    if (begins && aside.of != exploit) {
      aside.of = exploit;
      aside.r = r;
      aside.ended = ended;
      aside.is_ended = is_ended;
    }
    if (ev->kind == CL_EVENT_VOIDED && aside.of == ev->u.voided.change) {
      r = aside.r;
      ended = aside.ended;
      is_ended = aside.is_ended;
    }
    if (begins) from = ev->u.started.from;
    if (ev->kind == CL_EVENT_STARTED) attempt = ev->attempt;
    if (ev->kind == CL_EVENT_LOADED && ev->u.loaded.error == NULL) {
      begins = true;
      from = ev->u.loaded.snapshot;
    }
    if (begins) {
      const struct cl_event *saved = from == 0 ? NULL : h->log[from - 1];
      r = saved == NULL || saved->kind != CL_EVENT_SAVED ? (struct cl_rollup){0} : saved->u.saved.rollup;
      is_ended = false;
    }
    if (ev->kind == CL_EVENT_IMPORTED) {
      foreign = is_ended = true;
      if (ev->u.imported.objectives.n > 0) ended = ev->u.imported.objectives.items[0];
    }
    if (ev->kind == CL_EVENT_REPORTED && !foreign)
      for (int m = 0; m < ev->u.reported.metrics.n; m++)
        if (ev->u.reported.metrics.items[m].id == 1) {
          add_to(&r, ev->u.reported.metrics.items[m].value);
          is_ended = false;
        }
    if (ev->kind == CL_EVENT_ENDED && ev->u.ended.objectives.n > 0) {
      ended = ev->u.ended.objectives.items[0];
      is_ended = true;
    }
  }
  (void) final;
  if (is_ended) return ended;
  return r.count == 0 ? NAN : r.best;
}

static bool counts(const struct cl_trial *t) {
  return t->head.role == CL_ROLE_SEARCH || t->head.role == CL_ROLE_ENQUEUED;
}

static void recount(const struct history *h) {
  int64_t states[CL_INFEASIBLE + 1] = {0}, pending = 0, counted = 0, enqueued = 0, failed = 0, reopened = 0,
                                 best = 0;
  const struct cl_trial *first = NULL;
  bool succeeded = false;
  for (size_t i = 0; i < h->n; i++)
    if (h->log[i]->kind == CL_EVENT_REOPENED) reopened = (int64_t)i + 1;
  for (int64_t i = 1; i <= cl_study_trials(h->s); i++) {
    const struct cl_trial *t = cl_study_trial(h->s, i);
    int state = t->head.state;
    states[state]++;
    if (state == CL_WAITING && (first == NULL || t->head.waiting < first->head.waiting)) first = t;
    assert_true(history_same_real(recount_value(h, i), t->value));
    assert_true((t->result != 0) == cl_state_is_result(cl_study_head(h->s), &t->head));
    enqueued += t->head.role == CL_ROLE_ENQUEUED;
    if (!counts(t)) continue;
    counted++;
    pending += state == CL_WAITING || state == CL_RUNNING;
    failed += state == CL_FAILED && t->result > reopened;
    succeeded = succeeded || (t->result != 0 && state != CL_FAILED);
    double value = best == 0 ? NAN : cl_study_trial(h->s, best)->value;
    if (cl_state_is_final(state) && isfinite(t->value) && !(t->value <= value)) best = i;
  }
  for (int state = CL_WAITING; state <= CL_INFEASIBLE; state++)
    assert_int_equal(cl_study_count(h->s, state), states[state]);
  assert_int_equal(cl_study_pending(h->s), pending);
  assert_int_equal(cl_study_head(h->s)->counted, counted);
  assert_int_equal(cl_study_enqueued(h->s), enqueued);
  assert_int_equal(cl_study_best(h->s), best);
  assert_int_equal(cl_study_first_waiting(h->s), first == NULL ? 0 : first->number);
  int64_t failures = cl_study_failures_in_a_row(h->s);
  assert_true(failures == failed || failures == -1);
  if (succeeded) assert_int_equal(failures, -1);
}

static void recount_queue(const struct history *h) {
  int64_t seen = 0, last = 0;
  for (int64_t t = cl_study_first_waiting(h->s); t != 0; t = cl_study_next_waiting(h->s, t)) {
    assert_true(cl_study_trial(h->s, t)->head.waiting > last);
    last = cl_study_trial(h->s, t)->head.waiting;
    seen++;
  }
  assert_int_equal(seen, cl_study_count(h->s, CL_WAITING));
}

static void recount_pins(const struct world *w) {
  for (size_t i = 0; i < w->n_snapshots; i++) {
    int pins = 0;
    for (int64_t t = 1; t <= cl_study_trials(w->h.s); t++)
      pins += cl_study_trial(w->h.s, t)->head.source == w->snapshots[i];
    assert_int_equal(pins_of(&w->h, w->snapshots[i]), pins);
  }
}

static void recount_configurations(const struct history *h) {
  struct cl_study *s = h->s;
  int64_t trials = cl_study_trials(s);
  struct cl_value a[4], b[4];
  assert_true(cl_study_space(s)->n <= 4);
  for (int64_t i = 1; i <= trials; i++) {
    int64_t first = 0, expected = i;
    cl_trial_values(s, cl_study_trial(s, i), a);
    for (int64_t k = i - 1; k >= 1; k--) {
      cl_trial_values(s, cl_study_trial(s, k), b);
      if (cl_space_equal(cl_study_space(s), a, b)) expected = k;
    }
    assert_int_equal(cl_study_configuration(s, i, &first, NULL), 0);
    assert_int_equal(first, expected);
  }
}

/* Both judges. */

static void try_both(struct world *w, struct cl_event ev) {
  size_t before = w->h.n;
  struct cl_append result = {0};
  struct cl_err e = {0};
  const struct cl_trial *t = cl_study_trial(w->h.s, ev.subject);
  if ((cl_kind_flags(ev.kind) & CL_D) && ev.kind != CL_EVENT_PROPOSED && ev.seen == 0)
    ev.seen = ev.subject == 0 ? cl_study_head(w->h.s)->version : t == NULL ? 0 : t->head.version;
  ev.as_of = (int64_t)before;
  if (cl_event_check(&ev, NULL) < 0) { /* not legal in itself, wherever it comes from */
    assert_true(history_try(&w->h, ev) < 0);
    assert_int_equal(cl_store_append(w->store, w->study, &ev, 1, &result, &e), CLADE_EINVAL);
    return;
  }
  int64_t position = history_try(&w->h, ev);
  int status = cl_store_append(w->store, w->study, &ev, 1, &result, &e);
  if (status < 0) fail_msg("'%s': %s", cl_kind_name(ev.kind), e.text);
  if (position < 0)
    assert_int_equal(result.status, position);
  else if (position == 0)
    assert_int_equal(result.status, CLADE_REPEATED);
  else
    assert_true(result.status == 0 && result.position == position && result.late == w->h.log[before]->late);
  if (position > 0 && ev.kind == CL_EVENT_SAVED) w->snapshots[w->n_snapshots++] = position;
  if (position > 0 && ev.kind == CL_EVENT_STARTED) w->starts[w->n_starts++] = position;
}

static void begin(struct world *w, uint64_t seed) {
  struct cl_err e = {0};
  *w = (struct world){.rng = cl_rng_stream(seed, CL_RNG_USER, 2385, 0)};
  w->h = history_begin(9, chance(w, 2) ? "\"retries\": 1" : "", "");
  assert_int_equal(
      cl_store_open("memory:", &(struct cl_store_options){.mode = CL_STORE_CREATE}, &w->store, &e), 0);
  struct cl_event created = *w->h.log[0];
  created.as_of = 0;
  if (cl_store_create(w->store, &created, &w->study, &e) < 0) fail_msg("%s", e.text);
  for (size_t i = 1; i < w->h.n; i++) {
    struct cl_event ev = *w->h.log[i];
    struct cl_append result = {0};
    assert_int_equal(cl_store_append(w->store, w->study, &ev, 1, &result, &e), 0);
    assert_int_equal(result.status, 0);
  }
}

/* What to look at first when two readings differ. */
static void print_trials(const char *reading, const struct cl_study *s) {
  print_message("# %s best %d pending %d failures %d first waiting %d\n", reading, (int)cl_study_best(s),
                (int)cl_study_pending(s), (int)cl_study_failures_in_a_row(s), (int)cl_study_first_waiting(s));
  for (int64_t i = 1; i <= cl_study_trials(s); i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    const struct cl_head *h = &t->head;
    print_message(
        "# %s trial %d %s role %d v%d attempt %d load %d source %d flags %d reports %d tries %d failures %d "
        "step %g furthest %g until %g value %g %g record %d result %d resume %d exit %d\n",
        reading, (int)i, cl_state_name(h->state), h->role, (int)h->version, h->attempt, (int)h->load,
        (int)h->source, h->flags, (int)h->reports, h->tries, h->failures, h->step, h->furthest, h->until,
        t->value, cl_trial_objective(t, 1), (int)t->record, (int)t->result, (int)cl_trial_resume_from(s, t),
        t->exit_status);
  }
}

static uint64_t digest_of_log(const struct world *w, bool full) {
  struct cl_log *log = NULL;
  struct cl_err e = {0};
  if (cl_log_open(w->store, w->study, &(struct cl_log_options){.full = full}, &log, &e) < 0)
    fail_msg("%s", e.text);
  uint64_t d = digest_of(cl_log_study(log));
  if (d != digest_of(w->h.s)) {
    for (size_t i = 0; i < w->h.n && getenv("CLADE_TEST_SEED") != NULL; i++) {
      struct cl_text line = {0};
      cl_event_write_json(w->h.log[i], &line);
      print_message("# %.300s\n", cl_text_get(&line));
      cl_text_done(&line);
    }
    print_trials("whole", w->h.s);
    print_trials("read ", cl_log_study(log));
  }
  cl_log_close(log);
  return d;
}

static void check_readers(struct world *w) {
  struct cl_err e = {0};
  uint64_t d = digest_of(w->h.s);
  assert_true(digest_of_log(w, true) == d);
  assert_true(digest_of_log(w, false) == d);
  if (cl_store_check(w->store, w->study, &e) < 0) fail_msg("%s", e.text);
  size_t n = (size_t)below(w, w->h.n) + 1;
  struct cl_study *a = history_fold(&w->h, n), *b = history_fold(&w->h, n), *c = history_fold(&w->h, w->h.n);
  assert_true(digest_of(a) == digest_of(b) && digest_of(c) == d);
  cl_study_destroy(a);
  cl_study_destroy(b);
  cl_study_destroy(c);
}

static void play(uint64_t seed) {
  struct world w;
  struct cl_log *follower = NULL; /* opens in the middle, without the known reports, and goes on */
  begin(&w, seed);
  int64_t at = (int64_t)below(&w, EVENTS);
  for (int i = 0; i < EVENTS; i++) {
    try_both(&w, pick(&w));
    if (i == at) assert_int_equal(cl_log_open(w.store, w.study, NULL, &follower, NULL), 0);
    if (i % 10 == 0) recount(&w.h);
    if (i % 30 == 0) recount_configurations(&w.h);
  }
  recount(&w.h);
  recount_queue(&w.h);
  recount_pins(&w);
  recount_configurations(&w.h);
  check_readers(&w);
  if (cl_log_follow(follower, NULL, &w.h.e) < 0) fail_msg("%s", w.h.e.text);
  assert_true(digest_of(cl_log_study(follower)) == digest_of(w.h.s));
  cl_log_close(follower);
  cl_store_close(w.store);
  history_end(&w.h);
}

static uint64_t playing; /* the seed, for a look with a debugger */

static void random_histories_keep_every_promise(void **state) {
  (void)state;
  const char *one = getenv("CLADE_TEST_SEED"), *many = getenv("CLADE_TEST_HISTORIES");
  uint64_t n = many == NULL ? HISTORIES : strtoull(many, NULL, 10);
  if (one != NULL) play(strtoull(one, NULL, 10));
  for (playing = 1; playing <= n && one == NULL; playing++) play(playing);
  playing = 0;
}

static int say_seed(void **state) {
  (void)state;
  if (playing != 0) print_message("# last history: CLADE_TEST_SEED=%llu\n", (unsigned long long)playing);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(random_histories_keep_every_promise, say_seed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
