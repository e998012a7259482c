/* Hyperparameters whose values do not change the result: a search that varies them wastes its trials (origins
 * A10).
 *
 * Two signs. Trials that differ in nothing else had always exactly the same score: then it is certain for a
 * program without noise. Or the scores, ranked, do not lie differently for its values than chance would have
 * it (Kruskal-Wallis), neither over all trials nor among those that share a value of another hyperparameter,
 * which is how a hyperparameter acts that only matters beside certain values of another. That is a suspicion:
 * a weak effect looks the same. Numbers from a range are compared by quarters of what was tried.
 */
#ifndef CL_IDLE_H
#define CL_IDLE_H

#include "query/reader.h"

#define CL_IDLE_TRIALS_MIN 40   /* below, only the first sign counts */
#define CL_IDLE_TRIALS_MAX 4000 /* the last ones are looked at */

/* A replica that has the trials that are looked at: mostly the last ones do. Borrowed until the reader's next
 * need or close. The errors of cl_reader_need. */
int cl_idle_read(struct cl_reader *r, const struct cl_study **ret, struct cl_err *e);

struct cl_idle {
  int hyperparameter; /* index in the space */
  int64_t trials;     /* whose scores were compared */
  int64_t pairs;      /* of trials that differ in nothing else: all had the same score; 0 = the second sign */
  double p; /* how often chance alone makes a larger difference between its values; NaN with pairs */
};

/* ret: room for the space's hyperparameters; fills *ret_n. Scores are those of searched trials that are
 * COMPLETE. Drawn ones and constants are left out; nothing is said where all scores are equal. Cost O(h^2 n
 * log n) for h hyperparameters and n <= CL_IDLE_TRIALS_MAX trials. CLADE_ENOMEM. */
int cl_idle_find(const struct cl_study *s, struct cl_idle *ret, int *ret_n, struct cl_err *e);

#endif
