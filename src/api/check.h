/* What the public functions check before anything else. */
#ifndef CL_CHECK_H
#define CL_CHECK_H

#include "clade/run.h"

/* 0, or CLADE_EINVAL naming the value, its limits and the remedy. */
int cl_check_slots(int parallel, struct cl_err *e); /* 0 = not said */
int cl_check_run(const struct clade_run_options *o, struct cl_err *e);

#endif
