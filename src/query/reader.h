/* A study, opened for looking: opens as much of its log as a question needs, and no more.
 *
 * Nothing is read before the first question. A question about trials 7 to 9 opens a partial replica of these;
 * a later one about all trials opens the whole. cl_reader_follow brings what is open up to date.
 */
#ifndef CL_READER_H
#define CL_READER_H

#include "store/log.h"

struct cl_reader;

#define CL_NO_TRIALS INT64_MAX /* as lo and hi: the study's own events only */

/* Keeps the store. Gives *ret; free with cl_reader_close. CLADE_ENOMEM. */
int cl_reader_open(struct cl_store *store, int64_t study, struct cl_reader **ret, struct cl_err *e);
void cl_reader_close(struct cl_reader *r); /* null is allowed */

struct cl_store *cl_reader_store(const struct cl_reader *r);
int64_t cl_reader_id(const struct cl_reader *r);

/* A replica that holds at least the trials lo…hi (0,0: all). Borrowed until the next need or close. Trials
 * outside of the range may be absent. The errors of cl_log_open. */
int cl_reader_need(struct cl_reader *r, int64_t lo, int64_t hi, const struct cl_study **ret,
                   struct cl_err *e);

/* Head of the study as it is now in the store: cheap. */
int cl_reader_head(struct cl_reader *r, struct cl_study_head *ret, struct cl_err *e);

/* Apply what was appended since. ret_n: how many events (0 when nothing is open yet). */
int cl_reader_follow(struct cl_reader *r, int64_t *ret_n, struct cl_err *e);

/* The trial that snapshot `position` was saved by, 0 if there is none at that position. Cost: one look-up. */
int cl_reader_snapshot_trial(struct cl_reader *r, int64_t position, int64_t *ret, struct cl_err *e);

#endif
