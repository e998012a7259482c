/* Twins: what the worker does with processes that were forked, and with what these say. The processes are
 * puppets: each is one, and the test speaks for it. Time is advanced, not waited for. */
#include "scene.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "worker/keeper_link.h"

static void note_of(const struct family *s, int64_t trial, char ret[100]) {
  (void)snprintf(ret, 100, "%s", strrchr(scene_last_snapshot(&s->w, trial)->path, '/') + 1);
}

/* Trial 2 is to go on from that state: its next attempt begins. */
static void supersede(struct family *f, int64_t snapshot) {
  family_supersede(f, snapshot);
  (void)scene_retry(&f->w, 2);
}

static bool lock_is_held(struct family *s, int64_t trial, int attempt) {
  char *path = world_path(&s->w, trial, attempt, "lock");
  int fd = open(path, O_RDWR | O_CLOEXEC);
  bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
  if (fd >= 0) (void)close(fd);
  cl_free(path);
  return held;
}

/* Saving. */

static void a_twin_is_the_state_of_the_report_that_names_it(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  struct stat info;
  char name[100], wanted[300];
  family_begin(&s, 1, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  const struct cl_snapshot *n = cl_study_snapshot(s.w.s, snapshot);
  assert_int_equal(n->way, CL_WAY_FORK);
  assert_true(n->step == 2 && n->bytes > 0 && n->rollup.count == 1);
  assert_int_equal(cl_twins_find(s.w.worker, n), 0);
  note_of(&s, 1, name);
  char *path = world_path(&s.w, 1, 1, name), *text = world_read(&s.w, 1, 1, name);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  (void)snprintf(wanted, sizeof wanted, "%s %d ", s.tokens[0], (int)twin.pid);
  assert_has(text, wanted);
  cl_free(text);
  cl_free(path);
  assert_true(client_is_silent(&s.w, &s.trainers[0])); /* the report waits for the scheduler */
  puppet_kill(&twin);
  family_end(&s);
}

/* The report is there first: it waits until its twin has said hello. */
static void a_report_waits_for_its_twin(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  family_begin(&s, 1, NULL);
  scene_send_report(&s.trainers[0], 1, 2, 0.5, s.tokens[0]);
  assert_true(client_is_silent(&s.w, &s.trainers[0]));
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_REPORTED), 0);
  puppet_open(&s.w, &twin);
  puppet_hello(&twin, s.tokens[0]);
  WORLD_UNTIL(&s.w, world_count(&s.w, 1, CL_EVENT_SAVED) == 1);
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_REPORTED), 1);
  puppet_kill(&twin);
  family_end(&s);
}

static void a_twin_that_does_not_come_is_asked_for_five_times_more(void **state) {
  (void)state;
  struct family s;
  char token[200], before[200];
  family_begin(&s, 1, NULL);
  scene_send_report(&s.trainers[0], 1, 2, 0.5, s.tokens[0]);
  assert_true(client_is_silent(&s.w, &s.trainers[0]));
  memcpy(before, s.tokens[0], sizeof before);
  for (int i = 0; i < 5; i++) {
    scene_pass(&s.w, 11);
    const char *line = client_hear(&s.w, &s.trainers[0]);
    assert_has(line, "{\"type\":\"fork\"");
    client_take_text(line, "token", token);
    assert_string_not_equal(token, before);
    memcpy(before, token, sizeof before);
  }
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_REPORTED), 0);
  scene_pass(&s.w, 11);
  WORLD_UNTIL(&s.w, world_count(&s.w, 1, CL_EVENT_REPORTED) == 1); /* without a state */
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_SAVED), 0);
  json_t *note = world_last(&s.w, 1, CL_EVENT_NOTE);
  assert_string_equal(json_string_value(world_field(note, "text")),
                      "the twin that was to hold it has not come");
  json_decref(note);
  family_end(&s);
}

/* Killed between its hello and the report that names it. */
static void a_twin_that_has_died_is_asked_for_at_once(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  char token[200];
  family_begin(&s, 1, NULL);
  puppet_open(&s.w, &twin);
  puppet_hello(&twin, s.tokens[0]);
  assert_true(client_is_silent(&s.w, &twin.c));
  puppet_kill(&twin);
  scene_send_report(&s.trainers[0], 1, 2, 0.5, s.tokens[0]);
  client_take_text(client_hear(&s.w, &s.trainers[0]), "token", token);
  puppet_open(&s.w, &twin);
  puppet_hello(&twin, token);
  WORLD_UNTIL(&s.w, world_count(&s.w, 1, CL_EVENT_SAVED) == 1);
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_NOTE), 0);
  puppet_kill(&twin);
  family_end(&s);
}

/* Its twin does not come; asked for another one it answers `saved` with `more`. */
static void check_recorded_without(const char *more, const char *reason) {
  struct family s;
  family_begin(&s, 1, NULL);
  scene_send_report(&s.trainers[0], 1, 2, 0.5, s.tokens[0]);
  assert_true(client_is_silent(&s.w, &s.trainers[0]));
  scene_pass(&s.w, 11);
  assert_has(client_hear(&s.w, &s.trainers[0]), "{\"type\":\"fork\"");
  client_send(&s.trainers[0], "{\"type\":\"saved\",\"step\":2%s}", more);
  WORLD_UNTIL(&s.w, world_count(&s.w, 1, CL_EVENT_REPORTED) == 1);
  json_t *note = world_last(&s.w, 1, CL_EVENT_NOTE);
  assert_string_equal(json_string_value(world_field(note, "text")), reason);
  json_decref(note);
  family_end(&s);
}

static void a_trainer_that_cannot_fork_again_is_recorded_without_its_state(void **state) {
  (void)state;
  check_recorded_without(",\"error\":\"it has two threads by now\"", "it has two threads by now");
}

static void a_state_that_is_asked_for_is_a_twin_too(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  char token[200];
  family_begin(&s, 1, NULL);
  assert_has((scene_send_report(&s.trainers[0], 1, 1, 0.5, NULL), client_hear(&s.w, &s.trainers[0])),
             "\"go\"");
  (void)world_decide(&s.w, 1, (struct cl_event){.kind = CL_EVENT_CHECKPOINT_ASKED, .cause = CL_CAUSE_LIMIT});
  scene_send_report(&s.trainers[0], 2, 1.5, 0.5, NULL);
  const char *line = client_hear(&s.w, &s.trainers[0]);
  assert_has(line, "{\"type\":\"fork\"");
  client_take_text(line, "token", token);
  assert_string_equal(token, s.tokens[0]); /* the same until it has come */
  puppet_open(&s.w, &twin);
  puppet_hello(&twin, token);
  assert_has(client_hear(&s.w, &s.trainers[0]), "{\"type\":\"go\"");
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_SAVED), 1);
  assert_true(scene_last_snapshot(&s.w, 1)->step == 1.5);
  puppet_kill(&twin);
  family_end(&s);
}

static void an_asked_twin_that_does_not_come_is_asked_for_again(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  char token[200];
  family_begin(&s, 1, NULL);
  assert_has((scene_send_report(&s.trainers[0], 1, 1, 0.5, NULL), client_hear(&s.w, &s.trainers[0])),
             "\"go\"");
  (void)world_decide(&s.w, 1, (struct cl_event){.kind = CL_EVENT_CHECKPOINT_ASKED, .cause = CL_CAUSE_LIMIT});
  scene_send_report(&s.trainers[0], 2, 1.5, 0.5, NULL);
  for (int i = 0; i < 3; i++) {
    client_take_text(client_hear(&s.w, &s.trainers[0]), "token", token);
    assert_true(client_is_silent(&s.w, &s.trainers[0]));
    scene_pass(&s.w, 11);
  }
  client_take_text(client_hear(&s.w, &s.trainers[0]), "token", token);
  puppet_open(&s.w, &twin);
  puppet_hello(&twin, token);
  assert_has(client_hear(&s.w, &s.trainers[0]), "{\"type\":\"go\"");
  assert_true(scene_last_snapshot(&s.w, 1)->step == 1.5);
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_NOTE), 0);
  puppet_kill(&twin);
  family_end(&s);
}

/* And given up: then it is asked for at the next report at which it is wanted, from the beginning. */
static void asking_for_a_twin_has_an_end(void **state) {
  (void)state;
  struct family s;
  char token[200];
  family_begin(&s, 1, NULL);
  assert_has((scene_send_report(&s.trainers[0], 1, 1, 0.5, NULL), client_hear(&s.w, &s.trainers[0])),
             "\"go\"");
  for (int asked = 1; asked <= 2; asked++) {
    (void)world_decide(&s.w, 1,
                       (struct cl_event){.kind = CL_EVENT_CHECKPOINT_ASKED, .cause = CL_CAUSE_LIMIT});
    scene_send_report(&s.trainers[0], 1 + asked, 1 + 0.25 * asked, 0.5, NULL);
    for (int i = 0; i < 6; i++) {
      client_take_text(client_hear(&s.w, &s.trainers[0]), "token", token);
      scene_pass(&s.w, 11);
    }
    assert_has(client_hear(&s.w, &s.trainers[0]), "{\"type\":\"go\"");
    assert_int_equal(world_count(&s.w, 1, CL_EVENT_NOTE), asked);
  }
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_SAVED), 0);
  family_end(&s);
}

/* Asked between two questions: it says that it cannot, and goes on. */
static void a_trainer_that_is_asked_and_cannot_fork_goes_on(void **state) {
  (void)state;
  static const char *const answers[] = {"\"error\":\"it has two threads by now\"", "\"bytes\":7"};
  for (int i = 0; i < 2; i++) {
    struct family s;
    family_begin(&s, 1, NULL);
    assert_has(scene_report(&s.w, &s.trainers[0], 1, 1, 0.5), "{\"type\":\"go\"");
    (void)scene_ask_state(&s.w, 1);
    assert_has(scene_report(&s.w, &s.trainers[0], 2, 1.5, 0.5), "{\"type\":\"fork\"");
    client_send(&s.trainers[0], "{\"type\":\"saved\",\"step\":1.5,%s}", answers[i]);
    const char *line = client_hear(&s.w, &s.trainers[0]);
    assert_has(line, i == 0 ? "{\"type\":\"go\"" : "a state was saved that was not asked for");
    assert_int_equal(world_count(&s.w, 1, CL_EVENT_NOTE), 1 - i);
    assert_int_equal(world_count(&s.w, 1, CL_EVENT_SAVED), 0);
    family_end(&s);
  }
}

/* It says that there is none, and not why. */
static void a_report_whose_twin_is_withdrawn_is_recorded_without(void **state) {
  (void)state;
  check_recorded_without("", "there is no twin");
}

/* A twin is no state that outlives the machine: before a pause, one that can saves into a directory, too. */
static void who_has_left_a_twin_saves_before_a_pause(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  char token[CL_TOKEN_SIZE];
  family_begin(&s, 1, NULL);
  client_close(&s.trainers[0]);
  world_token(&s.w, 1, 1, token);
  assert_has(client_hello(&s.w, &s.trainers[0], 1, 1, "save fork"), "\"way\":\"fork\"");
  (void)family_leave_twin(&s, 1, &twin);
  (void)world_decide(&s.w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_RUNG});
  assert_has(client_hear(&s.w, &s.trainers[0]), "{\"type\":\"pause\",\"save\":");
  puppet_kill(&twin);
  family_end(&s);
}

/* Hostile ones. */

static void tokens_that_nobody_was_given_are_refused(void **state) {
  (void)state;
  struct family s;
  family_begin(&s, 1, NULL);
  static const char *const bad[] = {
      "twin.",
      "twin.x",
      "twin.0.1.0123456789abcdef.0123456789abcdef0123456789abcdef",
      "twin.99999999999999999999.1.0123456789abcdef.0123456789abcdef0123456789abcdef",
      "twin.1",
      "twin.1.",
      "twin.1.x",
      "twin.1.1",
      "twin.1.1.",
      "twin.1.99999999999999999999.0123456789abcdef.0123456789abcdef0123456789abcdef",
      "twin.1.4294967296.0123456789abcdef.0123456789abcdef0123456789abcdef",
      "twin.1.1.0123456789abcdef.0123456789abcdef0123456789abcde",
      "twin.1.1.0123456789abcdeX.0123456789abcdef0123456789abcdef",
      "twin.1.1.0123456789abcdefX0123456789abcdef0123456789abcdef",
      "twin.1.1.0123456789abcdef.0123456789abcdef0123456789abcdeX",
      "twin.1.1.0123456789abcdef.0123456789abcdef0123456789abcdef",
      "twin.7.1.0123456789abcdef.0123456789abcdef0123456789abcdef",
      "twin.1.1.../../../../../e.0123456789abcdef0123456789abcdef",
      "twin.1.1.0123456789abcdef.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      "twin.1.7.0123456789abcdef.0123456789abcdef0123456789abcdef",
      "twin.1000000000000000000.1000000000.0123456789abcdef.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      "remake.0123456789abcdef0123456789abcdef"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct client c;
    client_open(&s.w, &c);
    client_send(&c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1}", bad[i]);
    const char *line = client_hear(&s.w, &c);
    assert_has(line, "\"type\":\"error\"");
    assert_has(line, "\"fatal\":true");
    assert_string_equal(client_hear(&s.w, &c), "");
    client_close(&c);
    if (strncmp(bad[i], "twin.1.1.0123456789abcdef.0123456789abcdef0123456789abcdef",
                sizeof "twin.1.1.0123456789abcdef.0123456789abcdef0123456789abcdef") == 0)
      continue; /* in a report it may be one that the worker before has asked for */
    scene_send_report(&s.trainers[0], 1, 2, 0.5, bad[i]);
    assert_has(client_hear(&s.w, &s.trainers[0]), "not asked for");
  }
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_REPORTED), 0);
  family_end(&s);
}

static void a_report_cannot_name_the_twin_of_another(void **state) {
  (void)state;
  struct family s;
  family_begin(&s, 2, NULL);
  scene_send_report(&s.trainers[1], 1, 2, 0.5, s.tokens[0]);
  assert_has(client_hear(&s.w, &s.trainers[1]), "names a twin that was not asked for");
  family_end(&s);
}

static void who_says_hello_as_the_same_twin_takes_its_place(void **state) {
  (void)state;
  struct family s;
  struct puppet twin, again;
  family_begin(&s, 1, NULL);
  (void)family_leave_twin(&s, 1, &twin);
  puppet_open(&s.w, &again);
  puppet_hello(&again, s.tokens[0]);
  assert_string_equal(client_hear(&s.w, &twin.c), "");
  assert_true(client_is_silent(&s.w, &again.c));
  assert_int_equal(cl_twins_find(s.w.worker, scene_last_snapshot(&s.w, 1)), 0);
  puppet_kill(&twin);
  puppet_kill(&again);
  family_end(&s);
}

static void a_twin_that_speaks_unasked_is_told_so_and_hung_up_on(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  family_begin(&s, 1, NULL);
  (void)family_leave_twin(&s, 1, &twin);
  client_send(&twin.c, "{\"type\":\"report\",\"ordinal\":1,\"step\":3,\"metrics\":{\"loss\":0.25}}");
  assert_has(client_hear(&s.w, &twin.c), "one is open at a time");
  assert_string_equal(client_hear(&s.w, &twin.c), "");
  assert_int_equal(cl_twins_find(s.w.worker, scene_last_snapshot(&s.w, 1)),
                   CLADE_BUSY); /* it may come back */
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_REPORTED), 1);
  puppet_kill(&twin);
  family_end(&s);
}

/* Clones. */

static void a_clone_is_the_next_attempt_of_the_loser(void **state) {
  (void)state;
  struct family s;
  struct puppet twin, clone;
  char token[200];
  family_begin(&s, 2, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  supersede(&s, snapshot);
  int lock = family_hear_fork(&s, &twin, 2, token);
  assert_true(lock_is_held(&s, 2, 2));
  char *environment = world_read(&s.w, 2, 2, "environment");
  assert_has(environment, "CLADE_"); /* of its attempt; the first pair */
  cl_free(environment);
  puppet_open(&s.w, &clone);
  puppet_hello(&clone, token);
  const char *line = client_hear(&s.w, &clone.c);
  assert_has(line, "{\"type\":\"start\"");
  assert_has(line, "\"lr\":0.125");
  client_send(&twin.c, "{\"type\":\"saved\",\"step\":2}"); /* the clone was faster */
  WORLD_UNTIL(&s.w, world_count(&s.w, 2, CL_EVENT_LOADED) == 1);
  json_t *loaded = world_last(&s.w, 2, CL_EVENT_LOADED);
  assert_int_equal(json_integer_value(world_field(loaded, "snapshot")), snapshot);
  assert_null(world_field(loaded, "error"));
  json_decref(loaded);
  (void)close(lock); /* of the test; the worker has let go of its own */
  WORLD_UNTIL(&s.w, !lock_is_held(&s, 2, 2));
  assert_int_equal(world_state(&s.w, 2), CL_RUNNING);
  puppet_kill(&clone); /* nobody's child here: followed by its process, and missed */
  WORLD_UNTIL(&s.w, world_state(&s.w, 2) == CL_LOST);
  (void)scene_retry(&s.w, 2); /* and a second clone of the same twin */
  lock = family_hear_fork(&s, &twin, 3, token);
  (void)close(lock);
  puppet_kill(&twin);
  family_end(&s);
}

/* It has said that it is done; then it is gone before the keeper can say that it is not its child. */
static void a_clone_that_is_done_when_the_keeper_hears_of_it_is_complete(void **state) {
  (void)state;
  struct family s;
  struct puppet twin, clone;
  char token[200];
  family_begin(&s, 2, NULL);
  supersede(&s, family_leave_twin(&s, 1, &twin));
  (void)close(family_hear_fork(&s, &twin, 2, token));
  pid_t keeper = cl_keeper_pid(s.w.worker->keeper);
  assert_int_equal(kill(keeper, SIGSTOP), 0);
  puppet_open(&s.w, &clone);
  puppet_hello(&clone, token);
  assert_has(client_hear(&s.w, &clone.c), "{\"type\":\"start\"");
  client_send(&clone.c, "{\"type\":\"done\"}");
  assert_string_equal(client_hear(&s.w, &clone.c), "{\"type\":\"go\"}");
  puppet_kill(&clone);
  assert_int_equal(world_state(&s.w, 2), CL_COMPLETE);
  assert_int_equal(kill(keeper, SIGCONT), 0);
  WORLD_UNTIL(&s.w, world_count(&s.w, 2, CL_EVENT_ENDED) == 2);
  json_t *ended = world_last(&s.w, 2, CL_EVENT_ENDED);
  assert_int_equal(json_integer_value(world_field(ended, "attempt")), 2);
  assert_false(json_is_true(world_field(ended, "known")));
  json_decref(ended);
  assert_int_equal(world_count(&s.w, 2, CL_EVENT_LOST), 0);
  puppet_kill(&twin);
  family_end(&s);
}

static void a_twin_that_cannot_fork_says_why(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  char token[200];
  family_begin(&s, 2, NULL);
  supersede(&s, family_leave_twin(&s, 1, &twin));
  (void)close(family_hear_fork(&s, &twin, 2, token));
  client_send(&twin.c, "{\"type\":\"saved\",\"step\":2,\"error\":\"no process number is left\"}");
  WORLD_UNTIL(&s.w, world_state(&s.w, 2) == CL_LOST);
  assert_has(cl_text_get(&s.w.said), "could not be started: no process number is left. The next start");
  scene_pass(&s.w, 60);
  (void)scene_retry(&s.w, 2);
  (void)close(family_hear_fork(&s, &twin, 3, token)); /* it is asked again */
  puppet_kill(&twin);
  family_end(&s);
}

static void a_clone_that_does_not_come_is_given_up(void **state) {
  (void)state;
  struct family s;
  struct puppet twin, clone;
  char token[200];
  family_begin(&s, 2, NULL);
  supersede(&s, family_leave_twin(&s, 1, &twin));
  (void)close(family_hear_fork(&s, &twin, 2, token));
  client_send(&twin.c, "{\"type\":\"saved\",\"step\":2}");
  assert_true(client_is_silent(&s.w, &twin.c));
  assert_int_equal(world_state(&s.w, 2), CL_RUNNING);
  scene_pass(&s.w, 11);
  WORLD_UNTIL(&s.w, world_state(&s.w, 2) == CL_LOST);
  assert_false(lock_is_held(&s, 2, 2));
  puppet_open(&s.w, &clone); /* too late */
  puppet_hello(&clone, token);
  assert_string_equal(client_hear(&s.w, &clone.c), "{\"type\":\"stop\"}");
  puppet_kill(&clone);
  puppet_kill(&twin);
  family_end(&s);
}

static void a_twin_that_dies_while_it_is_asked_takes_its_clone_with_it(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  char token[200];
  family_begin(&s, 2, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  supersede(&s, snapshot);
  (void)close(family_hear_fork(&s, &twin, 2, token));
  puppet_kill(&twin);
  WORLD_UNTIL(&s.w, world_state(&s.w, 2) == CL_LOST);
  (void)scene_retry(&s.w, 2);
  WORLD_UNTIL(&s.w, world_count(&s.w, 2, CL_EVENT_VOIDED) == 1); /* nobody has that state any more */
  WORLD_UNTIL(&s.w, !cl_study_snapshot(s.w.s, snapshot)->usable);
  family_end(&s);
}

/* Between `started` and the fork. */
static void a_twin_that_has_died_before_it_is_asked_is_missed(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  family_begin(&s, 3, NULL);
  char token[200];
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  supersede(&s, snapshot);
  int lock = family_hear_fork(&s, &twin, 2, token); /* busy from here, so that the third one waits for it */
  (void)close(lock);
  scene_send_report(&s.trainers[2], 1, 2, 0.5, NULL);
  assert_true(client_is_silent(&s.w, &s.trainers[2]));
  (void)scene_exploit(&s.w, 3, snapshot, "sgd", 4);
  assert_string_equal(client_hear(&s.w, &s.trainers[2]), "{\"type\":\"stop\"}");
  world_touch(&s.w, 3, 1, "end", "75");
  WORLD_UNTIL(&s.w, world_state(&s.w, 3) == CL_PREEMPTED);
  (void)scene_retry(&s.w, 3);
  WORLD_UNTIL(&s.w, world_trial(&s.w, 3)->head.attempt == 2 && world_state(&s.w, 3) == CL_RUNNING);
  puppet_kill(&twin);
  WORLD_UNTIL(&s.w, world_state(&s.w, 2) == CL_LOST && world_state(&s.w, 3) == CL_LOST);
  json_t *lost = world_last(&s.w, 3, CL_EVENT_LOST);
  assert_has(json_string_value(world_field(lost, "args")), "the twin that it was to begin from has ended");
  json_decref(lost);
  family_end(&s);
}

static void what_a_connected_loser_cannot_take_over_is_taken_back(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  family_begin(&s, 2, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  scene_send_report(&s.trainers[1], 1, 2, 0.5, NULL);
  assert_true(client_is_silent(&s.w, &s.trainers[1]));
  puppet_kill(&twin);
  (void)uv_run(&s.w.loop, UV_RUN_NOWAIT);
  (void)scene_exploit(&s.w, 2, snapshot, "sgd", 4); /* decided before it was told that the twin is gone */
  WORLD_UNTIL(&s.w, !cl_study_snapshot(s.w.s, snapshot)->usable);
  json_t *loaded = world_last(&s.w, 2, CL_EVENT_LOADED);
  assert_has(json_string_value(world_field(loaded, "error")), "gone");
  json_decref(loaded);
  assert_int_equal(world_trial(&s.w, 2)->head.attempt, 1);
  family_end(&s);
}

/* Its connection breaks when the next attempt is to be its clone: it is waited for. */
static void a_twin_that_is_away_is_asked_when_it_is_back(void **state) {
  (void)state;
  struct family s;
  struct puppet twin, again;
  char token[200];
  family_begin(&s, 3, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  supersede(&s, snapshot);
  (void)close(family_hear_fork(&s, &twin, 2, token)); /* busy, so that the third one waits */
  scene_send_report(&s.trainers[2], 1, 2, 0.5, NULL);
  assert_true(client_is_silent(&s.w, &s.trainers[2]));
  (void)scene_exploit(&s.w, 3, snapshot, "sgd", 4);
  assert_string_equal(client_hear(&s.w, &s.trainers[2]), "{\"type\":\"stop\"}");
  world_touch(&s.w, 3, 1, "end", "75");
  WORLD_UNTIL(&s.w, world_state(&s.w, 3) == CL_PREEMPTED);
  (void)scene_retry(&s.w, 3);
  WORLD_UNTIL(&s.w, world_trial(&s.w, 3)->head.attempt == 2 && world_state(&s.w, 3) == CL_RUNNING);
  puppet_hang_up(&twin);
  WORLD_UNTIL(&s.w, world_state(&s.w, 2) == CL_LOST);
  assert_int_equal(world_state(&s.w, 3), CL_RUNNING);
  puppet_open(&s.w, &again);
  puppet_hello(&again, s.tokens[0]);
  int lock = -1;
  assert_has(puppet_hear(&s.w, &again, &lock), "/3/attempt-2\"");
  (void)close(lock);
  puppet_kill(&again);
  puppet_kill(&twin);
  family_end(&s);
}

static void a_twin_that_is_needed_no_more_while_it_forks_is_told_afterwards(void **state) {
  (void)state;
  struct family s;
  struct puppet twin, clone;
  char token[200];
  family_begin(&s, 2, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  supersede(&s, snapshot);
  (void)close(family_hear_fork(&s, &twin, 2, token));
  puppet_open(&s.w, &clone);
  puppet_hello(&clone, token);
  assert_has(client_hear(&s.w, &clone.c), "{\"type\":\"start\"");
  WORLD_UNTIL(&s.w, world_count(&s.w, 2, CL_EVENT_LOADED) == 1);
  (void)scene_delete(&s.w, 1, snapshot);
  assert_true(client_is_silent(&s.w, &twin.c));
  client_send(&twin.c, "{\"type\":\"saved\",\"step\":2}");
  assert_string_equal(client_hear(&s.w, &twin.c), "{\"type\":\"stop\"}");
  puppet_kill(&clone);
  puppet_kill(&twin);
  family_end(&s);
}

/* Ends. */

static void a_twin_that_nobody_needs_is_told_to_stop(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  char name[100];
  family_begin(&s, 1, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  note_of(&s, 1, name);
  (void)scene_delete(&s.w, 1, snapshot);
  assert_string_equal(client_hear(&s.w, &twin.c), "{\"type\":\"stop\"}");
  assert_string_equal(client_hear(&s.w, &twin.c), "");
  assert_false(world_has(&s.w, 1, 1, name));
  puppet_kill(&twin);
  family_end(&s);
}

static bool was_killed(const struct puppet *p) {
  siginfo_t info = {0};
  return waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == p->pid &&
         info.si_code == CLD_KILLED && info.si_status == SIGKILL;
}

static void one_that_is_away_when_it_is_not_needed_any_more_is_killed(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  family_begin(&s, 1, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  puppet_hang_up(&twin);
  WORLD_UNTIL(&s.w, cl_twins_find(s.w.worker, cl_study_snapshot(s.w.s, snapshot)) == CLADE_BUSY);
  assert_false(was_killed(&twin));
  (void)scene_delete(&s.w, 1, snapshot);
  WORLD_UNTIL(&s.w, was_killed(&twin));
  puppet_kill(&twin);
  family_end(&s);
}

static void twins_end_with_the_last_worker(void **state) {
  (void)state;
  struct family s;
  struct puppet near, away;
  family_begin(&s, 2, NULL);
  (void)family_leave_twin(&s, 1, &near);
  (void)family_leave_twin(&s, 2, &away);
  puppet_hang_up(&away);
  WORLD_UNTIL(&s.w, cl_twins_find(s.w.worker, scene_last_snapshot(&s.w, 2)) == CLADE_BUSY);
  cl_worker_shutdown(s.w.worker, CL_SHUTDOWN_KILL, 0);
  WORLD_UNTIL(&s.w, world_is_idle(&s.w));
  world_close(&s.w);
  char byte[40];
  assert_true(recv(near.c.fd, byte, sizeof byte, 0) > 0);
  assert_int_equal(memcmp(byte, "{\"type\":\"stop\"}\n", 16), 0);
  for (int i = 0; i < 120000 && !was_killed(&away); i++) (void)usleep(1000);
  assert_true(was_killed(&away));
  puppet_kill(&near);
  puppet_kill(&away);
  family_end(&s);
}

/* Workers that come and go. */

static void reopen(struct family *s, int slots) {
  cl_worker_shutdown(s->w.worker, CL_SHUTDOWN_DETACH, 0);
  world_close(&s->w);
  world_open(&s->w);
  world_work(&s->w, slots);
}

static void a_twin_comes_back_to_the_next_worker(void **state) {
  (void)state;
  struct family s;
  struct puppet twin, other;
  char wrong[200];
  family_begin(&s, 1, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  reopen(&s, 1);
  assert_int_equal(cl_twins_find(s.w.worker, cl_study_snapshot(s.w.s, snapshot)), CLADE_BUSY);
  memcpy(wrong, s.tokens[0], sizeof wrong); /* its name is known to everybody who can read the log */
  char *last = wrong + strlen(wrong) - 1;
  *last = *last == '0' ? '1' : '0';
  puppet_open(&s.w, &other);
  puppet_hello(&other, wrong);
  assert_has(client_hear(&s.w, &other.c), "no twin has this token");
  puppet_kill(&other);
  puppet_open(&s.w, &other);
  puppet_hello(&other, s.tokens[0]);
  assert_true(client_is_silent(&s.w, &other.c));
  assert_int_equal(cl_twins_find(s.w.worker, cl_study_snapshot(s.w.s, snapshot)), 0);
  puppet_kill(&other);
  puppet_kill(&twin);
  family_end(&s);
}

/* Between its hello and the report that names it, the worker goes: it is kept until the report comes. */
static void a_twin_that_no_report_has_named_yet_comes_back_too(void **state) {
  (void)state;
  struct family s;
  struct puppet twin, again;
  char token[CL_TOKEN_SIZE];
  family_begin(&s, 1, NULL);
  puppet_open(&s.w, &twin);
  puppet_hello(&twin, s.tokens[0]);
  assert_true(client_is_silent(&s.w, &twin.c));
  world_token(&s.w, 1, 1, token);
  client_close(&s.trainers[0]);
  reopen(&s, 1);
  WORLD_UNTIL(&s.w, world_count(&s.w, 1, CL_EVENT_ADOPTED) == 1);
  puppet_open(&s.w, &again);
  puppet_hello(&again, s.tokens[0]);
  assert_true(client_is_silent(&s.w, &again.c));
  client_open(&s.w, &s.trainers[0]);
  client_send(&s.trainers[0], "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"fork\"}", token);
  assert_has(client_hear(&s.w, &s.trainers[0]), "{\"type\":\"start\"");
  scene_send_report(&s.trainers[0], 1, 2, 0.5, s.tokens[0]);
  WORLD_UNTIL(&s.w, world_count(&s.w, 1, CL_EVENT_SAVED) == 1);
  assert_int_equal(cl_twins_find(s.w.worker, scene_last_snapshot(&s.w, 1)), 0);
  puppet_kill(&again);
  puppet_kill(&twin);
  family_end(&s);
}

/* It was forked, and its worker has gone before it was named in its lock: it names itself when it comes. */
static void a_clone_that_nobody_has_adopted_yet_is_taken_over(void **state) {
  (void)state;
  struct family s;
  struct puppet twin, clone;
  struct client c;
  char token[200];
  family_begin(&s, 2, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  supersede(&s, snapshot);
  int lock = family_hear_fork(&s, &twin, 2, token);
  reopen(&s, 2);
  assert_int_equal(world_state(&s.w, 2), CL_RUNNING); /* somebody holds the lock: it is waited for */
  puppet_open(&s.w, &clone);
  puppet_hello(&clone, token);
  assert_string_equal(client_hear(&s.w, &clone.c), ""); /* it is to come again */
  WORLD_UNTIL(&s.w, world_count(&s.w, 2, CL_EVENT_ADOPTED) == 1);
  client_open(&s.w, &c);
  client_send(&c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"fork\"}", token);
  assert_has(client_hear(&s.w, &c), "{\"type\":\"start\"");
  WORLD_UNTIL(&s.w, world_count(&s.w, 2, CL_EVENT_LOADED) == 1); /* it has its state */
  client_close(&c);
  (void)close(lock);
  puppet_kill(&clone);
  WORLD_UNTIL(&s.w, world_state(&s.w, 2) == CL_LOST);
  puppet_kill(&twin);
  family_end(&s);
}

static void is_gone_with(const char *note) {
  struct family s;
  struct puppet twin;
  char name[100];
  family_begin(&s, 1, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  note_of(&s, 1, name);
  if (note != NULL) world_touch(&s.w, 1, 1, name, note);
  if (note == NULL) puppet_kill(&twin);
  reopen(&s, 1);
  WORLD_UNTIL(&s.w, !cl_study_snapshot(s.w.s, snapshot)->usable);
  json_t *deleted = world_last(&s.w, 1, CL_EVENT_DELETED);
  assert_string_equal(json_string_value(world_field(deleted, "why")), "missing");
  json_decref(deleted);
  if (note != NULL) puppet_kill(&twin);
  family_end(&s);
}

static void a_state_whose_process_nobody_knows_is_gone(void **state) {
  (void)state;
  is_gone_with(NULL);
  is_gone_with("");
  is_gone_with("twin.1.1.x");
  is_gone_with("twin.1.1.x 1 1 boot\n");  /* never the first process of the machine */
  is_gone_with("twin.1.1.x -3 1 boot\n"); /* nor everybody */
  is_gone_with("twin.1.1.x 4000000 7 another-boot\n");
}

static void the_twins_of_other_machines_are_left_to_their_workers(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  family_begin(&s, 1, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  cl_worker_shutdown(s.w.worker, CL_SHUTDOWN_DETACH, 0);
  world_close(&s.w);
  world_open(&s.w);
  s.w.options.host = "elsewhere";
  world_work(&s.w, 1);
  WORLD_UNTIL(&s.w, !cl_study_snapshot(s.w.s, snapshot)->usable); /* nobody is left there */
  assert_false(was_killed(&twin));
  puppet_kill(&twin);
  client_close(&s.trainers[0]);
  s.w.options.host = NULL;
  char *path = world_path(&s.w, 1, 1, "end");
  cl_free(path);
  world_touch(&s.w, 1, 1, "end", "0");
  world_end(&s.w);
}

/* What is gone is made again. */

/* The state of trial 1 is gone with its twin, and trial 2 is to begin from it. */
static int64_t lose_state(struct family *s, family_way *way) {
  struct puppet twin;
  family_begin(s, 2, way);
  int64_t snapshot = family_leave_twin(s, 1, &twin);
  family_lose_twin(s, &twin, snapshot);
  supersede(s, snapshot);
  return snapshot;
}

/* A puppet in the place of that program; what it is told at its start. */
static const char *play_again(struct family *s, struct puppet *p, const char *token) {
  puppet_open(&s->w, p);
  puppet_hello(p, token);
  return client_hear(&s->w, &p->c);
}

static void report_again(struct puppet *p, int ordinal, double step, double loss) {
  client_send(&p->c, "{\"type\":\"report\",\"ordinal\":%d,\"step\":%g,\"metrics\":{\"other\":1,\"loss\":%g}}",
              ordinal, step, loss);
}

static void assert_given_up(struct family *s, int64_t snapshot, const char *why) {
  WORLD_UNTIL(&s->w, world_count(&s->w, 2, CL_EVENT_VOIDED) == 1);
  WORLD_UNTIL(&s->w, !cl_study_snapshot(s->w.s, snapshot)->usable);
  assert_has(cl_text_get(&s->w.said), "could not be made again");
  assert_has(cl_text_get(&s->w.said), why);
}

static void a_state_that_is_gone_is_made_again_and_cloned(void **state) {
  (void)state;
  struct family s;
  struct puppet p;
  char token[200], clone[200];
  int64_t snapshot = lose_state(&s, world_way);
  family_take_token(&s, token);
  const char *line = play_again(&s, &p, token);
  assert_has(line, "{\"type\":\"start\"");
  assert_has(line, "\"lr\":2.385");
  report_again(&p, 1, 1, 0.75);
  line = client_hear(&s.w, &p.c);
  assert_has(line, "{\"type\":\"go\"");
  assert_has(line, "\"lr\":2.385");
  report_again(&p, 2, 2, 0.5);
  (void)close(family_hear_fork(&s, &p, 2, clone)); /* from here it is the twin */
  assert_int_equal(cl_twins_find(s.w.worker, cl_study_snapshot(s.w.s, snapshot)), 0);
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_REPORTED), 1); /* what it reported is nowhere */
  puppet_kill(&p);
  family_end(&s);
}

static void what_scores_something_else_is_no_state(void **state) {
  (void)state;
  struct family s;
  struct puppet p;
  char token[200];
  int64_t snapshot = lose_state(&s, world_way);
  family_take_token(&s, token);
  (void)play_again(&s, &p, token);
  report_again(&p, 1, 2, 0.25);
  assert_given_up(&s, snapshot, "scored something else");
  WORLD_UNTIL(&s.w, was_killed(&p));
  puppet_kill(&p);
  family_end(&s);
}

/* Of what was not a number both times, or was never scored. */
static void what_has_no_score_is_made_again_too(void **state) {
  (void)state;
  static const char *const metrics[] = {"\"other\":7,\"loss\":\"nan\"", "\"other\":7"};
  static const char said[] =
      "{\"type\":\"report\",\"ordinal\":1,\"step\":2,\"metrics\":{%s},\"path\":\"%s\"}";
  for (int i = 0; i < 2; i++) {
    struct family s;
    struct puppet twin, p;
    char token[200], clone[200];
    family_begin(&s, 2, world_way);
    puppet_open(&s.w, &twin);
    puppet_hello(&twin, s.tokens[0]);
    client_send(&s.trainers[0], said, metrics[i], s.tokens[0]);
    WORLD_UNTIL(&s.w, world_count(&s.w, 1, CL_EVENT_SAVED) == 1);
    int64_t snapshot = scene_last_snapshot(&s.w, 1)->position;
    family_lose_twin(&s, &twin, snapshot);
    supersede(&s, snapshot);
    family_take_token(&s, token);
    (void)play_again(&s, &p, token);
    client_send(&p.c, said, metrics[i], "");
    (void)close(family_hear_fork(&s, &p, 2, clone));
    puppet_kill(&p);
    family_end(&s);
  }
}

static void what_goes_another_way_is_no_state(void **state) {
  (void)state;
  struct family s;
  struct puppet p;
  char token[200];
  int64_t snapshot = lose_state(&s, world_way);
  family_take_token(&s, token);
  (void)play_again(&s, &p, token);
  report_again(&p, 1, 2.5, 0.5);
  assert_given_up(&s, snapshot, "reported other steps");
  puppet_kill(&p);
  family_end(&s);
  snapshot = lose_state(&s, world_way);
  family_take_token(&s, token);
  (void)play_again(&s, &p, token);
  client_send(&p.c, "{\"type\":\"done\"}");
  assert_given_up(&s, snapshot, "came to its end before");
  puppet_kill(&p);
  family_end(&s);
  snapshot = lose_state(&s, world_way);
  family_take_token(&s, token);
  (void)play_again(&s, &p, token);
  client_send(&p.c, "{\"type\":\"report\",\"ordinal\":1,\"step\":2,\"metrics\":{\"other\":1}}");
  assert_given_up(&s, snapshot, "scored something else");
  puppet_kill(&p);
  family_end(&s);
}

static void a_program_that_ends_each_time_is_tried_three_times(void **state) {
  (void)state;
  struct family s;
  struct puppet p;
  char token[200];
  int64_t snapshot = lose_state(&s, world_way);
  for (int i = 0; i < 3; i++) {
    family_take_token(&s, token);
    (void)play_again(&s, &p, token);
    puppet_kill(&p);
  }
  assert_given_up(&s, snapshot, "its process ended each time");
  family_end(&s);
}

static void a_program_that_does_not_connect_is_tried_three_times(void **state) {
  (void)state;
  struct family s;
  char token[200];
  int64_t snapshot = lose_state(&s, world_way);
  for (int i = 0; i < 3; i++) {
    family_take_token(&s, token);
    scene_pass(&s.w, 31);
  }
  assert_given_up(&s, snapshot, "its process ended each time");
  family_end(&s);
}

static void its_connection_may_break(void **state) {
  (void)state;
  struct family s;
  struct puppet first, second, third;
  char token[200], clone[200];
  (void)lose_state(&s, world_way);
  family_take_token(&s, token);
  (void)play_again(&s, &first, token);
  puppet_hang_up(&first);
  assert_has(play_again(&s, &second, token), "{\"type\":\"start\"");
  assert_has(play_again(&s, &third, token), "{\"type\":\"start\""); /* and takes the place of that one */
  report_again(&second, 1, 1, 0.75);
  assert_string_equal(client_hear(&s.w, &second.c), "{\"type\":\"stop\"}");
  report_again(&third, 1, 2, 0.5);
  (void)close(family_hear_fork(&s, &third, 2, clone));
  puppet_kill(&first);
  puppet_kill(&second);
  puppet_kill(&third);
  family_end(&s);
}

static void what_nobody_needs_any_more_is_not_made_again(void **state) {
  (void)state;
  struct family s;
  struct puppet p;
  char token[200];
  int64_t snapshot = lose_state(&s, world_way);
  family_take_token(&s, token);
  (void)play_again(&s, &p, token);
  struct cl_event stop = {.kind = CL_EVENT_STOPPED, .cause = CL_CAUSE_HUMAN};
  stop.u.stopped.how = CL_STOP_ASK;
  (void)world_decide(&s.w, 2, stop);
  (void)scene_delete(&s.w, 1, snapshot);
  WORLD_UNTIL(&s.w, was_killed(&p));
  assert_int_equal(cl_remake_running(s.w.worker), 0);
  puppet_kill(&p);
  struct puppet late; /* with a token of nothing that runs */
  assert_has(play_again(&s, &late, token), "nothing is made again under this token");
  puppet_kill(&late);
  family_end(&s);
}

static int no_way(void *ctx, int64_t snapshot, struct cl_remake_way *ret, struct cl_err *e) {
  (void)ctx;
  (void)ret;
  return CL_FAIL(e, CLADE_EINVAL, "the state at %lld came from nowhere", (long long)snapshot);
}

static int other_space(void *ctx, int64_t snapshot, struct cl_remake_way *ret, struct cl_err *e) {
  int status = world_way(ctx, snapshot, ret, e);
  ret->course.n--;
  return status;
}

static void a_state_without_a_lineage_is_gone(void **state) {
  (void)state;
  struct family s;
  assert_given_up(&s, lose_state(&s, no_way), "came from nowhere");
  family_end(&s);
  assert_given_up(&s, lose_state(&s, other_space), "the study's hyperparameters have changed since");
  family_end(&s);
}

/* Where a clone took over, a clone takes over: the program is asked to fork, and ends. */
static void a_lineage_is_gone_along_by_clones(void **state) {
  (void)state;
  struct family s;
  struct puppet root, p;
  char token[200], clone[200];
  int none = -1;
  (void)lose_state(&s, family_way_of_two);
  family_take_token(&s, token);
  (void)play_again(&s, &root, token);
  report_again(&root, 1, 1, 0.75);
  const char *line = puppet_hear(&s.w, &root, &none);
  assert_has(line, "{\"type\":\"fork\"");
  assert_has(line, "/leg-1\"");
  client_take_text(line, "token", clone);
  (void)close(none);
  assert_string_not_equal(clone, token);
  client_send(&root.c, "{\"type\":\"saved\",\"step\":1}");
  assert_string_equal(client_hear(&s.w, &root.c), "{\"type\":\"stop\"}");
  assert_has(play_again(&s, &p, clone), "{\"type\":\"start\"");
  report_again(&p, 1, 2, 0.5);
  (void)close(family_hear_fork(&s, &p, 2, token));
  puppet_kill(&root);
  puppet_kill(&p);
  family_end(&s);
}

/* A worker of another machine, as far as the log is concerned. */
static void join_from(struct family *s, const char *host) {
  struct cl_append result = {0};
  struct cl_event ev = {.kind = CL_EVENT_WORKER};
  ev.u.worker.worker = cl_study_workers(s->w.s) + 1;
  ev.u.worker.slots = 1;
  ev.u.worker.host = host;
  ev.u.worker.state = CL_WORKER_JOINED;
  assert_int_equal(cl_log_append(s->w.log, &ev, &result, NULL), 0);
  assert_int_equal(result.status, 0);
}

/* It may be that one's, which will tell it. */
static void one_that_is_away_is_not_killed_while_another_worker_lives(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  family_begin(&s, 1, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  puppet_hang_up(&twin);
  WORLD_UNTIL(&s.w, cl_twins_find(s.w.worker, cl_study_snapshot(s.w.s, snapshot)) == CLADE_BUSY);
  join_from(&s, "elsewhere");
  (void)scene_delete(&s.w, 1, snapshot);
  for (int i = 0; i < 5; i++) world_round(&s.w);
  assert_false(was_killed(&twin));
  puppet_kill(&twin);
  family_end(&s);
}

static void a_state_on_another_machine_is_there_while_somebody_is(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  family_begin(&s, 1, NULL);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  const char *host = cl_study_snapshot(s.w.s, snapshot)->host;
  cl_worker_shutdown(s.w.worker, CL_SHUTDOWN_DETACH, 0);
  join_from(&s, host);
  world_close(&s.w);
  world_open(&s.w);
  s.w.options.host = "elsewhere";
  world_work(&s.w, 1);
  assert_int_equal(cl_twins_find(s.w.worker, cl_study_snapshot(s.w.s, snapshot)), CLADE_BUSY);
  for (int i = 0; i < 3; i++) world_round(&s.w);
  assert_true(cl_study_snapshot(s.w.s, snapshot)->usable);
  assert_false(was_killed(&twin));
  puppet_kill(&twin);
  client_close(&s.trainers[0]);
  s.w.options.host = NULL;
  world_touch(&s.w, 1, 1, "end", "0");
  world_end(&s.w);
}

/* A twin that was asked for, and then another: nobody will name the first one. */
static void a_twin_that_no_report_names_is_told_to_stop(void **state) {
  (void)state;
  struct family s;
  struct puppet first, second;
  char token[200];
  family_begin(&s, 1, NULL);
  puppet_open(&s.w, &first);
  puppet_hello(&first, s.tokens[0]);
  assert_true(client_is_silent(&s.w, &first.c));
  scene_send_report(&s.trainers[0], 1, 2, 0.5, NULL);
  assert_true(client_is_silent(&s.w, &s.trainers[0]));
  (void)scene_answer(&s.w, 1, 4);
  client_take_text(client_hear(&s.w, &s.trainers[0]), "path", token);
  assert_string_not_equal(token, s.tokens[0]);
  puppet_open(&s.w, &second);
  puppet_hello(&second, token);
  assert_string_equal(client_hear(&s.w, &first.c), "{\"type\":\"stop\"}");
  assert_true(client_is_silent(&s.w, &second.c));
  puppet_kill(&first);
  puppet_kill(&second);
  family_end(&s);
}

static void a_twin_that_answers_anything_else_is_hung_up_on(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  char token[200];
  family_begin(&s, 2, NULL);
  supersede(&s, family_leave_twin(&s, 1, &twin));
  (void)close(family_hear_fork(&s, &twin, 2, token));
  client_send(&twin.c, "{\"type\":\"done\"}");
  assert_string_equal(client_hear(&s.w, &twin.c), "");
  WORLD_UNTIL(&s.w, world_state(&s.w, 2) == CL_LOST);
  puppet_kill(&twin);
  family_end(&s);
}

/* Its connection broke before the answer; the report comes again, with its twin's name. */
static void a_report_with_its_twin_may_be_told_again(void **state) {
  (void)state;
  struct family s;
  struct puppet twin;
  char token[CL_TOKEN_SIZE];
  family_begin(&s, 1, NULL);
  (void)family_leave_twin(&s, 1, &twin);
  client_close(&s.trainers[0]);
  world_token(&s.w, 1, 1, token);
  client_open(&s.w, &s.trainers[0]);
  client_send(&s.trainers[0],
              "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"fork\",\"reports\":1}", token);
  assert_has(client_hear(&s.w, &s.trainers[0]), "\"reports\":1");
  scene_send_report(&s.trainers[0], 1, 2, 0.5, s.tokens[0]);
  assert_true(client_is_silent(&s.w, &s.trainers[0]));
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_REPORTED), 1);
  assert_int_equal(world_count(&s.w, 1, CL_EVENT_SAVED), 1);
  puppet_kill(&twin);
  family_end(&s);
}

static void kill_keeper(struct family *s) {
  pid_t keeper = cl_keeper_pid(s->w.worker->keeper);
  assert_int_equal(kill(keeper, SIGKILL), 0);
  WORLD_UNTIL(&s->w, s->w.worker->keeper != NULL && cl_keeper_pid(s->w.worker->keeper) != keeper);
}

/* Killed when it has been asked to start a program that is run again, and has not heard it: the next one
 * starts it. Killed later, it is not missed. */
static void a_keeper_that_dies_while_a_program_is_run_again_is_replaced(void **state) {
  (void)state;
  struct family s;
  struct puppet twin, p;
  char token[200], clone[200];
  family_begin(&s, 2, world_way);
  int64_t snapshot = family_leave_twin(&s, 1, &twin);
  family_lose_twin(&s, &twin, snapshot);
  family_supersede(&s, snapshot);
  assert_int_equal(kill(cl_keeper_pid(s.w.worker->keeper), SIGSTOP), 0);
  (void)scene_retry(&s.w, 2);
  assert_int_equal(cl_remake_running(s.w.worker), 1);
  kill_keeper(&s);
  family_take_token(&s, token);
  (void)play_again(&s, &p, token);
  kill_keeper(&s);
  report_again(&p, 1, 2, 0.5);
  (void)close(family_hear_fork(&s, &p, 2, clone));
  puppet_kill(&p);
  family_end(&s);
}

int main(int argc, char **argv) {
  WORLD_MAIN_BEGIN(argc, argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_twin_is_the_state_of_the_report_that_names_it),
      cmocka_unit_test(a_report_waits_for_its_twin),
      cmocka_unit_test(a_twin_that_does_not_come_is_asked_for_five_times_more),
      cmocka_unit_test(a_twin_that_has_died_is_asked_for_at_once),
      cmocka_unit_test(a_trainer_that_cannot_fork_again_is_recorded_without_its_state),
      cmocka_unit_test(a_state_that_is_asked_for_is_a_twin_too),
      cmocka_unit_test(an_asked_twin_that_does_not_come_is_asked_for_again),
      cmocka_unit_test(asking_for_a_twin_has_an_end),
      cmocka_unit_test(tokens_that_nobody_was_given_are_refused),
      cmocka_unit_test(a_report_cannot_name_the_twin_of_another),
      cmocka_unit_test(who_says_hello_as_the_same_twin_takes_its_place),
      cmocka_unit_test(a_twin_that_speaks_unasked_is_told_so_and_hung_up_on),
      cmocka_unit_test(a_clone_is_the_next_attempt_of_the_loser),
      cmocka_unit_test(a_clone_that_is_done_when_the_keeper_hears_of_it_is_complete),
      cmocka_unit_test(a_twin_that_cannot_fork_says_why),
      cmocka_unit_test(a_clone_that_does_not_come_is_given_up),
      cmocka_unit_test(a_twin_that_dies_while_it_is_asked_takes_its_clone_with_it),
      cmocka_unit_test(a_twin_that_has_died_before_it_is_asked_is_missed),
      cmocka_unit_test(what_a_connected_loser_cannot_take_over_is_taken_back),
      cmocka_unit_test(a_twin_that_nobody_needs_is_told_to_stop),
      cmocka_unit_test(one_that_is_away_when_it_is_not_needed_any_more_is_killed),
      cmocka_unit_test(twins_end_with_the_last_worker),
      cmocka_unit_test(a_twin_comes_back_to_the_next_worker),
      cmocka_unit_test(a_clone_that_nobody_has_adopted_yet_is_taken_over),
      cmocka_unit_test(a_state_whose_process_nobody_knows_is_gone),
      cmocka_unit_test(the_twins_of_other_machines_are_left_to_their_workers),
      cmocka_unit_test(a_state_that_is_gone_is_made_again_and_cloned),
      cmocka_unit_test(what_scores_something_else_is_no_state),
      cmocka_unit_test(what_goes_another_way_is_no_state),
      cmocka_unit_test(a_program_that_ends_each_time_is_tried_three_times),
      cmocka_unit_test(a_program_that_does_not_connect_is_tried_three_times),
      cmocka_unit_test(its_connection_may_break),
      cmocka_unit_test(what_nobody_needs_any_more_is_not_made_again),
      cmocka_unit_test(a_state_without_a_lineage_is_gone),
      cmocka_unit_test(one_that_is_away_is_not_killed_while_another_worker_lives),
      cmocka_unit_test(a_state_on_another_machine_is_there_while_somebody_is),
      cmocka_unit_test(a_twin_that_no_report_names_is_told_to_stop),
      cmocka_unit_test(a_twin_that_answers_anything_else_is_hung_up_on),
      cmocka_unit_test(a_report_with_its_twin_may_be_told_again),
      cmocka_unit_test(a_keeper_that_dies_while_a_program_is_run_again_is_replaced),
      cmocka_unit_test(a_lineage_is_gone_along_by_clones),
      cmocka_unit_test(a_trainer_that_is_asked_and_cannot_fork_goes_on),
      cmocka_unit_test(a_report_whose_twin_is_withdrawn_is_recorded_without),
      cmocka_unit_test(who_has_left_a_twin_saves_before_a_pause),
      cmocka_unit_test(a_twin_that_is_away_is_asked_when_it_is_back),
      cmocka_unit_test(a_twin_that_is_needed_no_more_while_it_forks_is_told_afterwards),
      cmocka_unit_test(a_twin_that_no_report_has_named_yet_comes_back_too),
      cmocka_unit_test(what_has_no_score_is_made_again_too),
  };
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
