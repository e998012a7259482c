/* What an event does to its trial in the replica: values, snapshots, and the value of its objectives. */
#include "model/study_impl.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/sorted.h"

/* Columns and cells. */

int cl_study_find_column(const struct cl_study *s, int id) {
  for (size_t i = 0; i < s->n_columns; i++)
    if (s->columns[i] == id) return (int)i;
  return -1;
}

int cl_study_add_columns(struct cl_study *s, struct cl_err *e) {
  const struct cl_space *space = &s->settings->space;
  for (int i = 0; i < space->n; i++) {
    if (cl_study_find_column(s, space->items[i].id) >= 0) continue;
    if (cl_grow(&s->columns, &s->cap_columns, s->n_columns + 1, sizeof *s->columns) < 0)
      return CL_FAIL_NOMEM(e);
    assert(space->items[i].id >= 1);
    s->columns[s->n_columns++] = space->items[i].id;
  }
  return 0;
}

static struct cl_block *block_of(const struct cl_study *s, int64_t number) {
  size_t b = (size_t)((number - 1) / CL_BLOCK);
  return number < 1 || b >= s->n_blocks ? NULL : s->blocks[b];
}

static uint64_t *cells_of(const struct cl_study *s, int64_t number) {
  struct cl_block *b = block_of(s, number);
  assert(number >= 1 && b != NULL && b->cells != NULL);
  return b->cells + (size_t)((number - 1) % CL_BLOCK) * (size_t)b->width;
}

struct cl_trial *cl_study_find(const struct cl_study *s, int64_t number) {
  struct cl_block *b = block_of(s, number);
  if (b == NULL) return NULL;
  struct cl_trial *t = &b->trials[(number - 1) % CL_BLOCK];
  assert(t->head.proposed == 0 || t->number == number);
  return t->head.proposed == 0 ? NULL : t;
}

const struct cl_trial *cl_study_trial(const struct cl_study *s, int64_t number) {
  return cl_study_find(s, number);
}

/* The slot of a new trial: empty. */
int cl_study_make_trial(struct cl_study *s, int64_t number, struct cl_trial **ret, struct cl_err *e) {
  size_t b = (size_t)((number - 1) / CL_BLOCK), old = s->n_blocks;
  assert(number >= 1 && cl_study_find(s, number) == NULL);
  if (number > CL_NUMBER_MAX)
    return CL_FAIL(e, CLADE_ELIMIT,
                   "trial %lld cannot be taken in: a study has at most %lld; begin another one",
                   (long long)number, (long long)CL_NUMBER_MAX);
  if (b >= old) {
    if (cl_grow(&s->blocks, &s->cap_blocks, b + 1, sizeof *s->blocks) < 0) return CL_FAIL_NOMEM(e);
    memset(s->blocks + old, 0, (b + 1 - old) * sizeof *s->blocks);
    s->n_blocks = b + 1;
  }
  if (s->blocks[b] == NULL) {
    struct cl_block *made = cl_alloc(sizeof *made);
    uint64_t *cells = cl_alloc_array(CL_BLOCK, (s->n_columns > 0 ? s->n_columns : 1) * sizeof *cells);
    if (made == NULL || cells == NULL) {
      cl_free(made);
      cl_free(cells);
      return CL_FAIL_NOMEM(e);
    }
    made->cells = cells;
    made->width = (int)s->n_columns;
    s->blocks[b] = made;
  }
  *ret = &s->blocks[b]->trials[(number - 1) % CL_BLOCK];
  **ret = (struct cl_trial){
      .number = (uint32_t)number}; /* fresh pages that are read first, then written, fault twice */
  return 0;
}

/* A block made before the space grew gets the new columns when a trial of it needs them. */
static int widen(struct cl_study *s, int64_t number, struct cl_err *e) {
  struct cl_block *b = block_of(s, number);
  assert(b != NULL && b->width >= 0);
  if ((size_t)b->width >= s->n_columns) return 0;
  uint64_t *cells = cl_alloc_array(CL_BLOCK, s->n_columns * sizeof *cells);
  if (cells == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < CL_BLOCK; i++)
    for (size_t c = 0; c < s->n_columns; c++)
      cells[i * s->n_columns + c] =
          c < (size_t)b->width ? b->cells[i * (size_t)b->width + c] : CL_CELL_ABSENT;
  cl_free(b->cells);
  b->cells = cells;
  b->width = (int)s->n_columns;
  return 0;
}

static int no_column(const struct cl_trial *t, int id, struct cl_err *e) {
  return CL_FAIL(e, CLADE_ECORRUPT,
                 "trial %lld has a value for hyperparameter %d, which the study does not have",
                 (long long)t->number, id);
}

/* Values of a birth: all columns, absent ones included. */
static int put_first_values(struct cl_study *s, struct cl_trial *t, const struct cl_assigned_list *values,
                            struct cl_err *e) {
  CL_TRY(widen(s, t->number, e));
  uint64_t *cells = cells_of(s, t->number);
  assert((size_t)block_of(s, t->number)->width >= s->n_columns);
  for (size_t c = 0; c < s->n_columns; c++) cells[c] = CL_CELL_ABSENT;
  for (int i = 0; i < values->n; i++) {
    int column = cl_study_column(s, values->items[i].id);
    if (column < 0) return no_column(t, values->items[i].id, e);
    CL_TRY(cl_cell_pack(&s->cells, values->items[i].value, &cells[column], e));
  }
  return 0;
}

/* An exploit that may be voided remembers what it replaces … */
static int remember(struct cl_trial_more *m, int column, uint64_t before, struct cl_err *e) {
  assert(m->n_writes == 0 || m->writes[m->n_writes - 1].column < column); /* each column once */
  if (cl_grow(&m->writes, &m->cap_writes, m->n_writes + 1, sizeof *m->writes) < 0) return CL_FAIL_NOMEM(e);
  m->writes[m->n_writes++] = (struct cl_write){column, before};
  return 0;
}

/* … as long as nothing else has written the value. */
static void forget(struct cl_trial_more *m, int column) {
  size_t kept = 0;
  for (size_t i = 0; i < m->n_writes; i++)
    if (m->writes[i].column != column) m->writes[kept++] = m->writes[i];
  assert(m->n_writes - kept <= 1);
  m->n_writes = kept;
}

static const struct cl_assigned *find_assigned(const struct cl_assigned_list *values, int id) {
  for (int i = 0; i < values->n; i++)
    if (values->items[i].id == id) return &values->items[i];
  return NULL;
}

/* All values: hyperparameters that are not named become absent. */
static int put_all_values(struct cl_study *s, struct cl_trial *t, const struct cl_assigned_list *values,
                          struct cl_trial_more *m, struct cl_err *e) {
  CL_TRY(widen(s, t->number, e));
  uint64_t *cells = cells_of(s, t->number);
  for (size_t c = 0; c < s->n_columns; c++) {
    const struct cl_assigned *named = find_assigned(values, s->columns[c]);
    uint64_t cell = CL_CELL_ABSENT;
    if (named != NULL) CL_TRY(cl_cell_pack(&s->cells, named->value, &cell, e));
    CL_TRY(remember(m, (int)c, cells[c], e));
    cells[c] = cell;
  }
  cl_study_forget_configurations(s, t->number);
  return 0;
}

static int put_some_values(struct cl_study *s, struct cl_trial *t, const struct cl_assigned_list *values,
                           int64_t position, struct cl_err *e) {
  CL_TRY(widen(s, t->number, e));
  struct cl_trial_more *m = cl_study_more(t);
  uint64_t before = cl_study_hash_values(s, t);
  uint64_t *cells = cells_of(s, t->number);
  for (int i = 0; i < values->n; i++) {
    int column = cl_study_column(s, values->items[i].id);
    if (column < 0) return no_column(t, values->items[i].id, e);
    CL_TRY(cl_cell_pack(&s->cells, values->items[i].value, &cells[column], e));
    if (m != NULL) forget(m, column);
  }
  cl_study_set_course(s, t, before, position);
  cl_study_forget_configurations(s, t->number);
  return 0;
}

void cl_trial_values(const struct cl_study *s, const struct cl_trial *t, struct cl_value *ret) {
  const struct cl_space *space = &s->settings->space;
  const uint64_t *cells = cells_of(s, t->number);
  int width = block_of(s, t->number)->width;
  for (int i = 0; i < space->n; i++) {
    int column = cl_study_column(s, space->items[i].id);
    ret[i] = column < 0 || column >= width ? (struct cl_value){0} : cl_cell_unpack(&s->cells, cells[column]);
  }
}

uint64_t cl_study_mix_cells(const struct cl_study *s, int64_t number) {
  const uint64_t *cells = cells_of(s, number);
  int width = block_of(s, number)->width;
  uint64_t h = 0;
  for (int c = 0; c < width; c++)
    if (cells[c] != CL_CELL_ABSENT)
      h = cl_value_hash(cl_cell_unpack(&s->cells, cells[c]), h + (uint64_t)s->columns[c]);
  return h;
}

bool cl_study_hash_searched(const struct cl_study *s, int64_t number, uint64_t *ret) {
  const struct cl_space *space = &s->settings->space;
  const uint64_t *cells = cells_of(s, number);
  int width = block_of(s, number)->width;
  uint64_t h = 0x5851F42D4C957F2Dull;
  for (int i = 0; i < space->n; i++) {
    if (space->items[i].parent >= 0) return false;
    if (!cl_space_is_searched(&space->items[i])) continue;
    int column = cl_study_column(s, space->items[i].id);
    uint64_t cell = column < 0 || column >= width ? CL_CELL_ABSENT : cells[column];
    if (cell > CL_CELL_ABSENT)
      cell = cl_value_hash(cl_cell_unpack(&s->cells, cell), 0); /* equal ones differ */
    h = (h ^ cell) * 0x9E3779B97F4A7C15ull;
    h ^= h >> 29;
  }
  *ret = cl_mix64(h);
  return true;
}

/* Snapshots. */

static struct cl_snapshot *find_snapshot(const struct cl_study *s, int64_t position) {
  size_t at = cl_sorted_place(s->snapshots, s->n_snapshots, sizeof *s->snapshots, position);
  return at < s->n_snapshots && s->snapshots[at].position == position ? &s->snapshots[at] : NULL;
}

const struct cl_snapshot *cl_study_snapshot(const struct cl_study *s, int64_t position) {
  return find_snapshot(s, position);
}

struct cl_disk cl_study_disk(const struct cl_study *s) {
  return s->disk;
}

const struct cl_snapshot *cl_study_original(const struct cl_study *s, const struct cl_snapshot *copy) {
  assert(copy >= s->snapshots && copy < s->snapshots + s->n_snapshots);
  if (copy->way != CL_WAY_COPY || copy->path == NULL) return NULL;
  for (const struct cl_snapshot *n = copy; n-- > s->snapshots;)
    if (n->trial == copy->trial && n->way == CL_WAY_REGION && n->path != NULL &&
        strcmp(n->path, copy->path) == 0)
      return n;
  return NULL;
}

const struct cl_snapshot *cl_study_find_snapshot(const struct cl_study *s, int64_t trial, const char *path) {
  for (size_t i = s->n_snapshots; i > 0; i--) {
    const struct cl_snapshot *n = &s->snapshots[i - 1];
    if (n->trial == trial && n->path != NULL && strcmp(n->path, path) == 0) return n;
  }
  return NULL;
}

size_t cl_study_snapshots(const struct cl_study *s) {
  return s->n_snapshots;
}

const struct cl_snapshot *cl_study_nth_snapshot(const struct cl_study *s, size_t i) {
  assert(i < s->n_snapshots);
  return &s->snapshots[i];
}

const struct cl_snapshot *cl_study_copy(const struct cl_study *s, const struct cl_snapshot *n) {
  for (size_t i = s->n_snapshots; i > 0 && s->snapshots[i - 1].position > n->position; i--) {
    const struct cl_snapshot *copy = &s->snapshots[i - 1];
    if (copy->way == CL_WAY_COPY && copy->trial == n->trial && copy->usable && copy->path != NULL &&
        n->path != NULL && strcmp(copy->path, n->path) == 0)
      return copy;
  }
  return NULL;
}

/* The snapshots that heads are about to begin from are pinned. */
static void move_pin(struct cl_study *s, int64_t from, int64_t to) {
  if (from == to) return;
  struct cl_snapshot *old = find_snapshot(s, from), *new = find_snapshot(s, to);
  if (old != NULL) old->pins--;
  if (new != NULL) new->pins++;
  assert((old == NULL || old->pins >= 0) && (new == NULL || new->pins >= 1));
}

static bool is_durable(enum cl_way way) {
  return way == CL_WAY_DIRECTORY || way == CL_WAY_COPY;
}

bool cl_snapshot_is_durable(const struct cl_snapshot *n) {
  return is_durable(n->way);
}

static int delete_snapshot(struct cl_study *s, const struct cl_event *ev, struct cl_err *e) {
  struct cl_snapshot *n = find_snapshot(s, ev->u.deleted.snapshot);
  if (n == NULL) return 0;
  if (n->pins > 0)
    return CL_FAIL(e, CLADE_ECORRUPT, "event %lld ('%s') does not fit the log: snapshot %lld is pinned",
                   (long long)ev->position, cl_kind_name(ev->kind), (long long)n->position);
  if (n->usable && is_durable(n->way)) {
    s->disk.bytes -= n->bytes;
    s->disk.n--;
  }
  if (n->usable && n->way == CL_WAY_REGION && !n->copied) s->disk.coming -= n->bytes;
  assert(s->disk.bytes >= 0 && s->disk.n >= 0 && s->disk.coming >= 0);
  n->usable = false;
  return 0;
}

/* A copy adds nothing to the snapshot that it was made of, by whose position that goes on being known. */
static bool is_second(const struct cl_study *s, const struct cl_event *ev) {
  if (ev->u.saved.way != CL_WAY_COPY || ev->u.saved.path == NULL) return false;
  for (size_t i = s->n_snapshots; i > 0; i--) {
    const struct cl_snapshot *n = &s->snapshots[i - 1];
    if (n->trial == ev->subject && n->way == CL_WAY_REGION && n->path != NULL &&
        strcmp(n->path, ev->u.saved.path) == 0)
      return n->usable;
  }
  return false;
}

/* Is this the state that the trial goes on from? Not when an exploit is to replace it; and copies that are
 * written behind may come after newer ones, or after the segment that they belong to. */
static bool is_newest_state(const struct cl_study *s, const struct cl_trial *t, const struct cl_event *ev) {
  if (ev->late || is_second(s, ev) || t->head.load > 0) return false;
  const struct cl_trial_more *m = cl_study_more(t);
  if (m == NULL) return true;
  if (ev->u.saved.report != 0 && ev->u.saved.report < m->segment) return false;
  const struct cl_snapshot *last = find_snapshot(s, m->snapshot);
  bool behind = last != NULL && last->usable && last->trial == t->number && last->position > m->segment &&
                last->step > ev->u.saved.step;
  return !behind;
}

/* What it was made of waits for no copy any more. */
static void note_copy(struct cl_study *s, const struct cl_snapshot *copy) {
  for (size_t i = s->n_snapshots; i > 0; i--) {
    struct cl_snapshot *n = &s->snapshots[i - 1];
    if (n->trial != copy->trial || n->way != CL_WAY_REGION || n->path == NULL || copy->path == NULL ||
        strcmp(n->path, copy->path) != 0)
      continue;
    if (n->usable && !n->copied) s->disk.coming -= n->bytes;
    assert(s->disk.coming >= 0 && n->position < copy->position);
    n->copied = true;
    return;
  }
}

static int add_snapshot(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, struct cl_err *e) {
  if (cl_grow(&s->snapshots, &s->cap_snapshots, s->n_snapshots + 1, sizeof *s->snapshots) < 0)
    return CL_FAIL_NOMEM(e);
  const struct cl_rollup *sums = &ev->u.saved.rollup;
  if (ev->u.saved.bytes < 0)
    return CL_FAIL(e, CLADE_ECORRUPT, "event %lld ('%s') does not fit the log: a state of %lld bytes",
                   (long long)ev->position, cl_kind_name(ev->kind), (long long)ev->u.saved.bytes);
  assert(s->n_snapshots == 0 || s->snapshots[s->n_snapshots - 1].position < ev->position);
  struct cl_snapshot *n = &s->snapshots[s->n_snapshots];
  *n = (struct cl_snapshot){.position = ev->position,
                            .trial = ev->subject,
                            .attempt = ev->attempt,
                            .late = ev->late,
                            .by = ev->by,
                            .step = ev->u.saved.step,
                            .way = ev->u.saved.way,
                            .usable = true,
                            .bytes = ev->u.saved.bytes,
                            .path = cl_copy_text(ev->u.saved.path),
                            .hash = cl_copy_text(ev->u.saved.hash),
                            .host = cl_copy_text(ev->u.saved.host),
                            .rollup = *sums,
                            .diverged = sums->count > 0 && !isfinite(sums->sum)};
  cl_study_save_course(s, t, n);
  s->n_snapshots++;
  if ((ev->u.saved.path != NULL && n->path == NULL) || (ev->u.saved.hash != NULL && n->hash == NULL) ||
      (ev->u.saved.host != NULL && n->host == NULL))
    return CL_FAIL_NOMEM(e);
  if (is_durable(n->way)) {
    s->disk.bytes += n->bytes;
    s->disk.n++;
  }
  if (n->way == CL_WAY_REGION) s->disk.coming += n->bytes;
  if (n->bytes > s->disk.largest) s->disk.largest = n->bytes;
  if (n->way == CL_WAY_COPY) note_copy(s, n);
  if (!is_newest_state(s, t, ev)) return 0;
  struct cl_trial_more *m = NULL;
  CL_TRY(cl_study_more_of(s, t, &m, e));
  m->snapshot = ev->position;
  return 0;
}

/* The newest usable snapshot of the trial itself. One in memory, or in a twin, is usable while that is there:
 * `deleted` says when it is not. */
static int64_t last_own_snapshot(const struct cl_study *s, int64_t trial) {
  for (size_t i = s->n_snapshots; i > 0; i--) {
    const struct cl_snapshot *n = &s->snapshots[i - 1];
    if (n->trial == trial && n->usable && !n->late) return n->position;
  }
  return 0;
}

int64_t cl_trial_fallback(const struct cl_trial *t) {
  const struct cl_trial_more *m = cl_study_more(t);
  return t->head.load == 0 || m == NULL ? 0 : m->before_snapshot;
}

int64_t cl_trial_donor(const struct cl_trial *t) {
  const struct cl_trial_more *m = cl_study_more(t);
  if (m == NULL) return 0;
  return m->donor != 0 ? m->donor : m->parent;
}

int64_t cl_trial_resume_from(const struct cl_study *s, const struct cl_trial *t) {
  const struct cl_trial_more *m = cl_study_more(t);
  if (m == NULL) return 0;
  int64_t wanted = m->snapshot != 0 ? m->snapshot : m->parent;
  const struct cl_snapshot *n = find_snapshot(s, wanted);
  return n == NULL || n->usable ? wanted : last_own_snapshot(s, t->number);
}

/* Values of objectives. */

static double reduce(const struct cl_study *s, int objective, const struct cl_rollup *r) {
  assert(objective >= 0 && objective < s->settings->n_objectives);
  if (r == NULL || r->count == 0) return NAN;
  switch (s->settings->objectives[objective].reduce) {
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
  assert(r->count >= 1);
}

/* Objectives but the first: a snapshot has no roll-up of them, so they begin anew with every segment. */
static int others_of(struct cl_study *s, struct cl_trial *t, struct cl_trial_more **ret, struct cl_err *e) {
  struct cl_trial_more *m = NULL;
  size_t n = (size_t)s->settings->n_objectives;
  CL_TRY(cl_study_more_of(s, t, &m, e));
  if (m->objectives == NULL) {
    m->objectives = cl_alloc_array(n, sizeof *m->objectives);
    if (m->objectives == NULL) return CL_FAIL_NOMEM(e);
    for (size_t i = 0; i < n; i++) m->objectives[i] = NAN;
  }
  *ret = m;
  return 0;
}

static void clear_others(const struct cl_study *s, struct cl_trial *t) {
  struct cl_trial_more *m = cl_study_more(t);
  if (m == NULL) return;
  cl_free(m->rollups);
  m->rollups = NULL;
  for (int i = 0; m->objectives != NULL && i < s->settings->n_objectives; i++) m->objectives[i] = NAN;
}

static int begin_segment(struct cl_study *s, struct cl_trial *t, int64_t snapshot, struct cl_err *e) {
  const struct cl_snapshot *from = find_snapshot(s, snapshot);
  assert(from == NULL || from->position == snapshot);
  CL_TRY(cl_study_begin_course(s, t, snapshot, e));
  struct cl_trial_more *m = cl_study_more(t);
  if (from != NULL) CL_TRY(cl_study_more_of(s, t, &m, e));
  if (m != NULL) m->segment = s->head.position;
  t->record = 0;
  clear_others(s, t);
  if (t->aside != NULL) t->aside->rollup = from == NULL ? (struct cl_rollup){0} : from->rollup;
  assert(from == NULL || t->aside != NULL); /* with its more */
  const struct cl_rollup rollup = cl_trial_rollup(t);
  t->value = reduce(s, 0, &rollup);
  return 0;
}

/* A start that can still be voided puts the segment aside that it ends … */
static void put_segment_aside(struct cl_trial *t) {
  struct cl_trial_more *m = cl_study_more(t);
  assert(m != NULL);
  m->before_record = t->record;
  m->before_segment = m->segment;
  m->before_value = t->value;
  m->before_rollup = cl_trial_rollup(t);
}

/* … and a void goes back to it. Objectives but the first are not kept. */
static void take_segment_back(const struct cl_study *s, struct cl_trial *t) {
  struct cl_trial_more *m = cl_study_more(t);
  assert(m != NULL && m->before_rollup.count >= 0);
  t->record = m->before_record;
  m->segment = m->before_segment;
  clear_others(s, t);
  t->aside->rollup = m->before_rollup;
  t->value = m->before_value;
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
  assert(name != NULL);
  return name_metrics(s, &(struct cl_metric_list){1, &m}, e);
}

static int add_other(struct cl_study *s, struct cl_trial *t, int index, double value, struct cl_err *e) {
  struct cl_trial_more *m = NULL;
  assert(index >= 1 && index < s->settings->n_objectives);
  CL_TRY(others_of(s, t, &m, e));
  if (m->rollups == NULL) {
    m->rollups = cl_alloc_array((size_t)s->settings->n_objectives, sizeof *m->rollups);
    if (m->rollups == NULL) return CL_FAIL_NOMEM(e);
  }
  cl_rollup_add(&m->rollups[index], &s->settings->objectives[index], value);
  m->objectives[index] = reduce(s, index, &m->rollups[index]);
  return 0;
}

/* The curve of an imported trial is for looking at: its objectives came with it. */
static int apply_report(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, struct cl_err *e) {
  CL_TRY(name_metrics(s, &ev->u.reported.metrics, e));
  if (ev->late) return 0;
  bool foreign = t->head.role == CL_ROLE_FOREIGN;
  struct cl_trial_aside *a = NULL;
  for (int i = 0; i < ev->u.reported.metrics.n; i++) {
    const struct cl_metric *m = &ev->u.reported.metrics.items[i];
    if (m->id == 1) t->record = ev->position;
    if (foreign || m->id > s->settings->n_objectives) continue;
    if (m->id > 1) {
      CL_TRY(add_other(s, t, m->id - 1, m->value, e));
      continue;
    }
    CL_TRY(cl_study_aside_of(s, t, &a, e));
    cl_rollup_add(&a->rollup, &s->settings->objectives[0], m->value);
    t->value = reduce(s, 0, &a->rollup);
  }
  return 0;
}

/* All objectives at once: those of an import or an end. */
static int put_objectives(struct cl_study *s, struct cl_trial *t, const struct cl_number_list *list,
                          struct cl_err *e) {
  struct cl_trial_more *m = NULL;
  assert(list->n >= 0);
  if (list->n == 0) return 0;
  clear_others(s, t);
  t->value = list->items[0];
  if (list->n > 1 && s->settings->n_objectives > 1) CL_TRY(others_of(s, t, &m, e));
  for (int i = 1; i < list->n && i < s->settings->n_objectives; i++) m->objectives[i] = list->items[i];
  return 0;
}

static int apply_end(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, struct cl_err *e) {
  if (ev->attempt != t->head.attempt) return 0;
  t->exit_status = !ev->u.ended.known        ? -1
                   : ev->u.ended.signal != 0 ? 128 + ev->u.ended.signal
                                             : ev->u.ended.status;
  if (ev->late) return 0;
  CL_TRY(cl_study_note_end(s, t, ev->time_ms, e));
  if (ev->u.ended.objectives.n > 0 || ev->u.ended.record != 0) t->record = ev->u.ended.record;
  CL_TRY(put_objectives(s, t, &ev->u.ended.objectives, e));
  if (cl_state_is_pending(t->head.state)) return 0;
  struct cl_trial_more *m = cl_study_more(t);
  if (m != NULL) {
    cl_free(m->rollups);
    m->rollups = NULL;
  }
  cl_study_drop_rollup(t);
  return 0;
}

/* Events on trials. */

int cl_study_apply_birth(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev,
                         struct cl_err *e) {
  assert(t->number == ev->subject && t->aside == NULL);
  t->value = NAN;
  t->created_ms = ev->time_ms;
  t->started_ms = -1;
  t->exit_status = -1;
  t->space_version = s->head.space_version;
  if (ev->kind == CL_EVENT_IMPORTED) {
    CL_TRY(put_objectives(s, t, &ev->u.imported.objectives, e));
    return put_first_values(s, t, &ev->u.imported.values, e);
  }
  move_pin(s, 0, t->head.source);
  t->of = (uint32_t)ev->u.proposed.of;
  t->repeat = ev->u.proposed.repeat;
  t->space_version = ev->u.proposed.space_version;
  if (ev->u.proposed.role == CL_ROLE_ENQUEUED) {
    s->enqueued++;
    s->points += ev->cause == CL_CAUSE_ENQUEUE; /* a person's has the cause human */
  }
  if (ev->u.proposed.has_seed || ev->u.proposed.parent != 0) {
    struct cl_trial_more *m = NULL;
    CL_TRY(cl_study_more_of(s, t, &m, e));
    m->has_seed = ev->u.proposed.has_seed;
    m->seed = ev->u.proposed.seed;
    m->parent = ev->u.proposed.parent;
  }
  return put_first_values(s, t, &ev->u.proposed.values, e);
}

static int apply_exploit(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev,
                         struct cl_err *e) {
  struct cl_trial_more *m = NULL;
  CL_TRY(cl_study_more_of(s, t, &m, e));
  m->n_writes = 0; /* of an earlier exploit: only the last one can be voided */
  CL_TRY(put_all_values(s, t, &ev->u.exploited.values, m, e));
  m->before_donor = m->donor;
  m->before_snapshot = m->snapshot;
  if (ev->u.exploited.snapshot != 0) m->snapshot = m->donor = ev->u.exploited.snapshot;
  return 0;
}

static void apply_void(struct cl_study *s, struct cl_trial *t, const struct cl_head *before) {
  struct cl_trial_more *m = cl_study_more(t);
  uint64_t *cells = cells_of(s, t->number);
  assert(m != NULL && before->load != 0);
  for (size_t i = 0; i < m->n_writes; i++) cells[m->writes[i].column] = m->writes[i].before;
  m->n_writes = 0;
  m->donor = m->before_donor;
  m->snapshot = m->before_snapshot;
  cl_study_forget_configurations(s, t->number);
  if (before->load < 0) take_segment_back(s, t);
}

static int apply_held(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, struct cl_err *e) {
  struct cl_trial_more *m = NULL;
  CL_TRY(cl_study_more_of(s, t, &m, e));
  assert(m->n_held <= s->n_columns);
  if (m->n_held < s->n_columns) {
    uint8_t *held = cl_alloc(s->n_columns);
    if (held == NULL) return CL_FAIL_NOMEM(e);
    if (m->n_held > 0) memcpy(held, m->held, m->n_held);
    cl_free(m->held);
    m->held = held;
    m->n_held = s->n_columns;
  }
  for (int i = 0; i < ev->u.held.ids.n; i++) {
    double id = ev->u.held.ids.items[i];
    int column = id >= 1 && id <= INT32_MAX ? cl_study_column(s, (int)id) : -1;
    if (column >= 0) m->held[column] = ev->u.held.on;
  }
  return 0;
}

static int apply_start(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev,
                       const struct cl_head *before, struct cl_err *e) {
  if (t->started_ms < 0) t->started_ms = ev->time_ms;
  bool kept = t->head.attempt == before->attempt; /* its process waits in a report, and trains on */
  assert(t->head.state == CL_RUNNING && (kept || t->head.attempt == before->attempt + 1));
  if (!kept && before->load > 0 && t->head.load < 0) put_segment_aside(t);
  return kept ? 0 : begin_segment(s, t, ev->u.started.from, e);
}

static int apply_load(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, struct cl_err *e) {
  struct cl_trial_more *m = NULL;
  if (ev->late || ev->u.loaded.error != NULL) return 0;
  CL_TRY(cl_study_more_of(s, t, &m, e)); /* which keeps where the segment begins */
  return begin_segment(s, t, ev->u.loaded.snapshot, e);
}

/* Other stop rules stop early. */
static void apply_stop(struct cl_trial *t, const struct cl_event *ev) {
  t->at_end =
      ev->cause == CL_CAUSE_STOP_RULE && ev->args != NULL && strstr(ev->args, CL_STOPPED_AT_END) != NULL;
}

int cl_study_apply_to_trial(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev,
                            const struct cl_head *before, struct cl_err *e) {
  move_pin(s, before->source, t->head.source);
  struct cl_trial_more *m = cl_study_more(t);
  if (t->head.load == 0 && ev->kind != CL_EVENT_VOIDED && m != NULL) m->n_writes = 0;
  switch (ev->kind) {
  case CL_EVENT_STARTED: return apply_start(s, t, ev, before, e);
  case CL_EVENT_STOPPED: apply_stop(t, ev); return 0;
  case CL_EVENT_LOST: return cl_study_note_end(s, t, ev->time_ms, e);
  case CL_EVENT_EXPLOITED: return apply_exploit(s, t, ev, e);
  case CL_EVENT_SET: return put_some_values(s, t, &ev->u.set.values, ev->position, e);
  case CL_EVENT_HELD: return apply_held(s, t, ev, e);
  case CL_EVENT_VOIDED: apply_void(s, t, before); return 0;
  case CL_EVENT_DELETED: return delete_snapshot(s, ev, e);
  case CL_EVENT_REPORTED: return apply_report(s, t, ev, e);
  case CL_EVENT_SAVED: return add_snapshot(s, t, ev, e);
  case CL_EVENT_LOADED: return apply_load(s, t, ev, e);
  case CL_EVENT_ENDED: return apply_end(s, t, ev, e);
  default: return 0;
  }
}
