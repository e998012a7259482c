#include "cli/steer.h"

#include <inttypes.h>
#include <string.h>

#include "view/safe.h"

static void write_trial(struct cl_cli *cli, const struct clade_steered *s,
                        const struct clade_trial_steered *trial) {
  struct clade_text *t = &cli->text;
  cl_view_add_safe(t, s->study, &cli->out);
  clade_text_format(t, "/%" PRId64 "  %s", trial->trial, trial->before);
  if (strcmp(trial->before, trial->after) != 0) clade_text_format(t, " -> %s", trial->after);
  clade_text_format(t, "%s: ", trial->done ? "" : "  not done");
  cl_view_add_safe(t, trial->text, &cli->out);
  clade_text_add_char(t, '\n');
}

static void write_study(struct cl_cli *cli, const struct clade_steered *s) {
  struct clade_text *t = &cli->text;
  cl_view_add_safe(t, s->study, &cli->out);
  clade_text_add(t, ": ");
  cl_view_add_safe(t, s->text, &cli->out);
  clade_text_add_char(t, '\n');
}

static void write_json(struct cl_cli *cli, const struct clade_steered *s) {
  struct clade_text *t = &cli->text;
  clade_text_add(t, "{\"study\": ");
  clade_text_add_json(t, s->study);
  clade_text_format(t, ", \"changed\": %s, \"text\": ", s->study_changed ? "true" : "false");
  clade_text_add_json(t, s->text);
  clade_text_format(t, ", \"engines\": %d, \"trials\": [", s->engines);
  for (size_t i = 0; i < s->n_trials; i++) {
    const struct clade_trial_steered *trial = &s->trials[i];
    clade_text_format(
        t, "%s{\"trial\": %" PRId64 ", \"before\": \"%s\", \"after\": \"%s\", \"done\": %s, \"text\": ",
        i == 0 ? "" : ", ", trial->trial, trial->before, trial->after, trial->done ? "true" : "false");
    clade_text_add_json(t, trial->text);
    clade_text_add_char(t, '}');
  }
  clade_text_add(t, "]}\n");
}

int cl_cli_write_steered(struct cl_cli *cli, const struct clade_steered *s) {
  if (cli->json) {
    write_json(cli, s);
  } else {
    for (size_t i = 0; i < s->n_trials; i++) write_trial(cli, s, &s->trials[i]);
    if (s->whole) write_study(cli, s);
    if (!s->whole && s->n_trials == 0) clade_text_add(&cli->text, "no trial of these could be changed\n");
  }
  return s->study_changed || s->n_done > 0 ? CL_EXIT_DONE : CL_EXIT_FAILED;
}
