/* Where workers' sockets and buffers stand: directories of one user with names by chance, and what engines
 * that were killed have left there. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "worker/worker_impl.h"

enum { RANDOM = 4 /* bytes, of a name */, DESERTED_S = 3600, SWEPT_MAX = 200 };

int cl_worker_make_directory(const char *base, const char *middle, char **ret) {
  unsigned char random[RANDOM];
  char name[60], path[100];
  if (getrandom(random, sizeof random, 0) != sizeof random) return -1;
  (void)snprintf(name, sizeof name, "%02x%02x%02x%02x", random[0], random[1], random[2], random[3]);
  assert(base[0] == '/');
  int n = snprintf(path, sizeof path, "%s/clade-%s%s", base, middle, name);
  if (n < 0 || (size_t)n > 90 || mkdir(path, 0700) < 0) return -1; /* a socket's path has at most 107 bytes */
  *ret = cl_copy_text(path);
  return *ret == NULL ? -1 : 0;
}

static bool is_ours(const char *name, const char *middle) {
  static const char first[] = "clade-";
  size_t n = strlen(middle);
  if (strncmp(name, first, strlen(first)) != 0 || strncmp(name + strlen(first), middle, n) != 0) return false;
  const char *random = name + strlen(first) + n;
  return strspn(random, "0123456789abcdef") == (size_t)2 * RANDOM && random[2 * RANDOM] == '\0';
}

/* A worker listens as soon as it has made its socket, so that one which has stood for an hour and refuses has
 * none. */
static bool is_deserted(const char *directory, const struct sockaddr_un *at) {
  struct stat info;
  if (lstat(directory, &info) < 0 || !S_ISDIR(info.st_mode) || info.st_uid != getuid()) return false;
  if (cl_clock_wall_ms() / 1000 - info.st_mtime < DESERTED_S) return false;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  bool refused = connect(fd, (const struct sockaddr *)at, sizeof *at) < 0 && errno == ECONNREFUSED;
  (void)close(fd);
  return refused;
}

/* Engines that were killed could not take their sockets away. */
static void sweep(const char *base, const char *middle) {
  DIR *dir = opendir(base);
  int left = SWEPT_MAX; /* each costs a connection; the next engine takes the others */
  for (struct dirent *entry; dir != NULL && left > 0 && (entry = readdir(dir)) != NULL;) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char path[100];
    if (!is_ours(entry->d_name, middle)) continue;
    int n = snprintf(path, sizeof path, "%s/%s", base, entry->d_name);
    if (n < 0 || (size_t)n >= sizeof path) continue;
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/s", path);
    left--;
    if (!is_deserted(path, &at)) continue;
    (void)unlink(at.sun_path);
    (void)rmdir(path);
  }
  if (dir != NULL) (void)closedir(dir);
}

int cl_worker_choose_place(char **ret, struct cl_err *e) {
  const char *runtime = getenv("XDG_RUNTIME_DIR");
  char user[20];
  (void)snprintf(user, sizeof user, "%u-", (unsigned)getuid());
  if (runtime != NULL && runtime[0] == '/' && cl_worker_make_directory(runtime, "", ret) == 0) {
    sweep(runtime, "");
    return 0;
  }
  for (int tries = 0; tries < 10; tries++)
    if (cl_worker_make_directory("/tmp", user, ret) == 0) {
      sweep("/tmp", user);
      return 0;
    }
  return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "no directory for the worker's socket can be made in /tmp: %s",
                       strerror(errno));
}
