/* clade help [COMMAND] */
#include "cli/cli.h"

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)options;
  (void)rest;
  const struct cl_cli_command *command = argc > 0 ? cl_cli_find(argv[0]) : NULL;
  if (argc > 0 && command == NULL)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "there is no command '%.60s'; clade help lists them", argv[0]);
  if (command != NULL)
    cl_cli_write_help(cli, command, &cli->text);
  else
    cl_cli_write_overview(cli, &cli->text);
  return CL_EXIT_DONE;
}

static const struct cl_cli_option options[] = {{CL_OPTION_END}};
static const struct cl_cli_example examples[] = {{"clade help list", "What does `list` do, and how?"}, {0}};

extern const struct cl_cli_command cl_command_help;
const struct cl_cli_command cl_command_help = {
    .name = "help",
    .group = "Help",
    .summary = "show the commands, or what one of them does",
    .usage = "[COMMAND]",
    .description =
        "Shows the commands, or the options of one command with examples: the same as clade COMMAND --help.",
    .options = options,
    .examples = examples,
    .n_most = 1,
    .run = run,
};
