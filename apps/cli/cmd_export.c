/* clade export STUDY */
#include <stdio.h>
#include <string.h>

#include "clade/store.h"
#include "cli/rows.h"

struct options {
  const char *format, *output;
  bool reports, study;
  struct cl_cli_list_options list;
};

static const char *const columns[] = {"trial",  "state",    "role",    "hparams.*", "metrics.*",
                                      "parent", "attempts", "started", "ended"};

static enum cl_cli_rows_form form_of(const char *format, const char *output) {
  if (format == NULL) return output == NULL ? CL_ROWS_CSV : cl_cli_form_of(output);
  if (strcmp(format, "json") == 0) return CL_ROWS_JSON;
  if (strcmp(format, "tsv") == 0) return CL_ROWS_TSV;
  return strcmp(format, "jsonl") == 0 ? CL_ROWS_LINES : CL_ROWS_CSV;
}

static int export_rows(struct cl_cli *cli, const void *options, struct clade_reader *reader) {
  const struct options *o = options;
  struct clade_list_options q;
  struct clade_table *t = NULL;
  struct cl_err e = {0};
  int status = cl_cli_open_output(cli, o->output);
  if (status == 0) status = cl_cli_list_make(cli, &o->list, true, &q);
  if (status != 0) return status;
  bool nested = !o->reports && q.n_columns == 0;
  if (nested) {
    q.columns = columns;
    q.n_columns = sizeof columns / sizeof columns[0];
  }
  status = o->reports ? clade_reports_list(reader, &q, &t, &e) : clade_trials_list(reader, &q, &t, &e);
  status =
      status < 0 ? cl_cli_fail(cli, &e) : cl_cli_write_rows(cli, t, form_of(o->format, o->output), nested);
  clade_table_free(t);
  return status;
}

static int write_lines(void *ctx, const char *text, size_t n, struct cl_err *e) {
  (void)ctx;
  if (fwrite(text, 1, n, stdout) == n) return 0;
  if (e != NULL)
    (void)snprintf(e->text, sizeof e->text, "the study cannot be written: the disk is full, or nobody reads");
  return CLADE_EIO;
}

/* The study itself: its events, to be imported into another store. */
static int export_study(struct cl_cli *cli, const void *options, struct clade_reader *reader) {
  const struct options *o = options;
  struct cl_err e = {0};
  int status = cl_cli_open_output(cli, o->output);
  if (status == 0 &&
      clade_study_export(cl_cli_store(cli), clade_reader_study(reader), write_lines, NULL, NULL, &e) < 0)
    status = cl_cli_fail(cli, &e);
  return cl_cli_finish(cli, status);
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  const struct options *o = options;
  if (o->study && (o->reports || o->format != NULL))
    return cl_cli_complain(cli, CL_EXIT_USAGE, "--study writes events, one JSON object a line: leave out %s",
                           o->reports ? "--reports" : "--format");
  return cl_cli_read(cli, cl_cli_address(argc, argv), options, o->study ? export_study : export_rows);
}

static const struct cl_cli_option options[] = {
    {CL_OPTION_CHOICE, 'f', "format", offsetof(struct options, format), NULL,
     "default: the ending of the output's name, else csv", "csv|tsv|json|jsonl"},
    {CL_OPTION_TEXT, 'o', "output", offsetof(struct options, output), "FILE",
     "write to this file (default: stdout)"},
    {CL_OPTION_FLAG, '\0', "reports", offsetof(struct options, reports), NULL,
     "every report of the trials instead of a row per trial"},
    {CL_OPTION_FLAG, '\0', "study", offsetof(struct options, study), NULL,
     "the whole study as its events, for `clade import --study`"},
    CL_CLI_LIMIT_OPTIONS(struct options, list),
    CL_CLI_COLUMN_OPTIONS(struct options, list),
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade export mnist -o mnist.csv", "All trials, to open in a spreadsheet."},
    {"clade export mnist --reports --format jsonl", "Every report, an object per line."},
    {"clade export mnist/best --format json", "The best trial as JSON."},
    {"clade export mnist --study -o mnist.jsonl", "The study itself, for another store."},
    {0}};

extern const struct cl_cli_command cl_command_export;
const struct cl_cli_command cl_command_export = {
    .name = "export",
    .summary = "write trials or reports as CSV or JSON, or a whole study",
    .usage = "[STUDY[/TRIALS]]",
    .description =
        "Writes a row per trial (or per report), never cut by a limit that was not typed. CSV follows RFC 4180: fields "
        "are quoted where they must be, lines end in CR LF, values that are not finite are empty. In JSON they are null. "
        "The columns, filters, tags and order are those of `clade list`.\n\n"
        "With --study the study itself is written: every event of its log, a JSON object a line, with the uuid and the "
        "positions. `clade import --study` reads it into any store.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
