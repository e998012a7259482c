/* The replica: what a sequence of events adds up to. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/study.h"

static const char settings_json[] =
    "{\"study\": \"digits\", \"origin\": \"native\", \"cwd\": \"/tmp\", \"program\": [\"./train\"],"
    " \"objectives\": [{\"name\": \"acc\", \"goal\": \"maximize\", \"reduce\": \"best\"},"
    "                  {\"name\": \"cost\", \"goal\": \"minimize\", \"reduce\": \"last\"}],"
    " \"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"scale\": \"log\", \"lo\": 1e-5, \"hi\": 1.0},"
    "   {\"id\": 2, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\", null, true]},"
    "   {\"id\": 3, \"name\": \"n\", \"domain\": \"int\", \"lo\": 1, \"hi\": 9007199254740991, \"step\": 1}],"
    " \"search\": {\"method\": \"random\"}, \"trials\": 4, \"parallel\": 2, \"limits\": {\"retries\": 1, \"max_failures\": 5}}";

struct bench {
  struct cl_study *s;
  int64_t position;
};

static int apply(struct bench *b, struct cl_event ev) {
  struct cl_err e = {0};
  ev.position = ++b->position;
  int status = cl_study_apply(b->s, &ev, &e);
  if (status < 0) {
    print_message("# %s\n", e.text);
    b->position--;
  }
  return status;
}

static struct bench begin(void) {
  struct bench b = {0};
  assert_int_equal(cl_study_create(&b.s, NULL), 0);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = "digits";
  ev.u.created.uuid = "u-1";
  ev.u.created.settings = settings_json;
  ev.u.created.directory = "/tmp/x.d";
  ev.u.created.seed = 7;
  ev.u.created.provenance = "{\"created_ms\": 1234567}";
  assert_int_equal(apply(&b, ev), 0);
  return b;
}

static int64_t version(struct bench *b, int64_t trial) {
  return cl_study_trial(b->s, trial)->head.version;
}

static void propose(struct bench *b, int64_t trial, double lr, const char *opt) {
  struct cl_assigned values[] = {
      {1, cl_value_real(lr)}, {2, cl_value_text(opt)}, {3, cl_value_int(9007199254740991)}};
  struct cl_event ev = {.kind = CL_EVENT_PROPOSED, .subject = trial, .cause = CL_CAUSE_SEARCH};
  ev.u.proposed.role = CL_ROLE_SEARCH;
  ev.u.proposed.space_version = 1;
  ev.u.proposed.values = (struct cl_assigned_list){3, values};
  assert_int_equal(apply(b, ev), 0);
}

static void start(struct bench *b, int64_t trial, int attempt, int64_t from) {
  struct cl_event ev = {.kind = CL_EVENT_STARTED,
                        .subject = trial,
                        .attempt = attempt,
                        .cause = CL_CAUSE_CLAIM,
                        .seen = version(b, trial),
                        .time_ms = 100 * attempt};
  ev.u.started.worker = 1;
  ev.u.started.from = from;
  ev.u.started.until = CL_NO_STEP;
  assert_int_equal(apply(b, ev), 0);
}

static int report(struct bench *b, int64_t trial, int attempt, int64_t ordinal, double step, double acc) {
  struct cl_metric m[] = {{1, "acc", acc}, {3, "loss", 1 - acc}};
  struct cl_event ev = {.kind = CL_EVENT_REPORTED, .subject = trial, .attempt = attempt};
  ev.u.reported.ordinal = ordinal;
  ev.u.reported.step = step;
  ev.u.reported.metrics = (struct cl_metric_list){2, m};
  return apply(b, ev);
}

static struct cl_event end_of(int64_t trial, int attempt, int status) {
  struct cl_event ev = {.kind = CL_EVENT_ENDED, .subject = trial, .attempt = attempt, .time_ms = 5000};
  ev.u.ended.status = status;
  ev.u.ended.known = true;
  return ev;
}

static int64_t save(struct bench *b, int64_t trial, int attempt, double step) {
  struct cl_event ev = {.kind = CL_EVENT_SAVED, .subject = trial, .attempt = attempt};
  ev.u.saved.step = step;
  ev.u.saved.way = CL_WAY_DIRECTORY;
  ev.u.saved.path = "1/checkpoints/1-2";
  const struct cl_trial *t = cl_study_trial(b->s, trial);
  ev.u.saved.rollup = cl_trial_rollup(t);
  assert_int_equal(apply(b, ev), 0);
  return b->position;
}

static void a_trial_lives_from_proposal_to_its_value(void **state) {
  (void)state;
  struct bench b = begin();
  propose(&b, 1, 0.015625, "sgd");
  assert_int_equal(cl_study_first_waiting(b.s), 1);
  assert_int_equal(cl_study_pending(b.s), 1);
  start(&b, 1, 1, 0);
  assert_int_equal(cl_study_first_waiting(b.s), 0);
  assert_int_equal(report(&b, 1, 1, 1, 0.5, 0.25), 0);
  assert_int_equal(report(&b, 1, 1, 2, 1, 0.875), 0);
  int64_t shown = b.position;
  const struct cl_trial *t = cl_study_trial(b.s, 1);
  assert_int_equal(t->record, shown);
  assert_int_equal(report(&b, 1, 1, 3, 1, 0.5), 0);
  assert_true(t->value == 0.875); /* reduce: best */
  assert_int_equal(apply(&b, end_of(1, 1, 0)), 0);
  assert_int_equal(t->head.state, CL_COMPLETE);
  assert_int_equal(cl_study_best(b.s), 1);
  assert_int_equal(t->exit_status, 0);
  assert_int_equal(t->started_ms, 100);
  assert_int_equal(cl_trial_ended_ms(t), 5000);
  assert_string_equal(cl_study_metric_name(b.s, 3), "loss");
  assert_string_equal(cl_study_metric_name(b.s, 2), "cost");
  struct cl_value values[3];
  cl_trial_values(b.s, t, values);
  assert_true(cl_value_equal(values[0], cl_value_real(0.015625)));
  assert_true(cl_value_equal(values[1], cl_value_text("sgd")));
  assert_true(cl_value_equal(values[2], cl_value_int(9007199254740991)));
  assert_int_equal(cl_study_created_ms(b.s), 1234567);
  cl_study_destroy(b.s);
}

static void the_sum_of_an_end_equals_its_reports(void **state) {
  (void)state;
  struct bench full = begin(), brief = begin();
  struct bench *both[] = {&full, &brief};
  for (int i = 0; i < 2; i++) {
    propose(both[i], 1, 0.5, "adam");
    start(both[i], 1, 1, 0);
  }
  assert_int_equal(report(&full, 1, 1, 1, 1, 0.25), 0);
  assert_int_equal(report(&full, 1, 1, 2, 2, 0.625), 0);
  struct cl_event ev = end_of(1, 1, 0);
  const double objectives[] = {0.625};
  ev.u.ended.objectives = (struct cl_number_list){1, objectives};
  ev.u.ended.record = full.position;
  brief.position = full.position; /* reading left the reports out */
  cl_study_expect_partial(brief.s);
  assert_int_equal(apply(&full, ev), 0);
  assert_int_equal(apply(&brief, ev), 0);
  const struct cl_trial *a = cl_study_trial(full.s, 1), *c = cl_study_trial(brief.s, 1);
  assert_int_equal(c->head.state, CL_COMPLETE);
  assert_true(a->value == c->value);
  assert_int_equal(a->record, c->record);
  cl_study_destroy(full.s);
  cl_study_destroy(brief.s);
}

static void a_resume_from_a_snapshot_keeps_the_roll_up(void **state) {
  (void)state;
  struct bench b = begin();
  propose(&b, 1, 0.5, "adam");
  start(&b, 1, 1, 0);
  assert_int_equal(report(&b, 1, 1, 1, 1, 0.75), 0);
  int64_t snapshot = save(&b, 1, 1, 1);
  assert_int_equal(report(&b, 1, 1, 2, 2, 0.9375), 0); /* void after the resume */
  assert_int_equal(apply(&b, end_of(1, 1, 75)), 0);
  const struct cl_trial *t = cl_study_trial(b.s, 1);
  assert_int_equal(t->head.state, CL_PREEMPTED);
  struct cl_event ev = {
      .kind = CL_EVENT_RETRIED, .subject = 1, .seen = version(&b, 1), .cause = CL_CAUSE_RESUME};
  assert_int_equal(apply(&b, ev), 0);
  assert_int_equal(cl_trial_resume_from(b.s, t), snapshot);
  start(&b, 1, 2, snapshot);
  assert_true(t->value == 0.75);
  assert_int_equal(report(&b, 1, 2, 1, 2, 0.5), 0);
  assert_true(t->value == 0.75);
  cl_study_destroy(b.s);
}

static void a_fresh_attempt_voids_all_reports(void **state) {
  (void)state;
  struct bench b = begin();
  propose(&b, 1, 0.5, "adam");
  start(&b, 1, 1, 0);
  assert_int_equal(report(&b, 1, 1, 1, 1, 0.75), 0);
  struct cl_event lost = {
      .kind = CL_EVENT_LOST, .subject = 1, .attempt = 1, .seen = version(&b, 1), .cause = CL_CAUSE_RESUME};
  assert_int_equal(apply(&b, lost), 0);
  struct cl_event retried = {
      .kind = CL_EVENT_RETRIED, .subject = 1, .seen = version(&b, 1), .cause = CL_CAUSE_RESUME};
  assert_int_equal(apply(&b, retried), 0);
  start(&b, 1, 2, 0);
  const struct cl_trial *t = cl_study_trial(b.s, 1);
  assert_true(isnan(t->value));
  struct cl_event late = {.kind = CL_EVENT_REPORTED, .subject = 1, .attempt = 1, .late = true};
  struct cl_metric m = {1, "acc", 0.99};
  late.u.reported.ordinal = 2;
  late.u.reported.step = 3;
  late.u.reported.metrics = (struct cl_metric_list){1, &m};
  assert_int_equal(apply(&b, late), 0);
  assert_true(isnan(t->value)); /* of a superseded attempt: kept, without effect */
  assert_int_equal(apply(&b, end_of(1, 2, 0)), 0);
  assert_int_equal(t->head.state, CL_FAILED); /* its own attempt never reported */
  cl_study_destroy(b.s);
}

static struct cl_event exploit(struct bench *b, int64_t trial, int64_t snapshot,
                               const struct cl_assigned *values, int n) {
  struct cl_event ev = {
      .kind = CL_EVENT_EXPLOITED, .subject = trial, .seen = version(b, trial), .cause = CL_CAUSE_EXPLOIT};
  ev.u.exploited.snapshot = snapshot;
  ev.u.exploited.values = (struct cl_assigned_list){n, values};
  ev.u.exploited.until = CL_NO_STEP;
  return ev;
}

static void a_voided_exploit_puts_values_and_source_back(void **state) {
  (void)state;
  struct bench b = begin();
  propose(&b, 1, 0.5, "adam");
  propose(&b, 2, 0.25, "sgd");
  start(&b, 1, 1, 0);
  start(&b, 2, 1, 0);
  assert_int_equal(report(&b, 1, 1, 1, 1, 0.75), 0);
  int64_t snapshot = save(&b, 1, 1, 1);
  const struct cl_assigned taken[] = {{1, cl_value_real(0.6)}, {2, cl_value_text("adam")}};
  assert_int_equal(apply(&b, exploit(&b, 2, snapshot, taken, 2)), 0);
  int64_t change = b.position;
  const struct cl_trial *t = cl_study_trial(b.s, 2);
  assert_int_equal(t->head.load, change);
  assert_int_equal(cl_study_snapshot(b.s, snapshot)->pins, 1);
  assert_int_equal(cl_trial_resume_from(b.s, t), snapshot);
  struct cl_value values[3];
  cl_trial_values(b.s, t, values);
  assert_true(values[0].as.real == 0.6);
  assert_int_equal(values[2].kind, CL_ABSENT); /* an exploit names all values */
  struct cl_event human = {
      .kind = CL_EVENT_SET, .subject = 2, .seen = version(&b, 2), .cause = CL_CAUSE_HUMAN};
  const struct cl_assigned edit = {1, cl_value_real(0.875)};
  human.u.set.values = (struct cl_assigned_list){1, &edit};
  human.u.set.until = CL_NO_STEP;
  assert_int_equal(apply(&b, human), 0);
  struct cl_event ev = {
      .kind = CL_EVENT_VOIDED, .subject = 2, .seen = version(&b, 2), .cause = CL_CAUSE_MISSING};
  ev.u.voided.change = change;
  assert_int_equal(apply(&b, ev), 0);
  cl_trial_values(b.s, t, values);
  assert_true(values[0].as.real == 0.875); /* written later by a person: stays */
  assert_true(cl_value_equal(values[1], cl_value_text("sgd")));
  assert_int_equal(values[2].as.integer, 9007199254740991);
  assert_int_equal(t->head.load, 0);
  assert_int_equal(cl_study_snapshot(b.s, snapshot)->pins, 0);
  assert_int_equal(cl_trial_resume_from(b.s, t), 0);
  cl_study_destroy(b.s);
}

static void a_load_begins_a_segment_of_the_donor(void **state) {
  (void)state;
  struct bench b = begin();
  propose(&b, 1, 0.5, "adam");
  propose(&b, 2, 0.25, "sgd");
  start(&b, 1, 1, 0);
  start(&b, 2, 1, 0);
  assert_int_equal(report(&b, 1, 1, 1, 3, 0.75), 0);
  int64_t snapshot = save(&b, 1, 1, 3);
  assert_int_equal(report(&b, 2, 1, 1, 9, 0.25), 0);
  const struct cl_assigned taken[] = {{1, cl_value_real(0.6)}};
  assert_int_equal(apply(&b, exploit(&b, 2, snapshot, taken, 1)), 0);
  struct cl_event loaded = {.kind = CL_EVENT_LOADED, .subject = 2, .attempt = 1};
  loaded.u.loaded.change = b.position;
  loaded.u.loaded.snapshot = snapshot;
  assert_int_equal(apply(&b, loaded), 0);
  const struct cl_trial *t = cl_study_trial(b.s, 2);
  assert_true(t->value == 0.75);
  assert_int_equal(t->head.load, 0);
  assert_int_equal(cl_study_snapshot(b.s, snapshot)->pins, 0);
  assert_int_equal(report(&b, 2, 1, 2, 4, 0.5), 0); /* the step may go back to the donor's */
  assert_int_equal(report(&b, 2, 1, 3, 3.5, 0.5), CLADE_ECORRUPT);
  cl_study_destroy(b.s);
}

static void a_grown_space_leaves_older_trials_alone(void **state) {
  (void)state;
  struct bench b = begin();
  propose(&b, 1, 0.5, "adam");
  struct cl_event ev = {.kind = CL_EVENT_UPDATED, .seen = 1, .cause = CL_CAUSE_HUMAN};
  ev.u.updated.settings =
      "{\"trials\": 9, \"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"scale\": \"log\", \"lo\": "
      "1e-5, \"hi\": 1.0}, {\"id\": 4, \"name\": \"wd\", \"domain\": \"float\", \"scale\": \"linear\", \"lo\": 0.0, \"hi\": 0.5}]}";
  ev.u.updated.space_version = 2;
  assert_int_equal(apply(&b, ev), 0);
  assert_int_equal(cl_study_space(b.s)->n, 2);
  assert_int_equal(cl_study_head(b.s)->budget, 9);
  struct cl_assigned values[] = {{1, cl_value_real(0.125)}, {4, cl_value_real(0.375)}};
  struct cl_event next = {.kind = CL_EVENT_PROPOSED, .subject = 2, .cause = CL_CAUSE_SEARCH};
  next.u.proposed.role = CL_ROLE_SEARCH;
  next.u.proposed.space_version = 2;
  next.u.proposed.values = (struct cl_assigned_list){2, values};
  assert_int_equal(apply(&b, next), 0);
  struct cl_value got[2];
  cl_trial_values(b.s, cl_study_trial(b.s, 1), got);
  assert_true(got[0].as.real == 0.5);
  assert_int_equal(got[1].kind, CL_ABSENT);
  cl_trial_values(b.s, cl_study_trial(b.s, 2), got);
  assert_true(got[1].as.real == 0.375);
  cl_study_destroy(b.s);
}

/* More than are looked at together, and more than the first slots. */
static void thousands_of_configurations_are_told_apart(void **state) {
  (void)state;
  struct bench b = begin();
  int64_t n = 0, first = 0;
  struct cl_event ev = {.kind = CL_EVENT_UPDATED, .cause = CL_CAUSE_HUMAN, .seen = 1};
  ev.u.updated.settings = "{\"trials\": 3000}";
  ev.u.updated.space_version = 1;
  assert_int_equal(apply(&b, ev), 0);
  for (int i = 0; i < 3000; i++) propose(&b, i + 1, 0.0001 * (1 + i % 1370), i % 2 ? "adam" : "sgd");
  assert_int_equal(cl_study_configurations(b.s, &n, NULL), 0);
  assert_int_equal(n, 1370);
  for (int64_t i = 1; i <= 3000; i++) {
    assert_int_equal(cl_study_configuration(b.s, i, &first, NULL), 0);
    assert_int_equal(first, (i - 1) % 1370 + 1);
    assert_int_equal(cl_study_next_repeat(b.s, i), i + 1370 <= 3000 ? i + 1370 : 0);
  }
  cl_study_destroy(b.s);
}

static void repeats_are_found_by_their_configuration(void **state) {
  (void)state;
  struct bench b = begin();
  propose(&b, 1, 0.5, "adam");
  propose(&b, 2, 0.25, "adam");
  propose(&b, 3, 0.5, "adam");
  int64_t first = 0, n = 0;
  assert_int_equal(cl_study_configurations(b.s, &n, NULL), 0);
  assert_int_equal(n, 2);
  assert_int_equal(cl_study_configuration(b.s, 3, &first, NULL), 0);
  assert_int_equal(first, 1);
  assert_int_equal(cl_study_next_repeat(b.s, 1), 3);
  assert_int_equal(cl_study_next_repeat(b.s, 3), 0);
  propose(&b, 4, 0.5, "adam");
  assert_int_equal(cl_study_configuration(b.s, 2, &first, NULL), 0);
  assert_int_equal(first, 2);
  assert_int_equal(cl_study_next_repeat(b.s, 3), 4);
  cl_study_destroy(b.s);
}

static void the_queue_is_in_the_order_of_waiting(void **state) {
  (void)state;
  struct bench b = begin();
  propose(&b, 1, 0.5, "adam");
  propose(&b, 2, 0.25, "adam");
  start(&b, 1, 1, 0);
  assert_int_equal(apply(&b, end_of(1, 1, 75)), 0);
  struct cl_event ev = {
      .kind = CL_EVENT_RETRIED, .subject = 1, .seen = version(&b, 1), .cause = CL_CAUSE_RESUME};
  assert_int_equal(apply(&b, ev), 0);
  assert_int_equal(cl_study_first_waiting(b.s), 2);
  assert_int_equal(cl_study_next_waiting(b.s, 2), 1);
  assert_int_equal(cl_study_next_waiting(b.s, 1), 0);
  propose(&b, 3, 0.125, "sgd");
  assert_int_equal(cl_study_next_waiting(b.s, 1), 3);
  start(&b, 2, 1, 0);
  assert_int_equal(cl_study_first_waiting(b.s), 1);
  cl_study_destroy(b.s);
}

static void failures_in_a_row_count_from_the_start_only(void **state) {
  (void)state;
  struct bench b = begin();
  for (int64_t i = 1; i <= 2; i++) {
    propose(&b, i, 0.5, "adam");
    start(&b, i, 1, 0);
    assert_int_equal(apply(&b, end_of(i, 1, 1)), 0);
    assert_int_equal(cl_study_failures_in_a_row(b.s), i - 1); /* a retry is left: no result yet */
    struct cl_event ev = {
        .kind = CL_EVENT_RETRIED, .subject = i, .seen = version(&b, i), .cause = CL_CAUSE_RESUME};
    assert_int_equal(apply(&b, ev), 0);
    start(&b, i, 2, 0);
    assert_int_equal(apply(&b, end_of(i, 2, 1)), 0);
    assert_int_equal(cl_study_failures_in_a_row(b.s), i);
  }
  propose(&b, 3, 0.5, "adam");
  start(&b, 3, 1, 0);
  assert_int_equal(report(&b, 3, 1, 1, 1, 0.5), 0);
  assert_int_equal(apply(&b, end_of(3, 1, 0)), 0);
  assert_int_equal(cl_study_failures_in_a_row(b.s), -1);
  cl_study_destroy(b.s);
}

static void what_does_not_fit_is_a_corrupt_log(void **state) {
  (void)state;
  struct bench b = begin();
  propose(&b, 1, 0.5, "adam");
  struct cl_event twice = {.kind = CL_EVENT_CREATED};
  assert_int_equal(apply(&b, twice), CLADE_ECORRUPT);
  assert_int_equal(apply(&b, end_of(1, 1, 0)), CLADE_ECORRUPT);
  struct cl_assigned wrong = {77, cl_value_int(1)};
  struct cl_event ev = {.kind = CL_EVENT_PROPOSED, .subject = 2, .cause = CL_CAUSE_SEARCH};
  ev.u.proposed.role = CL_ROLE_SEARCH;
  ev.u.proposed.values = (struct cl_assigned_list){1, &wrong};
  assert_int_equal(apply(&b, ev), CLADE_ECORRUPT);
  cl_study_destroy(b.s);

  struct bench c = begin();
  c.position += 3; /* a gap */
  struct cl_event clock = {.kind = CL_EVENT_CLOCK, .seen = 1};
  assert_int_equal(apply(&c, clock), CLADE_ECORRUPT);
  cl_study_destroy(c.s);
}

static void a_newer_kind_is_kept_but_not_decided_over(void **state) {
  (void)state;
  struct bench b = begin();
  assert_int_equal(apply(&b, (struct cl_event){.kind = (enum cl_kind)99}), 0);
  assert_true(cl_study_is_newer(b.s));
  cl_study_destroy(b.s);
}

static void equal_histories_have_equal_digests(void **state) {
  (void)state;
  struct bench a = begin(), b = begin();
  uint64_t x = 0, y = 0;
  propose(&a, 1, 0.5, "adam");
  propose(&b, 1, 0.5, "adam");
  assert_int_equal(cl_study_digest(a.s, &x, NULL), 0);
  assert_int_equal(cl_study_digest(b.s, &y, NULL), 0);
  assert_true(x == y);
  propose(&a, 2, 0.5, "adam");
  propose(&b, 2, 0.25, "adam");
  assert_int_equal(cl_study_digest(a.s, &x, NULL), 0);
  assert_int_equal(cl_study_digest(b.s, &y, NULL), 0);
  assert_true(x != y);
  cl_study_destroy(a.s);
  cl_study_destroy(b.s);
}

static void an_end_stays_known_when_more_happens(void **state) {
  (void)state;
  struct bench b = begin();
  propose(&b, 1, 0.5, "adam");
  const struct cl_trial *t = cl_study_trial(b.s, 1);
  assert_int_equal(cl_trial_ended_ms(t), -1);
  start(&b, 1, 1, 0);
  assert_int_equal(apply(&b, end_of(1, 1, 75)), 0);
  assert_int_equal(cl_trial_ended_ms(t), 5000);
  struct cl_event ev = {.kind = CL_EVENT_RETRIED, .subject = 1, .seen = version(&b, 1), .time_ms = 6011};
  ev.u.retried.count = 1;
  assert_int_equal(apply(&b, ev), 0);
  assert_true(cl_trial_ended_ms(t) == 5000 && t->changed_ms == 6011);
  start(&b, 1, 2, 0); /* by a clock that goes behind */
  assert_true(cl_trial_ended_ms(t) == 5000 && t->changed_ms == 6011 && t->started_ms == 100);
  assert_int_equal(report(&b, 1, 2, 1, 1, 0.75), 0);
  assert_true(cl_trial_rollup(t).count == 1 && cl_trial_rollup(t).last == 0.75);
  assert_int_equal(apply(&b, end_of(1, 2, 0)), 0);
  assert_true(cl_trial_ended_ms(t) == 5000 && t->changed_ms == 6011 && cl_trial_rollup(t).count == 0);
  ev = (struct cl_event){.kind = CL_EVENT_NOTE, .subject = 1, .time_ms = 7919};
  ev.u.note.what = CL_NOTE_TEXT;
  ev.u.note.text = "looked at";
  assert_int_equal(apply(&b, ev), 0);
  assert_true(cl_trial_ended_ms(t) == 5000 && t->changed_ms == 7919);
  cl_study_destroy(b.s);
}

static void a_trial_beyond_the_last_number_is_not_taken_in(void **state) {
  (void)state;
  struct bench b = begin();
  cl_study_expect_partial(b.s);
  struct cl_event ev = {.kind = CL_EVENT_PROPOSED, .subject = (int64_t)CL_NUMBER_MAX + 1};
  ev.u.proposed.role = CL_ROLE_SEARCH;
  assert_int_equal(apply(&b, ev), CLADE_ELIMIT);
  cl_study_destroy(b.s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(an_end_stays_known_when_more_happens),
                                     cmocka_unit_test(a_trial_beyond_the_last_number_is_not_taken_in),
                                     cmocka_unit_test(a_trial_lives_from_proposal_to_its_value),
                                     cmocka_unit_test(the_sum_of_an_end_equals_its_reports),
                                     cmocka_unit_test(a_resume_from_a_snapshot_keeps_the_roll_up),
                                     cmocka_unit_test(a_fresh_attempt_voids_all_reports),
                                     cmocka_unit_test(a_voided_exploit_puts_values_and_source_back),
                                     cmocka_unit_test(a_load_begins_a_segment_of_the_donor),
                                     cmocka_unit_test(a_grown_space_leaves_older_trials_alone),
                                     cmocka_unit_test(repeats_are_found_by_their_configuration),
                                     cmocka_unit_test(thousands_of_configurations_are_told_apart),
                                     cmocka_unit_test(the_queue_is_in_the_order_of_waiting),
                                     cmocka_unit_test(failures_in_a_row_count_from_the_start_only),
                                     cmocka_unit_test(what_does_not_fit_is_a_corrupt_log),
                                     cmocka_unit_test(a_newer_kind_is_kept_but_not_decided_over),
                                     cmocka_unit_test(equal_histories_have_equal_digests)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
