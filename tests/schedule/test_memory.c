/* Schedulers without memory: a log is folded and a generation ruled, with each allocation failing in turn. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "fault/alloc.h"
#include "schedule/scheduler.h"
#include "simulator.h"

enum { EVENTS_MAX = 2000 };

struct history {
  int n, first_ruling; /* index of the first ruling of a barrier after `skip` of them */
  int rulings, skip;
  struct cl_event *events[EVENTS_MAX];
};

static int keep_event(void *ctx, const struct cl_event *ev) {
  struct history *h = ctx;
  bool ruling = ev->cause == CL_CAUSE_GENERATION || ev->cause == CL_CAUSE_EXPLOIT;
  assert_true(h->n < EVENTS_MAX);
  if (ruling && ev->kind != CL_EVENT_PAUSED && h->rulings++ == h->skip) h->first_ruling = h->n;
  h->events[h->n++] = cl_event_copy(ev);
  return 0;
}

/* Fold the log up to the barrier, and rule it. 0, or CLADE_ENOMEM. */
static int fold(const struct history *h, struct cl_study *study, struct cl_scheduler *s, int *ret_rulings,
                struct cl_err *e) {
  const struct cl_schedule_room room = {.slots = 8};
  int status = 0;
  for (int i = 0; i < h->first_ruling && status >= 0; i++) {
    cl_fault_pause(true); /* the replica is not under test */
    status = cl_study_apply(study, h->events[i], e);
    cl_fault_pause(false);
    if (status >= 0) status = cl_scheduler_apply(s, h->events[i], e);
  }
  while (status >= 0 && status != CLADE_EMPTY) {
    struct cl_event ev = {0};
    status = cl_scheduler_next(s, &room, &ev, e);
    *ret_rulings += status == 0;
  }
  return status == CLADE_EMPTY ? 0 : status;
}

static void check_method(const char *schedule, int skip, int expected) {
  struct simulator sim = {.slots = 8, .trials = 8, .steps = 6, .seed = 4, .schedule = schedule};
  sim.asks = strstr(schedule, "ready") != NULL;
  static struct history h;
  h = (struct history){.skip = skip};
  simulator_begin(&sim);
  simulator_run(&sim);
  assert_int_equal(cl_store_read(sim.store, sim.id, &(struct cl_read){0}, keep_event, &h, NULL), 0);
  assert_true(h.first_ruling > 0);
  int rounds = 0;
  FAULT_LOOP(n) {
    struct cl_study *study = NULL;
    struct cl_scheduler *s = NULL;
    struct cl_err e = {0};
    int rulings = 0;
    cl_fault_pause(true);
    assert_int_equal(cl_study_create(&study, &e), 0);
    cl_fault_pause(false);
    int status = cl_scheduler_create(study, &s, &e);
    if (status == 0) status = fold(&h, study, s, &rulings, &e);
    bool failed = cl_fault_happened();
    cl_fault_pause(true);
    assert_int_equal(status, failed ? CLADE_ENOMEM : 0);
    if (!failed) assert_int_equal(rulings, expected);
    cl_scheduler_destroy(s);
    cl_study_destroy(study);
    cl_fault_pause(false);
    rounds++;
  }
  assert_true(rounds > 20);
  for (int i = 0; i < h.n; i++) cl_free(h.events[i]);
  simulator_end(&sim);
}

static void pbt_without_memory_says_so(void **state) {
  (void)state;
  check_method("{\"method\": \"pbt\", \"interval\": 2, \"sync\": true}", 8, 8);
}

static void epbt_without_memory_says_so(void **state) {
  (void)state;
  check_method("{\"method\": \"epbt\", \"interval\": 2, \"mutation\": {\"of\": {\"x\": {\"sd\": 0.3}}}, "
               "\"novelty\": {\"multiplier\": 1.5, \"removed\": 0.5, \"prefix\": \"theta\"}}",
               8, 8);
}

static void members_that_are_ready_by_a_metric_say_so(void **state) {
  (void)state;
  check_method("{\"method\": \"pbt\", \"ready\": {\"metric\": \"theta\", \"every\": 0.75}, \"sync\": true}",
               8, 7); /* one has come to its end */
}

static void policies_without_memory_say_so(void **state) {
  (void)state;
  char schedule[1000];
  const char *path = getenv("POLICIES");
  (void)snprintf(schedule, sizeof schedule,
                 "{\"method\": \"%s\", \"interval\": 2, \"sync\": true, \"wrong\": \"standard\"}",
                 path == NULL ? "./libwrong.so" : path);
  check_method(schedule, 8, 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(policies_without_memory_say_so),
                                     cmocka_unit_test(pbt_without_memory_says_so),
                                     cmocka_unit_test(members_that_are_ready_by_a_metric_say_so),
                                     cmocka_unit_test(epbt_without_memory_says_so)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
