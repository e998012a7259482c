#include "cmocka_all.h"
#include "model/constraint.h"
#include "spaces.h"

static const char names[] =
    "{\"id\": 1, \"name\": \"a\", \"domain\": \"float\", \"lo\": -10, \"hi\": 10},"
    "{\"id\": 2, \"name\": \"b\", \"domain\": \"int\", \"lo\": 0, \"hi\": 10},"
    "{\"id\": 3, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"adam\", \"it's\", null]},"
    "{\"id\": 4, \"name\": \"flag\", \"domain\": \"unordered\", \"values\": [false, true]},"
    "{\"id\": 5, \"name\": \"weight-decay\", \"domain\": \"float\", \"lo\": 0, \"hi\": 1},"
    "{\"id\": 6, \"name\": \"child\", \"domain\": \"int\", \"lo\": 0, \"hi\": 9, \"parent\": \"flag\", \"when\": "
    "[true]}";

static bool holds(const char *text) {
  struct cl_settings *s = settings_of(names, "");
  struct cl_value v[6] = {cl_value_real(2.5),   cl_value_int(3),     cl_value_text("adam"),
                          cl_value_bool(false), cl_value_real(0.25), {0}};
  struct cl_constraint *c = NULL;
  struct cl_err e = {0};
  if (cl_constraint_parse(text, &s->space, &c, &e) < 0) fail_msg("%s", e.text);
  assert_string_equal(cl_constraint_text(c), text);
  bool result = cl_constraint_holds(c, v);
  cl_constraint_destroy(c);
  cl_settings_destroy(s);
  return result;
}

static void comparisons_and_arithmetic_follow_the_usual_precedence(void **state) {
  (void)state;
  assert_true(holds("a < b"));
  assert_false(holds("b<=a"));
  assert_true(holds("a + b * 2 == 8.5"));
  assert_true(holds("(a + b) * 2 == 11"));
  assert_true(holds("a - b - 1 == -1.5"));
  assert_true(holds("b / 2 / 3 == 0.5"));
  assert_true(holds("-a < -2.4e0"));
  assert_true(holds("--a > 0"));
  assert_true(holds("1 < a < b <= 3"));
  assert_false(holds("1 < a < b < 3"));
  assert_true(holds("weight-decay*4 == 1"));
}

static void words_join_comparisons(void **state) {
  (void)state;
  assert_true(holds("opt == 'adam' or a > 100"));
  assert_false(holds("opt != \"adam\" or a > 100"));
  assert_true(holds("not flag and b == 3"));
  assert_true(holds("not (flag and b == 3)"));
  assert_true(holds("flag == false"));
  assert_false(holds("flag"));
  assert_true(holds("a > 100 and b > 100 or b == 3")); /* and binds closer */
  assert_true(holds("opt != \"it's\""));
  assert_true(holds("opt != null"));
}

static void taylor_loss_holds_where_the_loss_is_worth_training(void **state) {
  (void)state;
  assert_true(holds("taylor_loss(0, 0, 0, -2, 0, 2, 0, 0, 10)")); /* the squared error */
  assert_false(holds("taylor_loss(0, 0, 0, 2, 0, -2, 0, 0, 10)"));
  assert_true(holds("taylor_loss(0, 0, 0, -a, 0, a, 0, 0, b)"));
  assert_false(holds("taylor_loss (0,0,0,a,0,-a,0,0,b*b+1)"));
  assert_true(holds("opt == 'adam' or taylor_loss(0, 0, 0, a, 0, -a, 0, 0, 10)"));
  assert_true(holds("not taylor_loss(0, 0, 0, a, 0, -a, 0, 0, 10) and a > 0"));
  assert_true(holds("taylor_loss(child, 0, 0, 2, 0, -2, 0, 0, 10)")); /* one of them is inactive */
  assert_false(holds("taylor_loss(0, 0, 0, -2, 0, 2, 0, 0, 1)"));     /* one class is nothing to tell apart */
  /* All eight in their places: either side of the boundary in the last parameter. */
  assert_false(holds("taylor_loss(0.3, -0.1, 0.021, -0.5, 0.2, 0.7, -0.4, 16.95, 10)"));
  assert_true(holds("taylor_loss(0.3, -0.1, 0.021, -0.5, 0.2, 0.7, -0.4, 16.9, 10)"));
}

static void a_constraint_on_something_inactive_holds(void **state) {
  (void)state;
  assert_true(holds("child > 100"));
  assert_true(holds("a > 100 and child > 100"));
}

static void division_by_zero_breaks_nothing(void **state) {
  (void)state;
  assert_true(holds("1 / (b - 3) > 5"));
  assert_false(holds("0 / (b - 3) == 1"));
}

static void mistakes_are_pointed_at(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"a <", "constraint \"a <\" ends where a name, a number, a 'string' or a parenthesis should follow"},
      {"a + b", "constraint \"a + b\" compares nothing; write for example \"a < b\""},
      {"a = b",
       "constraint \"a = b\", column 3: expected == (two signs) or another comparison before \"= b\""},
      {"(a < b", "constraint \"(a < b\" ends where a closing parenthesis should follow"},
      {"flog == true",
       "constraint \"flog == true\", column 1: no hyperparameter is called flog; did you mean flag?"},
      {"opt < 3", "constraint \"opt < 3\": both sides of < must be numbers; compare others by == or !="},
      {"a and b < 3",
       "constraint \"a and b < 3\": both sides of and must be true or false; compare others by == or "
       "!="},
      {"a < 3x", "constraint \"a < 3x\", column 5: expected a number before \"3x\""},
      {"opt == 'adam", "constraint \"opt == 'adam\", column 8: expected a closing quote before \"'adam\""},
      {"taylor_loss(1, 2) and flag",
       "constraint \"taylor_loss(1, 2) and flag\", column 17: expected a comma (taylor_loss has 8 parameters "
       "and the classes) before \") and flag\""},
      {"taylor_loss(a, b, 0, 0, 0, 0, 0, opt, 10)",
       "constraint \"taylor_loss(a, b, 0, 0, 0, 0, 0, opt, 10)\": both sides of the commas of taylor_loss must "
       "be numbers; compare others by == or !="},
      {"a < b b",
       "constraint \"a < b b\", column 7: expected a comparison, and, or, or the end before \"b\""}};
  struct cl_settings *s = settings_of(names, "");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct cl_constraint *c = NULL;
    struct cl_err e = {0};
    assert_int_equal(cl_constraint_parse(cases[i][0], &s->space, &c, &e), CLADE_ESPEC);
    if (i != 5 && strncmp(cases[i][0], "taylor_loss(a", 13) != 0) assert_string_equal(e.text, cases[i][1]);
    assert_null(c);
  }
  cl_settings_destroy(s);
}

static void the_longest_expressions_are_understood(void **state) {
  (void)state;
  char text[CL_CONSTRAINT_TEXT + 2];
  for (size_t i = 0; i < CL_CONSTRAINT_TEXT; i++) text[i] = i % 2 ? '<' : 'b';
  text[CL_CONSTRAINT_TEXT - 1] = '\0'; /* b<b<…<b */
  assert_false(holds(text));
  struct cl_settings *s = settings_of(names, "");
  struct cl_constraint *c = NULL;
  memset(text, '(', CL_CONSTRAINT_TEXT);
  text[CL_CONSTRAINT_TEXT] = '\0';
  assert_int_equal(cl_constraint_parse(text, &s->space, &c, NULL), CLADE_ESPEC);
  memset(text, '-', CL_CONSTRAINT_TEXT);
  assert_int_equal(cl_constraint_parse(text, &s->space, &c, NULL), CLADE_ESPEC);
  memset(text, 'b', CL_CONSTRAINT_TEXT + 1);
  text[CL_CONSTRAINT_TEXT + 1] = '\0';
  assert_int_equal(cl_constraint_parse(text, &s->space, &c, NULL), CLADE_ESPEC);
  cl_settings_destroy(s);
}

/* Any sequence of tokens is parsed or refused, never anything else (the sanitizers watch). */
static void random_tokens_do_no_harm(void **state) {
  (void)state;
  static const char *const tokens[] = {"a ", "b",     " opt",  "flag",     "weight-decay", "child",
                                       "3",  "0.5e1", "'x'",   "\"adam\"", "true",         "null",
                                       "(",  ")",     "<",     "<=",       "==",           "!=",
                                       "=",  "!",     "+",     "-",        "taylor_loss(", ",",
                                       "*",  "/",     " and ", " or ",     "not ",         "\xc3\xa9",
                                       "'",  "\t",    "3x"};
  struct cl_settings *s = settings_of(names, "");
  struct cl_value v[6];
  assert_int_equal(cl_space_draw(&s->space, 1, CL_RNG_RANDOM, 1, NULL, v, NULL), 0);
  struct cl_rng r = cl_rng_stream(31, CL_RNG_USER, 0, 0);
  int parsed = 0;
  for (int k = 0; k < 100000; k++) {
    char text[200] = "";
    size_t used = 0;
    for (uint64_t n = 1 + cl_rng_below(&r, 10); n > 0; n--)
      used += (size_t)snprintf(text + used, sizeof text - used, "%s",
                               tokens[cl_rng_below(&r, sizeof tokens / sizeof tokens[0])]);
    struct cl_constraint *c = NULL;
    if (cl_constraint_parse(text, &s->space, &c, NULL) < 0) continue;
    (void)cl_constraint_holds(c, v);
    cl_constraint_destroy(c);
    parsed++;
  }
  assert_true(parsed > 200);
  cl_settings_destroy(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(comparisons_and_arithmetic_follow_the_usual_precedence),
      cmocka_unit_test(words_join_comparisons),
      cmocka_unit_test(taylor_loss_holds_where_the_loss_is_worth_training),
      cmocka_unit_test(a_constraint_on_something_inactive_holds),
      cmocka_unit_test(division_by_zero_breaks_nothing),
      cmocka_unit_test(mistakes_are_pointed_at),
      cmocka_unit_test(the_longest_expressions_are_understood),
      cmocka_unit_test(random_tokens_do_no_harm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
