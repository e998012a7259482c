/* clade resume: go on with a study whose engine is gone */
#include <string.h>

#include "cli/engine_options.h"
#include "cli/outcome.h"
#include "cli/steer.h"
#include "cli/take_part.h"

struct resume_options {
  struct cl_cli_engine_options engine;
};

/* Trials, or a study that a person has paused or ended. *ret_go_on: an engine is wanted. */
static int continue_it(struct cl_cli *cli, const char *address, bool *ret_go_on) {
  struct clade_steered *s = NULL;
  struct cl_err e = {0};
  *ret_go_on = false;
  int code = clade_continue(cl_cli_store(cli), address, &s, &e);
  if (code < 0) return cl_cli_fail(cli, &e);
  *ret_go_on = s->whole && !(s->study_changed && s->engines > 0);
  int status = CL_EXIT_DONE;
  if (!s->whole || s->study_changed) status = *ret_go_on ? CL_EXIT_DONE : cl_cli_write_steered(cli, s);
  if (*ret_go_on && s->study_changed) cl_cli_note(cli, "%s: %s", s->study, s->text);
  clade_steered_free(s);
  return status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct resume_options *typed = options;
  int skip = cl_cli_skip_noun(argc, argv, false);
  const char *address = argc > skip ? argv[skip] : NULL;
  bool go_on = false;
  (void)rest;
  int status = continue_it(cli, address, &go_on);
  return go_on ? cl_cli_take_part(cli, &typed->engine, address, CL_PART_RESUME) : status;
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
    {"clade resume mnist/3", "Continue trial 3, which was paused."},
    {0}};

extern const struct cl_cli_command cl_command_resume;
const struct cl_cli_command cl_command_resume = {
    .name = "resume",
    .summary = "go on with a study that was interrupted",
    .usage = "[OPTION...] [STUDY[/TRIALS]]",
    .description =
        "Goes on with STUDY, or with the latest one that is not finished. What is decided stays decided; trials "
        "that were running go on from their checkpoint, or start again. Warns when the program's code has changed "
        "since.\n\n"
        "A study that was paused or ended by a person goes on too: where an engine still works on it, that one does, "
        "and this command ends at once. With TRIALS, those that are paused are continued by the engine that runs the "
        "study.",
    .options = options,
    .options_size = sizeof(struct resume_options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
