/* clade check: is a spec right, does a study's log agree with its tables */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "clade/command.h"
#include "clade/query.h"
#include "cli/idle.h"
#include "cli/live.h"
#include "cli/plan_text.h"

struct options {
  bool repair;
};

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_spec(const char *word) {
  struct stat info;
  bool file = stat(word, &info) == 0 && S_ISREG(info.st_mode);
  return file || ends_with(word, ".yaml") || ends_with(word, ".yml");
}

static int check_spec(struct cl_cli *cli, const char *path) {
  struct clade_run_options o = {.store = cli->store_typed, .spec = path};
  struct cl_cli_live live;
  struct clade_plan *plan = NULL;
  struct cl_err e = {0};
  cl_cli_live_init(&live, cli);
  struct clade_run_callbacks callbacks = cl_cli_live_callbacks(&live);
  int status = clade_run_plan(&o, &callbacks, &plan, &e);
  cl_cli_live_end(&live);
  cl_cli_live_done(&live);
  if (status < 0) return cl_cli_fail(cli, &e);
  if (cli->json) {
    clade_text_add(&cli->text, plan->settings);
    clade_text_add_char(&cli->text, '\n');
  } else
    cl_cli_add_plan(cli, plan);
  clade_plan_free(plan);
  return CL_EXIT_DONE;
}

static void say_agreement(struct cl_cli *cli, const struct clade_study_info *info,
                          struct clade_reader *reader) {
  struct clade_text *t = &cli->text;
  if (cli->json) {
    clade_text_add(t, "{\"study\": ");
    clade_text_add_json(t, info->name);
    clade_text_format(t, ", \"agrees\": true, \"events\": %" PRId64 ", \"trials\": %" PRId64 ", \"idle\": ",
                      info->position, info->trials);
    cl_cli_add_json_idle(t, reader);
    clade_text_add(t, "}\n");
  } else
    clade_text_format(t, "%s: the log and its tables agree (%" PRId64 " events, %" PRId64 " trials)\n",
                      info->name, info->position, info->trials);
  if (cli->json) return;
  (void)cl_cli_flush(cli);
  cl_cli_warn_of_idle(cli, reader);
}

static int check_study(struct cl_cli *cli, const char *address, bool repair) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct clade_study_info *info = NULL;
  struct cl_err e = {0};
  int status = clade_store_open(cl_cli_store(cli), &store, &e);
  if (status == 0) status = clade_reader_open(store, address, &reader, &e);
  if (status == 0 && repair) status = clade_repair(cl_cli_store(cli), clade_reader_study(reader), &e);
  if (status == 0) status = clade_study_check(reader, &e);
  if (status == 0) status = clade_study_read(reader, &info, &e);
  if (status == 0) say_agreement(cli, info, reader);
  clade_study_free(info);
  clade_reader_close(reader);
  clade_store_close(store);
  return status < 0 ? cl_cli_fail(cli, &e) : CL_EXIT_DONE;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  int skip = cl_cli_skip_noun(argc, argv, false);
  const struct options *o = options;
  (void)rest;
  if (skip > 0 || !is_spec(argv[0])) return check_study(cli, argv[skip], o->repair);
  if (o->repair)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "'%s' is a file: --repair is for studies", argv[0]);
  return check_spec(cli, argv[0]);
}

static const struct cl_cli_option options[] = {
    {CL_OPTION_FLAG, '\0', "repair", offsetof(struct options, repair), NULL,
     "write the tables beside the log again, as the log gives them"},
    {CL_OPTION_END}};
static const struct cl_cli_example examples[] = {
    {"clade check mnist.yaml", "Is the spec right, and what would it do?"},
    {"clade check mnist.yaml --json", "The settings it comes to, for a program."},
    {"clade check mnist", "Do the tables of the store say what its log says? Was every hyperparameter used?"},
    {"clade check mnist --repair", "Write the tables again from the log, which stays as it is."},
    {0}};

extern const struct cl_cli_command cl_command_check;
const struct cl_cli_command cl_command_check = {
    .name = "check",
    .summary = "check a spec, or the log of a study",
    .usage = "SPEC|STUDY",
    .description =
        "For a file: reads it as `clade run` would and shows the space, the search and the command of a trial with the "
        "tuned values; starts nothing. For a study: replays its log and compares the result with the tables that are "
        "kept beside it (they are a cache; --repair writes them again, also while engines work on the study); and warns of hyperparameters whose values do not seem to change the metric, which waste a "
        "search.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_least = 1,
    .n_most = 2,
    .run = run,
};
