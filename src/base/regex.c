#include "base/regex.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/alloc.h"

struct cl_regex {
  pcre2_general_context *memory;
  pcre2_match_context *limits;
  pcre2_code *code;
  pcre2_match_data *match; /* where the last search has put what it found */
};

static void *take_memory(size_t n, void *ctx) {
  (void)ctx;
  return cl_alloc(n);
}

static void give_memory(void *bytes, void *ctx) {
  (void)ctx;
  cl_free(bytes);
}

void cl_regex_destroy(struct cl_regex *r) {
  if (r == NULL) return;
  pcre2_match_data_free(r->match);
  pcre2_code_free(r->code);
  pcre2_match_context_free(r->limits);
  pcre2_general_context_free(r->memory);
  cl_free(r);
}

static int compile(struct cl_regex *r, const char *pattern, size_t n, struct cl_err *e) {
  const uint32_t options =
      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
  int cause = 0;
  size_t at = 0;
  pcre2_compile_context *how = pcre2_compile_context_create(r->memory);
  if (how == NULL) return CL_FAIL_NOMEM(e);
  r->code = pcre2_compile((PCRE2_SPTR)pattern, n, options, &cause, &at, how);
  pcre2_compile_context_free(how);
  if (r->code != NULL) return 0;
  if (cause == PCRE2_ERROR_HEAP_FAILED) return CL_FAIL_NOMEM(e);
  char why[200];
  (void)pcre2_get_error_message(cause, (PCRE2_UCHAR *)why, sizeof why);
  return CL_FAIL(e, CLADE_EINVAL, "'%.200s' is not a regular expression: %s (behind %zu bytes of it)",
                 pattern, why, at);
}

static int make(struct cl_regex *r, const char *pattern, size_t n, struct cl_err *e) {
  r->memory = pcre2_general_context_create(take_memory, give_memory, NULL);
  r->limits = r->memory == NULL ? NULL : pcre2_match_context_create(r->memory);
  if (r->limits == NULL) return CL_FAIL_NOMEM(e);
  (void)pcre2_set_match_limit(r->limits, CL_REGEX_STEPS_MAX);
  (void)pcre2_set_heap_limit(r->limits, CL_REGEX_KIB_MAX);
  CL_TRY(compile(r, pattern, n, e));
  r->match = pcre2_match_data_create_from_pattern(r->code, r->memory);
  if (r->match == NULL) return CL_FAIL_NOMEM(e);
  /* The first search takes the memory that most searches need. */
  int found = pcre2_match(r->code, (PCRE2_SPTR) "", 0, 0, 0, r->match, r->limits);
  return found == PCRE2_ERROR_NOMEMORY ? CL_FAIL_NOMEM(e) : 0;
}

int cl_regex_create(const char *pattern, struct cl_regex **ret, struct cl_err *e) {
  size_t n = strlen(pattern);
  if (n > CL_REGEX_BYTES_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "a regular expression has up to %d bytes, not %zu: %.40s...",
                   CL_REGEX_BYTES_MAX, n, pattern);
  struct cl_regex *r = cl_alloc(sizeof *r);
  if (r == NULL) return CL_FAIL_NOMEM(e);
  int status = make(r, pattern, n, e);
  if (status < 0)
    cl_regex_destroy(r);
  else
    *ret = r;
  return status;
}

int cl_regex_groups(const struct cl_regex *r) {
  uint32_t n = 0;
  (void)pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &n);
  assert(n <= CL_REGEX_BYTES_MAX);
  return (int)n;
}

bool cl_regex_find(const struct cl_regex *r, const char *text, size_t n, size_t from,
                   struct cl_regex_span *ret, int n_spans) {
  assert(from <= n && n_spans >= 0);
  while (from < n && ((unsigned char)text[from] & 0xC0) == 0x80) from++;
  int found = pcre2_match(r->code, (PCRE2_SPTR)text, n, from, 0, r->match, r->limits);
  if (found < 0) return false;
  const size_t *spans = pcre2_get_ovector_pointer(r->match);
  assert(found >= 1 && found <= cl_regex_groups(r) + 1);
  for (int i = 0; i < n_spans; i++) {
    ret[i] = (struct cl_regex_span){SIZE_MAX, SIZE_MAX};
    if (i < found) ret[i] = (struct cl_regex_span){spans[2 * i], spans[2 * i + 1]};
  }
  return true;
}
