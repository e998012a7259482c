/* clade view metrics ADDRESS [METRIC...] */
#include <inttypes.h>
#include <string.h>

#include "cli/rows.h"

struct options {
  struct cl_cli_list_options list;
  struct cl_cli_list hparams;
  const char *steps;
  bool merge;
};

/* The hyperparameters of --hparams, as columns to add. */
static void add_hparams(const struct cl_cli_list *list, struct clade_text *ret) {
  for (size_t i = 0; i < list->n; i++)
    for (const char *p = list->items[i]; *p != '\0';) {
      size_t n = strcspn(p, ",");
      if (ret->length > 0) clade_text_add_char(ret, ',');
      if (strncmp(p, "hparams.", 8) != 0) clade_text_add(ret, "hparams.");
      clade_text_add_bytes(ret, p, n);
      p += n + (p[n] == ',');
    }
}

/* As text one table per set, as JSON an array of them; merged, and for a file, a single one. */
static int put_tables(struct cl_cli *cli, const struct options *o, struct clade_table **tables, size_t n) {
  int64_t rows = 0;
  int status = 0;
  bool file = o->list.export != NULL;
  bool several = !file && cli->json && !o->merge;
  enum cl_cli_rows_form form = file ? cl_cli_form_of(o->list.export) : CL_ROWS_JSON;
  for (size_t i = 0; i < n; i++) rows += (int64_t)clade_table_rows(tables[i]);
  if (file) status = cl_cli_open_output(cli, o->list.export);
  if (n == 0 && status == 0 && (cli->json || (file && form == CL_ROWS_JSON)))
    clade_text_add(&cli->text, "[]\n");
  if (several) clade_text_add(&cli->text, "[\n");
  for (size_t i = 0; i < n && status == 0; i++) {
    if (i > 0 && several) clade_text_add(&cli->text, ",\n");
    if (i > 0 && !several) clade_text_add_char(&cli->text, '\n');
    status = file || cli->json ? cl_cli_write_rows(cli, tables[i], form, false)
                               : cl_cli_write_table(cli, tables[i], "reports", &o->list);
  }
  if (several) clade_text_add(&cli->text, "]\n");
  if (status == 0) status = cl_cli_flush(cli);
  if (status == 0 && file)
    cl_cli_note(cli, "%" PRId64 " report%s written to %s", rows, rows == 1 ? "" : "s", o->list.export);
  if (status == 0 && n == 0) cl_cli_note(cli, "no metric has been reported");
  return status;
}

static int view_metrics(struct cl_cli *cli, const struct options *o, struct clade_reader *reader,
                        const char *const *metrics, size_t n_metrics) {
  struct clade_metric_sets_options q = {.n_metrics = n_metrics,
                                        .metrics = metrics,
                                        .steps = o->steps,
                                        .merge = o->merge || o->list.export != NULL};
  struct clade_table **tables = NULL;
  struct clade_text hparams = {0};
  size_t n = 0;
  struct cl_err e = {0};
  int status = cl_cli_list_make(cli, &o->list, true, &q.list);
  if (status != 0) return status;
  add_hparams(&o->hparams, &hparams);
  const char *more = clade_text_get(&hparams);
  if (hparams.length > 0 && q.list.n_more == 0) {
    q.list.more = &more;
    q.list.n_more = 1;
  }
  if (hparams.failed)
    status = cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
  else if (clade_metric_sets_list(reader, &q, &tables, &n, &e) < 0)
    status = cl_cli_fail(cli, &e);
  else
    status = put_tables(cli, o, tables, n);
  clade_tables_free(tables, n);
  clade_text_done(&hparams);
  return status;
}

/* What XT views and other commands show. */
static int complain_of(struct cl_cli *cli, const char *what) {
  static const struct {
    const char *word, *instead;
  } others[] = {{"log", "clade log shows the events of a study or trial"},
                {"events", "clade log shows the events of a study or trial"},
                {"console", "clade show STUDY/3 names the files that hold what a trial printed"},
                {"status", "clade show STUDY tells how a study stands, clade log --follow what happens"}};
  for (size_t i = 0; what != NULL && i < sizeof others / sizeof others[0]; i++)
    if (strcmp(what, others[i].word) == 0)
      return cl_cli_complain(cli, CL_EXIT_USAGE, "clade view shows metrics; %s", others[i].instead);
  return cl_cli_complain(cli, CL_EXIT_USAGE, "say what to view: clade view %s", cli->command->usage);
}

/* Each study alone, under its name where there are several: they have metrics of their own. */
static int view_studies(struct cl_cli *cli, const struct options *o, struct clade_store *store,
                        char *const *addresses, size_t n, const char *const *metrics, size_t n_metrics) {
  struct cl_err e = {0};
  int status = 0;
  if (n > 1 && (cli->json || o->list.export != NULL))
    return cl_cli_complain(cli, CL_EXIT_USAGE, "metrics are written of one study at a time, not of %zu", n);
  for (size_t i = 0; i < n && status == 0; i++) {
    struct clade_reader *reader = NULL;
    if (clade_reader_open(store, addresses[i], &reader, &e) < 0) return cl_cli_fail(cli, &e);
    if (addresses[i][0] == '\0') cl_cli_note(cli, "study %s, the latest", clade_reader_study(reader));
    if (n > 1) clade_text_format(&cli->text, "%s%s:\n", i > 0 ? "\n" : "", clade_reader_study(reader));
    status = view_metrics(cli, o, reader, metrics, n_metrics);
    clade_reader_close(reader);
  }
  return status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  struct clade_store *store = NULL;
  char **addresses = NULL;
  size_t n = 0;
  struct cl_err e = {0};
  if (argc < 1 || argv[0][0] == '\0' || strncmp(argv[0], "metrics", strlen(argv[0])) != 0)
    return complain_of(cli, argc < 1 ? NULL : argv[0]);
  argc--, argv++;
  int taken = cl_cli_skip_noun(argc, argv, false);
  const char *address = argc > taken ? argv[taken++] : NULL;
  if (clade_store_open(cl_cli_store(cli), &store, &e) < 0) return cl_cli_fail(cli, &e);
  int status = clade_addresses_list(store, address, &addresses, &n, &e) < 0
                   ? cl_cli_fail(cli, &e)
                   : view_studies(cli, options, store, addresses, n, argv + taken,
                                  argc > taken ? (size_t)(argc - taken) : 0);
  clade_addresses_free(addresses, n);
  clade_store_close(store);
  return status;
}

static const struct cl_cli_option options[] = {
    {CL_OPTION_TEXT, '\0', "steps", offsetof(struct options, steps), "LIST",
     "only reports at these steps: 10,20,50-60"},
    {CL_OPTION_LIST, '\0', "hparams", offsetof(struct options, hparams), "NAMES",
     "columns with these hyperparameters, joined by commas"},
    {CL_OPTION_FLAG, '\0', "merge", offsetof(struct options, merge), NULL,
     "one table: what a trial reported at one step is one row (with --export always)"},
    CL_CLI_LIMIT_OPTIONS(struct options, list),
    CL_CLI_COLUMN_OPTIONS(struct options, list),
    CL_CLI_FILE_OPTIONS(struct options, list),
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade view metrics mnist/3", "What trial 3 reported, a row per report."},
    {"clade view metrics mnist/3,7 loss --steps 1-5 --hparams lr",
     "The loss of two trials, beside their rate."},
    {"clade view metrics maze/1 --merge --export maze.csv", "One table of all metrics, for a spreadsheet."},
    {0}};

extern const struct cl_cli_command cl_command_view;
const struct cl_cli_command cl_command_view = {
    .name = "view",
    .summary = "view the metrics that trials reported",
    .usage = "metrics [STUDY[/TRIALS] [METRIC...]]",
    .description =
        "Shows the reports of trials, in order: one table for each set of metrics that were reported together, or with "
        "--merge one table joined on the step. With --json it is an array of tables. METRIC is a name or a pattern (s1-*). Reports that a later attempt took "
        "back are left out; `clade export --reports` has them too.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = -1,
    .run = run,
};
