/* Appending: every event is judged under the study's lock by the same functions that replicas apply, then its
 * rows are added, and the heads that changed are written once, in the same commit. */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "store/names.h"
#include "store/store_ops.h"

struct appending {
  struct cl_store *store;
  int64_t study;
  struct cl_study_head head;
  int64_t before;    /* position when the commit began */
  bool refused;      /* an event on the study itself was refused */
  bool has_refusals; /* an event was refused */
  bool again;        /* a report with a name too many was found: the commit begins anew without it */
  const struct cl_store_more *more; /* or null */
};

static void forget_heads(struct cl_store *s) {
  cl_heads_clear(&s->heads);
  s->study = 0;
}

/* Heads that were kept hold as long as nobody else has appended. */
static void keep_heads(struct appending *a) {
  struct cl_store *s = a->store;
  if (s->study != a->study || s->position != a->head.position || s->heads.n > s->ops->heads_kept)
    cl_heads_clear(&s->heads);
  cl_heads_settle(&s->heads);
  assert(s->heads.n_changed == 0);
  s->commits++;
  s->study = a->study;
  s->position = a->head.position;
  a->before = a->head.position;
}

static int get_entry(struct appending *a, int64_t trial, struct cl_heads_entry **ret, struct cl_err *e) {
  assert(trial >= 1);
  struct cl_store *s = a->store;
  struct cl_heads_entry *entry = cl_heads_find(&s->heads, trial);
  if (entry == NULL) {
    struct cl_head head = {0};
    if (trial <= a->head.trials) CL_TRY(s->ops->trial_head(s->state, a->study, trial, &head, e));
    CL_TRY(cl_heads_add(&s->heads, trial, head.proposed > 0 ? &head : NULL, &entry, e));
  }
  *ret = entry;
  return 0;
}

/* `seen` of a decision that follows another event on its subject in this commit: the version that made. If
 * that one was refused, the subject is not in the state that the decision was made for. */
static int resolve_seen(const struct appending *a, const struct cl_heads_entry *entry, struct cl_event *ev,
                        struct cl_err *e) {
  int64_t version = entry == NULL ? a->head.version : entry->head.version;
  bool refused = entry == NULL ? a->refused : entry->refused == a->store->commits;
  if (version <= a->before || refused)
    return CL_FAIL(e, CLADE_ECONFLICT,
                   "'%s' was decided together with an event on the same subject that was not appended",
                   cl_kind_name(ev->kind));
  ev->seen = version;
  return 0;
}

/* Facts may be sent twice. The heads know the current attempt's; here are those that must be looked up: late
 * facts, and the ones that an attempt can have many of. */
static int look_up_repetition(struct appending *a, const struct cl_event *ev, bool late,
                              int64_t *ret_position, struct cl_err *e) {
  struct cl_store *s = a->store;
  assert(*ret_position == 0);
  if (ev->kind == CL_EVENT_REPORTED && late) {
    int64_t last = 0;
    CL_TRY(s->ops->count_reports(s->state, a->study, ev->subject, ev->attempt, &last, e));
    if (ev->u.reported.ordinal > last + 1)
      return CL_FAIL(e, CLADE_EREFUSED,
                     "report %lld of trial %lld, attempt %d, is out of order: the next is "
                     "%lld",
                     (long long)ev->u.reported.ordinal, (long long)ev->subject, ev->attempt,
                     (long long)last + 1);
    if (ev->u.reported.ordinal == last + 1) return 0;
    return s->ops->find(s->state, a->study, ev, ret_position, e);
  }
  bool many = ev->kind == CL_EVENT_SAVED || ev->kind == CL_EVENT_LOADED;
  bool once = ev->kind == CL_EVENT_CONNECTED || ev->kind == CL_EVENT_DONE || ev->kind == CL_EVENT_ENDED;
  if (!many && !(once && late)) return 0;
  return s->ops->find(s->state, a->study, ev, ret_position, e);
}

/* Is a snapshot about to be begun from? The heads of this commit stand here, the others in the table. */
struct pinning {
  const struct appending *a;
  int64_t snapshot, trial; /* trial: the first that pins it, 0 = none */
};

static int note_pin(void *ctx, int64_t trial) {
  struct pinning *p = ctx;
  const struct cl_heads_entry *entry = cl_heads_find(&p->a->store->heads, trial);
  if (entry != NULL && entry->head.source != p->snapshot) return 0;
  p->trial = trial;
  return CLADE_STOP;
}

static int check_pins(struct appending *a, const struct cl_event *ev, struct cl_err *e) {
  assert(ev->kind == CL_EVENT_DELETED);
  const struct cl_store *s = a->store;
  struct pinning p = {a, ev->u.deleted.snapshot, 0};
  for (size_t i = 0; i < s->heads.n_changed && p.trial == 0; i++)
    if (s->heads.entries[s->heads.changed[i]].head.source == p.snapshot)
      p.trial = s->heads.entries[s->heads.changed[i]].trial;
  if (p.trial == 0) CL_TRY(s->ops->pins(s->state, a->study, p.snapshot, note_pin, &p, e));
  if (p.trial == 0) return 0;
  return CL_FAIL(e, CLADE_EREFUSED, "snapshot %lld cannot be deleted: trial %lld is about to begin from it",
                 (long long)p.snapshot, (long long)p.trial);
}

static int name_metrics(struct appending *a, struct cl_event *ev, struct cl_err *e) {
  const struct cl_store *s = a->store;
  struct cl_metric *items = (struct cl_metric *)ev->u.reported.metrics.items;
  for (int i = 0; i < ev->u.reported.metrics.n; i++) {
    int guess = items[i].id > 0 ? items[i].id : i + 1;
    CL_TRY(s->ops->name_metric(s->state, a->study, items[i].name, guess, &items[i].id, e));
    for (int k = 0; k < i; k++)
      if (items[k].id == items[i].id)
        return CL_FAIL(e, CLADE_EINVAL, "a report names the metric '%s' twice", items[i].name);
  }
  return 0;
}

/* The status of one event: 0 = append it. Errors of the world (memory, disk) end the whole commit. */
static int judge(struct appending *a, const struct cl_heads_entry *entry, struct cl_event *ev,
                 struct cl_append *ret, struct cl_err *e) {
  static const struct cl_head none = {0};
  assert((entry == NULL) == (ev->subject == 0) && (entry == NULL || entry->trial == ev->subject));
  if ((cl_kind_flags(ev->kind) & CL_D) && ev->seen == CL_SEEN_BATCH) CL_TRY(resolve_seen(a, entry, ev, e));
  bool late = false;
  int64_t first = 0;
  int status = cl_head_admit(&a->head, entry == NULL ? &none : &entry->head, ev, &late, e);
  if (status == 0 && ev->kind == CL_EVENT_DELETED) CL_TRY(check_pins(a, ev, e));
  if (status == CLADE_REPEATED)
    CL_TRY(a->store->ops->find(a->store->state, a->study, ev, &first, e));
  else if (status == 0)
    CL_TRY(look_up_repetition(a, ev, late, &first, e));
  if (first != 0) status = CLADE_REPEATED;
  if (status == CLADE_REPEATED) ret->position = first;
  if (status == 0) ret->late = late;
  return status;
}

static bool is_refusal(int status) {
  return status == CLADE_ECONFLICT || status == CLADE_EBUDGET || status == CLADE_EREFUSED;
}

static void note_refusal(struct appending *a, struct cl_heads_entry *entry, struct cl_append *ret) {
  assert(is_refusal(ret->status) && ret->position == 0);
  a->has_refusals = true;
  if (ret->status == CLADE_ECONFLICT) ret->position = entry == NULL ? a->head.version : entry->head.version;
  if (entry == NULL)
    a->refused = true;
  else
    entry->refused = a->store->commits;
}

static int append_one(struct appending *a, struct cl_event *ev, struct cl_append *ret, struct cl_err *e) {
  assert(a->head.position >= a->before && ret->position == 0);
  struct cl_store *s = a->store;
  struct cl_heads_entry *entry = NULL;
  if (ev->subject > 0) CL_TRY(get_entry(a, ev->subject, &entry, e));
  if (ret->status == 0)
    ret->status = judge(a, entry, ev, ret, e); /* else refused before the commit began anew */
  if (ret->status == CLADE_REPEATED) return 0;
  if (is_refusal(ret->status)) {
    note_refusal(a, entry, ret);
    return 0;
  }
  CL_TRY(ret->status);
  if (ev->kind == CL_EVENT_REPORTED) {
    int status = name_metrics(a, ev, e);
    a->again = status == CLADE_ELIMIT;
    if (a->again) *ret = (struct cl_append){.status = CLADE_EREFUSED};
    CL_TRY(status);
  }
  ev->position = a->head.position + 1;
  ev->late = ret->late;
  CL_TRY(s->ops->add(s->state, a->study, ev, e));
  struct cl_head scratch = {0};
  CL_TRY(cl_head_apply(&a->head, entry == NULL ? &scratch : &entry->head, ev, e));
  assert(a->head.position == ev->position);
  if (entry != NULL) {
    entry->last = ev->position;
    CL_TRY(cl_heads_mark(&s->heads, entry, e));
  }
  ret->position = ev->position;
  return 0;
}

static int check_events(const struct cl_event *events, int n, struct cl_err *e);

/* What follows from these events, in the same commit. */
static int append_consequences(struct appending *a, struct cl_err *e) {
  const struct cl_store_more *more = a->more;
  struct cl_event *events = NULL;
  struct cl_append *results = NULL;
  int n = 0;
  if (more == NULL || a->head.position == a->before) return 0;
  CL_TRY(more->decide(more->ctx, a->before, &n, &events, &results, e));
  assert(n == 0 || (events != NULL && results != NULL));
  CL_TRY(check_events(events, n, e));
  for (int i = 0; i < n; i++) {
    assert(events[i].kind != CL_EVENT_REPORTED); /* whose names can have it all begin anew */
    results[i] = (struct cl_append){0};
    CL_TRY(append_one(a, &events[i], &results[i], e));
  }
  return 0;
}

static int append_all(struct appending *a, struct cl_event *events, int n, struct cl_append *results,
                      struct cl_err *e) {
  struct cl_store *s = a->store;
  for (int i = 0; i < n; i++) CL_TRY(append_one(a, &events[i], &results[i], e));
  assert(a->head.position >= a->before && a->head.position <= a->before + n);
  CL_TRY(append_consequences(a, e));
  if (a->head.position == a->before) { /* a refusal must not rest on a guess */
    if (a->has_refusals && s->ops->confirm != NULL) CL_TRY(s->ops->confirm(s->state, e));
    s->ops->rollback(s->state);
    return 0;
  }
  return s->ops->commit(s->state, a->study, &a->head, &s->heads, e);
}

static int check_metrics(const struct cl_event *ev, struct cl_err *e) {
  for (int i = 0; i < ev->u.reported.metrics.n; i++)
    if (ev->u.reported.metrics.items[i].name == NULL)
      return CL_FAIL(e, CLADE_EINVAL, "a report has a metric without a name");
  return 0;
}

static int check_events(const struct cl_event *events, int n, struct cl_err *e) {
  for (int i = 0; i < n; i++) {
    CL_TRY(cl_event_check(&events[i], e));
    if (events[i].kind == CL_EVENT_REPORTED) CL_TRY(check_metrics(&events[i], e));
    if (events[i].kind == CL_EVENT_CREATED)
      return CL_FAIL(e, CLADE_EINVAL, "'created' begins a log: it cannot be appended to one");
  }
  return 0;
}

/* The trials of these events, for the store to have their heads at hand. */
static void hint(struct cl_store *s, const struct cl_event *events, int n) {
  enum { HINTS_MAX = 4096 };
  int64_t trials[HINTS_MAX];
  size_t n_trials = 0;
  if (s->ops->hint == NULL) return;
  for (int i = 0; i < n && n_trials < HINTS_MAX; i++)
    if (events[i].subject > 0 && (n_trials == 0 || trials[n_trials - 1] != events[i].subject))
      trials[n_trials++] = events[i].subject;
  s->ops->hint(s->state, trials, n_trials);
}

/* After a rollback: as if nothing had been tried, but for the reports that are left out. */
static void take_back(const struct cl_store *s, struct cl_event *events, int n, struct cl_append *results) {
  for (int i = 0; i < n; i++) {
    events[i].position = 0;
    events[i].seen = s->seen[i];
    bool out = events[i].kind == CL_EVENT_REPORTED && results[i].status == CLADE_EREFUSED;
    results[i] = (struct cl_append){.status = out ? CLADE_EREFUSED : 0};
  }
}

/* One name too many must not cost the reports of others: names are only counted when they are made, so the
 * commit that meets the limit begins anew without that report. It happens once for each; and once when the
 * store has guessed the head wrongly. */
static int append_rest(struct appending *a, struct cl_event *events, int n, struct cl_append *results,
                       struct cl_err *e) {
  struct cl_store *s = a->store;
  int status = CLADE_ELIMIT;
  for (int tries = 0; tries <= n + 1; tries++) {
    *a = (struct appending){.store = s, .study = a->study, .more = a->more};
    hint(s, events, n);
    struct cl_study_head head = {0}; /* of a begin that fails nothing is known */
    CL_TRY(s->ops->begin(s->state, a->study, &head, e));
    a->head = head;
    keep_heads(a);
    status = append_all(a, events, n, results, e);
    if (!a->again && status != CLADE_ESTALE) break;
    s->ops->rollback(s->state);
    forget_heads(s);
    take_back(s, events, n, results);
  }
  return status;
}

/* `ret_expected`: the position of the last event that a commit would have, once it is on its way. */
static int append_once(struct cl_store *s, int64_t study, struct cl_event *events, int n,
                       struct cl_append *results, const struct cl_store_more *more, int64_t *ret_expected,
                       struct cl_err *e) {
  struct appending a = {.store = s, .study = study, .more = more};
  memset(results, 0, (size_t)n * sizeof *results);
  int status = append_rest(&a, events, n, results, e);
  if (status == 0) {
    s->position = a.head.position;
    return 0;
  }
  assert(a.head.position == a.before || a.before > 0);
  *ret_expected = a.head.position > a.before ? a.head.position : 0;
  s->ops->rollback(s->state);
  forget_heads(s);
  return status;
}

/* A commit whose connection was lost may have got through: then the log has these very events at the
 * positions that they were given. */
struct comparison {
  const struct cl_event *events;
  int n, at;
  bool differs;
};

static int compare_one(void *ctx, const struct cl_event *ev) {
  struct comparison *c = ctx;
  while (c->at < c->n && c->events[c->at].position == 0) c->at++;
  if (c->at == c->n) return CLADE_STOP;
  struct cl_event mine = c->events[c->at++], found = *ev;
  if (mine.kind != found.kind) { /* somebody else's */
    c->differs = true;
    return CLADE_STOP;
  }
  if (mine.kind == CL_EVENT_REPORTED) { /* the lists may be in another order: the identity is enough */
    mine.u.reported.metrics = found.u.reported.metrics;
  }
  const struct cl_assigned_list *values = cl_event_values(&found);
  if (values != NULL && cl_event_values(&mine)->n == values->n)
    *(struct cl_assigned_list *)cl_event_values(&mine) = *values;
  c->differs = c->differs || !cl_event_equal(&mine, &found);
  return c->differs ? CLADE_STOP : 0;
}

/* Did it get through? Waits for a commit that is still on its way, because that one has the study's lock. */
static int look_for_commit(struct cl_store *s, int64_t study, const struct cl_event *events, int n,
                           int64_t expected, bool *ret, struct cl_err *e) {
  struct cl_study_head head;
  struct comparison c = {events, n, 0, false};
  int first = 0;
  if (s->ops->hint != NULL) s->ops->hint(s->state, NULL, 0);
  CL_TRY(s->ops->begin(s->state, study, &head, e));
  s->ops->rollback(s->state);
  while (first < n && events[first].position == 0) first++;
  assert(first < n && events[first].position <= expected);
  const struct cl_read what = {.after = events[first].position - 1, .until = expected};
  *ret = false;
  if (head.position < expected) return 0;
  int status = s->ops->read(s->state, study, &what, compare_one, &c, e);
  if (status < 0) return status;
  while (c.at < n && events[c.at].position == 0) c.at++;
  *ret = !c.differs && c.at == n;
  return 0;
}

/* What an append fills in, so that it can begin again: the position, and `seen` where it was CL_SEEN_BATCH.
 */
static int keep_seen(struct cl_store *s, const struct cl_event *events, int n, struct cl_err *e) {
  if (cl_grow(&s->seen, &s->cap_seen, (size_t)n, sizeof *s->seen) < 0) return CL_FAIL_NOMEM(e);
  for (int i = 0; i < n; i++) s->seen[i] = events[i].seen;
  return 0;
}

static void restore(const struct cl_store *s, struct cl_event *events, int n) {
  for (int i = 0; i < n; i++) {
    events[i].position = 0;
    events[i].seen = s->seen[i];
  }
}

/* Again, until the connection holds. */
static int append_anew(struct cl_store *s, int64_t study, struct cl_event *events, int n,
                       struct cl_append *results, const struct cl_store_more *more, struct cl_err *e) {
  int mends = 0;
  assert(more == NULL || s->ops->mend == NULL);
  for (;;) {
    int64_t expected = 0;
    bool came_through = false;
    int status = append_once(s, study, events, n, results, more, &expected, e);
    if (status != CLADE_ECLOSED) return status;
    while (status == CLADE_ECLOSED) {
      if (!cl_store_mend(s, &status, &mends, e)) return status;
      if (expected > 0) status = look_for_commit(s, study, events, n, expected, &came_through, e);
    }
    if (status < 0 || came_through) return status;
    restore(s, events, n);
  }
}

int cl_store_append_more(struct cl_store *s, int64_t study, struct cl_event *events, int n,
                         struct cl_append *results, const struct cl_store_more *more, struct cl_err *e) {
  CL_TRY(cl_store_check_writable(s, e));
  CL_TRY(check_events(events, n, e));
  if (n == 0) return 0;
  CL_TRY(keep_seen(s, events, n, e));
  /* what was decided on positions that a commit did not get after all could not be taken back */
  if (s->ops->mend != NULL) more = NULL;
  int status = append_anew(s, study, events, n, results, more, e);
  for (int i = 0; status < 0 && i < n; i++) events[i].position = 0;
  return status;
}

int cl_store_append(struct cl_store *s, int64_t study, struct cl_event *events, int n,
                    struct cl_append *results, struct cl_err *e) {
  return cl_store_append_more(s, study, events, n, results, NULL, e);
}

/* Creating. */

struct wanted {
  const char *name, *uuid;
  char taken[CL_NAME_MAX + 1]; /* name of the study that has one of the two */
};

static int is_taken(void *ctx, const struct cl_study_row *row) {
  struct wanted *w = ctx;
  if (strcasecmp(row->name, w->name) != 0 && strcmp(row->uuid, w->uuid) != 0) return 0;
  (void)snprintf(w->taken, sizeof w->taken, "%s", row->name);
  return CLADE_STOP;
}

static int create(struct cl_store *s, const struct cl_event *created, int64_t *ret_study, struct cl_err *e) {
  struct wanted w = {created->u.created.name, created->u.created.uuid, ""};
  int status = cl_store_namesakes(s, w.name, w.uuid, is_taken, &w, e);
  if (status == CLADE_STOP)
    return CL_FAIL(e, CLADE_EEXISTS, "'%s' cannot be created in %s: the study '%s' has that name or uuid",
                   w.name, s->address, w.taken);
  CL_TRY(status);
  struct cl_event ev = *created;
  struct cl_study_head head = {0};
  struct cl_head none = {0};
  ev.position = 1;
  CL_TRY(s->ops->add_study(s->state, &ev, ret_study, e));
  CL_TRY(s->ops->add(s->state, *ret_study, &ev, e));
  CL_TRY(cl_head_apply(&head, &none, &ev, e));
  forget_heads(s);
  return s->ops->commit(s->state, *ret_study, &head, &s->heads, e);
}

struct created_before {
  const char *uuid;
  int64_t study;
};

static int is_created(void *ctx, const struct cl_study_row *row) {
  struct created_before *c = ctx;
  if (strcmp(row->uuid, c->uuid) != 0) return 0;
  c->study = row->id;
  return CLADE_STOP;
}

/* `again`: the first time the connection was lost, perhaps after the commit. */
static int create_once(struct cl_store *s, const struct cl_event *created, bool again, int64_t *ret_study,
                       struct cl_err *e) {
  int64_t study = 0;
  CL_TRY(s->ops->begin(s->state, 0, NULL, e));
  int status = create(s, created, &study, e);
  if (status < 0) s->ops->rollback(s->state);
  struct created_before c = {created->u.created.uuid, 0};
  if (status == CLADE_EEXISTS && again) {
    status = s->ops->studies(s->state, is_created, &c, e);
    study = c.study;
    status = status == CLADE_STOP ? 0 : status < 0 ? status : CLADE_EEXISTS;
  }
  if (status == 0) *ret_study = study;
  return status;
}

int cl_store_create(struct cl_store *s, const struct cl_event *created, int64_t *ret_study,
                    struct cl_err *e) {
  CL_TRY(cl_store_check_writable(s, e));
  CL_TRY(cl_event_check(created, e));
  if (created->kind != CL_EVENT_CREATED || created->u.created.uuid == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "a log begins with 'created' and a uuid, not with '%s'",
                   cl_kind_name(created->kind));
  struct cl_settings *settings = NULL; /* with others nobody could open the log */
  CL_TRY(cl_settings_parse(created->u.created.settings, &settings, e));
  cl_settings_destroy(settings);
  int status, mends = 0;
  do status = create_once(s, created, mends > 0, ret_study, e);
  while (cl_store_mend(s, &status, &mends, e));
  return status;
}
