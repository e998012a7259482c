/* Typed columns, formats and filters over a made-up catalogue: what is understood, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "query/column.h"
#include "query/filter.h"
#include "query/format.h"

static struct cl_catalogue catalogue;

static void add(enum cl_column_kind kind, enum cl_column_type type, const char *name) {
  struct cl_column c = {.kind = kind, .type = type, .name = name, .index = (int)catalogue.n + 1};
  assert_int_equal(cl_catalogue_add(&catalogue, &c, NULL), 0);
}

static int setup(void **state) {
  static const struct cl_column_alias aliases[] = {{"run", 1}, {"waited", 11, true}};
  (void)state;
  catalogue.aliases = aliases;
  catalogue.n_aliases = 2;
  add(CL_COLUMN_STANDARD, CL_COLUMN_PLAIN, "trial");
  add(CL_COLUMN_STANDARD, CL_COLUMN_STATE, "state");
  add(CL_COLUMN_STANDARD, CL_COLUMN_TIME, "started");
  add(CL_COLUMN_METRIC, CL_COLUMN_PLAIN, "loss");
  add(CL_COLUMN_METRIC, CL_COLUMN_PLAIN, "val/acc, top=5:b");
  add(CL_COLUMN_VALUE, CL_COLUMN_PLAIN, "lr");
  add(CL_COLUMN_VALUE, CL_COLUMN_PLAIN, "trial");
  add(CL_COLUMN_VALUE, CL_COLUMN_PLAIN, "na'me");
  add(CL_COLUMN_VALUE, CL_COLUMN_PLAIN, "a*b");
  add(CL_COLUMN_TAG, CL_COLUMN_PLAIN, "two\nlines \x1b[31m\xC3\xA9");
  add(CL_COLUMN_STANDARD, CL_COLUMN_DURATION, "queued");
  catalogue.items[catalogue.n - 1].yields = true;
  return 0;
}

static int teardown(void **state) {
  (void)state;
  cl_catalogue_done(&catalogue);
  return 0;
}

/* "name|header|format;…" of the columns that a list names, or the name of the error. */
static const char *columns(const char *list) {
  static char text[4000];
  struct cl_table t = {0};
  struct cl_err e = {0};
  int status = cl_columns_add(&t, &catalogue, list, false, &e);
  size_t n = 0;
  text[0] = '\0';
  if (status < 0) {
    assert_true(e.text[0] != '\0');
    n = (size_t)snprintf(text, sizeof text, "%s", clade_error_name(status));
  }
  for (size_t i = 0; i < t.n_columns && status == 0; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "%s%s|%s|%s", i == 0 ? "" : ";", t.columns[i].name,
                          t.columns[i].header, t.columns[i].format == NULL ? "" : t.columns[i].format);
  cl_table_done(&t);
  return text;
}

static void columns_have_headers_and_formats(void **state) {
  (void)state;
  assert_string_equal(columns("trial,lr=Rate:.5f,metrics.loss:.2e"),
                      "trial|trial|;lr|Rate|.5f;loss|loss|.2e");
  assert_string_equal(columns(" trial , run=No "), "trial|trial|;trial|No|");
  assert_string_equal(columns("run"), "trial|run|");
  assert_string_equal(columns("hparams.trial"), "trial|trial|");
  assert_string_equal(columns(",,lr,"), "lr|lr|");
  assert_string_equal(columns(""), "");
  assert_string_equal(columns("lr='a, b: c':+.1f,trial"), "lr|a, b: c|+.1f;trial|trial|");
  assert_string_equal(columns("lr=a=b:.1f"), "lr|a=b|.1f");
}

static void commas_of_formats_part_no_columns(void **state) {
  (void)state;
  assert_string_equal(columns("trial:,,lr"), "trial|trial|,;lr|lr|");
  assert_string_equal(columns("trial:,"), "trial|trial|,");
  assert_string_equal(columns("loss:,.2f,lr"), "loss|loss|,.2f;lr|lr|");
  assert_string_equal(columns("loss:10,d,lr"), "loss|loss|10,d;lr|lr|");
  assert_string_equal(columns("loss:.2f,lr"), "loss|loss|.2f;lr|lr|");
  assert_string_equal(columns("started=Day:$do,started:$to"), "started|Day|$do;started|started|$to");
}

static void names_may_hold_anything(void **state) {
  (void)state;
  assert_string_equal(columns("val/acc, top=5:b"), "val/acc, top=5:b|val/acc, top=5:b|");
  assert_string_equal(columns("'val/acc, top=5:b'=Top:.3f,lr"), "val/acc, top=5:b|Top|.3f;lr|lr|");
  assert_string_equal(columns("na'me,lr"), "na'me|na'me|;lr|lr|");
  assert_string_equal(columns("\"na'me\"=x"), "na'me|x|");
  assert_string_equal(columns("a*b"), "a*b|a*b|");
  assert_string_equal(columns("'a*b':.1f"), "a*b|a*b|.1f");
  assert_string_equal(columns("tags.two*"), "two\nlines \x1b[31m\xC3\xA9|two\nlines \x1b[31m\xC3\xA9|");
}

static void wildcards_name_what_there_is_once(void **state) {
  (void)state;
  assert_string_equal(columns("metrics.l*:.1f"), "loss|loss|.1f");
  assert_string_equal(columns("loss=L,metrics.lo?s"), "loss|L|");
  assert_string_equal(columns("nothing.*"), "");
  assert_string_equal(columns("hparams.?r,hparams.l*"), "lr|lr|");
  assert_string_equal(columns("metrics.*=All"), "EINVAL");
}

static void a_name_of_the_study_comes_before_columns_that_yield(void **state) {
  (void)state;
  assert_string_equal(columns("queued"), "queued|queued|");
  assert_string_equal(columns("waited"), "queued|waited|"); /* an alias that yields */
  struct cl_column own = {.kind = CL_COLUMN_VALUE, .name = "queued", .index = 90};
  struct cl_column ret = {0};
  assert_int_equal(cl_catalogue_add(&catalogue, &own, NULL), 0);
  assert_true(cl_catalogue_find(&catalogue, "queued", &ret, NULL));
  assert_int_equal(ret.kind, CL_COLUMN_VALUE);
  own.name = "waited";
  assert_int_equal(cl_catalogue_add(&catalogue, &own, NULL), 0);
  assert_true(cl_catalogue_find(&catalogue, "waited", &ret, NULL));
  assert_int_equal(ret.kind, CL_COLUMN_VALUE);
  assert_true(cl_catalogue_find(&catalogue, "trial", &ret, NULL)); /* as it always was */
  assert_int_equal(ret.kind, CL_COLUMN_STANDARD);
  catalogue.n -= 2;
}

static void what_is_not_there_can_be_left_out(void **state) {
  (void)state;
  struct cl_table t = {0};
  struct cl_err e = {0};
  assert_int_equal(cl_columns_add_known(&t, &catalogue, "nothing,lr:.2f,sku=S,trial=T,metrics.x", &e), 0);
  assert_int_equal(t.n_columns, 2);
  assert_string_equal(t.columns[0].format, ".2f");
  assert_string_equal(t.columns[1].header, "T");
  assert_int_equal(cl_columns_add_known(&t, &catalogue, "lr:.2q", &e),
                   CLADE_EINVAL); /* no name is wrong here */
  assert_int_equal(cl_columns_add_known(&t, &catalogue, "'lr", &e), CLADE_EINVAL);
  cl_table_done(&t);
}

static void a_prefix_alone_means_all_of_its_kind(void **state) {
  (void)state;
  assert_string_equal(columns("metrics"), columns("metrics.*"));
  assert_string_equal(columns("trial,hparams:.1f"), columns("trial,hparams.*:.1f"));
  assert_string_equal(columns("tags=All"), "EINVAL");
  assert_string_equal(columns("metric"), "EINVAL");
}

static void columns_of_rented_machines_have_a_sentence(void **state) {
  (void)state;
  static const char *const names[] = {"target",  "sku",          "vc",         "pool",
                                      "cluster", "service_type", "experiment", "from_ip"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct cl_table t = {0};
    struct cl_err e = {0};
    assert_int_equal(cl_columns_add(&t, &catalogue, names[i], false, &e), CLADE_EINVAL);
    assert_non_null(strstr(e.text, "column"));
    assert_non_null(strstr(e.text, names[i]));
    assert_null(strstr(e.text, "did you mean"));
    cl_table_done(&t);
  }
}

static void what_is_no_column_is_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"lrr",        "lr=",        "lr=:f",    "'lr",    "'lr'x",    "lr='x",
                                      "lr='x'y",    "lr:x",       "lr:.f",    "lr:300", "lr:.101f", "lr:$xx",
                                      "trial,\xff", "metrics.lr", "hparams.", "=x",     ":.1f"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    if (strcmp(columns(wrong[i]), "EINVAL") != 0) fail_msg("'%s' became '%s'", wrong[i], columns(wrong[i]));
}

static char *repeat(const char *text, size_t times) {
  size_t n = strlen(text);
  char *big = cl_alloc(n * times + 1);
  assert_non_null(big);
  for (size_t i = 0; i < times; i++) memcpy(big + i * n, text, n);
  return big;
}

static void texts_that_are_too_long_are_refused_with_their_limits(void **state) {
  (void)state;
  static const char *const parts[] = {"lr,", "x", "lr=xxxxxxxxxx", "?", "*,", "trial<1 and ", "'", ":", "="};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    char *big = repeat(parts[i], (1 << 20) / strlen(parts[i]));
    struct cl_table t = {0};
    struct cl_filter *f = NULL;
    struct cl_err e = {0};
    assert_int_equal(cl_columns_add(&t, &catalogue, big, false, &e), CLADE_EINVAL);
    assert_non_null(strstr(e.text, "65536 bytes"));
    assert_int_equal(cl_filter_parse(big, &catalogue, &f, &e), CLADE_EINVAL);
    assert_non_null(strstr(e.text, "65536 bytes"));
    cl_table_done(&t);
    cl_free(big);
  }
  char *many = repeat("lr,", 2001), *one = repeat("x", 1001), *all = repeat("lr<1 and ", 101);
  struct cl_table t = {0};
  struct cl_filter *f = NULL;
  struct cl_err e = {0};
  assert_int_equal(cl_columns_add(&t, &catalogue, many, false, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "up to 2000 columns"));
  assert_int_equal(cl_columns_add(&t, &catalogue, one, false, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "1000 bytes"));
  assert_int_equal(cl_filter_parse(all, &catalogue, &f, &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "up to 100 conditions"));
  cl_table_done(&t);
  cl_free(many);
  cl_free(one);
  cl_free(all);
}

/* Formats. */

static const char *format(const char *text, struct cl_value v, enum cl_column_type type) {
  static char copy[600];
  struct cl_format f;
  struct cl_text ret = {0};
  assert_int_equal(cl_format_parse(text, &f, NULL), 0);
  bool written = cl_format_write(&f, type, v, &ret);
  assert_false(ret.failed);
  (void)snprintf(copy, sizeof copy, "%s", written ? cl_text_get(&ret) : "(usual)");
  cl_text_done(&ret);
  return copy;
}

static const char *real(const char *text, double x) {
  return format(text, cl_value_real(x), CL_COLUMN_PLAIN);
}

static const char *integer(const char *text, int64_t x) {
  return format(text, cl_value_int(x), CL_COLUMN_PLAIN);
}

static const char *words(const char *text, const char *x) {
  return format(text, cl_value_text(x), CL_COLUMN_PLAIN);
}

static void reals_are_written_as_python_does(void **state) {
  (void)state;
  assert_string_equal(real(".3f", 2.3854), "2.385");
  assert_string_equal(real("f", 2.385), "2.385000");
  assert_string_equal(real(".1%", 0.98726), "98.7%");
  assert_string_equal(real(",.2f", 1234567.891), "1,234,567.89");
  assert_string_equal(real("_.0f", -1234567.0), "-1_234_567");
  assert_string_equal(real(",", 1234567.891), "1,234,567.891");
  assert_string_equal(real("+.2e", 0.00031416), "+3.14e-04");
  assert_string_equal(real(" g", 12.5), " 12.5");
  assert_string_equal(real(".3", 1234.5), "1.23e+03");
  assert_string_equal(real("010.2f", -2.385), "-000002.38");
  assert_string_equal(real("*^9.1f", 2.385), "***2.4***");
  assert_string_equal(real("<8.1f", 2.35), "2.4     ");
  assert_string_equal(real("\xC3\xA9>6.1f", 2.5), "\xC3\xA9\xC3\xA9\xC3\xA9"
                                                  "2.5");
  assert_string_equal(real("d", 5000), "5000");
  assert_string_equal(real(",d", 5000), "5,000");
  assert_string_equal(real("d", 0.5), "0.5"); /* not cut */
  assert_string_equal(real(".2f", (double)NAN), "nan");
  assert_string_equal(real("8.2f", -(double)INFINITY), "    -inf");
  assert_int_equal(strlen(real(".100f", -1.7976931348623157e308)), 1 + 309 + 1 + 100);
}

static void integers_and_texts_are_written_as_python_does(void **state) {
  (void)state;
  assert_string_equal(integer("05d", 42), "00042");
  assert_string_equal(integer("+,", 1234567), "+1,234,567");
  assert_string_equal(integer(",", INT64_MIN), "-9,223,372,036,854,775,808");
  assert_string_equal(integer(".2f", 3), "3.00");
  assert_string_equal(integer("%", 3), "300.000000%");
  assert_string_equal(words("6", "ab"), "ab    ");
  assert_string_equal(words(">6", "ab"), "    ab");
  assert_string_equal(words(".2", "\xE6\xBC\xA2\xE5\xAD\x97kanji"), "\xE6\xBC\xA2\xE5\xAD\x97");
  assert_string_equal(words(".3f", "adam"), "adam"); /* no number: as it is */
  assert_string_equal(format("5", (struct cl_value){.kind = CL_NULL}, CL_COLUMN_PLAIN), "null ");
  assert_string_equal(format(".1f", (struct cl_value){0}, CL_COLUMN_PLAIN), "(usual)");
}

static void xt_formats_are_known(void **state) {
  (void)state;
  assert_string_equal(integer("$bz", 0), "");
  assert_string_equal(real("$bz", 0.0), "");
  assert_string_equal(integer("$bz", 3), "(usual)");
  assert_string_equal(words("$do", "x"), "(usual)");
  struct cl_value noon = cl_value_int(INT64_C(1770465600000)); /* 2026-02-07 12:00 UTC; any zone is near it */
  assert_non_null(strstr(format("$do", noon, CL_COLUMN_TIME), "2026-02-0"));
  assert_non_null(strstr(format("$to", noon, CL_COLUMN_TIME), ":00"));
  assert_string_equal(format(".2f", noon, CL_COLUMN_TIME), "(usual)");
}

/* Filters. */

static int holds(const char *text, struct cl_value cell) {
  struct cl_filter *f = NULL;
  struct cl_err e = {0};
  int status = cl_filter_parse(text, &catalogue, &f, &e);
  if (status < 0) return status;
  assert_int_equal(cl_filter_conditions(f), 1);
  status = cl_filter_holds(f, 0, cell);
  cl_filter_destroy(f);
  return status;
}

static void operators_compare_numbers_and_texts(void **state) {
  (void)state;
  static const struct {
    const char *filter;
    double cell;
    int holds;
  } cases[] = {{"lr<0.01", 0.009, 1},
               {"lr<0.01", 0.01, 0},
               {"lr <= 0.01", 0.01, 1},
               {"lr>1e-3", 0.0011, 1},
               {"lr >= 2", 2, 1},
               {"lr == 2", 2, 1},
               {"lr=2.0", 2, 1},
               {"lr != 2", 3, 1},
               {"lr <> 2", 2, 0},
               {"lr = $none", 2, 0},
               {"lr != $none", 0, 1},
               {"lr = $exists", 0, 1},
               {"lr != $exists", 0, 0},
               {"lr :exists:", 0, 1},
               {"lr :exists: $false", 0, 0},
               {"lr='2'", 2, 0},
               {"lr < abc", 2, 0},
               {"lr = $true", 1, 1},
               {"lr :regex: ^2\\.3", 2.385, 1},
               {"lr = nan", (double)NAN, 0},

               {"lr=$empty", 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (holds(cases[i].filter, cl_value_real(cases[i].cell)) != cases[i].holds)
      fail_msg("%s for %g", cases[i].filter, cases[i].cell);
  assert_int_equal(holds("lr > run2", cl_value_text("run10")), 1);
  assert_int_equal(holds("lr = $empty", cl_value_text("")), 1);
  assert_int_equal(holds("lr = \"a and b\"", cl_value_text("a and b")), 1);
  assert_int_equal(holds("lr = 'it''s'", cl_value_text("it''s")), 1);
  assert_int_equal(holds("lr = \xE6\xBC\xA2", cl_value_text("\xE6\xBC\xA2")), 1);
  assert_int_equal(holds("lr = two\nlines", cl_value_text("two\nlines")), 1);
}

static void blank_cells_meet_no_condition_but_none(void **state) {
  (void)state;
  struct cl_value blank = {0};
  assert_int_equal(holds("lr < 1", blank), 0);
  assert_int_equal(holds("lr = 0", blank), 0);
  assert_int_equal(holds("lr = $none", blank), 1);
  assert_int_equal(holds("lr :exists: $false", blank), 1);
  assert_int_equal(holds("lr = $exists", blank), 0);
  assert_int_equal(holds("lr != 3", blank), 1);
  assert_int_equal(holds("lr :regex: .*", blank), 0);
}

static void what_is_no_condition_is_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"",
                                      "lr",
                                      "lr<",
                                      "<1",
                                      "lr<<1",
                                      "lr=<1",
                                      "lrr<1",
                                      "lr :regex: (",
                                      "lr :regex: a{70000}",
                                      "lr :regex: ((ab){999}){999}",
                                      "lr :regex: \\1",
                                      "lr :mongo: {}",
                                      "lr > $exists",
                                      "lr<1 and ",
                                      " and lr<1",
                                      "lr = \xff"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    if (holds(wrong[i], cl_value_int(1)) != CLADE_EINVAL) fail_msg("'%s' is taken", wrong[i]);
  char *pattern = repeat("a", 1001);
  struct cl_text filter = {0};
  cl_text_format(&filter, "lr :regex: %s", pattern);
  assert_int_equal(holds(cl_text_get(&filter), cl_value_int(1)), CLADE_EINVAL);
  cl_text_done(&filter);
  cl_free(pattern);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(columns_have_headers_and_formats),
      cmocka_unit_test(commas_of_formats_part_no_columns),
      cmocka_unit_test(names_may_hold_anything),
      cmocka_unit_test(wildcards_name_what_there_is_once),
      cmocka_unit_test(a_name_of_the_study_comes_before_columns_that_yield),
      cmocka_unit_test(what_is_not_there_can_be_left_out),
      cmocka_unit_test(a_prefix_alone_means_all_of_its_kind),
      cmocka_unit_test(columns_of_rented_machines_have_a_sentence),
      cmocka_unit_test(what_is_no_column_is_refused),
      cmocka_unit_test(texts_that_are_too_long_are_refused_with_their_limits),
      cmocka_unit_test(reals_are_written_as_python_does),
      cmocka_unit_test(integers_and_texts_are_written_as_python_does),
      cmocka_unit_test(xt_formats_are_known),
      cmocka_unit_test(operators_compare_numbers_and_texts),
      cmocka_unit_test(blank_cells_meet_no_condition_but_none),
      cmocka_unit_test(what_is_no_condition_is_refused),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
