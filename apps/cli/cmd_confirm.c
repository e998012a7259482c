/* clade confirm [STUDY]: the winners again, on fresh seeds */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/repeating.h"
#include "cli/rows.h"
#include "view/number.h"
#include "view/safe.h"
#include "view/table.h"

#define TOP     3
#define REPEATS 10

struct options {
  struct cl_cli_integer top, repeats, total;
  bool dry_run;
  struct cl_cli_engine_options engine;
};

struct work { /* what is confirmed */
  const struct options *typed;
  char *study;
  int64_t *trials; /* null: the best ones */
  size_t n_trials;
  int top;
  int64_t repeats;
};

/* For people. */

static const char *const columns[] = {"trial", "claimed", "confirmed", "95 % interval",
                                      "sd",    "runs",    "luck",      "P(best)"};

static int decimals_of(const struct clade_confirmation *c) {
  struct cl_view_range range = {0};
  for (size_t i = 0; i < c->n_rows; i++) {
    const struct clade_confirm_row *row = &c->rows[i];
    cl_view_range_add(&range, row->claimed);
    cl_view_range_add(&range, row->fresh.n > 1 ? (row->fresh.hi - row->fresh.lo) / 2 : row->claimed);
  }
  int decimals = cl_view_decimals(&range);
  return decimals < 6 && decimals > 0 ? decimals + 1 : decimals;
}

static void add_row(struct cl_view_table *t, const struct clade_confirm_row *row, int decimals) {
  char lo[CL_VIEW_NUMBER_MAX], hi[CL_VIEW_NUMBER_MAX], text[2 * CL_VIEW_NUMBER_MAX + 8];
  cl_view_table_add_number(t, (double)row->trial, CL_TONE_PLAIN);
  cl_view_table_add_fixed(t, row->claimed, decimals);
  cl_view_table_add_fixed(t, row->fresh.mean, decimals);
  (void)snprintf(text, sizeof text, "%s to %s", cl_view_number(row->fresh.lo, decimals, lo),
                 cl_view_number(row->fresh.hi, decimals, hi));
  cl_view_table_add_right(t, row->fresh.n > 1 ? text : "");
  cl_view_table_add_fixed(t, row->fresh.sd, decimals);
  (void)snprintf(text, sizeof text, row->failed > 0 ? "%" PRId64 " (+%" PRId64 " failed)" : "%" PRId64,
                 row->runs, row->failed);
  cl_view_table_add_right(t, text);
  cl_view_table_add_fixed(t, row->luck, decimals);
  cl_view_table_add_fixed(t, row->p_best, 2);
}

static void add_values(struct cl_cli *cli, const struct clade_confirm_row *row) {
  clade_text_format(&cli->text, "trial %-4" PRId64, row->trial);
  struct clade_text word = {0};
  for (size_t i = 0; i < row->n_values; i++) {
    clade_text_clear(&word);
    clade_text_add(&word, row->values[i].name);
    clade_text_add_char(&word, '=');
    cl_cli_add_value(&word, row->values[i].value);
    clade_text_add_char(&cli->text, ' ');
    cl_view_add_safe(&cli->text, clade_text_get(&word), &cli->out);
  }
  clade_text_add_char(&cli->text, '\n');
  clade_text_done(&word);
}

/* The row with the best mean; null: no fresh runs at all. */
static const struct clade_confirm_row *find_best(const struct clade_confirmation *c) {
  const struct clade_confirm_row *best = NULL;
  double sign = strcmp(c->goal, "maximize") == 0 ? 1 : -1;
  for (size_t i = 0; i < c->n_rows; i++)
    if (c->rows[i].fresh.n > 0 && (best == NULL || sign * (c->rows[i].fresh.mean - best->fresh.mean) > 0))
      best = &c->rows[i];
  return best;
}

static void add_verdict(struct cl_cli *cli, const struct clade_confirmation *c) {
  struct clade_text *t = &cli->text;
  const struct clade_confirm_row *best = find_best(c), *first = &c->rows[0];
  char a[CL_VIEW_NUMBER_MAX], b[CL_VIEW_NUMBER_MAX];
  if (best == NULL) {
    clade_text_add(t, "\nNothing has been run on fresh seeds yet.\n");
    return;
  }
  clade_text_add_char(t, '\n');
  cl_view_tone_begin(t, &cli->out, CL_TONE_STRONG);
  clade_text_format(t, "trial %" PRId64 " is worth %s", best->trial, cl_view_short(best->fresh.mean, 4, a));
  cl_view_tone_end(t, &cli->out, CL_TONE_STRONG);
  if (best->fresh.n > 1)
    clade_text_format(t, " %s %s (95 %%)", cli->out.utf8 ? "±" : "+-",
                      cl_view_short((best->fresh.hi - best->fresh.lo) / 2, 2, b));
  clade_text_format(t, ": the mean of %" PRId64 " run%s that had no part in choosing it.\n", best->fresh.n,
                    best->fresh.n == 1 ? "" : "s");
  if (first->fresh.n == 0 || !isfinite(first->luck)) return;
  if (first->luck > 0)
    clade_text_format(t, "Of the %s that trial %" PRId64 " claimed, %s was luck.\n",
                      cl_view_short(first->claimed, 4, a), first->trial, cl_view_short(first->luck, 2, b));
  else
    clade_text_format(t, "What trial %" PRId64 " claimed (%s) was not too good.\n", first->trial,
                      cl_view_short(first->claimed, 4, a));
}

static void write_text(struct cl_cli *cli, const struct clade_confirmation *c) {
  struct cl_view_table table = {0};
  int decimals = decimals_of(c);
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
    cl_view_table_add_column(&table, columns[i], 0, CL_VIEW_AUTO);
  for (size_t i = 0; i < c->n_rows; i++) add_row(&table, &c->rows[i], decimals);
  cl_view_table_write(&table, &cli->out, &cli->text);
  cl_view_table_done(&table);
  for (size_t i = 0; i < c->n_rows; i++) add_values(cli, &c->rows[i]);
  add_verdict(cli, c);
}

/* For programs. */

static void write_json(struct clade_text *t, const struct clade_confirmation *c) {
  clade_text_add_char(t, '[');
  for (size_t i = 0; i < c->n_rows; i++) {
    const struct clade_confirm_row *row = &c->rows[i];
    clade_text_format(t, "%s{\"trial\": %" PRId64 ", \"values\": ", i > 0 ? ",\n " : "", row->trial);
    cl_cli_add_json_values(t, row->values, row->n_values);
    cl_cli_add_json_member(t, "claimed", row->claimed);
    cl_cli_add_json_member(t, "estimate", row->estimate);
    clade_text_format(t, ", \"n\": %" PRId64 ", \"failed\": %" PRId64 ", \"pending\": %" PRId64, row->runs,
                      row->failed, row->pending);
    cl_cli_add_json_member(t, "mean", row->fresh.mean);
    cl_cli_add_json_member(t, "sd", row->fresh.sd);
    cl_cli_add_json_interval(t, row->fresh.lo, row->fresh.hi);
    cl_cli_add_json_member(t, "luck", row->luck);
    cl_cli_add_json_member(t, "p_best", row->p_best);
    clade_text_add_char(t, '}');
  }
  clade_text_add(t, "]\n");
}

static int show(struct cl_cli *cli, const struct work *w) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct clade_confirmation *c = NULL;
  struct cl_err e = {0};
  int status = clade_store_open(cl_cli_store(cli), &store, &e);
  if (status == 0) status = clade_reader_open(store, w->study, &reader, &e);
  if (status == 0) status = clade_confirm_read(reader, w->top, w->trials, w->n_trials, &c, &e);
  if (status == 0 && cli->json) write_json(&cli->text, c);
  if (status == 0 && !cli->json) write_text(cli, c);
  clade_confirmation_free(c);
  clade_reader_close(reader);
  clade_store_close(store);
  return status < 0 ? cl_cli_fail(cli, &e) : CL_EXIT_DONE;
}

/* Doing it. */

static int confirm(struct cl_cli *cli, const struct work *w) {
  const struct cl_cli_engine_options *typed = &w->typed->engine;
  struct cl_cli_repeating repeating;
  struct cl_err e = {0};
  int status = cl_cli_repeating_begin(cli, typed, &repeating);
  if (status != 0) return status;
  struct clade_resume_options engine = {.store = cli->store_typed,
                                        .study = w->study,
                                        .parallel = (int)typed->slots.value,
                                        .sync_full = cl_cli_sync_full(typed),
                                        .n_gpus = repeating.gpus.n,
                                        .gpus = repeating.gpus.names,
                                        .grace_s = typed->grace.value};
  struct clade_confirm_options what = {.top = w->top,
                                       .n_trials = (int)w->n_trials,
                                       .trials = w->trials,
                                       .repeats = w->repeats,
                                       .total = w->typed->total.value};
  status = clade_confirm(&engine, &what, &repeating.callbacks, &repeating.result, &e);
  status = cl_cli_repeating_end(&repeating, status, &e);
  if (status == 0) status = show(cli, w);
  if (status != 0) return status;
  status = cl_cli_repeating_status(&repeating);
  if (status > 128) cl_cli_note(cli, "interrupted: the same command goes on where it stopped");
  return status;
}

/* The study and the trials that the address names. */
static int find_work(struct cl_cli *cli, const char *address, struct work *w) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct clade_text name = {0};
  struct cl_err e = {0};
  int status = clade_store_open(cl_cli_store(cli), &store, &e);
  if (status == 0) status = clade_reader_open(store, address, &reader, &e);
  if (status == 0) {
    clade_text_add(&name, clade_reader_study(reader));
    w->study = name.bytes; /* taken */
    if (clade_reader_names_trials(reader)) status = clade_reader_trials(reader, &w->trials, &w->n_trials, &e);
  }
  clade_reader_close(reader);
  clade_store_close(store);
  if (status < 0) return cl_cli_fail(cli, &e);
  if (name.failed) return cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
  if (w->trials != NULL && w->n_trials == 0)
    return cl_cli_complain(cli, CL_EXIT_NOTHING, "'%s' names no trial", address);
  return CL_EXIT_DONE;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  const struct options *typed = options;
  int noun = cl_cli_skip_noun(argc, argv, false);
  struct work w = {.typed = typed,
                   .top = typed->top.given ? (int)typed->top.value : TOP,
                   .repeats = typed->repeats.given ? typed->repeats.value : REPEATS};
  int status = find_work(cli, argc > noun ? argv[noun] : NULL, &w);
  if (status == 0 && w.n_trials > 0 && typed->top.given)
    status = cl_cli_complain(cli, CL_EXIT_USAGE,
                             "--top chooses the best ones, and '%s' names trials: type one of the two",
                             argv[noun]);
  if (status == 0) status = typed->dry_run ? show(cli, &w) : confirm(cli, &w);
  clade_free(w.study);
  clade_free(w.trials);
  return status;
}

#define AT(member) offsetof(struct options, member)
static const struct cl_cli_option options[] = {
    {CL_OPTION_INTEGER, 'k', "top", AT(top), "K", "the K best configurations (3)", NULL, 1, 1000},
    {CL_OPTION_INTEGER, 'n', "repeats", AT(repeats), "N",
     "runs of each on fresh seeds, those already there included (10)", NULL, 1, 1e6},
    {CL_OPTION_INTEGER, '\0', "total", AT(total), "N",
     "at most so many runs of all: those that may be best get the most of them", NULL, 1, 1e9},
    {CL_OPTION_INTEGER, 'p', "parallel", AT(engine.slots), "N", "how many at the same time (as the study)",
     NULL, 1, CL_CLI_SLOTS_MAX},
    {CL_OPTION_FLAG, '\0', "dry-run", AT(dry_run), NULL, "run nothing, show what is known"},
    CL_CLI_ENGINE_OPTIONS(struct options, engine),
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade confirm mnist", "The three best configurations of mnist, ten fresh runs of each."},
    {"clade confirm mnist --top 1 --repeats 20", "Twenty runs of the winner."},
    {"clade confirm mnist/5,7 --json", "The configurations of two trials, for a program."},
    {0}};

extern const struct cl_cli_command cl_command_confirm;
const struct cl_cli_command cl_command_confirm = {
    .name = "confirm",
    .summary = "run the winners again on fresh seeds: what are they really worth?",
    .usage = "[OPTION...] [STUDY]",
    .description =
        "The best score of a search is too good: it was chosen for being high. This runs the best configurations again, on seeds "
        "that had no part in the choice, and shows what was claimed, the mean that can be expected, its interval, and how much "
        "was luck. STUDY/3,7 confirms the configurations of these trials.\n\n"
        "Where a scheduler changes values while trials train, each run follows the schedule of the trial that it confirms (clade "
        "schedule); the values shown are those at its end.\n\n"
        "The runs are trials of the study with the role confirm. They do not count against its budget, and no search method "
        "sees them. Three runs of each come first, then those that may be the best; interrupted, the same command goes on. "
        "With --total fewer runs are shared out, most to the best ones; the means of the others are then less certain.\n\n"
        "Exit status: 0 done, 1 could not go on (the first runs all failed), 2 usage, 3 no such study or trial, 130 or 143 "
        "interrupted.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
