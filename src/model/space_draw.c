/* Whole assignments from the unit cube: decode, encode, settle, draw. Activity goes from parents to children,
 * which stand later in the space, so one pass suffices. */
#include "model/space_impl.h"

#include <assert.h>

static struct cl_value value_at(const struct cl_hyperparameter *h, double u) {
  assert(h->domain != CL_CONSTANT || h->n_values == 1);
  return h->domain == CL_CONSTANT ? h->values[0] : cl_space_decode_one(h, u);
}

void cl_space_decode(const struct cl_space *s, const double *u, struct cl_value *ret) {
  for (int i = 0; i < s->n; i++)
    ret[i] = cl_space_is_active(s, i, ret) ? value_at(&s->items[i], u[i]) : (struct cl_value){0};
}

void cl_space_encode(const struct cl_space *s, const struct cl_value *values, double *ret_u,
                     bool *ret_active) {
  for (int i = 0; i < s->n; i++) {
    bool active = cl_space_is_active(s, i, values);
    ret_u[i] = active ? cl_space_encode_one(&s->items[i], values[i]) : 0.5;
    if (ret_active != NULL) ret_active[i] = active;
  }
}

static struct cl_value default_value(const struct cl_hyperparameter *h) {
  bool tuned = h->tuned.kind != CL_ABSENT && cl_space_allows(h, h->tuned);
  return tuned ? h->tuned : value_at(h, 0.5);
}

void cl_space_settle(const struct cl_space *s, struct cl_value *values, const struct cl_value *from) {
  assert(values != from || s->n == 0);
  for (int i = 0; i < s->n; i++) {
    const struct cl_hyperparameter *h = &s->items[i];
    if (!cl_space_is_active(s, i, values))
      values[i] = (struct cl_value){0};
    else if (values[i].kind == CL_ABSENT)
      values[i] = from != NULL && from[i].kind != CL_ABSENT ? from[i] : default_value(h);
  }
}

int cl_space_draw(const struct cl_space *s, uint64_t seed, enum cl_purpose purpose, uint64_t trial,
                  const struct cl_value *given, struct cl_value *ret, int *ret_redraws) {
  assert(given != ret || s->n == 0);
  for (int redraw = 0; redraw < CL_REDRAWS_MAX; redraw++) {
    for (int i = 0; i < s->n; i++) {
      const struct cl_hyperparameter *h = &s->items[i];
      ret[i] = (struct cl_value){0};
      if (h->parent >= 0 && !cl_space_is_active(s, i, ret)) continue;
      if (given != NULL && given[i].kind != CL_ABSENT) {
        ret[i] = given[i];
      } else if (h->domain == CL_CONSTANT) {
        ret[i] = h->values[0];
      } else {
        assert(h->id >= 1 && h->id < 65536); /* streams of redraws stay apart */
        struct cl_rng r = cl_rng_stream(seed, purpose, trial, (uint32_t)h->id + 65536u * (uint32_t)redraw);
        ret[i] = cl_space_decode_one(h, cl_rng_uniform(&r));
      }
    }
    if (ret_redraws != NULL) *ret_redraws = redraw;
    if (cl_space_constraints_hold(s, ret, NULL)) return 0;
  }
  return CLADE_EMPTY;
}
