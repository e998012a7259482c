/* A value packed into 8 bytes: a real is itself; everything else is a negative NaN with a tag and 48 bits, so
 * that its bits are a larger number than those of any real.
 * Texts are kept once in a table beside, integers beyond 48 bits each time. Used by the replica only. */
#ifndef CL_CELL_H
#define CL_CELL_H

#include <string.h>

#include "model/value.h"

struct cl_cells {
  char **texts; /* each once */
  size_t n_texts, cap_texts;
  uint32_t *slots; /* hash of texts: index + 1, 0 = empty */
  size_t n_slots;
  int64_t *integers;
  size_t n_integers, cap_integers;
};

#define CL_CELL_ABSENT UINT64_C(0xFFF9000000000000)

void cl_cells_done(struct cl_cells *c);
/* What is no finite real. CLADE_ENOMEM; CLADE_ECORRUPT for NaN. */
int cl_cell_pack_tagged(struct cl_cells *c, struct cl_value v, uint64_t *ret, struct cl_err *e);
struct cl_value cl_cell_unpack_tagged(const struct cl_cells *c, uint64_t cell);

static inline int cl_cell_pack(struct cl_cells *c, struct cl_value v, uint64_t *ret, struct cl_err *e) {
  if (v.kind != CL_REAL || v.as.real != v.as.real) return cl_cell_pack_tagged(c, v, ret, e);
  memcpy(ret, &v.as.real, sizeof *ret);
  return 0;
}

/* A text borrows from c. */
static inline struct cl_value cl_cell_unpack(const struct cl_cells *c, uint64_t cell) {
  struct cl_value v = {.kind = CL_REAL};
  if (cell >= CL_CELL_ABSENT) return cl_cell_unpack_tagged(c, cell);
  memcpy(&v.as.real, &cell, sizeof cell);
  return v;
}

#endif
