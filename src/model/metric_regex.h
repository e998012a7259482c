/* The expression that finds metrics in a program's output (`metric: {regex: …}`, --metric-regex). */
#ifndef CL_METRIC_REGEX_H
#define CL_METRIC_REGEX_H

#include "base/regex.h"

/* Gives *ret; free it with cl_regex_destroy. CLADE_ESPEC when `pattern` is no expression of base/regex.h with
 * one group (the value) or two (name and value); CLADE_ENOMEM. */
int cl_metric_regex_create(const char *pattern, struct cl_regex **ret, struct cl_err *e);
int cl_metric_regex_check(const char *pattern, struct cl_err *e); /* would that work? The same errors */

#endif
