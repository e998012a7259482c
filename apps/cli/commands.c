/* The commands: one line each, in the order of the overview. */
#include <string.h>

#include "cli/cli.h"

extern const struct cl_cli_command cl_command_run;
extern const struct cl_cli_command cl_command_resume;
extern const struct cl_cli_command cl_command_work;
extern const struct cl_cli_command cl_command_init;
extern const struct cl_cli_command cl_command_check;
extern const struct cl_cli_command cl_command_report;
extern const struct cl_cli_command cl_command_create;
extern const struct cl_cli_command cl_command_ask;
extern const struct cl_cli_command cl_command_tell;
extern const struct cl_cli_command cl_command_enqueue;
extern const struct cl_cli_command cl_command_list;
extern const struct cl_cli_command cl_command_show;
extern const struct cl_cli_command cl_command_best;
extern const struct cl_cli_command cl_command_view;
extern const struct cl_cli_command cl_command_eval;
extern const struct cl_cli_command cl_command_confirm;
extern const struct cl_cli_command cl_command_lineage;
extern const struct cl_cli_command cl_command_schedule;
extern const struct cl_cli_command cl_command_compare;
extern const struct cl_cli_command cl_command_replay;
extern const struct cl_cli_command cl_command_assess;
extern const struct cl_cli_command cl_command_log;
extern const struct cl_cli_command cl_command_export;
extern const struct cl_cli_command cl_command_import;
extern const struct cl_cli_command cl_command_stop;
extern const struct cl_cli_command cl_command_pause;
extern const struct cl_cli_command cl_command_update;
extern const struct cl_cli_command cl_command_rerun;
extern const struct cl_cli_command cl_command_tag;
extern const struct cl_cli_command cl_command_untag;
extern const struct cl_cli_command cl_command_note;
extern const struct cl_cli_command cl_command_set;
extern const struct cl_cli_command cl_command_clear;
extern const struct cl_cli_command cl_command_delete;
extern const struct cl_cli_command cl_command_store;
extern const struct cl_cli_command cl_command_help;
extern const struct cl_cli_command cl_command_version;
extern const struct cl_cli_command cl_command_describe;

/* clang-format off */
static const struct cl_cli_command *const commands[] = {
  &cl_command_init,
  &cl_command_check,
  &cl_command_run,
  &cl_command_resume,
  &cl_command_work,
  &cl_command_report,
  &cl_command_create,
  &cl_command_ask,
  &cl_command_tell,
  &cl_command_enqueue,
  &cl_command_list,
  &cl_command_show,
  &cl_command_best,
  &cl_command_view,
  &cl_command_eval,
  &cl_command_confirm,
  &cl_command_lineage,
  &cl_command_schedule,
  &cl_command_compare,
  &cl_command_replay,
  &cl_command_assess,
  &cl_command_log,
  &cl_command_export,
  &cl_command_import,
  &cl_command_stop,
  &cl_command_pause,
  &cl_command_update,
  &cl_command_rerun,
  &cl_command_tag,
  &cl_command_untag,
  &cl_command_note,
  &cl_command_set,
  &cl_command_clear,
  &cl_command_delete,
  &cl_command_store,
  &cl_command_help,
  &cl_command_version,
  &cl_command_describe,
  NULL};
/* clang-format on */

const struct cl_cli_command *const *cl_cli_commands(void) {
  return commands;
}

const struct cl_cli_command *cl_cli_find(const char *name) {
  for (const struct cl_cli_command *const *c = commands; *c != NULL; c++)
    if (strcmp((*c)->name, name) == 0) return *c;
  return NULL;
}
