/* clade replay SCHEDULE: train with the values of a schedule again */
#include <stddef.h>

#include "cli/repeating.h"
#include "cli/replayed.h"

struct options {
  const char *spec, *name;
  bool again;
  struct cl_cli_integer seeds, seed;
  struct cl_cli_engine_options engine;
};

static int show(struct cl_cli *cli, const struct clade_run_result *r) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct clade_replay_outcome *o = NULL;
  struct cl_err e = {0};
  int status = clade_store_open(r->store, &store, &e);
  if (status == 0) status = clade_reader_open(store, r->study, &reader, &e);
  if (status == 0) status = clade_replay_read(reader, &o, &e);
  if (status == 0) cl_cli_write_replay(cli, o, r->study);
  bool scored = status == 0 && o->scores.n > 0;
  clade_replay_free(o);
  clade_reader_close(reader);
  clade_store_close(store);
  if (status < 0) return cl_cli_fail(cli, &e);
  return scored || r->signal != 0 ? CL_EXIT_DONE : CL_EXIT_FAILED;
}

/* Doing it. */

static int replay(struct cl_cli *cli, const struct options *o, const struct clade_replay_options *what) {
  struct cl_cli_repeating repeating;
  struct cl_err e = {0};
  int status = cl_cli_repeating_begin(cli, &o->engine, &repeating);
  if (status != 0) return status;
  struct clade_run_options run = {.store = cli->store_typed,
                                  .spec = o->spec,
                                  .name = o->name,
                                  .again = o->again,
                                  .parallel = (int)o->engine.slots.value,
                                  .has_seed = o->seed.given,
                                  .seed = o->seed.value,
                                  .sync_full = cl_cli_sync_full(&o->engine),
                                  .n_gpus = repeating.gpus.n,
                                  .gpus = repeating.gpus.names,
                                  .grace_s = o->engine.grace.value};
  status = clade_replay(&run, what, &repeating.callbacks, &repeating.result, &e);
  status = cl_cli_repeating_end(&repeating, status, &e);
  if (status == 0) status = show(cli, &repeating.result);
  if (status != 0) return status;
  status = cl_cli_repeating_status(&repeating);
  if (status > 128) cl_cli_note(cli, "interrupted: clade resume %s goes on with it", repeating.result.study);
  return status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  const struct options *o = options;
  int noun = cl_cli_skip_noun(argc, argv, false);
  if (argc <= noun)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "say which schedule to replay: a file, or STUDY/TRIAL");
  struct clade_replay_options what = {.schedule = argv[noun], .seeds = o->seeds.value};
  return replay(cli, o, &what);
}

#define AT(member) offsetof(struct options, member)
static const struct cl_cli_option options[] = {
    {CL_OPTION_INTEGER, 'n', "seeds", AT(seeds), "N",
     "so many runs on fresh seeds (without it: one, with the seed of the schedule's first trial)", NULL, 1,
     1e6},
    {CL_OPTION_TEXT, '\0', "spec", AT(spec), "SPEC",
     "program and space from this file (without it: those of the study that the schedule comes from)"},
    {CL_OPTION_TEXT, '\0', "name", AT(name), "NAME", "of the new study (STUDY-replay)"},
    {CL_OPTION_FLAG, '\0', "again", AT(again), NULL, "the name is taken: NAME-2, NAME-3 …"},
    {CL_OPTION_INTEGER, '\0', "seed", AT(seed), "SEED", "of the new study: its fresh seeds follow from it",
     NULL, -9e18, 9e18},
    {CL_OPTION_INTEGER, 'p', "parallel", AT(engine.slots), "N", "how many at the same time (as the study)",
     NULL, 1, CL_CLI_SLOTS_MAX},
    CL_CLI_ENGINE_OPTIONS(struct options, engine),
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade replay s.yaml --seeds 5", "Five runs with the values of s.yaml, each with a seed of its own."},
    {"clade replay mnist-pbt", "The schedule of the best member, from its root and with its seed."},
    {"clade replay pbt_policy_00003.txt --spec mnist.yaml --seeds 3", "A schedule that Ray Tune has found."},
    {0}};

extern const struct cl_cli_command cl_command_replay;
const struct cl_cli_command cl_command_replay = {
    .name = "replay",
    .summary = "train with a schedule again: the same values at the same steps",
    .usage = "[OPTION...] SCHEDULE",
    .description =
        "Makes a study whose trials begin with the schedule's first values and change them when the report of each step is "
        "answered; no search and no scheduler takes part. SCHEDULE is a file that clade schedule --export wrote (or "
        "pbt_policy_….txt of Ray Tune), or a trial: STUDY (its best one), STUDY/7.\n\n"
        "Without --seeds there is one run with the seed of the schedule's first trial: of a deterministic trainer it comes to "
        "exactly what the member had. With --seeds N each run has a seed of its own, and the mean is what the schedule is "
        "worth: the member's own score was chosen for being high.\n\n"
        "Steps are counted in the trainer's own unit. Interrupted, clade resume goes on with the new study.\n\n"
        "Exit status: 0 done, 1 could not go on, or no run came to a score, 2 usage or a schedule that does not fit, 3 no such "
        "study or trial, 130 or 143 interrupted.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
