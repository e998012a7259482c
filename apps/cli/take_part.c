#include "cli/take_part.h"

int cl_cli_take_part(struct cl_cli *cli, const struct cl_cli_engine_options *engine, const char *study,
                     enum cl_cli_part part) {
  struct cl_cli_gpus gpus;
  struct cl_cli_live live;
  int status = cl_cli_gpus_make(cli, &engine->gpus, &gpus);
  if (status != 0) return status;
  struct clade_resume_options o = {.store = cli->store_typed,
                                   .study = study,
                                   .parallel = (int)engine->slots.value,
                                   .help = part == CL_PART_WORK,
                                   .sync_full = cl_cli_sync_full(engine),
                                   .n_gpus = gpus.n,
                                   .gpus = gpus.names,
                                   .grace_s = engine->grace.value};
  struct clade_run_result result = {.reason = ""};
  struct cl_err e = {0};
  cl_cli_live_init(&live, cli);
  struct clade_run_callbacks callbacks = cl_cli_live_callbacks(&live);
  status = clade_resume(&o, &callbacks, &result, &e);
  status = cl_cli_outcome(&live, part, status, &result, &e);
  cl_cli_live_done(&live);
  cl_cli_gpus_done(&gpus);
  return status;
}
