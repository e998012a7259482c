/* clade rerun STUDY/TRIALS */
#include <inttypes.h>
#include <string.h>

#include "clade/command.h"
#include "clade/query.h"
#include "cli/cli.h"

struct options {
  bool new_seed;
};

static void write_json(struct clade_text *t, const struct clade_rerun *list, size_t n) {
  clade_text_add_char(t, '[');
  for (size_t i = 0; i < n; i++)
    clade_text_format(t, "%s{\"trial\": %" PRId64 ", \"of\": %" PRId64 "}", i == 0 ? "" : ", ", list[i].trial,
                      list[i].of);
  clade_text_add(t, "]\n");
}

/* The study's name as it is in the store: the address may have a part of it, or none. */
static int write_text(struct cl_cli *cli, const char *address, const struct clade_rerun *list, size_t n) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct cl_err e = {0};
  int status = clade_store_open(cl_cli_store(cli), &store, &e);
  if (status >= 0) status = clade_reader_open(store, address, &reader, &e);
  if (status < 0) {
    clade_store_close(store);
    return cl_cli_fail(cli, &e);
  }
  const char *study = clade_reader_study(reader);
  for (size_t i = 0; i < n; i++)
    clade_text_format(&cli->text, "%s/%" PRId64 " repeats %s/%" PRId64 "\n", study, list[i].trial, study,
                      list[i].of);
  status = cl_cli_flush(cli);
  cl_cli_note(cli, "an engine that works on %s runs %s; if none does: clade resume %s", study,
              n == 1 ? "it" : "them", study);
  clade_reader_close(reader);
  clade_store_close(store);
  return status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  const struct options *o = options;
  struct clade_rerun *list = NULL;
  size_t n = 0;
  struct cl_err e = {0};
  int noun = cl_cli_skip_noun(argc, argv, false);
  if (argc != noun + 1)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "say which trials to run again: clade rerun %s",
                           cli->command->usage);
  if (clade_rerun(cl_cli_store(cli), argv[noun], o->new_seed, &list, &n, &e) < 0) return cl_cli_fail(cli, &e);
  int status = 0;
  if (cli->json)
    write_json(&cli->text, list, n);
  else
    status = write_text(cli, argv[noun], list, n);
  clade_free(list);
  return status;
}

static const struct cl_cli_option options[] = {
    {CL_OPTION_FLAG, '\0', "new-seed", offsetof(struct options, new_seed), NULL,
     "with seeds of their own; usually they get the seed of the trial that they repeat"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade rerun mnist/17", "Run trial 17 once more: same values, same seed."},
    {"clade rerun mnist/best --new-seed", "The best values with another seed: was it luck?"},
    {"clade rerun mnist/state:FAILED", "Everything that failed, once more."},
    {0}};

extern const struct cl_cli_command cl_command_rerun;
const struct cl_cli_command cl_command_rerun = {
    .name = "rerun",
    .summary = "run trials again with the same values",
    .usage = "STUDY/TRIALS",
    .description =
        "Adds a new trial for each that the address names, with its values and, without --new-seed, its seed. It has the "
        "role `forked` and the column `of`, counts neither against the budget nor for the search, and runs on a finished "
        "study too. An engine that works on the study takes it; else `clade resume STUDY` runs it.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
