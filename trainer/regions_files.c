/* Regions as files of a directory: the durable form of what is handed over in memory. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "trainer/regions.h"

static int fail_file(const char *what, const char *directory, const char *name, struct cl_err *e) {
  int cause = errno;
  return CL_FAIL_CAUSE(e, CLADE_EIO, cause, "cannot %s %s/%s: %s", what, directory, name, strerror(cause));
}

static int open_directory(const char *directory, int *ret, struct cl_err *e) {
  *ret = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return *ret < 0 ? fail_file("open", directory, "", e) : 0;
}

bool cl_trainer_regions_is_state(const char *path) {
  struct stat info;
  if (stat(path, &info) < 0) return false;
  if (S_ISREG(info.st_mode)) return true;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool is = fd >= 0 && fstatat(fd, CL_REGIONS_FILE, &info, 0) == 0 && S_ISREG(info.st_mode);
  if (fd >= 0) (void)close(fd);
  return is;
}

/* --- writing ----------------------------------------------------------------------------------------- */

static int write_all(int fd, const char *bytes, size_t n) {
  while (n > 0) {
    ssize_t written = write(fd, bytes, n);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -1;
    bytes += written;
    n -= (size_t)written;
  }
  return 0;
}

static int write_file(int parent, const char *directory, const char *name, const char *bytes, size_t n,
                      struct cl_err *e) {
  int fd = openat(parent, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0) return fail_file("write", directory, name, e);
  int status = write_all(fd, bytes, n) < 0 ? fail_file("write", directory, name, e) : 0;
  if (close(fd) < 0 && status == 0) status = fail_file("write", directory, name, e);
  return status;
}

/* The list last: a directory without it holds no state. */
int cl_trainer_regions_write(const struct cl_trainer_regions *r, const char *directory, struct cl_err *e) {
  struct cl_text text = {0};
  int fd = -1;
  assert(r->n > 0);
  CL_TRY(open_directory(directory, &fd, e));
  int status = cl_regions_write(&text, r->items, r->n, false, e);
  for (size_t i = 0; i < r->n && status == 0; i++)
    status = write_file(fd, directory, r->items[i].file, r->memory[i], (size_t)r->items[i].bytes, e);
  if (status == 0) status = write_file(fd, directory, CL_REGIONS_FILE, text.bytes, text.length, e);
  (void)close(fd);
  cl_text_done(&text);
  return status;
}

/* --- reading ----------------------------------------------------------------------------------------- */

static int read_all(int fd, char *bytes, size_t n) {
  while (n > 0) {
    ssize_t got = read(fd, bytes, n);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = EIO;
    if (got <= 0) return -1;
    bytes += got;
    n -= (size_t)got;
  }
  return 0;
}

static int check_file(int parent, const char *directory, const struct cl_region *region, struct cl_err *e) {
  struct stat info;
  if (fstatat(parent, region->file, &info, AT_SYMLINK_NOFOLLOW) < 0)
    return fail_file("read", directory, region->file, e);
  if (S_ISREG(info.st_mode) && info.st_size == region->bytes) return 0;
  return CL_FAIL(e, CLADE_ECORRUPT, "%s/%s has %lld bytes instead of %lld", directory, region->file,
                 (long long)info.st_size, (long long)region->bytes);
}

static int read_file(int parent, const char *directory, const struct cl_region *region, void *memory,
                     struct cl_err *e) {
  int fd = openat(parent, region->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return fail_file("read", directory, region->file, e);
  int status = 0;
  if (read_all(fd, memory, (size_t)region->bytes) < 0) status = fail_file("read", directory, region->file, e);
  (void)close(fd);
  return status;
}

static int read_list(int parent, const char *directory, struct cl_regions *ret, struct cl_err *e) {
  struct stat info;
  int fd = openat(parent, CL_REGIONS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return fail_file("read", directory, CL_REGIONS_FILE, e);
  char *text = NULL;
  int status = fstat(fd, &info) < 0 ? fail_file("read", directory, CL_REGIONS_FILE, e) : 0;
  if (status == 0 && (!S_ISREG(info.st_mode) || info.st_size >= CL_REGIONS_TEXT_MAX))
    status = CL_FAIL(e, CLADE_ECORRUPT, "%s/" CL_REGIONS_FILE " is no list of regions", directory);
  if (status == 0 && (text = cl_alloc((size_t)info.st_size + 1)) == NULL) status = CL_FAIL_NOMEM(e);
  if (status == 0 && read_all(fd, text, (size_t)info.st_size) < 0)
    status = fail_file("read", directory, CL_REGIONS_FILE, e);
  if (status == 0) status = cl_regions_read(text, (size_t)info.st_size, false, 0, ret, e);
  cl_free(text);
  (void)close(fd);
  return status;
}

/* All files are measured before the first region is changed. */
static int read_files(struct cl_trainer_regions *r, int parent, const char *directory,
                      const struct cl_regions *state, struct cl_err *e) {
  for (size_t i = 0; i < r->n; i++) {
    const struct cl_region *from = cl_trainer_regions_match(r, i, state);
    if (from != NULL) CL_TRY(check_file(parent, directory, from, e));
  }
  for (size_t i = 0; i < r->n; i++) {
    const struct cl_region *from = cl_trainer_regions_match(r, i, state);
    if (from != NULL) CL_TRY(read_file(parent, directory, from, r->memory[i], e));
    r->loaded[i] = from != NULL;
  }
  return 0;
}

int cl_trainer_regions_read(struct cl_trainer_regions *r, const char *directory, struct cl_err *e) {
  struct cl_regions state = {0};
  int fd = -1;
  CL_TRY(open_directory(directory, &fd, e));
  int status = read_list(fd, directory, &state, e);
  if (status == 0) status = read_files(r, fd, directory, &state, e);
  cl_regions_done(&state);
  (void)close(fd);
  return status;
}
