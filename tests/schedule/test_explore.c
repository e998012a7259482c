/* Explore of single hyperparameters, PyBT's in particular: a learning rate that is drawn afresh on a log
 * scale, and a batch size that gets whole normal noise and has a floor. */
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
#include "schedule/explore.h"
#include "schedule/scheduler.h"

static const char settings_format[] =
    "{\"study\": \"s\", \"origin\": \"api\", \"cwd\": \"/tmp\", \"objectives\": [{\"name\": \"accuracy\","
    " \"goal\": \"maximize\"}], \"trials\": 8, \"search\": {\"method\": \"random\"}, \"limits\": {},"
    " \"hyperparameters\": ["
    "{\"id\": 1, \"name\": \"learning_rate\", \"domain\": \"float\", \"scale\": \"log\", \"lo\": 1e-7, \"hi\": 1e-1},"
    "{\"id\": 2, \"name\": \"batch_size\", \"domain\": \"int\", \"scale\": \"linear\", \"lo\": 8, \"hi\": 1000000000},"
    "{\"id\": 3, \"name\": \"momentum\", \"domain\": \"float\", \"scale\": \"linear\", \"lo\": 0.1, \"hi\": 0.9999},"
    "{\"id\": 4, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"sgd\", \"adam\"]}],"
    " \"schedule\": {\"method\": \"pbt\", \"explore\": \"perturb\", \"each\": %s}}";

struct world {
  struct cl_study *study;
  struct cl_evaluation *from;
  struct cl_explore explore;
  struct cl_err e;
  int status; /* of reading the options */
};

static void apply(struct world *w, struct cl_event *ev, int64_t position) {
  ev->position = position;
  int status = cl_study_apply(w->study, ev, &w->e);
  if (status < 0) print_message("# %s\n", w->e.text);
  assert_int_equal(status, 0);
}

static struct world begin(const char *each, int64_t batch_size) {
  struct world w = {0};
  char settings[2000];
  (void)snprintf(settings, sizeof settings, settings_format, each);
  assert_int_equal(cl_study_create(&w.study, &w.e), 0);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = ev.u.created.uuid = ev.u.created.directory = "s";
  ev.u.created.settings = settings;
  ev.u.created.seed = 2385;
  apply(&w, &ev, 1);
  struct cl_assigned values[] = {{1, cl_value_real(3e-4)},
                                 {2, cl_value_int(batch_size)},
                                 {3, cl_value_real(0.5)},
                                 {4, cl_value_text("adam")}};
  ev = (struct cl_event){.kind = CL_EVENT_PROPOSED, .subject = 1, .cause = CL_CAUSE_SEARCH};
  ev.u.proposed.role = CL_ROLE_SEARCH;
  ev.u.proposed.space_version = 1;
  ev.u.proposed.values = (struct cl_assigned_list){4, values};
  apply(&w, &ev, 2);
  const struct cl_settings *s = cl_study_settings(w.study);
  w.status = cl_schedule_check(s, &w.e);
  const struct cl_evaluation what = {.trial = 1, .rung = 1, .snapshot = 5};
  w.from = cl_evaluation_create(w.study, cl_study_trial(w.study, 1), &what);
  assert_non_null(w.from);
  const struct cl_options o = {"schedule", "pbt", cl_scheduler_find("pbt")->options, s->schedule};
  cl_explore_init(&w.explore, &o);
  if (w.status == 0) assert_int_equal(cl_explore_each(&w.explore, &o, &s->space, &w.e), 0);
  return w;
}

static void explore(struct world *w, uint32_t draw) {
  const struct cl_trial *t = cl_study_trial(w->study, 1);
  assert_int_equal(cl_explore_values(&w->explore, w->study, t, w->from, draw, &w->e), 0);
  assert_int_equal(cl_space_check(cl_study_space(w->study), w->explore.values, &w->e), 0);
}

static void end(struct world *w) {
  cl_free(w->from);
  cl_explore_done(&w->explore);
  cl_study_destroy(w->study);
}

/* The numbers that the stream of a hyperparameter gives for a draw: chance, fresh, pick, normal. */
static void stream_of(int id, uint32_t draw, double *ret_fresh, double *ret_normal) {
  struct cl_rng r = cl_rng_stream(2385, CL_RNG_EXPLORE, 1, (uint32_t)id + 65536u * draw);
  (void)cl_rng_uniform(&r);
  *ret_fresh = cl_rng_uniform(&r);
  (void)cl_rng_uniform(&r);
  *ret_normal = cl_rng_normal(&r);
}

static const char pybt[] = "{\"learning_rate\": \"resample\", \"batch_size\": {\"noise\": 10}}";

static void explore_of_pybt_can_be_said_in_the_spec(void **state) {
  (void)state;
  enum { DRAWS = 4000 };
  struct world w = begin(pybt, 64);
  double fresh, normal, sum = 0, squares = 0, decades[6] = {0};
  assert_int_equal(w.status, 0);
  for (uint32_t draw = 0; draw < DRAWS; draw++) {
    explore(&w, draw);
    stream_of(1, draw, &fresh, &normal);
    double lr = w.explore.values[0].as.real, wanted = exp(log(1e-7) + fresh * (log(1e-1) - log(1e-7)));
    assert_true(fabs(lr / wanted - 1) < 1e-12); /* from the whole range, wherever it was */
    assert_true(isnan(w.explore.used[0]));
    decades[(int)fmin(5, log10(lr) + 7)]++;
    stream_of(2, draw, &fresh, &normal);
    int64_t step = (int64_t)(normal * 0.1 * 100); /* PyBT: int(N(0, 0.1) * 100), towards zero */
    if (64 + step < 8) step = 8 - 64;
    assert_int_equal(w.explore.values[1].as.integer, 64 + step);
    sum += (double)step;
    squares += (double)(step * step);
  }
  for (int i = 0; i < 6; i++) assert_true(fabs(decades[i] - DRAWS / 6.0) < 5 * sqrt(DRAWS / 6.0));
  assert_true(fabs(sum / DRAWS) < 5 * 10 / sqrt(DRAWS));
  assert_true(fabs(sqrt(squares / DRAWS) - 9.6) < 0.6);
  end(&w);
}

static void noise_stops_at_the_floor_and_has_no_ceiling(void **state) {
  (void)state;
  struct world w = begin(pybt, 9);
  int floors = 0;
  int64_t most = 0;
  for (uint32_t draw = 0; draw < 400; draw++) {
    explore(&w, draw);
    int64_t size = w.explore.values[1].as.integer;
    assert_true(size >= 8);
    floors += size == 8;
    if (size > most) most = size;
  }
  assert_in_range(floors, 140, 230); /* P(N <= -0.1) = 0.46, and some stay at 9 */
  assert_true(most > 30);
  end(&w);
}

static void others_are_explored_as_the_rest(void **state) {
  (void)state;
  struct world w = begin("{\"batch_size\": {\"noise\": 10}, \"opt\": {\"resample_probability\": 1}}", 64);
  int up = 0, changed = 0;
  for (uint32_t draw = 0; draw < 200; draw++) {
    explore(&w, draw);
    double momentum = w.explore.values[2].as.real;
    assert_true(fabs(momentum - 0.6) < 1e-12 || fabs(momentum - 0.4) < 1e-12);
    up += momentum > 0.5;
    changed += strcmp(w.explore.values[3].as.text, "adam") != 0;
  }
  assert_in_range(up, 70, 130);
  assert_in_range(changed, 70, 130); /* drawn afresh, it is the same one half of the time */
  end(&w);
}

static void each_of_them_has_a_word(void **state) {
  (void)state;
  struct world w = begin("{\"learning_rate\": \"keep\", \"momentum\": {\"factors\": [2, 0.5]},"
                         " \"opt\": {\"explore\": \"both\", \"resample_probability\": 1}}",
                         64);
  int changed = 0;
  for (uint32_t draw = 0; draw < 100; draw++) {
    explore(&w, draw);
    assert_true(w.explore.values[0].as.real == 3e-4);
    double momentum = w.explore.values[2].as.real;
    assert_true(momentum == 0.25 || momentum == 0.9999);
    changed += strcmp(w.explore.values[3].as.text, "adam") != 0;
  }
  assert_in_range(changed, 30, 70);
  end(&w);
}

static void what_was_done_stands_in_the_args(void **state) {
  (void)state;
  struct world w = begin(pybt, 64);
  struct cl_text args = {0};
  char step[40];
  uint32_t draw = 0;
  do explore(&w, draw++);
  while (w.explore.steps[1] == 0);
  cl_explore_describe(&w.explore, cl_study_space(w.study), &args);
  (void)snprintf(step, sizeof step, "\"2\": {\"noise\": %d}", (int)w.explore.steps[1]);
  assert_non_null(strstr(cl_text_get(&args), "\"1\": \"redraw\""));
  assert_non_null(strstr(cl_text_get(&args), step));
  cl_text_done(&args);
  end(&w);
}

static void refuses(const char *each, const char *sentence) {
  struct world w = begin(each, 64);
  assert_int_equal(w.status, CLADE_ESPEC);
  if (strstr(w.e.text, sentence) == NULL) fail_msg("%s", w.e.text);
  end(&w);
}

static void mistakes_are_told_with_what_there_is(void **state) {
  (void)state;
  refuses("{\"batchsize\": \"keep\"}", "no hyperparameter \"batchsize\", only learning_rate, batch_size");
  refuses("{\"opt\": {\"noise\": 2}}", "opt is a list, noise is for numbers: `opt: perturb`");
  refuses("{\"momentum\": \"wiggle\"}", "explore of method pbt must be one of both|perturb|resample|keep");
  refuses("{\"momentum\": {\"nois\": 2}}", "no option \"nois\"; did you mean noise?");
  refuses("{\"momentum\": 7}", "momentum must be keep, perturb, resample, both, or options");
  refuses("{\"momentum\": {\"noise\": -1}}", "noise");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(explore_of_pybt_can_be_said_in_the_spec),
      cmocka_unit_test(noise_stops_at_the_floor_and_has_no_ceiling),
      cmocka_unit_test(others_are_explored_as_the_rest),
      cmocka_unit_test(each_of_them_has_a_word),
      cmocka_unit_test(what_was_done_stands_in_the_args),
      cmocka_unit_test(mistakes_are_told_with_what_there_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
