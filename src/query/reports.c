#include "query/reports.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "query/story.h"

enum { TRIAL, ATTEMPT, STEP, TIME, COUNTS, FIXED };

struct row {
  int64_t trial;
  struct cl_story_report report; /* its metrics borrow from the stories */
};

struct collection {
  struct cl_story *stories;
  size_t n_stories;
  struct row *rows;
  size_t n, capacity;
  const char *names[CL_METRICS_MAX + 1];
  int n_names;
};

static void collection_done(struct collection *c) {
  for (size_t i = 0; i < c->n_stories; i++) cl_story_done(&c->stories[i]);
  cl_free(c->stories);
  cl_free(c->rows);
}

static int add_story(struct collection *c, int64_t trial, const struct cl_story *s, struct cl_err *e) {
  if (cl_grow(&c->rows, &c->capacity, c->n + s->n_reports, sizeof *c->rows) < 0) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < s->n_reports; i++) {
    const struct cl_story_report *report = &s->reports[i];
    c->rows[c->n++] = (struct row){trial, *report};
    for (int k = 0; k < report->n_metrics; k++) {
      const struct cl_metric *m = &report->metrics[k];
      if (m->id < 1 || m->id > CL_METRICS_MAX) continue;
      if (m->name != NULL) c->names[m->id] = m->name;
      if (m->id > c->n_names) c->n_names = m->id;
    }
  }
  return 0;
}

static int add_columns(struct collection *c, const struct cl_study *study, struct cl_table *t, int *column_of,
                       struct cl_err *e) {
  static const char *const fixed[] = {"trial", "attempt", "step", "time", "counts"};
  for (int i = 0; i < FIXED; i++) {
    struct cl_column column = {.kind = CL_COLUMN_STANDARD,
                               .type = i == TIME ? CL_COLUMN_TIME : CL_COLUMN_PLAIN,
                               .name = fixed[i],
                               .header = fixed[i],
                               .rank = i == TIME || i == COUNTS ? 2 : 0};
    if (i == STEP && cl_study_settings(study)->step != NULL) column.header = cl_study_settings(study)->step;
    CL_TRY(cl_table_add_column(t, &column, e));
  }
  for (int id = 1; id <= c->n_names; id++) {
    if (c->names[id] == NULL) continue;
    column_of[id] = (int)t->n_columns;
    struct cl_column column = {.kind = CL_COLUMN_METRIC,
                               .name = c->names[id],
                               .header = c->names[id],
                               .index = id,
                               .rank = id == 1 ? 0 : 1};
    CL_TRY(cl_table_add_column(t, &column, e));
  }
  return 0;
}

static int fill(const struct collection *c, const struct cl_study *study, struct cl_span kept,
                const int *column_of, struct cl_table *t, struct cl_err *e) {
  for (int64_t i = kept.lo; i < kept.hi; i++) {
    const struct cl_story_report *report = &c->rows[i].report;
    struct cl_value *cells = NULL;
    CL_TRY(cl_table_add_row(t, &cells, e));
    cells[TRIAL] = cl_value_int(c->rows[i].trial);
    cells[ATTEMPT] = cl_value_int(report->attempt);
    cells[STEP] = cl_value_real(report->step);
    cells[TIME] = cl_value_int(cl_study_created_ms(study) + report->time_ms);
    cells[COUNTS] = cl_value_bool(!report->late && !report->is_void);
    for (int k = 0; k < report->n_metrics; k++)
      if (column_of[report->metrics[k].id] > 0)
        cells[column_of[report->metrics[k].id]] = cl_value_real(report->metrics[k].value);
  }
  t->total = (int64_t)c->n;
  return 0;
}

int cl_reports_read(struct cl_reader *r, const struct cl_trials_options *options, struct cl_table *ret,
                    struct cl_err *e) {
  if (options->n_filters + options->n_columns + options->n_more > 0 || options->sort != NULL)
    return CL_FAIL(e, CLADE_EINVAL,
                   "a list of reports has neither filters nor other columns nor another order");
  struct collection c = {0};
  struct cl_table t = {0};
  const struct cl_study *study = NULL;
  int column_of[CL_METRICS_MAX + 1] = {0};
  int64_t *numbers = NULL;
  size_t n = 0;
  int status = cl_trials_find(r, options->selection, &numbers, &n, e);
  if (status >= 0 && (c.stories = cl_alloc_array(n, sizeof *c.stories)) == NULL) status = CL_FAIL_NOMEM(e);
  if (status >= 0 && n > 0) status = cl_reader_need(r, numbers[0], numbers[n - 1], &study, e);
  for (size_t i = 0; i < n && status >= 0; i++) {
    status = cl_story_read(r, numbers[i], &c.stories[i], e);
    if (status < 0) break;
    c.n_stories++;
    status = add_story(&c, numbers[i], &c.stories[i], e);
  }
  if (status >= 0) status = cl_reader_need(r, CL_NO_TRIALS, CL_NO_TRIALS, &study, e);
  if (status >= 0) status = add_columns(&c, study, &t, column_of, e);
  if (status >= 0) status = fill(&c, study, cl_limit_span(options, (int64_t)c.n), column_of, &t, e);
  if (status >= 0)
    *ret = t;
  else
    cl_table_done(&t);
  collection_done(&c);
  cl_free(numbers);
  return status < 0 ? status : 0;
}
