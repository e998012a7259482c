/* Splitting of one line. Knows quotes, but neither YAML nor what the words mean. */
#include "spec/words.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "base/alloc.h"

void cl_word_list_done(struct cl_word_list *w) {
  cl_free(w->items);
  *w = (struct cl_word_list){0};
}

size_t cl_word_quoted_end(const char *text, size_t n, size_t at, bool doubled) {
  assert(at < n && (text[at] == '"' || text[at] == '\''));
  char quote = text[at];
  for (size_t i = at + 1; i < n; i++) {
    bool pair =
        quote == '"' ? text[i] == '\\' : doubled && i + 1 < n && text[i] == quote && text[i + 1] == quote;
    if (pair)
      i++;
    else if (text[i] == quote)
      return i + 1;
  }
  return 0;
}

/* The character U+0001 … U+FFFF that \uXXXX at `at` names; 0 if it names none. */
static uint32_t read_code(const char *text, size_t n, size_t at) {
  uint32_t code = 0;
  if (at + 6 > n || text[at + 1] != 'u') return 0;
  for (size_t i = at + 2; i < at + 6; i++) {
    unsigned char c = (unsigned char)text[i];
    if (!isxdigit(c)) return 0;
    code = code * 16 + (uint32_t)(isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return code >= 0xD800 && code <= 0xDFFF ? 0 : code;
}

static void add_utf8(struct cl_text *word, uint32_t code) {
  assert(code > 0 && code <= 0xFFFF);
  if (code >= 0x800) cl_text_add_char(word, (char)(0xE0 | code >> 12));
  if (code >= 0x80) cl_text_add_char(word, (char)((code >= 0x800 ? 0x80 : 0xC0) | (code >> 6 & 0x3F)));
  cl_text_add_char(word, (char)(code >= 0x80 ? 0x80 | (code & 0x3F) : code));
}

/* \x at text[i] within double quotes becomes what it stands for; how many bytes it takes. */
static size_t read_escape(const char *text, size_t n, size_t i, struct cl_text *word) {
  assert(i < n && text[i] == '\\');
  static const char letters[] = "\"\\/ntr", meant[] = "\"\\/\n\t\r";
  uint32_t code = read_code(text, n, i);
  const char *letter = i + 1 < n && text[i + 1] != '\0' ? strchr(letters, text[i + 1]) : NULL;
  if (code != 0)
    add_utf8(word, code);
  else
    cl_text_add_char(word, letter != NULL ? meant[letter - letters] : '\\');
  return code != 0 ? 6 : letter != NULL ? 2 : 1;
}

void cl_word_unquote(struct cl_text *word, const char *text, size_t n, bool doubled) {
  assert(n >= 2 && cl_word_quoted_end(text, n, 0, doubled) == n);
  for (size_t i = 1; i < n - 1;) {
    if (text[0] == '"' && text[i] == '\\') {
      i += read_escape(text, n - 1, i, word);
      continue;
    }
    cl_text_add_char(word, text[i]);
    i += doubled && text[0] == '\'' && text[i] == '\'' ? 2 : 1;
  }
}

/* Reads one quoted part that begins at text[*i]; *i ends behind it. */
static int read_quoted(const char *text, size_t n, size_t *i, bool doubled, struct cl_text *word,
                       struct cl_err *e) {
  size_t end = cl_word_quoted_end(text, n, *i, doubled);
  if (end == 0) return CL_FAIL(e, CLADE_ESPEC, "the quote %c is not closed", text[*i]);
  assert(end > *i + 1 && end <= n);
  cl_word_unquote(word, text + *i, end - *i, doubled);
  *i = end;
  return 0;
}

static int keep_word(struct cl_arena *arena, struct cl_word_list *ret, const struct cl_text *word,
                     bool quoted, size_t at, struct cl_err *e) {
  assert(ret->n == 0 || ret->items[ret->n - 1].at < at);
  if (word->failed || cl_grow(&ret->items, &ret->cap, ret->n + 1, sizeof *ret->items) < 0)
    return CL_FAIL_NOMEM(e);
  char *text = cl_arena_bytes(arena, cl_text_get(word), word->length);
  if (text == NULL) return CL_FAIL_NOMEM(e);
  ret->items[ret->n++] = (struct cl_word){text, quoted, at};
  return 0;
}

/* One word of a list; brackets and parentheses keep commas inside together. */
static int read_list_word(const char *text, size_t n, size_t *i, bool spaces, struct cl_text *word,
                          bool *ret_quoted, struct cl_err *e) {
  *ret_quoted = text[*i] == '"' || text[*i] == '\'';
  if (*ret_quoted) return read_quoted(text, n, i, true, word, e);
  int depth = 0;
  while (*i < n && (depth > 0 || (text[*i] != ',' && !(spaces && isspace((unsigned char)text[*i]))))) {
    depth += (text[*i] == '(' || text[*i] == '[') - (text[*i] == ')' || text[*i] == ']');
    cl_text_add_char(word, text[(*i)++]);
  }
  while (word->length > 0 && isspace((unsigned char)word->bytes[word->length - 1]))
    word->bytes[--word->length] = '\0';
  return 0;
}

static size_t skip_spaces(const char *text, size_t n, size_t i) {
  assert(i <= n);
  while (i < n && isspace((unsigned char)text[i])) i++;
  return i;
}

static int split_list(struct cl_arena *arena, const char *text, size_t n, bool spaces,
                      struct cl_word_list *ret, struct cl_text *word, size_t *i, struct cl_err *e) {
  for (*i = skip_spaces(text, n, 0); *i < n;) {
    if (text[*i] == ',') return CL_FAIL(e, CLADE_ESPEC, "a value is missing before the comma");
    size_t at = *i;
    bool quoted = false;
    cl_text_clear(word);
    CL_TRY(read_list_word(text, n, i, spaces, word, &quoted, e));
    CL_TRY(keep_word(arena, ret, word, quoted, at, e));
    size_t next = skip_spaces(text, n, *i);
    if (next < n && text[next] == ',')
      *i = skip_spaces(text, n, next + 1);
    else if (next < n && quoted && !(spaces && next > *i)) {
      *i = next;
      return CL_FAIL(e, CLADE_ESPEC, "a comma is missing after the quoted text");
    } else
      *i = next;
  }
  return 0;
}

int cl_word_list_split(struct cl_arena *arena, const char *text, size_t n, bool spaces,
                       struct cl_word_list *ret, size_t *ret_at, struct cl_err *e) {
  struct cl_text word = {0};
  *ret_at = 0;
  int status = split_list(arena, text, n, spaces, ret, &word, ret_at, e);
  cl_text_done(&word);
  return status;
}

static int split_shell(struct cl_arena *arena, const char *text, size_t n, struct cl_word_list *ret,
                       struct cl_text *word, size_t *i, struct cl_err *e) {
  for (*i = skip_spaces(text, n, 0); *i < n; *i = skip_spaces(text, n, *i)) {
    size_t at = *i;
    bool quoted = false;
    cl_text_clear(word);
    while (*i < n && !isspace((unsigned char)text[*i])) {
      if (text[*i] == '"' || text[*i] == '\'') {
        quoted = true;
        CL_TRY(read_quoted(text, n, i, false, word, e));
      } else {
        if (text[*i] == '\\' && *i + 1 < n) ++*i;
        cl_text_add_char(word, text[(*i)++]);
      }
    }
    CL_TRY(keep_word(arena, ret, word, quoted, at, e));
  }
  return 0;
}

int cl_word_list_shell(struct cl_arena *arena, const char *text, struct cl_word_list *ret, size_t *ret_at,
                       struct cl_err *e) {
  struct cl_text word = {0};
  *ret_at = 0;
  int status = split_shell(arena, text, strlen(text), ret, &word, ret_at, e);
  cl_text_done(&word);
  return status;
}

struct cl_value cl_word_value(const struct cl_word *w) {
  return w->quoted ? cl_value_text(w->text) : cl_value_parse(w->text);
}

void cl_word_quote(struct cl_text *ret, const char *word) {
  static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%^";
  if (word[0] != '\0' && strspn(word, safe) == strlen(word)) {
    cl_text_add(ret, word);
    return;
  }
  cl_text_add_char(ret, '\'');
  for (const char *p = word; *p != '\0'; p++) {
    if (*p == '\'')
      cl_text_add(ret, "'\\''");
    else
      cl_text_add_char(ret, *p);
  }
  cl_text_add_char(ret, '\'');
}
