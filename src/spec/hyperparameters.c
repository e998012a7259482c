/* Native definitions: one table of keys, one function per key or pair of keys. */
#include "spec/hyperparameters.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "spec/expression.h"

#define ZERO_SHARE 0.1 /* of `zero: true` */
enum { WHEN_MAX = 1000 };

static const struct cl_key keys[] = {
    {"name", "a name, or an anchor: `- name: lr` or `- name: &lr`"},
    {"type", "one of float|int|bool|string"},
    {"range", "[lower, upper], as in `range: [1.0e-5, 1.0]`"},
    {"scale", "one of linear|log|logit"},
    {"step", "a number above 0, as in `step: 0.05`"},
    {"zero", "`zero: true` (a tenth), or a share between 0 and 1 such as `zero: 0.2`"},
    {"values", "a list, as in `values: [adam, sgd]`"},
    {"ordered_tuning_values", "a list, as in `ordered_tuning_values: [16, 32, 64]`"},
    {"unordered_tuning_values", "a list, as in `unordered_tuning_values: [adam, sgd]`"},
    {"tuned_value", "one value, as in `tuned_value: 0.01`"},
    {"when", "{name of another hyperparameter: its values}, as in `when: {layers: [2, 3]}`"},
    {"change", "one of live|restart|start"},
    {"key",
     "one character: a letter, a digit from 1 to 9, a space or one of , . ' - = $ / \\, in quotes if needed"},
    {"increment", "a number to add, or + or * and a number in quotes: 1, \"+0.005\", \"*1.1\""},
    {"title", "a text"},
    {NULL, NULL},
};

static const char *expects(const char *key) {
  return cl_read_expects(keys, key);
}

static int read_type(const struct cl_reader *r, const struct cl_node *body, enum cl_type *ret,
                     struct cl_err *e) {
  const struct cl_node *node = cl_node_find(body, "type");
  int index = -1;
  if (node != NULL) CL_TRY(cl_read_word(r, node, "type", "float|int|bool|string", &index, e));
  assert(index >= -1 && index + 1 <= CL_TYPE_STRING); /* the words stand in the order of the enum */
  *ret = (enum cl_type)(index + 1);
  return 0;
}

/* As its type says: a text list keeps what was written, so `type: string` makes "1e3" of 1e3. */
static int read_value(const struct cl_reader *r, const struct cl_node *node, enum cl_type type,
                      const char *key, struct cl_value *ret, struct cl_err *e) {
  const struct cl_node *meant = cl_node_resolve(node);
  if (meant == NULL || meant->kind != CL_SCALAR)
    return cl_read_wrong(r, node, key,
                         "numbers, texts, true, false or null; lists and mappings cannot be values", e);
  struct cl_value v = cl_node_value(meant);
  if (type == CL_TYPE_STRING && v.kind != CL_NULL) v = cl_value_text(meant->text);
  if (type == CL_TYPE_FLOAT && v.kind == CL_INT) v = cl_value_real((double)v.as.integer);
  if ((type == CL_TYPE_FLOAT && v.kind != CL_REAL) || (type == CL_TYPE_INT && v.kind != CL_INT))
    return cl_read_wrong(
        r, node, key,
        type == CL_TYPE_INT ? "whole numbers, as `type: int` says" : "numbers, as `type: float` says", e);
  if (type == CL_TYPE_BOOL && v.kind != CL_BOOL)
    return cl_read_wrong(r, node, key, "true and false, as `type: bool` says", e);
  *ret = v;
  return 0;
}

/* Where one entry is a real, all numbers of the list are. */
static void unify_numbers(struct cl_value *values, size_t n) {
  bool any_real = false;
  for (size_t i = 0; i < n; i++) any_real = any_real || values[i].kind == CL_REAL;
  for (size_t i = 0; any_real && i < n; i++)
    if (values[i].kind == CL_INT) values[i] = cl_value_real((double)values[i].as.integer);
}

static int read_values(const struct cl_reader *r, const struct cl_node *node, enum cl_type type,
                       const char *key, enum cl_order order, struct cl_definition *d, struct cl_err *e) {
  const struct cl_node *list = cl_node_resolve(node);
  if (list == NULL || list->kind != CL_SEQUENCE) return cl_read_wrong(r, node, key, expects("values"), e);
  size_t n = (size_t)list->n, i = 0;
  struct cl_value *values = cl_arena_array(r->arena, n, sizeof *values);
  size_t *at = cl_arena_array(r->arena, n, sizeof *at);
  if (values == NULL || at == NULL) return CL_FAIL_NOMEM(e);
  for (const struct cl_node *item = list->first; item != NULL; item = item->next, i++) {
    CL_TRY(read_value(r, item, type, key, &values[i], e));
    at[i] = item->start;
  }
  assert(i == n);
  unify_numbers(values, n);
  if (n == 0) return cl_read_wrong(r, node, key, "at least one value, as in [16, 32, 64]", e);
  return cl_define_list(r, d, values, at, n, order, e);
}

static int read_bound(const struct cl_reader *r, const struct cl_node *node, struct cl_literal *ret,
                      struct cl_err *e) {
  const struct cl_node *meant = cl_node_resolve(node);
  if (meant == NULL || meant->kind != CL_SCALAR || meant->quoted ||
      !cl_literal_read(meant->text, node->start, ret))
    return cl_read_wrong(r, node, "range",
                         "two numbers, [lower, upper]; a choice of texts is `values: [a, b]`", e);
  return 0;
}

static int read_range(const struct cl_reader *r, const struct cl_node *node, enum cl_type type,
                      struct cl_definition *d, struct cl_err *e) {
  const struct cl_node *list = cl_node_resolve(node);
  if (list == NULL || list->kind != CL_SEQUENCE) return cl_read_wrong(r, node, "range", expects("range"), e);
  if (list->n != 2)
    return cl_source_fail(r->source, node->start, "[lower, upper]; a list of values is `values: [1, 2, 3]`",
                          e, "a range has 2 bounds, not %d", list->n);
  if (type == CL_TYPE_BOOL || type == CL_TYPE_STRING)
    return cl_source_fail(r->source, node->start, "`type: float`, `type: int`, or `values: [...]`", e,
                          "texts and bools have no range");
  struct cl_literal lo = {0}, hi = {0};
  assert(list->first != NULL && list->first->next != NULL);
  CL_TRY(read_bound(r, list->first, &lo, e));
  CL_TRY(read_bound(r, list->first->next, &hi, e));
  return cl_define_range(r, d, lo, hi, type, e);
}

static int read_scale(const struct cl_reader *r, const struct cl_node *body, struct cl_definition *d,
                      struct cl_err *e) {
  const struct cl_node *scale = cl_node_find(body, "scale"), *step = cl_node_find(body, "step"),
                       *zero = cl_node_find(body, "zero");
  int index = 0;
  if (scale != NULL) CL_TRY(cl_read_word(r, scale, "scale", "linear|log|logit", &index, e));
  assert(index >= CL_LINEAR && index <= CL_LOGIT);
  d->h.scale = (enum cl_scale)index;
  d->at_step = step == NULL ? d->at : step->start;
  d->at_zero = zero == NULL ? d->at : zero->start;
  if (step != NULL) CL_TRY(cl_read_number(r, step, "step", expects("step"), &d->h.step, e));
  if (step != NULL && d->h.step <= 0) return cl_read_wrong(r, step, "step", expects("step"), e);
  bool on = false;
  if (zero != NULL && cl_read_is_bool(zero, &on))
    d->h.zero = on ? ZERO_SHARE : 0;
  else if (zero != NULL)
    CL_TRY(cl_read_number(r, zero, "zero", expects("zero"), &d->h.zero, e));
  return 0;
}

/* Exactly one of range, values and its two spellings; none for `type: bool`. */
static int read_domain(const struct cl_reader *r, const struct cl_node *body, struct cl_definition *d,
                       struct cl_err *e) {
  static const char *const ways[] = {"range", "values", "ordered_tuning_values", "unordered_tuning_values"};
  const struct cl_node *found = NULL;
  size_t way = 0;
  for (size_t i = 0; i < 4; i++) {
    const struct cl_node *key = cl_node_key(body, ways[i]);
    if (key == NULL) continue;
    if (found != NULL)
      return cl_source_fail(r->source, key->start, "one of them", e, "%s has `%s` and `%s`", d->h.name,
                            ways[way], ways[i]);
    found = key;
    way = i;
  }
  enum cl_type type = CL_TYPE_ANY;
  CL_TRY(read_type(r, body, &type, e));
  CL_TRY(read_scale(r, body, d, e));
  if (found != NULL && way == 0) return read_range(r, found->next, type, d, e);
  if (d->h.scale != CL_LINEAR || d->h.step != 0 || d->h.zero != 0)
    return cl_source_fail(r->source, d->at, "`range: [lower, upper]`, or none of them", e,
                          "scale, step and zero of %s belong to a range", d->h.name);
  assert(found == NULL || way >= 1);
  if (found != NULL) return read_values(r, found->next, type, ways[way], (enum cl_order)(way - 1), d, e);
  if (type != CL_TYPE_BOOL)
    return cl_source_fail(r->source, d->at, "`range: [lower, upper]` or `values: [a, b]`", e,
                          "what may %s be? It has neither a range nor values", d->h.name);
  struct cl_value *both = cl_arena_array(r->arena, 2, sizeof *both);
  if (both == NULL) return CL_FAIL_NOMEM(e);
  both[0] = cl_value_bool(false);
  both[1] = cl_value_bool(true);
  return cl_define_list(r, d, both, (size_t[]){d->at, d->at}, 2, CL_UNORDERED_LIST, e);
}

static int read_when(const struct cl_reader *r, const struct cl_node *node, struct cl_definition *d,
                     struct cl_err *e) {
  const struct cl_node *map = cl_node_resolve(node);
  if (map == NULL || map->kind != CL_MAPPING || map->n != 1) {
    if (map != NULL && map->kind == CL_MAPPING && map->n > 1)
      return cl_source_fail(r->source, node->start, expects("when"), e,
                            "%s depends on %d others; it can depend on one", d->h.name, map->n);
    return cl_read_wrong(r, node, "when", expects("when"), e);
  }
  assert(map->first != NULL && map->first->next != NULL);
  d->parent = map->first->text;
  d->at_when = map->first->start;
  const struct cl_node *value = cl_node_resolve(map->first->next);
  if (value == NULL || value->kind == CL_MAPPING || (value->kind == CL_SEQUENCE && value->n == 0))
    return cl_read_wrong(r, node, "when", expects("when"), e);
  size_t n = value->kind == CL_SCALAR ? 1 : (size_t)value->n;
  if (n > WHEN_MAX)
    return cl_source_fail(r->source, value->start, expects("when"), e,
                          "%zu values stand here, more than the %d of a "
                          "`when`",
                          n, WHEN_MAX);
  d->h.when = cl_arena_array(r->arena, n, sizeof *d->h.when);
  if (d->h.when == NULL) return CL_FAIL_NOMEM(e);
  d->h.n_when = (int)n;
  if (value->kind == CL_SCALAR) return read_value(r, value, CL_TYPE_ANY, "when", d->h.when, e);
  assert(value->kind == CL_SEQUENCE && n > 0);
  struct cl_value *next = d->h.when;
  for (const struct cl_node *item = value->first; item != NULL; item = item->next)
    CL_TRY(read_value(r, item, CL_TYPE_ANY, "when", next++, e));
  return 0;
}

static int read_display(const struct cl_reader *r, const struct cl_node *body, struct cl_definition *d,
                        struct cl_err *e) {
  const struct cl_node *key = cl_node_find(body, "key"), *increment = cl_node_find(body, "increment"),
                       *title = cl_node_find(body, "title");
  if (key != NULL) {
    CL_TRY(cl_read_text(r, key, "key", expects("key"), &d->h.key, e));
    d->at_key = key->start;
    char c = d->h.key[0];
    if (d->h.key[1] != '\0' || c < 0 ||
        !(isalpha((unsigned char)c) || (c >= '1' && c <= '9') || strchr(" ,.'-=$/\\", c) != NULL))
      return cl_read_wrong(r, key, "key", expects("key"), e);
  }
  if (increment != NULL) {
    CL_TRY(cl_read_text(r, increment, "increment", expects("increment"), &d->h.increment, e));
    struct cl_literal x;
    if (isdigit((unsigned char)d->h.increment[0])) { /* HPx's: a plain number is added */
      d->h.increment = cl_arena_format(r->arena, "+%s", d->h.increment);
      if (d->h.increment == NULL) return CL_FAIL_NOMEM(e);
    }
    const char *text = d->h.increment;
    bool good = (text[0] == '+' || text[0] == '*') &&
                isdigit((unsigned char)text[1] == '.' ? text[2] : text[1]) &&
                cl_literal_read(text + 1, 0, &x) && x.x > 0 && !(text[0] == '*' && x.x <= 1);
    if (!good) return cl_read_wrong(r, increment, "increment", expects("increment"), e);
    if (d->h.domain != CL_FLOAT && d->h.domain != CL_INTEGER)
      return cl_source_fail(r->source, increment->start, "no increment: keys move along the list", e,
                            "%s is a list, which has no increment", d->h.name);
  }
  if (title != NULL) CL_TRY(cl_read_text(r, title, "title", expects("title"), &d->h.title, e));
  return 0;
}

static int read_rest(const struct cl_reader *r, const struct cl_node *body, struct cl_definition *d,
                     struct cl_err *e) {
  const struct cl_node *tuned = cl_node_find(body, "tuned_value"), *change = cl_node_find(body, "change"),
                       *when = cl_node_find(body, "when");
  enum cl_type type = CL_TYPE_ANY;
  CL_TRY(read_type(r, body, &type, e));
  if (tuned != NULL) {
    CL_TRY(read_value(r, tuned, type, "tuned_value", &d->h.tuned, e));
    d->at_tuned = tuned->start;
  }
  if (change != NULL) {
    int index = 0;
    CL_TRY(cl_read_word(r, change, "change", "live|restart|start", &index, e));
    assert(index >= 0 && index <= 2);
    d->h.change = (enum cl_change)index;
    d->has_change = true;
  }
  if (when != NULL) CL_TRY(read_when(r, when, d, e));
  return read_display(r, body, d, e);
}

static int read_body(const struct cl_reader *r, const struct cl_node *body, struct cl_definition *d,
                     struct cl_err *e) {
  assert(body->kind == CL_MAPPING && d->h.name != NULL);
  CL_TRY(cl_define_name(r, d->h.name, d->at, e));
  CL_TRY(cl_read_keys(r, body, keys, "a hyperparameter", e));
  CL_TRY(read_domain(r, body, d, e));
  return read_rest(r, body, d, e);
}

const struct cl_node *cl_hyperparameters_body(const struct cl_node *entry, const char **ret_name,
                                              size_t *ret_at) {
  const struct cl_node *item = cl_node_resolve(entry);
  *ret_name = NULL;
  if (item == NULL || item->kind != CL_MAPPING) return NULL;
  const struct cl_node *name = cl_node_find(item, "name");
  if (name == NULL) return NULL;
  *ret_at = name->anchor != NULL ? name->anchor_start : name->start;
  if (name->kind == CL_MAPPING && name->anchor != NULL) {
    *ret_name = name->anchor;
    return name;
  }
  if (name->kind != CL_SCALAR) return NULL;
  *ret_name = cl_node_is_null(name) ? name->anchor : name->text;
  return *ret_name == NULL ? NULL : item;
}

/* `- name: &lr` with keys below has them in the value of `name`; anything beside it would be lost. */
static int read_entry(const struct cl_reader *r, const struct cl_node *entry, struct cl_definition *ret,
                      struct cl_err *e) {
  static const char form[] = "`- name: lr` and below it `range: [lower, upper]` or `values: [a, b]`";
  const struct cl_node *item = cl_node_resolve(entry);
  const struct cl_node *body = cl_hyperparameters_body(entry, &ret->h.name, &ret->at);
  if (item == NULL || item->kind != CL_MAPPING) return cl_read_wrong(r, entry, "hyperparameters", form, e);
  if (body == NULL && cl_node_find(item, "name") == NULL)
    return cl_source_fail(r->source, entry->start, form, e, "this hyperparameter has no name");
  if (body == NULL) return cl_read_wrong(r, cl_node_find(item, "name"), "name", form, e);
  if (body != item && item->n > 1)
    return cl_source_fail(r->source, item->first->next->next->start, "all keys at one depth", e,
                          "some keys of %s stand below its name and some beside it", ret->h.name);
  const struct cl_node *name = cl_node_find(item, "name");
  ret->anchor = name->anchor != NULL ? name->anchor : item->anchor;
  return read_body(r, body, ret, e);
}

/* `lr: {range: …}`, `lr: [1, 2]`, `lr: log(1e-5, 1e-1)`, `lr: 3`. */
static int read_pair(const struct cl_reader *r, const struct cl_node *key, struct cl_definition *d,
                     struct cl_err *e) {
  const struct cl_node *value = key->next, *meant = cl_node_resolve(value);
  d->h.name = key->text;
  d->anchor = value->anchor;
  d->at = key->start;
  CL_TRY(cl_define_name(r, d->h.name, d->at, e));
  if (meant == NULL || cl_node_is_null(meant))
    return cl_source_fail(r->source, value->start,
                          "{range: [lower, upper]}, a list, or an expression as log(1e-5, 1e-1)", e,
                          "what may %s be? Nothing stands here", d->h.name);
  if (meant->kind == CL_MAPPING) {
    const struct cl_node *name = cl_node_key(meant, "name");
    if (name != NULL)
      return cl_source_fail(r->source, name->start, "no `name` in this form", e, "%s has its name already",
                            d->h.name);
    return read_body(r, meant, d, e);
  }
  if (meant->kind == CL_SEQUENCE) return read_values(r, value, CL_TYPE_ANY, d->h.name, CL_ORDER_GUESS, d, e);
  struct cl_expression_place place = {meant->start, strlen(meant->text) == meant->end - meant->start};
  bool marked = meant->text[0] == '$' || (meant->text[0] == '@' && cl_expression_is(meant->text));
  if (marked || (!meant->quoted && cl_expression_is(meant->text)))
    return cl_expression_read(r, meant->text, place, NULL, d, e);
  struct cl_value *only = cl_arena_alloc(r->arena, sizeof *only);
  if (only == NULL) return CL_FAIL_NOMEM(e);
  *only = cl_node_value(meant);
  return cl_define_list(r, d, only, &meant->start, 1, CL_ORDER_GUESS, e);
}

int cl_hyperparameters_read(const struct cl_reader *r, const struct cl_node *node, struct cl_definitions *all,
                            struct cl_err *e) {
  const struct cl_node *list = cl_node_resolve(node);
  if (list == NULL || list->kind == CL_SCALAR || list->kind == CL_ALIAS) {
    if (list != NULL && cl_node_is_null(list)) return 0;
    return cl_read_wrong(r, node, "hyperparameters", "a list of `- name: lr` with their keys", e);
  }
  bool pairs = list->kind == CL_MAPPING;
  for (const struct cl_node *item = list->first; item != NULL; item = pairs ? item->next->next : item->next) {
    struct cl_definition d = {.h.parent = -1};
    CL_TRY(pairs ? read_pair(r, item, &d, e) : read_entry(r, item, &d, e));
    CL_TRY(cl_definitions_add(r, all, &d, e));
  }
  return 0;
}

/* XT writes `seed: [$randint()]` and `beta: [$uniform(.9,.99)]`: YAML has cut the call at its commas. */
static int read_config_list(const struct cl_reader *r, const struct cl_node *list, struct cl_definition *d,
                            struct cl_err *e) {
  struct cl_text joined = {0};
  for (const struct cl_node *item = list->first; item != NULL; item = item->next)
    cl_text_format(&joined, "%s%s", item == list->first ? "" : ",", item->text);
  const char *text = cl_arena_text(r->arena, cl_text_get(&joined));
  bool failed = joined.failed || text == NULL;
  cl_text_done(&joined);
  if (failed) return CL_FAIL_NOMEM(e);
  return cl_expression_read(r, text, (struct cl_expression_place){list->start, false}, NULL, d, e);
}

static int read_config_pair(const struct cl_reader *r, const struct cl_node *key, struct cl_definition *d,
                            struct cl_err *e) {
  const struct cl_node *list = cl_node_resolve(key->next), *first = list == NULL ? NULL : list->first;
  bool call = list != NULL && list->kind == CL_SEQUENCE && first != NULL && first->kind == CL_SCALAR &&
              !first->quoted && (first->text[0] == '$' || first->text[0] == '@');
  for (const struct cl_node *item = first; call && item != NULL; item = item->next)
    call = item->kind == CL_SCALAR;
  if (!call) return read_pair(r, key, d, e);
  d->h.name = key->text;
  d->at = key->start;
  CL_TRY(cl_define_name(r, d->h.name, d->at, e));
  return read_config_list(r, list, d, e);
}

int cl_hyperparameters_read_config(const struct cl_reader *r, const struct cl_node *root,
                                   struct cl_definitions *all, struct cl_err *e) {
  static const char form[] =
      "`hyperparameter-distributions:` (or `hparams:`) and below it `lr: $loguniform(-9, -2)`";
  const struct cl_node *map = root == NULL ? NULL : cl_node_find(root, "hyperparameter-distributions");
  if (map == NULL && root != NULL) map = cl_node_find(root, "hparams");
  map = map == NULL ? NULL : cl_node_resolve(map);
  if (map == NULL || map->kind != CL_MAPPING || map->n == 0)
    return cl_source_fail(r->source, root == NULL ? 0 : root->start, form, e,
                          "this file names no distributions");
  for (const struct cl_node *key = map->first; key != NULL; key = key->next->next) {
    struct cl_definition d = {.h.parent = -1};
    CL_TRY(read_config_pair(r, key, &d, e));
    CL_TRY(cl_definitions_add(r, all, &d, e));
  }
  return 0;
}
