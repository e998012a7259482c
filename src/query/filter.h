/* Conditions on the rows of a listing: "lr<0.01", "state == COMPLETE", "metrics.loss <= 0.2 and hparams.opt
 * != sgd".
 *
 * One condition is `property operator value`; several are joined by ` and `. Operators: = == < <= > >= != <>,
 * and :regex: and :exists: (with $true, $false or nothing behind it). Values: numbers, text with or without
 * quotes, and $none $true $false $exists $empty. A blank cell meets no condition but = $none, :exists: $false
 * and != of something; `= $exists` is :exists:. Numbers and text are never equal; texts are ordered naturally
 * (run2 < run10).
 *
 * Regular expressions are those of base/regex.h, found anywhere in the text.
 */
#ifndef CL_FILTER_H
#define CL_FILTER_H

#include "query/column.h"

#define CL_FILTER_CONDITIONS_MAX 100

struct cl_filter;

/* Parse over the columns of a catalogue. Gives *ret; free with cl_filter_destroy. CLADE_EINVAL naming what is
 * wrong and the nearest; CLADE_ENOMEM. */
int cl_filter_parse(const char *text, const struct cl_catalogue *catalogue, struct cl_filter **ret,
                    struct cl_err *e);
void cl_filter_destroy(struct cl_filter *f); /* null is allowed */

/* The columns it looks at: 0…n - 1. */
size_t cl_filter_conditions(const struct cl_filter *f);
const struct cl_column *cl_filter_column(const struct cl_filter *f, size_t i);

/* Does condition i hold for this cell of its column? */
bool cl_filter_holds(const struct cl_filter *f, size_t i, struct cl_value cell);

#endif
