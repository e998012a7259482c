/* clade report: one report from a script that runs as a trial */
#include <math.h>
#include <string.h>

#include <clade/report.h>

#include "cli/cli.h"

#define METRICS_MAX 200
#define NAME_MAX    257

struct report_options {
  struct cl_cli_number step;
  bool values;
};

/* accuracy=0.93, accuracy:0.93, or accuracy: and 0.93 as the next word; *ret_taken: it was. The name is cut
 * out into `name`. 0, or the exit status after a complaint. */
static int parse_metric(const struct cl_cli *cli, const char *word, const char *next, char name[NAME_MAX],
                        double *ret, bool *ret_taken) {
  size_t n = strcspn(word, "=:");
  const char *value = word[n] == '\0' ? NULL : word + n + 1;
  *ret_taken = value != NULL && value[0] == '\0' && word[n] == ':' && next != NULL;
  if (*ret_taken) value = next;
  while (value != NULL && *value == ' ') value++;
  if (n == 0 || n >= NAME_MAX || value == NULL || !clade_text_to_number(value, ret))
    return cl_cli_complain(cli, CL_EXIT_USAGE, "'%.80s' is no metric; write NAME=NUMBER, as accuracy=0.93",
                           word);
  memcpy(name, word, n);
  name[n] = '\0';
  return 0;
}

/* NAME=VALUE, quoted for a shell. */
static void add_assignment(struct clade_text *t, const char *name, const char *value) {
  clade_text_format(t, "%s=", name);
  cl_cli_add_word(t, value);
  clade_text_add_char(t, '\n');
}

static void add_value(void *ctx, const char *name, const char *text) {
  struct cl_cli *cli = ctx;
  double x = 0;
  if (cli->json) {
    clade_text_add(&cli->text, cli->text.length == 0 ? "{" : ", ");
    clade_text_add_json(&cli->text, name);
    clade_text_add(&cli->text, ": ");
    if (clade_text_to_number(text, &x) && isfinite(x))
      clade_text_add(&cli->text, text);
    else
      clade_text_add_json(&cli->text, text);
  } else
    add_assignment(&cli->text, name, text);
}

static int send(struct cl_cli *cli, const struct report_options *o, const struct clade_report_metric *metrics,
                size_t n) {
  struct cl_err e = {0};
  int exit_status = 0;
  int status = clade_trainer_report_once(metrics, n, o->step.given ? &o->step.value : NULL,
                                         o->values ? add_value : NULL, cli, &exit_status, &e);
  if (status < 0) return cl_cli_fail(cli, &e);
  if (status == CLADE_EMPTY)
    return cl_cli_complain(
        cli, CL_EXIT_FAILED,
        "this is no trial of a study (CLADE_SOCKET is not set): nothing was reported. `clade run` "
        "starts programs so that they can report");
  if (status == CLADE_STOP && e.text[0] != '\0') (void)cl_cli_complain(cli, 0, "%s", e.text);
  if (o->values && cli->json) clade_text_add(&cli->text, cli->text.length == 0 ? "{}\n" : "}\n");
  return exit_status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  struct clade_report_metric metrics[METRICS_MAX];
  char names[METRICS_MAX][NAME_MAX];
  size_t n = 0;
  (void)rest;
  for (int i = 0; i < argc; i++) {
    bool taken = false;
    if (n == METRICS_MAX)
      return cl_cli_complain(cli, CL_EXIT_USAGE, "a report has at most %d metrics", METRICS_MAX);
    int status =
        parse_metric(cli, argv[i], i + 1 < argc ? argv[i + 1] : NULL, names[n], &metrics[n].value, &taken);
    if (status != 0) return status;
    metrics[n].name = names[n];
    n++;
    i += taken;
  }
  return send(cli, options, metrics, n);
}

#define AT(member) offsetof(struct report_options, member)
static const struct cl_cli_option options[] = {
    {CL_OPTION_NUMBER, '\0', "step", AT(step), "STEP", "how far training is (default: reports are counted)"},
    {CL_OPTION_FLAG, '\0', "values", AT(values), NULL,
     "print the trial's values as they are now, a NAME=VALUE in each line"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade report accuracy=0.93 loss=0.21 --step 10 || exit", "In a shell script: go on only if asked to."},
    {"eval \"$(clade report loss=$loss --values)\"", "Report, and take the values that may have changed."},
    {0}};

extern const struct cl_cli_command cl_command_report;
const struct cl_cli_command cl_command_report = {
    .name = "report",
    .summary = "report metrics from a script that runs as a trial",
    .usage = "[OPTION...] NAME=NUMBER...",
    .description =
        "For scripts that `clade run` has started: sends one report and waits for the answer.\n\n"
        "Exit status: 0 go on; 75 end now, you will be run again; 76 end now, you were stopped; 1 nothing was "
        "reported. End the script with the status that came back.",
    .options = options,
    .options_size = sizeof(struct report_options),
    .examples = examples,
    .n_least = 1,
    .n_most = -1,
    .run = run,
};
