#include "store/heads.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"

void cl_heads_done(struct cl_heads *h) {
  cl_free(h->entries);
  cl_free(h->slots);
  cl_free(h->changed);
  *h = (struct cl_heads){0};
}

void cl_heads_clear(struct cl_heads *h) {
  if (h->n > 0) memset(h->slots, 0, h->n_slots * sizeof *h->slots);
  h->n = 0;
  h->n_changed = 0;
}

/* The slot that holds `trial`, or the free one where it belongs. */
static size_t slot_of(const struct cl_heads *h, int64_t trial) {
  assert(h->n_slots > h->n && (h->n_slots & (h->n_slots - 1)) == 0);
  size_t mask = h->n_slots - 1, at = (size_t)cl_mix64((uint64_t)trial) & mask;
  while (h->slots[at] != 0 && h->entries[h->slots[at] - 1].trial != trial) at = (at + 1) & mask;
  return at;
}

struct cl_heads_entry *cl_heads_find(const struct cl_heads *h, int64_t trial) {
  if (h->n == 0) return NULL;
  uint32_t index = h->slots[slot_of(h, trial)];
  return index == 0 ? NULL : &h->entries[index - 1];
}

static int widen(struct cl_heads *h, struct cl_err *e) {
  size_t want = h->n_slots == 0 ? 64 : 2 * h->n_slots;
  uint32_t *slots = cl_alloc_array(want, sizeof *slots);
  if (slots == NULL) return CL_FAIL_NOMEM(e);
  cl_free(h->slots);
  h->slots = slots;
  h->n_slots = want;
  for (size_t i = 0; i < h->n; i++) h->slots[slot_of(h, h->entries[i].trial)] = (uint32_t)i + 1;
  return 0;
}

int cl_heads_add(struct cl_heads *h, int64_t trial, const struct cl_head *head, struct cl_heads_entry **ret,
                 struct cl_err *e) {
  assert(cl_heads_find(h, trial) == NULL && h->n < UINT32_MAX);
  if (cl_grow(&h->entries, &h->cap, h->n + 1, sizeof *h->entries) < 0) return CL_FAIL_NOMEM(e);
  if (2 * (h->n + 1) > h->n_slots) CL_TRY(widen(h, e));
  h->entries[h->n] = (struct cl_heads_entry){.trial = trial};
  if (head != NULL) h->entries[h->n].head = h->entries[h->n].stored = *head;
  h->slots[slot_of(h, trial)] = (uint32_t)h->n + 1;
  *ret = &h->entries[h->n++];
  return 0;
}

int cl_heads_mark(struct cl_heads *h, struct cl_heads_entry *entry, struct cl_err *e) {
  assert(entry >= h->entries && entry < h->entries + h->n);
  if (entry->changed) return 0;
  if (cl_grow(&h->changed, &h->cap_changed, h->n_changed + 1, sizeof *h->changed) < 0)
    return CL_FAIL_NOMEM(e);
  h->changed[h->n_changed++] = (size_t)(entry - h->entries);
  entry->changed = true;
  return 0;
}

void cl_heads_settle(struct cl_heads *h) {
  for (size_t i = 0; i < h->n_changed; i++) {
    struct cl_heads_entry *entry = &h->entries[h->changed[i]];
    entry->changed = false;
    entry->stored = entry->head;
  }
  h->n_changed = 0;
}

/* Later attempts are left alone: the reports of the first may have given back tries that were used up. So are
 * trials that were not final yet at their end, or at their `done`: what these led to was up to the reports.
 */
bool cl_head_is_summed(const struct cl_head *h) {
  bool pruned_later = h->state == CL_PRUNED && (h->flags & (CL_STOPPED_CLOSED | CL_ATTEMPT_DONE));
  return cl_state_is_final(h->state) && !pruned_later && h->attempt == 1 && (h->flags & CL_ATTEMPT_KNOWN) &&
         h->role != CL_ROLE_FOREIGN;
}
