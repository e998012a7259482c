#include "base/file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"

enum { FIRST_READ = 8192 }; /* most files are small; room doubles from there */

int cl_file_read(const char *path, size_t max, char **ret, size_t *ret_size, struct cl_err *e) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return CL_FAIL_CAUSE(e, errno == ENOENT ? CLADE_ENOTFOUND : CLADE_EIO, errno, "cannot read '%s': %s",
                         path, strerror(errno));
  int status = CLADE_EIO;
  char *bytes = NULL;
  size_t size = 0, cap = 0;
  for (;;) {
    if (cl_grow(&bytes, &cap, size + FIRST_READ, 1) < 0) {
      status = CL_FAIL_NOMEM(e);
      goto out;
    }
    ssize_t n = read(fd, bytes + size, cap - size - 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot read '%s': %s", path, strerror(errno));
      goto out;
    }
    if (n == 0) break;
    size += (size_t)n;
    if (size > max) {
      status = CL_FAIL(e, CLADE_ELIMIT, "'%s' has more than %zu bytes, the limit for this kind of file", path,
                       max);
      goto out;
    }
  }
  assert(size < cap && size <= max);
  bytes[size] = '\0';
  *ret = bytes;
  if (ret_size != NULL) *ret_size = size;
  bytes = NULL;
  status = 0;
out:
  cl_free(bytes);
  (void)close(fd);
  return status;
}

int cl_file_write_all(int fd, const char *bytes, size_t n, const char *name, struct cl_err *e) {
  assert(fd >= 0 && (bytes != NULL || n == 0));
  while (n > 0) {
    ssize_t written = write(fd, bytes, n);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot write '%s': %s", name, strerror(errno));
    assert((size_t)written <= n);
    bytes += written;
    n -= (size_t)written;
  }
  return 0;
}

int cl_file_write(const char *path, const char *bytes, size_t n, bool sync, struct cl_err *e) {
  char beside[4096];
  if ((size_t)snprintf(beside, sizeof beside, "%s.new.%d", path, (int)getpid()) >= sizeof beside)
    return CL_FAIL(e, CLADE_ELIMIT, "the path '%.100s…' is longer than 4000 bytes: choose a shorter one",
                   path);
  int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot create '%s': %s", beside, strerror(errno));
  int status = cl_file_write_all(fd, bytes, n, beside, e);
  if (status == 0 && sync && fsync(fd) < 0)
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot sync '%s': %s", beside, strerror(errno));
  if (close(fd) < 0 && status == 0)
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot write '%s': %s", beside, strerror(errno));
  if (status == 0 && rename(beside, path) < 0)
    status =
        CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot rename '%s' to '%s': %s", beside, path, strerror(errno));
  if (status < 0) (void)unlink(beside);
  return status;
}

int cl_dir_create(const char *path, struct cl_err *e) {
  char *copy = cl_copy_text(path);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  int status = 0;
  for (char *p = copy + (copy[0] == '/'); status == 0; p++) {
    if (*p != '/' && *p != '\0') continue;
    char end = *p;
    *p = '\0';
    if (mkdir(copy, 0777) < 0 && errno != EEXIST)
      status =
          CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot create the directory '%s': %s", copy, strerror(errno));
    *p = end;
    if (end == '\0') break;
  }
  cl_free(copy);
  return status;
}

static int remove_at(int parent, const char *name, int depth) {
  if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return -1;
  assert(depth >= 0);
  if (depth > 100) {
    errno = ELOOP;
    return -1;
  }
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  DIR *dir = fdopendir(fd);
  if (dir == NULL) {
    (void)close(fd);
    return -1;
  }
  int status = 0;
  struct dirent *entry;
  while (status == 0 && (entry = readdir(dir)) != NULL)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      status = remove_at(fd, entry->d_name, depth + 1);
  int cause = errno;
  (void)closedir(dir);
  errno = cause;
  return status < 0 ? status : unlinkat(parent, name, AT_REMOVEDIR);
}

int cl_dir_remove(const char *path, struct cl_err *e) {
  if (remove_at(AT_FDCWD, path, 0) < 0)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot remove '%s': %s", path, strerror(errno));
  return 0;
}

void cl_dir_spread(const char *path, bool spread) {
  struct statfs fs;
  int flags = 0, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  if (fstatfs(fd, &fs) == 0 && fs.f_type == EXT4_SUPER_MAGIC && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 &&
      !(flags & FS_TOPDIR_FL) == spread) {
    flags ^= FS_TOPDIR_FL;
    (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
  }
  (void)close(fd);
}

int cl_dir_sync(const char *path, struct cl_err *e) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int status = 0;
  if (fd < 0 || fsync(fd) < 0)
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot sync the directory '%s': %s", path, strerror(errno));
  if (fd >= 0) (void)close(fd);
  return status;
}

static int take_lock(const char *path, mode_t mode, bool wait, int *ret_fd, struct cl_err *e) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode);
  if (fd < 0)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot open the lock file '%s': %s", path, strerror(errno));
  int got;
  do got = flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
  while (got < 0 && errno == EINTR);
  if (got < 0) {
    int cause = errno;
    (void)close(fd);
    if (cause == EWOULDBLOCK) return CLADE_BUSY;
    return CL_FAIL_CAUSE(e, CLADE_EIO, cause, "cannot lock '%s': %s", path, strerror(cause));
  }
  *ret_fd = fd;
  return 0;
}

int cl_lock_take(const char *path, bool wait, int *ret_fd, struct cl_err *e) {
  return take_lock(path, 0666, wait, ret_fd, e);
}

int cl_lock_take_private(const char *path, int *ret_fd, struct cl_err *e) {
  return take_lock(path, 0600, false, ret_fd, e);
}

void cl_lock_release(int fd) {
  assert(fd >= 0);
  (void)close(fd);
}

bool cl_path_exists(const char *path) {
  return access(path, F_OK) == 0;
}

char *cl_path_join(const char *a, const char *b) {
  if (b[0] == '/' || a[0] == '\0') return cl_copy_text(b);
  size_t n = strlen(a) + strlen(b) + 2;
  char *path = cl_alloc(n);
  if (path != NULL) (void)snprintf(path, n, "%s%s%s", a, a[strlen(a) - 1] == '/' ? "" : "/", b);
  assert(path == NULL || strlen(path) < n);
  return path;
}

const char *cl_path_network(const char *path) {
  static const struct {
    unsigned long magic;
    const char *name;
  } network[] = {{0x6969, "NFS"},        {0xFF534D42, "CIFS"}, {0xFE534D42, "SMB2"},   {0x517B, "SMB"},
                 {0x0BD00BD0, "Lustre"}, {0x47504653, "GPFS"}, {0x19830326, "BeeGFS"}, {0x00C36400, "Ceph"},
                 {0x5346414F, "AFS"},    {0x01021997, "9P"},   {0x65735546, "FUSE"},   {0xAAD7AAEA, "PanFS"}};
  char *copy = cl_copy_text(path);
  if (copy == NULL) return NULL;
  const char *name = NULL;
  struct statfs fs = {0};
  char *at = copy;
  while (statfs(at, &fs) < 0 && errno == ENOENT) {
    char *up = dirname(at);
    if (strcmp(up, at) == 0 && (strcmp(up, "/") == 0 || strcmp(up, ".") == 0)) break;
    at = up;
  }
  for (size_t i = 0; i < sizeof network / sizeof *network; i++)
    if ((unsigned long)fs.f_type == network[i].magic) name = network[i].name;
  cl_free(copy);
  return name;
}
