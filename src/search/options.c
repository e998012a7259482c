/* The options of a method: checked against its table, read through it. Defaults stand in the tables only. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "search/methods.h"

static const struct cl_option *find_option(const struct cl_searcher_ops *ops, const char *name) {
  for (const struct cl_option *o = ops->options; o->name != NULL; o++)
    if (strcmp(o->name, name) == 0) return o;
  return NULL;
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

static int check_number(const struct cl_searcher_ops *ops, const struct cl_option *o, const json_t *node,
                        struct cl_err *e) {
  bool whole = strcmp(o->type, "int") == 0;
  double x = json_is_number(node) ? json_number_value(node) : NAN;
  if (x >= o->lo && x <= o->hi && (!whole || rint(x) == x)) return 0;
  char lo[CL_NUMBER_TEXT], hi[CL_NUMBER_TEXT];
  return CL_FAIL(e, CLADE_ESPEC, "search: %s of method %s must be a %s in %s…%s", o->name, ops->name,
                 whole ? "whole number" : "number", cl_number_text(o->lo, lo), cl_number_text(o->hi, hi));
}

static int check_option(const struct cl_searcher_ops *ops, const struct cl_option *o, const json_t *node,
                        struct cl_err *e) {
  if (is_choice(o)) {
    if (json_is_string(node) && has_word(o->type, json_string_value(node))) return 0;
    return CL_FAIL(e, CLADE_ESPEC, "search: %s of method %s must be one of %s", o->name, ops->name, o->type);
  }
  if (strcmp(o->type, "bool") != 0) return check_number(ops, o, node, e);
  if (json_is_boolean(node)) return 0;
  return CL_FAIL(e, CLADE_ESPEC, "search: %s of method %s must be true or false", o->name, ops->name);
}

static int refuse_option(const struct cl_searcher_ops *ops, const char *name, struct cl_err *e) {
  const char *nearest = NULL;
  int least = (int)strlen(name) / 2 + 1;
  for (const struct cl_option *o = ops->options; o->name != NULL; o++) {
    int distance = cl_text_distance(name, o->name);
    if (distance >= least) continue;
    least = distance;
    nearest = o->name;
  }
  struct cl_text known = {0};
  for (const struct cl_option *o = ops->options; o->name != NULL; o++)
    cl_text_format(&known, "%s%s", o == ops->options ? "; its options are " : ", ", o->name);
  int status = known.failed
                   ? CL_FAIL_NOMEM(e)
                   : CL_FAIL(e, CLADE_ESPEC, "search: method %s has no option \"%s\"%s%s%s", ops->name, name,
                             nearest != NULL ? "; did you mean " : cl_text_get(&known),
                             nearest != NULL              ? nearest
                             : ops->options->name == NULL ? "; it has none"
                                                          : "",
                             nearest != NULL ? "?" : "");
  cl_text_done(&known);
  return status;
}

static int refuse_method(const char *name, struct cl_err *e) {
  struct cl_text known = {0};
  for (int i = 0; cl_searchers()[i] != NULL; i++)
    cl_text_format(&known, "%s%s", i > 0 ? ", " : "", cl_searchers()[i]->name);
  int status = known.failed ? CL_FAIL_NOMEM(e)
                            : CL_FAIL(e, CLADE_ESPEC, "search: this clade has no method \"%s\"; it has %s",
                                      name, cl_text_get(&known));
  cl_text_done(&known);
  return status;
}

int cl_search_check(const struct cl_settings *settings, struct cl_err *e) {
  const struct cl_searcher_ops *ops = cl_searcher_find(settings->method);
  if (ops == NULL) return refuse_method(settings->method, e);
  /* jansson's iterators want a mutable object, and leave it alone */
  json_t *search = (json_t *)(uintptr_t)settings->search;
  for (void *it = json_object_iter(search); it != NULL; it = json_object_iter_next(search, it)) {
    const char *name = json_object_iter_key(it);
    const json_t *node = json_object_iter_value(it);
    if (strcmp(name, "method") == 0 || json_is_null(node)) continue;
    const struct cl_option *o = find_option(ops, name);
    if (o == NULL) return refuse_option(ops, name, e);
    CL_TRY(check_option(ops, o, node, e));
  }
  return 0;
}

double cl_search_number(const struct cl_search_env *env, const char *option) {
  const struct cl_option *o = find_option(env->ops, option);
  assert(o != NULL && !is_choice(o));
  const json_t *node = json_object_get(env->settings->search, option);
  if (json_is_boolean(node)) return json_is_true(node);
  if (json_is_number(node)) return json_number_value(node);
  double x = strcmp(o->standard, "true") == 0;
  (void)cl_text_to_number(o->standard, &x);
  return x;
}

const char *cl_search_word(const struct cl_search_env *env, const char *option) {
  const struct cl_option *o = find_option(env->ops, option);
  assert(o != NULL && is_choice(o));
  const char *word = json_string_value(json_object_get(env->settings->search, option));
  return word != NULL ? word : o->standard;
}
