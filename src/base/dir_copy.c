#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

#define DEPTH_MAX 32

static int fail(const char *what, const char *name, struct cl_err *e) {
  return CL_FAIL_CAUSE(e, errno == ENOMEM ? CLADE_ENOMEM : CLADE_EIO, errno, "cannot %s '%s': %s", what, name,
                       strerror(errno));
}

static int copy_bytes(int from, int to, const char *name, struct cl_err *e) {
  char bytes[65536];
  for (;;) {
    ssize_t n = read(from, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("read", name, e);
    if (n == 0) return 0;
    CL_TRY(cl_file_write_all(to, bytes, (size_t)n, name, e));
  }
}

static int copy_file(int from, int to, const char *name, mode_t mode, struct cl_err *e) {
  assert(S_ISREG(mode));
  int source = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (source < 0) return fail("read", name, e);
  int target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0777);
  int status = target < 0 ? fail("create", name, e) : copy_bytes(source, target, name, e);
  if (status == 0 && fchmod(target, mode & 0777) < 0) /* what the umask has taken away */
    status = fail("set the mode of", name, e);
  if (target >= 0 && close(target) < 0 && status == 0) status = fail("write", name, e);
  (void)close(source);
  return status;
}

static int copy_link(int from, int to, const char *name, struct cl_err *e) {
  char target[4096];
  ssize_t n = readlinkat(from, name, target, sizeof target - 1);
  if (n < 0) return fail("read", name, e);
  assert((size_t)n < sizeof target);
  target[n] = '\0';
  return symlinkat(target, to, name) < 0 ? fail("create", name, e) : 0;
}

static int copy_all(int from, int to, int depth, struct cl_err *e);

static int copy_directory(int from, int to, const char *name, int depth, struct cl_err *e) {
  if (mkdirat(to, name, 0777) < 0) return fail("create", name, e);
  int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  int target = source < 0 ? -1 : openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  int status = source < 0 || target < 0 ? fail("read", name, e) : copy_all(source, target, depth + 1, e);
  if (source >= 0) (void)close(source);
  if (target >= 0) (void)close(target);
  return status;
}

static int copy_entry(int from, int to, const char *name, int depth, struct cl_err *e) {
  struct stat st;
  if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return fail("read", name, e);
  if (S_ISDIR(st.st_mode)) return copy_directory(from, to, name, depth, e);
  if (S_ISREG(st.st_mode)) return copy_file(from, to, name, st.st_mode, e);
  return S_ISLNK(st.st_mode) ? copy_link(from, to, name, e) : 0;
}

/* Entries of the open directory `from` into the open directory `to`. */
static int copy_all(int from, int to, int depth, struct cl_err *e) {
  assert(from >= 0 && to >= 0 && depth >= 0);
  if (depth > DEPTH_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "directories are nested deeper than %d, the limit: move some up",
                   DEPTH_MAX);
  int own = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = own < 0 ? NULL : fdopendir(own);
  if (dir == NULL) {
    int status = fail("read", ".", e);
    if (own >= 0) (void)close(own);
    return status;
  }
  int status = 0;
  while (status == 0) {
    errno = 0; /* the end and a failure are told apart by it alone */
    struct dirent *entry = readdir(dir);
    if (entry == NULL) break;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    status = copy_entry(from, to, entry->d_name, depth, e);
  }
  if (status == 0 && errno != 0) status = fail("list", ".", e);
  (void)closedir(dir);
  return status;
}

int cl_dir_copy(const char *from, const char *to, struct cl_err *e) {
  assert(from != NULL && to != NULL && strcmp(from, to) != 0);
  if (mkdir(to, 0777) < 0)
    return CL_FAIL_CAUSE(e, errno == EEXIST ? CLADE_EEXISTS : CLADE_EIO, errno, "cannot create '%s': %s", to,
                         strerror(errno));
  int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int target = source < 0 ? -1 : open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int status = source < 0 || target < 0 ? fail("read", from, e) : copy_all(source, target, 0, e);
  if (source >= 0) (void)close(source);
  if (target >= 0) (void)close(target);
  if (status < 0) (void)cl_dir_remove(to, NULL);
  return status;
}
