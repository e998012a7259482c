/* What runs on the loop's threads: making saved states durable, removing them, and
 * making and copying buffers. For the thread sanitizer (./dev test --tsan),
 * which cannot follow vfork, so nothing here starts a program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/file.h"
#include "wire/regions.h"
#include "worker/buffers_impl.h"

enum { STATES = 12, FILES = 9 };

struct state {
  char from[100], to[100];
  struct cl_published result;
  int told;
};

static void make_state(struct state *s, const char *directory, int number) {
  char path[200], text[40];
  (void)snprintf(s->from, sizeof s->from, "%s/%d.new", directory, number);
  (void)snprintf(s->to, sizeof s->to, "%s/%d", directory, number);
  assert_int_equal(cl_dir_create(s->from, NULL), 0);
  for (int i = 0; i < FILES; i++) {
    (void)snprintf(path, sizeof path, "%s/file-%d", s->from, i);
    int n = snprintf(text, sizeof text, "%d of 2.385\n", number % 3 * 100 + i);
    assert_int_equal(cl_file_write(path, text, (size_t)n, false, NULL), 0);
  }
}

static void remember(void *ctx, const struct cl_published *p) {
  struct state *s = ctx;
  s->result = *p;
  s->told++;
}

static void states_are_published_beside_each_other(void **state) {
  (void)state;
  static struct state states[STATES];
  char directory[] = "/tmp/clade-threads-XXXXXX";
  uv_loop_t loop;
  assert_non_null(mkdtemp(directory));
  assert_int_equal(uv_loop_init(&loop), 0);
  for (int i = 0; i < STATES; i++) make_state(&states[i], directory, i);
  for (int i = 0; i < STATES; i++)
    assert_int_equal(cl_publish(&loop, states[i].from, states[i].to, remember, &states[i], NULL), 0);
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  for (int i = 0; i < STATES; i++) {
    assert_int_equal(states[i].told, 1);
    assert_int_equal(states[i].result.status, 0);
    assert_true(cl_path_exists(states[i].to) && !cl_path_exists(states[i].from));
    assert_string_equal(states[i].result.hash, states[i % 3].result.hash);
    assert_int_equal(states[i].result.bytes, states[i % 3].result.bytes);
  }
  assert_string_not_equal(states[0].result.hash, states[1].result.hash);
  assert_int_equal(uv_loop_close(&loop), 0);
  assert_int_equal(cl_dir_remove(directory, NULL), 0);
}

static void a_state_that_is_not_there_fails_alone(void **state) {
  (void)state;
  static struct state states[2];
  char directory[] = "/tmp/clade-threads-XXXXXX";
  uv_loop_t loop;
  assert_non_null(mkdtemp(directory));
  assert_int_equal(uv_loop_init(&loop), 0);
  make_state(&states[0], directory, 1);
  make_state(&states[1], directory, 2);
  assert_int_equal(cl_dir_remove(states[1].from, NULL), 0);
  for (int i = 0; i < 2; i++)
    assert_int_equal(cl_publish(&loop, states[i].from, states[i].to, remember, &states[i], NULL), 0);
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(states[0].result.status, 0);
  assert_int_equal(states[1].result.status, CLADE_EIO);
  assert_non_null(strstr(states[1].result.error.text, "2.new"));
  assert_int_equal(uv_loop_close(&loop), 0);
  assert_int_equal(cl_dir_remove(directory, NULL), 0);
}

/* As much of a worker as its threads need: a log in memory whose study has its directory in a new one. */
struct bench {
  char directory[40];
  uv_loop_t loop;
  struct cl_store *store;
  struct cl_worker w;
};

static const char settings[] =
    "{\"study\": \"s\", \"origin\": \"native\", \"cwd\": \"/tmp\", \"program\": [\"true\"], \"trials\": 20,"
    " \"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\", \"reduce\": \"last\"}],"
    " \"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1}]}";

static void bench_begin(struct bench *b) {
  const struct cl_store_options options = {.mode = CL_STORE_CREATE};
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  struct cl_err e = {0};
  int64_t study = 0;
  *b = (struct bench){.directory = "/tmp/clade-threads-XXXXXX"};
  assert_non_null(mkdtemp(b->directory));
  ev.u.created.name = "s";
  ev.u.created.uuid = "uuid";
  ev.u.created.settings = settings;
  ev.u.created.directory = b->directory;
  ev.u.created.spec = ev.u.created.provenance = "{}";
  assert_int_equal(cl_store_open("memory:", &options, &b->store, NULL), 0);
  if (cl_store_create(b->store, &ev, &study, &e) < 0) fail_msg("%s", e.text);
  assert_int_equal(cl_log_open(b->store, study, NULL, &b->w.log, NULL), 0);
  assert_int_equal(uv_loop_init(&b->loop), 0);
  b->w.loop = &b->loop;
  b->w.study = cl_log_study(b->w.log);
  b->w.number = 1;
  b->w.buffers = cl_buffers_create();
  assert_non_null(b->w.buffers);
  char *home = cl_attempt_path(b->w.study, 1, 0, "checkpoints");
  assert_int_equal(cl_dir_create(home, NULL), 0);
  cl_free(home);
}

static void bench_end(struct bench *b) {
  cl_buffers_close(&b->w, false);
  cl_log_close(b->w.log);
  cl_store_close(b->store);
  assert_int_equal(uv_loop_close(&b->loop), 0);
  assert_int_equal(cl_dir_remove(b->directory, NULL), 0);
}

static int64_t append(struct bench *b, struct cl_event ev) {
  struct cl_append result;
  struct cl_err e = {0};
  ev.by = 1;
  if (cl_log_append(b->w.log, &ev, &result, &e) < 0 || result.status != 0)
    fail_msg("'%s': %s", cl_kind_name(ev.kind), e.text);
  return result.position;
}

static void states_are_removed_beside_each_other(void **state) {
  (void)state;
  static struct state states[STATES];
  struct bench b;
  bench_begin(&b);
  for (int i = 0; i < STATES; i++) make_state(&states[i], b.directory, i);
  for (int i = 0; i < STATES; i++) cl_worker_discard(&b.w, cl_copy_text(states[i].from), 2385);
  assert_int_equal(b.w.n_handles, STATES);
  assert_int_equal(b.w.removing, STATES * 2385);
  (void)uv_run(&b.loop, UV_RUN_DEFAULT);
  for (int i = 0; i < STATES; i++) assert_false(cl_path_exists(states[i].from));
  assert_true(b.w.n_handles == 0 && b.w.removing == 0);
  bench_end(&b);
}

/* What a trainer writes into the buffer that it was lent. */
static void write_region(const struct cl_buffer *buffer, const char *bytes, size_t n) {
  struct cl_region region = {.name = "weights", .bytes = (int64_t)n};
  struct cl_text text = {0};
  assert_true(cl_regions_place(&region, 1) <= buffer->bytes);
  assert_int_equal(cl_regions_write(&text, &region, 1, true, NULL), 0);
  FILE *file = fopen(cl_buffer_path(buffer), "r+");
  assert_non_null(file);
  assert_int_equal(fwrite(text.bytes, 1, text.length, file), text.length);
  assert_int_equal(fseek(file, (long)region.offset, SEEK_SET), 0);
  assert_int_equal(fwrite(bytes, 1, n, file), n);
  assert_int_equal(fclose(file), 0);
  cl_text_done(&text);
}

/* Trial 1 runs, and its state at this step is in the buffer. */
static void keep_state(struct bench *b, struct cl_buffer *buffer, double step) {
  char path[60];
  struct cl_event saved = {.kind = CL_EVENT_SAVED, .subject = 1, .attempt = 1};
  (void)snprintf(path, sizeof path, "1/checkpoints/1-%g", step);
  saved.u.saved.step = step;
  saved.u.saved.way = CL_WAY_REGION;
  saved.u.saved.bytes = 5000;
  saved.u.saved.path = path;
  saved.u.saved.host = "";
  saved.position = append(b, saved);
  cl_buffers_spare(buffer);
  buffer->state = CL_BUFFER_LENT;
  cl_buffer_keep(buffer, &saved);
}

static void start_trial(struct bench *b) {
  const struct cl_assigned value = {1, cl_value_real(0.385)};
  struct cl_event proposed = {.kind = CL_EVENT_PROPOSED, .subject = 1, .cause = CL_CAUSE_SEARCH};
  struct cl_event started = {.kind = CL_EVENT_STARTED, .subject = 1, .attempt = 1, .cause = CL_CAUSE_CLAIM};
  proposed.u.proposed.role = CL_ROLE_SEARCH;
  proposed.u.proposed.space_version = 1;
  proposed.u.proposed.values = (struct cl_assigned_list){1, &value};
  started.seen = append(b, proposed);
  started.u.started.worker = 1;
  started.u.started.until = CL_NO_STEP;
  (void)append(b, started);
}

/* Made in a thread, filled, and copied to disk in a thread; and the same for one whose worker leaves
 * meanwhile. */
static void states_in_memory_are_made_and_copied_behind(void **state) {
  (void)state;
  static char weights[5000];
  struct bench b;
  struct cl_err e = {0};
  memset(weights, 'w', sizeof weights);
  bench_begin(&b);
  start_trial(&b);
  for (int step = 1; step <= 3; step++) {
    cl_buffers_make_behind(&b.w, 3 * CL_REGION_PAGE);
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_int_equal(b.w.buffers->n, step);
    struct cl_buffer *buffer = b.w.buffers->items[step - 1];
    write_region(buffer, weights, sizeof weights);
    keep_state(&b, buffer, step);
    assert_int_equal(cl_buffers_copy_behind(&b.w, &e), 0);
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_int_equal(cl_log_commit(b.w.log, NULL), 0);
    assert_true(buffer->copied && b.w.buffers->uncopied == 0);
  }
  char *copy = cl_attempt_path(b.w.study, 1, 0, "checkpoints/1-2");
  assert_true(cl_path_exists(copy));
  cl_free(copy);
  struct cl_buffer *last = b.w.buffers->items[0];
  keep_state(&b, last, 4);
  assert_int_equal(cl_buffers_copy_behind(&b.w, &e), 0);
  cl_buffers_make_behind(&b.w, 3 * CL_REGION_PAGE);
  char *memory = cl_copy_text(b.w.buffers->directory);
  cl_buffers_close(&b.w, true); /* both threads find nobody to tell */
  (void)uv_run(&b.loop, UV_RUN_DEFAULT);
  if (memory != NULL) assert_int_equal(cl_dir_remove(memory, NULL), 0);
  cl_free(memory);
  bench_end(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(states_are_published_beside_each_other),
                                     cmocka_unit_test(a_state_that_is_not_there_fails_alone),
                                     cmocka_unit_test(states_are_removed_beside_each_other),
                                     cmocka_unit_test(states_in_memory_are_made_and_copied_behind)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
