/* The files of SQLite, looked over: a VFS in front of the real one tells of what is done to them, and lets
 * calls fail. It becomes the standard VFS of the process with disk_watch. */
#ifndef CL_TEST_STORE_DISK_H
#define CL_TEST_STORE_DISK_H

#include <stdbool.h>
#include <stdint.h>

enum disk_call {
  DISK_OPEN,   /* changed: the file was made */
  DISK_DELETE, /* synced: with its directory */
  DISK_READ,
  DISK_WRITE,
  DISK_TRUNCATE, /* n: the new size */
  DISK_SYNC,
  DISK_SIZE,
  DISK_LOCK,
  DISK_MAP, /* the shared memory of a write-ahead log */
  DISK_CALLS
};

struct disk_event {
  enum disk_call call;
  const char *path; /* null: a file without a name */
  const void *bytes;
  int64_t offset, n;
  bool changed, synced;
};

struct disk_watcher {
  /* Called before anything is done. Not SQLITE_OK: nothing is done, and that is the result. May be null. */
  int (*judge)(const struct disk_event *ev);
  bool skip_syncs; /* nothing is synced in truth: the disk of the tests is slow enough without */
};

/* Null: everything is passed on. The watcher must outlive its time. */
void disk_watch(const struct disk_watcher *watcher);

#endif
