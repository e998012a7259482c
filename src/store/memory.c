/* The store in memory: events as copies in one array per study, chained by subject. For in-process studies,
 * simulations and tests; it ends with the process. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "store/names.h"
#include "store/store_ops.h"

struct node {
  struct cl_event *ev;
  int64_t subject;
  int64_t before; /* position of the previous event with this subject, 0 = none */
};

struct subject {
  struct cl_head head;
  int64_t last; /* position of its last event */
};

struct study {
  int64_t id, created_ms;
  struct cl_study_head head;
  struct cl_names names;
  struct cl_lease lease;
  struct node *nodes; /* by position - 1 */
  size_t n_nodes, cap_nodes;
  struct subject *subjects; /* by number; 0 is the study */
  size_t n_subjects, cap_subjects;
};

struct memory {
  struct study **studies; /* ascending ids */
  size_t n_studies, cap_studies;
  int64_t last_id;
  struct study *open; /* of the commit that has begun */
  bool is_new;
  size_t n_metrics; /* names when the commit began */
};

static void destroy_study(struct study *s) {
  for (size_t i = 0; i < s->n_nodes; i++) cl_free(s->nodes[i].ev);
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
    const struct cl_event *created = s->nodes[0].ev;
    struct cl_study_row row = {.id = s->id,
                               .name = created->u.created.name,
                               .uuid = created->u.created.uuid,
                               .created_ms = s->created_ms,
                               .head = s->head};
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
  s->id = m->last_id + 1;
  s->created_ms = cl_created_ms(created);
  m->open = s;
  m->is_new = true;
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

/* Lists come back by ascending ids, as from tables. The copy is our own. */
static void order_metrics(struct cl_event *copy) {
  if (copy->kind != CL_EVENT_REPORTED) return;
  struct cl_metric *items = (struct cl_metric *)copy->u.reported.metrics.items;
  for (int i = 1; i < copy->u.reported.metrics.n; i++)
    for (int k = i; k > 0 && items[k - 1].id > items[k].id; k--) {
      struct cl_metric swapped = items[k];
      items[k] = items[k - 1];
      items[k - 1] = swapped;
    }
}

static void order_values(struct cl_event *copy) {
  const struct cl_assigned_list *list = cl_event_values(copy);
  if (list == NULL) return;
  struct cl_assigned *items = (struct cl_assigned *)list->items;
  for (int i = 1; i < list->n; i++)
    for (int k = i; k > 0 && items[k - 1].id > items[k].id; k--) {
      struct cl_assigned swapped = items[k];
      items[k] = items[k - 1];
      items[k - 1] = swapped;
    }
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
  struct cl_event *copy = cl_event_copy(ev);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  order_metrics(copy);
  order_values(copy);
  struct subject *subject = &s->subjects[ev->subject];
  s->nodes[s->n_nodes++] = (struct node){copy, ev->subject, subject->last};
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
      struct node *last = &s->nodes[--s->n_nodes];
      s->subjects[last->subject].last = last->before;
      cl_free(last->ev);
    }
    if (s->n_subjects > (size_t)s->head.trials + 1) s->n_subjects = (size_t)s->head.trials + 1;
    cl_names_cut_metrics(&s->names, m->n_metrics);
  }
  end_commit(m);
}

/* Identity. */

static bool is_same_text(const char *a, const char *b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same_fact(const struct cl_event *a, const struct cl_event *b) {
  if (a->kind != b->kind || a->attempt != b->attempt) return false;
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

static int memory_find(void *state, int64_t study, const struct cl_event *ev, int64_t *ret_position,
                       struct cl_err *e) {
  const struct study *s = ((struct memory *)state)->open;
  (void)study, (void)e;
  int64_t first = 0;
  for (int64_t at = last_of(s, ev->subject); at > 0; at = s->nodes[at - 1].before)
    if (is_same_fact(s->nodes[at - 1].ev, ev)) first = at;
  *ret_position = first;
  return 0;
}

static int memory_count_reports(void *state, int64_t study, int64_t trial, int attempt, int64_t *ret,
                                struct cl_err *e) {
  const struct study *s = ((struct memory *)state)->open;
  (void)study, (void)e;
  *ret = 0;
  for (int64_t at = last_of(s, trial); at > 0; at = s->nodes[at - 1].before) {
    const struct cl_event *ev = s->nodes[at - 1].ev;
    if (ev->kind != CL_EVENT_REPORTED || ev->attempt != attempt) continue;
    *ret = ev->u.reported.ordinal;
    break;
  }
  return 0;
}

/* Reading. */

/* An end that came late, or without a value, sums nothing up. */
static bool has_open_end(const struct study *s, int64_t trial) {
  for (int64_t at = s->subjects[trial].last; at > 0; at = s->nodes[at - 1].before) {
    const struct cl_event *ev = s->nodes[at - 1].ev;
    if (ev->kind == CL_EVENT_ENDED) return ev->late || ev->u.ended.objectives.n == 0;
  }
  return false;
}

/* Show one event, unless it is a report that the reader leaves out. */
static int show(const struct study *s, const struct node *node, bool skips, cl_event_visit *visit,
                void *ctx) {
  const struct cl_event *ev = node->ev;
  bool ends = ev->kind == CL_EVENT_STOPPED || ev->kind == CL_EVENT_DONE || ev->kind == CL_EVENT_ENDED;
  if (!skips || !(ends || ev->kind == CL_EVENT_REPORTED)) return visit(ctx, ev);
  const struct cl_head *head = &s->subjects[node->subject].head;
  if (!cl_head_is_summed(head) || has_open_end(s, node->subject)) return visit(ctx, ev);
  if (!ends) return 0;
  struct cl_event shown = *ev;
  shown.summary = head;
  return visit(ctx, &shown);
}

static int memory_read(void *state, int64_t study, const struct cl_read *what, cl_event_visit *visit,
                       void *ctx, struct cl_err *e) {
  struct study *s = NULL;
  CL_TRY(find_study(state, study, &s, e));
  int64_t until = what->until == 0 || what->until > s->head.position ? s->head.position : what->until;
  bool skips = what->skip_known_reports && until == s->head.position;
  for (int64_t at = what->after + 1; at <= until; at++) {
    const struct node *node = &s->nodes[at - 1];
    if (what->trial_lo > 0 && node->subject == 0 && what->only_trials) continue;
    if (what->trial_lo > 0 && node->subject != 0 &&
        (node->subject < what->trial_lo || node->subject > what->trial_hi))
      continue;
    if (what->only_notes && node->ev->kind != CL_EVENT_NOTE && node->ev->kind != CL_EVENT_WORKER) continue;
    int status = show(s, node, skips, visit, ctx);
    if (status != 0) return status;
  }
  return 0;
}

/* The chain runs backwards, a curve forwards: the chain is walked twice, counting and filling. */
static int memory_read_reports(void *state, int64_t study, int64_t trial, cl_event_visit *visit, void *ctx,
                               struct cl_err *e) {
  struct study *s = NULL;
  CL_TRY(find_study(state, study, &s, e));
  size_t n = 0;
  for (int64_t at = last_of(s, trial); at > 0; at = s->nodes[at - 1].before)
    n += s->nodes[at - 1].ev->kind == CL_EVENT_REPORTED;
  const struct cl_event **reports = cl_alloc_array(n, sizeof *reports);
  if (reports == NULL) return CL_FAIL_NOMEM(e);
  size_t left = n;
  for (int64_t at = last_of(s, trial); at > 0; at = s->nodes[at - 1].before)
    if (s->nodes[at - 1].ev->kind == CL_EVENT_REPORTED) reports[--left] = s->nodes[at - 1].ev;
  int status = 0;
  for (size_t i = 0; i < n && status == 0; i++) status = visit(ctx, reports[i]);
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
