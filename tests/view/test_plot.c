/* Curves and the progress display against text files. */
#include "golden.h"

#include <locale.h>
#include <math.h>

#include "view/plot.h"
#include "view/progress.h"
#include "view/safe.h"

#define N 60

static void fill_curve(double *x, double *y) {
  for (int i = 0; i < N; i++) {
    x[i] = i + 1;
    y[i] = 0.0231 + 0.9 * exp(-0.07 * i) + 0.02 * sin(1.7 * i);
  }
}

static void expect_plot(const char *name, const struct cl_view_plot *plot,
                        const struct cl_view_style *style) {
  struct clade_text text = {0};
  cl_view_plot_write(plot, style, &text);
  int lines = 0;
  const char *line = clade_text_get(&text);
  for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
    char copy[1024];
    (void)snprintf(copy, sizeof copy, "%.*s", (int)(end - line), line);
    assert_true(cl_view_width(copy, style) <= (size_t)plot->width);
  }
  assert_true(lines <= plot->height);
  expect_golden(name, &text);
  clade_text_done(&text);
}

static void curve_is_drawn_in_every_size(void **state) {
  (void)state;
  static double x[N], y[N];
  fill_curve(x, y);
  struct cl_view_curve curve = {.x = x, .y = y, .n = N};
  struct cl_view_plot plot = {.curves = &curve, .n_curves = 1, .title = "loss", .x_label = "epoch"};
  static const int sizes[][2] = {{80, 24}, {200, 60}, {40, 10}, {20, 5}};
  for (size_t i = 0; i < 4; i++) {
    char name[64];
    plot.width = sizes[i][0];
    plot.height = sizes[i][1];
    struct cl_view_style utf8 = {.utf8 = true}, ascii = {0};
    (void)snprintf(name, sizeof name, "plot_%dx%d", plot.width, plot.height);
    expect_plot(name, &plot, &utf8);
    (void)snprintf(name, sizeof name, "plot_%dx%d_ascii", plot.width, plot.height);
    expect_plot(name, &plot, &ascii);
  }
}

static void steps_gaps_and_flat_lines_are_drawn_as_such(void **state) {
  (void)state;
  static const double x[] = {1, 2, 5, 9, 14, 20}, best[] = {0.31, 0.52, 0.52, 0.61, 0.777, 0.777};
  static const double holes[] = {0.31, (double)NAN, 0.52, 0.61, (double)INFINITY, 0.777};
  static const double flat[] = {2.385, 2.385, 2.385, 2.385, 2.385, 2.385};
  struct cl_view_style style = {.utf8 = true};
  struct cl_view_curve curve = {.x = x, .y = best, .n = 6};
  struct cl_view_plot plot = {.curves = &curve,
                              .n_curves = 1,
                              .title = "best so far",
                              .x_label = "trial",
                              .width = 60,
                              .height = 12,
                              .steps = true};
  expect_plot("plot_steps", &plot, &style);
  plot.steps = false;
  curve.y = holes;
  expect_plot("plot_holes", &plot, &style);
  curve.y = flat;
  expect_plot("plot_flat", &plot, &style);
  curve.n = 1;
  expect_plot("plot_point", &plot, &style);
  curve.n = 0;
  expect_plot("plot_nothing", &plot, &style);
}

static void extreme_values_do_no_harm(void **state) {
  (void)state;
  static const double x[] = {1, 2, 3}, y[] = {-1.7e308, 0, 1.7e308}, tiny[] = {1e-300, 2e-300, 5e-300};
  static const double near[] = {1, 1 + 1e-15, 1};
  struct cl_view_style style = {.utf8 = true};
  struct clade_text text = {0};
  const double *const all[] = {y, tiny, near};
  for (size_t i = 0; i < 3; i++) {
    struct cl_view_curve curve = {.x = x, .y = all[i], .n = 3};
    struct cl_view_plot plot = {.curves = &curve, .n_curves = 1, .width = 50, .height = 8};
    clade_text_clear(&text);
    cl_view_plot_write(&plot, &style, &text);
    assert_false(text.failed);
    assert_true(text.length > 0);
  }
  clade_text_done(&text);
}

static void progress_shows_slots_bar_and_best(void **state) {
  (void)state;
  static const struct cl_view_slot slots[] = {
      {.trial = 8,
       .step = 3.5,
       .share = 0.35,
       .value = 0.91234,
       .elapsed_s = 12.2,
       .text = "lr 0.021  momentum 0.93"},
      {.trial = 9, .step = (double)NAN, .share = (double)NAN, .value = (double)NAN, .elapsed_s = 0.3},
      {.trial = 0},
      {.trial = 1234567,
       .step = 100000,
       .share = (double)NAN,
       .value = 1.25e-7,
       .elapsed_s = 4000,
       .text =
           "a name with \x1b[2J in it, and a good deal more text than a line of eighty columns can hold"}};
  struct cl_view_progress p = {.study = "mnist",
                               .method = "random",
                               .metric = "val_accuracy",
                               .goal = "maximize",
                               .step = "epoch",
                               .finished = 7,
                               .total = 15,
                               .share = 0.4875,
                               .failed = 1,
                               .running = 3,
                               .elapsed_s = 42,
                               .left_s = 48,
                               .best = 0.93125,
                               .best_trial = 4,
                               .best_text = "lr 0.0123  momentum 0.91",
                               .note = "stopping after the running trials; Ctrl-C again kills them",
                               .n_slots = 4,
                               .slots = slots};
  struct cl_view_style wide = {.width = 80, .height = 24, .utf8 = true}, small = {.width = 20, .height = 5};
  struct clade_text text = {0};
  cl_view_progress_write(&p, &wide, &text);
  expect_golden("progress_80x24", &text);
  clade_text_clear(&text);
  cl_view_progress_write(&p, &small, &text);
  expect_golden("progress_20x5", &text);
  p.best = p.left_s = (double)NAN;
  p.paused = true;
  clade_text_clear(&text);
  cl_view_progress_write(&p, &wide, &text);
  assert_non_null(strstr(clade_text_get(&text), "7 of 15  42 s, paused\n"));
  p.paused = false;
  p.finished = p.failed = 0;
  p.share = 0;
  p.schedule = "pbt";
  p.note = NULL;
  wide.color = true;
  clade_text_clear(&text);
  cl_view_progress_write(&p, &wide, &text);
  expect_golden("progress_start", &text);
  clade_text_done(&text);
}

static void screen_replaces_its_own_lines_only(void **state) {
  (void)state;
  struct cl_view_screen screen = {0};
  struct clade_text text = {0};
  cl_view_screen_draw(&screen, "one\ntwo\n", &text);
  assert_string_equal(clade_text_get(&text), "\rone\x1b[K\r\ntwo\x1b[K\r\n\x1b[J");
  clade_text_clear(&text);
  cl_view_screen_draw(&screen, "three\n", &text);
  assert_string_equal(clade_text_get(&text), "\x1b[2A\rthree\x1b[K\r\n\x1b[J");
  clade_text_clear(&text);
  cl_view_screen_clear(&screen, &text);
  assert_string_equal(clade_text_get(&text), "\x1b[1A\r\x1b[J");
  clade_text_clear(&text);
  cl_view_screen_clear(&screen, &text);
  assert_string_equal(clade_text_get(&text), "");
  clade_text_done(&text);
}

int main(void) {
  (void)setlocale(LC_CTYPE, "C.UTF-8");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(curve_is_drawn_in_every_size),
      cmocka_unit_test(steps_gaps_and_flat_lines_are_drawn_as_such),
      cmocka_unit_test(extreme_values_do_no_harm),
      cmocka_unit_test(progress_shows_slots_bar_and_best),
      cmocka_unit_test(screen_replaces_its_own_lines_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
