/* The words of a JSON line: blanks, punctuation, texts, scalars. Strict, bounded by the line's end. */
#ifndef CL_WIRE_SCAN_H
#define CL_WIRE_SCAN_H

#include "wire/message.h"

struct cl_scan {
  const char *begin, *at, *end;
  struct cl_message_memory *memory; /* its bytes have room for end - begin; texts are put there */
};

/* Skip blanks; then the next byte, or 0 at the end. */
char cl_scan_peek(struct cl_scan *s);

/* Skip blanks and the byte c. CLADE_EPROTOCOL naming c and what stands there instead. */
int cl_scan_expect(struct cl_scan *s, char c, const char *where, struct cl_err *e);

/* A text in quotes, decoded and ended by a zero byte. CLADE_EPROTOCOL: not UTF-8, a zero byte, a bare
 * control character, an unknown escape, half a surrogate pair, no closing quote. */
int cl_scan_text(struct cl_scan *s, const char **ret, struct cl_err *e);

/* null, true, false, a number, a text. An integer outside 64 bits is a float. CLADE_EPROTOCOL: something
 * else, a number that JSON does not know, is longer than 64 characters or outside a double. */
int cl_scan_scalar(struct cl_scan *s, struct cl_wire_value *ret, struct cl_err *e);

/* Any JSON value, thrown away. CLADE_EPROTOCOL: nested deeper than 8, or not JSON. */
int cl_scan_skip(struct cl_scan *s, struct cl_err *e);

/* Make the error "byte N: <what>, but found <what stands at s->at>". */
int cl_scan_fail(const struct cl_scan *s, const char *what, struct cl_err *e);

#endif
