/* What runs on the loop's threads: making saved states durable. For the thread sanitizer (./dev test --tsan),
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
#include "worker/worker_impl.h"

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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(states_are_published_beside_each_other),
                                     cmocka_unit_test(a_state_that_is_not_there_fails_alone)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
