/* The wall clock jumps: it is shown and never decides. The linker sends every reading of it here. */
#include "worker/world.h"

int64_t __real_cl_clock_wall_ms(void);
int64_t __wrap_cl_clock_wall_ms(void);

static int64_t jump_ms;

int64_t __wrap_cl_clock_wall_ms(void) {
  return __real_cl_clock_wall_ms() + jump_ms;
}

#define DAY_MS INT64_C(86400000)

static const char go[] = "{\"type\":\"go\"}";

static int see_time(void *ctx, const struct cl_event *ev) {
  (void)ctx;
  assert_true(ev->time_ms >= 0);
  return 0;
}

static void jumps_of_the_wall_clock_end_nothing(void **state) {
  (void)state;
  struct world w;
  struct client c;
  static const int64_t jumps[] = {0, -3 * DAY_MS, 3650 * DAY_MS, -36500 * DAY_MS, 1};
  world_begin(&w, world_patient, ", \"limits\": {\"time_s\": 1000}");
  world_propose(&w, 2.385);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env"));
  (void)client_hello(&w, &c, 1, 1, "");
  for (int i = 1; i <= 5; i++) {
    jump_ms = jumps[i - 1];
    client_send(&c, "{\"type\":\"report\",\"ordinal\":%d,\"step\":%d,\"metrics\":{\"loss\":0.5}}", i, i);
    assert_string_equal(client_hear(&w, &c), go);
  }
  client_send(&c, "{\"type\":\"done\"}");
  assert_string_equal(client_hear(&w, &c), go);
  client_close(&c);
  world_touch(&w, 1, 1, "end", "0");
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  assert_int_equal(cl_store_read(w.store, w.study, &(struct cl_read){0}, see_time, NULL, NULL), 0);
  jump_ms = 0;
  world_end(&w);
}

/* The next worker counts a trial's time from the start of its process, not from a date. */
static void a_jump_between_two_workers_ends_nothing(void **state) {
  (void)state;
  static const int64_t jumps[] = {3650 * DAY_MS, -3650 * DAY_MS};
  for (size_t i = 0; i < 2; i++) {
    struct world w;
    world_begin(&w, world_patient, ", \"limits\": {\"time_s\": 1000}");
    world_propose(&w, 2.385);
    world_work(&w, 1);
    WORLD_UNTIL(&w, world_has(&w, 1, 1, "env"));
    cl_worker_shutdown(w.worker, CL_SHUTDOWN_DETACH, 0);
    world_close(&w);
    jump_ms = jumps[i];
    world_open(&w);
    world_work(&w, 1);
    WORLD_UNTIL(&w, world_count(&w, 1, CL_EVENT_ADOPTED) == 1);
    for (int k = 0; k < 10; k++) world_round(&w);
    assert_int_equal(world_state(&w, 1), CL_RUNNING);
    world_touch(&w, 1, 1, "end", "76");
    WORLD_UNTIL(&w, world_is_idle(&w));
    assert_int_equal(world_state(&w, 1), CL_PRUNED);
    assert_int_equal(world_trial(&w, 1)->exit_status, 76); /* by itself */
    jump_ms = 0;
    world_end(&w);
  }
}

int main(int argc, char **argv) {
  WORLD_MAIN_BEGIN(argc, argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(jumps_of_the_wall_clock_end_nothing),
                                     cmocka_unit_test(a_jump_between_two_workers_ends_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
