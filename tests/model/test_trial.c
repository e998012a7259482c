/* The state machine against the table of events.md section 3, cell by cell, and its rules one by one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/trial.h"

enum {
  NONE = 0,
  W = CL_WAITING,
  R = CL_RUNNING,
  P = CL_PAUSED,
  C = CL_COMPLETE,
  X = CL_PRUNED,
  F = CL_FAILED,
  L = CL_LOST,
  E = CL_PREEMPTED,
  D = CL_DIVERGED,
  I = CL_INFEASIBLE,
  REFUSED = -1
};

static struct cl_study_head study(void) {
  return (struct cl_study_head){.position = 100,
                                .version = 1,
                                .trials = 5,
                                .counted = 5,
                                .budget = 9,
                                .workers = 2,
                                .objectives = 1,
                                .space_version = 1,
                                .retries = 1,
                                .open = true};
}

/* A head in `state`, with an open attempt where one belongs, scored. */
static struct cl_head in_state(int state) {
  struct cl_head h = {.version = 90,
                      .proposed = 10,
                      .waiting = 10,
                      .step = 2.385,
                      .furthest = 2.385,
                      .until = CL_NO_STEP,
                      .reports = 3,
                      .attempt = 2,
                      .worker = 1,
                      .state = (uint8_t)state,
                      .flags = CL_FLAG_SCORED,
                      .role = CL_ROLE_SEARCH};
  if (state == R || state == P) h.flags |= CL_ATTEMPT_OPEN;
  if (state != C && state != X) {
    h.load = 80;
    h.source = 75;
  }
  return h;
}

static struct cl_event decision(enum cl_kind kind) {
  struct cl_event ev = {.position = 101, .kind = kind, .subject = 3, .seen = 90, .cause = CL_CAUSE_HUMAN};
  if (kind == CL_EVENT_STARTED) {
    ev.attempt = 3;
    ev.u.started.worker = 1;
    ev.u.started.until = CL_NO_STEP;
  }
  if (kind == CL_EVENT_CONTINUED) ev.u.continued.until = CL_NO_STEP;
  if (kind == CL_EVENT_EXPLOITED) ev.u.exploited.until = CL_NO_STEP;
  if (kind == CL_EVENT_SET) ev.u.set.until = CL_NO_STEP;
  if (kind == CL_EVENT_LOST) ev.attempt = 2;
  if (kind == CL_EVENT_VOIDED) ev.u.voided.change = 80;
  return ev;
}

static struct cl_event ended(int status) {
  struct cl_event ev = {.position = 101, .kind = CL_EVENT_ENDED, .subject = 3, .attempt = 2};
  ev.u.ended.status = status;
  ev.u.ended.known = true;
  return ev;
}

/* The state after `ev`, or REFUSED; admit and apply must agree. */
static int after(struct cl_head h, struct cl_event ev) {
  struct cl_study_head s = study(), s2 = s;
  struct cl_head h2 = h;
  bool late = false;
  struct cl_err e = {0};
  int admitted = cl_head_admit(&s, &h, &ev, &late, &e);
  ev.late = late;
  int applied = cl_head_apply(&s2, &h2, &ev, &e);
  if (admitted != 0) {
    assert_true(applied < 0);
    assert_memory_equal(&h, &h2, offsetof(struct cl_head, role) + sizeof h.role); /* behind it is padding */
    return REFUSED;
  }
  assert_int_equal(applied, 0);
  assert_int_equal(cl_head_check(&h2, &e), 0);
  return h2.state;
}

static void decisions_follow_the_table_of_states(void **state) {
  (void)state;
  static const struct {
    enum cl_kind kind;
    int to[11]; /* by state before: none W R P C X F L E D I */
  } rows[] = {
      {CL_EVENT_STARTED,
       {REFUSED, R, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED}},
      {CL_EVENT_CONTINUED,
       {REFUSED, REFUSED, R, W, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED}},
      {CL_EVENT_PAUSED,
       {REFUSED, P, P, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED}},
      {CL_EVENT_STOPPED, {REFUSED, X, X, X, REFUSED, REFUSED, REFUSED, X, X, REFUSED, REFUSED}},
      {CL_EVENT_PREEMPTING,
       {REFUSED, REFUSED, R, P, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED}},
      {CL_EVENT_LOST,
       {REFUSED, REFUSED, L, P, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED}},
      {CL_EVENT_RETRIED, {REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, W, W, W, REFUSED, REFUSED}},
      {CL_EVENT_GIVEN_UP,
       {REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, F, F, REFUSED, REFUSED}},
      {CL_EVENT_EXPLOITED, {REFUSED, W, R, W, REFUSED, REFUSED, W, W, W, W, W}},
      {CL_EVENT_SET, {REFUSED, W, R, P, REFUSED, REFUSED, F, L, E, D, I}},
      {CL_EVENT_HELD, {REFUSED, W, R, P, C, X, F, L, E, D, I}},
      {CL_EVENT_VOIDED, {REFUSED, W, R, P, REFUSED, REFUSED, F, L, E, D, I}},
      {CL_EVENT_CHECKPOINT_ASKED, {REFUSED, W, R, P, C, X, F, L, E, D, I}},
      {CL_EVENT_DELETED, {REFUSED, W, R, P, C, X, F, L, E, D, I}},
  };
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
    for (int from = 0; from <= I; from++) {
      struct cl_head h = from == NONE ? (struct cl_head){0} : in_state(from);
      int got = after(h, decision(rows[r].kind));
      if (got != rows[r].to[from])
        print_message("%s from %s: %s\n", cl_kind_name(rows[r].kind), cl_state_name(from),
                      cl_state_name(got));
      assert_int_equal(got, rows[r].to[from]);
    }
}

static void the_infeasible_flag_of_an_exploit_leads_to_infeasible(void **state) {
  (void)state;
  struct cl_event ev = decision(CL_EVENT_EXPLOITED);
  ev.u.exploited.infeasible = true;
  static const int from[] = {W, R, P, F, L, E, D, I};
  for (size_t i = 0; i < sizeof from / sizeof *from; i++) assert_int_equal(after(in_state(from[i]), ev), I);
  assert_int_equal(after(in_state(C), ev), REFUSED);
  assert_int_equal(after(in_state(X), ev), REFUSED);
}

static void a_diverged_trial_is_stopped_only_while_it_runs(void **state) {
  (void)state;
  struct cl_event ev = decision(CL_EVENT_STOPPED);
  ev.cause = CL_CAUSE_DIVERGED;
  for (int from = W; from <= I; from++) assert_int_equal(after(in_state(from), ev), from == R ? D : REFUSED);
}

static void ends_are_judged_in_their_order(void **state) {
  (void)state;
  static const struct {
    int from, status, signal;
    unsigned add, drop; /* flags */
    int to;
  } cases[] = {
      {R, 0, 0, 0, 0, C},
      {R, 0, 0, 0, CL_FLAG_SCORED, F},
      {R, 0, 0, CL_FLAG_DIVERGED, 0, D},
      {R, 77, 0, CL_FLAG_DIVERGED, 0, I},
      {R, 75, 0, CL_FLAG_DIVERGED, 0, D},
      {R, 75, 0, 0, 0, E},
      {R, 3, 0, CL_FLAG_PREEMPTING, 0, E},
      {R, 0, 0, CL_FLAG_PREEMPTING, 0, E},
      {R, 76, 0, 0, 0, X},
      {R, 1, 0, 0, 0, F},
      {R, 0, 9, 0, 0, F},
      {R, 75, 15, 0, 0, F}, /* killed: the status says nothing */
      {P, 0, 0, 0, 0, C},
      {P, 0, 0, 0, CL_FLAG_SCORED, F},
      {P, 0, 0, CL_FLAG_DIVERGED, 0, D},
      {P, 75, 0, 0, 0, P},
      {P, 0, 15, 0, 0, P},
      {C, 1, 0, CL_ATTEMPT_OPEN | CL_ATTEMPT_DONE, 0, C},
      {X, 0, 0, CL_ATTEMPT_OPEN, 0, X},
      {D, 76, 0, CL_ATTEMPT_OPEN, 0, D},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_head h = in_state(cases[i].from);
    h.flags = (uint8_t)((h.flags | cases[i].add) & ~cases[i].drop);
    struct cl_event ev = ended(cases[i].status);
    ev.u.ended.signal = cases[i].signal;
    assert_int_equal(after(h, ev), cases[i].to);
  }
}

static void a_leg_that_reached_its_step_is_paused(void **state) {
  (void)state;
  struct cl_head h = in_state(R);
  h.until = 2;
  assert_int_equal(after(h, ended(0)), P);
  h.until = 2.5;
  assert_int_equal(after(h, ended(0)), C);
  h.until = 2;
  h.flags |= CL_CONNECTED_ONCE;
  assert_int_equal(after(h, ended(0)), C);
}

static void an_end_that_nobody_saw_is_lost_not_ended(void **state) {
  (void)state;
  struct cl_event ev = ended(0);
  ev.u.ended.known = false;
  assert_int_equal(after(in_state(R), ev), REFUSED);
  struct cl_head h = in_state(C);
  h.flags |= CL_ATTEMPT_OPEN | CL_ATTEMPT_DONE;
  assert_int_equal(after(h, ev), C);
}

static void done_ends_a_trial_by_what_it_reported(void **state) {
  (void)state;
  struct cl_event ev = {.position = 101, .kind = CL_EVENT_DONE, .subject = 3, .attempt = 2};
  struct cl_head h = in_state(R);
  assert_int_equal(after(h, ev), C);
  h.flags |= CL_FLAG_DIVERGED;
  assert_int_equal(after(h, ev), D);
  h.flags = CL_ATTEMPT_OPEN;
  assert_int_equal(after(h, ev), F);
  assert_int_equal(after(in_state(P), ev), C);
}

static int admit(struct cl_head h, struct cl_event ev, bool *ret_late) {
  struct cl_study_head s = study();
  struct cl_err e = {0};
  *ret_late = false;
  return cl_head_admit(&s, &h, &ev, ret_late, &e);
}

static struct cl_event report(int attempt, int64_t ordinal, double step) {
  struct cl_event ev = {.position = 101, .kind = CL_EVENT_REPORTED, .subject = 3, .attempt = attempt};
  ev.u.reported.ordinal = ordinal;
  ev.u.reported.step = step;
  return ev;
}

static void reports_are_dense_ordered_and_told_once(void **state) {
  (void)state;
  bool late = false;
  struct cl_head h = in_state(R);
  assert_int_equal(admit(h, report(2, 4, 2.385), &late), 0);
  assert_int_equal(admit(h, report(2, 3, 9), &late), CLADE_REPEATED);
  assert_int_equal(admit(h, report(2, 5, 9), &late), CLADE_EREFUSED);
  assert_int_equal(admit(h, report(2, 4, 2.384), &late), CLADE_EREFUSED); /* the step goes back */
  assert_int_equal(admit(h, report(3, 1, 9), &late), CLADE_EREFUSED);     /* an attempt that never started */
  assert_false(late);
}

static void facts_of_a_superseded_attempt_are_late(void **state) {
  (void)state;
  bool late = false;
  assert_int_equal(admit(in_state(R), report(1, 8, 1), &late), 0);
  assert_true(late);
  assert_int_equal(admit(in_state(X), report(2, 4, 9), &late), 0); /* after a terminal state */
  assert_true(late);
  struct cl_event ev = ended(1);
  ev.attempt = 1;
  ev.late = true;
  assert_int_equal(after(in_state(R), ev), R);
}

static void a_repeated_fact_adds_nothing(void **state) {
  (void)state;
  bool late = false;
  struct cl_head h = in_state(F);
  h.flags |= CL_ATTEMPT_KNOWN;
  assert_int_equal(admit(h, ended(1), &late), CLADE_REPEATED);
  h = in_state(R);
  h.flags |= CL_CONNECTED_ONCE;
  struct cl_event hello = {.position = 101, .kind = CL_EVENT_CONNECTED, .subject = 3, .attempt = 2};
  assert_int_equal(admit(h, hello, &late), CLADE_REPEATED);
  h = in_state(C);
  h.flags |= CL_ATTEMPT_DONE;
  struct cl_event done = {.position = 101, .kind = CL_EVENT_DONE, .subject = 3, .attempt = 2};
  assert_int_equal(admit(h, done, &late), CLADE_REPEATED);
}

static void a_decision_on_an_older_version_is_a_conflict(void **state) {
  (void)state;
  bool late = false;
  struct cl_event ev = decision(CL_EVENT_PAUSED);
  ev.seen = 89;
  assert_int_equal(admit(in_state(R), ev, &late), CLADE_ECONFLICT);
}

static void the_budget_is_exact(void **state) {
  (void)state;
  struct cl_study_head s = study();
  struct cl_head absent = {0};
  bool late = false;
  struct cl_event ev = {.position = 101, .kind = CL_EVENT_PROPOSED, .subject = 6};
  ev.u.proposed.role = CL_ROLE_SEARCH;
  assert_int_equal(cl_head_admit(&s, &absent, &ev, &late, NULL), 0);
  ev.subject = 7;
  assert_int_equal(cl_head_admit(&s, &absent, &ev, &late, NULL), CLADE_ECONFLICT);
  ev.subject = 6;
  s.counted = s.budget;
  assert_int_equal(cl_head_admit(&s, &absent, &ev, &late, NULL), CLADE_EBUDGET);
  ev.u.proposed.role = CL_ROLE_CONFIRM; /* does not count */
  assert_int_equal(cl_head_admit(&s, &absent, &ev, &late, NULL), 0);
  s.open = false;
  assert_int_equal(cl_head_admit(&s, &absent, &ev, &late, NULL), 0);
  ev.u.proposed.role = CL_ROLE_ENQUEUED;
  s.counted = 0;
  assert_int_equal(cl_head_admit(&s, &absent, &ev, &late, NULL), CLADE_EBUDGET);
}

static void a_budget_below_the_proposed_number_is_refused(void **state) {
  (void)state;
  struct cl_study_head s = study();
  bool late = false;
  struct cl_event ev = {.position = 101, .kind = CL_EVENT_UPDATED, .seen = 1};
  ev.u.updated.settings = "{\"trials\": 4}";
  struct cl_err e = {0};
  assert_int_equal(cl_head_admit(&s, NULL, &ev, &late, &e), CLADE_EREFUSED);
  assert_non_null(strstr(e.text, "5"));
  ev.u.updated.settings = "{\"trials\": 12}";
  ev.u.updated.space_version = 2;
  assert_int_equal(cl_head_apply(&s, NULL, &ev, &e), 0);
  assert_int_equal(s.budget, 12);
  assert_int_equal(s.version, 101);
}

static void retries_are_bounded_and_progress_renews_them(void **state) {
  (void)state;
  struct cl_study_head s = study();
  struct cl_head h = in_state(E);
  h.tries = CL_TRIES_MAX;
  assert_false(cl_head_may_retry(&s, &h));
  h = in_state(R);
  h.tries = 7;
  struct cl_event ev = report(2, 4, 2.385); /* the same step: no progress */
  assert_int_equal(cl_head_apply(&s, &h, &ev, NULL), 0);
  assert_int_equal(h.tries, 7);
  ev = report(2, 5, 2.386);
  ev.position = 102;
  assert_int_equal(cl_head_apply(&s, &h, &ev, NULL), 0);
  assert_int_equal(h.tries, 0);
  h = in_state(F);
  assert_true(cl_head_may_retry(&s, &h));
  assert_false(cl_state_is_result(&s, &h));
  h.failures = 1;
  assert_false(cl_head_may_retry(&s, &h));
  assert_true(cl_state_is_result(&s, &h));
}

static void nothing_of_a_finished_study_starts(void **state) {
  (void)state;
  struct cl_study_head s = study();
  struct cl_head h = in_state(W);
  bool late = false;
  struct cl_event ev = decision(CL_EVENT_STARTED);
  s.open = false;
  assert_int_equal(cl_head_admit(&s, &h, &ev, &late, NULL), CLADE_EREFUSED);
  h.role = CL_ROLE_CONFIRM;
  assert_int_equal(cl_head_admit(&s, &h, &ev, &late, NULL), 0);
}

static void workers_join_with_the_next_number(void **state) {
  (void)state;
  struct cl_study_head s = study();
  bool late = false;
  struct cl_event ev = {.position = 101, .kind = CL_EVENT_WORKER};
  ev.u.worker.state = CL_WORKER_JOINED;
  ev.u.worker.worker = 2;
  assert_int_equal(cl_head_admit(&s, NULL, &ev, &late, NULL), CLADE_ECONFLICT);
  ev.u.worker.worker = 3;
  assert_int_equal(cl_head_apply(&s, NULL, &ev, NULL), 0);
  assert_int_equal(s.workers, 3);
}

static void a_started_trial_may_go_on_in_its_open_attempt(void **state) {
  (void)state;
  struct cl_head h = in_state(W);
  h.flags |= CL_ATTEMPT_OPEN; /* continued while its process waits in its report */
  struct cl_event ev = decision(CL_EVENT_STARTED);
  assert_int_equal(after(h, ev), REFUSED);
  ev.attempt = 2;
  assert_int_equal(after(h, ev), R);
}

static void a_new_attempt_begins_a_segment(void **state) {
  (void)state;
  struct cl_study_head s = study();
  struct cl_head h = in_state(W);
  h.flags |= CL_FLAG_DIVERGED;
  struct cl_event ev = decision(CL_EVENT_STARTED);
  assert_int_equal(cl_head_apply(&s, &h, &ev, NULL), 0);
  assert_true(isnan(h.step));
  assert_int_equal(h.reports, 0);
  assert_int_equal(h.flags, CL_ATTEMPT_OPEN); /* from the beginning: earlier reports are void */
  h = in_state(W);
  ev.u.started.from = 55;
  s = study();
  assert_int_equal(cl_head_apply(&s, &h, &ev, NULL), 0);
  assert_int_equal(h.flags, CL_ATTEMPT_OPEN | CL_FLAG_SCORED);
}

static void a_non_finite_objective_raises_the_flag_only(void **state) {
  (void)state;
  struct cl_study_head s = study();
  struct cl_head h = in_state(R);
  struct cl_metric metrics[] = {{1, "loss", NAN}, {2, "other", INFINITY}};
  struct cl_event ev = report(2, 4, 3);
  ev.u.reported.metrics = (struct cl_metric_list){1, metrics + 1};
  assert_int_equal(cl_head_apply(&s, &h, &ev, NULL), 0);
  assert_false(h.flags & CL_FLAG_DIVERGED);
  ev = report(2, 5, 3);
  ev.position = 102;
  ev.u.reported.metrics = (struct cl_metric_list){2, metrics};
  assert_int_equal(cl_head_apply(&s, &h, &ev, NULL), 0);
  assert_true(h.flags & CL_FLAG_DIVERGED);
  assert_int_equal(h.state, R);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(decisions_follow_the_table_of_states),
                                     cmocka_unit_test(the_infeasible_flag_of_an_exploit_leads_to_infeasible),
                                     cmocka_unit_test(a_diverged_trial_is_stopped_only_while_it_runs),
                                     cmocka_unit_test(ends_are_judged_in_their_order),
                                     cmocka_unit_test(a_leg_that_reached_its_step_is_paused),
                                     cmocka_unit_test(an_end_that_nobody_saw_is_lost_not_ended),
                                     cmocka_unit_test(done_ends_a_trial_by_what_it_reported),
                                     cmocka_unit_test(reports_are_dense_ordered_and_told_once),
                                     cmocka_unit_test(facts_of_a_superseded_attempt_are_late),
                                     cmocka_unit_test(a_repeated_fact_adds_nothing),
                                     cmocka_unit_test(a_decision_on_an_older_version_is_a_conflict),
                                     cmocka_unit_test(the_budget_is_exact),
                                     cmocka_unit_test(a_budget_below_the_proposed_number_is_refused),
                                     cmocka_unit_test(retries_are_bounded_and_progress_renews_them),
                                     cmocka_unit_test(nothing_of_a_finished_study_starts),
                                     cmocka_unit_test(workers_join_with_the_next_number),
                                     cmocka_unit_test(a_started_trial_may_go_on_in_its_open_attempt),
                                     cmocka_unit_test(a_new_attempt_begins_a_segment),
                                     cmocka_unit_test(a_non_finite_objective_raises_the_flag_only)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
