/* Which trials have the same configuration: an index by hash, built when first asked for, and again after the
 * space or the values of an indexed trial have changed. */
#include "model/study_impl.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

void cl_study_forget_configurations(struct cl_study *s, int64_t number) {
  if (number > s->n_indexed || s->n_indexed == 0) return;
  memset(s->slots, 0, s->n_slots * sizeof *s->slots);
  s->n_used = 0;
  s->n_indexed = 0;
}

static uint32_t configuration_hash(const struct cl_study *s, int64_t number, struct cl_value *room) {
  cl_trial_values(s, cl_study_find(s, number), room);
  return (uint32_t)cl_space_hash(&s->settings->space, room);
}

static void insert_slot(struct cl_configuration *slots, size_t n, struct cl_configuration slot) {
  size_t i = slot.hash & (n - 1);
  while (slots[i].first != 0) i = (i + 1) & (n - 1);
  slots[i] = slot;
}

static int grow_slots(struct cl_study *s, struct cl_err *e) {
  if (s->n_used * 4 < s->n_slots * 3) return 0;
  size_t n = s->n_slots == 0 ? 1024 : s->n_slots * 2;
  struct cl_configuration *slots = cl_alloc_array(n, sizeof *slots);
  if (slots == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < s->n_slots; i++)
    if (s->slots[i].first != 0) insert_slot(slots, n, s->slots[i]);
  cl_free(s->slots);
  s->slots = slots;
  s->n_slots = n;
  return 0;
}

/* The slot of the configuration that `number` has, or an empty one. room: 2 * space->n values. */
static struct cl_configuration *find_slot(const struct cl_study *s, int64_t number, struct cl_value *room,
                                          uint32_t *ret_hash) {
  const struct cl_space *space = &s->settings->space;
  uint32_t hash = configuration_hash(s, number, room);
  *ret_hash = hash;
  for (size_t i = hash & (s->n_slots - 1);; i = (i + 1) & (s->n_slots - 1)) {
    struct cl_configuration *slot = &s->slots[i];
    if (slot->first == 0) return slot;
    if (slot->hash != hash) continue;
    cl_trial_values(s, cl_study_find(s, slot->first), room + space->n);
    if (cl_space_equal(space, room, room + space->n)) return slot;
  }
}

static int index_trial(struct cl_study *s, int64_t number, struct cl_value *room, struct cl_err *e) {
  CL_TRY(grow_slots(s, e));
  uint32_t hash = 0;
  struct cl_configuration *slot = find_slot(s, number, room, &hash);
  if (slot->first == 0) {
    *slot = (struct cl_configuration){hash, (uint32_t)number, (uint32_t)number};
    s->n_used++;
  } else {
    s->next_repeat[slot->last - 1] = (uint32_t)number;
    slot->last = (uint32_t)number;
  }
  return 0;
}

static int index_all(struct cl_study *s, struct cl_value *room, struct cl_err *e) {
  if (cl_grow(&s->next_repeat, &s->cap_next, (size_t)s->head.trials, sizeof *s->next_repeat) < 0)
    return CL_FAIL_NOMEM(e);
  while (s->n_indexed < s->head.trials) {
    int64_t next = s->n_indexed + 1;
    s->next_repeat[next - 1] = 0;
    if (cl_study_find(s, next) != NULL) CL_TRY(index_trial(s, next, room, e));
    s->n_indexed = next;
  }
  return 0;
}

int cl_study_configuration(struct cl_study *s, int64_t number, int64_t *ret, struct cl_err *e) {
  assert(cl_study_find(s, number) != NULL);
  struct cl_value *room = cl_alloc_array((size_t)s->settings->space.n * 2 + 1, sizeof *room);
  if (room == NULL) return CL_FAIL_NOMEM(e);
  uint32_t hash = 0;
  int status = index_all(s, room, e);
  if (status == 0) *ret = find_slot(s, number, room, &hash)->first;
  cl_free(room);
  return status;
}

int64_t cl_study_next_repeat(const struct cl_study *s, int64_t number) {
  return number < 1 || number > s->n_indexed ? 0 : s->next_repeat[number - 1];
}
