/* Ask and tell without memory: every call says so, and what it leaves behind can be gone on with. */
#include "api/study_kit.h"

#include "clade/population.h"
#include "fault/alloc.h"

static void expect(int status) {
  if (cl_fault_happened() && status != 0)
    assert_int_equal(status, CLADE_ENOMEM);
  else
    assert_int_equal(status, 0);
}

static int tell_one(const char *store) {
  struct cl_err e = {0};
  struct clade_study *study = NULL;
  struct clade_trial *trial = NULL;
  struct clade_metric metric = {"loss", 0.238}, more[] = {{"loss", 0.125}, {"seconds", 2.5}};
  struct clade_study_best best;
  struct clade_given given = {"lr", "0.25"};
  int status = clade_study_open(store, "s", &study, &e);
  if (status == 0) status = clade_study_enqueue(study, &given, 1, NULL, &e);
  if (status == 0) status = clade_study_ask(study, &trial, &e);
  if (status == 0) status = clade_trial_report(trial, 1, &metric, 1, &e);
  if (status == 0) status = clade_trial_should_stop(trial, &e);
  struct clade_told told = {.n_metrics = 2, .metrics = more, .has_step = true, .step = 2};
  if (status == 0) status = clade_trial_end(trial, &told, &e);
  if (status == 0) status = clade_study_best(study, &best, &e);
  clade_study_close(study);
  return status;
}

static void asking_and_telling_without_memory_says_so(void **state) {
  (void)state;
  struct kit_place place;
  /* some hundred stores are synced, for nothing */
  kit_make_in(&place, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  cl_fault_arm(0, false);
  clade_study_close(kit_create(&(struct clade_study_options){.store = place.store}));
  FAULT_LOOP(n) expect(tell_one(place.store));
  cl_fault_arm(0, false);
  /* trials that were asked for and not told are RUNNING, and can be taken */
  struct clade_study *study = NULL;
  struct clade_trial *trial = NULL;
  assert_int_equal(clade_study_open(place.store, "s", &study, NULL), 0);
  int64_t running = 0, n = clade_study_trials(study);
  for (int64_t i = 1; i <= n; i++) {
    if (strcmp(kit_state(study, i), "COMPLETE") == 0) continue;
    running++;
    assert_int_equal(clade_study_take(study, i, &trial, NULL), 0);
    kit_end(trial, CLADE_TOLD_COMPLETE);
  }
  assert_true(running > 0 && running < n);
  clade_study_close(study);
  kit_remove(&place);
}

static int build_space(void) {
  static const char *const opts[] = {"adam", "sgd"};
  struct clade_study *study = NULL;
  struct cl_err e = {0};
  struct clade_space *space = clade_space_create();
  if (space == NULL) return CLADE_ENOMEM;
  clade_space_add_float(space, "lr", 1e-5, 0.1, "log");
  clade_space_add_list(space, "opt", 2, opts, false);
  clade_space_add_constraint(space, "lr < 0.05");
  struct clade_study_options o = {.store = "memory:", .name = "s", .space = space, .minimize = "y"};
  int status = clade_study_create(&o, &study, &e);
  clade_study_close(study);
  clade_space_destroy(space);
  if (status < 0 && status != CLADE_ENOMEM) print_message("%s (%s:%d)\n", e.text, e.file, e.line);
  return status;
}

static void creating_without_memory_says_so(void **state) {
  (void)state;
  FAULT_LOOP(n) expect(build_space());
}

/* A population whose models need no memory: each is a number. */

struct numbers {
  double values[8];
  int n;
};

static void *create_number(void *ctx, struct clade_trial *trial) {
  struct numbers *all = ctx;
  (void)trial;
  assert_true(all->n < 8);
  return &all->values[all->n++];
}

static int train_number(void *ctx, void *model, struct clade_trial *trial) {
  (void)ctx;
  *(double *)model += clade_trial_float(trial, "gain");
  return 0;
}

static bool without_room; /* for the name of a metric */

/* Names that fill the room that is there. */
static void note_metrics(struct clade_trial *trial) {
  char name[201] = "";
  memset(name, 'm', sizeof name - 1);
  for (int i = 0; i < 25; i++) {
    name[0] = (char)('0' + i % 10);
    name[1] = (char)('0' + i / 10);
    int status = clade_trial_metric(trial, name, i);
    assert_true(status == 0 || status == CLADE_ENOMEM);
    without_room = without_room || status == CLADE_ENOMEM;
  }
}

static int score_number(void *ctx, const void *model, struct clade_trial *trial, double *ret) {
  (void)ctx;
  note_metrics(trial);
  *ret = *(const double *)model;
  return 0;
}

static int copy_number(void *ctx, void *to, const void *from) {
  (void)ctx;
  *(double *)to = *(const double *)from;
  return 0;
}

static void forget_number(void *ctx, void *model) {
  (void)ctx;
  (void)model;
}

static int evolve(void) {
  struct numbers numbers = {0};
  struct clade_population *p = NULL;
  struct cl_err e = {0};
  struct clade_population_options o = {
      .study = {.name = "p",
                .spec = "hyperparameters: [{name: gain, range: [0.5, 2.0]}]",
                .maximize = "y",
                .trials = 3,
                .has_seed = true,
                .seed = 385},
      .model = {create_number, train_number, score_number, copy_number, forget_number, &numbers},
      .done = clade_policy_stop_after(3),
      .ready = clade_policy_ready_after(1),
      .exploit = clade_policy_best()};
  without_room = false;
  int status = clade_population_create(&o, &p, &e);
  if (status == 0) status = clade_population_train(p, &e);
  clade_population_destroy(p);
  if (status == 0 && without_room) status = CLADE_ENOMEM; /* the model went on without it */
  if (status < 0 && status != CLADE_ENOMEM) print_message("%s (%s:%d)\n", e.text, e.file, e.line);
  return status;
}

static void a_population_without_memory_says_so(void **state) {
  bool ever = false;
  (void)state;
  FAULT_LOOP(n) {
    expect(evolve());
    ever = ever || without_room;
  }
  assert_true(ever);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(asking_and_telling_without_memory_says_so),
      cmocka_unit_test(creating_without_memory_says_so),
      cmocka_unit_test(a_population_without_memory_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
