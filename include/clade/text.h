/* Memory and text for clients of the library: the terminal programs and bindings build their output with it.
 *
 * A text grows as it is written. An append that runs out of memory marks the text as failed and later appends
 * do nothing, so a writer checks once, at the end. All functions are safe to call from several threads on
 * different texts.
 */
#ifndef CLADE_TEXT_H
#define CLADE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Grow or shrink the block p (null: a new one) to n bytes; new bytes are not zeroed. Null without memory, and
 * p stays valid. Gives; free with clade_free. */
CLADE_API void *clade_resize(void *p, size_t n);
CLADE_API void clade_free(void *p); /* null is allowed */

struct clade_text {
  char *bytes; /* always ends with a zero byte once something was added; null before */
  size_t length, capacity;
  bool failed;
};

CLADE_API void clade_text_done(struct clade_text *t);  /* frees; the struct can be used again */
CLADE_API void clade_text_clear(struct clade_text *t); /* keeps the memory */

CLADE_API void clade_text_add(struct clade_text *t, const char *text); /* null adds nothing */
CLADE_API void clade_text_add_bytes(struct clade_text *t, const char *bytes, size_t n);
CLADE_API void clade_text_add_char(struct clade_text *t, char c);
CLADE_API void clade_text_add_repeat(struct clade_text *t, const char *text, size_t times);
CLADE_API void clade_text_format(struct clade_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The shortest decimal that reads back as the same double ("0.1", "1e-05", "3" for 3.0); nan, inf, -inf. */
CLADE_API void clade_text_add_number(struct clade_text *t, double x);

/* As JSON: a string in quotes with escapes (bytes that are not UTF-8 become U+FFFD; null becomes null); a
 * number, with null for one that is not finite. */
CLADE_API void clade_text_add_json(struct clade_text *t, const char *text);
CLADE_API void clade_text_add_json_number(struct clade_text *t, double x);

/* One field of an RFC 4180 file: in quotes when it holds a comma, a quote or a line break. */
CLADE_API void clade_text_add_csv(struct clade_text *t, const char *text);

/* The text ("" if empty), valid until the next call. */
CLADE_API const char *clade_text_get(const struct clade_text *t);

/* Whole text as a number: decimal, exponent, nan, inf, -inf; nothing before or after. False if it is none. */
CLADE_API bool clade_text_to_number(const char *text, double *ret);
CLADE_API bool clade_text_to_int(const char *text,
                                 int64_t *ret); /* decimal digits with sign, in range of int64 */

/* Distance in single-character edits, for "did you mean". At most 64 characters are looked at. */
CLADE_API int clade_text_distance(const char *a, const char *b);

/* Length of the valid UTF-8 sequence at p (n bytes left), and its code point; 0 if there is none. */
CLADE_API size_t clade_text_character(const char *p, size_t n, uint32_t *ret);

#ifdef __cplusplus
}
#endif
#endif
