/* A writer that is killed at any instant: what it was told is there, nothing is half, the heads are those of
 * the log, and the next writer goes on. */
#include "store/kit.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"

enum { ROUNDS = 200 };

/* Appends until it is killed; each commit's last position is noted when it has been acknowledged. */
static void write_for_ever(struct kit_place *p, int64_t study, int64_t *acknowledged) {
  struct cl_store *s = kit_open(KIT_SQLITE, p);
  for (;;) {
    struct cl_study_head head = {0};
    if (cl_store_head(s, study, &head, NULL) < 0) _exit(1);
    int64_t trial = head.trials + 1;
    char name[40];
    (void)snprintf(name, sizeof name, "metric %lld", (long long)(trial / 20 % 150)); /* columns come in */
    struct cl_metric m[] = {{0, "acc", 0.5}, {0, name, 0.25}};
    static const double objectives[] = {0.5, 0.125};
    const struct cl_assigned values[] = {{1, cl_value_real(0.385)}, {2, cl_value_text("sgd")}};
    struct cl_event events[] = {kit_proposed(trial, values, 2), kit_started(trial, 1, CL_SEEN_BATCH),
                                kit_reported(trial, 1, 1, 1.5, m, 2), kit_saved(trial, 1, 1.5)};
    struct cl_event end[] = {kit_ended(trial, 1, 0, objectives, 2)};
    struct cl_append results[4];
    if (cl_store_append(s, study, events, 4, results, NULL) < 0) _exit(1);
    __atomic_store_n(acknowledged, results[3].position, __ATOMIC_RELEASE);
    if (cl_store_append(s, study, end, 1, results, NULL) < 0) _exit(1);
    __atomic_store_n(acknowledged, results[0].position, __ATOMIC_RELEASE);
  }
}

static void wait_us(uint64_t us) {
  struct timespec t = {.tv_sec = 0, .tv_nsec = (long)us * 1000};
  (void)nanosleep(&t, NULL);
}

/* Until the writer has been told something, ten seconds at most. */
static void wait_for_news(const int64_t *acknowledged, int64_t before) {
  for (int i = 0; i < 100000 && __atomic_load_n(acknowledged, __ATOMIC_ACQUIRE) == before; i++) wait_us(100);
}

static void a_killed_writer_loses_nothing_it_was_told(void **state) {
  (void)state;
  struct kit_place p;
  kit_place_init(&p);
  struct cl_store *s = kit_open(KIT_SQLITE, &p);
  int64_t study = kit_create(s, "digits", 1000000);
  cl_store_close(s);
  int64_t *acknowledged =
      mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct cl_rng rng = cl_rng_stream(2385, CL_RNG_USER, 0, 0);
  for (int round = 0; round < ROUNDS; round++) {
    int64_t before = *acknowledged;
    pid_t pid = fork();
    if (pid == 0) write_for_ever(&p, study, acknowledged);
    if (round % 2 == 1) wait_for_news(acknowledged, before); /* killed while it writes, not while it opens */
    wait_us(cl_rng_below(&rng, 15000));
    assert_int_equal(kill(pid, SIGKILL), 0);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    s = kit_open(KIT_SQLITE, &p);
    struct cl_study_head head = {0};
    assert_int_equal(cl_store_head(s, study, &head, NULL), 0);
    assert_true(head.position >= __atomic_load_n(acknowledged, __ATOMIC_ACQUIRE));
    if (round % 20 == 0) {
      struct cl_err e = {0};
      if (cl_store_check(s, study, &e) < 0) fail_msg("%s", e.text);
      kit_finish_trial(s, study, 0.5);
    }
    cl_store_close(s);
  }
  s = kit_open(KIT_SQLITE, &p);
  assert_int_equal(cl_store_check(s, study, NULL), 0);
  assert_true(*acknowledged >= ROUNDS / 2 * 4);
  struct kit_session k;
  kit_session_open(&k, s, study);
  kit_session_close(&k);
  cl_store_close(s);
  (void)munmap(acknowledged, sizeof *acknowledged);
  kit_place_done(&p);
}

static void make_store(struct kit_place *p) {
  struct cl_store *s = kit_open(KIT_SQLITE, p);
  (void)kit_create(s, "digits", 4);
  cl_store_close(s);
  _exit(0);
}

static void a_store_can_be_made_after_its_maker_was_killed(void **state) {
  (void)state;
  struct cl_rng rng = cl_rng_stream(2385, CL_RNG_USER, 1, 0);
  for (int round = 0; round < ROUNDS / 4; round++) {
    struct kit_place p;
    kit_place_init(&p);
    pid_t pid = fork();
    if (pid == 0) make_store(&p);
    wait_us(cl_rng_below(&rng, 8000));
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    struct cl_store *s = kit_open(KIT_SQLITE, &p);
    int64_t study = kit_create(s, "digits", 4);
    kit_finish_trial(s, study, 0.5);
    assert_int_equal(cl_store_check(s, study, NULL), 0);
    cl_store_close(s);
    kit_place_done(&p);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_killed_writer_loses_nothing_it_was_told),
      cmocka_unit_test(a_store_can_be_made_after_its_maker_was_killed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
