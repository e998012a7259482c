/* clade store start | stop | status: a private PostgreSQL server */
#include <string.h>

#include "clade/store.h"
#include "cli/cli.h"

struct options {
  struct cl_cli_integer port;
  const char *listen;
};

static void write_json(struct cl_cli *cli, const struct clade_server *s, const char *dir) {
  struct clade_text *t = &cli->text;
  clade_text_add(t, "{\"directory\": ");
  clade_text_add_json(t, dir);
  clade_text_format(t, ", \"running\": %s", s->running ? "true" : "false");
  if (s->running) clade_text_format(t, ", \"pid\": %d", s->pid);
  clade_text_format(t, ", \"port\": %d, \"user\": ", s->port);
  clade_text_add_json(t, s->user);
  clade_text_add(t, ", \"store\": ");
  clade_text_add_json(t, s->address);
  clade_text_add(t, ", \"log\": ");
  clade_text_add_json(t, s->log);
  clade_text_add(t, "}\n");
}

/* The address alone is the result, so that $(clade store start) is one. */
static int show(struct cl_cli *cli, const struct clade_server *s, const char *dir) {
  if (cli->json)
    write_json(cli, s, dir);
  else
    clade_text_format(&cli->text, "%s\n", s->address);
  return cl_cli_finish(cli, CL_EXIT_DONE);
}

static int start(struct cl_cli *cli, const struct options *o, const char *dir) {
  struct clade_server s;
  struct cl_err e = {0};
  int port = o->port.given ? (int)o->port.value : 0;
  if (clade_server_start(dir, port, o->listen, &s, &e) < 0) return cl_cli_fail(cli, &e);
  cl_cli_note(
      cli,
      "%s in %s: process %d of the user %s, port %d. It keeps studies when it is given as --store, or as "
      "CLADE_STORE",
      s.began ? "a PostgreSQL server has started" : "the PostgreSQL server runs already", dir, s.pid, s.user,
      s.port);
  return show(cli, &s, dir);
}

static int stop(struct cl_cli *cli, const char *dir) {
  struct clade_server s;
  struct cl_err e = {0};
  if (clade_server_look(dir, &s, &e) < 0 || clade_server_stop(dir, &e) < 0) return cl_cli_fail(cli, &e);
  cl_cli_note(cli,
              s.running ? "the server in %s has stopped; its studies stay" : "the server in %s does not run",
              dir);
  return CL_EXIT_DONE;
}

static int status(struct cl_cli *cli, const char *dir) {
  struct clade_server s;
  struct cl_err e = {0};
  if (clade_server_look(dir, &s, &e) < 0) return cl_cli_fail(cli, &e);
  if (!s.made)
    return cl_cli_complain(cli, CL_EXIT_NOTHING,
                           "there is no server in '%s': `clade store start %s` makes one", dir, dir);
  if (s.running)
    cl_cli_note(cli, "the server in %s runs: process %d of the user %s, port %d", dir, s.pid, s.user, s.port);
  else
    cl_cli_note(cli, "the server in %s does not run: `clade store start %s` starts it", dir, dir);
  int shown = show(cli, &s, dir);
  return shown != CL_EXIT_DONE || s.running ? shown : CL_EXIT_FAILED;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const char *dir = argc > 1 ? argv[1] : "clade-server";
  (void)rest;
  if (strcmp(argv[0], "start") == 0) return start(cli, options, dir);
  if (strcmp(argv[0], "stop") == 0) return stop(cli, dir);
  if (strcmp(argv[0], "status") == 0) return status(cli, dir);
  return cl_cli_complain(cli, CL_EXIT_USAGE, "'clade store %s' is none of start, stop, status", argv[0]);
}

static const struct cl_cli_option options[] = {
    {CL_OPTION_INTEGER, '\0', "port", offsetof(struct options, port), "N",
     "default: the one it had, else a free one", NULL, 1, 65535},
    {CL_OPTION_TEXT, '\0', "listen", offsetof(struct options, listen), "ADDRESS",
     "default: 127.0.0.1; * lets other hosts in, with the password"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade store start", "A server in ./clade-server; prints the address of its store."},
    {"export CLADE_STORE=$(clade store start)", "Use it from here on."},
    {"clade store start /srv/clade --port 5433 --listen '*'", "For the hosts of a cluster."},
    {"clade store status --json", "Does it run, where, as whom?"},
    {"clade store stop", "Stop it; the studies stay."},
    {0}};

extern const struct cl_cli_command cl_command_store;
const struct cl_cli_command cl_command_store = {
    .name = "store",
    .summary = "run a private PostgreSQL server for studies",
    .usage = "start|stop|status [DIRECTORY]",
    .description =
        "For studies that engines on many hosts, or very many engines on one, work on at the same time; a single host "
        "needs none of it, a file does (SQLite). The server lives in one directory (default: ./clade-server), runs as "
        "the calling user (called by root: as `postgres` or `nobody`), and asks for the password that stands in the "
        "address. PostgreSQL must be installed. It is not started again by itself when the machine is.\n\n"
        "`start` and `status` print the address of its store. Exit status of `status`: 0 when it runs, 1 when it does "
        "not, 3 when there is none.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_least = 1,
    .n_most = 2,
    .run = run,
};
