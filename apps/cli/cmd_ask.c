/* clade ask: the next trial, for who trains by hand or from a script; in a trial, its own values */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clade/query.h"
#include "cli/asked.h"

struct ask_options {
  struct cl_cli_integer n;
};

static int ask_one(struct cl_cli *cli, struct clade_study *study, bool first) {
  struct cl_err e = {0};
  struct clade_trial *trial = NULL;
  int status = clade_study_ask(study, &trial, &e);
  if (status < 0) return cl_cli_fail(cli, &e);
  if (status == CLADE_EMPTY && first)
    return cl_cli_complain(cli, CL_EXIT_NOTHING, "%s has no trial left to ask for", clade_study_name(study));
  if (status == CLADE_BUSY && first)
    return cl_cli_complain(
        cli, CL_EXIT_FAILED,
        "%s gives no trial now: it is paused (clade resume), or its ordered mode waits for a "
        "result (clade tell)",
        clade_study_name(study));
  if (status != 0) return CL_EXIT_NOTHING;
  struct cl_cli_asked a = {.study = clade_study_name(study),
                           .trial = clade_trial_number(trial),
                           .attempt = clade_trial_attempt(trial),
                           .seed = clade_trial_seed(trial)};
  a.values = clade_trial_values(trial, &a.n_values);
  cl_cli_write_asked(cli, &a);
  clade_trial_drop(trial); /* it runs until somebody tells */
  return 0;
}

/* Each line is out before the next trial is asked for: nobody trains what was never printed. */
static int ask_all(struct cl_cli *cli, struct clade_study *study, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    int status = ask_one(cli, study, i == 0);
    if (status == CL_EXIT_NOTHING && i > 0) return CL_EXIT_DONE;
    if (status == 0) status = cl_cli_flush(cli);
    if (status != 0) return status;
  }
  return CL_EXIT_DONE;
}

/* A program that was started without its values as arguments asks for them. */
static int show_own(struct cl_cli *cli, const char *study, const char *number) {
  struct cl_err e = {0};
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct clade_trial_info *info = NULL;
  int64_t trial = 0;
  if (!clade_text_to_int(number, &trial) || trial < 1)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "CLADE_TRIAL is '%.40s', which is no number of a trial",
                           number);
  int status = clade_store_open(cl_cli_store(cli), &store, &e);
  if (status >= 0) status = clade_reader_open(store, study, &reader, &e);
  if (status >= 0) status = clade_trial_read(reader, trial, &info, &e);
  if (status >= 0) {
    struct cl_cli_asked a = {.study = info->study,
                             .trial = info->number,
                             .attempt = info->attempts,
                             .seed = info->seed,
                             .n_values = info->n_values,
                             .values = info->values};
    cl_cli_write_asked(cli, &a);
  }
  clade_trial_free(info);
  clade_reader_close(reader);
  clade_store_close(store);
  return status < 0 ? cl_cli_fail(cli, &e) : CL_EXIT_DONE;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct ask_options *o = options;
  const char *own = getenv("CLADE_TRIAL"), *study = getenv("CLADE_STUDY");
  struct cl_cli_place place;
  (void)rest;
  if (argc == 0 && own != NULL && study != NULL) return show_own(cli, study, own);
  int status = cl_cli_place_open(cli, argc > 0 ? argv[0] : NULL, &place);
  if (status == 0 && place.names_trials)
    status = cl_cli_complain(cli, CL_EXIT_USAGE,
                             "a study is asked for its next trial: clade ask %s; trials that were "
                             "asked for are told: clade tell %.80s VALUE",
                             clade_study_name(place.study), argv[0]);
  if (status == 0) status = ask_all(cli, place.study, o->n.given ? o->n.value : 1);
  cl_cli_place_done(&place);
  return status;
}

static const struct cl_cli_option options[] = {{CL_OPTION_INTEGER, 'n', "n", offsetof(struct ask_options, n),
                                                "N", "so many trials, a line each (1)", NULL, 1, 1e9},
                                               {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade ask mnist",
     "Take a trial: `mnist/7  lr=0.01 momentum=0.9`. It runs until `clade tell mnist/7` says how it went."},
    {"clade ask mnist --n 4 --json", "Four at once, an object per line."},
    {"clade ask", "Inside a trial: its own values, for a program that gets none as arguments."},
    {0}};

extern const struct cl_cli_command cl_command_ask;
const struct cl_cli_command cl_command_ask = {
    .name = "ask",
    .summary = "take the next trial of a study, to train it by hand or from a script",
    .usage = "[OPTION...] [STUDY]",
    .description =
        "Prints the next trial of STUDY (default: the latest): its address, and its values. From then on it is RUNNING, "
        "and nobody else gets it; `clade tell` ends it. Any number of scripts may ask at the same time: together they "
        "get exactly the study's trials. Enqueued and lost trials come first.\n\n"
        "Without STUDY inside of a trial that `clade run` started, it prints that trial's own values.\n\n"
        "Exit status: 0, 1 it is paused or waits, 3 no trial is left.",
    .options = options,
    .options_size = sizeof(struct ask_options),
    .examples = examples,
    .n_most = 1,
    .run = run,
};
