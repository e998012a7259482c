/* clade show STUDY */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cli/pairs.h"
#include "cli/rows.h"
#include "cli/show.h"
#include "view/number.h"
#include "view/safe.h"

struct count {
  const char *state;
  int64_t n;
};

static size_t list_counts(const struct clade_study_info *i, struct count *ret) {
  const struct count all[] = {{"COMPLETE", i->complete}, {"RUNNING", i->running},
                              {"WAITING", i->waiting},   {"PAUSED", i->paused},
                              {"PRUNED", i->pruned},     {"FAILED", i->failed},
                              {"DIVERGED", i->diverged}, {"INFEASIBLE", i->infeasible},
                              {"LOST", i->lost},         {"PREEMPTED", i->preempted}};
  size_t n = 0;
  for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
    if (all[k].n > 0) ret[n++] = all[k];
  return n;
}

static void write_head(struct cl_cli *cli, const struct clade_study_info *i) {
  struct clade_text *t = &cli->text;
  cl_view_tone_begin(t, &cli->out, CL_TONE_STRONG);
  cl_view_add_safe(t, i->name, &cli->out);
  cl_view_tone_end(t, &cli->out, CL_TONE_STRONG);
  clade_text_add(t, "  ");
  cl_view_tone_begin(t, &cli->out, cl_view_state_tone(i->state));
  clade_text_add(t, i->state);
  if (i->reason != NULL) clade_text_format(t, " (%s)", i->reason);
  cl_view_tone_end(t, &cli->out, cl_view_state_tone(i->state));
  clade_text_format(t, "  %s ", i->goal);
  cl_view_add_safe(t, i->metric, &cli->out);
  clade_text_add(t, "\n\n");
}

static void add_trials(struct cl_cli_pairs *p, const struct clade_study_info *i) {
  struct clade_text text = {0};
  struct count counts[10];
  size_t n = list_counts(i, counts);
  clade_text_format(&text, "%" PRId64, i->counted);
  if (i->budget > 0) clade_text_format(&text, " of %" PRId64, i->budget);
  if (i->trials > i->counted) clade_text_format(&text, " and %" PRId64 " others", i->trials - i->counted);
  for (size_t k = 0; k < n; k++)
    clade_text_format(&text, "%s%" PRId64 " %s", k == 0 ? ": " : ", ", counts[k].n, counts[k].state);
  cl_cli_pairs_add(p, "trials", "%s", clade_text_get(&text));
  clade_text_done(&text);
}

static void write_facts(struct cl_cli *cli, const struct clade_study_info *i) {
  struct cl_cli_pairs p;
  char buffer[CL_VIEW_NUMBER_MAX];
  cl_cli_pairs_init(&p);
  add_trials(&p, i);
  cl_cli_pairs_add(&p, "search", "%s", i->search_words != NULL ? i->search_words : i->method);
  if (i->schedule_words != NULL) cl_cli_pairs_add(&p, "schedule", "%s", i->schedule_words);
  if (i->n_objectives > 1)
    cl_cli_pairs_add(&p, "objectives", "%d; the first one is %s", i->n_objectives, i->metric);
  if (i->lag > 0) cl_cli_pairs_add(&p, "ordered", "lag %d", i->lag);
  cl_cli_pairs_add(&p, "seed", "%" PRId64, i->seed);
  cl_cli_pairs_add(&p, "workers", "%d alive, with %d slot%s", i->workers, i->slots, i->slots == 1 ? "" : "s");
  if (i->created_ms > 0) cl_cli_pairs_add(&p, "created", "%s", cl_view_time(i->created_ms, buffer));
  cl_cli_pairs_add(&p, "events", "%" PRId64, i->position);
  cl_cli_pairs_add(&p, "store", "%s", i->store);
  cl_cli_pairs_add(&p, "directory", "%s", i->directory);
  cl_cli_pairs_write(cli, &p);
}

static void write_lists(struct cl_cli *cli, const struct clade_study_info *i) {
  struct clade_text *t = &cli->text;
  cl_cli_write_heading(cli, "hyperparameters");
  for (size_t k = 0; k < i->n_hyperparameters; k++) {
    clade_text_add(t, "  ");
    cl_view_add_safe(t, i->hyperparameters[k].text, &cli->out);
    clade_text_add_char(t, '\n');
  }
  if (i->n_constraints > 0) cl_cli_write_heading(cli, "constraints");
  for (size_t k = 0; k < i->n_constraints; k++) {
    clade_text_add(t, "  ");
    cl_view_add_safe(t, i->constraints[k], &cli->out);
    clade_text_add_char(t, '\n');
  }
  if (i->n_notes > 0) cl_cli_write_heading(cli, "notes");
  for (size_t k = 0; k < i->n_notes; k++) {
    clade_text_add(t, "  ");
    cl_view_add_safe(t, i->notes[k], &cli->out);
    clade_text_add_char(t, '\n');
  }
}

static void add_text(struct clade_text *t, const char *name, const char *value) {
  clade_text_format(t, ", \"%s\": ", name);
  clade_text_add_json(t, value);
}

static void add_number(struct clade_text *t, const char *name, int64_t value) {
  clade_text_format(t, ", \"%s\": %" PRId64, name, value);
}

static void add_raw(struct clade_text *t, const char *name, const char *json) {
  clade_text_format(t, ", \"%s\": %s", name, json == NULL || json[0] == '\0' ? "null" : json);
}

static void add_json_lists(struct clade_text *t, const struct clade_study_info *i) {
  clade_text_add(t, ", \"hyperparameters\": [");
  for (size_t k = 0; k < i->n_hyperparameters; k++) {
    clade_text_add(t, k == 0 ? "{\"name\": " : ", {\"name\": ");
    clade_text_add_json(t, i->hyperparameters[k].name);
    clade_text_add(t, ", \"text\": ");
    clade_text_add_json(t, i->hyperparameters[k].text);
    clade_text_add_char(t, '}');
  }
  clade_text_add(t, "], \"constraints\": [");
  for (size_t k = 0; k < i->n_constraints; k++) {
    clade_text_add(t, k == 0 ? "" : ", ");
    clade_text_add_json(t, i->constraints[k]);
  }
  clade_text_add(t, "], \"notes\": [");
  for (size_t k = 0; k < i->n_notes; k++) {
    clade_text_add(t, k == 0 ? "" : ", ");
    clade_text_add_json(t, i->notes[k]);
  }
  clade_text_add_char(t, ']');
}

static void write_json(struct clade_text *t, const struct clade_study_info *i) {
  struct count counts[10];
  size_t n = list_counts(i, counts);
  clade_text_add(t, "{\"study\": ");
  clade_text_add_json(t, i->name);
  add_text(t, "uuid", i->uuid);
  add_text(t, "state", i->state);
  add_text(t, "reason", i->reason);
  add_text(t, "goal", i->goal);
  add_text(t, "metric", i->metric);
  add_text(t, "reduce", i->reduce);
  add_text(t, "step", i->step);
  add_text(t, "method", i->method);
  add_raw(t, "search", i->search);
  add_raw(t, "schedule", i->schedule);
  add_number(t, "trials", i->counted);
  if (i->budget > 0)
    add_number(t, "of", i->budget);
  else
    add_raw(t, "of", NULL);
  clade_text_add(t, ", \"states\": {");
  for (size_t k = 0; k < n; k++)
    clade_text_format(t, "%s\"%s\": %" PRId64, k == 0 ? "" : ", ", counts[k].state, counts[k].n);
  clade_text_add_char(t, '}');
  add_number(t, "parallel", i->parallel);
  add_number(t, "lag", i->lag);
  add_number(t, "seed", i->seed);
  add_number(t, "workers", i->workers);
  add_number(t, "slots", i->slots);
  add_number(t, "events", i->position);
  clade_text_add(t, ", \"created\": ");
  cl_cli_add_json_time(t, i->created_ms > 0 ? i->created_ms : -1);
  add_text(t, "store", i->store);
  add_text(t, "directory", i->directory);
  add_text(t, "origin", i->origin);
  add_json_lists(t, i);
  add_text(t, "spec", i->spec);
  add_raw(t, "provenance", i->provenance);
  clade_text_add(t, "}\n");
}

static int write_history(struct cl_cli *cli, const struct clade_study_info *i, struct clade_reader *reader) {
  struct clade_curve curve = {0};
  struct clade_text title = {0};
  struct cl_err e = {0};
  if (clade_best_history_read(reader, &curve, &e) < 0) return cl_cli_fail(cli, &e);
  if (curve.n > 0) {
    char buffer[CL_VIEW_NUMBER_MAX];
    clade_text_format(&title, "best %s so far: %s, trial %" PRId64, i->metric,
                      cl_view_short(curve.y[curve.n - 1], 6, buffer), curve.trials[curve.n - 1]);
    cl_cli_write_curve(cli, &curve, clade_text_get(&title), "finished trials", true);
  }
  clade_text_done(&title);
  clade_curve_done(&curve);
  return CL_EXIT_DONE;
}

int cl_cli_show_study(struct cl_cli *cli, struct clade_reader *reader) {
  struct clade_study_info *i = NULL;
  struct cl_err e = {0};
  int status = CL_EXIT_DONE;
  if (clade_study_read(reader, &i, &e) < 0) return cl_cli_fail(cli, &e);
  if (cli->json) {
    write_json(&cli->text, i);
  } else {
    write_head(cli, i);
    write_facts(cli, i);
    write_lists(cli, i);
    status = write_history(cli, i, reader);
  }
  clade_study_free(i);
  return status;
}
