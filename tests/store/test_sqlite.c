/* What is SQLite's own: which files are stores, views, a full disk, several processes on one file. */
#include "store/kit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/alloc.h"
#include "base/file.h"

struct fixture {
  struct kit_place place;
};

static int set_up(void **state) {
  struct fixture *f = cl_alloc(sizeof *f);
  kit_place_init(&f->place);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  kit_place_done(&f->place);
  cl_free(f);
  return 0;
}

static int try_open(const char *address, enum cl_store_mode mode, struct cl_err *e) {
  const struct cl_store_options options = {.mode = mode};
  struct cl_store *s = NULL;
  int status = cl_store_open(address, &options, &s, e);
  if (status == 0) cl_store_close(s);
  return status;
}

/* Ask a store's file as a person would, with a connection of one's own. */
static char *ask(const struct kit_place *p, const char *sql) {
  static char answer[20000];
  sqlite3 *db = NULL;
  sqlite3_stmt *row = NULL;
  assert_int_equal(sqlite3_open(p->address, &db), SQLITE_OK);
  if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
  size_t used = 0;
  answer[0] = '\0';
  int code;
  while ((code = sqlite3_step(row)) == SQLITE_ROW)
    for (int i = 0; i < sqlite3_column_count(row); i++) {
      const char *text = (const char *)sqlite3_column_text(row, i);
      int n = snprintf(answer + used, sizeof answer - used, "%s%s", text == NULL ? "-" : text,
                       i + 1 == sqlite3_column_count(row) ? "\n" : " ");
      used += (size_t)n;
      assert_true(used < sizeof answer);
    }
  if (code != SQLITE_DONE) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
  (void)sqlite3_finalize(row);
  (void)sqlite3_close(db);
  return answer;
}

static void change(const struct kit_place *p, const char *sql) {
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open(p->address, &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(db));
  (void)sqlite3_close(db);
}

/* Opening. */

static void addresses_mean_what_they_say(void **state) {
  struct fixture *f = *state;
  struct cl_err e = {0};
  char address[200];
  assert_int_equal(try_open("", CL_STORE_CREATE, &e), CLADE_EINVAL);
  assert_int_equal(try_open("mysql://here/clade", CL_STORE_CREATE, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "sqlite:///PATH"));
  assert_int_equal(try_open("memory:", CL_STORE_WRITE, &e), CLADE_ENOTFOUND);
  assert_int_equal(try_open(f->place.address, CL_STORE_WRITE, &e), CLADE_ENOTFOUND);
  assert_int_equal(try_open(f->place.address, CL_STORE_READ, &e), CLADE_ENOTFOUND);
  assert_false(cl_path_exists(f->place.address));
  (void)snprintf(address, sizeof address, "sqlite:///%s/a/b/c.db", f->place.dir);
  assert_int_equal(try_open(address, CL_STORE_CREATE, &e), 0);
  assert_true(cl_path_exists(address + 10));
  assert_int_equal(try_open(address + 10, CL_STORE_READ, &e), 0);
}

static void files_of_others_are_left_alone(void **state) {
  struct fixture *f = *state;
  struct cl_err e = {0};
  assert_int_equal(cl_file_write(f->place.address, "lr: 0.1\n", 8, false, NULL), 0);
  assert_int_equal(try_open(f->place.address, CL_STORE_CREATE, &e), CLADE_ECORRUPT);
  char *text = NULL;
  assert_int_equal(cl_file_read(f->place.address, 100, &text, NULL, NULL), 0);
  assert_string_equal(text, "lr: 0.1\n");
  cl_free(text);
  assert_int_equal(unlink(f->place.address), 0);
  change(&f->place, "CREATE TABLE mine (x)");
  assert_int_equal(try_open(f->place.address, CL_STORE_CREATE, &e), CLADE_ECORRUPT);
  assert_non_null(strstr(e.text, "not a store"));
}

static void a_newer_schema_is_refused(void **state) {
  struct fixture *f = *state;
  struct cl_err e = {0};
  assert_int_equal(try_open(f->place.address, CL_STORE_CREATE, &e), 0);
  change(&f->place, "PRAGMA user_version = 3");
  assert_int_equal(try_open(f->place.address, CL_STORE_WRITE, &e), CLADE_ENEWER);
  assert_non_null(strstr(e.text, "schema 3"));
}

/* Reports of two attempts of a trial, one of them late. */
static void live_twice(struct cl_store *s, struct kit_events *ret) {
  struct cl_metric m[] = {{0, "acc", 2.385}};
  int64_t study = kit_create(s, "digits", 4);
  (void)kit_appended(s, study, kit_proposed(1, NULL, 0));
  struct cl_event lost = kit_event(CL_EVENT_LOST, 1), retried = kit_event(CL_EVENT_RETRIED, 1);
  lost.seen = kit_appended(s, study, kit_started(1, 1, kit_version(s, study, 1)));
  lost.attempt = 1;
  (void)kit_appended(s, study, kit_reported(1, 1, 1, 0.5, m, 1));
  retried.seen = kit_appended(s, study, lost);
  (void)kit_appended(s, study, kit_started(1, 2, kit_appended(s, study, retried)));
  struct cl_event late = kit_reported(1, 1, 2, 1.5, m, 1);
  late.by = 300;
  (void)kit_appended(s, study, late);
  (void)kit_appended(s, study, kit_reported(1, 2, 1, 0.25, m, 1));
  kit_read(s, study, &(struct cl_read){0}, ret);
}

static void stores_of_the_first_schema_are_read_and_written(void **state) {
  struct fixture *f = *state;
  struct kit_place old;
  struct kit_events now = {0}, then = {0};
  kit_place_init(&old);
  assert_int_equal(try_open(old.address, CL_STORE_CREATE, NULL), 0);
  change(&old, "PRAGMA user_version = 1");
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place), *o = kit_open(KIT_SQLITE, &old);
  live_twice(s, &now);
  live_twice(o, &then);
  assert_string_equal(ask(&old, "SELECT name FROM pragma_table_xinfo('reports_1') WHERE name = 'run'"), "");
  assert_string_equal(ask(&old, "SELECT attempt, late, \"by\" FROM reports_1"), "1 0 1\n1 1 300\n2 0 1\n");
  assert_string_equal(ask(&f->place, "SELECT attempt, late, \"by\" FROM reports_1"),
                      "1 0 1\n1 1 300\n2 0 1\n");
  assert_string_equal(ask(&f->place, "SELECT run FROM reports_1"), "0\n1\n2\n");
  assert_int_equal(now.n, then.n);
  for (size_t i = 1; i < now.n; i++) assert_true(cl_event_equal(now.items[i], then.items[i]));
  for (size_t i = 0; i < now.n; i++) assert_true(now.items[i]->late == (now.items[i]->by == 300));
  kit_events_done(&now);
  kit_events_done(&then);
  cl_store_close(s);
  cl_store_close(o);
  kit_place_done(&old);
}

static void a_reader_cannot_append(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place);
  int64_t study = kit_create(s, "digits", 4);
  const struct cl_store_options options = {.mode = CL_STORE_READ};
  struct cl_store *r = NULL;
  struct cl_lease lease;
  assert_int_equal(cl_store_open(f->place.address, &options, &r, NULL), 0);
  assert_int_equal(kit_append(r, study, kit_proposed(1, NULL, 0), NULL), CLADE_EINVAL);
  assert_int_equal(cl_store_delete(r, study, NULL), CLADE_EINVAL);
  assert_int_equal(cl_store_lease_take(r, study, "me", 0, 0, &lease, NULL), CLADE_EINVAL);
  kit_finish_trial(s, study, 0.5);
  assert_int_equal(kit_version(r, study, 1), 4);
  cl_store_close(r);
  cl_store_close(s);
}

/* Views. */

static const char odd_settings[] =
    "{\"study\": \"a \\\"b\\\" 'c'\", \"origin\": \"native\", \"cwd\": \"/tmp\", \"objectives\": ["
    "{\"name\": \"acc\", \"goal\": \"maximize\", \"reduce\": \"last\"},"
    "{\"name\": \"cost\", \"goal\": \"minimize\", \"reduce\": \"last\"}], \"hyperparameters\": ["
    "{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 1.0},"
    "{\"id\": 2, \"name\": \"LR\", \"domain\": \"unordered\", \"values\": [null, true, false, \"x\", 3]},"
    "{\"id\": 3, \"name\": \"trial\", \"domain\": \"int\", \"lo\": 1, \"hi\": 9, \"step\": 1},"
    "{\"id\": 9, \"name\": \"a\\\"]; DROP TABLE heads; --\", \"domain\": \"int\", \"lo\": 1, \"hi\": 9, \"step\": 1}],"
    "\"search\": {\"method\": \"random\"}, \"trials\": 10, \"parallel\": 1, \"limits\": {}}";

static int64_t create_odd(struct cl_store *s) {
  struct cl_event ev = kit_created("a \"b\" 'c'", 10);
  int64_t study = 0;
  ev.u.created.settings = odd_settings;
  struct cl_err e = {0};
  if (cl_store_create(s, &ev, &study, &e) < 0) fail_msg("%s", e.text);
  return study;
}

static void views_have_the_users_names(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place);
  int64_t study = create_odd(s);
  const struct cl_assigned values[] = {
      {1, cl_value_real(0.25)}, {2, cl_value_bool(true)}, {3, cl_value_int(7)}};
  const struct cl_assigned others[] = {{1, cl_value_real(2.0)}, {2, {.kind = CL_NULL}}, {9, cl_value_int(5)}};
  static const double objectives[] = {0.5, 0.125};
  int64_t version = kit_appended(s, study, kit_proposed(1, values, 3));
  kit_appended(s, study, kit_started(1, 1, version));
  struct cl_metric m[] = {{0, "Loss", 0.75}, {0, "acc", NAN}, {0, "loss", 3.0}};
  kit_appended(s, study, kit_reported(1, 1, 1, 1.5, m, 3));
  m[1].value = 0.25;
  kit_appended(s, study, kit_reported(1, 1, 2, 2.5, m, 2));
  kit_appended(s, study, kit_ended(1, 1, 0, objectives, 2));
  kit_appended(s, study, kit_proposed(2, others, 3));
  assert_string_equal(ask(&f->place,
                          "SELECT trial, state, role, attempts, reports, step, acc, cost, Loss, loss_2, lr, "
                          "LR_2, trial_2, \"a\"\"]; DROP TABLE heads; --\" FROM trials ORDER BY trial"),
                      "1 DIVERGED search 1 2 2.5 0.5 0.125 0.75 - 0.25 true 7 -\n"
                      "2 WAITING search 0 0 - - - - - 2.0 null - 5\n");
  assert_string_equal(ask(&f->place, "SELECT started, ended FROM \"trials_a \"\"b\"\" 'c'\" WHERE trial = 1"),
                      "1970-01-01T00:20:36.953Z 1970-01-01T00:20:36.953Z\n");
  assert_string_equal(
      ask(&f->place, "SELECT position, trial, attempt, step, late, acc, Loss, loss_2 FROM reports"),
      "4 1 1 1.5 0 nan 0.75 3.0\n5 1 1 2.5 0 0.25 0.75 -\n");
  cl_store_close(s);
}

static int64_t say(struct cl_store *s, int64_t study, struct cl_event ev) {
  ev.seen = kit_version(s, study, ev.subject);
  return kit_appended(s, study, ev);
}

static void changes_tell_what_was_applied_when(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place);
  int64_t study = create_odd(s);
  const struct cl_assigned values[] = {
      {1, cl_value_real(0.25)}, {2, cl_value_bool(true)}, {3, cl_value_int(7)}};
  struct cl_metric m[] = {{0, "acc", 0.5}};
  kit_appended(s, study, kit_proposed(1, values, 3));
  struct cl_event ev = kit_started(1, 1, 0);
  ev.u.started.until = 2;
  say(s, study, ev);
  kit_appended(s, study, kit_reported(1, 1, 1, 1.0, m, 1));
  /* by a person, in between: in the answer to the next report */
  const struct cl_assigned half[] = {{1, cl_value_real(0.5)}};
  ev = kit_event(CL_EVENT_SET, 1);
  ev.u.set.values = (struct cl_assigned_list){1, half};
  ev.u.set.until = 2;
  say(s, study, ev);
  kit_appended(s, study, kit_reported(1, 1, 2, 2.0, m, 1));
  int64_t snapshot = kit_appended(s, study, kit_saved(1, 1, 2.0));
  /* at the report that waits for it */
  const struct cl_assigned all[] = {{1, cl_value_real(0.5)}, {2, {.kind = CL_NULL}}, {3, cl_value_int(6)}};
  ev = kit_event(CL_EVENT_EXPLOITED, 1);
  ev.cause = CL_CAUSE_EXPLOIT;
  ev.u.exploited.values = (struct cl_assigned_list){3, all};
  ev.u.exploited.until = 4;
  int64_t exploit = say(s, study, ev);
  struct cl_event loaded = kit_event(CL_EVENT_LOADED, 1);
  loaded.attempt = 1;
  loaded.u.loaded.change = exploit;
  kit_appended(s, study, loaded);
  /* voided: never applied */
  ev = kit_event(CL_EVENT_EXPLOITED, 1);
  ev.u.exploited.snapshot = snapshot;
  ev.u.exploited.values = (struct cl_assigned_list){3, values};
  exploit = say(s, study, ev);
  ev = kit_event(CL_EVENT_VOIDED, 1);
  ev.u.voided.change = exploit;
  say(s, study, ev);
  /* after the process has gone: at the next start, which begins from step 2 */
  kit_appended(s, study, kit_ended(1, 1, 1, NULL, 0));
  const struct cl_assigned last[] = {{3, cl_value_int(4)}};
  ev = kit_event(CL_EVENT_EXPLOITED, 1);
  ev.u.exploited.snapshot = snapshot;
  ev.u.exploited.values = (struct cl_assigned_list){1, last};
  say(s, study, ev);
  ev = kit_started(1, 2, 0);
  ev.u.started.from = snapshot;
  say(s, study, ev);
  kit_appended(s, study, kit_reported(1, 2, 1, 3.0, m, 1));
  assert_string_equal(ask(&f->place, "SELECT trial, hyperparameter, old, new, step, cause FROM changes"),
                      "1 lr 0.25 0.5 2.0 human\n"
                      "1 LR true null 2.0 exploit\n"
                      "1 trial 7 6 2.0 exploit\n"
                      "1 trial 6 4 2.0 human\n");
  assert_string_equal(ask(&f->place, "SELECT lr, LR_2, trial_2 FROM trials"), "0.5 null 4\n");
  assert_int_equal(cl_store_check(s, study, NULL), 0);
  cl_store_close(s);
}

static void views_follow_the_latest_study(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place);
  int64_t first = kit_create(s, "2", 4), second = kit_create(s, "digits", 4);
  kit_finish_trial(s, first, 0.25);
  kit_finish_trial(s, second, 0.5);
  assert_string_equal(ask(&f->place, "SELECT acc FROM trials"), "0.5\n");
  assert_string_equal(ask(&f->place, "SELECT acc FROM trials_2_"), "0.25\n"); /* trials_2 is a table */
  assert_string_equal(ask(&f->place, "SELECT acc FROM TRIALS_DIGITS"), "0.5\n");
  assert_int_equal(cl_store_delete(s, second, NULL), 0);
  assert_string_equal(ask(&f->place, "SELECT acc FROM trials"), "0.25\n");
  assert_int_equal(cl_store_delete(s, first, NULL), 0);
  assert_string_equal(ask(&f->place, "SELECT name FROM sqlite_schema WHERE type = 'view'"), "");
  assert_string_equal(ask(&f->place, "SELECT count(*) FROM heads"), "0\n");
  assert_string_equal(ask(&f->place, "SELECT count(*) FROM names"), "0\n");
  cl_store_close(s);
}

static void views_are_called_apart_from_tables_and_each_other(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place);
  static const char *const names[] = {"7", "7_", "7__", "2_TRIAL", "x", "23_trials"};
  static const char *const words[] = {"7_", "7__", "7___", "2_TRIAL_", "x", "23_trials"};
  for (int i = 0; i < 6; i++) {
    int64_t study = kit_create(s, names[i], 4);
    kit_finish_trial(s, study, 0.125 * (i + 1));
  }
  for (int i = 0; i < 6; i++) {
    char query[100], want[20];
    (void)snprintf(query, sizeof query, "SELECT acc FROM \"trials_%s\"", words[i]);
    (void)snprintf(want, sizeof want, "%.4g\n", 0.125 * (i + 1));
    assert_string_equal(ask(&f->place, query), want);
  }
  cl_store_close(s);
}

static void set_lr(struct cl_store *s, int64_t study, int64_t trial, double lr) {
  const struct cl_assigned value[] = {{1, cl_value_real(lr)}};
  struct cl_event ev = kit_event(CL_EVENT_SET, trial);
  ev.u.set.values = (struct cl_assigned_list){1, value};
  say(s, study, ev);
}

static void views_of_changes_use_the_index_of_stores_old_and_new(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place);
  int64_t study = kit_create(s, "digits", 4);
  (void)kit_appended(s, study, kit_proposed(1, NULL, 0));
  set_lr(s, study, 1, 0.25);
  static const char plan[] = "EXPLAIN QUERY PLAN SELECT * FROM changes";
  static const char changed[] = "SELECT new FROM changes_digits WHERE hyperparameter = 'lr'";
  assert_non_null(strstr(ask(&f->place, plan), "decisions_changes"));
  assert_string_equal(ask(&f->place, changed), "0.25\n");
  change(&f->place,
         "DROP INDEX decisions_changes; CREATE INDEX decisions_changes ON decisions (subject) WHERE "
         "kind IN (20, 21, 23)");
  assert_non_null(strstr(ask(&f->place, plan), "decisions_changes"));
  set_lr(s, study, 1, 0.125);
  assert_string_equal(ask(&f->place, changed), "0.25\n0.125\n");
  cl_store_close(s);
}

/* The texts of the views are short until then. */
static void views_follow_the_first_change_of_a_value(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place), *other = kit_open(KIT_SQLITE, &f->place);
  int64_t study = kit_create(s, "digits", 4), second = kit_create(s, "letters", 4);
  const struct cl_assigned values[] = {{1, cl_value_real(0.25)}};
  kit_appended(s, study, kit_proposed(1, values, 1));
  kit_appended(s, second, kit_proposed(1, values, 1));
  assert_string_equal(ask(&f->place, "SELECT lr FROM trials_digits"), "0.25\n");
  assert_string_equal(ask(&f->place,
                          "SELECT position, trial, hyperparameter, old, new, step, cause, time FROM "
                          "changes_digits"),
                      "");
  set_lr(other, study, 1, 0.5);
  assert_string_equal(ask(&f->place, "SELECT lr FROM trials_digits"), "0.5\n");
  assert_string_equal(ask(&f->place, "SELECT lr FROM trials_letters"), "0.25\n");
  set_lr(s, study, 1, 0.75);
  assert_string_equal(ask(&f->place, "SELECT old, new FROM changes_digits"), "0.25 0.5\n0.5 0.75\n");
  assert_string_equal(ask(&f->place, "SELECT count(*) FROM changes"), "0\n");
  set_lr(s, second, 1, 0.375);
  assert_string_equal(ask(&f->place, "SELECT lr FROM trials"), "0.375\n");
  assert_string_equal(ask(&f->place, "SELECT old, new FROM changes"), "0.25 0.375\n");
  cl_store_close(other);
  cl_store_close(s);
}

static void a_wide_space_comes_back(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place);
  enum { WIDTH = 500 };
  struct cl_text settings = {0};
  cl_text_add(&settings,
              "{\"study\": \"wide\", \"origin\": \"api\", \"cwd\": \"/\", \"objectives\": [{\"name\": \"y\", "
              "\"goal\": \"minimize\", \"reduce\": \"last\"}], \"hyperparameters\": [");
  for (int i = 0; i < WIDTH; i++)
    cl_text_format(
        &settings,
        "%s{\"id\": %d, \"name\": \"x%d\", \"domain\": \"int\", \"lo\": 0, \"hi\": 99999, \"step\": 1}",
        i == 0 ? "" : ", ", 3 * i + 1, i);
  cl_text_add(&settings,
              "], \"search\": {\"method\": \"random\"}, \"trials\": 10, \"parallel\": 1, \"limits\": {}}");
  struct cl_event ev = kit_created("wide", 10);
  ev.u.created.settings = cl_text_get(&settings);
  int64_t study = 0;
  assert_int_equal(cl_store_create(s, &ev, &study, NULL), 0);
  cl_text_done(&settings);
  static struct cl_assigned values[WIDTH];
  for (int i = 0; i < WIDTH; i++) values[i] = (struct cl_assigned){3 * i + 1, cl_value_int(i * i)};
  struct cl_event want = kit_proposed(1, values, WIDTH);
  want.position = kit_appended(s, study, want);
  struct kit_events read;
  kit_read(s, study, NULL, &read);
  assert_true(cl_event_equal(read.items[1], &want));
  kit_events_done(&read);
  assert_string_equal(ask(&f->place, "SELECT x0, x120, x499 FROM trials"), "0 14400 249001\n");
  cl_store_close(s);
}

/* Processes. */

static void append_notes(struct cl_store *s, int64_t study, int by, int n, int batch) {
  struct cl_event events[500];
  struct cl_append results[500];
  for (int done = 0; done < n; done += batch) {
    for (int i = 0; i < batch; i++) {
      events[i] = (struct cl_event){.kind = CL_EVENT_NOTE, .by = by, .time_ms = done + i};
      events[i].u.note.what = CL_NOTE_TEXT;
    }
    if (cl_store_append(s, study, events, batch, results, NULL) < 0) _exit(1);
    for (int i = 1; i < batch; i++)
      if (results[i].position != results[i - 1].position + 1) _exit(2);
  }
}

static void write_notes(struct kit_place *p, int64_t study, int by, int n, int batch) {
  struct cl_store *s = kit_open(KIT_SQLITE, p);
  append_notes(s, study, by, n, batch);
  cl_store_close(s);
}

struct watching {
  int64_t next[3], position, n;
};

static void watch(void *ctx, const struct cl_event *ev) {
  struct watching *w = ctx;
  assert_int_equal(ev->position, w->position + 1);
  assert_true(ev->by == 1 || ev->by == 2);
  assert_int_equal(ev->time_ms, w->next[ev->by]);
  w->next[ev->by]++;
  w->position = ev->position;
  w->n++;
}

static void a_follower_sees_two_writers_in_one_order(void **state) {
  struct fixture *f = *state;
  enum { EACH = 100000, BATCH = 250 };
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place);
  int64_t study = kit_create(s, "digits", 4);
  cl_store_close(s); /* no connection crosses a fork */
  for (int by = 1; by <= 2; by++) {
    pid_t pid = fork();
    if (pid == 0) {
      write_notes(&f->place, study, by, EACH, BATCH);
      _exit(0);
    }
    assert_true(pid > 0);
  }
  s = kit_open(KIT_SQLITE, &f->place);
  struct cl_log *log = NULL;
  struct watching w = {.position = 1};
  int fd = -1, left = 2;
  assert_int_equal(cl_log_open(s, study, &(struct cl_log_options){.until = 1}, &log, NULL), 0);
  cl_log_close(log);
  assert_int_equal(cl_store_watch(s, &fd, NULL), 0);
  assert_true(fd >= 0);
  /* from the very beginning: a log whose replica has seen one event */
  struct kit_events first = {0};
  const struct cl_read one = {.until = 1};
  assert_int_equal(cl_store_read(s, study, &one, kit_collect, &first, NULL), 0);
  kit_events_done(&first);
  assert_int_equal(cl_log_open(s, study, NULL, &log, NULL), 0);
  w.position = cl_log_position(log);
  struct kit_events before = {0};
  const struct cl_read missed = {.until = w.position};
  assert_int_equal(cl_store_read(s, study, &missed, kit_collect, &before, NULL), 0);
  for (size_t i = 1; i < before.n; i++) w.next[before.items[i]->by]++;
  kit_events_done(&before);
  assert_int_equal(cl_log_listen(log, watch, &w, NULL), 0);
  while (cl_log_position(log) < 1 + 2 * EACH) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    (void)poll(&p, 1, 1000);
    cl_store_watch_drain(s);
    assert_int_equal(cl_log_follow(log, NULL, NULL), 0);
  }
  while (left-- > 0) {
    int status = -1;
    assert_true(wait(&status) > 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  assert_int_equal(w.next[1], EACH);
  assert_int_equal(w.next[2], EACH);
  assert_int_equal(cl_store_check(s, study, NULL), 0);
  cl_log_close(log);
  cl_store_close(s);
}

static bool is_woken(int fd, int patience_ms) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, patience_ms) == 1;
}

static void only_the_commits_of_others_wake(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place), *other = kit_open(KIT_SQLITE, &f->place);
  int64_t study = kit_create(s, "digits", 40), elsewhere = kit_create(other, "more digits", 40);
  int fd = -1;
  assert_int_equal(cl_store_watch(s, &fd, NULL), 0);
  kit_finish_trial(s, study, 0.5); /* what went before the watch cannot be told */
  cl_store_watch_drain(s);
  kit_finish_trial(s, study, 0.25);
  assert_false(is_woken(fd, 0));
  kit_finish_trial(other, elsewhere, 0.125);
  assert_true(is_woken(fd, 5000));
  kit_finish_trial(s, study, 0.75); /* does not hide it */
  kit_finish_trial(s, study, 0.875);
  assert_true(is_woken(fd, 0));
  cl_store_watch_drain(s);
  kit_finish_trial(s, study, 0.0625);
  assert_false(is_woken(fd, 0));
  cl_store_close(s);
  cl_store_close(other);
}

static void the_log_of_writes_does_not_grow_for_ever(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place);
  int64_t study = kit_create(s, "digits", 4);
  write_notes(&f->place, study, 1, 20000, 1);
  char path[200];
  struct stat st;
  (void)snprintf(path, sizeof path, "%s-wal", f->place.address);
  assert_int_equal(stat(path, &st), 0);
  assert_true(st.st_size < 40 << 20);
  assert_int_equal(cl_store_check(s, study, NULL), 0);
  cl_store_close(s);
  assert_false(cl_path_exists(path));
}

static int64_t size_of(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 ? st.st_size : -1;
}

/* With a thread, which has copied something before the log is so long that the handle itself does it. */
static void the_log_of_writes_is_copied_beside_the_work(void **state) {
  struct fixture *f = *state;
  const struct cl_store_options options = {.mode = CL_STORE_CREATE, .beside = true};
  struct cl_store *s = NULL;
  assert_int_equal(cl_store_open(f->place.address, &options, &s, NULL), 0);
  int64_t study = kit_create(s, "digits", 4);
  struct cl_read all = {0};
  append_notes(s, study, 1, 1500, 1);
  int64_t before = size_of(f->place.address);
  append_notes(s, study, 1, 1500, 1);
  for (int i = 0; i < 60000 && size_of(f->place.address) <= before; i++) {
    append_notes(s, study, 1, 1, 1);
    (void)poll(NULL, 0, 1);
  }
  assert_true(size_of(f->place.address) > before);
  append_notes(s, study, 1, 20000, 20);
  struct kit_events events = {0};
  kit_read(s, study, &all, &events);
  assert_true(events.n > 23000);
  kit_events_done(&events);
  assert_int_equal(cl_store_check(s, study, NULL), 0);
  cl_store_close(s);
  char path[200];
  (void)snprintf(path, sizeof path, "%s-wal", f->place.address);
  assert_false(cl_path_exists(path)); /* the thread's connection is closed too */
}

static void a_stopped_writer_costs_others_their_time_out(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place);
  int64_t study = kit_create(s, "digits", 4);
  cl_store_close(s);
  char path[200];
  (void)snprintf(path, sizeof path, "%s.lock", f->place.address);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1};
  assert_int_equal(fcntl(fd, F_OFD_SETLK, &range), 0);
  const struct cl_store_options options = {.mode = CL_STORE_WRITE, .lock_timeout_ms = 20};
  struct cl_err e = {0};
  assert_int_equal(cl_store_open(f->place.address, &options, &s, &e), 0);
  struct cl_event ev = kit_proposed(1, NULL, 0);
  struct cl_append result;
  assert_int_equal(cl_store_append(s, study, &ev, 1, &result, &e), CLADE_EBUSY);
  assert_non_null(strstr(e.text, "20 ms"));
  assert_int_equal(close(fd), 0);
  kit_appended(s, study, kit_proposed(1, NULL, 0));
  cl_store_close(s);
}

/* A full disk, as a limit on the size of files. */
static void a_full_disk_leaves_the_store_whole(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = kit_open(KIT_SQLITE, &f->place);
  int64_t study = kit_create(s, "digits", 1000000);
  kit_finish_trial(s, study, 0.5);
  cl_store_close(s);
  int told[2], acknowledged = 0;
  assert_int_equal(pipe(told), 0);
  pid_t pid = fork();
  if (pid == 0) {
    const struct rlimit small = {400000, 400000};
    (void)signal(SIGXFSZ, SIG_IGN);
    s = kit_open(KIT_SQLITE, &f->place);
    (void)setrlimit(RLIMIT_FSIZE, &small);
    int n = 0;
    struct cl_err e = {0};
    for (; n < 100000; n++) {
      struct cl_event ev = kit_event(CL_EVENT_NOTE, 1);
      struct cl_append result;
      ev.u.note.text =
          "a note that takes some room on the disk, so that it will be full after some hundred of them";
      if (cl_store_append(s, study, &ev, 1, &result, &e) < 0) break;
    }
    bool good = n > 10 && n < 100000 && e.code == CLADE_EIO && strstr(e.text, f->place.dir) != NULL;
    if (!good) (void)fprintf(stderr, "# %d notes: %s\n", n, e.text);
    (void)write(told[1], &n, sizeof n);
    cl_store_close(s);
    _exit(good ? 0 : 1);
  }
  int status = -1;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_int_equal(read(told[0], &acknowledged, sizeof acknowledged), sizeof acknowledged);
  (void)close(told[0]);
  (void)close(told[1]);
  s = kit_open(KIT_SQLITE, &f->place);
  assert_int_equal(cl_store_check(s, study, NULL), 0);
  struct cl_study_head head;
  assert_int_equal(cl_store_head(s, study, &head, NULL), 0);
  assert_true(head.position >= 4 + acknowledged);
  kit_finish_trial(s, study, 0.25);
  assert_string_equal(ask(&f->place, "PRAGMA integrity_check"), "ok\n");
  cl_store_close(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(addresses_mean_what_they_say, set_up, tear_down),
      cmocka_unit_test_setup_teardown(files_of_others_are_left_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_newer_schema_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(stores_of_the_first_schema_are_read_and_written, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_reader_cannot_append, set_up, tear_down),
      cmocka_unit_test_setup_teardown(views_have_the_users_names, set_up, tear_down),
      cmocka_unit_test_setup_teardown(changes_tell_what_was_applied_when, set_up, tear_down),
      cmocka_unit_test_setup_teardown(views_follow_the_latest_study, set_up, tear_down),
      cmocka_unit_test_setup_teardown(views_are_called_apart_from_tables_and_each_other, set_up, tear_down),
      cmocka_unit_test_setup_teardown(views_follow_the_first_change_of_a_value, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_wide_space_comes_back, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_follower_sees_two_writers_in_one_order, set_up, tear_down),
      cmocka_unit_test_setup_teardown(views_of_changes_use_the_index_of_stores_old_and_new, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(only_the_commits_of_others_wake, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_log_of_writes_does_not_grow_for_ever, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_log_of_writes_is_copied_beside_the_work, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_stopped_writer_costs_others_their_time_out, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_store_whole, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
