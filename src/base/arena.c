/* Blocks in a list, newest first; each allocation is cut from the newest one that has room. */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { FIRST_BLOCK = 4096, ALIGN = alignof(max_align_t) };

struct cl_arena_block {
  struct cl_arena_block *previous;
  size_t size, used;
  alignas(max_align_t) unsigned char bytes[];
};

/* Blocks double, so that their number grows with the logarithm of what is kept. */
static struct cl_arena_block *add_block(struct cl_arena *a, size_t need) {
  _Static_assert(FIRST_BLOCK % ALIGN == 0, "what is cut from a block is aligned");
  assert(need % ALIGN == 0);
  size_t size = a->last == NULL ? FIRST_BLOCK : a->last->size * 2;
  if (size < need) size = need;
  if (size > SIZE_MAX / 4) return NULL;
  struct cl_arena_block *block = cl_alloc(sizeof *block + size);
  if (block == NULL) return NULL;
  assert(block->used == 0 && size >= need);
  block->previous = a->last;
  block->size = size;
  a->last = block;
  return block;
}

void *cl_arena_alloc(struct cl_arena *a, size_t n) {
  if (n > SIZE_MAX / 4) return NULL;
  size_t need = (n + ALIGN - 1) / ALIGN * ALIGN;
  struct cl_arena_block *block = a->last;
  if (block == NULL || block->size - block->used < need) block = add_block(a, need);
  if (block == NULL) return NULL;
  void *p = block->bytes + block->used;
  block->used += need;
  assert(block->used <= block->size && (uintptr_t)p % ALIGN == 0);
  return p;
}

void *cl_arena_array(struct cl_arena *a, size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / size) return NULL;
  return cl_arena_alloc(a, count * size);
}

char *cl_arena_bytes(struct cl_arena *a, const char *bytes, size_t n) {
  assert(bytes != NULL || n == 0);
  char *copy = cl_arena_alloc(a, n + 1);
  if (copy != NULL && n > 0) memcpy(copy, bytes, n);
  return copy;
}

char *cl_arena_text(struct cl_arena *a, const char *text) {
  return text == NULL ? NULL : cl_arena_bytes(a, text, strlen(text));
}

char *cl_arena_format(struct cl_arena *a, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *text = n < 0 ? NULL : cl_arena_alloc(a, (size_t)n + 1);
  int written = text == NULL ? 0 : vsnprintf(text, (size_t)n + 1, format, again);
  assert(text == NULL || written == n);
  (void)written;
  va_end(again);
  return text;
}

void cl_arena_done(struct cl_arena *a) {
  while (a->last != NULL) {
    struct cl_arena_block *block = a->last;
    a->last = block->previous;
    cl_free(block);
  }
}
