/* The rules of the space language that are about one definition or about how definitions go together. What
 * values a domain has is the model's business. */
#include "spec/definition.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define WHOLE_MAX 9007199254740992.0 /* 2^53: up to here each whole number is a double of its own */

bool cl_literal_read(const char *text, size_t at, struct cl_literal *ret) {
  double x = 0;
  if (!cl_text_to_number(text, &x) || !isfinite(x)) return false;
  *ret = (struct cl_literal){.x = x, .whole = strpbrk(text, ".eE") == NULL, .at = at};
  return true;
}

static const char *show(double x, char *buffer) {
  return cl_number_text(x, buffer);
}

static int check_whole(const struct cl_reader *r, struct cl_literal bound, struct cl_err *e) {
  if (bound.x == floor(bound.x) && fabs(bound.x) <= WHOLE_MAX) return 0;
  char a[CL_NUMBER_TEXT];
  return cl_source_fail(r->source, bound.at, "a whole number between -2^53 and 2^53, or `type: float`", e,
                        "the bound %s of a range of whole numbers is not one", show(bound.x, a));
}

static int check_scale(const struct cl_reader *r, const struct cl_hyperparameter *h, struct cl_literal lo,
                       struct cl_literal hi, struct cl_err *e) {
  char a[CL_NUMBER_TEXT];
  if (h->scale == CL_LOG && lo.x <= 0)
    return cl_source_fail(r->source, lo.at,
                          "a lower bound above 0; values may also be exactly 0 with `zero: true`", e,
                          "a logarithmic scale cannot begin at %s", show(lo.x, a));
  if (h->scale == CL_LOGIT && (lo.x <= 0 || hi.x >= 1))
    return cl_source_fail(r->source, lo.x <= 0 ? lo.at : hi.at, "bounds between 0 and 1, both excluded", e,
                          "a logit scale cannot reach %s", show(lo.x <= 0 ? lo.x : hi.x, a));
  if (h->scale == CL_LOGIT && h->domain == CL_INTEGER)
    return cl_source_fail(r->source, lo.at, "`scale: linear` or `scale: log`", e,
                          "whole numbers have no logit scale");
  return 0;
}

static int check_step(const struct cl_reader *r, const struct cl_definition *d, struct cl_err *e) {
  const struct cl_hyperparameter *h = &d->h;
  char a[CL_NUMBER_TEXT], b[CL_NUMBER_TEXT];
  if (h->step == 0) return 0;
  if (!(h->step > 0 && h->step <= h->hi - h->lo))
    return cl_source_fail(r->source, d->at_step, "a step above 0 that fits into the range", e,
                          "the step %s does not fit into a range that is %s wide", show(h->step, a),
                          show(h->hi - h->lo, b));
  if (h->domain == CL_INTEGER && h->step != floor(h->step))
    return cl_source_fail(r->source, d->at_step, "a whole step, or `type: float`", e,
                          "the step %s leads away from whole numbers", show(h->step, a));
  return 0;
}

static int check_zero(const struct cl_reader *r, const struct cl_definition *d, struct cl_err *e) {
  char a[CL_NUMBER_TEXT];
  if (d->h.zero == 0) return 0;
  if (!(d->h.zero > 0 && d->h.zero < 1))
    return cl_source_fail(r->source, d->at_zero,
                          "`zero: true` (a tenth), or a share between 0 and 1 such as `zero: 0.2`", e,
                          "`zero` is %s", show(d->h.zero, a));
  if (d->h.lo <= 0)
    return cl_source_fail(r->source, d->at_zero, "a lower bound above 0, or no `zero`", e,
                          "the range from %s holds 0 already, so `zero` has no meaning", show(d->h.lo, a));
  return 0;
}

int cl_define_range(const struct cl_reader *r, struct cl_definition *d, struct cl_literal lo,
                    struct cl_literal hi, enum cl_type type, struct cl_err *e) {
  struct cl_hyperparameter *h = &d->h;
  char a[CL_NUMBER_TEXT], b[CL_NUMBER_TEXT];
  assert(h->name != NULL && type != CL_TYPE_BOOL && type != CL_TYPE_STRING);
  if (!(lo.x < hi.x) || !isfinite(hi.x - lo.x))
    return cl_source_fail(r->source, hi.at, "[lower, upper]; a constant is `values: [x]`", e,
                          "the upper bound %s is not above the lower bound %s", show(hi.x, a), show(lo.x, b));
  bool both_whole = lo.whole && hi.whole;
  h->domain =
      type == CL_TYPE_INT || (type == CL_TYPE_ANY && both_whole && hi.x - lo.x >= 2) ? CL_INTEGER : CL_FLOAT;
  if (h->domain == CL_INTEGER) {
    CL_TRY(check_whole(r, lo, e));
    CL_TRY(check_whole(r, hi, e));
  } else if (both_whole && type == CL_TYPE_ANY && !(lo.x == 0 && hi.x == 1))
    CL_TRY(
        cl_note_add(r, CL_SPEC_NOTE, lo.at, e,
                    "%s is a float between %s and %s, because a range of whole numbers has at least three; "
                    "`type: int` or `values: [%s, %s]` allows just these",
                    h->name, show(lo.x, a), show(hi.x, b), a, b));
  h->lo = lo.x;
  h->hi = hi.x;
  CL_TRY(check_scale(r, h, lo, hi, e));
  CL_TRY(check_step(r, d, e));
  CL_TRY(check_zero(r, d, e));
  if (h->domain == CL_INTEGER && h->step == 0) h->step = 1;
  return 0;
}

struct seen {
  uint64_t hash;
  size_t index;
};

static int compare_seen(const void *a, const void *b) {
  const struct seen *x = a, *y = b;
  if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

/* Equal as a person reads them: 1 and 1.0 are the same entry. */
static uint64_t hash_as_read(struct cl_value v) {
  return cl_value_hash(v.kind == CL_INT ? cl_value_real((double)v.as.integer) : v, 1);
}

static int check_no_repeats(const struct cl_reader *r, const struct cl_value *values, const size_t *at,
                            size_t n, struct cl_err *e) {
  struct seen *seen = cl_alloc_array(n, sizeof *seen);
  if (seen == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < n; i++) seen[i] = (struct seen){hash_as_read(values[i]), i};
  qsort(seen, n, sizeof *seen, compare_seen);
  size_t second = n;
  for (size_t i = 1; i < n; i++)
    for (size_t k = i; k > 0 && seen[k - 1].hash == seen[i].hash; k--)
      if (cl_value_same(values[seen[k - 1].index], values[seen[i].index])) {
        if (seen[i].index < second) second = seen[i].index;
        break;
      }
  cl_free(seen);
  if (second == n) return 0;
  struct cl_text t = {0};
  cl_value_write(&t, values[second]);
  int status = cl_source_fail(r->source, at[second],
                              "each value once; a value that shall come up more often needs a "
                              "list of its own",
                              e, "the value %.60s stands in the list twice", cl_text_get(&t));
  cl_text_done(&t);
  return status;
}

static bool is_monotonic(const struct cl_value *values, size_t n) {
  bool rises = true, falls = true;
  for (size_t i = 0; i < n; i++) {
    double x = cl_value_number(values[i]);
    if (isnan(x)) return false;
    if (i == 0) continue;
    rises = rises && x > cl_value_number(values[i - 1]);
    falls = falls && x < cl_value_number(values[i - 1]);
  }
  return rises || falls;
}

int cl_define_list(const struct cl_reader *r, struct cl_definition *d, struct cl_value *values,
                   const size_t *at, size_t n, enum cl_order order, struct cl_err *e) {
  assert(d->h.name != NULL && (n == 0 || (values != NULL && at != NULL)));
  if (n == 0)
    return cl_source_fail(r->source, d->at, "at least one value, as in [16, 32, 64]", e,
                          "%s has an empty list", d->h.name);
  if (n > CL_LEVELS_MAX)
    return cl_source_fail(r->source, at[CL_LEVELS_MAX], "a `range`, or fewer values", e,
                          "%s has %zu values, more than the %d that a list may have", d->h.name, n,
                          CL_LEVELS_MAX);
  CL_TRY(cl_read_count(r, d->at, n, e));
  for (size_t i = 0; i < n; i++)
    if (values[i].kind == CL_TEXT && strlen(values[i].as.text) > CL_SPEC_VALUE)
      return cl_source_fail(r->source, at[i], "a short name for it, which the program knows", e,
                            "this value has %zu bytes, more than the %d that one may have",
                            strlen(values[i].as.text), CL_SPEC_VALUE);
  CL_TRY(check_no_repeats(r, values, at, n, e));
  bool ordered = order == CL_ORDERED_LIST || (order == CL_ORDER_GUESS && is_monotonic(values, n));
  d->h.domain = n == 1 ? CL_CONSTANT : ordered ? CL_ORDERED : CL_UNORDERED;
  d->h.values = values;
  d->h.n_values = (int)n;
  return 0;
}

int cl_define_name(const struct cl_reader *r, const char *name, size_t at, struct cl_err *e) {
  static const char expects[] = "up to 100 letters, digits and _ - . /, beginning with a letter or _";
  size_t n = strlen(name);
  bool good = n >= 1 && n <= 100 && (isalpha((unsigned char)name[0]) || name[0] == '_' || name[0] < 0);
  for (const char *p = name; *p != '\0' && good; p++)
    good = *p < 0 || isalnum((unsigned char)*p) || strchr("_-./", *p) != NULL;
  if (!good) return cl_source_fail(r->source, at, expects, e, "'%.60s' cannot name a hyperparameter", name);
  if (strcmp(name, "spec") == 0)
    return cl_source_fail(r->source, at, "another name", e,
                          "a hyperparameter cannot be called spec: {spec} is the path of the resolved copy");
  return 0;
}

int cl_definitions_add(const struct cl_reader *r, struct cl_definitions *all, const struct cl_definition *d,
                       struct cl_err *e) {
  assert(d->h.name != NULL && d->h.domain != 0);
  if (cl_grow(&all->items, &all->cap, all->n + 1, sizeof *all->items) < 0) return CL_FAIL_NOMEM(e);
  all->items[all->n] = *d;
  all->items[all->n++].source = r->source;
  return 0;
}

void cl_definitions_done(struct cl_definitions *all) {
  cl_free(all->items);
  *all = (struct cl_definitions){0};
}

struct cl_definition *cl_definitions_find(const struct cl_definitions *all, const char *name) {
  for (size_t i = 0; i < all->n; i++)
    if (strcmp(all->items[i].h.name, name) == 0) return &all->items[i];
  return NULL;
}

/* As the environment will have it (contracts.md 1), in lower case. */
static int compare_in_environment(const char *a, const char *b) {
  for (;; a++, b++) {
    int x = *a == '\0' ? 0 : isalnum((unsigned char)*a) ? tolower((unsigned char)*a) : '_';
    int y = *b == '\0' ? 0 : isalnum((unsigned char)*b) ? tolower((unsigned char)*b) : '_';
    if (x != y || x == 0) return x - y;
  }
}

static int compare_names(const void *a, const void *b) {
  const struct cl_definition *x = *(const struct cl_definition *const *)a,
                             *y = *(const struct cl_definition *const *)b;
  int order = compare_in_environment(x->h.name, y->h.name);
  return order != 0 ? order : (x->h.id > y->h.id) - (x->h.id < y->h.id);
}

static int check_names(const struct cl_definitions *all, struct cl_err *e) {
  const struct cl_definition **sorted = cl_alloc_array(all->n, sizeof *sorted);
  if (sorted == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < all->n; i++) sorted[i] = &all->items[i];
  qsort(sorted, all->n, sizeof *sorted, compare_names);
  int status = 0;
  for (size_t i = 1; status == 0 && i < all->n; i++) {
    const char *a = sorted[i - 1]->h.name, *b = sorted[i]->h.name;
    if (compare_in_environment(a, b) != 0) continue;
    if (strcmp(a, b) == 0)
      status = cl_source_fail(sorted[i]->source, sorted[i]->at, "each name once", e,
                              "a second hyperparameter is called %s", b);
    else
      status =
          cl_source_fail(sorted[i]->source, sorted[i]->at, "names that differ by more than case, - _ . and /",
                         e, "%s and %s would both be CLADE_PARAM_… in the environment of the program", b, a);
  }
  cl_free(sorted);
  return status;
}

static int unknown_parent(const struct cl_definitions *all, const struct cl_definition *d, struct cl_err *e) {
  const char **names = cl_alloc_array(all->n, sizeof *names);
  if (names == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < all->n; i++) names[i] = all->items[i].h.name;
  const char *nearest = cl_nearest(d->parent, names, all->n);
  cl_free(names);
  return cl_source_fail(d->source, d->at_when, "{name of another hyperparameter: its values}", e,
                        "%s depends on '%.60s', which is no hyperparameter%s%s%s", d->h.name, d->parent,
                        nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest,
                        nearest == NULL ? "" : "?");
}

static int check_when(const struct cl_definitions *all, struct cl_definition *d, struct cl_err *e) {
  const struct cl_definition *parent = d->up;
  assert(parent != NULL && d->h.n_when > 0);
  size_t depth = 0;
  for (const struct cl_definition *p = parent; p != NULL; p = p->up)
    if (depth++ > all->n || p == d)
      return cl_source_fail(d->source, d->at_when, "a parent that does not depend on its child", e,
                            "%s depends on itself by its `when`", d->h.name);
  if (parent->h.drawn || (parent->h.domain == CL_FLOAT && parent->h.step == 0))
    return cl_source_fail(d->source, d->at_when, "a parent with a list, whole numbers or a `step`", e,
                          "%s never takes an exact value, so nothing can depend on it", parent->h.name);
  for (int i = 0; i < d->h.n_when; i++) {
    struct cl_value converted;
    if (cl_space_convert(&parent->h, d->h.when[i], &converted, e) < 0)
      return cl_source_blame(d->source, d->at_when, "values that the parent can have", e);
    d->h.when[i] = converted;
  }
  return 0;
}

static int check_tuned(const struct cl_reader *r, struct cl_definition *d, struct cl_err *e) {
  if (d->h.tuned.kind == CL_ABSENT) return 0;
  struct cl_value converted;
  int status = cl_space_convert(&d->h, d->h.tuned, &converted, d->lenient ? NULL : e);
  if (status == 0) {
    d->h.tuned = converted;
    return 0;
  }
  if (status == CLADE_ENOMEM) return CL_FAIL_NOMEM(e);
  if (!d->lenient) return cl_source_blame(d->source, d->at_tuned, "a value that the search could choose", e);
  struct cl_reader there = *r;
  there.source = d->source;
  return cl_note_add(&there, CL_SPEC_NOTE, d->at_tuned, e,
                     "the tuned value of %s is not in its list; it is used only in runs that are no search",
                     d->h.name);
}

static int check_key(const struct cl_definitions *all, size_t i, struct cl_err *e) {
  const char *key = all->items[i].h.key;
  if (key == NULL) return 0;
  for (size_t k = 0; k < i; k++)
    if (all->items[k].h.key != NULL && strcmp(all->items[k].h.key, key) == 0)
      return cl_source_fail(all->items[i].source, all->items[i].at_key, "a key of its own", e,
                            "the key %s is that of %s already", key, all->items[k].h.name);
  return 0;
}

static enum cl_change standard_change(const struct cl_hyperparameter *h) {
  if (h->drawn) return CL_START;
  return h->domain == CL_FLOAT || h->domain == CL_INTEGER ? CL_LIVE : CL_RESTART;
}

/* The model's own checks of one definition; it also lowers the upper bound to the last step. */
static int finish_alone(const struct cl_reader *r, struct cl_definition *d, struct cl_err *e) {
  struct cl_hyperparameter *h = &d->h;
  struct cl_space alone = {.n = 1, .items = h};
  assert(h->id > 0 && h->parent == -1);
  double asked = h->hi;
  char a[CL_NUMBER_TEXT], b[CL_NUMBER_TEXT];
  if (cl_space_finish(&alone, e) < 0) return cl_source_blame(d->source, d->at, NULL, e);
  if ((h->domain != CL_FLOAT && h->domain != CL_INTEGER) || !isfinite(asked) ||
      !(h->hi < asked - 1e-9 * (asked - h->lo)))
    return 0;
  struct cl_reader there = *r;
  there.source = d->source;
  return cl_note_add(&there, CL_SPEC_NOTE, d->at_step, e, "%s ends at %s, the last step below %s", h->name,
                     show(h->hi, a), show(asked, b));
}

int cl_definitions_check(const struct cl_reader *r, struct cl_definitions *all, struct cl_err *e) {
  if (all->n > CL_SPACE_MAX)
    return cl_source_fail(all->items[CL_SPACE_MAX].source, all->items[CL_SPACE_MAX].at, NULL, e,
                          "this is hyperparameter %d; a study has at most %d", CL_SPACE_MAX + 1,
                          CL_SPACE_MAX);
  for (size_t i = 0; i < all->n; i++) {
    struct cl_definition *d = &all->items[i];
    assert(d->h.domain != 0 && d->h.name != NULL);
    d->h.id = (int)i + 1;
    d->h.parent = -1; /* known to the model only when the whole space is made */
    if (!d->has_change) d->h.change = standard_change(&d->h);
    CL_TRY(finish_alone(r, d, e));
  }
  CL_TRY(check_names(all, e));
  for (size_t i = 0; i < all->n; i++) {
    struct cl_definition *d = &all->items[i];
    d->up = d->parent == NULL ? NULL : cl_definitions_find(all, d->parent);
    if (d->parent != NULL && d->up == NULL) return unknown_parent(all, d, e);
  }
  for (size_t i = 0; i < all->n; i++) {
    CL_TRY(check_tuned(r, &all->items[i], e));
    CL_TRY(check_key(all, i, e));
    if (all->items[i].parent != NULL) CL_TRY(check_when(all, &all->items[i], e));
  }
  return 0;
}

static json_t *values_json(const struct cl_value *values, int n) {
  json_t *list = json_array();
  for (int i = 0; i < n; i++)
    if (json_array_append_new(list, cl_json_value(values[i])) < 0) {
      json_decref(list);
      return NULL;
    }
  return list;
}

static json_t *number_json(double x, enum cl_domain domain) {
  if (domain == CL_INTEGER && fabs(x) <= WHOLE_MAX) return json_integer((json_int_t)x);
  return json_real(x);
}

/* json_object_set_new(…, null) fails, so one sum of failures is enough. */
static int numbers_json(json_t *o, const struct cl_hyperparameter *h) {
  int failed = 0;
  bool normal = h->scale == CL_NORMAL || h->scale == CL_LOGNORMAL;
  if (h->scale != CL_LINEAR) failed |= json_object_set_new(o, "scale", json_string(cl_scale_name(h->scale)));
  if (isfinite(h->lo)) failed |= json_object_set_new(o, "lo", number_json(h->lo, h->domain));
  if (isfinite(h->hi)) failed |= json_object_set_new(o, "hi", number_json(h->hi, h->domain));
  if (normal) failed |= json_object_set_new(o, "mean", json_real(h->mean));
  if (normal) failed |= json_object_set_new(o, "sd", json_real(h->sd));
  if (h->step != 0) failed |= json_object_set_new(o, "step", number_json(h->step, h->domain));
  if (h->zero != 0) failed |= json_object_set_new(o, "zero", json_real(h->zero));
  if (h->drawn) failed |= json_object_set_new(o, "drawn", json_true());
  return failed;
}

static int texts_json(json_t *o, const struct cl_definition *d) {
  int failed = 0;
  const struct cl_hyperparameter *h = &d->h;
  if (h->tuned.kind != CL_ABSENT) failed |= json_object_set_new(o, "tuned", cl_json_value(h->tuned));
  failed |= json_object_set_new(o, "change", json_string(cl_change_name(h->change)));
  if (d->parent != NULL) failed |= json_object_set_new(o, "parent", json_string(d->parent));
  if (d->parent != NULL) failed |= json_object_set_new(o, "when", values_json(h->when, h->n_when));
  if (h->key != NULL) failed |= json_object_set_new(o, "key", json_string(h->key));
  if (h->increment != NULL) failed |= json_object_set_new(o, "increment", json_string(h->increment));
  if (h->title != NULL) failed |= json_object_set_new(o, "title", json_string(h->title));
  return failed;
}

static json_t *definition_json(const struct cl_definition *d) {
  assert(d->h.id > 0 && d->source != NULL);
  const struct cl_hyperparameter *h = &d->h;
  json_t *o = json_object();
  int failed = json_object_set_new(o, "id", json_integer(h->id));
  failed |= json_object_set_new(o, "name", json_string(h->name));
  failed |= json_object_set_new(o, "domain", json_string(cl_domain_name(h->domain)));
  if (h->domain == CL_FLOAT || h->domain == CL_INTEGER)
    failed |= numbers_json(o, h);
  else
    failed |= json_object_set_new(o, "values", values_json(h->values, h->n_values));
  failed |= texts_json(o, d);
  if (failed == 0) return o;
  json_decref(o);
  return NULL;
}

json_t *cl_definitions_json(const struct cl_definitions *all) {
  json_t *list = json_array();
  for (size_t i = 0; i < all->n; i++)
    if (json_array_append_new(list, definition_json(&all->items[i])) < 0) {
      json_decref(list);
      return NULL;
    }
  return list;
}
