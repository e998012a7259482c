/* Copies by several threads: the same bytes as by one, whatever the pieces are and whatever cannot be had. */
#include "trainer/copy.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "trainer/twin.h"

enum { BUFFER = 40 << 20, EDGE = 64 };

static int n_started, n_allowed; /* threads */

int __real_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *), void *ctx);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *), void *ctx);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *), void *ctx) {
  if (n_allowed-- <= 0) return EAGAIN;
  n_started++;
  return __real_pthread_create(ret, attributes, run, ctx);
}

static char *map(int fd) {
  int how = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  char *p = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, how, fd, 0);
  assert_ptr_not_equal(p, MAP_FAILED);
  return p;
}

static char byte_at(size_t i) {
  return (char)(i * 2654435761U >> 13);
}

/* Pieces of odd sizes at odd places: small, of more than one chunk, and touching each other. */
static size_t cut(char *to, const char *from, struct cl_trainer_piece ret[6]) {
  static const size_t sizes[6] = {1, 13, 9000001, 4 << 20, 4097, 17000003};
  size_t at = EDGE + 1;
  for (size_t i = 0; i < 6; i++) {
    ret[i] = (struct cl_trainer_piece){.to = to + at, .from = from + at, .n = sizes[i]};
    at += sizes[i] + i % 2 * 777;
  }
  assert_true(at < BUFFER - EDGE);
  return 6;
}

/* All pieces are there, and nothing besides. */
static void check(const char *to, const struct cl_trainer_piece *pieces, size_t n) {
  size_t at = 0;
  for (size_t i = 0; i < n; i++) {
    size_t begin = (size_t)(pieces[i].to - to);
    for (; at < begin; at++) assert_int_equal(to[at], 0);
    assert_memory_equal(to + begin, pieces[i].from, pieces[i].n);
    at = begin + pieces[i].n;
  }
  for (; at < BUFFER; at++) assert_int_equal(to[at], 0);
}

static void copy_between(int to_file, int from_file, enum cl_trainer_new new_side) {
  char *to = map(to_file), *from = map(from_file);
  struct cl_trainer_piece pieces[6];
  for (size_t i = 0; i < BUFFER; i++) from[i] = byte_at(i);
  n_started = 0;
  size_t n = cut(to, from, pieces);
  if (from_file >= 0) { /* as another process left it */
    assert_int_equal(munmap(from, BUFFER), 0);
    assert_ptr_equal(mmap(from, BUFFER, PROT_READ, MAP_SHARED | MAP_FIXED, from_file, 0), from);
  }
  cl_trainer_copy(pieces, n, new_side);
  check(to, pieces, n);
  (void)munmap(to, BUFFER);
  (void)munmap(from, BUFFER);
}

static int make_file(void) {
  int fd = memfd_create("buffer", MFD_CLOEXEC);
  assert_true(fd >= 0 && ftruncate(fd, BUFFER) == 0);
  return fd;
}

static int processors(void) {
  cpu_set_t allowed;
  assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  return CPU_COUNT(&allowed);
}

static void copies_the_same_with_as_many_threads_as_there_are(void **state) {
  int most = processors() < 4 ? processors() : 4;
  (void)state;
  for (int allowed = 0; allowed < 4; allowed++) {
    int to = make_file(), from = make_file();
    n_allowed = allowed;
    copy_between(-1, -1, CL_TRAINER_NEW_NONE);
    assert_int_equal(n_started, allowed < most - 1 ? allowed : most - 1);
    n_allowed = allowed;
    copy_between(to, -1, CL_TRAINER_NEW_TO);
    n_allowed = allowed;
    copy_between(-1, from, CL_TRAINER_NEW_FROM);
    (void)close(to);
    (void)close(from);
  }
}

static void one_processor_and_little_are_for_the_caller_alone(void **state) {
  cpu_set_t before, one;
  static char from[100000], to[100000];
  struct cl_trainer_piece piece = {.to = to, .from = from, .n = sizeof from};
  (void)state;
  for (size_t i = 0; i < sizeof from; i++) from[i] = byte_at(i);
  n_allowed = 4, n_started = 0;
  cl_trainer_copy(&piece, 1, CL_TRAINER_NEW_NONE);
  assert_memory_equal(to, from, sizeof from);
  cl_trainer_copy(NULL, 0, CL_TRAINER_NEW_NONE);
  assert_int_equal(n_started, 0);

  assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  copy_between(-1, -1, CL_TRAINER_NEW_NONE);
  assert_int_equal(n_started, 0);
  assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static bool has_threads(void) {
  struct cl_err e = {0};
  return cl_trainer_twin_check(-1, &e) < 0 && strstr(e.text, "threads") != NULL;
}

static void *nothing(void *ctx) {
  return ctx;
}

/* The system lists a thread for a moment after it was joined, one of some thousand long enough to be seen. */
static void a_process_can_be_forked_right_after(void **state) {
  (void)state;
  if (has_threads()) skip(); /* the thread sanitizer has one of its own */
  for (int i = 0; i < 10000; i++) {
    pthread_t thread;
    assert_int_equal(__real_pthread_create(&thread, NULL, nothing, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(has_threads());
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(copies_the_same_with_as_many_threads_as_there_are),
      cmocka_unit_test(one_processor_and_little_are_for_the_caller_alone),
      cmocka_unit_test(a_process_can_be_forked_right_after),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
