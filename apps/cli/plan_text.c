#include "cli/plan_text.h"

#include <inttypes.h>
#include <string.h>

#include "cli/live.h"
#include "view/safe.h"

static void begin_line(struct cl_cli *cli, const char *name) {
  cl_view_tone_begin(&cli->text, &cli->out, CL_TONE_STRONG);
  clade_text_format(&cli->text, "%-9s", name);
  cl_view_tone_end(&cli->text, &cli->out, CL_TONE_STRONG);
}

static void add_safe_line(struct cl_cli *cli, const char *text, size_t n) {
  struct clade_text line = {0};
  clade_text_add_bytes(&line, text, n);
  cl_view_add_safe(&cli->text, clade_text_get(&line), &cli->out);
  clade_text_add_char(&cli->text, '\n');
  clade_text_done(&line);
}

static void add_space(struct cl_cli *cli, const struct clade_plan *plan) {
  begin_line(cli, "space");
  clade_text_format(&cli->text, "%d hyperparameter%s", plan->n_hyperparameters,
                    plan->n_hyperparameters == 1 ? "" : "s");
  if (plan->n_constraints > 0)
    clade_text_format(&cli->text, ", %d constraint%s", plan->n_constraints,
                      plan->n_constraints == 1 ? "" : "s");
  clade_text_add_char(&cli->text, '\n');
  for (const char *line = plan->space; *line != '\0';) {
    size_t n = strcspn(line, "\n");
    clade_text_add(&cli->text, "  ");
    add_safe_line(cli, line, n);
    line += n + (line[n] == '\n');
  }
}

static void add_search(struct cl_cli *cli, const struct clade_plan *plan) {
  struct clade_text *t = &cli->text;
  begin_line(cli, "search");
  if (plan->once) {
    clade_text_add(t, "none: one run with the tuned values in the foreground\n");
    return;
  }
  clade_text_add(t, plan->method);
  if (plan->schedule != NULL) clade_text_format(t, " with %s", plan->schedule);
  if (plan->trials < CL_CLI_ENDLESS)
    clade_text_format(t, ", %" PRId64 " trial%s", plan->trials, plan->trials == 1 ? "" : "s");
  else
    clade_text_add(t, ", every point of the grid");
  clade_text_format(t, ", %d at a time; %s ", plan->parallel, plan->goal);
  cl_view_add_safe(t, plan->metric, &cli->out);
  clade_text_add_char(t, '\n');
  if (plan->schedule == NULL) return;
  begin_line(cli, "schedule");
  add_safe_line(cli, plan->options, strlen(plan->options));
  begin_line(cli, "states");
  add_safe_line(cli, plan->bill, strlen(plan->bill));
}

void cl_cli_add_plan(struct cl_cli *cli, const struct clade_plan *plan) {
  begin_line(cli, "study");
  add_safe_line(cli, plan->study, strlen(plan->study));
  if (!plan->once) {
    begin_line(cli, "store");
    add_safe_line(cli, plan->store, strlen(plan->store));
  }
  add_search(cli, plan);
  add_space(cli, plan);
  begin_line(cli, "program");
  if (plan->command != NULL)
    add_safe_line(cli, plan->command, strlen(plan->command));
  else
    clade_text_add(&cli->text, "none\n");
  begin_line(cli, "runs in");
  add_safe_line(cli, plan->cwd, strlen(plan->cwd));
}
