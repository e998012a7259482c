/* Pictures: what gnuplot is given, what comes back, and what is said when it cannot. Where gnuplot is not
 * installed the drawing itself is skipped. */
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

#include "view/gnuplot.h"

static char directory[] = "/tmp/clade-gnuplot-XXXXXX";

static const char *path_of(const char *name, char *ret, size_t size) {
  (void)snprintf(ret, size, "%s/%s", directory, name);
  return ret;
}

static bool has_gnuplot(void) {
  const char *path = getenv("PATH");
  char one[4096];
  for (const char *at = path; at != NULL && *at != '\0';) {
    size_t n = strcspn(at, ":");
    (void)snprintf(one, sizeof one, "%.*s/gnuplot", (int)n, at);
    if (access(one, X_OK) == 0) return true;
    at += n + (at[n] == ':');
  }
  return false;
}

/* The first bytes of a file, as text; "" if there is none. */
static const char *begins(const char *path, char *ret, size_t size) {
  FILE *f = fopen(path, "rb");
  size_t n = f == NULL ? 0 : fread(ret, 1, size - 1, f);
  ret[n] = '\0';
  if (f != NULL) (void)fclose(f);
  return ret;
}

static int draw(const char *name, const char *script, const char *commands, struct cl_err *e) {
  char path[256], script_path[256];
  struct cl_view_picture p = {.path = path_of(name, path, sizeof path), .width = 640, .height = 400};
  if (script != NULL) p.script_path = path_of(script, script_path, sizeof script_path);
  return cl_view_picture_draw(&p, commands, e);
}

static void the_ending_of_the_name_is_the_form(void **state) {
  static const struct {
    const char *name, *magic;
  } forms[] = {{"a.svg", "<?xml"}, {"a.png", "\x89PNG"}, {"a.PDF", "%PDF"}};
  char path[256], bytes[16];
  struct cl_err e = {0};
  (void)state;
  if (!has_gnuplot()) skip();
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    assert_int_equal(draw(forms[i].name, NULL, "plot sin(2.385*x)\n", &e), 0);
    (void)begins(path_of(forms[i].name, path, sizeof path), bytes, sizeof bytes);
    assert_int_equal(strncmp(bytes, forms[i].magic, strlen(forms[i].magic)), 0);
  }
}

static void other_endings_are_refused_by_name(void **state) {
  struct cl_err e = {0};
  (void)state;
  assert_int_equal(draw("a.jpeg", NULL, "plot x\n", &e), CLADE_EINVAL);
  assert_non_null(strstr(e.text, "a.jpeg"));
  assert_non_null(strstr(e.text, ".svg, .png or .pdf"));
  assert_int_equal(cl_view_picture_check("a.svg/b", &e), CLADE_EINVAL);
}

static void a_missing_gnuplot_names_its_package(void **state) {
  char path[256], bytes[64], *before = NULL;
  struct cl_err e = {0};
  (void)state;
  const char *now = getenv("PATH");
  if (now != NULL) before = test_malloc(strlen(now) + 1);
  if (before != NULL) memcpy(before, now, strlen(now) + 1);
  assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
  int status = draw("missing.svg", "missing.gp", "plot x\n", &e);
  if (before != NULL) (void)setenv("PATH", before, 1);
  test_free(before);
  assert_int_equal(status, CLADE_ESPAWN);
  assert_non_null(strstr(e.text, "gnuplot-nox"));
  assert_string_equal(begins(path_of("missing.svg", path, sizeof path), bytes, sizeof bytes), "");
  assert_non_null(strstr(begins(path_of("missing.gp", path, sizeof path), bytes, sizeof bytes), "gnuplot"));
}

static void a_refusal_is_quoted_and_leaves_the_old_picture(void **state) {
  char path[256], before[64], after[64];
  struct cl_err e = {0};
  (void)state;
  if (!has_gnuplot()) skip();
  assert_int_equal(draw("old.svg", NULL, "plot x\n", &e), 0);
  (void)begins(path_of("old.svg", path, sizeof path), before, sizeof before);
  assert_int_equal(draw("old.svg", NULL, "plot undefined_thing_17\n", &e), CLADE_EUNSUPPORTED);
  assert_non_null(strstr(e.text, "undefined_thing_17"));
  assert_string_equal(begins(path, after, sizeof after), before);
  assert_int_equal(draw("old.svg", NULL, "x = 3\n", &e), CLADE_EUNSUPPORTED);
  assert_non_null(strstr(e.text, "drew nothing"));
}

static void a_kept_script_draws_the_same_picture(void **state) {
  char script[256], path[256], bytes[16], command[600];
  struct cl_err e = {0};
  (void)state;
  if (!has_gnuplot()) skip();
  assert_int_equal(draw("kept.svg", "kept.gp", "$d << EOD\n1 2.385\n2 1.5\nEOD\nplot $d with lines\n", &e),
                   0);
  path_of("kept.svg", path, sizeof path);
  assert_int_equal(unlink(path), 0);
  (void)snprintf(command, sizeof command, "gnuplot -d '%s'", path_of("kept.gp", script, sizeof script));
  assert_int_equal(system(command), 0);
  assert_int_equal(strncmp(begins(path, bytes, sizeof bytes), "<?xml", 5), 0);
}

static void texts_mean_nothing_to_gnuplot(void **state) {
  struct clade_text t = {0};
  char path[256], svg[65536];
  struct cl_err e = {0};
  (void)state;
  clade_text_add(&t, "set title ");
  cl_view_gnuplot_add_text(&t, "it's `touch x` lr_decay <b>\n@x");
  assert_string_equal(clade_text_get(&t), "set title 'it''s `touch x` lr_decay <b> @x'");
  clade_text_add(&t, "\nplot x\n");
  if (has_gnuplot()) {
    assert_int_equal(draw("text.svg", NULL, clade_text_get(&t), &e), 0);
    assert_non_null(strstr(begins(path_of("text.svg", path, sizeof path), svg, sizeof svg),
                           "`touch x` lr_decay &lt;b> @x"));
  }
  clade_text_done(&t);
}

static void what_is_not_finite_breaks_the_line(void **state) {
  struct clade_text t = {0};
  (void)state;
  cl_view_gnuplot_add_number(&t, 2.385);
  clade_text_add_char(&t, ' ');
  cl_view_gnuplot_add_number(&t, -1.0 / 0.0);
  assert_string_equal(clade_text_get(&t), "2.385 NaN");
  clade_text_done(&t);
}

static void a_place_that_cannot_be_written_is_named(void **state) {
  struct cl_err e = {0};
  (void)state;
  assert_int_equal(draw("none/a.svg", NULL, "plot x\n", &e), CLADE_EIO);
  assert_non_null(strstr(e.text, "none/a.svg"));
}

static int make_directory(void **state) {
  (void)state;
  return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_directory(void **state) {
  static const char *const names[] = {"a.svg",    "a.png",   "a.PDF",    "old.svg",
                                      "kept.svg", "kept.gp", "text.svg", "missing.gp"};
  char path[256];
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    (void)unlink(path_of(names[i], path, sizeof path));
  return rmdir(directory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_ending_of_the_name_is_the_form),
      cmocka_unit_test(other_endings_are_refused_by_name),
      cmocka_unit_test(a_missing_gnuplot_names_its_package),
      cmocka_unit_test(a_refusal_is_quoted_and_leaves_the_old_picture),
      cmocka_unit_test(a_kept_script_draws_the_same_picture),
      cmocka_unit_test(texts_mean_nothing_to_gnuplot),
      cmocka_unit_test(what_is_not_finite_breaks_the_line),
      cmocka_unit_test(a_place_that_cannot_be_written_is_named),
  };
  return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
