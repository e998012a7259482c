/* Heads of trials by number: what one append touches, and what the next ones will ask for again. */
#ifndef CL_HEADS_H
#define CL_HEADS_H

#include "model/trial.h"

struct cl_heads_entry {
  int64_t trial;
  struct cl_head head;
  int64_t last;          /* position of the last event on the trial that was added; 0 = none by this handle */
  struct cl_head stored; /* as the store has it; proposed 0 = the store has no head of this trial */
  bool changed;          /* since cl_heads_settle */
  uint64_t refused;      /* number of the last commit that refused an event on it */
};

struct cl_heads {
  struct cl_heads_entry *entries; /* in order of arrival; moved by cl_heads_add */
  size_t n, cap;
  uint32_t *slots; /* open addressing: index of an entry + 1, 0 = free; a power of two, never full */
  size_t n_slots;
  size_t *changed; /* indices of the changed entries, in order of their first change */
  size_t n_changed, cap_changed;
};

void cl_heads_done(struct cl_heads *h);
void cl_heads_clear(struct cl_heads *h); /* keeps the memory */

/* The entry of a trial, null if it is not here. Valid until the next cl_heads_add. */
struct cl_heads_entry *cl_heads_find(const struct cl_heads *h, int64_t trial);

/* A new entry for a trial that is not here. `head`: as the store has it, null = it has none. CLADE_ENOMEM. */
int cl_heads_add(struct cl_heads *h, int64_t trial, const struct cl_head *head, struct cl_heads_entry **ret,
                 struct cl_err *e);

/* Note that `entry` was changed. CLADE_ENOMEM. */
int cl_heads_mark(struct cl_heads *h, struct cl_heads_entry *entry, struct cl_err *e);
void cl_heads_settle(struct cl_heads *h); /* what changed is stored */

/* Is all that the trial's reports did contained in its head and its `ended`? Then a reader may leave them
 * out. (Not when that end was late or without a value: look that up.) */
bool cl_head_is_summed(const struct cl_head *h);

#endif
