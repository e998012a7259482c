#include "net/gz.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"

#define STEP ((size_t)1 << 20) /* bytes asked for at a time */

/* Append the rest of the file to *bytes. */
static int read_all(gzFile file, const char *path, size_t max, char **bytes, size_t *size, struct cl_err *e) {
  size_t capacity = 0;
  for (;;) {
    if (cl_grow(bytes, &capacity, *size + STEP + 1, 1) < 0) return CL_FAIL_NOMEM(e);
    int n = gzread(file, *bytes + *size, (unsigned)STEP);
    int code = 0;
    const char *text = gzerror(file, &code);
    if (n < 0 || (code != Z_OK && code != Z_STREAM_END))
      return CL_FAIL_CAUSE(e, CLADE_EIO, code, "'%s' is %s (%s): fetch it again", path,
                           code == Z_BUF_ERROR ? "cut off" : "damaged",
                           code == Z_ERRNO ? strerror(errno) : text);
    if (n == 0) return 0;
    *size += (size_t)n;
    if (*size > max)
      return CL_FAIL(e, CLADE_ELIMIT, "'%s' unpacks to more than %zu bytes, the limit for this kind of file",
                     path, max);
  }
}

int net_gz_read(const char *path, size_t max, char **ret, size_t *ret_size, struct cl_err *e) {
  gzFile file = gzopen(path, "rbe");
  if (file == NULL)
    return CL_FAIL_CAUSE(e, errno == ENOENT ? CLADE_ENOTFOUND : CLADE_EIO, errno, "cannot read '%s': %s",
                         path, errno == 0 ? "out of memory" : strerror(errno));
  char *bytes = NULL;
  size_t size = 0;
  int status = read_all(file, path, max, &bytes, &size, e);
  (void)gzclose_r(file);
  if (status < 0) {
    cl_free(bytes);
    return status;
  }
  bytes[size] = '\0';
  *ret = bytes;
  *ret_size = size;
  return 0;
}
