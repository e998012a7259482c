/* Harmless text. The widths of characters are the C library's (wcwidth): the program that draws has set
 * LC_CTYPE to a UTF-8 locale where style->utf8 is set; without that every character outside of ASCII becomes
 * an escape. */
#include "view/safe.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

struct piece { /* one character of the harmless form */
  char bytes[16];
  size_t length, columns;
};

/* Characters that change the direction or the order of what is around them, break lines, or cannot be seen.
 */
static bool misleads(uint32_t c) {
  return c == 0x200B || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || c == 0x061C || c == 0xFEFF || (c >= 0xE0000 && c <= 0xE0FFF);
}

static int character_width(uint32_t c) {
  if (c >= 0x20 && c < 0x7F) return 1;
  return misleads(c) ? -1 : wcwidth((wchar_t)c);
}

/* A character, or a byte that is none, as \n, \x1b, \u202e or \U000e0001. */
static void escape(struct piece *p, uint32_t c) {
  static const char names[] = "\aa\bb\tt\nn\vv\ff\rr";
  int n = 0;
  for (size_t i = 0; c < 0x20 && i + 1 < sizeof names; i += 2)
    if ((uint32_t)names[i] == c) n = snprintf(p->bytes, sizeof p->bytes, "\\%c", names[i + 1]);
  if (n == 0 && c <= 0xFF)
    n = snprintf(p->bytes, sizeof p->bytes, "\\x%02x", c);
  else if (n == 0)
    n = snprintf(p->bytes, sizeof p->bytes, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
  assert(n > 0 && (size_t)n < sizeof p->bytes);
  p->length = p->columns = (size_t)n;
}

/* The harmless form of the character at text (n bytes left, n >= 1); how many bytes it takes in. */
static size_t next_piece(const char *text, size_t n, const struct cl_view_style *style, struct piece *ret) {
  unsigned char first = (unsigned char)text[0];
  if (first >= 0x20 && first < 0x7F) {
    *ret = (struct piece){.bytes = {text[0]}, .length = 1, .columns = 1};
    return 1;
  }
  uint32_t c = 0;
  size_t length = clade_text_character(text, n, &c);
  if (length == 0) {
    escape(ret, first);
    return 1;
  }
  int width = character_width(c);
  if (width < 0 || (c >= 0x80 && !style->utf8)) {
    escape(ret, c);
    return length;
  }
  memcpy(ret->bytes, text, length);
  ret->length = length;
  ret->columns = (size_t)width;
  return length;
}

size_t cl_view_width(const char *text, const struct cl_view_style *style) {
  size_t columns = 0;
  for (size_t left = strlen(text); left > 0;) {
    struct piece p;
    size_t n = next_piece(text, left, style, &p);
    columns += p.columns;
    text += n;
    left -= n;
  }
  return columns;
}

void cl_view_add_safe(struct clade_text *t, const char *text, const struct cl_view_style *style) {
  for (size_t left = strlen(text); left > 0;) {
    struct piece p;
    size_t n = next_piece(text, left, style, &p);
    clade_text_add_bytes(t, p.bytes, p.length);
    text += n;
    left -= n;
  }
}

size_t cl_view_add_cut(struct clade_text *t, const char *text, size_t columns,
                       const struct cl_view_style *style) {
  assert(columns >= 4);
  size_t start = t->length, used = 0, keep = t->length, kept = 0;
  size_t limit = columns > SIZE_MAX / 64 ? SIZE_MAX : columns * 64; /* combining characters take no column */
  for (size_t left = strnlen(text, limit); left > 0;) {
    struct piece p;
    size_t n = next_piece(text, left, style, &p);
    if (used + p.columns > columns || t->failed) {
      t->length = keep; /* back to where three dots still fit */
      if (t->bytes != NULL) t->bytes[t->length] = '\0';
      clade_text_add(t, "...");
      return kept + 3;
    }
    clade_text_add_bytes(t, p.bytes, p.length);
    used += p.columns;
    if (used <= columns - 3) {
      keep = t->length;
      kept = used;
    }
    text += n;
    left -= n;
  }
  assert(t->failed || t->length >= start);
  (void)start; /* without asserts */
  return used;
}
