/* Bytes in, lines out. Given-out bytes are dropped at the next add, so a line stays valid until then. */
#include "wire/lines.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

void cl_lines_done(struct cl_lines *l) {
  cl_free(l->bytes);
  *l = (struct cl_lines){0};
}

int cl_lines_add(struct cl_lines *l, const char *bytes, size_t n, struct cl_err *e) {
  assert(l->begin <= l->searched && l->searched <= l->end && l->end <= l->capacity);
  if (l->begin > 0) {
    memmove(l->bytes, l->bytes + l->begin, l->end - l->begin);
    l->end -= l->begin;
    l->searched -= l->begin;
    l->begin = 0;
  }
  if (cl_grow(&l->bytes, &l->capacity, l->end + n, 1) < 0) return CL_FAIL_NOMEM(e);
  if (n > 0) memcpy(l->bytes + l->end, bytes, n);
  l->end += n;
  return 0;
}

static int fail_long(size_t n, size_t max, struct cl_err *e) {
  return CL_FAIL(e, CLADE_ELIMIT, "a line has %zu bytes or more, but the limit is %zu", n, max);
}

int cl_lines_next(struct cl_lines *l, size_t max, const char **ret, size_t *ret_n, struct cl_err *e) {
  assert(l->begin <= l->searched && l->searched <= l->end);
  size_t rest = l->end - l->searched;
  const char *newline = rest == 0 ? NULL : memchr(l->bytes + l->searched, '\n', rest);
  if (newline == NULL) {
    l->searched = l->end;
    if (l->end - l->begin > max) return fail_long(l->end - l->begin, max, e);
    return CLADE_EMPTY;
  }
  const char *line = l->bytes + l->begin;
  size_t n = (size_t)(newline - line);
  if (n > max) return fail_long(n, max, e);
  l->begin += n + 1;
  l->searched = l->begin;
  *ret = line;
  *ret_n = n;
  return 0;
}
