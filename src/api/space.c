/* A space built in code is written as a spec, so that it means the same as one. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "api/study.h"
#include "base/alloc.h"

struct clade_space {
  struct cl_text hyperparameters, constraints;
  struct cl_err failure; /* the first mistake; code 0 = none */
};

enum { EXACT_MAX_BITS = 53 };

/* Each line of the two texts is whole, unless there was a mistake: then nothing is added any more. */
static void assert_space_state(const struct clade_space *space) {
  const struct cl_text *h = &space->hyperparameters, *c = &space->constraints;
  bool good = space->failure.code == 0;
  assert(space->failure.code <= 0);
  assert(!good || h->failed || h->length == 0 || h->bytes[h->length - 1] == '\n');
  assert(c->failed || c->length == 0 || c->bytes[c->length - 1] == '\n');
  (void)h, (void)c, (void)good;
}

struct clade_space *clade_space_create(void) {
  return cl_alloc(sizeof(struct clade_space));
}

void clade_space_destroy(struct clade_space *space) {
  if (space == NULL) return;
  cl_text_done(&space->hyperparameters);
  cl_text_done(&space->constraints);
  cl_free(space);
}

/* Begin the mapping of a hyperparameter. False if something is wrong already. */
static bool begin(struct clade_space *space, const char *name) {
  if (space == NULL || space->failure.code != 0) return false;
  assert_space_state(space);
  if (name == NULL || name[0] == '\0' || !cl_text_is_utf8(name, strlen(name))) {
    (void)CL_FAIL(&space->failure, CLADE_ESPEC, "a hyperparameter needs a name of UTF-8 text");
    return false;
  }
  cl_text_add(&space->hyperparameters, "  - {\"name\": ");
  cl_text_add_json(&space->hyperparameters, name);
  return true;
}

static void add_scale(struct clade_space *space, const char *scale) {
  if (scale != NULL) {
    cl_text_add(&space->hyperparameters, ", scale: ");
    cl_text_add_json(&space->hyperparameters, scale);
  }
  cl_text_add(&space->hyperparameters, "}\n");
}

void clade_space_add_float(struct clade_space *space, const char *name, double lo, double hi,
                           const char *scale) {
  if (!begin(space, name)) return;
  if (!isfinite(lo) || !isfinite(hi)) {
    (void)CL_FAIL(&space->failure, CLADE_ESPEC, "the range of %.200s must have two finite bounds", name);
    return;
  }
  cl_text_add(&space->hyperparameters, ", type: float, range: [");
  cl_text_add_number(&space->hyperparameters, lo);
  cl_text_add(&space->hyperparameters, ", ");
  cl_text_add_number(&space->hyperparameters, hi);
  cl_text_add(&space->hyperparameters, "]");
  add_scale(space, scale);
}

void clade_space_add_int(struct clade_space *space, const char *name, int64_t lo, int64_t hi,
                         const char *scale) {
  if (!begin(space, name)) return;
  int64_t most = INT64_C(1) << EXACT_MAX_BITS;
  if (lo < -most || hi > most) {
    (void)CL_FAIL(&space->failure, CLADE_ESPEC,
                  "the bounds of %.200s are %lld and %lld, but must lie within +-2^53", name, (long long)lo,
                  (long long)hi);
    return;
  }
  cl_text_format(&space->hyperparameters, ", type: int, range: [%lld, %lld]", (long long)lo, (long long)hi);
  add_scale(space, scale);
}

void clade_space_add_list(struct clade_space *space, const char *name, size_t n, const char *const *values,
                          bool ordered) {
  if (!begin(space, name)) return;
  cl_text_format(&space->hyperparameters, ", %s: [",
                 ordered ? "ordered_tuning_values" : "unordered_tuning_values");
  for (size_t i = 0; i < n; i++) {
    if (values == NULL || values[i] == NULL || !cl_text_is_utf8(values[i], strlen(values[i]))) {
      (void)CL_FAIL(&space->failure, CLADE_ESPEC, "value %zu of %.200s is no UTF-8 text", i + 1, name);
      return;
    }
    if (i > 0) cl_text_add(&space->hyperparameters, ", ");
    cl_value_write_json(&space->hyperparameters, cl_value_parse(values[i]));
  }
  cl_text_add(&space->hyperparameters, "]}\n");
}

/* The keys are the caller's YAML; a line break could end the mapping's line and begin something else. */
void clade_space_add(struct clade_space *space, const char *name, const char *keys) {
  if (!begin(space, name)) return;
  size_t n = keys == NULL ? 0 : strlen(keys);
  if (n < 2 || keys[0] != '{' || keys[n - 1] != '}' || strpbrk(keys, "\r\n") != NULL) {
    (void)CL_FAIL(&space->failure, CLADE_ESPEC,
                  "the keys of %.200s must be a flow mapping on one line, as in {range: [0, 1], step: 0.25}",
                  name);
    return;
  }
  if (keys[1 + strspn(keys + 1, " ")] != '}') cl_text_add(&space->hyperparameters, ", ");
  cl_text_add(&space->hyperparameters, keys + 1);
  cl_text_add_char(&space->hyperparameters, '\n');
}

void clade_space_add_constraint(struct clade_space *space, const char *relation) {
  if (space == NULL || space->failure.code != 0) return;
  if (relation == NULL || !cl_text_is_utf8(relation, strlen(relation))) {
    (void)CL_FAIL(&space->failure, CLADE_ESPEC, "a constraint is a relation such as a + b <= 1");
    return;
  }
  cl_text_add(&space->constraints, "  - ");
  cl_text_add_json(&space->constraints, relation);
  cl_text_add_char(&space->constraints, '\n');
}

int cl_api_space_write(const struct clade_space *space, struct cl_text *ret, struct cl_err *e) {
  assert_space_state(space);
  if (space->failure.code != 0) return CL_FAIL(e, space->failure.code, "%s", space->failure.text);
  if (space->hyperparameters.failed || space->constraints.failed) return CL_FAIL_NOMEM(e);
  if (space->hyperparameters.length > 0)
    cl_text_format(ret, "hyperparameters:\n%s", cl_text_get(&space->hyperparameters));
  if (space->constraints.length > 0)
    cl_text_format(ret, "constraints:\n%s", cl_text_get(&space->constraints));
  if (ret->length == 0) cl_text_add(ret, "{}\n");
  return ret->failed ? CL_FAIL_NOMEM(e) : 0;
}
