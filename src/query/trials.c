#include "query/trials.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "query/best.h"
#include "query/notes.h"
#include "query/records.h"
#include "query/trial_cells.h"

/* The source of a listing, in the scratch memory of one call. */
struct trials {
  struct cl_listing listing;
  struct cl_reader *reader;
  const struct cl_study *study;
  struct cl_trial_row *rows;
  size_t n, capacity;
  struct cl_value *values; /* of the trial `values_of` */
  int64_t values_of;
  struct cl_tags tags;
  struct cl_arena arena; /* metrics and texts of the rows */
  struct cl_origins origins;
  bool has_records, has_parents, has_notes, has_metric_names, has_uuids, has_origins;
};

static void trials_done(struct trials *l) {
  cl_listing_done(&l->listing);
  cl_free(l->rows);
  cl_free(l->values);
  cl_tags_done(&l->tags);
  cl_arena_done(&l->arena);
}

/* What cells need. */

/* For the rows that are left: they only become fewer. */
static int read_records(struct trials *l, struct cl_err *e) {
  if (l->has_records || l->listing.n == 0) return 0;
  struct cl_trial_row **rows = cl_alloc_array(l->listing.n, sizeof *rows);
  if (rows == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < l->listing.n; i++) rows[i] = &l->rows[l->listing.rows[i]];
  int status = cl_records_read(l->reader, rows, l->listing.n, cl_study_metrics(l->study), &l->arena, e);
  cl_free(rows);
  if (status < 0) return status;
  l->has_records = true;
  return 0;
}

static int find_parents(struct trials *l, struct cl_err *e) {
  if (l->has_parents) return 0;
  for (size_t i = 0; i < l->listing.n; i++) {
    struct cl_trial_row *row = &l->rows[l->listing.rows[i]];
    int64_t donor = cl_trial_donor(row->trial);
    if (donor == 0) continue;
    const struct cl_snapshot *s = cl_study_snapshot(l->study, donor);
    row->parent = s != NULL ? s->trial : 0;
    if (s == NULL) CL_TRY(cl_reader_snapshot_trial(l->reader, donor, &row->parent, e));
  }
  l->has_parents = true;
  return 0;
}

static struct cl_trial_row *row_at(struct trials *l, size_t i) {
  return &l->rows[l->listing.rows[i]];
}

static int find_notes(struct trials *l, struct cl_err *e) {
  struct cl_span span = {INT64_MAX, 0};
  for (size_t i = 0; i < l->listing.n; i++) {
    int64_t number = row_at(l, i)->trial->number;
    if (number < span.lo) span.lo = number;
    if (number > span.hi) span.hi = number;
  }
  if (l->has_notes || l->listing.n == 0) return 0;
  struct cl_last_notes notes = {0};
  CL_TRY(
      cl_last_notes_read(cl_reader_store(l->reader), cl_reader_id(l->reader), span.lo, span.hi, &notes, e));
  int status = 0;
  for (size_t i = 0; i < l->listing.n && status == 0; i++) {
    const char *note = cl_last_notes_find(&notes, row_at(l, i)->trial->number);
    row_at(l, i)->note = cl_arena_text(&l->arena, note);
    if (note != NULL && row_at(l, i)->note == NULL) status = CL_FAIL_NOMEM(e);
  }
  cl_last_notes_done(&notes);
  l->has_notes = status == 0;
  return status;
}

static int find_uuids(struct trials *l, struct cl_err *e) {
  for (size_t i = 0; i < l->listing.n && !l->has_uuids; i++) {
    struct cl_trial_row *row = row_at(l, i);
    row->uuid = cl_arena_format(&l->arena, "%s/%lld", cl_study_uuid(l->study), (long long)row->trial->number);
    if (row->uuid == NULL) return CL_FAIL_NOMEM(e);
  }
  l->has_uuids = true;
  return 0;
}

static bool has_metric(const struct cl_trial_row *row, int id) {
  for (int i = 0; i < row->n_metrics; i++)
    if (row->metrics[i].id == id) return true;
  return false;
}

/* Objectives first, then in the order in which the study heard of them. */
static int find_metric_names(struct trials *l, struct cl_err *e) {
  struct cl_text names = {0};
  CL_TRY(read_records(l, e));
  for (size_t i = 0; i < l->listing.n && !l->has_metric_names && !names.failed; i++) {
    struct cl_trial_row *row = row_at(l, i);
    cl_text_clear(&names);
    for (int id = 1; id <= cl_study_metrics(l->study); id++)
      if (has_metric(row, id))
        cl_text_format(&names, "%s%s", names.length > 0 ? "," : "", cl_study_metric_name(l->study, id));
    if (names.length == 0) continue;
    row->metric_names = cl_arena_text(&l->arena, cl_text_get(&names));
    if (row->metric_names == NULL) names.failed = true;
  }
  l->has_metric_names = !names.failed;
  cl_text_done(&names);
  return l->has_metric_names ? 0 : CL_FAIL_NOMEM(e);
}

static int find_origins(struct trials *l, struct cl_err *e) {
  if (l->has_origins) return 0;
  CL_TRY(cl_origins_read(cl_reader_store(l->reader), l->study, &l->arena, &l->origins, e));
  for (size_t i = 0; i < l->n; i++) l->rows[i].origins = &l->origins;
  l->has_origins = true;
  return 0;
}

static int need(void *source, const struct cl_column *c, struct cl_err *e) {
  struct trials *l = source;
  if (c->kind != CL_COLUMN_STANDARD) return c->kind == CL_COLUMN_METRIC ? read_records(l, e) : 0;
  switch (c->index) {
  case CL_TRIAL_COLUMN_PARENT: return find_parents(l, e);
  case CL_TRIAL_COLUMN_STEP: return read_records(l, e);
  case CL_TRIAL_COLUMN_NOTE: return find_notes(l, e);
  case CL_TRIAL_COLUMN_UUID: return find_uuids(l, e);
  case CL_TRIAL_COLUMN_METRIC_NAMES: return find_metric_names(l, e);
  default: return c->index >= CL_TRIAL_COLUMN_METHOD && c->index < CL_TRIAL_COLUMNS ? find_origins(l, e) : 0;
  }
}

static struct cl_value cell(void *source, size_t row, const struct cl_column *c) {
  struct trials *l = source;
  assert(row < l->n);
  const struct cl_trial *t = l->rows[row].trial;
  if (c->kind == CL_COLUMN_VALUE && l->values_of != t->number) {
    cl_trial_values(l->study, t, l->values);
    l->values_of = t->number;
  }
  return cl_trial_cell(c, l->study, &l->rows[row], l->values, &l->tags);
}

static bool tagged(void *source, size_t row, const char *name, const char *text) {
  struct trials *l = source;
  assert(row < l->n);
  return cl_tags_hold(&l->tags, l->rows[row].trial->number, name, text);
}

static int usual(void *source, struct cl_table *t, struct cl_err *e) {
  struct trials *l = source;
  bool steps = false;
  CL_TRY(read_records(l, e));
  for (size_t i = 0; i < l->listing.n; i++) steps = steps || !isnan(l->rows[l->listing.rows[i]].step);
  return cl_trial_usual_columns(t, &l->listing.catalogue, l->study, steps, e);
}

static const struct cl_rows_ops trial_ops = {need, cell, tagged, usual};

/* Selecting. */

/* A trial that took a state over, and has reported nothing since, stands where that state was saved. */
static double step_of(const struct cl_study *s, const struct cl_trial *t) {
  if (!isnan(t->head.step) || t->head.attempt == 0) return t->head.step;
  const struct cl_snapshot *from = cl_study_snapshot(s, cl_trial_resume_from(s, t));
  return from == NULL ? t->head.step : from->step;
}

static int add_row(struct trials *l, int64_t number, struct cl_err *e) {
  const struct cl_trial *t = cl_study_trial(l->study, number);
  if (t == NULL) return 0;
  if (cl_grow(&l->rows, &l->capacity, l->n + 1, sizeof *l->rows) < 0) return CL_FAIL_NOMEM(e);
  l->rows[l->n++] = (struct cl_trial_row){.trial = t, .step = step_of(l->study, t)};
  return 0;
}

static int add_span(struct trials *l, struct cl_span span, struct cl_err *e) {
  assert(span.lo >= 1);
  for (int64_t i = span.lo; i <= span.hi; i++) CL_TRY(add_row(l, i, e));
  return 0;
}

static int add_numbers(struct trials *l, const struct cl_selection *s, int64_t trials, struct cl_err *e) {
  for (size_t i = 0; i < s->n_spans; i++) {
    if (s->spans[i].hi > trials)
      return CL_FAIL(
          e, CLADE_ENOTFOUND, "%s has no trial %lld: its trials are 1 to %lld", cl_study_name(l->study),
          (long long)(s->spans[i].lo > trials ? s->spans[i].lo : s->spans[i].hi), (long long)trials);
    CL_TRY(add_span(l, s->spans[i], e));
  }
  return 0;
}

static int add_best(struct trials *l, struct cl_err *e) {
  int64_t best = 0;
  CL_TRY(cl_best_need(l->study, &best, e));
  assert(best >= 1);
  return add_row(l, best, e);
}

static int add_states(struct trials *l, unsigned states, struct cl_span all, struct cl_err *e) {
  for (int64_t i = all.lo; i <= all.hi; i++) {
    const struct cl_trial *t = cl_study_trial(l->study, i);
    if (t != NULL && (states & 1u << t->head.state) != 0) CL_TRY(add_row(l, i, e));
  }
  return 0;
}

static int add_selected(struct trials *l, const struct cl_selection *s, struct cl_span all,
                        struct cl_err *e) {
  switch (s == NULL ? CL_SELECT_NONE : s->kind) {
  case CL_SELECT_NUMBERS: return add_numbers(l, s, all.hi, e);
  case CL_SELECT_BEST: return add_best(l, e);
  case CL_SELECT_STATES: return add_states(l, s->states, all, e);
  case CL_SELECT_FILTER: /* below */
  case CL_SELECT_NONE:
  case CL_SELECT_ALL: break;
  }
  return add_span(l, all, e);
}

/* The trials that must be in the replica: few, where the limit can be taken before anything is read. */
static struct cl_span needed(const struct cl_list_options *o, int64_t trials) {
  struct cl_span all = {0, 0};
  const struct cl_selection *s = o->selection;
  if (s != NULL && s->kind == CL_SELECT_NUMBERS) {
    struct cl_span hull = cl_selection_hull(s);
    return hull.hi > trials ? (struct cl_span){CL_NO_TRIALS, CL_NO_TRIALS} : hull; /* will not be found */
  }
  bool plain = s == NULL || s->kind == CL_SELECT_NONE || s->kind == CL_SELECT_ALL;
  bool chosen = o->n_filters + o->n_tags_any + o->n_tags_all > 0 || o->states != NULL;
  if (!plain || o->sort != NULL || o->reverse || chosen) return all;
  struct cl_span kept = cl_limit_span(o, trials);
  if (kept.hi == kept.lo) return (struct cl_span){CL_NO_TRIALS, CL_NO_TRIALS};
  return kept.hi - kept.lo == trials ? all : (struct cl_span){kept.lo + 1, kept.hi};
}

static int open_trials(struct trials *l, struct cl_reader *r, struct cl_span span, bool tags,
                       struct cl_err *e) {
  assert(l->reader == NULL && l->values == NULL);
  l->reader = r;
  CL_TRY(cl_reader_need(r, span.lo, span.hi, &l->study, e));
  l->values = cl_alloc_array((size_t)cl_study_space(l->study)->n, sizeof *l->values);
  if (l->values == NULL) return CL_FAIL_NOMEM(e);
  if (tags) CL_TRY(cl_tags_read(cl_reader_store(r), cl_reader_id(r), span.lo, span.hi, &l->tags, e));
  l->listing.ops = &trial_ops;
  l->listing.source = l;
  l->listing.noun = "trials";
  l->listing.best = cl_trial_best_column();
  return cl_trial_catalogue(&l->listing.catalogue, l->study, &l->tags, e);
}

/* Open what the options need, and choose. */
static int collect(struct trials *l, struct cl_reader *r, const struct cl_list_options *o, bool tags,
                   struct cl_err *e) {
  struct cl_study_head head;
  CL_TRY(cl_reader_head(r, &head, e));
  struct cl_span span = needed(o, head.trials), all = {1, head.trials};
  CL_TRY(open_trials(l, r, span, tags || cl_list_names_tags(o), e));
  bool named = o->selection != NULL && o->selection->kind == CL_SELECT_NUMBERS;
  bool cut = span.lo != 0 && !named; /* the limit has been taken already */
  if (cut) all = span.lo == CL_NO_TRIALS ? (struct cl_span){1, 0} : span;
  CL_TRY(add_selected(l, o->selection, all, e));
  CL_TRY(cl_listing_begin(&l->listing, l->n, e));
  if (o->selection != NULL && o->selection->kind == CL_SELECT_FILTER)
    CL_TRY(cl_listing_filter(&l->listing, o->selection->filter, e));
  return cl_listing_choose(&l->listing, o, cut, head.trials, e);
}

int cl_trials_read(struct cl_reader *r, const struct cl_list_options *options, struct cl_table *ret,
                   struct cl_err *e) {
  struct trials l = {0};
  int status = collect(&l, r, options, false, e);
  if (status >= 0) status = cl_listing_fill(&l.listing, options, ret, e);
  trials_done(&l);
  return status < 0 ? status : 0;
}

int cl_trials_find(struct cl_reader *r, const struct cl_selection *selection, int64_t **ret, size_t *ret_n,
                   struct cl_err *e) {
  struct cl_list_options options = {.selection = selection, .limit = CL_LIMIT_ALL};
  struct trials l = {0};
  int64_t *numbers = NULL;
  int status = collect(&l, r, &options, false, e);
  size_t n = l.listing.n;
  assert(n <= l.n);
  if (status >= 0 && (numbers = cl_alloc_array(n, sizeof *numbers)) == NULL) status = CL_FAIL_NOMEM(e);
  if (status >= 0) {
    for (size_t i = 0; i < n; i++) numbers[i] = l.rows[l.listing.rows[i]].trial->number;
    *ret = numbers;
    *ret_n = n;
  }
  trials_done(&l);
  return status < 0 ? status : 0;
}

int cl_trials_columns(struct cl_reader *r, struct cl_text *ret, struct cl_err *e) {
  struct cl_list_options options = {.limit = CL_LIMIT_LAST};
  struct trials l = {0};
  int status = collect(&l, r, &options, false, e);
  if (status >= 0) /* of all trials, although none is open */
    status = cl_tags_read(cl_reader_store(r), cl_reader_id(r), 0, 0, &l.tags, e);
  cl_catalogue_done(&l.listing.catalogue);
  if (status >= 0) status = cl_trial_catalogue(&l.listing.catalogue, l.study, &l.tags, e);
  if (status >= 0) cl_catalogue_describe(&l.listing.catalogue, ret);
  trials_done(&l);
  return status < 0 ? status : 0;
}

/* Several studies in one list. */

struct place {
  size_t part, row;
};

struct many {
  struct cl_listing listing;
  struct trials *parts;
  size_t n_parts, n;
  struct place *places; /* by row */
  int *maps; /* of column i of the catalogue and part p at i * n_parts + p: its column there, -1 = none */
};

static void many_done(struct many *m) {
  cl_listing_done(&m->listing);
  for (size_t i = 0; i < m->n_parts; i++) trials_done(&m->parts[i]);
  cl_free(m->parts);
  cl_free(m->places);
  cl_free(m->maps);
}

/* The column of a part; null if it has none of that name. Standard columns are the same everywhere. */
static const struct cl_column *column_of_part(const struct many *m, const struct cl_column *c, size_t part) {
  if (c->kind == CL_COLUMN_STANDARD) return c;
  assert(part < m->n_parts && c->index >= 0 && (size_t)c->index < m->listing.catalogue.n);
  int at = m->maps[(size_t)c->index * m->n_parts + part];
  return at < 0 ? NULL : &m->parts[part].listing.catalogue.items[at];
}

static int need_of_many(void *source, const struct cl_column *c, struct cl_err *e) {
  struct many *m = source;
  for (size_t i = 0; i < m->n_parts; i++) {
    const struct cl_column *own = column_of_part(m, c, i);
    if (own != NULL) CL_TRY(need(&m->parts[i], own, e));
  }
  return 0;
}

static struct cl_value cell_of_many(void *source, size_t row, const struct cl_column *c) {
  struct many *m = source;
  assert(row < m->n);
  const struct cl_column *own = column_of_part(m, c, m->places[row].part);
  return own == NULL ? (struct cl_value){0} : cell(&m->parts[m->places[row].part], m->places[row].row, own);
}

static bool tagged_of_many(void *source, size_t row, const char *name, const char *text) {
  struct many *m = source;
  assert(row < m->n);
  return tagged(&m->parts[m->places[row].part], m->places[row].row, name, text);
}

/* Study, trial, state, metrics, hyperparameters. */
static int usual_of_many(void *source, struct cl_table *t, struct cl_err *e) {
  static const int first[] = {CL_TRIAL_COLUMN_STUDY, CL_TRIAL_COLUMN_TRIAL, CL_TRIAL_COLUMN_STATE};
  const struct cl_catalogue *c = &((struct many *)source)->listing.catalogue;
  for (size_t k = 0; k < sizeof first / sizeof first[0]; k++)
    for (size_t i = 0; i < c->n; i++)
      if (c->items[i].kind == CL_COLUMN_STANDARD && c->items[i].index == first[k])
        CL_TRY(cl_table_add_column(t, &c->items[i], e));
  for (size_t i = 0; i < c->n; i++)
    if (c->items[i].kind == CL_COLUMN_METRIC) CL_TRY(cl_table_add_column(t, &c->items[i], e));
  for (size_t i = 0; i < c->n; i++)
    if (c->items[i].kind == CL_COLUMN_VALUE) CL_TRY(cl_table_add_column(t, &c->items[i], e));
  return 0;
}

static const struct cl_rows_ops many_ops = {need_of_many, cell_of_many, tagged_of_many, usual_of_many};

static int find_same(const struct cl_catalogue *c, const struct cl_column *like) {
  for (size_t i = 0; i < c->n; i++)
    if (c->items[i].kind == like->kind && strcmp(c->items[i].name, like->name) == 0) return (int)i;
  return -1;
}

/* The columns that some part has; those of studies get the number that the maps know them by. */
static int join_catalogues(struct many *m, struct cl_err *e) {
  struct cl_catalogue *all = &m->listing.catalogue;
  const struct cl_catalogue *first = &m->parts[0].listing.catalogue;
  assert(m->n_parts > 0 && m->maps == NULL);
  all->aliases = first->aliases;
  all->n_aliases = first->n_aliases;
  all->find_state = first->find_state;
  for (size_t p = 0; p < m->n_parts; p++) {
    const struct cl_catalogue *c = &m->parts[p].listing.catalogue;
    for (size_t i = 0; i < c->n; i++) {
      struct cl_column column = c->items[i];
      if (find_same(all, &column) >= 0) continue;
      if (column.kind != CL_COLUMN_STANDARD) column.index = (int)all->n;
      CL_TRY(cl_catalogue_add(all, &column, e));
    }
  }
  m->maps = cl_alloc_array(all->n * m->n_parts, sizeof *m->maps);
  if (m->maps == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < all->n; i++)
    for (size_t p = 0; p < m->n_parts; p++)
      m->maps[i * m->n_parts + p] = find_same(&m->parts[p].listing.catalogue, &all->items[i]);
  return 0;
}

static int place_rows(struct many *m, struct cl_err *e) {
  for (size_t p = 0; p < m->n_parts; p++) m->n += m->parts[p].listing.n;
  m->places = cl_alloc_array(m->n, sizeof *m->places);
  if (m->places == NULL) return CL_FAIL_NOMEM(e);
  size_t at = 0;
  for (size_t p = 0; p < m->n_parts; p++)
    for (size_t i = 0; i < m->parts[p].listing.n; i++)
      m->places[at++] = (struct place){p, m->parts[p].listing.rows[i]};
  assert(at == m->n);
  return cl_listing_begin(&m->listing, m->n, e);
}

int cl_trials_read_many(struct cl_reader *const *readers, const struct cl_selection *const *selections,
                        size_t n, const struct cl_list_options *options, struct cl_table *ret,
                        struct cl_err *e) {
  struct many m = {.n_parts = 0};
  assert(n > 0);
  m.listing =
      (struct cl_listing){.ops = &many_ops, .source = &m, .noun = "trials", .best = cl_trial_best_column()};
  bool tags = cl_list_names_tags(options);
  int status = (m.parts = cl_alloc_array(n, sizeof *m.parts)) == NULL ? CL_FAIL_NOMEM(e) : 0;
  for (size_t i = 0; i < n && status >= 0; i++) {
    struct cl_list_options part = {.selection = selections[i], .limit = CL_LIMIT_ALL};
    m.n_parts++;
    status = collect(&m.parts[i], readers[i], &part, tags, e);
  }
  if (status >= 0) status = join_catalogues(&m, e);
  if (status >= 0) status = place_rows(&m, e);
  if (status >= 0) status = cl_listing_choose(&m.listing, options, false, 0, e);
  if (status >= 0) status = cl_listing_fill(&m.listing, options, ret, e);
  many_done(&m);
  return status < 0 ? status : 0;
}
