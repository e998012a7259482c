/* The worker's side of the trainer protocol, spoken to by a scripted trainer line by line. The trial's
 * process only waits; the test connects in its place. */
#include "scene.h"

#include <signal.h>
#include <sys/socket.h>

/* A study with one running trial, and its trainer connected. */
/* As begin; the first reports at or above `until` wait for a decision. */
static void begin_until(struct world *w, struct client *c, double until, const char *can) {
  scene_begin(w, 1, until, "");
  if (c != NULL) (void)client_hello(w, c, 1, 1, can);
}

/* A study with one running trial, and its trainer connected. */
static void begin(struct world *w, struct client *c, const char *can) {
  begin_until(w, c, CL_NO_STEP, can);
}

static void end(struct world *w, struct client *c) {
  if (c != NULL) client_close(c);
  world_touch(w, 1, 1, "end", "0");
  WORLD_UNTIL(w, world_is_idle(w));
  world_end(w);
}

static int64_t set_lr(struct world *w, double lr, enum cl_cause cause, double until) {
  struct cl_assigned value = {1, cl_value_real(lr)};
  struct cl_event ev = {.kind = CL_EVENT_SET, .cause = cause};
  ev.u.set.values = (struct cl_assigned_list){1, &value};
  ev.u.set.until = until;
  return world_decide(w, 1, ev);
}

static void hello_is_answered_with_the_values(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, NULL, "");
  const char *line = client_hello(&w, &c, 1, 1, "save load");
  char seed[60];
  (void)snprintf(seed, sizeof seed, "\"seed\":%lld", (long long)cl_trial_seed(w.s, world_trial(&w, 1)));
  assert_has(line, "{\"type\":\"start\"");
  assert_has(line, seed);
  assert_has(line, "\"lr\":2.385");
  assert_has(line, "\"opt\":\"sgd\"");
  assert_null(strstr(line, "save_at"));
  json_t *ev = world_last(&w, 1, CL_EVENT_CONNECTED);
  assert_string_equal(json_string_value(world_field(ev, "capabilities")), "save load");
  json_decref(ev);
  end(&w, &c);
}

static void a_report_is_recorded_before_it_is_answered(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "");
  assert_string_equal(scene_report(&w, &c, 1, 0.5, 0.75), scene_go);
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 1);
  assert_true(world_trial(&w, 1)->value == 0.75);
  assert_string_equal(scene_report(&w, &c, 2, 0.5, 0.25), scene_go); /* the step may stay */
  assert_true(world_trial(&w, 1)->value == 0.25);
  end(&w, &c);
}

static void nothing_is_answered_before_the_commit(void **state) {
  (void)state;
  struct world w;
  struct client c;
  struct cl_err e;
  begin(&w, &c, "");
  scene_send_report(&c, 1, 1, 0.5, NULL);
  while (!cl_log_has_put(w.log)) (void)uv_run(&w.loop, UV_RUN_ONCE);
  (void)uv_run(&w.loop, UV_RUN_NOWAIT);
  char byte;
  assert_int_equal(recv(c.fd, &byte, 1, MSG_PEEK), -1);
  assert_int_equal(cl_log_commit(w.log, &e), 0);
  assert_string_equal(client_hear(&w, &c), scene_go);
  end(&w, &c);
}

static void numbers_that_are_not_finite_are_values(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "");
  client_send(
      &c, "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"other\":\"-inf\",\"loss\":\"nan\"}}");
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_true(world_trial(&w, 1)->head.flags & CL_FLAG_DIVERGED);
  end(&w, &c);
}

static void a_change_comes_with_the_next_answer_and_once(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  int64_t position = set_lr(&w, 0.125, CL_CAUSE_HUMAN, CL_NO_STEP);
  char wanted[100];
  (void)snprintf(wanted, sizeof wanted, "{\"type\":\"go\",\"change\":%lld,\"values\":{\"lr\":0.125}}",
                 (long long)position);
  assert_string_equal(scene_report(&w, &c, 2, 2, 0.5), wanted);
  assert_string_equal(scene_report(&w, &c, 3, 3, 0.5), scene_go);
  end(&w, &c);
}

static void a_report_at_until_waits_for_the_scheduler(void **state) {
  (void)state;
  struct world w;
  struct client c;
  struct cl_slot_view view;
  begin_until(&w, &c, 2, "");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  scene_send_report(&c, 2, 2, 0.25, NULL);
  assert_true(client_is_silent(&w, &c));
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 2); /* recorded all the same */
  assert_int_equal(cl_worker_views(w.worker, &view, 1), 1);
  assert_int_equal(view.phase, CL_SLOT_HELD);
  (void)scene_continue(&w, 1, CL_CAUSE_RUNG, 4);
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_string_equal(scene_report(&w, &c, 3, 3, 0.5), scene_go);
  end(&w, &c);
}

static void a_person_does_not_release_what_waits_for_the_scheduler(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_until(&w, &c, 2, "");
  scene_send_report(&c, 1, 2, 0.25, NULL);
  assert_true(client_is_silent(&w, &c));
  (void)set_lr(&w, 0.5, CL_CAUSE_HUMAN, 2);
  assert_true(client_is_silent(&w, &c));
  (void)set_lr(&w, 0.75, CL_CAUSE_EXPLORE, CL_NO_STEP); /* the scheduler's own */
  assert_has(client_hear(&w, &c), "\"values\":{\"lr\":0.75}");
  end(&w, &c);
}

static void every_report_may_ask(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_until(&w, &c, -INFINITY, "save");
  for (int i = 1; i <= 2; i++) {
    scene_send_report(&c, i, i, 0.5, NULL);
    assert_true(client_is_silent(&w, &c));
    (void)scene_continue(&w, 1, CL_CAUSE_STOP_RULE, -INFINITY);
    assert_string_equal(client_hear(&w, &c), scene_go);
  }
  end(&w, &c);
}

static void an_announced_state_is_published_with_its_report(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_until(&w, &c, 2, "save load");
  const char *line = scene_report(&w, &c, 1, 1, 0.5);
  char path[300];
  char *own = world_path(&w, 1, 0, "checkpoints/1-2.new");
  (void)snprintf(path, sizeof path, "\"path\":\"%s\"", own);
  assert_has(line, "\"save_at\":2.0");
  assert_has(line, path);
  assert_int_equal(cl_dir_create(own, NULL), 0);
  world_touch(&w, 1, 0, "checkpoints/1-2.new/weights", "12345678901");
  client_send(&c,
              "{\"type\":\"report\",\"ordinal\":2,\"step\":2.5,\"metrics\":{\"loss\":0.25}, %s,\"bytes\":11}",
              path);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_SAVED) == 1);
  assert_true(world_has(&w, 1, 0, "checkpoints/1-2.5/weights"));
  assert_false(world_has(&w, 1, 0, "checkpoints/1-2.new"));
  json_t *ev = world_last(&w, 1, CL_EVENT_SAVED);
  const struct cl_snapshot *n = cl_study_snapshot(w.s, json_integer_value(world_field(ev, "position")));
  assert_non_null(n);
  assert_string_equal(n->path, "1/checkpoints/1-2.5");
  assert_int_equal(n->bytes, 11);
  assert_true(n->step == 2.5);
  assert_int_equal(strlen(n->hash), 32);
  const struct cl_rollup r =
      cl_trial_rollup(world_trial(&w, 1)); /* predicted by the worker, in the same commit */
  assert_true(n->rollup.last == r.last && n->rollup.best == r.best && n->rollup.sum == r.sum);
  assert_int_equal(n->rollup.count, r.count);
  assert_int_equal(n->position, world_trial(&w, 1)->record + 1);
  json_decref(ev);
  assert_true(client_is_silent(&w, &c)); /* the report waits for the scheduler */
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_RUNG});
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"pause\"}"); /* its state is there already */
  cl_free(own);
  end(&w, &c);
}

static void a_state_is_saved_when_asked(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  (void)scene_ask_state(&w, 1);
  const char *line = scene_report(&w, &c, 2, 2, 0.25);
  char *own = world_path(&w, 1, 0, "checkpoints/1-2.new");
  assert_has(line, "{\"type\":\"save\"");
  assert_has(line, own);
  assert_int_equal(cl_dir_create(own, NULL), 0);
  world_touch(&w, 1, 0, "checkpoints/1-2.new/weights", "x");
  client_send(&c, "{\"type\":\"saved\",\"step\":2,\"path\":\"%s\",\"bytes\":1}", own);
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 1);
  json_t *ev = world_last(&w, 1, CL_EVENT_SAVED);
  assert_int_equal(json_integer_value(world_field(ev, "report")), world_trial(&w, 1)->record);
  json_decref(ev);
  assert_string_equal(scene_report(&w, &c, 3, 3, 0.25), scene_go);
  cl_free(own);
  end(&w, &c);
}

static void a_state_that_could_not_be_saved_is_noted_and_training_goes_on(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save");
  (void)scene_ask_state(&w, 1);
  assert_has(scene_report(&w, &c, 1, 1, 0.25), "save");
  client_send(&c, "{\"type\":\"saved\",\"step\":1,\"error\":\"disk full\"}");
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 0);
  assert_int_equal(world_count(&w, 1, CL_EVENT_NOTE), 1);
  assert_non_null(strstr(cl_text_get(&w.said), "disk full"));
  end(&w, &c);
}

static void a_pause_saves_and_ends(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save load");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_HUMAN});
  const char *line = scene_report(&w, &c, 2, 2, 0.25);
  char *own = world_path(&w, 1, 0, "checkpoints/1-2.new");
  assert_has(line, "{\"type\":\"pause\",\"save\":");
  assert_has(line, own);
  assert_int_equal(cl_dir_create(own, NULL), 0);
  client_send(&c, "{\"type\":\"saved\",\"step\":2,\"path\":\"%s\"}", own);
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 1);
  client_close(&c);
  world_touch(&w, 1, 1, "end", "75");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_PAUSED);
  (void)scene_continue(&w, 1, CL_CAUSE_HUMAN, CL_NO_STEP);
  WORLD_UNTIL(&w, world_has(&w, 1, 2, "env"));
  char *env = world_read(&w, 1, 2, "env"), *resume = world_path(&w, 1, 0, "checkpoints/1-2");
  assert_has(env, "CLADE_RESUME_FROM=");
  assert_has(env, resume);
  line = client_hello(&w, &c, 1, 2, "save load");
  assert_has(line, "\"load\":");
  assert_has(line, resume);
  json_t *start = json_loads(line, 0, NULL);
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld}",
              (long long)json_integer_value(json_object_get(start, "change")));
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(world_count(&w, 1, CL_EVENT_LOADED), 1);
  json_decref(start);
  assert_string_equal(scene_report(&w, &c, 1, 3, 0.125), scene_go);
  assert_true(cl_trial_rollup(world_trial(&w, 1)).count == 3); /* goes on from the roll-up of the snapshot */
  client_close(&c);
  world_touch(&w, 1, 2, "end", "0");
  WORLD_UNTIL(&w, world_is_idle(&w));
  cl_free(env);
  cl_free(resume);
  cl_free(own);
  world_end(&w);
}

static void a_stop_is_the_next_answer(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_STOPPED, .cause = CL_CAUSE_RUNG});
  assert_string_equal(scene_report(&w, &c, 2, 2, 0.25), "{\"type\":\"stop\"}");
  assert_true(world_trial(&w, 1)->value == 0.5); /* late */
  client_close(&c);
  world_touch(&w, 1, 1, "end", "76");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_PRUNED);
  world_end(&w);
}

static void shutting_down_saves_at_the_next_report(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save load");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_ASK, 2);
  world_turn(&w);
  assert_int_equal(world_count(&w, 1, CL_EVENT_PREEMPTING), 1);
  const char *line = scene_report(&w, &c, 2, 2, 0.25);
  char *own = world_path(&w, 1, 0, "checkpoints/1-2.new");
  assert_has(line, "{\"type\":\"stop\",\"save\":");
  assert_int_equal(cl_dir_create(own, NULL), 0);
  client_send(&c, "{\"type\":\"saved\",\"step\":2,\"path\":\"%s\"}", own);
  assert_string_equal(client_hear(&w, &c), scene_go);
  client_close(&c);
  world_touch(&w, 1, 1, "end", "76");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_PREEMPTED);
  assert_true(cl_trial_resume_from(w.s, world_trial(&w, 1)) != 0);
  cl_free(own);
  world_end(&w);
}

static void a_pause_that_is_taken_back_in_time_is_never_noticed(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_HUMAN});
  (void)scene_continue(&w, 1, CL_CAUSE_HUMAN, CL_NO_STEP);
  assert_int_equal(world_state(&w, 1), CL_RUNNING);
  assert_int_equal(world_trial(&w, 1)->head.attempt, 1);
  assert_string_equal(scene_report(&w, &c, 2, 2, 0.5), scene_go);
  end(&w, &c);
}

/* The process connects before the worker has heard from its keeper that it has come to be. What is decided
 * meanwhile is obeyed then. */
static void a_pause_that_is_taken_back_before_the_keeper_has_answered_is_not_noticed_either(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char token[CL_TOKEN_SIZE];
  world_begin(&w, world_patient, "");
  world_work(&w, 1);
  pid_t keeper = cl_keeper_pid(w.worker->keeper);
  assert_int_equal(kill(keeper, SIGSTOP), 0);
  WORLD_UNTIL(&w, world_process_is(keeper, 'T'));
  world_propose(&w, 2.385);
  WORLD_UNTIL(&w, world_trial(&w, 1)->head.attempt == 1);
  world_token(&w, 1, 1, token);
  client_open(&w, &c);
  client_send(&c, "{\"type\": \"hello\", \"token\": \"%s\", \"protocol\": 1, \"can\": \"save\"}", token);
  assert_has(client_hear(&w, &c), "{\"type\":\"start\"");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_HUMAN});
  (void)scene_continue(&w, 1, CL_CAUSE_HUMAN, CL_NO_STEP);
  assert_int_equal(world_state(&w, 1), CL_WAITING);
  assert_int_equal(kill(keeper, SIGCONT), 0);
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_RUNNING);
  assert_int_equal(world_trial(&w, 1)->head.attempt, 1);
  assert_string_equal(scene_report(&w, &c, 2, 2, 0.5), scene_go);
  end(&w, &c);
}

static int64_t exploit(struct world *w, int64_t snapshot) {
  return scene_exploit(w, 1, snapshot, "sgd", CL_NO_STEP);
}

static void an_exploit_is_loaded_by_a_running_trainer(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save load");
  (void)scene_ask_state(&w, 1);
  assert_has(scene_report(&w, &c, 1, 1, 0.5), "save");
  char *own = world_path(&w, 1, 0, "checkpoints/1-1.new"),
       *published = world_path(&w, 1, 0, "checkpoints/1-1");
  assert_int_equal(cl_dir_create(own, NULL), 0);
  client_send(&c, "{\"type\":\"saved\",\"step\":1,\"path\":\"%s\"}", own);
  assert_string_equal(client_hear(&w, &c), scene_go);
  int64_t snapshot = scene_last_snapshot(&w, 1)->position, change = exploit(&w, snapshot);
  const char *line = scene_report(&w, &c, 2, 5, 0.75);
  char wanted[60];
  (void)snprintf(wanted, sizeof wanted, "{\"type\":\"load\",\"change\":%lld", (long long)change);
  assert_has(line, wanted);
  assert_has(line, published);
  assert_has(line, "\"values\":{\"lr\":0.125}");
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld,\"missing\":[\"momentum\"]}", (long long)change);
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(world_trial(&w, 1)->head.load, 0);
  assert_string_equal(scene_report(&w, &c, 3, 2, 0.5), scene_go); /* the step goes back with the state */
  cl_free(own);
  cl_free(published);
  end(&w, &c);
}

/* Have the open report's state saved; the snapshot's position. The answer to `saved` must be go. */
static int64_t save_here(struct world *w, struct client *c, double step, const char *name) {
  char *own = world_path(w, 1, 0, name);
  assert_int_equal(cl_dir_create(own, NULL), 0);
  client_send(c, "{\"type\":\"saved\",\"step\":%g,\"path\":\"%s\"}", step, own);
  assert_string_equal(client_hear(w, c), scene_go);
  cl_free(own);
  return scene_last_snapshot(w, 1)->position;
}

static int64_t save_first(struct world *w, struct client *c) {
  (void)scene_ask_state(w, 1);
  assert_has(scene_report(w, c, 1, 1, 0.5), "checkpoints/1-1.new");
  return save_here(w, c, 1, "checkpoints/1-1.new");
}

static void a_step_that_comes_again_with_an_exploit_has_a_state_of_its_own(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save load");
  int64_t first = save_first(&w, &c), change = exploit(&w, first);
  assert_has(scene_report(&w, &c, 2, 5, 0.75), "\"load\"");
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld}", (long long)change);
  assert_string_equal(client_hear(&w, &c), scene_go);
  (void)scene_ask_state(&w, 1);
  assert_has(scene_report(&w, &c, 3, 1, 0.375), "checkpoints/1-1-load1.new");
  int64_t second = save_here(&w, &c, 1, "checkpoints/1-1-load1.new");
  assert_true(second > first);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 2);
  assert_int_equal(cl_trial_resume_from(w.s, world_trial(&w, 1)), second);
  assert_true(cl_study_snapshot(w.s, second)->rollup.last == 0.375);
  assert_true(world_has(&w, 1, 0, "checkpoints/1-1"));
  assert_true(world_has(&w, 1, 0, "checkpoints/1-1-load1"));
  end(&w, &c);
}

static void a_failed_load_waits_to_be_decided_again(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save load");
  int64_t change = exploit(&w, save_first(&w, &c));
  assert_has(scene_report(&w, &c, 2, 5, 0.75), "\"load\"");
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld,\"error\":\"no such directory\"}", (long long)change);
  assert_true(client_is_silent(&w, &c));
  (void)scene_void(&w, 1, change);
  assert_true(client_is_silent(&w, &c)); /* it asks again, at the same report */
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld,\"error\":\"no such directory\"}", (long long)change);
  assert_has(client_hear(&w, &c), "one is open at a time");
  end(&w, &c);
}

/* A load that has failed may have replaced half of the process's state. */
static void after_a_failed_load_another_state_is_loaded(void **state) {
  (void)state;
  for (int goes_on = 0; goes_on < 2; goes_on++) {
    struct world w;
    struct client c;
    begin(&w, &c, "save load");
    int64_t own = save_first(&w, &c), change = exploit(&w, own);
    assert_has(scene_report(&w, &c, 2, 5, 0.75), "\"load\"");
    client_send(&c, "{\"type\":\"loaded\",\"change\":%lld,\"error\":\"not mine\"}", (long long)change);
    assert_true(client_is_silent(&w, &c));
    (void)scene_void(&w, 1, change);
    if (goes_on) { /* its own: in a new process */
      (void)scene_answer(&w, 1, CL_NO_STEP);
      assert_string_equal(client_hear(&w, &c), "{\"type\":\"stop\"}");
      assert_int_equal(world_count(&w, 1, CL_EVENT_PREEMPTING), 1);
      assert_int_equal(cl_trial_resume_from(w.s, world_trial(&w, 1)), own);
    } else {
      int64_t second = exploit(&w, own);
      const char *line = client_hear(&w, &c); /* it had the values of the first one, all of them */
      assert_has(line, "{\"type\":\"load\"");
      client_send(&c, "{\"type\":\"loaded\",\"change\":%lld}", (long long)second);
      assert_has(client_hear(&w, &c), "{\"type\":\"go\"");
      assert_string_equal(scene_report(&w, &c, 3, 6, 0.5), scene_go);
    }
    end(&w, &c);
  }
}

/* Deleted by hand: nobody is asked to load it. */
static void a_state_that_is_gone_is_not_given_to_a_process(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save load");
  int64_t snapshot = save_first(&w, &c);
  char *path = cl_attempt_path(w.s, 0, 0, cl_study_snapshot(w.s, snapshot)->path);
  assert_int_equal(cl_dir_remove(path, NULL), 0);
  cl_free(path);
  int64_t change = exploit(&w, snapshot);
  client_send(&c, "{\"type\":\"report\",\"ordinal\":2,\"step\":5,\"metrics\":{\"loss\":0.75}}");
  assert_true(client_is_silent(&w, &c));
  assert_int_equal(world_count(&w, 1, CL_EVENT_LOADED), 1);
  assert_int_equal(world_count(&w, 1, CL_EVENT_DELETED), 1);
  assert_false(cl_study_snapshot(w.s, snapshot)->usable);
  assert_has(cl_text_get(&w.said), "is gone");
  (void)scene_void(&w, 1, change);
  (void)scene_answer(&w, 1, CL_NO_STEP);
  assert_has(client_hear(&w, &c), "{\"type\":\"go\""); /* with what it has: nothing has touched that */
  end(&w, &c);
}

/* Two are to begin from it. One of them trains, and finds out at its next report. */
static void a_state_that_is_gone_is_deleted_once_nobody_is_to_begin_from_it(void **state) {
  (void)state;
  struct world w;
  struct client first, second;
  scene_begin(&w, 2, CL_NO_STEP, "");
  (void)client_hello(&w, &first, 1, 1, "save load");
  (void)client_hello(&w, &second, 2, 1, "save load");
  int64_t snapshot = save_first(&w, &first);
  assert_string_equal(scene_report(&w, &second, 1, 1, 0.75), scene_go);
  int64_t change = scene_exploit(&w, 2, snapshot, "sgd", CL_NO_STEP);
  char *path = cl_attempt_path(w.s, 0, 0, cl_study_snapshot(w.s, snapshot)->path);
  assert_int_equal(cl_dir_remove(path, NULL), 0);
  cl_free(path);
  client_close(&first);
  world_touch(&w, 1, 1, "end", "75");
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_PREEMPTED);
  (void)scene_retry(&w, 1);
  for (int i = 0; i < 5; i++) world_round(&w);
  assert_int_equal(world_state(&w, 1), CL_WAITING);
  assert_null(strstr(cl_text_get(&w.said), "is gone"));
  client_send(&second, "{\"type\":\"report\",\"ordinal\":2,\"step\":2,\"metrics\":{\"loss\":0.75}}");
  assert_true(client_is_silent(&w, &second));
  (void)scene_void(&w, 2, change);
  (void)scene_answer(&w, 2, CL_NO_STEP);
  WORLD_UNTIL(&w, world_has(&w, 1, 2, "env")); /* from the beginning */
  assert_int_equal(world_count(&w, 1, CL_EVENT_DELETED), 1);
  assert_has(cl_text_get(&w.said), "is gone");
  assert_has(client_hear(&w, &second), "{\"type\":\"go\"");
  client_close(&second);
  world_touch(&w, 1, 2, "end", "0");
  world_touch(&w, 2, 1, "end", "0");
  WORLD_UNTIL(&w, world_is_idle(&w));
  scene_end(&w);
}

static void a_failed_load_waits_over_a_reconnection(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char token[CL_TOKEN_SIZE];
  begin(&w, &c, "save load");
  int64_t change = exploit(&w, save_first(&w, &c));
  assert_has(scene_report(&w, &c, 2, 5, 0.75), "\"load\"");
  client_close(&c);
  client_open(&w, &c);
  world_token(&w, 1, 1, token);
  client_send(&c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"save load\",\"reports\":2}",
              token);
  assert_has(client_hear(&w, &c), "\"start\"");
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld,\"error\":\"no such directory\"}", (long long)change);
  assert_true(client_is_silent(&w, &c));
  (void)scene_void(&w, 1, change);
  assert_true(client_is_silent(&w, &c));
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_RUNG});
  assert_has(client_hear(&w, &c), "{\"type\":\"pause\"");
  end(&w, &c);
}

/* Its second attempt begins from the snapshot, with the exploit's values. */
static void assert_begun_from(struct world *w, int64_t snapshot) {
  WORLD_UNTIL(w, world_has(w, 1, 2, "env"));
  json_t *started = world_last(w, 1, CL_EVENT_STARTED);
  assert_int_equal(json_integer_value(world_field(started, "from")), snapshot);
  json_decref(started);
  char *environment = world_read(w, 1, 2, "env"),
       *path = world_path(w, 0, 0, cl_study_snapshot(w->s, snapshot)->path);
  assert_non_null(strstr(environment, path));
  assert_non_null(strstr(environment, "CLADE_PARAM_lr=0.125"));
  cl_free(environment);
  cl_free(path);
  world_touch(w, 1, 2, "end", "0");
  WORLD_UNTIL(w, world_is_idle(w));
}

static void a_trainer_that_cannot_load_begins_again_from_the_snapshot(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save");
  int64_t snapshot = save_first(&w, &c);
  (void)exploit(&w, snapshot);
  assert_string_equal(scene_report(&w, &c, 2, 5, 0.75),
                      "{\"type\":\"stop\"}"); /* no save: another state replaces its own */
  assert_int_equal(world_count(&w, 1, CL_EVENT_PREEMPTING), 1);
  client_close(&c);
  world_touch(&w, 1, 1, "end", "76");
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_PREEMPTED);
  (void)scene_retry(&w, 1);
  assert_begun_from(&w, snapshot);
  world_end(&w);
}

/* A list changes with a new process, unless its definition says otherwise. */
static void a_value_that_needs_a_new_process_gets_one(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save load");
  int64_t snapshot = save_first(&w, &c);
  struct cl_attempt_probe p; /* whoever adopts it knows what its process has */
  assert_int_equal(cl_attempt_look(w.s, 1, 1, &p, NULL), 0);
  assert_true(p.fixed != 0 && p.fixed == cl_attempts_find(w.worker, 1, 1)->fixed);
  (void)scene_exploit(&w, 1, snapshot, "adam", CL_NO_STEP);
  assert_string_equal(scene_report(&w, &c, 2, 5, 0.75), "{\"type\":\"stop\"}");
  client_close(&c);
  world_touch(&w, 1, 1, "end", "75");
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_PREEMPTED);
  (void)scene_retry(&w, 1);
  assert_begun_from(&w, snapshot);
  char *environment = world_read(&w, 1, 2, "env");
  assert_non_null(strstr(environment, "CLADE_PARAM_opt=adam"));
  cl_free(environment);
  world_end(&w);
}

static void a_program_that_only_prints_begins_again_from_the_snapshot(void **state) {
  (void)state;
  struct world w;
  struct cl_append result;
  world_begin(
      &w,
      "cd \"$CLADE_DIR/attempt-$CLADE_ATTEMPT\"; env > env.new; mv env.new env; echo step=3 loss=0.5; "
      "i=0; while [ ! -e end ] && [ $i -lt 2000 ]; do sleep 0.01; i=$((i+1)); done",
      "");
  world_propose(&w, 2.385);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_REPORTED) == 1);
  struct cl_event saved = {.kind = CL_EVENT_SAVED, .subject = 1, .attempt = 1, .by = 1};
  saved.u.saved.step = 3;
  saved.u.saved.way = CL_WAY_DIRECTORY;
  saved.u.saved.path = "1/checkpoints/1-3";
  saved.u.saved.host = saved.u.saved.hash = "x";
  assert_int_equal(cl_log_append(w.log, &saved, &result, NULL), 0);
  (void)exploit(&w, result.position);
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_PREEMPTED);
  (void)scene_retry(&w, 1);
  assert_begun_from(&w, result.position);
  world_end(&w);
}

/* Another engine, as far as the log is concerned: it uses up the names of metrics. */
static void use_up_names(struct world *w) {
  struct cl_store *store = NULL;
  struct cl_log *log = NULL;
  struct cl_err e = {0};
  struct cl_append result = {0};
  char names[CL_METRICS_MAX][20];
  struct cl_metric m[CL_METRICS_MAX];
  assert_int_equal(cl_store_open(w->address, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &store, &e),
                   0);
  assert_int_equal(cl_log_open(store, w->study, &(struct cl_log_options){0}, &log, &e), 0);
  struct cl_event started = {.kind = CL_EVENT_STARTED, .subject = 2, .attempt = 1, .cause = CL_CAUSE_CLAIM};
  started.seen = cl_study_trial(cl_log_study(log), 2)->head.version;
  started.as_of = cl_log_position(log);
  started.u.started.worker = 2;
  started.u.started.until = CL_NO_STEP;
  assert_int_equal(cl_log_append(log, &started, &result, &e), 0);
  assert_int_equal(result.status, 0);
  int known = cl_study_metrics(cl_log_study(log)), n = 0;
  for (; known + n < CL_METRICS_MAX; n++) {
    (void)snprintf(names[n], sizeof names[n], "metric %d", n);
    m[n] = (struct cl_metric){0, names[n], 0.385};
  }
  struct cl_event ev = {.kind = CL_EVENT_REPORTED, .subject = 2, .attempt = 1, .by = 2};
  ev.u.reported.ordinal = 1;
  ev.u.reported.step = 1;
  ev.u.reported.metrics = (struct cl_metric_list){n, m};
  assert_int_equal(cl_log_append(log, &ev, &result, &e), 0);
  assert_int_equal(result.status, 0);
  cl_log_close(log);
  cl_store_close(store);
}

static void names_used_up_by_another_worker_cost_one_report_only(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "");
  world_propose(&w, 1.385);
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  use_up_names(&w);
  client_send(&c, "{\"type\":\"report\",\"ordinal\":2,\"step\":2,\"metrics\":{\"loss\":0.25,\"extra\":1}}");
  const char *line = client_hear(&w, &c);
  assert_has(line, "{\"type\":\"error\"");
  assert_has(line,
             "the metric 'extra' is one too many: a study keeps 200 names; report it under one of them");
  assert_has(line, "\"field\":\"metrics\"");
  assert_has(line, "\"limit\":\"200 names in a study\"");
  assert_string_equal(scene_report(&w, &c, 2, 2, 0.25), scene_go); /* the ordinal is still free */
  assert_int_equal(cl_log_follow(w.log, NULL, NULL), 0);
  client_send(&c, "{\"type\":\"report\",\"ordinal\":3,\"step\":3,\"metrics\":{\"other\":1}}");
  assert_has(client_hear(&w, &c), "the metric 'other' is one too many");
  end(&w, &c);
}

static void printed_names_that_are_too_many_are_left_out(void **state) {
  (void)state;
  struct world w;
  world_begin(
      &w,
      "cd \"$CLADE_DIR/attempt-1\"; i=0; while [ ! -e end ] && [ $i -lt 2000 ]; do sleep 0.01; i=$((i+1)); done; "
      "echo step=1 loss=0.5 extra=1; echo step=2 loss=0.25 extra=2; echo step=3 loss=0.125",
      "");
  world_propose(&w, 2.385);
  world_propose(&w, 1.385);
  world_work(&w, 1);
  use_up_names(&w);
  world_touch(&w, 1, 1, "end", "0");
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_COMPLETE);
  assert_int_equal(world_trial(&w, 1)->head.reports, 3);
  assert_true(world_trial(&w, 1)->value == 0.125);
  world_end(&w);
}

static void done_completes_the_trial(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  client_send(&c, "{\"type\":\"done\"}");
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  client_send(&c, "{\"type\":\"done\"}"); /* again: answered like the first, recorded once */
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(world_count(&w, 1, CL_EVENT_DONE), 1);
  assert_string_equal(scene_report(&w, &c, 2, 2, 0.25), "{\"type\":\"stop\"}");
  client_close(&c);
  world_touch(&w, 1, 1, "end", "1"); /* how it ends does not matter any more */
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  world_end(&w);
}

static void who_hangs_after_done_is_ended_by_its_limit_of_time(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, CL_NO_STEP, ", \"limits\": {\"time_s\": 2000, \"grace_s\": 1000}");
  (void)client_hello(&w, &c, 1, 1, "");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  client_send(&c, "{\"type\":\"done\"}");
  assert_string_equal(client_hear(&w, &c), scene_go);
  client_close(&c);
  world_turn(&w);
  assert_false(world_is_idle(&w));
  struct cl_attempt *a = cl_attempts_find(w.worker, 1, 1);
  assert_non_null(a);
  a->started_us -= INT64_C(2000000000); /* as if it had taken so long */
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  assert_true(world_trial(&w, 1)->value == 0.5);
  assert_int_equal(world_count(&w, 1, CL_EVENT_STOPPED), 0);
  assert_int_equal(world_trial(&w, 1)->exit_status, 128 + SIGTERM);
  world_end(&w);
}

static void a_computed_objective_is_recorded_before_done(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, CL_NO_STEP,
              ",\"computed\":\"hpmax\",\"objectives\":[{\"name\":\"hpmax\",\"goal\":\"maximize\"}]");
  (void)client_hello(&w, &c, 1, 1, "");
  assert_string_equal(scene_report(&w, &c, 1, 1, 3), scene_go);
  assert_string_equal(scene_report(&w, &c, 2, 2, 6), scene_go);
  client_send(&c, "{\"type\":\"done\"}");
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  assert_true(world_trial(&w, 1)->value == 4.5);
  end(&w, &c);
}

static void a_trainer_that_comes_back_repeats_its_question(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  scene_send_report(&c, 2, 2, 0.25, NULL); /* its answer is never read */
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_REPORTED) == 2);
  client_close(&c);
  assert_has(client_hello(&w, &c, 1, 1, ""), "\"reports\":2");
  assert_string_equal(scene_report(&w, &c, 2, 2, 0.25), scene_go);
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 2);
  assert_string_equal(scene_report(&w, &c, 3, 3, 0.5), scene_go);
  assert_int_equal(world_count(&w, 1, CL_EVENT_CONNECTED), 1);
  end(&w, &c);
}

static void a_held_report_stays_held_over_a_reconnection(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_until(&w, &c, 2, "");
  scene_send_report(&c, 1, 2, 0.25, NULL);
  assert_true(client_is_silent(&w, &c));
  client_close(&c);
  (void)client_hello(&w, &c, 1, 1, "");
  scene_send_report(&c, 1, 2, 0.25, NULL);
  assert_true(client_is_silent(&w, &c));
  (void)scene_continue(&w, 1, CL_CAUSE_RUNG, CL_NO_STEP);
  assert_string_equal(client_hear(&w, &c), scene_go);
  end(&w, &c);
}

static void a_saved_state_may_be_told_again(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save");
  (void)scene_ask_state(&w, 1);
  assert_has(scene_report(&w, &c, 1, 1, 0.25), "save");
  char *own = world_path(&w, 1, 0, "checkpoints/1-1.new");
  assert_int_equal(cl_dir_create(own, NULL), 0);
  client_send(&c, "{\"type\":\"saved\",\"step\":1,\"path\":\"%s\"}", own);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_SAVED) == 1);
  client_close(&c);
  (void)client_hello(&w, &c, 1, 1, "save");
  client_send(&c, "{\"type\":\"saved\",\"step\":1,\"path\":\"%s\"}", own);
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 1);
  cl_free(own);
  end(&w, &c);
}

static void the_newer_connection_of_an_attempt_counts(void **state) {
  (void)state;
  struct world w;
  struct client c, second;
  begin(&w, &c, "");
  assert_has(client_hello(&w, &second, 1, 1, ""), "start");
  assert_string_equal(client_hear(&w, &c), "");
  assert_string_equal(scene_report(&w, &second, 1, 1, 0.5), scene_go);
  client_close(&second);
  end(&w, &c);
}

static void one_shot_connections_continue_the_count(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, NULL, "");
  for (int i = 1; i <= 3; i++) { /* as `clade report` does */
    char wanted[40];
    (void)snprintf(wanted, sizeof wanted, "\"reports\":%d", i - 1);
    const char *line = client_hello(&w, &c, 1, 1, "");
    if (i > 1) assert_has(line, wanted);
    assert_string_equal(scene_report(&w, &c, i, i, 0.5), scene_go);
    client_close(&c);
  }
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 3);
  end(&w, NULL);
}

static void output_is_not_read_from_a_program_that_connects(void **state) {
  (void)state;
  struct world w;
  struct client c;
  world_begin(
      &w,
      "cd \"$CLADE_DIR\"; touch ready; while [ ! -e more ]; do sleep 0.01; done; echo loss=9; touch told; "
      "while [ ! -e end ]; do sleep 0.01; done",
      "");
  world_propose(&w, 2.385);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 0, "ready"));
  (void)client_hello(&w, &c, 1, 1, "");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  world_touch(&w, 1, 0, "more", "");
  WORLD_UNTIL(&w, world_has(&w, 1, 0, "told"));
  client_close(&c);
  world_touch(&w, 1, 0, "end", "");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 1);
  assert_true(world_trial(&w, 1)->value == 0.5);
  world_end(&w);
}

static void an_outdated_attempt_is_told_to_stop_and_its_reports_are_late(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char old[CL_TOKEN_SIZE];
  begin(&w, &c, "");
  world_token(&w, 1, 1, old);
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  client_close(&c);
  struct cl_event ev = {.kind = CL_EVENT_LOST, .attempt = 1, .cause = CL_CAUSE_RESUME};
  (void)world_decide(&w, 1, ev);
  (void)scene_retry(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 2, "env"));
  client_open(&w, &c);
  client_send(&c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"reports\":1}", old);
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"stop\"}");
  assert_string_equal(scene_report(&w, &c, 2, 2, 0.125), "{\"type\":\"stop\"}");
  json_t *last = world_last(&w, 1, CL_EVENT_REPORTED);
  assert_int_equal(json_integer_value(world_field(last, "attempt")), 1);
  assert_true(json_is_true(world_field(last, "late")));
  json_decref(last);
  static const char *const others[] = {"{\"type\":\"done\"}", "{\"type\":\"loaded\",\"change\":7}",
                                       "{\"type\":\"saved\",\"step\":2,\"path\":\"/etc\"}",
                                       "{\"type\":\"saved\",\"step\":2,\"error\":\"disk full\"}"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    client_send(&c, "%s", others[i]);
    assert_string_equal(client_hear(&w, &c), "{\"type\":\"stop\"}");
  }
  client_close(&c);
  world_end(&w);
}

/* What is refused is refused with a sentence and changes nothing; the conversation goes on. */
static void wrong_reports_are_refused_naming_the_rule(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "");
  assert_string_equal(scene_report(&w, &c, 1, 5, 0.5), scene_go);
  const char *line = scene_report(&w, &c, 3, 6, 0.5);
  assert_has(line, "\"field\":\"ordinal\",\"limit\":\"2\"");
  line = scene_report(&w, &c, 2, 4, 0.5);
  assert_has(line, "\"type\":\"error\"");
  assert_has(line, "steps never decrease");
  assert_has(line, "\"field\":\"step\",\"limit\":\"at least 5\"");
  assert_null(strstr(line, "fatal"));
  struct cl_text t = {0};
  cl_text_add(&t, "{\"type\":\"report\",\"ordinal\":2,\"step\":6,\"metrics\":{");
  for (int i = 0; i < 201; i++) cl_text_format(&t, "%s\"m%d\":1", i > 0 ? ", " : "", i);
  cl_text_add(&t, "}}");
  client_send(&c, "%s", cl_text_get(&t));
  assert_has(client_hear(&w, &c), "the limit is 200");
  cl_text_clear(&t);
  for (int i = 0; i < 201; i++) cl_text_add(&t, "n");
  client_send(&c, "{\"type\":\"report\",\"ordinal\":2,\"step\":6,\"metrics\":{\"%s\":1}}", cl_text_get(&t));
  assert_has(client_hear(&w, &c), "\"type\":\"error\"");
  cl_text_done(&t);
  client_send(&c, "{\"type\":\"report\",\"ordinal\":2,\"metrics\":{}");
  assert_has(client_hear(&w, &c), "\"type\":\"error\"");
  client_send(&c, "{\"type\":\"go\"}");
  assert_has(client_hear(&w, &c), "\"field\":\"type\"");
  client_send(&c, "{\"type\":\"loaded\",\"change\":77}");
  assert_has(client_hear(&w, &c), "no load belongs to the change 77");
  client_send(&c, "{\"type\":\"saved\",\"step\":6,\"path\":\"/etc\"}");
  assert_has(client_hear(&w, &c), "not asked for");
  client_send(&c, "{\"type\":\"saved\",\"step\":6,\"path\":\"%s/1/checkpoints/../../1-6.new\"}",
              cl_study_directory(w.s));
  assert_has(client_hear(&w, &c), "not asked for");
  client_send(&c, "{\"type\":\"hello\",\"token\":\"x\",\"protocol\":1}");
  assert_has(client_hear(&w, &c), "hello was said already");
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 1);
  assert_string_equal(scene_report(&w, &c, 2, 6, 0.5), scene_go);
  end(&w, &c);
}

static void who_cannot_be_understood_is_hung_up_on(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char token[CL_TOKEN_SIZE];
  begin(&w, NULL, "");
  world_token(&w, 1, 1, token);
  const char *cases[] = {
      "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":1}}",
      "{\"type\":\"hello\",\"token\":\"1.1.0123456789abcdef0123456789abcdef\",\"protocol\":1}",
      "{\"type\":\"hello\",\"token\":\"99.1.0123456789abcdef0123456789abcdef\",\"protocol\":1}",
      "{\"type\":\"hello\",\"token\":\"1.7.0123456789abcdef0123456789abcdef\",\"protocol\":1}",
      "{\"type\":\"hello\",\"token\":\"../../etc\",\"protocol\":1}"};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    client_open(&w, &c);
    client_send(&c, "%s", cases[i]);
    assert_has(client_hear(&w, &c), "\"fatal\":true");
    assert_string_equal(client_hear(&w, &c), "");
    client_close(&c);
  }
  client_open(&w, &c);
  client_send(&c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":2}", token);
  assert_has(client_hear(&w, &c), "protocol 2 is not spoken here");
  client_close(&c);
  assert_int_equal(world_count(&w, 1, CL_EVENT_CONNECTED), 0);
  end(&w, NULL);
}

static void a_second_question_ends_the_conversation(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "");
  scene_send_report(&c, 1, 1, 0.5, NULL);
  scene_send_report(&c, 2, 2, 0.5, NULL);
  assert_has(client_hear(&w, &c), "one is open at a time");
  assert_string_equal(client_hear(&w, &c), "");
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_REPORTED) == 1); /* the first was understood */
  end(&w, &c);
}

static void a_line_without_end_is_cut_off(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char bytes[4096];
  begin(&w, &c, "");
  memset(bytes, 'x', sizeof bytes);
  for (int i = 0; i < 17; i++) {
    assert_true(send(c.fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0);
    world_turn(&w);
    (void)uv_run(&w.loop, UV_RUN_NOWAIT);
  }
  assert_has(client_hear(&w, &c), "\"fatal\":true");
  end(&w, &c);
}

static void a_trainer_that_never_reads_does_not_block_others(void **state) {
  (void)state;
  struct world w;
  struct client c, other;
  scene_begin(&w, 2, CL_NO_STEP, "");
  (void)client_hello(&w, &c, 1, 1, "");
  (void)client_hello(&w, &other, 2, 1, "");
  int room = 4608;
  assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
  bool alive = true;
  for (int i = 1; i <= 40000 && alive; i++) { /* asks, and lets the answers lie */
    char line[120];
    int n = snprintf(line, sizeof line, "{\"type\":\"nonsense %d\"}\n", i);
    alive = send(c.fd, line, (size_t)n, MSG_NOSIGNAL) == n;
    (void)uv_run(&w.loop, UV_RUN_NOWAIT);
    world_turn(&w);
  }
  assert_false(alive); /* hung up on when 256 KiB of answers lay about */
  assert_string_equal(scene_report(&w, &other, 1, 1, 0.5), scene_go);
  client_close(&c);
  client_close(&other);
  world_end(&w);
}

static void all_that_comes_in_one_turn_is_one_commit(void **state) {
  (void)state;
  struct world w;
  struct client c[4];
  scene_begin(&w, 4, CL_NO_STEP, "");
  for (int i = 0; i < 4; i++) (void)client_hello(&w, &c[i], i + 1, 1, "");
  for (int i = 0; i < 4; i++) scene_send_report(&c[i], 1, 1, 0.5, NULL);
  int64_t before = cl_log_position(w.log);
  while (!cl_log_has_put(w.log)) (void)uv_run(&w.loop, UV_RUN_ONCE);
  assert_int_equal(cl_log_commit(w.log, NULL), 0);
  assert_int_equal(cl_log_position(w.log) - before, 4);
  for (int i = 0; i < 4; i++) {
    assert_string_equal(client_hear(&w, &c[i]), scene_go);
    client_close(&c[i]);
  }
  world_end(&w);
}

/* Wrong paths, steps, ordinals and orders: each is answered by a sentence, and nothing is recorded. */
static void nonsense_is_answered_and_changes_nothing(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_until(&w, &c, 2, "save load regions fork"); /* all that can be said */
  assert_has(scene_report(&w, &c, 1, 1, 0.5), "{\"type\":\"go\"");
  char *directory = world_path(&w, 1, 0, "checkpoints");
  static const char *const names[] = {"1-2", "2-2.new",  "1-2.new/deep", "x",     ".new",
                                      "",    "1-2.late", "1-",           "1-.nex"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    client_send(&c, "{\"type\":\"saved\",\"step\":1,\"path\":\"%s/%s\",\"bytes\":1}", directory, names[i]);
    assert_has(client_hear(&w, &c), "a state was saved that was not asked for");
    client_send(&c,
                "{\"type\":\"report\",\"ordinal\":2,\"step\":2,\"metrics\":{\"loss\":1},\"path\":\"%s/%s\"}",
                directory, names[i]);
    assert_has(client_hear(&w, &c), "names a state that was not asked for");
  }
  cl_free(directory);
  static const char *const lines[] = {
      "{\"type\":\"saved\",\"step\":1}",
      "{\"type\":\"saved\",\"step\":1,\"path\":\"/etc/passwd\"}",
      "{\"type\":\"loaded\",\"change\":7}",
      "{\"type\":\"loaded\",\"change\":7,\"error\":\"no\"}",
      "{\"type\":\"report\",\"ordinal\":9,\"step\":2,\"metrics\":{\"loss\":1}}",
      "{\"type\":\"report\",\"ordinal\":2,\"step\":0.5,\"metrics\":{\"loss\":1}}",
      "{\"type\":\"report\",\"ordinal\":2,\"step\":2,\"metrics\":{\"\":1}}",
      "{\"type\":\"start\"}",
      "{\"type\":\"hello\",\"token\":\"1.1.x\",\"protocol\":1}",
      "{\"type\":\"fork\",\"token\":\"x\"}",
      "{\"type\":\"stop\"}",
      "nonsense",
      "\xff\xfe",
  };
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    client_send(&c, "%s", lines[i]);
    const char *answer = client_hear(&w, &c);
    if (strstr(answer, "\"type\":\"error\"") == NULL) fail_msg("'%s' is answered by '%s'", lines[i], answer);
    assert_null(strstr(answer, "\"fatal\":true"));
  }
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 1);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED) + world_count(&w, 1, CL_EVENT_LOADED), 0);
  scene_send_report(&c, 2, 2, 0.25, NULL); /* and it goes on */
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_REPORTED) == 2);
  end(&w, &c);
}

static void send_region(struct client *c, bool reports, int step, const char *path) {
  if (reports)
    client_send(c,
                "{\"type\":\"report\",\"ordinal\":%d,\"step\":%d,\"metrics\":{\"loss\":0.5},\"path\":\"%s\","
                "\"bytes\":9000}",
                step, step, path);
  else
    client_send(c, "{\"type\":\"saved\",\"step\":%d,\"path\":\"%s\",\"bytes\":9000}", step, path);
}

/* Of a worker that is gone: the memory went with it. */
static void memory_that_nobody_knows_is_no_state(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char token[CL_TOKEN_SIZE];
  static const char *const gone[] = {"/dev/shm/clade-0-12345678/spare-1", "/proc/1/fd/77"};
  begin(&w, NULL, "");
  world_token(&w, 1, 1, token);
  client_open(&w, &c);
  client_send(
      &c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"save load regions\",\"bytes\":9000}",
      token);
  assert_has(client_hear(&w, &c), "\"type\":\"start\"");
  for (int i = 0; i < 2; i++) {
    send_region(&c, true, i + 1, gone[i]);
    assert_string_equal(client_hear(&w, &c), scene_go);
    assert_int_equal(world_count(&w, 1, CL_EVENT_NOTE), 2 * i + 1);
    send_region(&c, false, i + 1, gone[1 - i]);
    assert_string_equal(client_hear(&w, &c), scene_go);
    assert_int_equal(world_count(&w, 1, CL_EVENT_NOTE), 2 * i + 2);
  }
  send_region(&c, false, 2, gone[0]); /* told again, both */
  assert_string_equal(client_hear(&w, &c), scene_go);
  send_region(&c, true, 2, gone[0]);
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(world_count(&w, 1, CL_EVENT_NOTE), 4);
  send_region(&c, true, 3, "/elsewhere");
  assert_has(client_hear(&w, &c), "not asked for");
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 0);
  end(&w, &c);
}

/* Paused and continued before it has heard of it, by a worker that ends: it pauses. */
static void a_worker_that_ends_takes_nobody_back(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_until(&w, &c, 2, "");
  scene_send_report(&c, 1, 2, 0.5, NULL);
  assert_true(client_is_silent(&w, &c));
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_DRAIN, 0);
  struct cl_event paused = {.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_RUNG, .subject = 1};
  struct cl_event on = {.kind = CL_EVENT_CONTINUED, .cause = CL_CAUSE_RUNG};
  struct cl_append result;
  paused.seen = world_trial(&w, 1)->head.version;
  paused.as_of = cl_log_position(w.log);
  assert_int_equal(cl_log_append(w.log, &paused, &result, NULL), 0);
  assert_int_equal(result.status, 0);
  on.u.continued.until = 4;
  (void)world_decide(&w, 1, on);
  assert_has(client_hear(&w, &c), "{\"type\":\"pause\"");
  client_close(&c);
  world_touch(&w, 1, 1, "end", "75");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_count(&w, 1, CL_EVENT_STARTED), 1);
  world_end(&w);
}

/* What a trainer says before it hangs up is recorded, or said again: its next connection is answered the
 * same. */

static void until_put(struct world *w) {
  int64_t limit = cl_clock_monotonic_us() + WORLD_PATIENCE_US;
  while (!cl_log_has_put(w->log) && cl_clock_monotonic_us() < limit) (void)uv_run(&w->loop, UV_RUN_ONCE);
  assert_true(cl_log_has_put(w->log));
}

/* It says so, and has gone when that is committed. */
static void say_and_go(struct world *w, struct client *c, const char *line) {
  client_send(c, "%s", line);
  until_put(w);
  client_close(c);
  for (int i = 0; i < 3; i++) (void)uv_run(&w->loop, UV_RUN_NOWAIT);
  world_turn(w);
}

static void come_again(struct world *w, struct client *c, int reports, const char *line) {
  char token[CL_TOKEN_SIZE];
  world_token(w, 1, 1, token);
  client_open(w, c);
  client_send(c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"save load\",\"reports\":%d}",
              token, reports);
  assert_has(client_hear(w, c), "{\"type\":\"start\"");
  client_send(c, "%s", line);
}

static void who_hangs_up_before_the_commit_is_answered_the_next_time(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char line[300], token[CL_TOKEN_SIZE];
  begin(&w, NULL, "");
  world_token(&w, 1, 1, token);
  client_open(&w, &c);
  (void)snprintf(line, sizeof line,
                 "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"save load\"}", token);
  say_and_go(&w, &c, line);
  static const char first[] = "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":0.5}}";
  come_again(&w, &c, 0, first);
  assert_string_equal(client_hear(&w, &c), scene_go);
  static const char second[] = "{\"type\":\"report\",\"ordinal\":2,\"step\":2,\"metrics\":{\"loss\":0.25}}";
  say_and_go(&w, &c, second);
  come_again(&w, &c, 1, second);
  assert_string_equal(client_hear(&w, &c), scene_go);
  (void)scene_ask_state(&w, 1);
  assert_has(scene_report(&w, &c, 3, 3, 0.125), "{\"type\":\"save\"");
  char *own = world_path(&w, 1, 0, "checkpoints/1-3.new");
  assert_int_equal(cl_dir_create(own, NULL), 0);
  (void)snprintf(line, sizeof line, "{\"type\":\"saved\",\"step\":3,\"path\":\"%s\"}", own);
  say_and_go(&w, &c, line);
  come_again(&w, &c, 3, line);
  assert_string_equal(client_hear(&w, &c), scene_go);
  int64_t change = exploit(&w, scene_last_snapshot(&w, 1)->position);
  assert_has(scene_report(&w, &c, 4, 4, 0.75), "{\"type\":\"load\"");
  (void)snprintf(line, sizeof line, "{\"type\":\"loaded\",\"change\":%lld}", (long long)change);
  say_and_go(&w, &c, line);
  come_again(&w, &c, 4, line);
  assert_string_equal(client_hear(&w, &c), scene_go);
  say_and_go(&w, &c, "{\"type\":\"done\"}");
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 4);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 1);
  assert_int_equal(world_count(&w, 1, CL_EVENT_LOADED), 1);
  cl_free(own);
  end(&w, NULL);
}

/* While its state is being published: that is done when it comes again. */
static void who_hangs_up_while_a_state_is_published_has_saved_it(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char line[400];
  begin_until(&w, &c, 2, "save load");
  char *own = world_path(&w, 1, 0, "checkpoints/1-2.new");
  assert_int_equal(cl_dir_create(own, NULL), 0);
  (void)snprintf(line, sizeof line,
                 "{\"type\":\"report\",\"ordinal\":1,\"step\":2,\"metrics\":{\"loss\":0.5},\"path\":\"%s\"}",
                 own);
  client_send(&c, "%s", line);
  (void)uv_run(&w.loop, UV_RUN_NOWAIT);
  client_close(&c);
  for (int i = 0; i < 40 && cl_path_exists(own); i++) world_round(&w);
  come_again(&w, &c, 0, line);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_SAVED) == 1);
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 1);
  assert_true(client_is_silent(&w, &c)); /* held, as it would have been */
  cl_free(own);
  end(&w, &c);
}

/* Before its trainer has said hello for the first time. */
static void who_comes_after_the_decision_is_told_so_at_once(void **state) {
  (void)state;
  static const struct {
    enum cl_kind kind;
    const char *answer;
  } cases[] = {{CL_EVENT_PAUSED, "{\"type\":\"pause\"}"}, {CL_EVENT_STOPPED, "{\"type\":\"stop\"}"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct world w;
    struct client c;
    scene_begin(&w, 1, CL_NO_STEP, ", \"limits\": {\"grace_s\": 1000}"); /* it is not signalled meanwhile */
    struct cl_event ev = {.kind = cases[i].kind, .cause = CL_CAUSE_HUMAN};
    if (ev.kind == CL_EVENT_STOPPED) ev.u.stopped.how = CL_STOP_ASK;
    (void)world_decide(&w, 1, ev);
    assert_string_equal(client_hello(&w, &c, 1, 1, "save load"), cases[i].answer);
    end(&w, &c);
  }
}

/* A state that is wanted before a pause, and why it is not asked for. */
static void a_pause_asks_for_no_state_that_cannot_be_had(void **state) {
  (void)state;
  enum { IS_SAVED, IS_DAMAGED, HAS_NO_ROOM, CASES };
  for (int i = 0; i < CASES; i++) {
    struct world w;
    struct client c;
    scene_begin(&w, 1, CL_NO_STEP, i == HAS_NO_ROOM ? ", \"limits\": {\"disk_bytes\": 1}" : "");
    (void)client_hello(&w, &c, 1, 1, "save load");
    (void)scene_ask_state(&w, 1);
    const char *line = scene_report(&w, &c, 1, 1, 0.5);
    assert_has(line, "save");
    if (i == HAS_NO_ROOM) { /* the first state of all says how large they are */
      char *own = world_path(&w, 1, 0, "checkpoints/1-1.new");
      assert_int_equal(cl_dir_create(own, NULL), 0);
      cl_free(own);
      world_touch(&w, 1, 0, "checkpoints/1-1.new/weights", "2385");
      (void)save_here(&w, &c, 1, "checkpoints/1-1.new");
    } else {
      int64_t own = save_here(&w, &c, 1, "checkpoints/1-1.new");
      int64_t change = i == IS_DAMAGED ? exploit(&w, own) : 0;
      if (i == IS_DAMAGED) {
        assert_has(scene_report(&w, &c, 2, 5, 0.75), "\"load\"");
        client_send(&c, "{\"type\":\"loaded\",\"change\":%lld,\"error\":\"not mine\"}", (long long)change);
        assert_true(client_is_silent(&w, &c));
        (void)scene_void(&w, 1, change);
      }
    }
    (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_RUNG});
    if (i == IS_DAMAGED)
      line = client_hear(&w, &c);
    else
      line = scene_report(&w, &c, 2, i == IS_SAVED ? 1 : 2, 0.25);
    assert_has(line, "{\"type\":\"pause\"");
    assert_null(strstr(line, "save"));
    if (i == HAS_NO_ROOM) assert_has(cl_text_get(&w.said), "disk budget");
    end(&w, &c);
  }
}

/* It goes on without, and a note says so where somebody expects the state. */
static void a_state_that_cannot_be_asked_for_is_done_without(void **state) {
  (void)state;
  static const char *const can[] = {"", "load", "save"};
  for (size_t i = 0; i < sizeof can / sizeof *can; i++) {
    struct world w;
    struct client c;
    begin(&w, &c, can[i]);
    if (can[i][0] == 's') (void)save_first(&w, &c);
    (void)scene_ask_state(&w, 1);
    assert_string_equal(scene_report(&w, &c, can[i][0] == 's' ? 2 : 1, 1, 0.5),
                        scene_go); /* saved there already */
    assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), can[i][0] == 's');
    end(&w, &c);
  }
}

/* Of a process whose load has failed, the state is lost. */
static void a_damaged_process_is_not_asked_for_its_state(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save load");
  int64_t change = exploit(&w, save_first(&w, &c));
  assert_has(scene_report(&w, &c, 2, 5, 0.75), "\"load\"");
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld,\"error\":\"not mine\"}", (long long)change);
  assert_true(client_is_silent(&w, &c));
  (void)scene_ask_state(&w, 1);
  (void)scene_void(&w, 1, change);
  assert_true(client_is_silent(&w, &c));
  assert_has(cl_text_get(&w.said), "its process has lost it");
  (void)scene_answer(&w, 1, CL_NO_STEP);
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"stop\"}"); /* it begins again from what it had */
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 1);
  end(&w, &c);
}

static void a_continue_while_the_worker_ends_comes_too_late(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save");
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), scene_go);
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_HUMAN});
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_ASK, 2);
  (void)scene_continue(&w, 1, CL_CAUSE_HUMAN, CL_NO_STEP);
  assert_int_equal(world_state(&w, 1), CL_WAITING);
  assert_has(scene_report(&w, &c, 2, 2, 0.25), "{\"type\":\"pause\",\"save\":");
  end(&w, &c);
}

static void values_of_every_kind_are_given_as_they_are(void **state) {
  (void)state;
  struct world w;
  struct client c;
  world_begin(
      &w, world_patient,
      ", \"hyperparameters\": [{\"id\":1,\"name\":\"lr\",\"domain\":\"float\",\"lo\":0.0,\"hi\":10.0},"
      "{\"id\":2,\"name\":\"opt\",\"domain\":\"unordered\",\"values\":[\"adam\",\"sgd\"]},"
      "{\"id\":3,\"name\":\"n\",\"domain\":\"constant\",\"values\":[2385]},"
      "{\"id\":4,\"name\":\"b\",\"domain\":\"constant\",\"values\":[true]},"
      "{\"id\":5,\"name\":\"z\",\"domain\":\"constant\",\"values\":[null]}]");
  struct cl_assigned values[] = {{1, cl_value_real(2.385)},
                                 {2, cl_value_text("sgd")},
                                 {3, cl_value_int(2385)},
                                 {4, cl_value_bool(true)},
                                 {5, {.kind = CL_NULL}}};
  struct cl_event ev = {.kind = CL_EVENT_PROPOSED, .subject = 1, .cause = CL_CAUSE_SEARCH};
  struct cl_append result = {0};
  struct cl_err e = {0};
  ev.as_of = cl_log_position(w.log);
  ev.u.proposed.role = CL_ROLE_SEARCH;
  ev.u.proposed.space_version = 1;
  ev.u.proposed.values = (struct cl_assigned_list){5, values};
  if (cl_log_append(w.log, &ev, &result, &e) < 0) fail_msg("%s", e.text);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env"));
  const char *line = client_hello(&w, &c, 1, 1, "");
  assert_has(line, "\"lr\":2.385,\"opt\":\"sgd\",\"n\":2385,\"b\":true,\"z\":null");
  end(&w, &c);
}

/* Only the objective itself, and a zero with a sign. */
static void what_was_never_reported_is_not_computed(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, CL_NO_STEP,
              ",\"computed\":\"hpmax\",\"objectives\":[{\"name\":\"hpmax\",\"goal\":\"maximize\"}]");
  (void)client_hello(&w, &c, 1, 1, "load");
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"\":1}}");
  assert_has(client_hear(&w, &c), "{\"type\":\"error\"");
  client_send(
      &c,
      "{\"type\":\"report\",\"ordinal\":1,\"step\":-0.0,\"metrics\":{\"loss\":-0.0},\"error\":\"no disk\"}");
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_has(cl_text_get(&w.said), "no disk");
  client_send(&c, "{\"type\":\"done\"}");
  (void)client_hear(&w, &c);
  client_send(&c, "{\"type\":\"done\"}"); /* it is computed once */
  (void)client_hear(&w, &c);
  assert_true(world_count(&w, 1, CL_EVENT_REPORTED) <= 2);
  end(&w, &c);
}

static enum cl_slot_phase phase_of(const struct world *w) {
  struct cl_slot_view view;
  assert_int_equal(cl_worker_views(w->worker, &view, 0), 1); /* nothing is written beyond the room */
  assert_int_equal(cl_worker_views(w->worker, &view, 1), 1);
  return view.phase;
}

static void a_slot_shows_what_its_trainer_is_at(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin(&w, &c, "save");
  assert_int_equal(phase_of(&w), CL_SLOT_RUNNING);
  (void)scene_ask_state(&w, 1);
  assert_has(scene_report(&w, &c, 1, 1, 0.5), "save");
  assert_int_equal(phase_of(&w), CL_SLOT_SAVING);
  (void)save_here(&w, &c, 1, "checkpoints/1-1.new");
  client_send(&c, "{\"type\":\"done\"}");
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(phase_of(&w), CL_SLOT_ENDING);
  end(&w, &c);
}

/* What is read from output from here on: what the update says. */
static void an_update_changes_how_output_is_read(void **state) {
  (void)state;
  struct world w;
  struct cl_append result = {0};
  world_begin(
      &w,
      "cd \"$CLADE_DIR\"; echo loss=7; touch first; i=0; while [ ! -e more ] && [ $i -lt 2000 ]; do sleep "
      "0.01; i=$((i+1)); done; echo 'loss is now 0.5'",
      "");
  world_propose(&w, 2.385);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_REPORTED) == 1);
  struct cl_event update = {.kind = CL_EVENT_UPDATED, .cause = CL_CAUSE_HUMAN};
  update.u.updated.settings = "{\"metric_regex\": \"([a-z]+) is now ([0-9.]+)\"}";
  update.u.updated.space_version = 1;
  update.seen = cl_study_head(w.s)->version;
  update.as_of = cl_log_position(w.log);
  assert_int_equal(cl_log_append(w.log, &update, &result, NULL), 0);
  assert_int_equal(result.status, 0);
  world_turn(&w);
  world_touch(&w, 1, 0, "more", "");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_true(world_trial(&w, 1)->value == 0.5);
  world_end(&w);
}

/* More at once than are let in at a time. */
static void a_crowd_is_let_in(void **state) {
  (void)state;
  enum { CROWD = 70 };
  struct world w;
  static struct client c[CROWD];
  begin(&w, NULL, "");
  for (int i = 0; i < CROWD; i++) client_open(&w, &c[i]);
  for (int i = 0; i < CROWD; i++) client_send(&c[i], "{\"type\":\"go\"}");
  for (int i = 0; i < CROWD; i++) {
    assert_has(client_hear(&w, &c[i]), "the first message was 'go'");
    client_close(&c[i]);
  }
  end(&w, NULL);
}

static void the_socket_is_where_the_system_wants_it(void **state) {
  (void)state;
  static const char *const wrong[] = {"relative", "/no/such/place", ""};
  char own[] = "/tmp/clade-runtime-XXXXXX";
  assert_non_null(mkdtemp(own));
  for (size_t i = 0; i < 4; i++) {
    struct world w;
    assert_int_equal(setenv("XDG_RUNTIME_DIR", i < 3 ? wrong[i] : own, 1), 0);
    world_begin(&w, "true", "");
    world_work(&w, 1);
    const char *socket = cl_worker_socket(w.worker);
    assert_int_equal(strncmp(socket, own, strlen(own)) == 0, i == 3);
    if (i < 3) assert_int_equal(strncmp(socket, "/tmp/clade-", 11), 0);
    world_end(&w);
  }
  assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
  assert_int_equal(rmdir(own), 0); /* nothing is left there */
}

/* A state that was announced and is not there, is in the way, or belongs to a report that is none. */
static void a_report_whose_state_cannot_be_published_counts_without(void **state) {
  (void)state;
  struct world w;
  struct client c;
  begin_until(&w, &c, 2, "save load");
  char *own = world_path(&w, 1, 0, "checkpoints/1-2.new");
  client_send(&c, "{\"type\":\"report\",\"ordinal\":7,\"step\":2,\"metrics\":{\"loss\":0.5},\"path\":\"%s\"}",
              own);
  assert_has(client_hear(&w, &c), "\"field\":\"ordinal\"");
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":2,\"metrics\":{\"loss\":0.5},\"path\":\"%s\"}",
              own);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_REPORTED) == 1);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_NOTE) == 1);
  assert_has(cl_text_get(&w.said), "not saved");
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 0);
  (void)scene_answer(&w, 1, CL_NO_STEP);
  assert_has(client_hear(&w, &c), "{\"type\":\"go\"");
  (void)scene_ask_state(&w, 1);
  assert_has(scene_report(&w, &c, 2, 3, 0.5), "checkpoints/1-3.new");
  cl_free(own);
  own = world_path(&w, 1, 0, "checkpoints/1-3.new");
  client_send(&c, "{\"type\":\"saved\",\"step\":3,\"path\":\"%s\"}", own);
  assert_string_equal(client_hear(&w, &c), scene_go);
  assert_int_equal(world_count(&w, 1, CL_EVENT_NOTE), 2);
  cl_free(own);
  end(&w, &c);
}

int main(int argc, char **argv) {
  WORLD_MAIN_BEGIN(argc, argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hello_is_answered_with_the_values),
      cmocka_unit_test(a_report_is_recorded_before_it_is_answered),
      cmocka_unit_test(nothing_is_answered_before_the_commit),
      cmocka_unit_test(numbers_that_are_not_finite_are_values),
      cmocka_unit_test(a_change_comes_with_the_next_answer_and_once),
      cmocka_unit_test(a_report_at_until_waits_for_the_scheduler),
      cmocka_unit_test(a_person_does_not_release_what_waits_for_the_scheduler),
      cmocka_unit_test(every_report_may_ask),
      cmocka_unit_test(an_announced_state_is_published_with_its_report),
      cmocka_unit_test(a_state_is_saved_when_asked),
      cmocka_unit_test(a_state_that_could_not_be_saved_is_noted_and_training_goes_on),
      cmocka_unit_test(a_pause_saves_and_ends),
      cmocka_unit_test(a_stop_is_the_next_answer),
      cmocka_unit_test(shutting_down_saves_at_the_next_report),
      cmocka_unit_test(a_pause_that_is_taken_back_in_time_is_never_noticed),
      cmocka_unit_test(a_pause_that_is_taken_back_before_the_keeper_has_answered_is_not_noticed_either),
      cmocka_unit_test(an_exploit_is_loaded_by_a_running_trainer),
      cmocka_unit_test(a_step_that_comes_again_with_an_exploit_has_a_state_of_its_own),
      cmocka_unit_test(a_failed_load_waits_to_be_decided_again),
      cmocka_unit_test(after_a_failed_load_another_state_is_loaded),
      cmocka_unit_test(a_state_that_is_gone_is_not_given_to_a_process),
      cmocka_unit_test(a_state_that_is_gone_is_deleted_once_nobody_is_to_begin_from_it),
      cmocka_unit_test(a_failed_load_waits_over_a_reconnection),
      cmocka_unit_test(a_trainer_that_cannot_load_begins_again_from_the_snapshot),
      cmocka_unit_test(a_value_that_needs_a_new_process_gets_one),
      cmocka_unit_test(a_program_that_only_prints_begins_again_from_the_snapshot),
      cmocka_unit_test(names_used_up_by_another_worker_cost_one_report_only),
      cmocka_unit_test(printed_names_that_are_too_many_are_left_out),
      cmocka_unit_test(done_completes_the_trial),
      cmocka_unit_test(who_hangs_after_done_is_ended_by_its_limit_of_time),
      cmocka_unit_test(a_computed_objective_is_recorded_before_done),
      cmocka_unit_test(a_trainer_that_comes_back_repeats_its_question),
      cmocka_unit_test(a_held_report_stays_held_over_a_reconnection),
      cmocka_unit_test(a_saved_state_may_be_told_again),
      cmocka_unit_test(the_newer_connection_of_an_attempt_counts),
      cmocka_unit_test(one_shot_connections_continue_the_count),
      cmocka_unit_test(output_is_not_read_from_a_program_that_connects),
      cmocka_unit_test(an_outdated_attempt_is_told_to_stop_and_its_reports_are_late),
      cmocka_unit_test(wrong_reports_are_refused_naming_the_rule),
      cmocka_unit_test(who_cannot_be_understood_is_hung_up_on),
      cmocka_unit_test(a_second_question_ends_the_conversation),
      cmocka_unit_test(a_line_without_end_is_cut_off),
      cmocka_unit_test(a_trainer_that_never_reads_does_not_block_others),
      cmocka_unit_test(all_that_comes_in_one_turn_is_one_commit),
      cmocka_unit_test(nonsense_is_answered_and_changes_nothing),
      cmocka_unit_test(memory_that_nobody_knows_is_no_state),
      cmocka_unit_test(a_worker_that_ends_takes_nobody_back),
      cmocka_unit_test(who_hangs_up_before_the_commit_is_answered_the_next_time),
      cmocka_unit_test(who_hangs_up_while_a_state_is_published_has_saved_it),
      cmocka_unit_test(who_comes_after_the_decision_is_told_so_at_once),
      cmocka_unit_test(a_pause_asks_for_no_state_that_cannot_be_had),
      cmocka_unit_test(a_state_that_cannot_be_asked_for_is_done_without),
      cmocka_unit_test(a_damaged_process_is_not_asked_for_its_state),
      cmocka_unit_test(a_continue_while_the_worker_ends_comes_too_late),
      cmocka_unit_test(values_of_every_kind_are_given_as_they_are),
      cmocka_unit_test(a_slot_shows_what_its_trainer_is_at),
      cmocka_unit_test(an_update_changes_how_output_is_read),
      cmocka_unit_test(a_crowd_is_let_in),
      cmocka_unit_test(the_socket_is_where_the_system_wants_it),
      cmocka_unit_test(a_report_whose_state_cannot_be_published_counts_without),
      cmocka_unit_test(what_was_never_reported_is_not_computed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
