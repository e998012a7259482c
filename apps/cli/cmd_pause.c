/* clade pause: set trials, or a study, aside */
#include "cli/steer.h"

struct pause_options {
  bool from_start;
};

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct pause_options *typed = options;
  struct clade_pause_options o = {.from_start = typed->from_start};
  struct clade_steered *s = NULL;
  struct cl_err e = {0};
  int skip = cl_cli_skip_noun(argc, argv, false);
  (void)rest;
  if (clade_pause(cl_cli_store(cli), argv[skip], &o, &s, &e) < 0) return cl_cli_fail(cli, &e);
  int status = cl_cli_write_steered(cli, s);
  clade_steered_free(s);
  return status;
}

#define AT(member) offsetof(struct pause_options, member)
static const struct cl_cli_option options[] = {{CL_OPTION_FLAG, '\0', "from-start", AT(from_start), NULL,
                                                "also trials that cannot save: they will begin again"},
                                               {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade pause mnist/3", "Save trial 3 at its next report, and free its slot."},
    {"clade pause mnist", "Set the whole study aside; `clade resume mnist` goes on."},
    {0}};

extern const struct cl_cli_command cl_command_pause;
const struct cl_cli_command cl_command_pause = {
    .name = "pause",
    .summary = "set trials aside, or a whole study",
    .usage = "[OPTION...] STUDY[/TRIALS]",
    .description =
        "Pauses trials that run or wait. A trainer that can save does so at its next report and ends; `clade resume "
        "STUDY/TRIALS` goes on from there. Trials that cannot save are refused, for they would have to begin again: "
        "--from-start says that this is meant.\n\n"
        "Without trials the study is paused: nothing is proposed or started, what runs is saved and ends; trials that "
        "cannot save run to their end.\n\n"
        "Exit status: 0 when something was paused, 1 when nothing of what was named could be, 3 when it does not "
        "exist.",
    .options = options,
    .options_size = sizeof(struct pause_options),
    .examples = examples,
    .n_least = 1,
    .n_most = 2,
    .run = run,
};
