/* All about a study. */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "api/handles.h"
#include "base/alloc.h"
#include "model/constraint.h"

struct result {
  struct clade_study_info info; /* first: a pointer to it is one to the whole */
  struct cl_arena arena;
};
_Static_assert(offsetof(struct result, info) == 0, "a pointer to the one is a pointer to the other");

void clade_study_free(struct clade_study_info *info) {
  struct result *r = (struct result *)info;
  if (r == NULL) return;
  cl_arena_done(&r->arena);
  cl_free(r);
}

static int keep_json(struct cl_arena *a, const json_t *node, const char **ret, struct cl_err *e) {
  if (node == NULL) return 0;
  size_t n = json_dumpb(node, NULL, 0, JSON_ENCODE_ANY);
  char *text = cl_arena_alloc(a, n + 1);
  if (n == 0 || text == NULL) return CL_FAIL_NOMEM(e);
  size_t written = json_dumpb(node, text, n, JSON_ENCODE_ANY);
  assert(written == n);
  (void)written;
  *ret = text;
  return 0;
}

static int write_member(struct cl_arena *a, const char *key, const json_t *value, struct cl_text *ret,
                        struct cl_err *e) {
  struct cl_value v;
  const char *json = NULL;
  cl_text_format(ret, ", %s ", key);
  if (cl_value_from_json(value, &v, NULL) == 0) {
    cl_value_write(ret, v);
    return 0;
  }
  CL_TRY(keep_json(a, value, &json, e));
  cl_text_add(ret, json);
  return 0;
}

/* {"method": "dgd", "seeds": 20} as "dgd, seeds 20". */
static int keep_words(struct cl_arena *a, const json_t *node, const char **ret, struct cl_err *e) {
  struct cl_text words = {0};
  const char *key = NULL;
  json_t *value = NULL;
  int status = 0;
  if (node == NULL) return 0;
  cl_text_add(&words, json_string_value(json_object_get(node, "method")));
  json_object_foreach((json_t *)(uintptr_t)node, key, value) {
    if (strcmp(key, "method") != 0 && status >= 0) status = write_member(a, key, value, &words, e);
  }
  if (status >= 0 && words.failed) status = CL_FAIL_NOMEM(e);
  if (status >= 0) status = cl_api_keep_text(a, cl_text_get(&words), ret, e);
  cl_text_done(&words);
  return status;
}

static int fill_texts(struct result *r, const struct clade_reader *reader, const struct cl_study *s,
                      struct cl_err *e) {
  struct clade_study_info *i = &r->info;
  const struct cl_settings *settings = cl_study_settings(s);
  const struct {
    const char *text, **to;
  } texts[] = {{cl_study_name(s), &i->name},
               {cl_study_uuid(s), &i->uuid},
               {cl_store_address(reader->store), &i->store},
               {cl_study_directory(s), &i->directory},
               {cl_study_spec(s), &i->spec},
               {cl_study_provenance(s), &i->provenance},
               {settings->origin, &i->origin},
               {settings->method, &i->method},
               {settings->objectives[0].name, &i->metric},
               {settings->step, &i->step}};
  for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
    CL_TRY(cl_api_keep_text(&r->arena, texts[k].text, texts[k].to, e));
  CL_TRY(keep_json(&r->arena, settings->search, &i->search, e));
  CL_TRY(keep_words(&r->arena, settings->search, &i->search_words, e));
  CL_TRY(keep_words(&r->arena, settings->schedule, &i->schedule_words, e));
  return keep_json(&r->arena, settings->schedule, &i->schedule, e);
}

static int fill_space(struct result *r, const struct cl_study *s, struct cl_err *e) {
  const struct cl_space *space = cl_study_space(s);
  struct clade_hyperparameter *h = cl_arena_array(&r->arena, (size_t)space->n, sizeof *h);
  const char **constraints = cl_arena_array(&r->arena, (size_t)space->n_constraints, sizeof *constraints);
  if (h == NULL || constraints == NULL) return CL_FAIL_NOMEM(e);
  for (int k = 0; k < space->n; k++) {
    struct cl_text line = {0};
    cl_space_describe(&space->items[k], space, &line);
    h[k].name = cl_arena_text(&r->arena, space->items[k].name);
    h[k].text = line.failed ? NULL : cl_arena_text(&r->arena, cl_text_get(&line));
    cl_text_done(&line);
    if (h[k].name == NULL || h[k].text == NULL) return CL_FAIL_NOMEM(e);
  }
  for (int k = 0; k < space->n_constraints; k++)
    CL_TRY(cl_api_keep_text(&r->arena, cl_constraint_text(space->constraints[k]), &constraints[k], e));
  r->info.n_hyperparameters = (size_t)space->n;
  r->info.hyperparameters = h;
  r->info.n_constraints = (size_t)space->n_constraints;
  r->info.constraints = constraints;
  return 0;
}

static void fill_counts(struct clade_study_info *i, const struct cl_study *s) {
  const struct {
    int state;
    int64_t *to;
  } counts[] = {{CL_WAITING, &i->waiting},   {CL_RUNNING, &i->running},
                {CL_PAUSED, &i->paused},     {CL_COMPLETE, &i->complete},
                {CL_PRUNED, &i->pruned},     {CL_FAILED, &i->failed},
                {CL_LOST, &i->lost},         {CL_PREEMPTED, &i->preempted},
                {CL_DIVERGED, &i->diverged}, {CL_INFEASIBLE, &i->infeasible}};
  int64_t sum = 0;
  for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
    sum += *counts[k].to = cl_study_count(s, counts[k].state);
  assert(sum == cl_study_trials(s)); /* each trial is in one state, and all were read */
  (void)sum;
}

static void fill_numbers(struct clade_study_info *i, const struct cl_study *s) {
  static const char *const reductions[] = {"last", "best", "mean"};
  const struct cl_settings *settings = cl_study_settings(s);
  const struct cl_study_head *head = cl_study_head(s);
  assert((size_t)settings->objectives[0].reduce < sizeof reductions / sizeof reductions[0]);
  i->state = head->open ? "open" : "finished";
  i->reason = head->open ? NULL : cl_reason_name(cl_study_reason(s));
  i->goal = settings->objectives[0].goal == CL_MAXIMIZE ? "maximize" : "minimize";
  i->reduce = reductions[settings->objectives[0].reduce];
  i->n_objectives = settings->n_objectives;
  i->parallel = settings->parallel;
  i->lag = settings->lag;
  i->seed = cl_study_seed(s);
  i->created_ms = cl_study_created_ms(s);
  i->position = head->position;
  i->trials = head->trials;
  i->counted = head->counted;
  i->budget = head->budget < CL_TRIALS_MAX ? head->budget : 0;
  i->slots = cl_study_slots(s);
  for (int w = 1; w <= cl_study_workers(s); w++) {
    const struct cl_worker_info *info = cl_study_worker(s, w);
    i->workers += info != NULL && info->slots > 0;
  }
  assert(i->workers <= cl_study_workers(s) && i->counted <= i->trials);
}

struct notes {
  struct cl_arena *arena;
  const char **items;
  size_t n, capacity;
  struct cl_err *e;
};

static int take_note(void *ctx, const struct cl_event *ev) {
  struct notes *n = ctx;
  static const char *const words[] = {"", "", "tag ", "tag removed: "};
  if (ev->kind != CL_EVENT_NOTE || ev->subject != 0) return 0;
  if (cl_grow(&n->items, &n->capacity, n->n + 1, sizeof *n->items) < 0) return CL_FAIL_NOMEM(n->e);
  int what = ev->u.note.what >= 1 && ev->u.note.what <= 3 ? (int)ev->u.note.what : 0;
  const char *name = ev->u.note.name == NULL ? "" : ev->u.note.name, *text = ev->u.note.text;
  const char *note = cl_arena_format(n->arena, "%s%s%s%s", words[what], name,
                                     name[0] != '\0' && text != NULL ? "=" : "", text == NULL ? "" : text);
  if (note == NULL) return CL_FAIL_NOMEM(n->e);
  n->items[n->n++] = note;
  return 0;
}

static int fill_notes(struct result *r, struct clade_reader *reader, struct cl_err *e) {
  struct notes notes = {.arena = &r->arena, .e = e};
  struct cl_read own = {.trial_lo = CL_NO_TRIALS, .trial_hi = CL_NO_TRIALS};
  int status = cl_store_read(reader->store, cl_reader_id(reader->reader), &own, take_note, &notes, e);
  assert(notes.n <= notes.capacity);
  const char **items = cl_arena_array(&r->arena, notes.n, sizeof *items);
  if (status >= 0 && items == NULL) status = CL_FAIL_NOMEM(e);
  if (status >= 0 && notes.n > 0) memcpy(items, notes.items, notes.n * sizeof *items);
  r->info.notes = items;
  r->info.n_notes = notes.n;
  cl_free(notes.items);
  return status < 0 ? status : 0;
}

int clade_study_read(struct clade_reader *reader, struct clade_study_info **ret, struct cl_err *e) {
  const struct cl_study *s = NULL;
  CL_TRY(cl_api_check(reader, "reader", ret, e));
  CL_TRY(cl_reader_need(reader->reader, 0, 0, &s, e));
  struct result *r = cl_alloc(sizeof *r);
  if (r == NULL) return CL_FAIL_NOMEM(e);
  int status = fill_texts(r, reader, s, e);
  if (status >= 0) status = fill_space(r, s, e);
  if (status >= 0) status = fill_notes(r, reader, e);
  if (status < 0) {
    clade_study_free(&r->info);
    return status;
  }
  fill_counts(&r->info, s);
  fill_numbers(&r->info, s);
  *ret = &r->info;
  return 0;
}
