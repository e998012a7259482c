/* Memory that is given back all at once: for results of parsing, whose parts live exactly as long as the
 * whole.
 *
 * Zero-initialised = empty. Pointers stay valid until cl_arena_done.
 */
#ifndef CL_ARENA_H
#define CL_ARENA_H

#include <stddef.h>

struct cl_arena_block;
struct cl_arena {
  struct cl_arena_block *last;
};

/* n zeroed bytes, aligned for every type, or null. */
void *cl_arena_alloc(struct cl_arena *a, size_t n);

/* count * size zeroed bytes, or null (also when the product overflows). */
void *cl_arena_array(struct cl_arena *a, size_t count, size_t size);

/* A copy with a zero byte at its end, or null. */
char *cl_arena_bytes(struct cl_arena *a, const char *bytes, size_t n);
char *cl_arena_text(struct cl_arena *a, const char *text); /* null for null */

/* printf into the arena; null without memory. */
char *cl_arena_format(struct cl_arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

void cl_arena_done(struct cl_arena *a); /* frees all; the arena is empty and can be used again */

#endif
