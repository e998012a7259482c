/* A disk on which the Nth call fails, once or from then on: an error with a sentence, and what is there
 * afterwards is whole. */
#include "store/kit.h"

#include <sqlite3.h>

#include "base/file.h"
#include "store/disk.h"

static struct {
  enum disk_call call;
  int code; /* what the call says when it fails */
  bool persistent, happened;
  long left; /* calls until then */
} fault;

static int judge(const struct disk_event *ev) {
  if (ev->call != fault.call || fault.left == 0) return SQLITE_OK;
  if (fault.left > 1) {
    fault.left--;
    return SQLITE_OK;
  }
  if (!fault.persistent) fault.left = 0;
  fault.happened = true;
  return fault.code;
}

static void fail_call(enum disk_call call, int code, long nth, bool persistent) {
  fault.call = call;
  fault.code = code;
  fault.persistent = persistent;
  fault.happened = false;
  fault.left = nth;
}

/* Every call of that kind in turn. */
static void fail_each(enum disk_call call, int code, const int *statuses) {
  static const struct disk_watcher watcher = {.judge = judge, .skip_syncs = true};
  struct kit_place p;
  char name[40];
  long failed = 0;
  disk_watch(&watcher);
  for (int persistent = 0; persistent < 2; persistent++) {
    kit_place_init(&p);
    bool happened = true;
    for (long n = 1; happened; n++) {
      struct cl_err e = {0};
      (void)snprintf(name, sizeof name, "study %ld", n / 40); /* some are created, some are there */
      fail_call(call, code, n, persistent);
      int status = kit_live(p.address, name, &e);
      happened = fault.happened;
      fail_call(call, code, 0, false);
      bool expected = status == 0;
      for (const int *s = statuses; *s != 0; s++) expected = expected || (happened && status == *s);
      if (!expected) fail_msg("call %ld failed: %d, %s", n, status, e.text);
      if (status < 0) assert_true(e.text[0] != '\0' && strstr(e.text, p.dir) != NULL);
      failed += happened;
      kit_assert_whole(p.address, name);
    }
    kit_place_done(&p);
  }
  disk_watch(NULL);
  print_message("# %ld calls have failed\n", failed);
  assert_true(failed > 2);
}

static const int io[] = {CLADE_EIO, 0};

static void stores_survive_reads_that_fail(void **state) {
  (void)state;
  /* SQLite takes a file whose first page it cannot read for one of somebody else */
  static const int statuses[] = {CLADE_EIO, CLADE_ECORRUPT, 0};
  fail_each(DISK_READ, SQLITE_IOERR_READ, statuses);
}

static void stores_survive_writes_that_fail(void **state) {
  (void)state;
  fail_each(DISK_WRITE, SQLITE_IOERR_WRITE, io);
}

static void stores_survive_a_disk_that_is_full(void **state) {
  (void)state;
  fail_each(DISK_WRITE, SQLITE_FULL, io);
}

static void stores_survive_syncs_that_fail(void **state) {
  (void)state;
  fail_each(DISK_SYNC, SQLITE_IOERR_FSYNC, io);
}

static void stores_survive_files_that_cannot_be_opened(void **state) {
  (void)state;
  fail_each(DISK_OPEN, SQLITE_CANTOPEN, io);
}

static void stores_survive_locks_that_fail(void **state) {
  (void)state;
  fail_each(DISK_LOCK, SQLITE_IOERR_LOCK, io);
}

static void stores_survive_memory_that_cannot_be_mapped(void **state) {
  (void)state;
  fail_each(DISK_MAP, SQLITE_IOERR_SHMMAP, io);
}

static void stores_survive_sizes_that_cannot_be_had(void **state) {
  (void)state;
  fail_each(DISK_SIZE, SQLITE_IOERR_FSTAT, io);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stores_survive_reads_that_fail),
      cmocka_unit_test(stores_survive_writes_that_fail),
      cmocka_unit_test(stores_survive_a_disk_that_is_full),
      cmocka_unit_test(stores_survive_syncs_that_fail),
      cmocka_unit_test(stores_survive_files_that_cannot_be_opened),
      cmocka_unit_test(stores_survive_locks_that_fail),
      cmocka_unit_test(stores_survive_memory_that_cannot_be_mapped),
      cmocka_unit_test(stores_survive_sizes_that_cannot_be_had),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
