#include "help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spec/words.h"

const char *help_data(void) {
  const char *path = getenv("CLADE_SPEC_DATA");
  assert_non_null(path);
  return path;
}

static void take_option(struct help_options *h, const char *name, const char *value) {
  struct cl_spec_overrides *o = &h->o;
  int64_t number = 0;
  (void)cl_text_to_int(value, &number);
  if (strcmp(name, "--trials") == 0)
    o->trials = number;
  else if (strcmp(name, "--parallel") == 0)
    o->parallel = (int)number;
  else if (strcmp(name, "--cores") == 0)
    o->cores = (int)number;
  else if (strcmp(name, "--set") == 0)
    h->set[o->n_set++] = value;
  else if (strcmp(name, "--method") == 0)
    o->method = value;
  else if (strcmp(name, "--scheduler") == 0)
    o->scheduler = value;
  else if (strcmp(name, "--study") == 0)
    o->study = value;
  else if (strcmp(name, "--hp-config") == 0)
    o->hp_config = value;
  else if (strcmp(name, "--minimize") == 0 || strcmp(name, "--maximize") == 0)
    h->objectives[o->n_objectives++] =
        (struct cl_objective){value, name[2] == 'm' && name[3] == 'i' ? CL_MINIMIZE : CL_MAXIMIZE, CL_LAST};
  else
    fail_msg("the tests know no option %s", name);
}

void help_options_read(struct help_options *h, const char *line) {
  *h = (struct help_options){.o = {.cores = 2}};
  struct cl_word_list words = {0};
  size_t at = 0;
  assert_int_equal(cl_word_list_shell(&h->arena, line, &words, &at, NULL), 0);
  const char **program = cl_arena_array(&h->arena, words.n, sizeof *program);
  h->o.here = help_data();
  h->o.set = h->set;
  h->o.objectives = h->objectives;
  h->o.program = program;
  size_t i = 0;
  for (; i < words.n && strcmp(words.items[i].text, "--") != 0; i++) {
    if (strcmp(words.items[i].text, "--once") == 0)
      h->o.once = true;
    else if (strcmp(words.items[i].text, "--in-process") == 0)
      h->o.in_process = true;
    else {
      assert_true(i + 1 < words.n);
      take_option(h, words.items[i].text, words.items[i + 1].text);
      i++;
    }
  }
  for (i++; i < words.n; i++) program[h->o.n_program++] = words.items[i].text;
  cl_word_list_done(&words);
}

void help_options_done(struct help_options *h) {
  cl_arena_done(&h->arena);
}

int help_resolve(const char *text, struct help_options *h, struct cl_spec_result *ret,
                 struct cl_settings **ret_settings, struct cl_err *e) {
  struct cl_spec *s = NULL;
  int status = text[0] == '\0' && h->o.n_program > 0 ? cl_spec_inline(h->o.n_program, h->o.program, &s, e)
                                                     : cl_spec_parse(text, strlen(text), "spec.yaml", &s, e);
  if (status == 0) status = cl_spec_resolve(s, &h->o, ret, e);
  cl_spec_destroy(s);
  if (status == 0 && ret_settings != NULL) {
    status = cl_settings_parse(ret->settings, ret_settings, e);
    if (status < 0) cl_spec_result_done(ret);
  }
  return status;
}

struct cl_settings *help_settings(const char *text, const char *options) {
  struct help_options h;
  struct cl_spec_result result;
  struct cl_settings *settings = NULL;
  struct cl_err e = {0};
  help_options_read(&h, options);
  int status = help_resolve(text, &h, &result, &settings, &e);
  if (status < 0) fail_msg("%s", e.text);
  cl_spec_result_done(&result);
  help_options_done(&h);
  return settings;
}

const struct cl_hyperparameter *help_find(const struct cl_settings *s, const char *name) {
  int index = cl_space_find(&s->space, name);
  if (index < 0) fail_msg("there is no hyperparameter %s", name);
  return &s->space.items[index];
}
