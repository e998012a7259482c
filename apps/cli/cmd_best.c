/* clade best [STUDY] */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/pairs.h"
#include "cli/replayed.h"
#include "cli/rows.h"
#include "view/number.h"
#include "view/safe.h"

struct options {
  bool history;
  const char *write, *checkpoint;
};

static void add_json_confirmed(struct clade_text *t, const struct clade_confirmed *c) {
  if (c->n == 0) {
    clade_text_add(t, "null");
    return;
  }
  clade_text_format(t, "{\"n\": %" PRId64, c->n);
  cl_cli_add_json_member(t, "mean", c->mean);
  cl_cli_add_json_member(t, "sd", c->sd);
  cl_cli_add_json_interval(t, c->lo, c->hi);
  clade_text_add_char(t, '}');
}

/* The state that was handed out, if one was. */
struct handed {
  const char *directory;
  struct clade_checkpoint state;
};

static void add_json_checkpoint(struct clade_text *t, const struct handed *h) {
  clade_text_add(t, ", \"checkpoint\": {\"directory\": ");
  clade_text_add_json(t, h->directory);
  clade_text_format(t, ", \"trial\": %" PRId64, h->state.trial);
  cl_cli_add_json_member(t, "step", h->state.step);
  cl_cli_add_json_member(t, "score", h->state.score);
  clade_text_format(t, ", \"bytes\": %" PRId64 "}", h->state.bytes);
}

static void write_json(struct clade_text *t, const struct clade_best *b, const struct handed *h) {
  clade_text_format(t, "{\"trial\": %" PRId64 ", \"values\": ", b->trial);
  cl_cli_add_json_values(t, b->values, b->n_values);
  cl_cli_add_json_member(t, "value", b->value);
  cl_cli_add_json_member(t, "estimate", b->estimate);
  clade_text_format(t, ", \"repeats\": %" PRId64, b->repeats);
  cl_cli_add_json_interval(t, b->lo, b->hi);
  clade_text_add(t, ", \"confirmed\": ");
  add_json_confirmed(t, &b->confirmed);
  if (h->directory != NULL) add_json_checkpoint(t, h);
  clade_text_add(t, "}\n");
}

static void write_values(struct cl_cli *cli, const struct clade_best *b) {
  struct cl_cli_pairs pairs;
  cl_cli_pairs_init(&pairs);
  for (size_t i = 0; i < b->n_values; i++)
    cl_cli_pairs_add_value(&pairs, b->values[i].name, b->values[i].value);
  cl_cli_pairs_write(cli, &pairs);
}

/* Enough decimals to tell the interval from the estimate. */
static int decimals_for(double width, double value) {
  struct cl_view_range range = {0};
  cl_view_range_add(&range, value);
  if (width > 0) cl_view_range_add(&range, width);
  int decimals = cl_view_decimals(&range);
  return decimals == 0 && width > 0 && width < 10 ? 3 : decimals;
}

static const char *runs(int64_t n, char *buffer) {
  (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "%" PRId64 " run%s", n, n == 1 ? "" : "s");
  return buffer;
}

static void write_estimate(struct clade_text *t, const struct clade_best *b, bool utf8) {
  char x[CL_VIEW_NUMBER_MAX], y[CL_VIEW_NUMBER_MAX], n[CL_VIEW_NUMBER_MAX];
  if (b->noise_sd == 0) {
    clade_text_format(t, "estimate   %s, from %s of this configuration: equal runs score equally\n",
                      cl_view_short(b->estimate, 6, x), runs(b->repeats, n));
    return;
  }
  double half = (b->hi - b->lo) / 2;
  int decimals = decimals_for(half, b->estimate);
  clade_text_format(t, "estimate   %s %s %s (95 %%), from %s of this configuration\n",
                    cl_view_number(b->estimate, decimals, x), utf8 ? "±" : "+-",
                    cl_view_number(half, decimals, y), runs(b->repeats, n));
  clade_text_format(t, "           one score alone varies by %s (standard deviation, %" PRId64 " repeats)\n",
                    cl_view_short(b->noise_sd, 2, x), b->df);
}

static void write_confirmed(struct clade_text *t, const struct clade_best *b, bool utf8) {
  char x[CL_VIEW_NUMBER_MAX], y[CL_VIEW_NUMBER_MAX], n[CL_VIEW_NUMBER_MAX];
  const struct clade_confirmed *c = &b->confirmed;
  double half = (c->hi - c->lo) / 2;
  int decimals = decimals_for(half, c->mean);
  clade_text_format(t, "confirmed  %s", cl_view_number(c->mean, decimals, x));
  if (isfinite(half))
    clade_text_format(t, " %s %s (95 %%)", utf8 ? "±" : "+-", cl_view_number(half, decimals, y));
  clade_text_format(t, ", the mean of %s on fresh seeds\n", runs(c->n, n));
}

static void write_seen(struct clade_text *t, const struct clade_best *b) {
  if (b->assessments > 0)
    clade_text_format(t, "test set seen %" PRId64 " time%s\n", b->assessments,
                      b->assessments == 1 ? "" : "s");
}

static void write_text(struct cl_cli *cli, const struct clade_best *b, const char *study) {
  struct clade_text *t = &cli->text;
  char buffer[CL_VIEW_NUMBER_MAX];
  cl_view_tone_begin(t, &cli->out, CL_TONE_STRONG);
  cl_view_add_safe(t, study, &cli->out);
  clade_text_format(t, "/%" PRId64 "  ", b->trial);
  cl_view_add_safe(t, b->metric, &cli->out);
  clade_text_format(t, " %s", cl_view_short(b->value, 6, buffer));
  cl_view_tone_end(t, &cli->out, CL_TONE_STRONG);
  clade_text_format(t, " (%s)\n\n", b->goal);
  write_values(cli, b);
  clade_text_add_char(t, '\n');
  if (b->has_estimate) write_estimate(t, b, cli->out.utf8);
  if (b->confirmed.n > 0) write_confirmed(t, b, cli->out.utf8);
  if (!b->has_estimate && b->confirmed.n == 0) {
    clade_text_add(t, "One score cannot tell luck from merit: the best of many is usually a lucky one.\n"
                      "Runs of it on fresh seeds can: clade confirm ");
    cl_cli_add_word(t, study);
    clade_text_add_char(t, '\n');
  }
  write_seen(t, b);
}

static int write_history(struct cl_cli *cli, struct clade_reader *reader, const struct clade_best *b) {
  struct clade_curve curve = {0};
  struct clade_text title = {0};
  struct cl_err e = {0};
  if (clade_best_history_read(reader, &curve, &e) < 0) return cl_cli_fail(cli, &e);
  clade_text_format(&title, "best %s so far", b->metric);
  cl_cli_write_curve(cli, &curve, clade_text_get(&title), "finished trials", true);
  clade_text_done(&title);
  clade_curve_done(&curve);
  return CL_EXIT_DONE;
}

static int write_tuned(struct cl_cli *cli, struct clade_reader *reader, int64_t trial, const char *path) {
  struct cl_err e = {0};
  int changed = 0;
  int status = clade_best_write(reader, trial, path, &changed, &e);
  if (status == CLADE_EUNSUPPORTED) return cl_cli_complain(cli, CL_EXIT_USAGE, "%s", e.text);
  if (status < 0) return cl_cli_fail(cli, &e);
  if (changed == 0)
    cl_cli_note(cli, "%s has these values already: nothing was written", path);
  else
    cl_cli_note(cli, "%d tuned value%s of trial %" PRId64 " written into %s", changed,
                changed == 1 ? "" : "s", trial, path);
  return CL_EXIT_DONE;
}

static int hand_out(struct cl_cli *cli, struct clade_reader *reader, int64_t trial, const char *directory,
                    struct handed *ret) {
  struct cl_err e = {0};
  if (directory == NULL) return 0;
  int status = clade_checkpoint_copy(reader, trial, directory, &ret->state, &e);
  if (status == CLADE_EEXISTS || status == CLADE_EINVAL)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "%s", e.text);
  if (status < 0) return cl_cli_fail(cli, &e);
  ret->directory = directory;
  return 0;
}

static void write_checkpoint(struct cl_cli *cli, const struct clade_best *b, const struct handed *h) {
  struct clade_text *t = &cli->text;
  char step[CL_VIEW_NUMBER_MAX], score[CL_VIEW_NUMBER_MAX];
  if (h->directory == NULL || cli->json) return;
  clade_text_add(t, "\ncheckpoint  ");
  cl_view_add_safe(t, h->directory, &cli->out);
  clade_text_format(t, ": the state at step %s", cl_view_short(h->state.step, 6, step));
  if (h->state.trial != b->trial) clade_text_format(t, " of trial %" PRId64, h->state.trial);
  if (isfinite(h->state.score)) {
    clade_text_add(t, ", which earned ");
    cl_view_add_safe(t, b->metric, &cli->out);
    clade_text_format(t, " %s", cl_view_short(h->state.score, 6, score));
  }
  clade_text_add_char(t, '\n');
}

/* The run of a replay that scored highest; 0: none has a score. */
static int64_t best_run(const struct clade_replay_outcome *o, const char *goal) {
  double sign = strcmp(goal, "maximize") == 0 ? 1 : -1, most = -INFINITY;
  int64_t best = 0;
  for (size_t i = 0; i < o->n_runs; i++) {
    if (!(sign * o->runs[i].value > most)) continue;
    most = sign * o->runs[i].value;
    best = o->runs[i].trial;
  }
  return best;
}

/* A replay study has one schedule, and no winner: what that is worth. CL_EXIT_NOTHING: no run has a score. */
static int show_replay(struct cl_cli *cli, const struct options *o, struct clade_reader *reader,
                       const struct clade_best *b, const struct clade_replay_outcome *outcome) {
  struct handed handed = {0};
  int64_t run = best_run(outcome, b->goal);
  if (o->write != NULL)
    return cl_cli_complain(
        cli, CL_EXIT_USAGE,
        "%s follows a schedule, whose values change: there is nothing to write as tuned values",
        clade_reader_study(reader));
  int status = run == 0 ? 0 : hand_out(cli, reader, run, o->checkpoint, &handed);
  if (status != 0) return status;
  cl_cli_write_replay(cli, outcome, clade_reader_study(reader));
  if (!cli->json) write_seen(&cli->text, b);
  write_checkpoint(cli, b, &handed);
  return run == 0 ? CL_EXIT_NOTHING : CL_EXIT_DONE;
}

static int show_nothing(struct cl_cli *cli, const struct options *o, struct clade_reader *reader,
                        const struct clade_best *b) {
  struct clade_replay_outcome *outcome = NULL;
  struct cl_err e = {0};
  int status = clade_replay_read(reader, &outcome, &e);
  if (status == CLADE_EINVAL)
    return cl_cli_complain(cli, CL_EXIT_NOTHING,
                           "%s has no best trial yet: none has finished with a finite value",
                           clade_reader_study(reader));
  if (status < 0) return cl_cli_fail(cli, &e);
  status = show_replay(cli, o, reader, b, outcome);
  clade_replay_free(outcome);
  return status;
}

static int show_best(struct cl_cli *cli, const void *options, struct clade_reader *reader) {
  const struct options *o = options;
  struct clade_best *b = NULL;
  struct cl_err e = {0};
  struct handed handed = {0};
  int status = CL_EXIT_DONE;
  if (clade_best_read(reader, &b, &e) < 0) return cl_cli_fail(cli, &e);
  if (b->trial == 0) {
    status = show_nothing(cli, o, reader, b);
    clade_best_free(b);
    return status;
  }
  status = hand_out(cli, reader, b->trial, o->checkpoint, &handed);
  if (status == 0 && cli->json) write_json(&cli->text, b, &handed);
  if (status == 0 && !cli->json) write_text(cli, b, clade_reader_study(reader));
  if (status == 0) write_checkpoint(cli, b, &handed);
  if (status == 0 && o->write != NULL) status = write_tuned(cli, reader, b->trial, o->write);
  if (status == 0 && o->history && !cli->json) status = write_history(cli, reader, b);
  clade_best_free(b);
  return status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  return cl_cli_read(cli, cl_cli_address(argc, argv), options, show_best);
}

static const struct cl_cli_option options[] = {
    {CL_OPTION_FLAG, '\0', "history", offsetof(struct options, history), NULL,
     "also draw the best value so far over the trials"},
    {CL_OPTION_TEXT, '\0', "write", offsetof(struct options, write), "SPEC",
     "write its values into a spec file, as tuned values"},
    {CL_OPTION_TEXT, '\0', "checkpoint", offsetof(struct options, checkpoint), "DIR",
     "copy its newest saved state into a new directory"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade best", "The best trial of the latest study."},
    {"clade best mnist --history", "The best of mnist, and how it was found."},
    {"clade best mnist --write mnist.yaml", "Make them the tuned values of mnist.yaml; its comments stay."},
    {"clade best mnist --checkpoint winner", "Its newest state, copied into the new directory winner."},
    {"clade best mnist --json", "Values, score, estimate and interval for a program."},
    {0}};

extern const struct cl_cli_command cl_command_best;
const struct cl_cli_command cl_command_best = {
    .name = "best",
    .summary = "show the best trial, and what its score is worth",
    .usage = "[STUDY]",
    .description =
        "Shows the trial of the configuration with the best estimate. The best of many noisy scores is usually a lucky "
        "one; where configurations were run more than once, their scores are shrunk by the noise between equal runs "
        "(empirical Bayes), and an interval says what is known. Without repeats only the best score can be shown; "
        "clade confirm runs the winners again on fresh seeds.\n\n"
        "A study of clade replay has no winner: what its schedule is worth is shown, the mean of its runs. --checkpoint is the "
        "state of the run that scored highest.\n\n"
        "--write changes the lines `tuned_value:` of a spec that have another value, and nothing else.\n\n"
        "--checkpoint copies the newest state that the trial has saved, and says at which step it was saved and what it had "
        "scored there: that at the end, where the schedule says `end` or `stop`. The directory must not exist; it appears when it is whole and the same as what was saved.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
