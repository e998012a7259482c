#include "cli/repeating.h"

#include <string.h>

#include "cli/failures.h"

int cl_cli_repeating_begin(struct cl_cli *cli, const struct cl_cli_engine_options *typed,
                           struct cl_cli_repeating *r) {
  *r = (struct cl_cli_repeating){.cli = cli, .result = {.reason = ""}};
  int status = cl_cli_gpus_make(cli, &typed->gpus, &r->gpus);
  if (status != 0) return status;
  cl_cli_live_init(&r->live, cli);
  r->callbacks = cl_cli_live_callbacks(&r->live);
  return 0;
}

int cl_cli_repeating_end(struct cl_cli_repeating *r, int status, const struct cl_err *e) {
  cl_cli_live_end(&r->live);
  if (status == 0) cl_cli_explain_failures(&r->live, &r->result);
  cl_cli_live_done(&r->live);
  cl_cli_gpus_done(&r->gpus);
  return status < 0 ? cl_cli_fail(r->cli, e) : 0;
}

int cl_cli_repeating_status(const struct cl_cli_repeating *r) {
  if (strcmp(r->result.reason, "failures") == 0) return CL_EXIT_FAILED;
  return r->result.signal == 0 || r->result.reason[0] != '\0' ? CL_EXIT_DONE : 128 + r->result.signal;
}
