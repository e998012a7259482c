#include "cmocka_all.h"
#include "spaces.h"

static struct cl_value moved(const char *members, struct cl_value v, double factor) {
  struct cl_settings *s = one(members);
  struct cl_value w = cl_space_perturb_one(&s->space.items[0], v, factor);
  assert_true(cl_space_allows(&s->space.items[0], w));
  cl_settings_destroy(s);
  return w;
}

static void numbers_are_multiplied_and_clipped(void **state) {
  (void)state;
  const char lr[] = "\"domain\": \"float\", \"lo\": 1e-4, \"hi\": 0.5, \"scale\": \"log\"";
  assert_true(moved(lr, cl_value_real(0.1), 1.2).as.real == 0.1 * 1.2);
  assert_true(moved(lr, cl_value_real(0.45), 1.2).as.real == 0.5);
  assert_true(moved(lr, cl_value_real(1.1e-4), 0.8).as.real == 1e-4);
  assert_true(moved(lr, cl_value_real(0.1), 1).as.real == 0.1);
}

static void odds_are_multiplied_on_a_logit_scale(void **state) {
  (void)state;
  const char momentum[] = "\"domain\": \"float\", \"lo\": 0.1, \"hi\": 0.9999, \"scale\": \"logit\"";
  assert_true(fabs(moved(momentum, cl_value_real(0.9), 1.2).as.real - 10.8 / 11.8) < 1e-15);
  assert_true(fabs(moved(momentum, cl_value_real(0.9), 0.8).as.real - 7.2 / 8.2) < 1e-15);
  assert_true(moved(momentum, cl_value_real(0.999), 1.5e308).as.real ==
              0.9999); /* odds beyond every number */
}

static void whole_numbers_move_by_at_least_one(void **state) {
  (void)state;
  const char layers[] = "\"domain\": \"int\", \"lo\": -3, \"hi\": 40";
  assert_int_equal(moved(layers, cl_value_int(2), 1.2).as.integer, 3);
  assert_int_equal(moved(layers, cl_value_int(2), 0.8).as.integer, 1);
  assert_int_equal(moved(layers, cl_value_int(20), 1.2).as.integer, 24);
  assert_int_equal(moved(layers, cl_value_int(0), 1.2).as.integer, 1);
  assert_int_equal(moved(layers, cl_value_int(0), 0.8).as.integer, -1);
  assert_int_equal(moved(layers, cl_value_int(-2), 1.2).as.integer, -3);
  assert_int_equal(moved(layers, cl_value_int(40), 1.2).as.integer, 40);
  const char width[] = "\"domain\": \"int\", \"lo\": 8, \"hi\": 64, \"step\": 8";
  assert_int_equal(moved(width, cl_value_int(16), 1.2).as.integer, 24);
  assert_int_equal(moved(width, cl_value_int(48), 0.8).as.integer, 40);
  const char tenths[] = "\"domain\": \"float\", \"lo\": 0.1, \"hi\": 0.9, \"step\": 0.1";
  assert_true(moved(tenths, cl_value_real(0.2), 1.2).as.real == 0.3);
}

static void zero_is_the_level_below_the_range(void **state) {
  (void)state;
  const char decay[] = "\"domain\": \"float\", \"lo\": 1e-4, \"hi\": 0.5, \"scale\": \"log\", \"zero\": 0.1";
  assert_true(moved(decay, cl_value_real(0), 1.2).as.real == 1e-4);
  assert_true(moved(decay, cl_value_real(0), 0.8).as.real == 0);
  assert_true(moved(decay, cl_value_real(1e-4), 0.8).as.real == 0);
  assert_true(moved(decay, cl_value_real(1.1e-4), 0.8).as.real == 1e-4);
}

static bool becomes(const char *members, struct cl_value v, double factor, struct cl_value expected) {
  struct cl_settings *s = one(members);
  bool equal = cl_value_equal(cl_space_perturb_one(&s->space.items[0], v, factor), expected);
  cl_settings_destroy(s);
  return equal;
}

static void ordered_values_move_to_a_neighbour(void **state) {
  (void)state;
  const char list[] = "\"domain\": \"ordered\", \"values\": [16, \"wide\", 64]";
  assert_true(becomes(list, cl_value_int(16), 1.2, cl_value_text("wide")));
  assert_true(becomes(list, cl_value_int(64), 0.8, cl_value_text("wide")));
  assert_true(becomes(list, cl_value_int(64), 1.2, cl_value_int(64)));
  assert_true(becomes(list, cl_value_int(16), 0.8, cl_value_int(16)));
  const char set[] = "\"domain\": \"unordered\", \"values\": [16, 32, 64]";
  assert_true(becomes(set, cl_value_int(32), 1.2, cl_value_int(32)));
}

static const double both[] = {1.2, 0.8};

static void start_values_and_drawn_ones_stay(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(
      "{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1, \"change\": \"start\"},"
      "{\"id\": 2, \"name\": \"b\", \"domain\": \"int\", \"lo\": 0, \"hi\": 65535, \"drawn\": true},"
      "{\"id\": 3, \"name\": \"c\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1}",
      "");
  struct cl_value v[3] = {cl_value_real(0.371), cl_value_int(41), cl_value_real(0.5)}, w[3];
  double factors[3];
  int fresh = 0, up = 0;
  for (uint64_t t = 0; t < 4000; t++) {
    assert_int_equal(cl_space_perturb(&s->space, 5, t, 3, both, 2, 0.25, v, w, factors), 0);
    assert_true(cl_value_equal(w[0], v[0]) && cl_value_equal(w[1], v[1]));
    assert_true(factors[0] == 1 && factors[1] == 1);
    fresh += isnan(factors[2]);
    up += factors[2] == 1.2;
    if (!isnan(factors[2])) assert_true(w[2].as.real == 0.5 * factors[2]);
  }
  assert_true(fresh > 900 && fresh < 1100); /* resampled with probability 0.25 */
  assert_true(up > 1390 && up < 1610);      /* else up or down alike */
  cl_settings_destroy(s);
}

static void a_child_that_becomes_active_is_drawn(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(
      "{\"id\": 1, \"name\": \"opt\", \"domain\": \"ordered\", \"values\": [\"adam\", \"sgd\"]},"
      "{\"id\": 2, \"name\": \"momentum\", \"domain\": \"float\", \"lo\": 0.5, \"hi\": 0.9, \"change\": \"start\", "
      "\"parent\": \"opt\", \"when\": [\"sgd\"]}",
      "");
  struct cl_value v[2] = {cl_value_text("adam"), {0}}, w[2];
  const double up = 1.2, down = 0.8;
  assert_int_equal(cl_space_perturb(&s->space, 5, 1, 0, &up, 1, 0, v, w, NULL), 0);
  assert_string_equal(w[0].as.text, "sgd");
  assert_true(w[1].as.real >= 0.5 && w[1].as.real <= 0.9);
  struct cl_value back[2];
  assert_int_equal(cl_space_perturb(&s->space, 5, 1, 1, &down, 1, 0, w, back, NULL), 0);
  assert_int_equal(back[1].kind, CL_ABSENT);
  cl_settings_destroy(s);
}

static void broken_constraints_are_tried_again_then_given_up(void **state) {
  (void)state;
  const char a[] = "{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1}";
  struct cl_settings *s = settings_of(a, ", \"constraints\": [\"a <= 0.5\"]");
  struct cl_value v[1] = {cl_value_real(0.5)}, w[1];
  double factor = 0;
  for (uint64_t t = 0; t < 200; t++) {
    assert_int_equal(cl_space_perturb(&s->space, 5, t, 0, both, 2, 0, v, w, &factor), 0);
    assert_true(w[0].as.real == 0.4);
  }
  const double up = 1.2;
  assert_int_equal(cl_space_perturb(&s->space, 5, 7, 0, &up, 1, 0, v, w, &factor), CLADE_EMPTY);
  assert_true(w[0].as.real == 0.5 && factor == 1);
  cl_settings_destroy(s);
}

static void a_perturbation_depends_on_its_stream_only(void **state) {
  (void)state;
  struct cl_rng r = cl_rng_stream(99, CL_RNG_USER, 1, 1);
  int differ = 0;
  for (int k = 0; k < 300; k++) {
    struct cl_settings *s = random_settings(&r);
    struct cl_value v[16], a[16], b[16], c[16];
    (void)cl_space_draw(&s->space, 1, CL_RNG_RANDOM, 1, NULL, v, NULL);
    int first = cl_space_perturb(&s->space, 6, 2, 3, both, 2, 0.25, v, a, NULL);
    (void)cl_space_perturb(&s->space, 6, 2, 4, both, 2, 0.25, v, c, NULL);
    assert_int_equal(cl_space_perturb(&s->space, 6, 2, 3, both, 2, 0.25, v, b, NULL), first);
    for (int i = 0; i < s->space.n; i++) assert_true(cl_value_equal(a[i], b[i]));
    differ += !cl_space_equal(&s->space, a, c);
    cl_settings_destroy(s);
  }
  assert_true(differ > 150);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_multiplied_and_clipped),
      cmocka_unit_test(odds_are_multiplied_on_a_logit_scale),
      cmocka_unit_test(whole_numbers_move_by_at_least_one),
      cmocka_unit_test(zero_is_the_level_below_the_range),
      cmocka_unit_test(ordered_values_move_to_a_neighbour),
      cmocka_unit_test(start_values_and_drawn_ones_stay),
      cmocka_unit_test(a_child_that_becomes_active_is_drawn),
      cmocka_unit_test(broken_constraints_are_tried_again_then_given_up),
      cmocka_unit_test(a_perturbation_depends_on_its_stream_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
