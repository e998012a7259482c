/* What is PostgreSQL's own: servers that go and come back, connections that are cut, many writers and a
 * follower, views, addresses that do not work; and studies that move between stores. The server syncs its
 * disk here. */
#include "store/kit.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/private_server.h"
#include "store/transfer.h"

enum { ENDLESS = 1000000, LAST_TRIALS = 30, REPORTS = 3 };

static int set_up(void **state) {
  struct kit_postgres *f = calloc(1, sizeof *f);
  kit_postgres_init(f, "", "digits", ENDLESS);
  *state = f;
  return 0;
}

/* An engine in a process of its own, as short as one can be: it proposes the next trial with its start,
 * reports, and ends it; what was acknowledged is written down, an event a line. */

struct engine {
  struct cl_log *log;
  int number;
  FILE *acknowledged;
};

static void check_ok(int status, const struct cl_err *e) {
  if (status >= 0) return;
  (void)fprintf(stderr, "# engine: %s\n", e->text);
  _exit(1);
}

/* The status of the event. */
static int say(struct engine *g, struct cl_event ev) {
  struct cl_append result;
  struct cl_err e = {0};
  ev.by = g->number;
  check_ok(cl_log_append(g->log, &ev, &result, &e), &e);
  if (result.status == 0)
    (void)fprintf(g->acknowledged, "%lld %d %lld %d\n", (long long)result.position, (int)ev.kind,
                  (long long)ev.subject, ev.by);
  (void)fflush(g->acknowledged);
  return result.status;
}

static void train(struct engine *g, int64_t trial) {
  const double value[] = {0.385};
  struct cl_event start = kit_started(trial, 1, cl_study_trial(cl_log_study(g->log), trial)->head.version);
  if (say(g, start) != 0) return;
  for (int i = 1; i <= REPORTS; i++) {
    struct cl_metric m[] = {{0, "acc", 0.1 * i}};
    int status = say(g, kit_reported(trial, 1, i, i, m, 1));
    if (status != 0) check_ok(CLADE_ECORRUPT, &(struct cl_err){.text = "a report was not appended"});
  }
  (void)say(g, kit_ended(trial, 1, 0, value, 1));
}

static void run_engine(const struct kit_postgres *f, int number) {
  char path[120];
  struct cl_store *store = NULL;
  struct engine g = {.number = number};
  struct cl_err e = {0};
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)snprintf(path, sizeof path, "%s/acknowledged-%d", f->place.dir, number);
  check_ok(cl_store_open(f->place.postgres, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &store, &e),
           &e);
  check_ok(cl_log_open(store, f->study, NULL, &g.log, &e), &e);
  g.acknowledged = fopen(path, "w");
  check_ok(g.acknowledged == NULL ? CLADE_EIO : 0, &e);
  for (int turns = 0; turns < ENDLESS; turns++) {
    check_ok(cl_log_follow(g.log, NULL, &e), &e);
    int64_t next = cl_study_trials(cl_log_study(g.log)) + 1;
    int status = say(&g, kit_proposed(next, NULL, 0));
    if (status == CLADE_EBUDGET) break;
    if (status == 0) train(&g, next);
  }
  (void)fclose(g.acknowledged);
  cl_log_close(g.log);
  cl_store_close(store);
  _exit(0);
}

static void check_acknowledged(const struct kit_postgres *f, const struct kit_events *log, int number,
                               int *ret_n) {
  char path[120];
  long long position, subject;
  int kind, by;
  (void)snprintf(path, sizeof path, "%s/acknowledged-%d", f->place.dir, number);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  while (fscanf(file, "%lld %d %lld %d", &position, &kind, &subject, &by) ==
         4) { // NOLINT(cert-err34-c): our own file
    assert_true(position >= 1 && (size_t)position <= log->n);
    const struct cl_event *ev = log->items[position - 1];
    assert_int_equal(ev->position, position);
    assert_int_equal(ev->kind, kind);
    assert_int_equal(ev->subject, subject);
    assert_int_equal(ev->by, by);
    ++*ret_n;
  }
  (void)fclose(file);
}

/* The engines have been disturbed enough: their study gets its bound, a few trials from here. Its number. */
static int64_t bound_study(const struct kit_postgres *f) {
  struct cl_event ev = kit_event(CL_EVENT_UPDATED, 0);
  struct cl_study_head head;
  struct cl_err e = {0};
  char settings[60];
  for (int tries = 0; tries < 100; tries++) {
    struct cl_append result = {0};
    if (cl_store_head(f->store, f->study, &head, &e) < 0) fail_msg("%s", e.text);
    (void)snprintf(settings, sizeof settings, "{\"trials\": %lld}", (long long)head.trials + LAST_TRIALS);
    ev.seen = head.version;
    ev.u.updated.settings = settings;
    ev.u.updated.space_version = 1;
    if (cl_store_append(f->store, f->study, &ev, 1, &result, &e) < 0) fail_msg("%s", e.text);
    if (result.status == 0) return head.trials + LAST_TRIALS;
  }
  fail_msg("the engines are always faster");
  return 0;
}

/* Exactly N trials, each ended once, and all that was acknowledged in its place. */
static void check_study(struct kit_postgres *f, int64_t trials) {
  struct kit_events log;
  struct cl_err e = {0};
  int *ended = calloc((size_t)trials + 1, sizeof *ended), acknowledged = 0;
  kit_read(f->store, f->study, NULL, &log);
  for (size_t i = 0; i < log.n; i++) {
    assert_in_range(log.items[i]->subject, 0, trials);
    if (log.items[i]->kind == CL_EVENT_ENDED) ended[log.items[i]->subject]++;
  }
  for (int64_t i = 1; i <= trials; i++) assert_int_equal(ended[i], 1);
  free(ended);
  for (int number = 1; number <= 2; number++) check_acknowledged(f, &log, number, &acknowledged);
  assert_int_equal(acknowledged + 2, log.n); /* the others are `created` and `updated` */
  assert_int_equal(log.n, 2 + trials * (2 + REPORTS + 1));
  if (cl_store_check(f->store, f->study, &e) < 0) fail_msg("%s", e.text);
  kit_events_done(&log);
}

/* Until an engine has written down something new; it does so after every commit. One that is not let work
 * between two disturbances gives its server up some time. */
static void wait_for_progress(const struct kit_postgres *f, int number, pid_t engine, off_t *size) {
  char path[120];
  struct stat now = {0};
  int status = 0;
  (void)snprintf(path, sizeof path, "%s/acknowledged-%d", f->place.dir, number);
  for (int i = 0; i < 120000 && (stat(path, &now) < 0 || now.st_size <= *size); i++) {
    assert_int_equal(waitpid(engine, &status, WNOHANG), 0); /* it says why */
    (void)usleep(1000);
  }
  assert_true(now.st_size > *size);
  *size = now.st_size;
}

/* Two engines while `disturb` is called `times` times, and until they are done. */
static void run_disturbed(struct kit_postgres *f, void (*disturb)(struct kit_postgres *f, int time),
                          int times) {
  pid_t engines[2];
  off_t sizes[2] = {0};
  int status;
  for (int i = 0; i < 2; i++) {
    engines[i] = fork();
    assert_true(engines[i] >= 0);
    if (engines[i] == 0) run_engine(f, i + 1);
  }
  for (int time = 0; time < times; time++) {
    for (int i = 0; i < 2; i++) wait_for_progress(f, i + 1, engines[i], &sizes[i]);
    disturb(f, time);
  }
  int64_t trials = bound_study(f);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(waitpid(engines[i], &status, 0), engines[i]);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  check_study(f, trials);
}

/* Every second time as if the power had been cut. */
static void restart(struct kit_postgres *f, int time) {
  (void)f;
  (void)usleep((useconds_t)(10000 + 7919 * time % 60000)); /* where in a commit it strikes */
  private_server_stop(time % 2 == 0);
  private_server_start();
}

static void nothing_acknowledged_is_lost_when_the_server_restarts(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  int64_t before = 0, after = 0;
  PGresult *r = private_server_sql(f->place.postgres, "SELECT epoch FROM clade");
  assert_true(cl_text_to_int(PQgetvalue(r, 0, 0), &before));
  PQclear(r);
  run_disturbed(f, restart, 20);
  r = private_server_sql(f->place.postgres, "SELECT epoch FROM clade");
  assert_true(cl_text_to_int(PQgetvalue(r, 0, 0), &after));
  PQclear(r);
  assert_true(after > before && after <= before + 20); /* counts starts; engines need not have met each */
}

static void cut(struct kit_postgres *f, int time) {
  (void)usleep((useconds_t)(2000 + 7919 * time % 30000));
  kit_postgres_do(f,
                  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'clade' "
                  "AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1");
}

static void nothing_acknowledged_is_lost_when_connections_are_cut(void **state) {
  run_disturbed(kit_postgres_given(state), cut, 60);
}

/* Also where it was looked at before, and is read without another look. */
static void a_study_that_goes_before_it_is_read_is_not_found(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  struct cl_study_head head;
  struct cl_err e = {0};
  struct kit_events seen = {0};
  kit_finish_trial(f->store, f->study, 0.25);
  f->other = kit_open(KIT_POSTGRES, &f->place);
  assert_int_equal(cl_store_head(f->other, f->study, &head, &e), 0);
  kit_read(f->other, f->study, &(struct cl_read){.until = head.position}, &seen);
  assert_int_equal(seen.n, head.position);
  kit_events_done(&seen);
  assert_int_equal(cl_store_delete(f->store, f->study, &e), 0);
  assert_int_equal(
      cl_store_read(f->other, f->study, &(struct cl_read){.until = head.position}, kit_collect, &seen, &e),
      CLADE_ENOTFOUND);
  kit_events_done(&seen);
}

/* Writers and a follower. */

enum { WRITERS = 16, NOTES = 640, AT_A_TIME = 8 };

static void write_notes(const struct kit_postgres *f, int number) {
  struct cl_store *store = NULL;
  struct cl_err e = {0};
  check_ok(cl_store_open(f->place.postgres, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &store, &e),
           &e);
  for (int i = 0; i < NOTES; i += AT_A_TIME) {
    struct cl_event events[AT_A_TIME];
    struct cl_append results[AT_A_TIME];
    for (int k = 0; k < AT_A_TIME; k++) {
      events[k] = kit_event(CL_EVENT_NOTE, 0);
      events[k].by = number;
      events[k].time_ms = i + k;
      events[k].u.note.what = CL_NOTE_TEXT;
      events[k].u.note.text = "x";
    }
    check_ok(cl_store_append(store, f->study, events, AT_A_TIME, results, &e), &e);
  }
  cl_store_close(store);
  _exit(0);
}

static void a_follower_misses_nothing_of_sixteen_writers(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  struct kit_session k;
  int64_t next[WRITERS + 1] = {0};
  int fd = -1, status;
  kit_session_open(&k, f->store, f->study); /* its listener asserts that positions have no gap */
  assert_int_equal(cl_store_watch(f->store, &fd, NULL), 0);
  assert_true(fd >= 0);
  pid_t writers[WRITERS];
  for (int i = 0; i < WRITERS; i++) {
    writers[i] = fork();
    assert_true(writers[i] >= 0);
    if (writers[i] == 0) write_notes(f, i + 1);
  }
  for (int i = 0; i < 100000 && cl_log_position(k.log) < 1 + WRITERS * NOTES; i++) {
    cl_store_watch_drain(f->store);
    kit_follow(&k);
  }
  for (int i = 0; i < WRITERS; i++) {
    assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  kit_follow(&k);
  assert_int_equal(k.seen.n, WRITERS * NOTES);
  for (size_t i = 0; i < k.seen.n; i++) assert_int_equal(k.seen.items[i]->kind, CL_EVENT_NOTE);
  kit_session_close(&k);
  struct kit_events log;
  kit_read(f->store, f->study, NULL, &log);
  for (size_t i = 1; i < log.n; i++) assert_int_equal(log.items[i]->time_ms, next[log.items[i]->by]++);
  kit_events_done(&log);
}

/* Views. */

static void assert_answer(const struct kit_postgres *f, const char *sql, const char *answer) {
  char *got = kit_postgres_ask(f, sql);
  assert_string_equal(got == NULL ? "" : got, answer);
  cl_free(got);
}

static void views_show_values_and_their_changes(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  const struct cl_assigned values[] = {
      {1, cl_value_real(0.25)}, {2, cl_value_text("adam")}, {3, cl_value_int(7)}};
  const struct cl_assigned change[] = {{1, cl_value_real(0.5)}, {2, {.kind = CL_NULL}}};
  const double objectives[] = {0.75, 12.5};
  int64_t version = kit_appended(f->store, f->study, kit_proposed(1, values, 3));
  version = kit_appended(f->store, f->study, kit_started(1, 1, version));
  struct cl_metric m[] = {{0, "acc", 0.5}, {0, "it's \"$clade$\"", NAN}};
  kit_appended(f->store, f->study, kit_reported(1, 1, 1, 2.5, m, 2));
  struct cl_event set = kit_event(CL_EVENT_SET, 1);
  set.seen = version;
  set.u.set.values = (struct cl_assigned_list){2, change};
  kit_appended(f->store, f->study, set);
  kit_appended(f->store, f->study, kit_reported(1, 1, 2, 3.5, m, 1));
  assert_answer(f, "SELECT trial, state, role, step, reports, acc, lr, opt, n FROM trials",
                "1 RUNNING search 3.5 2 0.5 0.5 null 7\n");
  kit_appended(f->store, f->study, kit_ended(1, 1, 0, objectives, 2));
  assert_answer(f, "SELECT state, acc, cost FROM trials_digits", "COMPLETE 0.75 12.5\n");
  assert_answer(f, "SELECT step, acc, \"it's \"\"$clade$\"\"\" FROM reports ORDER BY 1",
                "2.5 0.5 NaN\n3.5 0.5 \n");
  assert_answer(f, "SELECT trial, hyperparameter, old, new, step, cause FROM changes",
                "1 lr 0.25 0.5 3.5 human\n1 opt adam null 3.5 human\n");
}

static void views_have_hostile_names(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  static const char *const names[] = {"'; DROP TABLE heads; --",
                                      "12",
                                      "12_trial",
                                      "$clade$ END $clade$; --",
                                      "\"\n\t\\",
                                      "a name that is longer than what the server tells apart, number one",
                                      "a name that is longer than what the server tells apart, number two"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    int64_t study = kit_create(f->store, names[i], 3);
    kit_finish_trial(f->store, study, 0.5);
    assert_answer(f, "SELECT state, acc FROM trials", "COMPLETE 0.5\n");
    struct cl_err e = {0};
    if (cl_store_check(f->store, study, &e) < 0) fail_msg("%s", e.text);
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    int64_t study = 0;
    assert_int_equal(cl_store_find(f->store, names[i], &study, NULL), 0);
    assert_int_equal(cl_store_delete(f->store, study, NULL), 0);
  }
  assert_answer(f, "SELECT count(*) FROM trials", "0\n");
  assert_answer(f, "SELECT count(*) FROM pg_views WHERE schemaname = current_schema()", "6\n");
}

static void a_view_of_somebody_else_stays(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  kit_postgres_do(f, "CREATE VIEW mine AS SELECT trial, acc FROM trials_digits");
  int64_t version = kit_appended(f->store, f->study, kit_proposed(1, NULL, 0));
  kit_appended(f->store, f->study, kit_started(1, 1, version));
  struct cl_metric m[] = {{0, "acc", 0.5}, {0, "another", 0.25}}; /* the views would be made anew */
  kit_appended(f->store, f->study, kit_reported(1, 1, 1, 2.5, m, 2));
  assert_answer(f, "SELECT * FROM mine", "1 0.5\n");
}

/* Addresses. */

static void assert_refused(const char *address, int code, const char *part) {
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  int status = cl_store_open(address, &(struct cl_store_options){.mode = CL_STORE_CREATE}, &s, &e);
  if (status != code || strstr(e.text, part) == NULL) print_message("# %s\n", e.text);
  assert_int_equal(status, code);
  assert_non_null(strstr(e.text, part));
  assert_null(strstr(e.text, "secret"));
}

static void addresses_that_do_not_work_say_why(void **state) {
  const struct kit_postgres *f = kit_postgres_given(state);
  char address[300];
  const char *host = strchr(f->place.postgres, '@');
  assert_non_null(host);
  assert_refused("postgresql://me:secret@127.0.0.1:1/clade", CLADE_EIO, "clade store start");
  assert_refused("postgresql://me:secret@nowhere.invalid/clade", CLADE_EIO, "host's name");
  assert_refused("postgresql://me:secret@127.0.0.1:port/clade", CLADE_EINVAL, "postgresql://USER@HOST");
  (void)snprintf(address, sizeof address, "postgresql://clade:secret%s", host);
  assert_refused(address, CLADE_EIO, "password");
  (void)snprintf(address, sizeof address, "postgresql://nobody:secret%s", host);
  assert_refused(address, CLADE_EIO, "password");
  (void)snprintf(address, sizeof address, "%.*s/elsewhere",
                 (int)(strrchr(private_server(), '/') - private_server()), private_server());
  assert_refused(address, CLADE_ENOTFOUND, "createdb");
  (void)snprintf(address, sizeof address, "%s?options=-csearch_path%%3Dnowhere", private_server());
  assert_refused(address, CLADE_ENOTFOUND, "search_path");
  PQclear(private_server_sql(private_server(), "CREATE SCHEMA empty_one"));
  (void)snprintf(address, sizeof address, "%s?options=-csearch_path%%3Dempty_one", private_server());
  struct cl_store *s = NULL;
  assert_int_equal(cl_store_open(address, &(struct cl_store_options){.mode = CL_STORE_READ}, &s, NULL),
                   CLADE_ENOTFOUND);
  PQclear(private_server_sql(address, "CREATE TABLE clade (something integer)"));
  assert_refused(address, CLADE_ECORRUPT, "not Clade's");
}

static void an_address_is_shown_without_its_password(void **state) {
  const struct kit_postgres *f = kit_postgres_given(state);
  assert_null(strstr(cl_store_address(f->store), "search_path=secret"));
  assert_non_null(strstr(cl_store_address(f->store), "clade:***@127.0.0.1"));
}

/* Moving. */

static int add_text(void *ctx, const char *text, size_t n, struct cl_err *e) {
  (void)e;
  cl_text_add_bytes(ctx, text, n);
  return 0;
}

struct text_source {
  const char *at;
  size_t left;
};

static int read_text(void *ctx, char *buffer, size_t n, struct cl_err *e) {
  struct text_source *s = ctx;
  (void)e;
  if (n > 777) n = 777; /* lines are cut anywhere */
  if (n > s->left) n = s->left;
  memcpy(buffer, s->at, n);
  s->at += n;
  s->left -= n;
  return (int)n;
}

static void export_to(struct cl_store *s, int64_t study, struct cl_text *ret) {
  struct cl_err e = {0};
  *ret = (struct cl_text){0};
  if (cl_store_export(s, study, add_text, ret, NULL, &e) < 0) fail_msg("%s", e.text);
}

static int import_from(struct cl_store *s, const char *text, size_t n, int64_t *ret_study, struct cl_err *e) {
  struct text_source source = {text, n};
  return cl_store_import(s, "moved.jsonl", read_text, &source, ret_study, e);
}

static void fill_mixture(struct cl_store *s, int64_t study) {
  const struct cl_assigned values[] = {
      {1, cl_value_real(2.0)}, {2, {.kind = CL_NULL}}, {3, cl_value_int(12)}};
  struct cl_metric m[] = {{0, "loss \xC3\xA9", NAN}, {0, "acc", -INFINITY}, {0, "cost", 1e-300}};
  for (int i = 0; i < 9; i++) {
    int64_t trial = kit_finish_trial(s, study, 0.1 * i) + 1;
    int64_t version = kit_appended(s, study, kit_proposed(trial, values, 3));
    version = kit_appended(s, study, kit_started(trial, 1, version));
    kit_appended(s, study, kit_reported(trial, 1, 1, 0.5, m, 3));
    struct cl_event saved = kit_saved(trial, 1, 0.5);
    saved.u.saved.rollup = (struct cl_rollup){.last = NAN, .best = 0.25, .sum = INFINITY, .count = 3};
    kit_appended(s, study, saved);
    struct cl_event set = kit_event(CL_EVENT_SET, trial);
    set.seen = version;
    set.u.set.values = (struct cl_assigned_list){3, values};
    set.args = "{\"text\": \"lr=2\"}";
    version = kit_appended(s, study, set);
    struct cl_event lost = kit_event(CL_EVENT_LOST, trial);
    lost.seen = version;
    lost.attempt = 1;
    kit_appended(s, study, lost);
    kit_appended(s, study, kit_reported(trial, 1, 2, 1.5, m, 1)); /* late */
  }
}

static void a_study_moves_between_all_stores_without_loss(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  struct cl_store *sqlite = kit_open(KIT_SQLITE, &f->place), *memory = kit_open(KIT_MEMORY, &f->place);
  struct cl_text first, second, third;
  struct cl_err e = {0};
  int64_t study = kit_create(sqlite, "moving", 100), there = 0;
  fill_mixture(sqlite, study);
  export_to(sqlite, study, &first);
  if (import_from(f->store, first.bytes, first.length, &there, &e) < 0) fail_msg("%s", e.text);
  export_to(f->store, there, &second);
  assert_string_equal(cl_text_get(&first), cl_text_get(&second));
  assert_int_equal(cl_store_check(f->store, there, NULL), 0);
  if (import_from(memory, second.bytes, second.length, &there, &e) < 0) fail_msg("%s", e.text);
  export_to(memory, there, &third);
  assert_string_equal(cl_text_get(&first), cl_text_get(&third));
  cl_text_done(&third);
  assert_int_equal(import_from(sqlite, second.bytes, second.length, &there, &e), CLADE_EEXISTS);
  assert_int_equal(cl_store_delete(sqlite, study, NULL), 0);
  if (import_from(sqlite, second.bytes, second.length, &there, &e) < 0) fail_msg("%s", e.text);
  export_to(sqlite, there, &third);
  assert_string_equal(cl_text_get(&first), cl_text_get(&third));
  cl_text_done(&first);
  cl_text_done(&second);
  cl_text_done(&third);
  cl_store_close(sqlite);
  cl_store_close(memory);
}

static void assert_not_imported(struct cl_store *s, const char *text, int code, const char *part) {
  struct cl_err e = {0};
  int64_t study = 0;
  int status = import_from(s, text, strlen(text), &study, &e);
  if (status != code || strstr(e.text, part) == NULL) print_message("# %s\n", e.text);
  assert_int_equal(status, code);
  assert_non_null(strstr(e.text, part));
  assert_int_equal(cl_store_find(s, "moving", &study, NULL), CLADE_ENOTFOUND); /* nothing is left */
}

static void a_file_that_is_no_study_is_refused_by_its_line(void **state) {
  struct kit_postgres *f = *state;
  struct cl_store *from = kit_open(KIT_MEMORY, &f->place), *to = kit_open(KIT_SQLITE, &f->place);
  struct cl_text text, bad = {0};
  int64_t study = kit_create(from, "moving", 100);
  fill_mixture(from, study);
  export_to(from, study, &text);
  const char *second = strchr(text.bytes, '\n') + 1, *third = strchr(second, '\n') + 1;
  assert_not_imported(to, "", CLADE_ECORRUPT, "is empty");
  assert_not_imported(to, "nonsense", CLADE_ECORRUPT, "moved.jsonl:1:");
  assert_not_imported(to, second, CLADE_ECORRUPT, "moved.jsonl:1: a study begins with");
  cl_text_add_bytes(&bad, text.bytes, (size_t)(second - text.bytes));
  cl_text_add(&bad, third); /* a line is missing */
  assert_not_imported(to, cl_text_get(&bad), CLADE_ECORRUPT, "moved.jsonl:2:");
  cl_text_clear(&bad);
  cl_text_add_bytes(&bad, text.bytes, text.length - 3); /* cut off */
  char line[40];
  int lines = 0;
  for (const char *c = text.bytes; *c != '\0'; c++) lines += *c == '\n';
  (void)snprintf(line, sizeof line, "moved.jsonl:%d:", lines);
  assert_not_imported(to, cl_text_get(&bad), CLADE_ECORRUPT, line);
  cl_text_clear(&bad);
  cl_text_add_bytes(&bad, text.bytes, (size_t)(third - text.bytes));
  cl_text_add(&bad, "{\"position\": 3, \"kind\": 99}\n");
  assert_not_imported(to, cl_text_get(&bad), CLADE_ENEWER, "moved.jsonl:3:");
  cl_text_done(&bad);
  cl_text_done(&text);
  cl_store_close(from);
  cl_store_close(to);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost_when_the_server_restarts, set_up,
                                      kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost_when_connections_are_cut, set_up,
                                      kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(a_study_that_goes_before_it_is_read_is_not_found, set_up,
                                      kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(a_follower_misses_nothing_of_sixteen_writers, set_up,
                                      kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(views_show_values_and_their_changes, set_up, kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(views_have_hostile_names, set_up, kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(a_view_of_somebody_else_stays, set_up, kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(addresses_that_do_not_work_say_why, set_up, kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(an_address_is_shown_without_its_password, set_up,
                                      kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(a_study_moves_between_all_stores_without_loss, set_up,
                                      kit_postgres_tear_down),
      cmocka_unit_test_setup_teardown(a_file_that_is_no_study_is_refused_by_its_line, set_up,
                                      kit_postgres_tear_down)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
