/* clade update: change a study while it runs */
#include <inttypes.h>
#include <string.h>

#include "clade/command.h"
#include "cli/engine_options.h"
#include "view/safe.h"

struct update_options {
  struct cl_cli_integer trials, parallel;
  const char *space;
};

static void add_names(struct cl_cli *cli, const char *what, const struct clade_names *names) {
  if (names->n == 0) return;
  clade_text_format(&cli->text, "  %-8s", what);
  for (size_t i = 0; i < names->n; i++) {
    clade_text_add(&cli->text, i == 0 ? "  " : ", ");
    cl_view_add_safe(&cli->text, names->items[i], &cli->out);
  }
  clade_text_add_char(&cli->text, '\n');
}

static void add_number(struct cl_cli *cli, const char *what, int64_t before, int64_t after) {
  if (before != after)
    clade_text_format(&cli->text, "  %-8s  %" PRId64 " -> %" PRId64 "\n", what, before, after);
}

static void write_words(struct cl_cli *cli, const struct clade_updated *u) {
  struct clade_text *t = &cli->text;
  bool space = u->added.n > 0 || u->removed.n > 0 || u->changed.n > 0;
  bool same = u->trials == u->trials_before && u->parallel == u->parallel_before && !space &&
              !u->program_changed && !u->reopened;
  cl_view_add_safe(t, u->study, &cli->out);
  clade_text_add(t, same ? " was like that already\n" : " is updated\n");
  add_number(cli, "trials", u->trials_before, u->trials);
  add_number(cli, "parallel", u->parallel_before, u->parallel);
  add_names(cli, "new", &u->added);
  add_names(cli, "changed", &u->changed);
  add_names(cli, "removed", &u->removed);
  if (u->program_changed) clade_text_add(t, "  the program's command is another one\n");
  if (space)
    clade_text_format(t, "Trials from here on are drawn from space %d; older ones keep their values.\n",
                      u->space_version);
  if (u->reopened) clade_text_add(t, "The study was finished, and is open again.\n");
  if (u->engines > 0)
    clade_text_format(t, "%d engine%s on it and follow%s.\n", u->engines,
                      u->engines == 1 ? " works" : "s work", u->engines == 1 ? "s" : "");
  else
    clade_text_add(t, "No engine works on it: `clade resume` starts one.\n");
}

static void add_json_names(struct clade_text *t, const char *what, const struct clade_names *names) {
  clade_text_format(t, ", \"%s\": [", what);
  for (size_t i = 0; i < names->n; i++) {
    if (i > 0) clade_text_add(t, ", ");
    clade_text_add_json(t, names->items[i]);
  }
  clade_text_add_char(t, ']');
}

static void write_json(struct cl_cli *cli, const struct clade_updated *u) {
  struct clade_text *t = &cli->text;
  clade_text_add(t, "{\"study\": ");
  clade_text_add_json(t, u->study);
  clade_text_format(t, ", \"trials\": %" PRId64 ", \"trials_before\": %" PRId64, u->trials, u->trials_before);
  clade_text_format(t, ", \"parallel\": %d, \"parallel_before\": %d, \"space_version\": %d", u->parallel,
                    u->parallel_before, u->space_version);
  add_json_names(t, "new", &u->added);
  add_json_names(t, "changed", &u->changed);
  add_json_names(t, "removed", &u->removed);
  clade_text_format(t, ", \"program_changed\": %s, \"reopened\": %s, \"engines\": %d}\n",
                    u->program_changed ? "true" : "false", u->reopened ? "true" : "false", u->engines);
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct update_options *typed = options;
  struct clade_update_options o = {
      .trials = typed->trials.value, .parallel = (int)typed->parallel.value, .space = typed->space};
  struct clade_updated *u = NULL;
  struct cl_err e = {0};
  int skip = cl_cli_skip_noun(argc, argv, false);
  (void)rest;
  if (!typed->trials.given && !typed->parallel.given && typed->space == NULL)
    return cl_cli_complain(cli, CL_EXIT_USAGE,
                           "say what to change: --trials N, --parallel N or --space SPEC");
  if (clade_update(cl_cli_store(cli), argv[skip], &o, &u, &e) < 0) return cl_cli_fail(cli, &e);
  if (cli->json)
    write_json(cli, u);
  else
    write_words(cli, u);
  clade_updated_free(u);
  return CL_EXIT_DONE;
}

#define AT(member) offsetof(struct update_options, member)
static const struct cl_cli_option options[] = {
    {CL_OPTION_INTEGER, 'n', "trials", AT(trials), "N", "how many trials in all", NULL, 1, 1e12},
    {CL_OPTION_INTEGER, 'p', "parallel", AT(parallel), "N",
     "how many at the same time, by engines without slots of their own", NULL, 1, CL_CLI_SLOTS_MAX},
    {CL_OPTION_TEXT, '\0', "space", AT(space), "SPEC",
     "search the hyperparameters of this file from here on, under its constraints"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade update mnist --trials 200", "More trials, while it runs or after it was finished."},
    {"clade update mnist --parallel 4", "Four at a time; more start at once, fewer as trials end."},
    {"clade update mnist --space mnist.yaml", "mnist.yaml was edited: search what it says now."},
    {0}};

extern const struct cl_cli_command cl_command_update;
const struct cl_cli_command cl_command_update = {
    .name = "update",
    .summary = "change a study while it runs",
    .usage = "[OPTION...] STUDY",
    .description =
        "Changes how many trials a study has, how many run at the same time, or what is searched. Running engines "
        "follow at once. Fewer trials than have been proposed are refused, naming that number.\n\n"
        "--space takes the hyperparameters and constraints of a spec file, and its program if it names one. Trials that "
        "were proposed keep their values, also when they run again; a new hyperparameter has none in them, and an "
        "argument of the program that would need it is left out. Methods that learn use older trials as far as "
        "they have values in the new space.\n\n"
        "A finished study that gets more trials is opened again: `clade resume STUDY` runs them.",
    .options = options,
    .options_size = sizeof(struct update_options),
    .examples = examples,
    .n_least = 1,
    .n_most = 2,
    .run = run,
};
