/* Bandits that choose the words of lists, one per list: the first half of PB2-Mix (math/exp3.h).
 *
 * A draw is a play: it ends with the interval that the member trains with it, and pays the share of the
 * newest gains per step that its own gain exceeds. Shares stand in the args of the rulings that drew, so the
 * weights are a function of the rulings so far. Nothing is learnt from members that go on with the word they
 * have: nobody drew it.
 */
#ifndef CL_LISTS_H
#define CL_LISTS_H

#include "base/text.h"
#include "math/exp3.h"
#include "schedule/rewards.h"

struct cl_play {
  double share; /* NaN: nothing was drawn */
  int level;
};

struct cl_lists {
  const struct cl_rewards *rewards; /* keeps; with_words */
  int batch;                        /* draws in a round */
  double rounds;
  int space;             /* version of the space that the rest belongs to */
  double *weights;       /* of the levels of list 0, of list 1, … */
  double *shares;        /* scratch: as many as the longest list has levels, twice */
  struct cl_play *drawn; /* by list: by the ruling that is being made */
  struct cl_play *plays; /* by member, then list: of intervals that go on */
  size_t n_plays, cap_weights, cap_shares, cap_drawn, cap_plays;
};

void cl_lists_done(struct cl_lists *w); /* a zeroed one with rewards, batch and rounds set is empty */

/* The rewards have heard `ev`. CLADE_ENOMEM. */
int cl_lists_apply(struct cl_lists *w, const struct cl_members *m, const struct cl_event *ev,
                   struct cl_err *e);

void cl_lists_begin(struct cl_lists *w); /* a ruling that has drawn nothing yet */
/* A level of list k. */
int cl_lists_draw(struct cl_lists *w, int k, struct cl_rng *r);
/* Into the args: `, "lists": {id: [level, share], …}`; nothing if nothing was drawn. */
void cl_lists_describe(const struct cl_lists *w, struct cl_text *args);

#endif
