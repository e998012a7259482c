/* clade delete STUDY... */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clade/command.h"
#include "cli/cli.h"

static int delete_one(struct cl_cli *cli, const char *study) {
  struct clade_deletion d;
  struct cl_err e = {0};
  char question[5000];
  const char *store = cl_cli_store(cli);
  if (clade_delete(store, study, true, &d, &e) < 0) return cl_cli_fail(cli, &e);
  bool files = d.directory[0] != '\0';
  (void)snprintf(question, sizeof question, "Delete study %s with its %" PRId64 " trial%s%s%s?", d.study,
                 d.trials, d.trials == 1 ? "" : "s", files ? " and all files in " : "", d.directory);
  if (!cl_cli_confirm(cli, false, question)) return CL_EXIT_FAILED;
  if (clade_delete(store, study, false, &d, &e) < 0) return cl_cli_fail(cli, &e);
  cl_cli_note(cli, "study %s is deleted", d.study);
  return CL_EXIT_DONE;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)options;
  (void)rest;
  int status = CL_EXIT_DONE;
  for (int i = cl_cli_skip_noun(argc, argv, false); i < argc && status == CL_EXIT_DONE; i++)
    status = delete_one(cli, argv[i]);
  return status;
}

static const struct cl_cli_option options[] = {{CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade delete mnist-test", "Remove a study for good, after asking."},
    {"clade delete --yes mnist-2 mnist-3", "Remove two without asking."},
    {0}};

extern const struct cl_cli_command cl_command_delete;
const struct cl_cli_command cl_command_delete = {
    .name = "delete",
    .summary = "remove a study and its files",
    .usage = "STUDY...",
    .description =
        "Removes a study: its log and the directory of its trials. It cannot be taken back, so it is asked for "
        "on a terminal, and needs --yes elsewhere. A study that runs is refused.",
    .options = options,
    .examples = examples,
    .n_least = 1,
    .n_most = -1,
    .run = run,
};
