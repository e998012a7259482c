#include "query/trials.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "query/best.h"
#include "query/filter.h"
#include "query/records.h"

/* A listing while it is made. Lives in the scratch memory of one call. */
struct listing {
  struct cl_reader *reader;
  const struct cl_study *study;
  struct cl_trial_row *rows;
  size_t n, capacity;
  int64_t total;
  struct cl_value *values; /* room for one trial */
  struct cl_metric_names metrics;
  struct cl_arena arena; /* metrics and their names */
  bool has_records;
};

static void listing_done(struct listing *l) {
  cl_free(l->rows);
  cl_free(l->values);
  cl_arena_done(&l->arena);
}

/* Metrics. */

static int name_metric(struct listing *l, int id, const char *name, struct cl_err *e) {
  assert(id >= 1);
  if ((size_t)id >= l->metrics.n) {
    const char **names = cl_arena_array(&l->arena, (size_t)id + 1, sizeof *names);
    if (names == NULL) return CL_FAIL_NOMEM(e);
    if (l->metrics.n > 0) memcpy(names, l->metrics.names, l->metrics.n * sizeof *names);
    l->metrics.names = names;
    l->metrics.n = (size_t)id + 1;
  }
  if (l->metrics.names[id] != NULL || name == NULL) return 0;
  l->metrics.names[id] = cl_arena_text(&l->arena, name);
  return l->metrics.names[id] == NULL ? CL_FAIL_NOMEM(e) : 0;
}

static int name_known_metrics(struct listing *l, struct cl_err *e) {
  for (int id = 1; id <= cl_study_metrics(l->study); id++)
    CL_TRY(name_metric(l, id, cl_study_metric_name(l->study, id), e));
  return 0;
}

static int read_records(struct listing *l, struct cl_err *e) {
  if (l->has_records || l->n == 0) return 0;
  CL_TRY(cl_records_read(l->reader, l->rows, l->n, cl_study_metrics(l->study), &l->arena, e));
  l->has_records = true;
  return 0;
}

/* Selecting. */

static int add_row(struct listing *l, int64_t number, struct cl_err *e) {
  const struct cl_trial *t = cl_study_trial(l->study, number);
  if (t == NULL) return 0;
  if (cl_grow(&l->rows, &l->capacity, l->n + 1, sizeof *l->rows) < 0) return CL_FAIL_NOMEM(e);
  l->rows[l->n++] = (struct cl_trial_row){.trial = t, .step = t->head.step};
  return 0;
}

static int add_span(struct listing *l, struct cl_span span, struct cl_err *e) {
  for (int64_t i = span.lo; i <= span.hi; i++) CL_TRY(add_row(l, i, e));
  return 0;
}

static int add_numbers(struct listing *l, const struct cl_selection *s, int64_t trials, struct cl_err *e) {
  for (size_t i = 0; i < s->n_spans; i++) {
    if (s->spans[i].hi > trials)
      return CL_FAIL(
          e, CLADE_ENOTFOUND, "%s has no trial %lld: its trials are 1 to %lld", cl_study_name(l->study),
          (long long)(s->spans[i].lo > trials ? s->spans[i].lo : s->spans[i].hi), (long long)trials);
    CL_TRY(add_span(l, s->spans[i], e));
  }
  return 0;
}

static int keep_where(struct listing *l, const char *filter, struct cl_err *e) {
  struct cl_filter *f = NULL;
  int status = cl_filter_parse(filter, l->study, &l->metrics, &f, e);
  if (status >= 0 && cl_filter_needs_metrics(f)) status = read_records(l, e);
  if (status >= 0) {
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
      cl_trial_values(l->study, l->rows[i].trial, l->values);
      if (cl_filter_holds(f, l->study, &l->rows[i], l->values)) l->rows[kept++] = l->rows[i];
    }
    l->n = kept;
  }
  cl_filter_destroy(f);
  return status;
}

static void keep_states(struct listing *l, unsigned states) {
  size_t kept = 0;
  for (size_t i = 0; i < l->n; i++)
    if (states & 1u << l->rows[i].trial->head.state) l->rows[kept++] = l->rows[i];
  l->n = kept;
}

static int add_best(struct listing *l, struct cl_err *e) {
  struct cl_best best;
  CL_TRY(cl_best_find(l->study, &best, e));
  if (best.trial == 0)
    return CL_FAIL(e, CLADE_ENOTFOUND, "%s has no best trial yet: none has finished with a finite value",
                   cl_study_name(l->study));
  return add_row(l, best.trial, e);
}

static int add_selected(struct listing *l, const struct cl_selection *s, struct cl_span all,
                        struct cl_err *e) {
  switch (s == NULL ? CL_SELECT_NONE : s->kind) {
  case CL_SELECT_NUMBERS: return add_numbers(l, s, all.hi, e);
  case CL_SELECT_BEST: return add_best(l, e);
  case CL_SELECT_STATES:
    CL_TRY(add_span(l, all, e));
    keep_states(l, s->states);
    return 0;
  case CL_SELECT_FILTER: CL_TRY(add_span(l, all, e)); return keep_where(l, s->filter, e);
  case CL_SELECT_NONE:
  case CL_SELECT_ALL: break;
  }
  return add_span(l, all, e);
}

/* Order and limit. */

struct key {
  struct cl_value value;
  size_t row;
};

static int compare_keys(const void *a, const void *b) {
  const struct key *x = a, *y = b;
  int order = cl_cell_compare(x->value, y->value);
  return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

static struct cl_value best_key(const struct listing *l, const struct cl_trial *t) {
  double sign = cl_objective_sign(&cl_study_settings(l->study)->objectives[0]);
  if (isnan(t->value) && t->record == 0) return (struct cl_value){0};
  return cl_value_real(isfinite(t->value) ? t->value * sign : (double)NAN);
}

static int find_sort_column(struct listing *l, const char *sort, struct cl_column *ret, struct cl_err *e) {
  const char *nearest = NULL;
  int found = cl_column_find(l->study, &l->metrics, sort, ret, &nearest);
  if (found == 0)
    return CL_FAIL(e, CLADE_EINVAL,
                   "cannot sort by '%.100s': write best, trial, hparams.NAME or metrics.NAME%s%.100s%s", sort,
                   nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "'?");
  bool by_record = ret->kind == CL_COLUMN_METRIC ||
                   (ret->kind == CL_COLUMN_STANDARD && ret->index == CL_TRIAL_COLUMN_STEP);
  return by_record ? read_records(l, e) : 0;
}

/* `blanks`: rows without a value to sort by stay, at the beginning. */
static int sort_rows(struct listing *l, const char *sort, bool blanks, struct cl_err *e) {
  bool best = strcmp(sort, "best") == 0;
  struct cl_column column = {0};
  if (!best) CL_TRY(find_sort_column(l, sort, &column, e));
  struct key *keys = cl_alloc_array(l->n, sizeof *keys);
  struct cl_trial_row *rows = cl_alloc_array(l->n, sizeof *rows);
  int status = keys == NULL || rows == NULL ? CL_FAIL_NOMEM(e) : 0;
  for (size_t i = 0; i < l->n && status == 0; i++) {
    if (!best && column.kind == CL_COLUMN_VALUE) cl_trial_values(l->study, l->rows[i].trial, l->values);
    keys[i].row = i;
    keys[i].value =
        best ? best_key(l, l->rows[i].trial) : cl_column_cell(&column, l->study, &l->rows[i], l->values);
  }
  if (status == 0) {
    size_t blank = 0;
    qsort(keys, l->n, sizeof *keys, compare_keys);
    while (!blanks && blank < l->n && keys[blank].value.kind == CL_ABSENT) blank++;
    for (size_t i = blank; i < l->n; i++) rows[i - blank] = l->rows[keys[i].row];
    cl_free(l->rows);
    l->rows = rows;
    l->capacity = l->n;
    l->n -= blank;
    rows = NULL;
  }
  cl_free(rows);
  cl_free(keys);
  return status;
}

static void reverse_rows(struct listing *l) {
  for (size_t i = 0, j = l->n; i + 1 < j; i++) {
    struct cl_trial_row row = l->rows[i];
    l->rows[i] = l->rows[--j];
    l->rows[j] = row;
  }
}

struct cl_span cl_limit_span(const struct cl_trials_options *o, int64_t n) {
  int64_t keep = n;
  if (o->limit == CL_LIMIT_FIRST || o->limit == CL_LIMIT_LAST) keep = o->n;
  if (o->limit == CL_LIMIT_STANDARD) keep = CL_LIST_MAX;
  if (keep > n) keep = n;
  return o->limit == CL_LIMIT_FIRST ? (struct cl_span){0, keep} : (struct cl_span){n - keep, n};
}

static void limit_rows(struct listing *l, const struct cl_trials_options *o) {
  struct cl_span kept = cl_limit_span(o, (int64_t)l->n);
  if (kept.lo > 0) memmove(l->rows, l->rows + kept.lo, (size_t)(kept.hi - kept.lo) * sizeof *l->rows);
  l->n = (size_t)(kept.hi - kept.lo);
}

/* The trials that must be in the replica: few, where the limit can be taken before anything is read. */
static struct cl_span needed(const struct cl_trials_options *o, int64_t trials) {
  struct cl_span all = {0, 0};
  const struct cl_selection *s = o->selection;
  if (s != NULL && s->kind == CL_SELECT_NUMBERS) {
    struct cl_span hull = cl_selection_hull(s);
    return hull.hi > trials ? (struct cl_span){CL_NO_TRIALS, CL_NO_TRIALS} : hull; /* will not be found */
  }
  bool plain = s == NULL || s->kind == CL_SELECT_NONE || s->kind == CL_SELECT_ALL;
  if (!plain || o->sort != NULL || o->reverse || o->n_filters > 0) return all;
  struct cl_span kept = cl_limit_span(o, trials);
  if (kept.hi == kept.lo) return (struct cl_span){CL_NO_TRIALS, CL_NO_TRIALS};
  return kept.hi - kept.lo == trials ? all : (struct cl_span){kept.lo + 1, kept.hi};
}

static int open_listing(struct listing *l, struct cl_reader *r, struct cl_span need, struct cl_err *e) {
  l->reader = r;
  CL_TRY(cl_reader_need(r, need.lo, need.hi, &l->study, e));
  l->values = cl_alloc_array((size_t)cl_study_space(l->study)->n, sizeof *l->values);
  return l->values == NULL ? CL_FAIL_NOMEM(e) : name_known_metrics(l, e);
}

/* Rows selected, filtered, ordered and limited. */
static int collect(struct listing *l, const struct cl_trials_options *o, struct cl_span need, int64_t trials,
                   struct cl_err *e) {
  bool cut = need.lo != 0; /* the limit has been taken already, or the numbers are named */
  bool named = o->selection != NULL && o->selection->kind == CL_SELECT_NUMBERS;
  struct cl_span all = {1, trials};
  if (cut && !named) all = need.lo == CL_NO_TRIALS ? (struct cl_span){1, 0} : need;
  CL_TRY(add_selected(l, o->selection, all, e));
  for (size_t i = 0; i < o->n_filters; i++) CL_TRY(keep_where(l, o->filters[i], e));
  l->total = cut && !named ? trials : (int64_t)l->n;
  if (o->sort != NULL) CL_TRY(sort_rows(l, o->sort, o->limit == CL_LIMIT_ALL, e));
  if (o->reverse) reverse_rows(l);
  limit_rows(l, o);
  return 0;
}

static int find_parents(struct listing *l, struct cl_err *e) {
  for (size_t i = 0; i < l->n; i++) {
    struct cl_trial_row *row = &l->rows[i];
    int64_t donor = cl_trial_donor(row->trial);
    if (donor == 0) continue;
    const struct cl_snapshot *s = cl_study_snapshot(l->study, donor);
    row->parent = s != NULL ? s->trial : 0;
    if (s == NULL) CL_TRY(cl_reader_snapshot_trial(l->reader, donor, &row->parent, e));
  }
  return 0;
}

/* Table. */

static int add_columns(const struct listing *l, const struct cl_trials_options *o, struct cl_table *t,
                       struct cl_err *e) {
  bool steps = false;
  for (size_t i = 0; i < l->n; i++) steps = steps || !isnan(l->rows[i].step);
  if (o->n_columns == 0) CL_TRY(cl_columns_add_default(t, l->study, &l->metrics, steps, e));
  for (size_t i = 0; i < o->n_columns; i++)
    CL_TRY(cl_columns_add(t, l->study, &l->metrics, o->columns[i], e));
  for (size_t i = 0; i < o->n_more; i++) CL_TRY(cl_columns_add(t, l->study, &l->metrics, o->more[i], e));
  if (t->n_columns == 0)
    return CL_FAIL(e, CLADE_EINVAL, "'%.100s' names no column of %s", o->columns[0], cl_study_name(l->study));
  return 0;
}

static int fill(const struct listing *l, struct cl_table *t, struct cl_err *e) {
  for (size_t i = 0; i < l->n; i++) {
    struct cl_value *cells = NULL;
    CL_TRY(cl_table_add_row(t, &cells, e));
    cl_trial_values(l->study, l->rows[i].trial, l->values);
    for (size_t c = 0; c < t->n_columns; c++)
      CL_TRY(
          cl_table_keep(t, cl_column_cell(&t->columns[c], l->study, &l->rows[i], l->values), &cells[c], e));
  }
  t->total = l->total;
  return 0;
}

int cl_trials_read(struct cl_reader *r, const struct cl_trials_options *options, struct cl_table *ret,
                   struct cl_err *e) {
  struct cl_study_head head;
  CL_TRY(cl_reader_head(r, &head, e));
  struct cl_span need = needed(options, head.trials);
  struct listing l = {0};
  struct cl_table t = {0};
  int status = open_listing(&l, r, need, e);
  if (status >= 0) status = collect(&l, options, need, head.trials, e);
  if (status >= 0) status = read_records(&l, e);
  if (status >= 0) status = find_parents(&l, e);
  if (status >= 0) status = add_columns(&l, options, &t, e);
  if (status >= 0) status = fill(&l, &t, e);
  if (status >= 0)
    *ret = t;
  else
    cl_table_done(&t);
  listing_done(&l);
  return status < 0 ? status : 0;
}

int cl_trials_find(struct cl_reader *r, const struct cl_selection *selection, int64_t **ret, size_t *ret_n,
                   struct cl_err *e) {
  struct cl_study_head head;
  CL_TRY(cl_reader_head(r, &head, e));
  struct cl_trials_options options = {.selection = selection, .limit = CL_LIMIT_ALL};
  struct cl_span need = needed(&options, head.trials);
  struct listing l = {0};
  int64_t *numbers = NULL;
  int status = open_listing(&l, r, need, e);
  if (status >= 0) status = collect(&l, &options, need, head.trials, e);
  if (status >= 0 && (numbers = cl_alloc_array(l.n, sizeof *numbers)) == NULL) status = CL_FAIL_NOMEM(e);
  if (status >= 0) {
    for (size_t i = 0; i < l.n; i++) numbers[i] = l.rows[i].trial->number;
    *ret = numbers;
    *ret_n = l.n;
  }
  listing_done(&l);
  return status < 0 ? status : 0;
}

int cl_trials_columns(struct cl_reader *r, struct cl_text *ret, struct cl_err *e) {
  struct listing l = {0};
  struct cl_trials_options options = {.limit = CL_LIMIT_STANDARD};
  struct cl_study_head head;
  CL_TRY(cl_reader_head(r, &head, e));
  struct cl_span need = needed(&options, head.trials);
  int status = open_listing(&l, r, need, e);
  if (status >= 0) status = collect(&l, &options, need, head.trials, e);
  if (status >= 0) status = read_records(&l, e);
  if (status >= 0) cl_columns_describe(l.study, &l.metrics, ret);
  listing_done(&l);
  return status < 0 ? status : 0;
}
