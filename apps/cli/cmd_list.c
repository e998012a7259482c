/* clade list [studies | trials STUDY] */
#include <string.h>

#include "cli/rows.h"

struct options {
  struct cl_cli_list_options list;
  bool wide, available;
};

static const char *const json_columns[] = {"trial",  "state",    "hparams.*", "metrics.*",
                                           "parent", "attempts", "started",   "ended"};

static int write_out(struct cl_cli *cli, const struct options *o, const struct clade_table *t,
                     const char *noun, bool nested) {
  if (cli->json) return cl_cli_write_rows(cli, t, CL_ROWS_JSON, nested);
  return cl_cli_write_table(cli, t, noun, o->wide);
}

static int list_studies(struct cl_cli *cli, const struct options *o, struct clade_store *store,
                        const char *pattern) {
  struct cl_cli_query q;
  struct clade_table *t = NULL;
  struct cl_err e = {0};
  int status = cl_cli_query_make(cli, &o->list, cli->json, &q);
  if (status != 0) return status;
  status = clade_studies_list(store, pattern, &q.options, &t, &e) < 0
               ? cl_cli_fail(cli, &e)
               : write_out(cli, o, t, "studies", false);
  clade_table_free(t);
  cl_cli_query_done(&q);
  return status;
}

static int list_rows(struct cl_cli *cli, const struct options *o, struct clade_reader *reader) {
  struct cl_cli_query q;
  struct clade_table *t = NULL;
  struct cl_err e = {0};
  int status = cl_cli_query_make(cli, &o->list, cli->json, &q);
  if (status != 0) return status;
  bool nested = cli->json && q.options.n_columns == 0;
  if (nested) {
    q.options.columns = json_columns;
    q.options.n_columns = sizeof json_columns / sizeof json_columns[0];
  }
  status = clade_trials_list(reader, &q.options, &t, &e) < 0 ? cl_cli_fail(cli, &e)
                                                             : write_out(cli, o, t, "runs", nested);
  clade_table_free(t);
  cl_cli_query_done(&q);
  return status;
}

static int list_columns(struct cl_cli *cli, struct clade_reader *reader) {
  struct cl_err e = {0};
  struct clade_text names = {0};
  if (clade_columns_list(reader, &names, &e) < 0) {
    clade_text_done(&names);
    return cl_cli_fail(cli, &e);
  }
  clade_text_add(&cli->text, clade_text_get(&names));
  clade_text_done(&names);
  return CL_EXIT_DONE;
}

static int list_trials(struct cl_cli *cli, const struct options *o, struct clade_store *store,
                       const char *address) {
  struct clade_reader *reader = NULL;
  struct cl_err e = {0};
  if (clade_reader_open(store, address, &reader, &e) < 0) return cl_cli_fail(cli, &e);
  if (address == NULL) cl_cli_note(cli, "study %s, the latest", clade_reader_study(reader));
  int status = o->available ? list_columns(cli, reader) : list_rows(cli, o, reader);
  clade_reader_close(reader);
  return status;
}

static bool names_studies(const char *word) {
  return strcmp(word, "studies") == 0 || strcmp(word, "jobs") == 0 || strcmp(word, "study") == 0 ||
         strcmp(word, "job") == 0;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  struct clade_store *store = NULL;
  struct cl_err e = {0};
  int noun = cl_cli_skip_noun(argc, argv, true);
  const char *address = argc > noun ? argv[noun] : NULL;
  bool studies = noun > 0 ? names_studies(argv[0]) : address == NULL;
  if (argc > noun + 1)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "'%.60s' is one argument too many: clade list %s",
                           argv[noun + 1], cli->command->usage);
  if (clade_store_open(cl_cli_store(cli), &store, &e) < 0) return cl_cli_fail(cli, &e);
  int status =
      studies ? list_studies(cli, options, store, address) : list_trials(cli, options, store, address);
  clade_store_close(store);
  return status;
}

static const struct cl_cli_option options[] = {
    CL_CLI_LIMIT_OPTIONS(struct options, list),
    {CL_OPTION_FLAG, '\0', "all", offsetof(struct options, list.all), NULL,
     "every row (usual: all up to 100, else the last 100; with --json all)"},
    CL_CLI_COLUMN_OPTIONS(struct options, list),
    {CL_OPTION_FLAG, '\0', "available", offsetof(struct options, available), NULL,
     "list the names of all columns"},
    {CL_OPTION_FLAG, '\0', "wide", offsetof(struct options, wide), NULL,
     "neither leave out columns nor cut text to fit the terminal"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade list", "Which studies are there?"},
    {"clade list mnist", "The trials of the study mnist."},
    {"clade list trials mnist --sort best --last 10", "The ten best trials, the best at the bottom."},
    {"clade list mnist --sort metrics.loss --filter 'lr<0.01'",
     "By loss, only those with a small learning rate."},
    {"clade list mnist/state:FAILED --columns trial,exit_status,hparams.*",
     "What failed, and with which values?"},
    {"clade list runs mnist --json", "All trials for a program."},
    {0}};

extern const struct cl_cli_command cl_command_list;
const struct cl_cli_command cl_command_list = {
    .name = "list",
    .group = "Look",
    .summary = "list studies, or the trials of a study",
    .usage = "[studies [PATTERN] | [trials] STUDY]",
    .description =
        "Without arguments: the studies of the store. With a study: its trials, each with the metrics of the last "
        "report that holds the objective, and its hyperparameters. An address narrows them: STUDY/3,7-9 STUDY/best "
        "STUDY/state:FAILED STUDY/'lr<0.01'. `jobs` and `runs` are other words for studies and trials.\n\n"
        "All rows are listed up to 100, else the last 100. On a terminal that is too narrow the least important columns "
        "are left out, and named below.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
