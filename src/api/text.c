/* The public face of base/text.h and base/alloc.h: forwards, and adds what only clients need. */
#include "clade/text.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

void *clade_resize(void *p, size_t n) {
  return cl_resize(p, n);
}

void clade_free(void *p) {
  cl_free(p);
}

void clade_text_done(struct clade_text *t) {
  cl_free(t->bytes);
  *t = (struct clade_text){0};
}

void clade_text_clear(struct clade_text *t) {
  t->length = 0;
  t->failed = false;
  if (t->bytes != NULL) t->bytes[0] = '\0';
}

_Static_assert(sizeof(struct clade_text) == sizeof(struct cl_text), "a text is the same inside and outside");

/* It ends with a zero byte, or is nothing. */
static void assert_text_state(const struct clade_text *t) {
  assert((t->bytes == NULL) == (t->capacity == 0));
  assert(t->bytes == NULL ? t->length == 0 : t->length < t->capacity && t->bytes[t->length] == '\0');
  (void)t;
}

static bool make_room(struct clade_text *t, size_t more) {
  assert_text_state(t);
  if (t->failed) return false;
  if (cl_grow(&t->bytes, &t->capacity, t->length + more + 1, 1) < 0) t->failed = true;
  return !t->failed;
}

void clade_text_add_bytes(struct clade_text *t, const char *bytes, size_t n) {
  if (!make_room(t, n)) return;
  if (n > 0) memcpy(t->bytes + t->length, bytes, n);
  t->length += n;
  t->bytes[t->length] = '\0';
}

void clade_text_add(struct clade_text *t, const char *text) {
  if (text != NULL) clade_text_add_bytes(t, text, strlen(text));
}

void clade_text_add_char(struct clade_text *t, char c) {
  clade_text_add_bytes(t, &c, 1);
}

void clade_text_add_repeat(struct clade_text *t, const char *text, size_t times) {
  for (size_t i = 0; i < times; i++) clade_text_add(t, text);
}

void clade_text_format(struct clade_text *t, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (n >= 0 && make_room(t, (size_t)n)) {
    int written = vsnprintf(t->bytes + t->length, (size_t)n + 1, format, again);
    assert(written == n);
    (void)written;
    t->length += (size_t)n;
  }
  va_end(again);
}

void clade_text_add_number(struct clade_text *t, double x) {
  char buffer[CL_NUMBER_TEXT];
  clade_text_add(t, cl_number_text(x, buffer));
}

void clade_text_add_json_number(struct clade_text *t, double x) {
  if (isfinite(x))
    clade_text_add_number(t, x);
  else
    clade_text_add(t, "null");
}

size_t clade_text_character(const char *p, size_t n, uint32_t *ret) {
  const unsigned char *u = (const unsigned char *)p;
  if (n == 0 || u[0] == 0) return 0;
  size_t length = u[0] >= 0xF0 ? 4 : u[0] >= 0xE0 ? 3 : u[0] >= 0xC0 ? 2 : 1;
  if (length > n || !cl_text_is_utf8(p, length)) return 0;
  uint32_t c = length == 1 ? u[0] : u[0] & (0x7Fu >> length);
  for (size_t i = 1; i < length; i++) c = c << 6 | (u[i] & 0x3Fu);
  assert(c >= 1 && c <= 0x10FFFF);
  *ret = c;
  return length;
}

static const char *short_escape(unsigned char c) {
  switch (c) {
  case '"': return "\\\"";
  case '\\': return "\\\\";
  case '\n': return "\\n";
  case '\t': return "\\t";
  case '\r': return "\\r";
  default: return NULL;
  }
}

void clade_text_add_json(struct clade_text *t, const char *text) {
  if (text == NULL) {
    clade_text_add(t, "null");
    return;
  }
  clade_text_add_char(t, '"');
  size_t left = strlen(text);
  while (left > 0) {
    uint32_t c = 0;
    size_t n = clade_text_character(text, left, &c);
    const char *escape = n == 1 ? short_escape((unsigned char)c) : NULL;
    if (n == 0)
      clade_text_add(t, "\xEF\xBF\xBD");
    else if (escape != NULL)
      clade_text_add(t, escape);
    else if (c < 0x20 || c == 0x7F)
      clade_text_format(t, "\\u%04x", c);
    else
      clade_text_add_bytes(t, text, n);
    if (n == 0) n = 1;
    text += n;
    left -= n;
  }
  clade_text_add_char(t, '"');
}

void clade_text_add_csv(struct clade_text *t, const char *text) {
  if (text == NULL) return;
  if (strpbrk(text, ",\"\r\n") == NULL) {
    clade_text_add(t, text);
    return;
  }
  clade_text_add_char(t, '"');
  for (const char *quote; (quote = strchr(text, '"')) != NULL; text = quote + 1) {
    clade_text_add_bytes(t, text, (size_t)(quote - text) + 1);
    clade_text_add_char(t, '"');
  }
  clade_text_add(t, text);
  clade_text_add_char(t, '"');
}

const char *clade_text_get(const struct clade_text *t) {
  return t->bytes == NULL ? "" : t->bytes;
}

bool clade_text_to_number(const char *text, double *ret) {
  return cl_text_to_number(text, ret);
}

bool clade_text_to_int(const char *text, int64_t *ret) {
  return cl_text_to_int(text, ret);
}

int clade_text_distance(const char *a, const char *b) {
  return cl_text_distance(a, b);
}
