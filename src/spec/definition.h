/* Hyperparameters as a spec defines them, before they are a space: the same record, plus where things stand.
 */
#ifndef CL_DEFINITION_H
#define CL_DEFINITION_H

#include "spec/read.h"

struct cl_definition {
  struct cl_hyperparameter h;     /* all memory from the reader's arena; h.parent is not used, `parent` is */
  const char *parent;             /* name, or null */
  const struct cl_definition *up; /* the parent, set by cl_definitions_check */
  const char *anchor;             /* by which aliases refer to it, or null */
  bool has_change, referenced;
  bool lenient;                   /* runspec: the tuned value may stand outside the list (origins A4) */
  const struct cl_source *source; /* set by cl_definitions_add */
  size_t at, at_tuned, at_when, at_key, at_step, at_zero; /* bytes of source->text */
};

struct cl_definitions {
  size_t n, cap;
  struct cl_definition *items; /* from cl_alloc */
};

/* A number as it was written: [1, 4] and [1.0, 4] are different ranges. */
struct cl_literal {
  double x;
  bool whole; /* digits and a sign only */
  size_t at;
};

enum cl_type { CL_TYPE_ANY = 0, CL_TYPE_FLOAT, CL_TYPE_INT, CL_TYPE_BOOL, CL_TYPE_STRING };

bool cl_literal_read(const char *text, size_t at, struct cl_literal *ret); /* false: no finite number */

/* lo … hi. Decides float or int (spec.h, `range`) and checks scale, step and zero that stand in d->h already.
 */
int cl_define_range(const struct cl_reader *r, struct cl_definition *d, struct cl_literal lo,
                    struct cl_literal hi, enum cl_type type, struct cl_err *e);

enum cl_order { CL_ORDER_GUESS = 0, CL_ORDERED_LIST, CL_UNORDERED_LIST };

/* A list of values (taken over, from the arena); at[i] is where value i stands. One value makes a constant.
 */
int cl_define_list(const struct cl_reader *r, struct cl_definition *d, struct cl_value *values,
                   const size_t *at, size_t n, enum cl_order order, struct cl_err *e);

/* Is this a usable name? Complains at `at`. */
int cl_define_name(const struct cl_reader *r, const char *name, size_t at, struct cl_err *e);

int cl_definitions_add(const struct cl_reader *r, struct cl_definitions *all, const struct cl_definition *d,
                       struct cl_err *e);
void cl_definitions_done(struct cl_definitions *all);
struct cl_definition *cl_definitions_find(const struct cl_definitions *all, const char *name);

/* Everything that concerns more than one: number, equal names, names that collide in the environment, parents
 * and their values, tuned values, keys. Sets ids and the default change classes. Notes go to r->notes. */
int cl_definitions_check(const struct cl_reader *r, struct cl_definitions *all, struct cl_err *e);

/* The `hyperparameters` of settings. New reference, null without memory. */
json_t *cl_definitions_json(const struct cl_definitions *all);

#endif
