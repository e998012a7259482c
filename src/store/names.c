#include "store/names.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

void cl_names_done(struct cl_names *n) {
  for (size_t i = 0; i < n->n_hyperparameters; i++) cl_free(n->hyperparameters[i].name);
  cl_names_cut_metrics(n, 0);
  cl_free(n->hyperparameters);
  cl_free(n->metrics);
  *n = (struct cl_names){0};
}

void cl_names_cut_metrics(struct cl_names *n, size_t n_metrics) {
  assert(n->n_objectives <= n->n_metrics);
  while (n->n_metrics > n_metrics) cl_free(n->metrics[--n->n_metrics]);
}

/* Index of the first hyperparameter whose id is not below `id`. */
static size_t lower_bound(const struct cl_names *n, int id) {
  size_t lo = 0, hi = n->n_hyperparameters;
  while (lo < hi) {
    size_t mid = (lo + hi) / 2;
    if (n->hyperparameters[mid].id < id)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

int cl_names_hyperparameter(const struct cl_names *n, int id) {
  size_t at = lower_bound(n, id);
  return at < n->n_hyperparameters && n->hyperparameters[at].id == id ? (int)at : -1;
}

int cl_names_hyperparameter_near(const struct cl_names *n, int id, int guess) {
  if (guess >= 0 && (size_t)guess < n->n_hyperparameters && n->hyperparameters[guess].id == id) return guess;
  return cl_names_hyperparameter(n, id);
}

int cl_names_metric(const struct cl_names *n, const char *name, int guess) {
  if (guess >= 1 && (size_t)guess <= n->n_metrics && strcmp(n->metrics[guess - 1], name) == 0) return guess;
  for (size_t i = 0; i < n->n_metrics; i++)
    if (strcmp(n->metrics[i], name) == 0) return (int)i + 1;
  return 0;
}

int cl_names_add_hyperparameter(struct cl_names *n, int id, const char *name, bool plain, bool whole,
                                struct cl_err *e) {
  assert(cl_names_hyperparameter(n, id) < 0);
  if (cl_grow(&n->hyperparameters, &n->cap_hyperparameters, n->n_hyperparameters + 1,
              sizeof *n->hyperparameters) < 0)
    return CL_FAIL_NOMEM(e);
  char *copy = cl_copy_text(name);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  size_t at = lower_bound(n, id);
  memmove(n->hyperparameters + at + 1, n->hyperparameters + at,
          (n->n_hyperparameters - at) * sizeof *n->hyperparameters);
  n->hyperparameters[at] = (struct cl_names_item){.id = id, .plain = plain, .whole = whole, .name = copy};
  n->n_hyperparameters++;
  return 0;
}

int cl_names_add_metric(struct cl_names *n, const char *name, struct cl_err *e) {
  if (n->n_metrics >= CL_METRICS_MAX)
    return CL_FAIL(e, CLADE_ELIMIT,
                   "the metric '%s' would be number %d of the study, the limit is %d: report fewer names",
                   name, (int)n->n_metrics + 1, CL_METRICS_MAX);
  if (cl_grow(&n->metrics, &n->cap_metrics, n->n_metrics + 1, sizeof *n->metrics) < 0)
    return CL_FAIL_NOMEM(e);
  char *copy = cl_copy_text(name);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  n->metrics[n->n_metrics++] = copy;
  return 0;
}

static int take_hyperparameter(struct cl_names *n, const json_t *node, struct cl_err *e) {
  json_int_t id = json_integer_value(json_object_get(node, "id"));
  const char *name = json_string_value(json_object_get(node, "name"));
  const char *domain = json_string_value(json_object_get(node, "domain"));
  if (id < 1 || id > INT32_MAX || name == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "a hyperparameter of the settings has no id or no name");
  if (cl_names_hyperparameter(n, (int)id) >= 0) return 0;
  bool whole = domain != NULL && strcmp(domain, "int") == 0;
  bool plain = whole || (domain != NULL && strcmp(domain, "float") == 0);
  return cl_names_add_hyperparameter(n, (int)id, name, plain, whole, e);
}

int cl_names_take_settings(struct cl_names *n, const char *settings, struct cl_err *e) {
  if (settings == NULL) return 0;
  json_error_t where;
  json_t *node = json_loads(settings, 0, &where);
  if (!json_is_object(node)) {
    json_decref(node);
    return CL_FAIL(e, CLADE_EINVAL, "the settings of the study are not a JSON object: %s", where.text);
  }
  int status = 0;
  size_t i;
  json_t *one;
  json_array_foreach(json_object_get(node, "hyperparameters"), i, one) {
    status = take_hyperparameter(n, one, e);
    if (status < 0) goto out;
  }
  if (n->n_metrics > 0) goto out;
  json_array_foreach(json_object_get(node, "objectives"), i, one) {
    const char *name = json_string_value(json_object_get(one, "name"));
    status = name == NULL ? CL_FAIL(e, CLADE_EINVAL, "an objective of the settings has no name")
                          : cl_names_add_metric(n, name, e);
    if (status < 0) goto out;
    n->n_objectives++;
  }
out:
  json_decref(node);
  return status;
}

static int tell_added(const struct cl_names *n, const struct cl_names *old, cl_names_added *added, void *ctx,
                      struct cl_err *e) {
  for (size_t i = 0; i < n->n_hyperparameters; i++) {
    const struct cl_names_item *item = &n->hyperparameters[i];
    if (cl_names_hyperparameter(old, item->id) < 0) CL_TRY(added(ctx, item->id, item->name, item, e));
  }
  for (size_t i = old->n_metrics; i < n->n_metrics; i++)
    CL_TRY(added(ctx, (int)i + 1, n->metrics[i], NULL, e));
  return 0;
}

int cl_names_learn(struct cl_names *n, const char *settings, cl_names_added *added, void *ctx,
                   struct cl_err *e) {
  struct cl_names old = {.n_metrics = n->n_metrics};
  int status = 0;
  for (size_t i = 0; i < n->n_hyperparameters && status == 0; i++)
    status = cl_names_add_hyperparameter(&old, n->hyperparameters[i].id, "", false, false, e);
  if (status == 0) status = cl_names_take_settings(n, settings, e);
  if (status == 0) status = tell_added(n, &old, added, ctx, e);
  old.n_metrics = 0; /* it has none of its own */
  cl_names_done(&old);
  return status;
}

const struct cl_assigned_list *cl_event_values(const struct cl_event *ev) {
  switch (ev->kind) {
  case CL_EVENT_PROPOSED: return &ev->u.proposed.values;
  case CL_EVENT_IMPORTED: return &ev->u.imported.values;
  case CL_EVENT_EXPLOITED: return &ev->u.exploited.values;
  case CL_EVENT_SET: return &ev->u.set.values;
  default: return NULL;
  }
}

static bool has_before(const struct cl_assigned_list *values, int i) {
  for (int k = 0; k < i; k++)
    if (values->items[k].id == values->items[i].id) return true;
  return false;
}

int cl_names_check(const struct cl_names *n, const struct cl_event *ev, struct cl_err *e) {
  const struct cl_assigned_list *values = cl_event_values(ev);
  int highest = 0; /* ids mostly ascend; then none needs to be looked for among those before it */
  for (int i = 0; values != NULL && i < values->n; i++) {
    int id = values->items[i].id;
    if (cl_names_hyperparameter_near(n, id, i) < 0)
      return CL_FAIL(e, CLADE_EINVAL, "a value of '%s' is of hyperparameter %d, which the settings lack",
                     cl_kind_name(ev->kind), id);
    if (id <= highest && has_before(values, i))
      return CL_FAIL(e, CLADE_EINVAL, "'%s' gives hyperparameter %d two values", cl_kind_name(ev->kind), id);
    if (id > highest) highest = id;
  }
  return 0;
}

int64_t cl_created_ms(const struct cl_event *created) {
  const char *provenance = created->u.created.provenance;
  json_t *node = provenance == NULL ? NULL : json_loads(provenance, 0, NULL);
  const json_t *ms = json_object_get(node, "created_ms");
  int64_t created_ms = json_is_integer(ms) ? json_integer_value(ms) : cl_clock_wall_ms();
  json_decref(node);
  return created_ms;
}
