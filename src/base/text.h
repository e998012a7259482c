/* Growing text. An append that runs out of memory marks the text as failed and later appends do nothing, so a
 * writer checks once, at the end. */
#ifndef CL_TEXT_H
#define CL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cl_text {
  char *bytes; /* always ends with a zero byte once something was added; null before */
  size_t length, capacity;
  bool failed;
};

void cl_text_done(struct cl_text *t);               /* frees; the struct can be used again */
void cl_text_clear(struct cl_text *t);              /* keeps the memory */
void cl_text_cut(struct cl_text *t, size_t length); /* to its first bytes; nothing when it is no longer */

void cl_text_add(struct cl_text *t, const char *text); /* null adds nothing */
void cl_text_add_bytes(struct cl_text *t, const char *bytes, size_t n);
void cl_text_add_char(struct cl_text *t, char c);
void cl_text_format(struct cl_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The shortest decimal that reads back as the same double ("0.1", "1e-05", "3" for 3.0); nan, inf, -inf as
 * such. */
void cl_text_add_number(struct cl_text *t, double x);

/* As %lld, in a tenth of the time. The second one: at most 21 bytes with the zero behind them, at which it
 * points then; async-signal-safe. */
void cl_text_add_integer(struct cl_text *t, int64_t x);
char *cl_integer_write(char *to, int64_t x);
/* For people: with that many decimals, blanks before it up to `width`. A point in every locale. */
void cl_text_add_fixed(struct cl_text *t, double x, int width, int decimals);

/* As JSON: the string in quotes with escapes; a number, with "nan", "inf", "-inf" in quotes. */
void cl_text_add_json(struct cl_text *t, const char *text);
void cl_text_add_json_number(struct cl_text *t, double x);

/* The text ("" if empty), valid until the next call. */
const char *cl_text_get(const struct cl_text *t);

/* Hand the memory to the caller (free with cl_free), or null if an append failed. The text is empty
 * afterwards. */
char *cl_text_take(struct cl_text *t);

/* Is it UTF-8 without zero bytes, overlong forms and surrogates? */
bool cl_text_is_utf8(const char *bytes, size_t n);

#define CL_NUMBER_TEXT 32 /* room for any number below */
/* As cl_text_add_number into buffer[CL_NUMBER_TEXT]; returns buffer. */
const char *cl_number_text(double x, char *buffer);

/* Whole text as a number: decimal, exponent, nan, inf, -inf; nothing before or after. False if it is none. */
bool cl_text_to_number(const char *text, double *ret);
/* Digits and points at the beginning, as in "90s" or "1.5G": how many bytes the number has, 0 if there is
 * none. */
size_t cl_text_to_leading_number(const char *text, double *ret);
/* A duration: "2h", "90s", "250ms", "1h30m", "1.5d", a bare number of seconds; above 0, at most 1e10 s. */
bool cl_text_to_seconds(const char *text, double *ret);
bool cl_text_to_int(const char *text, int64_t *ret); /* decimal digits with sign, in range of int64 */

/* Distance in single-character edits, for "did you mean". At most 64 characters are looked at. */
int cl_text_distance(const char *a, const char *b);

#endif
