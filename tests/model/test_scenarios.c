/* The scenarios of the log's rules, played on a replica alone. Each test is called as its scenario. */
#include "cmocka_all.h"
#include "history.h"

static const double run_freely = CL_NO_STEP;

static void propose_two(struct history *h) {
  (void)say(h, proposing(1, CL_ROLE_SEARCH, 0.5, "adam"));
  (void)say(h, proposing(2, CL_ROLE_SEARCH, 0.25, "sgd"));
}

/* Two members that run on worker 1, `donor` (trial 1) with a snapshot at its step; its position. */
static int64_t run_two(struct history *h, double until) {
  propose_two(h);
  (void)say(h, starting(h, 1, 1, 0, until));
  (void)say(h, starting(h, 2, 1, 0, until));
  (void)say(h, reporting(h, 1, 3, 0.75));
  int64_t snapshot = say(h, saving(h, 1, 3, CL_WAY_DIRECTORY));
  (void)say(h, reporting(h, 2, 3, 0.25));
  return snapshot;
}

static void random_search_and_dgd_repeats(void **state) {
  (void)state;
  struct history h = history_begin(9, "", "");
  int64_t first = 0;
  (void)say(&h, proposing(1, CL_ROLE_SEARCH, 0.5, "adam"));
  struct cl_event again = proposing(2, CL_ROLE_SEARCH, 0.5, "adam");
  again.u.proposed.of = 1;
  again.u.proposed.repeat = 1;
  (void)say(&h, again);
  (void)say(&h, proposing(3, CL_ROLE_SEARCH, 0.25, "adam"));
  assert_int_equal(cl_study_configuration(h.s, 2, &first, NULL), 0);
  assert_int_equal(first, 1);
  assert_int_equal(cl_study_next_repeat(h.s, 1), 2);
  const struct cl_trial *a = cl_study_trial(h.s, 1), *b = cl_study_trial(h.s, 2);
  assert_true(cl_trial_seed(h.s, a) != cl_trial_seed(h.s, b));
  assert_int_equal(cl_study_pending(h.s), 3);
  (void)say(&h, starting(&h, 1, 1, 0, run_freely));
  assert_int_equal(cl_study_pending(h.s), 3); /* WAITING and RUNNING hold a slot … */
  (void)say(&h, about(CL_EVENT_PAUSED, 1, CL_CAUSE_HUMAN));
  assert_int_equal(cl_study_pending(h.s), 2);      /* … PAUSED does not, */
  assert_true(cl_state_is_pending(a->head.state)); /* and yet it is pending */
  struct cl_assigned edit = {1, cl_value_real(0.25)};
  (void)say(&h, setting(2, CL_CAUSE_HUMAN, &edit, run_freely));
  assert_int_equal(cl_study_configuration(h.s, 3, &first, NULL), 0);
  assert_int_equal(first, 2); /* values are the configuration, whoever wrote them */
  history_end(&h);
}

static void two_engines_last_trial(void **state) {
  (void)state;
  struct history h = history_begin(2, "", "");
  (void)say(&h, proposing(1, CL_ROLE_ENQUEUED, 0.5, "adam"));
  struct cl_event mine = proposing(2, CL_ROLE_SEARCH, 0.1, "adam"),
                  other = proposing(2, CL_ROLE_SEARCH, 0.2, "sgd");
  (void)say(&h, mine);
  assert_int_equal(history_try(&h, other), CLADE_ECONFLICT);
  assert_int_equal(history_try(&h, proposing(3, CL_ROLE_SEARCH, 0.2, "sgd")), CLADE_EBUDGET);
  assert_int_equal(cl_study_head(h.s)->counted, 2);
  history_end(&h);
}

static void killed_between_start_and_spawn(void **state) {
  (void)state;
  struct history h = history_begin(2, "", "");
  propose_two(&h);
  (void)say(&h, starting(&h, 1, 1, 0, run_freely));
  (void)say(&h, losing(&h, 1)); /* the lock is free, nothing else is there */
  assert_int_equal(state_of(&h, 1), CL_LOST);
  (void)say(&h, about(CL_EVENT_RETRIED, 1, CL_CAUSE_RESUME));
  assert_int_equal(cl_study_first_waiting(h.s), 2); /* it queues up behind the others */
  (void)say(&h, starting(&h, 1, 2, 0, run_freely));
  assert_int_equal(cl_study_trial(h.s, 1)->head.attempt, 2);
  assert_int_equal(cl_study_trial(h.s, 1)->head.worker, 2);
  history_end(&h);
}

static void killed_after_spawn(void **state) {
  (void)state;
  struct history h = history_begin(2, "", "");
  propose_two(&h);
  (void)say(&h, starting(&h, 1, 1, 0, run_freely));
  (void)say(&h, reporting(&h, 1, 1, 0.5));
  struct cl_event adopted = fact(&h, CL_EVENT_ADOPTED, 1);
  adopted.u.adopted.worker = 2; /* the lock is held: another worker follows the process */
  (void)say(&h, adopted);
  assert_int_equal(cl_study_trial(h.s, 1)->head.worker, 2);
  assert_int_equal(history_try(&h, reporting(&h, 1, 2, 0.75)) > 0, 1);
  (void)say(&h, ending(&h, 1, 0)); /* its `exit` file was written */
  assert_int_equal(state_of(&h, 1), CL_COMPLETE);
  assert_true(value_of(&h, 1) == 0.75);
  (void)say(&h, starting(&h, 2, 1, 0, run_freely));
  struct cl_event unseen = ending(&h, 2, 0);
  unseen.u.ended.known = false;
  assert_int_equal(history_try(&h, unseen),
                   CLADE_EREFUSED); /* nobody saw it, and it was not done: it is lost */
  (void)say(&h, losing(&h, 2));
  history_end(&h);
}

static void killed_between_end_and_its_fact(void **state) {
  (void)state;
  struct history h = history_begin(2, "", "");
  propose_two(&h);
  (void)say(&h, starting(&h, 1, 1, 0, run_freely));
  (void)say(&h, reporting(&h, 1, 1, 0.5));
  (void)say(&h, fact(&h, CL_EVENT_DONE, 1));
  assert_int_equal(state_of(&h, 1), CL_COMPLETE);
  struct cl_event unseen = ending(&h, 1, 0);
  unseen.u.ended.known = false;
  (void)say(&h, unseen);
  assert_int_equal(state_of(&h, 1), CL_COMPLETE);
  assert_int_equal(cl_study_trial(h.s, 1)->exit_status, -1);
  assert_false(cl_study_trial(h.s, 1)->head.flags & CL_ATTEMPT_OPEN);
  assert_int_equal(history_try(&h, unseen), 0); /* told twice: it stands once */
  history_end(&h);
}

static void superseded_attempt_still_reports(void **state) {
  (void)state;
  struct history h = history_begin(2, "", "");
  propose_two(&h);
  (void)say(&h, starting(&h, 1, 1, 0, run_freely));
  (void)say(&h, reporting(&h, 1, 1, 0.25));
  struct cl_event stray = reporting(&h, 1, 9, 0.99);
  struct cl_event save = saving(&h, 1, 9, CL_WAY_DIRECTORY), end = ending(&h, 1, 3);
  (void)say(&h, losing(&h, 1));
  (void)say(&h, about(CL_EVENT_RETRIED, 1, CL_CAUSE_RESUME));
  (void)say(&h, starting(&h, 1, 2, 0, run_freely));
  (void)say(&h, reporting(&h, 1, 1, 0.5));
  uint64_t before = digest_of(h.s);
  int64_t version = cl_study_trial(h.s, 1)->head.version;
  (void)say(&h, stray);
  int64_t snapshot = say(&h, save);
  (void)say(&h, end);
  const struct cl_trial *t = cl_study_trial(h.s, 1);
  assert_true(h.log[h.n - 1]->late && h.log[h.n - 2]->late && h.log[h.n - 3]->late);
  assert_true(t->value == 0.5 && t->head.step == 1 && t->head.furthest == 1);
  assert_int_equal(t->head.version, version);
  assert_int_equal(t->exit_status, -1); /* that of the other attempt is its own affair */
  assert_true(cl_study_snapshot(h.s, snapshot)->late);
  assert_int_equal(resume_of(&h, 1), 0);
  assert_true(before != digest_of(h.s)); /* the position has moved, of course */
  assert_int_equal(history_try(&h, stray), 0);
  (void)say(&h, ending(&h, 1, 0));
  assert_int_equal(state_of(&h, 1), CL_COMPLETE);
  assert_int_equal(t->exit_status, 0);
  history_end(&h);
}

static void asha_promotion(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  propose_two(&h);
  (void)say(&h, starting(&h, 1, 1, 0, 3));
  (void)say(&h, reporting(&h, 1, 3, 0.5));
  int64_t snapshot = say(&h, saving(&h, 1, 3, CL_WAY_DIRECTORY));
  struct cl_event paused = about(CL_EVENT_PAUSED, 1, CL_CAUSE_RUNG);
  (void)say(&h, paused);
  (void)say(&h, ending(&h, 1, 0)); /* saved, then 0: paused it stays, for it has reached `until` */
  assert_int_equal(state_of(&h, 1), CL_PAUSED);
  assert_true(value_of(&h, 1) == 0.5);
  struct cl_event on = about(CL_EVENT_CONTINUED, 1, CL_CAUSE_RUNG);
  on.u.continued.until = 9;
  (void)say(&h, on);
  assert_int_equal(state_of(&h, 1), CL_WAITING);
  assert_int_equal(resume_of(&h, 1), snapshot);
  (void)say(&h, starting(&h, 1, 2, snapshot, 9));
  assert_true(value_of(&h, 1) == 0.5); /* the roll-up goes on from the snapshot's */
  assert_int_equal(history_try(&h, reporting(&h, 1, 2, 0.1)) > 0, 1); /* a new segment begins at any step */
  (void)say(&h, reporting(&h, 1, 9, 0.25));
  assert_true(value_of(&h, 1) == 0.5); /* reduce: best */
  history_end(&h);
}

static void asha_promotion_of_a_process_that_was_kept(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  propose_two(&h);
  (void)say(&h, starting(&h, 1, 1, 0, 3));
  (void)say(&h, fact(&h, CL_EVENT_CONNECTED, 1));
  (void)say(&h, reporting(&h, 1, 3, 0.5));
  (void)say(&h, about(CL_EVENT_PAUSED, 1, CL_CAUSE_RUNG));
  assert_int_equal(history_try(&h, reporting(&h, 1, 3, 0.5)) > 0, 1); /* its process may say more */
  (void)say(&h, about(CL_EVENT_CONTINUED, 1, CL_CAUSE_RUNG));
  assert_int_equal(state_of(&h, 1), CL_WAITING);
  assert_int_equal(history_try(&h, fact(&h, CL_EVENT_DONE, 1)), CLADE_EREFUSED);
  assert_int_equal(history_try(&h, starting(&h, 1, 2, 0, 9)), CLADE_EREFUSED); /* the process is worker 1's */
  (void)say(&h, starting(&h, 1, 1, 0, 9));
  const struct cl_trial *t = cl_study_trial(h.s, 1);
  assert_true(t->head.attempt == 1 && t->head.reports == 2 && t->head.until == 9);
  assert_true(t->value == 0.5 && t->record != 0);                              /* the same state trains on */
  assert_int_equal(history_try(&h, reporting(&h, 1, 2, 0.1)), CLADE_EREFUSED); /* in the same segment */
  (void)say(&h, about(CL_EVENT_PAUSED, 1, CL_CAUSE_RUNG));
  (void)say(&h, about(CL_EVENT_CONTINUED, 1, CL_CAUSE_RUNG));
  (void)say(&h, ending(&h, 1, 1)); /* it dies while it waits */
  assert_int_equal(state_of(&h, 1), CL_WAITING);
  (void)say(&h, starting(&h, 1, 2, 0, 9));
  assert_int_equal(t->head.attempt, 2);
  history_end(&h);
}

static void pruning(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  propose_two(&h);
  (void)say(&h, starting(&h, 1, 1, 0, 1));
  (void)say(&h, reporting(&h, 1, 1, 0.5));
  (void)say(&h, about(CL_EVENT_STOPPED, 1, CL_CAUSE_RUNG));
  assert_int_equal(state_of(&h, 1), CL_PRUNED);
  assert_int_equal(cl_study_best(h.s), 1); /* with its last value */
  (void)say(&h, reporting(&h, 1, 2, 0.9));
  assert_true(h.log[h.n - 1]->late && value_of(&h, 1) == 0.5);
  assert_int_equal(history_try(&h, loading(&h, 1, 4, 0, NULL)) > 0, 1);
  assert_true(h.log[h.n - 1]->late && value_of(&h, 1) == 0.5); /* nothing is loaded into what has ended */
  (void)say(&h, ending(&h, 1, 76));
  assert_int_equal(state_of(&h, 1), CL_PRUNED);
  assert_int_equal(history_try(&h, about(CL_EVENT_STOPPED, 1, CL_CAUSE_HUMAN)), CLADE_EREFUSED);
  history_end(&h);
}

static void pbt_exploit_of_a_connected_trial(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  int64_t snapshot = run_two(&h, 3);
  const struct cl_assigned taken[] = {{1, cl_value_real(0.6)}, {2, cl_value_text("adam")}};
  const struct cl_trial *t = cl_study_trial(h.s, 2);
  int64_t change = say(&h, exploiting(2, snapshot, taken, 2, 6));
  assert_true(t->head.state == CL_RUNNING && t->head.load == change && t->head.source == snapshot);
  assert_true(cl_head_wants_load(&t->head));
  assert_int_equal(pins_of(&h, snapshot), 1);
  struct cl_event away = about(CL_EVENT_DELETED, 1, CL_CAUSE_BUDGET);
  away.u.deleted.snapshot = snapshot;
  assert_int_equal(history_try(&h, away), CLADE_EREFUSED);
  (void)say(&h, loading(&h, 2, change, snapshot, NULL));
  assert_true(t->head.load == 0 && t->head.attempt == 1 && pins_of(&h, snapshot) == 0);
  assert_true(t->value == 0.75 && isnan(t->head.step)); /* a segment of the donor's state */
  assert_true(isnan(cl_trial_objective(t, 1)));
  assert_int_equal(cl_trial_donor(t), snapshot);
  (void)say(&h, away);
  assert_false(cl_study_snapshot(h.s, snapshot)->usable);
  assert_int_equal(resume_of(&h, 2), 0); /* gone, and it has none of its own */
  assert_int_equal(history_try(&h, loading(&h, 2, change, snapshot, NULL)), 0);
  history_end(&h);
}

static void pbt_exploit_of_a_paused_or_dead_trial(void **state) {
  (void)state;
  for (int dead = 0; dead < 2; dead++) {
    struct history h = history_begin(4, "", "");
    int64_t snapshot = run_two(&h, 3);
    const struct cl_assigned taken[] = {{1, cl_value_real(0.6)}};
    (void)say(&h, dead ? losing(&h, 2) : about(CL_EVENT_PAUSED, 2, CL_CAUSE_RUNG));
    if (!dead) (void)say(&h, ending(&h, 2, 0));
    (void)say(&h, exploiting(2, snapshot, taken, 1, 6));
    assert_int_equal(state_of(&h, 2), CL_WAITING);
    assert_int_equal(resume_of(&h, 2), snapshot);
    assert_int_equal(pins_of(&h, snapshot), 1);
    int64_t start = say(&h, starting(&h, 2, 2, snapshot, 6));
    const struct cl_trial *t = cl_study_trial(h.s, 2);
    assert_true(!cl_head_wants_load(&t->head) && t->head.attempt == 2 && t->value == 0.75);
    assert_int_equal(pins_of(&h, snapshot), 1); /* until it has read it */
    (void)say(&h, loading(&h, 2, start, snapshot, NULL));
    assert_true(t->head.load == 0);
    assert_int_equal(pins_of(&h, snapshot), 0);
    history_end(&h);
  }
}

/* A process that runs makes room as one that is paused: its end would else be the trial's. */
static void pbt_exploit_by_fork(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  propose_two(&h);
  (void)say(&h, starting(&h, 1, 1, 0, 3));
  (void)say(&h, starting(&h, 2, 1, 0, 3));
  (void)say(&h, reporting(&h, 1, 3, 0.75));
  int64_t twin = say(&h, saving(&h, 1, 3, CL_WAY_FORK));
  (void)say(&h, reporting(&h, 2, 3, 0.25));
  assert_int_equal(resume_of(&h, 1), twin);
  const struct cl_assigned taken[] = {{1, cl_value_real(0.6)}};
  (void)say(&h, about(CL_EVENT_PAUSED, 2, CL_CAUSE_EXPLOIT));
  (void)say(&h, exploiting(2, twin, taken, 1, 6));
  struct cl_event early = starting(&h, 2, 1, twin, 6);
  early.attempt = 2;
  assert_int_equal(history_try(&h, early), CLADE_EREFUSED); /* the old process has not ended */
  (void)say(&h, ending(&h, 2, 76));
  int64_t start = say(&h, starting(&h, 2, 1, twin, 6)); /* the twin is the loser's next attempt */
  (void)say(&h, fact(&h, CL_EVENT_CONNECTED, 2));
  assert_true(cl_study_trial(h.s, 2)->head.attempt == 2 && value_of(&h, 2) == 0.75);
  struct cl_event gone = about(CL_EVENT_DELETED, 1, CL_CAUSE_MISSING);
  gone.u.deleted.snapshot = twin;
  (void)say(&h, loading(&h, 2, start, twin, NULL));
  (void)say(&h, gone);
  assert_int_equal(resume_of(&h, 1), 0); /* a twin does not survive the machine */
  history_end(&h);
}

static void donor_dead_or_source_gone(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  int64_t snapshot = run_two(&h, 3);
  const struct cl_assigned taken[] = {{1, cl_value_real(0.6)}};
  (void)say(&h, losing(&h, 1)); /* its snapshot outlives it */
  int64_t change = say(&h, exploiting(2, snapshot, taken, 1, 6));
  struct cl_event wrong = about(CL_EVENT_VOIDED, 2, CL_CAUSE_MISSING);
  wrong.u.voided.change = change - 1;
  assert_int_equal(history_try(&h, wrong), CLADE_EREFUSED);
  (void)say(&h, loading(&h, 2, change, snapshot, "no such directory"));
  const struct cl_trial *t = cl_study_trial(h.s, 2);
  assert_true(t->head.load == change && !cl_head_wants_load(&t->head));
  assert_true(t->value == 0.25 && t->head.step == 3); /* nothing was loaded */
  struct cl_event gone = about(CL_EVENT_VOIDED, 2, CL_CAUSE_MISSING);
  gone.u.voided.change = change;
  (void)say(&h, gone);
  assert_true(t->head.load == 0 && t->head.until == -INFINITY); /* it asks again, at the same report */
  assert_true(parameter(&h, 2, 0).as.real == 0.25);
  assert_string_equal(parameter(&h, 2, 1).as.text, "sgd");
  assert_int_equal(cl_trial_donor(t), 0);
  assert_int_equal(resume_of(&h, 2), 0);
  assert_int_equal(history_try(&h, gone), CLADE_EREFUSED);
  int64_t second = say(&h, exploiting(2, snapshot, taken, 1, 6)); /* decided again */
  (void)say(&h, loading(&h, 2, second, snapshot, NULL));
  gone.u.voided.change = second;
  assert_int_equal(history_try(&h, gone), CLADE_EREFUSED); /* too late: it is loaded */
  history_end(&h);
}

/* The member was paused or dead, so that it is started from the donor's state, and cannot read it. */
static void a_start_that_cannot_load_gives_the_segment_before_back(void **state) {
  (void)state;
  for (int way = 0; way < 3; way++) { /* it says so; in its second attempt; or it reports, which ends that */
    struct history h = history_begin(4, "", "");
    int64_t snapshot = run_two(&h, 3);
    const struct cl_assigned taken[] = {{1, cl_value_real(0.6)}};
    const struct cl_trial *t = cl_study_trial(h.s, 2);
    int64_t own = say(&h, saving(&h, 2, 3, CL_WAY_DIRECTORY)), record = t->record;
    (void)say(&h, losing(&h, 2));
    int64_t change = say(&h, exploiting(2, snapshot, taken, 1, 6));
    int64_t start = say(&h, starting(&h, 2, 2, snapshot, 6));
    if (way == 1) {
      (void)say(&h, losing(&h, 2));
      assert_false(cl_head_failed_to_load(&t->head)); /* it may only have died */
      (void)say(&h, about(CL_EVENT_RETRIED, 2, CL_CAUSE_RESUME));
      assert_int_equal(resume_of(&h, 2), snapshot);
      start = say(&h, starting(&h, 2, 2, snapshot, 6));
    }
    struct cl_event gone = about(CL_EVENT_VOIDED, 2, CL_CAUSE_MISSING);
    gone.u.voided.change = change;
    if (way == 2) {
      (void)say(&h, reporting(&h, 2, 4, 0.8));
      assert_int_equal(history_try(&h, gone), CLADE_EREFUSED);
      history_end(&h);
      continue;
    }
    (void)say(&h, loading(&h, 2, start, snapshot, "not a state of mine"));
    assert_true(cl_head_failed_to_load(&t->head) && t->value == 0.75);
    assert_int_equal(pins_of(&h, snapshot), 0);
    (void)say(&h, gone);
    assert_true(t->head.load == 0 && t->head.until == -INFINITY && (t->head.flags & CL_FLAG_VOIDED));
    assert_true(t->value == 0.25 && t->record == record && parameter(&h, 2, 0).as.real == 0.25);
    assert_int_equal(resume_of(&h, 2), own);
    struct cl_event on = about(CL_EVENT_CONTINUED, 2, CL_CAUSE_EXPLOIT);
    on.u.continued.until = 6;
    (void)say(&h, on);
    assert_false(t->head.flags & CL_FLAG_VOIDED);
    history_end(&h);
  }
}

static void a_load_that_was_replaced_or_is_not_needed_pins_nothing(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  int64_t first = run_two(&h, 3);
  (void)say(&h, reporting(&h, 1, 4, 0.8));
  int64_t second = say(&h, saving(&h, 1, 4, CL_WAY_DIRECTORY));
  const struct cl_assigned taken[] = {{1, cl_value_real(0.6)}}, more[] = {{1, cl_value_real(0.7)}};
  (void)say(&h, exploiting(2, first, taken, 1, 6));
  int64_t change = say(&h, exploiting(2, second, more, 1, 6));
  assert_true(pins_of(&h, first) == 0 && pins_of(&h, second) == 1);
  struct cl_event undone = about(CL_EVENT_VOIDED, 2, CL_CAUSE_MISSING);
  undone.u.voided.change = change;
  (void)say(&h, undone);
  assert_true(pins_of(&h, second) == 0 && parameter(&h, 2, 0).as.real == 0.6);
  (void)say(&h, exploiting(2, second, more, 1, 6));
  (void)say(&h, ending(&h, 2, 75)); /* it ends before it has loaded: the next attempt will */
  assert_int_equal(pins_of(&h, second), 1);
  (void)say(&h, about(CL_EVENT_RETRIED, 2, CL_CAUSE_RESUME));
  assert_int_equal(resume_of(&h, 2), second);
  (void)say(&h, starting(&h, 2, 1, second, 6));
  (void)say(&h, ending(&h, 2, 1)); /* FAILED for good */
  assert_int_equal(pins_of(&h, second), 0);
  history_end(&h);
}

static void synchronous_generation_with_a_dead_member(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  int64_t snapshot = run_two(&h, 3);
  (void)say(&h, proposing(3, CL_ROLE_SEARCH, 0.125, "adam"));
  (void)say(&h, starting(&h, 3, 2, 0, 3));
  (void)say(&h, losing(&h, 3)); /* it will never reach the barrier */
  struct cl_event on = about(CL_EVENT_CONTINUED, 1, CL_CAUSE_GENERATION);
  on.u.continued.until = 6;
  (void)say(&h, on);
  const struct cl_assigned taken[] = {{1, cl_value_real(0.6)}};
  (void)say(&h, exploiting(2, snapshot, taken, 1, 6));
  (void)say(&h, exploiting(3, snapshot, taken, 1, 6));
  assert_int_equal(state_of(&h, 1), CL_RUNNING);
  assert_int_equal(state_of(&h, 2), CL_RUNNING);
  assert_int_equal(state_of(&h, 3), CL_WAITING);
  assert_int_equal(pins_of(&h, snapshot), 2);
  assert_true(cl_study_trial(h.s, 1)->head.until == 6);
  history_end(&h);
}

static void epbt(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  int64_t snapshot = run_two(&h, 3);
  const struct cl_assigned genes[] = {
      {1, cl_value_real(0.6)}, {2, cl_value_text("sgd")}, {3, cl_value_real(0.5)}};
  struct cl_event child = exploiting(2, snapshot, genes, 3, 6);
  child.u.exploited.with = 1;
  child.u.exploited.infeasible = true; /* its loss breaks a rule */
  (void)say(&h, child);
  assert_int_equal(state_of(&h, 2), CL_INFEASIBLE);
  assert_true(cl_study_trial(h.s, 2)->result == (int64_t)h.n);
  (void)say(&h, ending(&h, 2, 76));
  assert_int_equal(state_of(&h, 2), CL_INFEASIBLE);
  child.u.exploited.infeasible = false;
  child.seen = 0;
  (void)say(&h, child); /* revived in the next generation */
  assert_int_equal(state_of(&h, 2), CL_WAITING);
  assert_int_equal(cl_study_trial(h.s, 2)->result, 0);
  assert_int_equal(pins_of(&h, snapshot), 1);
  assert_true(parameter(&h, 2, 2).as.real == 0.5);
  history_end(&h);
}

static void mf_pbt_takes_weights_from_one_and_values_from_another(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  int64_t snapshot = run_two(&h, 3);
  const struct cl_assigned own[] = {{1, cl_value_real(0.25)}, {2, cl_value_text("sgd")}};
  struct cl_event ev = exploiting(2, 0, own, 2, 6);
  ev.u.exploited.with = 1;
  (void)say(&h, ev); /* values alone: nothing to load */
  const struct cl_trial *t = cl_study_trial(h.s, 2);
  assert_true(t->head.load == 0 && t->head.source == 0 && t->value == 0.25);
  ev = exploiting(2, snapshot, own, 2, 6);
  ev.u.exploited.with = 2;
  int64_t change = say(&h, ev);
  (void)say(&h, loading(&h, 2, change, snapshot, NULL));
  assert_true(t->value == 0.75 && parameter(&h, 2, 0).as.real == 0.25);
  history_end(&h);
}

static void pb2_data(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  (void)run_two(&h, 3);
  struct cl_event clock = about(CL_EVENT_CLOCK, 0, CL_CAUSE_NONE);
  clock.u.clock.seconds = 23.85;
  (void)say(&h, clock);
  const struct cl_assigned next = {1, cl_value_real(0.375)};
  (void)say(&h, setting(2, CL_CAUSE_EXPLORE, &next, 6));
  struct cl_study *before = history_fold(&h, h.n - 1);
  struct cl_value then[3];
  cl_trial_values(before, cl_study_trial(before, 2), then); /* the values in force at the report */
  assert_true(then[0].as.real == 0.25 && parameter(&h, 2, 0).as.real == 0.375);
  assert_true(cl_study_trial(h.s, 2)->head.until == 6);
  cl_study_destroy(before);
  history_end(&h);
}

static void person_races_exploit(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  int64_t snapshot = run_two(&h, 3), seen = cl_study_trial(h.s, 2)->head.version;
  static const double ids[] = {1, 1e300, -3, 77};
  struct cl_event held = about(CL_EVENT_HELD, 2, CL_CAUSE_HUMAN);
  held.u.held.ids = (struct cl_number_list){4, ids};
  held.u.held.on = true;
  (void)say(&h, held);
  assert_true(cl_trial_is_held(h.s, cl_study_trial(h.s, 2), 0));
  assert_false(cl_trial_is_held(h.s, cl_study_trial(h.s, 2), 1));
  assert_false(cl_trial_is_held(h.s, cl_study_trial(h.s, 1), 0));
  const struct cl_assigned taken[] = {{1, cl_value_real(0.25)}, {2, cl_value_text("adam")}};
  struct cl_event exploit = exploiting(2, snapshot, taken, 2, 6);
  exploit.seen = seen;
  assert_int_equal(history_try(&h, exploit), CLADE_ECONFLICT); /* decided before the hold was known */
  exploit.seen = 0;
  (void)say(&h, exploit);
  const struct cl_assigned edit = {1, cl_value_real(0.01)};
  struct cl_event person = setting(2, CL_CAUSE_HUMAN, &edit, 6);
  person.seen = seen;
  assert_int_equal(history_try(&h, person), CLADE_ECONFLICT);
  person.seen = 0;
  (void)say(&h, person); /* an absolute edit, checked anew on the new values */
  assert_true(parameter(&h, 2, 0).as.real == 0.01);
  struct cl_event gone = about(CL_EVENT_VOIDED, 2, CL_CAUSE_MISSING);
  gone.u.voided.change = cl_study_trial(h.s, 2)->head.load;
  (void)say(&h, gone);
  assert_true(parameter(&h, 2, 0).as.real == 0.01); /* last written by the person: it stays */
  assert_string_equal(parameter(&h, 2, 1).as.text, "sgd");
  held.u.held.on = false;
  held.seen = 0;
  (void)say(&h, held);
  assert_false(cl_trial_is_held(h.s, cl_study_trial(h.s, 2), 0));
  history_end(&h);
}

static void undo(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  (void)run_two(&h, 3);
  const struct cl_assigned edit = {1, cl_value_real(0.01)}, back = {1, cl_value_real(0.25)};
  (void)say(&h, setting(2, CL_CAUSE_HUMAN, &edit, 3));
  int64_t seen = cl_study_trial(h.s, 2)->head.version;
  struct cl_event undone = setting(2, CL_CAUSE_UNDO, &back, 3);
  undone.seen = seen;
  const struct cl_assigned later = {1, cl_value_real(0.02)};
  struct history other = history_begin(4, "", "");
  (void)run_two(&other, 3);
  (void)say(&other, setting(2, CL_CAUSE_HUMAN, &edit, 3));
  (void)say(&other, setting(2, CL_CAUSE_EXPLORE, &later, 3)); /* somebody has written the value since */
  assert_int_equal(history_try(&other, undone), CLADE_ECONFLICT);
  assert_true(parameter(&other, 2, 0).as.real == 0.02);
  history_end(&other);
  (void)say(&h, undone);
  assert_true(parameter(&h, 2, 0).as.real == 0.25);
  (void)say(&h, fact(&h, CL_EVENT_DONE, 2));
  assert_int_equal(history_try(&h, setting(2, CL_CAUSE_HUMAN, &edit, 3)), CLADE_EREFUSED); /* COMPLETE */
  history_end(&h);
}

static struct cl_event updating(const struct history *h, const char *settings, int version) {
  (void)h;
  struct cl_event ev = about(CL_EVENT_UPDATED, 0, CL_CAUSE_HUMAN);
  ev.u.updated.settings = settings;
  ev.u.updated.space_version = version;
  return ev;
}

static void update_of_trials_parallel_and_space(void **state) {
  (void)state;
  struct history h = history_begin(3, "\"retries\": 2, \"time_s\": 7", "");
  (void)run_two(&h, 3);
  assert_int_equal(history_try(&h, updating(&h, "{\"trials\": 1}", 1)), CLADE_EREFUSED);
  assert_int_equal(history_try(&h, updating(&h, "[1]", 1)), CLADE_EREFUSED);
  assert_int_equal(history_try(&h, updating(&h, "{\"trials\": 4}", 3)), CLADE_EREFUSED);
  assert_int_equal(history_try(&h, updating(&h, "{\"objectives\": []}", 1)), CLADE_EREFUSED);
  (void)say(&h, updating(&h, "{\"trials\": 4, \"parallel\": 3}", 1));
  assert_true(cl_study_head(h.s)->budget == 4 && cl_study_settings(h.s)->parallel == 3);
  assert_true(cl_study_head(h.s)->retries == 2 && cl_study_space(h.s)->version == 1);
  (void)say(&h, updating(&h, "{\"limits\": {\"time_s\": 9}}", 1)); /* replaced as a whole */
  assert_true(cl_study_head(h.s)->retries == 0 && cl_study_settings(h.s)->retries == 0);
  (void)say(&h, updating(&h, "{\"limits\": null}", 1));
  assert_true(cl_study_settings(h.s)->time_s == 0);

  /* opt and its child leave, lr stays behind a new one; values are found by their ids */
  (void)say(
      &h,
      updating(&h,
               "{\"hyperparameters\": [{\"id\": 4, \"name\": \"wd\", \"domain\": \"float\", \"lo\": 0, "
               "\"hi\": 0.5}, {\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0.1, \"hi\": 1}]}",
               2));
  assert_int_equal(cl_study_space(h.s)->version, 2);
  assert_int_equal(parameter(&h, 2, 0).kind, CL_ABSENT);
  assert_true(parameter(&h, 2, 1).as.real == 0.25);
  const struct cl_assigned values[] = {{1, cl_value_real(0.5)}, {4, cl_value_real(0.375)}};
  struct cl_event next = proposing(3, CL_ROLE_SEARCH, 0, "");
  next.u.proposed.space_version = 2;
  next.u.proposed.values = (struct cl_assigned_list){2, values};
  (void)say(&h, next);
  assert_true(parameter(&h, 3, 0).as.real == 0.375 && parameter(&h, 3, 1).as.real == 0.5);
  int64_t first = 0;
  assert_int_equal(cl_study_configuration(h.s, 3, &first, NULL), 0);
  assert_int_equal(first, 3); /* trial 1 has the same lr, and no wd */
  /* opt comes back with an id of its own, and two trials that differed in it only are told apart by nothing
   */
  (void)say(&h, updating(&h,
                         "{\"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", "
                         "\"lo\": 0.1, \"hi\": 1}]}",
                         3));
  assert_int_equal(cl_study_configuration(h.s, 3, &first, NULL), 0);
  assert_int_equal(first, 1);
  static const double ids[] = {1};
  struct cl_event held = about(CL_EVENT_HELD, 3, CL_CAUSE_HUMAN);
  held.u.held.ids = (struct cl_number_list){1, ids};
  held.u.held.on = true;
  (void)say(&h, held);
  assert_true(cl_trial_is_held(h.s, cl_study_trial(h.s, 3), 0));
  history_end(&h);
}

static void reopened_studies(void **state) {
  (void)state;
  struct history h = history_begin(2, "\"max_failures\": 2", "");
  propose_two(&h);
  for (int64_t i = 1; i <= 2; i++) {
    (void)say(&h, starting(&h, i, 1, 0, run_freely));
    (void)say(&h, ending(&h, i, 1));
  }
  assert_int_equal(cl_study_failures_in_a_row(h.s), 2);
  struct cl_event finished = about(CL_EVENT_FINISHED, 0, CL_CAUSE_LIMIT);
  finished.u.finished.reason = CL_REASON_FAILURES;
  (void)say(&h, finished);
  assert_int_equal(cl_study_reason(h.s), CL_REASON_FAILURES);
  assert_int_equal(history_try(&h, finished), CLADE_EREFUSED);
  assert_int_equal(history_try(&h, proposing(3, CL_ROLE_SEARCH, 0.5, "adam")), CLADE_EBUDGET);
  (void)say(&h, proposing(3, CL_ROLE_CONFIRM, 0.5, "adam")); /* a finished study can be confirmed */
  (void)say(&h, starting(&h, 3, 1, 0, run_freely));
  (void)say(&h, about(CL_EVENT_REOPENED, 0, CL_CAUSE_HUMAN));
  assert_int_equal(history_try(&h, about(CL_EVENT_REOPENED, 0, CL_CAUSE_HUMAN)), CLADE_EREFUSED);
  assert_int_equal(cl_study_reason(h.s), 0);
  assert_int_equal(cl_study_failures_in_a_row(h.s), 0); /* who opens it again has mended something */
  assert_int_equal(history_try(&h, proposing(4, CL_ROLE_SEARCH, 0.5, "adam")), CLADE_EBUDGET);
  (void)say(&h, updating(&h, "{\"trials\": 3}", 1));
  (void)say(&h, proposing(4, CL_ROLE_SEARCH, 0.5, "adam"));
  (void)say(&h, starting(&h, 4, 1, 0, run_freely));
  (void)say(&h, ending(&h, 4, 1));
  assert_int_equal(cl_study_failures_in_a_row(h.s), 1);
  (void)say(&h, updating(&h, "{\"limits\": {\"retries\": 1}}", 1)); /* now none of them has failed for good */
  assert_int_equal(cl_study_failures_in_a_row(h.s), 0);
  assert_int_equal(cl_study_trial(h.s, 4)->result, 0);
  (void)say(&h, updating(&h, "{\"limits\": null}", 1));
  assert_int_equal(cl_study_failures_in_a_row(h.s), 3);
  history_end(&h);
}

static void fork_by_a_person_replay_confirm_assess(void **state) {
  (void)state;
  struct history h = history_begin(2, "", "");
  int64_t snapshot = run_two(&h, run_freely);
  struct cl_event fork = proposing(3, CL_ROLE_FORKED, 0.6, "adam");
  fork.cause = CL_CAUSE_FORK;
  fork.u.proposed.parent = snapshot;
  fork.u.proposed.has_seed = true;
  fork.u.proposed.seed = -2385;
  (void)say(&h, fork);
  const struct cl_trial *t = cl_study_trial(h.s, 3);
  assert_int_equal(cl_trial_seed(h.s, t), (uint64_t)-2385);
  assert_true(resume_of(&h, 3) == snapshot && cl_trial_donor(t) == snapshot);
  assert_int_equal(pins_of(&h, snapshot), 1); /* its source cannot be deleted before it has begun */
  (void)say(&h, starting(&h, 3, 1, snapshot, run_freely));
  assert_true(value_of(&h, 3) == 0.75);
  (void)say(&h, ending(&h, 3, 0));
  assert_int_equal(state_of(&h, 3), CL_FAILED); /* it never reported anything of its own */
  assert_int_equal(pins_of(&h, snapshot), 0);

  struct cl_event confirm = proposing(4, CL_ROLE_CONFIRM, 0.5, "adam"),
                  assess = proposing(5, CL_ROLE_ASSESS, 0.5, "adam");
  confirm.u.proposed.of = 1;
  confirm.u.proposed.repeat = 1;
  (void)say(&h, confirm);
  (void)say(&h, assess);
  assert_int_equal(cl_study_head(h.s)->counted, 2);
  (void)say(&h, starting(&h, 4, 1, 0, run_freely));
  (void)say(&h, reporting(&h, 4, 1, 0.99));
  (void)say(&h, ending(&h, 4, 0));
  assert_int_equal(cl_study_best(h.s), 0); /* hidden: never the best */
  assert_int_equal(cl_study_pending(h.s), 2);
  struct cl_event stray = proposing(6, CL_ROLE_CONFIRM, 0.5, "adam");
  stray.u.proposed.of = 6;
  assert_int_equal(history_try(&h, stray), CLADE_EREFUSED);

  const struct cl_assigned entry = {1, cl_value_real(0.0625)}; /* a replay: `until` is the next change */
  (void)say(&h, setting(2, CL_CAUSE_REPLAY, &entry, 12));
  assert_true(cl_study_trial(h.s, 2)->head.until == 12);
  history_end(&h);
}

static void enqueue_foreign_warm_start(void **state) {
  (void)state;
  struct history h = history_begin(2, "\"retries\": 3", "");
  (void)say(&h, proposing(1, CL_ROLE_ENQUEUED, 0.5, "adam"));
  assert_int_equal(cl_study_enqueued(h.s), 1);
  assert_int_equal(cl_study_head(h.s)->counted, 1);
  static const double both[] = {0.9, 4.5};
  const struct cl_assigned values[] = {{1, cl_value_real(0.125)}};
  struct cl_event ev = {.kind = CL_EVENT_IMPORTED, .subject = 2};
  ev.u.imported.origin = "other.csv";
  ev.u.imported.values = (struct cl_assigned_list){1, values};
  ev.u.imported.objectives = (struct cl_number_list){2, both};
  ev.u.imported.last_step = 7;
  ev.u.imported.state = CL_RUNNING;
  assert_int_equal(history_try(&h, ev), CLADE_EREFUSED);
  ev.u.imported.state = CL_COMPLETE;
  (void)say(&h, ev);
  const struct cl_trial *t = cl_study_trial(h.s, 2);
  assert_true(t->head.role == CL_ROLE_FOREIGN && t->value == 0.9 && cl_trial_objective(t, 1) == 4.5);
  assert_int_equal(cl_study_best(h.s), 0);
  assert_int_equal(cl_study_head(h.s)->counted, 1);
  struct cl_event curve = reporting(&h, 2, 1, 0.99);
  assert_int_equal(curve.attempt, 0);
  (void)say(&h, curve);
  assert_int_equal(history_try(&h, curve), 0);
  (void)say(&h, reporting(&h, 2, 2, NAN));
  assert_true(t->value == 0.9 && cl_trial_objective(t, 1) == 4.5); /* its objectives came with it */
  assert_int_equal(t->record, (int64_t)h.n);
  assert_int_equal(history_try(&h, reporting(&h, 2, 1, 0.1)), CLADE_EREFUSED);

  ev.subject = 3;
  ev.u.imported.state = CL_FAILED;
  ev.u.imported.objectives.n = 0;
  (void)say(&h, ev);
  t = cl_study_trial(h.s, 3);
  assert_false(cl_head_may_retry(cl_study_head(h.s), &t->head)); /* nothing trains it here */
  assert_int_equal(t->result, (int64_t)h.n);
  assert_int_equal(history_try(&h, about(CL_EVENT_RETRIED, 3, CL_CAUSE_RESUME)), CLADE_EREFUSED);
  assert_int_equal(history_try(&h, exploiting(3, 0, values, 1, 2)), CLADE_EREFUSED);
  assert_int_equal(history_try(&h, setting(3, CL_CAUSE_HUMAN, values, 2)), CLADE_EREFUSED);
  assert_int_equal(cl_study_failures_in_a_row(h.s), 0);
  ev.subject = 4;
  ev.u.imported.state = CL_COMPLETE; /* a curve that never had an objective */
  (void)say(&h, ev);
  struct cl_event note = {.kind = CL_EVENT_NOTE, .subject = 4};
  note.u.note.what = CL_NOTE_TEXT;
  note.u.note.text = "odd";
  (void)say(&h, note);
  history_end(&h);
}

static void conditional_many_objectives(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  propose_two(&h);
  const struct cl_assigned values[] = {{1, cl_value_real(0.5)}, {2, {.kind = CL_NULL}}};
  struct cl_event third = proposing(3, CL_ROLE_SEARCH, 0, "");
  third.u.proposed.values = (struct cl_assigned_list){2, values};
  (void)say(&h, third);
  assert_int_equal(parameter(&h, 3, 1).kind, CL_NULL);   /* the list value null … */
  assert_int_equal(parameter(&h, 3, 2).kind, CL_ABSENT); /* … is not an inactive one */
  (void)say(&h, starting(&h, 3, 1, 0, run_freely));
  (void)say(&h, reporting(&h, 3, 1, 0.5));
  (void)say(&h, reporting(&h, 3, 2, 0.25));
  const struct cl_trial *t = cl_study_trial(h.s, 3);
  assert_true(t->value == 0.5);                  /* reduce: best */
  assert_true(cl_trial_objective(t, 1) == 3.75); /* reduce: mean */
  (void)say(&h, losing(&h, 3));
  (void)say(&h, about(CL_EVENT_RETRIED, 3, CL_CAUSE_RESUME));
  (void)say(&h, starting(&h, 3, 1, 0, run_freely));
  assert_true(isnan(t->value) && isnan(cl_trial_objective(t, 1))); /* from the beginning: all is void */
  (void)say(&h, reporting(&h, 3, 1, 0.125));
  static const double sums[] = {0.375, 9.5};
  struct cl_event end = ending(&h, 3, 0);
  end.u.ended.objectives = (struct cl_number_list){2, sums};
  end.u.ended.record = (int64_t)h.n;
  (void)say(&h, end);
  assert_true(t->value == 0.375 && cl_trial_objective(t, 1) == 9.5);
  assert_int_equal(cl_study_best(h.s), 3);
  history_end(&h);
}

static void step_goes_back_and_diverged_is_retried(void **state) {
  (void)state;
  struct history h = history_begin(4, "\"retries\": 5", "");
  int64_t snapshot = run_two(&h, run_freely);
  assert_int_equal(history_try(&h, reporting(&h, 2, 2.5, 0.5)), CLADE_EREFUSED);
  (void)say(&h, reporting(&h, 2, 3, NAN)); /* the flag alone ends nothing */
  assert_int_equal(state_of(&h, 2), CL_RUNNING);
  struct cl_event stop = about(CL_EVENT_STOPPED, 2, CL_CAUSE_DIVERGED);
  (void)say(&h, stop);
  assert_int_equal(state_of(&h, 2), CL_DIVERGED);
  assert_int_equal(history_try(&h, about(CL_EVENT_RETRIED, 2, CL_CAUSE_RESUME)), CLADE_EREFUSED);
  const struct cl_assigned taken[] = {{1, cl_value_real(0.6)}};
  (void)say(&h, exploiting(2, snapshot, taken, 1, 6)); /* but a scheduler may revive it */
  assert_int_equal(state_of(&h, 2), CL_WAITING);
  (void)say(&h, ending(&h, 2, 76));
  assert_int_equal(state_of(&h, 2), CL_WAITING);
  (void)say(&h, starting(&h, 2, 1, snapshot, 6));
  assert_false(cl_study_trial(h.s, 2)->head.flags & CL_FLAG_DIVERGED);
  history_end(&h);
}

static void done_without_an_objective_ends_before_it_is_tried_again(void **state) {
  (void)state;
  struct history h = history_begin(4, "\"retries\": 1", "");
  propose_two(&h);
  (void)say(&h, starting(&h, 1, 1, 0, run_freely));
  (void)say(&h, fact(&h, CL_EVENT_DONE, 1));
  const struct cl_trial *t = cl_study_trial(h.s, 1);
  assert_int_equal(t->head.state, CL_FAILED);
  assert_int_equal(history_try(&h, about(CL_EVENT_RETRIED, 1, CL_CAUSE_RESUME)), CLADE_EREFUSED);
  const struct cl_assigned taken[] = {{1, cl_value_real(0.6)}};
  (void)say(&h, exploiting(1, 0, taken, 1, 6));
  assert_int_equal(t->head.state, CL_WAITING);
  assert_int_equal(history_try(&h, starting(&h, 1, 1, 0, 6)), CLADE_EREFUSED); /* that process is done */
  (void)say(&h, ending(&h, 1, 0));
  (void)say(&h, starting(&h, 1, 1, 0, 6));
  assert_int_equal(t->head.attempt, 2);
  (void)say(&h, ending(&h, 1, 3));
  (void)say(&h, about(CL_EVENT_RETRIED, 1, CL_CAUSE_RESUME));
  (void)say(&h, starting(&h, 1, 1, 0, 6));
  (void)say(&h, ending(&h, 1, 3));
  assert_int_equal(history_try(&h, about(CL_EVENT_RETRIED, 1, CL_CAUSE_RESUME)), CLADE_EREFUSED);
  assert_true(t->head.failures == 1 && t->result == (int64_t)h.n);
  history_end(&h);
}

static void preempted_on_slurm_elsewhere(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  propose_two(&h);
  (void)say(&h, starting(&h, 1, 1, 0, run_freely));
  (void)say(&h, reporting(&h, 1, 5, 0.5));
  struct cl_event soon = about(CL_EVENT_PREEMPTING, 1, CL_CAUSE_SIGNAL);
  soon.u.preempting.worker = 1;
  (void)say(&h, soon);
  assert_int_equal(state_of(&h, 1), CL_RUNNING);
  int64_t region = say(&h, saving(&h, 1, 5, CL_WAY_REGION));
  assert_int_equal(resume_of(&h, 1), region); /* while its memory is there */
  struct cl_event gone = about(CL_EVENT_DELETED, 1, CL_CAUSE_MISSING);
  gone.u.deleted.snapshot = region;
  (void)say(&h, gone);
  assert_int_equal(resume_of(&h, 1), 0);
  int64_t copy = say(&h, saving(&h, 1, 5, CL_WAY_COPY));
  assert_true(copy > region && resume_of(&h, 1) == copy);
  struct cl_event behind = saving(&h, 1, 4, CL_WAY_COPY); /* of an older state, written behind */
  (void)say(&h, behind);
  assert_int_equal(resume_of(&h, 1), copy);
  (void)say(&h, ending(&h, 1, 0)); /* without done: PREEMPTED, whatever the status says */
  assert_int_equal(state_of(&h, 1), CL_PREEMPTED);
  (void)say(&h, about(CL_EVENT_RETRIED, 1, CL_CAUSE_RESUME));
  (void)say(&h, starting(&h, 1, 2, copy, run_freely));
  assert_false(cl_study_trial(h.s, 1)->head.flags & CL_FLAG_PREEMPTING);
  for (int i = 1; i <= CL_TRIES_MAX; i++) { /* no progress: the same step again and again */
    (void)say(&h, reporting(&h, 1, 5, 0.5));
    (void)say(&h, ending(&h, 1, 75));
    (void)say(&h, about(CL_EVENT_RETRIED, 1, CL_CAUSE_RESUME));
    assert_int_equal(cl_study_trial(h.s, 1)->head.tries, i + (i < CL_TRIES_MAX));
    if (i == CL_TRIES_MAX - 1) break;
    (void)say(&h, starting(&h, 1, 2, copy, run_freely));
  }
  (void)say(&h, starting(&h, 1, 2, copy, run_freely));
  (void)say(&h, ending(&h, 1, 75));
  assert_int_equal(history_try(&h, about(CL_EVENT_RETRIED, 1, CL_CAUSE_RESUME)), CLADE_EREFUSED);
  (void)say(&h, about(CL_EVENT_GIVEN_UP, 1, CL_CAUSE_LIMIT));
  assert_int_equal(state_of(&h, 1), CL_FAILED);
  assert_int_equal(cl_study_failures_in_a_row(h.s), 1);
  history_end(&h);
}

static void disk_budget(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  propose_two(&h);
  (void)say(&h, starting(&h, 1, 1, 0, run_freely));
  (void)say(&h, reporting(&h, 1, 1, 0.5));
  int64_t old = say(&h, saving(&h, 1, 1, CL_WAY_DIRECTORY));
  (void)say(&h, reporting(&h, 1, 2, 0.75));
  int64_t new = say(&h, saving(&h, 1, 2, CL_WAY_DIRECTORY));
  struct cl_event away = about(CL_EVENT_DELETED, 1, CL_CAUSE_BUDGET);
  away.u.deleted.snapshot = new;
  (void)say(&h, away);
  assert_int_equal(resume_of(&h, 1), old); /* the newest that is left */
  (void)say(&h, losing(&h, 1));
  (void)say(&h, about(CL_EVENT_RETRIED, 1, CL_CAUSE_RESUME));
  (void)say(&h, starting(&h, 1, 1, old, run_freely));
  assert_true(value_of(&h, 1) == 0.5);
  away.u.deleted.snapshot = old;
  away.seen = 0;
  assert_int_equal(history_try(&h, away), CLADE_EREFUSED); /* it has just begun from it */
  (void)say(&h, losing(&h, 1));
  (void)say(&h, away);
  assert_int_equal(resume_of(&h, 1), 0);
  history_end(&h);
}

/* A history with something of everything, for the scenarios that look at the log as a whole. */
static struct history mixture(void) {
  struct history h = history_begin(4, "\"retries\": 1", "");
  int64_t snapshot = run_two(&h, 3);
  const struct cl_assigned taken[] = {{1, cl_value_real(0.6)}, {2, cl_value_text("adam")}};
  int64_t change = say(&h, exploiting(2, snapshot, taken, 2, 6));
  (void)say(&h, loading(&h, 2, change, snapshot, NULL));
  (void)say(&h, reporting(&h, 2, 4, 0.8));
  (void)say(&h, ending(&h, 1, 0));
  struct cl_event tag = {.kind = CL_EVENT_NOTE, .subject = 2};
  tag.u.note.what = CL_NOTE_TAG;
  tag.u.note.name = "good";
  (void)say(&h, tag);
  (void)say(&h, ending(&h, 2, 1));
  (void)say(&h, about(CL_EVENT_RETRIED, 2, CL_CAUSE_RESUME));
  (void)say(&h, proposing(3, CL_ROLE_SEARCH, 0.125, "adam"));
  return h;
}

static void export_and_schema_upgrade(void **state) {
  (void)state;
  struct history h = mixture();
  struct cl_study *copy = NULL;
  assert_int_equal(cl_study_create(&copy, NULL), 0);
  for (size_t i = 0; i < h.n;
       i++) { /* JSON Lines with their positions; a reader of today takes them as they are */
    struct cl_text line = {0};
    struct cl_event ev;
    struct cl_err e = {0};
    void *memory = NULL;
    cl_event_write_json(h.log[i], &line);
    json_t *node = json_loads(cl_text_get(&line), 0, NULL);
    assert_int_equal(cl_event_from_json(node, &ev, &memory, &e), 0);
    assert_true(cl_event_equal(&ev, h.log[i]));
    if (cl_study_apply(copy, &ev, &e) < 0) fail_msg("%s", e.text);
    cl_free(memory);
    json_decref(node);
    cl_text_done(&line);
  }
  assert_true(digest_of(copy) == digest_of(h.s));
  cl_study_destroy(copy);
  history_end(&h);
}

static void tags_notes_provenance(void **state) {
  (void)state;
  struct history h = history_begin(4, "", "");
  propose_two(&h);
  int64_t version = cl_study_trial(h.s, 1)->head.version, study = cl_study_head(h.s)->version;
  struct cl_event note = {.kind = CL_EVENT_NOTE, .subject = 1};
  note.u.note.what = CL_NOTE_TEXT;
  note.u.note.text = "looks odd";
  (void)say(&h, note);
  note.subject = 0;
  (void)say(&h, note);
  note.subject = 3;
  assert_int_equal(history_try(&h, note), CLADE_EREFUSED);
  assert_int_equal(cl_study_trial(h.s, 1)->head.version, version);
  assert_int_equal(cl_study_head(h.s)->version, study);
  struct cl_event update = updating(&h, "{\"trials\": 5}", 1);
  update.u.updated.provenance = "{\"commit\": \"def\"}";
  (void)say(&h, update);
  assert_string_equal(cl_study_provenance(h.s), "{\"commit\": \"def\"}");
  struct cl_event worker = {.kind = CL_EVENT_WORKER};
  worker.u.worker.worker = 2;
  worker.u.worker.state = CL_WORKER_GONE;
  (void)say(&h, worker);
  assert_int_equal(cl_study_slots(h.s), 2);
  assert_string_equal(cl_study_worker(h.s, 2)->host, "there");
  worker.u.worker.worker = 3;
  assert_int_equal(history_try(&h, worker), CLADE_EREFUSED);
  history_end(&h);
}

static void verify_folds_to_as_of(void **state) {
  (void)state;
  struct history h = mixture();
  struct cl_study *grown = NULL;
  assert_int_equal(cl_study_create(&grown, NULL), 0);
  for (size_t i = 0; i < h.n; i++) {
    if (cl_kind_flags(h.log[i]->kind) & CL_D) {
      assert_int_equal(h.log[i]->as_of, (int64_t)i);
      struct cl_study *then = history_fold(&h, i);
      assert_true(digest_of(then) == digest_of(grown)); /* a prefix is a state, whoever folds it */
      cl_study_destroy(then);
    }
    assert_int_equal(cl_study_apply(grown, h.log[i], NULL), 0);
  }
  assert_true(digest_of(grown) == digest_of(h.s));
  cl_study_destroy(grown);
  history_end(&h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_search_and_dgd_repeats),
      cmocka_unit_test(two_engines_last_trial),
      cmocka_unit_test(killed_between_start_and_spawn),
      cmocka_unit_test(killed_after_spawn),
      cmocka_unit_test(killed_between_end_and_its_fact),
      cmocka_unit_test(superseded_attempt_still_reports),
      cmocka_unit_test(asha_promotion),
      cmocka_unit_test(asha_promotion_of_a_process_that_was_kept),
      cmocka_unit_test(pruning),
      cmocka_unit_test(pbt_exploit_of_a_connected_trial),
      cmocka_unit_test(pbt_exploit_of_a_paused_or_dead_trial),
      cmocka_unit_test(pbt_exploit_by_fork),
      cmocka_unit_test(donor_dead_or_source_gone),
      cmocka_unit_test(a_start_that_cannot_load_gives_the_segment_before_back),
      cmocka_unit_test(a_load_that_was_replaced_or_is_not_needed_pins_nothing),
      cmocka_unit_test(synchronous_generation_with_a_dead_member),
      cmocka_unit_test(epbt),
      cmocka_unit_test(mf_pbt_takes_weights_from_one_and_values_from_another),
      cmocka_unit_test(pb2_data),
      cmocka_unit_test(person_races_exploit),
      cmocka_unit_test(undo),
      cmocka_unit_test(update_of_trials_parallel_and_space),
      cmocka_unit_test(reopened_studies),
      cmocka_unit_test(fork_by_a_person_replay_confirm_assess),
      cmocka_unit_test(enqueue_foreign_warm_start),
      cmocka_unit_test(conditional_many_objectives),
      cmocka_unit_test(step_goes_back_and_diverged_is_retried),
      cmocka_unit_test(done_without_an_objective_ends_before_it_is_tried_again),
      cmocka_unit_test(preempted_on_slurm_elsewhere),
      cmocka_unit_test(disk_budget),
      cmocka_unit_test(export_and_schema_upgrade),
      cmocka_unit_test(tags_notes_provenance),
      cmocka_unit_test(verify_folds_to_as_of)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
