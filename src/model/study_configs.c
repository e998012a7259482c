/* Which trials have the same configuration: an index by hash, built when first asked for, and again after the
 * space or the values of an indexed trial have changed. */
#include "model/study_impl.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

enum { AT_A_TIME = 32 };

void cl_study_forget_configurations(struct cl_study *s, int64_t number) {
  struct cl_configurations *c = s->configurations;
  if (number > c->n_indexed || c->n_indexed == 0) return;
  memset(c->slots, 0, c->n_slots * sizeof *c->slots);
  c->n_used = 0;
  c->n_indexed = 0;
}

void cl_study_destroy_configurations(struct cl_study *s) {
  cl_free(s->configurations->slots);
  cl_free(s->configurations->next_repeat);
  cl_free(s->configurations);
}

/* Where to look first. Any number of slots will do, so that a study which is only looked at takes no more of
 * them than it needs. */
static size_t first_slot(uint32_t hash, size_t n) {
  return (size_t)((uint64_t)hash * n >> 32);
}

static void insert_slot(struct cl_configuration *slots, size_t n, struct cl_configuration slot) {
  assert(n > 0 && slot.last != 0);
  size_t i = first_slot(slot.hash, n);
  while (slots[i].last != 0) i = i + 1 == n ? 0 : i + 1;
  slots[i] = slot;
}

/* Room for `count` configurations, with a quarter of the slots free. */
static int grow_slots(struct cl_configurations *c, size_t count, struct cl_err *e) {
  size_t need = count + count / 3 + 1, n = c->n_slots + c->n_slots / 2;
  if (need <= c->n_slots) return 0;
  if (n < 1024) n = 1024;
  if (n < need) n = need;
  struct cl_configuration *slots = cl_alloc_array(n, sizeof *slots);
  if (slots == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < c->n_slots; i++)
    if (c->slots[i].last != 0) insert_slot(slots, n, c->slots[i]);
  assert(c->n_used < n && count < n && n <= (size_t)UINT32_MAX * 2);
  cl_free(c->slots);
  c->slots = slots;
  c->n_slots = n;
  return 0;
}

/* The trial that says what this one's configuration is: where values change while trials train, a run that
 * repeats another one has at its end what that one had at its own. */
static const struct cl_trial *find_model(const struct cl_study *s, int64_t number) {
  const struct cl_trial *t = cl_study_find(s, number);
  assert(t != NULL && t->number == number);
  bool repeats = t->head.role == CL_ROLE_CONFIRM || t->head.role == CL_ROLE_ASSESS;
  const struct cl_trial *of = repeats && s->settings->schedule != NULL ? cl_study_find(s, t->of) : NULL;
  return of == NULL ? t : of;
}

static bool is_equal(const struct cl_study *s, int64_t a, int64_t b, struct cl_value *room) {
  const struct cl_space *space = &s->settings->space;
  const struct cl_trial *first = find_model(s, a), *second = find_model(s, b);
  if (cl_study_course(s, first) != cl_study_course(s, second)) return false;
  cl_trial_values(s, first, room);
  cl_trial_values(s, second, room + space->n);
  return cl_space_equal(space, room, room + space->n);
}

static uint32_t first_of(const struct cl_configurations *c, const struct cl_configuration *slot) {
  assert(slot->last != 0 && slot->last <= c->n_indexed + AT_A_TIME);
  return c->next_repeat[slot->last - 1];
}

/* The slot of the trial's configuration (whose hash is known), or an empty one. room: 2 * space->n values. */
static struct cl_configuration *find_slot(const struct cl_study *s, int64_t number, uint32_t hash,
                                          struct cl_value *room) {
  const struct cl_configurations *c = s->configurations;
  assert(c->n_used < c->n_slots);
  for (size_t i = first_slot(hash, c->n_slots);; i = i + 1 == c->n_slots ? 0 : i + 1) {
    struct cl_configuration *slot = &c->slots[i];
    if (slot->last == 0 || (slot->hash == hash && is_equal(s, number, first_of(c, slot), room))) return slot;
  }
}

static uint32_t hash_trial(const struct cl_study *s, int64_t number, struct cl_value *room) {
  const struct cl_trial *t = find_model(s, number);
  uint64_t hash = 0;
  if (!cl_study_hash_searched(s, t->number, &hash)) {
    cl_trial_values(s, t, room);
    hash = cl_space_hash(&s->settings->space, room);
  }
  return (uint32_t)(hash ^ cl_study_course(s, t));
}

static void index_trial(const struct cl_study *s, int64_t number, uint32_t hash, struct cl_value *room) {
  struct cl_configurations *c = s->configurations;
  struct cl_configuration *slot = find_slot(s, number, hash, room);
  uint32_t *next = c->next_repeat, first = slot->last == 0 ? (uint32_t)number : first_of(c, slot);
  assert(number <= CL_NUMBER_MAX && slot->last < number && first >= 1 && first <= number);
  if (slot->last == 0)
    c->n_used++;
  else
    next[slot->last - 1] = (uint32_t)number;
  next[number - 1] = first;
  *slot = (struct cl_configuration){hash, (uint32_t)number};
}

/* Some at a time: their slots are on the way from memory while the next ones are hashed. */
static void index_some(const struct cl_study *s, int64_t first, int n, struct cl_value *room) {
  struct cl_configurations *c = s->configurations;
  uint32_t hashes[AT_A_TIME] = {0};
  assert(n <= AT_A_TIME && first == c->n_indexed + 1);
  for (int i = 0; i < n; i++) {
    c->next_repeat[first + i - 1] = 0;
    if (cl_study_find(s, first + i) == NULL) continue;
    hashes[i] = hash_trial(s, first + i, room);
    __builtin_prefetch(&c->slots[first_slot(hashes[i], c->n_slots)], 1);
  }
  for (int i = 0; i < n; i++)
    if (cl_study_find(s, first + i) != NULL) index_trial(s, first + i, hashes[i], room);
  c->n_indexed += n;
  assert(c->n_used <= (size_t)c->n_indexed && c->n_indexed <= s->head.trials);
}

static int index_all(const struct cl_study *s, struct cl_value *room, struct cl_err *e) {
  struct cl_configurations *c = s->configurations;
  int64_t trials = s->head.trials;
  if (cl_grow(&c->next_repeat, &c->cap_next, (size_t)trials, sizeof *c->next_repeat) < 0)
    return CL_FAIL_NOMEM(e);
  CL_TRY(grow_slots(c, c->n_used + (size_t)(trials - c->n_indexed), e));
  while (c->n_indexed < trials) {
    int64_t left = trials - c->n_indexed;
    index_some(s, c->n_indexed + 1, left < AT_A_TIME ? (int)left : AT_A_TIME, room);
  }
  return 0;
}

static int make_room(const struct cl_study *s, struct cl_value **ret, struct cl_err *e) {
  *ret = cl_alloc_array((size_t)s->settings->space.n * 2 + 1, sizeof **ret);
  return *ret == NULL ? CL_FAIL_NOMEM(e) : 0;
}

int cl_study_configurations(const struct cl_study *s, int64_t *ret, struct cl_err *e) {
  struct cl_value *room = NULL;
  CL_TRY(make_room(s, &room, e));
  int status = index_all(s, room, e);
  if (status == 0) *ret = (int64_t)s->configurations->n_used;
  cl_free(room);
  return status;
}

int cl_study_configuration(const struct cl_study *s, int64_t number, int64_t *ret, struct cl_err *e) {
  assert(cl_study_find(s, number) != NULL);
  struct cl_value *room = NULL;
  CL_TRY(make_room(s, &room, e));
  int status = index_all(s, room, e);
  if (status == 0)
    *ret = first_of(s->configurations, find_slot(s, number, hash_trial(s, number, room), room));
  assert(status != 0 || (*ret >= 1 && *ret <= number));
  cl_free(room);
  return status;
}

int64_t cl_study_next_repeat(const struct cl_study *s, int64_t number) {
  const struct cl_configurations *c = s->configurations;
  return number < 1 || number > c->n_indexed || c->next_repeat[number - 1] <= number
             ? 0
             : c->next_repeat[number - 1];
}
