/* Numbers for people: columns of numbers, durations, ages, sizes. */
#ifndef CL_VIEW_NUMBER_H
#define CL_VIEW_NUMBER_H

#include <stdint.h>

#include "view/style.h"

#define CL_VIEW_EXPONENT   (-1) /* in place of decimals: as 1.25e-19 */
#define CL_VIEW_NUMBER_MAX 64   /* room for any text below */

/* What is known of the numbers of a column. Start from all zero. */
struct cl_view_range {
  bool fraction; /* one is not whole */
  double smallest, largest,
      lowest; /* least non-zero magnitude, greatest magnitude, most negative; 0 = none */
};
void cl_view_range_add(struct cl_view_range *r, double x); /* non-finite ones are left out */

/* Decimals that show all numbers of the range: none for whole ones; else the fewest, at least 3, at which the
 * smallest non-zero magnitude shows two significant digits. CL_VIEW_EXPONENT where that would need more than
 * 15 decimals, a magnitude from 1e15 on stands beside fractions, or one from 1e17 on: doubles have no digits
 * there. */
int cl_view_decimals(const struct cl_view_range *r);

/* Write x with `decimals`; "nan", "inf", "-inf". `buffer` has CL_VIEW_NUMBER_MAX bytes; returns buffer. */
const char *cl_view_number(double x, int decimals, char *buffer);

/* A number alone, in the shortest form with at most `digits` significant digits: 0.931, 12, 1.2e-05. */
const char *cl_view_short(double x, int digits, char *buffer);

/* 0.4 s, 12 s, 3:04, 1:02:45, 3 d 04:10; "-" for NaN and negative ones. */
const char *cl_view_duration(double seconds, char *buffer);

/* h:mm:ss as listings show it, with two decimals of a second below one minute: 0:00:03.25. */
const char *cl_view_clock(double seconds, char *buffer);

/* 2026-02-07 14:03:05 in the local time zone; and as RFC 3339 in UTC with milliseconds. */
const char *cl_view_time(int64_t wall_ms, char *buffer);
const char *cl_view_rfc3339(int64_t wall_ms, char *buffer);

/* 512 B, 1.5 KiB, 20 MiB. */
const char *cl_view_bytes(double n, char *buffer);

#endif
