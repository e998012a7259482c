/* Comparing the mutable tables with a replay of the log. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "store/store_ops.h"

enum { STUCK_MAX = 1000 }; /* reads without the next event, although there are later ones */

struct replay {
  struct cl_study_head head;
  struct cl_head *heads; /* by trial */
  size_t n, cap;
  struct cl_err *e;
  char difference[400]; /* the first one, empty = none */
  size_t n_seen;        /* heads that the store has shown */
};

static int replay_one(void *ctx, const struct cl_event *ev) {
  struct replay *r = ctx;
  if (ev->subject < 0 || ev->subject > r->head.trials + 1)
    return CL_FAIL(r->e, CLADE_ECORRUPT, "event %lld is about trial %lld, which does not exist",
                   (long long)ev->position, (long long)ev->subject);
  size_t need = (size_t)ev->subject + 1;
  if (need > r->n) {
    if (cl_grow(&r->heads, &r->cap, need, sizeof *r->heads) < 0) return CL_FAIL_NOMEM(r->e);
    memset(r->heads + r->n, 0, (need - r->n) * sizeof *r->heads);
    r->n = need;
  }
  return cl_head_apply(&r->head, &r->heads[ev->subject], ev, r->e);
}

static bool same(double a, double b) {
  return a == b || (isnan(a) && isnan(b));
}

/* Name of the first field that differs from what the log says (a), null if none does. */
static const char *difference(const struct cl_head *a, const struct cl_head *b) {
#define DIFFERS(field) \
  if (a->field != b->field) return #field
  DIFFERS(version);
  DIFFERS(proposed);
  if (a->state == CL_WAITING || b->waiting != 0) DIFFERS(waiting); /* left out of rows that do not wait */
  DIFFERS(load);
  DIFFERS(source);
  DIFFERS(reports);
  if (!same(a->step, b->step)) return "step";
  if (!same(a->furthest, b->furthest)) return "furthest";
  if (!same(a->until, b->until)) return "until";
  DIFFERS(attempt);
  DIFFERS(worker);
  DIFFERS(state);
  DIFFERS(flags);
  DIFFERS(tries);
  DIFFERS(failures);
  DIFFERS(role);
  return NULL;
}

static const char *study_difference(const struct cl_study_head *a, const struct cl_study_head *b) {
  DIFFERS(position);
  DIFFERS(version);
  DIFFERS(trials);
  DIFFERS(counted);
  DIFFERS(budget);
  DIFFERS(workers);
  DIFFERS(objectives);
  DIFFERS(space_version);
  DIFFERS(retries);
  DIFFERS(open);
#undef DIFFERS
  return NULL;
}

static int compare_one(void *ctx, int64_t trial, const struct cl_head *head) {
  struct replay *r = ctx;
  static const struct cl_head none = {0};
  assert(trial >= 1 && head != NULL);
  const struct cl_head *expected = (size_t)trial < r->n ? &r->heads[trial] : &none;
  const char *field = difference(expected, head);
  r->n_seen++;
  if (field != NULL && r->difference[0] == '\0')
    (void)snprintf(r->difference, sizeof r->difference, "%s of trial %lld", field, (long long)trial);
  return 0;
}

static int read_on(struct cl_store *s, int64_t study, struct replay *r, struct cl_err *e) {
  struct cl_read what = {.after = r->head.position};
  return cl_store_read(s, study, &what, replay_one, r, e);
}

static int compare(struct cl_store *s, int64_t study, struct replay *r, struct cl_err *e) {
  struct cl_study_head head;
  /* Others may append meanwhile: read on until the heads are those of the position that was replayed. */
  int64_t stuck = 0, before;
  do {
    before = r->head.position;
    CL_TRY(read_on(s, study, r, e));
    stuck = r->head.position > before ? 0 : stuck + 1;
    if (stuck > STUCK_MAX)
      return CL_FAIL(e, CLADE_ECORRUPT, "event %lld of study number %lld is missing in %s",
                     (long long)before + 1, (long long)study, s->address);
    r->n_seen = 0;
    r->difference[0] = '\0';
    s->visiting = true;
    int status = s->ops->heads(s->state, study, &head, compare_one, r, e);
    s->visiting = false;
    CL_TRY(status);
  } while (head.position > r->head.position);
  const char *field = study_difference(&r->head, &head);
  if (field != NULL) (void)snprintf(r->difference, sizeof r->difference, "%s of the study", field);
  if (r->difference[0] == '\0' && r->n_seen != (size_t)head.trials)
    (void)snprintf(r->difference, sizeof r->difference, "the number of trials (%zu heads, %lld trials)",
                   r->n_seen, (long long)head.trials);
  if (r->difference[0] == '\0') return 0;
  return CL_FAIL(e, CLADE_ECORRUPT, "the heads of study number %lld in %s differ from its log: %s",
                 (long long)study, s->address, r->difference);
}

int cl_store_check(struct cl_store *s, int64_t study, struct cl_err *e) {
  struct replay r = {.e = e};
  CL_TRY(cl_store_check_idle(s, e));
  int status = compare(s, study, &r, e);
  cl_free(r.heads);
  return status;
}
