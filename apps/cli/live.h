/* What people see while a study runs: on a terminal lines of results and below them a frame that is redrawn,
 * else lines alone. All of it goes to stderr. */
#ifndef CL_CLI_LIVE_H
#define CL_CLI_LIVE_H

#include "clade/run.h"
#include "cli/cli.h"
#include "view/progress.h"

struct cl_cli_live {
  struct cl_cli *cli;
  struct cl_view_screen screen;
  struct clade_text lines; /* not yet on the terminal */
  struct clade_text frame; /* as it stands there */
  struct clade_text note;  /* last line of the frame */
  struct clade_text metric, best_values;
  double elapsed_s, next_line_s; /* since the run began; when the next line of progress is due */
  int64_t results, trials;
  const char *study; /* named in lines of progress; null: its own line stands above them. Borrowed */
  bool begun, maximize, is_population;
  /* The best so far over the number of results, for the curve at the end; of a population its best member
   * over the percentage of the work. */
  double *x, *y, percent;
  size_t n, capacity;
};

/* Start showing; keeps `cli`. The callbacks of the run borrow *l. */
void cl_cli_live_init(struct cl_cli_live *l, struct cl_cli *cli);
struct clade_run_callbacks cl_cli_live_callbacks(struct cl_cli_live *l);

/* Take the frame away and write what was held back: other output may follow. */
void cl_cli_live_end(struct cl_cli_live *l);
void cl_cli_live_done(struct cl_cli_live *l);

/* Trials whose number nobody knows (a grid that runs until it is used up) have this budget or more. */
#define CL_CLI_ENDLESS INT64_C(1000000000000)

#endif
