/* clade schedule [STUDY[/TRIAL]] */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/pairs.h"
#include "cli/rows.h"
#include "view/number.h"
#include "view/safe.h"
#include "view/table.h"

#define SPARKS 48 /* characters of a small curve */

struct options {
  bool best;
  const char *export, *import;
};

/* The schedule as people read it. */

struct shown { /* hyperparameters that change, and their values as the schedule is gone through */
  const char **names;
  struct clade_value *values;
  size_t n;
};

static size_t find_name(const struct shown *s, const char *name) {
  size_t i = 0;
  while (i < s->n && strcmp(s->names[i], name) != 0) i++;
  return i;
}

static bool collect(const struct clade_schedule *s, struct shown *ret) {
  size_t most = 1;
  for (size_t i = 0; i < s->n_changes; i++) most += s->changes[i].n_values;
  ret->names = clade_resize(NULL, most * sizeof *ret->names);
  ret->values = clade_resize(NULL, most * sizeof *ret->values);
  if (ret->names == NULL || ret->values == NULL) return false;
  for (size_t i = 0; i < s->n_changes; i++)
    for (size_t k = 0; k < s->changes[i].n_values; k++) {
      const char *name = s->changes[i].values[k].name;
      if (find_name(ret, name) == ret->n) ret->names[ret->n++] = name;
    }
  return true;
}

static void take(struct shown *shown, const struct clade_named_value *values, size_t n) {
  for (size_t k = 0; k < n; k++) {
    size_t at = find_name(shown, values[k].name);
    if (at < shown->n) shown->values[at] = values[k].value;
  }
}

static void begin_values(const struct clade_schedule *s, struct shown *shown) {
  memset(shown->values, 0, shown->n * sizeof *shown->values);
  take(shown, s->initial, s->n_initial);
}

static void add_row(struct cl_view_table *t, const struct shown *shown, double step, const char *cause) {
  struct clade_text word = {0};
  cl_view_table_add_number(t, step, CL_TONE_PLAIN);
  for (size_t i = 0; i < shown->n; i++) {
    const struct clade_value *v = &shown->values[i];
    clade_text_clear(&word);
    cl_cli_add_value(&word, *v);
    if (v->kind == CLADE_ABSENT)
      cl_view_table_add_blank(t);
    else if (v->kind == CLADE_REAL || v->kind == CLADE_INT)
      cl_view_table_add_number(t, v->kind == CLADE_INT ? (double)v->as.integer : v->as.real, CL_TONE_PLAIN);
    else
      cl_view_table_add_text(t, clade_text_get(&word), CL_TONE_PLAIN);
  }
  cl_view_table_add_text(t, cause == NULL ? "" : cause, CL_TONE_PLAIN);
  clade_text_done(&word);
}

static void write_table(struct cl_cli *cli, const struct clade_schedule *s, struct shown *shown) {
  struct cl_view_table table = {0};
  cl_view_table_add_column(&table, s->unit == NULL ? "step" : s->unit, 0, CL_VIEW_AUTO);
  for (size_t i = 0; i < shown->n; i++) cl_view_table_add_column(&table, shown->names[i], 0, CL_VIEW_AUTO);
  cl_view_table_add_column(&table, "because of", 1, CL_VIEW_AUTO);
  begin_values(s, shown);
  add_row(&table, shown, 0, "start");
  for (size_t i = 0; i < s->n_changes; i++) {
    take(shown, s->changes[i].values, s->changes[i].n_values);
    add_row(&table, shown, s->changes[i].step, s->changes[i].cause);
  }
  cl_view_table_write(&table, &cli->out, &cli->text);
  cl_view_table_done(&table);
}

/* Small curves. */

static double number_of(struct clade_value v) {
  return v.kind == CLADE_REAL ? v.as.real : v.kind == CLADE_INT ? (double)v.as.integer : (double)NAN;
}

/* The value of one hyperparameter in each of SPARKS equal parts of the way; false: not all are numbers. */
static bool sample(const struct clade_schedule *s, struct shown *shown, size_t which, double end,
                   double ret[SPARKS]) {
  size_t next = 0;
  begin_values(s, shown);
  for (int i = 0; i < SPARKS; i++) {
    while (next < s->n_changes && s->changes[next].step <= end * i / SPARKS) {
      take(shown, s->changes[next].values, s->changes[next].n_values);
      next++;
    }
    ret[i] = number_of(shown->values[which]);
    if (!isfinite(ret[i])) return false;
  }
  return true;
}

static void write_spark(struct cl_cli *cli, const char *name, size_t width, double x[SPARKS]) {
  static const char *const marks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  char lo_text[CL_VIEW_NUMBER_MAX], hi_text[CL_VIEW_NUMBER_MAX];
  struct clade_text safe = {0};
  double lo = x[0], hi = x[0];
  for (int i = 1; i < SPARKS; i++) {
    lo = fmin(lo, x[i]);
    hi = fmax(hi, x[i]);
  }
  bool log_scale = lo > 0 && hi > 20 * lo;
  cl_view_add_safe(&safe, name, &cli->out);
  clade_text_format(&cli->text, "%s%*s  ", clade_text_get(&safe), (int)(width - strlen(name)), "");
  clade_text_done(&safe);
  for (int i = 0; i < SPARKS; i++) {
    double part = log_scale ? log(x[i] / lo) / log(hi / lo) : hi > lo ? (x[i] - lo) / (hi - lo) : 0;
    int level = (int)(part * 7.999);
    clade_text_add(&cli->text, marks[level < 0 ? 0 : level > 7 ? 7 : level]);
  }
  clade_text_format(&cli->text, "  %s to %s%s\n", cl_view_short(lo, 3, lo_text),
                    cl_view_short(hi, 3, hi_text), log_scale ? ", log scale" : "");
}

static void write_sparks(struct cl_cli *cli, const struct clade_schedule *s, struct shown *shown) {
  double x[SPARKS], end = s->changes[s->n_changes - 1].step;
  if (isfinite(s->last_step) && s->last_step > end) end = s->last_step;
  size_t width = 0;
  if (!cli->out.utf8 || end <= 0) return;
  for (size_t i = 0; i < shown->n; i++)
    width = strlen(shown->names[i]) > width ? strlen(shown->names[i]) : width;
  for (size_t i = 0; i < shown->n; i++)
    if (sample(s, shown, i, end, x)) write_spark(cli, shown->names[i], width, x);
}

static void write_heading(struct cl_cli *cli, const struct clade_schedule *s) {
  struct clade_text *t = &cli->text;
  char number[CL_VIEW_NUMBER_MAX];
  cl_view_tone_begin(t, &cli->out, CL_TONE_STRONG);
  cl_view_add_safe(t, s->study == NULL ? "schedule" : s->study, &cli->out);
  if (s->trial != 0) clade_text_format(t, "/%" PRId64, s->trial);
  if (isfinite(s->value)) {
    clade_text_add(t, "  ");
    cl_view_add_safe(t, s->metric, &cli->out);
    clade_text_format(t, " %s", cl_view_short(s->value, 6, number));
  }
  cl_view_tone_end(t, &cli->out, CL_TONE_STRONG);
  clade_text_add_char(t, '\n');
  if (s->n_legs == 0) return;
  clade_text_format(t, "trained by trial %" PRId64, s->legs[0].trial);
  int64_t last = s->legs[0].trial;
  for (size_t i = 1; i < s->n_legs; i++) {
    if (s->legs[i].trial == last) continue; /* resumed by itself */
    last = s->legs[i].trial;
    clade_text_format(t, ", from step %s by %" PRId64, cl_view_short(s->legs[i].from, 6, number), last);
  }
  if (s->has_seed) clade_text_format(t, "; seed %" PRId64, s->seed);
  clade_text_add_char(t, '\n');
}

static bool changes(const struct shown *shown, const char *name) {
  return find_name(shown, name) < shown->n;
}

static void write_constants(struct cl_cli *cli, const struct clade_schedule *s, const struct shown *shown) {
  struct cl_cli_pairs pairs;
  size_t n = 0;
  cl_cli_pairs_init(&pairs);
  for (size_t i = 0; i < s->n_initial; i++) {
    if (changes(shown, s->initial[i].name)) continue;
    cl_cli_pairs_add_value(&pairs, s->initial[i].name, s->initial[i].value);
    n++;
  }
  if (n > 0 && s->n_changes > 0) clade_text_add(&cli->text, "the same throughout\n\n");
  if (n == 0) {
    cl_view_table_done(&pairs.table);
    return;
  }
  cl_cli_pairs_write(cli, &pairs);
  if (s->n_changes > 0) clade_text_add_char(&cli->text, '\n');
}

static void warn_of_losses(struct cl_cli *cli, const struct clade_schedule *s) {
  for (size_t i = 0; i < s->n_legs; i++)
    if (s->legs[i].missing > 0)
      cl_cli_note(cli,
                  "at step %g trial %" PRId64
                  " took over a state that lacked %d of its parts: what those had been "
                  "trained to was lost there, so a replay from the root may come to something else",
                  s->legs[i].from, s->legs[i].trial, s->legs[i].missing);
}

static int write_text(struct cl_cli *cli, const struct clade_schedule *s) {
  struct shown shown = {0};
  bool room = collect(s, &shown);
  if (room) {
    write_heading(cli, s);
    if (s->n_changes == 0)
      clade_text_add(&cli->text, "its values never changed:\n\n");
    else
      clade_text_add_char(&cli->text, '\n');
    if (s->n_changes > 0) write_table(cli, s, &shown);
    write_constants(cli, s, &shown);
    if (s->n_changes > 0) write_sparks(cli, s, &shown);
  }
  clade_free(shown.names);
  clade_free(shown.values);
  return room ? CL_EXIT_DONE : cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
}

/* Files. */

static bool ends_with(const char *path, const char *end) {
  size_t n = strlen(path), m = strlen(end);
  return n >= m && strcmp(path + n - m, end) == 0;
}

static int export_to(struct cl_cli *cli, const struct clade_schedule *s, const char *path) {
  struct cl_err e = {0};
  enum clade_schedule_form form = ends_with(path, ".yaml") || ends_with(path, ".yml") ? CLADE_SCHEDULE_YAML
                                  : ends_with(path, ".json")                          ? CLADE_SCHEDULE_JSON
                                  : ends_with(path, ".csv")                           ? CLADE_SCHEDULE_CSV
                                                                                      : 0;
  if (form == 0)
    return cl_cli_complain(cli, CL_EXIT_USAGE,
                           "'%s' must end in .yaml, .json or .csv: the ending says the format", path);
  if (clade_schedule_write(s, form, &cli->text, &e) < 0) return cl_cli_fail(cli, &e);
  int status = cl_cli_finish(cli, cl_cli_open_output(cli, path));
  if (status == 0)
    cl_cli_note(cli, "%zu change%s written to %s%s%s", s->n_changes, s->n_changes == 1 ? "" : "s", path,
                form == CLADE_SCHEDULE_CSV ? "" : "; train it again: clade replay ",
                form == CLADE_SCHEDULE_CSV ? "" : path);
  return status;
}

static int show(struct cl_cli *cli, const struct options *o, const struct clade_schedule *s) {
  struct cl_err e = {0};
  warn_of_losses(cli, s);
  if (o->export != NULL) return export_to(cli, s, o->export);
  if (!cli->json) return write_text(cli, s);
  return clade_schedule_write(s, CLADE_SCHEDULE_JSON, &cli->text, &e) < 0 ? cl_cli_fail(cli, &e)
                                                                          : CL_EXIT_DONE;
}

/* The one trial that is meant; 0: the best. */
static int choose_trial(struct cl_cli *cli, const struct options *o, struct clade_reader *reader,
                        int64_t *ret) {
  int64_t *trials = NULL;
  size_t n = 0;
  struct cl_err e = {0};
  int status = CL_EXIT_DONE;
  if (!clade_reader_names_trials(reader)) return CL_EXIT_DONE;
  if (o->best)
    return cl_cli_complain(cli, CL_EXIT_USAGE,
                           "--best chooses the trial, and the address names one: type one of them");
  if (clade_reader_trials(reader, &trials, &n, &e) < 0) return cl_cli_fail(cli, &e);
  if (n == 1)
    *ret = trials[0];
  else
    status =
        cl_cli_complain(cli, n == 0 ? CL_EXIT_NOTHING : CL_EXIT_USAGE,
                        n == 0 ? "%s has no such trial" : "a schedule is that of one trial: name one of %s",
                        clade_reader_study(reader));
  clade_free(trials);
  return status;
}

static int from_study(struct cl_cli *cli, const struct options *o, const char *address) {
  struct clade_store *store = NULL;
  struct clade_reader *reader = NULL;
  struct clade_schedule *s = NULL;
  struct cl_err e = {0};
  int64_t trial = 0;
  int status = clade_store_open(cl_cli_store(cli), &store, &e);
  if (status == 0) status = clade_reader_open(store, address, &reader, &e);
  status = status < 0 ? cl_cli_fail(cli, &e) : choose_trial(cli, o, reader, &trial);
  if (status == 0 && clade_schedule_read(reader, trial, &s, &e) < 0) status = cl_cli_fail(cli, &e);
  if (status == 0) status = show(cli, o, s);
  clade_schedule_free(s);
  clade_reader_close(reader);
  clade_store_close(store);
  return status;
}

static int from_file(struct cl_cli *cli, const struct options *o) {
  struct clade_schedule *s = NULL;
  struct cl_err e = {0};
  if (clade_schedule_load(o->import, &s, &e) < 0) return cl_cli_fail(cli, &e);
  int status = show(cli, o, s);
  clade_schedule_free(s);
  return status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  const struct options *o = options;
  int noun = cl_cli_skip_noun(argc, argv, false);
  const char *address = argc > noun ? argv[noun] : NULL;
  if (o->import == NULL) return from_study(cli, o, address);
  if (address != NULL || o->best)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "--import reads a file: leave out the study");
  return from_file(cli, o);
}

static const struct cl_cli_option options[] = {
    {CL_OPTION_FLAG, '\0', "best", offsetof(struct options, best), NULL,
     "of the best trial (also without it, where no trial is named)"},
    {CL_OPTION_TEXT, 'o', "export", offsetof(struct options, export), "FILE",
     "write it to a file: .yaml, .json or .csv"},
    {CL_OPTION_TEXT, '\0', "import", offsetof(struct options, import), "FILE",
     "read it from a file: .yaml, .json, or Ray Tune's pbt_policy_….txt"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade schedule mnist-pbt", "How the values of the best member changed while it was trained."},
    {"clade schedule mnist-pbt --best --export s.yaml", "The same in a file, for clade replay."},
    {"clade schedule mnist-pbt/7 --json", "Of trial 7, for a program."},
    {"clade schedule --import pbt_policy_00003.txt --export s.yaml",
     "What Ray Tune has found, in this format."},
    {0}};

extern const struct cl_cli_command cl_command_schedule;
const struct cl_cli_command cl_command_schedule = {
    .name = "schedule",
    .summary = "show how the values of a trial changed over its steps, and export that",
    .usage = "[OPTION...] [STUDY[/TRIAL]]",
    .description =
        "The schedule of a trial: its values over the steps of its whole lineage, from the trial that began with nothing "
        "on. Every change is in it, whoever made it: exploit and explore of a population, a person, an undo. What was "
        "trained beside the way, and given up, is not.\n\n"
        "A change takes effect when the report of its step is answered. clade replay trains with such a file again.\n\n"
        "Exit status: 0 done, 2 usage or a file that is no schedule, 3 no such study or trial.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
