#include "query/trial_cells.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <strings.h>

static const struct cl_column standard[] = {
#define CL_X(id, word, kind_of_cell, how) \
  [CL_TRIAL_COLUMN_##id] = {.kind = CL_COLUMN_STANDARD, \
                            .type = CL_COLUMN_##kind_of_cell, \
                            .name = word, \
                            .index = CL_TRIAL_COLUMN_##id, \
                            .rank = how, \
                            .yields = CL_TRIAL_COLUMN_##id >= CL_TRIAL_COLUMN_CREATED},
    CL_TRIAL_COLUMN_MAP(CL_X)
#undef CL_X
};

static const struct cl_column_alias aliases[] = {{"run", CL_TRIAL_COLUMN_TRIAL},
                                                 {"number", CL_TRIAL_COLUMN_TRIAL},
                                                 {"name", CL_TRIAL_COLUMN_TRIAL},
                                                 {"job", CL_TRIAL_COLUMN_STUDY},
                                                 {"status", CL_TRIAL_COLUMN_STATE},
                                                 {"box", CL_TRIAL_COLUMN_HOST},
                                                 {"node", CL_TRIAL_COLUMN_WORKER},
                                                 {"repeats", CL_TRIAL_COLUMN_REPEAT},
                                                 {"exit_code", CL_TRIAL_COLUMN_EXIT_STATUS},
                                                 {"run_num", CL_TRIAL_COLUMN_TRIAL, true},
                                                 {"last_time", CL_TRIAL_COLUMN_CHANGED, true},
                                                 {"description", CL_TRIAL_COLUMN_NOTE, true},
                                                 {"guid", CL_TRIAL_COLUMN_UUID, true},
                                                 {"search", CL_TRIAL_COLUMN_METHOD, true},
                                                 {"xt_version", CL_TRIAL_COLUMN_VERSION, true},
                                                 {"workspace", CL_TRIAL_COLUMN_STORE, true}};

int cl_catalogue_add_study(struct cl_catalogue *c, const struct cl_study *study, const struct cl_tags *tags,
                           struct cl_err *e) {
  const struct cl_space *space = cl_study_space(study);
  for (int id = 1; id <= cl_study_metrics(study); id++) {
    struct cl_column metric = {.kind = CL_COLUMN_METRIC,
                               .name = cl_study_metric_name(study, id),
                               .index = id,
                               .rank = id == 1 ? 0 : CL_RANK_METRIC};
    if (metric.name != NULL) CL_TRY(cl_catalogue_add(c, &metric, e));
  }
  for (int i = 0; i < space->n; i++) {
    struct cl_column value = {
        .kind = CL_COLUMN_VALUE, .name = space->items[i].name, .index = i, .rank = CL_RANK_VALUE};
    CL_TRY(cl_catalogue_add(c, &value, e));
  }
  for (size_t i = 0; tags != NULL && i < tags->n_names; i++) {
    struct cl_column tag = {
        .kind = CL_COLUMN_TAG, .name = tags->names[i], .index = (int)i, .rank = CL_RANK_TAG};
    CL_TRY(cl_catalogue_add(c, &tag, e));
  }
  return 0;
}

int cl_trial_catalogue(struct cl_catalogue *c, const struct cl_study *study, const struct cl_tags *tags,
                       struct cl_err *e) {
  c->aliases = aliases;
  c->n_aliases = sizeof aliases / sizeof aliases[0];
  c->find_state = cl_trial_state_find;
  for (int i = 1; i < CL_TRIAL_COLUMNS; i++) CL_TRY(cl_catalogue_add(c, &standard[i], e));
  return cl_catalogue_add_study(c, study, tags, e);
}

struct cl_column cl_trial_best_column(void) {
  return (struct cl_column){
      .kind = CL_COLUMN_STANDARD, .name = "best", .header = "best", .index = CL_TRIAL_COLUMN_BEST};
}

static int add_kind(struct cl_table *t, const struct cl_catalogue *c, enum cl_column_kind kind, int index,
                    const char *header, struct cl_err *e) {
  for (size_t i = 0; i < c->n; i++) {
    struct cl_column column = c->items[i];
    if (column.kind != kind || column.index != index) continue;
    if (header != NULL) column.header = header;
    return cl_table_add_column(t, &column, e);
  }
  return 0;
}

int cl_trial_usual_columns(struct cl_table *t, const struct cl_catalogue *c, const struct cl_study *study,
                           bool steps, struct cl_err *e) {
  const struct cl_settings *settings = cl_study_settings(study);
  CL_TRY(add_kind(t, c, CL_COLUMN_STANDARD, CL_TRIAL_COLUMN_TRIAL, NULL, e));
  CL_TRY(add_kind(t, c, CL_COLUMN_STANDARD, CL_TRIAL_COLUMN_STATE, NULL, e));
  if (steps) CL_TRY(add_kind(t, c, CL_COLUMN_STANDARD, CL_TRIAL_COLUMN_STEP, settings->step, e));
  for (int id = 2; id <= cl_study_metrics(study); id++) {
    const char *name = cl_study_metric_name(study, id);
    if (name != NULL && settings->step != NULL && strcmp(name, settings->step) == 0)
      continue; /* the step column */
    CL_TRY(add_kind(t, c, CL_COLUMN_METRIC, id, NULL, e));
  }
  CL_TRY(add_kind(t, c, CL_COLUMN_METRIC, 1, NULL, e));
  if (settings->objectives[0].reduce != CL_LAST)
    CL_TRY(add_kind(t, c, CL_COLUMN_STANDARD, CL_TRIAL_COLUMN_VALUE, NULL, e));
  for (int i = 0; i < settings->space.n; i++) CL_TRY(add_kind(t, c, CL_COLUMN_VALUE, i, NULL, e));
  return 0;
}

int cl_trial_state_find(const char *typed, const char **ret, struct cl_err *e) {
  static const struct {
    const char *word;
    enum cl_state state;
  } words[] = {{"completed", CL_COMPLETE}, {"error", CL_FAILED},       {"created", CL_WAITING},
               {"queued", CL_WAITING},     {"allocating", CL_WAITING}, {"spawning", CL_RUNNING},
               {"cancelled", CL_PRUNED},   {"aborted", CL_LOST}};
  int state = cl_state_find(typed);
  for (size_t i = 0; i < sizeof words / sizeof words[0] && state == 0; i++)
    if (strcasecmp(words[i].word, typed) == 0) state = (int)words[i].state;
  if (state != 0) {
    *ret = cl_state_name(state);
    return 0;
  }
  struct cl_text known = {0};
  for (int i = CL_WAITING; i <= CL_INFEASIBLE; i++)
    cl_text_format(&known, "%s%s", i == CL_WAITING ? "" : ", ", cl_state_name(i));
  int status = CL_FAIL(e, CLADE_EINVAL, "'%.40s' is no state of a trial; the states are %s", typed,
                       cl_text_get(&known));
  cl_text_done(&known);
  return status;
}

/* Cells. */

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

static struct cl_value best_cell(const struct cl_study *study, const struct cl_trial *t) {
  double sign = cl_objective_sign(&cl_study_settings(study)->objectives[0]);
  if (isnan(t->value) && t->record == 0) return (struct cl_value){0};
  return cl_value_real(isfinite(t->value) ? t->value * sign : (double)NAN);
}

static struct cl_value origin_cell(int index, const struct cl_origins *o) {
  if (o == NULL) return (struct cl_value){0};
  switch (index) {
  case CL_TRIAL_COLUMN_METHOD: return text_cell(o->method);
  case CL_TRIAL_COLUMN_SEARCH_STYLE: return text_cell(o->style);
  case CL_TRIAL_COLUMN_SCRIPT: return text_cell(o->script);
  case CL_TRIAL_COLUMN_PATH: return text_cell(o->path);
  case CL_TRIAL_COLUMN_USERNAME: return text_cell(o->username);
  case CL_TRIAL_COLUMN_FROM_HOST: return text_cell(o->host);
  case CL_TRIAL_COLUMN_VERSION: return text_cell(o->version);
  case CL_TRIAL_COLUMN_COMMIT: return text_cell(o->commit);
  case CL_TRIAL_COLUMN_STORE: return text_cell(o->store);
  default: return (struct cl_value){0};
  }
}

static struct cl_value standard_cell(int index, const struct cl_study *study,
                                     const struct cl_trial_row *row) {
  const struct cl_trial *t = row->trial;
  const struct cl_worker_info *w = cl_study_worker(study, t->head.worker);
  int64_t ended =
      cl_state_is_pending(t->head.state) ? -1 : cl_trial_ended_ms(t); /* an earlier attempt's end is none */
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
  case CL_TRIAL_COLUMN_BEST: return best_cell(study, t);
  case CL_TRIAL_COLUMN_CREATED: return time_cell(study, t->created_ms);
  case CL_TRIAL_COLUMN_QUEUED:
    return number_cell((double)(t->started_ms - t->created_ms) / 1000, t->started_ms >= t->created_ms);
  case CL_TRIAL_COLUMN_CHANGED: return time_cell(study, t->changed_ms);
  case CL_TRIAL_COLUMN_NOTE: return text_cell(row->note);
  case CL_TRIAL_COLUMN_METRIC_NAMES: return text_cell(row->metric_names);
  case CL_TRIAL_COLUMN_UUID: return text_cell(row->uuid);
  default: return origin_cell(index, row->origins);
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

struct cl_value cl_trial_cell(const struct cl_column *c, const struct cl_study *study,
                              const struct cl_trial_row *row, const struct cl_value *values,
                              const struct cl_tags *tags) {
  assert(row->trial != NULL);
  switch (c->kind) {
  case CL_COLUMN_STANDARD: return standard_cell(c->index, study, row);
  case CL_COLUMN_VALUE: assert(c->index < cl_study_space(study)->n); return values[c->index];
  case CL_COLUMN_METRIC: return metric_cell(study, row, c->index);
  case CL_COLUMN_TAG: return cl_tag_cell(cl_tags_find(tags, row->trial->number, c->name));
  }
  return (struct cl_value){0};
}
