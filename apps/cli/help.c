/* Help from the records of the commands. */
#include <string.h>

#include "cli/cli.h"
#include "view/safe.h"

#define WIDTH_STANDARD 80
#define WIDTH_MOST     100 /* longer lines are hard to read */
#define COLUMN         26  /* where the words on an option begin */

static size_t width_of(const struct cl_cli *cli) {
  size_t width = cli->out.width > 0 ? (size_t)cli->out.width : WIDTH_STANDARD;
  return width > WIDTH_MOST ? WIDTH_MOST : width < 40 ? 40 : width;
}

/* Words of `text` in lines from column `indent` on, where the first one begins; an empty line parts
 * paragraphs. */
static void add_words(struct clade_text *t, const char *text, size_t indent, size_t width) {
  size_t at = indent;
  bool first = true;
  while (*text != '\0') {
    bool paragraph = strncmp(text, "\n\n", 2) == 0;
    text += strspn(text, " \n");
    size_t n = strcspn(text, " \n");
    if (n == 0) break;
    if (paragraph || (!first && at + 1 + n > width)) {
      clade_text_add(t, paragraph ? "\n\n" : "\n");
      clade_text_add_repeat(t, " ", indent);
      at = indent;
      first = true;
    }
    if (!first) clade_text_add_char(t, ' ');
    clade_text_add_bytes(t, text, n);
    at += n + !first;
    first = false;
    text += n;
  }
  clade_text_add_char(t, '\n');
}

static void add_heading(const struct cl_cli *cli, const char *heading, struct clade_text *t) {
  cl_view_tone_begin(t, &cli->out, CL_TONE_STRONG);
  clade_text_add(t, heading);
  cl_view_tone_end(t, &cli->out, CL_TONE_STRONG);
}

/* "  -o, --output FILE" and the words beside it. */
static void add_option(const struct cl_cli *cli, const struct cl_cli_option *o, struct clade_text *t) {
  size_t begin = t->length;
  if (o->letter != '\0')
    clade_text_format(t, "  -%c, --%s", o->letter, o->name);
  else
    clade_text_format(t, "      --%s", o->name);
  if (o->choices != NULL)
    clade_text_format(t, " %s", o->choices);
  else if (o->argument != NULL)
    clade_text_format(t, " %s", o->argument);
  size_t used = t->length - begin;
  if (used + 2 > COLUMN) {
    clade_text_add_char(t, '\n');
    used = 0;
  }
  clade_text_add_repeat(t, " ", COLUMN - used);
  add_words(t, o->help, COLUMN, width_of(cli));
}

static void add_options(const struct cl_cli *cli, const struct cl_cli_option *options, struct clade_text *t) {
  for (const struct cl_cli_option *o = options; o != NULL && o->kind != CL_OPTION_END; o++)
    add_option(cli, o, t);
}

void cl_cli_write_help(const struct cl_cli *cli, const struct cl_cli_command *command,
                       struct clade_text *ret) {
  add_heading(cli, "Usage:", ret);
  clade_text_format(ret, " clade %s%s%s\n\n", command->name, command->usage[0] != '\0' ? " " : "",
                    command->usage);
  add_words(ret, command->description, 0, width_of(cli));
  clade_text_add_char(ret, '\n');
  if (command->options != NULL && command->options->kind != CL_OPTION_END) {
    add_heading(cli, "Options:", ret);
    clade_text_add_char(ret, '\n');
    add_options(cli, command->options, ret);
    clade_text_add_char(ret, '\n');
  }
  add_heading(cli, "Options of every command:", ret);
  clade_text_add_char(ret, '\n');
  for (const struct cl_cli_option *o = NULL; (o = cl_cli_next_common(command, o)) != NULL;)
    add_option(cli, o, ret);
  if (command->examples == NULL || command->examples->command == NULL) return;
  clade_text_add_char(ret, '\n');
  add_heading(cli, "Examples:", ret);
  clade_text_add_char(ret, '\n');
  for (const struct cl_cli_example *x = command->examples; x->command != NULL; x++) {
    clade_text_format(ret, "  %s\n      ", x->command);
    add_words(ret, x->text, 6, width_of(cli));
  }
}

void cl_cli_write_overview(const struct cl_cli *cli, struct clade_text *ret) {
  add_heading(cli, "Usage:", ret);
  clade_text_add(ret, " clade COMMAND [OPTION...] [ARGUMENT...]\n\n");
  add_words(
      ret,
      "Searches hyperparameters, evolves them while training runs, and keeps each study as the log of all "
      "that happened.",
      0, width_of(cli));
  for (const struct cl_cli_command *const *c = cl_cli_commands(); *c != NULL; c++) {
    if ((*c)->hidden) continue;
    if ((*c)->group != NULL) {
      clade_text_add_char(ret, '\n');
      add_heading(cli, (*c)->group, ret);
      clade_text_add_char(ret, '\n');
    }
    clade_text_format(ret, "  %-9s %s\n", (*c)->name, (*c)->summary);
  }
  clade_text_add(ret, "\n`clade COMMAND --help` says more about one of them, with examples.\n");
}
