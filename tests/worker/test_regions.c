/* States of regions: the memory that the worker lends, keeps, copies behind, and takes over from a dead one.
 * The trainers are scripted; they write what a trainer would write. */
#include "scene.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "wire/regions.h"
#include "worker/buffers_impl.h"

#define BYTES 20000

/* The state of a trainer: one region, filled with what `seed` says. */
struct state {
  unsigned char weights[BYTES];
};

static struct state make_state(unsigned seed) {
  struct state s;
  for (size_t i = 0; i < BYTES; i++) s.weights[i] = (unsigned char)(i * 7 + seed * 131 + (i >> 8));
  return s;
}

static int64_t place(struct cl_region *region) {
  *region = (struct cl_region){.name = "weights", .bytes = BYTES};
  return cl_regions_place(region, 1);
}

static int64_t needed(void) {
  struct cl_region region;
  return place(&region);
}

static void write_state(const char *path, unsigned seed) {
  struct cl_region region;
  struct cl_text text = {0};
  struct state s = make_state(seed);
  (void)place(&region);
  assert_int_equal(cl_regions_write(&text, &region, 1, true, NULL), 0);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(pwrite(fd, text.bytes, text.length + 1, 0), text.length + 1);
  assert_int_equal(pwrite(fd, s.weights, BYTES, region.offset), BYTES);
  (void)close(fd);
  cl_text_done(&text);
}

static void assert_state(const char *path, unsigned seed) {
  struct cl_region region;
  struct state wanted = make_state(seed), found = {{0}};
  (void)place(&region);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(pread(fd, found.weights, BYTES, region.offset), BYTES);
  (void)close(fd);
  assert_memory_equal(&found, &wanted, sizeof wanted);
}

static void assert_copy(struct world *w, int64_t trial, const char *name, unsigned seed) {
  struct state wanted = make_state(seed);
  char text[100], part[100];
  char *found = NULL, *list = NULL;
  size_t n = 0;
  (void)snprintf(text, sizeof text, "clade regions 1 1 %d\n0-weights %d weights\n", BYTES, BYTES);
  (void)snprintf(part, sizeof part, "%s/0-weights", name);
  char *path = world_path(w, trial, 0, part);
  assert_int_equal(cl_file_read(path, 1 << 20, &found, &n, NULL), 0);
  assert_int_equal(n, BYTES);
  assert_memory_equal(found, &wanted, BYTES);
  cl_free(path);
  (void)snprintf(part, sizeof part, "%s/regions", name);
  path = world_path(w, trial, 0, part);
  assert_int_equal(cl_file_read(path, 1 << 20, &list, NULL, NULL), 0);
  assert_string_equal(list, text);
  cl_free(path);
  cl_free(found);
  cl_free(list);
}

/* Talking. */

static const char *say_hello(struct world *w, struct client *c, int64_t trial, int attempt, int64_t bytes) {
  char token[CL_TOKEN_SIZE];
  client_open(w, c);
  world_token(w, trial, attempt, token);
  client_send(
      c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"save load regions\",\"bytes\":%lld}",
      token, (long long)bytes);
  return client_hear(w, c);
}

static void wait_for_process(struct world *w, int64_t trial, int attempt) {
  WORLD_UNTIL(w, world_has(w, trial, attempt, "env"));
}

static void send_report(struct client *c, int ordinal, double step, const char *path) {
  client_send(c,
              "{\"type\":\"report\",\"ordinal\":%d,\"step\":%g,\"metrics\":{\"loss\":0.5},\"path\":\"%s\","
              "\"bytes\":%lld}",
              ordinal, step, path, (long long)needed());
}

static int64_t last_snapshot(struct world *w, int64_t trial, enum cl_way way) {
  for (size_t i = cl_study_snapshots(w->s); i > 0; i--) {
    const struct cl_snapshot *n = cl_study_nth_snapshot(w->s, i - 1);
    if (n->trial == trial && n->way == way) return n->position;
  }
  return 0;
}

/* Report step `until` with the state of `seed`; the snapshot. The report is held. */
static int64_t save_at(struct world *w, struct client *c, int64_t trial, int ordinal, double step,
                       const char *line, unsigned seed) {
  char path[200];
  assert_has(line, "\"way\":\"region\"");
  client_take_text(line, "path", path);
  write_state(path, seed);
  int64_t before = last_snapshot(w, trial, CL_WAY_REGION);
  send_report(c, ordinal, step, path);
  WORLD_UNTIL(w, last_snapshot(w, trial, CL_WAY_REGION) > before);
  return last_snapshot(w, trial, CL_WAY_REGION);
}

/* Tests. */

static void a_state_is_kept_in_memory_and_copied_behind(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, 2, "");
  int64_t snapshot = save_at(&w, &c, 1, 1, 2, say_hello(&w, &c, 1, 1, needed()), 3);
  const struct cl_snapshot *n = cl_study_snapshot(w.s, snapshot);
  assert_string_equal(n->path, "1/checkpoints/1-2");
  assert_int_equal(n->bytes, needed());
  assert_int_equal(cl_trial_resume_from(w.s, world_trial(&w, 1)), snapshot);
  assert_state(cl_buffer_path(cl_buffers_find(w.worker, n)), 3);
  WORLD_UNTIL(&w, last_snapshot(&w, 1, CL_WAY_COPY) != 0);
  assert_copy(&w, 1, "checkpoints/1-2", 3);
  n = cl_study_copy(w.s, cl_study_snapshot(w.s, snapshot));
  assert_non_null(n);
  assert_non_null(n->hash);
  assert_int_equal(cl_trial_resume_from(w.s, world_trial(&w, 1)), snapshot); /* it is the same state */
  assert_false(world_has(&w, 1, 0, "checkpoints/1-2.copy"));
  client_close(&c);
  scene_end(&w);
}

/* The connection is lost before the answer: the report comes again, with a path that has another name by now.
 */
static void a_report_that_is_told_again_has_its_state_already(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char path[200], token[CL_TOKEN_SIZE];
  scene_begin(&w, 1, 2, "");
  client_take_text(say_hello(&w, &c, 1, 1, needed()), "path", path);
  write_state(path, 3);
  send_report(&c, 1, 2, path);
  WORLD_UNTIL(&w, last_snapshot(&w, 1, CL_WAY_REGION) != 0);
  client_close(&c);
  client_open(&w, &c);
  world_token(&w, 1, 1, token);
  client_send(&c,
              "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1,\"can\":\"save load regions\","
              "\"bytes\":%lld,\"reports\":1}",
              token, (long long)needed());
  assert_has(client_hear(&w, &c), "\"reports\":1");
  send_report(&c, 1, 2, path);
  (void)scene_answer(&w, 1, 3);
  assert_has(client_hear(&w, &c), "{\"type\":\"go\"");
  assert_int_equal(world_count(&w, 1, CL_EVENT_NOTE), 0);
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 1);
  client_close(&c);
  scene_end(&w);
}

static void who_registers_nothing_saves_into_directories(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, 2, "");
  assert_has(say_hello(&w, &c, 1, 1, 0), "checkpoints/1-2.new");
  client_close(&c);
  scene_end(&w);
}

static void what_no_memory_can_hold_goes_into_a_directory(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, 2, "");
  assert_has(say_hello(&w, &c, 1, 1, INT64_C(1) << 50), "checkpoints/1-2.new");
  client_close(&c);
  scene_end(&w);
}

static void a_loser_is_given_the_winners_memory_which_nobody_else_gets(void **state) {
  (void)state;
  struct world w;
  struct client winner, loser;
  char source[200], path[200];
  scene_begin(&w, 2, 2, "");
  int64_t snapshot = save_at(&w, &winner, 1, 1, 2, say_hello(&w, &winner, 1, 1, needed()), 3);
  (void)save_at(&w, &loser, 2, 1, 2, say_hello(&w, &loser, 2, 1, needed()), 4);
  (void)scene_exploit(&w, 2, snapshot, "sgd", CL_NO_STEP);
  const char *line = client_hear(&w, &loser);
  assert_has(line, "\"load\"");
  assert_has(line, "\"way\":\"region\"");
  assert_has(line, "\"values\":{\"lr\":0.125}");
  client_take_text(line, "path", source);
  for (int step = 3; step < 30; step++) { /* the winner goes on and on, while the loser is still loading */
    (void)scene_answer(&w, 1, step);
    line = client_hear(&w, &winner);
    client_take_text(line, "path", path);
    assert_string_not_equal(path, source);
    (void)save_at(&w, &winner, 1, step - 1, step, line, (unsigned)step + 50);
    WORLD_UNTIL(&w, !cl_buffers_busy(w.worker));
  }
  assert_state(source, 3);
  client_send(&loser, "{\"type\":\"loaded\",\"change\":%lld}", (long long)world_trial(&w, 2)->head.load);
  assert_has(client_hear(&w, &loser), "{\"type\":\"go\"");
  json_t *loaded = world_last(&w, 2, CL_EVENT_LOADED);
  assert_int_equal(json_integer_value(world_field(loaded, "snapshot")), snapshot);
  json_decref(loaded);
  client_close(&winner);
  client_close(&loser);
  scene_end(&w);
}

static void a_dead_winner_can_still_be_cloned(void **state) {
  (void)state;
  struct world w;
  struct client winner, loser;
  char source[200];
  scene_begin(&w, 2, 2, "");
  int64_t snapshot = save_at(&w, &winner, 1, 1, 2, say_hello(&w, &winner, 1, 1, needed()), 3);
  (void)save_at(&w, &loser, 2, 1, 2, say_hello(&w, &loser, 2, 1, needed()), 4);
  client_close(&winner);
  world_touch(&w, 1, 1, "end", "9");
  WORLD_UNTIL(&w, world_state(&w, 1) == CL_FAILED);
  (void)scene_exploit(&w, 2, snapshot, "sgd", CL_NO_STEP);
  client_take_text(client_hear(&w, &loser), "path", source);
  assert_state(source, 3);
  client_close(&loser);
  scene_end(&w);
}

static void a_member_that_was_paused_begins_from_memory(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char source[200];
  scene_begin(&w, 1, 2, "");
  int64_t snapshot = save_at(&w, &c, 1, 1, 2, say_hello(&w, &c, 1, 1, needed()), 3);
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_RUNG});
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"pause\"}"); /* its state is here already */
  client_close(&c);
  world_touch(&w, 1, 1, "end", "75");
  WORLD_UNTIL(&w, !(world_trial(&w, 1)->head.flags & CL_ATTEMPT_OPEN));
  (void)scene_answer(&w, 1, CL_NO_STEP);
  wait_for_process(&w, 1, 2);
  assert_null(strstr(say_hello(&w, &c, 1, 2, 0), "\"load\"")); /* it has no regions yet */
  client_close(&c);
  client_take_text(say_hello(&w, &c, 1, 2, needed()), "load", source);
  assert_string_equal(source, cl_buffer_path(cl_buffers_find(w.worker, cl_study_snapshot(w.s, snapshot))));
  assert_state(source, 3);
  client_close(&c);
  scene_end(&w);
}

static void memory_is_used_again_and_does_not_grow(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, 1, "");
  const char *line = say_hello(&w, &c, 1, 1, needed());
  size_t most = 0;
  for (int step = 1; step <= 20; step++) {
    (void)save_at(&w, &c, 1, step, step, line, (unsigned)step);
    WORLD_UNTIL(&w, !cl_buffers_busy(w.worker));
    if (w.worker->buffers->n > most) most = w.worker->buffers->n;
    (void)scene_answer(&w, 1, step + 1);
    line = client_hear(&w, &c);
  }
  assert_true(most <= 3);
  assert_int_equal(world_count(&w, 1, CL_EVENT_SAVED), 40);
  assert_copy(&w, 1, "checkpoints/1-7", 7); /* its memory was used again, its copy is whole */
  client_close(&c);
  scene_end(&w);
}

static void the_memory_of_a_deleted_state_is_free_at_once(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, 2, "");
  int64_t snapshot = save_at(&w, &c, 1, 1, 2, say_hello(&w, &c, 1, 1, needed()), 3);
  (void)scene_delete(&w, 1, snapshot);
  world_round(&w);
  assert_null(cl_buffers_find(w.worker, &(struct cl_snapshot){.position = snapshot}));
  assert_int_equal(w.worker->buffers->uncopied, 0);
  client_close(&c);
  scene_end(&w);
}

/* Another worker's death. The child says nothing more when it has done its part. */

static bool is_memory_left(const char *directory) {
  return cl_path_exists(directory);
}

/* In a process of its own, a worker keeps one state of trial 1 and is killed; *ret: where its memory was. */
static void be_killed(struct world *w, bool copied, char ret[200]) {
  int told[2];
  world_begin(w, world_patient, "");
  w->until = 2;
  world_propose(w, 2.385);
  world_close(w);
  assert_int_equal(pipe2(told, O_CLOEXEC), 0);
  pid_t pid = fork();
  if (pid == 0) {
    struct client c;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    world_open(w);
    world_work(w, 1);
    wait_for_process(w, 1, 1);
    if (!copied) w->worker->buffers->retry_us = INT64_MAX; /* no copy is begun */
    (void)save_at(w, &c, 1, 1, 2, say_hello(w, &c, 1, 1, needed()), 3);
    if (copied) WORLD_UNTIL(w, last_snapshot(w, 1, CL_WAY_COPY) != 0);
    memset(ret, 0, 200);
    (void)snprintf(ret, 200, "%s", w->worker->buffers->directory);
    (void)!write(told[1], ret, 200);
    (void)kill(getpid(), SIGKILL);
  }
  (void)close(told[1]);
  assert_int_equal(read(told[0], ret, 200), 200);
  (void)close(told[0]);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
  assert_true(is_memory_left(ret));
}

static void what_a_killed_worker_had_in_memory_is_taken_over(void **state) {
  (void)state;
  struct world w;
  char directory[200];
  be_killed(&w, false, directory);
  world_open(&w);
  world_touch(&w, 1, 1, "end", "9");
  world_work(&w, 1);
  int64_t snapshot = last_snapshot(&w, 1, CL_WAY_REGION);
  struct cl_buffer *b = cl_buffers_find(w.worker, cl_study_snapshot(w.s, snapshot));
  assert_non_null(b);
  assert_state(cl_buffer_path(b), 3);
  assert_false(is_memory_left(directory));
  WORLD_UNTIL(&w, last_snapshot(&w, 1, CL_WAY_COPY) != 0); /* and copied now */
  assert_copy(&w, 1, "checkpoints/1-2", 3);
  assert_int_equal(world_count(&w, 1, CL_EVENT_DELETED), 0);
  scene_end(&w);
}

/* As after a restart of the machine: the memory is not there. */
static void what_is_lost_is_said_to_be_lost(void **state) {
  (void)state;
  struct world w;
  char directory[200];
  be_killed(&w, false, directory);
  assert_int_equal(cl_dir_remove(directory, NULL), 0);
  world_open(&w);
  world_touch(&w, 1, 1, "end", "9");
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_DELETED) == 1);
  assert_false(cl_study_snapshot(w.s, last_snapshot(&w, 1, CL_WAY_REGION))->usable);
  assert_int_equal(cl_trial_resume_from(w.s, world_trial(&w, 1)), 0);
  scene_end(&w);
}

static void a_copy_outlives_the_memory(void **state) {
  (void)state;
  struct world w;
  char directory[200], *path = NULL;
  struct cl_buffer *buffer = NULL;
  be_killed(&w, true, directory);
  assert_int_equal(cl_dir_remove(directory, NULL), 0);
  world_open(&w);
  world_touch(&w, 1, 1, "end", "9");
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_count(&w, 1, CL_EVENT_DELETED), 0);
  const struct cl_snapshot *n = cl_study_snapshot(w.s, last_snapshot(&w, 1, CL_WAY_REGION));
  assert_int_equal(cl_buffers_locate(w.worker, n, &path, &buffer, NULL), 0);
  assert_null(buffer);
  assert_has(path, "/s/1/checkpoints/1-2");
  cl_free(path);
  scene_end(&w);
}

/* As the system does with a user's files in memory when he logs out. */
static void remove_memory(struct world *w) {
  assert_non_null(w->worker->buffers->directory);
  assert_int_equal(cl_dir_remove(w->worker->buffers->directory, NULL), 0);
}

static void memory_that_somebody_removes_is_lost_but_for_its_copies(void **state) {
  (void)state;
  struct world w;
  struct client first, second;
  char *path = NULL;
  struct cl_buffer *buffer = NULL;
  scene_begin(&w, 2, 2, "");
  int64_t copied = save_at(&w, &first, 1, 1, 2, say_hello(&w, &first, 1, 1, needed()), 3);
  WORLD_UNTIL(&w, !cl_buffers_busy(w.worker));
  w.worker->buffers->retry_us = INT64_MAX; /* no further copy is begun */
  int64_t lost = save_at(&w, &second, 2, 1, 2, say_hello(&w, &second, 2, 1, needed()), 4);
  remove_memory(&w);
  WORLD_UNTIL(&w, world_count(&w, 2, CL_EVENT_DELETED) == 1);
  assert_false(cl_study_snapshot(w.s, lost)->usable);
  assert_int_equal(cl_trial_resume_from(w.s, world_trial(&w, 2)), 0);
  assert_int_equal(w.worker->buffers->n, 0);
  assert_int_equal(cl_buffers_locate(w.worker, cl_study_snapshot(w.s, copied), &path, &buffer, NULL), 0);
  assert_null(buffer);
  assert_has(path, "/s/1/checkpoints/1-2");
  assert_int_equal(world_count(&w, 1, CL_EVENT_DELETED), 0);
  cl_free(path);
  w.worker->buffers->retry_us = 0;
  client_close(&first);
  client_close(&second);
  scene_end(&w);
}

/* What was lent to it cannot be found any more: it says so, and is lent another one. */
static void who_was_lent_memory_that_is_removed_gets_another(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char before[200], after[200];
  scene_begin(&w, 1, 2, "");
  client_take_text(say_hello(&w, &c, 1, 1, needed()), "path", before);
  remove_memory(&w);
  WORLD_UNTIL(&w, w.worker->buffers->directory == NULL);
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":2,\"metrics\":{\"loss\":0.5}}");
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_REPORTED) == 1);
  (void)scene_answer(&w, 1, 4);
  const char *line = client_hear(&w, &c);
  assert_has(line, "\"way\":\"region\"");
  client_take_text(line, "path", after);
  assert_string_not_equal(after, before);
  int64_t snapshot = save_at(&w, &c, 1, 2, 4, line, 5);
  assert_state(cl_buffer_path(cl_buffers_find(w.worker, cl_study_snapshot(w.s, snapshot))), 5);
  WORLD_UNTIL(&w, last_snapshot(&w, 1, CL_WAY_COPY) != 0);
  assert_copy(&w, 1, "checkpoints/1-4", 5);
  client_close(&c);
  scene_end(&w);
}

static void a_load_of_what_is_gone_has_failed_without_asking(void **state) {
  (void)state;
  struct world w;
  struct client winner, loser;
  scene_begin(&w, 2, 2, "");
  w.worker->buffers->retry_us = INT64_MAX;
  int64_t snapshot = save_at(&w, &winner, 1, 1, 2, say_hello(&w, &winner, 1, 1, needed()), 3);
  (void)save_at(&w, &loser, 2, 1, 2, say_hello(&w, &loser, 2, 1, needed()), 4);
  struct cl_buffer *b = cl_buffers_find(w.worker, cl_study_snapshot(w.s, snapshot));
  cl_buffers_spare(b); /* lost by an accident */
  int64_t change = scene_exploit(&w, 2, snapshot, "sgd", CL_NO_STEP);
  WORLD_UNTIL(&w, world_count(&w, 2, CL_EVENT_LOADED) == 1);
  assert_true(client_is_silent(&w, &loser));
  json_t *loaded = world_last(&w, 2, CL_EVENT_LOADED);
  assert_non_null(json_string_value(world_field(loaded, "error")));
  json_decref(loaded);
  (void)scene_void(&w, 2, change);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_DELETED) == 1); /* nobody needs to try it again */
  w.worker->buffers->retry_us = 0;
  client_close(&winner);
  client_close(&loser);
  scene_end(&w);
}

static void nothing_is_left_in_memory_by_a_worker_that_leaves(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char directory[200];
  scene_begin(&w, 1, 2, "");
  (void)save_at(&w, &c, 1, 1, 2, say_hello(&w, &c, 1, 1, needed()), 3);
  (void)snprintf(directory, sizeof directory, "%s", w.worker->buffers->directory);
  assert_true(is_memory_left(directory));
  client_close(&c);
  world_touch(&w, 1, 1, "end", "0");
  WORLD_UNTIL(&w, world_is_idle(&w)); /* the copy was written, too */
  assert_copy(&w, 1, "checkpoints/1-2", 3);
  world_close(&w);
  assert_false(is_memory_left(directory));
  world_open(&w);
  world_end(&w);
}

/* After its process was started: it is told where it should be, and says that it is not. */
static void a_start_from_memory_that_is_lost_fails_to_load(void **state) {
  (void)state;
  struct world w;
  struct client c;
  scene_begin(&w, 1, 2, "");
  w.worker->buffers->retry_us = INT64_MAX; /* no copy is begun */
  int64_t snapshot = save_at(&w, &c, 1, 1, 2, say_hello(&w, &c, 1, 1, needed()), 3);
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_PAUSED, .cause = CL_CAUSE_RUNG});
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"pause\"}");
  client_close(&c);
  world_touch(&w, 1, 1, "end", "75");
  WORLD_UNTIL(&w, !(world_trial(&w, 1)->head.flags & CL_ATTEMPT_OPEN));
  (void)scene_answer(&w, 1, CL_NO_STEP);
  wait_for_process(&w, 1, 2);
  cl_buffers_spare(cl_buffers_find(w.worker, cl_study_snapshot(w.s, snapshot))); /* by an accident */
  const char *line = say_hello(&w, &c, 1, 2, needed());
  assert_has(line, "/1/checkpoints/1-2\"");
  json_t *start = json_loads(line, 0, NULL);
  client_send(&c, "{\"type\":\"loaded\",\"change\":%lld,\"error\":\"no such directory\"}",
              (long long)json_integer_value(json_object_get(start, "change")));
  json_decref(start);
  WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_LOADED) == 1);
  json_t *loaded = world_last(&w, 1, CL_EVENT_LOADED);
  assert_string_equal(json_string_value(world_field(loaded, "error")), "no such directory");
  json_decref(loaded);
  w.worker->buffers->retry_us = 0;
  client_close(&c);
  scene_end(&w);
}

/* Between two questions: in the memory that was lent for the next one. */
static void a_state_that_is_asked_for_is_kept_in_memory_too(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char path[200];
  scene_begin(&w, 1, 4, "");
  assert_has(say_hello(&w, &c, 1, 1, needed()), "\"way\":\"region\"");
  (void)scene_ask_state(&w, 1);
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":0.5}}");
  const char *line = client_hear(&w, &c);
  assert_has(line, "{\"type\":\"save\"");
  assert_has(line, "\"way\":\"region\"");
  client_take_text(line, "path", path);
  write_state(path, 5);
  client_send(&c, "{\"type\":\"saved\",\"step\":1,\"path\":\"%s\",\"bytes\":%lld}", path,
              (long long)needed());
  assert_has(client_hear(&w, &c), "{\"type\":\"go\"");
  const struct cl_snapshot *n = cl_study_snapshot(w.s, last_snapshot(&w, 1, CL_WAY_REGION));
  assert_true(n != NULL && n->step == 1 && n->rollup.count == 1);
  assert_state(cl_buffer_path(cl_buffers_find(w.worker, n)), 5);
  WORLD_UNTIL(&w, last_snapshot(&w, 1, CL_WAY_COPY) != 0);
  assert_copy(&w, 1, "checkpoints/1-1", 5);
  client_close(&c);
  scene_end(&w);
}

/* What is free and large enough is lent again; what is too small is not. */
static void memory_of_another_size_is_lent_if_it_is_enough(void **state) {
  (void)state;
  struct world w;
  struct client c[3];
  char large[200], small[200];
  scene_begin(&w, 3, 2, "");
  int64_t snapshot = save_at(&w, &c[0], 1, 1, 2, say_hello(&w, &c[0], 1, 1, needed()), 3);
  WORLD_UNTIL(&w, last_snapshot(&w, 1, CL_WAY_COPY) != 0);
  (void)scene_answer(&w, 1, 9);
  (void)client_hear(&w, &c[0]);
  (void)scene_delete(&w, 1, snapshot);
  client_take_text(say_hello(&w, &c[1], 2, 1, needed() + 40000), "path", large);
  assert_int_equal(cl_study_snapshot(w.s, snapshot)->usable, false);
  client_take_text(say_hello(&w, &c[2], 3, 1, needed() - 4096), "path", small);
  assert_string_not_equal(large, small);
  assert_non_null(strstr(small, "spare-")); /* the one that was given back */
  for (int i = 0; i < 3; i++) client_close(&c[i]);
  scene_end(&w);
}

/* Its copy will need as much on disk. */
static void memory_that_others_were_promised_counts_in_the_disk_budget(void **state) {
  (void)state;
  struct world w;
  struct client c[3];
  char more[100], lines[3][4000];
  (void)snprintf(more, sizeof more, ", \"limits\": {\"disk_bytes\": %lld}", (long long)needed() * 5 / 2);
  scene_begin(&w, 3, 2, more);
  for (int i = 0; i < 3; i++)
    (void)snprintf(lines[i], sizeof lines[i], "%s", say_hello(&w, &c[i], i + 1, 1, needed()));
  assert_has(lines[0], "\"way\":\"region\"");
  assert_has(lines[1], "\"way\":\"region\"");
  assert_null(strstr(lines[2], "save_at"));
  for (int i = 0; i < 2; i++) (void)save_at(&w, &c[i], i + 1, 1, 2, lines[i], (unsigned)i);
  for (int i = 0; i < 3; i++) client_close(&c[i]);
  world_end(&w);
}

int main(int argc, char **argv) {
  WORLD_MAIN_BEGIN(argc, argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_that_others_were_promised_counts_in_the_disk_budget),
      cmocka_unit_test(a_state_is_kept_in_memory_and_copied_behind),
      cmocka_unit_test(a_report_that_is_told_again_has_its_state_already),
      cmocka_unit_test(who_registers_nothing_saves_into_directories),
      cmocka_unit_test(what_no_memory_can_hold_goes_into_a_directory),
      cmocka_unit_test(a_loser_is_given_the_winners_memory_which_nobody_else_gets),
      cmocka_unit_test(a_dead_winner_can_still_be_cloned),
      cmocka_unit_test(a_member_that_was_paused_begins_from_memory),
      cmocka_unit_test(memory_is_used_again_and_does_not_grow),
      cmocka_unit_test(the_memory_of_a_deleted_state_is_free_at_once),
      cmocka_unit_test(what_a_killed_worker_had_in_memory_is_taken_over),
      cmocka_unit_test(a_state_that_is_asked_for_is_kept_in_memory_too),
      cmocka_unit_test(a_start_from_memory_that_is_lost_fails_to_load),
      cmocka_unit_test(memory_of_another_size_is_lent_if_it_is_enough),
      cmocka_unit_test(what_is_lost_is_said_to_be_lost),
      cmocka_unit_test(a_copy_outlives_the_memory),
      cmocka_unit_test(memory_that_somebody_removes_is_lost_but_for_its_copies),
      cmocka_unit_test(who_was_lent_memory_that_is_removed_gets_another),
      cmocka_unit_test(a_load_of_what_is_gone_has_failed_without_asking),
      cmocka_unit_test(nothing_is_left_in_memory_by_a_worker_that_leaves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
