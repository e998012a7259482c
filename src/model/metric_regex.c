#include "model/metric_regex.h"

#include <assert.h>

int cl_metric_regex_create(const char *pattern, struct cl_regex **ret, struct cl_err *e) {
  struct cl_err why = {.text = "it has no group (…) for the value"};
  struct cl_regex *regex = NULL;
  int status = cl_regex_create(pattern, &regex, &why);
  assert((status == 0) == (regex != NULL));
  if (status == CLADE_ENOMEM) return CL_FAIL_NOMEM(e);
  if (status == 0 && cl_regex_groups(regex) >= 1) {
    *ret = regex;
    return 0;
  }
  cl_regex_destroy(regex);
  return CL_FAIL(e, CLADE_ESPEC,
                 "the metric expression '%.300s' cannot be used: %s. It must be an expression in "
                 "Perl's syntax with the groups (name) and (value), or with (value) alone",
                 pattern, why.text);
}

int cl_metric_regex_check(const char *pattern, struct cl_err *e) {
  struct cl_regex *regex = NULL;
  CL_TRY(cl_metric_regex_create(pattern, &regex, e));
  cl_regex_destroy(regex);
  return 0;
}
