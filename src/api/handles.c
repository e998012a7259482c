#include "api/handles.h"

#include <assert.h>

#include "base/alloc.h"
#include "model/plugin.h"

int cl_api_check(const void *handle, const char *noun, const void *ret, struct cl_err *e) {
  if (handle == NULL) return CL_FAIL(e, CLADE_EINVAL, "no %s was given: open or create one first", noun);
  return ret == NULL ? CL_FAIL(e, CLADE_EINVAL, "there is no place for the answer") : 0;
}

static void assert_reader_state(const struct clade_reader *r) {
  assert(r->store != NULL && r->reader != NULL && r->study != NULL && r->name != NULL);
  (void)r;
}

int clade_store_open(const char *address, struct clade_store **ret, struct cl_err *e) {
  if (address == NULL || ret == NULL) return CL_FAIL(e, CLADE_EINVAL, "a store is opened by its address");
  struct clade_store *s = cl_alloc(sizeof *s);
  if (s == NULL) return CL_FAIL_NOMEM(e);
  int status =
      cl_store_open(address, &(struct cl_store_options){.mode = CL_STORE_READ, .beside = true}, &s->store, e);
  if (status < 0) {
    cl_free(s);
    return status;
  }
  *ret = s;
  return 0;
}

void clade_store_close(struct clade_store *store) {
  if (store == NULL) return;
  cl_store_close(store->store);
  cl_free(store);
}

const char *clade_store_address(const struct clade_store *store) {
  return store == NULL ? NULL : cl_store_address(store->store);
}

int clade_reader_open(struct clade_store *store, const char *address, struct clade_reader **ret,
                      struct cl_err *e) {
  if (store == NULL || ret == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "a reader needs a store and a place to go");
  int64_t study = 0;
  struct clade_reader *r = cl_alloc(sizeof *r);
  if (r == NULL) return CL_FAIL_NOMEM(e);
  r->store = store->store;
  int status = cl_address_resolve(r->store, address, &study, &r->selection, e);
  if (status >= 0) status = cl_reader_open(r->store, study, &r->reader, e);
  if (status >= 0) status = cl_reader_need(r->reader, CL_NO_TRIALS, CL_NO_TRIALS, &r->study, e);
  if (status >= 0 && (r->name = cl_copy_text(cl_study_name(r->study))) == NULL) status = CL_FAIL_NOMEM(e);
  if (status < 0) {
    clade_reader_close(r);
    return status;
  }
  assert_reader_state(r);
  *ret = r;
  return 0;
}

void clade_reader_close(struct clade_reader *r) {
  if (r == NULL) return;
  cl_reader_close(r->reader);
  cl_selection_done(&r->selection);
  cl_free(r->name);
  cl_free(r);
}

const char *clade_reader_study(const struct clade_reader *r) {
  return r == NULL ? NULL : r->name;
}

bool clade_reader_names_trials(const struct clade_reader *r) {
  return r != NULL && r->selection.kind != CL_SELECT_NONE;
}

int clade_reader_trials(struct clade_reader *r, int64_t **ret, size_t *ret_n, struct cl_err *e) {
  CL_TRY(cl_api_check(r, "reader", ret != NULL && ret_n != NULL ? ret : NULL, e));
  assert_reader_state(r);
  return cl_trials_find(r->reader, &r->selection, ret, ret_n, e);
}

int clade_reader_follow(struct clade_reader *r, int64_t *ret_n, struct cl_err *e) {
  CL_TRY(cl_api_check(r, "reader", r, e));
  assert_reader_state(r);
  return cl_reader_follow(r->reader, ret_n, e);
}

int clade_study_check(struct clade_reader *r, struct cl_err *e) {
  CL_TRY(cl_api_check(r, "reader", r, e));
  assert_reader_state(r);
  return cl_store_check(r->store, cl_reader_id(r->reader), e);
}

struct cl_value cl_api_inner_value(struct clade_value v) {
  return cl_plugin_inner_value(v);
}

struct clade_value cl_api_value(struct cl_value v) {
  return cl_plugin_value(v);
}

int cl_api_keep_text(struct cl_arena *a, const char *text, const char **ret, struct cl_err *e) {
  *ret = cl_arena_text(a, text);
  assert(text != NULL || *ret == NULL);
  return text != NULL && *ret == NULL ? CL_FAIL_NOMEM(e) : 0;
}

int cl_api_keep_value(struct cl_arena *a, struct cl_value v, struct clade_value *ret, struct cl_err *e) {
  if (v.kind == CL_TEXT) CL_TRY(cl_api_keep_text(a, v.as.text, &v.as.text, e));
  *ret = cl_api_value(v);
  return 0;
}

int cl_api_values(struct cl_arena *a, const struct cl_study *study, const struct cl_trial *t,
                  const struct clade_named_value **ret, size_t *ret_n, struct cl_err *e) {
  const struct cl_space *space = cl_study_space(study);
  struct cl_value *values = cl_arena_array(a, (size_t)space->n, sizeof *values);
  struct clade_named_value *named = cl_arena_array(a, (size_t)space->n, sizeof *named);
  size_t n = 0;
  if (values == NULL || named == NULL) return CL_FAIL_NOMEM(e);
  cl_trial_values(study, t, values);
  for (int i = 0; i < space->n; i++) {
    if (values[i].kind == CL_ABSENT) continue;
    CL_TRY(cl_api_keep_text(a, space->items[i].name, &named[n].name, e));
    CL_TRY(cl_api_keep_value(a, values[i], &named[n].value, e));
    named[n++].held = cl_trial_is_held(study, t, i);
  }
  assert(n <= (size_t)space->n);
  *ret = named;
  *ret_n = n;
  return 0;
}

int cl_api_list_options(const struct clade_list_options *o, const struct cl_selection *selection,
                        struct cl_list_options *ret, struct cl_err *e) {
  static const struct clade_list_options usual = {0};
  if (o == NULL) o = &usual;
  bool counted = o->limit == CLADE_LIMIT_FIRST || o->limit == CLADE_LIMIT_LAST;
  if ((int)o->limit < CLADE_LIMIT_STANDARD || o->limit > CLADE_LIMIT_LAST || (counted && o->n < 0))
    return CL_FAIL(e, CLADE_EINVAL, "the limit of a list is %lld rows, but must be 0 or more",
                   (long long)o->n);
  *ret = (struct cl_list_options){.selection = selection,
                                  .n_filters = o->n_filters,
                                  .n_columns = o->n_columns,
                                  .n_more = o->n_more,
                                  .usual = o->usual,
                                  .filters = o->filters,
                                  .columns = o->columns,
                                  .more = o->more,
                                  .n_tags_any = o->n_tags_any,
                                  .n_tags_all = o->n_tags_all,
                                  .tags_any = o->tags_any,
                                  .tags_all = o->tags_all,
                                  .states = o->states,
                                  .sort = o->sort,
                                  .group = o->group,
                                  .reverse = o->reverse,
                                  .limit = (enum cl_limit)o->limit,
                                  .n = o->n};
  return 0;
}

int64_t cl_api_wall_ms(const struct cl_study *study, int64_t ms) {
  return ms < 0 ? -1 : cl_study_created_ms(study) + ms;
}
