#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *cl_alloc(size_t n) {
  return calloc(1, n ? n : 1);
}

void *cl_alloc_array(size_t count, size_t size) {
  return calloc(count ? count : 1, size ? size : 1);
}

void *cl_resize(void *p, size_t n) {
  return realloc(p, n ? n : 1);
}

void cl_free(void *p) {
  free(p);
}
