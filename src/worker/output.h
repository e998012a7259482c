/* Following the two output files of an attempt: bytes to lines to reports, with bounded memory. Reads only
 * when told to; knows nothing of the log.
 *
 * Reports come from one of the two streams: the first that has one (which is noted in the attempt's file
 * `reports-from`, so that a later engine counts the same ones). A progress bar that goes over its line again
 * and again with carriage returns is one line: what it shows at its end.
 */
#ifndef CL_OUTPUT_H
#define CL_OUTPUT_H

#include "worker/output_line.h"

struct cl_output;

struct cl_output_sink {
  /* A report: the ordinal-th of the attempt (1…). The count of the reports before it is not below `recorded`.
   * A negative status stops reading and is returned. */
  int (*report)(void *ctx, int64_t ordinal, double step, const struct cl_metric *metrics, int n,
                struct cl_err *e);
  void (*note)(void *ctx, const char *text); /* something the user should know, said once */
  void *ctx;
};

/* Keeps `rules`. `directory` of the attempt (copied); the files need not be there yet. `recorded`: so many
 * reports are in the log already and are read over. Gives *ret. CLADE_ENOMEM. */
int cl_output_create(const struct cl_output_rules *rules, const char *directory, int64_t recorded,
                     const struct cl_output_sink *sink, struct cl_output **ret, struct cl_err *e);
void cl_output_destroy(struct cl_output *o); /* null is allowed */

/* Other rules from here (the settings have changed). Keeps `rules`. */
void cl_output_use(struct cl_output *o, const struct cl_output_rules *rules);

#define CL_OUTPUT_TURN         (1 << 20) /* bytes of each stream read in one call at most */
#define CL_OUTPUT_REPORTS_TURN 1000

/* Read what has been written since. 0: all read up to now; CLADE_BUSY: there is more, call again in the next
 * turn. A file that cannot be read is said as a note and left alone. The status of `report`; CLADE_ENOMEM. */
int cl_output_read(struct cl_output *o, struct cl_err *e);

/* The process has ended and cl_output_read has returned 0: the last line counts without a newline, too. */
int cl_output_finish(struct cl_output *o, struct cl_err *e);

int64_t cl_output_reports(const struct cl_output *o); /* found so far, with those recorded before */

#endif
