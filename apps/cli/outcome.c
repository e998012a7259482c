#include "cli/outcome.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/failures.h"
#include "cli/idle.h"
#include "cli/rows.h"
#include "view/number.h"
#include "view/plot.h"
#include "view/safe.h"

#define CURVE_WIDTH  72
#define CURVE_HEIGHT 10

/* Would a command find the store without --store? */
static bool is_usual_store(const char *store) {
  const char *variable = getenv("CLADE_STORE");
  const char *usual = variable != NULL && variable[0] != '\0' ? variable : "clade.db";
  char a[PATH_MAX], b[PATH_MAX];
  if (strcmp(store, usual) == 0) return true;
  return realpath(usual, a) != NULL && realpath(store, b) != NULL && strcmp(a, b) == 0;
}

/* `clade best mnist`, with --store where it needs one. */
static void add_command(const struct cl_cli *cli, struct clade_text *t, const char *begin,
                        const struct clade_run_result *r, const char *end) {
  clade_text_format(t, "clade %s ", begin);
  cl_cli_add_word(t, r->study);
  clade_text_add(t, end);
  if (r->store[0] == '\0' || is_usual_store(r->store)) return;
  clade_text_add(t, " --store ");
  bool hidden = strcmp(r->store, r->store_shown) != 0;
  cl_cli_add_word(t, cli->store_typed != NULL && !hidden ? cli->store_typed : r->store_shown);
}

/* "47 complete, 3 failed" */
static void add_counts(struct clade_text *t, const struct clade_run_result *r) {
  const struct {
    int64_t n;
    const char *word;
  } parts[] = {{r->complete, "complete"},
               {r->pruned, "pruned"},
               {r->failed, "failed"},
               {r->diverged, "diverged"},
               {r->infeasible, "infeasible"}};
  bool first = true;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (parts[i].n == 0) continue;
    clade_text_format(t, "%s%" PRId64 " %s", first ? "" : ", ", parts[i].n, parts[i].word);
    first = false;
  }
}

static const char *say_reason(const char *reason) {
  static const char *const words[][2] = {{"budget", "is finished"},
                                         {"exhausted", "is finished, every point was tried"},
                                         {"target", "is finished, the target is reached"},
                                         {"failures", "was given up"},
                                         {"human", "was ended by a person"}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strcmp(reason, words[i][0]) == 0) return words[i][1];
  return "is not finished";
}

static void add_headline(struct cl_cli_live *l, const struct clade_run_result *r) {
  struct clade_text *t = &l->cli->text;
  const struct cl_view_style *style = &l->cli->out;
  char buffer[CL_VIEW_NUMBER_MAX];
  if (l->cli->out_terminal && !l->cli->quiet) clade_text_add_char(t, '\n');
  cl_view_tone_begin(t, style, CL_TONE_STRONG);
  cl_view_add_safe(t, r->study, style);
  clade_text_format(t, " %s",
                    r->signal != 0 && r->reason[0] == '\0' ? "was interrupted" : say_reason(r->reason));
  cl_view_tone_end(t, style, CL_TONE_STRONG);
  clade_text_format(t, ": %" PRId64, r->results);
  int64_t trials = r->trials < CL_CLI_ENDLESS ? r->trials : r->results;
  if (r->results != trials) clade_text_format(t, " of %" PRId64, trials);
  clade_text_format(t, " trial%s in %s", trials == 1 ? "" : "s", cl_view_duration(l->elapsed_s, buffer));
  if (r->results > 0) clade_text_add(t, " (");
  add_counts(t, r);
  clade_text_add(t, r->results > 0 ? ")\n" : "\n");
}

/* "lr=0.1 units=32", on a terminal in lines that break at the blanks. */
static void add_values(struct clade_text *t, const char *values, const struct cl_view_style *style) {
  struct clade_text word = {0};
  size_t at = 0, room = style->width > 20 ? (size_t)style->width - 6 : SIZE_MAX;
  for (const char *w = values; *w != '\0';) {
    size_t n = strcspn(w, " ");
    clade_text_clear(&word);
    clade_text_add_bytes(&word, w, n);
    size_t width = cl_view_width(clade_text_get(&word), style);
    bool fits = at > 0 && at + 1 + width <= room;
    clade_text_add(t, fits ? " " : at > 0 ? "\n      " : "      ");
    cl_view_add_safe(t, clade_text_get(&word), style);
    at = fits ? at + 1 + width : width;
    w += n;
    w += strspn(w, " ");
  }
  clade_text_add_char(t, '\n');
  clade_text_done(&word);
}

static void add_best(struct cl_cli_live *l, const struct clade_run_result *r) {
  struct clade_text *t = &l->cli->text;
  const struct cl_view_style *style = &l->cli->out;
  char buffer[CL_VIEW_NUMBER_MAX];
  if (r->best_trial == 0) return;
  clade_text_add(t, "best: ");
  cl_view_tone_begin(t, style, CL_TONE_GOOD);
  cl_view_add_safe(t, l->metric.length > 0 ? clade_text_get(&l->metric) : "value", style);
  clade_text_format(t, " %s", cl_view_short(r->best_value, 6, buffer));
  cl_view_tone_end(t, style, CL_TONE_GOOD);
  clade_text_format(t, " in trial %" PRId64 "\n", r->best_trial);
  if (l->best_values.length == 0) return;
  add_values(t, clade_text_get(&l->best_values), style);
}

/* The history of the best: as this run has seen it, or from the log where an earlier one saw its beginning.
 */
static size_t take_history(struct cl_cli_live *l, enum cl_cli_part part, const struct clade_run_result *r,
                           struct clade_curve *ret, struct cl_view_curve *ret_view) {
  struct cl_cli_trial trial = {0};
  bool read = part != CL_PART_RUN && !l->is_population && cl_cli_trial_open(r, r->best_trial, &trial) &&
              clade_best_history_read(trial.reader, ret, NULL) == 0;
  cl_cli_trial_close(&trial);
  if (!read && l->n > 0 && l->n < l->capacity) {
    l->x[l->n] = l->is_population ? l->percent : (double)r->results; /* the last best holds until now */
    l->y[l->n] = l->y[l->n - 1];
    *ret_view = (struct cl_view_curve){l->x, l->y, l->n + 1};
  } else
    *ret_view = (struct cl_view_curve){ret->x, ret->y, ret->n};
  return ret_view->n;
}

static void add_curve(struct cl_cli_live *l, enum cl_cli_part part, const struct clade_run_result *r) {
  struct clade_text title = {0};
  struct cl_view_style style = l->cli->out;
  struct clade_curve history = {0};
  struct cl_view_curve curve;
  if (!l->cli->out_terminal || r->best_trial == 0) return;
  bool seen = take_history(l, part, r, &history, &curve) > 3;
  clade_text_format(&title, "%s, %s", clade_text_get(&l->metric),
                    l->is_population ? "the best member" : "best so far");
  struct cl_view_plot plot = {.curves = &curve,
                              .n_curves = 1,
                              .title = clade_text_get(&title),
                              .x_label = l->is_population ? "% done" : "trials",
                              .width =
                                  style.width > 0 && style.width < CURVE_WIDTH ? style.width : CURVE_WIDTH,
                              .height = CURVE_HEIGHT,
                              .steps = true};
  if (seen && plot.width >= 20) {
    clade_text_add_char(&l->cli->text, '\n');
    cl_view_plot_write(&plot, &style, &l->cli->text);
  }
  clade_text_done(&title);
  clade_curve_done(&history);
}

/* Commands and what they are for: beside each other where that fits. */
static void add_hints(struct cl_cli *cli, const struct clade_text lines[2], const char *const why[2]) {
  struct clade_text *t = &cli->text;
  size_t width = lines[0].length > lines[1].length ? lines[0].length : lines[1].length;
  size_t all = strlen(why[0]) > strlen(why[1]) ? strlen(why[0]) : strlen(why[1]);
  size_t room = cli->out.width > 0 ? (size_t)cli->out.width : 80;
  bool beside = width + all + 4 <= room;
  clade_text_add(t, "\nnext:\n");
  for (size_t i = 0; i < 2; i++) {
    if (lines[i].length == 0) continue;
    clade_text_add(t, "  ");
    cl_view_add_safe(t, clade_text_get(&lines[i]), &cli->out);
    if (beside)
      clade_text_add_repeat(t, " ", width - lines[i].length + 2);
    else
      clade_text_add(t, "\n      ");
    cl_view_tone_begin(t, &cli->out, CL_TONE_DIM);
    clade_text_add(t, why[i]);
    cl_view_tone_end(t, &cli->out, CL_TONE_DIM);
    clade_text_add_char(t, '\n');
  }
}

static void add_next(struct cl_cli_live *l, enum cl_cli_part part, const struct clade_run_result *r) {
  struct clade_text lines[2] = {{0}, {0}};
  const char *why[2] = {"how good, and how much of it is luck?", "all trials, the best last"};
  bool open = r->reason[0] == '\0';
  if (open) {
    add_command(l->cli, &lines[0], "resume", r, "");
    why[0] =
        part == CL_PART_WORK ? "if no other engine runs it" : "goes on where it stopped; nothing is lost";
  } else if (r->best_trial > 0)
    add_command(l->cli, &lines[0], "best", r, "");
  add_command(l->cli, &lines[1], "list trials", r, r->best_trial > 0 ? " --sort best" : "");
  if (r->best_trial == 0) why[1] = "all trials";
  add_hints(l->cli, lines, why);
  clade_text_done(&lines[0]);
  clade_text_done(&lines[1]);
}

/* For programs. */

static void add_json_best(struct clade_text *t, const struct clade_run_result *r) {
  struct cl_cli_trial trial;
  clade_text_format(t, "{\"trial\": %" PRId64 ", \"value\": ", r->best_trial);
  clade_text_add_json_number(t, r->best_value);
  clade_text_add(t, ", \"values\": ");
  if (cl_cli_trial_open(r, r->best_trial, &trial))
    cl_cli_add_json_values(t, trial.info->values, trial.info->n_values);
  else
    clade_text_add(t, "null");
  clade_text_add_char(t, '}');
  cl_cli_trial_close(&trial);
}

static void write_json(struct cl_cli_live *l, const struct clade_run_result *r) {
  struct clade_text *t = &l->cli->text;
  const struct {
    const char *name;
    int64_t n;
  } counts[] = {{"trials", r->trials},        {"results", r->results}, {"complete", r->complete},
                {"pruned", r->pruned},        {"failed", r->failed},   {"diverged", r->diverged},
                {"infeasible", r->infeasible}};
  clade_text_add(t, "{\"study\": ");
  clade_text_add_json(t, r->study);
  clade_text_add(t, ", \"store\": ");
  clade_text_add_json(t, r->store);
  clade_text_format(t, ", \"state\": \"%s\", \"reason\": ", r->reason[0] == '\0' ? "open" : "finished");
  clade_text_add_json(t, r->reason[0] == '\0' ? NULL : r->reason);
  clade_text_add(t, ", \"signal\": ");
  if (r->signal != 0)
    clade_text_format(t, "%d", r->signal);
  else
    clade_text_add(t, "null");
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
    clade_text_format(t, ", \"%s\": %" PRId64, counts[i].name, counts[i].n);
  clade_text_add(t, ", \"best\": ");
  if (r->best_trial > 0)
    add_json_best(t, r);
  else
    clade_text_add(t, "null");
  clade_text_add(t, "}\n");
}

/* Behind the results: what the next search of this kind could leave out. */
static void warn_of_idle(struct cl_cli_live *l, const struct clade_run_result *r) {
  enum { LEAST = 40 }; /* below, it takes a study without noise: clade check looks at those */
  struct cl_cli_trial trial;
  if (r->complete < LEAST || r->reason[0] == '\0' || l->cli->json || cl_cli_flush(l->cli) != 0) return;
  if (cl_cli_trial_open(r, r->best_trial, &trial)) cl_cli_warn_of_idle(l->cli, trial.reader);
  cl_cli_trial_close(&trial);
}

int cl_cli_outcome(struct cl_cli_live *l, enum cl_cli_part part, int status,
                   const struct clade_run_result *result, const struct cl_err *e) {
  cl_cli_live_end(l);
  if (status < 0) return cl_cli_fail(l->cli, e);
  if (result->once) return result->once_status;
  cl_cli_explain_failures(l, result);
  if (l->cli->json)
    write_json(l, result);
  else {
    add_headline(l, result);
    add_best(l, result);
    if (!l->cli->quiet) add_curve(l, part, result);
    if (!l->cli->quiet) add_next(l, part, result);
  }
  warn_of_idle(l, result);
  if (strcmp(result->reason, "failures") == 0) return CL_EXIT_FAILED;
  return result->signal != 0 && result->reason[0] == '\0' ? 128 + result->signal : CL_EXIT_DONE;
}
