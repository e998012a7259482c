/* What a worker finds that others left behind: each row of the table in the protocol's section on recovery,
 * made by killing real engines, keepers and trainers. */
#include "world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "worker/process.h"

/* An engine of its own process. It tells the pid of its keeper when it has joined. */
struct engine {
  pid_t pid, keeper;
};

static void be_an_engine(struct world *w, int slots, int tell) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  world_open(w);
  world_work(w, slots);
  pid_t keeper = cl_keeper_pid(w->worker->keeper);
  if (write(tell, &keeper, sizeof keeper) != sizeof keeper) _exit(1);
  for (;;) world_round(w);
}

/* The world must be closed. */
static struct engine start_engine(struct world *w, int slots) {
  int told[2];
  struct engine e = {0};
  assert_int_equal(pipe2(told, O_CLOEXEC), 0);
  e.pid = fork();
  assert_true(e.pid >= 0);
  if (e.pid == 0) be_an_engine(w, slots, told[1]);
  (void)close(told[1]);
  assert_int_equal(read(told[0], &e.keeper, sizeof e.keeper), sizeof e.keeper);
  (void)close(told[0]);
  return e;
}

static void kill_engine(struct engine e) {
  assert_int_equal(kill(e.pid, SIGKILL), 0);
  assert_int_equal(waitpid(e.pid, NULL, 0), e.pid);
}

static void kill_keeper(pid_t keeper) {
  int64_t start = cl_process_start(keeper);
  assert_int_equal(kill(keeper, SIGKILL), 0);
  while (cl_process_lives(keeper, start)) (void)usleep(1000);
}

/* The worker leaves its trainers behind, and their keeper dies: nobody will know how they end. */
static void abandon(struct world *w) {
  pid_t keeper = cl_keeper_pid(w->worker->keeper);
  cl_worker_shutdown(w->worker, CL_SHUTDOWN_DETACH, 0);
  world_close(w);
  kill_keeper(keeper);
}

/* Wait for something that another process does. */
#define EVENTUALLY(condition) \
  do { \
    int64_t limit = cl_clock_monotonic_us() + WORLD_PATIENCE_US; \
    while (!(condition) && cl_clock_monotonic_us() < limit) (void)usleep(1000); \
    if (!(condition)) fail_msg("never: %s", #condition); \
  } while (0)

static bool file_is_there(const char *path) {
  return cl_path_exists(path);
}

/* A study with one proposed trial, and an engine that runs it until `file` of its first attempt is there;
 * closed. */
static struct engine begin(struct world *w, const char *script, const char *more, const char *file) {
  world_begin(w, script, more);
  world_propose(w, 2.385);
  char *path = world_path(w, 1, 1, file);
  world_close(w);
  struct engine e = start_engine(w, 1);
  EVENTUALLY(file_is_there(path));
  cl_free(path);
  return e;
}

/* The same with the log open here, so that the test can look and decide. */
static void follow(struct world *w) {
  assert_int_equal(cl_log_follow(w->log, NULL, NULL), 0);
}

static void retry(struct world *w, int64_t trial) {
  struct cl_event ev = {.kind = CL_EVENT_RETRIED, .cause = CL_CAUSE_RESUME};
  ev.u.retried.count = 1;
  (void)world_decide(w, trial, ev);
}

static pid_t trainer_of(struct world *w, int64_t trial, int attempt, int64_t *ret_start) {
  struct cl_attempt_probe p;
  assert_int_equal(cl_attempt_look(w->s, trial, attempt, &p, NULL), 0);
  assert_true(p.named);
  *ret_start = p.start;
  return p.pid;
}

static void kill_trainer(struct world *w, int64_t trial, int attempt) {
  int64_t start;
  pid_t pid = trainer_of(w, trial, attempt, &start);
  assert_int_equal(kill(-pid, SIGKILL), 0);
  EVENTUALLY(!cl_process_lives(pid, start));
}

static bool lock_is_free(struct world *w, int64_t trial, int attempt) {
  struct cl_attempt_probe p;
  assert_int_equal(cl_attempt_look(w->s, trial, attempt, &p, NULL), 0);
  return !p.held;
}

static const char *lost_lock(struct world *w, json_t **ret_args) {
  json_t *ev = world_last(w, 1, CL_EVENT_LOST);
  assert_non_null(ev);
  json_t *args = world_field(ev, "args");
  *ret_args = json_is_string(args) ? json_loads(json_string_value(args), 0, NULL) : json_incref(args);
  json_decref(ev);
  return json_string_value(json_object_get(*ret_args, "lock"));
}

static void assert_lost_by(struct world *w, const char *lock) {
  json_t *args = NULL;
  const char *found = lost_lock(w, &args);
  if (found == NULL || strcmp(found, lock) != 0) world_show(w);
  assert_string_equal(found, lock);
  json_decref(args);
}

/* A trial of this process's own worker, whose trainer the test plays. */
static void begin_connected(struct world *w, struct client *c) {
  world_begin(w, world_patient, "");
  world_propose(w, 2.385);
  world_work(w, 1);
  WORLD_UNTIL(w, world_has(w, 1, 1, "env"));
  (void)client_hello(w, c, 1, 1, "save load");
}

static const char go[] = "{\"type\":\"go\"}";

static const char *client_report(struct world *w, struct client *c, int ordinal, double step, double loss) {
  client_send(c, "{\"type\":\"report\",\"ordinal\":%d,\"step\":%g,\"metrics\":{\"loss\":%g}}", ordinal, step,
              loss);
  return client_hear(w, c);
}

/* The worker goes, and leaves its trainers running; the world is closed. */
static void detach(struct world *w) {
  cl_worker_shutdown(w->worker, CL_SHUTDOWN_DETACH, 0);
  world_close(w);
}

static void make_state(struct world *w, const char *name, const char *weights) {
  char file[100];
  (void)snprintf(file, sizeof file, "%s/weights", name);
  char *path = cl_path_join(w->directory, "clade.db.d/s/1"), *state = cl_path_join(path, name),
       *whole = cl_path_join(path, file);
  assert_int_equal(cl_dir_create(state, NULL), 0);
  assert_int_equal(cl_file_write(whole, weights, strlen(weights), false, NULL), 0);
  cl_free(path);
  cl_free(state);
  cl_free(whole);
}

/* Row 1: started, and nothing else. */
static void a_start_without_a_process_is_lost_and_tried_again(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, world_patient, "");
  world_propose(&w, 2.385);
  struct cl_err e;
  assert_int_equal(world_try_to_work(&w, 1, &e), 0);
  struct cl_event ev = {.kind = CL_EVENT_STARTED, .attempt = 1, .cause = CL_CAUSE_CLAIM};
  ev.u.started.worker = cl_worker_number(w.worker);
  ev.u.started.until = CL_NO_STEP;
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_DETACH, 0);
  world_close(&w);
  world_open(&w);
  (void)world_decide(&w, 1, ev); /* as if the engine had been killed before it could spawn */
  world_work(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_LOST);
  assert_lost_by(&w, "free");
  retry(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 2, "env"));
  assert_int_equal(world_trial(&w, 1)->head.attempt, 2);
  world_end(&w);
}

/* Row 2: the process lives. */
static void a_running_program_is_adopted_and_followed_to_its_end(void **state) {
  (void)state;
  struct world w;
  struct engine e = begin(
      &w,
      "cd \"$CLADE_DIR/attempt-1\"; echo step=1 loss=0.5; echo step=2 loss=0.25; touch two; while [ ! -e "
      "more ]; do sleep 0.01; done; echo step=3 loss=0.125; touch three; while [ ! -e end ]; do sleep "
      "0.01; done; exit 0",
      "", "two");
  kill_engine(e);
  world_open(&w);
  world_touch(&w, 1, 1, "more", ""); /* it goes on while no engine is there */
  char *three = world_path(&w, 1, 1, "three");
  EVENTUALLY(file_is_there(three));
  world_work(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_RUNNING);
  assert_int_equal(world_trial(&w, 1)->head.worker, cl_worker_number(w.worker));
  WORLD_UNTIL(&w, world_trial(&w, 1)->head.reports == 3);
  assert_int_equal(cl_study_worker(w.s, 1)->slots, 0); /* the dead one counts no more */
  assert_int_equal(cl_study_slots(w.s), 1);
  world_touch(&w, 1, 1, "end", "");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 3); /* none lost, none twice */
  assert_int_equal(world_count(&w, 1, CL_EVENT_ADOPTED), 1);
  assert_int_equal(world_trial(&w, 1)->exit_status, 0); /* the old keeper saw it */
  cl_free(three);
  world_end(&w);
}

static void a_connected_trainer_comes_back_to_the_next_worker(void **state) {
  (void)state;
  struct world w;
  struct client c;
  struct engine e = begin(&w, world_patient, "", "env");
  kill_engine(e);
  world_open(&w);
  world_work(&w, 1);
  char *now = world_read(&w, 1, 0, "socket");
  assert_int_equal(strncmp(now, cl_worker_socket(w.worker), strlen(cl_worker_socket(w.worker))), 0);
  const char *line = client_hello(&w, &c, 1, 1, "save");
  assert_non_null(strstr(line, "{\"type\":\"start\""));
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":0.5}}");
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"go\"}");
  client_close(&c);
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_DETACH, 0); /* this one goes without a word, too */
  world_close(&w);
  world_open(&w);
  world_work(&w, 1);
  line = client_hello(&w, &c, 1, 1, "save");
  assert_non_null(strstr(line, "\"reports\":1"));
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":0.5}}");
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"go\"}");
  client_send(&c, "{\"type\":\"report\",\"ordinal\":2,\"step\":2,\"metrics\":{\"loss\":0.25}}");
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"go\"}");
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 2);
  assert_int_equal(world_count(&w, 1, CL_EVENT_CONNECTED), 1);
  client_close(&c);
  world_touch(&w, 1, 1, "end", "0");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  cl_free(now);
  world_end(&w);
}

static bool says_where_it_listens(struct world *w) {
  char *now = world_read(w, 1, 0, "socket");
  size_t n = strlen(cl_worker_socket(w->worker));
  bool says = strncmp(now, cl_worker_socket(w->worker), n) == 0 && now[n] == '\n';
  cl_free(now);
  return says;
}

/* Another that had it first was slow to write where it listens, and was killed then. */
static void a_trainer_that_was_sent_to_a_dead_worker_is_sent_back(void **state) {
  (void)state;
  struct world w;
  struct engine e = begin(&w, world_patient, "", "env");
  kill_engine(e);
  world_open(&w);
  world_work(&w, 1);
  assert_true(says_where_it_listens(&w));
  world_touch(&w, 1, 0, "socket", "/tmp/clade-nobody/s\n");
  WORLD_UNTIL(&w, says_where_it_listens(&w));
  world_touch(&w, 1, 1, "end", "0");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_FAILED); /* it has ended, and never reported anything */
  world_end(&w);
}

static void a_report_that_waited_still_waits_and_is_let_go_once_decided(void **state) {
  (void)state;
  struct world w;
  struct client c;
  world_begin(&w, world_patient, "");
  w.until = 2;
  world_propose(&w, 2.385);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env"));
  (void)client_hello(&w, &c, 1, 1, "");
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":2,\"metrics\":{\"loss\":0.5}}");
  assert_true(client_is_silent(&w, &c));
  client_close(&c);
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_DETACH, 0);
  world_close(&w);
  world_open(&w);
  world_work(&w, 1);
  (void)client_hello(&w, &c, 1, 1, "");
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":2,\"metrics\":{\"loss\":0.5}}");
  assert_true(client_is_silent(&w, &c));
  client_close(&c);
  struct cl_event ev = {.kind = CL_EVENT_CONTINUED, .cause = CL_CAUSE_RUNG};
  ev.u.continued.until = 2; /* the same step again: what counts is that it was decided */
  (void)world_decide(&w, 1, ev);
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_DETACH, 0);
  world_close(&w);
  world_open(&w);
  world_work(&w, 1);
  (void)client_hello(&w, &c, 1, 1, "");
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":2,\"metrics\":{\"loss\":0.5}}");
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"go\"}");
  client_close(&c);
  world_end(&w);
}

/* Row 3: it ended while no engine was there, and its keeper wrote down how. */
static void an_end_that_was_written_down_is_recorded(void **state) {
  (void)state;
  struct world w;
  struct engine e = begin(
      &w,
      "cd \"$CLADE_DIR/attempt-1\"; echo step=1 loss=0.5; touch one; while [ ! -e end ]; do sleep 0.01; "
      "done; echo step=2 loss=0.25; exit 0",
      "", "one");
  kill_engine(e);
  world_open(&w);
  world_touch(&w, 1, 1, "end", "");
  EVENTUALLY(lock_is_free(&w, 1, 1));
  assert_true(world_has(&w, 1, 1, "exit"));
  world_work_off(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  assert_true(world_trial(&w, 1)->value == 0.25); /* its last line was read all the same */
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 2);
  assert_int_equal(world_count(&w, 1, CL_EVENT_ADOPTED), 0);
  world_end(&w);
}

static void a_failure_that_was_written_down_is_a_failure(void **state) {
  (void)state;
  struct world w;
  struct engine e = begin(&w, world_patient, "", "env");
  kill_engine(e);
  world_open(&w);
  world_touch(&w, 1, 1, "end", "23");
  EVENTUALLY(lock_is_free(&w, 1, 1));
  world_work_off(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_FAILED);
  assert_int_equal(world_trial(&w, 1)->exit_status, 23);
  world_end(&w);
}

/* Row 4: done was said, and how it ended is not known. */
static void a_trial_that_was_done_stays_complete(void **state) {
  (void)state;
  struct world w;
  struct client c;
  world_begin(&w, world_patient, "");
  world_propose(&w, 2.385);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env"));
  (void)client_hello(&w, &c, 1, 1, "");
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":0.5}}");
  (void)client_hear(&w, &c);
  client_send(&c, "{\"type\":\"done\"}");
  (void)client_hear(&w, &c);
  client_close(&c);
  abandon(&w);
  world_open(&w);
  kill_trainer(&w, 1, 1);
  world_work_off(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  assert_int_equal(world_trial(&w, 1)->exit_status, -1);
  assert_int_equal(world_count(&w, 1, CL_EVENT_LOST), 0);
  world_end(&w);
}

/* Row 5: gone without a trace. */
static void a_process_that_vanished_is_lost_and_resumes_from_its_state(void **state) {
  (void)state;
  struct world w;
  struct client c;
  world_begin(&w, world_patient, "");
  world_propose(&w, 2.385);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env"));
  (void)client_hello(&w, &c, 1, 1, "save load");
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_CHECKPOINT_ASKED, .cause = CL_CAUSE_HUMAN});
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":0.5}}");
  (void)client_hear(&w, &c);
  char *own = world_path(&w, 1, 0, "checkpoints/1-1.new");
  assert_int_equal(cl_dir_create(own, NULL), 0);
  client_send(&c, "{\"type\":\"saved\",\"step\":1,\"path\":\"%s\"}", own);
  (void)client_hear(&w, &c);
  client_close(&c);
  abandon(&w);
  world_open(&w);
  kill_trainer(&w, 1, 1);
  world_work(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_LOST);
  assert_lost_by(&w, "free");
  retry(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 2, "env"));
  json_t *start = world_last(&w, 1, CL_EVENT_STARTED), *saved = world_last(&w, 1, CL_EVENT_SAVED);
  assert_int_equal(json_integer_value(world_field(start, "from")),
                   json_integer_value(world_field(saved, "position")));
  json_decref(start);
  json_decref(saved);
  cl_free(own);
  world_end(&w);
}

/* The trainer has waited in vain for a worker: it saves by itself, and exits with 75. */
static void a_state_that_was_saved_while_no_worker_was_there_is_begun_from(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_connected(&w, &c);
  assert_string_equal(client_report(&w, &c, 1, 1.5, 0.625), go);
  client_close(&c);
  detach(&w);
  make_state(&w, "checkpoints/2.5.late", "the weights");
  world_open(&w);
  world_touch(&w, 1, 1, "end", "75");
  EVENTUALLY(world_has(&w, 1, 1, "exit"));
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_PREEMPTED);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 1);
  json_t *saved = world_last(&w, 1, CL_EVENT_SAVED), *ended = world_last(&w, 1, CL_EVENT_ENDED);
  int64_t position = json_integer_value(world_field(saved, "position"));
  assert_true(position < json_integer_value(world_field(ended, "position")));
  const struct cl_snapshot *n = cl_study_snapshot(w.s, position);
  assert_string_equal(n->path, "1/checkpoints/1-2.5-late");
  assert_true(n->step == 2.5);
  assert_int_equal(n->bytes, 11);
  assert_true(n->rollup.last == 0.625);
  assert_true(world_has(&w, 1, 0, "checkpoints/1-2.5-late/weights"));
  assert_false(world_has(&w, 1, 0, "checkpoints/2.5.late"));
  json_decref(saved);
  json_decref(ended);
  retry(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 2, "env"));
  char *environment = world_read(&w, 1, 2, "env");
  assert_non_null(strstr(environment, "checkpoints/1-2.5-late"));
  cl_free(environment);
  world_end(&w);
}

/* As above, but the worker that published it died before it was recorded, and the process is lost. */
static void a_late_state_that_was_published_and_not_recorded_is_recorded(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_connected(&w, &c);
  assert_string_equal(client_report(&w, &c, 1, 1.5, 0.625), go);
  client_close(&c);
  pid_t keeper = cl_keeper_pid(w.worker->keeper);
  detach(&w);
  make_state(&w, "checkpoints/1-2.5-late", "the weights");
  make_state(&w, "checkpoints/-3.late", "of a step below zero");
  world_open(&w);
  kill_keeper(keeper);
  kill_trainer(&w, 1, 1);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_LOST);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 2);
  assert_true(world_has(&w, 1, 0, "checkpoints/1-2.5-late/weights"));
  assert_true(world_has(&w, 1, 0, "checkpoints/1--3-late/weights"));
  assert_non_null(cl_study_find_snapshot(w.s, 1, "1/checkpoints/1-2.5-late"));
  assert_non_null(cl_study_find_snapshot(w.s, 1, "1/checkpoints/1--3-late"));
  world_end(&w);
}

static void states_that_no_event_refers_to_are_removed(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_connected(&w, &c);
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_CHECKPOINT_ASKED, .cause = CL_CAUSE_HUMAN});
  (void)client_report(&w, &c, 1, 1, 0.5);
  make_state(&w, "checkpoints/1-1.new", "recorded");
  char *own = world_path(&w, 1, 0, "checkpoints/1-1.new");
  client_send(&c, "{\"type\":\"saved\",\"step\":1,\"path\":\"%s\"}", own);
  assert_string_equal(client_hear(&w, &c), go);
  client_close(&c);
  pid_t keeper = cl_keeper_pid(w.worker->keeper);
  detach(&w);
  static const char *const gone[] = {"checkpoints/1-2", "checkpoints/1-2-load1", "checkpoints/1-3.new",
                                     "checkpoints/4.late.part"};
  static const char *const kept[] = {"checkpoints/1-1", "checkpoints/2-1", "checkpoints/1-best",
                                     "checkpoints/mine", "checkpoints/1-2.new.old"};
  for (size_t i = 0; i < 4; i++) make_state(&w, gone[i], "x");
  for (size_t i = 1; i < 5; i++) make_state(&w, kept[i], "x");
  world_open(&w);
  kill_keeper(keeper);
  kill_trainer(&w, 1, 1);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_LOST);
  for (size_t i = 0; i < 4; i++) WORLD_UNTIL(&w, !world_has(&w, 1, 0, gone[i]));
  for (size_t i = 0; i < 5; i++) assert_true(world_has(&w, 1, 0, kept[i]));
  cl_free(own);
  world_end(&w);
}

static void a_late_state_that_cannot_be_published_stays_and_is_said(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_connected(&w, &c);
  assert_string_equal(client_report(&w, &c, 1, 1.5, 0.625), go);
  client_close(&c);
  make_state(&w, "checkpoints/2.late", "new");
  make_state(&w, "checkpoints/1-2-late", "in the way");
  world_touch(&w, 1, 1, "end", "75");
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_PREEMPTED);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED),
                   1); /* the one in the way was published by this attempt */
  assert_true(world_has(&w, 1, 0, "checkpoints/1-2-late/weights"));
  assert_true(world_has(&w, 1, 0, "checkpoints/2.late/weights"));
  assert_non_null(
      strstr(cl_text_get(&w.said), "the state that it saved at step 2 was left where it is: cannot rename"));
  world_end(&w);
}

static void after_a_restart_of_the_machine_nobody_lives(void **state) {
  (void)state;
  struct world w;
  struct engine e = begin(&w, world_patient, "", "env");
  kill_engine(e);
  world_open(&w);
  w.options.boot = "another-boot";
  world_work(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_LOST); /* although a process of that number has the lock */
  assert_lost_by(&w, "another boot");
  kill_trainer(&w, 1, 1);
  EVENTUALLY(lock_is_free(&w, 1, 1));
  world_end(&w);
}

static void other_machines_are_left_alone(void **state) {
  (void)state;
  struct world w;
  struct engine e = begin(&w, world_patient, "", "env");
  kill_engine(e);
  world_open(&w);
  w.options.host = "elsewhere";
  world_work(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_RUNNING);
  assert_true(world_is_idle(&w));
  assert_int_equal(cl_study_worker(w.s, 1)->slots, 1);
  kill_trainer(&w, 1, 1);
  EVENTUALLY(lock_is_free(&w, 1, 1));
  world_end(&w);
}

static void the_attempts_of_a_living_worker_are_left_alone(void **state) {
  (void)state;
  struct world w;
  struct engine e = begin(&w, world_patient, "", "env");
  world_open(&w);
  world_work(&w, 1);
  assert_true(world_is_idle(&w));
  assert_int_equal(world_trial(&w, 1)->head.worker, 1);
  kill_engine(e);
  struct cl_err err;
  assert_int_equal(cl_worker_recover(w.worker, &err), 0); /* again, now that it is dead */
  world_turn(&w);
  assert_int_equal(cl_worker_busy(w.worker), 1);
  assert_int_equal(world_trial(&w, 1)->head.worker, cl_worker_number(w.worker));
  world_touch(&w, 1, 1, "end", "3");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_trial(&w, 1)->exit_status, 3);
  world_end(&w);
}

static void a_worker_that_dies_later_is_noticed(void **state) {
  (void)state;
  struct world w;
  struct engine e = begin(&w, world_patient, "", "env");
  world_open(&w);
  world_work(&w, 1);
  assert_int_equal(world_count(&w, 1, CL_EVENT_ADOPTED), 0);
  kill_engine(e);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_ADOPTED) == 1);
  world_touch(&w, 1, 1, "end", "3");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_FAILED);
  world_end(&w);
}

static void of_two_that_recover_one_follows(void **state) {
  (void)state;
  struct world w, other;
  struct engine e = begin(&w, world_patient, "", "env");
  struct cl_err err;
  kill_engine(e);
  world_open(&w);
  other = w;
  other.loop_open = false;
  other.said = (struct cl_text){0};
  world_open(&other);
  assert_int_equal(world_try_to_work(&w, 1, &err), 0);
  assert_int_equal(world_try_to_work(&other, 1, &err), 0);
  follow(&w);
  assert_int_equal(cl_worker_recover(w.worker, &err), 0);
  assert_int_equal(cl_worker_recover(other.worker, &err), 0);
  world_turn(&w);
  world_turn(&other);
  follow(&w);
  world_turn(&w);
  assert_int_equal(cl_worker_busy(w.worker) + cl_worker_busy(other.worker), 1);
  assert_int_equal(world_trial(&w, 1)->head.worker, cl_worker_number(other.worker));
  world_touch(&w, 1, 1, "end", "3");
  WORLD_UNTIL(&other, world_is_idle(&other));
  follow(&w);
  assert_int_equal(world_trial(&w, 1)->exit_status, 3);
  assert_int_equal(world_count(&w, 1, CL_EVENT_ENDED), 1);
  world_close(&other);
  cl_text_done(&other.said);
  world_end(&w);
}

static void more_may_be_adopted_than_there_are_slots(void **state) {
  (void)state;
  struct world w;
  struct cl_slot_view views[4];
  world_begin(&w, world_patient, "");
  for (int i = 0; i < 4; i++) world_propose(&w, i);
  char *third = world_path(&w, 3, 1, "env"), *second = world_path(&w, 2, 1, "env"),
       *first = world_path(&w, 1, 1, "env");
  world_close(&w);
  struct engine e = start_engine(&w, 3);
  EVENTUALLY(file_is_there(first) && file_is_there(second) && file_is_there(third));
  kill_engine(e);
  world_open(&w);
  world_work(&w, 1);
  assert_int_equal(cl_worker_busy(w.worker), 3);
  assert_int_equal(cl_worker_views(w.worker, views, 4), 3);
  world_touch(&w, 1, 1, "end", "1");
  WORLD_UNTIL(&w, cl_worker_busy(w.worker) == 2);
  assert_int_equal(world_state(&w, 4), CL_WAITING); /* none is claimed before enough have ended */
  cl_free(first);
  cl_free(second);
  cl_free(third);
  world_end(&w);
}

static void what_a_dead_process_left_in_its_group_is_killed(void **state) {
  (void)state;
  struct world w;
  struct engine e = begin(&w,
                          "cd \"$CLADE_DIR/attempt-1\"; sh -c 'while :; do sleep 0.05; done' & touch one; "
                          "while [ ! -e end ]; do sleep 0.01; done; exit 0",
                          "", "one");
  kill_engine(e);
  kill_keeper(e.keeper);
  world_open(&w);
  int64_t start;
  pid_t pid = trainer_of(&w, 1, 1, &start);
  assert_int_equal(kill(pid, SIGKILL), 0); /* the leader alone */
  EVENTUALLY(!cl_process_lives(pid, start));
  assert_false(lock_is_free(&w, 1, 1));
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_LOST);
  assert_true(lock_is_free(&w, 1, 1));
  world_end(&w);
}

static void a_program_that_closed_its_lock_is_adopted_by_its_number(void **state) {
  (void)state;
  struct world w;
  struct engine e = begin(&w,
                          "cd \"$CLADE_DIR/attempt-1\"; exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; touch one; "
                          "while [ ! -e end ]; do sleep 0.01; done; exit 0",
                          "", "one");
  kill_engine(e);
  kill_keeper(e.keeper);
  world_open(&w);
  assert_true(lock_is_free(&w, 1, 1));
  world_work(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_RUNNING);
  assert_int_equal(cl_worker_busy(w.worker), 1);
  world_touch(&w, 1, 1, "end", "");
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_LOST); /* nobody saw how it ended */
  world_end(&w);
}

static void a_decision_taken_while_no_worker_was_there_is_carried_out(void **state) {
  (void)state;
  struct world w;
  struct engine e = begin(&w, world_patient, "", "env");
  kill_engine(e);
  world_open(&w);
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_STOPPED, .cause = CL_CAUSE_HUMAN});
  world_work_off(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_PRUNED);
  assert_int_equal(world_trial(&w, 1)->exit_status, 128 + SIGTERM);
  world_end(&w);
}

static void a_time_limit_counts_over_engines(void **state) {
  (void)state;
  struct world w;
  struct engine e = begin(&w, world_patient, ", \"limits\": {\"time_s\": 2000}", "env");
  int64_t before_us = cl_clock_monotonic_us();
  kill_engine(e);
  world_open(&w);
  world_work(&w, 1);
  struct cl_attempt *a = cl_attempts_find(w.worker, 1, 1);
  assert_true(a->started_us <= before_us); /* its process is older than this worker */
  world_turn(&w);
  assert_int_equal(world_state(&w, 1), CL_RUNNING);
  a->started_us -= INT64_C(2000000000); /* as if it had trained for so long */
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_PRUNED);
  world_end(&w);
}

/* Engines that are killed at any instant, again and again: all trials complete, each once, none is lost for
 * good. */
static void killed_at_any_instant_exactly_n_complete(void **state) {
  (void)state;
  enum { N = 8 };
  struct world w;
  world_begin(&w, "for i in 1 2 3; do echo step=$i loss=0.$i; sleep 0.02; done", "");
  for (int i = 0; i < N; i++) world_propose(&w, i);
  world_close(&w);
  for (int round = 0; round < 200; round++) {
    struct engine e = start_engine(&w, 2);
    uint64_t most =
        60000 + 20000 * (uint64_t)round; /* longer and longer, for machines that start one slowly */
    (void)usleep(
        (useconds_t)(cl_mix64((uint64_t)round) % most)); /* any instant will do: nothing waits for it */
    kill_engine(e);
    world_open(&w);
    for (int64_t i = 1; i <= N; i++)
      if (world_state(&w, i) == CL_LOST) retry(&w, i);
    bool over = cl_study_count(w.s, CL_COMPLETE) == N;
    if (over) break;
    world_close(&w);
  }
  assert_int_equal(cl_study_count(w.s, CL_COMPLETE), N);
  for (int64_t i = 1; i <= N; i++) {
    assert_true(world_trial(&w, i)->value == 0.3);
    assert_int_equal(world_count(&w, i, CL_EVENT_REPORTED) >= 3, 1);
  }
  struct cl_err e;
  if (cl_store_check(w.store, w.study, &e) < 0) fail_msg("%s", e.text);
  world_end(&w);
}

#define TEST(name) cmocka_unit_test(name)

int main(int argc, char **argv) {
  WORLD_MAIN_BEGIN(argc, argv);
  const struct CMUnitTest tests[] = {TEST(a_start_without_a_process_is_lost_and_tried_again),
                                     TEST(a_running_program_is_adopted_and_followed_to_its_end),
                                     TEST(a_connected_trainer_comes_back_to_the_next_worker),
                                     TEST(a_trainer_that_was_sent_to_a_dead_worker_is_sent_back),
                                     TEST(a_report_that_waited_still_waits_and_is_let_go_once_decided),
                                     TEST(an_end_that_was_written_down_is_recorded),
                                     TEST(a_failure_that_was_written_down_is_a_failure),
                                     TEST(a_trial_that_was_done_stays_complete),
                                     TEST(a_process_that_vanished_is_lost_and_resumes_from_its_state),
                                     TEST(a_state_that_was_saved_while_no_worker_was_there_is_begun_from),
                                     TEST(a_late_state_that_was_published_and_not_recorded_is_recorded),
                                     TEST(states_that_no_event_refers_to_are_removed),
                                     TEST(a_late_state_that_cannot_be_published_stays_and_is_said),
                                     TEST(after_a_restart_of_the_machine_nobody_lives),
                                     TEST(other_machines_are_left_alone),
                                     TEST(the_attempts_of_a_living_worker_are_left_alone),
                                     TEST(a_worker_that_dies_later_is_noticed),
                                     TEST(of_two_that_recover_one_follows),
                                     TEST(more_may_be_adopted_than_there_are_slots),
                                     TEST(what_a_dead_process_left_in_its_group_is_killed),
                                     TEST(a_program_that_closed_its_lock_is_adopted_by_its_number),
                                     TEST(a_decision_taken_while_no_worker_was_there_is_carried_out),
                                     TEST(a_time_limit_counts_over_engines),
                                     TEST(killed_at_any_instant_exactly_n_complete)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
