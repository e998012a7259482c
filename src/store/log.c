/* A study's log, followed. The position up to which the replica has been brought is the log's; everything
 * between it and one's own commit is read first. */
#include "store/log.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

enum { LISTENERS_MAX = 8, EVENTS_AT_A_TIME = 1000 };

struct put {
  cl_log_told *told;
  void *ctx;
};

struct turn {
  struct cl_event **events; /* owned copies */
  struct put *puts;
  size_t n, cap_events, cap_puts;
};

/* The events of a turn as the store takes them, and what became of them. */
struct sheet {
  struct cl_event *events;
  struct cl_append *results;
  size_t cap_events, cap_results;
};

struct cl_log {
  struct cl_store *store;
  int64_t id, position, created_ms;
  struct cl_log_options options;
  struct cl_study *study;
  int broken; /* the error after which the replica cannot be used */
  bool committing;
  struct {
    cl_log_listener *fn;
    void *ctx;
  } listeners[LISTENERS_MAX];
  int n_listeners;
  struct turn turn;
  struct sheet sheet, decided; /* of a commit, and of what was decided in it */
};

/* The replica. */

static bool is_partial(const struct cl_log *l) {
  return l->options.trial_lo > 0;
}

static bool is_mine(const struct cl_log *l, const struct cl_event *ev) {
  return !is_partial(l) || ev->subject == 0 ||
         (ev->subject >= l->options.trial_lo && ev->subject <= l->options.trial_hi);
}

static int apply(struct cl_log *l, const struct cl_event *ev, struct cl_err *e) {
  assert(l->broken == 0 && ev->position > 0);
  assert(ev->position > l->position);
  if (is_mine(l, ev)) {
    int status = cl_study_apply(l->study, ev, e);
    if (status < 0) {
      l->broken = status;
      return status;
    }
    for (int i = 0; i < l->n_listeners; i++) l->listeners[i].fn(l->listeners[i].ctx, ev);
  }
  l->position = ev->position;
  return 0;
}

static int check_whole(const struct cl_log *l, struct cl_err *e) {
  if (l->broken == 0) return 0;
  return CL_FAIL(e, l->broken, "the log of study number %lld could not be followed: open it again",
                 (long long)l->id);
}

/* Opening. */

struct opening {
  struct cl_log *log;
  struct cl_err *e;
};

static int open_one(void *ctx, const struct cl_event *ev) {
  const struct opening *o = ctx;
  return apply(o->log, ev, o->e);
}

static int name_one(void *ctx, int id, const char *name) {
  const struct opening *o = ctx;
  return cl_study_name_metric(o->log->study, id, name, o->e);
}

static int replay(struct cl_log *l, struct cl_err *e) {
  struct opening o = {l, e};
  assert(l->position == 0 && l->options.trial_lo <= l->options.trial_hi);
  struct cl_study_head head;
  struct cl_read what = {.until = l->options.until,
                         .trial_lo = l->options.trial_lo,
                         .trial_hi = l->options.trial_hi,
                         .skip_known_reports = !l->options.full && l->options.until == 0,
                         .only_state = true};
  CL_TRY(cl_store_head(l->store, l->id, &head, e));
  if (what.until > head.position)
    return CL_FAIL(e, CLADE_EINVAL, "the log has %lld events, so it cannot be read up to event %lld",
                   (long long)head.position, (long long)what.until);
  if (what.until == 0)
    what.until = head.position; /* behind the last one shown, others may have been left out */
  if (is_partial(l) || what.skip_known_reports) cl_study_expect_partial(l->study);
  CL_TRY(cl_store_read(l->store, l->id, &what, open_one, &o, e));
  if (l->position > 0 && l->position < what.until && (is_partial(l) || what.skip_known_reports)) {
    l->position = what.until;
    cl_study_reach(l->study, what.until);
  }
  if (l->position == 0)
    return CL_FAIL(e, CLADE_ECORRUPT, "the log of study number %lld is empty", (long long)l->id);
  return what.skip_known_reports ? cl_store_metrics(l->store, l->id, name_one, &o, e) : 0;
}

/* A read that left reports out and was cut off begins again. */
static int replay_anew(struct cl_log *l, struct cl_err *e) {
  enum { TRIES = 20 };
  int status = CLADE_ECLOSED;
  for (int i = 0; i < TRIES && status == CLADE_ECLOSED; i++) {
    cl_study_destroy(l->study);
    l->study = NULL;
    l->position = 0;
    CL_TRY(cl_study_create(&l->study, e));
    status = replay(l, e);
  }
  return status == CLADE_ECLOSED ? CLADE_EIO : status;
}

static int find_creation(void *ctx, const struct cl_study_row *row) {
  struct cl_log *l = ctx;
  if (row->id != l->id) return 0;
  l->created_ms = row->created_ms;
  return CLADE_STOP;
}

int cl_log_open(struct cl_store *store, int64_t study, const struct cl_log_options *options,
                struct cl_log **ret, struct cl_err *e) {
  static const struct cl_log_options standard = {0};
  struct cl_log *l = cl_alloc(sizeof *l);
  if (l == NULL) return CL_FAIL_NOMEM(e);
  l->store = store;
  l->id = study;
  l->options = options == NULL ? standard : *options;
  int status = replay_anew(l, e);
  if (status == 0) {
    l->created_ms = cl_study_created_ms(l->study);
    if (l->created_ms == 0) status = cl_store_studies(store, find_creation, l, e);
  }
  if (status < 0) {
    cl_log_close(l);
    return status;
  }
  *ret = l;
  return 0;
}

static void drop_turn(struct turn *t) {
  for (size_t i = 0; i < t->n; i++) cl_free(t->events[i]);
  cl_free(t->events);
  cl_free(t->puts);
  *t = (struct turn){0};
}

static void free_sheet(struct sheet *s) {
  cl_free(s->events);
  cl_free(s->results);
}

void cl_log_close(struct cl_log *l) {
  if (l == NULL) return;
  drop_turn(&l->turn);
  cl_study_destroy(l->study);
  free_sheet(&l->sheet);
  free_sheet(&l->decided);
  cl_free(l);
}

/* Looking. */

const struct cl_study *cl_log_study(const struct cl_log *l) {
  return l->study;
}

struct cl_store *cl_log_store(const struct cl_log *l) {
  return l->store;
}

int64_t cl_log_id(const struct cl_log *l) {
  return l->id;
}

int64_t cl_log_position(const struct cl_log *l) {
  return l->position;
}

int64_t cl_log_now_ms(const struct cl_log *l) {
  int64_t now = cl_clock_wall_ms() - l->created_ms;
  return now < 0 ? 0 : now;
}

int cl_log_listen(struct cl_log *l, cl_log_listener *fn, void *ctx, struct cl_err *e) {
  assert(fn != NULL && l->n_listeners <= LISTENERS_MAX);
  if (l->n_listeners == LISTENERS_MAX)
    return CL_FAIL(e, CLADE_ELIMIT, "a log has at most %d listeners", LISTENERS_MAX);
  l->listeners[l->n_listeners].fn = fn;
  l->listeners[l->n_listeners++].ctx = ctx;
  return 0;
}

void cl_log_unlisten(struct cl_log *l, cl_log_listener *fn, void *ctx) {
  int kept = 0;
  for (int i = 0; i < l->n_listeners; i++)
    if (l->listeners[i].fn != fn || l->listeners[i].ctx != ctx) l->listeners[kept++] = l->listeners[i];
  l->n_listeners = kept;
}

/* Following. Events are taken out of the store first and shown afterwards, so that a listener may use the
 * store, and none that is slow holds a read transaction open. */

struct batch {
  struct cl_event **events;
  size_t n, cap;
  struct cl_err *e;
};

static int collect(void *ctx, const struct cl_event *ev) {
  struct batch *b = ctx;
  if (cl_grow(&b->events, &b->cap, b->n + 1, sizeof *b->events) < 0) return CL_FAIL_NOMEM(b->e);
  b->events[b->n] = cl_event_copy(ev);
  if (b->events[b->n] == NULL) return CL_FAIL_NOMEM(b->e);
  b->n++;
  return b->n == EVENTS_AT_A_TIME ? CLADE_STOP : 0;
}

static int follow_some(struct cl_log *l, int64_t until, bool *ret_more, int64_t *ret_n, struct cl_err *e) {
  struct batch b = {.e = e};
  struct cl_read what = {
      .after = l->position, .until = until, .trial_lo = l->options.trial_lo, .trial_hi = l->options.trial_hi};
  int status = cl_store_read(l->store, l->id, &what, collect, &b, e);
  *ret_more = status == CLADE_STOP;
  for (size_t i = 0; i < b.n; i++) {
    if (status >= 0) status = apply(l, b.events[i], e);
    cl_free(b.events[i]);
  }
  cl_free(b.events);
  *ret_n += (int64_t)b.n;
  return status < 0 ? status : 0;
}

/* Up to `until`. */
static int follow(struct cl_log *l, int64_t until, int64_t *ret_n, struct cl_err *e) {
  bool more = true;
  assert(until >= l->position);
  while (more) CL_TRY(follow_some(l, until, &more, ret_n, e));
  if (is_partial(l)) l->position = until;
  return 0;
}

int cl_log_follow(struct cl_log *l, int64_t *ret_n, struct cl_err *e) {
  struct cl_study_head head;
  int64_t n = 0;
  CL_TRY(check_whole(l, e));
  if (l->options.until == 0) {
    CL_TRY(cl_store_head(l->store, l->id, &head, e));
    if (head.position > l->position) CL_TRY(follow(l, head.position, &n, e));
  }
  if (ret_n != NULL) *ret_n = n;
  return 0;
}

/* Putting. */

static int check_writable(const struct cl_log *l, struct cl_err *e) {
  if (l->options.until == 0) return 0;
  return CL_FAIL(e, CLADE_EINVAL, "a log that is read up to event %lld cannot be written",
                 (long long)l->options.until);
}

/* Settings that the replicas could not take would end the study for good. They are judged on the version that
 * the decision saw: with another one it conflicts. */
static int check_settings(const struct cl_log *l, const struct cl_event *ev, struct cl_err *e) {
  struct cl_settings *after = NULL;
  if (ev->kind != CL_EVENT_UPDATED) return 0;
  CL_TRY(cl_settings_update(cl_study_settings(l->study), ev->u.updated.settings, &after, e));
  cl_settings_destroy(after);
  return 0;
}

int cl_log_put(struct cl_log *l, const struct cl_event *ev, cl_log_told *told, void *ctx, struct cl_err *e) {
  struct turn *t = &l->turn;
  CL_TRY(check_whole(l, e));
  CL_TRY(check_writable(l, e));
  CL_TRY(check_settings(l, ev, e));
  if (cl_grow(&t->events, &t->cap_events, t->n + 1, sizeof *t->events) < 0 ||
      cl_grow(&t->puts, &t->cap_puts, t->n + 1, sizeof *t->puts) < 0)
    return CL_FAIL_NOMEM(e);
  struct cl_event *copy = cl_event_copy(ev);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  copy->time_ms = cl_log_now_ms(l);
  t->events[t->n] = copy;
  t->puts[t->n++] = (struct put){told, ctx};
  return 0;
}

bool cl_log_has_put(const struct cl_log *l) {
  return l->turn.n > 0;
}

/* Make the replica as new as the commit: foreign events first, then one's own, which need not be read. */
static int apply_commit(struct cl_log *l, const struct cl_event *events, const struct cl_append *results,
                        size_t n, struct cl_err *e) {
  int64_t first = 0, seen = 0, n_followed = 0;
  for (size_t i = 0; i < n; i++) {
    if (results[i].status == 0 && first == 0) first = results[i].position;
    if (results[i].status != 0 && results[i].position > seen) seen = results[i].position;
  }
  if (first == 0 && seen <= l->position) return 0;
  if (first == 0) return cl_log_follow(l, NULL, e); /* show what it was that stood in the way */
  if (first > l->position + 1) CL_TRY(follow(l, first - 1, &n_followed, e));
  if (l->position + 1 != first) return 0; /* not visible yet: it comes with the next follow */
  for (size_t i = 0; i < n; i++)
    if (results[i].status == 0) CL_TRY(apply(l, &events[i], e));
  return 0;
}

static int check_free(const struct cl_log *l, struct cl_err *e) {
  CL_TRY(check_whole(l, e));
  if (l->committing)
    return CL_FAIL(e, CLADE_EINVAL, "a commit is going on: put events, they belong to the next one");
  return 0;
}

int cl_log_append_all(struct cl_log *l, struct cl_event *events, int n, struct cl_append *results,
                      struct cl_err *e) {
  CL_TRY(check_free(l, e));
  CL_TRY(check_writable(l, e));
  if (l->turn.n > 0)
    return CL_FAIL(e, CLADE_EINVAL, "%zu events are put already: commit them first", l->turn.n);
  int64_t now_ms = cl_log_now_ms(l);
  for (int i = 0; i < n; i++) {
    CL_TRY(check_settings(l, &events[i], e));
    events[i].time_ms = now_ms;
  }
  l->committing = true;
  int status = cl_store_append(l->store, l->id, events, n, results, e);
  if (status == 0) status = apply_commit(l, events, results, (size_t)n, e);
  l->committing = false;
  return status;
}

static int fill_sheet(struct sheet *s, const struct turn *t, struct cl_err *e) {
  if (cl_grow(&s->events, &s->cap_events, t->n, sizeof *s->events) < 0 ||
      cl_grow(&s->results, &s->cap_results, t->n, sizeof *s->results) < 0)
    return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < t->n; i++) s->events[i] = *t->events[i];
  return 0;
}

/* `failed`: the error of the commit, or 0. */
static void tell(const struct turn *t, const struct sheet *s, int failed) {
  const struct cl_append nothing = {.status = failed};
  for (size_t i = 0; i < t->n; i++) {
    if (t->puts[i].told == NULL) continue;
    if (failed < 0)
      t->puts[i].told(t->puts[i].ctx, t->events[i], &nothing);
    else
      t->puts[i].told(t->puts[i].ctx, &s->events[i], &s->results[i]);
  }
}

/* A commit with what is decided in it. */
struct deciding {
  struct cl_log *log;
  cl_log_decide *decide;
  void *ctx;
  size_t n;            /* of the questions */
  bool heard;          /* the replica has them */
  struct turn answers; /* put by `decide` */
};

static int apply_sheet(struct cl_log *l, const struct sheet *s, size_t n, struct cl_err *e) {
  for (size_t i = 0; i < n; i++)
    if (s->results[i].status == 0) CL_TRY(apply(l, &s->events[i], e));
  return 0;
}

static int decide_in_commit(void *ctx, int64_t before, int *ret_n, struct cl_event **ret_events,
                            struct cl_append **ret_results, struct cl_err *e) {
  struct deciding *d = ctx;
  struct cl_log *l = d->log;
  assert(l->committing && !d->heard && d->n > 0);
  if (before != l->position) return 0; /* others have appended: that is heard first */
  d->heard = true;
  CL_TRY(apply_sheet(l, &l->sheet, d->n, e));
  CL_TRY(d->decide(d->ctx, e));
  d->answers = l->turn;
  l->turn = (struct turn){0};
  CL_TRY(fill_sheet(&l->decided, &d->answers, e));
  *ret_n = (int)d->answers.n;
  *ret_events = l->decided.events;
  *ret_results = l->decided.results;
  return 0;
}

static bool are_questions(const struct turn *t) {
  for (size_t i = 0; i < t->n; i++)
    if (t->events[i]->kind != CL_EVENT_REPORTED && t->events[i]->kind != CL_EVENT_SAVED) return false;
  return true;
}

static int append_turn(struct cl_log *l, const struct turn *t, struct deciding *d, struct cl_err *e) {
  const struct cl_store_more more = {decide_in_commit, d};
  CL_TRY(fill_sheet(&l->sheet, t, e));
  bool decides = d->decide != NULL && are_questions(t);
  d->n = t->n;
  int status = cl_store_append_more(l->store, l->id, l->sheet.events, (int)t->n, l->sheet.results,
                                    decides ? &more : NULL, e);
  if (status < 0 && d->heard && l->broken == 0) l->broken = status;
  return status;
}

int cl_log_commit_with(struct cl_log *l, cl_log_decide *decide, void *ctx, struct cl_err *e) {
  CL_TRY(check_free(l, e));
  struct turn t = l->turn;
  struct deciding d = {.log = l, .decide = decide, .ctx = ctx};
  if (t.n == 0) return 0;
  l->turn = (struct turn){0}; /* what listeners and the told put belongs to the next one */
  l->committing = true;
  int appended = append_turn(l, &t, &d, e), status = appended;
  assert(d.heard || d.answers.n == 0);
  if (appended == 0 && d.heard)
    status = apply_sheet(l, &l->decided, d.answers.n, e);
  else if (appended == 0)
    status = apply_commit(l, l->sheet.events, l->sheet.results, t.n, e);
  tell(&t, &l->sheet, appended);
  tell(&d.answers, &l->decided, appended);
  drop_turn(&t);
  drop_turn(&d.answers);
  l->committing = false;
  return status;
}

int cl_log_commit(struct cl_log *l, struct cl_err *e) {
  return cl_log_commit_with(l, NULL, NULL, e);
}

static void keep_result(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  (void)ev;
  *(struct cl_append *)ctx = *result;
}

int cl_log_append(struct cl_log *l, const struct cl_event *ev, struct cl_append *ret, struct cl_err *e) {
  struct cl_append result = {0};
  CL_TRY(cl_log_put(l, ev, keep_result, &result, e));
  CL_TRY(cl_log_commit(l, e));
  *ret = result;
  return 0;
}
