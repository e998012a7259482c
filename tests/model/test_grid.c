#include "cmocka_all.h"
#include "spaces.h"

static void the_first_listed_turns_fastest(void **state) {
  (void)state;
  struct cl_settings *s =
      settings_of("{\"id\": 1, \"name\": \"a\", \"domain\": \"ordered\", \"values\": [1, 2]},"
                  "{\"id\": 2, \"name\": \"b\", \"domain\": \"int\", \"lo\": 3, \"hi\": 5},"
                  "{\"id\": 3, \"name\": \"c\", \"domain\": \"constant\", \"values\": [9]}",
                  "");
  const int expected[6][2] = {{1, 3}, {2, 3}, {1, 4}, {2, 4}, {1, 5}, {2, 5}};
  assert_int_equal(cl_space_grid_size(&s->space, 0, NULL), 6);
  for (int k = 0; k < 6; k++) {
    struct cl_value v[3];
    cl_space_grid_point(&s->space, 0, k, v);
    assert_int_equal(v[0].as.integer, expected[k][0]);
    assert_int_equal(v[1].as.integer, expected[k][1]);
    assert_int_equal(v[2].as.integer, 9);
  }
  cl_settings_destroy(s);
}

static void only_active_subtrees_are_counted(void **state) {
  (void)state;
  /* adam: 1 * beta 4; sgd: momentum 3 * nesterov (off 1 | on 2 of kind); rms: kind only = 1 + 2 */
  struct cl_settings *s = settings_of(
      "{\"id\": 1, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\", \"rms\"]},"
      "{\"id\": 2, \"name\": \"beta\", \"domain\": \"int\", \"lo\": 1, \"hi\": 4, \"parent\": \"opt\", \"when\": "
      "[\"adam\"]},"
      "{\"id\": 3, \"name\": \"momentum\", \"domain\": \"ordered\", \"values\": [0.1, 0.5, 0.9], \"parent\": "
      "\"opt\", \"when\": [\"sgd\"]},"
      "{\"id\": 4, \"name\": \"kind\", \"domain\": \"ordered\", \"values\": [\"off\", \"on\"], \"parent\": \"opt\", "
      "\"when\": [\"sgd\", \"rms\"]},"
      "{\"id\": 5, \"name\": \"way\", \"domain\": \"ordered\", \"values\": [\"x\", \"y\"], \"parent\": \"kind\", "
      "\"when\": [\"on\"]},"
      "{\"id\": 6, \"name\": \"free\", \"domain\": \"ordered\", \"values\": [1, 2, 3, 4, 5]}",
      "");
  int64_t size = cl_space_grid_size(&s->space, 0, NULL);
  assert_int_equal(size, (4 + 3 * (1 + 2) + (1 + 2)) * 5);
  uint64_t *seen = calloc((size_t)size, sizeof *seen);
  for (int64_t k = 0; k < size; k++) {
    struct cl_value v[6];
    cl_space_grid_point(&s->space, 0, k, v);
    assert_int_equal(cl_space_check(&s->space, v, NULL), 0);
    seen[k] = cl_space_hash(&s->space, v);
    for (int64_t j = 0; j < k; j++) assert_true(seen[j] != seen[k]);
  }
  free(seen);
  cl_settings_destroy(s);
}

static void continuous_ones_need_levels_or_are_left_out(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(
      "{\"id\": 1, \"name\": \"a\", \"domain\": \"ordered\", \"values\": [1, 2]},"
      "{\"id\": 2, \"name\": \"lr\", \"domain\": \"float\", \"lo\": 1e-4, \"hi\": 1, \"scale\": \"log\"},"
      "{\"id\": 3, \"name\": \"seed\", \"domain\": \"int\", \"lo\": 0, \"hi\": 65535, \"drawn\": true}",
      "");
  int forbids = -1;
  assert_int_equal(cl_space_grid_size(&s->space, 0, &forbids), -1);
  assert_int_equal(forbids, 1);
  assert_int_equal(cl_space_grid_size(&s->space, CL_GRID_LEAVE, &forbids), 2);
  assert_int_equal(forbids, -1);
  struct cl_value v[3];
  cl_space_grid_point(&s->space, CL_GRID_LEAVE, 1, v);
  assert_int_equal(v[0].as.integer, 2);
  assert_int_equal(v[1].kind, CL_ABSENT);
  assert_int_equal(v[2].kind, CL_ABSENT);
  assert_int_equal(cl_space_grid_size(&s->space, 5, NULL), 10);
  const double expected[] = {1e-4, 1e-3, 1e-2, 1e-1, 1};
  for (int k = 0; k < 5; k++) {
    cl_space_grid_point(&s->space, 5, 2 * k, v);
    assert_true(fabs(v[1].as.real / expected[k] - 1) < 1e-14);
  }
  cl_settings_destroy(s);
}

static void a_grid_that_cannot_be_counted_is_refused(void **state) {
  (void)state;
  struct cl_text t = {0};
  for (int i = 1; i <= 4; i++)
    cl_text_format(&t, "%s{\"id\": %d, \"name\": \"n%d\", \"domain\": \"int\", \"lo\": 1, \"hi\": 65536}",
                   i > 1 ? ", " : "", i, i);
  struct cl_settings *s = settings_of(cl_text_get(&t), "");
  assert_int_equal(cl_space_grid_size(&s->space, 0, NULL), -1); /* 2^64 */
  s->space.n = 3;
  assert_int_equal(cl_space_grid_size(&s->space, 0, NULL), INT64_C(1) << 48);
  s->space.n = 4;
  cl_settings_destroy(s);
  cl_text_done(&t);
}

static void two_subtrees_that_cannot_be_counted_are_no_small_number(void **state) {
  (void)state;
  /* below 1: 2^53 * 2^9 = 2^62, which is counted; below 2: twice as many, which is not; their sum is above
   * 2^63 */
  struct cl_settings *s = settings_of(
      "{\"id\": 1, \"name\": \"p\", \"domain\": \"ordered\", \"values\": [1, 2]},"
      "{\"id\": 2, \"name\": \"a\", \"domain\": \"int\", \"lo\": 1, \"hi\": 9007199254740992, \"parent\": \"p\", "
      "\"when\": [1, 2]},"
      "{\"id\": 3, \"name\": \"b\", \"domain\": \"int\", \"lo\": 1, \"hi\": 512, \"parent\": \"p\", \"when\": [1, "
      "2]},"
      "{\"id\": 4, \"name\": \"c\", \"domain\": \"int\", \"lo\": 1, \"hi\": 2, \"parent\": \"p\", \"when\": [2]}",
      "");
  assert_int_equal(cl_space_grid_size(&s->space, 0, NULL), -1);
  cl_settings_destroy(s);
}

/* --- neighbours --- */

struct seen {
  const struct cl_space *space;
  struct cl_text text;
  int n;
};

static int note(void *ctx, const struct cl_neighbour *neighbour) {
  struct seen *seen = ctx;
  assert_int_equal(cl_space_check(seen->space, neighbour->values, NULL), 0);
  const struct cl_hyperparameter *h = &seen->space->items[neighbour->changed];
  struct cl_value v = neighbour->values[neighbour->changed];
  assert_int_equal(cl_space_level_of(h, v), neighbour->level);
  cl_text_format(&seen->text, "%s=", h->name);
  cl_value_write(&seen->text, v);
  cl_text_add_char(&seen->text, ' ');
  seen->n++;
  return 0;
}

static const char neighbourhood[] =
    "{\"id\": 1, \"name\": \"n\", \"domain\": \"int\", \"lo\": 1, \"hi\": 9},"
    "{\"id\": 2, \"name\": \"o\", \"domain\": \"ordered\", \"values\": [10, 20, 30]},"
    "{\"id\": 3, \"name\": \"u\", \"domain\": \"unordered\", \"values\": [\"a\", \"b\", \"c\", \"d\"]},"
    "{\"id\": 4, \"name\": \"f\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1},"
    "{\"id\": 5, \"name\": \"s\", \"domain\": \"int\", \"lo\": 0, \"hi\": 99, \"drawn\": true},"
    "{\"id\": 6, \"name\": \"k\", \"domain\": \"constant\", \"values\": [7]}";

static void neighbours_differ_by_one_step_in_one_place(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(neighbourhood, "");
  struct cl_value v[6] = {cl_value_int(4),    cl_value_int(10), cl_value_text("b"),
                          cl_value_real(0.5), cl_value_int(3),  cl_value_int(7)};
  struct cl_value room[6];
  struct seen seen = {.space = &s->space};
  assert_int_equal(cl_space_neighbours(&s->space, v, false, room, note, &seen), 0);
  assert_string_equal(cl_text_get(&seen.text), "n=3 n=5 o=20 u=a u=c u=d ");
  cl_text_clear(&seen.text);
  assert_int_equal(cl_space_neighbours(&s->space, v, true, room, note, &seen), 0);
  assert_string_equal(cl_text_get(&seen.text), "n=3 n=5 o=20 u=a u=c ");
  cl_text_done(&seen.text);
  cl_settings_destroy(s);
}

static void neighbours_that_break_a_constraint_are_left_out(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(neighbourhood, ", \"constraints\": [\"n * o < 50\", \"u != 'c'\"]");
  struct cl_value v[6] = {cl_value_int(4),    cl_value_int(10), cl_value_text("b"),
                          cl_value_real(0.5), cl_value_int(3),  cl_value_int(7)};
  struct cl_value room[6];
  struct seen seen = {.space = &s->space};
  assert_int_equal(cl_space_neighbours(&s->space, v, false, room, note, &seen), 0);
  assert_string_equal(cl_text_get(&seen.text), "n=3 u=a u=d ");
  cl_text_done(&seen.text);
  cl_settings_destroy(s);
}

static int stop_at_second(void *ctx, const struct cl_neighbour *neighbour) {
  (void)neighbour;
  return ++*(int *)ctx == 2 ? 17 : 0;
}

static void a_visit_can_stop_the_walk(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(neighbourhood, "");
  struct cl_value v[6], room[6];
  int n = 0;
  assert_int_equal(cl_space_draw(&s->space, 1, CL_RNG_RANDOM, 1, NULL, v, NULL), 0);
  assert_int_equal(cl_space_neighbours(&s->space, v, false, room, stop_at_second, &n), 17);
  assert_int_equal(n, 2);
  cl_settings_destroy(s);
}

static int note_child(void *ctx, const struct cl_neighbour *neighbour) {
  const struct cl_value *values = neighbour->values;
  if (neighbour->changed == 0 && values[1].kind != CL_ABSENT) *(struct cl_value *)ctx = values[1];
  return 0;
}

static void a_changed_parent_settles_its_children(void **state) {
  (void)state;
  struct cl_settings *s = settings_of(
      "{\"id\": 1, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"sgd\"]},"
      "{\"id\": 2, \"name\": \"m\", \"domain\": \"ordered\", \"values\": [1, 2, 3], \"tuned\": 3, \"parent\": "
      "\"opt\", \"when\": [\"sgd\"]}",
      "");
  struct cl_value v[2] = {cl_value_text("adam"), {0}}, room[2], child = {0};
  assert_int_equal(cl_space_neighbours(&s->space, v, false, room, note_child, &child), 0);
  assert_int_equal(child.as.integer, 3);
  cl_settings_destroy(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_listed_turns_fastest),
      cmocka_unit_test(only_active_subtrees_are_counted),
      cmocka_unit_test(continuous_ones_need_levels_or_are_left_out),
      cmocka_unit_test(a_grid_that_cannot_be_counted_is_refused),
      cmocka_unit_test(two_subtrees_that_cannot_be_counted_are_no_small_number),
      cmocka_unit_test(neighbours_differ_by_one_step_in_one_place),
      cmocka_unit_test(neighbours_that_break_a_constraint_are_left_out),
      cmocka_unit_test(a_visit_can_stop_the_walk),
      cmocka_unit_test(a_changed_parent_settles_its_children),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
