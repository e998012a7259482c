/* What stop, pause and resume say about the trials and studies that they have changed. */
#ifndef CL_CLI_STEER_H
#define CL_CLI_STEER_H

#include "clade/command.h"
#include "cli/cli.h"

/* A line per trial and one for the study, or JSON, into cli->text. The exit status: 0, or 1 when nothing of
 * what was named could be done. */
int cl_cli_write_steered(struct cl_cli *cli, const struct clade_steered *s);

#endif
