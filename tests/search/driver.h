/* A study driven by hand: events go to a replica and a searcher, and are kept, so that they can be replayed.
 */
#ifndef CL_TEST_DRIVER_H
#define CL_TEST_DRIVER_H

#include "../model/cmocka_all.h"
#include "../model/spaces.h"
#include "base/alloc.h"
#include "search/searcher.h"

struct driver {
  struct cl_study *study;
  struct cl_searcher *searcher;
  struct cl_event **log; /* copies */
  size_t n, cap;
};

static inline void driver_apply(struct driver *d, struct cl_event ev) {
  struct cl_err e = {0};
  ev.position = (int64_t)d->n + 1;
  assert_int_equal(cl_grow(&d->log, &d->cap, d->n + 1, sizeof(struct cl_event *)), 0);
  struct cl_event *copy = cl_event_copy(&ev);
  assert_non_null(copy);
  d->log[d->n++] = copy;
  if (cl_study_apply(d->study, copy, &e) < 0) fail_msg("%s", e.text);
  if (d->searcher != NULL && cl_searcher_apply(d->searcher, copy, &e) < 0) fail_msg("%s", e.text);
}

/* `hyperparameters`: the inside of the JSON array; `more`: further keys, each ", \"key\": …". */
static inline struct driver driver_begin_goal(const char *goal, const char *hyperparameters, const char *more,
                                              int64_t seed) {
  struct driver d = {0};
  struct cl_text t = {0};
  cl_text_format(&t,
                 "{\"study\": \"s\", \"objectives\": [{\"name\": \"y\", \"goal\": \"%s\"}], "
                 "\"hyperparameters\": [%s]%s}",
                 goal, hyperparameters, more);
  assert_int_equal(cl_study_create(&d.study, NULL), 0);
  assert_int_equal(cl_searcher_create(d.study, &d.searcher, NULL), 0);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = "s";
  ev.u.created.uuid = "u";
  ev.u.created.settings = cl_text_get(&t);
  ev.u.created.directory = "/tmp/s";
  ev.u.created.seed = seed;
  driver_apply(&d, ev);
  cl_text_done(&t);
  return d;
}

static inline struct driver driver_begin(const char *hyperparameters, const char *more, int64_t seed) {
  return driver_begin_goal("maximize", hyperparameters, more, seed);
}

static inline void driver_end(struct driver *d) {
  cl_searcher_destroy(d->searcher);
  cl_study_destroy(d->study);
  for (size_t i = 0; i < d->n; i++) cl_free(d->log[i]);
  cl_free(d->log);
}

/* The status of the searcher; when 0, the proposal has been applied and *ret (may be null) has its values. */
static inline int driver_ask(struct driver *d, struct cl_value *ret) {
  struct cl_event ev = {0};
  struct cl_err e = {0};
  int status = cl_searcher_next(d->searcher, &ev, &e);
  if (status < 0) fail_msg("%s", e.text);
  if (status != 0) return status;
  assert_int_equal(cl_event_check(&ev, &e), 0);
  driver_apply(d, ev);
  if (ret != NULL) cl_trial_values(d->study, cl_study_trial(d->study, ev.subject), ret);
  return 0;
}

static inline const struct cl_head *driver_head(const struct driver *d, int64_t trial) {
  return &cl_study_trial(d->study, trial)->head;
}

static inline void driver_start(struct driver *d, int64_t trial) {
  const struct cl_head *h = driver_head(d, trial);
  struct cl_event ev = {
      .kind = CL_EVENT_STARTED, .subject = trial, .attempt = h->attempt + 1, .seen = h->version};
  ev.cause = CL_CAUSE_CLAIM;
  ev.u.started.worker = 1;
  ev.u.started.until = CL_NO_STEP;
  driver_apply(d, ev);
}

/* Starts it if it waits, and ends it with this score; NaN: DIVERGED. */
static inline void driver_finish(struct driver *d, int64_t trial, double score) {
  if (driver_head(d, trial)->state == CL_WAITING) driver_start(d, trial);
  struct cl_event ev = {.kind = CL_EVENT_ENDED, .subject = trial, .attempt = driver_head(d, trial)->attempt};
  ev.u.ended.known = true;
  ev.u.ended.objectives.n = 1;
  ev.u.ended.objectives.items = &score;
  driver_apply(d, ev);
}

/* Its process exits with status 1. */
static inline void driver_fail(struct driver *d, int64_t trial) {
  if (driver_head(d, trial)->state == CL_WAITING) driver_start(d, trial);
  struct cl_event ev = {.kind = CL_EVENT_ENDED, .subject = trial, .attempt = driver_head(d, trial)->attempt};
  ev.u.ended.known = true;
  ev.u.ended.status = 1;
  driver_apply(d, ev);
}

static inline int64_t driver_trials(const struct driver *d) {
  return cl_study_trials(d->study);
}

/* Every proposal of the log, recomputed from a replica at its as_of: all must be equal. */
static inline void driver_verify_all(const struct driver *d) {
  struct cl_study *study = NULL;
  assert_int_equal(cl_study_create(&study, NULL), 0);
  for (size_t i = 0; i < d->n; i++) {
    const struct cl_event *ev = d->log[i];
    if (ev->kind == CL_EVENT_PROPOSED && ev->cause <= CL_CAUSE_ENQUEUE) {
      struct cl_text text = {0};
      struct cl_err e = {0};
      bool same = false;
      assert_int_equal(ev->as_of, ev->position - 1);
      if (cl_searcher_verify(study, ev, &same, &text, &e) < 0) fail_msg("%s", e.text);
      if (!same) fail_msg("trial %lld: %s", (long long)ev->subject, cl_text_get(&text));
      cl_text_done(&text);
    }
    assert_int_equal(cl_study_apply(study, ev, NULL), 0);
  }
  cl_study_destroy(study);
}

#endif
