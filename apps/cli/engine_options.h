/* Options of the commands that run trials: slots, devices, durability. */
#ifndef CL_CLI_ENGINE_OPTIONS_H
#define CL_CLI_ENGINE_OPTIONS_H

#include "cli/cli.h"

struct cl_cli_engine_options {
  struct cl_cli_integer slots;
  struct cl_cli_list gpus;
  struct cl_cli_number grace;
  const char *sync;
};
#define CL_CLI_SLOTS_MAX 10000
#define CL_CLI_ENGINE_OPTIONS(type, member) \
  {CL_OPTION_LIST, '\0', \
   "gpus",         offsetof(type, member.gpus), \
   "LIST",         "devices, joined by commas; slot i gets the i-th as CUDA_VISIBLE_DEVICES"}, \
      {CL_OPTION_NUMBER, \
       '\0', \
       "grace", \
       offsetof(type, member.grace), \
       "SECONDS", \
       "how long a trial may take to end when asked, before it is killed (10)", \
       NULL, \
       0.01, \
       1e6}, \
  { \
    CL_OPTION_CHOICE, '\0', "sync", offsetof(type, member.sync), NULL, \
        "what a power cut may take: normal = the newest events, full = nothing", "normal|full", 0, 0 \
  }

bool cl_cli_sync_full(const struct cl_cli_engine_options *typed); /* --sync full */

/* The names in --gpus, cut at commas. Free both with clade_free. */
struct cl_cli_gpus {
  int n;
  const char **names;
  char *text;
};
/* 0, or the exit status after a complaint. */
int cl_cli_gpus_make(const struct cl_cli *cli, const struct cl_cli_list *typed, struct cl_cli_gpus *ret);
void cl_cli_gpus_done(struct cl_cli_gpus *g);

#endif
