#include "run/history.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "query/reader.h"
#include "store/log.h"

enum { AT_A_TIME = 256 };

/* Where a result comes from, for good. */
struct origin {
  uint64_t study; /* hash of its uuid */
  int64_t trial;
};

struct origins {
  struct origin *items;
  size_t n, cap;
  struct cl_err *e;
};

struct foreign { /* of the other study: where its trial came from */
  int64_t number, trial;
  char *uuid;
};

struct import {
  struct cl_log *to, *from;
  struct origins known;    /* sorted; in the log of `to` */
  struct foreign *foreign; /* ascending numbers */
  size_t n_foreign, cap_foreign;
  int *match;      /* per hyperparameter of `from`: index in `to`, or -1 */
  int *objectives; /* per objective of `to`: index in `from`, or -1 */
  struct cl_value *values, *mapped;
  int64_t copied, left_out;
  struct cl_err *e;
};

static uint64_t hash_text(const char *text) {
  uint64_t h = 0x9E3779B97F4A7C15ull;
  for (const char *p = text; *p != '\0'; p++) h = cl_mix64(h ^ (unsigned char)*p);
  return h;
}

static int compare_origins(const void *a, const void *b) {
  const struct origin *x = a, *y = b;
  if (x->study != y->study) return x->study < y->study ? -1 : 1;
  return (x->trial > y->trial) - (x->trial < y->trial);
}

static bool is_known(const struct import *m, struct origin o) {
  assert((m->known.items == NULL) == (m->known.cap == 0) && m->known.n <= m->known.cap);
  return m->known.n > 0 && bsearch(&o, m->known.items, m->known.n, sizeof o, compare_origins) != NULL;
}

/* Reading. */

static int note_origin(void *ctx, const struct cl_event *ev) {
  struct origins *o = ctx;
  if (ev->kind != CL_EVENT_IMPORTED) return 0;
  if (cl_grow(&o->items, &o->cap, o->n + 1, sizeof *o->items) < 0) return CL_FAIL_NOMEM(o->e);
  o->items[o->n++] = (struct origin){hash_text(ev->u.imported.origin), ev->u.imported.trial};
  return 0;
}

static int note_foreign(void *ctx, const struct cl_event *ev) {
  struct import *m = ctx;
  if (ev->kind != CL_EVENT_IMPORTED) return 0;
  if (cl_grow(&m->foreign, &m->cap_foreign, m->n_foreign + 1, sizeof *m->foreign) < 0)
    return CL_FAIL_NOMEM(m->e);
  char *uuid = cl_copy_text(ev->u.imported.origin);
  if (uuid == NULL) return CL_FAIL_NOMEM(m->e);
  assert(m->n_foreign == 0 || m->foreign[m->n_foreign - 1].number < ev->subject);
  m->foreign[m->n_foreign++] = (struct foreign){ev->subject, ev->u.imported.trial, uuid};
  return 0;
}

/* The trials of `log` that are foreign there: their numbers lie in one span, mostly the first ones. */
static int visit_foreign(struct cl_log *log, int (*visit)(void *ctx, const struct cl_event *ev), void *ctx,
                         struct cl_err *e) {
  const struct cl_study *s = cl_log_study(log);
  int64_t lo = 0, hi = 0;
  for (int64_t i = 1; i <= cl_study_trials(s); i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    if (t == NULL || t->head.role != CL_ROLE_FOREIGN) continue;
    if (lo == 0) lo = i;
    hi = i;
  }
  if (lo == 0) return 0;
  struct cl_read what = {.trial_lo = lo, .trial_hi = hi, .only_trials = true};
  return cl_store_read(cl_log_store(log), cl_log_id(log), &what, visit, ctx, e);
}

static int read_known(struct import *m, struct cl_err *e) {
  m->known.n = 0;
  m->known.e = e;
  CL_TRY(visit_foreign(m->to, note_origin, &m->known, e));
  if (m->known.n > 1) qsort(m->known.items, m->known.n, sizeof *m->known.items, compare_origins);
  return 0;
}

static int compare_foreign(const void *a, const void *b) {
  const struct foreign *x = a, *y = b;
  return (x->number > y->number) - (x->number < y->number);
}

static const char *find_origin(const struct import *m, const struct cl_trial *t, int64_t *ret_trial) {
  *ret_trial = t->number;
  if (t->head.role != CL_ROLE_FOREIGN) return cl_study_uuid(cl_log_study(m->from));
  struct foreign key = {.number = t->number};
  const struct foreign *found =
      m->n_foreign == 0 ? NULL : bsearch(&key, m->foreign, m->n_foreign, sizeof key, compare_foreign);
  if (found == NULL) return NULL;
  assert(found->number == t->number);
  *ret_trial = found->trial;
  return found->uuid;
}

/* Matching. */

/* Can `from` be the history of `to`? */
static int check_pair(const struct cl_study *from, const struct cl_settings *to, struct cl_err *e) {
  const struct cl_space *space = cl_study_space(from);
  const struct cl_settings *settings = cl_study_settings(from);
  int common = 0;
  bool measured = false;
  for (int i = 0; i < space->n; i++) common += cl_space_find(&to->space, space->items[i].name) >= 0;
  for (int k = 0; k < settings->n_objectives; k++)
    measured = measured || strcmp(settings->objectives[k].name, to->objectives[0].name) == 0;
  if (common == 0 && to->space.n > 0)
    return CL_FAIL(e, CLADE_ESPEC,
                   "the study '%s' cannot be the history of '%s': they have no hyperparameter in common",
                   cl_study_name(from), to->study);
  if (!measured)
    return CL_FAIL(e, CLADE_ESPEC,
                   "the study '%s' cannot be the history of '%s': it has no values of %s, but of %s",
                   cl_study_name(from), to->study, to->objectives[0].name, settings->objectives[0].name);
  return 0;
}

static void match_space(struct import *m) {
  const struct cl_space *from = cl_study_space(cl_log_study(m->from)),
                        *to = cl_study_space(cl_log_study(m->to));
  for (int i = 0; i < from->n; i++) m->match[i] = cl_space_find(to, from->items[i].name);
}

static void match_objectives(struct import *m) {
  const struct cl_settings *from = cl_study_settings(cl_log_study(m->from)),
                           *to = cl_study_settings(cl_log_study(m->to));
  for (int i = 0; i < to->n_objectives; i++) {
    m->objectives[i] = -1;
    for (int k = 0; k < from->n_objectives; k++)
      if (strcmp(from->objectives[k].name, to->objectives[i].name) == 0) m->objectives[i] = k;
  }
}

/* The values of a trial in the other space. False if this study could not have chosen them. */
static bool map_values(struct import *m, const struct cl_trial *t) {
  const struct cl_space *from = cl_study_space(cl_log_study(m->from)),
                        *to = cl_study_space(cl_log_study(m->to));
  cl_trial_values(cl_log_study(m->from), t, m->values);
  for (int i = 0; i < to->n; i++) m->mapped[i] = (struct cl_value){0};
  for (int i = 0; i < from->n; i++) {
    int at = m->match[i];
    assert(at >= -1 && at < to->n);
    if (at < 0 || m->values[i].kind == CL_ABSENT) continue;
    if (cl_space_convert(&to->items[at], m->values[i], &m->mapped[at], NULL) < 0) return false;
  }
  bool complete = true;
  for (int i = 0; i < to->n; i++) complete = complete && m->mapped[i].kind != CL_ABSENT;
  return !complete || cl_space_constraints_hold(to, m->mapped, NULL);
}

static bool is_history(const struct cl_trial *t) {
  int role = t->head.role;
  return t->result != 0 && (cl_role_is_searched(role) || role == CL_ROLE_FOREIGN);
}

/* Copying. */

struct batch {
  int n;
  struct cl_event events[AT_A_TIME];
  struct cl_append results[AT_A_TIME];
  double objectives[AT_A_TIME][CL_OBJECTIVES_MAX];
  struct cl_assigned *values; /* AT_A_TIME * space->n */
};

static int list_objectives(const struct import *m, const struct cl_trial *t, double *ret) {
  int n = 0;
  bool scored = t->head.state == CL_COMPLETE || t->head.state == CL_PRUNED;
  for (int i = 0; scored && i < cl_study_settings(cl_log_study(m->to))->n_objectives; i++) {
    ret[i] = m->objectives[i] < 0 ? NAN : cl_trial_objective(t, m->objectives[i]);
    if (!isnan(ret[i])) n = i + 1;
  }
  assert(n <= CL_OBJECTIVES_MAX);
  return n;
}

static int list_values(const struct import *m, struct cl_assigned *ret) {
  const struct cl_space *to = cl_study_space(cl_log_study(m->to));
  int n = 0;
  for (int i = 0; i < to->n; i++)
    if (m->mapped[i].kind != CL_ABSENT) ret[n++] = (struct cl_assigned){to->items[i].id, m->mapped[i]};
  assert(n <= to->n);
  return n;
}

static void add_event(struct import *m, struct batch *b, const struct cl_trial *t, const char *uuid,
                      int64_t trial) {
  const struct cl_study *to = cl_log_study(m->to);
  struct cl_assigned *values = b->values + (size_t)b->n * (size_t)cl_study_space(to)->n;
  struct cl_event *ev = &b->events[b->n];
  assert(b->n < AT_A_TIME && is_history(t));
  *ev = (struct cl_event){.kind = CL_EVENT_IMPORTED, .subject = cl_study_trials(to) + 1 + b->n};
  ev->u.imported.origin = uuid;
  ev->u.imported.trial = trial;
  ev->u.imported.state = t->head.state;
  ev->u.imported.last_step = t->head.furthest;
  ev->u.imported.objectives.n = list_objectives(m, t, b->objectives[b->n]);
  ev->u.imported.objectives.items = b->objectives[b->n];
  ev->u.imported.values.n = list_values(m, values);
  ev->u.imported.values.items = values;
  b->n++;
}

/* CLADE_ECONFLICT: somebody else has appended trials; what is missing must be found out again. */
static int append(struct import *m, struct batch *b, struct cl_err *e) {
  int n = b->n;
  assert(n <= AT_A_TIME);
  b->n = 0;
  if (n == 0) return 0;
  CL_TRY(cl_log_append_all(m->to, b->events, n, b->results, e));
  for (int i = 0; i < n; i++) {
    if (b->results[i].status < 0) return b->results[i].status;
    m->copied++;
  }
  return 0;
}

static int copy_missing(struct import *m, struct batch *b, struct cl_err *e) {
  const struct cl_study *from = cl_log_study(m->from);
  assert(m->objectives[0] >= 0);
  m->left_out = 0;
  b->n = 0;
  CL_TRY(read_known(m, e));
  for (int64_t i = 1; i <= cl_study_trials(from); i++) {
    const struct cl_trial *t = cl_study_trial(from, i);
    int64_t trial = 0;
    const char *uuid = t == NULL || !is_history(t) ? NULL : find_origin(m, t, &trial);
    if (uuid == NULL || is_known(m, (struct origin){hash_text(uuid), trial})) continue;
    if (map_values(m, t))
      add_event(m, b, t, uuid, trial);
    else
      m->left_out++;
    if (b->n == AT_A_TIME) CL_TRY(append(m, b, e));
  }
  return append(m, b, e);
}

static int copy_all(struct import *m, struct cl_err *e) {
  struct batch *b = cl_alloc(sizeof *b);
  if (b != NULL)
    b->values =
        cl_alloc_array(AT_A_TIME, (size_t)(cl_study_space(cl_log_study(m->to))->n + 1) * sizeof *b->values);
  int status = b == NULL || b->values == NULL ? CL_FAIL_NOMEM(e) : 0;
  do {
    if (status == CLADE_ECONFLICT) status = cl_log_follow(m->to, NULL, e);
    bool proposed = cl_study_head(cl_log_study(m->to))->counted > 0; /* whoever did that had all of it */
    if (status >= 0 && !proposed) status = copy_missing(m, b, e);
  } while (status == CLADE_ECONFLICT);
  if (b != NULL) cl_free(b->values);
  cl_free(b);
  return status;
}

static int make_room(struct import *m, struct cl_err *e) {
  const struct cl_space *from = cl_study_space(cl_log_study(m->from)),
                        *to = cl_study_space(cl_log_study(m->to));
  m->match = cl_alloc_array((size_t)from->n + 1, sizeof *m->match);
  m->objectives = cl_alloc_array(CL_OBJECTIVES_MAX, sizeof *m->objectives);
  m->values = cl_alloc_array((size_t)from->n + 1, sizeof *m->values);
  m->mapped = cl_alloc_array((size_t)to->n + 1, sizeof *m->mapped);
  bool failed = m->match == NULL || m->objectives == NULL || m->values == NULL || m->mapped == NULL;
  return failed ? CL_FAIL_NOMEM(e) : 0;
}

static void done(struct import *m) {
  for (size_t i = 0; i < m->n_foreign; i++) cl_free(m->foreign[i].uuid);
  cl_free(m->foreign);
  cl_free(m->known.items);
  cl_free(m->match);
  cl_free(m->objectives);
  cl_free(m->values);
  cl_free(m->mapped);
  cl_log_close(m->from);
}

/* Saying. */

static void list_unmatched(const struct cl_space *of, const struct cl_space *in, struct cl_text *ret) {
  for (int i = 0; i < of->n; i++)
    if (cl_space_find(in, of->items[i].name) < 0)
      cl_text_format(ret, "%s%s", ret->length > 0 ? ", " : "", of->items[i].name);
}

static void say(const struct import *m, const struct clade_run_callbacks *callbacks) {
  const struct cl_study *from = cl_log_study(m->from), *to = cl_log_study(m->to);
  struct cl_text t = {0}, dropped = {0}, absent = {0};
  if (callbacks == NULL || callbacks->note == NULL || m->copied + m->left_out == 0) return;
  cl_text_format(&t, "history: %lld result%s of '%s' copied", (long long)m->copied, m->copied == 1 ? "" : "s",
                 cl_study_name(from));
  if (m->left_out > 0)
    cl_text_format(&t, ", %lld left out (a value that this study could not choose)", (long long)m->left_out);
  list_unmatched(cl_study_space(from), cl_study_space(to), &dropped);
  list_unmatched(cl_study_space(to), cl_study_space(from), &absent);
  if (dropped.length > 0) cl_text_format(&t, "; not searched here: %s", cl_text_get(&dropped));
  if (absent.length > 0) cl_text_format(&t, "; not searched there: %s", cl_text_get(&absent));
  if (!t.failed) callbacks->note(callbacks->ctx, CLADE_NOTE_INFO, cl_text_get(&t));
  cl_text_done(&t);
  cl_text_done(&dropped);
  cl_text_done(&absent);
}

/* The whole. */

static int import_one(struct cl_store *store, struct cl_log *to, const char *name,
                      const struct clade_run_callbacks *callbacks, struct cl_err *e) {
  struct import m = {.to = to, .e = e};
  int64_t id = 0;
  CL_TRY(cl_store_find(store, name, &id, e));
  if (id == cl_log_id(to))
    return CL_FAIL(e, CLADE_ESPEC, "the study '%s' cannot be its own history: it knows its trials anyway",
                   name);
  int status = cl_log_open(store, id, NULL, &m.from, e);
  if (status == 0) status = make_room(&m, e);
  if (status == 0) status = check_pair(cl_log_study(m.from), cl_study_settings(cl_log_study(to)), e);
  if (status == 0) {
    match_space(&m);
    match_objectives(&m);
    status = visit_foreign(m.from, note_foreign, &m, e);
  }
  if (status == 0) status = copy_all(&m, e);
  if (status == 0) say(&m, callbacks);
  done(&m);
  return status;
}

/* *ret: the i-th study that the settings name as history, or null behind the last one. */
static int name_of_history(const struct cl_settings *settings, size_t i, const char **ret, struct cl_err *e) {
  const json_t *names = json_object_get(settings->json, "history");
  *ret = json_string_value(json_array_get(names, i));
  bool none = names == NULL || json_is_null(names);
  if (*ret != NULL || none || (json_is_array(names) && i >= json_array_size(names))) return 0;
  return CL_FAIL(e, CLADE_ESPEC, "`history` is a list of names of studies");
}

static int import_all(struct cl_store *store, struct cl_log *to, const struct clade_run_callbacks *callbacks,
                      struct cl_err *e) {
  const char *name = NULL;
  if (cl_study_head(cl_log_study(to))->counted > 0) return 0;
  for (size_t i = 0;; i++) {
    CL_TRY(name_of_history(cl_study_settings(cl_log_study(to)), i, &name, e));
    if (name == NULL) return 0;
    CL_TRY(import_one(store, to, name, callbacks, e));
  }
}

/* A study of this name may be history, if it is there and fits. Its trials are not read. */
static int check_one(struct cl_store *store, const char *name, const struct cl_settings *to,
                     struct cl_err *e) {
  struct cl_log *from = NULL;
  struct cl_log_options nothing = {.trial_lo = CL_NO_TRIALS, .trial_hi = CL_NO_TRIALS};
  int64_t id = 0;
  CL_TRY(cl_store_find(store, name, &id, e));
  CL_TRY(cl_log_open(store, id, &nothing, &from, e));
  int status = check_pair(cl_log_study(from), to, e);
  cl_log_close(from);
  return status;
}

int cl_history_check(struct cl_store *store, const struct cl_settings *settings, struct cl_err *e) {
  const char *name = NULL;
  for (size_t i = 0;; i++) {
    CL_TRY(name_of_history(settings, i, &name, e));
    if (name == NULL) return 0;
    CL_TRY(check_one(store, name, settings, e));
  }
}

struct settings_look {
  bool wanted;
};

/* Most studies have none: look at the first event alone. */
static int look_at_settings(void *ctx, const struct cl_event *ev) {
  struct settings_look *l = ctx;
  if (ev->kind == CL_EVENT_CREATED && ev->u.created.settings != NULL)
    l->wanted = strstr(ev->u.created.settings, "\"history\"") != NULL;
  return CLADE_STOP;
}

int cl_history_import(struct cl_store *store, int64_t study, const struct clade_run_callbacks *callbacks,
                      struct cl_err *e) {
  struct settings_look look = {0};
  struct cl_study_head head;
  struct cl_log *to = NULL;
  CL_TRY(cl_store_head(store, study, &head, e));
  if (head.counted > 0) return 0;
  CL_TRY(cl_store_read(store, study, &(struct cl_read){.until = 1}, look_at_settings, &look, e));
  if (!look.wanted) return 0;
  CL_TRY(cl_log_open(store, study, NULL, &to, e));
  int status = import_all(store, to, callbacks, e);
  cl_log_close(to);
  return status;
}
