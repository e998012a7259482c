/* Conditions on the rows of a listing: "lr<0.01", "state == COMPLETE", "metrics.loss <= 0.2 and hparams.opt
 * != sgd".
 *
 * One condition is `property operator value`; several are joined by ` and `. Operators: = == < <= > >= != <>,
 * and :regex: and :exists: (with $true, $false or nothing behind it). Values: numbers, text with or without
 * quotes, and $none $true $false $empty. A blank cell meets no condition but = $none, and != of something
 * else. Numbers and text are never equal; texts are ordered naturally (run2 < run10).
 */
#ifndef CL_FILTER_H
#define CL_FILTER_H

#include "query/column.h"

struct cl_filter;

/* Parse over the columns of a study. `metrics`: those known by name; a metric that is not known there is
 * unknown. Gives *ret; free with cl_filter_destroy. CLADE_EINVAL naming what is wrong and the nearest;
 * CLADE_ENOMEM. */
int cl_filter_parse(const char *text, const struct cl_study *study, const struct cl_metric_names *metrics,
                    struct cl_filter **ret, struct cl_err *e);
void cl_filter_destroy(struct cl_filter *f); /* null is allowed */

/* Does it look at metrics other than the objective's reduced value? Then rows need their record. */
bool cl_filter_needs_metrics(const struct cl_filter *f);

bool cl_filter_holds(const struct cl_filter *f, const struct cl_study *study, const struct cl_trial_row *row,
                     const struct cl_value *values);

#endif
