/* clade resume: go on with a study whose engine is gone */
#include <string.h>

#include "cli/engine_options.h"
#include "cli/outcome.h"
#include "cli/take_part.h"

struct resume_options {
  struct cl_cli_engine_options engine;
};

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct resume_options *typed = options;
  int skip = cl_cli_skip_noun(argc, argv, false);
  (void)rest;
  return cl_cli_take_part(cli, &typed->engine, argc > skip ? argv[skip] : NULL, CL_PART_RESUME);
}

#define AT(member) offsetof(struct resume_options, member)
static const struct cl_cli_option options[] = {{CL_OPTION_INTEGER, 'p', "parallel", AT(engine.slots), "N",
                                                "how many trials at the same time (as before)", NULL, 1,
                                                CL_CLI_SLOTS_MAX},
                                               CL_CLI_ENGINE_OPTIONS(struct resume_options, engine),
                                               {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade resume", "Go on with the latest study that is not finished."},
    {"clade resume mnist -p 4", "Go on with mnist, four trials at a time."},
    {0}};

extern const struct cl_cli_command cl_command_resume;
const struct cl_cli_command cl_command_resume = {
    .name = "resume",
    .summary = "go on with a study that was interrupted",
    .usage = "[OPTION...] [STUDY]",
    .description =
        "Goes on with STUDY, or with the latest one that is not finished. What is decided stays decided; trials "
        "that were running go on from their checkpoint, or start again. Warns when the program's code has changed "
        "since.",
    .options = options,
    .options_size = sizeof(struct resume_options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
