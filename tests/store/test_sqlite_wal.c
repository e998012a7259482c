/* How the write-ahead log is written: in few calls, and never where another writer has. */
#include "store/kit.h"

#include <sqlite3.h>

#include "base/alloc.h"
#include "store/disk.h"

enum { NOTES_MAX = 500, LONG_TEXT = 100000 };

static long n_writes;
static int64_t n_bytes;

static int count(const struct disk_event *ev) {
  bool is_log = ev->path != NULL && strcmp(ev->path + strlen(ev->path) - 4, "-wal") == 0;
  if (is_log && ev->call == DISK_WRITE) {
    n_writes++;
    n_bytes += ev->n;
  }
  return SQLITE_OK;
}

static const struct disk_watcher counter = {.judge = count};

struct fixture {
  struct kit_place place;
};

static int set_up(void **state) {
  struct fixture *f = cl_alloc(sizeof *f);
  kit_place_init(&f->place);
  disk_watch(&counter);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  disk_watch(NULL);
  kit_place_done(&f->place);
  cl_free(f);
  return 0;
}

/* One commit of notes about the study; `last` (may be null) ends it. */
static int append_notes(struct cl_store *s, int64_t study, int n, const char *text,
                        const struct cl_event *last) {
  static struct cl_event events[NOTES_MAX + 1];
  static struct cl_append results[NOTES_MAX + 1];
  assert_true(n <= NOTES_MAX);
  for (int i = 0; i < n; i++) {
    events[i] = kit_event(CL_EVENT_NOTE, 0);
    events[i].u.note.what = CL_NOTE_TEXT;
    events[i].u.note.text = text;
  }
  if (last != NULL) events[n] = *last;
  return cl_store_append(s, study, events, n + (last != NULL), results, NULL);
}

static void a_commit_is_written_with_two_calls(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place);
  int64_t study = kit_create(s, "digits", 4);
  assert_int_equal(append_notes(s, study, 1, "the first commit opens the log", NULL), 0);
  for (int n = 1; n <= 400; n = n * 3 + 1) {
    n_writes = n_bytes = 0;
    assert_int_equal(append_notes(s, study, n, "as many pages as it takes, behind one another", NULL), 0);
    assert_int_equal(n_writes, 2);
    assert_true(n_bytes > 50 * n);
  }
  assert_int_equal(cl_store_check(s, study, NULL), 0);
  cl_store_close(s);
}

static int page_size(const char *path) {
  sqlite3 *db = NULL;
  sqlite3_stmt *statement = NULL;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA page_size", -1, &statement, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  int size = sqlite3_column_int(statement, 0);
  (void)sqlite3_finalize(statement);
  (void)sqlite3_close(db);
  return size;
}

/* As stores of earlier programs have; a new one has pages of 1 KiB. */
static void pages_of_another_size_are_written_with_two_calls_too(void **state) {
  struct fixture *f = *state;
  sqlite3 *db = NULL;
  const char *make = "PRAGMA page_size = 2048; CREATE TABLE t (k); DROP TABLE t";
  assert_int_equal(sqlite3_open(f->place.address, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, make, NULL, NULL, NULL), SQLITE_OK);
  (void)sqlite3_close(db);
  a_commit_is_written_with_two_calls(state);
  assert_int_equal(page_size(f->place.address), 2048);
  kit_place_done(&f->place);
  kit_place_init(&f->place);
  a_commit_is_written_with_two_calls(state);
  assert_int_equal(page_size(f->place.address), 1024);
}

static void a_commit_larger_than_the_room_comes_back(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place), *other = kit_open(KIT_SQLITE, &f->place);
  int64_t study = kit_create(s, "digits", 4);
  char *text = cl_alloc(LONG_TEXT + 1);
  struct kit_events read = {0};
  memset(text, 'x', LONG_TEXT);
  assert_int_equal(append_notes(s, study, 3, "short", NULL), 0);
  assert_int_equal(append_notes(s, study, 7, text, NULL), 0);
  assert_int_equal(append_notes(s, study, 300, text, NULL),
                   0); /* more than the cache holds: pages go early */
  kit_read(other, study, NULL, &read);
  assert_int_equal(read.n, 311);
  for (size_t i = 4; i < read.n; i++) assert_string_equal(read.items[i]->u.note.text, text);
  kit_events_done(&read);
  cl_free(text);
  cl_store_close(other);
  cl_store_close(s);
  kit_assert_whole(f->place.address, "digits");
}

/* The pages that did not fit into the cache stand in the log, where the next writer writes over them. */
static void what_was_rolled_back_is_not_written_over_anothers_commit(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place), *other = kit_open(KIT_SQLITE, &f->place);
  int64_t study = kit_create(s, "digits", 400);
  struct cl_assigned nobodys = {.id = 77, .value = {.kind = CL_REAL, .as.real = 2.385}};
  struct cl_event bad = kit_proposed(1, &nobodys, 1);
  char *text = cl_alloc(LONG_TEXT + 1);
  memset(text, 'y', LONG_TEXT);
  assert_int_equal(append_notes(s, study, 1, "the log is open", NULL), 0);
  assert_int_equal(append_notes(other, study, 1, "this one's too", NULL), 0);
  for (int n = 180; n < 192; n += 4) { /* where the last ones end differs */
    bad.seen = kit_version(s, study, 0);
    n_writes = 0;
    assert_int_equal(append_notes(s, study, n, text, &bad), CLADE_EINVAL);
    assert_true(n_writes > 0); /* else nothing was written early */
    assert_int_equal(append_notes(other, study, n + 5, text, NULL), 0);
    assert_int_equal(append_notes(s, study, 3, "and then the first one's", NULL), 0);
  }
  cl_free(text);
  assert_int_equal(cl_store_check(s, study, NULL), 0);
  struct kit_events read = {0};
  kit_read(other, study, NULL, &read);
  assert_int_equal(read.n, 3 + (185 + 189 + 193) + 3 * 3);
  kit_events_done(&read);
  cl_store_close(s);
  cl_store_close(other);
  kit_assert_whole(f->place.address, "digits");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_commit_is_written_with_two_calls, set_up, tear_down),
      cmocka_unit_test_setup_teardown(pages_of_another_size_are_written_with_two_calls_too, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(a_commit_larger_than_the_room_comes_back, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_was_rolled_back_is_not_written_over_anothers_commit, set_up,
                                      tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
