/* clade version */
#include "cli/cli.h"

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)options;
  (void)argc;
  (void)argv;
  (void)rest;
  clade_text_add(&cli->text, "clade " CLADE_VERSION "\n");
  return CL_EXIT_DONE;
}

static const struct cl_cli_option options[] = {{CL_OPTION_END}};
static const struct cl_cli_example examples[] = {{"clade version", "Which version is this?"}, {0}};

extern const struct cl_cli_command cl_command_version;
const struct cl_cli_command cl_command_version = {
    .name = "version",
    .summary = "print the version",
    .usage = "",
    .description = "Prints the version of this program.",
    .options = options,
    .examples = examples,
    .run = run,
};
