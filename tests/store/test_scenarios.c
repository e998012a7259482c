/* The scenarios of the log's specification (events.md, section 8) at the level of appends: what is written,
 * by whom it is refused, and what it adds up to. Two handles on one SQLite file stand for two processes. */
#include "store/kit.h"

#include "base/alloc.h"

struct scene {
  struct kit_place place;
  struct cl_store *a, *b;
  int64_t study;
};

static int set_up(void **state) {
  struct scene *s = cl_alloc(sizeof *s);
  kit_place_init(&s->place);
  s->a = kit_open(KIT_SQLITE, &s->place);
  s->b = kit_open(KIT_SQLITE, &s->place);
  s->study = kit_create(s->a, "digits", 6);
  *state = s;
  return 0;
}

static int tear_down(void **state) {
  struct scene *s = *state;
  assert_int_equal(cl_store_check(s->b, s->study, NULL), 0);
  cl_store_close(s->a);
  cl_store_close(s->b);
  kit_place_done(&s->place);
  cl_free(s);
  return 0;
}

/* Append with the version that the trial has now; by the first process. */
static int64_t decide(struct scene *s, struct cl_event ev) {
  ev.seen = kit_version(s->a, s->study, ev.subject);
  return kit_appended(s->a, s->study, ev);
}

static int64_t record(struct scene *s, struct cl_event ev) {
  return kit_appended(s->a, s->study, ev);
}

static struct cl_head head(struct scene *s, int64_t trial) {
  struct cl_head h;
  assert_int_equal(cl_store_trial_head(s->b, s->study, trial, &h, NULL), 0);
  return h;
}

static struct cl_log *replay(struct scene *s) {
  struct cl_log *log = NULL;
  struct cl_err e = {0};
  if (cl_log_open(s->b, s->study, NULL, &log, &e) < 0) fail_msg("%s", e.text);
  return log;
}

static int64_t run(struct scene *s, int64_t trial, int attempt, double until) {
  struct cl_event ev = kit_started(trial, attempt, 0);
  ev.u.started.until = until;
  return decide(s, ev);
}

static int64_t report(struct scene *s, int64_t trial, int attempt, int64_t ordinal, double step, double acc) {
  struct cl_metric m[] = {{0, "acc", acc}};
  return record(s, kit_reported(trial, attempt, ordinal, step, m, 1));
}

static struct cl_event of_attempt(enum cl_kind kind, int64_t trial, int attempt) {
  struct cl_event ev = kit_event(kind, trial);
  ev.attempt = attempt;
  return ev;
}

static double value_of(struct cl_log *log, int64_t trial) {
  return cl_study_trial(cl_log_study(log), trial)->value;
}

static void random_search(void **state) {
  struct scene *s = *state;
  const struct cl_assigned same[] = {{1, cl_value_real(0.5)}, {2, cl_value_text("sgd")}};
  static const double objectives[] = {0.75, 0.125};
  for (int64_t trial = 1; trial <= 2; trial++) {
    struct cl_event ev = kit_proposed(trial, same, 2);
    ev.u.proposed.of = trial == 1 ? 0 : 1;
    ev.u.proposed.repeat = (int)trial - 1;
    record(s, ev);
    run(s, trial, 1, CL_NO_STEP);
    report(s, trial, 1, 1, 1.5, 0.5);
    record(s, kit_ended(trial, 1, 0, objectives, 2));
  }
  struct cl_log *log = replay(s);
  assert_int_equal(cl_study_count(cl_log_study(log), CL_COMPLETE), 2);
  assert_true(value_of(log, 2) == 0.75);
  assert_true(cl_trial_objective(cl_study_trial(cl_log_study(log), 2), 1) == 0.125);
  assert_int_equal(cl_study_best(cl_log_study(log)), 1);
  cl_log_close(log);
}

static void two_engines_last_trial(void **state) {
  struct scene *s = *state;
  for (int i = 0; i < 5; i++) kit_finish_trial(s->a, s->study, 0.5);
  assert_int_equal(kit_append(s->a, s->study, kit_proposed(6, NULL, 0), NULL), 0);
  assert_int_equal(kit_append(s->b, s->study, kit_proposed(6, NULL, 0), NULL), CLADE_ECONFLICT);
  assert_int_equal(kit_append(s->b, s->study, kit_proposed(7, NULL, 0), NULL), CLADE_EBUDGET);
  struct cl_event ev = kit_proposed(7, NULL, 0);
  ev.u.proposed.role = CL_ROLE_CONFIRM; /* counts against no budget */
  assert_int_equal(kit_append(s->b, s->study, ev, NULL), 0);
}

static void killed_between_12_and_spawn(void **state) {
  struct scene *s = *state;
  record(s, kit_proposed(1, NULL, 0));
  run(s, 1, 1, CL_NO_STEP);
  /* the lock is free, nothing else is known: lost, retried, another attempt, its owner another worker */
  struct cl_event lost = of_attempt(CL_EVENT_LOST, 1, 1);
  lost.cause = CL_CAUSE_RESUME;
  decide(s, lost);
  assert_int_equal(head(s, 1).state, CL_LOST);
  lost.seen = head(s, 1).version;
  assert_int_equal(kit_append(s->b, s->study, lost, NULL), CLADE_EREFUSED); /* it is not lost twice */
  decide(s, kit_event(CL_EVENT_RETRIED, 1));
  run(s, 1, 2, CL_NO_STEP);
  struct cl_head h = head(s, 1);
  assert_int_equal(h.state, CL_RUNNING);
  assert_int_equal(h.attempt, 2);
  assert_int_equal(h.tries, 1);
}

static void killed_after_spawn(void **state) {
  struct scene *s = *state;
  record(s, kit_proposed(1, NULL, 0));
  run(s, 1, 1, CL_NO_STEP);
  report(s, 1, 1, 1, 1.5, 0.5);
  struct cl_event adopted = of_attempt(CL_EVENT_ADOPTED, 1, 1);
  adopted.u.adopted.worker = 2;
  record(s, adopted);
  assert_int_equal(head(s, 1).worker, 2);
  report(s, 1, 1, 2, 2.5, 0.75);
  assert_int_equal(head(s, 1).reports, 2);
}

static void killed_between_end_and_37(void **state) {
  struct scene *s = *state;
  record(s, kit_proposed(1, NULL, 0));
  run(s, 1, 1, CL_NO_STEP);
  report(s, 1, 1, 1, 1.5, 0.5);
  record(s, of_attempt(CL_EVENT_DONE, 1, 1));
  assert_int_equal(head(s, 1).state, CL_COMPLETE);
  struct cl_event ended = kit_ended(1, 1, 0, NULL, 0);
  ended.u.ended.known = false; /* no `exit` file; done was recorded */
  record(s, ended);
  assert_int_equal(head(s, 1).state, CL_COMPLETE);
}

static void superseded_attempt_still_reports(void **state) {
  struct scene *s = *state;
  record(s, kit_proposed(1, NULL, 0));
  run(s, 1, 1, CL_NO_STEP);
  report(s, 1, 1, 1, 1.5, 0.5);
  decide(s, of_attempt(CL_EVENT_LOST, 1, 1));
  decide(s, kit_event(CL_EVENT_RETRIED, 1));
  run(s, 1, 2, CL_NO_STEP);
  struct cl_metric m[] = {{0, "acc", 0.99}};
  struct cl_event late = kit_reported(1, 1, 2, 2.5, m, 1);
  struct cl_append result;
  assert_int_equal(cl_store_append(s->b, s->study, &late, 1, &result, NULL), 0);
  assert_true(result.status == 0 && result.late);
  struct cl_event ended = kit_ended(1, 1, 0, NULL, 0);
  assert_int_equal(cl_store_append(s->b, s->study, &ended, 1, &result, NULL), 0);
  assert_true(result.status == 0 && result.late);
  struct cl_log *log = replay(s);
  const struct cl_trial *t = cl_study_trial(cl_log_study(log), 1);
  assert_true(isnan(t->value));
  assert_int_equal(t->head.state, CL_RUNNING);
  cl_log_close(log);
}

static void asha_promotion_pruning(void **state) {
  struct scene *s = *state;
  for (int64_t trial = 1; trial <= 2; trial++) {
    record(s, kit_proposed(trial, NULL, 0));
    run(s, trial, 1, 1);
    report(s, trial, 1, 1, 1, 0.25 * (double)trial);
    record(s, kit_saved(trial, 1, 1));
    struct cl_event paused = kit_event(CL_EVENT_PAUSED, trial);
    paused.cause = CL_CAUSE_RUNG;
    decide(s, paused);
    record(s, kit_ended(trial, 1, 0, NULL, 0));
  }
  assert_int_equal(head(s, 2).state, CL_PAUSED);
  struct cl_event on = kit_event(CL_EVENT_CONTINUED, 2);
  on.u.continued.until = 3;
  decide(s, on);
  assert_int_equal(head(s, 2).state, CL_WAITING);
  run(s, 2, 2, 3);
  report(s, 2, 2, 1, 3, 0.75);
  struct cl_event stopped = kit_event(CL_EVENT_STOPPED, 1);
  stopped.cause = CL_CAUSE_RUNG;
  decide(s, stopped);
  assert_int_equal(head(s, 1).state, CL_PRUNED);
  struct cl_log *log = replay(s);
  assert_true(value_of(log, 2) == 0.75 && value_of(log, 1) == 0.25);
  cl_log_close(log);
}

static int64_t exploit_event(struct scene *s, int64_t trial, int64_t snapshot, struct cl_event *ret) {
  static const struct cl_assigned values[] = {{1, {.kind = CL_REAL, .as.real = 0.125}}};
  struct cl_event ev = kit_event(CL_EVENT_EXPLOITED, trial);
  ev.cause = CL_CAUSE_EXPLOIT;
  ev.u.exploited.snapshot = snapshot;
  ev.u.exploited.values = (struct cl_assigned_list){1, values};
  ev.u.exploited.until = 4;
  *ret = ev;
  return ret->seen = kit_version(s->b, s->study, trial);
}

/* Trial 1 with a snapshot at step 2, trial 2 waiting at step 2 for a decision; the snapshot's position. */
static int64_t make_pair(struct scene *s) {
  for (int64_t trial = 1; trial <= 2; trial++) {
    record(s, kit_proposed(trial, NULL, 0));
    run(s, trial, 1, 2);
    report(s, trial, 1, 1, 2, 0.5 * (double)(3 - trial));
  }
  struct cl_event saved = kit_saved(1, 1, 2);
  saved.u.saved.rollup = (struct cl_rollup){1.0, 1.0, 1.0, 1};
  return record(s, saved);
}

static void pbt_exploit(void **state) {
  struct scene *s = *state;
  int64_t snapshot = make_pair(s);
  struct cl_event ev;
  exploit_event(s, 2, snapshot, &ev);
  int64_t change = record(s, ev);
  assert_int_equal(head(s, 2).load, change);
  struct cl_event deleted = kit_event(CL_EVENT_DELETED, 1);
  deleted.u.deleted.snapshot = snapshot;
  deleted.seen = kit_version(s->a, s->study, 1);
  assert_int_equal(kit_append(s->b, s->study, deleted, NULL), CLADE_EREFUSED); /* pinned */
  struct cl_event loaded = of_attempt(CL_EVENT_LOADED, 2, 1);
  loaded.u.loaded.change = change;
  loaded.u.loaded.snapshot = snapshot;
  record(s, loaded);
  assert_int_equal(head(s, 2).load, 0);
  struct cl_log *log = replay(s);
  assert_true(value_of(log, 2) == 1.0); /* the donor's, from the roll-up at the snapshot */
  cl_log_close(log);
  assert_int_equal(kit_append(s->b, s->study, deleted, NULL), 0);
}

static void donor_dead_source_gone(void **state) {
  struct scene *s = *state;
  int64_t snapshot = make_pair(s);
  record(s, kit_ended(1, 1, 1, NULL, 0)); /* the donor dies; its snapshot outlives it */
  struct cl_event ev;
  exploit_event(s, 2, snapshot, &ev);
  int64_t change = record(s, ev);
  struct cl_event loaded = of_attempt(CL_EVENT_LOADED, 2, 1);
  loaded.u.loaded.change = change;
  loaded.u.loaded.snapshot = snapshot;
  loaded.u.loaded.error = "no copy is left";
  record(s, loaded);
  struct cl_event voided = kit_event(CL_EVENT_VOIDED, 2);
  voided.cause = CL_CAUSE_MISSING;
  voided.u.voided.change = change;
  decide(s, voided);
  struct cl_log *log = replay(s);
  struct cl_value values[3];
  cl_trial_values(cl_log_study(log), cl_study_trial(cl_log_study(log), 2), values);
  assert_int_equal(values[0].kind, CL_ABSENT); /* as before the exploit */
  assert_int_equal(cl_study_trial(cl_log_study(log), 2)->head.state, CL_RUNNING);
  cl_log_close(log);
}

static void synchronous_generation_dead_member(void **state) {
  struct scene *s = *state;
  int64_t snapshot = make_pair(s);
  record(s, kit_ended(2, 1, 1, NULL, 0));
  assert_int_equal(head(s, 2).state, CL_FAILED);
  struct cl_event on = kit_event(CL_EVENT_CONTINUED, 1), ev;
  on.u.continued.until = 4;
  on.seen = kit_version(s->a, s->study, 1);
  exploit_event(s, 2, snapshot, &ev);
  struct cl_event generation[] = {on, ev};
  struct cl_append results[2];
  assert_int_equal(cl_store_append(s->a, s->study, generation, 2, results, NULL), 0);
  assert_true(results[0].status == 0 && results[1].status == 0);
  assert_int_equal(head(s, 2).state, CL_WAITING);
  assert_int_equal(head(s, 1).state, CL_RUNNING);
}

static void person_races_exploit(void **state) {
  struct scene *s = *state;
  int64_t snapshot = make_pair(s);
  const struct cl_assigned half[] = {{1, cl_value_real(0.5)}};
  struct cl_event ev, set = kit_event(CL_EVENT_SET, 2);
  exploit_event(s, 2, snapshot, &ev);
  set.seen = ev.seen;
  set.u.set.values = (struct cl_assigned_list){1, half};
  int64_t where = 0;
  assert_int_equal(kit_append(s->b, s->study, set, &where), 0); /* the person was first */
  int64_t newer = 0;
  assert_int_equal(kit_append(s->a, s->study, ev, &newer), CLADE_ECONFLICT);
  assert_int_equal(newer, where);
  ev.seen = newer;
  assert_int_equal(kit_append(s->a, s->study, ev, &newer), 0); /* decided again */
  set.seen = where;
  assert_int_equal(kit_append(s->b, s->study, set, &where), CLADE_ECONFLICT);
  assert_int_equal(where, newer);
}

static void undo(void **state) {
  struct scene *s = *state;
  const struct cl_assigned first[] = {{1, cl_value_real(0.25)}}, half[] = {{1, cl_value_real(0.5)}};
  record(s, kit_proposed(1, first, 1));
  struct cl_event set = kit_event(CL_EVENT_SET, 1);
  set.u.set.values = (struct cl_assigned_list){1, half};
  int64_t change = decide(s, set);
  set.cause = CL_CAUSE_UNDO;
  set.args = "{\"change\": 3}";
  set.u.set.values = (struct cl_assigned_list){1, first};
  set.seen = change;
  assert_int_equal(kit_append(s->b, s->study, set, NULL), 0);
  assert_int_equal(kit_append(s->b, s->study, set, NULL), CLADE_ECONFLICT);
  struct cl_log *log = replay(s);
  struct cl_value values[3];
  cl_trial_values(cl_log_study(log), cl_study_trial(cl_log_study(log), 1), values);
  assert_true(values[0].as.real == 0.25);
  cl_log_close(log);
}

static void update_of_trials(void **state) {
  struct scene *s = *state;
  for (int i = 0; i < 3; i++) kit_finish_trial(s->a, s->study, 0.5);
  struct cl_event ev = kit_event(CL_EVENT_UPDATED, 0);
  ev.u.updated.space_version = 1;
  ev.u.updated.settings = "{\"trials\": 2}";
  ev.seen = kit_version(s->a, s->study, 0);
  assert_int_equal(kit_append(s->a, s->study, ev, NULL), CLADE_EREFUSED);
  ev.u.updated.settings = "{\"trials\": 3}";
  assert_int_equal(kit_append(s->a, s->study, ev, NULL), 0);
  assert_int_equal(kit_append(s->b, s->study, kit_proposed(4, NULL, 0), NULL), CLADE_EBUDGET);
  assert_int_equal(kit_append(s->b, s->study, ev, NULL), CLADE_ECONFLICT); /* somebody else has updated */
  ev.seen = kit_version(s->a, s->study, 0);
  ev.u.updated.settings = "{\"trials\": 4}";
  assert_int_equal(kit_append(s->b, s->study, ev, NULL), 0);
  kit_finish_trial(s->a, s->study, 0.5);
}

static void enqueue_foreign(void **state) {
  struct scene *s = *state;
  const struct cl_assigned values[] = {{1, cl_value_real(0.25)}};
  static const double objectives[] = {0.99, 0.5};
  struct cl_event ev = kit_event(CL_EVENT_IMPORTED, 1);
  ev.u.imported.origin = "uuid-of-another";
  ev.u.imported.trial = 12;
  ev.u.imported.values = (struct cl_assigned_list){1, values};
  ev.u.imported.state = CL_COMPLETE;
  ev.u.imported.objectives = (struct cl_number_list){2, objectives};
  ev.u.imported.last_step = 5;
  record(s, ev);
  report(s, 1, 0, 1, 1.5, 0.5); /* its curve follows */
  ev = kit_proposed(2, values, 1);
  ev.cause = CL_CAUSE_ENQUEUE;
  ev.args = "{\"given\": [1]}";
  ev.u.proposed.role = CL_ROLE_ENQUEUED;
  record(s, ev);
  struct cl_log *log = replay(s);
  assert_true(value_of(log, 1) == 0.99);
  assert_int_equal(cl_study_best(cl_log_study(log)), 0); /* foreign ones are never the best */
  assert_int_equal(cl_study_enqueued(cl_log_study(log)), 1);
  assert_int_equal(cl_study_head(cl_log_study(log))->counted, 1);
  cl_log_close(log);
}

static void conditional_many_objectives(void **state) {
  struct scene *s = *state;
  const struct cl_assigned some[] = {{3, cl_value_int(7)}};
  static const double objectives[] = {0.5, 12.5};
  record(s, kit_proposed(1, some, 1));
  run(s, 1, 1, CL_NO_STEP);
  record(s, kit_ended(1, 1, 0, objectives, 2));
  struct kit_events read;
  kit_read(s->b, s->study, NULL, &read);
  assert_int_equal(read.items[1]->u.proposed.values.n, 1); /* an inactive one is not there at all */
  assert_int_equal(read.items[3]->u.ended.objectives.n, 2);
  assert_true(read.items[3]->u.ended.objectives.items[1] == 12.5);
  kit_events_done(&read);
}

static void step_goes_back_diverged_retried(void **state) {
  struct scene *s = *state;
  record(s, kit_proposed(1, NULL, 0));
  run(s, 1, 1, CL_NO_STEP);
  report(s, 1, 1, 1, 2.5, NAN);
  struct cl_metric m[] = {{0, "acc", 0.5}};
  assert_int_equal(kit_append(s->b, s->study, kit_reported(1, 1, 2, 1.5, m, 1), NULL), CLADE_EREFUSED);
  assert_int_equal(head(s, 1).reports, 1);
  record(s, kit_ended(1, 1, 0, NULL, 0));
  assert_int_equal(head(s, 1).state, CL_DIVERGED);
  struct cl_event ev = kit_event(CL_EVENT_RETRIED, 1);
  ev.seen = kit_version(s->a, s->study, 1);
  assert_int_equal(kit_append(s->a, s->study, ev, NULL), CLADE_EREFUSED);
  exploit_event(s, 1, 0, &ev);
  record(s, ev);
  assert_int_equal(head(s, 1).state, CL_WAITING);
}

static void preempted_elsewhere(void **state) {
  struct scene *s = *state;
  record(s, kit_proposed(1, NULL, 0));
  run(s, 1, 1, CL_NO_STEP);
  report(s, 1, 1, 1, 2, 0.5);
  struct cl_event ev = kit_event(CL_EVENT_PREEMPTING, 1);
  ev.cause = CL_CAUSE_SIGNAL;
  decide(s, ev);
  int64_t snapshot = record(s, kit_saved(1, 1, 2));
  record(s, kit_ended(1, 1, 75, NULL, 0));
  assert_int_equal(head(s, 1).state, CL_PREEMPTED);
  decide(s, kit_event(CL_EVENT_RETRIED, 1));
  ev = kit_started(1, 2, 0);
  ev.u.started.worker = 2;
  ev.u.started.from = snapshot;
  decide(s, ev);
  report(s, 1, 2, 1, 3, 0.75);
  assert_int_equal(head(s, 1).tries, 0); /* progress */
}

static void disk_budget(void **state) {
  struct scene *s = *state;
  int64_t snapshot = make_pair(s);
  struct cl_event ev = kit_event(CL_EVENT_DELETED, 1);
  ev.cause = CL_CAUSE_BUDGET;
  ev.u.deleted.snapshot = snapshot;
  decide(s, ev);
  struct cl_log *log = replay(s);
  assert_false(cl_study_snapshot(cl_log_study(log), snapshot)->usable);
  cl_log_close(log);
}

static int append_text(void *ctx, const struct cl_event *ev) {
  cl_event_write_json(ev, ctx);
  cl_text_add_char(ctx, '\n');
  return 0;
}

/* JSON Lines, read back into another store: the same positions, so that as_of, seen and references hold. */
static void export(void **state) {
  struct scene *s = *state;
  int64_t snapshot = make_pair(s), other = 0;
  struct cl_event change;
  exploit_event(s, 2, snapshot, &change);
  record(s, change);
  kit_finish_trial(s->a, s->study, 0.5);
  struct cl_text lines = {0}, again = {0};
  assert_int_equal(cl_store_read(s->b, s->study, &(struct cl_read){0}, append_text, &lines, NULL), 0);
  struct cl_store *copy = kit_open(KIT_MEMORY, NULL);
  char *rest = lines.bytes;
  for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
    json_t *node = json_loads(line, 0, NULL);
    struct cl_event ev;
    void *memory = NULL;
    assert_int_equal(cl_event_from_json(node, &ev, &memory, NULL), 0);
    int64_t want = ev.position, got = 1;
    if (ev.kind == CL_EVENT_CREATED)
      assert_int_equal(cl_store_create(copy, &ev, &other, NULL), 0);
    else
      got = kit_appended(copy, other, ev);
    assert_int_equal(got, want);
    cl_free(memory);
    json_decref(node);
  }
  cl_text_clear(&lines);
  assert_int_equal(cl_store_read(s->b, s->study, &(struct cl_read){0}, append_text, &lines, NULL), 0);
  assert_int_equal(cl_store_read(copy, other, &(struct cl_read){0}, append_text, &again, NULL), 0);
  assert_string_equal(cl_text_get(&lines), cl_text_get(&again));
  struct cl_event created = kit_created("digits", 6);
  assert_int_equal(cl_store_create(copy, &created, &other, NULL), CLADE_EEXISTS);
  cl_store_close(copy);
  cl_text_done(&lines);
  cl_text_done(&again);
}

static void tags_notes_provenance(void **state) {
  struct scene *s = *state;
  int64_t trial = kit_finish_trial(s->a, s->study, 0.5), version = head(s, trial).version;
  struct cl_event ev = kit_event(CL_EVENT_NOTE, trial);
  ev.u.note.what = CL_NOTE_TAG;
  ev.u.note.name = "good";
  record(s, ev);
  ev.u.note.what = CL_NOTE_UNTAG;
  record(s, ev);
  assert_int_equal(head(s, trial).version, version); /* annotation only */
  ev.subject = 99;
  assert_int_equal(kit_append(s->a, s->study, ev, NULL), CLADE_EREFUSED);
}

#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {SCENARIO(random_search),
                                     SCENARIO(two_engines_last_trial),
                                     SCENARIO(killed_between_12_and_spawn),
                                     SCENARIO(killed_after_spawn),
                                     SCENARIO(killed_between_end_and_37),
                                     SCENARIO(superseded_attempt_still_reports),
                                     SCENARIO(asha_promotion_pruning),
                                     SCENARIO(pbt_exploit),
                                     SCENARIO(donor_dead_source_gone),
                                     SCENARIO(synchronous_generation_dead_member),
                                     SCENARIO(person_races_exploit),
                                     SCENARIO(undo),
                                     SCENARIO(update_of_trials),
                                     SCENARIO(enqueue_foreign),
                                     SCENARIO(conditional_many_objectives),
                                     SCENARIO(step_goes_back_diverged_retried),
                                     SCENARIO(preempted_elsewhere),
                                     SCENARIO(disk_budget),
                                     SCENARIO(export),
                                     SCENARIO(tags_notes_provenance)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
