#include "query/filter.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/regex.h"
#include "query/foreign.h"

enum operation {
  OP_EQUAL = 1,
  OP_DIFFERENT,
  OP_LESS,
  OP_LESS_EQUAL,
  OP_GREATER,
  OP_GREATER_EQUAL,
  OP_REGEX,
  OP_EXISTS,
  OP_MONGO
};

static const struct {
  const char *text;
  enum operation op;
} operators[] = {/* longer ones first */
                 {":regex:", OP_REGEX}, {":exists:", OP_EXISTS},  {":mongo:", OP_MONGO}, {"==", OP_EQUAL},
                 {"<=", OP_LESS_EQUAL}, {">=", OP_GREATER_EQUAL}, {"!=", OP_DIFFERENT},  {"<>", OP_DIFFERENT},
                 {"=", OP_EQUAL},       {"<", OP_LESS},           {">", OP_GREATER}};

struct condition {
  struct cl_column column;
  enum operation op;
  struct cl_value value;
  struct cl_regex *regex;
};

struct cl_filter {
  char *text; /* a copy: names and values point into it */
  size_t n, capacity;
  struct condition *items;
};

void cl_filter_destroy(struct cl_filter *f) {
  if (f == NULL) return;
  for (size_t i = 0; i < f->n; i++) {
    cl_regex_destroy(f->items[i].regex);
  }
  cl_free(f->items);
  cl_free(f->text);
  cl_free(f);
}

/* Without blanks and one pair of quotes around it; in place. */
static char *trim(char *text, bool *ret_quoted) {
  while (*text == ' ') text++;
  size_t n = strlen(text);
  while (n > 0 && text[n - 1] == ' ') text[--n] = '\0';
  bool quoted = n >= 2 && (text[0] == '\'' || text[0] == '"') && text[n - 1] == text[0];
  if (ret_quoted != NULL) *ret_quoted = quoted;
  if (!quoted) return text;
  text[n - 1] = '\0';
  return text + 1;
}

/* A quote begins where a word does: the one in na'me is a letter. */
static bool begins_quote(const char *text, const char *p) {
  return (*p == '\'' || *p == '"') && (p == text || strchr(" <>=!:", p[-1]) != NULL);
}

/* The first operator outside of quotes; null if there is none. */
static char *find_operator(char *text, size_t *ret_which) {
  char quote = '\0';
  for (char *p = text; *p != '\0'; p++) {
    if (quote != '\0') {
      if (*p == quote) quote = '\0';
      continue;
    }
    if (begins_quote(text, p)) quote = *p;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
      if (strncmp(p, operators[i].text, strlen(operators[i].text)) != 0) continue;
      *ret_which = i;
      return p;
    }
  }
  return NULL;
}

/* Cut the text at the first " and " outside of quotes; what follows, or null. */
static char *cut_at_and(char *text) {
  char quote = '\0';
  for (char *p = text; *p != '\0'; p++) {
    if (quote != '\0') {
      if (*p == quote) quote = '\0';
    } else if (begins_quote(text, p)) {
      quote = *p;
    } else if (strncmp(p, " and ", 5) == 0) {
      *p = '\0';
      return p + 5;
    }
  }
  return NULL;
}

static struct cl_value parse_value(char *text, bool *ret_exists) {
  bool quoted = false;
  char *word = trim(text, &quoted);
  if (quoted) return cl_value_text(word);
  if (strcmp(word, "$none") == 0) return (struct cl_value){.kind = CL_NULL};
  *ret_exists = strcmp(word, "$exists") == 0;
  if (strcmp(word, "$true") == 0 || *ret_exists) return cl_value_bool(true);
  if (strcmp(word, "$false") == 0) return cl_value_bool(false);
  if (strcmp(word, "$empty") == 0) return cl_value_text("");
  return cl_value_parse(word);
}

static int fail_name(const char *name, const char *nearest, struct cl_err *e) {
  const char *instead = cl_foreign_column(name, nearest);
  if (instead != NULL)
    return CL_FAIL(e, CLADE_EINVAL, "there is nothing named '%s' to compare: %s", name, instead);
  return CL_FAIL(e, CLADE_EINVAL, "there is nothing named '%.100s' to compare%s%.100s%s", name,
                 nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                 nearest == NULL ? "" : "'?");
}

static int check_value(const char *name, const char *op, const char *value, bool exists, struct cl_err *e) {
  if (value[0] != '\0' && strchr("<>=!", value[0]) != NULL)
    return CL_FAIL(e, CLADE_EINVAL, "'%.20s%.100s' has two operators; quote a value that begins with one", op,
                   value);
  if (!exists && value[strspn(value, " ")] == '\0')
    return CL_FAIL(e, CLADE_EINVAL, "'%.100s%s' lacks a value; $none means none, and '' an empty text", name,
                   op);
  return 0;
}

/* = $exists is :exists:, != $exists its contrary. */
static void make_existence(struct condition *c, bool exists) {
  bool wanted = c->value.kind == CL_BOOL ? c->value.as.truth : true;
  c->value = cl_value_bool(wanted == exists);
  c->op = OP_EXISTS;
}

static int parse_condition(char *text, const struct cl_catalogue *catalogue, struct condition *ret,
                           struct cl_err *e) {
  size_t which = 0;
  char *op = find_operator(text, &which);
  if (op == NULL)
    return CL_FAIL(e, CLADE_EINVAL,
                   "'%.200s' is no condition: write NAME OPERATOR VALUE, such as lr<0.01; the "
                   "operators are = < <= > >= != :regex: :exists:",
                   text);
  assert(op >= text && which < sizeof operators / sizeof operators[0]);
  *op = '\0';
  char *name = trim(text, NULL), *value = op + strlen(operators[which].text);
  const char *nearest = NULL;
  ret->op = operators[which].op;
  if (ret->op == OP_MONGO)
    return CL_FAIL(e, CLADE_EINVAL,
                   ":mongo: asks a database that is not here; write :regex:, or conditions "
                   "joined by ` and `");
  if (!cl_catalogue_find(catalogue, name, &ret->column, &nearest)) return fail_name(name, nearest, e);
  CL_TRY(check_value(name, operators[which].text, value, ret->op == OP_EXISTS, e));
  if (ret->op == OP_REGEX) return cl_regex_create(trim(value, NULL), &ret->regex, e);
  bool bare_exists = false;
  ret->value = parse_value(value, &bare_exists);
  if (ret->op == OP_EXISTS) make_existence(ret, true);
  if (bare_exists && ret->op != OP_EXISTS) {
    if (ret->op != OP_EQUAL && ret->op != OP_DIFFERENT)
      return CL_FAIL(e, CLADE_EINVAL, "$exists can be compared by = and != alone, not by %s",
                     operators[which].text);
    make_existence(ret, ret->op == OP_EQUAL);
  }
  if (ret->column.type == CL_COLUMN_STATE && ret->value.kind == CL_TEXT && catalogue->find_state != NULL)
    return catalogue->find_state(ret->value.as.text, &ret->value.as.text, e);
  return 0;
}

int cl_filter_parse(const char *text, const struct cl_catalogue *catalogue, struct cl_filter **ret,
                    struct cl_err *e) {
  CL_TRY(cl_query_text_check("filter", text, e));
  int status = 0;
  struct cl_filter *f = cl_alloc(sizeof *f);
  if (f == NULL || (f->text = cl_copy_text(text)) == NULL) {
    cl_filter_destroy(f);
    return CL_FAIL_NOMEM(e);
  }
  for (char *next = f->text; next != NULL && status == 0;) {
    char *condition = next;
    next = cut_at_and(condition);
    if (f->n == CL_FILTER_CONDITIONS_MAX)
      status = CL_FAIL(e, CLADE_EINVAL, "a filter has up to %d conditions", CL_FILTER_CONDITIONS_MAX);
    else if (cl_grow(&f->items, &f->capacity, f->n + 1, sizeof *f->items) < 0)
      status = CL_FAIL_NOMEM(e);
    if (status < 0) break;
    f->items[f->n] = (struct condition){0};
    status = parse_condition(condition, catalogue, &f->items[f->n++], e);
  }
  if (status < 0) {
    cl_filter_destroy(f);
    return status;
  }
  assert(f->n > 0 && f->n <= CL_FILTER_CONDITIONS_MAX);
  *ret = f;
  return 0;
}

size_t cl_filter_conditions(const struct cl_filter *f) {
  return f->n;
}

const struct cl_column *cl_filter_column(const struct cl_filter *f, size_t i) {
  assert(i < f->n);
  return &f->items[i].column;
}

static double number_of(struct cl_value v) {
  assert(v.kind == CL_BOOL || v.kind == CL_INT || v.kind == CL_REAL);
  return v.kind == CL_BOOL ? (double)v.as.truth : cl_value_number(v);
}

/* -1, 0, 1; 2 where there is no order: a number and a text, or NaN. */
static int order_of(struct cl_value a, struct cl_value b) {
  if ((a.kind == CL_TEXT) != (b.kind == CL_TEXT)) return 2;
  if (a.kind == CL_TEXT) {
    int order = cl_text_compare_natural(a.as.text, b.as.text);
    return (order > 0) - (order < 0);
  }
  double x = number_of(a), y = number_of(b);
  return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
}

/* The cell as it would be typed. */
static const char *text_of(struct cl_value v, char buffer[CL_NUMBER_TEXT]) {
  switch (v.kind) {
  case CL_ABSENT: return "";
  case CL_NULL: return "null";
  case CL_BOOL: return v.as.truth ? "true" : "false";
  case CL_INT: (void)snprintf(buffer, CL_NUMBER_TEXT, "%lld", (long long)v.as.integer); return buffer;
  case CL_REAL: return cl_number_text(v.as.real, buffer);
  case CL_TEXT: return v.as.text;
  }
  return "";
}

static bool regex_holds(const struct condition *c, struct cl_value cell) {
  char buffer[CL_NUMBER_TEXT];
  assert(c->regex != NULL);
  if (cell.kind == CL_ABSENT) return false;
  const char *text = text_of(cell, buffer);
  return cl_regex_find(c->regex, text, strlen(text), 0, NULL, 0);
}

static bool condition_holds(const struct condition *c, struct cl_value cell) {
  assert(c->op != OP_EXISTS || c->value.kind == CL_BOOL);
  if (c->op == OP_REGEX) return regex_holds(c, cell);
  if (c->op == OP_EXISTS) return (cell.kind != CL_ABSENT) == c->value.as.truth;
  if (cl_cell_is_blank(c->value))
    return c->op == OP_EQUAL ? cl_cell_is_blank(cell) : c->op == OP_DIFFERENT && !cl_cell_is_blank(cell);
  int order = cl_cell_is_blank(cell) ? 2 : order_of(cell, c->value);
  switch (c->op) {
  case OP_EQUAL: return order == 0;
  case OP_DIFFERENT: return order != 0;
  case OP_LESS: return order < 0;
  case OP_LESS_EQUAL: return order <= 0;
  case OP_GREATER: return order == 1;
  case OP_GREATER_EQUAL: return order == 0 || order == 1;
  case OP_REGEX:
  case OP_EXISTS:
  case OP_MONGO: break;
  }
  return false;
}

bool cl_filter_holds(const struct cl_filter *f, size_t i, struct cl_value cell) {
  assert(i < f->n && f->items[i].op != OP_MONGO);
  return condition_holds(&f->items[i], cell);
}
