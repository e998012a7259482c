/* The elite archive: the best states that were ever ranked, whoever has trained on from them or given them up
 * since. Where training can get worse (it collapses, or learns something else), the way back is to be found
 * here and not among the members.
 *
 * A state is ranked by a ruling on the member that has it: score, rung and snapshot are those of its
 * evaluation then. So the archive is a function of the rulings so far, and whoever folds the log has the same
 * one. What it holds is not collected (cl_rulings_keeps).
 *
 * Who may draw from it, and when that is fair: exploit.h. Who goes back to an earlier rung is judged again
 * when it has come to where it left: at the rungs between it has been compared before.
 */
#ifndef CL_ARCHIVE_H
#define CL_ARCHIVE_H

#include "model/options.h"
#include "schedule/population.h"

/* For methods that choose donors by schedule/exploit.h. */
/* clang-format off */
#define CL_ARCHIVE_OPTION \
  {"archive", "int", 0, 1e4, "0", "how many of the best states ever ranked are kept, and given beside those of the best members", \
   NULL}
/* clang-format on */

struct cl_archived {
  size_t member;               /* whose it was */
  struct cl_evaluation *state; /* a copy; given_up is 0 */
};

struct cl_archive {
  size_t most, n;
  struct cl_archived *items; /* best first; equal scores: the lower rung, then the lower trial */
  int32_t *went_back;        /* by member: the rung at which it last took over one of them, 0 = none */
  size_t cap, n_members, cap_members;
};

/* CLADE_ESPEC: an archive with an exploit that only looks at opponents. */
int cl_archive_check(const struct cl_options *o, struct cl_err *e);

void cl_archive_done(struct cl_archive *a); /* a zeroed one with `most` set is empty; most = 0 stays so */

/* The member was ruled with this evaluation. It is copied if it has a finite score, a snapshot that is not
 * there yet, and is among the best. Cost O(most). CLADE_ENOMEM. */
int cl_archive_offer(struct cl_archive *a, size_t member, const struct cl_evaluation *v, struct cl_err *e);
/* The member, which asked at this rung, takes over one of them. CLADE_ENOMEM. */
int cl_archive_note(struct cl_archive *a, size_t member, int32_t rung, struct cl_err *e);
/* May the member that asks at this rung take one? Once per rung, or those who always fail on the same stretch
 * would go back for ever. */
bool cl_archive_is_open(const struct cl_archive *a, size_t member, int32_t rung);
/* The snapshot can be given to nobody any more. */
void cl_archive_drop(struct cl_archive *a, int64_t snapshot);
/* Null: it is not there. */
const struct cl_evaluation *cl_archive_find(const struct cl_archive *a, int64_t snapshot);

#endif
