/* Where the directories of trials are made: beside each other, and elsewhere when that is seen to be slow. */
#include "world.h"

static int64_t thread_us, cost_us, cheap_us; /* of the processor; making a trial's directories; elsewhere */
static char moved[300];                      /* the directory whose trials were made elsewhere */
static int n_spread, n_beside;

int64_t __wrap_cl_clock_thread_us(void);
int64_t __wrap_cl_clock_thread_us(void) {
  return thread_us += cost_us;
}

void __real_cl_dir_spread(const char *path, bool spread);
void __wrap_cl_dir_spread(const char *path, bool spread);
void __wrap_cl_dir_spread(const char *path, bool spread) {
  (void)snprintf(moved, sizeof moved, "%s", path);
  n_spread += spread;
  n_beside += !spread;
  if (spread && n_beside > 0) cost_us = cheap_us; /* not when the worker joins */
  __real_cl_dir_spread(path, spread);
}

static void run_trials(struct world *w, int n, int64_t cost, int64_t elsewhere) {
  cost_us = cost;
  cheap_us = elsewhere;
  n_spread = n_beside = 0;
  for (int i = 0; i < n; i++) world_propose(w, 0.5);
  world_work_off(w, 2);
}

static void trials_are_made_elsewhere_when_making_them_is_slow(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, "exit 0", "");
  char *own = cl_attempt_path(w.s, 0, 0, NULL);
  run_trials(&w, 12, 50, 50);
  assert_int_equal(n_spread, 1); /* the studies, from the start */
  assert_int_equal(n_beside, 1); /* the trials: another worker may have been killed in between */
  assert_string_equal(moved, own);

  world_close(&w);
  world_open(&w);
  run_trials(&w, 12, 2000, 50);
  assert_int_equal(n_spread, 2); /* the second trial, and those that follow lie beside it */
  assert_int_equal(n_beside, 2);
  assert_string_equal(moved, own);

  world_close(&w);
  world_open(&w);
  run_trials(&w, 12, 2000, 2000);
  assert_int_equal(n_spread, 1 + 6); /* after each trial that is slow without having sought a place */
  assert_int_equal(n_beside, 1 + 6);
  cl_free(own);
  world_end(&w);
}

int main(int argc, char **argv) {
  WORLD_MAIN_BEGIN(argc, argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(trials_are_made_elsewhere_when_making_them_is_slow)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
