/* clade init: a first spec for a program */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clade/run.h"
#include "cli/cli.h"

struct init_options {
  const char *output;
  bool force;
};

/* train.py -> train.yaml, in the working directory. */
static void name_spec(struct clade_text *ret, const char *program) {
  const char *slash = strrchr(program, '/'), *name = slash != NULL ? slash + 1 : program;
  const char *dot = strrchr(name, '.');
  clade_text_add_bytes(ret, name, dot != NULL && dot > name ? (size_t)(dot - name) : strlen(name));
  clade_text_add(ret, ".yaml");
}

static int write_spec(const struct cl_cli *cli, const char *path, const char *spec, bool force) {
  FILE *file = fopen(path, force || cli->yes ? "we" : "wxe");
  if (file == NULL && errno == EEXIST)
    return cl_cli_complain(cli, CL_EXIT_USAGE,
                           "%s exists already: --force overwrites it, -o FILE writes another", path);
  if (file == NULL)
    return cl_cli_complain(cli, CL_EXIT_FAILED, "%s cannot be written: %s", path, strerror(errno));
  bool good = fputs(spec, file) >= 0;
  good = fclose(file) == 0 && good;
  return good ? 0 : cl_cli_complain(cli, CL_EXIT_FAILED, "%s is not complete: %s", path, strerror(errno));
}

static void say_what_next(const struct cl_cli *cli, const char *path) {
  struct clade_text word = {0};
  cl_cli_add_word(&word, path);
  const char *name = clade_text_get(&word);
  cl_cli_note(cli, "Wrote %s. Lines marked `guess` are guesses: look at them first.", path);
  cl_cli_note(cli, "next:\n  clade check %s\n  clade run %s", name, name);
  clade_text_done(&word);
}

static int run(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest) {
  const struct init_options *o = options;
  struct clade_text path = {0};
  struct cl_err e = {0};
  char *spec = NULL;
  (void)argc;
  (void)rest;
  int status = clade_spec_init(argv[0], &spec, &e);
  if (status < 0) return cl_cli_fail(cli, &e);
  if (o->output != NULL)
    clade_text_add(&path, o->output);
  else
    name_spec(&path, argv[0]);
  if (strcmp(clade_text_get(&path), "-") == 0)
    clade_text_add(&cli->text, spec);
  else
    status = write_spec(cli, clade_text_get(&path), spec, o->force);
  if (status == 0 && strcmp(clade_text_get(&path), "-") != 0) say_what_next(cli, clade_text_get(&path));
  clade_free(spec);
  clade_text_done(&path);
  return status;
}

#define AT(member) offsetof(struct init_options, member)
static const struct cl_cli_option options[] = {
    {CL_OPTION_TEXT, 'o', "output", AT(output), "FILE",
     "where to write (default: PROGRAM's name with .yaml); - = stdout"},
    {CL_OPTION_FLAG, 'f', "force", AT(force), NULL, "overwrite a file that exists"},
    {CL_OPTION_END}};

static const struct cl_cli_example examples[] = {
    {"clade init train.py", "Write train.yaml, with the options of train.py as hyperparameters."},
    {"clade init ./train -o -", "Look at the spec first."},
    {0}};

extern const struct cl_cli_command cl_command_init;
const struct cl_cli_command cl_command_init = {
    .name = "init",
    .group = "Run",
    .summary = "write a first spec for a program",
    .usage = "[OPTION...] PROGRAM",
    .description =
        "Writes a commented spec for PROGRAM. Options that a Python program declares with argparse become "
        "hyperparameters: their defaults are the tuned values, their ranges are guessed and marked as guesses.",
    .options = options,
    .options_size = sizeof(struct init_options),
    .examples = examples,
    .n_least = 1,
    .n_most = 1,
    .run = run,
};
