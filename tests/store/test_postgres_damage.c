/* What a PostgreSQL server may say and what others may do to a store there: each ends as an error whose
 * sentence names the remedy, nothing of the log is lost, and the same handle goes on once the cause is gone.
 */
#include "store/kit.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/text.h"
#include "store/postgres_impl.h"
#include "store/private_server.h"
#include "store/store_ops.h"

static int set_up(void **state) {
  struct kit_postgres *f = calloc(1, sizeof *f);
  kit_postgres_init(f, NULL, "digits", 2385);
  if (f->store != NULL) kit_finish_trial(f->store, f->study, 0.385);
  *state = f;
  return 0;
}

static void assert_says(int status, int code, const struct cl_err *e, const char *words) {
  if (status != code || (code < 0 && strstr(e->text, words) == NULL))
    fail_msg("status %d, not %d with '%s': %s", status, code, words, e->text);
}

static int append_note(struct cl_store *s, int64_t study, struct cl_err *e) {
  struct cl_event note = kit_event(CL_EVENT_NOTE, 0);
  struct cl_append result = {0};
  note.u.note.what = CL_NOTE_TEXT;
  note.u.note.text = "2.385";
  int status = cl_store_append(s, study, &note, 1, &result, e);
  return status < 0 ? status : result.status;
}

static int64_t head_of(struct cl_store *s, int64_t study) {
  struct cl_study_head head = {0};
  struct cl_err e = {0};
  if (cl_store_head(s, study, &head, &e) < 0) fail_msg("%s", e.text);
  return head.position;
}

static int see(void *ctx, const struct cl_event *ev) {
  *(int64_t *)ctx = ev->position;
  return 0;
}

static int see_study(void *ctx, const struct cl_study_row *row) {
  *(int64_t *)ctx = row->id;
  return 0;
}

static int open_as(const char *address, enum cl_store_mode mode, struct cl_store **ret, struct cl_err *e) {
  return cl_store_open(address, &(struct cl_store_options){.mode = mode}, ret, e);
}

/* What the server says to a statement, said by a trigger. */

static void each_refusal_of_the_server_has_a_remedy(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  static const struct {
    const char *sqlstate;
    int status;
    const char *words;
  } cases[] = {{"53100", CLADE_EIO, "free space on the server's disk"},
               {"53200", CLADE_EIO, "the server is out of memory"},
               {"53300", CLADE_EIO, "raise max_connections"},
               {"25006", CLADE_EUNSUPPORTED, "the primary server"},
               {"42501", CLADE_EIO, "GRANT CREATE ON SCHEMA"},
               {"55P03", CLADE_EBUSY, "another process holds the study's lock"},
               {"42703", CLADE_ECORRUPT, "use another database or schema"},
               {"54011", CLADE_ELIMIT, "on purpose"},
               {"XX001", CLADE_ECORRUPT, "on purpose"},
               {"XX002", CLADE_ECORRUPT, "on purpose"},
               {"P0001", CLADE_EIO, "on purpose (P0001)"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char sql[400];
    struct cl_err e = {0};
    const int64_t before = head_of(f->store, f->study);
    (void)snprintf(
        sql, sizeof sql,
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
        "'on purpose' USING ERRCODE = '%s'; END $$",
        cases[i].sqlstate);
    kit_postgres_do(f, sql);
    kit_postgres_do(f, "CREATE TRIGGER refuse BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION refuse()");
    assert_says(append_note(f->store, f->study, &e), cases[i].status, &e, cases[i].words);
    assert_int_equal(head_of(f->store, f->study), before);
    kit_postgres_do(f, "DROP TRIGGER refuse ON notes");
    assert_says(append_note(f->store, f->study, &e), 0, &e, "");
    assert_int_equal(head_of(f->store, f->study), before + 1);
  }
  assert_int_equal(cl_store_check(f->store, f->study, NULL), 0);
}

/* A failure that is over in a moment is gone through without a word: deadlocks, a server that ends. */
static void a_refusal_that_passes_is_tried_again(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  static const char *const sqlstates[] = {"40001", "40P01", "57P01", "08006", "25P03"};
  kit_postgres_do(f, "CREATE SEQUENCE turns");
  for (size_t i = 0; i < sizeof sqlstates / sizeof *sqlstates; i++) {
    char sql[400];
    struct cl_err e = {0};
    const int64_t before = head_of(f->store, f->study);
    (void)snprintf(
        sql, sizeof sql,
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('turns') "
        "%% 2 = 1 THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = '%s'; END IF; RETURN NEW; END $$",
        sqlstates[i]);
    kit_postgres_do(f, sql);
    kit_postgres_do(f, "CREATE TRIGGER refuse BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION refuse()");
    assert_says(append_note(f->store, f->study, &e), 0, &e, "");
    kit_postgres_do(f, "DROP TRIGGER refuse ON notes");
    assert_int_equal(head_of(f->store, f->study), before + 1);
  }
}

/* Rows that somebody has changed. */

enum asked { OPEN, READ, STUDIES, HEAD, CHECK };

static int ask(const struct kit_postgres *f, struct cl_store *s, enum asked what, struct cl_err *e) {
  struct cl_study_head head;
  int64_t seen = 0;
  switch (what) {
  case READ: return cl_store_read(s, f->study, &(struct cl_read){0}, see, &seen, e);
  case STUDIES: return cl_store_studies(s, see_study, &seen, e);
  case HEAD: return cl_store_head(s, f->study, &head, e);
  case CHECK: return cl_store_check(s, f->study, e);
  default: return 0;
  }
}

static void damage_is_named(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  static const struct {
    const char *damage, *repair;
    enum asked what;
    int status;
    const char *words;
  } cases[] = {
      {"UPDATE clade SET schema = 99", "UPDATE clade SET schema = 1", OPEN, CLADE_ENEWER, "has schema 99"},
      {"UPDATE clade SET schema = 0", "UPDATE clade SET schema = 1", OPEN, CLADE_ECORRUPT,
       "no schema number"},
      {"DELETE FROM clade", "INSERT INTO clade VALUES (1, 1, NULL, 1)", OPEN, CLADE_ECORRUPT,
       "no schema number"},
      {"UPDATE studies SET uuid = NULL", "UPDATE studies SET uuid = 'uuid-of-digits'", STUDIES,
       CLADE_ECORRUPT, "study number 1 has no name"},
      {"UPDATE studies SET name = NULL", "UPDATE studies SET name = 'digits'", STUDIES, CLADE_ECORRUPT,
       "study number 1 has no name"},
      {"UPDATE names SET type = NULL WHERE id = 1 AND kind = 'objective'",
       "UPDATE names SET type = 'float' WHERE type IS NULL", READ, CLADE_ECORRUPT,
       "names of study 1 are not readable"},
      {"UPDATE names SET name = NULL WHERE id = 2 AND kind = 'hyperparameter'",
       "UPDATE names SET name = 'opt' WHERE name IS NULL", READ, CLADE_ECORRUPT,
       "names of study 1 are not readable"},
      {"UPDATE attempts SET more = '[' || coalesce(more, '')",
       "UPDATE attempts SET more = nullif(substr(more, 2), '')", READ, CLADE_ECORRUPT,
       "('ended') cannot be read"},
      {"UPDATE decisions SET kind = 6999 WHERE kind = 12", "UPDATE decisions SET kind = 12 WHERE kind = 6999",
       CHECK, CLADE_ENEWER, "6999"},
      {"ALTER TABLE attempts RENAME TO attempts_gone", "ALTER TABLE attempts_gone RENAME TO attempts", READ,
       CLADE_ENOTFOUND, "the study was deleted meanwhile"},
      {"UPDATE heads SET state = state + 1", "UPDATE heads SET state = state - 1", CHECK, CLADE_ECORRUPT,
       "trial 1"},
  };
  const int64_t before = head_of(f->store, f->study);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_store *s = NULL;
    struct cl_err e = {0};
    kit_postgres_do(f, cases[i].damage);
    int status = open_as(f->place.postgres, CL_STORE_WRITE, &s, &e);
    if (status == 0) status = ask(f, s, cases[i].what, &e);
    assert_says(status, cases[i].status, &e, cases[i].words);
    cl_store_close(s);
    kit_postgres_do(f, cases[i].repair);
  }
  assert_int_equal(head_of(f->store, f->study), before);
  assert_int_equal(cl_store_check(f->store, f->study, NULL), 0);
}

static void heads_are_written_again(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  static const char *const damages[] = {"DELETE FROM heads",
                                        "UPDATE heads SET state = state + 1, source = 1, until = 7, last = 0",
                                        "UPDATE studies SET version = 99, counted = 9, budget = 1"};
  struct cl_err e = {0};
  kit_postgres_do(f, "CREATE TABLE heads_were AS SELECT * FROM heads");
  for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
    kit_postgres_do(f, damages[i]);
    assert_says(cl_store_check(f->store, f->study, &e), CLADE_ECORRUPT, &e, "differ from its log");
    if (cl_store_repair(f->store, f->study, &e) < 0) fail_msg("%s: %s", damages[i], e.text);
    assert_int_equal(cl_store_check(f->store, f->study, &e), 0);
    kit_postgres_do(
        f, "DO $$ BEGIN IF EXISTS (SELECT * FROM heads EXCEPT SELECT * FROM heads_were) OR EXISTS (SELECT * "
           "FROM heads_were EXCEPT SELECT * FROM heads) THEN RAISE EXCEPTION 'other heads'; END IF; END $$");
  }
  kit_postgres_do(f, "DROP TABLE heads_were");
  assert_says(append_note(f->store, f->study, &e), 0, &e, "");
  assert_int_equal(cl_store_check(f->store, f->study, &e), 0);
}

/* A server that has lost what was on its disk, or another one in its place. */
static void a_log_that_is_shorter_than_it_was_is_corrupt(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  struct cl_err e = {0};
  (void)head_of(f->store, f->study);
  kit_postgres_do(f, "UPDATE studies SET head = head - 1");
  assert_says(ask(f, f->store, HEAD, &e), CLADE_ECORRUPT, &e, "the server has lost what was on its disk");
  kit_postgres_do(f, "UPDATE studies SET head = head + 1");
  assert_says(ask(f, f->store, CHECK, &e), 0, &e, "");
}

static void a_study_that_is_gone_is_not_found(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  static const struct cl_lease none = {0};
  struct cl_err e = {0};
  struct cl_lease lease = none;
  struct cl_head head;
  const int64_t gone = f->study + 17;
  int64_t seen = 0;
  assert_says(cl_store_read(f->store, gone, &(struct cl_read){0}, see, &seen, &e), CLADE_ENOTFOUND, &e,
              "no study number");
  assert_says(cl_store_read_reports(f->store, gone, 1, see, &seen, &e), CLADE_ENOTFOUND, &e,
              "no study number");
  assert_says(cl_store_trial_head(f->store, gone, 1, &head, &e), CLADE_ENOTFOUND, &e, "no study number");
  assert_says(append_note(f->store, gone, &e), CLADE_ENOTFOUND, &e, "no study number");
  assert_says(cl_store_lease_take(f->store, gone, "me", 0, 0, &lease, &e), CLADE_ENOTFOUND, &e,
              "no study number");
  assert_says(cl_store_delete(f->store, gone, &e), CLADE_ENOTFOUND, &e, "no study number");
  assert_int_equal(cl_store_trial_head(f->store, f->study, 99, &head, &e), 0); /* no such trial: all zero */
  assert_int_equal(head.proposed, 0);
  assert_says(cl_store_lease_take(f->store, f->study, "me", 0, 0, &lease, &e), 0, &e, "");
  assert_says(cl_store_delete(f->store, f->study, &e), CLADE_EBUSY, &e, "me decides for it");
  assert_says(cl_store_lease_release(f->store, f->study, &lease, &e), 0, &e, "");
  assert_says(cl_store_delete(f->store, f->study, &e), 0, &e, "");
}

/* Rights and limits of users and databases. */

static void change_user(const struct kit_postgres *f, char *ret, size_t size) {
  const char *host = strchr(f->place.postgres, '@');
  assert_non_null(host);
  (void)snprintf(ret, size, "postgresql://visitor:secret%s", host);
}

static void users_without_rights_are_told_which(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  static const struct {
    const char *before; /* SCHEMA is the store's */
    enum cl_store_mode mode;
    int status;
    const char *words;
  } cases[] = {
      {"SELECT 1", CL_STORE_READ, CLADE_ENOTFOUND, "search_path"},
      {"GRANT USAGE ON SCHEMA SCHEMA TO visitor", CL_STORE_READ, CLADE_EIO, "permission denied"},
      {"GRANT SELECT ON ALL TABLES IN SCHEMA SCHEMA TO visitor", CL_STORE_READ, 0, ""},
      {"SELECT 1", CL_STORE_WRITE, CLADE_EIO, "needs the right"},
      {"GRANT ALL ON ALL TABLES IN SCHEMA SCHEMA TO visitor", CL_STORE_WRITE, 0, ""},
      {"ALTER ROLE visitor SET default_transaction_read_only = on; UPDATE clade SET started = NULL",
       CL_STORE_WRITE, CLADE_EUNSUPPORTED, "primary server"},
      {"ALTER ROLE visitor NOLOGIN", CL_STORE_READ, CLADE_EIO, "visitor"},
  };
  char address[300];
  kit_postgres_do(f, "CREATE ROLE visitor LOGIN PASSWORD 'secret'");
  change_user(f, address, sizeof address);
  char *schema = kit_postgres_ask(f, "SELECT current_schema()");
  schema[strcspn(schema, "\n")] = '\0';
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_store *s = NULL;
    struct cl_err e = {0};
    char sql[300];
    const char *at = strstr(cases[i].before, "SCHEMA SCHEMA");
    int n = at == NULL ? (int)strlen(cases[i].before) : (int)(at - cases[i].before);
    (void)snprintf(sql, sizeof sql, "%.*s%s%s%s", n, cases[i].before, at == NULL ? "" : "SCHEMA ",
                   at == NULL ? "" : schema, at == NULL ? "" : at + strlen("SCHEMA SCHEMA"));
    kit_postgres_do(f, sql);
    assert_says(open_as(address, cases[i].mode, &s, &e), cases[i].status, &e, cases[i].words);
    assert_null(strstr(e.text, "secret"));
    cl_store_close(s);
  }
  free(schema);
  kit_postgres_do(f, "DROP OWNED BY visitor; DROP ROLE visitor");
}

static void a_database_of_another_encoding_is_refused(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  char address[300];
  kit_postgres_do(f, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
  (void)snprintf(address, sizeof address, "%.*s/latin",
                 (int)(strrchr(private_server(), '/') - private_server()), private_server());
  assert_says(open_as(address, CL_STORE_CREATE, &s, &e), CLADE_EUNSUPPORTED, &e, "createdb -E UTF8");
  assert_null(s);
}

/* Whoever turned synchronous commits off gets them for what is acknowledged all the same. */
static void durability_is_the_servers_but_never_less_than_the_disk(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  static const struct {
    const char *setting, *words;
  } cases[] = {{"off", "on"}, {"local", "on"}, {"on", "on"}, {"remote_write", "remote_write"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char address[300];
    struct cl_store *s = NULL;
    struct cl_err e = {0};
    (void)snprintf(address, sizeof address, "%s%%20-csynchronous_commit%%3D%s", f->place.postgres,
                   cases[i].setting);
    assert_says(open_as(address, CL_STORE_WRITE, &s, &e), 0, &e, "");
    assert_string_equal(((const struct cl_postgres *)s->state)->durability, cases[i].words);
    cl_store_close(s);
  }
}

/* Limits. */

static char *settings_of(int n, bool update) {
  struct cl_text t = {0};
  cl_text_add(
      &t, update ? "{"
                 : "{\"study\": \"wide\", \"origin\": \"native\", \"cwd\": \"/tmp\", \"program\": [\"./t\"], "
                   "\"objectives\": [{\"name\": \"acc\", \"goal\": \"maximize\", \"reduce\": \"last\"}], "
                   "\"search\": {\"method\": \"random\"}, \"trials\": 5, \"parallel\": 2, ");
  cl_text_add(&t, "\"hyperparameters\": [");
  for (int i = 1; i <= n; i++)
    cl_text_format(
        &t,
        "%s{\"id\": %d, \"name\": \"h %d\", \"domain\": \"float\", \"scale\": \"linear\", \"lo\": 0.25, \"hi\": 2.5}",
        i == 1 ? "" : ", ", i, i);
  cl_text_add(&t, "]}");
  return cl_text_take(&t);
}

static void a_study_has_as_many_hyperparameters_as_a_table_columns(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  struct cl_err e = {0};
  int64_t study = 0;
  struct cl_event created = kit_created("wide", 5), updated = kit_event(CL_EVENT_UPDATED, 0);
  struct cl_append result;
  char *most = settings_of(CL_POSTGRES_COLUMNS_MAX, false),
       *more = settings_of(CL_POSTGRES_COLUMNS_MAX + 1, false),
       *change = settings_of(CL_POSTGRES_COLUMNS_MAX + 1, true);
  created.u.created.settings = more;
  assert_says(cl_store_create(f->store, &created, &study, &e), CLADE_ELIMIT, &e,
              "901 hyperparameters, the limit");
  created.u.created.settings = most;
  assert_says(cl_store_create(f->store, &created, &study, &e), 0, &e, "");
  updated.seen = kit_version(f->store, study, 0);
  updated.u.updated.settings = change;
  updated.u.updated.space_version = 2;
  assert_says(cl_store_append(f->store, study, &updated, 1, &result, &e), CLADE_ELIMIT, &e, "has had 901");
  assert_int_equal(head_of(f->store, study), 1);
  assert_says(cl_store_check(f->store, study, &e), 0, &e, "");
  free(most);
  free(more);
  free(change);
}

/* Names that begin alike share no views; and numbers of studies are never given twice. */
static void studies_have_views_and_numbers_of_their_own(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  struct cl_err e = {0};
  int64_t study = 0;
  enum { ALIKE = 12 };
  for (int i = 0; i < ALIKE; i++) {
    char name[90];
    (void)snprintf(name, sizeof name, "a study whose name is longer than the word of a view can be, %d", i);
    (void)kit_create(f->store, name, 5);
  }
  char *n = kit_postgres_ask(f, "SELECT count(DISTINCT view) FROM studies");
  assert_string_equal(n, "13\n");
  free(n);
  kit_postgres_do(f, "UPDATE clade SET studies = 2147483647");
  struct cl_event created = kit_created("the last one", 5);
  assert_says(cl_store_create(f->store, &created, &study, &e), CLADE_ELIMIT, &e,
              "has had 2147483647 studies");
  assert_says(append_note(f->store, f->study, &e), 0, &e, "");
}

/* A study's lock that another program holds. */
static void a_lock_that_is_held_is_waited_for_and_named(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  const struct cl_store_options options = {.mode = CL_STORE_WRITE, .lock_timeout_ms = 30};
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  assert_int_equal(cl_store_open(f->place.postgres, &options, &s, &e), 0);
  PGconn *conn = PQconnectdb(f->place.postgres);
  PQclear(PQexec(conn, "BEGIN"));
  PQclear(PQexec(conn, "SELECT 1 FROM studies FOR UPDATE"));
  assert_says(append_note(s, f->study, &e), CLADE_EBUSY, &e, "pg_stat_activity");
  struct cl_lease lease = {0};
  assert_says(cl_store_lease_take(s, f->study, "me", 0, 0, &lease, &e), CLADE_EBUSY, &e, "pg_stat_activity");
  assert_says(cl_store_delete(s, f->study, &e), CLADE_EBUSY, &e, "pg_stat_activity");
  PQclear(PQexec(conn, "ROLLBACK")); /* answered when the lock is free */
  PQfinish(conn);
  assert_says(append_note(s, f->study, &e), 0, &e, "");
  cl_store_close(s);
}

/* Watching. */

static const char *failing; /* a call of the system that fails once */

static bool fails(const char *name) {
  if (failing == NULL || strcmp(failing, name) != 0) return false;
  failing = NULL;
  errno = EMFILE;
  return true;
}

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_create1(int flags) {
  return fails("epoll_create1") ? -1 : __real_epoll_create1(flags);
}

int __real_eventfd(unsigned int n, int flags);
int __wrap_eventfd(unsigned int n, int flags);
int __wrap_eventfd(unsigned int n, int flags) {
  return fails("eventfd") ? -1 : __real_eventfd(n, flags);
}

int __real_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev) {
  return fails("epoll_ctl") ? -1 : __real_epoll_ctl(epfd, op, fd, ev);
}

static bool is_awake(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, 5000) == 1;
}

/* What wakes first may be something else: an answer to one's own wake, a notice of another study. */
static bool is_told(struct cl_store *s, int fd) {
  bool told = false;
  for (int i = 0; i < 100 && !told; i++) told = is_awake(fd) && cl_store_watch_drain(s);
  return told;
}

static void a_watch_that_cannot_be_made_is_an_error(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  static const char *const calls[] = {"epoll_create1", "eventfd", "epoll_ctl"};
  struct cl_err e = {0};
  int fd = -1;
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    failing = calls[i];
    assert_says(cl_store_watch(f->store, &fd, &e), CLADE_EIO, &e, "cannot watch");
    assert_int_equal(fd, -1);
  }
  assert_int_equal(cl_store_watch(f->store, &fd, &e), 0);
  int again = -1;
  assert_int_equal(cl_store_watch(f->store, &again, &e), 0);
  assert_int_equal(again, fd);
  assert_int_equal(append_note(f->store, f->study, &e), 0);
}

/* One's own commits, and those of other studies, wake nobody; somebody else's do, and what is not a number
 * may be about anything. */
static void only_news_of_the_study_wake(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  struct cl_err e = {0};
  int fd = -1;
  f->other = kit_open(KIT_POSTGRES, &f->place);
  const int64_t letters = kit_create(f->other, "letters", 5);
  (void)head_of(f->store, f->study); /* the study that this handle looks at */
  assert_int_equal(cl_store_watch(f->store, &fd, &e), 0);
  while (cl_store_watch_drain(f->store)) continue;
  kit_postgres_do(f, "SELECT pg_notify('clade', 'nonsense')");
  assert_true(is_told(f->store, fd));
  assert_int_equal(append_note(f->other, letters, &e), 0);
  (void)head_of(f->other, letters); /* its wake has been sent, and answered */
  if (is_awake(fd)) assert_false(cl_store_watch_drain(f->store));
  assert_int_equal(append_note(f->store, f->study, &e), 0);
  (void)head_of(f->store, f->study);
  assert_false(cl_store_watch_drain(f->store));
  assert_int_equal(append_note(f->other, f->study, &e), 0);
  (void)head_of(f->other, f->study);
  (void)head_of(f->store,
                f->study); /* the notice may come with this answer: then the descriptor is ready too */
  assert_true(is_told(f->store, fd));
}

/* A watcher whose connection was cut is woken, connects again, and hears of what is appended from then on. */
static void a_watch_outlives_its_connection(void **state) {
  struct kit_postgres *f = kit_postgres_given(state);
  struct cl_err e = {0};
  int fd = -1;
  (void)head_of(f->store, f->study);
  assert_int_equal(cl_store_watch(f->store, &fd, &e), 0);
  kit_postgres_cut(f);
  assert_true(is_told(f->store, fd));          /* the server's farewell comes before the end of its socket */
  assert_true(cl_store_watch_drain(f->store)); /* there is no connection: whoever asks is told to look */
  int64_t seen = 0;
  assert_says(cl_store_read(f->store, f->study, &(struct cl_read){0}, see, &seen, &e), 0, &e, "");
  while (cl_store_watch_drain(f->store)) continue;
  f->other = kit_open(KIT_POSTGRES, &f->place);
  assert_int_equal(append_note(f->other, f->study, &e), 0);
  (void)head_of(f->other, f->study);
  assert_true(is_told(f->store, fd));
  assert_int_equal(head_of(f->store, f->study), seen + 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, kit_postgres_tear_down)
  const struct CMUnitTest tests[] = {TEST(each_refusal_of_the_server_has_a_remedy),
                                     TEST(a_refusal_that_passes_is_tried_again),
                                     TEST(damage_is_named),
                                     TEST(heads_are_written_again),
                                     TEST(a_log_that_is_shorter_than_it_was_is_corrupt),
                                     TEST(a_study_that_is_gone_is_not_found),
                                     TEST(users_without_rights_are_told_which),
                                     TEST(a_database_of_another_encoding_is_refused),
                                     TEST(durability_is_the_servers_but_never_less_than_the_disk),
                                     TEST(a_study_has_as_many_hyperparameters_as_a_table_columns),
                                     TEST(studies_have_views_and_numbers_of_their_own),
                                     TEST(a_lock_that_is_held_is_waited_for_and_named),
                                     TEST(a_watch_that_cannot_be_made_is_an_error),
                                     TEST(only_news_of_the_study_wake),
                                     TEST(a_watch_outlives_its_connection)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
