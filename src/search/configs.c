#include "search/configs.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

/* A search for a slot ends, for a quarter of them are empty. */
static void assert_configs_state(const struct cl_configs *c) {
  assert((c->slots == NULL) == (c->n_slots == 0) && (c->n_slots & (c->n_slots - 1)) == 0);
  assert(c->n * 4 <= c->n_slots * 3 && c->n < UINT32_MAX);
  assert(c->n * (size_t)c->space->n <= c->cap);
  (void)c;
}

void cl_configs_init(struct cl_configs *c, const struct cl_space *space, int continuous) {
  *c = (struct cl_configs){.space = space, .continuous = continuous};
}

void cl_configs_done(struct cl_configs *c) {
  cl_free(c->levels);
  cl_free(c->slots);
  *c = (struct cl_configs){0};
}

static bool is_part(const struct cl_configs *c, const struct cl_hyperparameter *h) {
  return h->domain != CL_CONSTANT && cl_space_in_grid(h, c->continuous);
}

bool cl_configs_levels(const struct cl_configs *c, const struct cl_value *values, uint32_t *ret) {
  for (int i = 0; i < c->space->n; i++) {
    const struct cl_hyperparameter *h = &c->space->items[i];
    ret[i] = CL_LEVEL_NONE;
    if (!is_part(c, h) || !cl_space_is_active(c->space, i, values)) continue;
    int64_t level = cl_space_grid_level_of(h, c->continuous, values[i]);
    if (level < 0) return false;
    assert(level < CL_LEVEL_NONE); /* the method has refused longer ones */
    ret[i] = (uint32_t)level;
  }
  return true;
}

void cl_configs_values(const struct cl_configs *c, size_t number, struct cl_value *ret) {
  assert(number < c->n);
  const uint32_t *levels = c->levels + number * (size_t)c->space->n;
  for (int i = 0; i < c->space->n; i++) {
    const struct cl_hyperparameter *h = &c->space->items[i];
    ret[i] = (struct cl_value){0};
    assert(levels[i] == CL_LEVEL_NONE || is_part(c, h));
    if (levels[i] != CL_LEVEL_NONE)
      ret[i] = cl_space_level_value(h, levels[i]);
    else if (h->domain == CL_CONSTANT && cl_space_is_active(c->space, i, ret))
      ret[i] = h->values[0];
  }
}

static size_t width(const struct cl_configs *c) {
  return (size_t)c->space->n * sizeof(uint32_t);
}

static uint64_t hash_levels(const struct cl_configs *c, const uint32_t *levels) {
  uint64_t h = 0x5851F42D4C957F2Dull;
  for (int i = 0; i < c->space->n; i++)
    h = cl_mix64(h ^ (levels[i] + UINT64_C(0x9E3779B97F4A7C15) * (uint64_t)i));
  return h;
}

/* The slot that holds these levels, or the empty one where they belong. */
static uint32_t *find_slot(const struct cl_configs *c, const uint32_t *levels) {
  assert(c->n < c->n_slots);
  size_t i = hash_levels(c, levels) & (c->n_slots - 1);
  while (c->slots[i] != 0 &&
         memcmp(c->levels + (size_t)(c->slots[i] - 1) * (size_t)c->space->n, levels, width(c)) != 0)
    i = (i + 1) & (c->n_slots - 1);
  return &c->slots[i];
}

int64_t cl_configs_find(const struct cl_configs *c, const uint32_t *levels) {
  return c->n_slots == 0 ? -1 : (int64_t)*find_slot(c, levels) - 1;
}

static int grow_slots(struct cl_configs *c, struct cl_err *e) {
  if (c->n_slots > 0 && (c->n + 1) * 4 <= c->n_slots * 3) return 0;
  struct cl_configs grown = *c;
  grown.n_slots = c->n_slots == 0 ? 64 : c->n_slots * 2;
  grown.slots = cl_alloc_array(grown.n_slots, sizeof *grown.slots);
  if (grown.slots == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < c->n; i++) *find_slot(&grown, c->levels + i * (size_t)c->space->n) = (uint32_t)i + 1;
  cl_free(c->slots);
  *c = grown;
  return 0;
}

int cl_configs_add(struct cl_configs *c, const uint32_t *levels, size_t *ret, struct cl_err *e) {
  CL_TRY(grow_slots(c, e));
  uint32_t *slot = find_slot(c, levels);
  if (*slot == 0) {
    assert(c->n < UINT32_MAX - 1);
    if (cl_grow(&c->levels, &c->cap, (c->n + 1) * (size_t)c->space->n, sizeof *c->levels) < 0)
      return CL_FAIL_NOMEM(e);
    memcpy(c->levels + c->n * (size_t)c->space->n, levels, width(c));
    *slot = (uint32_t)++c->n;
  }
  assert(*slot >= 1 && *slot <= c->n);
  assert_configs_state(c);
  *ret = *slot - 1;
  return 0;
}
