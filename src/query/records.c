#include "query/records.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "query/story.h"

#define READ_SINGLY_MAX 1000 /* rows; more are picked out of one pass over the log */

/* Of its record, else what the trial's value is: a state that was taken over brings its own. */
enum { OBJECTIVE = 1 };

struct reading {
  struct cl_reader *reader;
  struct cl_trial_row **rows; /* those to be read */
  size_t n, next;
  int known;
  struct cl_arena *arena;
  struct cl_err *e;
};

/* The record. */

static int take_record(struct reading *p, struct cl_trial_row *row, const struct cl_event *ev) {
  const struct cl_metric_list *metrics = &ev->u.reported.metrics;
  int room = metrics->n > p->known ? metrics->n : p->known;
  row->step = ev->u.reported.step;
  row->metrics = cl_arena_array(p->arena, (size_t)room, sizeof *row->metrics);
  if (row->metrics == NULL) return CL_FAIL_NOMEM(p->e);
  assert(ev->kind == CL_EVENT_REPORTED && metrics->n <= room);
  row->n_metrics = metrics->n;
  for (int i = 0; i < metrics->n; i++)
    row->metrics[i] = (struct cl_metric){.id = metrics->items[i].id, .value = metrics->items[i].value};
  return 0;
}

static int visit_record(void *ctx, const struct cl_event *ev) {
  struct reading *p = ctx;
  while (p->next < p->n && p->rows[p->next]->trial->record < ev->position) p->next++;
  if (p->next == p->n) return CLADE_EMPTY;
  if (ev->kind != CL_EVENT_REPORTED || p->rows[p->next]->trial->record != ev->position) return 0;
  return take_record(p, p->rows[p->next], ev);
}

static int compare_records(const void *a, const void *b) {
  const struct cl_trial_row *x = *(struct cl_trial_row *const *)a, *y = *(struct cl_trial_row *const *)b;
  return (x->trial->record > y->trial->record) - (x->trial->record < y->trial->record);
}

static int read_records_singly(struct reading *p, struct cl_err *e) {
  struct cl_store *store = cl_reader_store(p->reader);
  int64_t id = cl_reader_id(p->reader);
  for (size_t i = 0; i < p->n; i++) {
    const struct cl_trial *t = p->rows[i]->trial;
    struct cl_read one = {.after = t->record - 1,
                          .until = t->record,
                          .trial_lo = t->number,
                          .trial_hi = t->number,
                          .only_trials = true};
    p->next = i;
    CL_TRY(cl_store_read(store, id, &one, visit_record, p, e));
  }
  return 0;
}

static int read_records(struct reading *p, struct cl_err *e) {
  if (p->n == 0) return 0;
  qsort(p->rows, p->n, sizeof *p->rows, compare_records);
  if (p->n <= READ_SINGLY_MAX) return read_records_singly(p, e);
  struct cl_read all = {.after = p->rows[0]->trial->record - 1, .until = p->rows[p->n - 1]->trial->record};
  int status = cl_store_read(cl_reader_store(p->reader), cl_reader_id(p->reader), &all, visit_record, p, e);
  return status < 0 ? status : 0;
}

/* What the record lacks. */

static bool lacks_some(const struct reading *p, const struct cl_trial_row *row) {
  return row->n_metrics < p->known && row->trial->head.attempt > 0;
}

/* A later report replaces what an earlier one has put behind the first `own` metrics, those of the record. */
static int fall_back(struct reading *p, struct cl_trial_row *row, int own, int n,
                     const struct cl_metric *metrics) {
  if (row->metrics == NULL) row->metrics = cl_arena_array(p->arena, (size_t)p->known, sizeof *row->metrics);
  if (row->metrics == NULL) return CL_FAIL_NOMEM(p->e);
  for (int i = 0; i < n; i++) {
    int at = 0;
    while (at < row->n_metrics && row->metrics[at].id != metrics[i].id) at++;
    bool unknown = at == row->n_metrics && at >= p->known; /* named since the reader looked */
    if (at < own || unknown || metrics[i].id == OBJECTIVE) continue;
    if (at == row->n_metrics) row->n_metrics++;
    assert(own <= at && at < row->n_metrics);
    row->metrics[at] = (struct cl_metric){.id = metrics[i].id, .value = metrics[i].value};
  }
  return 0;
}

struct filling {
  struct reading *reading;
  int *own;                   /* metrics of the record, by row */
  size_t *by_trial;           /* of numbers from `first`: row + 1, 0 = none */
  int64_t first, last, after; /* trials; position before the first report of any */
};

/* Reports may be of a state that was taken back, or given up for another trial's: the story tells which. */
static bool needs_story(const struct cl_trial_row *row) {
  return row->trial->head.attempt > 1 || cl_trial_donor(row->trial) != 0;
}

static int visit_report(void *ctx, const struct cl_event *ev) {
  struct filling *f = ctx;
  if (ev->kind != CL_EVENT_REPORTED || ev->late || ev->subject < f->first || ev->subject > f->last) return 0;
  size_t i = f->by_trial[ev->subject - f->first];
  if (i == 0 || needs_story(f->reading->rows[i - 1])) return 0;
  return fall_back(f->reading, f->reading->rows[i - 1], f->own[i - 1], ev->u.reported.metrics.n,
                   ev->u.reported.metrics.items);
}

static int fill_from_story(struct filling *f, size_t i, struct cl_err *e) {
  struct cl_trial_row *row = f->reading->rows[i];
  struct cl_story story = {0};
  CL_TRY(cl_story_read(f->reading->reader, row->trial->number, &story, e));
  int status = 0;
  for (size_t k = 0; k < story.n_reports && status == 0; k++) {
    const struct cl_story_report *report = &story.reports[k];
    if (!report->late && !report->is_void && !report->given_up)
      status = fall_back(f->reading, row, f->own[i], report->n_metrics, report->metrics);
  }
  cl_story_done(&story);
  return status;
}

static int fill_all(struct filling *f, struct cl_err *e) {
  struct reading *p = f->reading;
  struct cl_store *store = cl_reader_store(p->reader);
  int64_t id = cl_reader_id(p->reader);
  bool singly = p->n <= READ_SINGLY_MAX;
  for (size_t i = 0; i < p->n; i++) {
    f->own[i] = p->rows[i]->n_metrics;
    f->by_trial[p->rows[i]->trial->number - f->first] = i + 1;
  }
  for (size_t i = 0; i < p->n; i++) {
    if (needs_story(p->rows[i]))
      CL_TRY(fill_from_story(f, i, e));
    else if (singly)
      CL_TRY(cl_store_read_reports(store, id, p->rows[i]->trial->number, visit_report, f, e));
  }
  if (singly) return 0;
  struct cl_read all = {.after = f->after};
  return cl_store_read(store, id, &all, visit_report, f, e);
}

static int fill_gaps(struct reading *p, struct cl_err *e) {
  if (p->n == 0) return 0;
  const struct cl_trial *any = p->rows[0]->trial;
  struct filling f = {.reading = p, .first = any->number, .last = any->number, .after = any->head.proposed};
  for (size_t i = 1; i < p->n; i++) {
    const struct cl_trial *t = p->rows[i]->trial;
    if (t->number < f.first) f.first = t->number;
    if (t->number > f.last) f.last = t->number;
    if (t->head.proposed < f.after) f.after = t->head.proposed;
  }
  assert(f.first >= 1 && f.first <= f.last);
  f.own = cl_alloc_array(p->n, sizeof *f.own);
  f.by_trial = cl_alloc_array((size_t)(f.last - f.first + 1), sizeof *f.by_trial);
  int status = f.own == NULL || f.by_trial == NULL ? CL_FAIL_NOMEM(e) : fill_all(&f, e);
  cl_free(f.own);
  cl_free(f.by_trial);
  return status;
}

int cl_records_read(struct cl_reader *r, struct cl_trial_row **rows, size_t n, int known,
                    struct cl_arena *arena, struct cl_err *e) {
  struct reading p = {.reader = r, .known = known, .arena = arena, .e = e};
  p.rows = cl_alloc_array(n, sizeof *p.rows);
  if (p.rows == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < n; i++)
    if (rows[i]->trial->record > 0) p.rows[p.n++] = rows[i];
  int status = read_records(&p, e);
  p.n = p.next = 0;
  for (size_t i = 0; i < n; i++) {
    assert(rows[i]->trial != NULL);
    if (lacks_some(&p, rows[i])) p.rows[p.n++] = rows[i];
  }
  if (status >= 0) status = fill_gaps(&p, e);
  cl_free(p.rows);
  return status < 0 ? status : 0;
}
