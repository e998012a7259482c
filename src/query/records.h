/* What listings show of a trial's metrics: the last report that holds the primary metric (contracts.md 3). A
 * metric that this record lacks — an objective computed at the end is a record of its own — comes from the
 * last report that counts and has it, unless it was reported by a state that the trial has given up for
 * another's. The primary metric is never taken from another report: a trial without a record shows its value.
 */
#ifndef CL_RECORDS_H
#define CL_RECORDS_H

#include "base/arena.h"
#include "query/reader.h"
#include "query/trial_cells.h"

/* Fill in step and metrics of the rows. `known`: how many metrics the study has; a row that
 * has them all is not looked at further. Arrays are of the arena. Cost O(n) look-ups, or one pass over the
 * reports where there are many rows. Errors of the store. */
int cl_records_read(struct cl_reader *r, struct cl_trial_row **rows, size_t n, int known,
                    struct cl_arena *arena, struct cl_err *e);

#endif
