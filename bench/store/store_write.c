/* Writing: cycles of ask and tell per second, one commit each or in batches, in memory and on disk, durable
 * against power cuts beside the disk's own limit; reports per second; bytes per finished trial and report.
 *
 *   store_write [--dir DIR] [--n CYCLES]
 */
#include <sqlite3.h>

#include "base/alloc.h"
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
                   "PRAGMA page_size = 2048; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA "
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

enum { RUNNING = 16, CURVE = 100 };

/* RUNNING trials report in turn, CURVE reports each; then the next ones start. */
static void bench_reports(const char *dir, bool memory, long n, int batch) {
  struct bench b;
  bench_open(&b, dir, memory, CL_SYNC_NORMAL);
  struct cl_err e = {0};
  struct cl_event *events = cl_alloc_array((size_t)batch, sizeof *events);
  struct cl_append *results = cl_alloc_array((size_t)batch, sizeof *results);
  struct cl_metric *metrics = cl_alloc_array((size_t)batch, sizeof *metrics);
  if (events == NULL || results == NULL || metrics == NULL) exit(1);
  double took = 0, cpu = 0;
  long done = 0, disk = 0;
  while (done < n) {
    bench_cycles(&b, RUNNING, 1); /* ended already: a report after that is late, so start them again below */
    int64_t first = b.trials - RUNNING + 1;
    for (int i = 0; i < RUNNING; i++) {
      struct cl_event ev = {
          .kind = CL_EVENT_PROPOSED, .subject = ++b.trials, .by = 1, .cause = CL_CAUSE_SEARCH};
      ev.u.proposed.role = CL_ROLE_SEARCH;
      struct cl_event start = {.kind = CL_EVENT_STARTED, .subject = b.trials, .by = 1, .attempt = 1};
      start.seen = CL_SEEN_BATCH;
      start.u.started.until = CL_NO_STEP;
      struct cl_event both[] = {ev, start};
      struct cl_append two[2];
      bench_check(cl_store_append(b.store, b.study, both, 2, two, &e), &e);
    }
    first += RUNNING;
    if (!memory) disk -= bench_disk_bytes(&b);
    double start = bench_seconds(), cpu_start = bench_cpu_seconds();
    for (int r = 0; r < RUNNING * CURVE; r += batch) {
      for (int i = 0; i < batch; i++) {
        int at = r + i;
        metrics[i] = (struct cl_metric){0, "loss", cl_rng_uniform(&b.rng)};
        events[i] =
            (struct cl_event){.kind = CL_EVENT_REPORTED, .subject = first + at % RUNNING, .attempt = 1};
        events[i].by = 1;
        events[i].time_ms = (int64_t)(1e3 * (bench_seconds() - b.start));
        events[i].u.reported.ordinal = at / RUNNING + 1;
        events[i].u.reported.step = at / RUNNING + 1;
        events[i].u.reported.metrics = (struct cl_metric_list){1, &metrics[i]};
      }
      bench_check(cl_store_append(b.store, b.study, events, batch, results, &e), &e);
      bench_check(results[batch - 1].status, &e);
    }
    took += bench_seconds() - start;
    cpu += bench_cpu_seconds() - cpu_start;
    if (!memory) disk += bench_disk_bytes(&b);
    done += RUNNING * CURVE;
  }
  (void)printf(
      "{\"bench\": \"reports\", \"store\": \"%s\", \"batch\": %d, \"reports\": %ld, \"per_s\": %.0f, \"per_cpu_s\": %.0f",
      memory ? "memory" : "sqlite", batch, done, (double)done / took, (double)done / cpu);
  if (!memory) (void)printf(", \"bytes_each\": %.1f", (double)disk / (double)done);
  (void)printf("}\n");
  cl_free(events);
  cl_free(results);
  cl_free(metrics);
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
  bench_reports(dir, true, n * 10, 100);
  bench_reports(dir, false, n * 10, 100);
  bench_reports(dir, false, n * 10, 800);
  return 0;
}
