/* The text that says which regions a state holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "wire/regions.h"

static int read_text(const char *text, bool in_memory, int64_t size, struct cl_regions *ret,
                     struct cl_err *e) {
  return cl_regions_read(text, strlen(text), in_memory, size, ret, e);
}

static void what_is_written_reads_back_equal(void **state) {
  (void)state;
  struct cl_region items[] = {{.name = "weights", .bytes = 16777217},
                              {.name = "Größe of 2 things", .bytes = 1},
                              {.name = "a/b", .bytes = 4096}};
  int64_t size = cl_regions_place(items, 3);
  for (int in_memory = 0; in_memory < 2; in_memory++) {
    struct cl_text text = {0};
    struct cl_regions r = {0};
    assert_int_equal(cl_regions_write(&text, items, 3, in_memory, NULL), 0);
    assert_int_equal(read_text(text.bytes, in_memory, size, &r, NULL), 0);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.size, in_memory ? size : 16777217 + 1 + 4096);
    for (size_t i = 0; i < 3; i++) {
      assert_string_equal(r.items[i].name, items[i].name);
      assert_int_equal(r.items[i].bytes, items[i].bytes);
      if (in_memory)
        assert_int_equal(r.items[i].offset, items[i].offset);
      else
        assert_string_equal(r.items[i].file, items[i].file);
    }
    cl_regions_done(&r);
    cl_text_done(&text);
  }
}

static void regions_lie_on_pages_of_their_own_behind_the_text(void **state) {
  (void)state;
  struct cl_region items[CL_REGIONS_MAX];
  char names[CL_REGIONS_MAX][CL_REGION_NAME_MAX + 1];
  for (size_t i = 0; i < CL_REGIONS_MAX; i++) {
    memset(names[i], 'n', CL_REGION_NAME_MAX);
    (void)snprintf(names[i] + CL_REGION_NAME_MAX - 4, 5, "%04zu", i);
    items[i] = (struct cl_region){.name = names[i], .bytes = INT64_C(1) << 40};
  }
  struct cl_text text = {0};
  int64_t size = cl_regions_place(items, CL_REGIONS_MAX);
  assert_int_equal(cl_regions_write(&text, items, CL_REGIONS_MAX, true, NULL), 0);
  assert_true((int64_t)text.length < items[0].offset); /* the longest text there is */
  for (size_t i = 0; i < CL_REGIONS_MAX; i++) {
    assert_int_equal(items[i].offset % CL_REGION_PAGE, 0);
    int64_t end = i + 1 < CL_REGIONS_MAX ? items[i + 1].offset : size;
    assert_true(items[i].offset + items[i].bytes <= end);
  }
  cl_text_done(&text);
}

static void files_have_names_that_any_file_system_takes(void **state) {
  (void)state;
  char longest[CL_REGION_NAME_MAX + 1];
  memset(longest, 'x', CL_REGION_NAME_MAX);
  longest[CL_REGION_NAME_MAX] = '\0';
  struct cl_region items[] = {{.name = "../../etc/passwd", .bytes = 1},
                              {.name = longest, .bytes = 1},
                              {.name = "\xc3\xa4 b", .bytes = 1}};
  cl_regions_name(items, 3);
  assert_string_equal(items[0].file, "0-.._.._etc_passwd");
  assert_true(strlen(items[1].file) < CL_REGION_FILE_MAX);
  assert_string_equal(items[2].file, "2-___b");
}

static void unusable_names_are_refused(void **state) {
  (void)state;
  char longest[CL_REGION_NAME_MAX + 2];
  memset(longest, 'x', CL_REGION_NAME_MAX + 1);
  longest[CL_REGION_NAME_MAX + 1] = '\0';
  const char *const bad[] = {NULL, "", "a\nb", "\x7f", "\xff", longest};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(cl_region_check(bad[i], NULL), CLADE_EINVAL);
  longest[CL_REGION_NAME_MAX] = '\0';
  assert_int_equal(cl_region_check(longest, NULL), 0);
  assert_int_equal(cl_region_check(" with blanks ", NULL), 0);
}

static void a_damaged_text_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool in_memory;
  } bad[] = {
      {"", true},
      {"clade regions 2 0 8192\n", true},              /* of another kind */
      {"clade regions 1 0 8193\n", true},              /* more than there is */
      {"clade regions 1 1 8192\n", true},              /* a line is missing */
      {"clade regions 1 1 8192\n4096 4096 x", true},   /* cut off */
      {"clade regions 1 1 8192\n4096 4097 x\n", true}, /* beyond the end */
      {"clade regions 1 1 8192\n12288 0 x\n", true},
      {"clade regions 1 1 8192\n4095 1 x\n", true}, /* not on a page */
      {"clade regions 1 1 8192\n-4096 1 x\n", true},
      {"clade regions 1 1 8192\n4096 -1 x\n", true},
      {"clade regions 1 1 8192\n4096 9223372036854775807 x\n", true},
      {"clade regions 1 1 8192\n4096 99999999999999999999 x\n", true},
      {"clade regions 1 2 8192\n4096 1 x\n4096 1 x\n", true}, /* twice */
      {"clade regions 1 1 8192\n4096 1 \n", true},            /* without a name */
      {"clade regions 1 99999 8192\n", true},
      {"clade regions 1 1 3\n../x 3 x\n", false}, /* out of the directory */
      {"clade regions 1 1 3\nregions 3 x\n", false},
      {"clade regions 1 1 3\n0-x 3\n", false},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct cl_regions r = {0};
    struct cl_err e = {0};
    if (read_text(bad[i].text, bad[i].in_memory, 8192, &r, &e) != CLADE_ECORRUPT)
      fail_msg("%zu: %s", i, bad[i].text);
    assert_true(e.text[0] != '\0' && r.items == NULL && r.text == NULL);
  }
}

/* Every beginning of a good text, and every good text with one byte changed, is read or refused. */
static void no_text_is_read_beyond_its_end(void **state) {
  (void)state;
  static const char good[] = "clade regions 1 2 16384\n4096 10 one\n8192 4096 two\n";
  for (size_t n = 0; n < sizeof good; n++) {
    char *cut = cl_copy_bytes(good, n);
    struct cl_regions r = {0};
    assert_non_null(cut);
    int status = cl_regions_read(cut, n, true, 16384, &r, NULL);
    assert_int_equal(status == 0, n + 1 == sizeof good);
    cl_regions_done(&r);
    for (int byte = 1; byte < 256 && n > 0; byte += 7) {
      cut[n - 1] = (char)byte;
      if (cl_regions_read(cut, n, true, 16384, &r, NULL) == 0) cl_regions_done(&r);
    }
    cl_free(cut);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_reads_back_equal),
      cmocka_unit_test(regions_lie_on_pages_of_their_own_behind_the_text),
      cmocka_unit_test(files_have_names_that_any_file_system_takes),
      cmocka_unit_test(unusable_names_are_refused),
      cmocka_unit_test(a_damaged_text_is_refused),
      cmocka_unit_test(no_text_is_read_beyond_its_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
