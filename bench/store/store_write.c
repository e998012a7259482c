/* Writing: cycles of ask and tell per second, one commit each or in batches, in memory and on disk, durable
 * against power cuts beside the disk's own limit; reports per second; bytes per finished trial and report.
 *
 *   store_write [--dir DIR] [--n CYCLES]
 */
#include <sqlite3.h>

#include "bench.h"

static void bench_ask_tell(const char *dir, const char *store, bool memory, long n, int batch) {
  struct bench b;
  bench_open(&b, dir, memory, CL_SYNC_NORMAL);
  double start = bench_seconds(), cpu = bench_cpu_seconds();
  bench_cycles(&b, n, batch);
  double took = bench_seconds() - start;
  cpu = bench_cpu_seconds() - cpu;
  (void)printf(
      "{\"bench\": \"ask_tell\", \"store\": \"%s\", \"sync\": \"normal\", \"batch\": %d, \"cycles\": %ld, "
      "\"per_s\": %.0f, \"per_cpu_s\": %.0f",
      store, batch, n, (double)n / took, (double)n / cpu);
  if (!memory) (void)printf(", \"bytes_per_trial\": %.1f", (double)bench_disk_bytes(&b) / (double)n);
  (void)printf("}\n");
  bench_close(&b);
}

/* What SQLite itself gives for a commit of one small row: the limit of the cycles above. */
static void bench_sqlite_limit(const char *dir, long n) {
  struct bench b;
  bench_open(&b, dir, false, CL_SYNC_NORMAL);
  char path[300];
  (void)snprintf(path, sizeof path, "%s/limit.db", b.dir);
  sqlite3 *db = NULL;
  sqlite3_stmt *insert = NULL;
  if (sqlite3_open(path, &db) != SQLITE_OK ||
      sqlite3_exec(db,
                   "PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA "
                   "wal_autocheckpoint = 4000; CREATE TABLE t (k INTEGER PRIMARY KEY, a, b)",
                   NULL, NULL, NULL) != SQLITE_OK ||
      sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?, ?, ?)", -1, &insert, NULL) != SQLITE_OK)
    exit(1);
  double start = bench_seconds(), cpu = bench_cpu_seconds();
  for (long i = 0; i < n; i++) {
    (void)sqlite3_bind_int64(insert, 1, i);
    (void)sqlite3_bind_double(insert, 2, 0.5 * (double)i);
    if (sqlite3_step(insert) != SQLITE_DONE) exit(1);
    (void)sqlite3_reset(insert);
  }
  (void)printf("{\"bench\": \"limit\", \"what\": \"sqlite commits of one row\", \"per_s\": %.0f, "
               "\"per_cpu_s\": %.0f}\n",
               (double)n / (bench_seconds() - start), (double)n / (bench_cpu_seconds() - cpu));
  (void)sqlite3_finalize(insert);
  (void)sqlite3_close(db);
  bench_close(&b);
}

static void bench_full(const char *dir, long n) {
  struct bench b;
  double limit = bench_fdatasync_rate(dir, (int)n * 2);
  bench_open(&b, dir, false, CL_SYNC_FULL);
  bench_cycles(&b, n / 4, 1); /* the write-ahead log has been written once, as it will be most of the time */
  double start = bench_seconds();
  bench_cycles(&b, n, 1);
  double commits = 2.0 * (double)n / (bench_seconds() - start);
  double again = bench_fdatasync_rate(dir, (int)n * 2);
  limit = 0.5 * (limit + again);
  (void)printf("{\"bench\": \"full\", \"store\": \"sqlite\", \"sync\": \"full\", \"commits_per_s\": %.0f, "
               "\"fdatasync_per_s\": %.0f, \"share\": %.2f}\n",
               commits, limit, commits / limit);
  bench_close(&b);
}

static void bench_reports_of(const char *dir, bool memory, long n, int batch) {
  struct bench b;
  bench_open(&b, dir, memory, CL_SYNC_NORMAL);
  bench_write_reports(&b, n, batch);
  bench_close(&b);
}

int main(int argc, char **argv) {
  const char *dir = bench_dir(argc, argv);
  long n = bench_number(argc, argv, "--n", 60000);
  bench_ask_tell(dir, "memory", true, 10 * n, 1);
  bench_ask_tell(dir, "sqlite", false, n, 1);
  bench_ask_tell(dir, "sqlite", false, n * 5, 100);
  bench_sqlite_limit(dir, n);
  bench_full(dir, n / 20);
  bench_reports_of(dir, true, n * 10, 100);
  bench_reports_of(dir, false, n * 10, 100);
  bench_reports_of(dir, false, n * 10, 800);
  return 0;
}
