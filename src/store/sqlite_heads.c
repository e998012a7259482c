/* The two mutable tables, `studies` and `heads`: what appends are judged by, and the lease. */
#include <assert.h>
#include <string.h>

#include "store/sqlite_impl.h"

/* Columns CL_SQLITE_HEAD from `first` on. */
static void fill_study(sqlite3_stmt *row, int first, struct cl_study_head *ret) {
  *ret = (struct cl_study_head){.position = sqlite3_column_int64(row, first),
                                .version = sqlite3_column_int64(row, first + 1),
                                .trials = sqlite3_column_int64(row, first + 2),
                                .counted = sqlite3_column_int64(row, first + 3),
                                .budget = sqlite3_column_int64(row, first + 4),
                                .workers = sqlite3_column_int(row, first + 5),
                                .objectives = sqlite3_column_int(row, first + 6),
                                .space_version = sqlite3_column_int(row, first + 7),
                                .retries = sqlite3_column_int(row, first + 8),
                                .open = sqlite3_column_int(row, first + 9) != 0};
}

static int no_study(const struct cl_sqlite *s, int64_t study, struct cl_err *e) {
  return CL_FAIL(e, CLADE_ENOTFOUND, "there is no study number %lld in '%s'", (long long)study, s->path);
}

int cl_sqlite_look(struct cl_sqlite *s, int64_t study, struct cl_study_head *ret, int64_t *ret_names,
                   struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(s, SQL_STUDY, &row, e));
  (void)sqlite3_bind_int64(row, 1, study);
  int status = cl_sqlite_step(s, row, e);
  if (status == 0) return no_study(s, study, e);
  CL_TRY(status);
  *ret_names = sqlite3_column_int64(row, 0);
  fill_study(row, 1, ret);
  (void)sqlite3_reset(row);
  return 0;
}

int cl_sqlite_head(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  int64_t n_names = 0;
  return cl_sqlite_look_newest(state, study, ret, &n_names, e);
}

int cl_sqlite_put_study(struct cl_sqlite *s, int64_t study, const struct cl_study_head *head, int64_t n_names,
                        struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(s, SQL_STUDY_PUT, &row, e));
  const int64_t columns[] = {
      study,        n_names,       head->position,   head->version,       head->trials,  head->counted,
      head->budget, head->workers, head->objectives, head->space_version, head->retries, head->open};
  for (int i = 0; i < (int)(sizeof columns / sizeof *columns); i++)
    (void)sqlite3_bind_int64(row, i + 1, columns[i]);
  return cl_sqlite_run(s, row, e);
}

static int visit_studies(struct cl_sqlite *s, sqlite3_stmt *row,
                         int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx,
                         struct cl_err *e) {
  int status;
  while ((status = cl_sqlite_step(s, row, e)) == 1) {
    struct cl_study_row study = {.id = sqlite3_column_int64(row, 0),
                                 .name = cl_sqlite_text(row, 1),
                                 .uuid = cl_sqlite_text(row, 2),
                                 .created_ms = sqlite3_column_int64(row, 3)};
    fill_study(row, 4, &study.head);
    status = study.name == NULL || study.uuid == NULL
                 ? CL_FAIL(e, CLADE_ECORRUPT, "study number %lld has no name", (long long)study.id)
                 : visit(ctx, &study);
    if (status != 0) break;
  }
  (void)sqlite3_reset(row);
  return status;
}

int cl_sqlite_studies(void *state, int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx,
                      struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(state, SQL_STUDIES, &row, e));
  return visit_studies(state, row, visit, ctx, e);
}

int cl_sqlite_namesakes(void *state, const char *name, const char *uuid,
                        int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx,
                        struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(state, SQL_NAMESAKES, &row, e));
  cl_sqlite_bind_text(row, 1, name);
  cl_sqlite_bind_text(row, 2, uuid);
  int status = visit_studies(state, row, visit, ctx, e);
  (void)sqlite3_clear_bindings(row);
  return status;
}

/* Heads of trials. */

static void fill_trial(sqlite3_stmt *row, struct cl_head *ret) {
  *ret = (struct cl_head){.version = sqlite3_column_int64(row, 1),
                          .proposed = sqlite3_column_int64(row, 2),
                          .waiting = sqlite3_column_int64(row, 3),
                          .load = sqlite3_column_int64(row, 4),
                          .reports = sqlite3_column_int64(row, 5),
                          .step = cl_sqlite_real(row, 6),
                          .furthest = cl_sqlite_real(row, 7),
                          .until = cl_sqlite_real(row, 8),
                          .attempt = sqlite3_column_int(row, 9),
                          .worker = sqlite3_column_int(row, 10),
                          .state = (uint8_t)sqlite3_column_int(row, 11),
                          .flags = (uint16_t)sqlite3_column_int(row, 12),
                          .tries = (uint8_t)sqlite3_column_int(row, 13),
                          .failures = (uint8_t)sqlite3_column_int(row, 14),
                          .role = (uint8_t)sqlite3_column_int(row, 15),
                          .source = sqlite3_column_int64(row, 16)};
}

static int64_t place_of(int64_t study, int64_t number) {
  assert(study >= 1 && number >= 0);
  return study * CL_SQLITE_POSITIONS + number;
}

int cl_sqlite_trial_head(void *state, int64_t study, int64_t trial, struct cl_head *ret, struct cl_err *e) {
  struct cl_sqlite *s = state;
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(s, SQL_HEAD, &row, e));
  (void)sqlite3_bind_int64(row, 1, place_of(study, trial));
  int status = cl_sqlite_step(s, row, e);
  CL_TRY(status);
  *ret = (struct cl_head){0};
  if (status == 0) return 0;
  fill_trial(row, ret);
  (void)sqlite3_reset(row);
  return 0;
}

int cl_sqlite_put_head(struct cl_sqlite *s, int64_t study, const struct cl_heads_entry *entry,
                       struct cl_err *e) {
  const struct cl_head *head = &entry->head;
  sqlite3_stmt *row = NULL;
  const struct cl_head *stored = &entry->stored;
  bool moved = stored->proposed > 0 && head->source == stored->source; /* the index on sources stays */
  int64_t waiting = head->state == CL_WAITING ? head->waiting : 0;     /* which nobody looks at then */
  assert(entry->last > 0);
  CL_TRY(cl_sqlite_get(s, moved ? SQL_HEAD_MOVE : SQL_HEAD_PUT, &row, e));
  const int64_t before[] = {
      place_of(study, entry->trial), head->version, head->proposed, waiting, head->load, head->reports};
  const int64_t after[] = {head->attempt,  head->worker, head->state,  head->flags, head->tries,
                           head->failures, head->role,   head->source, entry->last};
  for (int i = 0; i < 6; i++) (void)sqlite3_bind_int64(row, i + 1, before[i]);
  cl_sqlite_bind_real(row, 7, head->step);
  cl_sqlite_bind_real(row, 8, head->furthest);
  cl_sqlite_bind_real(row, 9, head->until);
  for (int i = 0; i < 9; i++) (void)sqlite3_bind_int64(row, i + 10, after[i]);
  return cl_sqlite_run(s, row, e);
}

int cl_sqlite_pins(void *state, int64_t study, int64_t snapshot, int (*visit)(void *ctx, int64_t trial),
                   void *ctx, struct cl_err *e) {
  struct cl_sqlite *s = state;
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(s, SQL_PINS, &row, e));
  (void)sqlite3_bind_int64(row, 1, snapshot);
  (void)sqlite3_bind_int64(row, 2, place_of(study, 0));
  (void)sqlite3_bind_int64(row, 3, place_of(study + 1, 0));
  int status;
  while ((status = cl_sqlite_step(s, row, e)) == 1) {
    status = visit(ctx, sqlite3_column_int64(row, 0));
    if (status != 0) break;
  }
  (void)sqlite3_reset(row);
  return status;
}

int cl_sqlite_last_event(struct cl_sqlite *s, int64_t study, int64_t lo, int64_t hi, int64_t *ret,
                         struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(s, SQL_LAST_EVENT, &row, e));
  (void)sqlite3_bind_int64(row, 1, place_of(study, lo));
  (void)sqlite3_bind_int64(row, 2, place_of(study, hi));
  int status = cl_sqlite_step(s, row, e);
  CL_TRY(status);
  assert(status == 1); /* an aggregate always gives a row */
  *ret = sqlite3_column_int64(row, 0);
  (void)sqlite3_reset(row);
  return 0;
}

static void fill_sum(sqlite3_stmt *row, struct cl_head *ret) {
  *ret = (struct cl_head){.reports = sqlite3_column_int64(row, 1),
                          .step = cl_sqlite_real(row, 2),
                          .furthest = cl_sqlite_real(row, 3),
                          .attempt = sqlite3_column_int(row, 4),
                          .state = (uint8_t)sqlite3_column_int(row, 5),
                          .flags = (uint16_t)sqlite3_column_int(row, 6),
                          .role = (uint8_t)sqlite3_column_int(row, 7)};
}

/* All heads have a place first; `fill` takes the rest. */
static int visit_rows(struct cl_sqlite *s, enum cl_sqlite_statement statement, const int64_t places[2],
                      void (*fill)(sqlite3_stmt *row, struct cl_head *ret),
                      int (*visit)(void *ctx, int64_t trial, const struct cl_head *head), void *ctx,
                      struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(s, statement, &row, e));
  (void)sqlite3_bind_int64(row, 1, places[0]);
  (void)sqlite3_bind_int64(row, 2, places[1]);
  int status;
  while ((status = cl_sqlite_step(s, row, e)) == 1) {
    struct cl_head head;
    fill(row, &head);
    status = visit(ctx, sqlite3_column_int64(row, 0) & (CL_SQLITE_POSITIONS - 1), &head);
    if (status != 0) break;
  }
  (void)sqlite3_reset(row);
  return status;
}

int cl_sqlite_visit_heads(struct cl_sqlite *s, int64_t study, int64_t lo, int64_t hi,
                          int (*visit)(void *ctx, int64_t trial, const struct cl_head *head), void *ctx,
                          struct cl_err *e) {
  const int64_t places[] = {place_of(study, lo - 1), place_of(study, hi)};
  return visit_rows(s, SQL_HEADS, places, fill_trial, visit, ctx, e);
}

int cl_sqlite_visit_sums(struct cl_sqlite *s, int64_t study, int64_t lo, int64_t hi,
                         int (*visit)(void *ctx, int64_t trial, const struct cl_head *head), void *ctx,
                         struct cl_err *e) {
  const int64_t places[] = {place_of(study, lo - 1), place_of(study, hi)};
  return visit_rows(s, SQL_SUMS, places, fill_sum, visit, ctx, e);
}

int cl_sqlite_heads(void *state, int64_t study, struct cl_study_head *ret,
                    int (*visit)(void *ctx, int64_t trial, const struct cl_head *head), void *ctx,
                    struct cl_err *e) {
  struct cl_sqlite *s = state;
  CL_TRY(cl_sqlite_run_one(s, SQL_BEGIN_READ, e));
  int status = cl_sqlite_head(s, study, ret, e);
  if (status == 0) status = cl_sqlite_visit_heads(s, study, 1, ret->trials, visit, ctx, e);
  cl_sqlite_end_read(s);
  return status;
}

/* Leases. */

static int read_lease(struct cl_sqlite *s, int64_t study, struct cl_lease *ret, struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(s, SQL_LEASE, &row, e));
  (void)sqlite3_bind_int64(row, 1, study);
  int status = cl_sqlite_step(s, row, e);
  if (status == 0) return no_study(s, study, e);
  CL_TRY(status);
  const char *holder = cl_sqlite_text(row, 0);
  *ret = (struct cl_lease){.generation = sqlite3_column_int64(row, 1), .beat = sqlite3_column_int64(row, 2)};
  (void)snprintf(ret->holder, sizeof ret->holder, "%s", holder == NULL ? "" : holder);
  (void)sqlite3_reset(row);
  return 0;
}

static int write_lease(struct cl_sqlite *s, int64_t study, const struct cl_lease *lease, struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(s, SQL_LEASE_PUT, &row, e));
  (void)sqlite3_bind_int64(row, 1, study);
  cl_sqlite_bind_text(row, 2, lease->holder);
  (void)sqlite3_bind_int64(row, 3, lease->generation);
  (void)sqlite3_bind_int64(row, 4, lease->beat);
  int status = cl_sqlite_run(s, row, e);
  (void)sqlite3_clear_bindings(row);
  return status;
}

int cl_sqlite_lease(void *state, int64_t study, int (*change)(void *ctx, struct cl_lease *row), void *ctx,
                    struct cl_lease *ret, struct cl_err *e) {
  struct cl_sqlite *s = state;
  if (change == NULL) return read_lease(s, study, ret, e);
  struct cl_lease before, after;
  CL_TRY(cl_sqlite_begin_write(s, e));
  int status = read_lease(s, study, &before, e);
  after = before;
  if (status == 0) status = change(ctx, &after);
  if (status == 0) status = write_lease(s, study, &after, e);
  int ended = cl_sqlite_end_write(s, status == 0, e);
  if (ended < 0) return ended;
  if (status >= 0) *ret = status == 0 ? after : before;
  return status;
}
