/* Why trials failed, as far as their programs said it. */
#ifndef CL_CLI_FAILURES_H
#define CL_CLI_FAILURES_H

#include "clade/query.h"
#include "cli/live.h"

/* One trial of the study that a run was about. */
struct cl_cli_trial {
  struct clade_store *store;
  struct clade_reader *reader;
  struct clade_trial_info *info;
};
bool cl_cli_trial_open(const struct clade_run_result *r, int64_t number, struct cl_cli_trial *ret);
void cl_cli_trial_close(struct cl_cli_trial *t); /* also after a failure */

/* To stderr: where no trial came to a result, or the study was given up. */
void cl_cli_explain_failures(const struct cl_cli_live *l, const struct clade_run_result *r);

#endif
