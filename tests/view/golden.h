/* Compare a text with a file of tests/view/golden; CLADE_GOLDEN_WRITE=1 writes the file instead. */
#ifndef TEST_VIEW_GOLDEN_H
#define TEST_VIEW_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clade/text.h"

static inline void expect_golden(const char *name, struct clade_text *text) {
  char path[1024];
  const char *directory = getenv("CLADE_GOLDEN_DIR");
  assert_non_null(directory);
  assert_false(text->failed);
  (void)snprintf(path, sizeof path, "%s/%s.txt", directory, name);
  if (getenv("CLADE_GOLDEN_WRITE") != NULL) {
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(text->bytes, 1, text->length, out), text->length);
    assert_int_equal(fclose(out), 0);
    return;
  }
  FILE *in = fopen(path, "rb");
  if (in == NULL) fail_msg("no golden file %s", path);
  struct clade_text golden = {0};
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;) clade_text_add_bytes(&golden, buffer, n);
  (void)fclose(in);
  if (strcmp(clade_text_get(&golden), clade_text_get(text)) != 0)
    fail_msg("%s differs. Expected:\n%s\nbut got:\n%s", name, clade_text_get(&golden), clade_text_get(text));
  clade_text_done(&golden);
}

#endif
