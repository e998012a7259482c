/* The one way to make an error (CL_FAIL) and to pass one on (CL_TRY). Nothing else fills a struct cl_err. */
#ifndef CL_ERR_H
#define CL_ERR_H

#include "clade/error.h"

/* Fill *e (may be null) and return `code`. The format must name the value, the limit and the remedy.
 *
 *   return CL_FAIL(e, CLADE_EINVAL, "slots is %d, but must be between 1 and %d", n, MAX);
 */
#define CL_FAIL(e, code, ...) CL_FAIL_CAUSE((e), (code), 0, __VA_ARGS__)

/* As CL_FAIL, with the errno (or library code) that caused it. Does not add strerror: write it into the
 * sentence. */
#ifndef __clang_analyzer__
#define CL_FAIL_CAUSE(e, code, cause, ...) cl_err_set((e), (code), (cause), __FILE__, __LINE__, __VA_ARGS__)
#else /* shows the analyser which value comes back, so that it follows CL_TRY */
#define CL_FAIL_CAUSE(e, code, cause, ...) \
  (cl_err_set((e), (code), (cause), __FILE__, __LINE__, __VA_ARGS__) ? (code) : (code))
#endif

#define CL_FAIL_NOMEM(e) CL_FAIL((e), CLADE_ENOMEM, "out of memory")

/* Return from the calling function with the status of `expr` if that is an error. */
#define CL_TRY(expr) \
  do { \
    int cl_try_status = (expr); \
    if (cl_try_status < 0) return cl_try_status; \
  } while (0)

int cl_err_set(struct cl_err *e, int code, int cause, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Put words before the sentence: "spec.yaml:3:7: " + text. Keeps code and cause. Returns e->code
 * (CLADE_EINVAL if e is null: whoever needs the status then keeps it). */
int cl_err_prefix(struct cl_err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A state that cannot be reached unless this program is wrong; kept in release builds for coverage reports.
 */
#define CL_NEVER(cond) __builtin_expect(!!(cond), 0)

#endif
