#include "query/column.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "query/address.h"

static const struct {
  const char *name;
  enum cl_column_type type;
  int rank;
} standard[] = {
#define CL_X(id, name, type, rank) [CL_TRIAL_COLUMN_##id] = {name, CL_COLUMN_##type, rank},
    CL_TRIAL_COLUMN_MAP(CL_X)
#undef CL_X
};

static const struct {
  const char *alias;
  int column;
} aliases[] = {{"run", CL_TRIAL_COLUMN_TRIAL},     {"number", CL_TRIAL_COLUMN_TRIAL},
               {"job", CL_TRIAL_COLUMN_STUDY},     {"status", CL_TRIAL_COLUMN_STATE},
               {"box", CL_TRIAL_COLUMN_HOST},      {"exit_code", CL_TRIAL_COLUMN_EXIT_STATUS},
               {"repeats", CL_TRIAL_COLUMN_REPEAT}};

enum { RANK_VALUE = 3, RANK_METRIC = 4 };

static struct cl_column standard_column(int index) {
  return (struct cl_column){.kind = CL_COLUMN_STANDARD,
                            .type = standard[index].type,
                            .name = standard[index].name,
                            .header = standard[index].name,
                            .index = index,
                            .rank = standard[index].rank};
}

static struct cl_column value_column(const struct cl_space *space, int index) {
  const char *name = space->items[index].name;
  return (struct cl_column){
      .kind = CL_COLUMN_VALUE, .name = name, .header = name, .index = index, .rank = RANK_VALUE};
}

static struct cl_column metric_column(const struct cl_metric_names *metrics, int id) {
  const char *name = metrics->names[id];
  return (struct cl_column){
      .kind = CL_COLUMN_METRIC, .name = name, .header = name, .index = id, .rank = id == 1 ? 0 : RANK_METRIC};
}

static bool find_standard(const char *name, struct cl_column *ret) {
  int index = 0;
  for (int i = 1; i < CL_TRIAL_COLUMNS; i++)
    if (strcmp(standard[i].name, name) == 0) index = i;
  for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
    if (strcmp(aliases[i].alias, name) == 0) index = aliases[i].column;
  if (index != 0) *ret = standard_column(index);
  return index != 0;
}

static bool find_value(const struct cl_space *space, const char *name, struct cl_column *ret) {
  int index = cl_space_find(space, name);
  if (index >= 0) *ret = value_column(space, index);
  return index >= 0;
}

static bool find_metric(const struct cl_metric_names *metrics, const char *name, struct cl_column *ret) {
  for (size_t id = 1; id < metrics->n; id++) {
    if (metrics->names[id] == NULL || strcmp(metrics->names[id], name) != 0) continue;
    *ret = metric_column(metrics, (int)id);
    return true;
  }
  return false;
}

struct nearest {
  const char *wanted, *found;
  int distance;
};

static void consider(struct nearest *n, const char *name) {
  int distance = cl_text_distance(n->wanted, name);
  if (distance >= n->distance) return;
  n->distance = distance;
  n->found = name;
}

static const char *find_nearest(const struct cl_space *space, const struct cl_metric_names *metrics,
                                const char *name) {
  struct nearest n = {.wanted = name, .distance = (int)strlen(name) / 3 + 1};
  for (int i = 1; i < CL_TRIAL_COLUMNS; i++) consider(&n, standard[i].name);
  for (int i = 0; i < space->n; i++) consider(&n, space->items[i].name);
  for (size_t id = 1; id < metrics->n; id++)
    if (metrics->names[id] != NULL) consider(&n, metrics->names[id]);
  return n.found;
}

static const char *after_prefix(const char *name, const char *prefix) {
  size_t n = strlen(prefix);
  return strncmp(name, prefix, n) == 0 ? name + n : NULL;
}

int cl_column_find(const struct cl_study *study, const struct cl_metric_names *metrics, const char *name,
                   struct cl_column *ret, const char **ret_nearest) {
  const struct cl_space *space = cl_study_space(study);
  const char *value = after_prefix(name, "hparams."), *metric = after_prefix(name, "metrics.");
  bool found = false;
  if (value != NULL)
    found = find_value(space, value, ret);
  else if (metric != NULL)
    found = find_metric(metrics, metric, ret);
  else
    found = find_standard(name, ret) || find_value(space, name, ret) || find_metric(metrics, name, ret);
  if (!found && ret_nearest != NULL)
    *ret_nearest = find_nearest(space, metrics, value != NULL ? value : metric != NULL ? metric : name);
  return found;
}

static bool matches(const char *pattern, const char *prefix, const char *name) {
  const char *rest = after_prefix(pattern, prefix);
  return rest != NULL && cl_address_matches(rest, name);
}

static int add_matching(struct cl_table *t, const struct cl_study *study,
                        const struct cl_metric_names *metrics, const char *pattern, struct cl_err *e) {
  const struct cl_space *space = cl_study_space(study);
  struct cl_column c;
  for (int i = 1; i < CL_TRIAL_COLUMNS; i++) {
    if (!cl_address_matches(pattern, standard[i].name)) continue;
    c = standard_column(i);
    CL_TRY(cl_table_add_column(t, &c, e));
  }
  for (size_t id = 1; id < metrics->n; id++) {
    if (metrics->names[id] == NULL || !matches(pattern, "metrics.", metrics->names[id])) continue;
    c = metric_column(metrics, (int)id);
    CL_TRY(cl_table_add_column(t, &c, e));
  }
  for (int i = 0; i < space->n; i++) {
    if (!matches(pattern, "hparams.", space->items[i].name)) continue;
    c = value_column(space, i);
    CL_TRY(cl_table_add_column(t, &c, e));
  }
  return 0;
}

static int fail_unknown(const char *name, const char *nearest, struct cl_err *e) {
  if (nearest != NULL)
    return CL_FAIL(e, CLADE_EINVAL, "there is no column '%.100s'; did you mean '%.100s'? (%s)", name, nearest,
                   "hparams.NAME and metrics.NAME name those of the study");
  return CL_FAIL(e, CLADE_EINVAL,
                 "there is no column '%.100s': write a standard one, hparams.NAME or metrics.NAME", name);
}

/* name=Header:format in a copy of its own. A name that exists as a whole keeps its '=' and ':'. */
static int add_typed(struct cl_table *t, const struct cl_study *study, const struct cl_metric_names *metrics,
                     char *spec, struct cl_err *e) {
  struct cl_column c;
  if (cl_column_find(study, metrics, spec, &c, NULL) == 1) return cl_table_add_column(t, &c, e);
  char *header = strchr(spec, '='), *format = strrchr(header != NULL ? header : spec, ':');
  if (header != NULL) *header++ = '\0';
  if (format != NULL) *format++ = '\0';
  const char *nearest = NULL;
  if (cl_column_find(study, metrics, spec, &c, &nearest) != 1) return fail_unknown(spec, nearest, e);
  if (header != NULL) c.header = header;
  c.format = format;
  return cl_table_add_column(t, &c, e);
}

int cl_columns_add(struct cl_table *t, const struct cl_study *study, const struct cl_metric_names *metrics,
                   const char *spec, struct cl_err *e) {
  if (strpbrk(spec, "*?") != NULL) return add_matching(t, study, metrics, spec, e);
  char *copy = cl_copy_text(spec);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  int status = add_typed(t, study, metrics, copy, e);
  cl_free(copy);
  return status;
}

static int add_standard(struct cl_table *t, int index, const char *header, struct cl_err *e) {
  struct cl_column c = standard_column(index);
  if (header != NULL) c.header = header;
  return cl_table_add_column(t, &c, e);
}

int cl_columns_add_default(struct cl_table *t, const struct cl_study *study,
                           const struct cl_metric_names *metrics, bool steps, struct cl_err *e) {
  const struct cl_settings *settings = cl_study_settings(study);
  struct cl_column c;
  CL_TRY(add_standard(t, CL_TRIAL_COLUMN_TRIAL, NULL, e));
  CL_TRY(add_standard(t, CL_TRIAL_COLUMN_STATE, NULL, e));
  if (steps) CL_TRY(add_standard(t, CL_TRIAL_COLUMN_STEP, settings->step, e));
  for (size_t id = 2; id < metrics->n; id++) {
    if (metrics->names[id] == NULL) continue;
    c = metric_column(metrics, (int)id);
    if (settings->step != NULL && strcmp(c.name, settings->step) == 0) continue; /* it is the step column */
    CL_TRY(cl_table_add_column(t, &c, e));
  }
  c = metric_column(metrics, 1);
  CL_TRY(cl_table_add_column(t, &c, e));
  if (settings->objectives[0].reduce != CL_LAST) CL_TRY(add_standard(t, CL_TRIAL_COLUMN_VALUE, NULL, e));
  for (int i = 0; i < settings->space.n; i++) {
    c = value_column(&settings->space, i);
    CL_TRY(cl_table_add_column(t, &c, e));
  }
  return 0;
}

static struct cl_value time_cell(const struct cl_study *study, int64_t ms) {
  return ms < 0 ? (struct cl_value){0} : cl_value_int(cl_study_created_ms(study) + ms);
}

static struct cl_value count_cell(int64_t n) {
  return n == 0 ? (struct cl_value){0} : cl_value_int(n);
}

static struct cl_value number_cell(double x, bool known) {
  return known ? cl_value_real(x) : (struct cl_value){0};
}

static struct cl_value text_cell(const char *text) {
  return text == NULL ? (struct cl_value){0} : cl_value_text(text);
}

static struct cl_value standard_cell(int index, const struct cl_study *study,
                                     const struct cl_trial_row *row) {
  const struct cl_trial *t = row->trial;
  const struct cl_worker_info *w = cl_study_worker(study, t->head.worker);
  int64_t ended =
      cl_state_is_pending(t->head.state) ? -1 : t->ended_ms; /* an earlier attempt's end is none */
  switch (index) {
  case CL_TRIAL_COLUMN_TRIAL: return cl_value_int(t->number);
  case CL_TRIAL_COLUMN_STUDY: return cl_value_text(cl_study_name(study));
  case CL_TRIAL_COLUMN_STATE: return cl_value_text(cl_state_name(t->head.state));
  case CL_TRIAL_COLUMN_VALUE: return number_cell(t->value, !isnan(t->value) || t->record != 0);
  case CL_TRIAL_COLUMN_STEP: return number_cell(row->step, !isnan(row->step));
  case CL_TRIAL_COLUMN_ROLE: return cl_value_text(cl_role_name((enum cl_role)t->head.role));
  case CL_TRIAL_COLUMN_OF: return count_cell(t->of);
  case CL_TRIAL_COLUMN_REPEAT: return cl_value_int(t->repeat);
  case CL_TRIAL_COLUMN_PARENT: return count_cell(row->parent);
  case CL_TRIAL_COLUMN_ATTEMPTS: return cl_value_int(t->head.attempt);
  case CL_TRIAL_COLUMN_RESTARTS: return cl_value_int(t->head.attempt > 1 ? t->head.attempt - 1 : 0);
  case CL_TRIAL_COLUMN_STARTED: return time_cell(study, t->started_ms);
  case CL_TRIAL_COLUMN_ENDED: return time_cell(study, ended);
  case CL_TRIAL_COLUMN_DURATION:
    return number_cell((double)(ended - t->started_ms) / 1000, t->started_ms >= 0 && ended >= t->started_ms);
  case CL_TRIAL_COLUMN_EXIT_STATUS:
    return t->exit_status < 0 ? (struct cl_value){0} : cl_value_int(t->exit_status);
  case CL_TRIAL_COLUMN_WORKER: return count_cell(t->head.worker);
  case CL_TRIAL_COLUMN_HOST: return text_cell(w == NULL ? NULL : w->host);
  case CL_TRIAL_COLUMN_SEED: return cl_value_int((int64_t)cl_trial_seed(study, t));
  default: return (struct cl_value){0};
  }
}

/* A trial without reports (imported, told in process) still has its objectives. */
static struct cl_value metric_cell(const struct cl_study *study, const struct cl_trial_row *row, int id) {
  for (int i = 0; i < row->n_metrics; i++)
    if (row->metrics[i].id == id) return cl_value_real(row->metrics[i].value);
  if (row->trial->record != 0 || id > cl_study_settings(study)->n_objectives) return (struct cl_value){0};
  double value = cl_trial_objective(row->trial, id - 1);
  return number_cell(value, !isnan(value));
}

struct cl_value cl_column_cell(const struct cl_column *c, const struct cl_study *study,
                               const struct cl_trial_row *row, const struct cl_value *values) {
  switch (c->kind) {
  case CL_COLUMN_STANDARD: return standard_cell(c->index, study, row);
  case CL_COLUMN_VALUE: assert(c->index < cl_study_space(study)->n); return values[c->index];
  case CL_COLUMN_METRIC: return metric_cell(study, row, c->index);
  case CL_COLUMN_TAG: break;
  }
  return (struct cl_value){0};
}

void cl_columns_describe(const struct cl_study *study, const struct cl_metric_names *metrics,
                         struct cl_text *ret) {
  const struct cl_space *space = cl_study_space(study);
  for (int i = 1; i < CL_TRIAL_COLUMNS; i++) cl_text_format(ret, "%s\n", standard[i].name);
  for (size_t id = 1; id < metrics->n; id++)
    if (metrics->names[id] != NULL) cl_text_format(ret, "metrics.%s\n", metrics->names[id]);
  for (int i = 0; i < space->n; i++) cl_text_format(ret, "hparams.%s\n", space->items[i].name);
}
