/* UTF-8, a sequence at a time. Whole texts: cl_text_is_utf8 in base/text.h. */
#ifndef CL_UTF8_H
#define CL_UTF8_H

#include <stddef.h>

/* Bytes of the sequence that begins the n bytes of p, 1 to 4; 0: there is none (cut, overlong, a surrogate,
 * above U+10FFFF). */
size_t cl_utf8_sequence(const unsigned char *p, size_t n);

#endif
