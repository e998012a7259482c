/* Regular expressions that people write, in Perl's syntax (PCRE2): \d, \b, lazy repetitions, look-around and
 * named groups included.
 *
 * What takes long is given up: some expressions take time exponential in the text. (The C library's own take
 * that to be compiled already: forty plus signs in a row, or a few \b within repetitions.)
 */
#ifndef CL_BASE_REGEX_H
#define CL_BASE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define CL_REGEX_BYTES_MAX 1000       /* of the expression as it is written */
#define CL_REGEX_STEPS_MAX 1000000    /* of one search, some 10 ms; beyond that nothing is found */
#define CL_REGEX_KIB_MAX   (16 << 10) /* of memory for one search */

struct cl_regex;

struct cl_regex_span {
  size_t begin, end; /* of the text; equal and SIZE_MAX: the group took no part */
};

/* Gives *ret; free it with cl_regex_destroy. CLADE_EINVAL for an expression that is wrong, longer than
 * CL_REGEX_BYTES_MAX or larger than 64 KiB once it is compiled (repetitions written out); CLADE_ENOMEM. */
int cl_regex_create(const char *pattern, struct cl_regex **ret, struct cl_err *e);
void cl_regex_destroy(struct cl_regex *r); /* null is allowed */

int cl_regex_groups(const struct cl_regex *r); /* how many, named ones included */

/* The first match in the n bytes of `text` that begins at or behind `from` <= n (behind the character, if
 * that is within one); what stands before it is seen by ^ and \b. ret[0] is the match, ret[1…n_spans - 1] its
 * groups. Bytes that are no UTF-8 match nothing. False: there is none, or it takes more than the limits
 * allow. Not for two threads at a time. */
bool cl_regex_find(const struct cl_regex *r, const char *text, size_t n, size_t from,
                   struct cl_regex_span *ret, int n_spans);

#endif
