/* The space as a whole: its definitions are checked here once, assignments are checked and compared. What one
 * coordinate means stands in space_map.c, drawing in space_draw.c. Knows nothing of methods.
 */
#include "model/space_impl.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/constraint.h"

#define ID_MAX 65535 /* sub-streams are id + 65536 * redraw */

const char *cl_domain_name(enum cl_domain d) {
  static const char *const names[] = {"?", "float", "int", "ordered", "unordered", "constant"};
  return d >= CL_FLOAT && d <= CL_CONSTANT ? names[d] : names[0];
}

const char *cl_scale_name(enum cl_scale s) {
  static const char *const names[] = {"linear", "log", "logit", "normal", "lognormal"};
  return s <= CL_LOGNORMAL ? names[s] : "?";
}

const char *cl_change_name(enum cl_change c) {
  static const char *const names[] = {"live", "restart", "start"};
  return c <= CL_START ? names[c] : "?";
}

int cl_space_find(const struct cl_space *s, const char *name) {
  for (int i = 0; i < s->n; i++)
    if (strcmp(s->items[i].name, name) == 0) return i;
  return -1;
}

int cl_space_find_id(const struct cl_space *s, int id) {
  for (int i = 0; i < s->n; i++)
    if (s->items[i].id == id) return i;
  return -1;
}

const char *cl_space_nearest(const struct cl_space *s, const char *name) {
  const char *nearest = NULL;
  int least = (int)strlen(name) / 2 + 1;
  for (int i = 0; i < s->n; i++) {
    int distance = cl_text_distance(name, s->items[i].name);
    if (distance < least) {
      least = distance;
      nearest = s->items[i].name;
    }
  }
  return nearest;
}

bool cl_space_is_searched(const struct cl_hyperparameter *h) {
  return h->domain != CL_CONSTANT && !h->drawn;
}

bool cl_space_is_active(const struct cl_space *s, int index, const struct cl_value *values) {
  assert(index >= 0 && index < s->n);
  const struct cl_hyperparameter *h = &s->items[index];
  assert(h->parent < index && (h->parent < 0 || h->n_when >= 1));
  if (h->parent < 0) return true;
  struct cl_value parent = values[h->parent];
  if (parent.kind == CL_ABSENT) return false;
  for (int i = 0; i < h->n_when; i++)
    if (cl_value_equal(h->when[i], parent)) return true;
  return false;
}

/* --- definitions --- */

/* A definition that has been checked. */
static void assert_hyperparameter_state(const struct cl_hyperparameter *h) {
  bool number = cl_space_is_number(h);
  assert(h->id >= 1 && h->id <= ID_MAX && h->name != NULL && h->name[0] != '\0');
  assert((h->values == NULL) == (h->n_values == 0) && (h->when == NULL) == (h->n_when == 0));
  assert(number ? h->n_values == 0 && h->lo <= h->hi : h->n_values >= 1 && h->map.levels == h->n_values);
  assert(h->domain != CL_CONSTANT || (h->n_values == 1 && !h->drawn));
  assert(h->domain != CL_INTEGER || h->step >= 1);
  assert(h->zero >= 0 && h->zero < 1 && h->map.levels >= 0);
  (void)h, (void)number;
}

static int check_range(const struct cl_hyperparameter *h, struct cl_err *e) {
  bool normal = h->scale == CL_NORMAL || h->scale == CL_LOGNORMAL;
  if (isnan(h->lo) || isnan(h->hi) || h->lo > h->hi)
    return CL_FAIL(e, CLADE_ESPEC, "%s: range [%g, %g] has its bounds in the wrong order", h->name, h->lo,
                   h->hi);
  if (!normal && !isfinite(h->hi - h->lo))
    return CL_FAIL(e, CLADE_ESPEC, "%s: range [%g, %g] is not finite; only normal scales may lack a bound",
                   h->name, h->lo, h->hi);
  if (h->scale == CL_LOG && h->lo <= 0)
    return CL_FAIL(
        e, CLADE_ESPEC,
        "%s: a log scale needs bounds above 0, but the lower one is %g; `zero: 0.1` adds the value 0 "
        "to such a range",
        h->name, h->lo);
  if (h->scale == CL_LOGIT && (h->lo <= 0 || h->hi >= 1))
    return CL_FAIL(e, CLADE_ESPEC, "%s: a logit scale needs bounds inside (0, 1), but the range is [%g, %g]",
                   h->name, h->lo, h->hi);
  if (normal && !(isfinite(h->mean) && h->sd > 0 && isfinite(h->sd)))
    return CL_FAIL(e, CLADE_ESPEC, "%s: a normal scale needs a finite mean and sd > 0, not mean %g, sd %g",
                   h->name, h->mean, h->sd);
  if (h->scale == CL_LOGNORMAL && h->mean + 9 * h->sd > 700)
    return CL_FAIL(e, CLADE_ESPEC,
                   "%s: mean %g and sd %g of the logarithm overflow; mean + 9 sd must be <= 700", h->name,
                   h->mean, h->sd);
  return 0;
}

static int check_steps(const struct cl_hyperparameter *h, struct cl_err *e) {
  if (!(h->step >= 0) || !isfinite(h->step))
    return CL_FAIL(e, CLADE_ESPEC, "%s: step is %g, but must be positive", h->name, h->step);
  if (h->step > 0 && isfinite(h->hi - h->lo) && h->step > h->hi - h->lo && h->hi > h->lo)
    return CL_FAIL(e, CLADE_ESPEC, "%s: step %g is longer than the range [%g, %g]", h->name, h->step, h->lo,
                   h->hi);
  if (h->step > 0 && isfinite(h->hi - h->lo) && (h->hi - h->lo) / h->step > 0x1p53)
    return CL_FAIL(e, CLADE_ESPEC,
                   "%s: step %g divides the range into more than 2^53 levels; use a longer one", h->name,
                   h->step);
  if (h->zero != 0 && !(h->zero > 0 && h->zero < 1 && h->lo > 0))
    return CL_FAIL(e, CLADE_ESPEC,
                   "%s: zero is the share of draws that are exactly 0: it must lie in (0, 1), and the range "
                   "above 0; it is %g of [%g, %g]",
                   h->name, h->zero, h->lo, h->hi);
  if (h->domain == CL_FLOAT) return 0;
  bool whole = h->step >= 1 && rint(h->step) == h->step && (!isfinite(h->lo) || rint(h->lo) == h->lo);
  if (!whole || (isfinite(h->lo) && fabs(h->lo) > 0x1p53) || (isfinite(h->hi) && fabs(h->hi) > 0x1p53))
    return CL_FAIL(e, CLADE_ESPEC,
                   "%s: an int needs a whole lower bound, a whole step >= 1, and bounds within 2^53; it has "
                   "[%g, %g] by %g",
                   h->name, h->lo, h->hi, h->step);
  return 0;
}

static int compare_hashes(const void *a, const void *b) {
  uint64_t x = 0, y = 0;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return x < y ? -1 : x > y;
}

/* Each value once: a level is found by its value. */
static int check_unique(const struct cl_hyperparameter *h, struct cl_err *e) {
  uint64_t *hashes = cl_alloc_array((size_t)h->n_values, sizeof *hashes);
  if (hashes == NULL) return CL_FAIL_NOMEM(e);
  for (int i = 0; i < h->n_values; i++) hashes[i] = cl_value_hash(h->values[i], 0);
  qsort(hashes, (size_t)h->n_values, sizeof *hashes, compare_hashes);
  uint64_t twice = 0;
  bool found = false;
  for (int i = 1; i < h->n_values && !found; i++) {
    found = hashes[i] == hashes[i - 1];
    twice = hashes[i];
  }
  cl_free(hashes);
  if (!found) return 0;
  assert(h->n_values >= 2);
  struct cl_text t = {0};
  for (int i = 0; i < h->n_values && t.length == 0; i++)
    if (cl_value_hash(h->values[i], 0) == twice) cl_value_write_json(&t, h->values[i]);
  int status = CL_FAIL(e, CLADE_ESPEC, "%s: the value %s is listed twice; list each value once", h->name,
                       cl_text_get(&t));
  cl_text_done(&t);
  return status;
}

static int check_list(const struct cl_hyperparameter *h, struct cl_err *e) {
  if (h->n_values < 1 || h->n_values > CL_LEVELS_MAX)
    return CL_FAIL(e, CLADE_ESPEC, "%s: %d values, but a list has 1 to %d", h->name, h->n_values,
                   CL_LEVELS_MAX);
  if (h->domain == CL_CONSTANT && h->n_values != 1)
    return CL_FAIL(e, CLADE_ESPEC, "%s: a constant has one value, not %d", h->name, h->n_values);
  for (int i = 0; i < h->n_values; i++) {
    struct cl_value v = h->values[i];
    if (v.kind == CL_ABSENT || (v.kind == CL_REAL && !isfinite(v.as.real)))
      return CL_FAIL(e, CLADE_ESPEC, "%s: value %d of the list is no finite number, string, bool or null",
                     h->name, i + 1);
  }
  if (h->scale != CL_LINEAR || h->step != 0 || h->zero != 0)
    return CL_FAIL(e, CLADE_ESPEC, "%s: scale, step and zero belong to a range, not to a list", h->name);
  return check_unique(h, e);
}

static int check_identity(const struct cl_space *s, int index, struct cl_err *e) {
  const struct cl_hyperparameter *h = &s->items[index];
  if (h->name == NULL || h->name[0] == '\0')
    return CL_FAIL(e, CLADE_ESPEC, "hyperparameter %d has no name", index + 1);
  if (h->id < 1 || h->id > ID_MAX)
    return CL_FAIL(e, CLADE_ESPEC, "%s: id is %d, but must lie in 1…%d", h->name, h->id, ID_MAX);
  for (int i = 0; i < index; i++) {
    if (strcmp(s->items[i].name, h->name) == 0)
      return CL_FAIL(e, CLADE_ESPEC, "%s: two hyperparameters have this name; give each its own", h->name);
    if (s->items[i].id == h->id)
      return CL_FAIL(e, CLADE_ESPEC, "%s and %s have the same id %d", s->items[i].name, h->name, h->id);
  }
  return 0;
}

static int check_parent(const struct cl_space *s, int index, struct cl_err *e) {
  const struct cl_hyperparameter *h = &s->items[index];
  if (h->parent < 0) return 0;
  if (h->parent >= index)
    return CL_FAIL(e, CLADE_ESPEC, "%s: its parent %s must be listed before it", h->name,
                   h->parent < s->n ? s->items[h->parent].name : "?");
  const struct cl_hyperparameter *parent = &s->items[h->parent];
  if (parent->drawn)
    return CL_FAIL(e, CLADE_ESPEC,
                   "%s: its parent %s is drawn anew for each trial; give `when` another parent", h->name,
                   parent->name);
  if (h->n_when < 1) return CL_FAIL(e, CLADE_ESPEC, "%s: `when` names no value of %s", h->name, parent->name);
  for (int i = 0; i < h->n_when; i++) {
    int status = cl_space_convert(parent, h->when[i], &h->when[i], e);
    if (status < 0) {
      cl_err_prefix(e, "%s: when: ", h->name);
      return status == CLADE_ENOMEM ? status : (e == NULL ? CLADE_ESPEC : (e->code = CLADE_ESPEC));
    }
  }
  return 0;
}

static int finish_one(struct cl_space *s, int index, struct cl_err *e) {
  struct cl_hyperparameter *h = &s->items[index];
  CL_TRY(check_identity(s, index, e));
  if (h->domain < CL_FLOAT || h->domain > CL_CONSTANT)
    return CL_FAIL(e, CLADE_ESPEC, "%s: unknown domain %d", h->name, (int)h->domain);
  if (h->domain == CL_CONSTANT && h->drawn)
    return CL_FAIL(e, CLADE_ESPEC, "%s: a constant cannot be drawn", h->name);
  if (cl_space_is_number(h)) {
    if (h->domain == CL_INTEGER && h->step == 0) h->step = 1;
    if (h->scale == CL_LOGNORMAL) h->lo = fmax(h->lo, 0);
    CL_TRY(check_range(h, e));
    CL_TRY(check_steps(h, e));
  } else {
    CL_TRY(check_list(h, e));
  }
  cl_map_fill(h);
  assert_hyperparameter_state(h);
  if (h->tuned.kind != CL_ABSENT && cl_space_convert(h, h->tuned, &h->tuned, NULL) == CLADE_ENOMEM)
    return CL_FAIL_NOMEM(e);
  return check_parent(s, index, e);
}

int cl_space_finish(struct cl_space *s, struct cl_err *e) {
  if (s->n < 0 || s->n > CL_SPACE_MAX)
    return CL_FAIL(e, CLADE_ESPEC, "%d hyperparameters, but at most %d are possible", s->n, CL_SPACE_MAX);
  for (int i = 0; i < s->n; i++) CL_TRY(finish_one(s, i, e));
  return 0;
}

/* --- assignments --- */

bool cl_space_constraints_hold(const struct cl_space *s, const struct cl_value *values, int *ret_broken) {
  for (int i = 0; i < s->n_constraints; i++) {
    if (cl_constraint_holds(s->constraints[i], values)) continue;
    if (ret_broken != NULL) *ret_broken = i;
    return false;
  }
  return true;
}

static int refuse_value(const struct cl_hyperparameter *h, struct cl_value v, struct cl_err *e) {
  if (e == NULL) return CLADE_EINVAL;
  const char *kind = h->domain == CL_INTEGER    ? "a whole number in"
                     : h->domain == CL_FLOAT    ? "a number in"
                     : h->domain == CL_CONSTANT ? "its constant"
                                                : "one of";
  struct cl_text value = {0}, range = {0};
  cl_value_write_json(&value, v);
  cl_space_write_range(h, &range);
  int status = value.failed || range.failed ? CL_FAIL_NOMEM(e)
                                            : CL_FAIL(e, CLADE_EINVAL, "%s is %s, but must be %s %s", h->name,
                                                      cl_text_get(&value), kind, cl_text_get(&range));
  cl_text_done(&value);
  cl_text_done(&range);
  return status;
}

int cl_space_check(const struct cl_space *s, const struct cl_value *values, struct cl_err *e) {
  for (int i = 0; i < s->n; i++) {
    const struct cl_hyperparameter *h = &s->items[i];
    bool active = cl_space_is_active(s, i, values);
    if (active && !cl_space_allows(h, values[i])) return refuse_value(h, values[i], e);
    if (!active && values[i].kind != CL_ABSENT)
      return CL_FAIL(e, CLADE_EINVAL, "%s has a value, but is not active under this value of %s", h->name,
                     s->items[h->parent].name);
  }
  int broken = -1;
  bool holds = cl_space_constraints_hold(s, values, &broken);
  assert(holds == (broken < 0) && broken < s->n_constraints);
  if (!holds)
    return CL_FAIL(e, CLADE_EINVAL, "the constraint \"%s\" does not hold",
                   cl_constraint_text(s->constraints[broken]));
  return 0;
}

/* A value of a list by what it is written like, for lists that hold the text "3" where a person types 3.
 * -1: none. */
static int find_written(const struct cl_hyperparameter *h, struct cl_value v, int *ret, struct cl_err *e) {
  struct cl_text wanted = {0}, written = {0};
  assert(*ret < 0 && v.kind != CL_ABSENT);
  cl_value_write(&wanted, v);
  for (int i = 0; i < h->n_values && *ret < 0 && !written.failed; i++) {
    cl_text_clear(&written);
    cl_value_write(&written, h->values[i]);
    if (!written.failed && strcmp(cl_text_get(&wanted), cl_text_get(&written)) == 0) *ret = i;
  }
  bool failed = wanted.failed || written.failed;
  cl_text_done(&wanted);
  cl_text_done(&written);
  return failed ? CL_FAIL_NOMEM(e) : 0;
}

static int convert_listed(const struct cl_hyperparameter *h, struct cl_value v, struct cl_value *ret,
                          struct cl_err *e) {
  int found = -1;
  for (int i = 0; i < h->n_values && found < 0; i++)
    if (cl_value_equal(h->values[i], v)) found = i;
  for (int i = 0; i < h->n_values && found < 0; i++)
    if (cl_value_same(h->values[i], v)) found = i;
  if (found < 0 && v.kind != CL_ABSENT) CL_TRY(find_written(h, v, &found, e));
  if (found < 0) return refuse_value(h, v, e);
  assert(found < h->n_values);
  *ret = h->values[found];
  return 0;
}

int cl_space_convert(const struct cl_hyperparameter *h, struct cl_value v, struct cl_value *ret,
                     struct cl_err *e) {
  if (!cl_space_is_number(h)) return convert_listed(h, v, ret, e);
  double x = cl_value_number(v);
  if (!isfinite(x) || (h->domain == CL_INTEGER && rint(x) != x)) return refuse_value(h, v, e);
  if (h->zero > 0 && x == 0) {
    *ret = h->domain == CL_INTEGER ? cl_value_int(0) : cl_value_real(0);
    return 0;
  }
  double slack = cl_map_is_stepped(h) ? 1e-9 * h->step : 0;
  struct cl_value snapped = cl_map_snap(h, x);
  if (x < h->lo - slack || x > h->hi + slack || fabs(cl_value_number(snapped) - x) > slack)
    return refuse_value(h, v, e);
  assert(snapped.kind == (h->domain == CL_INTEGER ? CL_INT : CL_REAL));
  *ret = snapped;
  return 0;
}

static bool is_identity(const struct cl_space *s, int index) {
  return cl_space_is_searched(&s->items[index]);
}

bool cl_space_equal(const struct cl_space *s, const struct cl_value *a, const struct cl_value *b) {
  for (int i = 0; i < s->n; i++) {
    if (!is_identity(s, i)) continue;
    bool active = cl_space_is_active(s, i, a);
    if (active != cl_space_is_active(s, i, b) || (active && !cl_value_equal(a[i], b[i]))) return false;
  }
  return true;
}

uint64_t cl_space_hash(const struct cl_space *s, const struct cl_value *values) {
  uint64_t h = 0x5851F42D4C957F2Dull;
  for (int i = 0; i < s->n; i++) {
    if (!is_identity(s, i)) continue;
    struct cl_value absent = {0};
    h = cl_value_hash(cl_space_is_active(s, i, values) ? values[i] : absent, h);
  }
  return h;
}
