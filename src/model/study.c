/* The replica. Trials stand in blocks of 1024 that never move; each value takes 8 bytes (a packed cell). */
#include "model/study.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "model/cell.h"

enum { BLOCK = 1024 };

struct block {
  int width; /* columns when it was made; later columns are absent in it */
  uint64_t *cells;
  struct cl_trial trials[BLOCK];
};

/* One value that a change replaced, so that `voided` can put it back. column -1: the snapshot to resume from.
 */
struct write {
  int64_t change;
  int column;
  uint64_t before;
};

struct cl_trial_more {
  bool has_seed;
  int64_t seed, parent;
  int64_t donor;    /* snapshot of its last exploit, 0 = none */
  int64_t snapshot; /* where its next start begins: last own durable one, or the donor's; 0 = the beginning */
  uint8_t *held;    /* per column, or null */
  double *objectives; /* from index 1; null when there is only one */
  size_t n_held, n_writes, cap_writes;
  struct write *writes;
};

struct queued {
  int64_t position, trial;
};

struct configuration_slot {
  uint32_t hash, first, last;
};

struct cl_study {
  struct cl_study_head head;
  struct cl_settings *settings;
  char *name, *uuid, *spec, *directory, *provenance;
  int64_t seed, created_ms;
  enum cl_reason reason;
  bool partial, newer;

  struct block **blocks;
  size_t n_blocks, cap_blocks;
  int *columns; /* column → stable id */
  size_t n_columns, cap_columns;
  struct cl_cells cells;

  struct cl_snapshot *snapshots; /* ascending positions */
  size_t n_snapshots, cap_snapshots;
  struct cl_worker_info *workers;
  size_t n_workers, cap_workers;
  char **metrics; /* by id - 1 */
  size_t n_metrics, cap_metrics;

  struct queued *queue; /* FIFO; entries whose trial has left are skipped */
  size_t queue_first, queue_end, cap_queue;
  int64_t counts[CL_INFEASIBLE + 1], pending, enqueued, failures, best;

  struct configuration_slot *slots; /* open addressing; null until asked for */
  size_t n_slots, n_used;
  uint32_t *next_repeat; /* by trial; covers trials up to n_indexed */
  size_t cap_next;
  int64_t n_indexed;
};

int cl_study_create(struct cl_study **ret, struct cl_err *e) {
  struct cl_study *s = cl_alloc(sizeof *s);
  if (s == NULL) return CL_FAIL_NOMEM(e);
  *ret = s;
  return 0;
}

static void destroy_more(struct cl_trial_more *m) {
  if (m == NULL) return;
  cl_free(m->held);
  cl_free(m->objectives);
  cl_free(m->writes);
  cl_free(m);
}

static void destroy_blocks(struct cl_study *s) {
  for (size_t b = 0; b < s->n_blocks; b++) {
    if (s->blocks[b] == NULL) continue;
    for (int i = 0; i < BLOCK; i++) {
      destroy_more(s->blocks[b]->trials[i].more);
      cl_free(s->blocks[b]->trials[i].rollup);
    }
    cl_free(s->blocks[b]->cells);
    cl_free(s->blocks[b]);
  }
  cl_free(s->blocks);
}

void cl_study_destroy(struct cl_study *s) {
  if (s == NULL) return;
  destroy_blocks(s);
  cl_cells_done(&s->cells);
  for (size_t i = 0; i < s->n_snapshots; i++) {
    cl_free(s->snapshots[i].path);
    cl_free(s->snapshots[i].hash);
    cl_free(s->snapshots[i].host);
  }
  for (size_t i = 0; i < s->n_workers; i++) {
    cl_free(s->workers[i].host);
    cl_free(s->workers[i].boot);
  }
  for (size_t i = 0; i < s->n_metrics; i++) cl_free(s->metrics[i]);
  cl_settings_destroy(s->settings);
  char *texts[] = {s->name, s->uuid, s->spec, s->directory, s->provenance};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) cl_free(texts[i]);
  cl_free(s->columns);
  cl_free(s->snapshots);
  cl_free(s->workers);
  cl_free(s->metrics);
  cl_free(s->queue);
  cl_free(s->slots);
  cl_free(s->next_repeat);
  cl_free(s);
}

void cl_study_expect_partial(struct cl_study *s) {
  s->partial = true;
}

/* Columns and cells. */

static int find_column(const struct cl_study *s, int id) {
  for (size_t i = 0; i < s->n_columns; i++)
    if (s->columns[i] == id) return (int)i;
  return -1;
}

static int add_columns(struct cl_study *s, struct cl_err *e) {
  const struct cl_space *space = &s->settings->space;
  for (int i = 0; i < space->n; i++) {
    if (find_column(s, space->items[i].id) >= 0) continue;
    if (cl_grow(&s->columns, &s->cap_columns, s->n_columns + 1, sizeof *s->columns) < 0)
      return CL_FAIL_NOMEM(e);
    s->columns[s->n_columns++] = space->items[i].id;
  }
  return 0;
}

/* Ids are nearly always 1, 2, … in the order of the columns: look there first. */
static int column_of(const struct cl_study *s, int id) {
  if (id >= 1 && (size_t)id <= s->n_columns && s->columns[id - 1] == id) return id - 1;
  return find_column(s, id);
}

static struct block *block_of(const struct cl_study *s, int64_t number) {
  size_t b = (size_t)((number - 1) / BLOCK);
  return number < 1 || b >= s->n_blocks ? NULL : s->blocks[b];
}

static uint64_t *cells_of(const struct cl_study *s, int64_t number) {
  struct block *b = block_of(s, number);
  assert(b != NULL);
  return b->cells + (size_t)((number - 1) % BLOCK) * (size_t)b->width;
}

static struct cl_trial *find_trial(const struct cl_study *s, int64_t number) {
  struct block *b = block_of(s, number);
  if (b == NULL) return NULL;
  struct cl_trial *t = &b->trials[(number - 1) % BLOCK];
  return t->head.proposed == 0 ? NULL : t;
}

const struct cl_trial *cl_study_trial(const struct cl_study *s, int64_t number) {
  return find_trial(s, number);
}

/* The block of a new trial; its slot is empty. */
static int make_room(struct cl_study *s, int64_t number, struct cl_trial **ret, struct cl_err *e) {
  size_t b = (size_t)((number - 1) / BLOCK), old = s->n_blocks;
  if (b >= old) {
    if (cl_grow(&s->blocks, &s->cap_blocks, b + 1, sizeof *s->blocks) < 0) return CL_FAIL_NOMEM(e);
    memset(s->blocks + old, 0, (b + 1 - old) * sizeof *s->blocks);
    s->n_blocks = b + 1;
  }
  if (s->blocks[b] == NULL) {
    struct block *made = cl_alloc(sizeof *made);
    uint64_t *cells = cl_alloc_array(BLOCK, (s->n_columns > 0 ? s->n_columns : 1) * sizeof *cells);
    if (made == NULL || cells == NULL) {
      cl_free(made);
      cl_free(cells);
      return CL_FAIL_NOMEM(e);
    }
    made->cells = cells;
    made->width = (int)s->n_columns;
    s->blocks[b] = made;
  }
  *ret = &s->blocks[b]->trials[(number - 1) % BLOCK];
  return 0;
}

/* A block made before the space grew gets the new columns when a trial of it needs them. */
static int widen(struct cl_study *s, int64_t number, struct cl_err *e) {
  struct block *b = block_of(s, number);
  if ((size_t)b->width >= s->n_columns) return 0;
  uint64_t *cells = cl_alloc_array(BLOCK, s->n_columns * sizeof *cells);
  if (cells == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < BLOCK; i++)
    for (size_t c = 0; c < s->n_columns; c++)
      cells[i * s->n_columns + c] =
          c < (size_t)b->width ? b->cells[i * (size_t)b->width + c] : CL_CELL_ABSENT;
  cl_free(b->cells);
  b->cells = cells;
  b->width = (int)s->n_columns;
  return 0;
}

static int more_of(struct cl_trial *t, struct cl_trial_more **ret, struct cl_err *e) {
  if (t->more == NULL) t->more = cl_alloc(sizeof *t->more);
  if (t->more == NULL) return CL_FAIL_NOMEM(e);
  *ret = t->more;
  return 0;
}

static int remember_write(struct cl_trial_more *m, int64_t change, int column, uint64_t before,
                          struct cl_err *e) {
  if (cl_grow(&m->writes, &m->cap_writes, m->n_writes + 1, sizeof *m->writes) < 0) return CL_FAIL_NOMEM(e);
  m->writes[m->n_writes++] = (struct write){change, column, before};
  return 0;
}

/* Values of a birth: all columns, absent ones included. */
static int put_first_values(struct cl_study *s, struct cl_trial *t, const struct cl_assigned_list *values,
                            struct cl_err *e) {
  CL_TRY(widen(s, t->number, e));
  uint64_t *cells = cells_of(s, t->number);
  for (size_t c = 0; c < s->n_columns; c++) cells[c] = CL_CELL_ABSENT;
  for (int i = 0; i < values->n; i++) {
    int column = column_of(s, values->items[i].id);
    if (column < 0)
      return CL_FAIL(e, CLADE_ECORRUPT,
                     "trial %lld has a value for hyperparameter %d, which the study does not have",
                     (long long)t->number, values->items[i].id);
    CL_TRY(cl_cell_pack(&s->cells, values->items[i].value, &cells[column], e));
  }
  return 0;
}

/* Values of a change; `whole`: hyperparameters that are not named become absent. */
static int put_changed_values(struct cl_study *s, struct cl_trial *t, int64_t change,
                              const struct cl_assigned_list *values, bool whole, struct cl_err *e) {
  struct cl_trial_more *m = NULL;
  CL_TRY(more_of(t, &m, e));
  CL_TRY(widen(s, t->number, e));
  uint64_t *cells = cells_of(s, t->number);
  for (size_t c = 0; c < s->n_columns; c++) {
    const struct cl_assigned *named = NULL;
    for (int i = 0; i < values->n && named == NULL; i++)
      if (values->items[i].id == s->columns[c]) named = &values->items[i];
    if (named == NULL && !whole) continue;
    uint64_t cell = CL_CELL_ABSENT;
    if (named != NULL) CL_TRY(cl_cell_pack(&s->cells, named->value, &cell, e));
    CL_TRY(remember_write(m, change, (int)c, cells[c], e));
    cells[c] = cell;
  }
  return 0;
}

void cl_trial_values(const struct cl_study *s, const struct cl_trial *t, struct cl_value *ret) {
  const struct cl_space *space = &s->settings->space;
  const uint64_t *cells = cells_of(s, t->number);
  int width = block_of(s, t->number)->width;
  for (int i = 0; i < space->n; i++) {
    int column = column_of(s, space->items[i].id);
    ret[i] = column < 0 || column >= width ? (struct cl_value){0} : cl_cell_unpack(&s->cells, cells[column]);
  }
}

/* Snapshots. */

static struct cl_snapshot *find_snapshot(const struct cl_study *s, int64_t position) {
  size_t lo = 0, hi = s->n_snapshots;
  while (lo < hi) {
    size_t mid = (lo + hi) / 2;
    if (s->snapshots[mid].position < position)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < s->n_snapshots && s->snapshots[lo].position == position ? &s->snapshots[lo] : NULL;
}

const struct cl_snapshot *cl_study_snapshot(const struct cl_study *s, int64_t position) {
  return find_snapshot(s, position);
}

static void pin(struct cl_study *s, int64_t snapshot, int by) {
  struct cl_snapshot *found = find_snapshot(s, snapshot);
  if (found != NULL) found->pins += by;
  assert(found == NULL || found->pins >= 0);
}

static bool is_durable(enum cl_way way) {
  return way == CL_WAY_DIRECTORY || way == CL_WAY_COPY;
}

static int add_snapshot(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, struct cl_err *e) {
  if (cl_grow(&s->snapshots, &s->cap_snapshots, s->n_snapshots + 1, sizeof *s->snapshots) < 0)
    return CL_FAIL_NOMEM(e);
  struct cl_snapshot *n = &s->snapshots[s->n_snapshots];
  *n = (struct cl_snapshot){.position = ev->position,
                            .trial = ev->subject,
                            .attempt = ev->attempt,
                            .step = ev->u.saved.step,
                            .way = ev->u.saved.way,
                            .usable = true,
                            .bytes = ev->u.saved.bytes,
                            .path = cl_copy_text(ev->u.saved.path),
                            .hash = cl_copy_text(ev->u.saved.hash),
                            .host = cl_copy_text(ev->u.saved.host),
                            .rollup = ev->u.saved.rollup,
                            .diverged = t->head.flags & CL_FLAG_DIVERGED};
  s->n_snapshots++;
  if ((ev->u.saved.path != NULL && n->path == NULL) || (ev->u.saved.hash != NULL && n->hash == NULL) ||
      (ev->u.saved.host != NULL && n->host == NULL))
    return CL_FAIL_NOMEM(e);
  if (ev->late || !is_durable(ev->u.saved.way)) return 0;
  struct cl_trial_more *m = NULL;
  CL_TRY(more_of(t, &m, e));
  m->snapshot = ev->position;
  return 0;
}

/* The newest usable durable snapshot of the trial itself. */
static int64_t last_own_snapshot(const struct cl_study *s, int64_t trial) {
  for (size_t i = s->n_snapshots; i > 0; i--) {
    const struct cl_snapshot *n = &s->snapshots[i - 1];
    if (n->trial == trial && n->usable && is_durable(n->way)) return n->position;
  }
  return 0;
}

int64_t cl_trial_donor(const struct cl_trial *t) {
  if (t->more == NULL) return 0;
  return t->more->donor != 0 ? t->more->donor : t->more->parent;
}

int64_t cl_trial_resume_from(const struct cl_study *s, const struct cl_trial *t) {
  if (t->more == NULL) return 0;
  int64_t wanted = t->more->snapshot != 0 ? t->more->snapshot : t->more->parent;
  const struct cl_snapshot *n = find_snapshot(s, wanted);
  return n == NULL || n->usable ? wanted : last_own_snapshot(s, t->number);
}

/* Values of objectives. */

static double reduce(const struct cl_study *s, const struct cl_rollup *r) {
  if (r == NULL || r->count == 0) return NAN;
  switch (s->settings->objectives[0].reduce) {
  case CL_LAST: return r->last;
  case CL_BEST: return r->best;
  case CL_MEAN: return r->sum / (double)r->count;
  }
  return NAN;
}

void cl_rollup_add(struct cl_rollup *r, const struct cl_objective *o, double value) {
  if (r->count == 0 || cl_objective_better(o, value, r->best)) r->best = value;
  r->last = value;
  r->sum += value;
  r->count++;
}

static int rollup_of(struct cl_trial *t, struct cl_err *e) {
  if (t->rollup == NULL) t->rollup = cl_alloc(sizeof *t->rollup);
  return t->rollup == NULL ? CL_FAIL_NOMEM(e) : 0;
}

static int begin_segment(struct cl_study *s, struct cl_trial *t, int64_t snapshot, struct cl_err *e) {
  const struct cl_snapshot *from = find_snapshot(s, snapshot);
  t->record = 0;
  if (from != NULL) {
    CL_TRY(rollup_of(t, e));
    *t->rollup = from->rollup;
  } else if (t->rollup != NULL) {
    *t->rollup = (struct cl_rollup){0};
  }
  t->value = reduce(s, t->rollup);
  return 0;
}

static int name_metrics(struct cl_study *s, const struct cl_metric_list *list, struct cl_err *e) {
  for (int i = 0; i < list->n; i++) {
    int id = list->items[i].id;
    if (id < 1 || id > CL_METRICS_MAX)
      return CL_FAIL(e, CLADE_ECORRUPT, "a report has a metric with the id %d", id);
    size_t old = s->n_metrics;
    if ((size_t)id > old) {
      if (cl_grow(&s->metrics, &s->cap_metrics, (size_t)id, sizeof *s->metrics) < 0) return CL_FAIL_NOMEM(e);
      memset(s->metrics + old, 0, ((size_t)id - old) * sizeof *s->metrics);
      s->n_metrics = (size_t)id;
    }
    if (s->metrics[id - 1] != NULL || list->items[i].name == NULL) continue;
    s->metrics[id - 1] = cl_copy_text(list->items[i].name);
    if (s->metrics[id - 1] == NULL) return CL_FAIL_NOMEM(e);
  }
  return 0;
}

int cl_study_name_metric(struct cl_study *s, int id, const char *name, struct cl_err *e) {
  struct cl_metric m = {id, name, 0};
  return name_metrics(s, &(struct cl_metric_list){1, &m}, e);
}

static int set_objective(struct cl_study *s, struct cl_trial *t, int index, double value, struct cl_err *e) {
  struct cl_trial_more *m = NULL;
  assert(index >= 1 && index < CL_OBJECTIVES_MAX);
  CL_TRY(more_of(t, &m, e));
  if (m->objectives == NULL) {
    m->objectives = cl_alloc_array((size_t)s->settings->n_objectives, sizeof *m->objectives);
    if (m->objectives == NULL) return CL_FAIL_NOMEM(e);
    for (int i = 0; i < s->settings->n_objectives; i++) m->objectives[i] = NAN;
  }
  m->objectives[index] = value;
  return 0;
}

static int apply_report(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, struct cl_err *e) {
  CL_TRY(name_metrics(s, &ev->u.reported.metrics, e));
  if (ev->late) return 0;
  for (int i = 0; i < ev->u.reported.metrics.n; i++) {
    const struct cl_metric *m = &ev->u.reported.metrics.items[i];
    if (m->id > 1 && m->id <= s->settings->n_objectives) CL_TRY(set_objective(s, t, m->id - 1, m->value, e));
    if (m->id != 1) continue;
    CL_TRY(rollup_of(t, e));
    cl_rollup_add(t->rollup, &s->settings->objectives[0], m->value);
    t->record = ev->position;
    t->value = reduce(s, t->rollup);
  }
  return 0;
}

static int apply_end(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, struct cl_err *e) {
  t->exit_status = !ev->u.ended.known        ? -1
                   : ev->u.ended.signal != 0 ? 128 + ev->u.ended.signal
                                             : ev->u.ended.status;
  if (ev->late) return 0;
  t->ended_ms = ev->time_ms;
  if (ev->u.ended.record != 0) t->record = ev->u.ended.record;
  for (int i = 0; i < ev->u.ended.objectives.n && i < s->settings->n_objectives; i++) {
    if (i == 0)
      t->value = ev->u.ended.objectives.items[0];
    else
      CL_TRY(set_objective(s, t, i, ev->u.ended.objectives.items[i], e));
  }
  if (cl_state_is_pending(t->head.state)) return 0;
  cl_free(t->rollup);
  t->rollup = NULL;
  return 0;
}

/* Events on trials. */

static int apply_birth(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, struct cl_err *e) {
  t->number = ev->subject;
  t->value = NAN;
  t->started_ms = t->ended_ms = -1;
  t->exit_status = -1;
  t->space_version = s->head.space_version;
  if (ev->kind == CL_EVENT_IMPORTED) {
    if (ev->u.imported.objectives.n > 0) t->value = ev->u.imported.objectives.items[0];
    for (int i = 1; i < ev->u.imported.objectives.n && i < s->settings->n_objectives; i++)
      CL_TRY(set_objective(s, t, i, ev->u.imported.objectives.items[i], e));
    return put_first_values(s, t, &ev->u.imported.values, e);
  }
  t->of = (uint32_t)ev->u.proposed.of;
  t->repeat = ev->u.proposed.repeat;
  t->space_version = ev->u.proposed.space_version;
  if (ev->u.proposed.role == CL_ROLE_ENQUEUED) s->enqueued++;
  if (ev->u.proposed.has_seed || ev->u.proposed.parent != 0) {
    struct cl_trial_more *m = NULL;
    CL_TRY(more_of(t, &m, e));
    m->has_seed = ev->u.proposed.has_seed;
    m->seed = ev->u.proposed.seed;
    m->parent = ev->u.proposed.parent;
  }
  return put_first_values(s, t, &ev->u.proposed.values, e);
}

static int apply_exploit(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev,
                         struct cl_err *e) {
  struct cl_trial_more *m = NULL;
  CL_TRY(put_changed_values(s, t, ev->position, &ev->u.exploited.values, true, e));
  if (ev->u.exploited.snapshot == 0) return 0;
  CL_TRY(more_of(t, &m, e));
  CL_TRY(remember_write(m, ev->position, -1, (uint64_t)m->snapshot, e));
  m->snapshot = m->donor = ev->u.exploited.snapshot;
  pin(s, m->snapshot, 1);
  return 0;
}

/* Take back what `change` wrote: the cell if nothing wrote it later, else what the later write would fall
 * back to. */
static void apply_void(struct cl_study *s, struct cl_trial *t, int64_t change) {
  struct cl_trial_more *m = t->more;
  if (m == NULL) return;
  uint64_t *cells = cells_of(s, t->number);
  size_t kept = 0;
  for (size_t i = 0; i < m->n_writes; i++) {
    struct write w = m->writes[i];
    if (w.change != change) {
      m->writes[kept++] = w;
      continue;
    }
    struct write *later = NULL;
    for (size_t j = i + 1; j < m->n_writes && later == NULL; j++)
      if (m->writes[j].column == w.column) later = &m->writes[j];
    if (w.column < 0) pin(s, m->snapshot, -1);
    if (later != NULL)
      later->before = w.before;
    else if (w.column < 0)
      m->snapshot = (int64_t)w.before;
    else
      cells[w.column] = w.before;
  }
  m->n_writes = kept;
}

static int apply_held(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, struct cl_err *e) {
  struct cl_trial_more *m = NULL;
  CL_TRY(more_of(t, &m, e));
  if (m->n_held < s->n_columns) {
    uint8_t *held = cl_alloc(s->n_columns);
    if (held == NULL) return CL_FAIL_NOMEM(e);
    if (m->n_held > 0) memcpy(held, m->held, m->n_held);
    cl_free(m->held);
    m->held = held;
    m->n_held = s->n_columns;
  }
  for (int i = 0; i < ev->u.held.ids.n; i++) {
    int column = column_of(s, (int)ev->u.held.ids.items[i]);
    if (column >= 0) m->held[column] = ev->u.held.on;
  }
  return 0;
}

static int apply_to_trial(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, int64_t load,
                          struct cl_err *e) {
  switch (ev->kind) {
  case CL_EVENT_STARTED:
    if (t->started_ms < 0) t->started_ms = ev->time_ms;
    if (load != 0) pin(s, cl_trial_resume_from(s, t), -1);
    return begin_segment(s, t, ev->u.started.from, e);
  case CL_EVENT_LOST: t->ended_ms = ev->time_ms; return 0;
  case CL_EVENT_EXPLOITED: return apply_exploit(s, t, ev, e);
  case CL_EVENT_SET: return put_changed_values(s, t, ev->position, &ev->u.set.values, false, e);
  case CL_EVENT_HELD: return apply_held(s, t, ev, e);
  case CL_EVENT_VOIDED: apply_void(s, t, ev->u.voided.change); return 0;
  case CL_EVENT_DELETED: {
    struct cl_snapshot *n = find_snapshot(s, ev->u.deleted.snapshot);
    if (n != NULL) n->usable = false;
    return 0;
  }
  case CL_EVENT_REPORTED: return apply_report(s, t, ev, e);
  case CL_EVENT_SAVED: return add_snapshot(s, t, ev, e);
  case CL_EVENT_LOADED:
    if (ev->late || ev->u.loaded.error != NULL) return 0;
    if (load != 0 && load == ev->u.loaded.change) pin(s, ev->u.loaded.snapshot, -1);
    return begin_segment(s, t, ev->u.loaded.snapshot, e);
  case CL_EVENT_ENDED: return apply_end(s, t, ev, e);
  default: return 0;
  }
}

/* Counters that follow from the states. */

static bool is_counted(const struct cl_trial *t) {
  return t->head.role == CL_ROLE_SEARCH || t->head.role == CL_ROLE_ENQUEUED;
}

static bool is_active(int state) {
  return state == CL_WAITING || state == CL_RUNNING;
}

static void consider_best(struct cl_study *s, const struct cl_trial *t) {
  if (!is_counted(t) || !isfinite(t->value)) return;
  const struct cl_trial *best = find_trial(s, s->best);
  if (best == NULL || cl_objective_better(&s->settings->objectives[0], t->value, best->value) ||
      (t->value == best->value && t->number < best->number))
    s->best = t->number;
}

static int enter_queue(struct cl_study *s, const struct cl_trial *t, struct cl_err *e) {
  if (s->queue_first > 1024 && s->queue_first > s->queue_end / 2) {
    memmove(s->queue, s->queue + s->queue_first, (s->queue_end - s->queue_first) * sizeof *s->queue);
    s->queue_end -= s->queue_first;
    s->queue_first = 0;
  }
  if (cl_grow(&s->queue, &s->cap_queue, s->queue_end + 1, sizeof *s->queue) < 0) return CL_FAIL_NOMEM(e);
  s->queue[s->queue_end++] = (struct queued){t->head.waiting, t->number};
  return 0;
}

/* Policies are told results in the order in which they became some. */
static void note_result(const struct cl_study *s, struct cl_trial *t) {
  if (!cl_state_is_result(&s->head, &t->head))
    t->result = 0;
  else if (t->result == 0)
    t->result = s->head.position;
}

static int count_states(struct cl_study *s, struct cl_trial *t, int before, struct cl_err *e) {
  int now = t->head.state;
  note_result(s, t);
  if (now == before) return 0;
  if (before != CL_STATE_NONE) s->counts[before]--;
  s->counts[now]++;
  if (is_counted(t)) s->pending += is_active(now) - is_active(before);
  if (cl_state_is_final(now)) consider_best(s, t);
  if (is_counted(t) && s->failures >= 0 && cl_state_is_result(&s->head, &t->head))
    s->failures = now == CL_FAILED ? s->failures + 1 : -1;
  return now == CL_WAITING ? enter_queue(s, t, e) : 0;
}

/* Events on the study. */

static int keep_text(char **to, const char *text, struct cl_err *e) {
  char *copy = cl_copy_text(text == NULL ? "" : text);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  cl_free(*to);
  *to = copy;
  return 0;
}

static int64_t creation_time(const char *provenance) {
  json_t *node = provenance == NULL ? NULL : json_loads(provenance, 0, NULL);
  int64_t ms = json_integer_value(json_object_get(node, "created_ms"));
  json_decref(node);
  return ms;
}

static int name_objectives(struct cl_study *s, struct cl_err *e) {
  for (int i = 0; i < s->settings->n_objectives; i++) {
    CL_TRY(cl_study_name_metric(s, i + 1, s->settings->objectives[i].name, e));
  }
  return 0;
}

static int apply_created(struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  CL_TRY(cl_settings_parse(ev->u.created.settings, &s->settings, e));
  CL_TRY(keep_text(&s->name, ev->u.created.name, e));
  CL_TRY(keep_text(&s->uuid, ev->u.created.uuid, e));
  CL_TRY(keep_text(&s->spec, ev->u.created.spec, e));
  CL_TRY(keep_text(&s->directory, ev->u.created.directory, e));
  CL_TRY(keep_text(&s->provenance, ev->u.created.provenance, e));
  s->seed = ev->u.created.seed;
  s->created_ms = creation_time(ev->u.created.provenance);
  CL_TRY(add_columns(s, e));
  return name_objectives(s, e);
}

static int apply_updated(struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  struct cl_settings *settings = NULL;
  CL_TRY(cl_settings_update(s->settings, ev->u.updated.settings, &settings, e));
  cl_settings_destroy(s->settings);
  s->settings = settings;
  s->settings->space.version = s->head.space_version;
  if (ev->u.updated.provenance != NULL) CL_TRY(keep_text(&s->provenance, ev->u.updated.provenance, e));
  for (int64_t i = 1; i <= s->head.trials; i++) { /* fewer retries make a failure final */
    struct cl_trial *t = find_trial(s, i);
    if (t != NULL) note_result(s, t);
  }
  return add_columns(s, e);
}

static int apply_worker(struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  size_t number = (size_t)ev->u.worker.worker, old = s->n_workers;
  if (number > old) {
    if (cl_grow(&s->workers, &s->cap_workers, number, sizeof *s->workers) < 0) return CL_FAIL_NOMEM(e);
    memset(s->workers + old, 0, (number - old) * sizeof *s->workers);
    s->n_workers = number;
  }
  struct cl_worker_info *w = &s->workers[number - 1];
  w->slots = ev->u.worker.state == CL_WORKER_GONE ? 0 : ev->u.worker.slots;
  if (ev->u.worker.host != NULL) CL_TRY(keep_text(&w->host, ev->u.worker.host, e));
  if (ev->u.worker.boot != NULL) CL_TRY(keep_text(&w->boot, ev->u.worker.boot, e));
  return 0;
}

static int apply_to_study(struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  switch (ev->kind) {
  case CL_EVENT_CREATED: return apply_created(s, ev, e);
  case CL_EVENT_UPDATED: return apply_updated(s, ev, e);
  case CL_EVENT_FINISHED: s->reason = ev->u.finished.reason; return 0;
  case CL_EVENT_WORKER: return apply_worker(s, ev, e);
  default: return 0; /* reopened, clock, chosen, note */
  }
}

static int check_order(const struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  bool next = s->partial ? ev->position > s->head.position : ev->position == s->head.position + 1;
  if (!next)
    return CL_FAIL(e, CLADE_ECORRUPT, "event %lld follows event %lld", (long long)ev->position,
                   (long long)s->head.position);
  if ((s->settings == NULL) != (ev->kind == CL_EVENT_CREATED))
    return CL_FAIL(e, CLADE_ECORRUPT, "a log begins with one 'created', not with '%s' at %lld",
                   cl_kind_name(ev->kind), (long long)ev->position);
  return 0;
}

int cl_study_apply(struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  CL_TRY(check_order(s, ev, e));
  if (cl_kind_flags(ev->kind) == 0) {
    s->newer = true;
    s->head.position = ev->position;
    return 0;
  }
  bool birth = ev->kind == CL_EVENT_PROPOSED || ev->kind == CL_EVENT_IMPORTED;
  struct cl_trial *t = NULL;
  if (birth) {
    if (s->partial) s->head.trials = ev->subject - 1;
    CL_TRY(make_room(s, ev->subject, &t, e));
  } else if (ev->subject != 0) {
    t = find_trial(s, ev->subject);
  }
  struct cl_head absent = {0}, *head = t == NULL ? &absent : &t->head;
  int before = head->state;
  int64_t load = head->load;
  CL_TRY(cl_head_apply(&s->head, head, ev, e));
  if (ev->subject == 0) return apply_to_study(s, ev, e);
  assert(t != NULL);
  CL_TRY(birth ? apply_birth(s, t, ev, e) : apply_to_trial(s, t, ev, load, e));
  if (ev->kind == CL_EVENT_ENDED && cl_state_is_final(head->state)) consider_best(s, t);
  return count_states(s, t, before, e);
}

/* Looking. */

const struct cl_study_head *cl_study_head(const struct cl_study *s) {
  return &s->head;
}
const struct cl_settings *cl_study_settings(const struct cl_study *s) {
  return s->settings;
}
const struct cl_space *cl_study_space(const struct cl_study *s) {
  return &s->settings->space;
}
const char *cl_study_name(const struct cl_study *s) {
  return s->name;
}
const char *cl_study_uuid(const struct cl_study *s) {
  return s->uuid;
}
const char *cl_study_spec(const struct cl_study *s) {
  return s->spec;
}
const char *cl_study_directory(const struct cl_study *s) {
  return s->directory;
}
const char *cl_study_provenance(const struct cl_study *s) {
  return s->provenance;
}
int64_t cl_study_seed(const struct cl_study *s) {
  return s->seed;
}
int64_t cl_study_created_ms(const struct cl_study *s) {
  return s->created_ms;
}
int64_t cl_study_trials(const struct cl_study *s) {
  return s->head.trials;
}
int cl_study_reason(const struct cl_study *s) {
  return s->head.open ? 0 : (int)s->reason;
}
bool cl_study_is_newer(const struct cl_study *s) {
  return s->newer;
}
int64_t cl_study_pending(const struct cl_study *s) {
  return s->pending;
}
int64_t cl_study_enqueued(const struct cl_study *s) {
  return s->enqueued;
}
int64_t cl_study_failures_in_a_row(const struct cl_study *s) {
  return s->failures;
}
int64_t cl_study_best(const struct cl_study *s) {
  return s->best;
}
int cl_study_metrics(const struct cl_study *s) {
  return (int)s->n_metrics;
}
int cl_study_workers(const struct cl_study *s) {
  return s->head.workers;
}

int64_t cl_study_count(const struct cl_study *s, int state) {
  assert(state >= CL_WAITING && state <= CL_INFEASIBLE);
  return s->counts[state];
}

double cl_trial_objective(const struct cl_trial *t, int i) {
  if (i == 0) return t->value;
  return t->more == NULL || t->more->objectives == NULL ? NAN : t->more->objectives[i];
}

uint64_t cl_trial_seed(const struct cl_study *s, const struct cl_trial *t) {
  if (t->more != NULL && t->more->has_seed) return (uint64_t)t->more->seed;
  struct cl_rng r =
      cl_rng_stream((uint64_t)s->seed, CL_RNG_TRIAL_SEED, (uint64_t)t->number, (uint32_t)t->repeat);
  return cl_rng_bits(&r) >> 33; /* 31 bits: every library takes such a seed */
}

bool cl_trial_is_held(const struct cl_study *s, const struct cl_trial *t, int index) {
  if (t->more == NULL) return false;
  int column = column_of(s, s->settings->space.items[index].id);
  return column >= 0 && (size_t)column < t->more->n_held && t->more->held[column];
}

const struct cl_worker_info *cl_study_worker(const struct cl_study *s, int worker) {
  return worker < 1 || (size_t)worker > s->n_workers ? NULL : &s->workers[worker - 1];
}

int cl_study_slots(const struct cl_study *s) {
  int sum = 0;
  for (size_t i = 0; i < s->n_workers; i++) sum += s->workers[i].slots;
  return sum;
}

int64_t cl_study_first_waiting(const struct cl_study *s) {
  for (size_t i = s->queue_first; i < s->queue_end; i++) {
    const struct cl_trial *t = find_trial(s, s->queue[i].trial);
    if (t->head.state == CL_WAITING && t->head.waiting == s->queue[i].position) return t->number;
    if (i == s->queue_first)
      ((struct cl_study *)(uintptr_t)s)->queue_first++; /* has left the queue for good */
  }
  return 0;
}

int64_t cl_study_next_waiting(const struct cl_study *s, int64_t trial) {
  const struct cl_trial *t = find_trial(s, trial);
  assert(t != NULL && t->head.state == CL_WAITING);
  size_t lo = s->queue_first, hi = s->queue_end;
  while (lo < hi) { /* positions ascend */
    size_t mid = (lo + hi) / 2;
    if (s->queue[mid].position <= t->head.waiting)
      lo = mid + 1;
    else
      hi = mid;
  }
  for (; lo < s->queue_end; lo++) {
    const struct cl_trial *next = find_trial(s, s->queue[lo].trial);
    if (next->head.state == CL_WAITING && next->head.waiting == s->queue[lo].position) return next->number;
  }
  return 0;
}

const char *cl_study_metric_name(const struct cl_study *s, int id) {
  return id < 1 || (size_t)id > s->n_metrics ? NULL : s->metrics[id - 1];
}

int cl_study_metric_find(const struct cl_study *s, const char *name) {
  for (size_t i = 0; i < s->n_metrics; i++)
    if (s->metrics[i] != NULL && strcmp(s->metrics[i], name) == 0) return (int)i + 1;
  return 0;
}

/* Configurations. */

static uint32_t configuration_hash(const struct cl_study *s, int64_t number, struct cl_value *room) {
  cl_trial_values(s, find_trial(s, number), room);
  return (uint32_t)cl_space_hash(&s->settings->space, room);
}

static void insert_slot(struct configuration_slot *slots, size_t n, struct configuration_slot slot) {
  size_t i = slot.hash & (n - 1);
  while (slots[i].first != 0) i = (i + 1) & (n - 1);
  slots[i] = slot;
}

static int grow_slots(struct cl_study *s, struct cl_err *e) {
  if (s->n_used * 4 < s->n_slots * 3) return 0;
  size_t n = s->n_slots == 0 ? 1024 : s->n_slots * 2;
  struct configuration_slot *slots = cl_alloc_array(n, sizeof *slots);
  if (slots == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < s->n_slots; i++)
    if (s->slots[i].first != 0) insert_slot(slots, n, s->slots[i]);
  cl_free(s->slots);
  s->slots = slots;
  s->n_slots = n;
  return 0;
}

/* The slot of the configuration that `number` has, or an empty one. room: 2 * space->n values. */
static struct configuration_slot *find_slot(const struct cl_study *s, int64_t number, struct cl_value *room,
                                            uint32_t *ret_hash) {
  const struct cl_space *space = &s->settings->space;
  uint32_t hash = configuration_hash(s, number, room);
  *ret_hash = hash;
  for (size_t i = hash & (s->n_slots - 1);; i = (i + 1) & (s->n_slots - 1)) {
    struct configuration_slot *slot = &s->slots[i];
    if (slot->first == 0) return slot;
    if (slot->hash != hash) continue;
    cl_trial_values(s, find_trial(s, slot->first), room + space->n);
    if (cl_space_equal(space, room, room + space->n)) return slot;
  }
}

static int index_trial(struct cl_study *s, int64_t number, struct cl_value *room, struct cl_err *e) {
  CL_TRY(grow_slots(s, e));
  uint32_t hash = 0;
  struct configuration_slot *slot = find_slot(s, number, room, &hash);
  if (slot->first == 0) {
    *slot = (struct configuration_slot){hash, (uint32_t)number, (uint32_t)number};
    s->n_used++;
  } else {
    s->next_repeat[slot->last - 1] = (uint32_t)number;
    slot->last = (uint32_t)number;
  }
  return 0;
}

int cl_study_configuration(struct cl_study *s, int64_t number, int64_t *ret, struct cl_err *e) {
  assert(find_trial(s, number) != NULL);
  struct cl_value *room = cl_alloc_array((size_t)s->settings->space.n * 2 + 1, sizeof *room);
  if (room == NULL) return CL_FAIL_NOMEM(e);
  int status = 0;
  if (cl_grow(&s->next_repeat, &s->cap_next, (size_t)s->head.trials, sizeof *s->next_repeat) < 0) {
    status = CL_FAIL_NOMEM(e);
    goto out;
  }
  while (s->n_indexed < s->head.trials) {
    int64_t next = s->n_indexed + 1;
    s->next_repeat[next - 1] = 0;
    if (find_trial(s, next) != NULL) status = index_trial(s, next, room, e);
    if (status < 0) goto out;
    s->n_indexed = next;
  }
  uint32_t hash = 0;
  *ret = find_slot(s, number, room, &hash)->first;
out:
  cl_free(room);
  return status;
}

int64_t cl_study_next_repeat(const struct cl_study *s, int64_t number) {
  return number < 1 || number > s->n_indexed ? 0 : s->next_repeat[number - 1];
}

/* Digest. */

static uint64_t mix(uint64_t h, uint64_t x) {
  return cl_mix64(h ^ x) + 0x9E3779B97F4A7C15ull;
}

static uint64_t mix_real(uint64_t h, double x) {
  uint64_t bits = 0;
  if (!isnan(x)) memcpy(&bits, &x, sizeof bits);
  return mix(h, isnan(x) ? 1 : bits);
}

static uint64_t mix_trial(const struct cl_study *s, const struct cl_trial *t, struct cl_value *room,
                          uint64_t h) {
  const struct cl_head *d = &t->head;
  const int64_t numbers[] = {t->number,  d->version, d->proposed, d->waiting, d->load,       d->reports,
                             d->attempt, d->worker,  d->state,    d->flags,   d->tries,      d->failures,
                             d->role,    t->record,  t->of,       t->repeat,  t->exit_status};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) h = mix(h, (uint64_t)numbers[i]);
  h = mix_real(mix_real(mix_real(h, t->value), d->step), d->until);
  cl_trial_values(s, t, room);
  for (int i = 0; i < s->settings->space.n; i++) h = cl_value_hash(room[i], h);
  return h;
}

int cl_study_digest(const struct cl_study *s, uint64_t *ret, struct cl_err *e) {
  uint64_t h = mix(0, (uint64_t)s->head.position);
  if (s->settings == NULL) {
    *ret = h;
    return 0;
  }
  struct cl_value *room = cl_alloc_array((size_t)s->settings->space.n + 1, sizeof *room);
  if (room == NULL) return CL_FAIL_NOMEM(e);
  const int64_t numbers[] = {s->head.version, s->head.trials, s->head.counted, s->head.budget,
                             s->head.workers, s->head.open,   s->pending,      s->best};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) h = mix(h, (uint64_t)numbers[i]);
  for (int64_t n = 1; n <= s->head.trials; n++) {
    const struct cl_trial *t = find_trial(s, n);
    if (t != NULL) h = mix_trial(s, t, room, h);
  }
  for (size_t i = 0; i < s->n_snapshots; i++)
    h = mix(h, (uint64_t)s->snapshots[i].position * 4 + (s->snapshots[i].usable ? 1 : 0));
  cl_free(room);
  *ret = h;
  return 0;
}
