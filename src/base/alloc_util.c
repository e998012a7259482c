/* What is built on the allocator: copies and growing arrays. */
#include "base/alloc.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

char *cl_copy_bytes(const char *text, size_t n) {
  assert(text != NULL || n == 0);
  char *copy = cl_alloc(n + 1);
  if (copy != NULL && n > 0) memcpy(copy, text, n);
  return copy;
}

char *cl_copy_text(const char *text) {
  return text == NULL ? NULL : cl_copy_bytes(text, strlen(text));
}

int cl_grow(void *items, size_t *cap, size_t need, size_t size) {
  assert(size > 0);
  if (need <= *cap) return 0;
  size_t want = *cap < 8 ? 8 : *cap;
  while (want < need) {
    if (want > SIZE_MAX / 2) return -1;
    want *= 2;
  }
  if (want > SIZE_MAX / size) return -1;
  void *old = NULL;
  memcpy(&old, items, sizeof old);
  assert((old == NULL) == (*cap == 0));
  assert(want >= need && want > *cap);
  void *grown = cl_resize(old, want * size);
  if (grown == NULL) return -1;
  memcpy(items, &grown, sizeof grown);
  *cap = want;
  return 0;
}
