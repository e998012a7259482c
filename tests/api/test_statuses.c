/* Every status that the headers of clients and commands name (tools/lint/statuses.py), each by what brings it
 * about: a store with a study `s` of three trials that were asked for, of which the first is complete and the
 * second failed.
 */
#include "sql_kit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "clade/command.h"
#include "clade/compare.h"
#include "clade/query.h"
#include "clade/run.h"
#include "clade/store.h"
#include "store/log.h"
#include "worker/attempt.h"

struct fixture {
  struct kit_place place;
  struct clade_study *study;
  struct clade_store *store;
  struct clade_reader *reader; /* of s */
};

static int set_up(void **state) {
  struct fixture *f = cl_alloc(sizeof *f);
  kit_make(&f->place);
  f->study = kit_create(&(struct clade_study_options){.store = f->place.store, .trials = 9});
  kit_end(kit_ask(f->study), CLADE_TOLD_COMPLETE);
  kit_end(kit_ask(f->study), CLADE_TOLD_FAILED);
  clade_trial_drop(kit_ask(f->study));
  assert_int_equal(clade_store_open(f->place.store, &f->store, NULL), 0);
  assert_int_equal(clade_reader_open(f->store, "s", &f->reader, NULL), 0);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  clade_reader_close(f->reader);
  clade_store_close(f->store);
  clade_study_close(f->study);
  kit_remove(&f->place);
  cl_free(f);
  return 0;
}

/* A file beside the store. */
static const char *written(const struct fixture *f, const char *name, const char *text) {
  static char path[500];
  (void)snprintf(path, sizeof path, "%s/%s", f->place.directory, name);
  assert_int_equal(cl_file_write(path, text, strlen(text), false, NULL), 0);
  return path;
}

static int keep(void *ctx, const char *text, size_t n, struct cl_err *e) {
  (void)e;
  cl_text_add_bytes(ctx, text, n);
  return 0;
}

static void commands_say_what_is_not_there(void **state) {
  struct fixture *f = *state;
  const struct clade_tag tag = {"good", NULL};
  struct clade_rerun *rerun = NULL;
  struct clade_updated *updated = NULL;
  struct clade_moved moved;
  size_t n = 0;
  kit_expect(clade_delete(f->place.store, "nobody", false, NULL, &e), CLADE_ENOTFOUND);
  kit_expect(clade_repair(f->place.store, "nobody", &e), CLADE_ENOTFOUND);
  kit_expect(clade_tag(f->place.store, "nobody", &tag, 1, NULL, &e), CLADE_ENOTFOUND);
  kit_expect(clade_rerun(f->place.store, "s/17", false, &rerun, &n, &e), CLADE_ENOTFOUND);
  kit_expect(
      clade_update(f->place.store, "nobody", &(struct clade_update_options){.trials = 5}, &updated, &e),
      CLADE_ENOTFOUND);
  kit_expect(clade_study_export(f->place.store, "nobody", keep, NULL, &moved, &e), CLADE_ENOTFOUND);
  struct clade_server server;
  kit_expect(clade_server_stop(f->place.directory, &e), CLADE_ENOTFOUND);
  kit_expect(clade_server_start("/proc/nowhere", 0, NULL, &server, &e), CLADE_EIO);
}

static void commands_say_what_makes_no_sense(void **state) {
  struct fixture *f = *state;
  const struct clade_tag tag = {"a=b", NULL};
  struct clade_rerun *rerun = NULL;
  struct clade_updated *updated = NULL;
  size_t n = 0;
  kit_expect(clade_tag(f->place.store, "s/1", &tag, 1, NULL, &e), CLADE_EINVAL);
  kit_expect(clade_rerun(f->place.store, "s", false, &rerun, &n, &e), CLADE_EINVAL);
  kit_expect(clade_update(f->place.store, "s", &(struct clade_update_options){0}, &updated, &e),
             CLADE_EINVAL);
  kit_expect(clade_update(f->place.store, "s", &(struct clade_update_options){.trials = 2}, &updated, &e),
             CLADE_EREFUSED);
  const char *space = written(f, "space.yaml", "hyperparameters:\n  - name: lr\n    range: [2, 1]\n");
  kit_expect(clade_update(f->place.store, "s", &(struct clade_update_options){.space = space}, &updated, &e),
             CLADE_ESPEC);
}

/* A worker of another host, which cannot be judged from here. */
static void what_may_run_elsewhere_is_not_deleted(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = NULL;
  struct cl_event ev = {.kind = CL_EVENT_WORKER, .by = 1};
  struct cl_append result;
  ev.u.worker.worker = 1;
  ev.u.worker.host = "elsewhere";
  ev.u.worker.boot = "b";
  ev.u.worker.slots = 2;
  ev.u.worker.state = CL_WORKER_JOINED;
  assert_int_equal(
      cl_store_open(f->place.store, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &s, NULL), 0);
  assert_int_equal(cl_store_append(s, 1, &ev, 1, &result, NULL), 0);
  cl_store_close(s);
  kit_expect(clade_delete(f->place.store, "s", false, NULL, &e), CLADE_EBUSY);
}

static void what_a_worker_trains_is_not_taken(void **state) {
  struct fixture *f = *state;
  struct cl_store *s = NULL;
  struct cl_head head;
  struct cl_append results[2];
  struct clade_trial *trial = NULL;
  assert_int_equal(clade_study_enqueue(f->study, NULL, 0, NULL, NULL), 0);
  assert_int_equal(
      cl_store_open(f->place.store, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &s, NULL), 0);
  assert_int_equal(cl_store_trial_head(s, 1, 4, &head, NULL), 0);
  struct cl_event events[] = {{.kind = CL_EVENT_WORKER, .by = 1},
                              {.kind = CL_EVENT_STARTED, .subject = 4, .by = 1, .attempt = 1}};
  events[0].u.worker.worker = events[1].u.started.worker = 1;
  events[0].u.worker.host = events[0].u.worker.boot = "elsewhere";
  events[0].u.worker.slots = 2;
  events[0].u.worker.state = CL_WORKER_JOINED;
  events[1].seen = head.version;
  events[1].u.started.until = CL_NO_STEP;
  assert_int_equal(cl_store_append(s, 1, events, 2, results, NULL), 0);
  assert_int_equal(results[1].status, 0);
  cl_store_close(s);
  kit_expect(clade_study_take(f->study, 4, &trial, &e), CLADE_EBUSY);
}

static void an_end_that_comes_late_or_is_too_much_is_refused(void **state) {
  struct fixture *f = *state;
  struct clade_study *other = NULL;
  struct clade_trial *mine = NULL, *theirs = NULL;
  const double value = 2.385;
  struct clade_metric many[201];
  struct clade_told told = {.outcome = CLADE_TOLD_COMPLETE, .n_values = 1, .values = &value};
  static char names[201][8];
  for (int i = 0; i < 201; i++) {
    (void)snprintf(names[i], sizeof names[i], "m%d", i);
    many[i] = (struct clade_metric){names[i], value};
  }
  assert_int_equal(clade_study_open(f->place.store, "s", &other, NULL), 0);
  mine = kit_ask(f->study);
  told.n_metrics = 201;
  told.metrics = many;
  kit_expect(clade_trial_end(mine, &told, &e), CLADE_ELIMIT);
  told.n_metrics = 0;
  assert_int_equal(clade_study_take(other, 4, &theirs, NULL), 0);
  kit_end(theirs, CLADE_TOLD_LOST);
  kit_end(kit_ask(other), CLADE_TOLD_COMPLETE);
  kit_expect(clade_trial_end(mine, &told, &e), CLADE_ESTALE);
  mine = kit_ask(f->study);
  assert_int_equal(clade_study_take(other, 5, &theirs, NULL), 0);
  kit_end(theirs, CLADE_TOLD_COMPLETE);
  assert_int_equal(clade_trial_end(mine, &told, NULL), CLADE_REPEATED);
  clade_study_close(other);
}

static void what_is_over_is_not_stopped(void **state) {
  struct fixture *f = *state;
  struct clade_steered *steered = NULL;
  kit_expect(clade_stop(f->place.store, "nobody", NULL, &steered, &e), CLADE_ENOTFOUND);
  kit_expect(clade_stop(f->place.store, "s/1-", NULL, &steered, &e), CLADE_EINVAL);
  kit_end(kit_ask(f->study), CLADE_TOLD_COMPLETE);
  assert_int_equal(clade_stop(f->place.store, "s", NULL, &steered, NULL), 0);
  clade_steered_free(steered);
  kit_expect(clade_stop(f->place.store, "s", NULL, &steered, &e), CLADE_EREFUSED);
}

static void stores_and_studies_that_cannot_be_opened(void **state) {
  struct fixture *f = *state;
  struct clade_store *store = NULL;
  struct clade_study *study = NULL;
  struct clade_reader *reader = NULL;
  struct clade_trial_info *info = NULL;
  kit_expect(clade_store_open("/nowhere/clade.db", &store, &e), CLADE_ENOTFOUND);
  kit_expect(clade_store_open("mysql://here/clade", &store, &e), CLADE_EINVAL);
  kit_expect(clade_study_open("mysql://here/clade", "s", &study, &e), CLADE_EINVAL);
  kit_expect(clade_reader_open(f->store, "s/1-", &reader, &e), CLADE_EINVAL);
  kit_expect(clade_trial_read(f->reader, 17, &info, &e), CLADE_ENOTFOUND);
}

static void readers_say_what_is_not_there(void **state) {
  struct fixture *f = *state;
  char **addresses = NULL;
  struct clade_confirmation *confirmation = NULL;
  struct clade_curve curve = {0};
  struct clade_reason *reason = NULL;
  struct clade_schedule *schedule = NULL;
  struct clade_lineage *lineage = NULL;
  struct clade_reader *reader = NULL;
  struct clade_table *table = NULL;
  int64_t *trials = NULL, none = 17;
  size_t n = 0;
  kit_expect(clade_addresses_list(f->store, "s,nobody", &addresses, &n, &e), CLADE_ENOTFOUND);
  kit_expect(clade_confirm_read(f->reader, 1, &none, 1, &confirmation, &e), CLADE_ENOTFOUND);
  kit_expect(clade_curve_read(f->reader, 17, NULL, &curve, &e), CLADE_ENOTFOUND);
  kit_expect(clade_reason_read(f->reader, 17, false, &reason, &e), CLADE_ENOTFOUND);
  kit_expect(clade_schedule_read(f->reader, 17, &schedule, &e), CLADE_ENOTFOUND);
  kit_expect(clade_lineage_read(f->reader, 17, &lineage, &e), CLADE_ENOTFOUND);
  kit_expect(clade_schedule_load("/nowhere/schedule.yaml", &schedule, &e), CLADE_ENOTFOUND);
  kit_expect(clade_best_write(f->reader, 17, "/nowhere/spec.yaml", NULL, &e), CLADE_ENOTFOUND);
  assert_int_equal(clade_reader_open(f->store, "s/1-17", &reader, NULL), 0);
  kit_expect(clade_reader_trials(reader, &trials, &n, &e), CLADE_ENOTFOUND);
  kit_expect(clade_trials_list(reader, &(struct clade_list_options){0}, &table, &e), CLADE_ENOTFOUND);
  clade_reader_close(reader);
}

/* A state of trial 3 at step 2.5. */
static struct cl_store *append_saved(const struct fixture *f, enum cl_way way, const char *path,
                                     const char *hash) {
  struct cl_store *s = NULL;
  struct cl_append result;
  struct cl_event ev = {.kind = CL_EVENT_SAVED, .subject = 3, .attempt = 1};
  ev.u.saved.step = 2.5;
  ev.u.saved.way = way;
  ev.u.saved.bytes = 2;
  ev.u.saved.path = path;
  ev.u.saved.hash = hash;
  ev.u.saved.host = "here";
  assert_int_equal(
      cl_store_open(f->place.store, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &s, NULL), 0);
  assert_int_equal(cl_store_append(s, 1, &ev, 1, &result, NULL), 0);
  assert_int_equal(result.status, 0);
  return s;
}

static void states_that_are_not_there_are_not_handed_out(void **state) {
  struct fixture *f = *state;
  struct cl_log *log = NULL;
  struct clade_checkpoint ret;
  char to[400];
  (void)snprintf(to, sizeof to, "%s/copy", f->place.directory);
  kit_expect(clade_checkpoint_copy(f->reader, 17, to, &ret, &e), CLADE_ENOTFOUND);
  kit_expect(clade_checkpoint_copy(f->reader, 3, to, &ret, &e), CLADE_EIO);
  struct cl_store *s = append_saved(f, CL_WAY_DIRECTORY, "3/state", "2385");
  assert_int_equal(cl_log_open(s, 1, NULL, &log, NULL), 0);
  char *from = cl_attempt_path(cl_log_study(log), 3, 0, "state");
  assert_int_equal(cl_dir_create(from, NULL), 0);
  cl_free(from);
  cl_log_close(log);
  cl_store_close(s);
  assert_int_equal(clade_reader_follow(f->reader, NULL, NULL), 0);
  kit_expect(clade_checkpoint_copy(f->reader, 3, f->place.directory, &ret, &e), CLADE_EEXISTS);
  kit_expect(clade_checkpoint_copy(f->reader, 3, to, &ret, &e), CLADE_ECORRUPT);
  assert_false(cl_path_exists(to));
}

static void a_state_that_is_only_in_memory_is_not_handed_out(void **state) {
  struct fixture *f = *state;
  struct clade_checkpoint ret;
  char to[400];
  (void)snprintf(to, sizeof to, "%s/copy", f->place.directory);
  cl_store_close(append_saved(f, CL_WAY_REGION, "/dev/shm/clade-nowhere/1", NULL));
  assert_int_equal(clade_reader_follow(f->reader, NULL, NULL), 0);
  kit_expect(clade_checkpoint_copy(f->reader, 3, to, &ret, &e), CLADE_EBUSY);
}

static void readers_say_what_makes_no_sense(void **state) {
  struct fixture *f = *state;
  static const char *const columns[] = {"nothing_like_it"};
  const struct clade_list_options list = {.n_columns = 1, .columns = columns};
  const struct clade_metric_sets_options sets = {.n_metrics = 1, .metrics = columns};
  const struct clade_compare_study one = {.reader = f->reader, .method = 0}, both[] = {one, one};
  char **addresses = NULL;
  struct clade_table *table = NULL, **tables = NULL;
  struct clade_confirmation *confirmation = NULL;
  struct clade_comparison *comparison = NULL;
  struct clade_curve curve = {0};
  struct clade_eval *eval = NULL;
  struct clade_text text = {0};
  struct clade_schedule *schedule = NULL;
  size_t n = 0;
  kit_expect(clade_addresses_list(f->store, ",,", &addresses, &n, &e), CLADE_EINVAL);
  kit_expect(clade_trials_list(f->reader, &list, &table, &e), CLADE_EINVAL);
  kit_expect(clade_metric_sets_list(f->reader, &sets, &tables, &n, &e), CLADE_EINVAL);
  kit_expect(clade_confirm_read(f->reader, 0, NULL, 0, &confirmation, &e), CLADE_EINVAL);
  kit_expect(clade_comparison_read(both, 2, &comparison, &e), CLADE_EINVAL);
  kit_expect(clade_curve_read(f->reader, 1, "never_reported", &curve, &e), CLADE_EINVAL);
  kit_expect(clade_eval_read(f->reader, &(struct clade_eval_options){.metric = "no_metric"}, &eval, &e),
             CLADE_EINVAL);
  const char *path = written(f, "schedule.yaml", "study: s\ntrial: 1\ninitial: {lr: 0.5}\nchanges: []\n");
  assert_int_equal(clade_schedule_load(path, &schedule, NULL), 0);
  kit_expect(clade_schedule_write(schedule, (enum clade_schedule_form)9, &text, &e), CLADE_EINVAL);
  clade_schedule_free(schedule);
}

static void definitions_that_cannot_be_used_say_why(void **state) {
  struct fixture *f = *state;
  struct clade_eval *eval = NULL;
  struct clade_eval_options o = {.n_reports = -1};
  kit_expect(clade_eval_read(f->reader, &o, &eval, &e), CLADE_EINVAL);
  o = (struct clade_eval_options){.definitions = written(f, "d.yaml", "hparams:\n  nobody: [1, 2]\n")};
  kit_expect(clade_eval_read(f->reader, &o, &eval, &e), CLADE_EINVAL);
  o.definitions = written(f, "d.yaml", "study: of_nothing\n");
  kit_expect(clade_eval_read(f->reader, &o, &eval, &e), CLADE_ESPEC);
  char *large = cl_alloc((1 << 20) + 2);
  assert_non_null(large);
  memset(large, '#', (1 << 20) + 1);
  o.definitions = written(f, "d.yaml", large);
  kit_expect(clade_eval_read(f->reader, &o, &eval, &e), CLADE_ELIMIT);
  cl_free(large);
  o.definitions = f->place.directory;
  kit_expect(clade_eval_read(f->reader, &o, &eval, &e), CLADE_EIO);
  o.definitions = "/nowhere/defs.yaml";
  kit_expect(clade_eval_read(f->reader, &o, &eval, &e), CLADE_ENOTFOUND);
  assert_null(eval);
}

static void a_trial_that_only_waits_has_no_schedule(void **state) {
  struct fixture *f = *state;
  struct clade_lineage *lineage = NULL;
  struct clade_schedule *schedule = NULL;
  assert_int_equal(clade_study_enqueue(f->study, NULL, 0, NULL, NULL), 0);
  assert_int_equal(clade_reader_follow(f->reader, NULL, NULL), 0);
  kit_expect(clade_schedule_read(f->reader, 4, &schedule, &e), CLADE_EINVAL);
  kit_expect(clade_lineage_read(f->reader, 4, &lineage, &e), CLADE_EINVAL);
}

static void files_that_cannot_be_used_are_refused(void **state) {
  struct fixture *f = *state;
  struct clade_schedule *schedule = NULL;
  char *text = NULL, *big = cl_alloc(70000001);
  kit_expect(clade_schedule_load(f->place.directory, &schedule, &e), CLADE_EIO);
  kit_expect(clade_spec_init(f->place.directory, &text, &e), CLADE_EIO);
  kit_expect(clade_best_write(f->reader, 1, f->place.directory, NULL, &e), CLADE_EIO);
  kit_expect(clade_spec_init("/nowhere/train.py", &text, &e), CLADE_ENOTFOUND);
  kit_expect(clade_schedule_load(written(f, "a.yaml", "study: [1\n"), &schedule, &e), CLADE_ESPEC);
  kit_expect(clade_best_write(f->reader, 1, written(f, "b.yaml", "hyperparameters: [1\n"), NULL, &e),
             CLADE_ESPEC);
  const char *brief =
      written(f, "c.yaml", "metric: {name: loss, goal: minimize}\nhyperparameters:\n  lr: log(0.1, 1)\n");
  kit_expect(clade_best_write(f->reader, 1, brief, NULL, &e), CLADE_EUNSUPPORTED);
  assert_non_null(big);
  memset(big, '#', 70000000);
  kit_expect(clade_schedule_load(written(f, "d.yaml", big), &schedule, &e), CLADE_ELIMIT);
  cl_free(big);
}

static int import_text(const struct fixture *f, const char *text, struct cl_err *e) {
  struct clade_moved moved;
  int fd = open(written(f, "moved.jsonl", text), O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  int status = clade_study_import(f->place.store, fd, "moved.jsonl", &moved, e);
  (void)close(fd);
  return status;
}

static void imports_that_cannot_be_are_refused(void **state) {
  struct fixture *f = *state;
  struct cl_text text = {0};
  struct clade_moved moved;
  assert_int_equal(clade_study_export(f->place.store, "s", keep, &text, &moved, NULL), 0);
  kit_expect(import_text(f, cl_text_get(&text), &e), CLADE_EEXISTS);
  kit_expect(import_text(f, "{\"position\": 1", &e), CLADE_ECORRUPT);
  cl_text_done(&text);
}

static void damaged_and_newer_stores_are_noticed(void **state) {
  struct fixture *f = *state;
  struct clade_store *store = NULL;
  kit_change(&f->place, "UPDATE heads SET state = 4 WHERE trial = 3");
  kit_expect(clade_study_check(f->reader, &e), CLADE_ECORRUPT);
  assert_int_equal(clade_repair(f->place.store, "s", NULL), 0);
  assert_int_equal(clade_study_check(f->reader, NULL), 0);
  kit_change(&f->place, "CREATE TABLE kept AS SELECT * FROM attempts; DELETE FROM attempts");
  kit_expect(clade_repair(f->place.store, "s", &e), CLADE_ECORRUPT);
  kit_change(&f->place, "DROP TABLE kept");
  kit_change(&f->place, "PRAGMA user_version = 99");
  kit_expect(clade_store_open(f->place.store, &store, &e), CLADE_ENEWER);
}

static void runs_that_cannot_begin_say_why(void **state) {
  struct fixture *f = *state;
  static char program[] = "true", argument[] = "--x=[0.1,0.2]";
  static char *argv[] = {program, argument};
  struct clade_run_result result;
  struct clade_run_options o = {
      .store = f->place.store, .minimize = "loss", .name = "s", .trials = 1, .argc = 2, .argv = argv};
  struct clade_resume_options resume = {.store = f->place.store, .study = "nobody"};
  kit_expect(clade_run(&o, NULL, &result, &e), CLADE_EEXISTS);
  kit_expect(clade_resume(&resume, NULL, &result, &e), CLADE_ENOTFOUND);
  o.name = "other";
  o.minimize = NULL;
  kit_expect(clade_run(&o, NULL, &result, &e), CLADE_ESPEC);
  o.minimize = "loss";
  o.store = "/proc/nowhere/clade.db";
  kit_expect(clade_run(&o, NULL, &result, &e), CLADE_EIO);
}

static void replays_that_cannot_be_are_refused(void **state) {
  struct fixture *f = *state;
  struct clade_replay_outcome *outcome = NULL;
  struct clade_run_result result;
  const struct clade_resume_options engine = {.store = f->place.store, .study = "s"};
  kit_expect(clade_replay_read(f->reader, &outcome, &e), CLADE_EINVAL);
  kit_expect(clade_assess(&engine, 3, NULL, &result, &e), CLADE_EINVAL);
  struct clade_replay_options what = {.schedule = "nobody/7"};
  struct clade_run_options o = {.store = f->place.store};
  kit_expect(clade_replay(&o, &what, NULL, &result, &e), CLADE_ENOTFOUND);
  char spec[500];
  (void)snprintf(spec, sizeof spec, "%s",
                 written(f, "spec.yaml",
                         "program: [\"true\"]\nmetric: {name: loss, goal: minimize}\ntrials: 1\n"
                         "hyperparameters: {lr: {range: [0.1, 1.0]}}\n"));
  o.spec = spec;
  what.schedule = written(f, "schedule.yaml", "study: s\ntrial: 1\ninitial: {lr: 7.5}\nchanges: []\n");
  kit_expect(clade_replay(&o, &what, NULL, &result, &e), CLADE_ESPEC);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(commands_say_what_is_not_there, set_up, tear_down),
      cmocka_unit_test_setup_teardown(commands_say_what_makes_no_sense, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_may_run_elsewhere_is_not_deleted, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_a_worker_trains_is_not_taken, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_end_that_comes_late_or_is_too_much_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_is_over_is_not_stopped, set_up, tear_down),
      cmocka_unit_test_setup_teardown(stores_and_studies_that_cannot_be_opened, set_up, tear_down),
      cmocka_unit_test_setup_teardown(readers_say_what_is_not_there, set_up, tear_down),
      cmocka_unit_test_setup_teardown(states_that_are_not_there_are_not_handed_out, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_state_that_is_only_in_memory_is_not_handed_out, set_up, tear_down),
      cmocka_unit_test_setup_teardown(readers_say_what_makes_no_sense, set_up, tear_down),
      cmocka_unit_test_setup_teardown(definitions_that_cannot_be_used_say_why, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_trial_that_only_waits_has_no_schedule, set_up, tear_down),
      cmocka_unit_test_setup_teardown(files_that_cannot_be_used_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(imports_that_cannot_be_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(damaged_and_newer_stores_are_noticed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(replays_that_cannot_be_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(runs_that_cannot_begin_say_why, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
