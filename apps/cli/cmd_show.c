/* clade show STUDY[/TRIALS] */
#include "cli/show.h"

static int show_each(struct cl_cli *cli, const struct cl_cli_show_options *o, struct clade_reader *reader,
                     const int64_t *trials, size_t n) {
  int worst = CL_EXIT_DONE;
  if (cli->json && n != 1) clade_text_add(&cli->text, "[\n");
  for (size_t i = 0; i < n; i++) {
    if (i > 0) clade_text_add(&cli->text, cli->json ? ",\n" : "\n");
    bool why = o->why || o->verify;
    int status =
        why ? cl_cli_show_reason(cli, o, reader, trials[i]) : cl_cli_show_trial(cli, o, reader, trials[i]);
    if (status > worst) worst = status;
    if (cl_cli_flush(cli) != 0) return CL_EXIT_FAILED;
  }
  if (cli->json) clade_text_add(&cli->text, n != 1 ? "\n]\n" : "\n");
  return worst;
}

static int show_trials(struct cl_cli *cli, const struct cl_cli_show_options *o, struct clade_reader *reader) {
  int64_t *trials = NULL;
  size_t n = 0;
  struct cl_err e = {0};
  if (clade_reader_trials(reader, &trials, &n, &e) < 0) return cl_cli_fail(cli, &e);
  int status =
      n > 0 ? show_each(cli, o, reader, trials, n)
            : cl_cli_complain(cli, CL_EXIT_NOTHING, "%s has no such trial", clade_reader_study(reader));
  clade_free(trials);
  return status;
}

static int show(struct cl_cli *cli, const void *options, struct clade_reader *reader) {
  const struct cl_cli_show_options *o = options;
  if (clade_reader_names_trials(reader)) return show_trials(cli, o, reader);
  if (o->why || o->verify || o->reports)
    return cl_cli_complain(cli, CL_EXIT_USAGE,
                           "--why, --verify and --reports are about trials: name some, such as %s/1",
                           clade_reader_study(reader));
  return cl_cli_show_study(cli, reader);
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  return cl_cli_read(cli, cl_cli_address(argc, argv), options, show);
}

static const struct cl_cli_option options[] = {
    {CL_OPTION_FLAG, '\0', "why", offsetof(struct cl_cli_show_options, why), NULL,
     "why a trial has its values: the method and the numbers it used; what a scheduler decided about it"},
    {CL_OPTION_FLAG, '\0', "verify", offsetof(struct cl_cli_show_options, verify), NULL,
     "the same, and recompute the decisions from the log; exit status 1 when one differs"},
    {CL_OPTION_FLAG, '\0', "reports", offsetof(struct cl_cli_show_options, reports), NULL,
     "also every report"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade show mnist", "The study: trials, search, hyperparameters, the best so far."},
    {"clade show mnist/3", "Trial 3: values, metrics, curve, attempts, changes."},
    {"clade show mnist/best --why", "Why were these values tried?"},
    {"clade show mnist/3 --verify", "Recompute that decision from the log and compare."},
    {0}};

extern const struct cl_cli_command cl_command_show;
const struct cl_cli_command cl_command_show = {
    .name = "show",
    .summary = "show all about a study or a trial",
    .usage = "[STUDY[/TRIALS]]",
    .description =
        "Shows everything about a study, or about the trials that the address names: values, state, metrics, the "
        "curve of the objective, attempts, and every change of a value with its cause.",
    .options = options,
    .options_size = sizeof(struct cl_cli_show_options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
