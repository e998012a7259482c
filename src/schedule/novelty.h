/* Novelty selection (Shahrzad et al. 2018, arXiv 1803.03744; pulsed: 2020, arXiv 1906.04050): whose behaviour
 * is unlike that of the others becomes a parent too, against deceptive scores.
 *
 * Behaviour is a vector per member: metrics of its evaluation whose names share a prefix.
 */
#ifndef CL_NOVELTY_H
#define CL_NOVELTY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CL_NOVELTY_MEMBERS_MAX 1000 /* more cost seconds per generation */

/* Of n members: parents = max(2, n (1 - removed)), candidates = min(n, n (1 - removed) multiplier), both
 * rounded, halves to even. Nothing is selected where candidates <= parents. */
struct cl_novelty {
  double multiplier, removed;
};
void cl_novelty_count(const struct cl_novelty *x, size_t n, size_t *ret_parents, size_t *ret_candidates);

/* Order n members anew, of which the first ret_parents of cl_novelty_count are the parents.
 *
 *   behaviour  n * d, row by row, best member first; what is not finite counts as 0   (borrows)
 *   ret_order  n ranks (0 = best); the identity where nothing is selected
 *
 * The best one stays first. The other candidates are ordered by the sum of their Euclidean distances to each
 * other, largest first, ties by rank; then each one beyond the parents is put at their end in turn, and of
 * the closest pair among them the second one (ties: the first pair) changes places with that end. Others keep
 * their ranks. Cost O(q^2 (d + q - p)) for q candidates and p parents, and q * q numbers of memory. n <=
 * CL_NOVELTY_MEMBERS_MAX. CLADE_ENOMEM. */
int cl_novelty_order(const struct cl_novelty *x, const double *behaviour, size_t n, size_t d,
                     uint32_t *ret_order, struct cl_err *e);

#endif
