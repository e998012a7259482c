/* The parts of `clade show`: a study, a trial, why a trial has its values. */
#ifndef CL_CLI_SHOW_H
#define CL_CLI_SHOW_H

#include "clade/query.h"
#include "cli/cli.h"

struct cl_cli_show_options {
  bool why, verify, reports;
};

/* Each appends to cli->text and returns the exit status. */
int cl_cli_show_study(struct cl_cli *cli, struct clade_reader *reader);
int cl_cli_show_trial(struct cl_cli *cli, const struct cl_cli_show_options *o, struct clade_reader *reader,
                      int64_t trial);
int cl_cli_show_reason(struct cl_cli *cli, const struct cl_cli_show_options *o, struct clade_reader *reader,
                       int64_t trial);

#endif
