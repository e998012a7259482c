/* Every allocation fails once: nothing leaks, nothing is half done, and the error says so. And what
 * publishing does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "fault/alloc.h"
#include "worker/worker_impl.h"

static struct cl_hyperparameter lr = {.id = 1, .name = "lr", .domain = CL_FLOAT};

static struct cl_settings plain_settings(void) {
  struct cl_settings s = {.n_objectives = 1};
  s.objectives[0] = (struct cl_objective){"loss", CL_MINIMIZE, CL_LAST};
  s.space.n = 1;
  s.space.items = &lr;
  return s;
}

static void a_line_is_read_or_memory_is_short(void **state) {
  (void)state;
  struct cl_settings s = plain_settings();
  static const char line[] = "\x1b[1mepoch 3\x1b[0m loss=2.385 accuracy=0.5";
  FAULT_LOOP(n) {
    struct cl_output_rules *rules = NULL;
    struct cl_output_report report = {0};
    int status = cl_output_rules_create(&s, &rules, NULL);
    if (status == 0) status = cl_output_line_read(rules, line, sizeof line - 1, &report, NULL);
    if (cl_fault_happened())
      assert_int_equal(status, CLADE_ENOMEM);
    else
      assert_true(status == 0 && report.n == 2 && report.step == 3 && report.metrics[0].value == 2.385);
    cl_output_report_done(&report);
    cl_output_rules_destroy(rules);
  }
}

static void an_environment_is_whole_or_memory_is_short(void **state) {
  (void)state;
  struct cl_settings s = plain_settings();
  struct cl_value value = cl_value_real(2.385);
  char path[] = "PATH=/bin", left[] = "CLADE_X=1";
  char *const base[] = {path, left, NULL};
  struct cl_command_place place = {
      .study = "s", .trial = 7, .attempt = 2, .slots = 1, .directory = "/d", .token = "t"};
  FAULT_LOOP(n) {
    struct cl_words words = {0};
    int status = cl_command_environment(&s, &value, &place, base, &words, NULL);
    if (cl_fault_happened())
      assert_int_equal(status, CLADE_ENOMEM);
    else
      assert_true(status == 0 && strcmp(words.items[0], "PATH=/bin") == 0 && words.items[words.n] == NULL);
    cl_words_done(&words);
  }
}

static bool has_word(const struct cl_words *words, const char *wanted) {
  for (size_t i = 0; i < words->n; i++)
    if (words->items[i] != NULL && strcmp(words->items[i], wanted) == 0) return true;
  return false;
}

/* Any name is a hyperparameter's; a variable's has letters, digits and underscores only. */
static void odd_names_become_variables_of_their_own(void **state) {
  (void)state;
  struct cl_hyperparameter items[] = {{.id = 1, .name = "a-B.9", .domain = CL_FLOAT},
                                      {.id = 2, .name = "{x}[~", .domain = CL_FLOAT},
                                      {.id = 3, .name = "absent/", .domain = CL_FLOAT},
                                      {.id = 4, .name = "a-B_9", .domain = CL_FLOAT}};
  const struct cl_value values[] = {
      cl_value_real(2.385), cl_value_int(7), {.kind = CL_ABSENT}, cl_value_int(1)};
  struct cl_settings s = plain_settings();
  char gpus[] = "CUDA_VISIBLE_DEVICES=0,1", others[] = "CUDA_VISIBLE=2";
  char *const base[] = {gpus, others, NULL};
  struct cl_command_place place = {
      .study = "s", .trial = 7, .attempt = 2, .slots = 1, .directory = "/d", .token = "t", .gpu = "3"};
  struct cl_words words = {0};
  struct cl_err e = {0};
  s.space.items = items;
  s.space.n = 3;
  assert_int_equal(cl_command_environment(&s, values, &place, base, &words, &e), 0);
  assert_true(has_word(&words, "CLADE_PARAM_a_B_9=2.385") && has_word(&words, "CLADE_PARAM__x___=7"));
  assert_true(has_word(&words, "CUDA_VISIBLE_DEVICES=3") && has_word(&words, others));
  assert_false(has_word(&words, gpus) || has_word(&words, "CLADE_PARAM_absent_="));
  cl_words_done(&words);
  s.space.n = 4;
  assert_int_equal(cl_command_environment(&s, values, &place, base, &words, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "'a-B.9' and 'a-B_9' would share the environment variable"));
  cl_words_done(&words);
}

static void write_state(const char *directory, const char *name, const char *text) {
  char *path = cl_path_join(directory, name);
  assert_int_equal(cl_file_write(path, text, strlen(text), false, NULL), 0);
  cl_free(path);
}

static void a_state_is_published_whole_or_not_at_all(void **state) {
  (void)state;
  char base[] = "/tmp/clade-publish-XXXXXX", hash[33] = "";
  assert_non_null(mkdtemp(base));
  char *from = cl_path_join(base, "1-2.new"), *inner = cl_path_join(from, "inner"),
       *to = cl_path_join(base, "1-2");
  assert_int_equal(cl_dir_create(inner, NULL), 0);
  write_state(from, "weights", "12345678901");
  write_state(inner, "more", "abc");
  FAULT_LOOP(n) {
    struct cl_published p;
    cl_publish_now(from, to, &p);
    if (cl_fault_happened() && p.status < 0) {
      assert_int_equal(p.status, CLADE_ENOMEM);
      assert_true(cl_path_exists(from) != cl_path_exists(to));
    } else {
      assert_int_equal(p.status, 0);
      assert_int_equal(p.bytes, 14);
      if (hash[0] != '\0') assert_string_equal(p.hash, hash); /* again: the same */
      memcpy(hash, p.hash, sizeof hash);
    }
  }
  assert_false(cl_path_exists(from));
  struct cl_published again;
  write_state(to, "weights", "12345678902");
  cl_publish_now(from, to, &again);
  assert_int_equal(again.status, 0);
  assert_string_not_equal(again.hash, hash);
  cl_free(from);
  cl_free(inner);
  cl_free(to);
  assert_int_equal(cl_dir_remove(base, NULL), 0);
}

static void a_state_that_is_nowhere_is_an_error(void **state) {
  (void)state;
  struct cl_published p;
  cl_publish_now("/tmp/no/such/state.new", "/tmp/no/such/state", &p);
  assert_int_equal(p.status, CLADE_EIO);
  assert_non_null(strstr(p.error.text, "/tmp/no/such/state.new"));
}

/* Links count by what they name, and what is neither file nor directory does not count; a tree that has no
 * end is refused. */
static void odd_states_are_published_or_refused(void **state) {
  (void)state;
  char base[] = "/tmp/clade-publish-XXXXXX", hash[2][33];
  struct cl_published p;
  assert_non_null(mkdtemp(base));
  char *from = cl_path_join(base, "1-2.new"), *to = cl_path_join(base, "1-2"),
       *link = cl_path_join(from, "link"), *pipe = cl_path_join(from, "pipe");
  for (int i = 0; i < 2; i++) {
    assert_int_equal(cl_dir_create(from, NULL), 0);
    write_state(from, "weights", "12345678901");
    assert_int_equal(symlink(i == 0 ? "weights" : "nowhere", link), 0);
    if (i == 1) assert_int_equal(mkfifo(pipe, 0600), 0);
    cl_publish_now(from, to, &p);
    assert_int_equal(p.status, 0);
    assert_int_equal(p.bytes, 11);
    memcpy(hash[i], p.hash, sizeof hash[i]);
    assert_int_equal(cl_dir_remove(to, NULL), 0);
  }
  assert_string_not_equal(hash[0], hash[1]);
  struct cl_text deep = {0};
  cl_text_add(&deep, from);
  for (int i = 0; i < 40; i++) cl_text_add(&deep, "/d");
  assert_int_equal(cl_dir_create(cl_text_get(&deep), NULL), 0);
  cl_publish_now(from, to, &p);
  assert_int_equal(p.status, CLADE_ELIMIT);
  assert_non_null(strstr(p.error.text, "nested deeper than"));
  assert_false(cl_path_exists(to));
  cl_text_done(&deep);
  cl_free(from);
  cl_free(to);
  cl_free(link);
  cl_free(pipe);
  assert_int_equal(cl_dir_remove(base, NULL), 0);
}

static void tokens_name_their_attempt(void **state) {
  (void)state;
  int64_t trial = 0;
  int attempt = 0;
  assert_true(cl_token_parse("1000000000000.37.0123456789abcdef0123456789abcdef", &trial, &attempt));
  assert_true(trial == INT64_C(1000000000000) && attempt == 37);
  static const char *const wrong[] = {"",
                                      "1",
                                      "1.2",
                                      "1.2.3",
                                      "0.1.0123456789abcdef0123456789abcdef",
                                      "-1.1.0123456789abcdef0123456789abcdef",
                                      "1.0.0123456789abcdef0123456789abcdef",
                                      "99999999999999999999.1.0123456789abcdef0123456789abcdef"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_false(cl_token_parse(wrong[i], &trial, &attempt));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_line_is_read_or_memory_is_short),
                                     cmocka_unit_test(an_environment_is_whole_or_memory_is_short),
                                     cmocka_unit_test(odd_names_become_variables_of_their_own),
                                     cmocka_unit_test(a_state_is_published_whole_or_not_at_all),
                                     cmocka_unit_test(a_state_that_is_nowhere_is_an_error),
                                     cmocka_unit_test(odd_states_are_published_or_refused),
                                     cmocka_unit_test(tokens_name_their_attempt)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
