/* Tables against text files, and the rules for numbers. */
#include "golden.h"

#include <locale.h>
#include <math.h>

#include "view/safe.h"
#include "view/table.h"

static const struct cl_view_style piped = {.utf8 = true};

/* The tutorial's ten rows (job278), from the numbers behind them. */
static const struct {
  const char *run;
  double numbers[13];
} tutorial[] = {
    {"run684.16", {100000, 0.116, 0.075, 1, 0.038, 12, 0.9, 256, 0.00063, 8, 512, 192, 64}},
    {"run680.5", {100000, 0.124, 0.073, 1, 0.039, 24, 0.85, 256, 0.00025, 16, 256, 256, 256}},
    {"run681.17", {100000, 0.168, 0.072, 1, 0.039, 12, 0.9, 512, 0.0004, 32, 64, 384, 1024}},
    {"run660.6", {100000, 0.21, 0.072, 1, 0.04, 16, 0.95, 1024, 0.0004, 8, 512, 384, 512}},
    {"run667.17", {100000, 0.253, 0.072, 0.999, 0.04, 8, 0.95, 256, 0.00025, 8, 1024, 384, 1024}},
    {"run678.8", {100000, 0.147, 0.073, 0.999, 0.04, 24, 0.9, 1024, 0.00025, 16, 256, 256, 1024}},
    {"run665.8", {100000, 0.243, 0.067, 1, 0.041, 4, 0.85, 1024, 0.00025, 32, 512, 256, 512}},
    {"run679.7", {100000, 0.279, 0.071, 1, 0.042, 6, 0.8, 2048, 0.00016, 16, 1024, 384, 1024}},
    {"run672.12", {100000, 0.15, 0.075, 0.999, 0.042, 32, 0.9, 512, 0.001, 16, 256, 384, 512}},
    {"run662.7", {100000, 0.146, 0.075, 1, 0.045, 8, 0.9, 256, 0.0004, 8, 256, 128, 1024}},
};

static void fill_tutorial(struct cl_view_table *t) {
  static const char *const names[] = {"workspace", "job",    "target", "run",   "status", "iters",
                                      "s1-hrs",    "s1-rew", "s1-win", "hpmax", "seqlen", "disc",
                                      "clip",      "lr",     "rscale", "embed", "units",  "out"};
  static const int ranks[] = {1, 1, 1, 0, 0, 2, 3, 3, 3, 0, 2, 2, 2, 2, 2, 2, 2, 2};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    cl_view_table_add_column(t, names[i], ranks[i], CL_VIEW_AUTO);
  for (size_t row = 0; row < sizeof tutorial / sizeof tutorial[0]; row++) {
    cl_view_table_add_text(t, "ws1", CL_TONE_PLAIN);
    cl_view_table_add_text(t, "job278", CL_TONE_PLAIN);
    cl_view_table_add_text(t, "azb-cpu", CL_TONE_PLAIN);
    cl_view_table_add_text(t, tutorial[row].run, CL_TONE_PLAIN);
    cl_view_table_add_text(t, "completed", CL_TONE_PLAIN);
    for (size_t i = 0; i < 13; i++) cl_view_table_add_number(t, tutorial[row].numbers[i], CL_TONE_PLAIN);
  }
}

static void table_is_the_one_of_the_tutorial(void **state) {
  (void)state;
  struct cl_view_table t = {0};
  struct clade_text text = {0};
  fill_tutorial(&t);
  cl_view_table_write(&t, &piped, &text);
  expect_golden("table_tutorial", &text);
  clade_text_done(&text);
  cl_view_table_done(&t);
}

static void decimals_and_the_width_of_texts_can_be_typed(void **state) {
  (void)state;
  struct cl_view_table t = {.has_precision = true, .precision = 1, .text_most = 8};
  struct clade_text text = {0};
  cl_view_table_add_column(&t, "loss", 0, CL_VIEW_AUTO);
  cl_view_table_add_column(&t, "epoch", 0, CL_VIEW_AUTO);
  cl_view_table_add_column(&t, "note", 0, CL_VIEW_AUTO);
  cl_view_table_add_number(&t, 0.2385, CL_TONE_PLAIN);
  cl_view_table_add_number(&t, 17, CL_TONE_PLAIN);
  cl_view_table_add_text(&t, "eight by", CL_TONE_PLAIN);
  cl_view_table_add_number(&t, 12.75, CL_TONE_PLAIN);
  cl_view_table_add_number(&t, 3, CL_TONE_PLAIN);
  cl_view_table_add_text(&t, "more than eight", CL_TONE_PLAIN);
  cl_view_table_write(&t, &piped, &text);
  assert_string_equal(clade_text_get(&text),
                      "loss  epoch  note\n\n 0.2     17  eight by\n12.8      3  more ...\n\n");
  clade_text_done(&text);
  cl_view_table_done(&t);
}

static void narrow_terminal_leaves_out_columns_of_high_rank(void **state) {
  (void)state;
  struct cl_view_table t = {0};
  struct clade_text text = {0};
  struct cl_view_style style = {.width = 80, .height = 24, .utf8 = true};
  fill_tutorial(&t);
  cl_view_table_write(&t, &style, &text);
  clade_text_add(&text, "hidden: ");
  assert_int_equal(cl_view_table_hidden(&t, &style, &text), 9);
  clade_text_add_char(&text, '\n');
  expect_golden("table_80", &text);
  clade_text_done(&text);
  cl_view_table_done(&t);
}

static void hostile_text_stays_on_its_line_and_in_its_column(void **state) {
  (void)state;
  static const char *const texts[] = {
      "plain",
      "two\nlines\ttab",
      "\x1b[31mred\x1b[0m",
      "quote\"back\\slash",
      "caf\xC3\xA9 \xE6\xBC\xA2\xE5\xAD\x97",
      "e\xCC\x81 combining",
      "bad \xFF\xC3 bytes",
      "\xE2\x80\xAEtxt.exe",
      "c1 \xC2\x9B 2J",
      "a text that is a good deal longer than thirty columns",
      "\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2"
      "\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2"
      "\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2",
      ""};
  struct cl_view_table t = {0};
  struct clade_text text = {0};
  cl_view_table_add_column(&t, "na\nme", 0, CL_VIEW_AUTO);
  cl_view_table_add_column(&t, "\xC3\xA9", 0, CL_VIEW_AUTO);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    cl_view_table_add_text(&t, texts[i], CL_TONE_PLAIN);
    cl_view_table_add_number(&t, (double)i, CL_TONE_PLAIN);
  }
  cl_view_table_write(&t, &piped, &text);
  expect_golden("table_hostile", &text);
  struct cl_view_style ascii = {0};
  clade_text_clear(&text);
  cl_view_table_write(&t, &ascii, &text);
  for (size_t i = 0; i < text.length; i++)
    assert_true(text.bytes[i] == '\n' || (text.bytes[i] >= 0x20 && text.bytes[i] < 0x7F));
  clade_text_done(&text);
  cl_view_table_done(&t);
}

static void text_of_a_megabyte_is_cut_and_costs_no_more(void **state) {
  (void)state;
  char *big = malloc((1 << 20) + 1);
  assert_non_null(big);
  memset(big, 'x', 1 << 20);
  big[1 << 20] = '\0';
  struct cl_view_table t = {0};
  struct clade_text text = {0};
  cl_view_table_add_column(&t, "name", 0, CL_VIEW_AUTO);
  cl_view_table_add_text(&t, big, CL_TONE_PLAIN);
  cl_view_table_write(&t, &piped, &text);
  assert_string_equal(clade_text_get(&text), "name\n\nxxxxxxxxxxxxxxxxxxxxxxxxxxx...\n\n");
  cl_view_table_done(&t);
  clade_text_done(&text);
  free(big);
}

static void missing_and_special_cells_keep_the_alignment(void **state) {
  (void)state;
  struct cl_view_table t = {0};
  struct clade_text text = {0};
  static const char *const names[] = {"trial", "state", "loss", "layers", "opt", "empty"};
  for (size_t i = 0; i < 6; i++) cl_view_table_add_column(&t, names[i], 0, CL_VIEW_AUTO);
  for (int i = 1; i <= 5; i++) {
    cl_view_table_add_number(&t, i, CL_TONE_PLAIN);
    cl_view_table_add_text(&t, i == 4 ? "FAILED" : "COMPLETE", i == 4 ? CL_TONE_BAD : CL_TONE_PLAIN);
    if (i == 4)
      cl_view_table_add_blank(&t);
    else
      cl_view_table_add_number(&t,
                               i == 2   ? (double)NAN
                               : i == 5 ? -(double)INFINITY
                                        : -0.7311 / i,
                               CL_TONE_PLAIN);
    if (i == 3)
      cl_view_table_add_word(&t, "null");
    else
      cl_view_table_add_number(&t, 17 * i, CL_TONE_PLAIN);
    cl_view_table_add_text(&t, i % 2 ? "adam" : "sgd", CL_TONE_PLAIN);
    cl_view_table_add_blank(&t);
  }
  cl_view_table_write(&t, &piped, &text);
  expect_golden("table_special", &text);
  clade_text_clear(&text);
  struct cl_view_style color = {.color = true, .utf8 = true};
  cl_view_table_write(&t, &color, &text);
  expect_golden("table_color", &text);
  cl_view_table_done(&t);
  clade_text_done(&text);
}

static int decimals_of(double a, double b) {
  struct cl_view_range r = {0};
  cl_view_range_add(&r, a);
  cl_view_range_add(&r, b);
  return cl_view_decimals(&r);
}

static void decimals_follow_the_smallest_magnitude(void **state) {
  (void)state;
  assert_int_equal(decimals_of(3, 100000), 0);
  assert_int_equal(decimals_of(0, -17), 0);
  assert_int_equal(decimals_of(0.5, 0), 3);
  assert_int_equal(decimals_of(0.0382, 0.0203), 3);
  assert_int_equal(decimals_of(0.0382, 0.0067), 4);
  assert_int_equal(decimals_of(0.00016, 1), 5);
  assert_int_equal(decimals_of(-0.0001, 2.5), 5);
  assert_int_equal(decimals_of(0.000996, 2.5), 4); /* 0.0010: rounded, it shows two digits */
  assert_int_equal(decimals_of(1e-14, 2.5), 15);
  assert_int_equal(decimals_of(1e-15, 2.5), CL_VIEW_EXPONENT);
  assert_int_equal(decimals_of(0.5, 3e15), CL_VIEW_EXPONENT);
  assert_int_equal(decimals_of((double)NAN, (double)INFINITY), 0);
}

static void numbers_for_people_are_short(void **state) {
  (void)state;
  char buffer[CL_VIEW_NUMBER_MAX];
  assert_string_equal(cl_view_number(-0.25, 3, buffer), "-0.250");
  assert_string_equal(cl_view_number(1e300, 0, buffer), "1e+300");
  assert_string_equal(cl_view_number((double)NAN, 3, buffer), "nan");
  assert_string_equal(cl_view_duration(3.217, buffer), "3.2 s");
  assert_string_equal(cl_view_duration(59.7, buffer), "1:00");
  assert_string_equal(cl_view_duration(3723, buffer), "1:02:03");
  assert_string_equal(cl_view_duration(1e6, buffer), "11 d 13:46");
  assert_string_equal(cl_view_duration((double)NAN, buffer), "-");
  assert_string_equal(cl_view_clock(7.129, buffer), "0:00:07.13");
  assert_string_equal(cl_view_clock(59.999, buffer), "0:01:00");
  assert_string_equal(cl_view_clock(86461, buffer), "24:01:01");
  assert_string_equal(cl_view_rfc3339(1770472985123, buffer), "2026-02-07T14:03:05.123Z");
  assert_string_equal(cl_view_bytes(999, buffer), "999 B");
  assert_string_equal(cl_view_bytes(1536, buffer), "1.5 KiB");
}

int main(void) {
  (void)setlocale(LC_CTYPE, "C.UTF-8");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(table_is_the_one_of_the_tutorial),
      cmocka_unit_test(decimals_and_the_width_of_texts_can_be_typed),
      cmocka_unit_test(narrow_terminal_leaves_out_columns_of_high_rank),
      cmocka_unit_test(hostile_text_stays_on_its_line_and_in_its_column),
      cmocka_unit_test(text_of_a_megabyte_is_cut_and_costs_no_more),
      cmocka_unit_test(missing_and_special_cells_keep_the_alignment),
      cmocka_unit_test(decimals_follow_the_smallest_magnitude),
      cmocka_unit_test(numbers_for_people_are_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
