/* The digits: split, guard of the test part, damaged files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "digits/digits_data.h"

#define PIXELS 64

static const char *data_path(void) {
  const char *path = getenv("CLADE_DIGITS");
  assert_non_null(path);
  return path;
}

static struct net_parts read_parts(struct net_wish wish) {
  struct net_parts parts = {0};
  struct cl_err e;
  if (digits_read(data_path(), wish, &parts, &e) < 0) fail_msg("%s", e.text);
  return parts;
}

static void the_parts_are_stratified_and_together_all_1797(void **state) {
  (void)state;
  struct net_parts parts = read_parts((struct net_wish){.test = true, .final = true});
  assert_int_equal(parts.training.n, 1087);
  assert_int_equal(parts.validation.n, 355);
  assert_int_equal(parts.test.n, 355);
  static const unsigned of_class[10] = {178, 182, 177, 183, 181, 182, 181, 179, 174, 180};
  const struct net_images *all[3] = {&parts.test, &parts.validation, &parts.training};
  for (unsigned class = 0; class < 10; class ++) {
    size_t count[3] = {0};
    for (int part = 0; part < 3; part++)
      for (size_t i = 0; i < all[part]->n; i++) count[part] += all[part]->labels[i] == class;
    assert_int_equal(count[0], of_class[class] / 5);
    assert_int_equal(count[1], of_class[class] / 5);
    assert_int_equal(count[0] + count[1] + count[2], of_class[class]);
  }
  net_parts_done(&parts);
}

static size_t count_equal(const struct net_images *images, const uint8_t *pixels) {
  size_t n = 0;
  for (size_t i = 0; i < images->n; i++) n += memcmp(images->pixels + i * PIXELS, pixels, PIXELS) == 0;
  return n;
}

/* No two images of the file are equal, so each must be found once in all. */
static void every_image_is_in_one_part_only(void **state) {
  (void)state;
  struct net_parts parts = read_parts((struct net_wish){.test = true, .final = true});
  const struct net_images *all[3] = {&parts.test, &parts.validation, &parts.training};
  for (int part = 0; part < 3; part++)
    for (size_t i = 0; i < all[part]->n; i++) {
      size_t n = 0;
      for (int other = 0; other < 3; other++) n += count_equal(all[other], all[part]->pixels + i * PIXELS);
      assert_int_equal(n, 1);
    }
  net_parts_done(&parts);
}

static void the_final_training_may_join_the_validation_part(void **state) {
  (void)state;
  struct net_parts parts = read_parts((struct net_wish){.join = true, .final = true});
  assert_int_equal(parts.training.n, 1087 + 355);
  assert_int_equal(parts.validation.n, 355);
  assert_int_equal(parts.test.n, 0);
  assert_int_equal(count_equal(&parts.training, parts.validation.pixels + 77 * PIXELS), 1);
  net_parts_done(&parts);
}

static void the_test_part_is_refused_outside_of_the_final_training(void **state) {
  (void)state;
  struct net_parts parts = {0};
  struct cl_err e;
  assert_int_equal(digits_read(data_path(), (struct net_wish){.test = true}, &parts, &e), CLADE_EREFUSED);
  assert_non_null(strstr(e.text, "is opened by the one final training only"));
  assert_non_null(strstr(e.text, "CLADE_FINAL=1"));
  assert_null(parts.test.pixels);
}

/* A file of 60 good lines, with line `at` replaced. */
static void expect_refusal(const char *line, size_t at, int code, const char *words) {
  char directory[] = "/tmp/clade-digits-XXXXXX";
  struct cl_err e = {0};
  struct cl_text text = {0};
  assert_non_null(mkdtemp(directory));
  for (size_t i = 1; i <= 60; i++) {
    if (i == at) cl_text_add(&text, line);
    for (int j = 0; i != at && j < PIXELS; j++) cl_text_add(&text, "7,");
    if (i != at) cl_text_format(&text, "%zu\n", i % 10);
  }
  char *path = cl_path_join(directory, "digits.csv");
  assert_int_equal(cl_file_write(path, cl_text_get(&text), text.length, false, &e), 0);
  struct net_parts parts = {0};
  assert_int_equal(digits_read(path, (struct net_wish){0}, &parts, &e), code);
  if (code < 0 && strstr(e.text, words) == NULL) fail_msg("'%s' does not say '%s'", e.text, words);
  net_parts_done(&parts);
  cl_text_done(&text);
  cl_free(path);
  assert_int_equal(cl_dir_remove(directory, &e), 0);
}

static void damaged_lines_are_named(void **state) {
  (void)state;
  expect_refusal("", 61, 0, "");
  expect_refusal("1,2,3\n", 17, CLADE_ECORRUPT, "line 17: number 3 must be a pixel of 0 to 16 and a comma");
  expect_refusal("1,17,3\n", 23, CLADE_ECORRUPT, "line 23: number 2 must be a pixel");
  expect_refusal("1,x,3\n", 1, CLADE_ECORRUPT, "line 1: number 2 must be a pixel");
  struct cl_text text = {0};
  for (int j = 0; j < PIXELS; j++) cl_text_add(&text, "16,");
  cl_text_add(&text, "10\n");
  expect_refusal(cl_text_get(&text), 60, CLADE_ECORRUPT, "line 60: the line must end with a label of 0 to 9");
  cl_text_done(&text);
}

static void a_file_that_is_cut_off_or_missing_gives_a_sentence(void **state) {
  (void)state;
  char directory[] = "/tmp/clade-digits-XXXXXX", *bytes = NULL;
  size_t size = 0;
  struct cl_err e;
  struct net_parts parts = {0};
  assert_non_null(mkdtemp(directory));
  char *path = cl_path_join(directory, "cut.gz");
  assert_int_equal(digits_read(path, (struct net_wish){0}, &parts, &e), CLADE_ENOTFOUND);
  assert_int_equal(cl_file_read(data_path(), 1 << 20, &bytes, &size, &e), 0);
  assert_int_equal(cl_file_write(path, bytes, size - 1000, false, &e), 0);
  assert_int_equal(digits_read(path, (struct net_wish){0}, &parts, &e), CLADE_EIO);
  assert_non_null(strstr(e.text, "is cut off"));
  bytes[size / 2] ^= 16;
  assert_int_equal(cl_file_write(path, bytes, size, false, &e), 0);
  assert_int_equal(digits_read(path, (struct net_wish){0}, &parts, &e), CLADE_EIO);
  assert_non_null(strstr(e.text, "is damaged"));
  cl_free(bytes);
  cl_free(path);
  assert_int_equal(cl_dir_remove(directory, &e), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_parts_are_stratified_and_together_all_1797),
      cmocka_unit_test(every_image_is_in_one_part_only),
      cmocka_unit_test(the_final_training_may_join_the_validation_part),
      cmocka_unit_test(the_test_part_is_refused_outside_of_the_final_training),
      cmocka_unit_test(damaged_lines_are_named),
      cmocka_unit_test(a_file_that_is_cut_off_or_missing_gives_a_sentence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
