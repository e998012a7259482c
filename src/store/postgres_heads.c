/* The two mutable tables, `studies` and `heads`: what appends are judged by, and the lease; and how far the
 * log is known to be on the server's disk. */
#include <assert.h>
#include <string.h>

#include "base/sorted.h"
#include "store/postgres_impl.h"

enum { LOOK_HEAD = 1, LOOK_INSERTED = 11, LOOK_FLUSHED };

void cl_postgres_fill_study(const struct cl_postgres *s, const PGresult *rows, int row, int column,
                            struct cl_study_head *ret) {
  *ret = (struct cl_study_head){.position = cl_postgres_int(s, rows, row, column),
                                .version = cl_postgres_int(s, rows, row, column + 1),
                                .trials = cl_postgres_int(s, rows, row, column + 2),
                                .counted = cl_postgres_int(s, rows, row, column + 3),
                                .budget = cl_postgres_int(s, rows, row, column + 4),
                                .workers = (int32_t)cl_postgres_int(s, rows, row, column + 5),
                                .objectives = (int32_t)cl_postgres_int(s, rows, row, column + 6),
                                .space_version = (int32_t)cl_postgres_int(s, rows, row, column + 7),
                                .retries = (int32_t)cl_postgres_int(s, rows, row, column + 8),
                                .open = cl_postgres_int(s, rows, row, column + 9) != 0};
}

int cl_postgres_no_study(const struct cl_postgres *s, int64_t study, struct cl_err *e) {
  return CL_FAIL(e, CLADE_ENOTFOUND, "there is no study number %lld in %s", (long long)study, s->shown);
}

/* Durability. */

int cl_postgres_send_flush(struct cl_postgres *s, struct cl_err *e) {
  cl_postgres_put_text(s, s->durability);
  return cl_postgres_send_known(s, PG_FLUSH, false, e);
}

/* A position is flushed when the server's log is as far as it was written when the position was seen. If it
 * is not yet, the server is made to. */
static int make_durable(struct cl_postgres *s, int64_t study, int64_t position, int64_t inserted,
                        int64_t flushed, struct cl_err *e) {
  if (s->durable_study != study) {
    s->durable_study = study;
    s->durable = s->pending = 0;
  }
  if (s->pending > s->durable && flushed >= s->pending_lsn) s->durable = s->pending;
  if (flushed >= inserted && position > s->durable) s->durable = position;
  if (position <= s->durable) return 0;
  s->pending = position;
  s->pending_lsn = inserted;
  CL_TRY(cl_postgres_send_flush(s, e));
  CL_TRY(cl_postgres_collect(s, e));
  s->durable = position;
  return 0;
}

/* Events that were shown are on the server's disk. When they are not there any more, it is not that server,
 * or it runs with fsync off. */
static int check_shown(struct cl_postgres *s, int64_t study, int64_t position, struct cl_err *e) {
  if (s->shown_study == study && position < s->shown_head)
    return CL_FAIL(
        e, CLADE_ECORRUPT,
        "%s has %lld events of study number %lld, but had %lld: the server has lost what was on its disk (is "
        "fsync off, or was an older copy put in its place?)",
        s->shown, (long long)position, (long long)study, (long long)s->shown_head);
  s->shown_study = study;
  s->shown_head = position;
  return 0;
}

int cl_postgres_settle(struct cl_postgres *s, int64_t study, size_t result, struct cl_study_head *ret,
                       int64_t *ret_names, struct cl_err *e) {
  assert(result < s->n_results);
  if (cl_postgres_rows(s, result) == 0) return cl_postgres_no_study(s, study, e);
  const PGresult *r = s->results[result];
  cl_postgres_fill_study(s, r, 0, LOOK_HEAD, ret);
  *ret_names = cl_postgres_int(s, r, 0, 0);
  int64_t inserted = cl_postgres_int(s, r, 0, LOOK_INSERTED),
          flushed = cl_postgres_int(s, r, 0, LOOK_FLUSHED);
  CL_TRY(check_shown(s, study, ret->position, e));
  s->durable_names = *ret_names;
  return make_durable(s, study, ret->position, inserted, flushed, e);
}

/* Heads of studies. */

static int look(struct cl_postgres *s, int64_t study, struct cl_study_head *ret, int64_t *ret_names,
                struct cl_err *e) {
  cl_postgres_put_int(s, study);
  CL_TRY(cl_postgres_send_known(s, PG_LOOK, true, e));
  CL_TRY(cl_postgres_collect(s, e));
  return cl_postgres_settle(s, study, 0, ret, ret_names, e);
}

int cl_postgres_head(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  int64_t n_names = 0;
  return look(state, study, ret, &n_names, e);
}

/* All but the position. */
enum { STUDY_LISTED = 9 };

static void list_study(const struct cl_study_head *head, int64_t ret[STUDY_LISTED]) {
  const int64_t listed[STUDY_LISTED] = {head->version,       head->trials,  head->counted,
                                        head->budget,        head->workers, head->objectives,
                                        head->space_version, head->retries, head->open};
  memcpy(ret, listed, sizeof listed);
}

static bool has_moved_only(const struct cl_study_head *before, const struct cl_study_head *after) {
  int64_t a[STUDY_LISTED], b[STUDY_LISTED];
  list_study(before, a);
  list_study(after, b);
  return before->position > 0 && memcmp(a, b, sizeof a) == 0;
}

bool cl_postgres_put_study(struct cl_postgres *s, int64_t study, const struct cl_study_head *head,
                           int64_t n_names) {
  const bool moved = !s->names_changed && has_moved_only(&s->before, head);
  const int64_t few[] = {study, head->position, s->epoch};
  const int64_t all[] = {study,         n_names,      head->position, head->version,    head->trials,
                         head->counted, head->budget, head->workers,  head->objectives, head->space_version,
                         head->retries, head->open,   s->epoch};
  const int64_t *columns = moved ? few : all;
  size_t n = moved ? sizeof few / sizeof *few : sizeof all / sizeof *all;
  for (size_t i = 0; i < n; i++) cl_postgres_put_int(s, columns[i]);
  return moved;
}

int cl_postgres_studies(void *state, int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx,
                        struct cl_err *e) {
  struct cl_postgres *s = state;
  CL_TRY(cl_postgres_send_known(s, PG_STUDIES, true, e));
  CL_TRY(cl_postgres_collect(s, e));
  PGresult *rows = cl_postgres_take(s, 0);
  int status = 0;
  for (int i = 0; i < s->pq.PQntuples(rows) && status == 0; i++) {
    struct cl_study_row study = {.id = cl_postgres_int(s, rows, i, 0),
                                 .name = cl_postgres_text(s, rows, i, 1),
                                 .uuid = cl_postgres_text(s, rows, i, 2),
                                 .created_ms = cl_postgres_int(s, rows, i, 3)};
    cl_postgres_fill_study(s, rows, i, 4, &study.head);
    status = study.name == NULL || study.uuid == NULL
                 ? CL_FAIL(e, CLADE_ECORRUPT, "study number %lld has no name", (long long)study.id)
                 : visit(ctx, &study);
  }
  s->pq.PQclear(rows);
  return status;
}

int cl_postgres_metrics(void *state, int64_t study, int (*visit)(void *ctx, int id, const char *name),
                        void *ctx, struct cl_err *e) {
  struct cl_postgres *s = state;
  struct cl_postgres_study *known = NULL;
  struct cl_study_head head;
  int64_t n_names = 0;
  CL_TRY(look(s, study, &head, &n_names, e));
  CL_TRY(cl_postgres_study(s, study, n_names, &known, e));
  for (size_t i = 0; i < known->names.n_metrics; i++) {
    int status = visit(ctx, (int)i + 1, known->names.metrics[i]);
    if (status != 0) return status;
  }
  return 0;
}

/* Heads of trials. */

void cl_postgres_fill_trial(const struct cl_postgres *s, const PGresult *r, int row, struct cl_head *ret) {
  *ret = (struct cl_head){.version = cl_postgres_int(s, r, row, 1),
                          .proposed = cl_postgres_int(s, r, row, 2),
                          .waiting = cl_postgres_int(s, r, row, 3),
                          .load = cl_postgres_int(s, r, row, 4),
                          .reports = cl_postgres_int(s, r, row, 5),
                          .step = cl_postgres_real(s, r, row, 6),
                          .furthest = cl_postgres_real(s, r, row, 7),
                          .until = cl_postgres_real(s, r, row, 8),
                          .attempt = (int32_t)cl_postgres_int(s, r, row, 9),
                          .worker = (int32_t)cl_postgres_int(s, r, row, 10),
                          .state = (uint8_t)cl_postgres_int(s, r, row, 11),
                          .flags = (uint16_t)cl_postgres_int(s, r, row, 12),
                          .tries = (uint8_t)cl_postgres_int(s, r, row, 13),
                          .failures = (uint8_t)cl_postgres_int(s, r, row, 14),
                          .role = (uint8_t)cl_postgres_int(s, r, row, 15),
                          .source = cl_postgres_int(s, r, row, 16)};
}

/* Among those that came with the lock. */
static bool find_fetched(const struct cl_postgres *s, int64_t trial, struct cl_head *ret) {
  if (!s->writing || !s->heads_fetched) return false;
  const int64_t *hint = cl_sorted_find(s->hints, s->n_hints, sizeof *s->hints, trial);
  if (hint == NULL) return false;
  *ret = s->heads[hint - s->hints];
  return true;
}

int cl_postgres_trial_head(void *state, int64_t study, int64_t trial, struct cl_head *ret, struct cl_err *e) {
  struct cl_postgres *s = state;
  if (s->guessed && !s->heads_fetched && s->n_hints > 0) CL_TRY(cl_postgres_fetch_heads(s, study, e));
  if (find_fetched(s, trial, ret)) return 0;
  cl_postgres_put_int(s, study);
  cl_postgres_put_int(s, trial);
  CL_TRY(cl_postgres_send_known(s, PG_HEAD, true, e));
  CL_TRY(cl_postgres_collect(s, e));
  if (cl_postgres_rows(s, 0) > 0)
    cl_postgres_fill_trial(s, s->results[0], 0, ret);
  else
    *ret = (struct cl_head){0};
  return 0;
}

/* Columns of a trial's head, in the order of CL_POSTGRES_TRIAL_HEAD. */
enum {
  HEAD_TRIAL = 0,
  HEAD_VERSION = 1,
  HEAD_REPORTS = 5,
  HEAD_STEP = 6,
  HEAD_FURTHEST = 7,
  HEAD_UNTIL = 8,
  HEAD_LAST = 17,
  HEAD_COLUMNS = 18,
  HEADS_AT_A_TIME = 512
};

static bool is_step(int column) {
  return column >= HEAD_STEP && column <= HEAD_UNTIL;
}

static int64_t head_number(const struct cl_heads_entry *entry, int column) {
  const struct cl_head *head = &entry->head;
  const int64_t numbers[HEAD_COLUMNS] = {entry->trial,
                                         head->version,
                                         head->proposed,
                                         head->waiting,
                                         head->load,
                                         head->reports,
                                         0,
                                         0,
                                         0,
                                         head->attempt,
                                         head->worker,
                                         head->state,
                                         head->flags,
                                         head->tries,
                                         head->failures,
                                         head->role,
                                         head->source,
                                         entry->last};
  return numbers[column];
}

static double head_step(const struct cl_head *head, int column) {
  return column == HEAD_STEP ? head->step : column == HEAD_UNTIL ? head->until : head->furthest;
}

/* What HEAD_MOVE leaves alone. */
enum { HEAD_LISTED = 12 };

static void list_head(const struct cl_head *head, int64_t ret[HEAD_LISTED]) {
  int64_t listed[HEAD_LISTED] = {head->proposed, head->waiting,  head->load,  head->source,
                                 head->attempt,  head->worker,   head->state, head->flags,
                                 head->tries,    head->failures, head->role};
  memcpy(&listed[HEAD_LISTED - 1], &head->until, sizeof head->until);
  memcpy(ret, listed, sizeof listed);
}

/* Values that were changed and reports, of which there are most, change little of a head. */
static bool has_moved(const struct cl_heads_entry *entry) {
  int64_t a[HEAD_LISTED], b[HEAD_LISTED];
  list_head(&entry->stored, a);
  list_head(&entry->head, b);
  return entry->stored.proposed > 0 && memcmp(a, b, sizeof a) == 0;
}

/* The columns of a statement: all, or those of HEAD_MOVE. */
static int list_columns(bool moved, int ret[HEAD_COLUMNS]) {
  static const int moving[] = {HEAD_TRIAL, HEAD_VERSION, HEAD_REPORTS, HEAD_STEP, HEAD_FURTHEST, HEAD_LAST};
  int n = moved ? (int)(sizeof moving / sizeof *moving) : HEAD_COLUMNS;
  for (int i = 0; i < n; i++) ret[i] = moved ? moving[i] : i;
  return n;
}

static int put_head(struct cl_postgres *s, int64_t study, const struct cl_heads_entry *entry, bool moved,
                    struct cl_err *e) {
  int columns[HEAD_COLUMNS], n = list_columns(moved, columns);
  assert(entry->last > 0);
  cl_postgres_put_int(s, study);
  for (int i = 0; i < n; i++)
    if (is_step(columns[i]))
      cl_postgres_put_real(s, head_step(&entry->head, columns[i]));
    else
      cl_postgres_put_int(s, head_number(entry, columns[i]));
  return cl_postgres_send_known(s, moved ? PG_HEAD_MOVE : PG_HEAD_PUT, false, e);
}

static void put_column(struct cl_postgres *s, const struct cl_heads_entry *const *entries, size_t n,
                       int column) {
  int64_t numbers[HEADS_AT_A_TIME];
  double steps[HEADS_AT_A_TIME];
  for (size_t k = 0; k < n; k++)
    if (is_step(column))
      steps[k] = head_step(&entries[k]->head, column);
    else
      numbers[k] = head_number(entries[k], column);
  if (is_step(column))
    cl_postgres_put_reals(s, steps, n);
  else
    cl_postgres_put_ints(s, numbers, n);
}

/* A statement for all, with an array for each column. */
static int put_heads(struct cl_postgres *s, int64_t study, const struct cl_heads_entry *const *entries,
                     size_t n, bool moved, struct cl_err *e) {
  int columns[HEAD_COLUMNS], n_columns = list_columns(moved, columns);
  assert(n <= HEADS_AT_A_TIME);
  if (n == 0) return 0;
  if (n == 1) return put_head(s, study, entries[0], moved, e);
  cl_postgres_put_int(s, study);
  for (int i = 0; i < n_columns; i++) put_column(s, entries, n, columns[i]);
  return cl_postgres_send_known(s, moved ? PG_HEADS_MOVE : PG_HEADS_PUT, false, e);
}

static int write_those(struct cl_postgres *s, const struct cl_heads *changed, bool moved, struct cl_err *e) {
  const struct cl_heads_entry *batch[HEADS_AT_A_TIME];
  size_t n = 0;
  for (size_t i = 0; i < changed->n_changed; i++) {
    const struct cl_heads_entry *entry = &changed->entries[changed->changed[i]];
    if (has_moved(entry) != moved) continue;
    batch[n++] = entry;
    if (n < HEADS_AT_A_TIME) continue;
    CL_TRY(put_heads(s, s->open->id, batch, n, moved, e));
    n = 0;
  }
  return put_heads(s, s->open->id, batch, n, moved, e);
}

int cl_postgres_write_heads(struct cl_postgres *s, const struct cl_heads *changed, struct cl_err *e) {
  CL_TRY(write_those(s, changed, true, e));
  return write_those(s, changed, false, e);
}

int cl_postgres_pins(void *state, int64_t study, int64_t snapshot, int (*visit)(void *ctx, int64_t trial),
                     void *ctx, struct cl_err *e) {
  struct cl_postgres *s = state;
  cl_postgres_put_int(s, study);
  cl_postgres_put_int(s, snapshot);
  CL_TRY(cl_postgres_send_known(s, PG_PINS, true, e));
  CL_TRY(cl_postgres_collect(s, e));
  for (int i = 0; i < cl_postgres_rows(s, 0); i++) {
    int status = visit(ctx, cl_postgres_int(s, s->results[0], i, 0));
    if (status != 0) return status;
  }
  return 0;
}

int cl_postgres_heads(void *state, int64_t study, struct cl_study_head *ret,
                      int (*visit)(void *ctx, int64_t trial, const struct cl_head *head), void *ctx,
                      struct cl_err *e) {
  struct cl_postgres *s = state;
  int64_t n_names = 0;
  CL_TRY(cl_postgres_send_known(s, PG_BEGIN_READ, false, e));
  cl_postgres_put_int(s, study);
  CL_TRY(cl_postgres_send_known(s, PG_LOOK, true, e));
  cl_postgres_put_int(s, study);
  cl_postgres_put_int(s, 1);
  cl_postgres_put_int(s, INT64_MAX);
  CL_TRY(cl_postgres_send_known(s, PG_HEADS, true, e));
  CL_TRY(cl_postgres_send_known(s, PG_COMMIT, false, e));
  CL_TRY(cl_postgres_collect(s, e));
  PGresult *rows = cl_postgres_take(s, 1);
  int status = cl_postgres_settle(s, study, 0, ret, &n_names, e);
  for (int i = 0; i < s->pq.PQntuples(rows) && status == 0; i++) {
    struct cl_head head;
    cl_postgres_fill_trial(s, rows, i, &head);
    status = visit(ctx, cl_postgres_int(s, rows, i, 0), &head);
  }
  s->pq.PQclear(rows);
  return status;
}

/* Leases. */

static int read_lease(struct cl_postgres *s, enum cl_postgres_known which, int64_t study,
                      struct cl_lease *ret, struct cl_err *e) {
  cl_postgres_put_int(s, study);
  CL_TRY(cl_postgres_send_known(s, which, true, e));
  CL_TRY(cl_postgres_collect(s, e));
  if (cl_postgres_rows(s, 0) == 0) return cl_postgres_no_study(s, study, e);
  const PGresult *r = s->results[0];
  const char *holder = cl_postgres_text(s, r, 0, 0);
  *ret = (struct cl_lease){.generation = cl_postgres_int(s, r, 0, 1), .beat = cl_postgres_int(s, r, 0, 2)};
  (void)snprintf(ret->holder, sizeof ret->holder, "%s", holder == NULL ? "" : holder);
  return 0;
}

static int write_lease(struct cl_postgres *s, int64_t study, const struct cl_lease *lease, struct cl_err *e) {
  cl_postgres_put_int(s, study);
  cl_postgres_put_text(s, lease->holder);
  cl_postgres_put_int(s, lease->generation);
  cl_postgres_put_int(s, lease->beat);
  CL_TRY(cl_postgres_send_known(s, PG_LEASE_PUT, false, e));
  CL_TRY(cl_postgres_send_known(s, PG_COMMIT, false, e));
  return cl_postgres_collect(s, e);
}

static bool is_same(const struct cl_lease *a, const struct cl_lease *b) {
  return a->generation == b->generation && a->beat == b->beat && strcmp(a->holder, b->holder) == 0;
}

/* A connection that is lost at the end leaves open whether the lease was changed: then the row is looked at.
 */
int cl_postgres_lease(void *state, int64_t study, int (*change)(void *ctx, struct cl_lease *row), void *ctx,
                      struct cl_lease *ret, struct cl_err *e) {
  struct cl_postgres *s = state;
  if (change == NULL) return read_lease(s, PG_LEASE, study, ret, e);
  struct cl_lease before, after, now;
  CL_TRY(cl_postgres_send_known(s, PG_BEGIN, false, e));
  int status = read_lease(s, PG_LEASE_LOCK, study, &before, e);
  after = before;
  if (status == 0) status = change(ctx, &after);
  if (status == 0) {
    status = write_lease(s, study, &after, e);
    if (status == CLADE_ECLOSED && cl_postgres_mend(s, e) == 0 &&
        read_lease(s, PG_LEASE, study, &now, e) == 0)
      status = is_same(&now, &after) ? 0 : CLADE_ECLOSED;
  } else if (s->conn != NULL && s->pq.PQtransactionStatus(s->conn) == PQTRANS_INTRANS) {
    if (cl_postgres_send_once(s, "ROLLBACK", false, NULL) == 0) (void)cl_postgres_collect(s, NULL);
  }
  if (status >= 0) *ret = status == 0 ? after : before;
  return status;
}
