#include "query/studies.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { STUDY, STATE, TRIALS, OF, GOAL, METRIC, METHOD, CREATED, COLUMNS };
static const struct {
  const char *name;
  enum cl_column_type type;
  int rank;
} columns[COLUMNS] = {[STUDY] = {"study", CL_COLUMN_PLAIN, 0},   [STATE] = {"state", CL_COLUMN_STATE, 0},
                      [TRIALS] = {"trials", CL_COLUMN_PLAIN, 0}, [OF] = {"of", CL_COLUMN_PLAIN, 0},
                      [GOAL] = {"goal", CL_COLUMN_PLAIN, 2},     [METRIC] = {"metric", CL_COLUMN_PLAIN, 1},
                      [METHOD] = {"method", CL_COLUMN_PLAIN, 1}, [CREATED] = {"created", CL_COLUMN_TIME, 3}};

struct found {
  int64_t id, created_ms;
  const char *name;
  struct cl_study_head head;
};

struct finding {
  const char *pattern;
  struct found *items;
  size_t n, capacity;
  struct cl_arena *arena;
  struct cl_err *e;
};

static int take_row(void *ctx, const struct cl_study_row *row) {
  struct finding *f = ctx;
  if (f->pattern != NULL && !cl_address_matches(f->pattern, row->name)) return 0;
  if (cl_grow(&f->items, &f->capacity, f->n + 1, sizeof *f->items) < 0) return CL_FAIL_NOMEM(f->e);
  const char *name = cl_arena_text(f->arena, row->name);
  if (name == NULL) return CL_FAIL_NOMEM(f->e);
  f->items[f->n++] =
      (struct found){.id = row->id, .created_ms = row->created_ms, .name = name, .head = row->head};
  return 0;
}

static int compare_by_name(const void *a, const void *b) {
  const struct found *x = a, *y = b;
  return cl_text_compare_natural(x->name, y->name);
}

static int compare_by_trials(const void *a, const void *b) {
  const struct found *x = a, *y = b;
  return (x->head.trials > y->head.trials) - (x->head.trials < y->head.trials);
}

static int sort(struct finding *f, const struct cl_trials_options *o, struct cl_err *e) {
  if (o->sort == NULL || strcmp(o->sort, "created") == 0) {
    /* the order of the store */
  } else if (strcmp(o->sort, "study") == 0 || strcmp(o->sort, "name") == 0 || strcmp(o->sort, "job") == 0) {
    qsort(f->items, f->n, sizeof *f->items, compare_by_name);
  } else if (strcmp(o->sort, "trials") == 0 || strcmp(o->sort, "runs") == 0) {
    qsort(f->items, f->n, sizeof *f->items, compare_by_trials);
  } else {
    return CL_FAIL(e, CLADE_EINVAL, "cannot sort studies by '%.100s': write created, study or trials",
                   o->sort);
  }
  for (size_t i = 0, j = f->n; o->reverse && i + 1 < j; i++) {
    struct found held = f->items[i];
    f->items[i] = f->items[--j];
    f->items[j] = held;
  }
  return 0;
}

static int fill_settings(struct cl_store *store, int64_t id, struct cl_table *t, struct cl_value *cells,
                         struct cl_err *e) {
  struct cl_reader *r = NULL;
  const struct cl_study *study = NULL;
  CL_TRY(cl_reader_open(store, id, &r, e));
  int status = cl_reader_need(r, CL_NO_TRIALS, CL_NO_TRIALS, &study, e);
  if (status >= 0) {
    const struct cl_settings *s = cl_study_settings(study);
    const char *goal = s->objectives[0].goal == CL_MAXIMIZE ? "maximize" : "minimize";
    cells[GOAL] = cl_value_text(goal);
    status = cl_table_keep(t, cl_value_text(s->objectives[0].name), &cells[METRIC], e);
    if (status >= 0 && s->method != NULL)
      status = cl_table_keep(t, cl_value_text(s->method), &cells[METHOD], e);
  }
  cl_reader_close(r);
  return status;
}

static int fill_row(struct cl_store *store, const struct found *f, struct cl_table *t, struct cl_err *e) {
  struct cl_value *cells = NULL;
  CL_TRY(cl_table_add_row(t, &cells, e));
  CL_TRY(cl_table_keep(t, cl_value_text(f->name), &cells[STUDY], e));
  cells[STATE] = cl_value_text(f->head.open ? "open" : "finished");
  cells[TRIALS] = cl_value_int(f->head.counted);
  cells[OF] = cl_value_int(f->head.budget);
  if (f->created_ms > 0) cells[CREATED] = cl_value_int(f->created_ms);
  return fill_settings(store, f->id, t, cells, e);
}

int cl_studies_read(struct cl_store *store, const char *pattern, const struct cl_trials_options *options,
                    struct cl_table *ret, struct cl_err *e) {
  if (options->n_filters + options->n_columns + options->n_more > 0)
    return CL_FAIL(e, CLADE_EINVAL,
                   "a list of studies has neither filters nor other columns; name a study to list "
                   "its trials");
  struct cl_table t = {0};
  struct finding f = {.pattern = pattern, .arena = &t.arena, .e = e};
  int status = cl_store_studies(store, take_row, &f, e);
  if (status >= 0) status = sort(&f, options, e);
  for (size_t i = 0; i < COLUMNS && status >= 0; i++) {
    struct cl_column c = {.kind = CL_COLUMN_STANDARD,
                          .type = columns[i].type,
                          .name = columns[i].name,
                          .header = columns[i].name,
                          .rank = columns[i].rank};
    status = cl_table_add_column(&t, &c, e);
  }
  struct cl_span kept = cl_limit_span(options, (int64_t)f.n);
  for (int64_t i = kept.lo; i < kept.hi && status >= 0; i++) status = fill_row(store, &f.items[i], &t, e);
  t.total = (int64_t)f.n;
  cl_free(f.items);
  if (status < 0) {
    cl_table_done(&t);
    return status;
  }
  *ret = t;
  return 0;
}
