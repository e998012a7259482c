/* A commit: the lock on the study's row, rows, heads; and what the generic half looks up in between. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/postgres_impl.h"

static int by_size(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Without memory there are no hints, and each head is asked for when it is needed. */
void cl_postgres_hint(void *state, const int64_t *trials, size_t n) {
  struct cl_postgres *s = state;
  s->n_hints = 0;
  if (n == 0) return;
  if (cl_grow(&s->hints, &s->cap_hints, n, sizeof *s->hints) < 0) return;
  if (cl_grow(&s->heads, &s->cap_heads, n, sizeof *s->heads) < 0) return;
  memcpy(s->hints, trials, n * sizeof *trials);
  qsort(s->hints, n, sizeof *s->hints, by_size);
  for (size_t i = 0; i < n; i++)
    if (s->n_hints == 0 || s->hints[s->n_hints - 1] != s->hints[i]) s->hints[s->n_hints++] = s->hints[i];
  memset(s->heads, 0, s->n_hints * sizeof *s->heads);
}

static void take_heads(struct cl_postgres *s, const PGresult *rows) {
  for (int i = 0; i < s->pq.PQntuples(rows); i++) {
    int64_t trial = cl_postgres_int(s, rows, i, 0);
    const int64_t *at = bsearch(&trial, s->hints, s->n_hints, sizeof *s->hints, by_size);
    if (at != NULL) cl_postgres_fill_trial(s, rows, i, &s->heads[at - s->hints]);
  }
  s->heads_fetched = true;
}

static int send_heads_of(struct cl_postgres *s, int64_t study, struct cl_err *e) {
  cl_postgres_put_int(s, study);
  if (s->n_hints == 1) { /* costs the server less than a list of one */
    cl_postgres_put_int(s, s->hints[0]);
    return cl_postgres_send_known(s, PG_HEAD, true, e);
  }
  cl_postgres_put_ints(s, s->hints, s->n_hints);
  return cl_postgres_send_known(s, PG_HEADS_OF, true, e);
}

int cl_postgres_fetch_heads(struct cl_postgres *s, int64_t study, struct cl_err *e) {
  assert(s->n_hints > 0 && !s->heads_fetched);
  CL_TRY(send_heads_of(s, study, e));
  CL_TRY(cl_postgres_collect(s, e));
  take_heads(s, s->results[0]);
  return 0;
}

int cl_postgres_lock(struct cl_postgres *s, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  struct cl_study_head head;
  CL_TRY(cl_postgres_send_known(s, PG_BEGIN, false, e));
  cl_postgres_put_int(s, study);
  CL_TRY(cl_postgres_send_known(s, PG_LOCK, true, e));
  if (s->n_hints > 0) CL_TRY(send_heads_of(s, study, e));
  CL_TRY(cl_postgres_collect(s, e));
  s->writing = true;
  if (cl_postgres_rows(s, 0) == 0) return cl_postgres_no_study(s, study, e);
  cl_postgres_fill_study(s, s->results[0], 0, 1, &head);
  cl_postgres_note_locked(s, study, &head);
  if (s->n_hints > 0) take_heads(s, s->results[1]);
  CL_TRY(cl_postgres_study(s, study, cl_postgres_int(s, s->results[0], 0, 0), &s->open, e));
  *ret = s->before = head;
  return 0;
}

static int lock_all(struct cl_postgres *s, struct cl_err *e) {
  CL_TRY(cl_postgres_send_known(s, PG_BEGIN, false, e));
  CL_TRY(cl_postgres_send_known(s, PG_LAST_STUDY, true, e));
  CL_TRY(cl_postgres_collect(s, e));
  s->writing = true;
  return 0;
}

int cl_postgres_begin(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  struct cl_postgres *s = state;
  assert(study >= 0 && !s->writing && s->n_sent == s->n_owed);
  s->open = NULL;
  s->before.position = 0;
  s->names_changed = s->heads_fetched = false;
  if (study > 0 && cl_postgres_guess(s, study, ret)) return 0;
  int status = study == 0 ? lock_all(s, e) : cl_postgres_lock(s, study, ret, e);
  if (status < 0) cl_postgres_rollback(s);
  return status;
}

void cl_postgres_rollback(void *state) {
  struct cl_postgres *s = state;
  bool open = s->conn != NULL && !cl_postgres_is_idle(s);
  s->writing = s->heads_fetched = s->guessed = false;
  s->n_hints = s->n_later = 0;
  cl_postgres_drop_params(s);
  if (s->names_changed) cl_postgres_forget(s);
  s->open = NULL;
  s->names_changed = false;
  if (!open) return;
  if (cl_postgres_send_once(s, "ROLLBACK", false, NULL) == 0) (void)cl_postgres_collect(s, NULL);
}

int cl_postgres_add_study(void *state, const struct cl_event *created, int64_t *ret_study, struct cl_err *e) {
  struct cl_postgres *s = state;
  assert(s->writing && s->open == NULL);
  CL_TRY(cl_postgres_send_known(s, PG_LAST_STUDY, true, e)); /* visiting the studies has dropped the answer */
  CL_TRY(cl_postgres_collect(s, e));
  int64_t study = cl_postgres_int(s, s->results[0], 0, 0) + 1;
  if (study > INT32_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "%s has had %lld studies, its limit: use another database", s->shown,
                   (long long)study - 1);
  cl_postgres_put_int(s, study);
  CL_TRY(cl_postgres_send_known(s, PG_STUDY_NUMBER, false, e));
  cl_postgres_put_int(s, study);
  cl_postgres_put_text(s, created->u.created.uuid);
  cl_postgres_put_text(s, created->u.created.name);
  cl_postgres_put_int(s, cl_created_ms(created));
  CL_TRY(cl_postgres_send_known(s, PG_STUDY_ADD, false, e));
  CL_TRY(cl_postgres_add_tables(s, study, created->u.created.settings, e));
  CL_TRY(cl_postgres_study(s, study, 0, &s->open, e));
  s->open->has_columns = true;
  s->names_changed = true;
  *ret_study = study;
  return 0;
}

int cl_postgres_name_metric(void *state, int64_t study, const char *name, int guess, int *ret_id,
                            struct cl_err *e) {
  struct cl_postgres *s = state;
  assert(s->open != NULL && s->open->id == study);
  (void)study;
  int id = cl_names_metric(&s->open->names, name, guess);
  if (id == 0) {
    CL_TRY(cl_postgres_confirm(s, e));
    CL_TRY(cl_postgres_add_metric(s, s->open, name, e));
    id = (int)s->open->names.n_metrics;
  }
  *ret_id = id;
  return 0;
}

int cl_postgres_add(void *state, int64_t study, const struct cl_event *ev, struct cl_err *e) {
  struct cl_postgres *s = state;
  assert(s->open != NULL && s->open->id == study);
  (void)study;
  if (ev->kind == CL_EVENT_UPDATED) CL_TRY(cl_postgres_confirm(s, e));
  if (ev->kind == CL_EVENT_CREATED) CL_TRY(cl_postgres_take_settings(s, s->open, ev->u.created.settings, e));
  s->open->has_columns = false;
  if (ev->kind == CL_EVENT_UPDATED) CL_TRY(cl_postgres_take_settings(s, s->open, ev->u.updated.settings, e));
  CL_TRY(cl_names_check(&s->open->names, ev, e));
  return s->guessed ? cl_postgres_add_later(s, ev, e) : cl_postgres_add_row(s, s->open, ev, e);
}

/* The commit, and the flush, which other engines' flushes join while the next commit holds the lock already.
 * Without memory for what follows the commit, it may have got through: like a connection that was lost. */
static int end_commit(struct cl_postgres *s, int64_t study, struct cl_err *e) {
  int status = cl_postgres_send_known(s, PG_COMMIT, false, e);
  if (status == 0) status = cl_postgres_send_flush(s, e);
  if (status == 0) status = cl_postgres_collect_and_wake(s, study, e);
  return status == CLADE_ENOMEM ? cl_postgres_lose(s, "out of memory", e) : status;
}

static int write_commit(struct cl_postgres *s, const struct cl_study_head *head,
                        const struct cl_heads *changed, struct cl_err *e) {
  CL_TRY(cl_postgres_write_heads(s, changed, e));
  bool moved = cl_postgres_put_study(s, s->open->id, head, s->open->n_names);
  CL_TRY(cl_postgres_send_known(s, moved ? PG_STUDY_MOVE : PG_STUDY_PUT, false, e));
  if (s->names_changed) CL_TRY(cl_postgres_make_views(s, s->open, e));
  return end_commit(s, s->open->id, e);
}

int cl_postgres_commit(void *state, int64_t study, const struct cl_study_head *head,
                       const struct cl_heads *changed, struct cl_err *e) {
  struct cl_postgres *s = state;
  assert(s->open != NULL);
  int status = s->guessed ? cl_postgres_commit_guess(s, head, changed, e) : write_commit(s, head, changed, e);
  if (status < 0) {
    cl_postgres_rollback(s);
    return status;
  }
  cl_postgres_note_commit(s, study, s->open->n_names, head);
  s->writing = s->heads_fetched = s->names_changed = false;
  s->n_hints = 0;
  if (s->durable_study != study) s->pending = 0;
  s->durable_study = study;
  s->durable = head->position;
  s->durable_names = s->open->n_names;
  s->open = NULL;
  return 0;
}

/* Identity. The answer comes after the rows that were sent since `begin`. */

static int find_place(struct cl_postgres *s, int64_t *ret_position, struct cl_err *e) {
  CL_TRY(cl_postgres_collect(s, e));
  *ret_position = cl_postgres_rows(s, 0) == 0 ? 0 : cl_postgres_int(s, s->results[0], 0, 0);
  return 0;
}

/* An attempt's events lie behind the trial's proposal; only repetitions and late facts come here. */
static int find_attempt(struct cl_postgres *s, const struct cl_event *ev, int64_t *ret_position,
                        struct cl_err *e) {
  struct cl_head head;
  int64_t study = s->open->id;
  CL_TRY(cl_postgres_trial_head(s, study, ev->subject, &head, e));
  cl_postgres_put_int(s, study);
  cl_postgres_put_int(s, head.proposed);
  cl_postgres_put_int(s, ev->subject);
  cl_postgres_put_int(s, ev->attempt);
  cl_postgres_put_int(s, ev->kind);
  CL_TRY(cl_postgres_send_known(s, PG_FIND_ATTEMPT, true, e));
  return find_place(s, ret_position, e);
}

static int find_snapshot(struct cl_postgres *s, const struct cl_event *ev, int64_t *ret_position,
                         struct cl_err *e) {
  bool saved = ev->kind == CL_EVENT_SAVED;
  cl_postgres_put_int(s, s->open->id);
  cl_postgres_put_int(s, ev->subject);
  cl_postgres_put_int(s, ev->attempt);
  if (saved) {
    cl_postgres_put_real(s, ev->u.saved.step);
    cl_postgres_put_int(s, ev->u.saved.way);
    cl_postgres_put_text(s, ev->u.saved.path);
  } else {
    cl_postgres_put_int(s, ev->u.loaded.change);
  }
  CL_TRY(cl_postgres_send_known(s, saved ? PG_FIND_SAVED : PG_FIND_LOADED, true, e));
  return find_place(s, ret_position, e);
}

static int ask_reports(struct cl_postgres *s, const char *what, struct cl_postgres_statement *statement,
                       int64_t *ret, struct cl_err *e) {
  char sql[200];
  (void)snprintf(sql, sizeof sql, "SELECT %s FROM reports_%lld WHERE trial = $1 AND attempt = $2%s", what,
                 (long long)s->open->id, s->n_params == 3 ? " AND ordinal = $3" : "");
  CL_TRY(cl_postgres_send(s, statement, sql, true, e));
  return find_place(s, ret, e);
}

int cl_postgres_find(void *state, int64_t study, const struct cl_event *ev, int64_t *ret_position,
                     struct cl_err *e) {
  struct cl_postgres *s = state;
  assert(s->open != NULL && s->open->id == study);
  (void)study;
  if (s->n_later > 0) CL_TRY(cl_postgres_confirm(s, e));
  *ret_position = 0;
  switch (ev->kind) {
  case CL_EVENT_REPORTED:
    cl_postgres_put_int(s, ev->subject);
    cl_postgres_put_int(s, ev->attempt);
    cl_postgres_put_int(s, ev->u.reported.ordinal);
    return ask_reports(s, "min(position)", &s->open->find_report, ret_position, e);
  case CL_EVENT_SAVED:
  case CL_EVENT_LOADED: return find_snapshot(s, ev, ret_position, e);
  default: return find_attempt(s, ev, ret_position, e);
  }
}

int cl_postgres_count_reports(void *state, int64_t study, int64_t trial, int attempt, int64_t *ret,
                              struct cl_err *e) {
  struct cl_postgres *s = state;
  assert(s->open != NULL && s->open->id == study);
  (void)study;
  if (s->n_later > 0) CL_TRY(cl_postgres_confirm(s, e));
  cl_postgres_put_int(s, trial);
  cl_postgres_put_int(s, attempt);
  return ask_reports(s, "max(ordinal)", &s->open->count_reports, ret, e);
}

/* The end of a study. */

static int remove_rows(struct cl_postgres *s, int64_t study, struct cl_err *e) {
  cl_postgres_put_int(s, study);
  CL_TRY(cl_postgres_send_known(s, PG_LEASE_LOCK, true, e));
  CL_TRY(cl_postgres_collect(s, e));
  if (cl_postgres_rows(s, 0) == 0) return cl_postgres_no_study(s, study, e);
  const char *holder = cl_postgres_text(s, s->results[0], 0, 0);
  if (holder != NULL && holder[0] != '\0')
    return CL_FAIL(e, CLADE_EBUSY, "the study cannot be deleted: %s decides for it", holder);
  cl_postgres_forget(s);
  CL_TRY(cl_postgres_drop_views(s, study, e));
  CL_TRY(cl_postgres_drop_tables(s, study, e));
  return cl_postgres_point_views(s, e);
}

int cl_postgres_remove(void *state, int64_t study, struct cl_err *e) {
  struct cl_postgres *s = state;
  CL_TRY(lock_all(s, e)); /* views of the latest study are made anew: one at a time */
  int status = remove_rows(s, study, e);
  if (status == 0) status = end_commit(s, study, e);
  s->writing = false;
  if (status < 0) cl_postgres_rollback(s);
  if (s->shown_study == study) s->shown_study = 0;
  return status;
}
