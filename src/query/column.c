#include "query/column.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "query/address.h"
#include "query/foreign.h"
#include "query/format.h"

static const char *const prefixes[] = {[CL_COLUMN_STANDARD] = "",
                                       [CL_COLUMN_VALUE] = "hparams.",
                                       [CL_COLUMN_METRIC] = "metrics.",
                                       [CL_COLUMN_TAG] = "tags."};

int cl_query_text_check(const char *what, const char *text, struct cl_err *e) {
  size_t n = strnlen(text, CL_QUERY_TEXT_MAX + 1);
  if (n > CL_QUERY_TEXT_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "a %s has up to %d bytes; this one is longer: %.40s...", what,
                   CL_QUERY_TEXT_MAX, text);
  if (!cl_text_is_utf8(text, n)) return CL_FAIL(e, CLADE_EINVAL, "the %s is not UTF-8", what);
  return 0;
}

/* The catalogue. */

void cl_catalogue_done(struct cl_catalogue *c) {
  cl_free(c->items);
  *c = (struct cl_catalogue){0};
}

int cl_catalogue_add(struct cl_catalogue *c, const struct cl_column *column, struct cl_err *e) {
  assert(column->name != NULL && column->kind >= CL_COLUMN_STANDARD && column->kind <= CL_COLUMN_TAG);
  if (cl_grow(&c->items, &c->capacity, c->n + 1, sizeof *c->items) < 0) return CL_FAIL_NOMEM(e);
  c->items[c->n] = *column;
  if (column->header == NULL) c->items[c->n].header = column->name;
  c->n++;
  return 0;
}

static const struct cl_column *find_kind(const struct cl_catalogue *c, enum cl_column_kind kind,
                                         const char *name) {
  for (size_t i = 0; i < c->n; i++)
    if (c->items[i].kind == kind && strcmp(c->items[i].name, name) == 0) return &c->items[i];
  return NULL;
}

static const struct cl_column *find_standard(const struct cl_catalogue *c, const char *name, bool yielding) {
  const struct cl_column *found = find_kind(c, CL_COLUMN_STANDARD, name);
  return found != NULL && found->yields == yielding ? found : NULL;
}

static const struct cl_column *find_alias(const struct cl_catalogue *c, const char *name, bool yielding) {
  for (size_t i = 0; i < c->n_aliases; i++) {
    if (c->aliases[i].yields != yielding || strcmp(c->aliases[i].alias, name) != 0) continue;
    for (size_t k = 0; k < c->n; k++)
      if (c->items[k].kind == CL_COLUMN_STANDARD && c->items[k].index == c->aliases[i].index)
        return &c->items[k];
  }
  return NULL;
}

static const char *after_prefix(const char *name, const char *prefix) {
  size_t n = strlen(prefix);
  return strncmp(name, prefix, n) == 0 ? name + n : NULL;
}

struct nearest {
  const char *wanted, *found;
  int length, distance; /* of the wanted one; of the found one */
};

static void consider(struct nearest *n, const char *name) {
  if (abs((int)strnlen(name, 64) - n->length) >= n->distance) return; /* as many edits at least */
  int distance = cl_text_distance(n->wanted, name);
  if (distance >= n->distance) return;
  n->distance = distance;
  n->found = name;
}

static const char *find_nearest(const struct cl_catalogue *c, const char *name) {
  for (int kind = CL_COLUMN_VALUE; kind <= CL_COLUMN_TAG; kind++)
    if (after_prefix(name, prefixes[kind]) != NULL) name = after_prefix(name, prefixes[kind]);
  int length = (int)strnlen(name, 64);
  struct nearest n = {.wanted = name, .length = length, .distance = length / 3 + 1};
  for (size_t i = 0; i < c->n; i++) consider(&n, c->items[i].name);
  assert(n.found == NULL || n.distance <= length / 3);
  return n.found;
}

bool cl_catalogue_find(const struct cl_catalogue *c, const char *name, struct cl_column *ret,
                       const char **ret_nearest) {
  const struct cl_column *found = find_standard(c, name, false);
  const char *header = NULL;
  if (found == NULL && (found = find_alias(c, name, false)) != NULL) header = name;
  for (int kind = CL_COLUMN_VALUE; kind <= CL_COLUMN_TAG && found == NULL; kind++) {
    const char *rest = after_prefix(name, prefixes[kind]);
    if (rest != NULL) found = find_kind(c, (enum cl_column_kind)kind, rest);
  }
  for (int kind = CL_COLUMN_VALUE; kind <= CL_COLUMN_TAG && found == NULL; kind++)
    found = find_kind(c, (enum cl_column_kind)kind, name);
  if (found == NULL) found = find_standard(c, name, true);
  if (found == NULL && (found = find_alias(c, name, true)) != NULL) header = name;
  if (found == NULL) {
    if (ret_nearest != NULL) *ret_nearest = find_nearest(c, name);
    return false;
  }
  *ret = *found;
  if (header != NULL) ret->header = header;
  assert(ret->name != NULL && ret->header != NULL);
  return true;
}

void cl_catalogue_describe(const struct cl_catalogue *c, struct cl_text *ret) {
  for (size_t i = 0; i < c->n; i++)
    cl_text_format(ret, "%s%s\n", prefixes[c->items[i].kind], c->items[i].name);
}

/* Typed columns. */

enum adding { ADD, ADD_AGAIN, ADD_KNOWN }; /* see column.h */

struct typed { /* one item of a list, in a copy of its own */
  const char *name;
  char *header, *format;
  bool quoted; /* the name is no pattern */
};

static int add_column(struct cl_table *t, const struct cl_column *c, struct cl_err *e) {
  assert(t->n_columns <= CL_QUERY_COLUMNS_MAX);
  if (t->n_columns >= CL_QUERY_COLUMNS_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "a table has up to %d columns: name fewer", CL_QUERY_COLUMNS_MAX);
  return cl_table_add_column(t, c, e);
}

static struct cl_column *find_in_table(struct cl_table *t, const struct cl_column *c) {
  for (size_t i = 0; i < t->n_columns; i++)
    if (t->columns[i].kind == c->kind && t->columns[i].index == c->index) return &t->columns[i];
  return NULL;
}

static bool is_pattern(const struct typed *typed) {
  return !typed->quoted && strpbrk(typed->name, "*?") != NULL;
}

static int add_matching(struct cl_table *t, const struct cl_catalogue *c, const struct typed *typed,
                        struct cl_err *e) {
  if (typed->header != NULL)
    return CL_FAIL(e, CLADE_EINVAL, "'%.100s' names any number of columns; they cannot all be named '%.100s'",
                   typed->name, typed->header);
  int status = 0;
  for (size_t i = 0; i < c->n && status == 0; i++) {
    struct cl_column column = c->items[i];
    struct cl_text name = {0};
    cl_text_format(&name, "%s%s", prefixes[column.kind], column.name);
    if (name.failed) status = CL_FAIL_NOMEM(e);
    column.format = typed->format;
    if (status == 0 && cl_address_matches(typed->name, cl_text_get(&name)) &&
        find_in_table(t, &column) == NULL)
      status = add_column(t, &column, e);
    cl_text_done(&name);
  }
  return status;
}

static int fail_unknown(const char *name, const char *nearest, struct cl_err *e) {
  const char *instead = cl_foreign_column(name, nearest);
  if (instead != NULL) return CL_FAIL(e, CLADE_EINVAL, "there is no column '%s': %s", name, instead);
  if (nearest != NULL)
    return CL_FAIL(
        e, CLADE_EINVAL,
        "there is no column '%.100s'; did you mean '%.100s'? (hparams.NAME, metrics.NAME and tags.NAME name those "
        "of the study)",
        name, nearest);
  return CL_FAIL(e, CLADE_EINVAL,
                 "there is no column '%.100s': write a standard one, hparams.NAME, metrics.NAME or tags.NAME",
                 name);
}

/* `metrics` alone means `metrics.*`, where nothing is called so. */
static const char *group_pattern(const char *name) {
  static const char *const groups[] = {"hparams.*", "metrics.*", "tags.*"};
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
    if (strlen(name) + 2 == strlen(groups[i]) && strncmp(name, groups[i], strlen(name)) == 0)
      return groups[i];
  return NULL;
}

static int add_named(struct cl_table *t, const struct cl_catalogue *c, const struct typed *typed,
                     enum adding how, struct cl_err *e) {
  struct cl_column column;
  const char *nearest = NULL;
  if (!cl_catalogue_find(c, typed->name, &column, &nearest)) {
    struct typed group = *typed;
    const char *pattern = group_pattern(typed->name);
    if (pattern == NULL && how == ADD_KNOWN) return 0;
    if (pattern == NULL) return fail_unknown(typed->name, nearest, e);
    group.name = pattern;
    return add_matching(t, c, &group, e);
  }
  column.renamed = typed->header != NULL;
  if (typed->header != NULL) column.header = typed->header;
  column.format = typed->format;
  struct cl_column *there = how == ADD_AGAIN ? find_in_table(t, &column) : NULL;
  if (there == NULL) return add_column(t, &column, e);
  return cl_table_change_column(t, there, &column, e);
}

static bool is_known(const struct cl_catalogue *c, const char *name) {
  struct cl_column column;
  return cl_catalogue_find(c, name, &column, NULL);
}

/* Are the first n bytes of text, which is ours, the name of a column? */
static bool begins_known(const struct cl_catalogue *c, char *text, size_t n) {
  char held = text[n];
  text[n] = '\0';
  bool known = is_known(c, text);
  text[n] = held;
  return known;
}

/* Where the name ends that an item begins with: the longest part before a = or : that is known, else the
 * first (of a pattern the last :). */
static size_t name_length(const struct cl_catalogue *c, char *item) {
  size_t n = strlen(item);
  if (is_known(c, item)) return n;
  for (size_t i = n; i > 0; i--)
    if ((item[i - 1] == '=' || item[i - 1] == ':') && begins_known(c, item, i - 1)) return i - 1;
  return strcspn(item, "=:");
}

/* Take the quotes off text, which begins with one; the end of it, or null when it is open. */
static char *unquote(char *text, char **ret) {
  assert(text[0] == '\'' || text[0] == '"');
  char *end = strchr(text + 1, text[0]);
  if (end == NULL) return NULL;
  *end = '\0';
  *ret = text + 1;
  return end + 1;
}

static bool is_quote(char c) {
  return c == '\'' || c == '"';
}

/* "=Header:format" or ":format" or nothing. */
static int parse_rest(const char *item, char *rest, struct typed *ret, struct cl_err *e) {
  assert(*rest == '\0' || *rest == '=' || *rest == ':');
  if (*rest == '=') {
    *rest++ = '\0';
    ret->header = rest;
    if (is_quote(*rest)) {
      rest = unquote(rest, &ret->header);
      if (rest == NULL) return CL_FAIL(e, CLADE_EINVAL, "a quote is open in the column '%.100s'", item);
    } else {
      char *colon = strrchr(rest, ':');
      rest = colon != NULL ? colon : rest + strlen(rest);
    }
    if (*rest != '\0' && *rest != ':')
      return CL_FAIL(e, CLADE_EINVAL,
                     "'%.40s' stands behind the header of a column; a format begins with ':'", rest);
  }
  if (*rest == ':') {
    struct cl_format checked;
    *rest++ = '\0';
    ret->format = rest;
    CL_TRY(cl_format_parse(rest, &checked, e));
  }
  if (ret->header != NULL && ret->header[0] == '\0')
    return CL_FAIL(e, CLADE_EINVAL, "the column '%.100s' lacks its header: write NAME=Header", ret->name);
  return 0;
}

/* `*`, `metrics.*` … mean all of them, also where somebody has called a metric `*`: in quotes it is that one.
 */
static bool is_all(const char *name) {
  size_t n = strlen(name);
  return strcmp(name, "*") == 0 || (n > 2 && strcmp(name + n - 2, ".*") == 0);
}

static int add_item(struct cl_table *t, const struct cl_catalogue *c, char *item, enum adding how,
                    struct cl_err *e) {
  struct typed typed = {.name = item};
  while (*item == ' ') item++;
  size_t n = strlen(item);
  while (n > 0 && item[n - 1] == ' ') item[--n] = '\0';
  if (n == 0) return 0;
  if (n > CL_QUERY_COLUMN_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "a column with header and format has up to %d bytes, not %zu: %.40s...",
                   CL_QUERY_COLUMN_MAX, n, item);
  typed.name = item;
  char *rest = item + name_length(c, item);
  if (is_quote(item[0]) && !begins_known(c, item, (size_t)(rest - item))) {
    char *name = NULL;
    rest = unquote(item, &name);
    typed.name = name;
    if (rest == NULL) return CL_FAIL(e, CLADE_EINVAL, "a quote is open in the column '%.100s'", item);
    typed.quoted = true;
    if (*rest != '\0' && *rest != '=' && *rest != ':')
      return CL_FAIL(e, CLADE_EINVAL, "'%.40s' stands behind the column '%.100s'; part columns by commas",
                     rest, typed.name);
  }
  CL_TRY(parse_rest(item, rest, &typed, e));
  bool pattern = is_pattern(&typed) && (is_all(typed.name) || !is_known(c, typed.name));
  return pattern ? add_matching(t, c, &typed, e) : add_named(t, c, &typed, how, e);
}

/* Does the comma at p belong to the format that began at `format`? Then a width at most stands before it, and
 * behind it a precision, a type, or nothing. */
static bool is_of_format(const char *format, const char *p) {
  if (format == NULL) return false;
  for (const char *q = format; q < p; q++)
    if (*q == ',' || *q == '.') return false;
  if (p[1] == '.' || p[1] == ',' || p[1] == '\0') return true;
  return strchr("deEfFgGn%", p[1]) != NULL && (p[2] == '\0' || p[2] == ',');
}

/* The end of the item that begins at p: a comma outside of quotes and formats, or the end of the text. */
static const char *item_end(const char *p) {
  const char *format = NULL, *begin = p;
  char quote = '\0';
  for (; *p != '\0'; p++) {
    if (quote != '\0') {
      if (*p == quote) quote = '\0';
    } else if (is_quote(*p) && (p == begin || p[-1] == '=' || p[-1] == ' ') && strchr(p + 1, *p) != NULL) {
      quote = *p;
    } else if (*p == ':') {
      format = p + 1;
    } else if (*p == ',' && !is_of_format(format, p)) {
      break;
    }
  }
  assert(*p == '\0' || *p == ',');
  return p;
}

static int add_list(struct cl_table *t, const struct cl_catalogue *c, const char *list, enum adding how,
                    struct cl_err *e) {
  CL_TRY(cl_query_text_check("list of columns", list, e));
  bool whole = is_known(c, list);
  int status = 0;
  for (const char *p = list; status == 0 && *p != '\0';) {
    const char *end = whole ? p + strlen(p) : item_end(p);
    char *item = cl_copy_bytes(p, (size_t)(end - p));
    status = item == NULL ? CL_FAIL_NOMEM(e) : add_item(t, c, item, how, e);
    cl_free(item);
    p = *end == '\0' ? end : end + 1;
  }
  return status;
}

int cl_columns_add(struct cl_table *t, const struct cl_catalogue *c, const char *list, bool again,
                   struct cl_err *e) {
  return add_list(t, c, list, again ? ADD_AGAIN : ADD, e);
}

int cl_columns_add_known(struct cl_table *t, const struct cl_catalogue *c, const char *list,
                         struct cl_err *e) {
  return add_list(t, c, list, ADD_KNOWN, e);
}
