/* The bandit of PB2: kappa, what pending points do, and that it finds what pays, also after that has moved.
 */
#include "../model/cmocka_all.h"
#include "math/bandit.h"

static struct cl_numerics numerics;

static int load(void **state) {
  (void)state;
  struct cl_err e = {0};
  if (cl_numerics_load(&numerics, &e) < 0) print_message("# %s\n", e.text);
  return numerics.loaded ? 0 : -1;
}

enum { MOST = 400, WIDTH = 3 };

static struct cl_tried rows[MOST];
static double values[MOST][WIDTH];

static void kappa_grows_with_the_rows(void **state) {
  (void)state;
  assert_true(fabs(cl_bandit_kappa(10) - 0.526554) < 5e-7);
  assert_true(fabs(cl_bandit_kappa(50) - 0.774046) < 5e-7);
  assert_true(fabs(cl_bandit_kappa(200) - 0.936165) < 5e-7);
  for (size_t n = 0; n <= 2; n++) assert_true(cl_bandit_kappa(n) == 0);
}

/* What pays: number 0 near `best`, and word 2. */
static void play(int n, double early, double late) {
  for (int i = 0; i < n; i++) {
    struct cl_rng r = cl_rng_stream(71, CL_RNG_USER, (uint64_t)i, 0);
    double best = i < n / 2 ? early : late;
    values[i][0] = cl_rng_uniform(&r);
    values[i][1] = cl_rng_uniform(&r);
    values[i][2] = (double)cl_rng_below(&r, 4);
    rows[i] = (struct cl_tried){.time = 10 * (i / 8), .context = 0.4 + 0.001 * i, .values = values[i]};
    rows[i].reward =
        3 - 4 * pow(values[i][0] - best, 2) + 0.5 * (values[i][2] == 2) + 0.02 * cl_rng_normal(&r);
  }
}

static int choose(const struct cl_bandit *b, double time, double *ret, struct cl_bandit_view *view) {
  struct cl_rng r = cl_rng_stream(5, CL_RNG_USER, 3, 9);
  return cl_bandit_choose(b, time, 0.4 + 0.001 * (double)b->n, &r, ret, view, NULL);
}

static const int levels[1] = {4};

static void it_chooses_what_has_paid(void **state) {
  (void)state;
  struct cl_bandit b = {&numerics, 2, 1, levels, NULL, 64, 0, rows, NULL, NULL, 0};
  struct cl_bandit_view view;
  double chosen[WIDTH], again[WIDTH];
  play(64, 0.73, 0.73);
  assert_int_equal(choose(&b, 80, chosen, &view), 0);
  assert_true(fabs(chosen[0] - 0.73) < 0.15);
  assert_true(chosen[2] == 2);
  assert_int_equal(view.rows, 64);
  assert_true(fabs(view.kappa - cl_bandit_kappa(64)) < 1e-15);
  assert_int_equal(choose(&b, 80, again, &view), 0);
  assert_memory_equal(chosen, again, sizeof chosen);
}

static void it_follows_what_pays(void **state) {
  (void)state;
  struct cl_bandit b = {&numerics, 2, 1, levels, NULL, 96, 0, rows, NULL, NULL, 0};
  struct cl_bandit_view view;
  double chosen[WIDTH];
  play(96, 0.15, 0.85);
  assert_int_equal(choose(&b, 120, chosen, &view), 0);
  assert_true(chosen[0] > 0.65);
  assert_true(view.kernel.drift > 0.1);
}

static void two_do_not_try_the_same(void **state) {
  (void)state;
  struct cl_bandit b = {&numerics, 2, 1, levels, NULL, 24, 0, rows, NULL, NULL, 0};
  struct cl_bandit_view alone, second;
  double chosen[WIDTH], other[WIDTH];
  play(24, 0.73, 0.73);
  assert_int_equal(choose(&b, 30, chosen, &alone), 0);
  const struct cl_tried pending = {.time = 30, .context = 0.424, .values = chosen};
  b.pending = &pending;
  b.n_pending = 1;
  assert_int_equal(choose(&b, 30, other, &second), 0);
  assert_true(fabs(chosen[0] - other[0]) + fabs(chosen[1] - other[1]) > 1e-3 || chosen[2] != other[2]);
}

/* The same by its parts: deviation with the pending point is lower at that point than without. */
static void pending_points_lower_the_deviation_at_themselves(void **state) {
  (void)state;
  double x[6] = {0.1, 0.35, 0.6, 0.8, 0.95, 0.47}, t[6] = {0, 0.2, 0.4, 0.6, 0.8, 1},
         y[5] = {1, 0.3, -1, 0.5, 0.1};
  const struct cl_points data = {5, 1, 0, x, t}, with = {6, 1, 0, x, t};
  const struct cl_kernel k = CL_KERNEL_START;
  struct cl_process g, more;
  assert_int_equal(cl_process_init(&g, &numerics, &data, y, &k, NULL), 0);
  assert_int_equal(cl_process_init(&more, &numerics, &with, NULL, &k, NULL), 0);
  double before = cl_process_predict(&g, &x[5], 1, NULL, NULL).sd;
  double after = cl_process_predict(&more, &x[5], 1, NULL, NULL).sd;
  double far =
      cl_process_predict(&g, &x[0], 0, NULL, NULL).sd - cl_process_predict(&more, &x[0], 0, NULL, NULL).sd;
  assert_true(before - after > 0.01 && far >= 0 && before - after > 2 * far);
  cl_process_done(&g);
  cl_process_done(&more);
}

static void old_rows_of_another_world_are_left_out(void **state) {
  (void)state;
  struct cl_bandit b = {&numerics, 2, 1, levels, NULL, 320, 0, rows, NULL, NULL, 0};
  struct cl_bandit_view view;
  double chosen[WIDTH];
  play(320, 0.3, 0.8);
  for (int i = 0; i < 100; i++) rows[i].reward = (i * 7919 % 101) * 0.3; /* noise */
  assert_int_equal(choose(&b, 400, chosen, &view), 0);
  assert_true(view.rows >= 200 && view.rows <= 230 && view.rows % 10 == 0);
  assert_true(chosen[0] > 0.6);
}

static void what_is_fixed_stays(void **state) {
  (void)state;
  const double fixed[WIDTH] = {NAN, 0.31, -1};
  struct cl_bandit b = {&numerics, 2, 1, levels, fixed, 64, 0, rows, NULL, NULL, 0};
  struct cl_bandit_view view;
  double chosen[WIDTH];
  play(64, 0.73, 0.73);
  assert_int_equal(choose(&b, 80, chosen, &view), 0);
  assert_true(chosen[1] == 0.31 && chosen[2] == -1);
  assert_true(fabs(chosen[0] - 0.73) < 0.15);
}

static void nothing_is_learnt_from_two_rows(void **state) {
  (void)state;
  struct cl_bandit b = {&numerics, 2, 1, levels, NULL, 2, 0, rows, NULL, NULL, 0};
  struct cl_bandit_view view;
  double chosen[WIDTH] = {-1, -1, -1};
  play(3, 0.3, 0.3);
  assert_int_equal(choose(&b, 0, chosen, &view), CLADE_EMPTY);
  assert_true(chosen[0] == -1);
  b.n = 3;
  rows[0].reward = rows[1].reward = rows[2].reward = 2.385; /* all alike */
  rows[0].context = rows[1].context = rows[2].context = 1;
  assert_int_equal(choose(&b, 0, chosen, &view), 0);
  for (int i = 0; i < 2; i++) assert_true(chosen[i] >= 0 && chosen[i] <= 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kappa_grows_with_the_rows),
      cmocka_unit_test(it_chooses_what_has_paid),
      cmocka_unit_test(it_follows_what_pays),
      cmocka_unit_test(two_do_not_try_the_same),
      cmocka_unit_test(pending_points_lower_the_deviation_at_themselves),
      cmocka_unit_test(old_rows_of_another_world_are_left_out),
      cmocka_unit_test(what_is_fixed_stays),
      cmocka_unit_test(nothing_is_learnt_from_two_rows),
  };
  return cmocka_run_group_tests(tests, load, NULL);
}
