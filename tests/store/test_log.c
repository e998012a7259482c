/* What a log refuses, whom it tells, and what it does when its store or its replica fails. */
#include "store/kit.h"

#include <sqlite3.h>

#include "base/alloc.h"

struct fixture {
  struct kit_place place;
  struct cl_store *s;
  struct cl_log *log;
  int64_t study;
};

static int set_up(void **state) {
  struct fixture *f = cl_alloc(sizeof *f);
  kit_place_init(&f->place);
  f->s = kit_open(KIT_SQLITE, &f->place);
  f->study = kit_create(f->s, "digits", 5000);
  assert_int_equal(cl_log_open(f->s, f->study, NULL, &f->log, NULL), 0);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  cl_log_close(f->log);
  cl_store_close(f->s);
  kit_place_done(&f->place);
  cl_free(f);
  return 0;
}

static void assert_says(int status, int want, const struct cl_err *e, const char *words) {
  if (status != want || strstr(e->text, words) == NULL)
    fail_msg("%d and '%s', but not %d and '%s'", status, e->text, want, words);
}

static void count(void *ctx, const struct cl_event *ev) {
  (void)ev;
  ++*(int *)ctx;
}

static struct cl_event note(const char *text) {
  struct cl_event ev = kit_event(CL_EVENT_NOTE, 0);
  ev.u.note.text = text;
  return ev;
}

static void a_log_has_eight_listeners_at_most(void **state) {
  const struct fixture *f = *state;
  struct cl_err e = {0};
  int heard[9] = {0};
  for (int i = 0; i < 8; i++) assert_int_equal(cl_log_listen(f->log, count, &heard[i], &e), 0);
  assert_says(cl_log_listen(f->log, count, &heard[8], &e), CLADE_ELIMIT, &e, "at most 8 listeners");
  cl_log_unlisten(f->log, count, &heard[3]);
  cl_log_unlisten(f->log, count, &heard[8]); /* is none */
  struct cl_event ev = note("one");
  struct cl_append result;
  assert_int_equal(cl_log_append(f->log, &ev, &result, &e), 0);
  for (int i = 0; i < 9; i++) assert_int_equal(heard[i], i != 3 && i != 8);
}

static void a_log_is_read_up_to_what_there_is(void **state) {
  const struct fixture *f = *state;
  struct cl_err e = {0};
  struct cl_log *log = NULL;
  (void)kit_finish_trial(f->s, f->study, 0.5);
  const struct cl_log_options beyond = {.until = 5}, early = {.until = 3};
  assert_says(cl_log_open(f->s, f->study, &beyond, &log, &e), CLADE_EINVAL, &e, "has 4 events");
  assert_says(cl_log_open(f->s, 7, NULL, &log, &e), CLADE_ENOTFOUND, &e, "no study number 7");
  assert_int_equal(cl_log_open(f->s, f->study, &early, &log, &e), 0);
  struct cl_event ev = note("late");
  assert_says(cl_log_put(log, &ev, NULL, NULL, &e), CLADE_EINVAL, &e, "cannot be written");
  assert_false(cl_log_has_put(log));
  assert_int_equal(cl_log_commit(log, &e), 0); /* of nothing */
  assert_int_equal(cl_log_id(log), f->study);
  assert_ptr_equal(cl_log_store(log), f->s);
  cl_log_close(log);
}

struct told {
  struct fixture *f;
  int n, status, nested;
  struct cl_err e;
};

static void hear(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct told *t = ctx;
  t->n++;
  t->status = result->status;
  t->nested = cl_log_commit(t->f->log, &t->e);
  struct cl_event more = note("more");
  if (ev->u.note.text[0] == 'f') assert_int_equal(cl_log_put(t->f->log, &more, hear, ctx, &t->e), 0);
}

static void what_the_told_put_belongs_to_the_next_turn(void **state) {
  struct fixture *f = *state;
  struct told t = {.f = f};
  struct cl_err e = {0};
  struct cl_event first = note("first"), last = note("last");
  assert_int_equal(cl_log_put(f->log, &first, hear, &t, &e), 0);
  assert_int_equal(cl_log_put(f->log, &last, NULL, NULL, &e), 0);
  struct cl_append result;
  assert_says(cl_log_append_all(f->log, &last, 1, &result, &e), CLADE_EINVAL, &e, "put");
  assert_int_equal(cl_log_commit(f->log, &e), 0);
  assert_int_equal(t.n, 1);
  assert_int_equal(t.status, 0);
  assert_says(t.nested, CLADE_EINVAL, &t.e, "a commit is going on");
  assert_int_equal(cl_log_position(f->log), 3);
  assert_true(cl_log_has_put(f->log));
  assert_int_equal(cl_log_commit(f->log, &e), 0);
  assert_int_equal(t.n, 2);
  assert_int_equal(cl_log_position(f->log), 4);
}

static void all_are_told_when_a_commit_fails(void **state) {
  struct fixture *f = *state;
  const struct cl_store_options options = {.mode = CL_STORE_READ};
  struct cl_store *reader = NULL;
  struct fixture mine = *f;
  struct told t = {.f = &mine};
  struct cl_err e = {0};
  assert_int_equal(cl_store_open(f->place.address, &options, &reader, NULL), 0);
  assert_int_equal(cl_log_open(reader, f->study, NULL, &mine.log, NULL), 0);
  struct cl_event a = note("a"), b = note("b");
  assert_int_equal(cl_log_put(mine.log, &a, hear, &t, &e), 0);
  assert_int_equal(cl_log_put(mine.log, &b, NULL, NULL, &e), 0);
  assert_says(cl_log_commit(mine.log, &e), CLADE_EINVAL, &e, "for reading only");
  assert_int_equal(t.n, 1);
  assert_int_equal(t.status, CLADE_EINVAL);
  assert_false(cl_log_has_put(mine.log));
  cl_log_close(mine.log);
  cl_store_close(reader);
}

static void a_log_whose_replica_broke_says_so(void **state) {
  struct fixture *f = *state;
  struct cl_err e = {0};
  sqlite3 *db = NULL;
  (void)kit_finish_trial(f->s, f->study, 0.5);
  assert_int_equal(sqlite3_open(f->place.address, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "UPDATE attempts SET trial = 4", NULL, NULL, NULL), SQLITE_OK);
  (void)sqlite3_close(db);
  int64_t n = 77;
  assert_says(cl_log_follow(f->log, &n, &e), CLADE_ECORRUPT, &e, "does not fit the log");
  assert_int_equal(n, 77);
  struct cl_event ev = note("more");
  struct cl_append result;
  assert_says(cl_log_follow(f->log, &n, &e), CLADE_ECORRUPT, &e, "open it again");
  assert_says(cl_log_put(f->log, &ev, NULL, NULL, &e), CLADE_ECORRUPT, &e, "open it again");
  assert_says(cl_log_commit(f->log, &e), CLADE_ECORRUPT, &e, "open it again");
  assert_says(cl_log_append_all(f->log, &ev, 1, &result, &e), CLADE_ECORRUPT, &e, "open it again");
}

static void thousands_of_events_are_followed(void **state) {
  struct fixture *f = *state;
  struct cl_err e = {0};
  int heard = 0;
  int64_t n = 0;
  assert_int_equal(cl_log_listen(f->log, count, &heard, &e), 0);
  struct cl_store *other = kit_open(KIT_SQLITE, &f->place);
  enum { EVENTS = 2385 };
  static struct cl_event events[EVENTS];
  static struct cl_append results[EVENTS];
  for (int i = 0; i < EVENTS; i++) events[i] = note("again");
  assert_int_equal(cl_store_append(other, f->study, events, EVENTS, results, &e), 0);
  cl_store_close(other);
  assert_int_equal(cl_log_follow(f->log, &n, &e), 0);
  assert_int_equal(n, EVENTS);
  assert_int_equal(heard, EVENTS);
  assert_int_equal(cl_log_position(f->log), EVENTS + 1);
  assert_int_equal(cl_log_follow(f->log, NULL, &e), 0);
}

/* A conflict shows what stood in the way. */
static void a_refused_event_brings_the_newer_ones(void **state) {
  struct fixture *f = *state;
  struct cl_err e = {0};
  struct cl_store *other = kit_open(KIT_SQLITE, &f->place);
  (void)kit_finish_trial(other, f->study, 0.5);
  cl_store_close(other);
  struct cl_event ev = kit_event(CL_EVENT_FINISHED, 0);
  struct cl_append result = {0};
  ev.seen = 77;
  ev.u.finished.reason = CL_REASON_HUMAN;
  assert_int_equal(cl_log_append(f->log, &ev, &result, &e), 0);
  assert_int_equal(result.status, CLADE_ECONFLICT);
  ev = kit_proposed(1, NULL, 0); /* taken */
  assert_int_equal(cl_log_append(f->log, &ev, &result, &e), 0);
  assert_int_equal(result.status, CLADE_ECONFLICT);
  assert_int_equal(cl_log_position(f->log), 4);
  assert_int_equal(cl_study_trial(cl_log_study(f->log), 1)->head.state, CL_COMPLETE);
}

/* Deciding within a commit. */

struct decider {
  struct fixture *f;
  struct cl_store *other;
  int calls, told, told_status;
  int64_t position, elsewhere, reports; /* when it was called */
  int status;
};

static void be_told(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct decider *d = ctx;
  (void)ev;
  d->told++;
  d->told_status = result->status;
}

static int stop_it(void *ctx, struct cl_err *e) {
  struct decider *d = ctx;
  const struct cl_head *h = &cl_study_trial(cl_log_study(d->f->log), 1)->head;
  struct cl_study_head head;
  struct cl_event ev = kit_event(CL_EVENT_STOPPED, 1);
  d->calls++;
  d->position = cl_log_position(d->f->log);
  d->reports = h->reports;
  assert_int_equal(cl_store_head(d->other, d->f->study, &head, e), 0);
  d->elsewhere = head.position;
  if (d->status < 0) return CL_FAIL(e, d->status, "no decision");
  if (h->state != CL_RUNNING) return 0;
  ev.seen = h->version;
  ev.u.stopped.at = d->position;
  return cl_log_put(d->f->log, &ev, be_told, d, e);
}

static struct decider begin_deciding(struct fixture *f) {
  kit_appended(f->s, f->study, kit_proposed(1, NULL, 0));
  kit_appended(f->s, f->study, kit_started(1, 1, kit_version(f->s, f->study, 1)));
  assert_int_equal(cl_log_follow(f->log, NULL, NULL), 0);
  return (struct decider){.f = f, .other = kit_open(KIT_SQLITE, &f->place)};
}

static void put_report(struct decider *d, int ordinal) {
  struct cl_metric m = {.name = "acc", .value = 0.2385};
  struct cl_event ev = kit_reported(1, 1, ordinal, ordinal, &m, 1);
  assert_int_equal(cl_log_put(d->f->log, &ev, be_told, d, NULL), 0);
}

static int64_t position_elsewhere(const struct decider *d) {
  struct cl_study_head head;
  assert_int_equal(cl_store_head(d->other, d->f->study, &head, NULL), 0);
  return head.position;
}

static void a_decision_on_a_report_shares_its_commit(void **state) {
  struct fixture *f = *state;
  struct decider d = begin_deciding(f);
  struct cl_err e = {0};
  put_report(&d, 1);
  assert_int_equal(cl_log_commit_with(f->log, stop_it, &d, &e), 0);
  assert_int_equal(d.calls, 1);
  assert_int_equal(d.position, 4);
  assert_int_equal(d.reports, 1);
  assert_int_equal(d.elsewhere, 3); /* nobody else sees the report without the decision */
  assert_int_equal(position_elsewhere(&d), 5);
  assert_int_equal(d.told, 2);
  assert_int_equal(cl_study_trial(cl_log_study(f->log), 1)->head.version, 5);
  assert_false(cl_log_has_put(f->log));
  put_report(&d, 2); /* too late: it is refused or kept as such, and nothing follows from it */
  assert_int_equal(cl_log_commit_with(f->log, stop_it, &d, &e), 0);
  assert_int_equal(cl_store_check(f->s, f->study, &e), 0);
  cl_store_close(d.other);
}

static void only_reports_are_decided_on_within_their_commit(void **state) {
  struct fixture *f = *state;
  struct decider d = begin_deciding(f);
  struct cl_event ev = note("by the way");
  assert_int_equal(cl_log_put(f->log, &ev, NULL, NULL, NULL), 0);
  put_report(&d, 1);
  assert_int_equal(cl_log_commit_with(f->log, stop_it, &d, NULL), 0);
  assert_int_equal(d.calls, 0);
  put_report(&d, 1); /* repeated: nothing is appended */
  assert_int_equal(cl_log_commit_with(f->log, stop_it, &d, NULL), 0);
  assert_int_equal(d.calls, 0);
  assert_int_equal(d.told, 2);
  cl_store_close(d.other);
}

static void what_others_have_appended_is_heard_before_anything_is_decided(void **state) {
  struct fixture *f = *state;
  struct decider d = begin_deciding(f);
  kit_appended(d.other, f->study, note("theirs"));
  put_report(&d, 1);
  assert_int_equal(cl_log_commit_with(f->log, stop_it, &d, NULL), 0);
  assert_int_equal(d.calls, 0);
  assert_int_equal(d.told, 1);
  assert_int_equal(cl_log_position(f->log), 5);
  cl_store_close(d.other);
}

static void a_decision_that_fails_takes_its_report_with_it(void **state) {
  struct fixture *f = *state;
  struct decider d = begin_deciding(f);
  struct cl_err e = {0};
  struct cl_event ev = note("more");
  d.status = CLADE_ESPEC;
  put_report(&d, 1);
  assert_says(cl_log_commit_with(f->log, stop_it, &d, &e), CLADE_ESPEC, &e, "no decision");
  assert_int_equal(d.told, 1);
  assert_int_equal(d.told_status, CLADE_ESPEC);
  assert_int_equal(position_elsewhere(&d), 3);
  assert_says(cl_log_put(f->log, &ev, NULL, NULL, &e), CLADE_ESPEC, &e, "open it again");
  cl_log_close(f->log);
  assert_int_equal(cl_log_open(f->s, f->study, NULL, &f->log, &e), 0);
  assert_int_equal(cl_log_position(f->log), 3);
  cl_store_close(d.other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_log_has_eight_listeners_at_most),
      TEST(a_log_is_read_up_to_what_there_is),
      TEST(what_the_told_put_belongs_to_the_next_turn),
      TEST(all_are_told_when_a_commit_fails),
      TEST(a_log_whose_replica_broke_says_so),
      TEST(thousands_of_events_are_followed),
      TEST(a_refused_event_brings_the_newer_ones),
      TEST(a_decision_on_a_report_shares_its_commit),
      TEST(only_reports_are_decided_on_within_their_commit),
      TEST(what_others_have_appended_is_heard_before_anything_is_decided),
      TEST(a_decision_that_fails_takes_its_report_with_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
