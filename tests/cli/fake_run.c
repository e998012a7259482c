/* A program that runs no study and shows one: `clade run`, `resume` and `work` with the library's functions
 * replaced by a script, so that what people see does not depend on time. --name says which script: "ok",
 * "failures", "interrupted". */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clade/command.h"
#include "clade/run.h"
#include "cli/options.h"

extern const struct cl_cli_command cl_command_run, cl_command_resume, cl_command_work;

struct script {
  const struct clade_run_callbacks *c;
  const char *study;
  int64_t trials;
  struct clade_progress p;
  struct clade_slot_progress slots[2];
  char values[3][64];
};

static double value_of(int64_t trial) {
  return 0.385 / (double)trial + 0.02 * (double)(trial % 3);
}

static void write_values(char *to, int64_t trial) {
  (void)snprintf(to, 64, "lr=%.4g units=%d", 0.1 / (double)trial, 16 * (int)(trial % 5 + 1));
}

/* The world stands still until somebody writes to stdin: what is on the screen can be looked at. */
static void hold_at(int64_t done) {
  const char *at = getenv("FAKE_HOLD");
  if (at != NULL && strtoll(at, NULL, 10) == done) (void)getchar();
}

static void show(struct script *s, int64_t done) {
  struct clade_progress *p = &s->p;
  p->results = done;
  p->complete = done - p->failed;
  p->running = 2;
  p->elapsed_s = 6.5 * (double)done;
  p->share = (double)done / (double)s->trials;
  p->eta_s = done == 0 ? NAN : 6.5 * (double)(s->trials - done);
  for (int i = 0; i < 2; i++) {
    write_values(s->values[i], done + 1 + i);
    s->slots[i] = (struct clade_slot_progress){.trial = done + 1 + i,
                                               .attempt = 1,
                                               .phase = i == 0 ? "running" : "saving",
                                               .step = i == 0 ? 3 : NAN,
                                               .share = NAN,
                                               .value = i == 0 ? value_of(done + 2) : NAN,
                                               .elapsed_s = 4.2,
                                               .values = s->values[i]};
  }
  if (done > 1) s->slots[1].trial = 0;
  s->c->progress(s->c->ctx, p);
}

static void finish_trial(struct script *s, int64_t trial) {
  bool failed = trial == 3;
  char values[64];
  double value = value_of(trial);
  struct clade_progress *p = &s->p;
  write_values(values, trial);
  bool best = !failed && (p->best_trial == 0 || value < p->best_value);
  p->failed += failed;
  if (best) {
    p->best_trial = trial;
    p->best_value = value;
    (void)snprintf(s->values[2], 64, "%s", values);
    p->best_values = s->values[2];
  }
  struct clade_result_news news = {.trial = trial,
                                   .state = failed ? "FAILED" : "COMPLETE",
                                   .value = failed ? NAN : value,
                                   .elapsed_s = 12.5,
                                   .is_best = best,
                                   .results = trial,
                                   .trials = s->trials,
                                   .values = values};
  s->c->result(s->c->ctx, &news);
}

static void fill_result(const struct script *s, const char *reason, struct clade_run_result *ret) {
  (void)snprintf(ret->study, sizeof ret->study, "%s", s->study);
  (void)snprintf(ret->store, sizeof ret->store, "/nowhere/clade.db");
  (void)snprintf(ret->store_shown, sizeof ret->store_shown, "%s", ret->store);
  ret->reason = reason;
  ret->trials = s->trials;
  ret->results = s->p.results;
  ret->complete = s->p.complete;
  ret->failed = s->p.failed;
  ret->best_trial = s->p.best_trial;
  ret->best_value = s->p.best_value;
}

static void fail_all(struct script *s, struct clade_run_result *ret) {
  FILE *file;
  const char *path = getenv("FAKE_STDERR");
  s->p.results = s->p.failed = 5;
  s->p.best_trial = 0;
  fill_result(s, "failures", ret);
  ret->complete = 0;
  ret->failed_trial = 5;
  if (path == NULL || (file = fopen(path, "w")) == NULL) return;
  (void)snprintf(ret->failed_stderr, sizeof ret->failed_stderr, "%s", path);
  for (int i = 1; i <= 30; i++) (void)fprintf(file, "line %d\x1b[31m\n", i);
  (void)fclose(file);
}

static int play(const char *study, int64_t trials, const struct clade_run_callbacks *c,
                struct clade_run_result *ret) {
  struct script s = {.c = c, .study = study, .trials = trials};
  s.p = (struct clade_progress){.study = study,
                                .method = "random",
                                .metric = "loss",
                                .step_unit = "epoch",
                                .trials = trials,
                                .n_slots = 2,
                                .slots = s.slots};
  c->begin(c->ctx, study, trials, 2,
           "lr            float     1e-05 … 0.1     log     live\nunits         ordered");
  c->note(c->ctx, CLADE_NOTE_WARNING, "spec.yaml:3:1: nobody uses 'units'");
  bool interrupted = strcmp(study, "interrupted") == 0;
  show(&s, 0);
  for (int64_t trial = 1; trial <= (interrupted ? trials / 2 : trials); trial++) {
    finish_trial(&s, trial);
    show(&s, trial);
    hold_at(trial);
  }
  if (interrupted) c->note(c->ctx, CLADE_NOTE_INFO, "stopping: no new trials");
  if (interrupted) show(&s, trials / 2);
  fill_result(&s, interrupted ? "" : "budget", ret);
  if (strcmp(study, "failures") == 0) fail_all(&s, ret);
  ret->signal = interrupted ? 2 : 0;
  return 0;
}

int clade_keeper_main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  return -1;
}

int clade_run(const struct clade_run_options *o, const struct clade_run_callbacks *c,
              struct clade_run_result *ret, struct cl_err *e) {
  (void)e;
  return play(o->name != NULL ? o->name : "ok", o->trials > 0 ? o->trials : 12, c, ret);
}

int clade_resume(const struct clade_resume_options *o, const struct clade_run_callbacks *c,
                 struct clade_run_result *ret, struct cl_err *e) {
  (void)e;
  return play(o->study != NULL ? o->study : "latest", 8, c, ret);
}

int clade_continue(const char *store, const char *address, struct clade_steered **ret, struct cl_err *e) {
  static struct clade_steered nothing = {
      .study = "latest", .whole = true, .text = "neither paused nor ended"};
  (void)store;
  (void)address;
  (void)e;
  *ret = &nothing;
  return 0;
}

void clade_steered_free(struct clade_steered *s) {
  (void)s;
}

int main(int argc, char **argv) {
  const struct cl_cli_command *commands[] = {&cl_command_run, &cl_command_resume, &cl_command_work};
  struct cl_cli cli = {0};
  struct cl_cli_line line;
  struct cl_err e = {0};
  cl_cli_look(&cli);
  for (size_t i = 0; argc > 1 && i < 3; i++)
    if (strcmp(argv[1], commands[i]->name) == 0) cli.command = commands[i];
  if (cli.command == NULL || cl_cli_parse(cli.command, argc - 2, argv + 2, &line, &e) < 0) return 99;
  cli.json = line.common.json;
  cli.quiet = line.common.quiet;
  cli.store_typed = line.common.store;
  int status = cli.command->run(&cli, line.options, line.argc, line.argv, line.rest);
  cl_cli_line_done(cli.command, &line);
  status = cl_cli_finish(&cli, status);
  clade_text_done(&cli.text);
  return status;
}
