/* Regular expressions that people write: POSIX extended ones, compiled by the C library within limits.
 *
 * The C library writes repetitions out before it matches: a{9} is nine copies of a, a+ two (a and a*), so
 * each further one around it multiplies what is there: forty plus signs in a row would take all memory. And a
 * back-reference makes matching exponential. Both are refused here.
 */
#ifndef CL_BASE_REGEX_H
#define CL_BASE_REGEX_H

#include <regex.h>

#include "base/err.h"

#define CL_REGEX_BYTES_MAX 1000 /* of the expression as it is written */
#define CL_REGEX_SIZE_MAX  2000 /* characters, brackets and operators with all repetitions written out */

/* As regcomp with REG_EXTENDED and `flags`. After 0 *ret is the caller's: free it with regfree. Else it is
 * untouched: CLADE_EINVAL for an expression that is wrong, longer than CL_REGEX_BYTES_MAX, larger than
 * CL_REGEX_SIZE_MAX, or that refers back; CLADE_ENOMEM. Cost O(CL_REGEX_SIZE_MAX^2) at most. */
int cl_regex_compile(const char *pattern, int flags, regex_t *ret, struct cl_err *e);

#endif
