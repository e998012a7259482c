/* The disk budget, as trainers meet it: who is told to save, and what does not stay. */
#include "scene.h"

enum { BYTES = 1000 }; /* of a state */

static bool says(const char *line, const char *part) {
  return strstr(line, part) != NULL;
}

/* Trials whose states are asked for at step 2; the answer to each one's hello. */
static void begin(struct world *w, int n, struct client *c, const char *more, char answers[][4000]) {
  scene_begin(w, n, 2, more);
  for (int i = 0; i < n; i++)
    (void)snprintf(answers[i], 4000, "%s", client_hello(w, &c[i], i + 1, 1, "save load"));
}

static void end(struct world *w, int n, struct client *c) {
  for (int i = 0; i < n; i++) client_close(&c[i]);
  world_end(w);
}

/* What the trainer of a trial writes where it was told to, and the report that names it. */
static void save(struct world *w, struct client *c, int trial, int ordinal, double step, const char *line,
                 int bytes) {
  char path[200], name[100], *content = calloc(1, (size_t)bytes + 1);
  client_take_text(line, "path", path);
  assert_int_equal(cl_dir_create(path, NULL), 0);
  (void)snprintf(name, sizeof name, "checkpoints/%s/weights", strrchr(path, '/') + 1);
  memset(content, 'x', (size_t)bytes);
  world_touch(w, trial, 0, name, content);
  free(content);
  client_send(c,
              "{\"type\":\"report\",\"ordinal\":%d,\"step\":%g,\"metrics\":{\"loss\":0.5},\"path\":\"%s\","
              "\"bytes\":%d}",
              ordinal, step, path, bytes);
  WORLD_UNTIL(w, world_trial(w, trial)->head.reports == ordinal);
}

static const char *go_on(struct world *w, struct client *c, int trial, double until) {
  (void)scene_answer(w, trial, until);
  return client_hear(w, c);
}

static int count(const char *text, const char *part) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, part)) != NULL; at++) n++;
  return n;
}

static void states_are_asked_for_until_one_is_over_the_budget(void **state) {
  (void)state;
  struct world w;
  struct client c[1];
  char answers[1][4000], last[4000];
  begin(&w, 1, c, ", \"limits\": {\"disk_bytes\": 2500}", answers);
  (void)snprintf(last, sizeof last, "%s", answers[0]);
  int saved = 0;
  for (int i = 1; i <= 5; i++) {
    if (says(last, "save_at")) {
      save(&w, &c[0], 1, i, i + 1, last, BYTES);
      saved++;
    } else {
      client_send(&c[0], "{\"type\":\"report\",\"ordinal\":%d,\"step\":%d,\"metrics\":{\"loss\":0.5}}", i,
                  i + 1);
      WORLD_UNTIL(&w, world_trial(&w, 1)->head.reports == i);
    }
    (void)snprintf(last, sizeof last, "%s", go_on(&w, &c[0], 1, i + 2));
  }
  assert_int_equal(saved, 3); /* 1000, 2000, and the one that may be too much */
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 3);
  assert_int_equal(count(cl_text_get(&w.said), "the disk budget of"), 1);
  end(&w, 1, c);
}

static void what_was_promised_to_others_counts(void **state) {
  (void)state;
  struct world w;
  struct client c[3];
  char answers[3][4000];
  begin(&w, 3, c, ", \"limits\": {\"disk_bytes\": 2500}", answers);
  for (int i = 0; i < 3; i++)
    assert_has(answers[i], "\"save_at\":2.0"); /* how large they are nobody knows yet */
  for (int i = 0; i < 3; i++) save(&w, &c[i], i + 1, 1, 2, answers[i], BYTES);
  assert_int_equal(cl_study_disk(w.s).bytes, 3 * BYTES); /* one too many */
  for (int i = 0; i < 3; i++) assert_false(says(go_on(&w, &c[i], i + 1, 3), "save_at"));
  struct cl_event ev = {.kind = CL_EVENT_DELETED, .cause = CL_CAUSE_BUDGET};
  for (int i = 0; i < 2; i++) {
    ev.u.deleted.snapshot = cl_study_nth_snapshot(w.s, (size_t)i)->position;
    (void)world_decide(&w, i + 1, ev);
  }
  WORLD_UNTIL(&w, w.worker->removing == 0);
  assert_false(world_has(&w, 1, 0, "checkpoints/1-2"));
  for (int i = 0; i < 3; i++) {
    client_send(&c[i], "{\"type\":\"report\",\"ordinal\":2,\"step\":3,\"metrics\":{\"loss\":0.5}}");
    WORLD_UNTIL(&w, world_trial(&w, i + 1)->head.reports == 2);
    bool has = says(go_on(&w, &c[i], i + 1, 4), "save_at");
    assert_true(has == (i < 1)); /* 1000 are there, 1000 promised */
  }
  end(&w, 3, c);
}

static void one_that_is_larger_than_any_before_does_not_stay(void **state) {
  (void)state;
  struct world w;
  struct client c[2];
  char answers[2][4000];
  begin(&w, 2, c, ", \"limits\": {\"disk_bytes\": 2500}", answers);
  save(&w, &c[0], 1, 1, 2, answers[0], 3 * BYTES); /* the first one may */
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 1);
  save(&w, &c[1], 2, 1, 2, answers[1], BYTES);
  assert_int_equal(world_count(&w, 2, CL_EVENT_SAVED), 0);
  WORLD_UNTIL(&w, !world_has(&w, 2, 0, "checkpoints/1-2"));
  assert_int_equal(count(cl_text_get(&w.said), "the disk budget of"), 1);
  end(&w, 2, c);
}

static void who_is_asked_when_there_is_no_room_says_so(void **state) {
  (void)state;
  struct world w;
  struct client c[1];
  char answers[1][4000];
  begin(&w, 1, c, ", \"limits\": {\"disk_bytes\": 100}", answers);
  save(&w, &c[0], 1, 1, 2, answers[0], BYTES);
  assert_false(says(go_on(&w, &c[0], 1, 9), "save_at"));
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_CHECKPOINT_ASKED, .cause = CL_CAUSE_LIMIT});
  client_send(&c[0], "{\"type\":\"report\",\"ordinal\":2,\"step\":3,\"metrics\":{\"loss\":0.5}}");
  assert_has(client_hear(&w, &c[0]), "{\"type\":\"go\"");
  json_t *note = world_last(&w, 1, CL_EVENT_NOTE);
  assert_string_equal(json_string_value(world_field(note, "text")), "the disk budget is used up");
  json_decref(note);
  end(&w, 1, c);
}

/* A state for each of its slots, wherever it is; and the first one of them is the one that may exceed it. */
static void what_another_engine_may_save_counts(void **state) {
  (void)state;
  struct world first, w;
  struct client c;
  world_begin(&first, world_patient, ", \"limits\": {\"disk_bytes\": 2500}");
  first.options.host = "elsewhere";
  world_work(&first, 2);
  w = (struct world){.until = 2, .study = first.study};
  memcpy(w.directory, first.directory, sizeof w.directory);
  memcpy(w.address, first.address, sizeof w.address);
  world_open(&w);
  world_propose(&w, 2.385);
  world_work(&w, 1);
  assert_int_equal(cl_worker_number(w.worker), 2);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env"));
  char line[4000];
  (void)snprintf(line, sizeof line, "%s", client_hello(&w, &c, 1, 1, "save load"));
  save(&w, &c, 1, 1, 2, line, BYTES);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 1);
  assert_false(says(go_on(&w, &c, 1, 3), "save_at")); /* 1000, and two of 1000 that may come there */
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_CHECKPOINT_ASKED, .cause = CL_CAUSE_LIMIT});
  client_close(&c);
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_KILL, 0);
  WORLD_UNTIL(&w, world_is_idle(&w));
  world_close(&w);
  cl_text_done(&w.said);
  world_end(&first);
}

static void a_first_state_that_is_too_large_is_kept_by_the_first_engine_only(void **state) {
  (void)state;
  struct world first, w;
  struct client c;
  world_begin(&first, world_patient, ", \"limits\": {\"disk_bytes\": 500}");
  first.options.host = "elsewhere";
  world_work(&first, 2);
  w = (struct world){.until = 2, .study = first.study};
  memcpy(w.directory, first.directory, sizeof w.directory);
  memcpy(w.address, first.address, sizeof w.address);
  world_open(&w);
  world_propose(&w, 2.385);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env"));
  char line[4000];
  (void)snprintf(line, sizeof line, "%s", client_hello(&w, &c, 1, 1, "save load"));
  save(&w, &c, 1, 1, 2, line, BYTES);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 0);
  WORLD_UNTIL(&w, !world_has(&w, 1, 0, "checkpoints/1-2"));
  client_close(&c);
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_KILL, 0);
  WORLD_UNTIL(&w, world_is_idle(&w));
  world_close(&w);
  cl_text_done(&w.said);
  world_end(&first);
}

int main(int argc, char **argv) {
  WORLD_MAIN_BEGIN(argc, argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(states_are_asked_for_until_one_is_over_the_budget),
      cmocka_unit_test(what_was_promised_to_others_counts),
      cmocka_unit_test(one_that_is_larger_than_any_before_does_not_stay),
      cmocka_unit_test(who_is_asked_when_there_is_no_room_says_so),
      cmocka_unit_test(what_another_engine_may_save_counts),
      cmocka_unit_test(a_first_state_that_is_too_large_is_kept_by_the_first_engine_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
