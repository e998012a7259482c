#include "cmocka_all.h"
#include "spaces.h"

#define MAX_N 16

static double number(struct cl_value v) {
  return cl_value_number(v);
}

static void every_value_of_a_domain_survives_encoding(void **state) {
  (void)state;
  for (int i = 0; i < MIXED_SCALES + MIXED_INTS + MIXED_LISTS * 2; i++) {
    char members[200];
    int list = i - MIXED_SCALES - MIXED_INTS;
    if (i < MIXED_SCALES)
      snprintf(members, sizeof members, "\"domain\": \"float\", %s", mixed_scales[i]);
    else if (list < 0)
      snprintf(members, sizeof members, "\"domain\": \"int\", %s", mixed_ints[i - MIXED_SCALES]);
    else
      snprintf(members, sizeof members, "\"domain\": \"%s\", \"values\": %s",
               list % 2 ? "ordered" : "unordered", mixed_lists[list / 2]);
    struct cl_settings *s = one(members);
    const struct cl_hyperparameter *h = &s->space.items[0];
    bool exact = h->step > 0 || h->n_values > 0;
    for (int k = 0; k <= 1000; k++) {
      struct cl_value v = cl_space_decode_one(h, k / 1000.0);
      if (h->scale >= CL_NORMAL && (k < 1 || k > 999)) continue; /* beyond 3 sd u has too few digits */
      assert_true(cl_space_allows(h, v));
      struct cl_value back = cl_space_decode_one(h, cl_space_encode_one(h, v));
      if (exact)
        assert_true(cl_value_equal(v, back));
      else
        assert_true(fabs(number(v) - number(back)) <= 1e-13 * (1 + fabs(number(v))));
    }
    for (int64_t level = 0; level < cl_space_levels(h); level++) {
      struct cl_value v = cl_space_level_value(h, level);
      assert_true(cl_space_allows(h, v));
      assert_int_equal(cl_space_level_of(h, v), level);
      assert_true(cl_value_equal(cl_space_decode_one(h, cl_space_encode_one(h, v)), v));
    }
    cl_settings_destroy(s);
  }
}

static void coordinates_beyond_the_cube_give_the_ends(void **state) {
  (void)state;
  struct cl_settings *s = one("\"domain\": \"float\", \"lo\": 1e-5, \"hi\": 0.3, \"scale\": \"log\"");
  assert_true(number(cl_space_decode_one(&s->space.items[0], -0.5)) == 1e-5);
  assert_true(number(cl_space_decode_one(&s->space.items[0], 1.5)) == 0.3);
  assert_true(isnan(cl_space_encode_one(&s->space.items[0], cl_value_real(0.31))));
  assert_true(isnan(cl_space_encode_one(&s->space.items[0], cl_value_int(1))));
  cl_settings_destroy(s);
}

static void integers_are_widened_by_half_a_step(void **state) {
  (void)state;
  struct cl_settings *s = one("\"domain\": \"int\", \"lo\": 3, \"hi\": 6");
  const struct cl_hyperparameter *h = &s->space.items[0];
  assert_int_equal(cl_space_levels(h), 4);
  assert_int_equal(cl_space_decode_one(h, 0.2499).as.integer, 3);
  assert_int_equal(cl_space_decode_one(h, 0.2501).as.integer, 4);
  assert_int_equal(cl_space_decode_one(h, 0.7501).as.integer, 6);
  assert_true(cl_space_encode_one(h, cl_value_int(3)) == 0.125);
  cl_settings_destroy(s);
}

static void small_integers_are_likelier_on_a_log_scale(void **state) {
  (void)state;
  struct cl_settings *s = one("\"domain\": \"int\", \"lo\": 1, \"hi\": 5, \"scale\": \"log\"");
  int count[6] = {0};
  for (int k = 0; k < 100000; k++)
    count[cl_space_decode_one(&s->space.items[0], (k + 0.5) / 1e5).as.integer]++;
  for (int i = 1; i < 5; i++) assert_true(count[i] > count[i + 1]);
  /* P(i) = ln((i + 1/2) / (i - 1/2)) / ln(11) */
  for (int i = 1; i <= 5; i++)
    assert_true(fabs(count[i] / 1e5 - log((i + 0.5) / (i - 0.5)) / log(11)) < 2e-5);
  cl_settings_destroy(s);
}

static void the_upper_bound_is_lowered_to_the_step_grid(void **state) {
  (void)state;
  struct cl_settings *s = one("\"domain\": \"float\", \"lo\": 0.1, \"hi\": 0.94, \"step\": 0.1");
  const struct cl_hyperparameter *h = &s->space.items[0];
  assert_true(h->hi == 0.9);
  assert_int_equal(cl_space_levels(h), 9);
  assert_true(cl_space_level_value(h, 2).as.real == 0.3); /* not 0.30000000000000004 */
  cl_settings_destroy(s);
  s = one("\"domain\": \"float\", \"lo\": 0, \"hi\": 1, \"step\": 0.1"); /* divides it, but not in binary */
  assert_int_equal(cl_space_levels(&s->space.items[0]), 11);
  assert_true(s->space.items[0].hi == 1);
  cl_settings_destroy(s);
  s = one("\"domain\": \"int\", \"lo\": 2, \"hi\": 31, \"step\": 4");
  assert_true(s->space.items[0].hi == 30);
  cl_settings_destroy(s);
}

static void whole_numbers_without_bounds_end_where_they_are_exact(void **state) {
  (void)state;
  const int64_t most = INT64_C(1) << 53;
  struct cl_settings *s =
      one("\"domain\": \"int\", \"mean\": 1e17, \"sd\": 3e20, \"step\": 1000000, \"scale\": \"normal\"");
  const struct cl_hyperparameter *h = &s->space.items[0];
  for (int k = 0; k <= 20; k++) {
    struct cl_value v = cl_space_decode_one(h, k / 20.0);
    assert_in_range(v.as.integer + most, 0, 2 * most);
    assert_int_equal(v.as.integer % 1000000, 0);
  }
  struct cl_value v = {0};
  assert_int_equal(cl_space_convert(h, cl_value_real(4e21), &v, NULL), CLADE_EINVAL);
  cl_settings_destroy(s);
  s = one("\"domain\": \"int\", \"lo\": -9007199254740992, \"hi\": 9007199254740992, \"step\": 2");
  assert_int_equal(cl_space_levels(&s->space.items[0]), most + 1);
  assert_int_equal(cl_space_level_value(&s->space.items[0], most).as.integer, most);
  cl_settings_destroy(s);
}

static void zero_or_log_gives_zero_its_share(void **state) {
  (void)state;
  struct cl_settings *s =
      one("\"domain\": \"float\", \"lo\": 0.001, \"hi\": 2.5, \"scale\": \"log\", \"zero\": 0.15");
  const struct cl_hyperparameter *h = &s->space.items[0];
  assert_true(number(cl_space_decode_one(h, 0.1499)) == 0);
  assert_true(fabs(number(cl_space_decode_one(h, 0.1501)) - 0.001) < 1e-5);
  assert_true(cl_space_encode_one(h, cl_value_real(0)) < 0.15);
  assert_true(cl_space_allows(h, cl_value_real(0)));
  assert_false(cl_space_allows(h, cl_value_real(0.0005)));
  cl_settings_destroy(s);
}

/* Largest distance between the empirical distribution of n sorted numbers and `cdf`. */
static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double normal_cdf(double z) {
  return 0.5 * erfc(-z / sqrt(2));
}

static double cdf_of(const struct cl_hyperparameter *h, double x) {
  double lo = h->lo, hi = h->hi;
  switch (h->scale) {
  case CL_LINEAR: return (x - lo) / (hi - lo);
  case CL_LOG: return log(x / lo) / log(hi / lo);
  case CL_LOGIT: return log(x / (1 - x) * (1 - lo) / lo) / log(hi / (1 - hi) * (1 - lo) / lo);
  case CL_NORMAL: return normal_cdf((x - h->mean) / h->sd);
  default: return normal_cdf((log(x) - h->mean) / h->sd);
  }
}

static void draws_of_each_scale_follow_its_distribution(void **state) {
  (void)state;
  enum { N = 20000 };
  for (int i = 0; i < 5; i++) {
    char members[200];
    snprintf(members, sizeof members, "\"domain\": \"float\", %s", mixed_scales[i]);
    struct cl_settings *s = one(members);
    double *x = calloc(N, sizeof *x);
    for (int t = 0; t < N; t++) {
      struct cl_value v[1];
      assert_int_equal(cl_space_draw(&s->space, 2385, CL_RNG_RANDOM, (uint64_t)t, NULL, v, NULL), 0);
      x[t] = number(v[0]);
    }
    qsort(x, N, sizeof *x, compare_doubles);
    double worst = 0;
    for (int k = 0; k < N; k++) {
      double p = cdf_of(&s->space.items[0], x[k]);
      worst = fmax(worst, fmax(fabs(p - (double)k / N), fabs(p - (k + 1.0) / N)));
    }
    assert_true(worst * sqrt(N) < 1.63); /* the 1 % point of Kolmogorov's distribution; the seed is fixed */
    free(x);
    cl_settings_destroy(s);
  }
}

static void draws_of_discrete_domains_are_even(void **state) {
  (void)state;
  enum { N = 30000 };
  const char *members[] = {"\"domain\": \"int\", \"lo\": -3, \"hi\": 14",
                           "\"domain\": \"float\", \"lo\": 0.1, \"hi\": 0.94, \"step\": 0.12",
                           "\"domain\": \"unordered\", \"values\": [\"a\", \"b\", \"c\", null, 1.5]"};
  for (int i = 0; i < 3; i++) {
    struct cl_settings *s = one(members[i]);
    int64_t levels = cl_space_levels(&s->space.items[0]);
    double expected = (double)N / (double)levels, chi = 0;
    int count[64] = {0};
    for (int t = 0; t < N; t++) {
      struct cl_value v[1];
      assert_int_equal(cl_space_draw(&s->space, 77, CL_RNG_RANDOM, (uint64_t)t, NULL, v, NULL), 0);
      count[cl_space_level_of(&s->space.items[0], v[0])]++;
    }
    for (int64_t k = 0; k < levels; k++) chi += pow(count[k] - expected, 2) / expected;
    assert_true(chi < (double)(levels - 1) + 3.1 * sqrt(2 * (double)(levels - 1)));
    cl_settings_destroy(s);
  }
}

static const char tree[] =
    "{\"id\": 5, \"name\": \"momentum\", \"domain\": \"float\", \"lo\": 0.1, \"hi\": 0.9, \"parent\": \"opt\", "
    "\"when\": [\"sgd\"]},"
    "{\"id\": 2, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\", \"rms\"], "
    "\"tuned\": \"rms\"},"
    "{\"id\": 9, \"name\": \"nesterov\", \"domain\": \"unordered\", \"values\": [false, true], \"parent\": "
    "\"momentum_kind\", \"when\": [\"on\"]},"
    "{\"id\": 7, \"name\": \"momentum_kind\", \"domain\": \"ordered\", \"values\": [\"off\", \"on\"], \"parent\": "
    "\"opt\", \"when\": [\"sgd\", \"rms\"]}";

static void children_are_active_only_under_their_parents_value(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(tree, "");
  const struct cl_space *space = &s->space;
  int opt = cl_space_find(space, "opt"), momentum = cl_space_find(space, "momentum");
  int kind = cl_space_find(space, "momentum_kind"), nesterov = cl_space_find(space, "nesterov");
  int active = 0;
  assert_true(opt < momentum && kind < nesterov); /* parents first, whatever the order of the list */
  for (uint64_t t = 0; t < 3000; t++) {
    struct cl_value v[4];
    assert_int_equal(cl_space_draw(space, 3, CL_RNG_RANDOM, t, NULL, v, NULL), 0);
    bool sgd = strcmp(v[opt].as.text, "sgd") == 0, adam = strcmp(v[opt].as.text, "adam") == 0;
    assert_int_equal(v[momentum].kind != CL_ABSENT, sgd);
    assert_int_equal(v[kind].kind != CL_ABSENT, !adam);
    assert_int_equal(v[nesterov].kind != CL_ABSENT, !adam && strcmp(v[kind].as.text, "on") == 0);
    active += v[momentum].kind != CL_ABSENT;
    assert_int_equal(cl_space_check(space, v, NULL), 0);
  }
  assert_true(active > 900 && active < 1100); /* P(opt = sgd) = 1/3 */
  cl_settings_destroy(s);
}

static void settling_fills_in_defaults_and_clears_the_inactive(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(tree, "");
  const struct cl_space *space = &s->space;
  int opt = cl_space_find(space, "opt"), momentum = cl_space_find(space, "momentum");
  struct cl_value v[4] = {{0}}, from[4] = {{0}};
  v[momentum] = cl_value_real(0.3);
  cl_space_settle(space, v, NULL); /* opt takes its tuned value rms, under which momentum is inactive */
  assert_string_equal(v[opt].as.text, "rms");
  assert_int_equal(v[momentum].kind, CL_ABSENT);
  v[opt] = cl_value_text("sgd");
  from[momentum] = cl_value_real(0.7125);
  cl_space_settle(space, v, from);
  assert_true(v[momentum].as.real == 0.7125);
  assert_int_equal(cl_space_check(space, v, NULL), 0);
  cl_settings_destroy(s);
}

static void a_broken_constraint_is_redrawn_from_the_next_sub_stream(void **state) {
  (void)state;
  const char pair[] = "{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1},"
                      "{\"id\": 2, \"name\": \"b\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1}";
  struct cl_settings *free_ = settings_of(pair, "");
  struct cl_settings *bound = settings_of(pair, ", \"constraints\": [\"a + b <= 0.31\"]");
  int redrawn = 0;
  for (uint64_t t = 0; t < 500; t++) {
    struct cl_value v[2];
    int redraws = -1;
    int status = cl_space_draw(&bound->space, 11, CL_RNG_RANDOM, t, NULL, v, &redraws);
    assert_int_equal(status, number(v[0]) + number(v[1]) <= 0.31 ? 0 : CLADE_EMPTY);
    redrawn += redraws;
    struct cl_rng r = cl_rng_stream(11, CL_RNG_RANDOM, t, 1 + 65536u * (uint32_t)redraws);
    assert_true(number(v[0]) == cl_rng_uniform(&r));
    if (redraws > 0) continue;
    struct cl_value w[2];
    assert_int_equal(cl_space_draw(&free_->space, 11, CL_RNG_RANDOM, t, NULL, w, NULL), 0);
    assert_true(cl_space_equal(&free_->space, v, w)); /* the first draw is the unconstrained one */
  }
  assert_true(redrawn > 500 * 15 && redrawn < 500 * 26); /* 1/P - 1 = 19.8 */
  cl_settings_destroy(free_);
  cl_settings_destroy(bound);
}

static void a_hundred_illegal_draws_are_an_infeasible_proposal(void **state) {
  (void)state;
  struct cl_settings *s =
      settings_of("{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1}",
                  ", \"constraints\": [\"a > 2\"]");
  struct cl_value v[1];
  int redraws = -1;
  assert_int_equal(cl_space_draw(&s->space, 1, CL_RNG_RANDOM, 4, NULL, v, &redraws), CLADE_EMPTY);
  assert_int_equal(redraws, CL_REDRAWS_MAX - 1);
  assert_true(cl_space_allows(&s->space.items[0], v[0])); /* the last draw, complete */
  cl_settings_destroy(s);
}

static void given_values_are_kept_where_they_are_active(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(tree, "");
  int opt = cl_space_find(&s->space, "opt"), momentum = cl_space_find(&s->space, "momentum");
  struct cl_value given[4] = {{0}}, v[4];
  given[opt] = cl_value_text("sgd");
  given[momentum] = cl_value_real(0.2385);
  assert_int_equal(cl_space_draw(&s->space, 1, CL_RNG_USER, 9, given, v, NULL), 0);
  assert_true(v[momentum].as.real == 0.2385);
  given[opt] = cl_value_text("adam");
  assert_int_equal(cl_space_draw(&s->space, 1, CL_RNG_USER, 9, given, v, NULL), 0);
  assert_int_equal(v[momentum].kind, CL_ABSENT);
  cl_settings_destroy(s);
}

static void another_hyperparameter_leaves_the_draws_of_the_others(void **state) {
  (void)state;
  const char a[] = "{\"id\": 4, \"name\": \"a\", \"domain\": \"float\", \"lo\": -1, \"hi\": 1},"
                   "{\"id\": 9, \"name\": \"b\", \"domain\": \"int\", \"lo\": 1, \"hi\": 1000}";
  char more[400];
  snprintf(more, sizeof more,
           "{\"id\": 12, \"name\": \"new\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1},%s", a);
  struct cl_settings *s = settings_of(a, ""), *wide = settings_of(more, "");
  for (uint64_t t = 1; t < 200; t++) {
    struct cl_value v[2], w[3];
    assert_int_equal(cl_space_draw(&s->space, 8, CL_RNG_RANDOM, t, NULL, v, NULL), 0);
    assert_int_equal(cl_space_draw(&wide->space, 8, CL_RNG_RANDOM, t, NULL, w, NULL), 0);
    assert_true(cl_value_equal(v[0], w[1]) && cl_value_equal(v[1], w[2]));
  }
  cl_settings_destroy(s);
  cl_settings_destroy(wide);
}

static void configurations_ignore_what_is_inactive_constant_or_drawn(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(
      "{\"id\": 1, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\"]},"
      "{\"id\": 2, \"name\": \"m\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1, \"parent\": \"opt\", \"when\": "
      "[\"sgd\"]},"
      "{\"id\": 3, \"name\": \"seed\", \"domain\": \"int\", \"lo\": 0, \"hi\": 65535, \"drawn\": true}",
      "");
  struct cl_value a[3] = {cl_value_text("adam"), {0}, cl_value_int(5)};
  struct cl_value b[3] = {cl_value_text("adam"), cl_value_real(0.5), cl_value_int(6)};
  assert_true(cl_space_equal(&s->space, a, b));
  assert_true(cl_space_hash(&s->space, a) == cl_space_hash(&s->space, b));
  a[0] = b[0] = cl_value_text("sgd");
  a[1] = cl_value_real(0.25);
  assert_false(cl_space_equal(&s->space, a, b));
  assert_true(cl_space_hash(&s->space, a) != cl_space_hash(&s->space, b));
  cl_settings_destroy(s);
}

static void illegal_assignments_are_named(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(
      "{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 1e-5, \"hi\": 1, \"scale\": \"log\"},"
      "{\"id\": 2, \"name\": \"layers\", \"domain\": \"int\", \"lo\": 1, \"hi\": 4}",
      ", \"constraints\": [\"lr * layers < 2\"]");
  struct cl_err e = {0};
  struct cl_value v[2] = {cl_value_real(2), cl_value_int(3)};
  assert_int_equal(cl_space_check(&s->space, v, &e), CLADE_EINVAL);
  assert_string_equal(e.text, "lr is 2.0, but must be a number in 1e-05 … 1.0");
  v[0] = cl_value_real(0.9);
  assert_int_equal(cl_space_check(&s->space, v, &e), CLADE_EINVAL);
  assert_string_equal(e.text, "the constraint \"lr * layers < 2\" does not hold");
  v[1] = (struct cl_value){0};
  assert_int_equal(cl_space_check(&s->space, v, &e), CLADE_EINVAL);
  cl_settings_destroy(s);
}

static void typed_values_become_values_of_the_domain(void **state) {
  (void)state;
  struct cl_settings *s =
      settings_of("{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"lo\": 0, \"hi\": 3, \"step\": 0.1},"
                  "{\"id\": 2, \"name\": \"b\", \"domain\": \"int\", \"lo\": 1, \"hi\": 4},"
                  "{\"id\": 3, \"name\": \"c\", \"domain\": \"ordered\", \"values\": [1, 2.5, \"8\", null]}",
                  "");
  struct cl_value v = {0};
  struct cl_err e = {0};
  assert_int_equal(cl_space_convert(&s->space.items[0], cl_value_int(2), &v, &e), 0);
  assert_true(cl_value_equal(v, cl_value_real(2)));
  assert_int_equal(cl_space_convert(&s->space.items[0], cl_value_real(3 * 0.1), &v, &e), 0);
  assert_true(v.as.real == 0.3);
  assert_int_equal(cl_space_convert(&s->space.items[0], cl_value_real(0.35), &v, &e), CLADE_EINVAL);
  assert_string_equal(e.text, "a is 0.35, but must be a number in 0.0 … 3.0 step 0.1");
  assert_int_equal(cl_space_convert(&s->space.items[1], cl_value_real(3), &v, &e), 0);
  assert_true(cl_value_equal(v, cl_value_int(3)));
  assert_int_equal(cl_space_convert(&s->space.items[1], cl_value_real(2.5), &v, &e), CLADE_EINVAL);
  assert_int_equal(cl_space_convert(&s->space.items[1], cl_value_text("2"), &v, &e), CLADE_EINVAL);
  assert_int_equal(cl_space_convert(&s->space.items[2], cl_value_real(1), &v, &e), 0);
  assert_true(cl_value_equal(v, cl_value_int(1)));
  assert_int_equal(cl_space_convert(&s->space.items[2], cl_value_int(8), &v, &e), 0);
  assert_true(cl_value_equal(v, cl_value_text("8")));
  assert_int_equal(cl_space_convert(&s->space.items[2], cl_value_text("adam"), &v, &e), CLADE_EINVAL);
  assert_string_equal(e.text, "c is \"adam\", but must be one of [1, 2.5, 8, null]");
  cl_settings_destroy(s);
}

static void broken_definitions_say_what_to_do(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 1, \"scale\": \"log\"",
       "x: a log scale needs bounds above 0"},
      {"\"domain\": \"float\", \"lo\": 2, \"hi\": 1", "x: range [2, 1] has its bounds in the wrong order"},
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 1, \"scale\": \"logit\"",
       "x: a logit scale needs bounds inside"},
      {"\"domain\": \"float\", \"scale\": \"normal\", \"mean\": 1",
       "x: a normal scale needs a finite mean and sd"},
      {"\"domain\": \"int\", \"lo\": 0.5, \"hi\": 3", "x: an int needs a whole lower bound"},
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 3, \"step\": 4", "x: step 4 is longer than the range"},
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 3, \"zero\": 0.1", "x: zero is the share of draws"},
      {"\"domain\": \"ordered\", \"values\": [1, 2, 1]", "x: the value 1 is listed twice"},
      {"\"domain\": \"constant\", \"values\": [1, 2]", "x: a constant has one value, not 2"},
      {"\"domain\": \"ordered\", \"values\": [1, [2]]", "x: values must be a list of numbers"},
      {"\"domain\": \"floot\", \"lo\": 0, \"hi\": 3",
       "x: domain is \"floot\", but must be one of float, int"},
      {"\"domain\": \"float\", \"lo\": -1.7e308, \"hi\": 1.7e308",
       "x: range [-1.7e+308, 1.7e+308] is not finite"},
      {"\"domain\": \"float\", \"scale\": \"lognormal\", \"mean\": 600, \"sd\": 20",
       "x: mean 600 and sd 20 of the logarithm overflow"},
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 1e9, \"step\": 1e-9",
       "x: step 1e-09 divides the range into more"},
      {"\"domain\": \"int\", \"lo\": 0, \"hi\": 1e17, \"step\": 100", "x: an int needs a whole lower bound"},
      {"\"domain\": \"float\", \"lo\": 0", "x: lo and hi must be given"},
      {"\"domain\": \"ordered\"", "x: 0 values, but a list has 1 to 100000"},
      {"\"domain\": \"ordered\", \"values\": []", "x: values must be a list of 1 to 100000 values"},
      {"\"domain\": \"ordered\", \"values\": [1, 2], \"scale\": \"log\"",
       "x: scale, step and zero belong to a range"},
      {"\"domain\": \"constant\", \"values\": [1], \"drawn\": true", "x: a constant cannot be drawn"},
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 3, \"tuned\": [1]", "x: tuned must be a number"},
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 3, \"change\": \"never\"",
       "x: change is \"never\", but must be one of live, restart, start"},
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 3}, {\"id\": 2, \"name\": \"x\", \"domain\": \"float\", \"lo\": 0, "
       "\"hi\": 3",
       "x: two hyperparameters have this name"},
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 3}, {\"id\": 1, \"name\": \"y\", \"domain\": \"float\", \"lo\": 0, "
       "\"hi\": 3",
       "x and y have the same id 1"},
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 3}, {\"id\": 70000, \"name\": \"y\", \"domain\": \"float\", "
       "\"lo\": 0, \"hi\": 3",
       "y: id is 70000, but must lie in 1…65535"},
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 3}, {\"id\": 2, \"name\": \"\", \"domain\": \"float\", \"lo\": 0, "
       "\"hi\": 3",
       "hyperparameter 2 has no name"},
      {"\"domain\": \"int\", \"lo\": 0, \"hi\": 3, \"drawn\": true}, {\"id\": 2, \"name\": \"y\", \"domain\": \"float\", "
       "\"lo\": 0, \"hi\": 3, \"parent\": \"x\", \"when\": [1]",
       "y: its parent x is drawn anew for each trial"},
      {"\"domain\": \"int\", \"lo\": 0, \"hi\": 3}, {\"id\": 2, \"name\": \"y\", \"domain\": \"float\", "
       "\"lo\": 0, \"hi\": 3, \"parent\": \"x\", \"when\": [1, 7]",
       "y: when: x is 7, but must be a whole number in 0 … 3"},
      {"\"domain\": \"int\", \"lo\": 0, \"hi\": 3}, {\"id\": 2, \"name\": \"y\", \"domain\": \"float\", "
       "\"lo\": 0, \"hi\": 3, \"parent\": \"x\"",
       "y: `when` names no value of x"},
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 3, \"parent\": \"y\"", "x: parent must be the name of"},
      {"\"domain\": \"float\", \"lo\": 0, \"hi\": 3, \"parent\": \"x\"",
       "settings: hyperparameters are each other's"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct cl_text t = {0};
    struct cl_settings *s = NULL;
    struct cl_err e = {0};
    cl_text_format(
        &t,
        "{\"study\": \"s\", \"objectives\": [{\"name\": \"l\", \"goal\": \"minimize\"}], \"trials\": 1, "
        "\"hyperparameters\": [{\"id\": 1, \"name\": \"x\", %s}]}",
        cases[i][0]);
    assert_int_equal(cl_settings_parse(cl_text_get(&t), &s, &e), CLADE_ESPEC);
    assert_memory_equal(e.text, cases[i][1], strlen(cases[i][1]));
    assert_null(s);
    cl_text_done(&t);
  }
}

static void ten_thousand_random_spaces_keep_their_promises(void **state) {
  (void)state;
  struct cl_rng r = cl_rng_stream(4242, CL_RNG_USER, 0, 0);
  for (uint64_t k = 0; k < 10000; k++) {
    struct cl_settings *s = random_settings(&r);
    const struct cl_space *space = &s->space;
    struct cl_value v[MAX_N], w[MAX_N], back[MAX_N];
    double u[MAX_N], factors[MAX_N];
    bool active[MAX_N];
    int status = cl_space_draw(space, k, CL_RNG_RANDOM, k, NULL, v, NULL);
    assert_int_equal(status, 0);
    assert_int_equal(cl_space_check(space, v, NULL), 0);
    cl_space_encode(space, v, u, active);
    cl_space_decode(space, u, back);
    for (int i = 0; i < space->n; i++) {
      assert_int_equal(active[i], v[i].kind != CL_ABSENT);
      assert_int_equal(back[i].kind, v[i].kind);
      if (cl_space_levels(&space->items[i]) > 0) assert_true(cl_value_equal(back[i], v[i]));
    }
    const double steps[] = {1.2, 0.8};
    status = cl_space_perturb(space, k, k % 7, (uint32_t)(k % 60000), steps, 2, 0.25, v, w, factors);
    assert_true(status == 0 || status == CLADE_EMPTY);
    assert_int_equal(cl_space_check(space, w, NULL), 0);
    cl_settings_destroy(s);
  }
}

static void zero_is_a_value_of_zero_or_log(void **state) {
  (void)state;
  struct cl_settings *s =
      one("\"domain\": \"int\", \"lo\": 4, \"hi\": 64, \"scale\": \"log\", \"zero\": 0.2");
  struct cl_value v = {0};
  assert_int_equal(cl_space_convert(&s->space.items[0], cl_value_real(0), &v, NULL), 0);
  assert_true(cl_value_equal(v, cl_value_int(0)));
  assert_int_equal(cl_space_convert(&s->space.items[0], cl_value_int(3), &v, NULL), CLADE_EINVAL);
  assert_int_equal(cl_space_level_of(&s->space.items[0], cl_value_int(4)), 1);
  cl_settings_destroy(s);
}

static void a_value_without_an_active_parent_is_refused(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(tree, "");
  struct cl_value v[4];
  struct cl_err e = {0};
  int opt = cl_space_find(&s->space, "opt"), momentum = cl_space_find(&s->space, "momentum");
  assert_int_equal(cl_space_draw(&s->space, 1, CL_RNG_RANDOM, 1, NULL, v, NULL), 0);
  v[opt] = cl_value_text("adam");
  cl_space_settle(&s->space, v, NULL);
  assert_int_equal(cl_space_check(&s->space, v, &e), 0);
  v[momentum] = cl_value_real(0.5);
  assert_int_equal(cl_space_check(&s->space, v, &e), CLADE_EINVAL);
  assert_string_equal(e.text, "momentum has a value, but is not active under this value of opt");
  cl_settings_destroy(s);
}

static void descriptions_of_rarer_domains_are_complete(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"\"domain\": \"float\", \"scale\": \"normal\", \"mean\": 1.5, \"sd\": 0.25",
       "x             float     -∞ … ∞          normal(1.5, 0.25) live"},
      {"\"domain\": \"float\", \"lo\": 0.5, \"hi\": 8, \"scale\": \"log\", \"zero\": 0.1",
       "x             float     0 or 0.5 … 8.0  log     live"},
      {"\"domain\": \"constant\", \"values\": [\"adam\"]", "x             constant  adam"},
      {"\"domain\": \"int\", \"lo\": 0, \"hi\": 9, \"drawn\": true",
       "x             int       0 … 9           linear  live    drawn anew for each trial"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct cl_settings *s = one(cases[i][0]);
    struct cl_text t = {0};
    cl_space_describe(&s->space.items[0], &s->space, &t);
    assert_string_equal(cl_text_get(&t), cases[i][1]);
    cl_text_done(&t);
    cl_settings_destroy(s);
  }
}

static void descriptions_show_range_scale_and_condition(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(
      "{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 1e-5, \"hi\": 1, \"scale\": \"log\", \"tuned\": "
      "0.01},"
      "{\"id\": 2, \"name\": \"layers\", \"domain\": \"ordered\", \"values\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]},"
      "{\"id\": 3, \"name\": \"width\", \"domain\": \"int\", \"lo\": 8, \"hi\": 64, \"step\": 8, \"parent\": "
      "\"layers\", \"when\": [2, 3], \"change\": \"start\"}",
      "");
  const char *expected[] = {
      "lr            float     1e-05 … 1.0     log     live    tuned 0.01",
      "layers        ordered   [1, 2, 3, 4, 5, 6, …, 10] (10 values)         restart",
      "width         int       8 … 64 step 8   linear  start   when layers is in [2, 3]"};
  for (int i = 0; i < 3; i++) {
    struct cl_text t = {0};
    cl_space_describe(&s->space.items[i], &s->space, &t);
    assert_string_equal(cl_text_get(&t), expected[i]);
    cl_text_done(&t);
  }
  cl_settings_destroy(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_value_of_a_domain_survives_encoding),
      cmocka_unit_test(coordinates_beyond_the_cube_give_the_ends),
      cmocka_unit_test(integers_are_widened_by_half_a_step),
      cmocka_unit_test(small_integers_are_likelier_on_a_log_scale),
      cmocka_unit_test(the_upper_bound_is_lowered_to_the_step_grid),
      cmocka_unit_test(zero_or_log_gives_zero_its_share),
      cmocka_unit_test(draws_of_each_scale_follow_its_distribution),
      cmocka_unit_test(draws_of_discrete_domains_are_even),
      cmocka_unit_test(children_are_active_only_under_their_parents_value),
      cmocka_unit_test(settling_fills_in_defaults_and_clears_the_inactive),
      cmocka_unit_test(a_broken_constraint_is_redrawn_from_the_next_sub_stream),
      cmocka_unit_test(a_hundred_illegal_draws_are_an_infeasible_proposal),
      cmocka_unit_test(given_values_are_kept_where_they_are_active),
      cmocka_unit_test(another_hyperparameter_leaves_the_draws_of_the_others),
      cmocka_unit_test(configurations_ignore_what_is_inactive_constant_or_drawn),
      cmocka_unit_test(illegal_assignments_are_named),
      cmocka_unit_test(typed_values_become_values_of_the_domain),
      cmocka_unit_test(broken_definitions_say_what_to_do),
      cmocka_unit_test(ten_thousand_random_spaces_keep_their_promises),
      cmocka_unit_test(zero_is_a_value_of_zero_or_log),
      cmocka_unit_test(whole_numbers_without_bounds_end_where_they_are_exact),
      cmocka_unit_test(a_value_without_an_active_parent_is_refused),
      cmocka_unit_test(descriptions_of_rarer_domains_are_complete),
      cmocka_unit_test(descriptions_show_range_scale_and_condition),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
