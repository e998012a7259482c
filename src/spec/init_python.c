/* No Python parser: strings, brackets and commas are enough to cut a call into its arguments. */
#include "spec/init_python.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

enum { CALL_MAX = 4000, ARGUMENTS_MAX = 32, CHOICES_MAX = 50 };

struct piece {
  const char *at;
  size_t n;
};

/* Behind the string that begins at p, or the end of the text. */
static const char *skip_string(const char *p) {
  char quote = *p;
  assert(quote == '"' || quote == '\'');
  bool triple = p[1] == quote && p[2] == quote;
  p += triple ? 3 : 1;
  for (; *p != '\0'; p++) {
    if (*p == '\\' && p[1] != '\0')
      p++;
    else if (*p == quote && (!triple || (p[1] == quote && p[2] == quote)))
      return p + (triple ? 3 : 1);
  }
  return p;
}

static const char *skip_comment(const char *p) {
  while (*p != '\0' && *p != '\n') p++;
  return p;
}

static struct piece trim(const char *at, const char *end) {
  while (at < end && isspace((unsigned char)*at)) at++;
  while (end > at && isspace((unsigned char)end[-1])) end--;
  return (struct piece){at, (size_t)(end - at)};
}

/* Cut what stands between brackets (p behind the opening one) at its commas; number of pieces, 0 if it does
 * not end. */
static size_t cut(const char *p, struct piece *ret, size_t most) {
  const char *start = p, *limit = p + strnlen(p, CALL_MAX);
  size_t n = 0;
  int depth = 0;
  while (p < limit) {
    if (*p == '"' || *p == '\'') {
      p = skip_string(p);
      continue;
    }
    if (*p == '#') {
      p = skip_comment(p);
      continue;
    }
    bool closes = strchr(")]}", *p) != NULL;
    if ((*p == ',' || closes) && depth == 0) {
      struct piece one = trim(start, p);
      if (one.n > 0 && n < most) ret[n++] = one;
      if (closes) return n;
      start = p + 1;
    }
    depth += (strchr("([{", *p) != NULL) - closes;
    p++;
  }
  return 0;
}

/* A plain string without escapes: what is between its quotes. */
static bool unquote(struct piece p, struct piece *ret) {
  if (p.n < 2 || (p.at[0] != '"' && p.at[0] != '\'') || p.at[p.n - 1] != p.at[0]) return false;
  *ret = (struct piece){p.at + 1, p.n - 2};
  return memchr(ret->at, '\\', ret->n) == NULL && memchr(ret->at, p.at[0], ret->n) == NULL;
}

static bool find_keyword(const struct piece *pieces, size_t n, const char *name, struct piece *ret) {
  size_t length = strlen(name);
  for (size_t i = 0; i < n; i++) {
    if (pieces[i].n <= length || strncmp(pieces[i].at, name, length) != 0) continue;
    const char *p = pieces[i].at + length, *end = pieces[i].at + pieces[i].n;
    while (p < end && isspace((unsigned char)*p)) p++;
    if (p == end || *p != '=') continue;
    *ret = trim(p + 1, end);
    return true;
  }
  return false;
}

static bool is_word(struct piece p, const char *word) {
  return p.n == strlen(word) && strncmp(p.at, word, p.n) == 0;
}

static bool to_number(struct piece p, double *ret, bool *ret_whole) {
  char text[40];
  if (p.n == 0 || p.n >= sizeof text) return false;
  memcpy(text, p.at, p.n);
  text[p.n] = '\0';
  *ret_whole = strpbrk(text, ".eE") == NULL;
  return cl_text_to_number(text, ret) && isfinite(*ret);
}

/* The first long option among the strings; dashes become underscores in the name, as argparse does it. */
static bool find_option(struct cl_arena *a, const struct piece *pieces, size_t n,
                        struct cl_python_option *ret) {
  for (size_t i = 0; i < n; i++) {
    struct piece text;
    if (!unquote(pieces[i], &text) || text.n < 3 || text.n > 60 || strncmp(text.at, "--", 2) != 0) continue;
    bool good = isalpha((unsigned char)text.at[2]) != 0;
    for (size_t k = 2; k < text.n; k++)
      good = good && (isalnum((unsigned char)text.at[k]) || text.at[k] == '-' || text.at[k] == '_');
    if (!good) continue;
    char *name = cl_arena_bytes(a, text.at + 2, text.n - 2);
    ret->option = cl_arena_bytes(a, text.at, text.n);
    for (char *p = name; p != NULL && *p != '\0'; p++)
      if (*p == '-') *p = '_';
    ret->name = name;
    return true;
  }
  return false;
}

/* choices=["adam", "sgd"]: plain literals only. */
static bool read_choices(struct cl_arena *a, struct piece value, struct cl_python_option *ret) {
  struct piece pieces[CHOICES_MAX];
  if (value.n < 2 || strchr("[({", value.at[0]) == NULL) return false;
  size_t n = cut(value.at + 1, pieces, CHOICES_MAX);
  if (n < 2 || n == CHOICES_MAX) return false;
  ret->choices = cl_arena_array(a, n, sizeof *ret->choices);
  ret->choices_are_numbers = true;
  for (size_t i = 0; i < n; i++) {
    struct piece text = pieces[i];
    double x = 0;
    bool whole = false, quoted = unquote(pieces[i], &text);
    if (!quoted && !to_number(text, &x, &whole)) return false;
    if (text.n == 0 || text.n > 60 || memchr(text.at, '\n', text.n) != NULL) return false;
    ret->choices_are_numbers = ret->choices_are_numbers && !quoted;
    if (ret->choices != NULL) ret->choices[i] = cl_arena_bytes(a, text.at, text.n);
  }
  ret->n_choices = n;
  return true;
}

static void read_type(const struct piece *pieces, size_t n, struct cl_python_option *ret) {
  struct piece type, standard;
  bool whole = false, typed = find_keyword(pieces, n, "type", &type);
  ret->has_standard =
      find_keyword(pieces, n, "default", &standard) && to_number(standard, &ret->standard, &whole);
  if (typed && is_word(type, "float"))
    ret->type = CL_OPTION_FLOAT;
  else if (typed && is_word(type, "int"))
    ret->type = CL_OPTION_INT;
  else if (!typed && ret->has_standard)
    ret->type = whole ? CL_OPTION_INT : CL_OPTION_FLOAT;
}

static int read_call(struct cl_arena *a, const char *p, struct cl_python_options *all, struct cl_err *e) {
  struct piece pieces[ARGUMENTS_MAX], value;
  struct cl_python_option one = {0};
  size_t n = cut(p, pieces, ARGUMENTS_MAX);
  if (!find_option(a, pieces, n, &one)) return 0;
  if (find_keyword(pieces, n, "choices", &value) && read_choices(a, value, &one)) {
    one.type = CL_OPTION_CHOICE;
    struct piece standard, text;
    if (find_keyword(pieces, n, "default", &standard)) {
      if (!unquote(standard, &text)) text = standard;
      one.text = cl_arena_bytes(a, text.at, text.n);
    }
  } else if (!find_keyword(pieces, n, "action", &value) && !find_keyword(pieces, n, "nargs", &value))
    read_type(pieces, n, &one);
  if (one.name == NULL || one.option == NULL || (one.n_choices > 0 && one.choices == NULL))
    return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < one.n_choices; i++)
    if (one.choices[i] == NULL) return CL_FAIL_NOMEM(e);
  if (cl_grow(&all->items, &all->cap, all->n + 1, sizeof *all->items) < 0) return CL_FAIL_NOMEM(e);
  all->items[all->n++] = one;
  return 0;
}

int cl_python_find(struct cl_arena *a, const char *text, struct cl_python_options *ret, struct cl_err *e) {
  static const char call[] = "add_argument(";
  for (const char *p = text; *p != '\0';) {
    if (*p == '"' || *p == '\'')
      p = skip_string(p);
    else if (*p == '#')
      p = skip_comment(p);
    else if (strncmp(p, call, sizeof call - 1) == 0) {
      p += sizeof call - 1;
      CL_TRY(read_call(a, p, ret, e));
    } else
      p++;
  }
  return 0;
}
