/* Proposals in words, and recomputed. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "search/methods.h"

/* --- why --- */

static int load_args(const char *args, json_t **ret, struct cl_err *e) {
  json_t *node = json_loads(args == NULL ? "{}" : args, 0, NULL);
  if (!json_is_object(node)) {
    json_decref(node);
    return CL_FAIL(e, CLADE_ECORRUPT, "the args of a proposal are no JSON object");
  }
  *ret = node;
  return 0;
}

static void explain_queue(const json_t *args, const struct cl_study *study, struct cl_text *ret) {
  const json_t *given = json_object_get(args, "given");
  cl_text_add(ret, "enqueued: given");
  for (size_t i = 0; i < json_array_size(given); i++) {
    int id = (int)json_integer_value(json_array_get(given, i));
    int index = study == NULL ? -1 : cl_space_find_id(cl_study_space(study), id);
    if (index >= 0)
      cl_text_format(ret, "%s %s", i > 0 ? "," : "", cl_study_space(study)->items[index].name);
    else
      cl_text_format(ret, "%s hyperparameter %d", i > 0 ? "," : "", id);
  }
  cl_text_add(ret, json_array_size(given) > 0 ? "; the rest drawn\n" : " nothing; all drawn\n");
}

static void explain_method(const char *method, const json_t *args, const struct cl_study *study,
                           struct cl_text *ret) {
  const struct cl_searcher_ops *ops = method == NULL ? NULL : cl_searcher_find(method);
  const char *why = json_string_value(json_object_get(args, "why")), *name = method == NULL ? "?" : method;
  assert(json_is_object(args));
  if (why != NULL)
    cl_text_format(ret, "%s: drawn at random to start with: %s\n", name, why);
  else if (ops != NULL && ops->explain != NULL)
    ops->explain(args, study, ret);
  else
    cl_text_format(ret, "%s: %s\n", name,
                   ops == NULL ? "a method that this clade does not know" : ops->summary);
}

int cl_searcher_explain(const struct cl_event *recorded, const struct cl_study *study, struct cl_text *ret,
                        struct cl_err *e) {
  json_t *args = NULL;
  assert(recorded->kind == CL_EVENT_PROPOSED);
  CL_TRY(load_args(recorded->args, &args, e));
  json_int_t redraws = json_integer_value(json_object_get(args, "redraws"));
  if (recorded->cause == CL_CAUSE_CONFIRM)
    cl_text_format(
        ret,
        "the configuration of trial %lld again, on a fresh seed: one of %lld runs that say what it is worth\n",
        (long long)json_integer_value(json_object_get(args, "configuration")),
        (long long)json_integer_value(json_object_get(args, "n")));
  else if (json_object_get(args, "given") != NULL)
    explain_queue(args, study, ret);
  else
    explain_method(json_string_value(json_object_get(args, "method")), args, study, ret);
  if (redraws > 0)
    cl_text_format(ret, "%lld draws broke a constraint%s\n",
                   (long long)redraws + recorded->u.proposed.infeasible,
                   recorded->u.proposed.infeasible ? ", and none was legal" : " before it");
  json_decref(args);
  return ret->failed ? CL_FAIL_NOMEM(e) : 0;
}

/* --- verify --- */

static const struct cl_assigned *find_value(const struct cl_assigned_list *list, int id) {
  for (int i = 0; i < list->n; i++)
    if (list->items[i].id == id) return &list->items[i];
  return NULL;
}

static void add_difference(const struct cl_study *study, int id, const struct cl_assigned *recorded,
                           const struct cl_assigned *computed, struct cl_text *ret) {
  int index = cl_space_find_id(cl_study_space(study), id);
  assert(recorded != NULL || computed != NULL);
  if (index >= 0)
    cl_text_add(ret, cl_study_space(study)->items[index].name);
  else
    cl_text_format(ret, "hyperparameter %d", id);
  cl_text_add(ret, ": recorded ");
  cl_value_write_json(ret, recorded == NULL ? (struct cl_value){0} : recorded->value);
  cl_text_add(ret, ", recomputed ");
  cl_value_write_json(ret, computed == NULL ? (struct cl_value){0} : computed->value);
  cl_text_add(ret, "\n");
}

static bool compare_values(const struct cl_study *study, const struct cl_event *recorded,
                           const struct cl_event *computed, struct cl_text *ret) {
  const struct cl_assigned_list *a = &recorded->u.proposed.values, *b = &computed->u.proposed.values;
  bool same = true;
  for (int i = 0; i < a->n; i++) {
    const struct cl_assigned *other = find_value(b, a->items[i].id);
    if (other != NULL && cl_value_equal(a->items[i].value, other->value)) continue;
    add_difference(study, a->items[i].id, &a->items[i], other, ret);
    same = false;
  }
  for (int i = 0; i < b->n; i++) {
    if (find_value(a, b->items[i].id) != NULL) continue;
    add_difference(study, b->items[i].id, NULL, &b->items[i], ret);
    same = false;
  }
  return same;
}

/* Args as values, so that a store may write the same JSON in another way. */
static bool compare_args(const char *recorded, const char *computed, struct cl_text *ret) {
  json_t *a = json_loads(recorded == NULL ? "{}" : recorded, 0, NULL), *b = json_loads(computed, 0, NULL);
  bool same = a != NULL && b != NULL && json_equal(a, b);
  if (!same)
    cl_text_format(ret, "cause: recorded %s, recomputed %s\n", recorded == NULL ? "{}" : recorded, computed);
  json_decref(a);
  json_decref(b);
  return same;
}

static bool compare_events(const struct cl_study *study, const struct cl_event *recorded,
                           const struct cl_event *computed, struct cl_text *ret) {
  bool same = recorded->subject == computed->subject;
  assert(recorded->kind == CL_EVENT_PROPOSED && computed->kind == CL_EVENT_PROPOSED);
  if (!same)
    cl_text_format(ret, "trial: recorded %lld, recomputed %lld\n", (long long)recorded->subject,
                   (long long)computed->subject);
  bool same_kind = recorded->cause == computed->cause &&
                   recorded->u.proposed.role == computed->u.proposed.role &&
                   recorded->u.proposed.infeasible == computed->u.proposed.infeasible;
  if (!same_kind)
    cl_text_format(ret, "proposal: recorded %s%s, recomputed %s%s\n", cl_cause_name(recorded->cause),
                   recorded->u.proposed.infeasible ? ", infeasible" : "", cl_cause_name(computed->cause),
                   computed->u.proposed.infeasible ? ", infeasible" : "");
  bool same_values = compare_values(study, recorded, computed, ret);
  bool same_args = compare_args(recorded->args, computed->args, ret);
  return same && same_kind && same_values && same_args;
}

int cl_searcher_verify(const struct cl_study *study, const struct cl_event *recorded, bool *ret_same,
                       struct cl_text *ret_text, struct cl_err *e) {
  bool by_method = recorded->cause == CL_CAUSE_SEARCH || recorded->cause == CL_CAUSE_STARTUP ||
                   recorded->cause == CL_CAUSE_ENQUEUE;
  if (recorded->kind != CL_EVENT_PROPOSED || !by_method)
    return CL_FAIL(e, CLADE_EUNSUPPORTED,
                   "trial %lld was proposed by '%s': only a search method's proposals can be "
                   "recomputed",
                   (long long)recorded->subject, cl_cause_name(recorded->cause));
  struct cl_searcher *s = NULL;
  struct cl_event computed = {0};
  CL_TRY(cl_searcher_create(study, &s, e));
  int status = cl_searcher_next(s, &computed, e);
  if (status == 0) *ret_same = compare_events(study, recorded, &computed, ret_text);
  if (status > 0) {
    *ret_same = false;
    cl_text_add(ret_text, status == CLADE_BUSY ? "recomputed: it would have waited for a result\n"
                                               : "recomputed: the space was used up\n");
    status = 0;
  }
  cl_searcher_destroy(s);
  return status == 0 && ret_text->failed ? CL_FAIL_NOMEM(e) : status;
}
