/* One suite for every store. Sessions (kit.h) repeat what fails, so stores that lose connections pass it too;
 * tests that call a store directly run on the two that do not fail. */
#include "store/kit.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "store/private_server.h"

struct fixture {
  enum kit_kind kind;
  struct kit_place place;
  struct cl_store *a, *b; /* two handles on one store; the same one for memory */
  int64_t study;
  struct kit_session k, l; /* one on each */
};

static bool is_memory(enum kit_kind kind) {
  return kind == KIT_MEMORY || kind == KIT_FLAKY_MEMORY;
}

static int set_up(void **state) {
  struct fixture *f = cl_alloc(sizeof *f);
  f->kind = *(const enum kit_kind *)*state;
  kit_place_init(&f->place);
  f->a = kit_open(f->kind, &f->place);
  f->b = is_memory(f->kind) ? f->a : kit_open(f->kind, &f->place);
  f->study = kit_create(f->a, "digits", 30);
  kit_session_open(&f->k, f->a, f->study);
  kit_session_open(&f->l, f->b, f->study);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  kit_session_close(&f->k);
  kit_session_close(&f->l);
  if (f->b != f->a) cl_store_close(f->b);
  cl_store_close(f->a);
  kit_place_done(&f->place);
  cl_free(f);
  return 0;
}

static int check(struct cl_store *s, int64_t study) {
  struct cl_err e = {0};
  int status = CLADE_EIO;
  for (int i = 0; i < 1000 && status == CLADE_EIO; i++) status = cl_store_check(s, study, &e);
  if (status < 0) print_message("# %s\n", e.text);
  return status;
}

/* Whoever follows, or opens the log afterwards, with or without the reports it need not see, has the state of
 * the one that wrote. */
static void assert_all_agree(struct fixture *f) {
  struct kit_session late;
  for (int i = 0; i < 1000 && cl_log_position(f->k.log) != cl_log_position(f->l.log); i++) {
    kit_follow(&f->k);
    kit_follow(&f->l);
  }
  kit_assert_same(f->k.log, f->l.log);
  kit_session_open(&late, f->b, f->study);
  for (int i = 0; i < 1000 && cl_log_position(late.log) != cl_log_position(f->k.log); i++) kit_follow(&late);
  kit_assert_same(f->k.log, late.log);
  kit_session_close(&late);
  const struct cl_log_options full = {.full = true};
  struct cl_log *log = NULL;
  int status = CLADE_EIO;
  for (int i = 0; i < 1000 && status == CLADE_EIO; i++)
    status = cl_log_open(f->b, f->study, &full, &log, NULL);
  assert_int_equal(status, 0);
  for (int i = 0; i < 1000 && cl_log_position(log) != cl_log_position(f->k.log); i++)
    (void)cl_log_follow(log, NULL, NULL);
  kit_assert_same(f->k.log, log);
  cl_log_close(log);
  assert_int_equal(check(f->b, f->study), 0);
}

/* Every kind, every field. */

struct script {
  struct fixture *f;
  struct cl_event *events[100]; /* as said, with their positions */
  int n;
};

static int64_t say(struct script *s, struct cl_event ev) {
  if (cl_kind_flags(ev.kind) & CL_D) {
    const struct cl_trial *t = ev.subject == 0 ? NULL : cl_study_trial(cl_log_study(s->f->k.log), ev.subject);
    if (ev.kind != CL_EVENT_PROPOSED)
      ev.seen = t == NULL ? cl_study_head(cl_log_study(s->f->k.log))->version : t->head.version;
    if (ev.as_of == 0) ev.as_of = cl_log_position(s->f->k.log);
  }
  int64_t position = kit_said(&s->f->k, ev);
  assert_true(s->n < 100);
  s->events[s->n] = cl_event_copy(&ev);
  s->events[s->n++]->position = position;
  return position;
}

static char *long_text(void) {
  size_t n = 1 << 20;
  char *text = cl_alloc(n + 1);
  memset(text, 'x', n);
  memcpy(text, "\xF0\x9F\x8C\xB1 '\"\n\\", 9);
  return text;
}

static const char odd[] = "'; DROP TABLE heads; -- \"\n\t\\ \xC3\xA9 \xF4\x8F\xBF\xBF \x7F";

static void say_study(struct script *s, const char *text) {
  struct cl_event ev = kit_event(CL_EVENT_WORKER, 0);
  ev.u.worker.worker = 1;
  ev.u.worker.host = "";
  ev.u.worker.boot = odd;
  ev.u.worker.slots = INT32_MAX;
  ev.u.worker.labels = "{\"gpu\": [0, 1]}";
  ev.u.worker.provenance = "{}";
  ev.u.worker.state = CL_WORKER_JOINED;
  say(s, ev);
  ev.u.worker.state = CL_WORKER_CHANGED;
  ev.u.worker.labels = ev.u.worker.provenance = ev.u.worker.host = NULL;
  say(s, ev);
  ev = kit_event(CL_EVENT_NOTE, 0);
  ev.u.note.what = CL_NOTE_TEXT;
  ev.u.note.name = odd;
  ev.u.note.text = text;
  say(s, ev);
  ev = kit_event(CL_EVENT_UPDATED, 0);
  ev.args = "{\"why\": \"more\"}";
  ev.u.updated.settings =
      "{\"trials\": 40, \"hyperparameters\": ["
      "{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0.1, \"hi\": 1.5},"
      "{\"id\": 7, \"name\": \"LR\", \"domain\": \"float\", \"lo\": 0.1, \"hi\": 1.5},"
      "{\"id\": 2, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [1, \"b\"]},"
      "{\"id\": 3, \"name\": \"n\", \"domain\": \"int\", \"lo\": 1, \"hi\": 5, \"step\": 1}]}";
  ev.u.updated.space_version = 2;
  ev.u.updated.provenance = "{\"command\": \"clade\"}";
  say(s, ev);
  ev = kit_event(CL_EVENT_FINISHED, 0);
  ev.u.finished.reason = CL_REASON_TARGET;
  say(s, ev);
  say(s, kit_event(CL_EVENT_REOPENED, 0));
  ev = kit_event(CL_EVENT_CLOCK, 0);
  ev.u.clock.seconds = 1.0 / 3;
  ev.time_ms = INT64_C(1) << 60;
  say(s, ev);
  ev = kit_event(CL_EVENT_CHOSEN, 0);
  ev.u.chosen.method = "auto";
  ev.u.chosen.what = "{\"model\": \"gp\"}";
  ev.as_of = INT64_MAX;
  say(s, ev);
}

static void say_births(struct script *s, const char *text) {
  const struct cl_assigned values[] = {{1, cl_value_real(-1.7976931348623157e308)},
                                       {2, cl_value_text(text)},
                                       {3, cl_value_int(INT64_MIN)},
                                       {7, cl_value_real(4.9406564584124654e-324)}};
  const struct cl_assigned others[] = {
      {1, cl_value_real(2.0)}, {2, {.kind = CL_NULL}}, {3, cl_value_bool(false)}};
  const struct cl_assigned odds[] = {{1, cl_value_int(2)}, {2, cl_value_text("")}, {7, cl_value_bool(true)}};
  struct cl_event ev = kit_proposed(1, values, 4);
  ev.args = "{\"rule\": \"dgd\", \"x\": 0.10000000000000001}";
  ev.by = INT32_MAX;
  say(s, ev);
  ev = kit_proposed(2, others, 3);
  ev.u.proposed.role = CL_ROLE_CONFIRM;
  ev.u.proposed.of = 1;
  ev.u.proposed.repeat = 3;
  ev.u.proposed.parent = 5;
  ev.u.proposed.has_seed = true;
  ev.u.proposed.seed = INT64_MIN;
  say(s, ev);
  ev = kit_proposed(3, odds, 3);
  ev.u.proposed.infeasible = true;
  ev.u.proposed.has_seed = true;
  ev.cause = CL_CAUSE_NONE;
  ev.args = "";
  say(s, ev);
  static const double objectives[] = {INFINITY, NAN};
  ev = kit_event(CL_EVENT_IMPORTED, 4);
  ev.u.imported.origin = odd;
  ev.u.imported.trial = 12;
  ev.u.imported.values = (struct cl_assigned_list){3, others};
  ev.u.imported.state = CL_COMPLETE;
  ev.u.imported.objectives = (struct cl_number_list){2, objectives};
  ev.u.imported.last_step = 2.5;
  say(s, ev);
  ev = kit_event(CL_EVENT_IMPORTED, 5);
  ev.u.imported.origin = "elsewhere.csv";
  ev.u.imported.state = CL_FAILED;
  ev.u.imported.last_step = NAN;
  say(s, ev);
  struct cl_metric curve[] = {{0, "acc", 0.5}};
  say(s, kit_reported(4, 0, 1, 0.5, curve, 1));
}

static int64_t say_reports(struct script *s, int attempt) {
  struct cl_metric all[] = {{0, "cost", NAN}, {0, "loss", -INFINITY}, {0, "acc", -0.0}};
  struct cl_metric few[] = {{0, "Loss", 4.9406564584124654e-324}, {0, "acc", INFINITY}, {0, odd, 1e300}};
  struct cl_event ev = kit_reported(1, attempt, 1, -0.0, all, 3);
  say(s, ev);
  say(s, kit_reported(1, attempt, 2, 2.0, few, 3));
  return say(s, kit_reported(1, attempt, 3, INFINITY, all, 0));
}

static int64_t say_snapshots(struct script *s) {
  struct cl_event ev = kit_saved(1, 1, 2.5);
  ev.u.saved.rollup = (struct cl_rollup){.last = NAN, .best = -INFINITY, .sum = -0.25, .count = INT64_MAX};
  ev.u.saved.report = 99;
  ev.u.saved.bytes = INT64_MAX;
  int64_t first = say(s, ev);
  ev = kit_saved(1, 1, 2.5);
  ev.u.saved.way = CL_WAY_FORK;
  ev.u.saved.hash = ev.u.saved.path = ev.u.saved.host = NULL;
  say(s, ev);
  return first;
}

static void say_first_attempt(struct script *s) {
  static const double ids[] = {2, 3};
  say(s, kit_started(1, 1, 0));
  struct cl_event ev = kit_event(CL_EVENT_ADOPTED, 1);
  ev.attempt = 1;
  ev.u.adopted.worker = 2;
  say(s, ev);
  ev = kit_event(CL_EVENT_CONNECTED, 1);
  ev.attempt = 1;
  ev.u.connected.protocol = 1;
  ev.u.connected.capabilities = "save load";
  say(s, ev);
  int64_t report = say_reports(s, 1), snapshot = say_snapshots(s);
  ev = kit_event(CL_EVENT_HELD, 1);
  ev.u.held.ids = (struct cl_number_list){2, ids};
  ev.u.held.on = true;
  say(s, ev);
  const struct cl_assigned change[] = {{1, cl_value_real(0.5)}};
  ev = kit_event(CL_EVENT_SET, 1);
  ev.u.set.values = (struct cl_assigned_list){1, change};
  ev.u.set.until = -INFINITY;
  ev.args = "{\"text\": \"lr=0.5\"}";
  say(s, ev);
  ev = kit_event(CL_EVENT_CONTINUED, 1);
  ev.u.continued.report = report;
  ev.u.continued.until = 3.5;
  say(s, ev);
  say(s, kit_event(CL_EVENT_CHECKPOINT_ASKED, 1));
  const struct cl_assigned taken[] = {
      {1, cl_value_real(1.0)}, {2, cl_value_text(odd)}, {3, {.kind = CL_NULL}}, {7, cl_value_bool(true)}};
  ev = kit_event(CL_EVENT_EXPLOITED, 1);
  ev.u.exploited.snapshot = snapshot;
  ev.u.exploited.with = 2;
  ev.u.exploited.values = (struct cl_assigned_list){4, taken};
  int64_t change_at = say(s, ev);
  static const char *const missing[] = {"momentum", odd, ""};
  ev = kit_event(CL_EVENT_LOADED, 1);
  ev.attempt = 1;
  ev.u.loaded.change = change_at;
  ev.u.loaded.snapshot = snapshot;
  ev.u.loaded.missing = (struct cl_name_list){3, missing};
  ev.u.loaded.error = odd;
  say(s, ev);
  ev = kit_event(CL_EVENT_VOIDED, 1);
  ev.u.voided.change = change_at;
  say(s, ev);
  ev = kit_event(CL_EVENT_EXPLOITED, 1);
  ev.u.exploited.values = (struct cl_assigned_list){1, change};
  change_at = say(s, ev);
  ev = kit_event(CL_EVENT_LOADED, 1); /* a new segment: what diverged is forgotten */
  ev.attempt = 1;
  ev.u.loaded.change = change_at;
  say(s, ev);
  ev = kit_event(CL_EVENT_PREEMPTING, 1);
  ev.u.preempting.worker = 2;
  say(s, ev);
}

static void say_later_attempts(struct script *s) {
  static const double one[] = {0.25}, three[] = {NAN, 1e-5, -INFINITY};
  struct cl_event ev = kit_ended(1, 1, 75, NULL, 0);
  ev.u.ended.usage = "{\"seconds\": 1.5}";
  ev.u.ended.record = 17;
  say(s, ev);
  ev = kit_event(CL_EVENT_RETRIED, 1);
  ev.u.retried.count = 1;
  say(s, ev);
  ev = kit_started(1, 2, 0);
  ev.u.started.from = 20;
  ev.u.started.until = 0.1;
  say(s, ev);
  ev = kit_event(CL_EVENT_LOST, 1);
  ev.attempt = 2;
  say(s, ev);
  say(s, kit_event(CL_EVENT_RETRIED, 1));
  say(s, kit_started(1, 3, 0));
  struct cl_metric m[] = {{0, "acc", 0.75}, {0, "cost", 12.0}};
  say(s, kit_reported(1, 3, 1, 1.5, m, 2));
  ev = kit_event(CL_EVENT_DONE, 1);
  ev.attempt = 3;
  say(s, ev);
  ev = kit_ended(1, 3, 0, three, 3);
  ev.u.ended.signal = 0;
  ev.u.ended.known = false;
  say(s, ev);
  ev = kit_ended(1, 1, 9, one, 1); /* late: known twice, but of another attempt */
  ev.attempt = 2;
  ev.late = true;
  ev.u.ended.signal = 9;
  say(s, ev);
  ev = kit_event(CL_EVENT_DELETED, 1);
  ev.u.deleted.snapshot = 20;
  say(s, ev);
}

static void say_second_trial(struct script *s) {
  say(s, kit_started(2, 1, 0));
  struct cl_event ev = kit_event(CL_EVENT_PAUSED, 2);
  ev.u.paused.at = 3;
  say(s, ev);
  ev = kit_event(CL_EVENT_STOPPED, 2);
  ev.cause = CL_CAUSE_RUNG;
  ev.u.stopped.at = 12;
  ev.u.stopped.how = CL_STOP_KILL;
  say(s, ev);
  static const double one[] = {0.25};
  say(s, kit_ended(2, 1, 0, one, 1));
  ev = kit_event(CL_EVENT_NOTE, 2);
  ev.u.note.what = CL_NOTE_TAG;
  ev.u.note.name = "good";
  say(s, ev);
  ev = kit_event(CL_EVENT_EXPLOITED, 3);
  ev.u.exploited.infeasible = true;
  ev.u.exploited.until = INFINITY;
  say(s, ev);
}

static void say_given_up(struct script *s) {
  say(s, kit_proposed(6, NULL, 0));
  say(s, kit_started(6, 1, 0));
  struct cl_event ev = kit_event(CL_EVENT_LOST, 6);
  ev.attempt = 1;
  say(s, ev);
  say(s, kit_event(CL_EVENT_GIVEN_UP, 6));
}

static void every_kind_comes_back_as_it_was_appended(void **state) {
  struct script s = {.f = *state};
  char *text = long_text();
  say_study(&s, text);
  say_births(&s, text);
  say_first_attempt(&s);
  say_later_attempts(&s);
  say_second_trial(&s);
  say_given_up(&s);
  cl_free(text);
  bool kinds[CL_EVENT_KINDS] = {0};
  struct kit_session *l = &s.f->l;
  for (int i = 0; i < 1000 && l->seen.n < (size_t)s.n; i++) kit_follow(l);
  assert_int_equal(l->seen.n, s.n);
  assert_all_agree(s.f);
  for (int i = 0; i < s.n; i++) {
    kinds[s.events[i]->kind] = true;
    struct cl_event *ev = s.events[i], *read = l->seen.items[i];
    assert_int_equal(read->time_ms, s.f->k.seen.items[i]->time_ms);
    ev->time_ms = read->time_ms;         /* the log's own */
    if (ev->kind == CL_EVENT_REPORTED) { /* ids were given by the store, and order the list */
      assert_int_equal(read->u.reported.metrics.n, ev->u.reported.metrics.n);
      for (int m = 0; m < ev->u.reported.metrics.n; m++) {
        const struct cl_metric *want = &ev->u.reported.metrics.items[m], *got = NULL;
        for (int j = 0; j < read->u.reported.metrics.n; j++)
          if (strcmp(read->u.reported.metrics.items[j].name, want->name) == 0)
            got = &read->u.reported.metrics.items[j];
        assert_non_null(got);
        assert_true(got->id >= 1 && (got->value == want->value || (isnan(got->value) && isnan(want->value))));
        assert_true(!(got->value == 0 && signbit(got->value)));
      }
      ev->u.reported.metrics = read->u.reported.metrics;
    }
    if (!cl_event_equal(ev, read)) {
      kit_print(ev);
      kit_print(read);
      fail_msg("event %d came back different", i);
    }
  }
  for (int k = 0; k < CL_EVENT_KINDS; k++)
    if (cl_kind_flags((enum cl_kind)k) != 0 && k != CL_EVENT_CREATED) assert_true(kinds[k]);
  for (int i = 0; i < s.n; i++) cl_free(s.events[i]);
}

static void a_created_event_comes_back_as_it_was_appended(void **state) {
  struct fixture *f = *state;
  struct cl_event ev = kit_created("digits", 30);
  struct kit_events read = {0};
  const struct cl_read first = {.until = 1};
  for (int i = 0; i < 100 && read.n == 0; i++)
    (void)cl_store_read(f->b, f->study, &first, kit_collect, &read, NULL);
  ev.position = 1;
  assert_int_equal(read.n, 1);
  assert_true(cl_event_equal(read.items[0], &ev));
  kit_events_done(&read);
}

static void times_and_writers_come_back(void **state) {
  struct fixture *f = *state;
  const int64_t times[] = {0, 1, -1, 2385, INT64_MAX, INT64_MIN};
  struct cl_event note = kit_event(CL_EVENT_NOTE, 0);
  note.u.note.what = CL_NOTE_TEXT;
  for (int i = 0; i < 6; i++) {
    note.time_ms = times[i];
    note.by = i % 2 == 0 ? INT32_MAX : i;
    kit_appended(f->a, f->study, note);
  }
  struct kit_events read;
  kit_read(f->b, f->study, NULL, &read);
  assert_int_equal(read.n, 7);
  for (int i = 0; i < 6; i++) {
    assert_true(read.items[i + 1]->time_ms == times[i]);
    assert_int_equal(read.items[i + 1]->by, i % 2 == 0 ? INT32_MAX : i);
  }
  kit_events_done(&read);
}

/* Judging. */

static void a_decision_on_an_old_version_conflicts(void **state) {
  struct fixture *f = *state;
  int64_t proposed = kit_said(&f->k, kit_proposed(1, NULL, 0)), where = 0;
  int64_t started = kit_said(&f->k, kit_started(1, 1, proposed));
  struct cl_event ev = kit_event(CL_EVENT_PAUSED, 1);
  ev.seen = proposed;
  assert_int_equal(kit_say(&f->l, ev, &where), CLADE_ECONFLICT);
  assert_int_equal(where, started);
  struct cl_metric m[] = {{0, "acc", 0.5}};
  kit_said(&f->k, kit_reported(1, 1, 1, 1.5, m, 1)); /* raises no version */
  ev.seen = started;
  ev.by = 2;
  kit_said(&f->l, ev);
  assert_all_agree(f);
}

static void an_end_makes_decisions_conflict(void **state) {
  struct fixture *f = *state;
  int64_t version = kit_said(&f->k, kit_proposed(1, NULL, 0)), where = 0;
  version = kit_said(&f->k, kit_started(1, 1, version));
  int64_t ended = kit_said(&f->l, kit_ended(1, 1, 1, NULL, 0));
  struct cl_event ev = kit_event(CL_EVENT_PAUSED, 1);
  ev.seen = version;
  assert_int_equal(kit_say(&f->k, ev, &where), CLADE_ECONFLICT);
  assert_int_equal(where, ended);
}

static void facts_that_are_sent_twice_stand_once(void **state) {
  struct fixture *f = *state;
  int64_t version = kit_said(&f->k, kit_proposed(1, NULL, 0)), where = 0;
  version = kit_said(&f->k, kit_started(1, 1, version));
  struct cl_metric m[] = {{0, "acc", 0.5}};
  struct cl_event connected = kit_event(CL_EVENT_CONNECTED, 1), loaded = kit_event(CL_EVENT_LOADED, 1);
  struct cl_event done = kit_event(CL_EVENT_DONE, 1);
  connected.attempt = loaded.attempt = done.attempt = 1;
  loaded.u.loaded.change = version;
  const struct cl_event facts[] = {connected, kit_reported(1, 1, 1, 0.5, m, 1), kit_saved(1, 1, 0.5),
                                   loaded,    kit_reported(1, 1, 2, 1.5, m, 1), kit_saved(1, 1, 1.5),
                                   done,      kit_ended(1, 1, 0, NULL, 0)};
  int64_t positions[8];
  for (int i = 0; i < 8; i++) positions[i] = kit_said(&f->k, facts[i]);
  for (int i = 0; i < 8; i++) {
    int status = kit_say(&f->l, facts[i], &where);
    assert_true(status == CLADE_REPEATED || (status == 0 && f->kind >= KIT_FLAKY_MEMORY));
    assert_int_equal(where, positions[i]);
  }
  assert_all_agree(f);
  assert_int_equal(cl_log_position(f->k.log), positions[7]);
}

static void facts_of_an_earlier_attempt_are_late_and_stand_once(void **state) {
  struct fixture *f = *state;
  int64_t version = kit_said(&f->k, kit_proposed(1, NULL, 0)), where = 0;
  version = kit_said(&f->k, kit_started(1, 1, version));
  struct cl_metric m[] = {{0, "acc", 0.5}};
  kit_said(&f->k, kit_reported(1, 1, 1, 0.5, m, 1));
  struct cl_event lost = kit_event(CL_EVENT_LOST, 1), retried = kit_event(CL_EVENT_RETRIED, 1);
  lost.attempt = 1;
  lost.seen = version;
  retried.seen = kit_said(&f->k, lost);
  version = kit_said(&f->k, retried);
  kit_said(&f->k, kit_started(1, 2, version));
  struct cl_event connected = kit_event(CL_EVENT_CONNECTED, 1), done = kit_event(CL_EVENT_DONE, 1);
  connected.attempt = done.attempt = 1;
  const struct cl_event late[] = {kit_reported(1, 1, 2, 1.5, m, 1), connected, done,
                                  kit_ended(1, 1, 3, NULL, 0)};
  int64_t positions[4];
  for (int i = 0; i < 4; i++) positions[i] = kit_said(&f->l, late[i]);
  for (int i = 0; i < 4; i++) {
    int status = kit_say(&f->k, late[i], &where);
    assert_true(status == CLADE_REPEATED || (status == 0 && f->kind >= KIT_FLAKY_MEMORY));
    assert_int_equal(where, positions[i]);
  }
  assert_int_equal(kit_say(&f->k, kit_reported(1, 1, 1, 0.5, m, 1), &where), CLADE_REPEATED);
  assert_int_equal(kit_say(&f->k, kit_reported(1, 1, 4, 3.5, m, 1), NULL), CLADE_EREFUSED);
  for (int i = 0; i < 100 && cl_log_position(f->l.log) < positions[3]; i++) kit_follow(&f->l);
  for (size_t i = 0; i < f->l.seen.n; i++)
    if (f->l.seen.items[i]->position >= positions[0]) assert_true(f->l.seen.items[i]->late);
  const struct cl_trial *t = cl_study_trial(cl_log_study(f->l.log), 1);
  assert_int_equal(t->head.state, CL_RUNNING);
  assert_int_equal(t->head.attempt, 2);
  assert_int_equal(t->head.reports, 0);
  assert_all_agree(f);
}

static void the_budget_holds_with_two_engines(void **state) {
  struct fixture *f = *state;
  int n = 0, refused = 0;
  for (int64_t i = 0; i < 50; i++) {
    struct kit_session *k = i % 3 == 0 ? &f->k : &f->l;
    int64_t next = cl_study_trials(cl_log_study(k->log)) + 1;
    struct cl_event ev = kit_proposed(next, NULL, 0);
    ev.by = k == &f->k ? 1 : 2;
    int status = kit_say(k, ev, NULL);
    if (status == 0) n++;
    if (status == CLADE_EBUDGET) refused++;
    if (status == CLADE_ECONFLICT) kit_follow(k);
  }
  assert_int_equal(n, 30);
  assert_true(refused > 0);
  for (int i = 0; i < 100 && cl_study_trials(cl_log_study(f->k.log)) < 30; i++) kit_follow(&f->k);
  assert_int_equal(cl_study_trials(cl_log_study(f->k.log)), 30);
  assert_all_agree(f);
}

/* Straight to the store. */

static void results_are_judged_one_by_one(void **state) {
  struct fixture *f = *state;
  struct cl_event events[] = {kit_proposed(1, NULL, 0), kit_started(1, 1, CL_SEEN_BATCH),
                              kit_proposed(3, NULL, 0), kit_started(3, 1, CL_SEEN_BATCH),
                              kit_proposed(2, NULL, 0), kit_event(CL_EVENT_SET, 1)};
  events[5].seen = CL_SEEN_BATCH;
  struct cl_append results[6];
  assert_int_equal(cl_store_append(f->a, f->study, events, 6, results, NULL), 0);
  const int status[] = {0, 0, CLADE_ECONFLICT, CLADE_ECONFLICT, 0, 0};
  const int64_t positions[] = {2, 3, 0, 0, 4, 5};
  for (int i = 0; i < 6; i++) {
    assert_int_equal(results[i].status, status[i]);
    assert_int_equal(results[i].position, positions[i]);
    assert_int_equal(events[i].position, positions[i]);
  }
  assert_int_equal(events[1].seen, 2);
  assert_int_equal(events[5].seen, 3);
  assert_int_equal(check(f->b, f->study), 0);
}

/* Heads that change a little and heads that change much, one and many of them, by two engines in turn. */
static void heads_are_stored_as_they_were_made(void **state) {
  enum { TRIALS = 8, COMMITS = 41 };
  struct fixture *f = *state;
  struct cl_metric m = {0, "acc", 0.5};
  int64_t reports[TRIALS + 1] = {0};
  const double objectives[] = {0.5, 1};
  struct cl_rng rng = cl_rng_stream(17, 1, 0, 0);
  for (int64_t trial = 1; trial <= TRIALS; trial++) {
    int64_t version = kit_appended(f->a, f->study, kit_proposed(trial, NULL, 0));
    kit_appended(f->b, f->study, kit_started(trial, 1, version));
  }
  for (int commit = 1; commit <= COMMITS; commit++) {
    struct cl_event events[TRIALS];
    struct cl_append results[TRIALS];
    int n = 0, last = commit % 4 == 0 ? 1 : TRIALS;
    for (int64_t trial = 1; trial <= last; trial++) {
      uint64_t what = cl_rng_below(&rng, 4);
      if (commit == COMMITS && trial % 2 == 0)
        events[n++] = kit_ended(trial, 1, 0, objectives, 2);
      else if (what < 2 || commit == COMMITS)
        events[n++] = kit_reported(trial, 1, ++reports[trial], (double)commit, &m, 1);
      else if (what == 2)
        events[n++] = kit_saved(trial, 1, commit + 0.5);
    }
    assert_int_equal(cl_store_append(commit % 3 == 0 ? f->b : f->a, f->study, events, n, results, NULL), 0);
    for (int i = 0; i < n; i++) assert_int_equal(results[i].status, 0);
    assert_int_equal(check(f->a, f->study), 0);
  }
  assert_int_equal(check(f->b, f->study), 0);
  kit_follow(&f->k);
  assert_all_agree(f);
}

static void what_follows_a_refused_decision_is_refused(void **state) {
  struct fixture *f = *state;
  int64_t version = kit_appended(f->a, f->study, kit_proposed(1, NULL, 0));
  struct cl_event events[] = {kit_event(CL_EVENT_SET, 1), kit_event(CL_EVENT_CONTINUED, 1),
                              kit_started(1, 1, CL_SEEN_BATCH), kit_event(CL_EVENT_REOPENED, 0),
                              kit_event(CL_EVENT_FINISHED, 0)};
  events[0].seen = version;
  events[1].seen = CL_SEEN_BATCH; /* a waiting trial cannot be continued */
  events[3].seen = kit_version(f->a, f->study, 0);
  events[4].seen = CL_SEEN_BATCH;
  struct cl_append results[5];
  assert_int_equal(cl_store_append(f->a, f->study, events, 5, results, NULL), 0);
  assert_int_equal(results[0].status, 0);
  assert_int_equal(results[1].status, CLADE_EREFUSED);
  assert_int_equal(results[2].status, CLADE_ECONFLICT);
  assert_int_equal(results[3].status, CLADE_EREFUSED);
  assert_int_equal(results[4].status, CLADE_ECONFLICT);
  assert_int_equal(check(f->b, f->study), 0);
}

static void an_event_that_is_not_legal_refuses_the_whole_commit(void **state) {
  struct fixture *f = *state;
  const struct cl_assigned unknown[] = {{1, cl_value_real(0.5)}, {5, cl_value_real(0.5)}};
  const struct cl_assigned twice[] = {
      {1, cl_value_real(0.5)}, {3, cl_value_int(2)}, {1, cl_value_real(0.25)}};
  struct cl_metric same[] = {{0, "acc", 0.5}, {0, "acc", 0.25}}, nameless[] = {{1, NULL, 0.5}};
  struct cl_event bad[] = {kit_proposed(2, unknown, 2),
                           kit_proposed(2, twice, 3),
                           kit_created("digits", 4),
                           kit_reported(1, 1, 1, 1, same, 2),
                           kit_reported(1, 1, 1, 1, nameless, 1),
                           kit_event(CL_EVENT_NOTE, 0)};
  int64_t version = kit_appended(f->a, f->study, kit_proposed(1, NULL, 0));
  kit_appended(f->a, f->study, kit_started(1, 1, version));
  bad[5].u.note.text = "\xFF";
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct cl_event events[] = {kit_saved(1, 1, 2.5), bad[i]};
    struct cl_append results[2];
    struct cl_err e = {0};
    assert_int_equal(cl_store_append(f->a, f->study, events, 2, results, &e), CLADE_EINVAL);
    assert_true(e.text[0] != '\0');
    assert_int_equal(events[0].position, 0);
  }
  struct cl_study_head head = {0};
  assert_int_equal(cl_store_head(f->b, f->study, &head, NULL), 0);
  assert_int_equal(head.position, 3);
  kit_appended(f->a, f->study, kit_saved(1, 1, 2.5));
  assert_int_equal(check(f->b, f->study), 0);
}

static void many_metrics_have_a_limit(void **state) {
  struct fixture *f = *state;
  int64_t version = kit_appended(f->a, f->study, kit_proposed(1, NULL, 0));
  kit_appended(f->a, f->study, kit_started(1, 1, version));
  char names[CL_METRICS_MAX][20];
  struct cl_metric m[CL_METRICS_MAX];
  for (int i = 0; i < CL_METRICS_MAX; i++) {
    (void)snprintf(names[i], sizeof names[i], "metric %d", i);
    m[i] = (struct cl_metric){0, names[i], i + 0.385};
  }
  /* acc and cost are there already, so two are too many: nothing of that report stays, not even the names */
  assert_int_equal(kit_append(f->a, f->study, kit_reported(1, 1, 1, 1.5, m, CL_METRICS_MAX), NULL),
                   CLADE_EREFUSED);
  kit_appended(f->a, f->study, kit_reported(1, 1, 1, 1.5, m + 100, 1));
  kit_appended(f->a, f->study, kit_reported(1, 1, 2, 1.5, m + 2, CL_METRICS_MAX - 2));
  struct kit_events read;
  const struct cl_read what = {.after = 4};
  kit_read(f->b, f->study, &what, &read);
  assert_int_equal(read.n, 1);
  const struct cl_metric_list *list = &read.items[0]->u.reported.metrics;
  assert_int_equal(list->n, CL_METRICS_MAX - 2);
  assert_string_equal(list->items[0].name, "metric 100");
  assert_true(list->items[0].id == 3 && list->items[0].value == 100.385);
  assert_string_equal(list->items[1].name, "metric 2");
  kit_events_done(&read);
}

static void a_report_with_a_name_too_many_is_refused_alone(void **state) {
  struct fixture *f = *state;
  int64_t first = kit_appended(f->a, f->study, kit_proposed(1, NULL, 0));
  int64_t second = kit_appended(f->a, f->study, kit_proposed(2, NULL, 0));
  first = kit_appended(f->a, f->study, kit_started(1, 1, first));
  second = kit_appended(f->a, f->study, kit_started(2, 1, second));
  char names[CL_METRICS_MAX][20];
  struct cl_metric m[CL_METRICS_MAX], other = {0, "acc", 0.625};
  for (int i = 0; i < CL_METRICS_MAX; i++) {
    (void)snprintf(names[i], sizeof names[i], "metric %d", i);
    m[i] = (struct cl_metric){0, names[i], i + 0.385};
  }
  struct cl_event events[] = {kit_reported(1, 1, 1, 1.5, m, CL_METRICS_MAX), kit_event(CL_EVENT_PAUSED, 2),
                              kit_event(CL_EVENT_CONTINUED, 2), kit_reported(2, 1, 1, 2.5, &other, 1),
                              kit_reported(1, 1, 2, 2.5, &other, 1)};
  struct cl_append results[5];
  struct cl_err e = {0};
  events[1].seen = second;
  events[2].seen = CL_SEEN_BATCH;
  assert_int_equal(cl_store_append(f->a, f->study, events, 5, results, &e), 0);
  assert_int_equal(results[0].status, CLADE_EREFUSED);
  assert_int_equal(results[0].position, 0);
  assert_int_equal(results[1].status, 0);
  assert_int_equal(results[2].status, 0);
  assert_int_equal(events[2].seen, results[1].position);
  assert_int_equal(results[3].status, 0);
  assert_int_equal(results[3].position, second + 3);
  assert_int_equal(results[4].status, CLADE_EREFUSED); /* out of order now */
  assert_int_equal(check(f->b, f->study), 0);
}

static void a_step_that_is_saved_again_after_a_load_is_another_snapshot(void **state) {
  struct fixture *f = *state;
  int64_t version = kit_said(&f->k, kit_proposed(1, NULL, 0)), where = 0;
  version = kit_said(&f->k, kit_started(1, 1, version));
  int64_t first = kit_said(&f->k, kit_saved(1, 1, 2.5));
  struct cl_event ev = kit_event(CL_EVENT_EXPLOITED, 1), again = kit_saved(1, 1, 2.5);
  ev.seen = version;
  ev.u.exploited.snapshot = first;
  struct cl_event loaded = kit_event(CL_EVENT_LOADED, 1);
  loaded.attempt = 1;
  loaded.u.loaded.change = kit_said(&f->k, ev);
  loaded.u.loaded.snapshot = first;
  kit_said(&f->k, loaded);
  again.u.saved.path = "1/checkpoints/1-2.5.1";
  int64_t second = kit_said(&f->k, again);
  assert_true(second > first);
  int status = kit_say(&f->l, again, &where);
  assert_true(status == CLADE_REPEATED || (status == 0 && f->kind >= KIT_FLAKY_MEMORY));
  assert_int_equal(where, second);
  assert_all_agree(f);
}

static void segments_hold_steps_in_order(void **state) {
  struct fixture *f = *state;
  int64_t version = kit_said(&f->k, kit_proposed(1, NULL, 0));
  version = kit_said(&f->k, kit_started(1, 1, version));
  struct cl_metric m[] = {{0, "acc", 0.5}};
  kit_said(&f->k, kit_reported(1, 1, 1, 12.5, m, 1));
  int64_t snapshot = kit_said(&f->k, kit_saved(1, 1, 12.5));
  assert_int_equal(kit_say(&f->k, kit_reported(1, 1, 2, 12.25, m, 1), NULL), CLADE_EREFUSED);
  kit_said(&f->k, kit_reported(1, 1, 2, 12.5, m, 1));
  struct cl_event ev = kit_event(CL_EVENT_EXPLOITED, 1);
  ev.seen = version;
  ev.u.exploited.snapshot = snapshot;
  ev.u.exploited.until = 4.5;
  int64_t change = kit_said(&f->k, ev);
  ev = kit_event(CL_EVENT_LOADED, 1);
  ev.attempt = 1;
  ev.u.loaded.change = change;
  ev.u.loaded.snapshot = snapshot;
  kit_said(&f->l, ev);
  kit_said(&f->l, kit_reported(1, 1, 3, 4.5, m, 1)); /* back to the donor's step: another segment */
  assert_all_agree(f);
  struct cl_head h = cl_study_trial(cl_log_study(f->k.log), 1)->head;
  assert_true(h.step == 4.5 && h.until == 4.5 && h.furthest == 12.5 && h.load == 0);
}

static void a_snapshot_that_is_about_to_be_begun_from_stays(void **state) {
  struct fixture *f = *state;
  struct cl_metric m[] = {{0, "acc", 0.5}};
  for (int64_t i = 1; i <= 2; i++) {
    int64_t version = kit_said(&f->k, kit_proposed(i, NULL, 0));
    kit_said(&f->k, kit_started(i, 1, version));
    kit_said(&f->k, kit_reported(i, 1, 1, 3, m, 1));
  }
  int64_t snapshot = kit_said(&f->k, kit_saved(1, 1, 3));
  struct cl_event exploit = kit_event(CL_EVENT_EXPLOITED, 2), away = kit_event(CL_EVENT_DELETED, 1);
  exploit.seen = cl_study_trial(cl_log_study(f->k.log), 2)->head.version;
  exploit.u.exploited.snapshot = snapshot;
  away.seen = cl_study_trial(cl_log_study(f->k.log), 1)->head.version;
  away.u.deleted.snapshot = snapshot;
  int64_t change = kit_said(&f->k, exploit);
  assert_int_equal(kit_say(&f->k, away, NULL), CLADE_EREFUSED);
  struct cl_event loaded = kit_event(CL_EVENT_LOADED, 2);
  loaded.attempt = 1;
  loaded.u.loaded.change = change;
  loaded.u.loaded.snapshot = snapshot;
  kit_said(&f->k, loaded);
  kit_said(&f->k, away);
  assert_all_agree(f);
}

static void settings_that_no_replica_could_take_are_not_appended(void **state) {
  struct fixture *f = *state;
  struct cl_append result;
  struct cl_err e = {0};
  struct cl_event ev = kit_event(CL_EVENT_UPDATED, 0);
  ev.seen = 1;
  ev.u.updated.settings = "{\"trials\": 0}";
  ev.u.updated.space_version = 1;
  assert_int_equal(cl_log_append(f->k.log, &ev, &result, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "trials"));
  ev = kit_created("other", 3);
  ev.u.created.settings = "{\"study\": \"other\"}";
  int64_t study = 0;
  assert_int_equal(cl_store_create(f->a, &ev, &study, &e), CLADE_ESPEC);
}

static void names_differ_by_more_than_case(void **state) {
  struct fixture *f = *state;
  struct cl_event ev = kit_created("DIGITS", 30);
  struct cl_err e = {0};
  int64_t study = 0;
  assert_int_equal(cl_store_create(f->b, &ev, &study, &e), CLADE_EEXISTS);
  assert_non_null(strstr(e.text, "'digits'"));
  ev.u.created.name = "numbers";
  ev.u.created.uuid = "uuid-of-digits";
  assert_int_equal(cl_store_create(f->b, &ev, &study, &e), CLADE_EEXISTS);
  ev.u.created.uuid = "another";
  assert_int_equal(cl_store_create(f->b, &ev, &study, &e), 0);
  assert_int_equal(study, f->study + 1);
  assert_int_equal(cl_store_find(f->a, "Digits", &study, &e), 0);
  assert_int_equal(study, f->study);
  assert_int_equal(cl_store_find(f->a, "digts", &study, &e), CLADE_ENOTFOUND);
  assert_non_null(strstr(e.text, "nearest is 'digits'"));
}

static int name_study(void *ctx, const struct cl_study_row *row) {
  struct cl_text *t = ctx;
  cl_text_format(t, "%lld %s %lld/%lld; ", (long long)row->id, row->name, (long long)row->head.position,
                 (long long)row->head.trials);
  return row->id == 4 ? CLADE_STOP : 0;
}

static void studies_do_not_mix(void **state) {
  struct fixture *f = *state;
  int64_t second = kit_create(f->b, "a study's \"name\"; --", 3), third = kit_create(f->a, "3", 3);
  int64_t fourth = kit_create(f->a, "1", 3);
  for (int i = 0; i < 3; i++) {
    kit_finish_trial(f->a, second, 0.385 * i);
    kit_finish_trial(f->b, f->study, 0.5);
  }
  kit_finish_trial(f->a, third, 0.125);
  struct cl_text text = {0};
  assert_int_equal(cl_store_studies(f->b, name_study, &text, NULL), CLADE_STOP);
  assert_string_equal(cl_text_get(&text), "1 digits 10/3; 2 a study's \"name\"; -- 10/3; 3 3 4/1; 4 1 1/0; ");
  cl_text_done(&text);
  struct kit_events read;
  kit_read(f->a, second, NULL, &read);
  assert_int_equal(read.n, 10);
  assert_true(read.items[9]->u.ended.objectives.items[0] == 0.77);
  kit_events_done(&read);
  const int64_t all[] = {f->study, second, third, fourth};
  for (int i = 0; i < 4; i++) assert_int_equal(check(f->b, all[i]), 0);
  assert_int_equal(cl_store_delete(f->b, second, NULL), 0);
  struct cl_err e = {0};
  assert_int_equal(cl_store_append(f->a, second, &(struct cl_event){.kind = CL_EVENT_REOPENED}, 1,
                                   &(struct cl_append){0}, &e),
                   CLADE_ENOTFOUND);
  assert_int_equal(cl_store_delete(f->a, second, &e), CLADE_ENOTFOUND);
  kit_finish_trial(f->a, f->study, 0.25);
  assert_int_equal(check(f->b, f->study), 0);
  assert_int_equal(check(f->a, third), 0);
  assert_int_equal(kit_create(f->b, "again", 3), 5); /* numbers are not given twice */
  assert_int_equal(cl_store_delete(f->a, 5, NULL), 0);
  assert_int_equal(kit_create(f->b, "a study's \"name\"; --", 3), 6);
}

static void a_lease_has_one_holder(void **state) {
  struct fixture *f = *state;
  struct cl_lease a, b, c;
  assert_int_equal(cl_store_lease_get(f->a, f->study, &a, NULL), 0);
  assert_string_equal(a.holder, "");
  assert_int_equal(cl_store_lease_take(f->a, f->study, "here:1:1", a.generation, a.beat, &a, NULL), 0);
  assert_int_equal(cl_store_lease_get(f->b, f->study, &b, NULL), 0);
  assert_string_equal(b.holder, "here:1:1");
  assert_int_equal(b.generation, a.generation);
  assert_int_equal(cl_store_lease_beat(f->a, f->study, &a, NULL), 0);
  assert_int_equal(a.beat, b.beat + 1);
  /* it moved since it was looked at */
  assert_int_equal(cl_store_lease_take(f->b, f->study, "there:2:1", b.generation, b.beat, &c, NULL),
                   CLADE_BUSY);
  assert_int_equal(c.beat, a.beat);
  assert_string_equal(c.holder, "here:1:1");
  assert_int_equal(cl_store_delete(f->b, f->study, NULL), CLADE_EBUSY);
  /* it stood still */
  assert_int_equal(cl_store_lease_take(f->b, f->study, "there:2:1", c.generation, c.beat, &c, NULL), 0);
  assert_int_equal(c.generation, a.generation + 1);
  assert_int_equal(cl_store_lease_beat(f->a, f->study, &a, NULL), CLADE_BUSY);
  assert_string_equal(a.holder, "there:2:1");
  a.generation--;
  assert_int_equal(cl_store_lease_release(f->a, f->study, &a, NULL), CLADE_BUSY);
  assert_int_equal(cl_store_lease_release(f->b, f->study, &c, NULL), 0);
  assert_string_equal(c.holder, "");
  assert_int_equal(cl_store_lease_take(f->a, f->study, "", 0, 0, &a, NULL), CLADE_EINVAL);
  assert_int_equal(cl_store_lease_take(f->a, f->study, "here:1:1", 0, 0, &a, NULL), 0);
  assert_int_equal(a.generation, c.generation + 1);
  assert_int_equal(cl_store_lease_release(f->a, f->study, &a, NULL), 0);
  assert_int_equal(check(f->a, f->study), 0);
}

/* Reading. */

static int stop_at_event(void *ctx, const struct cl_event *ev) {
  (void)ctx, (void)ev;
  return 2385;
}

static int stop_at_study(void *ctx, const struct cl_study_row *row) {
  (void)ctx, (void)row;
  return 2385;
}

static int stop_at_metric(void *ctx, int id, const char *name) {
  (void)ctx, (void)id, (void)name;
  return 2385;
}

/* Every function of a handle, with the study of that number; the status of the which'th, CLADE_STOP behind
 * the last one. */
static int use(struct cl_store *s, int64_t study, int which, struct cl_err *e) {
  static struct cl_event created, note;
  struct cl_append result;
  struct cl_study_head head;
  struct cl_head trial;
  struct cl_lease lease = {.holder = "here:1:1"};
  int64_t found = 0;
  created = kit_created("another", 5);
  note = kit_event(CL_EVENT_NOTE, 0);
  switch (which) {
  case 0: return cl_store_head(s, study, &head, e);
  case 1: return cl_store_trial_head(s, study, 1, &trial, e);
  case 2: return cl_store_read(s, study, &(struct cl_read){0}, stop_at_event, NULL, e);
  case 3: return cl_store_read_reports(s, study, 1, stop_at_event, NULL, e);
  case 4: return cl_store_metrics(s, study, stop_at_metric, NULL, e);
  case 5: return cl_store_append(s, study, &note, 1, &result, e);
  case 6: return cl_store_lease_get(s, study, &lease, e);
  case 7: return cl_store_lease_take(s, study, "here:1:1", 0, 0, &lease, e);
  case 8: return cl_store_lease_beat(s, study, &lease, e);
  case 9: return cl_store_lease_release(s, study, &lease, e);
  case 10: return cl_store_check(s, study, e);
  case 11: return cl_store_delete(s, study, e);
  case 12: return cl_store_find(s, "digits", &found, e);
  case 13: return cl_store_studies(s, stop_at_study, NULL, e);
  case 14: return cl_store_create(s, &created, &found, e);
  default: return CLADE_STOP;
  }
}

static int use_from_inside(void *ctx, const struct cl_event *ev) {
  struct fixture *f = ctx;
  struct cl_err e = {0};
  (void)ev;
  for (int which = 0, status = 0; (status = use(f->a, f->study, which, &e)) != CLADE_STOP; which++) {
    assert_int_equal(status, CLADE_EINVAL);
    assert_non_null(strstr(e.text, "from inside a visit"));
  }
  return 2385;
}

static void a_visit_can_stop_and_cannot_use_the_handle(void **state) {
  struct fixture *f = *state;
  const struct cl_read all = {0};
  struct cl_metric m[] = {{0, "acc", 0.5}};
  assert_int_equal(cl_store_read(f->a, f->study, &all, use_from_inside, f, NULL), 2385);
  int64_t trial = kit_finish_trial(f->a, f->study, 0.5) + 1;
  int64_t version = kit_appended(f->a, f->study, kit_proposed(trial, NULL, 0));
  kit_appended(f->a, f->study, kit_started(trial, 1, version));
  kit_appended(f->a, f->study, kit_reported(trial, 1, 1, 1.5, m, 1));
  assert_int_equal(cl_store_read_reports(f->a, f->study, trial, stop_at_event, NULL, NULL), 2385);
  assert_int_equal(cl_store_studies(f->a, stop_at_study, NULL, NULL), 2385);
  assert_int_equal(cl_store_metrics(f->a, f->study, stop_at_metric, NULL, NULL), 2385);
  kit_finish_trial(f->a, f->study, 0.5);
}

static void a_study_that_is_not_there_is_not_found(void **state) {
  struct fixture *f = *state;
  for (int which = 0; which <= 11; which++) {
    struct cl_err e = {0};
    assert_int_equal(use(f->b, f->study + 17, which, &e), CLADE_ENOTFOUND);
    assert_non_null(strstr(e.text, "no study number"));
  }
  assert_int_equal(use(f->a, f->study, 10, NULL), 0);
}

static void what_makes_no_sense_is_refused(void **state) {
  struct fixture *f = *state;
  static const struct cl_read ranges[] = {
      {.trial_lo = -1, .trial_hi = 3}, {.trial_lo = 4, .trial_hi = 3}, {.trial_lo = 0, .trial_hi = 3}};
  struct cl_err e = {0};
  struct cl_append result;
  struct cl_lease lease;
  struct cl_event created = kit_created("another", 5), note = kit_event(CL_EVENT_NOTE, 0);
  char holder[sizeof lease.holder + 1];
  int64_t study = 0;
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    assert_int_equal(cl_store_read(f->a, f->study, &ranges[i], stop_at_event, NULL, &e), CLADE_EINVAL);
    assert_non_null(strstr(e.text, "are no range"));
  }
  memset(holder, 'h', sizeof holder);
  holder[sizeof holder - 1] = '\0';
  assert_int_equal(cl_store_lease_take(f->a, f->study, holder, 0, 0, &lease, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "a name of 1 to 79 bytes"));
  assert_int_equal(cl_store_create(f->a, &note, &study, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "a log begins with 'created'"));
  created.u.created.settings = "{";
  assert_true(cl_store_create(f->a, &created, &study, &e) < 0);
  assert_int_equal(cl_store_append(f->a, f->study, NULL, 0, NULL, &e), 0); /* nothing is no commit */
  created = kit_created("another", 5);
  assert_int_equal(cl_store_append(f->a, f->study, &created, 1, &result, &e), CLADE_EINVAL);
  assert_int_equal(cl_store_find(f->a, "another", &study, &e), CLADE_ENOTFOUND);
  assert_int_equal(use(f->b, f->study, 10, NULL), 0);
}

/* Events that are appended all at once, to a log that others have appended to meanwhile. */
static void a_log_appends_many_at_once(void **state) {
  struct fixture *f = *state;
  struct cl_err e = {0};
  struct cl_append results[3];
  kit_finish_trial(f->b, f->study, 0.5);
  struct cl_event events[] = {kit_proposed(2, NULL, 0), kit_started(2, 1, CL_SEEN_BATCH),
                              kit_proposed(2, NULL, 0)};
  assert_int_equal(cl_log_append_all(f->k.log, events, 3, results, &e), 0);
  assert_int_equal(results[0].position, 5);
  assert_int_equal(results[1].position, 6);
  assert_int_equal(results[2].status, CLADE_ECONFLICT);
  assert_int_equal(cl_log_position(f->k.log), 6);
  struct cl_event note = kit_event(CL_EVENT_NOTE, 0);
  assert_int_equal(cl_log_put(f->k.log, &note, NULL, NULL, &e), 0);
  assert_int_equal(cl_log_append_all(f->k.log, events, 1, results, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "are put already"));
  assert_int_equal(cl_log_commit(f->k.log, &e), 0);
  assert_all_agree(f);
}

/* What a read must show, by the rules of store.h. */
static bool shows(const struct cl_read *what, const struct cl_event *ev, int64_t head) {
  if (ev->position <= what->after || ev->position > (what->until == 0 ? head : what->until)) return false;
  if (what->only_notes && ev->kind != CL_EVENT_NOTE && ev->kind != CL_EVENT_WORKER) return false;
  if (what->trial_lo == 0) return true;
  if (ev->subject == 0) return !what->only_trials;
  return ev->subject >= what->trial_lo && ev->subject <= what->trial_hi;
}

static void append_mixture(struct fixture *f, int n) {
  struct cl_metric m[] = {{0, "acc", 0.5}, {0, "loss", 0.25}};
  const struct cl_assigned change[] = {{1, cl_value_real(0.75)}, {2, cl_value_text("sgd")}};
  for (int i = 0; i < n; i++) {
    int64_t trial = kit_finish_trial(f->a, f->study, 0.01 * i);
    int64_t version = kit_appended(f->a, f->study, kit_proposed(trial + 1, change, 2));
    version = kit_appended(f->a, f->study, kit_started(trial + 1, 1, version));
    for (int r = 1; r <= i % 4; r++)
      kit_appended(f->a, f->study, kit_reported(trial + 1, 1, r, r, m, 1 + r % 2));
    struct cl_event ev = kit_event(CL_EVENT_SET, trial + 1);
    ev.seen = version;
    ev.u.set.values = (struct cl_assigned_list){2, change};
    kit_appended(f->b, f->study, ev);
    kit_appended(f->b, f->study, kit_saved(trial + 1, 1, 9.5));
    ev = kit_event(CL_EVENT_NOTE, i % 2 == 0 ? trial : 0);
    ev.u.note.what = CL_NOTE_TAG;
    ev.u.note.name = "x";
    kit_appended(f->b, f->study, ev);
    ev = kit_event(CL_EVENT_CLOCK, 0);
    ev.seen = kit_version(f->a, f->study, 0);
    ev.u.clock.seconds = i;
    kit_appended(f->a, f->study, ev);
  }
}

/* Trials that end in every way, with reports before; some are summed up by their end. */
static void append_ends(struct fixture *f) {
  static const double good[] = {0.5, 0.25};
  for (int64_t trial = 1; trial <= 12; trial++) {
    int64_t version = kit_appended(f->a, f->study, kit_proposed(trial, NULL, 0));
    struct cl_event ev = kit_started(trial, 1, version);
    if (trial == 9) ev.u.started.until = 2; /* a leg */
    version = kit_appended(f->a, f->study, ev);
    int64_t record = 0;
    for (int r = 1; r <= 3; r++) {
      struct cl_metric m[] = {{0, "acc", trial == 8 && r == 2 ? NAN : 0.1 * r}, {0, "loss", 0.25}};
      record = kit_appended(f->a, f->study, kit_reported(trial, 1, r, r, m, 2));
    }
    ev = kit_event(CL_EVENT_DONE, trial);
    ev.attempt = 1;
    if (trial == 1 || trial == 8 || trial == 10) kit_appended(f->a, f->study, ev);
    ev = kit_event(CL_EVENT_STOPPED, trial);
    ev.seen = version;
    if (trial == 2 || trial == 6) kit_appended(f->a, f->study, ev);
    struct cl_metric m[] = {{0, "acc", 0.75}};
    if (trial == 6) kit_appended(f->a, f->study, kit_reported(trial, 1, 4, 4.5, m, 1)); /* late */
    ev = kit_event(CL_EVENT_LOST, trial);
    ev.attempt = 1;
    ev.seen = version;
    if (trial == 7) {
      ev = kit_event(CL_EVENT_STOPPED, trial);
      struct cl_event lost = kit_event(CL_EVENT_LOST, trial);
      lost.attempt = 1;
      lost.seen = version;
      ev.seen = kit_appended(f->a, f->study, lost);
      kit_appended(f->a, f->study, ev);
    }
    const int codes[] = {0, 0, 0, 1, 75, 0, 0, 0, 0, 0, 77, 0};
    ev = kit_ended(trial, 1, codes[trial - 1], good, 2);
    ev.u.ended.record = record;
    if (trial != 12) kit_appended(f->a, f->study, ev);
    ev = kit_event(CL_EVENT_CONNECTED, trial);
    ev.attempt = 1;
    if (trial == 3 || trial == 7) kit_appended(f->b, f->study, ev); /* late */
    struct cl_event retried = kit_event(CL_EVENT_RETRIED, trial);
    if (trial == 4 || trial == 5) {
      retried.seen = kit_version(f->a, f->study, trial);
      version = kit_appended(f->a, f->study, retried);
      kit_appended(f->a, f->study, kit_started(trial, 2, version));
      kit_appended(f->a, f->study, kit_reported(trial, 2, 1, 2.5, m, 1));
      if (trial == 4) kit_appended(f->a, f->study, kit_ended(trial, 2, 0, good, 2));
    }
  }
}

static void filters_show_what_they_say(void **state) {
  struct fixture *f = *state;
  append_ends(f);
  append_mixture(f, 8);
  struct kit_events all, some;
  kit_read(f->a, f->study, NULL, &all);
  int64_t head = (int64_t)all.n;
  for (int64_t i = 0; i < head; i++) assert_int_equal(all.items[i]->position, i + 1);
  for (int64_t after = 0; after <= head; after += 7)
    for (int64_t until = 0; until <= head + 3; until += 11)
      for (int64_t lo = 0; lo <= 29; lo += 3) {
        struct cl_read what = {.after = after,
                               .until = until,
                               .trial_lo = lo,
                               .trial_hi = lo == 0 ? 0 : lo + after % 5,
                               .only_trials = until % 2 == 0,
                               .only_notes = until % 3 == 0};
        kit_read(f->b, f->study, &what, &some);
        size_t at = 0;
        for (int64_t i = 0; i < head; i++) {
          if (!shows(&what, all.items[i], head)) continue;
          assert_true(at < some.n);
          assert_true(cl_event_equal(all.items[i], some.items[at++]));
        }
        assert_int_equal(at, some.n);
        kit_events_done(&some);
      }
  const struct cl_read backwards = {.trial_lo = 3, .trial_hi = 2};
  assert_int_equal(cl_store_read(f->a, f->study, &backwards, kit_collect, &some, NULL), CLADE_EINVAL);
  kit_events_done(&all);
}

static void a_curve_is_the_reports_of_one_trial(void **state) {
  struct fixture *f = *state;
  append_mixture(f, 8);
  struct kit_events curve = {0};
  assert_int_equal(cl_store_read_reports(f->b, f->study, 8, kit_collect, &curve, NULL), 0);
  assert_int_equal(curve.n, 3);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(curve.items[i]->subject, 8);
    assert_int_equal(curve.items[i]->u.reported.ordinal, i + 1);
    assert_true(curve.items[i]->u.reported.step == (double)i + 1);
  }
  kit_events_done(&curve);
  assert_int_equal(cl_store_read_reports(f->b, f->study, 7, kit_collect, &curve, NULL), 0);
  assert_int_equal(cl_store_read_reports(f->b, f->study, 700, kit_collect, &curve, NULL), 0);
  assert_int_equal(curve.n, 0);
}

static void a_replica_without_the_known_reports_is_the_same(void **state) {
  struct fixture *f = *state;
  append_ends(f);
  struct kit_events all, few;
  const struct cl_read skipping = {.skip_known_reports = true};
  kit_read(f->b, f->study, NULL, &all);
  kit_read(f->b, f->study, &skipping, &few);
  int reports = 0;
  for (size_t i = 0; i < few.n; i++) reports += few.items[i]->kind == CL_EVENT_REPORTED;
  /* left out: 1, 2, 3, 10 (complete or pruned by their end) with 3 and 6 with 4 */
  assert_int_equal(all.n - few.n, 4 * 3 + 4);
  assert_true(reports > 0);
  kit_events_done(&all);
  kit_events_done(&few);
  kit_follow(&f->k);
  kit_follow(&f->l);
  assert_all_agree(f);
  struct cl_log *log = NULL;
  assert_int_equal(cl_log_open(f->b, f->study, NULL, &log, NULL), 0);
  assert_int_equal(cl_study_metric_find(cl_log_study(log), "loss"), 3);
  assert_int_equal(cl_study_trial(cl_log_study(log), 1)->head.state, CL_COMPLETE);
  assert_int_equal(cl_study_trial(cl_log_study(log), 8)->head.state, CL_DIVERGED);
  assert_int_equal(cl_study_trial(cl_log_study(log), 9)->head.state, CL_PAUSED);
  cl_log_close(log);
}

static void a_partial_log_holds_its_trials_only(void **state) {
  struct fixture *f = *state;
  append_mixture(f, 8);
  const struct cl_log_options some = {.trial_lo = 5, .trial_hi = 6};
  struct cl_log *log = NULL;
  assert_int_equal(cl_log_open(f->b, f->study, &some, &log, NULL), 0);
  assert_null(cl_study_trial(cl_log_study(log), 4));
  assert_non_null(cl_study_trial(cl_log_study(log), 5));
  assert_int_equal(cl_study_trial(cl_log_study(log), 5)->head.state, CL_COMPLETE);
  kit_finish_trial(f->a, f->study, 0.125);
  struct cl_event ev = kit_event(CL_EVENT_SET, 6);
  ev.seen = kit_version(f->a, f->study, 6);
  struct cl_append result;
  assert_int_equal(cl_log_append(log, &ev, &result, NULL), 0);
  assert_int_equal(result.status, 0);
  assert_int_equal(cl_log_position(log), result.position);
  assert_int_equal(cl_study_trial(cl_log_study(log), 6)->head.version, result.position);
  assert_null(cl_study_trial(cl_log_study(log), 17));
  cl_log_close(log);
  const struct cl_log_options early = {.until = 9};
  assert_int_equal(cl_log_open(f->b, f->study, &early, &log, NULL), 0);
  assert_int_equal(cl_log_position(log), 9);
  assert_int_equal(cl_log_follow(log, NULL, NULL), 0);
  assert_int_equal(cl_log_position(log), 9);
  assert_int_equal(cl_log_append(log, &ev, &result, NULL), CLADE_EINVAL);
  cl_log_close(log);
}

/* Turns. */

struct telling {
  struct fixture *f;
  int told[4], n;
  int64_t positions[4];
};

static void tell(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct telling *t = ctx;
  assert_true(t->n < 4);
  t->told[t->n] = result->status;
  t->positions[t->n++] = result->status == 0 ? ev->position : 0;
  if (t->n == 1) assert_int_equal(cl_log_put(t->f->k.log, ev, NULL, NULL, NULL), 0);
  assert_int_equal(cl_log_commit(t->f->k.log, NULL), CLADE_EINVAL);
}

static void a_turn_is_one_commit_and_tells_in_order(void **state) {
  struct fixture *f = *state;
  struct telling t = {.f = f};
  kit_finish_trial(f->b, f->study, 0.5); /* not yet followed */
  const struct cl_event events[] = {kit_proposed(2, NULL, 0), kit_started(2, 1, CL_SEEN_BATCH),
                                    kit_proposed(2, NULL, 0)};
  for (int i = 0; i < 3; i++) assert_int_equal(cl_log_put(f->k.log, &events[i], tell, &t, NULL), 0);
  assert_true(cl_log_has_put(f->k.log));
  assert_int_equal(cl_log_commit(f->k.log, NULL), 0);
  assert_int_equal(t.n, 3);
  assert_int_equal(t.told[0], 0);
  assert_int_equal(t.positions[0], 5);
  assert_int_equal(t.positions[1], 6);
  assert_int_equal(t.told[2], CLADE_ECONFLICT);
  assert_int_equal(f->k.seen.n, 5); /* foreign ones first */
  assert_true(cl_log_has_put(f->k.log));
  assert_int_equal(cl_log_commit(f->k.log, NULL), 0); /* refused, told to nobody */
  assert_false(cl_log_has_put(f->k.log));
  kit_follow(&f->l);
  assert_all_agree(f);
}

static void postgres_is_not_installed(void **state) {
  (void)state;
  skip();
}

struct test {
  const char *name;
  CMUnitTestFunction function;
  bool direct; /* calls the store itself: not on one that fails */
};

#define TEST(function, direct) \
  { #function, function, direct }

/* Without an argument: all stores but PostgreSQL, which takes longer. */
int main(int argc, char **argv) {
  static const struct test tests[] = {
      TEST(every_kind_comes_back_as_it_was_appended, false),
      TEST(a_created_event_comes_back_as_it_was_appended, false),
      TEST(a_decision_on_an_old_version_conflicts, false),
      TEST(an_end_makes_decisions_conflict, false),
      TEST(facts_that_are_sent_twice_stand_once, false),
      TEST(facts_of_an_earlier_attempt_are_late_and_stand_once, false),
      TEST(the_budget_holds_with_two_engines, false),
      TEST(segments_hold_steps_in_order, false),
      TEST(a_step_that_is_saved_again_after_a_load_is_another_snapshot, false),
      TEST(a_snapshot_that_is_about_to_be_begun_from_stays, false),
      TEST(settings_that_no_replica_could_take_are_not_appended, false),
      TEST(times_and_writers_come_back, true),
      TEST(results_are_judged_one_by_one, true),
      TEST(heads_are_stored_as_they_were_made, true),
      TEST(what_follows_a_refused_decision_is_refused, true),
      TEST(an_event_that_is_not_legal_refuses_the_whole_commit, true),
      TEST(many_metrics_have_a_limit, true),
      TEST(a_report_with_a_name_too_many_is_refused_alone, true),
      TEST(names_differ_by_more_than_case, true),
      TEST(studies_do_not_mix, true),
      TEST(a_lease_has_one_holder, true),
      TEST(a_visit_can_stop_and_cannot_use_the_handle, true),
      TEST(a_study_that_is_not_there_is_not_found, true),
      TEST(what_makes_no_sense_is_refused, true),
      TEST(a_log_appends_many_at_once, true),
      TEST(filters_show_what_they_say, true),
      TEST(a_curve_is_the_reports_of_one_trial, true),
      TEST(a_replica_without_the_known_reports_is_the_same, true),
      TEST(a_partial_log_holds_its_trials_only, true),
      TEST(a_turn_is_one_commit_and_tells_in_order, true)};
  static const enum kit_kind kinds[] = {KIT_MEMORY,   KIT_SQLITE,       KIT_SQLITE_AHEAD,
                                        KIT_POSTGRES, KIT_FLAKY_MEMORY, KIT_FLAKY_SQLITE};
  enum { KINDS = sizeof kinds / sizeof *kinds };
  static const char *const words[] = {"memory",   "sqlite",       "sqlite_ahead",
                                      "postgres", "flaky_memory", "flaky_sqlite"};
  enum { TESTS = sizeof tests / sizeof *tests };
  static char names[KINDS * TESTS][120];
  static struct CMUnitTest all[KINDS * TESTS];
  size_t n = 0;
  for (int k = 0; k < KINDS; k++) {
    if ((argc > 1 && strcmp(argv[1], words[k]) != 0) || (argc == 1 && kinds[k] == KIT_POSTGRES)) continue;
    if (kinds[k] == KIT_POSTGRES && private_server() == NULL) {
      all[n++] = (struct CMUnitTest)cmocka_unit_test(postgres_is_not_installed);
      continue;
    }
    for (int i = 0; i < TESTS; i++) {
      if (tests[i].direct && kinds[k] >= KIT_FLAKY_MEMORY) continue;
      (void)snprintf(names[n], sizeof names[n], "%s:_%s", words[k], tests[i].name);
      all[n] = (struct CMUnitTest){names[n], tests[i].function, set_up, tear_down, (void *)&kinds[k]};
      n++;
    }
  }
  return _cmocka_run_group_tests("stores", all, n, NULL, NULL);
}
