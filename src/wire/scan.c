/* Reads JSON's words one by one. Every function stays before s->end; nothing recurses on the input. */
#include "wire/scan.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { NUMBER_MAX = 64, DEPTH_MAX = 8 };

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int cl_scan_fail(const struct cl_scan *s, const char *what, struct cl_err *e) {
  assert(s->begin <= s->at && s->at <= s->end);
  size_t byte = (size_t)(s->at - s->begin) + 1;
  if (s->at == s->end)
    return CL_FAIL(e, CLADE_EPROTOCOL, "byte %zu: %s, but the line ends there", byte, what);
  unsigned char c = (unsigned char)*s->at;
  if (c < 0x20 || c > 0x7e)
    return CL_FAIL(e, CLADE_EPROTOCOL, "byte %zu: %s, but found 0x%02x", byte, what, c);
  return CL_FAIL(e, CLADE_EPROTOCOL, "byte %zu: %s, but found '%c'", byte, what, c);
}

char cl_scan_peek(struct cl_scan *s) {
  while (s->at < s->end && is_blank(*s->at)) s->at++;
  return s->at < s->end ? *s->at : '\0';
}

int cl_scan_expect(struct cl_scan *s, char c, const char *where, struct cl_err *e) {
  if (cl_scan_peek(s) == c && s->at < s->end) {
    s->at++;
    return 0;
  }
  char what[64] = "expected '?' ";
  what[10] = c;
  size_t room = sizeof what - 14, n = strlen(where);
  memcpy(what + 13, where, n < room ? n : room);
  return cl_scan_fail(s, what, e);
}

static void put_byte(struct cl_scan *s, unsigned byte) {
  assert(s->memory->used < s->memory->capacity);
  s->memory->bytes[s->memory->used++] = (char)(unsigned char)byte;
}

static void put_code_point(struct cl_scan *s, unsigned code) {
  assert(code > 0 && code <= 0x10FFFF);
  if (code < 0x80) {
    put_byte(s, code);
  } else if (code < 0x800) {
    put_byte(s, 0xC0 | code >> 6);
    put_byte(s, 0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put_byte(s, 0xE0 | code >> 12);
    put_byte(s, 0x80 | (code >> 6 & 0x3F));
    put_byte(s, 0x80 | (code & 0x3F));
  } else {
    put_byte(s, 0xF0 | code >> 18);
    put_byte(s, 0x80 | (code >> 12 & 0x3F));
    put_byte(s, 0x80 | (code >> 6 & 0x3F));
    put_byte(s, 0x80 | (code & 0x3F));
  }
}

/* The four hexadecimal digits behind \u. */
static int scan_hex(struct cl_scan *s, unsigned *ret, struct cl_err *e) {
  unsigned code = 0;
  for (int i = 0; i < 4; i++, s->at++) {
    char c = s->at < s->end ? *s->at : '\0';
    unsigned digit = 0;
    if (is_digit(c)) {
      digit = (unsigned)(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = (unsigned)((c | 0x20) - 'a') + 10;
    } else {
      return cl_scan_fail(s, "\\u needs four hexadecimal digits", e);
    }
    code = code << 4 | digit;
  }
  *ret = code;
  return 0;
}

static int scan_unicode(struct cl_scan *s, struct cl_err *e) {
  unsigned code = 0, low = 0;
  CL_TRY(scan_hex(s, &code, e));
  if (code == 0) return cl_scan_fail(s, "a text must not contain \\u0000", e);
  if (code >= 0xD800 && code <= 0xDFFF) {
    bool pair = code < 0xDC00 && s->end - s->at >= 2 && s->at[0] == '\\' && s->at[1] == 'u';
    if (pair) {
      s->at += 2;
      CL_TRY(scan_hex(s, &low, e));
    }
    if (low < 0xDC00 || low > 0xDFFF) return cl_scan_fail(s, "half a surrogate pair before this", e);
    code = 0x10000 + ((code & 0x3FF) << 10 | (low & 0x3FF));
    assert(code <= 0x10FFFF);
  }
  put_code_point(s, code);
  return 0;
}

static int scan_escape(struct cl_scan *s, struct cl_err *e) {
  static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
  assert(*s->at == '\\' && sizeof names == sizeof bytes);
  s->at++;
  if (s->at == s->end) return cl_scan_fail(s, "expected the rest of an escape", e);
  if (*s->at == 'u') {
    s->at++;
    return scan_unicode(s, e);
  }
  const char *name = *s->at == '\0' ? NULL : strchr(names, *s->at);
  if (name == NULL)
    return cl_scan_fail(s, "an escape is one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX", e);
  put_byte(s, (unsigned char)bytes[name - names]);
  s->at++;
  return 0;
}

int cl_scan_text(struct cl_scan *s, const char **ret, struct cl_err *e) {
  CL_TRY(cl_scan_expect(s, '"', "before a text", e));
  size_t first = s->memory->used;
  const char *begin = s->at;
  for (;;) {
    if (s->at == s->end) return cl_scan_fail(s, "expected '\"' behind a text", e);
    unsigned char c = (unsigned char)*s->at;
    if (c == '"') break;
    if (c < 0x20) return cl_scan_fail(s, "a control character in a text must be escaped", e);
    if (c == '\\') {
      CL_TRY(scan_escape(s, e));
    } else {
      put_byte(s, c);
      s->at++;
    }
  }
  if (!cl_text_is_utf8(begin, (size_t)(s->at - begin))) {
    s->at = begin;
    return cl_scan_fail(s, "the text from here on is not UTF-8", e);
  }
  s->at++;
  put_byte(s, 0);
  *ret = s->memory->bytes + first;
  return 0;
}

static void skip_digits(struct cl_scan *s) {
  while (s->at < s->end && is_digit(*s->at)) s->at++;
}

/* Walk over -?int frac? exp? of JSON's grammar; *ret_integer: neither fraction nor exponent. */
static int walk_number(struct cl_scan *s, bool *ret_integer, struct cl_err *e) {
  static const char digit[] = "expected a digit";
  assert(s->at < s->end && (*s->at == '-' || is_digit(*s->at)));
  if (*s->at == '-') s->at++;
  if (s->at == s->end || !is_digit(*s->at)) return cl_scan_fail(s, digit, e);
  if (*s->at == '0' && s->end - s->at > 1 && is_digit(s->at[1]))
    return cl_scan_fail(s, "a number must not begin with a needless zero", e);
  skip_digits(s);
  *ret_integer = true;
  if (s->at < s->end && *s->at == '.') {
    *ret_integer = false;
    s->at++;
    if (s->at == s->end || !is_digit(*s->at)) return cl_scan_fail(s, digit, e);
    skip_digits(s);
  }
  if (s->at < s->end && (*s->at | 0x20) == 'e') {
    *ret_integer = false;
    s->at++;
    if (s->at < s->end && (*s->at == '+' || *s->at == '-')) s->at++;
    if (s->at == s->end || !is_digit(*s->at)) return cl_scan_fail(s, digit, e);
    skip_digits(s);
  }
  return 0;
}

static int scan_number(struct cl_scan *s, struct cl_wire_value *ret, struct cl_err *e) {
  const char *begin = s->at;
  bool integer = false;
  CL_TRY(walk_number(s, &integer, e));
  size_t n = (size_t)(s->at - begin);
  char text[NUMBER_MAX + 1];
  if (n > NUMBER_MAX) {
    s->at = begin;
    return cl_scan_fail(s, "a number has more than 64 characters", e);
  }
  memcpy(text, begin, n);
  text[n] = '\0';
  struct cl_wire_value value = {.kind = CL_WIRE_INT};
  if (!integer || !cl_text_to_int(text, &value.integer)) {
    value.kind = CL_WIRE_FLOAT;
    bool known = cl_text_to_number(text, &value.number);
    if (CL_NEVER(!known) || !isfinite(value.number))
      return CL_FAIL(e, CLADE_EPROTOCOL, "byte %zu: %s is outside the range of a double; infinity is \"inf\"",
                     (size_t)(begin - s->begin) + 1, text);
  }
  *ret = value;
  return 0;
}

/* Is the word at s->at? Then walk over it. */
static bool take_word(struct cl_scan *s, const char *word) {
  size_t n = strlen(word);
  if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0) return false;
  s->at += n;
  return true;
}

int cl_scan_scalar(struct cl_scan *s, struct cl_wire_value *ret, struct cl_err *e) {
  struct cl_wire_value value = {.kind = CL_WIRE_NULL};
  char c = cl_scan_peek(s);
  if (c == '"') {
    value.kind = CL_WIRE_TEXT;
    CL_TRY(cl_scan_text(s, &value.text, e));
  } else if (c == '-' || is_digit(c)) {
    CL_TRY(scan_number(s, &value, e));
  } else if (take_word(s, "true")) {
    value.kind = CL_WIRE_BOOL;
    value.boolean = true;
  } else if (take_word(s, "false")) {
    value.kind = CL_WIRE_BOOL;
  } else if (!take_word(s, "null")) {
    return cl_scan_fail(s, "expected null, true, false, a number or a text in double quotes", e);
  }
  *ret = value;
  return 0;
}

/* Behind a value that is skipped: close what ends here. *ret_more: a further value follows. */
static int close_nests(struct cl_scan *s, const char *closers, int *depth, bool *ret_more, struct cl_err *e) {
  while (*depth > 0) {
    char c = cl_scan_peek(s);
    if (c == ',' && s->at < s->end) {
      s->at++;
      *ret_more = true;
      return 0;
    }
    CL_TRY(cl_scan_expect(s, closers[*depth - 1], "or ','", e));
    (*depth)--;
  }
  *ret_more = false;
  return 0;
}

int cl_scan_skip(struct cl_scan *s, struct cl_err *e) {
  char closers[DEPTH_MAX] = {0};
  int depth = 0;
  bool more = true, opened = false;
  size_t used = s->memory->used; /* what is skipped needs no room */
  while (more) {
    char c = cl_scan_peek(s);
    bool empty = opened && c == closers[depth - 1];
    if (!empty && depth > 0 && closers[depth - 1] == '}') {
      const char *key = NULL;
      CL_TRY(cl_scan_text(s, &key, e));
      CL_TRY(cl_scan_expect(s, ':', "behind a key", e));
      c = cl_scan_peek(s);
    }
    opened = !empty && (c == '{' || c == '[');
    if (opened) {
      if (depth == DEPTH_MAX) return cl_scan_fail(s, "nested deeper than 8 levels", e);
      closers[depth++] = c == '{' ? '}' : ']';
      s->at++;
      continue;
    }
    assert(depth <= DEPTH_MAX);
    struct cl_wire_value ignored;
    if (!empty) CL_TRY(cl_scan_scalar(s, &ignored, e));
    s->memory->used = used;
    CL_TRY(close_nests(s, closers, &depth, &more, e));
  }
  s->memory->used = used;
  return 0;
}
