/* Searchers of one's own: the example finds a minimum, proposals can be recomputed, and a plugin that answers
 * what it must not is refused with a sentence. PLUGINS, EXAMPLES: where the shared objects are. */
#include "api/study_kit.h"

#include <math.h>

#include "clade/query.h"

/* The example stands elsewhere. */
static const char *directory_of(const char *method) {
  const char *path = getenv(strncmp(method, "libhillclimb", 12) == 0 ? "EXAMPLES" : "PLUGINS");
  return path == NULL ? "." : path;
}

static struct clade_study_options options_of(const char *store, const char *method, char *spec, size_t size) {
  (void)snprintf(spec, size,
                 "hyperparameters:\n"
                 "  - name: x\n    range: [1.0e-3, 1.0]\n    scale: log\n"
                 "  - name: opt\n    values: [adam, sgd]\n"
                 "  - name: seed\n    values: [3]\n"
                 "search: {method: %s/%s}\ntrials: 60\n",
                 directory_of(method), method);
  return (struct clade_study_options){.store = store, .spec = spec, .name = "s", .minimize = "loss"};
}

static int create(const char *method, struct clade_study **ret, struct cl_err *e) {
  char spec[1000];
  struct clade_study_options o = options_of("memory:", method, spec, sizeof spec);
  *ret = NULL;
  return clade_study_create(&o, ret, e);
}

static int ask(const char *method, struct cl_err *e) {
  struct clade_study *study = NULL;
  struct clade_trial *trial = NULL;
  int status = create(method, &study, e);
  if (status == 0) status = clade_study_ask(study, &trial, e);
  if (status == 0) status = clade_trial_tell(trial, 0.5, e);
  if (status == 0) status = clade_study_ask(study, &trial, e);
  if (status == 0) assert_int_equal(clade_trial_number(trial), 2);
  clade_study_close(study);
  return status;
}

/* Six hyperparameters, the lowest point off the middle: the mean of the best of five seeds. */
static double best_of(const char *method) {
  static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
  double sum = 0;
  for (int seed = 1; seed <= 5; seed++) {
    struct clade_space *space = clade_space_create();
    for (int i = 0; i < 6; i++) clade_space_add_float(space, names[i], 0.001, 1, "log");
    struct clade_study_options o = {.store = "memory:",
                                    .name = "s",
                                    .space = space,
                                    .minimize = "loss",
                                    .trials = 100,
                                    .method = method,
                                    .has_seed = true,
                                    .seed = seed};
    struct clade_study *study = NULL;
    struct clade_trial *trial = NULL;
    struct clade_study_best best;
    assert_int_equal(clade_study_create(&o, &study, NULL), 0);
    clade_space_destroy(space);
    while (clade_study_ask(study, &trial, NULL) == 0) {
      double loss = 0;
      for (int i = 0; i < 6; i++) loss += pow(log10(clade_trial_float(trial, names[i]) / 0.00385), 2);
      assert_int_equal(clade_trial_tell(trial, loss, NULL), 0);
    }
    assert_int_equal(clade_study_best(study, &best, NULL), 0);
    sum += best.value;
    clade_study_close(study);
  }
  return sum / 5;
}

static void the_example_searches_better_than_chance(void **state) {
  (void)state;
  char path[500];
  (void)snprintf(path, sizeof path, "%s/libhillclimb.so", directory_of("libhillclimb.so"));
  double climbed = best_of(path), drawn = best_of("random");
  if (climbed > 0.5 * drawn) fail_msg("%g is not half of %g", climbed, drawn);
}

static void a_proposal_explains_itself_and_can_be_recomputed(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  char spec[1000];
  kit_make(&place);
  struct clade_study_options o = options_of(place.store, "libhillclimb.so", spec, sizeof spec);
  struct clade_study *study = kit_create(&o);
  for (int i = 0; i < 12; i++)
    assert_int_equal(clade_trial_tell(kit_ask(study), 0.125 * ((i * 7) % 5), &e), 0);
  clade_study_close(study);
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct clade_reason *reason = NULL;
  assert_int_equal(clade_store_open(place.store, &store, &e), 0);
  assert_int_equal(clade_reader_open(store, "s", &reader, &e), 0);
  assert_int_equal(clade_reason_read(reader, 12, true, &reason, &e), 0);
  assert_true(reason->verified);
  assert_non_null(strstr(reason->args, "\"from\": 1"));
  assert_non_null(strstr(reason->explanation, "libhillclimb.so: from 1, sd 0."));
  clade_reason_free(reason);
  clade_reader_close(reader);
  clade_store_close(store);
  kit_remove(&place);
}

static void what_a_plugin_leaves_out_is_drawn_and_its_own_values_are_taken(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct clade_study *study = NULL;
  assert_int_equal(create("libbroken.so, wrong: own", &study, &e), 0);
  struct clade_trial *trial = kit_ask(study);
  assert_string_equal(clade_trial_text(trial, "opt"), "sgd");
  assert_true(clade_trial_float(trial, "x") == 0.5005);
  assert_int_equal(clade_trial_int(trial, "seed"), 3);
  clade_study_close(study);
  assert_int_equal(ask("libbroken.so", &e), 0);
  assert_int_equal(ask("libbroken.so, wrong: index", &e), 0);
  assert_int_equal(ask("libbroken.so, wrong: note", &e), 0);
  assert_int_equal(ask("libbroken.so, wrong: no text", &e), 0); /* as if it had left it out */
}

static void a_plugin_that_does_wrong_is_refused_with_a_sentence(void **state) {
  (void)state;
  static const struct {
    const char *method;
    int status;
    const char *sentence;
  } all[] = {
      {"libbroken.so, wrong: value", CLADE_EINVAL, "not allowed: x is 9"},
      {"libbroken.so, wrong: text", CLADE_EINVAL, "rmsprop"},
      {"libbroken.so, wrong: unit", CLADE_EINVAL, "the coordinate 1.5 for x of trial 1"},
      {"libbroken.so, wrong: empty", CLADE_EMPTY, ""},
      {"libbroken.so, wrong: silent", CLADE_EIO, "failed to propose"},
      {"libbroken.so, wrong: news", CLADE_EINVAL, "failed to propose"},
      {"libbroken.so, wrong: init", CLADE_ESPEC, "failed to begin: no such space"},
      {"libbroken.so, wrong: apply", CLADE_EINVAL, "trial 1 upset me"},
      {"libnewer.so", CLADE_ESPEC, "version 2"},
      {"libempty.so", CLADE_ESPEC, "does not export clade_plugin_entry"},
      {"libnothing.so", CLADE_ESPEC, "cannot be loaded"},
      {"libhillclimb.so, step: 7", CLADE_ESPEC, "step is 7"},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct cl_err e = {0};
    int status = ask(all[i].method, &e);
    if (status != all[i].status || strstr(e.text, all[i].sentence) == NULL)
      fail_msg("%s: %d, %s", all[i].method, status, e.text);
  }
}

static void a_plugin_is_told_of_the_history(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  char spec[1000];
  kit_make(&place);
  struct clade_study_options o = options_of(place.store, "libhillclimb.so, startup: 1", spec, sizeof spec);
  o.spec = KIT_SPEC "trials: 1\n";
  o.name = "before";
  struct clade_study *study = kit_create(&o);
  struct clade_given given[] = {{"lr", "0.0385"}};
  (void)given;
  assert_int_equal(clade_trial_tell(kit_ask(study), 0.25, &e), 0);
  clade_study_close(study);
  (void)snprintf(spec, sizeof spec,
                 "hyperparameters: {layers: [1, 2, 3, 4, 5], opt: [adam, sgd, true]}\n"
                 "search: {method: %s/libhillclimb.so, startup: 1, step: 0.0001}\ntrials: 3\n",
                 directory_of("libhillclimb.so"));
  o.spec = spec;
  o.name = "after";
  o.history = "before";
  study = kit_create(&o);
  struct clade_trial_state first;
  assert_int_equal(clade_study_trial(study, 1, &first, &e), 0);
  assert_string_equal(first.role, "foreign");
  int64_t layers = first.values[0].value.as.integer;
  assert_int_equal(clade_trial_int(kit_ask(study), "layers"), layers); /* a tiny step from it */
  clade_study_close(study);
  kit_remove(&place);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_example_searches_better_than_chance),
      cmocka_unit_test(a_proposal_explains_itself_and_can_be_recomputed),
      cmocka_unit_test(what_a_plugin_leaves_out_is_drawn_and_its_own_values_are_taken),
      cmocka_unit_test(a_plugin_that_does_wrong_is_refused_with_a_sentence),
      cmocka_unit_test(a_plugin_is_told_of_the_history),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
