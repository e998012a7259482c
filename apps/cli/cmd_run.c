/* clade run: create a study and run it */
#include "cli/engine_options.h"
#include "cli/outcome.h"
#include "cli/plan_text.h"

struct run_options {
  const char *name, *minimize, *maximize, *metric_regex, *method, *hp_config, *history;
  struct cl_cli_integer trials, seed, max_failures;
  struct cl_cli_list set;
  bool again, once, dry_run;
  struct cl_cli_engine_options engine;
};

static struct clade_run_options options_of(const struct cl_cli *cli, const struct run_options *o,
                                           const struct cl_cli_gpus *gpus) {
  return (struct clade_run_options){.store = cli->store_typed,
                                    .name = o->name,
                                    .again = o->again,
                                    .minimize = o->minimize,
                                    .maximize = o->maximize,
                                    .metric_regex = o->metric_regex,
                                    .method = o->method,
                                    .hp_config = o->hp_config,
                                    .history = o->history,
                                    .trials = o->trials.value,
                                    .parallel = (int)o->engine.slots.value,
                                    .has_seed = o->seed.given,
                                    .seed = o->seed.value,
                                    .n_set = (int)o->set.n,
                                    .set = o->set.items,
                                    .sync_full = cl_cli_sync_full(&o->engine),
                                    .n_gpus = gpus->n,
                                    .gpus = gpus->names,
                                    .grace_s = o->engine.grace.value,
                                    .max_failures = (int)o->max_failures.value};
}

static int show_plan(struct cl_cli *cli, const struct clade_run_options *o, struct cl_cli_live *l) {
  struct clade_run_callbacks callbacks = cl_cli_live_callbacks(l);
  struct clade_plan *plan = NULL;
  struct cl_err e = {0};
  int status = clade_run_plan(o, &callbacks, &plan, &e);
  cl_cli_live_end(l);
  if (status < 0) return cl_cli_fail(cli, &e);
  if (cli->json) {
    clade_text_add(&cli->text, plan->settings);
    clade_text_add_char(&cli->text, '\n');
  } else {
    cl_cli_add_plan(cli, plan);
    clade_text_add(&cli->text, "\nNothing was started: this is what `clade run` would do.\n");
  }
  clade_plan_free(plan);
  return CL_EXIT_DONE;
}

static int run_once(struct cl_cli *cli, const struct clade_run_options *o, struct cl_cli_live *l) {
  struct clade_run_callbacks callbacks = cl_cli_live_callbacks(l);
  struct cl_err e = {0};
  int exit_status = 0, status = clade_run_once(o, &callbacks, &exit_status, &e);
  cl_cli_live_end(l);
  return status < 0 ? cl_cli_fail(cli, &e) : exit_status;
}

/* On a terminal a doubt is a question, elsewhere a warning. */
static bool ask(void *ctx, const char *doubt) {
  struct cl_cli_live *l = ctx;
  struct clade_text question = {0};
  if (l->cli->yes || !l->cli->in_terminal || !l->cli->err_terminal) {
    cl_cli_live_callbacks(l).note(l, CLADE_NOTE_WARNING, doubt);
    return true;
  }
  clade_text_format(&question, "%s\nStart it all the same?", doubt);
  bool yes = cl_cli_confirm(l->cli, false, question.failed ? doubt : clade_text_get(&question));
  clade_text_done(&question);
  return yes;
}

static int run_study(const struct clade_run_options *o, struct cl_cli_live *l) {
  struct clade_run_callbacks callbacks = cl_cli_live_callbacks(l);
  callbacks.ask = ask;
  struct clade_run_result result = {.reason = ""};
  struct cl_err e = {0};
  int status = clade_run(o, &callbacks, &result, &e);
  if (status == CLADE_STOP) {
    cl_cli_live_end(l);
    return cl_cli_complain(l->cli, CL_EXIT_FAILED, "nothing was started");
  }
  return cl_cli_outcome(l, CL_PART_RUN, status, &result, &e);
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct run_options *typed = options;
  struct cl_cli_gpus gpus;
  struct cl_cli_live live;
  int status = cl_cli_gpus_make(cli, &typed->engine.gpus, &gpus);
  if (status != 0) return status;
  struct clade_run_options o = options_of(cli, typed, &gpus);
  o.spec = rest > 0 ? argv[0] : NULL;
  o.argc = argc - rest;
  o.argv = (char *const *)(argv + rest);
  cl_cli_live_init(&live, cli);
  if (typed->dry_run)
    status = show_plan(cli, &o, &live);
  else if (typed->once)
    status = run_once(cli, &o, &live);
  else
    status = run_study(&o, &live);
  cl_cli_live_done(&live);
  cl_cli_gpus_done(&gpus);
  return status;
}

#define AT(member) offsetof(struct run_options, member)
static const struct cl_cli_option options[] = {
    {CL_OPTION_INTEGER, 'n', "trials", AT(trials), "N", "how many trials", NULL, 1, 1e12},
    {CL_OPTION_INTEGER, 'p', "parallel", AT(engine.slots), "N", "how many at the same time", NULL, 1,
     CL_CLI_SLOTS_MAX},
    {CL_OPTION_TEXT, '\0', "minimize", AT(minimize), "METRIC", "the metric that counts: small is good"},
    {CL_OPTION_TEXT, '\0', "maximize", AT(maximize), "METRIC", "the metric that counts: large is good"},
    {CL_OPTION_TEXT, '\0', "metric-regex", AT(metric_regex), "REGEX",
     "read metrics from the output with this expression: its groups are name and number, or the number alone"},
    {CL_OPTION_TEXT, '\0', "method", AT(method), "NAME",
     "how to search (random); a name nobody knows lists them all"},
    {CL_OPTION_INTEGER, '\0', "seed", AT(seed), "N", "of all random choices (default: a new one)", NULL, 0,
     9e15},
    {CL_OPTION_TEXT, '\0', "name", AT(name), "NAME", "of the study (default: that of the spec or program)"},
    {CL_OPTION_FLAG, '\0', "again", AT(again), NULL, "if the name is taken, use NAME-2, NAME-3 ..."},
    {CL_OPTION_LIST, '\0', "set", AT(set), "KEY=VALUE", "change a key of the spec; may be repeated"},
    {CL_OPTION_TEXT, '\0', "hp-config", AT(hp_config), "FILE",
     "XT's file of distributions: the space to search"},
    {CL_OPTION_TEXT, '\0', "history", AT(history), "STUDY[,STUDY]",
     "copy the results of these studies: the search knows them, they are never the best"},
    {CL_OPTION_FLAG, '\0', "once", AT(once), NULL,
     "one run with the tuned values in the foreground, no study"},
    {CL_OPTION_FLAG, '\0', "dry-run", AT(dry_run), NULL, "only say what would happen (--json: the settings)"},
    {CL_OPTION_INTEGER, '\0', "max-failures", AT(max_failures), "N",
     "give up when the first N trials all fail (5)", NULL, 1, 1e9},
    CL_CLI_ENGINE_OPTIONS(struct run_options, engine),
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade run mnist.yaml", "Run the study that mnist.yaml describes."},
    {"clade run --minimize loss --trials 50 -- python train.py '--lr=[log(1e-5,1e-1)]' '--opt=[adam,sgd]'",
     "No file at all: what stands in brackets is searched, and loss is read from the program's output."},
    {"clade run mnist.yaml --dry-run", "Look at the space and at the command first."},
    {"clade run mnist.yaml --set search.method=grid --name mnist-grid -p 4", "The same with another search."},
    {0}};

extern const struct cl_cli_command cl_command_run;
const struct cl_cli_command cl_command_run = {
    .name = "run",
    .summary = "create a study and run it",
    .usage = "[OPTION...] [SPEC] [-- PROGRAM [ARGUMENT...]]",
    .description =
        "Creates the study that SPEC (a YAML file, or an XT runspec) describes, and runs its trials until all are "
        "done. Without SPEC the program's arguments say what to search: --lr=[0.1,0.01] tries these values, "
        "--lr=[log(1e-5,1e-1)] and --units=[int(16,512)] a range. A PROGRAM after -- replaces that of SPEC.\n\n"
        "Ctrl-C starts no new trials and asks the running ones to save and end; a second one kills them. `clade "
        "resume` goes on where it stopped, also after kill -9 or a crash.\n\n"
        "Exit status: 0 done, 1 could not go on, 2 usage or spec, 130 or 143 interrupted.",
    .options = options,
    .options_size = sizeof(struct run_options),
    .examples = examples,
    .n_most = 1,
    .passes_rest = true,
    .run = run,
};
