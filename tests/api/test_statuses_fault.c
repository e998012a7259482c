/* Statuses of public functions that only a fault, or somebody who is always faster, brings about. */
#include "sql_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "clade/command.h"
#include "clade/query.h"
#include "clade/run.h"
#include "clade/store.h"
#include "clade/text.h"
#include "fault/alloc.h"
#include "store/log.h"

struct fixture {
  struct kit_place place;
  struct clade_study *study;
};

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  kit_make(&f->place);
  f->study = kit_create(&(struct clade_study_options){.store = f->place.store, .trials = 9});
  clade_trial_drop(kit_ask(f->study));
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  clade_study_close(f->study);
  kit_remove(&f->place);
  free(f);
  return 0;
}

/* Functions that the linker puts in place of others (meson.build). */

static bool undeletable, unversioned, uninstalled, mounted;
static const char *rival; /* the store in which somebody else decides first */

int __real_unlinkat(int at, const char *name, int flags);
int __wrap_unlinkat(int at, const char *name, int flags);
int __wrap_unlinkat(int at, const char *name, int flags) {
  errno = EBUSY;
  return undeletable ? -1 : __real_unlinkat(at, name, flags);
}

int __real_glob64(const char *pattern, int flags, int (*on_error)(const char *, int), glob64_t *ret);
int __wrap_glob64(const char *pattern, int flags, int (*on_error)(const char *, int), glob64_t *ret);
int __wrap_glob64(const char *pattern, int flags, int (*on_error)(const char *, int), glob64_t *ret) {
  return uninstalled ? GLOB_NOMATCH : __real_glob64(pattern, flags, on_error, ret);
}

/* Every file system is one of a network. */
int __real_statfs64(const char *path, struct statfs64 *ret);
int __wrap_statfs64(const char *path, struct statfs64 *ret);
int __wrap_statfs64(const char *path, struct statfs64 *ret) {
  int status = __real_statfs64(path, ret);
  if (mounted) ret->f_type = 0x6969;
  return status;
}

/* A study that has always changed when it is looked at again. */
int __real_cl_store_head(struct cl_store *s, int64_t study, struct cl_study_head *ret, struct cl_err *e);
int __wrap_cl_store_head(struct cl_store *s, int64_t study, struct cl_study_head *ret, struct cl_err *e);
int __wrap_cl_store_head(struct cl_store *s, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  int status = __real_cl_store_head(s, study, ret, e);
  if (unversioned) ret->version++;
  return status;
}

static void decide_first(void) {
  const struct cl_store_options options = {.mode = CL_STORE_WRITE};
  struct cl_store *s = NULL;
  struct cl_head head;
  struct cl_append result;
  struct cl_event ev = {.kind = CL_EVENT_CHECKPOINT_ASKED, .cause = CL_CAUSE_HUMAN, .subject = 1};
  assert_int_equal(cl_store_open(rival, &options, &s, NULL), 0);
  assert_int_equal(cl_store_trial_head(s, 1, 1, &head, NULL), 0);
  ev.seen = head.version;
  assert_int_equal(cl_store_append(s, 1, &ev, 1, &result, NULL), 0);
  assert_int_equal(result.status, 0);
  cl_store_close(s);
}

/* Somebody decides after each of so many reads. */
static int overtakings;

int __real_cl_store_read(struct cl_store *s, int64_t study, const struct cl_read *what,
                         int (*visit)(void *ctx, const struct cl_event *ev), void *ctx, struct cl_err *e);
int __wrap_cl_store_read(struct cl_store *s, int64_t study, const struct cl_read *what,
                         int (*visit)(void *ctx, const struct cl_event *ev), void *ctx, struct cl_err *e);
int __wrap_cl_store_read(struct cl_store *s, int64_t study, const struct cl_read *what,
                         int (*visit)(void *ctx, const struct cl_event *ev), void *ctx, struct cl_err *e) {
  int status = __real_cl_store_read(s, study, what, visit, ctx, e);
  if (overtakings > 0) {
    overtakings--;
    decide_first();
  }
  return status;
}

static void a_store_on_a_network_file_system_is_refused(void **state) {
  const struct fixture *f = *state;
  struct clade_store *store = NULL;
  struct clade_study *study = NULL;
  struct clade_space *space = clade_space_create();
  clade_space_add_float(space, "lr", 0.1, 1, "log");
  const struct clade_study_options o = {
      .store = f->place.store, .name = "t", .space = space, .maximize = "acc"};
  mounted = true;
  kit_expect(clade_study_create(&o, &study, &e), CLADE_EUNSUPPORTED);
  kit_expect(clade_store_open(f->place.store, &store, &e), CLADE_EUNSUPPORTED);
  kit_expect(clade_study_open(f->place.store, "s", &study, &e), CLADE_EUNSUPPORTED);
  mounted = false;
  assert_int_equal(clade_store_open(f->place.store, &store, NULL), 0);
  clade_store_close(store);
  clade_space_destroy(space);
}

static void a_study_that_is_written_to_all_the_time_is_not_repaired(void **state) {
  const struct fixture *f = *state;
  rival = f->place.store;
  kit_change(&f->place, "UPDATE heads SET tries = 7");
  overtakings = 1000000;
  kit_expect(clade_repair(f->place.store, "s", &e), CLADE_EBUSY);
  overtakings = 0;
  kit_change(&f->place, "UPDATE heads SET tries = 7");
  overtakings = 5;
  assert_int_equal(clade_repair(f->place.store, "s", NULL), 0);
  assert_int_equal(overtakings, 0);
  rival = NULL;
}

int __real_cl_log_commit(struct cl_log *log, struct cl_err *e);
int __wrap_cl_log_commit(struct cl_log *log, struct cl_err *e);
int __wrap_cl_log_commit(struct cl_log *log, struct cl_err *e) {
  if (rival != NULL) decide_first();
  return __real_cl_log_commit(log, e);
}

static void a_trial_that_others_decide_about_faster_is_a_conflict(void **state) {
  const struct fixture *f = *state;
  struct clade_steered *steered = NULL;
  rival = f->place.store;
  kit_expect(clade_stop(f->place.store, "s/1", NULL, &steered, &e), CLADE_ECONFLICT);
  rival = NULL;
  assert_null(steered);
  assert_int_equal(clade_stop(f->place.store, "s/1", NULL, &steered, NULL), 0);
  clade_steered_free(steered);
}

static void a_study_that_changes_all_the_time_is_a_conflict(void **state) {
  const struct fixture *f = *state;
  const struct clade_update_options more = {.trials = 17};
  struct clade_updated *updated = NULL;
  unversioned = true;
  kit_expect(clade_update(f->place.store, "s", &more, &updated, &e), CLADE_ECONFLICT);
  unversioned = false;
  assert_null(updated);
  assert_int_equal(clade_update(f->place.store, "s", &more, &updated, NULL), 0);
  clade_updated_free(updated);
}

static void without_postgresql_no_server_is_started(void **state) {
  const struct fixture *f = *state;
  struct clade_server server;
  char *path = getenv("PATH") == NULL ? NULL : strdup(getenv("PATH"));
  assert_int_equal(setenv("PATH", f->place.directory, 1) | unsetenv("CLADE_POSTGRES_BIN"), 0);
  uninstalled = true;
  kit_expect(clade_server_start(f->place.directory, 0, NULL, &server, &e), CLADE_EUNSUPPORTED);
  uninstalled = false;
  assert_int_equal(path == NULL ? unsetenv("PATH") : setenv("PATH", path, 1), 0);
  free(path);
}

/* A hole of zeros: no disk is written. */
static void a_line_without_end_is_too_long_for_an_event(void **state) {
  const struct fixture *f = *state;
  struct clade_moved moved;
  char path[100];
  (void)snprintf(path, sizeof path, "%s/long.jsonl", f->place.directory);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(ftruncate(fd, (off_t)129 << 20), 0);
  kit_expect(clade_study_import(f->place.store, fd, "long.jsonl", &moved, &e), CLADE_ELIMIT);
  (void)close(fd);
}

/* Runs. */

static char program[] = "true", argument[] = "--x=[0.1,0.2]";
static char *command[] = {program, argument, NULL};

static struct clade_run_options run_of(const struct fixture *f) {
  return (struct clade_run_options){
      .store = f->place.store, .minimize = "loss", .name = "run", .trials = 1, .argc = 2, .argv = command};
}

static bool refuse(void *ctx, const char *doubt) {
  assert_string_not_equal(doubt, "");
  ++*(int *)ctx;
  return false;
}

/* A runspec without any randomness is asked about. */
static void a_run_that_is_doubted_does_not_begin(void **state) {
  const struct fixture *f = *state;
  int asked = 0;
  const struct clade_run_callbacks callbacks = {.ask = refuse, .ctx = &asked};
  struct clade_run_options o = run_of(f);
  struct clade_run_result result;
  char spec[200];
  (void)snprintf(spec, sizeof spec, "%s/spec.yaml", f->place.directory);
  static const char text[] =
      "job_launcher:\n  hp_tuning: random\n  total_runs: 1\nhyperparameters:\n  - name: &lr\n"
      "    ordered_tuning_values: [0.1, 0.25]\n    tuned_value: 0.1\nrate: *lr\n";
  assert_int_equal(cl_file_write(spec, text, sizeof text - 1, false, NULL), 0);
  o.argc = 1;
  o.spec = spec;
  assert_int_equal(clade_run(&o, &callbacks, &result, NULL), CLADE_STOP);
  assert_int_equal(asked, 1);
}

/* This program is started as a keeper, and is none. */
static void a_keeper_that_does_not_start_ends_the_run(void **state) {
  const struct fixture *f = *state;
  const struct clade_run_options o = run_of(f);
  struct clade_run_result result;
  kit_expect(clade_run(&o, NULL, &result, &e), CLADE_ESPAWN);
}

static void a_directory_that_cannot_be_removed_says_so(void **state) {
  const struct fixture *f = *state;
  const struct clade_run_options o = run_of(f);
  struct clade_run_result result;
  char directory[420];
  (void)snprintf(directory, sizeof directory, "%s.d/run", f->place.store);
  assert_int_equal(clade_run(&o, NULL, &result, NULL), CLADE_ESPAWN); /* the study is there */
  assert_int_equal(cl_dir_create(directory, NULL), 0);
  undeletable = true;
  kit_expect(clade_delete(f->place.store, "run", false, NULL, &e), CLADE_EIO);
  undeletable = false;
}

static void runs_and_specs_without_memory_say_so(void **state) {
  const struct fixture *f = *state;
  struct clade_run_options o = run_of(f);
  char script[100], *text = NULL;
  int failed = 0;
  (void)snprintf(script, sizeof script, "%s/train.py", f->place.directory);
  assert_int_equal(cl_file_write(script, "lr = 0.1\n", 9, false, NULL), 0);
  o.name = "s"; /* is there: so nothing begins when memory suffices */
  FAULT_LOOP(n) {
    struct clade_run_result result;
    struct cl_err e = {0};
    int status = clade_run(&o, NULL, &result, &e);
    failed += status == CLADE_ENOMEM;
    if (status != CLADE_ENOMEM || !cl_fault_happened()) assert_int_equal(status, CLADE_EEXISTS);
  }
  assert_true(failed > 30);
  FAULT_LOOP(n) { /* a plan is whole, also where its texts fill a block of memory to its end */
    struct cl_err e = {0};
    struct clade_plan *plan = NULL;
    struct clade_run_options planned = o;
    char store[4064] = "/tmp/";
    memset(store + 5, 'x', 4050 - 5);
    planned.store = store;
    int status = clade_run_plan(&planned, NULL, &plan, &e);
    if (status != CLADE_ENOMEM || !cl_fault_happened()) assert_int_equal(status, 0);
    if (status == 0) assert_true(plan->cwd != NULL && plan->method != NULL && plan->metric != NULL);
    if (status == 0) clade_plan_free(plan);
  }
  FAULT_LOOP(n) {
    struct cl_err e = {0};
    int status = clade_spec_init(script, &text, &e);
    assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : 0);
    if (status == 0) clade_free(text);
  }
}

/* Its words grow while they are written. */
static void a_reason_without_memory_says_so_and_leaks_nothing(void **state) {
  const struct fixture *f = *state;
  const struct clade_given given[] = {{"layers", "3"}, {"lr", "0.0385"}, {"opt", "adam"}};
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  int64_t trial = 0;
  int failed = 0;
  assert_int_equal(clade_study_enqueue(f->study, given, 3, &trial, NULL), 0);
  assert_int_equal(clade_store_open(f->place.store, &store, NULL), 0);
  assert_int_equal(clade_reader_open(store, "s", &reader, NULL), 0);
  FAULT_LOOP(n) {
    struct clade_reason *reason = NULL;
    struct cl_err e = {0};
    int status = clade_reason_read(reader, trial, false, &reason, &e);
    failed += status == CLADE_ENOMEM;
    if (status != CLADE_ENOMEM || !cl_fault_happened()) assert_int_equal(status, 0);
    clade_reason_free(reason);
  }
  assert_true(failed > 10);
  clade_reader_close(reader);
  clade_store_close(store);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_trial_that_others_decide_about_faster_is_a_conflict, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(a_study_that_changes_all_the_time_is_a_conflict, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_study_that_is_written_to_all_the_time_is_not_repaired, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(a_store_on_a_network_file_system_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_directory_that_cannot_be_removed_says_so, set_up, tear_down),
      cmocka_unit_test_setup_teardown(without_postgresql_no_server_is_started, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_line_without_end_is_too_long_for_an_event, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_run_that_is_doubted_does_not_begin, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_keeper_that_does_not_start_ends_the_run, set_up, tear_down),
      cmocka_unit_test_setup_teardown(runs_and_specs_without_memory_say_so, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_reason_without_memory_says_so_and_leaks_nothing, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
