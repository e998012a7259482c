/* Errors: fills the caller's record. Knows nothing of who prints it. */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

const char *clade_error_name(int status) {
  if (status == 0) return "OK";
  if (status > 0) return "news";
  switch (status) {
#define CLADE_X(name, code, text) \
  case code: return #name;
    CLADE_ERROR_MAP(CLADE_X)
#undef CLADE_X
  default: return "?";
  }
}

const char *clade_error_text(int status) {
  if (status >= 0) return "no error";
  switch (status) {
#define CLADE_X(name, code, text) \
  case code: return text;
    CLADE_ERROR_MAP(CLADE_X)
#undef CLADE_X
  default: return "unknown error";
  }
}

/* A sentence is UTF-8 whatever it quotes: bytes that are none are written as \xc0. What does not fit is cut,
 * between characters. ret: CLADE_ERR_TEXT bytes. */
static void write_mended(const char *text, bool cut, char *ret) {
  const unsigned char *p = (const unsigned char *)text;
  size_t used = 0, length;
  for (size_t n = strlen(text); n > 0; p += length, n -= length) {
    length = cl_utf8_sequence(p, n);
    if (length == 0 && cut && n < 4) break; /* the sentence ends within a character */
    size_t room = length == 0 ? 4 : length;
    if (used + room >= CLADE_ERR_TEXT) break;
    if (length == 0)
      (void)snprintf(ret + used, 5, "\\x%02x", (unsigned)*p);
    else
      memcpy(ret + used, p, length);
    used += room;
    if (length == 0) length = 1;
  }
  assert(used < CLADE_ERR_TEXT);
  ret[used] = '\0';
}

int cl_err_set(struct cl_err *e, int code, int cause, const char *file, int line, const char *format, ...) {
  assert(code < 0 && format != NULL); /* news have no sentence */
  if (e == NULL) return code;
  char text[CLADE_ERR_TEXT]; /* the arguments may point into e->text */
  va_list args;
  va_start(args, format);
  int wanted = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  e->code = code;
  e->cause = cause;
  e->file = file;
  e->line = line;
  write_mended(text, wanted >= CLADE_ERR_TEXT, e->text);
  return code;
}

int cl_err_prefix(struct cl_err *e, const char *format, ...) {
  if (e == NULL) return CLADE_EINVAL;
  assert(e->code < 0); /* there is a sentence to stand before */
  char head[CLADE_ERR_TEXT];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(head, sizeof head, format, args);
  va_end(args);
  return cl_err_set(e, e->code, e->cause, e->file, e->line, "%s%s", head, e->text);
}
