/* Ask and tell, in memory and in a file: what every function says and does. */
#include "api/study_kit.h"

#include <math.h>

#include "clade/command.h"
#include "clade/query.h"

/* --- asking and telling --- */

static void asks_until_the_budget_is_used_up(const char *store) {
  struct cl_err e = {0};
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = store, .trials = 7});
  double best = INFINITY;
  for (int i = 1; i <= 7; i++) {
    struct clade_trial *trial = kit_ask(study);
    assert_int_equal(clade_trial_number(trial), i);
    assert_int_equal(clade_trial_attempt(trial), 1);
    assert_in_range(clade_trial_seed(trial), 0, INT32_MAX);
    double lr = clade_trial_float(trial, "lr");
    assert_true(lr >= 1e-4 && lr <= 1);
    assert_in_range(clade_trial_int(trial, "layers"), 1, 5);
    if (lr < best) best = lr;
    assert_int_equal(clade_trial_tell(trial, lr, &e), 0);
  }
  struct clade_trial *none = NULL;
  struct clade_study_best found;
  assert_int_equal(clade_study_ask(study, &none, &e), CLADE_EMPTY);
  assert_null(none);
  assert_int_equal(clade_study_best(study, &found, &e), 0);
  assert_true(found.value == best);
  assert_string_equal(found.values[0].name, "lr");
  assert_true(found.values[0].value.as.real == best);
  clade_study_close(study);
}

static void a_study_in_memory_gives_exactly_its_trials(void **state) {
  (void)state;
  asks_until_the_budget_is_used_up("memory:");
}

static void a_study_in_a_file_gives_exactly_its_trials_and_is_finished_then(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct clade_study_info *info = NULL;
  kit_make(&place);
  asks_until_the_budget_is_used_up(place.store);
  assert_int_equal(clade_store_open(place.store, &store, &e), 0);
  assert_int_equal(clade_reader_open(store, "s", &reader, &e), 0);
  assert_int_equal(clade_study_read(reader, &info, &e), 0);
  assert_string_equal(info->state, "finished");
  assert_string_equal(info->reason, "budget");
  assert_int_equal(info->complete, 7);
  assert_int_equal(clade_study_check(reader, &e), 0);
  clade_study_free(info);
  clade_reader_close(reader);
  clade_store_close(store);
  kit_remove(&place);
}

static void values_are_read_by_kind_and_inactive_ones_have_none(void **state) {
  (void)state;
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = "memory:"});
  bool seen_text = false, seen_true = false, seen_decay = false;
  for (int i = 0; i < 60; i++) {
    struct clade_trial *trial = kit_ask(study);
    size_t n = 0;
    const struct clade_named_value *values = clade_trial_values(trial, &n);
    const char *opt = clade_trial_text(trial, "opt");
    bool sgd = opt != NULL && strcmp(opt, "sgd") == 0;
    assert_int_equal(n, sgd ? 4 : 3);
    assert_string_equal(values[1].name, "layers");
    assert_true(clade_trial_float(trial, "layers") == (double)clade_trial_int(trial, "layers"));
    assert_int_equal(clade_trial_has(trial, "decay"), sgd);
    assert_int_equal(isnan(clade_trial_float(trial, "decay")) == 0, sgd);
    seen_decay = seen_decay || sgd;
    seen_text = seen_text || (opt != NULL && strcmp(opt, "adam") == 0);
    seen_true = seen_true || clade_trial_bool(trial, "opt");
    assert_null(clade_trial_text(trial, "lr"));
    assert_true(isnan(clade_trial_float(trial, "opt")));
    assert_false(clade_trial_has(trial, "nothing"));
    assert_int_equal(clade_trial_int(trial, "lr"), clade_trial_float(trial, "lr") == 1 ? 1 : 0);
    kit_end(trial, CLADE_TOLD_COMPLETE);
  }
  assert_true(seen_text && seen_true && seen_decay);
  clade_study_close(study);
}

static void every_outcome_has_its_state(void **state) {
  (void)state;
  static const struct {
    enum clade_outcome outcome;
    const char *state;
  } all[] = {{CLADE_TOLD_COMPLETE, "COMPLETE"}, {CLADE_TOLD_PRUNED, "PRUNED"},
             {CLADE_TOLD_FAILED, "FAILED"},     {CLADE_TOLD_INFEASIBLE, "INFEASIBLE"},
             {CLADE_TOLD_DIVERGED, "DIVERGED"}, {CLADE_TOLD_LOST, "LOST"}};
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = "memory:", .trials = 6});
  for (int i = 0; i < 6; i++) {
    struct clade_trial *trial = kit_ask(study);
    kit_end(trial, all[i].outcome);
    assert_string_equal(kit_state(study, i + 1), all[i].state);
  }
  struct clade_study_best best;
  assert_int_equal(clade_study_best(study, &best, NULL), 0);
  assert_int_equal(best.number, 1);
  clade_study_close(study);
}

static void a_value_that_is_not_finite_is_a_diverged_trial(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = "memory:"});
  struct clade_study_best best;
  assert_int_equal(clade_trial_tell(kit_ask(study), NAN, &e), 0);
  assert_string_equal(kit_state(study, 1), "DIVERGED");
  struct clade_trial *trial = kit_ask(study);
  struct clade_metric metric = {"loss", -INFINITY};
  assert_int_equal(clade_trial_report(trial, 1, &metric, 1, &e), CLADE_STOP);
  assert_int_equal(clade_trial_should_stop(trial, &e), CLADE_STOP);
  kit_end(trial, CLADE_TOLD_PRUNED);
  assert_string_equal(kit_state(study, 2), "DIVERGED");
  assert_int_equal(clade_study_best(study, &best, &e), CLADE_EMPTY);
  clade_study_close(study);
}

static void without_a_value_a_trial_cannot_be_complete(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = "memory:"});
  struct clade_trial *trial = kit_ask(study);
  struct clade_metric other = {"seconds", 2.385}, mine = {"loss", 0.125};
  assert_int_equal(clade_trial_end(trial, &(struct clade_told){0}, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "trial 1 has no value of loss"));
  struct clade_told told = {.n_metrics = 1, .metrics = &other};
  assert_int_equal(clade_trial_end(trial, &told, &e), CLADE_EINVAL);
  assert_string_equal(kit_state(study, 1), "RUNNING");
  told.metrics = &mine;
  assert_int_equal(clade_trial_end(trial, &told, &e), 0);
  assert_string_equal(kit_state(study, 1), "COMPLETE");
  struct clade_study_best best;
  assert_int_equal(clade_study_best(study, &best, &e), 0);
  assert_true(best.value == 0.125);
  clade_study_close(study);
}

/* --- reports --- */

static void the_value_is_told_or_what_was_reported(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct clade_trial_state s;
  struct clade_study *study = kit_create(
      &(struct clade_study_options){.store = "memory:",
                                    .spec = KIT_SPEC "metric: {name: acc, goal: maximize, reduce: best}\n",
                                    .maximize = NULL,
                                    .minimize = NULL});
  struct clade_trial *trial = kit_ask(study);
  static const double curve[] = {0.25, 0.75, 0.5};
  for (int i = 0; i < 3; i++) {
    struct clade_metric both[] = {{"loss", curve[i]}, {"seconds", 2.5 * i}};
    assert_int_equal(clade_trial_report(trial, 0.5 * (i + 1), both, 2, &e), 0);
  }
  assert_int_equal(clade_trial_end(trial, &(struct clade_told){0}, &e), 0);
  assert_int_equal(clade_study_trial(study, 1, &s, &e), 0);
  assert_true(s.value == 0.5 && s.step == 1.5); /* minimize loss, of kit_create, reduces to the last */
  trial = kit_ask(study);
  struct clade_metric one = {"loss", 0.9};
  assert_int_equal(clade_trial_report(trial, 3, &one, 1, &e), 0);
  assert_int_equal(clade_trial_tell(trial, 0.0385, &e), 0);
  assert_int_equal(clade_study_trial(study, 2, &s, &e), 0);
  assert_true(s.value == 0.0385 && s.step == 3);
  clade_study_close(study);
}

static void what_came_with_the_end_stands_in_the_listing(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  kit_make(&place);
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = place.store});
  struct clade_metric metrics[] = {{"loss", 0.385}, {"seconds", 23.85}};
  struct clade_told told = {.n_metrics = 2, .metrics = metrics, .has_step = true, .step = 7};
  assert_int_equal(clade_trial_end(kit_ask(study), &told, &e), 0);
  clade_study_close(study);
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct clade_trial_info *info = NULL;
  assert_int_equal(clade_store_open(place.store, &store, &e), 0);
  assert_int_equal(clade_reader_open(store, "s", &reader, &e), 0);
  assert_int_equal(clade_trial_read(reader, 1, &info, &e), 0);
  assert_int_equal(info->n_metrics, 2);
  assert_string_equal(info->metrics[1].name, "seconds");
  assert_true(info->metrics[1].value.as.real == 23.85 && info->value == 0.385);
  assert_true(info->reports[0].step == 7);
  clade_trial_free(info);
  clade_reader_close(reader);
  clade_store_close(store);
  kit_remove(&place);
}

static void reports_that_break_a_rule_are_refused_and_nothing_is_recorded(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct clade_trial_state s;
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = "memory:"});
  struct clade_trial *trial = kit_ask(study);
  struct clade_metric ok = {"loss", 0.5}, nameless = {NULL, 1}, broken = {"\xff", 1}, *many = NULL;
  assert_int_equal(clade_trial_report(trial, 5, &ok, 1, &e), 0);
  assert_int_equal(clade_trial_report(trial, 4, &ok, 1, &e), CLADE_EREFUSED);
  assert_non_null(strstr(e.text, "goes back"));
  assert_int_equal(clade_trial_report(trial, NAN, &ok, 1, &e), CLADE_EINVAL);
  assert_int_equal(clade_trial_report(trial, 6, &nameless, 1, &e), CLADE_EINVAL);
  assert_int_equal(clade_trial_report(trial, 6, &broken, 1, &e), CLADE_EINVAL);
  assert_int_equal(clade_trial_report(trial, 6, NULL, 1, &e), CLADE_EINVAL);
  many = calloc(201, sizeof *many);
  assert_non_null(many);
  assert_int_equal(clade_trial_report(trial, 6, many, 201, &e), CLADE_ELIMIT);
  free(many);
  assert_int_equal(
      clade_trial_end(trial,
                      &(struct clade_told){.n_metrics = 1, .metrics = &ok, .has_step = true, .step = 2}, &e),
      CLADE_EREFUSED);
  assert_int_equal(clade_study_trial(study, 1, &s, &e), 0);
  assert_true(s.step == 5);
  assert_int_equal(clade_trial_report(trial, 6, NULL, 0, &e), 0);
  clade_study_close(study);
}

/* --- handles and other tellers --- */

static void a_trial_is_told_once(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  struct clade_study *other = NULL;
  struct clade_trial *mine = NULL, *theirs = NULL;
  kit_make(&place);
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = place.store});
  assert_int_equal(clade_study_open(place.store, "S", &other, &e), 0);
  assert_string_equal(clade_study_name(other), "s");
  mine = kit_ask(study);
  assert_int_equal(clade_study_take(other, 1, &theirs, &e), 0);
  assert_true(clade_trial_float(mine, "lr") == clade_trial_float(theirs, "lr"));
  assert_int_equal(clade_trial_tell(theirs, 0.25, &e), 0);
  assert_int_equal(clade_trial_should_stop(mine, &e), CLADE_STOP);
  assert_int_equal(clade_trial_tell(mine, 0.5, &e), CLADE_REPEATED);
  struct clade_trial_state s;
  assert_int_equal(clade_study_trial(study, 1, &s, &e), 0);
  assert_true(s.value == 0.25);
  assert_int_equal(clade_study_take(study, 1, &mine, &e), CLADE_EREFUSED);
  assert_non_null(strstr(e.text, "COMPLETE"));
  assert_int_equal(clade_study_take(study, 2, &mine, &e), CLADE_ENOTFOUND);
  assert_int_equal(clade_study_take(study, 0, &mine, &e), CLADE_EINVAL);
  clade_study_close(other);
  clade_study_close(study);
  kit_remove(&place);
}

static void a_lost_trial_is_tried_again_and_its_old_process_is_stale(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  struct clade_study *other = NULL;
  struct clade_trial *mine = NULL, *again = NULL;
  kit_make(&place);
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = place.store, .trials = 2});
  mine = kit_ask(study);
  double lr = clade_trial_float(mine, "lr");
  int64_t seed = clade_trial_seed(mine);
  assert_int_equal(clade_study_open(place.store, "s", &other, &e), 0);
  assert_int_equal(clade_study_take(other, 1, &again, &e), 0);
  kit_end(again, CLADE_TOLD_LOST);
  again = kit_ask(other);
  assert_int_equal(clade_trial_number(again), 1);
  assert_int_equal(clade_trial_attempt(again), 2);
  assert_true(clade_trial_float(again, "lr") == lr && clade_trial_seed(again) == seed);
  struct clade_metric metric = {"loss", 0.5};
  assert_int_equal(clade_trial_report(mine, 1, &metric, 1, &e), CLADE_ESTALE);
  assert_int_equal(clade_trial_should_stop(mine, &e), CLADE_ESTALE);
  assert_int_equal(clade_trial_tell(mine, 0.5, &e), CLADE_ESTALE);
  assert_non_null(strstr(e.text, "declared lost"));
  kit_end(again, CLADE_TOLD_COMPLETE);
  assert_string_equal(kit_state(study, 1), "COMPLETE");
  clade_study_close(other);
  clade_study_close(study);
  kit_remove(&place);
}

static void a_lost_trial_is_given_up_after_ten_tries(void **state) {
  (void)state;
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = "memory:", .trials = 1});
  for (int i = 1; i <= 11; i++) {
    struct clade_trial *trial = kit_ask(study);
    assert_int_equal(clade_trial_number(trial), 1);
    assert_int_equal(clade_trial_attempt(trial), i);
    kit_end(trial, CLADE_TOLD_LOST);
  }
  struct clade_trial *none = NULL;
  assert_int_equal(clade_study_ask(study, &none, NULL), CLADE_EMPTY);
  assert_string_equal(kit_state(study, 1), "FAILED");
  clade_study_close(study);
}

static void a_failed_trial_is_tried_again_while_retries_are_left(void **state) {
  (void)state;
  struct clade_study *study = kit_create(&(struct clade_study_options){
      .store = "memory:", .trials = 1, .spec = KIT_SPEC "limits: {retries: 1}\n"});
  kit_end(kit_ask(study), CLADE_TOLD_FAILED);
  struct clade_trial *trial = kit_ask(study);
  assert_int_equal(clade_trial_attempt(trial), 2);
  kit_end(trial, CLADE_TOLD_FAILED);
  struct clade_trial *none = NULL;
  assert_int_equal(clade_study_ask(study, &none, NULL), CLADE_EMPTY);
  clade_study_close(study);
}

static void five_failures_from_the_start_end_the_study(void **state) {
  (void)state;
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = "memory:", .trials = 50});
  for (int i = 0; i < 5; i++) kit_end(kit_ask(study), CLADE_TOLD_FAILED);
  struct clade_trial *none = NULL;
  assert_int_equal(clade_study_ask(study, &none, NULL), CLADE_EMPTY);
  assert_int_equal(clade_study_trials(study), 5);
  assert_int_equal(clade_study_enqueue(study, NULL, 0, NULL, NULL), CLADE_EBUDGET);
  clade_study_close(study);
}

static void a_dropped_trial_stays_running_and_can_be_taken(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  struct clade_trial *trial = NULL;
  struct clade_trial_state s;
  kit_make(&place);
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = place.store, .trials = 3});
  clade_trial_drop(kit_ask(study));
  (void)kit_ask(study); /* its handle goes with the study */
  clade_study_close(study);
  assert_int_equal(clade_study_open(place.store, "s", &study, &e), 0);
  assert_int_equal(clade_study_trial(study, 1, &s, &e), 0);
  assert_true(s.asked);
  assert_string_equal(s.state, "RUNNING");
  for (int64_t i = 1; i <= 2; i++) {
    assert_int_equal(clade_study_take(study, i, &trial, &e), 0);
    kit_end(trial, CLADE_TOLD_COMPLETE);
  }
  trial = kit_ask(study);
  assert_int_equal(clade_trial_number(trial), 3);
  kit_end(trial, CLADE_TOLD_COMPLETE);
  assert_int_equal(clade_study_trial(study, 3, &s, &e), 0);
  assert_false(s.asked);
  clade_study_close(study);
  kit_remove(&place);
}

/* --- enqueueing --- */

static void what_was_enqueued_is_asked_first_and_the_rest_is_drawn(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct clade_study *study = kit_create(&(struct clade_study_options){
      .store = "memory:", .trials = 4, .spec = KIT_SPEC "enqueue: [{lr: 0.0385}]\n"});
  struct clade_given given[] = {{"lr", "0.25"}, {"layers", "3"}};
  int64_t number = 0;
  assert_int_equal(clade_study_enqueue(study, given, 2, &number, &e), 0);
  assert_int_equal(number, 1);
  assert_string_equal(kit_state(study, 1), "WAITING");
  struct clade_trial *trial = kit_ask(study);
  assert_true(clade_trial_float(trial, "lr") == 0.25);
  assert_int_equal(clade_trial_int(trial, "layers"), 3);
  assert_true(clade_trial_has(trial, "opt"));
  kit_end(trial, CLADE_TOLD_COMPLETE);
  trial = kit_ask(study); /* the spec's own point is still to come */
  assert_true(clade_trial_float(trial, "lr") == 0.0385);
  kit_end(trial, CLADE_TOLD_COMPLETE);
  assert_int_equal(clade_study_enqueue(study, NULL, 0, &number, &e), 0);
  assert_int_equal(number, 3);
  assert_int_equal(clade_study_take(study, 3, &trial, &e), 0);
  kit_end(trial, CLADE_TOLD_COMPLETE);
  kit_end(kit_ask(study), CLADE_TOLD_COMPLETE);
  assert_int_equal(clade_study_enqueue(study, given, 1, &number, &e), CLADE_EBUDGET);
  assert_int_equal(number, 3);
  clade_study_close(study);
}

static void values_that_the_search_could_not_choose_are_not_enqueued(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = "memory:"});
  struct clade_given unknown = {"lrr", "0.25"}, outside = {"lr", "3"}, null = {"lr", NULL};
  struct clade_given twice[] = {{"lr", "0.25"}, {"lr", "0.5"}}, quoted = {"opt", "true"};
  assert_int_equal(clade_study_enqueue(study, &unknown, 1, NULL, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "did you mean lr?"));
  assert_int_equal(clade_study_enqueue(study, &outside, 1, NULL, &e), CLADE_EINVAL);
  assert_int_equal(clade_study_enqueue(study, &null, 1, NULL, &e), CLADE_EINVAL);
  assert_int_equal(clade_study_enqueue(study, twice, 2, NULL, &e), CLADE_EINVAL);
  assert_int_equal(clade_study_enqueue(study, NULL, 1, NULL, &e), CLADE_EINVAL);
  assert_int_equal(clade_study_trials(study), 0);
  assert_int_equal(clade_study_enqueue(study, &quoted, 1, NULL, &e), 0);
  clade_study_close(study);
}

/* --- creating and opening --- */

static void a_space_built_in_code_means_what_a_spec_says(void **state) {
  (void)state;
  struct cl_err e = {0};
  static const char *const opts[] = {"adam", "sgd", "true", "2.5"}, *const sizes[] = {"16", "32", "64"};
  struct clade_space *space = clade_space_create();
  clade_space_add_float(space, "lr", 1e-5, 0.1, "log");
  clade_space_add_int(space, "n", -3, 3, NULL);
  clade_space_add_list(space, "opt", 4, opts, false);
  clade_space_add_list(space, "size", 3, sizes, true);
  clade_space_add(space, "drop.out", "{range: [0.0, 0.5], step: 0.25, when: {opt: sgd}}");
  clade_space_add_constraint(space, "n < size");
  struct clade_study *study =
      kit_create(&(struct clade_study_options){.store = "memory:", .space = space, .name = "built"});
  clade_space_destroy(space);
  for (int i = 0; i < 40; i++) {
    struct clade_trial *trial = kit_ask(study);
    double lr = clade_trial_float(trial, "lr"), drop = clade_trial_float(trial, "drop.out");
    int64_t n = clade_trial_int(trial, "n"), size = clade_trial_int(trial, "size");
    assert_true(lr >= 1e-5 && lr <= 0.1);
    assert_true(n >= -3 && n <= 3 && (size == 16 || size == 32 || size == 64));
    assert_true(isnan(drop) || drop == 0 || drop == 0.25 || drop == 0.5);
    assert_int_equal(clade_trial_tell(trial, lr, &e), 0);
  }
  clade_study_close(study);
}

static int create_with(void (*add)(struct clade_space *space), struct cl_err *e) {
  struct clade_study *study = NULL;
  struct clade_space *space = clade_space_create();
  add(space);
  struct clade_study_options o = {.store = "memory:", .name = "s", .space = space, .minimize = "y"};
  int status = clade_study_create(&o, &study, e);
  assert_null(study);
  clade_space_destroy(space);
  return status;
}

static void add_reversed(struct clade_space *s) {
  clade_space_add_float(s, "x", 2, 1, NULL);
}
static void add_infinite(struct clade_space *s) {
  clade_space_add_float(s, "x", 0, INFINITY, NULL);
  clade_space_add_float(s, "", 0, 1, NULL);
}
static void add_nameless(struct clade_space *s) {
  clade_space_add_int(s, "", 0, 1, NULL);
}
static void add_huge(struct clade_space *s) {
  clade_space_add_int(s, "n", 0, INT64_MAX, NULL);
}
static void add_scaleless(struct clade_space *s) {
  clade_space_add_float(s, "x", 1, 2, "cubic");
}
static void add_broken_list(struct clade_space *s) {
  clade_space_add_list(s, "x", 1, (const char *const[]){"\xff"}, true);
}
static void add_two_lines(struct clade_space *s) {
  clade_space_add(s, "x", "{range: [0, 1]}\n  - {\"name\": y}");
}
static void add_no_relation(struct clade_space *s) {
  clade_space_add_float(s, "x", 1, 2, NULL);
  clade_space_add_constraint(s, "x <");
}
static void add_null_relation(struct clade_space *s) {
  clade_space_add_constraint(s, NULL);
}

static void a_space_that_is_wrong_is_refused_with_a_sentence(void **state) {
  (void)state;
  static void (*const all[])(struct clade_space *) = {add_reversed,  add_infinite,    add_nameless,
                                                      add_huge,      add_scaleless,   add_broken_list,
                                                      add_two_lines, add_no_relation, add_null_relation};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct cl_err e = {0};
    assert_int_equal(create_with(all[i], &e), CLADE_ESPEC);
    assert_true(strlen(e.text) > 10);
  }
  clade_space_add_float(NULL, "x", 0, 1, NULL);
  clade_space_add_constraint(NULL, "x < 1");
  clade_space_destroy(NULL);
}

static int create_status(const struct clade_study_options *o, const char *sentence) {
  struct cl_err e = {0};
  struct clade_study *study = NULL;
  int status = clade_study_create(o, &study, &e);
  assert_null(study);
  if (strstr(e.text, sentence) == NULL) fail_msg("'%s' is not in: %s", sentence, e.text);
  return status;
}

static void options_that_do_not_go_together_are_refused(void **state) {
  (void)state;
  struct clade_space *space = clade_space_create();
  struct clade_study_options o = {.store = "memory:"};
  assert_int_equal(create_status(NULL, "no options"), CLADE_EINVAL);
  assert_int_equal(create_status(&o, "exactly one of"), CLADE_EINVAL);
  o.spec = KIT_SPEC;
  o.space = space;
  assert_int_equal(create_status(&o, "not of 2"), CLADE_EINVAL);
  o.space = NULL;
  o.again = o.reuse = true;
  assert_int_equal(create_status(&o, "not both"), CLADE_EINVAL);
  o.again = o.reuse = false;
  o.trials = -1;
  assert_int_equal(create_status(&o, "trials is -1"), CLADE_EINVAL);
  o.trials = 0;
  assert_int_equal(create_status(&o, "--minimize"), CLADE_ESPEC);
  o.minimize = "loss";
  o.method = "gradient";
  assert_int_equal(create_status(&o, "gradient"), CLADE_ESPEC);
  o = (struct clade_study_options){.store = "memory:", .space = space, .minimize = "y"};
  assert_int_equal(create_status(&o, "needs a name"), CLADE_EINVAL);
  o = (struct clade_study_options){
      .store = "memory:", .spec_file = "/tmp/is not there.yaml", .minimize = "y"};
  assert_int_equal(create_status(&o, "is not there"), CLADE_ENOTFOUND);
  o = (struct clade_study_options){.store = "gopher://x", .spec = KIT_SPEC, .minimize = "y", .name = "s"};
  assert_int_equal(create_status(&o, "gopher"), CLADE_EINVAL);
  clade_space_destroy(space);
}

static void a_name_that_is_taken_is_refused_numbered_or_used_again(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  kit_make(&place);
  struct clade_study_options o = {.store = place.store, .spec = KIT_SPEC, .name = "s", .minimize = "loss"};
  struct clade_study *first = kit_create(&o), *second = NULL;
  kit_end(kit_ask(first), CLADE_TOLD_COMPLETE);
  assert_int_equal(clade_study_create(&o, &second, &e), CLADE_EEXISTS);
  o.again = true;
  assert_int_equal(clade_study_create(&o, &second, &e), 0);
  assert_string_equal(clade_study_name(second), "s-2");
  clade_study_close(second);
  o.again = false;
  o.reuse = true;
  assert_int_equal(clade_study_create(&o, &second, &e), 0);
  assert_string_equal(clade_study_name(second), "s");
  assert_string_equal(clade_study_store(second), place.store);
  struct clade_trial *trial = kit_ask(second);
  assert_int_equal(clade_trial_number(trial), 2);
  clade_study_close(second);
  clade_study_close(first);
  kit_remove(&place);
}

static void opening_what_is_not_there_names_the_nearest(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  struct clade_study *study = NULL;
  kit_make(&place);
  assert_int_equal(clade_study_open(place.store, "s", &study, &e), CLADE_ENOTFOUND);
  clade_study_close(kit_create(&(struct clade_study_options){.store = place.store, .name = "mnist"}));
  assert_int_equal(clade_study_open(place.store, "mnits", &study, &e), CLADE_ENOTFOUND);
  assert_non_null(strstr(e.text, "mnist"));
  assert_int_equal(clade_study_open(place.store, "", &study, &e), CLADE_EINVAL);
  assert_int_equal(clade_study_open(place.store, NULL, &study, &e), CLADE_EINVAL);
  assert_null(study);
  kit_remove(&place);
}

static void null_is_refused_or_allowed_as_the_header_says(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct clade_trial *trial = NULL;
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = "memory:"});
  assert_int_equal(clade_study_ask(NULL, &trial, &e), CLADE_EINVAL);
  assert_int_equal(clade_study_ask(study, NULL, &e), CLADE_EINVAL);
  assert_int_equal(clade_study_best(study, NULL, NULL), CLADE_EINVAL);
  assert_int_equal(clade_study_follow(NULL, &e), CLADE_EINVAL);
  assert_int_equal(clade_trial_tell(NULL, 1, &e), CLADE_EINVAL);
  assert_int_equal(clade_trial_end(NULL, NULL, &e), CLADE_EINVAL);
  assert_int_equal(clade_trial_report(NULL, 1, NULL, 0, &e), CLADE_EINVAL);
  assert_int_equal(clade_trial_should_stop(NULL, &e), CLADE_EINVAL);
  trial = kit_ask(study);
  assert_int_equal(clade_trial_end(trial, NULL, &e), CLADE_EINVAL);
  assert_int_equal(clade_trial_end(trial, &(struct clade_told){.outcome = (enum clade_outcome)38}, &e),
                   CLADE_EINVAL);
  assert_int_equal(
      clade_trial_end(trial, &(struct clade_told){.n_values = 2, .values = (double[]){1, 2}}, &e),
      CLADE_EINVAL);
  assert_int_equal(clade_study_trial(study, 2, &(struct clade_trial_state){0}, &e), CLADE_ENOTFOUND);
  assert_int_equal(clade_trial_number(NULL), 0);
  assert_int_equal(clade_trial_attempt(NULL), 0);
  assert_int_equal(clade_trial_seed(NULL), 0);
  assert_null(clade_trial_values(NULL, NULL));
  assert_null(clade_study_name(NULL));
  assert_null(clade_study_store(NULL));
  assert_null(clade_study_metric(study, 1));
  assert_string_equal(clade_study_metric(study, 0), "loss");
  assert_false(clade_study_maximizes(study, 0));
  assert_int_equal(clade_study_trials(NULL), 0);
  clade_trial_drop(NULL);
  clade_study_close(NULL);
  clade_study_close(study);
}

/* --- modes and objectives --- */

static void ordered_mode_waits_for_results_and_does_not_depend_on_their_order(void **state) {
  (void)state;
  double first[12];
  for (int round = 0; round < 2; round++) {
    struct clade_trial *a = NULL, *b = NULL, *none = NULL;
    struct clade_study *study = kit_create(&(struct clade_study_options){
        .store = "memory:",
        .trials = 12,
        .spec = "hyperparameters: {x: {range: [0.0, 1.0], step: 0.125}, y: [1, 2, 3, 4]}\nordered: 2\n"
                "search: {method: dgd, startup: 4}\n"});
    for (int i = 0; i < 12; i += 2) {
      a = kit_ask(study);
      b = kit_ask(study);
      assert_int_equal(clade_study_ask(study, &none, NULL), i == 10 ? CLADE_EMPTY : CLADE_BUSY);
      struct clade_trial *order[] = {round == 0 ? a : b, round == 0 ? b : a};
      for (int k = 0; k < 2; k++) {
        double x = clade_trial_float(order[k], "x");
        int64_t number = clade_trial_number(order[k]);
        if (round == 0) first[number - 1] = x;
        assert_true(first[number - 1] == x);
        assert_int_equal(clade_trial_tell(order[k], (x - 0.375) * (x - 0.375), NULL), 0);
      }
    }
    clade_study_close(study);
  }
}

static void several_objectives_are_told_together(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct clade_study *study = NULL;
  struct clade_study_options o = {.store = "memory:",
                                  .name = "two",
                                  .spec = KIT_SPEC
                                  "metric: [{name: loss, goal: minimize}, {name: speed, goal: maximize}]\n"};
  assert_int_equal(clade_study_create(&o, &study, &e), 0);
  assert_string_equal(clade_study_metric(study, 1), "speed");
  assert_true(clade_study_maximizes(study, 1));
  struct clade_trial *trial = kit_ask(study);
  assert_int_equal(clade_trial_tell(trial, 0.5, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "2 objectives"));
  double values[] = {0.25, 38.5};
  assert_int_equal(clade_trial_end(trial, &(struct clade_told){.n_values = 2, .values = values}, &e), 0);
  assert_string_equal(kit_state(study, 1), "COMPLETE");
  clade_study_close(study);
}

static void a_paused_study_gives_no_trials_until_it_goes_on(void **state) {
  (void)state;
  struct cl_err e = {0};
  struct kit_place place;
  struct clade_steered *steered = NULL;
  struct clade_trial *none = NULL;
  kit_make(&place);
  struct clade_study *study = kit_create(&(struct clade_study_options){.store = place.store});
  assert_int_equal(clade_pause(place.store, "s", NULL, &steered, &e), 0);
  clade_steered_free(steered);
  assert_int_equal(clade_study_ask(study, &none, &e), CLADE_BUSY);
  assert_int_equal(clade_continue(place.store, "s", &steered, &e), 0);
  clade_steered_free(steered);
  struct clade_trial *trial = kit_ask(study);
  assert_int_equal(clade_stop(place.store, "s/1", NULL, &steered, &e), 0);
  assert_int_equal(steered->n_done, 1);
  clade_steered_free(steered);
  assert_int_equal(clade_trial_should_stop(trial, &e), CLADE_STOP);
  kit_end(trial, CLADE_TOLD_COMPLETE);
  assert_string_equal(kit_state(study, 1), "PRUNED");
  clade_study_close(study);
  kit_remove(&place);
}

static void a_grid_ends_when_it_is_used_up(void **state) {
  (void)state;
  struct clade_trial *none = NULL;
  struct clade_study *study = kit_create(&(struct clade_study_options){
      .store = "memory:", .method = "grid", .spec = "hyperparameters: {a: [1, 2, 3], b: [x, y]}\n"});
  for (int i = 0; i < 6; i++) kit_end(kit_ask(study), CLADE_TOLD_COMPLETE);
  assert_int_equal(clade_study_ask(study, &none, NULL), CLADE_EMPTY);
  assert_int_equal(clade_study_trials(study), 6);
  clade_study_close(study);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_study_in_memory_gives_exactly_its_trials),
      cmocka_unit_test(a_study_in_a_file_gives_exactly_its_trials_and_is_finished_then),
      cmocka_unit_test(values_are_read_by_kind_and_inactive_ones_have_none),
      cmocka_unit_test(every_outcome_has_its_state),
      cmocka_unit_test(a_value_that_is_not_finite_is_a_diverged_trial),
      cmocka_unit_test(without_a_value_a_trial_cannot_be_complete),
      cmocka_unit_test(the_value_is_told_or_what_was_reported),
      cmocka_unit_test(what_came_with_the_end_stands_in_the_listing),
      cmocka_unit_test(reports_that_break_a_rule_are_refused_and_nothing_is_recorded),
      cmocka_unit_test(a_trial_is_told_once),
      cmocka_unit_test(a_lost_trial_is_tried_again_and_its_old_process_is_stale),
      cmocka_unit_test(a_lost_trial_is_given_up_after_ten_tries),
      cmocka_unit_test(a_failed_trial_is_tried_again_while_retries_are_left),
      cmocka_unit_test(five_failures_from_the_start_end_the_study),
      cmocka_unit_test(a_dropped_trial_stays_running_and_can_be_taken),
      cmocka_unit_test(what_was_enqueued_is_asked_first_and_the_rest_is_drawn),
      cmocka_unit_test(values_that_the_search_could_not_choose_are_not_enqueued),
      cmocka_unit_test(a_space_built_in_code_means_what_a_spec_says),
      cmocka_unit_test(a_space_that_is_wrong_is_refused_with_a_sentence),
      cmocka_unit_test(options_that_do_not_go_together_are_refused),
      cmocka_unit_test(a_name_that_is_taken_is_refused_numbered_or_used_again),
      cmocka_unit_test(opening_what_is_not_there_names_the_nearest),
      cmocka_unit_test(null_is_refused_or_allowed_as_the_header_says),
      cmocka_unit_test(ordered_mode_waits_for_results_and_does_not_depend_on_their_order),
      cmocka_unit_test(several_objectives_are_told_together),
      cmocka_unit_test(a_paused_study_gives_no_trials_until_it_goes_on),
      cmocka_unit_test(a_grid_ends_when_it_is_used_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
