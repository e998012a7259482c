/* What the commands that train something again (assess, confirm, replay) do around their one call of the
 * library. */
#ifndef CL_CLI_REPEATING_H
#define CL_CLI_REPEATING_H

#include "cli/engine_options.h"
#include "cli/live.h"

struct cl_cli_repeating {
  struct cl_cli *cli;
  struct cl_cli_gpus gpus;
  struct cl_cli_live live;
  struct clade_run_callbacks callbacks;
  struct clade_run_result result;
};

/* Devices and display; keeps `cli`, and callbacks borrow *r. 0, or the exit status after a complaint. */
int cl_cli_repeating_begin(struct cl_cli *cli, const struct cl_cli_engine_options *typed,
                           struct cl_cli_repeating *r);
/* After the call, whose status and sentence these are: takes the display away, says why trials failed. 0, or
 * the exit status after a complaint. */
int cl_cli_repeating_end(struct cl_cli_repeating *r, int status, const struct cl_err *e);
/* The exit status once the results are shown; above 128 the command was interrupted, and is to say how to go
 * on. */
int cl_cli_repeating_status(const struct cl_cli_repeating *r);

#endif
