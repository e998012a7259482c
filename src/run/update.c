/* clade update: the changed settings of a study, made from what a person typed. The ids of hyperparameters
 * stay with their names; a new name gets one above all that were ever used. */
#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "query/address.h"
#include "query/reader.h"
#include "run/control.h"
#include "run/plan.h"
#include "search/searcher.h"
#include "spec/spec.h"
#include "store/log.h"
#include "worker/worker.h"

enum { TRIES = 20 };

struct result {
  struct clade_updated shown; /* first: the caller holds its address */
  struct cl_arena arena;
};

struct update {
  const struct clade_update_options *options;
  struct cl_store *store;
  struct cl_log *log;
  const struct cl_study *s;  /* without trials */
  struct cl_study_head head; /* with their number */
  struct cl_spec *spec;      /* of --space, or null */
  struct result *result;
  int failed; /* status of an append */
  struct cl_err why;
};

void cl_control_updated_free(struct clade_updated *u) {
  struct result *r = (struct result *)u;
  if (r == NULL) return;
  cl_arena_done(&r->arena);
  cl_free(r);
}

/* The space. */

static int resolve(struct update *u, struct cl_settings **ret, char **ret_json, struct cl_err *e) {
  const struct cl_settings *old = cl_study_settings(u->s);
  char *here = cl_working_directory();
  struct cl_spec_result r;
  if (here == NULL) return CL_FAIL_NOMEM(e);
  struct cl_spec_overrides o = {.here = here,
                                .study = old->study,
                                .trials = old->trials,
                                .n_objectives = old->n_objectives,
                                .objectives = old->objectives};
  if (!cl_spec_has(u->spec, "program")) {
    o.n_program = old->n_program;
    o.program = old->program;
    o.values_to = old->values_to;
    o.in_process = old->n_program == 0;
  }
  int status = cl_spec_resolve(u->spec, &o, &r, e);
  cl_free(here);
  if (status < 0) return status;
  status = cl_settings_parse(r.settings, ret, e);
  if (status == 0) {
    *ret_json = cl_copy_text(r.settings);
    if (*ret_json == NULL) status = CL_FAIL_NOMEM(e);
  }
  cl_spec_result_done(&r);
  return status;
}

/* Known names keep their ids. */
static int give_ids(const struct cl_settings *old, json_t *hyperparameters, struct cl_err *e) {
  int next = cl_settings_last_id(old);
  for (size_t i = 0; i < json_array_size(hyperparameters); i++) {
    json_t *h = json_array_get(hyperparameters, i);
    assert(json_is_string(json_object_get(h, "name"))); /* they have been parsed */
    int index = cl_space_find(&old->space, json_string_value(json_object_get(h, "name")));
    int id = index >= 0 ? old->space.items[index].id : ++next;
    if (json_object_set_new(h, "id", json_integer(id)) != 0) return CL_FAIL_NOMEM(e);
  }
  return 0;
}

/* A key of the new settings, where it differs from the old one. */
static int take_key(json_t *changes, const json_t *old, json_t *new, const char *key, struct cl_err *e) {
  json_t *before = json_object_get(old, key), *after = json_object_get(new, key);
  if (before == NULL && after == NULL) return 0;
  if (before != NULL && after != NULL && json_equal(before, after)) return 0;
  int failed =
      after == NULL ? json_object_set_new(changes, key, json_null()) : json_object_set(changes, key, after);
  return failed != 0 ? CL_FAIL_NOMEM(e) : 0;
}

static int add_space(struct update *u, json_t *changes, struct cl_err *e) {
  const struct cl_settings *old = cl_study_settings(u->s);
  struct cl_settings *parsed = NULL;
  char *text = NULL;
  int status = resolve(u, &parsed, &text, e);
  json_t *new = status < 0 ? NULL : json_loads(text, 0, NULL);
  if (status == 0 && new == NULL) status = CL_FAIL_NOMEM(e);
  if (status == 0) status = give_ids(old, json_object_get(new, "hyperparameters"), e);
  if (status == 0) status = take_key(changes, old->json, new, "hyperparameters", e);
  if (status == 0) status = take_key(changes, old->json, new, "constraints", e);
  if (status == 0) status = take_key(changes, old->json, new, "program", e);
  if (status == 0 && cl_spec_has(u->spec, "program"))
    status = take_key(changes, old->json, new, "values_to", e);
  bool carries_copy = cl_spec_kind(u->spec) == CL_SPEC_RUNSPEC || cl_spec_has(u->spec, "trainer");
  if (status == 0 && carries_copy) status = take_key(changes, old->json, new, "dump", e);
  json_decref(new);
  cl_settings_destroy(parsed);
  cl_free(text);
  return status;
}

/* The numbers. An ordered study keeps its lag: what proposals see must not change with the slots. */
static int add_numbers(struct update *u, json_t *changes, struct cl_err *e) {
  const struct cl_settings *old = cl_study_settings(u->s);
  int failed = 0;
  if (u->options->trials != 0 && u->options->trials != old->trials)
    failed |= json_object_set_new(changes, "trials", json_integer(u->options->trials));
  if (u->options->parallel != 0 && u->options->parallel != old->parallel) {
    failed |= json_object_set_new(changes, "parallel", json_integer(u->options->parallel));
    if (old->lag > 0 && json_object_get(old->json, "lag") == NULL)
      failed |= json_object_set_new(changes, "lag", json_integer(old->lag));
  }
  return failed != 0 ? CL_FAIL_NOMEM(e) : 0;
}

/* What would be appended must be settings that every engine can go on with. */
static int check(struct update *u, const char *changes, struct cl_settings **ret, struct cl_err *e) {
  const struct cl_study_head *h = &u->head;
  CL_TRY(cl_settings_update(cl_study_settings(u->s), changes, ret, e));
  if ((*ret)->trials < h->counted)
    return CL_FAIL(
        e, CLADE_EREFUSED,
        "trials cannot be %lld: %lld have been proposed already (`clade stop %s` ends the study now)",
        (long long)(*ret)->trials, (long long)h->counted, cl_study_name(u->s));
  int status = cl_search_fits(*ret, e);
  return status < 0 && u->spec != NULL ? cl_spec_blame(u->spec, "hyperparameters", e) : status;
}

/* Appending. */

static void told(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct update *u = ctx;
  (void)ev;
  if (result->status != 0 && u->failed == 0) u->failed = result->status;
}

static int put(struct update *u, struct cl_event *ev, struct cl_err *e) {
  char args[] = "{\"command\": \"update\"}";
  assert(ev->kind == CL_EVENT_UPDATED || ev->kind == CL_EVENT_REOPENED);
  ev->cause = CL_CAUSE_HUMAN;
  ev->args = args;
  ev->as_of = cl_log_position(u->log);
  if (ev->seen != CL_SEEN_BATCH) ev->seen = u->head.version;
  return cl_log_put(u->log, ev, told, u, e);
}

static int append(struct update *u, const char *changes, const struct cl_settings *after, struct cl_err *e) {
  const struct cl_study_head *h = &u->head;
  assert(after->trials >= h->counted && h->version == cl_study_head(u->s)->version);
  struct cl_event updated = {.kind = CL_EVENT_UPDATED}, reopened = {.kind = CL_EVENT_REOPENED};
  updated.u.updated.settings = changes;
  updated.u.updated.space_version = after->space.version;
  reopened.seen = CL_SEEN_BATCH;
  u->failed = 0;
  bool reopen = !h->open && after->trials > h->counted;
  CL_TRY(put(u, &updated, e));
  if (reopen) CL_TRY(put(u, &reopened, e));
  u->result->shown.reopened = reopen;
  return cl_log_commit(u->log, e);
}

/* Showing. */

typedef bool is_wanted(const struct cl_settings *before, const struct cl_settings *after, const char *name);

/* Those names of both spaces that are wanted. */
static int list_names(struct update *u, const struct cl_settings *after, is_wanted *wanted,
                      struct clade_names *ret, struct cl_err *e) {
  const struct cl_settings *before = cl_study_settings(u->s), *both[] = {before, after};
  size_t most = (size_t)before->space.n + (size_t)after->space.n;
  const char **names = cl_arena_array(&u->result->arena, most + 1, sizeof *names);
  if (names == NULL) return CL_FAIL_NOMEM(e);
  *ret = (struct clade_names){.items = names};
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < both[k]->space.n; i++) {
      const char *name = both[k]->space.items[i].name;
      if (k == 1 && cl_space_find(&before->space, name) >= 0) continue;
      if (!wanted(before, after, name)) continue;
      assert(ret->n < most);
      names[ret->n] = cl_arena_text(&u->result->arena, name);
      if (names[ret->n++] == NULL) return CL_FAIL_NOMEM(e);
    }
  return 0;
}

static bool is_added(const struct cl_settings *before, const struct cl_settings *after, const char *name) {
  (void)after;
  return cl_space_find(&before->space, name) < 0;
}

static bool is_removed(const struct cl_settings *before, const struct cl_settings *after, const char *name) {
  (void)before;
  return cl_space_find(&after->space, name) < 0;
}

static const json_t *definition(const struct cl_settings *s, const char *name) {
  const json_t *all = json_object_get(s->json, "hyperparameters");
  for (size_t i = 0; i < json_array_size(all); i++) {
    const char *other = json_string_value(json_object_get(json_array_get(all, i), "name"));
    if (other != NULL && strcmp(other, name) == 0) return json_array_get(all, i);
  }
  return NULL;
}

static bool is_changed(const struct cl_settings *before, const struct cl_settings *after, const char *name) {
  const json_t *a = definition(before, name), *b = definition(after, name);
  return a != NULL && b != NULL && !json_equal(a, b);
}

static int show(struct update *u, const struct cl_settings *after, const json_t *changes, struct cl_err *e) {
  const struct cl_settings *before = cl_study_settings(u->s);
  struct clade_updated *r = &u->result->shown;
  r->trials_before = before->trials;
  r->trials = after->trials;
  r->parallel_before = before->parallel;
  r->parallel = after->parallel;
  r->space_version = after->space.version;
  assert(r->space_version == before->space.version || r->space_version == before->space.version + 1);
  r->program_changed = json_object_get(changes, "program") != NULL;
  CL_TRY(list_names(u, after, is_added, &r->added, e));
  CL_TRY(list_names(u, after, is_removed, &r->removed, e));
  return list_names(u, after, is_changed, &r->changed, e);
}

/* Once: CLADE_BUSY when the study has changed meanwhile. */
static int try_update(struct update *u, struct cl_err *e) {
  CL_TRY(cl_log_follow(u->log, NULL, e));
  CL_TRY(cl_store_head(u->store, cl_log_id(u->log), &u->head, e));
  if (u->head.version != cl_study_head(u->s)->version) return CLADE_BUSY;
  json_t *changes = json_object();
  struct cl_settings *after = NULL;
  char *text = NULL;
  int status = changes == NULL ? CL_FAIL_NOMEM(e) : add_numbers(u, changes, e);
  if (status == 0 && u->spec != NULL) status = add_space(u, changes, e);
  if (status == 0 && (text = json_dumps(changes, JSON_COMPACT)) == NULL) status = CL_FAIL_NOMEM(e);
  if (status == 0) status = check(u, text, &after, e);
  if (status == 0) status = show(u, after, changes, e);
  const struct cl_study_head *h = &u->head;
  bool nothing = status == 0 && json_object_size(changes) == 0 && (h->open || after->trials <= h->counted);
  if (status == 0 && !nothing) status = append(u, text, after, e);
  if (status == 0 && u->failed != 0) status = CLADE_BUSY;
  json_decref(changes);
  cl_settings_destroy(after);
  (free)(text); /* jansson allocated it with the standard allocator */
  return status;
}

static int update(struct update *u, const char *name, struct cl_err *e) {
  int64_t study = 0;
  CL_TRY(cl_store_find(u->store, name, &study, e));
  struct cl_log_options options = {.trial_lo = CL_NO_TRIALS, .trial_hi = CL_NO_TRIALS};
  CL_TRY(cl_log_open(u->store, study, &options, &u->log, e));
  u->s = cl_log_study(u->log);
  u->result->shown.study = cl_arena_text(&u->result->arena, cl_study_name(u->s));
  if (u->result->shown.study == NULL) return CL_FAIL_NOMEM(e);
  if (cl_study_is_newer(u->s))
    return CL_FAIL(e, CLADE_ENEWER, "the study '%s' was written by a newer clade; update this one first",
                   cl_study_name(u->s));
  CL_TRY(cl_worker_count_living(u->s, &u->result->shown.engines, e));
  if (u->options->space != NULL) CL_TRY(cl_spec_load(u->options->space, &u->spec, e));
  for (int i = 0; i < TRIES; i++) {
    int status = try_update(u, e);
    if (status != CLADE_BUSY) return status;
  }
  return CL_FAIL(e, CLADE_ECONFLICT, "%s changes faster than it could be updated: try again",
                 cl_study_name(u->s));
}

int cl_control_update(const char *store, const char *study, const struct clade_update_options *options,
                      struct clade_updated **ret, struct cl_err *e) {
  struct update u = {.options = options};
  u.result = cl_alloc(sizeof *u.result);
  if (u.result == NULL) return CL_FAIL_NOMEM(e);
  int status = cl_store_open(store, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &u.store, e);
  if (status >= 0) status = update(&u, study, e);
  cl_spec_destroy(u.spec);
  cl_log_close(u.log);
  cl_store_close(u.store);
  if (status < 0)
    cl_control_updated_free(&u.result->shown);
  else
    *ret = &u.result->shown;
  return status;
}
