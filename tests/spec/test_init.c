/* `clade init`: whatever the program looks like, the spec that comes out loads and resolves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "help.h"
#include "spec/spec_impl.h"

static struct cl_settings *settings_of(const char *program, const char *path, struct cl_text *ret) {
  struct cl_err e = {0};
  if (cl_spec_init_text(program, strlen(program), path, ret, &e) < 0) fail_msg("%s", e.text);
  return help_settings(cl_text_get(ret), "");
}

static const char train[] =
    "import argparse\n"
    "p = argparse.ArgumentParser('--nothing')\n"
    "p.add_argument('-l', \"--learning-rate\", type=float, default=0.01, help='rate (0, 1), \"really\"')\n"
    "p.add_argument('--batch-size',\n    default=64)  # add_argument('--no', type=float, default=1.0)\n"
    "'''\np.add_argument('--neither', type=float, default=1.0)\n'''\n"
    "p.add_argument('--opt', choices=['adam', 'sgd'], default='adam')\n"
    "p.add_argument('--depth', choices=(2, 4, 8), default=4, type=int)\n"
    "p.add_argument('--momentum', type=float, default=.9)\n"
    "p.add_argument('--layers', type=int, default=3)\n"
    "p.add_argument('--temperature', type=float, default=5.)\n"
    "p.add_argument('--epochs', type=int, default=10)\n"
    "p.add_argument('--verbose', action='store_true')\n"
    "p.add_argument('--data', default='x')\n"
    "print(f'epoch {e} val_acc={a}')\n";

static void options_of_argparse_become_hyperparameters(void **state) {
  (void)state;
  struct cl_text text = {0};
  struct cl_settings *s = settings_of(train, "dir/train.py", &text);
  assert_int_equal(s->space.n, 7);
  const struct cl_hyperparameter *lr = help_find(s, "learning_rate"), *batch = help_find(s, "batch_size");
  assert_int_equal(lr->scale, CL_LOG);
  assert_true(lr->lo < 0.01 && lr->hi > 0.01 && lr->hi <= 1);
  assert_true(cl_value_equal(lr->tuned, cl_value_real(0.01)));
  assert_int_equal(batch->n_values, 5);
  assert_true(cl_value_equal(batch->tuned, cl_value_int(64)));
  assert_string_equal(help_find(s, "opt")->tuned.as.text, "adam");
  assert_true(cl_value_equal(help_find(s, "depth")->values[2], cl_value_int(8)));
  assert_int_equal(help_find(s, "layers")->domain, CL_INTEGER);
  assert_string_equal(s->program[0], "python3");
  assert_string_equal(s->program[1], "dir/train.py");
  assert_string_equal(s->program[2], "--learning-rate={learning_rate}");
  assert_string_equal(s->objectives[0].name, "val_acc");
  assert_int_equal(s->objectives[0].goal, CL_MAXIMIZE);
  assert_non_null(strstr(cl_text_get(&text), "# left alone: --epochs --verbose --data\n"));
  assert_non_null(strstr(cl_text_get(&text), "# guess"));
  cl_settings_destroy(s);
  cl_text_done(&text);
}

static void other_programs_get_an_example(void **state) {
  (void)state;
  static const char *const cases[][2] = {{"train.sh", "sh"},
                                         {"train", "./train"},
                                         {"/opt/a b/train", "/opt/a b/train"},
                                         {"src/mnist.c", "src/mnist"},
                                         {"we{ird}.py", "python3"}};
  for (size_t i = 0; i < 5; i++) {
    struct cl_text text = {0};
    struct cl_settings *s = settings_of("loss", cases[i][0], &text);
    assert_int_equal(s->space.n, 1);
    assert_string_equal(s->program[0], cases[i][1]);
    assert_string_equal(s->objectives[0].name, "loss");
    cl_settings_destroy(s);
    cl_text_done(&text);
  }
}

static void binaries_are_not_read(void **state) {
  (void)state;
  struct cl_text text = {0};
  struct cl_err e = {0};
  assert_int_equal(cl_spec_init_text("\x7f\x45LF\xff", 5, "train.py", &text, &e), 0);
  cl_settings_destroy(help_settings(cl_text_get(&text), ""));
  cl_text_clear(&text);
  assert_int_equal(cl_spec_init("/nowhere/train.py", &text, &e), CLADE_ENOTFOUND);
  assert_int_equal(text.length, 0);
  cl_text_done(&text);
}

/* Programs put together at random from pieces that matter to the scanner. */
static void nothing_that_a_program_says_breaks_the_spec(void **state) {
  (void)state;
  static const char *const pieces[] = {"add_argument(",
                                       "'--lr'",
                                       "\"--x-y\"",
                                       "'--lr'",
                                       "'--LR'",
                                       "'--spec'",
                                       "'--yes'",
                                       ",",
                                       ",",
                                       ",",
                                       "type=float",
                                       "type=int",
                                       "default=0.01",
                                       "default=-3",
                                       "default=1e300",
                                       "default=0",
                                       "default=1e-300",
                                       "default=5",
                                       "default=1000000000",
                                       "choices=[",
                                       "]",
                                       "'a'",
                                       "'null'",
                                       "1",
                                       "1.0",
                                       "'1'",
                                       ")",
                                       ")",
                                       "\n",
                                       "#",
                                       "'''",
                                       "loss",
                                       "val_loss",
                                       "'--val_loss'",
                                       "'--loss'",
                                       "\\",
                                       "default='a'",
                                       "nargs='+'",
                                       "'--batch'",
                                       "'--dropout'",
                                       "'--n'",
                                       "\t",
                                       "\xc3\xa9",
                                       "(",
                                       "default=0.5",
                                       "default=2.385"};
  for (uint64_t round = 0; round < 300; round++) {
    struct cl_rng rng = cl_rng_stream(7, CL_RNG_USER, round, 0);
    struct cl_text program = {0}, text = {0};
    uint64_t n = cl_rng_below(&rng, 60);
    for (uint64_t i = 0; i < n; i++)
      cl_text_add(&program, pieces[cl_rng_below(&rng, sizeof pieces / sizeof pieces[0])]);
    struct cl_settings *s = settings_of(cl_text_get(&program), "t.py", &text);
    assert_true(s->space.n >= 1);
    cl_settings_destroy(s);
    cl_text_done(&program);
    cl_text_done(&text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(options_of_argparse_become_hyperparameters),
      cmocka_unit_test(other_programs_get_an_example),
      cmocka_unit_test(binaries_are_not_read),
      cmocka_unit_test(nothing_that_a_program_says_breaks_the_spec),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
