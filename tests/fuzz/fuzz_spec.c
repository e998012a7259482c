/* A file of any bytes: it is refused with a sentence, or its settings parse, its copy is YAML again, its best
 * values can be written and read back. The first line may be an assignment for --set, after "set:".
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "spec/spec_impl.h"

#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_copy(const struct cl_settings *s, const struct cl_value *values) {
  struct cl_text copy = {0};
  struct cl_arena arena = {0};
  struct cl_err e = {0};
  int status = cl_spec_dump(s, values, &copy, &e);
  require(status == 0 || status == CLADE_EMPTY);
  struct cl_source source = {.name = "copy", .text = cl_text_get(&copy), .n = copy.length};
  struct cl_node *root = NULL;
  if (status == 0 && copy.length < CL_TREE_BYTES)
    require(cl_tree_parse(&source, &arena, true, &root, &e) == 0);
  cl_arena_done(&arena);
  cl_text_done(&copy);
}

static void check_command(const struct cl_settings *s, const struct cl_value *values) {
  char **words = NULL;
  int n = 0;
  if (cl_spec_command(s, values, "/spec.yaml", &n, &words, NULL) == 0) cl_spec_command_free(words);
}

static void check_splice(const struct cl_spec *spec, const struct cl_settings *s,
                         const struct cl_value *values, const struct cl_spec_overrides *o) {
  struct cl_text text = {0};
  struct cl_spec *again = NULL;
  struct cl_spec_result r;
  struct cl_spec_overrides plain = *o;
  struct cl_err e = {0};
  plain.n_set = 0;
  int status = cl_spec_splice(spec, &s->space, values, &text, NULL, &e);
  require(status == 0 || status == CLADE_EUNSUPPORTED);
  if (status == 0 && text.length < CL_TREE_BYTES) {
    require(cl_spec_parse(cl_text_get(&text), text.length, "again", &again, &e) == 0);
    require(cl_spec_resolve(again, &plain, &r, &e) == 0);
    cl_spec_result_done(&r);
    cl_spec_destroy(again);
  }
  cl_text_done(&text);
}

static void check_settings(const struct cl_spec *spec, const struct cl_spec_overrides *o,
                           const struct cl_spec_result *r) {
  struct cl_settings *s = NULL;
  require(cl_settings_parse(r->settings, &s, NULL) == 0);
  struct cl_value *values = cl_alloc_array((size_t)s->space.n, sizeof *values);
  (void)cl_space_draw(&s->space, 7, CL_RNG_RANDOM, 1, NULL, values, NULL);
  check_copy(s, values);
  check_command(s, values);
  if (o->n_set == 0) check_splice(spec, s, values, o);
  cl_free(values);
  cl_settings_destroy(s);
}

static void check_spec(const char *text, size_t n, const char *set) {
  static const struct cl_objective objective = {"fuzzed_loss", CL_MINIMIZE, CL_LAST};
  static const char *const program[] = {"./x"};
  struct cl_spec_overrides o = {.here = "/here",
                                .cores = 2,
                                .trials = 3,
                                .n_objectives = 1,
                                .objectives = &objective,
                                .n_program = 1,
                                .program = program,
                                .n_set = set != NULL,
                                .set = &set};
  struct cl_spec *spec = NULL;
  struct cl_spec_result r;
  struct cl_err e = {0};
  int status = cl_spec_parse(text, n, "spec.yaml", &spec, &e);
  require(status != CLADE_ENOMEM);
  require(status == 0 || e.text[0] != '\0');
  if (status < 0) return;
  status = cl_spec_resolve(spec, &o, &r, &e);
  require(status == 0 || e.text[0] != '\0');
  if (status == 0) {
    check_settings(spec, &o, &r);
    cl_spec_result_done(&r);
  }
  cl_spec_destroy(spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = cl_copy_bytes((const char *)data, size);
  require(text != NULL);
  char *body = text, *set = NULL;
  if (strncmp(text, "set:", 4) == 0) {
    char *end = memchr(text, '\n', size);
    if (end != NULL) {
      *end = '\0';
      set = text + 4;
      body = end + 1;
    }
  }
  check_spec(body, size - (size_t)(body - text), set);
  struct cl_text made = {0};
  if (strstr(body, "add_argument(") != NULL &&
      cl_spec_init_text(body, strlen(body), "train.py", &made, NULL) == 0)
    check_spec(cl_text_get(&made), made.length, NULL);
  cl_text_done(&made);
  cl_free(text);
  return 0;
}
