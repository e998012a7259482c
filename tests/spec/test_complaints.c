/* Every complaint and note, to the letter: data/complaints.txt. With CLADE_WRITE=1 the file is written anew
 * instead; then look at the difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "help.h"

struct one_case {
  const char *title, *options, *spec, *says;
};

static char *take_until(char **p, const char *mark) {
  char *start = *p, *end = strstr(start, mark);
  if (end == NULL) {
    *p = start + strlen(start);
    return start;
  }
  *end = '\0';
  *p = end + strlen(mark);
  return start;
}

/* Cuts the file in place. */
static bool next_case(char **p, struct one_case *ret) {
  if (**p == '\0') return false;
  char *body = take_until(p, "\n==== ");
  ret->title = take_until(&body, "\n");
  ret->options = "";
  if (body[0] == '>') {
    body++;
    ret->options = take_until(&body, "\n");
  }
  if (strncmp(body, "----", 4) == 0) {
    ret->spec = "";
    body += 4;
  } else
    ret->spec = take_until(&body, "\n----");
  ret->says = body[0] == '\n' ? body + 1 : body;
  return true;
}

static void say(const struct one_case *c, struct cl_text *ret) {
  static const char *const kinds[] = {"", "note", "warning", "question"};
  struct help_options h;
  struct cl_spec_result result = {0};
  struct cl_settings *settings = NULL;
  struct cl_err e = {0};
  help_options_read(&h, c->options);
  struct cl_text spec = {0};
  cl_text_add(&spec, c->spec);
  if (spec.length > 0) cl_text_add_char(&spec, '\n');
  int status = help_resolve(cl_text_get(&spec), &h, &result, &settings, &e);
  for (int i = 0; i < result.n_notes; i++)
    cl_text_format(ret, "%s: %s\n", kinds[result.notes[i].kind], result.notes[i].text);
  cl_text_add(ret, status < 0 ? e.text : "ok");
  cl_settings_destroy(settings);
  cl_spec_result_done(&result);
  cl_text_done(&spec);
  help_options_done(&h);
}

static void write_case(const struct one_case *c, const char *says, struct cl_text *ret) {
  cl_text_format(ret, "\n==== %s\n", c->title);
  if (c->options[0] != '\0') cl_text_format(ret, ">%s\n", c->options);
  cl_text_format(ret, "%s%s----\n%s", c->spec, c->spec[0] == '\0' ? "" : "\n", says);
}

static void every_complaint_is_as_written(void **state) {
  (void)state;
  char path[4096], *text = NULL;
  (void)snprintf(path, sizeof path, "%s/complaints.txt", help_data());
  struct cl_text fresh = {0};
  assert_int_equal(cl_file_read(path, 1000000, &text, NULL, NULL), 0);
  char *end = text + strlen(text);
  if (end > text && end[-1] == '\n') end[-1] = '\0';
  char *p = text;
  cl_text_add(&fresh, take_until(&p, "\n==== "));
  int n = 0, wrong = 0;
  for (struct one_case c; next_case(&p, &c); n++) {
    struct cl_text said = {0};
    say(&c, &said);
    if (getenv("CLADE_WRITE") == NULL && strcmp(cl_text_get(&said), c.says) != 0) {
      print_error("%s\n-- says:\n%s\n-- instead of:\n%s\n\n", c.title, cl_text_get(&said), c.says);
      wrong++;
    }
    write_case(&c, cl_text_get(&said), &fresh);
    cl_text_done(&said);
  }
  cl_text_add_char(&fresh, '\n');
  if (getenv("CLADE_WRITE") != NULL)
    assert_int_equal(cl_file_write(path, fresh.bytes, fresh.length, false, NULL), 0);
  cl_text_done(&fresh);
  cl_free(text);
  assert_true(n > 100);
  assert_int_equal(wrong, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_complaint_is_as_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
