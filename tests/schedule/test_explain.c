/* Rulings in words, and audited: a forged one is found. */
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
#include "schedule/scheduler.h"
#include "simulator.h"

static void explains(const char *args, const char *lines) {
  struct cl_text text = {0};
  const struct cl_event ev = {.kind = CL_EVENT_EXPLOITED, .cause = CL_CAUSE_EXPLOIT, .args = args};
  assert_int_equal(cl_scheduler_explain(&ev, NULL, &text, NULL), 0);
  assert_string_equal(cl_text_get(&text), lines);
  cl_text_done(&text);
}

static void args_of_a_ruling_are_put_in_words(void **state) {
  (void)state;
  explains("{\"rule\": \"turn\", \"rung\": 3}", "it lends its slot: others have come less far\n");
  explains("{\"rule\": \"stop\", \"value\": 40.5, \"bound\": 40}",
           "it has come to step 40.5, members are stopped at 40\n");
  explains("{\"rule\": \"best\", \"rung\": 1, \"step\": 2.5, \"own\": 0.25, \"close\": 1}",
           "best: too few members have come so far to compare it with; it had 0.25 at step 2.5\n"
           "1 better one was passed over: the lead may be noise\n");
  explains(
      "{\"rule\": \"ttest\", \"step\": 2, \"own\": 0.25, \"at\": 1, \"rank\": 2, \"of\": 4, \"draw\": 0.75,"
      " \"against\": 3, \"t\": -1.5, \"df\": 6.5, \"p\": 0.1875}",
      "ttest: rank 2 of 4 in the table of rung 1; it had 0.25 at step 2\n"
      "compared with trial 3, which did not win\nthat one was picked by the draw 0.75\n"
      "Welch's test of the last scores: t = -1.5, df = 6.5, p = 0.1875\n");
  explains(
      "{\"rule\": \"truncation\", \"step\": \"nan\", \"own\": \"nan\", \"dead\": true, \"donor\": 7, \"score\": 9.5,"
      " \"donor_rung\": 2, \"collapsed\": true, \"draw\": 0.5, \"explore\": {\"rule\": \"both\", \"1\": 1.5, \"2\": \"redraw\","
      " \"3\": {\"noise\": -4}}}",
      "truncation: it had failed or diverged, and takes any state that can be had\n"
      "trial 7 had 9.5 at rung 2\nit was picked by the draw 0.5\n"
      "nobody had a score where it stood, so it goes back\n"
      "1 was multiplied by 1.5, 2 was drawn afresh, 3 was moved by noise of -4\n");
  explains(
      "{\"rule\": \"descendant\", \"step\": 2, \"own\": 1, \"at\": 1, \"rank\": 3, \"of\": 4, \"donor\": 2, \"score\": 4,"
      " \"donor_rung\": 1, \"parents\": [2, 1], \"mask\": [5, 6], \"mutation\": {\"5\": 0.125, \"6\": \"default\"}}",
      "descendant: rank 3 of 4 in the table of rung 1; it had 1 at step 2\ntrial 2 had 4 at rung 1\n"
      "crossed with trial 1, which gave 5, 6\n5 was mutated by 0.125, 6 went back to its default\n");
}

static void answers(enum cl_kind kind, double until, const char *value, const char *line) {
  struct cl_text text = {0};
  char args[100];
  (void)snprintf(args, sizeof args, "{\"which\": \"ready\", \"value\": %s, \"bound\": 2.385}", value);
  struct cl_event ev = {.kind = kind, .cause = CL_CAUSE_LIMIT, .args = args};
  if (kind == CL_EVENT_CONTINUED) ev.u.continued.until = until;
  assert_true(cl_scheduler_is_answer(&ev) && !cl_scheduler_is_ruling(&ev));
  assert_int_equal(cl_scheduler_explain(&ev, NULL, &text, NULL), 0);
  assert_string_equal(cl_text_get(&text), line);
  cl_text_done(&text);
}

static void answers_to_reports_that_are_not_judged_are_put_in_words(void **state) {
  (void)state;
  answers(CL_EVENT_CONTINUED, -INFINITY, "1.5",
          "it is not ready to be judged: it has come to 1.5 of 2.385\n");
  answers(CL_EVENT_CONTINUED, -INFINITY, "\"nan\"", "it is not ready to be judged: the bound is 2.385\n");
  answers(CL_EVENT_CONTINUED, INFINITY, "3",
          "it is past the end, and is asked no more: it has come to 3 of 2.385\n");
  answers(CL_EVENT_CHECKPOINT_ASKED, 0, "2.5",
          "it is ready, and its state is wanted before it is judged: it has come to 2.5 of 2.385\n");
  const struct cl_event limit = {
      .kind = CL_EVENT_CONTINUED, .cause = CL_CAUSE_LIMIT, .args = "{\"which\": \"timetable\"}"};
  assert_false(cl_scheduler_is_answer(&limit));
}

/* The first exploit of a log, and a scheduler that stands where it was decided. */
struct scene {
  struct cl_study *study;
  struct cl_scheduler *scheduler;
  struct cl_event *ruling;
};

static int find_answer(void *ctx, const struct cl_event *ev) {
  struct scene *s = ctx;
  if (!cl_scheduler_is_answer(ev)) return 0;
  s->ruling = cl_event_copy(ev);
  return 1;
}

static int find_exploit(void *ctx, const struct cl_event *ev) {
  struct scene *s = ctx;
  if (ev->kind != CL_EVENT_EXPLOITED) return 0;
  s->ruling = cl_event_copy(ev);
  return 1; /* enough */
}

static int fold(void *ctx, const struct cl_event *ev) {
  struct scene *s = ctx;
  assert_int_equal(cl_study_apply(s->study, ev, NULL), 0);
  return cl_scheduler_apply(s->scheduler, ev, NULL);
}

static const char *verify(struct scene *s, const struct cl_event *ruling, struct cl_text *text) {
  cl_text_clear(text);
  assert_int_equal(cl_scheduler_verify(s->scheduler, ruling, text, NULL), 0);
  return cl_text_get(text);
}

/* Folds the log up to what the first event of `find` knew. */
static void stand_before(struct scene *scene, struct simulator *s,
                         int (*find)(void *ctx, const struct cl_event *ev)) {
  (void)cl_store_read(s->store, s->id, &(struct cl_read){0}, find, scene, NULL);
  assert_non_null(scene->ruling);
  assert_int_equal(cl_study_create(&scene->study, NULL), 0);
  assert_int_equal(cl_scheduler_create(scene->study, &scene->scheduler, NULL), 0);
  const struct cl_read past = {.until = scene->ruling->as_of};
  assert_int_equal(cl_store_read(s->store, s->id, &past, fold, scene, NULL), 0);
}

static void leave(struct scene *scene, struct simulator *s) {
  cl_free(scene->ruling);
  cl_scheduler_destroy(scene->scheduler);
  cl_study_destroy(scene->study);
  simulator_end(s);
}

static void forged_answers_are_found(void **state) {
  (void)state;
  struct simulator s = {.slots = 8,
                        .trials = 8,
                        .steps = 6,
                        .seed = 3,
                        .asks = true,
                        .schedule =
                            "{\"method\": \"pbt\", \"ready\": {\"metric\": \"theta\", \"every\": 1.5}}"};
  struct scene scene = {0};
  struct cl_text text = {0};
  simulator_begin(&s);
  simulator_run(&s);
  stand_before(&scene, &s, find_answer);
  assert_string_equal(verify(&scene, scene.ruling, &text), "");
  struct cl_event forged = *scene.ruling;
  forged.u.continued.until = 4.5;
  assert_non_null(
      strstr(verify(&scene, &forged, &text), "asked next: recorded step 4.5, recomputed step -inf"));
  forged = *scene.ruling;
  forged.args = "{\"which\": \"ready\", \"value\": 0.2385, \"bound\": 1.5}";
  assert_non_null(
      strstr(verify(&scene, &forged, &text), "cause: recorded {\"which\": \"ready\", \"value\": 0.2385"));
  forged = *scene.ruling;
  forged.cause = CL_CAUSE_EXPLOIT;
  assert_non_null(
      strstr(verify(&scene, &forged, &text), "recorded continued, recomputed continued, for another reason"));
  cl_text_done(&text);
  leave(&scene, &s);
}

static void forged_rulings_are_found(void **state) {
  (void)state;
  struct simulator s = {
      .slots = 8, .trials = 8, .steps = 6, .seed = 3, .schedule = "{\"method\": \"pbt\", \"interval\": 2}"};
  struct scene scene = {0};
  struct cl_text text = {0};
  simulator_begin(&s);
  simulator_run(&s);
  stand_before(&scene, &s, find_exploit);
  assert_string_equal(verify(&scene, scene.ruling, &text), "");
  struct cl_event forged = *scene.ruling;
  forged.u.exploited.snapshot++;
  assert_non_null(strstr(verify(&scene, &forged, &text), "state: recorded snapshot"));
  forged = *scene.ruling;
  struct cl_assigned other = {1, cl_value_real(0.2385)};
  forged.u.exploited.values = (struct cl_assigned_list){1, &other};
  assert_non_null(strstr(verify(&scene, &forged, &text), "values: recomputed ones differ"));
  forged = *scene.ruling;
  forged.args = "{\"rule\": \"best\"}";
  assert_non_null(strstr(verify(&scene, &forged, &text), "cause: recorded {\"rule\": \"best\"}"));
  forged = *scene.ruling;
  forged.kind = CL_EVENT_CONTINUED;
  assert_non_null(
      strstr(verify(&scene, &forged, &text), "decision: recorded continued, recomputed exploited"));

  cl_text_done(&text);
  leave(&scene, &s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(args_of_a_ruling_are_put_in_words),
      cmocka_unit_test(answers_to_reports_that_are_not_judged_are_put_in_words),
      cmocka_unit_test(forged_rulings_are_found),
      cmocka_unit_test(forged_answers_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
