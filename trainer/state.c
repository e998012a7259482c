/* Walks a directory tree by descriptors, so that no path is ever built. */
#include "trainer/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 32 };

int cl_trainer_state_create(const char *path, struct cl_err *e) {
  struct stat info;
  if (mkdir(path, 0777) == 0) return 0;
  if (errno == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return 0;
  return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot make the directory %s: %s", path, strerror(errno));
}

static int fail_file(const char *name, struct cl_err *e) {
  int cause = errno;
  return CL_FAIL_CAUSE(e, CLADE_EIO, cause, "cannot read or sync %s: %s", name, strerror(cause));
}

static int sync_file(int parent, const char *name, struct cl_err *e) {
  int fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return fail_file(name, e);
  int status = fsync(fd) < 0 ? fail_file(name, e) : 0;
  (void)close(fd);
  return status;
}

struct measure {
  bool sync;
  int64_t bytes;
};

static int measure_directory(struct measure *m, int parent, const char *name, int depth, struct cl_err *e);

static int measure_entry(struct measure *m, int parent, const char *name, int depth, struct cl_err *e) {
  struct stat info;
  if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) < 0) return fail_file(name, e);
  if (S_ISDIR(info.st_mode)) return measure_directory(m, parent, name, depth + 1, e);
  if (!S_ISREG(info.st_mode)) return 0;
  m->bytes += info.st_size;
  return m->sync ? sync_file(parent, name, e) : 0;
}

static int measure_directory(struct measure *m, int parent, const char *name, int depth, struct cl_err *e) {
  if (depth > DEPTH_MAX) return CL_FAIL(e, CLADE_ELIMIT, "directories are nested deeper than %d", DEPTH_MAX);
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return fail_file(name, e);
  DIR *directory = fdopendir(fd);
  if (directory == NULL) {
    (void)close(fd);
    return fail_file(name, e);
  }
  int status = 0;
  while (status == 0) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    if (entry == NULL) break;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    status = measure_entry(m, fd, entry->d_name, depth, e);
  }
  if (status == 0 && errno != 0) status = fail_file(name, e);
  if (status == 0 && m->sync && fsync(fd) < 0) status = fail_file(name, e);
  (void)closedir(directory);
  return status;
}

int cl_trainer_state_measure(const char *path, bool sync, int64_t *ret_bytes, struct cl_err *e) {
  struct measure m = {.sync = sync};
  CL_TRY(measure_directory(&m, AT_FDCWD, path, 0, e));
  *ret_bytes = m.bytes;
  return 0;
}
