/* User text on a terminal: whatever it is, what is drawn holds no control character, no character that turns
 * the direction of writing and nothing that is not UTF-8, and a cut text keeps its width.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clade/text.h"
#include "view/safe.h"

#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct clade_text *t) {
  const char *p = t->bytes;
  for (size_t left = t->length; left > 0;) {
    uint32_t c = 0;
    size_t n = clade_text_character(p, left, &c);
    require(n > 0);
    require(c >= 0x20 && c != 0x7F && !(c >= 0x80 && c < 0xA0));
    require(!(c >= 0x202A && c <= 0x202E) && !(c >= 0x2066 && c <= 0x2069) && c != 0x200E && c != 0x200F);
    require(c != 0xFEFF && c != 0x2028 && c != 0x2029);
    p += n;
    left -= n;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct clade_text all = {0}, cut = {0}, csv = {0}, json = {0};
  struct cl_view_style style = {.width = 80, .utf8 = size % 2 == 0};
  char *text = malloc(size + 1);
  require(text != NULL);
  memcpy(text, data, size);
  text[size] = '\0';
  cl_view_add_safe(&all, text, &style);
  if (all.length > 0) check(&all);
  size_t columns = 4 + size % 30;
  size_t used = cl_view_add_cut(&cut, text, columns, &style);
  require(used <= columns);
  if (cut.length > 0) check(&cut);
  require(cl_view_width(text, &style) < columns || used > 0);
  clade_text_add_json(&json, text);
  clade_text_add_csv(&csv, text);
  require(json.length >= 2 && json.bytes[0] == '"' && memchr(json.bytes, '\n', json.length) == NULL);
  clade_text_done(&all);
  clade_text_done(&cut);
  clade_text_done(&csv);
  clade_text_done(&json);
  free(text);
  return 0;
}
