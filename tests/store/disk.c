#include "store/disk.h"

#include <assert.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "base/file.h"

struct disk_file {
  sqlite3_file base;
  const char *path; /* SQLite keeps it as long as the file is open */
  sqlite3_file *real;
};

static sqlite3_vfs *real_vfs;
static const struct disk_watcher *watcher;

static int judge(struct disk_event ev) {
  return watcher == NULL || watcher->judge == NULL ? SQLITE_OK : watcher->judge(&ev);
}

#define JUDGE(...) \
  do { \
    int judged = judge((struct disk_event){__VA_ARGS__}); \
    if (judged != SQLITE_OK) return judged; \
  } while (0)

/* The methods of a file. */

static const char *path_of(sqlite3_file *f) {
  return ((struct disk_file *)f)->path;
}

static sqlite3_file *real_of(sqlite3_file *f) {
  return ((struct disk_file *)f)->real;
}

static int file_close(sqlite3_file *f) {
  return real_of(f)->pMethods->xClose(real_of(f));
}

static int file_read(sqlite3_file *f, void *to, int n, sqlite3_int64 offset) {
  JUDGE(.call = DISK_READ, .path = path_of(f), .offset = offset, .n = n);
  return real_of(f)->pMethods->xRead(real_of(f), to, n, offset);
}

static int file_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 offset) {
  JUDGE(.call = DISK_WRITE, .path = path_of(f), .bytes = from, .offset = offset, .n = n);
  return real_of(f)->pMethods->xWrite(real_of(f), from, n, offset);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size) {
  JUDGE(.call = DISK_TRUNCATE, .path = path_of(f), .n = size);
  return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int file_sync(sqlite3_file *f, int flags) {
  JUDGE(.call = DISK_SYNC, .path = path_of(f));
  if (watcher != NULL && watcher->skip_syncs) return SQLITE_OK;
  return real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *ret) {
  JUDGE(.call = DISK_SIZE, .path = path_of(f));
  return real_of(f)->pMethods->xFileSize(real_of(f), ret);
}

static int file_lock(sqlite3_file *f, int level) {
  JUDGE(.call = DISK_LOCK, .path = path_of(f), .n = level);
  return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int file_unlock(sqlite3_file *f, int level) {
  return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int file_is_reserved(sqlite3_file *f, int *ret) {
  return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret);
}

static int file_control(sqlite3_file *f, int what, void *arg) {
  return real_of(f)->pMethods->xFileControl(real_of(f), what, arg);
}

static int file_sector_size(sqlite3_file *f) {
  return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int file_characteristics(sqlite3_file *f) {
  return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int file_map(sqlite3_file *f, int region, int size, int extend, void volatile **ret) {
  JUDGE(.call = DISK_MAP, .path = path_of(f), .n = region);
  return real_of(f)->pMethods->xShmMap(real_of(f), region, size, extend, ret);
}

static int file_shared_lock(sqlite3_file *f, int offset, int n, int flags) {
  return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void file_barrier(sqlite3_file *f) {
  real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int file_unmap(sqlite3_file *f, int remove) {
  return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_is_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_map,
    .xShmLock = file_shared_lock,
    .xShmBarrier = file_barrier,
    .xShmUnmap = file_unmap,
};

/* The methods of the VFS. */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags) {
  (void)vfs;
  struct disk_file *d = (struct disk_file *)f;
  f->pMethods = NULL;
  JUDGE(.call = DISK_OPEN, .path = name, .changed = name != NULL && !cl_path_exists(name));
  d->path = name;
  d->real = (sqlite3_file *)(d + 1);
  int code = real_vfs->xOpen(real_vfs, name, d->real, flags, ret_flags);
  f->pMethods = d->real->pMethods == NULL ? NULL : &methods;
  return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int with_directory) {
  (void)vfs;
  if (cl_path_exists(name)) JUDGE(.call = DISK_DELETE, .path = name, .synced = with_directory != 0);
  return real_vfs->xDelete(real_vfs, name, 0);
}

static sqlite3_vfs disk_vfs;

static void make_vfs(void) {
  if (real_vfs != NULL) return;
  real_vfs = sqlite3_vfs_find(NULL);
  assert(real_vfs != NULL);
  disk_vfs = *real_vfs; /* all that is not replaced is passed on: it does not look at its own struct */
  disk_vfs.zName = "disk";
  disk_vfs.pNext = NULL;
  disk_vfs.szOsFile = (int)sizeof(struct disk_file) + real_vfs->szOsFile;
  disk_vfs.xOpen = vfs_open;
  disk_vfs.xDelete = vfs_delete;
  if (sqlite3_vfs_register(&disk_vfs, 1) != SQLITE_OK) abort();
}

void disk_watch(const struct disk_watcher *w) {
  make_vfs();
  watcher = w;
}
