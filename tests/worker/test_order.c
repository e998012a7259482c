/* The trainer protocol in another order than usual: what is said while something else has just been decided,
 * without what was announced, or for the second time. */
#include "scene.h"

#include <sys/socket.h>

static void begin(struct world *w, struct client *c, double until, const char *can) {
  scene_begin(w, 1, until, "");
  (void)client_hello(w, c, 1, 1, can);
}

static void end(struct world *w, struct client *c, int attempt) {
  client_close(c);
  world_touch(w, 1, attempt, "end", "0");
  WORLD_UNTIL(w, world_is_idle(w));
  world_end(w);
}

static void pause_and_continue(struct world *w) {
  struct cl_event on = {.kind = CL_EVENT_CONTINUED, .cause = CL_CAUSE_HUMAN};
  on.u.continued.until = CL_NO_STEP;
  scene_decide_only(w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_HUMAN});
  scene_decide_only(w, 1, on);
  assert_int_equal(world_state(w, 1), CL_WAITING);
}

/* What its trainer has said is recorded, and the worker has not had a turn since. */
static void record_only(struct world *w) {
  int64_t limit = cl_clock_monotonic_us() + WORLD_PATIENCE_US;
  while (!cl_log_has_put(w->log) && cl_clock_monotonic_us() < limit) (void)uv_run(&w->loop, UV_RUN_ONCE);
  assert_true(cl_log_has_put(w->log));
  assert_int_equal(cl_log_commit(w->log, NULL), 0);
}

static bool hears_nothing(const struct client *c) {
  char byte;
  return recv(c->fd, &byte, 1, MSG_PEEK) < 0;
}

static void a_report_between_a_pause_and_the_start_waits_for_that(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, CL_NO_STEP, "save");
  pause_and_continue(&w);
  scene_send_report(&c, 1, 1, 0.5, NULL);
  record_only(&w);
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 1);
  assert_int_equal(world_state(&w, 1), CL_WAITING);
  assert_true(hears_nothing(&c));
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(world_state(&w, 1), CL_RUNNING);
  assert_int_equal(world_trial(&w, 1)->head.attempt, 1);
  end(&w, &c, 1);
}

static void a_trainer_that_comes_between_a_pause_and_the_start_begins(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char token[CL_TOKEN_SIZE];
  scene_begin(&w, 1, CL_NO_STEP, "");
  world_token(&w, 1, 1, token);
  client_open(&w, &c);
  pause_and_continue(&w);
  client_send(&c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1}", token);
  record_only(&w);
  assert_has(client_hear(&w, &c), "{\"type\":\"start\"");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  end(&w, &c, 1);
}

static void a_report_without_the_state_that_was_announced_waits_all_the_same(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, 2, "save load");
  scene_send_report(&c, 1, 2, 0.5, NULL);
  assert_true(client_is_silent(&w, &c));
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 1);
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_RUNG});
  assert_has(client_hear(&w, &c), "{\"type\":\"pause\",\"save\":"); /* it is asked for then */
  end(&w, &c, 1);
}

static void why_a_state_was_not_saved_is_told_with_the_report(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, 2, "save load");
  char *own = world_path(&w, 1, 0, "checkpoints/1-2.new");
  client_send(&c,
              "{\"type\":\"report\",\"ordinal\":1,\"step\":2,\"metrics\":{\"loss\":0.5},\"path\":\"%s\","
              "\"error\":\"quota exceeded\"}",
              own);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_REPORTED) == 1);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 0);
  json_t *note = world_last(&w, 1, CL_EVENT_NOTE);
  assert_string_equal(json_string_value(world_field(note, "text")), "quota exceeded");
  json_decref(note);
  cl_free(own);
  end(&w, &c, 1);
}

/* A list changes with a new process only: a running one is given the other values. */
static void a_value_that_needs_a_new_process_is_not_given_to_a_running_one(void **state) {
  (void)state;
  struct world w;
  struct client c;
  struct cl_assigned values[] = {{1, cl_value_real(0.125)}, {2, cl_value_text("adam")}};
  struct cl_event ev = {.kind = CL_EVENT_SET, .cause = CL_CAUSE_HUMAN};
  begin(&w, &c, CL_NO_STEP, "save");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  ev.u.set.values = (struct cl_assigned_list){2, values};
  ev.u.set.until = CL_NO_STEP;
  (void)world_decide(&w, 1, ev);
  const char *line = scene_report(&w, &c, 2, 2, 0.5);
  assert_has(line, "\"values\":{\"lr\":0.125}");
  assert_null(strstr(line, "adam"));
  end(&w, &c, 1);
}

/* The trial's second attempt, which is to begin from the state of its first one; its process is there. */
static void begin_second(struct world *w, struct client *c) {
  begin(w, c, CL_NO_STEP, "save load");
  (void)world_decide(w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_HUMAN});
  assert_has(scene_report(w, c, 1, 1, 0.5), "{\"type\":\"pause\",\"save\":");
  char *own = world_path(w, 1, 0, "checkpoints/1-1.new");
  assert_int_equal(cl_dir_create(own, NULL), 0);
  client_send(c, "{\"type\":\"saved\",\"step\":1,\"path\":\"%s\"}", own);
  assert_string_equal(client_hear(w, c), scene_go);
  cl_free(own);
  client_close(c);
  world_touch(w, 1, 1, "end", "75");
  WORLD_UNTIL(w, world_is_idle(w));
  (void)scene_continue(w, 1, CL_CAUSE_HUMAN, CL_NO_STEP);
  WORLD_UNTIL(w, world_has(w, 1, 2, "env"));
}

static long long change_of(const char *line) {
  json_t *start = json_loads(line, 0, NULL);
  long long change = json_integer_value(json_object_get(start, "change"));
  json_decref(start);
  return change;
}

static void who_is_asked_for_a_state_while_it_loads_saves_at_its_next_report(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_second(&w, &c);
  const char *line = client_hello(&w, &c, 1, 2, "save load");
  assert_has(line, "\"load\":");
  long long change = change_of(line);
  (void)scene_ask_state(&w, 1);
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld}", change);
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_has(scene_report(&w, &c, 1, 2, 0.25), "{\"type\":\"save\"");
  end(&w, &c, 2);
}

static void a_trainer_that_cannot_load_is_not_told_to(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_second(&w, &c);
  assert_null(strstr(client_hello(&w, &c, 1, 2, "save"), "\"load\""));
  assert_string_equal(scene_report(&w, &c, 1, 2, 0.25), scene_go);
  end(&w, &c, 2);
}

static void what_no_start_has_given_cannot_be_loaded(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, CL_NO_STEP, "");
  long long change = change_of(client_hello(&w, &c, 1, 1, "save load"));
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld,\"error\":\"no such file\"}", change + 100);
  assert_has(client_hear(&w, &c), "no load belongs to the change");
  assert_int_equal(world_count(&w, 1, CL_EVENT_LOADED), 0);
  end(&w, &c, 1);
}

/* Its answer was lost: the failure is told again, and waits as it did. */
static void a_failed_load_is_told_again(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char token[CL_TOKEN_SIZE];
  begin_second(&w, &c);
  long long start = change_of(client_hello(&w, &c, 1, 2, "save load"));
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld}", start);
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_string_equal(scene_report(&w, &c, 1, 2, 0.25), scene_go);
  int64_t change = scene_exploit(&w, 1, scene_last_snapshot(&w, 1)->position, "sgd", CL_NO_STEP);
  assert_has(scene_report(&w, &c, 2, 3, 0.25), "{\"type\":\"load\"");
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld,\"error\":\"no such file\"}", (long long)change);
  assert_true(client_is_silent(&w, &c));
  client_close(&c);
  world_token(&w, 1, 2, token);
  client_open(&w, &c);
  client_send(&c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"save load\",\"reports\":2}",
              token);
  assert_has(client_hear(&w, &c), "{\"type\":\"start\"");
  (void)scene_void(&w, 1, change);
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld,\"error\":\"no such file\"}", (long long)change);
  assert_true(client_is_silent(&w, &c));
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_RUNG});
  assert_has(client_hear(&w, &c), "{\"type\":\"pause\"");
  end(&w, &c, 2);
}

/* By a person, while its process, which does not listen to SIGTERM, goes on. */
static void an_attempt_that_was_given_up_is_told_to_stop(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char script[500];
  (void)snprintf(script, sizeof script, "trap '' TERM; %s", world_patient);
  world_begin(&w, script, ", \"limits\": {\"grace_s\": 1000}");
  world_propose(&w, 2.385);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env"));
  (void)client_hello(&w, &c, 1, 1, "save load");
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_LOST, .attempt = 1, .cause = CL_CAUSE_HUMAN});
  assert_int_equal(world_state(&w, 1), CL_LOST);
  char *own = world_path(&w, 1, 0, "checkpoints/1-1.new");
  scene_send_report(&c, 1, 1, 0.5, own);
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"stop\"}");
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 0);
  cl_free(own);
  end(&w, &c, 1);
}

/* The process of the attempt has ended; one that it has left behind goes on. */
static void who_outlives_its_attempt_is_told_to_stop(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, CL_NO_STEP, "");
  world_touch(&w, 1, 1, "end", "3");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_FAILED);
  assert_string_equal(client_hello(&w, &c, 1, 1, "save"), "{\"type\":\"stop\"}");
  client_send(&c,
              "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":1},\"path\":\"/etc\"}");
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"stop\"}");
  client_close(&c);
  world_end(&w);
}

int main(int argc, char **argv) {
  WORLD_MAIN_BEGIN(argc, argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_report_between_a_pause_and_the_start_waits_for_that),
      cmocka_unit_test(a_trainer_that_comes_between_a_pause_and_the_start_begins),
      cmocka_unit_test(a_report_without_the_state_that_was_announced_waits_all_the_same),
      cmocka_unit_test(why_a_state_was_not_saved_is_told_with_the_report),
      cmocka_unit_test(a_value_that_needs_a_new_process_is_not_given_to_a_running_one),
      cmocka_unit_test(who_is_asked_for_a_state_while_it_loads_saves_at_its_next_report),
      cmocka_unit_test(a_trainer_that_cannot_load_is_not_told_to),
      cmocka_unit_test(what_no_start_has_given_cannot_be_loaded),
      cmocka_unit_test(a_failed_load_is_told_again),
      cmocka_unit_test(an_attempt_that_was_given_up_is_told_to_stop),
      cmocka_unit_test(who_outlives_its_attempt_is_told_to_stop),
  };
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
