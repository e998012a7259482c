/* clade enqueue: add a trial with values of one's own */
#include <inttypes.h>

#include "cli/asked.h"

static int enqueue(struct cl_cli *cli, struct clade_study *study, int n, const char **words) {
  struct cl_err e = {0};
  int64_t number = 0;
  char *copy = NULL;
  struct clade_given *given = clade_resize(NULL, (size_t)(n + 1) * sizeof *given);
  if (given == NULL) return cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
  int status = cl_cli_cut_words(cli, n, words, given, &copy);
  if (status == 0 && clade_study_enqueue(study, given, (size_t)n, &number, &e) < 0) {
    status = cl_cli_fail(cli, &e);
  } else if (status == 0) {
    struct clade_trial_state t;
    struct cl_cli_asked a = {.study = clade_study_name(study), .trial = number};
    if (clade_study_trial(study, number, &t, NULL) == 0) {
      a.attempt = t.attempts;
      a.seed = t.seed;
      a.n_values = t.n_values;
      a.values = t.values;
    }
    cl_cli_write_asked(cli, &a);
  }
  clade_free(copy);
  clade_free(given);
  return status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  struct cl_cli_place place;
  (void)options;
  (void)rest;
  int status = cl_cli_place_open(cli, argv[0], &place);
  if (status == 0 && place.names_trials)
    status =
        cl_cli_complain(cli, CL_EXIT_USAGE, "'%.80s' names trials; a trial is added to a study", argv[0]);
  if (status == 0) status = enqueue(cli, place.study, argc - 1, argv + 1);
  cl_cli_place_done(&place);
  return status;
}

static const struct cl_cli_option options[] = {{CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade enqueue mnist lr=0.01 momentum=0.9", "Try these values next; what is not named is drawn."}, {0}};

extern const struct cl_cli_command cl_command_enqueue;
const struct cl_cli_command cl_command_enqueue = {
    .name = "enqueue",
    .summary = "add a trial with values of your own",
    .usage = "STUDY [NAME=VALUE...]",
    .description =
        "Adds a trial with these values; the others are drawn. It waits until a slot of a running engine is free, or "
        "until somebody asks, and goes before anything the search proposes. It counts against `trials`, and the "
        "search learns from it. Prints its address and values.\n\n"
        "Exit status: 0, 1 all trials have been proposed (clade update STUDY --trials N), 2 a value that the search "
        "could not choose.",
    .options = options,
    .examples = examples,
    .n_least = 1,
    .n_most = -1,
    .run = run,
};
