/* Walks a directory tree by descriptors, so that no path is ever built. */
#include "trainer/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

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

static int remove_directory(int parent, const char *name, int depth, struct cl_err *e);

static int remove_entry(int parent, const char *name, int depth, struct cl_err *e) {
  if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return 0;
  if (errno == EISDIR) return remove_directory(parent, name, depth + 1, e);
  return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot remove %s: %s", name, strerror(errno));
}

static int remove_directory(int parent, const char *name, int depth, struct cl_err *e) {
  if (depth > DEPTH_MAX) return CL_FAIL(e, CLADE_ELIMIT, "directories are nested deeper than %d", DEPTH_MAX);
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return fail_file(name, e);
  DIR *directory = fdopendir(fd);
  if (directory == NULL) {
    (void)close(fd);
    return fail_file(name, e);
  }
  int status = 0;
  for (const struct dirent *entry; status == 0 && (entry = readdir(directory)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    status = remove_entry(fd, entry->d_name, depth, e);
  }
  (void)closedir(directory);
  if (status == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
    status = CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot remove %s: %s", name, strerror(errno));
  return status;
}

int cl_trainer_state_remove(const char *path, struct cl_err *e) {
  return remove_entry(AT_FDCWD, path, 0, e);
}

static int move(const char *from, const char *to, struct cl_err *e) {
  if (rename(from, to) == 0) return 0;
  int cause = errno;
  return CL_FAIL_CAUSE(e, CLADE_EIO, cause, "cannot rename %s to %s: %s", from, to, strerror(cause));
}

int cl_trainer_state_replace(const char *path, struct cl_err *e) {
  struct cl_text part = {0}, old = {0};
  struct stat info;
  cl_text_format(&part, "%s.part", path);
  cl_text_format(&old, "%s.old", path);
  int status = part.failed || old.failed ? CL_FAIL_NOMEM(e) : 0;
  if (status == 0 && lstat(path, &info) == 0) {
    status = cl_trainer_state_remove(old.bytes, e);
    if (status == 0) status = move(path, old.bytes, e);
  }
  if (status == 0) status = move(part.bytes, path, e);
  if (status == 0) status = cl_trainer_state_remove(old.bytes, e);
  cl_text_done(&part);
  cl_text_done(&old);
  return status;
}
