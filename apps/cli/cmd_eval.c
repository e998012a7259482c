/* clade eval [STUDY]: XT's table of who led a search, what was known at the time, and whether to go on. */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/rows.h"
#include "view/number.h"
#include "view/safe.h"

#define ONLINE_ROWS 20 /* shown without --all */
#define LEAST_WIDTH 9

struct options {
  const char *metric;
  const char *definitions;
  struct cl_cli_integer max_runs, n_reports;
  bool minimize, maximize, all;
};

/* The table, as XT's tool writes it: each value after a blank, padded to its column. */

static void add_short_value(struct clade_text *t, struct clade_value v) {
  char buffer[CL_VIEW_NUMBER_MAX];
  if (v.kind == CLADE_ABSENT)
    clade_text_add_char(t, '-');
  else if (v.kind == CLADE_REAL)
    clade_text_add(t, cl_view_short(v.as.real, 6, buffer));
  else
    cl_cli_add_value(t, v);
}

static size_t width_of(struct cl_cli *cli, const struct clade_eval *v, size_t column) {
  size_t widest = cl_view_width(v->columns[column], &cli->out);
  struct clade_text cell = {0};
  const struct clade_eval_row *rows[] = {v->rows, v->online};
  for (size_t part = 0; part < 2; part++)
    for (size_t i = 0; i < (part == 0 ? v->n_rows : v->n_online); i++) {
      clade_text_clear(&cell);
      add_short_value(&cell, rows[part][i].values[column]);
      size_t width = cl_view_width(clade_text_get(&cell), &cli->out);
      if (width > widest) widest = width;
    }
  clade_text_done(&cell);
  return widest < LEAST_WIDTH ? LEAST_WIDTH : widest;
}

static void add_padded(struct cl_cli *cli, const char *text, size_t width) {
  size_t used = cl_view_width(text, &cli->out);
  clade_text_add_char(&cli->text, ' ');
  cl_view_add_safe(&cli->text, text, &cli->out);
  clade_text_add_repeat(&cli->text, " ", used < width ? width - used : 0);
}

struct layout {
  size_t *widths;             /* of the columns */
  struct clade_text estimate; /* "EST HPMAX" */
};

static void add_header(struct cl_cli *cli, const struct clade_eval *v, const struct layout *l) {
  for (size_t i = 0; i < v->n_columns; i++) add_padded(cli, v->columns[i], l->widths[i]);
  clade_text_add(&cli->text, "BEST FOR   ");
  cl_view_add_safe(&cli->text, clade_text_get(&l->estimate), &cli->out);
  clade_text_add(&cli->text, "  RUNS  BEST\n");
}

static void add_row(struct cl_cli *cli, const struct clade_eval *v, const struct layout *l,
                    const struct clade_eval_row *row) {
  struct clade_text cell = {0};
  char number[CL_VIEW_NUMBER_MAX];
  for (size_t i = 0; i < v->n_columns; i++) {
    clade_text_clear(&cell);
    add_short_value(&cell, row->values[i]);
    add_padded(cli, clade_text_get(&cell), l->widths[i]);
  }
  clade_text_done(&cell);
  bool tiny = row->estimate != 0 && fabs(row->estimate) < 1e-3;
  (void)snprintf(number, sizeof number, tiny ? "%9.3g" : "%9.6f", row->estimate);
  clade_text_format(&cli->text, "%3" PRId64 " runs   %*s  %3" PRId64 "   ", row->best_for,
                    (int)cl_view_width(clade_text_get(&l->estimate), &cli->out), number, row->runs);
  cl_view_add_safe(&cli->text, row->name, &cli->out);
  clade_text_add_char(&cli->text, '\n');
}

static void add_table(struct cl_cli *cli, const struct clade_eval *v, const struct layout *l,
                      const struct clade_eval_row *rows, size_t n) {
  add_header(cli, v, l);
  for (size_t i = 0; i < n; i++) add_row(cli, v, l, &rows[i]);
}

static int make_layout(struct cl_cli *cli, const struct clade_eval *v, struct layout *ret) {
  ret->widths = clade_resize(NULL, (v->n_columns + 1) * sizeof *ret->widths);
  if (ret->widths == NULL) return cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
  for (size_t i = 0; i < v->n_columns; i++) ret->widths[i] = width_of(cli, v, i);
  clade_text_add(&ret->estimate, "EST ");
  for (const char *c = v->metric; *c != '\0'; c++)
    clade_text_add_char(&ret->estimate, (char)((unsigned char)*c < 128 ? toupper((unsigned char)*c) : *c));
  while (ret->estimate.length < LEAST_WIDTH && !ret->estimate.failed)
    clade_text_add_char(&ret->estimate, ' ');
  return CL_EXIT_DONE;
}

/* What follows it. */

static void add_online(struct cl_cli *cli, const struct clade_eval *v, const struct layout *l, bool all) {
  size_t from = all || v->n_online <= ONLINE_ROWS ? 0 : v->n_online - ONLINE_ROWS;
  clade_text_add(&cli->text,
                 "\nThe same as it looked at the time: what was known when each took the lead.\n");
  add_table(cli, v, l, v->online + from, v->n_online - from);
  if (from > 0) clade_text_format(&cli->text, " (%zu earlier ones; --all shows them)\n", from);
}

static void add_verdict(struct cl_cli *cli, const struct clade_eval *v, const char *study) {
  struct clade_text *t = &cli->text;
  const struct clade_eval_row *last = &v->rows[v->n_rows - 1];
  char near[CL_VIEW_NUMBER_MAX];
  clade_text_add(t, "\nThe configuration of ");
  cl_view_add_safe(t, last->name, &cli->out);
  clade_text_format(t, " has led for the last %" PRId64 " of %" PRId64 " runs", last->best_for, v->runs);
  if (!isnan(v->p_best))
    clade_text_format(t,
                      ". It is the best of all %" PRId64 " configurations tried with probability %.2f,\n"
                      "and within %s of the best (half of what one score varies by) with %.2f",
                      v->configurations, v->p_best, cl_view_short(v->near, 2, near), v->p_near);
  clade_text_add(t, ".\n");
  static const char *const words[] = {"no verdict", "go on", "stop"};
  cl_view_tone_begin(t, &cli->out, CL_TONE_STRONG);
  clade_text_add(t, words[v->settled + 1]);
  cl_view_tone_end(t, &cli->out, CL_TONE_STRONG);
  clade_text_format(t, ": %s.\n", v->why);
  clade_text_add(t, "clade confirm ");
  cl_cli_add_word(t, study);
  clade_text_add(t, v->settled == 1 ? " gives its unbiased score.\n"
                                    : " runs the best ones again on fresh seeds.\n");
}

static void add_left_out(struct cl_cli *cli, const struct clade_eval *v) {
  if (v->left_out == 0) return;
  clade_text_format(
      &cli->text,
      " %" PRId64 " completed %s left out: %s values or a number of reports that were not asked for.\n",
      v->left_out, v->left_out == 1 ? "run is" : "runs are", v->left_out == 1 ? "it has" : "they have");
}

static int write_text(struct cl_cli *cli, const struct clade_eval *v, const char *study, bool all) {
  struct layout l = {0};
  if (v->runs == 0) {
    cl_view_add_safe(&cli->text, study, &cli->out);
    clade_text_add(&cli->text, v->left_out > 0
                                   ? " has no completed run of these: there is nothing to evaluate.\n"
                                   : " has no completed runs yet: there is nothing to evaluate.\n");
    add_left_out(cli, v);
    return CL_EXIT_DONE;
  }
  int status = make_layout(cli, v, &l);
  if (status == CL_EXIT_DONE) {
    add_table(cli, v, &l, v->rows, v->n_rows);
    add_header(cli, v, &l);
    clade_text_format(&cli->text,
                      " History of the best hyperparameter combination after each of the %" PRId64
                      " completed runs.\n",
                      v->runs);
    add_left_out(cli, v);
    add_online(cli, v, &l, all);
    add_verdict(cli, v, study);
  }
  clade_free(l.widths);
  clade_text_done(&l.estimate);
  return status;
}

/* For programs. */

static void add_json_rows(struct clade_text *t, const struct clade_eval *v, const struct clade_eval_row *rows,
                          size_t n) {
  clade_text_add_char(t, '[');
  for (size_t i = 0; i < n; i++) {
    clade_text_format(t, "%s{\"trial\": %" PRId64 ", \"name\": ", i > 0 ? ", " : "", rows[i].trial);
    clade_text_add_json(t, rows[i].name);
    clade_text_add(t, ", \"values\": {");
    bool first = true;
    for (size_t k = 0; k < v->n_columns; k++) {
      if (rows[i].values[k].kind == CLADE_ABSENT) continue;
      if (!first) clade_text_add(t, ", ");
      first = false;
      clade_text_add_json(t, v->columns[k]);
      clade_text_add(t, ": ");
      cl_cli_add_json_value(t, rows[i].values[k]);
    }
    clade_text_format(t,
                      "}, \"best_for\": %" PRId64 ", \"runs\": %" PRId64 ", \"estimate\": ", rows[i].best_for,
                      rows[i].runs);
    clade_text_add_json_number(t, rows[i].estimate);
    clade_text_add(t, ", \"sd\": ");
    clade_text_add_json_number(t, rows[i].sd);
    clade_text_add_char(t, '}');
  }
  clade_text_add_char(t, ']');
}

static void add_json_member(struct clade_text *t, const char *name, double x) {
  clade_text_format(t, ", \"%s\": ", name);
  clade_text_add_json_number(t, x);
}

static void write_json(struct clade_text *t, const struct clade_eval *v) {
  clade_text_add(t, "{\"metric\": ");
  clade_text_add_json(t, v->metric);
  clade_text_format(t, ", \"goal\": \"%s\", \"runs\": %" PRId64 ", \"configurations\": %" PRId64, v->goal,
                    v->runs, v->configurations);
  if (v->left_out > 0) clade_text_format(t, ", \"left_out\": %" PRId64, v->left_out);
  add_json_member(t, "prior_mean", v->prior_mean);
  add_json_member(t, "prior_sd", v->prior_sd);
  clade_text_add(t, ", \"history\": ");
  add_json_rows(t, v, v->rows, v->n_rows);
  clade_text_add(t, ", \"online\": ");
  add_json_rows(t, v, v->online, v->n_online);
  clade_text_format(t, ", \"repeats\": %" PRId64, v->df);
  add_json_member(t, "noise_sd", v->noise_sd);
  add_json_member(t, "p_best", v->p_best);
  add_json_member(t, "near", v->near);
  add_json_member(t, "p_near", v->p_near);
  clade_text_format(t, ", \"settled\": %s, \"why\": ",
                    v->settled < 0 ? "null"
                    : v->settled   ? "true"
                                   : "false");
  clade_text_add_json(t, v->why);
  clade_text_add(t, "}\n");
}

static int evaluate(struct cl_cli *cli, const void *options, struct clade_reader *reader) {
  const struct options *o = options;
  struct clade_eval_options what = {.metric = o->metric,
                                    .goal = o->minimize   ? "minimize"
                                            : o->maximize ? "maximize"
                                                          : NULL,
                                    .max_runs = o->max_runs.value,
                                    .n_reports = o->n_reports.value,
                                    .definitions = o->definitions};
  struct clade_eval *v = NULL;
  struct cl_err e = {0};
  if (clade_reader_names_trials(reader))
    return cl_cli_complain(cli, CL_EXIT_USAGE, "a search is evaluated as a whole: name the study alone, %s",
                           clade_reader_study(reader));
  if (o->minimize && o->maximize)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "--minimize and --maximize cannot both be right: type one");
  if (clade_eval_read(reader, &what, &v, &e) < 0) return cl_cli_fail(cli, &e);
  int status = CL_EXIT_DONE;
  if (cli->json)
    write_json(&cli->text, v);
  else
    status = write_text(cli, v, clade_reader_study(reader), o->all);
  clade_eval_free(v);
  return status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  return cl_cli_read(cli, cl_cli_address(argc, argv), options, evaluate);
}

#define AT(member) offsetof(struct options, member)
static const struct cl_cli_option options[] = {
    {CL_OPTION_TEXT, '\0', "metric", AT(metric), "NAME",
     "evaluate by this metric (what the study optimises)"},
    {CL_OPTION_FLAG, '\0', "minimize", AT(minimize), NULL, "small values of --metric are good"},
    {CL_OPTION_FLAG, '\0', "maximize", AT(maximize), NULL, "large values of --metric are good"},
    {CL_OPTION_INTEGER, '\0', "max-runs", AT(max_runs), "N", "look at the first N completed runs only", NULL,
     1, 1e12},
    {CL_OPTION_INTEGER, '\0', "num-reports-per-run", AT(n_reports), "N",
     "leave out runs with another number of reports", NULL, 1, 1e12},
    {CL_OPTION_TEXT, '\0', "hp-def-file", AT(definitions), "FILE",
     "leave out runs with other values than this spec or list of values has; its hyperparameters are the columns"},
    {CL_OPTION_FLAG, '\0', "all", AT(all), NULL, "show the whole online history, not its last 20 rows"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade eval mnist", "Who led the search, and is it settled?"},
    {"clade eval mnist --max-runs 100", "How it stood after 100 runs."},
    {"clade eval mnist --num-reports-per-run 10", "Without the runs that were cut short."},
    {"clade eval mnist --metric loss --minimize --json", "By another metric, for a program."},
    {0}};

extern const struct cl_cli_command cl_command_eval;
const struct cl_cli_command cl_command_eval = {
    .name = "eval",
    .summary = "evaluate a search: who led it, and is it settled?",
    .usage = "[OPTION...] [STUDY]",
    .description =
        "Shows which configuration was the best after each completed run, for how many runs it stayed so, and what it is "
        "estimated to be worth. The estimate moves the mean of its runs towards the mean of all, a single run half-way.\n\n"
        "The first table is XT's: it looks back, so estimate and runs of each row are the final ones, and the last row is the "
        "best. The second one says what could be known at the time. Below stand the probability that the leader is the best of "
        "all that were tried (where runs were repeated), and whether going on is worth it.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
