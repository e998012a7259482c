/* What somebody else has done to a store: rows changed, gone or unreadable, and the file held by another
 * program. Every error names what is wrong. */
#include "store/kit.h"

#include <fcntl.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/names.h"

struct fixture {
  struct kit_place place;
  struct cl_store *s;
  int64_t study;
};

static int set_up(void **state) {
  struct fixture *f = cl_alloc(sizeof *f);
  kit_place_init(&f->place);
  f->s = kit_open(KIT_SQLITE, &f->place);
  f->study = kit_create(f->s, "digits", 9);
  const struct cl_assigned values[] = {{1, cl_value_real(0.25)}, {2, cl_value_text("sgd")}};
  struct cl_metric m[] = {{0, "acc", 0.75}, {0, "loss", 0.5}};
  kit_appended(f->s, f->study, kit_proposed(1, values, 2));
  kit_appended(f->s, f->study, kit_started(1, 1, kit_version(f->s, f->study, 1)));
  kit_appended(f->s, f->study, kit_reported(1, 1, 1, 1.5, m, 2));
  (void)kit_finish_trial(f->s, f->study, 0.625);
  struct cl_event note = kit_event(CL_EVENT_NOTE, 0);
  note.u.note.text = "seen";
  kit_appended(f->s, f->study, note);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  cl_store_close(f->s);
  kit_place_done(&f->place);
  cl_free(f);
  return 0;
}

static void change(const struct fixture *f, const char *sql) {
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open(f->place.address, &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
  (void)sqlite3_close(db);
}

static void assert_says(int status, int want, const struct cl_err *e, const char *words) {
  if (status != want || strstr(e->text, words) == NULL)
    fail_msg("%d and '%s', but not %d and '%s'", status, e->text, want, words);
}

/* One column after the other is put out by one, and back. */
static void assert_check_names(const struct fixture *f, const char *table, const char *column,
                               const char *words) {
  struct cl_err e = {0};
  char sql[200];
  assert_int_equal(cl_store_check(f->s, f->study, &e), 0);
  (void)snprintf(sql, sizeof sql,
                 "CREATE TABLE kept AS SELECT * FROM %s; UPDATE %s SET %s = coalesce(%s, 0) + 1", table,
                 table, column, column);
  change(f, sql);
  int status = cl_store_check(f->s, f->study, &e);
  assert_says(status, CLADE_ECORRUPT, &e, words);
  const char *key = strcmp(table, "heads") == 0 ? "place" : "study";
  (void)snprintf(sql, sizeof sql, "UPDATE %s SET %s = kept.%s FROM kept WHERE kept.%s = %s.%s", table, column,
                 column, key, table, key);
  change(f, sql);
  change(f, "DROP TABLE kept");
}

static void the_check_names_what_differs(void **state) {
  const struct fixture *f = *state;
  static const char *const of_trials[] = {"version", "proposed", "waiting",  "\"load\"", "source", "reports",
                                          "step",    "furthest", "until",    "attempt",  "worker", "state",
                                          "flags",   "tries",    "failures", "role"};
  static const char *const of_studies[] = {"version",    "counted",       "budget", "workers",
                                           "objectives", "space_version", "retries"};
  for (size_t i = 0; i < sizeof of_trials / sizeof *of_trials; i++) {
    char words[60], name[20];
    (void)snprintf(name, sizeof name, "%s", of_trials[i][0] == '"' ? "load" : of_trials[i]);
    (void)snprintf(words, sizeof words, "differ from its log: %s of trial 1", name);
    assert_check_names(f, "heads", of_trials[i], words);
  }
  for (size_t i = 0; i < sizeof of_studies / sizeof *of_studies; i++) {
    char words[60];
    (void)snprintf(words, sizeof words, "differ from its log: %s of the study", of_studies[i]);
    assert_check_names(f, "studies", of_studies[i], words);
  }
}

/* A row says since when its trial waits only while it does; earlier programs left that there. */
static void a_place_in_the_queue_counts_while_a_trial_waits(void **state) {
  const struct fixture *f = *state;
  const struct cl_assigned values[] = {{1, cl_value_real(0.385)}, {2, cl_value_text("sgd")}};
  struct cl_err e = {0};
  kit_appended(f->s, f->study, kit_proposed(3, values, 2));
  assert_int_equal(cl_store_check(f->s, f->study, &e), 0);
  change(f, "UPDATE heads SET waiting = proposed WHERE trial < 3");
  assert_int_equal(cl_store_check(f->s, f->study, &e), 0);
  change(f, "UPDATE heads SET waiting = 0 WHERE trial < 3");
  assert_int_equal(cl_store_check(f->s, f->study, &e), 0);
  change(f, "UPDATE heads SET waiting = 0 WHERE trial = 3");
  assert_says(cl_store_check(f->s, f->study, &e), CLADE_ECORRUPT, &e, "waiting of trial 3");
}

static void the_check_misses_heads_and_events(void **state) {
  const struct fixture *f = *state;
  struct cl_err e = {0};
  change(f, "UPDATE studies SET open = 0");
  assert_says(cl_store_check(f->s, f->study, &e), CLADE_ECORRUPT, &e, "open of the study");
  change(f,
         "UPDATE studies SET open = 1; CREATE TABLE kept AS SELECT place, state FROM heads WHERE trial = 2; "
         "DELETE FROM heads WHERE trial = 2");
  assert_says(cl_store_check(f->s, f->study, &e), CLADE_ECORRUPT, &e, "1 heads, 2 trials");
  assert_says(cl_store_check(f->s, 77, &e), CLADE_ENOTFOUND, &e, "no study number 77");
  change(f, "DELETE FROM notes");
  assert_says(cl_store_check(f->s, f->study, &e), CLADE_ECORRUPT, &e, "is missing in");
  assert_non_null(strstr(e.text, f->place.address));
}

static int64_t count(const struct fixture *f, const char *sql) {
  sqlite3 *db = NULL;
  sqlite3_stmt *rows = NULL;
  assert_int_equal(sqlite3_open(f->place.address, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
  int64_t n = sqlite3_column_int64(rows, 0);
  assert_int_equal(sqlite3_finalize(rows), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  return n;
}

/* Whatever happens to them: they come back as they were, to the byte. */
static void the_heads_are_a_cache(void **state) {
  const struct fixture *f = *state;
  static const char *const damages[] = {
      "DELETE FROM heads",
      "DELETE FROM heads WHERE trial = 1",
      "UPDATE heads SET version = version + 1, proposed = 1, waiting = 1, \"load\" = 1, source = 2",
      "UPDATE heads SET reports = 9, step = 7, furthest = NULL, until = 3, attempt = 4, worker = 5",
      "UPDATE heads SET state = 1, flags = 255, tries = 3, failures = 2, role = 7, last = 1",
      "UPDATE studies SET version = 99, counted = 99, budget = 1, workers = 9",
      "UPDATE studies SET objectives = 3, space_version = 7, retries = 5, open = 0",
  };
  struct cl_err e = {0};
  change(
      f,
      "CREATE TABLE heads_were AS SELECT * FROM heads; CREATE TABLE studies_were AS SELECT * FROM studies");
  for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
    change(f, damages[i]);
    assert_says(cl_store_check(f->s, f->study, &e), CLADE_ECORRUPT, &e,
                "`clade check STUDY --repair` writes them");
    if (cl_store_repair(f->s, f->study, &e) < 0) fail_msg("%s: %s", damages[i], e.text);
    assert_int_equal(cl_store_check(f->s, f->study, &e), 0);
    assert_int_equal(count(f, "SELECT count(*) FROM heads"), 2);
    assert_int_equal(count(f, "SELECT count(*) FROM (SELECT * FROM heads EXCEPT SELECT * FROM heads_were)"),
                     0);
    assert_int_equal(
        count(f, "SELECT count(*) FROM (SELECT * FROM studies EXCEPT SELECT * FROM studies_were)"), 0);
  }
  assert_int_equal(cl_store_repair(f->s, f->study, &e), 0); /* nothing is wrong */
  (void)kit_finish_trial(f->s, f->study, 0.5);              /* and it goes on */
  assert_int_equal(cl_store_check(f->s, f->study, &e), 0);
}

static void what_is_no_cache_is_not_repaired(void **state) {
  const struct fixture *f = *state;
  struct cl_err e = {0};
  struct cl_store *reader = NULL;
  assert_says(cl_store_repair(f->s, 77, &e), CLADE_ENOTFOUND, &e, "no study number 77");
  assert_int_equal(
      cl_store_open(f->place.address, &(struct cl_store_options){.mode = CL_STORE_READ}, &reader, &e), 0);
  assert_int_equal(cl_store_repair(reader, f->study, &e), CLADE_EINVAL);
  cl_store_close(reader);
  change(f, "DELETE FROM notes");
  assert_says(cl_store_repair(f->s, f->study, &e), CLADE_ECORRUPT, &e, "is missing in");
}

/* Several commits. */
static void the_heads_of_many_trials_are_repaired(void **state) {
  enum { MANY = 20500, AT_A_TIME = 500 };
  const struct fixture *f = *state;
  static struct cl_event events[AT_A_TIME];
  static struct cl_append results[AT_A_TIME];
  const struct cl_assigned values[] = {{1, cl_value_real(0.25)}, {2, cl_value_text("sgd")}};
  struct cl_err e = {0};
  int64_t study = kit_create(f->s, "many", MANY);
  for (int64_t trial = 1; trial <= MANY;) {
    for (int i = 0; i < AT_A_TIME; i++) events[i] = kit_proposed(trial++, values, 2);
    assert_int_equal(cl_store_append(f->s, study, events, AT_A_TIME, results, NULL), 0);
    assert_int_equal(results[AT_A_TIME - 1].status, 0);
  }
  change(f, "CREATE TABLE heads_were AS SELECT * FROM heads; DELETE FROM heads WHERE trial % 3 = 0");
  assert_int_equal(cl_store_check(f->s, study, NULL), CLADE_ECORRUPT);
  if (cl_store_repair(f->s, study, &e) < 0) fail_msg("%s", e.text);
  assert_int_equal(cl_store_check(f->s, study, &e), 0);
  assert_int_equal(count(f, "SELECT count(*) FROM (SELECT * FROM heads_were EXCEPT SELECT * FROM heads)"), 0);
}

static int ignore(void *ctx, const struct cl_event *ev) {
  (void)ctx, (void)ev;
  return 0;
}

static int read_all(const struct fixture *f, struct cl_err *e) {
  const struct cl_read all = {0};
  return cl_store_read(f->s, f->study, &all, ignore, NULL, e);
}

static void rows_that_cannot_be_read_are_named(void **state) {
  const struct fixture *f = *state;
  struct cl_err e = {0};
  const struct cl_read some = {.trial_lo = 1, .trial_hi = 1};
  change(f, "UPDATE notes SET more = '{broken'");
  assert_says(read_all(f, &e), CLADE_ECORRUPT, &e, "event 8 ('note') cannot be read");
  change(f, "UPDATE notes SET more = NULL; DELETE FROM reports_1 WHERE 0; PRAGMA writable_schema = 0");
  assert_int_equal(read_all(f, &e), 0);
  change(f, "UPDATE decisions SET kind = 99");
  struct cl_log *log = NULL;
  assert_int_equal(cl_store_read(f->s, f->study, &some, ignore, NULL, &e), 0); /* kept for newer clades */
  assert_true(cl_log_open(f->s, f->study, NULL, &log, &e) < 0 || cl_study_is_newer(cl_log_study(log)));
  cl_log_close(log);
}

static void a_log_that_does_not_fit_is_corrupt(void **state) {
  const struct fixture *f = *state;
  struct cl_err e = {0};
  struct cl_log *log = NULL;
  change(f, "UPDATE attempts SET attempt = 7");
  assert_says(cl_log_open(f->s, f->study, NULL, &log, &e), CLADE_ECORRUPT, &e, "does not fit the log");
  change(f, "UPDATE decisions SET subject = 6 WHERE subject = 1");
  assert_says(cl_log_open(f->s, f->study, NULL, &log, &e), CLADE_ECORRUPT, &e, "event");
  change(f, "UPDATE studies SET head = 0");
  assert_says(cl_log_open(f->s, f->study, NULL, &log, &e), CLADE_ECORRUPT, &e, "is empty");
  assert_null(log);
}

static int see_study(void *ctx, const struct cl_study_row *row) {
  (void)row;
  ++*(int *)ctx;
  return 0;
}

static void studies_without_a_name_are_corrupt(void **state) {
  struct fixture *f = *state;
  struct cl_err e = {0};
  int n = 0;
  int64_t study = 0;
  change(f, "UPDATE studies SET name = NULL");
  assert_says(cl_store_studies(f->s, see_study, &n, &e), CLADE_ECORRUPT, &e, "study number 1 has no name");
  assert_says(cl_store_find(f->s, "digits", &study, &e), CLADE_ECORRUPT, &e, "has no name");
  change(f, "UPDATE studies SET name = 'digits'; UPDATE names SET name = NULL");
  cl_store_close(f->s);
  f->s = kit_open(KIT_SQLITE, &f->place);
  assert_says(read_all(f, &e), CLADE_ECORRUPT, &e, "names of study 1");
}

/* Another program. */

static void a_lock_that_is_held_is_waited_for_and_named(void **state) {
  const struct fixture *f = *state;
  const struct cl_store_options options = {.mode = CL_STORE_WRITE, .lock_timeout_ms = 30};
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  char path[200];
  (void)snprintf(path, sizeof path, "%s.lock", f->place.address);
  assert_int_equal(cl_store_open(f->place.address, &options, &s, &e), 0);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1};
  for (int byte = 0; byte < 2; byte++) { /* the queue, and the lock itself */
    range.l_start = byte;
    range.l_type = F_WRLCK;
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &range), 0);
    assert_says(kit_append(s, f->study, kit_event(CL_EVENT_NOTE, 0), NULL), CLADE_EBUSY, &e, "");
    struct cl_lease lease;
    assert_says(cl_store_lease_take(s, f->study, "me", 0, 0, &lease, &e), CLADE_EBUSY, &e, "fuser");
    assert_says(cl_store_delete(s, f->study, &e), CLADE_EBUSY, &e, "for 30 ms");
    struct cl_event created = kit_created("letters", 4);
    int64_t study = 0;
    assert_says(cl_store_create(s, &created, &study, &e), CLADE_EBUSY, &e, path);
    range.l_type = F_UNLCK;
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &range), 0);
  }
  (void)close(fd);
  kit_appended(s, f->study, kit_event(CL_EVENT_NOTE, 0));
  cl_store_close(s);
}

static void a_file_that_another_program_has_locked_is_busy(void **state) {
  const struct fixture *f = *state;
  const struct cl_store_options options = {.mode = CL_STORE_WRITE, .lock_timeout_ms = 5};
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  sqlite3 *db = NULL;
  assert_int_equal(cl_store_open(f->place.address, &options, &s, &e), 0);
  assert_int_equal(sqlite3_open(f->place.address, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  struct cl_event ev = kit_event(CL_EVENT_NOTE, 0);
  struct cl_append result;
  assert_says(cl_store_append(s, f->study, &ev, 1, &result, &e), CLADE_EBUSY, &e, "close that one");
  assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
  (void)sqlite3_close(db);
  assert_int_equal(cl_store_append(s, f->study, &ev, 1, &result, &e), 0);
  cl_store_close(s);
}

static void a_lock_file_that_cannot_be_made_is_named(void **state) {
  const struct fixture *f = *state;
  const struct cl_store_options options = {.mode = CL_STORE_WRITE};
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  char path[200];
  (void)snprintf(path, sizeof path, "%s.lock", f->place.address);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(cl_dir_create(path, NULL), 0);
  assert_says(cl_store_open(f->place.address, &options, &s, &e), CLADE_EIO, &e, "cannot open the lock file");
  assert_null(s);
}

/* Names, as settings give them. */

static void settings_without_names_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *settings, *words;
  } cases[] = {
      {"[]", "not a JSON object"},
      {"{", "not a JSON object"},
      {"{\"hyperparameters\": [{\"name\": \"lr\"}]}", "no id or no name"},
      {"{\"hyperparameters\": [{\"id\": 0, \"name\": \"lr\"}]}", "no id or no name"},
      {"{\"hyperparameters\": [{\"id\": 4294967296, \"name\": \"lr\"}]}", "no id or no name"},
      {"{\"hyperparameters\": [{\"id\": 1}]}", "no id or no name"},
      {"{\"objectives\": [{\"goal\": \"minimize\"}]}", "objective of the settings has no name"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_names names = {0};
    struct cl_err e = {0};
    assert_says(cl_names_take_settings(&names, cases[i].settings, &e), CLADE_EINVAL, &e, cases[i].words);
    cl_names_done(&names);
  }
  struct cl_names names = {0};
  assert_int_equal(cl_names_take_settings(&names, NULL, NULL), 0);
  assert_int_equal(
      cl_names_take_settings(&names,
                             "{\"hyperparameters\": [{\"id\": 9, \"name\": \"b\", \"domain\": \"int\"}, "
                             "{\"id\": 4, \"name\": \"a\"}, {\"id\": 9, \"name\": \"c\"}]}",
                             NULL),
      0);
  assert_int_equal(names.n_hyperparameters, 2);
  assert_int_equal(cl_names_hyperparameter(&names, 9), 1);
  assert_int_equal(cl_names_hyperparameter(&names, 5), -1);
  assert_int_equal(cl_names_hyperparameter_near(&names, 4, 1), 0);
  assert_true(names.hyperparameters[1].plain && !names.hyperparameters[0].plain);
  cl_names_done(&names);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_check_names_what_differs),
      TEST(a_place_in_the_queue_counts_while_a_trial_waits),
      TEST(the_check_misses_heads_and_events),
      TEST(the_heads_are_a_cache),
      TEST(what_is_no_cache_is_not_repaired),
      TEST(the_heads_of_many_trials_are_repaired),
      TEST(rows_that_cannot_be_read_are_named),
      TEST(a_log_that_does_not_fit_is_corrupt),
      TEST(studies_without_a_name_are_corrupt),
      TEST(a_lock_that_is_held_is_waited_for_and_named),
      TEST(a_file_that_another_program_has_locked_is_busy),
      TEST(a_lock_file_that_cannot_be_made_is_named),
      cmocka_unit_test(settings_without_names_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
