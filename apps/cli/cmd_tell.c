/* clade tell: what came of trials that were asked for */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/asked.h"
#include "cli/telling.h"

enum { STATUS_STOP = 76, LINE_MAX_BYTES = 1 << 20 };

struct tell_options {
  bool pruned, failed, infeasible, diverged, lost, running;
  struct cl_cli_number step;
  const char *json;
};

static int read_options(const struct cl_cli *cli, const struct tell_options *o, struct cl_cli_telling *ret) {
  const struct {
    bool typed;
    enum clade_outcome outcome;
  } all[] = {{o->pruned, CLADE_TOLD_PRUNED},
             {o->failed, CLADE_TOLD_FAILED},
             {o->infeasible, CLADE_TOLD_INFEASIBLE},
             {o->diverged, CLADE_TOLD_DIVERGED},
             {o->lost, CLADE_TOLD_LOST}};
  int n = ret->running = o->running;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (all[i].typed) ret->outcome = all[i].outcome;
    n += all[i].typed;
  }
  if (n > 1)
    return cl_cli_complain(cli, CL_EXIT_USAGE,
                           "a trial has one outcome: only one of the options can be true");
  if (o->step.given) ret->step = o->step.value;
  ret->has_step = o->step.given;
  return 0;
}

/* JSON, from the command line or line by line. */

static int tell_text(struct cl_cli *cli, const struct cl_cli_place *place, const char *text, int64_t line,
                     int *ret_status) {
  struct cl_err e = {0};
  struct cl_cli_telling t = {0};
  json_error_t where;
  bool stop = false;
  json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &where);
  int status = object == NULL ? CLADE_EINVAL : cl_cli_telling_json(object, &t, &e);
  if (object == NULL) (void)snprintf(e.text, sizeof e.text, "this is no JSON: %.200s", where.text);
  if (object == NULL) e.code = CLADE_EINVAL;
  if (status == 0 && t.trial == 0 && place->n == 1) t.trial = place->trials[0];
  if (status == 0 && t.trial == 0) {
    status = e.code = CLADE_EINVAL;
    (void)snprintf(e.text, sizeof e.text, "\"trial\" is missing: the number that `clade ask` gave");
  }
  if (status == 0) status = cl_cli_tell(place->study, t.trial, &t, &stop, &e);
  json_decref(object);
  if (status < 0 && line > 0) {
    char sentence[CLADE_ERR_TEXT];
    memcpy(sentence, e.text, sizeof sentence);
    (void)snprintf(e.text, sizeof e.text, "line %" PRId64 ": %.900s", line, sentence);
  }
  if (status < 0) return cl_cli_fail(cli, &e);
  struct clade_trial_state state;
  if (clade_study_trial(place->study, t.trial, &state, NULL) < 0) return CL_EXIT_FAILED;
  clade_text_format(&cli->text, "{\"trial\": %" PRId64 ", \"state\": \"%s\", \"value\": ", t.trial,
                    state.state);
  clade_text_add_json_number(&cli->text, state.value);
  clade_text_format(&cli->text, ", \"stop\": %s}\n", stop ? "true" : "false");
  *ret_status = stop ? STATUS_STOP : CL_EXIT_DONE;
  return cl_cli_flush(cli);
}

/* A line of standard input; *ret_more false at its end. 0, or the exit status after a complaint. */
static int read_line(const struct cl_cli *cli, struct clade_text *ret, int64_t line, bool *ret_more) {
  int c;
  clade_text_clear(ret);
  while ((c = getc(stdin)) != EOF && c != '\n') {
    if (ret->length == LINE_MAX_BYTES)
      return cl_cli_complain(cli, CL_EXIT_USAGE, "line %" PRId64 " is longer than 1 MiB", line);
    clade_text_add_char(ret, (char)c);
  }
  if (ret->failed) return cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
  *ret_more = c != EOF || ret->length > 0;
  return 0;
}

static int tell_lines(struct cl_cli *cli, const struct cl_cli_place *place) {
  struct clade_text text = {0};
  bool more = true;
  int status = 0;
  for (int64_t line = 1; status == 0; line++) {
    int ignored = 0;
    status = read_line(cli, &text, line, &more);
    if (status != 0 || !more) break;
    const char *said = clade_text_get(&text);
    if (said[strspn(said, " \t\r")] != '\0') status = tell_text(cli, place, said, line, &ignored);
  }
  clade_text_done(&text);
  return status;
}

/* Words. */

static void note_state(const struct cl_cli *cli, struct clade_study *study, int64_t number) {
  struct clade_trial_state state;
  struct clade_text value = {0};
  if (clade_study_trial(study, number, &state, NULL) < 0) return;
  if (state.value == state.value) {
    clade_text_format(&value, ", %s ", clade_study_metric(study, 0));
    clade_text_add_number(&value, state.value);
  }
  cl_cli_note(cli, "%s/%" PRId64 " is %s%s", clade_study_name(study), number, state.state,
              clade_text_get(&value));
  clade_text_done(&value);
}

static int tell_trials(struct cl_cli *cli, const struct cl_cli_place *place, const struct cl_cli_telling *t) {
  struct cl_err e = {0};
  bool stop = false;
  for (size_t i = 0; i < place->n; i++) {
    if (cl_cli_tell(place->study, place->trials[i], t, &stop, &e) < 0) return cl_cli_fail(cli, &e);
    if (!t->running) note_state(cli, place->study, place->trials[i]);
  }
  return stop ? STATUS_STOP : CL_EXIT_DONE;
}

static int tell_words(struct cl_cli *cli, const struct tell_options *o, const struct cl_cli_place *place,
                      const char *address, int n, char **words) {
  struct cl_err e = {0};
  struct cl_cli_telling t = {0};
  int status = read_options(cli, o, &t);
  if (status != 0) return status;
  if (!place->names_trials)
    return cl_cli_complain(cli, CL_EXIT_USAGE,
                           "'%.80s' names no trial: write %.80s/7, as `clade ask` printed it", address,
                           address);
  if (cl_cli_telling_words(n, words, &t, &e) < 0) return cl_cli_fail(cli, &e);
  if (place->n > 1 && (t.n_values > 0 || t.n_metrics > 0))
    return cl_cli_complain(cli, CL_EXIT_USAGE, "'%.80s' names %zu trials: results are told of one at a time",
                           address, place->n);
  return tell_trials(cli, place, &t);
}

/* The words are cut at their =, so they are copied. */
static int tell_copied(struct cl_cli *cli, const struct tell_options *o, const struct cl_cli_place *place,
                       int argc, const char **argv) {
  struct clade_text copy = {0};
  char **words = clade_resize(NULL, (size_t)argc * sizeof *words);
  for (int i = 1; i < argc; i++) clade_text_add_bytes(&copy, argv[i], strlen(argv[i]) + 1);
  if (words == NULL || copy.failed) {
    clade_free(words);
    clade_text_done(&copy);
    return cl_cli_complain(cli, CL_EXIT_FAILED, "out of memory");
  }
  char *at = copy.bytes;
  for (int i = 1; i < argc; i++) {
    words[i - 1] = at;
    at += strlen(at) + 1;
  }
  int status = tell_words(cli, o, place, argv[0], argc - 1, words);
  clade_free(words);
  clade_text_done(&copy);
  return status;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct tell_options *o = options;
  struct cl_cli_place place;
  int said = 0, status = cl_cli_place_open(cli, argv[0], &place);
  (void)rest;
  if (status == 0 && o->json != NULL) {
    status = argc > 1 ? cl_cli_complain(cli, CL_EXIT_USAGE, "results stand in --json or are words, not both")
                      : tell_text(cli, &place, o->json, 0, &said);
    if (status == 0) status = said;
  } else if (status == 0 && argc == 2 && strcmp(argv[1], "-") == 0)
    status = tell_lines(cli, &place);
  else if (status == 0)
    status = tell_copied(cli, o, &place, argc, argv);
  cl_cli_place_done(&place);
  return status;
}

#define AT(member) offsetof(struct tell_options, member)
static const struct cl_cli_option options[] = {
    {CL_OPTION_FLAG, '\0', "pruned", AT(pruned), NULL, "it was left off before its end; its value counts"},
    {CL_OPTION_FLAG, '\0', "failed", AT(failed), NULL, "it has no result"},
    {CL_OPTION_FLAG, '\0', "infeasible", AT(infeasible), NULL, "these values cannot be trained"},
    {CL_OPTION_FLAG, '\0', "diverged", AT(diverged), NULL, "its metric is not finite"},
    {CL_OPTION_FLAG, '\0', "lost", AT(lost), NULL, "its process is gone: try it again with the same values"},
    {CL_OPTION_FLAG, '\0', "running", AT(running), NULL,
     "only report: it goes on. Exit status 76: it is to leave off"},
    {CL_OPTION_NUMBER, '\0', "step", AT(step), "STEP",
     "how far training was (of a report; else the last one reported)"},
    {CL_OPTION_TEXT, '\0', "json", AT(json), "OBJECT",
     "the same as JSON: trial, state, value or values, metrics, step; answers with an object"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade tell mnist/7 0.93", "Trial 7 is complete, with this value."},
    {"clade tell mnist/7 val_accuracy=0.93 seconds=12.5",
     "The same by the metric's name, with another metric."},
    {"clade tell mnist/7 loss=0.41 --step 3 --running || exit", "A report on the way; 76 asks to leave off."},
    {"clade tell mnist/7 --lost", "Its process is gone: the next to ask gets it again."},
    {"clade tell mnist --json '{\"trial\": 7, \"metrics\": {\"val_accuracy\": 0.93}, \"state\": \"PRUNED\"}'",
     "For programs."},
    {"my-results | clade tell mnist -", "Many: a JSON object per line, an answer per line."},
    {0}};

extern const struct cl_cli_command cl_command_tell;
const struct cl_cli_command cl_command_tell = {
    .name = "tell",
    .summary = "say what came of a trial that was asked for",
    .usage = "[OPTION...] STUDY/TRIAL [VALUE...] [NAME=NUMBER...]",
    .description =
        "Ends a trial that `clade ask` (or a program that asks by itself) has taken, from any process on any machine that "
        "reaches the store. VALUE is the study's metric; of several metrics all are given in their order. Without any, "
        "what was reported counts. A trial that waits is taken first. One that a worker trains is refused: its program "
        "says what comes of it.\n\n"
        "A trial that was asked for has no process that Clade could watch: it runs until somebody tells, and --lost says "
        "that nobody will.\n\n"
        "Exit status: 0, 1 it cannot be told any more (it has ended, was declared lost, or a worker has it), 2 usage, "
        "3 no such trial, 76 (--running) leave off.",
    .options = options,
    .options_size = sizeof(struct tell_options),
    .examples = examples,
    .n_least = 1,
    .n_most = -1,
    .run = run,
};
