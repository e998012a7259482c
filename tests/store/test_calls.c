/* Every call of SQLite, and of libpq, fails once, at every place of a life in which a store is asked for all
 * that it can do: either nobody notices, or there is an error with a sentence; the log stays whole, and the
 * next life finds the store as it should be. */
#include "store/kit.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/postgres_impl.h"
#include "store/private_server.h"
#include "store/transfer.h"

/* The call that fails. */

static const char *armed; /* null = none */
static unsigned long pending;
static bool happened;

static bool fails(const char *name) {
  if (armed == NULL || happened || strcmp(armed, name) != 0 || --pending > 0) return false;
  happened = true;
  return true;
}

static void arm(const char *name, unsigned long nth) {
  armed = name;
  pending = nth;
  happened = false;
}

int __real_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int n, unsigned flags, sqlite3_stmt **ret,
                              const char **tail);
int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int n, unsigned flags, sqlite3_stmt **ret,
                              const char **tail);
int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int n, unsigned flags, sqlite3_stmt **ret,
                              const char **tail) {
  return fails("prepare") ? SQLITE_NOMEM : __real_sqlite3_prepare_v3(db, sql, n, flags, ret, tail);
}

int __real_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement) {
  return fails("step") ? SQLITE_IOERR : __real_sqlite3_step(statement);
}

int __real_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx,
                        char **why);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx,
                        char **why);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx,
                        char **why) {
  bool undoes = strcmp(sql, "ROLLBACK") == 0; /* which needs nothing */
  return !undoes && fails("exec") ? SQLITE_FULL : __real_sqlite3_exec(db, sql, row, ctx, why);
}

/* A disk that is mounted read-only. */
int __real_access(const char *path, int how);
int __wrap_access(const char *path, int how);
int __wrap_access(const char *path, int how) {
  if (how != W_OK || !fails("access")) return __real_access(path, how);
  errno = EROFS;
  return -1;
}

/* A watch that the system does not give. */

static int watch_cause;

int __real_inotify_init1(int flags);
int __wrap_inotify_init1(int flags);
int __wrap_inotify_init1(int flags) {
  if (!fails("inotify_init1")) return __real_inotify_init1(flags);
  errno = watch_cause;
  return -1;
}

int __real_inotify_add_watch(int fd, const char *path, unsigned mask);
int __wrap_inotify_add_watch(int fd, const char *path, unsigned mask);
int __wrap_inotify_add_watch(int fd, const char *path, unsigned mask) {
  if (!fails("inotify_add_watch")) return __real_inotify_add_watch(fd, path, mask);
  errno = watch_cause;
  return -1;
}

/* libpq says that it has no memory, or that the connection is gone; who hears it closes the connection. */

static struct cl_libpq libpq;

static int fail_prepare(PGconn *c, const char *name, const char *sql, int n, const Oid *types) {
  return fails("PQsendPrepare") ? 0 : libpq.PQsendPrepare(c, name, sql, n, types);
}

static int fail_params(PGconn *c, const char *sql, int n, const Oid *types, const char *const *values,
                       const int *lengths, const int *formats, int format) {
  return fails("PQsendQueryParams")
             ? 0
             : libpq.PQsendQueryParams(c, sql, n, types, values, lengths, formats, format);
}

static int fail_prepared(PGconn *c, const char *name, int n, const char *const *values, const int *lengths,
                         const int *formats, int format) {
  return fails("PQsendQueryPrepared")
             ? 0
             : libpq.PQsendQueryPrepared(c, name, n, values, lengths, formats, format);
}

static int fail_sync(PGconn *c) {
  return fails("PQpipelineSync") ? 0 : libpq.PQpipelineSync(c);
}

static PGresult *fail_result(PGconn *c) {
  return fails("PQgetResult") ? NULL : libpq.PQgetResult(c);
}

static int fail_enter(PGconn *c) {
  return fails("PQenterPipelineMode") ? 0 : libpq.PQenterPipelineMode(c);
}

static int fail_input(PGconn *c) {
  return fails("PQconsumeInput") ? 0 : libpq.PQconsumeInput(c);
}

int __real_cl_libpq_load(struct cl_libpq *pq, struct cl_err *e);
int __wrap_cl_libpq_load(struct cl_libpq *pq, struct cl_err *e);
int __wrap_cl_libpq_load(struct cl_libpq *pq, struct cl_err *e) {
  int status = __real_cl_libpq_load(pq, e);
  if (status < 0) return status;
  libpq = *pq;
  pq->PQsendPrepare = fail_prepare;
  pq->PQsendQueryParams = fail_params;
  pq->PQsendQueryPrepared = fail_prepared;
  pq->PQpipelineSync = fail_sync;
  pq->PQgetResult = fail_result;
  pq->PQenterPipelineMode = fail_enter;
  pq->PQconsumeInput = fail_input;
  return 0;
}

static void *no_symbol(const char *name) {
  return fails(name) ? (void *)1 : NULL;
}

void *__real_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name) {
  return no_symbol("dlsym") != NULL ? NULL : __real_dlsym(handle, name);
}

void *__real_dlopen(const char *path, int flags);
void *__wrap_dlopen(const char *path, int flags);
void *__wrap_dlopen(const char *path, int flags) {
  return no_symbol("dlopen") != NULL ? NULL : __real_dlopen(path, flags);
}

/* A life. */

static const char more_settings[] =
    "{\"trials\": 1000001, \"hyperparameters\": ["
    "{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0.1, \"hi\": 1.5},"
    "{\"id\": 2, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [1, \"sgd\"]},"
    "{\"id\": 9, \"name\": \"more\", \"domain\": \"int\", \"lo\": 1, \"hi\": 5, \"step\": 1}]}";

/* All of a turn; which of them are refused does not matter here. */
static int append(struct cl_store *s, int64_t study, struct cl_event *events, int n,
                  struct cl_append *results, struct cl_err *e) {
  memset(results, 0, (size_t)n * sizeof *results);
  return cl_store_append(s, study, events, n, results, e);
}

static int append_facts(struct cl_store *s, int64_t study, int64_t trial, struct cl_err *e) {
  struct cl_metric one[] = {{0, "acc", 0.385}};
  const struct cl_assigned odd[] = {{1, cl_value_text("x")}, {2, cl_value_int(1)}};
  struct cl_append results[9];
  struct cl_event connected = kit_event(CL_EVENT_CONNECTED, trial), set = kit_event(CL_EVENT_SET, trial);
  connected.attempt = 1;
  connected.u.connected.protocol = 1;
  connected.u.connected.capabilities = "save load";
  set.seen = CL_SEEN_BATCH;
  set.u.set.values = (struct cl_assigned_list){2, odd};
  struct cl_event first[] = {kit_proposed(trial, odd, 2),
                             kit_started(trial, 1, CL_SEEN_BATCH),
                             connected,
                             set,
                             kit_reported(trial, 1, 1, 1, one, 1),
                             kit_saved(trial, 1, 1),
                             kit_saved(trial, 1, 1)};
  int status = append(s, study, first, 7, results, e);
  struct cl_event loaded = kit_event(CL_EVENT_LOADED, trial), deleted = kit_event(CL_EVENT_DELETED, trial),
                  checkpoint = kit_event(CL_EVENT_CHECKPOINT_ASKED, trial);
  loaded.attempt = 1;
  loaded.u.loaded.change = results[3].position;
  loaded.u.loaded.snapshot = deleted.u.deleted.snapshot = results[5].position;
  deleted.seen = CL_SEEN_BATCH;
  checkpoint.seen = results[3].position;
  struct cl_event second[] = {loaded,
                              loaded,
                              checkpoint,
                              deleted,
                              kit_ended(trial, 1, 0, (double[]){0.5, 0.25}, 2),
                              kit_reported(trial, 1, 2, 2, one, 1),
                              kit_reported(trial, 1, 2, 2, one, 1),
                              connected,
                              kit_ended(trial, 1, 0, (double[]){0.5, 0.25}, 2)};
  return status < 0 ? status : append(s, study, second, 9, results, e);
}

static int see(void *ctx, const struct cl_event *ev) {
  *(int64_t *)ctx += ev->position;
  return 0;
}

static int see_study(void *ctx, const struct cl_study_row *row) {
  *(int64_t *)ctx += row->id;
  return 0;
}

static int look_everywhere(struct cl_store *s, int64_t study, struct cl_err *e) {
  static const struct cl_read reads[] = {{.skip_known_reports = true},
                                         {.trial_lo = 1, .trial_hi = 2, .skip_known_reports = true},
                                         {.trial_lo = 1, .trial_hi = 1, .only_trials = true},
                                         {.after = 3, .until = 9},
                                         {.only_trials = true},
                                         {.trial_lo = 2, .trial_hi = 2, .only_notes = true}};
  int64_t sum = 0;
  struct cl_head head;
  for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
    CL_TRY(cl_store_read(s, study, &reads[i], see, &sum, e));
  CL_TRY(cl_store_studies(s, see_study, &sum, e));
  return cl_store_trial_head(s, study, 1, &head, e);
}

static int swallow(void *ctx, const char *bytes, size_t n, struct cl_err *e) {
  (void)bytes, (void)e;
  *(size_t *)ctx += n;
  return 0;
}

/* A study of its own, made and deleted. */
static int make_and_delete(struct cl_store *s, const char *name, struct cl_err *e) {
  char other[60];
  size_t bytes = 0;
  int64_t study = 0, n = 0;
  (void)snprintf(other, sizeof other, "%s, for a moment", name);
  struct cl_event created = kit_created(other, 9);
  int status = cl_store_find(s, other, &study, e);
  if (status == CLADE_ENOTFOUND) status = cl_store_create(s, &created, &study, e);
  CL_TRY(status);
  CL_TRY(cl_store_export(s, study, swallow, &bytes, &n, e));
  return cl_store_delete(s, study, e);
}

static int live(const char *address, const char *name, struct cl_err *e) {
  const struct cl_store_options options = {.mode = CL_STORE_CREATE};
  struct cl_store *s = NULL;
  struct cl_study_head head = {0};
  struct cl_event created = kit_created(name, 1000000), updated = kit_event(CL_EVENT_UPDATED, 0);
  struct cl_append result;
  int64_t study = 0;
  int status = cl_store_open(address, &options, &s, e);
  if (status < 0) return status;
  status = cl_store_find(s, name, &study, e);
  if (status == CLADE_ENOTFOUND) status = cl_store_create(s, &created, &study, e);
  if (status == 0) status = cl_store_head(s, study, &head, e);
  if (status == 0) status = append_facts(s, study, head.trials + 1, e);
  updated.seen = head.version;
  updated.u.updated.settings = more_settings;
  updated.u.updated.space_version = head.space_version + 1;
  if (status == 0) status = append(s, study, &updated, 1, &result, e);
  if (status == 0) status = append_facts(s, study, head.trials + 2, e);
  if (status == 0) status = look_everywhere(s, study, e);
  if (status == 0) status = make_and_delete(s, name, e);
  cl_store_close(s);
  return status == 0 ? kit_live(address, name, e) : status;
}

enum { LIVES_PER_STUDY = 3, ROUNDS_MAX = 20000 };

static void fail_each(const char *address, const char *call, unsigned long step) {
  unsigned long n = 1, lives = 0, failed = 0;
  for (bool again = true; again && n < ROUNDS_MAX; n += step, lives++) {
    char name[40];
    struct cl_err e = {0};
    (void)snprintf(name, sizeof name, "%s %lu", call, lives / LIVES_PER_STUDY);
    arm(call, n);
    int status = live(address, name, &e);
    again = happened;
    arm(NULL, 0);
    if (status < 0 && !again) fail_msg("%s %lu: %s", call, n, e.text);
    if (status < 0) assert_true(e.text[0] != '\0');
    failed += status < 0;
    kit_assert_whole(address, name);
  }
  print_message("# %s: %lu rounds, %lu failed\n", call, lives, failed);
}

static void sqlite_survives_each_call_that_fails(void **state) {
  (void)state;
  struct kit_place p;
  kit_place_init(&p);
  fail_each(p.address, "prepare", kit_stride(7));
  fail_each(p.address, "step", kit_stride(31));
  fail_each(p.address, "exec", kit_stride(7));
  kit_place_done(&p);
}

static void a_store_on_a_read_only_disk_is_read_if_it_is_whole(void **state) {
  (void)state;
  const struct cl_store_options reading = {.mode = CL_STORE_READ};
  struct kit_place p;
  char odd[300];
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  struct cl_study_head head = {0};
  int64_t study = 0;
  kit_place_init(&p);
  (void)snprintf(odd, sizeof odd, "%s/50%%, what? #1.db", p.dir);
  if (kit_live(odd, "digits", &e) < 0) fail_msg("%s", e.text);
  arm("access", 1);
  if (cl_store_open(odd, &reading, &s, &e) < 0) fail_msg("%s", e.text);
  assert_true(happened);
  assert_int_equal(cl_store_find(s, "digits", &study, &e), 0);
  assert_int_equal(cl_store_head(s, study, &head, &e), 0);
  assert_int_equal(head.trials, 2);
  cl_store_close(s);
  struct cl_store *writer = kit_open(KIT_SQLITE, &p); /* what it has written last stands beside the store */
  (void)kit_create(writer, "digits", 9);
  arm("access", 1);
  assert_int_equal(cl_store_open(p.address, &reading, &s, &e), CLADE_EIO);
  assert_non_null(strstr(e.text, "is on a read-only disk, and its newest events are still in"));
  arm(NULL, 0);
  cl_store_close(writer);
  kit_place_done(&p);
}

/* Where others have all watches there are, who waits looks now and then; anything else is an error. */
static void a_watch_that_is_not_given_is_done_without(void **state) {
  (void)state;
  static const char *const calls[] = {"inotify_init1", "inotify_add_watch"};
  static const struct {
    int cause, status;
  } cases[] = {{EMFILE, 0}, {ENFILE, 0}, {ENOSPC, 0}, {ENOMEM, 0}, {EACCES, CLADE_EIO}};
  struct kit_place p;
  kit_place_init(&p);
  struct cl_store *s = kit_open(KIT_SQLITE, &p);
  for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
    struct cl_err e = {0};
    int fd = 2385;
    watch_cause = cases[i / 2].cause;
    arm(calls[i % 2], 1);
    int status = cl_store_watch(s, &fd, &e);
    assert_true(happened);
    assert_int_equal(status, cases[i / 2].status);
    assert_int_equal(fd, status == 0 ? -1 : 2385);
    if (status < 0) assert_non_null(strstr(e.text, "cannot watch the store"));
    (void)cl_store_watch_drain(s);
  }
  arm(NULL, 0);
  int fd = -1, again = -2;
  assert_int_equal(cl_store_watch(s, &fd, NULL), 0);
  assert_true(fd >= 0);
  assert_int_equal(cl_store_watch(s, &again, NULL), 0);
  assert_int_equal(again, fd);
  cl_store_close(s);
  kit_place_done(&p);
}

static void postgres_survives_each_call_that_fails(void **state) {
  (void)state;
  static const struct {
    const char *name;
    unsigned long stride;
  } calls[] = {{"PQsendPrepare", 11},  {"PQsendQueryParams", 7},   {"PQsendQueryPrepared", 17},
               {"PQpipelineSync", 13}, {"PQenterPipelineMode", 1}, {"PQgetResult", 83},
               {"PQconsumeInput", 1}};
  struct kit_place p;
  if (private_server() == NULL) skip();
  kit_place_init(&p);
  cl_store_close(kit_open(KIT_POSTGRES, &p));
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    fail_each(p.postgres, calls[i].name, kit_stride(calls[i].stride));
  kit_place_done(&p);
}

static void without_libpq_the_sentence_says_what_to_install(void **state) {
  (void)state;
  static const char *const calls[] = {"dlopen", "dlsym"}, *const parts[] = {"libpq5", "libpq is too old"};
  const struct cl_store_options options = {.mode = CL_STORE_CREATE};
  for (size_t i = 0; i < 2; i++) {
    struct cl_store *s = NULL;
    struct cl_err e = {0};
    arm(calls[i], 1);
    int status = cl_store_open("postgresql://127.0.0.1:1/clade", &options, &s, &e);
    arm(NULL, 0);
    assert_int_equal(status, CLADE_EUNSUPPORTED);
    assert_non_null(strstr(e.text, parts[i]));
  }
}

/* A pattern of names chooses among the tests. */
int main(int argc, char **argv) {
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {cmocka_unit_test(without_libpq_the_sentence_says_what_to_install),
                                     cmocka_unit_test(a_store_on_a_read_only_disk_is_read_if_it_is_whole),
                                     cmocka_unit_test(a_watch_that_is_not_given_is_done_without),
                                     cmocka_unit_test(sqlite_survives_each_call_that_fails),
                                     cmocka_unit_test(postgres_survives_each_call_that_fails)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
