/* Other workers and other machines, as far as the log, locks and notes tell of them; and starts that the
 * worker does not know of. */
#include "scene.h"

#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "worker/buffers_impl.h"

static void end(struct world *w, struct client *c) {
  client_close(c);
  world_touch(w, 1, 1, "end", "0");
  WORLD_UNTIL(w, world_is_idle(w));
  scene_end(w);
}

/* Starts. */

static void start_second_as(struct world *w, int64_t trial, int worker) {
  struct cl_event started = {.kind = CL_EVENT_STARTED, .attempt = 1, .cause = CL_CAUSE_CLAIM};
  started.u.started.worker = worker;
  started.u.started.until = CL_NO_STEP;
  scene_decide_only(w, trial, started);
}

/* Recorded in its name, by a commit that seemed to fail: nobody has begun it, so it is lost, unless somebody
 * has said so before. */
static void a_start_that_nobody_remembers_is_lost(void **state) {
  (void)state;
  struct world w;
  scene_begin(&w, 1, CL_NO_STEP, "");
  int own = cl_worker_number(w.worker);
  for (int64_t trial = 2; trial <= 3; trial++) {
    world_propose(&w, 1.385);
    start_second_as(&w, trial, own);
  }
  scene_decide_only(&w, 3, (struct cl_event){.kind = CL_EVENT_LOST, .attempt = 1, .cause = CL_CAUSE_HUMAN});
  WORLD_UNTIL(&w, world_state(&w, 2) == CL_LOST);
  json_t *lost = world_last(&w, 2, CL_EVENT_LOST);
  assert_has(json_string_value(world_field(lost, "args")), "its start was recorded, but reported as failed");
  json_decref(lost);
  assert_int_equal(world_count(&w, 3, CL_EVENT_LOST), 1);
  scene_end(&w);
}

static void who_was_told_to_pause_ends_before_it_goes_on(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, CL_NO_STEP, "");
  (void)client_hello(&w, &c, 1, 1, "");
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_HUMAN});
  assert_string_equal(scene_report(&w, &c, 1, 1, 0.5), "{\"type\":\"pause\"}");
  (void)scene_continue(&w, 1, CL_CAUSE_HUMAN, CL_NO_STEP);
  for (int i = 0; i < 3; i++) world_round(&w);
  assert_int_equal(world_state(&w, 1), CL_WAITING);
  client_close(&c);
  world_touch(&w, 1, 1, "end", "75");
  WORLD_UNTIL(&w, world_has(&w, 1, 2, "env"));
  assert_int_equal(world_count(&w, 1, CL_EVENT_STARTED), 2);
  scene_end(&w);
}

static void starts_are_tried_ever_more_rarely(void **state) {
  (void)state;
  struct world w;
  static const int64_t wanted[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
  scene_begin(&w, 1, CL_NO_STEP, "");
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    assert_int_equal(cl_worker_delay_claims(w.worker), wanted[i]);
  world_propose(&w, 1.385);
  assert_int_equal(cl_worker_resize(w.worker, 2, NULL), 0);
  world_turn(&w);
  assert_int_equal(world_state(&w, 2), CL_WAITING);
  scene_pass(&w, 31);
  WORLD_UNTIL(&w, world_has(&w, 2, 1, "env"));
  scene_end(&w);
}

static void slots_have_bounds(void **state) {
  (void)state;
  struct world w;
  struct cl_err e = {0};
  scene_begin(&w, 1, CL_NO_STEP, "");
  static const int wrong[] = {-1, 0, CL_WORKER_SLOTS_MAX + 1};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(cl_worker_resize(w.worker, wrong[i], &e), CLADE_EINVAL);
    assert_has(e.text, "a worker has 1 to");
  }
  assert_int_equal(cl_study_slots(w.s), 1);
  scene_end(&w);
}

static void a_study_without_a_program_has_no_worker(void **state) {
  (void)state;
  struct world w;
  struct cl_err e = {0};
  world_begin(&w, "true", ", \"program\": null");
  assert_int_equal(world_try_to_work(&w, 1, &e), CLADE_EINVAL);
  assert_has(e.text, "has no program: its trials are asked for and told in process");
  world_end(&w);
}

static void a_worker_that_has_left_its_trainers_does_nothing_more(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, CL_NO_STEP, "");
  (void)client_hello(&w, &c, 1, 1, "");
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_DETACH, 0);
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_STOPPED, .cause = CL_CAUSE_RUNG});
  assert_int_equal(cl_worker_busy(w.worker), 0);
  world_close(&w);
  world_open(&w);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_is_idle(&w)); /* the next one obeys */
  client_close(&c);
  scene_end(&w);
}

/* Machines. */

static void until_written(const char *path) {
  char *text = NULL;
  size_t n = 0;
  int64_t limit = cl_clock_monotonic_us() + WORLD_PATIENCE_US;
  while (n == 0 || text[n - 1] != '\n') {
    cl_free(text);
    text = NULL;
    n = 0;
    (void)usleep(1000);
    (void)cl_file_read(path, 1 << 16, &text, &n, NULL);
    assert_true(cl_clock_monotonic_us() < limit);
  }
  cl_free(text);
}

/* Its keeper has seen the end, and the machine was restarted before any worker had read that. */
static void an_end_from_before_a_restart_of_the_machine_is_recorded(void **state) {
  (void)state;
  struct world w;
  scene_begin(&w, 1, CL_NO_STEP, "");
  char *exit = world_path(&w, 1, 1, "exit");
  cl_worker_shutdown(w.worker, CL_SHUTDOWN_DETACH, 0);
  world_touch(&w, 1, 1, "end", "7");
  world_close(&w);
  until_written(exit);
  cl_free(exit);
  world_open(&w);
  w.options.boot = "4f2c0000-another-boot";
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_count(&w, 1, CL_EVENT_LOST), 0);
  assert_int_equal(world_trial(&w, 1)->exit_status, 7);
  scene_end(&w);
}

static int64_t append_fact(struct world *w, struct cl_event ev) {
  struct cl_append result = {0};
  ev.subject = 2;
  ev.attempt = 1;
  ev.by = 2;
  assert_int_equal(cl_log_append(w->log, &ev, &result, NULL), 0);
  assert_true(result.status >= 0);
  return result.position;
}

static struct cl_event saved_as(enum cl_way way, const char *host) {
  struct cl_event ev = {.kind = CL_EVENT_SAVED};
  ev.u.saved.step = 2;
  ev.u.saved.way = way;
  ev.u.saved.path = "2/checkpoints/1-2";
  ev.u.saved.host = host;
  ev.u.saved.bytes = 2385;
  return ev;
}

/* Worker 2 of that host has trial 2, which saves a state; trial 1 asks, and is to take it over. */
static int64_t take_over(struct world *w, struct client *c, enum cl_way way, const char *host, int *ret_lock,
                         int64_t *ret_change) {
  scene_begin(w, 1, 2, "");
  (void)client_hello(w, c, 1, 1, "save load");
  *ret_lock = scene_pretend_worker(w, 2, host);
  world_propose(w, 1.385);
  start_second_as(w, 2, 2);
  int64_t snapshot = append_fact(w, saved_as(way, host));
  scene_send_report(c, 1, 2, 0.5, NULL);
  assert_true(client_is_silent(w, c));
  *ret_change = scene_exploit(w, 1, snapshot, "sgd", 4);
  return snapshot;
}

/* Perhaps on a disk that both have; whether it is there, only that machine knows. */
static void a_state_of_another_machine_is_given_unseen_and_left_there(void **state) {
  (void)state;
  struct world w;
  struct client c;
  int lock;
  int64_t change, snapshot = take_over(&w, &c, CL_WAY_DIRECTORY, "elsewhere", &lock, &change);
  char *path = world_path(&w, 2, 0, "checkpoints/1-2");
  const char *line = client_hear(&w, &c);
  assert_has(line, "{\"type\":\"load\"");
  assert_has(line, path);
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld}", (long long)change);
  assert_has(client_hear(&w, &c), "{\"type\":\"go\"");
  assert_int_equal(cl_dir_create(path, NULL), 0);
  (void)scene_delete(&w, 2, snapshot);
  for (int i = 0; i < 5; i++) world_round(&w);
  assert_true(cl_path_exists(path));
  cl_free(path);
  (void)close(lock);
  end(&w, &c);
}

/* It is that worker's, until its copy is written. */
static void a_state_in_another_workers_memory_is_waited_for(void **state) {
  (void)state;
  struct world w;
  struct client c;
  int lock;
  int64_t change;
  (void)take_over(&w, &c, CL_WAY_REGION, NULL, &lock, &change);
  assert_true(client_is_silent(&w, &c));
  assert_int_equal(world_count(&w, 1, CL_EVENT_LOADED), 0);
  char *path = world_path(&w, 2, 0, "checkpoints/1-2");
  assert_int_equal(cl_dir_create(path, NULL), 0);
  (void)append_fact(&w, saved_as(CL_WAY_COPY, w.worker->host));
  const char *line = client_hear(&w, &c);
  assert_has(line, "{\"type\":\"load\"");
  assert_has(line, path);
  cl_free(path);
  (void)close(lock);
  end(&w, &c);
}

/* The note that says where a worker's memory is. */
static void write_note(struct world *w, int number, const char *text) {
  char name[40];
  (void)snprintf(name, sizeof name, "worker-%d.memory", number);
  char *path = world_path(w, 0, 0, name);
  assert_int_equal(cl_file_write(path, text, strlen(text), false, NULL), 0);
  cl_free(path);
}

static void make_memory(char directory[40], const char *file) {
  (void)snprintf(directory, 40, "%s", "/dev/shm/clade-test-XXXXXX");
  assert_non_null(mkdtemp(directory));
  char *path = cl_path_join(directory, file);
  assert_int_equal(cl_file_write(path, "2385", 4, false, NULL), 0);
  cl_free(path);
}

/* The worker that had made it is dead; one that lives has its memory now. */
static void a_state_that_another_worker_has_inherited_is_waited_for(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char directory[40], line[60];
  int lock, third;
  int64_t change;
  scene_begin(&w, 1, 2, "");
  make_memory(directory, "2.1-2");
  (void)snprintf(line, sizeof line, "%s\n", directory);
  (void)client_hello(&w, &c, 1, 1, "save load");
  lock = scene_pretend_worker(&w, 2, NULL);
  third = scene_pretend_worker(&w, 3, NULL);
  write_note(&w, 3, line);
  world_propose(&w, 1.385);
  start_second_as(&w, 2, 2);
  int64_t snapshot = append_fact(&w, saved_as(CL_WAY_REGION, NULL));
  (void)close(lock); /* it has died */
  scene_send_report(&c, 1, 2, 0.5, NULL);
  assert_true(client_is_silent(&w, &c));
  change = scene_exploit(&w, 1, snapshot, "sgd", 4);
  assert_true(change > 0);
  assert_true(client_is_silent(&w, &c));
  assert_int_equal(world_count(&w, 1, CL_EVENT_LOADED), 0);
  assert_true(cl_study_snapshot(w.s, snapshot)->usable);
  assert_int_equal(cl_dir_remove(directory, NULL), 0); /* and that is gone, too */
  client_close(&c);
  char token[CL_TOKEN_SIZE];
  world_token(&w, 1, 1, token);
  client_open(&w, &c);
  client_send(&c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"save load\",\"reports\":1}",
              token);
  assert_has(client_hear(&w, &c), "{\"type\":\"start\"");
  scene_send_report(&c, 1, 2, 0.5, NULL);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_LOADED) == 1);
  json_t *loaded = world_last(&w, 1, CL_EVENT_LOADED);
  assert_has(json_string_value(world_field(loaded, "error")), "memory of a worker that is gone");
  json_decref(loaded);
  (void)close(third);
  end(&w, &c);
}

/* Whoever can write into the study's directory could name any: only a worker's own memory is touched. */
static void notes_that_lead_elsewhere_are_not_followed(void **state) {
  (void)state;
  struct world w;
  char directory[] = "/tmp/clade-precious-XXXXXX", plain[60], around[100];
  scene_begin(&w, 1, CL_NO_STEP, "");
  assert_non_null(mkdtemp(directory));
  char *file = cl_path_join(directory, "thesis");
  assert_int_equal(cl_file_write(file, "2385", 4, false, NULL), 0);
  (void)snprintf(plain, sizeof plain, "%s\n", directory);
  (void)snprintf(around, sizeof around, "/dev/shm/clade-0-1/../../..%s\n", directory);
  const char *const notes[] = {plain, around, "", "\n", "/dev/shm/clade-0-no-such-directory\n"};
  for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
    write_note(&w, 2, notes[i]);
    assert_int_equal(cl_buffers_inherit(w.worker, 2, NULL), 0);
    assert_true(cl_path_exists(file));
    assert_false(world_has(&w, 0, 0, "worker-2.memory"));
  }
  cl_free(file);
  assert_int_equal(cl_dir_remove(directory, NULL), 0);
  scene_end(&w);
}

static void a_study_that_is_deleted_leaves_no_memory(void **state) {
  (void)state;
  struct world w;
  char directory[40], line[60];
  scene_begin(&w, 1, CL_NO_STEP, "");
  int lock = scene_pretend_worker(&w, 2, NULL);
  make_memory(directory, "spare-1");
  (void)snprintf(line, sizeof line, "%s\n", directory);
  write_note(&w, 2, line);
  cl_worker_forget_memory(w.s);
  assert_false(cl_path_exists(directory));
  (void)close(lock);
  scene_end(&w);
}

/* States that nobody has asked for: what the trainer has saved by itself is recorded, also before its first
 * report; names that a worker would not have given are people's. */
static void what_a_trainer_leaves_by_itself_is_recorded_and_nothing_else(void **state) {
  (void)state;
  static const char *const kept[] = {
      "checkpoints/12345",   "checkpoints/1-",         "checkpoints/99999999999-1", "checkpoints/1-1e999",
      "checkpoints/-x.late", "checkpoints/inf.late",   "checkpoints/0-1.new",       "checkpoints/1-1x.new",
      "checkpoints/.late",   "checkpoints/load7-load", "checkpoints/7-1-late.new"};
  struct world w;
  struct client c;
  char named[120] = "checkpoints/1-2385";
  scene_begin(&w, 1, CL_NO_STEP, "");
  (void)client_hello(&w, &c, 1, 1, "save load");
  client_close(&c);
  memset(named + strlen(named), '7', sizeof named - 1 - strlen(named));
  named[sizeof named - 1] = '\0';
  const char *const taken[] = {"checkpoints/2.late", "checkpoints/3.late"};
  for (size_t i = 0; i < sizeof kept / sizeof *kept + 3; i++) {
    const char *name = i < 2 ? taken[i] : i == 2 ? named : kept[i - 3];
    char *path = world_path(&w, 1, 0, name);
    assert_int_equal(cl_dir_create(path, NULL), 0);
    cl_free(path);
  }
  world_touch(&w, 1, 1, "end", "75");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 2);
  assert_true(world_has(&w, 1, 0, "checkpoints/1-2-late") && world_has(&w, 1, 0, "checkpoints/1-3-late"));
  assert_int_equal(scene_last_snapshot(&w, 1)->rollup.count, 0);
  assert_true(world_has(&w, 1, 0, named));
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) assert_true(world_has(&w, 1, 0, kept[i]));
  scene_end(&w);
}

/* Memory. */

/* Of many that are small, the smallest that is large enough; without looking at each. */
static void memory_for_many_is_lent_and_used_again(void **state) {
  (void)state;
  enum { MANY = 70 };
  struct world w;
  struct cl_buffer *b[MANY];
  scene_begin(&w, 1, CL_NO_STEP, "");
  for (int i = 0; i < MANY; i++) {
    b[i] = cl_buffers_lend(w.worker, 4096 * (1 + i % 3));
    assert_non_null(b[i]);
  }
  for (int i = 0; i < MANY; i++) cl_buffer_return(b[i]);
  for (int i = 0; i < 3; i++) {
    b[i] = cl_buffers_lend(w.worker, 4096 * (i + 1) - 385);
    assert_int_equal(b[i]->bytes, 4096 * (i + 1));
  }
  assert_int_equal(w.worker->buffers->n, MANY);
  for (int i = 0; i < 3; i++) cl_buffer_return(b[i]);
  scene_end(&w);
}

/* It would take long to make it while a trainer waits. */
static void large_memory_is_made_before_it_is_needed(void **state) {
  (void)state;
  struct world w;
  const int64_t large = CL_BUFFERS_SMALL_BYTES / 2 + 4096;
  scene_begin(&w, 1, CL_NO_STEP, "");
  cl_buffers_expect(w.worker, large);
  assert_has(cl_text_get(&w.said), "states are handed over in memory");
  WORLD_UNTIL(&w, w.worker->buffers->n == 2 && w.worker->buffers->making == NULL);
  struct cl_buffer *b = cl_buffers_lend(w.worker, large);
  assert_true(b != NULL && b->bytes >= large);
  cl_buffer_return(b);
  scene_end(&w);
}

/* What it shares with the worker is the worker's. */
static void memory_is_counted_without_what_was_lent(void **state) {
  (void)state;
  struct world w;
  struct client c;
  struct cl_slot_view view;
  char token[CL_TOKEN_SIZE];
  scene_begin(&w, 1, CL_NO_STEP, ", \"limits\": {\"memory_bytes\": 1000000000000}");
  world_token(&w, 1, 1, token);
  client_open(&w, &c);
  client_send(&c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"regions\",\"bytes\":20480}",
              token);
  assert_has(client_hear(&w, &c), "{\"type\":\"start\"");
  scene_pass(&w, 1);
  assert_int_equal(cl_worker_views(w.worker, &view, 1), 1);
  assert_true(view.resident_bytes > 0);
  end(&w, &c);
}

int main(int argc, char **argv) {
  WORLD_MAIN_BEGIN(argc, argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_start_that_nobody_remembers_is_lost),
      cmocka_unit_test(who_was_told_to_pause_ends_before_it_goes_on),
      cmocka_unit_test(starts_are_tried_ever_more_rarely),
      cmocka_unit_test(slots_have_bounds),
      cmocka_unit_test(a_study_without_a_program_has_no_worker),
      cmocka_unit_test(a_worker_that_has_left_its_trainers_does_nothing_more),
      cmocka_unit_test(an_end_from_before_a_restart_of_the_machine_is_recorded),
      cmocka_unit_test(a_state_of_another_machine_is_given_unseen_and_left_there),
      cmocka_unit_test(a_state_in_another_workers_memory_is_waited_for),
      cmocka_unit_test(a_state_that_another_worker_has_inherited_is_waited_for),
      cmocka_unit_test(notes_that_lead_elsewhere_are_not_followed),
      cmocka_unit_test(a_study_that_is_deleted_leaves_no_memory),
      cmocka_unit_test(what_a_trainer_leaves_by_itself_is_recorded_and_nothing_else),
      cmocka_unit_test(memory_for_many_is_lent_and_used_again),
      cmocka_unit_test(large_memory_is_made_before_it_is_needed),
      cmocka_unit_test(memory_is_counted_without_what_was_lent),
  };
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
