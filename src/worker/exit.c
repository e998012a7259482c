#include "worker/exit.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/file.h"

void cl_exit_usage(const struct cl_exit *x, char *ret, size_t n) {
  assert(n >= 200);
  (void)snprintf(ret, n, "{\"seconds\":%.6f,\"user\":%.6f,\"system\":%.6f,\"max_rss\":%lld", x->seconds,
                 x->user_s, x->system_s, (long long)x->max_rss_bytes);
}

/* Behind what the lock file says of its holder. */
static bool write_to_lock(int lock, const char *line, size_t n, const char *path) {
  char name[40];
  if (lock < 0 || lseek(lock, 0, SEEK_END) < 0 || write(lock, line, n) != (ssize_t)n) return false;
  (void)snprintf(name, sizeof name, "/proc/self/fd/%d", lock);
  if (linkat(AT_FDCWD, name, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0) return true;
  (void)unlink(path); /* of before; not written to, as it may be the lock file */
  return linkat(AT_FDCWD, name, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

int cl_exit_write(const char *directory, int lock, const struct cl_exit *x, struct cl_err *e) {
  char path[4096], usage[200], line[320];
  if ((size_t)snprintf(path, sizeof path, "%s/" CL_EXIT_FILE, directory) >= sizeof path - 32)
    return CL_FAIL(e, CLADE_ELIMIT, "the path '%s' is longer than 4000 bytes", directory);
  cl_exit_usage(x, usage, sizeof usage);
  int n = snprintf(line, sizeof line, "{\"status\":%d,\"signal\":%d,\"usage\":%s}}\n", x->status, x->signal,
                   usage);
  assert(n > 0 && (size_t)n < sizeof line);
  if (write_to_lock(lock, line, (size_t)n, path)) return 0;
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  ssize_t written = fd < 0 ? -1 : write(fd, line, (size_t)n);
  int cause = errno;
  if (fd >= 0) (void)close(fd);
  if (written == n) return 0;
  return CL_FAIL_CAUSE(e, CLADE_EIO, cause, "cannot write '%s': %s", path, strerror(cause));
}

int cl_exit_read(const char *directory, struct cl_exit *ret, struct cl_err *e) {
  char *path = cl_path_join(directory, CL_EXIT_FILE), *text = NULL;
  if (path == NULL) return CL_FAIL_NOMEM(e);
  json_t *node = NULL, *usage = NULL;
  int status_code = 0, signal = 0;
  json_int_t rss = 0;
  struct cl_exit x = {0};
  const char *last = NULL;
  size_t n = 0;
  int status = cl_file_read(path, 65536, &text, &n, e);
  if (status < 0) goto out;
  if (n == 0 || text[n - 1] != '\n') {
    status = CL_FAIL(e, CLADE_ENOTFOUND, "'%s' is not written yet", path);
    goto out;
  }
  text[n - 1] = '\0';
  last = memrchr(text, '\n', n - 1);
  last = last == NULL ? text : last + 1;
  node = json_loads(last, 0, NULL);
  if (node == NULL ||
      json_unpack(node, "{s:i,s:i,s?o}", "status", &status_code, "signal", &signal, "usage", &usage) < 0) {
    status = CL_FAIL(e, CLADE_ECORRUPT, "'%s' is not the record of an exit: '%.80s'", path, last);
    goto out;
  }
  (void)json_unpack(usage, "{s?F,s?F,s?F,s?I}", "seconds", &x.seconds, "user", &x.user_s, "system",
                    &x.system_s, "max_rss", &rss);
  x.status = status_code;
  x.signal = signal;
  x.max_rss_bytes = rss;
  *ret = x;
out:
  json_decref(node);
  cl_free(text);
  cl_free(path);
  return status;
}
