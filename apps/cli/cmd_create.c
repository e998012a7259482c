/* clade create: a study whose trials are asked for and told */
#include <string.h>

#include "cli/asked.h"

struct create_options {
  const char *name, *minimize, *maximize, *method, *history;
  struct cl_cli_integer trials, seed;
  struct cl_cli_list set;
  bool again;
};

static void pass_note(void *ctx, const char *sentence) {
  cl_cli_note(ctx, "%s", sentence);
}

/* lr=log(1e-5,1e-1) opt=[adam,sgd]: the short form of a spec, a line each. */
static int write_space(const struct cl_cli *cli, int n, const char **words, struct clade_text *ret) {
  clade_text_add(ret, "hyperparameters:\n");
  for (int i = 0; i < n; i++) {
    const char *equals = strchr(words[i], '=');
    if (equals == NULL || equals == words[i] || strpbrk(words[i], "\r\n") != NULL)
      return cl_cli_complain(
          cli, CL_EXIT_USAGE,
          "'%.80s' is neither the only SPEC nor a hyperparameter; write NAME=EXPRESSION, as "
          "'lr=log(1e-5,1e-1)'",
          words[i]);
    clade_text_add(ret, "  ");
    clade_text_add_bytes(ret, words[i], (size_t)(equals - words[i]));
    clade_text_format(ret, ": %s\n", equals + 1);
  }
  return ret->failed ? cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory") : 0;
}

static int create(struct cl_cli *cli, const struct clade_study_options *o) {
  struct cl_err e = {0};
  struct clade_study *study = NULL;
  if (clade_study_create(o, &study, &e) < 0) return cl_cli_fail(cli, &e);
  if (cli->json) {
    clade_text_add(&cli->text, "{\"study\": ");
    clade_text_add_json(&cli->text, clade_study_name(study));
    clade_text_add(&cli->text, ", \"store\": ");
    clade_text_add_json(&cli->text, clade_study_store(study));
    clade_text_add(&cli->text, "}\n");
  } else {
    clade_text_format(&cli->text, "%s\n", clade_study_name(study));
    cl_cli_note(cli, "`clade ask %s` takes its first trial", clade_study_name(study));
  }
  clade_study_close(study);
  return CL_EXIT_DONE;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct create_options *typed = options;
  struct clade_text space = {0};
  bool file = argc == 1 && strchr(argv[0], '=') == NULL;
  int status = file ? 0 : write_space(cli, argc, argv, &space);
  struct clade_study_options o = {.store = cli->store_typed,
                                  .spec_file = file ? argv[0] : NULL,
                                  .spec = file ? NULL : clade_text_get(&space),
                                  .name = typed->name,
                                  .minimize = typed->minimize,
                                  .maximize = typed->maximize,
                                  .method = typed->method,
                                  .trials = typed->trials.value,
                                  .has_seed = typed->seed.given,
                                  .seed = typed->seed.value,
                                  .n_set = (int)typed->set.n,
                                  .set = typed->set.items,
                                  .history = typed->history,
                                  .again = typed->again,
                                  .note = pass_note,
                                  .ctx = cli};
  (void)rest;
  if (status == 0 && !file && typed->name == NULL)
    status = cl_cli_complain(cli, CL_EXIT_USAGE, "a study without a SPEC needs a name: --name NAME");
  if (status == 0) status = create(cli, &o);
  clade_text_done(&space);
  return status;
}

#define AT(member) offsetof(struct create_options, member)
static const struct cl_cli_option options[] = {
    {CL_OPTION_TEXT, '\0', "name", AT(name), "NAME", "of the study (default: that of the spec)"},
    {CL_OPTION_TEXT, '\0', "minimize", AT(minimize), "METRIC", "the metric that counts: small is good"},
    {CL_OPTION_TEXT, '\0', "maximize", AT(maximize), "METRIC", "the metric that counts: large is good"},
    {CL_OPTION_INTEGER, 'n', "trials", AT(trials), "N", "how many trials (default: as many as are asked for)",
     NULL, 1, 1e12},
    {CL_OPTION_TEXT, '\0', "method", AT(method), "NAME",
     "how to search (random); a name nobody knows lists them all"},
    {CL_OPTION_INTEGER, '\0', "seed", AT(seed), "N", "of all random choices (default: a new one)", NULL, 0,
     9e15},
    {CL_OPTION_TEXT, '\0', "history", AT(history), "STUDY[,STUDY]",
     "copy the results of these studies: the search knows them, they are never the best"},
    {CL_OPTION_LIST, '\0', "set", AT(set), "KEY=VALUE", "change a key of the spec; may be repeated"},
    {CL_OPTION_FLAG, '\0', "again", AT(again), NULL, "if the name is taken, use NAME-2, NAME-3 ..."},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade create mnist.yaml", "A study as the spec describes it; it needs no `program:`."},
    {"clade create --name tea --maximize taste --trials 20 'grams=1.0:5.0' 'minutes=[2,3,4,5]'",
     "Without a file: ranges and lists as in `clade run`."},
    {"clade create mnist.yaml --name mnist-2 --history mnist", "Go on with what mnist has found out."},
    {0}};

extern const struct cl_cli_command cl_command_create;
const struct cl_cli_command cl_command_create = {
    .name = "create",
    .group = "Ask and tell",
    .summary = "create a study whose trials you train yourself",
    .usage = "[OPTION...] SPEC | NAME=EXPRESSION...",
    .description =
        "Creates a study and runs nothing: its trials are taken by `clade ask`, by programs that use the library or "
        "clade.py, or by `clade work`, if the spec has a program. Prints its name.\n\n"
        "Exit status: 0, 2 usage or spec, or the name is taken, 3 no such study for --history.",
    .options = options,
    .options_size = sizeof(struct create_options),
    .examples = examples,
    .n_least = 1,
    .n_most = -1,
    .run = run,
};
