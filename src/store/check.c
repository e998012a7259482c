/* Comparing the mutable tables with a replay of the log, and writing them again from it. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "store/store_ops.h"

enum {
  STUCK_MAX = 1000,          /* reads without the next event, although there are later ones */
  WRITTEN_AT_A_TIME = 10000, /* heads, in one commit */
  OVERTAKEN_MAX = 100        /* times in a row that others have appended between reading and writing */
};

struct replay {
  struct cl_study_head head;
  struct cl_head *heads; /* by trial */
  int64_t *last;         /* by trial: position of the last event on it */
  size_t n, cap, cap_last;
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
    if (cl_grow(&r->heads, &r->cap, need, sizeof *r->heads) < 0 ||
        cl_grow(&r->last, &r->cap_last, need, sizeof *r->last) < 0)
      return CL_FAIL_NOMEM(r->e);
    memset(r->heads + r->n, 0, (need - r->n) * sizeof *r->heads);
    r->n = need;
  }
  r->last[ev->subject] = ev->position;
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

static int no_event(const struct cl_store *s, int64_t study, int64_t position, struct cl_err *e) {
  return CL_FAIL(e, CLADE_ECORRUPT, "event %lld of study number %lld is missing in %s", (long long)position,
                 (long long)study, s->address);
}

static int compare(struct cl_store *s, int64_t study, struct replay *r, struct cl_err *e) {
  struct cl_study_head head;
  /* Others may append meanwhile: read on until the heads are those of the position that was replayed. */
  int64_t stuck = 0, before;
  do {
    before = r->head.position;
    r->n_seen = 0;
    r->difference[0] = '\0';
    CL_TRY(read_on(s, study, r, e));
    stuck = r->head.position > before ? 0 : stuck + 1;
    if (stuck > STUCK_MAX) return no_event(s, study, before + 1, e);
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
  return CL_FAIL(
      e, CLADE_ECORRUPT,
      "the heads of study number %lld in %s differ from its log: %s; `clade check STUDY --repair` writes "
      "them again",
      (long long)study, s->address, r->difference);
}

static void destroy_replay(struct replay *r) {
  cl_free(r->heads);
  cl_free(r->last);
}

int cl_store_check(struct cl_store *s, int64_t study, struct cl_err *e) {
  struct replay r = {.e = e};
  CL_TRY(cl_store_check_idle(s, e));
  int status = compare(s, study, &r, e);
  destroy_replay(&r);
  return status;
}

/* Repairing. */

/* The heads of trials from `from` on as ones that nobody has stored yet. */
static int list_heads(const struct replay *r, int64_t from, struct cl_heads *ret, struct cl_err *e) {
  assert(from >= 1);
  cl_heads_clear(ret);
  for (int64_t trial = from; trial < from + WRITTEN_AT_A_TIME && (size_t)trial < r->n; trial++) {
    struct cl_heads_entry *entry = NULL;
    CL_TRY(cl_heads_add(ret, trial, NULL, &entry, e));
    entry->head = r->heads[trial];
    entry->last = r->last[trial];
    CL_TRY(cl_heads_mark(ret, entry, e));
  }
  return 0;
}

/* CLADE_ESTALE: others have appended since the log was read. */
static int write_heads(struct cl_store *s, int64_t study, const struct replay *r,
                       const struct cl_heads *heads, struct cl_err *e) {
  struct cl_study_head head = {0};
  CL_TRY(s->ops->begin(s->state, study, &head, e));
  int status = s->ops->confirm == NULL ? 0 : s->ops->confirm(s->state, e);
  if (status == 0 && head.position != r->head.position) status = CLADE_ESTALE;
  if (status == 0) status = s->ops->commit(s->state, study, &r->head, heads, e);
  if (status < 0) s->ops->rollback(s->state);
  return status;
}

static int repair_from(struct cl_store *s, int64_t study, struct replay *r, int64_t from,
                       struct cl_heads *heads, struct cl_err *e) {
  int status = CLADE_ESTALE, mends = 0;
  int64_t before = r->head.position;
  for (int i = 0; i < OVERTAKEN_MAX && status == CLADE_ESTALE; i++) {
    if (i == 1) before = r->head.position; /* from here on it is what others have added */
    CL_TRY(read_on(s, study, r, e));
    CL_TRY(list_heads(r, from, heads, e));
    do status = write_heads(s, study, r, heads, e);
    while (cl_store_mend(s, &status, &mends, e));
  }
  if (status != CLADE_ESTALE) return status;
  if (r->head.position == before) return no_event(s, study, before + 1, e);
  return CL_FAIL(
      e, CLADE_EBUSY,
      "study number %lld in %s is written to without a pause: stop its engines (`clade stop`), and "
      "repair it then",
      (long long)study, s->address);
}

/* Written even where nothing differs: a look first would go on for as long as others append. */
int cl_store_repair(struct cl_store *s, int64_t study, struct cl_err *e) {
  struct replay r = {.e = e};
  struct cl_heads heads = {0};
  int64_t from = 1;
  int status = cl_store_check_writable(s, e);
  s->study = 0; /* the heads that are kept may be wrong */
  for (; status == 0 && (from == 1 || (size_t)from < r.n); from += WRITTEN_AT_A_TIME)
    status = repair_from(s, study, &r, from, &heads, e);
  if (status == 0) status = compare(s, study, &r, e);
  cl_heads_done(&heads);
  destroy_replay(&r);
  return status;
}
