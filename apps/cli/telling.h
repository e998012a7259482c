/* What is told about a trial, as words of a command line or as a JSON object. */
#ifndef CL_CLI_TELLING_H
#define CL_CLI_TELLING_H

#include <jansson.h>

#include "clade/study.h"
#include "cli/cli.h"

enum { CL_TELLING_METRICS_MAX = 200, CL_TELLING_VALUES_MAX = 16 };

struct cl_cli_telling {
  int64_t trial; /* 0 = not said */
  bool running;  /* a report, not an end */
  enum clade_outcome outcome;
  bool has_step;
  double step;
  size_t n_values, n_metrics;
  double values[CL_TELLING_VALUES_MAX];
  struct clade_metric metrics[CL_TELLING_METRICS_MAX]; /* names borrow from the words or the object */
};

/* VALUE and NAME=NUMBER words, added to *ret. The words are cut at their first =. 0, or CLADE_EINVAL with a
 * sentence. */
int cl_cli_telling_words(int n, char **words, struct cl_cli_telling *ret, struct cl_err *e);

/* {"trial", "state", "value" or "values", "metrics": {}, "step"}: each may be absent; others are refused.
 * *ret borrows from the object. 0, or CLADE_EINVAL with a sentence. */
int cl_cli_telling_json(const json_t *object, struct cl_cli_telling *ret, struct cl_err *e);

/* Carry it out. *ret_stop: of a report, the trial is to leave off. As clade_trial_end and clade_trial_report.
 */
int cl_cli_tell(struct clade_study *study, int64_t trial, const struct cl_cli_telling *t, bool *ret_stop,
                struct cl_err *e);

#endif
