/* XT's search expressions (origins B2, B3): what stands in brackets on a command line, or bare in a file. */
#ifndef CL_EXPRESSION_H
#define CL_EXPRESSION_H

#include "spec/definition.h"

/* Where the text of an expression stands, for complaints. */
struct cl_expression_place {
  size_t at;
  bool exact; /* byte i of the text is byte at + i of the source; otherwise only `at` is known */
};

/* The inside of brackets: one function, one range, files by *, or a list. Fills d->h apart from its name
 * (which must be set). `here`: directory for file patterns, null where these are plain text. */
int cl_expression_read(const struct cl_reader *r, const char *text, struct cl_expression_place place,
                       const char *here, struct cl_definition *d, struct cl_err *e);

/* Does a bare text look like an expression (a call of a known form or lo:hi), rather than a constant? */
bool cl_expression_is(const char *text);

#endif
