/* clade show STUDY/TRIAL */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/pairs.h"
#include "cli/rows.h"
#include "cli/show.h"
#include "view/number.h"
#include "view/safe.h"

static void write_head(struct cl_cli *cli, const struct clade_trial_info *i) {
  struct clade_text *t = &cli->text;
  char buffer[CL_VIEW_NUMBER_MAX];
  cl_view_tone_begin(t, &cli->out, CL_TONE_STRONG);
  cl_view_add_safe(t, i->study, &cli->out);
  clade_text_format(t, "/%" PRId64, i->number);
  cl_view_tone_end(t, &cli->out, CL_TONE_STRONG);
  clade_text_add(t, "  ");
  cl_view_tone_begin(t, &cli->out, cl_view_state_tone(i->state));
  clade_text_add(t, i->state);
  cl_view_tone_end(t, &cli->out, cl_view_state_tone(i->state));
  if (!isnan(i->value) || i->n_metrics > 0) {
    clade_text_add(t, "  ");
    cl_view_add_safe(t, i->metric, &cli->out);
    clade_text_format(t, " %s (%s)", cl_view_short(i->value, 6, buffer), i->goal);
  }
  clade_text_add(t, "\n\n");
}

static void write_values(struct cl_cli *cli, const struct clade_trial_info *i) {
  struct cl_cli_pairs p;
  cl_cli_pairs_init(&p);
  for (size_t k = 0; k < i->n_values; k++) {
    struct clade_text value = {0};
    cl_cli_add_value(&value, i->values[k].value);
    cl_cli_pairs_add(&p, i->values[k].name, "%s%s", clade_text_get(&value),
                     i->values[k].held ? "  (held)" : "");
    clade_text_done(&value);
  }
  cl_cli_pairs_write(cli, &p);
}

static void write_facts(struct cl_cli *cli, const struct clade_trial_info *i) {
  struct cl_cli_pairs p;
  char buffer[CL_VIEW_NUMBER_MAX], duration[CL_VIEW_NUMBER_MAX];
  cl_cli_pairs_init(&p);
  if (i->of != 0)
    cl_cli_pairs_add(&p, "role", "%s of trial %" PRId64, i->role, i->of);
  else
    cl_cli_pairs_add(&p, "role", "%s", i->role);
  if (i->repeat > 0) cl_cli_pairs_add(&p, "repeat", "%d", i->repeat);
  if (i->parent != 0) cl_cli_pairs_add(&p, "state from", "trial %" PRId64, i->parent);
  cl_cli_pairs_add(&p, "seed", "%" PRId64, i->seed);
  if (i->started_ms >= 0) cl_cli_pairs_add(&p, "started", "%s", cl_view_time(i->started_ms, buffer));
  if (i->started_ms >= 0 && i->ended_ms >= 0)
    cl_cli_pairs_add(&p, "ended", "%s, after %s", cl_view_time(i->ended_ms, buffer),
                     cl_view_duration((double)(i->ended_ms - i->started_ms) / 1000, duration));
  cl_cli_pairs_add(&p, "directory", "%s", i->directory);
  clade_text_add_char(&cli->text, '\n');
  cl_cli_pairs_write(cli, &p);
}

static void write_metrics(struct cl_cli *cli, const struct clade_trial_info *i) {
  if (i->n_metrics == 0) return;
  struct cl_cli_pairs p;
  char buffer[CL_VIEW_NUMBER_MAX];
  cl_cli_pairs_init(&p);
  cl_cli_write_heading(cli, "metrics, as last reported");
  for (size_t k = 0; k < i->n_metrics; k++)
    cl_cli_pairs_add(&p, i->metrics[k].name, "%s", cl_view_short(i->metrics[k].value.as.real, 6, buffer));
  cl_cli_pairs_write(cli, &p);
}

static void write_attempts(struct cl_cli *cli, const struct clade_trial_info *i) {
  static const char *const names[] = {"attempt", "end",    "reports", "last step",
                                      "from",    "worker", "started", "duration"};
  struct cl_view_table t = {.indent = 2};
  char buffer[CL_VIEW_NUMBER_MAX];
  if (i->n_attempt_list == 0) return;
  for (size_t c = 0; c < sizeof names / sizeof names[0]; c++)
    cl_view_table_add_column(&t, names[c], c < 3 ? 0 : (int)c, CL_VIEW_AUTO);
  for (size_t k = 0; k < i->n_attempt_list; k++) {
    const struct clade_attempt *a = &i->attempt_list[k];
    cl_view_table_add_number(&t, a->number, CL_TONE_PLAIN);
    cl_view_table_add_text(&t, a->end, CL_TONE_PLAIN);
    cl_view_table_add_number(&t, (double)a->reports, CL_TONE_PLAIN);
    if (isnan(a->last_step))
      cl_view_table_add_blank(&t);
    else
      cl_view_table_add_number(&t, a->last_step, CL_TONE_PLAIN);
    if (a->from_trial == 0)
      (void)snprintf(buffer, sizeof buffer, "the beginning");
    else
      (void)snprintf(buffer, sizeof buffer, "trial %" PRId64 " at %.6g", a->from_trial, a->from_step);
    cl_view_table_add_text(&t, buffer, CL_TONE_PLAIN);
    if (a->worker == 0) /* asked for, in process or by hand */
      cl_view_table_add_blank(&t);
    else
      cl_view_table_add_number(&t, a->worker, CL_TONE_PLAIN);
    cl_view_table_add_text(&t, a->started_ms < 0 ? "" : cl_view_time(a->started_ms, buffer), CL_TONE_PLAIN);
    if (a->ended_ms < 0)
      cl_view_table_add_blank(&t);
    else
      cl_view_table_add_right(&t, cl_view_clock((double)(a->ended_ms - a->started_ms) / 1000, buffer));
  }
  cl_cli_write_heading(cli, "attempts");
  cl_view_table_write(&t, &cli->out, &cli->text);
  if (cli->text.length > 0) cli->text.bytes[--cli->text.length] = '\0'; /* the blank line before a footer */
  cl_view_table_done(&t);
}

static void write_reasons(struct cl_cli *cli, const struct clade_trial_info *i) {
  for (size_t k = 0; k < i->n_attempt_list; k++) {
    const struct clade_attempt *a = &i->attempt_list[k];
    if (a->reason == NULL) continue;
    clade_text_format(&cli->text, "  attempt %d: ", a->number);
    cl_view_add_safe(&cli->text, a->reason, &cli->out);
    clade_text_add_char(&cli->text, '\n');
  }
}

/* Attempts that ran other code than the study began with. */
static void write_code(struct cl_cli *cli, const struct clade_trial_info *i) {
  for (size_t k = 0; k < i->n_attempt_list; k++) {
    const struct clade_attempt *a = &i->attempt_list[k];
    if (a->code_changes == NULL) continue;
    clade_text_format(&cli->text, "  attempt %d ran other code than the study began with:", a->number);
    for (const char *line = a->code_changes; *line != '\0';) {
      struct clade_text one = {0};
      size_t n = strcspn(line, "\n");
      clade_text_add_bytes(&one, line, n);
      clade_text_add(&cli->text, "\n    ");
      cl_view_add_safe(&cli->text, clade_text_get(&one), &cli->out);
      clade_text_done(&one);
      line += n + (line[n] == '\n');
    }
    clade_text_add_char(&cli->text, '\n');
  }
}

static void add_value_cell(struct cl_view_table *t, struct clade_value v) {
  struct clade_text text = {0};
  cl_cli_add_value(&text, v);
  if (v.kind == CLADE_TEXT || v.kind == CLADE_ABSENT)
    cl_view_table_add_text(t, v.kind == CLADE_ABSENT ? "-" : clade_text_get(&text), CL_TONE_PLAIN);
  else
    cl_view_table_add_right(t, clade_text_get(&text));
  clade_text_done(&text);
}

static void write_changes(struct cl_cli *cli, const struct clade_trial_info *i) {
  static const char *const names[] = {"after step", "name", "before", "after", "because of", "time"};
  struct cl_view_table t = {.indent = 2};
  char buffer[CL_VIEW_NUMBER_MAX];
  if (i->n_changes == 0) return;
  for (size_t c = 0; c < sizeof names / sizeof names[0]; c++)
    cl_view_table_add_column(&t, names[c], c < 4 ? 0 : (int)c, CL_VIEW_AUTO);
  for (size_t k = 0; k < i->n_changes; k++) {
    const struct clade_change *c = &i->changes[k];
    if (isnan(c->step))
      cl_view_table_add_blank(&t);
    else
      cl_view_table_add_number(&t, c->step, CL_TONE_PLAIN);
    cl_view_table_add_text(&t, c->name, CL_TONE_PLAIN);
    add_value_cell(&t, c->before);
    add_value_cell(&t, c->after);
    cl_view_table_add_text(&t, c->cause, CL_TONE_PLAIN);
    cl_view_table_add_text(&t, cl_view_time(c->time_ms, buffer), CL_TONE_PLAIN);
  }
  cl_cli_write_heading(cli, "changes");
  cl_view_table_write(&t, &cli->out, &cli->text);
  if (cli->text.length > 0) cli->text.bytes[--cli->text.length] = '\0';
  cl_view_table_done(&t);
}

static void write_reports(struct cl_cli *cli, const struct clade_trial_info *i) {
  struct clade_text *t = &cli->text;
  char time[CL_VIEW_NUMBER_MAX], number[CL_VIEW_NUMBER_MAX];
  cl_cli_write_heading(cli, "reports");
  for (size_t k = 0; k < i->n_reports; k++) {
    const struct clade_report *r = &i->reports[k];
    clade_text_format(t, "  %s  %s ", cl_view_time(r->time_ms, time),
                      i->step_unit != NULL ? i->step_unit : "step");
    clade_text_add_number(t, r->step);
    for (size_t m = 0; m < r->n_metrics; m++) {
      clade_text_add(t, "  ");
      cl_view_add_safe(t, r->metrics[m].name, &cli->out);
      clade_text_format(t, " %s", cl_view_short(r->metrics[m].value.as.real, 6, number));
    }
    clade_text_add(t, r->counts ? "\n" : "  (does not count: a later attempt began before it)\n");
  }
}

static int write_curve(struct cl_cli *cli, const struct clade_trial_info *i, struct clade_reader *reader) {
  struct clade_curve curve = {0};
  struct cl_err e = {0};
  if (clade_curve_read(reader, i->number, NULL, &curve, &e) < 0) return cl_cli_fail(cli, &e);
  cl_cli_write_curve(cli, &curve, i->metric, i->step_unit != NULL ? i->step_unit : "step", false);
  clade_curve_done(&curve);
  return CL_EXIT_DONE;
}

/* JSON. */

static void add_json_step(struct clade_text *t, const char *name, double x) {
  clade_text_format(t, ", \"%s\": ", name);
  clade_text_add_json_number(t, x);
}

static void add_json_time(struct clade_text *t, const char *name, int64_t wall_ms) {
  clade_text_format(t, ", \"%s\": ", name);
  cl_cli_add_json_time(t, wall_ms);
}

static void add_json_id(struct clade_text *t, const char *name, int64_t id) {
  if (id == 0)
    clade_text_format(t, ", \"%s\": null", name);
  else
    clade_text_format(t, ", \"%s\": %" PRId64, name, id);
}

static void add_json_attempts(struct clade_text *t, const struct clade_trial_info *i) {
  clade_text_add(t, ", \"attempt_list\": [");
  for (size_t k = 0; k < i->n_attempt_list; k++) {
    const struct clade_attempt *a = &i->attempt_list[k];
    clade_text_format(t, "%s{\"attempt\": %d, \"worker\": %d, \"end\": ", k == 0 ? "" : ", ", a->number,
                      a->worker);
    clade_text_add_json(t, a->end);
    clade_text_add(t, ", \"reason\": ");
    clade_text_add_json(t, a->reason);
    clade_text_format(t, ", \"reports\": %" PRId64, a->reports);
    add_json_step(t, "last_step", a->last_step);
    add_json_id(t, "from_trial", a->from_trial);
    add_json_step(t, "from_step", a->from_step);
    add_json_time(t, "started", a->started_ms);
    add_json_time(t, "ended", a->ended_ms);
    clade_text_format(
        t, ", \"provenance\": %s, \"code_changes\": ", a->provenance != NULL ? a->provenance : "null");
    clade_text_add_json(t, a->code_changes);
    clade_text_add_char(t, '}');
  }
  clade_text_add_char(t, ']');
}

static void add_json_changes(struct clade_text *t, const struct clade_trial_info *i) {
  clade_text_add(t, ", \"changes\": [");
  for (size_t k = 0; k < i->n_changes; k++) {
    const struct clade_change *c = &i->changes[k];
    clade_text_format(t, "%s{\"position\": %" PRId64 ", \"name\": ", k == 0 ? "" : ", ", c->position);
    clade_text_add_json(t, c->name);
    add_json_step(t, "step", c->step);
    clade_text_add(t, ", \"before\": ");
    cl_cli_add_json_value(t, c->before);
    clade_text_add(t, ", \"after\": ");
    cl_cli_add_json_value(t, c->after);
    clade_text_add(t, ", \"cause\": ");
    clade_text_add_json(t, c->cause);
    add_json_time(t, "time", c->time_ms);
    clade_text_add_char(t, '}');
  }
  clade_text_add_char(t, ']');
}

static void add_json_reports(struct clade_text *t, const struct clade_trial_info *i) {
  clade_text_add(t, ", \"reports\": [");
  for (size_t k = 0; k < i->n_reports; k++) {
    const struct clade_report *r = &i->reports[k];
    clade_text_format(t, "%s{\"attempt\": %d", k == 0 ? "" : ", ", r->attempt);
    add_json_step(t, "step", r->step);
    add_json_time(t, "time", r->time_ms);
    clade_text_format(t, ", \"counts\": %s, \"metrics\": ", r->counts ? "true" : "false");
    cl_cli_add_json_values(t, r->metrics, r->n_metrics);
    clade_text_add_char(t, '}');
  }
  clade_text_add_char(t, ']');
}

static void write_json(struct clade_text *t, const struct clade_trial_info *i) {
  clade_text_format(t, "{\"trial\": %" PRId64 ", \"study\": ", i->number);
  clade_text_add_json(t, i->study);
  clade_text_format(t, ", \"state\": \"%s\", \"role\": \"%s\"", i->state, i->role);
  add_json_step(t, "value", i->value);
  clade_text_add(t, ", \"values\": ");
  cl_cli_add_json_values(t, i->values, i->n_values);
  clade_text_add(t, ", \"metrics\": ");
  cl_cli_add_json_values(t, i->metrics, i->n_metrics);
  add_json_id(t, "parent", i->parent);
  add_json_id(t, "of", i->of);
  clade_text_format(t, ", \"repeat\": %d, \"seed\": %" PRId64 ", \"attempts\": %d", i->repeat, i->seed,
                    i->attempts);
  add_json_time(t, "started", i->started_ms);
  add_json_time(t, "ended", i->ended_ms);
  clade_text_add(t, ", \"directory\": ");
  clade_text_add_json(t, i->directory);
  add_json_attempts(t, i);
  add_json_changes(t, i);
  add_json_reports(t, i);
  clade_text_add(t, "}");
}

int cl_cli_show_trial(struct cl_cli *cli, const struct cl_cli_show_options *o, struct clade_reader *reader,
                      int64_t trial) {
  struct clade_trial_info *i = NULL;
  struct cl_err e = {0};
  int status = CL_EXIT_DONE;
  if (clade_trial_read(reader, trial, &i, &e) < 0) return cl_cli_fail(cli, &e);
  if (cli->json) {
    write_json(&cli->text, i);
  } else {
    write_head(cli, i);
    write_values(cli, i);
    write_facts(cli, i);
    write_metrics(cli, i);
    status = write_curve(cli, i, reader);
    write_attempts(cli, i);
    write_reasons(cli, i);
    write_code(cli, i);
    write_changes(cli, i);
    if (o->reports) write_reports(cli, i);
  }
  clade_trial_free(i);
  return status;
}
