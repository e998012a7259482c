/* Take part in a study that exists: resume it, or help. */
#ifndef CL_CLI_TAKE_PART_H
#define CL_CLI_TAKE_PART_H

#include "cli/engine_options.h"
#include "cli/outcome.h"

/* Blocks until it is over; the exit status. `study` may be null: the latest unfinished one. */
int cl_cli_take_part(struct cl_cli *cli, const struct cl_cli_engine_options *engine, const char *study,
                     enum cl_cli_part part);

#endif
