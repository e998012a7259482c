#include "store/kit.h"

#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/flaky.h"
#include "store/private_server.h"

void kit_place_init(struct kit_place *p) {
  p->postgres[0] = '\0';
  (void)snprintf(p->dir, sizeof p->dir, "/tmp/clade-store-XXXXXX");
  assert_non_null(mkdtemp(p->dir));
  (void)snprintf(p->address, sizeof p->address, "%s/clade.db", p->dir);
}

void kit_place_done(struct kit_place *p) {
  assert_int_equal(cl_dir_remove(p->dir, NULL), 0);
}

struct cl_store *kit_open(enum kit_kind kind, struct kit_place *p) {
  const struct cl_store_options options = {.mode = CL_STORE_CREATE};
  const struct cl_store_options ahead = {.mode = CL_STORE_CREATE, .beside = true, .ahead_from = 1};
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  int status = -1;
  switch (kind) {
  case KIT_MEMORY: status = cl_store_open("memory:", &options, &s, &e); break;
  case KIT_SQLITE: status = cl_store_open(p->address, &options, &s, &e); break;
  case KIT_SQLITE_AHEAD: status = cl_store_open(p->address, &ahead, &s, &e); break;
  case KIT_POSTGRES:
    if (p->postgres[0] == '\0') private_server_store(p->postgres, sizeof p->postgres);
    status = cl_store_open(p->postgres, &options, &s, &e);
    break;
  case KIT_FLAKY_MEMORY: status = cl_flaky_open(&cl_flaky_memory, "memory:", &options, &s, &e); break;
  case KIT_FLAKY_SQLITE: status = cl_flaky_open(&cl_flaky_sqlite, p->address, &options, &s, &e); break;
  }
  if (status < 0) fail_msg("%s", e.text);
  return s;
}

void kit_postgres_init(struct kit_postgres *p, const char *settings, const char *study, int64_t trials) {
  memset(p, 0, sizeof *p);
  kit_place_init(&p->place);
  if ((settings == NULL ? private_server() : private_server_of(settings)) == NULL) return;
  p->store = kit_open(KIT_POSTGRES, &p->place);
  p->study = kit_create(p->store, study, trials);
}

void kit_postgres_done(struct kit_postgres *p) {
  cl_store_close(p->store);
  cl_store_close(p->other);
  kit_place_done(&p->place);
}

void kit_postgres_need(const struct kit_postgres *p) {
  if (p->store == NULL) skip();
}

int kit_postgres_tear_down(void **state) {
  kit_postgres_done(*state);
  free(*state);
  return 0;
}

struct kit_postgres *kit_postgres_given(void **state) {
  kit_postgres_need(*state);
  return *state;
}

char *kit_postgres_ask(const struct kit_postgres *p, const char *sql) {
  struct cl_text t = {0};
  PGresult *r = private_server_sql(p->place.postgres, sql);
  for (int row = 0; row < PQntuples(r); row++) {
    for (int column = 0; column < PQnfields(r); column++)
      cl_text_format(&t, "%s%s", column == 0 ? "" : " ", PQgetvalue(r, row, column));
    cl_text_add(&t, "\n");
  }
  PQclear(r);
  return cl_text_take(&t);
}

void kit_postgres_do(const struct kit_postgres *p, const char *sql) {
  PQclear(private_server_sql(p->place.postgres, sql));
}

void kit_postgres_cut(const struct kit_postgres *p) {
  kit_postgres_do(p,
                  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'clade'");
}

unsigned long kit_stride(unsigned long usual) {
  return getenv("CLADE_THOROUGH") == NULL ? usual : 1;
}

/* Studies. */

static const char settings_format[] =
    "{\"study\": \"digits\", \"origin\": \"native\", \"cwd\": \"/tmp\", \"program\": [\"./train\"],"
    " \"objectives\": [{\"name\": \"acc\", \"goal\": \"maximize\", \"reduce\": \"last\"},"
    "                  {\"name\": \"cost\", \"goal\": \"minimize\", \"reduce\": \"last\"}],"
    " \"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"scale\": \"log\","
    "                        \"lo\": 1e-300, \"hi\": 1e300},"
    "   {\"id\": 2, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\", null, true]},"
    "   {\"id\": 3, \"name\": \"n\", \"domain\": \"int\", \"lo\": 1, \"hi\": 9007199254740991, \"step\": 1}],"
    " \"search\": {\"method\": \"random\"}, \"trials\": %lld, \"parallel\": 2,"
    " \"limits\": {\"retries\": 1, \"max_failures\": 5}}";

struct cl_event kit_created(const char *name, int64_t trials) {
  static char settings[2000], uuid[100];
  (void)snprintf(settings, sizeof settings, settings_format, (long long)trials);
  (void)snprintf(uuid, sizeof uuid, "uuid-of-%.80s", name);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = name;
  ev.u.created.uuid = uuid;
  ev.u.created.settings = settings;
  ev.u.created.spec = "study: digits\n";
  ev.u.created.directory = "/tmp/x.d";
  ev.u.created.seed = INT64_MIN;
  ev.u.created.provenance = "{\"created_ms\": 1234567}";
  return ev;
}

int64_t kit_create(struct cl_store *s, const char *name, int64_t trials) {
  struct cl_event ev = kit_created(name, trials);
  struct cl_err e = {0};
  int64_t study = 0;
  int status = CLADE_EIO;
  /* A flaky store may have created it although it said that it failed. */
  for (int i = 0; i < 100 && (status == CLADE_EIO || status == CLADE_EEXISTS); i++) {
    status = cl_store_create(s, &ev, &study, &e);
    if (status == CLADE_EEXISTS) status = cl_store_find(s, name, &study, &e);
  }
  if (status < 0) fail_msg("%s", e.text);
  return study;
}

/* Events. */

struct cl_event kit_event(enum cl_kind kind, int64_t trial) {
  struct cl_event ev = {.kind = kind, .subject = trial, .time_ms = 2385 + trial, .by = 1};
  if (cl_kind_flags(kind) & CL_D) ev.cause = CL_CAUSE_HUMAN;
  if (kind == CL_EVENT_CONTINUED) ev.u.continued.until = CL_NO_STEP;
  if (kind == CL_EVENT_SET) ev.u.set.until = CL_NO_STEP;
  if (kind == CL_EVENT_EXPLOITED) ev.u.exploited.until = CL_NO_STEP;
  return ev;
}

struct cl_event kit_proposed(int64_t trial, const struct cl_assigned *values, int n) {
  struct cl_event ev = kit_event(CL_EVENT_PROPOSED, trial);
  ev.cause = CL_CAUSE_SEARCH;
  ev.u.proposed.role = CL_ROLE_SEARCH;
  ev.u.proposed.space_version = 1;
  ev.u.proposed.values = (struct cl_assigned_list){n, values};
  return ev;
}

struct cl_event kit_started(int64_t trial, int attempt, int64_t seen) {
  struct cl_event ev = kit_event(CL_EVENT_STARTED, trial);
  ev.cause = CL_CAUSE_CLAIM;
  ev.attempt = attempt;
  ev.seen = seen;
  ev.u.started.worker = 1;
  ev.u.started.until = CL_NO_STEP;
  return ev;
}

struct cl_event kit_reported(int64_t trial, int attempt, int64_t ordinal, double step,
                             struct cl_metric *metrics, int n) {
  struct cl_event ev = kit_event(CL_EVENT_REPORTED, trial);
  ev.attempt = attempt;
  ev.u.reported.ordinal = ordinal;
  ev.u.reported.step = step;
  ev.u.reported.metrics = (struct cl_metric_list){n, metrics};
  return ev;
}

struct cl_event kit_ended(int64_t trial, int attempt, int status, const double *objectives, int n) {
  struct cl_event ev = kit_event(CL_EVENT_ENDED, trial);
  ev.attempt = attempt;
  ev.u.ended.status = status;
  ev.u.ended.known = true;
  ev.u.ended.objectives = (struct cl_number_list){n, objectives};
  return ev;
}

struct cl_event kit_saved(int64_t trial, int attempt, double step) {
  struct cl_event ev = kit_event(CL_EVENT_SAVED, trial);
  ev.attempt = attempt;
  ev.u.saved.step = step;
  ev.u.saved.way = CL_WAY_DIRECTORY;
  ev.u.saved.bytes = 23850;
  ev.u.saved.hash = "b3:0123";
  ev.u.saved.path = "1/checkpoints/1-12";
  ev.u.saved.host = "here";
  return ev;
}

/* Appending to a store that does not fail. */

int kit_append(struct cl_store *s, int64_t study, struct cl_event ev, int64_t *ret_position) {
  struct cl_append result;
  struct cl_err e = {0};
  int status = cl_store_append(s, study, &ev, 1, &result, &e);
  if (status < 0) return status;
  if (ret_position != NULL) *ret_position = result.position;
  return result.status;
}

int64_t kit_appended(struct cl_store *s, int64_t study, struct cl_event ev) {
  struct cl_append result = {0};
  struct cl_err e = {0};
  int status = cl_store_append(s, study, &ev, 1, &result, &e);
  if (status < 0 || result.status != 0) fail_msg("'%s': %s", cl_kind_name(ev.kind), e.text);
  return result.position;
}

int64_t kit_version(struct cl_store *s, int64_t study, int64_t trial) {
  struct cl_study_head head = {0};
  struct cl_head h = {0};
  assert_int_equal(cl_store_head(s, study, &head, NULL), 0);
  if (trial == 0) return head.version;
  assert_int_equal(cl_store_trial_head(s, study, trial, &h, NULL), 0);
  return h.version;
}

int64_t kit_finish_trial(struct cl_store *s, int64_t study, double value) {
  struct cl_study_head head = {0};
  assert_int_equal(cl_store_head(s, study, &head, NULL), 0);
  int64_t trial = head.trials + 1;
  const struct cl_assigned values[] = {{1, cl_value_real(value * 0.1)}};
  const double objectives[] = {value, 1 - value};
  int64_t version = kit_appended(s, study, kit_proposed(trial, values, 1));
  kit_appended(s, study, kit_started(trial, 1, version));
  kit_appended(s, study, kit_ended(trial, 1, 0, objectives, 2));
  return trial;
}

/* Reading. */

int kit_collect(void *ctx, const struct cl_event *ev) {
  struct kit_events *e = ctx;
  if (cl_grow(&e->items, &e->cap, e->n + 1, sizeof *e->items) < 0) return CLADE_ENOMEM;
  e->items[e->n] = cl_event_copy(ev);
  if (e->items[e->n] == NULL) return CLADE_ENOMEM;
  e->n++;
  return 0;
}

void kit_read(struct cl_store *s, int64_t study, const struct cl_read *what, struct kit_events *ret) {
  static const struct cl_read all = {0};
  struct cl_err e = {0};
  *ret = (struct kit_events){0};
  if (cl_store_read(s, study, what == NULL ? &all : what, kit_collect, ret, &e) < 0) fail_msg("%s", e.text);
}

void kit_events_done(struct kit_events *e) {
  for (size_t i = 0; i < e->n; i++) cl_free(e->items[i]);
  cl_free(e->items);
  *e = (struct kit_events){0};
}

void kit_print(const struct cl_event *ev) {
  struct cl_text text = {0};
  cl_event_write_json(ev, &text);
  print_message("# %.300s\n", cl_text_get(&text));
  cl_text_done(&text);
}

/* Sessions. */

static void listen(void *ctx, const struct cl_event *ev) {
  struct kit_session *k = ctx;
  if (k->seen.n > 0) assert_int_equal(ev->position, k->seen.items[k->seen.n - 1]->position + 1);
  assert_int_equal(kit_collect(&k->seen, ev), 0);
}

void kit_session_open(struct kit_session *k, struct cl_store *s, int64_t study) {
  *k = (struct kit_session){0};
  struct cl_err e = {0};
  int status = CLADE_EIO;
  for (int i = 0; i < 1000 && status == CLADE_EIO; i++) status = cl_log_open(s, study, NULL, &k->log, &e);
  if (status < 0) fail_msg("%s", e.text);
  assert_int_equal(cl_log_listen(k->log, listen, k, NULL), 0);
}

void kit_session_close(struct kit_session *k) {
  cl_log_close(k->log);
  kit_events_done(&k->seen);
}

void kit_follow(struct kit_session *k) {
  struct cl_err e = {0};
  int status = CLADE_EIO;
  for (int i = 0; i < 1000 && status == CLADE_EIO; i++) status = cl_log_follow(k->log, NULL, &e);
  if (status < 0) fail_msg("%s", e.text);
}

/* Until the log has been read as far as the store has it, however late the store shows it. */
static void catch_up(struct kit_session *k) {
  struct cl_study_head head;
  int status = CLADE_EIO;
  for (int i = 0; i < 1000 && status == CLADE_EIO; i++)
    status = cl_store_head(cl_log_store(k->log), cl_log_id(k->log), &head, NULL);
  assert_int_equal(status, 0);
  for (int i = 0; i < 1000 && cl_log_position(k->log) < head.position; i++) kit_follow(k);
  assert_true(cl_log_position(k->log) >= head.position);
}

/* The same event but for what the append fills in. */
static bool came_through(const struct kit_session *k, size_t from, const struct cl_event *ev,
                         int64_t *ret_position) {
  for (size_t i = from; i < k->seen.n; i++) {
    struct cl_event other = *k->seen.items[i];
    if (other.kind != ev->kind || other.subject != ev->subject || other.attempt != ev->attempt ||
        other.seen != ev->seen || other.by != ev->by)
      continue;
    *ret_position = other.position;
    return true;
  }
  return false;
}

int kit_say(struct kit_session *k, struct cl_event ev, int64_t *ret_position) {
  int64_t position = 0;
  if (ret_position == NULL) ret_position = &position;
  for (int i = 0; i < 1000; i++) {
    struct cl_append result = {0};
    struct cl_err e = {0};
    size_t from = k->seen.n;
    int status = cl_log_append(k->log, &ev, &result, &e);
    if (status == 0) {
      *ret_position = result.position;
      return result.status == CLADE_REPEATED && i > 0 ? 0 : result.status;
    }
    if (status != CLADE_EIO) {
      print_message("# '%s': %s\n", cl_kind_name(ev.kind), e.text);
      return status;
    }
    catch_up(k);
    bool has_identity = ev.kind >= CL_EVENT_CONNECTED;
    if (!has_identity && came_through(k, from, &ev, ret_position)) return 0;
  }
  fail_msg("'%s' never came through", cl_kind_name(ev.kind));
  return CLADE_EIO;
}

int64_t kit_said(struct kit_session *k, struct cl_event ev) {
  int64_t position = 0;
  int status = kit_say(k, ev, &position);
  if (status != 0) fail_msg("'%s' was not appended: %s", cl_kind_name(ev.kind), clade_error_name(status));
  return position;
}

static void print_trial(const struct cl_log *log, int64_t n) {
  const struct cl_trial *t = cl_study_trial(cl_log_study(log), n);
  if (t == NULL) return;
  const struct cl_head *h = &t->head;
  print_message(
      "# trial %d: %s v%d waiting %d load %d attempt %d worker %d flags %d reports %d step %g until %g "
      "value %g record %d tries %d failures %d exit %d\n",
      (int)n, cl_state_name(h->state), (int)h->version, (int)h->waiting, (int)h->load, h->attempt, h->worker,
      h->flags, (int)h->reports, h->step, h->until, t->value, (int)t->record, h->tries, h->failures,
      t->exit_status);
}

void kit_assert_same(struct cl_log *a, struct cl_log *b) {
  uint64_t x = 0, y = 1;
  assert_int_equal(cl_log_position(a), cl_log_position(b));
  assert_int_equal(cl_study_digest(cl_log_study(a), &x, NULL), 0);
  assert_int_equal(cl_study_digest(cl_log_study(b), &y, NULL), 0);
  for (int64_t n = 1; x != y && n <= cl_study_trials(cl_log_study(a)); n++) {
    print_trial(a, n);
    print_trial(b, n);
  }
  if (x != y)
    print_message("# best %d %d\n", (int)cl_study_best(cl_log_study(a)), (int)cl_study_best(cl_log_study(b)));
  assert_true(x == y);
}

/* A life. */

static int open_store(const char *address, struct cl_store **ret, struct cl_err *e) {
  const struct cl_store_options options = {.mode = CL_STORE_CREATE};
  return cl_store_open(address, &options, ret, e);
}

static int append(struct cl_store *s, int64_t study, struct cl_event *events, int n, struct cl_err *e) {
  struct cl_append results[8];
  int status = cl_store_append(s, study, events, n, results, e);
  for (int i = 0; status == 0 && i < n; i++) status = results[i].status;
  return status;
}

/* One trial with a metric of its own name, a change and a snapshot. */
static int append_trial(struct cl_store *s, int64_t study, int64_t trial, struct cl_err *e) {
  char name[40];
  (void)snprintf(name, sizeof name, "metric %lld", (long long)trial);
  struct cl_metric m[] = {{0, "acc", 0.5}, {0, name, 0.25}};
  static const double objectives[] = {0.5, 0.125};
  const struct cl_assigned values[] = {{1, cl_value_real(0.385)}, {2, cl_value_text("sgd")}};
  struct cl_event set = kit_event(CL_EVENT_SET, trial), note = kit_event(CL_EVENT_NOTE, trial);
  set.seen = CL_SEEN_BATCH;
  set.u.set.values = (struct cl_assigned_list){2, values};
  note.u.note.text = "seen";
  struct cl_event events[] = {kit_proposed(trial, values, 2),
                              kit_started(trial, 1, CL_SEEN_BATCH),
                              set,
                              kit_reported(trial, 1, 1, 1.5, m, 2),
                              kit_saved(trial, 1, 1.5),
                              note,
                              kit_ended(trial, 1, 0, objectives, 2)};
  return append(s, study, events, 7, e);
}

static int count(void *ctx, const struct cl_event *ev) {
  (void)ev;
  ++*(int *)ctx;
  return 0;
}

/* What was told is told again, and taken as such. */
static int repeat(struct cl_store *s, int64_t study, int64_t trial, struct cl_err *e) {
  struct cl_metric m[] = {{0, "acc", 0.5}};
  struct cl_append results[3];
  struct cl_event events[] = {kit_reported(trial, 1, 1, 1.5, m, 1), kit_saved(trial, 1, 1.5),
                              kit_ended(trial, 1, 0, (double[]){0.5, 0.125}, 2)};
  int status = cl_store_append(s, study, events, 3, results, e);
  for (int i = 0; i < 3 && status == 0; i++)
    if (results[i].status != CLADE_REPEATED || results[i].position == 0)
      status = CL_FAIL(e, CLADE_ECORRUPT, "'%s' was not recognised", cl_kind_name(events[i].kind));
  return status;
}

static int count_metric(void *ctx, int id, const char *name) {
  (void)name;
  *(int *)ctx = id;
  return 0;
}

static int hold_lease(struct cl_store *s, int64_t study, struct cl_err *e) {
  struct cl_lease lease = {0};
  int status = cl_store_lease_get(s, study, &lease, e);
  if (status == 0)
    status = cl_store_lease_take(s, study, "here:2385:1", lease.generation, lease.beat, &lease, e);
  if (status == 0) status = cl_store_lease_beat(s, study, &lease, e);
  if (status == 0) status = cl_store_lease_release(s, study, &lease, e);
  return status;
}

static int have_turn(struct cl_store *s, int64_t study, struct cl_err *e) {
  int status = cl_store_queue(s, study, 1000, e);
  if (status == 0) cl_store_leave(s, study);
  return status;
}

static int look_around(struct cl_store *s, int64_t study, struct cl_err *e) {
  static const struct cl_read some = {.trial_lo = 1, .trial_hi = 2}, few = {.skip_known_reports = true},
                              notes = {.only_notes = true};
  int n = 0, fd = -1, status = cl_store_read(s, study, &some, count, &n, e);
  if (status == 0) status = cl_store_read(s, study, &few, count, &n, e);
  if (status == 0) status = cl_store_read(s, study, &notes, count, &n, e);
  if (status == 0) status = cl_store_read_reports(s, study, 1, count, &n, e);
  if (status == 0) status = cl_store_metrics(s, study, count_metric, &n, e);
  if (status == 0) status = cl_store_watch(s, &fd, e);
  cl_store_watch_drain(s);
  return status == 0 ? cl_store_check(s, study, e) : status;
}

int kit_live_in(struct cl_store *s, const char *name, struct cl_err *e) {
  struct cl_log *log = NULL;
  struct cl_event created = kit_created(name, 1000000);
  int64_t study = 0;
  struct cl_study_head head = {0};
  int status = cl_store_find(s, name, &study, e);
  if (status == CLADE_ENOTFOUND) status = cl_store_create(s, &created, &study, e);
  if (status == 0) status = cl_log_open(s, study, NULL, &log, e);
  if (status == 0) status = cl_store_head(s, study, &head, e);
  if (status == 0) status = append_trial(s, study, head.trials + 1, e);
  if (status == 0) status = have_turn(s, study, e);
  if (status == 0) status = append_trial(s, study, head.trials + 2, e);
  if (status == 0) status = cl_log_follow(log, NULL, e);
  struct cl_event note = kit_event(CL_EVENT_NOTE, 0);
  struct cl_append result = {0};
  if (status == 0) status = cl_log_append(log, &note, &result, e);
  if (status == 0) status = repeat(s, study, head.trials + 1, e);
  if (status == 0) status = hold_lease(s, study, e);
  if (status == 0) status = look_around(s, study, e);
  cl_log_close(log);
  return status;
}

int kit_live(const char *address, const char *name, struct cl_err *e) {
  struct cl_store *s = NULL;
  int status = open_store(address, &s, e);
  if (status == 0) status = kit_live_in(s, name, e);
  cl_store_close(s);
  return status;
}

void kit_assert_whole(const char *address, const char *name) {
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  int64_t study = 0;
  if (open_store(address, &s, &e) < 0) fail_msg("%s", e.text);
  if (cl_store_find(s, name, &study, &e) == 0 && cl_store_check(s, study, &e) < 0) fail_msg("%s", e.text);
  cl_store_close(s);
}
