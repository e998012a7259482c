#include "query/verify.h"

#include <assert.h>

#include "schedule/scheduler.h"
#include "search/searcher.h"

int cl_verify_proposal(struct cl_reader *r, const struct cl_event *ev, struct cl_text *ret,
                       struct cl_err *e) {
  struct cl_log *log = NULL;
  struct cl_err why = {0};
  bool same = false;
  if (ev->kind != CL_EVENT_PROPOSED) {
    cl_text_add(ret, "there is nothing to recompute: the trial was imported\n");
    return 0;
  }
  if (ev->as_of < 1) {
    cl_text_add(ret, "there is nothing to recompute: the decision does not say what it knew\n");
    return 0;
  }
  struct cl_log_options options = {.full = true, .until = ev->as_of};
  CL_TRY(cl_log_open(cl_reader_store(r), cl_reader_id(r), &options, &log, e));
  int status = cl_searcher_verify(cl_log_study(log), ev, &same, ret, &why);
  if (status == CLADE_EUNSUPPORTED) {
    cl_text_format(ret, "there is nothing to recompute: %s\n", why.text);
    status = 0;
  }
  if (status < 0) status = CL_FAIL(e, why.code, "%s", why.text);
  cl_log_close(log);
  return status;
}

/* Rulings: the log is folded, and where it stands as a ruling saw it, that one is asked for again. */

struct audit {
  struct cl_study *study;
  struct cl_scheduler *scheduler;
  struct cl_event *const *rulings;
  size_t n, next;
  struct cl_text *ret;
  struct cl_err *e;
};

static int ask_again(struct audit *a, int64_t position) {
  for (; a->next < a->n && a->rulings[a->next]->as_of <= position; a->next++) {
    struct cl_text *ret = &a->ret[a->next];
    struct cl_err why = {0};
    int status = a->rulings[a->next]->as_of < position
                     ? CL_FAIL(&why, CLADE_EUNSUPPORTED, "the decision does not say what it knew")
                     : cl_scheduler_verify(a->scheduler, a->rulings[a->next], ret, &why);
    if (status == CLADE_EUNSUPPORTED)
      cl_text_format(ret, "there is nothing to recompute: %s\n", why.text);
    else if (status < 0)
      return CL_FAIL(a->e, why.code, "%s", why.text);
  }
  return 0;
}

static int audit_event(void *ctx, const struct cl_event *ev) {
  struct audit *a = ctx;
  assert(a->study != NULL && a->scheduler != NULL && a->next <= a->n);
  CL_TRY(cl_study_apply(a->study, ev, a->e));
  CL_TRY(cl_scheduler_apply(a->scheduler, ev, a->e));
  return ask_again(a, ev->position);
}

int cl_verify_rulings(struct cl_reader *r, struct cl_event *const *rulings, size_t n, struct cl_text *ret,
                      struct cl_err *e) {
  struct audit a = {.rulings = rulings, .n = n, .ret = ret, .e = e};
  if (n == 0) return 0;
  assert(rulings[0]->as_of <= rulings[n - 1]->as_of); /* in the order of the log */
  const struct cl_read all = {.until = rulings[n - 1]->as_of};
  CL_TRY(cl_study_create(&a.study, e));
  int status = cl_scheduler_create(a.study, &a.scheduler, e);
  if (status == 0) status = cl_store_read(cl_reader_store(r), cl_reader_id(r), &all, audit_event, &a, e);
  cl_scheduler_destroy(a.scheduler);
  cl_study_destroy(a.study);
  return status;
}
