#include "model/cell.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

enum tag { ABSENT = 0xFFF9, NIL, TRUTH, SMALL, LARGE, STRING }; /* upper 16 bits; no finite real has them */

#define PAYLOAD UINT64_C(0xFFFFFFFFFFFF)

_Static_assert((uint64_t)ABSENT << 48 == CL_CELL_ABSENT, "the first tag is that of no value");

/* A search for a text ends, for half of the slots are empty. */
static void assert_cells_state(const struct cl_cells *c) {
  assert(c->n_texts <= c->cap_texts && c->n_integers <= c->cap_integers);
  assert((c->slots == NULL) == (c->n_slots == 0) && (c->n_slots & (c->n_slots - 1)) == 0);
  assert(c->n_texts * 2 <= c->n_slots && c->n_texts < UINT32_MAX);
  (void)c;
}

static uint64_t cell_of(enum tag tag, uint64_t payload) {
  assert(tag >= ABSENT && tag <= STRING);
  return ((uint64_t)tag << 48) | (payload & PAYLOAD);
}

void cl_cells_done(struct cl_cells *c) {
  for (size_t i = 0; i < c->n_texts; i++) cl_free(c->texts[i]);
  cl_free(c->texts);
  cl_free(c->slots);
  cl_free(c->integers);
  *c = (struct cl_cells){0};
}

/* The slot that holds `text`, or the empty one where it belongs. */
static uint32_t *slot_of(const struct cl_cells *c, const char *text) {
  assert(c->n_slots > c->n_texts);
  size_t i = (size_t)cl_value_hash(cl_value_text(text), 1) & (c->n_slots - 1);
  while (c->slots[i] != 0 && strcmp(c->texts[c->slots[i] - 1], text) != 0) i = (i + 1) & (c->n_slots - 1);
  return &c->slots[i];
}

static int grow_slots(struct cl_cells *c, struct cl_err *e) {
  if (c->n_texts * 2 < c->n_slots) return 0;
  size_t n = c->n_slots == 0 ? 64 : c->n_slots * 2;
  uint32_t *slots = cl_alloc_array(n, sizeof *slots);
  if (slots == NULL) return CL_FAIL_NOMEM(e);
  cl_free(c->slots);
  c->slots = slots;
  c->n_slots = n;
  for (size_t i = 0; i < c->n_texts; i++) *slot_of(c, c->texts[i]) = (uint32_t)i + 1;
  return 0;
}

static int pack_text(struct cl_cells *c, const char *text, uint64_t *ret, struct cl_err *e) {
  CL_TRY(grow_slots(c, e));
  uint32_t *slot = slot_of(c, text);
  if (*slot == 0) {
    if (cl_grow(&c->texts, &c->cap_texts, c->n_texts + 1, sizeof *c->texts) < 0) return CL_FAIL_NOMEM(e);
    char *copy = cl_copy_text(text);
    if (copy == NULL) return CL_FAIL_NOMEM(e);
    c->texts[c->n_texts++] = copy;
    *slot = (uint32_t)c->n_texts;
  }
  assert(*slot <= c->n_texts && strcmp(c->texts[*slot - 1], text) == 0);
  assert_cells_state(c);
  *ret = cell_of(STRING, *slot - 1);
  return 0;
}

static int pack_integer(struct cl_cells *c, int64_t x, uint64_t *ret, struct cl_err *e) {
  if (x >= -(INT64_C(1) << 47) && x < (INT64_C(1) << 47)) {
    *ret = cell_of(SMALL, (uint64_t)x);
    return 0;
  }
  if (cl_grow(&c->integers, &c->cap_integers, c->n_integers + 1, sizeof *c->integers) < 0)
    return CL_FAIL_NOMEM(e);
  c->integers[c->n_integers] = x;
  *ret = cell_of(LARGE, c->n_integers++);
  return 0;
}

int cl_cell_pack_tagged(struct cl_cells *c, struct cl_value v, uint64_t *ret, struct cl_err *e) {
  switch (v.kind) {
  case CL_ABSENT: *ret = CL_CELL_ABSENT; return 0;
  case CL_NULL: *ret = cell_of(NIL, 0); return 0;
  case CL_BOOL: *ret = cell_of(TRUTH, v.as.truth); return 0;
  case CL_INT: return pack_integer(c, v.as.integer, ret, e);
  case CL_TEXT: return pack_text(c, v.as.text, ret, e);
  case CL_REAL: break;
  }
  if (v.kind == CL_REAL) return CL_FAIL(e, CLADE_ECORRUPT, "a hyperparameter cannot be NaN");
  return CL_FAIL(e, CLADE_ECORRUPT, "a value has the unknown kind %d", (int)v.kind);
}

struct cl_value cl_cell_unpack_tagged(const struct cl_cells *c, uint64_t cell) {
  uint64_t payload = cell & PAYLOAD;
  assert(cell >= CL_CELL_ABSENT);
  switch (cell >> 48) {
  case NIL: return (struct cl_value){.kind = CL_NULL};
  case TRUTH: return cl_value_bool(payload != 0);
  case SMALL: return cl_value_int((int64_t)(payload << 16) >> 16);
  case LARGE: assert(payload < c->n_integers); return cl_value_int(c->integers[payload]);
  case STRING: assert(payload < c->n_texts); return cl_value_text(c->texts[payload]);
  default: assert(cell == CL_CELL_ABSENT); return (struct cl_value){0};
  }
}
