/* An SQLite store whose long logs are read by threads (src/store/sqlite_ahead.c): the same events as without
 * them, whatever fails, and nothing of the threads is left behind. */
#include "store/kit.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>

#include "base/alloc.h"
#include "fault/alloc.h"

static bool no_threads;
static int n_started; /* threads */

int __real_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *), void *ctx);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *), void *ctx);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *), void *ctx) {
  if (no_threads) return EAGAIN;
  n_started++;
  return __real_pthread_create(ret, attributes, run, ctx);
}

struct fixture {
  struct kit_place place;
  struct cl_store *alone, *ahead; /* two handles on one store; one reads with threads */
  int64_t study;
};

static int set_up(void **state) {
  struct fixture *f = cl_alloc(sizeof *f);
  kit_place_init(&f->place);
  f->alone = kit_open(KIT_SQLITE, &f->place);
  f->ahead = kit_open(KIT_SQLITE_AHEAD, &f->place);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  no_threads = false;
  cl_store_close(f->alone);
  cl_store_close(f->ahead);
  kit_place_done(&f->place);
  cl_free(f);
  return 0;
}

/* Some lives of a process, which have all kinds of rows. */
static void live(struct fixture *f, int n) {
  struct cl_err e = {0};
  for (int i = 0; i < n; i++)
    if (kit_live_in(f->alone, "digits", &e) < 0) fail_msg("%s", e.text);
  assert_int_equal(cl_store_find(f->alone, "digits", &f->study, NULL), 0);
}

static void assert_same_events(const struct kit_events *a, const struct kit_events *b) {
  assert_int_equal(a->n, b->n);
  for (size_t i = 0; i < a->n; i++) assert_true(cl_event_equal(a->items[i], b->items[i]));
}

/* The long tables, which have a thread each. */
enum { LONG_TABLES = 3 };

static void assert_read_alike(struct fixture *f, const struct cl_read *what, size_t n) {
  struct kit_events alone, ahead;
  n_started = 0;
  kit_read(f->alone, f->study, what, &alone);
  assert_int_equal(n_started, 0);
  kit_read(f->ahead, f->study, what, &ahead);
  assert_int_equal(n_started, no_threads ? 0 : LONG_TABLES);
  assert_true(alone.n >= n);
  assert_same_events(&alone, &ahead);
  kit_events_done(&alone);
  kit_events_done(&ahead);
}

static void any_stretch_of_a_log_reads_alike(void **state) {
  struct fixture *f = *state;
  live(f, 40);
  assert_read_alike(f, &(struct cl_read){0}, 40 * KIT_LIFE);
  assert_read_alike(f, &(struct cl_read){.only_state = true, .skip_known_reports = true}, 400);
  for (int64_t after = 0; after < 40 * KIT_LIFE; after += 37)
    for (int64_t until = after + 1; until < 40 * KIT_LIFE; until += 59)
      assert_read_alike(f, &(struct cl_read){.after = after, .until = until}, 1);
}

/* Several batches and several transactions of each thread; as handles of users are, `ahead_from` is not set.
 */
static void a_long_log_reads_alike(void **state) {
  enum { TRIALS_ADDED = 70000, AT_A_TIME = 500 };
  struct fixture *f = *state;
  static struct cl_event events[AT_A_TIME * 3];
  static struct cl_append results[AT_A_TIME * 3];
  static const double objectives[] = {0.385, 2.385};
  const struct cl_assigned values[] = {{1, cl_value_real(0.385)}, {2, cl_value_text("sgd")}};
  f->study = kit_create(f->alone, "digits", TRIALS_ADDED);
  for (int64_t trial = 1; trial <= TRIALS_ADDED;) {
    int n = 0;
    for (int i = 0; i < AT_A_TIME; i++, trial++) {
      events[n++] = kit_proposed(trial, values, 2);
      events[n++] = kit_started(trial, 1, CL_SEEN_BATCH);
      events[n++] = kit_ended(trial, 1, 0, objectives, 2);
    }
    assert_int_equal(cl_store_append(f->alone, f->study, events, n, results, NULL), 0);
    assert_int_equal(results[n - 1].status, 0);
  }
  cl_store_close(f->ahead);
  const struct cl_store_options options = {.mode = CL_STORE_READ, .beside = true};
  assert_int_equal(cl_store_open(f->place.address, &options, &f->ahead, NULL), 0);
  assert_read_alike(f, &(struct cl_read){0}, 3 * TRIALS_ADDED);
}

static void without_threads_a_log_is_read_by_the_reader(void **state) {
  struct fixture *f = *state;
  live(f, 3);
  no_threads = true;
  assert_read_alike(f, &(struct cl_read){0}, 3 * KIT_LIFE);
}

struct stopping {
  int left, status;
};

static int stop(void *ctx, const struct cl_event *ev) {
  struct stopping *s = ctx;
  assert_true(ev->position > 0);
  return --s->left == 0 ? s->status : 0;
}

static void a_reader_that_stops_ends_the_threads(void **state) {
  struct fixture *f = *state;
  live(f, 3);
  for (int n = 1; n <= 3 * KIT_LIFE; n++) {
    struct stopping s = {n, n % 2 == 0 ? CLADE_STOP : CLADE_ECORRUPT};
    assert_int_equal(cl_store_read(f->ahead, f->study, &(struct cl_read){0}, stop, &s, NULL), s.status);
    assert_int_equal(s.left, 0);
  }
}

/* Another program has it lost; only the thread that walks over it notices. */
static void what_a_thread_cannot_read_is_said(void **state) {
  struct fixture *f = *state;
  struct cl_err e = {0};
  struct kit_events events = {0};
  sqlite3 *db = NULL;
  live(f, 3);
  cl_store_close(f->ahead);
  assert_int_equal(sqlite3_open(f->place.address, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "ALTER TABLE attempts RENAME TO lost", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  f->ahead = kit_open(KIT_SQLITE_AHEAD, &f->place);
  assert_true(cl_store_read(f->ahead, f->study, &(struct cl_read){0}, kit_collect, &events, &e) < 0);
  assert_non_null(strstr(e.text, "no such table: attempts"));
  kit_events_done(&events);
}

static int collect(void *ctx, const struct cl_event *ev) {
  cl_fault_pause(true);
  int status = kit_collect(ctx, ev);
  cl_fault_pause(false);
  return status;
}

static void each_allocation_may_fail(void **state) {
  struct fixture *f = *state;
  struct kit_events whole;
  live(f, 3);
  kit_read(f->alone, f->study, NULL, &whole);
  FAULT_LOOP(n) {
    struct cl_err e = {0};
    struct kit_events events = {0};
    int status = cl_store_read(f->ahead, f->study, &(struct cl_read){0}, collect, &events, &e);
    cl_fault_pause(true);
    if (status == 0) assert_same_events(&whole, &events);
    if (status < 0) assert_true(cl_fault_happened() && status == CLADE_ENOMEM && e.text[0] != '\0');
    kit_events_done(&events);
    cl_fault_pause(false);
  }
  kit_events_done(&whole);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(any_stretch_of_a_log_reads_alike, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_long_log_reads_alike, set_up, tear_down),
      cmocka_unit_test_setup_teardown(without_threads_a_log_is_read_by_the_reader, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_reader_that_stops_ends_the_threads, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_a_thread_cannot_read_is_said, set_up, tear_down),
      cmocka_unit_test_setup_teardown(each_allocation_may_fail, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
