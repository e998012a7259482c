/* Command lines by table: any unique prefix of a long option works, `--opt=value` and `--opt value` alike. */
#ifndef CL_CLI_OPTIONS_H
#define CL_CLI_OPTIONS_H

#include "cli/cli.h"

struct cl_cli_line { /* a parsed command line */
  void *options;     /* of the command */
  const char **argv; /* arguments that are no options; those behind a bare -- last */
  int argc;
  int rest; /* index in argv of the first one behind a bare --; argc if there was none */
  struct cl_cli_common common;
};

/* Fills *ret (free with cl_cli_line_done). CLADE_EINVAL with a sentence that names the option and the
 * nearest. */
int cl_cli_parse(const struct cl_cli_command *command, int argc, char **argv, struct cl_cli_line *ret,
                 struct cl_err *e);
/* Where the command stands among the words of the whole line: common options may stand before it. argc if
 * there is none. */
int cl_cli_command_word(int argc, char **argv);
void cl_cli_line_done(const struct cl_cli_command *command, struct cl_cli_line *line);

#endif
