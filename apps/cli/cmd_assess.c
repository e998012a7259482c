/* clade assess [STUDY]: the one final training that may look at test data */
#include <inttypes.h>

#include "cli/pairs.h"
#include "cli/repeating.h"
#include "cli/rows.h"
#include "view/safe.h"

struct options {
  struct cl_cli_engine_options engine;
};

struct seen {           /* of a study */
  int64_t times, trial; /* assessments; the last one, 0 = none */
};

/* The last trial of role assess. */
static int find_last(struct clade_reader *reader, int64_t *ret, struct cl_err *e) {
  static const char *const columns[] = {"trial,role"};
  static const char *const filters[] = {"role = assess"};
  struct clade_list_options o = {
      .n_columns = 1, .columns = columns, .n_filters = 1, .filters = filters, .limit = CLADE_LIMIT_ALL};
  struct clade_table *t = NULL;
  int status = clade_trials_list(reader, &o, &t, e);
  if (status < 0) return status;
  size_t n = clade_table_rows(t);
  *ret = n == 0 ? 0 : clade_table_cell(t, n - 1, 0).as.integer;
  clade_table_free(t);
  return 0;
}

static int look(struct cl_cli *cli, struct clade_reader *reader, struct seen *ret) {
  struct clade_best *best = NULL;
  struct cl_err e = {0};
  int status = clade_best_read(reader, &best, &e);
  if (status == 0) {
    ret->times = best->assessments;
    clade_best_free(best);
    status = find_last(reader, &ret->trial, &e);
  }
  return status < 0 ? cl_cli_fail(cli, &e) : CL_EXIT_DONE;
}

static void add_times(struct clade_text *t, int64_t n) {
  clade_text_format(t, "test set seen %" PRId64 " time%s\n", n, n == 1 ? "" : "s");
}

static void write_json(struct clade_text *t, const struct clade_trial_info *i, const struct seen *seen) {
  clade_text_format(t, "{\"trial\": %" PRId64 ", \"of\": ", i->number);
  if (i->of == 0)
    clade_text_add(t, "null");
  else
    clade_text_format(t, "%" PRId64, i->of);
  clade_text_format(t, ", \"state\": \"%s\", \"metrics\": ", i->state);
  cl_cli_add_json_values(t, i->metrics, i->n_metrics);
  clade_text_format(t, ", \"assessments\": %" PRId64 "}\n", seen->times);
}

static void write_text(struct cl_cli *cli, const struct clade_trial_info *i, const struct seen *seen) {
  struct cl_cli_pairs pairs;
  struct clade_text *t = &cli->text;
  cl_view_tone_begin(t, &cli->out, CL_TONE_STRONG);
  cl_view_add_safe(t, i->study, &cli->out);
  if (i->of != 0) clade_text_format(t, "/%" PRId64, i->of);
  clade_text_format(t, ", trained once more as trial %" PRId64, i->number);
  cl_view_tone_end(t, &cli->out, CL_TONE_STRONG);
  clade_text_format(t, " (%s)\n\n", i->state);
  cl_cli_pairs_init(&pairs);
  for (size_t k = 0; k < i->n_metrics; k++)
    cl_cli_pairs_add_value(&pairs, i->metrics[k].name, i->metrics[k].value);
  cl_cli_pairs_write(cli, &pairs);
  clade_text_add_char(t, '\n');
  add_times(t, seen->times);
}

static int show(struct cl_cli *cli, const char *study) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct clade_trial_info *info = NULL;
  struct seen seen = {0};
  struct cl_err e = {0};
  int status = clade_store_open(cl_cli_store(cli), &store, &e);
  if (status == 0) status = clade_reader_open(store, study, &reader, &e);
  status = status < 0 ? cl_cli_fail(cli, &e) : look(cli, reader, &seen);
  if (status == 0 && clade_trial_read(reader, seen.trial, &info, &e) < 0) status = cl_cli_fail(cli, &e);
  if (status == 0 && cli->json) write_json(&cli->text, info, &seen);
  if (status == 0 && !cli->json) write_text(cli, info, &seen);
  clade_trial_free(info);
  clade_reader_close(reader);
  clade_store_close(store);
  return status;
}

static int assess(struct cl_cli *cli, const struct options *o, const char *study, int64_t trial) {
  struct cl_cli_repeating repeating;
  struct cl_err e = {0};
  int status = cl_cli_repeating_begin(cli, &o->engine, &repeating);
  if (status != 0) return status;
  struct clade_resume_options engine = {.store = cli->store_typed,
                                        .study = study,
                                        .parallel = 1,
                                        .sync_full = cl_cli_sync_full(&o->engine),
                                        .n_gpus = repeating.gpus.n,
                                        .gpus = repeating.gpus.names,
                                        .grace_s = o->engine.grace.value};
  status = clade_assess(&engine, trial, &repeating.callbacks, &repeating.result, &e);
  status = cl_cli_repeating_end(&repeating, status, &e);
  if (status == 0) status = show(cli, study);
  if (status != 0) return status;
  status = cl_cli_repeating_status(&repeating);
  if (status > 128) cl_cli_note(cli, "interrupted: the same command goes on where it stopped");
  const struct clade_run_result *result = &repeating.result;
  return result->signal == 0 && result->complete + result->pruned == 0 ? CL_EXIT_FAILED : status;
}

/* The study, and the trial that the address names (0: none). */
static int find_work(struct cl_cli *cli, const char *address, char **ret_study, int64_t *ret_trial) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct clade_text name = {0};
  struct cl_err e = {0};
  struct seen seen = {0};
  int64_t *trials = NULL;
  size_t n = 0;
  int status = clade_store_open(cl_cli_store(cli), &store, &e);
  if (status == 0) status = clade_reader_open(store, address, &reader, &e);
  if (status == 0 && clade_reader_names_trials(reader)) status = clade_reader_trials(reader, &trials, &n, &e);
  status = status < 0 ? cl_cli_fail(cli, &e) : look(cli, reader, &seen);
  if (status == 0) {
    clade_text_add(&name, clade_reader_study(reader));
    *ret_study = name.bytes; /* taken */
    if (clade_reader_names_trials(reader) && n != 1)
      status = cl_cli_complain(
          cli, n == 0 ? CL_EXIT_NOTHING : CL_EXIT_USAGE,
          n == 0 ? "'%s' names no trial" : "'%s' names several trials: one is assessed, once", address);
    else if (n == 1)
      *ret_trial = trials[0];
    if (status == 0 && seen.times > 0)
      cl_cli_note(cli,
                  "the test set has been seen %" PRId64
                  " time%s already: a choice that its result has a part in makes "
                  "every later one too good",
                  seen.times, seen.times == 1 ? "" : "s");
  }
  clade_free(trials);
  clade_reader_close(reader);
  clade_store_close(store);
  return status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  int noun = cl_cli_skip_noun(argc, argv, false);
  char *study = NULL;
  int64_t trial = 0;
  int status = find_work(cli, argc > noun ? argv[noun] : NULL, &study, &trial);
  if (status == 0) status = assess(cli, options, study, trial);
  clade_free(study);
  return status;
}

static const struct cl_cli_option options[] = {CL_CLI_ENGINE_OPTIONS(struct options, engine),
                                               {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade assess mnist", "Train the best one once more, and measure it on the test data."},
    {"clade assess mnist/7 --json", "Trial 7, for a program."},
    {0}};

extern const struct cl_cli_command cl_command_assess;
const struct cl_cli_command cl_command_assess = {
    .name = "assess",
    .summary = "train the winner once more, the only time that test data are looked at",
    .usage = "[OPTION...] [STUDY[/TRIAL]]",
    .description =
        "Runs the final training once, with CLADE_FINAL=1 in its environment: only then do the examples open their test files. It "
        "begins with the values and the seed with which the lineage of the best trial (or of STUDY/TRIAL) began, and follows its "
        "schedule, so what a population has found is trained from its root, by one process.\n\n"
        "The run is a trial of the study with the role assess: no method sees it, and it does not count against the budget. Each "
        "start of such a trial is an event; `test set seen n times` is their number, and clade best says it too. "
        "Interrupted, the same command goes on.\n\n"
        "Exit status: 0 done, 1 the training failed, 2 usage, 3 no such study or trial, 130 or 143 interrupted.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
