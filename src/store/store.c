/* The half of a store that is the same for all kinds: addresses, studies by name, leases, reading. */
#include "store/store.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/text.h"
#include "store/store_ops.h"

static const struct cl_store_ops *const kinds[] = {&cl_store_memory, &cl_store_sqlite, &cl_store_postgres,
                                                   NULL};

static void check_ops(const struct cl_store_ops *ops) {
  assert(ops->abi == sizeof *ops && ops->name != NULL && ops->state_size > 0 && ops->heads_kept > 0);
  assert(ops->open && ops->close && ops->studies && ops->head && ops->trial_head && ops->heads &&
         ops->metrics);
  assert(ops->begin && ops->add_study && ops->name_metric && ops->add && ops->commit && ops->rollback);
  assert(ops->find && ops->count_reports && ops->read && ops->read_reports && ops->lease && ops->remove);
  assert((ops->watch == NULL) == (ops->drain == NULL) && (ops->queue == NULL) == (ops->leave == NULL));
  (void)ops;
}

/* What stands between the user's name and the last @ before the path, and after password=, is nobody's
 * business. */
char *cl_store_show(const char *address) {
  struct cl_text t = {0};
  const char *rest = address, *authority = strstr(address, "://");
  if (authority != NULL) {
    authority += 3;
    size_t n = strcspn(authority, "/?"), user = strcspn(authority, ":@");
    const char *at = memrchr(authority, '@', n);
    if (at != NULL && authority + user < at && authority[user] == ':') {
      cl_text_add_bytes(&t, address, (size_t)(authority - address) + user);
      cl_text_add(&t, ":***");
      rest = at;
    }
  }
  const char *password = authority == NULL ? NULL : strstr(rest, "password=");
  for (; password != NULL; password = strstr(rest, "password=")) {
    cl_text_add_bytes(&t, rest, (size_t)(password - rest) + 9);
    cl_text_add(&t, "***");
    rest = password + 9 + strcspn(password + 9, "&");
  }
  cl_text_add(&t, rest);
  return cl_text_take(&t);
}

int cl_store_open_ops(const struct cl_store_ops *ops, const char *path,
                      const struct cl_store_options *options, struct cl_store **ret, struct cl_err *e) {
  check_ops(ops);
  struct cl_store *s = cl_alloc(sizeof *s);
  if (s == NULL) return CL_FAIL_NOMEM(e);
  int status = 0;
  s->ops = ops;
  s->options = *options;
  if (s->options.lock_timeout_ms <= 0) s->options.lock_timeout_ms = 30000;
  if (s->options.reconnect_ms <= 0) s->options.reconnect_ms = 60000;
  s->address = cl_store_show(path);
  s->state = cl_alloc(ops->state_size);
  if (s->address == NULL || s->state == NULL) {
    status = CL_FAIL_NOMEM(e);
    goto out;
  }
  status = ops->open(s->state, path, &s->options, e);
  if (status < 0) goto out;
  *ret = s;
  return 0;
out:
  cl_free(s->state);
  cl_free(s->address);
  cl_free(s);
  return status;
}

int cl_store_open(const char *address, const struct cl_store_options *options, struct cl_store **ret,
                  struct cl_err *e) {
  if (address == NULL || address[0] == '\0')
    return CL_FAIL(e, CLADE_EINVAL, "the address of the store is empty: give a path");
  if (strcmp(address, "memory:") == 0) return cl_store_open_ops(kinds[0], address, options, ret, e);
  if (strncmp(address, "sqlite:///", 10) == 0 && address[10] != '\0')
    return cl_store_open_ops(kinds[1], address + 10, options, ret, e);
  if (strncmp(address, "postgresql://", 13) == 0 || strncmp(address, "postgres://", 11) == 0)
    return cl_store_open_ops(kinds[2], address, options, ret, e);
  if (strstr(address, "://") != NULL)
    return CL_FAIL(
        e, CLADE_EINVAL,
        "'%s' is no address of a store: use PATH, sqlite:///PATH or postgresql://USER@HOST/DATABASE",
        address);
  return cl_store_open_ops(kinds[1], address, options, ret, e);
}

void cl_store_close(struct cl_store *s) {
  if (s == NULL) return;
  assert(!s->visiting);
  s->ops->close(s->state);
  cl_heads_done(&s->heads);
  cl_free(s->seen);
  cl_free(s->state);
  cl_free(s->address);
  cl_free(s);
}

const char *cl_store_address(const struct cl_store *s) {
  return s->address;
}

const char *cl_store_kind(const struct cl_store *s) {
  return s->ops->name;
}

/* While rows are visited the handle reads inside one transaction, which must not be left by a second use. */
int cl_store_check_idle(const struct cl_store *s, struct cl_err *e) {
  if (!s->visiting) return 0;
  return CL_FAIL(e, CLADE_EINVAL,
                 "a store cannot be used from inside a visit of its own rows: open another "
                 "handle or wait for its end");
}

enum { MENDS_MAX = 50 };

bool cl_store_mend(struct cl_store *s, int *status, int *n, struct cl_err *e) {
  if (*status != CLADE_ECLOSED || s->ops->mend == NULL) return false;
  s->study = 0; /* heads that were kept may be of commits that a crash has taken back */
  if (++*n > MENDS_MAX) {
    *status = CLADE_EIO;
    return false;
  }
  *status = s->ops->mend(s->state, e);
  return *status == 0;
}

int cl_store_studies(struct cl_store *s, int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx,
                     struct cl_err *e) {
  CL_TRY(cl_store_check_idle(s, e));
  int status, mends = 0;
  s->visiting = true;
  do status = s->ops->studies(s->state, visit, ctx, e);
  while (cl_store_mend(s, &status, &mends, e));
  s->visiting = false;
  return status;
}

/* Finding. */

struct search {
  const char *name;
  int64_t exact, folded; /* study with that name, with that name but for case */
  int best;
  char nearest[CL_NAME_MAX + 1];
};

static int look_at(void *ctx, const struct cl_study_row *row) {
  struct search *f = ctx;
  if (strcmp(row->name, f->name) == 0) f->exact = row->id;
  if (strcasecmp(row->name, f->name) == 0) f->folded = row->id;
  int distance = cl_text_distance(row->name, f->name);
  if (f->best < 0 || distance < f->best) {
    f->best = distance;
    (void)snprintf(f->nearest, sizeof f->nearest, "%s", row->name);
  }
  return 0;
}

int cl_store_namesakes(struct cl_store *s, const char *name, const char *uuid,
                       int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx, struct cl_err *e) {
  if (s->ops->namesakes == NULL) return s->ops->studies(s->state, visit, ctx, e);
  return s->ops->namesakes(s->state, name, uuid, visit, ctx, e);
}

static int look_for(struct cl_store *s, struct search *f, struct cl_err *e) {
  int status, mends = 0;
  CL_TRY(cl_store_check_idle(s, e));
  s->visiting = true;
  do status = cl_store_namesakes(s, f->name, NULL, look_at, f, e);
  while (cl_store_mend(s, &status, &mends, e));
  s->visiting = false;
  return status;
}

/* All are looked at when there is none of the name, for the nearest. */
int cl_store_find(struct cl_store *s, const char *name, int64_t *ret_study, struct cl_err *e) {
  struct search f = {.name = name, .best = -1};
  CL_TRY(look_for(s, &f, e));
  if (f.exact == 0 && f.folded == 0) CL_TRY(cl_store_studies(s, look_at, &f, e));
  if (f.exact == 0 && f.folded == 0) {
    if (f.best < 0)
      return CL_FAIL(e, CLADE_ENOTFOUND, "there is no study '%s': the store %s is empty", name, s->address);
    return CL_FAIL(e, CLADE_ENOTFOUND, "there is no study '%s' in %s; the nearest is '%s'", name, s->address,
                   f.nearest);
  }
  *ret_study = f.exact != 0 ? f.exact : f.folded;
  return 0;
}

/* Reading. */

int cl_store_head(struct cl_store *s, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  CL_TRY(cl_store_check_idle(s, e));
  int status, mends = 0;
  do status = s->ops->head(s->state, study, ret, e);
  while (cl_store_mend(s, &status, &mends, e));
  return status;
}

int cl_store_metrics(struct cl_store *s, int64_t study, int (*visit)(void *ctx, int id, const char *name),
                     void *ctx, struct cl_err *e) {
  CL_TRY(cl_store_check_idle(s, e));
  int status, mends = 0;
  s->visiting = true;
  do status = s->ops->metrics(s->state, study, visit, ctx, e);
  while (cl_store_mend(s, &status, &mends, e));
  s->visiting = false;
  return status;
}

int cl_store_trial_head(struct cl_store *s, int64_t study, int64_t trial, struct cl_head *ret,
                        struct cl_err *e) {
  struct cl_study_head head;
  CL_TRY(cl_store_head(s, study, &head, e));
  int status, mends = 0;
  do status = s->ops->trial_head(s->state, study, trial, ret, e);
  while (cl_store_mend(s, &status, &mends, e));
  return status;
}

struct passing {
  cl_event_visit *visit;
  void *ctx;
  int64_t last; /* position that was shown last */
  bool dense, gap;
};

/* Positions are dense, so a hole means that a writer's commit is not visible yet: what follows it is not
 * shown either, and will be at the next read. */
static int pass_on(void *ctx, const struct cl_event *ev) {
  struct passing *p = ctx;
  if (p->dense && ev->position != p->last + 1) {
    p->gap = true;
    return CLADE_STOP;
  }
  p->last = ev->position;
  return p->visit(p->ctx, ev);
}

/* A read that was cut off goes on behind what was shown; but the reports that are left out were chosen at one
 * instant, which has passed. */
static bool goes_on(struct cl_store *s, const struct cl_read *first, const struct passing *p,
                    struct cl_read *next, int *status, int *mends, struct cl_err *e) {
  bool begun = p->last > next->after;
  if (first->skip_known_reports && begun) return false;
  next->after = p->last;
  return cl_store_mend(s, status, mends, e);
}

int cl_store_read(struct cl_store *s, int64_t study, const struct cl_read *what, cl_event_visit *visit,
                  void *ctx, struct cl_err *e) {
  if (what->trial_lo < 0 || what->trial_hi < what->trial_lo || (what->trial_lo == 0) != (what->trial_hi == 0))
    return CL_FAIL(e, CLADE_EINVAL, "trials %lld to %lld are no range: numbers start at 1",
                   (long long)what->trial_lo, (long long)what->trial_hi);
  CL_TRY(cl_store_check_idle(s, e));
  int status, mends = 0;
  struct cl_read part = *what;
  struct passing p = {visit, ctx, what->after,
                      what->trial_lo == 0 && !what->skip_known_reports && !what->only_notes, false};
  s->visiting = true;
  do status = s->ops->read(s->state, study, &part, pass_on, &p, e);
  while (goes_on(s, what, &p, &part, &status, &mends, e));
  s->visiting = false;
  return p.gap ? 0 : status;
}

int cl_store_read_reports(struct cl_store *s, int64_t study, int64_t trial, cl_event_visit *visit, void *ctx,
                          struct cl_err *e) {
  CL_TRY(cl_store_check_idle(s, e));
  int status, mends = 0;
  struct passing p = {visit, ctx, 0, false, false};
  s->visiting = true;
  do status = s->ops->read_reports(s->state, study, trial, pass_on, &p, e);
  while (p.last == 0 && cl_store_mend(s, &status, &mends, e));
  s->visiting = false;
  return status;
}

int cl_store_watch(struct cl_store *s, int *ret_fd, struct cl_err *e) {
  if (s->ops->watch != NULL) return s->ops->watch(s->state, ret_fd, e);
  *ret_fd = -1;
  return 0;
}

bool cl_store_watch_drain(struct cl_store *s) {
  return s->ops->drain == NULL || s->ops->drain(s->state);
}

/* Leases. */

int cl_store_check_writable(const struct cl_store *s, struct cl_err *e) {
  CL_TRY(cl_store_check_idle(s, e));
  if (s->options.mode != CL_STORE_READ) return 0;
  return CL_FAIL(e, CLADE_EINVAL, "the store %s was opened for reading only", s->address);
}

int cl_store_delete(struct cl_store *s, int64_t study, struct cl_err *e) {
  CL_TRY(cl_store_check_writable(s, e));
  int status, mends = 0;
  if (s->study == study) s->study = 0;
  do status = s->ops->remove(s->state, study, e);
  while (cl_store_mend(s, &status, &mends, e));
  return mends > 0 && status == CLADE_ENOTFOUND ? 0 : status; /* the first time it had got through */
}

int cl_store_queue(struct cl_store *s, int64_t study, int wait_ms, struct cl_err *e) {
  assert(wait_ms > 0);
  CL_TRY(cl_store_check_writable(s, e));
  if (s->ops->queue == NULL) return 0;
  int status, mends = 0;
  do status = s->ops->queue(s->state, study, wait_ms, e);
  while (cl_store_mend(s, &status, &mends, e));
  return status;
}

void cl_store_leave(struct cl_store *s, int64_t study) {
  if (s->ops->leave != NULL) s->ops->leave(s->state, study);
}

static int use_lease(struct cl_store *s, int64_t study, int (*change)(void *ctx, struct cl_lease *row),
                     void *ctx, struct cl_lease *ret, struct cl_err *e) {
  int status, mends = 0;
  do status = s->ops->lease(s->state, study, change, ctx, ret, e);
  while (cl_store_mend(s, &status, &mends, e));
  return status;
}

int cl_store_lease_get(struct cl_store *s, int64_t study, struct cl_lease *ret, struct cl_err *e) {
  CL_TRY(cl_store_check_idle(s, e));
  return use_lease(s, study, NULL, NULL, ret, e);
}

struct taking {
  const char *holder;
  int64_t generation, beat;
};

static int take(void *ctx, struct cl_lease *row) {
  const struct taking *t = ctx;
  if (row->holder[0] != '\0' && (row->generation != t->generation || row->beat != t->beat)) return CLADE_BUSY;
  (void)snprintf(row->holder, sizeof row->holder, "%s", t->holder);
  row->generation++;
  row->beat = 1;
  return 0;
}

int cl_store_lease_take(struct cl_store *s, int64_t study, const char *holder, int64_t expected_generation,
                        int64_t expected_beat, struct cl_lease *ret, struct cl_err *e) {
  CL_TRY(cl_store_check_writable(s, e));
  if (holder[0] == '\0' || strlen(holder) >= sizeof ret->holder)
    return CL_FAIL(e, CLADE_EINVAL, "the holder of a lease needs a name of 1 to %zu bytes, not '%s'",
                   sizeof ret->holder - 1, holder);
  struct taking t = {holder, expected_generation, expected_beat};
  return use_lease(s, study, take, &t, ret, e);
}

static bool holds(const struct cl_lease *mine, const struct cl_lease *row) {
  return row->generation == mine->generation && strcmp(row->holder, mine->holder) == 0;
}

static int beat(void *ctx, struct cl_lease *row) {
  if (!holds(ctx, row)) return CLADE_BUSY;
  row->beat++;
  return 0;
}

static int release(void *ctx, struct cl_lease *row) {
  if (!holds(ctx, row)) return CLADE_BUSY;
  row->holder[0] = '\0';
  return 0;
}

static int change_mine(struct cl_store *s, int64_t study, int (*change)(void *ctx, struct cl_lease *row),
                       struct cl_lease *lease, struct cl_err *e) {
  CL_TRY(cl_store_check_writable(s, e));
  struct cl_lease mine = *lease, now = *lease;
  int status = use_lease(s, study, change, &mine, &now, e);
  if (status >= 0) *lease = now;
  return status;
}

int cl_store_lease_beat(struct cl_store *s, int64_t study, struct cl_lease *lease, struct cl_err *e) {
  return change_mine(s, study, beat, lease, e);
}

int cl_store_lease_release(struct cl_store *s, int64_t study, struct cl_lease *lease, struct cl_err *e) {
  return change_mine(s, study, release, lease, e);
}
