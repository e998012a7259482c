/* Studies that go on where others ended: every result once, matched by name, and never the best. */
#include "api/study_kit.h"

#include <math.h>
#include <sys/wait.h>

#include "run/history.h"

static int64_t count_foreign(struct clade_study *study) {
  int64_t n = 0;
  for (int64_t i = 1; i <= clade_study_trials(study); i++) {
    struct clade_trial_state t;
    assert_int_equal(clade_study_trial(study, i, &t, NULL), 0);
    n += strcmp(t.role, "foreign") == 0;
  }
  return n;
}

/* A study `name` of which n trials are told their layers as value. */
static struct clade_study *tell_study(const char *store, const char *name, const char *history, int n) {
  struct clade_study *study =
      kit_create(&(struct clade_study_options){.store = store, .name = name, .history = history});
  for (int i = 0; i < n; i++) {
    struct clade_trial *trial = kit_ask(study);
    assert_int_equal(clade_trial_tell(trial, (double)clade_trial_int(trial, "layers"), NULL), 0);
  }
  return study;
}

static void results_are_copied_with_their_values_and_states(void **state) {
  (void)state;
  struct kit_place place;
  struct clade_trial_state a, b;
  struct clade_study_best best;
  kit_make(&place);
  struct clade_study *before = tell_study(place.store, "before", NULL, 5);
  kit_end(kit_ask(before), CLADE_TOLD_FAILED);
  kit_end(kit_ask(before), CLADE_TOLD_PRUNED);
  (void)kit_ask(before); /* runs: no result */
  struct clade_study *after = tell_study(place.store, "after", "before", 0);
  assert_int_equal(clade_study_trials(after), 7);
  for (int64_t i = 1; i <= 7; i++) {
    assert_int_equal(clade_study_trial(before, i, &a, NULL), 0);
    assert_int_equal(clade_study_trial(after, i, &b, NULL), 0);
    assert_string_equal(a.state, b.state);
    assert_string_equal(b.role, "foreign");
    assert_true(a.value == b.value || (isnan(a.value) && isnan(b.value)));
    assert_int_equal(a.n_values, b.n_values);
    assert_true(a.values[0].value.as.real == b.values[0].value.as.real);
  }
  assert_int_equal(clade_study_best(after, &best, NULL), CLADE_EMPTY);
  struct clade_trial *trial = kit_ask(after);
  assert_int_equal(clade_trial_number(trial), 8);
  clade_study_close(before);
  clade_study_close(after);
  kit_remove(&place);
}

static void names_of_histories_are_texts(void **state) {
  (void)state;
  static const char *const wrong[] = {"[17]", "[null]", "\"before\"", "{}"};
  struct kit_place place;
  struct cl_store *store = NULL;
  kit_make(&place);
  assert_int_equal(
      cl_store_open(place.store, &(struct cl_store_options){.mode = CL_STORE_CREATE}, &store, NULL), 0);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char json[200];
    struct cl_settings *settings = NULL;
    (void)snprintf(
        json, sizeof json,
        "{\"study\": \"s\", \"trials\": 17, \"history\": %s, \"objectives\": [{\"name\": \"loss\", "
        "\"goal\": \"minimize\"}]}",
        wrong[i]);
    assert_int_equal(cl_settings_parse(json, &settings, NULL), 0);
    kit_expect(cl_history_check(store, settings, &e), CLADE_ESPEC);
    cl_settings_destroy(settings);
  }
  cl_store_close(store);
  kit_remove(&place);
}

static void a_chain_of_studies_copies_nothing_twice(void **state) {
  (void)state;
  struct kit_place place;
  kit_make(&place);
  clade_study_close(tell_study(place.store, "a", NULL, 4));
  struct clade_study *b = tell_study(place.store, "b", "a", 3);
  struct clade_study *c = tell_study(place.store, "c", "b,a", 0);
  assert_int_equal(count_foreign(b), 4);
  assert_int_equal(count_foreign(c), 7);
  struct clade_study_options again = {.store = place.store,
                                      .spec = KIT_SPEC,
                                      .name = "c",
                                      .minimize = "loss",
                                      .history = "a,b",
                                      .reuse = true};
  struct clade_study *same = NULL;
  assert_int_equal(clade_study_create(&again, &same, NULL), 0);
  assert_int_equal(count_foreign(same), 7);
  clade_study_close(same);
  clade_study_close(c);
  clade_study_close(b);
  kit_remove(&place);
}

struct notes {
  char text[500];
};

static void keep_note(void *ctx, const char *sentence) {
  struct notes *n = ctx;
  (void)snprintf(n->text, sizeof n->text, "%s", sentence);
}

static void other_spaces_are_matched_by_name_and_what_does_not_fit_is_counted(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  struct notes notes = {""};
  struct clade_study *after = NULL;
  kit_make(&place);
  struct clade_study *before = kit_create(&(struct clade_study_options){
      .store = place.store,
      .name = "before",
      .spec = "hyperparameters: {n: [1, 2, 3, 4], gone: [x, y]}\nsearch: {method: grid}\n"});
  for (int i = 0; i < 8; i++) {
    struct clade_trial *trial = kit_ask(before);
    assert_int_equal(clade_trial_tell(trial, (double)clade_trial_int(trial, "n"), &e), 0);
  }
  struct clade_study_options o = {.store = place.store,
                                  .name = "after",
                                  .spec = "hyperparameters: {n: {range: [2.0, 3.5]}, fresh: [1, 2]}\n",
                                  .maximize = "loss",
                                  .history = "before",
                                  .note = keep_note,
                                  .ctx = &notes};
  assert_int_equal(clade_study_create(&o, &after, &e), 0);
  assert_string_equal(notes.text,
                      "history: 4 results of 'before' copied, 4 left out (a value that this study could not "
                      "choose); not searched here: gone; not searched there: fresh");
  assert_int_equal(clade_study_trials(after), 4);
  struct clade_trial_state t;
  assert_int_equal(clade_study_trial(after, 1, &t, &e), 0);
  assert_int_equal(t.n_values, 1);
  assert_int_equal(t.values[0].value.kind, CLADE_REAL); /* of a range now, no more of a list */
  assert_true(t.value == t.values[0].value.as.real);
  clade_study_close(after);
  clade_study_close(before);
  kit_remove(&place);
}

static void a_history_that_is_not_there_or_does_not_fit_creates_nothing(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  struct clade_study *study = NULL;
  kit_make(&place);
  clade_study_close(tell_study(place.store, "before", NULL, 1));
  struct clade_study_options o = {
      .store = place.store, .spec = KIT_SPEC, .name = "after", .minimize = "loss", .history = "befor"};
  assert_int_equal(clade_study_create(&o, &study, &e), CLADE_ENOTFOUND);
  assert_non_null(strstr(e.text, "before"));
  o.history = "before";
  o.minimize = "cost";
  assert_int_equal(clade_study_create(&o, &study, &e), CLADE_ESPEC);
  assert_int_equal(clade_study_open(place.store, "after", &study, &e), CLADE_ENOTFOUND);
  kit_remove(&place);
}

/* Three processes create the same study at once: each sees all of the history before it asks. */
static void processes_that_begin_together_copy_each_result_once(void **state) {
  (void)state;
  struct kit_place place;
  pid_t pids[3];
  kit_make(&place);
  clade_study_close(tell_study(place.store, "before", NULL, 300));
  struct clade_study_options o = {.store = place.store,
                                  .spec = KIT_SPEC,
                                  .name = "after",
                                  .minimize = "loss",
                                  .trials = 30,
                                  .history = "before",
                                  .reuse = true};
  for (int i = 0; i < 3; i++) {
    if ((pids[i] = fork()) != 0) continue;
    struct cl_err e = {0};
    struct clade_study *study = NULL;
    struct clade_trial *trial = NULL;
    int status = clade_study_create(&o, &study, &e);
    bool all = status == 0 && count_foreign(study) == 300;
    while (status == 0 && (status = clade_study_ask(study, &trial, &e)) == 0)
      status = clade_trial_tell(trial, 0.5, &e);
    if (status < 0 || !all) (void)fprintf(stderr, "%d %s\n", all, e.text);
    clade_study_close(study);
    _exit(status == CLADE_EMPTY && all ? 0 : 1);
  }
  for (int i = 0; i < 3; i++) {
    int status = 0;
    assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  struct clade_study *study = NULL;
  assert_int_equal(clade_study_open(place.store, "after", &study, NULL), 0);
  assert_int_equal(count_foreign(study), 300);
  assert_int_equal(clade_study_trials(study), 330);
  clade_study_close(study);
  kit_remove(&place);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(results_are_copied_with_their_values_and_states),
      cmocka_unit_test(a_chain_of_studies_copies_nothing_twice),
      cmocka_unit_test(names_of_histories_are_texts),
      cmocka_unit_test(other_spaces_are_matched_by_name_and_what_does_not_fit_is_counted),
      cmocka_unit_test(a_history_that_is_not_there_or_does_not_fit_creates_nothing),
      cmocka_unit_test(processes_that_begin_together_copy_each_result_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
