/* What the parts of `clade compare` share: the sides, their studies, the seeds. */
#ifndef CL_CLI_COMPARE_H
#define CL_CLI_COMPARE_H

#include "clade/compare.h"
#include "clade/run.h"
#include "cli/engine_options.h"

struct cl_cli_compare_options {
  const char *seeds, *plot, *plot_seeds, *forms;
  struct cl_cli_list hparams, set;
  struct cl_cli_integer trials;
  bool dry_run, keep_scripts;
  struct cl_cli_engine_options engine;
};

struct cl_cli_seeds { /* ascending, each once */
  int64_t *items;
  size_t n;
};

/* One of the methods that are compared. */
struct cl_cli_side {
  const char *typed;
  bool is_spec;
  char *name;     /* of the method: the spec's study; else as typed */
  char *settings; /* of a spec, as JSON; null */
};

struct cl_cli_compare {
  struct cl_cli *cli;
  const struct cl_cli_compare_options *options;
  const char *store; /* address */
  char *store_copy;
  struct cl_cli_side *sides;
  size_t n_sides;
  struct cl_cli_seeds seeds; /* n 0: every one there is */
};

/* The study of a spec for a seed: NAME-sSEED. */
void cl_cli_compare_study(const struct cl_cli_side *side, int64_t seed, struct clade_text *ret);

/* Run what is not there, go on with what is not finished. 0, the exit status of a complaint, or 128 + signal.
 * *ret_failed: how many studies were given up. */
int cl_cli_compare_run(struct cl_cli_compare *c, int *ret_failed);

/* Every study of every side, opened. */
struct cl_cli_compared {
  struct clade_store *store;
  struct clade_compare_study *studies; /* with method = the index of the side */
  size_t n, capacity;
  struct clade_comparison *result;
};
/* 0, or the exit status after a complaint; done with cl_cli_compared_done in both cases. */
int cl_cli_compared_read(struct cl_cli_compare *c, struct cl_cli_compared *ret);
void cl_cli_compared_done(struct cl_cli_compared *d);

/* For people, and with --json for programs; into cli->text. */
void cl_cli_compare_write(const struct cl_cli_compare *c, const struct cl_cli_compared *d);

/* Can --plot be done? 0, or the exit status after a complaint. Makes the directory. */
int cl_cli_compare_check_plot(const struct cl_cli_compare *c);

/* The pictures of --plot. 0, or the exit status after a complaint. */
int cl_cli_compare_plot(const struct cl_cli_compare *c, const struct cl_cli_compared *d);

/* "3-5,9" = these; "8" = 1 to 8 if it `counts`, else that one. 0, or the exit status after a complaint that
 * names `option`. */
int cl_cli_seeds_parse(const struct cl_cli *cli, const char *option, const char *text, bool counts,
                       struct cl_cli_seeds *ret);
bool cl_cli_seeds_have(const struct cl_cli_seeds *s, int64_t seed); /* with none: true */

#endif
