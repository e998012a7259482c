/* What ask, tell and enqueue share: addresses as studies to write to, and trials as lines. */
#ifndef CL_CLI_ASKED_H
#define CL_CLI_ASKED_H

#include "clade/study.h"
#include "cli/cli.h"

/* Where an address leads. `store` and `study` are kept for the next call with the same study. */
struct cl_cli_place {
  struct clade_study *study;
  bool names_trials;
  int64_t *trials; /* that the address names */
  size_t n;
};

/* Open the study that `address` (null: the latest) names, and list the trials if it names some. 0, or the
 * exit status after a complaint. Done with cl_cli_place_done in both cases. */
int cl_cli_place_open(const struct cl_cli *cli, const char *address, struct cl_cli_place *ret);
void cl_cli_place_done(struct cl_cli_place *p);

/* A trial that was asked for: `mnist/7  lr=0.01 momentum=0.9`, values quoted for a shell; or with --json an
 * object
 * {"study", "trial", "attempt", "seed", "values"}, on a line. Into cli->text. */
struct cl_cli_asked {
  const char *study;
  int64_t trial, attempt, seed;
  size_t n_values;
  const struct clade_named_value *values;
};
void cl_cli_write_asked(struct cl_cli *cli, const struct cl_cli_asked *a);

/* NAME=VALUE words as pairs, in place: the words are cut at their first =. 0, or the exit status after a
 * complaint. */
int cl_cli_cut_words(const struct cl_cli *cli, int n, const char **words, struct clade_given *ret,
                     char **ret_copy);

#endif
