#include "query/reader.h"

#include <assert.h>

#include "base/alloc.h"

struct cl_reader {
  struct cl_store *store;
  int64_t id;
  struct cl_log *log; /* null before the first need */
  int64_t lo, hi;     /* of the open log; 0,0 = all */
};

int cl_reader_open(struct cl_store *store, int64_t study, struct cl_reader **ret, struct cl_err *e) {
  struct cl_reader *r = cl_alloc(sizeof *r);
  if (r == NULL) return CL_FAIL_NOMEM(e);
  r->store = store;
  r->id = study;
  *ret = r;
  return 0;
}

void cl_reader_close(struct cl_reader *r) {
  if (r == NULL) return;
  cl_log_close(r->log);
  cl_free(r);
}

struct cl_store *cl_reader_store(const struct cl_reader *r) {
  return r->store;
}

int64_t cl_reader_id(const struct cl_reader *r) {
  return r->id;
}

static bool covers(const struct cl_reader *r, int64_t lo, int64_t hi) {
  if (r->log == NULL) return false;
  if (r->lo == 0 && r->hi == 0) return true;
  if (lo == CL_NO_TRIALS) return true;
  return lo != 0 && r->lo <= lo && hi <= r->hi;
}

int cl_reader_need(struct cl_reader *r, int64_t lo, int64_t hi, const struct cl_study **ret,
                   struct cl_err *e) {
  assert(lo <= hi && lo >= 0);
  if (!covers(r, lo, hi)) {
    struct cl_log *log = NULL;
    CL_TRY(cl_log_open(r->store, r->id, &(struct cl_log_options){.trial_lo = lo, .trial_hi = hi}, &log, e));
    cl_log_close(r->log);
    r->log = log;
    r->lo = lo;
    r->hi = hi;
  }
  assert(covers(r, lo, hi));
  *ret = cl_log_study(r->log);
  return 0;
}

int cl_reader_head(struct cl_reader *r, struct cl_study_head *ret, struct cl_err *e) {
  return cl_store_head(r->store, r->id, ret, e);
}

int cl_reader_follow(struct cl_reader *r, int64_t *ret_n, struct cl_err *e) {
  if (r->log != NULL) return cl_log_follow(r->log, ret_n, e);
  *ret_n = 0;
  return 0;
}

static int take_subject(void *ctx, const struct cl_event *ev) {
  int64_t *trial = ctx;
  if (ev->kind == CL_EVENT_SAVED) *trial = ev->subject;
  return 0;
}

int cl_reader_snapshot_trial(struct cl_reader *r, int64_t position, int64_t *ret, struct cl_err *e) {
  int64_t trial = 0;
  if (position > 0) {
    struct cl_read one = {.after = position - 1, .until = position};
    CL_TRY(cl_store_read(r->store, r->id, &one, take_subject, &trial, e));
  }
  *ret = trial;
  return 0;
}
