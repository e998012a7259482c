/* The generic half: what methods are told and when, enqueued points, roles, options, words. */
#include "driver.h"

static const char floats[] =
    "{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"lo\": 0.001, \"hi\": 1, \"scale\": \"log\"},"
    "{\"id\": 2, \"name\": \"b\", \"domain\": \"int\", \"lo\": 1, \"hi\": 1000}";
static const char lists[] = "{\"id\": 1, \"name\": \"a\", \"domain\": \"ordered\", \"values\": [1, 2, 3, 4]},"
                            "{\"id\": 2, \"name\": \"b\", \"domain\": \"ordered\", \"values\": [1, 2, 3, 4]}";

static void a_proposal_carries_what_the_log_needs(void **state) {
  (void)state;
  struct driver d = driver_begin(floats, ", \"trials\": 10", 5);
  struct cl_event ev = {0};
  assert_int_equal(cl_searcher_next(d.searcher, &ev, NULL), 0);
  assert_int_equal(ev.kind, CL_EVENT_PROPOSED);
  assert_int_equal(ev.subject, 1);
  assert_int_equal(ev.as_of, 1);
  assert_int_equal(ev.seen, 0);
  assert_int_equal(ev.cause, CL_CAUSE_SEARCH);
  assert_string_equal(ev.args, "{\"method\": \"random\"}");
  assert_int_equal(ev.u.proposed.role, CL_ROLE_SEARCH);
  assert_int_equal(ev.u.proposed.values.n, 2);
  assert_int_equal(ev.u.proposed.values.items[1].id, 2);
  driver_end(&d);
}

static void a_method_says_beforehand_whether_it_fits_a_space(void **state) {
  (void)state;
  static const struct {
    const char *search, *space, *complaint;
  } cases[] = {{"{\"method\": \"grid\"}", floats, "a is continuous"},
               {"{\"method\": \"grid\", \"levels\": 7}", floats, NULL},
               {"{\"method\": \"grid\"}", lists, NULL},
               {"{\"method\": \"magic\"}", lists, "magic"},
               {"{\"method\": \"sobol\"}", floats, NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char json[700];
    struct cl_settings *s = NULL;
    struct cl_err e = {0};
    snprintf(
        json, sizeof json,
        "{\"study\": \"s\", \"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\"}], \"trials\": 9, "
        "\"parallel\": 1, \"search\": %s, \"hyperparameters\": [%s]}",
        cases[i].search, cases[i].space);
    if (cl_settings_parse(json, &s, &e) < 0) fail_msg("%s", e.text);
    int status = cl_search_fits(s, &e);
    assert_int_equal(status, cases[i].complaint == NULL ? 0 : CLADE_ESPEC);
    if (cases[i].complaint != NULL) assert_non_null(strstr(e.text, cases[i].complaint));
    cl_settings_destroy(s);
  }
}

static void asking_twice_gives_the_same(void **state) {
  (void)state;
  static const char *const searches[] = {"{\"method\": \"random\"}", "{\"method\": \"sobol\"}",
                                         "{\"method\": \"grid\", \"levels\": 7}"};
  for (int i = 0; i < 3; i++) {
    char more[100];
    snprintf(more, sizeof more, ", \"trials\": 10, \"search\": %s", searches[i]);
    struct driver d = driver_begin(floats, more, 5);
    struct cl_event a = {0}, b = {0};
    assert_int_equal(cl_searcher_next(d.searcher, &a, NULL), 0);
    struct cl_event *first = cl_event_copy(&a);
    assert_int_equal(cl_searcher_next(d.searcher, &b, NULL), 0);
    assert_true(cl_event_equal(first, &b));
    cl_free(first);
    driver_end(&d);
  }
}

static void enqueued_points_come_first_and_the_rest_is_drawn(void **state) {
  (void)state;
  struct driver d =
      driver_begin(floats, ", \"trials\": 10, \"enqueue\": [{\"a\": 1, \"b\": 7}, {\"b\": 33}, {}]", 5);
  struct cl_value v[2];
  assert_int_equal(driver_ask(&d, v), 0);
  assert_true(v[0].as.real == 1 && v[1].as.integer == 7);
  assert_string_equal(d.log[d.n - 1]->args, "{\"given\": [1, 2]}");
  assert_int_equal(driver_ask(&d, v), 0);
  struct cl_rng r = cl_rng_stream(5, CL_RNG_USER, 2, 1);
  assert_true(v[1].as.integer == 33);
  assert_true(v[0].as.real ==
              cl_space_decode_one(&cl_study_space(d.study)->items[0], cl_rng_uniform(&r)).as.real);
  assert_int_equal(driver_ask(&d, v), 0);
  assert_int_equal(d.log[d.n - 1]->cause, CL_CAUSE_ENQUEUE);
  assert_int_equal(d.log[d.n - 1]->u.proposed.role, CL_ROLE_ENQUEUED);
  assert_int_equal(driver_ask(&d, v), 0);
  assert_int_equal(d.log[d.n - 1]->cause, CL_CAUSE_SEARCH);
  assert_int_equal(d.log[d.n - 1]->u.proposed.role, CL_ROLE_SEARCH);
  driver_verify_all(&d);
  driver_end(&d);
}

static void an_enqueued_point_that_breaks_a_constraint_is_infeasible(void **state) {
  (void)state;
  struct driver d = driver_begin(
      floats, ", \"trials\": 10, \"constraints\": [\"a * b < 500\"], \"enqueue\": [{\"a\": 1, \"b\": 700}]",
      5);
  assert_int_equal(driver_ask(&d, NULL), 0);
  assert_true(d.log[d.n - 1]->u.proposed.infeasible);
  assert_int_equal(driver_head(&d, 1)->state, CL_INFEASIBLE);
  driver_end(&d);
}

static void repeats_train_the_tuned_values_with_new_seeds(void **state) {
  (void)state;
  const char space[] =
      "{\"id\": 1, \"name\": \"lr\", \"domain\": \"ordered\", \"values\": [0.1, 0.2], \"tuned\": 0.15},"
      "{\"id\": 2, \"name\": \"seed\", \"domain\": \"int\", \"lo\": 0, \"hi\": 65535, \"drawn\": true}";
  struct driver d = driver_begin(space, ", \"trials\": 10, \"repeats\": true", 5);
  int64_t seeds[5];
  for (int i = 0; i < 5; i++) {
    struct cl_value v[2];
    assert_int_equal(driver_ask(&d, v), 0);
    assert_true(v[0].as.real == 0.15); /* outside its list: allowed without a search */
    seeds[i] = v[1].as.integer;
    for (int k = 0; k < i; k++) assert_true(seeds[k] != seeds[i]);
    const struct cl_trial *t = cl_study_trial(d.study, i + 1);
    assert_int_equal(t->repeat, i);
    assert_int_equal(t->of, i == 0 ? 0 : 1);
  }
  driver_verify_all(&d);
  driver_end(&d);
}

/* --- what is told --- */

#define ORDERED \
  ", \"trials\": 1000, \"search\": {\"method\": \"dgd\", \"startup\": 2}, \"ordered\": true, \"lag\": 3"
#define FREE ", \"trials\": 1000, \"search\": {\"method\": \"dgd\", \"startup\": 2}"

static void ordered_mode_waits_for_the_results_it_needs(void **state) {
  (void)state;
  struct driver d = driver_begin(lists, ORDERED, 5);
  for (int i = 0; i < 3; i++) assert_int_equal(driver_ask(&d, NULL), 0); /* 1, 2, 3 need nothing */
  assert_int_equal(driver_ask(&d, NULL), CLADE_BUSY);
  driver_finish(&d, 2, 0.5);
  assert_int_equal(driver_ask(&d, NULL), CLADE_BUSY); /* 4 needs trial 1 */
  driver_finish(&d, 1, 0.5);
  assert_int_equal(driver_ask(&d, NULL), 0);
  assert_int_equal(driver_ask(&d, NULL), 0); /* 5 needs trial 2 */
  assert_int_equal(driver_ask(&d, NULL), CLADE_BUSY);
  driver_finish(&d, 3, 0.7);
  assert_int_equal(driver_ask(&d, NULL), 0);
  driver_verify_all(&d);
  driver_end(&d);
}

static const char *last_args(const struct driver *d) {
  return d->log[d->n - 1]->args;
}

static void ordered_mode_does_not_look_at_results_too_early(void **state) {
  (void)state;
  struct driver d = driver_begin(lists, ORDERED, 5);
  for (int i = 0; i < 3; i++) assert_int_equal(driver_ask(&d, NULL), 0);
  for (int64_t t = 1; t <= 3; t++) driver_finish(&d, t, (double)t);
  assert_int_equal(driver_ask(&d, NULL), 0); /* is told trial 1 only */
  assert_non_null(strstr(last_args(&d), "1 of 2 distinct"));
  driver_end(&d);
}

static void a_trial_that_will_be_tried_again_is_no_result(void **state) {
  (void)state;
  struct driver d = driver_begin(lists, FREE ", \"limits\": {\"retries\": 1}", 5);
  assert_int_equal(driver_ask(&d, NULL), 0);
  driver_fail(&d, 1);
  assert_int_equal(driver_ask(&d, NULL), 0);
  assert_non_null(strstr(last_args(&d), "0 of 2 distinct"));
  struct cl_event ev = {.kind = CL_EVENT_RETRIED, .subject = 1, .seen = driver_head(&d, 1)->version};
  ev.cause = CL_CAUSE_RESUME;
  ev.u.retried.count = 1;
  driver_apply(&d, ev);
  driver_fail(&d, 1); /* no retry is left */
  assert_int_equal(driver_ask(&d, NULL), 0);
  assert_non_null(strstr(last_args(&d), "1 of 2 distinct"));
  driver_start(&d, 2);
  ev = (struct cl_event){
      .kind = CL_EVENT_LOST, .subject = 2, .attempt = 1, .seen = driver_head(&d, 2)->version};
  ev.cause = CL_CAUSE_RESUME;
  driver_apply(&d, ev);
  assert_int_equal(driver_ask(&d, NULL), 0);
  assert_non_null(strstr(last_args(&d), "1 of 2 distinct")); /* lost: it comes back */
  driver_verify_all(&d);
  driver_end(&d);
}

static void only_searched_enqueued_and_foreign_trials_are_told(void **state) {
  (void)state;
  struct driver d = driver_begin(lists, FREE, 5);
  static const enum cl_role roles[] = {CL_ROLE_CONFIRM, CL_ROLE_ASSESS, CL_ROLE_FORKED, CL_ROLE_REPLAY};
  struct cl_assigned values[2] = {{1, cl_value_int(2)}, {2, cl_value_int(3)}};
  for (int i = 0; i < 4; i++) {
    struct cl_event ev = {.kind = CL_EVENT_PROPOSED, .subject = i + 1, .cause = CL_CAUSE_HUMAN};
    ev.u.proposed.role = roles[i];
    ev.u.proposed.space_version = 1;
    ev.u.proposed.values = (struct cl_assigned_list){2, values};
    driver_apply(&d, ev);
    driver_finish(&d, i + 1, 0.5);
  }
  assert_int_equal(driver_ask(&d, NULL), 0);
  assert_non_null(strstr(last_args(&d), "0 of 2 distinct"));
  double score = 0.9;
  struct cl_event ev = {.kind = CL_EVENT_IMPORTED, .subject = 6};
  ev.u.imported.origin = "u2";
  ev.u.imported.values = (struct cl_assigned_list){2, values};
  ev.u.imported.state = CL_COMPLETE;
  ev.u.imported.objectives = (struct cl_number_list){1, &score};
  driver_apply(&d, ev);
  assert_int_equal(driver_ask(&d, NULL), 0);
  assert_non_null(strstr(last_args(&d), "1 of 2 distinct"));
  driver_verify_all(&d);
  driver_end(&d);
}

static void foreign_trials_reach_ordered_mode_only_before_the_search(void **state) {
  (void)state;
  struct driver d = driver_begin(lists,
                                 ", \"trials\": 1000, \"search\": {\"method\": \"dgd\", \"startup\": 3}, "
                                 "\"ordered\": true, \"lag\": 3",
                                 5);
  struct cl_assigned values[2] = {{1, cl_value_int(2)}, {2, cl_value_int(3)}};
  double score = 0.9;
  for (int64_t number = 1; number <= 3; number += 2) { /* trial 1 before, trial 3 after the first search */
    struct cl_event ev = {.kind = CL_EVENT_IMPORTED, .subject = number};
    values[0].value = cl_value_int(number);
    ev.u.imported.origin = "u2";
    ev.u.imported.values = (struct cl_assigned_list){2, values};
    ev.u.imported.state = CL_COMPLETE;
    ev.u.imported.objectives = (struct cl_number_list){1, &score};
    driver_apply(&d, ev);
    assert_int_equal(driver_ask(&d, NULL), 0);
    assert_non_null(strstr(last_args(&d), "1 of 3 distinct"));
  }
  driver_verify_all(&d);
  driver_end(&d);
}

/* A person's edit of a running trial: what was told before is told anew with the new values. */
static void changed_values_are_told_again(void **state) {
  (void)state;
  struct driver d =
      driver_begin(lists, ", \"trials\": 1000, \"search\": {\"method\": \"dgd\", \"startup\": 1}", 5);
  for (int i = 0; i < 3; i++) assert_int_equal(driver_ask(&d, NULL), 0);
  driver_start(&d, 1);
  struct cl_assigned values[2] = {{1, cl_value_int(2)}, {2, cl_value_int(3)}};
  struct cl_event ev = {.kind = CL_EVENT_SET, .subject = 1, .seen = driver_head(&d, 1)->version};
  ev.cause = CL_CAUSE_HUMAN;
  ev.u.set.values = (struct cl_assigned_list){2, values};
  ev.u.set.until = CL_NO_STEP;
  driver_apply(&d, ev);
  driver_finish(&d, 1, 0.9);
  for (int i = 0; i < 30; i++) {
    assert_int_equal(driver_ask(&d, NULL), 0);
    driver_finish(&d, driver_trials(&d), 0.1 * (i % 7));
  }
  driver_verify_all(&d);
  driver_end(&d);
}

static void a_new_space_is_noticed(void **state) {
  (void)state;
  struct driver d =
      driver_begin(lists, ", \"trials\": 1000, \"search\": {\"method\": \"dgd\", \"startup\": 1}", 5);
  for (int i = 0; i < 20; i++) {
    assert_int_equal(driver_ask(&d, NULL), 0);
    driver_finish(&d, driver_trials(&d), 0.1 * (i % 7));
  }
  struct cl_event ev = {.kind = CL_EVENT_UPDATED, .seen = 1, .cause = CL_CAUSE_HUMAN};
  ev.u.updated.settings =
      "{\"hyperparameters\": [{\"id\": 1, \"name\": \"a\", \"domain\": \"ordered\", \"values\": [2, 3]},"
      "{\"id\": 3, \"name\": \"c\", \"domain\": \"ordered\", \"values\": [\"x\", \"y\", \"z\"]}]}";
  ev.u.updated.space_version = 2;
  driver_apply(&d, ev);
  for (int i = 0; i < 20; i++) {
    struct cl_value v[2];
    assert_int_equal(driver_ask(&d, v), 0);
    assert_int_equal(cl_space_check(cl_study_space(d.study), v, NULL), 0);
    assert_int_equal(d.log[d.n - 1]->u.proposed.space_version, 2);
    driver_finish(&d, driver_trials(&d), 0.1 * (i % 7));
  }
  driver_verify_all(&d);
  driver_end(&d);
}

static void another_hyperparameter_leaves_random_search_alone(void **state) {
  (void)state;
  char more[300];
  snprintf(more, sizeof more, "{\"id\": 9, \"name\": \"z\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1},%s",
           floats);
  struct driver narrow = driver_begin(floats, ", \"trials\": 100", 5),
                wide = driver_begin(more, ", \"trials\": 100", 5);
  for (int i = 0; i < 50; i++) {
    struct cl_value v[2], w[3];
    assert_int_equal(driver_ask(&narrow, v), 0);
    assert_int_equal(driver_ask(&wide, w), 0);
    assert_true(cl_value_equal(v[0], w[1]) && cl_value_equal(v[1], w[2]));
  }
  driver_end(&narrow);
  driver_end(&wide);
}

/* --- options and words --- */

static void wrong_options_are_named(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"{\"method\": \"bayesian\"}",
       "search: this clade has no method \"bayesian\"; it has random, grid, sobol, dgd, tuned"},
      {"{\"method\": \"random\", \"seed\": 1}", "search: method random has no option \"seed\"; it has none"},
      {"{\"method\": \"dgd\", \"varient\": \"xt\"}",
       "search: method dgd has no option \"varient\"; did you mean variant?"},
      {"{\"method\": \"dgd\", \"quantile\": 1}",
       "search: method dgd has no option \"quantile\"; its options are variant, startup"},
      {"{\"method\": \"dgd\", \"variant\": \"old\"}",
       "search: variant of method dgd must be one of standard|xt"},
      {"{\"method\": \"dgd\", \"variant\": \"\"}",
       "search: variant of method dgd must be one of standard|xt"},
      {"{\"method\": \"dgd\", \"variant\": \"x\"}",
       "search: variant of method dgd must be one of standard|xt"},
      {"{\"method\": \"dgd\", \"startup\": 2.5}",
       "search: startup of method dgd must be a whole number in 0…1000000"},
      {"{\"method\": \"grid\", \"levels\": 1}",
       "search: levels of method grid must be a whole number in 2…10000"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char more[200];
    struct cl_err e = {0};
    snprintf(more, sizeof more, ", \"search\": %s", cases[i][0]);
    struct cl_settings *s = settings_of(floats, more);
    assert_int_equal(cl_search_check(s, &e), CLADE_ESPEC);
    assert_string_equal(e.text, cases[i][1]);
    cl_settings_destroy(s);
  }
  struct cl_settings *s =
      settings_of(floats, ", \"search\": {\"method\": \"dgd\", \"variant\": \"xt\", \"startup\": 3}");
  assert_int_equal(cl_search_check(s, NULL), 0);
  cl_settings_destroy(s);
  s = settings_of(floats, "");
  assert_int_equal(cl_search_check(s, NULL), 0); /* no search: random */
  cl_settings_destroy(s);
}

static void every_method_is_complete(void **state) {
  (void)state;
  for (int i = 0; cl_searchers()[i] != NULL; i++) {
    const struct cl_searcher_ops *ops = cl_searchers()[i];
    assert_int_equal(ops->abi, sizeof *ops);
    assert_true(ops->name[0] != '\0' && ops->summary[0] != '\0' && ops->source[0] != '\0');
    assert_true(ops->init != NULL && ops->ask != NULL && ops->state_size > 0);
    assert_ptr_equal(cl_searcher_find(ops->name), ops);
    for (const struct cl_option *o = ops->options; o->name != NULL; o++)
      assert_true(o->help[0] != '\0' && o->standard[0] != '\0');
  }
  assert_null(cl_searcher_find("bayesian"));
}

static void explain_last(const struct driver *d, const char *expected) {
  struct cl_text t = {0};
  assert_int_equal(cl_searcher_explain(d->log[d->n - 1], d->study, &t, NULL), 0);
  assert_string_equal(cl_text_get(&t), expected);
  cl_text_done(&t);
}

static void proposals_explain_themselves(void **state) {
  (void)state;
  struct driver d =
      driver_begin(lists,
                   ", \"trials\": 1000, \"search\": {\"method\": \"dgd\", \"startup\": 1}, \"enqueue\": "
                   "[{\"a\": 1, \"b\": 2}]",
                   5);
  assert_int_equal(driver_ask(&d, NULL), 0);
  explain_last(&d, "enqueued: given a, b; the rest drawn\n");
  assert_int_equal(driver_ask(&d, NULL), 0);
  explain_last(&d, "dgd: drawn at random to start with: 0 of 1 distinct configurations are finished\n");
  driver_finish(&d, 1, 0.5);
  driver_finish(&d, 2, 0.25);
  assert_int_equal(driver_ask(&d, NULL), 0);
  static const char *const rest[] = {"the centre again", "a = 2", "b = 1", "b = 3"};
  int chosen = strstr(last_args(&d), "\"chosen\": ")[10] - '0';
  struct cl_text t = {0};
  cl_text_add(&t, "dgd: centre is the configuration of trial 1 (a = 1, b = 2), estimate 0.4375, 1 trial\n");
  for (int i = 0; i < 4; i++)
    cl_text_format(&t, "   %s %%  weight %d  %s%s\n", i == 0 ? "14.3" : "28.6", i == 0 ? 1 : 2, rest[i],
                   i == chosen ? "  <- chosen" : "");
  explain_last(&d, cl_text_get(&t));
  assert_non_null(strstr(last_args(&d), ", \"at\": {\"1\": 1, \"2\": 2}}"));
  cl_text_done(&t);
  driver_end(&d);
  d = driver_begin(floats, ", \"trials\": 10, \"search\": {\"method\": \"sobol\"}", 5);
  assert_int_equal(driver_ask(&d, NULL), 0);
  explain_last(&d, "sobol: point 0 of the sequence\n");
  driver_end(&d);
  d = driver_begin(lists, ", \"trials\": 10, \"search\": {\"method\": \"grid\", \"order\": \"listed\"}", 5);
  assert_int_equal(driver_ask(&d, NULL), 0);
  explain_last(&d, "grid: point 1 of 16 in its order\n");
  driver_end(&d);
}

static void a_tampered_proposal_is_found(void **state) {
  (void)state;
  struct driver d = driver_begin(floats, ", \"trials\": 10", 5);
  struct cl_event ev = {0};
  struct cl_text t = {0};
  bool same = true;
  assert_int_equal(cl_searcher_next(d.searcher, &ev, NULL), 0);
  struct cl_assigned values[2] = {{1, ev.u.proposed.values.items[0].value}, {2, cl_value_int(7)}};
  int64_t b = ev.u.proposed.values.items[1].value.as.integer;
  struct cl_event other = ev;
  other.u.proposed.values.items = values;
  assert_int_equal(cl_searcher_verify(d.study, &other, &same, &t, NULL), 0);
  assert_false(same);
  char expected[60];
  snprintf(expected, sizeof expected, "b: recorded 7, recomputed %d\n", (int)b);
  assert_string_equal(cl_text_get(&t), expected);
  assert_int_equal(cl_searcher_verify(d.study, &ev, &same, &t, NULL), 0);
  assert_true(same);
  other = ev;
  other.cause = CL_CAUSE_HUMAN;
  assert_int_equal(cl_searcher_verify(d.study, &other, &same, &t, NULL), CLADE_EUNSUPPORTED);
  cl_text_done(&t);
  driver_end(&d);
}

static void every_difference_gets_its_line(void **state) {
  (void)state;
  struct driver d = driver_begin(floats, ", \"trials\": 10", 5);
  struct cl_event ev = {0};
  struct cl_text t = {0};
  bool same = true;
  assert_int_equal(cl_searcher_next(d.searcher, &ev, NULL), 0);
  struct cl_assigned values[2] = {{1, ev.u.proposed.values.items[0].value}, {7, cl_value_int(7)}};
  struct cl_event other = ev;
  other.subject = 3;
  other.cause = CL_CAUSE_STARTUP;
  other.args = "{\"method\": \"random\", \"redraws\": 2}";
  other.u.proposed.values.items = values;
  other.u.proposed.infeasible = true;
  assert_int_equal(cl_searcher_verify(d.study, &other, &same, &t, NULL), 0);
  assert_false(same);
  const char *text = cl_text_get(&t);
  assert_non_null(strstr(text, "trial: recorded 3, recomputed 1\n"));
  assert_non_null(strstr(text, "proposal: recorded startup, infeasible, recomputed search\n"));
  assert_non_null(strstr(text, "hyperparameter 7: recorded 7, recomputed null\n"));
  assert_non_null(strstr(text, "b: recorded null, recomputed "));
  assert_non_null(strstr(text, "cause: recorded {\"method\": \"random\", \"redraws\": 2}, recomputed {"));
  cl_text_clear(&t);
  assert_int_equal(cl_searcher_explain(&other, d.study, &t, NULL), 0);
  assert_non_null(strstr(cl_text_get(&t), "3 draws broke a constraint, and none was legal\n"));
  other.args = "[]";
  assert_int_equal(cl_searcher_explain(&other, d.study, &t, NULL), CLADE_ECORRUPT);
  other.args = "{\"method\": \"bayesian\"}";
  cl_text_clear(&t);
  assert_int_equal(cl_searcher_explain(&other, NULL, &t, NULL), 0);
  assert_non_null(strstr(cl_text_get(&t), "bayesian: a method that this clade does not know\n"));
  cl_text_done(&t);
  driver_end(&d);
}

static void a_proposal_that_came_too_early_is_found(void **state) {
  (void)state;
  struct driver d = driver_begin(lists, ORDERED, 5);
  for (int i = 0; i < 3; i++) assert_int_equal(driver_ask(&d, NULL), 0);
  struct cl_event ev = *d.log[d.n - 1];
  struct cl_text t = {0};
  bool same = true;
  ev.subject = 4;
  assert_int_equal(cl_searcher_verify(d.study, &ev, &same, &t, NULL), 0);
  assert_false(same);
  assert_string_equal(cl_text_get(&t), "recomputed: it would have waited for a result\n");
  cl_text_done(&t);
  driver_end(&d);
}

static void repeats_need_tuned_values_that_fit(void **state) {
  (void)state;
  static const char *const cases[][3] = {
      {"", "", "lr has no tuned_value, and trials without a search use tuned values: give it one"},
      {", \"tuned\": 0.75", ", \"constraints\": [\"lr < 0.5\"]",
       "the tuned values break the constraint \"lr < 0.5\": change one of the two"}};
  for (int i = 0; i < 2; i++) {
    struct cl_text t = {0};
    struct cl_study *study = NULL;
    struct cl_searcher *searcher = NULL;
    struct cl_err e = {0};
    cl_text_format(
        &t,
        "{\"study\": \"s\", \"objectives\": [{\"name\": \"y\", \"goal\": \"maximize\"}], \"trials\": 10, "
        "\"repeats\": true, \"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", "
        "\"lo\": 0, \"hi\": 1%s}]%s}",
        cases[i][0], cases[i][1]);
    struct cl_event ev = {.position = 1, .kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
    ev.u.created.name = ev.u.created.uuid = ev.u.created.directory = "s";
    ev.u.created.settings = cl_text_get(&t);
    assert_int_equal(cl_study_create(&study, NULL), 0);
    assert_int_equal(cl_study_apply(study, &ev, NULL), 0);
    assert_int_equal(cl_searcher_create(study, &searcher, &e), CLADE_ESPEC);
    assert_string_equal(e.text, cases[i][2]);
    cl_study_destroy(study);
    cl_text_done(&t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_proposal_carries_what_the_log_needs),
      cmocka_unit_test(a_method_says_beforehand_whether_it_fits_a_space),
      cmocka_unit_test(asking_twice_gives_the_same),
      cmocka_unit_test(enqueued_points_come_first_and_the_rest_is_drawn),
      cmocka_unit_test(an_enqueued_point_that_breaks_a_constraint_is_infeasible),
      cmocka_unit_test(repeats_train_the_tuned_values_with_new_seeds),
      cmocka_unit_test(ordered_mode_waits_for_the_results_it_needs),
      cmocka_unit_test(ordered_mode_does_not_look_at_results_too_early),
      cmocka_unit_test(a_trial_that_will_be_tried_again_is_no_result),
      cmocka_unit_test(only_searched_enqueued_and_foreign_trials_are_told),
      cmocka_unit_test(foreign_trials_reach_ordered_mode_only_before_the_search),
      cmocka_unit_test(changed_values_are_told_again),
      cmocka_unit_test(a_new_space_is_noticed),
      cmocka_unit_test(another_hyperparameter_leaves_random_search_alone),
      cmocka_unit_test(wrong_options_are_named),
      cmocka_unit_test(every_method_is_complete),
      cmocka_unit_test(proposals_explain_themselves),
      cmocka_unit_test(a_tampered_proposal_is_found),
      cmocka_unit_test(every_difference_gets_its_line),
      cmocka_unit_test(a_proposal_that_came_too_early_is_found),
      cmocka_unit_test(repeats_need_tuned_values_that_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
