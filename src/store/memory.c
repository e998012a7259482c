/* The store in memory: events packed one behind the other, chained by subject. For in-process studies,
 * simulations and tests; it ends with the process. What a study costs here is mostly its memory, page by
 * page: so an event takes the bytes that it needs, and is unpacked when somebody reads it. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "model/event_pack.h"
#include "store/names.h"
#include "store/store_ops.h"

enum { PIECE = 65536 };

struct node {
  const char *packed;
  int64_t before; /* position of the previous event with this subject, 0 = none */
};

struct subject {
  struct cl_head head;
  int64_t last; /* position of its last event */
};

struct study {
  int64_t id, created_ms;
  const char *name, *uuid;
  struct cl_study_head head;
  struct cl_names names;
  struct cl_lease lease;
  struct node *nodes; /* by position - 1 */
  size_t n_nodes, cap_nodes;
  struct cl_arena bytes; /* those of a commit that was rolled back stay unused */
  char *room;            /* what is left of its last piece */
  size_t n_room;
  struct subject *subjects; /* by number; 0 is the study */
  size_t n_subjects, cap_subjects;
};

struct memory {
  struct study **studies; /* ascending ids */
  size_t n_studies, cap_studies;
  int64_t last_id;
  struct study *open; /* of the commit that has begun */
  bool is_new;
  size_t n_metrics;               /* names when the commit began */
  struct cl_unpacked shown, past; /* the event that a visit is shown, and one that is looked up meanwhile */
};

static void destroy_study(struct study *s) {
  cl_arena_done(&s->bytes);
  cl_names_done(&s->names);
  cl_free(s->nodes);
  cl_free(s->subjects);
  cl_free(s);
}

static int memory_open(void *state, const char *path, const struct cl_store_options *options,
                       struct cl_err *e) {
  (void)state, (void)path;
  if (options->mode != CL_STORE_CREATE)
    return CL_FAIL(e, CLADE_ENOTFOUND, "a store in memory is new at every open: it can only be created");
  return 0;
}

static void memory_close(void *state) {
  struct memory *m = state;
  for (size_t i = 0; i < m->n_studies; i++) destroy_study(m->studies[i]);
  cl_free(m->studies);
  cl_unpacked_done(&m->shown);
  cl_unpacked_done(&m->past);
}

static int find_study(const struct memory *m, int64_t study, struct study **ret, struct cl_err *e) {
  for (size_t i = 0; i < m->n_studies; i++)
    if (m->studies[i]->id == study) {
      *ret = m->studies[i];
      return 0;
    }
  return CL_FAIL(e, CLADE_ENOTFOUND, "there is no study number %lld in this store", (long long)study);
}

static int memory_studies(void *state, int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx,
                          struct cl_err *e) {
  const struct memory *m = state;
  (void)e;
  for (size_t i = 0; i < m->n_studies; i++) {
    const struct study *s = m->studies[i];
    struct cl_study_row row = {
        .id = s->id, .name = s->name, .uuid = s->uuid, .created_ms = s->created_ms, .head = s->head};
    int status = visit(ctx, &row);
    if (status != 0) return status;
  }
  return 0;
}

static int memory_head(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  struct study *s = NULL;
  CL_TRY(find_study(state, study, &s, e));
  *ret = s->head;
  return 0;
}

static int memory_trial_head(void *state, int64_t study, int64_t trial, struct cl_head *ret,
                             struct cl_err *e) {
  struct study *s = NULL;
  CL_TRY(find_study(state, study, &s, e));
  *ret = trial > 0 && (size_t)trial < s->n_subjects ? s->subjects[trial].head : (struct cl_head){0};
  return 0;
}

static int memory_heads(void *state, int64_t study, struct cl_study_head *ret,
                        int (*visit)(void *ctx, int64_t trial, const struct cl_head *head), void *ctx,
                        struct cl_err *e) {
  struct study *s = NULL;
  CL_TRY(find_study(state, study, &s, e));
  *ret = s->head;
  for (size_t i = 1; i < s->n_subjects; i++) {
    int status = visit(ctx, (int64_t)i, &s->subjects[i].head);
    if (status != 0) return status;
  }
  return 0;
}

static int memory_pins(void *state, int64_t study, int64_t snapshot, int (*visit)(void *ctx, int64_t trial),
                       void *ctx, struct cl_err *e) {
  struct study *s = NULL;
  CL_TRY(find_study(state, study, &s, e));
  for (size_t i = 1; i < s->n_subjects; i++) {
    int status = s->subjects[i].head.source == snapshot ? visit(ctx, (int64_t)i) : 0;
    if (status != 0) return status;
  }
  return 0;
}

/* Appending. */

static int memory_begin(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  struct memory *m = state;
  assert(m->open == NULL);
  if (study == 0) return 0;
  CL_TRY(find_study(m, study, &m->open, e));
  m->is_new = false;
  m->n_metrics = m->open->names.n_metrics;
  *ret = m->open->head;
  return 0;
}

static int memory_add_study(void *state, const struct cl_event *created, int64_t *ret_study,
                            struct cl_err *e) {
  struct memory *m = state;
  if (cl_grow(&m->studies, &m->cap_studies, m->n_studies + 1, sizeof *m->studies) < 0)
    return CL_FAIL_NOMEM(e);
  struct study *s = cl_alloc(sizeof *s);
  if (s == NULL) return CL_FAIL_NOMEM(e);
  m->open = s;
  m->is_new = true;
  s->id = m->last_id + 1;
  s->created_ms = cl_created_ms(created);
  s->name = cl_arena_text(&s->bytes, created->u.created.name);
  s->uuid = cl_arena_text(&s->bytes, created->u.created.uuid);
  if (s->name == NULL || s->uuid == NULL) return CL_FAIL_NOMEM(e);
  *ret_study = s->id;
  return 0;
}

static int memory_metrics(void *state, int64_t study, int (*visit)(void *ctx, int id, const char *name),
                          void *ctx, struct cl_err *e) {
  struct study *s = NULL;
  CL_TRY(find_study(state, study, &s, e));
  for (size_t i = 0; i < s->names.n_metrics; i++) {
    int status = visit(ctx, (int)i + 1, s->names.metrics[i]);
    if (status != 0) return status;
  }
  return 0;
}

static int memory_name_metric(void *state, int64_t study, const char *name, int guess, int *ret_id,
                              struct cl_err *e) {
  struct memory *m = state;
  struct cl_names *names = &m->open->names;
  assert(m->open->id == study);
  (void)study;
  int id = cl_names_metric(names, name, guess);
  if (id == 0) {
    CL_TRY(cl_names_add_metric(names, name, e));
    id = (int)names->n_metrics;
  }
  *ret_id = id;
  return 0;
}

static int make_subjects(struct study *s, int64_t subject, struct cl_err *e) {
  size_t need = (size_t)subject + 1;
  if (need <= s->n_subjects) return 0;
  if (cl_grow(&s->subjects, &s->cap_subjects, need, sizeof *s->subjects) < 0) return CL_FAIL_NOMEM(e);
  memset(s->subjects + s->n_subjects, 0, (need - s->n_subjects) * sizeof *s->subjects);
  s->n_subjects = need;
  return 0;
}

/* In what is left of a piece, or in a new one. Null without memory. */
static const char *pack(struct study *s, const struct cl_event *ev) {
  size_t most = cl_event_pack_max(ev);
  if (most > s->n_room) {
    size_t size = most > PIECE ? most : PIECE;
    char *piece = cl_arena_alloc(&s->bytes, size);
    if (piece == NULL) return NULL;
    s->room = piece;
    s->n_room = size;
  }
  const char *packed = s->room;
  size_t n = cl_event_pack(ev, s->room);
  assert(n <= most);
  s->room += n;
  s->n_room -= n;
  return packed;
}

static int memory_add(void *state, int64_t study, const struct cl_event *ev, struct cl_err *e) {
  struct memory *m = state;
  struct study *s = m->open;
  assert(s->id == study && ev->position == (int64_t)s->n_nodes + 1);
  (void)study;
  if (ev->kind == CL_EVENT_CREATED) CL_TRY(cl_names_take_settings(&s->names, ev->u.created.settings, e));
  if (ev->kind == CL_EVENT_UPDATED) CL_TRY(cl_names_take_settings(&s->names, ev->u.updated.settings, e));
  CL_TRY(cl_names_check(&s->names, ev, e));
  CL_TRY(make_subjects(s, ev->subject, e));
  if (cl_grow(&s->nodes, &s->cap_nodes, s->n_nodes + 1, sizeof *s->nodes) < 0) return CL_FAIL_NOMEM(e);
  const char *packed = pack(s, ev);
  if (packed == NULL) return CL_FAIL_NOMEM(e);
  struct subject *subject = &s->subjects[ev->subject];
  s->nodes[s->n_nodes++] = (struct node){packed, subject->last};
  subject->last = ev->position;
  return 0;
}

static void end_commit(struct memory *m) {
  m->open = NULL;
  m->is_new = false;
}

static int memory_commit(void *state, int64_t study, const struct cl_study_head *head,
                         const struct cl_heads *changed, struct cl_err *e) {
  struct memory *m = state;
  struct study *s = m->open;
  assert(s->id == study && head->position == (int64_t)s->n_nodes);
  (void)study, (void)e;
  s->head = *head;
  for (size_t i = 0; i < changed->n_changed; i++) {
    const struct cl_heads_entry *entry = &changed->entries[changed->changed[i]];
    s->subjects[entry->trial].head = entry->head;
  }
  if (m->is_new) {
    m->studies[m->n_studies++] = s; /* room was made by add_study */
    m->last_id = s->id;
  }
  end_commit(m);
  return 0;
}

static void memory_rollback(void *state) {
  struct memory *m = state;
  struct study *s = m->open;
  if (s == NULL) return;
  if (m->is_new) {
    destroy_study(s);
  } else {
    while ((int64_t)s->n_nodes > s->head.position) {
      const struct node *last = &s->nodes[--s->n_nodes];
      s->subjects[cl_event_peek(last->packed).subject].last = last->before;
    }
    if (s->n_subjects > (size_t)s->head.trials + 1) s->n_subjects = (size_t)s->head.trials + 1;
    cl_names_cut_metrics(&s->names, m->n_metrics);
  }
  end_commit(m);
}

/* Taking out. */

/* Lists come back by ascending ids, as from tables. What was unpacked is our own. */
static void order_metrics(struct cl_event *ev) {
  if (ev->kind != CL_EVENT_REPORTED) return;
  struct cl_metric *items = (struct cl_metric *)ev->u.reported.metrics.items;
  for (int i = 1; i < ev->u.reported.metrics.n; i++)
    for (int k = i; k > 0 && items[k - 1].id > items[k].id; k--) {
      struct cl_metric swapped = items[k];
      items[k] = items[k - 1];
      items[k - 1] = swapped;
    }
}

static void order_values(struct cl_event *ev) {
  const struct cl_assigned_list *list = cl_event_values(ev);
  if (list == NULL) return;
  struct cl_assigned *items = (struct cl_assigned *)list->items;
  for (int i = 1; i < list->n; i++)
    for (int k = i; k > 0 && items[k - 1].id > items[k].id; k--) {
      struct cl_assigned swapped = items[k];
      items[k] = items[k - 1];
      items[k - 1] = swapped;
    }
}

/* *ret is where it is unpacked: one of the two of the store. */
static int take(const struct study *s, int64_t position, struct cl_unpacked *ret, struct cl_err *e) {
  assert(position >= 1 && (size_t)position <= s->n_nodes);
  CL_TRY(cl_event_unpack(s->nodes[position - 1].packed, ret, e));
  order_metrics(&ret->ev);
  order_values(&ret->ev);
  assert(ret->ev.position == position);
  return 0;
}

/* Identity. */

static bool is_same_text(const char *a, const char *b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Of one kind and attempt. */
static bool is_same_fact(const struct cl_event *a, const struct cl_event *b) {
  assert(a->kind == b->kind && a->attempt == b->attempt);
  switch (a->kind) {
  case CL_EVENT_CONNECTED:
  case CL_EVENT_DONE:
  case CL_EVENT_ENDED: return true;
  case CL_EVENT_REPORTED: return a->u.reported.ordinal == b->u.reported.ordinal;
  case CL_EVENT_SAVED:
    return a->u.saved.step == b->u.saved.step && a->u.saved.way == b->u.saved.way &&
           is_same_text(a->u.saved.path, b->u.saved.path);
  case CL_EVENT_LOADED: return a->u.loaded.change == b->u.loaded.change;
  default: return false;
  }
}

static int64_t last_of(const struct study *s, int64_t subject) {
  return (size_t)subject < s->n_subjects ? s->subjects[subject].last : 0;
}

enum { ANY_ATTEMPT = -1 };

/* The last event at or before `at` of that kind and attempt on the subject; 0 = none. */
static int64_t find_before(const struct study *s, int64_t at, enum cl_kind kind, int32_t attempt) {
  for (; at > 0; at = s->nodes[at - 1].before) {
    struct cl_event_key key = cl_event_peek(s->nodes[at - 1].packed);
    if (key.kind == kind && (attempt == ANY_ATTEMPT || key.attempt == attempt)) break;
  }
  return at;
}

static int64_t before(const struct study *s, int64_t at) {
  return s->nodes[at - 1].before;
}

static int memory_find(void *state, int64_t study, const struct cl_event *ev, int64_t *ret_position,
                       struct cl_err *e) {
  struct memory *m = state;
  const struct study *s = m->open;
  int64_t first = 0, at = find_before(s, last_of(s, ev->subject), ev->kind, ev->attempt);
  (void)study;
  for (; at > 0; at = find_before(s, before(s, at), ev->kind, ev->attempt)) {
    CL_TRY(take(s, at, &m->past, e));
    if (is_same_fact(&m->past.ev, ev)) first = at;
  }
  *ret_position = first;
  return 0;
}

static int memory_count_reports(void *state, int64_t study, int64_t trial, int attempt, int64_t *ret,
                                struct cl_err *e) {
  struct memory *m = state;
  int64_t at = find_before(m->open, last_of(m->open, trial), CL_EVENT_REPORTED, attempt);
  (void)study;
  if (at > 0) CL_TRY(take(m->open, at, &m->past, e));
  *ret = at > 0 ? m->past.ev.u.reported.ordinal : 0;
  return 0;
}

/* Reading. */

/* An end that came late, or without a value, sums nothing up. */
static int look_at_end(struct memory *m, const struct study *s, int64_t trial, bool *ret_open,
                       struct cl_err *e) {
  int64_t at = find_before(s, s->subjects[trial].last, CL_EVENT_ENDED, ANY_ATTEMPT);
  if (at > 0) CL_TRY(take(s, at, &m->past, e));
  *ret_open = at > 0 && (m->past.ev.late || m->past.ev.u.ended.objectives.n == 0);
  return 0;
}

/* Show one event, unless it is a report that the reader leaves out. */
static int show(struct memory *m, const struct study *s, int64_t at, bool skips, cl_event_visit *visit,
                void *ctx, struct cl_err *e) {
  struct cl_event_key key = cl_event_peek(s->nodes[at - 1].packed);
  bool ends = key.kind == CL_EVENT_STOPPED || key.kind == CL_EVENT_DONE || key.kind == CL_EVENT_ENDED;
  bool summed = skips && (ends || key.kind == CL_EVENT_REPORTED), open = false;
  const struct cl_head *head = &s->subjects[key.subject].head;
  summed = summed && cl_head_is_summed(head);
  if (summed) CL_TRY(look_at_end(m, s, key.subject, &open, e));
  summed = summed && !open;
  if (summed && !ends) return 0;
  CL_TRY(take(s, at, &m->shown, e));
  if (summed) m->shown.ev.summary = head;
  return visit(ctx, &m->shown.ev);
}

static bool is_wanted(const struct cl_read *what, struct cl_event_key key) {
  if (what->trial_lo > 0 && key.subject == 0 && what->only_trials) return false;
  if (what->trial_lo > 0 && key.subject != 0 &&
      (key.subject < what->trial_lo || key.subject > what->trial_hi))
    return false;
  return !what->only_notes || key.kind == CL_EVENT_NOTE || key.kind == CL_EVENT_WORKER;
}

static int memory_read(void *state, int64_t study, const struct cl_read *what, cl_event_visit *visit,
                       void *ctx, struct cl_err *e) {
  struct study *s = NULL;
  CL_TRY(find_study(state, study, &s, e));
  int64_t until = what->until == 0 || what->until > s->head.position ? s->head.position : what->until;
  bool skips = what->skip_known_reports && until == s->head.position;
  for (int64_t at = what->after + 1; at <= until; at++) {
    if (!is_wanted(what, cl_event_peek(s->nodes[at - 1].packed))) continue;
    int status = show(state, s, at, skips, visit, ctx, e);
    if (status != 0) return status;
  }
  return 0;
}

/* The chain runs backwards, a curve forwards: the chain is walked twice, counting and filling. */
static int memory_read_reports(void *state, int64_t study, int64_t trial, cl_event_visit *visit, void *ctx,
                               struct cl_err *e) {
  struct study *s = NULL;
  CL_TRY(find_study(state, study, &s, e));
  struct memory *m = state;
  size_t n = 0;
  int64_t last = find_before(s, last_of(s, trial), CL_EVENT_REPORTED, ANY_ATTEMPT);
  for (int64_t at = last; at > 0; at = find_before(s, before(s, at), CL_EVENT_REPORTED, ANY_ATTEMPT)) n++;
  int64_t *reports = cl_alloc_array(n, sizeof *reports);
  if (reports == NULL) return CL_FAIL_NOMEM(e);
  size_t left = n;
  for (int64_t at = last; at > 0; at = find_before(s, before(s, at), CL_EVENT_REPORTED, ANY_ATTEMPT))
    reports[--left] = at;
  int status = 0;
  for (size_t i = 0; i < n && status == 0; i++) {
    status = take(s, reports[i], &m->shown, e);
    if (status == 0) status = visit(ctx, &m->shown.ev);
  }
  cl_free(reports);
  return status;
}

/* Leases, and the end of a study. */

static int memory_lease(void *state, int64_t study, int (*change)(void *ctx, struct cl_lease *row), void *ctx,
                        struct cl_lease *ret, struct cl_err *e) {
  struct study *s = NULL;
  CL_TRY(find_study(state, study, &s, e));
  struct cl_lease row = s->lease;
  int status = change == NULL ? 0 : change(ctx, &row);
  if (status == 0) s->lease = row;
  *ret = s->lease;
  return status;
}

static int memory_remove(void *state, int64_t study, struct cl_err *e) {
  struct memory *m = state;
  struct study *s = NULL;
  CL_TRY(find_study(m, study, &s, e));
  if (s->lease.holder[0] != '\0')
    return CL_FAIL(e, CLADE_EBUSY, "the study cannot be deleted: %s decides for it", s->lease.holder);
  size_t i = 0;
  while (m->studies[i] != s) i++;
  memmove(m->studies + i, m->studies + i + 1, (m->n_studies - i - 1) * sizeof *m->studies);
  m->n_studies--;
  destroy_study(s);
  return 0;
}

const struct cl_store_ops cl_store_memory = {
    .abi = sizeof(struct cl_store_ops),
    .name = "memory",
    .summary = "events in memory; ends with the process",
    .state_size = sizeof(struct memory),
    .heads_kept = 4096, /* as many as stay in the processor's cache */
    .open = memory_open,
    .close = memory_close,
    .studies = memory_studies,
    .head = memory_head,
    .trial_head = memory_trial_head,
    .metrics = memory_metrics,
    .heads = memory_heads,
    .pins = memory_pins,
    .begin = memory_begin,
    .add_study = memory_add_study,
    .name_metric = memory_name_metric,
    .add = memory_add,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .find = memory_find,
    .count_reports = memory_count_reports,
    .read = memory_read,
    .read_reports = memory_read_reports,
    .lease = memory_lease,
    .remove = memory_remove,
};
