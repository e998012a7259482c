/* The end of a run: what came out of it, and what to type next. */
#ifndef CL_CLI_OUTCOME_H
#define CL_CLI_OUTCOME_H

#include "cli/live.h"

enum cl_cli_part { CL_PART_RUN, CL_PART_RESUME, CL_PART_WORK };

/* Results to stdout (words, or with --json one object), complaints to stderr. `status`: of the call that ran
 * the study, with its sentence in *e. Returns the exit status: 0; 1 could not go on; 2 usage or spec; 3
 * nothing of that name; 128 + signal. */
int cl_cli_outcome(struct cl_cli_live *l, enum cl_cli_part part, int status,
                   const struct clade_run_result *result, const struct cl_err *e);

#endif
