/* What one line of a program's output reports (contracts.md 3). Pure: no files, no log. */
#ifndef CL_OUTPUT_LINE_H
#define CL_OUTPUT_LINE_H

#include "model/event.h"
#include "model/settings.h"

#define CL_OUTPUT_LINE_MAX 65536 /* bytes of a line; longer ones report nothing */

/* Made from settings: names of steps, objectives, hyperparameters, the expression of --metric-regex. */
struct cl_output_rules;

/* Keeps `s`. Gives *ret; free with cl_output_rules_destroy. The errors of
 * cl_metric_regex_create; CLADE_ENOMEM. */
int cl_output_rules_create(const struct cl_settings *s, struct cl_output_rules **ret, struct cl_err *e);
void cl_output_rules_destroy(struct cl_output_rules *r); /* null is allowed */

/* Zeroed before its first use; filled again by each line. */
struct cl_output_report {
  double step; /* CL_NO_STEP: the line names none */
  int n;
  struct cl_metric metrics[CL_METRICS_MAX]; /* names borrow from this struct until it is filled again */
  struct cl_text names;
};
void cl_output_report_done(struct cl_output_report *r);

/* Read a line of n bytes (without its end). 0: *ret is a report. CLADE_EMPTY: the line is none: it holds no
 * objective (with a computed objective: no metric at all). CLADE_ENOMEM.
 *
 * Tokens are `name=number`, `name: number`, `name:number`; the name may stand in quotes and the number in a
 * call: 'loss': tensor(0.5). A name is a letter or _ followed by letters, digits and _ - . / @ %. Colours
 * (ANSI escapes) are skipped. A line that ends with a JSON object gives its numbers instead. Step names count
 * in any case; also `epoch 3`, without a sign between. Objectives, too, when no metric of the line has the
 * exact name. Of a name that stands twice the last counts. Cost O(n). */
int cl_output_line_read(const struct cl_output_rules *r, const char *line, size_t n,
                        struct cl_output_report *ret, struct cl_err *e);

#endif
