/* PostgreSQL on loopback: durable decisions per second of one engine and of several on one study, trials
 * asked for and told by one program and by many, reports in batches, and a follower of many writers; beside
 * what the server itself gives in the same run.
 *
 *   store_postgres [--dir DIR] [--n DECISIONS] [--engines N] [--writers N] [--events N]
 *
 * The server is a private one in DIR, as `clade store start` makes it: fsync on, synchronous_commit on.
 *
 * What a disk gives swings while others use it. So every measurement of decisions stands beside the disk's
 * syncs and the server's commits of one row just before and after it: `of_limit` is its commits over the mean
 * of the server's. The processor's time for a commit, of engine and server, depends on others the least.
 */
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "base/alloc.h"
#include "base/file.h"
#include "bench.h"
#include "clade/study.h"
#include "store/server.h"

struct shared {
  int ready; /* processes that wait for the start */
  int go;
};

static struct shared *make_shared(void) {
  struct shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (s == MAP_FAILED) exit(1);
  return s;
}

/* The children do not return; `work` begins when all are ready. Seconds until the last has ended. */
static double run_processes(struct shared *s, int n, void (*work)(struct shared *s, int index, void *ctx),
                            void *ctx) {
  memset(s, 0, sizeof *s);
  (void)fflush(stdout);
  for (int i = 0; i < n; i++) {
    if (fork() != 0) continue;
    work(s, i, ctx);
    (void)fflush(stdout);
    _exit(0);
  }
  while (__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE) < n)
    if (usleep(1000) < 0) break;
  double start = bench_seconds();
  __atomic_store_n(&s->go, 1, __ATOMIC_RELEASE);
  while (wait(NULL) > 0) continue;
  return bench_seconds() - start;
}

static void wait_for_go(struct shared *s) {
  __atomic_add_fetch(&s->ready, 1, __ATOMIC_ACQ_REL);
  while (__atomic_load_n(&s->go, __ATOMIC_ACQUIRE) == 0)
    if (usleep(500) < 0) break;
}

/* What the server gives by itself. */

struct limit {
  const char *address;
  long n;
};

static PGconn *connect_to(const char *address) {
  PGconn *conn = PQconnectdb(address);
  if (PQstatus(conn) != CONNECTION_OK) {
    (void)fprintf(stderr, "%s", PQerrorMessage(conn));
    exit(1);
  }
  return conn;
}

static void must(PGconn *conn, PGresult *r) {
  ExecStatusType status = PQresultStatus(r);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN) {
    (void)fprintf(stderr, "%s", PQerrorMessage(conn));
    exit(1);
  }
  PQclear(r);
}

static void insert_rows(struct shared *s, int index, void *ctx) {
  const struct limit *l = ctx;
  PGconn *conn = connect_to(l->address);
  must(conn, PQprepare(conn, "i", "INSERT INTO bench_limit VALUES ($1, 0.5)", 1, NULL));
  wait_for_go(s);
  for (long i = 0; i < l->n; i++) {
    char number[24];
    (void)snprintf(number, sizeof number, "%ld", index * l->n + i);
    const char *const values[] = {number};
    must(conn, PQexecPrepared(conn, "i", 1, values, NULL, NULL, 0));
  }
  PQfinish(conn);
}

static double copy_rows(const char *address, long n) {
  PGconn *conn = connect_to(address);
  double start = bench_seconds();
  must(conn, PQexec(conn, "COPY bench_copy FROM STDIN"));
  for (long i = 0; i < n; i++) {
    char line[120];
    int length =
        snprintf(line, sizeof line, "%ld\t%ld\t1\t%ld\t%ld.5\t17\t1\tf\t0.25\n", i, i % 16, i / 16, i);
    if (PQputCopyData(conn, line, length) != 1) exit(1);
  }
  if (PQputCopyEnd(conn, NULL) != 1) exit(1);
  must(conn, PQgetResult(conn));
  double rate = (double)n / (bench_seconds() - start);
  PQfinish(conn);
  return rate;
}

/* Commits of one row by so many connections, with the syncs of the disk in the same moments. */
static double commits_now(struct shared *s, const char *address, long n, int connections, const char *dir) {
  struct limit l = {address, n / connections + 1};
  PGconn *conn = connect_to(address);
  must(conn, PQexec(conn, "TRUNCATE bench_limit"));
  PQfinish(conn);
  double rate = (double)(l.n * connections) / run_processes(s, connections, insert_rows, &l);
  (void)printf("{\"bench\": \"limit\", \"what\": \"now\", \"connections\": %d, \"commits_of_one_row_per_s\": "
               "%.0f, \"fdatasync_per_s\": %.0f}\n",
               connections, rate, bench_fdatasync_rate(dir, 200));
  return rate;
}

static void bench_limits(struct shared *s, const char *address, long n, int engines) {
  PGconn *conn = connect_to(address);
  must(conn, PQexec(conn, "CREATE TABLE bench_limit (k bigint PRIMARY KEY, v double precision)"));
  must(
      conn,
      PQexec(
          conn,
          "CREATE TABLE bench_copy (position bigint PRIMARY KEY, trial bigint, attempt integer, ordinal bigint, "
          "step double precision, \"time\" bigint, \"by\" integer, late boolean, m1 double precision)"));
  PQfinish(conn);
  struct limit l = {address, n};
  double one = run_processes(s, 1, insert_rows, &l);
  conn = connect_to(address);
  must(conn, PQexec(conn, "TRUNCATE bench_limit"));
  PQfinish(conn);
  double many = run_processes(s, engines, insert_rows, &l);
  (void)printf(
      "{\"bench\": \"limit\", \"what\": \"postgresql commits of one row\", \"connections\": 1, \"per_s\": %.0f}\n",
      (double)n / one);
  (void)printf(
      "{\"bench\": \"limit\", \"what\": \"postgresql commits of one row\", \"connections\": %d, \"per_s\": %.0f}\n",
      engines, (double)(n * engines) / many);
  (void)printf("{\"bench\": \"limit\", \"what\": \"postgresql COPY of reports\", \"per_s\": %.0f}\n",
               copy_rows(address, 40 * n));
}

/* What the processor did, of which busy machines take no part: seconds of the engines that have ended, and of
 * the server with its connections that have. */
struct work {
  double engines, server;
};

static struct work work_done(pid_t server) {
  struct rusage children;
  char path[40], *text = NULL;
  unsigned long long ticks[4] = {0};
  struct cl_err e = {0};
  (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)server);
  bench_check(getrusage(RUSAGE_CHILDREN, &children), &e);
  bench_check(cl_file_read(path, 4096, &text, NULL, &e), &e);
  const char *at = strrchr(text, ')');
  for (int field = 2; at != NULL && field < 14; field++) at = strchr(at + 1, ' ');
  for (int i = 0; at != NULL && i < 4; i++) ticks[i] = strtoull(at, (char **)&at, 10);
  cl_free(text);
  return (struct work){(double)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) +
                           1e-6 * (double)(children.ru_utime.tv_usec + children.ru_stime.tv_usec),
                       (double)(ticks[0] + ticks[1] + ticks[2] + ticks[3]) / (double)sysconf(_SC_CLK_TCK)};
}

/* Decisions. */

struct deciding {
  const char *address;
  int64_t study;
  long n;
  int writers, together;
};

static struct cl_store *open_store(const char *address) {
  struct cl_store *store = NULL;
  struct cl_err e = {0};
  bench_check(cl_store_open(address, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &store, &e), &e);
  return store;
}

enum { TOGETHER_MAX = 16 };

/* Each engine changes a value of its own trials, one decision for each in a commit, as in a turn of its loop.
 */
static void decide(struct shared *s, int index, void *ctx) {
  const struct deciding *d = ctx;
  struct cl_store *store = open_store(d->address);
  struct cl_event events[TOGETHER_MAX];
  struct cl_append results[TOGETHER_MAX];
  int64_t versions[TOGETHER_MAX];
  struct cl_err e = {0};
  for (int k = 0; k < d->together; k++) {
    struct cl_head head;
    bench_check(cl_store_trial_head(store, d->study, index * TOGETHER_MAX + k + 1, &head, &e), &e);
    versions[k] = head.version;
  }
  wait_for_go(s);
  for (long i = 0; i < d->n; i += d->together) {
    const struct cl_assigned value = {1, cl_value_real(0.25 + 1e-6 * (double)i)};
    for (int k = 0; k < d->together; k++) {
      events[k] =
          (struct cl_event){.kind = CL_EVENT_SET, .subject = index * TOGETHER_MAX + k + 1, .by = index + 1};
      events[k].cause = CL_CAUSE_HUMAN;
      events[k].time_ms = i;
      events[k].seen = versions[k];
      events[k].u.set.values = (struct cl_assigned_list){1, &value};
      events[k].u.set.until = CL_NO_STEP;
    }
    bench_check(cl_store_append(store, d->study, events, d->together, results, &e), &e);
    for (int k = 0; k < d->together; k++) {
      bench_check(results[k].status, &e);
      versions[k] = results[k].position;
    }
  }
  cl_store_close(store);
}

static void bench_decisions(struct shared *s, const struct bench *b, int engines, long n, int together,
                            const char *dir, pid_t server) {
  struct deciding d = {b->path, b->study, n / together * together, 0, together};
  double before = commits_now(s, b->path, 400, engines, dir);
  struct work begin = work_done(server);
  double rate = (double)(d.n * engines) / run_processes(s, engines, decide, &d);
  (void)usleep(20000); /* the server's own children end as well */
  struct work end = work_done(server);
  double us_per_commit = 1e6 * together / (double)(d.n * engines);
  double after = commits_now(s, b->path, 400, engines, dir);
  (void)printf("{\"bench\": \"decisions\", \"store\": \"postgresql\", \"engines\": %d, \"in_a_commit\": %d, "
               "\"durable_per_s\": %.0f, \"commits_per_s\": %.0f, \"of_limit\": %.2f, "
               "\"engine_cpu_us_per_commit\": %.0f, \"server_cpu_us_per_commit\": %.0f}\n",
               engines, together, rate, rate / together, rate / together / ((before + after) / 2),
               us_per_commit * (end.engines - begin.engines), us_per_commit * (end.server - begin.server));
}

/* Asking: programs that ask one study for trials and tell what came of them, without a pause. */

static void ask_and_tell(struct shared *s, int index, void *ctx) {
  const struct deciding *d = ctx;
  struct clade_study *study = NULL;
  struct cl_err e = {0};
  (void)index;
  bench_check(clade_study_open(d->address, "asked", &study, &e), &e);
  wait_for_go(s);
  for (long i = 0; i < d->n; i++) {
    struct clade_trial *trial = NULL;
    bench_check(clade_study_ask(study, &trial, &e), &e);
    bench_check(clade_trial_tell(trial, clade_trial_float(trial, "x"), &e), &e);
  }
  clade_study_close(study);
}

static void create_asked(const char *address) {
  struct clade_study *study = NULL;
  struct clade_space *space = clade_space_create();
  struct cl_err e = {0};
  clade_space_add_float(space, "x", 0.001, 1, "log");
  const struct clade_study_options o = {.store = address, .name = "asked", .space = space, .minimize = "y"};
  bench_check(clade_study_create(&o, &study, &e), &e);
  clade_study_close(study);
  clade_space_destroy(space);
}

static void bench_asking(struct shared *s, const struct bench *b, int programs, long n) {
  struct deciding d = {b->path, 0, n / programs, 0, 0};
  double rate = (double)(d.n * programs) / run_processes(s, programs, ask_and_tell, &d);
  (void)printf("{\"bench\": \"ask_tell\", \"store\": \"postgresql\", \"programs\": %d, \"per_s\": %.0f}\n",
               programs, rate);
}

/* Following. */

enum { NOTES_AT_A_TIME = 20 };

static void write_notes(const struct deciding *d, struct shared *s, int index) {
  struct cl_store *store = open_store(d->address);
  struct cl_event events[NOTES_AT_A_TIME];
  struct cl_append results[NOTES_AT_A_TIME];
  struct cl_err e = {0};
  wait_for_go(s);
  for (long i = 0; i < d->n; i += NOTES_AT_A_TIME) {
    for (int k = 0; k < NOTES_AT_A_TIME; k++) {
      events[k] = (struct cl_event){.kind = CL_EVENT_NOTE, .by = index + 1, .time_ms = i + k};
      events[k].u.note.what = CL_NOTE_TEXT;
      events[k].u.note.text = "x";
    }
    bench_check(cl_store_append(store, d->study, events, NOTES_AT_A_TIME, results, &e), &e);
    bench_check(results[NOTES_AT_A_TIME - 1].status, &e);
  }
  cl_store_close(store);
}

struct counting {
  int64_t next[64]; /* by writer: its own events come in its own order, each once */
  int64_t n;
};

static void count(void *ctx, const struct cl_event *ev) {
  struct counting *c = ctx;
  if (ev->time_ms != c->next[ev->by]++) {
    (void)fprintf(stderr, "event %lld of writer %d was missed\n", (long long)c->next[ev->by] - 1, ev->by);
    exit(1);
  }
  c->n++;
}

static void follow(const struct deciding *d, struct shared *s, int writers) {
  struct cl_store *store = open_store(d->address);
  struct cl_log *log = NULL;
  struct cl_err e = {0};
  int fd = -1;
  struct counting c = {0};
  bench_check(cl_log_open(store, d->study, NULL, &log, &e), &e);
  bench_check(cl_log_listen(log, count, &c, &e), &e);
  bench_check(cl_store_watch(store, &fd, &e), &e);
  wait_for_go(s);
  double start = bench_seconds();
  while (c.n < writers * d->n) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 100) > 0) cl_store_watch_drain(store);
    bench_check(cl_log_follow(log, NULL, &e), &e);
  }
  (void)printf(
      "{\"bench\": \"follow\", \"store\": \"postgresql\", \"writers\": %d, \"events\": %lld, \"per_s\": %.0f, "
      "\"missed\": 0}\n",
      writers, (long long)c.n, (double)c.n / (bench_seconds() - start));
  cl_log_close(log);
  cl_store_close(store);
}

static void write_or_follow(struct shared *s, int index, void *ctx) {
  const struct deciding *d = ctx;
  if (index < d->writers)
    write_notes(d, s, index);
  else
    follow(d, s, d->writers);
}

static void bench_follow(struct shared *s, const struct bench *b, int writers, long events) {
  struct deciding d = {b->path, b->study, events / writers / NOTES_AT_A_TIME * NOTES_AT_A_TIME, writers, 0};
  (void)run_processes(s, writers + 1, write_or_follow, &d);
}

int main(int argc, char **argv) {
  long n = bench_number(argc, argv, "--n", 3000), events = bench_number(argc, argv, "--events", 1000000);
  int engines = (int)bench_number(argc, argv, "--engines", 8),
      writers = (int)bench_number(argc, argv, "--writers", 16);
  struct shared *s = make_shared();
  struct cl_server server;
  struct cl_err e = {0};
  struct bench b;
  char dir[200];
  (void)snprintf(dir, sizeof dir, "%s/clade-bench-XXXXXX", bench_dir(argc, argv));
  if (mkdtemp(dir) == NULL) exit(1);
  char *programs = cl_server_programs();
  if (programs == NULL) {
    (void)printf("PostgreSQL is not installed: nothing to measure\n");
    return 0;
  }
  cl_free(programs);
  bench_check(cl_server_start(&(struct cl_server_options){.dir = dir}, &server, &e), &e);
  bench_limits(s, server.address, n, engines);
  bench_open_at(&b, server.address);
  bench_propose(&b, engines * TOGETHER_MAX); /* trials to decide about */
  cl_store_close(b.store);                   /* a connection must not cross a fork */
  bench_decisions(s, &b, 1, n, 1, dir, server.pid);
  bench_decisions(s, &b, engines, n, 1, dir, server.pid);
  bench_decisions(s, &b, engines, 2 * n, 2, dir, server.pid);
  bench_decisions(s, &b, 1, 8 * n, TOGETHER_MAX, dir, server.pid);
  bench_decisions(s, &b, engines, 4 * n, TOGETHER_MAX, dir, server.pid);
  create_asked(b.path);
  bench_asking(s, &b, 1, n);
  bench_asking(s, &b, engines, n);
  bench_asking(s, &b, 2 * engines, n);
  bench_follow(s, &b, writers, events);
  bench_check(cl_store_open(b.path, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &b.store, &e), &e);
  bench_write_reports(&b, 20 * n, 100);
  bench_write_reports(&b, 40 * n, 800);
  cl_store_close(b.store);
  bench_check(cl_server_stop(dir, true, &e), &e);
  (void)cl_dir_remove(dir, NULL);
  return 0;
}
