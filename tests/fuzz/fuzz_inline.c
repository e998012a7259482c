/* A command line of any bytes, one word per line: it is refused with a sentence, or its settings parse and
 * give a command. Patterns are left out: they would read the file system.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "spec/spec.h"

#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_command(const struct cl_spec_result *r) {
  struct cl_settings *s = NULL;
  struct cl_err e = {0};
  require(cl_settings_parse(r->settings, &s, &e) == 0);
  struct cl_value *values = cl_alloc_array((size_t)s->space.n, sizeof *values);
  (void)cl_space_draw(&s->space, 7, CL_RNG_RANDOM, 1, NULL, values, NULL);
  char **words = NULL;
  int n = 0;
  require(cl_spec_command(s, values, "/spec.yaml", &n, &words, &e) == 0 && n >= 1);
  cl_spec_command_free(words);
  cl_free(values);
  cl_settings_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { WORDS = 64 };
  static const struct cl_objective objective = {"fuzzed_loss", CL_MINIMIZE, CL_LAST};
  struct cl_spec_overrides o = {.here = "/here", .trials = 3, .n_objectives = 1, .objectives = &objective};
  char *text = cl_copy_bytes((const char *)data, size);
  const char *words[WORDS];
  int n = 0;
  for (char *p = text; p != NULL && n < WORDS;) {
    char *end = strchr(p, '\n');
    if (end != NULL) *end = '\0';
    words[n++] = p;
    p = end == NULL ? NULL : end + 1;
  }
  struct cl_spec *spec = NULL;
  struct cl_spec_result r;
  struct cl_err e = {0};
  if (memchr(data, '*', size) == NULL && memchr(data, '?', size) == NULL) {
    require(cl_spec_inline(n, words, &spec, &e) == 0);
    int status = cl_spec_resolve(spec, &o, &r, &e);
    require(status == 0 || e.text[0] != '\0');
    if (status == 0) {
      check_command(&r);
      cl_spec_result_done(&r);
    }
    cl_spec_destroy(spec);
  }
  cl_free(text);
  return 0;
}
