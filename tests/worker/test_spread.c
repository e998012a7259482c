/* Where the directories of trials are made: together, until that is seen to be slow. */
#include "world.h"

static int64_t thread_us, cost_us; /* of the processor; of the making of a trial's directories */
static char spread[2][300];        /* the first two directories that were */
static int n_spread;

int64_t __wrap_cl_clock_thread_us(void);
int64_t __wrap_cl_clock_thread_us(void) {
  return thread_us += cost_us;
}

void __real_cl_dir_spread(const char *path);
void __wrap_cl_dir_spread(const char *path);
void __wrap_cl_dir_spread(const char *path) {
  if (n_spread < 2) (void)snprintf(spread[n_spread], sizeof spread[0], "%s", path);
  n_spread++;
  __real_cl_dir_spread(path);
}

static void run_trials(struct world *w, int n, int64_t cost) {
  cost_us = cost;
  for (int i = 0; i < n; i++) world_propose(w, 0.5);
  world_work_off(w, 2);
}

static void trials_are_spread_when_making_them_is_slow(void **state) {
  (void)state;
  struct world w;
  n_spread = 0;
  world_begin(&w, "exit 0", "");
  run_trials(&w, 12, 50);
  assert_int_equal(n_spread, 1);
  assert_string_equal(spread[0], cl_study_directory(w.s));

  n_spread = 0;
  world_close(&w);
  world_open(&w);
  run_trials(&w, 12, 2000);
  assert_int_equal(n_spread, 2);
  assert_string_equal(spread[0], cl_study_directory(w.s));
  char *own = cl_attempt_path(w.s, 0, 0, NULL);
  assert_string_equal(spread[1], own);
  cl_free(own);
  world_end(&w);
}

int main(int argc, char **argv) {
  WORLD_MAIN_BEGIN(argc, argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(trials_are_spread_when_making_them_is_slow)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
