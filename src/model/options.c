#include "model/options.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/text.h"

static const struct cl_option *find_option(const struct cl_options *a, const char *name) {
  for (const struct cl_option *o = a->table; o->name != NULL; o++)
    if (strcmp(o->name, name) == 0 || (o->alias != NULL && strcmp(o->alias, name) == 0)) return o;
  return NULL;
}

/* What every table owes the functions here. */
static void assert_table(const struct cl_option *table) {
  for (const struct cl_option *o = table; o->name != NULL; o++) {
    bool number =
        strcmp(o->type, "int") == 0 || strcmp(o->type, "float") == 0 || strcmp(o->type, "floats") == 0;
    bool other = strcmp(o->type, "bool") == 0 || strcmp(o->type, "text") == 0 ||
                 strcmp(o->type, "any") == 0 || strcmp(o->type, "object") == 0 ||
                 strchr(o->type, '|') != NULL;
    assert(number != other && (!number || o->lo < o->hi));
    assert(o->help != NULL && (o->standard != NULL || o->inner != NULL));
    (void)number, (void)other;
  }
}

/* What is given for it, by either name. */
static const json_t *given(const struct cl_options *a, const struct cl_option *o) {
  const json_t *node = json_object_get(a->given, o->name);
  return node == NULL && o->alias != NULL ? json_object_get(a->given, o->alias) : node;
}

static bool is_choice(const struct cl_option *o) {
  return strchr(o->type, '|') != NULL;
}

/* Is `word` one of the words of "a|b|c"? */
static bool has_word(const char *words, const char *word) {
  size_t n = strlen(word);
  for (const char *at = words; at != NULL; at = strchr(at, '|')) {
    at += *at == '|';
    if (n > 0 && strncmp(at, word, n) == 0 && (at[n] == '\0' || at[n] == '|')) return true;
  }
  return false;
}

static int check_list(const struct cl_options *a, const struct cl_option *o, const json_t *node,
                      struct cl_err *e) {
  size_t n = json_array_size(node);
  bool good = n >= 1 && n <= CL_OPTION_LIST_MAX;
  for (size_t i = 0; i < n && good; i++) {
    const json_t *item = json_array_get(node, i);
    double x = json_is_number(item) ? json_number_value(item) : NAN;
    good = x >= o->lo && x <= o->hi;
  }
  if (good) return 0;
  char lo[CL_NUMBER_TEXT], hi[CL_NUMBER_TEXT];
  return CL_FAIL(e, CLADE_ESPEC, "%s: %s of method %s must be a list of 1 to %d numbers in %s…%s", a->section,
                 o->name, a->method, CL_OPTION_LIST_MAX, cl_number_text(o->lo, lo),
                 cl_number_text(o->hi, hi));
}

static int check_number(const struct cl_options *a, const struct cl_option *o, const json_t *node,
                        struct cl_err *e) {
  bool whole = strcmp(o->type, "int") == 0;
  assert(whole || strcmp(o->type, "float") == 0);
  double x = json_is_number(node) ? json_number_value(node) : NAN;
  if (x >= o->lo && x <= o->hi && (!whole || rint(x) == x)) return 0;
  char lo[CL_NUMBER_TEXT], hi[CL_NUMBER_TEXT];
  return CL_FAIL(e, CLADE_ESPEC, "%s: %s of method %s must be a %s in %s…%s", a->section, o->name, a->method,
                 whole ? "whole number" : "number", cl_number_text(o->lo, lo), cl_number_text(o->hi, hi));
}

static int check_option(const struct cl_options *a, const struct cl_option *o, const json_t *node,
                        struct cl_err *e) {
  if (is_choice(o)) {
    if (json_is_string(node) && has_word(o->type, json_string_value(node))) return 0;
    return CL_FAIL(e, CLADE_ESPEC, "%s: %s of method %s must be one of %s", a->section, o->name, a->method,
                   o->type);
  }
  if (strcmp(o->type, "any") == 0) return 0;
  if (strcmp(o->type, "floats") == 0) return check_list(a, o, node, e);
  if (strcmp(o->type, "text") == 0) {
    if (json_string_length(node) > 0) return 0;
    return CL_FAIL(e, CLADE_ESPEC, "%s: %s of method %s must be a text", a->section, o->name, a->method);
  }
  if (strcmp(o->type, "object") == 0) {
    if (json_is_object(node)) return 0;
    return CL_FAIL(e, CLADE_ESPEC, "%s: %s of method %s must be options of its own, like {name: value}",
                   a->section, o->name, a->method);
  }
  if (strcmp(o->type, "bool") != 0) return check_number(a, o, node, e);
  if (json_is_boolean(node)) return 0;
  return CL_FAIL(e, CLADE_ESPEC, "%s: %s of method %s must be true or false", a->section, o->name, a->method);
}

static int refuse_option(const struct cl_options *a, const char *name, struct cl_err *e) {
  const char *nearest = NULL;
  int least = (int)strlen(name) / 2 + 1;
  for (const struct cl_option *o = a->table; o->name != NULL; o++) {
    int distance = cl_text_distance(name, o->name);
    if (distance >= least) continue;
    least = distance;
    nearest = o->name;
  }
  struct cl_text known = {0};
  for (const struct cl_option *o = a->table; o->name != NULL; o++)
    cl_text_format(&known, "%s%s", o == a->table ? "; its options are " : ", ", o->name);
  int status = known.failed
                   ? CL_FAIL_NOMEM(e)
                   : CL_FAIL(e, CLADE_ESPEC, "%s: method %s has no option \"%s\"%s%s%s", a->section,
                             a->method, name, nearest != NULL ? "; did you mean " : cl_text_get(&known),
                             nearest != NULL          ? nearest
                             : a->table->name == NULL ? "; it has none"
                                                      : "",
                             nearest != NULL ? "?" : "");
  cl_text_done(&known);
  return status;
}

int cl_options_check(const struct cl_options *a, struct cl_err *e) {
  assert_table(a->table);
  /* jansson's iterators want a mutable object, and leave it alone */
  json_t *all = (json_t *)(uintptr_t)a->given;
  for (void *it = json_object_iter(all); it != NULL; it = json_object_iter_next(all, it)) {
    const char *name = json_object_iter_key(it);
    const json_t *node = json_object_iter_value(it);
    if (strcmp(name, "method") == 0 || json_is_null(node)) continue;
    const struct cl_option *o = find_option(a, name);
    if (o == NULL) return refuse_option(a, name, e);
    CL_TRY(check_option(a, o, node, e));
  }
  return 0;
}

double cl_options_number(const struct cl_options *a, const char *option) {
  const struct cl_option *o = find_option(a, option);
  assert(o != NULL && !is_choice(o));
  const json_t *node = given(a, o);
  if (json_is_boolean(node)) return json_is_true(node);
  if (json_is_number(node)) return json_number_value(node);
  double x = strcmp(o->standard, "true") == 0;
  bool known = cl_text_to_number(o->standard, &x);
  assert(known || strcmp(o->standard, "true") == 0 || strcmp(o->standard, "false") == 0);
  (void)known;
  return x;
}

/* "[1.2, 0.8]": needs no memory, so that there always is a default. */
static int read_standard(const char *text, double ret[CL_OPTION_LIST_MAX]) {
  static const char digits[] = "0123456789.";
  int n = 0;
  for (const char *at = strpbrk(text, digits); at != NULL; at = strpbrk(at, digits)) {
    assert(n < CL_OPTION_LIST_MAX);
    size_t length = cl_text_to_leading_number(at, &ret[n++]);
    assert(length > 0 && strchr(",]", at[length]) != NULL);
    at += length;
  }
  return n;
}

int cl_options_numbers(const struct cl_options *a, const char *option, double ret[CL_OPTION_LIST_MAX]) {
  const struct cl_option *o = find_option(a, option);
  assert(o != NULL && strcmp(o->type, "floats") == 0);
  const json_t *node = given(a, o);
  int n = (int)json_array_size(node);
  for (int i = 0; i < n; i++) ret[i] = json_number_value(json_array_get(node, (size_t)i));
  if (!json_is_array(node)) n = read_standard(o->standard, ret);
  assert(n >= 1 && n <= CL_OPTION_LIST_MAX); /* cl_options_check has looked */
  return n;
}

const json_t *cl_options_object(const struct cl_options *a, const char *option) {
  const struct cl_option *o = find_option(a, option);
  assert(o != NULL && strcmp(o->type, "object") == 0);
  const json_t *node = given(a, o);
  return json_is_object(node) ? node : NULL;
}

const char *cl_options_word(const struct cl_options *a, const char *option) {
  const struct cl_option *o = find_option(a, option);
  assert(o != NULL && (is_choice(o) || strcmp(o->type, "text") == 0));
  assert(!is_choice(o) || has_word(o->type, o->standard));
  const char *word = json_string_value(given(a, o));
  return word != NULL ? word : o->standard;
}

static void write_node(const json_t *node, struct cl_text *ret) {
  size_t i;
  const char *key;
  json_t *one;
  if (json_is_string(node)) {
    cl_text_add(ret, json_string_value(node));
  } else if (json_is_number(node)) {
    cl_text_add_number(ret, json_number_value(node));
  } else if (json_is_array(node)) {
    cl_text_add_char(ret, '[');
    json_array_foreach(node, i, one) {
      cl_text_add(ret, i == 0 ? "" : ", ");
      write_node(one, ret);
    }
    cl_text_add_char(ret, ']');
  } else if (json_is_object(node)) {
    const char *between = "{";
    json_object_foreach((json_t *)(uintptr_t)node, key, one) { /* it leaves the object alone */
      cl_text_format(ret, "%s%s ", between, key);
      write_node(one, ret);
      between = ", ";
    }
    cl_text_add(ret, json_object_size(node) == 0 ? "{}" : "}");
  } else {
    cl_text_add(ret, json_is_true(node) ? "true" : json_is_false(node) ? "false" : "null");
  }
}

static void write_inner(const struct cl_options *a, const struct cl_option *o, struct cl_text *ret) {
  const struct cl_options inner = {a->section, a->method, o->inner, given(a, o)};
  const char *between = "{";
  for (const struct cl_option *one = o->inner; one->name != NULL; one++) {
    if (!cl_options_applies(&inner, one)) continue;
    cl_text_format(ret, "%s%s ", between, one->name);
    cl_options_write(&inner, one->name, ret);
    between = ", ";
  }
  cl_text_add_char(ret, '}');
}

void cl_options_write(const struct cl_options *a, const char *option, struct cl_text *ret) {
  const struct cl_option *o = find_option(a, option);
  assert(o != NULL);
  const json_t *node = given(a, o);
  if (o->inner != NULL)
    write_inner(a, o, ret);
  else if (node == NULL || json_is_null(node))
    cl_text_add(ret, o->standard);
  else
    write_node(node, ret);
}

bool cl_options_applies(const struct cl_options *a, const struct cl_option *o) {
  assert(o->inner == NULL || o->inner->name != NULL);
  return o->inner != NULL || strcmp(o->type, "object") != 0 || json_object_size(given(a, o)) > 0;
}

bool cl_options_has(const struct cl_options *a, const char *option) {
  const struct cl_option *o = find_option(a, option);
  assert(o != NULL);
  const json_t *node = given(a, o);
  return node != NULL && !json_is_null(node);
}
