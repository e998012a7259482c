/* clade list [studies | trials STUDY | tags STUDY [NAMES] | notes STUDY] */
#include <stdlib.h>
#include <string.h>

#include "cli/rows.h"

struct options {
  struct cl_cli_list_options list;
  struct cl_cli_list boxes, usernames, tags; /* tags: the names of `list tags` */
  const char *jobs;
  bool available;
};

static const char *const json_columns[] = {"trial",  "state",    "hparams.*", "metrics.*",
                                           "parent", "attempts", "started",   "ended"};

typedef int list_reader(struct clade_reader *r, const struct clade_list_options *o, struct clade_table **ret,
                        struct cl_err *e);

static const struct noun {
  const char *words[4];
  const char *noun;  /* of the footer */
  list_reader *list; /* null: studies */
} nouns[] = {{{"studies", "jobs", "study", "job"}, "studies", NULL},
             {{"trials", "runs", "trial", "run"}, "runs", clade_trials_list},
             {{"tags", "tag"}, "tags", clade_tags_list},
             {{"notes", "note"}, "notes", clade_notes_list}};
enum { NOUN_STUDIES, NOUN_TRIALS, NOUN_TAGS };

static const struct noun *find_noun(const char *word) {
  for (size_t i = 0; i < sizeof nouns / sizeof nouns[0]; i++)
    for (size_t k = 0; k < 4 && nouns[i].words[k] != NULL; k++)
      if (strcmp(nouns[i].words[k], word) == 0) return &nouns[i];
  return NULL;
}

/* A person's own usual columns; programs always get the same ones. */
static const char *own_columns(const char *variable) {
  const char *list = getenv(variable);
  return list == NULL || list[0] == '\0' ? NULL : list;
}

static int list_studies(struct cl_cli *cli, const struct options *o, struct clade_store *store,
                        const char *patterns) {
  struct clade_list_options q;
  struct clade_table *t = NULL;
  struct cl_err e = {0};
  int status = cl_cli_list_make(cli, &o->list, cli->json || o->list.export != NULL, &q);
  if (status != 0) return status;
  if (o->available)
    return clade_studies_columns(store, &cli->text, &e) < 0 ? cl_cli_fail(cli, &e) : CL_EXIT_DONE;
  if (!cli->json && o->list.export == NULL) q.usual = own_columns("CLADE_STUDY_COLUMNS");
  status = clade_studies_list(store, patterns, &q, &t, &e) < 0
               ? cl_cli_fail(cli, &e)
               : cl_cli_put_table(cli, &o->list, t, "studies", false);
  clade_table_free(t);
  return status;
}

static int list_rows(struct cl_cli *cli, const struct options *o, const struct noun *noun,
                     struct clade_reader *reader) {
  struct clade_list_options q;
  struct clade_table *t = NULL;
  struct cl_err e = {0};
  bool program = cli->json || o->list.export != NULL;
  int status = cl_cli_list_make(cli, &o->list, program, &q);
  if (status != 0) return status;
  bool nested = cli->json && o->list.export == NULL && noun == &nouns[NOUN_TRIALS] && q.n_columns == 0;
  if (nested) {
    q.columns = json_columns;
    q.n_columns = sizeof json_columns / sizeof json_columns[0];
  }
  if (!program && noun == &nouns[NOUN_TRIALS]) q.usual = own_columns("CLADE_COLUMNS");
  status = noun->list(reader, &q, &t, &e) < 0 ? cl_cli_fail(cli, &e)
                                              : cl_cli_put_table(cli, &o->list, t, noun->noun, nested);
  clade_table_free(t);
  return status;
}

static int list_columns(struct cl_cli *cli, struct clade_reader *reader) {
  struct cl_err e = {0};
  return clade_columns_list(reader, &cli->text, &e) < 0 ? cl_cli_fail(cli, &e) : CL_EXIT_DONE;
}

/* The trials of several studies, in one table. */
static int list_many(struct cl_cli *cli, const struct options *o, struct clade_reader *const *readers,
                     size_t n) {
  struct clade_list_options q;
  struct clade_table *t = NULL;
  struct cl_err e = {0};
  int status = cl_cli_list_make(cli, &o->list, cli->json || o->list.export != NULL, &q);
  if (status != 0) return status;
  if (!cli->json && o->list.export == NULL) q.usual = own_columns("CLADE_COLUMNS");
  status = clade_trials_list_many(readers, n, &q, &t, &e) < 0
               ? cl_cli_fail(cli, &e)
               : cl_cli_put_table(cli, &o->list, t, "runs", false);
  clade_table_free(t);
  return status;
}

/* What is asked for of each study alone, under its name where there are several. */
static int list_each(struct cl_cli *cli, const struct options *o, const struct noun *noun,
                     struct clade_reader *const *readers, size_t n) {
  bool columns = o->available && noun == &nouns[NOUN_TRIALS];
  int status = 0;
  if (n > 1 && (cli->json || o->list.export != NULL))
    return cl_cli_complain(cli, CL_EXIT_USAGE, "%s are written of one study at a time, not of %zu",
                           noun->noun, n);
  for (size_t i = 0; status == 0 && i < n; i++) {
    if (n > 1) clade_text_format(&cli->text, "%s%s:\n", i > 0 ? "\n" : "", clade_reader_study(readers[i]));
    status = columns ? list_columns(cli, readers[i]) : list_rows(cli, o, noun, readers[i]);
  }
  return status;
}

/* `readers`: room for n, all null. */
static int open_and_list(struct cl_cli *cli, const struct options *o, const struct noun *noun,
                         struct clade_store *store, char *const *addresses, size_t n,
                         struct clade_reader **readers) {
  struct cl_err e = {0};
  for (size_t i = 0; i < n; i++)
    if (clade_reader_open(store, addresses[i], &readers[i], &e) < 0) return cl_cli_fail(cli, &e);
  if (n == 1 && addresses[0][0] == '\0')
    cl_cli_note(cli, "study %s, the latest", clade_reader_study(readers[0]));
  bool together = n > 1 && noun == &nouns[NOUN_TRIALS] && !o->available;
  return together ? list_many(cli, o, readers, n) : list_each(cli, o, noun, readers, n);
}

static int list_of_studies(struct cl_cli *cli, const struct options *o, const struct noun *noun,
                           struct clade_store *store, const char *address) {
  char **addresses = NULL;
  size_t n = 0;
  struct cl_err e = {0};
  if (clade_addresses_list(store, address, &addresses, &n, &e) < 0) return cl_cli_fail(cli, &e);
  struct clade_reader **readers = clade_resize(NULL, n * sizeof *readers);
  int status;
  if (readers == NULL) {
    status = cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
  } else {
    for (size_t i = 0; i < n; i++) readers[i] = NULL;
    status = open_and_list(cli, o, noun, store, addresses, n, readers);
    for (size_t i = 0; i < n; i++) clade_reader_close(readers[i]);
  }
  clade_free(readers);
  clade_addresses_free(addresses, n);
  return status;
}

/* `host :regex: ^(a|b\.c)$` of lists joined by commas: one condition, for one of them must hold. */
static void add_names(struct clade_text *t, const char *column, const struct cl_cli_list *list) {
  bool first = true;
  clade_text_format(t, "%s :regex: ^(", column);
  for (size_t i = 0; i < list->n; i++)
    for (const char *p = list->items[i]; *p != '\0'; p++) {
      if (first && i > 0) clade_text_add_char(t, '|');
      first = false;
      if (*p == ',')
        clade_text_add_char(t, '|');
      else if (strchr("\\.[](){}*+?^$|", *p) != NULL)
        clade_text_format(t, "\\%c", *p);
      else
        clade_text_add_char(t, *p);
      if (p[1] == '\0') first = true;
    }
  clade_text_add(t, ")$");
}

enum { NAME_LISTS = 3 };
/* The filters that were typed, and one for each list of names. Gives its array; free with clade_free. */
static const char **make_filters(const struct options *o, struct clade_text *texts, struct cl_cli_list *ret) {
  const struct {
    const char *column;
    const struct cl_cli_list *names;
  } lists[NAME_LISTS] = {{"host", &o->boxes}, {"username", &o->usernames}, {"tag", &o->tags}};
  size_t n = o->list.filters.n;
  const char **all = clade_resize(NULL, (n + NAME_LISTS) * sizeof *all);
  if (all == NULL) return NULL;
  for (size_t i = 0; i < n; i++) all[i] = o->list.filters.items[i];
  for (size_t i = 0; i < NAME_LISTS; i++) {
    if (lists[i].names->n == 0) continue;
    add_names(&texts[i], lists[i].column, lists[i].names);
    all[n++] = clade_text_get(&texts[i]);
  }
  *ret = (struct cl_cli_list){.items = all, .n = n};
  return all;
}

static int list_noun(struct cl_cli *cli, const struct options *o, const struct noun *noun,
                     const char *address) {
  struct clade_store *store = NULL;
  struct cl_err e = {0};
  if (clade_store_open(cl_cli_store(cli), &store, &e) < 0) return cl_cli_fail(cli, &e);
  int status = noun->list == NULL ? list_studies(cli, o, store, address)
                                  : list_of_studies(cli, o, noun, store, address);
  clade_store_close(store);
  return status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  struct options o = *(const struct options *)options;
  struct clade_text texts[NAME_LISTS] = {{0}};
  const struct noun *noun = argc > 0 ? find_noun(argv[0]) : NULL;
  int taken = noun != NULL;
  if (noun == NULL && argc > 0 && strcmp(argv[0], "experiments") == 0)
    return cl_cli_complain(
        cli, CL_EXIT_USAGE,
        "studies are grouped by tags, not by experiments: clade tag STUDY experiment=NAME, then "
        "clade list studies --group tags.experiment");
  const char *address = argc > taken ? argv[taken++] : o.jobs;
  if (noun == NULL) noun = &nouns[address == NULL ? NOUN_STUDIES : NOUN_TRIALS];
  if (noun == &nouns[NOUN_TAGS] && argc > taken) o.tags = (struct cl_cli_list){.items = argv + taken, .n = 1};
  if (argc > taken + (int)o.tags.n)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "'%.60s' is one argument too many: clade list %s",
                           argv[argc - 1], cli->command->usage);
  if (address != NULL && o.jobs != NULL && address != o.jobs)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "name the studies once: as --job, or before it ('%.60s')",
                           address);
  const char **filters = make_filters(&o, texts, &o.list.filters);
  int status = filters == NULL ? cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory")
                               : list_noun(cli, &o, noun, address);
  for (size_t i = 0; i < NAME_LISTS; i++) clade_text_done(&texts[i]);
  clade_free(filters);
  return status;
}

static const struct cl_cli_option options[] = {
    CL_CLI_LIMIT_OPTIONS(struct options, list),
    CL_CLI_COLUMN_OPTIONS(struct options, list),
    {CL_OPTION_FLAG, '\0', "available", offsetof(struct options, available), NULL,
     "list the names of all columns"},
    {CL_OPTION_TEXT, '\0', "job", offsetof(struct options, jobs), "STUDIES",
     "of these studies; what stands before is the same"},
    {CL_OPTION_LIST, '\0', "box", offsetof(struct options, boxes), "NAMES",
     "only trials that ran on these hosts, joined by commas"},
    {CL_OPTION_LIST, '\0', "username", offsetof(struct options, usernames), "NAMES",
     "only what these people began, joined by commas"},
    CL_CLI_FILE_OPTIONS(struct options, list),
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade list", "Which studies are there?"},
    {"clade list trials mnist --sort best --last 10", "The ten best trials, the best at the bottom."},
    {"clade list mnist --sort metrics.loss --filter 'lr<0.01'",
     "By loss, only those with a small learning rate."},
    {"clade list mnist/state:FAILED --columns trial,exit_status,hparams.*",
     "What failed, and with which values?"},
    {"clade list mnist --add-columns 'lr:.1e,tags.*' --group opt",
     "A table for each optimiser, with all tags."},
    {"clade list mnist --tags-any good --export good.csv", "What is tagged good, for a spreadsheet."},
    {0}};

extern const struct cl_cli_command cl_command_list;
const struct cl_cli_command cl_command_list = {
    .name = "list",
    .group = "Look",
    .summary = "list studies, or the trials, tags or notes of a study",
    .usage = "[studies [PATTERN] | [trials | notes] STUDY | tags STUDY [NAMES]]",
    .description =
        "Without arguments: the studies of the store. With a study: its trials, each with the metrics of the last "
        "report that holds the objective, and its hyperparameters. An address narrows them: STUDY/3,7-9 STUDY/best "
        "STUDY/state:FAILED STUDY/'lr<0.01'. Several studies in a list (a,b), a range (job3-job7) or a pattern (m*) are "
        "one table. `jobs` and `runs` are other words for studies and trials.\n\n"
        "CLADE_COLUMNS and CLADE_STUDY_COLUMNS in the environment are the usual columns of trials and of studies, typed as "
        "for --columns; what a study lacks is left out. All rows are listed up to 100, else the last 100. On a terminal that is too narrow the least important columns "
        "are left out, and named below.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = 3,
    .run = run,
};
