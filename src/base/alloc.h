/* Memory: the only place that calls malloc. Every call can fail and every caller checks.
 *
 * Tests link tests/fault/alloc.c in its place, which fails the Nth call.
 */
#ifndef CL_ALLOC_H
#define CL_ALLOC_H

#include <stddef.h>

/* n zeroed bytes, or null. n = 0 gives a valid pointer. Gives; free with cl_free. */
void *cl_alloc(size_t n);

/* count * size zeroed bytes, or null (also when the product overflows). */
void *cl_alloc_array(size_t count, size_t size);

/* Grow or shrink; new bytes are not zeroed. On failure null, and p stays valid. */
void *cl_resize(void *p, size_t n);

void cl_free(void *p); /* null is allowed */

/* A copy of text, or null. Gives. cl_copy_text(null) is null. */
char *cl_copy_text(const char *text);
char *cl_copy_bytes(const char *text, size_t n); /* adds a terminating zero */

/* Make room for `need` elements of `size` bytes (>= 1) in the array *items (capacity *cap; null exactly while
 * that is 0): doubles. 0 or -1 (no memory; array unchanged). */
int cl_grow(void *items, size_t *cap, size_t need, size_t size);

#endif
