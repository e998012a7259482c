/* Policies of one's own in simulated studies: the example does what it says, each policy may be left out of
 * the decision, and one that answers what it must not is refused with a sentence. What holds for every method
 * (states, values, the same ruling when asked again) test_simulation.c checks for these, too.
 * PLUGINS, ROULETTE: where the shared objects are. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/text.h"
#include "schedule/scheduler.h"
#include "simulator.h"

static const char space[] =
    "{\"id\": 1, \"name\": \"x\", \"domain\": \"float\", \"scale\": \"linear\", \"lo\": 0.0, \"hi\": 1.0},"
    " {\"id\": 2, \"name\": \"lr\", \"domain\": \"float\", \"scale\": \"log\", \"lo\": 1e-5, \"hi\": 0.1},"
    " {\"id\": 3, \"name\": \"layers\", \"domain\": \"int\", \"scale\": \"linear\", \"lo\": 1, \"hi\": 7},"
    " {\"id\": 4, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"sgd\", \"adam\", \"lion\"]}";

static const char *place(const char *name, char *ret, size_t size) {
  const char *directory = getenv("PLUGINS"), *roulette = getenv("ROULETTE");
  bool example = strcmp(name, "roulette") == 0;
  (void)snprintf(ret, size, "%s/lib%s.so", directory == NULL ? "." : directory, name);
  if (example) (void)snprintf(ret, size, "%s", roulette == NULL ? "./libroulette.so" : roulette);
  return ret;
}

static const char *schedule_of(const char *name, const char *options, char *ret, size_t size) {
  char path[500];
  (void)snprintf(ret, size, "{\"method\": \"%s\", \"interval\": 1%s}", place(name, path, sizeof path),
                 options);
  return ret;
}

struct tally {
  int exploits, stops, unready, notes;
  double lowest_share;
  char args[3000]; /* of the last exploit */
};

static int tally_event(void *ctx, const struct cl_event *ev) {
  struct tally *t = ctx;
  t->exploits += ev->kind == CL_EVENT_EXPLOITED;
  t->stops += ev->kind == CL_EVENT_STOPPED && strstr(ev->args, "\"done\": true") != NULL;
  t->unready += ev->kind == CL_EVENT_CONTINUED && strstr(ev->args, "\"ready\": false") != NULL;
  t->notes += ev->args != NULL && strstr(ev->args, "\"notes\": {") != NULL;
  if (ev->kind == CL_EVENT_EXPLOITED) (void)snprintf(t->args, sizeof t->args, "%s", ev->args);
  return 0;
}

static struct tally tally_of(const struct simulator *s) {
  struct tally t = {0};
  assert_int_equal(cl_store_read(s->store, s->id, &(struct cl_read){0}, tally_event, &t, NULL), 0);
  return t;
}

/* Whoever has less than two units behind it gains nothing. */
static double late_gain(const struct simulator *s, const struct cl_value *values, double step, double theta) {
  (void)s;
  (void)theta;
  return step <= 2 ? 1 : values[0].as.real > 0.5 ? values[0].as.real : 0;
}

static void the_example_replaces_members_that_have_stalled(void **state) {
  (void)state;
  char schedule[1000];
  struct simulator s = {
      .slots = 4,
      .trials = 12,
      .steps = 16,
      .seed = 3,
      .space = space,
      .gain = late_gain,
      .more = "",
      .schedule = schedule_of("roulette", ", \"window\": 2, \"end\": 16", schedule, sizeof schedule)};
  simulator_begin(&s);
  simulator_run(&s);
  struct tally t = tally_of(&s);
  assert_in_range(t.exploits, 4, 100); /* those that stand still; those that rise are not ready */
  assert_in_range(t.unready, 20, 1000);
  assert_int_equal(t.stops, 0);
  assert_non_null(strstr(t.args, "{\"rule\": \"roulette\""));
  assert_non_null(strstr(
      t.args,
      "\"explore\": {\"rule\": \"roulette\", \"1\": \"set\", \"2\": \"set\", \"3\": \"set\", \"4\": \"set\"}"));
  assert_non_null(strstr(t.args, "\"notes\": {\"rise\": 0"));
  for (int64_t i = 1; i <= s.trials; i++) assert_true(cl_study_trial(simulator_study(&s), i)->value > 2);
  simulator_end(&s);
}

static void who_is_done_is_stopped(void **state) {
  (void)state;
  char schedule[1000];
  struct simulator s = {.slots = 4,
                        .trials = 6,
                        .steps = 1000,
                        .seed = 3,
                        .more = "",
                        .schedule = schedule_of("roulette", ", \"enough\": 7.5", schedule, sizeof schedule)};
  simulator_begin(&s);
  simulator_run(&s);
  assert_int_equal(tally_of(&s).stops, 6);
  for (int64_t i = 1; i <= 6; i++) {
    const struct cl_trial *t = cl_study_trial(simulator_study(&s), i);
    assert_true(t->value >= 7.5 && t->value < 8.5);
  }
  simulator_end(&s);
}

static struct tally run_wrong(const char *what, struct cl_err *ret_e, struct simulator *ret) {
  char schedule[1000], options[100];
  (void)snprintf(options, sizeof options, ", \"wrong\": \"%s\"", what);
  *ret_e = (struct cl_err){0};
  *ret = (struct simulator){.slots = 4,
                            .trials = 8,
                            .steps = 6,
                            .seed = 5,
                            .space = space,
                            .more = "",
                            .refused = ret_e,
                            .schedule = schedule_of("wrong", options, schedule, sizeof schedule)};
  simulator_begin(ret);
  while (simulator_turn(ret)) {
  }
  struct tally t = tally_of(ret);
  return t;
}

static void what_a_policy_answers_is_done_or_nothing_is(void **state) {
  (void)state;
  static const struct {
    const char *what;
    bool exploits;
    const char *args;
  } all[] = {{"own", true, "\"2\": 2, \"3\": \"set\", \"4\": \"set\"}, \"notes\": {\"lr\": 0."},
             {"nothing", true, "\"explore\": {\"rule\": \"wrong\"}}"},
             {"beyond", true, "\"explore\": {\"rule\": \"wrong\", \"1\": \"set\"}"},
             {"standard", true, "\"explore\": {\"rule\": \"wrong\", \"1\": "},
             {"nobody", false, ""},
             {"self", false, ""},
             {"never ready", false, ""}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct cl_err e;
    struct simulator s;
    struct tally t = run_wrong(all[i].what, &e, &s);
    assert_int_equal(e.code, 0);
    assert_int_equal(cl_study_count(simulator_study(&s), CL_COMPLETE), 8);
    if ((t.exploits > 5) != all[i].exploits || strstr(t.args, all[i].args) == NULL)
      fail_msg("%s: %d exploits, %s", all[i].what, t.exploits, t.args);
    simulator_end(&s);
  }
}

static void policies_that_do_wrong_are_refused_with_a_sentence(void **state) {
  (void)state;
  static const struct {
    const char *what;
    int status;
    const char *sentence;
  } all[] = {{"done", CLADE_EINVAL, "failed to say who is done: done upset me"},
             {"ready", CLADE_EINVAL, "failed to say who is ready: ready upset me"},
             {"exploit", CLADE_EIO, "failed to choose a state"},
             {"news", CLADE_EINVAL, "failed to choose a state"},
             {"place", CLADE_EINVAL, "chose place 5 for trial"},
             {"explore", CLADE_EINVAL, "failed to explore: explore upset me"},
             {"value", CLADE_EINVAL, "that is not allowed: x is 9"},
             {"text", CLADE_EINVAL, "rmsprop"}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct cl_err e;
    struct simulator s;
    (void)run_wrong(all[i].what, &e, &s);
    if (e.code != all[i].status || strstr(e.text, all[i].sentence) == NULL)
      fail_msg("%s: %d, %s", all[i].what, e.code, e.text);
    simulator_end(&s);
  }
}

static int check(const char *name, const char *options, struct cl_err *e, struct cl_text *ret_words) {
  char text[2000], schedule[1000];
  struct cl_settings *settings = NULL;
  (void)snprintf(
      text, sizeof text,
      "{\"study\": \"p\", \"origin\": \"api\", \"cwd\": \"/tmp\", \"objectives\": [{\"name\": \"theta\","
      " \"goal\": \"maximize\"}], \"hyperparameters\": [%s], \"search\": {\"method\": \"random\"},"
      " \"schedule\": %s, \"trials\": 8, \"parallel\": 4}",
      space, schedule_of(name, options, schedule, sizeof schedule));
  assert_int_equal(cl_settings_parse(text, &settings, e), 0);
  int status = cl_schedule_check(settings, e);
  if (ret_words != NULL) cl_schedule_describe(settings, ret_words);
  cl_settings_destroy(settings);
  return status;
}

static void a_spec_that_does_not_suit_is_refused_before_anything_runs(void **state) {
  (void)state;
  static const struct {
    const char *name, *options, *sentence;
  } all[] = {
      {"wrong", ", \"wrong\": \"check\"", "failed to begin: no such population"},
      {"wrong", ", \"wrogn\": \"x\"", "method wrong has no option \"wrogn\""},
      {"wrong", ", \"interval_\": 3", "did you mean interval?"},
      {"wrong", ", \"quantile\": 0.7", "quantile must be a share up to 0.5"},
      {"wrong", ", \"each\": {\"nothing\": \"keep\"}", "there is no hyperparameter \"nothing\""},
      {"newer_policies", "", "version 2"},
      {"named_policies", "", "no usable `name`"},
      {"empty_policies", "", "cannot be loaded"},
      {"roulette", ", \"sd\": 7", "sd is 7"},
      {"wrong", ", \"archive\": 3", "archive 3 is never drawn from: the policies of `wrong` choose"},
      {"plain_policies", ", \"archive\": 3, \"exploit\": \"tournament\"", "exploit truncation or best"}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct cl_err e = {0};
    int status = check(all[i].name, all[i].options, &e, NULL);
    if (status != CLADE_ESPEC || strstr(e.text, all[i].sentence) == NULL)
      fail_msg("%s%s: %d, %s", all[i].name, all[i].options, status, e.text);
  }
}

static void a_spec_shows_all_options_and_their_own(void **state) {
  (void)state;
  struct cl_text words = {0};
  assert_int_equal(check("plain_policies", ", \"archive\": 3", NULL, NULL), 0);
  assert_int_equal(check("roulette", ", \"sd\": 0.385", NULL, &words), 0);
  assert_non_null(strstr(cl_text_get(&words), "interval 1, burn_in 0"));
  assert_non_null(strstr(cl_text_get(&words), ", sd 0.385"));
  cl_text_done(&words);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_example_replaces_members_that_have_stalled),
      cmocka_unit_test(who_is_done_is_stopped),
      cmocka_unit_test(what_a_policy_answers_is_done_or_nothing_is),
      cmocka_unit_test(policies_that_do_wrong_are_refused_with_a_sentence),
      cmocka_unit_test(a_spec_that_does_not_suit_is_refused_before_anything_runs),
      cmocka_unit_test(a_spec_shows_all_options_and_their_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
