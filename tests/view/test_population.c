/* Pictures of populations: what is drawn last, on which axes, and that gnuplot takes it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "view/gnuplot.h"
#include "view/population.h"

static const struct cl_view_point first[] = {{0.5, 0.31, 0.0238, 0.4}, {1, 0.42, 0.0238, 0.4}};
static const struct cl_view_point second[] = {{0.5, 0.11, 2.385e-5, 0.9}, {1, NAN, 1.9e-5, 0.75}};
static const struct cl_view_member members[] = {{second, 2, 1}, {first, 2, 0}};
static const struct cl_view_population populations[] = {{"it's pbt", members, 2}, {"empty", NULL, 0}};
static const struct cl_view_populations both = {
    .items = populations, .n = 2, .metric = "val_accuracy", .step = "epoch", .x = "lr", .y = "momentum"};

static const char *scores(struct clade_text *t) {
  clade_text_clear(t);
  cl_view_populations_write_scores(&both, t);
  assert_false(t->failed);
  return clade_text_get(t);
}

static void the_best_is_purple_and_drawn_last(void **state) {
  struct clade_text t = {0};
  (void)state;
  const char *plot = strstr(scores(&t), "plot $p0m1");
  assert_non_null(plot);
  const char *best = strstr(plot, "$p0m0");
  assert_non_null(best);
  assert_non_null(strstr(best, "#6a0dad"));
  assert_true(strstr(best, "#6a0dad") < strchr(best, '\n'));
  assert_null(strstr(best, ", $p0"));
  clade_text_done(&t);
}

static void panels_share_their_axes_and_lines_break_at_nan(void **state) {
  struct clade_text t = {0};
  (void)state;
  const char *all = scores(&t);
  assert_non_null(strstr(all, "set yrange [0.10"));
  assert_null(strstr(strstr(all, "set yrange") + 1, "set yrange"));
  assert_non_null(strstr(all, "$p0m1 << EOD\nNaN NaN\n0.5 0.11\n1 NaN\nEOD\n"));
  assert_non_null(strstr(all, "set title 'it''s pbt'"));
  clade_text_done(&t);
}

static void values_over_orders_of_magnitude_are_drawn_as_logarithms(void **state) {
  struct clade_text t = {0};
  (void)state;
  assert_true(cl_view_populations_write_values(&both, &t));
  assert_non_null(strstr(clade_text_get(&t), "set xlabel 'log10(lr)'"));
  assert_non_null(strstr(clade_text_get(&t), "set ylabel 'momentum'"));
  assert_non_null(strstr(clade_text_get(&t), "$stars0 << EOD\nNaN NaN 1 0\n-1.62"));
  clade_text_done(&t);
}

static void dots_grow_with_time(void **state) {
  struct clade_text t = {0};
  double x = 0, y = 0, size[2] = {0};
  (void)state;
  assert_true(cl_view_populations_write_values(&both, &t));
  const char *stars = strstr(clade_text_get(&t), "$stars0");
  assert_non_null(stars);
  assert_int_equal(
      sscanf(stars, "$stars0 << EOD\nNaN NaN 1 0\n%lf %lf %lf %*u\n%*f %*f %lf", &x, &y, &size[0], &size[1]),
      4);
  assert_true(size[1] > 2 * size[0]);
  clade_text_done(&t);
}

static void one_value_is_drawn_over_the_steps_and_none_not_at_all(void **state) {
  struct cl_view_populations one = both, none = both;
  struct clade_text t = {0};
  (void)state;
  one.y = NULL;
  none.x = NULL;
  assert_true(cl_view_populations_write_values(&one, &t));
  assert_non_null(strstr(clade_text_get(&t), "set xlabel 'epoch'"));
  assert_non_null(strstr(clade_text_get(&t), "set ylabel 'log10(lr)'"));
  clade_text_clear(&t);
  assert_false(cl_view_populations_write_values(&none, &t));
  assert_int_equal(t.length, 0);
  clade_text_done(&t);
}

static void gnuplot_draws_both(void **state) {
  struct clade_text t = {0};
  struct cl_err e = {0};
  char path[64];
  struct cl_view_picture picture = {.path = path};
  (void)state;
  if (cl_view_gnuplot_check(NULL) < 0) skip();
  (void)snprintf(path, sizeof path, "/tmp/clade-population-%d.svg", (int)getpid());
  cl_view_populations_size(2, &picture.width, &picture.height);
  (void)scores(&t);
  int status = cl_view_picture_draw(&picture, clade_text_get(&t), &e);
  if (status < 0) print_message("# %s\n", e.text);
  assert_int_equal(status, 0);
  clade_text_clear(&t);
  assert_true(cl_view_populations_write_values(&both, &t));
  assert_int_equal(cl_view_picture_draw(&picture, clade_text_get(&t), &e), 0);
  assert_int_equal(unlink(path), 0);
  clade_text_done(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_best_is_purple_and_drawn_last),
      cmocka_unit_test(panels_share_their_axes_and_lines_break_at_nan),
      cmocka_unit_test(values_over_orders_of_magnitude_are_drawn_as_logarithms),
      cmocka_unit_test(dots_grow_with_time),
      cmocka_unit_test(one_value_is_drawn_over_the_steps_and_none_not_at_all),
      cmocka_unit_test(gnuplot_draws_both),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
