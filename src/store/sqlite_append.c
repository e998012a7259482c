/* A commit: begin, rows, heads; and what the generic half looks up in between. */
#include <assert.h>
#include <string.h>

#include "store/sqlite_impl.h"

static int64_t first_place(int64_t study) {
  return study * CL_SQLITE_POSITIONS;
}

static int begin(struct cl_sqlite *s, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  int64_t n_names = 0;
  CL_TRY(cl_sqlite_look_newest(s, study, ret, &n_names, e));
  return cl_sqlite_study(s, study, n_names, &s->open, e);
}

int cl_sqlite_begin(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  struct cl_sqlite *s = state;
  assert(study >= 0);
  s->open = NULL;
  s->views_changed = false;
  CL_TRY(cl_sqlite_begin_write(s, e));
  int status = study == 0 ? 0 : begin(s, study, ret, e);
  if (status < 0) (void)cl_sqlite_end_write(s, false, NULL);
  return status;
}

void cl_sqlite_rollback(void *state) {
  struct cl_sqlite *s = state;
  if (!s->writing) return;
  (void)cl_sqlite_end_write(s, false, NULL);
  if (s->open != NULL && s->views_changed) cl_sqlite_forget(s, s->open->id);
  s->open = NULL;
}

int cl_sqlite_add_study(void *state, const struct cl_event *created, int64_t *ret_study, struct cl_err *e) {
  struct cl_sqlite *s = state;
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(s, SQL_STUDY_ADD, &row, e));
  cl_sqlite_bind_text(row, 1, created->u.created.uuid);
  cl_sqlite_bind_text(row, 2, created->u.created.name);
  (void)sqlite3_bind_int64(row, 3, cl_created_ms(created));
  CL_TRY(cl_sqlite_run(s, row, e));
  (void)sqlite3_clear_bindings(row);
  int64_t study = sqlite3_last_insert_rowid(s->db);
  if (study >= INT64_MAX / CL_SQLITE_POSITIONS)
    return CL_FAIL(e, CLADE_ELIMIT, "'%s' has had %lld studies, its limit: start another store", s->path,
                   (long long)study);
  CL_TRY(cl_sqlite_add_tables(s, study, created->u.created.settings, e));
  CL_TRY(cl_sqlite_study(s, study, 0, &s->open, e));
  s->open->has_columns = true;
  s->views_changed = true;
  *ret_study = study;
  return 0;
}

int cl_sqlite_name_metric(void *state, int64_t study, const char *name, int guess, int *ret_id,
                          struct cl_err *e) {
  struct cl_sqlite *s = state;
  assert(s->open != NULL && s->open->id == study);
  (void)study;
  int id = cl_names_metric(&s->open->names, name, guess);
  if (id == 0) {
    CL_TRY(cl_sqlite_add_metric(s, s->open, name, e));
    id = (int)s->open->names.n_metrics;
  }
  *ret_id = id;
  return 0;
}

/* The first change of a value makes the views longer. */
static int begin_changes(struct cl_sqlite *s, struct cl_err *e) {
  bool has = false;
  CL_TRY(cl_sqlite_has_changes(s, s->open->id, &has, e));
  if (!has) s->views_changed = true;
  s->open->has_changes = true;
  return 0;
}

int cl_sqlite_add(void *state, int64_t study, const struct cl_event *ev, struct cl_err *e) {
  struct cl_sqlite *s = state;
  assert(s->open != NULL && s->open->id == study);
  (void)study;
  if (ev->position >= CL_SQLITE_POSITIONS)
    return CL_FAIL(e, CLADE_ELIMIT, "the study has %lld events, the limit of one study",
                   (long long)ev->position - 1);
  if (ev->kind == CL_EVENT_CREATED) CL_TRY(cl_sqlite_take_settings(s, s->open, ev->u.created.settings, e));
  s->open->has_columns = false;
  if (ev->kind == CL_EVENT_UPDATED) CL_TRY(cl_sqlite_take_settings(s, s->open, ev->u.updated.settings, e));
  const struct cl_assigned_list *values = cl_event_values(ev);
  bool changes = (ev->kind == CL_EVENT_EXPLOITED || ev->kind == CL_EVENT_SET) && values->n > 0;
  if (changes && !s->open->has_changes) CL_TRY(begin_changes(s, e));
  return cl_sqlite_add_row(s, s->open, ev, e);
}

static int write_heads(struct cl_sqlite *s, const struct cl_study_head *head, const struct cl_heads *changed,
                       struct cl_err *e) {
  int64_t study = s->open->id;
  for (size_t i = 0; i < changed->n_changed; i++)
    CL_TRY(cl_sqlite_put_head(s, study, &changed->entries[changed->changed[i]], e));
  CL_TRY(cl_sqlite_put_study(s, study, head, s->open->n_names, e));
  return s->views_changed ? cl_sqlite_make_views(s, s->open, e) : 0;
}

int cl_sqlite_commit(void *state, int64_t study, const struct cl_study_head *head,
                     const struct cl_heads *changed, struct cl_err *e) {
  struct cl_sqlite *s = state;
  assert(s->open != NULL && s->open->id == study);
  int status = write_heads(s, head, changed, e);
  if (status == 0) status = cl_sqlite_end_write(s, true, e);
  if (status == 0) cl_sqlite_know_commit(s, study, head, s->open->n_names);
  if (status < 0) {
    if (s->writing) (void)cl_sqlite_end_write(s, false, NULL);
    if (s->views_changed) cl_sqlite_forget(s, s->open->id);
  }
  s->open = NULL;
  return status;
}

/* Identity. */

static int find_place(struct cl_sqlite *s, sqlite3_stmt *row, int64_t *ret_position, struct cl_err *e) {
  int status = cl_sqlite_step(s, row, e);
  if (status != 1) return status;
  *ret_position = sqlite3_column_int64(row, 0) & (CL_SQLITE_POSITIONS - 1);
  (void)sqlite3_reset(row);
  return 0;
}

/* An attempt's events lie behind the trial's proposal; only repetitions and late facts come here. */
static int find_attempt(struct cl_sqlite *s, const struct cl_event *ev, int64_t *ret_position,
                        struct cl_err *e) {
  struct cl_head head;
  sqlite3_stmt *row = NULL;
  int64_t study = s->open->id;
  CL_TRY(cl_sqlite_trial_head(s, study, ev->subject, &head, e));
  CL_TRY(cl_sqlite_get(s, SQL_FIND_ATTEMPT, &row, e));
  (void)sqlite3_bind_int64(row, 1, first_place(study) + head.proposed);
  (void)sqlite3_bind_int64(row, 2, first_place(study + 1));
  (void)sqlite3_bind_int64(row, 3, ev->subject);
  (void)sqlite3_bind_int(row, 4, ev->attempt);
  (void)sqlite3_bind_int(row, 5, (int)ev->kind);
  return find_place(s, row, ret_position, e);
}

static int find_snapshot(struct cl_sqlite *s, const struct cl_event *ev, int64_t *ret_position,
                         struct cl_err *e) {
  bool saved = ev->kind == CL_EVENT_SAVED;
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_get(s, saved ? SQL_FIND_SAVED : SQL_FIND_LOADED, &row, e));
  (void)sqlite3_bind_int64(row, 1, ev->subject);
  (void)sqlite3_bind_int64(row, 2, first_place(s->open->id));
  (void)sqlite3_bind_int64(row, 3, first_place(s->open->id + 1));
  (void)sqlite3_bind_int(row, 4, ev->attempt);
  if (saved) {
    cl_sqlite_bind_real(row, 5, ev->u.saved.step);
    (void)sqlite3_bind_int(row, 6, (int)ev->u.saved.way);
    cl_sqlite_bind_text(row, 7, ev->u.saved.path); /* null stays null */
  } else {
    (void)sqlite3_bind_int64(row, 5, ev->u.loaded.change);
  }
  return find_place(s, row, ret_position, e);
}

static int prepare_report_query(struct cl_sqlite *s, const char *what, sqlite3_stmt **statement,
                                struct cl_err *e) {
  if (*statement != NULL) return 0;
  cl_text_clear(&s->scratch);
  cl_text_format(&s->scratch, "SELECT %s FROM reports_%lld WHERE trial = ?1 AND attempt = ?2%s", what,
                 (long long)s->open->id, what[0] == 'p' ? " AND ordinal = ?3" : "");
  if (s->scratch.failed) return CL_FAIL_NOMEM(e);
  return cl_sqlite_prepare(s, cl_text_get(&s->scratch), statement, e);
}

static int find_report(struct cl_sqlite *s, const struct cl_event *ev, int64_t *ret_position,
                       struct cl_err *e) {
  CL_TRY(prepare_report_query(s, "position", &s->open->find_report, e));
  sqlite3_stmt *row = s->open->find_report;
  (void)sqlite3_bind_int64(row, 1, ev->subject);
  (void)sqlite3_bind_int(row, 2, ev->attempt);
  (void)sqlite3_bind_int64(row, 3, ev->u.reported.ordinal);
  return find_place(s, row, ret_position, e);
}

int cl_sqlite_find(void *state, int64_t study, const struct cl_event *ev, int64_t *ret_position,
                   struct cl_err *e) {
  struct cl_sqlite *s = state;
  assert(s->open != NULL && s->open->id == study);
  (void)study;
  *ret_position = 0;
  switch (ev->kind) {
  case CL_EVENT_REPORTED: return find_report(s, ev, ret_position, e);
  case CL_EVENT_SAVED:
  case CL_EVENT_LOADED: return find_snapshot(s, ev, ret_position, e);
  default: return find_attempt(s, ev, ret_position, e);
  }
}

int cl_sqlite_count_reports(void *state, int64_t study, int64_t trial, int attempt, int64_t *ret,
                            struct cl_err *e) {
  struct cl_sqlite *s = state;
  assert(s->open != NULL && s->open->id == study);
  (void)study;
  CL_TRY(prepare_report_query(s, "max(ordinal)", &s->open->count_reports, e));
  sqlite3_stmt *row = s->open->count_reports;
  (void)sqlite3_bind_int64(row, 1, trial);
  (void)sqlite3_bind_int(row, 2, attempt);
  int status = cl_sqlite_step(s, row, e);
  if (status != 1) return status;
  *ret = sqlite3_column_int64(row, 0);
  (void)sqlite3_reset(row);
  return 0;
}

int cl_sqlite_metrics(void *state, int64_t study, int (*visit)(void *ctx, int id, const char *name),
                      void *ctx, struct cl_err *e) {
  struct cl_sqlite *s = state;
  struct cl_sqlite_study *known = NULL;
  struct cl_study_head head;
  int64_t n_names = 0;
  CL_TRY(cl_sqlite_look(s, study, &head, &n_names, e));
  CL_TRY(cl_sqlite_study(s, study, n_names, &known, e));
  for (size_t i = 0; i < known->names.n_metrics; i++) {
    int status = visit(ctx, (int)i + 1, known->names.metrics[i]);
    if (status != 0) return status;
  }
  return 0;
}

/* The end of a study. */

static int remove_rows(struct cl_sqlite *s, int64_t study, struct cl_err *e) {
  struct cl_lease lease;
  sqlite3_stmt *row = NULL;
  CL_TRY(cl_sqlite_lease(s, study, NULL, NULL, &lease, e));
  if (lease.holder[0] != '\0')
    return CL_FAIL(e, CLADE_EBUSY, "the study cannot be deleted: %s decides for it", lease.holder);
  cl_sqlite_forget(s, study);
  CL_TRY(cl_sqlite_drop_views(s, study, e));
  CL_TRY(cl_sqlite_drop_tables(s, study, e));
  CL_TRY(cl_sqlite_get(s, SQL_STUDY_DROP, &row, e));
  (void)sqlite3_bind_int64(row, 1, study);
  CL_TRY(cl_sqlite_run(s, row, e));
  return cl_sqlite_point_views(s, e);
}

int cl_sqlite_remove(void *state, int64_t study, struct cl_err *e) {
  struct cl_sqlite *s = state;
  CL_TRY(cl_sqlite_begin_write(s, e));
  int status = remove_rows(s, study, e);
  int ended = cl_sqlite_end_write(s, status == 0, e);
  return status < 0 ? status : ended;
}
