/* clade __describe: all commands as JSON, from which the manual page and the completions are made
 * (tools/describe.py has the shape). */
#include <string.h>

#include "cli/cli.h"

static void add_choices(struct clade_text *t, const char *choices) {
  clade_text_add(t, ", \"choices\": [");
  for (const char *c = choices; c != NULL; c = strchr(c, '|') != NULL ? strchr(c, '|') + 1 : NULL) {
    char word[64] = "";
    size_t n = strcspn(c, "|");
    memcpy(word, c, n < sizeof word ? n : sizeof word - 1);
    if (c != choices) clade_text_add(t, ", ");
    clade_text_add_json(t, word);
  }
  clade_text_add(t, "]");
}

static void add_options(struct clade_text *t, const struct cl_cli_option *options) {
  clade_text_add(t, "[");
  for (const struct cl_cli_option *o = options; o != NULL && o->kind != CL_OPTION_END; o++) {
    char letter[2] = {o->letter, '\0'};
    if (o != options) clade_text_add(t, ", ");
    clade_text_add(t, "\n      {\"long\": ");
    clade_text_add_json(t, o->name);
    clade_text_add(t, ", \"short\": ");
    clade_text_add_json(t, o->letter == '\0' ? NULL : letter);
    clade_text_add(t, ", \"argument\": ");
    clade_text_add_json(t, o->kind == CL_OPTION_FLAG ? NULL : o->argument != NULL ? o->argument : "WORD");
    clade_text_add(t, ", \"help\": ");
    clade_text_add_json(t, o->help);
    if (o->choices != NULL) add_choices(t, o->choices);
    clade_text_add(t, "}");
  }
  clade_text_add(t, "]");
}

static void add_command(struct clade_text *t, const struct cl_cli_command *c) {
  const char *const parts[][2] = {
      {"name", c->name}, {"summary", c->summary}, {"usage", c->usage}, {"description", c->description}};
  clade_text_add(t, "\n    {");
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    clade_text_format(t, "%s\"%s\": ", i == 0 ? "" : ", ", parts[i][0]);
    if (i == 2) { /* `usage` names the command too */
      struct clade_text usage = {0};
      clade_text_format(&usage, "%s%s%s", c->name, c->usage[0] != '\0' ? " " : "", c->usage);
      clade_text_add_json(t, clade_text_get(&usage));
      clade_text_done(&usage);
    } else {
      clade_text_add_json(t, parts[i][1]);
    }
  }
  clade_text_add(t, ",\n     \"options\": ");
  add_options(t, c->options);
  clade_text_add(t, ",\n     \"examples\": [");
  for (const struct cl_cli_example *x = c->examples; x != NULL && x->command != NULL; x++) {
    if (x != c->examples) clade_text_add(t, ", ");
    clade_text_add(t, "{\"command\": ");
    clade_text_add_json(t, x->command);
    clade_text_add(t, ", \"text\": ");
    clade_text_add_json(t, x->text);
    clade_text_add(t, "}");
  }
  clade_text_add(t, "]}");
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)options;
  (void)argc;
  (void)argv;
  (void)rest;
  struct clade_text *t = &cli->text;
  bool first = true;
  clade_text_add(
      t, "{\"program\": \"clade\", \"summary\": \"search and evolve hyperparameters\",\n  \"options\": ");
  add_options(t, cl_cli_common_options);
  clade_text_add(t, ",\n  \"commands\": [");
  for (const struct cl_cli_command *const *c = cl_cli_commands(); *c != NULL; c++) {
    if ((*c)->hidden) continue;
    if (!first) clade_text_add(t, ", ");
    first = false;
    add_command(t, *c);
  }
  clade_text_add(t, "]}\n");
  return CL_EXIT_DONE;
}

static const struct cl_cli_option options[] = {{CL_OPTION_END}};

extern const struct cl_cli_command cl_command_describe;
const struct cl_cli_command cl_command_describe = {
    .name = "__describe",
    .summary = "describe all commands as JSON",
    .usage = "",
    .description = "Describes all commands as JSON, for the manual page and the shells' completions.",
    .options = options,
    .hidden = true,
    .run = run,
};
