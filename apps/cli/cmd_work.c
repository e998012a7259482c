/* clade work: help with a study that runs */
#include <string.h>

#include "cli/engine_options.h"
#include "cli/outcome.h"
#include "cli/take_part.h"

struct work_options {
  struct cl_cli_engine_options engine;
};

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct work_options *typed = options;
  int skip = cl_cli_skip_noun(argc, argv, false);
  (void)rest;
  return cl_cli_take_part(cli, &typed->engine, argc > skip ? argv[skip] : NULL, CL_PART_WORK);
}

#define AT(member) offsetof(struct work_options, member)
static const struct cl_cli_option options[] = {{CL_OPTION_INTEGER, 's', "slots", AT(engine.slots), "N",
                                                "how many trials at the same time (the study's)", NULL, 1,
                                                CL_CLI_SLOTS_MAX},
                                               CL_CLI_ENGINE_OPTIONS(struct work_options, engine),
                                               {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade work mnist --slots 2", "Two more trials at a time for mnist."},
    {"clade work mnist --store /data/clade.db", "The same, from another directory."},
    {0}};

extern const struct cl_cli_command cl_command_work;
const struct cl_cli_command cl_command_work = {
    .name = "work",
    .summary = "help with a study that runs",
    .usage = "[OPTION...] STUDY",
    .description =
        "Runs trials of STUDY beside the engine that runs it already, with slots of its own. There is no head that "
        "could be lost: whoever is left goes on. Ctrl-C ends this worker alone.",
    .options = options,
    .options_size = sizeof(struct work_options),
    .examples = examples,
    .n_least = 1,
    .n_most = 2,
    .run = run,
};
