/* Who takes what from whom when sub-populations evolve at different paces (Doulazmi et al. 2025,
 * "Multiple-frequencies population based training"; algorithms.md 10.6). Pure: ranks in, ranks out. */
#ifndef CL_MIGRATION_H
#define CL_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One member in the table of a round, which is ordered best first. */
struct cl_ranked {
  size_t member;
  int group;    /* its sub-population, 0 … */
  double score; /* larger is better; -inf: it has no state of worth */
  bool gives;   /* its state was saved and is worth something */
};

enum cl_move_rule {
  CL_MOVE_NONE = 0, /* goes on with what it has */
  CL_MOVE_COPY,     /* state and values of one of its own group, then explores */
  CL_MOVE_MIGRATE   /* the state of another group's member, and values as they are somewhere */
};

struct cl_move {
  enum cl_move_rule rule;
  size_t state, values; /* ranks in the table that they come from, where the rule is not NONE */
};

/* Does a group of this period (whole, >= 1) evolve in this round (1, 2, …)? */
bool cl_migration_is_round(double period, int64_t round);

/* What becomes of the member at `rank` of `n`, when its group evolves. With q a quarter of the group: the q
 * worst take over from the q best, one to one. The q before them are compared, in order, with the best
 * members of other groups that none of them has taken yet, and take the state of one that is better: with its
 * values if its group is slower or equally slow, else with those of the best member of the own group (which
 * is the slower one). All by the scores of the table, so no move depends on another. `periods`: of each
 * group. Cost O(n). */
struct cl_move cl_migration_move(const struct cl_ranked *table, size_t n, const double *periods, size_t rank);

#endif
