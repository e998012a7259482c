/* The args of decisions: what schedulers write into the log, and read when it is folded again. */
#ifndef CL_ARGS_H
#define CL_ARGS_H

#include <jansson.h>

/* NaN: there is no such number. `args` may be null. */
double cl_args_number(const json_t *args, const char *key);

#endif
