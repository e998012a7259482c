/* The frame of the command line: what a command is, what it gets, how it says things.
 *
 * One command per file (cmd_*.c), which ends in its const record: from that record come parsing, --help, the
 * manual page and the shells' completions. Results go to stdout, everything else to stderr. User text is made
 * harmless before it reaches a terminal.
 */
#ifndef CL_CLI_H
#define CL_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/error.h"
#include "clade/text.h"
#include "view/style.h"

enum { CL_EXIT_DONE = 0, CL_EXIT_FAILED = 1, CL_EXIT_USAGE = 2, CL_EXIT_NOTHING = 3 };

struct cl_cli_command;

struct cl_cli {
  const struct cl_cli_command *command;
  struct cl_view_style out, err; /* of stdout and stderr */
  bool out_terminal, err_terminal, in_terminal;
  bool locale_utf8;      /* drawings may leave ASCII, also in a pipe */
  bool live;             /* stderr can show a frame that is redrawn */
  bool json, yes, quiet; /* typed; quiet: no notes, no progress */
  const char *store_typed;
  struct clade_text text; /* of results, until it is flushed */
};

enum cl_cli_option_kind {
  CL_OPTION_END = 0,
  CL_OPTION_FLAG,    /* bool */
  CL_OPTION_TEXT,    /* const char * */
  CL_OPTION_CHOICE,  /* const char *, one of `choices` */
  CL_OPTION_INTEGER, /* struct cl_cli_integer */
  CL_OPTION_NUMBER,  /* struct cl_cli_number */
  CL_OPTION_LIST     /* struct cl_cli_list: may be repeated */
};

struct cl_cli_integer {
  bool given;
  int64_t value;
};
struct cl_cli_number {
  bool given;
  double value;
};
struct cl_cli_list {
  const char **items;
  size_t n, capacity;
};

struct cl_cli_option {
  enum cl_cli_option_kind kind;
  char letter;      /* '\0' = none */
  const char *name; /* without dashes */
  size_t offset;    /* in the command's options */
  const char *argument, *help;
  const char *choices; /* "csv|json" */
  double lo, hi;       /* of numbers, inclusive; 0, 0 = any */
};

struct cl_cli_example {
  const char *command, *text;
};

struct cl_cli_command {
  const char *name;
  const char *group;       /* heading in the overview; null: that of the command before it */
  const char *summary;     /* a line without full stop */
  const char *usage;       /* what follows the name */
  const char *description; /* paragraphs, parted by empty lines */
  const struct cl_cli_option *options;
  size_t options_size; /* bytes of the struct that the options fill; it starts zeroed */
  const struct cl_cli_example *examples;
  int n_least, n_most; /* arguments; n_most -1 = any number */
  bool hidden;         /* not in lists */
  bool passes_rest;    /* what stands behind a bare -- is the command's and not counted */
  /* options: of options_size; argc, argv: the other arguments, `rest` = index of the first one behind a bare
   * -- (argc if there was none). Returns the exit status. */
  int (*run)(struct cl_cli *cli, const void *options, int argc, const char **argv, int rest);
};

/* All commands in the order of the overview; ended by null. */
const struct cl_cli_command *const *cl_cli_commands(void);
const struct cl_cli_command *cl_cli_find(const char *name); /* null if unknown */

/* Options of every command. One that a command has in its own table is that command's alone. */
struct cl_cli_common {
  bool help, json, yes, quiet, no_color;
  const char *store;
};
extern const struct cl_cli_option cl_cli_common_options[];
/* The common options that are not in the command's own table, one after the other: null begins; null ends. */
const struct cl_cli_option *cl_cli_next_common(const struct cl_cli_command *command,
                                               const struct cl_cli_option *before);

void cl_cli_write_help(const struct cl_cli *cli, const struct cl_cli_command *command,
                       struct clade_text *ret);
void cl_cli_write_overview(const struct cl_cli *cli, struct clade_text *ret);

/* Saying things. */

/* Look at the terminal and the environment. */
void cl_cli_look(struct cl_cli *cli);
void cl_cli_measure(struct cl_cli *cli); /* again, for the size alone: it may have changed */

/* A word so that a shell reads it back. */
void cl_cli_add_word(struct clade_text *t, const char *word);

/* "clade: " and the sentence on stderr; lines stay lines. Returns `status`. */
int cl_cli_complain(const struct cl_cli *cli, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a failed call; the exit status that its code means. */
int cl_cli_fail(const struct cl_cli *cli, const struct cl_err *e);
/* A note on stderr: dim on a terminal, nothing with --quiet. */
void cl_cli_note(const struct cl_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Write cli->text to stdout and empty it. 0, or CL_EXIT_FAILED after a complaint (disk full, no memory). */
int cl_cli_flush(struct cl_cli *cli);
/* Flush, and `status` unless that failed. */
int cl_cli_finish(struct cl_cli *cli, int status);

/* Ask a yes-or-no question. Yes if `yes` or --yes was typed; not on a terminal: false after one warning that
 * names
 * --yes. */
bool cl_cli_confirm(const struct cl_cli *cli, bool yes, const char *question);

/* The address of the store for commands that read no spec: --store, CLADE_STORE, clade.db. */
const char *cl_cli_store(const struct cl_cli *cli);

/* Call `one` for each address of one study that `typed` stands for (XT's lists, ranges and wildcards), until
 * it returns another status than 0; that one. */
int cl_cli_each_address(struct cl_cli *cli, const char *typed,
                        int (*one)(struct cl_cli *cli, const char *address, void *ctx), void *ctx);

/* Open the store and the study (or trials) of `address`, null = the latest, for `one`; the exit status of
 * that, or of a complaint. */
struct clade_reader;
int cl_cli_read(struct cl_cli *cli, const char *address, const void *options,
                int (*one)(struct cl_cli *cli, const void *options, struct clade_reader *reader));

/* The address among the arguments of a command that takes one: null if none was typed. */
const char *cl_cli_address(int argc, const char **argv);

/* Nouns that people put before an address (study, job, trial, run and their plurals): how many of the
 * arguments they take (0 or 1); a lone one only if `alone`, for it may be the name of a study. */
int cl_cli_skip_noun(int argc, const char **argv, bool alone);

#endif
