#include "store/flaky.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/rng.h"

struct flaky {
  const struct cl_store_ops *inner;
  void *state;
  struct cl_rng rng;
};

/* One in n. */
static bool chance(struct flaky *f, uint64_t n) {
  return cl_rng_below(&f->rng, n) == 0;
}

static int drop(struct cl_err *e) {
  return CL_FAIL(e, CLADE_EIO, "the connection to the store was lost");
}

static int open_around(const struct cl_store_ops *inner, struct flaky *f, const char *path,
                       const struct cl_store_options *options, struct cl_err *e) {
  f->inner = inner;
  f->rng = cl_rng_stream(2385, CL_RNG_USER, 0, 0);
  f->state = cl_alloc(inner->state_size);
  if (f->state == NULL) return CL_FAIL_NOMEM(e);
  int status = inner->open(f->state, path, options, e);
  if (status < 0) cl_free(f->state);
  return status;
}

static int open_memory(void *state, const char *path, const struct cl_store_options *options,
                       struct cl_err *e) {
  return open_around(&cl_store_memory, state, path, options, e);
}

static int open_sqlite(void *state, const char *path, const struct cl_store_options *options,
                       struct cl_err *e) {
  return open_around(&cl_store_sqlite, state, path, options, e);
}

static void flaky_close(void *state) {
  struct flaky *f = state;
  f->inner->close(f->state);
  cl_free(f->state);
}

static int flaky_studies(void *state, int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx,
                         struct cl_err *e) {
  struct flaky *f = state;
  return f->inner->studies(f->state, visit, ctx, e);
}

static int flaky_head(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  struct flaky *f = state;
  return chance(f, 13) ? drop(e) : f->inner->head(f->state, study, ret, e);
}

static int flaky_trial_head(void *state, int64_t study, int64_t trial, struct cl_head *ret,
                            struct cl_err *e) {
  struct flaky *f = state;
  return f->inner->trial_head(f->state, study, trial, ret, e);
}

static int flaky_metrics(void *state, int64_t study, int (*visit)(void *ctx, int id, const char *name),
                         void *ctx, struct cl_err *e) {
  struct flaky *f = state;
  return chance(f, 5) ? drop(e) : f->inner->metrics(f->state, study, visit, ctx, e);
}

static int flaky_heads(void *state, int64_t study, struct cl_study_head *ret,
                       int (*visit)(void *ctx, int64_t trial, const struct cl_head *head), void *ctx,
                       struct cl_err *e) {
  struct flaky *f = state;
  return f->inner->heads(f->state, study, ret, visit, ctx, e);
}

static int flaky_pins(void *state, int64_t study, int64_t snapshot, int (*visit)(void *ctx, int64_t trial),
                      void *ctx, struct cl_err *e) {
  struct flaky *f = state;
  return chance(f, 3) ? drop(e) : f->inner->pins(f->state, study, snapshot, visit, ctx, e);
}

static int flaky_begin(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e) {
  struct flaky *f = state;
  return chance(f, 11) ? drop(e) : f->inner->begin(f->state, study, ret, e);
}

static int flaky_add_study(void *state, const struct cl_event *created, int64_t *ret, struct cl_err *e) {
  struct flaky *f = state;
  return f->inner->add_study(f->state, created, ret, e);
}

static int flaky_name_metric(void *state, int64_t study, const char *name, int guess, int *ret,
                             struct cl_err *e) {
  struct flaky *f = state;
  return chance(f, 23) ? drop(e) : f->inner->name_metric(f->state, study, name, guess, ret, e);
}

static int flaky_add(void *state, int64_t study, const struct cl_event *ev, struct cl_err *e) {
  struct flaky *f = state;
  return chance(f, 17) ? drop(e) : f->inner->add(f->state, study, ev, e);
}

static int flaky_commit(void *state, int64_t study, const struct cl_study_head *head,
                        const struct cl_heads *changed, struct cl_err *e) {
  struct flaky *f = state;
  if (chance(f, 9)) {
    f->inner->rollback(f->state);
    return drop(e);
  }
  int status = f->inner->commit(f->state, study, head, changed, e);
  return status == 0 && chance(f, 9) ? drop(e) : status;
}

static void flaky_rollback(void *state) {
  struct flaky *f = state;
  f->inner->rollback(f->state);
}

static int flaky_find(void *state, int64_t study, const struct cl_event *ev, int64_t *ret, struct cl_err *e) {
  struct flaky *f = state;
  return chance(f, 7) ? drop(e) : f->inner->find(f->state, study, ev, ret, e);
}

static int flaky_count(void *state, int64_t study, int64_t trial, int attempt, int64_t *ret,
                       struct cl_err *e) {
  struct flaky *f = state;
  return f->inner->count_reports(f->state, study, trial, attempt, ret, e);
}

struct showing {
  cl_event_visit *visit;
  void *ctx;
  uint64_t hidden, seen; /* the event that is not visible yet, counted from 1; 0 = none */
  bool hides_the_rest, drops;
  struct cl_err *e;
};

static int show(void *ctx, const struct cl_event *ev) {
  struct showing *s = ctx;
  if (++s->seen == s->hidden) {
    if (s->drops) return drop(s->e);
    return s->hides_the_rest ? CLADE_STOP : 0;
  }
  return s->visit(s->ctx, ev);
}

static int flaky_read(void *state, int64_t study, const struct cl_read *what, cl_event_visit *visit,
                      void *ctx, struct cl_err *e) {
  struct flaky *f = state;
  struct showing s = {.visit = visit, .ctx = ctx, .e = e};
  bool whole = what->trial_lo == 0 && !what->skip_known_reports; /* only there a hole can be noticed */
  if (chance(f, 2)) s.hidden = 1 + cl_rng_below(&f->rng, 8);
  s.hides_the_rest = chance(f, 2);
  s.drops = !whole || chance(f, 4);
  if (!whole && chance(f, 2)) s.hidden = 0;
  int status = f->inner->read(f->state, study, what, show, &s, e);
  return status == CLADE_STOP && s.hidden != 0 && s.seen == s.hidden ? 0 : status;
}

static int flaky_read_reports(void *state, int64_t study, int64_t trial, cl_event_visit *visit, void *ctx,
                              struct cl_err *e) {
  struct flaky *f = state;
  return chance(f, 3) ? drop(e) : f->inner->read_reports(f->state, study, trial, visit, ctx, e);
}

static int flaky_lease(void *state, int64_t study, int (*change)(void *ctx, struct cl_lease *row), void *ctx,
                       struct cl_lease *ret, struct cl_err *e) {
  struct flaky *f = state;
  return f->inner->lease(f->state, study, change, ctx, ret, e);
}

static int flaky_remove(void *state, int64_t study, struct cl_err *e) {
  struct flaky *f = state;
  return f->inner->remove(f->state, study, e);
}

#define FLAKY(word, opener) \
  { \
    .abi = sizeof(struct cl_store_ops), .name = word, .summary = "fails now and then", \
    .state_size = sizeof(struct flaky), .heads_kept = 2, .open = opener, .close = flaky_close, \
    .studies = flaky_studies, .head = flaky_head, .trial_head = flaky_trial_head, .metrics = flaky_metrics, \
    .heads = flaky_heads, .pins = flaky_pins, .begin = flaky_begin, .add_study = flaky_add_study, \
    .name_metric = flaky_name_metric, .add = flaky_add, .commit = flaky_commit, .rollback = flaky_rollback, \
    .find = flaky_find, .count_reports = flaky_count, .read = flaky_read, \
    .read_reports = flaky_read_reports, .lease = flaky_lease, .remove = flaky_remove \
  }

const struct cl_store_ops cl_flaky_memory = FLAKY("flaky memory", open_memory);
const struct cl_store_ops cl_flaky_sqlite = FLAKY("flaky sqlite", open_sqlite);

int cl_flaky_open(const struct cl_store_ops *ops, const char *path, const struct cl_store_options *options,
                  struct cl_store **ret, struct cl_err *e) {
  return cl_store_open_ops(ops, path, options, ret, e);
}
