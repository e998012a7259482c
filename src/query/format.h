/* Formats of cells, as Python writes them behind a colon, and three of XT's.
 *
 *   [[fill]align][sign][0][width][,|_][.precision][type]     align < > ^ =, sign + - or a blank,
 *                                                            type d e E f F g G n s %
 *   $bz blank if zero, $do date only, $to time only (local time zone)
 */
#ifndef CL_FORMAT_H
#define CL_FORMAT_H

#include "query/table.h"

#define CL_FORMAT_WIDTH_MAX     200
#define CL_FORMAT_PRECISION_MAX 100

enum cl_format_special { CL_FORMAT_PYTHON = 0, CL_FORMAT_BLANK_ZERO, CL_FORMAT_DATE, CL_FORMAT_TIME };

struct cl_format {
  enum cl_format_special special;
  char fill[5];                  /* one character of UTF-8; "" = a blank */
  char align, sign, group, type; /* '\0' = not said */
  int width, precision;          /* precision -1 = not said */
};

/* The whole text as a format. CLADE_EINVAL naming it and the limit that it exceeds. */
int cl_format_parse(const char *text, struct cl_format *ret, struct cl_err *e);

/* Write a value in the format. False, and nothing written, where it is left to the usual rules: a blank cell,
 * $bz of what is not zero, a time in a format of numbers. A number that is not whole is not cut by `d`, a
 * text not by a format of numbers. */
bool cl_format_write(const struct cl_format *f, enum cl_column_type type, struct cl_value v,
                     struct cl_text *ret);

#endif
