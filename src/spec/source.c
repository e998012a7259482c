/* Places in texts. The only file that knows how a complaint looks. */
#include "spec/source.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { WINDOW = 96 };    /* characters of a source line that are shown */
enum { SENTENCE = 520 }; /* bytes of a sentence, so that the line below it is never cut off */

static bool continues_character(char c) {
  return ((unsigned char)c & 0xC0) == 0x80;
}

/* Walk back through the options; false when the place lies in what an option put in. */
static bool find_own_text(const struct cl_source **s, size_t *at) {
  while ((*s)->before != NULL) {
    const struct cl_source *now = *s;
    if (*at >= now->at && *at < now->at + now->added) return false;
    if (*at >= now->at + now->added) *at = *at - now->added + now->removed;
    *s = now->before;
  }
  assert(*at <= (*s)->n);
  return true;
}

size_t cl_source_line_start(const struct cl_source *s, size_t at) {
  while (at > 0 && s->text[at - 1] != '\n') at--;
  return at;
}

static int count_characters(const char *p, size_t n) {
  int count = 0;
  for (size_t i = 0; i < n; i++) count += !continues_character(p[i]);
  return count;
}

bool cl_source_position(const struct cl_source *s, size_t at, int *ret_line, int *ret_column) {
  *ret_line = *ret_column = 0;
  if (at > s->n) at = s->n;
  if (!find_own_text(&s, &at)) return false;
  int line = 1;
  for (size_t i = 0; i < at; i++) line += s->text[i] == '\n';
  size_t start = cl_source_line_start(s, at);
  *ret_line = line;
  *ret_column = 1 + count_characters(s->text + start, at - start);
  return true;
}

void cl_source_name_place(const struct cl_source *s, size_t at, struct cl_text *ret) {
  int line = 0, column = 0;
  if (!cl_source_position(s, at, &line, &column)) {
    const struct cl_source *now = s;
    (void)find_own_text(&now, &at);
    cl_text_format(ret, "--set %s", now->option);
  } else if (s->n == 0)
    cl_text_add(ret, s->name);
  else if (s->one_line)
    cl_text_format(ret, "%s, column %d", s->name, column);
  else
    cl_text_format(ret, "%s:%d:%d", s->name, line, column);
}

size_t cl_source_offset(const struct cl_source *s, int line, int column) {
  size_t at = 0;
  assert(line >= 0 && column >= 0);
  for (; line > 1 && at < s->n; at++) line -= s->text[at] == '\n';
  for (; column > 1 && at < s->n && s->text[at] != '\n'; column--) {
    at++;
    while (at < s->n && continues_character(s->text[at])) at++;
  }
  return at;
}

/* Up to `most` characters back (or on) from `at`, within the line. */
static size_t walk_back(const char *text, size_t at, int most) {
  for (; most > 0 && at > 0 && text[at - 1] != '\n'; most--) {
    at--;
    while (at > 0 && continues_character(text[at])) at--;
  }
  return at;
}

static size_t walk_on(const char *text, size_t n, size_t at, int most) {
  for (; most > 0 && at < n && text[at] != '\n'; most--) {
    at++;
    while (at < n && continues_character(text[at])) at++;
  }
  return at;
}

/* The source line with a caret below; of a long line only the part around the place. */
static void show_line(const char *text, size_t n, size_t at, struct cl_text *ret) {
  assert(at <= n);
  size_t start = walk_back(text, at, WINDOW * 2 / 3);
  size_t end = walk_on(text, n, at, WINDOW - count_characters(text + start, at - start));
  cl_text_add(ret, "\n    ");
  for (size_t i = start; i < end; i++) {
    bool plain = (unsigned char)text[i] >= 0x20 && text[i] != 0x7f;
    cl_text_add_char(ret, plain ? text[i] : ' '); /* a tab or an escape would move the caret */
  }
  while (ret->length > 0 && ret->bytes[ret->length - 1] == ' ') ret->bytes[--ret->length] = '\0';
  cl_text_format(ret, "\n    %*s^", count_characters(text + start, at - start), "");
}

static void show_place(const struct cl_source *s, size_t at, struct cl_text *ret) {
  if (find_own_text(&s, &at)) {
    show_line(s->text, s->n, at, ret);
    return;
  }
  const char *value = strchr(s->option, '=');
  show_line(s->option, strlen(s->option), value == NULL ? 0 : (size_t)(value + 1 - s->option), ret);
}

static int complain(const struct cl_source *s, size_t at, const char *expected, int code,
                    const char *sentence, struct cl_err *e) {
  if (at > s->n) at = s->n;
  struct cl_text t = {0};
  cl_source_name_place(s, at, &t);
  size_t n = strnlen(sentence, SENTENCE);
  while (n > 0 && continues_character(sentence[n])) n--;
  cl_text_add(&t, ": ");
  cl_text_add_bytes(&t, sentence, n);
  show_place(s, at, &t);
  if (expected != NULL) cl_text_format(&t, "\nexpected: %s", expected);
  int status = t.failed ? CL_FAIL_NOMEM(e) : CL_FAIL(e, code, "%s", cl_text_get(&t));
  cl_text_done(&t);
  return status;
}

int cl_source_fail(const struct cl_source *s, size_t at, const char *expected, struct cl_err *e,
                   const char *format, ...) {
  char sentence[CLADE_ERR_TEXT];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  return complain(s, at, expected, CLADE_ESPEC, sentence, e);
}

int cl_source_blame(const struct cl_source *s, size_t at, const char *expected, struct cl_err *e) {
  if (e == NULL) return CLADE_ESPEC;
  char sentence[CLADE_ERR_TEXT];
  (void)snprintf(sentence, sizeof sentence, "%s", e->text);
  return complain(s, at, expected, e->code, sentence, e);
}
