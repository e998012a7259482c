/* What is found when nobody who could be asked is there any more: locks of workers and attempts, exits, and
 * files that are no such things. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/log.h"
#include "worker/attempt.h"
#include "worker/exit.h"
#include "worker/worker.h"

struct fixture {
  char directory[40], host[256], boot[64];
  struct cl_store *store;
  struct cl_log *log;
  const struct cl_study *study;
};

static int set_up(void **state) {
  static const char settings[] =
      "{\"study\": \"s\", \"cwd\": \"/\", \"origin\": \"api\", \"trials\": 9, \"parallel\": 1, \"limits\": {}, "
      "\"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\", \"reduce\": \"last\"}], "
      "\"search\": {\"method\": \"random\"}, \"hyperparameters\": [{\"id\": 1, \"name\": \"x\", "
      "\"domain\": \"float\", \"lo\": 0.0, \"hi\": 1.0}]}";
  struct fixture *f = cl_alloc(sizeof *f);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  struct cl_err e = {0};
  int64_t study = 0;
  (void)snprintf(f->directory, sizeof f->directory, "/tmp/clade-judge-XXXXXX");
  assert_non_null(mkdtemp(f->directory));
  ev.u.created.name = "s";
  ev.u.created.uuid = "a3f0c1d2-0000-4000-8000-000000002385";
  ev.u.created.settings = settings;
  ev.u.created.directory = f->directory;
  ev.u.created.provenance = "{\"created_ms\": 1763700000000}";
  assert_int_equal(
      cl_store_open("memory:", &(struct cl_store_options){.mode = CL_STORE_CREATE}, &f->store, &e), 0);
  if (cl_store_create(f->store, &ev, &study, &e) < 0) fail_msg("%s", e.text);
  assert_int_equal(cl_log_open(f->store, study, NULL, &f->log, &e), 0);
  f->study = cl_log_study(f->log);
  assert_int_equal(cl_worker_here(f->host, f->boot, &e), 0);
  char *own = cl_attempt_path(f->study, 0, 0, NULL);
  assert_int_equal(cl_dir_create(own, &e), 0);
  cl_free(own);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  cl_log_close(f->log);
  cl_store_close(f->store);
  assert_int_equal(cl_dir_remove(f->directory, NULL), 0);
  cl_free(f);
  return 0;
}

static void join(const struct fixture *f, int number, const char *host, const char *boot, int slots) {
  struct cl_event ev = {.kind = CL_EVENT_WORKER, .by = number};
  struct cl_append result;
  ev.u.worker.worker = number;
  ev.u.worker.host = host;
  ev.u.worker.boot = boot;
  ev.u.worker.slots = slots;
  ev.u.worker.state = CL_WORKER_JOINED;
  assert_int_equal(cl_log_append(f->log, &ev, &result, NULL), 0);
  assert_int_equal(result.status, 0);
}

static char *put(const struct fixture *f, int64_t trial, int attempt, const char *name, const char *text) {
  char *path = cl_attempt_path(f->study, trial, attempt, name);
  assert_int_equal(cl_file_write(path, text, strlen(text), false, NULL), 0);
  return path;
}

static enum cl_worker_life life(const struct fixture *f, int number) {
  return cl_worker_judge(f->study, number, f->host, f->boot);
}

static void a_worker_lives_as_long_as_its_lock_is_held(void **state) {
  struct fixture *f = *state;
  int fd = -1, n = 0;
  assert_int_equal(life(f, 1), CL_LIFE_NONE);
  join(f, 1, f->host, f->boot, 2);
  assert_int_equal(life(f, 1), CL_LIFE_DEAD); /* no lock was ever made */
  char *path = put(f, 0, 0, "worker-1", "");
  assert_int_equal(life(f, 1), CL_LIFE_DEAD);
  assert_int_equal(cl_lock_take(path, false, &fd, NULL), 0);
  assert_int_equal(life(f, 1), CL_LIFE_ALIVE);
  assert_int_equal(cl_worker_count_living(f->study, &n, NULL), 0);
  assert_int_equal(n, 1);
  (void)close(fd);
  assert_int_equal(life(f, 1), CL_LIFE_DEAD);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkdir(path, 0777), 0); /* what cannot be locked says nothing */
  assert_int_equal(life(f, 1), CL_LIFE_UNKNOWN);
  assert_int_equal(cl_worker_count_living(f->study, &n, NULL), 0);
  assert_int_equal(n, 1);
  cl_free(path);
}

static void workers_of_other_machines_and_other_boots_are_told_apart(void **state) {
  struct fixture *f = *state;
  int n = -1;
  join(f, 1, "elsewhere", f->boot, 2);
  join(f, 2, f->host, "the boot before", 2);
  join(f, 3, NULL, NULL, 2);
  join(f, 4, "elsewhere", "b", 0); /* has left, or never had a slot */
  assert_int_equal(life(f, 1), CL_LIFE_ELSEWHERE);
  assert_int_equal(life(f, 2), CL_LIFE_DEAD);
  assert_int_equal(life(f, 3), CL_LIFE_ELSEWHERE);
  assert_int_equal(cl_worker_count_living(f->study, &n, NULL), 0);
  assert_int_equal(n, 2);
}

static int say_busy(void *ctx, struct cl_err *e) {
  (void)e;
  ++*(int *)ctx;
  return CLADE_BUSY;
}

static void an_attempt_is_taken_once(void **state) {
  struct fixture *f = *state;
  const struct cl_attempt_owner owner = {f->host, f->boot, 7, 0x2385};
  struct cl_attempt_probe probe;
  char token[CL_TOKEN_SIZE], other[CL_TOKEN_SIZE] = "untouched";
  int lock = -1, second = -1, asked = 0;
  assert_int_equal(cl_attempt_look(f->study, 3, 1, &probe, NULL), 0);
  assert_false(probe.found || probe.held || probe.named || probe.exited);
  assert_int_equal(cl_attempt_open(f->study, 3, 1, &owner, NULL, NULL, &lock, token, NULL), 0);
  assert_int_equal(cl_attempt_open(f->study, 3, 1, &owner, NULL, NULL, &second, other, NULL), CLADE_BUSY);
  assert_string_equal(other, "untouched");
  assert_int_equal(cl_attempt_look(f->study, 3, 1, &probe, NULL), 0);
  assert_true(probe.found && probe.held && !probe.named && !probe.exited);
  assert_string_equal(probe.token, token);
  assert_true(probe.fixed == 0x2385);
  (void)close(lock);
  assert_int_equal(cl_attempt_open(f->study, 3, 1, &owner, say_busy, &asked, &second, other, NULL),
                   CLADE_BUSY);
  assert_int_equal(asked, 1);
  assert_int_equal(cl_attempt_look(f->study, 3, 1, &probe, NULL), 0);
  assert_true(probe.found && !probe.held);
  assert_string_equal(probe.token, token); /* as the first one left it */
  assert_int_equal(cl_attempt_open(f->study, 3, 1, &owner, NULL, NULL, &second, other, NULL), 0);
  assert_int_equal(cl_attempt_look(f->study, 3, 1, &probe, NULL), 0);
  assert_string_equal(probe.token, other);
  cl_attempt_drop(f->study, 3, 1, second);
  char *path = cl_attempt_path(f->study, 3, 0, NULL);
  assert_false(cl_path_exists(path));
  cl_free(path);
}

static void what_an_attempt_did_not_make_stays(void **state) {
  struct fixture *f = *state;
  const struct cl_attempt_owner owner = {f->host, f->boot, 7, 1};
  char token[CL_TOKEN_SIZE];
  int lock = -1;
  assert_int_equal(cl_attempt_open(f->study, 3, 1, &owner, NULL, NULL, &lock, token, NULL), 0);
  char *kept = put(f, 3, 0, "notes.txt", "mine\n"), *params = put(f, 3, 0, "params.json", "{}\n");
  cl_attempt_drop(f->study, 3, 1, lock);
  assert_true(cl_path_exists(kept));
  assert_false(cl_path_exists(params));
  cl_free(kept);
  cl_free(params);
}

static void a_place_that_is_taken_is_an_error_with_its_path(void **state) {
  struct fixture *f = *state;
  const struct cl_attempt_owner owner = {f->host, f->boot, 7, 1};
  struct cl_err e = {0};
  char token[CL_TOKEN_SIZE];
  int lock = -1;
  char *path = put(f, 5, 0, NULL, "a file\n");
  assert_int_equal(cl_attempt_open(f->study, 5, 1, &owner, NULL, NULL, &lock, token, &e), CLADE_EIO);
  assert_non_null(strstr(e.text, path));
  assert_int_equal(lock, -1);
  cl_free(path);
}

/* A lock file of any content: its holder is who has the lock, whatever is written there. */
static void a_damaged_lock_file_names_nobody(void **state) {
  struct fixture *f = *state;
  static const char *const contents[] = {"",
                                         "\n",
                                         "{\"token\": 7}\n",
                                         "no json\n12 34 56 78\n",
                                         "{}\n12 34 56\n",
                                         "{}\n-12 34 56 78\n",
                                         "{}\n12 34 1 78\n",
                                         "{}\n99999999999 34 56 78\n",
                                         "{}\n12 34 56 78"};
  char *own = cl_attempt_path(f->study, 4, 1, NULL);
  assert_int_equal(cl_dir_create(own, NULL), 0);
  for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
    struct cl_attempt_probe probe;
    cl_free(put(f, 4, 1, "lock", contents[i]));
    assert_int_equal(cl_attempt_look(f->study, 4, 1, &probe, NULL), 0);
    assert_true(probe.found && !probe.held);
    assert_int_equal(probe.named, i == 3);
    assert_string_equal(probe.token, "");
  }
  cl_free(own);
}

static void an_exit_counts_when_it_is_whole(void **state) {
  struct fixture *f = *state;
  static const struct {
    const char *text;
    int status;
  } cases[] = {{"{\"status\":3,\"signal\":0,\"usage\":{\"seconds\":2.5}}\n", 0},
               {"{\"status\":3,\"signal\":0}\n", 0},
               {"{\"status\":3,\"signal\":0}", CLADE_ENOTFOUND},
               {"", CLADE_ENOTFOUND},
               {"nonsense\n", CLADE_ECORRUPT},
               {"{\"status\":\"3\",\"signal\":0}\n", CLADE_ECORRUPT},
               {"{\"signal\":9}\n", CLADE_ECORRUPT}};
  char *own = cl_attempt_path(f->study, 4, 1, NULL);
  struct cl_exit x = {.status = 77};
  assert_int_equal(cl_exit_read(own, &x, NULL), CLADE_ENOTFOUND);
  assert_int_equal(cl_dir_create(own, NULL), 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct cl_attempt_probe probe;
    x.status = 77;
    cl_free(put(f, 4, 1, CL_EXIT_FILE, cases[i].text));
    assert_int_equal(cl_exit_read(own, &x, NULL), cases[i].status);
    assert_int_equal(x.status, cases[i].status == 0 ? 3 : 77);
    assert_int_equal(cl_attempt_look(f->study, 4, 1, &probe, NULL), 0);
    assert_int_equal(probe.exited, cases[i].status != CLADE_ENOTFOUND);
  }
  const struct cl_exit killed = {.signal = 9, .seconds = 2.385, .max_rss_bytes = 77824};
  assert_int_equal(cl_exit_write(own, -1, &killed, NULL), 0);
  assert_int_equal(cl_exit_read(own, &x, NULL), 0);
  assert_true(x.signal == 9 && x.status == 0 && x.seconds == 2.385 && x.max_rss_bytes == 77824);
  assert_int_equal(cl_exit_write("/nowhere", -1, &killed, NULL), CLADE_EIO);
  char endless[4200];
  memset(endless, 'x', sizeof endless);
  endless[sizeof endless - 1] = '\0';
  assert_int_equal(cl_exit_write(endless, -1, &killed, NULL), CLADE_ELIMIT);
  cl_free(own);
}

static void an_exit_is_a_second_name_of_the_lock_file(void **state) {
  struct fixture *f = *state;
  struct cl_attempt_probe probe;
  struct cl_exit x = {.status = 77};
  const struct cl_exit ended = {.status = 3, .seconds = 2.385};
  char *own = cl_attempt_path(f->study, 4, 1, NULL);
  assert_int_equal(cl_dir_create(own, NULL), 0);
  char *path = put(f, 4, 1, "lock", "{\"token\": \"4.1.x\"}\n123 4 567 8\n");
  int lock = open(path, O_RDWR | O_CLOEXEC);
  assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
  assert_int_equal(cl_exit_read(own, &x, NULL), CLADE_ENOTFOUND);
  cl_free(put(f, 4, 1, CL_EXIT_FILE, "{\"status\":")); /* of before, cut off */
  assert_int_equal(cl_exit_write(own, lock, &ended, NULL), 0);
  assert_int_equal(cl_exit_read(own, &x, NULL), 0);
  assert_true(x.status == 3 && x.seconds == 2.385);
  assert_int_equal(cl_attempt_look(f->study, 4, 1, &probe, NULL), 0);
  assert_true(probe.held && probe.exited && probe.named);
  assert_true(probe.pid == 123 && probe.keeper == 567);
  assert_int_equal(unlink(path), 0); /* where it has no name any more, none can be added */
  char *exit_path = cl_attempt_path(f->study, 4, 1, CL_EXIT_FILE);
  assert_int_equal(unlink(exit_path), 0);
  assert_int_equal(cl_exit_write(own, lock, &ended, NULL), 0);
  x.status = 77;
  assert_int_equal(cl_exit_read(own, &x, NULL), 0);
  assert_int_equal(x.status, 3);
  (void)close(lock);
  cl_free(exit_path);
  cl_free(path);
  cl_free(own);
}

static void tokens_of_another_form_are_none(void **state) {
  (void)state;
  static const char *const tokens[] = {"",
                                       "0.1.",
                                       "1.0.",
                                       "x.1.",
                                       "1",
                                       "1.",
                                       "1.2",
                                       "1.2.abc",
                                       "99999999999999999999.1.",
                                       "1.4294967296.0123456789abcdef0123456789abcdef"};
  int64_t trial = 77;
  int attempt = 77;
  for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
    assert_false(cl_token_parse(tokens[i], &trial, &attempt));
  assert_true(trial == 77 && attempt == 77);
  assert_true(cl_token_parse("17.3.0123456789abcdef0123456789abcdef", &trial, &attempt));
  assert_true(trial == 17 && attempt == 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_worker_lives_as_long_as_its_lock_is_held, set_up, tear_down),
      cmocka_unit_test_setup_teardown(workers_of_other_machines_and_other_boots_are_told_apart, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(an_attempt_is_taken_once, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_an_attempt_did_not_make_stays, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_place_that_is_taken_is_an_error_with_its_path, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_damaged_lock_file_names_nobody, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_exit_counts_when_it_is_whole, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_exit_is_a_second_name_of_the_lock_file, set_up, tear_down),
      cmocka_unit_test(tokens_of_another_form_are_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
