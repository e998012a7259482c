#include "query/reports.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "query/story.h"
#include "query/trial_cells.h"
#include "query/trials.h"

enum { TRIAL = 1, ATTEMPT, STEP, TIME, COUNTS, COLUMNS };
static const struct cl_column standard[COLUMNS] = {
    [TRIAL] = {.kind = CL_COLUMN_STANDARD, .name = "trial", .index = TRIAL},
    [ATTEMPT] = {.kind = CL_COLUMN_STANDARD, .name = "attempt", .index = ATTEMPT},
    [STEP] = {.kind = CL_COLUMN_STANDARD, .name = "step", .index = STEP},
    [TIME] = {.kind = CL_COLUMN_STANDARD, .type = CL_COLUMN_TIME, .name = "time", .index = TIME, .rank = 2},
    [COUNTS] = {.kind = CL_COLUMN_STANDARD, .name = "counts", .index = COUNTS, .rank = 2}};

static const struct cl_column_alias aliases[] = {{"run", TRIAL}, {"number", TRIAL}, {"name", TRIAL}};

struct row {
  int64_t trial;
  struct cl_story_report report; /* its metrics borrow from the stories, or are of the arena */
  int set;                       /* of metrics, for cl_metric_sets_read */
};

struct reports {
  struct cl_listing listing;
  struct cl_reader *reader;
  const struct cl_study *study;
  struct cl_story *stories;
  size_t n_stories;
  struct row *rows;
  size_t n, capacity;
  bool reported[CL_METRICS_MAX + 1]; /* by id: some row has it */
  bool shown[CL_METRICS_MAX + 1];
  bool many_trials, many_attempts, sets; /* sets: for cl_metric_sets_read */
  struct cl_value *values;               /* of the trial `values_of` */
  int64_t values_of;
  struct cl_tags tags;
  struct cl_arena arena;
};

static void reports_done(struct reports *l) {
  cl_listing_done(&l->listing);
  for (size_t i = 0; i < l->n_stories; i++) cl_story_done(&l->stories[i]);
  cl_free(l->stories);
  cl_free(l->rows);
  cl_free(l->values);
  cl_tags_done(&l->tags);
  cl_arena_done(&l->arena);
}

/* Cells. */

static int need(void *source, const struct cl_column *c, struct cl_err *e) {
  (void)source, (void)c, (void)e;
  return 0;
}

static struct cl_value standard_cell(const struct reports *l, const struct row *row, int index) {
  switch (index) {
  case TRIAL: return cl_value_int(row->trial);
  case ATTEMPT: return cl_value_int(row->report.attempt);
  case STEP: return cl_value_real(row->report.step);
  case TIME: return cl_value_int(cl_study_created_ms(l->study) + row->report.time_ms);
  case COUNTS: return cl_value_bool(!row->report.late && !row->report.is_void);
  default: return (struct cl_value){0};
  }
}

static struct cl_value value_cell(struct reports *l, int64_t trial, int index) {
  const struct cl_trial *t = cl_study_trial(l->study, trial);
  assert(index >= 0 && index < cl_study_space(l->study)->n);
  if (t == NULL) return (struct cl_value){0};
  if (l->values_of != trial) cl_trial_values(l->study, t, l->values);
  l->values_of = trial;
  return l->values[index];
}

static struct cl_value cell(void *source, size_t index, const struct cl_column *c) {
  struct reports *l = source;
  const struct row *row = &l->rows[index];
  assert(index < l->n);
  switch (c->kind) {
  case CL_COLUMN_STANDARD: return standard_cell(l, row, c->index);
  case CL_COLUMN_VALUE: return value_cell(l, row->trial, c->index);
  case CL_COLUMN_TAG: return cl_tag_cell(cl_tags_find(&l->tags, row->trial, c->name));
  case CL_COLUMN_METRIC: break;
  }
  for (int i = 0; i < row->report.n_metrics; i++)
    if (row->report.metrics[i].id == c->index) return cl_value_real(row->report.metrics[i].value);
  return (struct cl_value){0};
}

static bool tagged(void *source, size_t row, const char *name, const char *text) {
  const struct reports *l = source;
  return cl_tags_hold(&l->tags, l->rows[row].trial, name, text);
}

static bool is_usual(const struct reports *l, const struct cl_column *c) {
  if (c->kind == CL_COLUMN_METRIC) return l->shown[c->index];
  if (c->kind != CL_COLUMN_STANDARD) return false;
  if (!l->sets || c->index == STEP) return true;
  return (c->index == TRIAL && l->many_trials) || (c->index == ATTEMPT && l->many_attempts);
}

static int usual(void *source, struct cl_table *t, struct cl_err *e) {
  const struct reports *l = source;
  const char *step = cl_study_settings(l->study)->step;
  for (size_t i = 0; i < l->listing.catalogue.n; i++) {
    struct cl_column c = l->listing.catalogue.items[i];
    if (!is_usual(l, &c)) continue;
    if (c.kind == CL_COLUMN_STANDARD && c.index == STEP && step != NULL) c.header = step;
    if (l->sets && c.kind == CL_COLUMN_METRIC && step != NULL && strcmp(c.name, step) == 0) continue;
    CL_TRY(cl_table_add_column(t, &c, e));
  }
  return 0;
}

static const struct cl_rows_ops report_ops = {need, cell, tagged, usual};

/* Collecting. */

static int add_story(struct reports *l, int64_t trial, const struct cl_story *s, struct cl_err *e) {
  if (cl_grow(&l->rows, &l->capacity, l->n + s->n_reports, sizeof *l->rows) < 0) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < s->n_reports; i++) {
    const struct cl_story_report *report = &s->reports[i];
    if (l->sets && (report->late || report->is_void)) continue;
    l->rows[l->n++] = (struct row){.trial = trial, .report = *report};
    for (int k = 0; k < report->n_metrics; k++)
      if (report->metrics[k].id >= 1 && report->metrics[k].id <= CL_METRICS_MAX)
        l->reported[report->metrics[k].id] = true;
  }
  return 0;
}

static int read_stories(struct reports *l, const int64_t *numbers, size_t n, struct cl_err *e) {
  if ((l->stories = cl_alloc_array(n, sizeof *l->stories)) == NULL) return CL_FAIL_NOMEM(e);
  if (n == 0) return cl_reader_need(l->reader, CL_NO_TRIALS, CL_NO_TRIALS, &l->study, e);
  CL_TRY(cl_reader_need(l->reader, numbers[0], numbers[n - 1], &l->study, e));
  for (size_t i = 0; i < n; i++) {
    CL_TRY(cl_story_read(l->reader, numbers[i], &l->stories[i], e));
    l->n_stories++;
    CL_TRY(add_story(l, numbers[i], &l->stories[i], e));
  }
  l->many_trials = n > 1;
  return 0;
}

static int make_catalogue(struct reports *l, struct cl_err *e) {
  struct cl_catalogue *c = &l->listing.catalogue;
  c->aliases = aliases;
  c->n_aliases = sizeof aliases / sizeof aliases[0];
  for (int i = 1; i < COLUMNS; i++) CL_TRY(cl_catalogue_add(c, &standard[i], e));
  CL_TRY(cl_catalogue_add_study(c, l->study, &l->tags, e));
  for (int id = 1; id <= CL_METRICS_MAX; id++) l->shown[id] = l->reported[id];
  return 0;
}

static int collect(struct reports *l, struct cl_reader *r, const struct cl_list_options *o,
                   struct cl_err *e) {
  int64_t *numbers = NULL;
  size_t n = 0;
  l->reader = r;
  l->listing.ops = &report_ops;
  l->listing.source = l;
  l->listing.noun = "reports";
  CL_TRY(cl_trials_find(r, o->selection, &numbers, &n, e));
  int status = read_stories(l, numbers, n, e);
  cl_free(numbers);
  CL_TRY(status);
  l->values = cl_alloc_array((size_t)cl_study_space(l->study)->n, sizeof *l->values);
  if (l->values == NULL) return CL_FAIL_NOMEM(e);
  if (cl_list_names_tags(o)) CL_TRY(cl_tags_read(cl_reader_store(r), cl_reader_id(r), 0, 0, &l->tags, e));
  CL_TRY(make_catalogue(l, e));
  return 0;
}

int cl_reports_read(struct cl_reader *r, const struct cl_list_options *options, struct cl_table *ret,
                    struct cl_err *e) {
  struct reports l = {0};
  int status = collect(&l, r, options, e);
  if (status >= 0) status = cl_listing_begin(&l.listing, l.n, e);
  if (status >= 0) status = cl_listing_choose(&l.listing, options, false, 0, e);
  if (status >= 0) status = cl_listing_fill(&l.listing, options, ret, e);
  reports_done(&l);
  return status < 0 ? status : 0;
}

/* Sets of metrics. */

struct steps { /* ranges, both ends included */
  size_t n, capacity;
  struct {
    double lo, hi;
  } * items;
};

static int read_step(const char **p, double *ret) {
  char text[CL_NUMBER_TEXT];
  size_t n = strspn(*p, "0123456789.eE+");
  if (n == 0 || n >= sizeof text) return -1;
  memcpy(text, *p, n);
  text[n] = '\0';
  *p += n;
  return cl_text_to_number(text, ret) ? 0 : -1;
}

static int parse_steps(const char *text, struct steps *ret, struct cl_err *e) {
  for (const char *p = text;; p++) {
    double lo = 0, hi = 0;
    while (*p == ' ') p++;
    int status = read_step(&p, &lo);
    hi = lo;
    if (status == 0 && *p == '-') {
      p++;
      status = read_step(&p, &hi);
    }
    if (status < 0 || hi < lo || (*p != ',' && *p != '\0'))
      return CL_FAIL(e, CLADE_EINVAL, "'%.80s' are no steps: write numbers and ranges, such as 10,20,50-60",
                     text);
    if (cl_grow(&ret->items, &ret->capacity, ret->n + 1, sizeof *ret->items) < 0) return CL_FAIL_NOMEM(e);
    ret->items[ret->n].lo = lo;
    ret->items[ret->n++].hi = hi;
    if (*p == '\0') return 0;
  }
}

static int keep_steps(struct reports *l, const char *text, struct cl_err *e) {
  struct steps steps = {0};
  if (text == NULL) return 0;
  int status = cl_query_text_check("list of steps", text, e);
  if (status >= 0) status = parse_steps(text, &steps, e);
  size_t kept = 0;
  for (size_t i = 0; i < l->n && status >= 0; i++) {
    bool found = false;
    for (size_t k = 0; k < steps.n; k++)
      found = found ||
              (l->rows[i].report.step >= steps.items[k].lo && l->rows[i].report.step <= steps.items[k].hi);
    if (found) l->rows[kept++] = l->rows[i];
  }
  if (status >= 0) l->n = kept;
  cl_free(steps.items);
  return status;
}

/* The metrics that were asked for by name; CLADE_EINVAL when a name or pattern fits none. */
static int choose_metrics(struct reports *l, const struct cl_metric_sets_options *o, struct cl_err *e) {
  if (o->n_metrics == 0) return 0;
  memset(l->shown, 0, sizeof l->shown);
  for (size_t i = 0; i < o->n_metrics; i++) {
    bool found = false;
    const char *name = strncmp(o->metrics[i], "metrics.", 8) == 0 ? o->metrics[i] + 8 : o->metrics[i];
    for (int id = 1; id <= cl_study_metrics(l->study); id++) {
      const char *known = cl_study_metric_name(l->study, id);
      if (known == NULL || (!cl_address_matches(name, known) && strcmp(name, known) != 0)) continue;
      found = true;
      l->shown[id] = l->reported[id];
    }
    if (!found)
      return CL_FAIL(e, CLADE_EINVAL, "%s has no metric '%.100s'; clade list %s --available names them",
                     cl_study_name(l->study), name, cl_study_name(l->study));
  }
  return 0;
}

static bool has_metric(const struct cl_story_report *report, int id) {
  for (int i = 0; i < report->n_metrics; i++)
    if (report->metrics[i].id == id) return true;
  return false;
}

static bool is_same_set(const struct reports *l, const struct row *a, const struct row *b) {
  for (int id = 1; id <= CL_METRICS_MAX; id++)
    if (l->shown[id] && has_metric(&a->report, id) != has_metric(&b->report, id)) return false;
  return true;
}

static bool has_shown(const struct reports *l, const struct row *row) {
  for (int i = 0; i < row->report.n_metrics; i++)
    if (l->shown[row->report.metrics[i].id]) return true;
  return false;
}

/* Number the sets, and drop the rows without a metric that is shown. `ret_first`: a row of each. */
static int number_sets(struct reports *l, size_t **ret_first, int *ret_n, struct cl_err *e) {
  size_t *first = NULL, capacity = 0, kept = 0;
  int n = 0;
  for (size_t i = 0; i < l->n; i++) {
    struct row row = l->rows[i];
    if (!has_shown(l, &row)) continue;
    row.set = 0;
    while (row.set < n && !is_same_set(l, &l->rows[first[row.set]], &row)) row.set++;
    if (row.set == n) {
      if (cl_grow(&first, &capacity, (size_t)n + 1, sizeof *first) < 0) {
        cl_free(first);
        return CL_FAIL_NOMEM(e);
      }
      first[n++] = kept;
    }
    l->rows[kept++] = row;
  }
  l->n = kept;
  *ret_first = first;
  *ret_n = n;
  return 0;
}

static int compare_places(const void *a, const void *b) {
  const struct row *x = a, *y = b;
  if (x->trial != y->trial) return x->trial < y->trial ? -1 : 1;
  if (x->report.step != y->report.step) return x->report.step < y->report.step ? -1 : 1;
  return (x->report.position > y->report.position) - (x->report.position < y->report.position);
}

/* What both have, those of `later` for what is in both. */
static int join(struct reports *l, struct cl_story_report *into, const struct cl_story_report *later,
                struct cl_err *e) {
  struct cl_metric *metrics =
      cl_arena_array(&l->arena, (size_t)into->n_metrics + (size_t)later->n_metrics, sizeof *metrics);
  int n = 0;
  if (metrics == NULL) return CL_FAIL_NOMEM(e);
  for (int i = 0; i < into->n_metrics; i++)
    if (!has_metric(later, into->metrics[i].id)) metrics[n++] = into->metrics[i];
  for (int i = 0; i < later->n_metrics; i++) metrics[n++] = later->metrics[i];
  into->metrics = metrics;
  into->n_metrics = n;
  into->time_ms = later->time_ms;
  into->attempt = later->attempt;
  return 0;
}

static int merge_rows(struct reports *l, struct cl_err *e) {
  if (l->n == 0) return 0;
  qsort(l->rows, l->n, sizeof *l->rows, compare_places);
  size_t kept = 0;
  for (size_t i = 1; i < l->n; i++) {
    struct row *last = &l->rows[kept];
    if (last->trial == l->rows[i].trial && last->report.step == l->rows[i].report.step)
      CL_TRY(join(l, &last->report, &l->rows[i].report, e));
    else
      l->rows[++kept] = l->rows[i];
  }
  l->n = kept + 1;
  return 0;
}

/* The table of one set: its rows, its metrics. */
static int fill_set(struct reports *l, int set, size_t any, const struct cl_metric_sets_options *o,
                    struct cl_table *ret, struct cl_err *e) {
  bool shown[CL_METRICS_MAX + 1];
  size_t n = 0;
  memcpy(shown, l->shown, sizeof shown);
  cl_free(l->listing.rows);
  l->listing.rows = NULL;
  CL_TRY(cl_listing_begin(&l->listing, l->n, e));
  l->many_attempts = false;
  for (size_t i = 0; i < l->n; i++) {
    if (!o->merge && l->rows[i].set != set) continue;
    l->listing.rows[n++] = i;
    l->many_attempts = l->many_attempts || l->rows[i].report.attempt > 1;
  }
  l->listing.n = n;
  for (int id = 1; id <= CL_METRICS_MAX && !o->merge; id++)
    l->shown[id] = shown[id] && has_metric(&l->rows[any].report, id);
  int status = cl_listing_choose(&l->listing, &o->list, false, 0, e);
  if (status >= 0) status = cl_listing_fill(&l->listing, &o->list, ret, e);
  memcpy(l->shown, shown, sizeof shown);
  return status;
}

static int fill_sets(struct reports *l, const struct cl_metric_sets_options *o, struct cl_table **ret,
                     size_t *ret_n, struct cl_err *e) {
  size_t *first = NULL, n = 0;
  int sets = 0, status = number_sets(l, &first, &sets, e);
  if (status >= 0 && o->merge) status = merge_rows(l, e);
  if (o->merge && sets > 1) sets = 1;
  struct cl_table *tables = cl_alloc_array((size_t)sets, sizeof *tables);
  if (status >= 0 && tables == NULL) status = CL_FAIL_NOMEM(e);
  for (int set = 0; set < sets && status >= 0; set++) {
    status = fill_set(l, set, o->merge ? 0 : first[set], o, &tables[set], e);
    if (status >= 0) n++;
  }
  cl_free(first);
  if (status < 0) {
    for (size_t i = 0; i < n; i++) cl_table_done(&tables[i]);
    cl_free(tables);
    return status;
  }
  *ret = tables;
  *ret_n = n;
  return 0;
}

int cl_metric_sets_read(struct cl_reader *r, const struct cl_metric_sets_options *options,
                        struct cl_table **ret, size_t *ret_n, struct cl_err *e) {
  struct reports l = {.sets = true};
  int status = collect(&l, r, &options->list, e);
  if (status >= 0) status = keep_steps(&l, options->steps, e);
  if (status >= 0) status = choose_metrics(&l, options, e);
  if (status >= 0) status = fill_sets(&l, options, ret, ret_n, e);
  reports_done(&l);
  return status < 0 ? status : 0;
}
