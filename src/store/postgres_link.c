/* The connection: making it, sending statements in pipeline mode, reading their answers, losing it. */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/postgres_impl.h"

enum {
  OID_BOOL = 16,
  OID_INT8 = 20,
  OID_TEXT = 25,
  OID_JSON = 114,
  OID_FLOAT8 = 701,
  OID_INT8_ARRAY = 1016,
  OID_FLOAT8_ARRAY = 1022
};
enum { SENT_DROPPED, SENT_KEPT, SENT_MARK, SENT_UNAWAITED, SENT_UNAWAITED_MARK };
enum { FIRST_PAUSE_MS = 20, LAST_PAUSE_MS = 1000, STARTING_MS = 10000, CONNECT_MS = 10000 };
enum {
  PROMPT_MS = 100,
  IDLE_MS = 10
}; /* an answer is waited for; then others have their turn, for so long each time */

/* Errors of a statement. */

static const struct {
  const char *state; /* the beginning of an SQLSTATE */
  int status;
  const char *remedy;
} failures[] = {
    {"08", CLADE_ECLOSED, ""},
    {"57P01", CLADE_ECLOSED, ""},
    {"57P02", CLADE_ECLOSED, ""},
    {"57P03", CLADE_ECLOSED, ""},
    {"25P03", CLADE_ECLOSED, ""}, /* it stood still for too long inside a commit: the server has cut it off */
    {"22012", CLADE_ESTALE, ""},  /* a guess */
    {"40", CLADE_ECLOSED, ""},    /* deadlock, serialisation: do it again */
    {"55P03", CLADE_EBUSY,
     ": another process holds the study's lock; pg_stat_activity names it, stop or continue it"},
    {"53100", CLADE_EIO, ": free space on the server's disk, then go on"},
    {"53200", CLADE_EIO, ": the server is out of memory"},
    {"53300", CLADE_EIO, ": raise max_connections of the server, or run fewer engines"},
    {"25006", CLADE_EUNSUPPORTED, ": give the address of the primary server"},
    {"42501", CLADE_EIO, ": the user needs the right to create tables there (GRANT CREATE ON SCHEMA … TO …)"},
    {"42P01", CLADE_ENOTFOUND, ": the study was deleted meanwhile"},
    {"42703", CLADE_ECORRUPT, ": a table of that name is not Clade's; use another database or schema"},
    {"54", CLADE_ELIMIT, ""},
    {"XX001", CLADE_ECORRUPT, ""},
    {"XX002", CLADE_ECORRUPT, ""},
};

static int fail_of(const struct cl_postgres *s, const PGresult *r, struct cl_err *e) {
  const char *state = s->pq.PQresultErrorField(r, PG_DIAG_SQLSTATE);
  const char *message = s->pq.PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
  if (message == NULL) message = "no answer";
  for (size_t i = 0; state != NULL && i < sizeof failures / sizeof *failures; i++)
    if (strncmp(state, failures[i].state, strlen(failures[i].state)) == 0)
      return CL_FAIL(e, failures[i].status, "the store %s: %s%s", s->shown, message, failures[i].remedy);
  return CL_FAIL(e, CLADE_EIO, "the store %s failed: %s (%s)", s->shown, message,
                 state == NULL ? "?" : state);
}

/* Errors of connecting. Their texts are all that libpq tells; other languages get the general remedy. Of a
 * server that was there before, only what it says itself ends the waiting. */

static const struct {
  const char *part;
  int status; /* CLADE_EBUSY: it will be there in a moment; CLADE_ECLOSED: who was connected waits for it */
  const char *remedy;
} refusals[] = {
    {"invalid ", CLADE_EINVAL, "an address looks like postgresql://USER@HOST:PORT/DATABASE"},
    {"could not translate host name", CLADE_EIO, "look at the host's name in the address"},
    {"Name or service not known", CLADE_EIO, "look at the host's name in the address"},
    {"starting up", CLADE_EBUSY, "wait a moment"},
    {"shutting down", CLADE_EBUSY, "wait until it is up again"},
    {"in recovery mode", CLADE_EBUSY, "wait a moment"},
    {"not yet accepting", CLADE_EBUSY, "wait a moment"},
    {"too many clients", CLADE_EBUSY, "raise max_connections of the server, or run fewer engines"},
    {"remaining connection slots", CLADE_EBUSY, "raise max_connections of the server, or run fewer engines"},
    {"Connection refused", CLADE_ECLOSED,
     "no server listens there: start it, or make one of your own with `clade store start`"},
    {"No such file or directory", CLADE_ECLOSED,
     "no server listens there: start it, or make one of your own with `clade store start`"},
    {"no password supplied", CLADE_EIO,
     "give a password: postgresql://USER:PASSWORD@HOST/DATABASE, PGPASSWORD or ~/.pgpass"},
    {"password authentication failed", CLADE_EIO,
     "look at user and password (postgresql://USER:PASSWORD@HOST/DATABASE)"},
    {"authentication failed", CLADE_EIO,
     "this user may not connect that way: look at the server's pg_hba.conf"},
    {"no pg_hba.conf entry", CLADE_EIO,
     "the server does not let this host in: add a line to its pg_hba.conf"},
    {"role \"", CLADE_EIO,
     "make the user with `createuser`, or name another: postgresql://USER@HOST/DATABASE"},
    {"database \"", CLADE_ENOTFOUND, "make the database with `createdb`, or name another one in the address"},
    {"timeout expired", CLADE_EBUSY, "nobody answers there: look at host and port"},
    {"No route to host", CLADE_EBUSY, "look at host and port"},
    {"closed the connection unexpectedly", CLADE_EBUSY, "look at the server's log"},
};

static int fail_connect(struct cl_postgres *s, struct cl_err *e) {
  char message[600];
  (void)snprintf(message, sizeof message, "%s",
                 s->conn == NULL ? "out of memory" : s->pq.PQerrorMessage(s->conn));
  size_t n = strcspn(message, "\n");
  message[n] = '\0';
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
    if (strstr(message, refusals[i].part) != NULL)
      return CL_FAIL(e, refusals[i].status, "cannot use the store %s: %s; %s", s->shown, message,
                     refusals[i].remedy);
  return CL_FAIL(e, CLADE_ECLOSED, "cannot use the store %s: %s", s->shown, message);
}

/* Losing and making connections. */

static void drop_results(struct cl_postgres *s) {
  for (size_t i = 0; i < s->n_results; i++) s->pq.PQclear(s->results[i]);
  s->n_results = 0;
}

int cl_postgres_lose(struct cl_postgres *s, const char *why, struct cl_err *e) {
  char text[300];
  (void)snprintf(text, sizeof text, "%s", why == NULL ? "" : why);
  text[strcspn(text, "\n")] = '\0';
  drop_results(s);
  if (s->conn != NULL) s->pq.PQfinish(s->conn);
  s->conn = NULL;
  s->generation++;
  s->n_sent = s->n_owed = s->n_params = 0;
  s->writing = s->heads_fetched = s->guessed = s->prepared = false;
  s->durable_study = s->pending = s->last_study = 0;
  s->n_later = 0;
  s->open = NULL;
  cl_postgres_forget(s);
  return CL_FAIL(e, CLADE_ECLOSED, "the connection to %s was lost%s%s", s->shown, text[0] == '\0' ? "" : ": ",
                 text);
}

static void ignore_notice(void *ctx, const char *message) {
  (void)ctx, (void)message;
}

/* Waiting. */

static void sleep_ms(int64_t ms) {
  struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  (void)nanosleep(&t, NULL);
}

/* Let time pass; CLADE_EIO when nobody wants to wait any longer. */
static int rest(const struct cl_postgres *s, int64_t ms, struct cl_err *e) {
  assert(ms >= 0 && ms <= LAST_PAUSE_MS * 2);
  if (s->options.idle == NULL) {
    sleep_ms(ms);
    return 0;
  }
  if (s->options.idle(s->options.ctx, (int)ms) == 0) return 0;
  return CL_FAIL(e, CLADE_EIO, "the store %s did not answer, and was not waited for any longer", s->shown);
}

/* Until the socket is ready for `events`, or says that it is broken. deadline_us 0: however long that takes.
 */
static int wait_for(const struct cl_postgres *s, short events, int64_t deadline_us, struct cl_err *e) {
  for (int wait_ms = PROMPT_MS;; wait_ms = s->options.idle == NULL ? PROMPT_MS : 0) {
    struct pollfd p = {s->pq.PQsocket(s->conn), events, 0};
    int n = poll(&p, 1, wait_ms);
    if (n > 0 || (n < 0 && errno != EINTR)) return 0; /* libpq will tell what is wrong */
    if (deadline_us > 0 && cl_clock_monotonic_us() > deadline_us)
      return CL_FAIL(e, CLADE_ECLOSED, "cannot use the store %s: nobody answers there; look at host and port",
                     s->shown);
    if (s->options.idle != NULL) CL_TRY(rest(s, IDLE_MS, e));
  }
}

static int await_connection(struct cl_postgres *s, struct cl_err *e) {
  int64_t deadline_us = cl_clock_monotonic_us() + INT64_C(1000) * CONNECT_MS;
  PostgresPollingStatusType now =
      s->pq.PQstatus(s->conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (now == PGRES_POLLING_READING || now == PGRES_POLLING_WRITING) {
    CL_TRY(wait_for(s, now == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_us, e));
    now = s->pq.PQconnectPoll(s->conn);
  }
  return s->pq.PQstatus(s->conn) == CONNECTION_OK ? 0 : fail_connect(s, e);
}

static int connect_once(struct cl_postgres *s, struct cl_err *e) {
  /* What stands before dbname may be overridden by the address, what stands behind may not. GSS would ask a
   * network service for a ticket first. */
  static const char *const keys[] = {"gssencmode",       "keepalives_idle",  "keepalives_interval",
                                     "keepalives_count", "tcp_user_timeout", "application_name",
                                     "dbname",           "client_encoding",  NULL};
  const char *const values[] = {"disable", "20", "5", "3", "30000", "clade", s->address, "UTF8", NULL};
  assert(s->conn == NULL && s->n_sent == 0);
  s->conn = s->pq.PQconnectStartParams(keys, values, 1);
  int status = s->conn == NULL ? fail_connect(s, e) : await_connection(s, e);
  if (status < 0) {
    s->pq.PQfinish(s->conn);
    s->conn = NULL;
    return status;
  }
  (void)s->pq.PQsetNoticeProcessor(s->conn, ignore_notice, NULL);
  s->generation++;
  if (s->pq.PQenterPipelineMode(s->conn) != 1) return cl_postgres_lose(s, "no pipeline mode", e);
  return 0;
}

/* Two engines of which one is stopped in the middle of a commit: the server cuts it off. A small table
 * without an index looks expensive without sequential scans: it is not worth compiling its query. */
static int set_up(struct cl_postgres *s, struct cl_err *e) {
  static const char *const settings[] = {"SET client_min_messages = error",
                                         "SET idle_in_transaction_session_timeout = 10000",
                                         "SET plan_cache_mode = force_generic_plan",
                                         "SET enable_seqscan = off",
                                         "SET jit = off",
                                         "SET synchronous_commit = off"};
  char wait[60];
  (void)snprintf(wait, sizeof wait, "SET lock_timeout = %d", s->options.lock_timeout_ms);
  CL_TRY(cl_postgres_send_once(s, wait, false, e));
  CL_TRY(cl_postgres_send_once(s, "SELECT current_setting('synchronous_commit')", true, e));
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    CL_TRY(cl_postgres_send_once(s, settings[i], false, e));
  CL_TRY(cl_postgres_send_once(
      s,
      "SELECT pg_is_in_recovery(), pg_encoding_to_char(encoding) FROM pg_database WHERE "
      "datname = current_database()",
      true, e));
  CL_TRY(cl_postgres_collect(s, e));
  const char *durability = cl_postgres_text(s, s->results[0], 0, 0);
  bool waits = strcmp(durability, "off") != 0 && strcmp(durability, "local") != 0;
  (void)snprintf(s->durability, sizeof s->durability, "%s", waits ? durability : "on");
  const PGresult *r = s->results[1];
  if (cl_postgres_int(s, r, 0, 0) != 0)
    return CL_FAIL(e, CLADE_EUNSUPPORTED, "the store %s is a standby server: give the address of the primary",
                   s->shown);
  if (strcmp(cl_postgres_text(s, r, 0, 1), "UTF8") != 0)
    return CL_FAIL(
        e, CLADE_EUNSUPPORTED,
        "the database of the store %s has the encoding %s: make one with `createdb -E UTF8 -T template0`",
        s->shown, cl_postgres_text(s, r, 0, 1));
  return 0;
}

int cl_postgres_connect(struct cl_postgres *s, bool wait, struct cl_err *e) {
  int64_t began = cl_clock_monotonic_us(), pause_ms = FIRST_PAUSE_MS;
  int64_t patience_ms = wait ? s->options.reconnect_ms : STARTING_MS;
  if (wait) CL_TRY(rest(s, 0, e));
  for (;;) {
    struct cl_err why = {0};
    int status = connect_once(s, &why);
    if (status == 0) {
      status = set_up(s, &why);
      if (status == CLADE_ECLOSED) status = CLADE_EBUSY; /* it was there, a moment ago */
    }
    if (status == 0) return 0;
    if (s->conn != NULL) (void)cl_postgres_lose(s, NULL, NULL);
    bool away = status == CLADE_EBUSY || status == CLADE_ECLOSED;
    bool again = status == CLADE_EBUSY || (wait && away);
    if (!again || cl_clock_monotonic_us() - began > patience_ms * 1000)
      return CL_FAIL(e, away ? CLADE_EIO : status, "%s", why.text);
    CL_TRY(rest(s, pause_ms, e));
    if (pause_ms < LAST_PAUSE_MS) pause_ms += pause_ms / 2;
  }
}

int cl_postgres_mend(void *state, struct cl_err *e) {
  struct cl_postgres *s = state;
  if (s->conn != NULL) return 0; /* it was a deadlock, not the connection */
  CL_TRY(cl_postgres_connect(s, true, e));
  int status = cl_postgres_note_start(s, e);
  if (status == 0 && s->watch_fd >= 0) status = cl_postgres_listen(s, e);
  return status == CLADE_ECLOSED ? 0 : status; /* lost again: whoever goes on finds out */
}

/* Parameters. A failed allocation is noticed by cl_postgres_send. */

static struct cl_postgres_param *put(struct cl_postgres *s, Oid type) {
  if (cl_grow(&s->params, &s->cap_params, s->n_params + 1, sizeof *s->params) < 0) {
    s->arrays.failed = true;
    return &s->nowhere;
  }
  struct cl_postgres_param *p = &s->params[s->n_params++];
  *p = (struct cl_postgres_param){.type = type, .length = 8};
  return p;
}

void cl_postgres_put_int(struct cl_postgres *s, int64_t value) {
  struct cl_postgres_param *p = put(s, OID_INT8);
  p->bits = htobe64((uint64_t)value);
}

void cl_postgres_put_no_int(struct cl_postgres *s) {
  struct cl_postgres_param *p = put(s, OID_INT8);
  p->null = true;
}

void cl_postgres_put_some(struct cl_postgres *s, int64_t value) {
  if (value == 0)
    cl_postgres_put_no_int(s);
  else
    cl_postgres_put_int(s, value);
}

void cl_postgres_put_bool(struct cl_postgres *s, bool value) {
  struct cl_postgres_param *p = put(s, OID_BOOL);
  p->bits = htobe64(value ? UINT64_C(1) << 56 : 0);
  p->length = 1;
}

void cl_postgres_put_metric(struct cl_postgres *s, double value) {
  struct cl_postgres_param *p = put(s, OID_FLOAT8);
  uint64_t bits;
  value += 0.0;
  memcpy(&bits, &value, sizeof bits);
  p->bits = htobe64(bits);
}

void cl_postgres_put_no_real(struct cl_postgres *s) {
  struct cl_postgres_param *p = put(s, OID_FLOAT8);
  p->null = true;
}

void cl_postgres_put_real(struct cl_postgres *s, double value) {
  if (value != value)
    cl_postgres_put_no_real(s);
  else
    cl_postgres_put_metric(s, value);
}

void cl_postgres_put_text(struct cl_postgres *s, const char *text) {
  struct cl_postgres_param *p = put(s, OID_TEXT);
  p->text = text;
  p->null = text == NULL;
}

void cl_postgres_put_json(struct cl_postgres *s, const char *text) {
  struct cl_postgres_param *p = put(s, OID_JSON);
  p->null = text == NULL;
  if (p->null) return;
  p->offset = s->arrays.length;
  p->length = 0;
  cl_text_add_bytes(&s->arrays, text, strlen(text) + 1);
}

static void add_be32(struct cl_text *t, uint32_t value) {
  value = htobe32(value);
  cl_text_add_bytes(t, (const char *)&value, sizeof value);
}

/* Dimensions, whether NULLs follow, type, length, first index; then each with its length. */
static struct cl_postgres_param *put_array(struct cl_postgres *s, Oid type, Oid of, bool nulls, size_t n) {
  struct cl_postgres_param *p = put(s, type);
  struct cl_text *t = &s->arrays;
  p->offset = t->length;
  add_be32(t, n > 0);
  add_be32(t, nulls);
  add_be32(t, of);
  if (n > 0) add_be32(t, (uint32_t)n);
  if (n > 0) add_be32(t, 1);
  return p;
}

static void add_bits(struct cl_text *t, uint64_t bits) {
  bits = htobe64(bits);
  add_be32(t, sizeof bits);
  cl_text_add_bytes(t, (const char *)&bits, sizeof bits);
}

void cl_postgres_put_ints(struct cl_postgres *s, const int64_t *items, size_t n) {
  struct cl_postgres_param *p = put_array(s, OID_INT8_ARRAY, OID_INT8, false, n);
  for (size_t i = 0; i < n; i++) add_bits(&s->arrays, (uint64_t)items[i]);
  p->length = (int)(s->arrays.length - p->offset);
}

void cl_postgres_put_reals(struct cl_postgres *s, const double *items, size_t n) {
  struct cl_postgres_param *p = put_array(s, OID_FLOAT8_ARRAY, OID_FLOAT8, true, n);
  for (size_t i = 0; i < n; i++) {
    double value = items[i] + 0.0;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value)
      add_be32(&s->arrays, UINT32_MAX);
    else
      add_bits(&s->arrays, bits);
  }
  p->length = (int)(s->arrays.length - p->offset);
}

/* Sending. */

int cl_postgres_no_memory(struct cl_postgres *s, struct cl_err *e) {
  bool clean = s->conn == NULL || cl_postgres_is_idle(s);
  cl_postgres_drop_params(s);
  if (!clean) (void)cl_postgres_lose(s, NULL, NULL);
  return CL_FAIL_NOMEM(e);
}

void cl_postgres_drop_params(struct cl_postgres *s) {
  s->n_params = 0;
  cl_text_clear(&s->arrays);
}

static int note_sent(struct cl_postgres *s, uint8_t what, struct cl_err *e) {
  if (cl_grow(&s->sent, &s->cap_sent, s->n_sent + 1, sizeof *s->sent) < 0) return cl_postgres_no_memory(s, e);
  s->sent[s->n_sent++] = what;
  return 0;
}

static int lose_now(struct cl_postgres *s, struct cl_err *e) {
  return cl_postgres_lose(s, s->conn == NULL ? NULL : s->pq.PQerrorMessage(s->conn), e);
}

static int prepare(struct cl_postgres *s, struct cl_postgres_statement *statement, const char *sql,
                   struct cl_err *e) {
  Oid types[2000];
  assert(s->n_params <= sizeof types / sizeof *types);
  for (size_t i = 0; i < s->n_params; i++) types[i] = s->params[i].type;
  (void)snprintf(statement->name, sizeof statement->name, "clade_%lld", (long long)++s->n_prepared);
  CL_TRY(note_sent(s, SENT_DROPPED, e));
  s->prepared = true;
  if (s->pq.PQsendPrepare(s->conn, statement->name, sql, (int)s->n_params, types) != 1) return lose_now(s, e);
  statement->generation = s->generation;
  return 0;
}

/* `statement` null: sent once. */
static int send_params(struct cl_postgres *s, const struct cl_postgres_statement *statement, const char *sql,
                       bool keep, struct cl_err *e) {
  enum { PARAMS_MAX = 2000 };
  const char *values[PARAMS_MAX];
  int lengths[PARAMS_MAX], formats[PARAMS_MAX];
  Oid types[PARAMS_MAX];
  int n = (int)s->n_params;
  assert(n <= PARAMS_MAX);
  for (int i = 0; i < n; i++) {
    const struct cl_postgres_param *p = &s->params[i];
    bool copied = p->type == OID_INT8_ARRAY || p->type == OID_FLOAT8_ARRAY || p->type == OID_JSON;
    values[i] = p->null           ? NULL
                : copied          ? s->arrays.bytes + p->offset
                : p->text != NULL ? p->text
                                  : (const char *)&p->bits;
    lengths[i] = p->length;
    formats[i] = p->type != OID_TEXT && p->type != OID_JSON;
    types[i] = p->type;
  }
  CL_TRY(note_sent(s, keep ? SENT_KEPT : SENT_DROPPED, e));
  int sent = statement == NULL
                 ? s->pq.PQsendQueryParams(s->conn, sql, n, types, values, lengths, formats, 1)
                 : s->pq.PQsendQueryPrepared(s->conn, statement->name, n, values, lengths, formats, 1);
  return sent == 1 ? 0 : lose_now(s, e);
}

static int send_any(struct cl_postgres *s, struct cl_postgres_statement *statement, const char *sql,
                    bool keep, struct cl_err *e) {
  int status = s->arrays.failed ? cl_postgres_no_memory(s, e) : s->conn == NULL ? lose_now(s, e) : 0;
  if (status == 0 && statement != NULL && statement->generation != s->generation)
    status = prepare(s, statement, sql, e);
  if (status == 0) status = send_params(s, statement, sql, keep, e);
  cl_postgres_drop_params(s);
  return status;
}

int cl_postgres_send(struct cl_postgres *s, struct cl_postgres_statement *statement, const char *sql,
                     bool keep, struct cl_err *e) {
  return send_any(s, statement, sql, keep, e);
}

int cl_postgres_send_known(struct cl_postgres *s, enum cl_postgres_known which, bool keep, struct cl_err *e) {
  static const char *const statements[PG_STATEMENTS] = {
#define CL_X(name, sql) [PG_##name] = sql,
      CL_POSTGRES_MAP(CL_X)
#undef CL_X
  };
  return send_any(s, &s->known[which], statements[which], keep, e);
}

int cl_postgres_send_once(struct cl_postgres *s, const char *sql, bool keep, struct cl_err *e) {
  return send_any(s, NULL, sql, keep, e);
}

int cl_postgres_send_scratch(struct cl_postgres *s, struct cl_err *e) {
  int status = s->scratch.failed ? cl_postgres_no_memory(s, e)
                                 : cl_postgres_send_once(s, cl_text_get(&s->scratch), false, e);
  cl_text_clear(&s->scratch);
  return status;
}

int cl_postgres_send_text(struct cl_postgres *s, struct cl_postgres_statement *statement, struct cl_text *sql,
                          bool keep, struct cl_err *e) {
  int status = sql->failed ? cl_postgres_no_memory(s, e) : send_any(s, statement, cl_text_get(sql), keep, e);
  cl_text_done(sql);
  return status;
}

int cl_postgres_mark(struct cl_postgres *s, struct cl_err *e) {
  if (s->conn == NULL) return lose_now(s, e);
  CL_TRY(note_sent(s, SENT_MARK, e));
  return s->pq.PQpipelineSync(s->conn) == 1 ? 0 : lose_now(s, e);
}

/* Collecting. */

/* Without anybody who could do something else meanwhile, libpq waits as well. */
static int await_answer(struct cl_postgres *s, struct cl_err *e) {
  while (s->options.idle != NULL && s->pq.PQisBusy(s->conn) != 0) {
    if (wait_for(s, POLLIN, 0, NULL) < 0) return cl_postgres_lose(s, "it was not waited for any longer", e);
    if (s->pq.PQconsumeInput(s->conn) != 1) return lose_now(s, e);
  }
  return 0;
}

/* What went wrong at the end of a transaction comes before the answer to its mark. */
static int collect_mark(struct cl_postgres *s, struct cl_err *e) {
  enum { ANSWERS_MOST = 3 };
  int status = 0;
  for (int i = 0; i < ANSWERS_MOST; i++) {
    CL_TRY(await_answer(s, e));
    PGresult *r = s->pq.PQgetResult(s->conn);
    ExecStatusType kind = s->pq.PQresultStatus(r);
    if (r != NULL && kind == PGRES_FATAL_ERROR && status == 0) status = fail_of(s, r, e);
    s->pq.PQclear(r);
    if (s->pq.PQstatus(s->conn) == CONNECTION_BAD) break;
    if (kind == PGRES_PIPELINE_SYNC) return status;
  }
  return lose_now(s, e);
}

static int collect_statement(struct cl_postgres *s, bool keep, struct cl_err *e) {
  CL_TRY(await_answer(s, e));
  PGresult *r = s->pq.PQgetResult(s->conn);
  if (r == NULL) return lose_now(s, e);
  ExecStatusType kind = s->pq.PQresultStatus(r);
  int status = 0;
  if (kind == PGRES_FATAL_ERROR || kind == PGRES_BAD_RESPONSE) status = fail_of(s, r, e);
  if (keep && status == 0 && kind == PGRES_TUPLES_OK) {
    if (cl_grow(&s->results, &s->cap_results, s->n_results + 1, sizeof *s->results) == 0) {
      s->results[s->n_results++] = r;
      r = NULL;
    } else {
      status = CL_FAIL_NOMEM(e);
    }
  }
  s->pq.PQclear(r);
  if (s->pq.PQstatus(s->conn) == CONNECTION_BAD) return lose_now(s, e);
  while ((r = s->pq.PQgetResult(s->conn)) != NULL) s->pq.PQclear(r);
  return status;
}

static int collect_one(struct cl_postgres *s, uint8_t what, struct cl_err *e) {
  switch (what) {
  case SENT_MARK: return collect_mark(s, e);
  case SENT_UNAWAITED: (void)collect_statement(s, false, NULL); return 0;
  case SENT_UNAWAITED_MARK: (void)collect_mark(s, NULL); return 0;
  default: return collect_statement(s, what == SENT_KEPT, e);
  }
}

/* The first n that were sent; what follows is owed. */
static int collect_first(struct cl_postgres *s, size_t n, struct cl_err *e) {
  int status = 0;
  assert(n <= s->n_sent);
  for (size_t i = 0; i < n; i++) {
    int one = collect_one(s, s->sent[i], status == 0 ? e : NULL);
    if (s->conn == NULL) return CLADE_ECLOSED;
    if (status == 0) status = one;
  }
  s->n_sent -= n;
  s->n_owed = s->n_sent;
  if (s->n_sent > 0) memmove(s->sent, s->sent + n, s->n_sent);
  return status;
}

/* After a failure: end the transaction, and forget what was prepared, if nobody knows what of it was. */
static void clean_up(struct cl_postgres *s) {
  s->writing = false;
  if (s->prepared) s->generation++;
  bool open = !cl_postgres_is_idle(s), forget = s->prepared;
  if (open && cl_postgres_send_once(s, "ROLLBACK", false, NULL) < 0) return;
  if (forget && cl_postgres_send_once(s, "DEALLOCATE ALL", false, NULL) < 0) return;
  if (!open && !forget) return;
  if (cl_postgres_mark(s, NULL) < 0) return;
  (void)collect_first(s, s->n_sent, NULL);
  s->prepared = false;
}

bool cl_postgres_is_idle(const struct cl_postgres *s) {
  if (s->n_sent != s->n_owed) return false;
  return s->n_owed > 0 || s->pq.PQtransactionStatus(s->conn) == PQTRANS_IDLE;
}

/* The first n that were sent. */
static int collect(struct cl_postgres *s, size_t n, struct cl_err *e) {
  struct cl_err why = {0};
  drop_results(s);
  int status = collect_first(s, n, &why);
  if (s->conn != NULL) cl_postgres_take_notices(s);
  if (status == 0 && s->n_sent == 0) s->prepared = false;
  if (status == 0) return 0;
  s->last_study = 0;
  if (status == CLADE_ECLOSED && s->conn != NULL && strstr(why.text, "deadlock") == NULL)
    (void)cl_postgres_lose(s, why.text, NULL);
  if (s->conn != NULL)
    (void)collect_first(s, s->n_sent, NULL); /* a wake behind a commit that failed: it failed too */
  if (s->conn != NULL) {
    drop_results(s);
    clean_up(s);
  }
  return CL_FAIL(e, status, "%s", why.text[0] == '\0' ? "the connection was lost" : why.text);
}

int cl_postgres_collect(struct cl_postgres *s, struct cl_err *e) {
  if (s->conn == NULL) return lose_now(s, e);
  if (s->n_sent > s->n_owed && s->sent[s->n_sent - 1] != SENT_MARK) CL_TRY(cl_postgres_mark(s, e));
  return collect(s, s->n_sent, e);
}

int cl_postgres_take_owed(struct cl_postgres *s, struct cl_err *e) {
  assert(s->n_sent == s->n_owed);
  while (s->conn != NULL && s->n_owed > 0 && s->pq.PQisBusy(s->conn) == 0) (void)collect_first(s, 1, NULL);
  return s->conn == NULL ? lose_now(s, e) : 0;
}

int cl_postgres_send_unawaited(struct cl_postgres *s, enum cl_postgres_known which, struct cl_err *e) {
  CL_TRY(cl_postgres_send_known(s, which, false, e));
  s->sent[s->n_sent - 1] = SENT_UNAWAITED;
  CL_TRY(cl_postgres_mark(s, e));
  s->sent[s->n_sent - 1] = SENT_UNAWAITED_MARK;
  return 0;
}

static int send_wake(struct cl_postgres *s, int64_t study, struct cl_err *e) {
  char number[24];
  (void)snprintf(number, sizeof number, "%lld", (long long)study);
  cl_postgres_put_text(s, number);
  return cl_postgres_send_unawaited(s, PG_NOTIFY, e);
}

/* Without memory behind the mark, what it has ended may have got through: like a connection that was lost. */
int cl_postgres_collect_and_wake(struct cl_postgres *s, int64_t study, struct cl_err *e) {
  int status = cl_postgres_mark(s, e);
  size_t n = s->n_sent;
  if (status == 0) status = send_wake(s, study, e);
  if (status == 0) status = collect(s, n, e);
  return status == CLADE_ENOMEM ? cl_postgres_lose(s, "out of memory", e) : status;
}

/* Rows. */

int cl_postgres_rows(const struct cl_postgres *s, size_t result) {
  assert(result < s->n_results);
  return s->pq.PQntuples(s->results[result]);
}

PGresult *cl_postgres_take(struct cl_postgres *s, size_t result) {
  assert(result < s->n_results);
  PGresult *r = s->results[result];
  s->results[result] = NULL;
  return r;
}

bool cl_postgres_null(const struct cl_postgres *s, const PGresult *rows, int row, int column) {
  return s->pq.PQgetisnull(rows, row, column) != 0;
}

int64_t cl_postgres_int(const struct cl_postgres *s, const PGresult *rows, int row, int column) {
  const unsigned char *at = (const unsigned char *)s->pq.PQgetvalue(rows, row, column);
  int n = s->pq.PQgetlength(rows, row, column);
  if (n <= 0 || n > 8) return 0;
  uint64_t value = n > 1 && (at[0] & 0x80) != 0 ? UINT64_MAX : 0; /* a bool has one byte and no sign */
  for (int i = 0; i < n; i++) value = value << 8 | at[i];
  return (int64_t)value;
}

double cl_postgres_real(const struct cl_postgres *s, const PGresult *rows, int row, int column) {
  uint64_t bits;
  double value;
  if (s->pq.PQgetlength(rows, row, column) != sizeof bits) return CL_NO_STEP;
  memcpy(&bits, s->pq.PQgetvalue(rows, row, column), sizeof bits);
  bits = be64toh(bits);
  memcpy(&value, &bits, sizeof value);
  return value;
}

const char *cl_postgres_text(const struct cl_postgres *s, const PGresult *rows, int row, int column) {
  return cl_postgres_null(s, rows, row, column) ? NULL : s->pq.PQgetvalue(rows, row, column);
}
