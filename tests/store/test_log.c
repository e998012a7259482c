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

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_log_has_eight_listeners_at_most),          TEST(a_log_is_read_up_to_what_there_is),
      TEST(what_the_told_put_belongs_to_the_next_turn), TEST(all_are_told_when_a_commit_fails),
      TEST(a_log_whose_replica_broke_says_so),          TEST(thousands_of_events_are_followed),
      TEST(a_refused_event_brings_the_newer_ones),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
