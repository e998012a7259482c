/* Binary search in arrays whose items begin with an int64_t and ascend by it: positions, numbers of trials.
 * Items may be borrowed from anywhere; nothing here fails. Cost O(log n). */
#ifndef CL_BASE_SORTED_H
#define CL_BASE_SORTED_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The first of n items of `size` bytes whose key is not below `key`; n: all are below. */
static inline size_t cl_sorted_place(const void *items, size_t n, size_t size, int64_t key) {
  size_t lo = 0, hi = n;
  assert(size >= sizeof key && (items != NULL || n == 0));
  while (lo < hi) {
    size_t middle = lo + (hi - lo) / 2;
    int64_t found;
    memcpy(&found, (const char *)items + middle * size, sizeof found);
    if (found < key)
      lo = middle + 1;
    else
      hi = middle;
  }
  return lo;
}

/* The item with this key, the first of several; null: there is none. */
static inline const void *cl_sorted_find(const void *items, size_t n, size_t size, int64_t key) {
  size_t at = cl_sorted_place(items, n, size, key);
  if (at == n || items == NULL) return NULL;
  const char *item = (const char *)items + at * size;
  return memcmp(item, &key, sizeof key) == 0 ? item : NULL;
}

#endif
