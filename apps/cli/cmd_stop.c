/* clade stop: end trials, or a study */
#include "cli/steer.h"

struct stop_options {
  bool now, drain;
};

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct stop_options *typed = options;
  struct clade_stop_options o = {.now = typed->now, .drain = typed->drain};
  struct clade_steered *s = NULL;
  struct cl_err e = {0};
  int skip = cl_cli_skip_noun(argc, argv, false);
  (void)rest;
  if (clade_stop(cl_cli_store(cli), argv[skip], &o, &s, &e) < 0) return cl_cli_fail(cli, &e);
  int status = cl_cli_write_steered(cli, s);
  clade_steered_free(s);
  return status;
}

#define AT(member) offsetof(struct stop_options, member)
static const struct cl_cli_option options[] = {
    {CL_OPTION_FLAG, '\0', "now", AT(now), NULL,
     "SIGTERM at once, also to trainers that would listen at their next report"},
    {CL_OPTION_FLAG, '\0', "drain", AT(drain), NULL, "of a study: let the trials end that run"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade stop mnist/7", "End trial 7; what it has reported so far is its result."},
    {"clade stop mnist/7-9 --now", "End three, without waiting for their next reports."},
    {"clade stop mnist/'val_accuracy<0.2'", "End those that get nowhere."},
    {"clade stop mnist --drain", "No new trials; the study is finished when those that run have ended."},
    {0}};

extern const struct cl_cli_command cl_command_stop;
const struct cl_cli_command cl_command_stop = {
    .name = "stop",
    .group = "Change",
    .summary = "end trials, or a whole study",
    .usage = "[OPTION...] STUDY[/TRIALS]",
    .description =
        "Ends the named trials for good: they are PRUNED, with their last value as their result. A connected trainer is "
        "told at its next report; other programs get SIGTERM after the study's grace (10 s), and SIGKILL after it once "
        "more.\n\n"
        "Without trials the study is ended: nothing more is proposed or started, and what runs is stopped. `clade "
        "resume STUDY` opens it again.\n\n"
        "Exit status: 0 when something was stopped, 1 when nothing of what was named could be, 3 when it does not "
        "exist.",
    .options = options,
    .options_size = sizeof(struct stop_options),
    .examples = examples,
    .n_least = 1,
    .n_most = 2,
    .run = run,
};
