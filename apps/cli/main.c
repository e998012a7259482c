/* clade: the command line. Finds the command, parses its options, runs it. Does nothing else at start,
 * because every millisecond here is paid by each call. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "clade/run.h"
#include "cli/options.h"

static int complain_unknown(const struct cl_cli *cli, const char *name) {
  const char *best = NULL;
  int distance = 2 * (((int)strlen(name) + 2) / 3 + 1); /* half edits: a wrong first letter counts one more */
  for (const struct cl_cli_command *const *c = cl_cli_commands(); *c != NULL; c++) {
    bool begins = strncmp(name, (*c)->name, strlen(name)) == 0;
    int d = begins ? 0 : 2 * clade_text_distance(name, (*c)->name) + (name[0] != (*c)->name[0]);
    if ((*c)->hidden || d >= distance) continue;
    distance = d;
    best = (*c)->name;
  }
  if (best != NULL)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "there is no command '%.60s'; did you mean '%s'?", name, best);
  return cl_cli_complain(cli, CL_EXIT_USAGE, "there is no command '%.60s'; clade help lists them", name);
}

static void take_common(struct cl_cli *cli, const struct cl_cli_common *common) {
  cli->store_typed = common->store;
  cli->json = common->json;
  cli->yes = common->yes;
  cli->quiet = common->quiet;
  if (common->no_color) cli->out.color = cli->err.color = false;
}

static int run_command(struct cl_cli *cli, int argc, char **argv) {
  struct cl_cli_line line;
  struct cl_err e = {0};
  if (cl_cli_parse(cli->command, argc, argv, &line, &e) < 0)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "%s", e.text);
  int status = 0;
  take_common(cli, &line.common);
  if (line.common.help)
    cl_cli_write_help(cli, cli->command, &cli->text);
  else
    status = cli->command->run(cli, line.options, line.argc, line.argv, line.rest);
  cl_cli_line_done(cli->command, &line);
  return cl_cli_finish(cli, status);
}

/* The command's name, and its words in the place of the program's: options may stand before it. */
static const char *take_command(int argc, char **argv) {
  int at = cl_cli_command_word(argc, argv);
  if (at >= argc) at = argc > 1 ? 1 : 0; /* options alone: --help, --version, or a mistake */
  const char *name = at > 0 ? argv[at] : "help";
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
  if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) name = "version";
  for (int i = at; i > 1; i--) argv[i] = argv[i - 1];
  return name;
}

int main(int argc, char **argv) {
  int kept = clade_keeper_main(argc, argv);
  if (kept >= 0) return kept;
  struct cl_cli cli = {0};
  (void)signal(SIGXFSZ,
               SIG_IGN); /* a file that may not grow (ulimit -f) is a write that fails, with a sentence */
  cl_cli_look(&cli);
  const char *name = take_command(argc, argv);
  cli.command = cl_cli_find(name);
  int status = cli.command == NULL ? complain_unknown(&cli, name)
                                   : run_command(&cli, argc > 2 ? argc - 2 : 0, argv + 2);
  if (argc < 2 && status == 0) status = CL_EXIT_USAGE;
  clade_text_done(&cli.text);
  return status;
}
