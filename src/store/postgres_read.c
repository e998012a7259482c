/* Reading in order: one statement per table and slice, sent together, merged by position. Each statement
 * gives a limited number of rows; what all of them have given completely is shown, and the next slice begins
 * behind it. Rows are in memory before the first is shown, so no transaction is open while the visitor works.
 */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "store/postgres_impl.h"
#include "store/summaries.h"

enum { WALKS_MAX = 8, CELLS_AT_A_TIME = 200000, ROWS_MIN = 64, ROWS_MAX = 8192, LISTED_MAX = 1024 };

struct walk {
  enum cl_table table;
  enum cl_postgres_walk which;
  PGresult *rows;
  int n, at, limit;
  int64_t position; /* of its row; INT64_MAX behind the last */
};

struct reader {
  struct cl_postgres *s;
  struct cl_postgres_study *study;
  const struct cl_read *what;
  int64_t id, after, until, trials;
  int64_t first, last; /* filtered: events on these trials lie in [first, last] */
  cl_event_visit *visit;
  void *ctx;
  struct walk walks[WALKS_MAX];
  int n_walks;
  PGresult *assigned;
  int at_assigned;
  struct cl_postgres_row row;
  struct cl_summaries summaries;
  int64_t unfinished[LISTED_MAX]; /* trials whose reports are read */
  int n_unfinished;               /* LISTED_MAX + 1: too many to list */
  bool lists;                     /* only reports of the unfinished are asked for */
};

static bool is_filtered(const struct reader *r) {
  return r->what->trial_lo > 0;
}

/* Statements. */

/* "SELECT … FROM …" of a wide table. */
static void select_wide(const struct reader *r, bool trials, const char *where, struct cl_text *ret) {
  cl_text_add(ret, "SELECT ");
  if (trials)
    cl_postgres_trial_columns(r->study, ret);
  else
    cl_postgres_report_columns(r->study, ret);
  cl_text_format(ret, " FROM %s_%lld WHERE %s", trials ? "trials" : "reports", (long long)r->id, where);
}

static void select_shared(const struct walk *w, struct cl_text *ret) {
  const char *table = cl_table_name(w->table);
  bool has_trial = w->table == ATTEMPTS || w->table == SNAPSHOTS;
  cl_text_format(ret, "SELECT position, %s FROM %s WHERE study = $1 AND position > $2 AND position <= $3",
                 cl_table_columns(w->table), table);
  if (w->which == WALK_STUDY) cl_text_add(ret, " AND subject = 0");
  if (w->which == WALK_TRIALS)
    cl_text_format(ret, " AND %s BETWEEN $5 AND $6", has_trial ? "trial" : "subject");
  cl_text_add(ret, " ORDER BY position LIMIT $4");
}

static int send_shared(struct reader *r, struct walk *w, struct cl_err *e) {
  struct cl_postgres *s = r->s;
  struct cl_postgres_statement *statement = &s->walks[w->table][w->which];
  struct cl_text sql = {0};
  int64_t after = r->after, until = r->until;
  if (statement->generation != s->generation) select_shared(w, &sql);
  if (w->which == WALK_TRIALS && r->first - 1 > after) after = r->first - 1;
  if (w->which == WALK_TRIALS && r->last < until) until = r->last;
  cl_postgres_put_int(s, r->id);
  cl_postgres_put_int(s, after);
  cl_postgres_put_int(s, until);
  cl_postgres_put_int(s, w->limit);
  if (w->which == WALK_TRIALS) {
    cl_postgres_put_int(s, r->what->trial_lo);
    cl_postgres_put_int(s, r->what->trial_hi);
  }
  return cl_postgres_send_text(s, statement, &sql, true, e);
}

static int send_wide(struct reader *r, const struct walk *w, struct cl_err *e) {
  struct cl_postgres *s = r->s;
  bool trials = w->table == TRIALS, filtered = is_filtered(r);
  struct cl_postgres_statement *statement =
      trials ? (filtered ? &r->study->read_trials_of : &r->study->read_trials)
             : (filtered   ? &r->study->read_reports_of
                : r->lists ? &r->study->read_reports_in
                           : &r->study->read_reports);
  struct cl_text sql = {0};
  if (statement->generation != s->generation)
    select_wide(
        r, trials,
        filtered ? "position > $1 AND position <= $2 AND trial BETWEEN $4 AND $5 ORDER BY position LIMIT $3"
        : !trials && r->lists
            ? "position > $1 AND position <= $2 AND trial = ANY ($4) ORDER BY position LIMIT $3"
            : "position > $1 AND position <= $2 ORDER BY position LIMIT $3",
        &sql);
  cl_postgres_put_int(s, r->after);
  cl_postgres_put_int(s, r->until);
  cl_postgres_put_int(s, w->limit);
  if (filtered) {
    cl_postgres_put_int(s, r->what->trial_lo);
    cl_postgres_put_int(s, r->what->trial_hi);
  } else if (!trials && r->lists) {
    cl_postgres_put_ints(s, r->unfinished, (size_t)r->n_unfinished);
  }
  return cl_postgres_send_text(s, statement, &sql, true, e);
}

/* Slices. */

static void add_walk(struct reader *r, enum cl_table table, enum cl_postgres_walk which) {
  assert(r->n_walks < WALKS_MAX);
  size_t width = table == TRIALS    ? r->study->names.n_hyperparameters
                 : table == REPORTS ? r->study->names.n_metrics
                                    : 0;
  int limit = CELLS_AT_A_TIME / (int)(width + 15);
  limit = limit > ROWS_MAX ? ROWS_MAX : limit < ROWS_MIN ? ROWS_MIN : limit;
  r->walks[r->n_walks++] = (struct walk){.table = table, .which = which, .limit = limit};
}

static void choose_walks(struct reader *r) {
  if (r->what->only_notes) {
    add_walk(r, NOTES, is_filtered(r) ? WALK_TRIALS : WALK_ALL);
    if (is_filtered(r) && !r->what->only_trials) add_walk(r, NOTES, WALK_STUDY);
    return;
  }
  for (int t = 0; t < TABLES; t++) add_walk(r, (enum cl_table)t, is_filtered(r) ? WALK_TRIALS : WALK_ALL);
  if (!is_filtered(r) || r->what->only_trials) return;
  add_walk(r, DECISIONS, WALK_STUDY);
  add_walk(r, NOTES, WALK_STUDY);
}

static void drop_rows(struct reader *r) {
  for (int i = 0; i < r->n_walks; i++) {
    r->s->pq.PQclear(r->walks[i].rows);
    r->walks[i].rows = NULL;
  }
  r->s->pq.PQclear(r->assigned);
  r->assigned = NULL;
}

static int64_t position_at(const struct reader *r, const struct walk *w, int row) {
  int column = w->table == TRIALS ? (int)T_POSITION : 0; /* reports and shared tables begin with it */
  return cl_postgres_int(r->s, w->rows, row, column);
}

static bool wants(const struct reader *r, const struct walk *w) {
  if (w->table != REPORTS || r->summaries.n == 0) return true;
  return !cl_summaries_has(&r->summaries, cl_postgres_int(r->s, w->rows, w->at, R_TRIAL));
}

static void step(const struct reader *r, struct walk *w) {
  while (w->at < w->n && !wants(r, w)) w->at++;
  w->position = w->at < w->n ? position_at(r, w, w->at) : INT64_MAX;
}

static int fetch(struct reader *r, struct cl_err *e) {
  struct cl_postgres *s = r->s;
  enum { ASSIGNED_LIMIT = 32768 };
  for (int i = 0; i < r->n_walks; i++) {
    struct walk *w = &r->walks[i];
    CL_TRY(w->table == TRIALS || w->table == REPORTS ? send_wide(r, w, e) : send_shared(r, w, e));
  }
  cl_postgres_put_int(s, r->id);
  cl_postgres_put_int(s, r->after);
  cl_postgres_put_int(s, r->until);
  cl_postgres_put_int(s, ASSIGNED_LIMIT);
  CL_TRY(cl_postgres_send_known(s, PG_ASSIGNED, true, e));
  CL_TRY(cl_postgres_collect(s, e));
  for (int i = 0; i < r->n_walks; i++) {
    struct walk *w = &r->walks[i];
    w->rows = cl_postgres_take(s, (size_t)i);
    w->n = s->pq.PQntuples(w->rows);
    w->at = 0;
  }
  r->assigned = cl_postgres_take(s, (size_t)r->n_walks);
  r->at_assigned = 0;
  return s->pq.PQntuples(r->assigned) == ASSIGNED_LIMIT;
}

/* How far all statements have given all they have. */
static int64_t horizon_of(const struct reader *r, bool assigned_full) {
  int64_t horizon = r->until;
  for (int i = 0; i < r->n_walks; i++) {
    const struct walk *w = &r->walks[i];
    if (w->n < w->limit) continue;
    int64_t last = position_at(r, w, w->n - 1);
    if (last < horizon) horizon = last;
  }
  int n = r->s->pq.PQntuples(r->assigned);
  if (assigned_full) { /* the values of the last one may not be complete */
    int64_t last = cl_postgres_int(r->s, r->assigned, n - 1, 0) - 1;
    if (last < horizon) horizon = last;
  }
  return horizon;
}

static struct walk *next_walk(struct reader *r) {
  struct walk *next = &r->walks[0];
  for (int i = 1; i < r->n_walks; i++)
    if (r->walks[i].position < next->position) next = &r->walks[i];
  return next;
}

static int show_rows(struct reader *r, int64_t horizon, struct cl_err *e) {
  for (int i = 0; i < r->n_walks; i++) step(r, &r->walks[i]);
  for (;;) {
    struct walk *w = next_walk(r);
    if (w->position > horizon) return 0;
    /* The walk over the study's own events of a filtered read must not eat the values of other trials. */
    CL_TRY(cl_postgres_fill(&r->row, w->table, w->rows, w->at, r->assigned, &r->at_assigned, e));
    assert(r->row.ev.position == w->position);
    if (r->summaries.n > 0) cl_summaries_attach(&r->summaries, &r->row.ev);
    int status = r->visit(r->ctx, &r->row.ev);
    if (status != 0) return status;
    w->at++;
    step(r, w);
  }
}

static int read_slice(struct reader *r, struct cl_err *e) {
  int status = fetch(r, e);
  if (status < 0) return status;
  int64_t horizon = horizon_of(r, status != 0);
  assert(horizon > r->after);
  status = show_rows(r, horizon, e);
  r->after = horizon;
  return status;
}

/* Beginning. */

static int prepare_unfinished(struct reader *r, PGresult *heads, PGresult *open_ends, struct cl_err *e) {
  const struct cl_postgres *s = r->s;
  int64_t lo = is_filtered(r) ? r->what->trial_lo : 1;
  int64_t hi = is_filtered(r) && r->what->trial_hi < r->trials ? r->what->trial_hi : r->trials;
  if (lo > hi) return 0;
  CL_TRY(cl_summaries_init(&r->summaries, lo, hi, e));
  for (int i = 0; i < s->pq.PQntuples(heads); i++) {
    struct cl_head head;
    int64_t trial = cl_postgres_int(s, heads, i, 0);
    cl_postgres_fill_trial(s, heads, i, &head);
    if (trial < lo || trial > hi || cl_summaries_take(&r->summaries, trial, &head)) continue;
    if (r->n_unfinished <= LISTED_MAX) r->n_unfinished++;
    if (r->n_unfinished <= LISTED_MAX) r->unfinished[r->n_unfinished - 1] = trial;
  }
  for (int i = 0; i < s->pq.PQntuples(open_ends); i++) {
    int64_t trial = cl_postgres_int(s, open_ends, i, 0);
    if (!cl_summaries_drop(&r->summaries, trial)) continue;
    if (r->n_unfinished <= LISTED_MAX) r->n_unfinished++;
    if (r->n_unfinished <= LISTED_MAX) r->unfinished[r->n_unfinished - 1] = trial;
  }
  r->lists = !is_filtered(r) && r->n_unfinished <= LISTED_MAX;
  return 0;
}

/* Head, heads and ends as of one instant. */
static int send_look(struct reader *r, bool skips, struct cl_err *e) {
  struct cl_postgres *s = r->s;
  int64_t lo = is_filtered(r) ? r->what->trial_lo : 1, hi = is_filtered(r) ? r->what->trial_hi : INT64_MAX;
  if (skips) CL_TRY(cl_postgres_send_known(s, PG_BEGIN_READ, false, e));
  cl_postgres_put_int(s, r->id);
  CL_TRY(cl_postgres_send_known(s, PG_LOOK, true, e));
  if (is_filtered(r)) {
    cl_postgres_put_int(s, r->id);
    cl_postgres_put_int(s, lo);
    cl_postgres_put_int(s, hi);
    CL_TRY(cl_postgres_send_known(s, PG_SPAN, true, e));
  }
  if (skips) {
    cl_postgres_put_int(s, r->id);
    cl_postgres_put_int(s, lo);
    cl_postgres_put_int(s, hi);
    CL_TRY(cl_postgres_send_known(s, PG_HEADS, true, e));
    cl_postgres_put_int(s, r->id);
    CL_TRY(cl_postgres_send_known(s, PG_OPEN_ENDS, true, e));
    CL_TRY(cl_postgres_send_known(s, PG_COMMIT, false, e));
  }
  return cl_postgres_collect(s, e);
}

/* Followers have looked already: all that they ask for is there, and on disk. */
static bool needs_look(const struct reader *r) {
  bool plain = !is_filtered(r) && !r->what->skip_known_reports && r->what->until > 0;
  return !plain || r->s->durable_study != r->id || r->what->until > r->s->durable;
}

static int prepare_known(struct reader *r, struct cl_err *e) {
  CL_TRY(cl_postgres_study(r->s, r->id, r->s->durable_names, &r->study, e));
  r->until = r->what->until;
  choose_walks(r);
  return 0;
}

static int prepare_read(struct reader *r, struct cl_err *e) {
  struct cl_postgres *s = r->s;
  struct cl_study_head head;
  int64_t n_names = 0;
  bool skips = r->what->skip_known_reports;
  CL_TRY(send_look(r, skips, e));
  size_t at = 1;
  if (is_filtered(r)) {
    r->first = cl_postgres_int(s, s->results[at], 0, 0);
    r->last = cl_postgres_int(s, s->results[at++], 0, 1);
  }
  PGresult *heads = skips ? cl_postgres_take(s, at++) : NULL,
           *open_ends = skips ? cl_postgres_take(s, at) : NULL;
  int status = cl_postgres_settle(s, r->id, 0, &head, &n_names, e);
  if (status == 0) status = cl_postgres_study(s, r->id, n_names, &r->study, e);
  if (status == 0) {
    r->trials = head.trials;
    r->until = r->what->until == 0 || r->what->until > head.position ? head.position : r->what->until;
    if (skips && r->until == head.position && r->until > r->after)
      status = prepare_unfinished(r, heads, open_ends, e);
  }
  s->pq.PQclear(heads);
  s->pq.PQclear(open_ends);
  if (status == 0) choose_walks(r);
  return status;
}

int cl_postgres_read(void *state, int64_t study, const struct cl_read *what, cl_event_visit *visit, void *ctx,
                     struct cl_err *e) {
  struct cl_postgres *s = state;
  struct reader r = {.s = s, .what = what, .id = study, .after = what->after, .visit = visit, .ctx = ctx};
  int status = needs_look(&r) ? prepare_read(&r, e) : prepare_known(&r, e);
  r.row.s = s;
  r.row.study = r.study;
  while (status == 0 && r.until > r.after) {
    status = read_slice(&r, e);
    drop_rows(&r);
  }
  cl_postgres_row_done(&r.row);
  cl_summaries_done(&r.summaries);
  return status;
}

/* A curve is cut into slices as well. */
static int read_curve(struct reader *r, int64_t trial, struct cl_err *e) {
  struct cl_postgres *s = r->s;
  assert(r->study != NULL && trial >= 0);
  for (bool more = true; more;) {
    struct cl_text sql = {0};
    if (r->study->curve.generation != s->generation)
      select_wide(r, false, "trial = $1 AND position > $2 AND position <= $3 ORDER BY position LIMIT $4",
                  &sql);
    cl_postgres_put_int(s, trial);
    cl_postgres_put_int(s, r->after);
    cl_postgres_put_int(s, r->until);
    cl_postgres_put_int(s, ROWS_MAX);
    int status = cl_postgres_send_text(s, &r->study->curve, &sql, true, e);
    if (status == 0) status = cl_postgres_collect(s, e);
    if (status < 0) return status;
    PGresult *rows = cl_postgres_take(s, 0);
    int n = s->pq.PQntuples(rows);
    for (int i = 0; i < n && status == 0; i++) {
      status = cl_postgres_fill(&r->row, REPORTS, rows, i, NULL, NULL, e);
      r->after = r->row.ev.position;
      if (status == 0) status = r->visit(r->ctx, &r->row.ev);
    }
    s->pq.PQclear(rows);
    if (status != 0) return status;
    more = n == ROWS_MAX;
  }
  return 0;
}

int cl_postgres_read_reports(void *state, int64_t study, int64_t trial, cl_event_visit *visit, void *ctx,
                             struct cl_err *e) {
  struct cl_postgres *s = state;
  static const struct cl_read all = {0};
  struct reader r = {.s = s, .what = &all, .id = study, .visit = visit, .ctx = ctx};
  CL_TRY(prepare_read(&r, e));
  r.row.s = s;
  r.row.study = r.study;
  int status = read_curve(&r, trial, e);
  cl_postgres_row_done(&r.row);
  return status;
}
