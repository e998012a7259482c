/* The plan of a run in words: for --dry-run and `clade check`. */
#ifndef CL_CLI_PLAN_TEXT_H
#define CL_CLI_PLAN_TEXT_H

#include "clade/run.h"
#include "cli/cli.h"

void cl_cli_add_plan(struct cl_cli *cli, const struct clade_plan *plan); /* to cli->text */

#endif
