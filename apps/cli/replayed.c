#include "cli/replayed.h"

#include <inttypes.h>
#include <math.h>

#include "cli/rows.h"
#include "view/number.h"
#include "view/safe.h"
#include "view/table.h"

/* For people. */

static void add_value(struct cl_view_table *t, double x) {
  if (isnan(x))
    cl_view_table_add_blank(t);
  else
    cl_view_table_add_number(t, x, CL_TONE_PLAIN);
}

static void write_table(struct cl_cli *cli, const struct clade_replay_outcome *o) {
  struct cl_view_table table = {0};
  cl_view_table_add_column(&table, "trial", 0, CL_VIEW_AUTO);
  cl_view_table_add_column(&table, "seed", 1, CL_VIEW_AUTO);
  cl_view_table_add_column(&table, "state", 1, CL_VIEW_AUTO);
  cl_view_table_add_column(&table, o->metric, 0, CL_VIEW_AUTO);
  for (size_t i = 0; i < o->n_runs; i++) {
    cl_view_table_add_number(&table, (double)o->runs[i].trial, CL_TONE_PLAIN);
    cl_view_table_add_number(&table, (double)o->runs[i].seed, CL_TONE_PLAIN);
    cl_view_table_add_text(&table, o->runs[i].state, CL_TONE_PLAIN);
    add_value(&table, o->runs[i].value);
  }
  cl_view_table_write(&table, &cli->out, &cli->text);
  cl_view_table_done(&table);
}

static void write_verdict(struct cl_cli *cli, const struct clade_replay_outcome *o) {
  struct clade_text *t = &cli->text;
  char a[CL_VIEW_NUMBER_MAX], b[CL_VIEW_NUMBER_MAX];
  cl_view_tone_begin(t, &cli->out, CL_TONE_STRONG);
  if (o->scores.n == 0)
    clade_text_add(t, "no run has come to a score");
  else
    clade_text_format(t, "the schedule gives %s", cl_view_short(o->scores.mean, 6, a));
  cl_view_tone_end(t, &cli->out, CL_TONE_STRONG);
  if (o->scores.n > 1)
    clade_text_format(t, " %s %s (95 %%)", cli->out.utf8 ? "±" : "+-",
                      cl_view_short((o->scores.hi - o->scores.lo) / 2, 2, b));
  if (o->scores.n > 0)
    clade_text_format(t, ", %s%" PRId64 " run%s %s", o->scores.n > 1 ? "the mean of " : "from ", o->scores.n,
                      o->scores.n == 1 ? "" : "s",
                      o->fresh ? "on fresh seeds" : "with the seed of the trial that it began with");
  clade_text_add_char(t, '\n');
  if (isnan(o->own)) return;
  clade_text_add(t, "its own score was ");
  clade_text_add(t, cl_view_short(o->own, 6, a));
  clade_text_add(t, " (");
  cl_view_add_safe(t, o->study, &cli->out);
  clade_text_format(t, "/%" PRId64 ")\n", o->trial);
}

/* For programs. */

static void write_json(struct clade_text *t, const struct clade_replay_outcome *o, const char *name) {
  clade_text_add(t, "{\"replay\": ");
  clade_text_add_json(t, name);
  clade_text_add(t, ", \"study\": ");
  if (o->study == NULL)
    clade_text_add(t, "null");
  else
    clade_text_add_json(t, o->study);
  if (o->trial == 0)
    clade_text_add(t, ", \"trial\": null");
  else
    clade_text_format(t, ", \"trial\": %" PRId64, o->trial);
  cl_cli_add_json_member(t, "own", o->own);
  clade_text_format(t, ", \"fresh\": %s, \"n\": %" PRId64, o->fresh ? "true" : "false", o->scores.n);
  cl_cli_add_json_member(t, "mean", o->scores.mean);
  cl_cli_add_json_member(t, "sd", o->scores.sd);
  cl_cli_add_json_interval(t, o->scores.lo, o->scores.hi);
  clade_text_add(t, ", \"runs\": [");
  for (size_t i = 0; i < o->n_runs; i++) {
    const struct clade_replay_run *r = &o->runs[i];
    clade_text_format(t, "%s{\"trial\": %" PRId64 ", \"seed\": %" PRId64 ", \"state\": \"%s\"",
                      i > 0 ? ", " : "", r->trial, r->seed, r->state);
    cl_cli_add_json_member(t, "value", r->value);
    clade_text_add_char(t, '}');
  }
  clade_text_add(t, "]}\n");
}

void cl_cli_write_replay(struct cl_cli *cli, const struct clade_replay_outcome *o, const char *study) {
  if (cli->json) {
    write_json(&cli->text, o, study);
    return;
  }
  write_table(cli, o);
  write_verdict(cli, o);
}
