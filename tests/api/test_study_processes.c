/* Several processes that ask at once: exactly N trials, each told once, and the log in order. */
#include "api/study_kit.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "clade/query.h"
#include "store/private_server.h"
#include "store/store.h"

enum { PROCESSES = 4, TRIALS = 400 };

static bool on_server; /* on PostgreSQL, as the word `postgres` asks for */
static bool queue_stands_still;

static void make_place(struct kit_place *p) {
  kit_make(p);
  if (on_server) private_server_store(p->store, sizeof p->store);
}

/* Whoever has asked does not stand in others' way. */
static bool has_left_the_queue(const char *store) {
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  bool left = cl_store_open(store, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &s, &e) == 0 &&
              cl_store_queue(s, 1, 10000, &e) == 0;
  cl_store_close(s);
  return left;
}

static int ask_all(const char *store, int *ret_asked) {
  struct cl_err e = {0};
  struct clade_study *study = NULL;
  struct clade_trial *trial = NULL;
  struct clade_study_options o = {
      .store = store, .spec = KIT_SPEC, .name = "s", .minimize = "loss", .trials = TRIALS, .reuse = true};
  int status = clade_study_create(&o, &study, &e);
  *ret_asked = 0;
  while (status == 0 && *ret_asked <= TRIALS && (status = clade_study_ask(study, &trial, &e)) == 0) {
    ++*ret_asked;
    status = clade_trial_tell(trial, clade_trial_float(trial, "lr"), &e);
  }
  if (status < 0) (void)fprintf(stderr, "%s\n", e.text);
  if (status == CLADE_EMPTY && !queue_stands_still && !has_left_the_queue(store)) status = CLADE_EBUSY;
  clade_study_close(study);
  return status;
}

/* Asks until nothing is left; its exit status says whether all went well. The count goes through the pipe. */
static pid_t begin(const char *store, int to) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  int asked = 0, status = ask_all(store, &asked);
  bool written = write(to, &asked, sizeof asked) == sizeof asked;
  _exit(status == CLADE_EMPTY && written ? 0 : 1);
}

static void look_at_the_log(const char *store) {
  struct cl_err e = {0};
  struct clade_store *s = NULL;
  struct clade_reader *reader = NULL;
  struct clade_study_info *info = NULL;
  assert_int_equal(clade_store_open(store, &s, &e), 0);
  assert_int_equal(clade_reader_open(s, "s", &reader, &e), 0);
  assert_int_equal(clade_study_read(reader, &info, &e), 0);
  assert_int_equal(info->trials, TRIALS);
  assert_int_equal(info->counted, TRIALS);
  assert_int_equal(info->complete, TRIALS);
  assert_int_equal(info->position, 1 + 3 * TRIALS + 1);
  assert_string_equal(info->reason, "budget");
  assert_int_equal(clade_study_check(reader, &e), 0);
  clade_study_free(info);
  clade_reader_close(reader);
  clade_store_close(s);
}

static void ask_in_processes(const struct kit_place *place, int *ret_total) {
  pid_t pids[PROCESSES];
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  for (int i = 0; i < PROCESSES; i++) pids[i] = begin(place->store, ends[1]);
  for (int i = 0; i < PROCESSES; i++) {
    int status = 0, asked = 0;
    assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(read(ends[0], &asked, sizeof asked), sizeof asked);
    *ret_total += asked;
  }
  (void)close(ends[0]);
  (void)close(ends[1]);
}

static void four_processes_ask_for_exactly_all_trials(void **state) {
  (void)state;
  struct kit_place place;
  int total = 0;
  make_place(&place);
  ask_in_processes(&place, &total);
  assert_int_equal(total, TRIALS);
  look_at_the_log(place.store);
  kit_remove(&place);
}

/* Of several who ask at once, those that came too late queue; one that has the turn and does nothing with it
 * holds them up once; where there is no queue, nobody is. */
static void a_queue_that_stands_still_is_left_alone(void **state) {
  (void)state;
  struct kit_place place;
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  struct timespec begin, end;
  int total = 0;
  make_place(&place);
  clade_study_close(kit_create(&(struct clade_study_options){.store = place.store, .trials = TRIALS}));
  if (cl_store_open(place.store, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &s, &e) < 0)
    fail_msg("%s", e.text);
  assert_int_equal(cl_store_queue(s, 1, 1000, &e), 0);
  queue_stands_still = true;
  (void)clock_gettime(CLOCK_MONOTONIC, &begin);
  ask_in_processes(&place, &total);
  (void)clock_gettime(CLOCK_MONOTONIC, &end);
  queue_stands_still = false;
  assert_int_equal(total, TRIALS);
  if (on_server) assert_true(end.tv_sec - begin.tv_sec >= 4); /* they have waited for 5 s */
  look_at_the_log(place.store);
  cl_store_close(s);
  kit_remove(&place);
}

/* A process that is killed between ask and tell leaves a trial that anybody may tell or give up. */
static void a_killed_process_leaves_a_trial_that_can_be_told(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  struct clade_study *study = NULL;
  struct clade_trial *trial = NULL;
  int status = 0;
  make_place(&place);
  clade_study_close(kit_create(&(struct clade_study_options){.store = place.store, .trials = 2}));
  pid_t pid = fork();
  if (pid == 0) {
    for (int i = 0; i < 2; i++)
      if (clade_study_open(place.store, "s", &study, &e) != 0 || clade_study_ask(study, &trial, &e) != 0)
        _exit(1);
    (void)kill(getpid(), SIGKILL);
    _exit(2);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(clade_study_open(place.store, "s", &study, &e), 0);
  assert_int_equal(clade_study_ask(study, &trial, &e), CLADE_EMPTY);
  assert_int_equal(clade_study_take(study, 1, &trial, &e), 0);
  kit_end(trial, CLADE_TOLD_COMPLETE);
  assert_int_equal(clade_study_take(study, 2, &trial, &e), 0);
  kit_end(trial, CLADE_TOLD_LOST);
  trial = kit_ask(study);
  assert_int_equal(clade_trial_number(trial), 2);
  assert_int_equal(clade_trial_attempt(trial), 2);
  kit_end(trial, CLADE_TOLD_COMPLETE);
  clade_study_close(study);
  kit_remove(&place);
}

int main(int argc, char **argv) {
  on_server = argc > 1 && strcmp(argv[1], "postgres") == 0;
  if (on_server && private_server() == NULL) {
    (void)printf("1..0 # SKIP PostgreSQL is not installed\n");
    return 0;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(four_processes_ask_for_exactly_all_trials),
      cmocka_unit_test(a_queue_that_stands_still_is_left_alone),
      cmocka_unit_test(a_killed_process_leaves_a_trial_that_can_be_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
