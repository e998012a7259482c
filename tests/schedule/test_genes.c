/* Crossover and mutation: what a couple exchanges, where mutations land, and that single hyperparameters keep
 * their overrides to themselves. */
#include "model/cmocka_all.h"
#include "model/spaces.h"
#include "schedule/genes.h"

enum { MANY = 20000 };

static const char four[] =
    "{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"scale\": \"log\", \"lo\": 1e-6, \"hi\": 1.0, \"tuned\": "
    "0.001}, {\"id\": 2, \"name\": \"batch\", \"domain\": \"int\", \"lo\": 1, \"hi\": 1024, \"tuned\": 64},"
    "{\"id\": 3, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\", \"lion\"]},"
    "{\"id\": 4, \"name\": \"width\", \"domain\": \"int\", \"lo\": 1, \"hi\": 64, \"change\": \"start\"}";

static struct cl_mutations mutations(const char *json, const struct cl_space *space) {
  struct cl_mutations m;
  struct cl_err e = {0};
  json_t *given = json_loads(json, 0, NULL);
  if (cl_mutations_init(&m, given, space, &e) < 0) fail_msg("%s", e.text);
  json_decref(given);
  return m;
}

static void couple_exchanges_genes_and_keeps_its_own_state(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(four, "");
  struct cl_mutations m = mutations("{\"sd\": 0, \"reset\": 0, \"choice\": 0}", &s->space);
  struct cl_value a[4] = {cl_value_real(0.02385), cl_value_int(37), cl_value_text("adam"), cl_value_int(7)};
  struct cl_value b[4] = {cl_value_real(0.00071), cl_value_int(91), cl_value_text("lion"), cl_value_int(9)};
  struct cl_value x[4], y[4];
  bool taken[4], given[4];
  double steps[4];
  int n = 0;
  for (uint32_t generation = 1; generation <= 1000; generation++) {
    struct cl_breeding of = {.seed = 5, .generation = generation, .couple = 3, .descendant = 6, .swap = 0.5};
    cl_genes_breed(&s->space, &m, &of, a, b, x, taken, steps);
    of.descendant = 7;
    cl_genes_breed(&s->space, &m, &of, b, a, y, given, steps);
    for (int i = 0; i < 3; i++) {
      assert_int_equal(taken[i], given[i]);
      assert_true(cl_value_equal(x[i], taken[i] ? b[i] : a[i]));
      assert_true(cl_value_equal(y[i], taken[i] ? a[i] : b[i]));
      n += taken[i];
    }
    assert_true(cl_value_equal(x[3], a[3]) && cl_value_equal(y[3], b[3]) && !taken[3]);
  }
  assert_in_range(n, 1400, 1600); /* of 3000, 3.6 standard deviations */
  cl_mutations_done(&m);
  cl_settings_destroy(s);
}

static void only_other_attempts_mutate_anew(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(four, "");
  struct cl_mutations m = mutations("{}", &s->space);
  struct cl_value a[4] = {cl_value_real(0.02385), cl_value_int(37), cl_value_text("adam"), cl_value_int(7)};
  struct cl_value b[4] = {cl_value_real(0.00071), cl_value_int(91), cl_value_text("lion"), cl_value_int(9)};
  struct cl_value first[4], again[4], next[4];
  bool mask[4], other[4];
  double steps[4];
  struct cl_breeding of = {.seed = 5, .generation = 2, .couple = 1, .descendant = 2, .swap = 0.5};
  cl_genes_breed(&s->space, &m, &of, a, b, first, mask, steps);
  cl_genes_breed(&s->space, &m, &of, a, b, again, other, steps);
  for (int i = 0; i < 4; i++) assert_true(cl_value_equal(first[i], again[i]));
  of.attempt = 1;
  cl_genes_breed(&s->space, &m, &of, a, b, next, other, steps);
  assert_memory_equal(mask, other, sizeof mask);
  assert_false(cl_value_equal(first[0], next[0]));
  cl_mutations_done(&m);
  cl_settings_destroy(s);
}

static void normal_steps_are_of_the_unit_cube_and_some_go_back(void **state) {
  (void)state;
  struct cl_settings *s =
      one("\"domain\": \"float\", \"scale\": \"log\", \"lo\": 1e-6, \"hi\": 1.0, \"tuned\": 1e-3");
  struct cl_mutations m = mutations("{}", &s->space);
  const struct cl_hyperparameter *h = &s->space.items[0];
  double sum = 0, squares = 0, step;
  int back = 0, n = 0;
  for (int i = 0; i < MANY; i++) {
    struct cl_rng r = cl_rng_stream(3, CL_RNG_USER, (uint64_t)i, 0);
    struct cl_value v = cl_gene_mutate(h, &m.all, cl_value_real(0.0023), &r, &step);
    double d = cl_space_encode_one(h, v) - cl_space_encode_one(h, cl_value_real(0.0023));
    if (step == CL_GENE_DEFAULT) {
      assert_true(fabs(v.as.real - 1e-3) <= 0);
      back++;
      continue;
    }
    assert_true(fabs(d - step) <= 1e-12);
    sum += d;
    squares += d * d;
    n++;
  }
  assert_true(fabs(back / (double)MANY - 0.05) <= 0.006);
  assert_true(fabs(sum / n - 0) <= 0.003);
  assert_true(fabs(sqrt(squares / n) - 0.1) <= 0.002);
  cl_mutations_done(&m);
  cl_settings_destroy(s);
}

/* v N(1, 1) falls below the range for one in six, and rarely above it. */
static void original_draw_is_clamped_to_the_nearer_end(void **state) {
  (void)state;
  struct cl_settings *s = one("\"domain\": \"float\", \"lo\": 1e-6, \"hi\": 1.0");
  struct cl_mutations m = mutations("{\"kind\": \"multiplicative\", \"sd\": 1}", &s->space);
  int low = 0, high = 0;
  double step;
  for (int i = 0; i < MANY; i++) {
    struct cl_rng r = cl_rng_stream(4, CL_RNG_USER, (uint64_t)i, 0);
    struct cl_value v = cl_gene_mutate(&s->space.items[0], &m.all, cl_value_real(0.385), &r, &step);
    low += v.as.real == 1e-6;
    high += v.as.real == 1;
    if (v.as.real > 1e-6 && v.as.real < 1) assert_true(fabs(v.as.real - 0.385 * step) <= 1e-15);
  }
  assert_true(fabs(low / (double)MANY - 0.1587) <= 0.01);  /* below -1 sd */
  assert_true(fabs(high / (double)MANY - 0.0551) <= 0.01); /* above 1 / 0.385 - 1 = 1.597 sd */
  cl_settings_destroy(s);
  s = one("\"domain\": \"int\", \"lo\": 1, \"hi\": 1024");
  struct cl_rng r = cl_rng_stream(4, CL_RNG_USER, 77, 0);
  struct cl_value v = cl_gene_mutate(&s->space.items[0], &m.all, cl_value_int(64), &r, &step);
  assert_int_equal(v.kind, CL_INT);
  assert_int_equal(v.as.integer, (int64_t)fmin(1024, fmax(1, rint(64 * step))));
  cl_mutations_done(&m);
  cl_settings_destroy(s);
}

static void whatever_the_space_results_are_legal(void **state) {
  (void)state;
  static const char *const kinds[] = {"{}", "{\"kind\": \"multiplicative\", \"sd\": 1}",
                                      "{\"sd\": 3, \"choice\": 1}"};
  for (int k = 0; k < 200; k++) {
    struct cl_rng pick = cl_rng_stream(8, CL_RNG_USER, (uint64_t)k, 1);
    struct cl_settings *s = random_settings(&pick);
    int n = s->space.n;
    struct cl_mutations m = mutations(kinds[k % 3], &s->space);
    struct cl_value a[64], b[64], c[64];
    bool taken[64];
    double steps[64];
    assert_in_range(n, 1, 64);
    for (uint32_t i = 0; i < 30; i++) {
      (void)cl_space_draw(&s->space, 1, CL_RNG_RANDOM, 2 * i, NULL, a, NULL);
      (void)cl_space_draw(&s->space, 1, CL_RNG_RANDOM, 2 * i + 1, NULL, b, NULL);
      struct cl_breeding of = {.seed = 9, .generation = i, .couple = 1, .descendant = 2, .swap = 0.5};
      cl_genes_breed(&s->space, &m, &of, a, b, c, taken, steps);
      struct cl_err e = {0};
      if (cl_space_constraints_hold(&s->space, c, NULL) && cl_space_check(&s->space, c, &e) < 0)
        fail_msg("space %d: %s", k, e.text);
    }
    cl_mutations_done(&m);
    cl_settings_destroy(s);
  }
}

static void overrides_of_one_do_not_reach_the_next(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(four, "");
  struct cl_mutations m =
      mutations("{\"reset\": 0.25, \"of\": {\"lr\": {\"sd\": 0.5, \"reset\": 0}, \"opt\": {\"choice\": 0.7},"
                " \"batch\": {\"kind\": \"multiplicative\"}}}",
                &s->space);
  const struct cl_mutation *lr = cl_mutations_find(&m, 1), *batch = cl_mutations_find(&m, 2);
  const struct cl_mutation *opt = cl_mutations_find(&m, 3), *width = cl_mutations_find(&m, 4);
  assert_true(lr->sd == 0.5 && lr->reset == 0 && lr->kind == CL_MUTATION_NORMAL && lr->choice == 0.1);
  assert_true(batch->sd == 0.1 && batch->reset == 0.25 && batch->kind == CL_MUTATION_MULTIPLICATIVE);
  assert_true(opt->sd == 0.1 && opt->choice == 0.7 && opt->kind == CL_MUTATION_NORMAL);
  assert_true(width->sd == 0.1 && width->reset == 0.25 && width->choice == 0.1);
  cl_mutations_done(&m);
  cl_settings_destroy(s);
}

static void mistakes_are_named(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"{\"sd\": -1}", "sd of method epbt must be a number in 0…1000000"},
      {"{\"kind\": \"uniform\"}", "kind of method epbt must be one of normal|multiplicative"},
      {"{\"rate\": 1}", "has no option \"rate\""},
      {"{\"of\": 3}", "of of method epbt must be options of its own"},
      {"{\"of\": {\"lrr\": {}}}", "no hyperparameter is called lrr; did you mean lr?"},
      {"{\"of\": {\"lr\": 0.2}}", "mutation of lr must be options, like {sd: 0.2}"},
      {"{\"of\": {\"lr\": {\"reset\": 2}}}", "reset of method epbt must be a number in 0…1"}};
  struct cl_settings *s = settings_of(four, "");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct cl_mutations m;
    struct cl_err e = {0};
    json_t *given = json_loads(cases[i][0], 0, NULL);
    assert_int_equal(cl_mutations_init(&m, given, &s->space, &e), CLADE_ESPEC);
    if (strstr(e.text, cases[i][1]) == NULL) fail_msg("%s", e.text);
    json_decref(given);
  }
  cl_settings_destroy(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(couple_exchanges_genes_and_keeps_its_own_state),
      cmocka_unit_test(only_other_attempts_mutate_anew),
      cmocka_unit_test(normal_steps_are_of_the_unit_cube_and_some_go_back),
      cmocka_unit_test(original_draw_is_clamped_to_the_nearer_end),
      cmocka_unit_test(whatever_the_space_results_are_legal),
      cmocka_unit_test(overrides_of_one_do_not_reach_the_next),
      cmocka_unit_test(mistakes_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
