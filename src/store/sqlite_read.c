/* Reading in order: one walk per table, merged by position. A long read is cut into transactions of some ten
 * thousand rows, so that the write-ahead log can be taken in meanwhile; what was read does not change. The
 * tables of a long log that have most of its rows are walked over in threads (sqlite_ahead.c). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/sqlite_impl.h"
#include "store/summaries.h"

enum { CURSORS = 8, ROWS_AT_A_TIME = 65536, POSITIONS_MAX = 1 << 22, LISTED_MAX = 1024 };
/* Most of a log's rows are in these tables. */
static const enum cl_table long_tables[] = {TRIALS, DECISIONS, ATTEMPTS};
enum { AHEADS = sizeof long_tables / sizeof *long_tables, AHEAD_FROM = 65536 };

struct cursor {
  enum cl_table table;
  enum cl_sqlite_walk walk;
  sqlite3_stmt *statement;
  int64_t position;              /* of its row; INT64_MAX behind the last */
  bool listed;                   /* reports by the list of positions */
  struct cl_sqlite_ahead *ahead; /* where its rows come from, in place of a statement; or null */
  struct cl_sqlite_row *row;     /* the one it shows */
  struct cl_sqlite_row own;
};

/* What a thread is to walk over. */
struct errand {
  enum cl_table table;
  const struct cl_read *what;
  int64_t id, after, until, trials;
};

struct reader {
  struct cl_sqlite *s;
  struct cl_sqlite_study *study;
  const struct cl_read *what;
  int64_t id, after, until, trials;
  cl_event_visit *visit;
  void *ctx;
  struct cursor cursors[CURSORS];
  int n_cursors, n_aheads; /* those whose rows threads bring are the first, and stay from slice to slice */
  struct errand errands[AHEADS];
  struct cl_summaries summaries;
  int64_t last_event; /* filtered: behind it nothing more of these trials is to be found */
  int64_t *positions; /* of the reports to read, ascending; null: walk over all */
  size_t n_positions, cap_positions, at_position;
};

static bool is_filtered(const struct reader *r) {
  return r->what->trial_lo > 0;
}

/* The trials that are looked at: [lo, hi], empty when lo > hi. */
static void span_of(const struct reader *r, int64_t *ret_lo, int64_t *ret_hi) {
  *ret_lo = is_filtered(r) ? r->what->trial_lo : 1;
  *ret_hi = is_filtered(r) && r->what->trial_hi < r->trials ? r->what->trial_hi : r->trials;
}

static bool has_trials(const struct reader *r) {
  int64_t lo = 0, hi = 0;
  span_of(r, &lo, &hi);
  return lo <= hi;
}

static bool wants_report(const struct reader *r, int64_t trial) {
  if (is_filtered(r) && (trial < r->what->trial_lo || trial > r->what->trial_hi)) return false;
  return !cl_summaries_has(&r->summaries, trial);
}

/* Statements. */

static int prepare_walk(struct reader *r, struct cursor *c, struct cl_err *e) {
  struct cl_sqlite *s = r->s;
  sqlite3_stmt **statement = &s->walks[c->table][c->walk][r->what->only_state];
  if (*statement == NULL) {
    struct cl_text *t = &s->scratch;
    const char *table = cl_table_name(c->table);
    bool has_trial = c->table == ATTEMPTS || c->table == SNAPSHOTS;
    cl_text_clear(t);
    struct cl_text columns = {0};
    cl_text_format(&columns, "place, %s", cl_table_columns(c->table));
    cl_sqlite_select(t, cl_text_get(&columns), r->what->only_state ? " \"by\" as_of args " : NULL);
    if (columns.failed) t->failed = true;
    cl_text_done(&columns);
    cl_text_format(t, " FROM %s", table);
    if (c->walk == WALK_STUDY) cl_text_format(t, " INDEXED BY %s_study", table);
    cl_text_add(t, " WHERE place > ?2");
    if (c->walk != WALK_ALL)
      cl_text_add(t, " AND place <= ?3"); /* next_row sees the end, and SQLite need not */
    if (c->walk == WALK_STUDY) cl_text_add(t, " AND subject = 0");
    if (c->walk == WALK_TRIALS)
      cl_text_format(t, " AND +%s BETWEEN ?4 AND ?5", has_trial ? "trial" : "subject");
    cl_text_add(t, " ORDER BY place");
    if (t->failed) return CL_FAIL_NOMEM(e);
    CL_TRY(cl_sqlite_prepare(s, cl_text_get(t), statement, e));
  }
  c->statement = *statement;
  return 0;
}

/* The `args` of a trial may be those of an import, which are all there is of its state. */
static int prepare_wide(struct reader *r, bool trials, const char *where, sqlite3_stmt **statement,
                        struct cl_err *e) {
  if (*statement != NULL) return 0;
  struct cl_text *t = &r->s->scratch, columns = {0};
  cl_text_clear(t);
  if (trials)
    cl_sqlite_trial_columns(r->study, &columns);
  else
    cl_sqlite_report_columns(r->study, &columns);
  bool lean = trials && r->what->only_state;
  cl_sqlite_select(t, cl_text_get(&columns), lean ? " \"by\" as_of " : NULL);
  cl_text_format(t, " FROM %s_%lld WHERE %s", trials ? "trials" : "reports", (long long)r->id, where);
  int status =
      t->failed || columns.failed ? CL_FAIL_NOMEM(e) : cl_sqlite_prepare(r->s, cl_text_get(t), statement, e);
  cl_text_done(&columns);
  return status;
}

/* SELECT position FROM <table>_<study> <rest> */
static int prepare_positions(struct reader *r, const char *table, const char *rest, sqlite3_stmt **statement,
                             struct cl_err *e) {
  if (*statement != NULL) return 0;
  struct cl_text *t = &r->s->scratch;
  cl_text_clear(t);
  cl_text_format(t, "SELECT position FROM %s_%lld %s", table, (long long)r->id, rest);
  if (t->failed) return CL_FAIL_NOMEM(e);
  return cl_sqlite_prepare(r->s, cl_text_get(t), statement, e);
}

/* Position of a trial's row; INT64_MAX when it has none. */
static int position_of_trial(struct reader *r, int64_t trial, int64_t *ret, struct cl_err *e) {
  sqlite3_stmt **statement = &r->study->trial_position;
  CL_TRY(prepare_positions(r, "trials", "WHERE trial = ?1", statement, e));
  (void)sqlite3_bind_int64(*statement, 1, trial);
  int status = cl_sqlite_step(r->s, *statement, e);
  CL_TRY(status);
  *ret = status == 0 ? INT64_MAX : sqlite3_column_int64(*statement, 0);
  (void)sqlite3_reset(*statement);
  return 0;
}

/* First trial whose row lies behind r->after. Positions rise with trials; readers mostly want the last few.
 */
static int first_trial(struct reader *r, int64_t *ret, struct cl_err *e) {
  int64_t lo = 1, hi = r->trials + 1, position = 0;
  for (int64_t back = 1; r->after > 0 && back <= r->trials; back *= 2) {
    int64_t at = r->trials + 1 - back;
    CL_TRY(position_of_trial(r, at, &position, e));
    if (position <= r->after) {
      lo = at + 1;
      break;
    }
    hi = at;
  }
  while (r->after > 0 && lo < hi) {
    int64_t mid = lo + (hi - lo) / 2;
    CL_TRY(position_of_trial(r, mid, &position, e));
    if (position <= r->after)
      lo = mid + 1;
    else
      hi = mid;
  }
  assert(lo >= 1 && lo <= r->trials + 1);
  *ret = lo;
  return 0;
}

/* Cursors. */

static int next_listed(struct reader *r, struct cursor *c, struct cl_err *e) {
  (void)sqlite3_reset(c->statement);
  c->position = INT64_MAX;
  if (r->at_position >= r->n_positions) return 0;
  (void)sqlite3_bind_int64(c->statement, 2, r->positions[r->at_position++]);
  int status = cl_sqlite_step(r->s, c->statement, e);
  if (status == 0)
    return CL_FAIL(e, CLADE_ECORRUPT, "report %lld of '%s' is in the index, but not in the table",
                   (long long)r->positions[r->at_position - 1], r->s->path);
  CL_TRY(status);
  c->position = c->row->ev.position;
  return 0;
}

static int next_ahead(struct cursor *c, struct cl_err *e) {
  c->position = INT64_MAX;
  int status = cl_sqlite_ahead_take(c->ahead, &c->row, e);
  if (status == 1) c->position = c->row->ev.position;
  return status < 0 ? status : 0;
}

static int next_row(struct reader *r, struct cursor *c, struct cl_err *e) {
  assert(r->after <= r->until);
  if (c->ahead != NULL) return next_ahead(c, e);
  assert(c->statement != NULL);
  if (c->listed) return next_listed(r, c, e);
  c->position = INT64_MAX;
  for (;;) {
    int status = cl_sqlite_step(r->s, c->statement, e);
    if (status <= 0) return status;
    int64_t position = c->row->ev.position, last = r->id * CL_SQLITE_POSITIONS + r->until;
    if (position > r->until || (c->table > REPORTS && c->row->place > last)) {
      (void)sqlite3_reset(c->statement);
      return 0;
    }
    if (c->table == REPORTS && !wants_report(r, c->row->ev.subject)) continue;
    c->position = position;
    return 0;
  }
}

static int open_trials(struct reader *r, struct cursor *c, struct cl_err *e) {
  int64_t first = 0, last = is_filtered(r) && r->what->trial_hi < r->trials ? r->what->trial_hi : r->trials;
  CL_TRY(first_trial(r, &first, e));
  if (is_filtered(r) && first < r->what->trial_lo) first = r->what->trial_lo;
  sqlite3_stmt **statement = &r->study->read_trials[r->what->only_state];
  CL_TRY(prepare_wide(r, true, "trial BETWEEN ?2 AND ?3 ORDER BY trial", statement, e));
  c->statement = *statement;
  (void)sqlite3_bind_int64(c->statement, 2, first);
  (void)sqlite3_bind_int64(c->statement, 3, last);
  return 0;
}

static int open_reports(struct reader *r, struct cursor *c, struct cl_err *e) {
  c->listed = r->positions != NULL;
  if (c->listed) {
    CL_TRY(prepare_wide(r, false, "position = ?2", &r->study->read_report, e));
    c->statement = r->study->read_report;
    r->at_position = 0;
    while (r->at_position < r->n_positions && r->positions[r->at_position] <= r->after) r->at_position++;
    return 0;
  }
  CL_TRY(prepare_wide(r, false, "position > ?2 AND position <= ?3 ORDER BY position", &r->study->read_reports,
                      e));
  c->statement = r->study->read_reports;
  (void)sqlite3_bind_int64(c->statement, 2, r->after);
  (void)sqlite3_bind_int64(c->statement, 3, r->until);
  return 0;
}

static int open_shared(struct reader *r, struct cursor *c, struct cl_err *e) {
  int64_t after = r->after, until = r->until, base = r->id * CL_SQLITE_POSITIONS;
  assert(c->table != TRIALS && c->table != REPORTS);
  CL_TRY(prepare_walk(r, c, e));
  if (c->walk == WALK_TRIALS) {
    if (r->last_event < until) until = r->last_event;
    int64_t proposed = 0;
    CL_TRY(position_of_trial(r, r->what->trial_lo, &proposed, e));
    if (proposed > r->until) proposed = r->until;
    if (proposed > after) after = proposed;
    (void)sqlite3_bind_int64(c->statement, 4, r->what->trial_lo);
    (void)sqlite3_bind_int64(c->statement, 5, r->what->trial_hi);
  }
  (void)sqlite3_bind_int64(c->statement, 2, base + after);
  if (c->walk != WALK_ALL) (void)sqlite3_bind_int64(c->statement, 3, base + until);
  return 0;
}

/* Its row is filled at the next step. */
static void set_row(const struct reader *r, struct cursor *c) {
  c->row->s = r->s;
  c->row->study = r->study;
  c->row->table = c->table;
  c->row->only_state = r->what != NULL && r->what->only_state;
}

static int open_cursor(struct reader *r, enum cl_table table, enum cl_sqlite_walk walk, struct cl_err *e) {
  assert(r->n_cursors < CURSORS);
  struct cursor *c = &r->cursors[r->n_cursors];
  c->table = table;
  c->walk = walk;
  c->listed = false;
  int status = table == TRIALS    ? open_trials(r, c, e)
               : table == REPORTS ? open_reports(r, c, e)
                                  : open_shared(r, c, e);
  CL_TRY(status);
  r->n_cursors++;
  if (c->row == NULL) c->row = &c->own;
  set_row(r, c);
  cl_sqlite_bind_row(c->statement, &c->row);
  return next_row(r, c, e);
}

static bool is_ahead(const struct reader *r, enum cl_table table) {
  for (int i = 0; i < r->n_aheads; i++)
    if (r->cursors[i].table == table) return true;
  return false;
}

static int open_cursors(struct reader *r, struct cl_err *e) {
  enum cl_sqlite_walk walk = is_filtered(r) ? WALK_TRIALS : WALK_ALL;
  if (!is_filtered(r) || has_trials(r))
    for (int t = r->what->only_notes ? NOTES : 0; t < TABLES; t++)
      if (!is_ahead(r, (enum cl_table)t)) CL_TRY(open_cursor(r, (enum cl_table)t, walk, e));
  if (!is_filtered(r) || r->what->only_trials) return 0;
  if (!r->what->only_notes) CL_TRY(open_cursor(r, DECISIONS, WALK_STUDY, e));
  return open_cursor(r, NOTES, WALK_STUDY, e);
}

static void close_cursors(struct reader *r) {
  for (int i = r->n_aheads; i < r->n_cursors; i++) (void)sqlite3_reset(r->cursors[i].statement);
  r->n_cursors = r->n_aheads;
}

/* Threads. */

/* One transaction's worth of the only cursor. When all was read, until = after. */
static int walk_slice(struct reader *r, enum cl_table table, struct cl_sqlite_ahead *a, struct cl_err *e) {
  struct cursor *c = &r->cursors[0];
  c->row = cl_sqlite_ahead_row(a);
  CL_TRY(open_cursor(r, table, WALK_ALL, e));
  for (int i = 0; i < ROWS_AT_A_TIME && c->position != INT64_MAX; i++) {
    r->after = c->position;
    CL_TRY(cl_sqlite_ahead_give(a));
    c->row = cl_sqlite_ahead_row(a);
    set_row(r, c);
    CL_TRY(next_row(r, c, e));
  }
  if (c->position == INT64_MAX) r->until = r->after;
  return 0;
}

static int walk_ahead(void *ctx, struct cl_sqlite *own, struct cl_sqlite_ahead *a, struct cl_err *e) {
  const struct errand *errand = ctx;
  struct reader r = {.s = own, .what = errand->what, .id = errand->id, .trials = errand->trials};
  r.after = errand->after;
  r.until = errand->until;
  struct cl_study_head head;
  int64_t n_names = 0;
  CL_TRY(cl_sqlite_look(own, r.id, &head, &n_names, e));
  CL_TRY(cl_sqlite_study(own, r.id, n_names, &r.study, e));
  int status = 0;
  while (status == 0 && r.until > r.after) {
    status = cl_sqlite_run_one(own, SQL_BEGIN_READ, e);
    if (status == 0) status = walk_slice(&r, errand->table, a, e);
    close_cursors(&r);
    cl_sqlite_end_read(own);
  }
  return status;
}

/* Threads take about a millisecond to begin. */
static bool is_long(const struct reader *r) {
  const struct cl_store_options *o = &r->s->options;
  return o->beside && r->until - r->after >= (o->ahead_from == 0 ? AHEAD_FROM : o->ahead_from);
}

static void start_aheads(struct reader *r) {
  if (!is_long(r) || is_filtered(r) || r->what->only_notes) return;
  for (int i = 0; i < AHEADS; i++) {
    struct cursor *c = &r->cursors[r->n_aheads];
    struct errand *errand = &r->errands[r->n_aheads];
    *errand = (struct errand){long_tables[i], r->what, r->id, r->after, r->until, r->trials};
    c->table = errand->table;
    c->ahead = cl_sqlite_ahead_start(r->s, walk_ahead, errand);
    if (c->ahead != NULL) r->n_aheads++;
  }
}

/* The threads' first rows. */
static int open_aheads(struct reader *r, struct cl_err *e) {
  start_aheads(r);
  r->n_cursors = r->n_aheads;
  for (int i = 0; i < r->n_aheads; i++) CL_TRY(next_row(r, &r->cursors[i], e));
  return 0;
}

static void end_aheads(struct reader *r) {
  for (int i = 0; i < r->n_aheads; i++) cl_sqlite_ahead_end(r->cursors[i].ahead);
}

/* Which reports to read. */

static int list_positions(struct reader *r, int64_t lo, int64_t hi, struct cl_err *e) {
  assert(lo >= 1 && lo <= hi);
  sqlite3_stmt **statement = &r->study->report_positions;
  CL_TRY(prepare_positions(r, "reports", "WHERE trial BETWEEN ?1 AND ?2", statement, e));
  (void)sqlite3_bind_int64(*statement, 1, lo);
  (void)sqlite3_bind_int64(*statement, 2, hi);
  int status;
  while ((status = cl_sqlite_step(r->s, *statement, e)) == 1) {
    int64_t position = sqlite3_column_int64(*statement, 0);
    if (position <= r->after || position > r->until) continue;
    if (r->n_positions == POSITIONS_MAX) {
      status = CLADE_STOP;
      break;
    }
    if (cl_grow(&r->positions, &r->cap_positions, r->n_positions + 1, sizeof *r->positions) < 0) {
      status = CL_FAIL_NOMEM(e);
      break;
    }
    r->positions[r->n_positions++] = position;
  }
  (void)sqlite3_reset(*statement);
  return status;
}

static int by_size(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* After listing: sorted, or too many, so that all are walked over instead. */
static int settle_positions(struct reader *r, int status, struct cl_err *e) {
  CL_TRY(status);
  if (status == CLADE_STOP) {
    cl_free(r->positions);
    r->positions = NULL;
    r->n_positions = r->cap_positions = 0;
    return 0;
  }
  if (r->positions == NULL) r->positions = cl_alloc(sizeof *r->positions); /* an empty list is a list */
  if (r->positions == NULL) return CL_FAIL_NOMEM(e);
  qsort(r->positions, r->n_positions, sizeof *r->positions, by_size);
  return 0;
}

struct finding {
  struct reader *r;
  int64_t unfinished[LISTED_MAX]; /* trials whose reports are read */
  int n_unfinished;               /* LISTED_MAX + 1: too many to list */
  struct cl_err *e;
};

static void note_unfinished(struct finding *f, int64_t trial) {
  if (f->n_unfinished < LISTED_MAX)
    f->unfinished[f->n_unfinished++] = trial;
  else
    f->n_unfinished = LISTED_MAX + 1;
}

static int summarise(void *ctx, int64_t trial, const struct cl_head *h) {
  struct finding *f = ctx;
  if (!cl_summaries_take(&f->r->summaries, trial, h)) note_unfinished(f, trial);
  return 0;
}

/* An end that came late, or without a value, sums nothing up. */
static int leave_out_open_ends(struct reader *r, struct finding *f, struct cl_err *e) {
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(r->s, SQL_OPEN_ENDS, &row, e));
  (void)sqlite3_bind_int64(row, 1, r->id * CL_SQLITE_POSITIONS);
  (void)sqlite3_bind_int64(row, 2, (r->id + 1) * CL_SQLITE_POSITIONS);
  int status;
  while ((status = cl_sqlite_step(r->s, row, e)) == 1) {
    int64_t trial = sqlite3_column_int64(row, 0);
    if (cl_summaries_drop(&r->summaries, trial)) note_unfinished(f, trial);
  }
  return status;
}

static int find_summaries(struct reader *r, struct cl_err *e) {
  struct finding f = {.r = r, .e = e};
  int64_t lo = 0, hi = 0;
  span_of(r, &lo, &hi);
  if (lo > hi) return 0;
  sqlite3_stmt **any = &r->study->any_report;
  CL_TRY(prepare_positions(r, "reports", "LIMIT 1", any, e));
  int status = cl_sqlite_step(r->s, *any, e);
  (void)sqlite3_reset(*any);
  if (status <= 0) return status; /* nothing to leave out */
  CL_TRY(cl_summaries_init(&r->summaries, lo, hi, e));
  CL_TRY(cl_sqlite_visit_sums(r->s, r->id, lo, hi, summarise, &f, e));
  CL_TRY(leave_out_open_ends(r, &f, e));
  if (is_filtered(r) || f.n_unfinished > LISTED_MAX) return 0;
  status = 0;
  for (int i = 0; i < f.n_unfinished && status == 0; i++)
    status = list_positions(r, f.unfinished[i], f.unfinished[i], e);
  return settle_positions(r, status, e);
}

static int choose_reports(struct reader *r, int64_t head, struct cl_err *e) {
  if (r->what->only_notes) return 0;
  if (r->what->skip_known_reports && r->until == head) CL_TRY(find_summaries(r, e));
  if (!is_filtered(r) || !has_trials(r)) return 0;
  return settle_positions(r, list_positions(r, r->what->trial_lo, r->what->trial_hi, e), e);
}

/* The merge. */

static struct cursor *next_cursor(struct reader *r) {
  struct cursor *next = &r->cursors[0];
  for (int i = 1; i < r->n_cursors; i++)
    if (r->cursors[i].position < next->position) next = &r->cursors[i];
  return next->position == INT64_MAX ? NULL : next;
}

static int show(struct reader *r, struct cursor *c, struct cl_err *e) {
  assert(c->position > r->after && c->position == c->row->ev.position);
  CL_TRY(cl_sqlite_complete(c->row, e));
  cl_summaries_attach(&r->summaries, &c->row->ev);
  r->after = c->position;
  return r->visit(r->ctx, &c->row->ev);
}

/* One transaction's worth. When all was read, until = after. */
static int read_slice(struct reader *r, struct cl_err *e) {
  CL_TRY(open_cursors(r, e));
  for (int i = 0; i < ROWS_AT_A_TIME; i++) {
    struct cursor *c = next_cursor(r);
    if (c == NULL) {
      r->until = r->after;
      return 0;
    }
    int status = show(r, c, e);
    if (status != 0) return status;
    CL_TRY(next_row(r, c, e));
  }
  return 0;
}

static int prepare_read(struct reader *r, struct cl_err *e) {
  struct cl_study_head head;
  int64_t n_names = 0;
  CL_TRY(cl_sqlite_look(r->s, r->id, &head, &n_names, e));
  CL_TRY(cl_sqlite_study(r->s, r->id, n_names, &r->study, e));
  r->trials = head.trials;
  r->until = r->what->until == 0 || r->what->until > head.position ? head.position : r->what->until;
  if (r->until <= r->after) return 0;
  int64_t lo = 0, hi = 0;
  span_of(r, &lo, &hi);
  if (is_filtered(r) && has_trials(r)) CL_TRY(cl_sqlite_last_event(r->s, r->id, lo, hi, &r->last_event, e));
  return choose_reports(r, head.position, e);
}

int cl_sqlite_read(void *state, int64_t study, const struct cl_read *what, cl_event_visit *visit, void *ctx,
                   struct cl_err *e) {
  struct cl_sqlite *s = state;
  struct reader r = {.s = s, .what = what, .id = study, .after = what->after, .visit = visit, .ctx = ctx};
  CL_TRY(cl_sqlite_run_one(s, SQL_BEGIN_READ, e));
  int status = prepare_read(&r, e);
  if (status == 0) status = open_aheads(&r, e);
  while (status == 0 && r.until > r.after) {
    status = read_slice(&r, e);
    close_cursors(&r);
    if (status != 0 || r.until <= r.after) break;
    cl_sqlite_end_read(s);
    status = cl_sqlite_run_one(s, SQL_BEGIN_READ, e);
  }
  cl_sqlite_end_read(s);
  end_aheads(&r);
  for (int i = 0; i < CURSORS; i++) cl_sqlite_row_done(&r.cursors[i].own);
  cl_summaries_done(&r.summaries);
  cl_free(r.positions);
  return status;
}

static int read_curve(struct reader *r, int64_t trial, struct cl_err *e) {
  struct cl_study_head head;
  int64_t n_names = 0;
  CL_TRY(cl_sqlite_look(r->s, r->id, &head, &n_names, e));
  CL_TRY(cl_sqlite_study(r->s, r->id, n_names, &r->study, e));
  CL_TRY(prepare_wide(r, false, "trial = ?2 ORDER BY position", &r->study->read_curve, e));
  struct cursor *c = &r->cursors[0];
  c->statement = r->study->read_curve;
  c->table = REPORTS;
  c->row = &c->own;
  set_row(r, c);
  cl_sqlite_bind_row(c->statement, &c->row);
  (void)sqlite3_bind_int64(c->statement, 2, trial);
  int status;
  while ((status = cl_sqlite_step(r->s, c->statement, e)) == 1) {
    c->position = c->row->ev.position;
    status = show(r, c, e);
    if (status != 0) break;
  }
  (void)sqlite3_reset(c->statement);
  return status;
}

int cl_sqlite_read_reports(void *state, int64_t study, int64_t trial, cl_event_visit *visit, void *ctx,
                           struct cl_err *e) {
  struct cl_sqlite *s = state;
  struct reader r = {.s = s, .id = study, .visit = visit, .ctx = ctx};
  CL_TRY(cl_sqlite_run_one(s, SQL_BEGIN_READ, e));
  int status = read_curve(&r, trial, e);
  cl_sqlite_end_read(s);
  cl_sqlite_row_done(&r.cursors[0].own);
  return status;
}
