/* clade import --study FILE */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "clade/store.h"
#include "cli/cli.h"

struct options {
  bool study;
};

static int import_from(struct cl_cli *cli, int fd, const char *name) {
  struct clade_moved moved;
  struct cl_err e = {0};
  if (clade_study_import(cl_cli_store(cli), fd, name, &moved, &e) < 0) return cl_cli_fail(cli, &e);
  cl_cli_note(cli, "study %s: %" PRId64 " trial%s, %" PRId64 " events", moved.study, moved.trials,
              moved.trials == 1 ? "" : "s", moved.events);
  return CL_EXIT_DONE;
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct options *o = options;
  (void)argc;
  (void)rest;
  if (!o->study)
    return cl_cli_complain(
        cli, CL_EXIT_USAGE,
        "only whole studies can be imported: clade import --study %s, written by `clade export STUDY "
        "--study`",
        argv[0]);
  if (strcmp(argv[0], "-") == 0) return import_from(cli, STDIN_FILENO, "stdin");
  int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
  if (fd < 0) return cl_cli_complain(cli, CL_EXIT_NOTHING, "%s cannot be read: %s", argv[0], strerror(errno));
  int status = import_from(cli, fd, argv[0]);
  (void)close(fd);
  return status;
}

static const struct cl_cli_option options[] = {{CL_OPTION_FLAG, '\0', "study",
                                                offsetof(struct options, study), NULL,
                                                "the file holds a whole study: its events"},
                                               {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade import --study mnist.jsonl", "Into the store of this directory."},
    {"clade import --study mnist.jsonl --store postgresql://clade@db/clade", "Into another store."},
    {"clade export mnist --study | clade import --study - --store new.db", "From one store to another."},
    {0}};

extern const struct cl_cli_command cl_command_import;
const struct cl_cli_command cl_command_import = {
    .name = "import",
    .summary = "read a whole study that `clade export --study` wrote",
    .usage = "--study FILE",
    .description =
        "Reads the events of a study, one JSON object a line, and makes the study of them: same name, uuid, numbers and "
        "positions, so it can be resumed, listed and audited as before. A study of that name or uuid in the store is "
        "refused, and nothing is left of one that cannot be read to its end. `-` reads stdin. The files of the trials "
        "are not in it: copy the study's directory to where it was.",
    .options = options,
    .options_size = sizeof(struct options),
    .examples = examples,
    .n_least = 1,
    .n_most = 1,
    .run = run,
};
