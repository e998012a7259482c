/* What the runs of a replay study have come to: for `clade replay` and `clade best`. */
#ifndef CL_CLI_REPLAYED_H
#define CL_CLI_REPLAYED_H

#include "clade/query.h"
#include "cli/cli.h"

/* A table of the runs and the verdict, or all of it as JSON. */
void cl_cli_write_replay(struct cl_cli *cli, const struct clade_replay_outcome *o, const char *study);

#endif
