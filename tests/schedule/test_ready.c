/* When a member is ready: what the options mean, and how a state's progress is counted. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schedule/ready.h"
#include "schedule/scheduler.h"

static struct cl_settings *make_settings(const char *schedule, const char *more) {
  char text[1000];
  struct cl_err e = {0};
  struct cl_settings *s = NULL;
  (void)snprintf(
      text, sizeof text,
      "{\"study\": \"s\", \"origin\": \"api\", \"cwd\": \"/tmp\", \"objectives\": [{\"name\": \"loss\","
      " \"goal\": \"minimize\", \"reduce\": \"last\"}], \"hyperparameters\": [{\"id\": 1, \"name\": \"x\","
      " \"domain\": \"float\", \"scale\": \"linear\", \"lo\": 0.0, \"hi\": 1.0}], \"search\": {\"method\":"
      " \"random\"}, \"schedule\": {\"method\": %s}, \"trials\": 8, \"parallel\": 4%s}",
      schedule, more);
  int status = cl_settings_parse(text, &s, &e);
  if (status < 0) fail_msg("%s: %s", schedule, e.text);
  return s;
}

static struct cl_ready make(const char *ready) {
  char schedule[300];
  struct cl_err e = {0};
  struct cl_ready r;
  (void)snprintf(schedule, sizeof schedule, "\"pbt\", \"ready\": %s", ready);
  struct cl_settings *s = make_settings(schedule, "");
  if (cl_schedule_check(s, &e) < 0) fail_msg("%s: %s", ready, e.text);
  const struct cl_options o = {"schedule", "pbt", cl_scheduler_find("pbt")->options, s->schedule};
  assert_int_equal(cl_ready_init(&r, s, &o, &e), 0);
  cl_settings_destroy(s);
  return r;
}

/* At which of these reports is it ready? As text: `.` and `!`. */
static void play(const char *ready, const double *metrics, size_t n, char *ret) {
  struct cl_ready r = make(ready);
  struct cl_progress p = cl_progress_begin();
  for (size_t i = 0; i < n; i++) {
    cl_progress_report(&p, &r, true, metrics[i]);
    ret[i] = p.is_ready ? '!' : '.';
    cl_progress_settle(&p);
  }
  ret[n] = '\0';
  cl_ready_done(&r);
}

static void metrics_are_counted_from_the_last_time(void **state) {
  (void)state;
  static const struct {
    const char *ready, *when;
    double metrics[8];
  } cases[] = {
      {"{\"metric\": \"seen\", \"every\": 10}", "..!.!..!", {4, 9.9, 10, 15, 21, 22, 30, 31.5}},
      {"{\"metric\": \"seen\", \"every\": 10}", ".!...!..", {9, 12, 2, 8, 9.5, 10, 11, 13}}, /* begun anew */
      {"{\"metric\": \"loss\", \"factor\": 0.5}", "...!..!.", {8, 7, 4.5, 4, 3, 2.5, 1.75, 1}},
      {"{\"metric\": \"size\", \"factor\": 2}", "..!.!...", {3, 5, 6, 11.5, 12, 9, 20, 23}},
      {"{\"metric\": \"loss\", \"patience\": 2}", "..!...!.", {3, 3.5, 3.25, 3, 2.75, 2.75, 2.8, 2}},
      {"{\"metric\": \"acc\", \"patience\": 2, \"goal\": \"maximize\"}",
       "...!.!..",
       {1, 2, 2, 1, 0.5, 0.25, 2.5, 3}},
      {"{\"metric\": \"acc\", \"above\": 0.9}", ".!...!..", {0.5, 0.95, 0.97, 0.9, 0.85, 0.91, 0.92, 1}},
      {"{\"metric\": \"loss\", \"below\": 0.5}", "!..!....", {0.25, 0.3, 0.5, 0.4, 0.45, 0.1, 0.2, 0.3}},
      {"{\"metric\": \"loss\", \"every\": 100}", ".!!.....", {1, NAN, INFINITY, 1, 2, 3, 4, 5}}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char when[9];
    play(cases[i].ready, cases[i].metrics, 8, when);
    if (strcmp(when, cases[i].when) != 0) fail_msg("%s: %s, not %s", cases[i].ready, when, cases[i].when);
  }
}

static void report_without_the_metric_says_nothing(void **state) {
  (void)state;
  struct cl_ready r = make("{\"metric\": \"seen\", \"every\": 10}");
  struct cl_progress p = cl_progress_begin();
  cl_progress_report(&p, &r, true, 12.5);
  assert_true(p.is_ready);
  cl_progress_report(&p, &r, false, NAN);
  assert_false(p.is_ready);
  assert_true(cl_progress_value(&p, &r) == 12.5);
  cl_ready_done(&r);
}

static void time_is_added_up_from_report_to_report(void **state) {
  (void)state;
  struct cl_ready r = make("{\"every\": \"1m30s\"}");
  struct cl_progress p = cl_progress_begin();
  assert_true(r.rule == CL_READY_TIME && r.bound == 90 && r.metric == NULL);
  cl_progress_clock(&p, &r, 60.25);
  assert_false(p.is_ready);
  cl_progress_clock(&p, &r, 29.5);
  assert_false(p.is_ready);
  cl_progress_clock(&p, &r, 0.25);
  assert_true(p.is_ready && cl_progress_value(&p, &r) == 90);
  cl_progress_settle(&p);
  assert_true(!p.is_ready && p.seconds == 0 && p.count == 1);
  cl_progress_settle(&p);
  assert_int_equal(p.count, 1); /* it was judged once */
}

static void refused(const char *schedule, const char *more, const char *wanted) {
  struct cl_err e = {0};
  struct cl_settings *s = make_settings(schedule, more);
  assert_int_equal(cl_schedule_check(s, &e), CLADE_ESPEC);
  if (strstr(e.text, wanted) == NULL) fail_msg("%s: %s", schedule, e.text);
  cl_settings_destroy(s);
}

static void what_does_not_say_when_is_refused(void **state) {
  (void)state;
  refused("\"pbt\", \"ready\": {}", "", "{every: 30s}` for time");
  refused("\"pbt\", \"interval\": 2, \"ready\": {}", "", "{every: 30s}` for time");
  refused("\"pbt\", \"ready\": 3", "", "options of its own");
  refused("\"pbt\", \"ready\": {\"every\": 30}", "", "a time with its unit");
  refused("\"pbt\", \"ready\": {\"every\": \"soon\"}", "", "a time with its unit");
  refused("\"pbt\", \"ready\": {\"metric\": \"a\"}", "", "one of every, factor, patience, above and below");
  refused("\"pbt\", \"ready\": {\"factor\": 2}", "", "one of every, factor, patience, above and below");
  refused("\"pbt\", \"ready\": {\"metric\": \"a\", \"above\": 1, \"below\": 2}", "", "one of every");
  refused("\"pbt\", \"ready\": {\"metric\": \"a\", \"every\": -1}", "", "above 0");
  refused("\"pbt\", \"ready\": {\"metric\": \"a\", \"every\": \"3s\"}", "", "for time leave the metric out");
  refused("\"pbt\", \"ready\": {\"metric\": \"a\", \"factor\": 1}", "", "always reached");
  refused("\"pbt\", \"ready\": {\"metric\": \"a\", \"patience\": 3}", "", "is a larger 'a' better?");
  refused("\"pbt\", \"interval\": 2, \"ready\": {\"every\": \"3s\"}", "", "give one of the two");
  refused("\"pbt\", \"ready\": {\"every\": \"3s\"}", ", \"ordered\": true", "ordered mode must not");
  refused("\"ipbt\", \"end\": 9, \"ready\": {\"every\": \"3s\"}", "", "ready does not go with method ipbt");
  refused("\"fire_pbt\", \"ready\": {\"every\": \"3s\"}", "", "ready does not go with method fire_pbt");
  refused("\"fire_pbt\", \"ready\": {\"every\": \"3s\"}", "", "let the trainer count as its step");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(metrics_are_counted_from_the_last_time),
      cmocka_unit_test(report_without_the_metric_says_nothing),
      cmocka_unit_test(time_is_added_up_from_report_to_report),
      cmocka_unit_test(what_does_not_say_when_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
