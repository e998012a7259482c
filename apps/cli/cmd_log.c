/* clade log [STUDY] */
#include <inttypes.h>
#include <stdio.h>

#include "cli/rows.h"
#include "view/number.h"
#include "view/safe.h"

#define LAST_STANDARD 100
#define WAIT_MS       500
#define FLUSH_ABOVE   (1 << 16)

struct options {
  bool follow, all;
  struct cl_cli_integer last, since;
};

struct writing {
  struct cl_cli *cli;
  bool json;
  int64_t n;
  int failed; /* exit status of a failed flush */
};

static const char *subject_of(const struct clade_event *ev, char *buffer, size_t size) {
  if (ev->trial == 0) return "study";
  (void)snprintf(buffer, size, "trial %" PRId64, ev->trial);
  return buffer;
}

static int write_event(void *ctx, const struct clade_event *ev) {
  struct writing *w = ctx;
  struct clade_text *t = &w->cli->text;
  char time[CL_VIEW_NUMBER_MAX], subject[32];
  w->n++;
  if (w->json) {
    clade_text_add(t, ev->json);
  } else {
    clade_text_format(t, "%8" PRId64 "  %s  %-11s  ", ev->position,
                      ev->time_ms < 0 ? "-                  " : cl_view_time(ev->time_ms, time),
                      subject_of(ev, subject, sizeof subject));
    cl_view_add_safe(t, ev->text, &w->cli->out);
  }
  clade_text_add_char(t, '\n');
  if (t->length > FLUSH_ABOVE) w->failed = cl_cli_flush(w->cli);
  return w->failed;
}

/* Until somebody ends us, or stdout goes away. */
static int follow(struct writing *w, struct clade_reader *reader, struct clade_events_options *o) {
  struct cl_err e = {0};
  for (;;) {
    int status = clade_events_read(reader, o, write_event, w, &o->after, &e);
    if (status < 0) return cl_cli_fail(w->cli, &e);
    if (status == 0) status = cl_cli_flush(w->cli);
    if (status != 0) return status;
    if (clade_events_wait(reader, WAIT_MS, &e) < 0) return cl_cli_fail(w->cli, &e);
  }
}

static int show_log(struct cl_cli *cli, const void *options, struct clade_reader *reader) {
  const struct options *typed = options;
  struct cl_err e = {0};
  struct clade_events_options o = {.after = typed->since.value, .words = !cli->json, .json = cli->json};
  struct writing w = {.cli = cli, .json = cli->json};
  if (typed->last.given)
    o.last = typed->last.value;
  else if (!typed->all && !typed->since.given && !cli->json)
    o.last = LAST_STANDARD;
  int status = CL_EXIT_DONE;
  if (!typed->last.given || o.last > 0) status = clade_events_read(reader, &o, write_event, &w, &o.after, &e);
  if (status < 0) return cl_cli_fail(cli, &e);
  if (status == 0) status = cl_cli_flush(cli);
  if (status != 0) return status;
  if (w.n == LAST_STANDARD && o.last == LAST_STANDARD && !typed->last.given)
    cl_cli_note(cli, "the last %d events; --all shows the rest", LAST_STANDARD);
  o.last = 0;
  return typed->follow ? follow(&w, reader, &o) : CL_EXIT_DONE;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  (void)rest;
  const struct options *o = options;
  if (o->last.given && o->all)
    return cl_cli_complain(cli, CL_EXIT_USAGE, "--last and --all exclude each other");
  return cl_cli_read(cli, cl_cli_address(argc, argv), options, show_log);
}

static const struct cl_cli_option options[] = {
    {CL_OPTION_FLAG, 'f', "follow", offsetof(struct options, follow), NULL,
     "go on showing events as they come"},
    {CL_OPTION_INTEGER, '\0', "last", offsetof(struct options, last), "N", "only the last N events", NULL, 0,
     1e15},
    {CL_OPTION_INTEGER, '\0', "since", offsetof(struct options, since), "POSITION",
     "only events after this position", NULL, 0, 1e15},
    {CL_OPTION_FLAG, '\0', "all", offsetof(struct options, all), NULL, "every event (usual: the last 100)"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade log mnist", "What happened last?"},
    {"clade log mnist/3", "Everything about trial 3: proposed, started, reports, end."},
    {"clade log mnist --follow", "Watch it happen."},
    {"clade log mnist --json > mnist.jsonl", "The whole log, an event per line."},
    {0}};

extern const struct cl_cli_command cl_command_log;
const struct cl_cli_command cl_command_log = {
    .name = "log",
    .summary = "show the events of a study",
    .usage = "[STUDY[/TRIALS]]",
    .description =
        "A study is the log of what was seen and decided; everything else is computed from it. Shows its events in "
        "order: position, time, subject, and what happened. An address with trials shows theirs only.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_most = 2,
    .run = run,
};
