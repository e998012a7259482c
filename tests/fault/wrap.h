/* Calls that are failed by name. The linker (--wrap=NAME) sends every call of NAME in what is linked
 * statically to __wrap_NAME, and __real_NAME is the true one. Whoever includes this has `static bool
 * fails(const char *name, int cause)` before the first use: is it to fail now, with that errno?
 */
#ifndef CL_FAULT_WRAP_H
#define CL_FAULT_WRAP_H

#include <fcntl.h>
#include <stdarg.h>

#define CL_FAULT_WRAP(type, name, failed, cause, parameters, arguments) \
  type __real_##name parameters; \
  type __wrap_##name parameters; \
  type __wrap_##name parameters { \
    return fails(#name, cause) ? (failed) : __real_##name arguments; \
  }

/* open and openat take a mode when they create. */
#define CL_FAULT_TAKE_MODE(flags, mode) \
  va_list args; \
  va_start(args, flags); \
  mode_t mode = (flags)&O_CREAT ? va_arg(args, mode_t) : 0; \
  va_end(args)

#define CL_FAULT_WRAP_OPEN(cause) \
  int __real_open64(const char *path, int flags, ...); \
  int __wrap_open64(const char *path, int flags, ...); \
  int __wrap_open64(const char *path, int flags, ...) { \
    CL_FAULT_TAKE_MODE(flags, mode); \
    return fails("open64", cause) ? -1 : __real_open64(path, flags, mode); \
  }

#endif
