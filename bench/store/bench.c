#include "bench.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

void bench_check(int status, const struct cl_err *e) {
  if (status >= 0) return;
  (void)fprintf(stderr, "%s\n", e->text);
  exit(1);
}

const char *bench_dir(int argc, char **argv) {
  for (int i = 1; i + 1 < argc; i++)
    if (strcmp(argv[i], "--dir") == 0) return argv[i + 1];
  return "/tmp";
}

long bench_number(int argc, char **argv, const char *option, long standard) {
  int64_t value = standard;
  for (int i = 1; i + 1 < argc; i++)
    if (strcmp(argv[i], option) == 0) (void)cl_text_to_int(argv[i + 1], &value);
  return (long)value;
}

double bench_seconds(void) {
  return 1e-6 * (double)cl_clock_monotonic_us();
}

double bench_cpu_seconds(void) {
  struct timespec t = {0};
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void write_settings(struct cl_text *t, const char *name, const char *more) {
  cl_text_format(t,
                 "{\"study\": \"%s\", \"cwd\": \"/\", \"objectives\": [{\"name\": \"loss\", \"goal\": "
                 "\"minimize\", \"reduce\": \"last\"}], \"hyperparameters\": [",
                 name);
  for (int i = 1; i <= BENCH_WIDTH; i++)
    cl_text_format(t, "%s{\"id\": %d, \"name\": \"x%d\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 1.0}",
                   i == 1 ? "" : ", ", i, i);
  cl_text_format(t, "], \"search\": {\"method\": \"random\"}, \"parallel\": 1, \"limits\": {}, %s}", more);
}

int64_t bench_create(struct bench *b, const char *name, const char *more) {
  char uuid[40];
  (void)snprintf(uuid, sizeof uuid, "a3f0c1d2-0000-4000-8000-%012llx", (unsigned long long)++b->studies);
  struct cl_text settings = {0};
  struct cl_err e = {0};
  write_settings(&settings, name, more == NULL ? "\"origin\": \"api\", \"trials\": 1000000000" : more);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = name;
  ev.u.created.uuid = uuid;
  ev.u.created.settings = cl_text_get(&settings);
  ev.u.created.directory = b->dir;
  ev.u.created.provenance = "{\"created_ms\": 1763700000000, \"clade\": \"0.1.0\", \"cwd\": \"/\"}";
  bench_check(cl_store_create(b->store, &ev, &b->study, &e), &e);
  cl_text_done(&settings);
  b->trials = 0;
  b->position = 1;
  return b->study;
}

static void open_at(struct bench *b, const char *address, enum cl_sync sync) {
  const struct cl_store_options options = {.mode = CL_STORE_CREATE, .sync = sync};
  struct cl_err e = {0};
  bench_check(cl_store_open(address, &options, &b->store, &e), &e);
  (void)bench_create(b, "bench", NULL);
  b->start = bench_seconds();
}

void bench_open(struct bench *b, const char *dir, bool memory, enum cl_sync sync) {
  *b = (struct bench){.rng = cl_rng_stream(2385, CL_RNG_USER, 0, 0)};
  (void)snprintf(b->dir, sizeof b->dir, "%s/clade-bench-XXXXXX", dir);
  if (mkdtemp(b->dir) == NULL) exit(1);
  (void)snprintf(b->path, sizeof b->path, "%s/clade.db", b->dir);
  open_at(b, memory ? "memory:" : b->path, sync);
}

void bench_open_at(struct bench *b, const char *address) {
  *b = (struct bench){.rng = cl_rng_stream(2385, CL_RNG_USER, 0, 0)};
  (void)snprintf(b->path, sizeof b->path, "%s", address);
  open_at(b, address, CL_SYNC_NORMAL);
}

void bench_close(struct bench *b) {
  cl_store_close(b->store);
  (void)cl_dir_remove(b->dir, NULL);
}

long bench_disk_bytes(const struct bench *b) {
  sqlite3 *db = NULL;
  struct stat st = {0};
  if (sqlite3_open(b->path, &db) == SQLITE_OK)
    (void)sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
  (void)sqlite3_close(db);
  return stat(b->path, &st) == 0 ? (long)st.st_size : -1;
}

long bench_resident_kib(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : -1;
}

static int64_t now_ms(const struct bench *b) {
  return (int64_t)(1e3 * (bench_seconds() - b->start));
}

static struct cl_event proposed(struct bench *b, int64_t trial, struct cl_assigned *values) {
  for (int i = 0; i < BENCH_WIDTH; i++)
    values[i] = (struct cl_assigned){i + 1, cl_value_real(cl_rng_uniform(&b->rng))};
  struct cl_event ev = {.kind = CL_EVENT_PROPOSED, .subject = trial, .by = 1, .cause = CL_CAUSE_SEARCH};
  ev.time_ms = now_ms(b);
  ev.as_of = b->position;
  ev.u.proposed.role = CL_ROLE_SEARCH;
  ev.u.proposed.space_version = 1;
  ev.u.proposed.values = (struct cl_assigned_list){BENCH_WIDTH, values};
  return ev;
}

static struct cl_event started(const struct bench *b, int64_t trial) {
  struct cl_event ev = {.kind = CL_EVENT_STARTED, .subject = trial, .by = 1, .cause = CL_CAUSE_CLAIM};
  ev.time_ms = now_ms(b);
  ev.as_of = b->position;
  ev.seen = CL_SEEN_BATCH;
  ev.attempt = 1;
  ev.u.started.worker = 1;
  ev.u.started.until = CL_NO_STEP;
  return ev;
}

static struct cl_event reported(const struct bench *b, int64_t trial, int ordinal,
                                const struct cl_metric *metric) {
  struct cl_event ev = {.kind = CL_EVENT_REPORTED, .subject = trial, .by = 1, .attempt = 1};
  ev.time_ms = now_ms(b);
  ev.u.reported.ordinal = ordinal;
  ev.u.reported.step = ordinal;
  ev.u.reported.metrics = (struct cl_metric_list){1, metric};
  return ev;
}

static struct cl_event ended(const struct bench *b, int64_t trial, const double *value) {
  struct cl_event ev = {.kind = CL_EVENT_ENDED, .subject = trial, .by = 1, .attempt = 1};
  ev.time_ms = now_ms(b);
  ev.u.ended.known = true;
  ev.u.ended.objectives = (struct cl_number_list){1, value};
  return ev;
}

static void append(struct bench *b, struct cl_event *events, struct cl_append *results, int n) {
  struct cl_err e = {0};
  bench_check(cl_store_append(b->store, b->study, events, n, results, &e), &e);
  for (int i = 0; i < n; i++) bench_check(results[i].status, &e);
  b->position = results[n - 1].position;
}

void bench_cycles(struct bench *b, long n, int batch) {
  struct cl_event *events = cl_alloc_array((size_t)batch * 3, sizeof *events);
  struct cl_append *results = cl_alloc_array((size_t)batch * 3, sizeof *results);
  struct cl_assigned *values = cl_alloc_array((size_t)batch * BENCH_WIDTH, sizeof *values);
  double *objectives = cl_alloc_array((size_t)batch, sizeof *objectives);
  if (events == NULL || results == NULL || values == NULL || objectives == NULL) exit(1);
  for (long done = 0; done < n; done += batch) {
    int count = 0;
    for (int i = 0; i < batch; i++) {
      int64_t trial = ++b->trials;
      objectives[i] = cl_rng_uniform(&b->rng);
      events[count++] = proposed(b, trial, values + i * BENCH_WIDTH);
      events[count++] = started(b, trial);
      if (batch == 1) {
        append(b, events, results, count);
        count = 0;
      }
      events[count++] = ended(b, trial, &objectives[i]);
    }
    append(b, events, results, count);
  }
  cl_free(events);
  cl_free(results);
  cl_free(values);
  cl_free(objectives);
}

/* `together` trials at once, one commit for all that happens to them. */
void bench_curves(struct bench *b, long n, int reports, int together) {
  size_t rows = (size_t)together * (size_t)(reports + 3);
  struct cl_event *events = cl_alloc_array(rows, sizeof *events);
  struct cl_append *results = cl_alloc_array(rows, sizeof *results);
  struct cl_assigned *values = cl_alloc_array((size_t)together * BENCH_WIDTH, sizeof *values);
  struct cl_metric *metrics = cl_alloc_array((size_t)together * (size_t)reports, sizeof *metrics);
  if (events == NULL || results == NULL || values == NULL || metrics == NULL) exit(1);
  for (long done = 0; done < n; done += together) {
    int count = 0, metric = 0;
    for (int i = 0; i < together; i++) {
      events[count++] = proposed(b, b->trials + 1 + i, values + i * BENCH_WIDTH);
      events[count++] = started(b, b->trials + 1 + i);
    }
    for (int k = 1; k <= reports; k++)
      for (int i = 0; i < together; i++) {
        metrics[metric] = (struct cl_metric){1, "loss", cl_rng_uniform(&b->rng)};
        events[count++] = reported(b, b->trials + 1 + i, k, &metrics[metric++]);
      }
    for (int i = 0; i < together; i++) {
      events[count] = ended(b, b->trials + 1 + i, &metrics[metric - together + i].value);
      events[count].u.ended.record = b->position + count + 1 - together; /* its last report */
      count++;
    }
    b->trials += together;
    append(b, events, results, count);
  }
  cl_free(events);
  cl_free(results);
  cl_free(values);
  cl_free(metrics);
}

void bench_propose(struct bench *b, int n) {
  struct cl_assigned values[BENCH_WIDTH];
  struct cl_append result;
  for (int i = 0; i < n; i++) {
    struct cl_event ev = proposed(b, ++b->trials, values);
    append(b, &ev, &result, 1);
  }
}

enum { RUNNING = 16, CURVE = 100 };

/* RUNNING trials report in turn, CURVE reports each; then the next ones start. */
void bench_write_reports(struct bench *b, long n, int batch) {
  bool on_disk = strcmp(cl_store_kind(b->store), "sqlite") == 0;
  struct cl_err e = {0};
  struct cl_event *events = cl_alloc_array((size_t)batch, sizeof *events);
  struct cl_append *results = cl_alloc_array((size_t)batch, sizeof *results);
  struct cl_metric *metrics = cl_alloc_array((size_t)batch, sizeof *metrics);
  if (events == NULL || results == NULL || metrics == NULL) exit(1);
  double took = 0, cpu = 0;
  long done = 0, disk = 0;
  while (done < n) {
    bench_cycles(b, RUNNING, 1); /* ended already: a report after that is late, so start them again below */
    int64_t first = b->trials - RUNNING + 1;
    for (int i = 0; i < RUNNING; i++) {
      struct cl_event ev = {
          .kind = CL_EVENT_PROPOSED, .subject = ++b->trials, .by = 1, .cause = CL_CAUSE_SEARCH};
      ev.u.proposed.role = CL_ROLE_SEARCH;
      struct cl_event start = {.kind = CL_EVENT_STARTED, .subject = b->trials, .by = 1, .attempt = 1};
      start.seen = CL_SEEN_BATCH;
      start.u.started.until = CL_NO_STEP;
      struct cl_event both[] = {ev, start};
      struct cl_append two[2];
      bench_check(cl_store_append(b->store, b->study, both, 2, two, &e), &e);
    }
    first += RUNNING;
    if (on_disk) disk -= bench_disk_bytes(b);
    double start = bench_seconds(), cpu_start = bench_cpu_seconds();
    for (int r = 0; r < RUNNING * CURVE; r += batch) {
      for (int i = 0; i < batch; i++) {
        int at = r + i;
        metrics[i] = (struct cl_metric){0, "loss", cl_rng_uniform(&b->rng)};
        events[i] =
            (struct cl_event){.kind = CL_EVENT_REPORTED, .subject = first + at % RUNNING, .attempt = 1};
        events[i].by = 1;
        events[i].time_ms = (int64_t)(1e3 * (bench_seconds() - b->start));
        events[i].u.reported.ordinal = at / RUNNING + 1;
        events[i].u.reported.step = at / RUNNING + 1;
        events[i].u.reported.metrics = (struct cl_metric_list){1, &metrics[i]};
      }
      bench_check(cl_store_append(b->store, b->study, events, batch, results, &e), &e);
      bench_check(results[batch - 1].status, &e);
    }
    took += bench_seconds() - start;
    cpu += bench_cpu_seconds() - cpu_start;
    if (on_disk) disk += bench_disk_bytes(b);
    done += RUNNING * CURVE;
  }
  (void)printf(
      "{\"bench\": \"reports\", \"store\": \"%s\", \"batch\": %d, \"reports\": %ld, \"per_s\": %.0f, \"per_cpu_s\": %.0f",
      cl_store_kind(b->store), batch, done, (double)done / took, (double)done / cpu);
  if (on_disk) (void)printf(", \"bytes_each\": %.1f", (double)disk / (double)done);
  (void)printf("}\n");
  cl_free(events);
  cl_free(results);
  cl_free(metrics);
}

double bench_fdatasync_rate(const char *dir, int n) {
  char path[256], record[4096];
  (void)snprintf(path, sizeof path, "%s/clade-sync-XXXXXX", dir);
  memset(record, 'x', sizeof record);
  int fd = mkstemp(path);
  if (fd < 0) return -1;
  double start = bench_seconds();
  for (int i = 0; i < n; i++)
    if (write(fd, record, sizeof record) < 0 || fdatasync(fd) < 0) n = i;
  double rate = n / (bench_seconds() - start);
  (void)close(fd);
  (void)unlink(path);
  return rate;
}
