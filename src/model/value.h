/* A value of a hyperparameter: null, bool, integer, real or text, or absent (the hyperparameter is inactive).
 */
#ifndef CL_VALUE_H
#define CL_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "base/text.h"

enum cl_value_kind { CL_ABSENT = 0, CL_NULL, CL_BOOL, CL_INT, CL_REAL, CL_TEXT };

struct cl_value {
  enum cl_value_kind kind;
  union {
    bool truth;
    int64_t integer;
    double real;      /* never -0.0 */
    const char *text; /* borrowed: the owner is whoever handed the value out */
  } as;
};

/* A value of the hyperparameter with this stable id. Events carry arrays of these. */
struct cl_assigned {
  int id;
  struct cl_value value;
};

static inline struct cl_value cl_value_bool(bool truth) {
  return (struct cl_value){.kind = CL_BOOL, .as.truth = truth};
}

static inline struct cl_value cl_value_int(int64_t integer) {
  return (struct cl_value){.kind = CL_INT, .as.integer = integer};
}

/* Turns -0.0 into 0.0. */
static inline struct cl_value cl_value_real(double real) {
  return (struct cl_value){.kind = CL_REAL, .as.real = real == 0 ? 0.0 : real};
}

static inline struct cl_value cl_value_text(const char *text) {
  return (struct cl_value){.kind = CL_TEXT, .as.text = text};
}

/* Same kind and same content; NaN equals NaN. Integer 1 and real 1.0 are different values. */
bool cl_value_equal(struct cl_value a, struct cl_value b);

/* Same meaning to a person who typed it: as cl_value_equal, but an integer equals the real of the same size.
 */
bool cl_value_same(struct cl_value a, struct cl_value b);

/* A number as a double; NaN for everything that is not one. */
double cl_value_number(struct cl_value v);

uint64_t cl_value_hash(struct cl_value v, uint64_t seed);

/* As a program receives it: true, 3, 0.1, adam, null; nothing for an absent value. A whole real keeps its
 * point
 * ("2.0"), so that a program that prints it back gives the same kind of value. */
void cl_value_write(struct cl_text *t, struct cl_value v);

/* As JSON (strings quoted and escaped; an absent value is null). */
void cl_value_write_json(struct cl_text *t, struct cl_value v);

/* A scalar JSON node as a value; text borrows from the node. The strings "nan", "inf", "-inf" stay text.
 * CLADE_ESPEC for arrays and objects. */
int cl_value_from_json(const json_t *node, struct cl_value *ret, struct cl_err *e);

/* Typed as XT types a scalar (origins A3): null, true/True, false/False, int, float, else text (borrowed). */
struct cl_value cl_value_parse(const char *text);

#endif
