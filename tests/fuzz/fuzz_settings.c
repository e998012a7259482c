/* The settings of a study as JSON, and after a line "---" the changes of an update: refused with a sentence,
 * or every draw is a legal assignment, perturbations stay legal, and coordinates lead back to the values.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "search/searcher.h"

#include "require.h"

enum { SPACE_MOST = 40 }; /* larger ones take long and show nothing new */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_draw(const struct cl_space *s, uint64_t trial) {
  static const double factors[] = {0.8, 1.2};
  struct cl_value a[SPACE_MOST], b[SPACE_MOST];
  struct cl_err e = {0};
  if (cl_space_draw(s, 7, CL_RNG_RANDOM, trial, NULL, a, NULL) != 0) return;
  if (cl_space_check(s, a, &e) < 0) abort();
  for (int i = 0; i < s->n; i++) {
    if (a[i].kind == CL_ABSENT || cl_space_levels(&s->items[i]) == 0) continue;
    double u = cl_space_encode_one(&s->items[i], a[i]);
    require(cl_value_equal(cl_space_decode_one(&s->items[i], u), a[i]));
  }
  if (cl_space_perturb(s, 7, trial, 1, factors, 2, 0.25, a, b, NULL) == 0 && cl_space_check(s, b, &e) < 0)
    abort();
}

static void check_settings(const struct cl_settings *s) {
  struct cl_text text = {0};
  struct cl_err e = {0};
  if (s->space.n > SPACE_MOST) return;
  for (uint64_t trial = 1; trial < 6; trial++) check_draw(&s->space, trial);
  for (int i = 0; i < s->space.n; i++) cl_space_describe(&s->space.items[i], &s->space, &text);
  int status = cl_search_fits(s, &e);
  require((status < 0) == (e.text[0] != '\0'));
  cl_text_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = cl_copy_bytes((const char *)data, size);
  struct cl_settings *s = NULL, *after = NULL;
  struct cl_err e = {0};
  require(text != NULL);
  char *changes = strstr(text, "\n---\n");
  if (changes != NULL) {
    *changes = '\0';
    changes += 5;
  }
  int status = cl_settings_parse(text, &s, &e);
  require((status < 0) == (e.text[0] != '\0'));
  if (status == 0) {
    check_settings(s);
    if (changes != NULL) {
      status = cl_settings_update(s, changes, &after, &e);
      require((status < 0) == (e.text[0] != '\0'));
      if (status == 0) check_settings(after);
    }
  }
  cl_settings_destroy(after);
  cl_settings_destroy(s);
  cl_free(text);
  return 0;
}
