/* Hyperparameters that a search may have wasted its trials on. */
#ifndef CL_CLI_IDLE_H
#define CL_CLI_IDLE_H

#include "clade/query.h"
#include "cli/cli.h"

/* A warning on stderr for each that does not seem to change the objective; silent where that cannot be told.
 */
void cl_cli_warn_of_idle(const struct cl_cli *cli, struct clade_reader *reader);

/* Their names as an array. */
void cl_cli_add_json_idle(struct clade_text *t, struct clade_reader *reader);

#endif
