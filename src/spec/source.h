/* A text with a name, and the one way to complain about a place in it.
 *
 * A complaint reads
 *   spec.yaml:6:13: the upper bound 0.001 is below the lower bound 0.1
 *       range: [0.1, 0.001]
 *                    ^
 *   expected: [lower, upper], as in `range: [1.0e-5, 1.0]`
 *
 * A text that `--set` has changed remembers the text before it, so that lines are counted in the user's file;
 * a place inside what was put in is shown as that option.
 */
#ifndef CL_SOURCE_H
#define CL_SOURCE_H

#include <stdarg.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

struct cl_source {
  const char *name; /* "spec.yaml", "argument 4"; borrowed, as all pointers here */
  const char *text; /* n bytes and a zero byte */
  size_t n;
  bool one_line; /* an argument: places are columns only */

  const struct cl_source *before; /* null: nothing was changed */
  size_t at, removed, added;      /* text[at, at+added) replaced before->text[at, at+removed) */
  const char *option;             /* the whole assignment, "search.gamma=0.3" */
};

/* Line and column (both from 1; columns count characters) of byte `at` (at most n), in the user's own text.
 * Returns false, and 0 for both, for a place that came from an option. */
bool cl_source_position(const struct cl_source *s, size_t at, int *ret_line, int *ret_column);
size_t cl_source_line_start(const struct cl_source *s, size_t at); /* first byte of the line of `at` */

/* "spec.yaml:6:13", "argument 4, column 7", or "--set search.gamma=0.3". */
void cl_source_name_place(const struct cl_source *s, size_t at, struct cl_text *ret);

/* Byte of line and column (from 1, in characters); beyond a line's end: its end. For texts without option. */
size_t cl_source_offset(const struct cl_source *s, int line, int column);

/* Fill *e with the complaint above, code CLADE_ESPEC, and return that. `expected` may be null. */
int cl_source_fail(const struct cl_source *s, size_t at, const char *expected, struct cl_err *e,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Put place and source line around the sentence that stands in *e already; keeps its code and returns it. */
int cl_source_blame(const struct cl_source *s, size_t at, const char *expected, struct cl_err *e);

#endif
