/* The worker's life with real processes: claims, output, ends, limits, shutting down. */
#include "world.h"

#include <signal.h>
#include <sys/resource.h>

#include "worker/process.h"

static void a_program_is_claimed_run_followed_and_recorded(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, "echo epoch=1 loss=0.5; echo epoch=2 loss=0.25 acc=0.75", "");
  world_propose(&w, 2.385);
  world_work_off(&w, 1);
  const struct cl_trial *t = world_trial(&w, 1);
  assert_int_equal(t->head.state, CL_COMPLETE);
  assert_true(t->value == 0.25);
  assert_true(t->head.step == 2);
  json_t *end = world_last(&w, 1, CL_EVENT_ENDED), *start = world_last(&w, 1, CL_EVENT_STARTED);
  assert_int_equal(json_integer_value(world_field(end, "attempt")), 1);
  assert_true(json_is_true(world_field(end, "known")));
  assert_true(json_number_value(json_array_get(world_field(end, "objectives"), 0)) == 0.25);
  assert_int_equal(json_integer_value(world_field(end, "record")), t->record);
  assert_int_equal(json_integer_value(world_field(start, "worker")), cl_worker_number(w.worker));
  json_decref(end);
  json_decref(start);
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 2);
  world_end(&w);
}

static void exit_statuses_mean_what_they_say(void **state) {
  (void)state;
  static const struct {
    const char *script;
    int state;
  } cases[] = {
      {"exit 1", CL_FAILED},      {"exit 75", CL_PREEMPTED},         {"echo loss=1; exit 76", CL_PRUNED},
      {"exit 77", CL_INFEASIBLE}, {"kill -SEGV $$", CL_FAILED},      {"echo loss=nan; exit 0", CL_DIVERGED},
      {"exit 0", CL_FAILED},      {"echo loss=1; exit 3", CL_FAILED}};
  struct world w;
  world_begin(&w, "eval \"$(cat \"$CLADE_STORE.script-$CLADE_TRIAL\")\"", "");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char path[200];
    (void)snprintf(path, sizeof path, "%s.script-%zu", w.address, i + 1);
    assert_int_equal(cl_file_write(path, cases[i].script, strlen(cases[i].script), false, NULL), 0);
    world_propose(&w, (double)i);
  }
  world_work(&w, 3);
  WORLD_UNTIL(&w, world_is_idle(&w) && cl_study_first_waiting(w.s) == 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (world_state(&w, (int64_t)i + 1) != cases[i].state) world_show(&w);
    assert_int_equal(world_state(&w, (int64_t)i + 1), cases[i].state);
  }
  assert_int_equal(world_trial(&w, 5)->exit_status, 128 + SIGSEGV);
  world_end(&w);
}

static void a_program_that_cannot_be_started_fails_and_says_why(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, "true", ", \"cwd\": \"/no/such/directory\"");
  world_propose(&w, 1);
  world_work_off(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_FAILED);
  assert_int_equal(world_trial(&w, 1)->exit_status, 127);
  char *text = world_read(&w, 1, 1, "stderr");
  assert_non_null(strstr(text, "/no/such/directory"));
  cl_free(text);
  world_end(&w);
}

static void a_trainer_tags_its_trial_by_a_file(void **state) {
  (void)state;
  struct world w;
  world_begin(&w,
              "echo loss=0.5; "
              "printf 'plotted_metric=s1-rew\\nkeep\\n=nameless\\n\\377\\nratio=a=b' >\"$CLADE_DIR/tags\"",
              "");
  world_propose(&w, 2.385);
  world_work_off(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  assert_int_equal(world_count(&w, 1, CL_EVENT_NOTE), 3);
  json_t *note = world_last(&w, 1, CL_EVENT_NOTE);
  assert_string_equal(json_string_value(world_field(note, "name")), "ratio");
  assert_string_equal(json_string_value(world_field(note, "text")), "a=b");
  assert_int_equal(json_integer_value(world_field(note, "what")), CL_NOTE_TAG);
  json_decref(note);
  char *story = world_story(&w, 1);
  assert_non_null(strstr(story, "note"));
  cl_free(story);
  assert_false(world_has(&w, 1, 0, "tags"));
  assert_non_null(strstr(cl_text_get(&w.said), "it has no name"));
  assert_non_null(strstr(cl_text_get(&w.said), "UTF-8"));
  world_end(&w);
}

static void the_environment_is_that_of_the_contract(void **state) {
  (void)state;
  static const char *const gpus[] = {"GPU-a", "GPU-b"};
  struct world w;
  world_begin(&w, world_patient, "");
  (void)setenv("CLADE_LEFT_OVER", "1", 1);
  (void)setenv("OMP_NUM_THREADS", "7", 1);
  (void)unsetenv("OPENBLAS_NUM_THREADS");
  w.options.n_gpus = 2;
  w.options.gpus = gpus;
  world_propose(&w, 0.5);
  world_propose(&w, 2.385);
  world_work(&w, 2);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env") && world_has(&w, 2, 1, "env"));
  (void)unsetenv("CLADE_LEFT_OVER");
  (void)unsetenv("OMP_NUM_THREADS");
  char *text = world_read(&w, 2, 1, "env"), line[300], token[CL_TOKEN_SIZE];
  char *directory = world_path(&w, 2, 0, NULL);
  world_token(&w, 2, 1, token);
  const char *wanted[] = {"CLADE_STUDY=s\n",      "CLADE_TRIAL=2\n",        "CLADE_ATTEMPT=1\n",
                          "CLADE_SLOT=1\n",       "CLADE_GPU=GPU-b\n",      "CUDA_VISIBLE_DEVICES=GPU-b\n",
                          "CLADE_FINAL=0\n",      "CLADE_PARAM_lr=2.385\n", "CLADE_PARAM_opt=sgd\n",
                          "OMP_NUM_THREADS=7\n",  "OPENBLAS_NUM_THREADS=",  "CLADE_RECONNECT=",
                          "PYTHONUNBUFFERED=1\n", "CLADE_SEARCH=random\n"};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    if (strstr(text, wanted[i]) == NULL) fail_msg("%s is not in %s", wanted[i], text);
  const struct {
    const char *name, *value, *end;
  } places[] = {{"CLADE_DIR", directory, ""},
                {"CLADE_CKPT_DIR", directory, "/checkpoints"},
                {"CLADE_STORE", w.address, ""},
                {"CLADE_SOCKET", cl_worker_socket(w.worker), ""},
                {"CLADE_TOKEN", token, ""}};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    (void)snprintf(line, sizeof line, "%s=%s%s\n", places[i].name, places[i].value, places[i].end);
    if (strstr(text, line) == NULL) fail_msg("%s is not in %s", line, text);
  }
  (void)snprintf(line, sizeof line, "CLADE_SEED=%lld\n", (long long)cl_trial_seed(w.s, world_trial(&w, 2)));
  assert_non_null(strstr(text, line));
  assert_null(strstr(text, "CLADE_LEFT_OVER"));
  assert_null(strstr(text, "CLADE_RESUME_FROM"));
  cl_free(text);
  text = world_read(&w, 2, 0, "params.json");
  assert_string_equal(text, "{\"lr\": 2.385, \"opt\": \"sgd\"}\n");
  cl_free(text);
  char *note = cl_attempt_path(w.s, 2, 0, "socket"); /* for trainers whose worker has changed */
  assert_false(cl_path_exists(note));
  cl_free(note);
  cl_free(directory);
  world_end(&w);
}

static void slots_are_never_exceeded_and_used_again(void **state) {
  (void)state;
  struct world w;
  struct cl_slot_view views[3];
  world_begin(&w, world_patient, "");
  for (int i = 0; i < 3; i++) world_propose(&w, i);
  world_work(&w, 2);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env") && world_has(&w, 2, 1, "env"));
  assert_int_equal(cl_worker_busy(w.worker), 2);
  assert_int_equal(world_state(&w, 3), CL_WAITING);
  WORLD_UNTIL(&w,
              cl_worker_views(w.worker, views, 3) == 2 && views[0].phase == CL_SLOT_RUNNING &&
                  views[1].phase == CL_SLOT_RUNNING); /* a program may be faster than the news of its birth */
  assert_int_equal(views[0].trial, 1);
  assert_int_equal(views[1].trial, 2);
  assert_true(views[1].pid > 1);
  world_touch(&w, 1, 1, "end", "5");
  WORLD_UNTIL(&w, world_has(&w, 3, 1, "env"));
  assert_int_equal(cl_worker_views(w.worker, views, 3), 2);
  assert_int_equal(views[0].trial, 3);
  world_end(&w);
}

static void a_claim_that_conflicts_leaves_nothing(void **state) {
  (void)state;
  struct world w, other;
  world_begin(&w, world_patient, "");
  world_propose(&w, 1);
  other = w;
  other.loop_open = false;
  other.said = (struct cl_text){0};
  world_open(&other);
  struct cl_err e;
  assert_int_equal(world_try_to_work(&w, 1, &e), 0);
  assert_int_equal(cl_worker_turn(w.worker, &e), 0); /* `started` is put, not committed */
  assert_true(world_has(&w, 1, 1, "lock"));
  struct cl_event ev = {.kind = CL_EVENT_STOPPED, .cause = CL_CAUSE_HUMAN};
  (void)world_decide(&other, 1, ev);
  world_turn(&w);
  assert_int_equal(world_state(&w, 1), CL_PRUNED);
  assert_int_equal(world_count(&w, 1, CL_EVENT_STARTED), 0);
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_false(world_has(&w, 1, 1, NULL));
  assert_false(world_has(&w, 1, 0, NULL));
  world_close(&other);
  world_end(&w);
}

static void an_attempt_that_has_come_and_gone_unseen_is_left_alone(void **state) {
  (void)state;
  struct world w, other;
  world_begin(&w, "echo loss=0.25", "");
  world_propose(&w, 1);
  other = w;
  other.loop_open = false;
  other.said = (struct cl_text){0};
  world_open(&other);
  struct cl_err e;
  assert_int_equal(world_try_to_work(&other, 1, &e), 0);
  world_work_off(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  assert_int_equal(world_state(&other, 1), CL_WAITING); /* it has seen nothing of that */
  assert_int_equal(cl_worker_turn(other.worker, &e), 0);
  assert_int_equal(cl_log_commit(other.log, &e), 0);
  char *text = world_read(&w, 1, 1, "stdout");
  assert_string_equal(text, "loss=0.25\n");
  cl_free(text);
  assert_true(world_has(&w, 1, 1, "exit"));
  assert_true(world_has(&w, 1, 0, "params.json"));
  WORLD_UNTIL(&other, world_is_idle(&other));
  assert_int_equal(cl_log_follow(other.log, NULL, &e), 0);
  assert_int_equal(world_state(&other, 1), CL_COMPLETE);
  world_close(&other);
  world_end(&w);
}

/* The first attempt of a trial; null before its process has come to be. */
static struct cl_attempt *running(struct world *w, int64_t trial) {
  struct cl_attempt *a = cl_attempts_find(w->worker, trial, 1);
  return a != NULL && a->phase == CL_PHASE_RUNNING ? a : NULL;
}

static void a_stop_ends_a_silent_program(void **state) {
  (void)state;
  struct world w;
  world_begin(
      &w,
      "trap 'echo loss=0.25; exit 9' TERM; echo loss=0.5; i=0; while [ $i -lt 9000 ]; do sleep 0.01; i=$((i + 1)); done",
      ", \"limits\": {\"grace_s\": 1000}");
  world_propose(&w, 1);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_trial(&w, 1)->value == 0.5);
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_STOPPED, .cause = CL_CAUSE_RUNG});
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_PRUNED);
  assert_true(world_trial(&w, 1)->value == 0.5); /* what came after the stop is late */
  assert_int_equal(world_trial(&w, 1)->exit_status, 9);
  world_end(&w);
}

static void a_program_that_a_person_stops_has_the_grace_to_end_by_itself(void **state) {
  (void)state;
  struct world w;
  world_begin(&w,
              "cd \"$CLADE_DIR\"; trap 'exit 9' TERM; echo loss=0.5; i=0; "
              "while ! [ -e enough ] && [ $i -lt 2000 ]; do sleep 0.01; i=$((i+1)); done; exit 38",
              ", \"limits\": {\"grace_s\": 1000}");
  world_propose(&w, 1);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_trial(&w, 1)->value == 0.5);
  struct cl_event stop = {.kind = CL_EVENT_STOPPED, .cause = CL_CAUSE_HUMAN};
  stop.u.stopped.how = CL_STOP_ASK;
  (void)world_decide(&w, 1, stop);
  for (int i = 0; i < 5; i++) world_round(&w);
  assert_false(world_is_idle(&w));
  world_touch(&w, 1, 0, "enough", "");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_trial(&w, 1)->exit_status, 38);
  assert_int_equal(world_state(&w, 1), CL_PRUNED);
  world_end(&w);
}

static void a_program_that_a_person_kills_has_no_grace(void **state) {
  (void)state;
  struct world w;
  world_begin(
      &w, "trap 'exit 9' TERM; echo loss=0.5; i=0; while [ $i -lt 2000 ]; do sleep 0.01; i=$((i+1)); done",
      ", \"limits\": {\"grace_s\": 1000}");
  world_propose(&w, 1);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_trial(&w, 1)->value == 0.5);
  struct cl_event stop = {.kind = CL_EVENT_STOPPED, .cause = CL_CAUSE_HUMAN};
  stop.u.stopped.how = CL_STOP_KILL;
  (void)world_decide(&w, 1, stop);
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_trial(&w, 1)->exit_status, 9);
  world_end(&w);
}

static void a_paused_study_starts_nothing(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, "echo loss=0.5", "");
  world_propose(&w, 1);
  struct cl_event pause = {.kind = CL_EVENT_UPDATED, .cause = CL_CAUSE_HUMAN};
  struct cl_append result;
  pause.seen = cl_study_head(w.s)->version;
  pause.u.updated.settings = "{\"paused\": []}";
  pause.u.updated.space_version = 1;
  assert_int_equal(cl_log_append(w.log, &pause, &result, NULL), 0);
  assert_int_equal(result.status, 0);
  world_work(&w, 1);
  for (int i = 0; i < 5; i++) world_round(&w);
  assert_true(world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_WAITING);
  pause.seen = cl_study_head(w.s)->version;
  pause.u.updated.settings = "{\"paused\": null}";
  assert_int_equal(cl_log_append(w.log, &pause, &result, NULL), 0);
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_COMPLETE);
  world_end(&w);
}

static void who_ignores_sigterm_is_killed_with_its_children(void **state) {
  (void)state;
  struct world w;
  world_begin(
      &w,
      "cd \"$CLADE_DIR\"; trap '' TERM; sh -c 'echo $$ > child.new; mv child.new child; while :; do sleep 0.05; "
      "done'",
      ", \"limits\": {\"grace_s\": 0.05}");
  world_propose(&w, 1);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 0, "child"));
  char *text = world_read(&w, 1, 0, "child");
  pid_t child = (pid_t)strtol(text, NULL, 10);
  int64_t start = cl_process_start(child);
  cl_free(text);
  assert_true(cl_process_lives(child, start));
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_HUMAN});
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_PAUSED);
  assert_int_equal(world_trial(&w, 1)->exit_status, 128 + SIGKILL);
  WORLD_UNTIL(&w, !cl_process_lives(child, start));
  world_end(&w);
}

static void a_trial_over_its_time_is_pruned_with_its_value(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, "echo loss=0.5; sleep 1000", ", \"limits\": {\"time_s\": 2000, \"grace_s\": 1000}");
  world_propose(&w, 1);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_trial(&w, 1)->value == 0.5 && running(&w, 1) != NULL);
  world_turn(&w);
  assert_int_equal(world_count(&w, 1, CL_EVENT_STOPPED), 0);
  running(&w, 1)->started_us -= INT64_C(2000000000); /* as if it had trained for so long */
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_PRUNED);
  assert_true(world_trial(&w, 1)->value == 0.5);
  json_t *stop = world_last(&w, 1, CL_EVENT_STOPPED);
  assert_int_equal(json_integer_value(world_field(stop, "how")), CL_STOP_KILL);
  json_decref(stop);
  assert_int_equal(world_count(&w, 1, CL_EVENT_STOPPED), 1);
  world_end(&w);
}

static void a_trial_over_its_memory_fails_and_names_the_limit(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, "head -c 60000000 /dev/zero | tail -c 60000000 | sleep 1000",
              ", \"limits\": {\"memory_bytes\": 30000000}");
  world_propose(&w, 1);
  world_work_off(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_FAILED);
  assert_int_equal(world_trial(&w, 1)->exit_status, 128 + SIGKILL);
  json_t *end = world_last(&w, 1, CL_EVENT_ENDED);
  json_t *parsed = json_loads(json_string_value(world_field(end, "usage")), 0, NULL);
  assert_string_equal(json_string_value(json_object_get(parsed, "limit")), "memory");
  assert_int_equal(json_integer_value(json_object_get(parsed, "bound")), 30000000);
  assert_true(json_integer_value(json_object_get(parsed, "resident")) > 30000000);
  json_decref(parsed);
  json_decref(end);
  world_end(&w);
}

static void the_first_request_preempts_and_the_second_kills(void **state) {
  (void)state;
  struct world w;
  world_begin(
      &w,
      "cd \"$CLADE_DIR\"; trap 'echo term > term' TERM; touch ready; i=0; while [ $i -lt 9000 ]; do sleep "
      "0.01; i=$((i + 1)); done",
      ", \"limits\": {\"grace_s\": 1000}");
  w.options.grace_s = 0.05;
  world_propose(&w, 1);
  world_propose(&w, 2);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 0, "ready") && running(&w, 1) != NULL);
  int64_t before_us = cl_clock_monotonic_us();
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_ASK, SIGINT);
  world_turn(&w);
  assert_int_equal(running(&w, 1)->urge, CL_URGE_SOON);
  assert_in_range(running(&w, 1)->deadline_us, before_us + 50000, cl_clock_monotonic_us() + 50000);
  w.worker->options.grace_s = 0; /* from here on the study's: it is the second request that kills */
  WORLD_UNTIL(&w, world_has(&w, 1, 0, "term"));
  assert_int_equal(world_count(&w, 1, CL_EVENT_PREEMPTING), 1);
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_KILL, SIGINT);
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_trial(&w, 1)->exit_status, 128 + SIGKILL);
  assert_int_equal(world_state(&w, 1), CL_PREEMPTED);
  assert_int_equal(world_state(&w, 2), CL_WAITING);
  assert_int_equal(world_count(&w, 1, CL_EVENT_PREEMPTING), 1);
  json_t *ev = world_last(&w, 1, CL_EVENT_PREEMPTING);
  assert_int_equal(json_integer_value(world_field(ev, "worker")), cl_worker_number(w.worker));
  json_decref(ev);
  world_end(&w);
}

static void draining_lets_everything_end_by_itself(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, world_patient, "");
  world_propose(&w, 1);
  world_propose(&w, 2);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env"));
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_DRAIN, 0);
  world_touch(&w, 1, 1, "end", "1");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_FAILED);
  assert_int_equal(world_state(&w, 2), CL_WAITING);
  world_end(&w);
}

static void a_finished_study_starts_only_what_it_may(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, "echo loss=1", "");
  world_propose(&w, 1);
  struct cl_event ev = {
      .kind = CL_EVENT_FINISHED, .seen = cl_study_head(w.s)->version, .cause = CL_CAUSE_HUMAN};
  struct cl_append result = {0};
  ev.u.finished.reason = CL_REASON_HUMAN;
  assert_int_equal(cl_log_append(w.log, &ev, &result, NULL), 0);
  struct cl_assigned values[] = {{1, cl_value_real(0.5)}, {2, cl_value_text("adam")}};
  ev = (struct cl_event){.kind = CL_EVENT_PROPOSED, .subject = 2, .cause = CL_CAUSE_CONFIRM};
  ev.u.proposed.role = CL_ROLE_ASSESS;
  ev.u.proposed.of = 1;
  ev.u.proposed.space_version = 1;
  ev.u.proposed.values = (struct cl_assigned_list){2, values};
  assert_int_equal(cl_log_append(w.log, &ev, &result, NULL), 0);
  assert_int_equal(result.status, 0);
  world_work_off(&w, 2);
  assert_int_equal(world_state(&w, 1), CL_WAITING);
  assert_int_equal(world_state(&w, 2), CL_COMPLETE);
  world_end(&w);
}

static void a_computed_objective_is_the_mean_of_the_first_metric(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, "echo epoch=1 rew=3 win=9; echo epoch=2 rew=5 win=9; echo epoch=3 rew=7.5",
              ", \"computed\": \"hpmax\", \"objectives\": [{\"name\": \"hpmax\", \"goal\": \"maximize\"}]");
  world_propose(&w, 1);
  world_work_off(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  assert_true(fabs(world_trial(&w, 1)->value - 15.5 / 3) < 1e-12);
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 4);
  world_end(&w);
}

static void the_last_stage_is_the_one_that_counts(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, "echo s1-hrs=7 s1-rew=3 s1-win=1; echo s1-rew=4; echo s2-hrs=9 s2-rew=10; echo s2-rew=20",
              ", \"computed\": \"hpmax\", \"objectives\": [{\"name\": \"hpmax\", \"goal\": \"maximize\"}]");
  world_propose(&w, 1);
  world_work_off(&w, 1);
  assert_true(world_trial(&w, 1)->value == 15);
  world_end(&w);
}

static void output_without_an_end_of_line_counts(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, "printf 'loss=0.5\\nloss=0.125'", "");
  world_propose(&w, 1);
  world_work_off(&w, 1);
  assert_true(world_trial(&w, 1)->value == 0.125);
  world_end(&w);
}

static void a_flood_of_output_is_recorded_to_its_end(void **state) {
  (void)state;
  struct world w;
  world_begin(
      &w, "seq 3500 | sed 's/.*/step=& loss=&/'; yes noise | head -c 3000000; echo step=4000 loss=2.385", "");
  world_propose(&w, 1);
  world_work_off(&w, 1);
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  assert_true(world_trial(&w, 1)->value == 2.385);
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 3501);
  world_end(&w);
}

static void a_keeper_that_is_killed_is_replaced(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, world_patient, "");
  world_propose(&w, 1);
  world_propose(&w, 2);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env"));
  pid_t keeper = cl_keeper_pid(w.worker->keeper);
  assert_int_equal(kill(keeper, SIGKILL), 0);
  WORLD_UNTIL(&w, w.worker->keeper != NULL && cl_keeper_pid(w.worker->keeper) != keeper);
  assert_int_equal(world_state(&w, 1), CL_RUNNING);
  world_touch(&w, 1, 1, "end", "0");
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_LOST); /* only a parent learns a status */
  WORLD_UNTIL(&w, world_has(&w, 2, 1, "env"));
  world_touch(&w, 2, 1, "end", "4");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_trial(&w, 2)->exit_status, 4);
  world_end(&w);
}

static void without_descriptors_nothing_is_started_and_nothing_lost(void **state) {
  (void)state;
  struct world w;
  struct rlimit old, low;
  world_begin(&w, "echo loss=1", "");
  world_propose(&w, 1);
  struct cl_err e;
  assert_int_equal(world_try_to_work(&w, 1, &e), 0);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
  int probe = dup(0);
  low = old;
  low.rlim_cur = (rlim_t)probe;
  (void)close(probe);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
  assert_int_equal(cl_worker_turn(w.worker, &e), 0);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
  assert_non_null(strstr(cl_text_get(&w.said), "1: it could not be started: "));
  assert_true(world_is_idle(&w));
  world_turn(&w);
  assert_int_equal(world_count(&w, 1, CL_EVENT_STARTED), 0);
  w.worker->claim_after_us = 0; /* instead of waiting */
  world_turn(&w);
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  world_end(&w);
}

static void a_spawn_that_fails_is_lost_and_not_a_failure(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, "echo loss=1", "");
  world_propose(&w, 1);
  struct cl_err e;
  assert_int_equal(world_try_to_work(&w, 1, &e), 0);
  char *own = world_path(&w, 1, 1, NULL), *out = world_path(&w, 1, 1, "stdout");
  assert_int_equal(cl_dir_create(own, NULL), 0);
  assert_int_equal(cl_dir_create(out, NULL), 0); /* cannot be opened for writing */
  world_turn(&w);
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_LOST);
  assert_non_null(strstr(cl_text_get(&w.said), "open the trainer's stdout: Is a directory"));
  cl_free(own);
  cl_free(out);
  world_end(&w);
}

static void workers_get_different_numbers_and_leave(void **state) {
  (void)state;
  struct world w, other;
  struct cl_err e;
  world_begin(&w, "true", "");
  other = w;
  other.loop_open = false;
  world_open(&other);
  world_work(&w, 2);
  assert_int_equal(world_try_to_work(&other, 3, &e), 0); /* has not seen that the first one joined */
  assert_int_equal(cl_worker_number(w.worker), 1);
  assert_int_equal(cl_worker_number(other.worker), 2);
  assert_int_equal(cl_study_slots(other.s), 5);
  assert_false(cl_worker_is_dead(other.worker, 1));
  world_close(&other);
  assert_int_equal(cl_log_follow(w.log, NULL, &e), 0);
  assert_int_equal(cl_study_slots(w.s), 2);
  assert_true(cl_worker_is_dead(w.worker, 2));
  assert_int_equal(cl_worker_resize(w.worker, 7, &e), 0);
  world_turn(&w);
  assert_int_equal(cl_study_slots(w.s), 7);
  assert_int_equal(cl_worker_resize(w.worker, 0, &e), CLADE_EINVAL);
  world_end(&w);
}

static void what_cannot_work_is_refused_with_a_sentence(void **state) {
  (void)state;
  struct world w;
  struct cl_err e = {0};
  world_begin(&w, "true", "");
  assert_int_equal(world_try_to_work(&w, 0, &e), CLADE_EINVAL);
  assert_int_equal(world_try_to_work(&w, CL_WORKER_SLOTS_MAX + 1, &e), CLADE_EINVAL);
  w.options.keeper = "/bin/true";
  assert_int_equal(world_try_to_work(&w, 1, &e), CLADE_ESPAWN);
  assert_null(w.worker);
  assert_int_equal(cl_study_workers(w.s), 0);
  world_end(&w);
  world_begin(&w, "true", ", \"metric_regex\": \"(\"");
  assert_int_equal(world_try_to_work(&w, 1, &e), CLADE_ESPEC);
  world_end(&w);
}

/* A worker may be there for the search only. */
static void trials_of_other_roles_wait_for_workers_that_take_them(void **state) {
  (void)state;
  struct world w;
  struct cl_append result = {0};
  world_begin(&w, "env > \"$CLADE_DIR/env\"; echo loss=0.5", "");
  world_propose(&w, 2.385);
  struct cl_assigned values[] = {{1, cl_value_real(2.385)}, {2, cl_value_text("sgd")}};
  struct cl_event ev = {.kind = CL_EVENT_PROPOSED, .subject = 2, .cause = CL_CAUSE_SEARCH};
  ev.as_of = cl_log_position(w.log);
  ev.u.proposed.role = CL_ROLE_CONFIRM;
  ev.u.proposed.space_version = 1;
  ev.u.proposed.values = (struct cl_assigned_list){2, values};
  assert_int_equal(cl_log_append(w.log, &ev, &result, NULL), 0);
  assert_int_equal(result.status, 0);
  w.options.roles = 1u << CL_ROLE_SEARCH;
  world_work(&w, 2);
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_COMPLETE && world_is_idle(&w));
  assert_int_equal(world_state(&w, 2), CL_WAITING);
  world_close(&w);
  world_open(&w);
  w.options.roles = 0;
  world_work_off(&w, 2);
  assert_int_equal(world_state(&w, 2), CL_COMPLETE);
  char *searched = world_read(&w, 1, 0, "env"), *other = world_read(&w, 2, 0, "env");
  assert_non_null(strstr(searched, "CLADE_SEARCH=random"));
  assert_null(strstr(other, "CLADE_SEARCH="));
  cl_free(searched);
  cl_free(other);
  world_end(&w);
}

#define TEST(name) cmocka_unit_test(name)

/* What is no tag is said, and nothing else suffers. */
static void odd_tags_are_said_and_left_out(void **state) {
  (void)state;
  static const struct {
    const char *script, *says;
  } cases[] = {{"mkdir \"$CLADE_DIR/tags\"", "its tags cannot be read"},
               {"i=0; while [ $i -lt 203 ]; do echo t$i; i=$((i+1)); done > \"$CLADE_DIR/tags\"",
                "more than 200 lines"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct world w;
    world_begin(&w, cases[i].script, "");
    world_propose(&w, 2.385);
    world_work_off(&w, 1);
    assert_true(world_state(&w, 1) == CL_COMPLETE || world_state(&w, 1) == CL_FAILED ||
                world_state(&w, 1) == CL_LOST);
    assert_non_null(strstr(cl_text_get(&w.said), cases[i].says));
    assert_int_equal(world_count(&w, 1, CL_EVENT_NOTE), i == 0 ? 0 : 200);
    world_end(&w);
  }
}

/* Of the first metric of the last stage that reports one; hours are none, and names without a stage come
 * first.
 */
static void a_computed_value_is_the_mean_of_the_last_stage(void **state) {
  (void)state;
  static const struct {
    const char *lines;
    double value; /* NaN: none */
  } cases[] = {{"epoch=1 s1-hrs=9 s1-rew=2 win=7\nepoch=2 s1-rew=4 win=9\n", 3},
               {"epoch=1 s1-rew=2\nepoch=2 s2-hrs=5 s2-other=6 s2-rew=1\nepoch=3 s2-other=8\n", 7},
               {"epoch=1 s2-rew=2\nepoch=2 s1-rew=40\nepoch=3 s2-rew=4\n", 3},
               {"epoch=1 s7=5\nepoch=2 sx-rew=50 s7=6\n", 5.5},
               {"epoch=1 hpmax=5\nepoch=2 rew=6\n", 5}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct world w;
    char script[300];
    (void)snprintf(script, sizeof script, "printf '%s'", cases[i].lines);
    world_begin(&w, script,
                ",\"computed\":\"hpmax\",\"objectives\":[{\"name\":\"hpmax\",\"goal\":\"maximize\"}]");
    world_propose(&w, 2.385);
    world_work_off(&w, 1);
    if (world_trial(&w, 1)->value != cases[i].value) world_show(&w);
    assert_true(world_trial(&w, 1)->value == cases[i].value);
    world_end(&w);
  }
}

/* By a person or another engine, while no worker was there. */
static void what_was_deleted_meanwhile_is_removed_by_the_next_worker(void **state) {
  (void)state;
  static const char *const hosts[] = {NULL, "elsewhere"};
  for (size_t i = 0; i < 2; i++) {
    struct world w;
    struct cl_append result;
    world_begin(&w, "echo step=3 loss=0.5", "");
    world_propose(&w, 2.385);
    world_work_off(&w, 1);
    struct cl_event saved = {.kind = CL_EVENT_SAVED, .subject = 1, .attempt = 1, .by = 1};
    saved.u.saved.step = 3;
    saved.u.saved.way = CL_WAY_DIRECTORY;
    saved.u.saved.path = "1/checkpoints/1-3";
    saved.u.saved.host = hosts[i];
    assert_int_equal(cl_log_append(w.log, &saved, &result, NULL), 0);
    char *path = world_path(&w, 1, 0, "checkpoints/1-3");
    assert_int_equal(cl_dir_create(path, NULL), 0);
    cl_worker_destroy(w.worker);
    w.worker = NULL;
    struct cl_event gone = {.kind = CL_EVENT_DELETED, .cause = CL_CAUSE_HUMAN};
    gone.u.deleted.snapshot = result.position;
    (void)world_decide(&w, 1, gone);
    assert_true(cl_path_exists(path));
    world_close(&w);
    world_open(&w);
    world_work(&w, 1);
    if (hosts[i] == NULL) WORLD_UNTIL(&w, !cl_path_exists(path));
    for (int k = 0; k < 3; k++) world_round(&w);
    assert_int_equal(cl_path_exists(path), hosts[i] != NULL); /* another machine's is left to it */
    cl_free(path);
    world_end(&w);
  }
}

int main(int argc, char **argv) {
  WORLD_MAIN_BEGIN(argc, argv);
  const struct CMUnitTest tests[] = {TEST(a_program_is_claimed_run_followed_and_recorded),
                                     TEST(exit_statuses_mean_what_they_say),
                                     TEST(a_program_that_cannot_be_started_fails_and_says_why),
                                     TEST(a_trainer_tags_its_trial_by_a_file),
                                     TEST(trials_of_other_roles_wait_for_workers_that_take_them),
                                     TEST(odd_tags_are_said_and_left_out),
                                     TEST(a_computed_value_is_the_mean_of_the_last_stage),
                                     TEST(what_was_deleted_meanwhile_is_removed_by_the_next_worker),
                                     TEST(the_environment_is_that_of_the_contract),
                                     TEST(slots_are_never_exceeded_and_used_again),
                                     TEST(a_claim_that_conflicts_leaves_nothing),
                                     TEST(an_attempt_that_has_come_and_gone_unseen_is_left_alone),
                                     TEST(a_stop_ends_a_silent_program),
                                     TEST(a_program_that_a_person_stops_has_the_grace_to_end_by_itself),
                                     TEST(a_program_that_a_person_kills_has_no_grace),
                                     TEST(a_paused_study_starts_nothing),
                                     TEST(who_ignores_sigterm_is_killed_with_its_children),
                                     TEST(a_trial_over_its_time_is_pruned_with_its_value),
                                     TEST(a_trial_over_its_memory_fails_and_names_the_limit),
                                     TEST(the_first_request_preempts_and_the_second_kills),
                                     TEST(draining_lets_everything_end_by_itself),
                                     TEST(a_finished_study_starts_only_what_it_may),
                                     TEST(a_computed_objective_is_the_mean_of_the_first_metric),
                                     TEST(the_last_stage_is_the_one_that_counts),
                                     TEST(output_without_an_end_of_line_counts),
                                     TEST(a_flood_of_output_is_recorded_to_its_end),
                                     TEST(a_keeper_that_is_killed_is_replaced),
                                     TEST(without_descriptors_nothing_is_started_and_nothing_lost),
                                     TEST(a_spawn_that_fails_is_lost_and_not_a_failure),
                                     TEST(workers_get_different_numbers_and_leave),
                                     TEST(what_cannot_work_is_refused_with_a_sentence)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
